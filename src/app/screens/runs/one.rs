//! A single run: its curves as the Train screen shows them, its note, and what was asked.

use egui::{Align, Rect, Ui, UiBuilder, Vec2};

use super::state::RunsAction;
use crate::app::kit::{Card, Text, TextInput, Theme, format, section};
use crate::app::screens::train::chart;
use crate::app::shell::words::model_name;
use crate::app::{Action as AnyAction, AppState, Drafts as AllDrafts};
use crate::recipe::params;
use crate::run::{RunNote, RunRecord};

pub fn curves(ui: &mut Ui, state: &AppState, run: &RunRecord, rect: Rect, actions: &mut Vec<AnyAction>) {
    let runs = &state.runs;
    match (runs.curves(run), &runs.error) {
        (Some(curves), None) => chart::loss(ui, state, curves, rect, actions),
        (_, error) => {
            ui.scope_builder(UiBuilder::new().max_rect(rect), |ui| {
                Card::new().min_height(rect.height()).show(ui, |ui| {
                    let words = error.as_deref().unwrap_or("Reading the curves");
                    ui.add(Text::body(words).soft().wrapped());
                });
            });
        }
    }
}

/// The settings under their public names; what differs from the default stands out.
pub fn asked(ui: &mut Ui, run: &RunRecord, rect: Rect, drafts: &mut AllDrafts, actions: &mut Vec<AnyAction>) {
    ui.scope_builder(UiBuilder::new().max_rect(rect), |ui| {
        Card::new().min_height(rect.height()).show(ui, |ui| {
            note(ui, run, drafts, actions);
            ui.add_space(Theme::of(ui).space.s);
            let deviations = params::PARAMS.iter().filter(|param| (param.get)(&run.recipe) != param.default()).count();
            section(ui, "What was asked", &format!("{deviations} not at their defaults"), |_| {});
            egui::ScrollArea::vertical().id_salt("asked").auto_shrink(false).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                row(ui, "base_model", &model_name(&run.model), true);
                if let Some(num) = run.about.num_examples {
                    row(ui, "examples", &format::thousands(num as u64), true);
                }
                for param in params::PARAMS {
                    let value = (param.get)(&run.recipe);
                    row(ui, param.name(), &param.words(&value), value == param.default());
                }
            });
        });
    });
}

/// Kept as it is typed.
fn note(ui: &mut Ui, run: &RunRecord, drafts: &mut AllDrafts, actions: &mut Vec<AnyAction>) {
    let kept = &run.about.note;
    let draft = drafts.runs.note.take().filter(|(dir, _)| *dir == run.run_dir);
    let mut text = draft.map_or_else(|| kept.text.clone(), |(_, text)| text);
    let response = TextInput::new("Note", &mut text).hint("Note, such as what is new in this run").show(ui);
    if response.changed() {
        let note = RunNote { text: text.clone(), ..kept.clone() };
        actions.push(RunsAction::Keep(run.run_dir.clone(), note).into());
    }
    // An answer that was under way must not take back what is being typed.
    if response.has_focus() {
        drafts.runs.note = Some((run.run_dir.clone(), text));
    }
}

fn row(ui: &mut Ui, name: &str, value: &str, is_default: bool) {
    let theme = Theme::of(ui);
    let size = Vec2::new(ui.available_width(), theme.size.fact_row_height);
    let (rect, _) = ui.allocate_exact_size(size, egui::Sense::hover());
    // The scroll bar lies over the edge.
    let inner = rect.with_max_x(rect.right() - theme.space.m);
    let layout = egui::Layout::left_to_right(Align::Center);
    let mut line = ui.new_child(UiBuilder::new().max_rect(inner).layout(layout));
    line.add(Text::mono(name).soft());
    line.with_layout(egui::Layout::right_to_left(Align::Center), |ui| {
        ui.add(if is_default { Text::body(value).soft() } else { Text::strong(value) }.one_line());
    });
}
