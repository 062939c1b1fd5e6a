//! The Train form and the Runs screen by their accessible labels, against a scripted engine.

use std::path::PathBuf;
use std::sync::Arc;

use egui::accesskit::Role;
use egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use tunewright::app::screens::train;
use tunewright::app::settings::AppSettings;
use tunewright::app::{Action, Screen, Shell, kit};
use tunewright::engine::fake::FakeEngine;
use tunewright::engine::{ComputeJob, EventKind, IoJob, JobId, JobSpec, Outcome, Reply, StoreJob, TrainJob};
use tunewright::hub::FoundModel;
use tunewright::project::{ProjectState, RunAbout, RunNote, RunRecord, RunStatus, Settings, SplitCounts};
use tunewright::recipe::{EvalStrategy, ModelRef, Recipe};
use tunewright::render::tally::Tally;
use tunewright::task::Unit;
use tunewright::train::observer::RunFacts;
use tunewright::train::preview::{MemoryEstimate, RunPreview};
use tunewright::train::timing::{KnownSpeed, MeasuredBy, Speed};
use tunewright::train::{EvalMetrics, StepMetrics};

struct Window {
    engine: FakeEngine,
    harness: Harness<'static, Shell>,
}

impl Window {
    /// A project with a model, its runs known, on a screen.
    fn open(screen: Screen, recipe: Option<Recipe>, runs: Vec<RunRecord>) -> Self {
        let engine = FakeEngine::default();
        let shell = Shell::new(Box::new(engine.clone()), AppSettings::default(), Arc::new(|| {}));
        let frame = |ui: &mut egui::Ui, shell: &mut Shell| {
            let ctx = ui.ctx().clone();
            shell.logic(&ctx);
            shell.ui(ui);
            shell.apply_actions(&ctx);
        };
        let builder = Harness::builder().with_size(Vec2::new(1280.0, 800.0)).with_theme(egui::Theme::Dark);
        let harness = builder.with_context_setup(kit::theme::install).build_ui_state(frame, shell);
        let mut window = Self { engine, harness };
        window.act(Action::OpenProject { folder: "/p".into(), sample: false });
        window.answer(
            |spec| matches!(spec, JobSpec::Store(StoreJob::OpenProject { .. })),
            Reply::Project(project(recipe)),
        );
        let model = FoundModel {
            model: ModelRef::Starter,
            name: "starter".to_owned(),
            place: String::new(),
            is_on_disk: true,
            num_bytes: 1,
            facts: None,
            problem: None,
        };
        window.act(Action::Go(Screen::Model));
        window.answer(|spec| *spec == JobSpec::Io(IoJob::DiscoverModels), Reply::Models(vec![model]));
        window.act(Action::Go(screen));
        match screen {
            Screen::Train => window.answer(is_preview, Reply::RunPreview(preview())),
            _ => window.answer(|spec| matches!(spec, JobSpec::Io(IoJob::ListRuns { .. })), Reply::Runs(runs)),
        }
        window
    }

    fn act(&mut self, action: impl Into<Action>) {
        self.harness.state_mut().actions.push(action.into());
        self.harness.run_steps(3);
    }

    fn answer(&mut self, fits: impl Fn(&JobSpec) -> bool, reply: Reply) {
        self.engine.answer(self.engine.last_job(fits).expect("no such job"), reply);
        self.harness.run_steps(3);
    }

    fn tell(&mut self, job: JobId, kind: EventKind) {
        self.engine.tell(job, kind);
        self.harness.run_steps(2);
    }

    fn click(&mut self, role: Role, label: &str) {
        self.harness.get_by_role_and_label(role, label).click();
        self.harness.run_steps(3);
    }

    fn key(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run_steps(3);
    }

    /// Types over the whole text of a field and leaves it by a key.
    fn enter(&mut self, field: &str, text: &str, leave: Key) {
        self.harness.get_by_role_and_label(Role::TextInput, field).focus();
        self.harness.run_steps(2);
        self.key(Modifiers::COMMAND, Key::A);
        match text {
            "" => self.key(Modifiers::NONE, Key::Delete),
            text => self.harness.get_by_role_and_label(Role::TextInput, field).type_text(text),
        }
        self.harness.run_steps(2);
        self.key(Modifiers::NONE, leave);
    }

    fn text_of(&self, field: &str) -> String {
        self.harness.get_by_role_and_label(Role::TextInput, field).accesskit_node().value().unwrap_or_default()
    }

    fn is_shown(&self, words: &str) -> bool {
        self.harness.query_all_by_label_contains(words).next().is_some()
    }

    fn is_disabled(&self, label: &str) -> bool {
        self.harness.get_by_role_and_label(Role::Button, label).accesskit_node().is_disabled()
    }

    fn spec(&self, fits: impl Fn(&JobSpec) -> bool) -> Option<JobSpec> {
        self.engine.started().into_iter().rev().map(|(_, spec)| spec).find(|spec| fits(spec))
    }

    fn num_measured(&self) -> usize {
        self.engine.started().iter().filter(|(_, spec)| is_measure(spec)).count()
    }

    fn recipe(&self) -> &Recipe {
        &self.harness.state().state.train.recipe
    }

    /// Answers every question for curves that has no answer yet.
    fn answer_curves(&mut self, runs: &[RunRecord], steps: &[StepMetrics], evaluations: &[EvalMetrics]) {
        for (job, spec) in self.engine.started() {
            let JobSpec::Io(IoJob::ReadRun { run_dir }) = spec else { continue };
            let Some(run) = runs.iter().find(|run| run.run_dir == run_dir).cloned() else { continue };
            let (steps, evaluations) = (steps.to_vec(), evaluations.to_vec());
            self.engine.answer(job, Reply::Curves { run, steps, evaluations });
        }
        self.harness.run_steps(3);
    }
}

fn is_preview(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Io(IoJob::PreviewRun { .. }))
}

fn is_measure(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Compute(ComputeJob::MeasureSpeed { .. }))
}

fn project(recipe: Option<Recipe>) -> ProjectState {
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
        settings: Settings { model: Some(ModelRef::Starter), recipe, ..Settings::default() },
        revision: 1,
    }
}

/// 150 steps in three epochs, 13 evaluations.
fn preview() -> RunPreview {
    RunPreview {
        noted: Default::default(),
        held_out_noted: Default::default(),
        beyond_context: None,
        num_examples: 400,
        num_validation_examples: 50,
        num_tokens: 40_000,
        num_supervised_tokens: 9_000,
        tally: Tally { num_examples: 400, longest: 300, ..Tally::default() },
        held_out: Tally { num_examples: 50, longest: 200, ..Tally::default() },
        num_steps: 150,
        steps_per_epoch: 50,
        eval_steps: 13,
        speed: None,
        num_trainable: 4_884_480,
        num_parameters: 134_515_008,
        memory: MemoryEstimate { weights: 1, adapter: 1, activations: 1, program: 1, available: 10 },
        learning_rates: vec![(1, 1e-4), (150, 0.0)],
    }
}

/// Eight minutes of training, and 65 s of evaluating.
fn speed(by: MeasuredBy) -> KnownSpeed {
    let speed = Speed { train_tokens_per_sec: 250.0, eval_examples_per_sec: Some(10.0) };
    KnownSpeed::now(speed, by, "starter".to_owned(), 134_515_008)
}

fn run(name: &str, best_eval_loss: f64, status: RunStatus) -> RunRecord {
    RunRecord {
        name: name.to_owned(),
        run_dir: PathBuf::from("/p/runs").join(name),
        model: ModelRef::Starter,
        recipe: Recipe::new(ModelRef::Starter, "train.jsonl".into()),
        status,
        num_steps_done: 11,
        num_steps: 99,
        first_eval_loss: Some(2.391),
        best_eval_loss: Some(best_eval_loss),
        best_step: Some(11),
        adapter: None,
        secs: 30.0,
        about: RunAbout::default(),
    }
}

fn steps() -> Vec<StepMetrics> {
    let step = |step: usize| StepMetrics {
        step,
        epoch: step as f64 / 33.0,
        loss: 4.0 / step as f64,
        learning_rate: 1e-4,
        grad_norm: 0.5,
        num_tokens: 800,
        num_supervised_tokens: 180,
        tokens_per_sec: 400.0,
        step_secs: 2.0,
    };
    (1..=11).map(step).collect()
}

fn evaluation(step: usize, eval_loss: f64) -> EvalMetrics {
    EvalMetrics { step, epoch: 0.0, eval_loss, eval_num_tokens: 900, eval_secs: 4.0, is_best: true }
}

#[test]
fn the_time_before_a_run_is_measured_and_never_invented() {
    let mut window = Window::open(Screen::Train, None, Vec::new());
    assert!(window.is_shown("Not measured on this machine yet") && !window.is_shown("about"));
    window.click(Role::Button, "Measure the time");
    let job = window.engine.last_job(is_measure).expect("nothing is measured");
    window.tell(job, EventKind::Started);
    window.tell(job, EventKind::Progress { done: 2, total: Some(6), unit: Unit::Steps });
    assert!(window.is_shown("Measuring, 2 of 6 steps"));
    window.answer(is_measure, Reply::Speed(speed(MeasuredBy::Steps)));
    for words in ["about 9 min", "8 min training, 1 min evaluating 13 times", "3.2 s a step, measured just now"] {
        assert!(window.is_shown(words), "{words}");
    }
    // Another number of epochs takes another time at the same speed; another batch size is another speed.
    window.enter("Epochs", "6", Key::Enter);
    window.answer(is_preview, Reply::RunPreview(RunPreview { num_steps: 300, ..preview() }));
    assert!(window.is_shown("about 18 min"));
    window.enter("Batch size", "2", Key::Enter);
    window.answer(is_preview, Reply::RunPreview(preview()));
    assert!(window.is_shown("Not measured on this machine yet"));
    let by_run = Some(speed(MeasuredBy::Run("2026-11-22-3".to_owned())));
    window.enter("Batch size", "3", Key::Enter);
    window.answer(is_preview, Reply::RunPreview(RunPreview { speed: by_run, ..preview() }));
    assert!(window.is_shown("from run 2026-11-22-3"));
}

#[test]
fn measuring_begins_by_itself_when_the_form_rests_and_nothing_computes() {
    let mut window = Window::open(Screen::Train, None, Vec::new());
    window.enter("Epochs", "2", Key::Enter);
    window.answer(is_preview, Reply::RunPreview(preview()));
    window.act(train::Action::Rested(1));
    assert_eq!(window.num_measured(), 0, "the form was changed since");
    window.act(train::Action::Rested(2));
    assert_eq!(window.num_measured(), 1);
    let job = window.engine.last_job(is_measure).expect("nothing is measured");
    window.tell(job, EventKind::Finished(Outcome::Stopped));
    assert!(window.is_shown("Not measured on this machine yet"), "what gave way is no failure");
    window.click(Role::Button, "Start training");
    window.act(train::Action::ShowForm);
    assert!(window.is_disabled("Measure the time"), "something else computes");
    window.act(train::Action::Rested(2));
    assert_eq!(window.num_measured(), 1);
}

#[test]
fn a_wrong_number_stays_to_be_mended_and_nothing_starts_with_it() {
    let mut window = Window::open(Screen::Train, None, Vec::new());
    for wrong in ["abc", "0", "2.5", ""] {
        window.enter("Rank", wrong, Key::Enter);
        assert_eq!(window.text_of("Rank"), wrong, "what was typed is still there");
        assert!(window.is_shown("It must be a whole number from 1 to 1024"), "{wrong}");
        assert!(window.is_disabled("Start training"), "{wrong}");
        assert_eq!(window.recipe().lora.r, 16);
    }
    window.enter("Rank", "9", Key::Escape);
    assert!(!window.is_shown("It must be") && !window.is_disabled("Start training"), "Esc takes it back");
    assert_eq!(window.text_of("Rank"), "16");
    window.enter("Rank", "x", Key::Enter);
    window.click(Role::Button, "reset");
    assert!(!window.is_shown("It must be"));
}

#[test]
fn every_choice_says_what_it_does() {
    let mut window = Window::open(Screen::Train, Some(Recipe::for_starter_data("t".into())), Vec::new());
    let is_marked = |window: &Window, card: &str| {
        let node = window.harness.get_by_role_and_label(Role::RadioButton, card);
        node.accesskit_node().is_selected() == Some(true)
            || node.accesskit_node().toggled() == Some(egui::accesskit::Toggled::True)
    };
    assert!(is_marked(&window, "Sample's own"));
    assert!(window.is_shown("13 times on 50 held-out examples"));
    window.click(Role::ComboBox, "Evaluate");
    window.click(Role::MenuItem, "Every epoch");
    assert_eq!(window.recipe().evaluation.eval_strategy, EvalStrategy::Epoch);
    assert!(window.harness.query_by_role_and_label(Role::TextInput, "Evaluate every").is_none());
    window.click(Role::ComboBox, "Evaluate");
    window.click(Role::MenuItem, "Every so many steps");
    window.enter("Evaluate every", "7", Key::Enter);
    let evaluation = &window.recipe().evaluation;
    assert_eq!((evaluation.eval_strategy, evaluation.eval_steps), (EvalStrategy::Steps, 7));

    window.click(Role::RadioButton, "Quick look");
    assert!(is_marked(&window, "Quick look") && !window.is_shown("Custom"));
    window.enter("Epochs", "5", Key::Enter);
    assert!(is_marked(&window, "Custom"), "something is always marked");

    window.click(Role::RadioButton, "Advanced");
    assert_eq!(window.text_of("Most steps"), "", "no limit is no number");
    window.enter("Most steps", "30", Key::Enter);
    assert_eq!(window.recipe().training.max_steps, 30);
    window.enter("Most steps", "", Key::Enter);
    assert_eq!(window.recipe().training.max_steps, -1);
}

#[test]
fn a_run_has_the_same_numbers_wherever_it_is_shown() {
    let mut window = Window::open(Screen::Train, None, Vec::new());
    window.click(Role::Button, "Start training");
    let job = window.engine.last_job(|spec| matches!(spec, JobSpec::Train(TrainJob::Train { .. }))).expect("no run");
    let facts = RunFacts {
        num_examples: 400,
        num_validation_examples: 50,
        num_tokens: 40_000,
        num_supervised_tokens: 9_000,
        num_steps: 99,
        num_trainable: 1,
        tally: Tally::default(),
    };
    window.tell(job, EventKind::Started);
    window.tell(job, EventKind::RunStarted { run_dir: "/p/runs/2026-11-22-1".into(), facts });
    window.tell(job, EventKind::Eval(evaluation(0, 2.391)));
    // The window lagged: it heard of some steps only.
    steps().into_iter().filter(|step| step.step != 5).for_each(|step| window.tell(job, EventKind::Step(step)));
    window.tell(job, EventKind::Finished(Outcome::Stopped));
    let record = run("2026-11-22-1", 0.6, RunStatus::Stopped);
    let evaluations = [evaluation(0, 2.391), evaluation(11, 0.6)];
    window.answer_curves(std::slice::from_ref(&record), &steps(), &evaluations);
    assert!(window.is_shown("Smoothing, 0.70 so far"), "what is in force is said");
    assert!(window.is_shown("30 s"), "eleven steps and two evaluations");
    let in_train = window.harness.state().state.train.run.as_ref().map(|run| (run.smoothed.clone(), run.secs()));

    window.act(Action::Go(Screen::Runs));
    window.answer(|spec| matches!(spec, JobSpec::Io(IoJob::ListRuns { .. })), Reply::Runs(vec![record.clone()]));
    window.answer_curves(std::slice::from_ref(&record), &steps(), &evaluations);
    assert!(window.is_shown("Smoothing, 0.70 so far"));
    let runs = &window.harness.state().state.runs;
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
    let mut window = Window::open(Screen::Runs, None, runs.clone());
    window.answer_curves(&runs, &steps(), &[evaluation(0, 2.391), evaluation(11, 0.6)]);
    assert!(window.is_shown("What was asked"), "the newest is looked at");
    window.click(Role::CheckBox, "Select 2026-11-22-2");
    window.answer_curves(&runs, &steps(), &[evaluation(0, 2.391), evaluation(11, 0.5)]);
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

    window.enter("Search runs", "rank 8", Key::Enter);
    assert!(!window.is_shown("Run 2026-11-22-3"));
    window.enter("Search runs", "", Key::Enter);
    window.click(Role::Button, "Sort by Best val. loss");
    let names: Vec<String> = window.harness.state().state.runs.rows.iter().map(|at| runs[*at].name.clone()).collect();
    assert_eq!(names, ["2026-11-22-2", "2026-11-22-3", "2026-11-22-1"]);
}

#[test]
fn a_run_is_noted_starred_repeated_deleted_and_brought_back() {
    let mut wanted = run("2026-11-22-3", 0.6, RunStatus::Completed);
    wanted.recipe.lora.r = 64;
    let runs = vec![wanted.clone(), run("2026-11-22-2", 0.5, RunStatus::Completed)];
    let mut window = Window::open(Screen::Runs, None, runs.clone());
    window.answer_curves(&runs, &steps(), &[evaluation(0, 2.391)]);
    window.click(Role::CheckBox, "Star 2026-11-22-3");
    window.enter("Note", "large", Key::Enter);
    let note = RunNote { text: "large".to_owned(), is_starred: true };
    let kept = window.spec(|spec| matches!(spec, JobSpec::Io(IoJob::KeepRunNote { .. })));
    assert_eq!(kept, Some(JobSpec::Io(IoJob::KeepRunNote { run_dir: wanted.run_dir.clone(), note })));
    assert!(window.harness.query_by_role_and_label(Role::CheckBox, "Unstar 2026-11-22-3").is_some());

    window.click(Role::Button, "Delete");
    let asked = window.spec(|spec| matches!(spec, JobSpec::Io(IoJob::TrashRuns { .. })));
    assert_eq!(
        asked,
        Some(JobSpec::Io(IoJob::TrashRuns { project: "/p".into(), run_dirs: vec![wanted.run_dir.clone()] }))
    );
    let job = window
        .engine
        .last_job(|spec| matches!(spec, JobSpec::Io(IoJob::TrashRuns { .. })))
        .expect("nothing is deleted");
    window.tell(job, EventKind::Reply(Box::new(Reply::Trashed(vec![wanted.name.clone()]))));
    window.answer(|spec| matches!(spec, JobSpec::Io(IoJob::TrashRuns { .. })), Reply::Runs(vec![runs[1].clone()]));
    assert!(!window.is_shown("Run 2026-11-22-3"));
    window.click(Role::Button, "Undo: bring back 1 run");
    let asked = window.spec(|spec| matches!(spec, JobSpec::Io(IoJob::RestoreRuns { .. })));
    assert_eq!(asked, Some(JobSpec::Io(IoJob::RestoreRuns { project: "/p".into(), names: vec![wanted.name.clone()] })));
    window.answer(|spec| matches!(spec, JobSpec::Io(IoJob::RestoreRuns { .. })), Reply::Runs(runs.clone()));
    assert!(window.is_shown("Run 2026-11-22-3") && !window.is_shown("Undo: bring back"));

    window.click(Role::ListBoxOption, "Run 2026-11-22-3, Done, 11 of 99 steps, best validation loss 0.600");
    window.click(Role::Button, "Repeat with changes…");
    assert_eq!(window.harness.state().state.screen, Screen::Train);
    assert!(window.is_shown("Settings of run 2026-11-22-3"));
    assert_eq!(window.recipe().lora.r, 64);
}
