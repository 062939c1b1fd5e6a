//! GGUF files as llama.cpp writes them: the golden models, converted as its script does, give the same logits.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use candle_core::quantized::gguf_file::{Value, write};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use tunewright::model::{Adaptation, Decoder, ModelSpec};
use tunewright::ops::Segments;
use tunewright::task::Unwatched;

use crate::fixtures::fixture;

/// A family's way into the format.
struct Conversion {
    fixture: &'static str,
    architecture: &'static str,
    /// Parts of a block's names in Transformers and in the file, besides those that all families share.
    names: &'static [(&'static str, &'static str)],
    keys: fn() -> Vec<(&'static str, Value)>,
    weight: fn(name: &str, weight: Tensor, spec: &ModelSpec) -> Tensor,
}

const SHARED_NAMES: [(&str, &str); 8] = [
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
    ("input_layernorm", "attn_norm"),
];

/// Mistral's files call themselves Llama's.
const MISTRAL: Conversion = Conversion {
    fixture: "mistral_window",
    architecture: "llama",
    names: &[("post_attention_layernorm", "ffn_norm")],
    keys: || vec![("attention.sliding_window", Value::U32(8))],
    weight: |name, weight, spec| match name {
        _ if name.contains("q_proj") => interleave(&weight, spec.num_heads),
        _ if name.contains("k_proj") => interleave(&weight, spec.num_kv_heads),
        _ => weight,
    },
};

/// The rows of each head for interleaved rope: first half and second half take turns.
fn interleave(weight: &Tensor, num_heads: usize) -> Tensor {
    let (rows, cols) = weight.dims2().unwrap();
    let halves = weight.reshape((num_heads, 2, rows / num_heads / 2, cols)).unwrap();
    halves.transpose(1, 2).unwrap().contiguous().unwrap().reshape((rows, cols)).unwrap()
}

impl Conversion {
    fn name(&self, name: &str) -> String {
        let name = match name {
            "model.embed_tokens.weight" => return "token_embd.weight".to_owned(),
            "model.norm.weight" => return "output_norm.weight".to_owned(),
            "lm_head.weight" => return "output.weight".to_owned(),
            _ => name.strip_prefix("model.layers.").unwrap(),
        };
        let (layer, name) = name.split_once('.').unwrap();
        let name = name.strip_suffix(".weight").unwrap();
        let names: HashMap<_, _> = SHARED_NAMES.iter().chain(self.names).copied().collect();
        format!("blk.{layer}.{}.weight", names[name])
    }

    /// Writes the fixture, but for the keys that are left out.
    fn write(&self, path: &Path, spec: &ModelSpec, without: &[&str]) {
        let weights = candle_core::safetensors::load(fixture(self.fixture).join("model.safetensors"), &Device::Cpu);
        let tensors = weights.unwrap().into_iter().map(|(name, weight)| {
            let converted = (self.weight)(&name, weight, spec);
            (self.name(&name), QTensor::quantize(&converted, GgmlDType::F32).unwrap())
        });
        let tensors: Vec<_> = tensors.collect();
        let number = |value: usize| Value::U32(value as u32);
        let keys = [
            ("block_count", number(spec.num_layers)),
            ("context_length", number(spec.context_length)),
            ("embedding_length", number(spec.hidden_size)),
            ("feed_forward_length", number(spec.intermediate_size)),
            ("attention.head_count", number(spec.num_heads)),
            ("attention.head_count_kv", number(spec.num_kv_heads)),
            ("attention.key_length", number(spec.head_dim)),
            ("attention.layer_norm_rms_epsilon", Value::F32(spec.rms_norm_eps as f32)),
            ("rope.freq_base", Value::F32(spec.rope.theta as f32)),
        ];
        let keys = keys.into_iter().chain((self.keys)()).filter(|(key, _)| !without.contains(key));
        let mut metadata = vec![("general.architecture".to_owned(), Value::String(self.architecture.to_owned()))];
        metadata.extend(keys.map(|(key, value)| (format!("{}.{key}", self.architecture), value)));
        let metadata: Vec<_> = metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
        let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        write(&mut File::create(path).unwrap(), &metadata, &tensors).unwrap();
    }

    fn check(&self) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        let original = Decoder::load(&fixture(self.fixture), &Unwatched).unwrap();
        self.write(&path, original.spec(), &[]);
        let converted = Decoder::load(&path, &Unwatched).unwrap();
        assert_eq!(
            ModelSpec { architecture: self.architecture.to_owned(), ..original.spec().clone() },
            ModelSpec { rms_norm_eps: original.spec().rms_norm_eps, ..converted.spec().clone() }
        );
        let ids: Vec<u32> = (0..30).map(|i| i * 17 % 128).collect();
        let logits = |decoder: &Decoder| -> Vec<f32> {
            let hidden = decoder.forward(&ids, &Segments::from_lengths([30]), Adaptation::default()).unwrap();
            decoder.logits(&hidden).unwrap().flatten_all().unwrap().to_vec1().unwrap()
        };
        for (found, expected) in logits(&converted).iter().zip(logits(&original)) {
            assert!((found - expected).abs() <= 1e-4, "{found}, not {expected}");
        }
    }
}

#[test]
fn a_file_of_mistral_gives_the_logits_of_its_original() {
    MISTRAL.check();
}
