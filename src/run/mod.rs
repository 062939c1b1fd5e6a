//! The folder of a run: the one place that names its files ([`RunDir`]), writes them and reads them. Training fills it;
//! the window, the command line and evaluations look into it.
//!
//! | file | what it holds |
//! |---|---|
//! | `recipe.toml` | the recipe, every default written out |
//! | `status.json` | whether it runs, and how far it is ([`Status`]) |
//! | `inputs.json` | SHA-256 of what it is based on ([`Inputs`]) |
//! | `metrics.jsonl` | a line for each step and evaluation ([`metrics`]) |
//! | `messages.jsonl` | what it had to say ([`messages`]) |
//! | `checkpoints/` | weights to resume from ([`checkpoints`]) |
//! | `data/` | its examples, frozen, with their SHA-256 |
//! | `README.md` | the card of its data |
//! | `evaluations/`, `answers.jsonl` | what was measured and asked of it |
//! | `note.json` | what the person says of it ([`RunNote`]) |
//! | `released.json` | when it was the released one ([`Releases`]) |

pub mod checkpoints;
mod dir;
mod error;
pub mod inputs;
mod lines;
mod lock;
mod mark;
pub mod messages;
pub mod metrics;
mod note;
mod record;
mod release;
mod status;
mod sums;
mod writer;

pub use checkpoints::Checkpoint;
pub use dir::RunDir;
pub use error::RunError;
pub use inputs::{InputFile, Inputs};
pub use lines::{append_line, read_lines};
pub use lock::RunLock;
pub use mark::is_run;
pub use messages::{RunMessage, Told};
pub use metrics::{EvalMetrics, Metrics, StepMetrics};
pub use note::RunNote;
pub use record::{RunAbout, RunRecord, list};
pub use release::{Release, Releases, release, released};
pub use status::{RunStatus, Status};
pub use sums::{SUMS_FILE, sha256_of, sums_text};
pub use writer::RunWriter;
