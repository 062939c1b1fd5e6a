//! The person's work: a folder with an SQLite store (examples, journal of edits, settings) and the runs.
//!
//! [`Project`] is the way in. Edits become steps ([`journal`]) that are written with the change itself, so that undo
//! goes back across restarts; rows are read through an order that is kept in memory ([`rows`]).

mod edits;
mod error;
mod face;
mod intake;
mod journal;
mod rows;
mod runs;
mod schema;
mod snapshot;
pub mod state;
mod store;

pub use error::ProjectError;
pub use snapshot::{Snapshot, SnapshotFile};
pub use state::{
    Edit, ExampleQuery, ExampleRow, ExampleStatus, ProjectState, RowPage, RunRecord, RunStatus, Settings, SplitCounts,
    StoredExample,
};
pub use store::{Changed, Project, STORE_FILE};
