//! The window, driven by accessible labels against a scripted engine: what a click asks for, and what is shown of the
//! answers. Nothing is painted.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use tunewright::app::Screen;
use tunewright::app::settings::ThemeChoice;
use tunewright::data::Split;
use tunewright::data::checks::{Check, CheckCount};
use tunewright::data::import::{ImportRequest, Origin};
use tunewright::engine::{EventKind, Failure, IoJob, JobSpec, NetJob, Outcome, Reply, StoreJob};
use tunewright::hub::dataset::{DatasetSplit, ListedBy, Subset};
use tunewright::hub::{Dataset, DatasetName};
use tunewright::project::{CheckedWith, Having, LastChecks, ProjectState, Settings};
use tunewright::recipe::{ModelRef, TooLong};
use tunewright::render::tally::Tally;
use tunewright::task::{Signal, Unit};
use tunewright::train::preview::{Noted, RunPreview};

use super::harness::Window;
use super::harness::asked::{
    is_discover, is_open, is_preview, is_preview_import, is_query, is_save, is_train, is_undo,
};
use super::harness::made::{self, found, preview};

/// A project with examples, the starter model on the disk, and nothing chosen yet.
fn with_project() -> Window {
    let mut window = Window::open();
    window.click(Role::Button, "Open sample");
    window.answer(is_open, Reply::Project(project(None)));
    window.answer(is_discover, Reply::Models(made::models()));
    window
}

/// The form of a project whose model is chosen, with its preview counted.
fn with_form() -> Window {
    let mut window = with_project();
    window.click(Role::Button, "Use this model");
    window.answer(is_save, Reply::Project(project(Some(ModelRef::Starter))));
    window.answer(is_preview, Reply::RunPreview(preview()));
    assert_eq!(window.shell().state.screen, Screen::Train);
    window
}

fn project(model: Option<ModelRef>) -> ProjectState {
    let settings = Settings { model, ..Settings::default() };
    ProjectState { settings, ..made::project("/projects/Support triage") }
}

fn evaluation(step: usize, eval_loss: f64) -> EventKind {
    EventKind::Eval(made::evaluation(step, eval_loss))
}

#[test]
fn first_launch_opens_the_sample_and_leads_to_the_models() {
    let mut window = Window::open();
    assert!(window.is_shown("Teach a small model your task"));
    window.click(Role::Button, "Open sample");
    assert!(matches!(window.spec(|_| true), Some(JobSpec::Store(StoreJob::OpenProject { sample: true, .. }))));
    assert!(window.is_disabled("Open sample"), "once is enough");

    window.answer(is_open, Reply::Project(project(None)));
    assert!(window.is_shown("Support triage"));
    assert_eq!(window.shell().state.screen, Screen::Model);
    window.job(is_discover);
}

#[test]
fn a_data_set_of_the_hub_makes_its_own_project_where_none_is_open() {
    let mut window = Window::open();
    window.click(Role::Button, "Or take a public data set from the Hub…");
    window.enter("Name of the data set", "org/banking");
    let split = DatasetSplit { name: "train".to_owned(), num_rows: Some(50), files: Vec::new() };
    let dataset = Dataset {
        name: DatasetName::parse("org/banking").unwrap(),
        revision: "main".to_owned(),
        commit: "c0ffee".to_owned(),
        license: None,
        is_gated: false,
        listed_by: ListedBy::Card,
        subsets: vec![Subset { name: "default".to_owned(), splits: vec![split] }],
        notes: Vec::new(),
        info: Default::default(),
    };
    window.answer(|spec| matches!(spec, JobSpec::Net(NetJob::ListDataset { .. })), Reply::Dataset(dataset));
    window.click(Role::Button, "Download 1 split");
    let origin = Origin {
        name: "banking · train".to_owned(),
        split: Some(Split::Train),
        max_rows: None,
        class_names: Default::default(),
    };
    let request = ImportRequest { origins: vec![origin], ..ImportRequest::new("train.csv") };
    window.answer(|spec| matches!(spec, JobSpec::Net(NetJob::FetchDataset { .. })), Reply::Fetched(request.clone()));
    // Another thread looks whether the name is free.
    let is_open = |spec: &JobSpec| matches!(spec, JobSpec::Store(StoreJob::OpenProject { sample: false, .. }));
    window.until("the project", |window| window.engine.last_job(is_open).is_some());
    let Some(JobSpec::Store(StoreJob::OpenProject { folder, .. })) = window.spec(is_open) else { panic!() };
    assert_eq!(folder.file_name().unwrap(), "banking");
    window.answer(is_open, Reply::Project(project(None)));
    let Some(JobSpec::Io(IoJob::PreviewImport { request: looked_at })) = window.spec(is_preview_import) else {
        panic!()
    };
    assert_eq!(looked_at, request);
}

#[test]
fn a_model_that_cannot_be_trained_says_why_and_cannot_be_used() {
    let mut window = with_project();
    window.click(Role::RadioButton, "odd");
    assert!(window.is_shown("The family falcon is not read"));
    assert!(window.is_disabled("Use this model"));

    window.click(Role::RadioButton, "SmolLM2-135M-Instruct");
    window.click(Role::Button, "Use this model");
    let Some(JobSpec::Store(StoreJob::SaveSettings { settings, .. })) = window.spec(is_save) else { panic!() };
    assert_eq!(settings.model, Some(ModelRef::Starter));
    assert_eq!(window.shell().state.screen, Screen::Train, "there are examples already");
}

#[test]
fn a_download_shows_how_far_it_is_and_stops() {
    let mut window = with_project();
    let missing = vec![found(ModelRef::Starter, "SmolLM2-135M-Instruct", false)];
    window.click(Role::Button, "Look again");
    window.answer(is_discover, Reply::Models(missing));
    window.click(Role::Button, "Download 98 MB");
    let job = window.job(|spec| matches!(spec, JobSpec::Net(NetJob::FetchModel { model: ModelRef::Starter })));
    window.tell(job, EventKind::Started);
    window.tell(job, EventKind::Progress { done: 49_000_000, total: Some(98_000_000), unit: Unit::Bytes });
    assert!(window.is_shown("49 MB of 98 MB"));
    // The panel's and the status bar's do the same.
    window.press("Stop");
    assert_eq!(window.engine.signals(), [(job, Signal::Stop { save: false })]);
}

#[test]
fn what_a_stale_job_tells_is_dropped() {
    let mut window = with_project();
    window.click(Role::Button, "Look again");
    let old = window.job(is_discover);
    window.tell(old, EventKind::Finished(Outcome::Completed));
    window.click(Role::Button, "Look again");
    let new = window.job(is_discover);
    assert_ne!(old, new);
    window.engine.answer(old, Reply::Models(vec![found(ModelRef::Gguf("/late.gguf".into()), "Zephyr", true)]));
    window.harness.run();
    assert!(!window.is_shown("Zephyr"));
}

#[test]
fn settings_are_checked_as_they_are_typed_and_kept_with_the_project() {
    let mut window = with_form();
    assert!(!window.is_disabled("Start training"));
    window.enter("Rank", "0");
    assert!(window.is_shown("It must be a whole number from 1 to 1024"));
    assert!(window.is_disabled("Start training"));
    window.enter("Rank", "4*2");
    assert!(!window.is_shown("It must be"));
    let Some(JobSpec::Store(StoreJob::SaveSettings { settings, .. })) = window.spec(is_save) else { panic!() };
    assert_eq!(settings.recipe.map(|recipe| recipe.lora.r), Some(8));
    let Some(JobSpec::Io(IoJob::PreviewRun { recipe, .. })) = window.spec(is_preview) else { panic!() };
    assert_eq!((recipe.lora.r, &recipe.base_model), (8, &ModelRef::Starter), "what it would do is counted anew");

    window.click(Role::Button, "reset");
    assert_eq!(window.shell().state.train.recipe.lora.r, 16);
    window.click(Role::ComboBox, "Longer examples");
    window.click(Role::MenuItem, "Split into parts");
    let Some(JobSpec::Store(StoreJob::SaveSettings { settings, .. })) = window.spec(is_save) else { panic!() };
    assert_eq!(settings.recipe.map(|recipe| recipe.training.too_long), Some(TooLong::Split));
    let Some(JobSpec::Io(IoJob::PreviewRun { recipe, .. })) = window.spec(is_preview) else { panic!() };
    assert_eq!(recipe.training.too_long, TooLong::Split);
    window.click(Role::RadioButton, "Quick look");
    assert_eq!(window.shell().state.train.recipe.training.num_train_epochs, 1.0);
}

#[test]
fn the_form_says_what_becomes_of_long_examples() {
    let mut window = with_form();
    assert!(window.is_shown("No example is beyond the limit, the longest has 300 tokens"));
    window.enter("Longest example", "128");
    let tally = Tally { max_length: 128, num_examples: 400, longest: 300, num_left_out: 12, ..Tally::default() };
    window.answer(is_preview, Reply::RunPreview(RunPreview { num_examples: 388, tally: tally.clone(), ..preview() }));
    assert!(window.is_shown("12 of 400 examples are longer than 128 tokens: left out. The longest has 300"));
    assert!(!window.is_disabled("Start training"));
    window.enter("Longest example", "130");
    let held_out = Tally { max_length: 130, num_examples: 50, longest: 200, num_left_out: 3, ..Tally::default() };
    window.answer(is_preview, Reply::RunPreview(RunPreview { held_out, ..preview() }));
    assert!(window.is_shown("For validation, 3 of 50 examples are longer than 130 tokens: left out"));
    assert!(!window.is_shown("No example is beyond the limit"));
    window.enter("Longest example", "8");
    let tally = Tally { max_length: 8, num_left_out: 400, ..tally };
    window.answer(is_preview, Reply::RunPreview(RunPreview { num_examples: 0, tally, ..preview() }));
    assert!(window.is_disabled("Start training"));
}

#[test]
fn the_form_leads_to_exactly_the_examples_that_it_warns_of() {
    let mut window = with_form();
    let count = |check, num_examples| CheckCount { check, num_examples, num_groups: 0 };
    let counts = vec![count(Check::ExactDuplicate, 4), count(Check::EmptyTurn, 1), count(Check::NearDuplicate, 9)];
    let with = CheckedWith { content_revision: 1, model: None, num_examples: 498, secs: 0.1, skipped: Vec::new() };
    let last = LastChecks { with, counts, off: Vec::new(), not_faults: Vec::new() };
    window.answer(|spec| matches!(spec, JobSpec::Store(StoreJob::LoadChecks { .. })), Reply::LastChecks(Some(last)));
    assert!(window.is_shown("Exact duplicates in 4 examples") && window.is_shown("Empty turns in 1 example"));
    assert!(!window.is_shown("Near-duplicates in"), "it may be right");

    window.enter("Longest example", "128");
    let tally = Tally { num_untrained: 2, num_refused: 0, ..preview().tally };
    let noted = Noted { untrained: vec![31, 7], ..Noted::default() };
    window.answer(is_preview, Reply::RunPreview(RunPreview { tally, noted, ..preview() }));
    window.scroll_to(Role::Button, "Show No token trained");
    window.click(Role::Button, "Show No token trained");
    assert_eq!(window.shell().state.screen, Screen::Data);
    let Some(JobSpec::Store(StoreJob::Query { query, .. })) = window.spec(is_query) else { panic!() };
    assert_eq!(query.only.as_deref(), Some(&[31, 7][..]));
    window.harness.get_by_role_and_label(Role::Button, "Remove the filter No token trained");
    window.key(Modifiers::COMMAND, Key::Num3);
    window.click(Role::Button, "Show Empty turns");
    let Some(JobSpec::Store(StoreJob::Query { query, .. })) = window.spec(is_query) else { panic!() };
    assert_eq!(query.finding, Some(Having::Value("empty_turn".to_owned())));
}

#[test]
fn a_run_is_followed_paused_and_stopped() {
    let mut window = with_form();
    window.key(Modifiers::COMMAND, Key::Enter);
    let job = window.job(is_train);
    window.tell(job, EventKind::Started);
    window
        .tell(job, EventKind::RunStarted { run_dir: "/projects/a/runs/2026-11-22-1".into(), facts: made::facts(150) });
    window.tell(job, evaluation(0, 2.5));
    (1..=12).for_each(|i| window.tell(job, EventKind::Step(made::step(i))));
    window.tell(job, evaluation(12, 0.8));
    assert!(window.is_shown("2026-11-22-1"));
    assert!(window.is_shown("12 of 150 steps"));
    assert!(
        window.is_shown("validation loss 0.800, best 0.800 at step 12"),
        "the chart says in a sentence what it shows"
    );
    assert!(window.is_shown("Best validation loss so far, 0.800"));

    let no_trial = window.shell().state.model.why_no_trial();
    assert_eq!(no_trial, None, "the model can be asked meanwhile");

    window.click(Role::Button, "Pause");
    window.click(Role::Button, "Go on");
    window.click(Role::Button, "Stop…");
    window.click(Role::Button, "Stop and keep");
    let stop = Signal::Stop { save: true };
    assert_eq!(window.signals_to(job), [Signal::Pause, Signal::Run, stop]);
    window.tell(job, EventKind::Finished(Outcome::Stopped));
    assert!(window.is_shown("Stopped"));
    window.click(Role::Button, "New run");
    assert!(!window.is_disabled("Start training"), "the next run can start");
}

#[test]
fn the_theme_is_switched_at_once() {
    let mut window = with_project();
    window.click(Role::Button, "Light theme");
    assert_eq!(window.shell().state.settings.theme, ThemeChoice::Light);
    assert_eq!(window.harness.ctx.theme(), egui::Theme::Light);
    window.click(Role::Button, "Dark theme");
    assert_eq!(window.harness.ctx.theme(), egui::Theme::Dark);
}

#[test]
fn keys_lead_to_steps_and_the_command_field_to_everything() {
    let mut window = with_project();
    window.key(Modifiers::COMMAND, Key::Num3);
    assert_eq!(window.shell().state.screen, Screen::Train);
    window.key(Modifiers::COMMAND, Key::K);
    window.harness.get_by_role_and_label(Role::TextInput, "Command").type_text("runs");
    window.harness.run();
    window.key(Modifiers::NONE, Key::Enter);
    assert_eq!(window.shell().state.screen, Screen::Runs);
    assert_eq!(window.shell().state.dialog, None);
    window.key(Modifiers::COMMAND, Key::K);
    window.key(Modifiers::NONE, Key::ArrowDown);
    window.key(Modifiers::NONE, Key::Enter);
    assert_eq!(window.shell().state.screen, Screen::Model, "the second row of the list, after what was taken last");
    window.key(Modifiers::NONE, Key::F1);
    assert!(window.is_shown("Keys"));
    window.key(Modifiers::NONE, Key::Escape);
    assert_eq!(window.shell().state.dialog, None);
}

#[test]
fn undo_is_off_until_there_is_something_to_undo() {
    let mut window = with_project();
    assert!(window.is_disabled("Undo"));
    window.key(Modifiers::COMMAND, Key::Z);
    let undo = ProjectState { undo: Some("Undo edit of example 4".to_owned()), ..project(None) };
    window.click(Role::Button, "Use this model");
    window.answer(is_save, Reply::Project(undo));
    assert!(!window.is_disabled("Undo"));
    window.key(Modifiers::COMMAND, Key::Z);
    window.job(is_undo);
}

#[test]
fn a_failure_is_told_in_words_with_what_to_do() {
    let mut window = Window::open();
    window.click(Role::Button, "Open sample");
    let job = window.job(|_| true);
    let failure = Failure {
        message: "/projects/Support triage/project.db is not a project".to_owned(),
        hint: Some("Choose another folder".to_owned()),
        is_internal: false,
    };
    window.tell(job, EventKind::Finished(Outcome::Failed(failure)));
    assert!(window.is_shown("is not a project"));
    assert!(window.is_shown("Choose another folder"));
    window.press("Close");
    assert!(!window.is_shown("Choose another folder"));
    assert!(!window.is_disabled("Open sample"), "and it can be tried again");
}
