//! Linear layers over a frozen weight. candle's own product would compute the frozen weight's gradient, too, and keep it.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, CustomOp3, Layout, Result, Shape, Tensor};

use super::FrozenWeight;
use super::matmul::{Mat, MatMut, Threads, matmul};
use super::product::{Back, Isa, Output, Rows, Weights, multiply, multiply_back};
use super::storage::{slice, with_slice, with_slices};

/// `x · Wᵀ`; `x` is `[num_tokens, in]`, `W` is `[out, in]`, the result `[num_tokens, out]`.
///
/// # Errors
/// Where the shapes don't go together, or `x` isn't contiguous f32.
pub fn frozen_linear(x: &Tensor, weight: &Arc<FrozenWeight>) -> Result<Tensor> {
    check_width(x, weight)?;
    if x.device().is_cpu() {
        return x.contiguous()?.apply_op1(Linear { weight: weight.clone() });
    }
    frozen_linear_plain(x, weight)
}

/// [`frozen_linear`] with candle's own operations.
///
/// # Errors
/// Where the shapes don't go together.
pub fn frozen_linear_plain(x: &Tensor, weight: &FrozenWeight) -> Result<Tensor> {
    x.matmul(&dense(weight, x)?.t()?)
}

/// `x · Wᵀ + scale · (x · Aᵀ) · Bᵀ` (Hu et al. 2021; PEFT's `LoraLayer`); `A` is `[r, in]`, `B` is `[out, r]`.
///
/// # Errors
/// Where the shapes don't go together, or a tensor isn't contiguous f32.
pub fn lora_linear(x: &Tensor, weight: &Arc<FrozenWeight>, a: &Tensor, b: &Tensor, scale: f64) -> Result<Tensor> {
    check_width(x, weight)?;
    if x.device().is_cpu() {
        let op = LoraLinear { weight: weight.clone(), scale: scale as f32 };
        return x.contiguous()?.apply_op3(&a.contiguous()?, &b.contiguous()?, op);
    }
    lora_linear_plain(x, weight, a, b, scale)
}

/// [`lora_linear`] with candle's own operations.
///
/// # Errors
/// Where the shapes don't go together.
pub fn lora_linear_plain(x: &Tensor, weight: &FrozenWeight, a: &Tensor, b: &Tensor, scale: f64) -> Result<Tensor> {
    frozen_linear_plain(x, weight)? + (x.matmul(&a.t()?)?.matmul(&b.t()?)? * scale)?
}

fn check_width(x: &Tensor, weight: &FrozenWeight) -> Result<()> {
    let (_, width) = x.dims2()?;
    if width != weight.cols() {
        candle_core::bail!("a linear layer of {} inputs was given {width}", weight.cols());
    }
    Ok(())
}

fn dense(weight: &FrozenWeight, like: &Tensor) -> Result<Tensor> {
    Tensor::from_vec(weight.to_f32()?, (weight.rows(), weight.cols()), like.device())
}

/// `out = x · Wᵀ`
pub(super) fn project(x: &[f32], weight: &FrozenWeight, out: &mut [f32]) -> Result<()> {
    let (rows, cols) = (weight.rows(), weight.cols());
    let x = Rows::new(x, x.len() / cols.max(1), cols, cols);
    let output = Output { weights: Weights::Frozen(weight), adapter: None, column: 0 };
    multiply(Isa::current(), x, &[output], out, rows, false)
}

/// `dx = dy · W`
pub(super) fn project_back(dy: &[f32], weight: &FrozenWeight, dx: &mut [f32]) -> Result<()> {
    let rows = weight.rows();
    let dy = Rows::new(dy, dy.len() / rows.max(1), rows, rows);
    multiply_back(Isa::current(), &[Back { dy, weight, adapter: None, int8: false }], dx, false)
}

struct Linear {
    weight: Arc<FrozenWeight>,
}

impl CustomOp1 for Linear {
    fn name(&self) -> &'static str {
        "frozen-linear"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = slice(storage, layout)?;
        let num_tokens = layout.dims()[0];
        let mut out = vec![0.0; num_tokens * self.weight.rows()];
        project(x, &self.weight, &mut out)?;
        Ok((CpuStorage::F32(out), (num_tokens, self.weight.rows()).into()))
    }

    fn bwd(&self, x: &Tensor, _out: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let mut dx = vec![0.0; x.elem_count()];
        with_slice(grad, |grad| project_back(grad, &self.weight, &mut dx))??;
        Ok(Some(Tensor::from_vec(dx, x.shape(), x.device())?))
    }
}

struct LoraLinear {
    weight: Arc<FrozenWeight>,
    scale: f32,
}

impl CustomOp3 for LoraLinear {
    fn name(&self) -> &'static str {
        "lora-linear"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, a, b) = (slice(s1, l1)?, slice(s2, l2)?, slice(s3, l3)?);
        let (n, r) = (l1.dims()[0], l2.dims()[0]);
        let (inputs, outputs) = (self.weight.cols(), self.weight.rows());
        if l2.dims() != [r, inputs] || l3.dims() != [outputs, r] {
            candle_core::bail!(
                "a linear layer of {inputs} inputs and {outputs} outputs was given an adapter of shapes {:?} and {:?}",
                l2.dims(),
                l3.dims()
            );
        }
        let mut out = vec![0.0; n * outputs];
        project(x, &self.weight, &mut out)?;
        let mut xa = vec![0.0; n * r];
        matmul(
            MatMut::new(&mut xa, n, r),
            Mat::new(x, n, inputs),
            Mat::new(a, r, inputs).t(),
            1.0,
            false,
            Threads::All,
        );
        let b = Mat::new(b, outputs, r).t();
        matmul(MatMut::new(&mut out, n, outputs), Mat::new(&xa, n, r), b, self.scale, true, Threads::All);
        Ok((CpuStorage::F32(out), (n, outputs).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        a: &Tensor,
        b: &Tensor,
        _out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (n, r) = (x.dims()[0], a.dims()[0]);
        let (inputs, outputs) = (self.weight.cols(), self.weight.rows());
        let (mut dx, mut da, mut db) = (vec![0.0; n * inputs], vec![0.0; r * inputs], vec![0.0; outputs * r]);
        with_slices([x, a, b, grad], |[x, a, b, dy]| -> Result<()> {
            let (x, a, b) = (Mat::new(x, n, inputs), Mat::new(a, r, inputs), Mat::new(b, outputs, r));
            project_back(dy, &self.weight, &mut dx)?;
            let dy = Mat::new(dy, n, outputs);
            // [n, r]: the gradient at x·Aᵀ, and x·Aᵀ itself, which is cheaper to compute again than to keep.
            let (mut dxa, mut xa) = (vec![0.0; n * r], vec![0.0; n * r]);
            matmul(MatMut::new(&mut dxa, n, r), dy, b, self.scale, false, Threads::All);
            matmul(MatMut::new(&mut xa, n, r), x, a.t(), 1.0, false, Threads::All);
            let (dxa, xa) = (Mat::new(&dxa, n, r), Mat::new(&xa, n, r));
            matmul(MatMut::new(&mut dx, n, inputs), dxa, a, 1.0, true, Threads::All);
            matmul(MatMut::new(&mut da, r, inputs), dxa.t(), x, 1.0, false, Threads::All);
            matmul(MatMut::new(&mut db, outputs, r), dy.t(), xa, self.scale, false, Threads::All);
            Ok(())
        })??;
        let tensor = |values, like: &Tensor| Tensor::from_vec(values, like.shape(), like.device());
        Ok((Some(tensor(dx, x)?), Some(tensor(da, a)?), Some(tensor(db, b)?)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{assert_same_gradients, finite_differences, random};
    use super::*;

    fn weight(outputs: usize, inputs: usize) -> Arc<FrozenWeight> {
        let values: Vec<f32> = random(&[outputs * inputs], 8).to_vec1().unwrap();
        Arc::new(FrozenWeight::from_f32(outputs, inputs, &values).unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn a_frozen_layer_agrees_with_its_twin_and_with_finite_differences(
            (n, inputs, outputs) in prop_oneof![(1usize..5, 1usize..70, 1usize..70), Just((2, 1100, 1000))],
        ) {
            let weight = weight(outputs, inputs);
            let x = (random(&[n, inputs], 1) / (inputs as f64).sqrt()).unwrap();
            assert_same_gradients(&[&x], |x| frozen_linear(x[0], &weight), |x| frozen_linear_plain(x[0], &weight));
            finite_differences(&[&x], |x| frozen_linear(x[0], &weight));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn a_lora_layer_agrees_with_its_twin_and_with_finite_differences(
            n in 1usize..10,
            inputs in 1usize..20,
            outputs in 1usize..20,
            r in 1usize..6,
        ) {
            let weight = weight(outputs, inputs);
            let inputs = [&random(&[n, inputs], 1), &random(&[r, inputs], 2), &random(&[outputs, r], 3)];
            let scale = 1.0 / 4.0;
            assert_same_gradients(
                &inputs,
                |x| lora_linear(x[0], &weight, x[1], x[2], scale),
                |x| lora_linear_plain(x[0], &weight, x[1], x[2], scale),
            );
            finite_differences(&inputs, |x| lora_linear(x[0], &weight, x[1], x[2], scale));
        }
    }

    #[test]
    fn wrong_shapes_are_errors() {
        let weight = weight(3, 4);
        assert!(frozen_linear(&random(&[2, 5], 1), &weight).is_err());
        let (x, a, b) = (random(&[2, 4], 1), random(&[2, 5], 2), random(&[3, 2], 3));
        assert!(lora_linear(&x, &weight, &a, &b, 1.0).is_err());
    }
}
