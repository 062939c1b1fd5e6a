//! What runs with the models in sight would take: asked for all of them at once, under the form's recipe.

use crate::app::screens::model::state::{Around, ModelState, obstacle};
use crate::app::start::Start;
use crate::app::ticket::Ticket;
use crate::engine::{Estimates, IoJob, JobSpec};
use crate::hub::{CatalogueModel, FoundModel, RepoListing, catalogue};
use crate::model::ModelSize;
use crate::recipe::{ModelRef, Recipe};
use crate::train::estimate::Estimate;
use crate::train::memory::Fit;

/// See the module.
#[derive(Debug, Default)]
pub struct State {
    told: Option<Estimates>,
    asking: Ticket<Estimates>,
    /// What was asked last: recipe, revision of the content, and the models.
    asked: Option<(Recipe, Option<u64>, Vec<ModelRef>)>,
}

impl State {
    pub fn of(&self, model: &ModelRef) -> Option<&Estimate> {
        self.told.as_ref()?.by_model.iter().find(|(of, _)| of == model).map(|(_, estimate)| estimate)
    }

    /// The examples that the estimates are for; `None` before anything was told.
    pub fn num_examples(&self) -> Option<usize> {
        self.told.as_ref().map(|told| told.num_examples)
    }

    pub fn is_asking(&self) -> bool {
        self.asking.is_open()
    }

    /// They were for another project.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    pub(super) fn take(&mut self, job: crate::engine::JobId, reply: &crate::engine::Reply) -> bool {
        let Some(told) = self.asking.take(job, reply) else { return false };
        self.told = Some(told.clone());
        true
    }

    pub(super) fn end(&mut self, job: crate::engine::JobId) {
        self.asking.end(job);
    }
}

impl ModelState {
    /// Asks for estimates, unless they are those of now.
    pub(super) fn estimate(&mut self, around: &Around<'_>, jobs: &mut dyn Start) {
        if self.found.is_none() {
            return;
        }
        let models = self.in_sight();
        let base_model = around.used().cloned().unwrap_or(ModelRef::Starter);
        let recipe = Recipe { base_model, ..around.recipe.clone() };
        let revision = around.project.map(|project| project.content_revision);
        let asked = (recipe.clone(), revision, models.iter().map(|(model, _)| model.clone()).collect());
        if self.estimates.asked.as_ref() == Some(&asked) {
            return;
        }
        let project = around.project.filter(|project| project.counts.train > 0).map(|project| project.folder.clone());
        let job = IoJob::EstimateModels { project, recipe, models };
        self.estimates.asking.ask_anew(JobSpec::Io(job), jobs);
        self.estimates.asked = Some(asked);
    }

    /// Every model whose shape is known, once.
    fn in_sight(&self) -> Vec<(ModelRef, ModelSize)> {
        let found = self.all().filter(|found| found.facts.as_ref().is_some_and(|facts| facts.problem.is_none()));
        let found = found.filter_map(|found| Some((found.model.clone(), found.facts.as_ref()?.size.clone())));
        let rows = catalogue().iter().filter(|model| model.problem.is_none());
        let rows = rows.flat_map(|model| {
            let size = |num_bytes| ModelSize::of_files(model.spec.clone(), num_bytes);
            model.choices.iter().map(move |choice| (choice.model.clone(), size(choice.num_bytes)))
        });
        let listed = self.hub.listing.iter().flat_map(|listing| {
            let model = alike(listing).filter(|_| listing.problem.is_none());
            let of = move |model: &CatalogueModel, num_bytes| ModelSize::of_files(model.spec.clone(), num_bytes);
            listing.variants.iter().filter_map(move |variant| {
                let whole = super::offers::variant_ref(listing, variant);
                Some((whole, of(model?, variant.num_bytes)))
            })
        });
        let mut all: Vec<(ModelRef, ModelSize)> = Vec::new();
        for (model, size) in found.chain(rows).chain(listed) {
            if !all.iter().any(|(known, _)| *known == model) {
                all.push((model, size));
            }
        }
        all
    }

    /// Whether a model has room here, as far as that is known.
    pub fn fit(&self, model: &ModelRef) -> Option<Fit> {
        Some(self.estimates.of(model)?.memory.fit())
    }

    /// What becomes of the selected model.
    pub fn estimate_of_selected(&self) -> Option<&Estimate> {
        let model = self.selected.as_ref()?;
        self.estimates.of(model).filter(|_| self.selected().is_none_or(|found| obstacle_but_download(found).is_none()))
    }
}

fn obstacle_but_download(found: &FoundModel) -> Option<String> {
    obstacle(found).filter(|_| found.is_on_disk)
}

/// The model of the catalogue whose shape stands for a repository's: itself, or the one nearest in size.
fn alike(listing: &RepoListing) -> Option<&'static CatalogueModel> {
    if let Some(itself) = catalogue::find(&listing.repo) {
        return Some(itself);
    }
    let size = listing.num_parameters? as f64;
    let distance = |model: &&CatalogueModel| (model.num_parameters as f64 / size).ln().abs();
    catalogue().iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))
}
