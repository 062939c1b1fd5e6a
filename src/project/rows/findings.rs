//! What checks and models said about the examples. None of it is an edit: it doesn't touch undo. What checks found is
//! not kept in a read-only project, which can be checked all the same.

use std::collections::HashSet;

use rusqlite::{Connection, Params, params};

use crate::data::checks::{Check, CheckCount, Finding};
use crate::project::error::ProjectError;
use crate::project::state::{CheckedWith, LastChecks};
use crate::project::store::codes::TAKES_PART;
use crate::project::store::finding_marks::{self, IS_NOT_FAULT, IS_OFF};
use crate::project::store::journal::bump_revision;
use crate::project::store::meta::{LOSS_FROM, TOKENS_FROM, origin, set_origin};
use crate::project::store::project::Project;
use crate::project::store::transaction::begin;

/// Findings about the present texts of examples that take part, whatever a person says of the findings.
fn holding() -> String {
    format!(
        "findings JOIN examples ON examples.id = findings.example AND examples.content_key = findings.content_key
         AND examples.presence = 1 AND {TAKES_PART}"
    )
}

/// Findings that count: they still hold, their check is on, and nobody said that they aren't a fault.
pub fn counting() -> String {
    format!("{} AND {}", holding(), counts())
}

/// What a model said of an example as it was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExampleLoss {
    pub id: i64,
    pub content_key: u64,
    /// Mean cross-entropy per trained token; `None` where nothing is trained.
    pub loss: Option<f32>,
}

impl Project {
    /// Keeps what checks found, in place of what the same `checks` found before.
    ///
    /// # Errors
    /// Where the store can't be written.
    pub fn save_findings(&mut self, checks: &[Check], findings: &[Finding]) -> Result<(), ProjectError> {
        if self.is_read_only() {
            return Ok(());
        }
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
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn findings(&self, example: Option<i64>) -> Result<Vec<Finding>, ProjectError> {
        match example {
            Some(id) => self.select_findings(&counts(), "example = ?", params![id]),
            None => self.select_findings(&counts(), "TRUE", params![]),
        }
    }

    /// What the last check of this kind found and still holds, of all examples.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn findings_of(&self, check: Check) -> Result<Vec<Finding>, ProjectError> {
        self.select_findings(&counts(), "check_name = ?", params![check.name()])
    }

    /// Those that still hold, and pass both conditions.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn select_findings(
        &self,
        counts: &str,
        which: &str,
        parameters: impl Params,
    ) -> Result<Vec<Finding>, ProjectError> {
        let mut select = self.db.prepare_cached(&format!(
            "SELECT example, check_name, detail, cluster FROM {} WHERE {counts} AND {which}
             ORDER BY check_name, cluster, position, number",
            holding()
        ))?;
        let mut rows = select.query(parameters)?;
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

    /// Keeps what checks were run with, once all that they found is kept.
    ///
    /// # Errors
    /// Where the store can't be written.
    pub fn note_checked(&mut self, with: &CheckedWith) -> Result<(), ProjectError> {
        if self.is_read_only() {
            return Ok(());
        }
        let text = serde_json::to_string(with).map_err(ProjectError::Content)?;
        set_origin(&self.db, CHECKED, &text)
    }

    /// What the last checks found and still holds, in numbers; `None` if none were run.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn last_checks(&self) -> Result<Option<LastChecks>, ProjectError> {
        let Some(text) = origin(&self.db, CHECKED)? else { return Ok(None) };
        // What a later version has written doesn't keep anyone from checking anew.
        let Ok(with) = serde_json::from_str(&text) else { return Ok(None) };
        let mut select = self.db.prepare_cached(&format!(
            "SELECT check_name, count(DISTINCT example), count(DISTINCT cluster) FROM {} GROUP BY check_name",
            counting()
        ))?;
        let mut rows = select.query([])?;
        let mut counts = Vec::new();
        while let Some(row) = rows.next()? {
            let name = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            let (num_examples, num_groups) = (row.get::<_, i64>(1)? as u64, row.get::<_, i64>(2)? as u64);
            counts.extend(Check::from_name(name).map(|check| CheckCount { check, num_examples, num_groups }));
        }
        counts.sort_by_key(|count| count.check);
        let mut not_faults: Vec<i64> = self.not_faults(None)?.iter().map(|finding| finding.id).collect();
        not_faults.sort_unstable();
        not_faults.dedup();
        Ok(Some(LastChecks { with, counts, off: self.checks_off()?, not_faults }))
    }

    /// Keeps lengths in tokens, by example; those of another model are forgotten.
    ///
    /// # Errors
    /// Where the store can't be written.
    pub fn set_num_tokens(&mut self, model: &str, lengths: &[(i64, u32)]) -> Result<(), ProjectError> {
        if self.is_read_only() {
            return Ok(());
        }
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

    /// Keeps losses; those under another model or run are forgotten, and so is one of a text that was changed
    /// meanwhile. A loss that is not a number (NaN) is left out.
    ///
    /// # Errors
    /// Where the store can't be written.
    pub fn set_losses(&mut self, from: &str, losses: &[ExampleLoss]) -> Result<(), ProjectError> {
        let tx = begin(&mut self.db)?;
        if origin(&tx, LOSS_FROM)?.as_deref() != Some(from) {
            tx.execute("UPDATE examples SET loss = NULL WHERE loss IS NOT NULL", [])?;
            set_origin(&tx, LOSS_FROM, from)?;
        }
        {
            let mut update = tx.prepare_cached("UPDATE examples SET loss = ? WHERE id = ? AND content_key = ?")?;
            for ExampleLoss { id, content_key, loss } in losses {
                let loss = loss.filter(|loss| loss.is_finite()).map(f64::from);
                update.execute(params![loss, id, *content_key as i64])?;
            }
        }
        bump_revision(&tx)?;
        tx.commit()?;
        Ok(())
    }

    /// Keeps which examples are to be labelled or reviewed next, the most worthwhile first, in place of those before.
    ///
    /// # Errors
    /// Where the store can't be written.
    pub fn set_queue(&mut self, ids: &[i64]) -> Result<(), ProjectError> {
        let text = serde_json::to_string(ids).map_err(ProjectError::Content)?;
        let tx = begin(&mut self.db)?;
        set_origin(&tx, QUEUE, &text)?;
        bump_revision(&tx)?;
        tx.commit()?;
        Ok(())
    }
}

impl Project {
    /// Checks that are switched off here.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn checks_off(&self) -> Result<Vec<Check>, ProjectError> {
        let names = finding_marks::off(&self.db)?;
        Ok(Check::ALL.into_iter().filter(|check| names.iter().any(|name| name == check.name())).collect())
    }

    /// What a check found, with whether it is marked as not a fault: of copies, one can only be judged beside the
    /// other.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn all_findings_of(&self, check: Check) -> Result<Vec<(Finding, bool)>, ProjectError> {
        let marked: HashSet<i64> = self.marked("check_name = ?", params![check.name()])?.iter().map(|f| f.id).collect();
        let all = self.select_findings("TRUE", "check_name = ?", params![check.name()])?;
        Ok(all.into_iter().map(|finding| (marked.contains(&finding.id), finding)).map(|(is, of)| (of, is)).collect())
    }

    /// Findings that a person marked as not a fault: at one example, or at all.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn not_faults(&self, example: Option<i64>) -> Result<Vec<Finding>, ProjectError> {
        match example {
            Some(id) => self.marked("example = ?", params![id]),
            None => self.marked("TRUE", params![]),
        }
    }

    fn marked(&self, which: &str, parameters: impl rusqlite::Params) -> Result<Vec<Finding>, ProjectError> {
        let has_any = "SELECT EXISTS (SELECT 1 FROM not_faults)";
        if !self.db.prepare_cached(has_any)?.query_row([], |row| row.get::<_, bool>(0))? {
            return Ok(Vec::new());
        }
        self.select_findings(&format!("{IS_NOT_FAULT} AND NOT {IS_OFF}"), which, parameters)
    }
}

/// The condition of [`counting`].
fn counts() -> String {
    format!("NOT {IS_OFF} AND NOT {IS_NOT_FAULT}")
}

/// The examples that a check found something at, those that belong together side by side.
pub fn found_together(db: &Connection, check: &str) -> Result<Vec<i64>, ProjectError> {
    let sql = format!("SELECT example FROM {} WHERE check_name = ? ORDER BY cluster, position, number", counting());
    let mut select = db.prepare_cached(&sql)?;
    Ok(select.query_map([check], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Which examples are to be labelled or reviewed next, in order, also those that are gone by now.
pub fn queue(db: &Connection) -> Result<Vec<i64>, ProjectError> {
    Ok(origin(db, QUEUE)?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// Those of them that nobody has reviewed yet.
pub fn num_queued(db: &Connection) -> Result<u64, ProjectError> {
    let mut select = db.prepare_cached(&format!(
        "SELECT count(*) FROM examples WHERE id = ? AND presence = 1 AND review = 0 AND {TAKES_PART}"
    ))?;
    queue(db)?.iter().try_fold(0, |sum, id| Ok(sum + select.query_row([id], |row| row.get::<_, i64>(0))? as u64))
}

const QUEUE: &str = "label_next";
const CHECKED: &str = "checked";
