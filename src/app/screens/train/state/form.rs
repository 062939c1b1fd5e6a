//! The form of the next run: what is set in it, where its settings come from, and what they would do.

use std::path::PathBuf;

use super::{Mistake, TrainState};
use crate::app::effect::{Effect, Setting};
use crate::app::files::{FilePick, PickKind};
use crate::app::screens::train::action::TrainAction;
use crate::app::screens::train::around::Around;
use crate::app::shell::words::model_name;
use crate::app::start::Start;
use crate::engine::{EventKind, IoJob, JobSpec, Outcome, Reply};
use crate::recipe::params::{self, Value};
use crate::recipe::{Recipe, RecipeError};
use crate::run::RunRecord;

pub(super) fn choose_recipe() -> Effect {
    let kind = PickKind::Open { name: "Recipes", endings: &["toml"] };
    Effect::Pick(FilePick { title: "Open a recipe", kind }, |path| TrainAction::Load(path).into())
}

pub(super) fn read_recipe(path: PathBuf) -> Effect {
    Effect::run(move || {
        let read = Recipe::read_noted(&path).map(Box::new).map_err(|error| error.to_string());
        Some(TrainAction::Loaded(read).into())
    })
}

impl TrainState {
    pub(super) fn set(
        &mut self,
        key: &'static str,
        value: Value,
        around: &Around<'_>,
        jobs: &mut dyn Start,
    ) -> Vec<Effect> {
        let Some(param) = params::find(key) else { return Vec::new() };
        match param.set(&mut self.recipe, value) {
            Ok(()) => {
                self.errors.remove(key);
                return self.changed(around, jobs);
            }
            Err(RecipeError::Range { value, .. }) => self.mistype(key, value),
            Err(error) => log::error!("a value of the form was refused: {error}"),
        }
        Vec::new()
    }

    pub(super) fn mistype(&mut self, key: &'static str, text: String) {
        let Some(param) = params::find(key) else { return };
        let words = format!("It must be {}", param.allowed());
        self.errors.insert(param.key, Mistake { text, words });
    }

    pub(super) fn reset(&mut self, key: &'static str, around: &Around<'_>, jobs: &mut dyn Start) -> Vec<Effect> {
        let default = params::find(key).map(|param| param.default());
        default.map_or_else(Vec::new, |value| self.set(key, value, around, jobs))
    }

    /// Takes the recipe of a file.
    pub(super) fn take_recipe(
        &mut self,
        (recipe, note): (Recipe, Option<String>),
        around: &Around<'_>,
        jobs: &mut dyn Start,
    ) -> Vec<Effect> {
        let note = note.map(|note| format!(" ({note})")).unwrap_or_default();
        let words = format!("Took the settings of the recipe; model and examples stay the project's{note}");
        self.take_settings(recipe, "the recipe that was opened".to_owned(), words, around, jobs)
    }

    pub(super) fn repeat(&mut self, run: RunRecord, around: &Around<'_>, jobs: &mut dyn Start) -> Vec<Effect> {
        let name = &run.name;
        let words = match around.used() {
            Some(model) if *model != run.model => {
                let trained = model_name(&run.model);
                format!("Took the settings of run {name}; it trained another model, {trained}")
            }
            _ => format!("Took the settings of run {name}; the examples are those of now"),
        };
        self.is_form_shown = true;
        self.take_settings(run.recipe, format!("run {name}"), words, around, jobs)
    }

    /// The data are the project's, and the model is chosen on its own screen.
    fn take_settings(
        &mut self,
        recipe: Recipe,
        from: String,
        words: String,
        around: &Around<'_>,
        jobs: &mut dyn Start,
    ) -> Vec<Effect> {
        self.taken_from = Some(from);
        self.recipe = Recipe { data: self.recipe.data.clone(), ..recipe };
        let changed = self.changed_as_a_whole(around, jobs);
        [Effect::say(words)].into_iter().chain(changed).collect()
    }

    /// Nothing that was typed wrongly is left.
    pub(super) fn changed_as_a_whole(&mut self, around: &Around<'_>, jobs: &mut dyn Start) -> Vec<Effect> {
        self.errors.clear();
        self.changed(around, jobs)
    }

    /// The form changed: it is kept with the project, and counted anew.
    fn changed(&mut self, around: &Around<'_>, jobs: &mut dyn Start) -> Vec<Effect> {
        self.count(around, jobs);
        vec![Effect::Keep(Setting::Recipe(Box::new(self.recipe.clone())))]
    }

    /// Asks what a run would do, unless that is known.
    pub fn count(&mut self, around: &Around<'_>, jobs: &mut dyn Start) {
        let (Some(project), Some(recipe)) = (around.project, self.planned(around)) else { return };
        let asked = Some((recipe.clone(), project.content_revision));
        // The model screen may have had something else counted in its place.
        let is_known = self.asked == asked && (self.is_counted || around.is_counting);
        if is_known || project.counts.train == 0 {
            return;
        }
        self.counting = Some(jobs.restart(JobSpec::Io(IoJob::PreviewRun { project: project.folder.clone(), recipe })));
        (self.asked, self.is_counted) = (asked, false);
        self.preview_failure = None;
    }

    /// What a run of the form would do was counted.
    pub(super) fn hear_count(&mut self, event: &EventKind, around: &Around<'_>) -> Vec<Effect> {
        match event {
            EventKind::Reply(reply) => {
                if let Reply::RunPreview(preview) = &**reply {
                    self.is_counted = true;
                    self.preview = Some(preview.clone());
                    return self.counted(around).into_iter().collect();
                }
            }
            EventKind::Finished(Outcome::Failed(failure)) => {
                self.is_counted = true;
                self.preview = None;
                self.preview_failure = Some(failure.message.clone());
            }
            _ => {}
        }
        Vec::new()
    }
}
