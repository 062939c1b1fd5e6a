//! GGUF files, as llama.cpp writes them.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use candle_core::Device;
use candle_core::quantized::QTensor;
use candle_core::quantized::gguf_file::{Content, Value};

use super::WeightSource;
use crate::model::spec::{
    GEMMA2_ATTENTION_SOFTCAP, GEMMA2_FINAL_SOFTCAP, GEMMA2_WINDOW, RopeScaling, RopeSpec, slides_in_gemma2, windows,
};
use crate::model::{ModelError, ModelSpec, Module};
use crate::ops::{Activation, FrozenWeight};

/// An open GGUF file whose header has been read.
pub struct GgufFile {
    path: PathBuf,
    reader: BufReader<File>,
    content: Content,
}

impl GgufFile {
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let file = File::open(path).map_err(ModelError::io(path))?;
        let mut reader = BufReader::new(file);
        // A damaged header can make candle divide by its zero alignment: a bad file must not end the program.
        let content = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Content::read(&mut reader)))
            .map_err(|_| ModelError::format(path, "the GGUF header is damaged"))?
            .map_err(|e| ModelError::format(path, format!("not a GGUF file, or a damaged one ({})", first_line(&e))))?;
        Ok(Self { path: path.into(), reader, content })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A text of the metadata.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.content.metadata.get(key)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number of the metadata, whatever its width.
    pub fn number(&self, key: &str) -> Option<u64> {
        match *self.content.metadata.get(key)? {
            Value::U8(v) => Some(v.into()),
            Value::U16(v) => Some(v.into()),
            Value::U32(v) => Some(v.into()),
            Value::U64(v) => Some(v),
            Value::I8(v) => u64::try_from(v).ok(),
            Value::I16(v) => u64::try_from(v).ok(),
            Value::I32(v) => u64::try_from(v).ok(),
            Value::I64(v) => u64::try_from(v).ok(),
            _ => None,
        }
    }

    pub fn float(&self, key: &str) -> Option<f64> {
        match *self.content.metadata.get(key)? {
            Value::F32(v) => Some(v.into()),
            Value::F64(v) => Some(v),
            _ => None,
        }
    }

    pub fn flag(&self, key: &str) -> Option<bool> {
        match *self.content.metadata.get(key)? {
            Value::Bool(v) => Some(v),
            _ => None,
        }
    }

    /// An array of texts.
    pub fn texts(&self, key: &str) -> Option<Vec<&str>> {
        let Value::Array(values) = self.content.metadata.get(key)? else { return None };
        values.iter().map(|v| if let Value::String(text) = v { Some(text.as_str()) } else { None }).collect()
    }

    /// An array of whole numbers (token types) or floats (scores).
    pub fn floats(&self, key: &str) -> Option<Vec<f32>> {
        let Value::Array(values) = self.content.metadata.get(key)? else { return None };
        values
            .iter()
            .map(|v| match *v {
                Value::F32(v) => Some(v),
                Value::I32(v) => Some(v as f32),
                Value::U32(v) => Some(v as f32),
                _ => None,
            })
            .collect()
    }

    /// The type that most weights of the blocks have, as llama.cpp names it: `Q4_K`.
    pub fn quantization(&self) -> String {
        let mut counts = std::collections::BTreeMap::<String, usize>::new();
        for (name, info) in &self.content.tensor_infos {
            if name.starts_with("blk.") && info.shape.rank() == 2 {
                *counts.entry(format!("{:?}", info.ggml_dtype)).or_default() += info.shape.elem_count();
            }
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name).unwrap_or_default();
        match most.strip_suffix('K') {
            Some(bits) => format!("{bits}_K"),
            None => most,
        }
    }

    pub fn num_parameters(&self) -> u64 {
        self.content.tensor_infos.values().map(|info| info.shape.elem_count() as u64).sum()
    }

    /// The shape of the model; an architecture that the decoder can't run has one, too.
    pub fn spec(&mut self) -> Result<ModelSpec, ModelError> {
        let path = self.path.clone();
        let architecture = self
            .text("general.architecture")
            .ok_or_else(|| ModelError::format(&path, "its metadata name no architecture"))?
            .to_owned();
        let key = |key: &str| format!("{architecture}.{key}");
        let number = |name: &str| self.number(&key(name)).map(|v| v as usize);
        let required = |name: &str| {
            let missing = || ModelError::format(&path, format!("its metadata have no usable {}", key(name)));
            number(name).filter(|v| (1..1 << 31).contains(v)).ok_or_else(missing)
        };
        let (hidden_size, num_heads) = (required("embedding_length")?, required("attention.head_count")?);
        let vocab_size = match self.content.tensor_infos.get("token_embd.weight").map(|info| info.shape.dims()) {
            Some([vocab, _]) => *vocab,
            _ => return Err(ModelError::format(&path, "it has no embedding (token_embd.weight)")),
        };
        let scaling = match self.text(&key("rope.scaling.type")) {
            Some("linear") => RopeScaling::Linear { factor: self.float(&key("rope.scaling.factor")).unwrap_or(1.0) },
            None | Some("none") => RopeScaling::None,
            Some(other) => {
                let message = format!("the rope scaling {other} is not known");
                return Err(ModelError::Unsupported { path, message });
            }
        };
        let theta = self.float(&key("rope.freq_base")).unwrap_or(10_000.0);
        let num_layers = required("block_count")?;
        let is_gemma2 = architecture == "gemma2";
        let default = is_gemma2.then_some(GEMMA2_WINDOW);
        let window = number("attention.sliding_window").or(default).filter(|window| *window > 0);
        let windows = windows(num_layers, window, |layer| !is_gemma2 || slides_in_gemma2(layer))
            .map_err(|message| ModelError::format(&path, message))?;
        let softcap = |name: &str, default: f32| {
            let cap = self.float(&key(name)).map_or(default, |cap| cap as f32);
            Some(cap).filter(|cap| is_gemma2 && *cap > 0.0)
        };
        let head_dim = number("attention.key_length").unwrap_or(hidden_size / num_heads);
        // The format has no key for what Gemma 2 divides queries by: its largest model is known by its layers.
        let scaled_dim = if is_gemma2 && num_layers == 46 { hidden_size / num_heads } else { head_dim };
        let mut spec = ModelSpec {
            vocab_size,
            hidden_size,
            intermediate_size: required("feed_forward_length")?,
            num_layers,
            num_heads,
            num_kv_heads: number("attention.head_count_kv").unwrap_or(num_heads),
            head_dim,
            attention_scale: 1.0 / (scaled_dim as f64).sqrt(),
            attention_softcap: softcap("attn_logit_softcapping", GEMMA2_ATTENTION_SOFTCAP),
            final_softcap: softcap("final_logit_softcapping", GEMMA2_FINAL_SOFTCAP),
            activation: if is_gemma2 { Activation::GeluTanh } else { Activation::Silu },
            embedding_scale: if is_gemma2 { (hidden_size as f64).sqrt() } else { 1.0 },
            has_branch_norms: is_gemma2,
            rms_norm_eps: self.float(&key("attention.layer_norm_rms_epsilon")).unwrap_or(1e-5),
            rope: RopeSpec { theta, scaling },
            context_length: required("context_length")?,
            windows,
            tie_word_embeddings: !self.content.tensor_infos.contains_key("output.weight"),
            architecture,
        };
        if self.content.tensor_infos.contains_key("rope_freqs.weight") {
            let factors = self.tensor("rope_freqs.weight", &[spec.head_dim / 2])?;
            spec.rope.scaling = RopeScaling::Factors(factors.dequantize(&Device::Cpu)?.to_vec1()?);
        }
        spec.check().map_err(|message| ModelError::format(&path, message))?;
        Ok(spec)
    }

    /// A tensor by its name in the file, its shape checked.
    fn tensor(&mut self, name: &str, dims: &[usize]) -> Result<QTensor, ModelError> {
        let path = self.path.clone();
        let error = |message: String| ModelError::Tensor { path, tensor: name.to_owned(), message };
        let Some(info) = self.content.tensor_infos.get(name) else {
            return Err(error("is missing".to_owned()));
        };
        if info.shape.dims() != dims {
            return Err(error(format!("has the shape {:?} instead of {dims:?}", info.shape.dims())));
        }
        self.content
            .tensor(&mut self.reader, name, &Device::Cpu)
            .map_err(|e| error(format!("can't be read: {}", first_line(&e))))
    }
}

/// The weights of a GGUF file, by their names in Transformers.
pub struct GgufWeights {
    file: GgufFile,
    spec: ModelSpec,
}

impl GgufWeights {
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let mut file = GgufFile::open(path)?;
        let spec = file.spec()?;
        Ok(Self { file, spec })
    }
}

impl WeightSource for GgufWeights {
    fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    fn matrix(&mut self, name: &str, rows: usize, cols: usize) -> Result<FrozenWeight, ModelError> {
        let tensor = self.file.tensor(&gguf_name(name, self.spec.has_branch_norms), &[rows, cols])?;
        let bytes = tensor.data()?.into_owned();
        // llama.cpp stores the rows of q and k for interleaved rope; Transformers' order is put back, so that adapters
        // mean the same in PEFT.
        let bytes = match name {
            _ if self.spec.architecture != "llama" => bytes,
            _ if name.ends_with("q_proj.weight") => unpermute(&bytes, rows, self.spec.num_heads),
            _ if name.ends_with("k_proj.weight") => unpermute(&bytes, rows, self.spec.num_kv_heads),
            _ => bytes,
        };
        Ok(FrozenWeight::new(rows, cols, tensor.dtype(), bytes)?)
    }

    fn norm(&mut self, name: &str, len: usize) -> Result<Vec<f32>, ModelError> {
        let tensor = self.file.tensor(&gguf_name(name, self.spec.has_branch_norms), &[len])?;
        Ok(tensor.dequantize(&Device::Cpu)?.to_vec1()?)
    }
}

/// Rows of each head from (pair, half) order back to (half, pair).
fn unpermute(bytes: &[u8], rows: usize, num_heads: usize) -> Vec<u8> {
    let row_bytes = bytes.len() / rows;
    let head_rows = rows / num_heads;
    let half = head_rows / 2;
    let mut out = Vec::with_capacity(bytes.len());
    for row in 0..rows {
        let (head, place) = (row / head_rows, row % head_rows);
        let source = head * head_rows + place % half * 2 + place / half;
        out.extend_from_slice(&bytes[source * row_bytes..(source + 1) * row_bytes]);
    }
    out
}

/// `model.layers.0.mlp.up_proj.weight` → `blk.0.ffn_up.weight`
fn gguf_name(name: &str, has_branch_norms: bool) -> String {
    match name {
        "model.embed_tokens.weight" => return "token_embd.weight".to_owned(),
        "model.norm.weight" => return "output_norm.weight".to_owned(),
        "lm_head.weight" => return "output.weight".to_owned(),
        _ => {}
    }
    let Some((layer, rest)) = name.strip_prefix("model.layers.").and_then(|rest| rest.split_once('.')) else {
        return name.to_owned();
    };
    let rest = rest.strip_suffix(".weight").unwrap_or(rest);
    let short = match rest {
        "input_layernorm" => "attn_norm",
        "post_attention_layernorm" if has_branch_norms => "post_attention_norm",
        "post_attention_layernorm" | "pre_feedforward_layernorm" => "ffn_norm",
        "post_feedforward_layernorm" => "post_ffw_norm",
        _ => Module::ALL.iter().find(|m| m.path() == rest).map_or(rest, |m| m.gguf_name()),
    };
    format!("blk.{layer}.{short}.weight")
}

/// candle's messages go on with a backtrace where one was captured.
fn first_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_translated() {
        for has_branch_norms in [false, true] {
            let name = |name| gguf_name(name, has_branch_norms);
            assert_eq!(name("model.layers.12.self_attn.o_proj.weight"), "blk.12.attn_output.weight");
            assert_eq!(name("model.layers.0.input_layernorm.weight"), "blk.0.attn_norm.weight");
            assert_eq!(name("lm_head.weight"), "output.weight");
        }
        let after_attention = "model.layers.3.post_attention_layernorm.weight";
        assert_eq!(gguf_name(after_attention, false), "blk.3.ffn_norm.weight");
        assert_eq!(gguf_name(after_attention, true), "blk.3.post_attention_norm.weight");
    }

    #[test]
    fn rows_come_back_in_transformers_order() {
        // Two heads of four rows; llama.cpp interleaves the halves: 0 2 1 3.
        let permuted = [0, 2, 1, 3, 4, 6, 5, 7];
        assert_eq!(unpermute(&permuted, 8, 2), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn files_that_are_no_gguf_are_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broken.gguf");
        for bytes in [&b""[..], b"GGUF", b"GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", b"PK\x03\x04 a zip file"] {
            crate::fs::write_atomic(&path, bytes).unwrap();
            let message = GgufFile::open(&path).map(|_| ()).unwrap_err().to_string();
            assert!(message.contains("broken.gguf") && message.contains("not a GGUF file"), "{message}");
        }
    }
}
