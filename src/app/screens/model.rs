//! Choosing what to tune: the starter model, models found on this disk, a file or folder of the person's own.

use std::path::PathBuf;

use super::{Part, Place, Rail};
use crate::app::files::{FilePick, PickKind};
use crate::app::jobs::Job;
use crate::app::kit::{Icon, Mark, format, icon};
use crate::app::shell::words;
use crate::app::{Action as AnyAction, AppState, Cx, Drafts as AllDrafts, Screen};
use crate::data::{Message, Role};
use crate::engine::protocol::{CompareRequest, Side};
use crate::engine::{ComputeJob, EventKind, Failure, IoJob, JobId, JobSpec, NetJob, Outcome, Reply, StoreJob};
use crate::generate::Sampling;
use crate::hub::FoundModel;
use crate::recipe::ModelRef;
use crate::task::Signal;
use crate::train::preview::RunPreview;

mod view;

#[derive(Debug, Default)]
pub struct State {
    /// What the search found; none until it has ended once.
    pub found: Option<Vec<FoundModel>>,
    /// Models that the person opened by hand, newest first.
    pub opened: Vec<FoundModel>,
    /// The card whose facts are shown.
    pub selected: Option<ModelRef>,
    /// What a run with the selected model would take; only for the model and data it was counted for.
    pub preview: Option<(ModelRef, RunPreview)>,
    pub trial: Trial,
}

/// "Try it": one answer of the selected model as it is.
#[derive(Debug, Default)]
pub struct Trial {
    pub job: Option<JobId>,
    pub model: Option<ModelRef>,
    pub prompt: String,
    pub answer: String,
    /// Tokens and tokens a second, once the answer is complete.
    pub speed: Option<(usize, f64)>,
    pub failure: Option<Failure>,
}

#[derive(Debug, Default)]
pub struct Drafts {
    pub search: String,
    pub prompt: String,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Select(ModelRef),
    /// Reads a model's header and shows its facts.
    Inspect(ModelRef),
    OpenGguf,
    OpenFolder,
    LookAgain,
    Fetch(ModelRef),
    Use(ModelRef),
    Ask(String),
    StopAsking,
    /// Ctrl Enter: asks what is typed, else takes the selected model.
    Primary,
}

/// See the module.
pub struct Logic;

impl Part for Logic {
    type Action = Action;

    fn show(ui: &mut egui::Ui, state: &AppState, drafts: &mut AllDrafts, actions: &mut Vec<AnyAction>) {
        view::show(ui, state, drafts, actions);
    }

    fn update(state: &mut AppState, drafts: &mut AllDrafts, action: Action, cx: &Cx<'_>) {
        match action {
            Action::Select(model) => select(state, model, cx),
            Action::Inspect(model) => {
                state.screen = Screen::Model;
                cx.restart(&mut state.jobs, JobSpec::Io(IoJob::InspectModel { model }));
            }
            Action::OpenGguf => {
                let kind = PickKind::Open { name: "GGUF models", endings: &["gguf"] };
                cx.pick(FilePick { title: "Open a GGUF model", kind }, |path| {
                    Action::Inspect(ModelRef::Gguf(path)).into()
                });
            }
            Action::OpenFolder => {
                let pick = FilePick { title: "Open a folder with config.json and safetensors", kind: PickKind::Folder };
                cx.pick(pick, |path| Action::Inspect(ModelRef::Folder(path)).into());
            }
            Action::LookAgain => {
                cx.restart(&mut state.jobs, JobSpec::Io(IoJob::DiscoverModels));
            }
            Action::Fetch(model) => {
                if fetching(state, &model).is_none() {
                    cx.start(&mut state.jobs, JobSpec::Net(NetJob::FetchModel { model }));
                }
            }
            Action::Use(model) => take(state, drafts, model, cx),
            Action::Ask(prompt) => ask(state, prompt, cx),
            Action::StopAsking => {
                if let Some(job) = state.model.trial.job {
                    cx.control(job, Signal::Stop { save: false });
                }
            }
            Action::Primary => primary_act(state, drafts, cx),
        }
    }

    fn on_event(state: &mut AppState, drafts: &mut AllDrafts, job: &Job, event: &EventKind, cx: &Cx<'_>) {
        if state.model.trial.job == Some(job.id) {
            return hear_trial(&mut state.model.trial, drafts, event);
        }
        match (&job.spec, event) {
            (_, EventKind::Reply(reply)) => hear_reply(state, job, reply, cx),
            (JobSpec::Net(NetJob::FetchModel { .. }), EventKind::Finished(Outcome::Completed)) => {
                cx.restart(&mut state.jobs, JobSpec::Io(IoJob::DiscoverModels));
            }
            (JobSpec::Io(IoJob::InspectModel { model }), EventKind::Finished(Outcome::Failed(failure))) => {
                add_opened(state, unreadable(model.clone(), failure));
            }
            _ => {}
        }
    }

    /// What it uses is selected; what was found on this disk stays found.
    fn on_project(state: &mut AppState, _drafts: &mut AllDrafts, cx: &Cx<'_>) {
        state.model.preview = None;
        if let Some(job) = std::mem::take(&mut state.model.trial).job {
            cx.control(job, Signal::Stop { save: false });
        }
        state.model.selected = Some(used(state).cloned().unwrap_or(ModelRef::Starter));
        if state.model.found.is_some() {
            look_for_used(state, cx);
        }
    }
}

impl Place for Logic {
    const NAME: &'static str = "Model";
    const ICON: Icon = icon::CUBE;
    const RAIL: Rail = Rail::Step("Choose a small model");

    fn refresh(state: &mut AppState, _drafts: &mut AllDrafts, cx: &Cx<'_>) {
        let is_looking = state.jobs.find(|spec| *spec == JobSpec::Io(IoJob::DiscoverModels)).is_some();
        if state.model.found.is_none() && !is_looking {
            cx.start(&mut state.jobs, JobSpec::Io(IoJob::DiscoverModels));
        } else if state.model.preview.is_none() {
            count(state, cx);
        }
    }

    fn rail(state: &AppState) -> (String, Mark) {
        // It goes on while one looks at another screen.
        if state.model.trial.job.is_some() {
            return ("Answering".to_owned(), Mark::Running);
        }
        match used(state) {
            Some(model) => {
                let found = state.model.find(model);
                match found.and_then(obstacle) {
                    Some(_) => ("Can't be used".to_owned(), Mark::ToDo),
                    None => (short(&name_of(state, model)), Mark::Done),
                }
            }
            None if state.project.is_some() => ("Not chosen".to_owned(), Mark::Ready),
            None => ("Not chosen".to_owned(), Mark::ToDo),
        }
    }

    fn primary(state: &AppState) -> Option<AnyAction> {
        state.model.selected.as_ref().map(|_| Action::Primary.into())
    }
}

impl State {
    /// Every model that is known, the starter first.
    pub fn all(&self) -> impl Iterator<Item = &FoundModel> {
        self.opened.iter().chain(self.found.iter().flatten())
    }

    pub fn find(&self, model: &ModelRef) -> Option<&FoundModel> {
        self.all().find(|found| found.model == *model)
    }

    pub fn selected(&self) -> Option<&FoundModel> {
        self.find(self.selected.as_ref()?)
    }
}

/// The model that the project uses.
pub fn used(state: &AppState) -> Option<&ModelRef> {
    state.project.as_ref()?.settings.model.as_ref()
}

/// A model's name as the person knows it.
pub fn name_of(state: &AppState, model: &ModelRef) -> String {
    state.model.find(model).map_or_else(|| words::model_name(model), |found| found.name.clone())
}

/// Why a model can't be used as it is now.
pub fn obstacle(found: &FoundModel) -> Option<String> {
    if let Some(problem) = found.problem.as_ref().or(found.facts.as_ref().and_then(|facts| facts.problem.as_ref())) {
        return Some(problem.clone());
    }
    (!found.is_on_disk).then(|| "It has to be downloaded first".to_owned())
}

fn primary_act(state: &mut AppState, drafts: &mut AllDrafts, cx: &Cx<'_>) {
    let prompt = drafts.model.prompt.trim().to_owned();
    if !prompt.is_empty() && why_no_trial(state).is_none() {
        return ask(state, prompt, cx);
    }
    let Some(found) = state.model.selected() else { return };
    if obstacle(found).is_none() {
        take(state, drafts, found.model.clone(), cx);
    }
}

fn select(state: &mut AppState, model: ModelRef, cx: &Cx<'_>) {
    if state.model.selected.as_ref() != Some(&model) {
        state.model.selected = Some(model);
        state.model.preview = None;
        count(state, cx);
    }
}

/// Counts what a run with the selected model would take, where there is something to count.
fn count(state: &mut AppState, cx: &Cx<'_>) {
    let Some(project) = &state.project else { return };
    let Some(found) = state.model.selected().filter(|found| obstacle(found).is_none()) else { return };
    if project.counts.train == 0 {
        return;
    }
    let mut recipe = state.train.recipe.clone();
    recipe.base_model = found.model.clone();
    cx.restart(&mut state.jobs, JobSpec::Io(IoJob::PreviewRun { project: project.folder.clone(), recipe }));
}

fn take(state: &mut AppState, drafts: &mut AllDrafts, model: ModelRef, cx: &Cx<'_>) {
    let Some(project) = &mut state.project else { return };
    if project.settings.model.as_ref() != Some(&model) {
        project.settings.model = Some(model);
        let settings = project.settings.clone();
        cx.start(&mut state.jobs, JobSpec::Store(StoreJob::SaveSettings { project: project.folder.clone(), settings }));
    }
    let next = if project.counts.train == 0 { Screen::Data } else { Screen::Train };
    crate::app::shell::logic::go(state, drafts, next, cx);
}

/// Why the selected model can't be asked now.
pub fn why_no_trial(state: &AppState) -> Option<String> {
    let Some(found) = state.model.selected() else { return Some("Choose a model first".to_owned()) };
    obstacle(found)
}

fn ask(state: &mut AppState, prompt: String, cx: &Cx<'_>) {
    let Some(model) = state.model.selected.clone() else { return };
    if prompt.is_empty() || why_no_trial(state).is_some() {
        return;
    }
    if let Some(job) = state.model.trial.job {
        cx.control(job, Signal::Stop { save: false });
    }
    let request = CompareRequest {
        model: model.clone(),
        adapter: None,
        prompt: vec![Message::new(Role::User, prompt.clone())],
        tools: Vec::new(),
        sampling: Sampling::default(),
    };
    let job = cx.start(&mut state.jobs, JobSpec::Compute(ComputeJob::Compare { request }));
    state.model.trial = Trial { job: Some(job), model: Some(model), prompt, ..Trial::default() };
}

/// The download of a model, while it lasts.
pub fn fetching<'a>(state: &'a AppState, model: &ModelRef) -> Option<&'a Job> {
    state.jobs.find(|spec| matches!(spec, JobSpec::Net(NetJob::FetchModel { model: other }) if other == model))
}

fn hear_reply(state: &mut AppState, job: &Job, reply: &Reply, cx: &Cx<'_>) {
    match reply {
        Reply::Models(models) => {
            state.model.found = Some(models.clone());
            let on_disk = models.iter().filter(|found| found.is_on_disk).count() as u64;
            let took = format::duration(job.since.elapsed().as_secs_f64());
            state.status = format!("Found {} on this disk in {took}", format::count(on_disk, "model", "models")).into();
            look_for_used(state, cx);
            let selected = used(state).cloned().unwrap_or(ModelRef::Starter);
            if state.model.selected().is_none() {
                state.model.selected = Some(selected);
            }
            if state.screen == Screen::Model {
                count(state, cx);
            }
        }
        Reply::Facts { model, facts } => {
            add_opened(
                state,
                FoundModel {
                    model: model.clone(),
                    name: facts.name.clone(),
                    place: "Opened by hand".to_owned(),
                    is_on_disk: true,
                    num_bytes: facts.num_bytes,
                    facts: Some(facts.clone()),
                    problem: facts.problem.clone(),
                },
            );
            count(state, cx);
        }
        Reply::RunPreview(preview) => {
            if let JobSpec::Io(IoJob::PreviewRun { recipe, .. }) = &job.spec {
                state.model.preview = Some((recipe.base_model.clone(), preview.clone()));
            }
        }
        _ => {}
    }
}

/// A model that is used but wasn't found was opened by hand in an earlier session.
fn look_for_used(state: &mut AppState, cx: &Cx<'_>) {
    if let Some(model) = used(state).filter(|model| state.model.find(model).is_none()).cloned() {
        cx.restart(&mut state.jobs, JobSpec::Io(IoJob::InspectModel { model }));
    }
}

fn add_opened(state: &mut AppState, found: FoundModel) {
    state.model.selected = Some(found.model.clone());
    let is_found = state.model.found.iter().flatten().any(|other| other.model == found.model);
    state.model.opened.retain(|other| other.model != found.model);
    if !is_found {
        state.model.opened.insert(0, found);
    }
}

fn unreadable(model: ModelRef, failure: &Failure) -> FoundModel {
    FoundModel {
        name: words::model_name(&model),
        model,
        place: "Opened by hand".to_owned(),
        is_on_disk: true,
        num_bytes: 0,
        facts: None,
        problem: Some(failure.message.clone()),
    }
}

fn hear_trial(trial: &mut Trial, drafts: &mut AllDrafts, event: &EventKind) {
    match event {
        EventKind::Token { side: Side::Before, text } => trial.answer.push_str(text),
        EventKind::AnswerDone { side: Side::Before, num_tokens, tokens_per_sec, .. } => {
            trial.speed = Some((*num_tokens, *tokens_per_sec));
            drafts.model.prompt.clear();
        }
        EventKind::Finished(outcome) => {
            trial.job = None;
            if let Outcome::Failed(failure) = outcome {
                trial.failure = Some(failure.clone());
            }
        }
        _ => {}
    }
}

/// Without what every model's name ends in.
fn short(name: &str) -> String {
    let name = name.strip_suffix(".gguf").unwrap_or(name);
    name.strip_suffix("-Instruct").unwrap_or(name).to_owned()
}

/// `135 M · Q4_1 · 98 MB`
fn in_short(found: &FoundModel) -> String {
    let size = (found.num_bytes > 0).then(|| format::bytes(found.num_bytes));
    let facts = found.facts.as_ref().map(|f| (format::parameters(f.num_parameters), f.quantization.clone()));
    let (weights, kind) = facts.unzip();
    [weights, kind, size].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// The folder or file that a model lies in.
fn path_of(found: &FoundModel) -> Option<PathBuf> {
    found.facts.as_ref().map(|facts| facts.path.clone())
}
