//! The whole way through the window by accessible labels, with the real engine behind it: import, edit, undo, train,
//! compare. Once on the tiny fixture, once on the starter model. Nothing is painted.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::accesskit::Role;
use egui::{Key, Modifiers, Vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::{Harness, Node};
use tunewright::app::settings::AppSettings;
use tunewright::app::{Action, Screen, Shell, kit};
use tunewright::data::starter;
use tunewright::engine::{Engine, EngineOptions};
use tunewright::hub::{Sources, models_dir, resolve};
use tunewright::recipe::ModelRef;
use tunewright::train::StepMetrics;

struct Wizard {
    harness: Harness<'static, Shell>,
    folder: tempfile::TempDir,
    /// No single wait may take longer.
    patience: Duration,
}

/// A file as the desktop drops it on the window.
#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

impl Wizard {
    fn open(models_dir: &Path, patience: Duration) -> Self {
        let options = EngineOptions { sources: Sources::only(models_dir), ..EngineOptions::default() };
        let engine = Engine::new(options, || {}).unwrap();
        let shell = Shell::new(Box::new(engine), AppSettings::default(), Arc::new(|| {}));
        let frame = |ui: &mut egui::Ui, shell: &mut Shell| {
            let ctx = ui.ctx().clone();
            shell.logic(&ctx);
            shell.ui(ui);
            shell.apply_actions(&ctx);
        };
        let builder = Harness::builder().with_size(Vec2::new(1280.0, 800.0)).with_theme(egui::Theme::Dark);
        let harness = builder.with_context_setup(kit::theme::install).build_ui_state(frame, shell);
        Self { harness, folder: tempfile::tempdir().unwrap(), patience }
    }

    /// Closes the window and opens it again on the same project.
    fn reopen(self, models_dir: &Path) -> Self {
        let Self { harness, folder, patience } = self;
        drop(harness);
        let mut again = Self { folder, ..Self::open(models_dir, patience) };
        let project = again.folder.path().join("Wizard");
        again.harness.state_mut().actions.push(Action::OpenProject { folder: project, sample: false });
        again.until("the project is open", |wizard| wizard.shell().state.project.is_some());
        again
    }

    fn shell(&self) -> &Shell {
        self.harness.state()
    }

    /// Frame after frame until it is so; the engine works meanwhile.
    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            let state = &self.shell().state;
            assert!(begun.elapsed() < self.patience, "{what}: not within {:?}; {:?}", self.patience, state.dialog);
            self.harness.step();
            std::thread::sleep(Duration::from_millis(2));
        }
        // What the last event changed is laid out, too.
        self.harness.step();
    }

    fn is_shown(&self, words: &str) -> bool {
        self.harness.query_all_by_label_contains(words).next().is_some()
    }

    fn until_shown(&mut self, words: &str) {
        self.until(words, |wizard| wizard.is_shown(words));
    }

    fn is_ready(&self, role: Role, label: &str) -> bool {
        let mut found = self.harness.query_all_by_role_and_label(role, label);
        found.next().is_some_and(|node| !node.accesskit_node().is_disabled())
    }

    /// Waits for the control to be there and not disabled, and clicks it.
    fn click(&mut self, role: Role, label: &str) {
        self.until(label, |wizard| wizard.is_ready(role, label));
        self.harness.get_by_role_and_label(role, label).click();
        self.harness.run_steps(2);
    }

    fn drop_on_window(&mut self, path: PathBuf) {
        self.harness.input_mut().dropped_files.push(Arc::new(Dropped(path)));
        self.harness.step();
        self.harness.input_mut().dropped_files.clear();
    }

    /// A field to type in; the words beside it have the same label.
    fn field<'a>(&'a self, label: &'a str) -> Option<Node<'a>> {
        let is_field = |node: &Node<'_>| {
            matches!(node.accesskit_node().role(), Role::TextInput | Role::MultilineTextInput | Role::SpinButton)
        };
        self.harness.query_all_by_label(label).find(is_field)
    }

    /// Types over the whole text of a field.
    fn type_over(&mut self, field: &str, text: &str) {
        self.until(field, |wizard| wizard.field(field).is_some());
        self.field(field).unwrap().focus();
        self.harness.run_steps(2);
        self.harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
        self.field(field).unwrap().type_text(text);
        self.harness.run_steps(2);
    }

    /// Types into a field of one line and leaves it.
    fn enter(&mut self, field: &str, text: &str) {
        self.type_over(field, text);
        self.harness.key_press(Key::Enter);
        self.harness.run_steps(2);
    }

    fn value_of(&self, field: &str) -> String {
        self.field(field).and_then(|node| node.value()).unwrap_or_default()
    }

    /// A new folder, dropped on the window, becomes a project once that is confirmed.
    fn make_project(&mut self) {
        let folder = self.folder.path().join("Wizard");
        std::fs::create_dir(&folder).unwrap();
        self.drop_on_window(folder);
        self.click(Role::Button, "Make project");
        self.until("the project is open", |wizard| wizard.shell().state.project.is_some());
    }

    fn num_examples(&self) -> u64 {
        self.shell().state.project.as_ref().map_or(0, |project| project.counts.total())
    }

    fn steps(&self) -> &[StepMetrics] {
        self.shell().state.train.run.as_ref().map_or(&[], |run| &run.steps)
    }

    /// Trains with the settings in the form to the end; the curves then have points.
    fn train(&mut self) {
        self.click(Role::Button, "Start training");
        self.until("the run is done", |wizard| wizard.is_ready(Role::Button, "New run"));
        let run = self.shell().state.train.run.as_ref().unwrap();
        assert!(!run.steps.is_empty() && run.evaluations.len() > 1);
        assert!(self.steps().iter().all(|step| step.loss.is_finite() && step.grad_norm > 0.0));
        let sentence = format!("Loss curves, {} steps: training loss ", self.steps().len());
        assert!(self.is_shown(&sentence), "the chart says what it shows");
        assert!(!self.is_shown("not known yet"));
    }

    /// Both answers to a held-out prompt.
    fn compare(&mut self) -> [String; 2] {
        self.click(Role::Button, "Compare");
        self.enter("Most tokens", "8");
        self.until("a held-out prompt", |wizard| wizard.shell().state.compare.expected().is_some());
        let pair = |wizard: &Self| wizard.shell().state.compare.pair().cloned();
        if pair(self).is_none() {
            self.click(Role::Button, "Answer");
        }
        self.until("both answers", |wizard| pair(wizard).is_some_and(|pair| pair.is_complete()));
        assert!(self.is_shown("Answer before: ") && self.is_shown("Answer after: "));
        let pair = pair(self).unwrap();
        [pair.kept.before.text, pair.kept.after.text]
    }
}

#[test]
fn the_whole_way_on_the_tiny_model() {
    let models = tempfile::tempdir().unwrap();
    let tiny = models.path().join("tiny-llama");
    std::fs::create_dir(&tiny).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/llama");
    for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(fixture.join(file), tiny.join(file)).unwrap();
    }
    let mut wizard = Wizard::open(models.path(), Duration::from_secs(60));
    wizard.make_project();

    wizard.click(Role::RadioButton, "tiny-llama");
    wizard.click(Role::Button, "Use this model");
    wizard.until("there are no examples yet", |wizard| wizard.shell().state.screen == Screen::Data);

    let rows: String = (0..60).map(|i| format!("text {i},kind {}\n", i % 4)).collect();
    let file = wizard.folder.path().join("kinds.csv");
    tunewright::fs::write_atomic(&file, format!("text,category\n{rows}").as_bytes()).unwrap();
    wizard.drop_on_window(file);
    wizard.until_shown("Import kinds.csv");
    wizard.click(Role::Button, "Import 60 examples");
    wizard.until("60 examples", |wizard| wizard.num_examples() == 60);

    wizard.until_shown("Example 3, ");
    let row = wizard.harness.query_all_by_label_contains("Example 3, ").next().unwrap();
    row.click();
    wizard.harness.run_steps(2);
    wizard.until("the example is open", |wizard| wizard.value_of("Assistant, turn 2") == "kind 2");
    wizard.type_over("Assistant, turn 2", "kind 9");
    wizard.until("the edit is kept", |wizard| {
        wizard.shell().state.project.as_ref().is_some_and(|project| project.counts.edited == 1)
    });
    // The tokens are those of the new text.
    wizard.until_shown("Trained");
    wizard.click(Role::Button, "Undo");
    wizard.until("the edit is taken back", |wizard| wizard.value_of("Assistant, turn 2") == "kind 2");
    assert_eq!(wizard.shell().state.project.as_ref().unwrap().counts.edited, 0);

    wizard.click(Role::Tab, "Train");
    wizard.train();
    let [before, after] = wizard.compare();
    assert!(!before.is_empty() && !after.is_empty(), "{before:?} {after:?}");
    wizard.click(Role::Tab, "Evaluate");
    wizard.click(Role::Button, "Evaluate");
    wizard.until_shown("measured in ");
    let evaluate = |wizard: &Wizard| tunewright::app::Screen::Evaluate.rail(&wizard.shell().state).0;
    let measured = evaluate(&wizard);

    // What was measured and compared is there again.
    let mut wizard = wizard.reopen(models.path());
    wizard.until("what was measured", |wizard| evaluate(wizard) == measured);
    wizard.click(Role::Tab, "Evaluate");
    assert!(wizard.is_shown("measured in ") && !wizard.is_shown("Measure again"));
    wizard.click(Role::Tab, "Compare");
    wizard.until("both answers", |wizard| wizard.shell().state.compare.pair().is_some());
    let kept = &wizard.shell().state.compare.pair().unwrap().kept;
    assert_eq!([&kept.before.text, &kept.after.text], [&before, &after]);
}

/// `scripts/test` fetches the starter model.
#[test]
fn the_whole_way_on_the_starter_model() {
    let found = resolve(&ModelRef::Starter, &Sources::only(&models_dir()));
    assert!(found.is_ok(), "scripts/test fetches the starter model first: {found:?}");
    let mut wizard = Wizard::open(&models_dir(), Duration::from_secs(120));
    wizard.make_project();
    wizard.click(Role::RadioButton, "SmolLM2-135M-Instruct");
    wizard.click(Role::Button, "Use this model");

    // A few rows are enough to see that it works.
    let tickets: Vec<&str> = std::str::from_utf8(starter::BYTES).unwrap().lines().take(30).collect();
    let file = wizard.folder.path().join(starter::FILE_NAME);
    tunewright::fs::write_atomic(&file, tickets.join("\n").as_bytes()).unwrap();
    wizard.drop_on_window(file);
    wizard.click(Role::Button, "Import 30 examples");
    wizard.until("30 examples", |wizard| wizard.num_examples() == 30);

    wizard.click(Role::Tab, "Train");
    wizard.click(Role::RadioButton, "Advanced");
    wizard.enter("Most steps", "3");
    wizard.enter("Batch size", "2");
    wizard.until_shown("3, 2 examples each");
    wizard.train();
    assert_eq!(wizard.steps().len(), 3);
    let [before, after] = wizard.compare();
    assert!(!before.is_empty() && !after.is_empty(), "{before:?} {after:?}");
}
