//! White space as Jinja2 keeps and drops it (`trim_blocks`, `lstrip_blocks`, `-` and `+`), written out: the result means
//! the same to an engine that trims nothing. Line numbers stay what they were.

use std::borrow::Cow;
use std::ops::Range;

use super::generation;
use super::rewrite_expr::quoted;
use super::scan::{Kind, Tag, Token, tags, tokens};

/// A source without white space control, and whether it has `{% generation %}` blocks.
pub struct Resolved {
    pub source: String,
    pub has_generations: bool,
}

/// Takes a source with `\n` as its only line end.
pub fn resolve(source: &str) -> Result<Resolved, String> {
    // Jinja2 drops one line end at the very end.
    let source = source.strip_suffix('\n').unwrap_or(source);
    let mut out = Writer { out: String::with_capacity(source.len() + 64), num_dropped_lines: 0 };
    let mut has_generations = false;
    let mut from = 0;
    let mut is_line_start = true;
    for tag in tags(source) {
        // Jinja2 lets a comment go that begins where the source ends.
        if tag.inner.end == source.len() && (tag.kind != Kind::Comment || !tag.inner.is_empty()) {
            let line = source[..tag.whole.start].matches('\n').count() + 1;
            return Err(format!("the tag in line {line} has no end"));
        }
        let text = &source[from..tag.whole.start];
        let kept = before_tag(text, sign_at(source, tag.whole.start + 2), tag.kind, is_line_start);
        out.text(kept);
        out.drop_lines(&text[kept.len()..]);
        from = behind_tag(source, &tag);
        is_line_start = source[..from].ends_with('\n') && from > 0;
        match tag.kind {
            Kind::Comment => out.drop_lines(&source[tag.whole.start..from]),
            Kind::Raw => out.raw(source, &tag, from),
            Kind::Variable => out.tag("{{", &source[tag.inner.clone()], "}}", &source[tag.inner.end..from]),
            Kind::Block => {
                let inner = match generation_tag(source, &tag.inner) {
                    Some(inner) => {
                        has_generations = true;
                        inner
                    }
                    None => &source[tag.inner.clone()],
                };
                out.tag("{%", inner, "%}", &source[tag.inner.end..from]);
            }
        }
    }
    out.text(&source[from.min(source.len())..]);
    Ok(Resolved { source: out.out, has_generations })
}

/// What is written in the tag instead, if it is one of the generation tags.
fn generation_tag(source: &str, inner: &Range<usize>) -> Option<&'static str> {
    match tokens(source, inner).as_slice() {
        [(Token::Name("generation"), _)] => Some(generation::OPEN),
        [(Token::Name("endgeneration"), _)] => Some(generation::CLOSE),
        _ => None,
    }
}

/// Python's `str.isspace`.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

fn sign_at(source: &str, at: usize) -> Option<u8> {
    source.as_bytes().get(at).copied().filter(|c| matches!(c, b'-' | b'+'))
}

/// What a tag leaves of the text before it.
fn before_tag(text: &str, sign: Option<u8>, kind: Kind, is_line_start: bool) -> &str {
    match sign {
        Some(b'-') => text.trim_end_matches(is_space),
        None if kind != Kind::Variable => {
            let line = text.rfind('\n').map_or(0, |at| at + 1);
            let is_indentation = text[line..].chars().all(is_space);
            if (line > 0 || is_line_start) && is_indentation { &text[..line] } else { text }
        }
        _ => text,
    }
}

/// Where the text after a tag begins.
fn behind_tag(source: &str, tag: &Tag) -> usize {
    let end = tag.whole.end;
    let rest = &source[end..];
    // The sign before the closing delimiter.
    match end.checked_sub(3).and_then(|at| sign_at(source, at)).filter(|_| end - 3 >= tag.inner.start) {
        Some(b'-') => source.len() - rest.trim_start_matches(is_space).len(),
        None if tag.kind != Kind::Variable && rest.starts_with('\n') => end + 1,
        _ => end,
    }
}

/// A tag's inner part with texts that mean to the engine what they mean to Python: its escapes differ, and it joins two
/// texts beside each other.
fn texts_as_in_python(inner: &str) -> Cow<'_, str> {
    let tokens = tokens(inner, &(0..inner.len()));
    let is_text = |token: &Token<'_>| matches!(token, Token::Text(_));
    let has_two = tokens.windows(2).any(|pair| is_text(&pair[0].0) && is_text(&pair[1].0));
    if !has_two && !inner.contains('\\') {
        return inner.into();
    }
    let mut out = String::with_capacity(inner.len());
    let mut end = 0;
    let mut tokens = tokens.into_iter().peekable();
    while let Some((token, range)) = tokens.next() {
        let Token::Text(text) = token else { continue };
        out.push_str(&inner[end..range.start]);
        end = range.end;
        let mut decoded = unescaped(text);
        let mut num_lines = text.matches('\n').count();
        while let Some((Token::Text(next), next_range)) = tokens.next_if(|(token, _)| is_text(token)) {
            decoded = decoded.zip(unescaped(next)).map(|(text, next)| text + &next);
            num_lines += inner[end..next_range.end].matches('\n').count();
            end = next_range.end;
        }
        // An escape that isn't known here is left to the engine, which refuses it.
        out.push_str(&decoded.map_or("'\\u'".to_owned(), |text| quoted(&text)));
        out.extend(std::iter::repeat_n('\n', num_lines));
    }
    out.push_str(&inner[end..]);
    out.into()
}

/// What a quoted text means to Python. `None` for names of characters and for halves of surrogate pairs.
fn unescaped(text: &str) -> Option<String> {
    let mut chars = text.get(1..text.len().checked_sub(1)?)?.chars().peekable();
    let mut out = String::new();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let escape = chars.next()?;
        let num_digits = match escape {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        match escape {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'a' => out.push('\u{7}'),
            'b' => out.push('\u{8}'),
            'v' => out.push('\u{b}'),
            'f' => out.push('\u{c}'),
            '\\' | '\'' | '"' => out.push(escape),
            '\n' => {}
            'N' => return None,
            'x' | 'u' | 'U' => {
                let digits: String = chars.by_ref().take(num_digits).collect();
                out.push(char::from_u32(
                    u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == num_digits)?,
                )?);
            }
            '0'..='7' => {
                let mut digits = String::from(escape);
                while let Some(digit) = chars.next_if(|c| digits.len() < 3 && ('0'..='7').contains(c)) {
                    digits.push(digit);
                }
                out.push(char::from_u32(u32::from_str_radix(&digits, 8).ok()?)?);
            }
            _ => out.extend(['\\', escape]),
        }
    }
    Some(out)
}

struct Writer {
    out: String,
    /// Line ends that were dropped since the last tag.
    num_dropped_lines: usize,
}

impl Writer {
    fn drop_lines(&mut self, dropped: &str) {
        self.num_dropped_lines += dropped.matches('\n').count();
    }

    fn text(&mut self, text: &str) {
        match text.strip_suffix('{') {
            // It must not become a part of what follows.
            Some(before) => {
                self.out.push_str(before);
                self.out.push_str("{{ '{' }}");
            }
            None => self.out.push_str(text),
        }
    }

    /// A tag; the lines that were dropped go into it.
    fn tag(&mut self, open: &str, inner: &str, close: &str, dropped_behind: &str) {
        self.out.push_str(open);
        self.out.push(' ');
        self.out.extend(std::iter::repeat_n('\n', std::mem::take(&mut self.num_dropped_lines)));
        self.out.push_str(&texts_as_in_python(inner));
        self.drop_lines(dropped_behind);
        self.out.extend(std::iter::repeat_n('\n', std::mem::take(&mut self.num_dropped_lines)));
        self.out.push(' ');
        self.out.push_str(close);
    }

    /// A raw block as a whole, whose text ends where the tag's inner part does.
    fn raw(&mut self, source: &str, tag: &Tag, end: usize) {
        let inner = &source[tag.inner.clone()];
        let (head, mut body) = inner.split_once("%}").unwrap_or((inner, ""));
        if head.ends_with('-') {
            body = body.trim_start_matches(is_space);
        }
        let sign = sign_at(source, tag.inner.end + 2);
        let kept = before_tag(body, sign, Kind::Raw, false);
        let all = source[tag.whole.start..end].matches('\n').count();
        if !kept.is_empty() {
            self.out.push_str("{% raw %}");
            self.out.push_str(kept);
            self.out.push_str("{% endraw %}");
        }
        self.num_dropped_lines += all - kept.matches('\n').count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_without_an_end_are_refused() {
        for source in ["a {# b", "{{ a", "{% if a", "{% raw %}{% endraw", "{{ 'a }}"] {
            assert!(resolve(source).is_err(), "{source}");
        }
        assert_eq!(resolve("a {#").unwrap().source, "a ");
        assert_eq!(resolve("{#-#} a").unwrap().source, " a");
    }

    #[test]
    fn white_space_is_written_out() {
        let resolved = |source: &str| resolve(source).unwrap().source;
        assert_eq!(resolved("a\n  {% if x %}\nb\n{% endif %}\n"), "a\n{%  if x \n %}b\n{%  endif  %}");
        assert_eq!(resolved("a {%- if x -%} b {%+ endif +%}\n\n"), "a{%  if x  %}b {%  endif  %}\n");
        assert_eq!(resolved("a {# b\n #}\nc { {{- x -}} }"), "a c {{ '{' }}{{ \n\n x  }}}");
        assert_eq!(resolved(" {% raw %}\n{{ {%- endraw %}"), "{% raw %}\n{{{% endraw %}");
        assert!(resolve("{% generation %}a{%- endgeneration %}").unwrap().has_generations);
        assert!(!resolve("{# {% generation %} #}{{ '{% generation %}' }}").unwrap().has_generations);
    }
}
