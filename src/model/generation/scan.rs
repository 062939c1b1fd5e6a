//! The next tokens through a state space.

use candle_core::Result;
use rayon::prelude::*;

use super::{Advance, Buffers, Input, Layer, other_layer};
use crate::ops::attention::Heads;
use crate::ops::gated_norm::gated_norm_row;
use crate::ops::inference::room;
use crate::ops::scan::{ScanInputs, scan_next};

/// How many rows a task takes through a gated norm.
const GATED_AT_ONCE: usize = 8;

impl Advance<'_, '_, '_> {
    /// The rows are what a state space makes of those of the new tokens, through its gated norm.
    pub(super) fn scan_states(&mut self) -> Result<()> {
        let (layer, isa, decoder, num_tokens) = (self.layer, self.linear.isa, self.linear.decoder, self.num_tokens());
        let Some(space) = decoder.state_space(layer) else { return Err(other_layer()) };
        let (shape, stride) = (space.scan.shape, space.mamba2.wide());
        let (inner, row_width) = (shape.inner(), shape.row_width());
        let Buffers { wide, convolved, scanned, mixed, .. } = &mut *self.buffers;
        let wide = &wide[..num_tokens * stride];
        let convolved = room(convolved, num_tokens * row_width);
        let scanned = room(scanned, num_tokens * inner);
        let mut first = 0;
        for (tokens, cache) in self.new_tokens.iter().zip(self.caches.iter_mut()) {
            let Layer::Mamba2 { read, state } = &mut cache.layers[layer] else { return Err(other_layer()) };
            let own = first..first + tokens.len();
            first = own.end;
            let rows = &mut convolved[own.start * row_width..own.end * row_width];
            for (wide, row) in wide[own.start * stride..].chunks_exact(stride).zip(rows.chunks_exact_mut(row_width)) {
                space.conv.next(isa, &wide[inner..][..row_width], read, row);
            }
            let dt = Heads { values: &wide[own.start * stride + space.mamba2.times_column()..], stride };
            let out = &mut scanned[own.start * inner..own.end * inner];
            scan_next(isa, space.scan, ScanInputs { rows, dt }, state, out);
        }
        let norm = (space.norm, shape.num_groups, decoder.eps());
        let out = room(mixed, num_tokens * inner);
        let rows = out.par_chunks_mut(inner).zip(scanned.par_chunks(inner)).zip(wide.par_chunks(stride));
        rows.with_min_len(GATED_AT_ONCE).for_each_init(
            || vec![0.0; inner],
            |room, ((out, scanned), wide)| gated_norm_row(isa, [scanned, &wide[..inner]], norm, room, out),
        );
        self.input = Input::Mixed;
        Ok(())
    }
}
