//! What attention and the inner layers add to the residual stream: at once, or scaled, or through a norm of its own.

use std::sync::Arc;

use rayon::prelude::*;

use super::block::add_bias;
use super::pass::{BlockPass, MIN_ROWS};
use crate::ops::product::{Element, Operand};
use crate::ops::rms_norm::add_normalized_row;

impl BlockPass<'_> {
    /// Where what a branch adds is written: onto the residual stream, or beside it where something comes between; and whether
    /// it is added.
    pub(super) fn branch_target<'a>(
        &self,
        norm: &Option<Arc<[f32]>>,
        bias: Option<&[f32]>,
        x: &'a mut [f32],
        branch: &'a mut Vec<f32>,
    ) -> (&'a mut [f32], bool) {
        if norm.is_none() && bias.is_none() && self.decoder.residual_scale() == 1.0 {
            return (x, true);
        }
        branch.resize(x.len(), 0.0);
        (branch, false)
    }

    /// Adds what [`BlockPass::branch_target`] caught, and the bias, to the residual stream, and keeps it for the way back through a
    /// norm.
    pub(super) fn add_branch<E: Element>(
        &self,
        norm: &Option<Arc<[f32]>>,
        bias: Option<&[f32]>,
        branch: &mut [f32],
        kept: &mut Operand<E>,
        x: &mut [f32],
    ) {
        let (isa, eps, hidden) = (self.isa, self.decoder.eps(), self.decoder.spec().hidden_size);
        let scale = self.decoder.residual_scale();
        if norm.is_none() && bias.is_none() && scale == 1.0 {
            return;
        }
        if let Some(bias) = bias {
            add_bias(branch, bias);
        }
        if norm.is_some() {
            kept.set(isa, branch, x.len() / hidden, hidden);
        }
        let rows = x.par_chunks_mut(hidden).zip(branch.par_chunks(hidden)).with_min_len(MIN_ROWS);
        match norm {
            Some(norm) => rows.for_each(|(x, branch)| add_normalized_row(isa, branch, norm, eps, scale, x)),
            None => rows.for_each(|(x, branch)| x.iter_mut().zip(branch).for_each(|(x, branch)| *x += scale * branch)),
        }
    }

    /// The gradient at what was added to the residual stream: `dx`, or what of it comes back through the scale and the norm.
    pub(super) fn branch_back<E: Element>(
        &self,
        norm: &Option<Arc<[f32]>>,
        kept: &Operand<E>,
        dx: &[f32],
        d_branch: &mut Vec<f32>,
        dy: &mut Operand<E>,
    ) {
        let (hidden, scale) = (self.decoder.spec().hidden_size, self.decoder.residual_scale());
        if norm.is_none() && scale == 1.0 {
            return dy.set(self.isa, dx, dx.len() / hidden, hidden);
        }
        d_branch.clear();
        d_branch.resize(dx.len(), 0.0);
        self.normalize_back(kept, norm, dx, d_branch);
        if scale != 1.0 {
            d_branch.iter_mut().for_each(|value| *value *= scale);
        }
        dy.set(self.isa, d_branch, dx.len() / hidden, hidden);
    }
}
