//! The different values of each column, where they are few: what can be given other words by hand.

use super::mapping::cell_text;
use super::row::Content;

/// With more of them, nobody renames a column's values one by one.
const MOST_VALUES: usize = 12;
/// Longer ones are texts.
const MOST_CHARS: usize = 60;

/// See the module.
pub struct Distinct {
    columns: Vec<Counted>,
}

struct Counted {
    name: String,
    /// `None` once they are too many.
    values: Option<Vec<(String, u64)>>,
}

impl Distinct {
    pub fn of(columns: &[String]) -> Self {
        let counted = |name: &String| Counted { name: name.clone(), values: Some(Vec::new()) };
        Self { columns: columns.iter().map(counted).collect() }
    }

    pub fn add(&mut self, row: &Content) {
        for (at, column) in self.columns.iter_mut().enumerate() {
            let Some(values) = &mut column.values else { continue };
            let owned;
            let text = match row {
                Content::Cells(cells) => cells.get(at).map_or("", String::as_str),
                Content::Object(fields) => {
                    owned = fields.get(&column.name).map(cell_text).unwrap_or_default();
                    &owned
                }
            };
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            let known = values.iter().position(|(known, _)| known == text);
            match known {
                Some(at) => values[at].1 += 1,
                None if values.len() == MOST_VALUES || text.chars().count() > MOST_CHARS => column.values = None,
                None => values.push((text.to_owned(), 1)),
            }
        }
    }

    /// By column, the most frequent first.
    pub fn values(self) -> Vec<Vec<(String, u64)>> {
        let sorted = |column: Counted| {
            let mut values = column.values.unwrap_or_default();
            values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            values
        };
        self.columns.into_iter().map(sorted).collect()
    }
}
