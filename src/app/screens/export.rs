//! Take it with you: the adapter's folder, what is in it, and the command lines that use it.

pub mod state;

pub use state::{ExportAction as Action, ExportState as State};

use egui::{Align, Layout, Ui};

use super::{Part, Place, Rail};
use crate::app::effect;
use crate::app::jobs::Job;
use crate::app::kit::{
    Button, Card, Icon, Mark, Text, Theme, empty_state, fact, format, icon, main_area, reading_well, screen_header,
    scrolling, section, way_on,
};
use crate::app::parts::{run_label, run_picker};
use crate::app::shell::words::model_name;
use crate::app::{Action as AnyAction, AppState, Cx, Drafts as AllDrafts, Screen};
use crate::data::{Role, Split};
use crate::engine::EventKind;
use crate::run::RunDir;
use crate::run::RunRecord;
use crate::run::checkpoints::{self, Purpose};
use state::Listing;

/// Nothing is typed here.
#[derive(Debug, Default)]
pub struct Drafts {}

/// See the module.
pub struct Logic;

impl Part for Logic {
    type Action = Action;

    fn show(ui: &mut Ui, state: &AppState, _drafts: &mut AllDrafts, actions: &mut Vec<AnyAction>) {
        ui.spacing_mut().item_spacing.y = 0.0;
        let run = state.export.chosen_run(&state.runs.records);
        header(ui, state, run, actions);
        main_area(ui, |ui| match run {
            None => no_run(ui, state, actions),
            Some(run) => scrolling(ui, "export", |ui| {
                ui.spacing_mut().item_spacing.y = Theme::of(ui).pad.between_cards;
                adapter(ui, state, run, actions);
                commands(ui, run, state.export.listing.as_ref(), actions);
            }),
        });
    }

    fn update(state: &mut AppState, drafts: &mut AllDrafts, action: Action, cx: &Cx<'_>) {
        let effects = state.export.apply(action, &state.runs.records);
        effect::perform(effects, state, drafts, cx);
    }

    fn is_by_itself(action: &Action) -> bool {
        matches!(action, Action::Listed(_))
    }

    fn on_event(state: &mut AppState, drafts: &mut AllDrafts, _job: &Job, event: &EventKind, cx: &Cx<'_>) {
        let is_runs = matches!(event, EventKind::Reply(reply) if matches!(**reply, crate::engine::Reply::Runs(_)));
        if is_runs && state.screen == Screen::Export {
            effect::perform(state.export.list(&state.runs.records), state, drafts, cx);
        }
    }

    fn forget(state: &mut AppState, _drafts: &mut AllDrafts) {
        state.export = State::default();
    }
}

impl Place for Logic {
    const NAME: &'static str = "Export";
    const ICON: Icon = icon::PACKAGE;
    const RAIL: Rail = Rail::Step("Take it with you");
    const ACT: Option<&'static str> = Some("Show the tuned model's folder");

    fn refresh(state: &mut AppState, drafts: &mut AllDrafts, cx: &Cx<'_>) {
        // A checkpoint may have been written anew.
        state.export.listing = None;
        effect::perform(state.export.list(&state.runs.records), state, drafts, cx);
    }

    fn rail(state: &AppState) -> (String, Mark) {
        match state.export.chosen_run(&state.runs.records) {
            None if state.jobs.training().is_some() => ("After this run".to_owned(), Mark::ToDo),
            None => ("Needs a run".to_owned(), Mark::ToDo),
            Some(_) => ("Ready".to_owned(), Mark::Ready),
        }
    }

    fn primary(state: &AppState) -> Option<AnyAction> {
        let run = state.export.chosen_run(&state.runs.records)?;
        run.adapter.clone().map(AnyAction::OpenFolder)
    }
}

fn header(ui: &mut Ui, state: &AppState, run: Option<&RunRecord>, actions: &mut Vec<AnyAction>) {
    let mut picked = None;
    screen_header(
        ui,
        "Export",
        |ui| picked = run_picker(ui, &state.runs.records, run),
        |ui| {
            let open = Button::primary("Open folder").icon(icon::FOLDER_OPEN).key("Ctrl Enter");
            if let Some(adapter) = run.and_then(|run| run.adapter.clone())
                && ui.add(open).clicked()
            {
                actions.push(AnyAction::OpenFolder(adapter));
            }
        },
    );
    if let Some(name) = picked {
        actions.push(Action::Run(name).into());
    }
}

fn no_run(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let text = match state.jobs.training() {
        Some(_) => "The run that trains now can be taken along as soon as its first weights are written",
        None => "What a run has learned is a small folder that other programs read, too. That needs a run first",
    };
    empty_state(ui, "Nothing to export yet", text, |ui| {
        let button = Button::primary("Go to Train");
        if way_on(ui, icon::PULSE, "Train the first run", "On this machine, with your examples", button).clicked() {
            actions.push(AnyAction::Go(Screen::Train));
        }
    });
}

fn adapter(ui: &mut Ui, state: &AppState, run: &RunRecord, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let Some(folder) = &run.adapter else { return };
    Card::new().large().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme.space.xs;
        ui.horizontal(|ui| {
            icon::PUZZLE_PIECE.show(ui, theme.text.soft);
            ui.add(Text::strong("Adapter"));
            ui.add(Text::small(run_label(run)));
        });
        let about = format!("Only what was learned, in PEFT's format; needs {} beside it", model_name(&run.model));
        ui.add(Text::body(about).soft().wrapped());
        ui.add_space(theme.space.s);
        ui.horizontal(|ui| {
            let path = folder.display().to_string();
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let copy = ui.add(Button::link("Copy").small());
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(Text::mono(&path).soft().one_line());
                });
                if copy.clicked() {
                    actions.push(AnyAction::Copy(path));
                }
            });
        });
        ui.add_space(theme.space.xs);
        match state.export.listing.as_ref().filter(|listing| listing.folder == *folder) {
            None => drop(ui.add(Text::small("Reading the folder").faint())),
            Some(Listing { files: Err(error), .. }) => {
                ui.add(Text::small(error).color(theme.status.error).wrapped());
            }
            Some(Listing { files: Ok(files), .. }) => {
                for (name, num_bytes) in files {
                    fact(ui, &format!("{name}{}", purpose(name)), &format::bytes(*num_bytes));
                }
                let total = files.iter().map(|(_, num_bytes)| num_bytes).sum();
                let count = format::count(files.len() as u64, "file", "files");
                ui.add(Text::small(format!("{}, {count}", format::bytes(total))).faint());
            }
        }
    });
}

/// What a file of the folder is for.
fn purpose(name: &str) -> &'static str {
    match checkpoints::purpose(name) {
        Some(Purpose::Weights) => ", what was learned",
        Some(Purpose::Settings) => ", how it is read",
        Some(Purpose::Resuming) => ", only to resume the run",
        Some(Purpose::Sums) => ", SHA-256 of the others",
        None => "",
    }
}

/// Text in quotes where a shell would take it apart.
fn quoted(text: &str) -> String {
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-@:\\".contains(c));
    if is_plain && !text.is_empty() { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn commands(ui: &mut Ui, run: &RunRecord, listing: Option<&Listing>, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let Some(adapter) = &run.adapter else { return };
    let adapter = quoted(&adapter.display().to_string());
    let model = quoted(&run.model.to_string());
    let test = quoted(&RunDir(&run.run_dir).data_of(Split::Test).display().to_string());
    let recipe = quoted(&RunDir(&run.run_dir).recipe().display().to_string());
    let asked = |role| listing.and_then(|listing| listing.asked(role));
    let prompt = quoted(asked(Role::User).unwrap_or("Where is my order?"));
    // The tuned model was taught under the data set's system message.
    let system = asked(Role::System).map_or_else(String::new, |text| format!(" --system {}", quoted(text)));
    let lines = [
        (
            "Ask the tuned model",
            format!("tunewright generate --model {model} --adapter {adapter}{system} --prompt {prompt}"),
        ),
        ("Measure it", format!("tunewright evaluate --model {model} --adapter {adapter} --data {test} --generate")),
        ("Repeat the run", format!("tunewright train {recipe} --out another-run")),
    ];
    Card::new().large().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme.space.s;
        section(ui, "From the command line", "the same engine, without the window", |_| {});
        for (name, line) in lines {
            ui.horizontal(|ui| {
                ui.add(Text::small(name));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let copy = Button::quiet("Copy").small().icon(icon::COPY);
                    if ui.add(copy.name(format!("Copy: {name}"))).clicked() {
                        actions.push(AnyAction::Copy(line.clone()));
                    }
                });
            });
            reading_well(ui, |ui| {
                ui.set_min_width(ui.available_width());
                ui.add(Text::mono(&line).wrapped());
            });
        }
    });
}
