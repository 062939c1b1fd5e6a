//! Import into the store. One thread reads the file and makes rows of it, another writes them ([`arrivals`]): SQLite and
//! its index take as long as all the rest.
//!
//! [`arrivals`]: super::arrivals

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::arrivals::{self, Appearing, Arrival, Incoming};
use super::candidates::Candidates;
use super::known::{Known, Match};
use super::turn::Turn;
use crate::data::import::{ImportReport, ImportRequest, ReadExample};
use crate::data::{ImportError, Split, read_examples};
use crate::project::error::ProjectError;
use crate::project::state::{Annotations, ExampleRow, ExampleStatus};
use crate::project::store::face::Face;
use crate::project::store::new_row::next_number;
use crate::project::store::project::Project;
use crate::project::store::room;
use crate::task::Task;
use crossbeam_channel::{Sender, bounded};
use jiff::Timestamp;

/// Rows that go to the writing thread at once, or fewer if they are long.
const BATCH_ROWS: usize = 500;
const BATCH_BYTES: usize = 1 << 20;
/// Batches that may wait for it: it stops for a moment at the end of a transaction.
const NUM_WAITING: usize = 16;
/// Rows that are shown while the others are still on their way.
const FIRST_ROWS: usize = 100;

impl Project {
    /// Takes all good rows of a file in, as one step of undo. When it is stopped or fails, nothing was imported.
    ///
    /// # Errors
    /// Where a file can't be read or has no good rows, another import is running, the disk is full, or the task was
    /// stopped.
    pub fn import(&mut self, request: &ImportRequest, task: &dyn Task) -> Result<ImportReport, ProjectError> {
        self.import_showing(request, task, &mut |_| {})
    }

    /// [`Self::import`] that shows the first rows of a file with many: `show` is given them as soon as they are read.
    /// They have no id yet, and go away again if the import fails.
    ///
    /// # Errors
    /// As for [`Self::import`].
    pub fn import_showing(
        &mut self,
        request: &ImportRequest,
        task: &dyn Task,
        show: &mut dyn FnMut(Vec<ExampleRow>),
    ) -> Result<ImportReport, ProjectError> {
        let _turn = Turn::take(self.folder())?;
        arrivals::prepare(&self.db, true)?;
        // Left behind if the program was killed in the middle of an import.
        let imported = self.clear_arrivals().and_then(|()| self.take_in(request, task, show));
        if imported.is_err()
            && let Err(e) = self.clear_arrivals()
        {
            log::warn!("rows of an import that failed are still there, unseen: {e}");
        }
        arrivals::prepare(&self.db, false)?;
        imported
    }

    /// Removes what an import that failed has left, and gives its room back to the disk.
    fn clear_arrivals(&mut self) -> Result<(), ProjectError> {
        if arrivals::clear(&mut self.db)? {
            let folder = self.folder().to_owned();
            room::give_back(&mut self.db, &folder, self.free)?;
        }
        Ok(())
    }

    fn take_in(
        &mut self,
        request: &ImportRequest,
        task: &dyn Task,
        show: &mut dyn FnMut(Vec<ExampleRow>),
    ) -> Result<ImportReport, ProjectError> {
        let mut reading = Reading {
            known: Known::load(&self.db, request.on_known)?,
            num_known: vec![0; 1 + request.more.len()],
            told: Vec::new(),
            candidates: Candidates::default(),
            has_labels: vec![false; 1 + request.more.len()],
            first_rows: Some(Vec::new()),
            first_number: next_number(&self.db)? as u64,
            sources: request.source_names(),
        };
        let (folder, free) = (self.folder().to_owned(), self.free);
        let (db, first_number) = (&mut self.db, reading.first_number as i64);
        let (report, written) = std::thread::scope(|scope| {
            let (sender, receiver) = bounded(NUM_WAITING);
            let writing = scope
                .spawn(move || arrivals::write(db, &receiver, first_number, |db| room::for_texts(db, &folder, free)));
            let report = reading.read(request, task, sender, show);
            (report, writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        // What could not be written ended the reading, too, which then has nothing to say about it.
        let mut rows = written?;
        let mut report = report?;
        if task.is_stopped() {
            return Err(ImportError::Stopped { path: request.path.clone() }.into());
        }
        rows.iter_mut().for_each(|row| row.replaces = row.replaces.filter(|id| reading.known.is_update(*id)));
        count_known(&mut report, &reading.num_known, &rows);
        // A column of labels says what they are, whatever the answers look like.
        let are_candidates = reading.candidates.are_labels();
        let are_labelled = reading.has_labels.into_iter().map(|has_labels| has_labels || are_candidates).collect();
        let files = reading.sources.into_iter().zip(request.paths().map(Path::to_path_buf)).collect();
        let appearing = Appearing { rows, are_labelled, told: reading.told, files, keeps_groups: request.keep_groups };
        let appeared = appearing.appear(&mut self.db, &request.split)?;
        report.numbers = appeared.numbers;
        if appeared.has_changed {
            self.last_changed = None;
        }
        Ok(report)
    }
}

/// Counts the good rows that are here already and those that took an example's place; what is left is new.
fn count_known(report: &mut ImportReport, num_known: &[u64], rows: &[Arrival]) {
    let mut num_updated = vec![0; num_known.len()];
    for row in rows.iter().filter(|row| row.replaces.is_some()) {
        num_updated[row.file as usize] += 1;
    }
    for ((file, num_known), num_updated) in report.files.iter_mut().zip(num_known).zip(&num_updated) {
        (file.num_known, file.num_updated) = (*num_known, *num_updated);
        file.num_imported -= num_known + num_updated;
    }
    (report.num_known, report.num_updated) = (num_known.iter().sum(), num_updated.iter().sum());
    report.num_imported -= report.num_known + report.num_updated;
}

/// The reading thread's side.
struct Reading {
    known: Known,
    /// By file.
    num_known: Vec<u64>,
    /// Known examples for which the file says a split or a date.
    told: Vec<(i64, Option<Split>, Option<Timestamp>)>,
    candidates: Candidates,
    /// By file: a column says the labels.
    has_labels: Vec<bool>,
    /// `None` once they are shown.
    first_rows: Option<Vec<ExampleRow>>,
    first_number: u64,
    sources: Vec<String>,
}

impl Reading {
    /// Ends early if the writing thread has: it then says why.
    fn read(
        &mut self,
        request: &ImportRequest,
        task: &dyn Task,
        sender: Sender<Vec<Incoming>>,
        show: &mut dyn FnMut(Vec<ExampleRow>),
    ) -> Result<ImportReport, ProjectError> {
        let mut batch = Vec::with_capacity(BATCH_ROWS);
        let mut num_bytes = 0;
        let mut failure = None;
        let report = read_examples(request, task, &mut |row| {
            match self.take(row, show) {
                Ok(incoming) => {
                    num_bytes += incoming.as_ref().map_or(0, |incoming| incoming.face.num_bytes());
                    batch.extend(incoming);
                }
                Err(e) => {
                    failure = Some(e);
                    return ControlFlow::Break(());
                }
            }
            if batch.len() < BATCH_ROWS && num_bytes < BATCH_BYTES {
                return ControlFlow::Continue(());
            }
            num_bytes = 0;
            if sender.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH_ROWS))).is_err() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        if let Some(e) = failure {
            return Err(e);
        }
        let report = report?;
        // If nobody takes it any more, the writing thread says why.
        drop(sender.send(batch));
        Ok(report)
    }

    /// A row for the writing thread; none if the project has it already.
    fn take(
        &mut self,
        row: ReadExample,
        show: &mut dyn FnMut(Vec<ExampleRow>),
    ) -> Result<Option<Incoming>, ProjectError> {
        let face = Face::of(&row.example).map_err(ProjectError::Content)?;
        let replaces = match self.known.find(&face, row.example.is_unanswered()) {
            Match::New => None,
            Match::Other(id) => Some(id),
            Match::Same(id) => {
                self.num_known[row.file] += 1;
                if row.split.is_some() || row.date.is_some() {
                    self.told.push((id, row.split, row.date));
                }
                return Ok(None);
            }
        };
        if let (Some(rows), None) = (&mut self.first_rows, replaces) {
            rows.push(ExampleRow {
                id: 0,
                number: self.first_number + rows.len() as u64,
                split: row.split.unwrap_or(Split::Train),
                status: ExampleStatus::Ready,
                prompt: face.prompt().to_owned(),
                answer: face.answer().to_owned(),
                num_turns: row.example.messages.len(),
                annotations: Annotations {
                    source: self.sources.get(row.file).cloned(),
                    date: row.date,
                    label: row.beside.label.clone().filter(|label| !label.is_empty()),
                    notes: row.beside.note.clone(),
                    ..Annotations::default()
                },
                findings: Vec::new(),
            });
            if rows.len() == FIRST_ROWS {
                show(std::mem::take(rows));
                self.first_rows = None;
            }
        }
        let label = match &row.beside.label {
            Some(label) => {
                self.has_labels[row.file] = true;
                Some(label.as_str()).filter(|label| !label.is_empty()).map(Arc::from)
            }
            None => self.candidates.add(&row.example),
        };
        let ReadExample { file, split, date, beside, .. } = row;
        Ok(Some(Incoming { face, file, split, date, beside, label, replaces }))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::data::import::OnKnown;
    use crate::task::Unwatched;

    fn project_with(folder: &Path, num_rows: usize) -> (Project, ImportRequest) {
        let mut text = String::new();
        for i in 0..num_rows {
            writeln!(text, "{{\"prompt\":\"question {i}\",\"completion\":\"answer {i}\"}}").unwrap();
        }
        let path = folder.join("rows.jsonl");
        crate::fs::write_atomic(&path, text.as_bytes()).unwrap();
        (Project::create(&folder.join("project")).unwrap(), ImportRequest::new(path))
    }

    #[test]
    fn a_full_disk_rolls_the_import_back_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let (mut project, request) = project_with(folder.path(), 20_000);
        project.db.pragma_update(None, "max_page_count", 200).unwrap();
        let error = project.import(&request, &Unwatched).unwrap_err();
        assert_eq!(error.to_string(), "the disk is full: project.db can't be written");
        assert!(error.hint().unwrap().contains("Make room"));
        assert_eq!(project.counts().unwrap().total(), 0);
        let left: i64 = project.db.query_row("SELECT count(*) FROM contents", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0);

        // With room again, the same file comes in whole.
        project.db.pragma_update(None, "max_page_count", 1_000_000).unwrap();
        let report = project.import(&request, &Unwatched).unwrap();
        assert_eq!((report.num_imported, project.counts().unwrap().total()), (20_000, 20_000));
        let check: String = project.db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
    }

    #[test]
    fn the_first_rows_are_shown_before_the_last_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let (mut project, request) = project_with(folder.path(), 250);
        let mut shown = Vec::new();
        project.import_showing(&request, &Unwatched, &mut |rows| shown.push(rows)).unwrap();
        assert_eq!((shown.len(), shown[0].len()), (1, FIRST_ROWS));
        assert_eq!((shown[0][99].number, shown[0][99].prompt.as_str()), (100, "question 99"));
    }

    #[test]
    fn what_is_known_already_is_counted_and_not_taken_again() {
        let folder = tempfile::tempdir().unwrap();
        let (mut project, request) = project_with(folder.path(), 10);
        project.import(&request, &Unwatched).unwrap();
        let mut text = std::fs::read_to_string(&request.path).unwrap();
        // A copy within the file is the file's own.
        text += "{\"prompt\":\"new\",\"completion\":\"x\"}\n{\"prompt\":\"new\",\"completion\":\"x\"}\n";
        crate::fs::write_atomic(&request.path, text.as_bytes()).unwrap();
        let report = project.import(&request, &Unwatched).unwrap();
        assert_eq!((report.num_imported, report.num_known), (2, 10));
        let report = project.import(&request, &Unwatched).unwrap();
        assert_eq!((report.num_imported, report.num_known, project.counts().unwrap().total()), (0, 12, 12));
        let again = ImportRequest { on_known: OnKnown::Add, ..request };
        assert_eq!(project.import(&again, &Unwatched).unwrap().num_imported, 12);
    }

    #[test]
    fn a_split_that_the_file_says_is_taken_over_for_what_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let (mut project, request) = project_with(folder.path(), 0);
        let row = |split: &str| {
            let text = format!("prompt,completion,split\na,b,{split}\n");
            let path = request.path.with_extension("csv");
            crate::fs::write_atomic(&path, text.as_bytes()).unwrap();
            ImportRequest::new(path)
        };
        project.import(&row("train"), &Unwatched).unwrap();
        let report = project.import(&row("test"), &Unwatched).unwrap();
        assert_eq!((report.num_imported, report.num_known), (0, 1));
        assert_eq!(project.counts().unwrap().test, 1);
        project.undo().unwrap();
        assert_eq!(project.counts().unwrap().test, 0);
    }

    fn write(request: &ImportRequest, rows: &[(&str, &str)]) {
        let line =
            |(prompt, answer): &(&str, &str)| format!("{{\"prompt\":\"{prompt}\",\"completion\":\"{answer}\"}}\n");
        crate::fs::write_atomic(&request.path, rows.iter().map(line).collect::<String>().as_bytes()).unwrap();
    }

    fn answers(project: &Project) -> Vec<(String, String)> {
        let mut answers = Vec::new();
        let mut take = |stored: crate::project::StoredExample| {
            answers.push((stored.example.messages[0].content.clone(), stored.example.answer().unwrap().to_owned()));
            ControlFlow::Continue(())
        };
        project.for_each_present(&mut take).unwrap();
        answers
    }

    #[test]
    fn an_update_replaces_answers_where_it_is_clear_which_and_is_one_step_of_undo() {
        let folder = tempfile::tempdir().unwrap();
        let (mut project, request) = project_with(folder.path(), 0);
        let before = [("same", "1"), ("other", "1"), ("twice here", "1"), ("twice here", "2"), ("twice there", "1")];
        write(&request, &before);
        project.import(&request, &Unwatched).unwrap();
        let rows = [("same", "1"), ("other", "2"), ("twice here", "3"), ("twice there", "2"), ("twice there", "3")];
        write(&request, &[&rows[..], &[("new", "1"), ("same", "9")]].concat());

        let known = project.count_known(&request, &Unwatched).unwrap();
        assert_eq!((known.same, known.other, known.says_split), (1, 1, false));
        let update = ImportRequest { on_known: OnKnown::Update, ..request };
        let report = project.import(&update, &Unwatched).unwrap();
        assert_eq!((report.num_known, report.num_updated, report.num_imported), (1, 1, 5));
        let mut expected = before.map(|(prompt, answer)| (prompt.to_owned(), answer.to_owned())).to_vec();
        expected[1].1 = "2".to_owned();
        let new = [("twice here", "3"), ("twice there", "2"), ("twice there", "3"), ("new", "1"), ("same", "9")];
        expected.extend(new.map(|(prompt, answer)| (prompt.to_owned(), answer.to_owned())));
        assert_eq!(answers(&project), expected);
        let left: i64 = project.db.query_row("SELECT count(*) FROM contents", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 10, "a row that took another's place leaves nothing behind");

        project.undo().unwrap();
        assert_eq!(answers(&project), before.map(|(prompt, answer)| (prompt.to_owned(), answer.to_owned())));
        project.redo().unwrap();
        assert_eq!(answers(&project), expected);
        let again = project.import(&update, &Unwatched).unwrap();
        assert_eq!((again.num_known, again.num_updated, again.num_imported), (7, 0, 0));
    }

    #[test]
    fn what_is_written_ahead_is_put_right_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let (mut project, request) = project_with(folder.path(), 8);
        project.import(&request, &Unwatched).unwrap();
        project.undo().unwrap();

        // The numbers of what was undone are free again, a row that replaces another takes none, and no answer comes often
        // enough to be a label.
        write(&request, &[("kept", "1"), ("changed", "2")]);
        project.import(&request, &Unwatched).unwrap();
        write(&request, &[("a", "3"), ("changed", "4"), ("b", "5")]);
        let more = ImportRequest::new(folder.path().join("more.jsonl"));
        write(&more, &[("c", "6"), ("kept", "1"), ("d", "7")]);
        let both = ImportRequest { more: vec![more.path], on_known: OnKnown::Update, ..request };
        project.import(&both, &Unwatched).unwrap();
        let rows = project.query(&crate::project::ExampleQuery { limit: 10, ..Default::default() }).unwrap().rows;
        let told = rows.iter().map(|row| {
            (row.number, row.prompt.as_str(), row.annotations.source.as_deref().unwrap(), &row.annotations.label)
        });
        let (one, two) = ("rows.jsonl", "more.jsonl");
        let expected =
            [(1, "kept", one), (2, "changed", one), (3, "a", one), (4, "b", one), (5, "c", two), (6, "d", two)];
        assert_eq!(told.collect::<Vec<_>>(), expected.map(|(number, prompt, source)| (number, prompt, source, &None)));
        let at = "SELECT count(*) FROM examples WHERE position = number AND presence = 1";
        assert_eq!(project.db.query_row(at, [], |row| row.get::<_, i64>(0)).unwrap(), 6);
    }

    #[test]
    fn a_label_that_is_the_answer_is_updated_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let (mut project, request) = project_with(folder.path(), 0);
        let rows = [("one", "a"), ("two", "b"), ("three", "a"), ("four", "b"), ("five", "a"), ("six", "b")];
        write(&request, &rows);
        project.import(&request, &Unwatched).unwrap();
        write(&request, &[("one", "b")]);
        project.import(&ImportRequest { on_known: OnKnown::Update, ..request }, &Unwatched).unwrap();
        let stored = project.example(1).unwrap();
        assert_eq!((stored.example.answer(), stored.annotations.label.as_deref()), (Some("b"), Some("b")));
        assert_eq!(stored.status, ExampleStatus::Ready, "nobody edited it by hand");
    }
}
