//! One model on one set of examples: loss, and answers compared with the expected ones.

use serde_json::Value;

use super::{EvaluateError, EvaluationRequest, HeldOut, Rendering};
use crate::data::Example;
use crate::evaluate::loss::mean_loss;
use crate::generate::greedy_answers;
use crate::model::lora::LoraAdapter;
use crate::model::{GradientPass, LanguageModel, ModelError, ProductType};
use crate::render::{Rendered, conversation, turns};
use crate::task::{Stage, Task};

/// Room that an answer gets beyond the expected one's length, in tokens.
const ANSWER_ROOM: usize = 16;

/// Figures, and the answers in the examples' order (empty without `generate`). The first stage is the loss, the second
/// the answers.
///
/// # Errors
/// Where the model can't compute, or the task was stopped.
pub fn measure(
    model: &LanguageModel,
    adapter: Option<&LoraAdapter>,
    rendering: &Rendering,
    request: &EvaluationRequest,
    [loss_stage, answers_stage]: [Stage; 2],
    task: &dyn Task,
) -> Result<(HeldOut, Vec<String>), EvaluateError> {
    let Rendering { examples, samples, tally } = rendering;
    task.stage(loss_stage);
    let mut pass = GradientPass::new(ProductType::F32, 0);
    if let Some(adapter) = adapter {
        pass.set_adapter(&model.decoder, adapter).map_err(ModelError::from)?;
    }
    let mean = mean_loss(&model.decoder, &mut pass, samples, task).map_err(ModelError::from)?;
    if task.is_stopped() {
        return Err(EvaluateError::Stopped);
    }
    let nothing = || match tally.num_left_out {
        num_examples @ 1.. => EvaluateError::AllTooLong { num_examples, max_length: request.spec.max_length },
        0 => EvaluateError::NothingToMeasure { path: request.data.clone() },
    };
    let mean = mean.ok_or_else(nothing)?;
    if !mean.loss.is_finite() {
        return Err(model.decoder.not_finite("the loss").into());
    }
    let mut held_out = HeldOut {
        loss: mean.loss,
        perplexity: mean.loss.exp(),
        num_tokens: mean.num_tokens,
        num_examples: tally.num_examples - tally.num_left_out - tally.num_untrained - tally.num_refused,
        tally: tally.clone(),
        exact_match: None,
    };
    if !request.generate {
        return Ok((held_out, Vec::new()));
    }
    let prompts: Vec<_> = examples.iter().map(|e| turns(e.prompt())).collect();
    let prompts: Vec<_> =
        examples.iter().zip(&prompts).map(|(e, turns)| conversation(turns, &e.tools, request.spec.format)).collect();
    let longest = samples.iter().map(Rendered::num_trained).max().unwrap_or_default();
    task.stage(answers_stage);
    let answers =
        greedy_answers(model, adapter, &prompts, longest + ANSWER_ROOM, task)?.ok_or(EvaluateError::Stopped)?;
    let with_answer = examples.iter().zip(&answers).filter_map(|(e, a)| Some((expected(e)?, a)));
    let (mut matching, mut compared) = (0, 0);
    for (expected, answer) in with_answer {
        compared += 1;
        matching += usize::from(is_exact_match(expected, answer));
    }
    held_out.exact_match = (compared > 0).then(|| matching as f64 / f64::from(compared));
    Ok((held_out, answers))
}

/// The answer to compare with. One that calls tools has no text, and one that is still to be written none either.
pub(super) fn expected(example: &Example) -> Option<&str> {
    (!example.ends_with_call() && !example.is_unanswered()).then(|| example.answer())?
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
