//! The bar above the table while several examples are marked: what can be done to all of them.

use egui::{Popup, Ui};

use super::action::{DialogAction, MarkAction};
use super::state::DataState;
use super::{AnyAction, Drafts};
use crate::app::kit::{Button, Text, TextInput, Theme, format, icon, layout, menu_item};
use crate::data::Split;
use crate::project::{ExampleStatus, Replacement, Review};

/// What can be done to all that are marked.
#[derive(Debug, Clone, PartialEq)]
pub enum Bulk {
    Split(Split),
    Status(ExampleStatus),
    Review(Review),
    AddTag(String),
    Delete,
}

pub(super) fn show(ui: &mut Ui, data: &DataState, drafts: &mut Drafts, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let (least, control) = (theme.size.filter_bar_height, theme.size.control_height);
    let ground = ui.painter().add(egui::Shape::Noop);
    let (strip, rect, mut bar) = layout::Strip::begin(ui, "marked", least, control);
    ui.painter().set(ground, egui::epaint::RectShape::filled(rect, 0.0, theme.surface.selected));
    bar.spacing_mut().item_spacing.x = theme.space.xs;
    bar.add(Text::strong(format!("{} marked", format::thousands(data.marks.len() as u64))));
    bar.add_space(theme.space.s);
    let mut act = |bulk: Bulk| actions.push(MarkAction::Bulk(bulk).into());
    menu(&mut bar, "Split", &SPLITS, &mut act);
    menu(&mut bar, "Review", &REVIEWS, &mut act);
    menu(&mut bar, "Status", &STATUSES, &mut act);
    tag(&mut bar, drafts, &mut act);
    if bar.add(Button::secondary("Replace…").small().hint("Find and replace", "In the marked examples")).clicked() {
        actions.push(DialogAction::Replace(Replacement::default()).into());
    }
    if bar.add(Button::danger("Delete").small().icon(icon::TRASH)).clicked() {
        actions.push(MarkAction::Bulk(Bulk::Delete).into());
    }
    bar.add_space(theme.space.s);
    let all = Button::link("Mark all").small().hint("Mark all", "Every example that the filters show (Ctrl A)");
    if bar.add(all).clicked() {
        actions.push(MarkAction::MarkAll.into());
    }
    bar.add_space(theme.space.s);
    if bar.add(Button::icon_only(icon::X, "Unmark all")).clicked() {
        actions.push(MarkAction::Unmark.into());
    }
    strip.end(&bar, least, control);
}

const SPLITS: [(&str, Bulk); 3] = [
    ("Train", Bulk::Split(Split::Train)),
    ("Validation", Bulk::Split(Split::Validation)),
    ("Test", Bulk::Split(Split::Test)),
];
const REVIEWS: [(&str, Bulk); 4] = [
    ("Accepted", Bulk::Review(Review::Accepted)),
    ("Rejected", Bulk::Review(Review::Rejected)),
    ("Flagged", Bulk::Review(Review::Flagged)),
    ("Unreviewed", Bulk::Review(Review::Unreviewed)),
];
const STATUSES: [(&str, Bulk); 2] =
    [("Set aside", Bulk::Status(ExampleStatus::SetAside)), ("Take back", Bulk::Status(ExampleStatus::Ready))];

fn menu(ui: &mut Ui, words: &str, entries: &[(&str, Bulk)], act: &mut impl FnMut(Bulk)) {
    let button = ui.add(Button::secondary(words).small().caret());
    Popup::menu(&button).width(Theme::of(ui).size.settings_name_width).show(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for (words, bulk) in entries {
            if menu_item(ui, words, false).clicked() {
                act(bulk.clone());
            }
        }
    });
}

fn tag(ui: &mut Ui, drafts: &mut Drafts, act: &mut impl FnMut(Bulk)) {
    let theme = Theme::of(ui);
    let button = ui.add(Button::secondary("Tag").small().caret());
    let popup = Popup::menu(&button).close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
    popup.width(theme.size.settings_name_width).show(|ui| {
        ui.spacing_mut().item_spacing.y = theme.space.s;
        let field = TextInput::new("Tag for the marked examples", &mut drafts.tag).hint("refund").show(ui);
        let is_entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        let tag = drafts.tag.trim().to_owned();
        let add = Button::secondary("Add tag").small().enabled_or(!tag.is_empty(), "Type a tag first");
        if (ui.add(add).clicked() || is_entered) && !tag.is_empty() {
            drafts.tag.clear();
            act(Bulk::AddTag(tag));
            ui.close();
        }
    });
}
