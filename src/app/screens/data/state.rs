//! What the data screen knows, and what it does when a person acts. Painting only reads it.

mod asking;
mod example;
mod filtering;
mod findings;
mod history;
mod marking;
mod moving;
mod opening;
mod replies;

use std::path::{Path, PathBuf};

use super::action::DataAction;
use super::arriving::Arriving;
use super::checks::Checks;
use super::dialogs::DataDialog;
use super::dialogs::moving::Moving;
use super::draft::Draft;
use super::filters::Filters;
use super::marks::Marks;
use super::tokens::{TokenKey, Tokens};
use crate::app::effect::Effect;
use crate::app::rows::Rows;
use crate::app::start::Start;
use crate::app::ticket::Ticket;
use crate::data::Example;
use crate::data::checks::{Finding, Fix};
use crate::data::statistics::Statistics;
use crate::engine::protocol::{self as engine, Findings};
use crate::engine::{JobSpec, StoreJob};
use crate::project::{
    Edit, ExampleQuery, ExampleRow, FacetCounts, Lengths, ProjectState, ReplacePreview, Reviewers, Sort, SplitPreview,
    StoredExample,
};
use crate::recipe::ModelRef;
use crate::workbench::scores::{QueueReport, ScoreReport};

/// What was asked of the engine; each ticket knows its answer.
#[derive(Default)]
pub(super) struct Asked {
    /// To open it.
    example: Ticket<StoredExample>,
    /// Which one that is.
    example_id: Option<i64>,
    edits: Vec<UnderWay>,
    facets: Ticket<FacetCounts>,
    lengths: Ticket<Lengths>,
    marks: Ticket<Vec<i64>>,
    replace: Ticket<ReplacePreview>,
    fix: Ticket<Fix>,
    /// What is shown of the examples that a fix is about.
    fix_texts: Ticket<Vec<StoredExample>>,
    statistics: Ticket<Statistics>,
    history: Ticket<engine::History>,
    /// The findings of the open example.
    findings: Ticket<Findings>,
    held_out: Ticket<u64>,
    split: Ticket<SplitPreview>,
    pub(super) reviewers: Ticket<Option<Reviewers>>,
    scores: Ticket<ScoreReport>,
    queue: Ticket<QueueReport>,
}

/// A change that isn't on the disk yet.
struct UnderWay {
    ticket: Ticket<ProjectState>,
    makes: Option<Made>,
}

/// An example that an edit makes is then opened; the row where it will probably be.
#[derive(Clone, Copy)]
struct Made(Option<u64>);

/// Which row is wanted next, once its page is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Row(u64),
    /// The one that moves up when this one is gone.
    After(u64),
}

/// An example that is to be opened wherever it is, and brought into view if the filter lets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reveal {
    id: i64,
    /// Where to look for it first; else by its number.
    row: Option<u64>,
    is_asked: bool,
}

/// See the module.
#[derive(Default)]
pub struct DataState {
    pub filters: Filters,
    pub rows: Rows,
    pub arriving: Arriving,
    /// How many rows each filter would show.
    pub facets: FacetCounts,
    /// In tokens, as the last checks counted them.
    pub lengths: Lengths,
    pub marks: Marks,
    pub checks: Checks,
    /// In the filtered order.
    pub selected: Option<u64>,
    pub open: Option<Draft>,
    /// Answers in JSON or Markdown are shown laid out.
    pub lays_out: bool,
    /// What the checks found at the open example, and perhaps still at the one before.
    pub findings: Vec<Finding>,
    /// Findings of it that a person marked as not a fault.
    pub not_faults: Vec<Finding>,
    /// Which example's findings were asked for, and of which revision.
    found_for: Option<(i64, u64)>,
    /// Which example's they are, and of which revision of the content.
    findings_of: Option<(i64, u64)>,
    /// The example of which something was found before its last change.
    had_findings: Option<i64>,
    pub dialog: Option<DataDialog>,
    /// On their way into training; those that are held out among them are being counted.
    moving: Option<Moving>,
    pub tokens: Tokens,
    /// The labels that the person gave; empty for those that are found.
    pub label_set: Vec<String>,
    /// Bring this row into view at the next painting.
    pub scroll_to: Option<u64>,
    /// What went wrong last with the open example.
    pub error: Option<String>,
    folder: PathBuf,
    /// The project's name.
    name: String,
    revision: u64,
    content_revision: u64,
    model: Option<ModelRef>,
    /// What the facets were counted for.
    counted: Option<(ExampleQuery, u64)>,
    /// The revision that the lengths were asked for.
    measured: Option<u64>,
    wanted: Option<Wanted>,
    reveal: Option<Reveal>,
    pub(super) asked: Asked,
}

impl DataState {
    /// A change is typed or under way and not yet on the disk.
    pub fn is_saving(&self) -> bool {
        self.open.as_ref().is_some_and(Draft::is_dirty) || self.has_edits_under_way()
    }

    fn has_edits_under_way(&self) -> bool {
        !self.asked.edits.is_empty()
    }

    /// Called every frame: follows the project, saves what is due, asks for what is missing.
    pub fn tick(&mut self, project: &ProjectState, now: f64, jobs: &mut dyn Start) {
        if project.folder != self.folder {
            *self = Self { folder: project.folder.clone(), ..Self::default() };
        }
        self.name.clone_from(&project.name);
        self.model.clone_from(&project.settings.model);
        self.label_set.clone_from(&project.settings.labels);
        self.content_revision = project.content_revision;
        if project.revision != self.revision {
            self.revision = project.revision;
            self.reload(jobs);
        }
        let query = self.filters.query();
        self.rows.want(&query, self.revision);
        if self.rows.is_stale() || self.rows.num_matching().is_none() {
            let around = self.selected.unwrap_or(0);
            self.rows.fetch(&(around..around + 1), &self.folder, jobs);
        }
        self.arriving.follow(self.rows.is_stale());
        if self.filters.is_import_alone() && self.rows.num_matching() == Some(0) && !self.rows.is_stale() {
            // That import was undone.
            return self.change_filters(|filters| filters.only = None);
        }
        // Rows first: counting goes through all of them.
        let is_counted = self.counted.as_ref().is_some_and(|(of, revision)| *of == query && *revision == self.revision);
        if !is_counted && !self.rows.is_stale() && !self.rows.is_fetching() {
            self.counted = Some((query.clone(), self.revision));
            self.asked.facets.ask(JobSpec::Store(StoreJob::CountFacets { project: self.folder.clone(), query }), jobs);
        }
        if self.measured != Some(self.revision) && !self.rows.is_stale() && !self.rows.is_fetching() {
            self.measured = Some(self.revision);
            self.asked.lengths.ask(JobSpec::Store(StoreJob::LoadLengths { project: self.folder.clone() }), jobs);
        }
        if let Some(edit) = self.open.as_mut().and_then(|draft| draft.take_due(now)) {
            self.start_edit(edit, jobs);
        }
        if self.open.is_none()
            && self.selected.is_none()
            && self.reveal.is_none()
            && !self.asked.example.is_open()
            && !self.has_edits_under_way()
            && !self.rows.is_stale()
        {
            self.wanted = self.wanted.or(Some(Wanted::Row(0)));
        }
        self.resolve_wanted(jobs);
        self.resolve_reveal(jobs);
        self.follow_selection();
        self.move_or_ask(jobs);
        self.look_for_findings(jobs);
        if let Some(DataDialog::Fix(review)) = &mut self.dialog
            && let Some(ids) = review.take_wanted()
        {
            self.asked
                .fix_texts
                .ask(JobSpec::Store(StoreJob::LoadExamples { project: self.folder.clone(), ids }), jobs);
        }
        self.checks.tick(project, now, jobs);
        let is_typing = self.open.as_ref().is_some_and(Draft::is_dirty);
        self.tokens.want(self.token_key(project), now, is_typing);
        self.tokens.tick(now, jobs);
    }

    /// A repaint is due after this many seconds, for what `tick` has to do then.
    pub fn wake_in(&self, now: f64) -> Option<f64> {
        let typing = self.open.as_ref().and_then(|draft| draft.due_in(now));
        [typing, self.tokens.wake_in(now), self.checks.due_in(now)].into_iter().flatten().reduce(f64::min)
    }

    fn token_key(&self, project: &ProjectState) -> Option<TokenKey> {
        let draft = self.open.as_ref()?;
        Some(TokenKey {
            model: project.settings.model.clone()?,
            example: Example { messages: draft.messages.clone(), ..draft.stored.example.clone() },
            spec: super::training(project).render_spec(),
        })
    }

    /// Gives what is to be done outside of this screen.
    pub fn apply(&mut self, action: DataAction, now: f64, jobs: &mut dyn Start) -> Vec<Effect> {
        match action {
            DataAction::Filters(action) => return self.filter(action, jobs),
            DataAction::Table(action) => self.walk(action, jobs),
            DataAction::Marks(action) => self.mark(action, jobs),
            DataAction::Example(action) => return self.edit_example(action, now, jobs),
            DataAction::Checks(action) => self.check(action, jobs),
            DataAction::Dialog(action) => return self.ask(action, now, jobs),
            DataAction::AddExample => self.add(jobs),
            DataAction::Tick => {}
        }
        Vec::new()
    }

    /// Rows at the end of all that are still on their way.
    pub fn arriving(&self) -> &[ExampleRow] {
        let stand_at_the_end = !self.is_filtered() && self.filters.sort == Sort::default();
        if stand_at_the_end { self.arriving.rows() } else { &[] }
    }

    /// What was typed is sent at once: before anything that would lose sight of it, such as undo.
    pub fn flush(&mut self, jobs: &mut dyn Start) {
        if let Some(edit) = self.open.as_mut().and_then(Draft::take) {
            self.start_edit(edit, jobs);
        }
    }

    fn reload(&mut self, jobs: &mut dyn Start) {
        if let (Some(draft), false) = (&self.open, self.asked.example.is_open()) {
            self.load(draft.stored.id, jobs);
        }
    }

    fn start_edit(&mut self, edit: Edit, jobs: &mut dyn Start) {
        self.change(JobSpec::Store(StoreJob::Edit { project: self.folder.clone(), edit }), None, jobs);
    }

    /// Any number of them may be under way.
    fn change(&mut self, spec: JobSpec, makes: Option<Made>, jobs: &mut dyn Start) {
        self.asked.edits.push(UnderWay { ticket: Ticket::for_one(spec, jobs), makes });
    }

    /// The project's name.
    pub fn project_name(&self) -> &str {
        &self.name
    }

    /// The folder that the open rows come from.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
