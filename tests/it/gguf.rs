//! GGUF files as llama.cpp writes them: the golden models, converted as its script does, give the same logits.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use candle_core::quantized::gguf_file::{Content, Value, write};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use tunewright::model::pre_tokenizer::PreTokenizer;
use tunewright::model::weights::gguf::GgufFile;
use tunewright::model::{CandlePass, Decoder, ModelSpec, Tokenizer};
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

/// The names of weights in Hugging Face's files and in GGUF, where all families agree.
pub const SHARED_NAMES: [(&str, &str); 8] = [
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

/// What Transformers divides queries by has no key: it is made part of the weight here, where the fixture has its own.
const GEMMA2: Conversion = Conversion {
    fixture: "gemma2",
    architecture: "gemma2",
    names: &[
        ("post_attention_layernorm", "post_attention_norm"),
        ("pre_feedforward_layernorm", "ffn_norm"),
        ("post_feedforward_layernorm", "post_ffw_norm"),
    ],
    keys: || {
        vec![
            ("attention.sliding_window", Value::U32(8)),
            ("attn_logit_softcapping", Value::F32(5.0)),
            ("final_logit_softcapping", Value::F32(3.0)),
        ]
    },
    weight: |name, weight, spec| match name {
        _ if name.contains("norm") => (weight + 1.0).unwrap(),
        _ if name.contains("q_proj") => (weight * (spec.attention_scale * (spec.head_dim as f64).sqrt())).unwrap(),
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
            ("block_count", number(spec.num_layers())),
            ("context_length", number(spec.context_length)),
            ("embedding_length", number(spec.hidden_size)),
            ("feed_forward_length", number(spec.intermediate_size)),
            ("attention.head_count", number(spec.num_heads)),
            ("attention.head_count_kv", number(spec.num_kv_heads)),
            ("attention.key_length", number(spec.head_dim)),
            ("attention.layer_norm_rms_epsilon", Value::F32(spec.rms_norm_eps as f32)),
            ("rope.freq_base", Value::F32(spec.ropes[0].theta as f32)),
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
        let mut expected = original.spec().clone();
        expected.architecture = self.architecture.to_owned();
        (expected.rms_norm_eps, expected.attention_scale) =
            (converted.spec().rms_norm_eps, 1.0 / (expected.head_dim as f64).sqrt());
        assert_eq!(*converted.spec(), expected);
        let ids: Vec<u32> = (0..30).map(|i| i * 17 % 128).collect();
        let logits = |decoder: &Decoder| -> Vec<f32> {
            let pass = CandlePass::new(decoder, &Device::Cpu).unwrap();
            let hidden = pass.hidden(decoder, &ids, &Segments::from_lengths([30]), None).unwrap();
            pass.logits(decoder, &hidden).unwrap().flatten_all().unwrap().to_vec1().unwrap()
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

#[test]
fn a_file_of_gemma_2_gives_the_logits_of_its_original() {
    GEMMA2.check();
}

#[test]
fn what_a_file_of_gemma_2_does_not_say_is_as_llama_cpp_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let original = Decoder::load(&fixture("gemma2"), &Unwatched).unwrap();
    let unsaid = ["attention.sliding_window", "attn_logit_softcapping", "final_logit_softcapping"];
    GEMMA2.write(&path, original.spec(), &unsaid);
    let spec = GgufFile::open(&path).unwrap().spec().unwrap();
    assert_eq!(spec.layers.iter().map(|layer| layer.window).collect::<Vec<_>>(), [Some(4096), None]);
    assert_eq!((spec.attention_softcap, spec.final_softcap), (Some(50.0), Some(30.0)));
}

#[test]
fn rope_factors_beside_a_scaling_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let mut original = File::open(fixture("gguf/llama3_rope.gguf")).unwrap();
    let content = Content::read(&mut original).unwrap();
    let names = content.tensor_infos.keys();
    let tensors = names.map(|name| (name, content.tensor(&mut original, name, &Device::Cpu).unwrap()));
    let tensors: Vec<_> = tensors.collect();
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let (kind, factor) = (Value::String("linear".to_owned()), Value::F32(2.0));
    let mut metadata: Vec<_> = content.metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
    metadata.extend([("llama.rope.scaling.type", &kind), ("llama.rope.scaling.factor", &factor)]);
    write(&mut File::create(&path).unwrap(), &metadata, &tensors).unwrap();
    let error = GgufFile::open(&path).unwrap().spec().unwrap_err().to_string();
    assert!(error.contains("rope_freqs.weight beside rope.scaling.type"), "{error}");
}

#[test]
fn a_vocabulary_of_another_kind_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let tokens = Value::Array(vec![Value::String("a".to_owned())]);
    let metadata = [
        ("general.architecture", &Value::String("gemma2".to_owned())),
        ("tokenizer.ggml.model", &Value::String("t5".to_owned())),
        ("tokenizer.ggml.tokens", &tokens),
    ];
    write(&mut File::create(&path).unwrap(), &metadata, &[]).unwrap();
    let error = Tokenizer::from_gguf(&GgufFile::open(&path).unwrap()).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("of the kind t5, which is not read"), "{error}");
}

/// Gemma's vocabulary puts no space before a text, Llama's does; neither may be lost or left over.
#[test]
fn a_text_comes_back_with_the_spaces_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    for space_prefix in [false, true] {
        let texts = |values: &[&str]| Value::Array(values.iter().map(|v| Value::String((*v).to_owned())).collect());
        let scores = [0.0, 0.0, -1.0, -2.0, -3.0, -4.0].map(Value::F32).to_vec();
        let metadata = [
            ("general.architecture", Value::String("gemma2".to_owned())),
            ("tokenizer.ggml.model", Value::String("llama".to_owned())),
            ("tokenizer.ggml.tokens", texts(&["<unk>", "<eos>", "▁a", "▁", "a", "b"])),
            ("tokenizer.ggml.scores", Value::Array(scores)),
            ("tokenizer.ggml.unknown_token_id", Value::U32(0)),
            ("tokenizer.ggml.add_space_prefix", Value::Bool(space_prefix)),
        ];
        let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, value)).collect();
        write(&mut File::create(&path).unwrap(), &metadata, &[]).unwrap();
        let tokenizer = Tokenizer::from_gguf(&GgufFile::open(&path).unwrap()).unwrap();
        for (text, ids, prefixed) in [("a ab", &[4, 2, 5][..], &[2, 2, 5][..]), (" b", &[3, 5], &[3, 3, 5])] {
            let encoded: Vec<u32> = tokenizer.encode_text(text).unwrap().into_iter().map(|(id, _)| id).collect();
            assert_eq!(encoded, if space_prefix { prefixed } else { ids }, "{text:?}");
            assert_eq!(tokenizer.decode(&encoded).unwrap(), text);
        }
    }
}

/// A file that an old converter made of Llama 3 doesn't say how texts are cut; its vocabulary does.
#[test]
fn llama_3_is_known_by_its_vocabulary() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let encode = |num_tokens: usize, pre: Option<&str>| {
        let mut tokens: Vec<String> = (0..num_tokens).map(|id| format!("unused {id}")).collect();
        for (id, token) in ["1", "2", "3", "4", "5", "12", "123", "45", "1234"].iter().enumerate() {
            tokens[id] = (*token).to_owned();
        }
        tokens[128_000] = "<|begin_of_text|>".to_owned();
        tokens[128_009] = "<|eot_id|>".to_owned();
        let texts = |texts: &[String]| Value::Array(texts.iter().cloned().map(Value::String).collect());
        let merges = ["1 2", "12 3", "123 4", "4 5"].map(str::to_owned);
        let mut metadata = vec![
            ("general.architecture", Value::String("llama".to_owned())),
            ("tokenizer.ggml.model", Value::String("gpt2".to_owned())),
            ("tokenizer.ggml.tokens", texts(&tokens)),
            ("tokenizer.ggml.merges", texts(&merges)),
        ];
        metadata.extend(pre.map(|pre| ("tokenizer.ggml.pre", Value::String(pre.to_owned()))));
        let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, value)).collect();
        write(&mut File::create(&path).unwrap(), &metadata, &[]).unwrap();
        let file = GgufFile::open(&path).unwrap();
        let note = PreTokenizer::of(&file).map(|(_, note)| note).unwrap_or_default();
        let ids = Tokenizer::from_gguf(&file).map_err(|e| e.to_string())?.encode_text("12345").unwrap();
        Ok::<_, String>((ids.into_iter().map(|(id, _)| id).collect::<Vec<u32>>(), note))
    };
    // Three digits at once.
    assert_eq!(encode(128_256, Some("llama-bpe")), Ok((vec![6, 7], None)));
    for pre in [None, Some("default")] {
        let (ids, note) = encode(128_256, pre).unwrap();
        assert_eq!(ids, [6, 7]);
        assert!(note.unwrap().contains("Llama 3's"));
    }
    assert_eq!(encode(128_256, Some("llama-v3")), Ok((vec![6, 7], None)));
    assert_eq!(encode(128_256, Some("gpt-2")), Ok((vec![8, 4], None)), "all digits at once");
    assert!(encode(128_256, Some("someone-s")).unwrap_err().contains("someone-s"));
}

#[test]
fn a_vocabulary_that_does_not_fit_itself_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let texts = |values: &[&str]| Value::Array(values.iter().map(|v| Value::String((*v).to_owned())).collect());
    let ints = |values: &[i32]| Value::Array(values.iter().copied().map(Value::I32).collect());
    let floats = |values: &[f32]| Value::Array(values.iter().copied().map(Value::F32).collect());
    for (kind, others, words) in [
        ("gpt2", vec![("tokenizer.ggml.merges", texts(&["ab"]))], "is not of two tokens"),
        ("gpt2", vec![("tokenizer.ggml.token_type", ints(&[1]))], "1 types of tokens"),
        ("llama", vec![("tokenizer.ggml.scores", floats(&[0.0]))], "1 scores"),
        ("llama", vec![], "no scores"),
    ] {
        let mut metadata = vec![
            ("general.architecture", Value::String("llama".to_owned())),
            ("tokenizer.ggml.model", Value::String(kind.to_owned())),
            ("tokenizer.ggml.pre", Value::String("gpt-2".to_owned())),
            ("tokenizer.ggml.tokens", texts(&["a", "b", "ab"])),
        ];
        metadata.extend(others);
        let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, value)).collect();
        write(&mut File::create(&path).unwrap(), &metadata, &[]).unwrap();
        let error = Tokenizer::from_gguf(&GgufFile::open(&path).unwrap()).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_file_that_is_no_model_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adapter.gguf");
    let metadata = [
        ("general.architecture", &Value::String("llama".to_owned())),
        ("general.type", &Value::String("adapter".to_owned())),
    ];
    write(&mut File::create(&path).unwrap(), &metadata, &[]).unwrap();
    let error = GgufFile::open(&path).unwrap().spec().unwrap_err().to_string();
    assert!(error.contains("isn't a model but of the type adapter"), "{error}");
}
