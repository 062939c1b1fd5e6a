//! What the data screen knows, and what it does when a person acts. Painting only reads it.

mod findings;
mod moving;
mod opening;
mod replies;
mod splitting;
mod versions;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::action::DataAction;
use super::arriving::Arriving;
use super::bulk::Bulk;
use super::checks::Checks;
use super::draft::Draft;
use super::export_dialog::ExportDialog;
use super::filters::{Filters, NewRows};
use super::fix_review::FixReview;
use super::history::History;
use super::marks::Marks;
use super::move_dialog::Moving;
use super::rank::{Question, RankForm};
use super::replace::Replace;
use super::reviewers_dialog::ReviewersDialog;
use super::rows::Rows;
use super::split_dialog::SplitPlan;
use super::start::Start;
use super::tokens::{TokenKey, Tokens};
use crate::app::ticket::Ticket;
use crate::data::checks::{Finding, Fix};
use crate::data::statistics::Statistics;
use crate::data::{Example, Message, Role, Split};
use crate::engine::protocol::{self as engine, Findings};
use crate::engine::{ComputeJob, IoJob, JobSpec, StoreJob};
use crate::project::{
    Edit, ExampleQuery, ExampleRow, ExampleStatus, FacetCounts, Lengths, ProjectState, ReplacePreview, Replacement,
    Reviewers, ShowCounts, Sort, SplitCounts, SplitPreview, StoredExample,
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
    /// Of the open example.
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
    pub replace: Option<Replace>,
    pub checks: Checks,
    /// The dialog is open; `None` within while they are counted.
    pub statistics: Option<Option<Statistics>>,
    /// In the filtered order.
    pub selected: Option<u64>,
    pub open: Option<Draft>,
    /// Its previous versions, while they are shown.
    pub history: Option<History>,
    /// Answers in JSON or Markdown are shown laid out.
    pub lays_out: bool,
    /// What the checks found at the open example, and perhaps still at the one before.
    pub findings: Vec<Finding>,
    /// The same of those that a person marked as no fault.
    pub not_faults: Vec<Finding>,
    /// Which example's findings were asked for, and of which revision.
    found_for: Option<(i64, u64)>,
    /// Which example's they are, and of which revision of the content.
    findings_of: Option<(i64, u64)>,
    /// The example of which something was found before its last change.
    had_findings: Option<i64>,
    /// Held-out examples that are about to be trained on.
    pub moving: Option<Moving>,
    pub tokens: Tokens,
    pub split_dialog: Option<SplitPlan>,
    pub export: Option<ExportDialog>,
    pub reviewers: Option<ReviewersDialog>,
    /// What is typed into the dialog of labels, while it is open.
    pub labels: Option<String>,
    /// The labels that the person gave; empty for those that are found.
    pub label_set: Vec<String>,
    /// The dialog that asks which examples matter.
    pub rank: Option<RankForm>,
    /// Bring this row into view at the next painting.
    pub scroll_to: Option<u64>,
    /// What went wrong last with the open example.
    pub error: Option<String>,
    folder: PathBuf,
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
        if self.filters.new.is_some() && self.rows.num_matching() == Some(0) && !self.rows.is_stale() {
            // That import was undone.
            return self.change_filters(|filters| filters.new = None);
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
        self.move_what_is_not_held_out(jobs);
        self.look_for_findings(jobs);
        if let Some(ids) = self.checks.fix.as_mut().and_then(FixReview::take_wanted) {
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

    pub fn apply(&mut self, action: DataAction, now: f64, jobs: &mut dyn Start) {
        match action {
            DataAction::Search(text) => self.change_filters(|filters| filters.search = text),
            DataAction::Show(show) => self.change_filters(|filters| filters.set_show(show)),
            DataAction::ShowOnly(only) => {
                self.flush(jobs);
                self.change_filters(|filters| filters.show_only(only));
                self.open_first();
            }
            DataAction::DropOnly => self.change_filters(|filters| filters.only = None),
            DataAction::Filter(filter) => self.change_filters(|filters| filters.set(filter)),
            DataAction::ClearFilters => self.change_filters(Filters::clear),
            DataAction::Sort(by) => self.change_filters(|filters| filters.sort_by(by)),
            DataAction::Mark(row) => self.mark(row),
            DataAction::MarkTo(row) => {
                let rows = self.marks.range_to(row, self.selected);
                self.mark_rows(Some(rows), jobs);
                self.select(row, jobs);
            }
            DataAction::MarkAll => self.mark_rows(None, jobs),
            DataAction::Unmark => self.marks.clear(),
            DataAction::Bulk(bulk) => self.bulk(bulk, jobs),
            DataAction::Review(review) => {
                self.edit_open(|id| Edit::SetReview { ids: vec![id], review }, jobs);
                self.step(1, jobs);
            }
            DataAction::Label(label) => {
                self.edit_open(|id| Edit::SetLabel { ids: vec![id], label: Some(label) }, jobs);
            }
            DataAction::AddTag(tag) => self.edit_open(|id| Edit::AddTag { ids: vec![id], tag }, jobs),
            DataAction::RemoveTag(tag) => self.edit_open(|id| Edit::RemoveTag { ids: vec![id], tag }, jobs),
            DataAction::Notes(notes) => self.edit_open(|id| Edit::SetNotes { id, notes }, jobs),
            DataAction::Replace(None) => self.replace = None,
            DataAction::Replace(Some(replacement)) => self.preview_replace(replacement, jobs),
            DataAction::Check => self.checks.demand(),
            DataAction::FoldChecks(is_folded) => self.checks.is_folded = is_folded,
            DataAction::PreviewFix(check, remedy, id) => {
                self.flush(jobs);
                let ids = id.map(|id| vec![id]);
                let spec = JobSpec::Io(IoJob::PreviewFix { project: self.folder.clone(), check, remedy, ids });
                self.asked.fix.ask(spec, jobs);
            }
            DataAction::DropFix => self.checks.fix = None,
            DataAction::Fix(action) => {
                if let Some(review) = &mut self.checks.fix {
                    review.apply(action);
                }
            }
            DataAction::MarkFindings(check, id, is_fault) => {
                self.flush(jobs);
                let (project, ids) = (self.folder.clone(), id.map(|id| vec![id]));
                self.change(JobSpec::Store(StoreJob::MarkFindings { project, check, ids, is_fault }), None, jobs);
            }
            DataAction::SwitchCheck(check, is_on) => self.start_edit(Edit::SwitchCheck { check, is_on }, jobs),
            DataAction::RankDialog(form) => self.rank = form,
            DataAction::Rank(question, count, judge) => {
                self.flush(jobs);
                self.rank = None;
                let project = self.folder.clone();
                match question {
                    Question::Loss => {
                        let spec = JobSpec::Compute(ComputeJob::ScoreExamples { project, judge });
                        self.asked.scores.ask(spec, jobs);
                    }
                    Question::Next => {
                        let spec = JobSpec::Compute(ComputeJob::LabelNext { project, judge, count });
                        self.asked.queue.ask(spec, jobs);
                    }
                }
            }
            DataAction::Statistics(false) => self.statistics = None,
            DataAction::Statistics(true) => {
                self.flush(jobs);
                self.statistics = Some(None);
                let spec = JobSpec::Io(IoJob::DescribeData { project: self.folder.clone(), model: self.model.clone() });
                self.asked.statistics.ask(spec, jobs);
            }
            DataAction::ApplyFix => {
                if let Some(fix) = self.checks.fix.take().map(|review| review.decided()) {
                    self.change(JobSpec::Store(StoreJob::ApplyFix { project: self.folder.clone(), fix }), None, jobs);
                }
            }
            DataAction::ReplaceAll => {
                if let Some((ids, replacement)) = self.replace.take().and_then(Replace::confirmed) {
                    self.start_edit(Edit::ReplaceText { ids, replacement }, jobs);
                }
            }
            DataAction::Visible(range) => self.rows.fetch(&range, &self.folder, jobs),
            DataAction::Select(row) => self.select(row, jobs),
            DataAction::Scrolled => self.scroll_to = None,
            DataAction::Tick => {}
            DataAction::Step(by) => self.step(by, jobs),
            DataAction::SetSplit(split) => self.set_split(split, jobs),
            DataAction::MoveIntoTraining(is_meant) => self.answer_move(is_meant, jobs),
            DataAction::SetStatus(status) => self.edit_open(|id| Edit::SetStatus { ids: vec![id], status }, jobs),
            DataAction::ToggleAside => self.toggle_aside(jobs),
            DataAction::Duplicate => {
                self.flush(jobs);
                if let Some(id) = self.open.as_ref().map(|draft| draft.stored.id) {
                    // The copy stands below the original.
                    self.make(Edit::Duplicate { id }, self.selected.map(|row| row + 1), jobs);
                }
            }
            DataAction::Delete => self.delete(jobs),
            DataAction::AddExample => self.add(jobs),
            DataAction::Turn(change) => {
                if let Some(draft) = &mut self.open {
                    draft.change(change, now);
                }
            }
            DataAction::OpenAnswer => {
                if let Some(draft) = &mut self.open {
                    draft.open_answer();
                }
            }
            DataAction::LayOut(lays_out) => self.lays_out = lays_out,
            DataAction::History(true) => self.ask_for_history(jobs),
            DataAction::History(false) => self.history = None,
            DataAction::ChooseVersion(at) => self.choose_version(at),
            DataAction::BringBack => self.bring_back(now, jobs),
            DataAction::Flush => self.flush(jobs),
            DataAction::SelectToken(token) => self.tokens.selected = token,
            DataAction::Reviewers(action) => self.compare_reviewers(action, jobs),
            DataAction::Labels(action) => self.edit_labels(action),
            DataAction::Export(action) => self.export(action, jobs),
            DataAction::SplitDialog(None) => self.split_dialog = None,
            DataAction::SplitDialog(Some(spec)) => self.plan_split(spec, jobs),
            DataAction::DealAnew(spec) => {
                self.split_dialog = None;
                self.flush(jobs);
                self.start_edit(Edit::Resplit { spec }, jobs);
            }
        }
    }

    /// Not every example is shown.
    pub fn is_filtered(&self) -> bool {
        let query = self.filters.query();
        ExampleQuery { sort: query.sort, ..ExampleQuery::default() } != query
    }

    /// What the chips above the table would show.
    pub fn shows(&self, project: &ProjectState) -> ShowCounts {
        if self.is_filtered() {
            return self.facets.shows;
        }
        // Known without counting, and so right at once.
        let SplitCounts { train, validation, test, edited, .. } = project.counts;
        let (all, queued) = (project.counts.total(), project.num_queued);
        ShowCounts { all, splits: [train, validation, test], edited, queued, issues: self.facets.whole.issues() }
    }

    /// What an import brought is shown alone, unless that is all there is.
    pub fn show_new(&mut self, new: NewRows, num_before: u64) {
        if num_before > 0 {
            self.change_filters(|filters| filters.show_new(new));
            self.open_first();
        }
    }

    /// Rows at the end of all that are still on their way.
    pub fn arriving(&self) -> &[ExampleRow] {
        let stand_at_the_end = !self.is_filtered() && self.filters.sort == Sort::default();
        if stand_at_the_end { self.arriving.rows() } else { &[] }
    }

    pub(super) fn change_filters(&mut self, change: impl FnOnce(&mut Filters)) {
        change(&mut self.filters);
        self.marks.clear();
        self.selected = None;
        self.wanted = None;
        self.scroll_to = Some(0);
    }

    /// The first row of those that are shown now.
    pub(super) fn open_first(&mut self) {
        self.wanted = Some(Wanted::Row(0));
    }

    fn mark(&mut self, row: u64) {
        let id = |row: u64| self.rows.get(row).map(|example| example.id);
        if let Some(marked) = id(row) {
            self.marks.toggle(marked, self.selected.and_then(id));
        }
    }

    /// The store knows which rows those are, whatever is in view.
    fn mark_rows(&mut self, rows: Option<RangeInclusive<u64>>, jobs: &mut dyn Start) {
        self.marks.awaited = Some(rows);
        let query = self.filters.query();
        self.asked.marks.ask(JobSpec::Store(StoreJob::FindIds { project: self.folder.clone(), query }), jobs);
    }

    fn bulk(&mut self, bulk: Bulk, jobs: &mut dyn Start) {
        self.flush(jobs);
        let ids = self.marks.ids();
        let edit = match bulk {
            Bulk::Split(Split::Train) => return self.ask_before_moving(ids, jobs),
            Bulk::Split(split) => Edit::SetSplit { ids, split },
            Bulk::Status(status) => Edit::SetStatus { ids, status },
            Bulk::Review(review) => Edit::SetReview { ids, review },
            Bulk::AddTag(tag) => Edit::AddTag { ids, tag },
            Bulk::Delete => {
                self.marks.clear();
                Edit::Delete { ids }
            }
        };
        self.start_edit(edit, jobs);
    }

    /// In the marked examples.
    fn preview_replace(&mut self, replacement: Replacement, jobs: &mut dyn Start) {
        self.flush(jobs);
        let replace = self.replace.get_or_insert_default();
        replace.set(replacement.clone());
        // What is still under way is about other words.
        self.asked.replace.forget();
        if replacement.find.is_empty() {
            return;
        }
        let spec =
            JobSpec::Io(IoJob::PreviewReplace { project: self.folder.clone(), ids: self.marks.ids(), replacement });
        self.asked.replace.ask(spec, jobs);
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

    fn edit_open(&mut self, edit: impl FnOnce(i64) -> Edit, jobs: &mut dyn Start) {
        self.flush(jobs);
        if let Some(draft) = &self.open {
            let edit = edit(draft.stored.id);
            self.start_edit(edit, jobs);
        }
    }

    fn toggle_aside(&mut self, jobs: &mut dyn Start) {
        let Some(draft) = &self.open else { return };
        let status = match draft.stored.status {
            ExampleStatus::SetAside => ExampleStatus::Ready,
            _ => ExampleStatus::SetAside,
        };
        self.edit_open(|id| Edit::SetStatus { ids: vec![id], status }, jobs);
    }

    fn delete(&mut self, jobs: &mut dyn Start) {
        let Some(draft) = self.open.take() else { return };
        self.tokens.forget();
        self.wanted = self.selected.map(Wanted::After);
        self.start_edit(Edit::Delete { ids: vec![draft.stored.id] }, jobs);
    }

    fn add(&mut self, jobs: &mut dyn Start) {
        self.flush(jobs);
        let open = self.open.as_ref();
        let system = open.and_then(|draft| draft.messages.first()).filter(|message| message.role == Role::System);
        let mut messages: Vec<Message> = system.cloned().into_iter().collect();
        messages.extend([Message::new(Role::User, ""), Message::new(Role::Assistant, "")]);
        let split = open.map_or(Split::Train, |draft| draft.stored.split);
        // It stands at the end of all.
        self.filters.clear();
        self.make(Edit::Insert { example: messages.into(), split }, None, jobs);
    }

    fn make(&mut self, edit: Edit, row: Option<u64>, jobs: &mut dyn Start) {
        let spec = JobSpec::Store(StoreJob::Edit { project: self.folder.clone(), edit });
        self.change(spec, Some(Made(row)), jobs);
    }

    fn start_edit(&mut self, edit: Edit, jobs: &mut dyn Start) {
        self.change(JobSpec::Store(StoreJob::Edit { project: self.folder.clone(), edit }), None, jobs);
    }

    /// Any number of them may be under way.
    fn change(&mut self, spec: JobSpec, makes: Option<Made>, jobs: &mut dyn Start) {
        self.asked.edits.push(UnderWay { ticket: Ticket::for_one(spec, jobs), makes });
    }

    /// The folder that the open rows come from.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
