//! Choosing: segments for two or three, a combo for more, switch and check box for on and off.

use egui::{
    Align2, Color32, CursorIcon, Popup, Pos2, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo,
};

use super::focus;
use super::icon;
use super::theme::Theme;

/// Segments; gives the one that was chosen.
pub fn segmented<T: Copy + PartialEq>(ui: &mut Ui, name: &str, options: &[(T, &str)], current: T) -> Option<T> {
    let theme = Theme::of(ui);
    segments(ui, name, options, current, theme.body(), theme.size.control_height)
}

/// 24 high with text of 11.
pub fn segmented_small<T: Copy + PartialEq>(ui: &mut Ui, name: &str, options: &[(T, &str)], current: T) -> Option<T> {
    let theme = Theme::of(ui);
    segments(ui, name, options, current, theme.small(), theme.size.control_height_small)
}

fn segments<T: Copy + PartialEq>(
    ui: &mut Ui,
    name: &str,
    options: &[(T, &str)],
    current: T,
    font: egui::FontId,
    height: f32,
) -> Option<T> {
    let theme = Theme::of(ui);
    let small = theme.space.xxs;
    let galleys: Vec<_> = options
        .iter()
        .map(|(_, words)| ui.painter().layout_no_wrap((*words).to_owned(), font.clone(), Color32::PLACEHOLDER))
        .collect();
    let width: f32 =
        galleys.iter().map(|g| g.size().x + 2.0 * theme.pad.button_small_x + small).sum::<f32>() + 3.0 * small;
    let (rect, group) = ui.allocate_exact_size(Vec2::new(width, height), Sense::hover());
    group.widget_info(|| WidgetInfo::labeled(Role::RadioGroup, true, name));
    let rounding = theme.rounding(theme.radius.control);
    ui.painter().rect(rect, rounding, theme.surface.input, theme.line(theme.stroke.strong), StrokeKind::Inside);

    let mut chosen = None;
    let mut x = rect.left() + 1.5 * small;
    for ((value, words), galley) in options.iter().zip(galleys) {
        let size = Vec2::new(galley.size().x + 2.0 * theme.pad.button_small_x, rect.height() - 2.0 * small);
        let segment = Rect::from_min_size(Pos2::new(x, rect.top() + small), size);
        let response = ui.interact(segment, group.id.with(*words), Sense::click());
        let is_current = *value == current;
        response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, is_current, words));
        let inner = theme.rounding(theme.radius.badge);
        if is_current {
            ui.painter().rect_filled(segment, inner, theme.surface.active);
        } else if response.hovered() {
            ui.painter().rect_filled(segment, inner, theme.surface.hover);
        }
        let at = Align2::CENTER_CENTER.align_size_within_rect(galley.size(), segment).min;
        let ink = if is_current { theme.text.normal } else { theme.text.soft };
        ui.painter().galley_with_override_text_color(at.round(), galley, ink);
        focus::ring(ui, &response, theme.radius.badge);
        if response.clicked() && !is_current {
            chosen = Some(*value);
        }
        response.on_hover_cursor(CursorIcon::PointingHand);
        x += size.x + small;
    }
    chosen
}

/// A list that opens; `show` gives the entry that was chosen.
#[derive(Debug, Clone)]
#[must_use = "call show"]
pub struct Combo<'a, T> {
    name: &'a str,
    options: &'a [(T, &'a str)],
    current: T,
    none: &'a str,
    width: Option<f32>,
    is_small: bool,
    is_plain: bool,
    edge: Option<Color32>,
    ink: Option<Color32>,
    disabled: Option<String>,
}

impl<'a, T: Copy + PartialEq> Combo<'a, T> {
    /// `name` is the accessible name; the words of the current entry are shown.
    pub fn new(name: &'a str, options: &'a [(T, &'a str)], current: T) -> Self {
        Self {
            name,
            options,
            current,
            none: "",
            width: None,
            is_small: false,
            is_plain: false,
            edge: None,
            ink: None,
            disabled: None,
        }
    }

    /// What is there, faint, while the current value isn't one of the options.
    pub fn none(self, words: &'a str) -> Self {
        Self { none: words, ..self }
    }

    pub fn width(self, width: f32) -> Self {
        Self { width: Some(width), ..self }
    }

    /// 24 high with text of 11.
    pub fn small(self) -> Self {
        Self { is_small: true, ..self }
    }

    /// Small, in the regular weight.
    pub fn plain(self) -> Self {
        Self { is_small: true, is_plain: true, ..self }
    }

    /// The edge and text in a colour with a meaning, such as a role's.
    pub fn color(self, color: Color32) -> Self {
        Self { edge: Some(color), ink: Some(color), ..self }
    }

    pub fn enabled_or(self, enabled: bool, reason: impl Into<String>) -> Self {
        Self { disabled: (!enabled).then(|| reason.into()), ..self }
    }

    pub fn show(self, ui: &mut Ui) -> Option<T> {
        let theme = Theme::of(ui);
        let current = self.options.iter().find(|(value, _)| *value == self.current);
        let response = match current {
            Some((_, words)) => self.field(ui, theme, words, theme.text.normal),
            None => self.field(ui, theme, self.none, theme.text.faint),
        };
        let mut chosen = None;
        Popup::menu(&response).width(response.rect.width()).show(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            egui::ScrollArea::vertical().max_height(theme.size.row_height * 12.0).show(ui, |ui| {
                for (value, words) in self.options {
                    if menu_item(ui, words, *value == self.current).clicked() {
                        chosen = Some(*value);
                    }
                }
            });
        });
        chosen.filter(|value| *value != self.current)
    }

    fn field(&self, ui: &mut Ui, theme: &Theme, words: &str, ink: Color32) -> Response {
        let (font, height) = match (self.is_small, self.is_plain) {
            (true, false) => (theme.small_strong(), theme.size.control_height_small),
            (true, true) => (theme.small(), theme.size.control_height_small),
            (false, _) => (theme.body(), theme.size.control_height),
        };
        let is_enabled = self.disabled.is_none();
        let ink = if is_enabled { self.ink.unwrap_or(ink) } else { theme.text.disabled };
        let caret = theme.size.icon_small + theme.space.s;
        let natural = ui.painter().layout_no_wrap(words.to_owned(), font.clone(), ink).size().x;
        let width = self.width.unwrap_or(natural + caret + 2.0 * (theme.pad.input_x + theme.width.line));
        let sense = if is_enabled { Sense::click() } else { Sense::hover() };
        let (rect, response) = ui.allocate_exact_size(Vec2::new(width, height), sense);
        response.widget_info(|| WidgetInfo {
            current_text_value: Some(words.to_owned()),
            ..WidgetInfo::labeled(Role::ComboBox, is_enabled, self.name)
        });
        let fill = if response.hovered() && is_enabled { theme.surface.hover } else { theme.surface.input };
        let edge = self.edge.unwrap_or(if is_enabled { theme.stroke.strong } else { theme.stroke.normal });
        ui.painter().rect(rect, theme.rounding(theme.radius.control), fill, theme.line(edge), StrokeKind::Inside);
        let room = (width - caret - theme.pad.input_x - theme.space.xs).max(0.0);
        let galley = one_line(ui, words, font, ink, room);
        let at = Pos2::new(
            rect.left() + theme.pad.input_x + theme.width.line,
            (rect.center().y - galley.size().y / 2.0).round(),
        );
        ui.painter().galley(at, galley, ink);
        let center = Pos2::new(rect.right() - theme.pad.input_x - theme.size.icon_small / 2.0, rect.center().y);
        icon::CARET_DOWN.paint(ui.painter(), center, theme.size.icon_small, theme.text.soft);
        focus::ring(ui, &response, theme.radius.control);
        match &self.disabled {
            Some(reason) => super::tooltip::on_hover(response, self.name, reason),
            None => response.on_hover_cursor(CursorIcon::PointingHand),
        }
    }
}

/// Lays out one line, cut with "…" at `width`.
pub fn one_line(ui: &Ui, words: &str, font: egui::FontId, color: Color32, width: f32) -> std::sync::Arc<egui::Galley> {
    let mut job = egui::text::LayoutJob::simple_singleline(words.to_owned(), font, color);
    job.wrap = egui::text::TextWrapping::truncate_at_width(width);
    ui.painter().layout_job(job)
}

/// One entry of a menu or list.
pub fn menu_item(ui: &mut Ui, words: &str, is_current: bool) -> Response {
    let theme = Theme::of(ui);
    let galley = ui.painter().layout_no_wrap(words.to_owned(), theme.body(), theme.text.normal);
    let width = ui.available_width().max(galley.size().x + 2.0 * theme.pad.input_x);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, theme.size.row_height), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::MenuItem, true, is_current, words));
    let fill = match (is_current, response.hovered() || response.has_focus()) {
        (_, true) => theme.surface.hover,
        (true, false) => theme.surface.selected,
        _ => Color32::TRANSPARENT,
    };
    ui.painter().rect_filled(rect, theme.rounding(theme.radius.badge), fill);
    let at = Pos2::new(rect.left() + theme.pad.input_x, (rect.center().y - galley.size().y / 2.0).round());
    ui.painter().galley(at, galley, theme.text.normal);
    if response.clicked() {
        ui.close();
    }
    response.on_hover_cursor(CursorIcon::PointingHand)
}

/// A row of the command field: a faint remark after the words, and the key that does it too at the right.
pub fn menu_row(ui: &mut Ui, words: &str, remark: &str, key: &str, is_current: bool) -> Response {
    let theme = Theme::of(ui);
    let size = Vec2::new(ui.available_width(), theme.size.row_height);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::MenuItem, true, is_current, words));
    let fill = match (is_current, response.hovered()) {
        (true, _) => theme.surface.selected,
        (false, true) => theme.surface.hover,
        (false, false) => Color32::TRANSPARENT,
    };
    ui.painter().rect_filled(rect, theme.rounding(theme.radius.badge), fill);
    let mut right = rect.right() - theme.pad.input_x;
    if !key.is_empty() {
        let cap = super::button::KeyCap::new(ui, key);
        right -= cap.width();
        cap.paint(ui, Pos2::new(right, rect.center().y), theme.text.faint, theme.stroke.strong);
        right -= theme.space.m;
    }
    let left = rect.left() + theme.pad.input_x;
    let y = |height: f32| (rect.center().y - height / 2.0).round();
    let remark_room = if remark.is_empty() { 0.0 } else { (right - left) / 3.0 };
    let galley = one_line(ui, words, theme.body(), theme.text.normal, right - left - remark_room);
    let end = left + galley.size().x + theme.space.m;
    ui.painter().galley(Pos2::new(left, y(galley.size().y)), galley, theme.text.normal);
    if !remark.is_empty() && end < right {
        let remark = one_line(ui, remark, theme.small(), theme.text.faint, right - end);
        ui.painter().galley(Pos2::new(end, y(remark.size().y)), remark, theme.text.faint);
    }
    response.on_hover_cursor(CursorIcon::PointingHand)
}

/// A switch with its word beside it; gives the new state when it was switched.
pub fn switch(ui: &mut Ui, name: &str, words: &str, is_on: bool) -> Option<bool> {
    let theme = Theme::of(ui);
    let galley = ui.painter().layout_no_wrap(words.to_owned(), theme.body(), theme.text.normal);
    let text_width = if words.is_empty() { 0.0 } else { theme.space.s + galley.size().x };
    let size = Vec2::new(theme.size.switch_width + text_width, theme.size.control_height);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Switch, true, is_on, name));
    let track = Rect::from_min_size(
        Pos2::new(rect.left(), rect.center().y - theme.size.switch_height / 2.0),
        Vec2::new(theme.size.switch_width, theme.size.switch_height),
    );
    let half = theme.size.switch_height / 2.0;
    let (fill, knob_x) = match is_on {
        true => (theme.accent.fill, track.right() - half),
        false => (theme.surface.active, track.left() + half),
    };
    let edge = if is_on { theme.accent.fill } else { theme.stroke.strong };
    ui.painter().rect(track, theme.rounding(half), fill, theme.line(edge), StrokeKind::Inside);
    let knob = if is_on { theme.text.on_accent } else { theme.text.soft };
    ui.painter().circle_filled(Pos2::new(knob_x, track.center().y), half - theme.space.xxs - theme.width.line, knob);
    let at = Pos2::new(track.right() + theme.space.s, (rect.center().y - galley.size().y / 2.0).round());
    ui.painter().galley(at, galley, theme.text.normal);
    focus::ring(ui, &response, theme.radius.control);
    let clicked = response.clicked();
    response.on_hover_cursor(CursorIcon::PointingHand);
    clicked.then_some(!is_on)
}

/// A check box with its words; gives the new state when it was clicked.
pub fn checkbox(ui: &mut Ui, words: &str, is_on: bool) -> Option<bool> {
    let theme = Theme::of(ui);
    let galley = ui.painter().layout_no_wrap(words.to_owned(), theme.body(), theme.text.normal);
    let side = theme.size.icon_small;
    let text_width = if words.is_empty() { 0.0 } else { theme.space.s + theme.space.xxs + galley.size().x };
    let (rect, response) =
        ui.allocate_exact_size(Vec2::new(side + text_width, theme.size.control_height_small), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, is_on, words));
    let square =
        Rect::from_min_size(Pos2::new(rect.left(), rect.center().y - side / 2.0), Vec2::splat(side)).round_ui();
    let rounding = theme.rounding(theme.radius.mark);
    if is_on {
        ui.painter().rect_filled(square, rounding, theme.accent.line);
        icon::CHECK.paint(ui.painter(), square.center(), side - theme.space.xxs, theme.surface.window);
    } else {
        let edge = Stroke::new(theme.width.line, theme.text.faint);
        ui.painter().rect(square, rounding, theme.surface.input, edge, StrokeKind::Inside);
    }
    let at =
        Pos2::new(square.right() + theme.space.s + theme.space.xxs, (rect.center().y - galley.size().y / 2.0).round());
    ui.painter().galley(at, galley, theme.text.normal);
    focus::ring(ui, &response, theme.radius.badge);
    let clicked = response.clicked();
    response.on_hover_cursor(CursorIcon::PointingHand);
    clicked.then_some(!is_on)
}

/// A check box without words beside it, for a table; `name` is its accessible name. Tells the new state.
pub fn check_mark(ui: &mut Ui, name: &str, is_on: bool) -> Option<bool> {
    let theme = Theme::of(ui);
    let side = theme.size.icon_small;
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(side), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, is_on, name));
    let rounding = theme.rounding(theme.radius.mark);
    if is_on {
        ui.painter().rect_filled(rect, rounding, theme.accent.line);
        icon::CHECK.paint(ui.painter(), rect.center(), side - theme.space.xxs, theme.surface.window);
    } else {
        let edge = Stroke::new(theme.width.line, theme.text.faint);
        ui.painter().rect(rect, rounding, theme.surface.input, edge, StrokeKind::Inside);
    }
    focus::ring(ui, &response, theme.radius.badge);
    let clicked = response.clicked();
    response.on_hover_cursor(CursorIcon::PointingHand);
    clicked.then_some(!is_on)
}

/// A star to click; says whether it was clicked.
pub fn star(ui: &mut Ui, name: &str, is_on: bool) -> bool {
    let theme = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(theme.size.icon), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, is_on, name));
    let (star, color) = match is_on {
        true => (icon::STAR.filled(), theme.status.ok),
        false => (icon::STAR, if response.hovered() { theme.text.soft } else { theme.text.disabled }),
    };
    star.paint_in(ui.painter(), rect, color);
    focus::ring(ui, &response, theme.radius.badge);
    let clicked = response.clicked();
    super::tooltip::on_hover(response, name, "");
    clicked
}

use egui::emath::GuiRounding as _;
