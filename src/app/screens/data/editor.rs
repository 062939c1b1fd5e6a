//! The turns of one example, each a well to type in.

use egui::{Align, CursorIcon, Layout, Popup, Rect, Sense, Ui, UiBuilder, Vec2, WidgetInfo};
use egui_commonmark::{CommonMarkCache, CommonMarkViewer};

use super::action::ExampleAction;
use super::answer_json::{JsonState, MOST_LAID_OUT};
use super::draft::{Draft, TurnChange};
use super::state::DataState;
use super::{AnyAction, Drafts};
use crate::app::kit::{
    Button, Text, TextInput, Theme, diff_view, drawer, focus, icon, menu_item, reading_well, row, rule,
};
use crate::app::parts::{role_block, role_look};
use crate::data::{Message, Role};

pub(super) fn show(ui: &mut Ui, data: &DataState, draft: &Draft, drafts: &mut Drafts, actions: &mut Vec<AnyAction>) {
    let num = draft.messages.len();
    for (turn, message) in draft.messages.iter().enumerate() {
        let is_folded = turn == 0 && message.role == Role::System && !drafts.is_system_open && num > 1;
        if is_folded {
            folded_system(ui, message, drafts);
        } else {
            open_turn(ui, data, draft, turn, drafts, actions);
        }
    }
    if num == 0 {
        ui.add(Text::body("This example has no turns").soft());
    }
}

/// The system message, which most data sets have alike in every example, so that one line of it is enough; a click
/// opens it.
fn folded_system(ui: &mut Ui, message: &Message, drafts: &mut Drafts) {
    let theme = Theme::of(ui);
    let (mark, name, color) = role_look(theme, Role::System);
    let size = Vec2::new(ui.available_width(), theme.size.control_height_small);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let told = format!("Show the system message: {}", message.content);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, &told));
    if response.clicked() {
        drafts.is_system_open = true;
    }
    let bar = Rect::from_min_size(rect.min, Vec2::new(theme.width.focus_ring, rect.height()));
    ui.painter().rect_filled(bar, 0.0, color);
    let inner = rect.with_min_x(rect.left() + theme.space.m);
    let mut line = ui.new_child(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)));
    line.spacing_mut().item_spacing.x = theme.space.s;
    mark.show_sized(&mut line, theme.size.icon_small, color);
    line.add(Text::caption(name).color(color));
    line.with_layout(Layout::right_to_left(Align::Center), |ui| {
        icon::CARET_RIGHT.show_sized(ui, theme.size.icon_small, theme.text.soft);
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.add(Text::body(message.content.replace('\n', " ")).soft().one_line());
        });
    });
    focus::ring(ui, &response, theme.radius.control);
    response.on_hover_cursor(CursorIcon::PointingHand);
}

fn open_turn(
    ui: &mut Ui,
    data: &DataState,
    draft: &Draft,
    turn: usize,
    drafts: &mut Drafts,
    actions: &mut Vec<AnyAction>,
) {
    let Some(message) = draft.messages.get(turn) else { return };
    let json = draft.json(turn);
    let markup = match json {
        Some(_) => Some(Markup::Json),
        None => (message.role == Role::Assistant && has_markdown(&message.content)).then_some(Markup::Markdown),
    };
    let id = field_id(draft, turn);
    let num = draft.messages.len();
    let head = |ui: &mut Ui| {
        turn_marks(ui, message, json);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            menu(ui, turn, num, message, actions);
            if let Some(markup) = markup {
                lay_out_button(ui, markup, data.lays_out, turn, actions);
            }
            let can_fold = turn == 0 && message.role == Role::System && num > 1;
            if can_fold && ui.add(Button::icon_only(icon::CARET_DOWN, "Fold the system message").small()).clicked() {
                drafts.is_system_open = false;
            }
        });
    };
    let (_, role_name, _) = role_look(Theme::of(ui), message.role);
    let name = format!("{role_name}, turn {}", turn + 1);
    let mut text = message.content.clone();
    let wrong = json.and_then(where_it_is_wrong);
    let response = role_block(ui, message.role, head, |ui| {
        let mut field = TextInput::new(&name, &mut text).rows(2).id(id).error(wrong.as_deref());
        if json.is_some() {
            field = field.mono();
        }
        let response = field.hint(hint(message.role)).show(ui);
        if let (Some(markup), true) = (markup, data.lays_out) {
            laid_out(ui, markup, turn, &message.content, &mut drafts.markdown);
        }
        response
    });
    let is_wanted = ui.data(|data| data.get_temp::<egui::Id>(reveal_id())) == Some(id);
    if is_wanted {
        ui.data_mut(|data| data.remove::<egui::Id>(reveal_id()));
        ui.scroll_to_rect_animation(
            response.rect.expand(reveal_margin(ui)),
            None,
            egui::style::ScrollAnimation::none(),
        );
    }
    if response.changed() {
        actions.push(ExampleAction::Turn(TurnChange::Text(turn, text)).into());
    }
    if response.lost_focus() {
        actions.push(ExampleAction::Flush.into());
    }
}

/// What an answer is written in, that reads better laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Markup {
    Json,
    Markdown,
}

/// Whether something of a text is Markdown that looks different when it is laid out.
fn has_markdown(text: &str) -> bool {
    let begins_block = |line: &str| {
        let line = line.trim_start();
        let marks = ["# ", "## ", "### ", "#### ", "- ", "* ", "+ ", "> ", "```", "1. ", "|"];
        marks.iter().any(|mark| line.starts_with(mark))
    };
    text.len() <= MOST_LAID_OUT
        && (["**", "__", "`", "]("].iter().any(|mark| text.contains(mark)) || text.lines().any(begins_block))
}

fn lay_out_button(ui: &mut Ui, markup: Markup, lays_out: bool, turn: usize, actions: &mut Vec<AnyAction>) {
    let (mark, words) = match (markup, lays_out) {
        (Markup::Json, true) => (icon::BRACKETS_CURLY.filled(), "Don't lay out the JSON"),
        (Markup::Json, false) => (icon::BRACKETS_CURLY, "Lay out the JSON"),
        (Markup::Markdown, true) => (icon::EYE.filled(), "Don't lay out the Markdown"),
        (Markup::Markdown, false) => (icon::EYE, "Lay out the Markdown"),
    };
    let button = Button::icon_only(mark, words).small().name(format!("{words} of turn {}", turn + 1)).key("L");
    if ui.add(button).clicked() {
        actions.push(ExampleAction::LayOut(!lays_out).into());
    }
}

/// For reading: what is typed and trained on stays as it is.
fn laid_out(ui: &mut Ui, markup: Markup, turn: usize, text: &str, cache: &mut CommonMarkCache) {
    reading_well(ui, |ui| {
        ui.set_min_width(ui.available_width());
        match (text.len(), markup) {
            (0..=MOST_LAID_OUT, Markup::Markdown) => {
                markdown(ui, cache, text);
            }
            (0..=MOST_LAID_OUT, Markup::Json) => {
                let name = format!("Turn {}, laid out", turn + 1);
                diff_view::show(ui, &name, &diff_view::laid_out(text), None, None);
            }
            _ => drop(ui.add(Text::small("The answer is too long to be laid out here").faint())),
        }
    });
}

/// In the window's manner: what is bold stands out by its colour, marks of lists stand at their texts.
fn markdown(ui: &mut Ui, cache: &mut CommonMarkCache, text: &str) {
    let theme = Theme::of(ui);
    ui.scope(|ui| {
        let line = ui.text_style_height(&egui::TextStyle::Body);
        ui.spacing_mut().interact_size.y = line;
        ui.spacing_mut().button_padding = Vec2::new(theme.space.s, theme.space.xs);
        let visuals = ui.visuals_mut();
        visuals.override_text_color = None;
        visuals.widgets.noninteractive.fg_stroke.color = theme.text.soft;
        CommonMarkViewer::new().show(ui, cache, text);
    });
}

/// One line under the field.
fn where_it_is_wrong(json: &JsonState) -> Option<String> {
    match json {
        JsonState::Wrong { line, column, what } => Some(format!("Line {line}, column {column}: {what}")),
        JsonState::Valid | JsonState::Unread => None,
    }
}

fn field_id(draft: &Draft, turn: usize) -> egui::Id {
    row::place("turn").with((draft.stored.id, turn))
}

/// Where the field that is to come into view is kept until it is painted.
fn reveal_id() -> egui::Id {
    egui::Id::unique("turn to reveal")
}

/// Its edge comes into view, too.
fn reveal_margin(ui: &Ui) -> f32 {
    Theme::of(ui).space.m
}

/// Puts the caret into the answer that is learned: the last one, or an empty one where there is none.
pub(super) fn edit_answer(ui: &Ui, draft: &Draft, actions: &mut Vec<AnyAction>) {
    drawer::open(ui.ctx(), super::PANEL);
    let turn = draft.messages.iter().rposition(|message| message.role == Role::Assistant).unwrap_or_else(|| {
        actions.push(ExampleAction::OpenAnswer.into());
        draft.messages.len()
    });
    let field = field_id(draft, turn);
    ui.memory_mut(|memory| memory.request_focus(field));
    // It may lie out of sight: one would type blind.
    ui.data_mut(|data| data.insert_temp(reveal_id(), field));
}

fn hint(role: Role) -> &'static str {
    match role {
        Role::System => "What the model is told before every question",
        Role::User => "What a person asks",
        Role::Assistant => "The answer to learn",
        Role::Tool => "What a tool gives back",
    }
}

fn turn_marks(ui: &mut Ui, message: &Message, json: Option<&JsonState>) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.x = theme.space.xs;
    ui.add_space(theme.space.xs);
    let size = theme.size.icon_small;
    match json {
        Some(JsonState::Valid) => {
            icon::CHECK_CIRCLE.filled().show_sized(ui, size, theme.status.ok);
            ui.add(Text::small("Valid JSON").color(theme.status.ok));
        }
        Some(JsonState::Wrong { .. }) => {
            icon::X_CIRCLE.filled().show_sized(ui, size, theme.status.error);
            ui.add(Text::small("Not valid JSON").color(theme.status.error));
        }
        Some(JsonState::Unread) => drop(ui.add(Text::small("JSON, too long to check here").faint())),
        None if message.role == Role::Assistant && message.content.trim().is_empty() => {
            icon::WARNING.filled().show_sized(ui, size, theme.status.warning);
            ui.add(Text::small("Empty answer").color(theme.status.warning));
        }
        None => {}
    }
    if message.weight == Some(0) {
        ui.add(Text::small("Left out of training").faint());
    }
}

fn menu(ui: &mut Ui, turn: usize, num: usize, message: &Message, actions: &mut Vec<AnyAction>) {
    let button = Button::icon_only(icon::DOTS_THREE, format!("More for turn {}", turn + 1)).small();
    let response = ui.add(button);
    let theme = Theme::of(ui);
    Popup::menu(&response).width(theme.size.settings_name_width).show(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let mut push = |change| actions.push(ExampleAction::Turn(change).into());
        for role in Role::ALL {
            let (_, name, _) = role_look(theme, role);
            if menu_item(ui, name, role == message.role).clicked() {
                push(TurnChange::Role(turn, role));
            }
        }
        ui.add_space(theme.space.xs);
        rule(ui);
        ui.add_space(theme.space.xs);
        if message.role == Role::Assistant {
            let is_trained = message.weight != Some(0);
            let words = if is_trained { "Leave out of training" } else { "Train on this answer" };
            if menu_item(ui, words, false).clicked() {
                push(TurnChange::Trained(turn, !is_trained));
            }
        }
        if turn > 0 && menu_item(ui, "Move up", false).clicked() {
            push(TurnChange::Up(turn));
        }
        if turn + 1 < num && menu_item(ui, "Move down", false).clicked() {
            push(TurnChange::Down(turn));
        }
        if menu_item(ui, "Duplicate turn", false).clicked() {
            push(TurnChange::Duplicate(turn));
        }
        if menu_item(ui, "Delete turn", false).clicked() {
            push(TurnChange::Remove(turn));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_different_laid_out_is_markdown() {
        for text in ["# Title", "one\n\n- a\n- b", "a **bold** word", "run `cargo`", "see [this](x)", "1. first"] {
            assert!(has_markdown(text), "{text}");
        }
        for text in ["", "card_arrival", "It costs 3 * 4 - 2 = 10 pounds", "#1 in sales", "well-known"] {
            assert!(!has_markdown(text), "{text}");
        }
    }
}
