//! LFM2's short convolution (`Lfm2ShortConv` in Transformers): three parts of each token, `[before, after, input]`, give
//! `after · conv(before · input)`, where the convolution goes over the last tokens of the sequence, each value by itself.

use rayon::prelude::*;

use super::product::Isa;
use super::simd::{add_product, multiply_row, vectorized};
use super::{Segment, Segments};

/// Rows that a task takes at least.
const MIN_ROWS: usize = 16;

/// `kernel` is `[taps, hidden]`, the token's own tap last; `wide` is `[num_tokens, 3 · hidden]` and `out` `[num_tokens, hidden]`.
pub fn short_conv(isa: Isa, kernel: &[f32], segments: &Segments, wide: &[f32], out: &mut [f32]) {
    let hidden = out.len() / segments.num_tokens().max(1);
    if hidden == 0 {
        return;
    }
    let earlier = earlier_rows(segments, kernel.len() / hidden);
    out.par_chunks_mut(hidden).zip(&earlier).enumerate().with_min_len(MIN_ROWS).for_each(|(row, (out, earlier))| {
        convolve_row(isa, kernel, wide, earlier, out);
        multiply_row(isa, &wide[(3 * row + 1) * hidden..][..hidden], out);
    });
}

/// The gradients at all three parts, `d_wide` `[num_tokens, 3 · hidden]`, from that at the result, `d_out`, which is overwritten.
pub fn short_conv_back(
    isa: Isa,
    kernel: &[f32],
    segments: &Segments,
    wide: &[f32],
    d_out: &mut [f32],
    d_wide: &mut [f32],
) {
    let hidden = d_out.len() / segments.num_tokens().max(1);
    if hidden == 0 {
        return;
    }
    let earlier = earlier_rows(segments, kernel.len() / hidden);
    // At `after`; then `d_out` becomes the gradient at the convolution's result.
    let rows = d_wide.par_chunks_mut(3 * hidden).zip(d_out.par_chunks_mut(hidden)).zip(&earlier).enumerate();
    rows.with_min_len(MIN_ROWS).for_each(|(row, ((d_wide, d_out), earlier))| {
        let d_after = &mut d_wide[hidden..2 * hidden];
        convolve_row(isa, kernel, wide, earlier, d_after);
        multiply_row(isa, d_out, d_after);
        multiply_row(isa, &wide[(3 * row + 1) * hidden..][..hidden], d_out);
    });
    let mut later = vec![Vec::new(); earlier.len()];
    for (row, earlier) in earlier.iter().enumerate() {
        earlier.iter().for_each(|(before, tap)| later[*before].push((row, *tap)));
    }
    let rows = d_wide.par_chunks_mut(3 * hidden).zip(wide.par_chunks(3 * hidden)).zip(&later);
    rows.with_min_len(MIN_ROWS).for_each_init(
        || vec![0.0; hidden],
        |d_product, ((d_wide, wide), later)| {
            d_product.fill(0.0);
            for (row, tap) in later {
                add_product(isa, &kernel[tap * hidden..][..hidden], &d_out[row * hidden..][..hidden], d_product);
            }
            let (d_before, d_input) = d_wide.split_at_mut(2 * hidden);
            d_before[..hidden].copy_from_slice(d_product);
            multiply_row(isa, &wide[2 * hidden..], &mut d_before[..hidden]);
            d_input.copy_from_slice(d_product);
            multiply_row(isa, &wide[..hidden], d_input);
        },
    );
}

/// The next token of a sequence: `wide` is its row, `state` the products `before · input` of the `taps − 1` tokens before it, the
/// latest last, and takes in its own.
pub fn short_conv_next(isa: Isa, kernel: &[f32], wide: &[f32], state: &mut [f32], out: &mut [f32]) {
    let hidden = out.len();
    let (earlier, own) = kernel.split_at(kernel.len() - hidden);
    out.copy_from_slice(&wide[..hidden]);
    multiply_row(isa, &wide[2 * hidden..], out);
    let product = out.to_vec();
    multiply_row(isa, own, out);
    for (kernel, state) in earlier.chunks_exact(hidden).zip(state.chunks_exact(hidden)) {
        add_product(isa, kernel, state, out);
    }
    multiply_row(isa, &wide[hidden..2 * hidden], out);
    if !state.is_empty() {
        state.copy_within(hidden.., 0);
        let last = state.len() - hidden;
        state[last..].copy_from_slice(&product);
    }
}

/// For each row, the rows of its sequence that the convolution reads there, each with its tap.
fn earlier_rows(segments: &Segments, taps: usize) -> Vec<Vec<(usize, usize)>> {
    let of_row = |segment: &Segment, place: usize| {
        let row_at = |position: usize| match position.checked_sub(segment.prefix.len()) {
            Some(place) => segment.rows.start + place,
            None => segment.prefix.start + position,
        };
        let position = segment.prefix.len() + place;
        let first = (position + 1).saturating_sub(taps);
        (first..=position).map(|other| (row_at(other), taps - 1 - (position - other))).collect()
    };
    segments.iter().flat_map(|segment| (0..segment.rows.len()).map(move |place| of_row(segment, place))).collect()
}

/// `Σ kernel[tap] · before[row] · input[row]` over the rows that are given.
fn convolve_row(isa: Isa, kernel: &[f32], wide: &[f32], earlier: &[(usize, usize)], out: &mut [f32]) {
    let hidden = out.len();
    out.fill(0.0);
    for (row, tap) in earlier {
        let wide = &wide[3 * row * hidden..][..3 * hidden];
        add_products(isa, &kernel[tap * hidden..][..hidden], &wide[..hidden], &wide[2 * hidden..], out);
    }
}

vectorized! {
    fn add_products(isa: Isa, a: &[f32], b: &[f32], c: &[f32], sum: &mut [f32]) {
        sum.iter_mut().zip(a).zip(b).zip(c).for_each(|(((sum, a), b), c)| *sum += a * b * c);
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};
    use proptest::prelude::*;

    use super::super::plain;
    use super::super::testing::{Kernel, assert_close, check_kernel, instruction_sets, random, values};
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn agrees_with_its_twin_and_with_finite_differences(
            hidden in 1usize..20,
            taps in 1usize..6,
            groups in prop::collection::vec((0usize..7, prop::collection::vec(1usize..9, 1..4)), 1..3),
        ) {
            let (segments, isa) = (Segments::sharing_prefixes(groups), Isa::current());
            let n = segments.num_tokens();
            let (wide, kernel) = (random(&[n, 3 * hidden], 1), random(&[taps, hidden], 2));
            let by = values(&kernel);
            let op = Kernel {
                dims: vec![n, hidden],
                forward: |x: &[&[f32]]| {
                    let mut out = vec![9.0; n * hidden];
                    short_conv(isa, &by, &segments, x[0], &mut out);
                    out
                },
                backward: |x: &[&[f32]], grad: &[f32]| {
                    let mut d_wide = vec![9.0; x[0].len()];
                    short_conv_back(isa, &by, &segments, x[0], &mut grad.to_vec(), &mut d_wide);
                    vec![d_wide]
                },
            };
            check_kernel(&[&wide], op, |x| plain::short_conv(x[0], &kernel, &segments));
        }
    }

    #[test]
    fn token_by_token_gives_what_the_whole_sequence_gives() {
        let (n, hidden) = (9, 33);
        let wide = values(&random(&[n, 3 * hidden], 1));
        for taps in [1, 3, 4] {
            let kernel = values(&random(&[taps, hidden], 2));
            let whole = {
                let tensor = |values: &[f32], width| {
                    Tensor::from_slice(values, (values.len() / width, width), &Device::Cpu).unwrap()
                };
                let (wide, kernel) = (tensor(&wide, 3 * hidden), tensor(&kernel, hidden));
                values(&plain::short_conv(&wide, &kernel, &Segments::from_lengths([n])).unwrap())
            };
            for isa in instruction_sets() {
                let (mut state, mut out) = (vec![0.0; (taps - 1) * hidden], vec![0.0; n * hidden]);
                for (wide, out) in wide.chunks(3 * hidden).zip(out.chunks_mut(hidden)) {
                    short_conv_next(isa, &kernel, wide, &mut state, out);
                }
                assert_close(&out, &whole, isa.name());
            }
        }
    }
}
