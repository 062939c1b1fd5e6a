//! What the table shows: the chips, the filters behind the funnel, and the order of the rows.

use crate::data::Split;
use crate::data::checks::Check;
use crate::project::{ExampleQuery, ExampleStatus, Having, Review, Reviewed, Sort, SortBy};
use crate::words::thousands;

/// The chips above the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Show {
    #[default]
    All,
    Split(Split),
    /// What the last checks found: anything, or one kind.
    Issues(Option<Check>),
    Edited,
    /// What is to be labelled or reviewed next, in that order unless a column sorts.
    Next,
}

/// A filter of the funnel's list; `None` lets everything through.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    Review(Option<Review>),
    Status(Option<ExampleStatus>),
    Label(Option<Having>),
    Tag(Option<Having>),
    Source(Option<String>),
    /// Whether the second reviewer says the same.
    Reviewers(Option<Reviewed>),
    /// From and to.
    Loss(Option<(f32, f32)>),
    New(Option<NewRows>),
}

/// What an import brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRows {
    /// Of the first and the last.
    pub numbers: (u64, u64),
    /// The file, in words.
    pub from: String,
}

impl NewRows {
    pub fn in_words(&self) -> String {
        let (first, last) = self.numbers;
        format!("{} new from {}", thousands(last + 1 - first), self.from)
    }
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filters {
    pub search: String,
    pub show: Show,
    pub review: Option<Review>,
    pub status: Option<ExampleStatus>,
    pub label: Option<Having>,
    pub tag: Option<Having>,
    pub source: Option<String>,
    pub reviewers: Option<Reviewed>,
    pub loss: Option<(f32, f32)>,
    pub new: Option<NewRows>,
    pub sort: Sort,
}

impl Filters {
    pub fn query(&self) -> ExampleQuery {
        let finding = |check: Option<Check>| check.map_or(Having::Something, |c| Having::Value(c.name().to_owned()));
        ExampleQuery {
            search: self.search.trim().to_owned(),
            split: if let Show::Split(split) = self.show { Some(split) } else { None },
            edited_only: self.show == Show::Edited,
            finding: if let Show::Issues(check) = self.show { Some(finding(check)) } else { None },
            review: self.review,
            status: self.status,
            label: self.label.clone(),
            tag: self.tag.clone(),
            source: self.source.clone(),
            reviewers: self.reviewers,
            loss: self.loss,
            numbers: self.new.as_ref().map(|new| new.numbers),
            queued_only: self.show == Show::Next,
            sort: if self.is_in_queue_order() { Sort { by: SortBy::Queue, descending: false } } else { self.sort },
            ..ExampleQuery::default()
        }
    }

    pub fn set(&mut self, filter: Filter) {
        match filter {
            Filter::Review(review) => self.review = review,
            Filter::Status(status) => self.status = status,
            Filter::Label(label) => self.label = label,
            Filter::Tag(tag) => self.tag = tag,
            Filter::Source(source) => self.source = source,
            Filter::Reviewers(reviewers) => self.reviewers = reviewers,
            Filter::Loss(loss) => self.loss = loss,
            Filter::New(new) => self.new = new,
        }
    }

    /// No column sorts: the most worthwhile comes first.
    pub fn is_in_queue_order(&self) -> bool {
        self.show == Show::Next && self.sort == Sort::default()
    }

    /// All examples with a loss first, the highest on top.
    pub fn show_losses(&mut self) {
        *self = Self { sort: Sort { by: SortBy::Loss, descending: true }, ..Self::default() };
    }

    pub fn show_queue(&mut self) {
        *self = Self { show: Show::Next, ..Self::default() };
    }

    /// Filters of the funnel's list that hold rows back.
    pub fn num_set(&self) -> usize {
        let set = [
            self.review.is_some(),
            self.status.is_some(),
            self.label.is_some(),
            self.tag.is_some(),
            self.source.is_some(),
            self.reviewers.is_some(),
            self.loss.is_some(),
        ];
        set.into_iter().filter(|is_set| *is_set).count()
    }

    /// Only what an import brought, in the same order.
    pub fn show_new(&mut self, new: NewRows) {
        *self = Self { new: Some(new), sort: self.sort, ..Self::default() };
    }

    /// Everything is shown, in the same order.
    pub fn clear(&mut self) {
        *self = Self { sort: self.sort, ..Self::default() };
    }

    /// By another column, or the other way round; a third time as imported.
    pub fn sort_by(&mut self, by: SortBy) {
        self.sort = match self.sort {
            Sort { by: now, descending: false } if now == by => Sort { by, descending: true },
            Sort { by: now, descending: true } if now == by => Sort::default(),
            _ => Sort { by, descending: false },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_sorts_up_then_down_then_not() {
        let mut filters = Filters::default();
        for expected in [
            Sort { by: SortBy::Prompt, descending: false },
            Sort { by: SortBy::Prompt, descending: true },
            Sort::default(),
        ] {
            filters.sort_by(SortBy::Prompt);
            assert_eq!(filters.query().sort, expected);
        }
    }

    #[test]
    fn the_queue_is_shown_in_its_order_until_a_column_sorts() {
        let mut filters = Filters::default();
        filters.set(Filter::Loss(Some((1.0, 2.0))));
        assert_eq!((filters.query().loss, filters.num_set()), (Some((1.0, 2.0)), 1));
        filters.show_queue();
        let query = filters.query();
        assert_eq!((query.queued_only, query.sort.by, query.loss), (true, SortBy::Queue, None));
        filters.sort_by(SortBy::Loss);
        assert_eq!(filters.query().sort, Sort { by: SortBy::Loss, descending: false });
        filters.show_losses();
        assert_eq!(filters.query().sort, Sort { by: SortBy::Loss, descending: true });
        assert!(!filters.query().queued_only);
    }

    #[test]
    fn filters_combine_and_clearing_keeps_the_order() {
        let mut filters = Filters { show: Show::Issues(Some(Check::Leakage)), ..Filters::default() };
        filters.set(Filter::Review(Some(Review::Flagged)));
        filters.sort_by(SortBy::Tokens);
        let query = filters.query();
        assert_eq!(query.finding, Some(Having::Value("leakage".to_owned())));
        assert_eq!((query.review, filters.num_set()), (Some(Review::Flagged), 1));
        filters.clear();
        assert_eq!(filters, Filters { sort: Sort { by: SortBy::Tokens, descending: false }, ..Filters::default() });
    }
}
