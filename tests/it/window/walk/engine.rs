//! An engine whose projects, checks, evaluations and answers are real, on the tiny model, and whose trainings and
//! downloads go by a script: one step at each act of the person, so that a walk is the same every time.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use crossbeam_channel::{Receiver, Sender, unbounded};
use tunewright::engine::{Backend, Engine, EngineOptions, Event, EventKind, JobId, JobSpec, Limits, Outcome, TrainJob};
use tunewright::hub::Sources;
use tunewright::task::{Phase, Signal};

use crate::window::harness::made;

/// Ids that the real engine never comes to.
const FIRST_SCRIPTED: u64 = 1 << 40;
const NUM_STEPS: usize = 12;

#[derive(Clone)]
pub struct WalkEngine(Rc<Inner>);

struct Inner {
    real: Engine,
    scripted: RefCell<Scripted>,
    sender: Sender<Event>,
    events: Receiver<Event>,
}

#[derive(Default)]
struct Scripted {
    num_jobs: u64,
    /// The real engine's jobs that haven't ended.
    under_way: Vec<(JobId, String)>,
    num_asked: usize,
    trainings: VecDeque<Training>,
    /// Where the runs of the script seem to be.
    run_dir: PathBuf,
}

struct Training {
    job: JobId,
    step: usize,
    is_paused: bool,
}

impl WalkEngine {
    /// `run_dir` is a run that is there, whose place those of the script take.
    pub fn new(models: &Path, run_dir: &Path, waker: Arc<dyn Fn() + Send + Sync>) -> Self {
        let (sender, events) = unbounded();
        let options = EngineOptions { sources: Sources::only(models), ..EngineOptions::default() };
        let real = Engine::new(options, move || waker()).unwrap();
        let scripted = RefCell::new(Scripted { run_dir: run_dir.to_owned(), ..Scripted::default() });
        Self(Rc::new(Inner { real, scripted, sender, events }))
    }

    /// Passes on what the real engine reported; gives the jobs that it still works on.
    pub fn pump(&self) -> Vec<String> {
        let mut scripted = self.0.scripted.borrow_mut();
        for event in self.0.real.events().try_iter() {
            if matches!(event.kind, EventKind::Finished(_)) {
                scripted.under_way.retain(|(job, _)| *job != event.job);
            }
            let _ = self.0.sender.send(event);
        }
        scripted.under_way.iter().map(|(_, spec)| spec.clone()).collect()
    }

    /// Jobs and signals so far.
    pub fn num_asked(&self) -> usize {
        self.0.scripted.borrow().num_asked
    }

    fn tell(&self, job: JobId, kind: EventKind) {
        let _ = self.0.sender.send(Event { job, at: SystemTime::now(), kind });
    }

    /// A training takes its next step; one that is to stop, its last.
    pub fn advance(&self) {
        let mut scripted = self.0.scripted.borrow_mut();
        let run_dir = scripted.run_dir.clone();
        let Some(training) = scripted.trainings.front_mut().filter(|training| !training.is_paused) else { return };
        let (job, step) = (training.job, training.step);
        training.step += 1;
        match step {
            0 => {
                self.tell(job, EventKind::Started);
                self.tell(job, EventKind::Phase(Phase::LoadingModel));
            }
            1 => {
                self.tell(job, EventKind::RunStarted { run_dir, facts: made::facts(NUM_STEPS) });
                self.tell(job, EventKind::Phase(Phase::Evaluating));
                self.tell(job, evaluation(0));
                self.tell(job, EventKind::Phase(Phase::Training));
            }
            step if step < NUM_STEPS + 2 => {
                let step = step - 1;
                self.tell(job, EventKind::Step(made::step(step)));
                if step.is_multiple_of(4) {
                    self.tell(job, evaluation(step));
                    self.tell(job, EventKind::Checkpoint { step, path: run_dir.join(format!("checkpoint-{step}")) });
                }
            }
            _ => {
                self.tell(job, EventKind::Finished(Outcome::Completed));
                scripted.trainings.pop_front();
            }
        }
    }

    fn steer(&self, job: JobId, signal: Signal) {
        let mut scripted = self.0.scripted.borrow_mut();
        let Some(at) = scripted.trainings.iter().position(|training| training.job == job) else { return };
        match signal {
            Signal::Run => scripted.trainings[at].is_paused = false,
            Signal::Pause => scripted.trainings[at].is_paused = true,
            Signal::Stop { .. } | Signal::Close => {
                scripted.trainings.remove(at);
                self.tell(job, EventKind::Finished(Outcome::Stopped));
            }
        }
    }
}

impl Backend for WalkEngine {
    fn start(&self, spec: JobSpec) -> JobId {
        let mut scripted = self.0.scripted.borrow_mut();
        scripted.num_asked += 1;
        if matches!(spec, JobSpec::Train(TrainJob::Train { .. }) | JobSpec::Train(TrainJob::Resume { .. })) {
            scripted.num_jobs += 1;
            let job = JobId(FIRST_SCRIPTED + scripted.num_jobs);
            scripted.trainings.push_back(Training { job, step: 0, is_paused: false });
            return job;
        }
        let words = format!("{spec:?}").chars().take(200).collect();
        let job = self.0.real.start(spec);
        scripted.under_way.push((job, words));
        job
    }

    fn control(&self, job: JobId, signal: Signal) {
        self.0.scripted.borrow_mut().num_asked += 1;
        match job.0 >= FIRST_SCRIPTED {
            true => self.steer(job, signal),
            false => self.0.real.control(job, signal),
        }
    }

    fn configure(&self, limits: Limits) {
        self.0.real.configure(limits);
    }

    fn events(&self) -> &Receiver<Event> {
        &self.0.events
    }
}

fn evaluation(step: usize) -> EventKind {
    EventKind::Eval(made::evaluation(step, 3.0 / (step + 1) as f64))
}
