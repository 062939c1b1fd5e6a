use candle_core::{Device, Tensor};
use proptest::prelude::*;

use super::super::product::Isa;
use super::super::testing::{Kernel, assert_close, check_kernel, instruction_sets, random, values};
use super::super::{Segments, plain};
use super::*;

const EPS: f32 = 0.1;

/// Decay, bias and norm; states that fade at once, and ones that stay.
fn weights(shape: DeltaShape) -> [Tensor; 3] {
    let decay: Vec<f32> = (0..shape.num_value_heads).map(|head| -0.03 * 6f32.powi(head as i32 % 4)).collect();
    let decay = Tensor::new(decay, &Device::Cpu).unwrap();
    [decay, random(&[shape.num_value_heads], 11), random(&[shape.value_dim], 12)]
}

fn inputs(shape: DeltaShape, n: usize) -> [Tensor; 2] {
    [random(&[n, shape.conv_width()], 1), random(&[n, shape.wide_width()], 2)]
}

/// Where no value is read.
fn without_convolved(shape: DeltaShape, mut d_wide: Vec<f32>) -> Vec<f32> {
    d_wide.chunks_mut(shape.wide_width()).for_each(|row| row[..shape.conv_width()].fill(0.0));
    d_wide
}

fn shapes() -> impl Strategy<Value = DeltaShape> {
    (1usize..3, 1usize..3, 3usize..7, 3usize..7, any::<bool>()).prop_map(
        |(num_key_heads, group, key_dim, value_dim, is_tiled)| DeltaShape {
            num_key_heads,
            num_value_heads: num_key_heads * group,
            key_dim,
            value_dim,
            is_tiled,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn agrees_with_its_twin_and_with_finite_differences(
        shape in shapes(),
        groups in prop::collection::vec(
            (prop_oneof![Just(0), 1usize..70], prop::collection::vec(1usize..80, 1..3)), 1..3),
    ) {
        let (segments, isa) = (Segments::sharing_prefixes(groups), Isa::current());
        let n = segments.num_tokens();
        let [qkv, wide] = inputs(shape, n);
        let weights = weights(shape);
        let [decay, step_bias, norm] = weights.each_ref().map(values);
        let of = DeltaWeights { decay: &decay, step_bias: &step_bias, norm: &norm, eps: EPS };
        let op = Kernel {
            dims: vec![n, shape.value_width()],
            forward: |x: &[&[f32]]| {
                let mut out = vec![9.0; n * shape.value_width()];
                Delta { isa, shape, weights: of, qkv: x[0], wide: x[1] }.forward(&segments, &mut out);
                out
            },
            backward: |x: &[&[f32]], grad: &[f32]| {
                let [mut d_qkv, mut d_wide] = [x[0], x[1]].map(|x| vec![9.0; x.len()]);
                let delta = Delta { isa, shape, weights: of, qkv: x[0], wide: x[1] };
                delta.back(&segments, grad, &mut d_qkv, &mut d_wide);
                vec![d_qkv, without_convolved(shape, d_wide)]
            },
        };
        check_kernel(&[&qkv, &wide], op, |x| {
            plain::gated_delta(x[0], x[1], shape, weights.each_ref(), f64::from(EPS), &segments)
        });
    }
}

#[test]
fn every_instruction_set_gives_the_same_at_once_and_in_pieces() {
    for (key_dim, value_dim, group, is_tiled) in [(16, 48, 1, false), (40, 8, 3, true), (5, 3, 2, false)] {
        let shape = DeltaShape { num_key_heads: 2, num_value_heads: 2 * group, key_dim, value_dim, is_tiled };
        let lengths = [150, 3, CHUNK];
        let segments = Segments::from_lengths(lengths);
        let n = segments.num_tokens();
        let [qkv, wide] = inputs(shape, n).each_ref().map(values);
        let grad = values(&random(&[n, shape.value_width()], 3));
        let [decay, step_bias, norm] = weights(shape).each_ref().map(values);
        let of = DeltaWeights { decay: &decay, step_bias: &step_bias, norm: &norm, eps: EPS };
        let run = |isa| {
            let delta = Delta { isa, shape, weights: of, qkv: &qkv, wide: &wide };
            let mut out = vec![9.0; n * shape.value_width()];
            delta.forward(&segments, &mut out);
            let (mut d_qkv, mut d_wide) = (vec![9.0; qkv.len()], vec![9.0; wide.len()]);
            delta.back(&segments, &grad, &mut d_qkv, &mut d_wide);
            [out, d_qkv, without_convolved(shape, d_wide)].concat()
        };
        let expected = run(Isa::Portable);
        for isa in instruction_sets() {
            assert_close(&run(isa), &expected, isa.name());
            // All sequences at the same time: some tokens, then one, then the others.
            let delta = Delta { isa, shape, weights: of, qkv: &qkv, wide: &wide };
            let mut states = vec![vec![0.0; shape.state_len()]; lengths.len()];
            let mut out = vec![9.0; n * shape.value_width()];
            for (from, to) in [(0, 2), (2, 3), (3, 100), (100, 150)] {
                let sequences = segments.iter().zip(&mut states).filter_map(|(segment, state)| {
                    let rows = &segment.rows;
                    let rows = (rows.start + from).min(rows.end)..(rows.start + to).min(rows.end);
                    (!rows.is_empty()).then_some(Sequence { rows, state })
                });
                delta.advance(sequences.collect(), &mut out);
            }
            assert_close(&out, &expected[..out.len()], isa.name());
        }
    }
}
