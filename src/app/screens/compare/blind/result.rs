//! What a session came to: the verdict first, then the figures, then each prompt with which was which.

use egui::{Align, Layout, Ui, Vec2};

use super::super::state::CompareAction;
use super::super::{AnyAction, AppState, Button, Text, Theme, format, icon};
use super::state::{BlindAction, better_answer, lock_of};
use super::{Drafts, foot};
use crate::app::kit::table::{Column, Row, Table, unmarked};
use crate::app::kit::{Badge, Card, TextInput, diff_view, marked_text, rule, scrolling};
use crate::data::Role;
use crate::evaluate::rating::{Choice, Item, Summary, Verdict, Which};
use crate::workbench::rating::KeptSession;

/// How the two are called in the window.
const NAMES: [&str; 2] = ["Before", "After"];

pub(super) fn show(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let Some(kept) = state.compare.blind.opened() else { return };
    scrolling(ui, "blind result", |ui| {
        ui.spacing_mut().item_spacing.y = theme.pad.between_cards;
        if let Some(change) = &kept.change {
            marked_text(ui, icon::WARNING.filled(), theme.status.warning, Text::body(change).soft());
        }
        verdict(ui, kept);
        if let Some(at) = state.compare.blind.correcting {
            correction(ui, state, kept, at, drafts, actions);
        }
        prompts(ui, state, kept, actions);
    });
}

fn verdict(ui: &mut Ui, kept: &KeptSession) {
    let theme = Theme::of(ui);
    let summary = Summary::of(&kept.rated);
    let (mark, color) = match (summary.is_decided, summary.tally.second > summary.tally.first) {
        (true, true) => (icon::CHECK_CIRCLE.filled(), theme.status.ok),
        (true, false) => (icon::X_CIRCLE.filled(), theme.status.error),
        (false, _) => (icon::EQUALS, theme.text.soft),
    };
    Card::new().large().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme.space.s;
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme.space.m;
            mark.show(ui, color);
            ui.add(Text::title(summary.title(NAMES)));
            ui.add(Text::body(summary.rate_in_words().unwrap_or_default()).soft());
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.add(Text::small(foot::about(kept)).one_line());
            });
        });
        foot::preferences(ui, &summary.tally, Vec2::new(ui.available_width(), theme.space.s));
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            for (words, color) in foot::counts(theme, &summary.tally) {
                ui.add(Text::body(words).color(color));
            }
            if summary.tally.skipped > 0 {
                ui.add(Text::body(format!(", skipped {}", format::thousands(summary.tally.skipped))).soft());
            }
            let open = summary.num_prompts - summary.tally.rated() - summary.tally.skipped;
            if open > 0 {
                ui.add(Text::body(format!(", not rated {}", format::thousands(open))).soft());
            }
        });
        rule(ui);
        ui.add(Text::body(summary.test_in_words()).soft().wrapped());
        ui.add(Text::body(summary.hint()).soft().wrapped());
        ui.add(Text::body(summary.positions.in_words()).soft().wrapped());
        if kept.rated.session.num_same > 0 {
            let same = format::count(kept.rated.session.num_same, "prompt was", "prompts were");
            ui.add(Text::body(format!("{same} left out: both answers are the same")).soft().wrapped());
        }
        if summary.by_rater.len() > 1 {
            rule(ui);
            for of in &summary.by_rater {
                let rate = of.tally.win_rate().map_or_else(String::new, |rate| {
                    format!("after preferred in {:.0} % of {}", 100.0 * rate, format::thousands(of.tally.decided()))
                });
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = theme.space.m;
                    ui.add(Text::strong(&of.rater));
                    ui.add(Text::body(rate).soft());
                    ui.add(Text::small(of.positions.in_words()).one_line());
                });
            }
            for agreement in &summary.agreements {
                ui.add(Text::body(agreement.in_words()).soft().wrapped());
            }
        } else if let [of] = &summary.by_rater[..] {
            ui.add(Text::body(format!("Rated by {}", of.rater)).soft());
        }
    });
}

/// The better answer to a prompt, to be corrected and added to the training part.
fn correction(
    ui: &mut Ui,
    state: &AppState,
    kept: &KeptSession,
    at: usize,
    drafts: &mut Drafts,
    actions: &mut Vec<AnyAction>,
) {
    let theme = Theme::of(ui);
    let Some(item) = kept.rated.session.items.get(at) else { return };
    Card::new().large().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme.space.s;
        ui.add(Text::strong("Add to training data"));
        ui.add(Text::body(question(item)).wrapped());
        for which in Which::BOTH {
            let text = diff_view::blocks(item.answer(which));
            ui.add(Text::caption(NAMES[which as usize]));
            diff_view::show(ui, NAMES[which as usize], &text, None, None);
        }
        ui.add(Text::caption("The answer to learn"));
        TextInput::new("The answer to learn", &mut drafts.correction).rows(3).show(ui);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme.pad.between_controls;
            let problem = match state.compare.blind.is_adding() {
                true => Some("It is being added"),
                false => drafts.correction.trim().is_empty().then_some("Write what would be right"),
            };
            if ui.add(Button::primary("Add").name("Add this answer").disabled_by(problem)).clicked() {
                actions.push(CompareAction::Blind(BlindAction::Add(drafts.correction.clone())).into());
            }
            if ui.add(Button::secondary("Cancel")).clicked() {
                actions.push(CompareAction::Blind(BlindAction::Correct(None)).into());
            }
            ui.add(Text::small("A held-out example moves to the training part with this answer").one_line());
        });
    });
}

/// What the last turn of the prompt asks.
fn question(item: &Item) -> &str {
    let user = item.prompt.iter().rev().find(|message| message.role == Role::User);
    user.or(item.prompt.last()).map_or("", |message| message.content.as_str())
}

fn prompts(ui: &mut Ui, state: &AppState, kept: &KeptSession, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let columns = [
        Column::text("Prompt", "000").right(),
        Column::share("Asked", 1.0),
        Column::text("A was", "Before"),
        Column::text("B was", "Before"),
        Column::text("Chosen", "Both are bad"),
        Column::share("Note", 0.4),
        Column::text("", "Add to training data"),
    ];
    let items = &kept.rated.session.items;
    let rows = items.len() as f32 * theme.size.row_height + theme.size.table_header_height;
    Card::new().flush().show(ui, |ui| {
        let height = rows.min((ui.ctx().content_rect().height() / 2.0).max(theme.size.screen_least_height / 2.0));
        ui.allocate_ui(Vec2::new(ui.available_width(), height), |ui| {
            let table = Table {
                name: "Rated prompts",
                columns: &columns,
                num_rows: items.len() as u64,
                selected: None,
                scroll_to: None,
                edge: theme.pad.card,
                is_list: false,
                sorted: None,
                marked: &unmarked,
            };
            table.show(ui, |row| match items.get(row.index as usize) {
                Some(item) => paint(row, state, kept, item, actions),
                None => String::new(),
            });
        });
    });
}

fn paint(row: &mut Row<'_>, state: &AppState, kept: &KeptSession, item: &Item, actions: &mut Vec<AnyAction>) -> String {
    let (theme, at) = (row.theme(), row.index as usize);
    let number = format::thousands(at + 1);
    let asked = question(item).replace('\n', " ");
    row.text(0, Align::Max, &number, theme.body(), theme.text.soft);
    row.text(1, Align::Min, &asked, theme.body(), theme.text.normal);
    for (column, which) in [(2, item.left), (3, item.left.other())] {
        row.widget(column, |ui| ui.add(badge(which)));
    }
    let ratings: Vec<_> = kept.rated.ratings.iter().filter(|rating| rating.item == at).collect();
    let chosen = match (&ratings[..], kept.rated.together(at)) {
        ([], _) => "–",
        ([only], _) => words(only.choice),
        (_, Some(Verdict::Better(which))) if which == item.left => "A is better",
        (_, Some(Verdict::Better(_))) => "B is better",
        (_, Some(Verdict::BothBad)) => "Both are bad",
        (_, Some(Verdict::Tie)) => "Tie",
        (_, None) => "Skipped",
    };
    row.text(4, Align::Min, chosen, theme.body(), theme.text.normal);
    let notes: Vec<_> = ratings.iter().map(|rating| rating.note.as_str()).filter(|note| !note.is_empty()).collect();
    row.text(5, Align::Min, &notes.join("; "), theme.body(), theme.text.soft);
    if state.compare.blind.added.contains(&at) {
        row.text(6, Align::Min, "Added", theme.body(), theme.text.soft);
    } else {
        let clicked = row.widget(6, |ui| {
            let add = Button::link("Add to training data").name(format!("Add prompt {number} to training data"));
            ui.add(add.disabled_by(lock_of(item))).clicked()
        });
        if let (Some(true), Some(text)) = (clicked, better_answer(kept, at)) {
            actions.push(CompareAction::Blind(BlindAction::Correct(Some((at, text)))).into());
        }
    }
    let [left, right] = [item.left, item.left.other()].map(|which| NAMES[which as usize].to_lowercase());
    format!("Prompt {number}, A was {left}, B was {right}, {chosen}: {asked}")
}

fn badge(which: Which) -> Badge {
    match which {
        Which::First => Badge::before(NAMES[0]),
        Which::Second => Badge::after(NAMES[1]),
    }
}

fn words(choice: Choice) -> &'static str {
    match choice {
        Choice::Left => "A is better",
        Choice::Right => "B is better",
        Choice::Tie => "Tie",
        Choice::BothBad => "Both are bad",
        Choice::Skip => "Skipped",
    }
}
