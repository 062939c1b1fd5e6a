//! Data sets number their classes and keep the names elsewhere: in a Parquet file's metadata, or in the data set's card.

use serde_json::Value;

use super::notes::Notes;
use super::rows::excerpt;
use crate::data::row::Content;

/// The names of classes by column, their numbers' order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClassNames {
    columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    /// The path to a field within fields; lists on the way are passed through.
    path: Vec<String>,
    names: Vec<String>,
    /// Where the names are from: "the file itself".
    said_by: &'static str,
}

impl ClassNames {
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// From a description of columns as `datasets` writes it: JSON in a file's metadata, or the `features` of a card.
    pub fn of_features(features: &Value, said_by: &'static str) -> Self {
        let mut found = Finder { said_by, columns: Vec::new() };
        found.look(features, &mut Vec::new());
        Self { columns: found.columns }
    }

    /// From the `dataset_info` of a card, which has one description or one for each subset. `is_subset` says which of
    /// several is meant; without it, only names that all agree on are taken.
    pub fn of_card(info: &Value, is_subset: impl Fn(&str) -> bool, said_by: &'static str) -> Self {
        let infos = match info {
            Value::Array(infos) => infos.iter().collect(),
            info => vec![info],
        };
        let named = infos.iter().find(|info| info.get("config_name").and_then(Value::as_str).is_some_and(&is_subset));
        let mut each = match (named, infos.as_slice()) {
            (Some(info), _) | (None, [info]) => vec![*info],
            _ => infos.clone(),
        }
        .into_iter()
        .map(|info| Self::of_features(info.get("features").unwrap_or(&Value::Null), said_by));
        let mut names = each.next().unwrap_or_default();
        each.for_each(|other| names.columns.retain(|column| other.columns.contains(column)));
        names
    }

    /// Adds the columns that are new.
    pub fn add(&mut self, other: &Self) {
        let new = other.columns.iter().filter(|new| self.columns.iter().all(|column| column.path != new.path));
        let new: Vec<_> = new.cloned().collect();
        self.columns.extend(new);
    }

    /// Puts names in the place of a row's numbers. A number without a name, as -1 where there is no label, becomes null.
    pub fn put_into(&self, content: &mut Content, header: Option<&[String]>, line: u64, notes: &mut Notes) {
        let mut is_told = [false; 2];
        for column in &self.columns {
            let mut told = |number: i64, name: Option<&str>| {
                if !std::mem::replace(&mut is_told[usize::from(name.is_some())], true) {
                    column.tell(number, name, line, notes);
                }
            };
            match (&mut *content, column.path.as_slice()) {
                (Content::Object(fields), [first, rest @ ..]) => {
                    if let Some(value) = fields.get_mut(first) {
                        column.put_into(value, rest, &mut told);
                    }
                }
                (Content::Cells(cells), [name]) => {
                    let at = header.and_then(|header| header.iter().position(|known| known == name));
                    let Some(cell) = at.and_then(|at| cells.get_mut(at)) else { continue };
                    let Ok(number) = cell.trim().parse::<i64>() else { continue };
                    if column.names.contains(cell) {
                        continue;
                    }
                    let name = column.name(number);
                    told(number, name);
                    *cell = name.unwrap_or_default().to_owned();
                }
                _ => {}
            }
        }
    }
}

impl Column {
    fn name(&self, number: i64) -> Option<&str> {
        self.names.get(usize::try_from(number).ok()?).map(String::as_str)
    }

    fn put_into(&self, value: &mut Value, path: &[String], told: &mut dyn FnMut(i64, Option<&str>)) {
        match (&mut *value, path) {
            (Value::Array(items), _) => items.iter_mut().for_each(|item| self.put_into(item, path, told)),
            (Value::Object(fields), [first, rest @ ..]) => {
                if let Some(value) = fields.get_mut(first) {
                    self.put_into(value, rest, told);
                }
            }
            (Value::Number(number), []) => {
                // Columns with gaps come as 2.0.
                let whole = number.as_f64().filter(|number| number.fract() == 0.0).map(|number| number as i64);
                let Some(number) = number.as_i64().or(whole) else { return };
                let name = self.name(number);
                told(number, name);
                *value = name.map_or(Value::Null, Value::from);
            }
            _ => {}
        }
    }

    fn tell(&self, number: i64, name: Option<&str>, line: u64, notes: &mut Notes) {
        let (column, said_by) = (self.path.join("."), self.said_by);
        match name {
            Some(name) => notes.add("numbers of classes are replaced by their names", line, || {
                format!("{column}: {number} is \"{}\", as {said_by} has it", excerpt(name))
            }),
            None => notes.add("a number that no class has is read as empty", line, || format!("{column}: {number}")),
        }
    }
}

/// Walks through a description of columns.
struct Finder {
    said_by: &'static str,
    columns: Vec<Column>,
}

impl Finder {
    fn look(&mut self, described: &Value, path: &mut Vec<String>) {
        match described {
            Value::Array(items) => items.iter().for_each(|item| self.look(item, path)),
            Value::Object(fields) => {
                let kind = fields.get("_type").and_then(Value::as_str);
                let (names, name) = (fields.get("names"), fields.get("name").and_then(Value::as_str));
                match (kind, fields.get("class_label"), name) {
                    (Some("ClassLabel"), ..) => self.found(names, path),
                    // A list of what it describes.
                    (Some(_), ..) => self.look(fields.get("feature").unwrap_or(&Value::Null), path),
                    (None, Some(label), None) => self.found(label.get("names"), path),
                    // A card has a list of columns, and each says its name.
                    (None, _, Some(name)) => {
                        path.push(name.to_owned());
                        ["dtype", "sequence", "list", "struct"]
                            .iter()
                            .filter_map(|key| fields.get(*key))
                            .for_each(|inner| self.look(inner, path));
                        path.pop();
                    }
                    (None, None, None) => self.look_into(described, path),
                }
            }
            _ => {}
        }
    }

    /// Fields by name, or, in a card, one of the words around them.
    fn look_into(&mut self, described: &Value, path: &mut Vec<String>) {
        for (name, inner) in described.as_object().into_iter().flatten() {
            let is_word = ["dtype", "sequence", "list", "struct"].contains(&name.as_str())
                && inner.get("_type").is_none()
                && (inner.get("class_label").is_some() || inner.is_array());
            if is_word {
                self.look(inner, path);
                continue;
            }
            path.push(name.clone());
            self.look(inner, path);
            path.pop();
        }
    }

    fn found(&mut self, names: Option<&Value>, path: &[String]) {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let names: Option<Vec<String>> = match names {
            Some(Value::Array(names)) => names.iter().map(text).collect(),
            Some(Value::Object(names)) => {
                (0..names.len()).map(|at| names.get(&at.to_string()).and_then(text)).collect()
            }
            _ => None,
        };
        // Names that are the numbers themselves say nothing.
        let says_something = |names: &Vec<String>| names.iter().enumerate().any(|(at, name)| *name != at.to_string());
        if let (Some(names), false) = (names.filter(says_something), path.is_empty()) {
            self.columns.push(Column { path: path.to_vec(), names, said_by: self.said_by });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_kinds_of_description_are_understood() {
        let file = json!({
            "text": {"dtype": "string", "_type": "Value"},
            "label": {"names": ["bad", "good"], "_type": "ClassLabel"},
            "tags": {"feature": {"names": ["a", "b"], "_type": "ClassLabel"}, "_type": "Sequence"},
            "more": [{"kind": {"names": ["x"], "_type": "ClassLabel"}}],
            "digit": {"names": ["0", "1"], "_type": "ClassLabel"},
        });
        let card = json!([
            {"name": "text", "dtype": "string"},
            {"name": "label", "dtype": {"class_label": {"names": {"0": "bad", "1": "good"}}}},
            {"name": "tags", "sequence": {"class_label": {"names": ["a", "b"]}}},
            {"name": "more", "list": [{"name": "kind", "dtype": {"class_label": {"names": {"0": "x"}}}}]},
            {"name": "digit", "dtype": {"class_label": {"names": {"0": "0", "1": "1"}}}},
        ]);
        let of_file = ClassNames::of_features(&file, "it");
        assert_eq!(of_file, ClassNames::of_features(&card, "it"));
        let row = json!({"text": "1", "label": 1, "tags": [0, 1, -1], "more": [{"kind": 0.0}], "digit": 1});
        let mut content = Content::Object(row.as_object().unwrap().clone());
        let mut notes = Notes::default();
        of_file.put_into(&mut content, None, 7, &mut notes);
        let expected =
            json!({"text": "1", "label": "good", "tags": ["a", "b", null], "more": [{"kind": "x"}], "digit": 1});
        assert_eq!(content, Content::Object(expected.as_object().unwrap().clone()));
        let told: Vec<_> = notes.told().into_iter().map(|note| (note.what, note.count)).collect();
        let named = "numbers of classes are replaced by their names (label: 1 is \"good\", as it has it)";
        let unnamed = "a number that no class has is read as empty (tags: -1)";
        assert_eq!(told, [(named.to_owned(), 1), (unnamed.to_owned(), 1)]);

        let mut cells = Content::Cells(vec!["a".to_owned(), " 1".to_owned(), "good".to_owned()]);
        of_file.put_into(&mut cells, Some(&["text".to_owned(), "label".to_owned(), "x".to_owned()]), 1, &mut notes);
        assert_eq!(cells, Content::Cells(["a", "good", "good"].map(str::to_owned).to_vec()));
    }

    #[test]
    fn of_several_subsets_the_named_one_counts_or_what_all_agree_on() {
        let info = |name: &str, names: [&str; 2]| json!({"config_name": name, "features": [{"name": "label", "dtype": {"class_label": {"names": names}}}]});
        let of = |infos: Value, name: &str| ClassNames::of_card(&infos, |subset| subset == name, "it");
        let two = json!([info("one", ["a", "b"]), info("two", ["c", "d"])]);
        assert_eq!(of(two.clone(), "two").columns[0].names, ["c", "d"]);
        assert!(of(two, "").is_empty());
        assert_eq!(of(json!([info("one", ["a", "b"]), info("two", ["a", "b"])]), "").columns[0].names, ["a", "b"]);
        assert_eq!(of(info("one", ["a", "b"]), "").columns.len(), 1);
        assert!(of(Value::Null, "").is_empty());
    }
}
