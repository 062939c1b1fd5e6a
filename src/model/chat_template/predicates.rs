//! Jinja2's tests: `value is defined`.

use minijinja::{Error, State, Value};

use super::arguments::Arguments;
use super::filters::FILTERS;
use super::operators::{compare, equal, rem};
use super::print::text as as_text;
use super::values::{Py, error, int};

pub type Predicate = fn(&State<'_, '_>, &Value, Arguments) -> Result<bool, Error>;

pub const PREDICATES: &[(&str, Predicate)] = &[
    ("boolean", |_, value, _| Ok(matches!(Py::of(value), Py::Bool(_)))),
    ("callable", callable),
    ("defined", |_, value, _| Ok(!value.is_undefined())),
    ("divisibleby", divisible_by),
    ("eq", |state, value, arguments| compared(state, value, "eq", arguments)),
    ("equalto", |state, value, arguments| compared(state, value, "eq", arguments)),
    ("==", |state, value, arguments| compared(state, value, "eq", arguments)),
    ("escaped", |_, value, _| Ok(value.is_safe())),
    ("even", |state, value, _| has_rest(state, value, 2, 0)),
    ("false", |_, value, _| Ok(matches!(Py::of(value), Py::Bool(false)))),
    ("filter", |_, value, _| Ok(value.as_str().is_some_and(|name| FILTERS.iter().any(|(known, _)| *known == name)))),
    ("float", |_, value, _| Ok(matches!(Py::of(value), Py::Float(_)))),
    ("ge", |state, value, arguments| compared(state, value, "ge", arguments)),
    (">=", |state, value, arguments| compared(state, value, "ge", arguments)),
    ("gt", |state, value, arguments| compared(state, value, "gt", arguments)),
    ("greaterthan", |state, value, arguments| compared(state, value, "gt", arguments)),
    (">", |state, value, arguments| compared(state, value, "gt", arguments)),
    ("in", |state, value, arguments| compared(state, value, "in", arguments)),
    ("integer", |_, value, _| Ok(matches!(Py::of(value), Py::Int(_)))),
    ("iterable", |_, value, _| Ok(is_iterable(&Py::of(value)))),
    ("le", |state, value, arguments| compared(state, value, "le", arguments)),
    ("<=", |state, value, arguments| compared(state, value, "le", arguments)),
    ("lower", |state, value, _| is_case(state, value, char::is_lowercase, char::is_uppercase)),
    ("lt", |state, value, arguments| compared(state, value, "lt", arguments)),
    ("lessthan", |state, value, arguments| compared(state, value, "lt", arguments)),
    ("<", |state, value, arguments| compared(state, value, "lt", arguments)),
    ("mapping", |_, value, _| Ok(matches!(Py::of(value), Py::Dict))),
    ("ne", |state, value, arguments| compared(state, value, "ne", arguments)),
    ("!=", |state, value, arguments| compared(state, value, "ne", arguments)),
    ("none", |_, value, _| Ok(value.is_none())),
    ("number", |_, value, _| Ok(matches!(Py::of(value), Py::Bool(_) | Py::Int(_) | Py::Float(_)))),
    ("odd", |state, value, _| has_rest(state, value, 2, 1)),
    ("sameas", same_as),
    ("sequence", |_, value, _| Ok(is_sequence(&Py::of(value)))),
    ("string", |_, value, _| Ok(value.as_str().is_some())),
    ("test", |_, value, _| Ok(value.as_str().is_some_and(|name| find(name).is_ok()))),
    ("true", |_, value, _| Ok(matches!(Py::of(value), Py::Bool(true)))),
    ("undefined", |_, value, _| Ok(value.is_undefined())),
    ("upper", |state, value, _| is_case(state, value, char::is_uppercase, char::is_lowercase)),
];

pub fn find(name: &str) -> Result<Predicate, Error> {
    let found = PREDICATES.iter().find(|(known, _)| *known == name).map(|(_, predicate)| *predicate);
    found.ok_or_else(|| error(format!("there is no test {name}")))
}

fn compared(state: &State<'_, '_>, value: &Value, sign: &str, mut arguments: Arguments) -> Result<bool, Error> {
    let other = arguments.need("other")?;
    arguments.finish()?;
    compare(state, value, sign, &other)
}

/// Something undefined has all of Python's methods, which fail when they are called.
fn is_iterable(py: &Py<'_>) -> bool {
    let is_collection = matches!(py, Py::List | Py::Tuple | Py::Dict | Py::View(_) | Py::Range(_) | Py::Group(_));
    is_collection || matches!(py, Py::Undefined | Py::Text(_) | Py::Generator(_))
}

fn is_sequence(py: &Py<'_>) -> bool {
    matches!(py, Py::Undefined | Py::Text(_) | Py::List | Py::Tuple | Py::Dict | Py::Range(_) | Py::Group(_))
}

fn callable(_: &State<'_, '_>, value: &Value, _: Arguments) -> Result<bool, Error> {
    Ok(matches!(Py::of(value), Py::Undefined | Py::Method(_) | Py::Other))
}

/// Whether a division leaves this remainder; a text is a format to `%`, and has none.
fn has_rest(state: &State<'_, '_>, value: &Value, divisor: i128, rest: i128) -> Result<bool, Error> {
    equal(state, &rem(state, value, &int(divisor))?, &int(rest))
}

fn divisible_by(state: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<bool, Error> {
    let divisor = arguments.need("num")?;
    arguments.finish()?;
    equal(state, &rem(state, value, &divisor)?, &int(0))
}

/// Whether two are one and the same. Of numbers and texts Python itself doesn't say.
fn same_as(state: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<bool, Error> {
    let other = arguments.need("other")?;
    arguments.finish()?;
    match (Py::of(value), Py::of(&other)) {
        (Py::Bool(a), Py::Bool(b)) => Ok(a == b),
        (Py::None, Py::None) => Ok(true),
        (Py::Bool(_) | Py::None, _) | (_, Py::Bool(_) | Py::None) => Ok(false),
        _ if equal(state, value, &other)? => Err(error("whether two values are the same can't be known here")),
        _ => Ok(false),
    }
}

fn is_case(
    state: &State<'_, '_>,
    value: &Value,
    is_wanted: fn(char) -> bool,
    is_other: fn(char) -> bool,
) -> Result<bool, Error> {
    let text = as_text(state, value)?;
    Ok(text.chars().any(is_wanted) && !text.chars().any(is_other))
}
