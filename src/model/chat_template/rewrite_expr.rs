//! Expressions for [`super::rewrite`]. Each is written so that a filter may follow it.

use minijinja::machinery::ast::{BinOpKind, Call, CallArg, CallType, CompareOpKind, Const, Expr, UnaryOpKind};
use minijinja::value::ValueKind;

use super::methods;
use super::print::float_text;
use super::values::Py;

type Written = Result<String, String>;

/// What is called by its name and isn't a macro.
const FUNCTIONS: &[&str] = &["dict", "loop", "namespace", "raise_exception", "range", "strftime_now"];

pub fn expression(expr: &Expr<'_>) -> Written {
    match expr {
        Expr::Var(name) if name.id == "self" || name.id == "super" => {
            Err(format!("chat templates don't know {}", name.id))
        }
        Expr::Var(name) => Ok(name.id.to_owned()),
        Expr::Const(constant) => written_constant(constant),
        Expr::Slice(slice) => {
            let bound = |bound: &Option<Expr<'_>>| bound.as_ref().map_or(Ok("none".to_owned()), expression);
            let (start, stop, step) = (bound(&slice.start)?, bound(&slice.stop)?, bound(&slice.step)?);
            Ok(format!("{}|py_slice({start}, {stop}, {step})", expression(&slice.expr)?))
        }
        Expr::UnaryOp(unary) => match unary.op {
            UnaryOpKind::Not => Ok(format!("(not {})", expression(&unary.expr)?)),
            UnaryOpKind::Neg => Ok(format!("{}|py_neg", expression(&unary.expr)?)),
        },
        Expr::BinOp(binary) => match binary.op {
            BinOpKind::ScAnd | BinOpKind::ScOr => Ok(format!("({})", chain(expr, binary.op)?)),
            op => {
                let (left, right) = (expression(&binary.left)?, expression(&binary.right)?);
                let name = match op {
                    BinOpKind::Add => "py_add",
                    BinOpKind::Sub => "py_sub",
                    BinOpKind::Mul => "py_mul",
                    BinOpKind::Div => "py_div",
                    BinOpKind::FloorDiv => "py_floor_div",
                    BinOpKind::Rem => "py_rem",
                    BinOpKind::Pow => "py_pow",
                    BinOpKind::Concat => "py_concat",
                    BinOpKind::Eq => return Ok(compared(&left, "eq", &right)),
                    BinOpKind::Ne => return Ok(compared(&left, "ne", &right)),
                    BinOpKind::Lt => return Ok(compared(&left, "lt", &right)),
                    BinOpKind::Lte => return Ok(compared(&left, "le", &right)),
                    BinOpKind::Gt => return Ok(compared(&left, "gt", &right)),
                    BinOpKind::Gte => return Ok(compared(&left, "ge", &right)),
                    BinOpKind::In => return Ok(compared(&left, "in", &right)),
                    BinOpKind::ScAnd | BinOpKind::ScOr => return Err("an operator isn't known".to_owned()),
                };
                Ok(format!("{left}|{name}({right})"))
            }
        },
        Expr::Compare(comparison) => {
            // More than two in a row are compared one after another.
            let mut written = format!("{}|py_compare(", expression(&comparison.expr)?);
            for (at, op) in comparison.ops.iter().enumerate() {
                let comma = if at == 0 { "" } else { ", " };
                written += &format!("{comma}\"{}\", {}", comparison_name(op.op), expression(&op.expr)?);
            }
            Ok(written + ")")
        }
        Expr::IfExpr(choice) => {
            let (test, yes) = (expression(&choice.test_expr)?, expression(&choice.true_expr)?);
            match &choice.false_expr {
                Some(no) => Ok(format!("({yes} if {test} else {})", expression(no)?)),
                None => Ok(format!("({yes} if {test})")),
            }
        }
        Expr::Filter(filter) => {
            let value = filter.expr.as_ref().ok_or("a filter has no value")?;
            Ok(format!("{}|{}", expression(value)?, named(filter.name, &filter.args)?))
        }
        Expr::Test(test) => Ok(format!("({} is {})", expression(&test.expr)?, named(test.name, &test.args)?)),
        Expr::GetAttr(attribute) => {
            let object = expression(&attribute.expr)?;
            match attribute.name {
                name if methods::is_known(name) || !takes_postfix(&attribute.expr) => {
                    Ok(format!("{object}|py_attr(\"{name}\")"))
                }
                name => Ok(format!("{object}.{name}")),
            }
        }
        Expr::GetItem(item) => {
            let (object, key) = (expression(&item.expr)?, expression(&item.subscript_expr)?);
            match &item.subscript_expr {
                Expr::Const(constant) if is_plain_key(constant) && takes_postfix(&item.expr) => {
                    Ok(format!("{object}[{key}]"))
                }
                _ => Ok(format!("{object}|py_item({key})")),
            }
        }
        Expr::Call(called) => call(called),
        Expr::List(list) => guarded(format!("[{}]", all(&list.items)?), &list.items),
        Expr::Tuple(tuple) => guarded(format!("({},)", all(&tuple.items)?).replace("(,)", "()"), &tuple.items),
        Expr::Map(map) => {
            let fields = map.keys.iter().zip(&map.values);
            let fields: Result<Vec<_>, String> =
                fields.map(|(key, value)| Ok(format!("{}: {}", expression(key)?, expression(value)?))).collect();
            // A space keeps the braces from closing or opening a tag.
            guarded(format!("{{ {} }}", fields?.join(", ")), &map.values)
        }
    }
}

/// `a and b and c` without a bracket for each.
fn chain(expr: &Expr<'_>, op: BinOpKind) -> Written {
    let (word, is_same) = match op {
        BinOpKind::ScAnd => ("and", matches!(expr, Expr::BinOp(b) if matches!(b.op, BinOpKind::ScAnd))),
        _ => ("or", matches!(expr, Expr::BinOp(b) if matches!(b.op, BinOpKind::ScOr))),
    };
    match expr {
        Expr::BinOp(binary) if is_same => {
            Ok(format!("{} {word} {}", chain(&binary.left, op)?, expression(&binary.right)?))
        }
        other => expression(other),
    }
}

fn compared(left: &str, name: &str, right: &str) -> String {
    format!("{left}|py_compare(\"{name}\", {right})")
}

fn comparison_name(op: CompareOpKind) -> &'static str {
    match op {
        CompareOpKind::Eq => "eq",
        CompareOpKind::Ne => "ne",
        CompareOpKind::Lt => "lt",
        CompareOpKind::Lte => "le",
        CompareOpKind::Gt => "gt",
        CompareOpKind::Gte => "ge",
        CompareOpKind::In => "in",
        CompareOpKind::NotIn => "notin",
    }
}

/// Lists and dictionaries that hold more than constants may nest others.
fn guarded(written: String, items: &[Expr<'_>]) -> Written {
    let is_flat = items.iter().all(|item| matches!(item, Expr::Const(_)));
    Ok(if is_flat { written } else { written + "|py_new" })
}

fn all(items: &[Expr<'_>]) -> Written {
    items.iter().map(expression).collect::<Result<Vec<_>, _>>().map(|items| items.join(", "))
}

/// Whether what is written for it may be followed by a dot or a bracket, as no filter may.
fn takes_postfix(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::Var(_) | Expr::IfExpr(_) | Expr::Test(_) => true,
        Expr::UnaryOp(unary) => matches!(unary.op, UnaryOpKind::Not),
        Expr::BinOp(binary) => matches!(binary.op, BinOpKind::ScAnd | BinOpKind::ScOr),
        Expr::GetAttr(attribute) => !methods::is_known(attribute.name) && takes_postfix(&attribute.expr),
        Expr::GetItem(item) => {
            let is_plain = matches!(&item.subscript_expr, Expr::Const(constant) if is_plain_key(constant));
            is_plain && takes_postfix(&item.expr)
        }
        Expr::Call(called) => !matches!(called.identify_call(), CallType::Method(_, name) if methods::is_known(name)),
        _ => false,
    }
}

/// A key that no method has for its name, and that the engine looks up as Python does.
fn is_plain_key(constant: &Const) -> bool {
    match Py::of(&constant.value) {
        Py::Text(name) => !methods::is_known(name),
        Py::Int(_) => true,
        _ => false,
    }
}

pub fn call(called: &Call<'_>) -> Written {
    let kind = called.identify_call();
    let is_for_macro = match &kind {
        CallType::Function(name) => !FUNCTIONS.contains(name),
        CallType::Object(_) => true,
        CallType::Method(..) | CallType::Block(_) => false,
    };
    // Once only: each of them may hold as deep a call.
    let arguments = arguments(&called.args, is_for_macro)?;
    match kind {
        CallType::Function("super") => Err("chat templates don't know super".to_owned()),
        CallType::Function(name) => Ok(format!("{name}({arguments})")),
        CallType::Method(object, name) if methods::is_known(name) => {
            let comma = if arguments.is_empty() { "" } else { ", " };
            Ok(format!("{}|py_call(\"{name}\"{comma}{arguments})", expression(object)?))
        }
        CallType::Method(object, name) => {
            if name.starts_with('_') {
                return Err(format!("chat templates may not call {name}"));
            }
            Ok(format!("({}).{name}({arguments})", expression(object)?))
        }
        CallType::Block(_) => Err("chat templates don't know self".to_owned()),
        CallType::Object(object) => Ok(format!("({})({arguments})", expression(object)?)),
    }
}

/// A filter or test with its arguments.
pub fn named(name: &str, args: &[CallArg<'_>]) -> Written {
    if name.starts_with("py_") {
        return Err(format!("{name} isn't known"));
    }
    let arguments = arguments(args, false)?;
    Ok(if arguments.is_empty() { name.to_owned() } else { format!("{name}({arguments})") })
}

/// Macros are to know what they are given and what not.
fn arguments(args: &[CallArg<'_>], is_for_macro: bool) -> Written {
    let one = |value: &Expr<'_>| {
        let is_defined = matches!(value, Expr::Const(_) | Expr::List(_) | Expr::Map(_));
        expression(value).map(|written| if is_for_macro && !is_defined { written + "|py_argument" } else { written })
    };
    let written = args.iter().map(|arg| match arg {
        CallArg::Pos(value) => one(value),
        CallArg::Kwarg(name, value) => Ok(format!("{name}={}", one(value)?)),
        CallArg::PosSplat(values) => Ok(format!("*{}", expression(values)?)),
        CallArg::KwargSplat(values) => Ok(format!("**{}", expression(values)?)),
    });
    written.collect::<Result<Vec<_>, String>>().map(|written| written.join(", "))
}

fn written_constant(constant: &Const) -> Written {
    let value = &constant.value;
    match Py::of(value) {
        Py::None => Ok("none".to_owned()),
        Py::Bool(is_true) => Ok(is_true.to_string()),
        Py::Text(text) => Ok(quoted(text)),
        Py::Int(int) if int >= 0 => Ok(int.to_string()),
        Py::Float(f64::INFINITY) => Ok("\"inf\"|float".to_owned()),
        Py::Float(float) if float.is_finite() && float >= 0.0 => Ok(float_text(float)),
        _ if value.kind() == ValueKind::Undefined => Ok("py_undefined".to_owned()),
        py => Err(format!("a constant of type {} can't be used", py.type_name())),
    }
}

/// A text as a literal.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
