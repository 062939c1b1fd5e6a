//! Checkpoints: a folder per saved step, the adapter in PEFT's own format beside what going on needs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor, Var};
use serde::{Deserialize, Serialize};

use super::error::TrainError;
use super::optimizer::AdamW;
use crate::fs::write_atomic;
use crate::model::lora::LoraAdapter;
use crate::model::peft;

/// Where a run stands after a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Optimizer steps done.
    pub step: usize,
    pub best_step: Option<usize>,
    pub best_eval_loss: Option<f64>,
    /// Halved each time the loss was no number.
    pub rate_factor: f64,
    /// Seconds of work before this.
    pub secs: f64,
}

/// `checkpoints/step-000120`
pub fn folder(run_dir: &Path, step: usize) -> PathBuf {
    run_dir.join("checkpoints").join(format!("step-{step:06}"))
}

/// Writes a checkpoint; it appears under its name only when it is complete.
pub fn save(
    run_dir: &Path,
    base_model: &str,
    adapter: &LoraAdapter,
    optimizer: &AdamW,
    state: &State,
) -> Result<PathBuf, TrainError> {
    let target = folder(run_dir, state.step);
    let part = target.with_extension("part");
    if part.exists() {
        std::fs::remove_dir_all(&part).map_err(TrainError::io(&part))?;
    }
    peft::save(adapter, base_model, &part)?;
    let mut tensors = Vec::new();
    for ((name, var), moments) in adapter.named_vars().into_iter().zip(&optimizer.moments) {
        for (kind, values) in [("exp_avg", &moments.mean), ("exp_avg_sq", &moments.square)] {
            let tensor = Tensor::from_slice(values, var.shape(), &Device::Cpu)?;
            tensors.push((format!("{kind}.{name}"), tensor));
        }
    }
    peft::save_tensors(tensors, &part.join("optimizer.safetensors"))?;
    let path = part.join("state.json");
    let text = serde_json::to_vec_pretty(state)
        .map_err(|e| TrainError::Checkpoint { path: path.clone(), message: e.to_string() })?;
    write_atomic(&path, &text).map_err(TrainError::io(&path))?;
    if target.exists() {
        std::fs::remove_dir_all(&target).map_err(TrainError::io(&target))?;
    }
    std::fs::rename(&part, &target).map_err(TrainError::io(&target))?;
    Ok(target)
}

/// The folder of the last complete checkpoint.
pub fn last(run_dir: &Path) -> Option<PathBuf> {
    steps(run_dir).into_iter().max_by_key(|(step, _)| *step).map(|(_, path)| path)
}

/// The step of the last complete checkpoint.
pub fn last_step(run_dir: &Path) -> Option<usize> {
    steps(run_dir).into_iter().map(|(step, _)| step).max()
}

/// Deletes all but the best and the two last checkpoints. Failing to is no reason to end a run.
pub fn prune(run_dir: &Path, best_step: Option<usize>) {
    let mut found = steps(run_dir);
    found.sort_by_key(|(step, _)| std::cmp::Reverse(*step));
    for (_, path) in found.into_iter().skip(2).filter(|(step, _)| Some(*step) != best_step) {
        if let Err(error) = std::fs::remove_dir_all(&path) {
            log::warn!("{} can't be deleted: {error}", path.display());
        }
    }
}

fn steps(run_dir: &Path) -> Vec<(usize, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(run_dir.join("checkpoints")) else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let step = path.file_name()?.to_str()?.strip_prefix("step-")?.parse().ok()?;
            path.join("state.json").is_file().then_some((step, path))
        })
        .collect()
}

/// Puts a checkpoint's weights and moments in place.
pub fn restore(folder: &Path, adapter: &LoraAdapter, optimizer: &mut AdamW) -> Result<State, TrainError> {
    let error = |message: String| TrainError::Checkpoint { path: folder.into(), message };
    let path = folder.join("state.json");
    let text = std::fs::read_to_string(&path).map_err(TrainError::io(&path))?;
    let state: State = serde_json::from_str(&text).map_err(|e| error(format!("state.json: {e}")))?;
    let weights = peft::load_tensors(&folder.join(peft::WEIGHTS_FILE))?;
    let moments = peft::load_tensors(&folder.join("optimizer.safetensors"))?;
    for ((name, var), place) in adapter.named_vars().into_iter().zip(&mut optimizer.moments) {
        var.set(tensor(&weights, &name, var).map_err(error)?)?;
        place.mean = values(&moments, &format!("exp_avg.{name}"), var).map_err(error)?;
        place.square = values(&moments, &format!("exp_avg_sq.{name}"), var).map_err(error)?;
    }
    optimizer.step = state.step;
    Ok(state)
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
