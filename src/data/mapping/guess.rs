//! What each column is: by its name, then by what is in it; and where that leaves a doubt, nothing.

use std::borrow::Cow;

use serde_json::Value;

use super::content::Profile;
use super::names::{
    ANSWERS, DATES, KEYS, Kind, LABELS, PROMPTS, SPEAKERS, SPLITS, SYSTEMS, is_wanted, kind_of, normalise,
};
use super::spec::{ColumnRole, Mapping};
use super::{parse_split, values};
use crate::data::date;
use crate::data::shapes::marks;

/// A mapping that was made up from names and content.
#[derive(Debug, Clone, PartialEq)]
pub struct Guess {
    pub mapping: Mapping,
    /// Whether the names alone say which columns are the prompt and the answer.
    pub is_certain: bool,
}

/// What each column is, as far as names and the first rows show it.
pub fn guess(columns: &[String], rows: &[Vec<String>]) -> Guess {
    let mut guessing = Guessing::of(columns, rows);
    guessing.systems_and_splits();
    guessing.prompts_by_name();
    guessing.answers_by_name();
    guessing.date_by_name();
    guessing.beside_the_turns();
    let is_certain = guessing.has(ColumnRole::User) && guessing.has(ColumnRole::Assistant);
    if !is_certain {
        guessing.by_content();
    }
    let roles = guessing.roles;
    let num_answers = roles.iter().filter(|role| **role == ColumnRole::Assistant).count();
    let mapping = Mapping {
        columns: columns.iter().cloned().zip(roles).collect(),
        answer_as_json: num_answers > 1,
        ..Mapping::default()
    };
    Guess { mapping, is_certain }
}

struct Guessing<'a> {
    columns: &'a [String],
    rows: &'a [Vec<String>],
    /// The columns' names as the usual ones are written.
    names: Vec<String>,
    kinds: Vec<Option<Kind>>,
    profiles: Vec<Profile>,
    roles: Vec<ColumnRole>,
}

impl<'a> Guessing<'a> {
    fn of(columns: &'a [String], rows: &'a [Vec<String>]) -> Self {
        let names: Vec<String> = columns.iter().map(|name| normalise(name)).collect();
        let kind = |name: &String, own: &String| if KEYS.contains(&own.as_str()) { None } else { kind_of(name) };
        Self {
            kinds: columns.iter().zip(&names).map(|(name, own)| kind(name, own)).collect(),
            profiles: (0..columns.len()).map(|at| Profile::of(rows, at)).collect(),
            roles: vec![ColumnRole::Unused; columns.len()],
            columns,
            rows,
            names,
        }
    }

    fn has(&self, role: ColumnRole) -> bool {
        self.roles.contains(&role)
    }

    fn is_called(&self, at: usize, list: &[&str]) -> bool {
        list.contains(&self.names[at].as_str())
    }

    /// Columns that nothing is said of yet.
    fn free(&self) -> Vec<usize> {
        (0..self.roles.len()).filter(|at| self.roles[*at] == ColumnRole::Unused).collect()
    }

    fn free_of_kind(&self, kind: Kind) -> Vec<usize> {
        self.free().into_iter().filter(|at| self.kinds[*at] == Some(kind)).collect()
    }

    fn systems_and_splits(&mut self) {
        for at in self.free() {
            if self.is_called(at, SYSTEMS) {
                self.roles[at] = ColumnRole::System;
            } else if self.is_called(at, SPLITS) && values(self.rows, at).all(|cell| parse_split(cell).is_some()) {
                self.roles[at] = ColumnRole::Split;
            }
        }
        if !self.has(ColumnRole::System) {
            for at in self.free_of_kind(Kind::System) {
                self.roles[at] = ColumnRole::System;
            }
        }
    }

    /// The usual names; else a word that says so; else who speaks.
    fn prompts_by_name(&mut self) {
        let named: Vec<_> = self.free().into_iter().filter(|at| self.is_called(*at, PROMPTS)).collect();
        let by_word = || {
            let mut found = self.free_of_kind(Kind::Question);
            found.retain(|at| !self.profiles[*at].are_numbers() && !self.profiles[*at].are_dates());
            found
        };
        let speaker = || self.free().into_iter().filter(|at| self.is_called(*at, SPEAKERS)).take(1).collect();
        let found = [named].into_iter().chain(std::iter::once_with(by_word)).chain(std::iter::once_with(speaker));
        let found: Vec<usize> = found.into_iter().find(|found: &Vec<usize>| !found.is_empty()).unwrap_or_default();
        found.into_iter().for_each(|at| self.roles[at] = ColumnRole::User);
    }

    fn says_verdict(&self, at: usize) -> bool {
        let mut values = values(self.rows, at).peekable();
        let is_verdict = |value: &str| marks::verdict(&self.names[at], &Value::from(value)).is_some();
        marks::may_be_verdict(&self.names[at]) && values.peek().is_some() && values.all(is_verdict)
    }

    fn answers_by_name(&mut self) {
        match self.answer_by_name() {
            Some(at) => {
                self.roles[at] = ColumnRole::Assistant;
                // Beside an answer, yes and no say what it is worth.
                let is_verdict = |verdict: &usize| {
                    let labelled = self.rows.iter().filter_map(|row| labelled(row, *verdict, at));
                    self.says_verdict(*verdict) && !marks::are_classes(labelled)
                };
                if let Some(verdict) = self.free().into_iter().find(is_verdict) {
                    self.roles[verdict] = ColumnRole::Verdict;
                }
            }
            None if self.possible_answers().is_empty() => self.labels_are_the_answer(),
            // Which of several answers is meant, their names don't say.
            None => {}
        }
    }

    fn answer_by_name(&self) -> Option<usize> {
        let free = self.free();
        let usual = free.iter().find(|at| self.is_called(**at, ANSWERS) && !self.says_verdict(**at));
        if usual.is_some() {
            return usual.copied();
        }
        let found = self.possible_answers();
        let wanted: Vec<_> = found.iter().copied().filter(|at| is_wanted(&self.columns[*at]) == Some(true)).collect();
        match (wanted.as_slice(), found.as_slice()) {
            ([only], _) | ([], [only]) => Some(*only),
            _ => None,
        }
    }

    fn possible_answers(&self) -> Vec<usize> {
        let mut found = self.free_of_kind(Kind::Answer);
        found.retain(|at| is_wanted(&self.columns[*at]) != Some(false) && !self.says_verdict(*at));
        found
    }

    /// Where nothing else is an answer, the examples are to be sorted.
    fn labels_are_the_answer(&mut self) {
        let usual: Vec<_> = self.free().into_iter().filter(|at| self.is_called(*at, LABELS)).collect();
        let labels = if usual.is_empty() { self.free_of_kind(Kind::Label) } else { usual };
        labels.into_iter().for_each(|at| self.roles[at] = ColumnRole::Assistant);
    }

    fn date_by_name(&mut self) {
        let dates = date_column(self.columns, |at| values(self.rows, at).map(str::to_owned).collect());
        if let Some(at) = dates.filter(|at| self.roles[*at] == ColumnRole::Unused) {
            self.roles[at] = ColumnRole::Date;
        }
    }

    /// What names say of columns that no turn is made of: a label, an id, a group, notes.
    fn beside_the_turns(&mut self) {
        // Numbers may stand for the answer, or measure something.
        let label = |at: &usize| {
            let profile = &self.profiles[*at];
            profile.are_short() && !profile.are_numbers() && (self.rows.len() < 6 || profile.has_repeats())
        };
        if self.has(ColumnRole::Assistant)
            && let Some(at) = self.free_of_kind(Kind::Label).into_iter().find(label)
        {
            self.roles[at] = ColumnRole::Label;
        }
        for at in self.free_of_kind(Kind::Id) {
            match (self.profiles[at].are_codes(), self.profiles[at].has_repeats()) {
                (true, _) if !self.has(ColumnRole::Id) => self.roles[at] = ColumnRole::Id,
                (_, true) if !self.has(ColumnRole::Group) && self.is_group(at) => self.roles[at] = ColumnRole::Group,
                _ => {}
            }
        }
        for at in self.free_of_kind(Kind::Group) {
            self.roles[at] = match self.profiles[at].has_repeats() {
                true if !self.has(ColumnRole::Group) && self.is_group(at) => ColumnRole::Group,
                false if self.profiles[at].num > 0 && !self.profiles[at].are_codes() => ColumnRole::Note,
                _ => ColumnRole::Unused,
            };
        }
        for at in self.free_of_kind(Kind::Note) {
            self.roles[at] = ColumnRole::Note;
        }
    }

    /// More than one, or everything would go into one part of the data.
    fn is_group(&self, at: usize) -> bool {
        let mut values = values(self.rows, at);
        let first = values.next();
        values.any(|value| Some(value) != first)
    }

    /// What is left open by the names.
    fn by_content(&mut self) {
        let unnamed = |guessing: &Self| -> Vec<usize> {
            let is_unnamed = |at: &usize| {
                guessing.kinds[*at].is_none() && !guessing.is_called(*at, KEYS) && guessing.profiles[*at].num > 0
            };
            guessing.free().into_iter().filter(is_unnamed).collect()
        };
        for at in unnamed(self) {
            let profile = &self.profiles[at];
            let role = match profile {
                _ if profile.are_dates() => ColumnRole::Date,
                _ if profile.are_labels() && !profile.are_numbers() => ColumnRole::Label,
                _ if profile.are_codes() && !profile.are_numbers() && self.rows.len() >= 6 => ColumnRole::Id,
                _ => continue,
            };
            if !self.has(role) {
                self.roles[at] = role;
            }
        }
        let filled: Vec<_> = (0..self.roles.len()).filter(|at| self.profiles[*at].num > 0).collect();
        if let [only] = filled.as_slice()
            && self.roles[*only] == ColumnRole::Unused
        {
            // There is nothing else that it could be.
            self.roles[*only] = ColumnRole::User;
        }
        let mut texts = unnamed(self);
        texts.retain(|at| self.profiles[*at].are_texts());
        let asks = |at: &usize| self.profiles[*at].are_questions();
        match (self.has(ColumnRole::User), self.has(ColumnRole::Assistant), texts.as_slice()) {
            (true, false, [answer]) => self.roles[*answer] = ColumnRole::Assistant,
            (false, _, [prompt]) => self.roles[*prompt] = ColumnRole::User,
            (false, false, [a, b]) if asks(a) != asks(b) => {
                let (prompt, answer) = if asks(a) { (*a, *b) } else { (*b, *a) };
                self.roles[prompt] = ColumnRole::User;
                self.roles[answer] = ColumnRole::Assistant;
            }
            _ => {}
        }
    }
}

fn labelled(row: &[String], label: usize, answer: usize) -> Option<(Cow<'_, str>, &str)> {
    Some((Cow::Borrowed(row.get(label)?.as_str()), row.get(answer)?.as_str()))
}

/// The column whose name says that it holds dates, if its values are dates.
pub fn date_column(columns: &[String], values: impl Fn(usize) -> Vec<String>) -> Option<usize> {
    let names: Vec<String> = columns.iter().map(|c| normalise(c)).collect();
    let usual = DATES.iter().filter_map(|name| names.iter().position(|known| known == name));
    let by_word = (0..columns.len()).filter(|at| kind_of(&columns[*at]) == Some(Kind::Date));
    // One that nobody can read must not hide the others.
    let holds_dates = |at: &usize| {
        let values = values(*at);
        let num_dates = values.iter().filter(|text| date::parse(text).is_some()).count();
        num_dates > 0 && num_dates * 10 >= values.len() * 9
    };
    usual.chain(by_word).find(holds_dates)
}

/// Whether the name of a column says that it is the answer.
pub fn is_answer(name: &str) -> bool {
    let name = normalise(name);
    ANSWERS.contains(&name.as_str()) || LABELS.contains(&name.as_str())
}
