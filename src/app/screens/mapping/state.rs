//! The import dialog: a file, how it is read, and what would come of it.

use std::path::{Path, PathBuf};

use crate::app::screens::data::start::Start;
use crate::data::import::{ColumnRole, Format, ImportPreview, ImportReport, ImportRequest, Mapping, SplitSpec};
use crate::engine::{EventKind, Failure, JobId, JobSpec, Outcome, Reply};

/// A whole file is read for each preview; this spares it for every letter of the system message.
const PAUSE_SECS: f64 = 0.25;

/// What a person did in the dialog.
#[derive(Debug, Clone, PartialEq)]
pub enum MappingAction {
    /// Looks at a file; the dialog opens, or goes on with this file.
    Open(PathBuf),
    Close,
    Column(usize, ColumnRole),
    SystemMessage(String),
    AnswerAsJson(bool),
    Split(SplitSpec),
    /// Which row is shown as an example.
    ShowExample(usize),
    ShowRejected(bool),
    /// Asks where to save the rows that are left out.
    PickRejectedFile,
    SaveRejected(PathBuf),
    Import,
    /// Something that waited for a pause is due.
    Tick,
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
    pub request: ImportRequest,
    /// The newest there is; it may be of the request before the last change.
    pub preview: Option<ImportPreview>,
    pub stage: Stage,
    pub shown_example: usize,
    pub shows_rejected: bool,
    pub failure: Option<Failure>,
    /// Where the rows that are left out were written.
    pub saved_to: Option<PathBuf>,
    changed_at: Option<f64>,
    saving: Option<JobId>,
}

impl ImportDialog {
    /// The mapping in force: the person's, or the guess.
    pub fn mapping(&self) -> Option<&Mapping> {
        self.request.mapping.as_ref().or_else(|| self.preview.as_ref()?.mapping.as_ref())
    }

    pub fn file_name(&self) -> String {
        self.request.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }

    /// The preview shows what the request says.
    pub fn is_current(&self) -> bool {
        self.stage == Stage::Waiting && self.changed_at.is_none()
    }

    /// Why nothing can be imported yet.
    pub fn problem(&self) -> Option<String> {
        let Some(preview) = &self.preview else { return Some("The file is still being read".to_owned()) };
        let mapping = self.mapping().filter(|_| preview.format == Format::Columns);
        if let Some(mapping) = mapping {
            let has = |role| mapping.columns.iter().any(|(_, r)| *r == role);
            if !has(ColumnRole::User) {
                return Some("Choose which column the user says".to_owned());
            }
            if !has(ColumnRole::Assistant) {
                return Some("Choose which column is the answer".to_owned());
            }
        }
        match self.stage {
            Stage::Importing(_) => Some("The import is running".to_owned()),
            _ if !self.is_current() => Some("The preview is being made".to_owned()),
            _ if preview.num_accepted == 0 => Some("No row of this file can be an example".to_owned()),
            _ => None,
        }
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
    /// What the last import did; the data screen says it until it is put away.
    pub report: Option<ImportReport>,
}

impl MappingState {
    pub fn apply(&mut self, action: MappingAction, project: &Path, now: f64, jobs: &mut dyn Start) {
        if let MappingAction::Open(path) = action {
            return self.open(path, jobs);
        }
        let Some(dialog) = &mut self.dialog else { return };
        match action {
            MappingAction::Open(_) | MappingAction::PickRejectedFile | MappingAction::Tick => {}
            MappingAction::Close => self.close(jobs),
            MappingAction::Column(column, role) => dialog.change_mapping(
                |mapping| {
                    if let Some((_, current)) = mapping.columns.get_mut(column) {
                        *current = role;
                    }
                },
                now,
            ),
            MappingAction::SystemMessage(text) => dialog.change_mapping(|mapping| mapping.system_message = text, now),
            MappingAction::AnswerAsJson(on) => dialog.change_mapping(|mapping| mapping.answer_as_json = on, now),
            // Which part an example falls into changes nothing of the preview.
            MappingAction::Split(spec) => dialog.request.split = spec,
            MappingAction::ShowExample(index) => dialog.shown_example = index,
            MappingAction::ShowRejected(on) => dialog.shows_rejected = on,
            MappingAction::SaveRejected(to) => {
                let request = dialog.request.clone();
                dialog.saving = Some(jobs.start(JobSpec::SaveRejected { request, to }));
            }
            MappingAction::Import => {
                if dialog.problem().is_none() {
                    let spec = JobSpec::Import { project: project.to_owned(), request: dialog.request.clone() };
                    dialog.stage = Stage::Importing(jobs.start(spec));
                    dialog.failure = None;
                }
            }
        }
    }

    fn open(&mut self, path: PathBuf, jobs: &mut dyn Start) {
        self.close(jobs);
        let split = self.dialog.take().map(|dialog| dialog.request.split).unwrap_or_default();
        let request = ImportRequest { split, ..ImportRequest::new(path) };
        let job = jobs.start(JobSpec::PreviewImport { request: request.clone() });
        self.dialog = Some(ImportDialog {
            request,
            preview: None,
            stage: Stage::Reading(job),
            shown_example: 0,
            shows_rejected: false,
            failure: None,
            saved_to: None,
            changed_at: None,
            saving: None,
        });
    }

    /// Stops what is running for the dialog and puts it away.
    fn close(&mut self, jobs: &mut dyn Start) {
        let stage = self.dialog.take().map(|dialog| dialog.stage);
        if let Some(Stage::Reading(job) | Stage::Importing(job)) = stage {
            jobs.stop(job);
        }
    }

    /// Called every frame: makes a new preview a moment after the last change.
    pub fn tick(&mut self, now: f64, jobs: &mut dyn Start) {
        let Some(dialog) = &mut self.dialog else { return };
        let is_due = dialog.changed_at.is_some_and(|at| now - at >= PAUSE_SECS);
        if !is_due || matches!(dialog.stage, Stage::Importing(_)) {
            return;
        }
        if let Stage::Reading(old) = dialog.stage {
            jobs.stop(old);
        }
        dialog.changed_at = None;
        dialog.stage = Stage::Reading(jobs.start(JobSpec::PreviewImport { request: dialog.request.clone() }));
    }

    /// A repaint is due after this many seconds.
    pub fn wake_in(&self, now: f64) -> Option<f64> {
        let changed_at = self.dialog.as_ref()?.changed_at?;
        Some((PAUSE_SECS - (now - changed_at)).max(0.0))
    }

    pub fn on_event(&mut self, from: JobId, event: &EventKind) {
        let Some(dialog) = &mut self.dialog else { return };
        match event {
            EventKind::Reply(reply) => self.on_reply(from, reply),
            EventKind::Finished(outcome) => Self::on_finished(dialog, from, outcome),
            _ => {}
        }
    }

    fn on_reply(&mut self, from: JobId, reply: &Reply) {
        let Some(dialog) = &mut self.dialog else { return };
        match (reply, &dialog.stage) {
            (Reply::Preview(preview), Stage::Reading(job)) if *job == from => {
                dialog.shown_example = dialog.shown_example.min(preview.examples.len().saturating_sub(1));
                dialog.preview = Some(preview.clone());
                dialog.failure = None;
                dialog.stage = Stage::Waiting;
            }
            (Reply::Imported(report), Stage::Importing(job)) if *job == from => {
                self.report = Some(report.clone());
                self.dialog = None;
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
            dialog.stage = Stage::Waiting;
        }
        let is_saving = dialog.saving.take_if(|job| *job == from).is_some();
        if let (true, Outcome::Failed(failure)) = (is_stage || is_saving, outcome) {
            dialog.failure = Some(failure.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::FakeEngine;
    use crate::train::Signal;

    fn preview(request: &ImportRequest, num_accepted: u64) -> ImportPreview {
        let guess = Mapping {
            columns: vec![("text".to_owned(), ColumnRole::User), ("label".to_owned(), ColumnRole::Assistant)],
            ..Mapping::default()
        };
        ImportPreview {
            path: request.path.clone(),
            format: Format::Columns,
            description: "comma".to_owned(),
            num_rows: num_accepted,
            columns: vec!["text".to_owned(), "label".to_owned()],
            cells: Vec::new(),
            mapping: Some(request.mapping.clone().unwrap_or(guess)),
            examples: Vec::new(),
            num_accepted,
            num_rejected: 0,
            rejected: Vec::new(),
            reasons: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn answer(state: &mut MappingState, fake: &FakeEngine, job: JobId, reply: Reply) {
        fake.answer(job, reply);
        for event in crate::engine::Backend::events(fake).try_iter() {
            state.on_event(event.job, &event.kind);
        }
    }

    #[test]
    fn every_change_makes_a_new_preview_and_older_ones_are_dropped() {
        let (mut state, mut fake, project) = (MappingState::default(), FakeEngine::default(), Path::new("p"));
        state.apply(MappingAction::Open("a.csv".into()), project, 0.0, &mut fake);
        let (job, spec) = fake.started().remove(0);
        let JobSpec::PreviewImport { request } = spec else { panic!("{spec:?}") };
        assert!(state.dialog.as_ref().unwrap().problem().is_some());
        answer(&mut state, &fake, job, Reply::Preview(preview(&request, 12)));
        assert_eq!(state.dialog.as_ref().unwrap().problem(), None);

        state.apply(MappingAction::Column(1, ColumnRole::Unused), project, 1.0, &mut fake);
        state.tick(1.1, &mut fake);
        assert_eq!(fake.started().len(), 1, "waits for a pause");
        state.tick(1.5, &mut fake);
        let second = fake.started()[1].0;
        state.apply(MappingAction::Column(1, ColumnRole::Assistant), project, 2.0, &mut fake);
        state.tick(3.0, &mut fake);
        assert_eq!(fake.signals(), [(second, Signal::Stop { save: false })]);
        answer(&mut state, &fake, second, Reply::Preview(preview(&request, 99)));
        assert_eq!(state.dialog.as_ref().unwrap().preview.as_ref().unwrap().num_accepted, 12);

        let third = fake.started()[2].0;
        answer(&mut state, &fake, third, Reply::Preview(preview(&request, 13)));
        state.apply(MappingAction::Import, project, 4.0, &mut fake);
        let import = fake.last_job(|spec| matches!(spec, JobSpec::Import { .. })).unwrap();
        let report = ImportReport {
            path: "a.csv".into(),
            num_imported: 13,
            num_known: 0,
            num_rejected: 0,
            rejected: Vec::new(),
            reasons: Vec::new(),
            notes: Vec::new(),
        };
        answer(&mut state, &fake, import, Reply::Imported(report));
        assert!(state.dialog.is_none() && state.report.is_some());
    }
}
