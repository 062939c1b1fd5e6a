//! Methods of Python's texts, lists, tuples and dictionaries. Those that change their object are refused, as in
//! Transformers' sandbox.

use minijinja::{Error, ErrorKind, State, Value};

use super::arguments::Arguments;
use super::operators::equal;
use super::text_methods;
use super::values::{Py, View, ViewKind, dict, error, int, items, pairs, tuple, type_name};

const OF_DICT: &[&str] = &["copy", "fromkeys", "get", "items", "keys", "values"];
const OF_LIST: &[&str] = &["copy", "count", "index"];
const OF_TUPLE: &[&str] = &["count", "index"];
/// Methods of lists and dictionaries that change them.
const CHANGING: &[&str] =
    &["append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault", "sort", "update"];
const CHANGING_LIST: &[&str] = &["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"];
const CHANGING_DICT: &[&str] = &["clear", "pop", "popitem", "setdefault", "update"];
/// Methods of integers and floats.
const OF_NUMBER: &[&str] = &["is_integer"];

/// Whether some type has a method of this name.
pub fn is_known(name: &str) -> bool {
    [text_methods::NAMES, OF_DICT, OF_LIST, CHANGING, OF_NUMBER].iter().any(|names| names.contains(&name))
}

/// Whether this value has a method of this name.
pub fn has(value: &Value, name: &str) -> bool {
    let all: [&[&str]; 2] = match Py::of(value) {
        Py::Text(_) => [text_methods::NAMES, &[]],
        Py::List => [OF_LIST, CHANGING_LIST],
        Py::Dict => [OF_DICT, CHANGING_DICT],
        Py::Tuple | Py::Group(_) | Py::Range(_) => [OF_TUPLE, &[]],
        Py::Int(_) | Py::Float(_) | Py::Bool(_) => [OF_NUMBER, &[]],
        _ => [&[], &[]],
    };
    all.iter().any(|names| names.contains(&name))
}

pub fn call(state: &mut State<'_, '_>, object: &Value, name: &str, values: &[Value]) -> Result<Value, Error> {
    if !has(object, name) {
        return call_other(state, object, name, values);
    }
    let arguments = Arguments::new(values)?;
    match Py::of(object) {
        Py::List | Py::Dict if CHANGING.contains(&name) => {
            Err(error(format!("{name} would change a {}, which a chat template may not", type_name(object))))
        }
        Py::Text(text) if object.is_safe() => text_methods::call_safe(state, text, name, arguments),
        Py::Text(text) => text_methods::call(state, text, name, arguments),
        Py::Dict => of_dict(state, object, name, arguments),
        Py::Int(_) | Py::Bool(_) => arguments.finish().map(|()| Value::from(true)),
        Py::Float(float) => arguments.finish().map(|()| Value::from(float.fract() == 0.0)),
        _ => of_sequence(state, object, name, arguments),
    }
}

/// What a namespace or dictionary holds under this name, or a method of one of the engine's objects.
fn call_other(state: &mut State<'_, '_>, object: &Value, name: &str, values: &[Value]) -> Result<Value, Error> {
    if object.is_undefined() {
        return Err(Error::new(ErrorKind::UndefinedError, format!("{name} is called on something that isn't defined")));
    }
    match Py::of(object) {
        Py::Namespace(namespace) => match namespace.get(name) {
            Some(held) => held.call(state, values),
            None => Err(error(format!("a namespace holds no {name}"))),
        },
        Py::Other | Py::Dict => object.call_method(state, name, values),
        py => Err(error(format!("a value of type {} has no method {name}", py.type_name()))),
    }
}

fn of_dict(state: &State<'_, '_>, object: &Value, name: &str, mut arguments: Arguments) -> Result<Value, Error> {
    let view = |kind, items| Value::from_object(View { kind, items });
    match name {
        "get" => {
            let key = arguments.next().ok_or_else(|| error("get needs a key"))?;
            let default = arguments.next().unwrap_or_else(|| Value::from(()));
            arguments.finish()?;
            if matches!(Py::of(&key), Py::List | Py::Dict) {
                return Err(error(format!("a {} can't be a key", type_name(&key))));
            }
            Ok(object.as_object().and_then(|object| object.get_value(&key)).unwrap_or(default))
        }
        "fromkeys" => {
            let keys = arguments.next().ok_or_else(|| error("fromkeys needs keys"))?;
            let value = arguments.next().unwrap_or_else(|| Value::from(()));
            arguments.finish()?;
            dict(state, items(state, &keys)?.into_iter().map(|key| (key, value.clone())).collect())
        }
        _ => {
            arguments.finish()?;
            let pairs = pairs(state, object)?.into_iter();
            Ok(match name {
                "keys" => view(ViewKind::Keys, pairs.map(|(key, _)| key).collect()),
                "values" => view(ViewKind::Values, pairs.map(|(_, value)| value).collect()),
                "items" => view(ViewKind::Items, pairs.map(|(key, value)| tuple(vec![key, value])).collect()),
                _ => object.clone(),
            })
        }
    }
}

fn of_sequence(state: &State<'_, '_>, object: &Value, name: &str, mut arguments: Arguments) -> Result<Value, Error> {
    if name == "copy" {
        return arguments.finish().map(|()| object.clone());
    }
    let all = items(state, object)?;
    let searched = arguments.next().ok_or_else(|| error(format!("{name} needs a value")))?;
    let (from, to) = if name == "index" { text_methods::bounds(&mut arguments, all.len())? } else { (0, all.len()) };
    arguments.finish()?;
    let mut count = 0;
    for (at, item) in all.iter().enumerate().take(to).skip(from) {
        if equal(state, item, &searched)? {
            count += 1;
            if name == "index" {
                return Ok(int(at as i128));
            }
        }
    }
    if name == "index" { Err(error("index finds no such item")) } else { Ok(int(count)) }
}
