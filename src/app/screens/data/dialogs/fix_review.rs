//! What a fix would change, item by item, and what a person decides about each before it is done.

use std::collections::{HashMap, HashSet};

use super::history::{TurnPair, compare};
use crate::data::Message;
use crate::data::checks::{Action, Change, Choice, Fix, Member};
use crate::project::StoredExample;

/// How many of a larger group are laid beside the first.
const MOST_MEMBERS: usize = 20;

/// What a person does in the dialog.
#[derive(Debug, Clone, PartialEq)]
pub enum FixAction {
    /// This item is shown.
    Select(usize),
    /// The choice for the item that is shown.
    Choose(Choice),
}

/// Two examples of a group, or an example as it is and as it would be.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// Numbers of the examples; the same for one that is changed.
    pub numbers: [u64; 2],
    pub turns: Vec<TurnPair>,
}

/// See the module.
#[derive(Debug)]
pub struct FixReview {
    pub fix: Fix,
    /// Examples that would change, as it is decided now.
    pub num_changes: usize,
    /// Where the planned change of an example stands.
    planned: HashMap<i64, usize>,
    choices: Vec<Choice>,
    pub selected: usize,
    /// The texts of the selected item, as far as they are here.
    pub compared: Vec<Compared>,
    texts: HashMap<i64, Vec<Message>>,
    asked: HashSet<i64>,
}

impl FixReview {
    pub fn new(fix: Fix) -> Self {
        let choices = vec![Choice::default(); fix.num_items()];
        let (texts, asked) = (HashMap::new(), HashSet::new());
        let num_changes = fix.changes.len();
        let planned = fix.changes.iter().enumerate().map(|(at, change)| (change.id, at)).collect();
        let mut review = Self { fix, num_changes, planned, choices, selected: 0, compared: Vec::new(), texts, asked };
        review.compare();
        review
    }

    pub fn num_items(&self) -> usize {
        self.choices.len()
    }

    pub fn choice(&self, item: usize) -> Choice {
        self.choices.get(item).copied().unwrap_or_default()
    }

    /// Empty where each change stands for itself.
    pub fn group(&self, item: usize) -> &[Member] {
        self.fix.groups.get(item).map(Vec::as_slice).unwrap_or_default()
    }

    /// The change of an item that isn't a group.
    pub fn change(&self, item: usize) -> Option<&Change> {
        self.fix.changes.get(item).filter(|_| self.fix.groups.is_empty())
    }

    /// What becomes of one item, as it is decided now.
    pub fn outcome(&self, item: usize) -> Vec<Change> {
        let of_group =
            self.group(item).iter().filter_map(|member| self.fix.changes.get(*self.planned.get(&member.id)?));
        let changes = of_group.chain(self.change(item)).cloned().collect();
        let groups = self.fix.groups.get(item).cloned().into_iter().collect();
        let one = Fix { check: self.fix.check, remedy: self.fix.remedy, changes, groups };
        one.decided(&[self.choice(item)]).changes
    }

    pub fn decided(&self) -> Fix {
        self.fix.decided(&self.choices)
    }

    pub fn apply(&mut self, action: FixAction) {
        match action {
            FixAction::Select(item) => {
                self.selected = item.min(self.num_items().saturating_sub(1));
                self.compare();
            }
            FixAction::Choose(choice) => {
                let before = self.outcome(self.selected).len();
                if let Some(own) = self.choices.get_mut(self.selected) {
                    // A second time takes it back.
                    *own = if *own == choice { Choice::AsPlanned } else { choice };
                }
                self.num_changes = self.num_changes - before + self.outcome(self.selected).len();
            }
        }
    }

    /// The examples whose texts are to be read: those of the selected item and of the next.
    pub fn take_wanted(&mut self) -> Option<Vec<i64>> {
        let items = self.selected..(self.selected + 2).min(self.num_items());
        let mut ids: Vec<i64> = items.flat_map(|item| self.ids(item)).collect();
        ids.retain(|id| self.asked.insert(*id));
        (!ids.is_empty()).then_some(ids)
    }

    fn ids(&self, item: usize) -> Vec<i64> {
        match self.change(item) {
            Some(Change { action: Action::SetMessages { .. }, .. }) => Vec::new(),
            Some(change) => vec![change.id],
            None => self.group(item).iter().take(MOST_MEMBERS).map(|member| member.id).collect(),
        }
    }

    pub fn take(&mut self, examples: &[StoredExample]) {
        self.texts.extend(examples.iter().map(|stored| (stored.id, stored.example.messages.clone())));
        self.compare();
    }

    /// How many of the selected group are not laid beside the first.
    pub fn num_not_shown(&self) -> usize {
        self.group(self.selected).len().saturating_sub(MOST_MEMBERS)
    }

    fn compare(&mut self) {
        let numbered = |number: u64, before: &[Message], after: &[Message]| Compared {
            numbers: [number; 2],
            turns: compare(before, after),
        };
        self.compared = match self.change(self.selected) {
            Some(Change { number, action: Action::SetMessages { before, after }, .. }) => {
                vec![numbered(*number, before, after)]
            }
            Some(Change { id, number, .. }) => {
                self.texts.get(id).map(|text| numbered(*number, text, text)).into_iter().collect()
            }
            None => self.beside_the_first(),
        };
    }

    fn beside_the_first(&self) -> Vec<Compared> {
        let Some((first, others)) = self.group(self.selected).split_first() else { return Vec::new() };
        let Some(text) = self.texts.get(&first.id) else { return Vec::new() };
        let beside = |other: &Member| {
            let turns = compare(text, self.texts.get(&other.id)?);
            Some(Compared { numbers: [first.number, other.number], turns })
        };
        others.iter().filter_map(beside).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::checks::{Check, Remedy};
    use crate::data::{Role, Split};

    fn member(id: i64, answer: u64) -> Member {
        Member { id, number: id as u64, split: Split::Train, answer: Some(answer), is_fixed: false }
    }

    fn aside(id: i64) -> Change {
        Change { id, number: id as u64, action: Action::SetAside }
    }

    fn ids(changes: &[Change]) -> Vec<i64> {
        changes.iter().map(|change| change.id).collect()
    }

    #[test]
    fn the_right_answer_of_a_contradiction_is_chosen() {
        let groups = vec![vec![member(1, 10), member(2, 20), member(3, 10)], vec![member(4, 1), member(5, 2)]];
        let changes = [2, 4, 5].map(aside).to_vec();
        let mut review = FixReview::new(Fix { check: Check::Contradiction, remedy: Remedy::SetAside, changes, groups });
        assert_eq!(ids(&review.decided().changes), [2, 4, 5]);
        review.apply(FixAction::Choose(Choice::Keep(3)));
        assert_eq!(ids(&review.outcome(0)), [2], "what answers the same stays");
        review.apply(FixAction::Choose(Choice::Keep(2)));
        review.apply(FixAction::Select(9));
        review.apply(FixAction::Choose(Choice::Leave));
        assert_eq!((ids(&review.decided().changes), review.num_changes), (vec![1, 3], 2));
        review.apply(FixAction::Choose(Choice::SetAsideAll));
        assert_eq!(ids(&review.outcome(1)), [4, 5]);
        review.apply(FixAction::Choose(Choice::SetAsideAll));
        assert_eq!(review.choice(1), Choice::AsPlanned);
    }

    #[test]
    fn another_copy_can_be_kept_and_single_changes_left_out() {
        let delete = Change { action: Action::Delete, ..aside(2) };
        let groups = vec![vec![member(1, 1), member(2, 1)]];
        let fix = Fix { check: Check::ExactDuplicate, remedy: Remedy::KeepOne, changes: vec![delete], groups };
        let mut review = FixReview::new(fix);
        review.apply(FixAction::Choose(Choice::Keep(2)));
        let [change] = &review.decided().changes[..] else { panic!("{:?}", review.decided()) };
        assert_eq!((change.id, &change.action), (1, &Action::Delete));

        let changes = [1, 2].map(aside).to_vec();
        let fix = Fix { check: Check::EmptyTurn, remedy: Remedy::SetAside, changes, groups: Vec::new() };
        let mut review = FixReview::new(fix);
        review.apply(FixAction::Choose(Choice::Leave));
        assert_eq!((ids(&review.decided().changes), review.take_wanted()), (vec![2], Some(vec![1, 2])));
        assert_eq!(review.take_wanted(), None, "once");
    }

    #[test]
    fn a_change_is_shown_as_it_is_and_as_it_would_be() {
        let text = |content: &str| vec![Message::new(Role::Assistant, content)];
        let action = Action::SetMessages { before: text("{\"a\": 1"), after: text("{\"a\": 1}") };
        let changes = vec![Change { id: 7, number: 8, action }];
        let fix = Fix { check: Check::InvalidJson, remedy: Remedy::Repair, changes, groups: Vec::new() };
        let mut review = FixReview::new(fix);
        assert_eq!(review.take_wanted(), None, "they came with the fix");
        let after = review.compared[0].turns[0].after.as_ref().map(|side| side.text.text.as_str());
        assert_eq!((review.compared[0].numbers, after), ([8, 8], Some("{\"a\": 1}")));
    }
}
