//! Rows of columns become examples, as a mapping says.

use serde_json::Value;

use super::spec::{ColumnRole, Mapping};
use super::template::Template;
use super::{Beside, cell_text, parse_split, shorten, to_json};
use crate::data::json_words::json_kind;
use crate::data::row::{Content, Problem};
use crate::data::shapes::{self, Converted, marks};
use crate::data::{Example, Message, Role, Split};

/// Index in the header, and name.
type Column = (usize, String);

/// A mapping made ready for many rows.
#[derive(Debug)]
pub struct Mapper {
    mapping: Mapping,
    system: Vec<Column>,
    user: Vec<Column>,
    assistant: Vec<Column>,
    verdict: Vec<Column>,
    notes: Vec<Column>,
    split: Option<Column>,
    date: Option<Column>,
    label: Option<Column>,
    group: Option<Column>,
    id: Option<Column>,
    user_template: Option<Template>,
    answer_template: Option<Template>,
    /// All columns, for templates.
    columns: Vec<String>,
}

/// What of a mapping doesn't fit a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// It has no column of this name.
    Column(String),
    /// A template names it, and it isn't a column.
    InTemplate(String),
}

impl Mapper {
    /// Prepares a mapping for a file with these columns.
    ///
    /// # Errors
    /// Where the mapping or a template in it names a column that the file doesn't have.
    pub fn new(mapping: &Mapping, columns: &[String]) -> Result<Self, Misfit> {
        for (name, role) in &mapping.columns {
            if *role != ColumnRole::Unused && !columns.contains(name) {
                return Err(Misfit::Column(name.clone()));
            }
        }
        let all = |role: ColumnRole| -> Vec<Column> {
            let at = |name: &str| columns.iter().position(|column| column == name);
            mapping.of(role).filter_map(|name| Some((at(name)?, name.to_owned()))).collect()
        };
        let first = |role: ColumnRole| all(role).into_iter().next();
        let template = |text: &str| Template::parse(text, columns).map_err(Misfit::InTemplate);
        Ok(Self {
            system: all(ColumnRole::System),
            user: all(ColumnRole::User),
            assistant: all(ColumnRole::Assistant),
            verdict: all(ColumnRole::Verdict),
            notes: all(ColumnRole::Note),
            split: first(ColumnRole::Split),
            date: first(ColumnRole::Date),
            label: first(ColumnRole::Label),
            group: first(ColumnRole::Group),
            id: first(ColumnRole::Id),
            user_template: template(&mapping.user_template)?,
            answer_template: template(&mapping.answer_template)?,
            columns: columns.to_vec(),
            mapping: mapping.clone(),
        })
    }

    /// Whether something is taken from this column.
    pub fn uses(&self, name: &str) -> bool {
        let templates = [&self.user_template, &self.answer_template];
        self.mapping.role_of(name) != ColumnRole::Unused
            || templates.into_iter().flatten().any(|template| template.columns().contains(&name))
    }

    /// What the mapping still needs before a row can become an example.
    pub fn missing(&self) -> Option<&'static str> {
        let has_prompt = !self.user.is_empty() || self.user_template.is_some();
        (!has_prompt).then_some("no column is chosen as the prompt")
    }

    /// Makes an example of a row.
    ///
    /// # Errors
    /// Where a cell that is needed says nothing, or something that can't be used; the problem names the column.
    pub fn apply(&self, row: &Content) -> Result<Converted, Problem> {
        if let Some(missing) = self.missing() {
            return Err(Problem::row(missing));
        }
        let mut notes = Vec::new();
        let mut messages = Vec::with_capacity(3);
        let mut system = vec![self.mapping.system_message.clone()];
        for column in &self.system {
            system.push(self.said(row, column, &mut notes)?);
        }
        let system = join(system);
        if !system.is_empty() {
            messages.push(Message::new(Role::System, system));
        }
        messages.push(Message::new(Role::User, self.prompt(row, &mut notes)?));
        messages.push(Message::new(Role::Assistant, self.answer(row, &mut notes)?));
        let mut example = Example::from(messages);
        for column in &self.verdict {
            self.judge(row, column, &mut example, &mut notes)?;
        }
        Ok(Converted { example, split: self.split_of(row)?, beside: self.beside(row), notes })
    }

    /// An error if no column says anything.
    fn prompt(&self, row: &Content, notes: &mut Vec<String>) -> Result<String, Problem> {
        let Some(template) = &self.user_template else {
            let texts = self.user.iter().map(|column| self.said(row, column, notes)).collect::<Result<_, _>>()?;
            let text = join(texts);
            return if text.is_empty() {
                Err(blank(self.user.iter().map(|(_, name)| name.as_str())))
            } else {
                Ok(text)
            };
        };
        let text = self.fill(template, row, notes)?;
        text.ok_or_else(|| blank(template.columns().into_iter()))
    }

    /// Without one it is a prompt that is still to be labelled.
    fn answer(&self, row: &Content, notes: &mut Vec<String>) -> Result<String, Problem> {
        if let Some(template) = &self.answer_template {
            return Ok(self.fill(template, row, notes)?.unwrap_or_default());
        }
        let is_json = self.mapping.answer_as_json;
        let mut texts = Vec::with_capacity(self.assistant.len());
        for column in &self.assistant {
            texts.push(if is_json { self.text(row, column) } else { self.answer_text(row, column, notes)? });
        }
        let answer = join(texts);
        Ok(if is_json && !answer.is_empty() { self.json_answer(row) } else { answer })
    }

    /// `None` where the columns in it say nothing.
    fn fill(&self, template: &Template, row: &Content, notes: &mut Vec<String>) -> Result<Option<String>, Problem> {
        let mut is_said = template.columns().is_empty();
        let text = template.fill(|name| {
            let at = self.columns.iter().position(|column| column == name).unwrap_or(usize::MAX);
            let text = self.answer_text(row, &(at, name.to_owned()), notes)?;
            is_said |= !text.trim().is_empty();
            Ok::<_, Problem>(text)
        })?;
        Ok(is_said.then_some(text))
    }

    fn judge(
        &self,
        row: &Content,
        column: &Column,
        example: &mut Example,
        notes: &mut Vec<String>,
    ) -> Result<(), Problem> {
        let (name, value) = (&column.1, self.value(row, column));
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
        self.date.as_ref().map(|column| (column.1.as_str(), self.text(row, column)))
    }

    /// What the row says beside its turns.
    fn beside(&self, row: &Content) -> Beside {
        let text = |column: &Option<Column>| column.as_ref().map(|column| self.text(row, column).trim().to_owned());
        let filled = |column: &Option<Column>| text(column).filter(|text| !text.is_empty());
        let notes = self.notes.iter().map(|column| (&column.1, self.text(row, column)));
        let notes = notes.filter(|(_, text)| !text.trim().is_empty()).map(|(name, text)| match self.notes.len() {
            1 => text.trim().to_owned(),
            _ => format!("{name}: {}", text.trim()),
        });
        Beside {
            label: text(&self.label),
            group: filled(&self.group),
            id: filled(&self.id),
            note: notes.collect::<Vec<_>>().join("\n"),
        }
    }

    fn json_answer(&self, row: &Content) -> String {
        let fields = self.assistant.iter().map(|column| {
            let value = self.raw(row, column);
            let value = match self.renamed(&column.1, &value) {
                Some(to) => typed(to),
                None => value,
            };
            (self.mapping.key_of(&column.1).to_owned(), value)
        });
        to_json(&fields.collect())
    }

    fn split_of(&self, row: &Content) -> Result<Option<Split>, Problem> {
        let Some(column) = &self.split else { return Ok(None) };
        let text = self.text(row, column);
        if text.trim().is_empty() {
            return Ok(None);
        }
        let reason = || format!("is \"{}\", but it must be train, validation or test", shorten(&text, 40));
        parse_split(&text).map(Some).ok_or_else(|| Problem::field(&column.1, &reason()))
    }

    /// A column's value as the file has it.
    fn raw(&self, row: &Content, (at, name): &Column) -> Value {
        match row {
            Content::Object(fields) => fields.get(name).cloned().unwrap_or(Value::Null),
            Content::Cells(cells) => Value::String(cells.get(*at).cloned().unwrap_or_default()),
        }
    }

    fn renamed(&self, column: &str, value: &Value) -> Option<&str> {
        let mut renames = self.mapping.renames.iter().filter(|rename| rename.column == column).peekable();
        renames.peek()?;
        let text = cell_text(value);
        renames.find(|rename| rename.from == text.trim()).map(|rename| rename.to.as_str())
    }

    /// In the words that were chosen for it.
    fn value(&self, row: &Content, column: &Column) -> Value {
        let value = self.raw(row, column);
        match self.renamed(&column.1, &value) {
            Some(to) => Value::from(to),
            None => value,
        }
    }

    fn text(&self, row: &Content, column: &Column) -> String {
        match self.value(row, column) {
            Value::String(text) => text,
            other => cell_text(&other),
        }
    }

    /// What a column says in a row: a text, or a number's; lists and objects are none.
    fn said(&self, row: &Content, column: &Column, notes: &mut Vec<String>) -> Result<String, Problem> {
        match self.value(row, column) {
            Value::Null => Ok(String::new()),
            Value::String(text) => Ok(text),
            value @ (Value::Bool(_) | Value::Number(_)) => shapes::scalar(&value, &column.1, notes),
            value => Err(shapes::not_a_text(Some(&value), &column.1)),
        }
    }

    /// What a column of the answer says, which may be JSON.
    fn answer_text(&self, row: &Content, column: &Column, notes: &mut Vec<String>) -> Result<String, Problem> {
        let value = self.raw(row, column);
        if value.is_array() || value.is_object() {
            notes.push(format!("{} is {}, and its JSON is the answer", column.1, json_kind(&value)));
            return Ok(value.to_string());
        }
        self.said(row, column, notes)
    }
}

/// Why there is no prompt.
fn blank<'a>(names: impl Iterator<Item = &'a str>) -> Problem {
    let names: Vec<_> = names.collect();
    let reason = if names.len() == 1 { "is empty" } else { "are empty" };
    Problem::field(names.join(" and "), reason)
}

fn join(texts: Vec<String>) -> String {
    let filled: Vec<_> = texts.into_iter().filter(|text| !text.trim().is_empty()).collect();
    filled.join("\n")
}

/// A value that was chosen for a JSON answer: what JSON has a form for isn't text there.
fn typed(text: &str) -> Value {
    match serde_json::from_str(text.trim()) {
        Ok(value @ (Value::Bool(_) | Value::Number(_) | Value::Null)) => value,
        _ => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::mapping::Rename;

    fn mapper(mapping: Mapping) -> Mapper {
        let columns = mapping.columns.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        Mapper::new(&mapping, &columns).unwrap()
    }

    fn mapping(roles: &[(&str, ColumnRole)]) -> Mapping {
        let columns = roles.iter().map(|(name, role)| ((*name).to_owned(), *role)).collect();
        Mapping { columns, ..Mapping::default() }
    }

    fn cells(cells: &[&str]) -> Content {
        Content::Cells(cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn values_and_keys_are_renamed_and_typed_in_json_only() {
        use ColumnRole::{Assistant, Label, User};
        let rename = |from: &str, to: &str| Rename { column: "h".to_owned(), from: from.to_owned(), to: to.to_owned() };
        let mut mapping = mapping(&[("q", User), ("p", Assistant), ("h", Assistant), ("l", Label)]);
        mapping.renames = vec![rename("yes", "true"), rename("no", "false"), rename("1", "urgent")];
        mapping.keys = vec![("h".to_owned(), "needs_human".to_owned())];
        mapping.answer_as_json = true;
        let answer = |mapping: &Mapping, h: &str| {
            let converted = mapper(mapping.clone()).apply(&cells(&["Q", "2", h, " L "])).unwrap();
            assert_eq!(converted.beside.label.as_deref(), Some("L"));
            converted.example.answer().unwrap().to_owned()
        };
        assert_eq!(answer(&mapping, " yes "), r#"{"p": "2", "needs_human": true}"#);
        assert_eq!(answer(&mapping, "1"), r#"{"p": "2", "needs_human": "urgent"}"#);
        assert_eq!(answer(&mapping, "maybe"), r#"{"p": "2", "needs_human": "maybe"}"#);
        mapping.answer_as_json = false;
        assert_eq!(answer(&mapping, "no"), "2\nfalse");
        mapping.answer_template = "{\"p\": {p}, \"h\": {h}}".to_owned();
        assert_eq!(answer(&mapping, "no"), r#"{"p": 2, "h": false}"#);
    }

    #[test]
    fn templates_join_columns_and_blank_ones_leave_the_row_out() {
        use ColumnRole::{Assistant, Group, Id, Note, User};
        let mut mapping =
            mapping(&[("s", User), ("t", User), ("a", Assistant), ("c", Group), ("n", Id), ("x", Note), ("y", Note)]);
        mapping.user_template = "Subject: {s}\n\n{t}".to_owned();
        let mapper = mapper(mapping);
        let converted = mapper.apply(&cells(&["S", "T", "A", "C", "N", "X", ""])).unwrap();
        assert_eq!(converted.example.messages[0].content, "Subject: S\n\nT");
        let Beside { group, id, note, label } = converted.beside;
        assert_eq!((group.as_deref(), id.as_deref(), note.as_str(), label), (Some("C"), Some("N"), "x: X", None));
        let problem = mapper.apply(&cells(&["", " ", "A", "", "", "", ""])).unwrap_err();
        assert_eq!(problem.reason, "s and t are empty");
        assert!(mapper.uses("s") && mapper.uses("x"));
    }
}
