//! The expected answer itself, by the letter or by what is left after normalisation.

use serde_json::Value;

use super::{Direction, Metric, Parameter, Scale, anything, mean, never, share};

/// As JSON values where both are JSON, else as trimmed text.
pub fn is_exact_match(expected: &str, answer: &str) -> bool {
    let (expected, answer) = (expected.trim(), answer.trim());
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    match (json(expected), json(answer)) {
        (Some(expected), Some(answer)) => expected == answer,
        _ => expected == answer,
    }
}

pub(super) const EXACT: Metric = Metric {
    name: "exact_match",
    title: "Exactly as expected",
    about: "Answers that are the expected one: by value where both are JSON, else by the letter, without white space around",
    direction: Direction::HigherIsBetter,
    scale: Scale::Share,
    is_binary: true,
    parameter: Parameter::None,
    needs: anything,
    // Where answers are labels or JSON, a closer measure says the same.
    is_offered: |facts| facts.num > 0 && facts.labels.is_none() && !facts.is_json() && !facts.has_numbers(),
    measure: |_, case| share(is_exact_match(case.expected, case.answer)),
    of_one: mean,
    of_sums: mean,
};

pub(super) const NORMALIZED: Metric = Metric {
    name: "normalized_match",
    title: "As expected, roughly",
    about: "Answers that are the expected one in lower case, without punctuation, English articles and white space, as SQuAD \
            compares them",
    is_offered: never,
    measure: |_, case| share(normalize(case.expected) == normalize(case.answer)),
    ..EXACT
};

pub(super) const STARTS_ALIKE: Metric = Metric {
    name: "starts_alike",
    title: "Begins as expected",
    about: "Answers that begin with the expected one, whatever follows",
    is_offered: never,
    measure: |_, case| share(case.answer.trim_start().starts_with(case.expected.trim())),
    ..EXACT
};

/// SQuAD's normalisation (Rajpurkar et al. 2016, the evaluation script of version 1.1).
pub(super) fn normalize(text: &str) -> String {
    let lower = text.to_lowercase();
    let plain: String = lower.chars().filter(|c| !c.is_ascii_punctuation()).collect();
    // Articles are whole words: between what is neither a letter, a digit nor an underscore.
    let mut words = String::new();
    let mut word = String::new();
    for c in plain.chars().chain([' ']) {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        words.push_str(if matches!(&*word, "a" | "an" | "the") { " " } else { &word });
        word.clear();
        words.push(c);
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_compared_by_value_and_text_by_letter() {
        assert!(is_exact_match(r#"{"a": 1, "b": true}"#, r#" {"b":true,"a":1}"#));
        assert!(!is_exact_match(r#"{"a": 1}"#, r#"{"a": 1, "b": 2}"#));
        assert!(!is_exact_match(r#"{"a": 1}"#, r#"{"a": 1"#));
        assert!(is_exact_match("yes", "yes\n"));
        assert!(!is_exact_match("yes", "Yes"));
    }

    #[test]
    fn articles_go_only_as_whole_words() {
        assert_eq!(normalize("The cat, an  ape & a theory!"), "cat ape theory");
        assert_eq!(normalize("The-a"), "thea");
    }
}
