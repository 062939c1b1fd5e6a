//! The person's work: a folder with an SQLite store (examples, journal of edits, settings) and the runs.

pub mod state;

pub use state::{
    Edit, ExampleQuery, ExampleRow, ExampleStatus, ProjectState, RowPage, RunRecord, Settings, SplitCounts,
    StoredExample,
};
