//! How numbers are spread.

use serde::Serialize;

/// Counts in bins of one width, and what else is said of many numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Histogram {
    /// The first bin begins at 0.
    pub bin_width: u32,
    pub counts: Vec<u64>,
    pub num: u64,
    pub min: u32,
    pub median: u32,
    /// One in twenty is longer.
    pub p95: u32,
    pub max: u32,
    pub mean: f64,
    /// Each value that occurs, and how many are at most as large: bins are too coarse to count with.
    #[serde(skip)]
    ranks: Vec<(u32, u64)>,
}

impl Histogram {
    /// Bins of a round width, at most about `max_bins`.
    pub fn of(mut values: Vec<u32>, max_bins: usize) -> Self {
        values.sort_unstable();
        let (Some(min), Some(max)) = (values.first().copied(), values.last().copied()) else { return Self::default() };
        let bin_width = round_width(max, max_bins.max(1));
        let mut counts = vec![0; (max / bin_width) as usize + 1];
        for value in &values {
            counts[(value / bin_width) as usize] += 1;
        }
        let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
        let sum: u64 = values.iter().map(|value| u64::from(*value)).sum();
        Self {
            bin_width,
            counts,
            num: values.len() as u64,
            min,
            median: at(0.5),
            p95: at(0.95),
            max,
            mean: sum as f64 / values.len() as f64,
            ranks: ranks(&values),
        }
    }

    /// How many values are larger, exactly.
    pub fn num_above(&self, limit: usize) -> u64 {
        let above = self.ranks.partition_point(|(value, _)| *value as usize <= limit);
        self.num - above.checked_sub(1).map_or(0, |last| self.ranks[last].1)
    }
}

fn ranks(sorted: &[u32]) -> Vec<(u32, u64)> {
    let mut num = 0;
    let rank = |run: &[u32]| {
        num += run.len() as u64;
        (run[0], num)
    };
    sorted.chunk_by(|a, b| a == b).map(rank).collect()
}

/// 1, 2 or 5 times a power of ten, such that that many bins hold `max`.
fn round_width(max: u32, max_bins: usize) -> u32 {
    let steps = (0..10).flat_map(|power| [1, 2, 5].map(|step| step * 10_u64.pow(power)));
    let fits = |width: &u64| u64::from(max) / width < max_bins as u64;
    steps.into_iter().find(fits).and_then(|width| u32::try_from(width).ok()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_round_and_hold_everything() {
        let histogram = Histogram::of((0..1000).collect(), 40);
        assert_eq!((histogram.bin_width, histogram.counts.len()), (50, 20));
        assert!(histogram.counts.iter().all(|count| *count == 50));
        assert_eq!((histogram.min, histogram.median, histogram.p95, histogram.max), (0, 500, 949, 999));
        assert_eq!(histogram.mean, 499.5);
        let same = Histogram::of(vec![7; 3], 40);
        assert_eq!((same.bin_width, same.counts[7], same.median), (1, 3, 7));
        assert_eq!(Histogram::of(vec![u32::MAX, 0], 40).counts.iter().sum::<u64>(), 2);
        assert_eq!(Histogram::of(Vec::new(), 40), Histogram::default());
    }

    #[test]
    fn what_is_above_a_limit_is_counted_exactly() {
        let values = vec![512, 3, 513, 512, 9000, 3, 511];
        let histogram = Histogram::of(values.clone(), 4);
        for limit in [0, 2, 3, 4, 511, 512, 513, 8999, 9000, usize::MAX] {
            let above = values.iter().filter(|value| **value as usize > limit).count();
            assert_eq!(histogram.num_above(limit), above as u64, "{limit}");
        }
        assert_eq!(Histogram::default().num_above(0), 0);
    }
}
