//! What is stored of an example beside its messages: what the table shows, what is searched, what keeps copies together.

use std::borrow::Cow;

use rusqlite::{CachedStatement, Connection, params};
use serde::ser::Error;

use super::codes::role_bit;
use crate::data::example::key_of_json;
use crate::data::split::prompt_key;
use crate::data::{Example, Message, Role};
use crate::project::error::ProjectError;

const MAX_CELL_CHARS: usize = 200;

pub struct Face {
    pub num_turns: i64,
    pub roles: u8,
    /// SQLite's integers are signed; only equality counts.
    pub prompt_key: i64,
    pub content_key: i64,
    /// All texts in one piece of memory: an import makes them on one thread and frees them on another.
    texts: String,
    /// Where the content, the prompt and the answer end.
    ends: [usize; 3],
}

impl Face {
    pub fn of(example: &Example) -> Result<Self, serde_json::Error> {
        let num_bytes: usize = example.messages.iter().map(|m| m.content.len()).sum();
        let num_line_bytes = num_bytes.min(2 * MAX_CELL_CHARS);
        let mut json = Vec::with_capacity(2 * num_bytes + num_line_bytes + 64 * (example.messages.len() + 1));
        serde_json::to_writer(&mut json, example)?;
        let content_key = key_of_json(&json) as i64;
        let mut texts = String::from_utf8(json).map_err(Error::custom)?;
        let mut ends = [texts.len(); 3];
        push_line(&mut texts, question(example.prompt()));
        ends[1] = texts.len();
        push_line(&mut texts, &answer(example));
        ends[2] = texts.len();
        for message in &example.messages {
            texts.push_str(&message.content);
            texts.push('\n');
        }
        Ok(Self {
            num_turns: example.messages.len() as i64,
            roles: example.messages.iter().fold(0, |bits, message| bits | role_bit(message.role)),
            prompt_key: prompt_key(example) as i64,
            content_key,
            texts,
            ends,
        })
    }

    /// The whole example as JSON.
    pub fn content(&self) -> &str {
        &self.texts[..self.ends[0]]
    }

    pub fn prompt(&self) -> &str {
        &self.texts[self.ends[0]..self.ends[1]]
    }

    pub fn answer(&self) -> &str {
        &self.texts[self.ends[1]..self.ends[2]]
    }

    /// All turns, for the search.
    fn text(&self) -> &str {
        &self.texts[self.ends[2]..]
    }

    /// How much memory it takes.
    pub fn num_bytes(&self) -> usize {
        self.texts.capacity()
    }
}

/// Statements that write what examples say, and what the search knows of it.
pub struct FaceWriter<'a> {
    contents: CachedStatement<'a>,
    search: CachedStatement<'a>,
}

impl<'a> FaceWriter<'a> {
    /// Statements for new examples.
    pub fn inserting(db: &'a Connection) -> Result<Self, ProjectError> {
        Self::with(db, "INSERT INTO contents (prompt, answer, content, id) VALUES (?, ?, ?, ?)")
    }

    fn with(db: &'a Connection, contents: &str) -> Result<Self, ProjectError> {
        let search = db.prepare_cached("INSERT INTO search (rowid, text) VALUES (?, ?)")?;
        Ok(Self { contents: db.prepare_cached(contents)?, search })
    }

    pub fn write(&mut self, face: &Face, id: i64) -> Result<(), ProjectError> {
        self.contents.execute(params![face.prompt(), face.answer(), face.content(), id])?;
        self.search.execute(params![id, face.text()])?;
        Ok(())
    }
}

/// Writes another content of an example that is there.
pub fn replace(db: &Connection, face: &Face, id: i64) -> Result<(), ProjectError> {
    db.prepare_cached("DELETE FROM search WHERE rowid = ?")?.execute([id])?;
    FaceWriter::with(db, "UPDATE contents SET prompt = ?, answer = ?, content = ? WHERE id = ?")?.write(face, id)
}

/// The example in [`Face::content`]. Stores of the first version hold the list of turns alone.
pub fn example_of(content: &str) -> Result<Example, ProjectError> {
    let example = match content.starts_with('[') {
        true => serde_json::from_str::<Vec<Message>>(content).map(Example::from),
        false => serde_json::from_str(content),
    };
    example.map_err(ProjectError::Content)
}

/// The last thing that was asked; the system message is the same in every row and says little.
pub fn question(prompt: &[Message]) -> &str {
    let asked = prompt.iter().rev().find(|m| m.role == Role::User).or(prompt.last());
    asked.map(|m| m.content.as_str()).unwrap_or_default()
}

/// The answer as its column shows it, before it is cut.
pub fn answer(example: &Example) -> Cow<'_, str> {
    values(example.answer().unwrap_or_default())
}

/// The part of a text from a little before a place on, as one line.
pub fn line_around(text: &str, at: usize) -> String {
    const CHARS_BEFORE: usize = 24;
    let before = text[..at].char_indices().rev().take(CHARS_BEFORE).last().map_or(at, |(start, _)| start);
    let mut line = if text[..before].trim().is_empty() { String::new() } else { "…".to_owned() };
    push_line(&mut line, &text[before..]);
    line
}

/// A JSON object's values separated by commas; any other answer as it is.
fn values(answer: &str) -> Cow<'_, str> {
    if !answer.trim_start().starts_with('{') {
        return answer.into();
    }
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(answer) {
        Ok(fields) if !fields.is_empty() => {
            fields.values().map(crate::data::mapping::cell_text).collect::<Vec<_>>().join(", ").into()
        }
        _ => answer.into(),
    }
}

/// The beginning of a text as one line.
fn push_line(line: &mut String, text: &str) {
    let text = text.trim();
    let start = &text.as_bytes()[..text.len().min(MAX_CELL_CHARS)];
    if is_plain_line(start) {
        line.push_str(&text[..start.len()]);
        line.push_str(if start.len() < text.len() { "…" } else { "" });
        return;
    }
    let mut room = MAX_CELL_CHARS;
    let mut is_after_space = false;
    for c in text.chars() {
        if c.is_whitespace() {
            is_after_space = true;
            continue;
        }
        for c in is_after_space.then_some(' ').into_iter().chain([c]) {
            if room == 0 {
                line.push('…');
                return;
            }
            line.push(c);
            room -= 1;
        }
        is_after_space = false;
    }
}

/// Whether a text is like most: letters of one byte, and single spaces.
fn is_plain_line(text: &[u8]) -> bool {
    let is_plain = |byte: &u8| (b' '..0x7f).contains(byte);
    text.iter().all(is_plain) && !text.windows(2).any(|two| two == b"  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_comes_back_and_that_of_the_first_stores_too() {
        let messages = vec![Message::new(Role::User, "a"), Message::new(Role::Assistant, "b")];
        let with_tools = Example { tools: vec!["t".into()], ..Example::from(messages.clone()) };
        assert_eq!(example_of(Face::of(&with_tools).unwrap().content()).unwrap(), with_tools);
        let old = serde_json::to_string(&messages).unwrap();
        assert_eq!(example_of(&old).unwrap(), messages.into());
        assert!(example_of("{").is_err());
    }

    #[test]
    fn shows_the_question_and_the_values_of_a_json_answer() {
        let check = |answer: &str, expected: &str| {
            let messages = vec![
                Message::new(Role::System, "Sort."),
                Message::new(Role::User, "Charged\n twice"),
                Message::new(Role::Assistant, answer),
            ];
            let face = Face::of(&messages.into()).unwrap();
            assert_eq!((face.prompt(), face.answer()), ("Charged twice", expected));
        };
        check(r#"{"category": "bug", "human": false, "n": 3}"#, "bug, false, 3");
        check("{broken", "{broken");
        check("{}", "{}");
        check(" \n ", "");
        check(" a  b ", "a b");
        check(&"ä ".repeat(300), &format!("{}…", "ä ".repeat(100)));
        check(&"a ".repeat(300), &format!("{}…", "a ".repeat(100)));
    }
}
