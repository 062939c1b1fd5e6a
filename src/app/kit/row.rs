//! Rows of names and values, sections, rules.

use egui::{Align, Color32, Id, Layout, Pos2, Rect, Response, Role, Sense, Ui, Vec2, WidgetInfo};

use super::icon::{self, Icon};
use super::text::Text;
use super::theme::Theme;
use super::tooltip;

/// A section's name with a faint remark, and room for something at the right.
pub fn section(ui: &mut Ui, name: &str, remark: &str, right: impl FnOnce(&mut Ui)) {
    super::layout::line(ui, Theme::of(ui).type_scale.line_small, |ui| {
        ui.add(Text::caption(name));
        if !remark.is_empty() {
            ui.add(Text::small(remark).faint());
        }
        ui.with_layout(Layout::right_to_left(Align::Center), right);
    });
}

/// [`section`] with a small control at the right, which the name is in line with.
pub fn section_with_control(ui: &mut Ui, name: &str, remark: &str, control: impl FnOnce(&mut Ui)) {
    super::layout::line(ui, Theme::of(ui).size.control_height_small, |ui| {
        ui.add(Text::caption(name));
        if !remark.is_empty() {
            ui.add(Text::small(remark).faint());
        }
        ui.with_layout(Layout::right_to_left(Align::Center), control);
    });
}

/// A name at the left, its value at the right; 24 high.
pub fn fact(ui: &mut Ui, name: &str, value: &str) {
    let theme = Theme::of(ui);
    let (rect, response) =
        ui.allocate_exact_size(Vec2::new(ui.available_width(), theme.size.fact_row_height), Sense::hover());
    fact_in(ui, rect, &response, name, value);
}

/// Facts in two columns, filled downwards; in one where there is no room.
pub fn facts_in_two_columns(ui: &mut Ui, facts: &[(&str, String)]) {
    let theme = Theme::of(ui);
    if ui.available_width() < theme.size.side_panel_min {
        facts.iter().for_each(|(name, value)| fact(ui, name, value));
        return;
    }
    let gap = theme.space.l + theme.space.s;
    let width = (ui.available_width() - gap) / 2.0;
    let rows = facts.len().div_ceil(2);
    for row in 0..rows {
        let (rect, _) =
            ui.allocate_exact_size(Vec2::new(ui.available_width(), theme.size.fact_row_height), Sense::hover());
        for column in 0..2 {
            let Some((name, value)) = facts.get(column * rows + row) else { continue };
            let left = rect.left() + column as f32 * (width + gap);
            let cell = Rect::from_min_size(Pos2::new(left, rect.top()), Vec2::new(width, rect.height()));
            let response = ui.interact(cell, ui.scope_id().with((*name, "fact")), Sense::hover());
            fact_in(ui, cell, &response, name, value);
        }
    }
}

fn fact_in(ui: &Ui, rect: Rect, response: &Response, name: &str, value: &str) {
    let theme = Theme::of(ui);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{name} {value}")));
    let painter = ui.painter();
    let name = painter.layout_no_wrap(name.to_owned(), theme.body(), theme.text.faint);
    let room = rect.width() - name.size().x - theme.space.s;
    let cut = super::choice::one_line(ui, value, theme.body(), theme.text.normal, room);
    let y = |height: f32| (rect.center().y - height / 2.0).round();
    let is_cut = cut.elided;
    let at = Pos2::new((rect.right() - cut.size().x).round(), y(cut.size().y));
    painter.galley(Pos2::new(rect.left(), y(name.size().y)), name, theme.text.faint);
    painter.galley(at, cut, theme.text.normal);
    if is_cut {
        tooltip::on_hover(response.clone(), value, "");
    }
}

/// A sentence after a mark, which is at its first line.
pub fn marked_text(ui: &mut Ui, mark: Icon, color: Color32, text: Text) {
    let theme = Theme::of(ui);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = theme.space.s;
        let size = Vec2::new(theme.size.icon_small, theme.type_scale.line_body);
        let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
        mark.paint(ui.painter(), rect.center(), theme.size.icon_small, color);
        ui.add(text.wrapped());
    });
}

/// A one-pixel rule across the room there is.
pub fn rule(ui: &mut Ui) {
    let theme = Theme::of(ui);
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), theme.width.line), Sense::hover());
    ui.painter().rect_filled(rect, egui::CornerRadius::ZERO, theme.stroke.subtle);
}

/// One setting: name, control, one line of help, and a tooltip with the long story.
pub struct SettingsRow<'a> {
    pub name: &'a str,
    pub help: &'a str,
    /// Title and text of the tooltip.
    pub about: (&'a str, &'a str),
    /// SemiBold name, and a link that takes the value back.
    pub is_changed: bool,
    /// `help` says what would be right.
    pub is_wrong: bool,
}

/// What happened in a settings row.
pub struct SettingsResponse<R> {
    pub inner: R,
    pub reset: bool,
}

impl SettingsRow<'_> {
    pub fn show<R>(self, ui: &mut Ui, control: impl FnOnce(&mut Ui) -> R) -> SettingsResponse<R> {
        let theme = Theme::of(ui);
        let height = theme.size.settings_row_height - theme.width.line;
        let mut reset = false;
        let inner = ui
            .horizontal(|ui| {
                ui.set_min_height(height);
                ui.spacing_mut().item_spacing.x = 0.0;
                let left = ui.cursor().left();
                let name = if self.is_changed { Text::strong(self.name) } else { Text::body(self.name) };
                ui.add(name);
                if self.is_changed {
                    ui.add_space(theme.space.s);
                    reset = ui.add(super::button::Button::link("reset").small()).clicked();
                }
                to_column(ui, left + theme.size.settings_name_width);
                let inner = ui.scope(|ui| {
                    ui.spacing_mut().item_spacing.x = theme.pad.between_controls;
                    ui.horizontal(control).inner
                });
                to_column(ui, left + theme.size.settings_name_width + theme.size.settings_control_width);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let info = icon::INFO.show(ui, theme.text.faint);
                    info.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("About {}", self.name)));
                    tooltip::on_hover(info, self.about.0, self.about.1);
                    ui.add_space(theme.space.s);
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        let help = Text::small(self.help).one_line();
                        ui.add(if self.is_wrong { help.color(theme.status.error) } else { help.faint() });
                    });
                });
                inner.inner
            })
            .inner;
        SettingsResponse { inner, reset }
    }
}

/// Moves the cursor of a horizontal layout to `x`, where it isn't there yet.
pub fn to_column(ui: &mut Ui, x: f32) {
    let rest = x - ui.cursor().left();
    if rest > 0.0 {
        ui.add_space(rest);
    }
}

/// What a step is up to, as a mark at the right of its rail entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    ToDo,
    Ready,
    Running,
    Done,
}

impl Mark {
    pub fn paint(self, ui: &Ui, center: Pos2) {
        let theme = Theme::of(ui);
        let radius = theme.size.dot / 2.0;
        match self {
            Self::ToDo => {}
            Self::Ready => {
                ui.painter().circle_stroke(center, radius - theme.width.line, theme.line(theme.text.soft));
            }
            Self::Running => {
                ui.painter().circle_filled(center, radius, theme.status.running);
            }
            Self::Done => icon::CHECK_CIRCLE.filled().paint(ui.painter(), center, theme.size.icon, theme.status.ok),
        }
    }
}

/// A bar 4 high: accent on `surface.active`. `None` shows an empty bar: the amount of work isn't known.
pub fn progress(ui: &mut Ui, name: &str, share: Option<f32>, width: f32) -> Response {
    let theme = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, theme.size.progress_height), Sense::hover());
    response.widget_info(|| WidgetInfo {
        value: share.map(f64::from),
        ..WidgetInfo::labeled(Role::ProgressIndicator, true, name)
    });
    let rounding = theme.rounding(theme.radius.mark);
    ui.painter().rect_filled(rect, rounding, theme.surface.active);
    if let Some(share) = share {
        let done = Rect::from_min_size(rect.min, Vec2::new(rect.width() * share.clamp(0.0, 1.0), rect.height()));
        ui.painter().rect_filled(done, rounding, theme.accent.line);
    }
    response
}

/// An id for a thing that has a place of its own on a screen.
pub fn place(name: &str) -> Id {
    Id::unique(("place", name))
}
