//! The menu of the project in the top bar.

use egui::{Popup, Ui};

use super::project_dialog::ProjectDialog;
use super::{Shell, projects};
use crate::app::kit::{Button, Text, Theme, menu_item, rule};
use crate::app::{Action, OpenDialog};

impl Shell {
    /// The open project's name, or that there is none; both open the menu.
    pub(super) fn project_menu(&mut self, ui: &mut Ui) {
        let theme = Theme::of(ui);
        let project = self.state.project.as_ref();
        // Whatever it is called, the rest of the bar keeps its room.
        let name = project.map_or("No project open", |project| project.name.as_str());
        let button =
            ui.add(Button::project(name).at_most(Theme::of(ui).size.rail_width.min(ui.available_width() / 3.0)));
        if button.clicked() {
            self.actions.push(Action::LookAtRecent);
        }
        let dialog = |kind| Action::ShowDialog(OpenDialog::Project(kind));
        let actions = &mut self.actions;
        Popup::menu(&button).width(theme.size.rail_width + theme.space.xxl).show(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            let mut entry = |ui: &mut Ui, words: &str, action: Action| {
                if menu_item(ui, words, false).clicked() {
                    actions.push(action);
                }
            };
            entry(ui, "New project…", dialog(ProjectDialog::New));
            entry(ui, "Open project…", Action::ChooseProject);
            entry(ui, "Open the sample project", Action::OpenSample);
            let mut recent = projects::recent(&self.state).peekable();
            if recent.peek().is_some() {
                rule(ui);
                heading(ui, "Recent");
                for (recent, is_there) in recent {
                    let words = projects::recent_words(recent, is_there);
                    entry(ui, &words, Action::LookForProject(recent.folder.clone()));
                }
            }
            if let Some(project) = project {
                rule(ui);
                entry(ui, "Import examples…", Action::ChooseImport);
                entry(ui, "Rename…", dialog(ProjectDialog::Rename));
                entry(ui, "Save as…", dialog(ProjectDialog::SaveAs));
                entry(ui, "Show the project's folder", Action::OpenFolder(project.folder.clone()));
                entry(ui, "Close project", Action::CloseProject);
            }
        });
    }
}

fn heading(ui: &mut Ui, words: &str) {
    let theme = Theme::of(ui);
    ui.add_space(theme.space.xs);
    ui.horizontal(|ui| {
        ui.add_space(theme.pad.input_x);
        ui.add(Text::caption(words));
    });
}
