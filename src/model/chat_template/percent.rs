//! `'%s and %d' % (a, b)`

use std::iter::Peekable;
use std::str::Chars;

use minijinja::{Error, State, Value};

use super::numbers::Spec;
use super::print::{repr, text as as_text};
use super::values::{MAX_TEXT, Py, error, items, text, too_long, type_name};

pub fn percent(state: &State<'_, '_>, format: &str, is_safe: bool, values: &Value) -> Result<Value, Error> {
    if is_safe {
        return Err(error("% on a text that is marked as safe can't be computed here"));
    }
    let is_mapping = matches!(Py::of(values), Py::Dict | Py::List | Py::Range(_));
    let mut given = match Py::of(values) {
        Py::Tuple => items(state, values)?.into_iter(),
        _ => vec![values.clone()].into_iter(),
    };
    let mut out = String::new();
    let mut rest = format.chars().peekable();
    let mut num_taken = 0;
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut next = || {
            num_taken += 1;
            given.next().ok_or_else(|| error("% has more places than values"))
        };
        let key = key(&mut rest)?;
        let mut spec = flags(&mut rest);
        spec.width = match number(&mut rest, &mut next)? {
            Some(width) if width < 0 => {
                spec.align = Some('<');
                width.unsigned_abs().try_into().map_err(|_| too_long())?
            }
            width => width.unwrap_or_default().try_into().map_err(|_| too_long())?,
        };
        if rest.next_if_eq(&'.').is_some() {
            let precision = number(&mut rest, &mut next)?.unwrap_or_default().max(0);
            spec.precision = Some(precision.try_into().map_err(|_| too_long())?);
        }
        spec.check()?;
        while rest.next_if(|c| matches!(c, 'h' | 'l' | 'L')).is_some() {}
        let kind = rest.next().ok_or_else(|| error("% at the end of a format"))?;
        if kind == '%' {
            out.push('%');
            continue;
        }
        let value = match key {
            Some(key) if matches!(Py::of(values), Py::Dict) => {
                let found = values.as_object().and_then(|object| object.get_value(&Value::from(key.as_str())));
                found.ok_or_else(|| error(format!("% finds no key {key}")))?
            }
            Some(_) => return Err(error("% with a key needs a dictionary")),
            None => next()?,
        };
        out.push_str(&one(state, &spec, kind, &value)?);
        if out.len() > MAX_TEXT {
            return Err(too_long());
        }
    }
    if given.next().is_some() && !(is_mapping && num_taken == 0) {
        return Err(error("% has fewer places than values"));
    }
    text(out)
}

fn key(rest: &mut Peekable<Chars<'_>>) -> Result<Option<String>, Error> {
    if rest.next_if_eq(&'(').is_none() {
        return Ok(None);
    }
    let mut key = String::new();
    loop {
        match rest.next() {
            Some(')') => return Ok(Some(key)),
            Some('(') | None => return Err(error("a key of % isn't closed")),
            Some(c) => key.push(c),
        }
    }
}

fn flags(rest: &mut Peekable<Chars<'_>>) -> Spec {
    let mut spec = Spec::default();
    while let Some(flag) = rest.next_if(|c| matches!(c, '-' | '+' | ' ' | '#' | '0')) {
        match flag {
            '-' => spec.align = Some('<'),
            '+' => spec.sign = Some('+'),
            ' ' => spec.sign = spec.sign.or(Some(' ')),
            '#' => spec.is_alternate = true,
            _ => spec.fill = Some('0'),
        }
    }
    match (spec.fill, spec.align) {
        // Zeros come after the sign, and never after the number.
        (Some(_), Some(_)) => spec.fill = None,
        (Some(_), None) => spec.align = Some('='),
        _ => {}
    }
    spec.align = spec.align.or(Some('>'));
    spec
}

/// Digits, or a `*` for one of the values.
fn number(
    rest: &mut Peekable<Chars<'_>>,
    next: &mut impl FnMut() -> Result<Value, Error>,
) -> Result<Option<i64>, Error> {
    if rest.next_if_eq(&'*').is_some() {
        let value = next()?;
        let number = Py::of(&value).as_int().and_then(|int| i64::try_from(int).ok());
        return number.map(Some).ok_or_else(|| error("* in a format needs an integer"));
    }
    let mut digits = String::new();
    while let Some(digit) = rest.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    if digits.is_empty() { Ok(None) } else { digits.parse().map(Some).map_err(|_| too_long()) }
}

fn one(state: &State<'_, '_>, spec: &Spec, kind: char, value: &Value) -> Result<String, Error> {
    let py = Py::of(value);
    let unfit = || error(format!("%{kind} can't write a value of type {}", type_name(value)));
    let blank = |spec: &Spec| Spec {
        fill: None,
        align: spec.align.filter(|align| *align != '=').or(Some('>')),
        ..spec.clone()
    };
    match kind {
        's' if value.is_safe() => Err(error("% with a text that is marked as safe can't be computed here")),
        's' => Ok(blank(spec).text(&as_text(state, value)?)),
        'r' => Ok(blank(spec).text(&repr(state, value)?)),
        'c' => {
            let letter = match &py {
                Py::Text(text) if text.chars().count() == 1 => (*text).to_owned(),
                Py::Int(code) => u32::try_from(*code).ok().and_then(char::from_u32).ok_or_else(unfit)?.to_string(),
                _ => return Err(unfit()),
            };
            Ok(blank(spec).text(&letter))
        }
        'd' | 'i' | 'u' => match (py.as_int(), &py) {
            (Some(int), _) => spec.integer(int, 'd'),
            (_, Py::Float(float)) if float.abs() < 1e30 => spec.integer(float.trunc() as i128, 'd'),
            _ => Err(unfit()),
        },
        'x' | 'X' | 'o' => spec.integer(py.as_int().ok_or_else(unfit)?, kind),
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => spec.float(py.as_float().ok_or_else(unfit)?, kind),
        _ => Err(error(format!("%{kind} isn't known"))),
    }
}
