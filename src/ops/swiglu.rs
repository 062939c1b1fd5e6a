//! SwiGLU's element-wise part (Shazeer 2020): `silu(gate) · up`.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::product::Isa;
use super::simd::{sigmoid, vectorized};
use super::storage::{slice, with_slices};

/// Values a task works on.
const CHUNK: usize = 16_384;

/// `gate` and `up` have the same shape.
pub fn swiglu(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    if gate.device().is_cpu() {
        return gate.contiguous()?.apply_op2(&up.contiguous()?, SwiGlu);
    }
    swiglu_plain(gate, up)
}

/// The same with candle's own operations.
pub fn swiglu_plain(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    gate.silu()? * up
}

vectorized! {
    /// `silu(gate) · up` of a row.
    pub fn swiglu_row(isa: Isa, gate: &[f32], up: &[f32], out: &mut [f32]) {
        for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
            *out = gate * sigmoid(*gate) * up;
        }
    }

    /// Both in one pass: `silu(gate) · up` again, and the gradients at `gate` and `up`.
    pub fn swiglu_row_and_back(
        isa: Isa,
        gate: &[f32],
        up: &[f32],
        grad: &[f32],
        out: &mut [f32],
        dgate: &mut [f32],
        dup: &mut [f32],
    ) {
        let inputs = gate.iter().zip(up).zip(grad);
        for (((gate, up), grad), ((out, dgate), dup)) in inputs.zip(out.iter_mut().zip(dgate).zip(dup)) {
            let s = sigmoid(*gate);
            *out = gate * s * up;
            *dgate = grad * up * s * (1.0 + gate * (1.0 - s));
            *dup = grad * gate * s;
        }
    }

    /// The gradients at `gate` and `up` for a gradient at the result.
    pub fn swiglu_row_back(isa: Isa, gate: &[f32], up: &[f32], grad: &[f32], dgate: &mut [f32], dup: &mut [f32]) {
        for ((((gate, up), grad), dgate), dup) in gate.iter().zip(up).zip(grad).zip(dgate).zip(dup) {
            let s = sigmoid(*gate);
            *dgate = grad * up * s * (1.0 + gate * (1.0 - s));
            *dup = grad * gate * s;
        }
    }
}

struct SwiGlu;

impl CustomOp2 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        let (gate, up) = (slice(s1, l1)?, slice(s2, l2)?);
        if gate.len() != up.len() {
            candle_core::bail!("swiglu: gate {:?} and up {:?} differ in shape", l1.shape(), l2.shape());
        }
        let isa = Isa::current();
        let mut out = vec![0.0; gate.len()];
        out.par_chunks_mut(CHUNK)
            .zip(gate.par_chunks(CHUNK))
            .zip(up.par_chunks(CHUNK))
            .for_each(|((out, gate), up)| swiglu_row(isa, gate, up, out));
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
                swiglu_row_back(isa, gate, up, grad, dgate, dup);
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

    use super::super::testing::{assert_close, assert_same_gradients, finite_differences, random};
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn agrees_with_its_twin_and_with_finite_differences(rows in 1usize..12, width in 1usize..70) {
            let (gate, up) = (random(&[rows, width], 1), random(&[rows, width], 2));
            assert_same_gradients(&[&gate, &up], |x| swiglu(x[0], x[1]), |x| swiglu_plain(x[0], x[1]));
            finite_differences(&[&gate, &up], |x| swiglu(x[0], x[1]));
        }
    }

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_same(len in 1usize..1000) {
            let values = |seed| (random(&[len], seed) * 4.0).unwrap().to_vec1::<f32>().unwrap();
            let (gate, up, grad) = (values(1), values(2), values(3));
            let run = |isa| {
                let [mut out, mut dgate, mut dup] = [(); 3].map(|()| vec![0.0; len]);
                swiglu_row(isa, &gate, &up, &mut out);
                swiglu_row_back(isa, &gate, &up, &grad, &mut dgate, &mut dup);
                let apart = [out, dgate, dup].concat();
                let [mut out, mut dgate, mut dup] = [(); 3].map(|()| vec![0.0; len]);
                swiglu_row_and_back(isa, &gate, &up, &grad, &mut out, &mut dgate, &mut dup);
                assert_close(&[out, dgate, dup].concat(), &apart, "in one pass");
                apart
            };
            let expected = run(Isa::Portable);
            for isa in Isa::available() {
                assert_close(&run(isa), &expected, isa.name());
            }
        }
    }
}
