//! Filters that look into items, choose among them or put something else in their place.

use minijinja::{Error, State, Value};

use super::super::arguments::Arguments;
use super::super::operators::attribute;
use super::super::predicates;
use super::super::values::{Generator, Py, charge_text, check_nesting, error, items};
use super::{Path, find};

pub fn default(_: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let default = arguments.take("default_value").unwrap_or_else(|| Value::from(""));
    let replaces_false = arguments.take_true("boolean");
    arguments.finish()?;
    let is_missing = value.is_undefined() || (replaces_false && !value.is_true());
    Ok(if is_missing { default } else { value.clone() })
}

/// Gives an attribute only, never a key.
pub fn attr(_: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let name = arguments.need_text("name")?;
    arguments.finish()?;
    match Py::of(value) {
        Py::Dict if !super::super::methods::has(value, &name) => Ok(Value::UNDEFINED),
        _ => attribute(value, &name),
    }
}

/// What is false has no items, whatever its type.
fn items_if_true(state: &State<'_, '_>, value: &Value) -> Result<Vec<Value>, Error> {
    if value.is_true() { items(state, value) } else { Ok(Vec::new()) }
}

fn generator(state: &State<'_, '_>, items: Vec<Value>) -> Result<Value, Error> {
    let generator = Generator::value(items);
    check_nesting(state, &generator)?;
    Ok(generator)
}

pub fn map(state: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let mut mapped = Vec::new();
    match arguments.next() {
        Some(name) => {
            let filter = find(name.as_str().ok_or_else(|| error("map needs the name of a filter"))?)?;
            for item in items_if_true(state, value)? {
                let value = filter(state, &item, arguments.clone())?;
                charge_text(state, value.as_str().map_or(0, str::len))?;
                mapped.push(value);
            }
        }
        None => {
            let attribute =
                arguments.take_named("attribute").ok_or_else(|| error("map needs a filter or an attribute"))?;
            let path = Path::new(Some(attribute), arguments.take_named("default"))?;
            arguments.finish()?;
            for item in items_if_true(state, value)? {
                mapped.push(path.of(&item)?);
            }
        }
    }
    generator(state, mapped)
}

pub fn select(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    choose(state, value, arguments, false, true)
}

pub fn reject(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    choose(state, value, arguments, false, false)
}

pub fn selectattr(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    choose(state, value, arguments, true, true)
}

pub fn rejectattr(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    choose(state, value, arguments, true, false)
}

/// The items of which (or of whose attribute) a test says what is wanted; without a test, whether they are true.
fn choose(
    state: &State<'_, '_>,
    value: &Value,
    mut arguments: Arguments,
    is_of_attribute: bool,
    wanted: bool,
) -> Result<Value, Error> {
    let attribute = match is_of_attribute {
        true => Some(arguments.next().ok_or_else(|| error("the name of an attribute is missing"))?),
        false => None,
    };
    let path = Path::new(attribute, None)?;
    let test = arguments.next();
    let test = match &test {
        Some(name) => Some(predicates::find(name.as_str().ok_or_else(|| error("the name of a test is missing"))?)?),
        None => None,
    };
    let mut chosen = Vec::new();
    for item in items_if_true(state, value)? {
        let tested = path.of(&item)?;
        let is_so = match test {
            Some(test) => test(state, &tested, arguments.clone())?,
            None => tested.is_true(),
        };
        if is_so == wanted {
            chosen.push(item);
        }
    }
    generator(state, chosen)
}
