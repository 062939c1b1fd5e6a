//! The right panel: one example, its turns and its exact tokens.

use egui::{Align, Layout, Rect, ScrollArea, Sense, Ui, UiBuilder, Vec2};

use super::action::{DialogAction, ExampleAction, TableAction};
use super::dialogs::rank::LOSS_MEANS;
use super::draft::{Draft, TurnChange};
use super::{AnyAction, AppState, Drafts, editor, issues, lengths, review, table, training};
use crate::app::Screen;
use crate::app::kit::{Badge, Button, Combo, Text, Theme, format, icon, rule, tooltip};
use crate::app::parts::token_view;
use crate::data::Split;
use crate::project::{ExampleStatus, ProjectState};
use crate::render::TokenView;

const SPLITS: [(Split, &str); 3] = [(Split::Train, "Train"), (Split::Validation, "Validation"), (Split::Test, "Test")];
const STATUSES: [(ExampleStatus, &str); 3] =
    [(ExampleStatus::Ready, "Ready"), (ExampleStatus::Edited, "Edited"), (ExampleStatus::SetAside, "Set aside")];

pub(super) fn show(
    ui: &mut Ui,
    state: &AppState,
    project: &ProjectState,
    drafts: &mut Drafts,
    actions: &mut Vec<AnyAction>,
) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing = Vec2::new(theme.pad.between_controls, 0.0);
    let Some(draft) = &state.data.open else {
        bar(ui, theme.size.filter_bar_height, true, |ui| drop(ui.add(Text::strong("No example chosen").soft())));
        inset(ui, |ui| {
            ui.add_space(theme.space.m);
            table::hint(ui);
        });
        return;
    };
    bar(ui, theme.size.filter_bar_height, true, |ui| head(ui, state, draft, actions));
    let room = ui.available_rect_before_wrap();
    let foot_height = theme.size.control_height + theme.space.xs;
    // As in the wide panel itself; a small window has no room for it.
    let is_wide = ui.ctx().content_rect().width() >= theme.size.window_wide && project.settings.model.is_some();
    let lengths_height = if is_wide { lengths::section_height(theme) } else { 0.0 };
    let body = Rect::from_min_max(room.min, room.max - Vec2::new(0.0, foot_height + lengths_height));
    // Laid-out answers are long; findings take their room from what is below the turns.
    let share = if state.data.lays_out && !issues::has_some(&state.data, draft) { 0.75 } else { 0.66 };
    let current = ui
        .scope_builder(UiBuilder::new().max_rect(body), |ui| {
            ui.set_min_size(body.size());
            turns(ui, body.height() * share, state, draft, drafts, actions);
            rule(ui);
            issues::show(ui, &state.data, draft, actions);
            tokens(ui, state, project, actions)
        })
        .inner;
    let foot = Rect::from_min_max(body.left_bottom() + Vec2::new(0.0, lengths_height), room.max);
    if is_wide {
        let section = Rect::from_min_max(body.left_bottom(), foot.right_top());
        ui.scope_builder(UiBuilder::new().max_rect(section), |ui| {
            let open = state.data.tokens.view().map(|view| view.num_tokens);
            lengths::section(ui, state, &training(project), drafts, open, actions);
        });
    }
    ui.scope_builder(UiBuilder::new().max_rect(foot), |ui| {
        if let Some(view) = tokens_shown(state) {
            let is_counting = state.data.tokens.is_counting();
            bar(ui, foot_height, false, |ui| token_line(ui, view, current, is_counting));
        }
    });
}

/// A strip with a rule below, or above.
fn bar(ui: &mut Ui, height: f32, is_head: bool, content: impl FnOnce(&mut Ui)) {
    let theme = Theme::of(ui);
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
    let y = if is_head { rect.bottom() - theme.width.line / 2.0 } else { rect.top() + theme.width.line / 2.0 };
    ui.painter().hline(rect.x_range(), y, theme.line(theme.stroke.normal));
    let inner = rect.shrink2(Vec2::new(theme.pad.panel_x, 0.0));
    let mut child = ui.new_child(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)));
    child.spacing_mut().item_spacing.x = theme.pad.between_controls;
    content(&mut child);
}

/// The panel's padding at the sides.
fn inset<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    let x = Theme::of(ui).pad.panel_x as i8;
    egui::Frame::new()
        .inner_margin(egui::Margin::symmetric(x, 0))
        .show(ui, |ui| {
            ui.set_min_width(ui.available_width());
            content(ui)
        })
        .inner
}

fn head(ui: &mut Ui, state: &AppState, draft: &Draft, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.add(Text::strong(format!("Example {}", format::thousands(draft.stored.number))));
    match draft.stored.status {
        ExampleStatus::Ready => {}
        status => drop(ui.add(Badge::neutral(table::status_words(status)))),
    }
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = theme.space.xs;
        if ui.add(Button::icon_only(icon::TRASH, "Delete example")).clicked() {
            actions.push(ExampleAction::Delete.into());
        }
        if ui.add(Button::icon_only(icon::COPY, "Duplicate example")).clicked() {
            actions.push(ExampleAction::Duplicate.into());
        }
        if ui.add(Button::icon_only(icon::CLOCK, "Previous versions").key("H")).clicked() {
            actions.push(DialogAction::History.into());
        }
        ui.add_space(theme.space.xs);
        let (gap, _) = ui.allocate_exact_size(Vec2::new(theme.width.line, theme.size.icon), Sense::hover());
        ui.painter().rect_filled(gap, 0.0, theme.stroke.normal);
        ui.add_space(theme.space.xs);
        let (row, len) = (state.data.selected, state.data.rows.num_matching().unwrap_or(0));
        let next = Button::icon_only(icon::CARET_DOWN, "Next example");
        let none = "No example fits the filters";
        let has_next = row.map_or(len > 0, |row| row + 1 < len);
        let last = if len == 0 { none } else { "This is the last one" };
        if ui.add(next.enabled_or(has_next, last)).clicked() {
            actions.push(TableAction::Step(1).into());
        }
        let previous = Button::icon_only(icon::CARET_UP, "Previous example");
        let has_previous = row.map_or(len > 0, |row| row > 0);
        let first = if len == 0 { none } else { "This is the first one" };
        if ui.add(previous.enabled_or(has_previous, first)).clicked() {
            actions.push(TableAction::Step(-1).into());
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| loss(ui, state, draft));
    });
}

fn loss(ui: &mut Ui, state: &AppState, draft: &Draft) {
    let theme = Theme::of(ui);
    // What was computed of the text on the disk is not true of one that is being typed.
    let loss = draft.stored.annotations.loss.filter(|_| !draft.is_dirty());
    if let (Some(loss), Some(from)) = (loss, state.project.as_ref().and_then(|project| project.loss_from.as_ref())) {
        let words = format!("Loss {}", format::loss(f64::from(loss)));
        let width = ui.painter().layout_no_wrap(words.clone(), theme.small(), theme.text.soft).size().x;
        // The table says it, too.
        if width > ui.available_width() {
            return;
        }
        let shown = ui.add(Text::small(words));
        tooltip::on_hover(shown, &format!("Loss under {from}"), LOSS_MEANS);
    }
}

fn turns(
    ui: &mut Ui,
    max_height: f32,
    state: &AppState,
    draft: &Draft,
    drafts: &mut Drafts,
    actions: &mut Vec<AnyAction>,
) {
    let theme = Theme::of(ui);
    let scroll = ScrollArea::vertical().id_salt("turns").max_height(max_height).auto_shrink([false, true]);
    scroll.show(ui, |ui| {
        inset(ui, |ui| {
            ui.spacing_mut().item_spacing.y = theme.space.m;
            ui.add_space(theme.space.m);
            ui.horizontal(|ui| controls(ui, draft, actions));
            review::show(ui, &state.data, draft, drafts, actions);
            if let Some(error) = &state.data.error {
                problem(ui, error, actions);
            }
            editor::show(ui, &state.data, draft, drafts, actions);
            ui.add_space(theme.space.s);
        });
    });
}

fn controls(ui: &mut Ui, draft: &Draft, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.x = theme.pad.between_controls;
    let split = Combo::new("Split of this example", &SPLITS, draft.stored.split);
    if let Some(split) =
        split.enabled_or(draft.stored.takes_part(), "It was rejected or set aside and takes no part").show(ui)
    {
        actions.push(ExampleAction::SetSplit(split).into());
    }
    if let Some(status) = Combo::new("Status of this example", &STATUSES, draft.stored.status).show(ui) {
        actions.push(ExampleAction::SetStatus(status).into());
    }
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        if ui.add(Button::quiet("Add turn").icon(icon::PLUS)).clicked() {
            actions.push(ExampleAction::Turn(TurnChange::Add).into());
        }
    });
}

/// The last change is not on the disk, or something could not be read.
fn problem(ui: &mut Ui, error: &str, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.horizontal(|ui| {
        icon::X_CIRCLE.filled().show_sized(ui, theme.size.icon_small, theme.status.error);
        ui.vertical(|ui| {
            ui.add(Text::small(error).color(theme.status.error).wrapped());
            if ui.add(Button::link("Try again").small()).clicked() {
                actions.push(ExampleAction::Flush.into());
            }
        });
    });
}

/// Those of a text from before only while one types: a moment later the new ones are there.
fn tokens_shown(state: &AppState) -> Option<&TokenView> {
    let is_typing = state.data.open.as_ref().is_some_and(Draft::is_dirty);
    state.data.tokens.view().filter(|_| is_typing || !state.data.tokens.is_counting())
}

/// Returns the token under the pointer, or the one that was clicked.
fn tokens(ui: &mut Ui, state: &AppState, project: &ProjectState, actions: &mut Vec<AnyAction>) -> Option<usize> {
    let theme = Theme::of(ui);
    let view = tokens_shown(state);
    let height = theme.size.control_height + theme.space.s + theme.space.xs;
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
    let inner = rect.shrink2(Vec2::new(theme.pad.panel_x, 0.0));
    let mut line = ui.new_child(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)));
    line.add(Text::strong("Tokens"));
    if let Some(view) = view.filter(|_| !state.data.tokens.is_counting()) {
        line.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let token = &theme.token;
            legend(ui, token.untrained_alt, "Not trained", view.num_tokens - view.num_trained.min(view.num_tokens));
            ui.add_space(theme.space.xs);
            legend(ui, token.trained_alt, "Trained", view.num_trained);
        });
    }
    let Some(view) = view else {
        inset(ui, |ui| no_tokens(ui, state, project, actions));
        return None;
    };
    let scroll = ScrollArea::vertical().id_salt("tokens").auto_shrink(false).min_scrolled_height(0.0);
    let shown = scroll.show(ui, |ui| {
        inset(ui, |ui| {
            notes(ui, &view.notes);
            warnings(ui, &view.warnings);
            let mut selected = state.data.tokens.selected;
            let current = token_view::show(ui, view, &mut selected);
            if selected != state.data.tokens.selected {
                actions.push(ExampleAction::SelectToken(selected).into());
            }
            ui.add_space(theme.space.s);
            current
        })
    });
    shown.inner
}

/// Added from right to left: count, words, swatch.
fn legend(ui: &mut Ui, color: egui::Color32, words: &str, count: usize) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.x = theme.space.xs + theme.space.xxs;
    ui.add(Text::caption(format::thousands(count as u64)).normal());
    ui.add(Text::small(words));
    let (square, _) = ui.allocate_exact_size(Vec2::splat(theme.space.s + theme.space.xxs), Sense::hover());
    let radius = theme.rounding(theme.radius.mark);
    ui.painter().rect(square, radius, color, theme.line(theme.stroke.strong), egui::StrokeKind::Inside);
}

/// How turns are written, where that was chosen.
fn notes(ui: &mut Ui, notes: &[String]) {
    let theme = Theme::of(ui);
    for note in notes {
        ui.add(Text::small(note).wrapped());
    }
    if !notes.is_empty() {
        ui.add_space(theme.space.s);
    }
}

fn warnings(ui: &mut Ui, warnings: &[String]) {
    let theme = Theme::of(ui);
    for warning in warnings {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme.space.xs + theme.space.xxs;
            icon::WARNING.filled().show_sized(ui, theme.size.icon_small, theme.status.warning);
            ui.add(Text::small(warning).color(theme.status.warning).wrapped());
        });
    }
    if !warnings.is_empty() {
        ui.add_space(theme.space.s);
    }
}

/// Why there are no tokens, and the way to them.
fn no_tokens(ui: &mut Ui, state: &AppState, project: &ProjectState, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.y = theme.space.s;
    let mut go = |ui: &mut Ui, words: &str| {
        if ui.add(Button::secondary(words).small()).clicked() {
            actions.push(AnyAction::Go(Screen::Model));
        }
    };
    match (&project.settings.model, state.data.tokens.error()) {
        (None, _) => {
            ui.add(
                Text::body("Every model cuts text into its own tokens. Choose one to see them here").soft().wrapped(),
            );
            go(ui, "Choose a model");
        }
        (Some(_), Some(error)) => {
            ui.add(Text::body(error).soft().wrapped());
            go(ui, "Go to Model");
        }
        (Some(_), None) => {
            let is_known = state.data.tokens.view().is_some();
            ui.add(Text::small(if is_known { "Counting" } else { "Reading the tokenizer" }).faint());
        }
    }
}

/// Names the token under the pointer; the count against the maximum length stands at the right.
fn token_line(ui: &mut Ui, view: &TokenView, current: Option<usize>, is_counting: bool) {
    let theme = Theme::of(ui);
    match current.and_then(|index| view.pieces.get(index)) {
        Some(piece) => {
            let ink = if piece.is_trained { theme.token.trained_text } else { theme.text.normal };
            ui.spacing_mut().item_spacing.x = theme.space.m;
            ui.add(Text::mono(&piece.text).color(ink));
            ui.add(Text::small(format!("id {}", piece.id)));
            ui.add(Text::small(token_view::describe(piece)));
        }
        None => drop(ui.add(Text::small("Point at a token to see its id").faint())),
    }
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        if is_counting {
            ui.add(Text::small("Counting").faint());
            return;
        }
        let words = format!(
            "{} of {} tokens",
            format::thousands(view.num_tokens as u64),
            format::thousands(view.max_length as u64)
        );
        let is_cut = view.num_tokens > view.max_length;
        ui.add(if is_cut { Text::small(words).color(theme.status.error) } else { Text::small(words) });
    });
}
