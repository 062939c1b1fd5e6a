//! Which tensors a model's files hold, from their headers.

use std::path::Path;

use serde::Serialize;

use super::gguf::GgufFile;
use super::safetensors::SafetensorsFolder;
use crate::model::ModelError;

/// A tensor as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTensor {
    pub name: String,
    /// `Q4_K`, `BF16`
    pub dtype: String,
    pub num_values: u64,
    pub num_bytes: u64,
}

/// All tensors of one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredType {
    pub dtype: String,
    pub num_tensors: usize,
    pub num_values: u64,
    pub num_bytes: u64,
}

/// The tensors of a model by their types, those with the most bytes first.
///
/// # Errors
/// Where the file or folder can't be read or isn't a model; the error names it.
pub fn stored_types(path: &Path) -> Result<Vec<StoredType>, ModelError> {
    let tensors = match path.is_dir() {
        true => SafetensorsFolder::open(path)?.stored(),
        false => GgufFile::open(path)?.stored(),
    };
    let mut types: Vec<StoredType> = Vec::new();
    for tensor in tensors {
        let StoredTensor { dtype, num_values, num_bytes, .. } = tensor;
        match types.iter_mut().find(|of| of.dtype == dtype) {
            Some(of) => {
                of.num_tensors += 1;
                of.num_values = of.num_values.saturating_add(num_values);
                of.num_bytes = of.num_bytes.saturating_add(num_bytes);
            }
            None => types.push(StoredType { dtype, num_tensors: 1, num_values, num_bytes }),
        }
    }
    types.sort_by(|a, b| b.num_bytes.cmp(&a.num_bytes).then_with(|| a.dtype.cmp(&b.dtype)));
    Ok(types)
}
