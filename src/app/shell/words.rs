//! Jobs in words, for the status bar.

use std::path::Path;

use crate::app::jobs::{Job, Progress};
use crate::app::kit::{Icon, format, icon};
use crate::engine::{JobSpec, Outcome};
use crate::recipe::ModelRef;
use crate::task::Unit;
use crate::train::Phase;

/// What a job is doing, while it does it.
pub fn doing(job: &Job) -> String {
    match &job.spec {
        JobSpec::OpenProject { folder, .. } => format!("Opening {}", name(folder)),
        JobSpec::DiscoverModels => "Looking for models".to_owned(),
        JobSpec::InspectModel { model } => format!("Reading {}", model_name(model)),
        JobSpec::ImportReviewer { request, .. } => format!("Reading {}", name(&request.path)),
        JobSpec::CompareReviewers { .. } => "Counting".to_owned(),
        JobSpec::CountKnown { .. } => "Counting what is here already".to_owned(),
        JobSpec::PreviewImport { request } => format!("Reading {}", name(&request.path)),
        JobSpec::Import { request, .. } if !request.more.is_empty() => {
            format!("Importing {} and {} more", name(&request.path), request.more.len())
        }
        JobSpec::Import { request, .. } => format!("Importing {}", name(&request.path)),
        JobSpec::SaveRejected { to, .. } => format!("Saving {}", name(to)),
        JobSpec::ExportData { request, .. } => format!("Exporting {}", name(&request.to)),
        JobSpec::MeasureSpeed { .. } if job.phase == Some(Phase::LoadingModel) => "Loading the model".to_owned(),
        JobSpec::MeasureSpeed { .. } => "Measuring how fast a run would be".to_owned(),
        JobSpec::RenderTokens { .. } | JobSpec::PreviewRun { .. } => "Counting tokens".to_owned(),
        JobSpec::CheckData { .. } => "Checking the examples".to_owned(),
        JobSpec::DescribeData { .. }
        | JobSpec::CountFacets { .. }
        | JobSpec::CountHeldOut { .. }
        | JobSpec::LoadLengths { .. } => "Counting".to_owned(),
        JobSpec::Query { .. } | JobSpec::FindIds { .. } | JobSpec::PreviewReplace { .. } => "Searching".to_owned(),
        JobSpec::LoadExample { .. }
        | JobSpec::LoadExamples { .. }
        | JobSpec::LoadHistory { .. }
        | JobSpec::LoadFindings { .. }
        | JobSpec::ReadEvaluations { .. }
        | JobSpec::ReadAnswers { .. }
        | JobSpec::LoadChecks { .. } => "Reading".to_owned(),
        JobSpec::PreviewFix { .. } | JobSpec::CountFixes { .. } | JobSpec::PreviewSplit { .. } => {
            "Looking at what would change".to_owned()
        }
        JobSpec::ListRuns { .. } | JobSpec::ReadRun { .. } | JobSpec::ReadMessages { .. } => "Reading runs".to_owned(),
        JobSpec::FetchModel { model } => format!("Downloading {}", model_name(model)),
        JobSpec::ListDataset { name } => format!("Asking the Hub for {name}"),
        JobSpec::FetchDataset { wanted } => format!("Downloading {}", wanted.dataset.name.repo),
        JobSpec::Train { .. } | JobSpec::ResumeTraining { .. } => phase(job.phase, "Training").to_owned(),
        JobSpec::Evaluate { .. } => phase(job.phase, "Evaluating").to_owned(),
        JobSpec::Compare { request } if request.adapter.is_none() && job.phase == Some(Phase::Generating) => {
            format!("{} answers", model_name(&request.model))
        }
        JobSpec::Compare { .. } => phase(job.phase, "Answering").to_owned(),
        JobSpec::ScoreExamples { .. } | JobSpec::LabelNext { .. } if job.phase == Some(Phase::LoadingModel) => {
            "Loading the model".to_owned()
        }
        JobSpec::ScoreExamples { .. } => "Ranking the examples".to_owned(),
        JobSpec::LabelNext { .. } => "Asking what to label next".to_owned(),
        JobSpec::LookAtProject { .. } => "Looking for the project's folder".to_owned(),
        JobSpec::SaveProjectAs { to, .. } => format!("Saving {}", name(to)),
        _ => "Saving".to_owned(),
    }
}

fn phase(phase: Option<Phase>, otherwise: &'static str) -> &'static str {
    match phase {
        Some(Phase::LoadingModel) => "Loading the model",
        Some(Phase::Freezing) => "Copying the examples",
        Some(Phase::Tokenizing) => "Counting tokens",
        Some(Phase::Training) => "Training",
        Some(Phase::Evaluating) => "Evaluating",
        Some(Phase::Saving) => "Saving a checkpoint",
        Some(Phase::Generating) => "Answering",
        None => otherwise,
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
    let took = format::duration(secs);
    let is_stopped = *outcome == Outcome::Stopped;
    Some(match spec {
        JobSpec::OpenProject { folder, .. } => format!("Opened {} in {took}", name(folder)),
        JobSpec::Import { request, .. } if is_stopped => format!("Stopped importing {}", name(&request.path)),
        JobSpec::Import { request, .. } => format!("Imported {} in {took}", name(&request.path)),
        JobSpec::SaveRejected { to, .. } => format!("Saved {}", to.display()),
        JobSpec::FetchModel { model } if is_stopped => format!("Stopped downloading {}", model_name(model)),
        JobSpec::FetchModel { model } => format!("Downloaded {} in {took}", model_name(model)),
        JobSpec::FetchDataset { wanted } if is_stopped => format!("Stopped downloading {}", wanted.dataset.name.repo),
        JobSpec::FetchDataset { wanted } => format!("Downloaded {} in {took}", wanted.dataset.name.repo),
        // Its screen says how long it took, by the figure that is kept.
        JobSpec::Evaluate { .. } if is_stopped => "Stopped evaluating".to_owned(),
        JobSpec::Compare { .. } if is_stopped => "Stopped answering".to_owned(),
        JobSpec::Compare { .. } => format!("Answered in {took}"),
        JobSpec::ScoreExamples { .. } if is_stopped => "Stopped ranking; the losses so far are kept".to_owned(),
        JobSpec::ScoreExamples { .. } => format!("Ranked by loss in {took}"),
        JobSpec::LabelNext { .. } if is_stopped => "Stopped asking what to label next".to_owned(),
        JobSpec::LabelNext { .. } => format!("Found what to label next in {took}"),
        _ => return None,
    })
}

/// The icon of the screen that a job belongs to.
pub fn icon_of(spec: &JobSpec) -> Icon {
    match spec {
        JobSpec::DiscoverModels | JobSpec::InspectModel { .. } | JobSpec::FetchModel { .. } => icon::CUBE,
        JobSpec::Train { .. }
        | JobSpec::ResumeTraining { .. }
        | JobSpec::PreviewRun { .. }
        | JobSpec::MeasureSpeed { .. } => icon::PULSE,
        JobSpec::Evaluate { .. } => icon::TARGET,
        JobSpec::Compare { .. } => icon::COLUMNS,
        _ => icon::TABLE,
    }
}

/// A model as a person calls it.
pub fn model_name(model: &ModelRef) -> String {
    match model {
        ModelRef::Starter => "SmolLM2-135M-Instruct".to_owned(),
        ModelRef::Gguf(path) | ModelRef::Folder(path) => name(path),
        ModelRef::Hub { repo, .. } => repo.rsplit('/').next().unwrap_or(repo).to_owned(),
    }
}

fn name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
