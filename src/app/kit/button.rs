//! Buttons.

use egui::{
    Align2, Color32, CursorIcon, FontId, Pos2, Rect, Response, Role, Sense, StrokeKind, Ui, Vec2, Widget, WidgetInfo,
};

use super::icon::Icon;
use super::theme::Theme;
use super::{focus, tooltip};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Primary,
    Secondary,
    Quiet,
    Link,
    /// The open project's name: quiet, SemiBold.
    Title,
    /// Looks like a text field and opens one.
    Field,
    Danger,
    DangerSolid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Height {
    Small,
    Normal,
    Large,
}

/// A button; `ui.add(…).clicked()`.
#[derive(Debug, Clone)]
#[must_use = "add it with ui.add"]
pub struct Button {
    words: String,
    name: Option<String>,
    kind: Kind,
    icon: Option<Icon>,
    key: Option<String>,
    height: Height,
    disabled: Option<String>,
    hint: Option<(String, String)>,
    is_icon_only: bool,
    has_caret: bool,
    width: Option<f32>,
    most_width: f32,
}

impl Button {
    fn new(words: impl Into<String>, kind: Kind) -> Self {
        Self {
            words: words.into(),
            name: None,
            kind,
            icon: None,
            key: None,
            height: Height::Normal,
            disabled: None,
            hint: None,
            is_icon_only: false,
            has_caret: false,
            width: None,
            most_width: f32::INFINITY,
        }
    }

    /// Accent fill; at most one a view.
    pub fn primary(words: impl Into<String>) -> Self {
        Self::new(words, Kind::Primary)
    }

    pub fn secondary(words: impl Into<String>) -> Self {
        Self::new(words, Kind::Secondary)
    }

    /// No edge.
    pub fn quiet(words: impl Into<String>) -> Self {
        Self::new(words, Kind::Quiet)
    }

    /// Accent text, inside rows.
    pub fn link(words: impl Into<String>) -> Self {
        Self::new(words, Kind::Link)
    }

    /// Leads to something that destroys, through a dialog.
    pub fn danger(words: impl Into<String>) -> Self {
        Self::new(words, Kind::Danger)
    }

    /// Destroys; only in the dialog that confirms.
    pub fn danger_solid(words: impl Into<String>) -> Self {
        Self::new(words, Kind::DangerSolid)
    }

    /// The open project, which opens a menu.
    pub fn project(words: impl Into<String>) -> Self {
        Self { icon: Some(super::icon::FOLDER), has_caret: true, ..Self::new(words, Kind::Title) }
    }

    /// Looks like a text field and opens one.
    pub fn field(words: impl Into<String>) -> Self {
        Self::new(words, Kind::Field)
    }

    /// A square, quiet button; `name` is its accessible name and tooltip.
    pub fn icon_only(icon: Icon, name: impl Into<String>) -> Self {
        Self { icon: Some(icon), is_icon_only: true, ..Self::new(name, Kind::Quiet) }
    }

    /// An accessible name that stays the same while the words change.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    pub fn icon(self, icon: Icon) -> Self {
        Self { icon: Some(icon), ..self }
    }

    /// The shortcut, inside the button as a key cap.
    pub fn key(self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// 24 high.
    pub fn small(self) -> Self {
        Self { height: Height::Small, ..self }
    }

    /// 36 high, for the one big step.
    pub fn large(self) -> Self {
        Self { height: Height::Large, ..self }
    }

    pub fn width(self, width: f32) -> Self {
        Self { width: Some(width), ..self }
    }

    /// Longer words are cut with "…".
    pub fn at_most(self, most_width: f32) -> Self {
        Self { most_width, ..self }
    }

    /// A caret at the right: the button opens a list.
    pub fn caret(self) -> Self {
        Self { has_caret: true, ..self }
    }

    /// Off unless `enabled`; `reason` says why, on hover.
    pub fn enabled_or(self, enabled: bool, reason: impl Into<String>) -> Self {
        Self { disabled: (!enabled).then(|| reason.into()), ..self }
    }

    /// Off where there is a reason.
    pub fn disabled_by(self, reason: Option<impl Into<String>>) -> Self {
        Self { disabled: reason.map(Into::into), ..self }
    }

    /// What it does, on hover.
    pub fn hint(self, title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { hint: Some((title.into(), text.into())), ..self }
    }

    fn font(&self, theme: &Theme) -> FontId {
        match (self.kind, self.height) {
            (Kind::Primary | Kind::DangerSolid | Kind::Title, _) => theme.strong(),
            (_, Height::Small) => theme.small(),
            _ => theme.body(),
        }
    }

    fn colors(&self, theme: &Theme, response: &Response) -> Colors {
        let (hovered, pressed) = (response.hovered(), response.is_pointer_button_down_on());
        let none = Color32::TRANSPARENT;
        let pick = |rest, hover, active| {
            if pressed {
                active
            } else if hovered {
                hover
            } else {
                rest
            }
        };
        if self.disabled.is_some() {
            let (fill, edge) = match self.kind {
                Kind::Primary | Kind::DangerSolid => (theme.surface.active, none),
                Kind::Secondary | Kind::Danger | Kind::Field => (none, theme.stroke.normal),
                Kind::Quiet | Kind::Link | Kind::Title => (none, none),
            };
            return Colors { fill, edge, text: theme.text.disabled, icon: theme.text.disabled };
        }
        let surface = &theme.surface;
        match self.kind {
            Kind::Primary => {
                let fill = pick(theme.accent.fill, theme.accent.fill_hover, theme.accent.fill_active);
                Colors::plain(fill, none, theme.text.on_accent)
            }
            Kind::DangerSolid => {
                let fill = pick(theme.danger.fill, theme.danger.fill_hover, theme.danger.fill);
                Colors::plain(fill, none, theme.text.on_accent)
            }
            Kind::Secondary => {
                let fill = pick(surface.card, surface.hover, surface.active);
                Colors { icon: theme.text.soft, ..Colors::plain(fill, theme.stroke.strong, theme.text.normal) }
            }
            Kind::Danger => {
                let fill = pick(surface.card, surface.hover, surface.active);
                Colors::plain(fill, theme.stroke.strong, theme.status.error)
            }
            Kind::Quiet => Colors::plain(pick(none, surface.hover, surface.active), none, theme.text.soft),
            Kind::Link => Colors::plain(none, none, theme.accent.text),
            Kind::Title => Colors {
                icon: theme.text.soft,
                ..Colors::plain(pick(none, surface.hover, surface.active), none, theme.text.normal)
            },
            Kind::Field => {
                Colors::plain(pick(surface.input, surface.hover, surface.active), theme.stroke.strong, theme.text.faint)
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Colors {
    fill: Color32,
    edge: Color32,
    text: Color32,
    icon: Color32,
}

impl Colors {
    fn plain(fill: Color32, edge: Color32, text: Color32) -> Self {
        Self { fill, edge, text, icon: text }
    }
}

impl Widget for Button {
    fn ui(self, ui: &mut Ui) -> Response {
        let theme = Theme::of(ui);
        let height = match self.height {
            // Links are in lines of text and don't make them higher.
            Height::Small if self.kind == Kind::Link => theme.type_scale.line_small,
            Height::Normal if self.kind == Kind::Link => theme.type_scale.line_body,
            Height::Small => theme.size.control_height_small,
            Height::Normal => theme.size.control_height,
            Height::Large => theme.size.control_height_large,
        };
        let pad = match (self.kind, self.height) {
            (Kind::Link, _) => 0.0,
            (Kind::Title | Kind::Field, _) => theme.pad.input_x + theme.width.line,
            (_, Height::Small) => theme.pad.button_small_x + theme.width.line,
            _ => theme.pad.button_x + theme.width.line,
        };
        let icon_size = theme.size.icon;
        let gap = if matches!(self.kind, Kind::Field | Kind::Title) {
            theme.space.s
        } else {
            theme.space.xs + theme.space.xxs
        };
        let text = super::choice::one_line(ui, &self.words, self.font(theme), Color32::PLACEHOLDER, self.most_width);
        let key = self.key.as_ref().filter(|_| !self.is_icon_only).map(|key| KeyCap::new(ui, key));

        let mut content = 0.0;
        if self.icon.is_some() {
            content += icon_size + if self.is_icon_only { 0.0 } else { gap };
        }
        if !self.is_icon_only {
            content += text.size().x;
        }
        content += key.as_ref().map_or(0.0, |key| gap + key.width());
        content += if self.has_caret { gap + theme.size.icon_small } else { 0.0 };
        let natural = if self.kind == Kind::Field { theme.size.field_button_width } else { content + 2.0 * pad };
        let width = if self.is_icon_only { height } else { self.width.unwrap_or(natural) };
        let is_enabled = self.disabled.is_none();
        let sense = if is_enabled { Sense::click() } else { Sense::hover() };
        let (rect, response) = ui.allocate_exact_size(Vec2::new(width, height), sense);
        let name = self.name.as_ref().unwrap_or(&self.words);
        response.widget_info(|| WidgetInfo::labeled(Role::Button, is_enabled, name));

        if ui.is_rect_visible(rect) {
            let colors = self.colors(theme, &response);
            let painter = ui.painter();
            painter.rect(
                rect,
                theme.rounding(theme.radius.control),
                colors.fill,
                theme.line(colors.edge),
                StrokeKind::Inside,
            );
            let is_left = matches!(self.kind, Kind::Field | Kind::Title);
            let mut x = if is_left { rect.left() + pad } else { (rect.center().x - content / 2.0).round() };
            let y = rect.center().y;
            if let Some(icon) = self.icon {
                icon.paint(painter, Pos2::new(x + icon_size / 2.0, y), icon_size, colors.icon);
                x += icon_size + gap;
            }
            if !self.is_icon_only {
                let size = text.size();
                let top_left = Pos2::new(x, (y - size.y / 2.0).round());
                if self.kind == Kind::Link && is_enabled && response.hovered() {
                    painter.hline(x..=x + size.x, top_left.y + size.y - 1.0, theme.line(colors.text));
                }
                painter.galley_with_override_text_color(top_left, text, colors.text);
                x += size.x + gap;
            }
            if let Some(key) = key {
                let is_solid = is_enabled && matches!(self.kind, Kind::Primary | Kind::DangerSolid);
                let (color, edge) = match (is_enabled, is_solid) {
                    (false, _) => (theme.text.disabled, theme.stroke.normal),
                    (true, true) => (theme.text.on_accent, theme.accent.text),
                    (true, false) => (theme.text.faint, theme.stroke.strong),
                };
                let left = if self.kind == Kind::Field { rect.right() - pad - key.width() } else { x };
                key.paint(ui, Pos2::new(left, y), color, edge);
                x += gap;
            }
            if self.has_caret {
                let center = Pos2::new(x + theme.size.icon_small / 2.0, y);
                super::icon::CARET_DOWN.paint(painter, center, theme.size.icon_small, colors.icon);
            }
            focus::ring(ui, &response, theme.radius.control);
        }
        self.tell(response)
    }
}

impl Button {
    fn tell(self, response: Response) -> Response {
        if let Some(reason) = &self.disabled {
            return tooltip::on_hover(response, &self.words, reason);
        }
        let response = response.on_hover_cursor(CursorIcon::PointingHand);
        match &self.hint {
            Some((title, text)) => tooltip::on_hover(response, title, text),
            None if self.is_icon_only => tooltip::on_hover(response, &self.words, self.key.as_deref().unwrap_or("")),
            None => response,
        }
    }
}

/// The name of a key in a small frame.
pub struct KeyCap {
    galley: std::sync::Arc<egui::Galley>,
    pad: f32,
    height: f32,
}

impl KeyCap {
    pub fn new(ui: &Ui, key: &str) -> Self {
        let theme = Theme::of(ui);
        let galley = ui.painter().layout_no_wrap(key.to_owned(), theme.small(), Color32::PLACEHOLDER);
        Self { galley, pad: theme.space.xs + theme.width.line, height: theme.size.key_cap_height }
    }

    pub fn width(&self) -> f32 {
        self.galley.size().x.max(self.height - 2.0 * self.pad) + 2.0 * self.pad
    }

    /// Paints the cap with its left edge's middle at `left`.
    pub fn paint(&self, ui: &Ui, left: Pos2, color: Color32, edge: Color32) {
        let theme = Theme::of(ui);
        let size = Vec2::new(self.width(), self.height);
        let rect = Rect::from_min_size(Pos2::new(left.x, (left.y - size.y / 2.0).round()), size);
        ui.painter().rect_stroke(rect, theme.rounding(theme.radius.badge), theme.line(edge), StrokeKind::Inside);
        let at = Align2::CENTER_CENTER.align_size_within_rect(self.galley.size(), rect).min;
        ui.painter().galley_with_override_text_color(at.round(), self.galley.clone(), color);
    }
}

/// A key cap with words after it, as in a list of shortcuts.
pub fn key_hint(ui: &mut Ui, key: &str, words: &str) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.x = theme.space.xs + theme.space.xxs;
    let cap = KeyCap::new(ui, key);
    let (rect, _) = ui.allocate_exact_size(Vec2::new(cap.width(), theme.size.badge_height), Sense::hover());
    cap.paint(ui, rect.left_center(), theme.text.faint, theme.stroke.strong);
    ui.add(super::text::Text::small(words).faint());
}
