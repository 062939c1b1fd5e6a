//! The output head and its cross-entropy in one: logits exist for a few rows at a time, and the gradient at the hidden
//! rows is made in the same pass.

use std::sync::{Arc, Mutex};

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::FrozenWeight;
use super::linear::{project, project_back};
use super::product::Isa;
use super::simd::{cap_all, exp, exp_all, max, vectorized};
use super::storage::slice;

/// How many logits exist at a time: 16 MB.
pub const CHUNK_VALUES: usize = 4 << 20;

/// The sum (not the mean) of `−log softmax(hidden · Wᵀ)[target]` over the rows. With a soft-cap, logits become
/// `cap · tanh(logit / cap)` before.
///
/// `hidden` is `[num_rows, hidden_size]`, `targets` are `num_rows` token ids. `with_gradient` must be set where
/// `backward` is to be called; without it the pass costs a third.
///
/// # Errors
/// Where rows, targets and the weight's shape don't go together, or a target is outside the vocabulary.
pub fn cross_entropy(
    hidden: &Tensor,
    weight: &Arc<FrozenWeight>,
    targets: &[u32],
    softcap: Option<f32>,
    with_gradient: bool,
) -> Result<Tensor> {
    if hidden.dims() != [targets.len(), weight.cols()] {
        candle_core::bail!("cross entropy of {} targets was given rows {:?}", targets.len(), hidden.dims());
    }
    if let Some(target) = targets.iter().find(|&&t| t as usize >= weight.rows()) {
        candle_core::bail!("token id {target} is outside the vocabulary of {}", weight.rows());
    }
    if !hidden.device().is_cpu() {
        return cross_entropy_plain(hidden, weight, targets, softcap);
    }
    let op = CrossEntropy {
        weight: weight.clone(),
        targets: targets.into(),
        softcap,
        with_gradient,
        gradient: Mutex::new(None),
    };
    hidden.contiguous()?.apply_op1(op)
}

/// [`cross_entropy`] with candle's own operations.
///
/// # Errors
/// As for [`cross_entropy`].
pub fn cross_entropy_plain(
    hidden: &Tensor,
    weight: &FrozenWeight,
    targets: &[u32],
    softcap: Option<f32>,
) -> Result<Tensor> {
    let logits = cap_logits(super::linear::frozen_linear_plain(hidden, weight)?, softcap)?;
    let log_probabilities = candle_nn::ops::log_softmax(&logits, D::Minus1)?;
    let targets = Tensor::new(targets, hidden.device())?.unsqueeze(1)?;
    log_probabilities.gather(&targets, 1)?.sum_all()?.neg()
}

/// `cap · tanh(logits / cap)`, if they are capped; of any shape.
///
/// # Errors
/// Where candle fails on the tensor.
pub fn cap_logits(logits: Tensor, softcap: Option<f32>) -> Result<Tensor> {
    match softcap.map(f64::from) {
        Some(cap) => (logits / cap)?.tanh()? * cap,
        None => Ok(logits),
    }
}

struct CrossEntropy {
    weight: Arc<FrozenWeight>,
    targets: Arc<[u32]>,
    softcap: Option<f32>,
    with_gradient: bool,
    /// The gradient of the sum at the hidden rows; made by the forward pass.
    gradient: Mutex<Option<Vec<f32>>>,
}

vectorized! {
    /// Turns a row of logits into `softmax − onehot(target)`, its gradient, and returns its loss. With a soft-cap the
    /// logits are capped first, and the gradient goes back through that.
    pub fn loss_and_gradient(isa: Isa, logits: &mut [f32], target: usize, softcap: Option<f32>) -> f64 {
        if let Some(cap) = softcap {
            return capped_loss_and_gradient(logits, target, cap);
        }
        let top = max(logits);
        let target_logit = f64::from(logits[target]) - f64::from(top);
        let mut sum = 0.0f64;
        // In parts, so that a large vocabulary keeps its precision.
        for block in logits.chunks_mut(1024) {
            sum += f64::from(exp_all(block, 1.0, top));
        }
        let inverse = (1.0 / sum) as f32;
        logits.iter_mut().for_each(|value| *value *= inverse);
        logits[target] -= 1.0;
        sum.ln() - target_logit
    }
}

/// The exponentials are made twice, as the capped logits are still needed after their sum.
#[inline(always)]
fn capped_loss_and_gradient(logits: &mut [f32], target: usize, cap: f32) -> f64 {
    const BLOCK: usize = 1024;
    cap_all(logits, 1.0, cap);
    let top = max(logits);
    let capped_target = logits[target];
    let mut sum = 0.0f64;
    let mut block = [0.0; BLOCK];
    for part in logits.chunks(BLOCK) {
        let block = &mut block[..part.len()];
        block.copy_from_slice(part);
        sum += f64::from(exp_all(block, 1.0, top));
    }
    let inverse = (1.0 / sum) as f32;
    for logit in logits.iter_mut() {
        *logit = exp(*logit - top) * inverse * cap_slope(*logit, cap);
    }
    logits[target] -= cap_slope(capped_target, cap);
    sum.ln() - (f64::from(capped_target) - f64::from(top))
}

/// The slope of the soft-cap where it gives `capped`.
#[inline(always)]
fn cap_slope(capped: f32, cap: f32) -> f32 {
    let tanh = capped / cap;
    1.0 - tanh * tanh
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let hidden = slice(storage, layout)?;
        let (vocab, width) = (self.weight.rows(), self.weight.cols());
        let isa = Isa::current();
        let rows_per_chunk = (CHUNK_VALUES / vocab).max(1);
        let mut gradient = vec![0.0; if self.with_gradient { hidden.len() } else { 0 }];
        let mut logits = vec![0.0; rows_per_chunk.min(self.targets.len()) * vocab];
        let mut total = 0.0;
        for (i, targets) in self.targets.chunks(rows_per_chunk).enumerate() {
            let rows = i * rows_per_chunk * width..(i * rows_per_chunk + targets.len()) * width;
            let logits = &mut logits[..targets.len() * vocab];
            project(&hidden[rows.clone()], &self.weight, logits)?;
            total += logits
                .par_chunks_mut(vocab)
                .zip(targets)
                .map(|(logits, &target)| loss_and_gradient(isa, logits, target as usize, self.softcap))
                // Summed in order, so that the same batch always gives the same bits.
                .collect::<Vec<_>>()
                .into_iter()
                .sum::<f64>();
            if self.with_gradient {
                project_back(logits, &self.weight, &mut gradient[rows])?;
            }
        }
        if self.with_gradient
            && let Ok(mut place) = self.gradient.lock()
        {
            *place = Some(gradient);
        }
        Ok((CpuStorage::F32(vec![total as f32]), Shape::from(())))
    }

    fn bwd(&self, hidden: &Tensor, _out: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let gradient = self.gradient.lock().ok().and_then(|mut place| place.take());
        let Some(gradient) = gradient else {
            candle_core::bail!("cross entropy was computed without its gradient");
        };
        let gradient = Tensor::from_vec(gradient, hidden.shape(), hidden.device())?;
        Ok(Some(gradient.broadcast_mul(grad)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_same_gradients, finite_differences, random};
    use super::*;

    #[test]
    fn agrees_with_its_twin_and_with_finite_differences() {
        for (rows, width, vocab) in [(1, 1, 2), (5, 7, 11), (70, 4, 100_000)] {
            let values: Vec<f32> = random(&[vocab * width], 5).to_vec1().unwrap();
            let weight = Arc::new(FrozenWeight::from_f32(vocab, width, &values).unwrap());
            let targets: Vec<u32> = (0..rows).map(|i| (i * 31 % vocab) as u32).collect();
            for softcap in [None, Some(1.5)] {
                let hidden = random(&[rows, width], 6);
                // The mean, so that tolerances mean the same for every size.
                let mean = |loss: Tensor| loss / rows as f64;
                assert_same_gradients(
                    &[&hidden],
                    |x| mean(cross_entropy(x[0], &weight, &targets, softcap, true)?),
                    |x| mean(cross_entropy_plain(x[0], &weight, &targets, softcap)?),
                );
                if vocab < 1000 {
                    finite_differences(&[&hidden], |x| mean(cross_entropy(x[0], &weight, &targets, softcap, true)?));
                }
            }
        }
    }

    #[test]
    fn no_rows_cost_nothing_and_wrong_targets_are_errors() {
        let weight = Arc::new(FrozenWeight::from_f32(3, 2, &[1.0; 6]).unwrap());
        let none = Tensor::zeros((0, 2), candle_core::DType::F32, &candle_core::Device::Cpu).unwrap();
        let loss = cross_entropy(&none, &weight, &[], None, true).unwrap();
        assert_eq!(loss.to_scalar::<f32>().unwrap(), 0.0);
        assert!(cross_entropy(&random(&[1, 2], 1), &weight, &[3], None, true).is_err());
        assert!(cross_entropy(&random(&[1, 2], 1), &weight, &[0, 1], None, true).is_err());
    }
}
