use super::*;
use crate::app::Screen;
use crate::app::effect::Setting;
use crate::engine::fake::FakeEngine;
use crate::engine::{ComputeJob, Failure, Outcome, Reply};
use crate::project::{ProjectState, Settings, SplitCounts};
use crate::recipe::params::Value;
use crate::render::tally::Tally;
use crate::run::StepMetrics;
use crate::train::observer::RunFacts;
use crate::train::preview::{MemoryEstimate, Noted};
use crate::train::timing::{KnownSpeed, MeasuredBy, Speed};

const RANK: &str = "lora.r";
const NOT_SAVED: Signal = Signal::Stop { save: false };

fn project() -> ProjectState {
    ProjectState {
        is_read_only: false,
        folder: "p".into(),
        name: "p".to_owned(),
        counts: SplitCounts { train: 4, ..SplitCounts::default() },
        source: None,
        undo: None,
        redo: None,
        settings: Settings { model: Some(ModelRef::Starter), ..Settings::default() },
        tokens_from: None,
        loss_from: None,
        num_queued: 0,
        content_revision: 1,
        has_dates: false,
        revision: 1,
        last_changed: None,
    }
}

fn preview() -> RunPreview {
    RunPreview {
        num_examples: 4,
        num_validation_examples: 0,
        num_tokens: 40,
        num_supervised_tokens: 20,
        tally: Tally::default(),
        held_out: Tally::default(),
        noted: Noted::default(),
        held_out_noted: Noted::default(),
        beyond_context: None,
        num_steps: 4,
        steps_per_epoch: 4,
        eval_steps: 1,
        speed: None,
        num_trainable: 1,
        num_parameters: 1,
        memory: MemoryEstimate { weights: 3_000_000_000, available: 4_000_000_000, ..MemoryEstimate::default() },
        learning_rates: Vec::new(),
    }
}

/// The screen with a project that has a model and examples, and an engine that answers what the test says.
struct Bench {
    state: TrainState,
    engine: FakeEngine,
    project: ProjectState,
    models: model::State,
    training: Option<JobId>,
    is_counting: bool,
    is_computing: bool,
    is_in_view: bool,
    memory_limit: Option<u64>,
}

impl Bench {
    fn new() -> Self {
        Self {
            state: TrainState::default(),
            engine: FakeEngine::default(),
            project: project(),
            models: model::State::default(),
            training: None,
            is_counting: true,
            is_computing: false,
            is_in_view: true,
            memory_limit: None,
        }
    }

    /// With a run that has its folder.
    fn training() -> Self {
        let mut bench = Self::new();
        bench.apply(TrainAction::Start);
        bench.training = Some(bench.last_job());
        let facts = RunFacts {
            num_examples: 4,
            num_validation_examples: 0,
            num_tokens: 40,
            num_supervised_tokens: 20,
            num_steps: 9,
            num_trainable: 1,
            tally: Tally::default(),
        };
        bench.tell(EventKind::RunStarted { run_dir: "p/runs/a".into(), facts });
        bench
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut TrainState, &Around<'_>, &mut dyn Start) -> T) -> T {
        let around = Around {
            project: Some(&self.project),
            models: &self.models,
            runs: &[],
            is_safe: true,
            memory_limit: self.memory_limit,
            training: self.training,
            is_counting: self.is_counting,
            is_computing: self.is_computing,
            is_in_view: self.is_in_view,
        };
        act(&mut self.state, &around, &mut self.engine)
    }

    fn apply(&mut self, action: TrainAction) -> Vec<Effect> {
        self.with(|state, around, jobs| state.apply(action, around, jobs))
    }

    /// The newest job tells something.
    fn tell(&mut self, event: EventKind) -> Vec<Effect> {
        self.tell_of(self.last_job(), event)
    }

    fn tell_of(&mut self, id: JobId, event: EventKind) -> Vec<Effect> {
        let (_, spec) = self.engine.started().into_iter().find(|(job, _)| *job == id).unwrap();
        self.with(|state, around, jobs| state.on_event(&Job::new(id, spec), &event, around, jobs))
    }

    fn answer(&mut self, reply: Reply) -> Vec<Effect> {
        self.tell(EventKind::Reply(Box::new(reply)))
    }

    fn last_job(&self) -> JobId {
        self.engine.started().last().unwrap().0
    }

    fn last_spec(&self) -> Option<JobSpec> {
        self.engine.started().last().map(|(_, spec)| spec.clone())
    }

    fn run(&self) -> &Run {
        self.state.run.as_ref().unwrap()
    }
}

fn step(step: usize) -> EventKind {
    EventKind::Step(StepMetrics {
        step,
        epoch: 0.0,
        loss: 1.0,
        learning_rate: 1e-4,
        grad_norm: 1.0,
        num_tokens: 10,
        num_supervised_tokens: 5,
        tokens_per_sec: 5.0,
        step_secs: 2.0,
    })
}

fn read_run() -> Option<JobSpec> {
    Some(JobSpec::Io(IoJob::ReadRun { run_dir: "p/runs/a".into() }))
}

#[test]
fn a_setting_is_kept_with_the_project_and_counted_once() {
    let mut bench = Bench::new();
    let effects = bench.apply(TrainAction::Set(RANK, Value::Integer(7)));
    let [Effect::Keep(Setting::Recipe(kept))] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((kept.lora.r, bench.state.recipe.lora.r), (7, 7));
    let [(_, JobSpec::Io(IoJob::PreviewRun { recipe, .. }))] = &bench.engine.started()[..] else { panic!() };
    assert_eq!((recipe.lora.r, &recipe.base_model), (7, &ModelRef::Starter));
    bench.apply(TrainAction::ShowForm);
    assert_eq!(bench.engine.started().len(), 1, "it is being counted already");
    bench.project.content_revision += 1;
    bench.apply(TrainAction::ShowForm);
    assert_eq!(bench.engine.started().len(), 2, "the examples have changed");
}

#[test]
fn a_number_that_is_typed_wrongly_stays_and_stands_in_the_way() {
    let mut bench = Bench::new();
    let rank = bench.state.recipe.lora.r;
    for wrong in [TrainAction::Set(RANK, Value::Integer(0)), TrainAction::Mistype(RANK, "many".to_owned())] {
        assert!(bench.apply(wrong).is_empty(), "it is not kept");
    }
    assert_eq!(bench.state.recipe.lora.r, rank);
    let mistake = &bench.state.errors[RANK];
    assert_eq!(mistake.text, "many");
    let words = format!("Rank: {}", mistake.words);
    assert_eq!(bench.with(|state, around, _| state.obstacle(around)), Some(words));
    bench.apply(TrainAction::Start);
    assert!(bench.state.run.is_none() && bench.engine.started().is_empty());
    bench.apply(TrainAction::TakeBack(RANK));
    assert_eq!(bench.with(|state, around, _| state.obstacle(around)), None);
}

#[test]
fn the_defaults_mend_what_was_typed() {
    let mut bench = Bench::new();
    bench.apply(TrainAction::Mistype(RANK, "many".to_owned()));
    bench.apply(TrainAction::Reset(RANK));
    assert!(bench.state.errors.is_empty());
    bench.apply(TrainAction::Mistype(RANK, "many".to_owned()));
    bench.state.taken_from = Some("run a".to_owned());
    bench.apply(TrainAction::Preset(super::super::Preset::Thorough));
    assert!(bench.state.errors.is_empty() && bench.state.taken_from.is_none());
    assert_eq!(bench.state.recipe.lora.r, 32);
}

#[test]
fn what_stands_in_the_way_of_a_run_is_said_and_nothing_is_started() {
    type Spoil = fn(&mut Bench);
    let cases: [(&str, Spoil); 5] = [
        ("training already", |bench| bench.training = Some(JobId(1))),
        ("Choose a model", |bench| bench.project.settings.model = None),
        ("training examples first", |bench| bench.project.counts.train = 0),
        ("more than the memory limit of 2.0 GB", |bench| bench.memory_limit = Some(2_000_000_000)),
        ("No example has a token", |bench| bench.state.preview.as_mut().unwrap().num_examples = 0),
    ];
    for (expected, spoil) in cases {
        let mut bench = Bench::new();
        bench.state.preview = Some(RunPreview { tally: Tally { num_examples: 4, ..Tally::default() }, ..preview() });
        spoil(&mut bench);
        let words = bench.with(|state, around, _| state.obstacle(around)).unwrap_or_default();
        assert!(words.contains(expected), "{expected}: {words}");
        bench.apply(TrainAction::Start);
        assert!(bench.engine.started().is_empty() && bench.state.run.is_none(), "{expected}");
    }
}

#[test]
fn a_run_is_paused_gone_on_with_and_stopped() {
    let mut bench = Bench::training();
    let job = bench.run().job;
    assert!(!bench.state.is_form_shown);
    bench.apply(TrainAction::Pause);
    assert!(bench.run().is_paused);
    bench.apply(TrainAction::GoOn);
    assert!(!bench.run().is_paused);
    let effects = bench.apply(TrainAction::Stop { save: false });
    assert!(matches!(effects[..], [Effect::Close(OpenDialog::StopTraining)]));
    assert_eq!(bench.run().stopping, Some(false));
    bench.apply(TrainAction::Pause);
    assert!(!bench.run().is_paused, "it is stopping");
    let sent = [Signal::Pause, Signal::Run, NOT_SAVED, Signal::Pause].map(|signal| (job, signal));
    assert_eq!(bench.engine.signals(), sent);
}

#[test]
fn missed_steps_are_asked_for_once_and_all_of_them_at_the_end() {
    let mut bench = Bench::training();
    let job = bench.last_job();
    bench.tell_of(job, step(1));
    assert_eq!(bench.engine.started().len(), 1);
    bench.tell_of(job, step(4));
    assert_eq!((bench.engine.started().len(), bench.last_spec()), (2, read_run()));
    bench.tell_of(job, step(5));
    assert_eq!(bench.engine.started().len(), 2);
    let effects = bench.tell_of(job, EventKind::Finished(Outcome::Stopped));
    assert_eq!((bench.engine.started().len(), bench.last_spec()), (3, read_run()));
    let [Effect::Close(OpenDialog::StopTraining), Effect::Say(status)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(status.words, "Run a stopped at step 5");
    assert!(bench.run().is_over());
}

#[test]
fn a_run_that_ended_says_so_and_one_that_failed_leaves_that_to_its_failure() {
    let failure = Failure { message: "no".to_owned(), hint: None, is_internal: false };
    for (outcome, words) in [(Outcome::Completed, Some("Run a is done")), (Outcome::Failed(failure), None)] {
        let mut bench = Bench::training();
        let effects = bench.tell(EventKind::Finished(outcome));
        let said = effects.iter().find_map(|effect| match effect {
            Effect::Say(status) => Some(status.words.as_str()),
            _ => None,
        });
        assert_eq!(said, words);
    }
}

#[test]
fn a_stopped_run_goes_on_unless_another_trains() {
    let mut bench = Bench::training();
    bench.tell(step(1));
    bench.tell(EventKind::Finished(Outcome::Stopped));
    let num_started = bench.engine.started().len();
    assert!(bench.apply(TrainAction::Resume).is_empty() && bench.engine.started().len() == num_started);
    bench.training = None;
    bench.state.is_form_shown = true;
    let effects = bench.apply(TrainAction::Resume);
    assert!(matches!(effects[..], [Effect::Show(Screen::Train)]));
    let spec = JobSpec::Train(TrainJob::Resume { run_dir: "p/runs/a".into() });
    assert_eq!(bench.last_spec(), Some(spec));
    assert!(!bench.run().is_over() && !bench.state.is_form_shown);
}

#[test]
fn the_window_closes_once_the_weights_are_written_or_at_once() {
    let mut bench = Bench::training();
    let job = bench.last_job();
    assert!(!bench.state.keeps_open(false), "nothing trains");
    assert!(bench.state.keeps_open(true) && bench.state.closing == Closing::Asks);
    assert!(bench.apply(TrainAction::StopAndClose).is_empty() && bench.state.keeps_open(true));
    let effects = bench.tell_of(job, EventKind::Finished(Outcome::Stopped));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::CloseWindow)), "{effects:?}");
    assert!(!bench.state.keeps_open(true));
    assert_eq!(bench.engine.signals(), [(job, Signal::Close)]);

    let mut bench = Bench::training();
    bench.state.keeps_open(true);
    assert!(matches!(bench.apply(TrainAction::CloseAtOnce)[..], [Effect::CloseWindow]));
    assert_eq!(bench.engine.signals(), [(bench.last_job(), NOT_SAVED)]);

    let mut bench = Bench::training();
    bench.state.keeps_open(true);
    let effects = bench.tell(EventKind::Finished(Outcome::Completed));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::CloseWindow)), "it has not been answered yet");
    assert_eq!(bench.state.closing, Closing::No);
}

#[test]
fn the_speed_is_measured_by_itself_when_the_form_rests_in_view() {
    let mut bench = Bench::new();
    bench.apply(TrainAction::ShowForm);
    let effects = bench.answer(Reply::RunPreview(preview()));
    assert!(matches!(effects[..], [Effect::Run(_)]), "waits whether the form rests: {effects:?}");
    let measured =
        |bench: &Bench| bench.engine.last_job(|spec| matches!(spec, JobSpec::Compute(ComputeJob::MeasureSpeed { .. })));
    bench.apply(TrainAction::Rested(0));
    bench.is_in_view = false;
    bench.apply(TrainAction::Rested(1));
    (bench.is_in_view, bench.is_computing) = (true, true);
    bench.apply(TrainAction::Rested(1));
    assert_eq!(measured(&bench), None, "the form was changed, nobody looked, or something computed");
    bench.is_computing = false;
    bench.apply(TrainAction::Rested(1));
    let job = measured(&bench);
    assert!(job.is_some());
    bench.apply(TrainAction::Rested(1));
    assert_eq!(measured(&bench), job, "it is being measured");

    let speed = Speed { train_tokens_per_sec: 5.0, eval_examples_per_sec: None };
    let known = KnownSpeed { speed, by: MeasuredBy::Steps, at: 0, model: String::new(), num_parameters: 1, work: None };
    bench.answer(Reply::Speed(known));
    bench.tell(EventKind::Finished(Outcome::Completed));
    assert!(bench.with(|state, around, _| state.time_of(&preview(), around)).is_some());
    bench.state.recipe.lora.r += 1;
    assert!(bench.with(|state, around, _| state.time_of(&preview(), around)).is_none(), "that is another run");
}

#[test]
fn a_count_that_fails_says_why_and_that_of_another_run_is_not_taken() {
    let mut bench = Bench::new();
    bench.apply(TrainAction::ShowForm);
    bench.state.recipe.lora.r += 1;
    bench.answer(Reply::RunPreview(preview()));
    assert!(bench.state.preview.is_none(), "of the form as it was");
    bench.apply(TrainAction::ShowForm);
    bench.answer(Reply::RunPreview(preview()));
    assert!(bench.state.preview.is_some());
    let failure = Failure { message: "no tokenizer".to_owned(), hint: None, is_internal: false };
    bench.tell(EventKind::Finished(Outcome::Failed(failure)));
    assert_eq!((bench.state.preview.as_ref(), bench.state.preview_failure.as_deref()), (None, Some("no tokenizer")));
}

#[test]
fn a_count_that_gave_way_to_another_is_asked_for_again() {
    let mut bench = Bench::new();
    bench.apply(TrainAction::ShowForm);
    bench.is_counting = false;
    bench.apply(TrainAction::ShowForm);
    assert_eq!(bench.engine.started().len(), 2, "the model screen had something else counted");
    bench.answer(Reply::RunPreview(preview()));
    bench.apply(TrainAction::ShowForm);
    assert_eq!(bench.engine.started().len(), 2, "it is known");
}

#[test]
fn another_project_takes_all_but_a_run_that_still_trains() {
    let mut bench = Bench::training();
    bench.state.taken_from = Some("run a".to_owned());
    bench.state.forget(true);
    assert!(bench.state.run.is_some() && !bench.state.is_form_shown && bench.state.taken_from.is_none());
    bench.state.forget(false);
    assert!(bench.state.run.is_none() && bench.state.is_form_shown);
}

#[test]
fn a_run_that_was_deleted_is_no_longer_shown() {
    let mut bench = Bench::training();
    bench.apply(TrainAction::Deleted(vec!["a".to_owned()]));
    assert!(bench.state.run.is_some(), "it still trains");
    bench.tell(EventKind::Finished(Outcome::Completed));
    bench.apply(TrainAction::Deleted(vec!["b".to_owned()]));
    assert!(bench.state.run.is_some() && !bench.state.is_form_shown, "that is another one");
    bench.apply(TrainAction::Deleted(vec!["a".to_owned()]));
    assert!(bench.state.run.is_none() && bench.state.is_form_shown);
}
