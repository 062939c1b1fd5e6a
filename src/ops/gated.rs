//! The element-wise part of gated inner layers (Shazeer 2020): `silu(gate) · up` in SwiGLU, `gelu(gate) · up` in GeGLU.

use super::simd::{sigmoid, vectorized};

/// What the gate goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · sigmoid(x)`
    Silu,
    /// GELU by its tanh: `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))` (Hendrycks & Gimpel 2016).
    GeluTanh,
}

/// A curve of the form `x · sigmoid(inner(x))`.
trait Curve {
    fn inner(x: f32) -> f32;

    fn inner_slope(x: f32) -> f32;
}

struct Silu;

impl Curve for Silu {
    #[inline(always)]
    fn inner(x: f32) -> f32 {
        x
    }

    #[inline(always)]
    fn inner_slope(_: f32) -> f32 {
        1.0
    }
}

/// The tanh form of GELU, by `(1 + tanh(u)) / 2 = sigmoid(2u)`.
struct GeluTanh;

impl GeluTanh {
    /// `2 · √(2/π)`
    const LINEAR: f32 = 1.595_769;
    const CUBIC: f32 = Self::LINEAR * 0.044_715;
}

impl Curve for GeluTanh {
    #[inline(always)]
    fn inner(x: f32) -> f32 {
        x * (Self::LINEAR + Self::CUBIC * x * x)
    }

    #[inline(always)]
    fn inner_slope(x: f32) -> f32 {
        Self::LINEAR + 3.0 * Self::CUBIC * x * x
    }
}

/// Calls a function for the curve that is asked for.
macro_rules! by_curve {
    ($activation:expr, $function:ident $args:tt) => {
        match $activation {
            Activation::Silu => $function::<Silu> $args,
            Activation::GeluTanh => $function::<GeluTanh> $args,
        }
    };
}

vectorized! {
    /// `activation(gate) · up` of a row.
    pub fn gated_row(isa: Isa, activation: Activation, gate: &[f32], up: &[f32], out: &mut [f32]) {
        by_curve!(activation, row(gate, up, out))
    }

    /// Both in one pass for a row of `inner` values: `activation(gate) · up` again, and the gradients at `gate` and
    /// `up`.
    pub fn gated_row_and_back(
        isa: Isa,
        activation: Activation,
        gate_up: [&[f32]; 2],
        grad: &[f32],
        out: &mut [f32],
        d_gate_up: [&mut [f32]; 2],
    ) {
        by_curve!(activation, row_and_back(gate_up, grad, out, d_gate_up))
    }
}

#[inline(always)]
fn row<C: Curve>(gate: &[f32], up: &[f32], out: &mut [f32]) {
    for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
        *out = gate * sigmoid(C::inner(*gate)) * up;
    }
}

#[inline(always)]
fn row_and_back<C: Curve>([gate, up]: [&[f32]; 2], grad: &[f32], out: &mut [f32], [dgate, dup]: [&mut [f32]; 2]) {
    let inputs = gate.iter().zip(up).zip(grad);
    for (((gate, up), grad), ((out, dgate), dup)) in inputs.zip(out.iter_mut().zip(dgate).zip(dup)) {
        let s = sigmoid(C::inner(*gate));
        *out = gate * s * up;
        *dgate = grad * up * s * (1.0 + gate * (1.0 - s) * C::inner_slope(*gate));
        *dup = grad * gate * s;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::plain;
    use super::super::product::Isa;
    use super::super::testing::{Kernel, assert_close, check_kernel, instruction_sets, random};
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn agrees_with_its_twin_and_with_finite_differences(rows in 1usize..12, width in 1usize..70) {
            let (gate, up) = (random(&[rows, width], 1), random(&[rows, width], 2));
            for activation in [Activation::Silu, Activation::GeluTanh] {
                let isa = Isa::current();
                let kernel = Kernel {
                    dims: vec![rows, width],
                    forward: |x: &[&[f32]]| {
                        let mut out = vec![0.0; rows * width];
                        gated_row(isa, activation, x[0], x[1], &mut out);
                        out
                    },
                    backward: |x: &[&[f32]], grad: &[f32]| {
                        let [mut out, mut dgate, mut dup] = [(); 3].map(|()| vec![0.0; rows * width]);
                        gated_row_and_back(isa, activation, [x[0], x[1]], grad, &mut out, [&mut dgate, &mut dup]);
                        vec![dgate, dup]
                    },
                };
                check_kernel(&[&gate, &up], kernel, |x| plain::gated(x[0], x[1], activation));
            }
        }
    }

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_same(len in 1usize..1000) {
            let values = |seed| (random(&[len], seed) * 4.0).unwrap().to_vec1::<f32>().unwrap();
            let (gate, up, grad) = (values(1), values(2), values(3));
            for activation in [Activation::Silu, Activation::GeluTanh] {
            let run = |isa| {
                let mut alone = vec![0.0; len];
                gated_row(isa, activation, &gate, &up, &mut alone);
                let [mut out, mut dgate, mut dup] = [(); 3].map(|()| vec![0.0; len]);
                gated_row_and_back(isa, activation, [&gate, &up], &grad, &mut out, [&mut dgate, &mut dup]);
                assert_close(&out, &alone, "in one pass");
                [out, dgate, dup].concat()
            };
            let expected = run(Isa::Portable);
            for isa in instruction_sets() {
                assert_close(&run(isa), &expected, isa.name());
            }
            }
        }
    }
}
