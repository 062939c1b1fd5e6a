//! The lanes, one of each kind.

use std::thread::JoinHandle;

use super::worker::{Entry, Worker};
use super::{ComputeJob, IoJob, JobSpec, Lane, NetJob, StoreJob, TrainJob};

pub(super) struct Lanes {
    pub store: Worker<StoreJob>,
    pub io: Worker<IoJob>,
    pub net: Worker<NetJob>,
    pub ask: Worker<NetJob>,
    pub train: Worker<TrainJob>,
    pub compute: Worker<ComputeJob>,
}

impl Lanes {
    /// Puts a job into its lane's queue. Gives whether there was room; where there was none, the lane says so.
    pub fn queue(&self, spec: JobSpec, entry: Entry) -> bool {
        let lane = spec.lane();
        match spec {
            JobSpec::Store(job) => self.store.queue(job, entry),
            JobSpec::Io(job) => self.io.queue(job, entry),
            JobSpec::Net(job) if lane == Lane::Ask => self.ask.queue(job, entry),
            JobSpec::Net(job) => self.net.queue(job, entry),
            JobSpec::Train(job) => self.train.queue(job, entry),
            JobSpec::Compute(job) => self.compute.queue(job, entry),
        }
    }

    /// Closes the queues: each lane ends after the job in hand and those that wait.
    pub fn close(self) -> [(Lane, JoinHandle<()>); 6] {
        [
            (Lane::Store, self.store.close()),
            (Lane::Io, self.io.close()),
            (Lane::Net, self.net.close()),
            (Lane::Ask, self.ask.close()),
            (Lane::Train, self.train.close()),
            (Lane::Compute, self.compute.close()),
        ]
    }
}
