//! The data set that comes with the program.

/// The name of its file.
pub const FILE_NAME: &str = "support_tickets.jsonl";

/// OpenAI messages, one a line.
pub const BYTES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/starter/support_tickets.jsonl"));
