//! JSON as Python's `json.dumps` writes it.

use std::io::Write;

use minijinja::Value;
use minijinja::value::Kwargs;
use serde::Serialize;

/// JSON as Python writes it: with a space after commas and colons, or over several lines.
pub fn to_json(value: Value, indent: Option<Value>, options: Kwargs) -> Result<String, minijinja::Error> {
    let indent: Option<Value> = indent.map_or_else(|| options.get("indent"), |indent| Ok(Some(indent)))?;
    let num_spaces = indent.and_then(|indent| indent.as_usize());
    // Said by some templates; it is what is done anyway.
    let _: Option<bool> = options.get("ensure_ascii")?;
    options.assert_all_used()?;
    let mut json = Vec::new();
    let written = match num_spaces {
        Some(num_spaces) => {
            let spaces = " ".repeat(num_spaces);
            let formatter = serde_json::ser::PrettyFormatter::with_indent(spaces.as_bytes());
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut json, formatter))
        }
        None => value.serialize(&mut serde_json::Serializer::with_formatter(&mut json, Spaced)),
    };
    let error = |e: String| minijinja::Error::new(minijinja::ErrorKind::BadSerialization, e);
    written.map_err(|e| error(e.to_string()))?;
    String::from_utf8(json).map_err(|e| error(e.to_string()))
}

struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, is_first: bool) -> std::io::Result<()> {
        if is_first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, is_first: bool) -> std::io::Result<()> {
        if is_first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        out.write_all(b": ")
    }
}
