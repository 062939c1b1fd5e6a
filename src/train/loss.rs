//! The loss of a batch: cross-entropy over supervised tokens only.

use candle_core::Result;

use super::batch::Batch;
use super::render::Rendered;
use crate::model::{Decoder, GradientPass};

/// Tokens that evaluation sends through the model at once.
const EVAL_TOKENS: usize = 1024;

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
