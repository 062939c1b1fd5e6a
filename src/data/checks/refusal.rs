//! Answers that refuse in the words of some other model.

use std::sync::LazyLock;

use regex::Regex;

use super::patterns::regex;

/// The words in which an answer refuses, if it does.
pub fn refusal(answer: &str) -> Option<&str> {
    static REFUSAL: LazyLock<Regex> = LazyLock::new(|| {
        regex(concat!(
            r"(?i)\bas an? (?:ai\b|artificial intelligence|(?:large )?language model)[^.!?\n]{0,60}",
            r"|\bi(?:['’]m| am) (?:just |only )?an? (?:ai\b|(?:large )?language model)[^.!?\n]{0,60}",
            r"|\bi(?: can(?:['’]t|not| not)|(?:['’]m| am) (?:unable|not able) to| won['’]t| will not)(?: be able to)? ",
            r"(?:assist|comply|fulfil+|engage|help (?:you )?(?:with (?:that|this)|create|write|generate)|",
            r"provide (?:that|this|any|information on|instructions)|generate (?:that|this|content)|",
            r"answer (?:that|this)|do that|continue with)[^.!?\n]{0,60}",
            r"|\bi do(?:n['’]t| not) have (?:personal (?:opinions|feelings|experiences|beliefs)|access to real-time)[^.!?\n]{0,40}",
        ))
    });
    // Refusals come first; a later "as an AI" may be what the text is about.
    const MAX_CHARS: usize = 300;
    let end = answer.char_indices().nth(MAX_CHARS).map_or(answer.len(), |(at, _)| at);
    REFUSAL.find(&answer[..end]).map(|found| found.as_str().trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_from_answers() {
        for answer in [
            "I'm sorry, but I can't assist with that.",
            "I’m sorry, but as an AI language model, I don’t have opinions.",
            "Unfortunately, I cannot provide information on this topic.",
            "I am unable to fulfill this request.",
            "I'm just an AI, I have no body.",
        ] {
            assert!(refusal(answer).is_some(), "{answer}");
        }
        for answer in [
            "I'm sorry, but we can't find your order; could you send its number?",
            "I can't recommend this kettle enough.",
            "{\"category\":\"question\"}",
            "Use it as an aid for walking.",
            "",
        ] {
            assert_eq!(refusal(answer), None, "{answer}");
        }
    }
}
