//! Which run is being trained just now, known to all lanes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::run::{RunRecord, RunStatus};

/// The folder of the run that the compute lane works on.
#[derive(Clone, Default)]
pub(super) struct Running(Arc<Mutex<Option<PathBuf>>>);

impl Running {
    /// The run counts as running until the guard is dropped, also by a panic.
    pub fn begin(&self, run_dir: &Path) -> RunningGuard {
        *self.lock() = Some(run_dir.to_owned());
        RunningGuard(self.clone())
    }

    /// A killed program can't say that its run has ended: its folder says "running" for ever.
    pub fn correct(&self, run: &mut RunRecord) {
        if run.status == RunStatus::Running && !self.is_running(&run.run_dir) {
            run.status = RunStatus::Interrupted;
        }
    }

    pub fn is_running(&self, run_dir: &Path) -> bool {
        self.lock().as_deref() == Some(run_dir)
    }

    /// Nothing trains.
    pub fn is_idle(&self) -> bool {
        self.lock().is_none()
    }

    fn lock(&self) -> MutexGuard<'_, Option<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct RunningGuard(Running);

impl Drop for RunningGuard {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}
