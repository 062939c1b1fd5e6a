//! Which examples are alike, so that what is usual is judged among them and not over the whole project: those with the
//! same system prompt, else those of the same file, else those with the same label, else the rest.

use std::collections::HashMap;

use super::Row;
use super::text::hash;
use crate::data::Role;

/// With fewer examples nothing is usual: the next wider group is asked.
pub const MIN_EXAMPLES: u32 = 20;

/// What an example may be grouped by, as hashes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin {
    system: Option<u64>,
    file: Option<u64>,
    label: Option<u64>,
}

impl Origin {
    pub fn of(row: &Row) -> Self {
        let mut system = row.example.messages.iter().take_while(|message| message.role == Role::System);
        Self {
            system: system.next().map(|message| hash(&message.content.trim())),
            file: row.source.as_ref().map(hash),
            label: row.label.as_ref().map(hash),
        }
    }

    /// 0 for none.
    pub fn file(&self) -> u64 {
        self.file.unwrap_or_default()
    }
}

/// What the examples of a group have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    System(u64),
    File(u64),
    Label(u64),
    Rest,
}

impl Key {
    /// Continues "answers".
    pub fn in_words(self) -> &'static str {
        match self {
            Self::System(_) => "with the same system prompt",
            Self::File(_) => "of the same file",
            Self::Label(_) => "with the same label",
            Self::Rest => "beside it",
        }
    }
}

/// How often each of them occurs so far.
#[derive(Debug, Default)]
pub struct Origins {
    systems: HashMap<u64, u32>,
    files: HashMap<u64, u32>,
    labels: HashMap<u64, u32>,
}

impl Origins {
    pub fn add(&mut self, origin: &Origin) {
        let count = |counts: &mut HashMap<u64, u32>, key: Option<u64>| {
            if let Some(key) = key {
                *counts.entry(key).or_default() += 1;
            }
        };
        count(&mut self.systems, origin.system);
        count(&mut self.files, origin.file);
        count(&mut self.labels, origin.label);
    }

    /// The narrowest group that is large enough, by what is known so far.
    pub fn key(&self, origin: &Origin) -> Key {
        let common = |counts: &HashMap<u64, u32>, key: Option<u64>| {
            key.filter(|key| counts.get(key).is_some_and(|num| *num >= MIN_EXAMPLES))
        };
        common(&self.systems, origin.system)
            .map(Key::System)
            .or_else(|| common(&self.files, origin.file).map(Key::File))
            .or_else(|| common(&self.labels, origin.label).map(Key::Label))
            .unwrap_or(Key::Rest)
    }
}

/// The group of each example.
#[derive(Debug)]
pub struct Groups {
    of: Vec<u32>,
    keys: Vec<Key>,
    sizes: Vec<usize>,
}

impl Groups {
    pub fn new<'a>(origins: &Origins, all: impl Iterator<Item = &'a Origin>) -> Self {
        let mut known: HashMap<Key, u32> = HashMap::new();
        let (mut keys, mut sizes) = (Vec::new(), Vec::new());
        let of = all.map(|origin| {
            let key = origins.key(origin);
            let group = *known.entry(key).or_insert_with(|| {
                keys.push(key);
                sizes.push(0);
                keys.len() as u32 - 1
            });
            sizes[group as usize] += 1;
            group
        });
        let of = of.collect();
        Self { of, keys, sizes }
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The group of the example with this index.
    pub fn of(&self, index: u32) -> usize {
        self.of[index as usize] as usize
    }

    pub fn size(&self, group: usize) -> usize {
        self.sizes[group]
    }

    pub fn key(&self, group: usize) -> Key {
        self.keys[group]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Example, Message, Split};

    fn origin(system: &str, file: &str) -> Origin {
        let messages = vec![Message::new(Role::System, system), Message::new(Role::User, "q")];
        let example = Example::from(if system.is_empty() { messages[1..].to_vec() } else { messages });
        let source = (!file.is_empty()).then(|| file.to_owned());
        Origin::of(&Row { id: 1, number: 1, split: Split::Train, source, label: None, example })
    }

    #[test]
    fn the_system_prompt_groups_then_the_file_and_small_groups_are_none() {
        let mut all = vec![origin("Sort it.", "a.csv"); 20];
        all.extend(vec![origin("", "b.csv"); 30]);
        all.extend(vec![origin("Only once.", "b.csv"), origin("", "c.csv"), origin("", "")]);
        let mut origins = Origins::default();
        all.iter().for_each(|origin| origins.add(origin));
        let groups = Groups::new(&origins, all.iter());
        assert_eq!((groups.len(), groups.size(0), groups.size(1), groups.size(2)), (3, 20, 31, 2));
        assert!(matches!(groups.key(0), Key::System(_)) && matches!(groups.key(1), Key::File(_)));
        assert_eq!((groups.key(2), groups.of(50)), (Key::Rest, 1));
    }
}
