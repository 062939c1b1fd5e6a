//! Projects as a whole in the window: new, recent, gone, the sample, what an import asks; and the settings.

use std::path::{Path, PathBuf};

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use tunewright::app::screens::settings::Action as SettingsAction;
use tunewright::app::screens::settings::TokenState;
use tunewright::app::settings::{AppSettings, Recent};
use tunewright::app::{Action, OpenDialog, Screen, Shell};
use tunewright::data::Split;
use tunewright::engine::{EventKind, Failure, JobSpec, Outcome, Reply, StoreJob};
use tunewright::hub::HubToken;
use tunewright::project::{Edit, Project, ProjectState, RowPage, Settings, Standing};

use super::harness::asked::{is_open, is_preview_import, is_query, is_save, is_undo};
use super::harness::{Studio, Window, made};

fn with_project(project: ProjectState) -> Window {
    let mut window = Window::open();
    window.act(Action::OpenProject { folder: project.folder.clone(), sample: false });
    window.answer(is_open, Reply::Project(project));
    window
}

fn project(folder: &str, settings: Settings) -> ProjectState {
    let undo = Some("Undo edit of example 4".to_owned());
    ProjectState { undo, settings, ..made::project(folder) }
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
    let mut window = Window::open();
    for name in entries {
        window.click(Role::Tab, "Settings");
        window.click(Role::Tab, name);
        assert_eq!(window.shell().state.screen.name(), name);
        if name != "Settings" {
            assert!(!window.is_disabled("Open sample"));
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
    let mut window = Window::with_settings(settings);
    window.act(Action::ProjectMissing(folder.clone()));
    assert!(window.is_shown(&format!("proj2 was not found at {}", folder.display())));
    assert!(window.is_shown("proj2, not found"));
    drop(Project::create(&folder).unwrap());
    window.click(Role::Button, "Look again");
    window.until("the project", |window| window.spec(is_open).is_some());
    assert_eq!(window.spec(is_open), Some(JobSpec::Store(StoreJob::OpenProject { folder, sample: false })));
}

#[test]
fn a_folder_that_is_no_project_asks_before_one_is_made() {
    let root = tempfile::tempdir().unwrap();
    let mut window = Window::open();
    window.act(Action::OpenPath(root.path().to_owned()));
    window.until("the question", |window| matches!(window.shell().state.dialog, Some(OpenDialog::NoProject(_))));
    assert_eq!(window.spec(is_open), None);
    window.key(Modifiers::NONE, Key::Escape);
    assert_eq!(window.shell().state.dialog, None);
    window.act(Action::OpenPath(root.path().to_owned()));
    window.until("the question", |window| matches!(window.shell().state.dialog, Some(OpenDialog::NoProject(_))));
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
    let mut window = Window::with_settings(settings);
    window.click(Role::Button, "No project open");
    window.click(Role::MenuItem, "New project…");
    assert!(window.is_disabled("Make project"), "without a name");
    window.type_into("Name of the project", "a/b");
    assert!(window.is_disabled("Make project"), "that is two folders");
    window.type_into("Name of the project", "Used");
    window.click(Role::Button, "Make project");
    window.until("the refusal", |window| window.is_shown("There is a folder of that name already"));
    window.type_into("Name of the project", "Contracts");
    window.click(Role::Button, "Make project");
    window.until("the project", |window| window.spec(is_open).is_some());
    let folder = root.path().join("Contracts");
    assert_eq!(window.spec(is_open), Some(JobSpec::Store(StoreJob::OpenProject { folder, sample: false })));
}

#[test]
fn projects_of_before_are_listed_and_one_is_renamed_and_closed() {
    let mut window = with_project(project("/p/One", Settings::default()));
    window.act(Action::OpenProject { folder: "/p/Two".into(), sample: false });
    window.answer(is_open, Reply::Project(project("/p/Two", Settings::default())));
    window.click(Role::Button, "Two");
    window.until("a look at the disk", |window| !window.shell().state.recent_missing.is_empty());
    assert!(window.has(Role::MenuItem, "One, not found"));
    window.click(Role::MenuItem, "Rename…");
    window.type_into("Name of the project", "Contracts");
    window.click(Role::Button, "Rename");
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
    let mut window = with_project(sample());
    window.harness.state_mut().state.settings.projects_folder = Some(root.path().to_owned());
    std::fs::create_dir(root.path().join("tickets")).unwrap();
    let import = || Action::Import(vec![PathBuf::from("/data/tickets.csv")].into());
    window.act(import());
    assert!(window.is_shown("The open project is the sample"));
    window.key(Modifiers::NONE, Key::Escape);
    assert!(window.shell().state.pending_import.is_none() && window.spec(is_preview_import).is_none());
    window.act(import());
    window.click(Role::Button, "New project");
    let name = |window: &Window| match window.spec(is_open) {
        Some(JobSpec::Store(StoreJob::OpenProject { folder, sample: false })) => {
            folder.file_name().map(|n| n.to_owned())
        }
        _ => None,
    };
    window.until("its own project", |window| name(window).is_some_and(|name| name == "tickets 2"));
    window.answer(is_open, Reply::Project(project("/p/tickets 2", Settings::default())));
    assert!(window.spec(is_preview_import).is_some() && window.shell().state.dialog == Some(OpenDialog::Import));

    let mut window = with_project(sample());
    window.act(import());
    window.click(Role::Button, "Into this project");
    assert!(window.spec(is_preview_import).is_some());
    let saved = window.spec(is_save);
    assert!(
        matches!(saved, Some(JobSpec::Store(StoreJob::SaveSettings { settings, .. })) if !settings.is_sample),
        "it is theirs now"
    );
}

#[test]
fn what_cannot_be_written_is_kept_said_and_written_later() {
    let mut window = with_project(tickets());
    assert!(window.is_shown("Saved"));
    window.act(Action::Undo);
    let job = window.job(is_undo);
    let full = "the disk is full: project.db can't be written";
    window.engine.tell(job, EventKind::Reply(Box::new(Reply::Standing(Standing::Unwritable(full.to_owned())))));
    let failure = Failure { message: full.to_owned(), hint: None, is_internal: false };
    window.tell(job, EventKind::Finished(Outcome::Failed(failure)));
    assert!(window.is_shown(&format!("Not saved: {full}")));
    assert_eq!(window.num_shown("Saved"), 0, "nothing says so that isn't");
    assert_eq!(window.shell().state.dialog, None);

    window.act(Action::CloseProject);
    assert!(window.is_shown("This project isn't saved") && window.shell().state.project.is_some());
    window.key(Modifiers::NONE, Key::Escape);

    window.act(Action::Go(Screen::Runs));
    let num_before = window.num_asked(is_undo);
    window.click(Role::Button, "Look again");
    window.answer(
        |spec| matches!(spec, JobSpec::Store(StoreJob::LookAtProject { .. })),
        Reply::Standing(Standing::Saved),
    );
    assert_eq!(window.num_asked(is_undo), num_before + 1, "it is done now");
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
    let mut window = with_project(tickets());
    let rows = |window: &Window| -> Vec<String> {
        let items = window.harness.query_all_by_role(Role::MenuItem);
        items.filter_map(|item| item.accesskit_node().label()).collect()
    };
    let type_in = |window: &mut Window, text: &str| {
        window.key(Modifiers::NONE, Key::Escape);
        window.key(Modifiers::COMMAND, Key::K);
        window.harness.get_by_role_and_label(Role::TextInput, "Command").type_text(text);
        window.settle();
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
    let row = made::row(7, Split::Train, "Where is my refund?".to_owned());
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
    window.until("a look at the disk", |window| window.is_shown("does not exist"));
    window.key(Modifiers::NONE, Key::Enter);
    assert_eq!(window.shell().state.dialog, Some(OpenDialog::Commands), "there is nothing to open");
    window.key(Modifiers::NONE, Key::Tab);
    let whole = format!("{typed}ets.csv");
    assert_eq!(window.shell().drafts.commands, whole);
    window.until("the whole path", |window| rows(window).contains(&format!("Open {whole}")));
    window.key(Modifiers::NONE, Key::Enter);
    window.until("the import", |window| window.shell().state.dialog == Some(OpenDialog::Import));
}

#[test]
fn letters_typed_right_after_the_command_key_are_not_lost() {
    let mut window = with_project(tickets());
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
    assert!(later.iter().all(|(_, spec)| is_query(spec)), "no screen took them: {later:?}");
}

#[test]
fn a_failure_in_the_status_bar_goes_with_the_next_act() {
    let mut window = with_project(tickets());
    window.act(Action::NothingAt("/nowhere".into()));
    assert!(window.is_shown("/nowhere does not exist"));
    window.act(Action::Go(Screen::Runs));
    assert!(!window.is_shown("/nowhere does not exist"));
}

#[test]
fn the_settings_reach_the_engine() {
    let mut window = with_project(tickets());
    window.act(Action::Go(Screen::Settings));
    window.click(Role::Switch, "Network");
    window.act(SettingsAction::MemoryLimit(Some(2_000_000_000)));
    window.act(SettingsAction::Folder(tunewright::app::screens::settings::Place::Models, Some("/models".into())));
    window.act(SettingsAction::LookInFolder("/own".into()));
    window.act(SettingsAction::LookInFolder("/shared".into()));
    assert_eq!(window.engine.limits().unwrap().more_folders, [Path::new("/own"), Path::new("/shared")]);
    window.scroll_to(Role::Button, "Leave out /own");
    window.click(Role::Button, "Leave out /own");
    assert_eq!(window.engine.limits().unwrap().more_folders, [Path::new("/shared")]);
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
    window.scroll_to(Role::Button, "For developers");
    window.click(Role::Button, "For developers");
    assert!(window.is_shown("Frame times"));
}

#[test]
fn a_project_that_can_only_be_read_says_so_and_can_be_saved_elsewhere() {
    let window = with_project(ProjectState { is_read_only: true, ..tickets() });
    assert!(window.is_shown("Read only: /p/Tickets can't be written to") && window.is_shown("Save as…"));
    assert!(!window.is_shown("Not saved"));
    // Nothing is lost when it is closed.
    assert!(window.shell().state.saving.is_safe());
}
