//! A made-up world: what the scripted engine knows, and what it answers from it.

use tunewright::data::{Split, preview as look_at};
use tunewright::engine::{Estimates, IoJob, JobSpec, Reply, StoreJob};
use tunewright::evaluate::{KeptPair, Measured};
use tunewright::hub::FoundModel;
use tunewright::project::{ExampleQuery, ExampleRow, FacetCounts, ProjectState, RowPage};
use tunewright::run::RunRecord;
use tunewright::task::Unwatched;
use tunewright::train::preview::RunPreview;
use tunewright::train::{EvalMetrics, StepMetrics};
use tunewright::workbench::rating::KeptSession;

use super::made;

/// A project with all that belongs to it. Its examples are those for validation, then for testing, then for training.
pub struct World {
    pub project: ProjectState,
    /// What lies on this disk; until it is known, looking goes on.
    pub models: Option<Vec<FoundModel>>,
    pub runs: Vec<RunRecord>,
    /// The curves of each of the runs.
    pub steps: Vec<StepMetrics>,
    pub evaluations: Vec<EvalMetrics>,
    /// What lies in the runs' folders.
    pub measured: Vec<Measured>,
    pub answered: Vec<KeptPair>,
    /// Sessions of blind rating.
    pub ratings: Vec<KeptSession>,
    /// What a run would do; without one, that is still being counted, and so is what models take.
    pub preview: Option<RunPreview>,
    /// What the example of an id asks.
    pub prompt: fn(i64) -> String,
}

impl World {
    /// With models on the disk, and no runs yet.
    pub fn new(project: ProjectState) -> Self {
        Self {
            project,
            models: Some(made::models()),
            runs: Vec::new(),
            steps: (1..=12).map(made::step).collect(),
            evaluations: vec![made::evaluation(0, 2.5), made::evaluation(12, 0.5)],
            measured: Vec::new(),
            answered: Vec::new(),
            ratings: Vec::new(),
            preview: Some(made::preview()),
            prompt: |id| format!("prompt {id}"),
        }
    }

    /// What is answered at once. Trainings, evaluations and answers go on until the test says something.
    pub(super) fn reply(&mut self, spec: &JobSpec) -> Option<Reply> {
        match spec {
            JobSpec::Store(job) => self.store(job),
            JobSpec::Io(job) => self.io(job),
            _ => None,
        }
    }

    fn store(&mut self, job: &StoreJob) -> Option<Reply> {
        Some(match job {
            StoreJob::OpenProject { .. } | StoreJob::Edit { .. } => Reply::Project(self.project.clone()),
            StoreJob::SaveSettings { settings, .. } => {
                self.project.settings = settings.clone();
                Reply::Project(self.project.clone())
            }
            StoreJob::Query { query, .. } => Reply::Rows(self.page(query)),
            StoreJob::FindIds { query, .. } => Reply::Ids(self.found(query)),
            StoreJob::CountFacets { query, .. } => {
                Reply::Facets { query: query.clone(), counts: FacetCounts::default() }
            }
            StoreJob::LoadExample { id, .. } => Reply::Example(made::example(*id, self.split(*id), (self.prompt)(*id))),
            _ => return None,
        })
    }

    fn io(&self, job: &IoJob) -> Option<Reply> {
        Some(match job {
            IoJob::DiscoverModels => Reply::Models(self.models.clone()?),
            IoJob::EstimateModels { models, .. } => {
                self.preview.as_ref()?;
                let by_model = models.iter().map(|(model, _)| (model.clone(), made::estimate())).collect();
                Reply::Estimates(Estimates { by_model, num_examples: self.project.counts.train as usize })
            }
            IoJob::PreviewRun { .. } => Reply::RunPreview(self.preview.clone()?),
            IoJob::PreviewImport { request } => Reply::Preview(look_at(request, &Unwatched).ok()?),
            IoJob::ListRuns { .. } => Reply::Runs(self.runs.clone()),
            IoJob::ReadRun { run_dir } => {
                let run = self.runs.iter().find(|run| run.run_dir == *run_dir)?.clone();
                Reply::Curves { run, steps: self.steps.clone(), evaluations: self.evaluations.clone() }
            }
            IoJob::ReadEvaluations { .. } => Reply::Evaluations(self.measured.clone()),
            IoJob::ReadAnswers { .. } => Reply::Answers(self.answered.clone()),
            IoJob::ListRatings { .. } => Reply::Ratings(self.ratings.clone()),
            _ => return None,
        })
    }

    fn split(&self, id: i64) -> Split {
        let (counts, id) = (self.project.counts, id as u64);
        match () {
            () if id <= counts.validation => Split::Validation,
            () if id <= counts.validation + counts.test => Split::Test,
            () => Split::Train,
        }
    }

    fn found(&self, query: &ExampleQuery) -> Vec<i64> {
        let ids = 1..=self.project.counts.total() as i64;
        ids.filter(|id| query.split.is_none_or(|split| split == self.split(*id))).collect()
    }

    fn page(&self, query: &ExampleQuery) -> RowPage {
        let found = self.found(query);
        let row = |id: &i64| made::row(*id, self.split(*id), (self.prompt)(*id));
        let rows: Vec<ExampleRow> =
            found.iter().skip(query.offset as usize).take(query.limit as usize).map(row).collect();
        RowPage { query: query.clone(), num_matching: found.len() as u64, rows, is_partial: false }
    }
}
