//! Models: one description for every family, one decoder that runs it, adapters, tokenizer, chat template.

pub mod facts;

pub use facts::ModelFacts;
