//! SwiGLU's element-wise part (Shazeer 2020): `silu(gate) · up`.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

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

struct SwiGlu;

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

impl CustomOp2 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        let (gate, up) = (slice(s1, l1)?, slice(s2, l2)?);
        if gate.len() != up.len() {
            candle_core::bail!("swiglu: gate {:?} and up {:?} differ in shape", l1.shape(), l2.shape());
        }
        let mut out = vec![0.0; gate.len()];
        out.par_chunks_mut(CHUNK).zip(gate.par_chunks(CHUNK)).zip(up.par_chunks(CHUNK)).for_each(
            |((out, gate), up)| {
                for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
                    *out = gate * sigmoid(*gate) * up;
                }
            },
        );
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
            outputs.zip(inputs).for_each(|((dgate, dup), ((gate, up), grad))| {
                for i in 0..grad.len() {
                    let s = sigmoid(gate[i]);
                    dgate[i] = grad[i] * up[i] * s * (1.0 + gate[i] * (1.0 - s));
                    dup[i] = grad[i] * gate[i] * s;
                }
            });
            (dgate, dup)
        })?;
        let tensor = |values| Tensor::from_vec(values, gate.shape(), gate.device());
        Ok((Some(tensor(dgate)?), Some(tensor(dup)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_same_gradients, finite_differences, random};
    use super::*;

    #[test]
    fn agrees_with_its_twin_and_with_finite_differences() {
        for dims in [[1, 1], [3, 5], [11, 33]] {
            let (gate, up) = (random(&dims, 1), random(&dims, 2));
            assert_same_gradients(&[&gate, &up], |x| swiglu(x[0], x[1]), |x| swiglu_plain(x[0], x[1]));
            finite_differences(&[&gate, &up], |x| swiglu(x[0], x[1]));
        }
    }
}
