//! Words in one of the four sizes.

use egui::{Color32, FontId, Label, Response, RichText, TextWrapMode, Ui, Widget};

use super::theme::Theme;

#[derive(Debug, Clone, Copy)]
enum Face {
    Body,
    Strong,
    Small,
    SmallStrong,
    Mono,
    Title,
}

#[derive(Debug, Clone, Copy)]
enum Tone {
    Normal,
    Soft,
    Faint,
    Disabled,
    Own(Color32),
}

/// A label. Lines have the height of the token file, so that texts beside each other share a baseline.
#[derive(Debug, Clone)]
#[must_use = "add it with ui.add"]
pub struct Text {
    words: String,
    face: Face,
    tone: Tone,
    wrap: Option<TextWrapMode>,
    is_underlined: bool,
}

impl Text {
    fn new(words: impl Into<String>, face: Face, tone: Tone) -> Self {
        Self { words: words.into(), face, tone, wrap: None, is_underlined: false }
    }

    /// 13, for everything without a reason to differ.
    pub fn body(words: impl Into<String>) -> Self {
        Self::new(words, Face::Body, Tone::Normal)
    }

    /// 13 SemiBold: titles of cards and panels.
    pub fn strong(words: impl Into<String>) -> Self {
        Self::new(words, Face::Strong, Tone::Normal)
    }

    /// 11: captions and help, soft.
    pub fn small(words: impl Into<String>) -> Self {
        Self::new(words, Face::Small, Tone::Soft)
    }

    /// 11 SemiBold: table heads and names of sections, soft.
    pub fn caption(words: impl Into<String>) -> Self {
        Self::new(words, Face::SmallStrong, Tone::Soft)
    }

    /// 12 mono: tokens, JSON, paths, public names.
    pub fn mono(words: impl Into<String>) -> Self {
        Self::new(words, Face::Mono, Tone::Normal)
    }

    /// 20 SemiBold: the screen's title and key figures.
    pub fn title(words: impl Into<String>) -> Self {
        Self::new(words, Face::Title, Tone::Normal)
    }

    pub fn normal(self) -> Self {
        Self { tone: Tone::Normal, ..self }
    }

    pub fn soft(self) -> Self {
        Self { tone: Tone::Soft, ..self }
    }

    pub fn faint(self) -> Self {
        Self { tone: Tone::Faint, ..self }
    }

    pub fn disabled(self) -> Self {
        Self { tone: Tone::Disabled, ..self }
    }

    pub fn color(self, color: Color32) -> Self {
        Self { tone: Tone::Own(color), ..self }
    }

    pub fn underlined(self) -> Self {
        Self { is_underlined: true, ..self }
    }

    /// One line, cut with "…"; the whole text on hover.
    pub fn one_line(self) -> Self {
        Self { wrap: Some(TextWrapMode::Truncate), ..self }
    }

    /// Several lines, also where the layout is horizontal.
    pub fn wrapped(self) -> Self {
        Self { wrap: Some(TextWrapMode::Wrap), ..self }
    }

    fn font(&self, theme: &Theme) -> (FontId, f32) {
        let scale = &theme.type_scale;
        match self.face {
            Face::Body => (theme.body(), scale.line_body),
            Face::Strong => (theme.strong(), scale.line_body),
            Face::Small => (theme.small(), scale.line_small),
            Face::SmallStrong => (theme.small_strong(), scale.line_small),
            Face::Mono => (theme.mono(), scale.line_mono),
            Face::Title => (theme.title(), scale.line_title),
        }
    }

    /// How wide it is on one line.
    pub fn width(&self, ui: &Ui) -> f32 {
        let (font, _) = self.font(Theme::of(ui));
        ui.painter().layout_no_wrap(self.words.clone(), font, Color32::TRANSPARENT).size().x
    }

    /// The text for places that take egui's own.
    pub fn rich(&self, theme: &Theme) -> RichText {
        let (font, line_height) = self.font(theme);
        let color = match self.tone {
            Tone::Normal => theme.text.normal,
            Tone::Soft => theme.text.soft,
            Tone::Faint => theme.text.faint,
            Tone::Disabled => theme.text.disabled,
            Tone::Own(color) => color,
        };
        let mut rich = RichText::new(&self.words).font(font).line_height(Some(line_height)).color(color);
        if matches!(self.face, Face::Title) {
            rich = rich.extra_letter_spacing(theme.type_scale.title_spacing);
        }
        if self.is_underlined { rich.underline() } else { rich }
    }
}

impl Widget for Text {
    fn ui(self, ui: &mut Ui) -> Response {
        let mut label = Label::new(self.rich(Theme::of(ui)));
        if let Some(mode) = self.wrap {
            label = label.wrap_mode(mode);
        } else if !ui.layout().is_vertical() {
            label = label.extend();
        }
        ui.add(label)
    }
}
