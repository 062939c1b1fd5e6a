//! The window; it alone knows egui.
//!
//! - [`kit`]: tokens, fonts, icons, widgets
//! - [`parts`]: widgets of the domain that several screens show
//! - [`state`]: everything the window knows, as plain data
//! - [`action`]: what the person can do
//! - [`screens`]: a folder each, and the one list of them
//! - [`shell`]: the frame around them; `shell::logic` is the only place where actions and events change the state

pub mod action;
pub mod cx;
pub mod effect;
pub mod files;
pub mod frame_stats;
pub mod jobs;
pub mod kit;
pub mod machine;
pub mod parts;
pub mod path_dialog;
pub mod paths;
pub mod rows;
#[macro_use]
pub mod screens;
pub mod settings;
pub mod shell;
pub mod start;
pub mod state;
pub mod studio;
pub mod ticket;

pub use action::Action;
pub use cx::Cx;
pub use screens::Screen;
pub use shell::Shell;
pub use state::{AppState, Drafts, OpenDialog};
pub use studio::{AppError, StudioOptions, Waker, run_with};
