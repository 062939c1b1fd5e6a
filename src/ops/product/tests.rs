//! Every product against the textbook, on odd shapes, on every instruction set of this machine.

use half::bf16;
use proptest::prelude::*;

use super::super::testing::instruction_sets;
use super::*;

fn values(num: usize, seed: usize) -> Vec<f32> {
    // Few bits, so that bf16 holds them and sums are exact.
    (0..num).map(|i| (((i + 3 * seed) * 37 % 19) as f32 - 9.0) / 8.0).collect()
}

fn operand<E: Element>(isa: Isa, values: &[f32], rows: usize, cols: usize) -> Operand<E> {
    let mut operand = Operand::default();
    operand.set(isa, values, rows, cols);
    operand
}

/// `a · bᵀ` of `[m, k]` and `[n, k]`.
fn textbook(a: &[f32], b: &[f32], m: usize, n: usize, k: usize) -> Vec<f32> {
    let dot = |i: usize, j: usize| (0..k).map(|d| a[i * k + d] * b[j * k + d]).sum();
    (0..m * n).map(|at| dot(at / n, at % n)).collect()
}

fn transposed(a: &[f32], rows: usize, cols: usize) -> Vec<f32> {
    (0..rows * cols).map(|at| a[at % rows * cols + at / rows]).collect()
}

fn assert_close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= 1e-3 * (1.0 + expected.abs()), "{what}: {found} for {expected} at {i}");
    }
}

/// Rows, outputs, inputs, rank.
type Shape = (usize, usize, usize, usize);

/// Whole tiles and what is one beside them.
const SHAPES: [Shape; 5] = [(1, 1, 1, 1), (8, 48, 64, 16), (9, 49, 65, 3), (37, 17, 130, 5), (70, 97, 2, 4)];

fn forward_and_back<E: Element>(isa: Isa, (m, n, k, r): Shape) {
    let what = format!("{} {m} × {n} × {k}, r = {r}", isa.name());
    let (x, w, b) = (values(m * k, 1), values(n * k, 2), values(n * r, 3));
    let xa = values(m * r, 4);
    let weight = FrozenWeight::from_f32(n, k, &w).unwrap();
    let (x, xa_rows) = (operand::<E>(isa, &x, m, k), operand::<E>(isa, &xa, m, r));
    let mut panels = Panels::default();
    panels.set_transposed(isa, &b, n, r, 0.5);
    // Beside columns that are not to be touched.
    let stride = n + 3;
    let mut out = vec![2.0; m * stride];
    let output =
        |column| Output { weights: Weights::Frozen(&weight), adapter: Some((xa_rows.view(), &panels)), column };
    multiply(isa, x.view(), &[output(2)], &mut out, stride, true).unwrap();
    let base = textbook(&values(m * k, 1), &w, m, n, k);
    let added = textbook(&xa, &b, m, n, r);
    let mut expected = vec![2.0; m * stride];
    for at in 0..m * n {
        expected[at / n * stride + 2 + at % n] += base[at] + 0.5 * added[at];
    }
    assert_close(&out, &expected, &what);

    // The same weight in panels, written and not added.
    let mut packed = Panels::default();
    packed.set_transposed(isa, &w, n, k, 1.0);
    let mut out = vec![7.0; m * n];
    let output = Output { weights: Weights::Packed(&packed), adapter: None, column: 0 };
    multiply(isa, x.view(), &[output], &mut out, n, false).unwrap();
    assert_close(&out, &base, &what);

    // Written in the type of the product.
    let mut rounded = Operand::<E>::default();
    let output = Output { weights: Weights::Packed(&packed), adapter: None, column: 0 };
    multiply_rounded(isa, x.view(), &[output], &mut rounded, n).unwrap();
    let (mut wide, mut expected) = (Vec::new(), Vec::new());
    rounded.widen_into(isa, &mut wide);
    operand::<E>(isa, &out, m, n).widen_into(isa, &mut expected);
    assert_eq!(wide, expected, "{what}");

    // Back through the weight: [m, n] · [n, k].
    let dy = values(m * n, 5);
    let (a, dxa) = (values(r * k, 6), values(m * r, 7));
    let (dy_rows, dxa_rows) = (operand::<E>(isa, &dy, m, n), operand::<E>(isa, &dxa, m, r));
    let mut a_panels = Panels::default();
    a_panels.set(isa, &a, r, k, 1.0);
    let mut dx = vec![1.0; m * k];
    let term = || Back { dy: dy_rows.view(), weight: &weight, adapter: Some((dxa_rows.view(), &a_panels)) };
    multiply_back(isa, &[term(), term()], &mut dx, true).unwrap();
    let base = textbook(&dy, &transposed(&w, n, k), m, k, n);
    let added = textbook(&dxa, &transposed(&a, r, k), m, k, r);
    let expected: Vec<f32> = base.iter().zip(&added).map(|(base, added)| 1.0 + 2.0 * (base + added)).collect();
    assert_close(&dx, &expected, &what);

    // The adapter's gradient: [m, r]ᵀ · [m, k].
    let mut da = vec![1.0; r * k];
    multiply_transposed(isa, Rows::new(&dxa, m, r, r), x.view(), &mut da, 2.0, true);
    let product = textbook(&transposed(&dxa, m, r), &transposed(&values(m * k, 1), m, k), r, k, m);
    let expected: Vec<f32> = product.iter().map(|v| 1.0 + 2.0 * v).collect();
    assert_close(&da, &expected, &what);
}

#[test]
fn products_equal_the_textbook_on_every_instruction_set() {
    for (isa, shape) in instruction_sets().flat_map(|isa| SHAPES.map(|shape| (isa, shape))) {
        forward_and_back::<f32>(isa, shape);
        forward_and_back::<bf16>(isa, shape);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn products_of_any_shape_equal_the_textbook(shape in (1usize..80, 1usize..120, 1usize..140, 1usize..20)) {
        for isa in instruction_sets() {
            forward_and_back::<f32>(isa, shape);
            forward_and_back::<bf16>(isa, shape);
        }
    }
}

#[test]
fn a_large_weight_goes_slab_by_slab() {
    let (n, k) = (40_000, 128);
    let (w, dy) = (values(n * k, 1), values(2 * n, 2));
    let weight = FrozenWeight::from_f32(n, k, &w).unwrap();
    let isa = Isa::current();
    let dy_rows = operand::<f32>(isa, &dy, 2, n);
    let mut dx = vec![5.0; 2 * k];
    multiply_back(isa, &[Back { dy: dy_rows.view(), weight: &weight, adapter: None }], &mut dx, false).unwrap();
    let exact: Vec<f32> = (0..2 * k)
        .map(|at| (0..n).map(|o| f64::from(dy[at / k * n + o]) * f64::from(w[o * k + at % k])).sum::<f64>() as f32)
        .collect();
    assert_close(&dx, &exact, "slabs");
}

#[test]
fn empty_batches_do_nothing() {
    let isa = Isa::current();
    let weight = FrozenWeight::from_f32(3, 4, &values(12, 1)).unwrap();
    let x = operand::<f32>(isa, &[], 0, 4);
    let output = Output { weights: Weights::Frozen(&weight), adapter: None, column: 0 };
    multiply(isa, x.view(), &[output], &mut [], 3, false).unwrap();
    let mut da = [3.0; 8];
    multiply_transposed(isa, Rows::new(&[], 0, 2, 2), x.view(), &mut da, 1.0, false);
    assert_eq!(da, [0.0; 8], "a sum of nothing");
}

#[test]
fn narrowing_rounds_to_nearest_and_widening_gives_it_back() {
    let values: Vec<f32> = (0..99).map(|i| (i as f32 - 40.0) * 1.003_7).collect();
    let expected: Vec<bf16> = values.iter().map(|v| bf16::from_f32(*v)).collect();
    for isa in instruction_sets() {
        let mut narrow = vec![bf16::ZERO; values.len()];
        bf16::narrow(isa, &values, &mut narrow);
        assert_eq!(narrow, expected, "{}", isa.name());
        let mut wide = vec![0.0; values.len()];
        bf16::widen_all(isa, &narrow, &mut wide);
        assert!(wide.iter().zip(&expected).all(|(wide, narrow)| *wide == narrow.to_f32()));
    }
}
