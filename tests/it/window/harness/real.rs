//! A window over the real engine, with a project on the disk.

use std::path::{Path, PathBuf};

use egui::{Key, Modifiers};
use tunewright::app::screens::mapping::state::ImportDialog;
use tunewright::app::settings::AppSettings;
use tunewright::app::{Action, Screen, Shell};
use tunewright::data::{Message, Role as Turn};
use tunewright::engine::{Engine, EngineOptions};
use tunewright::hub::Sources;
use tunewright::project::{Project, Settings};
use tunewright::recipe::ModelRef;

use super::{Behind, Driven, PATIENCE, Wake, harness, made};
use crate::fixtures::write;

pub type Studio = Driven<Real>;

/// What a [`Studio`] has: the engine itself belongs to the window.
pub struct Real {
    /// Models, projects and files; it goes with the test.
    folder: tempfile::TempDir,
}

impl Behind for Real {
    fn show(studio: &mut Studio) {
        // More than rests: what the engine tells meanwhile comes between them.
        studio.harness.run_steps(3);
    }

    /// Until everything is saved and shown.
    fn settle(studio: &mut Studio) {
        studio.wait("peace", |shell| !shell.state.data.is_saving() && shell.state.jobs.iter().next().is_none());
    }
}

impl Studio {
    /// The first launch: no project yet. `sources` is given the folder of the models.
    pub fn launch(sources: impl FnOnce(&Path) -> Sources) -> Self {
        Self::launch_in(tempfile::tempdir().unwrap(), sources)
    }

    fn launch_in(folder: tempfile::TempDir, sources: impl FnOnce(&Path) -> Sources) -> Self {
        let (sources, wake) = (sources(&folder.path().join("models")), Wake::new());
        let waker = wake.waker();
        let engine = Engine::new(EngineOptions { sources, ..EngineOptions::default() }, move || waker()).unwrap();
        let shell = Shell::new(Box::new(engine), AppSettings::default(), wake.waker());
        Self { harness: harness(shell), engine: Real { folder }, patience: PATIENCE, wake }
    }

    /// Closes the window and opens it again on a project.
    pub fn reopen(self, project: &str, sources: impl FnOnce(&Path) -> Sources) -> Self {
        let Self { harness, engine, patience, .. } = self;
        drop(harness);
        let mut studio = Self { patience, ..Self::launch_in(engine.folder, sources) };
        studio.open_project(studio.path(project));
        studio
    }

    /// An empty project whose model is chosen, if one is given.
    pub fn open(model: Option<ModelRef>) -> Self {
        Self::open_with(model, Sources::only)
    }

    /// An empty project whose model is chosen, if one is given. `sources` is given the folder of the models.
    pub fn open_with(model: Option<ModelRef>, sources: impl FnOnce(&Path) -> Sources) -> Self {
        let mut studio = Self::launch(sources);
        let mut store = Project::open_or_create(&studio.project()).unwrap();
        store.save_settings(&Settings { model, ..Settings::default() }).unwrap();
        drop(store);
        studio.open_project(studio.project());
        studio.act(Action::Go(Screen::Data));
        studio
    }

    fn open_project(&mut self, folder: PathBuf) {
        self.act(Action::OpenProject { folder, sample: false });
        self.wait("the project", |shell| shell.state.project.is_some());
    }

    /// With examples: `question N` and `answer N`, N from 1, all for training.
    pub fn with_examples(num: usize, model: Option<ModelRef>) -> Self {
        let mut studio = Self::open(model);
        let line = |n: usize| {
            let [question, answer] = ["question", "answer"].map(|word| format!("{word} {n}"));
            made::chat(&[("system", "Be brief."), ("user", &question), ("assistant", &answer)])
        };
        studio.import(&(1..=num).map(line).collect::<String>());
        studio
    }

    /// Lines of JSON, through the dialog.
    pub fn import(&mut self, lines: &str) {
        self.preview("examples.jsonl", lines);
        self.confirm_import();
    }

    /// Opens a file in the import dialog, until it can be imported.
    pub fn preview(&mut self, name: &str, text: &str) {
        let path = self.write(name, text);
        self.act(Action::OpenPath(path));
        self.wait_for_preview();
    }

    /// Waits for the import dialog to have nothing against an import.
    pub fn wait_for_preview(&mut self) {
        self.wait("the preview", |shell| dialog(shell).is_some_and(|dialog| dialog.problem().is_none()));
    }

    /// Imports what the dialog shows.
    pub fn confirm_import(&mut self) {
        self.key(Modifiers::COMMAND, Key::Enter);
        self.wait("the import", |shell| dialog(shell).is_none() && shell.state.data.open.is_some());
        self.settle();
    }

    /// Writes a file beside the project.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        write(self.engine.folder.path(), name, text)
    }

    /// A place in the folder of this test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.engine.folder.path().join(name)
    }

    pub fn project(&self) -> PathBuf {
        self.path("Tickets")
    }

    /// What is on the disk, read by another hand.
    pub fn stored(&self, id: i64) -> Vec<(Turn, String)> {
        let example = Project::open_or_create(&self.project()).unwrap().example(id).unwrap().example;
        example.messages.into_iter().map(|message: Message| (message.role, message.content)).collect()
    }

    pub fn num_examples(&self) -> u64 {
        self.shell().state.project.as_ref().map_or(0, |project| project.counts.total())
    }
}

/// The import dialog, if it is open.
pub fn dialog(shell: &Shell) -> Option<&ImportDialog> {
    shell.state.mapping.dialog.as_ref()
}
