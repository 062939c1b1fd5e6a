//! Filters on texts. Most take any value and write it as a text first.

use minijinja::{Error, State, Value};

use super::super::arguments::Arguments;
use super::super::operators::{escaped, rem, same_safety};
use super::super::print::text as as_text;
use super::super::text_methods::{call, capitalized, stripped};
use super::super::text_parts::{joined, lines, replaced, split};
use super::super::values::{MAX_TEXT, charge_text, error, int, text, too_long, tuple};
use super::super::whitespace::is_space;
use super::{count, not_a};

/// A text made of another, with the other's safety.
fn changed(
    state: &State<'_, '_>,
    value: &Value,
    arguments: Arguments,
    change: impl Fn(&str) -> String,
) -> Result<Value, Error> {
    arguments.finish()?;
    Ok(same_safety(value, change(&as_text(state, value)?)))
}

pub fn lower(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    changed(state, value, arguments, str::to_lowercase)
}

pub fn upper(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    changed(state, value, arguments, str::to_uppercase)
}

pub fn capitalize(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    changed(state, value, arguments, capitalized)
}

pub fn string(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    changed(state, value, arguments, str::to_owned)
}

/// Capitalises words, which begin after white space, a hyphen or an opening bracket.
pub fn title(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    let is_between = |c: char| is_space(c) || matches!(c, '-' | '(' | '{' | '[' | '<');
    changed(state, value, arguments, |text| {
        let words = text.split_inclusive(is_between);
        let word = |word: &str| {
            let first = word.chars().next().map_or(0, char::len_utf8);
            word[..first].to_uppercase() + &word[first..].to_lowercase()
        };
        words.map(word).collect()
    })
}

pub fn trim(state: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let letters = arguments.take("chars");
    arguments.finish()?;
    let text = as_text(state, value)?;
    Ok(same_safety(value, stripped(&text, "strip", &letters)?.to_owned()))
}

pub fn replace(state: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let (old, new) = (as_text(state, &arguments.need("old")?)?, as_text(state, &arguments.need("new")?)?);
    let most = arguments.take_int("count")?.unwrap_or(-1);
    arguments.finish()?;
    text(replaced(&as_text(state, value)?, &old, &new, most)?)
}

pub fn center(state: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let width = arguments.take("width").unwrap_or_else(|| int(80));
    arguments.finish()?;
    call(state, &as_text(state, value)?, "center", Arguments::new(&[width])?)
}

pub fn indent(_: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let width = arguments.take("width").unwrap_or_else(|| int(4));
    let (first, blank) = (arguments.take_true("first"), arguments.take_true("blank"));
    arguments.finish()?;
    let this = value.as_str().ok_or_else(|| not_a(value, "indent needs a text"))?;
    let indentation = match width.as_str() {
        Some(indentation) => indentation.to_owned(),
        None => {
            let width =
                super::super::values::Py::of(&width).as_int().ok_or_else(|| not_a(&width, "a width is needed"))?;
            let width = usize::try_from(width.max(0)).map_err(|_| too_long())?;
            if width > MAX_TEXT {
                return Err(too_long());
            }
            " ".repeat(width)
        }
    };
    // Jinja2 adds a line end before it takes the lines.
    let with_end = this.to_owned() + "\n";
    let lines: Vec<&str> = lines(&with_end).into_iter().map(|(line, _)| line).collect();
    if lines.len().saturating_mul(indentation.len() + 1).saturating_add(this.len()) > MAX_TEXT {
        return Err(too_long());
    }
    let mut out = if first { indentation.clone() } else { String::new() };
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            out.push('\n');
            if blank || !line.is_empty() {
                out.push_str(&indentation);
            }
        }
        out.push_str(line);
    }
    Ok(same_safety(value, out))
}

pub fn truncate(state: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let length = arguments.take_int("length")?.unwrap_or(255);
    let kills_words = arguments.take_true("killwords");
    let end = arguments.take("end").map_or(Ok("...".to_owned()), |end| as_text(state, &end))?;
    let leeway = arguments.take_int("leeway")?.unwrap_or(5);
    arguments.finish()?;
    let text = value.as_str().ok_or_else(|| not_a(value, "truncate needs a text"))?;
    let kept = length - end.chars().count() as i128;
    if kept < 0 || leeway < 0 {
        return Err(error("truncate needs a length of at least its end's"));
    }
    if text.chars().count() as i128 <= length + leeway {
        return Ok(value.clone());
    }
    let kept: String = text.chars().take(count(kept, "a length")?).collect();
    let kept = if kills_words { kept } else { split(&kept, Some(" "), 1, true)?.swap_remove(0) };
    Ok(Value::from(kept + &end))
}

pub fn wordcount(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    arguments.finish()?;
    let text = as_text(state, value)?;
    // Marks that other scripts write over or after letters end a word for Python, but not for Rust.
    if text
        .chars()
        .any(|c| !c.is_ascii() && c.is_alphanumeric() && c.to_lowercase().eq([c]) && c.to_uppercase().eq([c]))
    {
        return Err(error("wordcount of other scripts can't be computed here"));
    }
    let is_between = |c: char| !(c.is_alphanumeric() || c == '_');
    Ok(int(text.split(is_between).filter(|word| !word.is_empty()).count() as i128))
}

pub fn urlencode(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    arguments.finish()?;
    // Of those that can be iterated over Jinja2 makes fields of a form.
    let py = super::super::values::Py::of(value);
    if value.as_str().is_none() && (py.as_float().is_none() && !value.is_none()) {
        return Err(not_a(value, "urlencode needs a text here"));
    }
    let mut out = String::new();
    for byte in as_text(state, value)?.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        if out.len() > MAX_TEXT {
            return Err(too_long());
        }
    }
    charge_text(state, out.len())?;
    text(out)
}

pub fn escape(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    if value.is_safe() { Ok(value.clone()) } else { force_escape(state, value, arguments) }
}

pub fn force_escape(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    arguments.finish()?;
    let escaped = escaped(&as_text(state, value)?);
    if escaped.len() > MAX_TEXT { Err(too_long()) } else { Ok(Value::from_safe_string(escaped)) }
}

pub fn safe(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    arguments.finish()?;
    as_text(state, value).map(Value::from_safe_string)
}

/// `%` with its values by place or by name.
pub fn format(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    let format = same_safety(value, as_text(state, value)?);
    match arguments.rest() {
        (values, named) if named.is_empty() => rem(state, &format, &tuple(values)),
        (values, named) if values.is_empty() => rem(state, &format, &Value::from_pairs(named)),
        _ => Err(error("format takes values by place or by name, not both")),
    }
}

/// Joins what has been written as texts.
pub fn join_texts(separator: &str, parts: &[String]) -> Result<Value, Error> {
    text(joined(separator, &parts.iter().map(String::as_str).collect::<Vec<_>>())?)
}
