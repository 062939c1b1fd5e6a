//! Which of the text that a template writes is a turn's answer. A wrong place would train questions as if they were
//! answers, so a place counts only where it is certain: by marks around the texts, by the template's own marks of what
//! the assistant writes, or by comparing what the template writes with and without a turn.

use std::cell::OnceCell;
use std::ops::Range;

use serde::Serialize;

use super::altered::{Altered, Place};
use super::left_out::{LeftOut, Omission, thinking};
use super::marks::{Marks, Owner, Unmarked};
use super::{Chat, Contents};
use crate::model::conversation::{Conversation, Turn};

/// A rendered conversation in which the places of turns are looked for.
pub struct Reader<'a> {
    pub chat: &'a Chat,
    pub conversation: &'a Conversation<'a>,
    pub text: &'a str,
    /// `None` where no characters are free for marks.
    pub marks: Option<&'a Marks>,
    /// The text with marks; `None` where they change what the template writes.
    pub unmarked: Option<&'a Unmarked>,
    /// The text with the letters of everything that isn't an answer exchanged: once all letters, once without those that
    /// templates look for.
    exchanged: OnceCell<[Option<String>; 2]>,
}

/// Where turns are in the text.
pub struct Places {
    /// Each turn's own text.
    pub contents: Contents,
    /// What the model itself writes in each turn.
    pub answers: Contents,
    pub found_by: Vec<Option<FoundBy>>,
    pub left_out: Vec<LeftOut>,
}

/// How the place of an answer is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FoundBy {
    /// Marks around the turn's text came out of the template whole and in their place.
    Marks,
    /// The template says it, in a `{% generation %}` block.
    GenerationBlock,
    /// By what the template writes with and without the turn.
    Comparison,
}

impl<'a> Reader<'a> {
    pub fn new(
        chat: &'a Chat,
        conversation: &'a Conversation<'a>,
        text: &'a str,
        marks: Option<&'a Marks>,
        unmarked: Option<&'a Unmarked>,
    ) -> Self {
        Self { chat, conversation, text, marks, unmarked, exchanged: OnceCell::new() }
    }

    pub fn places(&self) -> Places {
        let turns = self.conversation.turns;
        let contents: Contents = turns.iter().enumerate().map(|(at, turn)| self.content(at, turn)).collect();
        let mut generations: OnceCell<Contents> = OnceCell::new();
        let answer = |at: usize| match turns[at].role {
            "assistant" => self.answer(at, contents[at].as_ref(), &mut generations),
            _ => contents[at].clone().map(|content| (content, None)),
        };
        let found: Vec<_> = (0..turns.len()).map(answer).collect();
        let found_by = found.iter().map(|found| found.as_ref().and_then(|(_, by)| *by)).collect();
        let answers: Contents = found.into_iter().map(|found| found.map(|(range, _)| range)).collect();
        let left_out = self.left_out(&answers);
        Places { contents, answers, found_by, left_out }
    }

    /// By the marks around it, with the white space that the template kept.
    fn content(&self, at: usize, turn: &Turn<'_>) -> Option<Range<usize>> {
        let span = self.unmarked?.whole(Owner::Turn(at))?;
        Some(with_outer_space(self.text, span, turn.content))
    }

    fn answer(
        &self,
        at: usize,
        content: Option<&Range<usize>>,
        generations: &mut OnceCell<Contents>,
    ) -> Option<(Range<usize>, Option<FoundBy>)> {
        let turn = &self.conversation.turns[at];
        if turn.tool_calls.is_empty()
            && let Some(found) = content.and_then(|content| self.by_marks(at, content))
        {
            return Some((found, Some(FoundBy::Marks)));
        }
        if let Some(found) = generations.get_or_init(|| self.generations())[at].clone() {
            return Some((found, Some(FoundBy::GenerationBlock)));
        }
        self.by_comparison(at).map(|found| (found, Some(FoundBy::Comparison)))
    }

    /// The content as the marks found it, and what the template writes after the prompt and before it.
    fn by_marks(&self, at: usize, content: &Range<usize>) -> Option<Range<usize>> {
        let body = self.conversation.turns[at].content.trim();
        let is_verbatim = self.text[content.clone()].trim() == body;
        if !is_verbatim && !self.is_certain(at, content) {
            return None;
        }
        let prompt = self.chat.generation_prompt(self.conversation.format);
        if body.is_empty() || prompt.is_empty() || self.text[..content.start].ends_with(&*prompt) {
            return Some(content.clone());
        }
        // What is between the prompt and the content, the model is to write, too: an empty thought, for example.
        let grown = self.prompt_end(at).filter(|start| *start < content.start).map(|start| start..content.end);
        Some(grown.filter(|grown| self.is_certain(at, grown)).unwrap_or_else(|| content.clone()))
    }

    /// For every turn what the template itself marks as written by the assistant, where it has such marks.
    fn generations(&self) -> Contents {
        let none = vec![None; self.conversation.turns.len()];
        let Ok(Some((text, spans))) = self.chat.template.render_generations(self.conversation) else { return none };
        let turns = self.conversation.turns.iter().enumerate();
        let assistant: Vec<usize> = turns.filter(|(_, turn)| turn.role == "assistant").map(|(at, _)| at).collect();
        if text != self.text || spans.len() != assistant.len() {
            return none;
        }
        let mut found = none;
        for (at, span) in assistant.into_iter().zip(spans) {
            let span = self.without_end_of_turn(span);
            found[at] = self.is_certain(at, &span).then_some(span);
        }
        found
    }

    /// From where the prompt for it ends to where the text goes on as it would after another answer.
    fn by_comparison(&self, at: usize) -> Option<Range<usize>> {
        let turn = &self.conversation.turns[at];
        let probed = self.probed(at);
        let start = match self.prompt_end(at) {
            Some(start) => start,
            None => {
                let (before, _) = probed.as_ref()?;
                // It begins after all that is said before it and what the template writes between.
                let earlier = self.render_turns(at, false)?;
                let heading = before.strip_prefix(earlier.trim_end())?;
                (!heading.trim().is_empty() && self.text.starts_with(before.as_str())).then_some(before.len())?
            }
        };
        let up_to = self.render_turns(at + 1, false).filter(|whole| self.text.starts_with(whole.trim_end()));
        let end = match up_to {
            Some(whole) => self.without_end_of_turn(0..whole.trim_end().len()).end,
            None => {
                let (_, after) = probed.as_ref()?;
                self.text.ends_with(after.as_str()).then_some(self.text.len() - after.len())?
            }
        };
        let span = (start < end).then_some(start..end)?;
        // Where only the text around it is known, at least its own last words must be in it.
        let is_own = !turn.tool_calls.is_empty() || ends_alike(&self.text[span.clone()], turn.content);
        (is_own && self.is_certain(at, &span)).then_some(span)
    }

    /// Where the answer of this turn begins if the model is asked for it: the text up to there is the prompt.
    fn prompt_end(&self, at: usize) -> Option<usize> {
        if self.chat.generation_prompt(self.conversation.format).is_empty() {
            return None;
        }
        let prompt = self.render_turns(at, true)?;
        self.text.starts_with(&prompt).then_some(prompt.len())
    }

    /// The first turns alone.
    fn render_turns(&self, end: usize, add_generation_prompt: bool) -> Option<String> {
        let part = Conversation { turns: &self.conversation.turns[..end], ..*self.conversation };
        self.chat.template.render(&part, add_generation_prompt).ok()
    }

    /// The text before and after a turn, when the turn says one odd letter a few times and calls nothing.
    fn probed(&self, at: usize) -> Option<(String, String)> {
        let text = self.with_probe(at)?;
        let probe = self.marks?.probe();
        let (before, rest) = text.split_once(probe)?;
        let after = rest.trim_start_matches(probe);
        (!after.contains(probe)).then(|| (before.to_owned(), after.to_owned()))
    }

    fn with_probe(&self, at: usize) -> Option<String> {
        /// Enough that a template which shortens the text leaves some.
        const NUM_LETTERS: usize = 16;
        let probe = self.marks?.probe().to_string().repeat(NUM_LETTERS);
        let altered = Altered::with_turn(self.conversation, at, &probe);
        altered.with(|conversation| self.chat.template.render(conversation, false)).ok()
    }

    /// Nothing that another turn says is in the span: no mark of another text is, its letters stay the same when the
    /// letters of all others are exchanged, and no turn begins or ends in it.
    fn is_certain(&self, at: usize, span: &Range<usize>) -> bool {
        let is_alone = self.unmarked.is_none_or(|unmarked| unmarked.is_only_of(at, span));
        let [all, most] = self.exchanged.get_or_init(|| [self.exchanged(false), self.exchanged(true)]);
        let is_like = |exchanged: &&String| exchanged.len() == self.text.len();
        // A template that looks for a tag in a question may write something else without it.
        let exchanged = all.as_ref().filter(is_like).or(most.as_ref().filter(is_like));
        is_alone
            && !self.spans_turns(span)
            && exchanged.is_some_and(|exchanged| exchanged.get(span.clone()) == self.text.get(span.clone()))
    }

    /// Whether the template writes a special token there that it begins an answer with, or at which generation ends.
    fn spans_turns(&self, span: &Range<usize>) -> bool {
        let tokenizer = &self.chat.tokenizer;
        let beginning: Vec<u32> = tokenizer
            .find_specials(&self.chat.generation_prompt(self.conversation.format))
            .into_iter()
            .map(|(_, id)| id)
            .collect();
        let specials = tokenizer.find_specials(&self.text[span.clone()]).into_iter();
        let mut borders =
            specials.filter(|(_, id)| beginning.contains(id) || self.chat.is_stop(*id, self.conversation.format));
        borders.any(|(range, _)| !self.is_broken(span.start + range.start..span.start + range.end))
    }

    fn exchanged(&self, keeps_tags: bool) -> Option<String> {
        let turns = self.conversation.turns;
        let altered = Altered::new(self.conversation, &mut |place, text| match place {
            Place::Content(at) if turns[at].role != "assistant" => Some(exchange_letters(text, keeps_tags)),
            Place::Description => Some(exchange_letters(text, keeps_tags)),
            _ => None,
        });
        altered.with(|conversation| self.chat.template.render(conversation, false)).ok()
    }

    /// The span without the special token and the white space at its end.
    fn without_end_of_turn(&self, span: Range<usize>) -> Range<usize> {
        let end = span.start + self.text[span.clone()].trim_end().len();
        let specials = self.chat.tokenizer.find_specials(&self.text[span.start..end]);
        match specials.last().map(|(special, id)| (span.start + special.start, span.start + special.end, *id)) {
            Some((start, special_end, id))
                if special_end == end
                    && self.chat.is_stop(id, self.conversation.format)
                    && !self.is_broken(start..end) =>
            {
                span.start..start
            }
            _ => span,
        }
    }

    /// Whether these are a person's own letters that only look like a special token.
    fn is_broken(&self, range: Range<usize>) -> bool {
        let breaks = self.unmarked.map_or(&[][..], |unmarked| &unmarked.breaks);
        breaks.iter().any(|at| range.start < *at && *at < range.end)
    }

    fn left_out(&self, answers: &Contents) -> Vec<LeftOut> {
        let mut left_out = Vec::new();
        for (at, turn) in self.conversation.turns.iter().enumerate() {
            let mut tell = |what| left_out.push(LeftOut { what, turn: Some(at) });
            if turn.role == "assistant" {
                self.left_out_of_answer(at, turn, answers[at].as_ref()).into_iter().for_each(&mut tell);
            } else if !turn.content.trim().is_empty() {
                match self.is_written(at, turn) {
                    Written::Whole => {}
                    Written::Changed => tell(Omission::Changed),
                    Written::Not => tell(Omission::of_role(turn.role)),
                }
            }
        }
        let without_tools = Conversation { tools: &[], ..*self.conversation };
        let has_tools = !self.conversation.tools.is_empty();
        if has_tools && self.chat.template.render(&without_tools, false).is_ok_and(|text| text == self.text) {
            left_out.push(LeftOut { what: Omission::Tools, turn: None });
        }
        left_out
    }

    fn left_out_of_answer(&self, at: usize, turn: &Turn<'_>, answer: Option<&Range<usize>>) -> Vec<Omission> {
        let mut left_out = Vec::new();
        let calls = 0..turn.tool_calls.len();
        let is_unwritten = |nth: &usize| {
            let altered = Altered::without_call(self.conversation, at, *nth);
            let without = altered.with(|conversation| self.chat.template.render(conversation, false));
            without.is_ok_and(|text| text == self.text)
        };
        left_out.extend(calls.filter(is_unwritten).map(|_| Omission::Call));
        let body = turn.content.trim();
        if body.is_empty() {
            let is_written = left_out.len() < turn.tool_calls.len();
            left_out.extend((answer.is_none() && is_written).then_some(Omission::Uncertain));
            return left_out;
        }
        let written = answer.map(|answer| &self.text[answer.clone()]);
        let thought = thinking(body);
        let unwritten = if turn.tool_calls.is_empty() { Omission::Answer } else { Omission::TextBesideCall };
        match (written, self.is_written(at, turn)) {
            (_, Written::Not) => left_out.push(unwritten),
            (Some(written), _) if written.contains(body) => {}
            (Some(written), _) if thought.is_some_and(|thought| !written.contains(thought)) => {
                left_out.push(Omission::Thinking);
            }
            (Some(written), _) if is_only_respaced(written, body) => {}
            (Some(_), _) => left_out.push(Omission::Changed),
            (None, _) => {}
        }
        left_out.extend(answer.is_none().then_some(Omission::Uncertain));
        left_out
    }

    /// What became of a turn's text.
    fn is_written(&self, at: usize, turn: &Turn<'_>) -> Written {
        let body = turn.content.trim();
        if let Some(unmarked) = self.unmarked {
            return match unmarked.whole(Owner::Turn(at)) {
                Some(span) if self.text[span.clone()].trim() == body => Written::Whole,
                _ if !unmarked.is_written(Owner::Turn(at)) => Written::Not,
                // Doubled, perhaps.
                _ if self.text.contains(body) => Written::Whole,
                _ => Written::Changed,
            };
        }
        if self.text.contains(body) {
            return Written::Whole;
        }
        match self.with_probe(at).zip(self.marks) {
            Some((text, marks)) if !text.contains(marks.probe()) => Written::Not,
            _ => Written::Changed,
        }
    }
}

/// What a template did with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Whole,
    Changed,
    Not,
}

/// A span grown by the white space around a turn's content, where the template kept it.
fn with_outer_space(text: &str, span: Range<usize>, content: &str) -> Range<usize> {
    let before = &content[..content.len() - content.trim_start().len()];
    let after = if content.trim().is_empty() { "" } else { &content[content.trim_end().len()..] };
    let start = if text[..span.start].ends_with(before) { span.start - before.len() } else { span.start };
    let end = if text[span.end..].starts_with(after) { span.end + after.len() } else { span.end };
    start..end
}

/// Whether a content's last word is written.
fn ends_alike(written: &str, content: &str) -> bool {
    let last = |text: &str| text.split_whitespace().next_back().map(str::to_owned);
    match (last(written), last(content)) {
        // A mark that isn't a special token may follow it.
        (Some(end), Some(word)) => word.ends_with(&end) || written.contains(&word),
        _ => false,
    }
}

/// Whether two texts differ only in white space.
fn is_only_respaced(a: &str, b: &str) -> bool {
    a.split_whitespace().eq(b.split_whitespace())
}

/// Another text of the same length and form: other letters and digits. With `keeps_tags`, what templates look for in a
/// turn stays: tags, marks in brackets, commands that begin with a slash.
fn exchange_letters(text: &str, keeps_tags: bool) -> String {
    if !keeps_tags {
        return text.chars().map(other_letter).collect();
    }
    let mut exchanged = String::with_capacity(text.len());
    let mut closing: Option<char> = None;
    let mut is_command = false;
    for (at, c) in text.char_indices() {
        match closing {
            Some(close) if c == close => closing = None,
            None => {
                // Only what is closed again is a tag.
                closing = match c {
                    '<' if text[at..].contains('>') => Some('>'),
                    '[' if text[at..].contains(']') => Some(']'),
                    _ => None,
                };
            }
            _ => {}
        }
        is_command = (is_command || c == '/') && !c.is_whitespace();
        exchanged.push(if closing.is_some() || is_command { c } else { other_letter(c) });
    }
    exchanged
}

fn other_letter(c: char) -> char {
    let rotated = |first: u8, num: u8| char::from(first + (c as u8 - first + num / 2) % num);
    match c {
        'a'..='z' => rotated(b'a', 26),
        'A'..='Z' => rotated(b'A', 26),
        '0'..='9' => rotated(b'0', 10),
        c if c.is_alphabetic() => {
            let other = char::from_u32(c as u32 ^ 1).unwrap_or(c);
            if other.is_alphabetic() && other.len_utf8() == c.len_utf8() { other } else { c }
        }
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_exchanged_and_tags_stay() {
        let check = |text: &str, expected: &str| assert_eq!(exchange_letters(text, true), expected, "{text}");
        check("Is it 5 < 7?", "Vf vg 0 < 2?");
        check("<tool_response>ab</tool_response>", "<tool_response>no</tool_response>");
        check("think /no_think a", "guvax /no_think n");
        check("[INST] é", "[INST] è");
        assert_eq!(exchange_letters("<b> /c", false), "<o> /p");
        assert_eq!(exchange_letters("日本", false).len(), "日本".len());
    }

    #[test]
    fn the_last_words_tell_whether_an_answer_is_the_turns_own() {
        assert!(ends_alike("<think>\na\n</think>\n\nYes.", "Yes."));
        assert!(!ends_alike("Is it hot?", "Yes.") && !ends_alike("", "Yes."));
    }
}
