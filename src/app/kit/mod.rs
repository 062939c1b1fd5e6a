//! The window's own widgets. Screens use these and nothing of egui's that paints; no colour and no pixel number is
//! outside this folder (the values are in `assets/theme/tokens.toml`). Nothing of the domain is in it: widgets that
//! know examples, tokens or memory are in [`super::parts`].
//!
//! # Use
//!
//! Every widget takes the accessible name that tests and screen readers find it by; where it shows words, these are it.
//!
//! ```text
//! let t = Theme::of(ui);                                   // t.text.soft, t.pad.card, t.size.row_height …
//! ui.add(Text::body("words"));                              // strong, small, caption, mono, title
//! ui.add(Text::small("more").faint().one_line());           // soft, faint, color(c), one_line (cut with …), wrapped
//!
//! if ui.add(Button::primary("Import 1,240 examples").key("Ctrl Enter").enabled_or(ok, "No row can be read")).clicked() {}
//! ui.add(Button::secondary("Add example").icon(icon::PLUS));  // quiet, link, danger; small(), large(), width(w)
//! ui.add(Button::icon_only(icon::TRASH, "Delete example"));   // the name is its tooltip, too
//!
//! ui.add(Badge::ok("Fits"));                                // warning, error, running, neutral, before, after
//! if ui.add(Chip::new("Train").count(992).selected(is_train)).clicked() {}
//!
//! // Choices: the value stays in the state, the new one comes back.
//! if let Some(split) = segmented(ui, "Split", &[(A, "Train"), (B, "Val")], current) {}
//! if let Some(role) = Combo::new("Role of body", &[(A, "User"), (B, "Answer")], current).width(120.0).show(ui) {}
//! if let Some(on) = switch(ui, "Only differences", "Only differences", is_on) {}
//! if let Some(on) = checkbox(ui, "Answer as JSON", is_on) {}
//! if let Some(value) = NumberField::new("Seed", 42.0).integer().width(72.0).show(ui) {}
//!
//! // Text: over a draft that the screen owns (see `app::Drafts`).
//! TextInput::new("Search text", &mut drafts.data.search).icon(icon::MAGNIFYING_GLASS).hint("Search text").key("/").show(ui);
//! TextInput::new("System message", &mut draft).rows(2).show(ui);
//!
//! // Places of a screen: header first, then the right panel, then the rest.
//! screen_header(ui, "Data", |ui| { /* beside the title */ }, |ui| { /* right to left */ });
//! right_panel(ui, "data panel", t.size.side_panel_width, |ui| padded(ui, t.pad.panel_x, |ui| …));
//! main_area(ui, |ui| scrolling(ui, "data", |ui| …));
//! empty_state(ui, "No examples yet", "Import a file, or drop one here", |ui| {
//!     if way_on(ui, icon::DOWNLOAD_SIMPLE, "Import", "CSV, JSON or JSONL", Button::primary("Import…")).clicked() {}
//! });
//!
//! Card::new().selected(true).clickable("SmolLM2").show(ui, |ui| …); // large(), flush() section(ui, "Found on this
//! disk", "5 models", |ui| { /* right */ }); fact(ui, "Layers", "30"); rule(ui); progress(ui, "Download", Some(0.4),
//! 160.0); // However many rows there are, only those in view are painted; arrows, Enter and Del are reported, too. let
//! done = Table { name: "Runs", columns: &COLUMNS, num_rows, selected, scroll_to: None, edge: t.pad.screen_x, is_list:
//! false, sorted: None, marked: &unmarked } .show(ui, |row| { row.text(0, Align::Min, "2026-11-22-1", t.body(),
//! t.text.normal); "its accessible name".to_owned() }); diff_view::show(ui, "Answer", &diff_view::blocks(text), None,
//! None); let (end, _) = Dialog::new("import", "Import tickets.csv").wide().primary("Import 12 examples", None::<&str>)
//! .show(ui.ctx(), |ui| dialog::body(ui, |ui| …), |ui| { /* left part of the foot */ });
//! ```

pub mod arithmetic;
pub mod badge;
pub mod button;
pub mod card;
pub mod choice;
pub mod dialog;
pub mod diff_view;
pub mod drawer;
pub mod fallback;
pub mod focus;
pub mod fonts;
pub mod format;
pub mod icon;
pub mod input;
pub mod interval;
pub mod keys;
pub mod layout;
pub mod matrix;
pub mod plot;
pub mod row;
pub mod series;
pub mod table;
pub mod text;
pub mod theme;
pub mod ticks;
pub mod tooltip;

pub use badge::{Badge, Chip};
pub use button::{Button, KeyCap, key_hint};
pub use card::{Card, drop_target, way_on};
pub use choice::{
    Combo, check_mark, checkbox, menu_item, menu_row, one_line, segmented, segmented_small, star, switch,
};
pub use dialog::{Dialog, DialogEnd};
pub use icon::Icon;
pub use input::{Entry, NumberField, TextInput, WRONG_NUMBER, has_wrong_number, reading_well};
pub use layout::{
    at_least, empty_state, foot, line, main_area, padded, panel_header, right_panel, screen_header, scrolling,
};
pub use row::{
    Mark, SettingsRow, fact, facts_in_two_columns, marked_text, progress, rule, section, section_with_control,
};
pub use text::Text;
pub use theme::Theme;
