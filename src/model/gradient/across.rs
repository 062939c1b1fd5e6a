//! What blocks are given besides the residual stream: inputs of their own, and keys and values of an earlier block; and what
//! comes back there.

use candle_core::Result;
use rayon::prelude::*;

use super::adapter::PackedAdapter;
use super::batch::ProductType;
use super::linear::{Linear, Scratch};
use super::pass::{BlockPass, MIN_ROWS};
use crate::model::{Group, ModelSpec};
use crate::ops::AttentionShape;
use crate::ops::attention::{Forward, Gradients, Heads, Inputs, attend_back};
use crate::ops::gated::{gated_row, gated_row_and_back};
use crate::ops::product::{Element, Operand};
use crate::ops::rms_norm::{add_normalized_row, normalize_row_back};

/// See the module.
#[derive(Default)]
pub struct Across<E> {
    /// The tokens' embeddings, `[num_tokens, hidden]`.
    embedded: Operand<E>,
    /// What the inputs of all blocks take from a token's embedding, before its norm, `[num_tokens, num_layers · input_size]`.
    projected: Operand<E>,
    /// The inputs. On the way back each block puts the gradient at `projected` in the place of its own.
    inputs: Operand<E>,
    /// `x·Aᵀ` of the linear layer that makes `projected`.
    xa: Vec<f32>,
    /// One block's gradient at `projected`, of the rows that it had.
    d_projected: Vec<f32>,
    /// By block: keys and values that others look at.
    lent: Vec<Lent>,
    /// What comes back to keys and to values from one block.
    d_kv: [Vec<f32>; 2],
}

#[derive(Default)]
struct Lent {
    /// Rotated keys, then values, `[num_tokens, 2 · kv]`.
    kv: Vec<f32>,
    /// What came back to them so far.
    d_kv: Vec<f32>,
    kv_width: usize,
}

/// Bytes of each token that all this takes.
pub fn num_bytes(spec: &ModelSpec, product: ProductType) -> u64 {
    let inputs = spec.num_layers() * spec.input_size.unwrap_or_default();
    let widths = (0..spec.num_layers()).filter(|layer| spec.lends_keys(*layer)).map(|layer| spec.own_kv_width(layer));
    let (lent, most) = (widths.clone().sum::<usize>(), widths.max().unwrap_or_default());
    let own = spec.input_size.unwrap_or_default();
    let embedded = if inputs > 0 { spec.hidden_size } else { 0 };
    product.num_bytes() * (embedded + 2 * inputs) as u64 + 4 * (4 * lent + 2 * most + own) as u64
}

impl<E> Across<E> {
    /// The size of all buffers.
    pub fn num_bytes(&self) -> usize {
        let Self { embedded, projected, inputs, xa, d_projected, lent, d_kv } = self;
        let lent = lent.iter().flat_map(|lent| [&lent.kv, &lent.d_kv]);
        let vectors = [xa, d_projected].into_iter().chain(lent).chain(d_kv);
        let operands = [embedded, projected, inputs].map(Operand::num_bytes).into_iter().sum::<usize>();
        vectors.map(|values| size_of_val(values.as_slice())).sum::<usize>() + operands
    }
}

impl<E: Element> Across<E> {
    /// Makes the inputs of all blocks from the tokens and their embeddings.
    pub fn make_inputs(
        &mut self,
        pass: &BlockPass<'_>,
        ids: &[u32],
        x: &[f32],
        adapter: Option<&PackedAdapter<E>>,
        scratch: &mut Scratch<E>,
    ) -> Result<()> {
        let Some(of) = pass.decoder.inputs() else { return Ok(()) };
        self.embedded.set(pass.isa, x, ids.len(), pass.decoder.spec().hidden_size);
        linear(pass, adapter).forward_rounded(self.embedded.view(), &mut self.xa, &mut self.projected, scratch)?;
        let (isa, width, size) = (pass.isa, self.projected.view().num_cols(), of.norm.len());
        self.inputs.resize(ids.len(), width);
        let stride = self.inputs.stride();
        let rows = self.inputs.data_mut().par_chunks_mut(stride).zip(self.projected.data().par_chunks(stride)).zip(ids);
        rows.with_min_len(MIN_ROWS).try_for_each_init(
            || (vec![0.0; width], vec![0.0; width]),
            |(wide, sums), ((out, projected), id)| {
                of.embed_row(*id, sums)?;
                E::widen_all(isa, &projected[..width], wide);
                for (sums, wide) in sums.chunks_exact_mut(size).zip(wide.chunks_exact(size)) {
                    add_normalized_row(isa, wide, &of.norm, of.eps, 1.0, sums);
                }
                E::narrow(isa, sums, &mut out[..width]);
                Ok(())
            },
        )
    }

    /// `activation(gate) · input` of a block.
    pub fn gate(&self, pass: &BlockPass<'_>, layer: usize, gate: &Operand<E>, out: &mut Operand<E>) {
        let (isa, activation, size) = (pass.isa, pass.decoder.spec().activation, gate.view().num_cols());
        out.resize(gate.view().num_rows(), size);
        let stride = out.stride();
        let rows = out.data_mut().par_chunks_mut(stride).zip(gate.data().par_chunks(gate.stride())).enumerate();
        rows.with_min_len(MIN_ROWS).for_each_init(
            || [(); 3].map(|()| vec![0.0; size]),
            |[wide, input, result], (row, (out, gate))| {
                E::widen_all(isa, &gate[..size], wide);
                self.widen_input(pass, layer, row, input);
                gated_row(isa, activation, wide, input, result);
                E::narrow(isa, result, &mut out[..size]);
            },
        );
    }

    /// A block's own input of one of its rows.
    fn widen_input(&self, pass: &BlockPass<'_>, layer: usize, row: usize, input: &mut [f32]) {
        let row = pass.row_in_batch(layer, Group::InputIn, row);
        let of_row = self.inputs.view().row(row);
        E::widen_all(pass.isa, &of_row[layer * input.len()..][..input.len()], input);
    }

    /// `activation(gate) · input` again, and the gradient at the gate, from `grad`, `[rows, input_size]`. Where the adapter
    /// wants it, the gradient at what the input was made from takes the input's place.
    pub fn gate_back(
        &mut self,
        pass: &BlockPass<'_>,
        layer: usize,
        gate: &Operand<E>,
        grad: &[f32],
        [out, d_gate]: [&mut Operand<E>; 2],
        adapter: Option<&PackedAdapter<E>>,
    ) {
        let Some(of) = pass.decoder.inputs() else { return };
        let (isa, activation, size) = (pass.isa, pass.decoder.spec().activation, gate.view().num_cols());
        let n = gate.view().num_rows();
        out.resize(n, size);
        d_gate.resize(n, size);
        let is_trained = linear(pass, adapter).packed.is_some_and(|packed| packed.width > 0);
        let mut d_projected = std::mem::take(&mut self.d_projected);
        d_projected.clear();
        d_projected.resize(n * size, 0.0);
        let (out_stride, stride) = (out.stride(), d_gate.stride());
        let outputs = out.data_mut().par_chunks_mut(out_stride).zip(d_gate.data_mut().par_chunks_mut(stride));
        let inputs = gate.data().par_chunks(gate.stride()).zip(grad.par_chunks(size));
        let rows = outputs.zip(inputs).zip(d_projected.par_chunks_mut(size)).enumerate();
        rows.with_min_len(MIN_ROWS).for_each_init(
            || [(); 5].map(|()| vec![0.0; size]),
            |[wide, input, result, d_wide, d_input], (row, (((out, d_gate), (gate, grad)), d_projected))| {
                E::widen_all(isa, &gate[..size], wide);
                self.widen_input(pass, layer, row, input);
                gated_row_and_back(isa, activation, [wide, input], grad, result, [d_wide, d_input]);
                E::narrow(isa, result, &mut out[..size]);
                E::narrow(isa, d_wide, &mut d_gate[..size]);
                if is_trained {
                    let row = self.projected.view().row(pass.row_in_batch(layer, Group::InputIn, row));
                    E::widen_all(isa, &row[layer * size..][..size], wide);
                    normalize_row_back(isa, wide, &of.norm, of.eps, d_input, d_projected);
                }
            },
        );
        if is_trained {
            let stride = self.inputs.stride();
            let places = self.inputs.data_mut().chunks_exact_mut(stride).map(|row| &mut row[layer * size..][..size]);
            let mut grads = d_projected.chunks_exact(size).enumerate().peekable();
            for (row, place) in places.enumerate() {
                let is_next = |(next, _): &(usize, &[f32])| pass.row_in_batch(layer, Group::InputIn, *next) == row;
                match grads.next_if(is_next) {
                    Some((_, grad)) => E::narrow(isa, grad, place),
                    None => place.fill(E::default()),
                }
            }
        }
        self.d_projected = d_projected;
    }

    /// Adds the gradients of the pair on what makes the inputs, once all blocks have put theirs.
    pub fn inputs_back(
        &self,
        pass: &BlockPass<'_>,
        adapter: Option<&PackedAdapter<E>>,
        gradients: &mut [Vec<f32>],
        scratch: &mut Scratch<E>,
    ) -> Result<()> {
        if pass.decoder.inputs().is_none() {
            return Ok(());
        }
        let linear = linear(pass, adapter);
        linear.back_to_pairs(&self.inputs, &self.xa, gradients, scratch)?;
        linear.adapter_back(self.embedded.view(), gradients, scratch);
        Ok(())
    }

    /// Keeps a block's keys and values, which are in the last columns of `qkv`, for others.
    pub fn lend(&mut self, layer: usize, qkv: &[f32], [q_width, kv_width, qkv_width]: [usize; 3]) {
        if self.lent.len() <= layer {
            self.lent.resize_with(layer + 1, Lent::default);
        }
        let lent = &mut self.lent[layer];
        lent.kv_width = kv_width;
        lent.kv.resize(qkv.len() / qkv_width * 2 * kv_width, 0.0);
        let rows = lent.kv.par_chunks_mut(2 * kv_width).zip(qkv.par_chunks(qkv_width)).with_min_len(MIN_ROWS);
        rows.for_each(|(kv, qkv)| kv.copy_from_slice(&qkv[q_width..]));
    }

    /// The queries of a block with the keys and values of the one that lends them.
    pub fn inputs<'a>(&'a self, from: usize, queries: &'a [f32], q_width: usize) -> Inputs<'a> {
        let (kv, width) = self.lent.get(from).map(|lent| (lent.kv.as_slice(), lent.kv_width)).unwrap_or_default();
        let heads = |column: usize| Heads { values: kv.get(column..).unwrap_or_default(), stride: 2 * width };
        Inputs { q: Heads { values: queries, stride: q_width }, k: heads(0), v: heads(width) }
    }

    /// Forgets what came back to keys and values.
    pub fn begin_back(&mut self) {
        for Lent { kv, d_kv, .. } in &mut self.lent {
            d_kv.clear();
            d_kv.resize(kv.len(), 0.0);
        }
    }

    /// The way back through attention to another block's keys and values: the gradients at the queries, in `d_q`; those at keys
    /// and values are kept for the other block.
    pub fn attend_back(
        &mut self,
        pass: &BlockPass<'_>,
        shape: AttentionShape,
        from: usize,
        forward: Forward<'_>,
        grad: &[f32],
        d_q: &mut [f32],
    ) {
        let width = shape.kv_width();
        let mut d_kv = std::mem::take(&mut self.d_kv);
        d_kv.iter_mut().for_each(|values| values.resize(pass.segments.num_tokens() * width, 0.0));
        let [d_k, d_v] = &mut d_kv;
        let forward = Forward { inputs: self.inputs(from, forward.inputs.q.values, shape.q_width()), ..forward };
        attend_back(pass.isa, shape, pass.segments, forward, grad, Gradients::separate(d_q, d_k, d_v, shape));
        if let Some(lent) = self.lent.get_mut(from) {
            let rows = lent.d_kv.par_chunks_mut(2 * width).zip(d_k.par_chunks(width).zip(d_v.par_chunks(width)));
            rows.with_min_len(MIN_ROWS).for_each(|(sums, (d_k, d_v))| {
                let (k, v) = sums.split_at_mut(width);
                add(k, d_k);
                add(v, d_v);
            });
        }
        self.d_kv = d_kv;
    }

    /// Adds what came back from others to the gradients at a block's own keys and values.
    pub fn add_lent(&self, layer: usize, d_qkv: &mut [f32], [q_width, kv_width, qkv_width]: [usize; 3]) {
        let Some(lent) = self.lent.get(layer) else { return };
        let rows = d_qkv.par_chunks_mut(qkv_width).zip(lent.d_kv.par_chunks(2 * kv_width)).with_min_len(MIN_ROWS);
        rows.for_each(|(row, lent)| add(&mut row[q_width..], lent));
    }
}

fn add(sums: &mut [f32], values: &[f32]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

/// The linear layer that makes the inputs, counted with the first block.
fn linear<'a, E: Element>(pass: &'a BlockPass<'a>, adapter: Option<&'a PackedAdapter<E>>) -> Linear<'a, E> {
    let packed = adapter.map(|adapter| adapter.group(0, Group::Inputs));
    Linear { pass, layer: 0, group: Group::Inputs, packed }
}
