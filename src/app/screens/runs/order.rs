//! Which runs are listed, and in which order.

use std::cmp::Ordering;

use crate::app::shell::words::model_name;
use crate::run::{RunRecord, RunStatus};

/// A column that the list can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    /// By age.
    Run,
    Note,
    Status,
    Steps,
    BestLoss,
    Time,
}

/// The order of the list, and what is searched for in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    pub by: SortBy,
    pub is_descending: bool,
    pub search: String,
}

impl Default for Listing {
    /// All, the newest first.
    fn default() -> Self {
        Self { by: SortBy::Run, is_descending: true, search: String::new() }
    }
}

impl Listing {
    /// A click on a head: sorts by it, or the other way round.
    pub fn sort(&mut self, by: SortBy) {
        // Times and names begin with the newest and longest, losses with the lowest.
        self.is_descending = if self.by == by { !self.is_descending } else { matches!(by, SortBy::Run | SortBy::Time) };
        self.by = by;
    }

    /// The places, in `records`, of those that are listed. `records` come with the newest first.
    pub fn rows(&self, records: &[RunRecord]) -> Vec<usize> {
        let words: Vec<String> = self.search.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let fits = |run: &RunRecord| {
            let text =
                format!("{} {} {} {}", run.name, run.about.note.text, model_name(&run.model), status(run.status));
            let text = text.to_lowercase();
            words.iter().all(|word| text.contains(word.as_str()))
        };
        let mut rows: Vec<usize> = (0..records.len()).filter(|at| fits(&records[*at])).collect();
        rows.sort_by(|a, b| self.compare((*a, &records[*a]), (*b, &records[*b])));
        rows
    }

    fn compare(&self, (at_a, a): (usize, &RunRecord), (at_b, b): (usize, &RunRecord)) -> Ordering {
        let by_age = || at_b.cmp(&at_a);
        let order = match self.by {
            SortBy::Run => by_age(),
            SortBy::Note => a.about.note.text.to_lowercase().cmp(&b.about.note.text.to_lowercase()),
            SortBy::Status => status(a.status).cmp(status(b.status)),
            SortBy::Steps => a.num_steps_done.cmp(&b.num_steps_done),
            SortBy::Time => a.secs.total_cmp(&b.secs),
            SortBy::BestLoss => match (a.best_eval_loss, b.best_eval_loss) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                // Without one they come last, however it is sorted.
                (None, None) => Ordering::Equal,
                (a, _) => return if a.is_none() { Ordering::Greater } else { Ordering::Less },
            },
        };
        let order = if self.is_descending { order.reverse() } else { order };
        // The newest of equals first.
        order.then(at_a.cmp(&at_b))
    }
}

/// The status in the table's words.
pub fn status(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "Running",
        RunStatus::Completed => "Done",
        RunStatus::Stopped => "Stopped",
        RunStatus::Interrupted => "Interrupted",
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::recipe::{ModelRef, Recipe};
    use crate::run::{RunAbout, RunNote};

    /// A run that is done.
    pub fn record(name: &str, best_eval_loss: Option<f64>, text: &str) -> RunRecord {
        RunRecord {
            name: name.to_owned(),
            run_dir: format!("/p/runs/{name}").into(),
            model: ModelRef::Starter,
            recipe: Recipe::new(ModelRef::Starter, "t".into()),
            status: RunStatus::Completed,
            num_steps_done: 10,
            num_steps: 10,
            first_eval_loss: None,
            best_eval_loss,
            best_step: None,
            adapter: None,
            secs: 1.0,
            about: RunAbout { note: RunNote { text: text.to_owned(), is_starred: false }, ..RunAbout::default() },
        }
    }

    #[test]
    fn lists_the_newest_first_and_sorts_by_any_column() {
        let records = [record("3", Some(0.5), "b"), record("2", None, "a"), record("1", Some(0.4), "Rank 8, short")];
        let mut listing = Listing::default();
        assert_eq!(listing.rows(&records), [0, 1, 2]);
        listing.sort(SortBy::Run);
        assert_eq!(listing.rows(&records), [2, 1, 0]);
        listing.sort(SortBy::BestLoss);
        assert_eq!(listing.rows(&records), [2, 0, 1], "the lowest first, and what has none last");
        listing.sort(SortBy::BestLoss);
        assert_eq!(listing.rows(&records), [0, 2, 1]);
        listing.search = "SHORT rank".to_owned();
        assert_eq!(listing.rows(&records), [2]);
        listing.search = "smollm2 done".to_owned();
        assert_eq!(listing.rows(&records).len(), 3);
    }
}
