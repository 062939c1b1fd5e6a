//! The Train form and the Runs screen by their accessible labels, against a scripted engine.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use tunewright::app::screens::train;
use tunewright::app::{Action, Screen};
use tunewright::engine::{EventKind, IoJob, JobSpec, Outcome, Reply};
use tunewright::project::{ProjectState, Settings};
use tunewright::recipe::{EvalStrategy, ModelRef, Recipe};
use tunewright::run::{RunNote, RunRecord, RunStatus};
use tunewright::task::Unit;
use tunewright::train::preview::RunPreview;
use tunewright::train::timing::{KnownSpeed, MeasuredBy, Speed};
use tunewright::train::{EvalMetrics, StepMetrics};

use super::harness::Window;
use super::harness::asked::{is_discover, is_list_runs, is_measure, is_open, is_preview, is_train};
use super::harness::made::{self, evaluation};

/// A project with a model, its runs known, on a screen.
fn open(screen: Screen, recipe: Option<Recipe>, runs: Vec<RunRecord>) -> Window {
    let settings = Settings { model: Some(ModelRef::Starter), recipe, ..Settings::default() };
    let mut window = Window::open();
    window.act(Action::OpenProject { folder: "/p".into(), sample: false });
    window.answer(is_open, Reply::Project(ProjectState { settings, ..made::project("/p") }));
    window.act(Action::Go(Screen::Model));
    window.answer(is_discover, Reply::Models(made::models()));
    window.act(Action::Go(screen));
    match screen {
        Screen::Train => window.answer(is_preview, Reply::RunPreview(preview())),
        _ => window.answer(is_list_runs, Reply::Runs(runs)),
    }
    window
}

fn recipe(window: &Window) -> &Recipe {
    &window.shell().state.train.recipe
}

/// Answers every question for curves that has no answer yet.
fn answer_curves(window: &mut Window, runs: &[RunRecord], steps: &[StepMetrics], evaluations: &[EvalMetrics]) {
    for (job, spec) in window.engine.started() {
        let JobSpec::Io(IoJob::ReadRun { run_dir }) = spec else { continue };
        let Some(run) = runs.iter().find(|run| run.run_dir == run_dir).cloned() else { continue };
        let (steps, evaluations) = (steps.to_vec(), evaluations.to_vec());
        window.engine.answer(job, Reply::Curves { run, steps, evaluations });
    }
    window.settle();
}

/// 13 evaluations in three epochs.
fn preview() -> RunPreview {
    RunPreview { eval_steps: 13, ..made::preview() }
}

/// Eight minutes of training, and 65 s of evaluating.
fn speed(by: MeasuredBy) -> KnownSpeed {
    let speed = Speed { train_tokens_per_sec: 250.0, eval_examples_per_sec: Some(10.0) };
    KnownSpeed::now(speed, by, "starter".to_owned(), 134_515_008)
}

/// A run with the curves of [`steps`].
fn run(name: &str, best_eval_loss: f64, status: RunStatus) -> RunRecord {
    RunRecord {
        num_steps_done: 11,
        num_steps: 99,
        best_eval_loss: Some(best_eval_loss),
        best_step: Some(11),
        adapter: None,
        secs: 30.0,
        ..made::run(name, status)
    }
}

fn steps() -> Vec<StepMetrics> {
    (1..=11).map(made::step).collect()
}

#[test]
fn the_time_before_a_run_is_measured_and_never_invented() {
    let mut window = open(Screen::Train, None, Vec::new());
    assert!(window.is_shown("Not measured on this machine yet") && !window.is_shown("about"));
    window.click(Role::Button, "Measure the time");
    let job = window.job(is_measure);
    window.tell(job, EventKind::Started);
    window.tell(job, EventKind::Progress { done: 2, total: Some(6), unit: Unit::Steps });
    assert!(window.is_shown("Measuring, 2 of 6 steps"));
    window.answer(is_measure, Reply::Speed(speed(MeasuredBy::Steps)));
    for words in ["about 9 min", "8 min training, 1 min evaluating 13 times", "3.2 s a step, measured just now"] {
        assert!(window.is_shown(words), "{words}");
    }
    // Another number of epochs takes another time at the same speed; another batch size is another speed.
    window.enter("Epochs", "6");
    window.answer(is_preview, Reply::RunPreview(RunPreview { num_steps: 300, ..preview() }));
    assert!(window.is_shown("about 18 min"));
    window.enter("Batch size", "2");
    window.answer(is_preview, Reply::RunPreview(preview()));
    assert!(window.is_shown("Not measured on this machine yet"));
    let by_run = Some(speed(MeasuredBy::Run("2026-11-22-3".to_owned())));
    window.enter("Batch size", "3");
    window.answer(is_preview, Reply::RunPreview(RunPreview { speed: by_run, ..preview() }));
    assert!(window.is_shown("from run 2026-11-22-3"));
}

#[test]
fn measuring_begins_by_itself_when_the_form_rests_and_nothing_computes() {
    let mut window = open(Screen::Train, None, Vec::new());
    window.enter("Epochs", "2");
    window.answer(is_preview, Reply::RunPreview(preview()));
    window.act(train::Action::Rested(1));
    assert_eq!(window.num_asked(is_measure), 0, "the form was changed since");
    window.act(train::Action::Rested(2));
    assert_eq!(window.num_asked(is_measure), 1);
    let job = window.job(is_measure);
    window.tell(job, EventKind::Finished(Outcome::Stopped));
    assert!(window.is_shown("Not measured on this machine yet"), "what gave way isn't a failure");
    window.click(Role::Button, "Start training");
    window.act(train::Action::ShowForm);
    assert!(window.is_disabled("Measure the time"), "something else computes");
    window.act(train::Action::Rested(2));
    assert_eq!(window.num_asked(is_measure), 1);
}

#[test]
fn a_wrong_number_stays_to_be_mended_and_nothing_starts_with_it() {
    let mut window = open(Screen::Train, None, Vec::new());
    for wrong in ["abc", "0", "2.5", ""] {
        window.enter("Rank", wrong);
        assert_eq!(window.text_of("Rank"), wrong, "what was typed is still there");
        assert!(window.is_shown("It must be a whole number from 1 to 1024"), "{wrong}");
        assert!(window.is_disabled("Start training"), "{wrong}");
        assert_eq!(recipe(&window).lora.r, 16);
    }
    window.type_into("Rank", "9");
    window.key(Modifiers::NONE, Key::Escape);
    assert!(!window.is_shown("It must be") && !window.is_disabled("Start training"), "Esc takes it back");
    assert_eq!(window.text_of("Rank"), "16");
    window.enter("Rank", "x");
    window.click(Role::Button, "reset");
    assert!(!window.is_shown("It must be"));
}

#[test]
fn every_choice_says_what_it_does() {
    let mut window = open(Screen::Train, Some(Recipe::for_starter_data("t".into())), Vec::new());
    let is_marked = |window: &Window, card: &str| {
        let node = window.harness.get_by_role_and_label(Role::RadioButton, card);
        node.accesskit_node().is_selected() == Some(true)
            || node.accesskit_node().toggled() == Some(egui::accesskit::Toggled::True)
    };
    assert!(is_marked(&window, "Sample's own"));
    assert!(window.is_shown("13 times on 50 held-out examples"));
    window.click(Role::ComboBox, "Evaluate");
    window.click(Role::MenuItem, "Every epoch");
    assert_eq!(recipe(&window).evaluation.eval_strategy, EvalStrategy::Epoch);
    assert!(!window.has(Role::TextInput, "Evaluate every"));
    window.click(Role::ComboBox, "Evaluate");
    window.click(Role::MenuItem, "Every N steps");
    window.enter("Evaluate every", "7");
    let evaluation = &recipe(&window).evaluation;
    assert_eq!((evaluation.eval_strategy, evaluation.eval_steps), (EvalStrategy::Steps, 7));

    window.click(Role::RadioButton, "Quick look");
    assert!(is_marked(&window, "Quick look") && !window.is_shown("Custom"));
    window.enter("Epochs", "5");
    assert!(is_marked(&window, "Custom"), "something is always marked");

    window.click(Role::RadioButton, "Advanced");
    assert_eq!(window.text_of("Most steps"), "", "no limit isn't a number");
    window.enter("Most steps", "30");
    assert_eq!(recipe(&window).training.max_steps, 30);
    window.enter("Most steps", "");
    assert_eq!(recipe(&window).training.max_steps, -1);
}

#[test]
fn a_run_has_the_same_numbers_wherever_it_is_shown() {
    let mut window = open(Screen::Train, None, Vec::new());
    window.click(Role::Button, "Start training");
    let job = window.job(is_train);
    window.tell(job, EventKind::Started);
    window.tell(job, EventKind::RunStarted { run_dir: "/p/runs/2026-11-22-1".into(), facts: made::facts(99) });
    window.tell(job, EventKind::Eval(evaluation(0, 2.391)));
    // The window lagged: it got some steps only.
    steps().into_iter().filter(|step| step.step != 5).for_each(|step| window.tell(job, EventKind::Step(step)));
    window.tell(job, EventKind::Finished(Outcome::Stopped));
    let record = run("2026-11-22-1", 0.6, RunStatus::Stopped);
    let evaluations = [evaluation(0, 2.391), evaluation(11, 0.6)];
    answer_curves(&mut window, std::slice::from_ref(&record), &steps(), &evaluations);
    assert!(window.is_shown("Smoothing, 0.70 so far"), "what is in force is said");
    assert!(window.is_shown("30 s"), "eleven steps and two evaluations");
    let in_train = window.shell().state.train.run.as_ref().map(|run| (run.smoothed.clone(), run.secs()));

    window.act(Action::Go(Screen::Runs));
    window.answer(is_list_runs, Reply::Runs(vec![record.clone()]));
    answer_curves(&mut window, std::slice::from_ref(&record), &steps(), &evaluations);
    assert!(window.is_shown("Smoothing, 0.70 so far"));
    let runs = &window.shell().state.runs;
    let in_runs = runs.curves(&record).map(|run| (run.smoothed.clone(), run.secs()));
    assert_eq!(in_train, in_runs);
    assert_eq!(in_runs.map(|(_, secs)| secs), Some(record.secs));
}

#[test]
fn runs_are_laid_on_top_of_each_other_and_told_apart() {
    let mut other = run("2026-11-22-2", 0.5, RunStatus::Completed);
    other.recipe.lora.r = 8;
    other.about.note.text = "Rank 8".to_owned();
    let runs =
        vec![run("2026-11-22-3", 0.6, RunStatus::Completed), other, run("2026-11-22-1", 0.7, RunStatus::Running)];
    let mut window = open(Screen::Runs, None, runs.clone());
    answer_curves(&mut window, &runs, &steps(), &[evaluation(0, 2.391), evaluation(11, 0.6)]);
    assert!(window.is_shown("What was asked"), "the newest is looked at");
    window.click(Role::CheckBox, "Select 2026-11-22-2");
    answer_curves(&mut window, &runs, &steps(), &[evaluation(0, 2.391), evaluation(11, 0.5)]);
    assert!(window.is_shown("2 of 3 runs selected"));
    assert!(window.is_shown("Validation loss of 2 runs over their steps: 22-3 0.600, 22-2 0.500"));
    assert!(window.is_shown("r: 16, 8") && !window.is_shown("lora_alpha: 32, 32"), "only what differs");
    window.click(Role::Switch, "Only differences");
    assert!(window.is_shown("lora_alpha: 32, 32"));

    // The keyboard does the same.
    window.click(Role::ListBoxOption, "Run 2026-11-22-3, Done, 11 of 99 steps, best validation loss 0.600");
    window.key(Modifiers::SHIFT, Key::ArrowDown);
    window.key(Modifiers::SHIFT, Key::ArrowDown);
    assert!(window.is_shown("3 of 3 runs selected"));
    assert!(window.is_disabled("Delete"), "one of them trains");

    window.enter("Search runs", "rank 8");
    assert!(!window.is_shown("Run 2026-11-22-3"));
    window.enter("Search runs", "");
    window.click(Role::Button, "Sort by Best val. loss");
    let names: Vec<String> = window.shell().state.runs.rows.iter().map(|at| runs[*at].name.clone()).collect();
    assert_eq!(names, ["2026-11-22-2", "2026-11-22-3", "2026-11-22-1"]);
}

#[test]
fn a_run_is_noted_starred_repeated_deleted_and_brought_back() {
    let mut wanted = run("2026-11-22-3", 0.6, RunStatus::Completed);
    wanted.recipe.lora.r = 64;
    let runs = vec![wanted.clone(), run("2026-11-22-2", 0.5, RunStatus::Completed)];
    let mut window = open(Screen::Runs, None, runs.clone());
    answer_curves(&mut window, &runs, &steps(), &[evaluation(0, 2.391)]);
    window.click(Role::CheckBox, "Star 2026-11-22-3");
    window.enter("Note", "large");
    let note = RunNote { text: "large".to_owned(), is_starred: true };
    let kept = window.spec(|spec| matches!(spec, JobSpec::Io(IoJob::KeepRunNote { .. })));
    assert_eq!(kept, Some(JobSpec::Io(IoJob::KeepRunNote { run_dir: wanted.run_dir.clone(), note })));
    assert!(window.has(Role::CheckBox, "Unstar 2026-11-22-3"));

    window.click(Role::Button, "Delete");
    let is_trash = |spec: &JobSpec| matches!(spec, JobSpec::Io(IoJob::TrashRuns { .. }));
    let asked = window.spec(is_trash);
    assert_eq!(
        asked,
        Some(JobSpec::Io(IoJob::TrashRuns { project: "/p".into(), run_dirs: vec![wanted.run_dir.clone()] }))
    );
    let job = window.job(is_trash);
    window.tell(job, EventKind::Reply(Box::new(Reply::Trashed(vec![wanted.name.clone()]))));
    window.answer(is_trash, Reply::Runs(vec![runs[1].clone()]));
    assert!(!window.is_shown("Run 2026-11-22-3"));
    window.click(Role::Button, "Undo: bring back 1 run");
    let is_restore = |spec: &JobSpec| matches!(spec, JobSpec::Io(IoJob::RestoreRuns { .. }));
    let asked = window.spec(is_restore);
    assert_eq!(asked, Some(JobSpec::Io(IoJob::RestoreRuns { project: "/p".into(), names: vec![wanted.name.clone()] })));
    window.answer(is_restore, Reply::Runs(runs.clone()));
    assert!(window.is_shown("Run 2026-11-22-3") && !window.is_shown("Undo: bring back"));

    window.click(Role::ListBoxOption, "Run 2026-11-22-3, Done, 11 of 99 steps, best validation loss 0.600");
    window.click(Role::Button, "Repeat with changes…");
    assert_eq!(window.shell().state.screen, Screen::Train);
    assert!(window.is_shown("Settings of run 2026-11-22-3"));
    assert_eq!(recipe(&window).lora.r, 64);
}
