//! From named columns to turns: guessing which column is what, and applying what was chosen.

mod content;
mod file;
mod guess;
mod mapper;
mod names;
pub mod spec;
pub mod template;
mod words;

use serde_json::{Map, Value};

pub use self::file::MappingFileError;
pub use self::guess::{Guess, date_column, guess, is_answer};
pub use self::mapper::{Mapper, Misfit};
pub use self::spec::{ColumnRole, Mapping, Rename};
pub use self::words::folded;
use super::Split;

/// What a row says beside its turns and its split.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Beside {
    /// What a column of labels says; it may say nothing.
    pub label: Option<String>,
    /// Rows of one group go into the same part of the data.
    pub group: Option<String>,
    /// What the row is called where it comes from.
    pub id: Option<String>,
    /// Empty for none.
    pub note: String,
}

/// A column's cells that aren't blank.
fn values(rows: &[Vec<String>], at: usize) -> impl Iterator<Item = &str> {
    rows.iter().filter_map(move |row| row.get(at)).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
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

/// Whether a word means yes or no, in the languages whose columns are recognised.
pub fn yes_or_no(text: &str) -> Option<bool> {
    const YES: &str =
        "yes true ja si sim oui da tak evet wahr vrai verdadero verdadeiro vero да истина نعم हाँ हां হ্যাঁ 是 はい 예 네 y";
    const NO: &str =
        "no false nein nee nao non net nie hayir falsch faux falso нет ложь لا नहीं না 否 いいえ 아니요 아니오 n";
    let word = folded(text.trim());
    let is_in = |list: &str| list.split_whitespace().any(|known| folded(known) == word);
    if is_in(YES) { Some(true) } else { is_in(NO).then_some(false) }
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
