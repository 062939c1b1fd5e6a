//! What the open example was, step by step, and how each version differs from the one after it.

use std::time::{Duration, Instant};

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::app::kit::diff_view::{Block, Marks, differences_until};
use crate::data::{Message, Role};
use crate::project::{Version, VersionChange};

/// Long texts that share little are marked coarsely rather than make the window wait.
const TIME_TO_COMPARE: Duration = Duration::from_millis(8);

/// The example as one step left it.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// Milliseconds since 1970.
    pub at: Option<i64>,
    /// "Edit", "Review as accepted".
    pub what: String,
    /// It was taken back, and could be made again.
    pub is_undone: bool,
    /// What changed beside the turns: "label: billing → refund".
    pub changes: Vec<String>,
    pub messages: Vec<Message>,
}

/// A turn as it was and as it was afterwards; one of them is missing where turns came or went.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnPair {
    pub before: Option<Side>,
    pub after: Option<Side>,
    pub is_same: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    pub role: Role,
    pub is_left_out: bool,
    pub text: Block,
    pub marks: Marks,
}

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    pub id: i64,
    /// The example's number, as the table shows it.
    pub number: u64,
    /// The newest first.
    pub pasts: Vec<Past>,
    pub chosen: usize,
    /// The turns of the chosen version beside the one after it; beside nothing, if none differs.
    pub turns: Vec<TurnPair>,
    /// A later version says something else.
    pub is_compared: bool,
}

impl History {
    /// `versions` come with the newest first; `now` is what the example says at present.
    pub fn new(id: i64, number: u64, versions: &[Version], now: &[Message]) -> Self {
        let pasts = pasts(versions, number, now);
        let mut history = Self { id, number, pasts, chosen: 0, turns: Vec::new(), is_compared: false };
        // The version before the last change is what most look for.
        let present = history.present();
        let before = |at: &usize| history.pasts[*at].messages != history.pasts[present].messages;
        let first = (present..history.pasts.len()).find(before).unwrap_or(present);
        history.choose(first);
        history
    }

    /// The version that the example is at: the newest that was not taken back.
    pub fn present(&self) -> usize {
        self.pasts.iter().position(|past| !past.is_undone).unwrap_or(0)
    }

    pub fn choose(&mut self, at: usize) {
        let Some(past) = self.pasts.get(at) else { return };
        self.chosen = at;
        // What comes after the present was taken back.
        let end = if at >= self.present() { self.present() } else { 0 };
        let later = self.pasts[end..at].iter().rev().find(|later| later.messages != past.messages);
        self.is_compared = later.is_some();
        self.turns = compare(&past.messages, later.map_or(&past.messages, |later| &later.messages));
    }

    /// `None` where they are those of now.
    pub fn chosen_messages(&self) -> Option<&[Message]> {
        let chosen = &self.pasts.get(self.chosen)?.messages;
        (*chosen != self.pasts[self.present()].messages).then_some(chosen)
    }
}

/// Goes through what was done from the first on, and keeps what the turns were after each step.
fn pasts(versions: &[Version], number: u64, now: &[Message]) -> Vec<Past> {
    let first = versions.iter().rev().find_map(|version| match &version.change {
        VersionChange::Messages { before, .. } => Some(before.clone()),
        _ => None,
    });
    let mut messages = first.unwrap_or_else(|| now.to_vec());
    let mut pasts: Vec<Past> = Vec::new();
    let mut entry = None;
    for version in versions.iter().rev() {
        if entry.is_none() && version.change != VersionChange::Appeared {
            let what = "As it came in".to_owned();
            let messages = messages.clone();
            pasts.push(Past { at: None, what, is_undone: false, changes: Vec::new(), messages });
        }
        if entry != Some(version.entry) {
            entry = Some(version.entry);
            let (at, is_undone, what) = (version.at, version.is_undone, title(&version.what, number));
            pasts.push(Past { at, what, is_undone, changes: Vec::new(), messages: messages.clone() });
        }
        let Some(past) = pasts.last_mut() else { continue };
        match &version.change {
            VersionChange::Messages { after, .. } => {
                messages.clone_from(after);
                past.messages.clone_from(after);
            }
            VersionChange::Field { name, before, after } => {
                let named = |words: &str| if words.is_empty() { "none".to_owned() } else { words.replace('\n', " ") };
                past.changes.push(format!("{name}: {} → {}", named(before), named(after)));
            }
            VersionChange::Appeared | VersionChange::Removed => {}
        }
    }
    pasts.reverse();
    pasts
}

/// All of them are about the same example: its number stands above the list.
fn title(what: &str, number: u64) -> String {
    let words = what.replacen(&format!(" of example {number}"), "", 1);
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Turn by turn: those that only one side has stand alone, those in the same place beside each other.
pub(super) fn compare(before: &[Message], after: &[Message]) -> Vec<TurnPair> {
    let deadline = Instant::now() + TIME_TO_COMPARE;
    let keys = |messages: &[Message]| -> Vec<String> {
        messages.iter().map(|message| serde_json::to_string(message).unwrap_or_default()).collect()
    };
    let mut pairs = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &keys(before), &keys(after)) {
        let (old, new) = (&before[op.old_range()], &after[op.new_range()]);
        let is_same = matches!(op, DiffOp::Equal { .. });
        for at in 0..old.len().max(new.len()) {
            pairs.push(pair(old.get(at), new.get(at), is_same, deadline));
        }
    }
    pairs
}

fn pair(before: Option<&Message>, after: Option<&Message>, is_same: bool, deadline: Instant) -> TurnPair {
    let block = |message: &Message| Block { is_json: false, text: message.content.clone() };
    let (mut old, mut new) = (Marks::new(), Marks::new());
    if let (Some(before), Some(after), false) = (before, after, is_same) {
        (old, new) = differences_until(&[block(before)], &[block(after)], Some(deadline));
    }
    let side = |message: &Message, marks| Side {
        role: message.role,
        is_left_out: message.weight == Some(0),
        text: block(message),
        marks,
    };
    TurnPair { before: before.map(|m| side(m, old)), after: after.map(|m| side(m, new)), is_same }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::Split;
    use crate::project::{Edit, Project, Review};

    fn messages(answer: &str) -> Vec<Message> {
        vec![Message::new(Role::User, "q"), Message::new(Role::Assistant, answer)]
    }

    fn edit(entry: i64, before: &str, after: &str) -> Version {
        let change = VersionChange::Messages { before: messages(before), after: messages(after) };
        Version { entry, at: Some(entry), what: "edit of example 3".to_owned(), is_undone: false, change }
    }

    fn label(entry: i64) -> Version {
        let change = VersionChange::Field { name: "label", before: String::new(), after: "bug".to_owned() };
        Version { change, ..edit(entry, "", "") }
    }

    #[test]
    fn a_step_is_one_version_and_what_was_taken_back_is_not_the_present() {
        let undone = Version { is_undone: true, ..edit(4, "c", "d") };
        let appeared = Version { change: VersionChange::Appeared, ..edit(1, "", "") };
        let versions = [undone, edit(3, "b", "c"), label(2), edit(2, "a", "b"), appeared];
        let mut history = History::new(7, 3, &versions, &messages("c"));
        let answers: Vec<_> = history.pasts.iter().map(|past| past.messages[1].content.as_str()).collect();
        assert_eq!(answers, ["d", "c", "b", "a"]);
        assert_eq!(history.pasts[2].changes, ["label: none → bug"]);
        assert_eq!(history.pasts[2].what, "Edit");
        assert_eq!((history.present(), history.chosen), (1, 2));
        assert_eq!(history.chosen_messages(), Some(messages("b").as_slice()));
        history.choose(1);
        assert_eq!((history.chosen_messages(), history.is_compared), (None, false));
        history.choose(0);
        assert_eq!(history.chosen_messages(), Some(messages("d").as_slice()), "what was taken back can come back");
    }

    #[test]
    fn a_store_without_a_beginning_still_has_its_first_version() {
        let history = History::new(7, 3, &[edit(5, "a", "b")], &messages("b"));
        assert_eq!(history.pasts.len(), 2);
        assert_eq!((history.pasts[1].what.as_str(), &history.pasts[1].messages), ("As it came in", &messages("a")));
    }

    /// `None` undoes, a number below 0 redoes, any other text becomes the answer.
    fn check_that_all_come_back(steps: &[Option<i8>]) {
        let folder = tempfile::tempdir().unwrap();
        let mut project = Project::create(folder.path()).unwrap();
        project.apply(&Edit::Insert { example: messages("first").into(), split: Split::Train }).unwrap();
        let now = |project: &Project| project.example(1).unwrap().example.messages;
        for step in steps {
            match step {
                // Not the insertion itself.
                None if now(&project) != messages("first") => drop(project.undo().unwrap()),
                None => {}
                Some(..0) => drop(project.redo().unwrap()),
                Some(answer) => {
                    let edit = Edit::SetMessages { id: 1, messages: messages(&format!("{answer}")) };
                    project.apply(&edit).unwrap();
                    project
                        .apply(&Edit::SetReview { ids: vec![1], review: Review::ALL[*answer as usize % 4] })
                        .unwrap();
                }
            }
            let (present, versions) = (now(&project), project.history(1).unwrap());
            let history = History::new(1, 1, &versions, &present);
            assert_eq!(history.pasts[history.present()].messages, present);
            assert_eq!(history.pasts.last().unwrap().messages, messages("first"));
        }
        let (present, versions) = (now(&project), project.history(1).unwrap());
        let mut history = History::new(1, 1, &versions, &present);
        for at in 0..history.pasts.len() {
            history.choose(at);
            let Some(wanted) = history.chosen_messages() else { continue };
            project.apply(&Edit::SetMessages { id: 1, messages: wanted.to_vec() }).unwrap();
            assert_eq!(now(&project), wanted);
            project.undo().unwrap();
            assert_eq!(now(&project), present);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn every_version_of_any_sequence_of_edits_comes_back_exactly(
            steps in prop::collection::vec(prop::option::weighted(0.8, -1_i8..8), 1..12),
        ) {
            check_that_all_come_back(&steps);
        }

        #[test]
        fn both_sides_have_all_their_turns_in_order(
            before in prop::collection::vec("[ab] ?[ab]?", 0..6), after in prop::collection::vec("[ab] ?[ab]?", 0..6),
        ) {
            let of = |texts: &[String]| -> Vec<_> { texts.iter().map(|text| Message::new(Role::User, text)).collect() };
            let pairs = compare(&of(&before), &of(&after));
            let texts = |side: fn(&TurnPair) -> &Option<Side>| -> Vec<String> {
                pairs.iter().filter_map(|pair| side(pair).as_ref().map(|side| side.text.text.clone())).collect()
            };
            prop_assert_eq!(texts(|pair| &pair.before), before);
            prop_assert_eq!(texts(|pair| &pair.after), after);
            prop_assert!(pairs.iter().all(|pair| !pair.is_same || pair.before == pair.after));
        }
    }
}
