//! What the checks found: plain data.

use serde::{Deserialize, Serialize};

use super::Check;

/// One check that one example does not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub check: Check,
    /// The example's id in the project.
    pub id: i64,
    /// What exactly, in a few words: `the same as example 23`.
    pub detail: String,
    /// Examples with the same number belong together: copies of each other, answers to the same prompt.
    pub group: Option<u32>,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckCount {
    pub check: Check,
    /// Examples with a finding.
    pub num_examples: u64,
    /// Groups that they form, where the check finds groups.
    pub num_groups: u64,
}

/// The outcome of all checks over a project.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CheckReport {
    /// The examples that were looked at: those that take part.
    pub num_examples: u64,
    /// Ordered by check, then group, then the examples' order.
    pub findings: Vec<Finding>,
    /// Not done, because they need a model and there was none.
    pub skipped: Vec<Check>,
    /// Switched off for this project; their findings are left out.
    pub off: Vec<Check>,
    /// Findings that a person marked as not a fault, and that are left out.
    pub num_not_faults: u64,
    pub secs: f64,
}

impl CheckReport {
    /// Counts for each check with findings, in the order of [`Check::ALL`].
    pub fn counts(&self) -> Vec<CheckCount> {
        Check::ALL.into_iter().map(|check| self.count(check)).filter(|count| count.num_examples > 0).collect()
    }

    fn count(&self, check: Check) -> CheckCount {
        let mut ids = std::collections::HashSet::new();
        let mut groups = std::collections::HashSet::new();
        for finding in self.of(check) {
            ids.insert(finding.id);
            groups.extend(finding.group);
        }
        CheckCount { check, num_examples: ids.len() as u64, num_groups: groups.len() as u64 }
    }

    /// The findings of one check.
    pub fn of(&self, check: Check) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.check == check)
    }
}
