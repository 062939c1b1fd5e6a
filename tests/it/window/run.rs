//! A run under way, stopped and gone on with, and closing the window meanwhile, against a scripted engine.

use std::path::PathBuf;
use std::sync::Arc;

use egui::accesskit::Role;
use egui::{Key, Modifiers, Vec2, ViewportCommand, ViewportEvent, ViewportId};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use tunewright::app::settings::AppSettings;
use tunewright::app::{Action, Screen, Shell, kit};
use tunewright::engine::fake::FakeEngine;
use tunewright::engine::{
    ComputeJob, EventKind, IoJob, JobId, JobSpec, MemoryShort, Outcome, Reply, StoreJob, TrainJob,
};
use tunewright::project::{ProjectState, RunRecord, RunStatus, Settings, SplitCounts};
use tunewright::recipe::{ModelRef, Recipe};
use tunewright::render::tally::Tally;
use tunewright::task::{Phase, Signal, Unit};
use tunewright::train::observer::RunFacts;
use tunewright::train::{EvalMetrics, RunMessage, StepMetrics, Told};

const RUN_DIR: &str = "/p/runs/2026-11-30-2";

struct Window {
    engine: FakeEngine,
    harness: Harness<'static, Shell>,
}

impl Window {
    /// As after a start of the program, which was left on the Train screen.
    fn open() -> Self {
        let engine = FakeEngine::default();
        let settings = AppSettings { last_project: Some("/p".into()), screen: Screen::Train, ..AppSettings::default() };
        let mut shell = Shell::new(Box::new(engine.clone()), settings, Arc::new(|| {}));
        shell.state.is_starting = true;
        shell.actions.push(Action::OpenProject { folder: "/p".into(), sample: false });
        let frame = |ui: &mut egui::Ui, shell: &mut Shell| {
            let ctx = ui.ctx().clone();
            shell.logic(&ctx);
            shell.ui(ui);
            shell.apply_actions(&ctx);
        };
        let builder = Harness::builder().with_size(Vec2::new(1280.0, 800.0)).with_theme(egui::Theme::Dark);
        let harness = builder.with_context_setup(kit::theme::install).build_ui_state(frame, shell);
        let mut window = Self { engine, harness };
        window.answer(|spec| matches!(spec, JobSpec::Store(StoreJob::OpenProject { .. })), Reply::Project(project()));
        window
    }

    /// A run that has done so many of its 99 steps.
    fn training(num_steps: usize) -> (Self, JobId) {
        let mut window = Self::open();
        window.harness.state_mut().actions.push(tunewright::app::screens::train::Action::Start.into());
        window.harness.run();
        let job = window.job(|spec| matches!(spec, JobSpec::Train(TrainJob::Train { .. })));
        window.tell(job, EventKind::Started);
        window.tell(job, EventKind::Phase(Phase::LoadingModel));
        window.tell(job, EventKind::RunStarted { run_dir: RUN_DIR.into(), facts: facts(99) });
        if num_steps > 0 {
            window.tell(job, evaluation(0, 2.5));
            window.tell(job, EventKind::Phase(Phase::Training));
        }
        (1..=num_steps).for_each(|i| window.tell(job, step(i)));
        (window, job)
    }

    fn click(&mut self, label: &str) {
        let found = self.harness.get_all_by_role_and_label(Role::Button, label).next();
        found.unwrap_or_else(|| panic!("no button {label}")).click();
        self.harness.run();
    }

    fn is_shown(&self, words: &str) -> bool {
        self.harness.query_all_by_label_contains(words).next().is_some()
    }

    fn has_button(&self, words: &str) -> bool {
        self.harness.query_all_by_role_and_label(Role::Button, words).next().is_some()
    }

    fn rail(&self) -> (String, String) {
        let state = &self.harness.state().state;
        (tunewright::app::Screen::Train.rail(state).0, tunewright::app::Screen::Runs.rail(state).0)
    }

    fn job(&self, fits: impl Fn(&JobSpec) -> bool) -> JobId {
        self.engine.last_job(fits).expect("the window started no such job")
    }

    fn answer(&mut self, fits: impl Fn(&JobSpec) -> bool, reply: Reply) {
        self.harness.run();
        self.engine.answer(self.job(fits), reply);
        self.harness.run();
    }

    fn tell(&mut self, job: JobId, kind: EventKind) {
        self.engine.tell(job, kind);
        self.harness.run();
    }

    fn evaluate(&mut self) -> JobId {
        self.harness.state_mut().actions.push(tunewright::app::screens::evaluate::Action::Start.into());
        self.harness.run();
        self.job(|spec| matches!(spec, JobSpec::Compute(ComputeJob::Evaluate { .. })))
    }

    fn signals_to(&self, job: JobId) -> Vec<Signal> {
        self.engine.signals().into_iter().filter(|(to, _)| *to == job).map(|(_, signal)| signal).collect()
    }

    /// What the window asks of the system in the next frame.
    fn step(&mut self) -> Vec<ViewportCommand> {
        self.harness.step();
        let commands = self.harness.output().viewport_output.get(&ViewportId::ROOT).map(|out| out.commands.clone());
        commands.unwrap_or_default()
    }

    /// Somebody clicks the cross of the title bar.
    fn close(&mut self) -> Vec<ViewportCommand> {
        let input = self.harness.input_mut();
        input.viewports.entry(ViewportId::ROOT).or_default().events.push(ViewportEvent::Close);
        let commands = self.step();
        self.harness.run();
        commands
    }
}

fn project() -> ProjectState {
    ProjectState {
        is_read_only: false,
        tokens_from: None,
        loss_from: None,
        num_queued: 0,
        content_revision: 1,
        has_dates: false,
        folder: "/p".into(),
        name: "p".to_owned(),
        counts: SplitCounts { train: 400, validation: 50, test: 48, ..SplitCounts::default() },
        source: None,
        undo: None,
        redo: None,
        last_changed: None,
        settings: Settings { model: Some(ModelRef::Starter), ..Settings::default() },
        revision: 1,
    }
}

fn facts(num_steps: usize) -> RunFacts {
    RunFacts {
        num_examples: 400,
        num_validation_examples: 50,
        num_tokens: 40_000,
        num_supervised_tokens: 9_000,
        num_steps,
        num_trainable: 4_884_480,
        tally: Tally::default(),
    }
}

fn step_metrics(step: usize) -> StepMetrics {
    StepMetrics {
        step,
        epoch: step as f64 / 50.0,
        loss: 1.0 / step as f64,
        learning_rate: 1e-4,
        grad_norm: 0.5,
        num_tokens: 800,
        num_supervised_tokens: 180,
        tokens_per_sec: 400.0,
        step_secs: 2.0,
    }
}

fn step(step: usize) -> EventKind {
    EventKind::Step(step_metrics(step))
}

fn evaluation(step: usize, eval_loss: f64) -> EventKind {
    let (epoch, eval_num_tokens, eval_secs) = (0.0, 900, 3.0);
    EventKind::Eval(EvalMetrics { step, epoch, eval_loss, eval_num_tokens, eval_secs, is_best: true })
}

fn checkpoint(step: usize) -> EventKind {
    EventKind::Checkpoint { step, path: "a".into() }
}

fn record(status: RunStatus) -> RunRecord {
    RunRecord {
        about: Default::default(),
        name: "2026-11-30-2".to_owned(),
        run_dir: RUN_DIR.into(),
        model: ModelRef::Starter,
        recipe: Recipe::new(ModelRef::Starter, "train.jsonl".into()),
        status,
        num_steps_done: 2,
        num_steps: 12,
        first_eval_loss: Some(2.4),
        best_eval_loss: Some(2.4),
        best_step: None,
        adapter: Some(PathBuf::from(RUN_DIR).join("checkpoints/step-000002")),
        secs: 8.0,
    }
}

#[test]
fn a_paused_run_says_so_everywhere() {
    let (mut window, job) = Window::training(8);
    assert!(window.is_shown("Running") && window.is_shown("Training 2026-11-30-2"));
    assert_eq!(window.rail().0, "Step 8 of 99");
    window.click("Pause");
    assert!(!window.is_shown("Training 2026-11-30-2"), "the status bar says that it trains");
    assert!(window.harness.query_all_by_label("Paused at step 8").count() >= 2, "badge and status bar");
    assert_eq!(window.rail().0, "Paused at step 8");
    window.answer(
        |spec| matches!(spec, JobSpec::Io(IoJob::ListRuns { .. })),
        Reply::Runs(vec![record(RunStatus::Running)]),
    );
    assert_eq!(window.rail().1, "1 run, 1 paused");
    window.harness.state_mut().actions.push(Action::Go(Screen::Runs));
    window.harness.run();
    assert!(window.is_shown("Run 2026-11-30-2, Paused, 2 of 12 steps"), "its row");
    // In the status bar.
    window.click("Go on with the run");
    assert_eq!(window.signals_to(job), [Signal::Pause, Signal::Run]);
    assert_eq!(window.rail().0, "Step 8 of 99");
}

#[test]
fn a_run_that_stops_says_what_it_writes_and_can_be_gone_on_with() {
    let (mut window, job) = Window::training(11);
    window.click("Stop…");
    window.click("Stop and keep");
    assert!(window.is_shown("Stopping, writes step 11"));
    assert_eq!(window.rail().0, "Stopping");
    assert!(window.harness.get_by_role_and_label(Role::Button, "Stop…").accesskit_node().is_disabled());
    assert!(window.harness.get_by_role_and_label(Role::Button, "Pause").accesskit_node().is_disabled());
    window.tell(job, step(12));
    assert!(window.is_shown("Stopping, writes step 12"), "the step in hand is finished first");
    window.tell(job, checkpoint(12));
    window.tell(job, EventKind::Finished(Outcome::Stopped));
    assert!(window.is_shown("Stopped at step 12"));
    assert_eq!(window.rail().0, "Stopped at step 12");
    assert!(window.has_button("New run"));

    window.click("Go on from step 12");
    let again = window.job(|spec| matches!(spec, JobSpec::Train(TrainJob::Resume { run_dir }) if *run_dir == *RUN_DIR));
    window.tell(again, EventKind::Started);
    window.tell(again, EventKind::RunStarted { run_dir: RUN_DIR.into(), facts: facts(99) });
    window.tell(again, EventKind::Phase(Phase::Training));
    window.tell(again, step(13));
    assert!(window.is_shown("13 of 99 steps"), "the curve goes on");
    for message in ["Went on from step 12", "Stopped", "Weights of step 12 written", "Started"] {
        assert!(window.is_shown(message), "{message} is gone");
    }
    assert!(!window.has_button("Go on from step 12"));
}

#[test]
fn a_curve_with_dropped_steps_is_read_again_while_it_trains() {
    let (mut window, job) = Window::training(3);
    let reads = |window: &Window| {
        let is_read = |spec: &JobSpec| matches!(spec, JobSpec::Io(IoJob::ReadRun { .. }));
        window.engine.started().iter().filter(|(_, spec)| is_read(spec)).count()
    };
    let before = reads(&window);
    window.tell(job, step(4));
    assert_eq!(reads(&window), before, "nothing was dropped");
    window.tell(job, step(9));
    assert_eq!(reads(&window), before + 1);
    let steps: Vec<_> = (1..=9).map(step_metrics).collect();
    let read = Reply::Curves { run: record(RunStatus::Running), steps: steps.clone(), evaluations: Vec::new() };
    window.answer(|spec| matches!(spec, JobSpec::Io(IoJob::ReadRun { .. })), read);
    let shown = window.harness.state().state.train.run.as_ref().map(|run| run.steps.clone());
    assert_eq!(shown, Some(steps), "the curve has a hole");
}

#[test]
fn ctrl_enter_does_what_the_filled_button_does_with_a_run_that_ended() {
    let closed = RunMessage::Stopped { step: 2, with_window: true };
    let mut window = reopened(RunStatus::Stopped, Some(closed));
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    window.harness.run_steps(3);
    window.job(|spec| matches!(spec, JobSpec::Train(TrainJob::Resume { run_dir }) if *run_dir == *RUN_DIR));

    let (mut window, job) = Window::training(11);
    window.tell(job, EventKind::Finished(Outcome::Completed));
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    window.harness.run_steps(3);
    assert_eq!(window.harness.state().state.screen, Screen::Compare);
}

#[test]
fn what_is_said_while_a_run_trains_is_shown_beside_it() {
    let (mut window, _) = Window::training(3);
    window.harness.state_mut().actions.push(Action::Unknown("/tmp/picture.png".into()));
    window.harness.run_steps(3);
    assert!(window.is_shown("picture.png is not a file with examples") && window.is_shown("3 of 99 steps"));
}

#[test]
fn the_command_field_pauses_and_goes_on() {
    let (mut window, job) = Window::training(3);
    let command = |window: &mut Window, words: &str| {
        window.harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
        window.harness.run();
        window.harness.get_by_role_and_label(Role::TextInput, "Command").type_text(words);
        window.harness.run();
        window.harness.key_press_modifiers(Modifiers::NONE, Key::Enter);
        window.harness.run();
    };
    command(&mut window, "pause");
    command(&mut window, "go on");
    assert_eq!(window.signals_to(job), [Signal::Pause, Signal::Run]);
    window.tell(job, checkpoint(3));
    window.tell(job, EventKind::Finished(Outcome::Stopped));
    window.harness.state_mut().actions.push(Action::Go(Screen::Data));
    window.harness.run();
    command(&mut window, "resume");
    window.job(|spec| matches!(spec, JobSpec::Train(TrainJob::Resume { .. })));
    assert_eq!(window.harness.state().state.screen, Screen::Train);
}

#[test]
fn what_comes_before_the_first_step_has_words_and_a_count() {
    let (mut window, job) = Window::training(0);
    assert!(window.is_shown("Loading the model"));
    window.tell(job, EventKind::Phase(Phase::Freezing));
    assert!(window.is_shown("Copying the examples"));
    window.tell(job, EventKind::Phase(Phase::Tokenizing));
    window.tell(job, EventKind::Progress { done: 300, total: Some(450), unit: Unit::Examples });
    assert!(window.is_shown("Counting tokens: 300 of 450 examples"), "in place of the curves");
    window.tell(job, EventKind::Phase(Phase::Evaluating));
    window.tell(job, EventKind::Progress { done: 12, total: Some(50), unit: Unit::Examples });
    assert!(window.is_shown("Measuring before: 12 of 50 examples"));
    assert_eq!(window.rail().0, "Measuring before");
    window.tell(job, evaluation(0, 2.5));
    window.tell(job, EventKind::Phase(Phase::Training));
    window.tell(job, step(1));
    window.tell(job, EventKind::Phase(Phase::Evaluating));
    assert!(window.is_shown("Measuring at step 1") && !window.is_shown("Measuring before"));
    window.tell(job, EventKind::Phase(Phase::Saving));
    assert!(window.is_shown("Writing step 1"));
}

#[test]
fn closing_the_window_asks_while_a_run_trains() {
    let (mut window, job) = Window::training(11);
    assert!(window.close().contains(&ViewportCommand::CancelClose), "it closed without a question");
    assert!(window.is_shown("A run is under way") && window.is_shown("11 of 99 steps"));
    window.harness.key_press_modifiers(Modifiers::NONE, Key::Enter);
    window.harness.run();
    assert!(!window.is_shown("A run is under way"), "Enter keeps it open");
    assert_eq!(window.signals_to(job), []);

    window.close();
    window.click("Stop and keep");
    assert_eq!(window.signals_to(job), [Signal::Close]);
    assert!(window.has_button("Close at once") && window.is_shown("Stopping, writes step 11"));
    assert!(window.close().contains(&ViewportCommand::CancelClose), "the weights aren't there yet");
    window.tell(job, checkpoint(11));
    window.engine.tell(job, EventKind::Finished(Outcome::Stopped));
    assert!(window.step().contains(&ViewportCommand::Close), "nothing is left to wait for");
    assert!(!window.close().contains(&ViewportCommand::CancelClose));
}

#[test]
fn the_window_can_be_closed_at_once_and_a_run_that_ends_meanwhile_asks_nothing() {
    let (mut window, job) = Window::training(11);
    window.close();
    window.click("Stop and keep");
    window.harness.get_by_role_and_label(Role::Button, "Close at once").click();
    let mut commands = window.step();
    commands.extend(window.step());
    assert!(commands.contains(&ViewportCommand::Close), "{commands:?}");
    assert_eq!(window.signals_to(job), [Signal::Close, Signal::Stop { save: false }]);
    assert!(!window.close().contains(&ViewportCommand::CancelClose));

    let (mut window, job) = Window::training(11);
    window.close();
    window.tell(job, EventKind::Finished(Outcome::Completed));
    assert!(!window.is_shown("A run is under way"));
    assert!(!window.close().contains(&ViewportCommand::CancelClose));
}

/// As the next start finds it.
fn reopened(status: RunStatus, last: Option<RunMessage>) -> Window {
    let mut window = Window::open();
    assert_eq!(window.harness.state().state.screen, Screen::Train, "it opens where it was left");
    window.answer(|spec| matches!(spec, JobSpec::Io(IoJob::ListRuns { .. })), Reply::Runs(vec![record(status)]));
    let curves =
        Reply::Curves { run: record(status), steps: vec![step_metrics(1), step_metrics(2)], evaluations: Vec::new() };
    window.answer(|spec| matches!(spec, JobSpec::Io(IoJob::ReadRun { .. })), curves);
    let messages = std::iter::once(RunMessage::Started).chain(last);
    let messages = messages.map(|message| Told { at: "2020-02-03T12:00:00Z".to_owned(), message }).collect();
    let told = Reply::Messages { run_dir: RUN_DIR.into(), messages, goes_on_from: Some(2) };
    window.answer(|spec| matches!(spec, JobSpec::Io(IoJob::ReadMessages { .. })), told);
    window
}

#[test]
fn the_next_start_says_what_was_stopped_and_offers_to_go_on() {
    let closed = RunMessage::Stopped { step: 2, with_window: true };
    let mut window = reopened(RunStatus::Stopped, Some(closed));
    assert!(window.is_shown("Run 2026-11-30-2 stopped at step 2 of 12 when the window closed"), "the status bar");
    assert!(window.is_shown("Stopped when the window closed") && window.is_shown("3 Feb"), "the message and its day");
    assert!(window.has_button("Go on from step 2"), "on the Train screen");
    assert_eq!(window.rail().0, "Stopped at step 2");
    window.click("Go on: Run 2026-11-30-2 stopped at step 2 of 12 when the window closed");
    window.job(|spec| matches!(spec, JobSpec::Train(TrainJob::Resume { run_dir }) if *run_dir == *RUN_DIR));

    let window = reopened(RunStatus::Interrupted, None);
    assert!(window.is_shown("Run 2026-11-30-2 was interrupted at step 2 of 12 when the program ended"));
    assert!(window.has_button("Go on from step 2"));

    let stopped = RunMessage::Stopped { step: 2, with_window: false };
    let window = reopened(RunStatus::Stopped, Some(stopped));
    assert!(window.has_button("Go on from step 2"));
    assert!(!window.is_shown("when the"), "who stopped it needn't be told");
}

#[test]
fn a_run_and_what_computes_beside_it_are_both_shown() {
    let (mut window, job) = Window::training(11);
    window.answer(
        |spec| matches!(spec, JobSpec::Io(IoJob::ListRuns { .. })),
        Reply::Runs(vec![record(RunStatus::Running)]),
    );
    window.harness.state_mut().actions.push(Action::Go(Screen::Evaluate));
    window.harness.run();
    let guest = window.evaluate();
    window.tell(guest, EventKind::Started);
    window.tell(guest, EventKind::Phase(Phase::Evaluating));
    assert!(window.is_shown("Waits while evaluating") && window.is_shown("11 of 99 steps"));
    assert_eq!(window.rail().0, "Waits, evaluating");
    window.tell(guest, EventKind::Finished(Outcome::Completed));
    assert_eq!(window.rail().0, "Step 11 of 99");

    let guest = window.evaluate();
    assert!(window.is_shown("it gives way after the step in hand"));
    let short = MemoryShort { needed: 5_200_000_000, free: 3_100_000_000 };
    window.tell(guest, EventKind::Waiting(short));
    let words = "Training is in the way: this takes 5.2 GB of memory beside it, and 3.1 GB are free";
    assert!(window.is_shown(words) && window.has_button("Stop the run…"));
    window.click("Pause the run");
    assert_eq!(window.signals_to(job), [Signal::Pause]);
    window.tell(guest, EventKind::Started);
    assert!(!window.is_shown(words));
}
