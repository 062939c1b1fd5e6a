//! Runs, as their folders tell them.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::ProjectError;
use super::state::{RunAbout, RunNote, RunRecord, RunStatus};
use super::store::project::Project;
use crate::recipe::Recipe;

/// What training writes to `status.json`.
#[derive(Debug, Deserialize)]
struct Status {
    status: RunStatus,
    #[serde(default)]
    num_steps: usize,
    #[serde(default)]
    num_steps_done: usize,
    #[serde(default)]
    best_step: Option<usize>,
    #[serde(default)]
    secs: f64,
    #[serde(default)]
    num_examples: Option<usize>,
}

/// What is needed of a line of `metrics.jsonl`.
#[derive(Debug, Deserialize)]
struct Line {
    step: usize,
    #[serde(default)]
    eval_loss: Option<f64>,
    #[serde(default)]
    step_secs: f64,
    #[serde(default)]
    eval_secs: f64,
}

impl Project {
    /// All runs, the newest first. A folder that is no run, or whose recipe can't be read, is left out.
    pub fn runs(&self) -> Result<Vec<RunRecord>, ProjectError> {
        let folder = self.folder().join("runs");
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(ProjectError::io(&folder, e)),
        };
        let mut runs = Vec::new();
        for entry in entries {
            let run_dir = entry.map_err(|e| ProjectError::io(&folder, e))?.path();
            if !run_dir.join("recipe.toml").is_file() {
                continue;
            }
            match RunRecord::read(&run_dir) {
                Ok(run) => runs.push(run),
                Err(e) => log::warn!("a run is not listed: {e}"),
            }
        }
        runs.sort_by_key(|run| std::cmp::Reverse(age_key(&run.name)));
        Ok(runs)
    }
}

/// `2026-11-23-10` comes after `2026-11-23-9`.
fn age_key(name: &str) -> (String, u32) {
    match name.rsplit_once('-') {
        Some((date, count)) => (date.to_owned(), count.parse().unwrap_or_default()),
        None => (name.to_owned(), 0),
    }
}

impl RunRecord {
    /// Reads a run's recipe, status, metrics and checkpoints. A status of `Running` is what the folder says: whether a
    /// job still works on it is for the engine to know.
    pub fn read(run_dir: &Path) -> Result<Self, ProjectError> {
        let recipe = Recipe::read(&run_dir.join("recipe.toml"))
            .map_err(|source| ProjectError::Run { run_dir: run_dir.into(), source })?;
        let status = read_status(run_dir);
        let lines = read_lines(run_dir)?;
        let evaluations = || lines.iter().filter_map(|line| Some((line.step, line.eval_loss?)));
        let best = evaluations().min_by(|a, b| a.1.total_cmp(&b.1));
        let best_step = status.as_ref().and_then(|s| s.best_step).or(best.map(|(step, _)| step));
        let last_step = lines.iter().map(|line| line.step).max().unwrap_or_default();
        Ok(Self {
            name: run_dir.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
            run_dir: run_dir.into(),
            model: recipe.base_model.clone(),
            recipe,
            status: status.as_ref().map_or(RunStatus::Interrupted, |s| s.status),
            num_steps_done: status.as_ref().map_or(0, |s| s.num_steps_done).max(last_step),
            num_steps: status.as_ref().map_or(0, |s| s.num_steps).max(last_step),
            first_eval_loss: evaluations().find(|(step, _)| *step == 0).map(|(_, loss)| loss),
            best_eval_loss: best.map(|(_, loss)| loss),
            best_step,
            adapter: adapter(run_dir, best_step),
            secs: status
                .as_ref()
                .map_or(0.0, |s| s.secs)
                .max(lines.iter().map(|line| line.step_secs + line.eval_secs).sum()),
            about: RunAbout {
                note: RunNote::read(run_dir),
                num_examples: status.and_then(|s| s.num_examples),
                data_sha256: data_sha256(run_dir),
            },
        })
    }
}

/// Missing or half-written, it says nothing: the run was interrupted.
fn read_status(run_dir: &Path) -> Option<Status> {
    let text = std::fs::read_to_string(run_dir.join("status.json")).ok()?;
    serde_json::from_str(&text).ok()
}

/// What is needed of `inputs.json`.
#[derive(Deserialize)]
struct Inputs {
    data: Vec<InputFile>,
}

#[derive(Deserialize)]
struct InputFile {
    sha256: Option<String>,
}

/// Of the training file, which is the first.
fn data_sha256(run_dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(run_dir.join("inputs.json")).ok()?;
    let inputs: Inputs = serde_json::from_str(&text).ok()?;
    inputs.data.into_iter().next()?.sha256
}

/// The lines that can be read: a killed run may leave half a line at the end.
fn read_lines(run_dir: &Path) -> Result<Vec<Line>, ProjectError> {
    let path = run_dir.join("metrics.jsonl");
    match std::fs::read(&path) {
        Ok(bytes) => Ok(bytes.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(ProjectError::io(&path, e)),
    }
}

/// The best step's checkpoint if it is there, or else the last one.
fn adapter(run_dir: &Path, best_step: Option<usize>) -> Option<PathBuf> {
    let folder = run_dir.join("checkpoints");
    let is_adapter = |path: &PathBuf| path.join("adapter_model.safetensors").is_file();
    let best = best_step.map(|step| folder.join(format!("step-{step:06}"))).filter(is_adapter);
    best.or_else(|| {
        let entries = std::fs::read_dir(&folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        entries.filter(is_adapter).filter_map(|path| Some((step_of(&path)?, path))).max().map(|(_, path)| path)
    })
}

fn step_of(checkpoint: &Path) -> Option<usize> {
    checkpoint.file_name()?.to_str()?.strip_prefix("step-")?.parse().ok()
}
