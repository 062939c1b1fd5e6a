//! Jobs through the engine's handle, as the window starts them, with the real functions behind.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tunewright::data::checks::{Check, Remedy};
use tunewright::data::import::{ImportRequest, SplitSpec};
use tunewright::data::{Message, Role, Split};
use tunewright::engine::protocol::{CompareRequest, Side};
use tunewright::engine::{
    Backend, ComputeJob, Engine, EngineOptions, Event, EventKind, IoJob, JobId, JobSpec, Limits, Outcome, Reply,
    StoreJob, TrainJob,
};
use tunewright::evaluate::EvaluationRequest;
use tunewright::generate::Sampling;
use tunewright::hub::Sources;
use tunewright::project::{Edit, ExampleQuery, Project, ProjectState, RowPage};
use tunewright::recipe::{ChatFormat, ModelRef, Recipe, RenderSpec, TooLong, Training};
use tunewright::run::{RunRecord, RunStatus};
use tunewright::task::{Phase, Signal};

use super::fixtures::{self, fixture};

const PATIENCE: Duration = Duration::from_secs(120);

/// An engine with a project's folder and a models folder of its own.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with_memory(|| u64::MAX)
    }

    /// A desk with this many bytes free.
    pub(crate) fn with_memory(free: fn() -> u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sources = Sources::only(&folder.path().join("models"));
        Self {
            engine: Engine::with_memory(EngineOptions { sources, ..EngineOptions::default() }, free, || {}).unwrap(),
            folder,
        }
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.folder.path().join("My project")
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        fixtures::write(self.folder.path(), name, text)
    }

    /// What a job reports up to its end; events of other jobs are passed over.
    pub(crate) fn events_of(&self, job: JobId) -> Vec<EventKind> {
        let mut kinds = Vec::new();
        let until = Instant::now() + PATIENCE;
        while !matches!(kinds.last(), Some(EventKind::Finished(_))) {
            let event: Event = self.engine.events().recv_deadline(until).unwrap_or_else(|_| panic!("only {kinds:?}"));
            if event.job == job {
                kinds.push(event.kind);
            }
        }
        kinds
    }

    /// The replies of a job that must succeed.
    pub(crate) fn ask(&self, spec: JobSpec) -> Vec<Reply> {
        let job = self.engine.start(spec);
        let mut kinds = self.events_of(job);
        assert_eq!(kinds.first(), Some(&EventKind::Started));
        assert_eq!(kinds.pop(), Some(EventKind::Finished(Outcome::Completed)), "{kinds:?}");
        kinds
            .into_iter()
            .filter_map(|kind| if let EventKind::Reply(reply) = kind { Some(*reply) } else { None })
            .collect()
    }

    fn state(&self, spec: JobSpec) -> ProjectState {
        match self.ask(spec).pop() {
            Some(Reply::Project(state)) => state,
            other => panic!("{other:?}"),
        }
    }

    fn open(&self) -> ProjectState {
        self.state(JobSpec::Store(StoreJob::OpenProject { folder: self.project(), sample: false }))
    }

    fn query(&self, search: &str) -> RowPage {
        let query = ExampleQuery { search: search.to_owned(), limit: 100, ..ExampleQuery::default() };
        match self.ask(JobSpec::Store(StoreJob::Query { project: self.project(), query })).pop() {
            Some(Reply::Rows(page)) => page,
            other => panic!("{other:?}"),
        }
    }
}

fn request(path: &Path) -> ImportRequest {
    ImportRequest::new(path)
}

pub(crate) fn prompts_and_answers(num_rows: usize) -> String {
    (0..num_rows).map(|i| format!("{{\"prompt\": \"question {i}\", \"completion\": \"answer {i}\"}}\n")).collect()
}

#[test]
fn a_file_is_previewed_imported_searched_edited_and_taken_back() {
    let bench = Bench::new();
    let project = bench.project();
    assert_eq!(bench.open().counts.total(), 0);
    let file = bench.write("data.jsonl", &(prompts_and_answers(50) + "{\"prompt\": null}\n"));

    let Some(Reply::Preview(preview)) = bench.ask(JobSpec::Io(IoJob::PreviewImport { request: request(&file) })).pop()
    else {
        panic!("no preview")
    };
    assert_eq!((preview.num_accepted, preview.num_rejected), (50, 1));
    let replies = bench.ask(JobSpec::Io(IoJob::Import { project: project.clone(), request: request(&file) }));
    let [Reply::Project(state), Reply::Imported(report)] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!((state.counts.total(), report.num_imported, report.num_rejected), (50, 50, 1));

    let page = bench.query("question 7");
    assert_eq!(page.num_matching, 1);
    let id = page.rows[0].id;
    let messages = vec![Message::new(Role::User, "question 7"), Message::new(Role::Assistant, "another answer")];
    let edited = bench.state(JobSpec::Store(StoreJob::Edit {
        project: project.clone(),
        edit: Edit::SetMessages { id, messages: messages.clone() },
    }));
    assert!(edited.undo.is_some());
    assert_eq!(bench.query("another").num_matching, 1);
    let Some(Reply::Example(example)) =
        bench.ask(JobSpec::Store(StoreJob::LoadExample { project: project.clone(), id })).pop()
    else {
        panic!("no example")
    };
    assert_eq!(example.example.messages, messages);

    let undone = bench.state(JobSpec::Store(StoreJob::Undo { project: project.clone() }));
    assert!(undone.redo.is_some());
    assert_eq!(bench.query("another").num_matching, 0);
    bench.state(JobSpec::Store(StoreJob::Redo { project: project.clone() }));
    assert_eq!(bench.query("another").num_matching, 1);

    let rejected = bench.folder.path().join("rejected.jsonl");
    let saved = bench.ask(JobSpec::Io(IoJob::SaveRejected { request: request(&file), to: rejected.clone() }));
    assert_eq!(saved, [Reply::Saved(rejected.clone())]);
    assert!(std::fs::read_to_string(rejected).unwrap().contains("prompt"));
}

#[test]
fn the_starter_data_set_comes_dealt_into_its_parts_and_only_once() {
    let bench = Bench::new();
    let open = JobSpec::Store(StoreJob::OpenProject { folder: bench.project(), sample: true });
    let first = bench.state(open.clone());
    assert!(first.counts.train > 300 && first.counts.validation > 30 && first.counts.test > 30, "{:?}", first.counts);
    assert_eq!(first.source.as_deref(), Some("support_tickets.jsonl"));
    assert_eq!(bench.state(open).counts, first.counts);
}

#[test]
fn a_failed_job_says_why_and_the_lane_goes_on() {
    let bench = Bench::new();
    bench.open();
    let missing = bench.folder.path().join("missing.csv");
    let job = bench.engine.start(JobSpec::Io(IoJob::PreviewImport { request: request(&missing) }));
    let kinds = bench.events_of(job);
    let Some(EventKind::Finished(Outcome::Failed(failure))) = kinds.last() else { panic!("{kinds:?}") };
    assert!(failure.message.contains("missing.csv does not exist") && !failure.is_internal, "{failure:?}");
    assert_eq!(bench.ask(JobSpec::Io(IoJob::ListRuns { project: bench.project() })), [Reply::Runs(Vec::new())]);
}

#[test]
fn the_newest_of_a_kind_wins_and_a_queued_job_can_be_stopped() {
    let bench = Bench::new();
    bench.open();
    let large = bench.write("large.jsonl", &prompts_and_answers(60_000));
    let small = bench.write("small.jsonl", &prompts_and_answers(3));
    // The lane is busy with the first; what comes after it waits.
    let import = bench.engine.start(JobSpec::Io(IoJob::Import { project: bench.project(), request: request(&large) }));
    let stale = bench.engine.start(JobSpec::Io(IoJob::PreviewImport { request: request(&large) }));
    let unwanted = bench.engine.start(JobSpec::Io(IoJob::ListRuns { project: bench.project() }));
    let fresh = bench.engine.start(JobSpec::Io(IoJob::PreviewImport { request: request(&small) }));
    bench.engine.control(unwanted, Signal::Stop { save: false });
    bench.engine.control(import, Signal::Stop { save: false });

    let mut ends = Vec::new();
    let mut started = Vec::new();
    let until = Instant::now() + PATIENCE;
    while ends.len() < 4 {
        let event = bench.engine.events().recv_deadline(until).unwrap();
        match event.kind {
            EventKind::Finished(outcome) => ends.push((event.job, outcome)),
            EventKind::Started => started.push(event.job),
            _ => {}
        }
    }
    let expected = [
        (import, Outcome::Stopped),
        (stale, Outcome::Stopped),
        (unwanted, Outcome::Stopped),
        (fresh, Outcome::Completed),
    ];
    assert_eq!(ends, expected);
    assert!(!started.contains(&stale) && !started.contains(&unwanted));
    assert_eq!(bench.open().counts.total(), 0, "a stopped import left something");
}

#[test]
fn every_job_ends_also_when_more_wait_than_there_is_room_for() {
    let bench = Bench::new();
    bench.open();
    let large = bench.write("large.jsonl", &prompts_and_answers(60_000));
    let import = bench.engine.start(JobSpec::Io(IoJob::Import { project: bench.project(), request: request(&large) }));
    let list = JobSpec::Io(IoJob::ListRuns { project: bench.project() });
    let jobs: HashSet<JobId> = (0..1200).map(|_| bench.engine.start(list.clone())).collect();
    bench.engine.control(import, Signal::Stop { save: false });

    let mut ended = HashSet::new();
    let mut num_refused = 0;
    let until = Instant::now() + PATIENCE;
    while ended.len() < jobs.len() + 1 {
        let event = bench.engine.events().recv_deadline(until).unwrap();
        if let EventKind::Finished(outcome) = event.kind {
            assert!(ended.insert(event.job), "ended twice");
            num_refused += usize::from(matches!(outcome, Outcome::Failed(_)));
        }
    }
    assert!(jobs.is_subset(&ended));
    assert!((100..300).contains(&num_refused), "{num_refused}");
}

#[test]
fn edits_that_wait_are_written_when_the_window_closes() {
    let bench = Bench::new();
    bench.open();
    let Bench { engine, folder } = bench;
    let project = folder.path().join("My project");
    for i in 0..200 {
        let messages = vec![Message::new(Role::User, format!("late {i}")), Message::new(Role::Assistant, "yes")];
        let example = tunewright::data::Example::from(messages);
        engine.start(JobSpec::Store(StoreJob::Edit {
            project: project.clone(),
            edit: Edit::Insert { example, split: Split::Train },
        }));
    }
    drop(engine);
    let mut project = tunewright::project::Project::open(&project).unwrap();
    assert_eq!(project.counts().unwrap().total(), 200);
}

/// The tiny model of the golden fixtures; its context is short, so that the texts are, too.
pub(crate) fn tiny_model() -> ModelRef {
    ModelRef::Folder(fixture("llama"))
}

pub(crate) fn tiny_recipe(max_steps: i64) -> Recipe {
    let mut recipe = Recipe::new(tiny_model(), PathBuf::new());
    recipe.training = Training { max_steps, per_device_train_batch_size: 2, max_length: 64, ..Training::default() };
    recipe.lora.r = 4;
    recipe
}

impl Bench {
    /// A project with rows to train on.
    pub(crate) fn with_examples(num_rows: usize) -> Self {
        Self::new().importing(num_rows)
    }

    pub(crate) fn importing(self, num_rows: usize) -> Self {
        let bench = self;
        bench.open();
        let file = bench.write("data.jsonl", &prompts_and_answers(num_rows));
        bench.ask(JobSpec::Io(IoJob::Import { project: bench.project(), request: request(&file) }));
        bench
    }

    pub(crate) fn train(&self, recipe: Recipe) -> JobId {
        self.engine.start(JobSpec::Train(TrainJob::Train { project: self.project(), recipe }))
    }

    pub(crate) fn runs(&self) -> Vec<RunRecord> {
        match self.ask(JobSpec::Io(IoJob::ListRuns { project: self.project() })).pop() {
            Some(Reply::Runs(runs)) => runs,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until the job has reported something that fits.
    pub(crate) fn wait_for(&self, job: JobId, fits: impl Fn(&EventKind) -> bool) -> EventKind {
        let until = Instant::now() + PATIENCE;
        loop {
            let event = self.engine.events().recv_deadline(until).unwrap();
            assert!(!matches!(event.kind, EventKind::Finished(_)), "{:?}", event.kind);
            if event.job == job && fits(&event.kind) {
                return event.kind;
            }
        }
    }
}

#[test]
fn a_run_trains_is_measured_and_answers_beside_its_base() {
    let bench = Bench::with_examples(20);
    let preview = bench.ask(JobSpec::Io(IoJob::PreviewRun { project: bench.project(), recipe: tiny_recipe(6) }));
    let [Reply::RunPreview(preview)] = &preview[..] else { panic!("{preview:?}") };
    let job = bench.train(tiny_recipe(6));
    let kinds = bench.events_of(job);
    assert_eq!(kinds.last(), Some(&EventKind::Finished(Outcome::Completed)), "{kinds:?}");
    let facts = kinds.iter().find_map(|kind| match kind {
        EventKind::RunStarted { facts, run_dir } => Some((facts.clone(), run_dir.clone())),
        _ => None,
    });
    let (facts, run_dir) = facts.unwrap();
    // What was promised is what was done.
    assert_eq!(
        (facts.num_examples, facts.num_tokens, facts.num_supervised_tokens, facts.num_steps, facts.num_trainable),
        (preview.num_examples, preview.num_tokens, preview.num_supervised_tokens, 6, preview.num_trainable)
    );
    let steps: Vec<_> = kinds
        .iter()
        .filter_map(|kind| if let EventKind::Step(step) = kind { Some(step.clone()) } else { None })
        .collect();
    let evaluations: Vec<_> = kinds
        .iter()
        .filter_map(|kind| if let EventKind::Eval(eval) = kind { Some(eval.clone()) } else { None })
        .collect();
    assert_eq!(steps.iter().map(|step| step.step).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert!(evaluations.len() >= 2 && evaluations[0].step == 0, "{evaluations:?}");
    assert!(kinds.iter().any(|kind| matches!(kind, EventKind::Checkpoint { step: 6, .. })));

    let runs = bench.runs();
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!((run.status, run.num_steps_done, &run.run_dir), (RunStatus::Completed, 6, &run_dir));
    let curves = bench.ask(JobSpec::Io(IoJob::ReadRun { run_dir: run_dir.clone() }));
    let [Reply::Curves { run: read, steps: read_steps, evaluations: read_evaluations }] = &curves[..] else {
        panic!("{curves:?}")
    };
    assert_eq!(read, run);
    // Numbers in a file may differ from those in memory in their last bit.
    let same = |a: f64, b: f64| (a - b).abs() < 1e-9;
    assert_eq!((read_steps.len(), read_evaluations.len()), (steps.len(), evaluations.len()));
    assert!(read_steps.iter().zip(&steps).all(|(a, b)| a.step == b.step && same(a.loss, b.loss)));
    assert!(read_evaluations.iter().zip(&evaluations).all(|(a, b)| a.step == b.step && same(a.eval_loss, b.eval_loss)));
    let kept = std::fs::read_to_string(run_dir.join("recipe.toml")).unwrap();
    assert!(kept.contains("train = \"data/train.jsonl\""), "{kept}");
    for (card, line) in [("data/README.md", "## How they are split"), ("README.md", "### How they are split")] {
        let card = std::fs::read_to_string(run_dir.join(card)).unwrap();
        assert!(card.lines().any(|found| found == line), "{card}");
    }

    let request = EvaluationRequest::of_run(&run_dir, &tiny_recipe(6), run.adapter.clone(), Split::Test, false);
    let replies = bench.ask(JobSpec::Compute(ComputeJob::Evaluate { request }));
    let [Reply::Evaluation(evaluation)] = &replies[..] else { panic!("{replies:?}") };
    let report = &evaluation.report;
    let (before, after) = (report.before().unwrap(), report.after().unwrap());
    let (before, after) = (before.measured.unwrap(), after.measured.unwrap());
    assert_eq!(before.num_tokens, after.num_tokens);
    assert_ne!(before.loss, after.loss);

    let request = CompareRequest {
        model: tiny_model(),
        adapter: run.adapter.clone(),
        prompt: vec![Message::new(Role::User, "question 3")],
        tools: Vec::new(),
        format: ChatFormat::OF_MODEL,
        sampling: Sampling { max_new_tokens: 12, ..Sampling::default() },
    };
    let job = bench.engine.start(JobSpec::Compute(ComputeJob::Compare { request }));
    let kinds = bench.events_of(job);
    assert!(!kinds.contains(&EventKind::Phase(Phase::LoadingModel)), "the model was loaded again");
    for wanted in [Side::Before, Side::After] {
        let done = kinds.iter().position(|kind| matches!(kind, EventKind::AnswerDone { side, .. } if *side == wanted));
        let last = kinds.iter().rposition(|kind| matches!(kind, EventKind::Token { side, .. } if *side == wanted));
        assert!(last.is_some() && last < done, "{kinds:?}");
    }
}

#[test]
fn what_is_too_long_is_told_before_during_and_after_a_run() {
    let bench = Bench::with_examples(20);
    let long = format!("{{\"prompt\": \"{0}\", \"completion\": \"{0}\"}}\n", "a word too many ".repeat(20).trim());
    let file = bench.write("long.jsonl", &long);
    let all_train = SplitSpec { validation: 0.0, test: 0.0, ..SplitSpec::default() };
    let import = ImportRequest { split: all_train, ..request(&file) };
    bench.ask(JobSpec::Io(IoJob::Import { project: bench.project(), request: import }));
    let preview = |too_long, max_length| {
        let mut recipe = tiny_recipe(2);
        (recipe.training.too_long, recipe.training.max_length) = (too_long, max_length);
        match bench.ask(JobSpec::Io(IoJob::PreviewRun { project: bench.project(), recipe: recipe.clone() })).pop() {
            Some(Reply::RunPreview(preview)) => (recipe, preview),
            other => panic!("{other:?}"),
        }
    };
    let file = bench.write("held out.jsonl", &(long.replace("many", "much") + &long.replace("many", "too much")));
    let import = ImportRequest { given_split: Some(Split::Validation), ..request(&file) };
    bench.ask(JobSpec::Io(IoJob::Import { project: bench.project(), request: import }));
    let (_, roomy) = preview(TooLong::Drop, 100_000);
    let held_out = roomy.held_out.num_examples;
    assert_eq!((roomy.num_validation_examples, roomy.held_out.num_too_long()), (held_out, 0));
    assert_eq!((roomy.tally.num_too_long(), roomy.num_examples), (0, roomy.tally.num_examples));
    let (_, cut) = preview(TooLong::CutRight, 64);
    assert_eq!((cut.tally.num_cut, cut.tally.num_untrained), (1, 1), "its answer lies beyond the limit");
    let (_, left) = preview(TooLong::CutLeft, 64);
    assert_eq!((left.tally.num_cut, left.num_examples), (1, roomy.num_examples));
    let (recipe, preview_of_drop) = preview(TooLong::Drop, 64);
    assert_eq!((preview_of_drop.tally.num_left_out, preview_of_drop.num_examples), (1, roomy.num_examples - 1));
    assert_eq!((preview_of_drop.held_out.num_left_out, preview_of_drop.held_out.num_examples), (2, held_out));

    let job = bench.train(recipe);
    let kinds = bench.events_of(job);
    let facts =
        kinds.iter().find_map(|kind| if let EventKind::RunStarted { facts, .. } = kind { Some(facts) } else { None });
    let facts = facts.unwrap();
    assert_eq!((facts.tally.clone(), facts.num_tokens), (preview_of_drop.tally, preview_of_drop.num_tokens));
    let words = format!("1 of {} examples is longer than 64 tokens: left out", facts.tally.num_examples);
    let warns = |kind: &EventKind| matches!(kind, EventKind::Warning(told) if told.ends_with(&words));
    assert!(kinds.iter().any(warns), "{kinds:?}");
    let run = bench.runs().remove(0);
    let card = std::fs::read_to_string(run.run_dir.join("README.md")).unwrap();
    assert!(card.contains(&words) && card.contains("too_long = \"drop\""), "{card}");

    let request = EvaluationRequest::of_run(&run.run_dir, &run.recipe, None, Split::Train, false);
    let measure = |request: EvaluationRequest| match bench.ask(JobSpec::Compute(ComputeJob::Evaluate { request })).pop()
    {
        Some(Reply::Evaluation(evaluation)) => evaluation.report.before().unwrap().clone(),
        other => panic!("{other:?}"),
    };
    let dropped = measure(request.clone());
    assert_eq!((dropped.measured.unwrap().num_examples, dropped.tally), (facts.num_examples, facts.tally.clone()));
    let spec = RenderSpec { too_long: TooLong::CutLeft, ..request.spec };
    let cut = measure(EvaluationRequest { spec, ..request });
    assert_eq!((cut.measured.unwrap().num_examples, cut.tally.num_cut), (facts.num_examples + 1, 1));

    let (recipe, nothing) = preview(TooLong::Drop, 8);
    assert_eq!((nothing.num_examples, nothing.tally.num_left_out), (0, nothing.tally.num_examples));
    let job = bench.train(recipe);
    let kinds = bench.events_of(job);
    let Some(EventKind::Finished(Outcome::Failed(failure))) = kinds.last() else { panic!("{kinds:?}") };
    assert!(failure.message.contains("longer than 8 tokens and would be left out"), "{failure:?}");
    assert!(failure.hint.as_ref().is_some_and(|hint| hint.contains("too_long")) && bench.runs().len() == 1);
}

#[test]
fn a_stopped_run_is_gone_on_with_to_the_same_end() {
    let bench = Bench::with_examples(20);
    let job = bench.train(tiny_recipe(40));
    bench.wait_for(job, |kind| matches!(kind, EventKind::Step(step) if step.step == 3));
    bench.engine.control(job, Signal::Stop { save: true });
    // A click on Pause that comes too late calls nothing back.
    bench.engine.control(job, Signal::Pause);
    assert_eq!(bench.events_of(job).last(), Some(&EventKind::Finished(Outcome::Stopped)));
    let run = bench.runs().remove(0);
    assert!(run.status == RunStatus::Stopped && run.num_steps_done < 40, "{run:?}");

    let job = bench.engine.start(JobSpec::Train(TrainJob::Resume { run_dir: run.run_dir.clone() }));
    let kinds = bench.events_of(job);
    assert_eq!(kinds.last(), Some(&EventKind::Finished(Outcome::Completed)), "{kinds:?}");
    let job = bench.train(tiny_recipe(40));
    bench.events_of(job);

    let runs = bench.runs();
    let adapter = |run: &RunRecord| std::fs::read(run.run_dir.join(LAST).join("adapter_model.safetensors")).unwrap();
    const LAST: &str = "checkpoints/step-000040";
    assert_eq!(runs.iter().map(|run| run.status).collect::<Vec<_>>(), [RunStatus::Completed; 2]);
    assert!(adapter(&runs[0]) == adapter(&runs[1]), "a resumed run gave other weights than an uninterrupted one");
    let kept = |run: &RunRecord| match bench.ask(JobSpec::Io(IoJob::ReadRun { run_dir: run.run_dir.clone() })).pop() {
        Some(Reply::Curves { steps, .. }) => steps.into_iter().map(|step| (step.step, step.loss)).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(kept(&runs[0]), kept(&runs[1]));
}

#[test]
fn closing_the_window_while_it_trains_leaves_a_checkpoint_to_go_on_from() {
    let bench = Bench::with_examples(20);
    let job = bench.train(tiny_recipe(1_000_000));
    bench.wait_for(job, |kind| matches!(kind, EventKind::Step(step) if step.step == 5));
    let Bench { engine, folder } = bench;
    drop(engine);
    let project = folder.path().join("My project");
    let run = Project::open(&project).unwrap().runs().unwrap().remove(0);
    assert_eq!(run.status, RunStatus::Stopped);
    assert!(run.num_steps_done >= 5, "{run:?}");
    let last = run.run_dir.join(format!("checkpoints/step-{:06}/adapter_model.safetensors", run.num_steps_done));
    assert!(last.is_file(), "{}", last.display());
}

#[test]
fn a_run_that_a_killed_program_left_is_interrupted_and_one_that_runs_is_not() {
    let bench = Bench::with_examples(20);
    let job = bench.train(tiny_recipe(1_000_000));
    bench.wait_for(job, |kind| matches!(kind, EventKind::Step(_)));
    assert_eq!(bench.runs()[0].status, RunStatus::Running);
    bench.engine.control(job, Signal::Stop { save: false });
    bench.events_of(job);
    let run = bench.runs().remove(0);
    tunewright::fs::write_atomic(&run.run_dir.join("status.json"), br#"{"status": "running"}"#).unwrap();
    assert_eq!(bench.runs()[0].status, RunStatus::Interrupted);
}

#[test]
fn a_run_that_can_not_begin_leaves_no_folder() {
    let bench = Bench::new();
    bench.open();
    let job = bench.train(tiny_recipe(5));
    let kinds = bench.events_of(job);
    let Some(EventKind::Finished(Outcome::Failed(failure))) = kinds.last() else { panic!("{kinds:?}") };
    assert!(failure.message.contains("no example") && failure.hint.is_some(), "{failure:?}");
    let job = bench.train(Recipe::new(ModelRef::Starter, PathBuf::new()));
    let kinds = bench.events_of(job);
    let Some(EventKind::Finished(Outcome::Failed(failure))) = kinds.last() else { panic!("{kinds:?}") };
    assert_eq!(failure.message, "The starter model has not been fetched yet.");
    let runs = std::fs::read_dir(bench.project().join("runs")).map(Iterator::count);
    assert_eq!(runs.unwrap_or_default(), 0);
}

#[test]
fn a_run_over_the_memory_limit_is_not_started_and_says_so() {
    let bench = Bench::with_examples(20);
    // Less than the program itself takes, whenever that is measured.
    bench.engine.configure(Limits { memory: Some(10_000_000), ..Limits::default() });
    let job = bench.train(tiny_recipe(3));
    let Some(EventKind::Finished(Outcome::Failed(failure))) = bench.events_of(job).pop() else { panic!("it ran") };
    assert!(failure.message.contains("more than the limit of 0.0 GB in Settings"), "{failure:?}");
    assert!(bench.runs().is_empty());
    bench.engine.configure(Limits::default());
    let job = bench.train(tiny_recipe(3));
    assert_eq!(bench.events_of(job).pop(), Some(EventKind::Finished(Outcome::Completed)));
}

#[test]
fn the_token_view_shows_what_training_counts() {
    let bench = Bench::new();
    let view = |messages: Vec<Message>| {
        let spec = JobSpec::Io(IoJob::RenderTokens {
            model: tiny_model(),
            example: messages.into(),
            spec: tiny_recipe(6).training.render_spec(),
        });
        match bench.ask(spec).pop() {
            Some(Reply::Tokens(view)) => view,
            other => panic!("{other:?}"),
        }
    };
    let whole = view(vec![Message::new(Role::User, "hello"), Message::new(Role::Assistant, "yes")]);
    assert!(whole.num_trained > 0 && whole.num_trained < whole.num_tokens && whole.warnings.is_empty(), "{whole:?}");
    let unanswered = view(vec![Message::new(Role::User, "hello")]);
    assert!(unanswered.num_trained == 0 && !unanswered.warnings.is_empty());
    let long = view(vec![Message::new(Role::User, "hello ".repeat(80)), Message::new(Role::Assistant, "yes")]);
    assert!(long.num_trained == 0 && long.pieces.iter().all(|piece| piece.is_cut), "{long:?}");
    assert!(long.warnings[0].ends_with("would be left out of training"), "{:?}", long.warnings);
}

#[test]
fn checks_find_and_a_fix_is_shown_done_and_undone() {
    let bench = Bench::new();
    bench.ask(JobSpec::Store(StoreJob::OpenProject { folder: bench.project(), sample: true }));
    let project = bench.project();
    let check = || {
        let (model, spec) = (Some(tiny_model()), RenderSpec { max_length: 1000, ..RenderSpec::WHOLE });
        let replies = bench.ask(JobSpec::Io(IoJob::CheckData { project: project.clone(), model, spec }));
        let [Reply::Project(_), Reply::Checked(report)] = &replies[..] else { panic!("{replies:?}") };
        assert!(report.skipped.is_empty());
        report.counts()
    };
    let before = check();
    let (name, remedy) = (Check::ExactDuplicate, Remedy::KeepOne);
    let fix = bench.ask(JobSpec::Io(IoJob::PreviewFix { project: project.clone(), check: name, remedy, ids: None }));
    let [Reply::Fix(fix)] = &fix[..] else { panic!("{fix:?}") };
    assert_eq!(fix.changes.len(), 2);
    bench.ask(JobSpec::Store(StoreJob::ApplyFix { project: project.clone(), fix: fix.clone() }));
    let after = check();
    assert_eq!(after, before.iter().filter(|count| count.check != name).cloned().collect::<Vec<_>>());
    bench.ask(JobSpec::Store(StoreJob::Undo { project: project.clone() }));
    assert_eq!(check(), before);
    let described = bench.ask(JobSpec::Io(IoJob::DescribeData { project: project.clone(), model: None }));
    let [Reply::Statistics(described)] = &described[..] else { panic!("{described:?}") };
    assert_eq!((described.num_examples, described.num_duplicates), (498, 2));
}
