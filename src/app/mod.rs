//! The window; it alone knows egui.

pub mod kit;
