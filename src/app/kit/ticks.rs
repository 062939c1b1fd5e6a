//! Where the ticks of an axis are: four to seven of them at round values, whatever the range.

use super::format;

/// A tick: where, and its words.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    pub at: f64,
    pub words: String,
}

/// Fewer leave one guessing.
const LEAST: usize = 4;
const MOST: usize = 7;

/// How an axis gets its ticks; all but the fixed ones follow when one zooms in.
#[derive(Debug, Clone, PartialEq)]
pub enum Ticks {
    Fixed(Vec<Tick>),
    /// Whole steps up to `last`, at multiples of `unit` where that can be.
    Steps {
        last: usize,
        unit: usize,
    },
    /// Round values.
    Even,
    /// The axis' values are powers of ten: 0.2, 0.5, 1, 2 …
    Log,
}

impl Ticks {
    /// Those of a part of the axis.
    pub fn within(&self, low: f64, high: f64) -> Vec<Tick> {
        let slack = (high - low) * 1e-6;
        match self {
            Self::Steps { last, unit } => step_ticks(low.max(0.0), high.min(*last as f64), *unit),
            Self::Even => round_ticks(low, high),
            Self::Log => log_ticks(low, high),
            Self::Fixed(ticks) => {
                let is_seen = |tick: &&Tick| (low - slack..=high + slack).contains(&tick.at);
                let seen: Vec<_> = ticks.iter().filter(is_seen).cloned().collect();
                if seen.len() >= 2 || ticks.is_empty() { seen } else { round_ticks(low, high) }
            }
        }
    }
}

impl From<Vec<Tick>> for Ticks {
    fn from(ticks: Vec<Tick>) -> Self {
        Self::Fixed(ticks)
    }
}

/// Ticks at round values, about `count` of them: for small charts, which have no room for more.
pub fn even_ticks(low: f64, high: f64, count: usize, words: fn(f64) -> String) -> Vec<Tick> {
    let span = high - low;
    if !(span.is_finite() && span > 0.0) || count == 0 {
        return Vec::new();
    }
    let rough = span / count as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= rough).unwrap_or(power * 10.0);
    multiples(low, high, step).map(|at| Tick { at, words: words(at) }).collect()
}

/// Four to seven ticks at round values.
pub fn round_ticks(low: f64, high: f64) -> Vec<Tick> {
    labelled(&round_values(low, high), |value| value)
}

/// Labels the values in as few digits as make them differ.
fn labelled(values: &[f64], at: fn(f64) -> f64) -> Vec<Tick> {
    let mut words: Vec<String> = values.iter().map(|value| format::rate(*value)).collect();
    if words.windows(2).any(|pair| pair[0] == pair[1]) {
        let step = values.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        // One more than the step's first digit: a step may be 2.5.
        let decimals = (1.0 - step.log10().floor()).clamp(0.0, 15.0) as usize;
        words = values.iter().map(|value| format!("{value:.decimals$}").replace('-', "−")).collect();
    }
    values.iter().zip(words).map(|(value, words)| Tick { at: at(*value), words }).collect()
}

/// Each step is at most twice the one before it. So, where one leaves three ticks, the next leaves seven at most.
fn round_values(low: f64, high: f64) -> Vec<f64> {
    let span = high - low;
    if !(span.is_finite() && span > 0.0) {
        return Vec::new();
    }
    let power = 10f64.powf(span.log10().floor());
    let steps = [5.0, 2.5, 2.0, 1.0, 0.5, 0.25, 0.2].map(|m| m * power);
    let values = steps.into_iter().map(|step| multiples(low, high, step).collect::<Vec<_>>());
    values.into_iter().find(|values| values.len() >= LEAST).unwrap_or_default()
}

fn multiples(low: f64, high: f64, step: f64) -> impl Iterator<Item = f64> {
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(move |i| i as f64 * step)
}

/// Ticks of a logarithmic axis, whose values are given as powers of ten: 0.2, 0.5, 1, 2 …
pub fn log_ticks(low: f64, high: f64) -> Vec<Tick> {
    if !(low.is_finite() && high > low) {
        return Vec::new();
    }
    let tick = |value: f64| Tick { at: value.log10(), words: format::rate(value) };
    let (first, last) = (low.floor() as i32, high.ceil() as i32);
    // From coarse to fine, each with about twice the ticks of the one before it.
    let strides = [8, 4, 2].map(|stride| (stride, &[1.0][..]));
    let digits: [&[f64]; 4] = [&[1.0], &[1.0, 3.0], &[1.0, 2.0, 5.0], &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0]];
    for (stride, digits) in strides.into_iter().chain(digits.map(|digits| (1, digits))) {
        let powers = (first..=last).filter(|power| power % stride == 0);
        let values = powers.flat_map(|power| digits.iter().map(move |digit| digit * 10f64.powi(power)));
        let seen: Vec<_> = values.filter(|value| (low..=high).contains(&value.log10())).map(tick).collect();
        if seen.len() >= LEAST {
            return seen;
        }
    }
    // Within about a factor of two: round values, put where their logarithms are.
    labelled(&round_values(10f64.powf(low), 10f64.powf(high)), f64::log10)
}

/// Whole steps from `low` to `high`: at multiples of `unit` where that gives enough, the last one always.
pub fn step_ticks(low: f64, high: f64, unit: usize) -> Vec<Tick> {
    if !(low.is_finite() && high.is_finite() && high >= low) {
        return Vec::new();
    }
    let (first, last) = (low.ceil() as usize, high.floor() as usize);
    let stride = stride(first, last, unit);
    let mut steps: Vec<usize> = (first.div_ceil(stride) * stride..=last).step_by(stride).collect();
    // The end of a run is named; a tick too near to it makes room.
    if first == 0 && steps.last().is_some_and(|step| *step != last) {
        if steps.len() > 1 && steps.last().is_some_and(|step| 2 * (last - step) < stride) {
            steps.pop();
        }
        steps.push(last);
    }
    steps.into_iter().map(|step| Tick { at: step as f64, words: format::thousands(step as u64) }).collect()
}

fn stride(first: usize, last: usize, unit: usize) -> usize {
    let length = last.saturating_sub(first);
    let parts = length / unit.max(1);
    if unit > 0 && parts + 1 >= LEAST {
        return unit * length.div_ceil(unit).div_ceil(MOST - 1);
    }
    // At most twice the one before it, as above.
    let decade = |power: u32| {
        let ten = 10usize.pow(power);
        if power == 0 { [1, 2, 3, 5] } else { [ten, 2 * ten, 5 * ten / 2, 5 * ten] }
    };
    let strides: Vec<usize> = (0..15).flat_map(decade).collect();
    strides.into_iter().rev().find(|stride| length / stride + 1 >= LEAST).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.words.as_str()).collect()
    }

    #[test]
    fn ticks_stand_at_meaningful_values() {
        assert_eq!(words(&log_ticks(0.15f64.log10(), 2.4f64.log10())), ["0.2", "0.5", "1", "2"]);
        assert_eq!(words(&log_ticks(0.35f64.log10(), 3.1f64.log10())), ["0.5", "0.7", "1", "1.5", "2", "3"]);
        assert_eq!(words(&log_ticks(4.0f64.log10(), 4.3f64.log10())), ["4", "4.1", "4.2", "4.3"]);
        assert_eq!(words(&even_ticks(0.0, 2e-4, 2, format::rate)), ["0", "1e-4", "2e-4"]);
        assert_eq!(words(&round_ticks(0.0, 4.2)), ["0", "1", "2", "3", "4"]);
        assert_eq!(words(&step_ticks(0.0, 372.0, 31)), ["0", "62", "124", "186", "248", "310", "372"]);
        assert_eq!(words(&step_ticks(0.0, 10.0, 3)), ["0", "3", "6", "10"]);
        assert_eq!(words(&step_ticks(0.0, 12.0, 12)), ["0", "3", "6", "9", "12"], "evaluated only at its end");
        assert_eq!(words(&step_ticks(0.0, 2.0, 1)), ["0", "1", "2"], "there are no more steps");
        assert_eq!(words(&step_ticks(0.0, 0.0, 0)), ["0"]);
        assert!(even_ticks(1.0, 1.0, 4, |_| String::new()).is_empty());
    }

    #[test]
    fn a_run_of_any_length_has_four_to_seven() {
        for last in (3..2000).chain([9_999, 10_000, 12_345, 99_999, 100_000]) {
            for unit in [1, 2, 7, last / 4 + 1, last / 2 + 1, last, 3 * last] {
                let ticks = step_ticks(0.0, last as f64, unit);
                assert!((LEAST..=MOST).contains(&ticks.len()), "{last} by {unit}: {:?}", words(&ticks));
                assert_eq!((ticks[0].at, ticks[ticks.len() - 1].at), (0.0, last as f64));
            }
        }
    }

    proptest! {
        #[test]
        fn any_range_of_values_has_four_to_seven(low in -1e3..1e3f64, span in 1e-6..1e6f64) {
            let num = round_values(low, low + span).len();
            prop_assert!((LEAST..=MOST).contains(&num), "{num}");
        }

        #[test]
        fn any_range_of_losses_has_four_to_seven(low in -9.0..3.0f64, span in 0.02..9.0f64) {
            let ticks = log_ticks(low, low + span);
            prop_assert!((LEAST..=MOST).contains(&ticks.len()), "{:?}", words(&ticks));
            prop_assert!(ticks.windows(2).all(|pair| pair[0].words != pair[1].words), "{:?}", words(&ticks));
        }

        #[test]
        fn zooming_in_keeps_ticks(low in 0.0..90_000.0f64, span in 8.0..10_000.0f64) {
            let ticks = Ticks::Steps { last: 100_000, unit: 31 }.within(low, low + span);
            prop_assert!((LEAST - 1..=MOST + 1).contains(&ticks.len()), "{:?}", words(&ticks));
        }
    }
}
