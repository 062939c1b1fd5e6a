//! The checkpoints of a run: a folder for each, with the adapter in PEFT's format, what resuming needs beside it, and
//! the SHA-256 of them all. A folder has a checkpoint's name only while it is complete; what isn't ends in `.part`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::sums::{self, SUMS_FILE, sha256_of, sums_text};
use super::{RunDir, RunError};
use crate::data::io_words::fault;
use crate::fs::{delete_abandoned, is_unfinished, name_of, write_atomic};
use crate::model::peft::{CONFIG_FILE, WEIGHTS_FILE};

const STATE_FILE: &str = "state.json";
const OPTIMIZER_FILE: &str = "optimizer.safetensors";
const FILES: [&str; 4] = [CONFIG_FILE, WEIGHTS_FILE, OPTIMIZER_FILE, STATE_FILE];
/// The ending of a folder that is being written or deleted.
const PART: &str = "part";
/// The ending of a folder that was found damaged, and is kept out of the way.
const DAMAGED: &str = "damaged";

/// What a file of a checkpoint is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Weights,
    /// The adapter's, in PEFT's format.
    Settings,
    /// Only needed to resume the run.
    Resuming,
    /// The sums of the other files.
    Sums,
}

/// `None` for a file that no run writes.
pub fn purpose(name: &str) -> Option<Purpose> {
    match name {
        WEIGHTS_FILE => Some(Purpose::Weights),
        CONFIG_FILE => Some(Purpose::Settings),
        OPTIMIZER_FILE | STATE_FILE => Some(Purpose::Resuming),
        SUMS_FILE => Some(Purpose::Sums),
        _ => None,
    }
}

/// How far a run is after a step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// Optimizer steps done.
    pub step: usize,
    /// The loss before the first step. Versions that didn't keep it had it in `best_eval_loss` until one was lower.
    #[serde(default)]
    pub base_eval_loss: Option<f64>,
    /// The evaluation after the first step with the lowest loss, and that loss.
    pub best_step: Option<usize>,
    pub best_eval_loss: Option<f64>,
    /// Halved each time the loss was not a number (NaN).
    pub rate_factor: f64,
    /// Seconds of work before this.
    pub secs: f64,
}

impl State {
    /// Why it can't be the state of this step's checkpoint.
    fn flaw(&self, step: usize, num_steps: usize) -> Option<String> {
        let flaw = |what: String| Some(format!("{STATE_FILE} {what}"));
        if self.step != step {
            return flaw(format!("is of step {}", self.step));
        }
        if step > num_steps {
            return flaw(format!("is of step {step}, but the run has {num_steps}"));
        }
        if self.best_step.is_some_and(|best| best > step) {
            return flaw("has a best step that comes later".to_owned());
        }
        let is_loss = |loss: f64| loss.is_finite() && loss >= 0.0;
        if !(self.best_eval_loss.is_none_or(is_loss) && self.base_eval_loss.is_none_or(is_loss)) {
            return flaw("has a best loss that no loss can be".to_owned());
        }
        if !(self.rate_factor > 0.0 && self.rate_factor <= 1.0) {
            return flaw(format!("has a factor of the learning rate of {}", self.rate_factor));
        }
        if !(self.secs.is_finite() && self.secs >= 0.0) {
            return flaw(format!("has a time of {} s", self.secs));
        }
        None
    }
}

/// A complete folder, which may have been damaged since.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Checkpoint {
    pub step: usize,
    pub path: PathBuf,
}

impl Checkpoint {
    /// `step-000120`
    pub fn name(&self) -> String {
        name_of(&self.path)
    }

    pub fn weights(&self) -> PathBuf {
        self.path.join(WEIGHTS_FILE)
    }

    pub fn optimizer(&self) -> PathBuf {
        self.path.join(OPTIMIZER_FILE)
    }

    /// Its state, if its files are those that were written and fit its place in the run; or else what is wrong with them.
    /// A checkpoint of a version that kept no sums is taken for what it says.
    ///
    /// # Errors
    /// A sentence that continues the checkpoint's name and a colon.
    pub fn check(&self, num_steps: usize) -> Result<State, String> {
        let read = |name: &str| std::fs::read(self.path.join(name)).map_err(|e| format!("{name}: {}", fault(&e)));
        if self.path.join(SUMS_FILE).exists() {
            let text = String::from_utf8(read(SUMS_FILE)?).map_err(|_| format!("{SUMS_FILE} is damaged"))?;
            let kept: Vec<_> = sums::parse(&text).collect();
            for name in FILES {
                let Some((sha256, _)) = kept.iter().find(|(_, of)| *of == name) else {
                    return Err(format!("{SUMS_FILE} has no sum of {name}"));
                };
                match sha256_of(&self.path.join(name)) {
                    Err(error) if error.kind() == ErrorKind::NotFound => return Err(format!("{name} is missing")),
                    Ok(now) if now == *sha256 => {}
                    Ok(_) => return Err(format!("{name} has another content than when it was written")),
                    Err(error) => return Err(format!("{name}: {}", fault(&error))),
                }
            }
        }
        if let Some(name) = FILES.iter().find(|name| !self.path.join(name).is_file()) {
            return Err(format!("{name} is missing"));
        }
        let state: State =
            serde_json::from_slice(&read(STATE_FILE)?).map_err(|error| format!("{STATE_FILE}: {error}"))?;
        state.flaw(self.step, num_steps).map_or(Ok(state), Err)
    }

    /// Renames it, so that nobody takes it for a checkpoint any more, and nothing of it is lost. Gives its new name.
    ///
    /// # Errors
    /// [`RunError::Io`] when the folder can't be renamed.
    pub fn set_aside(&self) -> Result<String, RunError> {
        let mut to = self.path.with_extension(DAMAGED);
        for number in 2.. {
            if !to.exists() {
                break;
            }
            to = self.path.with_extension(format!("{DAMAGED}-{number}"));
        }
        std::fs::rename(&self.path, &to).map_err(RunError::io(&self.path))?;
        Ok(name_of(&to))
    }
}

/// The folder of an adapter, if its weights are those that were written, or if nothing says what was written: flipped bits
/// in a safetensors file are weights like any other.
///
/// # Errors
///
/// [`RunError::Damaged`] names the weights' file.
pub fn undamaged(adapter: &Path) -> Result<&Path, RunError> {
    let (sums, weights) = (adapter.join(SUMS_FILE), adapter.join(WEIGHTS_FILE));
    let text = match std::fs::read(&sums) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(adapter),
        Err(error) => return Err(RunError::io(&sums)(error)),
    };
    let Some((kept, _)) = sums::parse(&text).find(|(_, name)| *name == WEIGHTS_FILE) else { return Ok(adapter) };
    if sha256_of(&weights).map_err(RunError::io(&weights))? == kept {
        return Ok(adapter);
    }
    let message = "its weights are others than when it was written; take another checkpoint".to_owned();
    Err(RunError::Damaged { path: weights, message })
}

/// All complete checkpoints, the oldest first. One that was complete and lacks a file now is damaged.
pub fn all(run_dir: &Path) -> Vec<Checkpoint> {
    let mut found = step_folders(run_dir);
    found.retain(|checkpoint| [STATE_FILE, SUMS_FILE].iter().any(|name| checkpoint.path.join(name).is_file()));
    found
}

pub fn last(run_dir: &Path) -> Option<Checkpoint> {
    all(run_dir).pop()
}

pub fn last_step(run_dir: &Path) -> Option<usize> {
    last(run_dir).map(|checkpoint| checkpoint.step)
}

/// The adapter that a run hands out: the best step's if it is there, or else the last one.
pub fn best_or_last(run_dir: &Path, best_step: Option<usize>) -> Option<PathBuf> {
    let mut found = step_folders(run_dir);
    found.retain(|checkpoint| checkpoint.weights().is_file());
    let best = found.iter().find(|checkpoint| Some(checkpoint.step) == best_step).cloned();
    best.or_else(|| found.pop()).map(|checkpoint| checkpoint.path)
}

fn step_folders(run_dir: &Path) -> Vec<Checkpoint> {
    let entries = std::fs::read_dir(RunDir(run_dir).checkpoints()).into_iter().flatten().flatten();
    let step = |path: PathBuf| Some(Checkpoint { step: RunDir::step_of(&path)?, path });
    let mut found: Vec<_> = entries.filter_map(|entry| step(entry.path())).collect();
    found.sort();
    found
}

/// A checkpoint that is being written. Dropped before it is finished, it leaves nothing behind.
#[derive(Debug)]
pub struct Draft {
    /// Where it is written to.
    pub checkpoint: Checkpoint,
    target: PathBuf,
}

impl Draft {
    /// # Errors
    /// [`RunError::Io`] when it can't be begun, also because the run's folder vanished: it isn't made again.
    pub fn begin(run_dir: &Path, step: usize) -> Result<Self, RunError> {
        let target = RunDir(run_dir).checkpoint(step);
        let path = target.with_extension(PART);
        if path.exists() {
            std::fs::remove_dir_all(&path).map_err(RunError::io(&path))?;
        }
        std::fs::create_dir(&path).map_err(RunError::io(&path))?;
        Ok(Self { checkpoint: Checkpoint { step, path }, target })
    }

    /// Where a file of it will lie when it is finished.
    pub fn final_place(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.checkpoint.path).map_or_else(|_| path.to_owned(), |name| self.target.join(name))
    }

    /// Adds the state and the sums of all files, and gives the folder its name.
    ///
    /// # Errors
    /// [`RunError::Io`] when something can't be written.
    pub fn finish(self, state: &State) -> Result<PathBuf, RunError> {
        let write = |name: &str, text: &[u8]| {
            write_atomic(&self.checkpoint.path.join(name), text).map_err(RunError::io(&self.target.join(name)))
        };
        let text = serde_json::to_vec_pretty(state).map_err(|error| RunError::io(&self.target)(error.into()))?;
        write(STATE_FILE, &text)?;
        let mut sums = Vec::new();
        for name in FILES {
            let sha256 = sha256_of(&self.checkpoint.path.join(name)).map_err(RunError::io(&self.target.join(name)))?;
            sums.push((sha256, name));
        }
        let text = sums_text(sums.iter().map(|(sha256, name)| (sha256.as_str(), *name)));
        write(SUMS_FILE, text.as_bytes())?;
        if self.target.exists() {
            std::fs::remove_dir_all(&self.target).map_err(RunError::io(&self.target))?;
        }
        std::fs::rename(&self.checkpoint.path, &self.target).map_err(RunError::io(&self.target))?;
        Ok(self.target.clone())
    }
}

impl Drop for Draft {
    /// After a full disk its room is needed to say so.
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.checkpoint.path);
    }
}

/// Deletes all but the best and the two last checkpoints. A failure doesn't end the run.
pub fn prune(run_dir: &Path, best_step: Option<usize>) {
    let found = all(run_dir).into_iter().rev().skip(2);
    for checkpoint in found.filter(|checkpoint| Some(checkpoint.step) != best_step) {
        delete(&checkpoint.path);
    }
}

/// Under another name first, so that half of it is never taken for a checkpoint.
fn delete(path: &Path) {
    let part = path.with_extension(PART);
    let deleted = std::fs::rename(path, &part).and_then(|()| std::fs::remove_dir_all(&part));
    if let Err(error) = deleted {
        log::warn!("{} can't be deleted: {error}", path.display());
    }
}

/// Clears what a killed run left unfinished: checkpoints half written or half deleted, and temporary files. The run's
/// lock must be held.
pub fn sweep(run_dir: &Path) {
    let dir = RunDir(run_dir);
    for entry in std::fs::read_dir(dir.checkpoints()).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_part = path.extension().is_some_and(|ending| ending == PART);
        if is_part && RunDir::step_of(&path.with_extension("")).is_some() {
            let _ = std::fs::remove_dir_all(&path);
        } else if RunDir::step_of(&path).is_some() {
            if is_half_deleted(&path) {
                delete(&path);
            } else {
                sweep_files(&path);
            }
        }
    }
    [run_dir, &dir.checkpoints(), &dir.data(), &dir.evaluations()].into_iter().for_each(sweep_files);
}

/// By an earlier version, which deleted file after file under the checkpoint's own name.
fn is_half_deleted(checkpoint: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(checkpoint) else { return false };
    let mut names = entries.flatten().map(|entry| entry.file_name());
    names.all(|name| FILES[..3].iter().any(|file| name == *file))
}

fn sweep_files(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_unfinished(&entry.path()) {
            delete_abandoned(&entry.path());
        }
    }
}
