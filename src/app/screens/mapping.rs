//! The import dialog: what each column is, what comes of a row, what is left out and why.

mod columns;
mod edit;
mod failed;
mod imported;
mod parts;
pub mod state;
mod turns;

use egui::{Rect, UiBuilder, Vec2};

pub use state::{MappingAction as Action, MappingState as State};

use super::Part;
use crate::app::effect;
use crate::app::jobs::Job;
use crate::app::kit::{Button, Dialog, DialogEnd, Text, Theme, format, icon, progress};
use crate::app::shell::words;
use crate::app::start::{Starter, now};
use crate::app::{Action as AnyAction, AppState, Cx, Drafts as AllDrafts};
use crate::data::files::FoundFiles;
use crate::data::import::{ImportPreview, ImportRequest};
use crate::data::shape::Shape;
use crate::engine::EventKind;
use state::{ImportDialog, Purpose, Stage};

/// Nothing is typed here that isn't a part of the request.
#[derive(Debug, Default)]
pub struct Drafts {}

/// See the module.
pub struct Logic;

impl Part for Logic {
    type Action = Action;

    fn show(ui: &mut egui::Ui, state: &AppState, _drafts: &mut AllDrafts, actions: &mut Vec<AnyAction>) {
        let Some(dialog) = &state.mapping.dialog else { return };
        if let (None, Some(failure)) = (&dialog.preview, &dialog.failure) {
            return failed::show(ui, dialog, failure, actions);
        }
        let title = match dialog.num_files() {
            _ if dialog.purpose == Purpose::Reviewer => format!("Second reviewer: {}", dialog.file_name()),
            1 => format!("Import {}", dialog.file_name()),
            num => format!("Import {num} files"),
        };
        let remark = dialog.preview.as_ref().map(|preview| remark(dialog, preview)).unwrap_or_default();
        let act = act(dialog);
        let is_table = dialog.file_name().ends_with(".csv") || dialog.file_name().ends_with(".tsv");
        let mark = if is_table { icon::FILE_CSV } else { icon::FILE_TEXT };
        let frame = Dialog::new("import", &title).icon(mark).remark(&remark).wide().primary(&act, dialog.problem());
        let mut body_actions = Vec::new();
        // Esc closes one thing: first the list of what is left out.
        let is_popup_open = egui::Popup::is_any_open(ui.ctx());
        let closes_list = dialog.shows_rejected && dialog.open_choice().is_none() && !is_popup_open;
        if closes_list && ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, egui::Key::Escape)) {
            actions.push(Action::ShowRejected(false).into());
        }
        let (end, ()) = frame.show(
            ui.ctx(),
            |ui| body(ui, state, dialog, &mut body_actions),
            |ui| foot(ui, state, dialog, actions),
        );
        actions.append(&mut body_actions);
        match end {
            DialogEnd::Confirmed => actions.push(Action::Import.into()),
            DialogEnd::Cancelled => actions.push(Action::Close.into()),
            DialogEnd::StillOpen => {}
        }
        match state.mapping.wake_in(ui.input(|input| input.time)) {
            Some(secs) if secs <= 0.0 => actions.push(Action::Tick.into()),
            Some(secs) => ui.ctx().request_repaint_after_secs(secs as f32),
            None => {}
        }
    }

    fn update(state: &mut AppState, drafts: &mut AllDrafts, action: Action, cx: &Cx<'_>) {
        let AppState { mapping, jobs, project, .. } = state;
        let Some(project) = project else { return };
        mapping.has_examples = project.counts.total() > 0;
        let mut starter = Starter { jobs, cx };
        let effects = mapping.apply(action, &project.folder, now(cx), &mut starter);
        mapping.tick(&project.folder, now(cx), &mut starter);
        effect::perform(effects, state, drafts, cx);
    }

    fn is_by_itself(action: &Action) -> bool {
        matches!(action, Action::Tick)
    }

    fn on_event(state: &mut AppState, drafts: &mut AllDrafts, job: &Job, event: &EventKind, cx: &Cx<'_>) {
        let effects = state.mapping.on_event(job, event);
        effect::perform(effects, state, drafts, cx);
    }
}

/// What the button will do.
fn act(dialog: &ImportDialog) -> String {
    if dialog.purpose == Purpose::Reviewer {
        return format!("Take {}", format::count(dialog.outcome().0, "label", "labels"));
    }
    match dialog.outcome() {
        (0, updated) if updated > 0 => format!("Update {}", format::count(updated, "example", "examples")),
        (0, 0) if dialog.has_news_of_known() => {
            let known = dialog.known.unwrap_or_default();
            let what = match (known.says_split, known.says_date) {
                (true, true) => "splits and dates",
                (true, false) => "splits",
                (false, _) => "dates",
            };
            format!("Take over the {what}")
        }
        (num, 0) => format!("Import {}", format::count(num, "example", "examples")),
        (num, updated) => {
            let (num, updated) = (format::count(num, "example", "examples"), format::thousands(updated));
            format!("Import {num}, update {updated}")
        }
    }
}

fn remark(dialog: &ImportDialog, preview: &ImportPreview) -> String {
    let mut rows = format::count(preview.num_rows, "row", "rows");
    if dialog.num_files() > 1 {
        rows = format!("{} and {} more, {rows}", dialog.file_name(), dialog.num_files() - 1);
    }
    match preview.shape {
        Shape::Columns => {
            let columns = format::count(preview.columns.len() as u64, "column", "columns");
            format!("{rows}, {columns}, {}", preview.description)
        }
        _ => format!("{rows}, {}", preview.description),
    }
}

/// The body of the dialog, of fixed height, so that nothing jumps while the file is read.
fn body(ui: &mut egui::Ui, state: &AppState, dialog: &ImportDialog, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let window = ui.ctx().content_rect().height();
    let height = (theme.size.dialog_width - theme.size.dialog_head_height * 2.0)
        .min(window - theme.size.dialog_head_height * 2.0 - theme.space.xxl * 2.0)
        // With less, the dialog scrolls.
        .max(theme.size.dialog_least_width);
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), egui::Sense::hover());
    let ui = &mut ui.new_child(UiBuilder::new().max_rect(rect));
    ui.set_clip_rect(ui.clip_rect().intersect(rect));
    ui.spacing_mut().item_spacing = Vec2::new(theme.pad.between_controls, 0.0);
    match &dialog.preview {
        Some(preview) => filled(ui, rect, dialog, preview, actions),
        None => parts::reading(ui, state, dialog),
    }
}

fn filled(ui: &mut egui::Ui, rect: Rect, dialog: &ImportDialog, preview: &ImportPreview, actions: &mut Vec<AnyAction>) {
    if preview.shape == Shape::Columns {
        columns::show(ui, dialog, preview, actions);
    }
    let theme = Theme::of(ui);
    let lower = Rect::from_min_max(egui::pos2(rect.left(), ui.cursor().top()), rect.max);
    let middle = (lower.left() + lower.width() / 2.0).round();
    let left = Rect::from_min_max(lower.min, egui::pos2(middle, lower.bottom()));
    let right = Rect::from_min_max(egui::pos2(middle, lower.top()), lower.max);
    ui.painter().rect_filled(right, 0.0, theme.surface.panel);
    ui.painter().vline(middle, lower.y_range(), theme.line(theme.stroke.normal));
    let half = |ui: &mut egui::Ui, rect: Rect, content: &mut dyn FnMut(&mut egui::Ui)| {
        let inner = rect.shrink2(Vec2::new(theme.pad.dialog_x, theme.space.m));
        let mut child = ui.new_child(UiBuilder::new().max_rect(inner));
        child.set_clip_rect(child.clip_rect().intersect(rect));
        content(&mut child);
    };
    half(ui, left, &mut |ui| {
        let all = egui::ScrollArea::vertical().id_salt("settings").auto_shrink(false);
        all.show(ui, |ui| {
            // The bar stands beside the fields and not on them.
            ui.set_max_width(ui.available_width() - ui.spacing().scroll.bar_width - theme.space.xs);
            parts::settings(ui, dialog, preview, actions);
        });
    });
    let mut more = Vec::new();
    half(ui, right, &mut |ui| match dialog.shows_rejected {
        true => parts::rejected(ui, dialog, preview, &mut more),
        false => parts::example(ui, dialog, preview, &mut more),
    });
    actions.append(&mut more);
}

/// What will happen, in numbers.
fn foot(ui: &mut egui::Ui, state: &AppState, dialog: &ImportDialog, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    if let Stage::Importing(job) = dialog.stage {
        let told = state.jobs.get(job).and_then(|job| job.progress);
        progress(ui, "Import", told.and_then(|told| told.share()), theme.size.settings_name_width);
        let words = if dialog.purpose == Purpose::Reviewer { "Reading the labels" } else { "Importing" };
        ui.add(Text::small(told.map_or_else(|| words.to_owned(), |told| words::progress(&told))));
        return;
    }
    let Some(preview) = &dialog.preview else { return };
    if let Some(failure) = &dialog.failure {
        icon::X_CIRCLE.filled().show(ui, theme.status.error);
        ui.add(Text::small(&failure.message).color(theme.status.error).one_line());
        return;
    }
    if !dialog.is_current() {
        let job = if let Stage::Reading(job) = dialog.stage { state.jobs.get(job) } else { None };
        let share = job.and_then(|job| job.progress.as_ref()).and_then(|progress| progress.share());
        progress(ui, "Reading", share, theme.size.settings_name_width);
        ui.add(Text::small("Reading the file with these settings"));
        return;
    }
    parts::outcome(ui, dialog, preview, actions);
    if preview.num_rejected > 0 && dialog.open_choice().is_none() {
        let words = if dialog.shows_rejected { "Hide" } else { "Show" };
        if ui.add(Button::link(words)).clicked() {
            actions.push(Action::ShowRejected(!dialog.shows_rejected).into());
        }
    }
}

/// Opens the dialog for files that were fetched from the Hub.
pub fn open_fetched(state: &mut AppState, drafts: &mut AllDrafts, request: ImportRequest, cx: &Cx<'_>) {
    Logic::update(state, drafts, Action::OpenFetched(request), cx);
}

/// Opens the import dialog for files of the open project: looks at them and sets `state.dialog`.
pub fn open(state: &mut AppState, drafts: &mut AllDrafts, found: FoundFiles, cx: &Cx<'_>) {
    Logic::update(state, drafts, Action::Open(found), cx);
}
