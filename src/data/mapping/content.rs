//! What the cells of a column look like, where its name says nothing.

use std::collections::HashSet;

use super::values;
use crate::data::date;

/// A column's cells that aren't blank, in numbers.
#[derive(Debug, Default)]
pub struct Profile {
    pub num: usize,
    num_distinct: usize,
    /// A sign of Chinese, Japanese or Korean says as much as three letters.
    mean_len: usize,
    num_dates: usize,
    num_numbers: usize,
    num_questions: usize,
    /// Cells of several words.
    num_sentences: usize,
}

/// Values of labels and codes aren't longer.
const SHORT: usize = 40;
/// With fewer rows, nobody can know whether values come again.
const ENOUGH: usize = 6;

impl Profile {
    pub fn of(rows: &[Vec<String>], at: usize) -> Self {
        let mut profile = Self::default();
        let mut distinct = HashSet::new();
        let mut total_len = 0;
        for cell in values(rows, at) {
            profile.num += 1;
            distinct.insert(cell);
            let wide = cell.chars().filter(|c| is_wide(*c)).count();
            total_len += cell.chars().count() + 2 * wide;
            profile.num_dates += usize::from(date::parse(cell).is_some());
            profile.num_numbers += usize::from(cell.parse::<f64>().is_ok());
            profile.num_questions += usize::from(cell.contains(['?', '？', '؟']));
            profile.num_sentences += usize::from(cell.contains(char::is_whitespace) || wide >= 4);
        }
        profile.num_distinct = distinct.len();
        profile.mean_len = total_len / profile.num.max(1);
        profile
    }

    pub fn are_dates(&self) -> bool {
        self.num > 0 && self.num_dates * 10 >= self.num * 9
    }

    pub fn are_numbers(&self) -> bool {
        self.num > 0 && self.num_numbers == self.num
    }

    /// Some value comes again.
    pub fn has_repeats(&self) -> bool {
        self.num_distinct < self.num
    }

    /// Few short values that come again.
    pub fn are_labels(&self) -> bool {
        self.num >= ENOUGH && self.num_distinct >= 2 && self.num_distinct * 2 <= self.num && self.mean_len <= SHORT
    }

    /// No value comes again, and each is one short word.
    pub fn are_codes(&self) -> bool {
        self.num >= 2 && !self.has_repeats() && self.num_sentences == 0 && self.mean_len <= SHORT
    }

    /// Free text, such as people write it.
    pub fn are_texts(&self) -> bool {
        self.num > 0 && self.mean_len >= 12 && self.num_sentences * 2 > self.num && !self.are_labels()
    }

    /// Most of them ask.
    pub fn are_questions(&self) -> bool {
        self.num_questions * 2 > self.num
    }

    /// Each is short enough to be a label.
    pub fn are_short(&self) -> bool {
        self.mean_len <= SHORT
    }
}

fn is_wide(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}')
}
