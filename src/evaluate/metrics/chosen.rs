//! A metric with what it needs to know: `json_field:category`, `regex:^\d+$`.

use std::fmt;

use regex::{Regex, RegexBuilder};

use super::json::Shape;
use super::{DataFacts, LabelSet, Metric, Parameter, all, find};

/// A compiled expression takes at most this much memory, in bytes.
const REGEX_BYTES: usize = 1 << 20;

/// See the module.
#[derive(Debug, Clone)]
pub struct Chosen {
    pub metric: &'static Metric,
    pub parameter: Option<String>,
    pub(super) regex: Option<Regex>,
    pub(super) labels: Option<LabelSet>,
    pub(super) shape: Shape,
}

/// A metric that isn't there, doesn't fit, or is asked for in a wrong way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownMetric {
    #[error("there is no metric {name:?}; there are {}", names())]
    Name { name: String },
    #[error("{metric} needs {what} after a colon: {metric}:…")]
    NoParameter { metric: &'static str, what: &'static str },
    #[error("{metric} takes nothing after a colon")]
    TooMuch { metric: &'static str },
    #[error("{pattern:?} is no regular expression: {reason}")]
    Regex { pattern: String, reason: String },
    /// The reason.
    #[error("{0}")]
    DoesNotFit(String),
}

fn names() -> String {
    all().iter().map(|metric| metric.name).collect::<Vec<_>>().join(", ")
}

impl Chosen {
    /// A metric for these expected answers.
    ///
    /// # Errors
    /// Where its parameter is missing or wrong, or it doesn't fit the answers; the error says why.
    pub fn new(metric: &'static Metric, parameter: Option<String>, facts: &DataFacts) -> Result<Self, UnknownMetric> {
        match (metric.parameter, &parameter) {
            (Parameter::None, Some(_)) => return Err(UnknownMetric::TooMuch { metric: metric.name }),
            (Parameter::Required(what), None) => return Err(UnknownMetric::NoParameter { metric: metric.name, what }),
            _ => {}
        }
        let regex = match (&parameter, metric.name) {
            (Some(pattern), "regex") => Some(compile(pattern)?),
            _ => None,
        };
        let chosen = Self { metric, parameter, regex, labels: facts.labels.clone(), shape: facts.shape.clone() };
        (metric.needs)(facts, &chosen).map_err(UnknownMetric::DoesNotFit)?;
        Ok(chosen)
    }

    /// Reads `name` or `name:parameter`.
    ///
    /// # Errors
    /// As for [`Chosen::new`], and where there is no such metric.
    pub fn parse(text: &str, facts: &DataFacts) -> Result<Self, UnknownMetric> {
        let (name, parameter) = match text.split_once(':') {
            Some((name, parameter)) => (name, Some(parameter.to_owned())),
            None => (text, None),
        };
        let metric = find(name.trim()).ok_or_else(|| UnknownMetric::Name { name: name.to_owned() })?;
        Self::new(metric, parameter, facts)
    }

    /// As it is shown: "Field right: category".
    pub fn title(&self) -> String {
        match &self.parameter {
            Some(parameter) if self.metric.name == "json_field" => format!("{parameter} right"),
            Some(parameter) => format!("{}: {parameter}", self.metric.title),
            None => self.metric.title.to_owned(),
        }
    }
}

fn compile(pattern: &str) -> Result<Regex, UnknownMetric> {
    RegexBuilder::new(pattern).size_limit(REGEX_BYTES).build().map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        UnknownMetric::Regex { pattern: pattern.to_owned(), reason }
    })
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.parameter {
            Some(parameter) => write!(f, "{}:{parameter}", self.metric.name),
            None => f.write_str(self.metric.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_named_and_what_is_wrong_is_said() {
        let facts = DataFacts::of([r#"{"a": 1}"#, r#"{"a": 2}"#].into_iter());
        let parse = |text: &str| Chosen::parse(text, &facts);
        for text in ["exact_match", "json_field:a", "regex:^a:b$", "contains", "contains:x"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        let told = |text: &str| parse(text).unwrap_err().to_string();
        assert!(told("exact").contains("there are exact_match, label_accuracy"));
        assert!(told("regex").contains("a regular expression after a colon"));
        assert!(told("bleu:4").contains("nothing after a colon"));
        assert!(told("regex:(").contains("unclosed group"), "{}", told("regex:("));
        assert!(told("regex:(a{1000}){1000}").contains("no regular expression"));
        assert!(told("json_field:b").contains("there are a"));
        assert!(told("label_accuracy").contains("come from no list"));
    }
}
