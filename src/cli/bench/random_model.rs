//! Models in the shapes of real ones, with random weights: what memory and time depend on is there, and nothing is
//! downloaded.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Value as Gguf, write};
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::Ended;
use crate::model::{ModelError, ModelSpec};

/// The shape of a published model, a row of `shapes.json`.
#[derive(Deserialize)]
pub struct Shape {
    name: String,
    /// As in `config.json`.
    config: Value,
    /// How its weights are stored in a GGUF file; `None` for a folder with safetensors in bf16.
    pub gguf: Option<GgufShape>,
}

#[derive(Deserialize)]
pub struct GgufShape {
    architecture: String,
    /// `Q8_0` or `Q4_0`; norms are f32.
    #[serde(rename = "type")]
    dtype: String,
}

impl Shape {
    pub fn named(name: &str) -> Result<Self, Ended> {
        let shapes: Vec<Self> = serde_json::from_str(include_str!("shapes.json"))
            .map_err(|error| Ended::failed(format!("shapes.json: {error}")))?;
        let found = shapes.into_iter().find(|shape| shape.name == name);
        found.ok_or_else(|| Ended::failed(format!("There is no shape {name}")))
    }
}

/// Values that are drawn; a tensor repeats them.
const NUM_DRAWN: usize = 1 << 20;

/// Writes the model into a folder; gives the file or folder that is opened as the model.
pub fn make(shape: &Shape, folder: &Path) -> Result<PathBuf, Ended> {
    let spec = ModelSpec::from_config(&shape.config).map_err(Ended::failed)?;
    match &shape.gguf {
        Some(GgufShape { architecture, dtype }) => {
            let dtype = match dtype.as_str() {
                "Q8_0" => GgmlDType::Q8_0,
                "Q4_0" => GgmlDType::Q4_0,
                other => return Err(Ended::failed(format!("No random weights of the type {other} are made"))),
            };
            gguf(&spec, architecture, dtype, &folder.join("model.gguf"))
        }
        None => safetensors(&spec, &shape.config, &folder.join("model")),
    }
}

/// Small weights around zero as bytes of a type.
fn drawn(dtype: GgmlDType) -> Result<Vec<u8>, Ended> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (block, bytes) = (dtype.block_size(), dtype.type_size());
    let mut all = Vec::with_capacity(NUM_DRAWN / block * bytes);
    for _ in 0..NUM_DRAWN / block {
        match dtype {
            GgmlDType::Q8_0 | GgmlDType::Q4_0 => {
                let largest = if dtype == GgmlDType::Q8_0 { 128.0 } else { 8.0 };
                all.extend_from_slice(&f16::from_f32(0.03 / largest).to_le_bytes());
                all.extend((2..bytes).map(|_| rng.random::<u8>()));
            }
            GgmlDType::BF16 => all.extend_from_slice(&bf16::from_f32(rng.random_range(-0.03..0.03)).to_le_bytes()),
            other => return Err(Ended::failed(format!("No random weights of the type {other:?} are made"))),
        }
    }
    Ok(all)
}

fn repeated(drawn: &[u8], len: usize) -> Vec<u8> {
    drawn.iter().copied().cycle().take(len).collect()
}

fn gguf(spec: &ModelSpec, architecture: &str, dtype: GgmlDType, path: &Path) -> Result<PathBuf, Ended> {
    let drawn = drawn(dtype)?;
    let mut tensors = Vec::new();
    for part in spec.parts() {
        let dims = part.dims(spec);
        let tensor = if dims.len() == 1 {
            let ones = Tensor::ones(dims, DType::F32, &Device::Cpu).map_err(ModelError::from)?;
            QTensor::quantize(&ones, GgmlDType::F32)
        } else {
            let len = part.num_values(spec) / dtype.block_size() * dtype.type_size();
            QStorage::from_data(Cow::Owned(repeated(&drawn, len)), &Device::Cpu, dtype)
                .and_then(|storage| QTensor::new(storage, dims))
        };
        tensors.push((part.gguf(spec).swap_remove(0), tensor.map_err(ModelError::from)?));
    }
    let number = |value: usize| Gguf::U32(value as u32);
    let texts = |texts: Vec<String>| Gguf::Array(texts.into_iter().map(Gguf::String).collect());
    let (tokens, merges) = vocabulary(spec.vocab_size);
    let types = Gguf::Array(vec![Gguf::I32(1); tokens.len()]);
    let own = |key: &str| format!("{architecture}.{key}");
    let metadata = [
        ("general.architecture".to_owned(), Gguf::String(architecture.to_owned())),
        (own("block_count"), number(spec.num_layers())),
        (own("context_length"), number(spec.context_length)),
        (own("embedding_length"), number(spec.hidden_size)),
        (own("feed_forward_length"), number(spec.intermediate_size)),
        (own("attention.head_count"), number(spec.num_heads)),
        (own("attention.head_count_kv"), number(spec.num_kv_heads)),
        (own("attention.key_length"), number(spec.head_dim)),
        (own("attention.value_length"), number(spec.head_dim)),
        (own("attention.layer_norm_rms_epsilon"), Gguf::F32(spec.rms_norm_eps as f32)),
        (own("rope.freq_base"), Gguf::F32(1e6)),
        ("tokenizer.ggml.model".to_owned(), Gguf::String("gpt2".to_owned())),
        ("tokenizer.ggml.pre".to_owned(), Gguf::String("gpt-2".to_owned())),
        ("tokenizer.ggml.tokens".to_owned(), texts(tokens)),
        ("tokenizer.ggml.merges".to_owned(), texts(merges)),
        ("tokenizer.ggml.token_type".to_owned(), types),
        ("tokenizer.ggml.bos_token_id".to_owned(), Gguf::U32(0)),
        ("tokenizer.ggml.eos_token_id".to_owned(), Gguf::U32(1)),
    ];
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let file = File::create(path).map_err(ModelError::io(path))?;
    write(&mut BufWriter::new(file), &metadata, &tensors).map_err(ModelError::from)?;
    Ok(path.to_owned())
}

fn safetensors(spec: &ModelSpec, config: &Value, folder: &Path) -> Result<PathBuf, Ended> {
    std::fs::create_dir_all(folder).map_err(ModelError::io(folder))?;
    let keep = |name: &str, value: &Value| {
        let path = folder.join(name);
        crate::fs::write_atomic(&path, value.to_string().as_bytes()).map_err(ModelError::io(&path))
    };
    keep("config.json", config)?;
    keep("tokenizer.json", &tokenizer_json(spec.vocab_size))?;
    keep("tokenizer_config.json", &json!({}))?;
    let drawn = drawn(GgmlDType::BF16)?;
    let mut tensors = HashMap::new();
    for part in spec.parts() {
        let (dims, bytes) = (part.dims(spec), repeated(&drawn, 2 * part.num_values(spec)));
        let tensor = Tensor::from_raw_buffer(&bytes, DType::BF16, &dims, &Device::Cpu).map_err(ModelError::from)?;
        tensors.insert(part.name(spec), tensor);
    }
    candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).map_err(ModelError::from)?;
    Ok(folder.to_owned())
}

/// The letters that stand for bytes in GPT-2's vocabularies.
fn letters() -> Vec<char> {
    let is_plain = |byte: &u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let plain = (0..256).filter(is_plain);
    let others = (0..256).filter(|byte| !is_plain(byte)).zip(256..).map(|(_, letter)| letter);
    plain.chain(others).filter_map(char::from_u32).collect()
}

/// Tokens of GPT-2's kind, and what they are merged of: all letters, then pairs of them, then longer ones.
fn vocabulary(size: usize) -> (Vec<String>, Vec<String>) {
    let letters = letters();
    let mut tokens: Vec<String> = letters.iter().map(char::to_string).collect();
    let mut merges = Vec::new();
    let mut at = 0;
    'full: while tokens.len() < size {
        let left = tokens[at].clone();
        at += 1;
        for right in &letters {
            if tokens.len() >= size {
                break 'full;
            }
            merges.push(format!("{left} {right}"));
            tokens.push(format!("{left}{right}"));
        }
    }
    (tokens, merges)
}

fn tokenizer_json(size: usize) -> Value {
    let (tokens, merges) = vocabulary(size);
    let vocab: serde_json::Map<String, Value> =
        tokens.into_iter().enumerate().map(|(id, token)| (token, id.into())).collect();
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    json!({
        "version": "1.0",
        "added_tokens": [],
        "normalizer": null,
        "pre_tokenizer": byte_level,
        "post_processor": null,
        "decoder": byte_level,
        "model": {"type": "BPE", "vocab": vocab, "merges": merges},
    })
}
