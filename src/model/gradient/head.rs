//! The last norm, the output head and the loss, on supervised rows only.

use candle_core::Result;
use rayon::prelude::*;

use super::batch::{ProductType, Supervised};
use super::kinds::Look;
use super::pass::BlockPass;
use crate::model::ModelSpec;
use crate::ops::cross_entropy::loss_and_gradient;
use crate::ops::inference::soft_cap;
use crate::ops::product::{Back, Element, Operand, Output, multiply, multiply_back};
use crate::ops::rms_norm::{normalize_row, normalize_row_back};

/// How many logits exist at a time: enough rows to be worth unpacking the head's weights.
const CHUNK_VALUES: usize = 12 << 20;

/// Bytes that the loss of `num_rows` supervised rows works in.
pub fn work_bytes(spec: &ModelSpec, product: ProductType, num_rows: usize) -> u64 {
    let rows = num_rows.min(rows_per_chunk(spec.vocab_size)) as u64;
    let (vocab, hidden) = (spec.vocab_size as u64, spec.hidden_size as u64);
    rows * (vocab * (4 + product.num_bytes()) + hidden * (2 * 4 + product.num_bytes()))
}

/// Buffers that are used anew.
#[derive(Default)]
pub struct HeadWork<E> {
    normed: Vec<f32>,
    hidden: Operand<E>,
    logits: Vec<f32>,
    d_logits: Operand<E>,
    d_hidden: Vec<f32>,
}

impl<E> HeadWork<E> {
    /// The size of all buffers.
    pub fn num_bytes(&self) -> usize {
        let Self { normed, hidden, logits, d_logits, d_hidden } = self;
        let vectors = [normed, logits, d_hidden].map(|values| size_of_val(values.as_slice()));
        vectors.into_iter().sum::<usize>() + hidden.num_bytes() + d_logits.num_bytes()
    }
}

impl<E: Element> HeadWork<E> {
    /// The cross-entropy of each supervised row of `x`, `[num_tokens, hidden]`. With a weight, adds that times the
    /// gradient of their sum at `x` to the matrix beside it, which has the shape of `x`.
    pub fn losses(
        &mut self,
        pass: &BlockPass<'_>,
        x: &[f32],
        batch: Supervised<'_>,
        gradient: Option<(f32, &mut Vec<f32>)>,
    ) -> Result<Vec<f64>> {
        let Some((weight, dx)) = gradient else { return self.losses_alone(pass, x, batch) };
        let (isa, head, norm, eps) = (pass.isa, pass.decoder.head(), pass.decoder.last_norm(), pass.decoder.eps());
        let softcap = pass.decoder.spec().final_softcap;
        let (vocab, hidden) = (head.rows(), head.cols());
        let rows_per_chunk = rows_per_chunk(vocab);
        let mut losses = Vec::new();
        let mut all = Vec::with_capacity(batch.rows.len());
        for (rows, targets) in batch.rows.chunks(rows_per_chunk).zip(batch.targets.chunks(rows_per_chunk)) {
            let num = rows.len();
            self.make_logits(pass, x, rows)?;
            // Rows of the gradient are made where the logits still lie in the cache.
            self.d_logits.resize(num, vocab);
            let stride = self.d_logits.stride();
            self.logits
                .par_chunks_mut(vocab)
                .zip(self.d_logits.data_mut().par_chunks_mut(stride))
                .zip(targets)
                .map(|((logits, d_logits), target)| {
                    let loss = loss_and_gradient(isa, logits, *target as usize, softcap);
                    E::narrow(isa, logits, &mut d_logits[..vocab]);
                    loss
                })
                .collect_into_vec(&mut losses);
            all.append(&mut losses);
            self.d_hidden.resize(num * hidden, 0.0);
            let term = Back { dy: self.d_logits.view(), weight: head, adapter: None, int8: pass.int8 };
            multiply_back(isa, &[term], &mut self.d_hidden, false)?;
            for (row, grad) in rows.iter().zip(self.d_hidden.chunks_exact_mut(hidden)) {
                grad.iter_mut().for_each(|grad| *grad *= weight);
                let dx = &mut dx[*row as usize * hidden..][..hidden];
                normalize_row_back(isa, row_of(x, *row, hidden), norm, eps, grad, dx);
            }
        }
        Ok(all)
    }

    /// Without a gradient, a row with several next tokens, such as the last of a beginning that sequences share, has its
    /// logits once.
    fn losses_alone(&mut self, pass: &BlockPass<'_>, x: &[f32], batch: Supervised<'_>) -> Result<Vec<f64>> {
        let (isa, vocab, softcap) = (pass.isa, pass.decoder.head().rows(), pass.decoder.spec().final_softcap);
        let mut order: Vec<usize> = (0..batch.rows.len()).collect();
        order.sort_by_key(|at| batch.rows[*at]);
        let groups: Vec<&[usize]> = order.chunk_by(|a, b| batch.rows[*a] == batch.rows[*b]).collect();
        let mut losses = vec![0.0; batch.rows.len()];
        for groups in groups.chunks(rows_per_chunk(vocab)) {
            let rows: Vec<u32> = groups.iter().map(|group| batch.rows[group[0]]).collect();
            self.make_logits(pass, x, &rows)?;
            let found = self.logits.par_chunks_mut(vocab).zip(groups).map(|(logits, group)| {
                let targets = group.iter().map(|at| batch.targets[*at] as usize);
                let mut of_targets: Vec<f32> = targets.clone().map(|target| logits[target]).collect();
                if let Some(cap) = softcap {
                    soft_cap(isa, &mut of_targets, cap);
                }
                let Some(first) = targets.clone().next() else { return Vec::new() };
                let loss = loss_and_gradient(isa, logits, first, softcap);
                // The others' logits are that much higher.
                let first = of_targets[0];
                of_targets.iter().map(|logit| loss - (f64::from(*logit) - f64::from(first))).collect()
            });
            let found: Vec<Vec<f64>> = found.collect();
            for (at, loss) in groups.iter().copied().flatten().zip(found.into_iter().flatten()) {
                losses[*at] = loss;
            }
        }
        Ok(losses)
    }

    /// Shows the logits of each supervised row of `x`, `[num_tokens, hidden]`, with its place in the batch.
    pub fn each_logits(&mut self, pass: &BlockPass<'_>, x: &[f32], rows: &[u32], look: Look<'_>) -> Result<()> {
        let vocab = pass.decoder.head().rows();
        let rows_per_chunk = rows_per_chunk(vocab);
        for (chunk, rows) in rows.chunks(rows_per_chunk).enumerate() {
            self.make_logits(pass, x, rows)?;
            if let Some(cap) = pass.decoder.spec().final_softcap {
                soft_cap(pass.isa, &mut self.logits, cap);
            }
            let places = chunk * rows_per_chunk..;
            self.logits.chunks_exact(vocab).zip(places).for_each(|(logits, at)| look(at, logits));
        }
        Ok(())
    }

    /// Fills `self.logits` with those of these rows of `x`, `[rows, vocab]`, not capped.
    fn make_logits(&mut self, pass: &BlockPass<'_>, x: &[f32], rows: &[u32]) -> Result<()> {
        let (isa, head, norm, eps) = (pass.isa, pass.decoder.head(), pass.decoder.last_norm(), pass.decoder.eps());
        let (vocab, hidden, num) = (head.rows(), head.cols(), rows.len());
        self.normed.resize(num * hidden, 0.0);
        let normed = self.normed.par_chunks_mut(hidden).zip(rows);
        normed.for_each(|(normed, row)| normalize_row(isa, row_of(x, *row, hidden), norm, eps, normed));
        self.hidden.set(isa, &self.normed, num, hidden);
        self.logits.resize(num * vocab, 0.0);
        let output = Output { weights: pass.weights(head), adapter: None, column: 0 };
        multiply(isa, self.hidden.view(), &[output], &mut self.logits, vocab, false)
    }
}

fn rows_per_chunk(vocab_size: usize) -> usize {
    (CHUNK_VALUES / vocab_size.max(1)).max(1)
}

fn row_of(x: &[f32], row: u32, hidden: usize) -> &[f32] {
    &x[row as usize * hidden..][..hidden]
}
