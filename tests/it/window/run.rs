//! A run under way, stopped and resumed, and closing the window meanwhile, against a scripted engine.

use std::path::PathBuf;

use egui::accesskit::Role;
use egui::{Key, Modifiers, ViewportCommand};
use egui_kittest::kittest::Queryable as _;
use tunewright::app::screens::{evaluate, train};
use tunewright::app::settings::AppSettings;
use tunewright::app::{Action, Screen};
use tunewright::engine::{EventKind, IoJob, JobId, JobSpec, MemoryShort, Outcome, Reply, TrainJob};
use tunewright::run::{RunRecord, RunStatus};
use tunewright::task::{Phase, Signal, Unit};
use tunewright::train::{RunMessage, Told};

use super::harness::asked::{is_evaluate, is_list_runs, is_open, is_read_run, is_resume, is_train};
use super::harness::{Window, made};

const NAME: &str = "2026-11-30-2";
const RUN_DIR: &str = "/p/runs/2026-11-30-2";

/// A window as after a start of the program, which was left on the Train screen.
fn open() -> Window {
    let settings = AppSettings { last_project: Some("/p".into()), screen: Screen::Train, ..AppSettings::default() };
    let mut window = Window::with_settings(settings);
    window.harness.state_mut().state.is_starting = true;
    window.act(Action::OpenProject { folder: "/p".into(), sample: false });
    window.answer(is_open, Reply::Project(made::project("/p")));
    window
}

/// A run that has done `num_steps` of its 99 steps.
fn training(num_steps: usize) -> (Window, JobId) {
    let mut window = open();
    window.act(train::Action::Start);
    let job = window.job(is_train);
    window.tell(job, EventKind::Started);
    window.tell(job, EventKind::Phase(Phase::LoadingModel));
    window.tell(job, run_started());
    if num_steps > 0 {
        window.tell(job, evaluation(0, 2.5));
        window.tell(job, EventKind::Phase(Phase::Training));
    }
    (1..=num_steps).for_each(|i| window.tell(job, step(i)));
    (window, job)
}

fn rail(window: &Window) -> (String, String) {
    let state = &window.shell().state;
    (Screen::Train.rail(state).0, Screen::Runs.rail(state).0)
}

fn evaluate(window: &mut Window) -> JobId {
    window.act(evaluate::Action::Start);
    window.job(is_evaluate)
}

fn has_button(window: &Window, label: &str) -> bool {
    window.has(Role::Button, label)
}

fn run_started() -> EventKind {
    EventKind::RunStarted { run_dir: RUN_DIR.into(), facts: made::facts(99) }
}

fn step(step: usize) -> EventKind {
    EventKind::Step(made::step(step))
}

fn evaluation(step: usize, eval_loss: f64) -> EventKind {
    EventKind::Eval(made::evaluation(step, eval_loss))
}

fn checkpoint(step: usize) -> EventKind {
    EventKind::Checkpoint { step, path: "a".into() }
}

/// Goes on with the run of [`RUN_DIR`].
fn is_resumed(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Train(TrainJob::Resume { run_dir }) if *run_dir == *RUN_DIR)
}

/// A short run, broken off soon.
fn record(status: RunStatus) -> RunRecord {
    RunRecord {
        num_steps_done: 2,
        num_steps: 12,
        first_eval_loss: Some(2.4),
        best_eval_loss: Some(2.4),
        best_step: None,
        adapter: Some(PathBuf::from(RUN_DIR).join("checkpoints/step-000002")),
        secs: 8.0,
        ..made::run(NAME, status)
    }
}

#[test]
fn a_paused_run_says_so_everywhere() {
    let (mut window, job) = training(8);
    assert!(window.is_shown("Running") && window.is_shown("Training 2026-11-30-2"));
    assert_eq!(rail(&window).0, "Step 8 of 99");
    window.press("Pause");
    assert!(!window.is_shown("Training 2026-11-30-2"), "the status bar says that it trains");
    assert!(window.num_shown("Paused at step 8") >= 2, "badge and status bar");
    assert_eq!(rail(&window).0, "Paused at step 8");
    window.answer(is_list_runs, Reply::Runs(vec![record(RunStatus::Running)]));
    assert_eq!(rail(&window).1, "1 run, 1 paused");
    window.act(Action::Go(Screen::Runs));
    assert!(window.is_shown("Run 2026-11-30-2, Paused, 2 of 12 steps"), "its row");
    // In the status bar.
    window.press("Go on with the run");
    assert_eq!(window.signals_to(job), [Signal::Pause, Signal::Run]);
    assert_eq!(rail(&window).0, "Step 8 of 99");
}

#[test]
fn a_run_that_stops_says_what_it_writes_and_can_be_gone_on_with() {
    let (mut window, job) = training(11);
    window.press("Stop…");
    window.press("Stop and keep");
    assert!(window.is_shown("Stopping, writes step 11"));
    assert_eq!(rail(&window).0, "Stopping");
    assert!(window.is_disabled("Stop…"));
    assert!(window.is_disabled("Pause"));
    window.tell(job, step(12));
    assert!(window.is_shown("Stopping, writes step 12"), "the step in hand is finished first");
    window.tell(job, checkpoint(12));
    window.tell(job, EventKind::Finished(Outcome::Stopped));
    assert!(window.is_shown("Stopped at step 12"));
    assert_eq!(rail(&window).0, "Stopped at step 12");
    assert!(has_button(&window, "New run"));

    window.press("Go on from step 12");
    let again = window.job(is_resumed);
    window.tell(again, EventKind::Started);
    window.tell(again, run_started());
    window.tell(again, EventKind::Phase(Phase::Training));
    window.tell(again, step(13));
    assert!(window.is_shown("13 of 99 steps"), "the curve goes on");
    for message in ["Went on from step 12", "Stopped", "Weights of step 12 written", "Started"] {
        assert!(window.is_shown(message), "{message} is gone");
    }
    assert!(!has_button(&window, "Go on from step 12"));
}

#[test]
fn a_curve_with_dropped_steps_is_read_again_while_it_trains() {
    let (mut window, job) = training(3);
    let reads = |window: &Window| window.num_asked(is_read_run);
    let before = reads(&window);
    window.tell(job, step(4));
    assert_eq!(reads(&window), before, "nothing was dropped");
    window.tell(job, step(9));
    assert_eq!(reads(&window), before + 1);
    let steps: Vec<_> = (1..=9).map(made::step).collect();
    let read = Reply::Curves { run: record(RunStatus::Running), steps: steps.clone(), evaluations: Vec::new() };
    window.answer(is_read_run, read);
    let shown = window.shell().state.train.run.as_ref().map(|run| run.steps.clone());
    assert_eq!(shown, Some(steps), "the curve has a hole");
}

#[test]
fn ctrl_enter_does_what_the_filled_button_does_with_a_run_that_ended() {
    let closed = RunMessage::Stopped { step: 2, with_window: true };
    let mut window = reopened(RunStatus::Stopped, Some(closed));
    window.key(Modifiers::COMMAND, Key::Enter);
    window.job(is_resumed);

    let (mut window, job) = training(11);
    window.tell(job, EventKind::Finished(Outcome::Completed));
    window.key(Modifiers::COMMAND, Key::Enter);
    assert_eq!(window.shell().state.screen, Screen::Compare);
}

#[test]
fn what_is_said_while_a_run_trains_is_shown_beside_it() {
    let (mut window, _) = training(3);
    window.act(Action::Unknown("/tmp/picture.png".into()));
    assert!(window.is_shown("picture.png is not a file with examples") && window.is_shown("3 of 99 steps"));
}

#[test]
fn the_command_field_pauses_and_goes_on() {
    let (mut window, job) = training(3);
    let command = |window: &mut Window, words: &str| {
        window.key(Modifiers::COMMAND, Key::K);
        window.harness.get_by_role_and_label(Role::TextInput, "Command").type_text(words);
        window.harness.run();
        window.key(Modifiers::NONE, Key::Enter);
    };
    command(&mut window, "pause");
    command(&mut window, "go on");
    assert_eq!(window.signals_to(job), [Signal::Pause, Signal::Run]);
    window.tell(job, checkpoint(3));
    window.tell(job, EventKind::Finished(Outcome::Stopped));
    window.act(Action::Go(Screen::Data));
    command(&mut window, "resume");
    window.job(is_resume);
    assert_eq!(window.shell().state.screen, Screen::Train);
}

#[test]
fn what_comes_before_the_first_step_has_words_and_a_count() {
    let (mut window, job) = training(0);
    assert!(window.is_shown("Loading the model"));
    window.tell(job, EventKind::Phase(Phase::Freezing));
    assert!(window.is_shown("Copying the examples"));
    window.tell(job, EventKind::Phase(Phase::Tokenizing));
    window.tell(job, EventKind::Progress { done: 300, total: Some(450), unit: Unit::Examples });
    assert!(window.is_shown("Counting tokens: 300 of 450 examples"), "in place of the curves");
    window.tell(job, EventKind::Phase(Phase::Evaluating));
    window.tell(job, EventKind::Progress { done: 12, total: Some(50), unit: Unit::Examples });
    assert!(window.is_shown("Measuring before: 12 of 50 examples"));
    assert_eq!(rail(&window).0, "Measuring before");
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
    let (mut window, job) = training(11);
    assert!(window.close().contains(&ViewportCommand::CancelClose), "it closed without a question");
    assert!(window.is_shown("A run is under way") && window.is_shown("11 of 99 steps"));
    window.key(Modifiers::NONE, Key::Enter);
    assert!(!window.is_shown("A run is under way"), "Enter keeps it open");
    assert_eq!(window.signals_to(job), []);

    window.close();
    window.press("Stop and keep");
    assert_eq!(window.signals_to(job), [Signal::Close]);
    assert!(has_button(&window, "Close at once") && window.is_shown("Stopping, writes step 11"));
    assert!(window.close().contains(&ViewportCommand::CancelClose), "the weights aren't there yet");
    window.tell(job, checkpoint(11));
    window.engine.tell(job, EventKind::Finished(Outcome::Stopped));
    assert!(window.step().contains(&ViewportCommand::Close), "nothing is left to wait for");
    assert!(!window.close().contains(&ViewportCommand::CancelClose));
}

#[test]
fn the_window_can_be_closed_at_once_and_a_run_that_ends_meanwhile_asks_nothing() {
    let (mut window, job) = training(11);
    window.close();
    window.press("Stop and keep");
    window.harness.get_by_role_and_label(Role::Button, "Close at once").click();
    let mut commands = window.step();
    commands.extend(window.step());
    assert!(commands.contains(&ViewportCommand::Close), "{commands:?}");
    assert_eq!(window.signals_to(job), [Signal::Close, Signal::Stop { save: false }]);
    assert!(!window.close().contains(&ViewportCommand::CancelClose));

    let (mut window, job) = training(11);
    window.close();
    window.tell(job, EventKind::Finished(Outcome::Completed));
    assert!(!window.is_shown("A run is under way"));
    assert!(!window.close().contains(&ViewportCommand::CancelClose));
}

/// The window as the next start finds it.
fn reopened(status: RunStatus, last: Option<RunMessage>) -> Window {
    let mut window = open();
    assert_eq!(window.shell().state.screen, Screen::Train, "it opens where it was left");
    window.answer(is_list_runs, Reply::Runs(vec![record(status)]));
    let curves =
        Reply::Curves { run: record(status), steps: vec![made::step(1), made::step(2)], evaluations: Vec::new() };
    window.answer(is_read_run, curves);
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
    assert!(has_button(&window, "Go on from step 2"), "on the Train screen");
    assert_eq!(rail(&window).0, "Stopped at step 2");
    window.press("Go on: Run 2026-11-30-2 stopped at step 2 of 12 when the window closed");
    window.job(is_resumed);

    let window = reopened(RunStatus::Interrupted, None);
    assert!(window.is_shown("Run 2026-11-30-2 was interrupted at step 2 of 12 when the program ended"));
    assert!(has_button(&window, "Go on from step 2"));

    let stopped = RunMessage::Stopped { step: 2, with_window: false };
    let window = reopened(RunStatus::Stopped, Some(stopped));
    assert!(has_button(&window, "Go on from step 2"));
    assert!(!window.is_shown("when the"), "who stopped it needn't be told");
}

#[test]
fn a_run_and_what_computes_beside_it_are_both_shown() {
    let (mut window, job) = training(11);
    window.answer(is_list_runs, Reply::Runs(vec![record(RunStatus::Running)]));
    window.act(Action::Go(Screen::Evaluate));
    let guest = evaluate(&mut window);
    window.tell(guest, EventKind::Started);
    window.tell(guest, EventKind::Phase(Phase::Evaluating));
    assert!(window.is_shown("Waits while evaluating") && window.is_shown("11 of 99 steps"));
    assert_eq!(rail(&window).0, "Waits, evaluating");
    window.tell(guest, EventKind::Finished(Outcome::Completed));
    assert_eq!(rail(&window).0, "Step 11 of 99");

    let guest = evaluate(&mut window);
    assert!(window.is_shown("it gives way after the step in hand"));
    let short = MemoryShort { needed: 5_200_000_000, free: 3_100_000_000 };
    window.tell(guest, EventKind::Waiting(short));
    let words = "Training is in the way: this takes 5.2 GB of memory beside it, and 3.1 GB are free";
    assert!(window.is_shown(words) && has_button(&window, "Stop the run…"));
    window.press("Pause the run");
    assert_eq!(window.signals_to(job), [Signal::Pause]);
    window.tell(guest, EventKind::Started);
    assert!(!window.is_shown(words));
}
