//! A second reviewer's labels, beside those that the examples have: how far the two agree, and where they don't. Bringing
//! them in is a step of undo like every other.

use std::collections::HashSet;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use super::error::ProjectError;
use super::fields::Field;
use super::findings::{origin, set_origin};
use super::journal::Recorder;
use super::store::{Project, begin};
use crate::data::statistics::kappa;

/// A label counts while its example still has the prompt that was labelled.
pub const TABLE: &str = "CREATE TABLE IF NOT EXISTS second_labels (
    example INTEGER PRIMARY KEY, prompt_key INTEGER NOT NULL, label TEXT NOT NULL
);";

/// Examples with both labels.
pub const BOTH: &str = "examples JOIN second_labels ON example = examples.id
    AND second_labels.prompt_key = examples.prompt_key AND presence = 1 AND examples.label IS NOT NULL";

/// Where the second labels come from.
pub const SECOND_REVIEWER: &str = "second_reviewer";

/// Two reviewers of the same examples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reviewers {
    /// The file with the second one's labels.
    pub source: String,
    pub num_shared: u64,
    pub num_agreeing: u64,
    /// Examples that only one of them labelled.
    pub only_first: u64,
    pub only_second: u64,
    /// Cohen's; `None` where there is nothing to measure.
    pub kappa: Option<f64>,
    /// What the first and the second said, and how often; the most frequent first.
    pub differences: Vec<(String, String, u64)>,
}

impl Project {
    /// Keeps a second reviewer's labels in place of those that are there; none of them for none.
    pub fn set_second_labels(&mut self, source: &str, labels: &[(i64, String)]) -> Result<(), ProjectError> {
        let tx = begin(&mut self.db)?;
        let mut recorder = Recorder::start(&tx)?;
        let named: HashSet<i64> = labels.iter().map(|(id, _)| *id).collect();
        for id in labelled(&tx)?.into_iter().filter(|id| !named.contains(id)) {
            recorder.set(Field::SecondLabel, id, Value::Null)?;
        }
        for (id, label) in labels {
            let sql = "SELECT prompt_key FROM examples WHERE id = ?";
            if let Some(key) = tx.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()? {
                recorder.set(Field::SecondLabel, *id, label_value(label.trim(), key)?)?;
            }
        }
        let (name, what) = match labels.is_empty() {
            true => (Value::Null, "removal of the second reviewer's labels".to_owned()),
            false => (Value::Text(source.to_owned()), format!("second reviewer's labels of {source}")),
        };
        recorder.set(Field::SecondReviewer, 0, name)?;
        let Some((revision, ids)) = recorder.finish(&what, None)? else { return Ok(()) };
        tx.commit()?;
        self.order.follow(&self.db, revision, &ids)?;
        self.last_changed = None;
        Ok(())
    }

    /// `None` without a second reviewer.
    pub fn reviewers(&self) -> Result<Option<Reviewers>, ProjectError> {
        let Some(source) = origin(&self.db, SECOND_REVIEWER)? else { return Ok(None) };
        let mut select = self.db.prepare_cached(&format!(
            "SELECT examples.label, second_labels.label, count(*) FROM {BOTH} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"
        ))?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)? as u64)))?;
        let mut pairs: Vec<(String, String, u64)> = rows.collect::<Result<_, _>>()?;
        let kappa = kappa(pairs.iter().map(|(first, second, num)| (first.as_str(), second.as_str(), *num)));
        let num_shared = pairs.iter().map(|(_, _, num)| num).sum();
        let num_agreeing = pairs.iter().filter(|(first, second, _)| first == second).map(|(_, _, num)| num).sum();
        pairs.retain(|(first, second, _)| first != second);
        let count = |sql: &str| self.db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|num| num as u64);
        let num_first = count("SELECT count(*) FROM examples WHERE presence = 1 AND label IS NOT NULL")?;
        let num_second = count(
            "SELECT count(*) FROM examples JOIN second_labels ON example = id
             AND second_labels.prompt_key = examples.prompt_key AND presence = 1",
        )?;
        Ok(Some(Reviewers {
            source,
            num_shared,
            num_agreeing,
            only_first: num_first - num_shared,
            only_second: num_second - num_shared,
            kappa,
            differences: pairs,
        }))
    }
}

/// What the second reviewer says of an example.
pub fn second_label(db: &Connection, id: i64) -> Result<Option<String>, ProjectError> {
    let sql = "SELECT second_labels.label FROM examples JOIN second_labels ON example = id
               AND second_labels.prompt_key = examples.prompt_key WHERE id = ?";
    Ok(db.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?)
}

/// The examples that have one.
fn labelled(db: &Connection) -> Result<Vec<i64>, ProjectError> {
    let mut select = db.prepare_cached("SELECT example FROM second_labels ORDER BY example")?;
    Ok(select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// As the journal keeps it, with the prompt that was labelled.
fn label_value(label: &str, prompt_key: i64) -> Result<Value, ProjectError> {
    serde_json::to_string(&(label, prompt_key)).map(Value::Text).map_err(ProjectError::Content)
}

/// The label in such a value.
pub fn label_in(value: &str) -> String {
    serde_json::from_str::<(String, i64)>(value).map(|(label, _)| label).unwrap_or_default()
}

pub fn read_label(db: &Connection, id: i64) -> Result<Value, ProjectError> {
    let mut select = db.prepare_cached("SELECT label, prompt_key FROM second_labels WHERE example = ?")?;
    let found: Option<(String, i64)> = select.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    found.map_or(Ok(Value::Null), |(label, key)| label_value(&label, key))
}

pub fn write_label(db: &Connection, id: i64, value: &Value) -> Result<(), ProjectError> {
    let Value::Text(text) = value else {
        db.prepare_cached("DELETE FROM second_labels WHERE example = ?")?.execute([id])?;
        return Ok(());
    };
    let (label, key): (String, i64) = serde_json::from_str(text).map_err(ProjectError::Content)?;
    db.prepare_cached("INSERT OR REPLACE INTO second_labels (example, prompt_key, label) VALUES (?, ?, ?)")?
        .execute(params![id, key, label])?;
    Ok(())
}

pub fn read_source(db: &Connection) -> Result<Value, ProjectError> {
    Ok(origin(db, SECOND_REVIEWER)?.map_or(Value::Null, Value::Text))
}

pub fn write_source(db: &Connection, value: &Value) -> Result<(), ProjectError> {
    match value {
        Value::Text(source) => set_origin(db, SECOND_REVIEWER, source),
        _ => {
            db.execute("DELETE FROM meta WHERE key = ?", [SECOND_REVIEWER])?;
            Ok(())
        }
    }
}
