//! The window; it alone knows egui.
