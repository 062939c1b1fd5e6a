//! Answers of a base model and a run to the same prompt, kept in the run's folder: a line of `answers.jsonl` each.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::data::Message;
use crate::generate::{Sampling, Side};

const FILE: &str = "answers.jsonl";

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

/// Adds to what was asked of a run. One write a line, so that a crash leaves at most its last line unfinished.
pub fn keep_pair(run_dir: &Path, pair: &KeptPair) -> io::Result<()> {
    let mut line = Vec::new();
    let mut file = File::options().read(true).append(true).create(true).open(run_dir.join(FILE))?;
    // The line that a crash left unfinished ends here.
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            line.push(b'\n');
        }
    }
    serde_json::to_writer(&mut line, pair)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_data()
}

/// What was asked of a run, in that order. Lines that can't be read are left out.
pub fn kept_pairs(run_dir: &Path) -> io::Result<Vec<KeptPair>> {
    let path = run_dir.join(FILE);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let pairs: Vec<_> = lines.iter().filter_map(|line| serde_json::from_slice(line).ok()).collect();
    if pairs.len() < lines.len() {
        log::warn!("{} of {} lines of {} can't be read", lines.len() - pairs.len(), lines.len(), path.display());
    }
    Ok(pairs)
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
        let path = run_dir.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        crate::fs::write_atomic(&path, &whole[..whole.len() - 9]).unwrap();
        keep_pair(run_dir.path(), &pair("c")).unwrap();
        assert_eq!(kept_pairs(run_dir.path()).unwrap(), [pair("a"), pair("c")]);
        assert!(!pair("a").is_complete());
    }
}
