//! Where the model's hidden states put a prompt: inputs that are alike lie close together.

use super::session::prompt_ids;
use crate::model::{Conversation, GradientPass, LanguageModel, ModelError, ProductType, Supervised};
use crate::ops::Segments;
use crate::task::{Task, Unit};
use crate::words::thousands;

/// Tokens that go through the model at once.
const TOKENS_AT_ONCE: usize = 1024;

/// The base model's mean hidden state of each prompt after the last norm, `[hidden_size]`, over all of its tokens, as a
/// chat template writes them. `None` when the task was stopped.
///
/// # Errors
/// Where the template refuses a prompt, one is longer than the model reads, or the model can't compute.
pub fn mean_hidden(
    model: &LanguageModel,
    prompts: &[Conversation<'_>],
    task: &dyn Task,
) -> Result<Option<Vec<Vec<f32>>>, ModelError> {
    let (decoder, size) = (&model.decoder, model.decoder.spec().hidden_size);
    let prompts: Vec<Vec<u32>> =
        prompts.iter().map(|prompt| prompt_ids(model, *prompt)).collect::<Result<_, ModelError>>()?;
    let context = decoder.spec().context_length;
    if let Some((at, ids)) = prompts.iter().enumerate().find(|(_, ids)| ids.len() > context) {
        let [number, num, most] = [at + 1, ids.len(), context].map(thousands);
        let message = format!("prompt {number} has {num} tokens, but the model reads {most} at most");
        return Err(ModelError::Compute { message });
    }
    let mut pass = GradientPass::new(ProductType::F32, 0);
    let mut means = Vec::with_capacity(prompts.len());
    let total = Some(prompts.len() as u64);
    task.progress(0, total, Unit::Examples);
    let mut rest = &prompts[..];
    while !rest.is_empty() {
        if task.go_on().is_none() {
            return Ok(None);
        }
        let mut tokens = 0;
        let fits = rest.iter().take_while(|ids| {
            tokens += ids.len();
            tokens <= TOKENS_AT_ONCE
        });
        let (now, later) = rest.split_at(fits.count().max(1));
        // Some models take texts beyond a length otherwise, but none takes them otherwise for its neighbours.
        let segments = Segments::from_lengths(now.iter().map(Vec::len));
        let ids = now.concat();
        let batch = Supervised { ids: &ids, segments: &segments, rows: &[], targets: &[], dropout: None };
        let hidden = pass.hidden(decoder, batch)?;
        if hidden.iter().any(|value| !value.is_finite()) {
            return Err(decoder.not_finite("a hidden state"));
        }
        let mut rows = hidden.chunks_exact(size);
        for ids in now {
            let mut sum = vec![0.0f64; size];
            for row in rows.by_ref().take(ids.len()) {
                sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
            }
            means.push(sum.into_iter().map(|sum| (sum / ids.len() as f64) as f32).collect());
        }
        task.progress(means.len() as u64, total, Unit::Examples);
        rest = later;
    }
    Ok(Some(means))
}
