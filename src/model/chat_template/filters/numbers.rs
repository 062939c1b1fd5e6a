//! Filters on numbers.

use minijinja::{Error, State, Value};

use super::super::arguments::Arguments;
use super::super::values::{Py, error, wrong_type};
use super::not_a;

pub fn abs(_: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    arguments.finish()?;
    let py = Py::of(value);
    match (py.as_int(), py.as_float()) {
        (Some(number), _) => number.checked_abs().map(super::int).ok_or_else(|| error("a number is too large")),
        (_, Some(number)) => Ok(Value::from(number.abs())),
        _ => Err(wrong_type(value, "has no absolute value")),
    }
}

pub fn int(_: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let default = arguments.take("default").unwrap_or_else(|| super::int(0));
    let base = arguments.take_int("base")?.unwrap_or(10);
    arguments.finish()?;
    let whole = |float: f64| {
        if float.abs() < 1e30 { Ok(super::int(float.trunc() as i128)) } else { Err(error("a number is too large")) }
    };
    match Py::of(value) {
        Py::Undefined => Err(wrong_type(value, "can't be a number")),
        Py::Float(float) if float.is_nan() => Ok(default),
        Py::Float(float) => whole(float),
        Py::Text(text) => match (parse_int(text, base)?, parse_float(text)) {
            (Some(int), _) => Ok(super::int(int)),
            (None, Some(float)) if float.is_finite() => whole(float),
            _ => Ok(default),
        },
        py => Ok(py.as_int().map_or(default, super::int)),
    }
}

pub fn float(_: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let default = arguments.take("default").unwrap_or_else(|| Value::from(0.0));
    arguments.finish()?;
    match Py::of(value) {
        Py::Undefined => Err(wrong_type(value, "can't be a number")),
        Py::Text(text) => Ok(parse_float(text).map_or(default, Value::from)),
        py => Ok(py.as_float().map_or(default, Value::from)),
    }
}

/// Python's `int(text, base)`; `None` where it isn't one.
fn parse_int(text: &str, base: i128) -> Result<Option<i128>, Error> {
    let text = text.trim_matches(super::super::whitespace::is_space);
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_lowercase();
    let prefixed = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find(|(prefix, of)| lower.starts_with(prefix) && (base == 0 || base == *of));
    let (digits, radix) = match prefixed {
        Some((prefix, radix)) => (digits.get(prefix.len()..).unwrap_or_default(), radix),
        None if base == 0 => (digits, 10),
        None => (digits, base),
    };
    let radix = u32::try_from(radix).ok().filter(|radix| (2..=36).contains(radix));
    let radix = radix.ok_or_else(|| error("a base must be from 2 to 36"))?;
    let Some(digits) = without_underscores(digits) else { return Ok(None) };
    if !digits.chars().all(|c| c.is_digit(radix)) {
        // Digits of other scripts count in Python.
        return if digits.is_ascii() { Ok(None) } else { Err(error("digits of other scripts can't be read here")) };
    }
    let magnitude = i128::from_str_radix(&digits, radix).map_err(|_| error("a number is too large"))?;
    Ok(Some(if is_negative { -magnitude } else { magnitude }))
}

/// The digits without underscores, which may be between them.
fn without_underscores(digits: &str) -> Option<String> {
    let is_wrong = digits.is_empty() || digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    (!is_wrong).then(|| digits.replace('_', ""))
}

/// Python's `float(text)`.
fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim_matches(super::super::whitespace::is_space);
    let is_between_digits = |at: usize| {
        let is_digit = |c: Option<u8>| c.is_some_and(|c| c.is_ascii_digit());
        is_digit(at.checked_sub(1).and_then(|at| text.as_bytes().get(at).copied()))
            && is_digit(text.as_bytes().get(at + 1).copied())
    };
    let has_good_underscores = text.match_indices('_').all(|(at, _)| is_between_digits(at));
    text.replace('_', "").parse().ok().filter(|_| has_good_underscores)
}

pub fn round(_: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let precision = arguments.take_int("precision")?.unwrap_or(0);
    let method = arguments.take("method").unwrap_or_else(|| Value::from("common"));
    arguments.finish()?;
    let py = Py::of(value);
    let number = py.as_float().ok_or_else(|| not_a(value, "round needs a number"))?;
    let places = i32::try_from(precision).ok().filter(|places| places.abs() <= 300);
    let places = places.ok_or_else(|| error("round with that many places"))?;
    match method.as_str() {
        Some("common") => match (py.as_int(), usize::try_from(places)) {
            (Some(int), Ok(_)) => Ok(super::int(int)),
            (None, Ok(places)) if number.is_finite() => {
                // Rust rounds a tie to the even digit when it writes, as Python does.
                format!("{number:.places$}").parse::<f64>().map(Value::from).map_err(|e| error(e.to_string()))
            }
            _ => Err(error("round with a negative number of places can't be computed here")),
        },
        Some(method @ ("ceil" | "floor")) => {
            let scale = 10f64.powi(places);
            let scaled = number * scale;
            let rounded = if method == "ceil" { scaled.ceil() } else { scaled.floor() };
            if rounded.is_finite() { Ok(Value::from(rounded / scale)) } else { Err(error("a number is too large")) }
        }
        _ => Err(error("round knows the methods common, ceil and floor")),
    }
}
