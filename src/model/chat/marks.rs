//! Marks in the texts of a conversation: private characters that say whose a text is and come out of a template's text
//! again, so that it is known where each of them went.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use serde_json::Value;

use crate::model::Tokenizer;
use crate::model::conversation::Conversation;

/// Whose text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// What is said in this turn.
    Turn(usize),
    /// The arguments of this turn's calls.
    Calls(usize),
    Tools,
}

impl Owner {
    /// The turn that the model writes it in.
    fn turn(self) -> Option<usize> {
        match self {
            Self::Turn(turn) | Self::Calls(turn) => Some(turn),
            Self::Tools => None,
        }
    }
}

/// Characters that occur nowhere in a conversation: a pair for each owner, and one to break up what looks like a
/// special token.
pub struct Marks {
    pairs: HashMap<Owner, [char; 2]>,
    breaker: char,
    meaning: HashMap<char, (Owner, bool)>,
}

/// A mark that came out of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub owner: Owner,
    pub opens: bool,
    /// In the text without marks.
    pub at: usize,
}

/// A template's text without the marks that were in it.
#[derive(Debug, Default)]
pub struct Unmarked {
    pub text: String,
    pub marks: Vec<Mark>,
    /// Where a special token's letters were broken up.
    pub breaks: Vec<usize>,
}

/// The private use areas of Unicode.
fn private_characters() -> impl Iterator<Item = char> {
    ('\u{E000}'..='\u{F8FF}').chain('\u{F0000}'..='\u{FFFFD}').chain('\u{100000}'..='\u{10FFFD}')
}

fn is_private(c: char) -> bool {
    matches!(c, '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{FFFFD}' | '\u{100000}'..='\u{10FFFD}')
}

impl Marks {
    /// `None` where a conversation leaves no characters free.
    pub fn unused(conversation: &Conversation<'_>) -> Option<Self> {
        let mut taken = HashSet::new();
        let mut take = |text: &str| taken.extend(text.chars().filter(|c| is_private(*c)));
        for turn in conversation.turns {
            take(turn.content);
            turn.name.into_iter().chain(turn.tool_call_id).for_each(&mut take);
            turn.tool_calls.iter().for_each(|call| each_text(call, &mut take));
        }
        conversation.tools.iter().for_each(|tool| each_text(tool, &mut take));
        let mut free = private_characters().filter(|c| !taken.contains(c));
        let breaker = free.next()?;
        let calls = (0..conversation.turns.len()).filter(|at| !conversation.turns[*at].tool_calls.is_empty());
        let owners =
            (0..conversation.turns.len()).map(Owner::Turn).chain(calls.map(Owner::Calls)).chain([Owner::Tools]);
        let mut marks = Self { pairs: HashMap::new(), breaker, meaning: HashMap::new() };
        for owner in owners {
            let [open, close] = [free.next()?, free.next()?];
            marks.pairs.insert(owner, [open, close]);
            marks.meaning.extend([(open, (owner, true)), (close, (owner, false))]);
        }
        Some(marks)
    }

    /// A character for a text that is looked for by itself.
    pub fn probe(&self) -> char {
        self.breaker
    }

    /// The marks go inside the outer white space, which templates may trim.
    pub fn wrap(&self, owner: Owner, text: &str) -> String {
        let Some([open, close]) = self.pairs.get(&owner) else { return text.to_owned() };
        let body = text.trim();
        let start = text.len() - text.trim_start().len();
        let (before, after) = (&text[..start], &text[start + body.len()..]);
        format!("{before}{open}{body}{close}{after}")
    }

    /// The text with every special token in it broken up; `None` where there is none.
    pub fn break_up(&self, text: &str, tokenizer: &Tokenizer, only: Option<&str>) -> Option<String> {
        let mut specials = tokenizer.find_specials(text);
        specials.retain(|(range, _)| only.is_none_or(|only| text[range.clone()] == *only));
        if specials.is_empty() {
            return None;
        }
        let mut broken = String::with_capacity(text.len() + 4 * specials.len());
        let mut from = 0;
        for (range, _) in specials {
            let first = text[range.start..].chars().next().map_or(0, char::len_utf8);
            broken.push_str(&text[from..range.start + first]);
            broken.push(self.breaker);
            from = range.start + first;
        }
        broken.push_str(&text[from..]);
        Some(broken)
    }

    /// Takes the marks out of a template's text.
    pub fn take(&self, marked: &str) -> Unmarked {
        let mut unmarked = Unmarked { text: String::with_capacity(marked.len()), ..Unmarked::default() };
        for c in marked.chars() {
            let at = unmarked.text.len();
            // Few characters are, and the others need not be looked up.
            let meaning = if is_private(c) { self.meaning.get(&c) } else { None };
            match meaning {
                Some((owner, opens)) => unmarked.marks.push(Mark { owner: *owner, opens: *opens, at }),
                None if c == self.breaker => unmarked.breaks.push(at),
                None => unmarked.text.push(c),
            }
        }
        unmarked
    }
}

impl Unmarked {
    /// The whole text of an owner: opened once and closed once after that, with nobody else's marks in between. `None`
    /// where a template dropped, split, moved or doubled it.
    pub fn whole(&self, owner: Owner) -> Option<Range<usize>> {
        let mut own = self.marks.iter().enumerate().filter(|(_, mark)| mark.owner == owner);
        let (Some((first, open)), Some((last, close)), None) = (own.next(), own.next(), own.next()) else {
            return None;
        };
        (open.opens && !close.opens && last == first + 1).then_some(open.at..close.at)
    }

    /// Whether any end of an owner's text was written.
    pub fn is_written(&self, owner: Owner) -> bool {
        self.marks.iter().any(|mark| mark.owner == owner)
    }

    /// Whether no text that belongs elsewhere begins or ends inside the span, or reaches over it.
    pub fn is_only_of(&self, turn: usize, span: &Range<usize>) -> bool {
        let mut open: HashSet<Owner> = HashSet::new();
        for mark in self.marks.iter().filter(|mark| mark.owner.turn() != Some(turn)) {
            if span.start < mark.at && mark.at < span.end {
                return false;
            }
            if mark.at <= span.start && mark.opens {
                open.insert(mark.owner);
            } else if mark.at <= span.start {
                open.remove(&mark.owner);
            } else if !mark.opens && open.contains(&mark.owner) {
                return false;
            }
        }
        true
    }
}

/// Every text of a JSON value.
pub fn each_text(value: &Value, f: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => f(text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, f)),
        Value::Object(fields) => {
            for (name, value) in fields {
                f(name);
                each_text(value, f);
            }
        }
        _ => {}
    }
}
