//! What is to be answered, one prompt after the other.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::pair::{Pair, name_of};
use crate::app::start::Start;
use crate::data::{Message, Role};
use crate::engine::protocol::CompareRequest;
use crate::engine::{ComputeJob, JobId, JobSpec, StoreJob};
use crate::evaluate::{Answer, KeptPair};
use crate::generate::Sampling;
use crate::project::StoredExample;
use crate::recipe::{ChatFormat, ModelRef};
use crate::run::RunRecord;

/// Whose answers they are: the run's folder, and the example or, for a prompt of one's own, none.
pub type Key = (PathBuf, Option<i64>);

/// One prompt that waits, with the run and the settings that it was asked with.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub key: Key,
    project: PathBuf,
    /// A prompt of one's own; an example's is read when its turn comes.
    prompt: Vec<Message>,
    model: ModelRef,
    adapter: PathBuf,
    /// As the run wrote its turns.
    format: ChatFormat,
    sampling: Sampling,
}

impl Asked {
    /// `None` where the run has no weights.
    pub fn new(
        project: &Path,
        run: &RunRecord,
        example: Option<i64>,
        own: Vec<Message>,
        sampling: &Sampling,
    ) -> Option<Self> {
        Some(Self {
            key: (run.run_dir.clone(), example),
            project: project.to_owned(),
            prompt: own,
            model: run.model.clone(),
            adapter: run.adapter.clone()?,
            format: run.recipe.training.chat_format(),
            sampling: sampling.clone(),
        })
    }

    fn start(self, example: Option<&StoredExample>, jobs: &mut dyn Start) -> (Key, Pair) {
        let (prompt, expected, tools) = match example {
            Some(open) => {
                let example = &open.example;
                (example.prompt().to_vec(), example.answer().map(str::to_owned), example.tools.clone())
            }
            None => (self.prompt, None, Vec::new()),
        };
        let key = self.key.clone();
        let kept = KeptPair {
            example: key.1,
            prompt: prompt.clone(),
            expected,
            sampling: self.sampling.clone(),
            adapter: name_of(&self.adapter),
            at: jiff::Zoned::now().to_string(),
            before: Answer::default(),
            after: Answer::default(),
        };
        let Self { model, adapter, format, sampling, .. } = self;
        let request = CompareRequest { model, adapter: Some(adapter), prompt, tools, format, sampling };
        let job = jobs.start(JobSpec::Compute(ComputeJob::Compare { request }));
        (key, Pair { kept, job: Some(job), failure: None })
    }
}

/// What is done with the prompt whose turn it is.
enum Now {
    /// Its example is being read.
    Loading(JobId, Asked),
    Answering(JobId, Key),
}

/// See the module.
#[derive(Default)]
pub struct Queue {
    waiting: VecDeque<Asked>,
    now: Option<Now>,
    /// Since it was empty.
    num_done: usize,
}

impl Queue {
    pub fn is_busy(&self) -> bool {
        self.now.is_some()
    }

    pub fn num_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// `3 of 99`; nothing for a single one.
    pub fn done_of(&self) -> Option<(usize, usize)> {
        let all = self.num_done + self.waiting.len() + usize::from(self.now.is_some());
        (self.now.is_some() && all > 1).then_some((self.num_done, all))
    }

    /// From 1: how soon its turn comes. Nothing for one that isn't waiting.
    pub fn place_of(&self, key: &Key) -> Option<usize> {
        self.waiting.iter().position(|asked| asked.key == *key).map(|at| at + 1)
    }

    /// Its turn has come.
    pub fn is_now(&self, key: &Key) -> bool {
        match &self.now {
            Some(Now::Loading(_, asked)) => asked.key == *key,
            Some(Now::Answering(_, of)) => of == key,
            None => false,
        }
    }

    /// What the job answers.
    pub fn answered_by(&self, job: JobId) -> Option<&Key> {
        match &self.now {
            Some(Now::Answering(of, key)) if *of == job => Some(key),
            _ => None,
        }
    }

    pub fn push(&mut self, asked: Asked) {
        if !self.is_now(&asked.key) && self.place_of(&asked.key).is_none() {
            self.waiting.push_back(asked);
        }
    }

    pub fn remove(&mut self, key: &Key) {
        self.waiting.retain(|asked| asked.key != *key);
    }

    /// Nothing more is begun; what is under way is stopped.
    pub fn stop(&mut self, jobs: &mut dyn Start) {
        self.waiting.clear();
        match &self.now {
            Some(Now::Loading(..)) => self.now = None,
            Some(Now::Answering(job, _)) => jobs.stop(*job),
            None => {}
        }
    }

    /// Begins with the next one, if nothing is under way. `open` is an example that is there already.
    pub fn go_on(&mut self, open: Option<&StoredExample>, jobs: &mut dyn Start) -> Option<(Key, Pair)> {
        if self.now.is_some() {
            return None;
        }
        let Some(asked) = self.waiting.pop_front() else {
            self.num_done = 0;
            return None;
        };
        match asked.key.1 {
            Some(id) if open.is_none_or(|open| open.id != id) => {
                let job = jobs.start(JobSpec::Store(StoreJob::LoadExample { project: asked.project.clone(), id }));
                self.now = Some(Now::Loading(job, asked));
                None
            }
            Some(_) => Some(self.answer(asked, open, jobs)),
            None => Some(self.answer(asked, None, jobs)),
        }
    }

    /// The example whose turn it is was read.
    pub fn on_example(&mut self, job: JobId, example: &StoredExample, jobs: &mut dyn Start) -> Option<(Key, Pair)> {
        match self.now.take() {
            Some(Now::Loading(of, asked)) if of == job => Some(self.answer(asked, Some(example), jobs)),
            other => {
                self.now = other;
                None
            }
        }
    }

    fn answer(&mut self, asked: Asked, example: Option<&StoredExample>, jobs: &mut dyn Start) -> (Key, Pair) {
        let (key, pair) = asked.start(example, jobs);
        self.now = pair.job.map(|job| Now::Answering(job, key.clone()));
        (key, pair)
    }

    /// Whether the job was the one under way. Where it didn't end well, nothing more is begun.
    pub fn on_end(&mut self, job: JobId, is_completed: bool) -> bool {
        let was_now = match &self.now {
            Some(Now::Answering(of, _)) => *of == job,
            // An example that is gone is passed over; one that was read goes on to be answered.
            Some(Now::Loading(of, _)) if *of == job => {
                self.now = None;
                return true;
            }
            _ => false,
        };
        if was_now {
            self.now = None;
            self.num_done += 1;
            if !is_completed {
                self.waiting.clear();
            }
        }
        was_now
    }
}

/// A prompt of one's own; an empty system message is none.
pub fn own_prompt(system: &str, user: &str) -> Vec<Message> {
    let system = Some(system.trim()).filter(|text| !text.is_empty()).map(|text| Message::new(Role::System, text));
    system.into_iter().chain([Message::new(Role::User, user.trim())]).collect()
}
