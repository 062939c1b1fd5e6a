//! What `update` and `on_event` may do to the world outside the state.

use std::path::PathBuf;

use super::action::Action;
use super::files::{FilePick, Files};
use super::jobs::Jobs;
use crate::engine::{Backend, JobId, JobSpec};
use crate::task::Signal;

/// Handed to every screen's `update`, `on_event` and `refresh`. Nothing here waits.
pub struct Cx<'a> {
    pub(super) backend: &'a dyn Backend,
    pub(super) files: &'a Files,
    pub(super) egui: &'a egui::Context,
}

impl Cx<'_> {
    /// Starts a job beside those that are under way.
    pub fn start(&self, jobs: &mut Jobs, spec: JobSpec) -> JobId {
        let id = self.backend.start(spec.clone());
        jobs.add(id, spec);
        id
    }

    /// Starts a job in place of those of its kind: they are stopped, and what they still report is dropped.
    pub fn restart(&self, jobs: &mut Jobs, spec: JobSpec) -> JobId {
        let kind = spec.kind();
        for id in jobs.forget(|other| other.kind() == kind) {
            self.backend.control(id, Signal::Stop { save: false });
        }
        self.start(jobs, spec)
    }

    /// Pauses, goes on with, or stops a job.
    pub fn control(&self, id: JobId, signal: Signal) {
        self.backend.control(id, signal);
    }

    /// Opens the system's file dialog in a thread of its own; `then` makes an action of what was chosen.
    pub fn pick(&self, pick: FilePick, then: fn(PathBuf) -> Action) {
        self.files.pick(pick, then);
    }

    /// [`Self::pick`] for files with examples, of which several may be chosen.
    pub fn pick_several(
        &self,
        title: &'static str,
        kinds: (&'static str, &'static [&'static str]),
        then: fn(Vec<PathBuf>) -> Action,
    ) {
        self.files.pick_several(title, kinds, then);
    }

    /// Shows a folder in the system's file manager.
    pub fn open_folder(&self, path: PathBuf) {
        self.files.open_folder(path);
    }

    pub fn copy(&self, text: String) {
        self.egui.copy_text(text);
    }
}
