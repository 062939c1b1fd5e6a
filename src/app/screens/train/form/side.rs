//! What the run of the form would do, and what stands in its way.

use egui::{Align, Layout, Sense, Ui, Vec2};

use super::Actions;
use crate::app::kit::{Badge, Button, Card, Text, Theme, fact, foot, format, icon, layout, line, section};
use crate::app::parts::{memory_parts, memory_words};
use crate::app::screens::train::before::{self, Link, Verdict, check};
use crate::app::screens::train::{Action, chart, obstacle, time};
use crate::app::screens::{model, settings};
use crate::app::shell::keys;
use crate::app::{AppState, Screen};
use crate::data::checks::Severity;
use crate::engine::{IoJob, JobSpec};
use crate::project::{ProjectState, SplitCounts};
use crate::train::preview::RunPreview;

pub(super) fn show(ui: &mut Ui, state: &AppState, actions: &mut Actions) {
    let theme = Theme::of(ui);
    let reason = obstacle(state);
    foot(ui, "start", theme.pad.panel_x, |ui| start(ui, state, true, actions));
    layout::scrolling_with(ui, "preview", theme.pad.panel_x, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let num_findings = state.data.checks.num_findings(Severity::MustFix);
        let is_counting = state.jobs.find(|spec| matches!(spec, JobSpec::Io(IoJob::PreviewRun { .. }))).is_some();
        line(ui, theme.size.badge_height, |ui| {
            ui.add(Text::strong("Run preview"));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.add(match (&reason, is_counting) {
                    (Some(_), _) => Badge::warning("Not ready"),
                    (None, true) => Badge::running("Counting"),
                    (None, false) if num_findings > 0 => {
                        Badge::warning(format::count(num_findings, "finding", "findings"))
                    }
                    (None, false) => Badge::ok("Ready"),
                });
            });
        });
        ui.add_space(theme.space.s);
        if let Some(project) = &state.project {
            facts(ui, state, project);
        }
        if let Some(preview) = &state.train.preview {
            ui.add_space(theme.space.m);
            time::card::show(ui, state, preview, actions);
            ui.add_space(theme.pad.between_cards);
            memory(ui, preview);
            ui.add_space(theme.space.m);
            schedule(ui, preview);
        }
        ui.add_space(theme.space.m);
        ui.add(Text::caption("Before you start"));
        ui.add_space(theme.space.xs);
        checks(ui, state, actions);
    });
}

/// Below the preview, or in the head of the screen while that is closed.
pub(super) fn start(ui: &mut Ui, state: &AppState, is_large: bool, actions: &mut Actions) {
    let button = Button::primary("Start training").icon(icon::PLAY).key(keys::PRIMARY.shown);
    let button = if is_large { button.large().width(ui.available_width()) } else { button };
    if ui.add(button.disabled_by(obstacle(state))).clicked() {
        actions.push(Action::Start.into());
    }
}

fn facts(ui: &mut Ui, state: &AppState, project: &ProjectState) {
    let model = model::used(state);
    let model = model.map_or_else(|| "Not chosen".to_owned(), |model| model::name_of(state, model));
    fact(ui, "Model", &model);
    let counts = &project.counts;
    let number = |value: usize| format::thousands(value as u64);
    let data =
        format!("{} train, {} validation", format::thousands(counts.train), format::thousands(counts.validation));
    fact(ui, "Data", &data);
    let Some(preview) = &state.train.preview else { return };
    let trained = format!("{} of {} tokens", number(preview.num_supervised_tokens), number(preview.num_tokens));
    fact(ui, "Trained", &trained);
    let training = &state.train.recipe.training;
    let batch = training.per_device_train_batch_size * training.gradient_accumulation_steps;
    fact(
        ui,
        "Steps",
        &format!("{}, {} each", number(preview.num_steps), format::count(batch as u64, "example", "examples")),
    );
    let weights = format!(
        "{} of {} weights",
        format::parameters(preview.num_trainable as u64),
        format::parameters((preview.num_parameters + preview.num_trainable) as u64)
    );
    fact(ui, "Learns", &weights);
}

fn memory(ui: &mut Ui, preview: &RunPreview) {
    let theme = Theme::of(ui);
    Card::new().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.add(Text::small("Memory"));
        line(ui, theme.type_scale.line_title, |ui| {
            ui.add(Text::title(format!("{} GB", format::gigabytes(preview.memory.total()))));
            let free = format::gigabytes(preview.memory.available);
            ui.add(Text::small(format!("of {free} GB free")).faint());
        });
        ui.add_space(theme.space.s);
        memory_parts(ui, &preview.memory);
    });
}

fn schedule(ui: &mut Ui, preview: &RunPreview) {
    let theme = Theme::of(ui);
    let steps = format::thousands(preview.num_steps as u64);
    section(ui, "Learning rate", "", |ui| {
        ui.add(Text::small(format!("over {steps} steps")).faint());
    });
    ui.add_space(theme.space.s);
    let size = Vec2::new(ui.available_width(), theme.size.settings_row_height * 2.0 - theme.space.m);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let points: Vec<_> = preview.learning_rates.iter().map(|(step, rate)| (*step as f64, *rate)).collect();
    let highest = points.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    let words = format!("at most {}", format::rate(highest));
    chart::curve(ui, "Schedule", &words, rect, preview.num_steps, &points);
}

/// One line a check: what is fine, what is worth a look, what is missing.
fn checks(ui: &mut Ui, state: &AppState, actions: &mut Actions) {
    let Some(project) = &state.project else { return };
    if model::used(state).is_none() {
        check(ui, Verdict::Missing, "No model is chosen", Some(Link::To("Choose", Screen::Model)), actions);
    }
    if project.counts.train == 0 {
        check(ui, Verdict::Missing, "No training examples", Some(Link::To("Import", Screen::Data)), actions);
    }
    if let Some(failure) = &state.train.preview_failure {
        check(ui, Verdict::Missing, failure, None, actions);
    }
    reviewed(ui, &project.counts, actions);
    before::findings(ui, state, actions);
    if let Some(preview) = &state.train.preview {
        if let Some(words) = settings::over_limit(state.settings.memory_limit, &preview.memory) {
            check(ui, Verdict::Missing, &words, Some(Link::To("Settings", Screen::Settings)), actions);
        }
        before::preview(ui, preview, actions);
        check_memory(ui, preview, actions);
    }
    let held_out = project.counts.validation;
    if project.counts.train > 0 && held_out == 0 {
        check(
            ui,
            Verdict::Look,
            "Nothing is held out: no one can tell learning from learning by heart",
            Some(Link::To("Show", Screen::Data)),
            actions,
        );
    } else if held_out > 0 {
        let words = format!("{} held out for validation", format::count(held_out, "example is", "examples are"));
        check(ui, Verdict::Fine, &words, None, actions);
    }
}

/// What the review of the examples means for the run.
fn reviewed(ui: &mut Ui, counts: &SplitCounts, actions: &mut Actions) {
    if let Some(words) = counts.left_out() {
        check(ui, Verdict::Fine, &format!("{words}: left out"), None, actions);
    }
    if counts.flagged > 0 {
        let words = format!(
            "{} trained all the same",
            format::count(counts.flagged, "flagged example is", "flagged examples are")
        );
        check(ui, Verdict::Look, &words, None, actions);
    }
}

/// What is wrong with the memory.
fn check_memory(ui: &mut Ui, preview: &RunPreview, actions: &mut Actions) {
    match preview.memory.total() <= preview.memory.available {
        true => check(ui, Verdict::Fine, "The memory is enough", None, actions),
        false => {
            let words = format!("It needs {}: a smaller batch or rank takes less", memory_words(&preview.memory));
            check(ui, Verdict::Look, &words, None, actions);
        }
    }
}

/// With a capital letter.
pub(in crate::app::screens::train) fn sentence(note: &str) -> String {
    let mut chars = note.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
