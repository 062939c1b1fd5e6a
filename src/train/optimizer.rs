//! AdamW (Loshchilov & Hutter 2019) as `torch.optim.AdamW` computes it, with moments that can be saved.

use candle_core::{Result, Tensor, Var};
use rayon::prelude::*;

use crate::ops::storage::with_slice;
use crate::recipe::Training;

/// The gradient of every trainable tensor, summed over a step's micro-batches, in the order of the tensors.
pub struct Gradients(Vec<Vec<f32>>);

impl Gradients {
    /// Gradients of zero for these tensors, each flat.
    pub fn zeros(vars: &[(String, &Var)]) -> Self {
        Self(vars.iter().map(|(_, var)| vec![0.0; var.elem_count()]).collect())
    }

    /// Zero again, for the next step.
    pub fn clear(&mut self) {
        self.0.par_iter_mut().for_each(|grad| grad.fill(0.0));
    }

    /// Each tensor's gradient, flat, in the order of the tensors.
    pub fn as_mut_slice(&mut self) -> &mut [Vec<f32>] {
        &mut self.0
    }

    /// The 2-norm of all gradients together.
    pub fn norm(&self) -> f64 {
        let squares = |grad: &Vec<f32>| grad.iter().map(|g| f64::from(*g) * f64::from(*g)).sum::<f64>();
        // Added in order, so that the same gradient always has the same norm.
        self.0.par_iter().map(squares).collect::<Vec<_>>().into_iter().sum::<f64>().sqrt()
    }

    /// `torch.nn.utils.clip_grad_norm_`: scales down to `max_norm` where the norm is above it; 0 is off.
    pub fn clip(&mut self, norm: f64, max_norm: f64) {
        let factor = max_norm / (norm + 1e-6);
        if max_norm > 0.0 && factor < 1.0 {
            let factor = factor as f32;
            self.0.par_iter_mut().for_each(|grad| grad.iter_mut().for_each(|value| *value *= factor));
        }
    }
}

/// First and second moment of one tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    pub mean: Vec<f32>,
    pub square: Vec<f32>,
}

/// Decoupled weight decay on every trainable tensor.
pub struct AdamW {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    weight_decay: f64,
    /// Steps done.
    pub step: usize,
    /// The moments of each tensor, in the order of the tensors.
    pub moments: Vec<Moments>,
}

impl AdamW {
    /// AdamW with the recipe's settings, and moments of zero for these tensors.
    pub fn new(training: &Training, vars: &[(String, &Var)]) -> Self {
        let zeros = |var: &Var| Moments { mean: vec![0.0; var.elem_count()], square: vec![0.0; var.elem_count()] };
        Self {
            beta1: training.adam_beta1,
            beta2: training.adam_beta2,
            epsilon: training.adam_epsilon,
            weight_decay: training.weight_decay,
            step: 0,
            moments: vars.iter().map(|(_, var)| zeros(var)).collect(),
        }
    }

    /// One update of `vars` with the given rate; `gradients` are in their order.
    ///
    /// # Errors
    /// Where candle can't write a tensor.
    pub fn update(&mut self, vars: &[(String, &Var)], gradients: &Gradients, learning_rate: f64) -> Result<()> {
        self.step += 1;
        let correction1 = 1.0 - self.beta1.powi(self.step as i32);
        let correction2 = 1.0 - self.beta2.powi(self.step as i32);
        let (beta1, beta2) = (self.beta1 as f32, self.beta2 as f32);
        let step_size = (learning_rate / correction1) as f32;
        let root2 = correction2.sqrt() as f32;
        let epsilon = self.epsilon as f32;
        let keep = (1.0 - learning_rate * self.weight_decay) as f32;
        let updates: Result<Vec<Tensor>> = self
            .moments
            .par_iter_mut()
            .zip(&gradients.0)
            .zip(vars)
            .map(|((moments, grad), (_, var))| {
                let mut weights = with_slice(var, <[f32]>::to_vec)?;
                for (i, weight) in weights.iter_mut().enumerate() {
                    let (mean, square) = (&mut moments.mean[i], &mut moments.square[i]);
                    *mean = beta1 * *mean + (1.0 - beta1) * grad[i];
                    *square = beta2 * *square + (1.0 - beta2) * grad[i] * grad[i];
                    *weight = *weight * keep - step_size * *mean / (square.sqrt() / root2 + epsilon);
                }
                Tensor::from_vec(weights, var.shape(), var.device())
            })
            .collect();
        updates?.iter().zip(vars).try_for_each(|(update, (_, var))| var.set(update))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn two_steps_by_hand() {
        let var = Var::new(&[1.0f32, -2.0], &Device::Cpu).unwrap();
        let vars = [("w".to_owned(), &var)];
        let training = Training { weight_decay: 0.1, ..Training::default() };
        let mut optimizer = AdamW::new(&training, &vars);
        for _ in 0..2 {
            let gradients = Gradients(vec![vec![0.5, 0.0]]);
            optimizer.update(&vars, &gradients, 0.01).unwrap();
        }
        // A constant gradient moves by the whole rate each step, whatever its size; no gradient only decays.
        let weights: Vec<f32> = var.to_vec1().unwrap();
        let expected = (1.0f64 * 0.999 - 0.01) * 0.999 - 0.01;
        assert!((f64::from(weights[0]) - expected).abs() < 1e-6, "{weights:?}");
        assert!((weights[1] + 2.0 * 0.999 * 0.999).abs() < 1e-6, "{weights:?}");
    }

    #[test]
    fn clipping_scales_to_the_limit_and_zero_is_off() {
        let mut gradients = Gradients(vec![vec![3.0], vec![4.0]]);
        assert_eq!(gradients.norm(), 5.0);
        gradients.clip(5.0, 0.0);
        assert_eq!(gradients.norm(), 5.0);
        gradients.clip(5.0, 1.0);
        assert!((gradients.norm() - 1.0).abs() < 1e-5);
    }
}
