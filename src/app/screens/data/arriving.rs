//! The first rows of an import, shown while the others are still on their way, until the store's own take their place.

use crate::engine::{JobId, Outcome};
use crate::project::ExampleRow;

/// See the module.
#[derive(Debug, Default)]
pub struct Arriving {
    rows: Vec<ExampleRow>,
    job: Option<JobId>,
    /// The import is done; the store's rows are being fetched.
    is_done: bool,
}

impl Arriving {
    pub fn rows(&self) -> &[ExampleRow] {
        &self.rows
    }

    pub fn on_rows(&mut self, job: JobId, rows: &[ExampleRow]) {
        *self = Self { rows: rows.to_vec(), job: Some(job), is_done: false };
    }

    /// What failed or was stopped brings nothing.
    pub fn on_finished(&mut self, job: JobId, outcome: &Outcome) {
        match outcome {
            _ if self.job != Some(job) => {}
            Outcome::Completed => self.is_done = true,
            Outcome::Stopped | Outcome::Failed(_) => *self = Self::default(),
        }
    }

    /// The store's rows are here, or not yet.
    pub fn follow(&mut self, is_stale: bool) {
        if self.is_done && !is_stale {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::rows::tests::page;
    use crate::project::ExampleQuery;

    #[test]
    fn rows_stay_until_the_stores_own_are_here_and_go_if_the_import_fails() {
        let rows = page(&ExampleQuery { limit: 5, ..ExampleQuery::default() }, 5).rows;
        let (import, other) = (JobId(7), JobId(8));
        let mut arriving = Arriving::default();
        arriving.on_rows(import, &rows);
        arriving.on_finished(other, &Outcome::Stopped);
        arriving.follow(false);
        assert_eq!(arriving.rows().len(), 5, "the import goes on");
        arriving.on_finished(import, &Outcome::Completed);
        arriving.follow(true);
        assert_eq!(arriving.rows().len(), 5);
        arriving.follow(false);
        assert_eq!(arriving.rows().len(), 0);
        arriving.on_rows(import, &rows);
        arriving.on_finished(import, &Outcome::Stopped);
        assert_eq!(arriving.rows().len(), 0);
    }
}
