//! Dropout on the adapter's input (Srivastava et al. 2014).

/// Which values are hidden follows from where they are, so that the way back, a checkpointed block and a resumed run
/// find the same ones without anything being kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// The share of values that become zero, below 1; the others grow by `1 / (1 − p)`.
    p: f64,
    seed: u64,
}

impl Dropout {
    /// The dropout of one pass; passes of other steps or micro-batches hide other values. `None` if nothing is to be
    /// hidden.
    pub fn new(p: f64, seed: u64, step: usize, micro_batch: usize) -> Option<Self> {
        let seed = [step as u64, micro_batch as u64].into_iter().fold(seed, |seed, number| mixed(seed ^ mixed(number)));
        (p > 0.0).then_some(Self { p, seed })
    }

    /// Writes what each value of a row is multiplied by: 0 or `1 / (1 − p)`. `input` tells the inputs of a block's
    /// linear layers apart: layers that read the same one see the same values (PEFT hides others for each).
    pub fn factors(&self, layer: usize, input: usize, row: usize, factors: &mut [f32]) {
        let (threshold, kept) = ((self.p * 65536.0).round() as u64, (1.0 / (1.0 - self.p)) as f32);
        let place = (layer as u64) << 40 | (input as u64) << 36 | row as u64;
        let mut state = mixed(self.seed ^ mixed(place));
        // Four values from each random number.
        for factors in factors.chunks_mut(4) {
            state = state.wrapping_add(GOLDEN_GAMMA);
            let random = mixed(state);
            for (i, factor) in factors.iter_mut().enumerate() {
                *factor = if random >> (16 * i) & 0xffff < threshold { 0.0 } else { kept };
            }
        }
    }
}

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of SplitMix64 (Steele, Lea & Flood 2014): every bit of the result depends on every bit of `z`.
fn mixed(mut z: u64) -> u64 {
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(dropout: Dropout, place: (usize, usize, usize)) -> Vec<f32> {
        let mut factors = vec![9.0; 1001];
        dropout.factors(place.0, place.1, place.2, &mut factors);
        factors
    }

    #[test]
    fn hides_its_share_everywhere_and_elsewhere_in_other_places() {
        let dropout = Dropout::new(0.25, 3, 7, 0).unwrap();
        let mut all: Vec<Vec<f32>> = Vec::new();
        for place in (0..200).map(|i| (i / 20, i % 4, i)) {
            let row = factors(dropout, place);
            assert!(row.iter().all(|factor| *factor == 0.0 || (factor - 4.0 / 3.0).abs() < 1e-6));
            assert_eq!(row, factors(dropout, place));
            all.push(row);
        }
        let num_hidden = all.iter().flatten().filter(|factor| **factor == 0.0).count();
        // 200,200 values, a standard deviation of 194.
        assert!(num_hidden.abs_diff(50_050) < 800, "{num_hidden}");
        // Where two rows are independent, 3/8 of their values differ.
        for (a, b) in all.iter().zip(&all[1..]) {
            let num_different = a.iter().zip(b).filter(|(a, b)| a != b).count();
            assert!(num_different.abs_diff(375) < 80, "{num_different}");
        }
        for other in [Dropout::new(0.25, 3, 8, 0), Dropout::new(0.25, 3, 7, 1), Dropout::new(0.25, 4, 7, 0)] {
            assert_ne!(factors(other.unwrap(), (0, 0, 0)), all[0]);
        }
        assert_eq!(Dropout::new(0.0, 3, 7, 0), None);
    }
}
