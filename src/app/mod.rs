//! The window; it alone knows egui.
//!
//! - [`kit`]: tokens, fonts, icons, widgets
//! - [`state`]: everything the window knows, as plain data
//! - [`action`]: what the person can do
//! - [`screens`]: one file a screen
//! - [`shell`]: the frame around them; `shell::logic` is the only place where actions and events change the state

pub mod action;
pub mod cx;
pub mod files;
pub mod frame_stats;
pub mod jobs;
pub mod kit;
pub mod machine;
pub mod path_dialog;
pub mod paths;
pub mod screens;
pub mod settings;
pub mod shell;
pub mod state;
pub mod studio;
pub mod ticket;

pub use action::Action;
pub use cx::Cx;
pub use shell::Shell;
pub use state::{AppState, Drafts, OpenDialog, Screen};
pub use studio::{AppError, StudioOptions, Waker, run_with};
