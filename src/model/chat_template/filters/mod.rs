//! Jinja2's filters. One that isn't here is unknown to a template, which is an error when it is used.

mod choices;
mod numbers;
mod sequences;
mod texts;

use minijinja::{Error, State, Value};

use super::arguments::Arguments;
use super::operators::item;
use super::values::{Py, error, int, type_name};

pub type Filter = fn(&State<'_, '_>, &Value, Arguments) -> Result<Value, Error>;

pub const FILTERS: &[(&str, Filter)] = &[
    ("abs", numbers::abs),
    ("attr", choices::attr),
    ("batch", sequences::batch),
    ("capitalize", texts::capitalize),
    ("center", texts::center),
    ("count", sequences::length),
    ("d", choices::default),
    ("default", choices::default),
    ("dictsort", sequences::dictsort),
    ("e", texts::escape),
    ("escape", texts::escape),
    ("first", sequences::first),
    ("float", numbers::float),
    ("forceescape", texts::force_escape),
    ("format", texts::format),
    ("groupby", sequences::groupby),
    ("indent", texts::indent),
    ("int", numbers::int),
    ("items", sequences::dict_items),
    ("join", sequences::join),
    ("last", sequences::last),
    ("length", sequences::length),
    ("list", sequences::list),
    ("lower", texts::lower),
    ("map", choices::map),
    ("max", sequences::max),
    ("min", sequences::min),
    ("reject", choices::reject),
    ("rejectattr", choices::rejectattr),
    ("replace", texts::replace),
    ("reverse", sequences::reverse),
    ("round", numbers::round),
    ("safe", texts::safe),
    ("select", choices::select),
    ("selectattr", choices::selectattr),
    ("slice", sequences::slice),
    ("sort", sequences::sort),
    ("string", texts::string),
    ("sum", sequences::sum),
    ("title", texts::title),
    ("tojson", super::json::to_json),
    ("trim", texts::trim),
    ("truncate", texts::truncate),
    ("unique", sequences::unique),
    ("upper", texts::upper),
    ("urlencode", texts::urlencode),
    ("wordcount", texts::wordcount),
];

fn find(name: &str) -> Result<Filter, Error> {
    let found = FILTERS.iter().find(|(known, _)| *known == name).map(|(_, filter)| *filter);
    found.ok_or_else(|| error(format!("there is no filter {name}")))
}

/// A path like `a.b.0` into an item; without one the item itself.
struct Path {
    parts: Vec<Value>,
    default: Option<Value>,
}

impl Path {
    fn new(attribute: Option<Value>, default: Option<Value>) -> Result<Self, Error> {
        let default = default.filter(|default| !default.is_none());
        let parts = match attribute.as_ref().map(Py::of) {
            None | Some(Py::None) => Vec::new(),
            Some(Py::Text(path)) => path.split('.').map(part).collect(),
            Some(Py::Int(at)) => vec![int(at)],
            Some(py) => return Err(error(format!("an attribute can't be of type {}", py.type_name()))),
        };
        Ok(Self { parts, default })
    }

    fn of(&self, value: &Value) -> Result<Value, Error> {
        let mut found = value.clone();
        for part in &self.parts {
            found = item(&found, part)?;
            if let (true, Some(default)) = (found.is_undefined(), &self.default) {
                found = default.clone();
            }
        }
        Ok(found)
    }
}

fn part(part: &str) -> Value {
    let is_index = !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
    part.parse::<i64>().ok().filter(|_| is_index).map_or_else(|| Value::from(part), Value::from)
}

/// The value for a comparison, in which upper and lower case may count as equal.
fn folded(value: Value, is_case_sensitive: bool) -> Value {
    match value.as_str() {
        Some(text) if !is_case_sensitive => Value::from(text.to_lowercase()),
        _ => value,
    }
}

fn count(value: i128, what: &str) -> Result<usize, Error> {
    usize::try_from(value).map_err(|_| error(format!("{what} can't be {value}")))
}

fn not_a(value: &Value, what: &str) -> Error {
    error(format!("{what}, not a value of type {}", type_name(value)))
}
