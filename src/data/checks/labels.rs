//! Answers that look like labels: a few short values, or a JSON object whose fields have a few short values each.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;

use super::groups::Groups;

/// The name of the field that a plain answer is.
pub const ANSWER: &str = "answer";

const MAX_LABEL_CHARS: usize = 60;
/// Beyond these it is text, and nothing more is remembered of it.
const MAX_FIELDS: usize = 64;
const MAX_LABELS: usize = 2000;
/// With fewer examples nothing can be said.
const MIN_EXAMPLES: usize = 20;
/// Labels that stand for a class come again.
const MIN_EXAMPLES_PER_LABEL: usize = 4;
/// Different numbers that still are classes, such as grades.
const MAX_NUMBERS: usize = 20;

/// The labels that a field may have, as the person says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelSet {
    /// A field of JSON answers, or [`ANSWER`].
    pub field: String,
    pub labels: Vec<String>,
}

/// The fields and labels of one answer.
pub fn of_answer(answer: &str) -> Vec<(String, String)> {
    let answer = answer.trim();
    if answer.starts_with('{') {
        let Ok(Value::Object(fields)) = serde_json::from_str(answer) else { return Vec::new() };
        let label = |value: Value| match value {
            Value::String(text) => Some(text),
            Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        return fields
            .into_iter()
            .filter_map(|(field, value)| Some((field, label(value).filter(|l| is_short(l))?)))
            .collect();
    }
    if answer.is_empty() || !is_short(answer) { Vec::new() } else { vec![(ANSWER.to_owned(), answer.to_owned())] }
}

fn is_short(text: &str) -> bool {
    !text.contains('\n') && text.chars().nth(MAX_LABEL_CHARS).is_none()
}

/// The labels of each file, until it is known which examples are a group: a file of prose doesn't drown another's.
#[derive(Debug, Default)]
pub struct LabelsByFile {
    files: Vec<Labels>,
    by_file: HashMap<u64, usize>,
}

impl LabelsByFile {
    /// Beyond these, files share their labels.
    const MAX_FILES: usize = 64;

    pub fn push(&mut self, row: u32, file: u64, labels: Vec<(String, String)>) {
        let next = self.by_file.len().min(Self::MAX_FILES - 1);
        let at = *self.by_file.entry(file).or_insert(next);
        if at == self.files.len() {
            self.files.push(Labels::default());
        }
        self.files[at].push(row, labels);
    }

    /// The labels of each group.
    pub fn by_group(self, groups: &Groups) -> Vec<Labels> {
        let mut all: Vec<Labels> = (0..groups.len()).map(|_| Labels::default()).collect();
        for field in self.files.into_iter().flat_map(|labels| labels.fields).filter(|field| !field.is_text) {
            for label in field.labels {
                for rows in label.rows.chunk_by(|a, b| groups.of(*a) == groups.of(*b)) {
                    if let Some(own) = all[groups.of(rows[0])].field(&field.name) {
                        own.extend(&label.text, rows);
                    }
                }
            }
        }
        all
    }
}

/// The labels of a file's or a group's examples.
#[derive(Debug, Default)]
pub struct Labels {
    fields: Vec<Field>,
    by_name: HashMap<String, usize>,
}

/// The labels of one field.
#[derive(Debug, Default)]
pub struct Field {
    pub name: String,
    /// In the order in which they came.
    pub labels: Vec<Label>,
    by_text: HashMap<String, usize>,
    is_text: bool,
}

#[derive(Debug)]
pub struct Label {
    pub text: String,
    /// The examples, as the caller counts them.
    pub rows: Vec<u32>,
}

impl Labels {
    pub fn push(&mut self, row: u32, labels: Vec<(String, String)>) {
        for (name, text) in labels {
            if let Some(field) = self.field(&name) {
                field.extend(&text, &[row]);
            }
        }
    }

    fn field(&mut self, name: &str) -> Option<&mut Field> {
        let at = match self.by_name.get(name) {
            Some(at) => *at,
            None if self.fields.len() == MAX_FIELDS => return None,
            None => {
                self.by_name.insert(name.to_owned(), self.fields.len());
                self.fields.push(Field { name: name.to_owned(), ..Field::default() });
                self.fields.len() - 1
            }
        };
        self.fields.get_mut(at)
    }

    /// The fields whose values are labels.
    pub fn label_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.is_label())
    }

    /// Whatever its values are.
    pub fn field_named(&self, name: &str) -> Option<&Field> {
        self.by_name.get(name).and_then(|at| self.fields.get(*at))
    }
}

impl Field {
    fn extend(&mut self, text: &str, rows: &[u32]) {
        if self.is_text {
            return;
        }
        match self.by_text.get(text) {
            Some(at) => self.labels[*at].rows.extend_from_slice(rows),
            None if self.labels.len() == MAX_LABELS => {
                self.is_text = true;
                self.labels = Vec::new();
                self.by_text = HashMap::new();
            }
            None => {
                self.by_text.insert(text.to_owned(), self.labels.len());
                self.labels.push(Label { text: text.to_owned(), rows: rows.to_vec() });
            }
        }
    }

    pub fn num_examples(&self) -> usize {
        self.labels.iter().map(|label| label.rows.len()).sum()
    }

    fn is_label(&self) -> bool {
        let num_examples = self.num_examples();
        let are_numbers =
            self.labels.iter().filter(|label| label.text.parse::<f64>().is_ok()).count() * 2 > self.labels.len();
        num_examples >= MIN_EXAMPLES
            && self.labels.len() * MIN_EXAMPLES_PER_LABEL <= num_examples
            && (!are_numbers || self.labels.len() <= MAX_NUMBERS)
    }

    /// Labels that are another spelling of a much more frequent one.
    pub fn misspelled(&self) -> Vec<(&Label, Respelling)> {
        /// How many times as frequent the right spelling is at least.
        const RATIO: usize = 5;
        let mut found = Vec::new();
        for label in &self.labels {
            let right = self
                .labels
                .iter()
                .filter(|other| {
                    other.rows.len() >= RATIO * label.rows.len() && is_spelling_of(&label.text, &other.text)
                })
                .max_by_key(|other| other.rows.len());
            if let Some(right) = right {
                found.push((label, self.respelling(&label.text, Some(right.text.clone()))));
            }
        }
        found
    }

    /// Labels that are not among the known ones.
    pub fn unknown(&self, known: &[String]) -> Vec<(&Label, Respelling)> {
        let is_unknown = |label: &&Label| !known.contains(&label.text);
        self.labels
            .iter()
            .filter(is_unknown)
            .map(|label| {
                let right = known.iter().find(|other| is_spelling_of(&label.text, other));
                (label, self.respelling(&label.text, right.cloned()))
            })
            .collect()
    }

    /// Whether a set of labels is meant for it: a tenth of its values are of the set, or spellings of such.
    pub fn knows(&self, set: &[String]) -> bool {
        let is_meant = |label: &&Label| set.iter().any(|of| *of == label.text || is_spelling_of(&label.text, of));
        let num_meant: usize = self.labels.iter().filter(is_meant).map(|label| label.rows.len()).sum();
        num_meant * 10 >= self.num_examples().max(1)
    }

    fn respelling(&self, wrong: &str, right: Option<String>) -> Respelling {
        Respelling { field: self.name.clone(), wrong: wrong.to_owned(), right }
    }

    /// Labels with too few examples to be learned where others have many.
    pub fn rare(&self) -> impl Iterator<Item = &Label> {
        const MAX_RARE: usize = 2;
        const MIN_TYPICAL: usize = 10;
        let mut counts: Vec<usize> = self.labels.iter().map(|label| label.rows.len()).collect();
        counts.sort_unstable();
        let typical = counts.get(counts.len() / 2).copied().unwrap_or_default();
        self.labels.iter().filter(move |label| label.rows.len() <= MAX_RARE && typical >= MIN_TYPICAL)
    }

    /// A label that nearly all examples have.
    pub fn dominant(&self) -> Option<&Label> {
        const SHARE: f64 = 0.9;
        const MIN_FIELD: usize = 50;
        let most = self.labels.iter().max_by_key(|label| label.rows.len())?;
        let num_examples = self.num_examples();
        let dominates = most.rows.len() as f64 >= SHARE * num_examples as f64;
        (dominates && self.labels.len() > 1 && num_examples >= MIN_FIELD).then_some(most)
    }
}

/// Whether two labels are one but for case and punctuation, or but for a letter or two where they are long.
fn is_spelling_of(a: &str, b: &str) -> bool {
    if a == b {
        return false;
    }
    let letters = |text: &str| -> Vec<char> {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let (a, b) = (letters(a), letters(b));
    let digits = |letters: &[char]| -> String { letters.iter().filter(|c| c.is_numeric()).collect() };
    let tolerance = match a.len().min(b.len()) {
        0..5 => 0,
        5..10 => 1,
        _ => 2,
    };
    !a.is_empty() && digits(&a) == digits(&b) && distance(&a, &b) <= tolerance
}

/// Letters to insert, delete, replace, or swap with the next.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let last = &rows[i - 1];
            let mut best = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + usize::from(a[i - 1] != b[j - 1]));
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

/// A label that is not of the set, and which of the set it should be. Written into a finding's detail and read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Respelling {
    pub field: String,
    pub wrong: String,
    pub right: Option<String>,
}

const ARROW: &str = " → ";

impl fmt::Display for Respelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, wrong, right } = self;
        match right {
            Some(right) => write!(f, "{}: {}{ARROW}{}", quoted(field), quoted(wrong), quoted(right)),
            None => write!(f, "{}: {} is not one of the labels", quoted(field), quoted(wrong)),
        }
    }
}

impl Respelling {
    /// Reads a finding's detail, where it says what would be right.
    pub fn parse(detail: &str) -> Option<Self> {
        let mut rest = detail;
        let mut parts = Vec::new();
        for before in ["", ": ", ARROW] {
            let mut stream = serde_json::Deserializer::from_str(rest.strip_prefix(before)?).into_iter::<String>();
            parts.push(stream.next()?.ok()?);
            rest = &rest[before.len() + stream.byte_offset()..];
        }
        let right = parts.pop();
        Some(Self { wrong: parts.pop()?, field: parts.pop()?, right })
    }

    /// The answer with the right label; everything else stays as it is.
    pub fn mend(&self, answer: &str) -> Option<String> {
        let right = self.right.as_ref()?;
        if self.field == ANSWER {
            return (answer.trim() == self.wrong).then(|| answer.replacen(&self.wrong, right, 1));
        }
        let fields: serde_json::Map<String, Value> = serde_json::from_str(answer).ok()?;
        if fields.get(&self.field)?.as_str()? != self.wrong {
            return None;
        }
        let field = answer.find(&quoted(&self.field))?;
        let (before, after) = answer.split_at(field);
        let mended = before.to_owned() + &after.replacen(&quoted(&self.wrong), &quoted(right), 1);
        (mended != answer).then_some(mended)
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(answers: &[(&str, usize)]) -> Labels {
        let mut labels = Labels::default();
        let all = answers.iter().flat_map(|(answer, num)| std::iter::repeat_n(answer, *num));
        all.enumerate().for_each(|(row, answer)| labels.push(row as u32, of_answer(answer)));
        labels
    }

    #[test]
    fn fields_of_json_are_labels_and_texts_and_numbers_are_not() {
        let names = |labels: &Labels| labels.label_fields().map(|f| f.name.clone()).collect::<Vec<_>>();
        let json = labels(&[(r#"{"kind": "bug", "urgent": true, "id": null}"#, 30), (r#"{"kind": "wish"}"#, 30)]);
        assert_eq!(names(&json), ["kind", "urgent"]);
        let texts: Vec<String> = (0..100).map(|i| format!("{i} apples")).collect();
        assert!(names(&labels(&texts.iter().map(|t| (t.as_str(), 2)).collect::<Vec<_>>())).is_empty());
        let numbers: Vec<String> = (0..50).map(|i| i.to_string()).collect();
        assert!(names(&labels(&numbers.iter().map(|t| (t.as_str(), 6)).collect::<Vec<_>>())).is_empty());
        assert!(names(&labels(&[("a\nb", 90), (&"long ".repeat(20), 90)])).is_empty());
    }

    #[test]
    fn misspelled_labels() {
        let found =
            labels(&[("account", 40), ("Acount", 2), ("accuont", 1), ("card_1", 60), ("card_2", 3), ("other", 2)]);
        let field = found.label_fields().next().unwrap();
        let spellings: Vec<_> = field.misspelled().into_iter().map(|(_, s)| s.to_string()).collect();
        assert_eq!(spellings, [r#""answer": "Acount" → "account""#, r#""answer": "accuont" → "account""#]);
    }

    #[test]
    fn labels_that_are_not_in_the_set() {
        let found = labels(&[("yes", 20), ("Yes", 20), ("perhaps", 1)]);
        let field = found.field_named(ANSWER).unwrap();
        let unknown: Vec<_> =
            field.unknown(&["yes".to_owned(), "no".to_owned()]).into_iter().map(|(_, s)| s.right).collect();
        assert_eq!(unknown, [Some("yes".to_owned()), None]);
    }

    #[test]
    fn a_respelling_is_read_from_its_words_and_mends_only_its_field() {
        let right = Some("a \"b\"".to_owned());
        let respelling = Respelling { field: "kind".to_owned(), wrong: "A → b".to_owned(), right };
        assert_eq!(Respelling::parse(&respelling.to_string()), Some(respelling.clone()));
        assert_eq!(Respelling::parse(r#""kind": "x" is not one of the labels"#), None);
        assert_eq!(
            respelling.mend(r#"{"note": "A → b", "kind": "A → b"}"#).as_deref(),
            Some(r#"{"note": "A → b", "kind": "a \"b\""}"#)
        );
        assert_eq!(respelling.mend(r#"{"kind": "C"}"#), None);
        let plain = Respelling::parse(r#""answer": "Acount" → "account""#).unwrap();
        assert_eq!(plain.mend("Acount\n").as_deref(), Some("account\n"));
    }

    #[test]
    fn rare_and_dominant_labels() {
        let check = |answers: &[(&str, usize)], rare: &[&str], dominant: Option<&str>| {
            let found = labels(answers);
            let field = found.label_fields().next().unwrap();
            assert_eq!(field.rare().map(|label| label.text.as_str()).collect::<Vec<_>>(), rare);
            assert_eq!(field.dominant().map(|label| label.text.as_str()), dominant);
        };
        check(&[("a", 30), ("b", 30), ("c", 2)], &["c"], None);
        check(&[("a", 95), ("b", 5)], &[], Some("a"));
        check(&[("a", 60), ("b", 40)], &[], None);
    }
}
