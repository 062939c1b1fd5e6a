//! A second reviewer's labels, beside those that the examples have: how far the two agree, and where they don't. Bringing
//! them in is a step of undo like every other.

use std::collections::HashSet;

use rusqlite::OptionalExtension;
use rusqlite::types::Value;
use serde::Serialize;

use crate::data::statistics::kappa;
use crate::project::error::ProjectError;
use crate::project::store::fields::Field;
use crate::project::store::journal::Recorder;
use crate::project::store::meta::origin;
use crate::project::store::project::Project;
use crate::project::store::second_labels::{BOTH, SECOND_REVIEWER, label_value, labelled};
use crate::project::store::transaction::begin;

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
    /// Keeps a second reviewer's labels in place of those that are there; without any, there is no second reviewer.
    ///
    /// # Errors
    /// Where the store can't be written; then nothing has changed.
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

    /// How far the two reviewers agree; `None` without a second one.
    ///
    /// # Errors
    /// Where the store can't be read.
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
