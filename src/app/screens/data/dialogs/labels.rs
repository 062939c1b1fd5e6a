//! The labels that answers may have: as the person says, or as they are found in the data.

use std::collections::HashSet;

use egui::{Context, ScrollArea, Ui, Vec2};

use super::DataDialog;
use crate::app::Action as AnyAction;
use crate::app::Screen;
use crate::app::effect::{Effect, Setting};
use crate::app::kit::{Button, Dialog, DialogEnd, Text, TextInput, Theme, dialog, format, icon, line};
use crate::app::screens::data::action::DialogAction;
use crate::app::screens::data::state::DataState;
use crate::app::start::Start;

/// Lines of the field, and of the list beside it.
const NUM_LINES: usize = 15;

/// What a person did in the dialog.
#[derive(Debug, Clone, PartialEq)]
pub enum LabelsAction {
    Open,
    /// The field's text, a label a line.
    Type(String),
    Save,
}

impl DataState {
    pub(in crate::app::screens::data) fn edit_labels(
        &mut self,
        action: LabelsAction,
        jobs: &mut dyn Start,
    ) -> Vec<Effect> {
        match action {
            LabelsAction::Open => {
                let text = self.label_set.join("\n");
                self.open_dialog(DataDialog::Labels(text), jobs);
                return vec![Effect::Show(Screen::Data)];
            }
            LabelsAction::Type(text) => self.dialog = Some(DataDialog::Labels(text)),
            LabelsAction::Save => {
                if let Some(DataDialog::Labels(text)) = self.dialog.take() {
                    self.label_set = labels_in(&text);
                    return vec![Effect::Keep(Setting::Labels(self.label_set.clone()))];
                }
            }
        }
        Vec::new()
    }

    /// The labels to choose from, in an order that stays whatever is filtered or relabelled: the person's, then the
    /// others as they first came.
    pub fn labels(&self) -> Vec<&str> {
        let set: HashSet<&str> = self.label_set.iter().map(String::as_str).collect();
        let found = self.facets.whole.labels.iter().map(|(label, _)| label.as_str());
        self.label_set.iter().map(String::as_str).chain(found.filter(|label| !set.contains(label))).collect()
    }

    /// Whatever is filtered, the most frequent first.
    fn found_labels(&self) -> Vec<(&str, u64)> {
        let all = self.facets.whole.labels.iter().map(|(label, count)| (label.as_str(), *count));
        let mut found: Vec<_> = all.filter(|(_, count)| *count > 0).collect();
        found.sort_by_key(|(label, count)| (std::cmp::Reverse(*count), *label));
        found
    }
}

/// One a line; each once.
fn labels_in(text: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    let labels = text.lines().map(str::trim).filter(|label| !label.is_empty());
    labels.filter(|label| seen.insert(*label)).map(str::to_owned).collect()
}

pub(super) fn show(ctx: &Context, text: &str, data: &DataState, actions: &mut Vec<AnyAction>) {
    let labels = labels_in(text);
    let words = match labels.len() {
        0 => "Go by what is found".to_owned(),
        num => format!("Use {}", format::count(num as u64, "label", "labels")),
    };
    let reason = (labels == data.label_set).then_some("Nothing was changed");
    let found = data.found_labels();
    let (end, new) = Dialog::new("labels", "Labels").icon(icon::LIST_BULLETS).primary(&words, reason).show(
        ctx,
        |ui| dialog::body(ui, |ui| body(ui, text, &labels, &found)),
        |ui| {
            ui.add(Text::small(remark(&labels, &found)).soft().one_line());
        },
    );
    let mut push = |action: LabelsAction| actions.push(DialogAction::Labels(action).into());
    match (end, new) {
        (DialogEnd::Confirmed, _) => push(LabelsAction::Save),
        (DialogEnd::Cancelled, _) => actions.push(DialogAction::Close.into()),
        (DialogEnd::StillOpen, Some(text)) => push(LabelsAction::Type(text)),
        (DialogEnd::StillOpen, None) => {}
    }
}

fn remark(labels: &[String], found: &[(&str, u64)]) -> String {
    if labels.is_empty() {
        return format!("{} found in the answers", format::count(found.len() as u64, "label", "labels"));
    }
    let known: HashSet<&str> = labels.iter().map(String::as_str).collect();
    let used: HashSet<&str> = found.iter().map(|(label, _)| *label).collect();
    let strange = found.iter().filter(|(label, _)| !known.contains(label)).count() as u64;
    let unused = labels.iter().filter(|label| !used.contains(label.as_str())).count() as u64;
    match (strange, unused) {
        (0, 0) => "Every label has examples, and no other is found".to_owned(),
        (0, unused) => format!("{} without examples", format::count(unused, "label", "labels")),
        (strange, 0) => format!("{} not among them", format::count(strange, "found label is", "found labels are")),
        (strange, unused) => format!(
            "{} not among them, {} without examples",
            format::count(strange, "found label is", "found labels are"),
            format::thousands(unused)
        ),
    }
}

/// Gives the text if it changed.
fn body(ui: &mut Ui, text: &str, labels: &[String], found: &[(&str, u64)]) -> Option<String> {
    let theme = Theme::of(ui);
    let about = "The checks find answers with another label, and the number keys give the first nine. Other \
                 labels that are found come after them.";
    ui.add(Text::body(about).soft().wrapped());
    ui.add_space(theme.space.xs);
    let mut new = text.to_owned();
    ui.spacing_mut().item_spacing.x = theme.space.l;
    ui.columns(2, |columns| {
        let [left, right] = columns else { return };
        left.spacing_mut().item_spacing = Vec2::splat(theme.space.xs);
        right.spacing_mut().item_spacing = Vec2::splat(theme.space.xs);
        line(left, theme.size.control_height_small, |ui| drop(ui.add(Text::strong("Labels, one a line"))));
        let height = theme.size.row_height * 9.0;
        ScrollArea::vertical().id_salt("label set").max_height(height).show(left, |ui| {
            // For the ring around the field.
            ui.add_space(theme.space.xxs);
            TextInput::new("Labels", &mut new).rows(NUM_LINES).hint("Type or paste them").show(ui);
        });
        heading(right, labels, found, &mut new);
        ScrollArea::vertical().id_salt("found labels").max_height(height).auto_shrink(false).show(right, |ui| {
            list(ui, labels, found, &mut new);
        });
    });
    (new != text).then_some(new)
}

fn heading(ui: &mut Ui, labels: &[String], found: &[(&str, u64)], text: &mut String) {
    line(ui, Theme::of(ui).size.control_height_small, |ui| {
        ui.add(Text::strong("Found in the answers"));
        let is_missing = found.iter().any(|(label, _)| !labels.iter().any(|known| known == label));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let all = Button::link("Take all").small().enabled_or(is_missing, "All of them are taken");
            if ui.add(all).clicked() {
                let mut all: Vec<&str> = found.iter().map(|(label, _)| *label).collect();
                all.sort_unstable();
                let known = labels_in(text);
                all.retain(|label| !known.iter().any(|known| known == label));
                *text = known.iter().map(String::as_str).chain(all).collect::<Vec<_>>().join("\n");
            }
        });
    });
}

fn list(ui: &mut Ui, labels: &[String], found: &[(&str, u64)], text: &mut String) {
    let theme = Theme::of(ui);
    if found.is_empty() {
        ui.add(Text::small("The answers are free text: no labels are found").wrapped());
    }
    let known: HashSet<&str> = labels.iter().map(String::as_str).collect();
    for (label, count) in found {
        ui.horizontal(|ui| {
            ui.set_min_height(theme.size.control_height_small);
            ui.spacing_mut().item_spacing.x = theme.space.s;
            let is_known = known.contains(label);
            let (mark, color) = match is_known {
                true => (icon::CHECK, theme.status.ok),
                false => (icon::CIRCLE_DASHED, theme.text.faint),
            };
            mark.show_sized(ui, theme.size.icon_small, color);
            ui.add(Text::body(*label).one_line());
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let take = Button::icon_only(icon::PLUS, format!("Take {label}")).small();
                if !is_known && ui.add(take).clicked() {
                    *text = [text.trim_end(), label].join("\n").trim_start().to_owned();
                }
                ui.add(Text::small(format::thousands(*count)).faint());
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_lines_and_stand_once() {
        assert_eq!(labels_in(" card_arrival\r\n\nlost card \ncard_arrival\n"), ["card_arrival", "lost card"]);
    }

    #[test]
    fn the_remark_says_what_does_not_fit() {
        let found = [("a", 3), ("b", 1)];
        let check = |labels: &[&str], expected: &str| {
            let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
            assert_eq!(remark(&labels, &found), expected);
        };
        check(&[], "2 labels found in the answers");
        check(&["a", "b"], "Every label has examples, and no other is found");
        check(&["a", "c"], "1 found label is not among them, 1 without examples");
        check(&["a", "b", "c", "d"], "2 labels without examples");
    }
}
