//! One model on one set of examples: loss, and answers compared with the expected ones.

use serde_json::Value;

use super::{EvaluateError, EvaluationRequest, HeldOut};
use crate::data::Example;
use crate::generate::greedy_answers;
use crate::model::lora::LoraAdapter;
use crate::model::{Conversation, GradientPass, LanguageModel, ModelError, ProductType};
use crate::task::{Task, Unit};
use crate::train::loss::mean_loss;
use crate::train::render::{Rendered, render, turns};

/// Room that an answer gets beyond the expected one's length, in tokens.
const ANSWER_ROOM: usize = 16;

/// Figures, and the answers in the examples' order (empty without `generate`).
pub fn measure(
    model: &LanguageModel,
    adapter: Option<&LoraAdapter>,
    examples: &[Example],
    request: &EvaluationRequest,
    task: &dyn Task,
) -> Result<(HeldOut, Vec<String>), EvaluateError> {
    let samples = examples
        .iter()
        .map(|e| render(&model.chat, e, request.train_on, request.max_length))
        .collect::<Result<Vec<Rendered>, _>>()?;
    let total = Some(examples.len() as u64);
    let is_cancelled = || task.is_cancelled();
    let mut progress = |done: usize| task.progress(done as u64, total, Unit::Examples);
    let mut pass = GradientPass::new(ProductType::F32, false);
    if let Some(adapter) = adapter {
        pass.set_adapter(&model.decoder, adapter).map_err(ModelError::from)?;
    }
    let mean =
        mean_loss(&model.decoder, &mut pass, &samples, &mut progress, &is_cancelled).map_err(ModelError::from)?;
    if task.is_cancelled() {
        return Err(EvaluateError::Cancelled);
    }
    let mean = mean.ok_or_else(|| EvaluateError::NothingToMeasure { path: request.data.clone() })?;
    let mut held_out = HeldOut {
        loss: mean.loss,
        perplexity: mean.loss.exp(),
        num_tokens: mean.num_tokens,
        num_examples: mean.num_examples,
        exact_match: None,
    };
    if !request.generate {
        return Ok((held_out, Vec::new()));
    }
    let prompts: Vec<_> = examples.iter().map(|e| turns(e.prompt())).collect();
    let prompts: Vec<_> =
        examples.iter().zip(&prompts).map(|(e, turns)| Conversation { turns, tools: &e.tools }).collect();
    let longest = samples.iter().map(Rendered::num_trained).max().unwrap_or_default();
    let answers = greedy_answers(model, adapter, &prompts, longest + ANSWER_ROOM, &mut progress, &is_cancelled)?
        .ok_or(EvaluateError::Cancelled)?;
    // An answer that calls tools has no text to compare.
    let with_answer =
        examples.iter().zip(&answers).filter(|(e, _)| !e.ends_with_call()).filter_map(|(e, a)| Some((e.answer()?, a)));
    let (mut matching, mut compared) = (0, 0);
    for (expected, answer) in with_answer {
        compared += 1;
        matching += usize::from(is_exact_match(expected, answer));
    }
    held_out.exact_match = (compared > 0).then(|| matching as f64 / f64::from(compared));
    Ok((held_out, answers))
}

/// Whether an answer is the expected one: as JSON values where both are JSON, else as trimmed text.
pub fn is_exact_match(expected: &str, answer: &str) -> bool {
    let (expected, answer) = (expected.trim(), answer.trim());
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    match (json(expected), json(answer)) {
        (Some(expected), Some(answer)) => expected == answer,
        _ => expected == answer,
    }
}

#[cfg(test)]
mod tests {
    use super::is_exact_match;

    #[test]
    fn json_is_compared_by_value_and_text_by_letter() {
        assert!(is_exact_match(r#"{"a": 1, "b": true}"#, r#" {"b":true,"a":1}"#));
        assert!(!is_exact_match(r#"{"a": 1}"#, r#"{"a": 1, "b": 2}"#));
        assert!(!is_exact_match(r#"{"a": 1}"#, r#"{"a": 1"#));
        assert!(is_exact_match("yes", "yes\n"));
        assert!(!is_exact_match("yes", "Yes"));
    }
}
