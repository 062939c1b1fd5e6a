//! Deals the examples that are there anew.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::data::Split;
use crate::data::checks::Check;
use crate::data::split::{GroupBy, SplitBy, SplitRow, SplitSpec, deal_rows};
use crate::project::error::ProjectError;
use crate::project::state::{SplitPreview, takes_part};
use crate::project::store::codes::{date_of, key, review_of, split_code, split_of, status};
use crate::project::store::fields::Field;
use crate::project::store::journal::Recorder;
use crate::project::store::project::Project;
use crate::project::store::provenance;

struct Row {
    id: i64,
    split: i64,
    takes_part: bool,
    dealt_by: SplitRow,
}

/// Splits those that take part exactly; the others follow examples with the same prompt.
pub fn resplit(recorder: &mut Recorder, spec: &SplitSpec) -> Result<(), ProjectError> {
    for (row, split) in dealt(recorder.db, spec)? {
        recorder.set(Field::Split, row.id, Value::Integer(split_code(split)))?;
    }
    Ok(())
}

/// The rows with the part that each would get.
fn dealt(db: &Connection, spec: &SplitSpec) -> Result<Vec<(Row, Split)>, ProjectError> {
    let (taking_part, others): (Vec<_>, Vec<_>) = rows(db, spec)?.into_iter().partition(|row| row.takes_part);
    let splits = deal_rows(&taking_part.iter().map(|row| row.dealt_by).collect::<Vec<_>>(), spec);
    let mut of_prompt = HashMap::new();
    let mut dealt = Vec::with_capacity(taking_part.len() + others.len());
    for (row, split) in taking_part.into_iter().zip(splits) {
        of_prompt.insert(row.dealt_by.prompt, split);
        dealt.push((row, split));
    }
    for row in others {
        let split = of_prompt.get(&row.dealt_by.prompt).copied().unwrap_or(split_of(row.split));
        dealt.push((row, split));
    }
    Ok(dealt)
}

impl Project {
    /// What a new split would come to; nothing changes.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn preview_split(&self, spec: &SplitSpec) -> Result<SplitPreview, ProjectError> {
        let (mut counts, mut num_into_training, mut num_known) = ([0; 3], 0, 0);
        let mut held_out_since = None;
        let mut kinds = HashSet::new();
        for (row, split) in dealt(&self.db, spec)?.iter().filter(|(row, _)| row.takes_part) {
            counts[*split as usize] += 1;
            num_into_training += u64::from(*split == Split::Train && split_of(row.split) != Split::Train);
            let SplitRow { label, group, given, date, .. } = row.dealt_by;
            let kind = match spec.by {
                SplitBy::Label => (label != 0).then_some(label),
                SplitBy::Group(_) => group,
                SplitBy::File => given.map(|given| given as u64),
                SplitBy::Newest => date.map(|date| date as u64),
                SplitBy::Lot => None,
            };
            num_known += u64::from(kind.is_some());
            kinds.extend(kind);
            if *split != Split::Train {
                held_out_since = [held_out_since, date].into_iter().flatten().min();
            }
        }
        let (num_kinds, held_out_since) = (kinds.len() as u64, date_of(held_out_since));
        Ok(SplitPreview { spec: spec.clone(), counts, num_into_training, num_known, num_kinds, held_out_since })
    }
}

fn rows(db: &Connection, spec: &SplitSpec) -> Result<Vec<Row>, ProjectError> {
    let groups = match spec.by {
        SplitBy::Group(GroupBy::NearDuplicates) => clusters(db)?,
        SplitBy::Group(GroupBy::Named) => provenance::groups(db)?,
        _ => HashMap::new(),
    };
    let mut select = db.prepare_cached(
        "SELECT id, prompt_key, split, marks, label, tags, source, given_split, date, review FROM examples
         WHERE presence = 1 ORDER BY position, number",
    )?;
    let mut rows = Vec::new();
    let mut found = select.query([])?;
    while let Some(row) = found.next()? {
        let id = row.get(0)?;
        let label: Option<String> = row.get(4)?;
        let group = match spec.by {
            SplitBy::Group(GroupBy::NearDuplicates | GroupBy::Named) => groups.get(&id).copied(),
            SplitBy::Group(GroupBy::Label) => label.as_deref().map(key),
            SplitBy::Group(GroupBy::Tags) => row.get::<_, Option<String>>(5)?.as_deref().map(key),
            SplitBy::Group(GroupBy::Source) => row.get::<_, Option<i64>>(6)?.map(|source| source as u64),
            _ => None,
        };
        let given = match spec.by {
            SplitBy::File => row.get::<_, Option<i64>>(7)?.map(split_of),
            _ => None,
        };
        let date = match spec.by {
            SplitBy::Newest => row.get(8)?,
            _ => None,
        };
        rows.push(Row {
            id,
            split: row.get(2)?,
            takes_part: takes_part(status(row.get(3)?), review_of(row.get(9)?)),
            dealt_by: SplitRow {
                prompt: row.get::<_, i64>(1)? as u64,
                label: label.as_deref().map_or(0, key),
                group,
                given,
                date,
            },
        });
    }
    Ok(rows)
}

/// The group of near-duplicates that each example is in.
fn clusters(db: &Connection) -> Result<HashMap<i64, u64>, ProjectError> {
    let mut select =
        db.prepare_cached("SELECT example, cluster FROM findings WHERE check_name = ? AND cluster IS NOT NULL")?;
    let name = Check::NearDuplicate.name();
    let clusters = select.query_map([name], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
    Ok(clusters.collect::<Result<_, _>>()?)
}
