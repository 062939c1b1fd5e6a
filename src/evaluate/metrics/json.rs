//! Answers in JSON: can they be read, have they the right shape, and which fields are right?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Chosen, DataFacts, Direction, Metric, Parameter, Scale, mean, share};

/// Fields that are offered unasked.
pub(super) const MAX_OFFERED: usize = 8;

/// The object that a whole text is.
pub(super) fn object(text: &str) -> Option<Map<String, Value>> {
    match serde_json::from_str(text.trim()) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

fn needs(facts: &DataFacts, _chosen: &Chosen) -> Result<(), String> {
    match facts.num_json > 0 {
        true => Ok(()),
        false => Err("no expected answer is a JSON object".to_owned()),
    }
}

pub(super) const VALID: Metric = Metric {
    name: "json_valid",
    title: "Valid JSON",
    about: "Answers that are JSON as a whole, with nothing before or after it",
    direction: Direction::HigherIsBetter,
    scale: Scale::Share,
    is_binary: true,
    parameter: Parameter::None,
    needs,
    is_offered: DataFacts::is_json,
    measure: |_, case| {
        object(case.expected)?;
        share(serde_json::from_str::<Value>(case.answer.trim()).is_ok())
    },
    of_one: mean,
    of_sums: mean,
};

pub(super) const ALL_FIELDS: Metric = Metric {
    name: "all_fields",
    title: "All fields right",
    about: "Answers in which every field of the expected object has the expected value; more fields don't matter",
    measure: |_, case| {
        let expected = object(case.expected)?;
        let answer = object(case.answer);
        share(answer.is_some_and(|answer| expected.iter().all(|(name, value)| answer.get(name) == Some(value))))
    },
    ..VALID
};

pub(super) const FIELD: Metric = Metric {
    name: "json_field",
    title: "Field right",
    about: "Answers in which this field has the expected value",
    parameter: Parameter::Required("a field"),
    needs: |facts, chosen| {
        let field = chosen.parameter.as_deref().unwrap_or_default();
        match facts.fields.iter().any(|known| known == field) {
            true => Ok(()),
            false => Err(format!("no expected answer has a field {field:?}; there are {}", facts.fields.join(", "))),
        }
    },
    measure: |chosen, case| {
        let field = chosen.parameter.as_deref()?;
        let expected = object(case.expected)?.remove(field)?;
        share(object(case.answer).is_some_and(|answer| answer.get(field) == Some(&expected)))
    },
    ..VALID
};

pub(super) const SCHEMA: Metric = Metric {
    name: "json_schema",
    title: "Right shape",
    about: "Answers that have the fields that every expected answer has, no field that none has, and values of the kinds that \
            occur there",
    measure: |chosen, case| {
        object(case.expected)?;
        share(object(case.answer).is_some_and(|answer| chosen.shape.allows(&answer)))
    },
    ..VALID
};

/// What the expected objects have in common.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shape {
    /// The kinds of values by field.
    kinds: BTreeMap<String, BTreeSet<&'static str>>,
    /// Fields that all have.
    required: Option<BTreeSet<String>>,
}

impl Shape {
    pub(super) fn add(&mut self, object: &Map<String, Value>) {
        for (name, value) in object {
            self.kinds.entry(name.clone()).or_default().insert(kind(value));
        }
        let names: BTreeSet<String> = object.keys().cloned().collect();
        self.required = Some(match self.required.take() {
            Some(required) => required.intersection(&names).cloned().collect(),
            None => names,
        });
    }

    fn allows(&self, object: &Map<String, Value>) -> bool {
        let has_all = self.required.iter().flatten().all(|name| object.contains_key(name));
        let fits =
            |(name, value): (&String, &Value)| self.kinds.get(name).is_some_and(|kinds| kinds.contains(kind(value)));
        has_all && object.iter().all(fits)
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_what_the_expected_objects_have_in_common() {
        let mut shape = Shape::default();
        for text in [r#"{"a": 1, "b": "x"}"#, r#"{"a": null, "b": "y", "c": true}"#] {
            shape.add(&object(text).unwrap());
        }
        let allows = |text: &str| shape.allows(&object(text).unwrap());
        assert!(allows(r#"{"b": "z", "a": 2}"#) && allows(r#"{"a": null, "b": "", "c": false}"#));
        assert!(!allows(r#"{"a": 1}"#), "a field is missing");
        assert!(!allows(r#"{"a": "1", "b": "x"}"#), "of another kind");
        assert!(!allows(r#"{"a": 1, "b": "x", "d": 1}"#), "a field that none has");
    }
}
