//! Compare, Evaluate, Export and Runs by their accessible labels, against a scripted engine.

use std::path::PathBuf;
use std::sync::Arc;

mod answers;
mod results;

use egui::accesskit::Role;
use egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use tunewright::app::settings::AppSettings;
use tunewright::app::{Action, Screen, Shell, kit};
use tunewright::data::{Message, Role as Turn, Split};
use tunewright::engine::fake::FakeEngine;
use tunewright::engine::protocol::Side;
use tunewright::engine::{ComputeJob, EventKind, IoJob, JobId, JobSpec, Outcome, Reply, StoreJob, TrainJob};
use tunewright::evaluate::{KeptPair, Measured};
use tunewright::project::{
    Annotations, ExampleQuery, ExampleRow, ExampleStatus, ProjectState, RowPage, RunAbout, RunRecord, RunStatus,
    Settings, SplitCounts, StoredExample,
};
use tunewright::recipe::{ModelRef, Recipe};
use tunewright::task::Signal;
use tunewright::train::EvalMetrics;

use super::basics::found;

const EXPECTED: &str = r#"{"category":"outage","urgent":true}"#;

struct Window {
    engine: FakeEngine,
    harness: Harness<'static, Shell>,
    num_answered: usize,
    runs: Vec<RunRecord>,
    /// What lies in the runs' folders.
    measured: Vec<Measured>,
    answered: Vec<KeptPair>,
}

impl Window {
    /// A project with two validation and three test examples, and these runs.
    fn open(runs: Vec<RunRecord>, screen: Screen) -> Self {
        Self::open_with(runs, screen, Vec::new(), Vec::new())
    }

    fn open_with(runs: Vec<RunRecord>, screen: Screen, measured: Vec<Measured>, answered: Vec<KeptPair>) -> Self {
        let engine = FakeEngine::default();
        let mut shell = Shell::new(Box::new(engine.clone()), AppSettings::default(), Arc::new(|| {}));
        shell.actions.push(Action::OpenProject { folder: "/p".into(), sample: false });
        let frame = |ui: &mut egui::Ui, shell: &mut Shell| {
            let ctx = ui.ctx().clone();
            shell.logic(&ctx);
            shell.ui(ui);
            shell.apply_actions(&ctx);
        };
        let builder = Harness::builder().with_size(Vec2::new(1280.0, 800.0)).with_theme(egui::Theme::Dark);
        let harness = builder.with_context_setup(kit::theme::install).build_ui_state(frame, shell);
        let mut window = Self { engine, harness, num_answered: 0, runs, measured, answered };
        window.answer_all();
        window.harness.state_mut().actions.push(Action::Go(screen));
        window.answer_all();
        window
    }

    /// Answers whatever the window asks of the project, until it asks nothing more.
    fn answer_all(&mut self) {
        loop {
            self.harness.run_steps(3);
            let started = self.engine.started();
            if started.len() == self.num_answered {
                return;
            }
            for (job, spec) in started.into_iter().skip(std::mem::take(&mut self.num_answered)) {
                self.answer(job, spec);
            }
            self.num_answered = self.engine.started().len();
        }
    }

    fn answer(&mut self, job: JobId, spec: JobSpec) {
        match spec {
            JobSpec::Store(StoreJob::OpenProject { .. }) => self.engine.answer(job, Reply::Project(project())),
            JobSpec::Store(StoreJob::Query { query, .. }) => self.engine.answer(job, Reply::Rows(page(&query))),
            JobSpec::Store(StoreJob::LoadExample { id, .. }) => self.engine.answer(job, Reply::Example(example(id))),
            JobSpec::Store(StoreJob::FindIds { query, .. }) => {
                let ids = page(&query).rows.iter().map(|row| row.id).collect();
                self.engine.answer(job, Reply::Ids(ids));
            }
            JobSpec::Store(StoreJob::KeepAnswers { .. }) => {
                self.engine.tell(job, EventKind::Started);
                self.engine.tell(job, EventKind::Finished(Outcome::Completed));
            }
            JobSpec::Io(IoJob::ReadEvaluations { .. }) => {
                self.engine.answer(job, Reply::Evaluations(self.measured.clone()));
            }
            JobSpec::Io(IoJob::ReadAnswers { .. }) => self.engine.answer(job, Reply::Answers(self.answered.clone())),
            JobSpec::Io(IoJob::DiscoverModels) => {
                self.engine.answer(job, Reply::Models(vec![found(ModelRef::Starter, "SmolLM2-135M-Instruct", true)]))
            }
            JobSpec::Io(IoJob::ListRuns { .. }) => self.engine.answer(job, Reply::Runs(self.runs.clone())),
            JobSpec::Io(IoJob::ReadRun { .. }) => {
                let evaluations = vec![evaluation(0, 2.5), evaluation(10, 0.5)];
                let curves = Reply::Curves { run: self.runs[0].clone(), steps: Vec::new(), evaluations };
                self.engine.answer(job, curves);
            }
            _ => {}
        }
    }

    fn shell(&self) -> &Shell {
        self.harness.state()
    }

    fn click(&mut self, role: Role, label: &str) {
        self.harness.get_by_role_and_label(role, label).click();
        self.harness.run_steps(2);
        self.answer_all();
    }

    fn key(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run_steps(2);
    }

    fn tell(&mut self, job: JobId, kind: EventKind) {
        self.engine.tell(job, kind);
        self.harness.run_steps(2);
    }

    fn is_shown(&self, words: &str) -> bool {
        self.harness.query_all_by_label_contains(words).next().is_some()
    }

    fn num_shown(&self, words: &str) -> usize {
        self.harness.query_all_by_label(words).count()
    }

    fn compare_job(&self) -> JobId {
        self.engine
            .last_job(|spec| matches!(spec, JobSpec::Compute(ComputeJob::Compare { .. })))
            .expect("nothing was asked")
    }

    fn write(&mut self, job: JobId, side: Side, text: &str) {
        self.tell(job, EventKind::Token { side, text: text.to_owned() });
        let end = EventKind::AnswerDone { side, num_tokens: 19, tokens_per_sec: 38.0, ended_by_itself: true };
        self.tell(job, end);
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
        counts: SplitCounts { train: 10, validation: 2, test: 3, ..SplitCounts::default() },
        source: None,
        undo: None,
        redo: None,
        settings: Settings::default(),
        revision: 1,
        last_changed: None,
    }
}

fn page(query: &ExampleQuery) -> RowPage {
    let ids = match query.split {
        Some(Split::Validation) => 1..=2,
        Some(Split::Test) => 3..=5,
        _ => 1..=5,
    };
    let row = |id: i64| ExampleRow {
        annotations: Annotations::default(),
        findings: Vec::new(),
        id,
        number: id as u64,
        split: query.split.unwrap_or(Split::Train),
        status: ExampleStatus::Ready,
        prompt: format!("prompt {id}"),
        answer: "outage, true".to_owned(),
        num_turns: 3,
    };
    let rows: Vec<_> = ids.map(row).collect();
    RowPage { query: query.clone(), num_matching: rows.len() as u64, rows, is_partial: false }
}

fn example(id: i64) -> StoredExample {
    let messages = vec![
        Message::new(Turn::System, "Answer with JSON."),
        Message::new(Turn::User, format!("prompt {id} in full")),
        Message::new(Turn::Assistant, EXPECTED),
    ];
    let (split, status) = (Split::Validation, ExampleStatus::Ready);
    StoredExample {
        id,
        number: id as u64,
        split,
        status,
        example: messages.into(),
        annotations: Annotations::default(),
        content_key: 0,
    }
}

fn run(name: &str, status: RunStatus) -> RunRecord {
    let run_dir = PathBuf::from("/p/runs").join(name);
    RunRecord {
        name: name.to_owned(),
        model: ModelRef::Starter,
        recipe: Recipe::new(ModelRef::Starter, "train.jsonl".into()),
        status,
        num_steps_done: 88,
        num_steps: 94,
        first_eval_loss: Some(2.391),
        best_eval_loss: Some(0.412),
        best_step: Some(80),
        adapter: Some(run_dir.join("checkpoints/step-000080")),
        run_dir,
        secs: 312.0,
        about: RunAbout::default(),
    }
}

fn evaluation(step: usize, eval_loss: f64) -> EvalMetrics {
    EvalMetrics { step, epoch: 0.0, eval_loss, eval_num_tokens: 900, eval_secs: 1.0, is_best: true }
}

#[test]
fn two_answers_are_written_side_by_side_and_judged() {
    let mut window =
        Window::open(vec![run("new", RunStatus::Completed), run("old", RunStatus::Completed)], Screen::Compare);
    assert!(window.is_shown("prompt 1 in full"), "the first held-out example is there already");
    assert!(window.is_shown("Example 5, test"), "validation and test");
    window.key(Modifiers::COMMAND, Key::Enter);
    let job = window.compare_job();
    let JobSpec::Compute(ComputeJob::Compare { request }) = window.engine.started().pop().unwrap().1 else { panic!() };
    assert_eq!(request.adapter, run("new", RunStatus::Completed).adapter, "the newest run");
    assert_eq!(request.prompt.len(), 2, "everything before the answer");

    window.tell(job, EventKind::Started);
    window.tell(job, EventKind::Token { side: Side::Before, text: "I am ".to_owned() });
    assert_eq!((window.num_shown("Writing"), window.num_shown("Reading")), (1, 1));
    window.tell(job, EventKind::Token { side: Side::After, text: "{".to_owned() });
    assert!(window.is_shown("Answer before: I am"));
    assert_eq!((window.num_shown("Writing"), window.num_shown("Waiting")), (2, 0), "both are written at once");
    window.write(job, Side::Before, "sorry");
    assert!(window.is_shown("Answer before: I am sorry") && window.is_shown("0 of 2 fields right"));
    window.write(job, Side::After, r#""category":"outage","urgent":"yes"}"#);
    assert!(window.is_shown("1 of 2 fields right"));
    assert!(window.is_shown("category: outage, right"));
    assert!(window.is_shown("urgent: \"yes\", not true or false, wrong"));
    window.tell(job, EventKind::Finished(Outcome::Completed));
    assert!(window.is_shown("Example 1, got better"), "the list says so, too");
    assert!(window.is_shown("Answer again"));

    window.click(Role::RadioButton, "Against expected");
    assert!(window.is_shown("not as expected"));
    window.click(Role::Button, "Next prompt");
    assert!(window.is_shown("prompt 2 in full") && !window.is_shown("Answer before"));
    window.click(Role::Button, "Previous prompt");
    assert!(window.is_shown("Answer before: I am sorry"), "what was answered stays");
}

#[test]
fn an_answer_is_stopped_and_an_own_prompt_asked() {
    let mut window = Window::open(vec![run("new", RunStatus::Completed)], Screen::Compare);
    window.click(Role::Button, "Answer");
    let job = window.compare_job();
    window.tell(job, EventKind::Started);
    // The screen's and the status bar's do the same.
    window.harness.get_all_by_role_and_label(Role::Button, "Stop").next().expect("a way to stop it").click();
    window.harness.run_steps(2);
    assert_eq!(window.engine.signals(), [(job, Signal::Stop { save: false })]);
    window.tell(job, EventKind::Finished(Outcome::Stopped));

    window.click(Role::Button, "Own prompt…");
    let answer = window.harness.get_by_role_and_label(Role::Button, "Answer");
    assert!(answer.accesskit_node().is_disabled(), "nothing is asked yet");
    // The field has the keyboard: what is typed is no shortcut.
    for letter in ["W", "here is it", "?"] {
        window.harness.event(egui::Event::Text(letter.to_owned()));
        window.harness.run_steps(2);
    }
    assert!(window.shell().state.dialog.is_none(), "the question mark opened the help");
    window.harness.run_steps(3);
    window.click(Role::Button, "Answer");
    let JobSpec::Compute(ComputeJob::Compare { request }) = window.engine.started().pop().unwrap().1 else { panic!() };
    let turns: Vec<_> = request.prompt.iter().map(|m| (m.role, m.content.as_str())).collect();
    assert_eq!(turns, [(Turn::System, "Answer with JSON."), (Turn::User, "Where is it?")]);
}

#[test]
fn without_a_run_every_later_step_says_what_it_needs() {
    for (screen, title) in [
        (Screen::Evaluate, "Nothing to measure yet"),
        (Screen::Compare, "Nothing to compare yet"),
        (Screen::Export, "Nothing to export yet"),
        (Screen::Runs, "No runs yet"),
    ] {
        let mut window = Window::open(Vec::new(), screen);
        assert!(window.is_shown(title));
        window.click(Role::Button, "Go to Train");
        assert_eq!(window.shell().state.screen, Screen::Train);
    }
}

#[test]
fn runs_show_their_curves_and_go_on() {
    let mut window = Window::open(vec![run("broken-off", RunStatus::Interrupted)], Screen::Runs);
    assert!(window.is_shown("Run broken-off, Interrupted, 88 of 94 steps, best validation loss 0.412"));
    assert!(window.is_shown("validation loss 0.500"), "the chart says what it shows");
    window.click(Role::Button, "Go on");
    let run_dir = run("broken-off", RunStatus::Interrupted).run_dir;
    assert!(
        window
            .engine
            .started()
            .iter()
            .any(|(_, spec)| *spec == JobSpec::Train(TrainJob::Resume { run_dir: run_dir.clone() }))
    );
    assert_eq!(window.shell().state.screen, Screen::Train);
}

#[test]
fn an_adapter_is_shown_with_its_files_and_commands() {
    let folder = tempfile::tempdir().unwrap();
    tunewright::fs::write_atomic(&folder.path().join("adapter_config.json"), b"{}").unwrap();
    let mut record = run("new", RunStatus::Completed);
    record.adapter = Some(folder.path().to_owned());
    let mut window = Window::open(vec![record], Screen::Export);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !window.is_shown("adapter_config.json") {
        assert!(std::time::Instant::now() < deadline, "the folder was not read");
        std::thread::sleep(std::time::Duration::from_millis(5));
        window.harness.run_steps(2);
    }
    assert!(window.is_shown("tunewright generate --model starter --adapter"));
    assert!(window.is_shown("1 file"));
}
