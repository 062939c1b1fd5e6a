//! What becomes of an example that is longer than the limit: left out, cut, or split into parts.

use std::ops::Range;

use super::{Rendered, Whole, trained_tokens};
use crate::data::Role;
use crate::model::{EncodedChat, ModelError};
use crate::recipe::{TooLong, TrainOn};

/// What became of one example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It fits.
    Whole,
    /// Nothing of it is used.
    LeftOut,
    /// Its first `num_kept` tokens are used, the `num_cut` after them are not.
    CutLeft {
        num_kept: usize,
        num_cut: usize,
    },
    CutRight {
        num_cut: usize,
    },
    /// `num_left_out` answers are in no part: with their question they are too long even alone.
    Split {
        num_parts: usize,
        num_left_out: usize,
    },
}

/// Turns that belong together when an example is split, and where they are in it.
pub(super) struct Part {
    /// Indexes of messages.
    turns: Range<usize>,
    pub tokens: Range<usize>,
    /// Some of it is trained.
    pub is_used: bool,
}

/// What is used of an example.
pub(super) struct Fit {
    pub fate: Fate,
    pub samples: Vec<Rendered>,
    /// The parts of an example that is split.
    pub parts: Vec<Part>,
}

impl Fit {
    pub fn of(whole: &Whole<'_>) -> Result<Self, ModelError> {
        let max_length = whole.spec.max_length;
        let num_cut = whole.encoded.tokens.len().saturating_sub(max_length);
        let one = |fate, sample| Ok(Self { fate, samples: vec![sample], parts: Vec::new() });
        match whole.spec.too_long {
            _ if num_cut == 0 => one(Fate::Whole, whole.sample()),
            TooLong::Drop => Ok(Self { fate: Fate::LeftOut, samples: Vec::new(), parts: Vec::new() }),
            TooLong::CutLeft => {
                let num_kept = num_kept(whole);
                one(Fate::CutLeft { num_kept, num_cut }, cut_left(whole.sample(), num_kept, num_cut))
            }
            TooLong::CutRight => {
                let Rendered { mut ids, mut is_trained } = whole.sample();
                ids.truncate(max_length);
                is_trained.truncate(max_length);
                one(Fate::CutRight { num_cut }, Rendered { ids, is_trained })
            }
            TooLong::Split => split(whole),
        }
    }
}

/// Takes `num_cut` tokens out after the first `num_kept`. The token that follows the gap doesn't count: what it would be
/// predicted from is gone.
fn cut_left(sample: Rendered, num_kept: usize, num_cut: usize) -> Rendered {
    let Rendered { mut ids, mut is_trained } = sample;
    ids.drain(num_kept..num_kept + num_cut);
    is_trained.drain(num_kept..num_kept + num_cut);
    for i in [0, num_kept] {
        is_trained.get_mut(i).into_iter().for_each(|trained| *trained = false);
    }
    Rendered { ids, is_trained }
}

/// How much of the beginning stays when it is cut: the system message if the last answer still fits as a whole, else the
/// mark of the text's beginning if the model's template writes one.
fn num_kept(whole: &Whole<'_>) -> usize {
    let tokens = &whole.encoded.tokens;
    let num_system = whole.num_system_turns();
    let system = if num_system > 0 { whole.first_token_of(num_system).unwrap_or(0) } else { 0 };
    let bos = usize::from(whole.begins_with_bos());
    let last = whole.counts.iter().zip(&whole.encoded.answers).rev().find_map(|(counts, answer)| {
        let answer = answer.as_ref().filter(|_| *counts)?;
        tokens.iter().position(|token| token.range.start >= answer.start)
    });
    // The answer's first token is predicted from one before it.
    let num_needed = last.map_or(0, |start| tokens.len() + 1 - start);
    let max_length = whole.spec.max_length;
    let fits = |num_kept: &usize| num_kept + num_needed <= max_length;
    [system.max(bos), bos].into_iter().find(fits).unwrap_or(bos.min(max_length.saturating_sub(1)))
}

/// Splits into as few parts as whole turns allow. Each begins with the system message and, like every conversation,
/// with a question.
fn split(whole: &Whole<'_>) -> Result<Fit, ModelError> {
    let mut fit = Fit { fate: Fate::LeftOut, samples: Vec::new(), parts: Vec::new() };
    let mut num_left_out = 0;
    let mut open: Option<(Range<usize>, EncodedChat)> = None;
    for group in groups(whole) {
        if let Some((turns, _)) = &open {
            let joined = turns.start..group.end;
            let encoded = whole.encode_turns(joined.clone())?;
            if encoded.tokens.len() <= whole.spec.max_length {
                open = Some((joined, encoded));
                continue;
            }
        }
        fit.close(whole, open.take());
        let encoded = whole.encode_turns(group.clone())?;
        if encoded.tokens.len() <= whole.spec.max_length {
            open = Some((group, encoded));
        } else {
            num_left_out += whole.counts[group.clone()].iter().filter(|counts| **counts).count();
            fit.parts.push(Part { turns: group, tokens: 0..0, is_used: false });
        }
    }
    fit.close(whole, open);
    place(whole, &mut fit.parts);
    if !fit.samples.is_empty() {
        fit.fate = Fate::Split { num_parts: fit.samples.len(), num_left_out };
    }
    Ok(fit)
}

impl Fit {
    /// Adds a part. One without a token that counts teaches nothing and is not used.
    fn close(&mut self, whole: &Whole<'_>, part: Option<(Range<usize>, EncodedChat)>) {
        let Some((turns, encoded)) = part else { return };
        let num_system = whole.num_system_turns();
        let counts = [&whole.counts[..num_system], &whole.counts[turns.clone()]].concat();
        let mut is_trained = trained_tokens(&encoded, &counts, whole.spec.train_on);
        if whole.spec.train_on == TrainOn::All && !self.samples.is_empty() {
            // What all parts begin with counts in the first one.
            let content = encoded.answers.get(num_system).cloned().flatten();
            let own = content.map_or(0, |content| encoded.tokens.partition_point(|t| t.range.start < content.start));
            is_trained[..own].fill(false);
        }
        let sample = Rendered { ids: encoded.ids(), is_trained };
        let is_used = sample.num_trained() > 0;
        self.samples.extend(is_used.then_some(sample));
        self.parts.push(Part { turns, tokens: 0..0, is_used });
    }
}

/// Turns that are split nowhere: from one question to the next.
fn groups(whole: &Whole<'_>) -> Vec<Range<usize>> {
    let messages = &whole.example.messages;
    let first = whole.num_system_turns();
    let begins = |at: &usize| messages[*at].role == Role::User && messages[at - 1].role != Role::User;
    let mut starts = vec![first];
    starts.extend((first + 1..messages.len()).filter(begins));
    let ends = starts.iter().skip(1).copied().chain([messages.len()]);
    starts.iter().zip(ends).map(|(start, end)| *start..end).filter(|group| !group.is_empty()).collect()
}

/// Finds the parts among the tokens of the whole example.
fn place(whole: &Whole<'_>, parts: &mut [Part]) {
    let mut end = whole.encoded.tokens.len();
    for part in parts.iter_mut().rev() {
        let start = whole.first_token_of(part.turns.start).unwrap_or(end).min(end);
        part.tokens = start..end;
        end = start;
    }
}
