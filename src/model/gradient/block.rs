//! One decoder block, forward and backward.

use candle_core::Result;
use rayon::prelude::*;

use super::across::Across;
use super::adapter::PackedAdapter;
use super::linear::{Linear, Scratch};
use super::pass::{BlockPass, MIN_ROWS};
use crate::model::Group;
use crate::model::block::{self, Branch, Steps};
use crate::model::spec::Mixer;
use crate::ops::product::{Element, Operand};

/// What a block's backward needs of its forward, besides its input.
#[derive(Default)]
pub struct Kept<E> {
    /// Queries and keys as their norms read them, `[num_tokens, q + kv]`; what a state space gives, as its norm reads it; empty
    /// in models without those.
    pub qk: Operand<E>,
    /// What the mixer reads: rotated queries and keys, and values, `[num_tokens, q + 2 · kv]`; or a convolution's gates and
    /// input, `[num_tokens, 3 · hidden]`; or a state space's gate, rows and times.
    pub wide: Operand<E>,
    /// The log-sums of the attention's softmax, `[num_tokens, num_heads]`.
    pub log_sums: Vec<f32>,
    /// The mixer's result, `[num_tokens, q]`, of a convolution `[num_tokens, hidden]`.
    pub mixed: Operand<E>,
    /// What gates each head of the mixer's result, `[num_tokens, q]`; empty in models without those.
    pub gates: Operand<E>,
    /// Its rows whose results count, if not all of them do.
    chosen: Operand<E>,
    /// The residual stream between the mixer and the inner layers, `[num_tokens, hidden]`.
    middle: Operand<E>,
    /// `[num_tokens, 2 · inner]`
    gate_up: Operand<E>,
    /// The residual stream after the inner layers, and the gate of the block's own input, in models that have those.
    late: Operand<E>,
    input_gate: Operand<E>,
    /// What each part of the block adds to the stream, before their norms; empty in models without those.
    branches: [Operand<E>; Branch::NUM],
    /// `x·Aᵀ` of each group.
    xa: [Vec<f32>; Group::ALL.len()],
}

impl<E> Kept<E> {
    /// The size of all buffers.
    pub fn num_bytes(&self) -> usize {
        let Self { qk, wide, log_sums, mixed, gates, chosen, middle, gate_up, late, input_gate, branches, xa } = self;
        let operands = [qk, wide, mixed, gates, chosen, middle, gate_up, late, input_gate].into_iter().chain(branches);
        let operands = operands.map(Operand::num_bytes);
        let vectors = [log_sums].into_iter().chain(xa).map(|values| size_of_val(values.as_slice()));
        operands.chain(vectors).sum()
    }
}

/// Buffers that every block uses anew.
#[derive(Default)]
pub struct Work<E> {
    normed: Operand<E>,
    inner: Operand<E>,
    dy: Operand<E>,
    d_gate_up: Operand<E>,
    /// What the mixer reads, and its result.
    pub wide: Vec<f32>,
    pub mixed: Vec<f32>,
    /// Their gradients.
    pub d_wide: Vec<f32>,
    pub d_mixed: Vec<f32>,
    /// What a gated DeltaNet or a state space convolved, its gradient, and parts of that.
    pub convolved: Vec<f32>,
    pub d_convolved: Vec<f32>,
    pub parts: Vec<f32>,
    d_inner: Vec<f32>,
    /// What is added to the stream, and gradients there.
    hidden: Vec<f32>,
    pub scratch: Scratch<E>,
    /// What blocks are given besides the stream.
    pub across: Across<E>,
}

impl<E> Work<E> {
    /// The size of all buffers.
    pub fn num_bytes(&self) -> usize {
        let Self { normed, inner, dy, d_gate_up, wide, mixed, d_wide, d_mixed, .. } = self;
        let Self { convolved, d_convolved, parts, d_inner, hidden, scratch, across, .. } = self;
        let operands = [normed, inner, dy, d_gate_up].map(Operand::num_bytes);
        // Layers differ in what they need of these: the room is that of the one that needs most.
        let vectors = [wide, mixed, d_wide, d_mixed, convolved, d_convolved, parts, d_inner, hidden]
            .map(|values| size_of::<f32>() * values.capacity());
        operands.into_iter().chain(vectors).sum::<usize>() + scratch.num_bytes() + across.num_bytes()
    }
}

/// A buffer of this length, whatever is in it: layers differ in what they need, and one that grows shall not take twice its
/// room.
pub fn fit(values: &mut Vec<f32>, len: usize) {
    if values.capacity() < len {
        *values = Vec::with_capacity(len);
    }
    values.resize(len, 0.0);
}

/// One decoder block in a pass.
pub struct Block<'a, E> {
    pub pass: &'a BlockPass<'a>,
    pub layer: usize,
    pub adapter: Option<&'a PackedAdapter<E>>,
}

/// A block on its way forward.
struct Forward<'a, E> {
    block: &'a Block<'a, E>,
    x: &'a mut Vec<f32>,
    kept: &'a mut Kept<E>,
    work: &'a mut Work<E>,
}

impl<E: Element> Steps for Forward<'_, E> {
    fn read(&mut self, branch: Branch) -> Result<()> {
        let Block { pass, layer, .. } = self.block;
        let out = if branch == Branch::Input { &mut self.kept.late } else { &mut self.work.normed };
        pass.normalize(self.x, pass.decoder.norms(*layer).before(branch), out);
        Ok(())
    }

    fn multiply(&mut self, group: Group) -> Result<()> {
        let (pass, linear) = (self.block.pass, self.block.linear(group));
        let (Work { normed, wide, d_inner, scratch, .. }, Kept { xa, gate_up, late, input_gate, .. }) =
            (&mut *self.work, &mut *self.kept);
        if group == Group::InputIn {
            return linear.forward_rounded(late.view(), &mut xa[group as usize], input_gate, scratch);
        }
        let (x, xa, num_rows) = (normed.view(), &mut xa[group as usize], normed.view().num_rows());
        let bias = pass.decoder.bias(self.block.layer, group);
        match (group, bias) {
            (Group::InnerIn, None) => linear.forward_rounded(x, xa, gate_up, scratch),
            (Group::InnerIn, Some(bias)) => {
                d_inner.resize(num_rows * bias.len(), 0.0);
                linear.forward(x, xa, d_inner, false, scratch)?;
                add_bias(d_inner, bias);
                gate_up.set(pass.isa, d_inner, num_rows, bias.len());
                Ok(())
            }
            (_, bias) => {
                fit(wide, num_rows * linear.width());
                linear.forward(x, xa, wide, false, scratch)?;
                bias.into_iter().for_each(|bias| add_bias(wide, bias));
                // The other tokens' queries don't matter.
                if let Some(rows) = pass.given_rows(self.block.layer) {
                    scatter(wide, linear.width(), rows, pass.segments.num_tokens());
                }
                Ok(())
            }
        }
    }

    fn part_gates(&mut self) -> Result<()> {
        self.block.part_gates(self.kept, self.work);
        Ok(())
    }

    fn gate_heads(&mut self) -> Result<()> {
        self.block.gate_heads(self.kept, self.work);
        Ok(())
    }

    fn delta(&mut self) -> Result<()> {
        self.block.delta(self.kept, self.work);
        Ok(())
    }

    fn rotate(&mut self) -> Result<()> {
        let Block { pass, layer, .. } = self.block;
        pass.rotate(*layer, &mut self.work.wide, 1.0);
        Ok(())
    }

    fn normalize_heads(&mut self) -> Result<()> {
        let Block { pass, layer, .. } = self.block;
        if let Some(norms) = &pass.decoder.norms(*layer).qk {
            pass.normalize_qk(norms, &mut self.work.wide, pass.qkv_widths(*layer), &mut self.kept.qk);
        }
        Ok(())
    }

    fn scale_queries(&mut self) -> Result<()> {
        let Block { pass, layer, .. } = self.block;
        pass.scale_queries(*layer, &mut self.work.wide);
        Ok(())
    }

    fn attend(&mut self) -> Result<()> {
        self.block.attend(self.kept, self.work);
        Ok(())
    }

    fn convolve(&mut self) -> Result<()> {
        self.block.convolve(self.kept, self.work);
        Ok(())
    }

    fn scan(&mut self) -> Result<()> {
        self.block.scan(self.kept, self.work);
        Ok(())
    }

    fn gate(&mut self) -> Result<()> {
        let Block { pass, layer, .. } = self.block;
        pass.inner(&self.kept.gate_up, pass.decoder.spec().inner_size(*layer), &mut self.work.inner);
        Ok(())
    }

    fn gate_input(&mut self) -> Result<()> {
        let (Block { pass, layer, .. }, Work { across, inner, .. }) = (self.block, &mut *self.work);
        across.gate(pass, *layer, &self.kept.input_gate, inner);
        Ok(())
    }

    fn add(&mut self, group: Group, branch: Branch) -> Result<()> {
        let Block { pass, layer, .. } = *self.block;
        let (decoder, isa) = (pass.decoder, pass.isa);
        let (x, kept, Work { inner, mixed, hidden, scratch, .. }) = (&mut *self.x, &mut *self.kept, &mut *self.work);
        let rows = pass.wanted_rows(layer).filter(|_| branch == Branch::Mixer);
        if let Some(rows) = rows {
            let width = kept.mixed.view().num_cols();
            gather(mixed, width, rows);
            gather(x, decoder.spec().hidden_size, rows);
            kept.chosen.set(isa, mixed, rows.len(), width);
        }
        let input = match branch {
            Branch::Mixer if rows.is_some() => &kept.chosen,
            Branch::Mixer => &kept.mixed,
            Branch::Inner | Branch::Input => &*inner,
        };
        let (norm, bias) = (decoder.norms(layer).after(branch), decoder.bias(layer, group));
        let (to, add) = pass.branch_target(norm, bias, x, hidden);
        self.block.linear(group).forward(input.view(), &mut kept.xa[group as usize], to, add, scratch)?;
        pass.add_branch(norm, bias, hidden, &mut kept.branches[branch as usize], x);
        if branch == Branch::Mixer {
            let width = decoder.spec().hidden_size;
            kept.middle.set(isa, x, x.len() / width, width);
        }
        Ok(())
    }

    fn scale(&mut self) -> Result<()> {
        let Block { pass, layer, .. } = self.block;
        scale(self.x, pass.decoder.scale(*layer));
        Ok(())
    }
}

impl<E: Element> Block<'_, E> {
    /// `x` is the residual stream, `[num_tokens, hidden]`; after the last block it has [`BlockPass::last_rows`] only.
    pub fn forward(&self, x: &mut Vec<f32>, kept: &mut Kept<E>, work: &mut Work<E>) -> Result<()> {
        let layer = self.pass.decoder.layer_spec(self.layer);
        block::run(&mut Forward { block: self, x, kept, work }, layer)
    }

    /// The way back through [`block::run`]: `dx` is the gradient at the block's result and becomes that at its input, of all
    /// rows.
    pub fn backward(
        &self,
        input: &Operand<E>,
        kept: &Kept<E>,
        work: &mut Work<E>,
        dx: &mut Vec<f32>,
        gradients: &mut [Vec<f32>],
    ) -> Result<()> {
        let (pass, layer) = (self.pass, self.layer);
        if pass.decoder.layer_spec(layer).is_scaled {
            scale(dx, pass.decoder.scale(layer));
        }
        if pass.decoder.layer_spec(layer).has_input {
            self.input_back(kept, work, dx, gradients)?;
        }
        self.inner_back(kept, work, dx, gradients)?;
        let (hidden_size, isa, n) = (pass.decoder.spec().hidden_size, pass.isa, input.view().num_rows());
        let norms = pass.decoder.norms(layer);
        let width = kept.mixed.view().num_cols();

        let Work { dy, d_mixed, hidden, scratch, .. } = work;
        pass.branch_back(&norms.after_mixer, &kept.branches[0], dx, hidden, dy);
        d_mixed.resize(dx.len() / hidden_size * width, 0.0);
        self.linear(Group::MixerOut).back(dy, &kept.xa[Group::MixerOut as usize], d_mixed, gradients, scratch)?;
        let rows = pass.wanted_rows(layer);
        let mixed = if rows.is_some() { &kept.chosen } else { &kept.mixed };
        self.linear(Group::MixerOut).adapter_back(mixed.view(), gradients, scratch);
        if let Some(rows) = rows {
            scatter(d_mixed, width, rows, n);
            scatter(dx, hidden_size, rows, n);
        }
        match pass.decoder.layer_spec(layer).mixer {
            Mixer::Attention => self.attend_back(kept, work),
            Mixer::ShortConv { .. } => self.convolve_back(kept, work),
            Mixer::DeltaNet { .. } => self.delta_back(kept, work),
            Mixer::Mamba2(_) => self.scan_back(kept, work),
        }
        let Work { normed, dy, d_wide, hidden, scratch, .. } = work;
        dy.set(isa, d_wide, n, d_wide.len() / n.max(1));
        let normed_input = pass.normalize_kept(input, &norms.before_mixer, normed);
        hidden.resize(dx.len(), 0.0);
        self.linear(Group::MixerIn).back(dy, &kept.xa[Group::MixerIn as usize], hidden, gradients, scratch)?;
        self.linear(Group::MixerIn).adapter_back(normed_input.view(), gradients, scratch);
        pass.normalize_back(input, &norms.before_mixer, hidden, dx);
        Ok(())
    }

    /// Back through the gated layers.
    fn inner_back(&self, kept: &Kept<E>, work: &mut Work<E>, dx: &mut [f32], gradients: &mut [Vec<f32>]) -> Result<()> {
        let (pass, norms) = (self.pass, self.pass.decoder.norms(self.layer));
        let Work { normed, inner, dy, d_gate_up, d_inner, hidden, scratch, .. } = work;
        let (hidden_size, width) = (pass.decoder.spec().hidden_size, pass.decoder.spec().inner_size(self.layer));
        pass.branch_back(&norms.after_inner, &kept.branches[1], dx, hidden, dy);
        d_inner.resize(dx.len() / hidden_size * width, 0.0);
        self.linear(Group::InnerOut).back(dy, &kept.xa[Group::InnerOut as usize], d_inner, gradients, scratch)?;
        pass.inner_back(&kept.gate_up, width, d_inner, inner, d_gate_up);
        self.linear(Group::InnerOut).adapter_back(inner.view(), gradients, scratch);
        let normed_middle = pass.normalize_kept(&kept.middle, &norms.before_inner, normed);
        hidden.resize(dx.len(), 0.0);
        self.linear(Group::InnerIn).back(d_gate_up, &kept.xa[Group::InnerIn as usize], hidden, gradients, scratch)?;
        self.linear(Group::InnerIn).adapter_back(normed_middle.view(), gradients, scratch);
        pass.normalize_back(&kept.middle, &norms.before_inner, hidden, dx);
        Ok(())
    }

    /// Back through what the block's own input adds.
    fn input_back(&self, kept: &Kept<E>, work: &mut Work<E>, dx: &mut [f32], gradients: &mut [Vec<f32>]) -> Result<()> {
        let (pass, norms) = (self.pass, self.pass.decoder.norms(self.layer));
        let Work { inner, dy, d_gate_up, d_inner, hidden, scratch, across, .. } = work;
        pass.branch_back(&norms.after_input, &kept.branches[Branch::Input as usize], dx, hidden, dy);
        let gate = &kept.input_gate;
        d_inner.resize(gate.view().num_rows() * gate.view().num_cols(), 0.0);
        self.linear(Group::InputOut).back(dy, &kept.xa[Group::InputOut as usize], d_inner, gradients, scratch)?;
        across.gate_back(pass, self.layer, gate, d_inner, [&mut *inner, &mut *d_gate_up], self.adapter);
        self.linear(Group::InputOut).adapter_back(inner.view(), gradients, scratch);
        hidden.resize(dx.len(), 0.0);
        self.linear(Group::InputIn).back(d_gate_up, &kept.xa[Group::InputIn as usize], hidden, gradients, scratch)?;
        self.linear(Group::InputIn).adapter_back(kept.late.view(), gradients, scratch);
        pass.normalize_back(&kept.late, &None, hidden, dx);
        Ok(())
    }

    fn linear(&self, group: Group) -> Linear<'_, E> {
        let packed = self.adapter.map(|adapter| adapter.group(self.layer, group));
        Linear { pass: self.pass, layer: self.layer, group, packed }
    }
}

fn scale(values: &mut [f32], factor: f32) {
    values.par_iter_mut().with_min_len(1 << 14).for_each(|value| *value *= factor);
}

/// Adds `bias` to every row.
pub(super) fn add_bias(values: &mut [f32], bias: &[f32]) {
    let rows = values.par_chunks_mut(bias.len()).with_min_len(MIN_ROWS);
    rows.for_each(|row| row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias));
}

/// Keeps these rows, which ascend, and no others.
pub(super) fn gather(values: &mut Vec<f32>, width: usize, rows: &[u32]) {
    for (to, from) in rows.iter().enumerate() {
        let from = *from as usize * width;
        values.copy_within(from..from + width, to * width);
    }
    values.truncate(rows.len() * width);
}

/// Puts rows back to where [`gather`] took them from, among zeros.
pub(super) fn scatter(values: &mut Vec<f32>, width: usize, rows: &[u32], num_rows: usize) {
    values.resize(num_rows * width, 0.0);
    for (from, to) in rows.iter().map(|row| *row as usize).enumerate().rev().filter(|(from, to)| from != to) {
        values.copy_within(from * width..(from + 1) * width, to * width);
        values[from * width..][..width].fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathered_rows_are_scattered_to_their_places() {
        let mut values: Vec<f32> = (0..10).map(|i| i as f32).collect();
        gather(&mut values, 2, &[0, 3, 4]);
        assert_eq!(values, [0.0, 1.0, 6.0, 7.0, 8.0, 9.0]);
        scatter(&mut values, 2, &[0, 3, 4], 5);
        assert_eq!(values, [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 6.0, 7.0, 8.0, 9.0]);
    }
}
