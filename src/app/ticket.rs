//! A question to the engine, and the hand on its answer.

use std::marker::PhantomData;

use crate::app::start::Start;
use crate::engine::{Answer, JobId, JobSpec, Reply};

/// Waits for an answer of one type, to the newest question only: what an older one still gives is nobody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket<T> {
    job: Option<JobId>,
    answer: PhantomData<fn() -> T>,
}

impl<T> Default for Ticket<T> {
    fn default() -> Self {
        Self { job: None, answer: PhantomData }
    }
}

impl<T: Answer> Ticket<T> {
    /// Asks; the answer of `spec` must be a `T`.
    pub fn ask(&mut self, spec: JobSpec, jobs: &mut dyn Start) {
        self.job = Some(jobs.start(spec));
    }

    /// As [`Self::ask`], in place of all jobs of its kind: what they still tell is dropped.
    pub fn ask_anew(&mut self, spec: JobSpec, jobs: &mut dyn Start) {
        self.job = Some(jobs.restart(spec));
    }

    /// A ticket for one question among several.
    pub fn for_one(spec: JobSpec, jobs: &mut dyn Start) -> Self {
        Self { job: Some(jobs.start(spec)), answer: PhantomData }
    }

    /// The answer, if that is what this job replied.
    pub fn take<'a>(&self, job: JobId, reply: &'a Reply) -> Option<&'a T> {
        if self.is_of(job) { T::of(reply) } else { None }
    }
}

impl<T> Ticket<T> {
    /// Nothing has come yet, and something will.
    pub fn is_open(&self) -> bool {
        self.job.is_some()
    }

    pub fn is_of(&self, job: JobId) -> bool {
        self.job == Some(job)
    }

    /// The answer is not wanted any more, and need not be worked out.
    pub fn stop(&mut self, jobs: &mut dyn Start) {
        if let Some(job) = self.job.take() {
            jobs.stop(job);
        }
    }

    /// The answer is not wanted any more.
    pub fn forget(&mut self) {
        self.job = None;
    }

    /// A job has ended: whether it was this one's.
    pub fn end(&mut self, job: JobId) -> bool {
        self.job.take_if(|mine| *mine == job).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::StoreJob;
    use crate::engine::fake::FakeEngine;

    #[test]
    fn only_the_newest_question_has_an_answer_and_only_one_of_its_type() {
        let mut fake = FakeEngine::default();
        let spec = || JobSpec::Store(StoreJob::CountHeldOut { project: "p".into(), ids: Vec::new() });
        let mut ticket = Ticket::<u64>::default();
        assert!(!ticket.is_open());
        ticket.ask(spec(), &mut fake);
        ticket.ask(spec(), &mut fake);
        let [old, new] = [0, 1].map(|at| fake.started()[at].0);
        assert_eq!(ticket.take(old, &Reply::HeldOut(1)), None);
        assert_eq!(ticket.take(new, &Reply::Ids(vec![1])), None);
        assert_eq!(ticket.take(new, &Reply::HeldOut(2)), Some(&2));
        assert!(!ticket.end(old) && ticket.is_open());
        assert!(ticket.end(new) && !ticket.is_open());
        assert_eq!(ticket.take(new, &Reply::HeldOut(3)), None, "it has ended");
    }
}
