//! Functions that templates can call.

use minijinja::value::{Rest, ValueOrKwargs};
use minijinja::{Error, State, Value};

use super::arguments::Arguments;
use super::print::text as as_text;
use super::values::{Namespace, Range, dict, error, items, pairs};

/// The bound of Jinja2's sandbox.
const MAX_RANGE: usize = 100_000;

/// Marks an error as a sentence of the template's own.
#[derive(Debug, thiserror::Error)]
#[error("raised by the template")]
pub struct Raised;

/// Ends the rendering with a sentence of the template's own.
pub fn raise_exception(state: &State<'_, '_>, message: Value) -> Result<Value, Error> {
    Err(error(as_text(state, &message)?).with_source(Raised))
}

pub fn strftime_now(format: &str) -> Result<String, Error> {
    jiff::fmt::strtime::format(format, &super::clock::now()).map_err(|e| error(format!("strftime_now: {e}")))
}

pub fn range(values: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let mut arguments = Arguments::new(&values.into_values())?;
    let first = arguments.need_int("start")?;
    let second = arguments.take_int("stop")?;
    let step = arguments.take_int("step")?.unwrap_or(1);
    arguments.finish()?;
    let (start, stop) = second.map_or((0, first), |second| (first, second));
    // Far below where they would overflow.
    if step == 0 || [start, stop, step].iter().any(|bound| bound.unsigned_abs() > 1 << 64) {
        return Err(error("a range needs bounds that are not too large, and a step that isn't zero"));
    }
    let range = Range { start, stop, step };
    if range.len() > MAX_RANGE {
        return Err(error(format!("a range may have at most {MAX_RANGE} numbers")));
    }
    Ok(Value::from_object(range))
}

/// What `dict` and `namespace` are made of: a dictionary or pairs, and names.
fn fields(state: &State<'_, '_>, values: &[Value]) -> Result<Vec<(Value, Value)>, Error> {
    let mut arguments = Arguments::new(values)?;
    let mut fields = Vec::new();
    if let Some(given) = arguments.next() {
        if matches!(super::values::Py::of(&given), super::values::Py::Dict) {
            fields = pairs(state, &given)?;
        } else {
            for pair in items(state, &given)? {
                match <[Value; 2]>::try_from(items(state, &pair)?) {
                    Ok([key, value]) => fields.push((key, value)),
                    Err(_) => return Err(error("a dictionary is made of pairs")),
                }
            }
        }
    }
    let (by_place, by_name) = arguments.rest();
    if !by_place.is_empty() {
        return Err(error("a dictionary is made of one other at most"));
    }
    fields.extend(by_name.into_iter().map(|(name, value)| (Value::from(name), value)));
    Ok(fields)
}

pub fn new_dict(state: &State<'_, '_>, values: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    dict(state, fields(state, &values.into_values())?)
}

pub fn namespace(state: &State<'_, '_>, values: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let namespace = Namespace::default();
    for (name, value) in fields(state, &values.into_values())? {
        let name = name.as_str().ok_or_else(|| error("the names in a namespace are texts"))?;
        namespace.set(state, name, value)?;
    }
    Ok(Value::from_object(namespace))
}
