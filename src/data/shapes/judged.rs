//! Fields that seem to judge an answer and that nothing is taken from: such rows are trained like all others, and a
//! person has to know.

use serde_json::Value;

use super::converted::Row;
use super::marks::is_bad_word;
use crate::data::mapping::shorten;

/// Fields that say in numbers how good an answer is.
const SCORES: &[&str] = &[
    "score",
    "scores",
    "rating",
    "ratings",
    "stars",
    "reward",
    "rewards",
    "votes",
    "vote",
    "quality",
    "helpfulness",
    "feedback",
    "grade",
    "quality_score",
    "reward_score",
    "overall_score",
    "human_score",
    "user_rating",
];

/// What deserves a word about the fields that `is_read` leaves.
pub fn notes(row: &Row, is_read: impl Fn(&str, &Value) -> bool) -> Vec<String> {
    row.iter().filter_map(|(name, value)| note(name, value).filter(|_| !is_read(name, value))).collect()
}

fn note(name: &str, value: &Value) -> Option<String> {
    let field = shorten(name, 40);
    match value {
        Value::String(word) if is_bad_word(word) => Some(format!(
            "{field} may say that the answer is bad, but it isn't used and the answer is trained: if it does, call it label \
             or map it as the verdict ({field}: {})",
            shorten(word, 40)
        )),
        Value::Number(number) if SCORES.iter().any(|score| name.eq_ignore_ascii_case(score)) => {
            Some(format!("{field} isn't used: an answer with a low one is trained like the others ({field}: {number})"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_seems_to_judge_and_is_not_used_is_told() {
        let row =
            json!({"completion": "wrong", "status": "Rejected", "score": -1, "level": 3, "state": "open", "note": ""});
        let told = notes(row.as_object().unwrap(), |name, _| name == "completion");
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(
            told[0].starts_with("status may say that the answer is bad") && told[0].ends_with("(status: Rejected)")
        );
        assert!(told[1].starts_with("score isn't used") && told[1].ends_with("(score: -1)"), "{told:?}");
    }
}
