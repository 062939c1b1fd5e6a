//! Answers of a base model and a run to the same prompt, kept in the run's folder.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::data::Message;
use crate::generate::{Sampling, Side};
use crate::run::{RunDir, RunError, append_line, read_lines};

/// One side's answer, as far as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub text: String,
    /// None while it is being written, and for one that was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<AnswerEnd>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AnswerEnd {
    pub num_tokens: usize,
    pub tokens_per_sec: f64,
    /// Rather than by its length.
    pub ended_by_itself: bool,
}

/// Both answers to one prompt, and what they were asked with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptPair {
    /// The project's example; none for a prompt of one's own.
    pub example: Option<i64>,
    /// Everything before the answer.
    pub prompt: Vec<Message>,
    /// The data set's answer at that time.
    pub expected: Option<String>,
    pub sampling: Sampling,
    /// The checkpoint's folder: `step-000080`.
    pub adapter: String,
    /// With its time zone.
    pub at: String,
    pub before: Answer,
    pub after: Answer,
}

impl KeptPair {
    pub fn side(&self, side: Side) -> &Answer {
        match side {
            Side::Before => &self.before,
            Side::After => &self.after,
        }
    }

    pub fn side_mut(&mut self, side: Side) -> &mut Answer {
        match side {
            Side::Before => &mut self.before,
            Side::After => &mut self.after,
        }
    }

    /// Both were written to their end.
    pub fn is_complete(&self) -> bool {
        self.before.end.is_some() && self.after.end.is_some()
    }

    pub fn is_empty(&self) -> bool {
        self.before.text.is_empty() && self.after.text.is_empty()
    }
}

/// Adds to what was asked of a run.
///
/// # Errors
/// [`RunError::Io`] when it can't be written.
pub fn keep_pair(run_dir: &Path, pair: &KeptPair) -> Result<(), RunError> {
    let path = RunDir(run_dir).answers();
    append_line(&path, pair).map_err(RunError::io(&path))
}

/// What was asked of a run, in that order. Lines that can't be read are left out.
///
/// # Errors
/// [`RunError::Io`] when the file is there and can't be read.
pub fn kept_pairs(run_dir: &Path) -> Result<Vec<KeptPair>, RunError> {
    let path = RunDir(run_dir).answers();
    read_lines(&path).map_err(RunError::io(&path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Role;

    #[test]
    fn a_crash_costs_no_more_than_the_line_it_was_in() {
        let run_dir = tempfile::tempdir().unwrap();
        let pair = |text: &str| KeptPair {
            example: Some(7),
            prompt: vec![Message::new(Role::User, "why?\nreally")],
            expected: Some("because".to_owned()),
            sampling: Sampling::default(),
            adapter: "step-000021".to_owned(),
            at: String::new(),
            before: Answer { text: text.to_owned(), end: None },
            after: Answer {
                text: text.to_owned(),
                end: Some(AnswerEnd { num_tokens: 1, tokens_per_sec: 2.5, ended_by_itself: true }),
            },
        };
        assert_eq!(kept_pairs(run_dir.path()).unwrap(), []);
        keep_pair(run_dir.path(), &pair("a")).unwrap();
        keep_pair(run_dir.path(), &pair("b")).unwrap();
        let path = RunDir(run_dir.path()).answers();
        let whole = std::fs::read(&path).unwrap();
        crate::fs::write_atomic(&path, &whole[..whole.len() - 9]).unwrap();
        keep_pair(run_dir.path(), &pair("c")).unwrap();
        assert_eq!(kept_pairs(run_dir.path()).unwrap(), [pair("a"), pair("c")]);
        assert!(!pair("a").is_complete());
    }
}
