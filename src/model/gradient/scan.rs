//! A state space, forward and backward: its convolution, what its heads carry, and its gated norm.

use rayon::prelude::*;

use super::block::{Block, Kept, Work, fit};
use super::pass::MIN_ROWS;
use crate::ops::attention::Heads;
use crate::ops::causal_conv::Columns;
use crate::ops::gated_norm::{gated_norm_row, gated_norm_row_back};
use crate::ops::product::Element;
use crate::ops::scan::{ScanGradients, ScanInputs, scan, scan_back};

impl<E: Element> Block<'_, E> {
    /// `work.mixed` from a state space's gate, rows and times in `work.wide`.
    pub(super) fn scan(&self, kept: &mut Kept<E>, work: &mut Work<E>) {
        let (isa, segments, decoder) = (self.pass.isa, self.pass.segments, self.pass.decoder);
        let Some(space) = decoder.state_space(self.layer) else { return };
        let (n, shape, stride) = (segments.num_tokens(), space.scan.shape, space.mamba2.wide());
        let inner = shape.inner();
        let Work { wide, mixed, convolved, .. } = work;
        kept.wide.set(isa, wide, n, stride);
        fit(convolved, n * shape.row_width());
        space.conv.forward(isa, segments, Columns { values: wide, stride, column: inner }, convolved);
        fit(mixed, n * inner);
        let dt = Heads { values: wide.get(space.mamba2.times_column()..).unwrap_or_default(), stride };
        scan(isa, space.scan, segments, ScanInputs { rows: convolved, dt }, mixed);
        kept.qk.set(isa, mixed, n, inner);
        let norm = (space.norm, shape.num_groups, decoder.eps());
        mixed.par_chunks_mut(inner).zip(wide.par_chunks(stride)).with_min_len(MIN_ROWS).for_each_init(
            || (vec![0.0; inner], vec![0.0; inner]),
            |(scanned, room), (mixed, wide)| {
                scanned.copy_from_slice(mixed);
                gated_norm_row(isa, [scanned, &wide[..inner]], norm, room, mixed);
            },
        );
        kept.mixed.set(isa, mixed, n, inner);
    }

    /// The gradient at gate, rows and times, `work.d_wide`, from that at the result, `work.d_mixed`.
    pub(super) fn scan_back(&self, kept: &Kept<E>, work: &mut Work<E>) {
        let (isa, segments, decoder) = (self.pass.isa, self.pass.segments, self.pass.decoder);
        let Some(space) = decoder.state_space(self.layer) else { return };
        let (n, shape, stride) = (segments.num_tokens(), space.scan.shape, space.mamba2.wide());
        let (inner, times) = (shape.inner(), space.mamba2.times_column());
        let Work { wide, d_wide, d_mixed, convolved, d_convolved, parts, .. } = work;
        kept.wide.widen_into(isa, wide);
        fit(d_wide, wide.len());
        let norm = (space.norm, shape.num_groups, decoder.eps());
        let rows = d_mixed.par_chunks_mut(inner).zip(d_wide.par_chunks_mut(stride)).zip(wide.par_chunks(stride));
        rows.zip(kept.qk.data().par_chunks(kept.qk.stride())).with_min_len(MIN_ROWS).for_each_init(
            || [(); 3].map(|()| vec![0.0; inner]),
            |[scanned, room, more], (((grad, d_wide), wide), kept)| {
                E::widen_all(isa, &kept[..inner], scanned);
                let inputs = [&scanned[..], &wide[..inner]];
                gated_norm_row_back(isa, inputs, norm, [room, more], grad, &mut d_wide[..inner]);
            },
        );
        let columns = Columns { values: wide, stride, column: inner };
        fit(convolved, n * shape.row_width());
        space.conv.forward(isa, segments, columns, convolved);
        fit(d_convolved, n * shape.row_width());
        fit(parts, n * shape.part_width());
        let dt = Heads { values: wide.get(times..).unwrap_or_default(), stride };
        let d_dt = d_wide.get_mut(times..).unwrap_or_default();
        let gradients = ScanGradients { rows: d_convolved, dt: d_dt, dt_stride: stride, parts };
        scan_back(isa, space.scan, segments, ScanInputs { rows: convolved, dt }, d_mixed, gradients);
        space.conv.back(isa, segments, columns, d_convolved, d_wide, [stride, inner]);
    }
}
