//! Whether the answers of an import are labels.

use std::collections::HashSet;
use std::sync::Arc;

use crate::data::Example;
use crate::project::rows::label;

/// Watches the answers of an import: they are labels if they are few and come again.
#[derive(Default)]
pub struct Candidates {
    labels: HashSet<Arc<str>>,
    num_answers: usize,
    /// Answers that can't be labels.
    num_texts: usize,
}

impl Candidates {
    const MAX_LABELS: usize = 1000;

    /// What would be the example's label. Examples without an answer say nothing: they may be still to be labelled.
    pub fn add(&mut self, example: &Example) -> Option<Arc<str>> {
        if example.answer().is_none_or(|answer| answer.trim().is_empty()) {
            return None;
        }
        self.num_answers += 1;
        let label = label::of(example).and_then(|label| self.known(&label));
        self.num_texts += usize::from(label.is_none());
        label
    }

    fn known(&mut self, label: &str) -> Option<Arc<str>> {
        if let Some(known) = self.labels.get(label) {
            return Some(known.clone());
        }
        let new: Arc<str> = label.into();
        (self.labels.len() < Self::MAX_LABELS && self.labels.insert(new.clone())).then_some(new)
    }

    /// Whether the answers are labels, now that all were looked at.
    pub fn are_labels(&self) -> bool {
        let texts_are_few = self.num_texts * 20 <= self.num_answers;
        texts_are_few && self.labels.len() >= 2 && self.num_answers >= 3 * self.labels.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Message, Role};

    fn messages(answer: &str) -> Vec<Message> {
        vec![Message::new(Role::User, "q"), Message::new(Role::Assistant, answer)]
    }

    #[test]
    fn few_answers_that_come_again_are_labels() {
        let check = |answers: &[&str], expected| {
            let mut candidates = Candidates::default();
            for answer in answers {
                candidates.add(&messages(answer).into());
            }
            assert_eq!(candidates.are_labels(), expected, "{answers:?}");
        };
        check(&["a", "b", "a", "a", "b", "b"], true);
        check(&["a", "b", "a", "", "a", "b", "b"], true);
        check(&["a", "b", "a", "two\nlines", "a", "b", "b"], false);
        check(&["a", "b", "c", "a", "b"], false);
        check(&["a"; 9], false);
    }
}
