//! Lengths far from the rest, measured so that the outliers themselves don't move the measure.

use crate::words::{count, thousands};

/// What is usual among lengths, on the logarithm: twice as long counts as much as half as long.
#[derive(Debug, Clone, Copy)]
pub struct Usual {
    median: f64,
    spread: f64,
}

/// With fewer nothing is usual.
const MIN_LENGTHS: usize = 30;
/// In units of what a standard deviation would be.
const MAX_DEVIATIONS: f64 = 6.0;
/// However alike the rest is, what is less than this many times as long is not unusual.
const MIN_FACTOR: f64 = 4.0;

impl Usual {
    /// What is usual among lengths above 0.
    pub fn of(lengths: impl Iterator<Item = u32>) -> Option<Self> {
        let mut logs: Vec<f64> = lengths.filter(|len| *len > 0).map(|len| f64::from(len).ln()).collect();
        if logs.len() < MIN_LENGTHS {
            return None;
        }
        let median = median(&mut logs);
        let mut deviations: Vec<f64> = logs.iter().map(|log| (log - median).abs()).collect();
        // The factor makes of a normal distribution's median deviation its standard deviation.
        Some(Self { median, spread: 1.4826 * self::median(&mut deviations) })
    }

    /// In words, if a length is unusual.
    pub fn unusual(&self, len: u32, of: &str) -> Option<String> {
        let deviation = f64::from(len).ln() - self.median;
        let limit = (MAX_DEVIATIONS * self.spread).max(MIN_FACTOR.ln());
        let usual = self.median.exp().round();
        (len > 0 && deviation.abs() > limit).then(|| {
            let usual = thousands(usual as u64);
            format!("{of} of {}, where {usual} are usual", count(len, "character", "characters"))
        })
    }
}

fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_far_out_is_unusual() {
        let lengths = (0..200).map(|i| 60 + (i * 37) % 90);
        let usual = Usual::of(lengths.clone().chain([20_000])).unwrap();
        assert!(lengths.clone().all(|len| usual.unusual(len, "a prompt").is_none()));
        let told = usual.unusual(20_000, "a prompt").unwrap();
        assert!(told.starts_with("a prompt of 20,000 characters, where 10"), "{told}");
        assert!(usual.unusual(2, "a prompt").is_some());
        let same = Usual::of([10; 50].into_iter()).unwrap();
        assert_eq!(same.unusual(39, ""), None);
        assert!(same.unusual(41, "").is_some());
        assert!(Usual::of([1, 2, 3].into_iter()).is_none());
    }
}
