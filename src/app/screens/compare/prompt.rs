//! The prompt in hand: a held-out one to read, or one's own to type.

use egui::{ScrollArea, Ui};

use super::state::CompareAction;
use super::{AnyAction, AppState, Text, Theme};
use crate::app::kit::row::place;
use crate::app::kit::{Card, TextInput, line};
use crate::app::parts::role_heading;
use crate::data::{Message, Role};

pub(super) fn show(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    Card::new().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = Theme::of(ui).space.xs;
        if state.compare.is_own { own(ui, state, actions) } else { held_out(ui, state) }
    });
}

fn held_out(ui: &mut Ui, state: &AppState) {
    let theme = Theme::of(ui);
    let Some(open) = state.compare.opened() else {
        ui.add(Text::body("Choose a prompt at the left, or type your own").soft());
        return;
    };
    let prompt = open.example.prompt();
    let (system, turns): (Vec<&Message>, Vec<&Message>) = prompt.iter().partition(|m| m.role == Role::System);
    let scroll = ScrollArea::vertical().id_salt("prompt").max_height(theme.type_scale.line_body * 5.0);
    scroll.auto_shrink([false, true]).show(ui, |ui| {
        for (i, message) in turns.iter().enumerate() {
            line(ui, theme.size.badge_height, |ui| {
                ui.spacing_mut().item_spacing.x = theme.space.s;
                role_heading(ui, message.role);
                if let (0, Some(system)) = (i, system.first()) {
                    ui.add(Text::small("after the system message of the data set").faint())
                        .on_hover_text(&system.content);
                }
            });
            ui.add(Text::body(&message.content).wrapped());
        }
    });
}

fn own(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let mut field =
        |ui: &mut Ui, role: Role, name: &str, hint: &str, text: &str, change: fn(String) -> CompareAction| {
            line(ui, theme.size.badge_height, |ui| {
                ui.spacing_mut().item_spacing.x = theme.space.s;
                role_heading(ui, role);
            });
            let mut text = text.to_owned();
            let rows = if role == Role::User { 2 } else { 1 };
            let response = TextInput::new(name, &mut text).hint(hint).rows(rows).id(place(name)).show(ui);
            if response.changed() {
                actions.push(change(text).into());
            }
            // What is typed from now on is the prompt.
            if role == Role::User && state.compare.wants_focus {
                response.request_focus();
                actions.push(CompareAction::Focused.into());
            }
        };
    let compare = &state.compare;
    let (system, user) = ("What the model is told before, may be empty", "What the model is asked");
    field(ui, Role::System, "System message", system, &compare.system, CompareAction::System);
    ui.add_space(theme.space.xs);
    field(ui, Role::User, "Own prompt", user, &compare.user, CompareAction::User);
}
