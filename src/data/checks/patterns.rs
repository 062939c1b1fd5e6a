//! Patterns that stand in this code.

use regex::Regex;

/// Compiles a literal.
#[expect(clippy::expect_used, reason = "the pattern is a literal, and the tests compile it")]
pub fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a literal pattern")
}
