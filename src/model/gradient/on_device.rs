//! Loss and adapter gradients by candle's own operations and differentiation, on any device.

use std::time::Instant;

use candle_core::{Device, Result, Tensor};

use super::kinds::{Look, Pass, PhaseSecs, check};
use crate::model::lora::LoraAdapter;
use crate::model::{CandlePass, Decoder, Supervised};
use crate::ops::plain::cross_entropy;

/// See the module.
pub(super) struct OnDevice {
    pass: CandlePass,
    phases: PhaseSecs,
}

impl OnDevice {
    pub fn new(decoder: &Decoder, device: &Device) -> Result<Self> {
        Ok(Self { pass: CandlePass::new(decoder, device)?, phases: PhaseSecs::default() })
    }

    /// The cross-entropy of each supervised row, `[num_rows]`.
    fn forward(&self, decoder: &Decoder, batch: Supervised<'_>) -> Result<Tensor> {
        let hidden = self.pass.hidden(decoder, batch.ids, batch.segments, batch.dropout)?;
        let rows = Tensor::new(batch.rows, hidden.device())?;
        cross_entropy(&self.pass.logits(decoder, &hidden.index_select(&rows, 0)?)?, batch.targets)
    }
}

impl Pass for OnDevice {
    fn phases(&self) -> PhaseSecs {
        self.phases
    }

    fn num_bytes(&self) -> usize {
        self.pass.num_bytes()
    }

    fn set_adapter(&mut self, _decoder: &Decoder, adapter: &LoraAdapter) -> Result<()> {
        self.pass.set_adapter(adapter)
    }

    fn losses(&mut self, decoder: &Decoder, batch: Supervised<'_>) -> Result<Vec<f64>> {
        check(decoder, batch)?;
        if batch.rows.is_empty() {
            return Ok(Vec::new());
        }
        let losses = self.forward(decoder, batch)?.detach().to_vec1::<f32>()?;
        Ok(losses.into_iter().map(f64::from).collect())
    }

    fn logits(&mut self, decoder: &Decoder, batch: Supervised<'_>, look: Look<'_>) -> Result<()> {
        check(decoder, batch)?;
        if batch.rows.is_empty() {
            return Ok(());
        }
        let hidden = self.pass.hidden(decoder, batch.ids, batch.segments, None)?;
        let rows = Tensor::new(batch.rows, hidden.device())?;
        let logits = self.pass.logits(decoder, &hidden.index_select(&rows, 0)?)?.detach().to_vec2::<f32>()?;
        logits.iter().enumerate().for_each(|(at, logits)| look(at, logits));
        Ok(())
    }

    fn hidden(&mut self, decoder: &Decoder, batch: Supervised<'_>) -> Result<Vec<f32>> {
        check(decoder, batch)?;
        self.pass.hidden(decoder, batch.ids, batch.segments, None)?.detach().flatten_all()?.to_vec1::<f32>()
    }

    fn add_gradients(
        &mut self,
        decoder: &Decoder,
        batch: Supervised<'_>,
        weight: f64,
        gradients: &mut [Vec<f32>],
    ) -> Result<f64> {
        check(decoder, batch)?;
        if batch.rows.is_empty() {
            return Ok(0.0);
        }
        let started = Instant::now();
        let losses = self.forward(decoder, batch)?;
        let values = losses.to_vec1::<f32>()?;
        let forward_secs = started.elapsed().as_secs_f64();
        self.phases.forward += forward_secs;
        let found = (losses.sum_all()? * weight)?.backward()?;
        for (var, gradient) in self.pass.vars().zip(gradients) {
            // A pair that nothing of the loss goes through has none.
            let Some(found) = found.get(var) else { continue };
            let found = found.flatten_all()?.to_device(&Device::Cpu)?.to_vec1::<f32>()?;
            gradient.iter_mut().zip(found).for_each(|(sum, value)| *sum += value);
        }
        self.phases.backward += started.elapsed().as_secs_f64() - forward_secs;
        Ok(values.into_iter().map(f64::from).sum())
    }
}
