//! Tensors out of files, in the type they are stored in.

mod elsewhere;
mod fp8;
pub mod gguf;
mod leftovers;
pub mod safetensors;

use std::path::Path;

use super::spec::Part;
use super::{ModelError, ModelSpec};
use crate::ops::FrozenWeight;

/// A file or folder with weights, its header read.
pub trait WeightSource {
    fn path(&self) -> &Path;

    fn spec(&self) -> &ModelSpec;

    /// Why the decoder can't run this model, as a sentence: its family, its settings, or tensors in it that nothing here
    /// would ask for.
    fn problem(&self) -> Option<String>;

    /// A matrix such as a linear layer's weight, `[rows, cols]`.
    ///
    /// # Errors
    /// Where the tensor is missing, has another shape or can't be read; the error names it.
    fn matrix(&mut self, part: Part, rows: usize, cols: usize) -> Result<FrozenWeight, ModelError>;

    /// A norm's weight or a state space's decay, as it is multiplied with, or a bias: `len` values as f32.
    ///
    /// # Errors
    /// Where the tensor is missing, has another length or can't be read; the error names it.
    fn vector(&mut self, part: Part, len: usize) -> Result<Vec<f32>, ModelError>;

    /// The tensor of a head that is tied to the embedding, where the file holds one all the same, `[rows, cols]`.
    ///
    /// # Errors
    /// Where the tensor has another shape or can't be read; the error names it.
    fn tied_head(&mut self, rows: usize, cols: usize) -> Result<Option<FrozenWeight>, ModelError>;
}

/// Opens a GGUF file or a folder with `config.json` and safetensors, and reads the header.
///
/// # Errors
/// Where a file can't be read, is damaged or isn't a model; the error names it.
pub fn open(path: &Path) -> Result<Box<dyn WeightSource>, ModelError> {
    if path.is_dir() {
        Ok(Box::new(safetensors::SafetensorsFolder::open(path)?))
    } else {
        Ok(Box::new(gguf::GgufWeights::open(path)?))
    }
}
