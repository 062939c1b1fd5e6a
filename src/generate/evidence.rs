//! What the model thinks of an answer, token by token: how likely each was, and what else it would have written.

use super::argmax;
use super::session::prompt_ids;
use crate::model::lora::LoraAdapter;
use crate::model::{Conversation, GradientPass, LanguageModel, ModelError, ProductType, Supervised};
use crate::ops::Segments;
use crate::words::thousands;

/// How many alternatives are told of each token.
const NUM_ALTERNATIVES: usize = 5;

/// What the model might have written in a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    pub text: String,
    /// In nats.
    pub log_probability: f64,
    /// The answer would have ended here.
    pub is_end: bool,
}

/// A token of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenEvidence {
    /// Its part of the answer. The parts of all tokens make up the answer; where several tokens write one character, the
    /// last has it, and the others have none.
    pub text: String,
    /// In nats, given the prompt and the answer before it, at temperature 1.
    pub log_probability: f64,
    /// The likeliest tokens in its place, it perhaps among them, the likeliest first.
    pub alternatives: Vec<Alternative>,
}

/// The tokens of an answer to a prompt, each with its log-probability and the five likeliest in its place, from one
/// forward pass. Empty for an empty answer.
///
/// # Errors
/// Where the template refuses the prompt, prompt and answer are longer than the model reads, the adapter doesn't fit, or
/// the model can't compute.
pub fn token_evidence(
    model: &LanguageModel,
    adapter: Option<&LoraAdapter>,
    prompt: Conversation<'_>,
    answer: &str,
) -> Result<Vec<TokenEvidence>, ModelError> {
    let (chat, decoder) = (&model.chat, &model.decoder);
    let mut ids = prompt_ids(model, prompt)?;
    let first = ids.len();
    let tokens = chat.tokenizer.encode_continuing(answer)?;
    ids.extend(tokens.iter().map(|(id, _)| *id));
    let context = decoder.spec().context_length;
    if ids.len() > context {
        let [num, most] = [ids.len(), context].map(thousands);
        let message = format!("prompt and answer have {num} tokens, but the model reads {most} at most");
        return Err(ModelError::Compute { message });
    }
    if tokens.is_empty() {
        return Ok(Vec::new());
    }
    let mut pass = GradientPass::new(ProductType::F32, 0);
    if let Some(adapter) = adapter {
        pass.set_adapter(decoder, adapter)?;
    }
    // The last token has nothing after it to predict.
    let rows: Vec<u32> = (first - 1..ids.len() - 1).map(|row| row as u32).collect();
    let targets = &ids[first..];
    let read = &ids[..ids.len() - 1];
    let segments = Segments::from_lengths([read.len()]);
    let batch = Supervised { ids: read, segments: &segments, rows: &rows, targets, dropout: None };
    let mut found = vec![(0.0, Vec::new()); targets.len()];
    pass.logits(decoder, batch, &mut |at, logits| found[at] = look(logits, targets[at]))?;
    if found.iter().any(|(log_probability, _)| !log_probability.is_finite()) {
        return Err(decoder.not_finite("what the model says of an answer"));
    }
    let mut told = 0;
    let mut evidence = Vec::with_capacity(found.len());
    for (at, (log_probability, likeliest)) in found.into_iter().enumerate() {
        // Up to where the next begins; halves of a character wait for the last of them.
        let end = tokens.get(at + 1).map_or(answer.len(), |(_, next)| next.start);
        let end = if answer.is_char_boundary(end) { end.max(told) } else { told };
        let text = answer[told..end].to_owned();
        told = end;
        let alternatives = likeliest.into_iter().map(|(id, log_probability)| {
            let is_end = chat.is_stop(id, prompt.format);
            Ok(Alternative { text: text_of(model, id)?, log_probability, is_end })
        });
        let alternatives = alternatives.collect::<Result<_, ModelError>>()?;
        evidence.push(TokenEvidence { text, log_probability, alternatives });
    }
    Ok(evidence)
}

/// The log-probability of a token, and the likeliest tokens with theirs.
fn look(logits: &[f32], target: u32) -> (f64, Vec<(u32, f64)>) {
    let highest = f64::from(logits.get(argmax(logits) as usize).copied().unwrap_or_default());
    let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - highest).exp()).sum();
    let log_probability = |id: u32| f64::from(logits[id as usize]) - highest - sum.ln();
    let mut likeliest: Vec<u32> = (0..logits.len() as u32).collect();
    let by_logit = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
    if likeliest.len() > NUM_ALTERNATIVES {
        likeliest.select_nth_unstable_by(NUM_ALTERNATIVES, by_logit);
        likeliest.truncate(NUM_ALTERNATIVES);
    }
    likeliest.sort_unstable_by(by_logit);
    (log_probability(target), likeliest.into_iter().map(|id| (id, log_probability(id))).collect())
}

/// What a token writes by itself; its name in the vocabulary where that is no text.
fn text_of(model: &LanguageModel, id: u32) -> Result<String, ModelError> {
    let tokenizer = &model.chat.tokenizer;
    let text = tokenizer.decode(&[id])?;
    let is_text = !text.is_empty() && !text.contains('\u{FFFD}');
    Ok(if is_text { text } else { tokenizer.id_to_token(id).unwrap_or(text) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_come_first_and_equal_ones_by_their_ids() {
        let (log_probability, likeliest) = look(&[0.0, 2.0, 1.0, 2.0, -1.0, 0.5, 0.0], 2);
        let ids: Vec<u32> = likeliest.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [1, 3, 2, 5, 0]);
        assert!((log_probability - likeliest[2].1).abs() < 1e-12);
        let (_, all) = look(&[0.0, 1.0], 0);
        let sum: f64 = all.iter().map(|(_, log_probability)| log_probability.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    }
}
