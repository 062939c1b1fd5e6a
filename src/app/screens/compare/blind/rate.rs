//! A prompt with its two answers, and the keys that say which is better. No side has a colour here.

use egui::{Align, Layout, Rect, ScrollArea, Sense, StrokeKind, Ui, UiBuilder, Vec2};

use super::super::state::CompareAction;
use super::super::{AnyAction, AppState, Button, Text, Theme, icon};
use super::state::{BlindAction, place_of};
use super::{Drafts, foot};
use crate::app::kit::row::place;
use crate::app::kit::{Card, KeyCap, TextInput, diff_view, line, progress};
use crate::app::parts::role_heading;
use crate::data::{Message, Role};
use crate::evaluate::rating::{Choice, Item, Summary};
use crate::workbench::rating::KeptSession;

pub(super) fn show(
    ui: &mut Ui,
    state: &AppState,
    kept: &KeptSession,
    drafts: &mut Drafts,
    actions: &mut Vec<AnyAction>,
) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing = Vec2::new(theme.pad.between_controls, 0.0);
    let room = ui.available_rect_before_wrap();
    let content = room.shrink2(Vec2::new(theme.pad.screen_x, 0.0));
    let rater = state.settings.rater();
    let at = state.compare.blind.next(&rater);

    // From below: the last session, the choices, the expected answer; the answers have the rest.
    let mut bottom = room.bottom();
    if state.compare.blind.last().is_some() {
        let (_, last) = content.split_top_bottom_at_y(bottom - theme.size.filter_bar_height);
        ui.painter().hline(content.x_range(), last.top(), theme.line(theme.stroke.normal));
        foot::last(ui, last, state);
        bottom = last.top();
    }
    let acts_height = theme.size.control_height_large + 2.0 * theme.space.l;
    let (_, acts) = content.with_max_y(bottom).split_top_bottom_at_y(bottom - acts_height);
    choices(ui, acts, state, &rater, at, drafts, actions);
    bottom = acts.top();

    let upper = content.with_max_y(bottom);
    ui.scope_builder(UiBuilder::new().max_rect(upper), |ui| {
        // With the ring around a field at the lower edge.
        ui.set_clip_rect(ui.clip_rect().intersect(room.with_max_y(bottom + theme.space.xs)));
        ui.add_space(theme.space.l);
        head(ui, kept, &rater, at);
        ui.add_space(theme.space.m);
        if let Some(change) = &kept.change {
            ui.add(Text::small(change).color(theme.status.warning).wrapped());
            ui.add_space(theme.space.s);
        }
        let Some(item) = at.and_then(|at| kept.rated.session.items.get(at)) else { return all_rated(ui, actions) };
        prompt(ui, item);
        let top = ui.cursor().top() + theme.pad.between_cards;
        let mut bottom = upper.bottom();
        if state.compare.blind.has_note {
            bottom -= theme.size.control_height;
            let field = Rect::from_min_size(egui::pos2(upper.left(), bottom), Vec2::new(upper.width(), 0.0));
            note(ui, field.with_max_y(upper.bottom()), state, drafts, actions);
            bottom -= theme.pad.between_cards;
        }
        if let Some(expected) = &item.expected {
            let shown = state.compare.blind.shows_expected;
            let height = expected_height(theme, upper.height(), shown);
            let rect = Rect::from_x_y_ranges(upper.x_range(), bottom - height..=bottom);
            expected_card(ui, rect, expected, shown, actions);
            bottom = rect.top() - theme.pad.between_cards;
        }
        answers(ui, Rect::from_x_y_ranges(upper.x_range(), top..=bottom.max(top)), item);
    });
}

fn head(ui: &mut Ui, kept: &KeptSession, rater: &str, at: Option<usize>) {
    let theme = Theme::of(ui);
    let num = kept.rated.session.items.len();
    let done = kept.rated.of_rater(rater).count();
    line(ui, theme.type_scale.line_body, |ui| {
        ui.spacing_mut().item_spacing.x = theme.space.l;
        let words = at.map_or_else(|| "All rated".to_owned(), |at| format!("Prompt {}", place_of(kept, at)));
        ui.add(Text::strong(words));
        let summary = Summary::of(&kept.rated);
        let told = match summary.is_decided {
            true => "Decided: more ratings only narrow the interval",
            false => "Which is which is drawn anew for every prompt and shown at the end",
        };
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let words = Text::small(told).faint();
            // The bar has at least half of the line.
            let is_long = words.width(ui) > ui.available_width() / 2.0;
            if !is_long {
                ui.add(words);
            }
            let width = ui.available_width();
            progress(ui, "Rated prompts", Some(done as f32 / num.max(1) as f32), width);
        });
    });
}

fn prompt(ui: &mut Ui, item: &Item) {
    let theme = Theme::of(ui);
    Card::new().large().slim().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme.space.xs;
        let (system, turns): (Vec<&Message>, Vec<&Message>) = item.prompt.iter().partition(|m| m.role == Role::System);
        let scroll = ScrollArea::vertical().id_salt(("prompt", item.example)).auto_shrink([false, true]);
        scroll.max_height(theme.type_scale.line_body * 5.0).show(ui, |ui| {
            for (at, message) in turns.iter().enumerate() {
                line(ui, theme.type_scale.line_body, |ui| {
                    ui.spacing_mut().item_spacing.x = theme.space.s;
                    role_heading(ui, message.role);
                    if let (0, Some(system)) = (at, system.first()) {
                        ui.add(Text::small("after a system message").faint()).on_hover_text(&system.content);
                    }
                });
                ui.add(Text::body(&message.content).wrapped());
            }
        });
    });
}

fn answers(ui: &mut Ui, rect: Rect, item: &Item) {
    let theme = Theme::of(ui);
    let half = ((rect.width() - theme.pad.between_cards) / 2.0).floor();
    let left = Rect::from_min_size(rect.min, Vec2::new(half, rect.height()));
    let right = Rect::from_min_max(egui::pos2(rect.right() - half, rect.top()), rect.max);
    answer(ui, left, "A", item.left(), item.example);
    answer(ui, right, "B", item.right(), item.example);
}

/// In exactly `rect`.
fn answer(ui: &mut Ui, rect: Rect, letter: &str, text: &str, example: Option<i64>) {
    let theme = Theme::of(ui);
    card(ui, rect);
    let (head, rest) = rect.split_top_bottom_at_y(rect.top() + theme.size.filter_bar_height);
    ui.painter().hline(rect.x_range(), head.bottom(), theme.line(theme.stroke.normal));
    let pad = theme.pad.card_large + theme.width.line;
    let layout = Layout::left_to_right(Align::Center);
    ui.scope_builder(UiBuilder::new().max_rect(head.shrink2(Vec2::new(pad, 0.0))).layout(layout), |ui| {
        ui.add(Text::title(letter));
    });
    let inner = Rect::from_min_max(rest.min + Vec2::new(pad, pad), rest.max - Vec2::new(pad, theme.space.xs));
    ui.scope_builder(UiBuilder::new().max_rect(inner), |ui| {
        ui.set_clip_rect(ui.clip_rect().intersect(rest));
        ScrollArea::vertical().id_salt((letter, example)).auto_shrink(false).show(ui, |ui| {
            ui.set_max_width(ui.available_width() - theme.space.m);
            match text.trim() {
                "" => drop(ui.add(Text::body("An empty answer").faint())),
                text => diff_view::show(ui, &format!("Answer {letter}"), &diff_view::blocks(text), None, None),
            }
        });
    });
}

fn card(ui: &Ui, rect: Rect) {
    let theme = Theme::of(ui);
    let radius = theme.rounding(theme.radius.card);
    ui.painter().rect(rect, radius, theme.surface.card, theme.line(theme.stroke.normal), StrokeKind::Inside);
}

/// The height of the card with the expected answer; never more than a third.
fn expected_height(theme: &Theme, room: f32, shown: bool) -> f32 {
    match shown {
        false => theme.size.filter_bar_height,
        true => (theme.size.filter_bar_height + 7.0 * theme.type_scale.line_body).min(room / 3.0),
    }
}

fn expected_card(ui: &mut Ui, rect: Rect, expected: &str, shown: bool, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    card(ui, rect);
    let (head, rest) = rect.split_top_bottom_at_y(rect.top() + theme.size.filter_bar_height);
    let pad = theme.pad.card_large + theme.width.line;
    let layout = Layout::left_to_right(Align::Center);
    ui.scope_builder(UiBuilder::new().max_rect(head.shrink2(Vec2::new(pad, 0.0))).layout(layout), |ui| {
        ui.spacing_mut().item_spacing.x = theme.space.m;
        let caret = if shown { icon::CARET_DOWN } else { icon::CARET_RIGHT };
        caret.show(ui, theme.text.soft);
        ui.add(Text::strong("Expected answer"));
        if !shown {
            ui.add(Text::body("hidden, so that it does not sway you").soft());
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = theme.space.s;
            let cap = KeyCap::new(ui, "E");
            let (rect, _) = ui.allocate_exact_size(Vec2::new(cap.width(), theme.size.badge_height), Sense::hover());
            cap.paint(ui, rect.left_center(), theme.text.faint, theme.stroke.strong);
            let words = if shown { "Hide" } else { "Show" };
            if ui.add(Button::link(words).name(format!("{words} the expected answer"))).clicked() {
                actions.push(CompareAction::Blind(BlindAction::ShowExpected(!shown)).into());
            }
        });
    });
    if !shown {
        return;
    }
    let inner = Rect::from_min_max(rest.min + Vec2::new(pad, 0.0), rest.max - Vec2::new(pad, theme.space.s));
    ui.scope_builder(UiBuilder::new().max_rect(inner), |ui| {
        ui.set_clip_rect(ui.clip_rect().intersect(rest));
        ScrollArea::vertical().id_salt("expected").auto_shrink(false).show(ui, |ui| {
            ui.set_max_width(ui.available_width() - theme.space.m);
            diff_view::show(ui, "Expected", &diff_view::blocks(expected), None, None);
        });
    });
}

fn note(ui: &mut Ui, rect: Rect, state: &AppState, drafts: &mut Drafts, actions: &mut Vec<AnyAction>) {
    ui.scope_builder(UiBuilder::new().max_rect(rect), |ui| {
        let hint = "What tells them apart; kept with your choice. Esc leaves the field";
        let field = TextInput::new("Note", &mut drafts.note).hint(hint).icon(icon::NOTE_PENCIL).id(place("note"));
        let field = field.show(ui);
        if state.compare.blind.wants_focus {
            field.request_focus();
            actions.push(CompareAction::Blind(BlindAction::NoteFocused).into());
        } else if field.lost_focus() && drafts.note.trim().is_empty() {
            actions.push(CompareAction::Blind(BlindAction::Note(false)).into());
        }
    });
}

/// The big buttons, in the middle.
fn choices(
    ui: &mut Ui,
    rect: Rect,
    state: &AppState,
    rater: &str,
    at: Option<usize>,
    drafts: &Drafts,
    actions: &mut Vec<AnyAction>,
) {
    let theme = Theme::of(ui);
    // As wide as it was: what is added from the left can't be centred before it is there.
    let id = ui.scope_id().with("choices");
    let before = ui.data(|data| data.get_temp::<f32>(id)).unwrap_or(rect.width());
    let left = rect.left() + ((rect.width() - before) / 2.0).max(0.0).round();
    let layout = Layout::left_to_right(Align::Center);
    let width = ui.scope_builder(UiBuilder::new().max_rect(rect.with_min_x(left)).layout(layout), |ui| {
        ui.spacing_mut().item_spacing.x = theme.space.m;
        let mut push = |action: BlindAction| actions.push(CompareAction::Blind(action).into());
        let big = [
            ("A is better", "A", Choice::Left),
            ("Tie", "T", Choice::Tie),
            ("Both are bad", "X", Choice::BothBad),
            ("B is better", "B", Choice::Right),
        ];
        let none = "All prompts are rated";
        for (words, key, choice) in big {
            let button = Button::secondary(words).key(key).large().enabled_or(at.is_some(), none);
            if ui.add(button).clicked() {
                push(BlindAction::Rate(choice, drafts.note.clone()));
            }
        }
        let size = Vec2::new(theme.width.line, theme.size.icon);
        let (rule, _) = ui.allocate_exact_size(size, Sense::hover());
        ui.painter().rect_filled(rule, egui::CornerRadius::ZERO, theme.stroke.strong);
        ui.spacing_mut().item_spacing.x = theme.space.xs;
        if ui.add(Button::quiet("Skip").key("S").enabled_or(at.is_some(), none)).clicked() {
            push(BlindAction::Rate(Choice::Skip, drafts.note.clone()));
        }
        let undo = Button::quiet("Undo").name("Undo the last choice").key("Z");
        if ui.add(undo.enabled_or(state.compare.blind.can_undo(rater), "Nothing to take back")).clicked() {
            push(BlindAction::Undo);
        }
        if ui.add(Button::quiet("Note").key("N").enabled_or(at.is_some(), none)).clicked() {
            push(BlindAction::Note(true));
        }
        ui.min_rect().width()
    });
    if (width.inner - before).abs() > 0.5 {
        ui.data_mut(|data| data.insert_temp(id, width.inner));
        ui.ctx().request_repaint();
    }
}

fn all_rated(ui: &mut Ui, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.vertical_centered(|ui| {
        ui.add_space(theme.space.xxl * 2.0);
        ui.spacing_mut().item_spacing.y = theme.space.s;
        ui.add(Text::title("All prompts are rated"));
        ui.add(Text::body("The last choice can still be taken back with Z before you see which was which").soft());
        ui.add_space(theme.space.s);
        if ui.add(Button::primary("Show result")).clicked() {
            actions.push(CompareAction::Blind(BlindAction::End).into());
        }
    });
}
