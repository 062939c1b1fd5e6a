//! Every integration test, in one binary: one link instead of many.

// Always true here; it shows clippy that helpers outside of `#[test]` are test code, too.
#![cfg(test)]

mod adapters;
mod answers;
mod attacks_models;
mod cases;
mod checks;
mod circles;
mod cli;
mod curve;
mod dates;
mod docs;
mod engine;
mod engine_beside;
mod export;
mod families;
mod family_names;
mod fixtures;
mod formats;
mod frozen;
mod fuzz;
mod gguf;
mod golden;
mod golden_gguf;
mod hostile_templates;
mod hub;
mod hub_dataset;
mod hub_server;
mod import;
mod import_columns;
mod json_shapes;
mod left_out;
mod parts;
mod program;
mod rank;
mod render;
mod run_folder;
mod run_names;
mod run_times;
mod scripts;
mod starter_model;
mod store;
mod store_kill;
mod store_migration;
mod store_query;
mod store_read_only;
mod tables;
mod templates;
mod tidy;
mod tokenizer;
mod tokenizer_kinds;
mod too_long;
mod window;
mod wrapped;
