//! How positions are told: rotations of pairs of values, at frequencies that a model may have stretched.

use std::f64::consts::TAU;

/// Rotary frequencies.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeSpec {
    pub theta: f64,
    pub scaling: RopeScaling,
    /// How many values of each head are rotated, the first ones; `None` for all.
    pub rotated: Option<usize>,
    /// Neighbours are rotated together, and not the values of two halves.
    pub is_adjacent: bool,
}

/// What is done with the frequencies `theta^(−2i / rotated)`.
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
    /// This share of a head's values is rotated, those of the highest frequencies, which are as many as if all were, and are
    /// divided by a factor.
    Proportional {
        part: f64,
        factor: f64,
    },
    /// `theta` times `alpha^(head_dim / (head_dim − 2))`, as Hunyuan has it.
    Alpha(f64),
    /// Divisors one by one, as GGUF stores them in `rope_freqs.weight`.
    Factors(Vec<f32>),
    Long(LongRope),
}

/// Divisors one by one, others for long texts than for short ones (Ding et al. 2024; `_compute_longrope_parameters` in
/// Transformers).
#[derive(Debug, Clone, PartialEq)]
pub struct LongRope {
    pub short: Vec<f32>,
    pub long: Vec<f32>,
    /// Texts of more tokens are long.
    pub original_context: usize,
    /// What cosines and sines are multiplied by.
    pub attention_factor: f64,
}

impl LongRope {
    /// The attention factor of models that don't name theirs; `factor` is how many times longer texts became.
    pub fn usual_attention_factor(factor: f64, original_context: f64) -> f64 {
        if factor <= 1.0 { 1.0 } else { (1.0 + factor.ln() / original_context.ln()).sqrt() }
    }
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
    /// A rotation of all values of a head.
    pub fn new(theta: f64, scaling: RopeScaling) -> Self {
        Self { theta, scaling, rotated: None, is_adjacent: false }
    }

    /// How many values of a head are rotated.
    pub fn dim(&self, head_dim: usize) -> usize {
        self.rotated.unwrap_or(head_dim)
    }

    /// The number of tokens beyond which a text is rotated otherwise.
    pub fn switches_beyond(&self) -> Option<usize> {
        match &self.scaling {
            RopeScaling::Long(long) => Some(long.original_context),
            _ => None,
        }
    }

    /// `dim / 2` angles per position, of texts that are long or not.
    pub fn inverse_frequencies(&self, head_dim: usize, is_long: bool) -> Vec<f32> {
        let dim = self.dim(head_dim);
        let theta = match self.scaling {
            RopeScaling::Alpha(alpha) => self.theta * alpha.powf(dim as f64 / (dim as f64 - 2.0)),
            _ => self.theta,
        };
        let plain = (0..dim / 2).map(|i| theta.powf(-(2.0 * i as f64) / dim as f64));
        let divided = |(f, d): (f64, &f32)| (f / f64::from(*d)) as f32;
        match &self.scaling {
            RopeScaling::None | RopeScaling::Alpha(_) => plain.map(|f| f as f32).collect(),
            RopeScaling::Linear { factor } => plain.map(|f| (f / factor) as f32).collect(),
            RopeScaling::Proportional { part, factor } => {
                let rotated = (part * dim as f64 / 2.0) as usize;
                plain.enumerate().map(|(i, f)| if i < rotated { (f / factor) as f32 } else { 0.0 }).collect()
            }
            RopeScaling::Factors(factors) => plain.zip(factors).map(divided).collect(),
            RopeScaling::Long(LongRope { long, .. }) if is_long => plain.zip(long).map(divided).collect(),
            RopeScaling::Long(LongRope { short, .. }) => plain.zip(short).map(divided).collect(),
            RopeScaling::Yarn(yarn) => {
                let kept = yarn.kept(theta, dim);
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
        match &self.scaling {
            RopeScaling::Yarn(yarn) => yarn.attention_factor as f32,
            RopeScaling::Long(long) => long.attention_factor as f32,
            _ => 1.0,
        }
    }

    /// Checks that it fits heads of this size. The error is a sentence.
    pub(super) fn check(&self, head_dim: usize) -> Result<(), String> {
        let dim = self.dim(head_dim);
        if dim > head_dim || !dim.is_multiple_of(2) || dim == 0 {
            return Err(format!("{dim} values of heads of {head_dim} can't be rotated"));
        }
        let factors: &[&Vec<f32>] = match &self.scaling {
            RopeScaling::Factors(factors) => &[factors],
            RopeScaling::Long(LongRope { short, long, .. }) => &[short, long],
            _ => &[],
        };
        if let Some(factors) = factors.iter().find(|factors| factors.len() != dim / 2) {
            return Err(format!("{} rope factors don't fit {dim} rotated values", factors.len()));
        }
        let is_usable = |frequency: &f32| frequency.is_finite() && *frequency >= 0.0;
        let frequencies = [false, true].into_iter().flat_map(|is_long| self.inverse_frequencies(head_dim, is_long));
        match frequencies.into_iter().all(|frequency| is_usable(&frequency)) {
            true => Ok(()),
            false => Err("its rope settings give no usable frequencies".to_owned()),
        }
    }
}
