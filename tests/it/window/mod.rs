//! The window by its accessible labels, as a person with a screen reader has it. Nothing is painted.
//!
//! `cargo test --test it -- window::rows` runs one part of it.

pub mod harness;

mod basics;
mod blind;
mod checks;
mod compare;
mod data;
mod dataset;
mod exchange;
mod import;
mod keyboard;
mod lengths;
mod letters;
mod model;
mod projects;
mod rank;
mod rows;
mod run;
mod runs;
mod sizes;
mod walk;
mod wizard;
mod workbench;
