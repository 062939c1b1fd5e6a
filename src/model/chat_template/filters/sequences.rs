//! Filters on lists, dictionaries and whatever else can be iterated over.

use minijinja::{Error, State, Value};

use super::super::arguments::Arguments;
use super::super::operators::{add, equal, less};
use super::super::print::text as as_text;
use super::super::sorting::sorted;
use super::super::values::{
    Generator, Group, Py, charge, charge_text, check_nesting, error, int, items, pairs, tuple, wrong_type,
};
use super::texts::join_texts;
use super::{Path, count, folded, not_a};

/// A list whose nesting has been looked at.
fn checked(state: &State<'_, '_>, items: Vec<Value>) -> Result<Value, Error> {
    super::super::values::list(state, items)
}

fn generator(state: &State<'_, '_>, items: Vec<Value>) -> Result<Value, Error> {
    let generator = Generator::value(items);
    check_nesting(state, &generator)?;
    Ok(generator)
}

pub fn length(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    arguments.finish()?;
    let len = match Py::of(value) {
        Py::Text(text) => {
            charge_text(state, text.len())?;
            text.chars().count()
        }
        Py::Undefined => 0,
        Py::List | Py::Tuple | Py::Dict => value.len().unwrap_or_default(),
        Py::View(view) => view.items.len(),
        Py::Range(range) => range.len(),
        Py::Group(_) => 2,
        _ => return Err(wrong_type(value, "has no length")),
    };
    Ok(int(len as i128))
}

pub fn list(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    arguments.finish()?;
    checked(state, items(state, value)?)
}

pub fn first(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    arguments.finish()?;
    Ok(items(state, value)?.into_iter().next().unwrap_or_default())
}

pub fn last(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    arguments.finish()?;
    if matches!(Py::of(value), Py::Generator(_)) {
        return Err(not_a(value, "last needs a list"));
    }
    Ok(items(state, value)?.pop().unwrap_or_default())
}

pub fn join(state: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let separator = arguments.take("d").map_or(Ok(String::new()), |separator| as_text(state, &separator))?;
    let path = Path::new(arguments.take("attribute"), None)?;
    arguments.finish()?;
    let parts =
        items(state, value)?.iter().map(|item| as_text(state, &path.of(item)?)).collect::<Result<Vec<_>, _>>()?;
    join_texts(&separator, &parts)
}

pub fn reverse(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    arguments.finish()?;
    if let Some(text) = value.as_str() {
        return Ok(Value::from(text.chars().rev().collect::<String>()));
    }
    let reversed = items(state, value)?.into_iter().rev().collect();
    // What Python can't walk over backwards it makes a list of.
    if matches!(Py::of(value), Py::Generator(_)) { checked(state, reversed) } else { generator(state, reversed) }
}

pub fn batch(state: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let size = arguments.need_int("linecount")?;
    let fill = arguments.take("fill_with").filter(|fill| !fill.is_none());
    arguments.finish()?;
    let size = count(size.max(1), "a size")?;
    let mut batches = Vec::new();
    for part in items(state, value)?.chunks(size) {
        let mut batch = part.to_vec();
        if let Some(fill) = &fill {
            let missing = size - batch.len();
            if missing > 1_000_000 {
                return Err(error("a batch is too large"));
            }
            charge(state, missing)?;
            batch.extend(std::iter::repeat_n(fill.clone(), missing));
        }
        batches.push(Value::from(batch));
    }
    generator(state, batches)
}

pub fn slice(state: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let slices = count(arguments.need_int("slices")?, "a number of slices")?;
    let fill = arguments.take("fill_with").filter(|fill| !fill.is_none());
    arguments.finish()?;
    if slices == 0 {
        return Err(error("division by zero"));
    }
    let all = items(state, value)?;
    charge(state, slices)?;
    let (size, extra) = (all.len() / slices, all.len() % slices);
    let mut parts = Vec::new();
    let mut from = 0;
    for at in 0..slices {
        let to = from + size + usize::from(at < extra);
        let mut part = all[from..to].to_vec();
        part.extend(fill.clone().filter(|_| at >= extra));
        parts.push(Value::from(part));
        from = to;
    }
    generator(state, parts)
}

pub fn sum(state: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let path = Path::new(arguments.take("attribute"), None)?;
    let mut sum = arguments.take("start").unwrap_or_else(|| int(0));
    arguments.finish()?;
    if sum.as_str().is_some() {
        return Err(not_a(&sum, "sum starts with a number"));
    }
    for item in items(state, value)? {
        sum = add(state, &sum, &path.of(&item)?)?;
    }
    Ok(sum)
}

pub fn min(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    extreme(state, value, arguments, |a, b| less(state, a, b))
}

pub fn max(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    extreme(state, value, arguments, |a, b| less(state, b, a))
}

fn extreme(
    state: &State<'_, '_>,
    value: &Value,
    mut arguments: Arguments,
    is_better: impl Fn(&Value, &Value) -> Result<bool, Error>,
) -> Result<Value, Error> {
    let is_case_sensitive = arguments.take_true("case_sensitive");
    let path = Path::new(arguments.take("attribute"), None)?;
    arguments.finish()?;
    let mut best: Option<(Value, Value)> = None;
    for item in items(state, value)? {
        let key = folded(path.of(&item)?, is_case_sensitive);
        let is_new = match &best {
            Some((best, _)) => is_better(&key, best)?,
            None => true,
        };
        if is_new {
            best = Some((key, item));
        }
    }
    Ok(best.map(|(_, item)| item).unwrap_or_default())
}

/// Items with what they are compared by.
fn sorted_by_key(
    state: &State<'_, '_>,
    keyed: Vec<(Value, Value)>,
    is_reversed: bool,
) -> Result<Vec<(Value, Value)>, Error> {
    sorted(keyed, |(a, _), (b, _)| if is_reversed { less(state, b, a) } else { less(state, a, b) })
}

pub fn sort(state: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let is_reversed = arguments.take_true("reverse");
    let is_case_sensitive = arguments.take_true("case_sensitive");
    let attribute = arguments.take("attribute");
    arguments.finish()?;
    let paths = match attribute.as_ref().and_then(Value::as_str) {
        Some(several) => {
            several.split(',').map(|one| Path::new(Some(Value::from(one)), None)).collect::<Result<_, _>>()?
        }
        None => vec![Path::new(attribute, None)?],
    };
    let mut keyed = Vec::new();
    for item in items(state, value)? {
        let keys = paths.iter().map(|path| Ok(folded(path.of(&item)?, is_case_sensitive)));
        keyed.push((Value::from(keys.collect::<Result<Vec<_>, Error>>()?), item));
    }
    let sorted = sorted_by_key(state, keyed, is_reversed)?;
    checked(state, sorted.into_iter().map(|(_, item)| item).collect())
}

pub fn dictsort(state: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let is_case_sensitive = arguments.take_true("case_sensitive");
    let by = arguments.take("by").unwrap_or_else(|| Value::from("key"));
    let is_reversed = arguments.take_true("reverse");
    arguments.finish()?;
    let is_by_value = match by.as_str() {
        Some("key") => false,
        Some("value") => true,
        _ => return Err(error("dictsort sorts by key or by value")),
    };
    let keyed = pairs(state, value)?.into_iter().map(|(key, value)| {
        let by = if is_by_value { value.clone() } else { key.clone() };
        (folded(by, is_case_sensitive), tuple(vec![key, value]))
    });
    let sorted = sorted_by_key(state, keyed.collect(), is_reversed)?;
    checked(state, sorted.into_iter().map(|(_, pair)| pair).collect())
}

pub fn dict_items(state: &State<'_, '_>, value: &Value, arguments: Arguments) -> Result<Value, Error> {
    arguments.finish()?;
    let pairs = if value.is_undefined() { Vec::new() } else { pairs(state, value)? };
    generator(state, pairs.into_iter().map(|(key, value)| tuple(vec![key, value])).collect())
}

pub fn unique(state: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let is_case_sensitive = arguments.take_true("case_sensitive");
    let path = Path::new(arguments.take("attribute"), None)?;
    arguments.finish()?;
    let mut seen: Vec<Value> = Vec::new();
    let mut unique = Vec::new();
    for item in items(state, value)? {
        let key = folded(path.of(&item)?, is_case_sensitive);
        if matches!(Py::of(&key), Py::List | Py::Dict) {
            return Err(not_a(&key, "unique compares texts and numbers"));
        }
        charge(state, seen.len())?;
        let mut is_seen = false;
        for other in &seen {
            is_seen |= equal(state, other, &key)?;
        }
        if !is_seen {
            seen.push(key);
            unique.push(item);
        }
    }
    generator(state, unique)
}

pub fn groupby(state: &State<'_, '_>, value: &Value, mut arguments: Arguments) -> Result<Value, Error> {
    let attribute = arguments.need("attribute")?;
    let path = Path::new(Some(attribute), arguments.take("default"))?;
    let is_case_sensitive = arguments.take_true("case_sensitive");
    arguments.finish()?;
    let mut keyed = Vec::new();
    for item in items(state, value)? {
        keyed.push((folded(path.of(&item)?, is_case_sensitive), item));
    }
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for (key, item) in sorted_by_key(state, keyed, false)? {
        match groups.last_mut() {
            Some((last, group)) if equal(state, last, &key)? => group.push(item),
            _ => groups.push((key, vec![item])),
        }
    }
    let mut named = Vec::new();
    for (key, group) in groups {
        let grouper = match group.first() {
            Some(first) if !is_case_sensitive => path.of(first)?,
            _ => key,
        };
        named.push(Value::from_object(Group { grouper, list: Value::from(group) }));
    }
    checked(state, named)
}
