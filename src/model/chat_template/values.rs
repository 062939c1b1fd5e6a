//! Python's types among the values of a template, and the ones that the engine doesn't have.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectRepr, Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

/// How deep values may nest; Python has a limit, too.
const MAX_NESTING: usize = 60;
/// The longest text that a template may make, in bytes.
pub const MAX_TEXT: usize = 64 << 20;

/// A value by its type in Python.
pub enum Py<'a> {
    Undefined,
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(&'a str),
    List,
    Tuple,
    Dict,
    View(&'a View),
    Range(&'a Range),
    Generator(&'a Generator),
    Namespace(&'a Namespace),
    Group(&'a Group),
    Method(&'a Method),
    /// Macros, functions, `loop`, integers of more than 128 bits.
    Other,
}

impl<'a> Py<'a> {
    pub fn of(value: &'a Value) -> Self {
        match value.kind() {
            ValueKind::Undefined => Self::Undefined,
            ValueKind::None => Self::None,
            ValueKind::Bool => Self::Bool(value.is_true()),
            ValueKind::Number if value.is_integer() => i128::try_from(value.clone()).map_or(Self::Other, Self::Int),
            ValueKind::Number => f64::try_from(value.clone()).map_or(Self::Other, Self::Float),
            ValueKind::String => value.as_str().map_or(Self::Other, Self::Text),
            ValueKind::Seq if value.is_tuple() => Self::Tuple,
            ValueKind::Seq => Self::List,
            ValueKind::Map | ValueKind::Plain | ValueKind::Iterable => Self::of_object(value),
            _ => Self::Other,
        }
    }

    fn of_object(value: &'a Value) -> Self {
        if let Some(view) = value.downcast_object_ref::<View>() {
            return Self::View(view);
        }
        if let Some(range) = value.downcast_object_ref::<Range>() {
            return Self::Range(range);
        }
        if let Some(generator) = value.downcast_object_ref::<Generator>() {
            return Self::Generator(generator);
        }
        if let Some(namespace) = value.downcast_object_ref::<Namespace>() {
            return Self::Namespace(namespace);
        }
        if let Some(group) = value.downcast_object_ref::<Group>() {
            return Self::Group(group);
        }
        if let Some(method) = value.downcast_object_ref::<Method>() {
            return Self::Method(method);
        }
        match value.kind() {
            // The engine's own objects that look like dictionaries to it.
            ValueKind::Map if !is_engine_object(value) => Self::Dict,
            _ => Self::Other,
        }
    }

    /// The type's name in Python.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined => "Undefined",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
            Self::List => "list",
            Self::Tuple | Self::Group(_) => "tuple",
            Self::Dict => "dict",
            Self::View(view) => view.type_name(),
            Self::Range(_) => "range",
            Self::Generator(_) => "generator",
            Self::Namespace(_) => "Namespace",
            Self::Method(_) => "builtin_function_or_method",
            Self::Other => "object",
        }
    }

    /// Truth values count as 0 and 1.
    pub fn as_int(&self) -> Option<i128> {
        match self {
            Self::Bool(is_true) => Some(i128::from(*is_true)),
            Self::Int(int) => Some(*int),
            _ => None,
        }
    }

    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(float) => Some(*float),
            _ => self.as_int().map(|int| int as f64),
        }
    }
}

/// `loop`, macros and modules look like dictionaries to the engine.
fn is_engine_object(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.type_name().starts_with("minijinja::vm::"))
}

pub fn error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

pub fn type_name(value: &Value) -> &'static str {
    Py::of(value).type_name()
}

/// What an operation on something undefined, or of the wrong type, ends with.
pub fn wrong_type(value: &Value, what: &str) -> Error {
    match Py::of(value) {
        Py::Undefined => Error::new(ErrorKind::UndefinedError, format!("something that isn't defined {what}")),
        py => error(format!("a value of type {} {what}", py.type_name())),
    }
}

pub fn int(value: i128) -> Value {
    i64::try_from(value).map_or_else(|_| Value::from(value), Value::from)
}

/// A text, if it isn't too long.
pub fn text(text: String) -> Result<Value, Error> {
    if text.len() > MAX_TEXT { Err(too_long()) } else { Ok(Value::from(text)) }
}

pub fn too_long() -> Error {
    error(format!("the template makes a text of more than {} MB", MAX_TEXT >> 20))
}

/// The most items of a list that a template makes.
pub const MAX_ITEMS: usize = 2_000_000;

pub fn too_many() -> Error {
    error(format!("the template makes a list of more than {MAX_ITEMS} items"))
}

/// Counts work on a text of this length against the template's limit.
pub fn charge_text(state: &State<'_, '_>, num_bytes: usize) -> Result<(), Error> {
    state.consume_fuel(num_bytes as u64 / 64)
}

/// Counts work on this many items against the template's limit.
pub fn charge(state: &State<'_, '_>, num_items: usize) -> Result<(), Error> {
    state.consume_fuel(num_items as u64 / 2 + 1)
}

/// The items of anything that can be iterated over; texts give their letters, dictionaries their keys.
pub fn items(state: &State<'_, '_>, value: &Value) -> Result<Vec<Value>, Error> {
    if let Some(text) = value.as_str() {
        charge(state, text.len())?;
        if text.chars().count() > MAX_ITEMS {
            return Err(too_many());
        }
    }
    let items: Vec<Value> = match Py::of(value) {
        Py::Undefined => Vec::new(),
        Py::Text(text) => text.chars().map(|c| Value::from(c.to_string())).collect(),
        Py::List | Py::Tuple | Py::Dict => value.try_iter()?.collect(),
        Py::View(view) => view.items.clone(),
        Py::Group(group) => group.items(),
        Py::Range(range) => range.values().map(int).collect(),
        Py::Generator(generator) => generator.take()?,
        _ => return Err(wrong_type(value, "can't be iterated over")),
    };
    charge(state, items.len())?;
    Ok(items)
}

/// The keys and values of a dictionary.
pub fn pairs(state: &State<'_, '_>, value: &Value) -> Result<Vec<(Value, Value)>, Error> {
    let pairs = match Py::of(value) {
        Py::Dict => value.as_object().and_then(|object| object.try_iter_pairs()),
        _ => None,
    };
    let pairs: Vec<_> = pairs.ok_or_else(|| wrong_type(value, "isn't a dictionary"))?.collect();
    charge(state, pairs.len())?;
    Ok(pairs)
}

pub fn list(state: &State<'_, '_>, items: Vec<Value>) -> Result<Value, Error> {
    if items.len() > MAX_ITEMS {
        return Err(too_many());
    }
    let list = Value::from(items);
    check_nesting(state, &list)?;
    Ok(list)
}

pub fn tuple(items: Vec<Value>) -> Value {
    Value::from(minijinja::value::Tuple::from(items))
}

pub fn dict(state: &State<'_, '_>, pairs: Vec<(Value, Value)>) -> Result<Value, Error> {
    let dict = Value::from_pairs(pairs);
    check_nesting(state, &dict)?;
    Ok(dict)
}

/// A value is neither nested too deeply nor too large to walk over. Every value that a template builds passes here, so
/// that no other walk over values needs a bound of its own.
pub fn check_nesting(state: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    walk(state, value, 0)
}

fn walk(state: &State<'_, '_>, value: &Value, depth: usize) -> Result<(), Error> {
    let children = children(value);
    if children.is_empty() {
        return Ok(());
    }
    if depth >= MAX_NESTING {
        return Err(error(format!("a value is nested more than {MAX_NESTING} levels deep")));
    }
    charge(state, children.len())?;
    children.iter().filter(|child| child.as_object().is_some()).try_for_each(|child| walk(state, child, depth + 1))
}

/// What a container holds, without using up a generator.
fn children(value: &Value) -> Vec<Value> {
    match Py::of(value) {
        Py::List | Py::Tuple => value.try_iter().map(Iterator::collect).unwrap_or_default(),
        Py::Dict => {
            let pairs = value.as_object().and_then(|object| object.try_iter_pairs());
            pairs.into_iter().flatten().map(|(_, value)| value).collect()
        }
        Py::View(view) => view.items.clone(),
        Py::Group(group) => group.items(),
        Py::Generator(generator) => generator.peek(),
        Py::Namespace(namespace) => namespace.fields().into_iter().map(|(_, value)| value).collect(),
        Py::Method(method) => vec![method.object.clone()],
        _ => Vec::new(),
    }
}

/// Whether a namespace is somewhere in a value.
fn holds_namespace(value: &Value) -> bool {
    match Py::of(value) {
        Py::Namespace(_) => true,
        _ => children(value).iter().filter(|child| child.as_object().is_some()).any(holds_namespace),
    }
}

/// `dict.keys()`, `.values()`, `.items()`.
#[derive(Debug)]
pub struct View {
    pub kind: ViewKind,
    pub items: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewKind {
    Keys,
    Values,
    Items,
}

impl View {
    fn type_name(&self) -> &'static str {
        match self.kind {
            ViewKind::Keys => "dict_keys",
            ViewKind::Values => "dict_values",
            ViewKind::Items => "dict_items",
        }
    }
}

impl Object for View {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Iter(Box::new(self.items.clone().into_iter()))
    }
}

/// `range(…)`.
#[derive(Debug)]
pub struct Range {
    pub start: i128,
    pub stop: i128,
    pub step: i128,
}

impl Range {
    pub fn len(&self) -> usize {
        let (from, to) = if self.step > 0 { (self.start, self.stop) } else { (self.stop, self.start) };
        if from >= to { 0 } else { usize::try_from((to - from - 1) / self.step.abs() + 1).unwrap_or(usize::MAX) }
    }

    pub fn values(&self) -> impl Iterator<Item = i128> + use<> {
        let (start, step) = (self.start, self.step);
        (0..self.len() as i128).map(move |i| start + i * step)
    }
}

impl Object for Range {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let at = Py::of(key).as_int()?;
        let at = if at < 0 { at + self.len() as i128 } else { at };
        self.values().nth(usize::try_from(at).ok()?).map(int)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Iter(Box::new(self.values().map(int).collect::<Vec<_>>().into_iter()))
    }
}

/// What a filter like `map` gives: it can be read once.
#[derive(Debug)]
pub struct Generator(Mutex<Option<Vec<Value>>>);

impl Generator {
    pub fn value(items: Vec<Value>) -> Value {
        Value::from_object(Self(Mutex::new(Some(items))))
    }

    /// Python gives what is left of it the second time.
    pub fn take(&self) -> Result<Vec<Value>, Error> {
        let items = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        items.ok_or_else(|| error("the result of a filter is read twice; put |list after it"))
    }

    fn peek(&self) -> Vec<Value> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
    }
}

impl Object for Generator {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.take() {
            Ok(items) => Enumerator::Iter(Box::new(items.into_iter())),
            Err(_) => Enumerator::NonEnumerable,
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        None
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }
}

/// One of `groupby`: a tuple whose parts have names.
#[derive(Debug)]
pub struct Group {
    pub grouper: Value,
    pub list: Value,
}

impl Group {
    pub fn items(&self) -> Vec<Value> {
        vec![self.grouper.clone(), self.list.clone()]
    }
}

impl Object for Group {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match (key.as_str(), key.as_i64()) {
            (Some("grouper"), _) | (_, Some(0 | -2)) => Some(self.grouper.clone()),
            (Some("list"), _) | (_, Some(1 | -1)) => Some(self.list.clone()),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Iter(Box::new(self.items().into_iter()))
    }
}

/// `namespace(…)`: the only value that changes.
#[derive(Debug, Default)]
pub struct Namespace(Mutex<Vec<(String, Value)>>);

impl Namespace {
    /// Stores a value, which may hold no namespace, so that no value ever holds itself.
    pub fn set(&self, state: &State<'_, '_>, name: &str, value: Value) -> Result<(), Error> {
        if name.starts_with('_') {
            return Err(error(format!("a namespace takes no name with an underscore before it: {name}")));
        }
        check_nesting(state, &value)?;
        if holds_namespace(&value) {
            return Err(error("a namespace can't be stored in a namespace"));
        }
        let mut fields = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match fields.iter_mut().find(|(field, _)| field == name) {
            Some((_, field)) => *field = value,
            None => fields.push((name.to_owned(), value)),
        }
        Ok(())
    }

    pub fn get(&self, name: &str) -> Option<Value> {
        let fields = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone())
    }

    pub fn fields(&self) -> Vec<(String, Value)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Object for Namespace {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get(key.as_str()?)
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }
}

/// Something undefined that a macro is given, which isn't the same as being given nothing.
#[derive(Debug)]
pub struct Given;

impl Given {
    pub fn hide(value: Value) -> Value {
        if value.is_undefined() { Value::from_object(Self) } else { value }
    }

    pub fn show(value: Value) -> Value {
        if value.downcast_object_ref::<Self>().is_some() { Value::UNDEFINED } else { value }
    }
}

impl Object for Given {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// A method that isn't called: `message.items`, where Jinja2 finds the method before the key.
pub struct Method {
    pub object: Value,
    pub name: String,
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<method {}>", self.name)
    }
}

impl Object for Method {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        super::methods::call(state, &self.object, &self.name, args)
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }
}
