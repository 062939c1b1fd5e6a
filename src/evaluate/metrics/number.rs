//! The number that a worked answer ends in.

use std::sync::LazyLock;

use regex::Regex;

use super::{Direction, Metric, Parameter, Scale, mean, share};

/// The mark before the result in the answers of GSM8K (Cobbe et al. 2021).
pub(super) const MARK: &str = "####";

pub(super) const NUMBER_MATCH: Metric = Metric {
    name: "number_match",
    title: "Right number",
    about: "Answers whose result is the expected number: what follows “####”, else the last number in the text; thousands \
            commas, a dollar sign and a full stop at the end don't count",
    direction: Direction::HigherIsBetter,
    scale: Scale::Share,
    is_binary: true,
    parameter: Parameter::None,
    needs: |facts, _| match facts.num_numbers > 0 {
        true => Ok(()),
        false => Err("no expected answer has a number".to_owned()),
    },
    is_offered: |facts| facts.has_numbers(),
    measure: |_, case| {
        let expected = result(case.expected)?;
        share(result(case.answer).is_some_and(|answer| is_same(&expected, &answer)))
    },
    of_one: mean,
    of_sums: mean,
};

/// The number of a worked answer, as it is written.
pub(super) fn result(text: &str) -> Option<String> {
    // As lm-evaluation-harness extracts the last one ("flexible-extract" of gsm8k).
    static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"-?\$?\d[\d,]*(?:\.\d+)?").ok());
    let number = NUMBER.as_ref()?;
    let found = match text.rsplit_once(MARK) {
        Some((_, after)) => number.find(after),
        None => number.find_iter(text).last(),
    }?;
    Some(found.as_str().replace([',', '$'], ""))
}

fn is_same(a: &str, b: &str) -> bool {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_behind_its_mark_or_last() {
        let found = |text: &str| result(text).unwrap_or_default();
        assert_eq!(found("2 + 2\n#### 1,234.50"), "1234.50");
        assert_eq!(found("It costs $12, not 13. So: -$7."), "-7");
        assert_eq!(found("18 apples #### 18."), "18");
        assert_eq!(found("none"), "");
        assert!(is_same("18", "18.00") && !is_same("18", "81"));
    }
}
