//! What is stored of an example beside its messages: what the table shows, what is searched, what keeps copies together.

use rusqlite::{Connection, params};

use super::error::ProjectError;
use super::fields::role_bit;
use crate::data::example::key_of_json;
use crate::data::mapping::shorten;
use crate::data::split::prompt_key;
use crate::data::{Example, Message, Role};

const MAX_CELL_CHARS: usize = 200;

pub struct Face {
    pub prompt: String,
    pub answer: String,
    pub num_turns: i64,
    pub roles: u8,
    /// SQLite's integers are signed; only equality counts.
    pub prompt_key: i64,
    pub content_key: i64,
    /// All turns, for the search.
    pub text: String,
    /// The whole example as JSON.
    pub content: String,
}

impl Face {
    pub fn of(example: &Example) -> Result<Self, serde_json::Error> {
        let content = serde_json::to_string(example)?;
        let texts: Vec<_> = example.messages.iter().map(|m| m.content.as_str()).collect();
        Ok(Self {
            prompt: one_line(question(example.prompt())),
            answer: one_line(&values(example.answer().unwrap_or_default())),
            num_turns: example.messages.len() as i64,
            roles: example.messages.iter().fold(0, |bits, message| bits | role_bit(message.role)),
            prompt_key: prompt_key(example) as i64,
            content_key: key_of_json(content.as_bytes()) as i64,
            text: texts.join("\n"),
            content,
        })
    }

    /// Writes what a new example says, and what the search knows of it.
    pub fn insert(&self, db: &Connection, id: i64) -> Result<(), ProjectError> {
        db.prepare_cached("INSERT INTO contents (id, prompt, answer, content) VALUES (?, ?, ?, ?)")?
            .execute(params![id, self.prompt, self.answer, self.content])?;
        self.insert_search(db, id)
    }

    /// The same for one that is there.
    pub fn replace(&self, db: &Connection, id: i64) -> Result<(), ProjectError> {
        db.prepare_cached("UPDATE contents SET prompt = ?, answer = ?, content = ? WHERE id = ?")?.execute(params![
            self.prompt,
            self.answer,
            self.content,
            id
        ])?;
        db.prepare_cached("DELETE FROM search WHERE rowid = ?")?.execute([id])?;
        self.insert_search(db, id)
    }

    fn insert_search(&self, db: &Connection, id: i64) -> Result<(), ProjectError> {
        db.prepare_cached("INSERT INTO search (rowid, text) VALUES (?, ?)")?.execute(params![id, self.text])?;
        Ok(())
    }
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
fn question(prompt: &[Message]) -> &str {
    let asked = prompt.iter().rev().find(|m| m.role == Role::User).or(prompt.last());
    asked.map(|m| m.content.as_str()).unwrap_or_default()
}

/// A JSON object's values separated by commas; any other answer as it is.
fn values(answer: &str) -> String {
    if !answer.trim_start().starts_with('{') {
        return answer.to_owned();
    }
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(answer) {
        Ok(fields) if !fields.is_empty() => {
            fields.values().map(crate::data::mapping::cell_text).collect::<Vec<_>>().join(", ")
        }
        _ => answer.to_owned(),
    }
}

fn one_line(text: &str) -> String {
    // Long texts are cut first: splitting them into words only to drop most is slow.
    let start = shorten(text.trim_start(), 4 * MAX_CELL_CHARS);
    shorten(&start.split_whitespace().collect::<Vec<_>>().join(" "), MAX_CELL_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_comes_back_and_that_of_the_first_stores_too() {
        let messages = vec![Message::new(Role::User, "a"), Message::new(Role::Assistant, "b")];
        let with_tools = Example { tools: vec!["t".into()], ..Example::from(messages.clone()) };
        assert_eq!(example_of(&Face::of(&with_tools).unwrap().content).unwrap(), with_tools);
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
            assert_eq!((face.prompt.as_str(), face.answer.as_str()), ("Charged twice", expected));
        };
        check(r#"{"category": "bug", "human": false, "n": 3}"#, "bug, false, 3");
        check("{broken", "{broken");
        check("{}", "{}");
        check(&"a ".repeat(300), &format!("{}…", "a ".repeat(100)));
    }
}
