//! `project.db`: its tables, how it is made, opened and saved elsewhere, and how an example lies in it.

pub mod codes;
pub mod face;
pub mod fields;
pub mod file_id;
pub mod finding_marks;
pub mod journal;
pub mod meta;
mod migrate;
pub mod new_row;
mod open;
pub mod project;
pub mod provenance;
pub mod room;
pub mod schema;
pub mod second_labels;
pub mod standing;
pub mod transaction;
