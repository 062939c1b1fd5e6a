//! The frame around the screens: rail, top bar, status bar, dialogs, and which screen is shown.

use egui::{Align, CentralPanel, Frame, Layout, Panel, Rect, Ui, UiBuilder, Vec2};

use super::{Shell, keys, project_dialog, rail, saving, words};
use crate::app::jobs::Job;
use crate::app::kit::{Button, Text, Theme, at_least, dialog, empty_state, icon, progress, row};
use crate::app::parts::waiting;
use crate::app::screens::{Part, compare, data, dataset, first_launch, mapping, train};
use crate::app::settings::ThemeChoice;
use crate::app::state::Status;
use crate::app::{Action, AppState, OpenDialog, Screen, kit, path_dialog};
use crate::engine::{IoJob, JobSpec, Lane, StoreJob};
use crate::task::Signal;

const NOTHING_SHOWN_SECS: f64 = 0.2;

impl Shell {
    /// Paints one frame. What the person does ends up in `self.actions`.
    pub fn ui(&mut self, ui: &mut Ui) {
        let theme = Theme::of(ui);
        let window = Frame::new().fill(theme.surface.window);
        // Takes its place first, and is filled last: Tab comes to it after everything else.
        let status_bar = Panel::bottom("status bar")
            .exact_size(theme.size.status_bar_height)
            .show_separator_line(false)
            .frame(window)
            .show(ui, |ui| ui.max_rect());
        let rail_width = match rail::is_icons_only(ui) {
            true => theme.size.rail_width_icons,
            false => theme.size.rail_width,
        };
        Panel::left("rail").exact_size(rail_width).resizable(false).show_separator_line(false).frame(window).show(
            ui,
            |ui| {
                let rect = ui.max_rect();
                ui.painter().vline(
                    rect.right() - theme.width.line / 2.0,
                    rect.y_range(),
                    theme.line(theme.stroke.normal),
                );
                self.rail(ui);
            },
        );
        Panel::top("top bar")
            .exact_size(theme.size.top_bar_height)
            .show_separator_line(false)
            .frame(window)
            .show(ui, |ui| self.top_bar(ui));
        let screen = CentralPanel::no_frame().frame(Frame::new().fill(theme.surface.panel)).show(ui, |ui| {
            ui.spacing_mut().item_spacing = Vec2::new(theme.pad.between_controls, theme.space.xs);
            let theme = Theme::of(ui);
            let least = Vec2::new(theme.size.screen_least_width, theme.size.screen_least_height);
            at_least(ui, "screen", least, |ui| self.screen(ui));
        });
        self.status_bar(&mut ui.new_child(UiBuilder::new().max_rect(status_bar.inner)));
        self.dialogs(ui);
        drop_hint(ui);
        self.take_keys(ui.ctx());
        kit::focus::keep(ui.ctx(), screen.response.rect);
    }

    fn screen(&mut self, ui: &mut Ui) {
        let (state, drafts, actions) = (&self.state, &mut self.drafts, &mut self.actions);
        if state.screen == Screen::Settings {
            return state.screen.show(ui, state, drafts, actions);
        }
        if state.is_starting {
            // Under a blink nothing is shown.
            if ui.input(|input| input.time) < NOTHING_SHOWN_SECS {
                return ui.ctx().request_repaint_after_secs(NOTHING_SHOWN_SECS as f32);
            }
            let opening = state.jobs.find(|spec| matches!(spec, JobSpec::Store(StoreJob::OpenProject { .. })));
            let words = opening.map_or_else(|| "Looking for the project of last time".to_owned(), words::doing);
            return empty_state(ui, &words, "", |_| {});
        }
        if state.project.is_none() {
            return first_launch::show(ui, state, actions);
        }
        state.screen.show(ui, state, drafts, actions);
    }

    fn dialogs(&mut self, ui: &mut Ui) {
        self.open_dialog(ui);
        train::closing_dialog(ui, &self.state, &mut self.actions);
    }

    fn open_dialog(&mut self, ui: &mut Ui) {
        let Some(open) = self.state.dialog.clone() else { return };
        match open {
            OpenDialog::Import => mapping::Logic::show(ui, &self.state, &mut self.drafts, &mut self.actions),
            OpenDialog::Dataset => dataset::Logic::show(ui, &self.state, &mut self.drafts, &mut self.actions),
            OpenDialog::StopTraining => train::stop_dialog(ui, &self.state, &mut self.actions),
            OpenDialog::Commands => self.command_field(ui),
            OpenDialog::Help => self.help(ui),
            OpenDialog::Failure(failure) => self.failure(ui, &failure),
            OpenDialog::Project(kind) => {
                project_dialog::show(ui, &self.state, kind, &mut self.drafts.project, &mut self.actions);
            }
            OpenDialog::NoProject(folder) => project_dialog::no_project(ui, &folder, &mut self.actions),
            OpenDialog::ImportWhere => project_dialog::import_where(ui, &self.state, &mut self.actions),
            OpenDialog::NotSaved(action) => saving::not_saved(ui, &self.state, &action, &mut self.actions),
            OpenDialog::Path(asked) => path_dialog::show(ui, &asked, &mut self.drafts.path, &mut self.actions),
        }
    }

    fn top_bar(&mut self, ui: &mut Ui) {
        let theme = Theme::of(ui);
        let rect = ui.max_rect();
        ui.painter().hline(rect.x_range(), rect.bottom() - theme.width.line / 2.0, theme.line(theme.stroke.normal));
        let inner = Rect::from_min_max(
            rect.min + Vec2::new(theme.space.m, 0.0),
            rect.max - Vec2::new(theme.space.m, theme.width.line),
        );
        let mut bar = ui.new_child(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)));
        bar.spacing_mut().item_spacing.x = theme.space.s;
        let is_tight = inner.width() < theme.size.screen_least_width;
        self.project_part(&mut bar, is_tight);
        // A long name of a project or an error leaves the field no room.
        let tools = theme.size.field_button_width + 2.0 * (theme.size.control_height + theme.pad.between_controls);
        let is_tight = is_tight || bar.available_width() < tools + theme.space.s;
        bar.with_layout(Layout::right_to_left(Align::Center), |ui| self.tools(ui, is_tight));
    }

    fn project_part(&mut self, ui: &mut Ui, is_tight: bool) {
        let theme = Theme::of(ui);
        self.project_menu(ui);
        if saving::problem(&self.state).is_some() {
            saving::show_problem(ui, &self.state, &mut self.actions);
        } else if self.state.project.is_some() {
            self.saved_mark(ui, is_tight);
        }
        let Some(project) = &self.state.project else { return };
        ui.add_space(theme.space.xs);
        let (line, _) = ui.allocate_exact_size(Vec2::new(theme.width.line, theme.size.icon), egui::Sense::hover());
        ui.painter().rect_filled(line, egui::CornerRadius::ZERO, theme.stroke.normal);
        ui.add_space(theme.space.xs);
        let undo = Button::icon_only(icon::ARROW_U_UP_LEFT, project.undo.clone().unwrap_or_else(|| "Undo".to_owned()));
        if ui
            .add(undo.name("Undo").key(keys::UNDO.shown).enabled_or(project.undo.is_some(), "Nothing to undo"))
            .clicked()
        {
            self.actions.push(Action::Undo);
        }
        let redo = Button::icon_only(icon::ARROW_U_UP_RIGHT, project.redo.clone().unwrap_or_else(|| "Redo".to_owned()));
        let redo = redo.name("Redo").key(keys::REDO.shown).enabled_or(project.redo.is_some(), "Nothing to redo");
        if ui.add(redo).clicked() {
            self.actions.push(Action::Redo);
        }
    }

    fn saved_mark(&self, ui: &mut Ui, is_tight: bool) {
        let theme = Theme::of(ui);
        let is_saving = self.state.jobs.find(|spec| spec.facts().is_saving);
        let (mark, words) = match is_saving.is_some() || self.state.data.is_saving() {
            true => (icon::CIRCLE_DASHED, "Saving…"),
            false => (icon::CHECK, "Saved"),
        };
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.x = theme.space.xs;
            mark.show_sized(ui, theme.size.icon_small, theme.text.soft);
            if !is_tight {
                ui.add(Text::small(words));
            }
        });
    }

    fn tools(&mut self, ui: &mut Ui, is_tight: bool) {
        ui.spacing_mut().item_spacing.x = Theme::of(ui).pad.between_controls;
        if ui.add(Button::icon_only(icon::QUESTION, "Help").key(keys::HELP.shown)).clicked() {
            self.actions.push(Action::ShowDialog(OpenDialog::Help));
        }
        let is_dark = Theme::of(ui).is_dark;
        let (sign, words) = match is_dark {
            true => (icon::MOON, "Light theme"),
            false => (icon::SUN, "Dark theme"),
        };
        if ui.add(Button::icon_only(sign, words).key(keys::THEME.shown)).clicked() {
            self.actions.push(Action::SetTheme(ThemeChoice::other(ui.ctx())));
        }
        let find = match is_tight {
            true => Button::icon_only(icon::MAGNIFYING_GLASS, keys::FIND.words),
            false => Button::field(keys::FIND.words).icon(icon::MAGNIFYING_GLASS),
        };
        if ui.add(find.key(keys::FIND.shown)).clicked() {
            self.actions.push(Action::ShowDialog(OpenDialog::Commands));
        }
    }

    fn status_bar(&mut self, ui: &mut Ui) {
        let theme = Theme::of(ui);
        let rect = ui.max_rect();
        ui.painter().hline(rect.x_range(), rect.top() + theme.width.line / 2.0, theme.line(theme.stroke.normal));
        let mut inner = rect.shrink2(Vec2::new(theme.space.l, 0.0));
        inner.min.y += theme.width.line;
        let mut bar = ui.new_child(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)));
        bar.spacing_mut().item_spacing.x = theme.space.m;
        // First at the right, which keeps its room; what a job tells is cut.
        let mut left = inner;
        bar.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if inner.width() >= theme.size.screen_least_width {
                self.machine_part(ui);
            }
            left.max.x = ui.min_rect().left() - theme.space.m;
        });
        let mut bar = ui.new_child(UiBuilder::new().max_rect(left).layout(Layout::left_to_right(Align::Center)));
        bar.set_clip_rect(left.intersect(bar.clip_rect()));
        bar.spacing_mut().item_spacing.x = theme.space.m;
        self.job_part(&mut bar);
    }

    fn job_part(&mut self, ui: &mut Ui) {
        let theme = Theme::of(ui);
        ui.add_space(theme.space.xxs);
        let jobs = self.state.jobs.in_front();
        if jobs.is_empty() {
            icon::CIRCLE.show_sized(ui, theme.size.icon_small, theme.text.faint);
            self.said_last.clone_from(&self.state.status.words);
            return status_words(ui, &self.state.status, &mut self.actions);
        }
        // Two at most: what trains, and what computes beside it.
        let width = theme.size.progress_height * if jobs.len() > 1 { 20.0 } else { 40.0 };
        for job in jobs {
            one_job(ui, &self.state, job, width, &mut self.actions);
        }
        // What was said since the work began, or can still be undone; the rest is old.
        if self.state.status.words != self.said_last || !self.state.status.acts.is_empty() {
            status_words(ui, &self.state.status, &mut self.actions);
        }
    }

    fn machine_part(&self, ui: &mut Ui) {
        let theme = Theme::of(ui);
        let machine = &self.state.machine;
        if machine.num_cores == 0 {
            return;
        }
        ui.spacing_mut().item_spacing.x = theme.space.xs + theme.space.xxs;
        let memory = format!(
            "{} of {}",
            crate::app::kit::format::bytes(machine.memory_used),
            crate::app::kit::format::bytes(machine.memory)
        );
        ui.add(Text::small(memory));
        icon::MEMORY.show_sized(ui, theme.size.icon_small, theme.text.soft);
        ui.add_space(theme.space.xs);
        ui.add(Text::small(format!("{:.0} of {} cores", machine.cores_busy.round(), machine.num_cores)));
        icon::CPU.show_sized(ui, theme.size.icon_small, theme.text.soft);
    }

    fn failure(&mut self, ui: &mut Ui, failure: &crate::engine::Failure) {
        let title = if failure.is_internal { "Something broke in Tunewright" } else { "This didn't work" };
        let shown = dialog::Dialog::new("failure", title).icon(icon::WARNING_CIRCLE).show(
            ui.ctx(),
            |ui| {
                dialog::body(ui, |ui| {
                    ui.add(Text::body(&failure.message).wrapped());
                    if let Some(hint) = &failure.hint {
                        ui.add(Text::body(hint).soft().wrapped());
                    }
                });
            },
            |ui| {
                if ui.add(Button::quiet("Copy").icon(icon::COPY)).clicked() {
                    self.actions.push(Action::Copy(failure.message.clone()));
                }
            },
        );
        if shown.0 != dialog::DialogEnd::StillOpen {
            self.actions.push(Action::CloseDialog);
        }
    }

    fn help(&mut self, ui: &mut Ui) {
        let shown = dialog::Dialog::new("help", "Keys").wide().show(
            ui.ctx(),
            |ui| {
                let theme = Theme::of(ui);
                dialog::body(ui, |ui| {
                    // Side by side where there is room.
                    let num = if ui.available_width() < theme.size.dialog_width { 1 } else { 2 };
                    ui.columns(num, |columns| {
                        key_list(&mut columns[0], theme, "Everywhere", keys::KEYS);
                        key_list(&mut columns[num - 1], theme, "In the table of examples", &data::KEYS);
                        key_list(&mut columns[0], theme, "In blind rating", &compare::blind::KEYS);
                    });
                    ui.add(Text::small(kit::fallback::RIGHT_TO_LEFT).faint().wrapped());
                });
            },
            |ui| {
                ui.add(
                    Text::small(concat!(
                        "Tunewright ",
                        env!("CARGO_PKG_VERSION"),
                        ", everything stays on this machine"
                    ))
                    .faint(),
                );
            },
        );
        if shown.0 != dialog::DialogEnd::StillOpen {
            self.actions.push(Action::CloseDialog);
        }
    }
}

/// What was said last, and what can be done about it.
fn status_words(ui: &mut Ui, status: &Status, actions: &mut Vec<Action>) {
    ui.add(Text::small(&status.words).one_line());
    for (at, (words, _)) in status.acts.iter().enumerate() {
        if ui.add(Button::link(*words).small().name(format!("{words}: {status}"))).clicked() {
            actions.push(Action::DoOfStatus(at));
        }
    }
}

/// What it does, how far it is, and how to end it.
fn one_job(ui: &mut Ui, state: &AppState, job: &Job, width: f32, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui);
    let is_training = job.spec.lane() == Lane::Train;
    words::icon_of(&job.spec).show_sized(ui, theme.size.icon_small, theme.accent.text);
    if job.memory_short.is_some() {
        ui.add(Text::small(waiting::words(state, job)).normal().one_line());
        if ui.add(Button::link("Pause training").icon(icon::PAUSE).small()).clicked() {
            actions.push(train::Action::Pause.into());
        }
    } else {
        let by_itself = || (words::doing(job), job.share(), words::told(job));
        let (doing, share, told) = train::of_job(state, job).unwrap_or_else(by_itself);
        ui.add(Text::small(&doing).normal());
        // In a narrow window the buttons have the room.
        if ui.available_width() + ui.min_rect().width() >= Theme::of(ui).size.screen_least_width {
            progress(ui, &doing, share, width);
            if !told.is_empty() {
                ui.add(Text::small(told));
            }
        }
    }
    let run = state.train.run.as_ref().filter(|run| run.job == job.id);
    if run.is_some_and(|run| run.stopping.is_some()) {
        return;
    }
    if run.is_some_and(|run| run.is_paused) && go_on(ui) {
        actions.push(train::Action::GoOn.into());
    }
    let is_steerable = matches!(job.spec.lane(), Lane::Train | Lane::Compute | Lane::Net | Lane::Ask)
        || matches!(job.spec, JobSpec::Io(IoJob::Import { .. } | IoJob::ExportData { .. }));
    if is_steerable && ui.add(Button::link("Stop").icon(icon::SQUARE).small()).clicked() {
        actions.push(match is_training {
            true => Action::ShowDialog(OpenDialog::StopTraining),
            false => Action::Control(job.id, Signal::Stop { save: false }),
        });
    }
}

fn go_on(ui: &mut Ui) -> bool {
    ui.add(Button::link("Go on").name("Go on with the run").icon(icon::PLAY).small()).clicked()
}

fn key_list(ui: &mut Ui, theme: &Theme, title: &str, keys: &[(&str, &str)]) {
    ui.add(Text::strong(title));
    ui.add_space(theme.space.s);
    for (key, words) in keys {
        ui.horizontal(|ui| {
            ui.set_min_height(theme.size.fact_row_height);
            let left = ui.cursor().left();
            let cap = crate::app::kit::KeyCap::new(ui, key);
            let size = Vec2::new(cap.width(), theme.size.badge_height);
            let (rect, _) = ui.allocate_exact_size(size, egui::Sense::hover());
            cap.paint(ui, rect.left_center(), theme.text.soft, theme.stroke.strong);
            crate::app::kit::row::to_column(ui, left + theme.size.settings_name_width * 0.75);
            ui.add(Text::body(*words).soft().one_line());
        });
    }
}

/// While files are held over the window: it takes them anywhere.
fn drop_hint(ui: &Ui) {
    let ctx = ui.ctx();
    if ctx.input(|input| input.raw.hovered_files.is_empty()) {
        return;
    }
    let theme = Theme::of(ui);
    let layer = egui::LayerId::new(egui::Order::Tooltip, row::place("drop hint"));
    let painter = ctx.layer_painter(layer);
    let rect = ctx.content_rect();
    painter.rect_filled(rect, egui::CornerRadius::ZERO, theme.surface.scrim.gamma_multiply(theme.scrim_opacity));
    let words = "Drop it here: examples as files or a folder, a model, or a project";
    let galley = painter.layout_no_wrap(words.to_owned(), theme.strong(), theme.text.normal);
    let card = Rect::from_center_size(rect.center(), galley.size() + Vec2::splat(2.0 * theme.space.xxl));
    let edge = egui::Stroke::new(theme.width.focus_ring, theme.accent.line);
    let rounding = theme.rounding(theme.radius.dialog);
    painter.rect(card, rounding, theme.surface.floating, edge, egui::StrokeKind::Inside);
    painter.galley((card.center() - galley.size() / 2.0).round(), galley, theme.text.normal);
}
