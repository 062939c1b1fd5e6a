//! Training: the form, what a run would do, and the run itself while it goes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Part, Place, Rail};
use crate::app::files::{FilePick, PickKind};
use crate::app::jobs::Job;
use crate::app::kit::{Icon, Mark, format, icon};
use crate::app::shell::words::model_name;
use crate::app::{Action as AnyAction, AppState, Cx, Drafts as AllDrafts, OpenDialog, Screen};
use crate::engine::{ComputeJob, EventKind, IoJob, JobSpec, Outcome, Reply, StoreJob, TrainJob};
use crate::project::RunRecord;
use crate::recipe::params::{self, Value};
use crate::recipe::{ModelRef, Recipe, RecipeError};
use crate::task::Signal;
use crate::train::preview::RunPreview;

mod before;
pub(super) mod chart;
mod closing;
mod form;
mod notes;
mod past;
mod run;
mod standing;
mod time;
mod view;

pub use closing::{Closing, closing_dialog, keeps_open};
pub use run::Run;
pub use standing::{Standing, of_job, of_live};
pub use view::stop_dialog;

pub struct State {
    /// The form; its data section is not used.
    pub recipe: Recipe,
    /// What was typed and can't be taken, by the parameter's key. It stays until it is mended, or Esc takes it back.
    pub errors: BTreeMap<&'static str, Mistake>,
    pub is_advanced_open: bool,
    /// The run or file that the settings were taken from.
    pub taken_from: Option<String>,
    pub time: time::State,
    pub preview: Option<RunPreview>,
    /// Why the preview could not be made.
    pub preview_failure: Option<String>,
    /// What the preview was last asked for: recipe, and revision of the content.
    asked: Option<(Recipe, u64)>,
    /// The run that trains now, or trained last.
    pub run: Option<Run>,
    /// The form is shown although there is a run to look at.
    pub is_form_shown: bool,
    /// The project's last run was looked for.
    has_looked_back: bool,
    pub closing: Closing,
    /// Weight of the past in the smoothed loss.
    pub smoothing: f64,
    pub is_log: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            recipe: Recipe::new(ModelRef::Starter, PathBuf::new()),
            errors: BTreeMap::new(),
            is_advanced_open: false,
            taken_from: None,
            time: time::State::default(),
            preview: None,
            preview_failure: None,
            asked: None,
            run: None,
            is_form_shown: true,
            has_looked_back: false,
            closing: Closing::No,
            smoothing: 0.93,
            is_log: true,
        }
    }
}

/// A text that is no value of its parameter, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub text: String,
    pub words: String,
}

#[derive(Debug, Default)]
pub struct Drafts {
    /// Module names, while they are typed.
    pub names: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Set(&'static str, Value),
    /// What was typed is no value at all.
    Mistype(&'static str, String),
    /// What was typed wrongly is taken back.
    TakeBack(&'static str),
    Reset(&'static str),
    Preset(Preset),
    ToggleAdvanced,
    OpenRecipe,
    /// Takes the settings of a run.
    Repeat(Box<RunRecord>),
    /// Measures how long a run would take.
    Measure,
    /// The form was left alone for a moment since it was changed so many times.
    Rested(u64),
    /// A recipe file was read, or could not be.
    /// With what there is to say of its version.
    Loaded(Result<Box<(Recipe, Option<String>)>, String>),
    /// Read this recipe file.
    Load(PathBuf),
    Start,
    Pause,
    /// With the paused run.
    GoOn,
    /// With the run that was stopped, from its last checkpoint.
    Resume,
    Stop {
        save: bool,
    },
    /// Of the question before the window closes.
    StopAndClose,
    CloseAtOnce,
    KeepOpen,
    ShowForm,
    ShowRun,
    Smooth(f64),
    SetLog(bool),
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
            Action::Set(key, value) => set(state, key, value, cx),
            Action::Mistype(key, text) => mistype(state, key, text),
            Action::TakeBack(key) => drop(state.train.errors.remove(key)),
            Action::Reset(key) => {
                if let Some(param) = params::find(key) {
                    drafts.train.names = None;
                    set(state, key, param.default(), cx);
                }
            }
            Action::Preset(preset) => {
                preset.apply(&mut state.train.recipe);
                state.train.errors.clear();
                state.train.taken_from = None;
                changed(state, cx);
            }
            Action::ToggleAdvanced => state.train.is_advanced_open = !state.train.is_advanced_open,
            Action::OpenRecipe => {
                let kind = PickKind::Open { name: "Recipes", endings: &["toml"] };
                cx.pick(FilePick { title: "Open a recipe", kind }, |path| Action::Load(path).into());
            }
            Action::Load(path) => cx.files.run(move || {
                let read = Recipe::read_noted(&path).map(Box::new).map_err(|error| error.to_string());
                Some(Action::Loaded(read).into())
            }),
            Action::Loaded(Ok(read)) => {
                let (recipe, note) = *read;
                let note = note.map(|note| format!(" ({note})")).unwrap_or_default();
                let words = format!("Took the settings of the recipe; model and examples stay the project's{note}");
                state.status = words.into();
                state.train.taken_from = Some("the recipe that was opened".to_owned());
                take_settings(state, recipe, cx);
            }
            Action::Repeat(run) => {
                let words = match super::model::used(state) {
                    Some(model) if *model != run.model => {
                        format!(
                            "Took the settings of run {}; it trained another model, {}",
                            run.name,
                            model_name(&run.model)
                        )
                    }
                    _ => format!("Took the settings of run {}; the examples are those of now", run.name),
                };
                state.status = words.into();
                state.train.taken_from = Some(format!("run {}", run.name));
                state.train.is_form_shown = true;
                take_settings(state, run.recipe, cx);
            }
            Action::Measure => time::measure(state, cx),
            Action::Rested(changes) => time::rested(state, changes, cx),
            Action::Loaded(Err(message)) => {
                let failure = crate::engine::Failure { message, hint: None, is_internal: false };
                state.dialog = Some(OpenDialog::Failure(failure));
            }
            Action::Start => start(state, cx),
            Action::Pause => signal(state, Signal::Pause, cx),
            Action::GoOn => signal(state, Signal::Run, cx),
            Action::Resume => resume(state, cx),
            Action::StopAndClose => closing::stop_and_close(state, cx),
            Action::CloseAtOnce => closing::close_at_once(state, cx),
            Action::KeepOpen => state.train.closing = Closing::No,
            Action::Stop { save } => {
                state.dialog = None;
                signal(state, Signal::Stop { save }, cx);
            }
            Action::ShowForm => {
                state.train.is_form_shown = true;
                count(state, cx);
            }
            Action::ShowRun => state.train.is_form_shown = false,
            Action::Smooth(smoothing) => {
                state.train.smoothing = smoothing;
                if let Some(run) = &mut state.train.run {
                    run.smooth(smoothing);
                }
            }
            Action::SetLog(is_log) => state.train.is_log = is_log,
        }
    }

    fn on_event(state: &mut AppState, _drafts: &mut AllDrafts, job: &Job, event: &EventKind, cx: &Cx<'_>) {
        match &job.spec {
            JobSpec::Train(TrainJob::Train { recipe, .. }) => {
                hear_run(state, job, recipe.clone(), event, cx);
                read_again(state, event, cx);
            }
            JobSpec::Train(TrainJob::Resume { run_dir }) => {
                if *event == EventKind::Started {
                    past::went_on(state, job, run_dir, cx);
                }
                let recipe = state.train.recipe.clone();
                hear_run(state, job, recipe, event, cx);
                read_again(state, event, cx);
            }
            JobSpec::Io(IoJob::ReadRun { .. }) | JobSpec::Io(IoJob::ReadMessages { .. }) => {
                past::hear_past(state, event)
            }
            JobSpec::Io(IoJob::ListRuns { project }) => past::look_back(state, project, event, cx),
            JobSpec::Compute(ComputeJob::MeasureSpeed { .. }) => time::on_event(state, job, event),
            JobSpec::Io(IoJob::PreviewRun { recipe, .. }) if planned(state).as_ref() == Some(recipe) => match event {
                EventKind::Reply(reply) => {
                    if let Reply::RunPreview(preview) = &**reply {
                        state.train.preview = Some(preview.clone());
                        time::counted(state, cx);
                    }
                }
                EventKind::Finished(Outcome::Failed(failure)) => {
                    state.train.preview = None;
                    state.train.preview_failure = Some(failure.message.clone());
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn on_project(state: &mut AppState, drafts: &mut AllDrafts, _cx: &Cx<'_>) {
        Self::forget(state, drafts);
        if let Some(kept) = state.project.as_ref().and_then(|project| project.settings.recipe.clone()) {
            state.train.recipe = kept;
        }
    }

    /// None of the project's runs, unless that still trains.
    fn forget(state: &mut AppState, _drafts: &mut AllDrafts) {
        let run = state.train.run.take().filter(|_| state.jobs.training().is_some());
        state.train = State { is_form_shown: run.is_none(), run, ..State::default() };
    }
}

impl Place for Logic {
    const NAME: &'static str = "Train";
    const ICON: Icon = icon::PULSE;
    const RAIL: Rail = Rail::Step("Watch it learn, stop any time");

    fn refresh(state: &mut AppState, _drafts: &mut AllDrafts, cx: &Cx<'_>) {
        count(state, cx);
    }

    fn rail(state: &AppState) -> (String, Mark) {
        match &state.train.run {
            Some(run) if !run.is_over() => (Standing::of(state, run).on_rail(run), Mark::Running),
            Some(run) if run.can_go_on() => (Standing::of(state, run).on_rail(run), Mark::Done),
            Some(run) if run.num_steps_done() > 0 => {
                let words = match run.best().filter(|best| best.step > 0) {
                    Some(best) => format!("Best step {}", format::thousands(best.step as u64)),
                    None => format!("Step {}", run.steps_done_of()),
                };
                (words, Mark::Done)
            }
            _ if state.project.is_none() || super::model::used(state).is_none() => {
                ("Needs a model".to_owned(), Mark::ToDo)
            }
            _ if state.project.as_ref().is_some_and(|project| project.counts.train == 0) => {
                ("Needs examples".to_owned(), Mark::ToDo)
            }
            _ => ("Ready to start".to_owned(), Mark::Ready),
        }
    }

    fn primary(state: &AppState) -> Option<AnyAction> {
        if state.train.is_form_shown {
            return obstacle(state).is_none().then(|| Action::Start.into());
        }
        view::filled_act(state)
    }
}

/// A few settings at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    QuickLook,
    Balanced,
    Thorough,
    /// Those that suit the sample's examples.
    Sample,
}

impl Preset {
    /// For every project.
    pub const ALL: [Self; 3] = [Self::QuickLook, Self::Balanced, Self::Thorough];

    fn apply(self, recipe: &mut Recipe) {
        // Epochs and rank; alpha is twice the rank.
        let (epochs, rank) = match self {
            Self::QuickLook => (1.0, 8),
            Self::Balanced => (3.0, 16),
            Self::Thorough => (6.0, 32),
            Self::Sample => {
                let sample = Recipe::for_starter_data(PathBuf::new());
                recipe.lora = sample.lora;
                recipe.training = sample.training;
                return;
            }
        };
        recipe.training.num_train_epochs = epochs;
        recipe.lora.r = rank;
        recipe.lora.lora_alpha = 2.0 * rank as f64;
    }

    fn fits(self, recipe: &Recipe) -> bool {
        let mut other = recipe.clone();
        self.apply(&mut other);
        other == *recipe
    }
}

/// The recipe of the next run: the form with the project's model.
pub fn planned(state: &AppState) -> Option<Recipe> {
    let mut recipe = state.train.recipe.clone();
    recipe.base_model = super::model::used(state)?.clone();
    Some(recipe)
}

/// What keeps a run from starting, in words.
pub fn obstacle(state: &AppState) -> Option<String> {
    let project = state.project.as_ref()?;
    if state.jobs.training().is_some() {
        return Some("A run is training already".to_owned());
    }
    if !state.saving.is_safe() {
        return Some("The project isn't saved: see the top bar".to_owned());
    }
    let Some(model) = super::model::used(state) else { return Some("Choose a model first".to_owned()) };
    if let Some(problem) = state.model.find(model).and_then(super::model::obstacle) {
        return Some(problem);
    }
    if project.counts.train == 0 {
        return Some("Import or add training examples first".to_owned());
    }
    if let Some((key, mistake)) = state.train.errors.first_key_value() {
        let label = params::find(key).map_or(*key, |param| param.label);
        return Some(format!("{label}: {}", mistake.words));
    }
    let preview = state.train.preview.as_ref()?;
    if let Some(words) = super::settings::over_limit(state, &preview.memory) {
        return Some(words);
    }
    let tally = &preview.tally;
    match preview.num_examples {
        1.. => None,
        0 if tally.num_left_out == tally.num_examples => Some(format!(
            "Every example is longer than {} tokens and would be left out: raise the limit, or cut or split longer ones",
            format::thousands(tally.max_length as u64)
        )),
        0 if tally.num_refused > 0 => tally.template_notes().into_iter().next().map(|note| form::sentence(&note)),
        0 => Some("No example has a token that would be trained: check the answers, and what is trained on".to_owned()),
    }
}

fn set(state: &mut AppState, key: &'static str, value: Value, cx: &Cx<'_>) {
    let Some(param) = params::find(key) else { return };
    match param.set(&mut state.train.recipe, value) {
        Ok(()) => {
            state.train.errors.remove(key);
            changed(state, cx);
        }
        Err(RecipeError::Range { value, .. }) => mistype(state, key, value),
        Err(error) => log::error!("a value of the form was refused: {error}"),
    }
}

fn mistype(state: &mut AppState, key: &'static str, text: String) {
    let Some(param) = params::find(key) else { return };
    let words = format!("It must be {}", param.allowed());
    state.train.errors.insert(param.key, Mistake { text, words });
}

/// The data are the project's, and the model is chosen on its own screen.
fn take_settings(state: &mut AppState, recipe: Recipe, cx: &Cx<'_>) {
    state.train.recipe = Recipe { data: state.train.recipe.data.clone(), ..recipe };
    state.train.errors.clear();
    changed(state, cx);
}

/// The form changed: keep it with the project, and count anew.
fn changed(state: &mut AppState, cx: &Cx<'_>) {
    let Some(project) = &mut state.project else { return };
    project.settings.recipe = Some(state.train.recipe.clone());
    let settings = project.settings.clone();
    let folder = project.folder.clone();
    cx.start(&mut state.jobs, JobSpec::Store(StoreJob::SaveSettings { project: folder, settings }));
    count(state, cx);
}

/// Asks what a run would do, unless that is known.
fn count(state: &mut AppState, cx: &Cx<'_>) {
    let (Some(project), Some(recipe)) = (&state.project, planned(state)) else { return };
    let asked = Some((recipe.clone(), project.content_revision));
    if state.train.asked == asked || project.counts.train == 0 {
        return;
    }
    let spec = JobSpec::Io(IoJob::PreviewRun { project: project.folder.clone(), recipe });
    cx.restart(&mut state.jobs, spec);
    state.train.asked = asked;
    state.train.preview_failure = None;
}

fn start(state: &mut AppState, cx: &Cx<'_>) {
    if obstacle(state).is_some() {
        return;
    }
    let (Some(project), Some(recipe)) = (&state.project, planned(state)) else { return };
    let spec = JobSpec::Train(TrainJob::Train { project: project.folder.clone(), recipe: recipe.clone() });
    let job = cx.start(&mut state.jobs, spec);
    state.train.run = Some(Run::new(job, recipe, state.train.smoothing));
    state.train.is_form_shown = false;
}

fn signal(state: &mut AppState, signal: Signal, cx: &Cx<'_>) {
    if let Some(job) = state.jobs.training() {
        cx.control(job.id, signal);
    }
    if let Some(run) = state.train.run.as_mut().filter(|run| !run.is_over()) {
        if signal.is_stop() {
            run.stopping = Some(signal != Signal::Stop { save: false });
        }
        run.is_paused = signal == Signal::Pause && run.stopping.is_none();
    }
}

/// Goes on with the run that is shown.
fn resume(state: &mut AppState, cx: &Cx<'_>) {
    let can_go_on = state.jobs.training().is_none();
    let Some(run) = state.train.run.as_mut().filter(|run| can_go_on && run.can_go_on()) else { return };
    let Some(run_dir) = run.run_dir.clone() else { return };
    let job = cx.start(&mut state.jobs, JobSpec::Train(TrainJob::Resume { run_dir }));
    run.go_on(job);
    state.train.is_form_shown = false;
    state.screen = Screen::Train;
}

fn hear_run(state: &mut AppState, job: &Job, recipe: Recipe, event: &EventKind, cx: &Cx<'_>) {
    let is_new = state.train.run.as_ref().is_none_or(|run| run.job != job.id);
    if is_new {
        state.train.run = Some(Run::new(job.id, recipe, state.train.smoothing));
        state.train.is_form_shown = false;
    }
    let missed = state.train.run.as_mut().and_then(|run| {
        run.hear(event);
        run.take_gap().then(|| run.run_dir.clone())?
    });
    if let Some(run_dir) = missed {
        cx.start(&mut state.jobs, JobSpec::Io(IoJob::ReadRun { run_dir }));
    }
    if matches!(event, EventKind::Finished(_)) {
        if state.dialog == Some(OpenDialog::StopTraining) {
            state.dialog = None;
        }
        closing::run_ended(state, cx);
    }
}

/// A lagging window may have missed steps: when the run is over, its file tells all of them. What was counted for its
/// project is stale as well, for the run has measured the speed.
fn read_again(state: &mut AppState, event: &EventKind, cx: &Cx<'_>) {
    let Some(run) = &state.train.run else { return };
    if let (EventKind::Finished(outcome), Some(run_dir)) = (event, run.run_dir.clone()) {
        // Without a time: this leg's alone would be another number than the run's.
        let best = run.best().filter(|best| best.step > 0).map(|best| format!(", best step {}", best.step));
        let best = best.unwrap_or_default();
        match outcome {
            Outcome::Completed => state.status = format!("Run {} is done{best}", run.name()).into(),
            Outcome::Stopped => {
                let words = format!("Run {} stopped at step {}{best}", run.name(), run.num_steps_done());
                state.status = words.into();
            }
            Outcome::Failed(_) => {}
        }
        state.train.asked = None;
        cx.start(&mut state.jobs, JobSpec::Io(IoJob::ReadRun { run_dir }));
    }
}
