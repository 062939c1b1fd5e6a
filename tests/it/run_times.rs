//! How long runs take, and what becomes of them afterwards, through the real engine.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tunewright::data::import::ImportRequest;
use tunewright::engine::{
    Backend, ComputeJob, Engine, EngineOptions, EventKind, IoJob, JobId, JobSpec, Outcome, Reply, StoreJob, TrainJob,
};
use tunewright::hub::Sources;
use tunewright::recipe::{EvalStrategy, Recipe};
use tunewright::run::{RunNote, RunRecord};
use tunewright::train::preview::RunPreview;
use tunewright::train::timing::{KnownSpeed, MeasuredBy, SpeedFile};

use super::engine::{prompts_and_answers, tiny_recipe as recipe};
use super::fixtures;

const PATIENCE: Duration = Duration::from_secs(120);

/// An engine that keeps its speeds, with a project of twenty examples.
pub(super) struct Bench {
    engine: Engine,
    folder: tempfile::TempDir,
}

impl Bench {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sources = Sources::only(&folder.path().join("models"));
        let options = EngineOptions { sources, ..EngineOptions::default() };
        let speeds = SpeedFile(Some(folder.path().join("cache/speeds.json")));
        let options = EngineOptions { speeds, ..options };
        let bench = Self { engine: Engine::new(options, || {}).unwrap(), folder };
        bench.ask(JobSpec::Store(StoreJob::OpenProject { folder: bench.project(), sample: false }));
        let path = fixtures::write(bench.folder.path(), "data.jsonl", prompts_and_answers(20));
        bench.ask(JobSpec::Io(IoJob::Import { project: bench.project(), request: ImportRequest::new(&path) }));
        bench
    }

    pub(super) fn project(&self) -> PathBuf {
        self.folder.path().join("My project")
    }

    fn end_of(&self, job: JobId) -> (Vec<EventKind>, Outcome) {
        let until = Instant::now() + PATIENCE;
        let mut kinds = Vec::new();
        loop {
            let event = self.engine.events().recv_deadline(until).unwrap_or_else(|_| panic!("only {kinds:?}"));
            match event.kind {
                EventKind::Finished(outcome) if event.job == job => return (kinds, outcome),
                kind if event.job == job => kinds.push(kind),
                _ => {}
            }
        }
    }

    fn try_to(&self, spec: JobSpec) -> (Vec<Reply>, Outcome) {
        let (kinds, outcome) = self.end_of(self.engine.start(spec));
        let reply = |kind| if let EventKind::Reply(reply) = kind { Some(*reply) } else { None };
        (kinds.into_iter().filter_map(reply).collect(), outcome)
    }

    /// The replies of a job that must succeed.
    fn ask(&self, spec: JobSpec) -> Vec<Reply> {
        let (replies, outcome) = self.try_to(spec);
        assert_eq!(outcome, Outcome::Completed);
        replies
    }

    fn preview(&self, recipe: &Recipe) -> RunPreview {
        match self.ask(JobSpec::Io(IoJob::PreviewRun { project: self.project(), recipe: recipe.clone() })).pop() {
            Some(Reply::RunPreview(preview)) => preview,
            other => panic!("{other:?}"),
        }
    }

    fn measure(&self, recipe: &Recipe) -> KnownSpeed {
        match self
            .ask(JobSpec::Compute(ComputeJob::MeasureSpeed { project: self.project(), recipe: recipe.clone() }))
            .pop()
        {
            Some(Reply::Speed(known)) => known,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn train(&self, recipe: &Recipe) -> RunRecord {
        self.ask(JobSpec::Train(TrainJob::Train { project: self.project(), recipe: recipe.clone() }));
        self.runs().remove(0)
    }

    pub(super) fn runs(&self) -> Vec<RunRecord> {
        match self.ask(JobSpec::Io(IoJob::ListRuns { project: self.project() })).pop() {
            Some(Reply::Runs(runs)) => runs,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_few_steps_tell_the_time_and_a_run_tells_it_better() {
    let bench = Bench::new();
    let mut recipe = recipe(6);
    assert_eq!(bench.preview(&recipe).speed, None, "nothing is guessed");
    let known = bench.measure(&recipe);
    assert_eq!(known.by, MeasuredBy::Steps);
    assert!(known.speed.train_tokens_per_sec > 0.0 && known.speed.eval_examples_per_sec.is_some(), "{known:?}");
    assert!(!bench.project().join("runs").exists(), "measuring leaves no run behind");
    // What doesn't change the speed finds it again.
    recipe.training.num_train_epochs = 9.0;
    let preview = bench.preview(&recipe);
    let found = preview.speed.clone().unwrap();
    assert_eq!((&found.by, found.at, &found.model), (&known.by, known.at, &known.model));
    // Written down and read again, the last bit may differ.
    let ratio = found.speed.train_tokens_per_sec / known.speed.train_tokens_per_sec;
    assert!((ratio - 1.0).abs() < 1e-12, "{found:?} {known:?}");
    assert!(preview.time(&known.speed).is_some_and(|time| time.total() > 0.0));
    let mut other = recipe.clone();
    other.training.per_device_train_batch_size = 4;
    assert_eq!(bench.preview(&other).speed, None);

    let run = bench.train(&recipe);
    let after = bench.preview(&recipe).speed.unwrap();
    assert_eq!(after.by, MeasuredBy::Run(run.name));
}

#[test]
fn measuring_gives_way_to_everything_that_computes() {
    let bench = Bench::new();
    // Behind a run that takes its time, so that it can't have ended before its turn.
    let first = bench.engine.start(JobSpec::Train(TrainJob::Train { project: bench.project(), recipe: recipe(40) }));
    let measure =
        bench.engine.start(JobSpec::Compute(ComputeJob::MeasureSpeed { project: bench.project(), recipe: recipe(6) }));
    let second = bench.engine.start(JobSpec::Train(TrainJob::Train { project: bench.project(), recipe: recipe(2) }));
    let mut ends = HashMap::new();
    while ends.len() < 3 {
        let event = bench.engine.events().recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("only {ends:?}"));
        if let EventKind::Finished(outcome) = event.kind {
            ends.insert(event.job, outcome);
        }
    }
    assert_eq!((&ends[&first], &ends[&second]), (&Outcome::Completed, &Outcome::Completed));
    assert_eq!(ends[&measure], Outcome::Stopped);
}

#[test]
fn the_preview_counts_the_evaluations_that_are_done_and_a_run_takes_what_its_parts_take() {
    let bench = Bench::new();
    let mut recipe = recipe(10);
    for (strategy, eval_steps) in
        [(EvalStrategy::Steps, 0), (EvalStrategy::Steps, 3), (EvalStrategy::Epoch, 0), (EvalStrategy::No, 0)]
    {
        recipe.evaluation.eval_strategy = strategy;
        recipe.evaluation.eval_steps = eval_steps;
        let promised = bench.preview(&recipe).num_evaluations();
        let run = bench.train(&recipe);
        let Some(Reply::Curves { steps, evaluations, .. }) =
            bench.ask(JobSpec::Io(IoJob::ReadRun { run_dir: run.run_dir.clone() })).pop()
        else {
            panic!()
        };
        assert_eq!(evaluations.len(), promised, "{strategy:?} {eval_steps}");
        let parts: f64 =
            steps.iter().map(|s| s.step_secs).sum::<f64>() + evaluations.iter().map(|e| e.eval_secs).sum::<f64>();
        assert!((run.secs - parts).abs() < 1e-6, "{} s in the list, {parts} s in the curves", run.secs);
        let status = std::fs::read_to_string(run.run_dir.join("status.json")).unwrap();
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        assert!((status["secs"].as_f64().unwrap() - parts).abs() < 1e-6, "{status}");
        assert_eq!(run.about.num_examples, Some(bench.preview(&recipe).num_examples));
        assert!(run.about.data_sha256.is_some());
    }
}

#[test]
fn runs_are_noted_deleted_and_brought_back_but_never_while_they_train() {
    let bench = Bench::new();
    let run = bench.train(&recipe(2));
    let note = RunNote { text: "rank 4".to_owned(), is_starred: true };
    bench.ask(JobSpec::Io(IoJob::KeepRunNote { run_dir: run.run_dir.clone(), note: note.clone() }));
    assert_eq!(bench.runs()[0].about.note, note);

    let replies =
        bench.ask(JobSpec::Io(IoJob::TrashRuns { project: bench.project(), run_dirs: vec![run.run_dir.clone()] }));
    assert_eq!(replies, [Reply::Trashed(vec![run.name.clone()]), Reply::Runs(Vec::new())]);
    assert!(bench.project().join("trash/runs").join(&run.name).join("recipe.toml").is_file(), "it isn't gone");
    bench.ask(JobSpec::Io(IoJob::RestoreRuns { project: bench.project(), names: vec![run.name.clone()] }));
    assert_eq!(bench.runs()[0].about.note, note);

    // A run that goes on holds its folder.
    let folder = tunewright::run::RunLock::claim(&run.run_dir).unwrap();
    let (_, outcome) =
        bench.try_to(JobSpec::Io(IoJob::TrashRuns { project: bench.project(), run_dirs: vec![run.run_dir.clone()] }));
    assert!(matches!(outcome, Outcome::Failed(failure) if failure.message.contains("another Tunewright trains there")));
    drop(folder);
    assert_eq!(bench.runs().len(), 1);
}
