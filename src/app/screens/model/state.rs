//! What is known of models: those on this disk, the one that is selected, and what it answers as it is.

pub mod estimates;
pub mod offers;
pub mod sample;

use std::collections::BTreeSet;

use crate::app::Screen;
use crate::app::effect::{Effect, Setting};
use crate::app::files::{FilePick, PickKind};
use crate::app::jobs::Job;
use crate::app::kit::format;
use crate::app::screens::{ScreenAction, settings, train};
use crate::app::shell::words;
use crate::app::start::Start;
use crate::app::ticket::Ticket;
use crate::data::{Message, Role};
use crate::engine::protocol::{CompareRequest, Side};
use crate::engine::{ComputeJob, EventKind, Failure, IoJob, JobId, JobSpec, NetJob, Outcome, Reply};
use crate::generate::Sampling;
use crate::hub::{Beside, FoundModel, Unfinished};
use crate::model::ModelFacts;
use crate::project::ProjectState;
use crate::recipe::params::Value;
use crate::recipe::{ModelRef, Recipe};
use crate::task::Signal;
use crate::train::remedy::Change;
use offers::{CatalogueOrder, HubState};
use sample::{Rendering, Sample};

/// What a person did on this screen.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelAction {
    Select(ModelRef),
    /// Reads a model's header and shows its facts.
    Inspect(ModelRef),
    OpenGguf,
    OpenFolder,
    LookAgain,
    Fetch(ModelRef),
    /// A download stands still, or goes on.
    Pause(JobId),
    GoOn(JobId),
    /// Deletes what has arrived of a download.
    Discard(ModelRef),
    Order(CatalogueOrder),
    /// Looks on the Hub for what is typed in the search field.
    SearchHub(String),
    /// Asks for the files of a repository.
    List(String),
    /// Changes the recipe, so that a run takes less memory.
    Mend(Change),
    /// Shows the parts of the memory, or hides them.
    ToggleParts,
    Sample(Sample),
    /// Keeps a token for gated models.
    KeepToken(String),
    Use(ModelRef),
    Ask(String),
    StopAsking,
    /// Ctrl Enter: asks what is typed, else takes the selected model.
    Primary,
}

/// What it looks at beside its own state.
pub struct Around<'a> {
    pub project: Option<&'a ProjectState>,
    /// The form of the next run.
    pub recipe: &'a Recipe,
    /// The screen is in view.
    pub is_shown: bool,
}

impl Around<'_> {
    /// The model that the project uses.
    fn used(&self) -> Option<&ModelRef> {
        self.project?.settings.model.as_ref()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct ModelState {
    /// What the search found; none until it has ended once.
    pub found: Option<Vec<FoundModel>>,
    /// Models that the person opened by hand, newest first.
    pub opened: Vec<FoundModel>,
    /// The card whose facts are shown.
    pub selected: Option<ModelRef>,
    /// What runs would take.
    pub estimates: estimates::State,
    pub hub: HubState,
    pub order: CatalogueOrder,
    pub rendering: Rendering,
    /// Whether all parts of the memory are shown.
    pub are_parts_shown: bool,
    /// Whether the file of the listed repository was chosen by the person.
    pub is_variant_chosen: bool,
    /// What was seen on this disk and isn't offered, and what couldn't be looked through.
    pub beside: Beside,
    /// Downloads of before that aren't whole.
    pub unfinished: Vec<Unfinished>,
    /// Downloads that stand still.
    pub paused: BTreeSet<JobId>,
    pub trial: Trial,
    /// The search on this disk that is under way.
    looking: Ticket<Vec<FoundModel>>,
    /// The header that is being read, and of which model.
    inspecting: Ticket<ModelFacts>,
    inspected: Option<ModelRef>,
    downloads: Vec<(JobId, ModelRef)>,
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

impl ModelState {
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

    /// Why the selected model can't be asked now.
    pub fn why_no_trial(&self) -> Option<String> {
        let Some(found) = self.selected() else { return Some("Choose a model first".to_owned()) };
        obstacle(found)
    }

    /// A repository was listed, and nobody has chosen of its files yet but the program.
    fn awaits_variant(&self) -> bool {
        matches!(self.offer(), Some(offers::Offer::Listed(..))) && !self.is_variant_chosen
    }

    pub fn is_trial(&self, job: JobId) -> bool {
        self.trial.job == Some(job)
    }

    /// Gives what is to be done outside of this screen. `typed` is in the field of the trial.
    pub fn apply(
        &mut self,
        action: ModelAction,
        typed: &str,
        around: &Around<'_>,
        jobs: &mut dyn Start,
    ) -> Vec<Effect> {
        match action {
            ModelAction::Pause(job) => {
                self.paused.insert(job);
                jobs.control(job, Signal::Pause);
            }
            ModelAction::GoOn(job) => {
                self.paused.remove(&job);
                jobs.control(job, Signal::Run);
            }
            ModelAction::Discard(model) => {
                self.unfinished.retain(|left| left.model != model);
                jobs.start(JobSpec::Io(IoJob::DiscardDownload { model }));
            }
            ModelAction::Order(order) => self.order = order,
            ModelAction::SearchHub(text) => self.hub.search(&text, jobs),
            ModelAction::List(repo) => self.hub.list(&repo, jobs),
            ModelAction::Mend(change) => {
                let values = change.values(around.recipe);
                return values.into_iter().map(|(key, value)| do_in_form(key, value)).collect();
            }
            ModelAction::ToggleParts => self.are_parts_shown = !self.are_parts_shown,
            ModelAction::Sample(sample) => {
                self.rendering.sample = sample;
                self.render(jobs);
            }
            ModelAction::KeepToken(token) => {
                return vec![Effect::Do(ScreenAction::Settings(settings::Action::KeepToken(token)))];
            }
            ModelAction::Select(model) => self.select(model, around, jobs),
            ModelAction::Inspect(model) => {
                self.inspect(model, jobs);
                return vec![Effect::Show(Screen::Model)];
            }
            ModelAction::OpenGguf => {
                let kind = PickKind::Open { name: "GGUF models", endings: &["gguf"] };
                let pick = FilePick { title: "Open a GGUF model", kind };
                return vec![Effect::Pick(pick, |path| ModelAction::Inspect(ModelRef::Gguf(path)).into())];
            }
            ModelAction::OpenFolder => {
                let pick = FilePick { title: "Open a folder with config.json and safetensors", kind: PickKind::Folder };
                return vec![Effect::Pick(pick, |path| ModelAction::Inspect(ModelRef::Folder(path)).into())];
            }
            ModelAction::LookAgain => self.look(jobs),
            ModelAction::Fetch(model) => {
                if !self.downloads.iter().any(|(_, other)| *other == model) {
                    let job = jobs.start(JobSpec::Net(NetJob::FetchModel { model: model.clone() }));
                    self.downloads.push((job, model));
                }
            }
            ModelAction::Use(model) => return take(model, around),
            ModelAction::Ask(prompt) => self.ask(prompt, around, jobs),
            ModelAction::StopAsking => {
                if let Some(job) = self.trial.job {
                    jobs.stop(job);
                }
            }
            ModelAction::Primary if !typed.is_empty() && self.why_no_trial().is_none() => {
                self.ask(typed.to_owned(), around, jobs);
            }
            ModelAction::Primary => {
                if let Some(found) = self.selected().filter(|found| obstacle(found).is_none()) {
                    return take(found.model.clone(), around);
                }
            }
        }
        Vec::new()
    }

    /// Another project is open: what it uses is selected; what was found on this disk stays found.
    pub fn follow(&mut self, around: &Around<'_>, jobs: &mut dyn Start) {
        self.estimates.forget();
        if let Some(job) = std::mem::take(&mut self.trial).job {
            jobs.stop(job);
        }
        self.selected = Some(around.used().cloned().unwrap_or(ModelRef::Starter));
        if self.found.is_some() {
            self.look_for_used(around, jobs);
        }
    }

    pub fn refresh(&mut self, around: &Around<'_>, jobs: &mut dyn Start) {
        if self.found.is_none() && !self.looking.is_open() {
            self.look(jobs);
        } else {
            self.estimate(around, jobs);
            self.render(jobs);
        }
    }

    fn look(&mut self, jobs: &mut dyn Start) {
        self.looking.ask_anew(JobSpec::Io(IoJob::DiscoverModels), jobs);
    }

    fn inspect(&mut self, model: ModelRef, jobs: &mut dyn Start) {
        self.inspected = Some(model.clone());
        self.inspecting.ask_anew(JobSpec::Io(IoJob::InspectModel { model }), jobs);
    }

    fn select(&mut self, model: ModelRef, around: &Around<'_>, jobs: &mut dyn Start) {
        if self.selected.as_ref() != Some(&model) {
            self.selected = Some(model);
            self.is_variant_chosen = true;
            self.estimate(around, jobs);
            self.render(jobs);
        }
    }

    /// Has the template of the selected model rendered, where it can be.
    fn render(&mut self, jobs: &mut dyn Start) {
        let Some(found) = self.selected().filter(|found| obstacle(found).is_none()) else { return };
        let model = found.model.clone();
        self.rendering.ask(&model, jobs);
    }

    fn ask(&mut self, prompt: String, around: &Around<'_>, jobs: &mut dyn Start) {
        let Some(model) = self.selected.clone() else { return };
        if prompt.is_empty() || self.why_no_trial().is_some() {
            return;
        }
        if let Some(job) = self.trial.job {
            jobs.stop(job);
        }
        let request = CompareRequest {
            model: model.clone(),
            adapter: None,
            prompt: vec![Message::new(Role::User, prompt.clone())],
            tools: Vec::new(),
            format: around.recipe.training.chat_format(),
            sampling: Sampling::default(),
        };
        let job = jobs.start(JobSpec::Compute(ComputeJob::Compare { request }));
        self.trial = Trial { job: Some(job), model: Some(model), prompt, ..Trial::default() };
    }

    /// Gives what is to be done outside of this screen.
    pub fn on_event(&mut self, job: &Job, event: &EventKind, around: &Around<'_>, jobs: &mut dyn Start) -> Vec<Effect> {
        if self.is_trial(job.id) {
            self.trial.on_event(event);
            return Vec::new();
        }
        self.rendering.on_event(job.id, event);
        match event {
            EventKind::Reply(reply) => return self.on_reply(job, reply, around, jobs),
            EventKind::Finished(outcome) => self.on_finished(job.id, outcome, jobs),
            _ => {}
        }
        Vec::new()
    }

    fn on_finished(&mut self, job: JobId, outcome: &Outcome, jobs: &mut dyn Start) {
        self.looking.end(job);
        self.estimates.end(job);
        self.hub.end(job, outcome);
        self.paused.remove(&job);
        let num_before = self.downloads.len();
        self.downloads.retain(|(download, _)| *download != job);
        // Also after one that was left: what has arrived of it is there to go on with.
        if self.downloads.len() < num_before {
            self.look(jobs);
        }
        if let (true, Outcome::Failed(failure)) = (self.inspecting.end(job), outcome)
            && let Some(model) = self.inspected.take()
        {
            self.add_opened(unreadable(model, failure));
        }
    }

    fn on_reply(&mut self, job: &Job, reply: &Reply, around: &Around<'_>, jobs: &mut dyn Start) -> Vec<Effect> {
        if let Some(models) = self.looking.take(job.id, reply) {
            self.found = Some(models.clone());
            self.look_for_used(around, jobs);
            if self.selected().is_none() && self.offer().is_none() {
                self.selected = Some(around.used().cloned().unwrap_or(ModelRef::Starter));
            }
            if around.is_shown {
                self.estimate(around, jobs);
                self.render(jobs);
            }
            let on_disk = models.iter().filter(|found| found.is_on_disk).count() as u64;
            let took = format::duration(job.since.elapsed().as_secs_f64());
            let found = format::count(on_disk, "model", "models");
            return vec![Effect::say(format!("Found {found} on this disk in {took}"))];
        }
        if let Some(facts) = self.inspecting.take(job.id, reply)
            && let Some(model) = self.inspected.clone()
        {
            self.add_opened(FoundModel {
                model,
                name: facts.name.clone(),
                place: "Opened by hand".to_owned(),
                is_on_disk: true,
                num_bytes: facts.num_bytes,
                facts: Some(facts.clone()),
                problem: facts.problem.clone(),
            });
            self.estimate(around, jobs);
            self.render(jobs);
        }
        if let (JobSpec::Io(IoJob::DiscoverModels), Reply::Unfinished(left)) = (&job.spec, reply) {
            self.unfinished.clone_from(left);
        }
        if let (JobSpec::Io(IoJob::DiscoverModels), Reply::Beside(beside)) = (&job.spec, reply) {
            self.beside.clone_from(beside);
        }
        if self.estimates.take(job.id, reply) && self.awaits_variant() {
            self.selected = self.suggested_variant();
        }
        if self.hub.take(job.id, reply) {
            (self.selected, self.is_variant_chosen) = (self.suggested_variant(), false);
            // Which one fits is known after this.
            self.estimate(around, jobs);
        }
        Vec::new()
    }

    /// A model that is used but wasn't found was opened by hand in an earlier session.
    fn look_for_used(&mut self, around: &Around<'_>, jobs: &mut dyn Start) {
        if let Some(model) = around.used().filter(|model| self.find(model).is_none()).cloned() {
            self.inspect(model, jobs);
        }
    }

    fn add_opened(&mut self, found: FoundModel) {
        self.selected = Some(found.model.clone());
        let is_found = self.found.iter().flatten().any(|other| other.model == found.model);
        self.opened.retain(|other| other.model != found.model);
        if !is_found {
            self.opened.insert(0, found);
        }
    }
}

impl Trial {
    fn on_event(&mut self, event: &EventKind) {
        match event {
            EventKind::Token { side: Side::Before, text } => self.answer.push_str(text),
            EventKind::AnswerDone { side: Side::Before, num_tokens, tokens_per_sec, .. } => {
                self.speed = Some((*num_tokens, *tokens_per_sec));
            }
            EventKind::Finished(outcome) => {
                self.job = None;
                if let Outcome::Failed(failure) = outcome {
                    self.failure = Some(failure.clone());
                }
            }
            _ => {}
        }
    }
}

/// Sets a parameter in the form of the next run.
fn do_in_form(key: &'static str, value: Value) -> Effect {
    Effect::Do(ScreenAction::Train(train::Action::Set(key, value)))
}

/// The project keeps it, and the next step follows.
fn take(model: ModelRef, around: &Around<'_>) -> Vec<Effect> {
    let Some(project) = around.project else { return Vec::new() };
    let is_other = project.settings.model.as_ref() != Some(&model);
    let next = if project.counts.train == 0 { Screen::Data } else { Screen::Train };
    let keep = is_other.then_some(Effect::Keep(Setting::Model(model)));
    keep.into_iter().chain([Effect::Go(next)]).collect()
}

/// Why a model can't be used as it is now.
pub fn obstacle(found: &FoundModel) -> Option<String> {
    if let Some(problem) = found.problem.as_ref().or(found.facts.as_ref().and_then(|facts| facts.problem.as_ref())) {
        return Some(problem.clone());
    }
    (!found.is_on_disk).then(|| "It has to be downloaded first".to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::FakeEngine;
    use crate::task::Signal;

    fn found(name: &str, is_on_disk: bool) -> FoundModel {
        FoundModel {
            model: ModelRef::Gguf(name.into()),
            name: name.to_owned(),
            place: String::new(),
            is_on_disk,
            num_bytes: 1,
            facts: None,
            problem: None,
        }
    }

    /// Two models, of which the first is here and selected.
    fn state() -> ModelState {
        let models = vec![found("a", true), found("b", false)];
        ModelState { selected: Some(models[0].model.clone()), found: Some(models), ..ModelState::default() }
    }

    fn apply(state: &mut ModelState, fake: &mut FakeEngine, action: ModelAction, typed: &str) -> Vec<Effect> {
        let recipe = Recipe::new(ModelRef::Starter, Default::default());
        let around = Around { project: None, recipe: &recipe, is_shown: true };
        state.apply(action, typed, &around, fake)
    }

    #[test]
    fn a_model_is_downloaded_once_and_then_looked_for() {
        let (mut state, mut fake) = (state(), FakeEngine::default());
        let model = found("b", false).model;
        for _ in 0..2 {
            apply(&mut state, &mut fake, ModelAction::Fetch(model.clone()), "");
        }
        let (id, spec) = fake.started().pop().unwrap();
        assert_eq!(fake.started().len(), 1);
        let job = Job::new(id, spec);
        let recipe = Recipe::new(ModelRef::Starter, Default::default());
        let around = Around { project: None, recipe: &recipe, is_shown: true };
        state.on_event(&job, &EventKind::Finished(Outcome::Completed), &around, &mut fake);
        assert_eq!(fake.started().last().map(|(_, spec)| spec.clone()), Some(JobSpec::Io(IoJob::DiscoverModels)));
        apply(&mut state, &mut fake, ModelAction::Fetch(model), "");
        assert_eq!(fake.started().len(), 3, "the last one is over");
    }

    #[test]
    fn ctrl_enter_asks_what_is_typed_and_a_new_question_ends_the_last_answer() {
        let (mut state, mut fake) = (state(), FakeEngine::default());
        for typed in ["one", "two"] {
            apply(&mut state, &mut fake, ModelAction::Primary, typed);
        }
        let started = fake.started();
        assert_eq!(started.len(), 2);
        assert_eq!(fake.signals(), [(started[0].0, Signal::Stop { save: false })]);
        assert_eq!((state.trial.job, state.trial.prompt.as_str()), (Some(started[1].0), "two"));
        state.selected = Some(found("b", false).model);
        apply(&mut state, &mut fake, ModelAction::Primary, "three");
        assert_eq!(fake.started().len(), 2, "it is not here");
    }

    #[test]
    fn a_model_that_is_opened_shows_its_screen() {
        let (mut state, mut fake) = (state(), FakeEngine::default());
        let effects = apply(&mut state, &mut fake, ModelAction::Inspect(ModelRef::Starter), "");
        assert!(matches!(effects[..], [Effect::Show(Screen::Model)]));
        let effects = apply(&mut state, &mut fake, ModelAction::OpenFolder, "");
        assert!(matches!(&effects[..], [Effect::Pick(FilePick { kind: PickKind::Folder, .. }, _)]));
    }
}
