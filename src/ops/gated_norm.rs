//! The norm behind a state space (`RMSNormGated` in Mamba-2's models): of what a gate lets through, over each group of heads by
//! itself.

use super::product::Isa;
use super::rms_norm::{normalize_row, normalize_row_back};
use super::simd::{sigmoid, vectorized};

/// A row: `norm(x · silu(gate)) · weight`, where the norm goes over each of `num_groups` parts. `room` is as long as `x`.
pub fn gated_norm_row(
    isa: Isa,
    [x, gate]: [&[f32]; 2],
    (weight, num_groups, eps): (&[f32], usize, f32),
    room: &mut [f32],
    out: &mut [f32],
) {
    let each = (weight.len() / num_groups.max(1)).max(1);
    gate_row(isa, x, gate, room);
    for ((out, x), weight) in out.chunks_exact_mut(each).zip(room.chunks_exact(each)).zip(weight.chunks_exact(each)) {
        normalize_row(isa, x, weight, eps, out);
    }
}

/// The gradients at `x` and `gate` from that at the result, `grad`, in whose place that at `x` comes.
pub fn gated_norm_row_back(
    isa: Isa,
    [x, gate]: [&[f32]; 2],
    (weight, num_groups, eps): (&[f32], usize, f32),
    rooms: [&mut [f32]; 2],
    grad: &mut [f32],
    d_gate: &mut [f32],
) {
    let each = (weight.len() / num_groups.max(1)).max(1);
    let [product, d_product] = rooms;
    gate_row(isa, x, gate, product);
    d_product.fill(0.0);
    let parts = product.chunks_exact(each).zip(weight.chunks_exact(each));
    let grads = grad.chunks_exact(each).zip(d_product.chunks_exact_mut(each));
    for ((x, weight), (grad, dx)) in parts.zip(grads) {
        normalize_row_back(isa, x, weight, eps, grad, dx);
    }
    gate_row_back(isa, [x, gate], d_product, [grad, d_gate]);
}

vectorized! {
    fn gate_row(isa: Isa, x: &[f32], gate: &[f32], out: &mut [f32]) {
        for ((out, x), gate) in out.iter_mut().zip(x).zip(gate) {
            *out = x * gate * sigmoid(*gate);
        }
    }

    fn gate_row_back(isa: Isa, inputs: [&[f32]; 2], grad: &[f32], to: [&mut [f32]; 2]) {
        let ([x, gate], [dx, d_gate]) = (inputs, to);
        for (((x, gate), grad), (dx, d_gate)) in x.iter().zip(gate).zip(grad).zip(dx.iter_mut().zip(d_gate)) {
            let s = sigmoid(*gate);
            *dx = grad * gate * s;
            *d_gate = grad * x * s * (1.0 + gate * (1.0 - s));
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
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn agrees_with_its_twin_and_with_finite_differences(rows in 1usize..6, groups in 1usize..4, each in 1usize..40) {
            let (isa, width) = (Isa::current(), groups * each);
            let [x, gate, weight] = [(rows, 1), (rows, 2), (1, 3)].map(|(rows, seed)| random(&[rows, width], seed));
            let by = values(&weight);
            let norm = (&by[..], groups, 1e-2);
            let kernel = Kernel {
                dims: vec![rows, width],
                forward: |x: &[&[f32]]| {
                    let (mut room, mut out) = (vec![9.0; width], vec![9.0; rows * width]);
                    for (row, out) in out.chunks_mut(width).enumerate() {
                        let of = |x: &'_ [f32]| x[row * width..][..width].to_vec();
                        gated_norm_row(isa, [&of(x[0]), &of(x[1])], norm, &mut room, out);
                    }
                    out
                },
                backward: |x: &[&[f32]], grad: &[f32]| {
                    let (mut dx, mut d_gate) = (grad.to_vec(), vec![9.0; rows * width]);
                    let (mut room, mut more) = (vec![9.0; width], vec![9.0; width]);
                    for (row, (dx, d_gate)) in dx.chunks_mut(width).zip(d_gate.chunks_mut(width)).enumerate() {
                        let of = |x: &'_ [f32]| x[row * width..][..width].to_vec();
                        gated_norm_row_back(isa, [&of(x[0]), &of(x[1])], norm, [&mut room, &mut more], dx, d_gate);
                    }
                    vec![dx, d_gate]
                },
            };
            check_kernel(&[&x, &gate], kernel, |x| plain::gated_norm(x[0], x[1], &weight, groups, 1e-2));
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same() {
        let width = 2 * 83;
        let [x, gate, weight, grad] = [1, 2, 3, 4].map(|seed| values(&random(&[width], seed)));
        let run = |isa| {
            let [mut out, mut room, mut more, mut d_gate] = [(); 4].map(|()| vec![9.0; width]);
            let mut dx = grad.clone();
            gated_norm_row(isa, [&x, &gate], (&weight, 2, 1e-5), &mut room, &mut out);
            let rooms = [&mut room[..], &mut more[..]];
            gated_norm_row_back(isa, [&x, &gate], (&weight, 2, 1e-5), rooms, &mut dx, &mut d_gate);
            [out, dx, d_gate].concat()
        };
        let expected = run(Isa::Portable);
        for isa in instruction_sets() {
            assert_close(&run(isa), &expected, isa.name());
        }
    }
}
