//! Evaluations: measured, told what the project says of each example, and kept with the run.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::data::Split;
use crate::evaluate::{self, About, EvaluateError, EvaluationReport, EvaluationRequest, ModelHere, looks};
use crate::project::{Project, ProjectError, StoredExample, project_of_run};
use crate::recipe::ModelRef;
use crate::run::{RunDir, sha256_of};
use crate::task::Task;

/// What came of an evaluation.
#[derive(Debug)]
pub struct Evaluated {
    pub report: EvaluationReport,
    /// The file that it is kept in; none for examples that no run held out.
    pub kept: std::io::Result<Option<PathBuf>>,
    /// What doesn't lessen the figures, but is missing beside them.
    pub warnings: Vec<String>,
}

/// Measures as the request says; `load` gives a model by its name.
///
/// # Errors
/// Those of [`evaluate::run`].
pub fn evaluate<E: From<EvaluateError>>(
    request: &EvaluationRequest,
    load: &mut dyn FnMut(&ModelRef) -> Result<ModelHere, E>,
    task: &dyn Task,
) -> Result<Evaluated, E> {
    let mut report = evaluate::run(request, load, task)?;
    let mut warnings = Vec::new();
    if let Some(project) = project_of(request)
        && let Err(error) = tell_about(&mut report, &project)
    {
        warnings.push(format!("What the project says of the examples could not be read: {error}"));
    }
    if let Some(run) = run_of(request)
        && request.data == run.data_of(Split::Test)
        && let Err(error) = note_look(run)
    {
        warnings.push(format!("That the test examples were looked at could not be written down: {error}"));
    }
    let kept = evaluate::keep_with_run(request, &report);
    Ok(Evaluated { report, kept, warnings })
}

/// Where looks at the test examples of a run are counted: in its project, or with it.
pub fn looks_folder(run_dir: &Path) -> PathBuf {
    project_of_run(run_dir).unwrap_or_else(|| run_dir.to_owned())
}

/// Counts that the test examples of a run were looked at.
pub(super) fn note_look(run: RunDir<'_>) -> std::io::Result<()> {
    looks::note_look(&looks_folder(run.0), &run.name(), &sha256_of(&run.data_of(Split::Test))?)
}

/// The measured run.
fn run_of(request: &EvaluationRequest) -> Option<RunDir<'_>> {
    RunDir::of_checkpoint(request.tuned()?.adapter()?)
}

/// The project that the measured run lies in.
fn project_of(request: &EvaluationRequest) -> Option<PathBuf> {
    project_of_run(run_of(request)?.0)
}

/// Adds label, tags, source, group and month of the examples that the project still has in these words.
fn tell_about(report: &mut EvaluationReport, project: &Path) -> Result<(), ProjectError> {
    let mut about: HashMap<String, About> = HashMap::new();
    Project::open(project)?.for_each_present(&mut |stored| {
        about.insert(format!("{:016x}", stored.content_key), of_stored(stored));
        ControlFlow::Continue(())
    })?;
    for example in &mut report.examples {
        if let Some(about) = about.get(&example.key) {
            example.about = about.clone();
        }
    }
    Ok(())
}

fn of_stored(stored: StoredExample) -> About {
    let annotations = stored.annotations;
    let month = |date: jiff::Timestamp| date.strftime("%Y-%m").to_string();
    About {
        id: Some(stored.id),
        number: Some(stored.number),
        label: annotations.label,
        tags: annotations.tags,
        source: annotations.source,
        group: annotations.group,
        month: annotations.date.map(month),
    }
}
