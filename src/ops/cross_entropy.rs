//! The cross-entropy of rows of logits, each with its gradient in one pass.

use super::simd::{cap_all, exp, exp_all, max, vectorized};

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

#[cfg(test)]
mod tests {
    use super::super::plain::{cap_logits, cross_entropy};
    use super::super::product::Isa;
    use super::super::testing::{Kernel, check_kernel, random};
    use super::*;

    #[test]
    fn agrees_with_its_twin_and_with_finite_differences() {
        for (rows, vocab) in [(1, 2), (5, 11), (7, 100_000)] {
            let targets: Vec<u32> = (0..rows).map(|i| (i * 31 % vocab) as u32).collect();
            for softcap in [None, Some(1.5)] {
                let logits = (random(&[rows, vocab], 6) * 2.0).unwrap();
                let each = |logits: &[f32]| -> (Vec<f32>, Vec<f32>) {
                    let mut logits = logits.to_vec();
                    let rows = logits.chunks_mut(vocab).zip(&targets);
                    let losses = rows
                        .map(|(row, target)| loss_and_gradient(Isa::current(), row, *target as usize, softcap) as f32);
                    (losses.collect(), logits)
                };
                let kernel = Kernel {
                    dims: vec![rows],
                    forward: |x: &[&[f32]]| each(x[0]).0,
                    backward: |x: &[&[f32]], grad: &[f32]| {
                        let (_, mut gradient) = each(x[0]);
                        let rows = gradient.chunks_mut(vocab).zip(grad);
                        rows.for_each(|(row, grad)| row.iter_mut().for_each(|value| *value *= grad));
                        vec![gradient]
                    },
                };
                check_kernel(&[&logits], kernel, |x| cross_entropy(&cap_logits(x[0].clone(), softcap)?, &targets));
            }
        }
    }
}
