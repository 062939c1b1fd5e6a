//! The person's work: a folder with an SQLite store (examples, journal of edits, settings) and the runs.
//!
//! [`Project`] is the way in. An edit ([`edits`]) changes fields of examples; each change is written down with it
//! ([`journal`]), so that undo goes back across restarts. Rows are read through an order that is kept in memory
//! ([`order`], [`select`]).

mod arrivals;
mod edits;
mod error;
mod face;
mod fields;
mod findings;
mod history;
mod intake;
mod journal;
mod known;
mod label;
mod label_order;
mod lengths;
mod migrate;
mod new_row;
mod not_faults;
mod order;
mod provenance;
pub mod query;
mod replace;
mod resplit;
mod reviewers;
mod rows;
mod runs;
mod schema;
mod search;
mod select;
mod snapshot;
mod standing;
pub mod state;
mod store;
mod texts;

pub use error::ProjectError;
pub use findings::ExampleLoss;
pub use known::KnownRows;
pub use label::of as label_of;
pub use lengths::Lengths;
pub use query::{
    ExampleQuery, FacetCounts, Having, LOSS_BANDS, NamedCounts, Reviewed, RowPage, ShowCounts, Sort, SortBy, Whole,
};
pub use reviewers::Reviewers;
pub use search::hits;
pub use snapshot::{Snapshot, SnapshotFile};
pub use standing::{FileId, SavedAs, Standing};
pub use state::{
    Annotations, CheckedWith, Edit, ExampleRow, ExampleStatus, LastChecks, ProjectState, ReplacePreview, ReplacedTurn,
    Replacement, Review, RunAbout, RunNote, RunRecord, RunStatus, Settings, SplitCounts, SplitPreview, StoredExample,
    Version, VersionChange,
};
pub use store::{Changed, Project, STORE_FILE};
