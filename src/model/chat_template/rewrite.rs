//! A template with Python's meaning written out: every operator, attribute and method that the engine and Python
//! understand differently becomes a filter of ours. Statements keep their lines.

use minijinja::machinery::ast::{Expr, IfCond, Stmt};
use minijinja::machinery::{Span, parse};
use minijinja::syntax::SyntaxConfig;

use super::rewrite_expr::expression;

/// Takes a source without white space control.
pub fn rewrite(source: &str, name: &str, syntax: SyntaxConfig) -> Result<String, String> {
    let root = parse(source, name, syntax).map_err(|e| e.to_string())?;
    let mut writer = Writer { out: String::with_capacity(source.len() * 2), line: 1, is_in_loop: false };
    match &root {
        Stmt::Template(template) => writer.statements(&template.children)?,
        other => writer.statement(other)?,
    }
    Ok(writer.out)
}

struct Writer {
    out: String,
    line: u16,
    /// Whether `break` and `continue` leave nothing but `if` blocks on their way.
    is_in_loop: bool,
}

type Written = Result<(), String>;

impl Writer {
    fn statements(&mut self, statements: &[Stmt<'_>]) -> Written {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    /// Statements of a block that `break` can't leave: the engine doesn't take such a block down.
    fn closed(&mut self, statements: &[Stmt<'_>]) -> Written {
        let outer = std::mem::replace(&mut self.is_in_loop, false);
        let written = self.statements(statements);
        self.is_in_loop = outer;
        written
    }

    fn statement(&mut self, statement: &Stmt<'_>) -> Written {
        match statement {
            Stmt::Template(template) => self.statements(&template.children)?,
            Stmt::EmitRaw(raw) => self.text(raw.raw),
            Stmt::EmitExpr(emitted) => {
                self.open("{{", emitted.span());
                self.out.push_str(&expression(&emitted.expr)?);
                self.out.push_str(" }}");
            }
            Stmt::IfCond(condition) => {
                self.condition("if", condition, condition.span())?;
                self.out.push_str("{% endif %}");
            }
            Stmt::ForLoop(looped) => {
                let mut head = format!("for {} in {}|py_iter", target(&looped.target)?, expression(&looped.iter)?);
                if let Some(filter) = &looped.filter_expr {
                    head += &format!(" if {}", expression(filter)?);
                }
                head += if looped.recursive { " recursive" } else { "" };
                self.tag(&head, looped.span());
                let outer = std::mem::replace(&mut self.is_in_loop, true);
                self.statements(&looped.body)?;
                self.is_in_loop = outer;
                if !looped.else_body.is_empty() {
                    self.out.push_str("{% else %}");
                    self.statements(&looped.else_body)?;
                }
                self.out.push_str("{% endfor %}");
            }
            Stmt::WithBlock(block) => {
                // No value sees the names before it.
                let names: Result<Vec<_>, String> = block.assignments.iter().map(|(name, _)| target(name)).collect();
                let names = names?;
                let values: Result<Vec<_>, String> =
                    block.assignments.iter().map(|(_, value)| expression(value)).collect();
                let values = values?;
                let assigned = |name: &dyn Fn(usize) -> String, value: &dyn Fn(usize) -> String| {
                    (0..names.len()).map(|at| format!("{}={}", name(at), value(at))).collect::<Vec<_>>().join(", ")
                };
                let held = |at: usize| format!("py_with_{at}");
                self.tag(&format!("with {}", assigned(&held, &|at| values[at].clone())), block.span());
                self.out.push_str(&format!("{{% with {} %}}", assigned(&|at| names[at].clone(), &held)));
                self.closed(&block.body)?;
                self.out.push_str("{% endwith %}{% endwith %}");
            }
            Stmt::Set(set) => self.set(&set.target, &expression(&set.expr)?, set.span())?,
            Stmt::SetBlock(set) => {
                let filter = set.filter.as_ref().map(filters).transpose()?;
                let filter = filter.map(|filter| format!("|{filter}")).unwrap_or_default();
                let is_attribute = matches!(set.target, Expr::GetAttr(_));
                let name = if is_attribute { "py_block".to_owned() } else { target(&set.target)? };
                self.tag(&format!("set {name}{filter}"), set.span());
                self.scoped(&set.body)?;
                self.out.push_str("{% endset %}");
                if is_attribute {
                    self.set(&set.target, "py_block", set.span())?;
                }
            }
            Stmt::FilterBlock(block) => {
                self.tag(&format!("filter {}", filters(&block.filter)?), block.span());
                self.scoped(&block.body)?;
                self.out.push_str("{% endfilter %}");
            }
            Stmt::Macro(declared) => {
                let (names, filled) = parameters(&declared.args, &declared.defaults)?;
                self.tag(&format!("macro {}({names})", declared.name), declared.span());
                self.out.push_str(&filled);
                self.closed(&declared.body)?;
                self.out.push_str("{% endmacro %}");
            }
            Stmt::CallBlock(block) => {
                let called = super::rewrite_expr::call(&block.call)?;
                if called.contains("|py_call(") {
                    return Err("a call block can't call a method".to_owned());
                }
                let (names, filled) = parameters(&block.macro_decl.args, &block.macro_decl.defaults)?;
                self.tag(&format!("call({names}) {called}"), block.span());
                self.out.push_str(&filled);
                self.closed(&block.macro_decl.body)?;
                self.out.push_str("{% endcall %}");
            }
            Stmt::Break(place) => self.leave("break", place.span())?,
            Stmt::Continue(place) => self.leave("continue", place.span())?,
            Stmt::AutoEscape(place) => return Err(unknown("autoescape", place.span())),
            Stmt::Block(place) => return Err(unknown("block", place.span())),
            Stmt::Import(place) => return Err(unknown("import", place.span())),
            Stmt::FromImport(place) => return Err(unknown("from", place.span())),
            Stmt::Extends(place) => return Err(unknown("extends", place.span())),
            Stmt::Include(place) => return Err(unknown("include", place.span())),
            Stmt::Do(place) => return Err(unknown("do", place.span())),
        }
        Ok(())
    }

    /// A body whose variables don't leave it; the engine would let them.
    fn scoped(&mut self, body: &[Stmt<'_>]) -> Written {
        self.out.push_str("{% with %}");
        self.closed(body)?;
        self.out.push_str("{% endwith %}");
        Ok(())
    }

    fn condition(&mut self, word: &str, condition: &IfCond<'_>, span: Span) -> Written {
        self.tag(&format!("{word} {}", expression(&condition.expr)?), span);
        self.statements(&condition.true_body)?;
        match condition.false_body.as_slice() {
            [] => Ok(()),
            [Stmt::IfCond(next)] => self.condition("elif", next, next.span()),
            others => {
                self.out.push_str("{% else %}");
                self.statements(others)
            }
        }
    }

    fn set(&mut self, to: &Expr<'_>, value: &str, span: Span) -> Written {
        if let Expr::GetAttr(attribute) = to {
            let object = expression(&attribute.expr)?;
            self.open("{{", span);
            self.out.push_str(&format!("{object}|py_set(\"{}\", {value}) }}}}", attribute.name));
            return Ok(());
        }
        self.tag(&format!("set {} = {value}", target(to)?), span);
        Ok(())
    }

    fn leave(&mut self, word: &str, span: Span) -> Written {
        if !self.is_in_loop {
            let line = span.start_line;
            return Err(format!("{word} in line {line} would leave a block that only ends by itself"));
        }
        self.tag(word, span);
        Ok(())
    }

    fn tag(&mut self, inner: &str, span: Span) {
        self.open("{%", span);
        self.out.push_str(inner);
        self.out.push_str(" %}");
    }

    /// Begins a tag in the line in which it was.
    fn open(&mut self, delimiter: &str, span: Span) {
        self.out.push_str(delimiter);
        self.out.push(' ');
        while self.line < span.start_line {
            self.out.push('\n');
            self.line += 1;
        }
    }

    fn text(&mut self, text: &str) {
        self.line = self.line.saturating_add(u16::try_from(text.matches('\n').count()).unwrap_or(u16::MAX));
        let opens_tag = ["{{", "{%", "{#"].iter().any(|open| text.contains(open)) || text.ends_with('{');
        if opens_tag {
            // As a text in an expression, line by line, so that the lines stay.
            for line in text.split_inclusive('\n') {
                let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
                self.out.push_str(&format!("{{{{ {} }}}}{end}", super::rewrite_expr::quoted(line)));
            }
        } else {
            self.out.push_str(text);
        }
    }
}

fn unknown(tag: &str, span: Span) -> String {
    format!("chat templates don't know the tag {tag}, which is in line {}", span.start_line)
}

/// Names that values are given to.
fn target(target: &Expr<'_>) -> Result<String, String> {
    let several = |items: &[Expr<'_>]| {
        let names: Result<Vec<_>, String> = items.iter().map(self::target).collect();
        names.map(|names| format!("({},)", names.join(", ")))
    };
    match target {
        Expr::Var(name) => Ok(name.id.to_owned()),
        Expr::List(list) => several(&list.items),
        Expr::Tuple(tuple) => several(&tuple.items),
        other => Err(format!("a value can't be given to this {}", other.description())),
    }
}

/// A macro's parameters, and the tags that fill those that aren't given, one after another.
fn parameters(names: &[Expr<'_>], defaults: &[Expr<'_>]) -> Result<(String, String), String> {
    let num_without = names.len().saturating_sub(defaults.len());
    let mut filled = String::new();
    let mut written = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let name = target(name)?;
        let default = at.checked_sub(num_without).and_then(|at| defaults.get(at));
        let given = format!("{name}|py_parameter");
        filled += &match default {
            Some(default) => {
                format!("{{% set {name} = {} if {name} is undefined else {given} %}}", expression(default)?)
            }
            None => format!("{{% set {name} = {given} %}}"),
        };
        written.push(name);
    }
    Ok((written.join(", "), filled))
}

/// A chain of filters that has no value yet.
fn filters(chain: &Expr<'_>) -> Result<String, String> {
    let Expr::Filter(filter) = chain else { return Err("a block is filtered by filters only".to_owned()) };
    let this = super::rewrite_expr::named(filter.name, &filter.args)?;
    match &filter.expr {
        Some(before) => Ok(format!("{}|{this}", filters(before)?)),
        None => Ok(this),
    }
}
