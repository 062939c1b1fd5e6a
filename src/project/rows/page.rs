//! Pages of the rows' order.

use rusqlite::Connection;

use super::order::Order;
use super::query::{ExampleQuery, Filter, SortBy};
use super::{search, select};
use crate::project::error::ProjectError;
use crate::task::Task;

impl Order {
    /// The ids of a page, and how many rows match in all.
    pub fn page(
        &mut self,
        db: &Connection,
        query: &ExampleQuery,
        task: &dyn Task,
    ) -> Result<(Vec<i64>, u64), ProjectError> {
        let filter = Filter::of(query);
        if filter.lets_all_through() && query.sort.by == SortBy::Position && !query.sort.descending {
            return Ok((window(&self.slots, query).iter().map(|slot| slot.id).collect(), self.slots.len() as u64));
        }
        let chosen = self.choose(db, filter, task)?;
        let len = chosen.len() as u64;
        let at = window(chosen, query).to_vec();
        Ok((at.iter().map(|at| self.slots[*at as usize].id).collect(), len))
    }

    /// The ids of a search's first page, without the whole answer; `None` for other questions, if the page would not be
    /// full, and where the whole answer is known.
    pub fn first_page(&self, db: &Connection, query: &ExampleQuery) -> Result<Option<Vec<i64>>, ProjectError> {
        let filter = Filter::of(query);
        let is_known = self.chosen.as_ref().is_some_and(|(known, _)| *known == filter);
        let is_plain =
            query.sort == Default::default() && query.offset == 0 && !search::words(&query.search).is_empty();
        if is_known || !is_plain {
            return Ok(None);
        }
        let ids = select::choose_some(self, db, query, query.limit as usize)?;
        Ok((ids.len() as u64 == query.limit).then_some(ids))
    }

    /// The ids of all rows that match, in order.
    pub fn ids(&mut self, db: &Connection, query: &ExampleQuery, task: &dyn Task) -> Result<Vec<i64>, ProjectError> {
        let chosen = self.choose(db, Filter::of(query), task)?.to_vec();
        Ok(chosen.iter().map(|at| self.slots[*at as usize].id).collect())
    }

    fn choose(&mut self, db: &Connection, filter: Filter, task: &dyn Task) -> Result<&[u32], ProjectError> {
        if self.chosen.as_ref().is_none_or(|(known, _)| *known != filter) {
            let indexes = select::choose(self, db, &filter, task)?;
            self.chosen = Some((filter, indexes));
        }
        Ok(self.chosen.as_ref().map(|(_, indexes)| indexes.as_slice()).unwrap_or_default())
    }
}

fn window<'a, T>(rows: &'a [T], query: &ExampleQuery) -> &'a [T] {
    let start = (query.offset.min(rows.len() as u64)) as usize;
    let len = query.limit.min((rows.len() - start) as u64) as usize;
    &rows[start..start + len]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::import::ImportRequest;
    use crate::project::Project;
    use crate::task::Unwatched;

    #[test]
    fn a_search_has_a_first_page_before_its_whole_answer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        let row = |i| format!("{{\"prompt\":\"question {}\",\"completion\":\"answer {}\"}}\n", i % 2, i);
        let rows: String = (0..12).map(row).collect();
        crate::fs::write_atomic(&path, rows.as_bytes()).unwrap();
        let mut project = Project::create(&folder.path().join("project")).unwrap();
        project.import(&ImportRequest::new(path), &Unwatched).unwrap();
        let page = |search: &str, limit| ExampleQuery { search: search.to_owned(), limit, ..ExampleQuery::default() };

        project.order.refresh(&mut project.db).unwrap();
        let first = project.order.first_page(&project.db, &page("question 1", 3)).unwrap();
        let (whole, num_matching) = project.order.page(&project.db, &page("question 1", 3), &Unwatched).unwrap();
        assert_eq!((first, num_matching), (Some(whole), 7), "the whole answer has 10, too");
        // The beginning of a word is found by its first letter, if it is short.
        let first = project.order.first_page(&project.db, &page("an que", 2)).unwrap();
        assert_eq!(first, Some(project.order.page(&project.db, &page("an que", 2), &Unwatched).unwrap().0));
        let split = Some(project.order.slots[2].split);
        let filtered = ExampleQuery { split, ..page("question", 1) };
        let first = project.order.first_page(&project.db, &filtered).unwrap();
        assert_eq!(first, Some(project.order.page(&project.db, &filtered, &Unwatched).unwrap().0));

        // Too few for a page; only the beginning of a long word; known already; nothing searched.
        for query in [page("question 1", 7), page("quest", 1), filtered, page("", 1)] {
            assert_eq!(project.order.first_page(&project.db, &query).unwrap(), None, "{query:?}");
        }
    }
}
