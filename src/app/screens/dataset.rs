//! The dialog for a data set of the Hugging Face Hub: look it up by name, choose, download; then the import dialog opens.

pub mod state;

use egui::{Align, Layout, ScrollArea, Ui};

pub use state::{DatasetAction as Action, DatasetState as State};

use super::Part;
use crate::app::effect;
use crate::app::jobs::Job;
use crate::app::kit::row::to_column;
use crate::app::kit::{
    Badge, Button, Combo, Dialog, DialogEnd, NumberField, Text, TextInput, Theme, WRONG_NUMBER, checkbox, dialog,
    format, has_wrong_number, icon, line, marked_text, progress, row, rule,
};
use crate::app::shell::words;
use crate::app::start::Starter;
use crate::app::{Action as AnyAction, AppState, Cx, Drafts as AllDrafts};
use crate::data::Split;
use crate::engine::{EventKind, Failure};
use crate::hub::Dataset;
use crate::hub::dataset::{DatasetSplit, ListedBy};
use state::{Found, Stage, Wish};

/// What is being typed.
#[derive(Debug, Default)]
pub struct Drafts {
    name: String,
    /// The field has taken the keyboard once since the dialog opened.
    has_focused: bool,
}

/// See the module.
pub struct Logic;

impl Part for Logic {
    type Action = Action;

    fn show(ui: &mut Ui, state: &AppState, drafts: &mut AllDrafts, actions: &mut Vec<AnyAction>) {
        let dataset = &state.dataset;
        let num = dataset.found.as_ref().map_or(0, |found| found.wanted().len()) as u64;
        let act = match num {
            0 => "Download".to_owned(),
            num => format!("Download {}", format::count(num, "split", "splits")),
        };
        let frame = Dialog::new("dataset", "Data set from the Hub").icon(icon::CLOUD_ARROW_DOWN);
        let problem = if has_wrong_number(ui.ctx()) { Some(WRONG_NUMBER) } else { dataset.problem() };
        let frame = frame.primary(&act, problem);
        let mut body_actions = Vec::new();
        let (end, ()) = frame.show(
            ui.ctx(),
            |ui| dialog::body(ui, |ui| body(ui, dataset, &mut drafts.dataset, &mut body_actions)),
            |ui| foot(ui, state),
        );
        actions.extend(body_actions.into_iter().map(AnyAction::from));
        match end {
            DialogEnd::Confirmed => actions.push(Action::Fetch.into()),
            DialogEnd::Cancelled => actions.push(Action::Close.into()),
            DialogEnd::StillOpen => {}
        }
    }

    fn update(state: &mut AppState, drafts: &mut AllDrafts, action: Action, cx: &Cx<'_>) {
        if action == Action::Open {
            drafts.dataset.has_focused = false;
        }
        let AppState { dataset, jobs, .. } = state;
        let effects = dataset.apply(action, &mut Starter { jobs, cx });
        effect::perform(effects, state, drafts, cx);
    }

    fn on_event(state: &mut AppState, drafts: &mut AllDrafts, job: &Job, event: &EventKind, cx: &Cx<'_>) {
        let effects = state.dataset.on_event(job.id, event);
        effect::perform(effects, state, drafts, cx);
    }
}

/// Where a split's rows may go.
const PARTS: [(Option<Split>, &str); 4] = [
    (Some(Split::Train), "Train"),
    (Some(Split::Validation), "Validation"),
    (Some(Split::Test), "Test"),
    (None, "Deal anew"),
];

/// From the first question on of fixed height, so that nothing jumps when the answer comes.
fn body(ui: &mut Ui, dataset: &State, drafts: &mut Drafts, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui);
    let is_asked = dataset.found.is_some() || dataset.failure.is_some() || !matches!(dataset.stage, Stage::Waiting);
    if is_asked {
        ui.set_height(theme.size.row_height * 12.0);
    }
    name_field(ui, dataset, drafts, actions);
    let text = "Of all imports only this one uses the network, and only when you click. The Hub learns which data set \
                you want; nothing of yours is uploaded.";
    ui.add(Text::small(text).soft().wrapped());
    if is_asked {
        ui.add_space(theme.space.s);
    }
    if let Some(failure) = &dataset.failure {
        failed(ui, failure);
    }
    if matches!(dataset.stage, Stage::Asking(_)) {
        progress(ui, "Asking the Hub", None, ui.available_width());
        ui.add(Text::body("Asking the Hub").soft());
    }
    if let Some(found) = &dataset.found {
        of_dataset(ui, found, dataset.failure.is_none(), actions);
    }
}

fn name_field(ui: &mut Ui, dataset: &State, drafts: &mut Drafts, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui);
    line(ui, theme.size.control_height, |ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let reason = match dataset.stage {
                Stage::Fetching(_) => Some("The download is running"),
                _ if drafts.name.trim().is_empty() => Some("Type the name of a data set"),
                _ => None,
            };
            let is_ready = reason.is_none();
            let look_up = ui.add(Button::secondary("Look up").icon(icon::MAGNIFYING_GLASS).disabled_by(reason));
            let hint = "owner/name, or the address of its page";
            let field = TextInput::new("Name of the data set", &mut drafts.name).hint(hint).id(row::place("dataset"));
            let field = field.show(ui);
            if !drafts.has_focused {
                drafts.has_focused = true;
                field.request_focus();
            }
            let is_entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            if look_up.clicked() || (is_entered && is_ready) {
                actions.push(Action::LookUp(drafts.name.clone()));
            }
        });
    });
}

fn failed(ui: &mut Ui, failure: &Failure) {
    let theme = Theme::of(ui);
    marked_text(ui, icon::X_CIRCLE.filled(), theme.status.error, Text::body(&failure.message));
    if let Some(hint) = &failure.hint {
        ui.add(Text::body(hint).soft().wrapped());
    }
}

/// Beside a failure there is room for the splits, but not for the notes on them.
fn of_dataset(ui: &mut Ui, found: &Found, has_notes: bool, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui);
    let dataset = &found.dataset;
    line(ui, theme.size.control_height, |ui| {
        ui.spacing_mut().item_spacing.x = theme.space.s;
        ui.add(Text::strong(&dataset.name.repo));
        let license = dataset.license.as_ref().map_or("No licence given".to_owned(), |name| format!("Licence {name}"));
        ui.add(Badge::neutral(license).without_icon());
        if dataset.is_gated {
            ui.add(Badge::warning("Gated"));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| subset_picker(ui, found, actions));
    });
    first_rows(ui, found, actions);
    ui.add_space(theme.space.xs);
    ui.spacing_mut().item_spacing.y = 0.0;
    head(ui);
    rule(ui);
    ScrollArea::vertical().id_salt("splits").auto_shrink(false).show(ui, |ui| {
        let splits = found.subset().map_or(&[][..], |subset| &subset.splits);
        for (at, (split, wish)) in splits.iter().zip(&found.wishes).enumerate() {
            of_split(ui, at, split, *wish, actions);
        }
        ui.add_space(theme.space.s);
        ui.spacing_mut().item_spacing.y = theme.space.xs;
        for note in notes(dataset).iter().filter(|_| has_notes) {
            ui.add(Text::small(note.as_str()).wrapped());
        }
    });
}

/// All rows, or the first of each split.
fn first_rows(ui: &mut Ui, found: &Found, actions: &mut Vec<Action>) {
    const USUAL: u64 = 1000;
    let theme = Theme::of(ui);
    line(ui, theme.size.control_height, |ui| {
        ui.spacing_mut().item_spacing.x = theme.space.s;
        if let Some(on) = checkbox(ui, "Only the first rows of each split", found.max_rows.is_some()) {
            actions.push(Action::MaxRows(on.then_some(USUAL)));
        }
        let Some(max_rows) = found.max_rows else { return };
        let field = NumberField::new("Rows of each split", max_rows as f64).integer().unit("rows");
        if let Some(rows) = field.width(theme.size.settings_name_width).show(ui) {
            actions.push(Action::MaxRows(Some((rows as u64).max(1))));
        }
    });
}

fn notes(dataset: &Dataset) -> Vec<String> {
    let gated = "Gated: its owners want to know who downloads it. Accept their conditions on its page, and set HF_TOKEN \
                 or log in with `hf auth login`";
    let gated = dataset.is_gated.then(|| gated.to_owned());
    let listed = match dataset.listed_by {
        ListedBy::Card => "Subsets and splits are as its card says",
        ListedBy::FileNames => "Its card names no files: subsets and splits are as the files are called",
        ListedBy::Converted => {
            "Its own files can't be read here: these are the Parquet files that the Hub made of them"
        }
    };
    gated.into_iter().chain([listed.to_owned()]).chain(dataset.notes.iter().cloned()).collect()
}

fn subset_picker(ui: &mut Ui, found: &Found, actions: &mut Vec<Action>) {
    let names: Vec<_> = found.dataset.subsets.iter().enumerate().map(|(at, subset)| (at, &*subset.name)).collect();
    if names.len() < 2 {
        return;
    }
    let width = Theme::of(ui).size.settings_name_width;
    if let Some(at) = Combo::new("Subset", &names, found.subset).width(width).show(ui) {
        actions.push(Action::Subset(at));
    }
    ui.add(Text::body("Subset").soft());
}

/// Where the columns begin: rows, size, part.
fn columns(ui: &Ui) -> [f32; 3] {
    let theme = Theme::of(ui);
    let part = ui.max_rect().right() - theme.size.settings_name_width;
    let step = theme.size.settings_name_width / 1.8;
    [part - 2.0 * step, part - step, part]
}

fn head(ui: &mut Ui) {
    let theme = Theme::of(ui);
    let columns = columns(ui);
    line(ui, theme.size.table_header_height, |ui| {
        ui.add(Text::caption("Split"));
        for (x, name) in columns.into_iter().zip(["Rows", "Size", "Goes to"]) {
            to_column(ui, x);
            ui.add(Text::caption(name));
        }
    });
}

fn of_split(ui: &mut Ui, at: usize, split: &DatasetSplit, wish: Wish, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui);
    let [rows, size, part] = columns(ui);
    line(ui, theme.size.row_height, |ui| {
        if let Some(on) = checkbox(ui, &split.name, wish.is_wanted) {
            actions.push(Action::Want(at, on));
        }
        to_column(ui, rows);
        ui.add(match split.num_rows {
            Some(num) => Text::body(format::thousands(num)),
            None => Text::body("–").faint(),
        });
        to_column(ui, size);
        ui.add(Text::body(format::bytes(split.num_bytes())));
        to_column(ui, part);
        let name = format!("{} goes to", split.name);
        let combo = Combo::new(&name, &PARTS, wish.part).width(theme.size.settings_name_width).plain();
        if let Some(part) = combo.enabled_or(wish.is_wanted, "This split is not downloaded").show(ui) {
            actions.push(Action::Part(at, part));
        }
    });
}

fn foot(ui: &mut Ui, state: &AppState) {
    let theme = Theme::of(ui);
    let dataset = &state.dataset;
    if let Stage::Fetching(job) = dataset.stage {
        let told = state.jobs.get(job).and_then(|job| job.progress);
        progress(ui, "Download", told.and_then(|told| told.share()), theme.size.settings_name_width);
        ui.add(Text::small(told.map_or_else(|| "Connecting".to_owned(), |told| words::progress(&told))));
        return;
    }
    let Some(found) = &dataset.found else { return };
    let wanted = found.wanted();
    let num_bytes = wanted.iter().map(|(split, _)| split.num_bytes()).sum();
    let rows = found.num_rows().filter(|rows| *rows > 0);
    let rows = rows.map(|rows| format!("{}, ", format::count(rows, "row", "rows"))).unwrap_or_default();
    // The files that the first rows are in may be fewer.
    let at_most = if found.max_rows.is_some() { "at most " } else { "" };
    ui.add(Text::body(format!("{rows}{at_most}{}", format::bytes(num_bytes))).soft());
}
