//! What was asked of the engine and isn't answered yet.

use crate::app::ticket::Ticket;
use crate::data::checks::Fix;
use crate::data::statistics::Statistics;
use crate::engine::protocol::{Findings, History};
use crate::engine::{JobId, Reply};
use crate::project::{FacetCounts, Lengths, ProjectState, ReplacePreview, Reviewers, SplitPreview, StoredExample};
use crate::workbench::scores::{QueueReport, ScoreReport};

/// Each ticket knows its answer.
#[derive(Default)]
pub struct Asked {
    /// To open it.
    pub example: Ticket<StoredExample>,
    /// Which one that is.
    pub example_id: Option<i64>,
    pub edits: Vec<UnderWay>,
    pub facets: Ticket<FacetCounts>,
    pub lengths: Ticket<Lengths>,
    pub marks: Ticket<Vec<i64>>,
    pub replace: Ticket<ReplacePreview>,
    pub fix: Ticket<Fix>,
    /// What is shown of the examples that a fix is about.
    pub fix_texts: Ticket<Vec<StoredExample>>,
    pub statistics: Ticket<Statistics>,
    pub history: Ticket<History>,
    /// Of the open example.
    pub findings: Ticket<Findings>,
    pub held_out: Ticket<u64>,
    pub split: Ticket<SplitPreview>,
    pub reviewers: Ticket<Option<Reviewers>>,
    pub scores: Ticket<ScoreReport>,
    pub queue: Ticket<QueueReport>,
}

/// A change that isn't on the disk yet.
pub struct UnderWay {
    pub ticket: Ticket<ProjectState>,
    pub makes: Option<Made>,
}

/// An example that an edit makes is then opened; the row where it will probably be.
#[derive(Clone, Copy)]
pub struct Made(pub Option<u64>);

impl UnderWay {
    /// The project with the example that this edit has made, if it makes one.
    pub fn made<'a>(&self, job: JobId, reply: &'a Reply) -> Option<(&'a ProjectState, Option<u64>)> {
        let Made(row) = self.makes?;
        Some((self.ticket.take(job, reply)?, row))
    }
}
