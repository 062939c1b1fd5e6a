//! What can be had from the Hub: the catalogue's models, and what a search brings.

use crate::app::screens::model::state::ModelState;
use crate::app::start::Start;
use crate::app::ticket::Ticket;
use crate::engine::{JobId, JobSpec, NetJob, Outcome, Reply};
use crate::hub::{CatalogueChoice, CatalogueModel, RepoListing, SearchPage, SearchQuery, Variant, catalogue};
use crate::recipe::ModelRef;
use crate::train::memory::Fit;

/// The order of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CatalogueOrder {
    #[default]
    FitsFirst,
    Smallest,
    Newest,
}

impl CatalogueOrder {
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::FitsFirst, "Fits this machine first"),
        (Self::Smallest, "Smallest first"),
        (Self::Newest, "Newest first"),
    ];
}

/// See the module.
#[derive(Debug, Default)]
pub struct HubState {
    pub page: Option<SearchPage>,
    pub listing: Option<RepoListing>,
    /// The repository whose files are asked for.
    pub asked_repo: Option<String>,
    /// Why the last search or list didn't come.
    pub failure: Option<String>,
    searching: Ticket<SearchPage>,
    listing_job: Ticket<RepoListing>,
}

impl HubState {
    pub fn is_searching(&self) -> bool {
        self.searching.is_open()
    }

    pub fn is_listing(&self) -> bool {
        self.listing_job.is_open()
    }

    pub(super) fn search(&mut self, text: &str, jobs: &mut dyn Start) {
        let query = SearchQuery { text: text.to_owned(), ..SearchQuery::default() };
        self.failure = None;
        self.searching.ask_anew(JobSpec::Net(NetJob::SearchModels { query }), jobs);
    }

    pub(super) fn list(&mut self, repo: &str, jobs: &mut dyn Start) {
        (self.failure, self.listing) = (None, None);
        self.asked_repo = Some(repo.to_owned());
        self.listing_job.ask_anew(JobSpec::Net(NetJob::ListRepo { repo: repo.to_owned(), revision: None }), jobs);
    }

    /// Whether a list of files came.
    pub(super) fn take(&mut self, job: JobId, reply: &Reply) -> bool {
        if let Some(page) = self.searching.take(job, reply) {
            self.page = Some(page.clone());
        }
        let Some(listing) = self.listing_job.take(job, reply) else { return false };
        self.listing = Some(listing.clone());
        true
    }

    pub(super) fn end(&mut self, job: JobId, outcome: &Outcome) {
        let is_mine = self.searching.end(job) | self.listing_job.end(job);
        if let (true, Outcome::Failed(failure)) = (is_mine, outcome) {
            self.failure = Some(match &failure.hint {
                Some(hint) => format!("{}. {hint}", failure.message.trim_end_matches('.')),
                None => failure.message.clone(),
            });
        }
    }
}

/// How a variant of a repository is asked for.
pub fn variant_ref(listing: &RepoListing, variant: &Variant) -> ModelRef {
    ModelRef::Hub {
        repo: listing.repo.clone(),
        revision: listing.revision.clone(),
        variant: Some(variant.name.clone()),
    }
}

/// A model that isn't on this disk.
#[derive(Clone, Copy)]
pub enum Offer<'a> {
    Catalogue(&'static CatalogueModel, &'static CatalogueChoice),
    Listed(&'a RepoListing, &'a Variant),
}

impl Offer<'_> {
    pub fn num_bytes(&self) -> u64 {
        match self {
            Self::Catalogue(_, choice) => choice.num_bytes,
            Self::Listed(_, variant) => variant.num_bytes,
        }
    }

    pub fn is_gated(&self) -> bool {
        match self {
            // Its GGUF files are in repositories of others.
            Self::Catalogue(model, choice) => model.is_gated && choice.file.is_none(),
            Self::Listed(listing, _) => listing.is_gated,
        }
    }

    pub fn problem(&self) -> Option<&str> {
        match self {
            Self::Catalogue(model, _) => model.problem.as_deref(),
            Self::Listed(listing, _) => listing.problem.as_deref(),
        }
    }
}

impl ModelState {
    /// What is selected and isn't on this disk.
    pub fn offer(&self) -> Option<Offer<'_>> {
        let selected = self.selected.as_ref().filter(|_| self.selected().is_none())?;
        if let Some(listing) = &self.hub.listing
            && let Some(variant) = listing.variants.iter().find(|variant| variant_ref(listing, variant) == *selected)
        {
            return Some(Offer::Listed(listing, variant));
        }
        catalogue().iter().find_map(|model| {
            let choice = model.choices.iter().find(|choice| choice.model == *selected)?;
            Some(Offer::Catalogue(model, choice))
        })
    }

    /// The rows of the catalogue whose names have this text in them, in order; each with the choice that is meant by it.
    pub fn rows(&self, search: &str) -> Vec<(&'static CatalogueModel, &'static CatalogueChoice)> {
        let wanted = search.trim().to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let rows = catalogue().iter().filter(|model| has(&model.name) || has(&model.family) || has(&model.maker));
        let mut rows: Vec<_> = rows.filter_map(|model| Some((model, self.suggested(model)?))).collect();
        match self.order {
            CatalogueOrder::FitsFirst => rows.sort_by_key(|(model, choice)| {
                (model.problem.is_some(), self.fit(&choice.model).unwrap_or(Fit::Fits), model.num_parameters)
            }),
            CatalogueOrder::Smallest => rows.sort_by_key(|(model, _)| model.num_parameters),
            CatalogueOrder::Newest => rows.sort_by(|(a, _), (b, _)| b.since.cmp(&a.since)),
        }
        rows
    }

    /// The most exact choice that fits here; else the smallest.
    pub fn suggested(&self, model: &'static CatalogueModel) -> Option<&'static CatalogueChoice> {
        if let Some(chosen) = model.choices.iter().find(|choice| self.selected.as_ref() == Some(&choice.model)) {
            return Some(chosen);
        }
        let fits = |choice: &&CatalogueChoice| self.fit(&choice.model) == Some(Fit::Fits);
        model.choices.iter().rev().find(fits).or_else(|| model.choices.first())
    }

    /// The variant of the listed repository that is meant before one is chosen: the most exact that fits.
    pub(super) fn suggested_variant(&self) -> Option<ModelRef> {
        let listing = self.hub.listing.as_ref()?;
        let models = || listing.variants.iter().map(|variant| variant_ref(listing, variant));
        let fits = models().rfind(|model| self.fit(model) == Some(Fit::Fits));
        fits.or_else(|| models().next())
    }
}
