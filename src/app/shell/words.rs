//! Jobs in words, for the status bar.

use crate::app::jobs::{Job, Progress};
use crate::app::kit::{Icon, format, icon};
use crate::engine::protocol::Done;
use crate::engine::{JobSpec, Outcome, Subject};
use crate::recipe::ModelRef;
use crate::task::{Phase, Unit};

/// What a job is doing, while it does it.
pub fn doing(job: &Job) -> String {
    let facts = job.spec.facts();
    match job.phase {
        Some(now) if facts.phase.is_some_and(|phase| phase != now) => phase(now).to_owned(),
        _ => facts.doing.into_owned(),
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::LoadingModel => "Loading the model",
        Phase::Freezing => "Copying the examples",
        Phase::Tokenizing => "Counting tokens",
        Phase::Training => "Training",
        Phase::Evaluating => "Evaluating",
        Phase::Saving => "Saving a checkpoint",
        Phase::Generating => "Answering",
    }
}

/// `217 of 372 steps`
pub fn progress(progress: &Progress) -> String {
    if progress.unit == Unit::Bytes {
        let done = format::bytes(progress.done);
        return progress.total.map_or_else(|| done.clone(), |total| format!("{done} of {}", format::bytes(total)));
    }
    let unit = match progress.unit {
        Unit::Bytes => "",
        Unit::Rows => "rows",
        Unit::Examples => "examples",
        Unit::Tokens => "tokens",
        Unit::Steps => "steps",
        Unit::Layers => "layers",
        Unit::Files => "files",
    };
    let done = format::thousands(progress.done);
    match progress.total {
        Some(total) => format!("{done} of {} {unit}", format::thousands(total)),
        None => format!("{done} {unit}"),
    }
}

/// How far a job is: `2 of 4: answers before, 12 of 49, 1 min 5 s left`; empty where it has told nothing.
pub fn told(job: &Job) -> String {
    let left = job.secs_left().filter(|secs| *secs >= 1.0).map(|secs| format!("{} left", format::time_left(secs)));
    let amount = match (job.pace.stage(), &job.progress) {
        (Some(stage), told) => {
            let amount = told.as_ref().and_then(|told| Some((told.done, told.total?)));
            let stage = format!("{} of {}: {}", stage.number, stage.of, stage.name);
            match amount {
                Some((done, total)) => {
                    format!("{stage}, {} of {}", format::thousands(done), format::thousands(total))
                }
                None => stage,
            }
        }
        (None, Some(told)) => progress(told),
        (None, None) => return String::new(),
    };
    [Some(amount), left].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What the status bar says afterwards; nothing for what nobody waits for.
pub fn ended(spec: &JobSpec, secs: f64, outcome: &Outcome) -> Option<String> {
    let facts = spec.facts();
    match outcome {
        Outcome::Completed => {
            let Done { words, says_how_long } = facts.done?;
            Some(if says_how_long { format!("{words} in {}", format::duration(secs)) } else { words.into_owned() })
        }
        Outcome::Stopped => Some(facts.stopped?.into_owned()),
        Outcome::Failed(_) => None,
    }
}

/// The icon of the screen that a job belongs to.
pub fn icon_of(spec: &JobSpec) -> Icon {
    match spec.facts().subject {
        Subject::Data => icon::TABLE,
        Subject::Model => icon::CUBE,
        Subject::Run => icon::PULSE,
        Subject::Evaluation => icon::TARGET,
        Subject::Comparison => icon::COLUMNS,
    }
}

/// A model as a person calls it.
pub fn model_name(model: &ModelRef) -> String {
    model.short_name()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::data::import::ImportRequest;
    use crate::engine::{ComputeJob, IoJob, JobId, TrainJob};
    use crate::recipe::RenderSpec;
    use crate::task::Pace;

    fn job(spec: JobSpec, phase: Option<Phase>) -> Job {
        let (pace, since) = (Pace::begin(Instant::now()), Instant::now());
        Job { id: JobId(1), spec, has_started: true, memory_short: None, phase, progress: None, pace, since }
    }

    #[test]
    fn a_job_is_named_after_its_phase_where_that_is_another() {
        let resumed = || JobSpec::Train(TrainJob::Resume { run_dir: "r".into() });
        assert_eq!(doing(&job(resumed(), None)), "Training");
        assert_eq!(doing(&job(resumed(), Some(Phase::LoadingModel))), "Loading the model");
        let judge = crate::evaluate::Judge {
            name: "starter".to_owned(),
            model: ModelRef::Starter,
            adapter: None,
            spec: RenderSpec::WHOLE,
        };
        let ranking = || JobSpec::Compute(ComputeJob::ScoreExamples { project: "p".into(), judge: judge.clone() });
        assert_eq!(doing(&job(ranking(), Some(Phase::Evaluating))), "Ranking the examples");
        assert_eq!(doing(&job(ranking(), Some(Phase::LoadingModel))), "Loading the model");
    }

    #[test]
    fn an_end_is_told_as_it_was() {
        let request = ImportRequest { more: vec!["b.csv".into()], ..ImportRequest::new("/data/a.csv") };
        let import = JobSpec::Io(IoJob::Import { project: "p".into(), request });
        assert_eq!(import.facts().doing, "Importing a.csv and 1 more");
        assert_eq!(ended(&import, 3.0, &Outcome::Completed).as_deref(), Some("Imported a.csv in 3.0 s"));
        assert_eq!(ended(&import, 3.0, &Outcome::Stopped).as_deref(), Some("Stopped importing a.csv"));
        let listing = JobSpec::Io(IoJob::ListRuns { project: "p".into() });
        assert_eq!((ended(&listing, 3.0, &Outcome::Completed), listing.facts().shows_its_failure), (None, true));
    }
}
