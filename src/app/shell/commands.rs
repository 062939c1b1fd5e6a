//! The command field: find a place or something to do by its words; a path opens what lies there.

use egui::{Align2, Area, Frame, Key, Modifiers, Order, Ui, Vec2};

use super::Shell;
use crate::app::kit::row::place;
use crate::app::kit::{Text, TextInput, Theme, icon, menu_item};
use crate::app::screens::{data, dataset, train};
use crate::app::settings::ThemeChoice;
use crate::app::{Action, OpenDialog, Screen};

/// Rows of the list.
const MOST: usize = 10;

impl Shell {
    /// Everything that can be done from anywhere, with its words.
    fn commands(&self) -> Vec<(String, Action)> {
        let mut commands = Vec::new();
        if let Some(project) = &self.state.project {
            for screen in Screen::STEPS.into_iter().chain([Screen::Runs]) {
                commands.push((format!("Go to {}", screen.name()), Action::Go(screen)));
            }
            commands.extend(train::commands(&self.state));
            if project.counts.total() > 0 {
                let for_the_data = data::menu::commands().into_iter();
                commands.extend(for_the_data.map(|(words, action)| (words.to_owned(), action.into())));
            }
            commands.push(("Show the project's folder".to_owned(), Action::OpenFolder(project.folder.clone())));
        }
        commands.extend([
            ("Open the sample project".to_owned(), Action::OpenSample),
            ("Open project…".to_owned(), Action::ChooseProject),
            ("Import examples…".to_owned(), Action::ChooseImport),
            ("Import a data set from the Hub…".to_owned(), dataset::Action::Open.into()),
            ("Dark theme".to_owned(), Action::SetTheme(ThemeChoice::Dark)),
            ("Light theme".to_owned(), Action::SetTheme(ThemeChoice::Light)),
            ("Go to Settings".to_owned(), Action::Go(Screen::Settings)),
            ("Help".to_owned(), Action::ShowDialog(OpenDialog::Help)),
        ]);
        // Last: their words are of whatever was done, and Enter is not to take back what somebody wants to do again.
        if let Some(project) = &self.state.project {
            commands.extend(project.undo.clone().map(|undo| (undo, Action::Undo)));
            commands.extend(project.redo.clone().map(|redo| (redo, Action::Redo)));
        }
        commands
    }

    fn fitting(&self) -> Vec<(String, Action)> {
        let typed = self.drafts.commands.trim();
        if typed.starts_with(['/', '~', '.']) || typed.get(1..3) == Some(":\\") {
            return vec![(format!("Open {typed}"), Action::OpenPath(expand_home(typed)))];
        }
        let words: Vec<String> = typed.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let mut fitting = self.commands();
        fitting.retain(|(name, _)| {
            let name = name.to_lowercase();
            words.iter().all(|word| name.contains(word.as_str()))
        });
        fitting.truncate(MOST);
        fitting
    }

    pub(super) fn command_field(&mut self, ui: &mut Ui) {
        let theme = Theme::of(ui);
        let fitting = self.fitting();
        let last = fitting.len().saturating_sub(1);
        let row = &mut self.drafts.command_row;
        *row = (*row).min(last);
        // Before the field, which would take the arrows for its cursor.
        ui.ctx().input_mut(|input| {
            if input.consume_key(Modifiers::NONE, Key::ArrowDown) {
                *row = (*row + 1).min(last);
            }
            if input.consume_key(Modifiers::NONE, Key::ArrowUp) {
                *row = row.saturating_sub(1);
            }
        });
        let row = *row;
        let mut chosen = None;
        let mut is_done = false;
        let area = Area::new(place("command field"))
            .order(Order::Foreground)
            .anchor(Align2::CENTER_TOP, Vec2::new(0.0, theme.size.top_bar_height))
            .show(ui.ctx(), |ui| {
                Frame::popup(ui.style()).inner_margin(theme.space.s).show(ui, |ui| {
                    ui.set_width(theme.size.dialog_width - theme.space.xxl);
                    let field = TextInput::new("Command", &mut self.drafts.commands)
                        .icon(icon::MAGNIFYING_GLASS)
                        .hint("Find or do something, or type a path")
                        .id(place("command"))
                        .show(ui);
                    field.request_focus();
                    ui.spacing_mut().item_spacing.y = 0.0;
                    ui.add_space(theme.space.xs);
                    if field.changed() {
                        self.drafts.command_row = 0;
                    }
                    for (i, (name, action)) in fitting.iter().enumerate() {
                        if menu_item(ui, name, i == row).clicked() {
                            chosen = Some(action.clone());
                        }
                    }
                    if fitting.is_empty() {
                        ui.add(Text::small("Nothing of that name").faint());
                    }
                });
            });
        ui.ctx().input_mut(|input| {
            if input.consume_key(Modifiers::NONE, Key::Enter) {
                chosen = fitting.get(row).map(|(_, action)| action.clone());
            }
            is_done = input.consume_key(Modifiers::NONE, Key::Escape);
        });
        is_done |= area.response.clicked_elsewhere() && chosen.is_none();
        if is_done || chosen.is_some() {
            self.drafts.commands.clear();
            self.drafts.command_row = 0;
            self.actions.push(Action::CloseDialog);
            self.actions.extend(chosen);
        }
    }
}

fn expand_home(typed: &str) -> std::path::PathBuf {
    match (typed.strip_prefix("~/"), directories::BaseDirs::new()) {
        (Some(rest), Some(dirs)) => dirs.home_dir().join(rest),
        _ => typed.into(),
    }
}
