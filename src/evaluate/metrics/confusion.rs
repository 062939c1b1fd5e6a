//! Which label is taken for which.

use serde::{Deserialize, Serialize};

use super::LabelSet;

/// What an answer is called that is no label.
pub const OTHER: &str = "other";

/// Expected labels by answered ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    pub labels: Vec<String>,
    /// `labels.len() × (labels.len() + 1)`; the last column is answers that are no label.
    pub counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// Counts pairs of an expected and an answered text; one whose expected text is no label is left out.
    pub fn of<'a>(labels: &LabelSet, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let num = labels.labels().len();
        let mut counts = vec![vec![0; num + 1]; num];
        for (expected, answered) in pairs {
            let Some(row) = labels.find(expected) else { continue };
            counts[row][labels.find(answered).unwrap_or(num)] += 1;
        }
        Self { labels: labels.labels().to_vec(), counts }
    }

    /// Labels that were taken for another (or for none: "other"), the most frequent first.
    pub fn confused(&self) -> Vec<(String, String, u64)> {
        let mut pairs = Vec::new();
        for (row, (expected, counts)) in self.labels.iter().zip(&self.counts).enumerate() {
            for (column, count) in counts.iter().enumerate().filter(|(column, count)| *column != row && **count > 0) {
                let answered = self.labels.get(column).map_or(OTHER, String::as_str);
                pairs.push((expected.clone(), answered.to_owned(), *count));
            }
        }
        pairs.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
        pairs
    }
}
