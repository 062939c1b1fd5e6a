//! GGUF files, as llama.cpp writes them.

mod keys;
mod parts;
mod spec;

use std::path::{Path, PathBuf};

use candle_core::Device;
use candle_core::quantized::QTensor;
use candle_core::quantized::gguf_file::{TensorInfo, Value};

use self::parts::Parts;
use super::{WeightSource, leftovers};
use crate::model::{ModelError, ModelSpec, Module};
use crate::ops::FrozenWeight;
use crate::task::catch_panic;

/// An open GGUF file, or all parts of a split one, whose header has been read.
pub struct GgufFile {
    /// The first part.
    path: PathBuf,
    parts: Parts,
}

impl GgufFile {
    /// Opens a GGUF file and reads its header. Any part of a split model can be named; the others must be beside it.
    ///
    /// # Errors
    /// Where a part is missing, damaged or not GGUF; the error names it.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let parts = Parts::open(path)?;
        Ok(Self { path: parts.first().path.clone(), parts })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The size of all parts on the disk.
    pub fn num_bytes(&self) -> u64 {
        self.parts.num_bytes()
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.parts.first().content.metadata.get(key)
    }

    fn tensors(&self) -> impl Iterator<Item = (&String, &TensorInfo)> + Clone {
        self.parts.tensors()
    }

    /// A text of the metadata.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.value(key)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number of the metadata, whatever its width.
    pub fn number(&self, key: &str) -> Option<u64> {
        keys::whole(self.value(key)?)
    }

    pub fn flag(&self, key: &str) -> Option<bool> {
        match *self.value(key)? {
            Value::Bool(v) => Some(v),
            _ => None,
        }
    }

    /// An array of texts.
    pub fn texts(&self, key: &str) -> Option<Vec<&str>> {
        let Value::Array(values) = self.value(key)? else { return None };
        values.iter().map(|v| if let Value::String(text) = v { Some(text.as_str()) } else { None }).collect()
    }

    /// An array of whole numbers (token types) or floats (scores).
    pub fn floats(&self, key: &str) -> Option<Vec<f32>> {
        let Value::Array(values) = self.value(key)? else { return None };
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
        for (name, info) in self.tensors() {
            if name.starts_with("blk.") && info.shape.rank() == 2 {
                let count = counts.entry(format!("{:?}", info.ggml_dtype)).or_default();
                *count = count.saturating_add(info.shape.elem_count());
            }
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name).unwrap_or_default();
        match most.strip_suffix('K') {
            Some(bits) => format!("{bits}_K"),
            None => most,
        }
    }

    pub fn num_parameters(&self) -> u64 {
        self.tensors().fold(0, |sum: u64, (_, info)| sum.saturating_add(info.shape.elem_count() as u64))
    }

    /// A tensor by its name in the file, its shape checked.
    fn tensor(&mut self, name: &str, dims: &[usize]) -> Result<QTensor, ModelError> {
        let path = self.path.clone();
        let error = |message: String| ModelError::Tensor { path, tensor: name.to_owned(), message };
        let Some((part, shape)) = self.parts.find(name) else {
            return Err(error("is missing".to_owned()));
        };
        if shape != dims {
            return Err(error(format!("has the shape {shape:?} instead of {dims:?}")));
        }
        match catch_panic(|| part.content.tensor(&mut part.reader, name, &Device::Cpu)) {
            Ok(tensor) => tensor.map_err(|e| error(format!("can't be read: {}", first_line(&e)))),
            Err(panic) => Err(error(format!("can't be read: {panic}"))),
        }
    }
}

/// The weights of a GGUF file, by their names in Transformers.
pub struct GgufWeights {
    file: GgufFile,
    spec: ModelSpec,
}

impl GgufWeights {
    /// Opens a GGUF file, and reads its header and the model's shape.
    ///
    /// # Errors
    /// As for [`GgufFile::open`], and where a key of the shape is missing or wrong; the error names it.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let mut file = GgufFile::open(path)?;
        let spec = file.spec()?;
        Ok(Self { file, spec })
    }
}

impl GgufFile {
    /// What the header shows of why this model can't be run, as a sentence.
    pub fn problem(&self, spec: &ModelSpec) -> Option<String> {
        let tensors = || {
            let names = self.tensors().map(|(name, _)| name.as_str());
            leftovers::problem(spec, names, |name| gguf_name(name, spec.has_branch_norms), is_harmless)
        };
        spec.problem(None).or_else(|| self.unknown_key(spec)).or_else(tensors)
    }
}

/// Tensors that may be there although no product is made with them.
fn is_harmless(name: &str) -> bool {
    // The divisors of the rotary frequencies, which the spec reads, and the frequencies that old converters wrote out.
    name == "rope_freqs.weight" || name.ends_with(".attn_rot_embd.weight")
}

impl WeightSource for GgufWeights {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    fn problem(&self) -> Option<String> {
        self.file.problem(&self.spec)
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

    /// The head is tied exactly where the file has no tensor for it.
    fn tied_head(&mut self, _rows: usize, _cols: usize) -> Result<Option<FrozenWeight>, ModelError> {
        Ok(None)
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

/// candle's messages continue with a backtrace where one was captured.
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
