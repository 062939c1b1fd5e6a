//! What the train screen knows, and what it does when a person acts or a run tells something. Painting only reads it.

mod form;
mod running;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::action::TrainAction;
use super::around::Around;
use super::closing::Closing;
use super::form::sentence;
use super::run::Run;
use super::time;
use crate::app::OpenDialog;
use crate::app::effect::Effect;
use crate::app::jobs::Job;
use crate::app::kit::format;
use crate::app::screens::{model, settings};
use crate::app::start::Start;
use crate::engine::{EventKind, IoJob, JobId, JobSpec, TrainJob};
use crate::recipe::{ModelRef, Recipe, params};
use crate::task::Signal;
use crate::train::preview::RunPreview;

/// See the module.
pub struct TrainState {
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
    /// Who works it out.
    pub(super) counting: Option<JobId>,
    /// That was answered.
    is_counted: bool,
    /// The run that trains now, or trained last.
    pub run: Option<Run>,
    /// The form is shown although there is a run to look at.
    pub is_form_shown: bool,
    /// The project's last run was looked for.
    pub(super) has_looked_back: bool,
    pub closing: Closing,
    /// Weight of the past in the smoothed loss.
    pub smoothing: f64,
    pub is_log: bool,
}

impl Default for TrainState {
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
            counting: None,
            is_counted: false,
            run: None,
            is_form_shown: true,
            has_looked_back: false,
            closing: Closing::No,
            smoothing: 0.93,
            is_log: true,
        }
    }
}

/// A text that isn't a value of its parameter, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub text: String,
    pub words: String,
}

impl TrainState {
    /// The recipe of the next run: the form with the project's model.
    pub fn planned(&self, around: &Around<'_>) -> Option<Recipe> {
        Some(Recipe { base_model: around.used()?.clone(), ..self.recipe.clone() })
    }

    /// What keeps a run from starting, in words.
    pub fn obstacle(&self, around: &Around<'_>) -> Option<String> {
        let project = around.project?;
        if around.training.is_some() {
            return Some("A run is training already".to_owned());
        }
        if !around.is_safe {
            return Some("The project isn't saved: see the top bar".to_owned());
        }
        let Some(model) = around.used() else { return Some("Choose a model first".to_owned()) };
        if let Some(problem) = around.models.find(model).and_then(model::obstacle) {
            return Some(problem);
        }
        if project.counts.train == 0 {
            return Some("Import or add training examples first".to_owned());
        }
        if let Some((key, mistake)) = self.errors.first_key_value() {
            let label = params::find(key).map_or(*key, |param| param.label);
            return Some(format!("{label}: {}", mistake.words));
        }
        let preview = self.preview.as_ref()?;
        if let Some(words) = settings::over_limit(around.memory_limit, &preview.memory) {
            return Some(words);
        }
        let tally = &preview.tally;
        match preview.num_examples {
            1.. => None,
            0 if tally.num_left_out == tally.num_examples => Some(format!(
                "Every example is longer than {} tokens and would be left out: raise the limit, or cut or split longer \
                 ones",
                format::thousands(tally.max_length as u64)
            )),
            0 if tally.num_refused > 0 => tally.template_notes().into_iter().next().map(|note| sentence(&note)),
            0 => Some(
                "No example has a token that would be trained: check the answers, and what is trained on".to_owned(),
            ),
        }
    }

    /// Gives what is to be done outside of this screen.
    pub fn apply(&mut self, action: TrainAction, around: &Around<'_>, jobs: &mut dyn Start) -> Vec<Effect> {
        match action {
            TrainAction::Set(key, value) => return self.set(key, value, around, jobs),
            TrainAction::Mistype(key, text) => self.mistype(key, text),
            TrainAction::TakeBack(key) => drop(self.errors.remove(key)),
            TrainAction::Reset(key) => return self.reset(key, around, jobs),
            TrainAction::Preset(preset) => {
                preset.apply(&mut self.recipe);
                self.taken_from = None;
                return self.changed_as_a_whole(around, jobs);
            }
            TrainAction::ToggleAdvanced => self.is_advanced_open = !self.is_advanced_open,
            TrainAction::OpenRecipe => return vec![form::choose_recipe()],
            TrainAction::Load(path) => return vec![form::read_recipe(path)],
            TrainAction::Loaded(Ok(read)) => return self.take_recipe(*read, around, jobs),
            TrainAction::Loaded(Err(message)) => {
                let failure = crate::engine::Failure { message, hint: None, is_internal: false };
                return vec![Effect::Open(OpenDialog::Failure(failure))];
            }
            TrainAction::Repeat(run) => return self.repeat(*run, around, jobs),
            TrainAction::Measure => self.measure(around, jobs),
            TrainAction::Rested(changes) => self.rested(changes, around, jobs),
            TrainAction::Start => self.start(around, jobs),
            TrainAction::Pause => self.signal(Signal::Pause, around, jobs),
            TrainAction::GoOn => self.signal(Signal::Run, around, jobs),
            TrainAction::Resume => return self.resume(around, jobs),
            TrainAction::Stop { save } => {
                self.signal(Signal::Stop { save }, around, jobs);
                return vec![Effect::Close(OpenDialog::StopTraining)];
            }
            TrainAction::StopAndClose => self.stop_and_close(around, jobs),
            TrainAction::CloseAtOnce => return vec![self.close_at_once(around, jobs)],
            TrainAction::KeepOpen => self.closing = Closing::No,
            TrainAction::ShowForm => {
                self.is_form_shown = true;
                self.count(around, jobs);
            }
            TrainAction::ShowRun => self.is_form_shown = false,
            TrainAction::Deleted(names) => {
                if self.run.take_if(|run| run.is_over() && names.contains(&run.name())).is_some() {
                    self.is_form_shown = true;
                }
            }
            TrainAction::Smooth(smoothing) => {
                self.smoothing = smoothing;
                if let Some(run) = &mut self.run {
                    run.smooth(smoothing);
                }
            }
            TrainAction::SetLog(is_log) => self.is_log = is_log,
        }
        Vec::new()
    }

    /// Gives what is to be done outside of this screen. Most of what it hears is of jobs that others may have started,
    /// too: a run that is resumed from the table of runs, a count of the same run by the model screen, a file that the
    /// runs screen reads.
    pub fn on_event(&mut self, job: &Job, event: &EventKind, around: &Around<'_>, jobs: &mut dyn Start) -> Vec<Effect> {
        match &job.spec {
            JobSpec::Train(TrainJob::Train { recipe, .. }) => self.hear_run(job.id, Some(recipe), event, jobs),
            JobSpec::Train(TrainJob::Resume { run_dir }) => {
                if *event == EventKind::Started {
                    self.went_on(job.id, run_dir, around, jobs);
                }
                self.hear_run(job.id, None, event, jobs)
            }
            JobSpec::Io(IoJob::ReadRun { .. } | IoJob::ReadMessages { .. }) => self.hear_past(event),
            JobSpec::Io(IoJob::ListRuns { project }) => {
                self.look_back(project, event, around, jobs);
                Vec::new()
            }
            JobSpec::Io(IoJob::PreviewRun { recipe, .. }) if self.planned(around).as_ref() == Some(recipe) => {
                self.hear_count(event, around)
            }
            _ => {
                self.hear_speed(job.id, event);
                Vec::new()
            }
        }
    }

    /// Another project, or none. A run that still trains stays.
    pub fn forget(&mut self, is_training: bool) {
        let run = self.run.take().filter(|_| is_training);
        *self = Self { is_form_shown: run.is_none(), run, ..Self::default() };
    }
}

#[cfg(test)]
mod tests;
