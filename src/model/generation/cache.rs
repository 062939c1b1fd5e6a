//! What layers keep of the tokens that a sequence has seen: keys and values, or states.

use crate::model::ModelSpec;
use crate::model::spec::{Mamba2, Mixer};

/// Tokens by which a cache grows at once: a buffer that grows moves, and fresh memory is dear.
const CACHE_STEP: usize = 256;

/// What the layers keep of the tokens that one sequence has seen.
pub struct KvCache {
    pub(super) layers: Vec<Layer>,
    pub(super) len: usize,
    /// The tokens themselves, in models that read a text anew where it becomes a long one.
    pub(super) ids: Vec<u32>,
}

/// What one layer keeps.
#[derive(Clone)]
pub(super) enum Layer {
    /// One buffer for each head of keys, `[num_positions, head_dim]`.
    Attention { keys: Vec<Vec<f32>>, values: Vec<Vec<f32>> },
    /// The last products of a short convolution, `[taps − 1, hidden]`.
    ShortConv { state: Vec<f32> },
    /// What a gated DeltaNet convolves of the last tokens, `[taps − 1, channels]`, and its states.
    DeltaNet { earlier: Vec<f32>, state: Vec<f32> },
    /// What a state space's convolution read of the last tokens, `[taps − 1, channels]`, and what its heads carry.
    Mamba2 { read: Vec<f32>, state: Vec<f32> },
    /// It looks at what another layer keeps.
    Other,
}

impl KvCache {
    pub fn new(spec: &ModelSpec) -> Self {
        let heads = || vec![Vec::new(); spec.num_kv_heads];
        let layers = spec.layers.iter().map(|layer| match layer.mixer {
            Mixer::Attention if layer.keys_of.is_some() => Layer::Other,
            Mixer::Attention => Layer::Attention { keys: heads(), values: heads() },
            Mixer::ShortConv { kernel } => {
                Layer::ShortConv { state: vec![0.0; kernel.saturating_sub(1) * spec.hidden_size] }
            }
            Mixer::DeltaNet { kernel, shape } => Layer::DeltaNet {
                earlier: vec![0.0; kernel.saturating_sub(1) * shape.conv_width()],
                state: vec![0.0; shape.state_len()],
            },
            Mixer::Mamba2(Mamba2 { shape, kernel, .. }) => Layer::Mamba2 {
                read: vec![0.0; kernel.saturating_sub(1) * shape.row_width()],
                state: vec![0.0; shape.state_len()],
            },
        });
        Self { layers: layers.collect(), len: 0, ids: Vec::new() }
    }

    /// Forgets all, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.ids.clear();
        for layer in &mut self.layers {
            match layer {
                Layer::Attention { keys, values } => keys.iter_mut().chain(values).for_each(Vec::clear),
                Layer::ShortConv { state } => state.fill(0.0),
                Layer::DeltaNet { earlier, state } => earlier.iter_mut().chain(state).for_each(|value| *value = 0.0),
                Layer::Mamba2 { read, state } => [read, state].into_iter().for_each(|values| values.fill(0.0)),
                Layer::Other => {}
            }
        }
    }

    /// Tokens seen.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes over what `other` has seen; memory that is there is used again.
    pub fn set(&mut self, other: &Self) {
        self.len = other.len;
        self.ids.clone_from(&other.ids);
        for layers in self.layers.iter_mut().zip(&other.layers) {
            match layers {
                (Layer::Attention { keys, values }, Layer::Attention { keys: other_keys, values: other_values }) => {
                    let buffers = keys.iter_mut().chain(values).zip(other_keys.iter().chain(other_values));
                    for (buffer, other) in buffers {
                        buffer.clear();
                        append(buffer, other, other.len() / self.len.max(1));
                    }
                }
                (layer, other) => layer.clone_from(other),
            }
        }
    }
}

/// Rows of `width` values.
pub(super) fn append(buffer: &mut Vec<f32>, rows: &[f32], width: usize) {
    let needed = buffer.len() + rows.len();
    if buffer.capacity() < needed {
        buffer.reserve_exact(needed.next_multiple_of((CACHE_STEP * width).max(1)) - buffer.len());
    }
    buffer.extend_from_slice(rows);
}

#[cfg(test)]
mod tests {
    use super::{CACHE_STEP, append};

    #[test]
    fn a_cache_grows_by_many_rows_at_once() {
        let mut buffer = Vec::new();
        append(&mut buffer, &[1.0; 6], 3);
        let capacity = buffer.capacity();
        assert!(capacity >= 3 * CACHE_STEP);
        for _ in 2..CACHE_STEP {
            append(&mut buffer, &[2.0; 3], 3);
        }
        assert_eq!((buffer.len(), buffer.capacity()), (3 * CACHE_STEP, capacity));
        append(&mut buffer, &[3.0; 3], 3);
        assert_eq!(buffer[3 * CACHE_STEP - 1..], [2.0, 3.0, 3.0, 3.0]);
    }
}
