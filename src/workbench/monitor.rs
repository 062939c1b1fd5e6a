//! After release: new examples come in as dated batches, the released run is measured on each, and drift is warned of.

mod inputs;
mod measure;
mod review;

use std::path::{Path, PathBuf};

use jiff::Zoned;
use serde::Serialize;

use self::inputs::TrainingInputs;
use self::measure::{Measures, measure};
pub use self::review::{Reviewed, Which, to_review};
use super::WorkbenchError;
use super::evaluate::note_look;
use super::scores::base_judge;
use crate::data::{Example, Split};
use crate::evaluate::{EvaluateError, ModelHere, Scorer};
use crate::monitor::performance::warning;
use crate::monitor::{
    AddRequest, Added, Answered, Batch, BatchFindings, FalseAlarms, Line, Log, Monitor, MonitorError, Reference,
    Watched, Weights, performance, wrong_answers,
};
use crate::project::{Project, label_of};
use crate::recipe::ModelRef;
use crate::run::{self, Release, RunDir, RunRecord};
use crate::task::Task;
use crate::words::count;

/// Fewer values are no reference.
const FEWEST_OF_REFERENCE: usize = 20;

/// Where new examples lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewExamples {
    File(PathBuf),
    /// All files of a folder that haven't come in yet.
    Folder(PathBuf),
}

/// What adding new examples came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Monitored {
    /// Batches that came in, and what is to be said of it.
    pub added: Added,
    /// What was measured now: the new batches, and those that an interruption had left.
    pub findings: Vec<BatchFindings>,
}

impl Monitored {
    pub fn has_drift(&self) -> bool {
        self.findings.iter().any(|findings| !findings.warnings.is_empty())
    }
}

/// All that is known of the time after release.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MonitorReport {
    /// Each time during which a run was the released one, the oldest first; the last has no end while it is in use.
    pub releases: Vec<(String, Release)>,
    pub released: Option<String>,
    /// The stated rate of false alarms, in words.
    pub false_alarms: String,
    /// The oldest first.
    pub batches: Vec<Batch>,
    /// Batches that came in and aren't measured yet.
    pub pending: Vec<String>,
    pub log: Log,
}

impl MonitorReport {
    /// The latest batch that was measured has a warning.
    pub fn has_drift(&self) -> bool {
        self.log.batches.last().is_some_and(|findings| !findings.warnings.is_empty())
    }
}

/// Marks a run as the released one of its project. Gives the name of the run whose place it takes.
///
/// # Errors
/// As for [`run::release`].
pub fn release(run_dir: &Path) -> Result<Option<String>, WorkbenchError> {
    let run_dir = std::path::absolute(run_dir).map_err(WorkbenchError::io(run_dir))?;
    Ok(run::release(&run_dir, &Zoned::now())?)
}

/// Takes new examples in, then measures the released run on every batch that isn't measured yet; `load` gives a model by
/// its name.
///
/// # Errors
/// [`MonitorError::NothingReleased`]; where the examples can't be read, the run's model not be loaded, or the task was
/// stopped: batches that came in stay, and are measured the next time.
pub fn add<E: From<WorkbenchError>>(
    project: &Path,
    new: &NewExamples,
    request: &AddRequest,
    load: &mut dyn FnMut(&ModelRef) -> Result<ModelHere, E>,
    task: &dyn Task,
) -> Result<Monitored, E> {
    let run = released(project)?;
    let monitor = Monitor::of_project(project);
    let added = match new {
        NewExamples::File(path) => monitor.add(path, request, task),
        NewExamples::Folder(folder) => monitor.add_new_of(folder, request, task),
    };
    let added = added.map_err(WorkbenchError::from)?;
    let findings = measure_pending(&monitor, &run, load, task)?;
    Ok(Monitored { added, findings })
}

/// What is known so far.
///
/// # Errors
/// Where the project or its monitor's files can't be read.
pub fn report(project: &Path) -> Result<MonitorReport, WorkbenchError> {
    let runs = Project::open(project)?.runs()?;
    let monitor = Monitor::of_project(project);
    let (batches, log) = (monitor.batches()?, monitor.log()?);
    let of_run = |run: &RunRecord| {
        let releases = run.about.releases.0.iter().cloned();
        releases.map(|release| (run.name.clone(), release)).collect::<Vec<_>>()
    };
    let mut releases: Vec<_> = runs.iter().flat_map(of_run).collect();
    releases.sort_by_key(|(_, release)| release.from.parse::<Zoned>().map(|from| from.timestamp()).ok());
    let is_pending = |batch: &&Batch| log.of_batch(&batch.name).is_none();
    Ok(MonitorReport {
        releases,
        released: run::released(&runs).map(|run| run.name.clone()),
        false_alarms: FalseAlarms::default().in_words(),
        pending: batches.iter().filter(is_pending).map(|batch| batch.name.clone()).collect(),
        batches,
        log,
    })
}

fn released(project: &Path) -> Result<RunRecord, WorkbenchError> {
    let runs = Project::open(project)?.runs()?;
    Ok(run::released(&runs).cloned().ok_or(MonitorError::NothingReleased)?)
}

/// Measures the batches that have no line yet, the oldest first.
fn measure_pending<E: From<WorkbenchError>>(
    monitor: &Monitor,
    run: &RunRecord,
    load: &mut dyn FnMut(&ModelRef) -> Result<ModelHere, E>,
    task: &dyn Task,
) -> Result<Vec<BatchFindings>, E> {
    let mut log = monitor.log().map_err(WorkbenchError::from)?;
    let mut pending = monitor.batches().map_err(WorkbenchError::from)?;
    pending.retain(|batch| log.of_batch(&batch.name).is_none());
    if pending.is_empty() {
        return Ok(Vec::new());
    }
    let model = load(&run.model)?;
    // The base model as it is: inputs are looked at through what training didn't change.
    let base = base_judge(&run.model, &run.recipe.training);
    let scorer = Scorer::new(&model.model, &base).map_err(WorkbenchError::from)?;
    let mut watch = Watch { monitor, run, weights: weights_of(run), model: &model, scorer, training: None, task };
    let mut all = Vec::new();
    for batch in pending {
        if log.reference_of(&watch.weights).is_none()
            && let Some(reference) = watch.held_out()?
        {
            watch.keep(&Line::Reference(reference.clone()))?;
            log.references.push(reference);
        }
        let findings = watch.batch(&batch, &mut log)?;
        watch.keep(&Line::Batch(findings.clone()))?;
        log.batches.push(findings.clone());
        all.push(findings);
    }
    Ok(all)
}

fn weights_of(run: &RunRecord) -> Weights {
    let checkpoint = run.adapter.as_deref().map(crate::fs::name_of).unwrap_or_default();
    Weights { name: run.name.clone(), checkpoint }
}

/// A released run with its model, held against batches.
struct Watch<'a> {
    monitor: &'a Monitor,
    run: &'a RunRecord,
    weights: Weights,
    model: &'a ModelHere,
    scorer: Scorer<'a>,
    /// Read once it is needed.
    training: Option<TrainingInputs>,
    task: &'a dyn Task,
}

impl Watch<'_> {
    fn keep(&self, line: &Line) -> Result<(), WorkbenchError> {
        Ok(self.monitor.append(line)?)
    }

    /// The run on what it held out. `None` where that is too little, or nothing.
    fn held_out(&self) -> Result<Option<Reference>, WorkbenchError> {
        let dir = RunDir(&self.run.run_dir);
        for (part, name) in [(Split::Test, "test"), (Split::Validation, "validation")] {
            let path = dir.data_of(part);
            if !path.is_file() {
                continue;
            }
            let examples = crate::data::read_all(&path, self.task)?;
            let Some(measures) = self.measure(&path, &examples, None)? else { continue };
            if part == Split::Test {
                note_look(dir).map_err(WorkbenchError::io(&path))?;
            }
            if let Some(watched) = measures.watched.filter(|watched| watched.known().len() >= FEWEST_OF_REFERENCE) {
                return Ok(Some(Reference {
                    run: self.weights.clone(),
                    at: Zoned::now().to_string(),
                    of: format!("the run's {name} examples"),
                    figures: measures.figures,
                    watched,
                }));
            }
        }
        Ok(None)
    }

    fn measure(
        &self,
        path: &Path,
        examples: &[Example],
        metric: Option<&str>,
    ) -> Result<Option<Measures>, WorkbenchError> {
        if examples.iter().all(Example::is_unanswered) {
            return Ok(None);
        }
        match measure(self.run, self.model, path, examples, metric, self.task) {
            Ok(measures) => Ok(Some(measures)),
            Err(EvaluateError::NothingToMeasure { .. }) => Ok(None),
            Err(EvaluateError::Stopped) => Err(WorkbenchError::Stopped),
            Err(error) => Err(error.into()),
        }
    }

    fn batch(&mut self, batch: &Batch, log: &mut Log) -> Result<BatchFindings, WorkbenchError> {
        let examples: Vec<Example> = self.monitor.examples(batch)?.into_iter().map(|row| row.example).collect();
        let metric = log.reference_of(&self.weights).map(|reference| reference.watched.metric.clone());
        let measures = self.measure(&self.monitor.path_of(batch), &examples, metric.as_deref())?;
        let (figures, watched) = measures.map_or((Vec::new(), None), |measures| (measures.figures, measures.watched));
        let mut findings = BatchFindings {
            batch: batch.name.clone(),
            date: batch.date.clone(),
            at: Zoned::now().to_string(),
            run: self.weights.clone(),
            num: batch.num,
            num_answered: batch.num_answered,
            figures,
            watched,
            tests: Vec::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
        };
        self.answers(&mut findings, log)?;
        self.inputs(&mut findings, &examples)?;
        Ok(findings)
    }

    /// Are the answers worse than the reference's? Without one, the first batch that is large enough becomes it.
    fn answers(&self, findings: &mut BatchFindings, log: &mut Log) -> Result<(), WorkbenchError> {
        let Some(watched) = &findings.watched else {
            findings
                .notes
                .push("The answers aren't measured: no example of the batch has one to compare with".to_owned());
            return Ok(());
        };
        let known = watched.known();
        let Some(reference) = log.reference_of(&self.weights) else {
            if known.len() < FEWEST_OF_REFERENCE {
                let num = count(FEWEST_OF_REFERENCE, "answer", "answers");
                findings
                    .notes
                    .push(format!("The answers aren't compared: a reference needs {num}, and the run held out none"));
                return Ok(());
            }
            let reference = Reference {
                run: self.weights.clone(),
                at: findings.at.clone(),
                of: format!("the batch {}", findings.batch),
                figures: findings.figures.clone(),
                watched: watched.clone(),
            };
            self.keep(&Line::Reference(reference.clone()))?;
            log.references.push(reference);
            findings
                .notes
                .push("This batch is what later ones are compared with: the run held out too little".to_owned());
            return Ok(());
        };
        if reference.watched.metric != watched.metric {
            let (before, now) = (&reference.watched.metric, &watched.metric);
            findings
                .notes
                .push(format!("The answers aren't compared: the reference has {before}, and the batch {now}"));
            return Ok(());
        }
        let earlier = log.values_of(&self.weights, &watched.metric);
        let rate = FalseAlarms::default();
        let tests = performance(&reference.watched.known(), &earlier, &known, watched.higher_is_better, rate);
        let (before, now) = (answered(&reference.watched), answered(watched));
        let before: Vec<Answered<'_>> = before.into_iter().map(|(_, answered)| answered).collect();
        let behind = || wrong_answers(&before, &now, watched.higher_is_better);
        let is_share = known.iter().chain(&reference.watched.known()).all(|value| (0.0..=1.0).contains(value));
        if tests.iter().any(|test| test.is_drift) {
            findings.warnings.extend(warning(&tests, &watched.title, &reference.of, is_share, behind()));
        }
        findings.tests.extend(tests);
        Ok(())
    }

    /// Are the inputs still like those of training?
    fn inputs(&mut self, findings: &mut BatchFindings, examples: &[Example]) -> Result<(), WorkbenchError> {
        let training = match self.training.take() {
            Some(training) => training,
            None => TrainingInputs::read(self.run, &self.scorer, self.task)?,
        };
        let found = training.compare(examples, &self.scorer, self.task)?;
        self.training = Some(training);
        findings.tests.extend(found.tests);
        findings.warnings.extend(found.warnings);
        findings.notes.extend(found.notes);
        Ok(())
    }
}

fn answered(watched: &Watched) -> Vec<(usize, Answered<'_>)> {
    let rows = watched.values.iter().zip(&watched.labels).enumerate();
    rows.filter_map(|(row, (value, label))| Some((row, Answered { value: (*value)?, label: label.as_deref() })))
        .collect()
}

/// The label of an example that has an answer.
fn label(example: &Example) -> Option<String> {
    if example.is_unanswered() { None } else { label_of(example) }
}
