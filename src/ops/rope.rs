//! Rotary position embedding (Su et al. 2021) in the half-split layout of Transformers' `apply_rotary_pos_emb`.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::product::Isa;
use super::simd::vectorized;
use super::storage::{slice, with_slice};

/// Cosines and sines for the positions of one batch.
#[derive(Clone)]
pub struct RopeTable {
    /// `[num_tokens, head_dim / 2]`
    cos: Arc<[f32]>,
    sin: Arc<[f32]>,
    head_dim: usize,
}

impl RopeTable {
    /// Angles for these positions: `inverse_frequencies` are `head_dim / 2` values, `positions` one a token.
    pub fn new(inverse_frequencies: &[f32], positions: &[usize]) -> Self {
        Self::scaled(inverse_frequencies, positions, 1.0)
    }

    /// Cosines and sines multiplied by a factor, so that a rotation stretches, too.
    pub fn scaled(inverse_frequencies: &[f32], positions: &[usize], factor: f32) -> Self {
        let angles = || positions.iter().flat_map(|&p| inverse_frequencies.iter().map(move |f| p as f32 * f));
        Self {
            cos: angles().map(|angle| factor * angle.cos()).collect(),
            sin: angles().map(|angle| factor * angle.sin()).collect(),
            head_dim: 2 * inverse_frequencies.len(),
        }
    }

    /// Rotates the heads in the first `width` values of every row in place; rows are `stride` values apart. `sign` −1
    /// turns back.
    pub fn rotate(&self, isa: Isa, rows: &mut [f32], stride: usize, width: usize, sign: f32) {
        let half = self.head_dim / 2;
        let tables = self.cos.par_chunks(half).zip(self.sin.par_chunks(half));
        rows.par_chunks_mut(stride).zip(tables).with_min_len(16).for_each(|(row, (cos, sin))| {
            for head in row[..width].chunks_mut(self.head_dim) {
                rotate_head(isa, head, cos, sin, sign);
            }
        });
    }
}

vectorized! {
    fn rotate_head(isa: Isa, head: &mut [f32], cos: &[f32], sin: &[f32], sign: f32) {
        let (x1, x2) = head.split_at_mut(cos.len());
        for (((x1, x2), cos), sin) in x1.iter_mut().zip(x2).zip(cos).zip(sin) {
            let sin = sign * sin;
            (*x1, *x2) = (*x1 * cos - *x2 * sin, *x2 * cos + *x1 * sin);
        }
    }
}

/// Rotates `x`, `[num_tokens, num_heads · head_dim]`, by each token's position.
///
/// # Errors
/// Where `x` isn't contiguous f32, has another number of rows than the table, or rows that aren't whole heads.
pub fn rope(x: &Tensor, table: &RopeTable) -> Result<Tensor> {
    let (num_tokens, width) = x.dims2()?;
    if num_tokens * table.head_dim / 2 != table.cos.len() || !width.is_multiple_of(table.head_dim) {
        candle_core::bail!("rope: {num_tokens} × {width} values don't fit a table of {} angles", table.cos.len());
    }
    if x.device().is_cpu() {
        return x.contiguous()?.apply_op1(Rope { table: table.clone(), width });
    }
    rope_plain(x, table)
}

/// [`rope`] with candle's own operations.
///
/// # Errors
/// Where the shapes don't go together.
pub fn rope_plain(x: &Tensor, table: &RopeTable) -> Result<Tensor> {
    let (num_tokens, width) = x.dims2()?;
    let half = table.head_dim / 2;
    let angles = |values: &[f32]| Tensor::new(values, x.device())?.reshape((num_tokens, 1, half));
    let (cos, sin) = (angles(&table.cos)?, angles(&table.sin)?);
    let x = x.reshape((num_tokens, width / table.head_dim, table.head_dim))?;
    let (x1, x2) = (x.narrow(2, 0, half)?, x.narrow(2, half, half)?);
    let out1 = (x1.broadcast_mul(&cos)? - x2.broadcast_mul(&sin)?)?;
    let out2 = (x2.broadcast_mul(&cos)? + x1.broadcast_mul(&sin)?)?;
    Tensor::cat(&[out1, out2], 2)?.reshape((num_tokens, width))
}

struct Rope {
    table: RopeTable,
    width: usize,
}

impl CustomOp1 for Rope {
    fn name(&self) -> &'static str {
        "rope"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut out = slice(storage, layout)?.to_vec();
        self.table.rotate(Isa::current(), &mut out, self.width, self.width, 1.0);
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    /// A rotation's gradient is turned back by the same angle.
    fn bwd(&self, x: &Tensor, _out: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let mut dx = with_slice(grad, <[f32]>::to_vec)?;
        self.table.rotate(Isa::current(), &mut dx, self.width, self.width, -1.0);
        Ok(Some(Tensor::from_vec(dx, x.shape(), x.device())?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{assert_same_gradients, finite_differences, random};
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn agrees_with_its_twin_and_with_finite_differences(
            num_tokens in 1usize..9,
            heads in 1usize..4,
            half in 1usize..20,
        ) {
            let head_dim = 2 * half;
            let frequencies: Vec<f32> = (0..head_dim / 2).map(|i| 1.0 / (i as f32 + 1.0)).collect();
            let positions: Vec<usize> = (0..num_tokens).map(|i| i % 4).collect();
            let table = RopeTable::new(&frequencies, &positions);
            let x = random(&[num_tokens, heads * head_dim], 3);
            assert_same_gradients(&[&x], |x| rope(x[0], &table), |x| rope_plain(x[0], &table));
            finite_differences(&[&x], |x| rope(x[0], &table));
        }
    }
}
