//! What checks and models said about the examples. None of it is an edit: it doesn't touch undo.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::ProjectError;
use super::journal::bump_revision;
use super::store::{Project, begin};
use crate::data::checks::{Check, Finding};

impl Project {
    /// Keeps what checks found, in place of what the same `checks` found before.
    pub fn save_findings(&mut self, checks: &[Check], findings: &[Finding]) -> Result<(), ProjectError> {
        let tx = begin(&mut self.db)?;
        for check in checks {
            tx.prepare_cached("DELETE FROM findings WHERE check_name = ?")?.execute([check.name()])?;
        }
        {
            let mut insert = tx.prepare_cached(
                "INSERT INTO findings (example, content_key, check_name, detail, cluster)
                 SELECT id, content_key, ?2, ?3, ?4 FROM examples WHERE id = ?1",
            )?;
            for finding in findings {
                insert.execute(params![finding.id, finding.check.name(), finding.detail, finding.group])?;
            }
        }
        bump_revision(&tx)?;
        tx.commit()?;
        Ok(())
    }

    /// What the last checks found and still holds: of one example, or of all, in the order of the checks' names.
    pub fn findings(&self, example: Option<i64>) -> Result<Vec<Finding>, ProjectError> {
        let mut select = self.db.prepare_cached(
            "SELECT example, check_name, detail, cluster FROM findings JOIN examples
             ON examples.id = example AND examples.content_key = findings.content_key AND presence = 1
             WHERE ?1 IS NULL OR example = ?1 ORDER BY check_name, cluster, position, number",
        )?;
        let mut rows = select.query([example])?;
        let mut findings = Vec::new();
        while let Some(row) = rows.next()? {
            // A check that only a later version knows is left to it.
            let Some(check) = Check::from_name(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?) else {
                continue;
            };
            findings.push(Finding { id: row.get(0)?, check, detail: row.get(2)?, group: row.get(3)? });
        }
        Ok(findings)
    }

    /// Keeps lengths in tokens, by example; those of another model are forgotten.
    pub fn set_num_tokens(&mut self, model: &str, lengths: &[(i64, u32)]) -> Result<(), ProjectError> {
        let tx = begin(&mut self.db)?;
        if origin(&tx, TOKENS_FROM)?.as_deref() != Some(model) {
            tx.execute("UPDATE examples SET num_tokens = NULL WHERE num_tokens IS NOT NULL", [])?;
            set_origin(&tx, TOKENS_FROM, model)?;
        }
        {
            let mut update = tx.prepare_cached("UPDATE examples SET num_tokens = ? WHERE id = ?")?;
            for (id, num_tokens) in lengths {
                update.execute(params![num_tokens, id])?;
            }
        }
        bump_revision(&tx)?;
        tx.commit()?;
        Ok(())
    }

    /// Keeps losses, by example; those under another model or run are forgotten. A loss that is not a number is none.
    pub fn set_losses(&mut self, from: &str, losses: &[(i64, f32)]) -> Result<(), ProjectError> {
        let tx = begin(&mut self.db)?;
        if origin(&tx, LOSS_FROM)?.as_deref() != Some(from) {
            tx.execute("UPDATE examples SET loss = NULL WHERE loss IS NOT NULL", [])?;
            set_origin(&tx, LOSS_FROM, from)?;
        }
        {
            let mut update = tx.prepare_cached("UPDATE examples SET loss = ? WHERE id = ?")?;
            for (id, loss) in losses {
                update.execute(params![loss.is_finite().then_some(f64::from(*loss)), id])?;
            }
        }
        bump_revision(&tx)?;
        tx.commit()?;
        Ok(())
    }
}

pub const TOKENS_FROM: &str = "tokens_from";
pub const LOSS_FROM: &str = "loss_from";

/// The model or run that numbers are from.
pub fn origin(db: &Connection, key: &str) -> Result<Option<String>, ProjectError> {
    Ok(db.prepare_cached("SELECT value FROM meta WHERE key = ?")?.query_row([key], |row| row.get(0)).optional()?)
}

fn set_origin(db: &Connection, key: &str, from: &str) -> Result<(), ProjectError> {
    db.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)")?.execute([key, from])?;
    Ok(())
}
