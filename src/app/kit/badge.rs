//! Badges show a state and are never clickable; chips filter and always are.

use egui::{Color32, CursorIcon, Pos2, Response, Role, Sense, StrokeKind, Ui, Vec2, Widget, WidgetInfo};

use super::focus;
use super::icon::{self, Icon};
use super::theme::Theme;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Ok,
    Warning,
    Error,
    Running,
    Before,
    After,
    Neutral,
}

/// A short state with an icon on its tint.
#[derive(Debug, Clone)]
#[must_use = "add it with ui.add"]
pub struct Badge {
    words: String,
    tone: Tone,
    icon: Option<Icon>,
}

impl Badge {
    fn new(words: impl Into<String>, tone: Tone, icon: Option<Icon>) -> Self {
        Self { words: words.into(), tone, icon }
    }

    pub fn ok(words: impl Into<String>) -> Self {
        Self::new(words, Tone::Ok, Some(icon::CHECK_CIRCLE.filled()))
    }

    pub fn warning(words: impl Into<String>) -> Self {
        Self::new(words, Tone::Warning, Some(icon::WARNING.filled()))
    }

    pub fn error(words: impl Into<String>) -> Self {
        Self::new(words, Tone::Error, Some(icon::X_CIRCLE.filled()))
    }

    pub fn running(words: impl Into<String>) -> Self {
        Self::new(words, Tone::Running, Some(icon::CIRCLE.filled()))
    }

    pub fn before(words: impl Into<String>) -> Self {
        Self::new(words, Tone::Before, None)
    }

    pub fn after(words: impl Into<String>) -> Self {
        Self::new(words, Tone::After, None)
    }

    pub fn neutral(words: impl Into<String>) -> Self {
        Self::new(words, Tone::Neutral, None)
    }

    /// Another icon, or one for a badge that has none.
    pub fn icon(self, icon: Icon) -> Self {
        Self { icon: Some(icon), ..self }
    }

    pub fn without_icon(self) -> Self {
        Self { icon: None, ..self }
    }

    fn colors(&self, theme: &Theme) -> (Color32, Color32) {
        match self.tone {
            Tone::Ok => (theme.status.ok, theme.status.ok_tint),
            Tone::Warning => (theme.status.warning, theme.status.warning_tint),
            Tone::Error => (theme.status.error, theme.status.error_tint),
            Tone::Running => (theme.status.running, theme.status.running_tint),
            Tone::Before => (theme.model.before, theme.model.before_tint),
            Tone::After => (theme.model.after, theme.model.after_tint),
            Tone::Neutral => (theme.text.soft, theme.surface.hover),
        }
    }
}

impl Widget for Badge {
    fn ui(self, ui: &mut Ui) -> Response {
        let theme = Theme::of(ui);
        let (color, tint) = self.colors(theme);
        let text = ui.painter().layout_no_wrap(self.words.clone(), theme.small(), color);
        let icon_width = if self.icon.is_some() { theme.size.icon_small + theme.space.xs } else { 0.0 };
        let size = Vec2::new(text.size().x + icon_width + 2.0 * theme.pad.badge_x, theme.size.badge_height);
        let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &self.words));
        if ui.is_rect_visible(rect) {
            ui.painter().rect_filled(rect, theme.rounding(theme.radius.badge), tint);
            let mut x = rect.left() + theme.pad.badge_x;
            if let Some(icon) = self.icon {
                let half = theme.size.icon_small / 2.0;
                icon.paint(ui.painter(), Pos2::new(x + half, rect.center().y), theme.size.icon_small, color);
                x += icon_width;
            }
            let y = (rect.center().y - text.size().y / 2.0).round();
            ui.painter().galley(Pos2::new(x.round(), y), text, color);
        }
        response
    }
}

/// A filter with a faint count.
#[derive(Debug, Clone)]
#[must_use = "add it with ui.add"]
pub struct Chip {
    words: String,
    count: Option<String>,
    icon: Option<(Icon, Color32)>,
    is_selected: bool,
    is_removable: bool,
}

impl Chip {
    pub fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), count: None, icon: None, is_selected: false, is_removable: false }
    }

    /// A filter that is set and goes with a click.
    pub fn removable(words: impl Into<String>) -> Self {
        Self { is_selected: true, is_removable: true, ..Self::new(words) }
    }

    pub fn count(self, count: u64) -> Self {
        Self { count: Some(super::format::short_count(count)), ..self }
    }

    pub fn icon(self, icon: Icon, color: Color32) -> Self {
        Self { icon: Some((icon, color)), ..self }
    }

    pub fn selected(self, is_selected: bool) -> Self {
        Self { is_selected, ..self }
    }
}

impl Widget for Chip {
    fn ui(self, ui: &mut Ui) -> Response {
        let theme = Theme::of(ui);
        let ink = if self.is_selected { theme.text.normal } else { theme.text.soft };
        let font = if self.is_selected { theme.strong() } else { theme.body() };
        let text = ui.painter().layout_no_wrap(self.words.clone(), font, ink);
        let count = self
            .count
            .as_ref()
            .map(|count| ui.painter().layout_no_wrap(count.clone(), theme.small(), theme.text.faint));
        let gap = theme.space.xs + theme.space.xxs;
        let icon_width = if self.icon.is_some() { theme.size.icon_small + gap } else { 0.0 };
        let count_width = count.as_ref().map_or(0.0, |count| count.size().x + gap);
        let cross_width = if self.is_removable { theme.size.icon_small + gap } else { 0.0 };
        let size = Vec2::new(
            text.size().x + icon_width + count_width + cross_width + 2.0 * theme.pad.button_small_x,
            theme.size.chip_height,
        );
        let (rect, response) = ui.allocate_exact_size(size, Sense::click());
        response.widget_info(|| match self.is_removable {
            true => WidgetInfo::labeled(Role::Button, true, format!("Remove the filter {}", self.words)),
            false => WidgetInfo::selected(Role::RadioButton, true, self.is_selected, &self.words),
        });
        if ui.is_rect_visible(rect) {
            let fill = if self.is_selected {
                theme.surface.selected
            } else if response.hovered() {
                theme.surface.hover
            } else {
                Color32::TRANSPARENT
            };
            ui.painter().rect(rect, theme.rounding(theme.radius.control), fill, egui::Stroke::NONE, StrokeKind::Inside);
            let mut x = rect.left() + theme.pad.button_small_x;
            let y = rect.center().y;
            if let Some((icon, color)) = self.icon {
                let size = theme.size.icon_small;
                icon.paint(ui.painter(), Pos2::new(x + size / 2.0, y), size, color);
                x += icon_width;
            }
            let width = text.size().x;
            ui.painter().galley(Pos2::new(x, (y - text.size().y / 2.0).round()), text, ink);
            if self.is_removable {
                let right = rect.right() - theme.pad.button_small_x - theme.size.icon_small / 2.0;
                let at = Pos2::new(right, rect.center().y);
                super::icon::X.paint(ui.painter(), at, theme.size.icon_small, theme.text.soft);
            }
            if let Some(count) = count {
                let at = Pos2::new(x + width + gap, (y - count.size().y / 2.0).round());
                ui.painter().galley(at, count, theme.text.faint);
            }
            focus::ring(ui, &response, theme.radius.control);
        }
        response.on_hover_cursor(CursorIcon::PointingHand)
    }
}
