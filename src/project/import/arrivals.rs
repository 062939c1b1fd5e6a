//! Rows of an import: written unseen, a transaction at a time, until all of them appear at once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use crate::data::Split;
use crate::data::mapping::Beside;
use crate::data::split::{GroupBy, SplitBy, SplitRow, SplitSpec, deal_rows};
use crate::project::edits::edit::set_content;
use crate::project::error::ProjectError;
use crate::project::rows::read::stored_example;
use crate::project::store::codes::{ARRIVING, TAKES_PART, date_value, key, split_code, split_of, text_value};
use crate::project::store::face::{Face, example_of};
use crate::project::store::fields::Field;
use crate::project::store::journal::{Recorder, now};
use crate::project::store::new_row::{NewRow, RowWriter, next_number};
use crate::project::store::provenance;
use crate::project::store::room::take_in_log;
use crate::project::store::schema::pragma;
use crate::project::store::transaction::{begin, begin_after_others, is_anyone_waiting};
use crate::words::thousands;

/// How long a transaction lasts at most: another program waits for its end, another window of this one doesn't have to.
const TRANSACTION: Duration = Duration::from_secs(1);

/// Rows are written with the split that takes most room, so that none grows, and has to be moved, when it appears.
const ARRIVING_SPLIT: i64 = 2;

/// A row on its way to the writing thread.
pub struct Incoming {
    pub face: Face,
    /// The file, by its place in the request.
    pub file: usize,
    /// The split that the file says.
    pub split: Option<Split>,
    pub date: Option<Timestamp>,
    /// The label of a column, or the answer, if the answers prove to be labels.
    pub label: Option<Arc<str>>,
    pub beside: Beside,
    /// An example with the same prompt and another answer.
    pub replaces: Option<i64>,
}

/// A row that is written and waits to appear.
pub struct Arrival {
    id: i64,
    number: i64,
    prompt_key: i64,
    /// The file, by its place in the request.
    pub file: u32,
    split: Option<Split>,
    date: Option<Timestamp>,
    /// A number that the rows of one group share.
    group: Option<u64>,
    /// The label that a column says; only for a row that replaces another.
    label: Option<Arc<str>>,
    /// The example whose place it takes.
    pub replaces: Option<i64>,
}

/// What is not yet to be seen need not survive a power cut; the transaction in which it appears syncs it, too.
pub fn prepare(db: &Connection, is_import: bool) -> Result<(), ProjectError> {
    let (synchronous, checkpoint_bytes) = if is_import { ("NORMAL", 32 << 20) } else { ("FULL", 4 << 20) };
    db.pragma_update(None, "synchronous", synchronous)?;
    db.pragma_update(None, "wal_autocheckpoint", checkpoint_bytes / pragma(db, "page_size")?.max(1))?;
    Ok(())
}

/// Writes rows until no more come, with consecutive numbers. `room` says before each transaction how many bytes of texts
/// it may write.
///
/// # Errors
/// [`ProjectError::DiskFull`] while there is still room to remove again what was written.
pub fn write(
    db: &mut Connection,
    batches: &Receiver<Vec<Incoming>>,
    first_number: i64,
    room: impl Fn(&Connection) -> Result<u64, ProjectError>,
) -> Result<Vec<Arrival>, ProjectError> {
    let mut arrivals = Vec::new();
    let mut next = batches.recv().ok();
    while let Some(first) = next.take() {
        let mut room = room(db)?;
        if num_bytes(&first) > room {
            return Err(ProjectError::DiskFull);
        }
        let tx = begin_after_others(db)?;
        let end = Instant::now() + TRANSACTION;
        let mut writer = RowWriter::new(&tx)?;
        let mut batch = Some(first);
        while let Some(rows) = batch.take() {
            let num_bytes_written = num_bytes(&rows);
            for row in rows {
                let number = first_number + arrivals.len() as i64;
                arrivals.push(write_row(&mut writer, row, number)?);
            }
            room -= num_bytes_written;
            if Instant::now() < end && !is_anyone_waiting() {
                match batches.recv_deadline(end).ok() {
                    Some(rows) if num_bytes(&rows) <= room => batch = Some(rows),
                    too_many => next = too_many,
                }
            }
        }
        drop(writer);
        tx.commit()?;
        next = next.or_else(|| batches.recv().ok());
    }
    Ok(arrivals)
}

fn num_bytes(rows: &[Incoming]) -> u64 {
    rows.iter().map(|row| row.face.num_bytes() as u64).sum()
}

fn write_row(writer: &mut RowWriter, row: Incoming, number: i64) -> Result<Arrival, ProjectError> {
    let Incoming { face, file, split, date, label, beside, replaces } = row;
    let new = NewRow {
        presence: ARRIVING,
        split: ARRIVING_SPLIT,
        given_split: split.map(split_code),
        date: date.map(Timestamp::as_millisecond),
        position: number,
        number,
        label: label.as_deref(),
        notes: Some(beside.note.as_str()).filter(|note| !note.is_empty()),
    };
    let id = writer.insert(&face, &new)?;
    provenance::write(writer.db(), id, &beside)?;
    let group = beside.group.as_deref().map(key);
    let label = label.filter(|_| replaces.is_some() && beside.label.is_some());
    Ok(Arrival { id, number, prompt_key: face.prompt_key, file: file as u32, split, date, group, label, replaces })
}

/// What came of an import.
#[derive(Default)]
pub struct Appeared {
    pub has_changed: bool,
    /// The numbers of the first and the last new example.
    pub numbers: Option<(u64, u64)>,
}

/// An import at its end.
pub struct Appearing {
    pub rows: Vec<Arrival>,
    /// By file: the rows have labels.
    pub are_labelled: Vec<bool>,
    /// Rows of one group go into one part.
    pub keeps_groups: bool,
    /// Examples that were there before, and the split and the date that the file says.
    pub told: Vec<(i64, Option<Split>, Option<Timestamp>)>,
    /// The files, with what they are called as sources.
    pub files: Vec<(String, PathBuf)>,
}

impl Appearing {
    /// Gives the rows their splits and numbers and makes them appear, in one transaction; gives what changed.
    pub fn appear(&self, db: &mut Connection, spec: &SplitSpec) -> Result<Appeared, ProjectError> {
        let tx = begin(db)?;
        let mut recorder = Recorder::start(&tx)?;
        for (id, split, date) in &self.told {
            set_told(&mut recorder, *id, *split, *date)?;
        }
        let (updates, new): (Vec<_>, Vec<_>) = self.rows.iter().partition(|row| row.replaces.is_some());
        for row in updates {
            replace(&mut recorder, row)?;
        }
        let mut numbers = None;
        if !new.is_empty() {
            let first = self.show_rows(&tx, &new, spec)?;
            numbers = Some((first, first + new.len() as u64 - 1));
            let ids: Vec<_> = new.iter().map(|row| row.id).collect();
            recorder.note_appearance(&ids)?;
        }
        let mut names: Vec<_> = self.files.iter().map(|(name, _)| name).collect();
        // The pieces of one split have one name.
        names.dedup();
        let source = match names.as_slice() {
            [name] => (*name).clone(),
            [name, more @ ..] => format!("{name} and {} more", thousands(more.len())),
            [] => String::new(),
        };
        if recorder.finish(&format!("import of {source}"), Some(&source))?.is_none() {
            return Ok(Appeared::default());
        }
        tx.commit()?;
        Ok(Appeared { has_changed: true, numbers })
    }

    /// Gives the number of the first.
    fn show_rows(&self, db: &Connection, new: &[&Arrival], spec: &SplitSpec) -> Result<u64, ProjectError> {
        let splits = self.deal_new(db, new, spec)?;
        let first_number = next_number(db)?;
        let mut sources = Vec::new();
        for (name, path) in &self.files {
            let whole = path.to_string_lossy();
            db.execute("INSERT INTO sources (name, path, at) VALUES (?, ?, ?)", params![name, whole, now()])?;
            sources.push(db.last_insert_rowid());
        }
        let mut show = db.prepare_cached(
            "UPDATE examples SET presence = 1, split = 0, position = position + ?1, number = number + ?1, source = ?2,
             label = iif(?3, label, NULL) WHERE id BETWEEN ?4 AND ?5 AND presence = 2",
        )?;
        for run in runs(new, first_number) {
            let (source, last) = (sources.get(run.file as usize), run.first + run.len - 1);
            let are_labelled = self.are_labelled.get(run.file as usize);
            let num_shown = show.execute(params![run.shift, source, are_labelled, run.first, last])?;
            if num_shown as i64 != run.len {
                return Err(ProjectError::Interfered);
            }
        }
        let mut hold_out = db.prepare_cached("UPDATE examples SET split = ? WHERE id = ?")?;
        for (row, split) in new.iter().zip(splits).filter(|(_, split)| *split != Split::Train) {
            hold_out.execute(params![split_code(split), row.id])?;
        }
        Ok(first_number as u64)
    }

    /// Prompts and groups that the project has already keep their split.
    fn deal_new(&self, db: &Connection, new: &[&Arrival], spec: &SplitSpec) -> Result<Vec<Split>, ProjectError> {
        let has_groups = self.keeps_groups && new.iter().any(|row| row.group.is_some());
        let groups = if has_groups { provenance::groups(db)? } else { HashMap::new() };
        let mut dealt = Vec::new();
        let mut select = db.prepare_cached(&format!(
            "SELECT prompt_key, split, id FROM examples WHERE presence = 1 AND {TAKES_PART}"
        ))?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let prompt = row.get::<_, i64>(0)? as u64;
            let (given, group) = (Some(split_of(row.get(1)?)), groups.get(&row.get(2)?).copied());
            dealt.push(SplitRow { prompt, group, given, ..SplitRow::default() });
        }
        let num_known = dealt.len();
        dealt.extend(new.iter().map(|row| {
            let group = row.group.filter(|_| has_groups);
            SplitRow { prompt: row.prompt_key as u64, group, given: row.split, ..SplitRow::default() }
        }));
        let by = if has_groups { SplitBy::Group(GroupBy::Named) } else { SplitBy::Lot };
        Ok(deal_rows(&dealt, &SplitSpec { by, ..spec.clone() }).split_off(num_known))
    }
}

/// Rows with consecutive ids and numbers, of one file.
struct Run {
    first: i64,
    len: i64,
    file: u32,
    /// From the number that they were written with to theirs: rows were left out before them, or others came meanwhile.
    shift: i64,
}

fn runs(new: &[&Arrival], first_number: i64) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (row, number) in new.iter().zip(first_number..) {
        let shift = number - row.number;
        match runs.last_mut() {
            Some(run) if row.id == run.first + run.len && (row.file, shift) == (run.file, run.shift) => run.len += 1,
            _ => runs.push(Run { first: row.id, len: 1, file: row.file, shift }),
        }
    }
    runs
}

/// What a row says takes the place of what the example said; the row itself goes.
fn replace(recorder: &mut Recorder, row: &Arrival) -> Result<(), ProjectError> {
    let Some(id) = row.replaces else { return Ok(()) };
    let db = recorder.db;
    let content: String =
        db.prepare_cached("SELECT content FROM contents WHERE id = ?")?.query_row([row.id], |row| row.get(0))?;
    for rows in ["search WHERE rowid", "contents WHERE id", "examples WHERE id"] {
        db.prepare_cached(&format!("DELETE FROM {rows} = ?"))?.execute([row.id])?;
    }
    set_content(recorder, &stored_example(db, id)?, &example_of(&content)?)?;
    provenance::hand_over(db, row.id, id)?;
    if let Some(label) = &row.label {
        recorder.set(Field::Label, id, text_value(Some(label)))?;
    }
    set_told(recorder, id, row.split, row.date)
}

/// What a file says of an example beside its turns.
fn set_told(
    recorder: &mut Recorder,
    id: i64,
    split: Option<Split>,
    date: Option<Timestamp>,
) -> Result<(), ProjectError> {
    if let Some(split) = split {
        recorder.set(Field::Split, id, Value::Integer(split_code(split)))?;
    }
    if let Some(date) = date {
        recorder.set(Field::Date, id, date_value(date))?;
    }
    Ok(())
}

/// Removes what an import that failed has left; says whether that was anything. In small transactions, each of which has
/// its place in the log of the one before: the disk may be full.
pub fn clear(db: &mut Connection) -> Result<bool, ProjectError> {
    const ROWS_AT_ONCE: usize = 5000;
    let ids: Vec<i64> = {
        let mut select = db.prepare("SELECT id FROM examples WHERE presence = ? ORDER BY id")?;
        select.query_map([ARRIVING], |row| row.get(0))?.collect::<Result<_, _>>()?
    };
    for ids in ids.chunks(ROWS_AT_ONCE) {
        take_in_log(db)?;
        let tx = begin(db)?;
        let range = [ids.first(), ids.last()];
        // What the contents took is the room that the search needs.
        for rows in ["contents WHERE id", "provenance WHERE example", "search WHERE rowid"] {
            let arriving = "SELECT id FROM examples WHERE presence = 2 AND id BETWEEN ? AND ?";
            tx.prepare_cached(&format!("DELETE FROM {rows} IN ({arriving})"))?.execute(range)?;
        }
        tx.prepare_cached("DELETE FROM examples WHERE presence = 2 AND id BETWEEN ? AND ?")?.execute(range)?;
        tx.commit()?;
    }
    if !ids.is_empty() {
        merge_index(db)?;
    }
    Ok(!ids.is_empty())
}

/// The search keeps what it knew of rows that are gone until its pieces are merged; a little in each transaction.
fn merge_index(db: &mut Connection) -> Result<(), ProjectError> {
    const PAGES_AT_ONCE: i64 = 256;
    let num_changes = |db: &Connection| db.query_row("SELECT total_changes()", [], |row| row.get::<_, i64>(0));
    loop {
        take_in_log(db)?;
        let tx = begin(db)?;
        let before = num_changes(&tx)?;
        tx.execute("INSERT INTO search (search, rank) VALUES ('merge', ?)", [PAGES_AT_ONCE])?;
        // With fewer than two changes, the manual says, nothing was left to merge.
        let is_done = num_changes(&tx)? - before < 2;
        tx.commit()?;
        if is_done {
            return Ok(());
        }
    }
}
