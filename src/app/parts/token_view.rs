//! The exact tokens of an example, one rectangle each: filled in teal where training counts them.

use egui::{Align2, Color32, Key, Pos2, Rect, Response, Role, Sense, StrokeKind, Ui, Vec2, WidgetInfo};

use crate::app::kit::{Theme, focus, format};
use crate::render::{TokenPiece, TokenView};
use crate::words::thousands;

/// Where each token lies, relative to the view's corner.
struct Placed {
    index: usize,
    rect: Rect,
    /// Byte range of the token's text; a token wider than the view takes several lines.
    from: usize,
    to: usize,
}

/// A line above the tokens of a part.
struct PartLine {
    number: usize,
    top: f32,
}

/// Paints the tokens; `selected` is the one that was clicked last. Returns the one to talk about: under the pointer, or
/// else the selected one.
pub fn show(ui: &mut Ui, view: &TokenView, selected: &mut Option<usize>) -> Option<usize> {
    let theme = Theme::of(ui);
    let width = ui.available_width();
    let (placed, parts, height) = place(ui, theme, &view.pieces, width);
    let (area, response) = ui.allocate_exact_size(Vec2::new(width, height), Sense::click());
    let mut label = format!("{} tokens, {} trained", thousands(view.num_tokens), thousands(view.num_trained));
    if !parts.is_empty() {
        label += &format!(", split into {}", format::count(parts.len() as u64, "part", "parts"));
    }
    response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, label.clone()));
    let hovered = response.hover_pos().and_then(|pos| {
        let at = pos - area.min.to_vec2();
        placed.iter().find(|p| p.rect.expand(theme.width.line).contains(at)).map(|p| p.index)
    });
    if response.clicked() {
        *selected = hovered;
        response.request_focus();
    }
    walk_by_keys(ui, &response, view.pieces.len(), selected);
    let current = hovered.or(*selected).filter(|i| *i < view.pieces.len());
    let clip = ui.clip_rect();
    for part in &placed {
        let rect = part.rect.translate(area.min.to_vec2());
        if rect.intersects(clip) {
            paint(ui, theme, &view.pieces[part.index], part, rect, current == Some(part.index));
        }
    }
    for part in &parts {
        paint_part(ui, theme, part, area);
    }
    focus::ring(ui, &response, theme.radius.mark);
    current
}

fn paint_part(ui: &Ui, theme: &Theme, part: &PartLine, area: Rect) {
    let line =
        Rect::from_min_size(area.min + Vec2::new(0.0, part.top), Vec2::new(area.width(), theme.type_scale.line_mono));
    let words = match part.number {
        1 => "Part 1".to_owned(),
        number => format!("Part {number}, an example of its own"),
    };
    let words = ui.painter().text(line.left_center(), Align2::LEFT_CENTER, words, theme.small(), theme.text.soft);
    let rest = words.right() + theme.space.s..=line.right();
    ui.painter().hline(rest, line.center().y.round() + 0.5, theme.line(theme.stroke.normal));
}

fn walk_by_keys(ui: &Ui, response: &Response, len: usize, selected: &mut Option<usize>) {
    if !response.has_focus() || len == 0 {
        return;
    }
    let filter = egui::EventFilter { horizontal_arrows: true, ..Default::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
    let (left, right) = ui.input(|i| (i.key_pressed(Key::ArrowLeft), i.key_pressed(Key::ArrowRight)));
    if right {
        *selected = Some(selected.map_or(0, |i| (i + 1).min(len - 1)));
    } else if left {
        *selected = Some(selected.map_or(0, |i| i.saturating_sub(1)));
    }
}

/// Tokens one after the other, a new line where the width ends and after a line break.
fn place(ui: &Ui, theme: &Theme, pieces: &[TokenPiece], width: f32) -> (Vec<Placed>, Vec<PartLine>, f32) {
    let measure = Measure { letter: letter_width(ui, theme), ui, theme };
    let line = theme.type_scale.line_mono;
    let gap = theme.width.line;
    let mut out = Vec::with_capacity(pieces.len());
    let mut parts = Vec::new();
    let mut at = Pos2::ZERO;
    for (index, piece) in pieces.iter().enumerate() {
        if let Some(number) = piece.begins_part {
            let top = if at.x > 0.0 { at.y + line } else { at.y };
            parts.push(PartLine { number, top });
            at = Pos2::new(0.0, top + line);
        }
        let whole = measure.width(&piece.text) + gap;
        if at.x > 0.0 && at.x + whole > width {
            at = Pos2::new(0.0, at.y + line);
        }
        let mut from = 0;
        while from < piece.text.len() || from == 0 {
            let to = from + measure.fitting(&piece.text[from..], width);
            let part = measure.width(&piece.text[from..to]).max(gap);
            let rect = Rect::from_min_size(at, Vec2::new(part, line)).shrink2(Vec2::new(0.0, gap));
            out.push(Placed { index, rect, from, to });
            at.x += part + gap;
            if to >= piece.text.len() {
                break;
            }
            from = to;
            at = Pos2::new(0.0, at.y + line);
        }
        if piece.text.ends_with("\\n") {
            at = Pos2::new(0.0, at.y + line);
        }
    }
    let height = if at.x > 0.0 { at.y + line } else { at.y };
    (out, parts, height)
}

fn letter_width(ui: &Ui, theme: &Theme) -> f32 {
    ui.painter().layout_no_wrap("0".to_owned(), theme.mono(), Color32::WHITE).size().x
}

struct Measure<'a> {
    letter: f32,
    ui: &'a Ui,
    theme: &'a Theme,
}

impl Measure<'_> {
    fn width(&self, text: &str) -> f32 {
        if text.is_ascii() {
            // Laying out thousands of tokens each frame would cost; letters of one width needn't be laid out.
            return text.len() as f32 * self.letter;
        }
        self.ui.painter().layout_no_wrap(text.to_owned(), self.theme.mono(), Color32::WHITE).size().x
    }

    /// How many bytes of `text` fit into `width`; at least one character.
    fn fitting(&self, text: &str, width: f32) -> usize {
        if self.width(text) <= width {
            return text.len();
        }
        let mut used = 0.0;
        for (at, c) in text.char_indices() {
            used += self.width(c.encode_utf8(&mut [0; 4]));
            if used > width && at > 0 {
                return at;
            }
        }
        text.len()
    }
}

fn paint(ui: &Ui, theme: &Theme, piece: &TokenPiece, part: &Placed, rect: Rect, is_current: bool) {
    let tokens = &theme.token;
    let is_alt = part.index % 2 == 1;
    let (fill, color) = match (piece.is_cut, piece.is_trained) {
        (true, _) => (tokens.cut, tokens.cut_text),
        (false, true) => (if is_alt { tokens.trained_alt } else { tokens.trained }, tokens.trained_text),
        (false, false) => (if is_alt { tokens.untrained_alt } else { tokens.untrained }, tokens.untrained_text),
    };
    let painter = ui.painter();
    let radius = theme.rounding(theme.radius.mark);
    painter.rect_filled(rect, radius, fill);
    if piece.is_disarmed {
        painter.rect_stroke(rect, radius, theme.line(theme.status.warning), StrokeKind::Inside);
    } else if piece.is_special {
        painter.rect_stroke(rect, radius, theme.line(tokens.special_stroke), StrokeKind::Inside);
    }
    if is_current {
        let ring = egui::Stroke::new(theme.width.focus_ring, theme.accent.line);
        painter.rect_stroke(rect, radius, ring, StrokeKind::Outside);
    }
    painter.text(rect.left_center(), Align2::LEFT_CENTER, &piece.text[part.from..part.to], theme.mono(), color);
}

/// A token's place in training, in words.
pub fn describe(piece: &TokenPiece) -> &'static str {
    match (piece.is_cut, piece.is_trained, piece.is_disarmed) {
        (true, ..) => "not used, the example is longer than the limit",
        (_, _, true) => "written in the text, so encoded as plain text",
        (_, true, _) => "trained",
        (_, false, _) => "not trained",
    }
}
