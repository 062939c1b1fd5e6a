//! Answers that contain a text, or match a regular expression.

use super::{Chosen, DataFacts, Direction, Metric, Parameter, Scale, anything, mean, never, share};

pub(super) const CONTAINS: Metric = Metric {
    name: "contains",
    title: "Contains it",
    about: "Answers in which the expected text (or the text that was named) occurs somewhere, without regard to case",
    direction: Direction::HigherIsBetter,
    scale: Scale::Share,
    is_binary: true,
    parameter: Parameter::Optional("a text"),
    needs: anything,
    is_offered: never,
    measure: |chosen, case| {
        let wanted = chosen.parameter.as_deref().unwrap_or(case.expected).trim().to_lowercase();
        (!wanted.is_empty()).then(|| share(case.answer.to_lowercase().contains(&wanted)))?
    },
    of_one: mean,
    of_sums: mean,
};

pub(super) const REGEX: Metric = Metric {
    name: "regex",
    title: "Matches",
    about: "Answers in which the regular expression matches somewhere",
    parameter: Parameter::Required("a regular expression"),
    needs: |_: &DataFacts, _: &Chosen| Ok(()),
    measure: |chosen, case| share(chosen.regex.as_ref()?.is_match(case.answer)),
    ..CONTAINS
};
