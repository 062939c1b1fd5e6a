//! What each edit does, and what it is called.

use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::not_faults;
use super::replace::Replacer;
use super::resplit::resplit;
use crate::data::{Example, Message, Split};
use crate::project::error::ProjectError;
use crate::project::rows::label;
use crate::project::rows::read::stored_example;
use crate::project::state::{Edit, ExampleStatus, Replacement, StoredExample};
use crate::project::store::codes::{EDITED, SET_ASIDE, content_value, split_code, tags_of, tags_value, text_value};
use crate::project::store::face::Face;
use crate::project::store::fields::{Field, read};
use crate::project::store::journal::Recorder;
use crate::project::store::new_row::{NewRow, RowWriter, next_number};
use crate::words::count;

/// Makes a change; gives its label: "edit of example 418".
pub fn make(recorder: &mut Recorder, edit: &Edit) -> Result<String, ProjectError> {
    match edit {
        Edit::SetMessages { id, messages } => set_messages(recorder, *id, messages),
        Edit::Insert { example, split } => {
            let number = next_number(recorder.db)?;
            insert_one(recorder, example, *split, None, number, number)?;
            Ok(format!("new example {number}"))
        }
        Edit::Duplicate { id } => duplicate(recorder, *id),
        Edit::Delete { ids } => {
            let mut ids = ids.clone();
            ids.sort_unstable();
            ids.dedup();
            let label = format!("deletion of {}", named(recorder.db, &ids)?);
            recorder.set_present(&ids, false)?;
            Ok(label)
        }
        Edit::SetSplit { ids, split } => {
            let label = format!("move of {} to {}", named(recorder.db, ids)?, split.as_str());
            set_all(recorder, Field::Split, ids, &Value::Integer(split_code(*split)))?;
            Ok(label)
        }
        Edit::SetStatus { ids, status } => {
            let what = if *status == ExampleStatus::SetAside { "setting aside" } else { "change of status" };
            let label = format!("{what} of {}", named(recorder.db, ids)?);
            for id in ids {
                change_marks(recorder, *id, |marks| new_marks(marks, *status))?;
            }
            Ok(label)
        }
        Edit::Resplit { spec } => {
            resplit(recorder, spec)?;
            Ok(format!("new split of all examples, {}", spec.by.in_words()))
        }
        Edit::SetTags { ids, tags } => {
            let label = format!("tags of {}", named(recorder.db, ids)?);
            set_all(recorder, Field::Tags, ids, &tags_value(tags.clone())?)?;
            Ok(label)
        }
        Edit::AddTag { ids, tag } => {
            let label = format!("tag \"{}\" of {}", tag.trim(), named(recorder.db, ids)?);
            change_tags(recorder, ids, |tags| tags.push(tag.clone()))?;
            Ok(label)
        }
        Edit::RemoveTag { ids, tag } => {
            let label = format!("removal of the tag \"{}\" from {}", tag.trim(), named(recorder.db, ids)?);
            change_tags(recorder, ids, |tags| tags.retain(|known| known != tag.trim()))?;
            Ok(label)
        }
        Edit::SetNotes { id, notes } => {
            let label = format!("notes on {}", named(recorder.db, &[*id])?);
            recorder.set(Field::Notes, *id, text_value(Some(notes)))?;
            Ok(label)
        }
        Edit::SetReview { ids, review } => {
            let label = format!("review of {} as {}", named(recorder.db, ids)?, review.as_str());
            set_all(recorder, Field::Review, ids, &Value::Integer(*review as i64))?;
            Ok(label)
        }
        Edit::SetLabel { ids, label } => set_label(recorder, ids, label.as_deref()),
        Edit::MarkFindings { check, ids, is_fault } => not_faults::mark(recorder, *check, ids, *is_fault),
        Edit::SwitchCheck { check, is_on } => not_faults::switch(recorder, *check, *is_on),
        Edit::ReplaceText { ids, replacement } => replace_text(recorder, ids, replacement),
        Edit::Several { label, edits } => {
            for edit in edits {
                make(recorder, edit)?;
            }
            Ok(label.clone())
        }
    }
}

fn set_all(recorder: &mut Recorder, field: Field, ids: &[i64], value: &Value) -> Result<(), ProjectError> {
    for id in ids {
        recorder.set(field, *id, value.clone())?;
    }
    Ok(())
}

fn change_marks(recorder: &mut Recorder, id: i64, change: impl Fn(i64) -> i64) -> Result<(), ProjectError> {
    let Value::Integer(marks) = read(recorder.db, Field::Marks, id)? else { return Ok(()) };
    recorder.set(Field::Marks, id, Value::Integer(change(marks)))?;
    Ok(())
}

fn change_tags(recorder: &mut Recorder, ids: &[i64], change: impl Fn(&mut Vec<String>)) -> Result<(), ProjectError> {
    for id in ids {
        let before = read(recorder.db, Field::Tags, *id)?;
        let mut tags = tags_of(if let Value::Text(text) = &before { Some(text) } else { None });
        change(&mut tags);
        recorder.set(Field::Tags, *id, tags_value(tags)?)?;
    }
    Ok(())
}

/// Bringing back an example that was set aside keeps its mark of having been edited.
fn new_marks(marks: i64, status: ExampleStatus) -> i64 {
    match status {
        ExampleStatus::SetAside => marks | SET_ASIDE,
        ExampleStatus::Edited => EDITED,
        ExampleStatus::Ready if marks & SET_ASIDE != 0 => marks & !SET_ASIDE,
        ExampleStatus::Ready => 0,
    }
}

fn set_messages(recorder: &mut Recorder, id: i64, messages: &[Message]) -> Result<String, ProjectError> {
    let stored = stored_example(recorder.db, id)?;
    rewrite(recorder, &stored, messages)?;
    Ok(format!("edit of example {}", stored.number))
}

/// Writes what a person changed.
fn rewrite(recorder: &mut Recorder, stored: &StoredExample, messages: &[Message]) -> Result<(), ProjectError> {
    let example = Example { messages: messages.to_vec(), ..stored.example.clone() };
    if set_content(recorder, stored, &example)? {
        change_marks(recorder, stored.id, |marks| marks | EDITED)?;
    }
    Ok(())
}

/// A label that is the answer follows it. Says whether anything changed.
pub fn set_content(recorder: &mut Recorder, stored: &StoredExample, example: &Example) -> Result<bool, ProjectError> {
    if !recorder.set(Field::Content, stored.id, content_value(example)?)? {
        return Ok(false);
    }
    let label = &stored.annotations.label;
    // An object that is being typed has no label for a moment, and its example keeps the one it has.
    let followed = *label == label::of(&stored.example) || label::is_half_written(&stored.example);
    if label.is_some() && followed && !label::is_half_written(example) {
        let new = label::of(example);
        recorder.set(Field::Label, stored.id, text_value(new.as_deref()))?;
    }
    Ok(true)
}

fn set_label(recorder: &mut Recorder, ids: &[i64], label: Option<&str>) -> Result<String, ProjectError> {
    let examples = named(recorder.db, ids)?;
    let new = text_value(label);
    for id in ids {
        let stored = stored_example(recorder.db, *id)?;
        if let Value::Text(new) = &new
            && stored.annotations.label.as_ref() != Some(new)
            && let Some(messages) =
                label::relabelled(&stored.example.messages, stored.annotations.label.as_deref(), new)
        {
            rewrite(recorder, &stored, &messages)?;
        }
        recorder.set(Field::Label, *id, new.clone())?;
    }
    Ok(match label {
        Some(label) => format!("label \"{}\" of {examples}", label.trim()),
        None => format!("removal of the label of {examples}"),
    })
}

fn replace_text(recorder: &mut Recorder, ids: &[i64], replacement: &Replacement) -> Result<String, ProjectError> {
    let replacer = Replacer::new(replacement)?;
    let mut changed = Vec::new();
    for id in ids {
        let stored = stored_example(recorder.db, *id)?;
        let mut messages = stored.example.messages.clone();
        if !replacer.apply(&mut messages).is_empty() {
            rewrite(recorder, &stored, &messages)?;
            changed.push(*id);
        }
    }
    Ok(format!("replacement of \"{}\" in {}", replacement.find, named(recorder.db, &changed)?))
}

/// A copy has all that its original has.
fn duplicate(recorder: &mut Recorder, id: i64) -> Result<String, ProjectError> {
    let original = stored_example(recorder.db, id)?;
    let position = one(recorder.db, "SELECT position FROM examples WHERE id = ?", id)?;
    let number = next_number(recorder.db)?;
    insert_one(recorder, &original.example, original.split, Some(id), position, number)?;
    Ok(format!("copy of example {}", original.number))
}

/// A new row is written as a removed one that appears, so that undo can remove it again.
fn insert_one(
    recorder: &mut Recorder,
    example: &Example,
    split: Split,
    copy_of: Option<i64>,
    position: i64,
    number: i64,
) -> Result<(), ProjectError> {
    let db = recorder.db;
    let split = split_code(split);
    let row = NewRow { presence: 0, split, given_split: None, date: None, position, number, label: None, notes: None };
    let id = RowWriter::new(db)?.insert(&Face::of(example).map_err(ProjectError::Content)?, &row)?;
    db.prepare_cached(
        "UPDATE examples SET (given_split, source, label, tags, notes, num_tokens, loss, date) =
         (SELECT given_split, source, label, tags, notes, num_tokens, loss, date FROM examples WHERE id = ?1)
         WHERE id = ?2 AND ?1 IS NOT NULL",
    )?
    .execute(params![copy_of, id])?;
    recorder.set_present(&[id], true)
}

fn one(db: &Connection, sql: &str, parameter: i64) -> Result<i64, ProjectError> {
    Ok(db.prepare_cached(sql)?.query_row([parameter], |row| row.get(0))?)
}

/// "example 418" or "12 examples"; an error if one isn't there.
fn named(db: &Connection, ids: &[i64]) -> Result<String, ProjectError> {
    let mut select = db.prepare_cached("SELECT number FROM examples WHERE id = ? AND presence = 1")?;
    let mut number = 0;
    for id in ids {
        number = select.query_row([id], |row| row.get::<_, i64>(0)).map_err(|e| match e {
            rusqlite::Error::QueryReturnedNoRows => ProjectError::NoSuchExample { id: *id },
            other => other.into(),
        })?;
    }
    Ok(if ids.len() == 1 { format!("example {number}") } else { count(ids.len(), "example", "examples") })
}
