//! Cards, and the cards of an empty state.

use egui::{
    Align, Color32, CursorIcon, Frame, InnerResponse, Layout, Margin, Pos2, Rect, Response, Role, Sense, Stroke,
    StrokeKind, Ui, UiBuilder, Vec2, WidgetInfo,
};

use super::button::Button;
use super::focus;
use super::icon::{self, Icon};
use super::text::Text;
use super::theme::Theme;

/// A surface with an edge. Selected: a two-pixel accent edge and a tick at the top right.
#[derive(Debug, Clone, Default)]
#[must_use = "call show"]
pub struct Card {
    is_selected: bool,
    /// Where a tick means something else than being selected.
    is_ticked: Option<bool>,
    is_large: bool,
    is_flush: bool,
    vertical: Vertical,
    name: Option<String>,
    min_height: f32,
}

/// The padding above and below.
#[derive(Debug, Clone, Copy, Default)]
enum Vertical {
    #[default]
    AsSides,
    Rows,
    Slim,
}

impl Card {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn selected(self, is_selected: bool) -> Self {
        Self { is_selected, ..self }
    }

    /// Whether it has the tick, for cards that are looked at before they are taken.
    pub fn ticked(self, is_ticked: bool) -> Self {
        Self { is_ticked: Some(is_ticked), ..self }
    }

    /// 16 instead of 12: for prose.
    pub fn large(self) -> Self {
        Self { is_large: true, ..self }
    }

    /// Prose padding at the sides, little above and below: for settings rows.
    pub fn rows(self) -> Self {
        Self { is_large: true, vertical: Vertical::Rows, ..self }
    }

    /// Less above and below: for rows of figures and for charts, whose heads have room of their own.
    pub fn slim(self) -> Self {
        Self { vertical: Vertical::Slim, ..self }
    }

    /// No padding: for tables and charts that bring their own.
    pub fn flush(self) -> Self {
        Self { is_flush: true, ..self }
    }

    /// The whole card can be clicked; `name` is its accessible name.
    pub fn clickable(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    pub fn min_height(self, min_height: f32) -> Self {
        Self { min_height, ..self }
    }

    /// Shows the card as wide as there is room.
    pub fn show<R>(self, ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> InnerResponse<R> {
        let theme = Theme::of(ui);
        let pad = match (self.is_flush, self.is_large) {
            (true, _) => theme.width.line,
            (false, true) => theme.pad.card_large + theme.width.line,
            (false, false) => theme.pad.card + theme.width.line,
        };
        let pad_y = match self.vertical {
            Vertical::AsSides => pad,
            Vertical::Rows => theme.space.xs + theme.width.line,
            Vertical::Slim => theme.space.s + theme.space.xxs + theme.width.line,
        };
        let sense = if self.name.is_some() { Sense::click() } else { Sense::hover() };
        let shown = ui.scope_builder(UiBuilder::new().sense(sense), |ui| {
            let fill =
                if self.name.is_some() && ui.response().hovered() { theme.surface.hover } else { theme.surface.card };
            let edge = if self.is_selected { Color32::TRANSPARENT } else { theme.stroke.normal };
            // The edge is painted inside, so that a selected card's content doesn't move.
            Frame::new()
                .fill(fill)
                .corner_radius(theme.rounding(theme.radius.card))
                .inner_margin(Margin::symmetric(pad as i8, pad_y as i8))
                .show(ui, |ui| {
                    ui.set_min_size(Vec2::new(ui.available_width(), self.min_height - 2.0 * pad_y));
                    let inner = ui.vertical(content).inner;
                    (inner, edge)
                })
                .inner
        });
        let (inner, edge) = shown.inner;
        let rect = shown.response.rect;
        let rounding = theme.rounding(theme.radius.card);
        if self.is_selected {
            let stroke = Stroke::new(theme.width.focus_ring, theme.accent.line);
            ui.painter().rect_stroke(rect, rounding, stroke, StrokeKind::Inside);
        } else {
            ui.painter().rect_stroke(rect, rounding, theme.line(edge), StrokeKind::Inside);
        }
        if self.is_ticked.unwrap_or(self.is_selected) {
            let at = rect.right_top() + Vec2::new(-pad - theme.size.icon / 2.0, pad + theme.size.icon / 2.0);
            icon::CHECK_CIRCLE.filled().paint(ui.painter(), at, theme.size.icon, theme.accent.text);
        }
        let mut response = shown.response;
        if let Some(name) = &self.name {
            response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, self.is_selected, name));
            focus::ring(ui, &response, theme.radius.card);
            response = response.on_hover_cursor(CursorIcon::PointingHand);
        }
        InnerResponse::new(inner, response)
    }
}

/// A way on: icon, what it is, one line about it, and the button that does it.
pub fn way_on(ui: &mut Ui, icon: Icon, title: &str, text: &str, button: Button) -> Response {
    let theme = Theme::of(ui);
    let side = theme.size.control_height_large;
    Card::new()
        .large()
        .show(ui, |ui| {
            let size = Vec2::new(ui.available_width(), 2.0 * theme.type_scale.line_body);
            let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
            let square = Rect::from_center_size(rect.left_center() + Vec2::new(side / 2.0, 0.0), Vec2::splat(side));
            ui.painter().rect_filled(square, theme.rounding(theme.radius.control), theme.surface.hover);
            icon.paint(ui.painter(), square.center(), theme.size.icon, theme.accent.text);
            let right = Layout::right_to_left(Align::Center);
            let mut end = ui.new_child(UiBuilder::new().max_rect(rect).layout(right));
            let response = end.add(button);
            let words = Rect::from_min_max(
                Pos2::new(square.right() + theme.space.l, rect.top()),
                Pos2::new(response.rect.left() - theme.space.l, rect.bottom()),
            );
            let mut words = ui.new_child(UiBuilder::new().max_rect(words).layout(Layout::top_down(Align::Min)));
            words.spacing_mut().item_spacing.y = 0.0;
            words.add(Text::strong(title).one_line());
            words.add(Text::body(text).soft().one_line());
            response
        })
        .inner
}

/// A place to drop files on; the whole window takes them, this says so.
pub fn drop_target(ui: &mut Ui, words: &str) {
    let theme = Theme::of(ui);
    let height = theme.size.control_height * 3.0 + theme.space.xs;
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
    dashed_edge(ui, rect, theme.stroke.strong);
    let text = ui.painter().layout_no_wrap(words.to_owned(), theme.body(), theme.text.soft);
    let width = theme.size.icon + theme.space.m + text.size().x;
    let left = rect.center().x - width / 2.0;
    icon::TRAY_ARROW_DOWN.paint(
        ui.painter(),
        Pos2::new(left + theme.size.icon / 2.0, rect.center().y),
        theme.size.icon,
        theme.text.soft,
    );
    let at = Pos2::new(left + theme.size.icon + theme.space.m, rect.center().y - text.size().y / 2.0);
    ui.painter().galley(at.round(), text, theme.text.soft);
}

fn dashed_edge(ui: &Ui, rect: Rect, color: Color32) {
    let theme = Theme::of(ui);
    let rounding = theme.rounding(theme.radius.card);
    let mut outline = Vec::new();
    let edge = egui::epaint::RoundedRect::new(rect.shrink(theme.width.line / 2.0), rounding);
    egui::epaint::tessellator::path::rounded_rectangle(&mut outline, edge);
    if let Some(first) = outline.first().copied() {
        outline.push(first);
    }
    ui.painter().extend(egui::Shape::dashed_line(&outline, theme.line(color), theme.space.xs, theme.space.xs));
}
