use candle_core::Tensor;
use proptest::prelude::*;

use super::super::plain;
use super::super::testing::{Kernel, assert_close, check_kernel, instruction_sets, random, values};
use super::*;

/// What a scan multiplies by: decays that forget within some tokens.
struct By {
    shape: ScanShape,
    a: Vec<f32>,
    d: Vec<f32>,
    dt_bias: Vec<f32>,
    dt_limits: [f32; 2],
}

impl By {
    fn new(shape: ScanShape, dt_limits: [f32; 2]) -> Self {
        let [a, d, dt_bias] = [11, 12, 13].map(|seed| values(&random(&[shape.num_heads], seed)));
        let a = a.into_iter().map(|a| -0.02 - 0.2 * a.abs()).collect();
        Self { shape, a, d, dt_bias, dt_limits }
    }

    fn scan(&self) -> Scan<'_> {
        Scan { shape: self.shape, a: &self.a, d: &self.d, dt_bias: &self.dt_bias, dt_limits: self.dt_limits }
    }

    fn tensors(&self) -> plain::ScanTensors {
        let tensor = |values: &[f32]| Tensor::new(values, &candle_core::Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let [a, d, dt_bias] = [&self.a, &self.d, &self.dt_bias].map(|values| tensor(values));
        plain::ScanTensors { a, d, dt_bias, dt_limits: self.dt_limits }
    }
}

fn inputs<'a>(rows: &'a [f32], dt: &'a [f32], stride: usize) -> ScanInputs<'a> {
    ScanInputs { rows, dt: Heads { values: dt, stride } }
}

fn forward(isa: Isa, by: &By, segments: &Segments, rows: &[f32], dt: &[f32]) -> Vec<f32> {
    let mut out = vec![9.0; segments.num_tokens() * by.shape.inner()];
    scan(isa, by.scan(), segments, inputs(rows, dt, by.shape.num_heads), &mut out);
    out
}

fn backward(isa: Isa, by: &By, segments: &Segments, [rows, dt, grad]: [&[f32]; 3]) -> [Vec<f32>; 2] {
    let (mut d_rows, mut d_dt, mut parts) = (vec![9.0; rows.len()], vec![9.0; dt.len()], vec![9.0; 3]);
    let dt_stride = by.shape.num_heads;
    let gradients = ScanGradients { rows: &mut d_rows, dt: &mut d_dt, dt_stride, parts: &mut parts };
    scan_back(isa, by.scan(), segments, inputs(rows, dt, dt_stride), grad, gradients);
    [d_rows, d_dt]
}

/// Sequences in groups that share a beginning: of one token, of a chunk, of more.
fn groups() -> impl Strategy<Value = Vec<(usize, Vec<usize>)>> {
    let len = || prop_oneof![1usize..20, 60usize..70, 120usize..150];
    let group = (prop_oneof![Just(0), len()], prop::collection::vec(len(), 1..3));
    prop::collection::vec(group, 1..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn agrees_with_its_twin_and_with_finite_differences(
        num_groups in 1usize..3,
        in_group in 1usize..4,
        head_dim in 1usize..9,
        state_size in 1usize..9,
        groups in groups(),
        is_limited in any::<bool>(),
    ) {
        let shape = ScanShape { num_heads: num_groups * in_group, head_dim, num_groups, state_size };
        let by = By::new(shape, if is_limited { [0.1, 2.2] } else { [0.0, f32::INFINITY] });
        let (segments, isa) = (Segments::sharing_prefixes(groups), Isa::current());
        let n = segments.num_tokens();
        let rows = (random(&[n, shape.row_width()], 1) * 0.4).unwrap();
        // None near a limit, where there is no slope.
        let apart = |dt: f32| if dt.abs() > 0.8 { dt + 4.0 * dt.signum() } else { 0.2 * dt };
        let dt = values(&random(&[n, shape.num_heads], 2));
        let dt = dt.into_iter().map(|dt| if is_limited { apart(dt) } else { dt }).collect::<Vec<_>>();
        let dt = Tensor::from_vec(dt, (n, shape.num_heads), &candle_core::Device::Cpu).unwrap();
        let kernel = Kernel {
            dims: vec![n, shape.inner()],
            forward: |x: &[&[f32]]| forward(isa, &by, &segments, x[0], x[1]),
            backward: |x: &[&[f32]], grad: &[f32]| backward(isa, &by, &segments, [x[0], x[1], grad]).to_vec(),
        };
        let tensors = by.tensors();
        check_kernel(&[&rows, &dt], kernel, |x| plain::scan(x[0], x[1], &tensors, shape, &segments));
    }
}

/// Heads in several blocks, in groups that don't divide into them evenly.
fn large() -> (By, Segments, [Vec<f32>; 3]) {
    let shape = ScanShape { num_heads: 18, head_dim: 40, num_groups: 2, state_size: 24 };
    let by = By::new(shape, [0.0, f32::INFINITY]);
    assert!(shape.blocks().len() > 2);
    let segments = Segments::sharing_prefixes([(66, vec![3, 70]), (0, vec![9, 64])]);
    let n = segments.num_tokens();
    let of = |width, seed| values(&(random(&[n, width], seed) * 0.4).unwrap());
    (by, segments, [of(shape.row_width(), 1), of(shape.num_heads, 2), of(shape.inner(), 3)])
}

#[test]
fn every_instruction_set_gives_the_same() {
    let (by, segments, [rows, dt, grad]) = large();
    let run = |isa| {
        let [d_rows, d_dt] = backward(isa, &by, &segments, [&rows, &dt, &grad]);
        [forward(isa, &by, &segments, &rows, &dt), d_rows, d_dt].concat()
    };
    let expected = run(Isa::Portable);
    for isa in instruction_sets() {
        let found = run(isa);
        for (found, expected) in found.iter().zip(&expected) {
            assert!(
                (found - expected).abs() <= 5e-5 * (1.0 + expected.abs()),
                "{}: {found}, not {expected}",
                isa.name()
            );
        }
    }
}

#[test]
fn token_by_token_and_in_parts_gives_what_the_whole_sequence_gives() {
    let (by, segments, [rows, dt, _]) = large();
    let (shape, segment) = (by.shape, segments.iter().last().unwrap().rows.clone());
    let (first, n) = (segment.start, segment.len());
    let whole = &forward(Isa::Portable, &by, &segments, &rows, &dt)[first * shape.inner()..];
    for isa in instruction_sets() {
        for parts in [vec![1; n], vec![n], vec![20, 1, n - 21]] {
            let mut state = vec![0.0; shape.state_len()];
            let (mut at, mut found) = (first, Vec::new());
            for len in parts {
                let mut out = vec![9.0; len * shape.inner()];
                let rows = &rows[at * shape.row_width()..][..len * shape.row_width()];
                let dt = &dt[at * shape.num_heads..][..len * shape.num_heads];
                scan_next(isa, by.scan(), inputs(rows, dt, shape.num_heads), &mut state, &mut out);
                found.extend(out);
                at += len;
            }
            assert_close(&found, whole, isa.name());
        }
    }
}
