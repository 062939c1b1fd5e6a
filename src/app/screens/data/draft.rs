//! The example that is open in the editor: as it is stored, and as it is being typed.

use super::answer_json::{self, JsonState};
use crate::data::{Message, Role};
use crate::project::{Edit, StoredExample};

/// Typing rests for this long before it is saved.
pub const TYPING_PAUSE_SECS: f64 = 0.4;

/// A change of the turns; `usize` is the turn.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnChange {
    Text(usize, String),
    Role(usize, Role),
    /// Whether the loss counts an assistant turn.
    Trained(usize, bool),
    Add,
    Duplicate(usize),
    Up(usize),
    Down(usize),
    Remove(usize),
}

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    pub stored: StoredExample,
    pub messages: Vec<Message>,
    /// When something was typed that has not been sent.
    typed_at: Option<f64>,
    /// A change that must not wait for a pause.
    is_due: bool,
    /// An empty answer stands at the end that is not kept unless something is typed into it.
    awaits_answer: bool,
    /// The JSON of each turn.
    json: Vec<Option<JsonState>>,
}

impl Draft {
    pub fn new(stored: StoredExample) -> Self {
        let messages = stored.example.messages.clone();
        Self {
            json: answer_json::look(&messages),
            messages,
            stored,
            typed_at: None,
            is_due: false,
            awaits_answer: false,
        }
    }

    /// Whether an answer that begins like JSON is JSON; `None` for plain text.
    pub fn json(&self, turn: usize) -> Option<&JsonState> {
        self.json.get(turn)?.as_ref()
    }

    /// Takes the stored example anew; what was typed meanwhile stays.
    pub fn refresh(&mut self, stored: StoredExample, has_edits_under_way: bool) {
        if !self.is_dirty() && !has_edits_under_way && self.kept() != stored.example.messages {
            self.messages.clone_from(&stored.example.messages);
            self.awaits_answer = false;
            self.json = answer_json::look(&self.messages);
        }
        self.stored = stored;
    }

    /// An empty answer to type into.
    pub fn open_answer(&mut self) {
        self.messages.push(Message::new(Role::Assistant, ""));
        self.awaits_answer = true;
        self.json = answer_json::look(&self.messages);
    }

    /// The turns as they are to be stored.
    fn kept(&self) -> &[Message] {
        match self.messages.split_last() {
            Some((last, others)) if self.awaits_answer && last.content.is_empty() => others,
            _ => &self.messages,
        }
    }

    pub fn is_dirty(&self) -> bool {
        self.typed_at.is_some()
    }

    pub fn change(&mut self, change: TurnChange, now: f64) {
        let len = self.messages.len();
        let before = self.messages.clone();
        match change {
            TurnChange::Text(turn, text) => {
                if let Some(message) = self.messages.get_mut(turn) {
                    message.content = text;
                }
            }
            TurnChange::Role(turn, role) => {
                if let Some(message) = self.messages.get_mut(turn) {
                    message.role = role;
                    message.weight = message.weight.filter(|_| role == Role::Assistant);
                }
            }
            TurnChange::Trained(turn, is_trained) => {
                if let Some(message) = self.messages.get_mut(turn) {
                    message.weight = (!is_trained).then_some(0);
                }
            }
            TurnChange::Add => self.messages.push(Message::new(self.next_role(), "")),
            TurnChange::Duplicate(turn) if turn < len => self.messages.insert(turn + 1, self.messages[turn].clone()),
            TurnChange::Up(turn) if turn > 0 && turn < len => self.messages.swap(turn, turn - 1),
            TurnChange::Down(turn) if turn + 1 < len => self.messages.swap(turn, turn + 1),
            TurnChange::Remove(turn) if turn < len => drop(self.messages.remove(turn)),
            TurnChange::Duplicate(_) | TurnChange::Up(_) | TurnChange::Down(_) | TurnChange::Remove(_) => {}
        }
        if self.messages != before {
            self.json = answer_json::look(&self.messages);
            self.typed_at = Some(now);
            // What isn't typed is a step of its own.
            let is_typing = self.messages.len() == len
                && self.messages.iter().zip(&before).all(|(a, b)| a.role == b.role && a.weight == b.weight)
                && self.messages.iter().zip(&before).filter(|(a, b)| a.content != b.content).count() == 1;
            self.is_due |= !is_typing;
        }
    }

    /// The turns of an earlier version, as a step of its own.
    pub fn bring_back(&mut self, messages: Vec<Message>, now: f64) {
        self.json = answer_json::look(&messages);
        self.messages = messages;
        self.typed_at = Some(now);
        self.is_due = true;
    }

    /// A person asks, a model answers.
    fn next_role(&self) -> Role {
        match self.messages.last().map(|message| message.role) {
            Some(Role::User | Role::Tool) => Role::Assistant,
            _ => Role::User,
        }
    }

    /// The store could not take the last change: it is sent again with the next one, or when asked to.
    pub fn keep_unsaved(&mut self) {
        self.stored.example.messages.clear();
        self.typed_at = Some(f64::INFINITY);
    }

    /// The change to be saved, if it is time for it.
    pub fn take_due(&mut self, now: f64) -> Option<Edit> {
        let is_due = self.is_due || self.typed_at.is_some_and(|at| now - at >= TYPING_PAUSE_SECS);
        if is_due { self.take() } else { None }
    }

    /// Seconds until [`Self::take_due`] gives something.
    pub fn due_in(&self, now: f64) -> Option<f64> {
        let left = TYPING_PAUSE_SECS - (now - self.typed_at.filter(|at| at.is_finite())?);
        Some(if self.is_due { 0.0 } else { left.max(0.0) })
    }

    /// The change to be saved, now.
    pub fn take(&mut self) -> Option<Edit> {
        self.typed_at.take()?;
        self.is_due = false;
        let messages = self.kept().to_vec();
        (messages != self.stored.example.messages).then(|| {
            // The store is about to have these; typing them back must count as a change again.
            self.stored.example.messages.clone_from(&messages);
            Edit::SetMessages { id: self.stored.id, messages }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Split;
    use crate::project::{Annotations, ExampleStatus};

    fn draft() -> Draft {
        let messages = vec![Message::new(Role::User, "a"), Message::new(Role::Assistant, "b")];
        Draft::new(StoredExample {
            id: 7,
            number: 1,
            split: Split::Train,
            status: ExampleStatus::Ready,
            example: messages.into(),
            annotations: Annotations::default(),
            content_key: 0,
        })
    }

    #[test]
    fn typing_waits_for_a_pause_and_everything_else_does_not() {
        let mut draft = draft();
        draft.change(TurnChange::Text(0, "ab".to_owned()), 1.0);
        assert!(draft.is_dirty() && draft.take_due(1.2).is_none());
        draft.change(TurnChange::Text(0, "abc".to_owned()), 1.3);
        assert!(draft.take_due(1.5).is_none());
        assert!(draft.take_due(1.8).is_some() && !draft.is_dirty());

        draft.change(TurnChange::Down(0), 2.0);
        let Some(Edit::SetMessages { id: 7, messages }) = draft.take_due(2.0) else { panic!("not sent") };
        assert_eq!(messages[1].content, "abc");
        draft.change(TurnChange::Down(1), 3.0);
        assert!(draft.take_due(9.0).is_none(), "nothing below the last turn");
    }

    #[test]
    fn typing_a_text_back_sends_it_and_typing_nothing_new_does_not() {
        let mut draft = draft();
        draft.change(TurnChange::Text(0, "x".to_owned()), 1.0);
        assert!(draft.take().is_some());
        draft.change(TurnChange::Text(0, "a".to_owned()), 2.0);
        assert!(draft.take().is_some());
        draft.change(TurnChange::Text(0, "b".to_owned()), 3.0);
        draft.change(TurnChange::Text(0, "a".to_owned()), 3.1);
        assert!(draft.take().is_none() && !draft.is_dirty());
    }

    #[test]
    fn what_was_typed_meanwhile_survives_an_answer_of_the_store() {
        let mut draft = draft();
        let stored = draft.stored.clone();
        draft.change(TurnChange::Text(0, "typed".to_owned()), 1.0);
        draft.refresh(stored.clone(), false);
        assert_eq!(draft.messages[0].content, "typed");
        assert!(draft.take().is_some());
        draft.refresh(stored.clone(), true);
        assert_eq!(draft.messages[0].content, "typed");
        draft.refresh(stored, false);
        assert_eq!(draft.messages[0].content, "a");
    }

    #[test]
    fn an_answer_that_was_opened_is_kept_once_something_is_typed() {
        let mut draft = draft();
        draft.change(TurnChange::Remove(1), 0.0);
        assert!(draft.take().is_some());
        let stored = draft.stored.clone();
        draft.open_answer();
        draft.refresh(stored, false);
        assert_eq!((draft.messages.len(), draft.take()), (2, None), "it stays, and nothing is saved");
        draft.change(TurnChange::Text(1, "yes".to_owned()), 1.0);
        let Some(Edit::SetMessages { messages, .. }) = draft.take() else { panic!("not sent") };
        assert_eq!((messages.len(), messages[1].role), (2, Role::Assistant));
    }

    #[test]
    fn adds_turns_in_order_and_keeps_weights_to_answers() {
        let mut draft = draft();
        draft.change(TurnChange::Add, 0.0);
        draft.change(TurnChange::Add, 0.0);
        let roles: Vec<_> = draft.messages.iter().map(|m| m.role).collect();
        assert_eq!(roles, [Role::User, Role::Assistant, Role::User, Role::Assistant]);
        draft.change(TurnChange::Trained(3, false), 0.0);
        assert_eq!(draft.messages[3].weight, Some(0));
        draft.change(TurnChange::Role(3, Role::Tool), 0.0);
        assert_eq!(draft.messages[3].weight, None);
        draft.change(TurnChange::Duplicate(0), 0.0);
        draft.change(TurnChange::Remove(2), 0.0);
        assert_eq!(draft.messages[1].content, "a");
        assert_eq!(draft.messages.len(), 4);
    }
}
