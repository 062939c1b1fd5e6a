//! The command field: find a place, a thing or something to do by its words; a path opens what lies there.

mod entries;
mod found;

use egui::{Align2, Area, Frame, Key, Modifiers, Order, ScrollArea, Ui, Vec2};

pub use entries::{Entry, Group};
pub use found::{Found, PathFound, fail, find, forget_failure, on_event};

use super::Shell;
use crate::app::kit::row::place;
use crate::app::kit::{Text, TextInput, Theme, icon, menu_row};
use crate::app::{Action, paths};

impl Shell {
    fn fitting(&self) -> Vec<Entry> {
        let typed = &self.drafts.commands;
        match paths::is_path(typed.trim()) {
            true => entries::of_path(&self.state, typed.trim()),
            false => entries::fitting(&self.state, typed),
        }
    }

    pub(super) fn command_field(&mut self, ui: &mut Ui) {
        let theme = Theme::of(ui);
        let fitting = self.fitting();
        let last = fitting.len().saturating_sub(1);
        let row = &mut self.drafts.command_row;
        *row = (*row).min(last);
        let row_before = *row;
        let mut chosen = None;
        let mut is_completed = false;
        // Before the field, which would take the keys for its cursor.
        ui.ctx().input_mut(|input| {
            if input.consume_key(Modifiers::NONE, Key::ArrowDown) {
                *row = (*row + 1).min(last);
            }
            if input.consume_key(Modifiers::NONE, Key::ArrowUp) {
                *row = row.saturating_sub(1);
            }
            is_completed = input.consume_key(Modifiers::NONE, Key::Tab);
            if input.consume_key(Modifiers::NONE, Key::Enter) {
                chosen = fitting.get(*row).cloned();
            }
        });
        let row = *row;
        if is_completed && let Some(path) = self.completion(&fitting, row) {
            self.drafts.commands = path;
            self.drafts.command_row = 0;
            self.actions.push(Action::Find(self.drafts.commands.clone()));
        }
        let area = Area::new(place("command field"))
            .order(Order::Foreground)
            .anchor(Align2::CENTER_TOP, Vec2::new(0.0, theme.size.top_bar_height))
            .show(ui.ctx(), |ui| {
                Frame::popup(ui.style()).inner_margin(theme.space.s).show(ui, |ui| {
                    let room = ui.ctx().content_rect().size() - Vec2::splat(2.0 * theme.space.xxl);
                    ui.set_width((theme.size.dialog_width - theme.space.xxl).min(room.x));
                    // Before it is shown: it takes what was typed in this very frame.
                    ui.memory_mut(|memory| memory.request_focus(place("command")));
                    let field = TextInput::new("Command", &mut self.drafts.commands)
                        .icon(icon::MAGNIFYING_GLASS)
                        .hint("Find or do something, or type a path")
                        .id(place("command"))
                        .show(ui);
                    if is_completed {
                        to_the_end(ui, &self.drafts.commands);
                    }
                    ui.spacing_mut().item_spacing.y = 0.0;
                    ui.add_space(theme.space.xs);
                    if field.changed() {
                        self.drafts.command_row = 0;
                        self.actions.push(Action::Find(self.drafts.commands.clone()));
                    }
                    let height = room.y - theme.size.top_bar_height - theme.size.control_height;
                    ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
                        let clicked = list(ui, &fitting, row, row != row_before);
                        chosen = chosen.take().or(clicked);
                    });
                    if fitting.is_empty() {
                        ui.add(Text::small("Nothing of that name").faint());
                    }
                });
            });
        // It is placed by the size that it had in the frame before: in a window of another size, once more.
        let (id, window) = (place("window of the command field"), ui.ctx().content_rect());
        let before = ui.data_mut(|data| std::mem::replace(data.get_temp_mut_or(id, window), window));
        if before != window {
            ui.ctx().request_repaint();
        }
        let is_done = ui.ctx().input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape))
            || (area.response.clicked_elsewhere() && chosen.is_none());
        // What only says something can't be taken.
        let chosen = chosen.filter(|entry| !entry.actions.is_empty());
        if is_done || chosen.is_some() {
            self.drafts.commands.clear();
            self.drafts.command_row = 0;
            self.actions.push(Action::CloseDialog);
        }
        if let Some(entry) = chosen {
            if matches!(entry.group, Group::Do | Group::GoTo | Group::Recent | Group::Settings) {
                self.actions.push(Action::Took(entry.words));
            }
            self.actions.extend(entry.actions);
        }
    }

    /// What Tab makes of a path: the row that was gone to, or as far as all that fit agree.
    fn completion(&self, fitting: &[Entry], row: usize) -> Option<String> {
        let found = self.state.found.path.as_ref().filter(|found| found.typed == self.drafts.commands.trim())?;
        let of_row = fitting.get(row).filter(|_| row > 0).map(|entry| entry.words.clone());
        let only = found.entries.first().filter(|_| found.entries.len() == 1).cloned();
        Some(of_row.or(only).unwrap_or_else(|| found.completed.clone()))
    }
}

/// The rows under the headings of their groups; tells the one that was clicked.
fn list(ui: &mut Ui, fitting: &[Entry], row: usize, follows: bool) -> Option<Entry> {
    let theme = Theme::of(ui);
    let mut clicked = None;
    let mut group = None;
    for (i, entry) in fitting.iter().enumerate() {
        if group.replace(entry.group) != Some(entry.group) {
            ui.add_space(theme.space.xs);
            ui.add(Text::caption(entry.group.heading()));
        }
        let shown = menu_row(ui, &entry.words, &entry.remark, entry.key, i == row);
        if follows && i == row {
            shown.scroll_to_me(None);
        }
        if shown.clicked() {
            clicked = Some(entry.clone());
        }
    }
    clicked
}

fn to_the_end(ui: &Ui, text: &str) {
    let id = place("command");
    if let Some(mut state) = egui::TextEdit::load_state(ui.ctx(), id) {
        let end = egui::text::CCursor::new(text.chars().count());
        state.cursor.set_char_range(Some(egui::text::CCursorRange::one(end)));
        state.store(ui.ctx(), id);
    }
}
