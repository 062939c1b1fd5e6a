//! Which rows of the table are wanted, and what is said of them: plain data.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::search;
use crate::data::{Role, Split};
use crate::project::state::{ExampleRow, ExampleStatus, Review};

/// Which rows of the table are wanted; every filter that is set must let a row through.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExampleQuery {
    /// Words that must all occur in some turn, each as a prefix; punctuation parts words. Empty for all.
    pub search: String,
    /// Those that take part in it.
    pub split: Option<Split>,
    pub status: Option<ExampleStatus>,
    /// Only those changed by hand, also if they are set aside.
    pub edited_only: bool,
    pub review: Option<Review>,
    pub tag: Option<Having>,
    pub label: Option<Having>,
    /// A turn of this role occurs.
    pub role: Option<Role>,
    /// The file that it came from.
    pub source: Option<String>,
    /// From and to, by their numbers: what one import brought.
    pub numbers: Option<(u64, u64)>,
    /// What the second reviewer says of the label; those that only one has labelled are left out.
    pub reviewers: Option<Reviewed>,
    /// What the last checks found, by the check's name.
    pub finding: Option<Having>,
    /// Length in tokens, from and to; those whose length isn't known are left out.
    pub tokens: Option<(u32, u32)>,
    /// From and to; those without a loss are left out.
    pub loss: Option<(f32, f32)>,
    /// Only those that are to be labelled or reviewed next.
    pub queued_only: bool,
    /// Only these.
    pub only: Option<Arc<[i64]>>,
    pub sort: Sort,
    /// First row wanted, in the filtered order.
    pub offset: u64,
    pub limit: u64,
}

impl ExampleQuery {
    /// It asks for examples that take no part; what goes out is without them otherwise.
    pub fn wants_left_out(&self) -> bool {
        self.status == Some(ExampleStatus::SetAside) || self.review == Some(Review::Rejected)
    }
}

/// What of a query decides which rows there are, and in which order.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter(ExampleQuery);

impl Filter {
    pub fn of(query: &ExampleQuery) -> Self {
        let search = search::words(&query.search).join(" ");
        Self(ExampleQuery { search, offset: 0, limit: 0, ..query.clone() })
    }

    pub fn query(&self) -> &ExampleQuery {
        &self.0
    }

    pub fn lets_all_through(&self) -> bool {
        ExampleQuery { sort: self.0.sort, ..ExampleQuery::default() } == self.0
    }
}

/// Whether a second reviewer gave the same label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reviewed {
    Agree,
    Differ,
}

/// What a row has to have of something that it may have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Having {
    Something,
    Nothing,
    Value(String),
}

/// The table's columns that rows can be sorted by; rows without a value come last, either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortBy {
    /// The order of the import, copies beside their originals.
    #[default]
    Position,
    Number,
    Prompt,
    Answer,
    Turns,
    Split,
    Status,
    Review,
    Label,
    Tags,
    Source,
    Date,
    Tokens,
    Loss,
    Findings,
    /// The order in which they are to be labelled or reviewed.
    Queue,
    /// The order of [`ExampleQuery::only`]; or else what a check found together side by side.
    Given,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Sort {
    pub by: SortBy,
    pub descending: bool,
}

/// The answer to an [`ExampleQuery`].
#[derive(Debug, Clone, PartialEq)]
pub struct RowPage {
    pub query: ExampleQuery,
    /// Rows that match, in all, or that were found so far.
    pub num_matching: u64,
    pub rows: Vec<ExampleRow>,
    /// More rows may match; another answer follows.
    pub is_partial: bool,
}

/// How many rows there are for each chip of a filter, with it and all other filters of the query.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FacetCounts {
    /// Rows that match, in all.
    pub num_matching: u64,
    /// In the order of [`Split::ALL`].
    pub splits: [u64; 3],
    /// Ready, edited, set aside.
    pub statuses: [u64; 3],
    /// Changed by hand, also if they are set aside.
    pub edited: u64,
    /// In the order of [`Review::ALL`].
    pub reviews: [u64; 4],
    /// In the order of [`Role::ALL`].
    pub roles: [u64; 4],
    pub tags: NamedCounts,
    pub labels: NamedCounts,
    pub sources: NamedCounts,
    /// The second reviewer agrees, differs.
    pub reviewers: [u64; 2],
    /// By the check's name.
    pub findings: NamedCounts,
    /// In the order of [`LOSS_BANDS`].
    pub losses: [u64; 4],
    pub shows: ShowCounts,
    pub whole: Whole,
}

/// How many rows each of the chips above the table would show, with the search and the other filters; one of these
/// chips is chosen at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShowCounts {
    pub all: u64,
    /// In the order of [`Split::ALL`].
    pub splits: [u64; 3],
    pub issues: u64,
    pub edited: u64,
    pub queued: u64,
}

/// Counts of all examples, whatever is searched and filtered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Whole {
    /// Examples in which a check found something that must be fixed.
    pub must_fix: u64,
    /// Others, in which something should be looked at.
    pub should_look: u64,
    /// The files that the examples came from, in the order of their import.
    pub files: Vec<(String, u64)>,
    /// In the order of their number keys; some keep theirs though no example has them now.
    pub labels: Vec<(String, u64)>,
}

impl Whole {
    /// Examples in which the checks found something.
    pub fn issues(&self) -> u64 {
        self.must_fix + self.should_look
    }
}

/// The chips for losses, from and to, the highest first. A model gives the right token of an example with a loss of 2 a
/// probability of 14 % in the mean, with 1 one of 37 %, with 0.3 one of 74 %.
pub const LOSS_BANDS: [(f32, f32); 4] = [(2.0, f32::INFINITY), (1.0, 2.0), (0.3, 1.0), (f32::NEG_INFINITY, 0.3)];

/// How many rows have each value of a filter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamedCounts {
    /// The most frequent first.
    pub values: Vec<(String, u64)>,
    /// Rows with any.
    pub something: u64,
    pub nothing: u64,
}
