//! How a loss curve is smoothed: the same wherever a run is shown, and whether it is under way or read from its folder.

/// Steps that a curve forgets the past over at the most, as a part of the run: one thirtieth.
const PARTS: f64 = 30.0;

/// The weight of the past that is in force in a run of `num_steps` planned steps: what was asked for, or less in a
/// short run, because the curve would lag far behind the loss.
pub fn in_force(asked: f64, num_steps: usize) -> f64 {
    asked.min(1.0 - PARTS / (num_steps as f64).max(PARTS))
}

/// An exponential mean that begins at the first value; early on it is the plain mean, so that the first loss doesn't weigh
/// for long. `index` counts the values before this one.
pub fn next(last: Option<f64>, value: f64, weight: f64, index: usize) -> f64 {
    let past = weight.min(index as f64 / (index as f64 + 1.0));
    match last.filter(|last| last.is_finite()) {
        Some(last) if value.is_finite() => past * last + (1.0 - past) * value,
        Some(last) => last,
        None => value,
    }
}

/// A whole curve.
pub fn smoothed(losses: impl IntoIterator<Item = f64>, weight: f64) -> Vec<f64> {
    let mut curve: Vec<f64> = Vec::new();
    for (index, loss) in losses.into_iter().enumerate() {
        curve.push(next(curve.last().copied(), loss, weight, index));
    }
    curve
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_run_is_smoothed_less_than_a_long_one() {
        assert_eq!(in_force(0.93, 12), 0.0);
        assert_eq!(in_force(0.93, 60), 0.5);
        assert_eq!(in_force(0.93, 10_000), 0.93);
        for num_steps in [20, 36, 100, 1000] {
            // From 4 to 1 within the first half.
            let losses = (1..=num_steps).map(|i| if 2 * i > num_steps { 1.0 } else { 4.0 });
            let last = smoothed(losses, in_force(0.93, num_steps)).pop();
            assert!(last.is_some_and(|last| (last - 1.0).abs() < 0.05), "{num_steps} steps");
        }
    }

    #[test]
    fn a_curve_is_the_same_in_one_go_and_step_by_step() {
        let losses = [2.0, 1.0, f64::NAN, 4.0];
        let whole = smoothed(losses, 0.5);
        let mut last = None;
        for (index, loss) in losses.into_iter().enumerate() {
            last = Some(next(last, loss, 0.5, index));
            assert_eq!(last, whole.get(index).copied());
        }
        assert_eq!(whole, [2.0, 1.5, 1.5, 2.75], "what is not a number changes nothing");
    }
}
