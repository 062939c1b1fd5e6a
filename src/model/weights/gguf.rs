//! GGUF files, as llama.cpp writes them.

mod header;
mod keys;
mod parts;
mod spec;

use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::Value;

use self::header::TensorInfo;
use self::parts::Parts;
use super::{WeightSource, leftovers};
use crate::model::spec::Part;
use crate::model::spec::keys::GUESSING_LAYERS;
use crate::model::{ModelError, ModelSpec, Module, StoredTensor};
use crate::ops::{FrozenWeight, WeightType};

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
        self.parts.first().header.metadata.get(key)
    }

    fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors().find(|(found, _)| *found == name).map(|(_, info)| info)
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
        let mut counts = std::collections::BTreeMap::<WeightType, usize>::new();
        for (name, info) in self.tensors() {
            if name.starts_with("blk.") && info.shape.rank() == 2 {
                let count = counts.entry(info.dtype).or_default();
                *count = count.saturating_add(info.shape.elem_count());
            }
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        most.map(|(dtype, _)| dtype.name().to_owned()).unwrap_or_default()
    }

    pub fn num_parameters(&self) -> u64 {
        self.tensors().fold(0, |sum: u64, (_, info)| sum.saturating_add(info.shape.elem_count() as u64))
    }

    /// A tensor by its name in the file, as a matrix `[rows, cols]` in its stored type; its shape is checked.
    ///
    /// # Errors
    /// Where the tensor is missing, has another shape or can't be read; the error names it.
    pub fn matrix(&mut self, name: &str, rows: usize, cols: usize) -> Result<FrozenWeight, ModelError> {
        let (bytes, dtype) = self.tensor(name, &[rows, cols])?;
        Ok(FrozenWeight::new(rows, cols, dtype, bytes)?)
    }

    /// All values of a tensor.
    fn values(&mut self, name: &str, dims: &[usize]) -> Result<Vec<f32>, ModelError> {
        let (bytes, dtype) = self.tensor(name, dims)?;
        Ok(FrozenWeight::new(1, dims.iter().product(), dtype, bytes)?.to_f32()?)
    }

    /// All tensors, with the types they are stored in.
    pub fn stored(&self) -> Vec<StoredTensor> {
        let of = |(name, info): (&String, &TensorInfo)| StoredTensor {
            name: name.clone(),
            dtype: info.dtype.name().to_owned(),
            num_values: info.shape.elem_count() as u64,
            num_bytes: info.num_bytes,
        };
        self.tensors().map(of).collect()
    }

    fn tensor(&mut self, name: &str, dims: &[usize]) -> Result<(Vec<u8>, WeightType), ModelError> {
        let path = self.path.clone();
        let error = |message: String| ModelError::Tensor { path, tensor: name.to_owned(), message };
        let Some((part, shape, dtype)) = self.parts.find(name) else {
            return Err(error("is missing".to_owned()));
        };
        if shape != dims {
            return Err(error(format!("has the shape {shape:?} instead of {dims:?}")));
        }
        let bytes = part.bytes(name).map_err(|e| error(format!("can't be read: {e}")))?;
        Ok((bytes, dtype))
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
            let is_harmless = |name: &str| is_harmless(name) || self.is_guessing(spec, name);
            leftovers::problem(spec, names, |part| part.gguf(spec), is_harmless)
        };
        self.experts(spec).or_else(|| spec.problem(None)).or_else(|| self.unknown_key(spec)).or_else(tensors)
    }
}

impl GgufFile {
    /// How many of its layers guess further tokens, and are left out.
    pub fn num_guessing(&self, spec: &ModelSpec) -> usize {
        let key = format!("{}.{}", spec.architecture, GUESSING_LAYERS.gguf);
        let num = if spec.leaves_out_guessing() { self.number(&key) } else { None };
        num.and_then(|num| usize::try_from(num).ok()).unwrap_or(0)
    }

    /// Whether a tensor is of such a layer: they come after the others.
    fn is_guessing(&self, spec: &ModelSpec, name: &str) -> bool {
        let rest = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.'));
        let layer = rest.and_then(|(layer, _)| layer.parse::<usize>().ok());
        layer.is_some_and(|layer| layer >= spec.num_layers() && layer - spec.num_layers() < self.num_guessing(spec))
    }
}

/// Tensors that may be there although no product is made with them.
fn is_harmless(name: &str) -> bool {
    // The divisors of the rotary frequencies, which the spec reads, and the frequencies that old converters wrote out.
    spec::is_setting(name) || name.ends_with(".attn_rot_embd.weight")
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

    fn matrix(&mut self, part: Part, rows: usize, cols: usize) -> Result<FrozenWeight, ModelError> {
        let names = part.gguf(&self.spec);
        let rows_each = rows / names.len().max(1);
        let mut found: Option<(WeightType, Vec<u8>)> = None;
        for name in &names {
            let (more, dtype) = self.file.tensor(name, &[rows_each, cols])?;
            match &mut found {
                None => found = Some((dtype, more)),
                Some((first, bytes)) if *first == dtype => bytes.extend_from_slice(&more),
                Some((first, _)) => {
                    let message = format!("is {dtype}, but what it is multiplied with is {first}");
                    let path = self.file.path().to_owned();
                    return Err(ModelError::Tensor { path, tensor: name.clone(), message });
                }
            }
        }
        let Some((dtype, bytes)) = found else { return Err(ModelError::format(self.file.path(), "it has no tensors")) };
        let bytes = match self.heads_in_pairs(part) {
            Some(num_heads) => unpermute(&bytes, rows, num_heads),
            None => bytes,
        };
        Ok(FrozenWeight::new(rows, cols, dtype, bytes)?)
    }

    fn vector(&mut self, part: Part, len: usize) -> Result<Vec<f32>, ModelError> {
        let values = self.file.values(&part.gguf(&self.spec).concat(), &part.gguf_dims(&self.spec))?;
        Ok(match self.heads_in_pairs(part) {
            Some(num_heads) => unpermute(&values, len, num_heads),
            None => values,
        })
    }

    /// The head is tied exactly where the file has no tensor for it.
    fn tied_head(&mut self, _rows: usize, _cols: usize) -> Result<Option<FrozenWeight>, ModelError> {
        Ok(None)
    }
}

impl GgufWeights {
    /// For whose rows the file has another order than Transformers, how many heads they are of: adapters are to mean the
    /// same in PEFT.
    fn heads_in_pairs(&self, part: Part) -> Option<usize> {
        if !self.spec.family().is_some_and(|family| family.has_paired_rows) {
            return None;
        }
        match part {
            Part::Weight(_, Module::QProj) | Part::Bias(_, Module::QProj) => Some(self.spec.num_heads),
            Part::Weight(_, Module::KProj) | Part::Bias(_, Module::KProj) => Some(self.spec.num_kv_heads),
            _ => None,
        }
    }
}

/// Rows of each head from (pair, half) order back to (half, pair).
fn unpermute<T: Copy>(values: &[T], rows: usize, num_heads: usize) -> Vec<T> {
    let row_len = values.len() / rows;
    let head_rows = rows / num_heads;
    let half = head_rows / 2;
    let mut out = Vec::with_capacity(values.len());
    for row in 0..rows {
        let (head, place) = (row / head_rows, row % head_rows);
        let source = head * head_rows + place % half * 2 + place / half;
        out.extend_from_slice(&values[source * row_len..(source + 1) * row_len]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_in_transformers_order() {
        // Two heads of four rows; llama.cpp interleaves the halves: 0 2 1 3.
        let permuted = [0, 2, 1, 3, 4, 6, 5, 7];
        assert_eq!(unpermute(&permuted, 8, 2), [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
