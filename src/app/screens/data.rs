//! Examples: import, find, read, mend, and see the exact tokens that training will use.

pub mod action;
mod answer_json;
pub mod arriving;
mod bulk;
mod check_row;
pub mod checks;
pub mod dialogs;
pub mod draft;
mod editor;
pub mod filters;
mod funnel;
mod issues;
mod lengths;
pub mod marks;
pub mod menu;
mod panel;
mod review;
pub mod state;
mod table;
pub mod tokens;

pub use action::DataAction as Action;
pub use action::{CheckAction, DialogAction, ExampleAction, FilterAction, MarkAction, TableAction};
pub use dialogs::DataDialog;
pub use dialogs::split::shares;
pub use filters::Only;
pub use review::KEYS;
pub use state::DataState as State;

use super::dataset;
use super::{Part, Place, Rail};
use crate::app::effect;
use crate::app::jobs::Job;
use crate::app::kit::{
    self, Button, Combo, Icon, Mark, Text, Theme, drop_target, empty_state, format, icon, main_area, panel_header,
    right_panel, screen_header, way_on,
};
use crate::app::start::{Starter, now};
use crate::app::{Action as AnyAction, AppState, Cx, Drafts as AllDrafts};
use crate::engine::EventKind;
use crate::project::ProjectState;
use crate::recipe::Training;
use filters::Filter;

/// The right panel, with one example.
const PANEL: &str = "data panel";

/// Text that is being typed.
#[derive(Debug, Default)]
pub struct Drafts {
    pub search: String,
    /// The system turn is shown in full.
    is_system_open: bool,
    /// A tag for the marked examples, or for the open one.
    tag: String,
    /// Notes that are being typed, and of which example.
    notes: Option<(i64, String)>,
    /// The layout of answers in Markdown.
    markdown: egui_commonmark::CommonMarkCache,
    /// The limit in tokens, while its line is moved.
    max_length: Option<(egui::Id, usize)>,
}

/// See the module.
pub struct Logic;

impl Part for Logic {
    type Action = Action;

    fn show(ui: &mut egui::Ui, state: &AppState, drafts: &mut AllDrafts, actions: &mut Vec<AnyAction>) {
        let Some(project) = &state.project else { return };
        ui.spacing_mut().item_spacing.y = 0.0;
        let has_rows = project.counts.total() > 0 || !state.data.arriving.rows().is_empty();
        let has_panel = has_rows || state.data.open.is_some();
        header(ui, &state.data, project, has_panel, actions);
        if !has_panel {
            main_area(ui, |ui| nothing_yet(ui, actions));
        } else {
            let width = Theme::of(ui).size.side_panel_width;
            right_panel(ui, PANEL, width, |ui| panel::show(ui, state, project, &mut drafts.data, actions));
            main_area(ui, |ui| table::show(ui, state, project, &mut drafts.data, actions));
        }
        if let Some(dialog) = &state.data.dialog {
            dialogs::show(ui, dialog, state, project, &mut drafts.data, actions);
        }
        if state.dialog.is_none() {
            keep_keys(ui.ctx());
        }
        let now = ui.input(|input| input.time);
        match state.data.wake_in(now) {
            Some(secs) if secs <= 0.0 => actions.push(Action::Tick.into()),
            Some(secs) => ui.ctx().request_repaint_after_secs(secs as f32),
            None => {}
        }
    }

    fn update(state: &mut AppState, drafts: &mut AllDrafts, action: Action, cx: &Cx<'_>) {
        let AppState { data, jobs, .. } = state;
        let effects = data.apply(action, now(cx), &mut Starter { jobs, cx });
        effect::perform(effects, state, drafts, cx);
        Self::refresh(state, drafts, cx);
    }

    fn is_by_itself(action: &Action) -> bool {
        matches!(action, Action::Tick | Action::Table(TableAction::Visible(_) | TableAction::Scrolled))
    }

    fn on_event(state: &mut AppState, drafts: &mut AllDrafts, job: &Job, event: &EventKind, cx: &Cx<'_>) {
        let AppState { data, project, .. } = state;
        let effects = data.on_event(job, event, project.as_ref());
        effect::perform(effects, state, drafts, cx);
        if matches!(event, EventKind::Reply(_) | EventKind::Finished(_)) {
            Self::refresh(state, drafts, cx);
        }
    }

    fn on_project(state: &mut AppState, drafts: &mut AllDrafts, _cx: &Cx<'_>) {
        Self::forget(state, drafts);
    }

    fn forget(state: &mut AppState, drafts: &mut AllDrafts) {
        state.data = State::default();
        drafts.data = Drafts::default();
    }

    fn keep(state: &mut AppState, cx: &Cx<'_>) {
        flush(state, cx);
    }
}

impl Place for Logic {
    const NAME: &'static str = "Data";
    const ICON: Icon = icon::TABLE;
    const RAIL: Rail = Rail::Step("See and mend your examples");

    fn refresh(state: &mut AppState, drafts: &mut AllDrafts, cx: &Cx<'_>) {
        let AppState { data, jobs, project, .. } = state;
        if let Some(project) = project {
            let mut starter = Starter { jobs, cx };
            data.tick(project, now(cx), &mut starter);
            drafts.data.search.clone_from(&data.filters.search);
        }
    }

    fn rail(state: &AppState) -> (String, Mark) {
        let counts = state.project.as_ref().map(|project| project.counts).unwrap_or_default();
        let found = &state.data.facets.whole;
        let words = match (counts.total(), found.issues()) {
            (0, _) => return ("No examples".to_owned(), Mark::ToDo),
            (total, 0) => format::count(total, "example", "examples"),
            (_, issues) => format::count(issues, "issue", "issues"),
        };
        (words, if found.must_fix > 0 { Mark::Ready } else { Mark::Done })
    }

    fn primary(state: &AppState) -> Option<AnyAction> {
        let is_empty = state.project.as_ref().is_none_or(|project| project.counts.total() == 0);
        is_empty.then_some(AnyAction::ChooseImport)
    }
}

/// The table has the keyboard whenever nobody else has: after Esc in a field, when a list or a dialog has closed.
fn keep_keys(ctx: &egui::Context) {
    let is_free = ctx.memory(|memory| memory.focused().is_none() && memory.top_modal_layer().is_none());
    if is_free && !egui::Popup::is_any_open(ctx) {
        kit::table::focus(ctx, table::NAME);
    }
}

/// What the run that would be started now trains on.
fn training(project: &ProjectState) -> Training {
    project.settings.recipe.as_ref().map_or_else(Training::default, |recipe| recipe.training.clone())
}

fn header(ui: &mut egui::Ui, data: &State, project: &ProjectState, has_panel: bool, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let mut chosen = None;
    let beside = |ui: &mut egui::Ui| match data.facets.whole.files.as_slice() {
        [_, _, ..] => files_combo(ui, data, &mut chosen),
        _ => {
            let Some(source) = &project.source else { return };
            let is_table = source.ends_with(".csv") || source.ends_with(".tsv");
            let mark = if is_table { icon::FILE_CSV } else { icon::FILE_TEXT };
            ui.spacing_mut().item_spacing.x = theme.space.xs;
            mark.show(ui, theme.text.faint);
            ui.add(Text::body(source).soft().one_line());
        }
    };
    let right = |ui: &mut egui::Ui| {
        menu::show(ui, project, actions);
        menu::import(ui, actions);
        if ui.add(Button::secondary("Add example").icon(icon::PLUS)).clicked() {
            actions.push(Action::AddExample.into());
        }
        let has_examples = project.counts.total() > 0;
        let split = Button::secondary("Split…").icon(icon::ROWS);
        if ui.add(split.enabled_or(has_examples, "There are no examples to split")).clicked() {
            actions.push(DialogAction::Split(Default::default()).into());
        }
    };
    match has_panel {
        true => panel_header(ui, "Data", (PANEL, "Example"), beside, right),
        false => screen_header(ui, "Data", beside, right),
    }
    actions.extend(chosen.map(|filter| FilterAction::Filter(filter).into()));
}

/// Which of the files that were imported is shown; all of them at first.
fn files_combo(ui: &mut egui::Ui, data: &State, chosen: &mut Option<Filter>) {
    let files = &data.facets.whole.files;
    let all = format::count(files.len() as u64, "file", "files");
    let counted = files.iter().map(|(name, count)| format!("{name}, {}", format::thousands(*count)));
    let words: Vec<String> = std::iter::once(all).chain(counted).collect();
    let options: Vec<(usize, &str)> = words.iter().map(String::as_str).enumerate().collect();
    let at = files.iter().position(|(name, _)| data.filters.source.as_ref() == Some(name)).map_or(0, |at| at + 1);
    let width = Theme::of(ui).size.settings_name_width;
    if let Some(at) = Combo::new("File", &options, at).width(width).show(ui) {
        *chosen = Some(Filter::Source(at.checked_sub(1).and_then(|at| files.get(at)).map(|(name, _)| name.clone())));
    }
}

fn nothing_yet(ui: &mut egui::Ui, actions: &mut Vec<AnyAction>) {
    let text = "A model learns from questions with good answers. Fifty are a start, a few hundred are better";
    empty_state(ui, "No examples yet", text, |ui| {
        let kinds = "CSV, JSON, JSONL or Parquet; you see what comes of it first";
        let import = Button::primary("Import…");
        if way_on(ui, icon::DOWNLOAD_SIMPLE, "Import your own examples", kinds, import).clicked() {
            actions.push(AnyAction::ChooseImport);
        }
        let name = "A data set of the Hugging Face Hub, by its name";
        let hub = Button::secondary("From the Hub…");
        if way_on(ui, icon::CLOUD_ARROW_DOWN, "Take a public data set", name, hub).clicked() {
            actions.push(dataset::Action::Open.into());
        }
        let add = Button::secondary("Add example");
        if way_on(ui, icon::PENCIL_LINE, "Write them here", "One question and its answer at a time", add).clicked() {
            actions.push(Action::AddExample.into());
        }
        drop_target(ui, "Or drop a file with examples anywhere in this window");
    });
}

/// Sends what was typed and not yet saved: before undo, another screen, or the end.
pub fn flush(state: &mut AppState, cx: &Cx<'_>) {
    let AppState { data, jobs, .. } = state;
    data.flush(&mut Starter { jobs, cx });
}
