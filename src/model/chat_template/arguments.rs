//! Arguments of a filter, test or method, taken one after another by place or by name.

use minijinja::value::Kwargs;
use minijinja::{Error, ErrorKind, Value};

use super::values::{Py, error, type_name};

#[derive(Debug, Clone, Default)]
pub struct Arguments {
    by_place: std::collections::VecDeque<Value>,
    by_name: Vec<(String, Value)>,
}

impl Arguments {
    pub fn new(values: &[Value]) -> Result<Self, Error> {
        let (values, named) = match values.split_last() {
            Some((last, values)) if last.is_kwargs() => (values, Some(Kwargs::try_from(last.clone())?)),
            _ => (values, None),
        };
        let mut by_name = Vec::new();
        for name in named.iter().flat_map(|named| named.args()) {
            let value = named.as_ref().map(|named| named.get::<Value>(name)).transpose()?;
            by_name.extend(value.map(|value| (name.to_owned(), value)));
        }
        Ok(Self { by_place: values.iter().cloned().collect(), by_name })
    }

    pub fn named(by_name: Vec<(String, Value)>) -> Self {
        Self { by_name, ..Self::default() }
    }

    /// The next one, or the one of this name.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.by_place.pop_front().or_else(|| self.take_named(name))
    }

    pub fn take_named(&mut self, name: &str) -> Option<Value> {
        let at = self.by_name.iter().position(|(given, _)| given == name)?;
        Some(self.by_name.remove(at).1)
    }

    /// The next one, which has no name.
    pub fn next(&mut self) -> Option<Value> {
        self.by_place.pop_front()
    }

    pub fn need(&mut self, name: &str) -> Result<Value, Error> {
        self.take(name).ok_or_else(|| Error::new(ErrorKind::MissingArgument, format!("{name} is missing")))
    }

    pub fn need_int(&mut self, name: &str) -> Result<i128, Error> {
        self.need(name).and_then(|value| as_int(&value, name))
    }

    pub fn take_int(&mut self, name: &str) -> Result<Option<i128>, Error> {
        self.take(name).filter(|value| !value.is_none()).map(|value| as_int(&value, name)).transpose()
    }

    pub fn take_true(&mut self, name: &str) -> bool {
        self.take(name).is_some_and(|value| value.is_true())
    }

    pub fn need_text(&mut self, name: &str) -> Result<String, Error> {
        let value = self.need(name)?;
        let text = value.as_str().map(str::to_owned);
        text.ok_or_else(|| error(format!("{name} must be a text, not of type {}", type_name(&value))))
    }

    /// What is left, by place and by name.
    pub fn rest(self) -> (Vec<Value>, Vec<(String, Value)>) {
        (self.by_place.into(), self.by_name)
    }

    /// Nothing may be left.
    pub fn finish(self) -> Result<(), Error> {
        match self.by_name.first() {
            Some((name, _)) => Err(Error::new(ErrorKind::TooManyArguments, format!("{name} isn't an argument here"))),
            None if !self.by_place.is_empty() => Err(Error::new(ErrorKind::TooManyArguments, "too many arguments")),
            None => Ok(()),
        }
    }
}

fn as_int(value: &Value, name: &str) -> Result<i128, Error> {
    let py = Py::of(value);
    py.as_int().ok_or_else(|| error(format!("{name} must be an integer, not of type {}", py.type_name())))
}
