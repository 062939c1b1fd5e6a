//! What the table shows: the chips, the filters behind the funnel, and the order of the rows.

use std::sync::Arc;

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
    /// Anything that the last checks found.
    Issues,
    Edited,
    /// What is to be labelled or reviewed next, in that order unless a column sorts.
    Next,
}

/// A set of examples with a name, behind a chip that takes it away again: what a link "Show" is about, or what an import
/// brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Only {
    pub title: String,
    pub of: Set,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Set {
    /// In this order.
    Ids(Arc<[i64]>),
    /// What a check found; what belongs together stands side by side.
    Finding(Check),
    /// What an import brought, by the numbers of its first and last example; in the order of all others.
    Import { first: u64, last: u64 },
}

impl Only {
    pub fn ids(title: impl Into<String>, ids: impl Into<Arc<[i64]>>) -> Self {
        Self { title: title.into(), of: Set::Ids(ids.into()) }
    }

    pub fn finding(check: Check) -> Self {
        Self { title: check.title().to_owned(), of: Set::Finding(check) }
    }

    /// `file` is its name.
    pub fn import((first, last): (u64, u64), file: &str) -> Self {
        let title = format!("{} new from {file}", thousands(last + 1 - first));
        Self { title, of: Set::Import { first, last } }
    }

    fn has_own_order(&self) -> bool {
        !matches!(self.of, Set::Import { .. })
    }
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
    pub only: Option<Only>,
    pub sort: Sort,
}

impl Filters {
    pub fn query(&self) -> ExampleQuery {
        let (mut only, mut found, mut numbers) = (None, None, None);
        match self.only.as_ref().map(|only| &only.of) {
            Some(Set::Ids(ids)) => only = Some(ids.clone()),
            Some(Set::Finding(check)) => found = Some(Having::Value(check.name().to_owned())),
            Some(Set::Import { first, last }) => numbers = Some((*first, *last)),
            None => {}
        }
        ExampleQuery {
            search: self.search.trim().to_owned(),
            split: if let Show::Split(split) = self.show { Some(split) } else { None },
            edited_only: self.show == Show::Edited,
            finding: found.or_else(|| (self.show == Show::Issues).then_some(Having::Something)),
            only,
            review: self.review,
            status: self.status,
            label: self.label.clone(),
            tag: self.tag.clone(),
            source: self.source.clone(),
            reviewers: self.reviewers,
            loss: self.loss,
            numbers,
            queued_only: self.show == Show::Next,
            sort: match self.own_order() {
                Some(by) => Sort { by, descending: false },
                None => self.sort,
            },
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
        }
    }

    /// Unless a column sorts, a named set has its order, and in the queue the most worthwhile comes first.
    pub fn own_order(&self) -> Option<SortBy> {
        let by = match (&self.only, self.show) {
            (Some(only), _) if only.has_own_order() => SortBy::Given,
            (None, Show::Next) => SortBy::Queue,
            _ => return None,
        };
        (self.sort == Sort::default()).then_some(by)
    }

    /// Nothing else holds any of them back; a set without an order of its own stands as all did before.
    pub fn show_only(&mut self, only: Only) {
        let sort = if only.has_own_order() { Sort::default() } else { self.sort };
        *self = Self { only: Some(only), sort, ..Self::default() };
    }

    /// What an import brought is shown, and nothing else holds any of it back.
    pub fn is_import_alone(&self) -> bool {
        let is_import = matches!(&self.only, Some(Only { of: Set::Import { .. }, .. }));
        is_import && *self == Self { only: self.only.clone(), sort: self.sort, ..Self::default() }
    }

    /// All means all, also where a named set was shown.
    pub fn set_show(&mut self, show: Show) {
        self.show = show;
        if show == Show::All {
            self.only = None;
        }
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
        let mut filters = Filters { only: Some(Only::finding(Check::Leakage)), ..Filters::default() };
        filters.set(Filter::Review(Some(Review::Flagged)));
        filters.sort_by(SortBy::Tokens);
        let query = filters.query();
        assert_eq!((query.finding, query.sort.by), (Some(Having::Value("leakage".to_owned())), SortBy::Tokens));
        assert_eq!((query.review, filters.num_set()), (Some(Review::Flagged), 1));
        filters.clear();
        assert_eq!(filters, Filters { sort: Sort { by: SortBy::Tokens, descending: false }, ..Filters::default() });
    }

    #[test]
    fn a_named_set_is_shown_whatever_was_filtered_and_goes_with_its_chip_or_with_all() {
        let mut filters = Filters { search: "refund".to_owned(), ..Filters::default() };
        filters.show_only(Only::ids("3 new", [5, 3, 9]));
        let query = filters.query();
        assert_eq!((query.search.as_str(), query.only.as_deref()), ("", Some(&[5, 3, 9][..])));
        assert_eq!(query.sort.by, SortBy::Given);
        filters.set_show(Show::Edited);
        assert!(filters.only.is_some());
        filters.set_show(Show::All);
        assert_eq!(filters, Filters::default());
    }

    #[test]
    fn what_an_import_brought_is_shown_as_all_stood_before() {
        let mut filters = Filters { search: "refund".to_owned(), ..Filters::default() };
        filters.sort_by(SortBy::Tokens);
        filters.show_only(Only::import((6, 1_205), "more.jsonl"));
        assert_eq!(filters.only.as_ref().map(|only| only.title.as_str()), Some("1,200 new from more.jsonl"));
        let query = filters.query();
        assert_eq!((query.numbers, query.search.as_str(), query.sort.by), (Some((6, 1_205)), "", SortBy::Tokens));
        filters.sort = Sort::default();
        assert_eq!((filters.query().sort, filters.is_import_alone()), (Sort::default(), true));
        filters.search = "refund".to_owned();
        assert!(!filters.is_import_alone(), "that it shows nothing may be due to the search");
    }
}
