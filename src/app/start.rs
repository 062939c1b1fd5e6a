//! How the logic of a screen starts and stops jobs.

use crate::app::Cx;
use crate::app::jobs::Jobs;
use crate::engine::{JobId, JobSpec};
use crate::task::Signal;

/// The shell's list of jobs and the engine behind it; in tests a scripted engine alone.
pub trait Start {
    fn start(&mut self, spec: JobSpec) -> JobId;
    /// Starts a job in place of those of its kind: what they still report is dropped.
    fn restart(&mut self, spec: JobSpec) -> JobId;
    /// Pauses a job, goes on with it, or stops it.
    fn control(&mut self, job: JobId, signal: Signal);
    /// Ends a job whose answer nobody wants any more.
    fn stop(&mut self, job: JobId) {
        self.control(job, Signal::Stop { save: false });
    }
}

/// The window's clock, in seconds.
pub fn now(cx: &Cx<'_>) -> f64 {
    cx.egui.input(|input| input.time)
}

/// The real one.
pub struct Starter<'a> {
    pub jobs: &'a mut Jobs,
    pub cx: &'a Cx<'a>,
}

impl Start for Starter<'_> {
    fn start(&mut self, spec: JobSpec) -> JobId {
        self.cx.start(self.jobs, spec)
    }

    fn restart(&mut self, spec: JobSpec) -> JobId {
        self.cx.restart(self.jobs, spec)
    }

    fn control(&mut self, job: JobId, signal: Signal) {
        self.cx.control(job, signal);
    }
}

#[cfg(test)]
impl Start for crate::engine::fake::FakeEngine {
    fn start(&mut self, spec: JobSpec) -> JobId {
        crate::engine::Backend::start(self, spec)
    }

    fn restart(&mut self, spec: JobSpec) -> JobId {
        crate::engine::Backend::start(self, spec)
    }

    fn control(&mut self, job: JobId, signal: Signal) {
        crate::engine::Backend::control(self, job, signal);
    }
}
