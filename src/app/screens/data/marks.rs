//! Examples that are marked together, for what is done to several at once.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// See the module.
#[derive(Debug, Default)]
pub struct Marks {
    ids: BTreeSet<i64>,
    /// Where a range began.
    anchor: Option<u64>,
    /// Rows whose ids are being asked for; `None` within for all.
    pub(super) awaited: Option<Option<RangeInclusive<u64>>>,
}

impl Marks {
    pub fn contains(&self, id: i64) -> bool {
        self.ids.contains(&id)
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub fn ids(&self) -> Vec<i64> {
        self.ids.iter().copied().collect()
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// `selected` is the row that was chosen before, alone.
    pub fn toggle(&mut self, id: i64, selected: Option<i64>) {
        if self.ids.is_empty() {
            self.ids.extend(selected);
        }
        if !self.ids.remove(&id) {
            self.ids.insert(id);
        }
    }

    /// From where the first range began to this row.
    pub fn range_to(&mut self, row: u64, selected: Option<u64>) -> RangeInclusive<u64> {
        let anchor = *self.anchor.get_or_insert(selected.unwrap_or(row));
        anchor.min(row)..=anchor.max(row)
    }

    /// All ids that match, in order, have come: those that were asked for are marked.
    pub fn take(&mut self, ids: &[i64]) {
        let Some(rows) = self.awaited.take() else { return };
        let wanted = match rows {
            None => ids,
            Some(rows) => {
                let end = (*rows.end() as usize + 1).min(ids.len());
                &ids[(*rows.start() as usize).min(end)..end]
            }
        };
        self.ids = wanted.iter().copied().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_mark_takes_the_selected_row_along() {
        let mut marks = Marks::default();
        marks.toggle(7, Some(3));
        assert_eq!(marks.ids(), [3, 7]);
        marks.toggle(3, Some(7));
        assert_eq!(marks.ids(), [7]);
    }

    #[test]
    fn a_range_grows_and_shrinks_from_where_it_began() {
        let mut marks = Marks::default();
        assert_eq!(marks.range_to(5, Some(4)), 4..=5);
        assert_eq!(marks.range_to(6, Some(5)), 4..=6);
        assert_eq!(marks.range_to(2, Some(6)), 2..=4);
        marks.clear();
        assert_eq!(marks.range_to(7, None), 7..=7);
    }

    #[test]
    fn a_range_reaches_as_far_as_there_are_rows() {
        let mut marks = Marks { awaited: Some(Some(1..=5)), ..Marks::default() };
        marks.take(&[10, 20, 30]);
        assert_eq!(marks.ids(), [20, 30]);
        marks.take(&[1]);
        assert_eq!(marks.len(), 2, "nobody asked");
        marks.awaited = Some(None);
        marks.take(&[4, 5]);
        assert_eq!(marks.ids(), [4, 5]);
    }
}
