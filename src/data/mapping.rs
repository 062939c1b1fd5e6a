//! From named columns to turns: guessing which column is what, and applying what was chosen.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::formats::{Content, Problem, json_kind};
use super::import::{ColumnRole, Mapping};
use super::shapes::{self, Converted, marks};
use super::{Example, Message, Role, Split, date};

/// A mapping that was made up from names and content.
#[derive(Debug, Clone, PartialEq)]
pub struct Guess {
    pub mapping: Mapping,
    /// Whether the names alone say which columns are the prompt and the answer.
    pub is_certain: bool,
}

/// Names of columns that are the prompt.
const PROMPTS: &[&str] = &[
    "prompt",
    "question",
    "instruction",
    "query",
    "input",
    "text",
    "context",
    "subject",
    "title",
    "body",
    "message",
    "content",
    "sentence",
    "utterance",
    "problem",
    "request",
    "email",
    "review",
    "article",
    "document",
    "source_text",
    "user_message",
    "user_input",
    "customer_message",
];
/// The prompt only where no better name is: they may as well be a person's id, or whether a person is needed.
const SPEAKERS: &[&str] = &["user", "human"];
/// Names of columns that are the answer as a whole.
const ANSWERS: &[&str] = &[
    "completion",
    "answer",
    "response",
    "output",
    "assistant",
    "reply",
    "target",
    "solution",
    "summary",
    "translation",
    "gold",
    "expected",
    "expected_output",
    "assistant_message",
    "target_text",
    "chosen",
];
/// Names of columns that are one part of the answer.
const LABELS: &[&str] = &[
    "category",
    "label",
    "labels",
    "class",
    "intent",
    "sentiment",
    "topic",
    "priority",
    "urgency",
    "severity",
    "department",
    "label_text",
    "emotion",
    "tag",
];
const SYSTEMS: &[&str] = &["system", "system_prompt", "system_message"];
const SPLITS: &[&str] = &["split", "set", "subset", "fold", "partition"];
/// Names of columns that say when, the likeliest first.
const DATES: &[&str] = &[
    "date",
    "datetime",
    "date_time",
    "timestamp",
    "time",
    "created_at",
    "created",
    "createdat",
    "create_time",
    "creation_date",
    "sent_at",
    "received_at",
    "posted_at",
    "published_at",
];
/// Never guessed to be part of an example.
const KEYS: &[&str] =
    &["id", "idx", "index", "uuid", "date", "time", "timestamp", "created", "created_at", "url", "source"];

/// What each column is, as far as names and the first rows tell.
pub fn guess(columns: &[String], rows: &[Vec<String>]) -> Guess {
    let names: Vec<String> = columns.iter().map(|c| normalise(c)).collect();
    let is_in = |at: usize, list: &[&str]| list.contains(&names[at].as_str());
    let mut roles = vec![ColumnRole::Unused; columns.len()];
    for (at, role) in roles.iter_mut().enumerate() {
        if is_in(at, SYSTEMS) {
            *role = ColumnRole::System;
        } else if is_in(at, SPLITS) && values(rows, at).all(|cell| parse_split(cell).is_some()) {
            *role = ColumnRole::Split;
        } else if is_in(at, PROMPTS) {
            *role = ColumnRole::User;
        }
    }
    if !roles.contains(&ColumnRole::User)
        && let Some(at) = (0..columns.len()).find(|at| is_in(*at, SPEAKERS))
    {
        roles[at] = ColumnRole::User;
    }
    let says_verdict = |at: usize| {
        let mut values = values(rows, at).peekable();
        let is_verdict = |value: &str| marks::verdict(&names[at], &Value::from(value)).is_some();
        marks::may_be_verdict(&names[at]) && values.peek().is_some() && values.all(is_verdict)
    };
    match (0..columns.len()).find(|at| is_in(*at, ANSWERS) && !says_verdict(*at)) {
        Some(at) => {
            roles[at] = ColumnRole::Assistant;
            // Beside an answer, yes and no say what it is worth.
            let is_verdict = |verdict: &usize| {
                let labelled = rows.iter().filter_map(|row| labelled(row, *verdict, at));
                says_verdict(*verdict) && !marks::are_classes(labelled)
            };
            let free = (0..columns.len()).filter(|at| roles[*at] == ColumnRole::Unused);
            if let Some(verdict) = free.clone().find(is_verdict) {
                roles[verdict] = ColumnRole::Verdict;
            }
        }
        None => (0..columns.len()).filter(|at| is_in(*at, LABELS)).for_each(|at| roles[at] = ColumnRole::Assistant),
    }
    let dates = date_column(columns, |at| values(rows, at).map(str::to_owned).collect());
    if let Some(at) = dates.filter(|at| roles[*at] == ColumnRole::Unused) {
        roles[at] = ColumnRole::Date;
    }
    let has = |roles: &[ColumnRole], role| roles.contains(&role);
    let is_certain = has(&roles, ColumnRole::User) && has(&roles, ColumnRole::Assistant);
    if !is_certain {
        guess_from_content(&names, rows, &mut roles);
    }
    let num_answers = roles.iter().filter(|role| **role == ColumnRole::Assistant).count();
    let mapping = Mapping {
        columns: columns.iter().cloned().zip(roles).collect(),
        system_message: String::new(),
        answer_as_json: num_answers > 1,
    };
    Guess { mapping, is_certain }
}

/// The longest texts are the prompt; short values that repeat, or else the next longest texts, are the answer.
fn guess_from_content(names: &[String], rows: &[Vec<String>], roles: &mut [ColumnRole]) {
    let mean_len = |at: usize| values(rows, at).map(str::len).sum::<usize>() / rows.len().max(1);
    let free = |roles: &[ColumnRole]| {
        let mut free: Vec<_> = (0..roles.len())
            .filter(|at| roles[*at] == ColumnRole::Unused && !KEYS.contains(&names[*at].as_str()) && mean_len(*at) > 0)
            .collect();
        free.sort_by_key(|at| std::cmp::Reverse(mean_len(*at)));
        free
    };
    if !roles.contains(&ColumnRole::User)
        && let Some(at) = free(roles).first()
    {
        roles[*at] = ColumnRole::User;
    }
    if !roles.contains(&ColumnRole::Assistant) {
        let free = free(roles);
        let repeats = |at: &&usize| {
            let distinct: std::collections::HashSet<_> = values(rows, **at).collect();
            rows.len() >= 5 && distinct.len() > 1 && distinct.len() * 2 <= rows.len() && mean_len(**at) <= 40
        };
        if let Some(at) = free.iter().find(repeats).or(free.first()) {
            roles[*at] = ColumnRole::Assistant;
        }
    }
}

/// The column whose name says that it holds dates, if its values are dates.
pub fn date_column(columns: &[String], values: impl Fn(usize) -> Vec<String>) -> Option<usize> {
    let names: Vec<String> = columns.iter().map(|c| normalise(c)).collect();
    let named = DATES.iter().filter_map(|name| names.iter().position(|known| known == name));
    // One that nobody can read must not hide the others.
    let holds_dates = |at: &usize| {
        let values = values(*at);
        let num_dates = values.iter().filter(|text| date::parse(text).is_some()).count();
        num_dates > 0 && num_dates * 10 >= values.len() * 9
    };
    named.into_iter().find(holds_dates)
}

fn labelled(row: &[String], label: usize, answer: usize) -> Option<(Cow<'_, str>, &str)> {
    Some((Cow::Borrowed(row.get(label)?.as_str()), row.get(answer)?.as_str()))
}

/// Whether the name of a column says that it is the answer.
pub fn is_answer(name: &str) -> bool {
    let name = normalise(name);
    ANSWERS.contains(&name.as_str()) || LABELS.contains(&name.as_str())
}

/// A column's cells that aren't blank.
fn values(rows: &[Vec<String>], at: usize) -> impl Iterator<Item = &str> {
    rows.iter().filter_map(move |row| row.get(at)).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
}

/// `Customer Message` → `customer_message`.
fn normalise(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-', '.'], "_")
}

/// A mapping made ready for many rows.
#[derive(Debug)]
pub struct Mapper {
    mapping: Mapping,
    /// Index in the header and name, by role.
    system: Vec<(usize, String)>,
    user: Vec<(usize, String)>,
    assistant: Vec<(usize, String)>,
    verdict: Vec<(usize, String)>,
    split: Option<(usize, String)>,
    date: Option<(usize, String)>,
}

impl Mapper {
    /// `columns` are the file's; names of the mapping that it doesn't have are the error.
    pub fn new(mapping: &Mapping, columns: &[String]) -> Result<Self, String> {
        let mut by_role: [Vec<(usize, String)>; 6] = Default::default();
        for (name, role) in &mapping.columns {
            let list = match role {
                ColumnRole::Unused => continue,
                ColumnRole::System => 0,
                ColumnRole::User => 1,
                ColumnRole::Assistant => 2,
                ColumnRole::Split => 3,
                ColumnRole::Date => 4,
                ColumnRole::Verdict => 5,
            };
            let at = columns.iter().position(|column| column == name).ok_or_else(|| name.clone())?;
            by_role[list].push((at, name.clone()));
        }
        let [system, user, assistant, split, date, verdict] = by_role;
        let (split, date) = (split.into_iter().next(), date.into_iter().next());
        Ok(Self { mapping: mapping.clone(), system, user, assistant, verdict, split, date })
    }

    /// Whether something is taken from this column.
    pub fn uses(&self, name: &str) -> bool {
        self.mapping.columns.iter().any(|(column, role)| column == name && *role != ColumnRole::Unused)
    }

    /// What the mapping still needs before a row can become an example.
    pub fn missing(&self) -> Option<&'static str> {
        self.user.is_empty().then_some("no column is chosen as the user's message")
    }

    pub fn apply(&self, row: &Content) -> Result<Converted, Problem> {
        if let Some(missing) = self.missing() {
            return Err(Problem::row(missing));
        }
        let mut notes = Vec::new();
        let mut messages = Vec::with_capacity(3);
        let mut system = vec![self.mapping.system_message.clone()];
        for column in &self.system {
            system.push(said(row, column, &mut notes)?);
        }
        let system = join(system);
        if !system.is_empty() {
            messages.push(Message::new(Role::System, system));
        }
        messages.push(Message::new(Role::User, joined(row, &self.user, &mut notes)?));
        messages.push(Message::new(Role::Assistant, self.answer(row, &mut notes)?));
        let mut example = Example::from(messages);
        for column in &self.verdict {
            self.judge(row, column, &mut example, &mut notes)?;
        }
        Ok(Converted { example, split: self.split_of(row)?, notes })
    }

    /// Without one it is a prompt that is still to be labelled.
    fn answer(&self, row: &Content, notes: &mut Vec<String>) -> Result<String, Problem> {
        let is_json = self.mapping.answer_as_json;
        let mut texts = Vec::with_capacity(self.assistant.len());
        for column in &self.assistant {
            texts.push(if is_json { text(row, column) } else { answer_text(row, column, notes)? });
        }
        let answer = join(texts);
        Ok(if is_json && !answer.is_empty() { self.json_answer(row) } else { answer })
    }

    fn judge(
        &self,
        row: &Content,
        column: &(usize, String),
        example: &mut Example,
        notes: &mut Vec<String>,
    ) -> Result<(), Problem> {
        let (name, value) = (&column.1, value(row, column));
        if !shapes::is_filled(&value) || value.as_str().is_some_and(|text| text.trim().is_empty()) {
            return Ok(());
        }
        // A column that was chosen says it whatever it is called.
        let called = if marks::may_be_verdict(name) { name } else { "verdict" };
        let is_good = marks::verdict(called, &value).ok_or_else(|| marks::unreadable(name, &value))?;
        marks::judge(example, is_good, name, &value.to_string(), notes)
    }

    /// The column that says when the row is from, and what it says.
    pub fn date(&self, row: &Content) -> Option<(&str, String)> {
        self.date.as_ref().map(|column| (column.1.as_str(), text(row, column)))
    }

    fn json_answer(&self, row: &Content) -> String {
        let fields = self.assistant.iter().map(|column| (column.1.clone(), value(row, column)));
        to_json(&fields.collect())
    }

    fn split_of(&self, row: &Content) -> Result<Option<Split>, Problem> {
        let Some(column) = &self.split else { return Ok(None) };
        let text = text(row, column);
        if text.trim().is_empty() {
            return Ok(None);
        }
        let reason = || format!("is \"{}\", but it must be train, validation or test", shorten(&text, 40));
        parse_split(&text).map(Some).ok_or_else(|| Problem::field(&column.1, &reason()))
    }
}

/// The part that a split of this name is.
pub fn parse_split(text: &str) -> Option<Split> {
    match text.trim().to_lowercase().as_str() {
        "train" | "training" => Some(Split::Train),
        "validation" | "valid" | "val" | "dev" | "eval" => Some(Split::Validation),
        "test" | "testing" => Some(Split::Test),
        _ => None,
    }
}

/// The texts of columns, joined by a line break; an error if none of them says anything.
fn joined(row: &Content, columns: &[(usize, String)], notes: &mut Vec<String>) -> Result<String, Problem> {
    let texts = columns.iter().map(|column| said(row, column, notes)).collect::<Result<_, _>>()?;
    let text = join(texts);
    if !text.is_empty() {
        return Ok(text);
    }
    let names: Vec<_> = columns.iter().map(|(_, name)| name.as_str()).collect();
    let reason = if names.len() == 1 { "is empty" } else { "are empty" };
    Err(Problem::field(names.join(" and "), reason))
}

fn join(texts: Vec<String>) -> String {
    let filled: Vec<_> = texts.into_iter().filter(|text| !text.trim().is_empty()).collect();
    filled.join("\n")
}

fn value(row: &Content, (at, name): &(usize, String)) -> Value {
    match row {
        Content::Object(fields) => fields.get(name).cloned().unwrap_or(Value::Null),
        Content::Cells(cells) => Value::String(cells.get(*at).cloned().unwrap_or_default()),
    }
}

fn text(row: &Content, (at, name): &(usize, String)) -> String {
    match row {
        Content::Object(fields) => fields.get(name).map(cell_text).unwrap_or_default(),
        Content::Cells(cells) => cells.get(*at).cloned().unwrap_or_default(),
    }
}

/// What a column says in a row: a text, or a number's; lists and objects are none.
fn said(row: &Content, column: &(usize, String), notes: &mut Vec<String>) -> Result<String, Problem> {
    match row {
        Content::Object(fields) => match fields.get(&column.1) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(value @ (Value::Bool(_) | Value::Number(_))) => shapes::scalar(value, &column.1, notes),
            value => Err(shapes::not_a_text(value, &column.1)),
        },
        Content::Cells(_) => Ok(text(row, column)),
    }
}

/// The same of an answer, which may be JSON.
fn answer_text(row: &Content, column: &(usize, String), notes: &mut Vec<String>) -> Result<String, Problem> {
    if let Content::Object(fields) = row
        && let Some(value @ (Value::Array(_) | Value::Object(_))) = fields.get(&column.1)
    {
        notes.push(format!("{} is {}, and its JSON is the answer", column.1, json_kind(value)));
        return Ok(value.to_string());
    }
    said(row, column, notes)
}

/// A JSON value as a cell of a table shows it.
pub fn cell_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// One line of JSON with a space after colons and commas, as most models write it.
fn to_json(fields: &Map<String, Value>) -> String {
    let parts: Vec<_> =
        fields.iter().map(|(name, value)| format!("{}: {}", Value::from(name.as_str()), spaced(value))).collect();
    format!("{{{}}}", parts.join(", "))
}

fn spaced(value: &Value) -> String {
    match value {
        Value::Object(fields) => to_json(fields),
        Value::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// At most `max` characters.
pub fn shorten(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
