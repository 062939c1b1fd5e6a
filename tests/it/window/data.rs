//! The data screen and the import dialog by their accessible labels, over the real engine and a project on the disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::accesskit::Role;
use egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use tunewright::app::settings::AppSettings;
use tunewright::app::{Action, Screen, Shell, kit};
use tunewright::data::{Message, Role as Turn, Split};
use tunewright::engine::{Engine, EngineOptions};
use tunewright::hub::Sources;
use tunewright::project::{ExampleStatus, Project, Settings};
use tunewright::recipe::ModelRef;

use crate::fixtures::fixture;

const PATIENCE: Duration = Duration::from_secs(60);

/// The window with an engine and a folder of its own.
pub struct Studio {
    pub harness: Harness<'static, Shell>,
    folder: tempfile::TempDir,
}

impl Studio {
    /// Opens an empty project whose model is chosen, if one is given.
    pub fn open(model: Option<ModelRef>) -> Self {
        Self::open_with(model, Sources::only)
    }

    /// `sources` is told the folder of the models.
    pub fn open_with(model: Option<ModelRef>, sources: impl FnOnce(&Path) -> Sources) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sources = sources(&folder.path().join("models"));
        let engine = Engine::new(EngineOptions { sources, ..EngineOptions::default() }, || {}).unwrap();
        let project = folder.path().join("Tickets");
        let mut store = Project::open_or_create(&project).unwrap();
        store.save_settings(&Settings { model, ..Settings::default() }).unwrap();
        drop(store);
        let mut shell = Shell::new(Box::new(engine), AppSettings::default(), Arc::new(|| {}));
        shell.actions.push(Action::OpenProject { folder: project, sample: false });
        let frame = |ui: &mut egui::Ui, shell: &mut Shell| {
            let ctx = ui.ctx().clone();
            shell.logic(&ctx);
            shell.ui(ui);
            shell.apply_actions(&ctx);
        };
        let builder = Harness::builder().with_size(Vec2::new(1280.0, 800.0)).with_theme(egui::Theme::Dark);
        let harness = builder.with_context_setup(kit::theme::install).build_ui_state(frame, shell);
        let mut studio = Self { harness, folder };
        studio.wait("the project", |shell| shell.state.project.is_some());
        studio.act(Action::Go(Screen::Data));
        studio
    }

    /// With examples: `question N` and `answer N`, N from 1, all for training.
    pub fn with_examples(num: usize, model: Option<ModelRef>) -> Self {
        let mut studio = Self::open(model);
        let line = |n: usize| {
            let messages = [("system", "Be brief."), ("user", "question"), ("assistant", "answer")];
            let turns = messages.map(|(role, text)| {
                let text = if role == "system" { text.to_owned() } else { format!("{text} {n}") };
                serde_json::json!({ "role": role, "content": text })
            });
            serde_json::json!({ "messages": turns }).to_string() + "\n"
        };
        studio.import(&(1..=num).map(line).collect::<String>());
        studio
    }

    /// Lines of JSON, through the dialog.
    pub fn import(&mut self, lines: &str) {
        let path = self.write("examples.jsonl", lines);
        self.act(Action::OpenPath(path));
        self.wait("the preview", |shell| shell.state.mapping.dialog.as_ref().is_some_and(|d| d.problem().is_none()));
        self.key(Modifiers::COMMAND, Key::Enter);
        self.wait("the import", |shell| shell.state.mapping.dialog.is_none() && shell.state.data.open.is_some());
        self.settle();
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        tunewright::fs::write_atomic(&path, text.as_bytes()).unwrap();
        path
    }

    pub fn project(&self) -> PathBuf {
        self.folder.path().join("Tickets")
    }

    /// What is on the disk, read by another hand.
    pub fn stored(&self, id: i64) -> Vec<(Turn, String)> {
        let example = Project::open_or_create(&self.project()).unwrap().example(id).unwrap().example;
        example.messages.into_iter().map(|message: Message| (message.role, message.content)).collect()
    }

    pub fn shell(&self) -> &Shell {
        self.harness.state()
    }

    pub fn act(&mut self, action: impl Into<Action>) {
        self.harness.state_mut().actions.push(action.into());
        self.harness.run_steps(2);
    }

    pub fn wait(&mut self, what: &str, until: impl Fn(&Shell) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !until(self.shell()) {
            assert!(Instant::now() < deadline, "waited in vain for {what}; {}", self.shell().state.status);
            std::thread::sleep(Duration::from_millis(2));
            self.harness.step();
        }
        self.harness.run_steps(2);
    }

    /// Until everything is saved and shown.
    pub fn settle(&mut self) {
        self.wait("peace", |shell| !shell.state.data.is_saving() && shell.state.jobs.iter().next().is_none());
    }

    pub fn click(&mut self, role: Role, label: &str) {
        self.click_now(role, label);
        self.settle();
    }

    /// Without waiting for what comes of it.
    pub fn click_now(&mut self, role: Role, label: &str) {
        self.harness.get_by_role_and_label(role, label).click();
        self.harness.run_steps(3);
    }

    pub fn key(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run_steps(3);
    }

    pub fn type_into(&mut self, field: &str, text: &str) {
        self.harness.get_by_role_and_label(Role::TextInput, field).focus();
        self.harness.run_steps(2);
        self.key(Modifiers::COMMAND, Key::A);
        self.harness.get_by_role_and_label(Role::TextInput, field).type_text(text);
        self.harness.run_steps(2);
    }

    pub fn multiline(&mut self, field: &str, text: &str) {
        self.harness.get_by_role_and_label(Role::MultilineTextInput, field).focus();
        self.harness.run_steps(2);
        self.key(Modifiers::COMMAND, Key::A);
        self.harness.get_by_role_and_label(Role::MultilineTextInput, field).type_text(text);
        self.harness.run_steps(2);
    }

    pub fn is_shown(&self, words: &str) -> bool {
        self.harness.query_all_by_label_contains(words).next().is_some()
    }

    /// The rows of the table that are painted, by their names.
    pub fn rows(&self) -> Vec<String> {
        let rows = self.harness.query_all_by_role(Role::ListBoxOption);
        rows.filter_map(|node| node.accesskit_node().label()).collect()
    }

    pub fn counts(&self) -> u64 {
        self.shell().state.project.as_ref().map_or(0, |project| project.counts.total())
    }
}

#[test]
fn a_table_is_mapped_with_a_live_preview_and_imported() {
    let mut studio = Studio::open(None);
    assert!(studio.is_shown("No examples yet"));
    let mut text = "text,label,urgent\n".to_owned();
    for n in 1..=12 {
        text += &format!("\"ticket {n}, please\",billing,{}\n", if n % 2 == 0 { "yes" } else { "no" });
    }
    text += ",billing,yes\n";
    let path = studio.write("tickets.csv", &text);
    studio.act(Action::OpenPath(path));
    studio.wait("the preview", |shell| shell.state.mapping.dialog.as_ref().is_some_and(|d| d.preview.is_some()));
    assert!(studio.is_shown("Import tickets.csv"));

    for (column, role) in [("text", "User"), ("label", "Answer"), ("urgent", "Answer")] {
        let name = format!("Role of {column}");
        let combo = studio.harness.get_by_role_and_label(Role::ComboBox, &name);
        if combo.value().as_deref() != Some(role) {
            combo.click();
            studio.harness.run_steps(3);
            studio.click(Role::MenuItem, role);
        }
    }
    if studio.shell().state.mapping.dialog.as_ref().is_some_and(|d| d.mapping().is_some_and(|m| !m.answer_as_json)) {
        studio.click(Role::RadioButton, "JSON object");
    }
    studio.multiline("System message", "Sort the ticket.");
    studio.wait("the new preview", |shell| {
        shell.state.mapping.dialog.as_ref().is_some_and(|dialog| {
            let preview = dialog.preview.as_ref();
            let first = preview.and_then(|preview| preview.examples.first()).and_then(|example| example.as_ref().ok());
            dialog.problem().is_none() && first.is_some_and(|example| example.messages[0].content == "Sort the ticket.")
        })
    });
    assert!(studio.is_shown("ticket 1, please"), "row 1 as an example");
    assert!(studio.is_shown("Left out: 1 row has no text"), "and why");

    studio.key(Modifiers::COMMAND, Key::Enter);
    studio.wait("the import", |shell| shell.state.mapping.dialog.is_none());
    studio.settle();
    assert_eq!(studio.counts(), 12);
    assert!(studio.is_shown("Imported 12 examples"));
    let (turn, answer) = studio.stored(1).remove(2);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((turn, &answer["label"], &answer["urgent"]), (Turn::Assistant, &"billing".into(), &"no".into()));
}

#[test]
fn typing_is_saved_by_itself_and_undone() {
    let mut studio = Studio::with_examples(3, None);
    studio.click(Role::ListBoxOption, &studio.rows()[1].clone());
    assert!(studio.is_shown("Example 2"));
    studio.multiline("User, turn 2", "another question");
    assert!(studio.is_shown("Saving…"), "not said to be saved before it is");
    studio.settle();
    assert!(studio.is_shown("Saved"));
    assert_eq!(studio.stored(2)[1].1, "another question");
    assert!(studio.rows()[1].contains("Edited: another question"), "{:?}", studio.rows());

    studio.click(Role::Button, "Undo");
    assert_eq!(studio.stored(2)[1].1, "question 2");
    let shown = studio.harness.get_by_role_and_label(Role::MultilineTextInput, "User, turn 2").value();
    assert_eq!(shown.as_deref(), Some("question 2"), "the editor follows");
    studio.click(Role::Button, "Redo");
    assert_eq!(studio.stored(2)[1].1, "another question");
}

#[test]
fn turns_are_added_moved_changed_and_removed() {
    let mut studio = Studio::with_examples(1, None);
    studio.click(Role::Button, "Add turn");
    let roles = |studio: &Studio| studio.stored(1).into_iter().map(|(role, _)| role).collect::<Vec<_>>();
    assert_eq!(roles(&studio), [Turn::System, Turn::User, Turn::Assistant, Turn::User]);
    for (turn, entry) in
        [("More for turn 4", "Assistant"), ("More for turn 4", "Move up"), ("More for turn 3", "Delete turn")]
    {
        studio.click(Role::Button, turn);
        studio.click(Role::MenuItem, entry);
    }
    assert_eq!(roles(&studio), [Turn::System, Turn::User, Turn::Assistant]);
    assert_eq!(studio.stored(1)[2].1, "answer 1", "the empty one was removed");
    studio.click(Role::Button, "More for turn 3");
    studio.click(Role::MenuItem, "Duplicate turn");
    assert_eq!(studio.stored(1)[3].1, "answer 1");
}

#[test]
fn examples_are_added_duplicated_set_aside_and_deleted() {
    let mut studio = Studio::with_examples(3, None);
    studio.click(Role::Button, "Duplicate example");
    assert_eq!(studio.counts(), 4);
    let open = |studio: &Studio| studio.shell().state.data.open.as_ref().map(|draft| draft.stored.number);
    assert_eq!(open(&studio), Some(4), "the new one is opened");
    assert!(studio.rows()[1].contains("Example 4"), "below its original: {:?}", studio.rows());
    studio.click(Role::Button, "Delete example");
    assert_eq!(studio.counts(), 3);
    assert_eq!(open(&studio), Some(2), "the next one takes its place");
    studio.click(Role::Button, "Undo");
    assert_eq!((studio.counts(), open(&studio)), (4, Some(4)), "what is brought back is shown");
    studio.click(Role::Button, "Delete example");
    studio.click(Role::Button, "Add example");
    assert_eq!(studio.counts(), 4);
    assert_eq!(studio.shell().state.data.selected, Some(3), "at the end");
    let draft = studio.shell().state.data.open.as_ref().unwrap();
    assert_eq!(draft.messages[0].content, "Be brief.", "the system message is the same");

    studio.harness.get_by_role_and_label(Role::ListBox, "Examples").focus();
    studio.harness.run_steps(2);
    studio.key(Modifiers::NONE, Key::Home);
    studio.settle();
    studio.key(Modifiers::NONE, Key::ArrowDown);
    studio.settle();
    studio.key(Modifiers::NONE, Key::Delete);
    studio.settle();
    let draft = studio.shell().state.data.open.as_ref().unwrap();
    assert_eq!((draft.stored.number, draft.stored.status), (2, ExampleStatus::SetAside));
}

#[test]
fn only_rows_in_view_are_painted_and_filters_find_the_rest() {
    let mut studio = Studio::with_examples(1200, None);
    assert!(studio.rows().len() < 40, "{}", studio.rows().len());
    studio.harness.get_by_role_and_label(Role::ListBox, "Examples").focus();
    studio.harness.run_steps(2);
    studio.key(Modifiers::NONE, Key::End);
    studio.wait("the last row", |shell| shell.state.data.open.as_ref().is_some_and(|open| open.stored.number == 1200));
    studio.settle();
    assert!(studio.rows().iter().any(|row| row.contains("question 1200")), "{:?}", studio.rows());

    studio.type_into("Search text", "question 777");
    studio.wait("the search", |shell| shell.state.data.rows.num_matching() == Some(1));
    studio.settle();
    assert!(studio.rows()[0].contains("question 777"));
    studio.type_into("Search text", "nothing like it");
    studio.wait("the search", |shell| shell.state.data.rows.num_matching() == Some(0));
    studio.click(Role::Button, "Show all examples");
    studio.click(Role::RadioButton, "Val");
    let num = studio.shell().state.project.as_ref().unwrap().counts.validation;
    assert!(num > 0 && studio.shell().state.data.rows.num_matching() == Some(num));
    assert!(studio.rows().iter().all(|row| row.contains(", Val,")), "{:?}", studio.rows());
}

#[test]
fn the_split_is_dealt_anew() {
    let mut studio = Studio::with_examples(40, None);
    studio.click(Role::Button, "Split…");
    studio.type_into("Test share", "50");
    studio.key(Modifiers::NONE, Key::Tab);
    studio.settle();
    studio.click(Role::Button, "Split 40 examples");
    let counts = studio.shell().state.project.as_ref().unwrap().counts;
    assert!((15..=25).contains(&counts.test), "{counts:?}");
    studio.click(Role::Button, "Undo");
    let counts = studio.shell().state.project.as_ref().unwrap().counts;
    assert!(counts.test < 10, "{counts:?}");
}

#[test]
fn the_tokens_are_those_of_the_chosen_model() {
    let mut studio = Studio::with_examples(2, None);
    studio.click(Role::Button, "Choose a model");
    assert_eq!(studio.shell().state.screen, Screen::Model);

    let model = ModelRef::Folder(fixture("llama"));
    let mut studio = Studio::with_examples(2, Some(model));
    studio.wait("the tokens", |shell| shell.state.data.tokens.view().is_some());
    let view = studio.shell().state.data.tokens.view().unwrap().clone();
    assert!(view.num_trained > 0 && view.num_trained < view.num_tokens);
    assert!(studio.is_shown(&format!("{} tokens, {} trained", view.num_tokens, view.num_trained)));
    studio.multiline("Assistant, turn 3", "answer 1 with <|im_start|> in it");
    studio.wait("the new tokens", |shell| shell.state.data.tokens.view().is_some_and(|new| *new != view));
    let split = studio.shell().state.data.open.as_ref().unwrap().stored.split;
    assert_eq!(split, Split::Train);
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let mut studio = Studio::open(None);
    let path = studio.write("broken.json", "{\"messages\": [");
    studio.act(Action::OpenPath(path));
    studio.wait("the answer", |shell| {
        shell.state.mapping.dialog.as_ref().is_some_and(|d| d.failure.is_some() || d.preview.is_some())
    });
    let said = studio.is_shown("broken.json") && (studio.is_shown("line") || studio.is_shown("Line"));
    assert!(said, "{:?}", studio.shell().state.mapping.dialog);
    let import = studio.harness.query_by_role_and_label(Role::Button, "Import 0 examples");
    assert!(import.is_none_or(|button| button.accesskit_node().is_disabled()));
    studio.key(Modifiers::NONE, Key::Escape);
    assert!(studio.shell().state.dialog.is_none() && Path::new(&studio.project()).exists());
}
