//! Widgets that know what they show, for more than one screen: built of [`super::kit`], which knows nothing of the domain.

pub mod memory;
pub mod role;
pub mod run_picker;
pub mod token_view;
pub mod waiting;

pub use memory::{memory_parts, memory_parts_height, memory_words};
pub use role::{role_block, role_heading, role_look};
pub use run_picker::{run_label, run_picker};
