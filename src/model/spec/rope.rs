//! How positions are told: rotations of pairs of values, at frequencies that a model may have stretched.

use std::f64::consts::TAU;

/// Rotary frequencies.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeSpec {
    pub theta: f64,
    pub scaling: RopeScaling,
}

/// What is done with the frequencies `theta^(−2i / head_dim)`.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    None,
    /// All positions divided by a factor.
    Linear {
        factor: f64,
    },
    /// Llama 3.1's (`_compute_llama3_parameters` in Transformers).
    Llama3 {
        factor: f64,
        low_freq_factor: f64,
        high_freq_factor: f64,
        original_context: f64,
    },
    Yarn(Yarn),
    /// `theta` times `alpha^(head_dim / (head_dim − 2))`, as Hunyuan has it.
    Alpha(f64),
    /// Divisors one by one, as GGUF stores them in `rope_freqs.weight`.
    Factors(Vec<f32>),
}

/// Low frequencies are divided by a factor, high ones stay (Peng et al. 2023; `_compute_yarn_parameters` in Transformers).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Yarn {
    pub factor: f64,
    pub original_context: f64,
    pub beta_fast: f64,
    pub beta_slow: f64,
    /// What cosines and sines are multiplied by.
    pub attention_factor: f64,
    /// The range in which frequencies change over ends at whole numbers.
    pub truncate: bool,
}

impl Yarn {
    pub const BETA_FAST: f64 = 32.0;
    pub const BETA_SLOW: f64 = 1.0;

    /// The attention factor of models that don't name theirs.
    pub fn usual_attention_factor(factor: f64, mscale: f64) -> f64 {
        if factor <= 1.0 { 1.0 } else { 0.1 * mscale * factor.ln() + 1.0 }
    }

    /// How much of each frequency stays: 1 for the highest, 0 for the lowest.
    fn kept(&self, theta: f64, head_dim: usize) -> impl Fn(usize) -> f64 + use<> {
        let dim = head_dim as f64;
        let place = |rotations: f64| dim * (self.original_context / (rotations * TAU)).ln() / (2.0 * theta.ln());
        let (low, high) = (place(self.beta_fast), place(self.beta_slow));
        let (low, high) = if self.truncate { (low.floor(), high.ceil()) } else { (low, high) };
        let (low, high) = (low.max(0.0), high.min(dim - 1.0));
        let width = if low == high { 0.001 } else { high - low };
        move |i| 1.0 - ((i as f64 - low) / width).clamp(0.0, 1.0)
    }
}

impl RopeSpec {
    /// `head_dim / 2` angles per position.
    pub fn inverse_frequencies(&self, head_dim: usize) -> Vec<f32> {
        let theta = match self.scaling {
            RopeScaling::Alpha(alpha) => self.theta * alpha.powf(head_dim as f64 / (head_dim as f64 - 2.0)),
            _ => self.theta,
        };
        let plain = (0..head_dim / 2).map(|i| theta.powf(-(2.0 * i as f64) / head_dim as f64));
        match &self.scaling {
            RopeScaling::None | RopeScaling::Alpha(_) => plain.map(|f| f as f32).collect(),
            RopeScaling::Linear { factor } => plain.map(|f| (f / factor) as f32).collect(),
            RopeScaling::Factors(factors) => plain.zip(factors).map(|(f, d)| (f / f64::from(*d)) as f32).collect(),
            RopeScaling::Yarn(yarn) => {
                let kept = yarn.kept(theta, head_dim);
                let scaled = |(i, f): (usize, f64)| f / yarn.factor * (1.0 - kept(i)) + f * kept(i);
                plain.enumerate().map(|place| scaled(place) as f32).collect()
            }
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => plain
                .map(|f| {
                    let wavelength = TAU / f;
                    let smooth =
                        (original_context / wavelength - low_freq_factor) / (high_freq_factor - low_freq_factor);
                    let smooth = smooth.clamp(0.0, 1.0);
                    ((1.0 - smooth) * f / factor + smooth * f) as f32
                })
                .collect(),
        }
    }

    /// What cosines and sines are multiplied by.
    pub fn attention_factor(&self) -> f32 {
        match self.scaling {
            RopeScaling::Yarn(yarn) => yarn.attention_factor as f32,
            _ => 1.0,
        }
    }
}
