//! The person's work: a folder with an SQLite store (examples, journal of edits, settings) and the runs.
//!
//! [`Project`] is the way in; each folder below gives it methods of its own, and imports only from those above it. The one
//! exception: a `Project` holds the order of its rows.
//!
//! | folder | what it does |
//! |---|---|
//! | `store` | `project.db`: its tables, how it is opened and saved elsewhere, how an example lies in it, the journal |
//! | `rows` | reading: the order that is kept in memory, filters, search, sorting, what checks and models said |
//! | `edits` | changes of examples: each is written down with it, so that undo goes back across restarts |
//! | `import` | rows of files become examples, all of them at once or none |

mod edits;
mod error;
mod import;
mod rows;
mod runs;
mod snapshot;
pub mod state;
mod store;

pub use edits::apply::Changed;
pub use error::ProjectError;
pub use import::known::KnownRows;
pub use rows::findings::ExampleLoss;
pub use rows::label::of as label_of;
pub use rows::lengths::Lengths;
pub use rows::query::{
    ExampleQuery, FacetCounts, Having, LOSS_BANDS, NamedCounts, Reviewed, RowPage, ShowCounts, Sort, SortBy, Whole,
};
pub use rows::reviewers::Reviewers;
pub use rows::search::hits;
pub use runs::project_of_run;
pub use snapshot::{Snapshot, SnapshotFile};
pub use state::{
    Annotations, CheckedWith, Edit, ExampleRow, ExampleStatus, LastChecks, ProjectState, ReplacePreview, ReplacedTurn,
    Replacement, Review, Settings, SplitCounts, SplitPreview, StoredExample, Version, VersionChange,
};
pub use store::file_id::FileId;
pub use store::project::Project;
pub use store::schema::STORE_FILE;
pub use store::standing::{SavedAs, Standing};
