//! Inputs that blocks have of their own, and blocks that look at no tokens but the last ones.

use candle_core::Result;
use rayon::prelude::*;

use super::Generation;
use crate::model::Group;
use crate::ops::rms_norm::add_normalized_row;

impl Generation<'_> {
    /// The inputs that blocks have of their own, of the tokens that `self.x` has embedded.
    pub(super) fn make_inputs(&mut self, ids: &[u32]) -> Result<()> {
        let Self { linear, x, inputs, buffers, .. } = &mut *self;
        let (decoder, isa) = (linear.decoder, linear.isa);
        let Some(of) = decoder.inputs() else { return Ok(()) };
        let hidden = decoder.spec().hidden_size;
        let projected = linear.multiply(0, Group::Inputs, ids.len(), &mut buffers.wide, |row, out| {
            out.copy_from_slice(&x[row * hidden..][..hidden]);
        })?;
        let (width, size) = (projected.len() / ids.len().max(1), of.norm.len());
        inputs.resize(projected.len(), 0.0);
        let rows = inputs.par_chunks_mut(width).zip(projected.par_chunks(width)).zip(ids);
        rows.try_for_each(|((sums, projected), id)| {
            of.embed_row(*id, sums)?;
            for (sums, projected) in sums.chunks_exact_mut(size).zip(projected.chunks_exact(size)) {
                add_normalized_row(isa, projected, &of.norm, of.eps, 1.0, sums);
            }
            Ok(())
        })
    }

    /// Keeps the rows that end a sequence, of `num_tokens`, and no others.
    pub(super) fn keep_last(&mut self, num_tokens: usize) {
        for values in [&mut self.x, &mut self.inputs] {
            let width = values.len() / num_tokens.max(1);
            keep_rows(values, width, &self.last);
        }
        self.last = (0..self.last.len()).collect();
    }
}

/// Keeps these rows, which ascend, and no others.
fn keep_rows(values: &mut Vec<f32>, width: usize, rows: &[usize]) {
    for (to, from) in rows.iter().enumerate() {
        values.copy_within(from * width..(from + 1) * width, to * width);
    }
    values.truncate(rows.len() * width);
}
