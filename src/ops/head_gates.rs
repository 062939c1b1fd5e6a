//! Gates on the heads of attention: what a query's head finds is multiplied by the sigmoid of a gate (Qiu et al. 2025).

use rayon::prelude::*;

use super::AttentionShape;
use super::product::Isa;
use super::simd::{exp, sigmoid, vectorized};

/// Parts a row of queries and gates, head by head side by side, and of keys and values after them: into queries, keys and
/// values, and gates.
pub fn part_row(shape: AttentionShape, row: &[f32], qkv: &mut [f32], gates: &mut [f32]) {
    let (dim, width) = (shape.head_dim, shape.q_width());
    let (q, kv) = qkv.split_at_mut(width);
    let heads = q.chunks_exact_mut(dim).zip(gates.chunks_exact_mut(dim));
    for (both, (query, gate)) in row[..2 * width].chunks_exact(2 * dim).zip(heads) {
        query.copy_from_slice(&both[..dim]);
        gate.copy_from_slice(&both[dim..]);
    }
    kv.copy_from_slice(&row[2 * width..]);
}

/// The way back of [`part_row`].
pub fn join_row(shape: AttentionShape, qkv: &[f32], gates: &[f32], row: &mut [f32]) {
    let (dim, width) = (shape.head_dim, shape.q_width());
    let (q, kv) = qkv.split_at(width);
    let heads = q.chunks_exact(dim).zip(gates.chunks_exact(dim));
    for (both, (query, gate)) in row[..2 * width].chunks_exact_mut(2 * dim).zip(heads) {
        both[..dim].copy_from_slice(query);
        both[dim..].copy_from_slice(gate);
    }
    row[2 * width..].copy_from_slice(kv);
}

/// All values times the sigmoids of their gates.
pub fn gate_all(isa: Isa, gates: &[f32], values: &mut [f32]) {
    values.par_chunks_mut(CHUNK).zip(gates.par_chunks(CHUNK)).for_each(|(values, gates)| gate_row(isa, gates, values));
}

/// How many values a task takes.
const CHUNK: usize = 1 << 14;

vectorized! {
    /// `value · sigmoid(gate)`
    pub fn gate_row(isa: Isa, gates: &[f32], values: &mut [f32]) {
        values.iter_mut().zip(gates).for_each(|(value, gate)| *value *= sigmoid(*gate));
    }

    /// From gated values and their gradients to the values before, and to the gradients there.
    pub fn gate_row_back(isa: Isa, gates: &[f32], values: &mut [f32], grads: &mut [f32]) {
        for ((value, grad), gate) in values.iter_mut().zip(grads).zip(gates) {
            let inverse = 1.0 + exp(-*gate);
            *value *= inverse;
            *grad /= inverse;
        }
    }

    /// The gradients at the gates, from what [`gate_row_back`] gives.
    pub fn gradient_of_gates(isa: Isa, gates: &[f32], values: &[f32], grads: &[f32], out: &mut [f32]) {
        for (((out, value), grad), gate) in out.iter_mut().zip(values).zip(grads).zip(gates) {
            *out = value * grad * (1.0 - sigmoid(*gate));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::plain;
    use super::super::testing::{Kernel, assert_close, check_kernel, instruction_sets, random, values};
    use super::*;

    fn shape(num_heads: usize, num_kv_heads: usize, head_dim: usize) -> AttentionShape {
        AttentionShape { num_heads, num_kv_heads, head_dim, scale: 1.0, window: None, softcap: None }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn agrees_with_its_twin_and_with_finite_differences(rows in 1usize..9, heads in 1usize..4, dim in 1usize..20) {
            let isa = Isa::current();
            let shape = shape(heads, 1, dim);
            let (wide, n) = (random(&[rows, 2 * heads * dim], 1), heads * dim);
            let parted = |x: &[f32]| {
                let [mut q, mut gates] = [(); 2].map(|()| vec![0.0; rows * n]);
                let each = x.chunks(2 * n).zip(q.chunks_mut(n)).zip(gates.chunks_mut(n));
                each.for_each(|((row, q), gates)| part_row(shape, row, q, gates));
                (q, gates)
            };
            let kernel = Kernel {
                dims: vec![rows, n],
                forward: |x: &[&[f32]]| {
                    let (mut q, gates) = parted(x[0]);
                    gate_all(isa, &gates, &mut q);
                    q
                },
                backward: |x: &[&[f32]], grad: &[f32]| {
                    let (mut values, gates) = parted(x[0]);
                    gate_all(isa, &gates, &mut values);
                    let (mut grad, mut d_gates, mut d_wide) = (grad.to_vec(), vec![0.0; rows * n], vec![9.0; x[0].len()]);
                    gate_row_back(isa, &gates, &mut values, &mut grad);
                    gradient_of_gates(isa, &gates, &values, &grad, &mut d_gates);
                    let each = d_wide.chunks_mut(2 * n).zip(grad.chunks(n)).zip(d_gates.chunks(n));
                    each.for_each(|((row, q), gates)| join_row(shape, q, gates, row));
                    vec![d_wide]
                },
            };
            check_kernel(&[&wide], kernel, |x| {
                let [q, gates] = plain::part_gates(x[0], shape)?;
                plain::gate_heads(&q, &gates)
            });
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_and_keys_and_values_stay() {
        let [gates, by, grad] = [1, 2, 3].map(|seed| values(&(random(&[500], seed) * 4.0).unwrap()));
        let run = |isa| {
            let (mut values, mut grads, mut d_gates) = (by.clone(), grad.clone(), vec![0.0; 500]);
            gate_row(isa, &gates, &mut values);
            let gated = values.clone();
            gate_row_back(isa, &gates, &mut values, &mut grads);
            assert_close(&values, &by, "back again");
            gradient_of_gates(isa, &gates, &values, &grads, &mut d_gates);
            [gated, grads, d_gates].concat()
        };
        let expected = run(Isa::Portable);
        for isa in instruction_sets() {
            assert_close(&run(isa), &expected, isa.name());
        }
        let (shape, row) = (shape(2, 1, 2), Vec::from_iter((0..12).map(|i| i as f32)));
        let (mut qkv, mut gates, mut again) = ([0.0; 8], [0.0; 4], [0.0; 12]);
        part_row(shape, &row, &mut qkv, &mut gates);
        assert_eq!(qkv, [0.0, 1.0, 4.0, 5.0, 8.0, 9.0, 10.0, 11.0]);
        assert_eq!(gates, [2.0, 3.0, 6.0, 7.0]);
        join_row(shape, &qkv, &gates, &mut again);
        assert_eq!(again[..], row);
    }
}
