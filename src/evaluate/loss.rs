//! The loss of a batch: cross-entropy over supervised tokens only.

use candle_core::Result;
use serde::{Deserialize, Serialize};

use crate::model::{Decoder, GradientPass};
use crate::render::Rendered;
use crate::render::batch::Batch;
use crate::task::{Task, Unit};

/// Tokens that evaluation sends through the model at once.
pub const EVAL_TOKENS: usize = 1024;

/// What a look at held-out examples found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeanLoss {
    /// Mean cross-entropy per supervised token.
    pub loss: f64,
    /// Supervised tokens.
    pub num_tokens: usize,
    /// How many examples have such a token.
    pub num_examples: usize,
}

impl MeanLoss {
    /// Over how many tokens the model is as unsure as over equally likely ones.
    pub fn perplexity(&self) -> f64 {
        self.loss.exp()
    }
}

/// The mean loss over examples in nats per supervised token, without gradient, under the adapter that `pass` was given,
/// if any. Examples without a supervised token don't count. `None` where the task was stopped, or where nothing counts.
///
/// # Errors
/// Where a sample doesn't fit the model.
pub fn mean_loss(
    decoder: &Decoder,
    pass: &mut GradientPass,
    samples: &[Rendered],
    task: &dyn Task,
) -> Result<Option<MeanLoss>> {
    let losses = example_losses(decoder, pass, samples, task)?;
    let counted = samples.iter().zip(&losses).filter(|(sample, _)| sample.num_trained() > 0);
    let (mut sum, mut num_tokens, mut num_examples) = (0.0, 0, 0);
    for (sample, loss) in counted {
        let Some(loss) = loss else { return Ok(None) };
        sum += loss * sample.num_trained() as f64;
        num_tokens += sample.num_trained();
        num_examples += 1;
    }
    Ok((num_tokens > 0).then(|| MeanLoss { loss: sum / num_tokens as f64, num_tokens, num_examples }))
}

/// Each example's mean loss per supervised token, without gradient, under the adapter that `pass` was given, if any.
/// `None` for one without a supervised token, and for those that were not reached when the task was stopped.
///
/// # Errors
/// Where a sample doesn't fit the model.
pub fn example_losses(
    decoder: &Decoder,
    pass: &mut GradientPass,
    samples: &[Rendered],
    task: &dyn Task,
) -> Result<Vec<Option<f64>>> {
    let mut losses = vec![None; samples.len()];
    let mut counted: Vec<usize> = (0..samples.len()).filter(|at| samples[*at].num_trained() > 0).collect();
    // What begins alike comes into one batch, where the beginning is computed once.
    counted.sort_by(|a, b| samples[*a].ids.cmp(&samples[*b].ids));
    let total = Some(counted.len() as u64);
    let (mut rest, mut done) = (&counted[..], 0);
    task.progress(done, total, Unit::Examples);
    while !rest.is_empty() && task.go_on().is_some() {
        let mut tokens = 0;
        let fits = rest.iter().take_while(|at| {
            tokens += samples[**at].ids.len();
            tokens <= EVAL_TOKENS
        });
        let (now, later) = rest.split_at(fits.count().max(1));
        let batch = Batch::compact(now.iter().map(|at| &samples[*at]), decoder.spec().switches_beyond());
        let mut sums = vec![0.0; now.len()];
        for (loss, owner) in pass.losses(decoder, batch.supervised())?.into_iter().zip(&batch.owners) {
            sums[*owner as usize] += loss;
        }
        for (at, sum) in now.iter().zip(sums) {
            losses[*at] = Some(sum / samples[*at].num_trained() as f64);
        }
        done += now.len() as u64;
        task.progress(done, total, Unit::Examples);
        rest = later;
    }
    Ok(losses)
}
