//! Deals all examples anew into training, validation and test.

use egui::Context;

use super::AnyAction;
use super::action::DataAction;
use crate::app::kit::{Dialog, DialogEnd, NumberField, Text, Theme, dialog, format};
use crate::data::import::SplitSpec;
use crate::project::SplitCounts;

/// Percent fields for the parts that are held out, and what is left for training; tells a changed spec.
pub fn shares(ui: &mut egui::Ui, spec: &SplitSpec) -> Option<SplitSpec> {
    let theme = Theme::of(ui);
    let mut changed = spec.clone();
    let width = theme.size.side_panel_min / 4.0;
    let percent = |share: f64| (share * 1000.0).round() / 10.0;
    // Train is what the other two leave: changing it moves validation.
    let train = percent(1.0 - spec.validation - spec.test);
    if let Some(value) = NumberField::new("Train share", train).unit("% train").width(width + theme.space.s).show(ui) {
        changed.validation = (1.0 - value / 100.0 - spec.test).clamp(0.0, 1.0 - spec.test);
    }
    let validation = percent(spec.validation);
    if let Some(value) = NumberField::new("Validation share", validation).unit("% val").width(width).show(ui) {
        changed.validation = (value / 100.0).clamp(0.0, 1.0 - spec.test);
    }
    let test = percent(spec.test);
    if let Some(value) = NumberField::new("Test share", test).unit("% test").width(width).show(ui) {
        changed.test = (value / 100.0).clamp(0.0, 1.0 - spec.validation);
    }
    (changed != *spec).then_some(changed)
}

pub(super) fn show(ctx: &Context, spec: &SplitSpec, counts: &SplitCounts, actions: &mut Vec<AnyAction>) {
    let total = counts.total();
    let part = |share: f64| (total as f64 * share).round() as u64;
    let (validation, test) = (part(spec.validation), part(spec.test));
    let train = total.saturating_sub(validation + test);
    let words = format!("Split {}", format::count(total, "example", "examples"));
    let reason = (train == 0).then_some("Nothing would be left to train on");
    let (end, changed) = Dialog::new("split", "Split the examples").primary(&words, reason).show(
        ctx,
        |ui| dialog::body(ui, |ui| fields(ui, spec)),
        |ui| {
            let about = |n: u64| format::thousands(n);
            let text = format!("about {} train, {} validation, {} test", about(train), about(validation), about(test));
            ui.add(Text::body(text).soft());
        },
    );
    match end {
        DialogEnd::Confirmed => actions.push(DataAction::DealAnew(spec.clone()).into()),
        DialogEnd::Cancelled => actions.push(DataAction::SplitDialog(None).into()),
        DialogEnd::StillOpen => {
            if let Some(spec) = changed {
                actions.push(DataAction::SplitDialog(Some(spec)).into());
            }
        }
    }
}

fn fields(ui: &mut egui::Ui, spec: &SplitSpec) -> Option<SplitSpec> {
    let theme = Theme::of(ui);
    let text = "Every example gets its part anew, by lot. The same prompt is never in two parts, and the model never \
                sees what is held out.";
    ui.add(Text::body(text).soft().wrapped());
    ui.add_space(theme.space.s);
    let mut changed = None;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme.pad.between_controls;
        changed = shares(ui, spec);
        ui.add_space(theme.space.m);
        let field = NumberField::new("Seed", spec.seed as f64).integer().unit("seed");
        if let Some(seed) = field.width(theme.size.settings_name_width / 1.5).show(ui) {
            changed = Some(SplitSpec { seed: seed.max(0.0) as u64, ..spec.clone() });
        }
    });
    changed
}
