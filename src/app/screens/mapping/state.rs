//! The import dialog: a file, how it is read, and what would come of it.

use std::path::{Path, PathBuf};

use super::edit::{self, AnswerForm};
use super::imported;
use crate::app::OpenDialog;
use crate::app::effect::Effect;
use crate::app::files::{FilePick, PickKind};
use crate::app::jobs::Job;
use crate::app::screens::data::dialogs::reviewers::ReviewersAction;
use crate::app::screens::{ScreenAction, data};
use crate::app::start::Start;
use crate::app::ticket::Ticket;
use crate::data::files::{self, FoundFiles};
use crate::data::import::{ColumnRole, ImportPreview, ImportReport, ImportRequest, Mapping, OnKnown, SplitSpec};
use crate::data::shape::Shape;
use crate::engine::{EventKind, Failure, IoJob, JobId, JobSpec, Outcome, Reply};
use crate::project::KnownRows;

/// A whole file is read for each preview; this spares it for every letter of the system message.
const PAUSE_SECS: f64 = 0.25;

/// What a person did in the dialog.
#[derive(Debug, Clone, PartialEq)]
pub enum MappingAction {
    /// Looks at files; the dialog opens, or continues with these. The later ones are read as if they were the first
    /// one's end.
    Open(FoundFiles),
    /// [`Self::Open`] with files that were fetched from the Hub.
    OpenFetched(ImportRequest),
    /// Looks at a file with a second reviewer's labels.
    OpenReviewer(PathBuf),
    Close,
    Column(usize, ColumnRole),
    SystemMessage(String),
    UserTemplate(String),
    AnswerTemplate(String),
    AnswerForm(AnswerForm),
    /// Shows the values of a column, to be renamed.
    OpenValues(Option<String>),
    Rename {
        column: String,
        from: String,
        to: String,
    },
    /// A column's key in a JSON answer.
    Key {
        column: String,
        key: String,
    },
    /// Yes and no of a column are true and false.
    Booleans {
        column: String,
        on: bool,
    },
    KeepGroups(bool),
    Split(SplitSpec),
    /// Files that are called after a part go there, or all rows are dealt.
    ByName(bool),
    OnKnown(OnKnown),
    /// Rows of at most this many bytes are taken.
    MaxRowBytes(usize),
    /// Which row is shown as an example.
    ShowExample(usize),
    ShowRejected(bool),
    /// Asks where to save the rows that are left out.
    PickRejectedFile,
    SaveRejected(PathBuf),
    /// Asks where to keep how the columns are read.
    PickMappingFile,
    SaveMapping(PathBuf),
    /// It was kept there, or why it couldn't be.
    MappingSaved(Result<PathBuf, String>),
    Import,
    /// Something that waited for a pause is due.
    Tick,
}

/// What becomes of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// They come in as examples.
    Examples,
    /// Their answers are a second reviewer's labels of the examples that are here.
    Reviewer,
}

/// What the dialog is busy with.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    Reading(JobId),
    Waiting,
    Importing(JobId),
}

/// The open dialog.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportDialog {
    pub purpose: Purpose,
    pub request: ImportRequest,
    /// The newest there is; it may be of the request before the last change.
    pub preview: Option<ImportPreview>,
    pub stage: Stage,
    /// Rows that the project has already; `None` until they are counted.
    pub known: Option<KnownRows>,
    pub shown_example: usize,
    pub shows_rejected: bool,
    pub failure: Option<Failure>,
    /// Where the rows that are left out were written.
    pub saved_to: Option<PathBuf>,
    /// What became of keeping the mapping.
    pub mapping_saved: Option<Result<PathBuf, String>>,
    /// The column whose values are shown.
    pub open_values: Option<String>,
    /// The first look at the file: equal for one file's dialog alone.
    pub opened_by: JobId,
    /// The answer is a template, also while there is nothing in it.
    writes_answer: bool,
    /// The newest preview couldn't be made.
    is_preview_stale: bool,
    /// The person's choice.
    by_name: Option<bool>,
    /// The project had some before.
    has_examples: bool,
    changed_at: Option<f64>,
    /// The known rows are to be counted, or are being counted.
    must_count: bool,
    counting: Ticket<KnownRows>,
    saving: Option<JobId>,
}

impl ImportDialog {
    /// The mapping in force: the person's, or the guess.
    pub fn mapping(&self) -> Option<&Mapping> {
        self.request.mapping.as_ref().or_else(|| self.preview.as_ref()?.mapping.as_ref())
    }

    /// The name of the first file.
    pub fn file_name(&self) -> String {
        self.request.source_names().into_iter().next().unwrap_or_default()
    }

    pub fn num_files(&self) -> usize {
        1 + self.request.more.len()
    }

    /// How many examples come in as new ones, and how many take an example's place.
    pub fn outcome(&self) -> (u64, u64) {
        let accepted = self.preview.as_ref().map_or(0, |preview| preview.num_accepted);
        let known = self.known.unwrap_or_default();
        let (kept, updated) = match self.request.on_known {
            OnKnown::Add => (0, 0),
            OnKnown::Skip => (known.same, 0),
            OnKnown::Update => (known.same, known.other),
        };
        (accepted.saturating_sub(kept + updated), updated)
    }

    /// The file says a split or a date of rows that are here.
    pub fn has_news_of_known(&self) -> bool {
        self.known.is_some_and(|known| known.says_split || known.says_date)
    }

    /// Whether files that are called after a part of the data go there: unless the person says otherwise, if they look
    /// like parts and the rows don't say it themselves.
    pub fn is_by_name(&self) -> bool {
        let rows_say = self.preview.as_ref().is_some_and(|preview| preview.num_saying_split > 0);
        let usual = self.request.origins.is_empty() && !rows_say;
        self.by_name.unwrap_or_else(|| usual && files::are_parts(self.request.paths(), self.has_examples))
    }

    /// Columns are read as they are shown here, also if that is a guess.
    fn request_as_shown(&self) -> ImportRequest {
        let shown = self.preview.as_ref().filter(|preview| preview.shape == Shape::Columns && preview.are_alike);
        let mapping = self.request.mapping.clone().or_else(|| shown?.mapping.clone());
        ImportRequest { mapping, by_name: self.is_by_name(), ..self.request.clone() }
    }

    /// The preview shows what the request says.
    pub fn is_current(&self) -> bool {
        self.stage == Stage::Waiting && self.changed_at.is_none()
    }

    /// How the answer is made.
    pub fn answer_form(&self) -> AnswerForm {
        let form = self.mapping().map_or(AnswerForm::Plain, edit::form_of);
        if self.writes_answer && form == AnswerForm::Plain { AnswerForm::Template } else { form }
    }

    /// What the mapping leaves open.
    pub fn open_choice(&self) -> Option<String> {
        let preview = self.preview.as_ref()?;
        let mapping = self.mapping().filter(|_| preview.shape == Shape::Columns)?;
        let is_blank = |template: &str| template.trim().is_empty();
        if !mapping.has(ColumnRole::User) && is_blank(&mapping.user_template) {
            return Some("Choose which column holds the prompt".to_owned());
        }
        if self.purpose == Purpose::Reviewer {
            let is_open = !mapping.has(ColumnRole::Assistant);
            return is_open.then(|| "Choose which column holds the labels".to_owned());
        }
        let has_answer = mapping.has(ColumnRole::Assistant) || !is_blank(&mapping.answer_template);
        if !has_answer && !mapping.answers_to_come {
            return Some("Choose which column holds the answer".to_owned());
        }
        let templates = [&mapping.user_template, &mapping.answer_template];
        templates.into_iter().find_map(|template| edit::wrong_name(mapping, template))
    }

    /// Why nothing can be imported yet.
    pub fn problem(&self) -> Option<String> {
        let Some(preview) = &self.preview else { return Some("The file is still being read".to_owned()) };
        if let Some(open) = self.open_choice() {
            return Some(open);
        }
        match self.stage {
            Stage::Importing(_) if self.purpose == Purpose::Reviewer => Some("The labels are being read".to_owned()),
            Stage::Importing(_) => Some("The import is running".to_owned()),
            _ if !self.is_current() => Some("The preview is being made".to_owned()),
            _ if self.is_preview_stale => self.failure.as_ref().map(|failure| failure.message.clone()),
            _ if preview.num_accepted == 0 => Some("No row of this file can be an example".to_owned()),
            _ if self.outcome() == (0, 0) && self.known.is_some() && !self.has_news_of_known() => {
                Some("All of them are here already".to_owned())
            }
            _ => None,
        }
    }

    /// What was counted is of another request.
    fn stop_counting(&mut self, jobs: &mut dyn Start) {
        self.must_count = false;
        self.known = None;
        self.counting.stop(jobs);
    }

    fn values_of(&self, column: &str) -> Vec<(String, u64)> {
        let Some(preview) = &self.preview else { return Vec::new() };
        let at = preview.columns.iter().position(|name| name == column);
        at.and_then(|at| preview.values.get(at)).cloned().unwrap_or_default()
    }

    fn change_mapping(&mut self, change: impl FnOnce(&mut Mapping), now: f64) {
        if let Some(mapping) = self.mapping() {
            let mut mapping = mapping.clone();
            change(&mut mapping);
            self.request.mapping = Some(mapping);
            self.changed_at = Some(now);
        }
    }
}

/// See the module.
#[derive(Default)]
pub struct MappingState {
    pub dialog: Option<ImportDialog>,
    /// What the import under way did: it is said once that has ended.
    report: Option<ImportReport>,
    /// Whether the open project has examples.
    pub has_examples: bool,
    /// The import that was started last, also when the dialog is gone.
    importing: Option<(JobId, Purpose)>,
    /// The request of the dialog that was closed last, if columns were chosen in it: for the same files they are there
    /// again.
    left: Option<ImportRequest>,
}

impl MappingState {
    /// Gives what is to be done outside of this dialog.
    pub fn apply(&mut self, action: MappingAction, project: &Path, now: f64, jobs: &mut dyn Start) -> Vec<Effect> {
        let opened = match &action {
            MappingAction::Open(found) => {
                ImportRequest::of_files(found.clone()).map(|request| (request, Purpose::Examples))
            }
            MappingAction::OpenFetched(request) => Some((request.clone(), Purpose::Examples)),
            MappingAction::OpenReviewer(path) => Some((ImportRequest::new(path.clone()), Purpose::Reviewer)),
            _ => None,
        };
        if let Some((request, purpose)) = opened {
            self.open(request, purpose, jobs);
            return vec![Effect::Open(OpenDialog::Import)];
        }
        let Some(dialog) = &mut self.dialog else { return Vec::new() };
        match action {
            MappingAction::Open(_)
            | MappingAction::OpenFetched(_)
            | MappingAction::OpenReviewer(_)
            | MappingAction::Tick => {}
            MappingAction::PickRejectedFile => {
                let name = format!("{}.left-out.jsonl", dialog.file_name());
                let pick = FilePick { title: "Save the rows that are left out", kind: PickKind::Save { name } };
                return vec![Effect::Pick(pick, |path| MappingAction::SaveRejected(path).into())];
            }
            MappingAction::PickMappingFile => {
                let name = format!("{}.mapping.json", dialog.file_name());
                let pick = FilePick { title: "Save how the columns are read", kind: PickKind::Save { name } };
                return vec![Effect::Pick(pick, |path| MappingAction::SaveMapping(path).into())];
            }
            MappingAction::SaveMapping(path) => {
                let Some(mapping) = dialog.mapping().cloned() else { return Vec::new() };
                return vec![Effect::run(move || {
                    let saved = mapping.save(&path).map(|()| path).map_err(|error| error.to_string());
                    Some(MappingAction::MappingSaved(saved).into())
                })];
            }
            MappingAction::Close => {
                self.close(jobs);
                return vec![Effect::Close(OpenDialog::Import)];
            }
            MappingAction::Column(column, role) => {
                dialog.change_mapping(|mapping| edit::set_role(mapping, column, role), now);
            }
            MappingAction::UserTemplate(text) => {
                dialog.change_mapping(|mapping| edit::set_user_template(mapping, text), now);
            }
            MappingAction::AnswerTemplate(text) => {
                dialog.change_mapping(|mapping| edit::set_answer_template(mapping, text), now);
            }
            MappingAction::AnswerForm(form) => {
                dialog.writes_answer = form == AnswerForm::Template;
                dialog.change_mapping(|mapping| edit::set_form(mapping, form), now);
            }
            MappingAction::OpenValues(column) => dialog.open_values = column,
            MappingAction::Rename { column, from, to } => {
                dialog.change_mapping(|mapping| edit::rename(mapping, &column, &from, to), now);
            }
            MappingAction::Key { column, key } => {
                dialog.change_mapping(|mapping| edit::set_key(mapping, &column, key), now);
            }
            MappingAction::Booleans { column, on } => {
                let values = dialog.values_of(&column);
                dialog.change_mapping(|mapping| edit::set_booleans(mapping, &column, &values, on), now);
            }
            // Which part an example falls into changes nothing of the preview.
            MappingAction::KeepGroups(on) => dialog.request.keep_groups = on,
            MappingAction::SystemMessage(text) => {
                dialog.request.system_message = text;
                dialog.changed_at = Some(now);
            }
            MappingAction::MaxRowBytes(num_bytes) => {
                dialog.request.max_row_bytes = num_bytes;
                dialog.changed_at = Some(now);
            }
            // What becomes of known rows changes nothing of the preview either.
            MappingAction::OnKnown(on_known) => dialog.request.on_known = on_known,
            MappingAction::Split(spec) => dialog.request.split = spec,
            MappingAction::ByName(on) => dialog.by_name = Some(on),
            MappingAction::ShowExample(index) => dialog.shown_example = index,
            MappingAction::ShowRejected(on) => dialog.shows_rejected = on,
            MappingAction::SaveRejected(to) => {
                let request = dialog.request.clone();
                dialog.saving = Some(jobs.start(JobSpec::Io(IoJob::SaveRejected { request, to })));
            }
            MappingAction::MappingSaved(outcome) => dialog.mapping_saved = Some(outcome),
            MappingAction::Import => {
                if dialog.problem().is_none() {
                    dialog.stop_counting(jobs);
                    let (project, request) = (project.to_owned(), dialog.request_as_shown());
                    let job = jobs.start(match dialog.purpose {
                        Purpose::Examples => JobSpec::Io(IoJob::Import { project, request }),
                        Purpose::Reviewer => JobSpec::Io(IoJob::ImportReviewer { project, request }),
                    });
                    dialog.stage = Stage::Importing(job);
                    dialog.failure = None;
                    self.importing = Some((job, dialog.purpose));
                }
            }
        }
        Vec::new()
    }

    fn open(&mut self, request: ImportRequest, purpose: Purpose, jobs: &mut dyn Start) {
        self.close(jobs);
        let is_same = |left: &mut ImportRequest| purpose == Purpose::Examples && left.paths().eq(request.paths());
        let request = self.left.take_if(is_same).unwrap_or(request);
        let job = jobs.start(JobSpec::Io(IoJob::PreviewImport { request: request.clone() }));
        self.dialog = Some(ImportDialog {
            purpose,
            request,
            preview: None,
            stage: Stage::Reading(job),
            known: None,
            shown_example: 0,
            shows_rejected: false,
            failure: None,
            saved_to: None,
            mapping_saved: None,
            open_values: None,
            opened_by: job,
            writes_answer: false,
            is_preview_stale: false,
            by_name: None,
            has_examples: self.has_examples,
            changed_at: None,
            must_count: false,
            counting: Ticket::default(),
            saving: None,
        });
    }

    /// Stops what is running for the dialog and puts it away.
    fn close(&mut self, jobs: &mut dyn Start) {
        let Some(mut dialog) = self.dialog.take() else { return };
        dialog.stop_counting(jobs);
        if dialog.purpose == Purpose::Examples && dialog.request.mapping.is_some() {
            self.left = Some(dialog.request.clone());
        }
        if let Stage::Reading(job) | Stage::Importing(job) = dialog.stage {
            jobs.stop(job);
        }
    }

    /// Called every frame: makes a new preview a moment after the last change, and then counts what is known.
    pub fn tick(&mut self, project: &Path, now: f64, jobs: &mut dyn Start) {
        let Some(dialog) = &mut self.dialog else { return };
        if dialog.changed_at.is_some() {
            dialog.stop_counting(jobs);
        } else if dialog.must_count && dialog.stage == Stage::Waiting {
            dialog.must_count = false;
            let spec =
                JobSpec::Io(IoJob::CountKnown { project: project.to_owned(), request: dialog.request_as_shown() });
            dialog.counting.ask(spec, jobs);
        }
        let is_due = dialog.changed_at.is_some_and(|at| now - at >= PAUSE_SECS);
        if !is_due || matches!(dialog.stage, Stage::Importing(_)) {
            return;
        }
        if let Stage::Reading(old) = dialog.stage {
            jobs.stop(old);
        }
        dialog.changed_at = None;
        dialog.stage =
            Stage::Reading(jobs.start(JobSpec::Io(IoJob::PreviewImport { request: dialog.request.clone() })));
    }

    /// A repaint is due after this many seconds.
    pub fn wake_in(&self, now: f64) -> Option<f64> {
        let dialog = self.dialog.as_ref()?;
        match dialog.changed_at {
            Some(changed_at) => Some((PAUSE_SECS - (now - changed_at)).max(0.0)),
            None => (dialog.must_count && dialog.stage == Stage::Waiting).then_some(0.0),
        }
    }

    /// Gives what is to be done outside of this dialog, which is gone when its content is.
    pub fn on_event(&mut self, job: &Job, event: &EventKind) -> Vec<Effect> {
        let was_open = self.dialog.is_some();
        let mut effects = Vec::new();
        match event {
            EventKind::Reply(reply) => self.on_reply(job.id, reply),
            EventKind::Finished(outcome) => {
                if let Some(dialog) = &mut self.dialog {
                    Self::on_finished(dialog, job.id, outcome);
                }
                let imported = self.importing.take_if(|(importing, _)| *importing == job.id);
                if let (Some((_, purpose)), Outcome::Completed) = (imported, outcome) {
                    effects.extend(self.after_import(purpose, job));
                }
            }
            _ => {}
        }
        if was_open && self.dialog.is_none() {
            effects.push(Effect::Close(OpenDialog::Import));
        }
        effects
    }

    fn after_import(&mut self, purpose: Purpose, job: &Job) -> Option<Effect> {
        match purpose {
            // Says how far the two agree.
            Purpose::Reviewer => {
                let open = data::DialogAction::Reviewers(ReviewersAction::Open);
                Some(Effect::Do(ScreenAction::Data(data::Action::Dialog(open))))
            }
            Purpose::Examples => {
                let report = self.report.take()?;
                Some(Effect::say(imported::words(&report, job.since.elapsed().as_secs_f64())))
            }
        }
    }

    fn on_reply(&mut self, from: JobId, reply: &Reply) {
        if self.importing.is_some_and(|(importing, _)| importing == from) {
            match reply {
                Reply::Reviewers(_) => self.dialog = None,
                // From here on the table shows what comes, and the status bar how far it is.
                Reply::Arriving(_) => self.dialog = None,
                Reply::Imported(report) => {
                    self.report = Some(report.clone());
                    self.dialog = None;
                }
                _ => {}
            }
        }
        let Some(dialog) = &mut self.dialog else { return };
        if let Some(known) = dialog.counting.take(from, reply) {
            dialog.known = Some(*known);
        }
        match (reply, &dialog.stage) {
            (Reply::Preview(preview), Stage::Reading(job)) if *job == from => {
                dialog.shown_example = dialog.shown_example.min(preview.examples.len().saturating_sub(1));
                dialog.preview = Some(preview.clone());
                dialog.failure = None;
                dialog.is_preview_stale = false;
                dialog.stage = Stage::Waiting;
                dialog.must_count = preview.num_accepted > 0 && dialog.purpose == Purpose::Examples;
            }
            (Reply::Saved(path), _) if dialog.saving == Some(from) => dialog.saved_to = Some(path.clone()),
            _ => {}
        }
    }

    fn on_finished(dialog: &mut ImportDialog, from: JobId, outcome: &Outcome) {
        let is_stage = match dialog.stage {
            Stage::Reading(job) | Stage::Importing(job) => job == from,
            Stage::Waiting => false,
        };
        if is_stage {
            dialog.is_preview_stale |= matches!((&dialog.stage, outcome), (Stage::Reading(_), Outcome::Failed(_)));
            dialog.stage = Stage::Waiting;
        }
        dialog.counting.end(from);
        let is_saving = dialog.saving.take_if(|job| *job == from).is_some();
        if let (true, Outcome::Failed(failure)) = (is_stage || is_saving, outcome) {
            dialog.failure = Some(failure.clone());
        }
    }
}

#[cfg(test)]
mod tests;
