//! Training: the data are frozen into the run's folder, with their SHA-256 and a card, and then it trains on what is frozen.
//! The window and the command line both begin here, so that their runs have the same folder.

use std::path::Path;

use super::WorkbenchError;
use super::statistics::{add_to_card, card, statistics, write_card};
use crate::data::card::{CardFacts, data_card};
use crate::data::statistics::{Collector, Item, Statistics};
use crate::data::{Placed, Split};
use crate::fs::{name_of, stream_atomic};
use crate::model::LanguageModel;
use crate::project::{Project, Review, Snapshot};
use crate::recipe::{Data, Plan, Recipe, RecipeError, Validation};
use crate::run::{Inputs, RunDir, RunError, RunLock, checkpoints, sha256_of, sums_text};
use crate::task::{Phase, Quiet, Task};
use crate::train::inputs::data_files;
use crate::train::{Beginning, Examples, Observer, RunSummary, TrainError, TrainEvent, sft};

/// Where a run's examples come from.
pub enum Source<'a> {
    /// Those that take part; the files that the recipe names don't count.
    Project(&'a mut Project),
    /// The files that the recipe names.
    Files,
}

/// A run whose data are frozen.
#[derive(Debug)]
pub struct Frozen {
    pub plan: Plan,
    beginning: Beginning,
}

/// Freezes a run's data, or finds that they are frozen already and are still what they were frozen from. `plan` names the
/// person's own files; the plan that comes back names the frozen ones.
///
/// # Errors
/// [`RunError::Unusable`] if the folder can't hold the run, [`RunError::InputsChanged`] if the data are others than those
/// that the run in it began with, and whatever speaks against the data themselves.
pub fn freeze(source: Source<'_>, plan: Plan, task: &dyn Task) -> Result<Frozen, WorkbenchError> {
    let lock = RunLock::claim(&plan.run_dir)?;
    let is_resumed = checkpoints::last(&plan.run_dir).is_some();
    match source {
        Source::Project(project) if is_resumed => go_on_with_project(project, plan, lock),
        Source::Project(project) => freeze_project(project, plan, lock, task),
        Source::Files if plan.train.as_os_str().is_empty() => Err(TrainError::from(RecipeError::Invalid {
            key: "data.train",
            message: "name the file with the training examples, or the project whose examples to train on".to_owned(),
        })
        .into()),
        // Files in the run's own folder are frozen, as those of a run that is repeated from its own recipe.
        Source::Files if RunDir(&plan.run_dir).has(&plan.train) => Ok(as_it_is(plan, lock)),
        Source::Files if is_resumed => go_on_with_files(plan, lock, task),
        Source::Files => freeze_files(plan, lock, task),
    }
}

/// A run that is resumed on its own recipe.
///
/// # Errors
/// [`RunError::Unusable`] if another program trains there.
pub fn resume(plan: Plan) -> Result<Frozen, WorkbenchError> {
    let lock = RunLock::claim(&plan.run_dir)?;
    Ok(as_it_is(plan, lock))
}

/// Trains on what is frozen; without a model, the plan's is loaded.
///
/// # Errors
/// Those of [`sft::run`].
pub fn train(
    frozen: Frozen,
    model: Option<&LanguageModel>,
    task: &dyn Task,
    observer: &mut dyn Observer,
) -> Result<RunSummary, TrainError> {
    let Frozen { plan, beginning } = frozen;
    let mut observer = |event| {
        if let TrainEvent::Facts(facts) = &event
            && RunDir(&plan.run_dir).data_card().is_file()
            // A card that can't be written doesn't end a run.
            && let Err(error) = add_to_card(&plan.run_dir, &facts.tally)
        {
            log::warn!("the run's card lacks what became of long examples: {error}");
        }
        observer.observe(event);
    };
    sft::run_from(beginning, model, &plan, task, &mut observer)
}

fn as_it_is(plan: Plan, lock: RunLock) -> Frozen {
    Frozen { plan, beginning: Beginning { lock, sources: Vec::new(), validation_split: None, examples: None } }
}

fn freeze_project(
    project: &mut Project,
    mut plan: Plan,
    mut lock: RunLock,
    task: &dyn Task,
) -> Result<Frozen, WorkbenchError> {
    lock.mark()?;
    task.phase(Phase::Freezing);
    let snapshot = project.snapshot(&plan.run_dir)?;
    if snapshot.train.num_examples == 0 {
        return Err(TrainError::NoExamples { path: project.folder().to_owned() }.into());
    }
    let counted = statistics(project, None, task)?;
    let card = card(project, &counted, &names_and_sums(&snapshot))?;
    write_card(&plan.run_dir, &plan.base_model, card)?;
    let validation = snapshot.validation.map(|file| file.path);
    let data = Data { train: snapshot.train.path, validation, validation_split: None };
    plan.validation = Validation::of(&data);
    plan.train = data.train;
    Ok(as_it_is(plan, lock))
}

fn names_and_sums(snapshot: &Snapshot) -> Vec<(String, String)> {
    let files = [Some(&snapshot.train), snapshot.validation.as_ref(), snapshot.test.as_ref()];
    files.into_iter().flatten().map(|file| (file.name(), file.sha256.clone())).collect()
}

/// On its frozen data, if the project's examples are still the same.
fn go_on_with_project(project: &Project, plan: Plan, lock: RunLock) -> Result<Frozen, WorkbenchError> {
    let dir = RunDir(&plan.run_dir);
    let elsewhere = tempfile::tempdir().map_err(WorkbenchError::io(&plan.run_dir))?;
    let now = names_and_sums(&project.snapshot(elsewhere.path())?);
    let then = std::fs::read_to_string(dir.data_sums()).map_err(RunError::io(&dir.data_sums()))?;
    let then: Vec<_> = then.lines().collect();
    let line = |(name, sha256): &(String, String)| sums_text([(sha256.as_str(), name.as_str())]).trim_end().to_owned();
    let changed = now.iter().find(|file| !then.contains(&line(file).as_str()));
    if changed.is_some() || now.len() != then.len() {
        let name = changed.map_or("a part", |(name, _)| name);
        let what = format!("the project's examples are others than when it began ({name} has another content)");
        return Err(RunError::InputsChanged { run_dir: plan.run_dir.clone(), what }.into());
    }
    on_frozen(plan, lock)
}

/// On its frozen data, if the files that they were frozen from are still the same.
fn go_on_with_files(plan: Plan, lock: RunLock, task: &dyn Task) -> Result<Frozen, WorkbenchError> {
    let dir = RunDir(&plan.run_dir);
    let (kept, _) = Recipe::read_noted(&dir.recipe())
        .map_err(|source| RunError::Recipe { run_dir: plan.run_dir.clone(), source })?;
    if !dir.has(&kept.data.train) {
        // A run of a version that didn't freeze a recipe's files.
        return Ok(as_it_is(plan, lock));
    }
    let (sources, validation_split) = (data_files(&plan, &Quiet(task))?, share_of(&plan));
    if let Some(began_with) = Inputs::read(&plan.run_dir)?
        && let Some(what) = began_with.changed_source(&sources, validation_split)
    {
        return Err(RunError::InputsChanged { run_dir: plan.run_dir.clone(), what }.into());
    }
    let mut frozen = on_frozen(plan, lock)?;
    // This is for a run that doesn't say what it began with.
    (frozen.beginning.sources, frozen.beginning.validation_split) = (sources, validation_split);
    Ok(frozen)
}

/// The plan of a run that is resumed: its recipe's data are the frozen ones.
fn on_frozen(mut plan: Plan, lock: RunLock) -> Result<Frozen, WorkbenchError> {
    let dir = RunDir(&plan.run_dir);
    let (kept, _) = Recipe::read_noted(&dir.recipe())
        .map_err(|source| RunError::Recipe { run_dir: plan.run_dir.clone(), source })?;
    plan.validation = Validation::of(&kept.data);
    plan.train = kept.data.train;
    Ok(as_it_is(plan, lock))
}

fn share_of(plan: &Plan) -> Option<f64> {
    match plan.validation {
        Validation::Share(share) => Some(share),
        Validation::File(_) => None,
    }
}

fn freeze_files(mut plan: Plan, mut lock: RunLock, task: &dyn Task) -> Result<Frozen, WorkbenchError> {
    let quiet = Quiet(task);
    let sources = data_files(&plan, &quiet)?;
    let validation_split = share_of(&plan);
    let examples = Examples::read(&plan, &quiet)?;
    lock.mark()?;
    let dir = RunDir(&plan.run_dir);
    let parts = [(Split::Train, &examples.train.1), (Split::Validation, &examples.validation.1)];
    let parts = || parts.into_iter().filter(|(_, placed)| !placed.is_empty());
    let mut files = Vec::new();
    for (part, placed) in parts() {
        let path = dir.data_of(part);
        write_examples(&path, placed).map_err(RunError::io(&path))?;
        files.push((name_of(&path), sha256_of(&path).map_err(RunError::io(&path))?));
    }
    let sums = sums_text(files.iter().map(|(name, sha256)| (sha256.as_str(), name.as_str())));
    crate::fs::write_atomic(&dir.data_sums(), sums.as_bytes()).map_err(RunError::io(&dir.data_sums()))?;
    let counted = count(parts(), &plan.train);
    let title = name_of(&plan.train);
    write_card(&plan.run_dir, &plan.base_model, card_of_files(&title, &counted, &files))?;
    plan.validation = match examples.validation.1.is_empty() {
        true => Validation::Share(0.0),
        false => Validation::File(dir.data_of(Split::Validation)),
    };
    plan.train = dir.data_of(Split::Train);
    Ok(Frozen { plan, beginning: Beginning { lock, sources, validation_split, examples: Some(examples) } })
}

fn write_examples(path: &Path, examples: &[Placed]) -> std::io::Result<()> {
    stream_atomic(path, |out| {
        for placed in examples {
            serde_json::to_writer(&mut *out, &placed.example)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    })
}

fn count<'a>(parts: impl Iterator<Item = (Split, &'a Vec<Placed>)>, source: &Path) -> Statistics {
    let source = name_of(source);
    let mut collector = Collector::new(None);
    for (split, placed) in parts {
        for placed in placed {
            let review = Review::default().as_str();
            collector.add(&Item { split, example: &placed.example, source: Some(&source), review, date: None });
        }
    }
    collector.finish()
}

fn card_of_files(title: &str, statistics: &Statistics, files: &[(String, String)]) -> String {
    data_card(&CardFacts {
        title,
        steps: &[],
        left_out: None,
        agreement: None,
        statistics,
        findings: &[],
        not_counted: (&[], 0),
        files,
    })
}
