//! Linear layers without gradient, for generation: a token at a time, many at once, or a whole prompt.

use rayon::prelude::*;

use super::FrozenWeight;
use super::product::{Isa, Output, Rows, Shared, Weights, multiply};
use super::quant::fixed::{self, FixedRows};
use super::quant::{Coded, dot_rows};

/// Rows that a task of an element-wise pass takes at least.
const MIN_ROWS: usize = 4;

/// Sizes of groups that weights have.
const GROUPS: [usize; 2] = [16, 32];

/// The input of linear layers, `[rows, cols]`: as it is, and in whole numbers for the weights that are multiplied that
/// way.
#[derive(Default)]
pub struct LinearInput {
    values: Vec<f32>,
    rows: usize,
    cols: usize,
    /// By [`GROUPS`].
    fixed: [FixedRows<2>; GROUPS.len()],
}

/// How several rows are multiplied by a weight; `None` for f32.
fn fixed_for(isa: Isa, weight: &FrozenWeight, rows: usize) -> Option<(Coded, usize)> {
    let coded = Coded::of(weight.dtype()).filter(|_| rows > 1 && fixed::takes_codes(isa))?;
    Some((coded, GROUPS.iter().position(|group| *group == coded.group())?))
}

impl LinearInput {
    /// Takes `rows` rows as `make` writes them, to be multiplied by `weights`, which have as many columns.
    pub fn fill(
        &mut self,
        isa: Isa,
        rows: usize,
        weights: &[(&FrozenWeight, usize)],
        make: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        let cols = weights.first().map_or(0, |(weight, _)| weight.cols());
        assert!(weights.iter().all(|(weight, _)| weight.cols() == cols), "layers that read the same input");
        (self.rows, self.cols) = (rows, cols);
        if cols == 0 {
            return;
        }
        let is_needed: [bool; GROUPS.len()] = std::array::from_fn(|at| {
            weights.iter().any(|(weight, _)| fixed_for(isa, weight, rows).is_some_and(|(_, needed)| needed == at))
        });
        let [small, large] = &mut self.fixed;
        let places: [_; GROUPS.len()] = [(small, GROUPS[0], is_needed[0]), (large, GROUPS[1], is_needed[1])];
        let places = places.map(|(fixed, group, is_needed)| is_needed.then(|| fixed.places(rows, cols, group)));
        let values = room(&mut self.values, rows * cols);
        values.par_chunks_exact_mut(cols).enumerate().with_min_len(MIN_ROWS).for_each(|(row, values)| {
            make(row, values);
            for places in places.iter().flatten() {
                // SAFETY: each task has rows of its own.
                unsafe { places.set_row(isa, row, values) };
            }
        });
    }

    /// `out[t, column + r] = Σ w[r, c] · x[t, c]` for each weight and the first of its columns; `out` has rows of `stride`
    /// values. Several rows may be rounded to 16 bits ([`fixed`]).
    ///
    /// # Errors
    /// Where a weight lacks rows, which none does.
    pub fn multiply(
        &self,
        isa: Isa,
        weights: &[(&FrozenWeight, usize)],
        out: &mut [f32],
        stride: usize,
    ) -> candle_core::Result<()> {
        for (weight, column) in weights {
            assert!(weight.cols() == self.cols && column + weight.rows() <= stride, "a result without its place");
        }
        assert!(out.len() >= self.rows * stride);
        if self.rows == 1 {
            self.multiply_one(isa, weights, out);
            return Ok(());
        }
        let place = Shared(out.as_mut_ptr());
        let panels: Vec<_> = weights
            .iter()
            .filter_map(|(weight, column)| Some((*weight, *column, fixed_for(isa, weight, self.rows)?)))
            .flat_map(|weight| (0..weight.0.rows().div_ceil(fixed::PANEL)).map(move |panel| (weight, panel)))
            .collect();
        panels.into_par_iter().for_each(|((weight, column, (coded, group)), panel)| {
            let x = &self.fixed[group];
            // SAFETY: the CPU has the instructions, as `fixed_for` said. The assertions above hold the weight's columns
            // inside each row of `out`; each panel has its own.
            unsafe {
                let out = Shared(place.get().add(column));
                fixed::multiply_panel(isa, (weight, coded), panel, x, out, stride);
            }
        });
        let others: Vec<_> = weights
            .iter()
            .filter(|(weight, _)| fixed_for(isa, weight, self.rows).is_none())
            .map(|(weight, column)| Output { weights: Weights::Frozen(weight), adapter: None, column: *column })
            .collect();
        match others.is_empty() {
            true => Ok(()),
            false => multiply(isa, self.view(), &others, out, stride, false),
        }
    }

    /// The input in f32, `[rows, cols]`.
    pub fn view(&self) -> Rows<'_, f32> {
        Rows::new(&self.values[..self.rows * self.cols], self.rows, self.cols, self.cols)
    }

    /// Every weight's rows shared out among the threads.
    fn multiply_one(&self, isa: Isa, weights: &[(&FrozenWeight, usize)], out: &mut [f32]) {
        let total: usize = weights.iter().map(|(weight, _)| weight.rows()).sum();
        let per_task = total.div_ceil(4 * rayon::current_num_threads()).max(1);
        let tasks: Vec<_> = weights
            .iter()
            .flat_map(|(weight, column)| {
                let starts = (0..weight.rows()).step_by(per_task);
                starts.map(move |start| (*weight, *column, start..(start + per_task).min(weight.rows())))
            })
            .collect();
        let place = Shared(out.as_mut_ptr());
        tasks.into_par_iter().with_max_len(1).for_each(|(weight, column, rows)| {
            // SAFETY: the assertions of `multiply` hold these columns inside `out`; each task has its own.
            let out = unsafe { std::slice::from_raw_parts_mut(place.get().add(column + rows.start), rows.len()) };
            dot_rows(isa, weight.dtype(), weight.blocks_of(rows), self.cols, &self.values[..self.cols], out);
        });
    }
}

/// The first `len` values of a buffer that only grows: what is in them doesn't matter, and clearing takes time.
pub fn room(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}

super::simd::vectorized! {
    /// The index of the largest value, the first of equal ones.
    pub fn argmax(isa: Isa, values: &[f32]) -> usize {
        let largest = super::simd::max(values);
        values.iter().position(|value| *value == largest).unwrap_or(0)
    }

    /// Turns values into `e^(value − shift)` and returns their sum.
    pub fn exp_less(isa: Isa, values: &mut [f32], shift: f32) -> f32 {
        super::simd::exp_all(values, 1.0, shift)
    }

    /// Turns values into `cap · tanh(value / cap)`.
    pub fn soft_cap(isa: Isa, values: &mut [f32], cap: f32) {
        super::simd::cap_all(values, 1.0, cap);
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::super::quant::WeightType;
    use super::super::quant::testing::quantized;
    use super::super::testing::instruction_sets;
    use super::super::testing::random;
    use super::*;

    fn weight(dtype: WeightType, rows: usize, cols: usize) -> FrozenWeight {
        FrozenWeight::new(rows, cols, dtype, quantized(dtype, rows * cols)).unwrap()
    }

    #[test]
    fn layers_of_several_types_share_an_input() {
        let cols = 256;
        let weights = [
            weight(WeightType::Q4_1, 33, cols),
            weight(WeightType::Q6K, 20, cols),
            weight(WeightType::F32, 7, cols),
            weight(WeightType::Tq1, 3, cols),
        ];
        let (columns, stride) = ([0, 33, 55, 64], 68);
        let weights: Vec<_> = weights.iter().zip(columns).collect();
        for isa in instruction_sets() {
            for rows in [1, 2, 9] {
                let x: Vec<f32> = random(&[rows * cols], 4).to_vec1().unwrap();
                let mut input = LinearInput::default();
                // Twice, the second time with less: nothing of the first stays.
                for rows in [rows + 3, rows] {
                    input.fill(isa, rows, &weights, |row, out| {
                        let row = row.min(x.len() / cols - 1);
                        out.copy_from_slice(&x[row * cols..][..cols]);
                    });
                }
                let mut out = vec![f32::NAN; rows * stride];
                input.multiply(isa, &weights, &mut out, stride).unwrap();
                let x = Tensor::from_vec(x, (rows, cols), &Device::Cpu).unwrap();
                for (weight, column) in &weights {
                    let dense =
                        Tensor::from_vec(weight.to_f32().unwrap(), (weight.rows(), cols), &Device::Cpu).unwrap();
                    let expected: Vec<Vec<f32>> = x.matmul(&dense.t().unwrap()).unwrap().to_vec2().unwrap();
                    for (row, expected) in expected.iter().enumerate() {
                        for (i, expected) in expected.iter().enumerate() {
                            let value = out[row * stride + column + i];
                            let dtype = weight.dtype();
                            assert!(
                                (value - expected).abs() < 1e-3,
                                "{isa:?} {dtype:?} {row} {i}: {value}, {expected}"
                            );
                        }
                    }
                }
                assert!(out[53].is_nan() && out[63].is_nan() && out[67].is_nan(), "columns of nobody are left alone");
            }
        }
    }

    #[test]
    fn the_first_of_the_largest_is_chosen() {
        for isa in instruction_sets() {
            let mut values = vec![-1.0; 100];
            assert_eq!(argmax(isa, &values), 0);
            (values[70], values[40]) = (2.0, 2.0);
            assert_eq!(argmax(isa, &values), 40);
            assert_eq!(argmax(isa, &[]), 0);
        }
    }
}
