//! Patterns that are written in this code.

use regex::Regex;

/// Compiles a literal.
pub fn regex(pattern: &str) -> Regex {
    #[expect(clippy::expect_used, reason = "the pattern is a literal, and the tests compile it")]
    let compiled = Regex::new(pattern).expect("a literal pattern");
    compiled
}
