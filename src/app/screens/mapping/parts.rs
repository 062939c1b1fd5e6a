//! The lower part: how rows become turns, one row as an example, and what is left out.

use egui::{Align, Layout, ScrollArea, Ui};

use super::state::{ImportDialog, MappingAction, Purpose, Stage};
use super::{AnyAction, AppState, Theme, turns};
use crate::app::kit::{Button, Text, checkbox, fact, format, icon, line, one_line, progress, rule, segmented};
use crate::app::parts::role_block;
use crate::app::screens::data::shares;
use crate::data::Role;
use crate::data::import::{ColumnRole, ImportPreview, ImportRequest, OnKnown, Rejected};
use crate::data::mapping::Beside;
use crate::data::shape::Shape;
use crate::data::told;
use crate::project::KnownRows;

pub(super) fn reading(ui: &mut Ui, state: &AppState, dialog: &ImportDialog) {
    let theme = Theme::of(ui);
    let job = if let Stage::Reading(job) = dialog.stage { state.jobs.get(job) } else { None };
    let share = job.and_then(|job| job.progress.as_ref()).and_then(|progress| progress.share());
    ui.add_space(theme.space.xxl);
    ui.vertical_centered(|ui| {
        ui.add(Text::body("Reading the file").soft());
        ui.add_space(theme.space.s);
        progress(ui, "Reading the file", share, theme.size.side_panel_min);
    });
}

pub(super) fn settings(ui: &mut Ui, dialog: &ImportDialog, preview: &ImportPreview, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.y = theme.space.xs + theme.space.xxs;
    if dialog.purpose == Purpose::Reviewer {
        reviewer(ui);
        too_long(ui, dialog, preview, actions);
        return notes(ui, preview);
    }
    if preview.shape == Shape::Columns {
        turns::system(ui, dialog, actions);
        turns::user(ui, dialog, actions);
        turns::answer(ui, dialog, preview, actions);
    } else {
        recognised(ui, preview, actions);
        ui.add_space(theme.space.xs);
        turns::system(ui, dialog, actions);
    }
    ui.add_space(theme.space.xs);
    split(ui, dialog, preview, actions);
    known(ui, dialog, actions);
    too_long(ui, dialog, preview, actions);
    notes(ui, preview);
}

fn notes(ui: &mut Ui, preview: &ImportPreview) {
    let theme = Theme::of(ui);
    for note in &preview.notes {
        ui.horizontal(|ui| {
            icon::INFO.show_sized(ui, theme.size.icon_small, theme.text.faint);
            ui.add(Text::small(told::note(note)).wrapped());
        });
    }
}

/// What becomes of a second reviewer's rows.
fn reviewer(ui: &mut Ui) {
    ui.add(Text::strong("Labels of a second reviewer"));
    let text = "Each row finds the example that asks the same; upper and lower case, spaces and system messages don't \
                count. Its answer is kept beside the label that is here, and changes nothing of the example.";
    ui.add(Text::body(text).soft().wrapped());
}

/// Where the rows go that don't say it themselves.
fn split(ui: &mut Ui, dialog: &ImportDialog, preview: &ImportPreview, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let origins = &dialog.request.origins;
    let is_chosen = !origins.is_empty() && origins.iter().all(|origin| origin.split.is_some());
    let has_names = origins.is_empty() && preview.num_named != [0; 3];
    let is_by_name = has_names && dialog.is_by_name();
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme.pad.between_controls;
        ui.add(Text::body("Split").soft());
        if is_chosen {
            ui.add(Text::body("As chosen for each split of the data set"));
        }
        if has_names {
            let options = [(true, "As the files are called"), (false, "By lot")];
            if let Some(on) = segmented(ui, "Which part the rows go to", &options, is_by_name) {
                actions.push(MappingAction::ByName(on).into());
            }
        } else if !is_chosen && let Some(spec) = shares(ui, &dialog.request.split) {
            actions.push(MappingAction::Split(spec).into());
        }
    });
    if dialog.mapping().is_some_and(|mapping| mapping.has(ColumnRole::Group)) {
        let is_on = dialog.request.keep_groups;
        if let Some(on) = checkbox(ui, "Keep groups together", is_on) {
            actions.push(MappingAction::KeepGroups(on).into());
        }
    }
    if is_by_name {
        ui.add(Text::small(by_name(preview)).wrapped());
    } else if has_names {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme.pad.between_controls;
            if let Some(spec) = shares(ui, &dialog.request.split) {
                actions.push(MappingAction::Split(spec).into());
            }
        });
    }
}

/// `900 rows go to training, 100 to test, 20 by lot`
fn by_name(preview: &ImportPreview) -> String {
    let [train, validation, test] = preview.num_named;
    let by_lot = preview.num_accepted - preview.num_saying_split - train - validation - test;
    let parts = [
        (train, "to training"),
        (validation, "to validation"),
        (test, "to test"),
        (preview.num_saying_split, "where they say themselves"),
        (by_lot, "by lot"),
    ];
    let mut words: Vec<_> = parts
        .iter()
        .filter(|(num, _)| *num > 0)
        .map(|(num, place)| format!("{} {place}", format::thousands(*num)))
        .collect();
    if let Some(first) = words.first_mut() {
        *first = first.replacen(' ', if first.starts_with("1 ") { " row goes " } else { " rows go " }, 1);
    }
    words.join(", ")
}

/// Rows that the project has already, and what becomes of them.
fn known(ui: &mut Ui, dialog: &ImportDialog, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let Some(KnownRows { same, other, .. }) = dialog.known.filter(|known| known.same + known.other > 0) else { return };
    let accepted = dialog.preview.as_ref().map_or(0, |preview| preview.num_accepted);
    ui.add_space(theme.space.xs);
    let words = match (same, other) {
        (0, other) => format!("{} here with another answer", format::count(other, "prompt is", "prompts are")),
        (same, 0) => format!("{} of {} are here already", format::thousands(same), format::thousands(accepted)),
        (same, other) => format!(
            "{} of {} are here already, {} with another answer",
            format::thousands(same),
            format::thousands(accepted),
            format::thousands(other)
        ),
    };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme.space.s;
        icon::COPY.show_sized(ui, theme.size.icon_small, theme.accent.text);
        ui.add(Text::body(words));
    });
    let mut options = vec![(OnKnown::Skip, "Leave out"), (OnKnown::Add, "Bring in once more")];
    if other > 0 {
        options.insert(1, (OnKnown::Update, "Update"));
    }
    let current = dialog.request.on_known;
    if let Some(on_known) = segmented(ui, "What is here already", &options, current) {
        actions.push(MappingAction::OnKnown(on_known).into());
    }
    let about = match current {
        OnKnown::Skip if other > 0 => "The same rows stay as they are; those with another answer come in as new ones",
        OnKnown::Skip => "They stay as they are; only a split and a date that the file says are taken over",
        OnKnown::Update => "The file's answer takes the place of the one that is here; undo brings it back",
        OnKnown::Add => "They come in as copies",
    };
    ui.add(Text::small(about).wrapped());
}

/// Rows that were refused for their size can be let in.
fn too_long(ui: &mut Ui, dialog: &ImportDialog, preview: &ImportPreview, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let num = preview.num_too_long();
    let limit = dialog.request.max_row_bytes;
    let raised = (4 * limit).min(ImportRequest::MOST_ROW_BYTES);
    if num == 0 || raised <= limit {
        return;
    }
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme.space.s;
        icon::WARNING.filled().show_sized(ui, theme.size.icon_small, theme.status.warning);
        let rows = format::count(num, "row is", "rows are");
        ui.add(Text::small(format!("{rows} longer than {} MB", limit >> 20)));
        if ui.add(Button::link(format!("Allow rows up to {} MB", raised >> 20)).small()).clicked() {
            actions.push(MappingAction::MaxRowBytes(raised).into());
        }
    });
}

fn recognised(ui: &mut Ui, preview: &ImportPreview, actions: &mut Vec<AnyAction>) {
    let (name, how) = match preview.shape {
        Shape::OpenAiMessages => ("OpenAI messages", "Turns are taken as they are, with their roles and weights"),
        Shape::ShareGpt => ("ShareGPT conversations", "“human” is the user, “gpt” is the answer"),
        Shape::Alpaca => ("Alpaca instructions", "Instruction and input are the question, output is the answer"),
        Shape::PromptCompletion => ("Prompts and completions", "The prompt is the question, the completion the answer"),
        Shape::Pairs => ("Questions and answers", "In turn, the user asks and is answered"),
        Shape::Gemini => ("Gemini contents", "“user” is the user, “model” is the answer"),
        Shape::QueryResponse => ("Queries and responses", "The query is the question, the response the answer"),
        Shape::Preference => ("Preference pairs", "The chosen answer is learned, the rejected one is kept"),
        Shape::Rendered => ("Written out conversations", "Turns are taken apart by the marks around them"),
        Shape::Columns => ("Columns", ""),
    };
    let theme = Theme::of(ui);
    line(ui, theme.size.control_height, |ui| {
        ui.add(Text::strong(name));
        ui.add(Text::small("recognised by itself"));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.add(Button::link("Other file…")).clicked() {
                actions.push(AnyAction::ChooseImport);
            }
        });
    });
    ui.add(Text::body(how).soft().wrapped());
}

pub(super) fn example(ui: &mut Ui, dialog: &ImportDialog, preview: &ImportPreview, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let num = preview.examples.len();
    let shown = dialog.shown_example.min(num.saturating_sub(1));
    ui.horizontal(|ui| {
        let words = match dialog.purpose {
            Purpose::Examples => format!("Row {} as an example", shown + 1),
            Purpose::Reviewer => format!("Row {}", shown + 1),
        };
        ui.add(Text::strong(words));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = theme.space.xs;
            let next = Button::icon_only(icon::CARET_RIGHT, "Next row");
            let last = format!("Only the first {} rows are shown here", format::thousands(num));
            if ui.add(next.enabled_or(shown + 1 < num, last)).clicked() {
                actions.push(MappingAction::ShowExample(shown + 1).into());
            }
            let previous = Button::icon_only(icon::CARET_LEFT, "Previous row");
            if ui.add(previous.enabled_or(shown > 0, "This is the first row")).clicked() {
                actions.push(MappingAction::ShowExample(shown - 1).into());
            }
        });
    });
    ui.add_space(theme.space.s);
    ScrollArea::vertical().id_salt("example").auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme.space.m;
        match preview.examples.get(shown) {
            Some(Ok(example)) => {
                for message in &example.messages {
                    role_block(
                        ui,
                        message.role,
                        |_| {},
                        |ui| {
                            let is_json =
                                message.role == Role::Assistant && message.content.trim_start().starts_with('{');
                            let text = match (is_json, message.content.is_empty()) {
                                (_, true) => Text::body("Empty").faint(),
                                (true, _) => Text::mono(&message.content),
                                (false, _) if message.role == Role::System => Text::body(&message.content).soft(),
                                (false, _) => Text::body(&message.content),
                            };
                            ui.add(text.wrapped());
                        },
                    );
                }
                if let Some(beside) = preview.beside.get(shown) {
                    beside_the_turns(ui, beside);
                }
            }
            Some(Err(rejected)) => left_out(ui, rejected),
            None => drop(ui.add(Text::body("The file has no rows").soft())),
        }
    });
}

/// What the row says that no turn is made of.
fn beside_the_turns(ui: &mut Ui, beside: &Beside) {
    let Beside { label, group, id, note } = beside;
    let label = label.as_deref().filter(|label| !label.is_empty());
    let note = Some(note.as_str()).filter(|note| !note.is_empty());
    for (name, text) in [("Label", label), ("Group", group.as_deref()), ("Id", id.as_deref()), ("Note", note)] {
        if let Some(text) = text {
            fact(ui, name, text);
        }
    }
}

fn left_out(ui: &mut Ui, rejected: &Rejected) {
    let theme = Theme::of(ui);
    ui.horizontal(|ui| {
        icon::WARNING.filled().show(ui, theme.status.warning);
        ui.add(Text::body("This row is left out").color(theme.status.warning));
    });
    ui.add(Text::body(why(rejected)).wrapped());
    ui.add(Text::mono(&rejected.source).faint().wrapped());
}

fn why(rejected: &Rejected) -> String {
    let told = rejected.to_string();
    let mut letters = told.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

pub(super) fn rejected(ui: &mut Ui, dialog: &ImportDialog, preview: &ImportPreview, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.horizontal(|ui| {
        ui.add(Text::strong(format!("{} left out", format::count(preview.num_rejected, "row", "rows"))));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let save = Button::secondary("Save left-out rows…").small().icon(icon::FLOPPY_DISK);
            if ui.add(save).clicked() {
                actions.push(MappingAction::PickRejectedFile.into());
            }
        });
    });
    if let Some(path) = &dialog.saved_to {
        ui.add(Text::small(format!("Saved to {}", path.display())).color(theme.status.ok).wrapped());
    }
    ui.add_space(theme.space.s);
    ScrollArea::vertical().id_salt("left out").auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme.space.xs;
        for rejected in &preview.rejected {
            ui.add(Text::body(why(rejected)).wrapped());
            ui.add(Text::mono(rejected.source.trim()).faint().one_line());
            rule(ui);
        }
        let more = preview.num_rejected.saturating_sub(preview.rejected.len() as u64);
        if more > 0 {
            ui.add(Text::small(format!("and {} more; the saved file has them all", format::thousands(more))));
        }
    });
}

/// The reasons that fit, each complete; if none does, how many rows are left out.
fn fitting(reasons: &[String], num_rejected: u64, fits: impl Fn(&str) -> bool) -> String {
    for num in (1..=reasons.len()).rev() {
        let (shown, more) = reasons.split_at(num);
        let mut words = format!("Left out: {}", shown.join("; "));
        if !more.is_empty() {
            words += &format!(", and {}", format::count(more.len() as u64, "more reason", "more reasons"));
        }
        if fits(&words) {
            return words;
        }
    }
    format!("{} left out", format::count(num_rejected, "row is", "rows are"))
}

/// How many come in, and how many don't and why.
pub(super) fn outcome(ui: &mut Ui, dialog: &ImportDialog, preview: &ImportPreview, _actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.x = theme.space.s;
    if let Some(open) = dialog.open_choice() {
        icon::WARNING.filled().show(ui, theme.status.warning);
        ui.add(Text::body(open).soft());
        return;
    }
    if preview.num_accepted > 0 {
        icon::CHECK_CIRCLE.filled().show(ui, theme.status.ok);
        ui.add(Text::strong(format::thousands(preview.num_accepted)));
        let (one, many) = match dialog.purpose {
            Purpose::Examples => ("example", "examples"),
            Purpose::Reviewer => ("label", "labels"),
        };
        ui.add(Text::body(if preview.num_accepted == 1 { one } else { many }).soft());
        if let Some(known) = dialog.known.filter(|known| known.same > 0) {
            let are = if known.same == 1 { "is" } else { "are" };
            ui.add(Text::body(format!("{} {are} here already", format::thousands(known.same))).soft());
        }
        ui.add_space(theme.space.s);
    } else if let Some(problem) = dialog.problem() {
        icon::WARNING.filled().show(ui, theme.status.warning);
        ui.add(Text::body(problem).soft());
        return;
    }
    if preview.num_rejected > 0 {
        icon::WARNING.filled().show(ui, theme.status.warning);
        let room = ui.available_width();
        let reasons: Vec<String> = preview.reasons.iter().map(|(why, num)| told::reason(why, *num)).collect();
        let words = fitting(&reasons, preview.num_rejected, |words| {
            let font = theme.body();
            ui.painter().layout_no_wrap(words.to_owned(), font, theme.text.soft).size().x <= room
        });
        let galley = one_line(ui, &words, theme.body(), theme.text.soft, room.max(0.0));
        let (rect, response) = ui.allocate_exact_size(galley.size(), egui::Sense::hover());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &words));
        if galley.elided {
            response.on_hover_text(&words);
        }
        ui.painter().galley(rect.min, galley, theme.text.soft);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_shown_whole_or_counted() {
        let reasons = ["2 rows have no Antwort", "1 row is not JSON: the closing } is missing"].map(str::to_owned);
        let at_most = |len: usize| fitting(&reasons, 3, |words| words.len() <= len);
        assert_eq!(at_most(80), "Left out: 2 rows have no Antwort; 1 row is not JSON: the closing } is missing");
        assert_eq!(at_most(60), "Left out: 2 rows have no Antwort, and 1 more reason");
        assert_eq!(at_most(10), "3 rows are left out");
    }
}
