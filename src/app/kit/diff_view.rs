//! An answer for reading: prose as it is, a JSON object laid out in lines, and the words that differ from another text
//! marked.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use egui::text::{LayoutJob, TextFormat};
use egui::{Align, Align2, Color32, Galley, Rect, Role, Sense, Stroke, Ui, Vec2, WidgetInfo};
use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

use super::theme::Theme;

/// A stretch of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// A JSON object, laid out; the rest is prose.
    pub is_json: bool,
    pub text: String,
}

/// Splits an answer, complete or still being written, into prose and JSON objects.
pub fn blocks(answer: &str) -> Vec<Block> {
    let mut out = Vec::new();
    let mut rest = answer;
    while let Some(start) = object_start(rest) {
        push_prose(&mut out, &rest[..start]);
        let (text, len) = lay_out(&rest[start..]);
        out.push(Block { is_json: true, text });
        rest = &rest[start + len..];
    }
    push_prose(&mut out, rest);
    out
}

/// All of a text as one JSON block, laid out; what follows its end is prose.
pub fn laid_out(json: &str) -> Vec<Block> {
    let json = json.trim();
    let (text, len) = lay_out(json);
    let mut out = vec![Block { is_json: true, text }];
    push_prose(&mut out, &json[len..]);
    out
}

fn push_prose(out: &mut Vec<Block>, text: &str) {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("```")).collect();
    let text = lines.join("\n").trim().to_owned();
    if !text.is_empty() {
        out.push(Block { is_json: false, text });
    }
}

/// Where the next thing begins that looks like an object: a brace, then a quote or the closing brace.
fn object_start(text: &str) -> Option<usize> {
    text.char_indices().filter(|(_, c)| *c == '{').map(|(at, _)| at).find(|at| {
        let inside = text[at + 1..].trim_start();
        inside.is_empty() || inside.starts_with(['"', '}'])
    })
}

/// One member a line, two spaces a level; takes what is there, so that a half-written object keeps its shape while it
/// grows. Returns the text and how many bytes of `source` it stands for.
fn lay_out(source: &str) -> (String, usize) {
    let mut out = String::new();
    let (mut depth, mut in_string, mut is_escaped) = (0usize, false, false);
    let mut chars = source.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if in_string {
            out.push(c);
            in_string = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
            continue;
        }
        match c {
            '"' => {
                in_string = true;
                out.push(c);
            }
            '{' | '[' => {
                out.push(c);
                while chars.next_if(|(_, c)| c.is_whitespace()).is_some() {}
                depth += 1;
                if chars.peek().is_some_and(|(_, c)| !matches!(c, '}' | ']')) {
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !out.ends_with(['{', '[']) {
                    new_line(&mut out, depth);
                }
                out.push(c);
                if depth == 0 {
                    return (out, at + c.len_utf8());
                }
            }
            ',' => {
                out.push(c);
                while chars.next_if(|(_, c)| c.is_whitespace()).is_some() {}
                if chars.peek().is_some() {
                    new_line(&mut out, depth);
                }
            }
            ':' => out.push_str(": "),
            c if c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    (out, source.len())
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Byte ranges of each block's text, sorted, that have no equal in the other text.
pub type Marks = Vec<Vec<Range<usize>>>;

/// The words that only one of two answers has.
pub fn differences(before: &[Block], after: &[Block]) -> (Marks, Marks) {
    differences_until(before, after, None)
}

/// [`differences`], where what is not compared at the deadline counts as different.
pub fn differences_until(before: &[Block], after: &[Block], deadline: Option<Instant>) -> (Marks, Marks) {
    let (old, new) = (words(before), words(after));
    let (mut only_old, mut only_new) = (vec![false; old.len()], vec![false; new.len()]);
    let old_texts: Vec<_> = old.iter().map(|word| word.text).collect();
    let new_texts: Vec<_> = new.iter().map(|word| word.text).collect();
    let ops = capture_diff_slices_deadline(Algorithm::Myers, &old_texts, &new_texts, deadline);
    for (i, op) in ops.iter().enumerate() {
        // Two different sentences that share a comma share nothing.
        let is_inside = i > 0 && i + 1 < ops.len();
        let is_sign = |word: &&str| !word.contains(char::is_alphanumeric);
        let says_nothing = is_inside && old_texts[op.old_range()].iter().all(is_sign);
        if says_nothing || !matches!(op, DiffOp::Equal { .. }) {
            only_old[op.old_range()].fill(true);
            only_new[op.new_range()].fill(true);
        }
    }
    (marks(before, &old, &only_old), marks(after, &new, &only_new))
}

struct Word<'a> {
    block: usize,
    range: Range<usize>,
    text: &'a str,
}

/// Words, JSON strings and single signs; white space belongs to none.
fn words(blocks: &[Block]) -> Vec<Word<'_>> {
    let mut out = Vec::new();
    for (block, Block { is_json, text }) in blocks.iter().enumerate() {
        let mut start = 0;
        while let Some(c) = text[start..].chars().next() {
            let len = word_len(&text[start..], *is_json);
            if !c.is_whitespace() {
                out.push(Word { block, range: start..start + len, text: &text[start..start + len] });
            }
            start += len;
        }
    }
    out
}

/// The length of the word that `text`, which isn't empty, begins with.
fn word_len(text: &str, is_json: bool) -> usize {
    let is_letter = |c: char| c.is_alphanumeric() || matches!(c, '_' | '\'' | '’');
    let first = text.chars().next().unwrap_or(' ');
    if is_json && first == '"' {
        let mut is_escaped = false;
        for (at, c) in text.char_indices().skip(1) {
            if c == '"' && !is_escaped {
                return at + 1;
            }
            is_escaped = !is_escaped && c == '\\';
        }
        return text.len();
    }
    if is_letter(first) { text.find(|c| !is_letter(c)).unwrap_or(text.len()) } else { first.len_utf8() }
}

/// Neighbours are marked as one stretch, the blanks between them included.
fn marks(blocks: &[Block], words: &[Word<'_>], is_marked: &[bool]) -> Marks {
    let mut out: Marks = vec![Vec::new(); blocks.len()];
    let mut last = None;
    for (i, word) in words.iter().enumerate().filter(|(i, _)| is_marked[*i]) {
        let ranges = &mut out[word.block];
        match ranges.last_mut() {
            Some(range) if last == i.checked_sub(1) && !blocks[word.block].is_json => range.end = word.range.end,
            _ => ranges.push(word.range.clone()),
        }
        last = Some(i);
    }
    out
}

/// How marked words look.
#[derive(Debug, Clone, Copy)]
pub struct MarkStyle {
    pub color: Color32,
    pub fill: Color32,
    pub is_underlined: bool,
}

/// Paints an answer; `caret` shows that it is still being written, in the side's colour.
pub fn show(ui: &mut Ui, name: &str, blocks: &[Block], marks: Option<(&Marks, MarkStyle)>, caret: Option<Color32>) {
    let theme = Theme::of(ui);
    for (i, block) in blocks.iter().enumerate() {
        let none = Vec::new();
        let (ranges, style) = match marks {
            Some((marks, style)) => (marks.get(i).unwrap_or(&none), Some(style)),
            None => (&none, None),
        };
        let end = if block.is_json {
            show_json(ui, theme, name, &block.text, ranges, style)
        } else {
            show_prose(ui, theme, name, &block.text, ranges, style)
        };
        if let (Some(color), true) = (caret, i + 1 == blocks.len()) {
            paint_caret(ui, theme, end, color);
        }
        ui.add_space(theme.space.s);
    }
    if let (Some(color), true) = (caret, blocks.is_empty()) {
        let (rect, _) = ui.allocate_exact_size(Vec2::new(theme.space.s, theme.type_scale.line_body), Sense::hover());
        paint_caret(ui, theme, rect, color);
    }
}

/// Returns where the last character ends, as an empty rectangle as high as its line.
fn show_prose(
    ui: &mut Ui,
    theme: &Theme,
    name: &str,
    text: &str,
    ranges: &[Range<usize>],
    style: Option<MarkStyle>,
) -> Rect {
    let mut plain = TextFormat::simple(theme.body(), theme.text.normal);
    plain.line_height = Some(theme.type_scale.line_body);
    plain.valign = Align::Center;
    let galley = marked_galley(ui, text, &plain, ranges, style, ui.available_width());
    let (rect, response) = ui.allocate_exact_size(galley.size(), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{name}: {text}")));
    let end = galley.pos_from_cursor(galley.end()).translate(rect.min.to_vec2());
    ui.painter().galley(rect.min, galley, theme.text.normal);
    end
}

fn show_json(
    ui: &mut Ui,
    theme: &Theme,
    name: &str,
    text: &str,
    ranges: &[Range<usize>],
    style: Option<MarkStyle>,
) -> Rect {
    let mut plain = TextFormat::simple(theme.mono(), theme.text.normal);
    plain.line_height = Some(theme.type_scale.line_mono);
    plain.valign = Align::Center;
    let gutter = theme.space.l + theme.space.s;
    let width = (ui.available_width() - gutter).max(theme.space.xxl);
    let mut lines: Vec<(Arc<Galley>, f32)> = Vec::new();
    let (mut start, mut height) = (0, 0.0);
    for line in text.split('\n') {
        let inside: Vec<_> = ranges
            .iter()
            .filter(|r| r.end > start && r.start < start + line.len())
            .map(|r| r.start.max(start) - start..r.end.min(start + line.len()) - start)
            .collect();
        let galley = marked_galley(ui, line, &plain, &inside, style, width);
        start += line.len() + 1;
        let line_height = galley.size().y.max(theme.type_scale.line_mono);
        lines.push((galley, height));
        height += line_height;
    }
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{name}: {text}")));
    let mut end = Rect::from_min_size(rect.min, Vec2::new(0.0, theme.type_scale.line_mono));
    for (number, (galley, top)) in lines.into_iter().enumerate() {
        let corner = rect.min + Vec2::new(gutter, top);
        let number_at = rect.min + Vec2::new(theme.space.l - theme.space.xs, top + theme.type_scale.line_mono / 2.0);
        ui.painter().text(number_at, Align2::RIGHT_CENTER, number + 1, theme.small(), theme.text.faint);
        end = galley.pos_from_cursor(galley.end()).translate(corner.to_vec2());
        ui.painter().galley(corner, galley, theme.text.normal);
    }
    end
}

fn paint_caret(ui: &Ui, theme: &Theme, at: Rect, color: Color32) {
    let size = Vec2::new(theme.space.xs + theme.space.xxs, theme.type_scale.line_small - theme.space.xxs);
    let rect = Rect::from_center_size(at.right_center() + Vec2::new(theme.space.xs, 0.0), size);
    ui.painter().rect_filled(rect, 0.0, color);
}

fn marked_galley(
    ui: &Ui,
    text: &str,
    plain: &TextFormat,
    ranges: &[Range<usize>],
    style: Option<MarkStyle>,
    width: f32,
) -> Arc<Galley> {
    let mut job = LayoutJob::default();
    job.wrap.max_width = width;
    let mut at = 0;
    if let Some(style) = style {
        let marked = TextFormat {
            color: style.color,
            background: style.fill,
            underline: if style.is_underlined { Stroke::new(1.0, style.color) } else { Stroke::NONE },
            ..plain.clone()
        };
        for range in ranges {
            job.append(&text[at..range.start], 0.0, plain.clone());
            job.append(&text[range.clone()], 0.0, marked.clone());
            at = range.end;
        }
    }
    job.append(&text[at..], 0.0, plain.clone());
    ui.painter().layout_job(job)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(blocks: &[Block], marks: &Marks) -> Vec<String> {
        let of = |(block, ranges): (&Block, &Vec<Range<usize>>)| -> Vec<String> {
            ranges.iter().map(|r| block.text[r.clone()].to_owned()).collect()
        };
        blocks.iter().zip(marks).flat_map(of).collect()
    }

    #[test]
    fn an_object_is_laid_out_while_it_is_still_being_written() {
        let text = r#"Here: {"a":"x, {y}","b":[1,2],"c":{}} Bye {name}"#;
        for end in 0..=text.len() {
            blocks(&text[..end]);
        }
        let all = blocks(text);
        assert_eq!(all.len(), 3);
        assert_eq!(all[1].text, "{\n  \"a\": \"x, {y}\",\n  \"b\": [\n    1,\n    2\n  ],\n  \"c\": {}\n}");
        assert_eq!(all[2].text, "Bye {name}");
        assert_eq!(blocks(r#"{"a":tr"#)[0].text, "{\n  \"a\": tr");
        assert_eq!(blocks("```json\n{}\n```"), [Block { is_json: true, text: "{}".to_owned() }]);
    }

    #[test]
    fn marks_the_words_that_only_one_side_has() {
        let before = blocks(r#"I think: {"category": "Sign in", "n": 1}"#);
        let after = blocks(r#"{"category":"outage","n":1}"#);
        let (old, new) = differences(&before, &after);
        assert_eq!(marked(&before, &old), ["I think:", "\"Sign in\""]);
        assert_eq!(marked(&after, &new), ["\"outage\""]);
        let (old, new) = differences(&after, &after);
        assert!(marked(&after, &old).is_empty() && marked(&after, &new).is_empty());
    }

    #[test]
    fn a_shared_comma_is_nothing_in_common() {
        let (before, after) = (blocks("yes, it is."), blocks("no, never"));
        let (old, new) = differences(&before, &after);
        assert_eq!(marked(&before, &old), ["yes, it is."]);
        assert_eq!(marked(&after, &new), ["no, never"]);
    }

    #[test]
    fn neighbouring_words_are_one_stretch_in_prose() {
        let (before, after) = (blocks("the red big car"), blocks("the blue car"));
        let (old, new) = differences(&before, &after);
        assert_eq!(marked(&before, &old), ["red big"]);
        assert_eq!(marked(&after, &new), ["blue"]);
    }
}
