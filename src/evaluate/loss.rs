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
        let (now, batch) = next_batch(rest, samples, decoder.spec().switches_beyond());
        let mut sums = vec![0.0; now.len()];
        for (loss, owner) in pass.losses(decoder, batch.supervised())?.into_iter().zip(&batch.owners) {
            sums[*owner as usize] += loss;
        }
        for (at, sum) in now.iter().zip(sums) {
            losses[*at] = Some(sum / samples[*at].num_trained() as f64);
        }
        done += now.len() as u64;
        task.progress(done, total, Unit::Examples);
        rest = &rest[now.len()..];
    }
    Ok(losses)
}

/// As many of the sorted samples as go through the model at once, by the rows that are computed: what begins alike is
/// computed once.
fn next_batch<'a>(sorted: &'a [usize], samples: &[Rendered], switches_beyond: Option<usize>) -> (&'a [usize], Batch) {
    let (mut rows, mut before): (usize, &[u32]) = (0, &[]);
    let fits = sorted.iter().take_while(|at| {
        let ids = samples[**at].ids.as_slice();
        rows += ids.len() - ids.iter().zip(before).take_while(|(a, b)| a == b).count();
        before = ids;
        rows <= EVAL_TOKENS
    });
    let mut now = &sorted[..fits.count().clamp(1, sorted.len().max(1))];
    loop {
        let batch = Batch::compact(now.iter().map(|at| &samples[*at]), switches_beyond);
        // Beginnings within beginnings have their rows more than once.
        if batch.ids.len() <= EVAL_TOKENS || now.len() == 1 {
            return (now, batch);
        }
        now = &now[..now.len() / 2];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_takes_as_many_examples_as_its_rows_have_room_for() {
        let sample = |shared: u32, own: u32, at: u32| {
            let ids: Vec<u32> = (0..shared).chain((0..own).map(|token| 10_000 + 100 * at + token)).collect();
            Rendered { is_trained: (0..ids.len()).map(|at| at + 1 == ids.len()).collect(), ids }
        };
        let sizes = |samples: &[Rendered]| {
            let sorted: Vec<usize> = (0..samples.len()).collect();
            let (mut rest, mut sizes) = (&sorted[..], Vec::new());
            while !rest.is_empty() {
                let (now, batch) = next_batch(rest, samples, None);
                assert!(batch.ids.len() <= EVAL_TOKENS || now.len() == 1);
                sizes.push(now.len());
                rest = &rest[now.len()..];
            }
            sizes
        };
        let with_system: Vec<Rendered> = (0..12).map(|at| sample(500, 50, at)).collect();
        assert_eq!(sizes(&with_system), [10, 2], "500 rows, and 50 for each");
        let strangers: Vec<Rendered> = (0..5).map(|at| sample(0, 400, 10 * at)).collect();
        assert_eq!(sizes(&strangers), [2, 2, 1]);
        assert_eq!(sizes(&[sample(0, 3000, 0), sample(0, 3, 90)]), [1, 1]);
    }
}
