//! A causal convolution over the last tokens of a sequence, each channel by itself, and SiLU on what it gives: what gated
//! DeltaNet and Mamba-2 begin with (`causal_conv1d` in Transformers).

use rayon::prelude::*;

use super::product::Isa;
use super::simd::{add_product, sigmoid, vectorized};
use super::{Segment, Segments};

/// Rows that a task takes at least.
const MIN_ROWS: usize = 16;

/// The weights.
#[derive(Debug, Clone, Copy)]
pub struct CausalConv<'a> {
    /// `[taps, channels]`, the token's own tap last.
    pub kernel: &'a [f32],
    /// `[channels]`
    pub bias: Option<&'a [f32]>,
    pub channels: usize,
}

/// What is convolved: columns of rows that may hold more beside them.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    pub values: &'a [f32],
    /// The length of a row.
    pub stride: usize,
    /// The first of the channels.
    pub column: usize,
}

impl CausalConv<'_> {
    fn taps(&self) -> usize {
        self.kernel.len() / self.channels.max(1)
    }

    /// What a token that lies this many before another one is multiplied by for that.
    fn tap(&self, distance: usize) -> &[f32] {
        &self.kernel[(self.taps() - 1 - distance) * self.channels..][..self.channels]
    }

    /// The convolution's result at a row, without SiLU.
    fn convolve(&self, isa: Isa, input: Columns<'_>, around: &Around<'_>, row: usize, out: &mut [f32]) {
        self.begin(out);
        for distance in 0..self.taps() {
            let Some(row) = around.earlier(row, distance) else { break };
            add_product(isa, self.tap(distance), input.row(row, self.channels), out);
        }
    }

    fn begin(&self, out: &mut [f32]) {
        match self.bias {
            Some(bias) => out.copy_from_slice(bias),
            None => out.fill(0.0),
        }
    }

    /// From every row's channels to `out`, `[num_tokens, channels]`.
    pub fn forward(&self, isa: Isa, segments: &Segments, input: Columns<'_>, out: &mut [f32]) {
        if self.channels == 0 {
            return;
        }
        let around = Around::new(segments);
        out.par_chunks_mut(self.channels).enumerate().with_min_len(MIN_ROWS).for_each(|(row, out)| {
            self.convolve(isa, input, &around, row, out);
            silu_row(isa, out);
        });
    }

    /// The gradient at the channels, columns from `column` on of `d_input`'s rows of `stride` values, of which the others are left
    /// as they are; from that at the result, `d_out`, which is overwritten.
    pub fn back(
        &self,
        isa: Isa,
        segments: &Segments,
        input: Columns<'_>,
        d_out: &mut [f32],
        d_input: &mut [f32],
        [stride, column]: [usize; 2],
    ) {
        let channels = self.channels;
        if channels == 0 {
            return;
        }
        let around = Around::new(segments);
        // That at what the convolution gave.
        d_out.par_chunks_mut(channels).enumerate().with_min_len(MIN_ROWS).for_each_init(
            || vec![0.0; channels],
            |convolved, (row, d_out)| {
                self.convolve(isa, input, &around, row, convolved);
                silu_row_back(isa, convolved, d_out);
            },
        );
        let (d_out, taps) = (&*d_out, self.taps());
        d_input.par_chunks_mut(stride).enumerate().with_min_len(MIN_ROWS).for_each(|(row, d_input)| {
            let d_input = &mut d_input[column..][..channels];
            d_input.fill(0.0);
            around.for_each_later(row, taps, |later, distance| {
                add_product(isa, self.tap(distance), &d_out[later * channels..][..channels], d_input);
            });
        });
    }

    /// The next token of a sequence: `input` is its channels, `state` those of the `taps − 1` tokens before it, zeros before the
    /// first, the latest last; it takes in the token's own.
    pub fn next(&self, isa: Isa, input: &[f32], state: &mut [f32], out: &mut [f32]) {
        let channels = self.channels;
        if channels == 0 {
            return;
        }
        self.begin(out);
        add_product(isa, self.tap(0), input, out);
        for (distance, earlier) in (1..self.taps()).zip(state.rchunks_exact(channels)) {
            add_product(isa, self.tap(distance), earlier, out);
        }
        silu_row(isa, out);
        if !state.is_empty() {
            state.copy_within(channels.., 0);
            let last = state.len() - channels;
            state[last..].copy_from_slice(input);
        }
    }
}

impl Columns<'_> {
    fn row(&self, row: usize, channels: usize) -> &[f32] {
        &self.values[row * self.stride + self.column..][..channels]
    }
}

/// The rows before and after each row in its sequence.
struct Around<'a> {
    segments: Vec<&'a Segment>,
    /// Each row's segment.
    of_rows: Vec<u32>,
}

impl<'a> Around<'a> {
    fn new(segments: &'a Segments) -> Self {
        let lengths = segments.iter().zip(0..);
        let of_rows = lengths.flat_map(|(segment, index)| std::iter::repeat_n(index, segment.rows.len())).collect();
        Self { segments: segments.iter().collect(), of_rows }
    }

    /// The row that lies `distance` tokens before a row.
    fn earlier(&self, row: usize, distance: usize) -> Option<usize> {
        let Segment { prefix, rows } = self.segments[self.of_rows[row] as usize];
        let place = row - rows.start;
        match distance.checked_sub(place + 1) {
            None => Some(row - distance),
            Some(beyond) if beyond < prefix.len() => Some(prefix.end - 1 - beyond),
            Some(_) => None,
        }
    }

    /// Rows that lie fewer than `taps` tokens after a row, itself first, each with its distance.
    fn for_each_later(&self, row: usize, taps: usize, mut each: impl FnMut(usize, usize)) {
        let index = self.of_rows[row] as usize;
        let own = &self.segments[index].rows;
        let up_to_end = own.end - row;
        (0..taps.min(up_to_end)).for_each(|distance| each(row + distance, distance));
        // Sequences that continue a shared beginning follow it.
        for segment in self.segments[index + 1..].iter().take_while(|segment| segment.prefix == *own) {
            let places = segment.rows.clone().zip(up_to_end..taps);
            places.for_each(|(later, distance)| each(later, distance));
        }
    }
}

vectorized! {
    fn silu_row(isa: Isa, values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value *= sigmoid(*value));
    }

    fn silu_row_back(isa: Isa, values: &[f32], grad: &mut [f32]) {
        for (value, grad) in values.iter().zip(grad) {
            let sigmoid = sigmoid(*value);
            *grad *= sigmoid * (1.0 + value * (1.0 - sigmoid));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::plain;
    use super::super::testing::{Kernel, assert_close, check_kernel, instruction_sets, random, values};
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn agrees_with_its_twin_and_with_finite_differences(
            channels in 1usize..20,
            taps in 1usize..6,
            beside in 0usize..3,
            has_bias in any::<bool>(),
            groups in prop::collection::vec((0usize..7, prop::collection::vec(1usize..9, 1..4)), 1..3),
        ) {
            let (segments, isa) = (Segments::sharing_prefixes(groups), Isa::current());
            let n = segments.num_tokens();
            let [x, kernel, bias] = [[n, channels], [taps, channels], [1, channels]].map(|dims| random(&dims, dims[0] as u64));
            let [by, added] = [&kernel, &bias].map(values);
            let conv = CausalConv { kernel: &by, bias: has_bias.then_some(&added), channels };
            let stride = channels + 2 * beside;
            let wide = |x: &[f32]| {
                let mut wide = vec![9.0; n * stride];
                let rows = wide.chunks_mut(stride).zip(x.chunks(channels));
                rows.for_each(|(wide, x)| wide[beside..][..channels].copy_from_slice(x));
                wide
            };
            let op = Kernel {
                dims: vec![n, channels],
                forward: |x: &[&[f32]]| {
                    let mut out = vec![9.0; n * channels];
                    conv.forward(isa, &segments, Columns { values: &wide(x[0]), stride, column: beside }, &mut out);
                    out
                },
                backward: |x: &[&[f32]], grad: &[f32]| {
                    let mut d_wide = vec![9.0; n * stride];
                    let input = wide(x[0]);
                    let input = Columns { values: &input, stride, column: beside };
                    conv.back(isa, &segments, input, &mut grad.to_vec(), &mut d_wide, [stride, beside]);
                    let (mut d_x, mut others) = (Vec::<f32>::new(), Vec::<f32>::new());
                    for row in d_wide.chunks(stride) {
                        d_x.extend_from_slice(&row[beside..][..channels]);
                        others.extend(row[..beside].iter().chain(&row[beside + channels..]));
                    }
                    assert!(others.iter().all(|value| *value == 9.0), "what lies beside was touched");
                    vec![d_x]
                },
            };
            let bias = has_bias.then_some(&bias);
            check_kernel(&[&x], op, |x| plain::causal_conv(x[0], &kernel, bias, &segments));
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_token_by_token_and_at_once() {
        let (n, channels) = (9, 83);
        let [x, added, grad] = [(n, 1), (1, 3), (n, 4)].map(|(rows, seed)| values(&random(&[rows, channels], seed)));
        let segments = Segments::sharing_prefixes([(2, vec![4, 3])]);
        for (taps, bias) in [(1, None), (3, Some(&added[..])), (4, None)] {
            let kernel = values(&random(&[taps, channels], 2));
            let conv = CausalConv { kernel: &kernel, bias, channels };
            let input = Columns { values: &x, stride: channels, column: 0 };
            let run = |isa| {
                let [mut out, mut d_x] = [(); 2].map(|()| vec![0.0; n * channels]);
                conv.forward(isa, &segments, input, &mut out);
                conv.back(isa, &segments, input, &mut grad.clone(), &mut d_x, [channels, 0]);
                [out, d_x].concat()
            };
            let expected = run(Isa::Portable);
            for isa in instruction_sets() {
                assert_close(&run(isa), &expected, isa.name());
                for rows in [vec![0, 1, 2, 3, 4, 5], vec![0, 1, 6, 7, 8]] {
                    let mut state = vec![0.0; (taps - 1) * channels];
                    for row in rows {
                        let mut out = vec![0.0; channels];
                        conv.next(isa, &x[row * channels..][..channels], &mut state, &mut out);
                        assert_close(&out, &expected[row * channels..][..channels], isa.name());
                    }
                }
            }
        }
    }
}
