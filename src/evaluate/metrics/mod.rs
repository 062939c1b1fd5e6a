//! What answers are measured by: a row each in [`all`], a file each (or a close family) beside this one.
//!
//! A metric gives numbers for each example, and a value for the sum of these numbers over many: a mean, an F1, a corpus
//! score. So one bootstrap and one permutation test fit all of them.

mod bleu;
mod chosen;
mod chrf;
mod confusion;
mod data_facts;
mod exact;
mod json;
mod labels;
mod length;
mod number;
mod patterns;
mod repetition;
mod rouge;
mod scores;
mod token_f1;

use serde::{Deserialize, Serialize};

pub use chosen::{Chosen, UnknownMetric};
pub use confusion::{Confusion, OTHER};
pub use data_facts::DataFacts;
pub use exact::is_exact_match;
pub use labels::LabelSet;
pub use scores::Scores;

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    HigherIsBetter,
    LowerIsBetter,
    Neither,
}

/// What a value is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// 0 to 1, shown in per cent.
    Share,
    /// 0 to 100.
    Score,
    /// One length by another.
    Ratio,
    /// Nats per token.
    Loss,
}

/// An answer beside the expected one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Case<'a> {
    pub expected: &'a str,
    pub answer: &'a str,
    /// 0 where it isn't known.
    pub expected_tokens: usize,
    /// 0 where it isn't known.
    pub answer_tokens: usize,
}

/// A row of the table.
pub struct Metric {
    /// As it is asked for.
    pub name: &'static str,
    /// As it is shown.
    pub title: &'static str,
    /// For somebody who never trained a model, with what is done to the texts before they are compared.
    pub about: &'static str,
    pub direction: Direction,
    pub scale: Scale,
    /// Each example is right or wrong, and the whole is their share.
    pub is_binary: bool,
    /// What may follow the name and a colon: "a field", "a regular expression".
    pub parameter: Parameter,
    /// Why it doesn't fit the expected answers.
    pub needs: fn(&DataFacts, &Chosen) -> Result<(), String>,
    /// Whether it is offered unasked where it fits.
    pub is_offered: fn(&DataFacts) -> bool,
    /// Numbers of one example; `None` where the metric says nothing of it.
    pub measure: fn(&Chosen, &Case<'_>) -> Option<Vec<f64>>,
    /// The value of one example's numbers.
    pub of_one: fn(&[f64]) -> f64,
    /// The value of the sums of many examples' numbers.
    pub of_sums: fn(&[f64]) -> f64,
}

impl std::fmt::Debug for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Metric {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// What may follow a metric's name and a colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    None,
    /// What it is.
    Optional(&'static str),
    Required(&'static str),
}

/// All metrics; those that say most come first.
pub fn all() -> &'static [Metric] {
    static ALL: [Metric; 20] = [
        exact::EXACT,
        labels::ACCURACY,
        json::ALL_FIELDS,
        number::NUMBER_MATCH,
        json::FIELD,
        labels::MACRO_F1,
        json::VALID,
        json::SCHEMA,
        exact::NORMALIZED,
        token_f1::TOKEN_F1,
        rouge::ROUGE_L,
        rouge::ROUGE_L_UNICODE,
        chrf::CHRF,
        bleu::BLEU,
        patterns::CONTAINS,
        patterns::REGEX,
        length::LENGTH_RATIO,
        length::NOT_EMPTY,
        repetition::REPETITION,
        exact::STARTS_ALIKE,
    ];
    &ALL
}

/// The metric with this name.
pub fn find(name: &str) -> Option<&'static Metric> {
    all().iter().find(|metric| metric.name == name)
}

/// What the expected answers suggest, the most telling first.
pub fn offered(facts: &DataFacts) -> Vec<Chosen> {
    let mut offered = Vec::new();
    for metric in all().iter().filter(|metric| (metric.is_offered)(facts)) {
        match metric.parameter {
            // A field each.
            Parameter::Required(_) => {
                let of_field = |field: &String| Chosen::new(metric, Some(field.clone()), facts).ok();
                offered.extend(facts.fields.iter().take(json::MAX_OFFERED).filter_map(of_field));
            }
            _ => offered.extend(Chosen::new(metric, None, facts)),
        }
    }
    offered
}

/// The mean of what was summed beside a count.
fn mean(sums: &[f64]) -> f64 {
    match sums {
        [sum, num, ..] if *num > 0.0 => sum / num,
        _ => f64::NAN,
    }
}

/// One value that counts once.
fn once(value: f64) -> Option<Vec<f64>> {
    Some(vec![value, 1.0])
}

fn share(is_right: bool) -> Option<Vec<f64>> {
    once(if is_right { 1.0 } else { 0.0 })
}

/// Fits every set of expected answers.
fn anything(_facts: &DataFacts, _chosen: &Chosen) -> Result<(), String> {
    Ok(())
}

/// Wherever there is anything.
fn always(facts: &DataFacts) -> bool {
    facts.num > 0
}

fn never(_facts: &DataFacts) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_each_and_the_same_text_has_the_best_value() {
        let expected =
            ["yes", "no", "yes", "no", "yes", "no", "{\"a\": 1, \"b\": \"x\"}", "so #### 1,234", "a b c d e f"];
        let facts = DataFacts::of(expected.iter().copied());
        for (at, metric) in all().iter().enumerate() {
            assert!(all()[..at].iter().all(|other| other.name != metric.name), "{}", metric.name);
            assert!(!metric.about.ends_with('.') && !metric.title.ends_with('.'), "{}", metric.name);
            let parameter = matches!(metric.parameter, Parameter::Required(_)).then(|| "a".to_owned());
            let Ok(chosen) = Chosen::new(metric, parameter, &facts) else { continue };
            let cases =
                expected.map(|text| Case { expected: text, answer: text, expected_tokens: 3, answer_tokens: 3 });
            let scores = Scores::of(&chosen, cases.iter().map(Some));
            let best = match (metric.direction, metric.scale) {
                (Direction::LowerIsBetter, _) => 0.0,
                (_, Scale::Score) => 100.0,
                _ => 1.0,
            };
            // A regular expression is about something else than the expected answer.
            if metric.name != "regex" && scores.num() > 0 {
                assert!((scores.value() - best).abs() < 1e-9, "{}: {}", metric.name, scores.value());
            }
        }
    }

    #[test]
    fn what_is_offered_follows_from_the_data() {
        let names = |expected: &[&str]| {
            let facts = DataFacts::of(expected.iter().copied());
            offered(&facts).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let labels = names(&["yes", "no", "yes", "no", "no", "yes", "no", "yes"]);
        assert_eq!(labels, ["label_accuracy", "macro_f1", "length_ratio", "repetition"]);
        let json = names(&[r#"{"a": 1}"#, r#"{"a": 2}"#, r#"{"a": 3, "b": 1}"#]);
        assert_eq!(
            json,
            ["all_fields", "json_field:a", "json_field:b", "json_valid", "json_schema", "length_ratio", "repetition"]
        );
        let worked = names(&["2 + 2 is 4\n#### 4", "so it is 5\n#### 5"]);
        assert_eq!(worked, ["number_match", "length_ratio", "repetition"]);
        let free = names(&["The bank is open from nine to five on all days.", "We can't send it back to you, sorry."]);
        assert_eq!(free, ["exact_match", "token_f1", "rouge_l", "chrf", "length_ratio", "repetition"]);
        let chinese = names(&["银行每天从九点到五点营业。我们很抱歉。", "我们不能把它寄回给你,非常抱歉,请再试一次。"]);
        assert_eq!(chinese, ["exact_match", "chrf", "length_ratio", "repetition"]);
        assert_eq!(names(&[]), Vec::<String>::new());
    }
}
