//! A checkpoint's weights and moments, written and read: its folder and its other files are [`crate::run::checkpoints`]'.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor, Var};

use super::error::TrainError;
use super::optimizer::AdamW;
use crate::model::lora::LoraAdapter;
use crate::model::{ModelError, peft};
use crate::run::checkpoints::{self, Draft, State};
use crate::run::{Checkpoint, RunError};

/// Writes a checkpoint; it appears under its name only when it is complete.
///
/// # Errors
/// Where a file can't be written, also because the run's folder is gone; the error names it.
pub fn save(
    run_dir: &Path,
    base_model: &str,
    adapter: &LoraAdapter,
    optimizer: &AdamW,
    state: &State,
) -> Result<PathBuf, TrainError> {
    let draft = Draft::begin(run_dir, state.step)?;
    let failed = |error: ModelError| match error {
        ModelError::Io { path, source } => RunError::Io { path: draft.final_place(&path), source }.into(),
        error => TrainError::from(error),
    };
    peft::save(adapter, base_model, &draft.checkpoint.path).map_err(failed)?;
    let mut tensors = Vec::new();
    for ((name, var), moments) in adapter.named_vars().into_iter().zip(&optimizer.moments) {
        for (kind, values) in [("exp_avg", &moments.mean), ("exp_avg_sq", &moments.square)] {
            let tensor = Tensor::from_slice(values, var.shape(), &Device::Cpu)?;
            tensors.push((format!("{kind}.{name}"), tensor));
        }
    }
    peft::save_tensors(tensors, &draft.checkpoint.optimizer()).map_err(failed)?;
    Ok(draft.finish(state)?)
}

/// Restores the newest complete checkpoint. Damaged ones are set aside, and each is reported in a sentence. `None` if
/// the run has no checkpoint yet.
///
/// # Errors
/// [`RunError::NoWholeCheckpoint`] if there are checkpoints, and none of them is complete.
pub fn restore(
    run_dir: &Path,
    num_steps: usize,
    adapter: &LoraAdapter,
    optimizer: &mut AdamW,
    tell: &mut dyn FnMut(String),
) -> Result<Option<State>, TrainError> {
    let (mut damages, mut restored) = (Vec::new(), None::<State>);
    // The older ones are looked at, too: the best of them is handed out at the end.
    for checkpoint in checkpoints::all(run_dir).into_iter().rev() {
        let state = checkpoint.check(num_steps).and_then(|state| {
            if restored.is_none() {
                put_in_place(&checkpoint, adapter, optimizer)?;
            }
            Ok(state)
        });
        match state {
            Ok(state) => restored = restored.or(Some(state)),
            Err(message) => damages.push((checkpoint, message)),
        }
    }
    let Some(state) = restored else {
        if damages.is_empty() {
            return Ok(None);
        }
        let damages = damages.iter().map(|(checkpoint, message)| format!("{}: {message}", checkpoint.name())).collect();
        return Err(RunError::NoWholeCheckpoint { run_dir: run_dir.into(), damages }.into());
    };
    for (checkpoint, message) in damages {
        let (name, new_name) = (checkpoint.name(), checkpoint.set_aside()?);
        let from = state.step;
        tell(format!(
            "The checkpoint {name} is damaged ({message}) and was renamed to {new_name}; the run resumes from step {from}"
        ));
    }
    optimizer.step = state.step;
    Ok(Some(state))
}

fn put_in_place(checkpoint: &Checkpoint, adapter: &LoraAdapter, optimizer: &mut AdamW) -> Result<(), String> {
    let weights = peft::load_tensors(&checkpoint.weights()).map_err(|error| error.to_string())?;
    let moments = peft::load_tensors(&checkpoint.optimizer()).map_err(|error| error.to_string())?;
    let vars = adapter.named_vars().into_iter().zip(adapter.matrices());
    for (((name, var), (module, matrix)), place) in vars.zip(&mut optimizer.moments) {
        let weight = tensor(&weights, &name, var)?;
        finite(&name, &values(&weights, &name, var)?)?;
        // The moments lie as the model has them, the weights as PEFT does.
        let own = adapter.order().from_file(module, matrix, weight);
        own.and_then(|own| var.set(&own)).map_err(|error| format!("tensor {name}: {error}"))?;
        place.mean = values(&moments, &format!("exp_avg.{name}"), var)?;
        place.square = values(&moments, &format!("exp_avg_sq.{name}"), var)?;
        finite(&name, &place.mean)?;
        finite(&name, &place.square)?;
    }
    Ok(())
}

fn finite(name: &str, values: &[f32]) -> Result<(), String> {
    let is_finite = values.iter().all(|value| value.is_finite());
    is_finite.then_some(()).ok_or_else(|| format!("tensor {name} has values that are not numbers (NaN or infinity)"))
}

fn tensor<'a>(tensors: &'a HashMap<String, Tensor>, name: &str, like: &Var) -> Result<&'a Tensor, String> {
    let tensor = tensors.get(name).ok_or(format!("tensor {name} is missing"))?;
    if tensor.dims() != like.dims() {
        return Err(format!("tensor {name} has the shape {:?} instead of {:?}", tensor.dims(), like.dims()));
    }
    Ok(tensor)
}

fn values(tensors: &HashMap<String, Tensor>, name: &str, like: &Var) -> Result<Vec<f32>, String> {
    let flat = tensor(tensors, name, like)?.flatten_all().and_then(|t| t.to_vec1());
    flat.map_err(|e| format!("tensor {name}: {e}"))
}
