//! The jobs themselves, one file a lane: thin calls of the other modules, with what is worth keeping between jobs.

mod chats;
pub mod checks;
mod compute;
pub mod data_export;
mod io;
mod net;
pub mod reviewers;
mod running;
pub mod scores;
mod sizes;
mod speed;
pub mod statistics;
mod store;

use super::Lane;
use super::context::Outbox;
use super::limits::SharedLimits;
use super::worker::Worker;
use crate::train::timing::SpeedFile;

/// Starts all lanes.
pub(super) fn spawn_lanes(
    limits: &SharedLimits,
    speeds: &SpeedFile,
    outbox: &Outbox,
) -> std::io::Result<Vec<(Lane, Worker)>> {
    let (for_io, for_net, for_compute) = (limits.clone(), limits.clone(), limits.clone());
    let outbox = || outbox.clone();
    let running = running::Running::default();
    let io_running = running.clone();
    let (io_speeds, speeds) = (speeds.clone(), speeds.clone());
    let workers = [
        (Lane::Store, Worker::spawn(Lane::Store, outbox(), store::Store::default)?),
        (
            Lane::Io,
            Worker::spawn(Lane::Io, outbox(), move || {
                io::Io::new(for_io.clone(), io_running.clone(), io_speeds.clone())
            })?,
        ),
        (Lane::Net, Worker::spawn(Lane::Net, outbox(), move || net::Net::new(for_net.clone()))?),
        (
            Lane::Compute,
            Worker::spawn(Lane::Compute, outbox(), move || {
                compute::Compute::new(for_compute.clone(), running.clone(), speeds.clone())
            })?,
        ),
    ];
    Ok(workers.into())
}
