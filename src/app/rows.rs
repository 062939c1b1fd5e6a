//! The rows of a table, fetched in pages as they come into view. While a page is on its way its rows are placeholders,
//! or what they were before the last change.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;

use super::start::Start;
use crate::engine::{JobId, JobSpec, StoreJob};
use crate::project::{ExampleQuery, ExampleRow, RowPage};

/// Rows a page.
const PAGE: u64 = 100;
/// More pages than this are forgotten, the farthest from view first.
const MAX_PAGES: usize = 60;
/// A fast drag of the scroll bar passes many pages; only those that are still in view are asked for.
const MAX_IN_FLIGHT: usize = 2;

/// What the pages belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Generation {
    /// Rises with every other filter.
    filter: u64,
    /// The project's revision.
    revision: u64,
}

struct Page {
    generation: Generation,
    rows: Vec<ExampleRow>,
}

/// See the module.
#[derive(Default)]
pub struct Rows {
    filter: ExampleQuery,
    generation: Generation,
    pages: BTreeMap<u64, Page>,
    in_flight: HashMap<JobId, (u64, Generation)>,
    num_matching: Option<u64>,
    /// A query failed; nothing is asked again before the filter or the data change.
    is_stuck: bool,
}

impl Rows {
    /// Says which rows are wanted; `offset` and `limit` are not looked at.
    pub fn want(&mut self, filter: &ExampleQuery, revision: u64) {
        let filter = ExampleQuery { offset: 0, limit: 0, ..filter.clone() };
        if filter != self.filter {
            self.filter = filter;
            self.generation.filter += 1;
            self.is_stuck = false;
        }
        if revision != self.generation.revision {
            self.generation.revision = revision;
            self.is_stuck = false;
        }
    }

    /// Whether rows of `visible` have to be fetched.
    pub fn needs(&self, visible: &Range<u64>) -> bool {
        !self.is_stuck && self.in_flight.len() < MAX_IN_FLIGHT && self.missing(visible).next().is_some()
    }

    /// Asks for the pages of `visible` that are not there or out of date.
    pub fn fetch(&mut self, visible: &Range<u64>, project: &Path, jobs: &mut dyn Start) {
        if self.is_stuck {
            return;
        }
        // Nobody wants the rows of another filter or order any more; sorting them may take long.
        let filter = self.generation.filter;
        self.in_flight.retain(|job, (_, asked)| {
            if asked.filter != filter {
                jobs.stop(*job);
            }
            asked.filter == filter
        });
        let missing: Vec<_> = self.missing(visible).collect();
        for page in missing.into_iter().take(MAX_IN_FLIGHT.saturating_sub(self.in_flight.len())) {
            let query = ExampleQuery { offset: page * PAGE, limit: PAGE, ..self.filter.clone() };
            let job = jobs.start(JobSpec::Store(StoreJob::Query { project: project.to_owned(), query }));
            self.in_flight.insert(job, (page, self.generation));
        }
    }

    fn missing(&self, visible: &Range<u64>) -> impl Iterator<Item = u64> {
        let last = visible.end.max(visible.start + 1).div_ceil(PAGE);
        (visible.start / PAGE..last).filter(|page| {
            let is_here = self.pages.get(page).is_some_and(|p| p.generation == self.generation);
            let is_coming = self.in_flight.values().any(|asked| *asked == (*page, self.generation));
            !is_here && !is_coming
        })
    }

    /// Takes an answer; false if this job is not one of ours.
    pub fn on_rows(&mut self, job: JobId, answer: &RowPage) -> bool {
        let asked = if answer.is_partial { self.in_flight.get(&job).copied() } else { self.in_flight.remove(&job) };
        let Some((number, generation)) = asked else { return false };
        if generation.filter != self.generation.filter {
            return true;
        }
        self.num_matching = Some(answer.num_matching);
        self.pages.retain(|_, page| page.generation.filter == generation.filter);
        self.pages.insert(number, Page { generation, rows: answer.rows.clone() });
        while self.pages.len() > MAX_PAGES {
            let (first, last) = (self.pages.keys().next().copied(), self.pages.keys().next_back().copied());
            let (Some(first), Some(last)) = (first, last) else { break };
            let farthest = if number.abs_diff(first) > number.abs_diff(last) { first } else { last };
            self.pages.remove(&farthest);
        }
        true
    }

    /// A job ended; true if it was one of ours that had not answered. One that was stopped is asked for again.
    pub fn on_end(&mut self, job: JobId, has_failed: bool) -> bool {
        let is_ours = self.in_flight.remove(&job).is_some();
        self.is_stuck |= is_ours && has_failed;
        is_ours
    }

    /// How many rows match; `None` before the first answer.
    pub fn num_matching(&self) -> Option<u64> {
        self.num_matching
    }

    /// Answers are on their way.
    pub fn is_fetching(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// The rows for the present filter and revision are being waited for.
    pub fn is_stale(&self) -> bool {
        self.pages.values().all(|page| page.generation != self.generation)
    }

    pub fn get(&self, index: u64) -> Option<&ExampleRow> {
        let page = self.pages.get(&(index / PAGE))?;
        page.rows.get((index % PAGE) as usize)
    }

    /// Where an example is, if it is among the pages that are here and up to date.
    pub fn index_of(&self, id: i64) -> Option<u64> {
        self.pages.iter().filter(|(_, page)| page.generation == self.generation).find_map(|(number, page)| {
            page.rows.iter().position(|row| row.id == id).map(|at| number * PAGE + at as u64)
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::data::Split;
    use crate::engine::fake::FakeEngine;
    use crate::project::{Annotations, ExampleStatus};

    /// What a store with `num` examples answers to every query that has been asked.
    pub fn page(query: &ExampleQuery, num: u64) -> RowPage {
        let row = |index: u64| ExampleRow {
            id: index as i64 + 1,
            number: index + 1,
            split: Split::Train,
            status: ExampleStatus::Ready,
            prompt: format!("prompt {}", index + 1),
            answer: String::new(),
            num_turns: 2,
            annotations: Annotations::default(),
            findings: Vec::new(),
        };
        let rows = (query.offset..num.min(query.offset + query.limit)).map(row).collect();
        RowPage { query: query.clone(), num_matching: num, rows, is_partial: false }
    }

    fn answer(rows: &mut Rows, fake: &FakeEngine, from: usize, num: u64) {
        for (job, spec) in fake.started().into_iter().skip(from) {
            if let JobSpec::Store(StoreJob::Query { query, .. }) = spec {
                assert!(rows.on_rows(job, &page(&query, num)));
            }
        }
    }

    #[test]
    fn fetches_what_is_in_view_once_and_again_after_a_change() {
        let (mut rows, mut fake, folder) = (Rows::default(), FakeEngine::default(), Path::new("p"));
        rows.want(&ExampleQuery::default(), 1);
        rows.fetch(&(0..0), folder, &mut fake);
        rows.fetch(&(0..0), folder, &mut fake);
        assert_eq!(fake.started().len(), 1);
        answer(&mut rows, &fake, 0, 1000);
        assert_eq!(rows.num_matching(), Some(1000));
        assert!(!rows.needs(&(5..20)) && rows.needs(&(95..120)));

        rows.fetch(&(300..520), folder, &mut fake);
        assert_eq!(fake.started().len(), 1 + MAX_IN_FLIGHT);
        answer(&mut rows, &fake, 1, 1000);
        assert_eq!(rows.get(399).map(|row| row.id), Some(400));
        assert_eq!(rows.index_of(310), Some(309));

        rows.want(&ExampleQuery::default(), 2);
        assert!(rows.is_stale() && rows.get(0).is_some() && rows.needs(&(0..10)));
    }

    #[test]
    fn the_first_rows_of_a_search_are_shown_while_the_rest_is_waited_for() {
        let (mut rows, mut fake, folder) = (Rows::default(), FakeEngine::default(), Path::new("p"));
        rows.want(&ExampleQuery { search: "x".to_owned(), ..ExampleQuery::default() }, 1);
        rows.fetch(&(0..0), folder, &mut fake);
        let Some((job, JobSpec::Store(StoreJob::Query { query, .. }))) = fake.started().pop() else {
            panic!("nothing was asked")
        };
        assert!(rows.on_rows(job, &RowPage { is_partial: true, ..page(&query, 100) }));
        assert_eq!((rows.num_matching(), rows.is_fetching()), (Some(100), true));
        assert!(rows.get(99).is_some() && !rows.needs(&(0..100)));
        assert!(rows.on_rows(job, &page(&query, 1000)));
        assert_eq!((rows.num_matching(), rows.is_fetching()), (Some(1000), false));
    }

    #[test]
    fn late_answers_to_another_filter_are_dropped() {
        let (mut rows, mut fake, folder) = (Rows::default(), FakeEngine::default(), Path::new("p"));
        rows.want(&ExampleQuery::default(), 1);
        rows.fetch(&(0..0), folder, &mut fake);
        rows.want(&ExampleQuery { search: "x".to_owned(), ..ExampleQuery::default() }, 1);
        answer(&mut rows, &fake, 0, 1000);
        assert_eq!(rows.num_matching(), None);
        rows.fetch(&(0..0), folder, &mut fake);
        answer(&mut rows, &fake, 1, 3);
        assert_eq!(rows.num_matching(), Some(3));
    }
}
