//! Models: one description for every family, one decoder that runs it, adapters, tokenizer, chat template.

mod block;
pub mod candle_pass;
pub mod chat;
pub mod chat_template;
pub mod conversation;
pub mod decoder;
pub mod device;
pub mod dropout;
pub mod error;
pub mod facts;
pub(crate) mod families;
pub mod generation;
pub mod gradient;
pub mod language_model;
pub mod lora;
pub mod module;
pub mod peft;
pub mod pre_tokenizer;
pub mod spec;
pub mod tokenizer;
mod tokenizer_check;
pub mod weights;

pub use candle_pass::CandlePass;
pub use chat::{Chat, ChatToken, EncodedChat};
pub use conversation::{Conversation, Turn};
pub use decoder::Decoder;
pub use dropout::Dropout;
pub use error::ModelError;
pub use facts::{ModelFacts, inspect};
pub use generation::{Generation, KvCache};
pub use gradient::{GradientPass, ProductType, Supervised};
pub use language_model::LanguageModel;
pub use lora::{LoraAdapter, LoraConfig};
pub use module::{Group, Module};
pub use spec::ModelSpec;
pub use tokenizer::Tokenizer;
