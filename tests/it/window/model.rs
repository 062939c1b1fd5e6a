//! The Model screen: what each model takes, what makes it fit, the catalogue, the Hub, downloads.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use tunewright::app::Screen;
use tunewright::app::screens::model::Action;
use tunewright::engine::{Estimates, EventKind, Failure, IoJob, JobSpec, NetJob, Outcome, Reply};
use tunewright::hub::{
    Beside, Format, NotOffered, RemoteFile, RepoListing, SearchHit, SearchPage, SearchQuery, Unfinished, Variant,
    catalogue,
};
use tunewright::project::{ProjectState, Settings};
use tunewright::recipe::{GradientCheckpointing, ModelRef};
use tunewright::task::{Signal, Unit};
use tunewright::train::estimate::Estimate;
use tunewright::train::memory::Fit;
use tunewright::train::preview::MemoryEstimate;
use tunewright::train::remedy::{Change, Remedy};

use super::harness::asked::{is_discover, is_estimate, is_save};
use super::harness::made;
use super::harness::{Window, World};

/// The screen with the starter and another model; nothing is chosen yet.
fn open() -> Window {
    let project = ProjectState { settings: Settings::default(), ..made::project("/p") };
    Window::at(Screen::Model, World::new(project))
}

fn is_fetch(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Net(NetJob::FetchModel { .. }))
}

/// The screen on which nothing was estimated yet but this, of the starter.
fn with_estimate(estimate: Estimate, num_examples: usize) -> Window {
    let project = ProjectState { settings: Settings::default(), ..made::project("/p") };
    let mut window = Window::at(Screen::Model, World { preview: None, ..World::new(project) });
    let by_model = vec![(ModelRef::Starter, estimate)];
    window.answer(is_estimate, Reply::Estimates(Estimates { by_model, num_examples }));
    window
}

fn too_large() -> Estimate {
    let memory = MemoryEstimate { activations: 30_000_000_000, ..made::memory() };
    let remedy = |change, total, fit| Remedy { change, total, fit };
    let remedies = vec![
        remedy(Change::Checkpointing, 2_000_000_000, Fit::Fits),
        remedy(Change::SmallerBatch { batch: 2, accumulation: 4 }, 9_000_000_000, Fit::Tight),
        remedy(Change::ShorterExamples { max_length: 512, num_longer: 7 }, 12_000_000_000, Fit::TooLarge),
    ];
    Estimate { memory, time: None, remedies }
}

#[test]
fn every_model_says_whether_it_fits_and_how_long_it_takes() {
    let window = open();
    // The starter, and every model of the catalogue that can be trained.
    let num = catalogue().iter().filter(|model| model.problem.is_none()).count();
    assert!(num > 20 && window.num_shown("Fits, 0.9 GB, 8 min") > 1);
    assert!(window.is_shown("Fits this machine") && window.is_shown("0.9 of 10.0 GB free"));
    assert!(window.is_shown("3 epochs take about 8 min, 250 tokens/s"));
    assert!(window.is_shown("for your 400 training examples"));
    let Some(JobSpec::Io(IoJob::EstimateModels { project, models, .. })) = window.spec(is_estimate) else { panic!() };
    assert_eq!(project, Some("/p".into()));
    let choices: usize = catalogue().iter().filter(|m| m.problem.is_none()).map(|m| m.choices.len()).sum();
    assert_eq!(models.len(), 1 + choices, "the one that can't be trained isn't asked for");
}

#[test]
fn all_parts_of_the_memory_are_a_click_away() {
    let mut window = open();
    assert!(!window.is_shown("Gradients and optimizer"));
    window.click(Role::Button, "Parts of the memory");
    for (name, _) in made::memory().parts() {
        assert!(window.is_shown(name), "{name}");
    }
    window.click(Role::Button, "Parts of the memory");
    assert!(!window.is_shown("Gradients and optimizer"));
}

#[test]
fn what_makes_a_run_fit_is_one_click_and_estimated_anew() {
    let mut window = with_estimate(too_large(), 400);
    assert!(window.is_shown("Too large for this machine") && window.is_shown("Too large, needs 30.6 GB"));
    assert!(window.is_shown("At most 512 tokens, 7 examples are longer"));
    window.scroll_to(Role::Button, "Apply: Save memory: compute blocks again");
    let asked = window.num_asked(is_estimate);
    window.click(Role::Button, "Apply: Save memory: compute blocks again");
    let Some(JobSpec::Store(tunewright::engine::StoreJob::SaveSettings { settings, .. })) = window.spec(is_save) else {
        panic!()
    };
    let kept = settings.recipe.unwrap().training;
    assert_eq!(kept.gradient_checkpointing, GradientCheckpointing::On, "it is kept with the project");
    assert_eq!(window.num_asked(is_estimate), asked + 1);
    let Some(JobSpec::Io(IoJob::EstimateModels { recipe, .. })) = window.spec(is_estimate) else { panic!() };
    assert_eq!(recipe.training.gradient_checkpointing, GradientCheckpointing::On);
}

#[test]
fn without_examples_the_time_is_not_guessed() {
    let window = with_estimate(Estimate { time: None, ..made::estimate() }, 0);
    assert!(window.is_shown("Time is known once there are examples"));
    assert!(window.is_shown("Memory is for usual examples"));
}

#[test]
fn a_model_of_the_catalogue_shows_what_it_is_and_is_downloaded_in_the_chosen_size() {
    let mut window = open();
    window.type_into("Search models", "qwen3 0.6");
    let model = catalogue().iter().find(|model| model.name == "Qwen3 0.6B").unwrap();
    window.click(Role::ListBoxOption, "Qwen3 0.6B");
    assert!(window.is_shown(&model.good_for) && window.is_shown("Apache-2.0"));
    assert!(window.is_shown("Vocabulary 151,936") && window.is_shown("Layers 28"));
    let smallest = &model.choices[0];
    window.click(Role::ComboBox, "File");
    let words = format!("{}, {}, fits", smallest.quantization, tunewright::app::kit::format::bytes(smallest.num_bytes));
    window.click(Role::MenuItem, &words);
    window.click(Role::Button, &format!("Download {}", tunewright::app::kit::format::bytes(smallest.num_bytes)));
    let Some(JobSpec::Net(NetJob::FetchModel { model: fetched })) = window.spec(is_fetch) else { panic!() };
    assert_eq!(fetched, smallest.model);
}

#[test]
fn a_download_pauses_goes_on_and_says_how_long_it_takes() {
    let mut window = open();
    let model = catalogue()[0].choices[0].model.clone();
    window.act(Action::Select(model.clone()));
    window.act(Action::Fetch(model.clone()));
    let job = window.job(is_fetch);
    window.tell(job, EventKind::Started);
    window.tell(job, EventKind::Progress { done: 49_000_000, total: Some(98_000_000), unit: Unit::Bytes });
    assert!(window.is_shown("49 MB of 98 MB"));
    window.press("Pause");
    assert!(window.is_shown("49 MB of 98 MB, paused"));
    window.press("Go on");
    assert_eq!(window.engine.signals(), [(job, Signal::Pause), (job, Signal::Run)]);
    let asked = window.num_asked(is_discover);
    window.tell(job, EventKind::Finished(Outcome::Completed));
    assert_eq!(window.num_asked(is_discover), asked + 1, "it is looked for on this disk");
}

#[test]
fn a_download_that_was_left_goes_on_or_is_discarded() {
    let mut window = open();
    let model = ModelRef::Hub { repo: "a/b".to_owned(), revision: None, variant: None };
    let left = Unfinished { model: model.clone(), folder: "/m".into(), done: 1_000_000_000, total: 3_000_000_000 };
    window.harness.state_mut().state.model.unfinished = vec![left];
    window.settle();
    assert!(window.is_shown("1.0 GB of 3.0 GB"));
    window.click(Role::Button, "Go on with b");
    assert!(matches!(window.spec(is_fetch), Some(JobSpec::Net(NetJob::FetchModel { model: of })) if of == model));
    let job = window.job(is_fetch);
    window.tell(job, EventKind::Finished(Outcome::Stopped));
    window.click(Role::Button, "Discard b");
    let is_discard = |spec: &JobSpec| matches!(spec, JobSpec::Io(IoJob::DiscardDownload { .. }));
    assert!(window.spec(is_discard).is_some() && !window.is_shown("1.0 GB of 3.0 GB"));
}

fn hit(repo: &str) -> SearchHit {
    SearchHit {
        repo: repo.to_owned(),
        downloads: 1_234_567,
        likes: 1,
        license: Some("mit".to_owned()),
        is_gated: false,
        num_parameters: Some(600_000_000),
        family: Some("Qwen3".to_owned()),
        formats: vec![Format::Gguf],
        updated: None,
        problem: None,
    }
}

fn listing(repo: &str) -> RepoListing {
    let variant = |name: &str, num_bytes| Variant {
        name: name.to_owned(),
        format: Format::Gguf,
        quantization: Some(name.to_owned()),
        files: vec![RemoteFile { path: format!("m-{name}.gguf"), num_bytes, sha256: None }],
        num_bytes,
    };
    RepoListing {
        repo: repo.to_owned(),
        revision: None,
        commit: "c0ffee0123".to_owned(),
        is_gated: true,
        license: Some("mit".to_owned()),
        downloads: Some(12),
        num_parameters: Some(600_000_000),
        context_length: Some(32_768),
        architecture: Some("qwen3".to_owned()),
        family: Some("Qwen3".to_owned()),
        problem: None,
        variants: vec![variant("Q4_K_M", 400_000_000), variant("Q8_0", 640_000_000)],
        left_out: Vec::new(),
        notes: Vec::new(),
    }
}

#[test]
fn the_hub_is_searched_and_the_file_that_fits_is_offered() {
    let mut window = open();
    assert!(window.is_disabled("Search the Hub"), "nothing is asked before something is typed");
    window.enter("Search models", "tiny");
    let is_search = |spec: &JobSpec| matches!(spec, JobSpec::Net(NetJob::SearchModels { .. }));
    let Some(JobSpec::Net(NetJob::SearchModels { query })) = window.spec(is_search) else { panic!() };
    assert_eq!(query.text, "tiny");
    let page = SearchPage { query: SearchQuery::default(), hits: vec![hit("a/tiny-GGUF")], num_passed_over: 0 };
    window.answer(is_search, Reply::Search(page));
    window.scroll_to(Role::ListBoxOption, "a/tiny-GGUF");
    window.click(Role::ListBoxOption, "a/tiny-GGUF");
    assert!(window.is_shown("Asking the Hub for a/tiny-GGUF"));
    let is_list = |spec: &JobSpec| matches!(spec, JobSpec::Net(NetJob::ListRepo { .. }));
    window.answer(is_list, Reply::Repo(listing("a/tiny-GGUF")));
    // The most exact one that fits; both do.
    assert!(window.has(Role::Button, "Download 640 MB"), "{:?}", window.shell().state.model.selected);
    assert!(window.is_shown("By the shape of a model of this size"));
    // It is gated: the way in is there, and the token goes to the settings.
    assert!(window.is_shown("huggingface.co/a/tiny-GGUF") && window.is_disabled("Keep the token"));
    window.harness.get_by_role_and_label(Role::PasswordInput, "Token for the Hub").focus();
    window.harness.run();
    window.harness.get_by_role_and_label(Role::PasswordInput, "Token for the Hub").type_text("hf_secret");
    window.harness.run();
    assert!(!window.is_disabled("Keep the token"));
}

#[test]
fn a_search_that_fails_says_why_and_offline_asks_nothing() {
    let mut window = open();
    window.enter("Search models", "tiny");
    let is_search = |spec: &JobSpec| matches!(spec, JobSpec::Net(NetJob::SearchModels { .. }));
    let job = window.job(is_search);
    let failure = Failure {
        message: "huggingface.co could not be reached".to_owned(),
        hint: Some("Look whether this computer is online.".to_owned()),
        is_internal: false,
    };
    window.tell(job, EventKind::Finished(Outcome::Failed(failure)));
    assert!(window.is_shown("huggingface.co could not be reached. Look whether this computer is online."));

    let asked = window.num_asked(is_search);
    window.act(tunewright::app::screens::settings::Action::Offline(true));
    window.enter("Search models", "other");
    assert_eq!(window.num_asked(is_search), asked);
    assert!(window.has(Role::Button, "Offline, see Settings"));
    window.act(Action::Select(catalogue()[0].choices[0].model.clone()));
    let download = tunewright::app::kit::format::bytes(catalogue()[0].choices[0].num_bytes);
    assert!(window.is_disabled(&format!("Download {download}")));
}

#[test]
fn the_template_is_rendered_on_three_conversations() {
    let mut window = open();
    let is_render = |spec: &JobSpec| matches!(spec, JobSpec::Io(IoJob::RenderTokens { .. }));
    let Some(JobSpec::Io(IoJob::RenderTokens { model, example, .. })) = window.spec(is_render) else { panic!() };
    assert!(model == ModelRef::Starter && example.tools.is_empty());
    window.scroll_to(Role::RadioButton, "Tools");
    window.click(Role::RadioButton, "Tools");
    let Some(JobSpec::Io(IoJob::RenderTokens { example, .. })) = window.spec(is_render) else { panic!() };
    assert!(!example.tools.is_empty() && example.messages.iter().any(|message| !message.tool_calls.is_empty()));
    let job = window.job(is_render);
    let failure = Failure { message: "it knows no tools".to_owned(), hint: None, is_internal: false };
    window.tell(job, EventKind::Finished(Outcome::Failed(failure)));
    assert!(window.is_shown("The template refuses this conversation") && window.is_shown("it knows no tools"));
}

#[test]
fn the_catalogue_is_walked_by_keys() {
    let mut window = open();
    window.type_into("Search models", "gemma");
    let rows = window.rows();
    assert!(rows.len() > 1 && rows.iter().all(|row| row.to_lowercase().contains("gemma")), "{rows:?}");
    window.click(Role::ListBoxOption, &rows[0]);
    window.key(Modifiers::NONE, Key::ArrowDown);
    let name = rows[1].clone();
    let model = catalogue().iter().find(|model| model.name == name).unwrap();
    let selected = window.shell().state.model.selected.clone().unwrap();
    assert!(model.choices.iter().any(|choice| choice.model == selected), "{selected}");
}

#[test]
fn what_is_selected_of_the_catalogue_stays_when_the_disk_is_looked_through_again() {
    let mut window = open();
    let model = catalogue()[3].choices[0].model.clone();
    window.act(Action::Select(model.clone()));
    window.world().models = None;
    window.act(Action::LookAgain);
    window.answer(is_discover, Reply::Models(made::models()));
    assert_eq!(window.shell().state.model.selected, Some(model));
}

#[test]
fn what_is_on_this_disk_and_is_not_offered_is_said() {
    let mut window = open();
    window.world().models = None;
    window.act(Action::LookAgain);
    let left = |name: &str| NotOffered {
        path: format!("/models/{name}").into(),
        place: "Named folder".to_owned(),
        reason: "an adapter, no whole model".to_owned(),
    };
    let beside = Beside {
        left_out: ["a", "b", "c", "d", "e"].map(left).into(),
        notes: vec!["/gone isn't there, or can't be opened".to_owned()],
    };
    let job = window.job(is_discover);
    window.tell(job, EventKind::Reply(Box::new(Reply::Beside(beside))));
    assert!(window.is_shown("/gone isn't there, or can't be opened"));
    assert!(window.is_shown("/models/c: an adapter, no whole model") && !window.is_shown("/models/d"));
    assert!(window.is_shown("2 more files can't be used"));
}
