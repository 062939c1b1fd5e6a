//! The element-wise part of gated inner layers (Shazeer 2020): `silu(gate) · up` in SwiGLU, `gelu(gate) · up` in GeGLU.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::product::Isa;
use super::simd::{sigmoid, vectorized};
use super::storage::{slice, with_slices};

/// How many values a task works on.
const CHUNK: usize = 16_384;

/// What the gate goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · sigmoid(x)`
    Silu,
    /// GELU by its tanh: `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))` (Hendrycks & Gimpel 2016).
    GeluTanh,
}

/// `activation(gate) · up`; `gate`, `up` and the result are `[num_tokens, inner]`.
///
/// # Errors
/// Where the shapes differ, or a tensor isn't contiguous f32.
pub fn gated(gate: &Tensor, up: &Tensor, activation: Activation) -> Result<Tensor> {
    if gate.device().is_cpu() {
        return gate.contiguous()?.apply_op2(&up.contiguous()?, Gated(activation));
    }
    gated_plain(gate, up, activation)
}

/// [`gated`] with candle's own operations.
///
/// # Errors
/// Where the shapes differ.
pub fn gated_plain(gate: &Tensor, up: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Silu => gate.silu()? * up,
        Activation::GeluTanh => gate.gelu()? * up,
    }
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

    /// The gradients at a row's `gate` and `up` for the gradient at its result; all have `inner` values.
    pub fn gated_row_back(
        isa: Isa,
        activation: Activation,
        gate: &[f32],
        up: &[f32],
        grad: &[f32],
        dgate: &mut [f32],
        dup: &mut [f32],
    ) {
        by_curve!(activation, row_back(gate, up, grad, dgate, dup))
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

#[inline(always)]
fn row_back<C: Curve>(gate: &[f32], up: &[f32], grad: &[f32], dgate: &mut [f32], dup: &mut [f32]) {
    for ((((gate, up), grad), dgate), dup) in gate.iter().zip(up).zip(grad).zip(dgate).zip(dup) {
        let s = sigmoid(C::inner(*gate));
        *dgate = grad * up * s * (1.0 + gate * (1.0 - s) * C::inner_slope(*gate));
        *dup = grad * gate * s;
    }
}

struct Gated(Activation);

impl CustomOp2 for Gated {
    fn name(&self) -> &'static str {
        "gated"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        let (gate, up) = (slice(s1, l1)?, slice(s2, l2)?);
        if gate.len() != up.len() {
            candle_core::bail!("gated: gate {:?} and up {:?} differ in shape", l1.shape(), l2.shape());
        }
        let isa = Isa::current();
        let mut out = vec![0.0; gate.len()];
        out.par_chunks_mut(CHUNK)
            .zip(gate.par_chunks(CHUNK))
            .zip(up.par_chunks(CHUNK))
            .for_each(|((out, gate), up)| gated_row(isa, self.0, gate, up, out));
        Ok((CpuStorage::F32(out), l1.shape().clone()))
    }

    fn bwd(
        &self,
        gate: &Tensor,
        up: &Tensor,
        _out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (dgate, dup) = with_slices([gate, up, grad], |[gate, up, grad]| {
            let (mut dgate, mut dup) = (vec![0.0; gate.len()], vec![0.0; gate.len()]);
            let outputs = dgate.par_chunks_mut(CHUNK).zip(dup.par_chunks_mut(CHUNK));
            let inputs = gate.par_chunks(CHUNK).zip(up.par_chunks(CHUNK)).zip(grad.par_chunks(CHUNK));
            let isa = Isa::current();
            outputs.zip(inputs).for_each(|((dgate, dup), ((gate, up), grad))| {
                gated_row_back(isa, self.0, gate, up, grad, dgate, dup);
            });
            (dgate, dup)
        })?;
        let tensor = |values| Tensor::from_vec(values, gate.shape(), gate.device());
        Ok((Some(tensor(dgate)?), Some(tensor(dup)?)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{assert_close, assert_same_gradients, finite_differences, instruction_sets, random};
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn agrees_with_its_twin_and_with_finite_differences(rows in 1usize..12, width in 1usize..70) {
            let (gate, up) = (random(&[rows, width], 1), random(&[rows, width], 2));
            for activation in [Activation::Silu, Activation::GeluTanh] {
                let op = |x: &[&Tensor]| gated(x[0], x[1], activation);
                assert_same_gradients(&[&gate, &up], op, |x| gated_plain(x[0], x[1], activation));
                finite_differences(&[&gate, &up], op);
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
                let [mut out, mut dgate, mut dup] = [(); 3].map(|()| vec![0.0; len]);
                gated_row(isa, activation, &gate, &up, &mut out);
                gated_row_back(isa, activation, &gate, &up, &grad, &mut dgate, &mut dup);
                let apart = [out, dgate, dup].concat();
                let [mut out, mut dgate, mut dup] = [(); 3].map(|()| vec![0.0; len]);
                gated_row_and_back(isa, activation, [&gate, &up], &grad, &mut out, [&mut dgate, &mut dup]);
                assert_close(&[out, dgate, dup].concat(), &apart, "in one pass");
                apart
            };
            let expected = run(Isa::Portable);
            for isa in instruction_sets() {
                assert_close(&run(isa), &expected, isa.name());
            }
            }
        }
    }
}
