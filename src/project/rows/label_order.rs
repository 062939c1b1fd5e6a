//! The order of the labels for their number keys. It belongs to the project: a key means the same label whatever is
//! filtered, and also after the first example with a label has got another one.

use std::collections::HashSet;

use crate::project::error::ProjectError;
use crate::project::store::meta::{origin, set_origin};
use crate::project::store::project::Project;

const LABEL_ORDER: &str = "label_order";

/// Further ones have neither a key nor a place in a list; answers in free words aren't labels.
const MOST: usize = 500;

/// Labels by their first appearance, each with whether several examples ever had it at once.
#[derive(Default)]
pub struct LabelOrder(Vec<(String, bool)>);

impl LabelOrder {
    /// Takes what is there now, by first appearance with its count; says whether anything is new.
    fn follow<'a>(&mut self, present: impl Iterator<Item = (&'a str, u64)>) -> bool {
        let mut known: HashSet<String> = self.0.iter().map(|(label, _)| label.clone()).collect();
        let mut is_new = false;
        for (label, count) in present {
            if !known.contains(label) {
                if self.0.len() == MOST {
                    continue;
                }
                known.insert(label.to_owned());
                self.0.push((label.to_owned(), false));
                is_new = true;
            }
            if count > 1
                && let Some((_, is_kept)) = self.0.iter_mut().find(|(name, is_kept)| name == label && !is_kept)
            {
                *is_kept = true;
                is_new = true;
            }
        }
        is_new
    }

    /// Those that are there, and those that were at several examples: their keys stay with them. What one example had
    /// for a moment, half typed, is gone.
    fn shown(&self, present: &HashSet<&str>) -> Vec<String> {
        let shown = self.0.iter().filter(|(label, is_kept)| *is_kept || present.contains(label.as_str()));
        shown.map(|(label, _)| label.clone()).collect()
    }
}

impl Project {
    /// The labels in the order of their number keys, which is kept.
    ///
    /// # Errors
    /// Where the store can't be read or written.
    pub fn label_order(&mut self, present: &[(String, u64)]) -> Result<Vec<String>, ProjectError> {
        let names: HashSet<&str> = present.iter().map(|(label, _)| label.as_str()).collect();
        let mut order = LabelOrder::default();
        if let Some(text) = origin(&self.db, LABEL_ORDER)? {
            order.0 = serde_json::from_str(&text).unwrap_or_default();
        }
        if !std::mem::replace(&mut self.has_label_order, true) {
            // What another day's work has left without examples gives its key back.
            order.0.retain(|(label, _)| names.contains(label.as_str()));
        }
        let is_new = order.follow(present.iter().map(|(label, count)| (label.as_str(), *count)));
        if is_new && !self.is_read_only() {
            let text = serde_json::to_string(&order.0).map_err(ProjectError::Content)?;
            set_origin(&self.db, LABEL_ORDER, &text)?;
        }
        Ok(order.shown(&names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_keeps_its_place_while_others_come_and_go() {
        let mut order = LabelOrder::default();
        let mut see = |present: &[(&str, u64)]| {
            order.follow(present.iter().copied());
            order.shown(&present.iter().map(|(label, _)| *label).collect())
        };
        assert_eq!(see(&[("refund", 2), ("delivery", 3)]), ["refund", "delivery"]);
        // The first example got another label, and one is being typed.
        assert_eq!(see(&[("delivery", 4), ("ref", 1), ("refund", 1)]), ["refund", "delivery", "ref"]);
        assert_eq!(see(&[("delivery", 5), ("other", 1)]), ["refund", "delivery", "other"]);
    }
}
