//! Tunewright: fine-tune a language model on this computer.
//!
//! # Code map, in reading order
//!
//! The folders follow the way the data goes.
//!
//! | module | what it does |
//! |---|---|
//! | [`data`] | examples: import, export, mapping of columns, checks and their fixes, statistics, split |
//! | [`project`] | the person's work on disk: examples, journal with undo, filters and search, findings, runs |
//! | [`recipe`] | `recipe.toml` as written (`Recipe`), checked and resolved (`Plan`), the one table of parameters |
//! | [`ops`] | CPU kernels, forward and back: products for each instruction set, block formats; the only place for `unsafe` |
//! | [`model`] | a file for each family (`model/families`); one decoder; its passes for training ([`model::gradient`]) and answers ([`model::generation`]); LoRA, tokenizer, chat templates ([`model::chat_template`]), where answers stand ([`model::chat`]) |
//! | [`hub`] | models on this disk, downloads, data sets of the Hub, the starter model |
//! | [`render`] | from an example to token ids and what of them is trained; batches of them |
//! | [`run`] | the folder of a run: its files, one writer and one reader; checkpoints, status, curves, messages |
//! | [`train`] | feed → forward and back → optimizer: the loop is [`train::sft`] |
//! | [`generate`] | sampling, one answer, before and after side by side |
//! | [`endpoint`] | models behind an OpenAI-compatible address |
//! | [`evaluate`] | held-out loss and exact match, the verdict, what is kept with a run; what a model says of single examples |
//! | [`report`] | a run in one HTML file, and its model card |
//! | [`monitor`] | after release: dated batches of new examples, drift of answers and inputs at a stated rate of false alarms |
//! | [`workbench`] | what is done with a project as a whole: checking, ranking, describing, exporting; called by jobs and commands |
//! | [`engine`] | the only threads that outlive a call: jobs in, events out |
//! | [`cli`] | the commands, benchmarks among them |
//! | [`task`] | how long work says how far it is, and is paused and stopped: every long function is given a [`task::Task`] |
//! | [`words`] | numbers in sentences |
//! | `app` | the window; it alone knows egui |
//!
//! # Architecture invariants
//!
//! - A module imports only from the rows that `tests/it/tidy.rs` lists for it.
//! - The window and the command line call the same engine functions.
//! - The UI thread never waits for a file, a model or a lock.
//! - A file is written beside its place, synced and renamed ([`fs::write_atomic`]).
//!
//! # Failures
//!
//! Every module has a `thiserror` enum whose messages say what is wrong and where. [`engine`] turns them into one
//! [`engine::Failure`] with a hint; the window and the command line show that, once. A panic inside a job is caught at
//! the job's boundary and becomes a failure like any other.

pub mod data;
pub mod endpoint;
pub mod engine;
pub mod evaluate;
pub mod fs;
pub mod generate;
pub mod hub;
pub mod model;
pub mod monitor;
pub mod ops;
pub mod project;
pub mod recipe;
pub mod render;
pub mod report;
pub mod run;
pub mod task;
pub mod train;
pub mod words;
pub mod workbench;

#[cfg(feature = "app")]
pub mod app;
pub mod cli;
