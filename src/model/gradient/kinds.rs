//! What the kinds of training passes have in common.

use candle_core::Result;

use super::batch::Supervised;
use crate::model::Decoder;
use crate::model::lora::LoraAdapter;

/// Seconds spent so far, by part.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PhaseSecs {
    pub forward: f64,
    pub head: f64,
    pub backward: f64,
}

/// Looks at the logits of a supervised row, whose place among those it is given.
pub type Look<'a> = &'a mut (dyn FnMut(usize, &[f32]) + Send);

/// What every kind of training pass does.
pub(super) trait Pass {
    fn phases(&self) -> PhaseSecs;
    fn num_bytes(&self) -> usize;
    fn set_adapter(&mut self, decoder: &Decoder, adapter: &LoraAdapter) -> Result<()>;
    fn losses(&mut self, decoder: &Decoder, batch: Supervised<'_>) -> Result<Vec<f64>>;
    fn logits(&mut self, decoder: &Decoder, batch: Supervised<'_>, look: Look<'_>) -> Result<()>;
    fn hidden(&mut self, decoder: &Decoder, batch: Supervised<'_>) -> Result<Vec<f32>>;
    fn add_gradients(
        &mut self,
        decoder: &Decoder,
        batch: Supervised<'_>,
        weight: f64,
        gradients: &mut [Vec<f32>],
    ) -> Result<f64>;
}

/// Checks that a batch fits itself and the model.
pub(super) fn check(decoder: &Decoder, batch: Supervised<'_>) -> Result<()> {
    let num_tokens = batch.ids.len();
    if batch.segments.num_tokens() != num_tokens || batch.rows.len() != batch.targets.len() {
        candle_core::bail!("{num_tokens} tokens don't fit segments of {}", batch.segments.num_tokens());
    }
    if let Some(row) = batch.rows.iter().find(|row| **row as usize >= num_tokens) {
        candle_core::bail!("row {row} of a batch of {num_tokens} tokens");
    }
    let vocab_size = decoder.spec().vocab_size;
    match batch.ids.iter().chain(batch.targets).find(|id| **id as usize >= vocab_size) {
        Some(id) => candle_core::bail!("token id {id} is outside the vocabulary of {vocab_size}"),
        None => Ok(()),
    }
}
