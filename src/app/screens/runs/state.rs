//! The project's runs, those that are looked at, and their curves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::chosen::Chosen;
use super::order::{Listing, SortBy};
use crate::app::effect::Effect;
use crate::app::jobs::Job;
use crate::app::kit::format;
use crate::app::kit::table::Choice;
use crate::app::screens::ScreenAction;
use crate::app::screens::train::{self, Run};
use crate::app::start::Start;
use crate::app::ticket::Ticket;
use crate::engine::{EventKind, IoJob, JobId, JobSpec, Outcome, Reply, TrainJob};
use crate::run::{RunNote, RunRecord, RunStatus};

/// Curves that are read and drawn at a time, for there are no more colours.
pub const MOST_CURVES: usize = 6;

/// What a person did on this screen.
#[derive(Debug, Clone, PartialEq)]
pub enum RunsAction {
    Select(u64, Choice),
    /// Looks at this run alone, wherever it stands in the list.
    Show(PathBuf),
    /// The check box of a run.
    Toggle(PathBuf),
    SelectAll,
    Sort(SortBy),
    Search(String),
    Keep(PathBuf, RunNote),
    /// Moves the chosen ones to the trash.
    Delete,
    UndoDelete,
    OnlyDifferences(bool),
    ShowTraining(bool),
    /// Goes on from the last checkpoint of the run of this folder.
    Resume(PathBuf),
    /// Smooths as much as the Train screen does.
    Smooth(f64),
}

/// The run of this name if its weights can be used, or else the newest whose can.
pub fn usable<'a>(runs: &'a [RunRecord], name: Option<&str>) -> Option<&'a RunRecord> {
    let has_weights = |run: &&RunRecord| run.adapter.is_some();
    let named = name.and_then(|name| runs.iter().find(|run| run.name == name));
    named.filter(has_weights).or_else(|| runs.iter().find(has_weights))
}

/// A run's curves, and the record that they belong to.
struct Read {
    record: RunRecord,
    curves: Run,
}

/// See the module.
#[derive(Default)]
pub struct RunsState {
    /// The newest first.
    pub records: Vec<RunRecord>,
    pub listing: Listing,
    /// Places in `records` of the rows, in their order.
    pub rows: Vec<usize>,
    pub chosen: Chosen,
    pub only_differences: bool,
    /// Training loss instead of validation loss, where several are on top of each other.
    pub shows_training: bool,
    /// Names of those that were deleted last and can come back.
    pub deleted: Vec<String>,
    /// Why the list or the curves could not be read.
    pub error: Option<String>,
    /// The project that the records are of.
    pub folder: PathBuf,
    pub smoothing: f64,
    read: BTreeMap<PathBuf, Read>,
    list: Ticket<Vec<RunRecord>>,
    reading: Vec<(JobId, PathBuf)>,
    deleting: Ticket<Vec<RunRecord>>,
}

impl RunsState {
    /// Asks for the list anew; an earlier question that is not answered yet is dropped.
    pub fn list(&mut self, project: &Path, jobs: &mut dyn Start) {
        if self.folder != project {
            *self = Self { folder: project.to_owned(), only_differences: true, ..Self::default() };
        }
        self.list.stop(jobs);
        self.list.ask(JobSpec::Io(IoJob::ListRuns { project: project.to_owned() }), jobs);
    }

    fn record(&self, run_dir: &Path) -> Option<&RunRecord> {
        self.records.iter().find(|run| run.run_dir == run_dir)
    }

    pub fn at(&self, row: u64) -> Option<&RunRecord> {
        self.records.get(*self.rows.get(row as usize)?)
    }

    /// The runs that are looked at, in the order they were chosen, each with the slot of its colour.
    pub fn looked_at(&self) -> Vec<(&RunRecord, usize)> {
        if self.chosen.is_empty() {
            return self.at(0).map(|run| (run, 0)).into_iter().collect();
        }
        let slot = |dir: &Path| self.chosen.slot(dir).unwrap_or_default();
        self.chosen.dirs().filter_map(|dir| Some((self.record(dir)?, slot(dir)))).collect()
    }

    /// The only one that is looked at.
    pub fn single(&self) -> Option<&RunRecord> {
        let looked_at = self.looked_at();
        if let [(run, _)] = looked_at[..] { Some(run) } else { None }
    }

    /// The slot of a run's colour, where it is looked at.
    pub fn slot(&self, run: &RunRecord) -> Option<usize> {
        self.looked_at().into_iter().find(|(other, _)| other.run_dir == run.run_dir).map(|(_, slot)| slot)
    }

    /// The row of the arrow keys.
    pub fn cursor(&self) -> Option<u64> {
        let dir = self.chosen.cursor.as_deref();
        let at = |dir: &Path| self.rows.iter().position(|at| self.records[*at].run_dir == dir);
        dir.and_then(at).or((!self.rows.is_empty()).then_some(0)).map(|at| at as u64)
    }

    pub fn curves(&self, run: &RunRecord) -> Option<&Run> {
        self.read.get(&run.run_dir).map(|read| &read.curves)
    }

    /// Whether a run can be resumed from a checkpoint.
    pub fn can_resume(run: &RunRecord) -> bool {
        matches!(run.status, RunStatus::Interrupted | RunStatus::Stopped) && run.num_steps_done < run.num_steps
    }

    pub fn apply(&mut self, action: RunsAction, jobs: &mut dyn Start) {
        let list: Vec<PathBuf> = self.rows.iter().map(|at| self.records[*at].run_dir.clone()).collect();
        let list: Vec<&Path> = list.iter().map(PathBuf::as_path).collect();
        match action {
            RunsAction::Select(row, choice) => self.chosen.choose(row as usize, choice, &list),
            RunsAction::Show(run_dir) => {
                self.listing.search.clear();
                self.chosen.choose(0, Choice::One, &[run_dir.as_path()]);
            }
            RunsAction::Toggle(run_dir) => self.chosen.toggle(&run_dir, &list),
            RunsAction::SelectAll => self.chosen.all(&list),
            RunsAction::Sort(by) => self.listing.sort(by),
            RunsAction::Search(search) => self.listing.search = search,
            RunsAction::Keep(run_dir, note) => {
                if let Some(run) = self.records.iter_mut().find(|run| run.run_dir == run_dir) {
                    run.about.note = note.clone();
                }
                jobs.start(JobSpec::Io(IoJob::KeepRunNote { run_dir, note }));
            }
            RunsAction::Delete => {
                let run_dirs: Vec<_> = self.looked_at().into_iter().map(|(run, _)| run.run_dir.clone()).collect();
                self.deleting.ask(JobSpec::Io(IoJob::TrashRuns { project: self.folder.clone(), run_dirs }), jobs);
            }
            RunsAction::UndoDelete => {
                let names = std::mem::take(&mut self.deleted);
                self.deleting.ask(JobSpec::Io(IoJob::RestoreRuns { project: self.folder.clone(), names }), jobs);
            }
            RunsAction::OnlyDifferences(is_on) => self.only_differences = is_on,
            RunsAction::ShowTraining(is_on) => self.shows_training = is_on,
            RunsAction::Smooth(smoothing) => {
                self.smoothing = smoothing;
                self.read.values_mut().for_each(|read| read.curves.smooth(smoothing));
            }
            RunsAction::Resume(run_dir) => drop(jobs.start(JobSpec::Train(TrainJob::Resume { run_dir }))),
        }
        self.rows = self.listing.rows(&self.records);
        self.read_missing(jobs);
    }

    /// Asks for the curves of the runs that are looked at, where they aren't there or are older than the record.
    fn read_missing(&mut self, jobs: &mut dyn Start) {
        let is_read = |run: &RunRecord| {
            let is_known = self.read.get(&run.run_dir).is_some_and(|read| has_same_course(&read.record, run));
            is_known || self.reading.iter().any(|(_, dir)| *dir == run.run_dir)
        };
        let looked_at = self.looked_at().into_iter().filter(|(_, slot)| *slot < MOST_CURVES);
        let missing: Vec<_> = looked_at.filter(|(run, _)| !is_read(run)).map(|(run, _)| run.run_dir.clone()).collect();
        for run_dir in missing {
            self.reading.push((jobs.start(JobSpec::Io(IoJob::ReadRun { run_dir: run_dir.clone() })), run_dir));
        }
    }

    /// Gives what is to be done outside of this screen. `project` is the folder of the open one.
    pub fn on_event(
        &mut self,
        job: &Job,
        event: &EventKind,
        project: Option<&Path>,
        jobs: &mut dyn Start,
    ) -> Vec<Effect> {
        let effects = match event {
            EventKind::Reply(reply) => self.on_reply(job, reply, jobs),
            EventKind::Finished(outcome) => {
                self.on_finished(job.id, outcome);
                Vec::new()
            }
            _ => Vec::new(),
        };
        if let Some(project) = project.filter(|project| *project != self.folder || has_news(job, event)) {
            self.list(project, jobs);
        }
        effects
    }

    fn on_finished(&mut self, job: JobId, outcome: &Outcome) {
        let is_list = self.list.end(job);
        let num_before = self.reading.len();
        self.reading.retain(|(asked, _)| *asked != job);
        let is_read = self.reading.len() < num_before;
        self.deleting.end(job);
        if let (true, Outcome::Failed(failure)) = (is_list || is_read, outcome) {
            self.error = Some(failure.message.clone());
        }
    }

    fn on_reply(&mut self, Job { id, spec, .. }: &Job, reply: &Reply, jobs: &mut dyn Start) -> Vec<Effect> {
        match reply {
            Reply::Runs(_) => {
                if let Some(records) = self.list.take(*id, reply).or(self.deleting.take(*id, reply)) {
                    self.records.clone_from(records);
                    self.rows = self.listing.rows(&self.records);
                    let records = &self.records;
                    self.chosen.keep(|dir| records.iter().any(|run| run.run_dir == dir));
                    self.error = None;
                    self.read_missing(jobs);
                }
            }
            // Perhaps not as it was asked: what could not be written is asked for again once the disk is there.
            Reply::Trashed(names) if is_deleted_in(&self.folder, spec) => {
                self.deleted.clone_from(names);
                let runs = format::count(names.len() as u64, "run", "runs");
                let words = format!("Moved {runs} to the project's trash; Undo in Runs brings back");
                let forget = ScreenAction::Train(train::Action::Deleted(names.clone()));
                return vec![Effect::Do(forget), Effect::say(words)];
            }
            Reply::Curves { run, steps, evaluations } => {
                let Some((_, run_dir)) = self.reading.iter().find(|(asked, _)| asked == id) else {
                    return Vec::new();
                };
                let mut curves = Run::new(*id, run.recipe.clone(), self.smoothing);
                curves.run_dir = Some(run_dir.clone());
                curves.outcome = Some(Outcome::Completed);
                curves.read(run, steps, evaluations);
                self.read.insert(run_dir.clone(), Read { record: run.clone(), curves });
                self.error = None;
            }
            _ => {}
        }
        Vec::new()
    }
}

fn is_deleted_in(folder: &Path, spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Io(IoJob::TrashRuns { project, .. }) if project == folder)
}

/// A run has begun, has other weights, or is over.
fn has_news(job: &Job, event: &EventKind) -> bool {
    let is_run = matches!(job.spec, JobSpec::Train(TrainJob::Train { .. } | TrainJob::Resume { .. }));
    let is_news = matches!(
        event,
        EventKind::RunStarted { .. } | EventKind::Eval(_) | EventKind::Checkpoint { .. } | EventKind::Finished(_)
    );
    is_run && is_news
}

/// Notes don't change a run's curves.
fn has_same_course(a: &RunRecord, b: &RunRecord) -> bool {
    (a.num_steps_done, a.best_eval_loss, a.secs) == (b.num_steps_done, b.best_eval_loss, b.secs)
}
