//! One prompt, answered by the base model and by base + adapter, with the same seed and settings, in turns.

use super::{Sampling, Session};
use crate::model::lora::LoraAdapter;
use crate::model::{Conversation, LanguageModel, ModelError};
use crate::task::{Task, Unit};

/// Which of the two answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    Before,
    After,
}

/// A complete answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub text: String,
    pub num_tokens: usize,
    pub tokens_per_sec: f64,
    /// Rather than by its length.
    pub ended_by_itself: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum PairEvent {
    Text { side: Side, text: String },
    Done { side: Side, answer: Answer },
}

/// Answers without an adapter and, if there is one, with it. Ends early when the task is stopped; its progress is
/// how many tokens both answers have of those they may have.
///
/// # Errors
/// Where the template refuses the prompt, the adapter doesn't fit, or the model can't compute.
pub fn compare(
    model: &LanguageModel,
    adapter: Option<&LoraAdapter>,
    prompt: Conversation<'_>,
    sampling: &Sampling,
    observe: &mut dyn FnMut(PairEvent),
    task: &dyn Task,
) -> Result<(), ModelError> {
    let mut sessions = vec![(Side::Before, Session::new(model, None, prompt, sampling)?)];
    if adapter.is_some() {
        sessions.push((Side::After, Session::new(model, adapter, prompt, sampling)?));
    }
    let mut ended = 0;
    while !sessions.is_empty() && !task.is_stopped() {
        let done = sessions.iter().map(|(_, session)| session.num_tokens()).sum::<usize>() + ended;
        let most = sessions.iter().map(|(_, session)| session.max_new_tokens()).sum::<usize>() + ended;
        task.progress(done as u64, Some(most as u64), Unit::Tokens);
        for (side, session) in &mut sessions {
            let text = session.advance()?;
            if !text.is_empty() {
                observe(PairEvent::Text { side: *side, text });
            }
            if let Some(end) = session.end() {
                ended += session.num_tokens();
                let answer = Answer {
                    text: session.text()?,
                    num_tokens: session.num_tokens(),
                    tokens_per_sec: session.tokens_per_sec(),
                    ended_by_itself: end.is_by_itself(),
                };
                observe(PairEvent::Done { side: *side, answer });
            }
        }
        sessions.retain(|(_, session)| session.end().is_none());
    }
    Ok(())
}
