//! Which jobs the window has under way. Events of a job that isn't here any more are stale and dropped.

use std::time::Instant;

use crate::engine::{EventKind, JobId, JobSpec, Lane, MemoryShort, TrainJob};
use crate::task::{Pace, Phase, Unit};

/// A job under way, with the last it told.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: JobId,
    pub spec: JobSpec,
    /// False while it waits for its lane, or for its turn beside a training.
    pub has_started: bool,
    /// Why it doesn't start, if memory is the reason.
    pub memory_short: Option<MemoryShort>,
    pub phase: Option<Phase>,
    pub progress: Option<Progress>,
    /// The pace of the phase.
    pub pace: Pace,
    pub since: Instant,
}

impl Job {
    pub(super) fn new(id: JobId, spec: JobSpec) -> Self {
        let now = Instant::now();
        Self {
            id,
            spec,
            has_started: false,
            memory_short: None,
            phase: None,
            progress: None,
            pace: Pace::begin(now),
            since: now,
        }
    }

    /// 0 to 1 over all its stages, where the amount of work is known.
    pub fn share(&self) -> Option<f32> {
        self.pace.share()
    }

    /// Until the phase is over, all its stages included; `None` where that can't be told.
    pub fn secs_left(&self) -> Option<f64> {
        self.pace.secs_left(Instant::now())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    pub total: Option<u64>,
    pub unit: Unit,
}

impl Progress {
    /// 0 to 1, where the amount of work is known.
    pub fn share(&self) -> Option<f32> {
        self.total.filter(|total| *total > 0).map(|total| self.done as f32 / total as f32)
    }
}

#[derive(Debug, Default)]
pub struct Jobs(Vec<Job>);

impl Jobs {
    pub fn get(&self, id: JobId) -> Option<&Job> {
        self.0.iter().find(|job| job.id == id)
    }

    /// The newest job that fits.
    pub fn find(&self, fits: impl Fn(&JobSpec) -> bool) -> Option<&Job> {
        self.0.iter().rev().find(|job| fits(&job.spec))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Job> {
        self.0.iter()
    }

    /// The run that trains now, or waits to.
    pub fn training(&self) -> Option<&Job> {
        self.find(|spec| {
            matches!(spec, JobSpec::Train(TrainJob::Train { .. }) | JobSpec::Train(TrainJob::Resume { .. }))
        })
    }

    /// What computes while a training stands between two steps.
    pub fn guest(&self) -> Option<&Job> {
        self.0.iter().find(|job| job.spec.lane() == Lane::Compute && job.has_started)
    }

    /// The jobs that the status bar shows: what trains and what computes beside it, also while that can't start; else
    /// what downloads, else what reads.
    pub fn in_front(&self) -> Vec<&Job> {
        let of = |lane: Lane| self.0.iter().find(|job| job.spec.lane() == lane && job.has_started);
        let stuck = || self.0.iter().find(|job| job.memory_short.is_some());
        let computing: Vec<_> = of(Lane::Train).into_iter().chain(of(Lane::Compute).or_else(stuck)).collect();
        match computing.is_empty() {
            true => of(Lane::Net).or_else(|| of(Lane::Ask)).or_else(|| of(Lane::Io)).into_iter().collect(),
            false => computing,
        }
    }

    pub(super) fn add(&mut self, id: JobId, spec: JobSpec) {
        self.0.push(Job::new(id, spec));
    }

    /// Forgets the jobs that fit: what they tell from now on is stale. Gives their ids.
    pub(super) fn forget(&mut self, fits: impl Fn(&JobSpec) -> bool) -> Vec<JobId> {
        let ids = self.0.iter().filter(|job| fits(&job.spec)).map(|job| job.id).collect();
        self.0.retain(|job| !fits(&job.spec));
        ids
    }

    /// Notes what a job told, and gives the job; nothing where it is stale. A finished job is gone afterwards.
    pub(super) fn hear(&mut self, id: JobId, event: &EventKind) -> Option<Job> {
        let index = self.0.iter().position(|job| job.id == id)?;
        let job = &mut self.0[index];
        match event {
            EventKind::Waiting(short) => job.memory_short = Some(*short),
            EventKind::Started => {
                job.has_started = true;
                job.memory_short = None;
                // Waiting isn't a part of what it took.
                job.since = Instant::now();
            }
            EventKind::Phase(phase) => {
                job.phase = Some(*phase);
                job.progress = None;
                job.pace = Pace::begin(Instant::now());
            }
            EventKind::Stage(stage) => {
                job.pace.enter(*stage, Instant::now());
                job.progress = None;
            }
            EventKind::Progress { done, total, unit } => {
                job.progress = Some(Progress { done: *done, total: *total, unit: *unit });
                job.pace.progress(*done, *total, *unit, Instant::now());
            }
            EventKind::Finished(_) => return Some(self.0.remove(index)),
            _ => {}
        }
        Some(self.0[index].clone())
    }
}
