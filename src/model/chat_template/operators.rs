//! Operators with Python's meaning. What Python refuses is an error, and what would be too large is one, too.

use minijinja::{Error, ErrorKind, State, Value};

use super::percent::percent;
use super::print::text as as_text;
use super::values::{
    MAX_ITEMS, MAX_TEXT, Method, Namespace, Py, charge, charge_text, error, int, items, list, pairs, text, too_long,
    too_many, tuple, type_name, wrong_type,
};

/// Integers up to here are floats without a loss.
const EXACT: u128 = 1 << 53;

fn unsupported(sign: &str, a: &Value, b: &Value) -> Error {
    if a.is_undefined() || b.is_undefined() {
        return Error::new(ErrorKind::UndefinedError, format!("something that isn't defined is used with {sign}"));
    }
    error(format!("{sign} can't be used with values of type {} and {}", type_name(a), type_name(b)))
}

fn too_large() -> Error {
    error("the template calculates with a number that is too large")
}

pub fn add(state: &State<'_, '_>, a: &Value, b: &Value) -> Result<Value, Error> {
    match (Py::of(a), Py::of(b)) {
        (Py::Text(left), Py::Text(right)) => {
            if left.len() + right.len() > MAX_TEXT {
                return Err(too_long());
            }
            match (a.is_safe(), b.is_safe()) {
                (false, false) => Ok(Value::from([left, right].concat())),
                (true, true) => Ok(Value::from_safe_string([left, right].concat())),
                // What is safe escapes what it is put together with.
                (true, false) => Ok(Value::from_safe_string(left.to_owned() + &escaped(right))),
                (false, true) => Ok(Value::from_safe_string(escaped(left) + right)),
            }
        }
        (Py::List, Py::List) => list_sum(state, a, b).map(Value::from),
        (Py::Tuple | Py::Group(_), Py::Tuple | Py::Group(_)) => list_sum(state, a, b).map(tuple),
        (x, y) => arithmetic("+", a, b, (&x, &y), i128::checked_add, |x, y| x + y),
    }
}

fn list_sum(state: &State<'_, '_>, a: &Value, b: &Value) -> Result<Vec<Value>, Error> {
    let mut sum = items(state, a)?;
    sum.extend(items(state, b)?);
    if sum.len() > MAX_ITEMS { Err(too_many()) } else { Ok(sum) }
}

fn arithmetic(
    sign: &str,
    a: &Value,
    b: &Value,
    (x, y): (&Py<'_>, &Py<'_>),
    ints: impl Fn(i128, i128) -> Option<i128>,
    floats: impl Fn(f64, f64) -> f64,
) -> Result<Value, Error> {
    match (x.as_int(), y.as_int()) {
        (Some(x), Some(y)) => ints(x, y).map(int).ok_or_else(too_large),
        _ => match (x.as_float(), y.as_float()) {
            (Some(x), Some(y)) => Ok(Value::from(floats(x, y))),
            _ => Err(unsupported(sign, a, b)),
        },
    }
}

pub fn sub(a: &Value, b: &Value) -> Result<Value, Error> {
    arithmetic("-", a, b, (&Py::of(a), &Py::of(b)), i128::checked_sub, |x, y| x - y)
}

pub fn mul(state: &State<'_, '_>, a: &Value, b: &Value) -> Result<Value, Error> {
    let (x, y) = (Py::of(a), Py::of(b));
    match (&x, &y) {
        (Py::Text(_) | Py::List | Py::Tuple, count) if count.as_int().is_some() => repeat(state, a, count.as_int()),
        (count, Py::Text(_) | Py::List | Py::Tuple) if count.as_int().is_some() => repeat(state, b, count.as_int()),
        _ => arithmetic("*", a, b, (&x, &y), i128::checked_mul, |x, y| x * y),
    }
}

fn repeat(state: &State<'_, '_>, value: &Value, count: Option<i128>) -> Result<Value, Error> {
    let count = usize::try_from(count.unwrap_or_default().max(0)).map_err(|_| too_large())?;
    if let Some(repeated) = value.as_str() {
        return match repeated.len().checked_mul(count) {
            Some(len) if len <= MAX_TEXT => Ok(same_safety(value, repeated.repeat(count))),
            _ => Err(too_long()),
        };
    }
    let values = items(state, value)?;
    match values.len().checked_mul(count) {
        Some(len) if len <= MAX_ITEMS => {
            charge(state, len)?;
            let repeated = std::iter::repeat_n(&values, count).flatten().cloned().collect();
            Ok(if value.is_tuple() { tuple(repeated) } else { Value::from(repeated) })
        }
        _ => Err(too_many()),
    }
}

/// A text that is safe where the one that it was made of is.
pub fn same_safety(of: &Value, text: String) -> Value {
    if of.is_safe() { Value::from_safe_string(text) } else { Value::from(text) }
}

/// `/` gives a float always.
pub fn div(a: &Value, b: &Value) -> Result<Value, Error> {
    let (x, y) = (Py::of(a), Py::of(b));
    let inexact = |x: &Py<'_>| x.as_int().is_some_and(|int| int.unsigned_abs() > EXACT);
    match (x.as_float(), y.as_float()) {
        (Some(_), Some(0.0)) => Err(error("division by zero")),
        (Some(_), Some(_)) if inexact(&x) || inexact(&y) => Err(too_large()),
        (Some(x), Some(y)) => Ok(Value::from(x / y)),
        _ => Err(unsupported("/", a, b)),
    }
}

pub fn floor_div(a: &Value, b: &Value) -> Result<Value, Error> {
    let (x, y) = (Py::of(a), Py::of(b));
    not_zero(&y)?;
    let ints = |x: i128, y: i128| {
        let quotient = x.checked_div(y)?;
        if x % y != 0 && (x < 0) != (y < 0) { quotient.checked_sub(1) } else { Some(quotient) }
    };
    arithmetic("//", a, b, (&x, &y), ints, |x, y| float_div_rem(x, y).0)
}

pub fn rem(state: &State<'_, '_>, a: &Value, b: &Value) -> Result<Value, Error> {
    if let Some(format) = a.as_str() {
        return percent(state, format, a.is_safe(), b);
    }
    let (x, y) = (Py::of(a), Py::of(b));
    not_zero(&y)?;
    let ints = |x: i128, y: i128| {
        let rest = x.checked_rem(y)?;
        if rest != 0 && (rest < 0) != (y < 0) { rest.checked_add(y) } else { Some(rest) }
    };
    arithmetic("%", a, b, (&x, &y), ints, |x, y| float_div_rem(x, y).1)
}

fn not_zero(divisor: &Py<'_>) -> Result<(), Error> {
    if divisor.as_float() == Some(0.0) { Err(error("division by zero")) } else { Ok(()) }
}

/// Divides floats as Python does: the remainder has the divisor's sign.
fn float_div_rem(a: f64, b: f64) -> (f64, f64) {
    let mut rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest == 0.0 {
        rest = 0.0f64.copysign(b);
    } else if (rest < 0.0) != (b < 0.0) {
        rest += b;
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return (0.0f64.copysign(a / b), rest);
    }
    let floor = quotient.floor();
    (if quotient - floor > 0.5 { floor + 1.0 } else { floor }, rest)
}

pub fn pow(a: &Value, b: &Value) -> Result<Value, Error> {
    let (x, y) = (Py::of(a), Py::of(b));
    if let (Some(base), Some(exponent @ 0..)) = (x.as_int(), y.as_int()) {
        let power = u32::try_from(exponent).ok().and_then(|exponent| base.checked_pow(exponent));
        return power.map(int).ok_or_else(too_large);
    }
    let (Some(base), Some(exponent)) = (x.as_float(), y.as_float()) else { return Err(unsupported("**", a, b)) };
    if base == 0.0 && exponent < 0.0 {
        return Err(error("zero can't be raised to a negative power"));
    }
    let power = base.powf(exponent);
    let is_complex = base < 0.0 && exponent.fract() != 0.0;
    if is_complex || (power.is_infinite() && base.is_finite() && exponent.is_finite()) {
        return Err(too_large());
    }
    Ok(Value::from(power))
}

pub fn neg(a: &Value) -> Result<Value, Error> {
    let py = Py::of(a);
    match (py.as_int(), py.as_float()) {
        (Some(number), _) => number.checked_neg().map(int).ok_or_else(too_large),
        (_, Some(number)) => Ok(Value::from(-number)),
        _ => Err(wrong_type(a, "has no negative")),
    }
}

/// `~`
pub fn concat(state: &State<'_, '_>, a: &Value, b: &Value) -> Result<Value, Error> {
    text(as_text(state, a)? + &as_text(state, b)?)
}

pub fn equal(state: &State<'_, '_>, a: &Value, b: &Value) -> Result<bool, Error> {
    let (x, y) = (Py::of(a), Py::of(b));
    match (&x, &y) {
        (Py::Undefined, Py::Undefined) | (Py::None, Py::None) => Ok(true),
        (Py::Text(x), Py::Text(y)) => {
            charge_text(state, x.len().min(y.len()))?;
            Ok(x == y)
        }
        (Py::List, Py::List) | (Py::Tuple | Py::Group(_), Py::Tuple | Py::Group(_)) => {
            let (x, y) = (items(state, a)?, items(state, b)?);
            Ok(x.len() == y.len() && first_difference(state, &x, &y)?.is_none())
        }
        (Py::Dict, Py::Dict) => {
            let (x, y) = (pairs(state, a)?, pairs(state, b)?);
            if x.len() != y.len() {
                return Ok(false);
            }
            for (name, value) in x {
                match b.as_object().and_then(|object| object.get_value(&name)) {
                    Some(other) if equal(state, &value, &other)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(true)
        }
        (Py::Range(x), Py::Range(y)) => Ok(x.values().eq(y.values())),
        (Py::View(_), Py::View(_)) | (Py::Other, Py::Other) => Err(unsupported("==", a, b)),
        (Py::Namespace(x), Py::Namespace(y)) => Ok(std::ptr::eq(*x, *y)),
        (Py::Generator(x), Py::Generator(y)) => Ok(std::ptr::eq(*x, *y)),
        _ => Ok(match (x.as_int(), y.as_int()) {
            (Some(x), Some(y)) => x == y,
            _ => matches!((x.as_float(), y.as_float()), (Some(x), Some(y)) if x == y),
        }),
    }
}

fn first_difference(state: &State<'_, '_>, x: &[Value], y: &[Value]) -> Result<Option<usize>, Error> {
    for at in 0..x.len().min(y.len()) {
        if !equal(state, &x[at], &y[at])? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// `a < b`
pub fn less(state: &State<'_, '_>, a: &Value, b: &Value) -> Result<bool, Error> {
    let (x, y) = (Py::of(a), Py::of(b));
    match (&x, &y) {
        (Py::Text(x), Py::Text(y)) => {
            charge_text(state, x.len().min(y.len()))?;
            Ok(x < y)
        }
        (Py::List, Py::List) | (Py::Tuple | Py::Group(_), Py::Tuple | Py::Group(_)) => {
            let (x, y) = (items(state, a)?, items(state, b)?);
            match first_difference(state, &x, &y)? {
                Some(at) => less(state, &x[at], &y[at]),
                None => Ok(x.len() < y.len()),
            }
        }
        _ => match (x.as_int(), y.as_int(), x.as_float(), y.as_float()) {
            (Some(x), Some(y), ..) => Ok(x < y),
            (.., Some(x), Some(y)) if x.is_nan() || y.is_nan() => Err(error("NaN has no order")),
            (.., Some(x), Some(y)) => Ok(x < y),
            _ => Err(unsupported("<", a, b)),
        },
    }
}

/// One of `a == b`, `a < b` and so on, by its name in the engine's tests.
pub fn compare(state: &State<'_, '_>, a: &Value, sign: &str, b: &Value) -> Result<bool, Error> {
    match sign {
        "eq" => equal(state, a, b),
        "ne" => Ok(!equal(state, a, b)?),
        "lt" => less(state, a, b),
        "gt" => less(state, b, a),
        "le" => Ok(less(state, a, b)? || equal(state, a, b)?),
        "ge" => Ok(less(state, b, a)? || equal(state, a, b)?),
        "in" => contains(state, b, a),
        "notin" => Ok(!contains(state, b, a)?),
        _ => Err(error(format!("there is no comparison {sign}"))),
    }
}

pub fn contains(state: &State<'_, '_>, container: &Value, item: &Value) -> Result<bool, Error> {
    match Py::of(container) {
        Py::Text(text) => {
            let searched = item.as_str().ok_or_else(|| wrong_type(item, "can't be in a text"))?;
            charge_text(state, text.len())?;
            Ok(text.contains(searched))
        }
        Py::Dict => match Py::of(item) {
            Py::List | Py::Dict => Err(wrong_type(item, "can't be a key")),
            _ => Ok(container.as_object().is_some_and(|object| object.get_value(item).is_some())),
        },
        _ => {
            for other in items(state, container)? {
                if equal(state, &other, item)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

/// `value.name`: a method where there is one, else the key.
pub fn attribute(value: &Value, name: &str) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(wrong_type(value, &format!("has no attribute {name}")));
    }
    if super::methods::has(value, name) {
        return Ok(Value::from_object(Method { object: value.clone(), name: name.to_owned() }));
    }
    item_of(value, &Value::from(name))
}

/// `value[key]`: the key, else a method of this name.
pub fn item(value: &Value, key: &Value) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(wrong_type(value, "has no items"));
    }
    let found = item_of(value, key)?;
    match key.as_str() {
        Some(name) if found.is_undefined() && super::methods::has(value, name) => {
            Ok(Value::from_object(Method { object: value.clone(), name: name.to_owned() }))
        }
        _ => Ok(found),
    }
}

fn item_of(value: &Value, key: &Value) -> Result<Value, Error> {
    let is_index = matches!(Py::of(key), Py::Int(_) | Py::Bool(_));
    match Py::of(value) {
        Py::Text(_) | Py::List | Py::Tuple => {
            let Some(index) = Py::of(key).as_int() else { return Ok(Value::UNDEFINED) };
            value.get_item(&int(index))
        }
        Py::View(_) | Py::Generator(_) | Py::Method(_) => Ok(Value::UNDEFINED),
        Py::Range(_) | Py::Group(_) if !is_index && key.as_str().is_none() => Ok(Value::UNDEFINED),
        _ => Ok(value.as_object().and_then(|object| object.get_value(key)).unwrap_or_default()),
    }
}

/// `value[start:stop:step]`
pub fn slice(state: &State<'_, '_>, value: &Value, bounds: [&Value; 3]) -> Result<Value, Error> {
    let bound = |bound: &Value| match Py::of(bound) {
        Py::None => Ok(None),
        py => py.as_int().map(Some).ok_or_else(|| wrong_type(bound, "can't be a bound of a part")),
    };
    let [start, stop, step] = [bound(bounds[0])?, bound(bounds[1])?, bound(bounds[2])?.or(Some(1))];
    let step = step.filter(|step| *step != 0).ok_or_else(|| error("a part can't have a step of zero"))?;
    match Py::of(value) {
        Py::Text(text) => {
            // Four bytes a letter, for a while.
            charge_text(state, 4 * text.len())?;
            let chars: Vec<char> = text.chars().collect();
            let part = indices(chars.len(), start, stop, step).map(|at| chars[at]).collect();
            Ok(same_safety(value, part))
        }
        py @ (Py::List | Py::Tuple | Py::Group(_)) => {
            let items = items(state, value)?;
            let part: Vec<Value> = indices(items.len(), start, stop, step).map(|at| items[at].clone()).collect();
            Ok(if matches!(py, Py::List) { Value::from(part) } else { tuple(part) })
        }
        _ => Err(wrong_type(value, "has no parts")),
    }
}

/// The places that a slice takes of a sequence.
fn indices(len: usize, start: Option<i128>, stop: Option<i128>, step: i128) -> impl Iterator<Item = usize> {
    let len = len as i128;
    let (lowest, highest) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let clamp = |at: i128| (if at < 0 { at.saturating_add(len) } else { at }).clamp(lowest, highest);
    let start = start.map_or(if step > 0 { lowest } else { highest }, clamp);
    let stop = stop.map_or(if step > 0 { highest } else { lowest }, clamp);
    let mut next = start;
    std::iter::from_fn(move || {
        let at = next;
        let is_inside = if step > 0 { at < stop } else { at > stop };
        next = next.saturating_add(step);
        is_inside.then_some(at as usize)
    })
}

/// What a loop goes over.
pub fn iterable(state: &State<'_, '_>, value: &Value) -> Result<Value, Error> {
    match Py::of(value) {
        Py::Undefined | Py::List | Py::Tuple | Py::Dict => Ok(value.clone()),
        _ => list(state, items(state, value)?),
    }
}

/// `{% set value.name = … %}`
pub fn set_attribute(state: &State<'_, '_>, target: &Value, name: &str, value: Value) -> Result<Value, Error> {
    match target.downcast_object_ref::<Namespace>() {
        Some(namespace) => namespace.set(state, name, value).map(|()| Value::from("")),
        None => Err(wrong_type(target, "isn't a namespace, whose attributes can be set")),
    }
}

/// At most five times as long.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            c => out.push(c),
        }
    }
    out
}
