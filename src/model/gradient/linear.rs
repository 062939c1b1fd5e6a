//! Linear layers that read the same input, with the adapter's part in them: forward and backward.

use candle_core::Result;
use rayon::prelude::*;

use super::adapter::PackedGroup;
use super::pass::{BlockPass, MIN_ROWS};
use crate::model::{Dropout, Group};
use crate::ops::product::{Back, Element, Operand, Output, Rows, Weights};
use crate::ops::product::{multiply, multiply_back, multiply_rounded, multiply_transposed};

/// Buffers of the adapter's part, which every linear layer uses anew.
#[derive(Default)]
pub struct Scratch<E> {
    /// The adapter's input with some of its values hidden.
    dropped: Operand<E>,
    /// What comes back to it.
    d_dropped: Vec<f32>,
    /// `x·Aᵀ`
    xa: Operand<E>,
    /// `scale · dy·B`
    dxa: Vec<f32>,
    dxa_operand: Operand<E>,
    /// `[r, out]`
    db: Vec<f32>,
}

impl<E> Scratch<E> {
    /// The size of all buffers.
    pub fn num_bytes(&self) -> usize {
        let operands = [&self.dropped, &self.xa, &self.dxa_operand].map(Operand::num_bytes);
        let vectors = [&self.d_dropped, &self.dxa, &self.db].map(|values| size_of_val(values.as_slice()));
        operands.into_iter().chain(vectors).sum()
    }
}

/// A group of one block's linear layers, with the adapter's part in them.
pub struct Linear<'a, E> {
    pub pass: &'a BlockPass<'a>,
    pub layer: usize,
    pub group: Group,
    /// The adapter's part, if there is an adapter.
    pub packed: Option<&'a PackedGroup<E>>,
}

impl<E: Element> Linear<'_, E> {
    /// `out = x·Wᵀ + scale · x·Aᵀ·Bᵀ` for every layer of the group, or `out += …`: from `[rows, in]` to `[rows,
    /// width]`, the layers side by side. Keeps `x·Aᵀ`.
    pub fn forward(
        &self,
        x: Rows<'_, E>,
        kept_xa: &mut Vec<f32>,
        out: &mut [f32],
        accumulate: bool,
        scratch: &mut Scratch<E>,
    ) -> Result<()> {
        let outputs = self.outputs(x, kept_xa, scratch)?;
        multiply(self.pass.isa, x, &outputs, out, self.width(), accumulate)
    }

    /// Like [`Linear::forward`], rounded to the type of the product.
    pub fn forward_rounded(
        &self,
        x: Rows<'_, E>,
        kept_xa: &mut Vec<f32>,
        out: &mut Operand<E>,
        scratch: &mut Scratch<E>,
    ) -> Result<()> {
        let outputs = self.outputs(x, kept_xa, scratch)?;
        multiply_rounded(self.pass.isa, x, &outputs, out, self.width())
    }

    /// Makes `x·Aᵀ` and says what is to be multiplied.
    fn outputs<'b>(
        &'b self,
        x: Rows<'_, E>,
        kept_xa: &mut Vec<f32>,
        scratch: &'b mut Scratch<E>,
    ) -> Result<Vec<Output<'b, E>>> {
        let isa = self.pass.isa;
        if let Some(packed) = self.packed
            && packed.width > 0
        {
            kept_xa.resize(x.num_rows() * packed.width, 0.0);
            let output = Output { weights: Weights::Packed(&packed.a), adapter: None, column: 0 };
            let input = self.dropped(x, &mut scratch.dropped);
            multiply(isa, input, &[output], kept_xa, packed.width, false)?;
            scratch.xa.set(isa, kept_xa, x.num_rows(), packed.width);
        }
        let xa = &scratch.xa;
        let outputs = self.pass.decoder.linear(self.layer, self.group).iter().map(|linear| {
            let pair = self.packed.and_then(|packed| packed.pair(linear.module));
            let adapter = pair.map(|pair| (xa.columns(pair.column, pair.r), &pair.b));
            Output { weights: self.pass.weights(&linear.weight), adapter, column: linear.column }
        });
        Ok(outputs.collect())
    }

    /// The gradient `dx` at the group's input, `[rows, in]`, and those at its adapters' B, from `dy`, `[rows, width]`;
    /// leaves `scale · dy·B` in the scratch.
    pub fn back(
        &self,
        dy: &Operand<E>,
        xa: &[f32],
        dx: &mut [f32],
        gradients: &mut [Vec<f32>],
        scratch: &mut Scratch<E>,
    ) -> Result<()> {
        self.back_to_pairs(dy, xa, gradients, scratch)?;
        self.back_to_input(dy, dx, scratch)
    }

    /// The gradients at the group's adapters' B alone; leaves `scale · dy·B` in the scratch.
    pub fn back_to_pairs(
        &self,
        dy: &Operand<E>,
        xa: &[f32],
        gradients: &mut [Vec<f32>],
        scratch: &mut Scratch<E>,
    ) -> Result<()> {
        let (isa, n) = (self.pass.isa, dy.view().num_rows());
        let group = self.pass.decoder.linear(self.layer, self.group);
        let packed = self.packed;
        if let Some(packed) = packed
            && packed.width > 0
        {
            scratch.dxa.clear();
            scratch.dxa.resize(n * packed.width, 0.0);
            for linear in group {
                let Some(pair) = packed.pair(linear.module) else { continue };
                let (outputs, r) = (linear.weight.rows(), pair.r);
                let dy = dy.columns(linear.column, outputs);
                let output = Output { weights: Weights::Packed(&pair.b_back), adapter: None, column: pair.column };
                multiply(isa, dy, &[output], &mut scratch.dxa, packed.width, false)?;
                // dB = scale · dyᵀ·(x·Aᵀ), made as its transpose, whose rows are few.
                scratch.db.resize(r * outputs, 0.0);
                let xa = Rows::new(xa.get(pair.column..).unwrap_or_default(), n, r, packed.width);
                multiply_transposed(isa, xa, dy, &mut scratch.db, pair.scale, false);
                add_transposed(&scratch.db, r, outputs, &mut gradients[pair.gradient + 1]);
            }
            scratch.dxa_operand.set(isa, &scratch.dxa, n, packed.width);
        }
        Ok(())
    }

    /// The gradient at the group's input, after that at its adapters' B.
    fn back_to_input(&self, dy: &Operand<E>, dx: &mut [f32], scratch: &mut Scratch<E>) -> Result<()> {
        let (pass, packed) = (self.pass, self.packed);
        let (isa, group) = (pass.isa, pass.decoder.linear(self.layer, self.group));
        let terms = group.iter().map(|linear| {
            let pair = packed.and_then(|packed| packed.pair(linear.module));
            let adapter = pair.map(|pair| (scratch.dxa_operand.columns(pair.column, pair.r), &pair.a_back));
            let adapter = adapter.filter(|_| pass.dropout.is_none());
            let dy = dy.columns(linear.column, linear.weight.rows());
            Back { dy, weight: &linear.weight, adapter, int8: pass.int8 }
        });
        multiply_back(isa, &terms.collect::<Vec<_>>(), dx, false)?;
        match (pass.dropout, packed) {
            (Some(dropout), Some(packed)) => self.dropped_back(dropout, packed, dx, scratch),
            _ => Ok(()),
        }
    }

    /// The adapter's input: `x`, or a copy with some of its values hidden.
    fn dropped<'b>(&self, x: Rows<'b, E>, copy: &'b mut Operand<E>) -> Rows<'b, E> {
        let Some(dropout) = self.pass.dropout else { return x };
        let (isa, cols) = (self.pass.isa, x.num_cols());
        copy.resize(x.num_rows(), cols);
        let stride = copy.stride();
        copy.data_mut().par_chunks_mut(stride).enumerate().with_min_len(MIN_ROWS).for_each_init(
            || (vec![0.0; cols], vec![0.0; cols]),
            |(wide, factors), (row, copy)| {
                E::widen_all(isa, x.row(row), wide);
                self.factors(dropout, row, factors);
                wide.iter_mut().zip(&*factors).for_each(|(value, factor)| *value *= factor);
                E::narrow(isa, wide, &mut copy[..cols]);
            },
        );
        copy.view()
    }

    /// Adds to `dx` what comes back through the adapter, at the values that weren't hidden.
    fn dropped_back(
        &self,
        dropout: Dropout,
        packed: &PackedGroup<E>,
        dx: &mut [f32],
        scratch: &mut Scratch<E>,
    ) -> Result<()> {
        let Some(cols) = self.pass.decoder.linear(self.layer, self.group).first().map(|first| first.weight.cols())
        else {
            return Ok(());
        };
        scratch.d_dropped.clear();
        scratch.d_dropped.resize(dx.len(), 0.0);
        for pair in &packed.pairs {
            let output = Output { weights: Weights::Packed(&pair.a_back), adapter: None, column: 0 };
            let dxa = scratch.dxa_operand.columns(pair.column, pair.r);
            multiply(self.pass.isa, dxa, &[output], &mut scratch.d_dropped, cols, true)?;
        }
        let rows = dx.par_chunks_mut(cols).zip(scratch.d_dropped.par_chunks(cols)).enumerate();
        rows.with_min_len(MIN_ROWS).for_each_init(
            || vec![0.0; cols],
            |factors, (row, (dx, d_dropped))| {
                self.factors(dropout, row, factors);
                dx.iter_mut().zip(d_dropped).zip(&*factors).for_each(|((dx, d), factor)| *dx += d * factor);
            },
        );
        Ok(())
    }

    /// The gradients of the group's A, `[r, in]` each: `(scale · dy·B)ᵀ·x`, after [`Linear::back`].
    pub fn adapter_back(&self, x: Rows<'_, E>, gradients: &mut [Vec<f32>], scratch: &mut Scratch<E>) {
        let Some(packed) = self.packed else { return };
        let x = self.dropped(x, &mut scratch.dropped);
        for pair in &packed.pairs {
            let dxa = scratch.dxa.get(pair.column..).unwrap_or_default();
            let dxa = Rows::new(dxa, x.num_rows(), pair.r, packed.width);
            multiply_transposed(self.pass.isa, dxa, x, &mut gradients[pair.gradient], 1.0, true);
        }
    }

    /// What one row of the adapter's input is multiplied by where some of it is hidden.
    fn factors(&self, dropout: Dropout, row: usize, factors: &mut [f32]) {
        let row = self.pass.row_in_batch(self.layer, self.group, row);
        dropout.factors(self.layer, self.group as usize, row, factors);
    }

    /// The width of the group's result.
    pub fn width(&self) -> usize {
        let group = self.pass.decoder.linear(self.layer, self.group);
        group.iter().map(|linear| linear.weight.rows()).sum()
    }
}

/// `to[col, row] += from[row, col]`
fn add_transposed(from: &[f32], rows: usize, cols: usize, to: &mut [f32]) {
    for (col, to) in to.chunks_exact_mut(rows).enumerate() {
        for (row, to) in to.iter_mut().enumerate() {
            *to += from[row * cols + col];
        }
    }
}
