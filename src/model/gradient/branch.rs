//! What attention and the inner layers add to the residual stream: at once, or through a norm of its own.

use std::sync::Arc;

use rayon::prelude::*;

use super::pass::{BlockPass, MIN_ROWS};
use crate::ops::product::{Element, Operand};
use crate::ops::rms_norm::add_normalized_row;

/// Where what a branch adds is written: onto the residual stream, or beside it where a norm comes between; and whether
/// it is added.
pub(super) fn branch_target<'a>(
    norm: &Option<Arc<[f32]>>,
    x: &'a mut [f32],
    branch: &'a mut Vec<f32>,
) -> (&'a mut [f32], bool) {
    if norm.is_none() {
        return (x, true);
    }
    branch.resize(x.len(), 0.0);
    (branch, false)
}

impl BlockPass<'_> {
    /// Adds what [`branch_target`] caught to the residual stream, through its norm, and keeps it for the way back.
    pub(super) fn add_branch<E: Element>(
        &self,
        norm: &Option<Arc<[f32]>>,
        branch: &[f32],
        kept: &mut Operand<E>,
        x: &mut [f32],
    ) {
        let Some(norm) = norm else { return };
        let (isa, eps, hidden) = (self.isa, self.decoder.eps(), norm.len());
        kept.set(isa, branch, x.len() / hidden, hidden);
        let rows = x.par_chunks_mut(hidden).zip(branch.par_chunks(hidden)).with_min_len(MIN_ROWS);
        rows.for_each(|(x, branch)| add_normalized_row(isa, branch, norm, eps, x));
    }

    /// The gradient at what was added to the residual stream: `dx`, or what of it comes back through the norm.
    pub(super) fn branch_back<E: Element>(
        &self,
        norm: &Option<Arc<[f32]>>,
        kept: &Operand<E>,
        dx: &[f32],
        d_branch: &mut Vec<f32>,
        dy: &mut Operand<E>,
    ) {
        let hidden = self.decoder.spec().hidden_size;
        let Some(norm) = norm else { return dy.set(self.isa, dx, dx.len() / hidden, hidden) };
        d_branch.clear();
        d_branch.resize(dx.len(), 0.0);
        self.normalize_back(kept, norm, dx, d_branch);
        dy.set(self.isa, d_branch, dx.len() / hidden, hidden);
    }
}
