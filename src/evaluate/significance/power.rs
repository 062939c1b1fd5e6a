//! How many examples would tell, if the difference is what it looks like: at a level of 5 % and with a power of 80 %.

use super::Z;

/// The standard normal's 80 % quantile.
const Z_POWER: f64 = 0.841_621_233_572_914;
/// More than these nobody has.
const MOST: f64 = 100_000.0;

/// For right and wrong answers, by McNemar's test (Connor 1987): of the shares that got right and went wrong.
pub(super) fn for_shares(got_right: u64, went_wrong: u64, num: usize) -> Option<usize> {
    let n = num as f64;
    let (moved, change) = ((got_right + went_wrong) as f64 / n, (got_right as f64 - went_wrong as f64) / n);
    let spread = Z * moved.sqrt() + Z_POWER * (moved - change * change).max(0.0).sqrt();
    rounded((spread / change).powi(2), num)
}

/// For means and corpus scores, by the standard error of the difference over `num` examples.
pub(super) fn for_values(change: f64, standard_error: f64, num: usize) -> Option<usize> {
    rounded(((Z + Z_POWER) * standard_error / change).powi(2) * num as f64, num)
}

/// To two digits, upwards: more would be a pretence. `None` where so many are there already, or nobody has so many.
fn rounded(wanted: f64, num: usize) -> Option<usize> {
    if !wanted.is_finite() || wanted > MOST || wanted <= num as f64 {
        return None;
    }
    let unit = 10_f64.powf((wanted.log10().floor() - 1.0).max(0.0));
    Some(((wanted / unit).ceil() * unit) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_examples_are_asked_for_where_the_change_is_small() {
        // Connor 1987, formula 3.5, by hand: shares 0.10 and 0.05 of 40.
        assert_eq!(for_shares(4, 2, 40), Some(470));
        assert_eq!(for_shares(2, 2, 40), None, "there is no change to find");
        assert_eq!(for_values(0.1, 0.1, 50), Some(400));
        assert_eq!(for_values(1.0, 0.1, 50), None, "these are enough");
        assert_eq!(for_values(1e-9, 0.1, 50), None);
    }
}
