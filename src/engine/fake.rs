//! An engine without threads, for the window's tests: it writes down what it was asked for, and reports what the test
//! says.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::SystemTime;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::{Backend, Event, EventKind, JobId, JobSpec, Limits, Outcome, Reply};
use crate::task::Signal;

/// Clones share one record, so that the test keeps a hand on the engine that the window owns.
#[derive(Clone)]
pub struct FakeEngine {
    asked: Rc<RefCell<Asked>>,
    sender: Sender<Event>,
    receiver: Receiver<Event>,
}

/// What the window did, in order.
#[derive(Default)]
struct Asked {
    started: Vec<(JobId, JobSpec)>,
    signals: Vec<(JobId, Signal)>,
    limits: Option<Limits>,
}

impl Default for FakeEngine {
    fn default() -> Self {
        // Never more than a test's script.
        let (sender, receiver) = unbounded();
        Self { asked: Rc::default(), sender, receiver }
    }
}

impl FakeEngine {
    /// The jobs that were started so far, oldest first.
    pub fn started(&self) -> Vec<(JobId, JobSpec)> {
        self.asked.borrow().started.clone()
    }

    /// The newest job that fits, to answer it.
    pub fn last_job(&self, fits: impl Fn(&JobSpec) -> bool) -> Option<JobId> {
        self.asked.borrow().started.iter().rev().find(|(_, spec)| fits(spec)).map(|(job, _)| *job)
    }

    /// The signals that were sent so far, oldest first.
    pub fn signals(&self) -> Vec<(JobId, Signal)> {
        self.asked.borrow().signals.clone()
    }

    /// The last [`Limits`] that it was given.
    pub fn limits(&self) -> Option<Limits> {
        self.asked.borrow().limits.clone()
    }

    /// Sends the window one event of a job.
    pub fn tell(&self, job: JobId, kind: EventKind) {
        // The receiver lives as long as `self`, so sending can't fail.
        let _ = self.sender.send(Event { job, at: SystemTime::now(), kind });
    }

    /// Answers a job the way the real engine does: started, reply, finished.
    pub fn answer(&self, job: JobId, reply: Reply) {
        self.tell(job, EventKind::Started);
        self.tell(job, EventKind::Reply(Box::new(reply)));
        self.tell(job, EventKind::Finished(Outcome::Completed));
    }
}

impl Backend for FakeEngine {
    fn start(&self, spec: JobSpec) -> JobId {
        let job = JobId::next();
        self.asked.borrow_mut().started.push((job, spec));
        job
    }

    fn control(&self, job: JobId, signal: Signal) {
        self.asked.borrow_mut().signals.push((job, signal));
    }

    fn events(&self) -> &Receiver<Event> {
        &self.receiver
    }

    fn configure(&self, limits: Limits) {
        self.asked.borrow_mut().limits = Some(limits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::IoJob;

    #[test]
    fn remembers_what_it_was_asked_and_tells_what_it_was_told() {
        let fake = FakeEngine::default();
        let window: Box<dyn Backend> = Box::new(fake.clone());
        let job = window.start(JobSpec::Io(IoJob::DiscoverModels));
        window.control(job, Signal::Pause);
        assert_eq!(fake.last_job(|spec| *spec == JobSpec::Io(IoJob::DiscoverModels)), Some(job));
        assert_eq!(fake.signals(), [(job, Signal::Pause)]);

        fake.answer(job, Reply::Models(Vec::new()));
        let kinds: Vec<_> = window.events().try_iter().map(|event| event.kind).collect();
        assert_eq!(kinds.first(), Some(&EventKind::Started));
        assert_eq!(kinds.last(), Some(&EventKind::Finished(Outcome::Completed)));
        assert_eq!(kinds.len(), 3);
    }
}
