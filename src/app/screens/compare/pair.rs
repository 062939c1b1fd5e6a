//! Two answers to one prompt, being written or kept.

use std::path::Path;

use crate::engine::protocol::Side;
use crate::engine::{EventKind, Failure, JobId, Outcome};
use crate::evaluate::{Answer, AnswerEnd, KeptPair};
use crate::project::StoredExample;

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    pub kept: KeptPair,
    /// Still being written.
    pub job: Option<JobId>,
    pub failure: Option<Failure>,
}

/// Why answers are not those of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outdated {
    /// The run has other weights now.
    Weights,
    /// The example's prompt or answer was changed.
    Example,
}

impl Pair {
    pub fn side(&self, side: Side) -> &Answer {
        self.kept.side(side)
    }

    pub fn is_writing(&self, side: Side) -> bool {
        self.job.is_some() && self.side(side).end.is_none()
    }

    /// Both answers are there.
    pub fn is_complete(&self) -> bool {
        self.job.is_none() && self.kept.is_complete()
    }

    /// Beside the run's weights now and, where it is open, the example as it is now.
    pub fn outdated(&self, adapter: Option<&Path>, example: Option<&StoredExample>) -> Option<Outdated> {
        if adapter.map(name_of) != Some(self.kept.adapter.clone()) {
            return Some(Outdated::Weights);
        }
        let stored = example.filter(|example| Some(example.id) == self.kept.example)?;
        let is_same =
            stored.example.prompt() == self.kept.prompt && stored.example.answer() == self.kept.expected.as_deref();
        (!is_same).then_some(Outdated::Example)
    }

    pub fn on_event(&mut self, event: &EventKind) {
        match event {
            EventKind::Token { side, text } => self.kept.side_mut(*side).text.push_str(text),
            EventKind::AnswerDone { side, num_tokens, tokens_per_sec, ended_by_itself } => {
                self.kept.side_mut(*side).end = Some(AnswerEnd {
                    num_tokens: *num_tokens,
                    tokens_per_sec: *tokens_per_sec,
                    ended_by_itself: *ended_by_itself,
                });
            }
            EventKind::Finished(outcome) => {
                self.job = None;
                if let Outcome::Failed(failure) = outcome {
                    self.failure = Some(failure.clone());
                }
            }
            _ => {}
        }
    }
}

/// A checkpoint's folder: `step-000080`.
pub fn name_of(adapter: &Path) -> String {
    adapter.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
