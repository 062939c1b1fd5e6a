//! How the model screen looks.

mod catalogue;
mod download;
mod facts;
mod fit;
mod hub;
mod list;
mod side;
mod trial;

use egui::Ui;

use super::Action;
use crate::app::kit::row::place;
use crate::app::kit::{Button, Text, TextInput, Theme, icon, layout, main_area, panel_header, right_panel};
use crate::app::{AppState, Drafts};

type Actions = Vec<crate::app::Action>;

const PANEL: &str = "model";

pub fn show(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, actions: &mut Actions) {
    let theme = Theme::of(ui);
    panel_header(
        ui,
        "Model",
        (PANEL, "About the model"),
        |ui| {
            ui.add(Text::body("Choose what to tune").soft().one_line());
        },
        |ui| {
            if ui.add(Button::secondary("Open folder…").icon(icon::FOLDER_OPEN)).clicked() {
                actions.push(Action::OpenFolder.into());
            }
            if ui.add(Button::secondary("Open GGUF…").icon(icon::FILE)).clicked() {
                actions.push(Action::OpenGguf.into());
            }
            let field = TextInput::new("Search models", &mut drafts.model.search)
                .icon(icon::MAGNIFYING_GLASS)
                .hint("Names and families")
                .width(theme.size.rail_width)
                .id(place("search"))
                .show(ui);
            let text = drafts.model.search.trim();
            let is_entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            if is_entered && hub::why_no_search(state, text).is_none() {
                actions.push(Action::SearchHub(text.to_owned()).into());
            }
        },
    );
    right_panel(ui, PANEL, theme.size.side_panel_width, |ui| side::show(ui, state, drafts, actions));
    main_area(ui, |ui| {
        layout::scrolling(ui, "models", |ui| {
            ui.spacing_mut().item_spacing.y = theme.space.s;
            list::show(ui, state, &drafts.model.search, actions);
        });
    });
}
