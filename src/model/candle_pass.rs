//! The decoder in candle's own operations, on any device: the witness of the passes written by hand, and the way onto a GPU.
//! Weights are held there in f32.

use candle_core::{Device, Result, Tensor, Var};

use super::block::{self, Branch, Steps};
use super::decoder::{Norms, RopeTables, StateSpace};
use super::lora::LoraAdapter;
use super::spec::{LayerSpec, Mamba2};
use super::{Decoder, Dropout, Group, Module};
use crate::ops::delta::DeltaWeights;
use crate::ops::plain::{
    ScanTensors, cap_logits, causal_attention, causal_conv, gate_heads, gated, gated_delta, gated_norm, part_gates,
    rms_norm, rotate, scan, short_conv,
};
use crate::ops::{FrozenWeight, Segments};

/// A model's weights on a device, with an adapter where one is set.
pub struct CandlePass {
    device: Device,
    layers: Vec<Layer>,
    norm: Tensor,
    /// On what the inputs of blocks take from a token's embedding, in models whose blocks have some.
    inputs_norm: Option<Tensor>,
    /// `[vocab_size, hidden]`
    head: Tensor,
    /// In the order of [`LoraAdapter::named_vars`].
    adapter: Vec<Pair>,
}

struct Layer {
    /// By [`Group`]: each linear layer's weight, `[out, in]`.
    groups: [Vec<(Module, Tensor)>; Group::ALL.len()],
    biases: [Option<Tensor>; Group::ALL.len()],
    /// Before and after each part of the block.
    norms: [Option<Tensor>; 2 * Branch::NUM],
    /// On queries, keys and values.
    qk_norms: Option<[Option<Tensor>; 3]>,
    kernel: Option<Tensor>,
    /// The decay, the bias and the norm of a gated DeltaNet.
    delta: Option<[Tensor; 3]>,
    scan: Option<ScanLayer>,
}

/// A state space.
struct ScanLayer {
    mamba2: Mamba2,
    conv_bias: Option<Tensor>,
    by: ScanTensors,
    norm: Tensor,
}

impl ScanLayer {
    fn new(StateSpace { mamba2, conv, scan, norm }: &StateSpace<'_>, device: &Device) -> Result<Self> {
        let row = |values: &[f32]| vector(values, device)?.unsqueeze(0);
        Ok(Self {
            mamba2: *mamba2,
            conv_bias: conv.bias.map(row).transpose()?,
            by: ScanTensors {
                a: row(scan.a)?,
                d: row(scan.d)?,
                dt_bias: row(scan.dt_bias)?,
                dt_limits: scan.dt_limits,
            },
            norm: vector(norm, device)?,
        })
    }
}

struct Pair {
    layer: usize,
    module: Module,
    a: Var,
    b: Var,
    scale: f64,
}

impl CandlePass {
    /// Brings the weights onto a device.
    ///
    /// # Errors
    /// Where the device has too little memory.
    pub fn new(decoder: &Decoder, device: &Device) -> Result<Self> {
        let layers = (0..decoder.spec().num_layers()).map(|layer| Layer::new(decoder, layer, device));
        Ok(Self {
            device: device.clone(),
            layers: layers.collect::<Result<_>>()?,
            norm: vector(decoder.last_norm(), device)?,
            inputs_norm: decoder.inputs().map(|of| vector(&of.norm, device)).transpose()?,
            head: matrix(decoder.head(), device)?,
            adapter: Vec::new(),
        })
    }

    /// Takes the adapter's weights as they are now.
    ///
    /// # Errors
    /// Where the device has too little memory.
    pub fn set_adapter(&mut self, adapter: &LoraAdapter) -> Result<()> {
        let pairs = adapter.modules().filter_map(|(layer, module, pair)| Some((layer, module, pair?)));
        let on_device = |var: &Var| Var::from_tensor(&var.as_detached_tensor().to_device(&self.device)?);
        let pairs = pairs.map(|(layer, module, pair)| {
            let scale = adapter.scale(pair);
            Ok(Pair { layer, module, a: on_device(&pair.a)?, b: on_device(&pair.b)?, scale })
        });
        self.adapter = pairs.collect::<Result<_>>()?;
        Ok(())
    }

    /// The adapter's trainable tensors, in the order of [`LoraAdapter::named_vars`].
    pub fn vars(&self) -> impl Iterator<Item = &Var> {
        self.adapter.iter().flat_map(|pair| [&pair.a, &pair.b])
    }

    /// Hidden rows after the last norm, `[num_tokens, hidden_size]`.
    ///
    /// # Errors
    /// Where the segments don't cover the tokens, or an id has no row in the embedding.
    pub fn hidden(
        &self,
        decoder: &Decoder,
        ids: &[u32],
        segments: &Segments,
        dropout: Option<Dropout>,
    ) -> Result<Tensor> {
        if segments.num_tokens() != ids.len() {
            candle_core::bail!("{} tokens don't fit segments of {}", ids.len(), segments.num_tokens());
        }
        let mut rows = Vec::new();
        decoder.embed_into(ids, &mut rows)?;
        let x = Tensor::from_vec(rows, (ids.len(), decoder.spec().hidden_size), &self.device)?;
        let tables = decoder.rope_tables(segments)?;
        let (rows, gates, inputs, lent) = (x.clone(), None, None, Vec::new());
        let mut forward =
            Forward { pass: self, decoder, segments, tables: &tables, dropout, layer: 0, x, rows, gates, inputs, lent };
        forward.make_inputs(ids)?;
        for (layer, layer_spec) in decoder.spec().layers.iter().enumerate() {
            forward.layer = layer;
            block::run(&mut forward, layer_spec)?;
        }
        rms_norm(&forward.x, &self.norm, decoder.spec().rms_norm_eps)
    }

    /// Logits of hidden rows: from `[num_rows, hidden_size]` to `[num_rows, vocab_size]`.
    ///
    /// # Errors
    /// Where the rows are not `hidden_size` wide.
    pub fn logits(&self, decoder: &Decoder, hidden: &Tensor) -> Result<Tensor> {
        cap_logits(hidden.matmul(&self.head.t()?)?, decoder.spec().final_softcap)
    }

    /// The size of the weights on the device, in bytes.
    pub fn num_bytes(&self) -> usize {
        let weights = self.layers.iter().flat_map(|layer| layer.groups.iter().flatten()).map(|(_, weight)| weight);
        4 * weights.chain([&self.head]).map(Tensor::elem_count).sum::<usize>()
    }
}

impl Layer {
    fn new(decoder: &Decoder, layer: usize, device: &Device) -> Result<Self> {
        let of_group = |group: Group| {
            let linear = decoder.linear(layer, group).iter();
            linear.map(|linear| Ok((linear.module, matrix(&linear.weight, device)?))).collect::<Result<Vec<_>>>()
        };
        let mut groups = [const { Vec::new() }; Group::ALL.len()];
        let mut biases = [const { None }; Group::ALL.len()];
        for group in Group::ALL {
            groups[group as usize] = of_group(group)?;
            biases[group as usize] = decoder.bias(layer, group).map(|bias| vector(bias, device)).transpose()?;
        }
        let Norms { before_mixer, after_mixer, before_inner, after_inner, after_input, qk } = decoder.norms(layer);
        let of = |norm: Option<&[f32]>| norm.map(|norm| vector(norm, device)).transpose();
        let mut norms = [const { None }; 2 * Branch::NUM];
        let all = [before_mixer, after_mixer, before_inner, after_inner, &None, after_input];
        for (place, norm) in norms.iter_mut().zip(all) {
            *place = of(norm.as_deref())?;
        }
        let qk_norms = match qk {
            Some(qk) => Some([of(Some(&qk.q))?, of(qk.k.as_deref())?, of(qk.v.as_deref())?]),
            None => None,
        };
        let (delta, state_space) = (decoder.delta(layer), decoder.state_space(layer));
        let kernel = decoder.kernel(layer);
        let channels = match (&delta, &state_space) {
            (Some(delta), _) => delta.2.channels,
            (_, Some(space)) => space.conv.channels,
            _ => decoder.spec().hidden_size,
        };
        let kernel = match kernel.is_empty() {
            true => None,
            false => Some(Tensor::from_slice(kernel, (kernel.len() / channels, channels), device)?),
        };
        let delta = match delta {
            Some((_, DeltaWeights { decay, step_bias, norm, .. }, _)) => {
                Some([vector(decay, device)?, vector(step_bias, device)?, vector(norm, device)?])
            }
            None => None,
        };
        let scan = state_space.map(|space| ScanLayer::new(&space, device)).transpose()?;
        Ok(Self { groups, biases, norms, qk_norms, kernel, delta, scan })
    }
}

fn vector(values: &[f32], device: &Device) -> Result<Tensor> {
    Tensor::new(values, device)
}

fn matrix(weight: &FrozenWeight, device: &Device) -> Result<Tensor> {
    Tensor::from_vec(weight.to_f32()?, (weight.rows(), weight.cols()), device)
}

/// The blocks on their way forward.
struct Forward<'a> {
    pass: &'a CandlePass,
    decoder: &'a Decoder,
    segments: &'a Segments,
    tables: &'a RopeTables,
    dropout: Option<Dropout>,
    layer: usize,
    /// The residual stream, `[num_tokens, hidden]`.
    x: Tensor,
    rows: Tensor,
    /// What was put aside to gate the heads.
    gates: Option<Tensor>,
    /// The inputs that blocks have of their own, `[num_tokens, num_layers, input_size]`.
    inputs: Option<Tensor>,
    /// The keys and values of blocks that others look at.
    lent: Vec<(usize, [Tensor; 2])>,
}

impl Forward<'_> {
    /// The inputs of all blocks, from the tokens and their embeddings.
    fn make_inputs(&mut self, ids: &[u32]) -> Result<()> {
        let (Some(of), Some(norm)) = (self.decoder.inputs(), &self.pass.inputs_norm) else { return Ok(()) };
        let projected = self.product(Group::Inputs)?;
        let (num_tokens, width) = projected.dims2()?;
        let mut embedded = vec![0.0; num_tokens * width];
        for (row, id) in embedded.chunks_exact_mut(width).zip(ids) {
            of.embed_row(*id, row)?;
        }
        let embedded = Tensor::from_vec(embedded, (num_tokens, width), projected.device())?;
        let size = norm.elem_count();
        let normed = rms_norm(&projected.reshape((num_tokens * width / size, size))?, norm, f64::from(of.eps))?;
        let inputs = (normed.reshape((num_tokens, width))? + embedded)?;
        self.inputs = Some(inputs.reshape((num_tokens, width / size, size))?);
        Ok(())
    }

    fn weights(&self) -> &Layer {
        &self.pass.layers[self.layer]
    }

    fn spec(&self) -> &LayerSpec {
        self.decoder.layer_spec(self.layer)
    }

    fn normed(&self, x: &Tensor, norm: &Option<Tensor>) -> Result<Tensor> {
        match norm {
            Some(norm) => rms_norm(x, norm, self.decoder.spec().rms_norm_eps),
            None => Ok(x.clone()),
        }
    }

    /// The rows through a group of linear layers, side by side.
    fn product(&self, group: Group) -> Result<Tensor> {
        let layer = self.weights();
        let outputs = layer.groups[group as usize].iter().map(|(module, weight)| {
            let out = self.rows.matmul(&weight.t()?)?;
            let pair = self.pass.adapter.iter().find(|pair| (pair.layer, pair.module) == (self.layer, *module));
            match pair {
                None => Ok(out),
                Some(Pair { a, b, scale, .. }) => {
                    out + (self.dropped(group)?.matmul(&a.t()?)?.matmul(&b.t()?)? * *scale)?
                }
            }
        });
        let out = Tensor::cat(&outputs.collect::<Result<Vec<_>>>()?, 1)?;
        match &layer.biases[group as usize] {
            Some(bias) => out.broadcast_add(bias),
            None => Ok(out),
        }
    }

    /// The adapter's input: the rows, some of their values hidden where there is dropout.
    fn dropped(&self, group: Group) -> Result<Tensor> {
        let Some(dropout) = self.dropout else { return Ok(self.rows.clone()) };
        let (rows, cols) = self.rows.dims2()?;
        let mut factors = vec![0.0f32; rows * cols];
        for (row, factors) in factors.chunks_exact_mut(cols).enumerate() {
            dropout.factors(self.layer, group as usize, row, factors);
        }
        &self.rows * Tensor::from_vec(factors, (rows, cols), self.rows.device())?
    }

    /// Queries, and keys and values where the block makes some.
    fn qkv(&self) -> Result<Vec<Tensor>> {
        let q = self.decoder.attention_shape(self.layer).q_width();
        let kv = self.decoder.spec().own_kv_width(self.layer);
        let places = [(0, q), (q, kv), (q + kv, kv)].into_iter().filter(|(_, width)| *width > 0);
        places.map(|(column, width)| self.rows.narrow(1, column, width)).collect()
    }

    fn set_qkv(&mut self, qkv: &[Tensor]) -> Result<()> {
        self.rows = Tensor::cat(qkv, 1)?;
        Ok(())
    }
}

impl Steps for Forward<'_> {
    fn read(&mut self, branch: Branch) -> Result<()> {
        self.rows = self.normed(&self.x, &self.weights().norms[2 * branch as usize])?;
        Ok(())
    }

    fn multiply(&mut self, group: Group) -> Result<()> {
        self.rows = self.product(group)?;
        Ok(())
    }

    fn part_gates(&mut self) -> Result<()> {
        let shape = self.decoder.attention_shape(self.layer);
        let (q, kv) = (shape.q_width(), 2 * shape.kv_width());
        let [queries, gates] = part_gates(&self.rows.narrow(1, 0, 2 * q)?, shape)?;
        self.rows = Tensor::cat(&[queries, self.rows.narrow(1, 2 * q, kv)?], 1)?;
        self.gates = Some(gates);
        Ok(())
    }

    fn gate_heads(&mut self) -> Result<()> {
        if let Some(gates) = self.gates.take() {
            self.rows = gate_heads(&self.rows, &gates)?;
        }
        Ok(())
    }

    fn delta(&mut self) -> Result<()> {
        let Layer { kernel: Some(kernel), delta: Some(weights), .. } = self.weights() else { return Ok(()) };
        let Some((shape, of, _)) = self.decoder.delta(self.layer) else { return Ok(()) };
        let qkv = causal_conv(&self.rows.narrow(1, 0, shape.conv_width())?, kernel, None, self.segments)?;
        self.rows = gated_delta(&qkv, &self.rows, shape, weights.each_ref(), f64::from(of.eps), self.segments)?;
        Ok(())
    }

    fn rotate(&mut self) -> Result<()> {
        let Some(table) = self.tables.of(self.spec()) else { return Ok(()) };
        let (mut qkv, head_dim) = (self.qkv()?, self.decoder.spec().head_dim(self.layer));
        for part in qkv.iter_mut().take(2) {
            *part = rotate(part, table, head_dim)?;
        }
        self.set_qkv(&qkv)
    }

    fn normalize_heads(&mut self) -> Result<()> {
        let Some(norms) = &self.weights().qk_norms else { return Ok(()) };
        let (mut qkv, eps) = (self.qkv()?, self.decoder.spec().rms_norm_eps);
        let parts = |x: &Tensor, norm: &Tensor| {
            let (shape, width) = (x.shape().clone(), norm.elem_count());
            rms_norm(&x.reshape((x.elem_count() / width, width))?, norm, eps)?.reshape(shape)
        };
        for (part, norm) in qkv.iter_mut().zip(norms) {
            if let Some(norm) = norm {
                *part = parts(part, norm)?;
            }
        }
        self.set_qkv(&qkv)
    }

    fn scale_queries(&mut self) -> Result<()> {
        let Some(factors) = &self.tables.query_factors else { return Ok(()) };
        let factors = vector(factors, &self.pass.device)?.unsqueeze(1)?;
        let mut qkv = self.qkv()?;
        qkv[0] = qkv[0].broadcast_mul(&factors)?;
        self.set_qkv(&qkv)
    }

    fn attend(&mut self) -> Result<()> {
        let shape = self.decoder.attention_shape(self.layer);
        let (q, [k, v]) = match (&self.qkv()?[..], self.spec().keys_of) {
            ([q, k, v], None) => (q.clone(), [k.clone(), v.clone()]),
            ([q], Some(from)) => match self.lent.iter().find(|(layer, _)| *layer == from) {
                Some((_, kv)) => (q.clone(), kv.clone()),
                None => candle_core::bail!("block {from} has lent no keys and values"),
            },
            _ => candle_core::bail!("queries, keys and values don't fit block {}", self.layer),
        };
        self.rows = causal_attention(&q, &k, &v, shape, self.segments)?;
        if self.decoder.spec().lends_keys(self.layer) {
            self.lent.push((self.layer, [k, v]));
        }
        Ok(())
    }

    fn convolve(&mut self) -> Result<()> {
        if let Some(kernel) = &self.weights().kernel {
            self.rows = short_conv(&self.rows, kernel, self.segments)?;
        }
        Ok(())
    }

    fn scan(&mut self) -> Result<()> {
        let (Some(kernel), Some(layer)) = (&self.weights().kernel, &self.weights().scan) else { return Ok(()) };
        let (shape, eps) = (layer.mamba2.shape, self.decoder.spec().rms_norm_eps);
        let part = |start, len| self.rows.narrow(1, start, len);
        let gate = part(0, shape.inner())?;
        let rows = part(shape.inner(), shape.row_width())?;
        let times = part(layer.mamba2.times_column(), shape.num_heads)?;
        let rows = causal_conv(&rows, kernel, layer.conv_bias.as_ref(), self.segments)?;
        let out = scan(&rows, &times, &layer.by, shape, self.segments)?;
        self.rows = gated_norm(&out, &gate, &layer.norm, shape.num_groups, eps)?;
        Ok(())
    }

    fn gate(&mut self) -> Result<()> {
        let inner = self.decoder.spec().inner_size(self.layer);
        let (gate, up) = (self.rows.narrow(1, 0, inner)?, self.rows.narrow(1, inner, inner)?);
        self.rows = gated(&gate, &up, self.decoder.spec().activation)?;
        Ok(())
    }

    fn add(&mut self, group: Group, branch: Branch) -> Result<()> {
        let branch_result = self.normed(&self.product(group)?, &self.weights().norms[2 * branch as usize + 1])?;
        self.x = (&self.x + (branch_result * f64::from(self.decoder.residual_scale()))?)?;
        Ok(())
    }

    fn gate_input(&mut self) -> Result<()> {
        if let Some(inputs) = &self.inputs {
            let own = inputs.narrow(1, self.layer, 1)?.squeeze(1)?;
            self.rows = gated(&self.rows, &own, self.decoder.spec().activation)?;
        }
        Ok(())
    }

    fn scale(&mut self) -> Result<()> {
        self.x = (&self.x * f64::from(self.decoder.scale(self.layer)))?;
        Ok(())
    }
}
