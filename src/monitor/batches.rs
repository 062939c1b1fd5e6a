//! Dated batches of new real examples: `monitor/batches/2026-11-30-tickets.jsonl`, and beside each what is known of it, in
//! `….json`.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};

use super::{MonitorError, Period};
use crate::data::example::content_key;
use crate::data::import::{ImportReport, ImportRequest};
use crate::data::{Example, ImportError, date, read_examples, told};
use crate::fs::{stream_atomic, write_atomic};
use crate::run::sha256_of;
use crate::task::Task;
use crate::words::count;

/// The folder of what is watched after release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitor {
    folder: PathBuf,
}

/// What is known of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// `2026-11-30-tickets`
    pub name: String,
    /// The first day that it is from.
    pub date: String,
    pub num: usize,
    /// How many have an answer that people gave or corrected; of the others only the inputs are watched.
    pub num_answered: usize,
    /// The SHA-256 of its examples' file.
    pub sha256: String,
    /// The file that it came from, and its SHA-256.
    pub source: PathBuf,
    pub source_sha256: String,
    /// What was said when it came in.
    pub notes: Vec<String>,
}

/// What came of adding files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Added {
    /// New ones, the oldest first.
    pub batches: Vec<Batch>,
    /// What is to be said of it.
    pub notes: Vec<String>,
}

/// How files are taken in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddRequest {
    /// The day of rows that don't say theirs; else it is the file's.
    pub date: Option<Date>,
    /// What rows with a date are dealt into.
    pub period: Period,
}

/// A row of a batch's file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchRow {
    #[serde(flatten)]
    pub example: Example,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
}

impl Monitor {
    /// `project` is a project's folder.
    pub fn of_project(project: &Path) -> Self {
        Self { folder: project.join("monitor") }
    }

    pub(super) fn log_path(&self) -> PathBuf {
        self.folder.join("log.jsonl")
    }

    fn batches_dir(&self) -> PathBuf {
        self.folder.join("batches")
    }

    /// The file of a batch's examples.
    pub fn path_of(&self, batch: &Batch) -> PathBuf {
        self.batches_dir().join(format!("{}.jsonl", batch.name))
    }

    /// All batches, the oldest first.
    ///
    /// # Errors
    /// Where the folder or a batch's facts can't be read; the error names the file.
    pub fn batches(&self) -> Result<Vec<Batch>, MonitorError> {
        let folder = self.batches_dir();
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(MonitorError::io(&folder)(error)),
        };
        let mut batches = Vec::new();
        for entry in entries {
            let path = entry.map_err(MonitorError::io(&folder))?.path();
            if path.extension().is_some_and(|ending| ending == "json") {
                let text = std::fs::read(&path).map_err(MonitorError::io(&path))?;
                let batch: Batch = serde_json::from_slice(&text)
                    .map_err(|e| MonitorError::Damaged { path: path.clone(), message: e.to_string() })?;
                batches.push(batch);
            }
        }
        batches.sort_by(|a, b| (&a.date, &a.name).cmp(&(&b.date, &b.name)));
        Ok(batches)
    }

    /// The batch of this name.
    ///
    /// # Errors
    /// [`MonitorError::NoSuchBatch`], which names those that there are; and as for [`Self::batches`].
    pub fn batch(&self, name: &str) -> Result<Batch, MonitorError> {
        let all = self.batches()?;
        let known = || all.iter().map(|batch| batch.name.clone()).collect();
        all.iter()
            .find(|batch| batch.name == name)
            .cloned()
            .ok_or_else(|| MonitorError::NoSuchBatch { name: name.to_owned(), known: known() })
    }

    /// A batch's examples.
    ///
    /// # Errors
    /// Where its file can't be read, or isn't what was written when it came in.
    pub fn examples(&self, batch: &Batch) -> Result<Vec<BatchRow>, MonitorError> {
        let path = self.path_of(batch);
        let text = std::fs::read_to_string(&path).map_err(MonitorError::io(&path))?;
        let row = |(line, text): (usize, &str)| {
            let damaged = |e: serde_json::Error| format!("line {}: {e}", line + 1);
            serde_json::from_str(text).map_err(damaged)
        };
        let rows: Result<Vec<BatchRow>, String> = text.lines().enumerate().map(row).collect();
        let rows = rows.map_err(|message| MonitorError::Damaged { path: path.clone(), message })?;
        if rows.len() == batch.num {
            return Ok(rows);
        }
        let message = format!("it has {} instead of {}", count(rows.len(), "example", "examples"), batch.num);
        Err(MonitorError::Damaged { path, message })
    }

    /// Takes the examples of a file in, in any shape that is imported. Rows with a date are dealt into periods. A file that
    /// was added before gives nothing new; of one that has grown, only the rows that it hadn't before.
    ///
    /// # Errors
    /// Where the file can't be read, is still being written, or has no good row.
    pub fn add(&self, path: &Path, request: &AddRequest, task: &dyn Task) -> Result<Added, MonitorError> {
        let known = self.batches()?;
        let path = std::path::absolute(path).map_err(MonitorError::io(path))?;
        let look = || std::fs::metadata(&path).map_err(|e| MonitorError::from(ImportError::read(&path, e)));
        let before = look()?;
        let source_sha256 = sha256_of(&path).map_err(MonitorError::io(&path))?;
        if let Some(names) = added_before(&known, &source_sha256) {
            return Ok(Added {
                notes: vec![format!("{} was added before: {names}", path.display())],
                ..Added::default()
            });
        }
        let (rows, report) = read(&path, task)?;
        let after = look()?;
        if before.len() != after.len() || sha256_of(&path).map_err(MonitorError::io(&path))? != source_sha256 {
            return Err(MonitorError::BeingWritten { path });
        }
        let mut notes = told_of(&report);
        let (rows, num_before) = self.without_known(&known, &path, rows)?;
        if num_before > 0 {
            let rows = count(num_before, "row was", "rows were");
            notes.push(format!("{rows} in this file before and came in then"));
        }
        let own_day = request.date.map_or_else(|| day_of_file(after.modified().ok()), |day| (day, "the given date"));
        let num_undated = rows.iter().filter(|row| row.1.is_none()).count();
        if num_undated > 0 && !(num_undated == rows.len() && request.date.is_some()) {
            let rows = count(num_undated, "row says no date and has", "rows say no date and have");
            notes.push(format!("{rows} {}, {}", own_day.1, own_day.0));
        }
        let mut by_day: BTreeMap<Date, Vec<BatchRow>> = BTreeMap::new();
        for (example, moment) in rows {
            let day = moment.map(|moment| request.period.first_day(moment.to_zoned(TimeZone::UTC).date()));
            let row = BatchRow { example, date: moment.map(date::to_text) };
            by_day.entry(day.unwrap_or(own_day.0)).or_default().push(row);
        }
        let mut added = Added { notes, ..Added::default() };
        for (day, rows) in by_day {
            let facts = Facts { day, path: &path, source_sha256: &source_sha256, notes: &added.notes };
            added.batches.push(self.write(&facts, &rows)?);
        }
        Ok(added)
    }

    /// Rows that no earlier state of the same file brought; each as often as it came.
    fn without_known(&self, known: &[Batch], path: &Path, rows: Vec<Row>) -> Result<(Vec<Row>, usize), MonitorError> {
        let mut taken: HashMap<(u64, Option<String>), usize> = HashMap::new();
        for batch in known.iter().filter(|batch| batch.source == path) {
            for row in self.examples(batch)? {
                *taken.entry((content_key(&row.example), row.date)).or_default() += 1;
            }
        }
        let num = rows.len();
        let mut is_new =
            |(example, moment): &Row| match taken.get_mut(&(content_key(example), moment.map(date::to_text))) {
                Some(left @ 1..) => {
                    *left -= 1;
                    false
                }
                _ => true,
            };
        let rows: Vec<Row> = rows.into_iter().filter(|row| is_new(row)).collect();
        let num_before = num - rows.len();
        Ok((rows, num_before))
    }

    /// The examples first: a batch is there once its facts are.
    fn write(&self, facts: &Facts<'_>, rows: &[BatchRow]) -> Result<Batch, MonitorError> {
        let folder = self.batches_dir();
        let stem = facts.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        // `log.jsonl.gz`
        let stem = stem.split('.').next().unwrap_or_default();
        let plain: String =
            stem.chars().map(|c| if c.is_alphanumeric() || "-_".contains(c) { c } else { '-' }).collect();
        let base = format!("{}-{plain}", facts.day);
        let mut names = std::iter::once(base.clone()).chain((2..).map(|number| format!("{base}-{number}")));
        let name = names.find(|name| !folder.join(format!("{name}.json")).exists()).unwrap_or(base);
        let path = folder.join(format!("{name}.jsonl"));
        let written = stream_atomic(&path, |out| {
            rows.iter().try_for_each(|row| {
                serde_json::to_writer(&mut *out, row)?;
                out.write_all(b"\n")
            })
        });
        written.map_err(MonitorError::io(&path))?;
        let batch = Batch {
            date: facts.day.to_string(),
            num: rows.len(),
            num_answered: rows.iter().filter(|row| !row.example.is_unanswered()).count(),
            sha256: sha256_of(&path).map_err(MonitorError::io(&path))?,
            source: facts.path.to_owned(),
            source_sha256: facts.source_sha256.to_owned(),
            notes: facts.notes.to_vec(),
            name,
        };
        let path = folder.join(format!("{}.json", batch.name));
        let text = serde_json::to_vec_pretty(&batch).map_err(|e| MonitorError::io(&path)(e.into()))?;
        write_atomic(&path, &text).map_err(MonitorError::io(&path))?;
        Ok(batch)
    }
}

type Row = (Example, Option<Timestamp>);

struct Facts<'a> {
    day: Date,
    path: &'a Path,
    source_sha256: &'a str,
    notes: &'a [String],
}

/// The names of the batches that a file of this content made.
fn added_before(known: &[Batch], source_sha256: &str) -> Option<String> {
    let of_file = known.iter().filter(|batch| batch.source_sha256 == source_sha256);
    let names: Vec<&str> = of_file.map(|batch| batch.name.as_str()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn read(path: &Path, task: &dyn Task) -> Result<(Vec<Row>, ImportReport), MonitorError> {
    let mut rows = Vec::new();
    let report = read_examples(&ImportRequest::new(path), task, &mut |row| {
        rows.push((row.example, row.date));
        if task.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if task.is_stopped() {
        return Err(ImportError::Stopped { path: path.into() }.into());
    }
    if rows.is_empty() {
        return Err(ImportError::BadRows {
            path: path.into(),
            num_rows: report.num_rejected,
            num_rejected: report.num_rejected,
            first: report.rejected.into_iter().take(3).collect(),
        }
        .into());
    }
    Ok((rows, report))
}

/// What was left out, and what was noted.
fn told_of(report: &ImportReport) -> Vec<String> {
    let reasons = report.reasons.iter().map(|(what, num)| format!("Left out: {}", told::reason(what, *num)));
    reasons.chain(report.notes.iter().map(told::note)).collect()
}

fn day_of_file(modified: Option<SystemTime>) -> (Date, &'static str) {
    let moment = modified.and_then(|modified| Timestamp::try_from(modified).ok());
    let day = moment.map_or_else(Zoned::now, |moment| moment.to_zoned(TimeZone::system())).date();
    (day, "the day on which the file was last changed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Unwatched;

    fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        write_atomic(&path, text.as_bytes()).unwrap();
        path
    }

    fn names(batches: &[Batch]) -> Vec<&str> {
        batches.iter().map(|batch| batch.name.as_str()).collect()
    }

    fn row(prompt: &str, answer: &str, date: &str) -> String {
        format!("{{\"prompt\":\"{prompt}\",\"completion\":\"{answer}\",\"date\":\"{date}\"}}\n")
    }

    #[test]
    fn dated_rows_are_dealt_into_weeks_and_a_file_comes_in_once() {
        let folder = tempfile::tempdir().unwrap();
        let monitor = Monitor::of_project(folder.path());
        let text = row("a", "1", "2026-11-24") + &row("b", "2", "2026-11-29") + &row("c", "", "2026-11-30T08:00:00Z");
        let path = write(folder.path(), "my log.jsonl", &text);
        let added = monitor.add(&path, &AddRequest::default(), &Unwatched).unwrap();
        assert_eq!(names(&added.batches), ["2026-11-23-my-log", "2026-11-30-my-log"]);
        assert_eq!(added.batches, monitor.batches().unwrap());
        let second = &added.batches[1];
        assert_eq!((second.num, second.num_answered), (1, 0));
        let rows = monitor.examples(&added.batches[0]).unwrap();
        assert_eq!((rows.len(), rows[1].date.as_deref(), rows[1].example.answer()), (2, Some("2026-11-29"), Some("2")));

        let copy = write(folder.path(), "copy.jsonl", &text);
        let again = monitor.add(&copy, &AddRequest::default(), &Unwatched).unwrap();
        assert!(again.batches.is_empty() && again.notes[0].contains("added before: 2026-11-23-my-log"), "{again:?}");
        assert_eq!(monitor.batches().unwrap().len(), 2);

        // A log that has grown: only what is new, a row that came twice included.
        write(folder.path(), "my log.jsonl", &(text.clone() + &row("a", "1", "2026-11-24")));
        let grown = monitor.add(&path, &AddRequest::default(), &Unwatched).unwrap();
        assert_eq!((names(&grown.batches), grown.batches[0].num), (vec!["2026-11-23-my-log-2"], 1));
        assert!(grown.notes.iter().any(|note| note.starts_with("3 rows were in this file before")), "{grown:?}");
        // What lies there is what was written.
        write(folder.path(), "monitor/batches/2026-11-23-my-log.jsonl", "");
        let error = monitor.examples(&added.batches[0]).unwrap_err().to_string();
        assert!(error.contains("0 examples instead of 2"), "{error}");
        let error = monitor.batch("none").unwrap_err().to_string();
        assert!(error.starts_with("there is no batch none; there are 2026-11-23-my-log,"), "{error}");
    }

    #[test]
    fn rows_without_a_date_have_the_given_one_or_the_file_s_and_bad_ones_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let monitor = Monitor::of_project(folder.path());
        let path = write(folder.path(), "tickets.csv", "prompt,completion\na,1\nb,2\n");
        let day = "2026-10-05T12:00:00Z".parse::<Timestamp>().unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(day.into()).unwrap();
        let added = monitor.add(&path, &AddRequest::default(), &Unwatched).unwrap();
        assert_eq!(names(&added.batches), ["2026-10-05-tickets"]);
        let told = "2 rows say no date and have the day on which the file was last changed, 2026-10-05";
        assert!(added.notes.iter().any(|note| note == told), "{:?}", added.notes);

        let path =
            write(folder.path(), "more.jsonl", "{\"prompt\":\"c\",\"completion\":\"3\"}\n{\"prompt\":\"d\", \"compl");
        let given = AddRequest { date: Some("2026-11-07".parse().unwrap()), period: Period::Month };
        let added = monitor.add(&path, &given, &Unwatched).unwrap();
        assert_eq!((names(&added.batches), added.batches[0].num), (vec!["2026-11-07-more"], 1));
        assert!(added.notes.iter().any(|note| note.starts_with("Left out: 1 row")), "{:?}", added.notes);
        let bad = write(folder.path(), "bad.jsonl", "{\"prompt\":\"\"}\n");
        assert!(monitor.add(&bad, &given, &Unwatched).is_err());
        assert!(
            monitor
                .add(&folder.path().join("none.csv"), &given, &Unwatched)
                .unwrap_err()
                .to_string()
                .contains("none.csv")
        );
        assert_eq!(monitor.batches().unwrap().len(), 2);
    }

    #[test]
    fn a_watched_folder_gives_each_whole_file_once() {
        let folder = tempfile::tempdir().unwrap();
        let monitor = Monitor::of_project(folder.path());
        let inbox = folder.path().join("inbox");
        let settled = |path: &Path| {
            let before = SystemTime::now() - std::time::Duration::from_secs(60);
            std::fs::File::options().write(true).open(path).unwrap().set_modified(before).unwrap();
        };
        let look = || monitor.add_new_of(&inbox, &AddRequest::default(), &Unwatched).unwrap();
        for (name, text) in [
            ("a.jsonl", row("a", "1", "2026-11-24")),
            ("b.jsonl", "not rows".to_owned()),
            ("c.pdf", "x".to_owned()),
            (".d.jsonl.Ab3dEf.unfinished", "x".to_owned()),
        ] {
            settled(&write(&inbox, name, &text));
        }
        let fresh = write(&inbox, "e.jsonl", &row("e", "1", "2026-11-25"));
        let added = look();
        assert_eq!(names(&added.batches), ["2026-11-23-a"]);
        let told = |what: &str| added.notes.iter().any(|note| note.contains(what));
        assert!(
            told("1 file isn't of a kind") && told("Left out: ") && told("e.jsonl is still being written"),
            "{added:?}"
        );
        settled(&fresh);
        assert_eq!(names(&look().batches), ["2026-11-23-e"]);
        assert!(look().batches.is_empty());
        let error = monitor.add_new_of(&folder.path().join("none"), &AddRequest::default(), &Unwatched).unwrap_err();
        assert!(error.to_string().contains("isn't a folder"), "{error}");
    }
}
