//! GGUF files byte by byte: of any version and type, and wrong ones.

use std::path::Path;

use tunewright::ops::WeightType;

/// A value of the metadata, by its kind in files.
#[derive(Clone)]
pub enum Kv {
    U16(u16),
    U32(u32),
    I32(i32),
    F32(f32),
    Text(String),
    /// Kind and bytes as they are written.
    Raw(u32, Vec<u8>),
}

#[derive(Clone)]
pub struct Tensor {
    pub name: String,
    /// The outermost dimension first.
    pub dims: Vec<u64>,
    pub number: u32,
    pub bytes: Vec<u8>,
    /// Instead of the place where it is written.
    pub offset: Option<u64>,
}

#[derive(Clone)]
pub struct Gguf {
    pub version: u32,
    pub keys: Vec<(String, Kv)>,
    pub tensors: Vec<Tensor>,
    /// What the header promises, instead of what there is.
    pub counts: [Option<u64>; 2],
    pub alignment: usize,
}

impl Default for Gguf {
    fn default() -> Self {
        Self { version: 3, keys: Vec::new(), tensors: Vec::new(), counts: [None; 2], alignment: 32 }
    }
}

pub fn text(value: &str) -> Vec<u8> {
    [&(value.len() as u64).to_le_bytes(), value.as_bytes()].concat()
}

impl Gguf {
    pub fn key(mut self, name: &str, value: Kv) -> Self {
        self.keys.push((name.to_owned(), value));
        self
    }

    pub fn tensor(mut self, name: &str, dims: &[u64], dtype: WeightType, bytes: Vec<u8>) -> Self {
        let tensor = Tensor { name: name.to_owned(), dims: dims.to_vec(), number: dtype.number(), bytes, offset: None };
        self.tensors.push(tensor);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend(self.counts[0].unwrap_or(self.tensors.len() as u64).to_le_bytes());
        out.extend(self.counts[1].unwrap_or(self.keys.len() as u64).to_le_bytes());
        for (name, value) in &self.keys {
            out.extend(text(name));
            let (kind, bytes) = match value {
                Kv::U16(value) => (2, value.to_le_bytes().to_vec()),
                Kv::U32(value) => (4, value.to_le_bytes().to_vec()),
                Kv::I32(value) => (5, value.to_le_bytes().to_vec()),
                Kv::F32(value) => (6, value.to_le_bytes().to_vec()),
                Kv::Text(value) => (8, text(value)),
                Kv::Raw(kind, bytes) => (*kind, bytes.clone()),
            };
            out.extend(u32::to_le_bytes(kind));
            out.extend(bytes);
        }
        let mut offset = 0;
        for tensor in &self.tensors {
            out.extend(text(&tensor.name));
            out.extend((tensor.dims.len() as u32).to_le_bytes());
            tensor.dims.iter().rev().for_each(|dim| out.extend(dim.to_le_bytes()));
            out.extend(tensor.number.to_le_bytes());
            out.extend(tensor.offset.unwrap_or(offset as u64).to_le_bytes());
            offset = (offset + tensor.bytes.len()).next_multiple_of(self.alignment);
        }
        for tensor in &self.tensors {
            out.resize(out.len().next_multiple_of(self.alignment), 0);
            out.extend(&tensor.bytes);
        }
        out
    }

    pub fn write(&self, path: &Path) {
        tunewright::fs::write_atomic(path, &self.bytes()).unwrap();
    }
}

/// A small Llama whose matrices are all of one type, with as many columns as the largest blocks have.
pub struct TinyLlama {
    pub dtype: WeightType,
    pub seed: u64,
}

impl TinyLlama {
    const HIDDEN: u64 = 256;
    const INNER: u64 = 512;
    const KV: u64 = 128;
    pub const VOCAB: u64 = 48;
    const LAYERS: u32 = 2;

    pub fn gguf(&self) -> Gguf {
        self.made(|matrix| matrix)
    }

    /// The same values in f32.
    pub fn twin(&self) -> Gguf {
        self.made(|(dims, blocks)| {
            let [rows, cols] = dims.map(|dim| dim as usize);
            let weight = tunewright::ops::FrozenWeight::new(rows, cols, self.dtype, blocks).unwrap();
            (dims, weight.to_f32().unwrap().iter().flat_map(|value| value.to_le_bytes()).collect())
        })
    }

    fn made(&self, stored: impl Fn(([u64; 2], Vec<u8>)) -> ([u64; 2], Vec<u8>)) -> Gguf {
        let u32 = |value: u64| Kv::U32(value as u32);
        let mut gguf = Gguf::default()
            .key("general.architecture", Kv::Text("llama".into()))
            .key("llama.block_count", Kv::U32(Self::LAYERS))
            .key("llama.context_length", Kv::U32(512))
            .key("llama.embedding_length", u32(Self::HIDDEN))
            .key("llama.feed_forward_length", u32(Self::INNER))
            .key("llama.attention.head_count", Kv::U32(4))
            .key("llama.attention.head_count_kv", Kv::U32(2))
            .key("llama.attention.layer_norm_rms_epsilon", Kv::F32(1e-5))
            .key("llama.rope.freq_base", Kv::F32(10_000.0));
        let mut seed = self.seed;
        let mut add = |name: &str, rows: u64, cols: u64| {
            seed += 1;
            let (dims, bytes) = stored(([rows, cols], blocks(self.dtype, (rows * cols) as usize, seed)));
            let is_plain = bytes.len() as u64 == 4 * rows * cols;
            gguf = gguf.clone().tensor(name, &dims, if is_plain { WeightType::F32 } else { self.dtype }, bytes);
        };
        add("token_embd.weight", Self::VOCAB, Self::HIDDEN);
        add("output.weight", Self::VOCAB, Self::HIDDEN);
        for layer in 0..Self::LAYERS {
            for (name, rows, cols) in [
                ("attn_q", Self::HIDDEN, Self::HIDDEN),
                ("attn_k", Self::KV, Self::HIDDEN),
                ("attn_v", Self::KV, Self::HIDDEN),
                ("attn_output", Self::HIDDEN, Self::HIDDEN),
                ("ffn_gate", Self::INNER, Self::HIDDEN),
                ("ffn_up", Self::INNER, Self::HIDDEN),
                ("ffn_down", Self::HIDDEN, Self::INNER),
            ] {
                add(&format!("blk.{layer}.{name}.weight"), rows, cols);
            }
        }
        let ones: Vec<u8> = (0..Self::HIDDEN).flat_map(|_| 1f32.to_le_bytes()).collect();
        for layer in 0..Self::LAYERS {
            for name in ["attn_norm", "ffn_norm"] {
                gguf =
                    gguf.tensor(&format!("blk.{layer}.{name}.weight"), &[Self::HIDDEN], WeightType::F32, ones.clone());
            }
        }
        gguf.tensor("output_norm.weight", &[Self::HIDDEN], WeightType::F32, ones)
    }
}

/// Blocks of any codes whose values are about a tenth at most.
pub fn blocks(dtype: WeightType, len: usize, mut seed: u64) -> Vec<u8> {
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 56) as u8
    };
    if dtype.block_size() == 1 {
        let values = (0..len).map(|_| f32::from(random().cast_signed()) / 1280.0);
        return match dtype {
            WeightType::F32 => values.flat_map(f32::to_le_bytes).collect(),
            WeightType::F16 => values.flat_map(|value| half::f16::from_f32(value).to_le_bytes()).collect(),
            _ => values.flat_map(|value| half::bf16::from_f32(value).to_le_bytes()).collect(),
        };
    }
    // The places of a block's factors (f16), and the largest code that they are of.
    let (factors, largest): (&[usize], f32) = match dtype {
        WeightType::Q4_0 => (&[0], 8.0),
        WeightType::Q4_1 => (&[0, 2], 16.0),
        WeightType::Q5_0 => (&[0], 16.0),
        WeightType::Q5_1 => (&[0, 2], 32.0),
        WeightType::Q8_0 | WeightType::Iq4Nl => (&[0], 127.0),
        WeightType::Q2K => (&[80, 82], 45.0),
        WeightType::Q3K => (&[108], 128.0),
        WeightType::Q4K | WeightType::Q5K => (&[0, 2], 2000.0),
        WeightType::Q6K => (&[208], 4000.0),
        WeightType::Iq2Xxs | WeightType::Iq2Xs | WeightType::Iq2S => (&[0], 170.0),
        WeightType::Iq3Xxs | WeightType::Iq3S => (&[0], 470.0),
        WeightType::Iq1S => (&[0], 17.0),
        WeightType::Iq4Xs => (&[0], 4000.0),
        WeightType::Tq1 => (&[52], 1.0),
        WeightType::Tq2 => (&[64], 2.0),
        _ => (&[], 1.0),
    };
    let mut blocks: Vec<u8> = (0..len / dtype.block_size() * dtype.block_bytes()).map(|_| random()).collect();
    for (i, block) in blocks.chunks_exact_mut(dtype.block_bytes()).enumerate() {
        let size = 0.1 / largest * (1.0 + (i % 4) as f32 / 4.0);
        for at in factors {
            block[*at..at + 2].copy_from_slice(&half::f16::from_f32(size).to_le_bytes());
        }
        match dtype {
            WeightType::Mxfp4 => block[0] = 119 + (i % 3) as u8,
            // The factor's four bits each on top of four words: 0.0078.
            WeightType::Iq1M => {
                (0..4).for_each(|at| block[49 + 2 * at] = block[49 + 2 * at] & 15 | [0x00, 0x00, 0x00, 0x20][at]);
            }
            _ => {}
        }
    }
    blocks
}
