//! `'{} and {name:>8}'.format(a, name=b)`

use std::str::Chars;

use minijinja::{Error, State, Value};

use super::arguments::Arguments;
use super::numbers::Spec;
use super::operators::{attribute, item};
use super::print::{repr, text as as_text};
use super::values::{MAX_TEXT, Py, error, int, text, too_long};

pub fn format(state: &State<'_, '_>, format: &str, arguments: Arguments) -> Result<Value, Error> {
    let (by_place, by_name) = arguments.rest();
    let mut out = String::new();
    let mut rest = format;
    let mut numbering = Numbering::default();
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..at + 1];
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix(brace) {
            out.push_str(brace);
            rest = behind;
            continue;
        }
        let end = rest.find('}').filter(|_| brace == "{").ok_or_else(|| error("a single brace in a format"))?;
        let field = &rest[..end];
        if field.contains('{') {
            return Err(error("a field within a field of a format can't be computed here"));
        }
        rest = &rest[end + 1..];
        let (name, spec) = field.split_once(':').unwrap_or((field, ""));
        let (name, conversion) = name.split_once('!').map_or((name, None), |(name, kind)| (name, Some(kind)));
        let value = numbering.find(name, &by_place, &by_name)?;
        let value = match conversion {
            None => value,
            Some("s") => Value::from(as_text(state, &value)?),
            Some("r") => Value::from(repr(state, &value)?),
            Some(_) => return Err(error("a format converts with !s or !r only")),
        };
        out.push_str(&one(state, &value, spec)?);
        if out.len() > MAX_TEXT {
            return Err(too_long());
        }
    }
    out.push_str(rest);
    text(out)
}

/// Fields are numbered by hand or by their order, but not both.
#[derive(Default)]
struct Numbering {
    next: usize,
    is_by_hand: bool,
}

impl Numbering {
    fn find(&mut self, name: &str, by_place: &[Value], by_name: &[(String, Value)]) -> Result<Value, Error> {
        let end = name.find(['.', '[']).unwrap_or(name.len());
        let (first, mut path) = name.split_at(end);
        let mut value = match first.parse::<usize>() {
            Ok(at) => {
                self.is_by_hand = true;
                by_place.get(at)
            }
            Err(_) if first.is_empty() => {
                self.next += 1;
                by_place.get(self.next - 1)
            }
            Err(_) => by_name.iter().find(|(given, _)| given == first).map(|(_, value)| value),
        }
        .cloned()
        .ok_or_else(|| error(format!("a format finds no value for {{{name}}}")))?;
        if self.is_by_hand && self.next > 0 {
            return Err(error("a format numbers its fields by hand and by order"));
        }
        while !path.is_empty() {
            value = if let Some(rest) = path.strip_prefix('.') {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                path = &rest[end..];
                if rest.starts_with('_') {
                    return Err(error("a format can't look at names with an underscore before them"));
                }
                attribute(&value, &rest[..end])?
            } else {
                let rest = path.strip_prefix('[').unwrap_or(path);
                let end = rest.find(']').ok_or_else(|| error("a bracket of a format isn't closed"))?;
                path = &rest[end + 1..];
                let key = rest[..end].parse::<i128>().map_or_else(|_| Value::from(&rest[..end]), int);
                item(&value, &key)?
            };
        }
        Ok(value)
    }
}

fn one(state: &State<'_, '_>, value: &Value, spec: &str) -> Result<String, Error> {
    if value.is_safe() {
        return Err(error("a format with a text that is marked as safe can't be computed here"));
    }
    if spec.is_empty() {
        return as_text(state, value);
    }
    let (spec, kind) = parse(spec)?;
    spec.check()?;
    let unfit = || error("a format doesn't fit its value");
    match (Py::of(value), kind) {
        (Py::Text(text), None | Some('s')) if spec.sign.is_none() && spec.grouping.is_none() => Ok(spec.text(text)),
        (Py::Bool(_), None) => Ok(spec.text(&as_text(state, value)?)),
        (py @ (Py::Int(_) | Py::Bool(_)), kind @ (None | Some('d' | 'x' | 'X' | 'o' | 'b'))) => {
            if spec.precision.is_some() {
                return Err(unfit());
            }
            spec.integer(py.as_int().ok_or_else(unfit)?, kind.unwrap_or('d'))
        }
        (py @ (Py::Int(_) | Py::Bool(_) | Py::Float(_)), Some(kind)) => {
            spec.float(py.as_float().ok_or_else(unfit)?, kind)
        }
        (Py::Float(float), None) if spec.precision.is_none() && spec.grouping.is_none() && float.is_finite() => {
            let written = super::print::float_text(float.abs());
            let sign =
                if float.is_sign_negative() { "-" } else { spec.sign.map_or("", |c| if c == '+' { "+" } else { " " }) };
            Ok(Spec { align: spec.align.or(Some('>')), ..spec }.text(&(sign.to_owned() + &written)))
        }
        _ => Err(unfit()),
    }
}

fn parse(written: &str) -> Result<(Spec, Option<char>), Error> {
    let mut spec = Spec::default();
    let is_align = |c: char| matches!(c, '<' | '>' | '^' | '=');
    let mut rest = written.chars();
    if written.chars().nth(1).is_some_and(is_align) {
        (spec.fill, spec.align) = (rest.next(), rest.next());
    } else {
        spec.align = next_if(&mut rest, is_align);
    }
    spec.sign = next_if(&mut rest, |c| matches!(c, '+' | '-' | ' '));
    spec.is_alternate = next_if(&mut rest, |c| c == '#').is_some();
    if next_if(&mut rest, |c| c == '0').is_some() && spec.align.is_none() {
        (spec.fill, spec.align) = (Some('0'), Some('='));
    }
    spec.width = digits(&mut rest)?.unwrap_or_default();
    spec.grouping = next_if(&mut rest, |c| matches!(c, ',' | '_'));
    if next_if(&mut rest, |c| c == '.').is_some() {
        spec.precision = digits(&mut rest)?;
    }
    let kind = rest.next();
    if rest.next().is_some() { Err(error(format!("the format {written} isn't known"))) } else { Ok((spec, kind)) }
}

fn next_if(rest: &mut Chars<'_>, is_wanted: impl Fn(char) -> bool) -> Option<char> {
    let next = rest.clone().next().filter(|c| is_wanted(*c))?;
    rest.next();
    Some(next)
}

fn digits(rest: &mut Chars<'_>) -> Result<Option<usize>, Error> {
    let digits = String::from_iter(std::iter::from_fn(|| next_if(rest, |c| c.is_ascii_digit())));
    if digits.is_empty() { Ok(None) } else { digits.parse().map(Some).map_err(|_| too_long()) }
}
