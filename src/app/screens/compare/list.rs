//! The held-out examples at the left.

use egui::{Frame, Key, Margin, Ui};

use super::fields;
use super::pair::{Outdated, Pair};
use super::state::{CompareAction, CompareState};
use super::{AnyAction, AppState, Drafts};
use crate::app::kit::row::place;
use crate::app::kit::table::{Column, Row, Table, unmarked};
use crate::app::kit::{Button, Icon, Text, TextInput, Theme, format, icon};
use crate::app::screens::data;
use crate::data::Split;
use crate::data::import::SplitSpec;
use crate::project::ExampleRow;

pub(super) fn show(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.y = 0.0;
    let margin = Margin::symmetric(theme.space.m as i8, theme.space.s as i8);
    Frame::new().inner_margin(margin).show(ui, |ui| {
        let field = TextInput::new("Search held-out prompts", &mut drafts.search).icon(icon::MAGNIFYING_GLASS);
        let response = field.hint("Search held-out prompts").key("/").id(place("search")).show(ui);
        // Esc empties the field, and leaves an empty one.
        let is_escaped = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Escape));
        if is_escaped && !drafts.search.is_empty() {
            drafts.search.clear();
            response.request_focus();
            actions.push(CompareAction::Search(String::new()).into());
        } else if response.changed() {
            actions.push(CompareAction::Search(drafts.search.clone()).into());
        }
    });
    let edge = ui.cursor().top() - theme.width.line / 2.0;
    ui.painter().hline(ui.max_rect().x_range(), edge, theme.line(theme.stroke.normal));
    let compare = &state.compare;
    match compare.held_out.num_matching() {
        Some(0) if !compare.held_out.is_stale() => nothing(ui, compare, actions),
        len => rows(ui, compare, len.unwrap_or(0), actions),
    }
}

fn nothing(ui: &mut Ui, compare: &CompareState, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    Frame::new().inner_margin(Margin::same(theme.space.m as i8)).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme.space.s;
        if !compare.search.trim().is_empty() {
            ui.add(Text::body("No held-out example has these words").soft().wrapped());
            return;
        }
        ui.add(Text::body("Nothing is held out. Validation and test examples stand here").soft().wrapped());
        if ui.add(Button::secondary("Split…").small()).clicked() {
            actions.push(AnyAction::Go(crate::app::Screen::Data));
            actions.push(data::DialogAction::Split(SplitSpec::default()).into());
        }
    });
}

fn rows(ui: &mut Ui, compare: &CompareState, len: u64, actions: &mut Vec<AnyAction>) {
    let columns = [Column::share("Prompt", 1.0)];
    let table = Table {
        name: "Held-out examples",
        columns: &columns,
        num_rows: len,
        selected: compare.selected.filter(|_| !compare.is_own),
        scroll_to: compare.scroll_to,
        edge: Theme::of(ui).space.l,
        is_list: true,
        sorted: None,
        marked: &unmarked,
    };
    let done = table.show(ui, |row| match compare.held_out.get(row.index) {
        Some(example) => paint_row(row, compare, example),
        None => {
            row.placeholder(0);
            format!("Row {}, on its way", row.index + 1)
        }
    });
    if compare.scroll_to.is_some() {
        actions.push(CompareAction::Scrolled.into());
    }
    if compare.held_out.needs(&done.visible) {
        actions.push(CompareAction::Visible(done.visible).into());
    }
    if let Some(row) = done.select {
        actions.push(CompareAction::Select(row).into());
    }
    if done.open {
        actions.push(CompareAction::Answer.into());
    }
}

fn paint_row(row: &mut Row<'_>, compare: &CompareState, example: &ExampleRow) -> String {
    let theme = row.theme();
    let split = if example.split == Split::Test { "test" } else { "validation" };
    let pair = compare.pair_of(example.id);
    let none = (icon::MINUS, egui::Color32::TRANSPARENT);
    let (mark, words) = match (compare.place_of(example.id), pair.and_then(judge)) {
        (Some(place), _) => ((icon::QUEUE, theme.text.faint), format!("queued {}", format::thousands(place as u64))),
        (None, Some(verdict)) => {
            let (mark, words) = verdict.look(theme);
            let is_old = pair.and_then(|pair| compare.outdated(pair)) == Some(Outdated::Weights);
            (mark, if is_old { format!("{words}, older weights") } else { words.to_owned() })
        }
        (None, None) => (none, split.to_owned()),
    };
    let below = format!("{}, {words}", format::thousands(example.number));
    row.two_lines(0, Some(mark), &example.prompt, &below);
    format!("Example {}, {words}: {}", example.number, example.prompt)
}

/// How the tuned answer does beside the base model's.
enum Verdict {
    Better,
    Same,
    Worse,
}

impl Verdict {
    fn look(self, theme: &Theme) -> ((Icon, egui::Color32), &'static str) {
        match self {
            Self::Better => ((icon::ARROW_UP, theme.status.ok), "got better"),
            Self::Same => ((icon::EQUALS, theme.text.faint), "same"),
            Self::Worse => ((icon::ARROW_DOWN, theme.status.error), "got worse"),
        }
    }
}

fn judge(pair: &Pair) -> Option<Verdict> {
    let expected = pair.kept.expected.as_deref()?;
    let score = |answer: &str| match fields::check(expected, answer) {
        Some(fields) => fields::num_right(&fields),
        None => usize::from(fields::is_right(expected, answer)),
    };
    let (before, after) = (score(&pair.kept.before.text), score(&pair.kept.after.text));
    Some(match after.cmp(&before) {
        std::cmp::Ordering::Greater => Verdict::Better,
        std::cmp::Ordering::Equal => Verdict::Same,
        std::cmp::Ordering::Less => Verdict::Worse,
    })
}
