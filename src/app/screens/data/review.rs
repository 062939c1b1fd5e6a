//! Review at keyboard speed: what the reviewer says of the open example, its label, tags and notes.

use egui::{Align, Key, Layout, Popup, PopupCloseBehavior, Ui};

use super::action::{DataAction, DialogAction, ExampleAction, TableAction};
use super::draft::Draft;
use super::state::DataState;
use super::{AnyAction, Drafts, editor};
use crate::app::Action;
use crate::app::kit::{
    self, Badge, Button, Combo, Text, TextInput, Theme, format, icon, row, segmented_small, tooltip,
};
use crate::app::state::Status;
use crate::data::date;
use crate::project::Review;

/// Labels that have a number key.
const NUMBER_KEYS: [Key; 9] =
    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];

/// A key and what it does.
type Letter = (Key, fn(&DataState) -> DataAction);

/// A line of the sheet of all keys, and what its letters do.
struct Line {
    shown: &'static str,
    words: &'static str,
    letters: &'static [Letter],
}

impl Line {
    const fn letters(shown: &'static str, words: &'static str, letters: &'static [Letter]) -> Self {
        Self { shown, words, letters }
    }

    /// A key that the table, or the code below, takes by itself.
    const fn other(shown: &'static str, words: &'static str) -> Self {
        Self { shown, words, letters: &[] }
    }
}

const fn review(review: Review) -> DataAction {
    DataAction::Example(ExampleAction::Review(review))
}

const LINES: &[Line] = &[
    Line::other("↑ ↓", "Previous or next example"),
    Line::letters(
        "J and K",
        "The same under the fingers: next, previous",
        &[
            (Key::J, |_| DataAction::Table(TableAction::Step(1))),
            (Key::K, |_| DataAction::Table(TableAction::Step(-1))),
        ],
    ),
    Line::letters("A", "Accept and go on", &[(Key::A, |_| review(Review::Accepted))]),
    Line::letters("R", "Reject: not trained on", &[(Key::R, |_| review(Review::Rejected))]),
    Line::letters("F", "Flag: look again, trained", &[(Key::F, |_| review(Review::Flagged))]),
    Line::letters("U", "Take the review back", &[(Key::U, |_| review(Review::Unreviewed))]),
    Line::other("1 to 9", "Label from the label set"),
    Line::other("E or Enter", "Edit the answer"),
    Line::letters("H", "Previous versions", &[(Key::H, |_| DataAction::Dialog(DialogAction::History))]),
    Line::letters(
        "L",
        "Lay out JSON and Markdown",
        &[(Key::L, |data| DataAction::Example(ExampleAction::LayOut(!data.lays_out)))],
    ),
    Line::other("Del", "Set aside, or take back into its split"),
    Line::other("Shift ↑ ↓", "Mark several in a row"),
    Line::other("Ctrl A", "Mark all that are shown"),
];

/// The keys of the table, as the sheet of all keys lists them.
pub const KEYS: [(&str, &str); LINES.len()] = {
    let mut keys = [("", ""); LINES.len()];
    let mut at = 0;
    while at < LINES.len() {
        keys[at] = (LINES[at].shown, LINES[at].words);
        at += 1;
    }
    keys
};

/// Letters are commands while the table has the keyboard.
pub(super) fn keys(ui: &Ui, data: &DataState, actions: &mut Vec<AnyAction>) {
    let labels = data.labels();
    ui.input(|input| {
        let mut push = |action: DataAction| actions.push(action.into());
        for (key, act) in LINES.iter().flat_map(|line| line.letters) {
            if kit::keys::is_plain(input, *key) {
                push(act(data));
            }
        }
        for (key, label) in NUMBER_KEYS.into_iter().zip(&labels) {
            if kit::keys::is_plain(input, key) {
                push(DataAction::Example(ExampleAction::Label((*label).to_owned())));
            }
        }
    });
    if let (true, Some(draft)) = (ui.input(|input| kit::keys::is_plain(input, Key::E)), &data.open) {
        editor::edit_answer(ui, draft, actions);
    }
}

/// What a review means for training, where it means something, with the way back.
pub(super) fn told(review: Review, number: u64) -> Option<Status> {
    let number = format::thousands(number);
    let words = match review {
        Review::Rejected => format!("Example {number} is rejected: left out of training, evaluation and export"),
        Review::Flagged => format!("Example {number} is flagged to be looked at again, and trained all the same"),
        Review::Accepted | Review::Unreviewed => return None,
    };
    Some(Status { is_of_edit: true, ..Status::from(words).act("Undo", Action::Undo) })
}

const REVIEWS: [(Review, &str); 4] =
    [(Review::Unreviewed, "–"), (Review::Accepted, "Accept"), (Review::Rejected, "Reject"), (Review::Flagged, "Flag")];

/// The line below split and status.
pub(super) fn show(ui: &mut Ui, data: &DataState, draft: &Draft, drafts: &mut Drafts, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let annotations = &draft.stored.annotations;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme.pad.between_controls;
        if let Some(review) = segmented_small(ui, "Review of this example", &REVIEWS, annotations.review) {
            actions.push(ExampleAction::Review(review).into());
        }
        let reviews = data.facets.reviews;
        let (done, all) = (reviews[1..].iter().sum::<u64>(), reviews.iter().sum::<u64>());
        let progress = format!("{} of {} reviewed", format::thousands(done), format::thousands(all));
        let (words, means) = match annotations.review {
            Review::Rejected => {
                ("Left out of training", "Also of evaluation, checks and export, until it is taken back")
            }
            Review::Flagged => ("Look again; still trained", "A flag is for you: only Reject takes an example out"),
            Review::Accepted | Review::Unreviewed => (progress.as_str(), ""),
        };
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            notes(ui, draft, drafts, actions);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                tooltip::on_hover(ui.add(Text::small(words).faint().one_line()), words, means);
            });
        });
    });
    label_line(ui, data, draft, actions);
    facts(ui, draft);
    if !annotations.tags.is_empty() {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = theme.space.xs;
            for tag in &annotations.tags {
                ui.add(Badge::neutral(tag.as_str()));
            }
        });
    }
}

/// Where answers come from a fixed list.
fn label_line(ui: &mut Ui, data: &DataState, draft: &Draft, actions: &mut Vec<AnyAction>) {
    let mut labels = data.labels();
    let current = draft.stored.annotations.label.as_deref();
    if labels.is_empty() {
        return;
    }
    // What is not among them stands at the end.
    labels.extend(current.filter(|current| !labels.contains(current)));
    let numbered = |(i, label): (usize, &&str)| if i < 9 { format!("{}  {label}", i + 1) } else { (*label).to_owned() };
    let words: Vec<String> = labels.iter().enumerate().map(numbered).collect();
    let options: Vec<(usize, &str)> = words.iter().map(String::as_str).enumerate().collect();
    let at = current.and_then(|current| labels.iter().position(|label| *label == current)).unwrap_or(usize::MAX);
    named(ui, "Label", |ui| {
        if let Some(chosen) =
            Combo::new("Label of this example", &options, at).none("None").width(ui.available_width()).show(ui)
            && let Some(label) = labels.get(chosen)
        {
            actions.push(ExampleAction::Label((*label).to_owned()).into());
        }
    });
    second_label(ui, draft, actions);
}

/// Date, id and group in one line: the answer, which is what one looks at, needs the room.
fn facts(ui: &mut Ui, draft: &Draft) {
    let annotations = &draft.stored.annotations;
    let date = annotations.date.map(date::words);
    let facts = [("Date", date.as_ref()), ("Id", annotations.row_id.as_ref()), ("Group", annotations.group.as_ref())];
    if facts.iter().all(|(_, text)| text.is_none()) {
        return;
    }
    let theme = Theme::of(ui);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme.space.s;
        for (name, text) in facts {
            let Some(text) = text else { continue };
            ui.add(Text::small(name).faint());
            ui.add(Text::small(text).one_line());
            ui.add_space(theme.space.s);
        }
    });
}

/// A value behind its name; the values stand below each other.
fn named(ui: &mut Ui, name: &str, value: impl FnOnce(&mut Ui)) {
    let theme = Theme::of(ui);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        let left = ui.cursor().left();
        ui.add(Text::body(name).soft());
        row::to_column(ui, left + theme.size.settings_name_width / 3.0);
        value(ui);
    });
}

/// Where the second reviewer says something else.
fn second_label(ui: &mut Ui, draft: &Draft, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let annotations = &draft.stored.annotations;
    let Some(second) = annotations.second_label.as_ref().filter(|second| annotations.label.as_ref() != Some(*second))
    else {
        return;
    };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme.space.s;
        icon::USER.show_sized(ui, theme.size.icon_small, theme.status.warning);
        ui.add(Text::small("The second reviewer says"));
        ui.add(Text::small(second).normal().one_line());
        if ui.add(Button::link("Take it").small()).clicked() {
            actions.push(ExampleAction::Label(second.clone()).into());
        }
    });
}

/// Tags and notes, behind one button.
fn notes(ui: &mut Ui, draft: &Draft, drafts: &mut Drafts, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let annotations = &draft.stored.annotations;
    let has_notes = !annotations.notes.is_empty();
    let mark = if has_notes { icon::NOTE_PENCIL.filled() } else { icon::NOTE_PENCIL };
    let button = ui.add(Button::icon_only(mark, "Tags and notes"));
    let popup = Popup::menu(&button).close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let id = draft.stored.id;
    let shown = popup.width(theme.size.side_panel_min).show(|ui| {
        ui.spacing_mut().item_spacing.y = theme.space.s;
        for tag in &annotations.tags {
            ui.horizontal(|ui| {
                ui.add(Badge::neutral(tag.as_str()));
                if ui.add(Button::icon_only(icon::X, format!("Remove the tag {tag}")).small()).clicked() {
                    actions.push(ExampleAction::RemoveTag(tag.clone()).into());
                }
            });
        }
        let field = TextInput::new("New tag", &mut drafts.tag).hint("New tag").show(ui);
        if field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) && !drafts.tag.trim().is_empty() {
            actions.push(ExampleAction::AddTag(drafts.tag.trim().to_owned()).into());
            drafts.tag.clear();
        }
        if drafts.notes.as_ref().is_none_or(|(of, _)| *of != id) {
            drafts.notes = Some((id, annotations.notes.clone()));
        }
        if let Some((_, notes)) = &mut drafts.notes {
            TextInput::new("Notes", notes).hint("Notes for yourself and other reviewers").rows(4).show(ui);
        }
    });
    // Saved when the list closes: by then the field is gone and can't tell that it lost the keyboard.
    if shown.is_none()
        && let Some((of, notes)) = drafts.notes.take()
        && of == id
        && notes != annotations.notes
    {
        actions.push(ExampleAction::Notes(notes).into());
    }
}
