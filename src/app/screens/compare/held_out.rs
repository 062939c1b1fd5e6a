//! The held-out examples, page by page.

use std::ops::Range;
use std::path::Path;

use crate::app::rows::Rows;
use crate::app::start::Start;
use crate::data::Split;
use crate::engine::JobId;
use crate::project::{ExampleQuery, ExampleRow, RowPage};

/// Validation and test examples, one after the other.
#[derive(Default)]
pub struct HeldOut {
    validation: Rows,
    test: Rows,
}

impl HeldOut {
    pub(super) fn want(&mut self, search: &str, revision: u64) {
        self.validation.want(&query(Split::Validation, search), revision);
        self.test.want(&query(Split::Test, search), revision);
    }

    pub fn num_matching(&self) -> Option<u64> {
        Some(self.validation.num_matching()? + self.test.num_matching()?)
    }

    pub fn get(&self, index: u64) -> Option<&ExampleRow> {
        let num_validation = self.validation.num_matching()?;
        if index < num_validation { self.validation.get(index) } else { self.test.get(index - num_validation) }
    }

    /// The parts of a range that lie in validation and in test.
    fn parts(&self, range: &Range<u64>) -> (Range<u64>, Range<u64>) {
        let num = self.validation.num_matching().unwrap_or(0);
        (range.start.min(num)..range.end.min(num), range.start.saturating_sub(num)..range.end.saturating_sub(num))
    }

    pub fn needs(&self, range: &Range<u64>) -> bool {
        let (validation, test) = self.parts(range);
        (!validation.is_empty() && self.validation.needs(&validation)) || (!test.is_empty() && self.test.needs(&test))
    }

    pub(super) fn fetch(&mut self, range: &Range<u64>, project: &Path, jobs: &mut dyn Start) {
        let (validation, test) = self.parts(range);
        if self.validation.is_stale() || !validation.is_empty() {
            self.validation.fetch(&validation, project, jobs);
        }
        if self.test.is_stale() || !test.is_empty() {
            self.test.fetch(&test, project, jobs);
        }
    }

    pub fn is_stale(&self) -> bool {
        self.validation.is_stale() || self.test.is_stale()
    }

    pub(super) fn on_rows(&mut self, job: JobId, page: &RowPage) {
        let _ = self.validation.on_rows(job, page) || self.test.on_rows(job, page);
    }

    pub(super) fn on_end(&mut self, job: JobId, has_failed: bool) {
        self.validation.on_end(job, has_failed);
        self.test.on_end(job, has_failed);
    }
}

/// The examples of a part that have these words.
pub(super) fn query(split: Split, search: &str) -> ExampleQuery {
    ExampleQuery { search: search.trim().to_owned(), split: Some(split), ..Default::default() }
}
