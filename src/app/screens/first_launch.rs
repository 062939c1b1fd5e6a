//! Before any project is open: three ways in, and what this machine has.

use egui::Ui;

use crate::app::kit::row::to_column;
use crate::app::kit::{
    Button, Text, Theme, drawer, drop_target, empty_state, fact, format, icon, key_hint, layout, right_panel, rule,
    way_on,
};
use crate::app::machine::Machine;
use crate::app::screens::{Rail, dataset};
use crate::app::shell::{keys, projects};
use crate::app::{Action, AppState, Screen};
use crate::engine::{JobSpec, StoreJob};

pub fn show(ui: &mut Ui, state: &AppState, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui);
    let is_narrow = drawer::is_drawer(ui.ctx());
    if !is_narrow {
        right_panel(ui, "first launch", theme.size.side_panel_first_width, |ui| {
            layout::padded(ui, theme.pad.screen_x, |ui| {
                side(ui, state);
                recent(ui, state, actions);
            });
        });
    }
    let is_opening = state.jobs.find(|spec| matches!(spec, JobSpec::Store(StoreJob::OpenProject { .. }))).is_some();
    let (title, text) = words(state);
    empty_state(ui, &title, &text, |ui| {
        missing(ui, state, actions);

        let sample = Button::primary("Open sample").enabled_or(!is_opening, "A project is being opened");
        let text = "Messages to a shop become JSON, in minutes";
        if way_on(ui, icon::PLAY, "Open the sample project", text, sample).clicked() {
            actions.push(Action::OpenSample);
        }
        let import = Button::secondary("Import…").enabled_or(!is_opening, "A project is being opened");
        let text = "CSV, JSON, JSONL or Parquet, 50 examples are a good start";
        if way_on(ui, icon::DOWNLOAD_SIMPLE, "Import your own examples", text, import).clicked() {
            actions.push(Action::ChooseImport);
        }
        let open = Button::secondary("Open…").enabled_or(!is_opening, "A project is being opened");
        let text = "A folder that Tunewright made, on this machine or copied to it";
        if way_on(ui, icon::FOLDER_OPEN, "Open a project", text, open).clicked() {
            actions.push(Action::ChooseProject);
        }
        ui.add_space(theme.space.m);
        drop_target(ui, "Or drop a file with examples, a model or a project anywhere in this window");
        ui.add_space(theme.space.s);
        ui.vertical_centered(|ui| {
            let hub = Button::link("Or take a public data set from the Hub…").icon(icon::CLOUD_ARROW_DOWN);
            if ui.add(hub.enabled_or(!is_opening, "A project is being opened")).clicked() {
                actions.push(dataset::Action::Open.into());
            }
        });
        ui.add_space(theme.space.s);
        key_hints(ui);
        if is_narrow {
            ui.add_space(theme.space.l);
            side(ui, state);
            recent(ui, state, actions);
        }
    });
}

/// What is missing for the screen that was asked for.
fn words(state: &AppState) -> (String, String) {
    match state.screen {
        Screen::Model | Screen::Settings => (
            "Teach a small model your task".to_owned(),
            "Bring examples of questions and good answers, everything stays on this machine".to_owned(),
        ),
        screen => (
            format!("{} needs an open project", screen.name()),
            "Here are the ways to one, nothing leaves this machine".to_owned(),
        ),
    }
}

/// The project of last time isn't where it was.
fn missing(ui: &mut Ui, state: &AppState, actions: &mut Vec<Action>) {
    let Some(folder) = &state.missing else { return };
    let text = "It may have been moved or deleted, or its disk is not connected";
    let again = Button::secondary("Look again");
    if way_on(ui, icon::WARNING_CIRCLE, &projects::missing_words(folder), text, again).clicked() {
        actions.push(Action::LookForProject(folder.clone()));
    }
}

/// Projects that were open before.
fn recent(ui: &mut Ui, state: &AppState, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui);
    let mut recent = projects::recent(state).peekable();
    if recent.peek().is_none() {
        return;
    }
    ui.add_space(theme.space.xl);
    ui.add(Text::caption("Recent"));
    ui.add_space(theme.space.xs);
    for (recent, is_there) in recent {
        let name = Button::link(projects::recent_words(recent, is_there)).icon(icon::FOLDER);
        let shown = ui.add(name.hint(recent.name.clone(), recent.folder.display().to_string()));
        ui.add_space(theme.space.s);
        if shown.clicked() {
            actions.push(Action::LookForProject(recent.folder.clone()));
        }
    }
}

/// What was measured, and nothing else.
fn speeds(ui: &mut Ui, machine: &Machine) {
    let theme = Theme::of(ui);
    ui.add(Text::caption("How fast models train here"));
    ui.add_space(theme.space.xs);
    if machine.speeds.is_empty() {
        let words = "Not measured yet: the Train step does it in some seconds, and says how long a run takes";
        ui.add(Text::small(words).faint().wrapped());
    }
    for known in &machine.speeds {
        let weights = format!("{} weights", format::parameters(known.num_parameters));
        fact(ui, &weights, &format!("{} tokens/s", format::speed(known.speed.train_tokens_per_sec)));
    }
}

fn key_hints(ui: &mut Ui) {
    let theme = Theme::of(ui);
    // In the middle: as wide as it was in the last frame.
    let id = ui.scope_id().with("keys");
    let width = ui.data(|data| data.get_temp::<f32>(id)).unwrap_or(0.0);
    ui.horizontal(|ui| {
        ui.add_space(((ui.available_width() - width) / 2.0).max(0.0));
        let left = ui.cursor().left();
        for (key, words) in
            [(keys::OPEN.shown, "Open"), (keys::FIND.shown, keys::FIND.words), (keys::HELP.shown, "Help")]
        {
            key_hint(ui, key, words);
            ui.add_space(theme.space.s + theme.space.xxs);
        }
        let width = ui.min_rect().right() - left;
        ui.data_mut(|data| data.insert_temp(id, width));
    });
}

fn side(ui: &mut Ui, state: &AppState) {
    let theme = Theme::of(ui);
    let machine = &state.machine;
    ui.spacing_mut().item_spacing.y = 0.0;
    ui.add_space(theme.space.xs);
    ui.add(Text::strong("What this machine can do"));
    ui.add_space(theme.space.s + theme.space.xxs);
    if machine.num_cores > 0 {
        fact(ui, "Processor", &format::count(machine.num_cores as u64, "core", "cores"));
        if !machine.instruction_set.is_empty() {
            fact(ui, "Instructions", machine.instruction_set);
        }
        let (free, all) = (format::bytes(machine.memory_free), format::bytes(machine.memory));
        fact(ui, "Memory", &format!("{free} of {all} free"));
        fact(ui, "Accelerator", "None is used");
        if machine.disk_free > 0 {
            fact(ui, "Disk", &format!("{} free", format::bytes(machine.disk_free)));
        }
    }
    ui.add_space(theme.space.l);
    rule(ui);
    ui.add_space(theme.space.xl);
    speeds(ui, machine);
    ui.add_space(theme.space.l);
    rule(ui);
    ui.add_space(theme.space.xl);
    ui.add(Text::caption("How it goes"));
    ui.add_space(theme.space.xs);
    for screen in Screen::steps() {
        let Rail::Step(purpose) = screen.place() else { continue };
        ui.horizontal(|ui| {
            ui.set_min_height(theme.size.row_height + theme.space.xs);
            let left = ui.cursor().left();
            screen.icon().show(ui, theme.text.soft);
            ui.add_space(theme.space.xs);
            ui.add(Text::body(screen.name()));
            to_column(ui, left + theme.size.step_name_width);
            ui.add(Text::small(purpose));
        });
    }
}
