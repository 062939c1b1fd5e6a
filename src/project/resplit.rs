//! Deals the examples that are there anew.

use rusqlite::types::Value;

use super::error::ProjectError;
use super::fields::{Field, SET_ASIDE, split_code, split_of};
use super::journal::Recorder;
use crate::data::import::SplitSpec;
use crate::data::split::deal;

/// Deals those that take part exactly; those that are set aside follow examples with the same prompt.
pub fn resplit(recorder: &mut Recorder, spec: &SplitSpec) -> Result<(), ProjectError> {
    let mut select = recorder.db.prepare_cached(
        "SELECT id, prompt_key, split, marks FROM examples WHERE presence = 1 ORDER BY position, number",
    )?;
    let rows: Vec<(i64, i64, i64, i64)> = select
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<Result<_, _>>()?;
    let (set_aside, taking_part): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(.., marks)| marks & SET_ASIDE != 0);
    let keys = |rows: &[(i64, i64, i64, i64)]| rows.iter().map(|row| row.1 as u64).collect::<Vec<_>>();
    let dealt = deal(&keys(&taking_part), &vec![None; taking_part.len()], spec);
    let split_of_key: std::collections::HashMap<_, _> =
        keys(&taking_part).into_iter().zip(dealt.iter().copied()).collect();
    let following = set_aside.iter().map(|row| split_of_key.get(&(row.1 as u64)).copied().unwrap_or(split_of(row.2)));
    let all = taking_part.iter().zip(dealt.iter().copied()).chain(set_aside.iter().zip(following));
    for (row, split) in all {
        recorder.set(Field::Split, row.0, Value::Integer(split_code(split)))?;
    }
    Ok(())
}
