//! The runs of a project: a list above, what is looked at below.

use egui::{Rect, Ui, UiBuilder, Vec2};

use super::state::{RunsAction, RunsState};
use super::{list, one, several};
use crate::app::kit::{
    Button, Text, TextInput, Theme, empty_state, format, icon, main_area, row::place, screen_header, way_on,
};
use crate::app::screens::train;
use crate::app::{Action as AnyAction, AppState, Drafts as AllDrafts, Screen};
use crate::run::RunStatus;

pub fn show(ui: &mut Ui, state: &AppState, drafts: &mut AllDrafts, actions: &mut Vec<AnyAction>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    let runs = &state.runs;
    if runs.smoothing != state.train.smoothing {
        actions.push(RunsAction::Smooth(state.train.smoothing).into());
    }
    header(ui, state, drafts, actions);
    main_area(ui, |ui| {
        if runs.records.is_empty() {
            return nothing_yet(ui, state, actions);
        }
        let theme = Theme::of(ui);
        ui.spacing_mut().item_spacing = Vec2::ZERO;
        let room = ui.available_rect_before_wrap();
        // The table has what it needs, and never more than half.
        let wanted = theme.size.table_header_height + theme.size.row_height * runs.rows.len().max(1) as f32;
        let y = room.top() + wanted.min(room.height() / 2.0);
        let (upper, lower) = room.split_top_bottom_at_y(y);
        ui.scope_builder(UiBuilder::new().max_rect(upper), |ui| list::show(ui, state, actions));
        below(ui, lower.shrink2(Vec2::new(theme.pad.screen_x, theme.space.l)), state, drafts, actions);
    });
}

/// Curves at the left; at the right what was asked, or what differs.
fn below(ui: &mut Ui, rect: Rect, state: &AppState, drafts: &mut AllDrafts, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing = Vec2::new(theme.pad.between_controls, theme.space.xs);
    let right_width = theme.size.side_panel_width.min(rect.width() / 2.0);
    let (left, right) = rect.split_left_right_at_x(rect.right() - right_width);
    let left = Rect::from_min_max(left.min, left.max - Vec2::new(theme.pad.between_cards, 0.0));
    match state.runs.single() {
        Some(run) => {
            one::curves(ui, state, run, left, actions);
            one::asked(ui, run, right, drafts, actions);
        }
        None if !state.runs.looked_at().is_empty() => {
            several::curves(ui, state, left, actions);
            several::differences(ui, state, right, actions);
        }
        None => {}
    }
}

fn header(ui: &mut Ui, state: &AppState, drafts: &mut AllDrafts, actions: &mut Vec<AnyAction>) {
    let runs = &state.runs;
    let looked_at = runs.looked_at();
    let mut undo = false;
    let beside = |ui: &mut Ui| {
        let num = runs.records.len() as u64;
        let words = match looked_at.len() {
            _ if num == 0 => String::new(),
            2.. => format!("{} of {} selected", looked_at.len(), format::count(num, "run", "runs")),
            _ if runs.rows.len() as u64 != num => {
                format!("{} of {}", runs.rows.len(), format::count(num, "run", "runs"))
            }
            _ => format::count(num, "run", "runs"),
        };
        ui.add(Text::body(words).soft().one_line());
        if !runs.deleted.is_empty() {
            let deleted = format::count(runs.deleted.len() as u64, "run", "runs");
            undo = ui.add(Button::link(format!("Undo: bring back {deleted}"))).clicked();
        }
    };
    screen_header(ui, "Runs", beside, |ui| {
        if looked_at.is_empty() {
            return search(ui, state, drafts, actions);
        }
        let trains = looked_at.iter().any(|(run, _)| run.status == RunStatus::Running);
        let delete = Button::danger("Delete").icon(icon::TRASH);
        let delete = delete.hint("Delete", "Moves it to the project's trash; Undo brings it back");
        if ui.add(delete.enabled_or(!trains, "A run that trains can't be deleted: stop it first")).clicked() {
            actions.push(RunsAction::Delete.into());
        }
        one_at_a_time(ui, state, actions);
        search(ui, state, drafts, actions);
    });
    if undo {
        actions.push(RunsAction::UndoDelete.into());
    }
}

/// What can be done with a single run only.
fn one_at_a_time(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let run = state.runs.single();
    let choose = "Choose a single run";
    let repeat = Button::secondary("Repeat with changes…").icon(icon::COPY);
    let repeat = repeat.hint("Repeat with changes", "Its settings in the form of the next run");
    if ui.add(repeat.enabled_or(run.is_some(), choose)).clicked()
        && let Some(run) = run
    {
        actions.push(train::Action::Repeat(Box::new(run.clone())).into());
        actions.push(AnyAction::Go(Screen::Train));
    }
    let open = Button::secondary("Open folder").icon(icon::FOLDER_OPEN);
    if ui.add(open.enabled_or(run.is_some(), choose)).clicked()
        && let Some(run) = run
    {
        actions.push(AnyAction::OpenFolder(run.run_dir.clone()));
    }
    if let Some(run) = run.filter(|run| RunsState::can_resume(run)) {
        let busy = state.jobs.training().is_some();
        let resume = Button::secondary("Go on").icon(icon::PLAY);
        if ui.add(resume.enabled_or(!busy, "Another run is training")).clicked() {
            actions.push(RunsAction::Resume(run.run_dir.clone()).into());
            actions.push(AnyAction::Go(Screen::Train));
        }
    }
}

fn search(ui: &mut Ui, state: &AppState, drafts: &mut AllDrafts, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    if state.runs.records.is_empty() || ui.available_width() < theme.size.settings_control_width {
        return;
    }
    let text = &mut drafts.runs.search;
    // Another project's list is searched for nothing.
    if *text != state.runs.listing.search && !ui.memory(|memory| memory.has_focus(place("search"))) {
        text.clone_from(&state.runs.listing.search);
    }
    let field = TextInput::new("Search runs", text).icon(icon::MAGNIFYING_GLASS).hint("Search runs").key("/");
    if field.width(theme.size.settings_control_width).id(place("search")).show(ui).changed() {
        actions.push(RunsAction::Search(text.clone()).into());
    }
}

fn nothing_yet(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let text = match &state.runs.error {
        Some(error) => error.as_str(),
        None => "Every training is kept here with its settings, data, curves and weights",
    };
    empty_state(ui, "No runs yet", text, |ui| {
        let button = Button::primary("Go to Train");
        if way_on(ui, icon::PULSE, "Train the first run", "The defaults work unread", button).clicked() {
            actions.push(AnyAction::Go(Screen::Train));
        }
    });
}
