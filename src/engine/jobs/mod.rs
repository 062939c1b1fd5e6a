//! The jobs themselves, a file for each lane: thin calls of the other modules, with what is worth keeping between jobs.

mod beside;
mod chats;
mod compute;
mod estimates;
mod io;
mod models;
mod net;
mod running;
mod sizes;
mod speed;
mod store;
mod training;

use std::sync::Arc;

use super::Lane;
use super::context::Outbox;
use super::lanes::Lanes;
use super::limits::SharedLimits;
use super::worker::Worker;
use crate::train::timing::SpeedFile;
use crate::train::turn::Turn;

/// Starts all lanes.
pub(super) fn spawn_lanes(
    limits: &SharedLimits,
    speeds: &SpeedFile,
    free_memory: Arc<dyn Fn() -> u64 + Send + Sync>,
    outbox: &Outbox,
) -> std::io::Result<Lanes> {
    let [for_io, for_net, for_ask, for_training, for_compute] = [(); 5].map(|()| limits.clone());
    let [io_speeds, training_speeds, compute_speeds] = [(); 3].map(|()| speeds.clone());
    let outbox = || outbox.clone();
    let running = running::Running::default();
    let io_running = running.clone();
    // The two lanes that compute share their turn and their models.
    let (turn, models) = (Turn::default(), models::Models::default());
    let (training_turn, training_models) = (turn.clone(), models.clone());
    let make_training = move || {
        let (limits, running, speeds) = (for_training.clone(), running.clone(), training_speeds.clone());
        training::TrainingLane::new(limits, running, training_models.clone(), training_turn.clone(), speeds)
    };
    let make_compute = move || {
        let beside = beside::Beside::new(turn.clone(), models.clone(), for_compute.clone(), free_memory.clone());
        compute::Compute::new(for_compute.clone(), models.clone(), beside, compute_speeds.clone())
    };
    let make_io = move || io::Io::new(for_io.clone(), io_running.clone(), io_speeds.clone());
    Ok(Lanes {
        store: Worker::spawn(Lane::Store, outbox(), store::Store::default)?,
        io: Worker::spawn(Lane::Io, outbox(), make_io)?,
        net: Worker::spawn(Lane::Net, outbox(), move || net::Net::new(for_net.clone()))?,
        ask: Worker::spawn(Lane::Ask, outbox(), move || net::Net::new(for_ask.clone()))?,
        train: Worker::spawn(Lane::Train, outbox(), make_training)?,
        compute: Worker::spawn(Lane::Compute, outbox(), make_compute)?,
    })
}
