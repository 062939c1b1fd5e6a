//! JSON as Python's `json.dumps` writes it.

use minijinja::{Error, State, Value};

use super::arguments::Arguments;
use super::operators;
use super::print::float_text;
use super::sorting::sorted;
use super::values::{MAX_TEXT, Py, charge, charge_text, error, items, pairs, text, too_long, type_name};

struct Style {
    only_ascii: bool,
    sort_keys: bool,
    indent: Option<String>,
    between: String,
    behind_key: String,
}

/// The filter `tojson`, which in Transformers is `json.dumps` with what it takes.
pub fn to_json(state: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let only_ascii = arguments.take("ensure_ascii").is_some_and(|v| v.is_true());
    let indent = arguments.take("indent").filter(|v| !v.is_none());
    let separators = arguments.take("separators").filter(|v| !v.is_none());
    let sort_keys = arguments.take("sort_keys").is_some_and(|v| v.is_true());
    arguments.finish()?;
    let indent = indent.map(|indent| indentation(&indent)).transpose()?;
    let (between, behind_key) = match separators {
        Some(separators) => {
            let parts = items(state, &separators)?;
            let [Some(between), Some(behind_key)] = [0, 1].map(|i| parts.get(i).and_then(Value::as_str)) else {
                return Err(error("separators must be two texts"));
            };
            (between.to_owned(), behind_key.to_owned())
        }
        None => (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned()),
    };
    let mut out = String::new();
    Style { only_ascii, sort_keys, indent, between, behind_key }.write(state, value, 0, &mut out)?;
    charge_text(state, out.len())?;
    text(out)
}

fn indentation(indent: &Value) -> Result<String, Error> {
    match Py::of(indent) {
        Py::Text(text) => Ok(text.to_owned()),
        py => {
            let width = py.as_int().ok_or_else(|| error("indent must be a number or a text"))?;
            let width = usize::try_from(width.max(0)).map_err(|_| too_long())?;
            if width > MAX_TEXT { Err(too_long()) } else { Ok(" ".repeat(width)) }
        }
    }
}

impl Style {
    fn write(&self, state: &State<'_, '_>, value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
        match Py::of(value) {
            Py::None => out.push_str("null"),
            Py::Bool(is_true) => out.push_str(if is_true { "true" } else { "false" }),
            Py::Int(int) => out.push_str(&int.to_string()),
            Py::Float(float) => out.push_str(&json_float(float)),
            Py::Text(text) => self.write_text(text, out),
            Py::List | Py::Tuple | Py::Group(_) => {
                let items = items(state, value)?;
                self.write_all(state, &items, depth, ('[', ']'), out, |item, out| {
                    self.write(state, item, depth + 1, out)
                })?;
            }
            Py::Dict => {
                let mut fields = pairs(state, value)?;
                if self.sort_keys {
                    fields = sorted(fields, |(a, _), (b, _)| operators::less(state, a, b))?;
                }
                self.write_all(state, &fields, depth, ('{', '}'), out, |(name, value), out| {
                    self.write_text(&key(name)?, out);
                    out.push_str(&self.behind_key);
                    self.write(state, value, depth + 1, out)
                })?;
            }
            _ => return Err(error(format!("a value of type {} can't be written as JSON", type_name(value)))),
        }
        if out.len() > MAX_TEXT { Err(too_long()) } else { Ok(()) }
    }

    fn write_all<T>(
        &self,
        state: &State<'_, '_>,
        items: &[T],
        depth: usize,
        (open, close): (char, char),
        out: &mut String,
        mut write: impl FnMut(&T, &mut String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        charge(state, items.len())?;
        out.push(open);
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push_str(&self.between);
            }
            self.new_line(depth + 1, out)?;
            write(item, out)?;
        }
        if !items.is_empty() {
            self.new_line(depth, out)?;
        }
        out.push(close);
        Ok(())
    }

    fn new_line(&self, depth: usize, out: &mut String) -> Result<(), Error> {
        let Some(indent) = &self.indent else { return Ok(()) };
        if out.len() + indent.len().saturating_mul(depth) > MAX_TEXT {
            return Err(too_long());
        }
        out.push('\n');
        out.extend(std::iter::repeat_n(indent.as_str(), depth));
        Ok(())
    }

    fn write_text(&self, text: &str, out: &mut String) {
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                c if c < ' ' || (self.only_ascii && c > '~') => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                c => out.push(c),
            }
        }
        out.push('"');
    }
}

fn json_float(float: f64) -> String {
    match float {
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        _ if float.is_nan() => "NaN".to_owned(),
        _ => float_text(float),
    }
}

/// A dictionary's key as a text.
fn key(name: &Value) -> Result<String, Error> {
    match Py::of(name) {
        Py::Text(text) => Ok(text.to_owned()),
        Py::None => Ok("null".to_owned()),
        Py::Bool(is_true) => Ok(if is_true { "true" } else { "false" }.to_owned()),
        Py::Int(int) => Ok(int.to_string()),
        Py::Float(float) => Ok(json_float(float)),
        py => Err(error(format!("a key of type {} can't be written as JSON", py.type_name()))),
    }
}
