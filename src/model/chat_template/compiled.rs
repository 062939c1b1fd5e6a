//! One template, compiled, in an environment as Transformers sets Jinja2 up.

use std::error::Error as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Rest, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};

use super::arguments::Arguments;
use super::filters::FILTERS;
use super::predicates::PREDICATES;
use super::values::{Given, MAX_TEXT, check_nesting, error};
use super::whitespace::Resolved;
use super::{functions, generation, limits, methods, operators, print, rewrite, sources, whitespace};
use crate::model::ModelError;

const NAME: &str = "chat";
/// What a rendering may cost: instructions, and 64 bytes of text each.
const FUEL: u64 = 5_000_000;
/// The depth of nested macros, each of which counts four.
const MAX_RECURSION: usize = 240;

pub struct Compiled {
    environment: Environment<'static>,
    /// The source as it is compiled.
    pub source: String,
    pub has_generations: bool,
}

impl Compiled {
    pub fn new(source: &str) -> Result<Self, ModelError> {
        let source = sources::normalised(source);
        limits::check(&source).map_err(ModelError::Template)?;
        unpanicked(|| Self::compile(&source))
    }

    fn compile(source: &str) -> Result<Self, ModelError> {
        let Resolved { source, has_generations } = whitespace::resolve(source).map_err(ModelError::Template)?;
        let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
        let syntax = syntax.map_err(|e| ModelError::Template(e.to_string()))?;
        let source = rewrite::rewrite(&source, NAME, syntax.clone()).map_err(ModelError::Template)?;
        let mut environment = environment(syntax);
        environment.add_template_owned(NAME, source.clone()).map_err(|e| ModelError::Template(e.to_string()))?;
        Ok(Self { environment, source, has_generations })
    }

    pub fn render(&self, context: Value) -> Result<String, ModelError> {
        unpanicked(|| {
            let mut out = Capped(Vec::new());
            let template = self.environment.get_template(NAME).map_err(|e| message(&e))?;
            template.render_captured_to(context, &mut out).map_err(|e| message(&e))?;
            String::from_utf8(out.0).map_err(|e| ModelError::Template(e.to_string()))
        })
    }
}

/// The engine is foreign code that reads foreign templates.
fn unpanicked<T>(run: impl FnOnce() -> Result<T, ModelError>) -> Result<T, ModelError> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(ModelError::Template("the template engine failed on it".to_owned())))
}

fn message(error: &Error) -> ModelError {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    ModelError::Template(match error.kind() {
        ErrorKind::WriteFailure => format!("it makes a text of more than {} MB", MAX_TEXT >> 20),
        ErrorKind::OutOfFuel => "it runs on for too long, or makes too much text".to_owned(),
        _ if error.source().is_some_and(|source| source.is::<functions::Raised>()) => detail,
        _ => match error.line() {
            Some(line) => format!("{detail} (line {line} of the template)"),
            None => detail,
        },
    })
}

/// Text up to a limit.
struct Capped(Vec<u8>);

impl std::io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_TEXT {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn environment(syntax: SyntaxConfig) -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_syntax(syntax);
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(MAX_RECURSION);
    environment.set_formatter(write_value);
    environment.add_function("raise_exception", functions::raise_exception);
    environment.add_function("strftime_now", functions::strftime_now);
    environment.add_function("range", functions::range);
    environment.add_function("dict", functions::new_dict);
    environment.add_function("namespace", functions::namespace);
    for unknown in ["cycler", "joiner", "lipsum"] {
        environment.add_function(unknown, move |_: Rest<ValueOrKwargs>| -> Result<Value, Error> {
            Err(error(format!("{unknown} can't be computed here")))
        });
    }
    environment.add_filter(generation::FILTER, generation::mark);
    for (name, filter) in FILTERS {
        let filter = *filter;
        environment.add_filter(*name, move |state: &State<'_, '_>, value: Value, rest: Rest<ValueOrKwargs>| {
            filter(state, &value, Arguments::new(&rest.into_values())?)
        });
    }
    for (name, predicate) in PREDICATES {
        let predicate = *predicate;
        environment.add_test(*name, move |state: &State<'_, '_>, value: Value, rest: Rest<ValueOrKwargs>| {
            predicate(state, &value, Arguments::new(&rest.into_values())?)
        });
    }
    add_operators(&mut environment);
    environment
}

/// What [`rewrite`] puts in the place of operators.
fn add_operators(environment: &mut Environment<'static>) {
    environment.add_filter("py_add", |state: &State<'_, '_>, a: Value, b: Value| operators::add(state, &a, &b));
    environment.add_filter("py_sub", |a: Value, b: Value| operators::sub(&a, &b));
    environment.add_filter("py_mul", |state: &State<'_, '_>, a: Value, b: Value| operators::mul(state, &a, &b));
    environment.add_filter("py_div", |a: Value, b: Value| operators::div(&a, &b));
    environment.add_filter("py_floor_div", |a: Value, b: Value| operators::floor_div(&a, &b));
    environment.add_filter("py_rem", |state: &State<'_, '_>, a: Value, b: Value| operators::rem(state, &a, &b));
    environment.add_filter("py_pow", |a: Value, b: Value| operators::pow(&a, &b));
    environment.add_filter("py_neg", |a: Value| operators::neg(&a));
    environment.add_filter("py_concat", |state: &State<'_, '_>, a: Value, b: Value| operators::concat(state, &a, &b));
    environment.add_filter("py_compare", compare_all);
    environment.add_filter("py_attr", |value: Value, name: &str| operators::attribute(&value, name));
    environment.add_filter("py_item", |value: Value, key: Value| operators::item(&value, &key));
    environment.add_filter(
        "py_slice",
        |state: &State<'_, '_>, value: Value, start: Value, stop: Value, step: Value| {
            operators::slice(state, &value, [&start, &stop, &step])
        },
    );
    environment.add_filter("py_iter", |state: &State<'_, '_>, value: Value| operators::iterable(state, &value));
    environment.add_filter("py_set", |state: &State<'_, '_>, target: Value, name: &str, value: Value| {
        operators::set_attribute(state, &target, name, value)
    });
    environment.add_filter("py_argument", Given::hide);
    environment.add_filter("py_parameter", Given::show);
    environment
        .add_filter("py_new", |state: &State<'_, '_>, value: Value| check_nesting(state, &value).map(|()| value));
    environment.add_filter(
        "py_call",
        |state: &mut State<'_, '_>, object: Value, name: &str, rest: Rest<ValueOrKwargs>| {
            methods::call(state, &object, name, &rest.into_values())
        },
    );
}

/// `a < b <= c`: the names and right sides of comparisons, one after another.
fn compare_all(state: &State<'_, '_>, first: Value, rest: Rest<Value>) -> Result<bool, Error> {
    let mut left = &first;
    for pair in rest.chunks(2) {
        let [sign, right] = pair else { return Err(error("a comparison has no right side")) };
        if !operators::compare(state, left, sign.as_str().unwrap_or_default(), right)? {
            return Ok(false);
        }
        left = right;
    }
    Ok(true)
}

fn write_value(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => out.write_str(text)?,
        None => out.write_str(&print::text(state, value)?)?,
    }
    Ok(())
}
