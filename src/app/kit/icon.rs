//! Icons by name, from Phosphor. `scripts/make-fonts` reads this file: an icon is in the font files once it is here.

use egui::{Align2, Color32, FontFamily, FontId, Painter, Pos2, Rect, Response, Sense, Ui, Vec2};

use super::theme::Theme;

/// One glyph of Phosphor, in outline or filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icon {
    glyph: char,
    is_filled: bool,
}

impl Icon {
    const fn new(code: char) -> Self {
        Self { glyph: code, is_filled: false }
    }

    /// The filled drawing: status marks only.
    pub const fn filled(self) -> Self {
        Self { is_filled: true, ..self }
    }

    fn font(self, size: f32) -> FontId {
        FontId::new(
            size,
            FontFamily::Name(if self.is_filled { super::fonts::ICON_FILL } else { super::fonts::ICON }.into()),
        )
    }

    /// Paints the icon in a square of `size` around `center`.
    pub fn paint(self, painter: &Painter, center: Pos2, size: f32, color: Color32) {
        painter.text(center, Align2::CENTER_CENTER, self.glyph, self.font(size), color);
    }

    /// Adds the icon as a picture without a meaning of its own; the words beside it carry that.
    pub fn show(self, ui: &mut Ui, color: Color32) -> Response {
        self.show_sized(ui, Theme::of(ui).size.icon, color)
    }

    pub fn show_sized(self, ui: &mut Ui, size: f32, color: Color32) -> Response {
        let (rect, response) = ui.allocate_exact_size(Vec2::splat(size), Sense::hover());
        self.paint_in(ui.painter(), rect, color);
        response
    }

    pub fn paint_in(self, painter: &Painter, rect: Rect, color: Color32) {
        self.paint(painter, rect.center(), rect.height(), color);
    }
}

pub const CUBE: Icon = Icon::new('\u{e1da}');
pub const TABLE: Icon = Icon::new('\u{e476}');
pub const PULSE: Icon = Icon::new('\u{e000}');
pub const TARGET: Icon = Icon::new('\u{e47c}');
pub const COLUMNS: Icon = Icon::new('\u{e546}');
pub const PACKAGE: Icon = Icon::new('\u{e390}');
pub const LIST_BULLETS: Icon = Icon::new('\u{e2f2}');
pub const GEAR_SIX: Icon = Icon::new('\u{e272}');
pub const FOLDER: Icon = Icon::new('\u{e24a}');
pub const FOLDER_OPEN: Icon = Icon::new('\u{e256}');
pub const CARET_DOWN: Icon = Icon::new('\u{e136}');
pub const CARET_UP: Icon = Icon::new('\u{e13c}');
pub const CARET_RIGHT: Icon = Icon::new('\u{e13a}');
pub const CARET_LEFT: Icon = Icon::new('\u{e138}');
pub const CHECK: Icon = Icon::new('\u{e182}');
pub const ARROW_U_UP_LEFT: Icon = Icon::new('\u{e08a}');
pub const ARROW_U_UP_RIGHT: Icon = Icon::new('\u{e08c}');
pub const MAGNIFYING_GLASS: Icon = Icon::new('\u{e30c}');
pub const MOON: Icon = Icon::new('\u{e330}');
pub const SUN: Icon = Icon::new('\u{e472}');
pub const QUESTION: Icon = Icon::new('\u{e3e8}');
pub const CIRCLE: Icon = Icon::new('\u{e18a}');
pub const CPU: Icon = Icon::new('\u{e610}');
pub const MEMORY: Icon = Icon::new('\u{e9c4}');
pub const WIFI_SLASH: Icon = Icon::new('\u{e4f2}');
pub const WIFI_HIGH: Icon = Icon::new('\u{e4ea}');
pub const CHECK_CIRCLE: Icon = Icon::new('\u{e184}');
pub const WARNING: Icon = Icon::new('\u{e4e0}');
pub const X_CIRCLE: Icon = Icon::new('\u{e4f8}');
pub const INFO: Icon = Icon::new('\u{e2ce}');
pub const ARROW_CLOCKWISE: Icon = Icon::new('\u{e036}');
pub const HARD_DRIVE: Icon = Icon::new('\u{e29e}');
pub const HARD_DRIVES: Icon = Icon::new('\u{e2a0}');
pub const X: Icon = Icon::new('\u{e4f6}');
pub const PLAY: Icon = Icon::new('\u{e3d0}');
pub const PAUSE: Icon = Icon::new('\u{e39e}');
pub const STOP: Icon = Icon::new('\u{e46c}');
pub const SQUARE: Icon = Icon::new('\u{e45e}');
pub const PLUS: Icon = Icon::new('\u{e3d4}');
pub const MINUS: Icon = Icon::new('\u{e32a}');
pub const TRASH: Icon = Icon::new('\u{e4a6}');
pub const COPY: Icon = Icon::new('\u{e1ca}');
pub const DOWNLOAD_SIMPLE: Icon = Icon::new('\u{e20c}');
pub const UPLOAD_SIMPLE: Icon = Icon::new('\u{e4c0}');
pub const USER: Icon = Icon::new('\u{e4c2}');
pub const ROBOT: Icon = Icon::new('\u{e762}');
pub const DOTS_THREE: Icon = Icon::new('\u{e1fe}');
pub const PENCIL_SIMPLE: Icon = Icon::new('\u{e3b4}');
pub const PROHIBIT: Icon = Icon::new('\u{e3de}');
pub const WARNING_CIRCLE: Icon = Icon::new('\u{e4e2}');
pub const FILE: Icon = Icon::new('\u{e230}');
pub const FILE_CSV: Icon = Icon::new('\u{eb1c}');
pub const FILE_TEXT: Icon = Icon::new('\u{e23a}');
pub const FLOPPY_DISK: Icon = Icon::new('\u{e248}');
pub const LIGHTNING: Icon = Icon::new('\u{e2de}');
pub const SCALES: Icon = Icon::new('\u{e750}');
pub const TERMINAL: Icon = Icon::new('\u{e47e}');
pub const TERMINAL_WINDOW: Icon = Icon::new('\u{eae8}');
pub const TREND_DOWN: Icon = Icon::new('\u{e4ac}');
pub const CROSSHAIR: Icon = Icon::new('\u{e1d6}');
pub const ARROW_UP: Icon = Icon::new('\u{e08e}');
pub const ARROW_DOWN: Icon = Icon::new('\u{e03e}');
pub const EQUALS: Icon = Icon::new('\u{e21c}');
pub const ROWS: Icon = Icon::new('\u{e5a2}');
pub const BRACKETS_CURLY: Icon = Icon::new('\u{e860}');
pub const SCISSORS: Icon = Icon::new('\u{eae0}');
pub const ARROWS_LEFT_RIGHT: Icon = Icon::new('\u{e0a0}');
pub const FUNNEL: Icon = Icon::new('\u{e266}');
pub const STAR: Icon = Icon::new('\u{e46a}');
pub const EXPORT: Icon = Icon::new('\u{eaf0}');
pub const PUZZLE_PIECE: Icon = Icon::new('\u{e596}');
pub const TRAY_ARROW_DOWN: Icon = Icon::new('\u{e010}');
pub const CIRCLE_DASHED: Icon = Icon::new('\u{e602}');
pub const WRENCH: Icon = Icon::new('\u{e5d4}');
pub const SORT_ASCENDING: Icon = Icon::new('\u{e444}');
pub const QUEUE: Icon = Icon::new('\u{e6ac}');
pub const LIST_PLUS: Icon = Icon::new('\u{e2f8}');
pub const ARROW_SQUARE_OUT: Icon = Icon::new('\u{e5de}');
pub const EYE: Icon = Icon::new('\u{e220}');
pub const KEYBOARD: Icon = Icon::new('\u{e2d8}');
pub const CHECK_SQUARE: Icon = Icon::new('\u{e186}');
pub const MINUS_SQUARE: Icon = Icon::new('\u{ed4c}');
pub const SIDEBAR_SIMPLE: Icon = Icon::new('\u{ec24}');
pub const MONITOR: Icon = Icon::new('\u{e32e}');
pub const CLOCK: Icon = Icon::new('\u{e19a}');
pub const SHUFFLE: Icon = Icon::new('\u{e422}');
pub const FILE_PLUS: Icon = Icon::new('\u{e236}');
pub const PENCIL_LINE: Icon = Icon::new('\u{e3b2}');
pub const CHART_LINE: Icon = Icon::new('\u{e154}');
pub const ARROWS_CLOCKWISE: Icon = Icon::new('\u{e094}');
pub const CLOUD_ARROW_DOWN: Icon = Icon::new('\u{e1ac}');
pub const CLOUD_ARROW_UP: Icon = Icon::new('\u{e1ae}');
pub const DOTS_SIX_VERTICAL: Icon = Icon::new('\u{eae2}');
pub const NOTE_PENCIL: Icon = Icon::new('\u{e34c}');
pub const TEXT_COLUMNS: Icon = Icon::new('\u{ec96}');
