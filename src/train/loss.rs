//! The loss of a batch: cross-entropy over supervised tokens only.

use candle_core::{Result, Tensor};

use super::batch::Batch;
use super::render::Rendered;
use crate::model::{Adaptation, Decoder, GradientPass};

/// Tokens that evaluation sends through the model at once.
const EVAL_TOKENS: usize = 1024;

/// The summed cross-entropy of a batch's supervised tokens, by candle's differentiation: the witness of [`GradientPass`],
/// and the way for adapters with dropout.
pub fn batch_loss(decoder: &Decoder, batch: &Batch, adaptation: Adaptation<'_>) -> Result<Tensor> {
    let with_gradient = adaptation.with_gradient;
    let hidden = decoder.forward(&batch.ids, &batch.segments, adaptation)?; // [num_tokens, hidden]
    // The head runs only where the loss looks: [num_supervised, hidden].
    let rows = Tensor::new(&batch.rows[..], hidden.device())?;
    let supervised = hidden.index_select(&rows, 0)?;
    decoder.cross_entropy(&supervised, &batch.targets, with_gradient)
}

/// What a look at held-out examples found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanLoss {
    /// Mean cross-entropy per supervised token.
    pub loss: f64,
    /// Supervised tokens.
    pub num_tokens: usize,
    pub num_examples: usize,
}

/// The mean loss over examples, without gradient, under the adapter that `pass` was given, if any. Examples without a supervised token don't count. `None` where
/// `is_cancelled` said so, or where nothing counts.
pub fn mean_loss(
    decoder: &Decoder,
    pass: &mut GradientPass,
    samples: &[Rendered],
    progress: &mut dyn FnMut(usize),
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Option<MeanLoss>> {
    let counted: Vec<&Rendered> = samples.iter().filter(|s| s.num_trained() > 0).collect();
    let (mut sum, mut num_tokens, mut done) = (0.0, 0, 0);
    let mut rest = &counted[..];
    while !rest.is_empty() {
        if is_cancelled() {
            return Ok(None);
        }
        let mut tokens = 0;
        let fits = rest.iter().take_while(|sample| {
            tokens += sample.ids.len();
            tokens <= EVAL_TOKENS
        });
        let (now, later) = rest.split_at(fits.count().max(1));
        let batch = Batch::compact(now.iter().copied());
        sum += pass.loss(decoder, batch.supervised())?;
        num_tokens += batch.targets.len();
        done += now.len();
        progress(done);
        rest = later;
    }
    if num_tokens == 0 {
        return Ok(None);
    }
    Ok(Some(MeanLoss { loss: sum / num_tokens as f64, num_tokens, num_examples: counted.len() }))
}
