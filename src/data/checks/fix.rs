//! What to do about findings: plain data, shown before it is done; the project makes one step of undo of it.

use std::collections::HashMap;

use super::Check;
use super::Remedy;
use crate::data::{Message, Split};
use crate::words::count;

/// A remedy worked out for a check's findings: what would change. Examples that can't be mended are not among it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fix {
    pub check: Check,
    pub remedy: Remedy,
    pub changes: Vec<Change>,
    /// The examples that were judged beside each other, where a change comes of it; also those that stay as they are.
    pub groups: Vec<Vec<Member>>,
}

/// An example of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: i64,
    pub number: u64,
    pub split: Split,
    /// Equal for answers that mean the same.
    pub answer: Option<u64>,
    /// What was found at it is not a fault, as a person says: it stays, whatever becomes of the others.
    pub is_fixed: bool,
}

/// What a person decides about one of the things that a fix would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    #[default]
    AsPlanned,
    /// Nothing changes.
    Leave,
    /// This example of a group stays, and in a contradiction those that answer the same; the others go.
    Keep(i64),
    /// All of the group.
    SetAsideAll,
}

/// What a check's findings come to with its first remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixCount {
    pub check: Check,
    pub remedy: Remedy,
    /// Examples that would change.
    pub num_changes: u64,
    /// Examples that it can't mend.
    pub unmendable: Vec<i64>,
}

/// What would become of one example.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub id: i64,
    /// From 1, as the table shows it.
    pub number: u64,
    pub action: Action,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    SetMessages { before: Vec<Message>, after: Vec<Message> },
    Delete,
    SetAside,
    MoveTo { before: Split, after: Split },
}

impl Fix {
    /// How many things there are to decide: the groups, or else the changes.
    pub fn num_items(&self) -> usize {
        if self.groups.is_empty() { self.changes.len() } else { self.groups.len() }
    }

    /// The fix with what a person decided about each of its items.
    pub fn decided(&self, choices: &[Choice]) -> Self {
        let choice = |item: usize| choices.get(item).copied().unwrap_or_default();
        if self.groups.is_empty() {
            let is_meant = |(item, _): &(usize, &Change)| choice(*item) != Choice::Leave;
            let changes = self.changes.iter().enumerate().filter(is_meant).map(|(_, change)| change.clone());
            return Self { changes: changes.collect(), ..self.clone() };
        }
        let planned: HashMap<i64, &Change> = self.changes.iter().map(|change| (change.id, change)).collect();
        let mut changes = Vec::new();
        for (item, group) in self.groups.iter().enumerate() {
            changes.extend(group.iter().filter_map(|member| self.of_member(group, member, choice(item), &planned)));
        }
        Self { changes, ..self.clone() }
    }

    fn of_member(
        &self,
        group: &[Member],
        member: &Member,
        choice: Choice,
        planned: &HashMap<i64, &Change>,
    ) -> Option<Change> {
        let goes = |action| Some(Change { id: member.id, number: member.number, action });
        match choice {
            Choice::AsPlanned => planned.get(&member.id).map(|change| (*change).clone()),
            Choice::Leave => None,
            _ if member.is_fixed => None,
            Choice::SetAsideAll => goes(Action::SetAside),
            Choice::Keep(id) => {
                let kept = group.iter().find(|other| other.id == id)?;
                let stays = member.id == id || self.check == Check::Contradiction && member.answer == kept.answer;
                let action = if self.remedy == Remedy::KeepOne { Action::Delete } else { Action::SetAside };
                if stays { None } else { goes(action) }
            }
        }
    }

    /// Continues "Undo": "repair (broken JSON, 12 examples)".
    pub fn label(&self) -> String {
        let mut what = self.check.title().to_owned();
        what[..1].make_ascii_lowercase();
        let count = count(self.changes.len(), "example", "examples");
        format!("{} ({what}, {count})", self.remedy.title().to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_serde() {
        for remedy in Remedy::ALL {
            assert_eq!(serde_json::to_value(remedy).unwrap(), remedy.name());
        }
    }
}
