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
    let term =
        || Back { dy: dy_rows.view(), weight: &weight, adapter: Some((dxa_rows.view(), &a_panels)), int8: false };
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

/// `a · bᵀ` of `[m, k]` and `[n, k]` in f64, and how far off it may be when both are rounded to 8 bits in groups of 64.
fn bounded(a: &[f32], b: &[f32], n: usize, k: usize) -> Vec<(f64, f64)> {
    let group_error = |group: &[f32]| {
        let largest = group.iter().fold(0.0f64, |max, v| max.max(f64::from(v.abs())));
        // Half a step; and 8 bits of bf16, which weights pass through.
        largest / 254.0 + largest / 256.0
    };
    let errors = |values: &[f32]| values.chunks(64).map(group_error).collect::<Vec<_>>();
    let (a_errors, b_errors) = (errors(a), errors(b));
    (0..a.len() / k * n)
        .map(|at| {
            let (i, j) = (at / n, at % n);
            let (mut sum, mut bound) = (0.0, 1e-4);
            for d in 0..k {
                let (x, y) = (f64::from(a[i * k + d]), f64::from(b[j * k + d]));
                let (dx, dy) = (a_errors[(i * k + d) / 64], b_errors[(j * k + d) / 64]);
                sum += x * y;
                bound += x.abs() * dy + y.abs() * dx + dx * dy;
            }
            (sum, bound)
        })
        .collect()
}

fn assert_within(found: &[f32], expected: &[(f64, f64)], what: &str) {
    assert_eq!(found.len(), expected.len());
    for (at, (found, (expected, bound))) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs();
        assert!(error <= *bound, "{what}, value {at}: {found}, not {expected} ± {bound}");
    }
}

/// Groups of very different sizes, and one of zeros.
fn uneven(num: usize, seed: usize) -> Vec<f32> {
    let factor = |group: usize| [1.0, 64.0, 0.0, 0.125, 1.0][(group + seed) % 5];
    values(num, seed).iter().enumerate().map(|(i, value)| value * factor(i / 64)).collect()
}

fn int8_forward_and_back(isa: Isa, (m, n, k, r): Shape) {
    let what = format!("{}, int8 {m} × {n} × {k}, r = {r}", isa.name());
    let (x, w, b, xa) = (uneven(m * k, 1), uneven(n * k, 2), values(n * r, 3), values(m * r, 4));
    let weight = FrozenWeight::from_f32(n, k, &w).unwrap();
    let (x_rows, xa_rows) = (operand::<bf16>(isa, &x, m, k), operand::<bf16>(isa, &xa, m, r));
    let mut panels = Panels::default();
    panels.set_transposed(isa, &b, n, r, 1.0);
    let with_adapter = |expected: Vec<(f64, f64)>, added: &[f32]| -> Vec<(f64, f64)> {
        expected.iter().zip(added).map(|((sum, bound), added)| (sum + f64::from(*added), *bound)).collect()
    };
    let expected = with_adapter(bounded(&x, &w, n, k), &textbook(&xa, &b, m, n, r));
    let output = |column| Output { weights: Weights::Int8(&weight), adapter: Some((xa_rows.view(), &panels)), column };

    // Beside columns that are not to be touched, and added.
    let stride = n + 3;
    let mut out = vec![2.0; m * stride];
    multiply(isa, x_rows.view(), &[output(2)], &mut out, stride, true).unwrap();
    let found: Vec<f32> = out.chunks(stride).flat_map(|row| row[2..2 + n].iter().map(|v| v - 2.0)).collect();
    assert_within(&found, &expected, &what);
    assert!(out.chunks(stride).all(|row| row[..2] == [2.0; 2] && row[2 + n] == 2.0), "{what}: wrote beside its place");

    // Written, and rounded.
    let (mut out, mut rounded, mut wide) = (vec![7.0; m * n], Operand::<bf16>::default(), Vec::new());
    multiply(isa, x_rows.view(), &[output(0)], &mut out, n, false).unwrap();
    assert_within(&out, &expected, &what);
    multiply_rounded(isa, x_rows.view(), &[output(0)], &mut rounded, n).unwrap();
    rounded.widen_into(isa, &mut wide);
    assert!(wide.iter().zip(&out).all(|(wide, v)| *wide == bf16::from_f32(*v).to_f32()), "{what}, rounded");

    let (dy, a, dxa) = (uneven(m * n, 5), values(r * k, 6), values(m * r, 7));
    let (dy_rows, dxa_rows) = (operand::<bf16>(isa, &dy, m, n), operand::<bf16>(isa, &dxa, m, r));
    let mut a_panels = Panels::default();
    a_panels.set(isa, &a, r, k, 1.0);
    let mut dx = vec![0.0; m * k];
    let adapter = Some((dxa_rows.view(), &a_panels));
    multiply_back(isa, &[Back { dy: dy_rows.view(), weight: &weight, adapter, int8: true }], &mut dx, false).unwrap();
    let added = textbook(&dxa, &transposed(&a, r, k), m, k, r);
    let expected = with_adapter(bounded(&dy, &transposed(&w, n, k), k, n), &added);
    assert_within(&dx, &expected, &format!("{what}, back"));
}

#[test]
fn products_in_8_bits_err_by_less_than_was_rounded() {
    let shapes = [(1, 64, 64, 1), (8, 128, 64, 16), (9, 64, 192, 3), (37, 192, 128, 5), (70, 320, 64, 4)];
    for isa in Isa::available().filter(|isa| isa.has_int8()) {
        shapes.into_iter().for_each(|shape| int8_forward_and_back(isa, shape));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn products_in_8_bits_of_any_shape_err_by_less((m, n, k, r) in (1usize..40, 1usize..4, 1usize..4, 1usize..20)) {
        for isa in Isa::available().filter(|isa| isa.has_int8()) {
            int8_forward_and_back(isa, (m, 64 * n, 64 * k, r));
        }
    }
}

/// Sizes that make no whole groups, and CPUs without the instructions: as if nothing had been said of 8 bits.
#[test]
fn what_has_no_product_in_8_bits_is_multiplied_as_ever() {
    for isa in Isa::available() {
        let (m, n, k) = if isa.has_int8() { (5, 50, 70) } else { (5, 64, 64) };
        let weight = FrozenWeight::from_f32(n, k, &values(n * k, 1)).unwrap();
        let (x, dy) = (operand::<bf16>(isa, &values(m * k, 2), m, k), operand::<bf16>(isa, &values(m * n, 3), m, n));
        let run = |weights: Weights<'_, bf16>, int8: bool| {
            let (mut out, mut dx) = (vec![0.0; m * n], vec![0.0; m * k]);
            multiply(isa, x.view(), &[Output { weights, adapter: None, column: 0 }], &mut out, n, false).unwrap();
            let term = Back { dy: dy.view(), weight: &weight, adapter: None, int8 };
            multiply_back(isa, &[term], &mut dx, false).unwrap();
            (out, dx)
        };
        assert!(run(Weights::Int8(&weight), true) == run(Weights::Frozen(&weight), false), "{}", isa.name());
    }
}

#[test]
fn in_8_bits_too_what_is_no_number_stays_none_and_in_its_row() {
    let weight = FrozenWeight::from_f32(64, 64, &values(64 * 64, 1)).unwrap();
    Isa::available().for_each(|isa| nothing_spreads(isa, &weight));
}

fn nothing_spreads(isa: Isa, weight: &FrozenWeight) {
    let mut x = values(3 * 64, 2);
    (x[5], x[2 * 64 + 9]) = (f32::NAN, f32::INFINITY);
    let (rows, mut out, mut dx) = (operand::<bf16>(isa, &x, 3, 64), vec![0.0; 3 * 64], vec![0.0; 3 * 64]);
    let output = Output { weights: Weights::Int8(weight), adapter: None, column: 0 };
    multiply(isa, rows.view(), &[output], &mut out, 64, false).unwrap();
    let term = Back { dy: rows.view(), weight, adapter: None, int8: true };
    multiply_back(isa, &[term], &mut dx, false).unwrap();
    for (i, (out, dx)) in out.iter().zip(&dx).enumerate() {
        assert_eq!((out.is_finite(), dx.is_finite()), (i / 64 == 1, i / 64 == 1), "value {i}");
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
    multiply_back(isa, &[Back { dy: dy_rows.view(), weight: &weight, adapter: None, int8: false }], &mut dx, false)
        .unwrap();
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
