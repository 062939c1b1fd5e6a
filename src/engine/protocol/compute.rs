//! The compute lane's jobs: evaluating, answering, ranking.

use std::path::PathBuf;

use super::facts::{Facts, Subject};
use crate::data::Message;
use crate::evaluate::{EvaluationRequest, Judge};
use crate::generate::Sampling;
use crate::recipe::{ChatFormat, ModelRef, Recipe};
use crate::task::Phase;

/// `project` is the project's folder.
#[derive(Debug, Clone, PartialEq)]
pub enum ComputeJob {
    /// A few real steps, to know how fast a run with this recipe would be. Gives way to everything else that computes.
    MeasureSpeed {
        project: PathBuf,
        recipe: Recipe,
    },
    Evaluate {
        request: EvaluationRequest,
    },
    Compare {
        request: CompareRequest,
    },
    /// Gives every example its loss; those under another judge are forgotten.
    ScoreExamples {
        project: PathBuf,
        judge: Judge,
    },
    /// Queues the examples that are most worth labelling or reviewing.
    LabelNext {
        project: PathBuf,
        judge: Judge,
        count: usize,
    },
}

/// One prompt, answered by the base model and by base + adapter with the same seed and settings.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareRequest {
    pub model: ModelRef,
    /// A folder in PEFT's format; without it only the base model answers.
    pub adapter: Option<PathBuf>,
    /// Everything before the answer.
    pub prompt: Vec<Message>,
    /// Descriptions of the tools that may be called.
    pub tools: Vec<serde_json::Value>,
    /// How turns are written, as the adapter was trained.
    pub format: ChatFormat,
    pub sampling: Sampling,
}

impl ComputeJob {
    /// The lane's table: a row for each job.
    pub fn facts(&self) -> Facts {
        match self {
            Self::MeasureSpeed { .. } => Facts::doing("Measuring how fast a run would be")
                .in_phase(Phase::Training)
                .about(Subject::Run)
                .supersedes_its_kind()
                .gives_way_to_computing()
                .shows_its_failure(),
            // When it is done, its screen says how long it took, by the figure that is kept.
            Self::Evaluate { .. } => Facts::doing("Evaluating")
                .in_phase(Phase::Evaluating)
                .about(Subject::Evaluation)
                .stopped("Stopped evaluating"),
            Self::Compare { request } => {
                let of_base = || format!("{} answers", request.model.short_name());
                let doing = request.adapter.as_ref().map_or_else(of_base, |_| "Answering".to_owned());
                Facts::doing(doing)
                    .in_phase(Phase::Generating)
                    .about(Subject::Comparison)
                    .done_in("Answered")
                    .stopped("Stopped answering")
            }
            Self::ScoreExamples { .. } => Facts::doing("Ranking the examples")
                .in_phase(Phase::Evaluating)
                .done_in("Ranked by loss")
                .stopped("Stopped ranking; the losses so far are kept"),
            Self::LabelNext { .. } => Facts::doing("Asking what to label next")
                .in_phase(Phase::Generating)
                .done_in("Found what to label next")
                .stopped("Stopped asking what to label next"),
        }
    }
}
