//! Deals all examples anew into training, validation and test.

use egui::{Context, Ui};

use crate::app::Action as AnyAction;
use crate::app::kit::{
    Combo, Dialog, DialogEnd, NumberField, Text, Theme, WRONG_NUMBER, dialog, format, has_wrong_number, icon,
    marked_text,
};
use crate::app::screens::data::action::DialogAction;
use crate::data::date;
use crate::data::import::SplitSpec;
use crate::data::split::{GroupBy, SplitBy};
use crate::project::SplitPreview;

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

/// What is asked for, and what would come of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitPlan {
    pub spec: SplitSpec,
    /// `None` while it is being counted.
    pub preview: Option<SplitPreview>,
}

const WAYS: [(SplitBy, &str); 9] = [
    (SplitBy::Lot, "By lot"),
    (SplitBy::Label, "By lot, each label in its share"),
    (SplitBy::Group(GroupBy::NearDuplicates), "Near-duplicates together"),
    (SplitBy::Group(GroupBy::Source), "Each file together"),
    (SplitBy::Group(GroupBy::Label), "Each label together"),
    (SplitBy::Group(GroupBy::Tags), "The same tags together"),
    (SplitBy::Group(GroupBy::Named), "The file's groups together"),
    (SplitBy::Newest, "By time, the newest held out"),
    (SplitBy::File, "As the file says"),
];

/// What it is good for, in a sentence.
fn explanation(by: SplitBy) -> &'static str {
    match by {
        SplitBy::Lot => "Chance decides, prompt by prompt: right where the examples don't depend on each other.",
        SplitBy::Label => {
            "Every part gets its share of each label, so that rare ones are trained on and measured, too."
        }
        SplitBy::Group(GroupBy::NearDuplicates) => {
            "Prompts that differ only in a few words stay in one part, so that nothing held out was nearly trained on."
        }
        SplitBy::Group(GroupBy::Source) => {
            "A file is never in two parts: it shows how the model does with a source that it has not seen."
        }
        SplitBy::Group(GroupBy::Label) => {
            "A label is never in two parts: it shows how the model does with a kind of question that it has not seen."
        }
        SplitBy::Group(GroupBy::Tags) => {
            "Examples with the same tags stay in one part: tag them by customer or by thread to keep these together."
        }
        SplitBy::Group(GroupBy::Named) => {
            "Examples of one group, such as a customer or a thread, stay in one part: the import took the groups from a \
             column."
        }
        SplitBy::Newest => {
            "The newest are held out, by their dates or else by the order of import: right where the model will meet \
             what comes later."
        }
        SplitBy::File => "Each example goes where the imported file put it; those it says nothing about, by lot.",
    }
}

pub(super) fn show(ctx: &Context, plan: &SplitPlan, actions: &mut Vec<AnyAction>) {
    let spec = &plan.spec;
    let counts = plan.preview.as_ref().map(|preview| preview.counts);
    let words = match counts {
        Some(counts) => format!("Split {}", format::count(counts.iter().sum::<u64>(), "example", "examples")),
        None => "Split".to_owned(),
    };
    let reason = match counts {
        _ if has_wrong_number(ctx) => Some(WRONG_NUMBER),
        None => Some("Still counting what would come of it"),
        Some([0, ..]) => Some("Nothing would be left to train on"),
        Some(_) => None,
    };
    let (end, changed) = Dialog::new("split", "Split the examples").primary(&words, reason).show(
        ctx,
        |ui| dialog::body(ui, |ui| fields(ui, plan)),
        |ui| {
            let text = match counts.map(|counts| counts.map(format::thousands)) {
                Some([train, validation, test]) => format!("{train} train, {validation} validation, {test} test"),
                None => "Counting".to_owned(),
            };
            ui.add(Text::body(text).soft());
        },
    );
    match end {
        DialogEnd::Confirmed => actions.push(DialogAction::DealAnew(spec.clone()).into()),
        DialogEnd::Cancelled => actions.push(DialogAction::Close.into()),
        DialogEnd::StillOpen => {
            if let Some(spec) = changed {
                actions.push(DialogAction::Split(spec).into());
            }
        }
    }
}

fn fields(ui: &mut Ui, plan: &SplitPlan) -> Option<SplitSpec> {
    let theme = Theme::of(ui);
    let spec = &plan.spec;
    let text = "Every example gets its part anew. The same prompt is never in two parts, and the model never sees what \
                is held out.";
    ui.add(Text::body(text).soft().wrapped());
    ui.add_space(theme.space.s);
    let mut changed = None;
    let width = ui.available_width();
    if let Some(by) = Combo::new("Split by", &WAYS, spec.by).width(width).show(ui) {
        changed = Some(SplitSpec { by, ..spec.clone() });
    }
    ui.add(Text::body(explanation(spec.by)).wrapped());
    ui.add_space(theme.space.s);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme.pad.between_controls;
        changed = shares(ui, spec).or(changed.take());
        if spec.by == SplitBy::Newest {
            return;
        }
        ui.add_space(theme.space.m);
        let field = NumberField::new("Seed", spec.seed as f64).integer().unit("seed");
        if let Some(seed) = field.width(theme.size.settings_name_width / 1.5).show(ui) {
            changed = Some(SplitSpec { seed: seed.max(0.0) as u64, ..spec.clone() });
        }
    });
    if let Some(preview) = &plan.preview {
        outcome(ui, preview);
    }
    changed
}

/// What the split goes by, and what it does to earlier scores.
fn outcome(ui: &mut Ui, preview: &SplitPreview) {
    let theme = Theme::of(ui);
    let warning = |ui: &mut Ui, words: String| {
        let color = theme.status.warning;
        marked_text(ui, icon::WARNING.filled(), color, Text::body(words).color(color));
    };
    match known(preview) {
        Some(words) if preview.num_known == 0 && preview.spec.by != SplitBy::Newest => warning(ui, words),
        Some(words) => drop(ui.add(Text::body(words).soft().wrapped())),
        None => {}
    }
    let num = preview.num_into_training;
    if num > 0 {
        let (are, them) = if num == 1 { ("is", "it") } else { ("are", "them") };
        let count = format::count(num, "example", "examples");
        warning(
            ui,
            format!(
                "{count} that {are} held out now would be trained on: a score that was measured on {them} before can't be \
             compared any more."
            ),
        );
    }
}

/// How much of it there is.
fn known(preview: &SplitPreview) -> Option<String> {
    let total: u64 = preview.counts.iter().sum();
    let with = |what: &str, kinds: (&str, &str)| {
        let kinds = format::count(preview.num_kinds, kinds.0, kinds.1);
        match total - preview.num_known {
            0 => format!("All examples have {what}: {kinds}"),
            n => format!("{kinds}; {} without {what}", format::count(n, "example", "examples")),
        }
    };
    Some(match (preview.spec.by, preview.num_known) {
        (SplitBy::Lot, _) => return None,
        (SplitBy::Newest, 0) => "No example has a date: the last in the order of import are held out".to_owned(),
        (SplitBy::Newest, n) => by_time(preview, n, total),
        (SplitBy::Group(GroupBy::NearDuplicates), 0) => {
            "The last checks found no near-duplicates, so that chance alone decides".to_owned()
        }
        (SplitBy::Group(GroupBy::NearDuplicates), n) => {
            let groups = format::count(preview.num_kinds, "group", "groups");
            format!("{} in {groups} of near-duplicates", format::count(n, "example", "examples"))
        }
        (SplitBy::Label | SplitBy::Group(GroupBy::Label), 0) => {
            "No example has a label, so that chance alone decides".to_owned()
        }
        (SplitBy::Label | SplitBy::Group(GroupBy::Label), _) => with("a label", ("label", "labels")),
        (SplitBy::Group(GroupBy::Tags), 0) => "No example has a tag, so that chance alone decides".to_owned(),
        (SplitBy::Group(GroupBy::Tags), _) => with("a tag", ("set of tags", "sets of tags")),
        (SplitBy::Group(GroupBy::Named), 0) => "No example has a group, so that chance alone decides".to_owned(),
        (SplitBy::Group(GroupBy::Named), _) => with("a group", ("group", "groups")),
        (SplitBy::Group(GroupBy::Source), _) => with("a file", ("file", "files")),
        (SplitBy::File, 0) => "The file names no parts, so that chance alone decides".to_owned(),
        (SplitBy::File, n) => {
            format!(
                "The file names the part of {} of {}",
                format::thousands(n),
                format::count(total, "example", "examples")
            )
        }
    })
}

/// Where the line between old and new lies, and what becomes of examples of which nobody knows.
fn by_time(preview: &SplitPreview, num_dated: u64, total: u64) -> String {
    let dated = match total - num_dated {
        0 => "All examples have a date".to_owned(),
        _ => format!("{} of {} have a date", format::thousands(num_dated), format::count(total, "example", "examples")),
    };
    let since = preview.held_out_since.map(|since| format!(", held out is what is from {} on", date::words(since)));
    let others = match total - num_dated {
        0 => String::new(),
        1 => ". The one without counts as the oldest".to_owned(),
        n => format!(". The {} without count as the oldest", format::thousands(n)),
    };
    format!("{dated}{}{others}", since.unwrap_or_default())
}
