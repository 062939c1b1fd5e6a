//! Labelled examples: what one is, how files become examples, how they are split, what is wrong with them ([`checks`]),
//! what they are in numbers ([`statistics`]) and in words ([`card`]), and which to label next ([`label_next`]).
//!
//! A file goes through [`formats`] (bytes → rows) and [`shapes`] or [`mapping`] (rows → examples); [`reader`] puts them
//! together. [`export`] goes the other way.

pub mod card;
pub mod checks;
pub mod date;
mod distinct;
pub mod error;
pub mod example;
pub mod export;
mod file_report;
pub mod files;
pub mod formats;
pub mod import;
pub mod io_words;
pub mod json_words;
pub mod label_next;
pub mod mapping;
pub mod note;
pub mod reader;
pub mod row;
mod sample;
pub mod shape;
pub mod shapes;
pub mod split;
pub mod starter;
pub mod statistics;
mod tally;
pub mod told;

pub use error::ImportError;
pub use example::{Example, Message, Role, Split};
pub use reader::{Placed, count_rows, preview, read_all, read_examples, read_placed, save_rejected};
