//! Rotary position embedding (Su et al. 2021): in the half-split layout of Transformers' `apply_rotary_pos_emb`, or of neighbours.

use std::sync::Arc;

use rayon::prelude::*;

use super::product::Isa;
use super::simd::vectorized;

/// Cosines and sines for the positions of one batch.
#[derive(Clone)]
pub struct RopeTable {
    /// `[num_tokens, num_angles]`
    cos: Arc<[f32]>,
    sin: Arc<[f32]>,
    num_angles: usize,
    head_dim: usize,
    is_adjacent: bool,
}

impl RopeTable {
    /// `angles` are `num_angles` for each token, in radians: the first `2 · num_angles` values of each head are rotated, those of
    /// two halves together or neighbours. Cosines and sines are multiplied by `factor`, so that a rotation may stretch, too.
    pub fn new(
        angles: impl Iterator<Item = f32> + Clone,
        head_dim: usize,
        num_angles: usize,
        factor: f32,
        is_adjacent: bool,
    ) -> Self {
        Self {
            cos: angles.clone().map(|angle| factor * angle.cos()).collect(),
            sin: angles.map(|angle| factor * angle.sin()).collect(),
            num_angles,
            head_dim,
            is_adjacent,
        }
    }

    /// Cosines and sines, `[num_tokens, num_angles]` each.
    pub fn cos_sin(&self) -> [&[f32]; 2] {
        [&self.cos, &self.sin]
    }

    pub fn num_angles(&self) -> usize {
        self.num_angles
    }

    /// Neighbours are rotated together, and not the values of two halves.
    pub fn is_adjacent(&self) -> bool {
        self.is_adjacent
    }

    /// Rotates the heads in the first `width` values of every row in place; rows are `stride` values apart. `sign` −1
    /// turns back.
    pub fn rotate(&self, isa: Isa, rows: &mut [f32], stride: usize, width: usize, sign: f32) {
        let tables = self.cos.par_chunks(self.num_angles).zip(self.sin.par_chunks(self.num_angles));
        rows.par_chunks_mut(stride).zip(tables).with_min_len(16).for_each(|(row, (cos, sin))| {
            for head in row[..width].chunks_mut(self.head_dim) {
                let head = &mut head[..2 * self.num_angles];
                match self.is_adjacent {
                    true => rotate_neighbours(isa, head, cos, sin, sign),
                    false => rotate_halves(isa, head, cos, sin, sign),
                }
            }
        });
    }
}

vectorized! {
    fn rotate_halves(isa: Isa, head: &mut [f32], cos: &[f32], sin: &[f32], sign: f32) {
        let (x1, x2) = head.split_at_mut(cos.len());
        for (((x1, x2), cos), sin) in x1.iter_mut().zip(x2).zip(cos).zip(sin) {
            let sin = sign * sin;
            (*x1, *x2) = (*x1 * cos - *x2 * sin, *x2 * cos + *x1 * sin);
        }
    }

    fn rotate_neighbours(isa: Isa, head: &mut [f32], cos: &[f32], sin: &[f32], sign: f32) {
        for ((pair, cos), sin) in head.chunks_exact_mut(2).zip(cos).zip(sin) {
            let sin = sign * sin;
            (pair[0], pair[1]) = (pair[0] * cos - pair[1] * sin, pair[1] * cos + pair[0] * sin);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::plain;
    use super::super::testing::{Kernel, check_kernel, random};
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn agrees_with_its_twin_and_with_finite_differences(
            num_tokens in 1usize..9,
            heads in 1usize..4,
            half in 1usize..20,
            unrotated in prop_oneof![Just(0), 1usize..5],
            is_adjacent in any::<bool>(),
        ) {
            let (head_dim, isa) = (2 * half + unrotated, Isa::current());
            let angles = (0..num_tokens).flat_map(|i| (0..half).map(move |place| (i % 4) as f32 / (place as f32 + 1.0)));
            let table = RopeTable::new(angles, head_dim, half, 1.25, is_adjacent);
            let x = random(&[num_tokens, heads * head_dim], 3);
            let turned = |values: &[f32], sign: f32| {
                let mut values = values.to_vec();
                table.rotate(isa, &mut values, heads * head_dim, heads * head_dim, sign);
                values
            };
            let kernel = Kernel {
                dims: x.dims().to_vec(),
                forward: |x: &[&[f32]]| turned(x[0], 1.0),
                // A rotation's gradient is turned back by the same angle.
                backward: |_: &[&[f32]], grad: &[f32]| vec![turned(grad, -1.0)],
            };
            check_kernel(&[&x], kernel, |x| plain::rotate(x[0], &table, head_dim));
        }
    }
}
