//! Wells to type in: one line, several lines, a number.

use egui::text::{LayoutJob, TextFormat};
use egui::{
    Align, Align2, Color32, Frame, Id, Key, Margin, Pos2, Response, Sense, StrokeKind, TextEdit, Ui, UiBuilder, Vec2,
};

use super::icon::Icon;
use super::text::Text;
use super::theme::Theme;
use super::{arithmetic, focus};

/// A text field over a draft that the screen owns.
#[must_use = "call show"]
pub struct TextInput<'a> {
    text: &'a mut String,
    name: &'a str,
    hint: &'a str,
    icon: Option<Icon>,
    unit: &'a str,
    key: &'a str,
    error: Option<&'a str>,
    /// Whether it has the edge of an error, whose words are elsewhere.
    is_wrong: bool,
    width: Option<f32>,
    is_mono: bool,
    is_secret: bool,
    rows: usize,
    id: Option<Id>,
}

impl<'a> TextInput<'a> {
    /// `name` is the accessible name.
    pub fn new(name: &'a str, text: &'a mut String) -> Self {
        Self {
            text,
            name,
            hint: "",
            icon: None,
            unit: "",
            key: "",
            error: None,
            is_wrong: false,
            width: None,
            is_mono: false,
            is_secret: false,
            rows: 1,
            id: None,
        }
    }

    /// Shown while the field is empty.
    pub fn hint(self, hint: &'a str) -> Self {
        Self { hint, ..self }
    }

    pub fn icon(self, icon: Icon) -> Self {
        Self { icon: Some(icon), ..self }
    }

    /// Faint, at the right.
    pub fn unit(self, unit: &'a str) -> Self {
        Self { unit, ..self }
    }

    /// The key that leads here, as a cap at the right.
    pub fn key(self, key: &'a str) -> Self {
        Self { key, ..self }
    }

    /// What is wrong and what would be right; one line under the field.
    pub fn error(self, error: Option<&'a str>) -> Self {
        Self { error, ..self }
    }

    /// The edge alone, where what would be right is beside the field.
    pub fn wrong(self, is_wrong: bool) -> Self {
        Self { is_wrong, ..self }
    }

    pub fn width(self, width: f32) -> Self {
        Self { width: Some(width), ..self }
    }

    pub fn mono(self) -> Self {
        Self { is_mono: true, ..self }
    }

    /// Points in place of letters.
    pub fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }

    /// At least this many lines; grows with the text.
    pub fn rows(self, rows: usize) -> Self {
        Self { rows: rows.max(1), ..self }
    }

    /// A lasting id, so that a shortcut can give the field focus.
    pub fn id(self, id: Id) -> Self {
        Self { id: Some(id), ..self }
    }

    pub fn show(self, ui: &mut Ui) -> Response {
        let width = self.width.unwrap_or_else(|| ui.available_width());
        let size = Vec2::new(width, Theme::of(ui).size.control_height);
        ui.allocate_ui_with_layout(size, egui::Layout::top_down(Align::Min), |ui| {
            ui.spacing_mut().item_spacing.y = Theme::of(ui).space.xs;
            let error = self.error;
            let response = if self.rows > 1 { self.well_of_lines(ui) } else { self.well_of_one_line(ui) };
            if let Some(error) = error {
                ui.add(Text::small(error).color(Theme::of(ui).status.error).wrapped());
            }
            response
        })
        .inner
    }

    fn edge(&self, theme: &Theme) -> Color32 {
        if self.error.is_some() || self.is_wrong { theme.status.error } else { theme.stroke.strong }
    }

    fn editor(text: &'a mut String, hint: &str, is_mono: bool, rows: usize, theme: &Theme) -> TextEdit<'a> {
        let font = if is_mono { theme.mono() } else { theme.body() };
        let editor = if rows > 1 { TextEdit::multiline(text).desired_rows(rows) } else { TextEdit::singleline(text) };
        editor
            .frame(Frame::NONE)
            .font(font.clone())
            .hint_text(egui::RichText::new(hint).font(font).color(theme.text.faint))
    }

    fn well_of_one_line(self, ui: &mut Ui) -> Response {
        let theme = Theme::of(ui);
        let width = self.width.unwrap_or_else(|| ui.available_width());
        let (well, _) = ui.allocate_exact_size(Vec2::new(width, theme.size.control_height), Sense::hover());
        let rounding = theme.rounding(theme.radius.control);
        ui.painter().rect(well, rounding, theme.surface.input, theme.line(self.edge(theme)), StrokeKind::Inside);
        let mut inner = well.shrink2(Vec2::new(theme.pad.input_x + theme.width.line, theme.width.line));

        if let Some(icon) = self.icon {
            let center = Pos2::new(inner.left() + theme.size.icon / 2.0, inner.center().y);
            icon.paint(ui.painter(), center, theme.size.icon, theme.text.faint);
            inner.min.x += theme.size.icon + theme.space.s;
        }
        if !self.unit.is_empty() {
            let unit = ui.painter().layout_no_wrap(self.unit.to_owned(), theme.small(), theme.text.faint);
            inner.max.x -= unit.size().x;
            let at = Pos2::new(inner.right(), inner.center().y - unit.size().y / 2.0);
            ui.painter().galley(at.round(), unit, theme.text.faint);
            inner.max.x -= theme.space.xs;
        }
        if !self.key.is_empty() && self.text.is_empty() {
            let cap = super::button::KeyCap::new(ui, self.key);
            inner.max.x -= cap.width() - theme.space.xs;
            cap.paint(ui, inner.right_center(), theme.text.faint, theme.stroke.strong);
            inner.max.x -= theme.space.xs;
        }
        // The editor puts its text a pixel lower than painted text of the same height.
        let inner = inner.translate(Vec2::new(0.0, -theme.width.line));
        let mut child =
            ui.new_child(UiBuilder::new().max_rect(inner).layout(egui::Layout::left_to_right(Align::Center)));
        child.set_clip_rect(child.clip_rect().intersect(well));
        let mut editor = Self::editor(self.text, self.hint, self.is_mono, 1, theme)
            .desired_width(inner.width())
            .min_size(inner.size())
            .password(self.is_secret)
            .align(Align2::LEFT_CENTER);
        if let Some(id) = self.id {
            editor = editor.id(id);
        }
        let response = child.add(editor).accessible_name(self.name);
        if response.has_focus() {
            focus::ring_around(ui, well, theme.radius.control);
        }
        response
    }

    fn well_of_lines(self, ui: &mut Ui) -> Response {
        let theme = Theme::of(ui);
        let width = self.width.unwrap_or_else(|| ui.available_width());
        let edge = self.edge(theme);
        let frame = Frame::new()
            .fill(theme.surface.input)
            .stroke(theme.line(edge))
            .corner_radius(theme.rounding(theme.radius.control))
            .inner_margin(Margin::symmetric(theme.pad.input_x as i8, theme.space.xs as i8 + 1));
        let shown = frame.show(ui, |ui| {
            let inner_width = width - 2.0 * (theme.pad.input_x + theme.width.line);
            ui.set_width(inner_width);
            // egui's own lines are as high as the font is; these have the height of all running text.
            let mut plain =
                TextFormat::simple(if self.is_mono { theme.mono() } else { theme.body() }, theme.text.normal);
            plain.line_height = Some(theme.type_scale.line_body);
            plain.valign = Align::Center;
            let mut layouter = |ui: &Ui, text: &dyn egui::TextBuffer, width: f32| {
                let mut job = LayoutJob::single_section(text.as_str().to_owned(), plain.clone());
                job.wrap.max_width = width;
                ui.fonts_mut(|fonts| fonts.layout_job(job))
            };
            let mut editor = TextInput::editor(&mut *self.text, self.hint, self.is_mono, self.rows, theme)
                .desired_width(inner_width)
                .layouter(&mut layouter);
            if let Some(id) = self.id {
                editor = editor.id(id);
            }
            ui.add(editor).accessible_name(self.name)
        });
        if shown.inner.has_focus() {
            focus::ring_around(ui, shown.response.rect, theme.radius.control);
        }
        shown.inner
    }
}

/// A number: typed (also as arithmetic: `992*3/8`), stepped with the arrow keys, or dragged. The value stays the
/// screen's; `show` gives the new one when the person is done with it. A text that isn't a number stays there, marked,
/// until it is mended or Esc takes it back.
#[must_use = "call show"]
pub struct NumberField<'a> {
    name: &'a str,
    value: f64,
    words: String,
    /// A wrong text that is there instead.
    wrong: Option<&'a str>,
    hint: &'a str,
    step: f64,
    is_integer: bool,
    unit: &'a str,
    width: f32,
    error: Option<&'a str>,
}

impl<'a> NumberField<'a> {
    /// `name` is the accessible name.
    pub fn new(name: &'a str, value: f64) -> Self {
        Self {
            name,
            value,
            words: format!("{value}"),
            wrong: None,
            hint: "",
            step: 1.0,
            is_integer: false,
            unit: "",
            width: 96.0,
            error: None,
        }
    }

    pub fn integer(self) -> Self {
        Self { is_integer: true, ..self }
    }

    /// What an arrow key adds.
    pub fn step(self, step: f64) -> Self {
        Self { step, ..self }
    }

    pub fn unit(self, unit: &'a str) -> Self {
        Self { unit, ..self }
    }

    pub fn width(self, width: f32) -> Self {
        Self { width, ..self }
    }

    /// How the value is written while nobody types.
    pub fn words(self, words: impl Into<String>) -> Self {
        Self { words: words.into(), ..self }
    }

    pub fn error(self, error: Option<&'a str>) -> Self {
        Self { error, ..self }
    }

    /// The wrong text that a screen keeps, for a screen that says itself what would be right (see [`Self::entry`]).
    pub fn wrong(self, wrong: Option<&'a str>) -> Self {
        Self { wrong, ..self }
    }

    /// Shown while the field is empty, which then is a value of its own.
    pub fn hint(self, hint: &'a str) -> Self {
        Self { hint, ..self }
    }

    /// Keeps a wrong text by itself, says under it what is needed, and lets [`has_wrong_number`] know.
    pub fn show(self, ui: &mut Ui) -> Option<f64> {
        let id = ui.make_persistent_id(("wrong number", self.name));
        // Kept with the value that it was typed over: another value, set elsewhere, takes its place.
        let kept: Option<(String, u64)> = ui.data(|data| data.get_temp(id));
        let of = self.value.to_bits();
        let kept = kept.filter(|(_, kept_of)| *kept_of == of).map(|(text, _)| text);
        let (value, needed) = (self.value, if self.is_integer { "A whole number is needed here" } else { NEEDED });
        let error = kept.as_ref().map(|_| needed).or(self.error);
        if kept.is_some() {
            let pass = ui.ctx().cumulative_pass_nr();
            ui.data_mut(|data| data.insert_temp(wrong_number_id(), pass));
        }
        match (NumberField { wrong: kept.as_deref(), error, ..self }).entry(ui)? {
            Entry::Number(new) => {
                ui.data_mut(|data| data.remove::<(String, u64)>(id));
                Some(new).filter(|new| *new != value)
            }
            Entry::Wrong(text) => {
                ui.data_mut(|data| data.insert_temp(id, (text, of)));
                None
            }
            Entry::TakenBack | Entry::Empty => {
                ui.data_mut(|data| data.remove::<(String, u64)>(id));
                None
            }
        }
    }

    /// What the person made of it, when they are done with it: for a screen that keeps wrong texts itself.
    pub fn entry(self, ui: &mut Ui) -> Option<Entry> {
        let id = ui.make_persistent_id(("number", self.name));
        let stored: Option<String> = ui.data(|data| data.get_temp(id));
        let mut text = stored.unwrap_or_else(|| self.wrong.map_or_else(|| self.words.clone(), str::to_owned));
        let field = TextInput::new(self.name, &mut text).unit(self.unit).width(self.width).hint(self.hint).id(id);
        let response = field.wrong(self.wrong.is_some()).error(self.error).show(ui);
        let entry = self.react(ui, &response, &mut text);
        if response.has_focus() {
            ui.data_mut(|data| data.insert_temp(id, text));
        } else {
            ui.data_mut(|data| data.remove::<String>(id));
        }
        entry
    }

    fn react(&self, ui: &Ui, response: &Response, text: &mut String) -> Option<Entry> {
        let typed = arithmetic::evaluate(text);
        if response.has_focus() {
            let steps = ui.input(|input| {
                f64::from(input.num_presses(Key::ArrowUp) as u32) - f64::from(input.num_presses(Key::ArrowDown) as u32)
            });
            if steps != 0.0 {
                let value = clean(typed.unwrap_or(self.value) + steps * self.step);
                *text = format!("{value}");
                return Some(Entry::Number(value));
            }
        }
        if !response.lost_focus() {
            return None;
        }
        if ui.input(|input| input.key_pressed(Key::Escape)) {
            return Some(Entry::TakenBack);
        }
        if *text == self.words && self.wrong.is_none() {
            return None; // Passed through.
        }
        Some(match typed {
            Some(value) if !self.is_integer || value.fract() == 0.0 => Entry::Number(value),
            _ if text.trim().is_empty() && !self.hint.is_empty() => Entry::Empty,
            _ => Entry::Wrong(text.clone()),
        })
    }
}

const NEEDED: &str = "A number is needed here";

/// What somebody typed into a number field.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    Number(f64),
    /// Nothing, where that says something.
    Empty,
    /// No number, or none of the kind that is needed.
    Wrong(String),
    TakenBack,
}

fn wrong_number_id() -> Id {
    Id::unique("wrong number")
}

/// Why something waits while [`has_wrong_number`].
pub const WRONG_NUMBER: &str = "A number is wrong";

/// Whether a number field in view holds a wrong text: what would use its number has to wait.
pub fn has_wrong_number(ctx: &egui::Context) -> bool {
    let last: Option<u64> = ctx.data(|data| data.get_temp(wrong_number_id()));
    last.is_some_and(|pass| pass + 1 >= ctx.cumulative_pass_nr())
}

/// Takes the dust of binary fractions off: 0.1 + 0.2 is 0.3.
fn clean(value: f64) -> f64 {
    format!("{value:.12e}").parse().unwrap_or(value)
}

/// A well that holds text to read, not to type.
pub fn reading_well<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    let theme = Theme::of(ui);
    Frame::new()
        .fill(theme.surface.input)
        .stroke(theme.line(theme.stroke.normal))
        .corner_radius(theme.rounding(theme.radius.control))
        .inner_margin(Margin::symmetric(theme.pad.input_x as i8, theme.space.xs as i8))
        .show(ui, content)
        .inner
}
