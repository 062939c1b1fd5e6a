//! Is the model as often right as it is sure? Confidence in ten bins beside the share of right answers (Niculescu-Mizil and
//! Caruana 2005).

use serde::Serialize;

const NUM_BINS: usize = 10;

/// Answers that are about as sure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Mean confidence, 0 to 1.
    pub confidence: f64,
    /// The share of right ones.
    pub right: f64,
    pub num: usize,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Calibration {
    /// From unsure to sure; a bin without answers isn't there.
    pub bins: Vec<Bin>,
    /// The mean distance of confidence and share, weighted by the bins' answers (expected calibration error, Naeini et al.
    /// 2015).
    pub error: f64,
}

impl Calibration {
    /// Answers come with their confidence and whether they are right; `None` where there are none.
    pub fn of(answers: impl Iterator<Item = (f64, bool)>) -> Option<Self> {
        let mut bins = [(0.0, 0.0, 0usize); NUM_BINS];
        for (confidence, is_right) in answers.filter(|(confidence, _)| confidence.is_finite()) {
            let bin = ((confidence * NUM_BINS as f64) as usize).min(NUM_BINS - 1);
            bins[bin].0 += confidence;
            bins[bin].1 += if is_right { 1.0 } else { 0.0 };
            bins[bin].2 += 1;
        }
        let num: usize = bins.iter().map(|bin| bin.2).sum();
        let bins: Vec<Bin> = bins
            .into_iter()
            .filter(|bin| bin.2 > 0)
            .map(|(confidence, right, num)| Bin { confidence: confidence / num as f64, right: right / num as f64, num })
            .collect();
        let error =
            bins.iter().map(|bin| (bin.right - bin.confidence).abs() * bin.num as f64).sum::<f64>() / num as f64;
        (num > 0).then_some(Self { bins, error })
    }
}
