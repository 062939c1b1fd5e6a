//! The last norm, the output head and the loss, on supervised rows only.

use candle_core::Result;
use rayon::prelude::*;

use super::batch::{ProductType, Supervised};
use super::pass::BlockPass;
use crate::model::ModelSpec;
use crate::ops::cross_entropy::loss_and_gradient;
use crate::ops::product::{Back, Element, Operand, Output, multiply, multiply_back};
use crate::ops::rms_norm::{normalize_row, normalize_row_back};

/// How many logits exist at a time: enough rows to be worth unpacking the head's weights.
const CHUNK_VALUES: usize = 12 << 20;

/// Bytes that the loss of `num_rows` supervised rows works in.
pub fn work_bytes(spec: &ModelSpec, product: ProductType, num_rows: usize) -> u64 {
    let rows = num_rows.min((CHUNK_VALUES / spec.vocab_size.max(1)).max(1)) as u64;
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
        mut gradient: Option<(f32, &mut Vec<f32>)>,
    ) -> Result<Vec<f64>> {
        let (isa, head, norm, eps) = (pass.isa, pass.decoder.head(), pass.decoder.last_norm(), pass.decoder.eps());
        let softcap = pass.decoder.spec().final_softcap;
        let (vocab, hidden) = (head.rows(), head.cols());
        let row_of = |row: u32| &x[row as usize * hidden..][..hidden];
        let rows_per_chunk = (CHUNK_VALUES / vocab.max(1)).max(1);
        let mut losses = Vec::new();
        let mut all = Vec::with_capacity(batch.rows.len());
        for (rows, targets) in batch.rows.chunks(rows_per_chunk).zip(batch.targets.chunks(rows_per_chunk)) {
            let num = rows.len();
            self.normed.resize(num * hidden, 0.0);
            self.normed
                .par_chunks_mut(hidden)
                .zip(rows)
                .for_each(|(normed, row)| normalize_row(isa, row_of(*row), norm, eps, normed));
            self.hidden.set(isa, &self.normed, num, hidden);
            self.logits.resize(num * vocab, 0.0);
            let output = Output { weights: pass.weights(head), adapter: None, column: 0 };
            multiply(isa, self.hidden.view(), &[output], &mut self.logits, vocab, false)?;
            // Rows of the gradient are made where the logits still lie in the cache.
            self.d_logits.resize(num, vocab);
            let stride = self.d_logits.stride();
            let with_gradient = gradient.is_some();
            self.logits
                .par_chunks_mut(vocab)
                .zip(self.d_logits.data_mut().par_chunks_mut(stride))
                .zip(targets)
                .map(|((logits, d_logits), target)| {
                    let loss = loss_and_gradient(isa, logits, *target as usize, softcap);
                    if with_gradient {
                        E::narrow(isa, logits, &mut d_logits[..vocab]);
                    }
                    loss
                })
                .collect_into_vec(&mut losses);
            all.append(&mut losses);
            let Some((weight, dx)) = &mut gradient else { continue };
            self.d_hidden.resize(num * hidden, 0.0);
            let term = Back { dy: self.d_logits.view(), weight: head, adapter: None, int8: pass.int8 };
            multiply_back(isa, &[term], &mut self.d_hidden, false)?;
            for (row, grad) in rows.iter().zip(self.d_hidden.chunks_exact_mut(hidden)) {
                grad.iter_mut().for_each(|grad| *grad *= *weight);
                let dx = &mut dx[*row as usize * hidden..][..hidden];
                normalize_row_back(isa, row_of(*row), norm, eps, grad, dx);
            }
        }
        Ok(all)
    }
}
