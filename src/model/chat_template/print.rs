//! Values as Python's `str` and `repr` write them.

use std::fmt::Write;

use minijinja::{Error, State, Value};

use super::values::{MAX_TEXT, Py, ViewKind, charge, charge_text, error, pairs, too_long};

/// `str(value)`: what `{{ value }}` prints.
pub fn text(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    match Py::of(value) {
        Py::Undefined => Ok(String::new()),
        Py::Text(text) => Ok(text.to_owned()),
        _ => repr(state, value),
    }
}

/// `repr(value)`.
pub fn repr(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    write_repr(state, value, &mut out)?;
    charge_text(state, out.len())?;
    Ok(out)
}

fn write_repr(state: &State<'_, '_>, value: &Value, out: &mut String) -> Result<(), Error> {
    if out.len() > MAX_TEXT {
        return Err(too_long());
    }
    match Py::of(value) {
        Py::Undefined => out.push_str("Undefined"),
        Py::None => out.push_str("None"),
        Py::Bool(true) => out.push_str("True"),
        Py::Bool(false) => out.push_str("False"),
        Py::Int(int) => out.push_str(&int.to_string()),
        Py::Float(float) => out.push_str(&float_text(float)),
        Py::Text(text) if value.is_safe() => {
            out.push_str("Markup(");
            write_quoted(text, out);
            out.push(')');
        }
        Py::Text(text) => write_quoted(text, out),
        Py::List => write_items(state, &value.try_iter()?.collect::<Vec<_>>(), ("[", "]"), out)?,
        Py::Tuple => write_tuple(state, &value.try_iter()?.collect::<Vec<_>>(), out)?,
        Py::Group(group) => write_tuple(state, &group.items(), out)?,
        Py::Dict => write_fields(state, &pairs(state, value)?, out)?,
        Py::View(view) => {
            let open = match view.kind {
                ViewKind::Keys => "dict_keys([",
                ViewKind::Values => "dict_values([",
                ViewKind::Items => "dict_items([",
            };
            write_items(state, &view.items, (open, "])"), out)?;
        }
        Py::Range(range) if range.step == 1 => out.push_str(&format!("range({}, {})", range.start, range.stop)),
        Py::Range(range) => out.push_str(&format!("range({}, {}, {})", range.start, range.stop, range.step)),
        Py::Namespace(namespace) => {
            let fields = namespace.fields().into_iter().map(|(name, value)| (Value::from(name), value));
            out.push_str("<Namespace ");
            write_fields(state, &fields.collect::<Vec<_>>(), out)?;
            out.push('>');
        }
        py @ (Py::Generator(_) | Py::Method(_) | Py::Other) => {
            return Err(error(format!("a value of type {} can't be written as text", py.type_name())));
        }
    }
    Ok(())
}

fn write_items(
    state: &State<'_, '_>,
    items: &[Value],
    (open, close): (&str, &str),
    out: &mut String,
) -> Result<(), Error> {
    charge(state, items.len())?;
    out.push_str(open);
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        write_repr(state, item, out)?;
    }
    out.push_str(close);
    Ok(())
}

fn write_tuple(state: &State<'_, '_>, items: &[Value], out: &mut String) -> Result<(), Error> {
    write_items(state, items, ("(", if items.len() == 1 { ",)" } else { ")" }), out)
}

fn write_fields(state: &State<'_, '_>, fields: &[(Value, Value)], out: &mut String) -> Result<(), Error> {
    charge(state, fields.len())?;
    out.push('{');
    for (at, (name, value)) in fields.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        write_repr(state, name, out)?;
        out.push_str(": ");
        write_repr(state, value, out)?;
    }
    out.push('}');
    Ok(())
}

/// The shortest digits that read back as the same number; with an exponent below 0.0001 and from 10^16 on.
pub fn float_text(float: f64) -> String {
    if float.is_nan() {
        return "nan".to_owned();
    }
    if float.is_infinite() {
        return if float > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{float:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if float == 0.0 || (-4..16).contains(&exponent) {
        let plain = format!("{float}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

fn write_quoted(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            _ if c == quote => out.extend(['\\', c]),
            _ if is_printable(c) => out.push(c),
            _ => {
                // Writing into a text doesn't fail.
                let _ = match u32::from(c) {
                    code @ ..=0xff => write!(out, "\\x{code:02x}"),
                    code @ ..=0xffff => write!(out, "\\u{code:04x}"),
                    code => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push(quote);
}

/// Python's `str.isprintable`: no control, format, private, unassigned or separating character but the space.
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    // Behind another character, where it isn't escaped only for being a combining one.
    let mut pair = String::from("a");
    pair.push(c);
    !pair.escape_debug().any(|c| c == '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_in_python() {
        let written =
            [0.0, -0.0, 1.0, 1e-5, 0.0001, 1e16, 1e15, 1.5e300, 0.1 + 0.2, f64::NAN, f64::INFINITY].map(float_text);
        let expected = [
            "0.0",
            "-0.0",
            "1.0",
            "1e-05",
            "0.0001",
            "1e+16",
            "1000000000000000.0",
            "1.5e+300",
            "0.30000000000000004",
            "nan",
            "inf",
        ];
        assert_eq!(written, expected);
    }

    #[test]
    fn texts_are_quoted_as_in_python() {
        let quoted = |text: &str| {
            let mut out = String::new();
            write_quoted(text, &mut out);
            out
        };
        assert_eq!(quoted("it's"), "\"it's\"");
        assert_eq!(quoted("'\""), "'\\'\"'");
        assert_eq!(quoted("a\n\u{7f}\u{a0}\u{301}\u{200b}\u{e000}ä\\"), "'a\\n\\x7f\\xa0\u{301}\\u200b\\ue000ä\\\\'");
    }
}
