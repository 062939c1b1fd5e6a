//! A quantised matrix times a few vectors: what generating a token at a time consists of.
//!
//! Weights are decoded in registers on their way from memory, and activations stay f32. Nothing has to be prepared from
//! the activations: a format's minimum is already in the table that its codes are looked up in.

use super::formats::{self, Format, Kernel, Sink};
use super::lanes::Lanes;
use super::types::WeightType;
use crate::ops::product::Isa;

/// `out[r, t] = Σ_c w[r, c] · x[t, c]` for all rows of `blocks`.
///
/// `x` is `[tokens, cols]` and `out` `[rows, tokens]`, so that threads can share out ranges of rows: each calls this
/// with its own rows' blocks. Four tokens at a time share the work of decoding.
pub fn dot_rows(isa: Isa, dtype: WeightType, blocks: &[u8], cols: usize, x: &[f32], out: &mut [f32]) {
    assert!(isa.vectors() <= Isa::detected(), "the CPU lacks {}", isa.name());
    assert!(cols > 0 && cols.is_multiple_of(dtype.block_size()), "columns don't fill the blocks");
    let tokens = x.len() / cols;
    assert!(tokens > 0 && x.len() == tokens * cols, "activations don't fit the columns");
    assert!(out.len().is_multiple_of(tokens), "results don't fit the tokens");
    let row_bytes = cols / dtype.block_size() * dtype.block_bytes();
    assert_eq!(blocks.len(), out.len() / tokens * row_bytes, "blocks don't fit the results");

    let mut first = 0;
    while first < tokens {
        let product = Product { blocks, row_bytes, cols, x: &x[first * cols..], out: &mut *out, tokens, first };
        // SAFETY: the CPU has `isa`, and the blocks have as many rows and columns as was just checked.
        unsafe {
            match tokens - first {
                1 => formats::run(isa, dtype, Dot::<1>(product)),
                2 | 3 => formats::run(isa, dtype, Dot::<2>(product)),
                _ => formats::run(isa, dtype, Dot::<4>(product)),
            }
        }
        first += match tokens - first {
            1 => 1,
            2 | 3 => 2,
            _ => 4,
        };
    }
}

struct Product<'a> {
    blocks: &'a [u8],
    row_bytes: usize,
    cols: usize,
    /// From the first of the kernel's tokens on.
    x: &'a [f32],
    /// `[rows, tokens]`.
    out: &'a mut [f32],
    tokens: usize,
    first: usize,
}

/// All rows for `TOKENS` tokens.
struct Dot<'a, const TOKENS: usize>(Product<'a>);

/// The sums of one row, in two parts each: so that a sum needn't wait for the one before it.
struct Sums<L: Lanes, const TOKENS: usize> {
    sums: [[L::F32; 2]; TOKENS],
    /// The activations that belong to the block at hand, for each token.
    x: [*const f32; TOKENS],
}

impl<L: Lanes, const TOKENS: usize> Sink<L> for Sums<L, TOKENS> {
    #[inline(always)]
    unsafe fn take(&mut self, index: usize, weights: [L::F32; 2]) {
        for token in 0..TOKENS {
            // SAFETY: the caller's promise: `x` has a value for each weight of the block, for each token.
            unsafe {
                let x = self.x[token].wrapping_add(index);
                let [low, high] = self.sums[token];
                let low = L::mul_add(weights[0], L::load(x), low);
                let high = L::mul_add(weights[1], L::load(x.wrapping_add(16)), high);
                self.sums[token] = [low, high];
            }
        }
    }
}

impl<const TOKENS: usize> Kernel for Dot<'_, TOKENS> {
    const USES_BF16: bool = false;

    #[inline(always)]
    unsafe fn run<L: Lanes, F: Format>(self) {
        let Product { blocks, row_bytes, cols, x, out, tokens, first } = self.0;
        let x = &x[..TOKENS * cols];
        for (row, out) in blocks.chunks_exact(row_bytes).zip(out.chunks_exact_mut(tokens)) {
            // SAFETY: the caller's promise; `x` has `cols` values for each of the tokens, and so has the row.
            let sums = unsafe { dot_row::<L, F, TOKENS>(row, x, cols) };
            out[first..first + TOKENS].copy_from_slice(&sums);
        }
    }
}

/// # Safety
/// The CPU has the instructions of `L`, `row` holds `cols` weights of format `F`, and `x` is `[TOKENS, cols]`.
#[inline(always)]
unsafe fn dot_row<L: Lanes, F: Format, const TOKENS: usize>(row: &[u8], x: &[f32], cols: usize) -> [f32; TOKENS] {
    let whole = cols / F::WEIGHTS;
    // SAFETY: the caller's promise; all pointers are moved over whole blocks, less than there are.
    unsafe {
        let mut sums = Sums::<L, TOKENS> { sums: [[L::splat(0.0); 2]; TOKENS], x: [x.as_ptr(); TOKENS] };
        for token in 0..TOKENS {
            sums.x[token] = x[token * cols..].as_ptr();
        }
        let mut block = row.as_ptr();
        for _ in 0..whole {
            F::decode::<L>(block, &mut sums);
            block = block.wrapping_add(F::BYTES);
            for token in 0..TOKENS {
                sums.x[token] = sums.x[token].wrapping_add(F::WEIGHTS);
            }
        }
        // Only formats without blocks of their own can end within 32 values.
        if whole * F::WEIGHTS < cols {
            let mut last = [[0.0; 32]; TOKENS];
            for token in 0..TOKENS {
                let x = &x[token * cols + whole * F::WEIGHTS..(token + 1) * cols];
                last[token][..x.len()].copy_from_slice(x);
                sums.x[token] = last[token].as_ptr();
            }
            F::decode::<L>(formats::padded(&row[whole * F::BYTES..]).as_ptr(), &mut sums);
        }
        let mut totals = [0.0; TOKENS];
        for (total, [low, high]) in totals.iter_mut().zip(sums.sums) {
            *total = L::sum(L::add(low, high));
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::instruction_sets;
    use super::super::formats::testing::{dequantized, moved, quantized, values};
    use super::*;

    /// One block, an odd number of them, and columns that only formats without blocks have.
    fn columns(dtype: WeightType) -> Vec<usize> {
        match dtype.block_size() {
            1 => vec![1, 17, 32, 33, 100],
            block => vec![block, 3 * block],
        }
    }

    fn check(isa: Isa, dtype: WeightType, rows: usize, cols: usize, tokens: usize) {
        let blocks = quantized(dtype, rows * cols);
        let (weights, x) = (dequantized(dtype, &blocks), values(tokens * cols, 3));
        let mut out = vec![f32::NAN; rows * tokens];
        dot_rows(isa, dtype, &moved(&blocks, 1)[1..], cols, &x, &mut out);
        for (i, value) in out.iter().enumerate() {
            let (weights, x) = (&weights[i / tokens * cols..][..cols], &x[i % tokens * cols..][..cols]);
            let products = weights.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x));
            let (sum, size) = products.fold((0.0, 0.0), |(sum, size), product| (sum + product, size + product.abs()));
            let near = (f64::from(*value) - sum).abs() <= 1e-6 * size;
            assert!(near, "{} {dtype:?} {rows}x{cols}, {tokens} tokens, {i}: {value}, not {sum}", isa.name());
        }
    }

    #[test]
    fn equals_the_product_with_the_values() {
        for isa in instruction_sets() {
            for dtype in WeightType::ALL.iter().copied() {
                for cols in columns(dtype) {
                    for (rows, tokens) in [(0, 1), (1, 1), (5, 1), (3, 2), (1, 3), (2, 4), (3, 7)] {
                        check(isa, dtype, rows, cols, tokens);
                    }
                }
            }
        }
    }

    #[test]
    fn ranges_of_rows_make_up_the_whole() {
        let (rows, cols, dtype) = (7, 96, WeightType::Q4_1);
        let (blocks, x) = (quantized(dtype, rows * cols), values(cols, 5));
        let (mut whole, mut parts) = (vec![0.0; rows], vec![0.0; rows]);
        dot_rows(Isa::detected(), dtype, &blocks, cols, &x, &mut whole);
        for (blocks, out) in blocks.chunks(2 * 60).zip(parts.chunks_mut(2)) {
            dot_rows(Isa::detected(), dtype, blocks, cols, &x, out);
        }
        assert_eq!(whole, parts);
    }

    #[test]
    #[should_panic(expected = "activations don't fit the columns")]
    fn missing_activations_are_refused() {
        dot_rows(Isa::detected(), WeightType::Q4_0, &[0; 36], 64, &[1.0; 63], &mut [0.0]);
    }
}
