//! Projects as a whole in the window: new, recent, gone, the sample, what an import asks; and the settings.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::accesskit::Role;
use egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use tunewright::app::screens::settings::Action as SettingsAction;
use tunewright::app::screens::settings::TokenState;
use tunewright::app::settings::{AppSettings, Recent};
use tunewright::app::{Action, OpenDialog, Screen, Shell, kit};
use tunewright::engine::fake::FakeEngine;
use tunewright::engine::{EventKind, Failure, IoJob, JobSpec, Outcome, Reply, StoreJob};
use tunewright::hub::HubToken;
use tunewright::project::{
    Annotations, Edit, ExampleRow, ExampleStatus, Project, ProjectState, RowPage, Settings, SplitCounts, Standing,
};

use super::data::Studio;

const PATIENCE: Duration = Duration::from_secs(60);

struct Window {
    engine: FakeEngine,
    harness: Harness<'static, Shell>,
}

impl Window {
    fn open(settings: AppSettings) -> Self {
        let engine = FakeEngine::default();
        let shell = Shell::new(Box::new(engine.clone()), settings, Arc::new(|| {}));
        let frame = |ui: &mut egui::Ui, shell: &mut Shell| {
            let ctx = ui.ctx().clone();
            shell.logic(&ctx);
            shell.ui(ui);
            shell.apply_actions(&ctx);
        };
        let builder = Harness::builder().with_size(Vec2::new(1280.0, 800.0)).with_theme(egui::Theme::Dark);
        let harness = builder.with_context_setup(kit::theme::install).build_ui_state(frame, shell);
        Self { engine, harness }
    }

    fn with_project(project: ProjectState) -> Self {
        let mut window = Self::open(AppSettings::default());
        window.act(Action::OpenProject { folder: project.folder.clone(), sample: false });
        window.answer(is_open, Reply::Project(project));
        window
    }

    fn shell(&self) -> &Shell {
        self.harness.state()
    }

    fn act(&mut self, action: impl Into<Action>) {
        self.harness.state_mut().actions.push(action.into());
        self.harness.run_steps(3);
    }

    fn click(&mut self, role: Role, label: &str) {
        self.harness.get_by_role_and_label(role, label).click();
        self.harness.run_steps(3);
    }

    fn key(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run_steps(3);
    }

    fn type_into(&mut self, field: &str, text: &str) {
        self.harness.get_by_role_and_label(Role::TextInput, field).focus();
        self.harness.run_steps(2);
        self.key(Modifiers::COMMAND, Key::A);
        self.harness.get_by_role_and_label(Role::TextInput, field).type_text(text);
        self.harness.run_steps(2);
    }

    fn is_shown(&self, words: &str) -> bool {
        self.harness.query_all_by_label_contains(words).next().is_some()
    }

    fn answer(&mut self, fits: impl Fn(&JobSpec) -> bool, reply: Reply) {
        let job = self.engine.last_job(fits).expect("the window started no such job");
        self.engine.answer(job, reply);
        self.harness.run_steps(3);
    }

    fn spec(&self, fits: impl Fn(&JobSpec) -> bool) -> Option<JobSpec> {
        self.engine.started().into_iter().rev().map(|(_, spec)| spec).find(|spec| fits(spec))
    }

    /// For what another thread looks up on the disk.
    fn wait(&mut self, what: &str, until: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !until(self) {
            assert!(Instant::now() < deadline, "waited in vain for {what}; {}", self.shell().state.status);
            std::thread::yield_now();
            self.harness.step();
        }
        self.harness.run_steps(2);
    }
}

fn is_open(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Store(StoreJob::OpenProject { .. }))
}

fn project(folder: &str, settings: Settings) -> ProjectState {
    ProjectState {
        is_read_only: false,
        tokens_from: None,
        loss_from: None,
        num_queued: 0,
        content_revision: 1,
        has_dates: false,
        folder: folder.into(),
        name: Path::new(folder).file_name().unwrap().to_string_lossy().into_owned(),
        counts: SplitCounts { train: 400, validation: 50, test: 48, ..SplitCounts::default() },
        source: Some("starter.jsonl".to_owned()),
        undo: Some("Undo edit of example 4".to_owned()),
        redo: None,
        last_changed: None,
        settings,
        revision: 1,
    }
}

fn tickets() -> ProjectState {
    project("/p/Tickets", Settings::default())
}

fn sample() -> ProjectState {
    project("/p/Support triage (sample)", Settings { is_sample: true, ..Settings::default() })
}

#[test]
fn every_entry_of_the_rail_opens_without_a_project_and_leads_on_from_the_settings() {
    let entries = ["Model", "Data", "Train", "Evaluate", "Compare", "Export", "Runs", "Settings"];
    let mut window = Window::open(AppSettings::default());
    for name in entries {
        window.click(Role::Tab, "Settings");
        window.click(Role::Tab, name);
        assert_eq!(window.shell().state.screen.name(), name);
        if name != "Settings" {
            assert!(!window.harness.get_by_role_and_label(Role::Button, "Open sample").accesskit_node().is_disabled());
        }
        assert_eq!(window.is_shown(&format!("{name} needs an open project")), !matches!(name, "Model" | "Settings"));
    }
    for (leads_back, to) in [
        (Key::Escape, Screen::Data),
        (Key::Num1, Screen::Model),
        (Key::Num3, Screen::Train),
        (Key::Num6, Screen::Export),
    ] {
        window.click(Role::Tab, "Data");
        window.click(Role::Tab, "Settings");
        let modifiers = if leads_back == Key::Escape { Modifiers::NONE } else { Modifiers::COMMAND };
        window.key(modifiers, leads_back);
        assert_eq!(window.shell().state.screen, to);
    }
    window.click(Role::Tab, "Settings");
    window.click(Role::Button, "Tunewright, to the first step");
    assert_eq!(window.shell().state.screen, Screen::Model);
}

#[test]
fn a_project_that_is_not_there_at_the_start_is_named() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("proj2");
    let settings = AppSettings {
        last_project: Some(folder.clone()),
        recent: vec![Recent { folder: folder.clone(), name: "proj2".to_owned() }],
        ..AppSettings::default()
    };
    let mut window = Window::open(settings);
    window.act(Action::ProjectMissing(folder.clone()));
    assert!(window.is_shown(&format!("proj2 was not found at {}", folder.display())));
    assert!(window.is_shown("proj2, not found"));
    drop(Project::create(&folder).unwrap());
    window.click(Role::Button, "Look again");
    window.wait("the project", |window| window.spec(is_open).is_some());
    assert_eq!(window.spec(is_open), Some(JobSpec::Store(StoreJob::OpenProject { folder, sample: false })));
}

#[test]
fn a_folder_that_is_no_project_asks_before_one_is_made() {
    let root = tempfile::tempdir().unwrap();
    let mut window = Window::open(AppSettings::default());
    window.act(Action::OpenPath(root.path().to_owned()));
    window.wait("the question", |window| matches!(window.shell().state.dialog, Some(OpenDialog::NoProject(_))));
    assert_eq!(window.spec(is_open), None);
    window.key(Modifiers::NONE, Key::Escape);
    assert_eq!(window.shell().state.dialog, None);
    window.act(Action::OpenPath(root.path().to_owned()));
    window.wait("the question", |window| matches!(window.shell().state.dialog, Some(OpenDialog::NoProject(_))));
    window.click(Role::Button, "Make project");
    assert_eq!(
        window.spec(is_open),
        Some(JobSpec::Store(StoreJob::OpenProject { folder: root.path().to_owned(), sample: false }))
    );
}

#[test]
fn a_new_project_has_a_name_and_a_place_and_never_takes_a_folder_that_is_used() {
    let root = tempfile::tempdir().unwrap();
    let settings = AppSettings { projects_folder: Some(root.path().to_owned()), ..AppSettings::default() };
    std::fs::create_dir_all(root.path().join("Used/inside")).unwrap();
    let mut window = Window::open(settings);
    window.click(Role::Button, "No project open");
    window.click(Role::MenuItem, "New project…");
    let is_off = |window: &Window| {
        window.harness.get_by_role_and_label(Role::Button, "Make project").accesskit_node().is_disabled()
    };
    assert!(is_off(&window), "without a name");
    window.type_into("Name of the project", "a/b");
    assert!(is_off(&window), "that is two folders");
    window.type_into("Name of the project", "Used");
    window.click(Role::Button, "Make project");
    window.wait("the refusal", |window| window.is_shown("There is a folder of that name already"));
    window.type_into("Name of the project", "Contracts");
    window.click(Role::Button, "Make project");
    window.wait("the project", |window| window.spec(is_open).is_some());
    let folder = root.path().join("Contracts");
    assert_eq!(window.spec(is_open), Some(JobSpec::Store(StoreJob::OpenProject { folder, sample: false })));
}

#[test]
fn projects_of_before_are_listed_and_one_is_renamed_and_closed() {
    let mut window = Window::with_project(project("/p/One", Settings::default()));
    window.act(Action::OpenProject { folder: "/p/Two".into(), sample: false });
    window.answer(is_open, Reply::Project(project("/p/Two", Settings::default())));
    window.click(Role::Button, "Two");
    window.wait("a look at the disk", |window| !window.shell().state.recent_missing.is_empty());
    assert!(window.harness.query_by_role_and_label(Role::MenuItem, "One, not found").is_some());
    window.click(Role::MenuItem, "Rename…");
    window.type_into("Name of the project", "Contracts");
    window.click(Role::Button, "Rename");
    let is_save = |spec: &JobSpec| matches!(spec, JobSpec::Store(StoreJob::SaveSettings { .. }));
    let Some(JobSpec::Store(StoreJob::SaveSettings { settings, .. })) = window.spec(is_save) else {
        panic!("nothing was saved")
    };
    assert_eq!(settings.name, "Contracts");
    let renamed = ProjectState { name: "Contracts".to_owned(), ..project("/p/Two", settings) };
    window.answer(is_save, Reply::Project(renamed));
    window.click(Role::Button, "Contracts");
    window.click(Role::MenuItem, "Close project");
    assert!(window.shell().state.project.is_none());
    assert!(window.is_shown("Teach a small model your task") && window.is_shown("Contracts"));
    let names: Vec<_> = window.shell().state.settings.recent.iter().map(|recent| recent.name.as_str()).collect();
    assert_eq!(names, ["Contracts", "One"]);
    assert_eq!(window.shell().state.settings.last_project, None);
}

#[test]
fn an_import_asks_before_it_goes_into_the_sample() {
    let root = tempfile::tempdir().unwrap();
    let mut window = Window::with_project(sample());
    window.harness.state_mut().state.settings.projects_folder = Some(root.path().to_owned());
    std::fs::create_dir(root.path().join("tickets")).unwrap();
    let is_preview = |spec: &JobSpec| matches!(spec, JobSpec::Io(IoJob::PreviewImport { .. }));
    let import = || Action::Import(vec![PathBuf::from("/data/tickets.csv")].into());
    window.act(import());
    assert!(window.is_shown("The open project is the sample"));
    window.key(Modifiers::NONE, Key::Escape);
    assert!(window.shell().state.pending_import.is_none() && window.spec(is_preview).is_none());
    window.act(import());
    window.click(Role::Button, "New project");
    let name = |window: &Window| match window.spec(is_open) {
        Some(JobSpec::Store(StoreJob::OpenProject { folder, sample: false })) => {
            folder.file_name().map(|n| n.to_owned())
        }
        _ => None,
    };
    window.wait("its own project", |window| name(window).is_some_and(|name| name == "tickets 2"));
    window.answer(is_open, Reply::Project(project("/p/tickets 2", Settings::default())));
    assert!(window.spec(is_preview).is_some() && window.shell().state.dialog == Some(OpenDialog::Import));

    let mut window = Window::with_project(sample());
    window.act(import());
    window.click(Role::Button, "Into this project");
    assert!(window.spec(is_preview).is_some());
    let saved = window.spec(|spec| matches!(spec, JobSpec::Store(StoreJob::SaveSettings { .. })));
    assert!(
        matches!(saved, Some(JobSpec::Store(StoreJob::SaveSettings { settings, .. })) if !settings.is_sample),
        "it is theirs now"
    );
}

#[test]
fn what_cannot_be_written_is_kept_said_and_written_later() {
    let mut window = Window::with_project(tickets());
    assert!(window.is_shown("Saved"));
    window.act(Action::Undo);
    let is_undo = |spec: &JobSpec| matches!(spec, JobSpec::Store(StoreJob::Undo { .. }));
    let job = window.engine.last_job(is_undo).unwrap();
    let full = "the disk is full: project.db can't be written";
    window.engine.tell(job, EventKind::Reply(Box::new(Reply::Standing(Standing::Unwritable(full.to_owned())))));
    let failure = Failure { message: full.to_owned(), hint: None, is_internal: false };
    window.engine.tell(job, EventKind::Finished(Outcome::Failed(failure)));
    window.harness.run_steps(3);
    assert!(window.is_shown(&format!("Not saved: {full}")));
    assert!(window.harness.query_by_label("Saved").is_none(), "nothing says so that isn't");
    assert_eq!(window.shell().state.dialog, None);

    window.act(Action::CloseProject);
    assert!(window.is_shown("This project isn't saved") && window.shell().state.project.is_some());
    window.key(Modifiers::NONE, Key::Escape);

    window.act(Action::Go(Screen::Runs));
    let num_before = window.engine.started().iter().filter(|(_, spec)| is_undo(spec)).count();
    window.click(Role::Button, "Look again");
    window.answer(
        |spec| matches!(spec, JobSpec::Store(StoreJob::LookAtProject { .. })),
        Reply::Standing(Standing::Saved),
    );
    let num_now = window.engine.started().iter().filter(|(_, spec)| is_undo(spec)).count();
    assert_eq!(num_now, num_before + 1, "it is done now");
    assert!(!window.is_shown("Not saved"));
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_deleted_while_open_is_told_and_everything_is_saved_elsewhere() {
    let mut studio = Studio::with_examples(3, None);
    let folder = studio.project();
    std::fs::remove_dir_all(&folder).unwrap();
    studio.act(tunewright::app::screens::data::ExampleAction::Notes("meanwhile".to_owned()));
    studio.wait("that it is told", |shell| shell.state.saving.standing == Standing::Gone);
    assert!(studio.is_shown(&format!("Not saved: the folder {} is gone", folder.display())));
    let elsewhere = folder.with_file_name("Saved");
    studio.act(Action::SaveProjectAs(elsewhere.clone()));
    studio.wait("the other folder", |shell| shell.state.project.as_ref().is_some_and(|p| p.folder == elsewhere));
    studio.settle();
    assert!(!studio.is_shown("Not saved") && studio.is_shown("Saved"));
    assert_eq!(studio.shell().state.screen, Screen::Data, "the work goes on where it was");
    let mut saved = Project::open(&elsewhere).unwrap();
    assert_eq!(saved.counts().unwrap().total(), 3);
    assert_eq!(saved.example(1).unwrap().annotations.notes, "meanwhile");
}

#[test]
fn the_sample_is_a_copy_that_keeps_what_was_done_in_it() {
    let mut studio = Studio::open(None);
    let place = studio.project().with_file_name("places");
    studio.harness.state_mut().state.settings.projects_folder = Some(place.clone());
    let is_sample = |shell: &Shell| shell.state.project.as_ref().is_some_and(|p| p.name == "Support triage (sample)");
    studio.act(Action::OpenSample);
    studio.wait("the sample", is_sample);
    assert!(studio.shell().state.project.as_ref().unwrap().settings.is_sample);
    let folder = place.join("Support triage (sample)");
    let mut store = Project::open(&folder).unwrap();
    let num = store.counts().unwrap().total();
    assert!(num > 400);
    store.apply(&Edit::Delete { ids: (1..=num as i64).collect() }).unwrap();
    drop(store);
    let other = studio.project();
    studio.act(Action::OpenProject { folder: other, sample: false });
    studio.wait("the other", |shell| !is_sample(shell));
    studio.act(Action::OpenSample);
    studio.wait("the sample again", is_sample);
    assert_eq!(studio.shell().state.project.as_ref().unwrap().counts.total(), 0, "it was not filled again");
}

#[test]
fn the_command_field_finds_examples_acts_settings_and_says_what_is_not_there() {
    let mut window = Window::with_project(tickets());
    let rows = |window: &Window| -> Vec<String> {
        let items = window.harness.query_all_by_role(Role::MenuItem);
        items.filter_map(|item| item.accesskit_node().label()).collect()
    };
    let type_in = |window: &mut Window, text: &str| {
        window.key(Modifiers::NONE, Key::Escape);
        window.key(Modifiers::COMMAND, Key::K);
        window.harness.get_by_role_and_label(Role::TextInput, "Command").type_text(text);
        window.harness.run_steps(3);
    };
    type_in(&mut window, "memory");
    assert!(rows(&window).contains(&"Memory limit".to_owned()));
    window.key(Modifiers::NONE, Key::Enter);
    assert_eq!(window.shell().state.screen, Screen::Settings);
    window.key(Modifiers::COMMAND, Key::K);
    assert_eq!(rows(&window)[0], "Memory limit", "what was taken last comes first");
    type_in(&mut window, "evaluate");
    assert!(rows(&window).contains(&"Go to Evaluate".to_owned()));

    type_in(&mut window, "refund");
    let is_search =
        |spec: &JobSpec| matches!(spec, JobSpec::Store(StoreJob::Query { query, .. }) if query.search == "refund");
    let Some(JobSpec::Store(StoreJob::Query { query, .. })) = window.spec(is_search) else { panic!("no search") };
    let row = ExampleRow {
        id: 7,
        number: 7,
        split: tunewright::data::Split::Train,
        status: ExampleStatus::Ready,
        prompt: "Where is my refund?".to_owned(),
        answer: String::new(),
        num_turns: 2,
        annotations: Annotations::default(),
        findings: Vec::new(),
    };
    let page = RowPage { query, num_matching: 9, rows: vec![row], is_partial: false };
    window.answer(is_search, Reply::Rows(page));
    assert_eq!(rows(&window), ["7: Where is my refund?", "Show all 9 in the table"]);
    window.key(Modifiers::NONE, Key::Enter);
    assert_eq!(window.shell().state.screen, Screen::Data);
    assert!(window.spec(|spec| matches!(spec, JobSpec::Store(StoreJob::LoadExample { id: 7, .. }))).is_some());

    let root = tempfile::tempdir().unwrap();
    tunewright::fs::write_atomic(&root.path().join("tickets.csv"), b"a,b\n").unwrap();
    let typed = format!("{}/tick", root.path().display());
    type_in(&mut window, &typed);
    window.wait("a look at the disk", |window| window.is_shown("does not exist"));
    window.key(Modifiers::NONE, Key::Enter);
    assert_eq!(window.shell().state.dialog, Some(OpenDialog::Commands), "there is nothing to open");
    window.key(Modifiers::NONE, Key::Tab);
    let whole = format!("{typed}ets.csv");
    assert_eq!(window.shell().drafts.commands, whole);
    window.wait("the whole path", |window| rows(window).contains(&format!("Open {whole}")));
    window.key(Modifiers::NONE, Key::Enter);
    window.wait("the import", |window| window.shell().state.dialog == Some(OpenDialog::Import));
}

#[test]
fn letters_typed_right_after_the_command_key_are_not_lost() {
    let mut window = Window::with_project(tickets());
    window.act(Action::Go(Screen::Data));
    let key = |key, modifiers, pressed| egui::Event::Key { key, physical_key: None, pressed, repeat: false, modifiers };
    let events = [
        key(Key::K, Modifiers::COMMAND, true),
        key(Key::R, Modifiers::NONE, true),
        egui::Event::Text("r".to_owned()),
        key(Key::U, Modifiers::NONE, true),
        egui::Event::Text("u".to_owned()),
    ];
    let num_before = window.engine.started().len();
    // In one and the same frame, as a slow machine gets them.
    window.harness.input_mut().events.extend(events);
    window.harness.step();
    window.harness.event(egui::Event::Text("n".to_owned()));
    window.harness.run_steps(3);
    assert_eq!(window.shell().drafts.commands, "run");
    let later = window.engine.started().split_off(num_before);
    assert!(
        later.iter().all(|(_, spec)| matches!(spec, JobSpec::Store(StoreJob::Query { .. }))),
        "no screen took them: {later:?}"
    );
}

#[test]
fn a_failure_in_the_status_bar_goes_with_the_next_act() {
    let mut window = Window::with_project(tickets());
    window.act(Action::NothingAt("/nowhere".into()));
    assert!(window.is_shown("/nowhere does not exist"));
    window.act(Action::Go(Screen::Runs));
    assert!(!window.is_shown("/nowhere does not exist"));
}

#[test]
fn the_settings_reach_the_engine() {
    let mut window = Window::with_project(tickets());
    window.act(Action::Go(Screen::Settings));
    window.click(Role::Switch, "Network");
    window.act(SettingsAction::MemoryLimit(Some(2_000_000_000)));
    window.act(SettingsAction::Folder(tunewright::app::screens::settings::Place::Models, Some("/models".into())));
    let token = HubToken::new("hf_secret");
    window.act(SettingsAction::Token(TokenState::OnlyHere(token.clone(), "this system has no keyring".to_owned())));
    let limits = window.engine.limits().expect("the engine was told");
    assert!(limits.is_offline && limits.memory == Some(2_000_000_000));
    assert_eq!((limits.models_folder, limits.token), (Some("/models".into()), Some(token)));
    assert!(window.is_shown("Kept until the window closes: this system has no keyring"));
    assert!(!format!("{:?}", window.shell().state.settings_screen).contains("hf_secret"));
    window.click(Role::Button, "Forget the Hub token");
    assert_eq!(window.engine.limits().unwrap().token, None);
    assert!(!window.is_shown("median"), "frame times are for developers");
    window.harness.get_by_role_and_label(Role::Button, "For developers").scroll_to_me();
    window.harness.run_steps(3);
    window.click(Role::Button, "For developers");
    assert!(window.is_shown("Frame times"));
}

#[test]
fn a_project_that_can_only_be_read_says_so_and_can_be_saved_elsewhere() {
    let window = Window::with_project(ProjectState { is_read_only: true, ..tickets() });
    assert!(window.is_shown("Read only: /p/Tickets can't be written to") && window.is_shown("Save as…"));
    assert!(!window.is_shown("Not saved"));
    // Nothing is lost when it is closed.
    assert!(window.shell().state.saving.is_safe());
}
