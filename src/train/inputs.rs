//! What a run is based on, read from the files that its plan names.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::TrainError;
use super::sft::Samples;
use crate::data::ImportError;
use crate::recipe::{Plan, Validation};
use crate::run::{InputFile, Inputs, RunError};
use crate::task::{Task, Unit, Unwatched};

/// How many pieces of weights are hashed: reading tens of gigabytes would take longer than many a run.
const NUM_PIECES: u64 = 64;
const PIECE_BYTES: u64 = 64 << 10;
/// What decides how a folder's model computes and how it reads text, beside its weights.
const MODEL_FILES: [&str; 4] = ["config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"];
/// What stands for `tokenizer.json` in a folder without one.
const SENTENCEPIECE_FILE: &str = "tokenizer.model";

impl Inputs {
    /// Reads the files that a plan names; the samples are not known yet.
    pub(super) fn of_files(plan: &Plan, task: &dyn Task) -> Result<Self, TrainError> {
        let data = data_files(plan, task)?;
        let base_model = model_files(&plan.model_path)?;
        let init_adapter = match plan.adapter.folder() {
            Some(folder) => adapter_files(folder, task)?,
            None => Vec::new(),
        };
        Ok(Self { data, base_model, init_adapter, began: jiff::Zoned::now().to_string(), ..Self::default() })
    }

    /// The inputs with what the files became.
    pub(super) fn with_samples(self, samples: &Samples) -> Self {
        let mut hash = Sha256::new();
        for part in [&samples.train, &samples.validation] {
            hash.update((part.len() as u64).to_le_bytes());
            for sample in part {
                hash.update((sample.ids.len() as u64).to_le_bytes());
                sample.ids.iter().for_each(|id| hash.update(id.to_le_bytes()));
                hash.update(sample.is_trained.iter().map(|is| u8::from(*is)).collect::<Vec<_>>());
            }
        }
        Self { samples_sha256: hex(hash), ..self }
    }
}

/// The files with the examples, by the names that the run's recipe has for them.
///
/// # Errors
/// The file's own, when one can't be read.
pub fn data_files(plan: &Plan, task: &dyn Task) -> Result<Vec<InputFile>, TrainError> {
    let kept = plan.recipe_of_run().data;
    let mut data = vec![whole(&plan.train, &kept.train, task)?];
    if let (Validation::File(path), Some(name)) = (&plan.validation, &kept.validation) {
        data.push(whole(path, name, task)?);
    }
    Ok(data)
}

/// A file, or a folder of texts as one: every byte counts.
fn whole(path: &Path, name: &Path, task: &dyn Task) -> Result<InputFile, TrainError> {
    let (mut hash, mut num_bytes) = (Sha256::new(), 0);
    if path.is_dir() {
        for file in texts_in(path)? {
            let within = file.strip_prefix(path).unwrap_or(&file).to_string_lossy().into_owned();
            hash.update((within.len() as u64).to_le_bytes());
            hash.update(within);
            let mut of_file = Sha256::new();
            num_bytes += add_file(&mut of_file, &file, task)?;
            hash.update(of_file.finalize());
        }
    } else {
        num_bytes = add_file(&mut hash, path, task)?;
    }
    let name = name.display().to_string();
    Ok(InputFile { name, num_bytes, sha256: Some(hex(hash)), sampled_sha256: None })
}

/// The files that are read as examples of a folder.
fn texts_in(folder: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|e| RunError::io(folder)(e.into()))?;
        let is_text =
            entry.path().extension().is_some_and(|e| e.eq_ignore_ascii_case("txt") || e.eq_ignore_ascii_case("md"));
        if entry.file_type().is_file() && is_text {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}

fn add_file(hash: &mut Sha256, path: &Path, task: &dyn Task) -> Result<u64, TrainError> {
    let mut file = File::open(path).map_err(|e| ImportError::read(path, e))?;
    let mut buffer = vec![0; 1 << 20];
    let mut num_bytes = 0;
    loop {
        if task.is_stopped() {
            return Err(TrainError::Stopped);
        }
        let num_read = file.read(&mut buffer).map_err(|e| ImportError::read(path, e))?;
        if num_read == 0 {
            return Ok(num_bytes);
        }
        hash.update(&buffer[..num_read]);
        num_bytes += num_read as u64;
        task.progress(num_bytes, None, Unit::Bytes);
    }
}

/// A GGUF file with its further parts, or the files of a folder that are loaded.
fn model_files(path: &Path) -> Result<Vec<InputFile>, TrainError> {
    if !path.is_dir() {
        return parts_of(path)?.iter().map(|part| sampled(part)).collect();
    }
    let mut files = Vec::new();
    let other = (!path.join("tokenizer.json").is_file()).then_some(SENTENCEPIECE_FILE);
    for name in MODEL_FILES.into_iter().chain(other) {
        let file = path.join(name);
        if file.is_file() {
            files.push(whole(&file, Path::new(name), &Unwatched)?);
        }
    }
    let mut weights = entries(path)?;
    weights.retain(|file| file.extension().is_some_and(|e| e == "safetensors"));
    for file in weights {
        files.push(sampled(&file)?);
    }
    Ok(files)
}

/// `name-00001-of-00003.gguf` stands for all three.
fn parts_of(path: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let own = name(path);
    let Some((stem, of)) = own.split_once("-00001-of-") else { return Ok(vec![path.to_owned()]) };
    let mut parts = entries(path.parent().unwrap_or(Path::new("")))?;
    parts.retain(|part| {
        let name = name(part);
        name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('-') && rest.ends_with(&format!("-of-{of}")))
    });
    Ok(parts)
}

fn adapter_files(folder: &Path, task: &dyn Task) -> Result<Vec<InputFile>, TrainError> {
    let names = ["adapter_config.json", "adapter_model.safetensors"];
    let files = names.iter().map(|name| (folder.join(name), Path::new(*name))).filter(|(file, _)| file.is_file());
    files.map(|(file, name)| whole(&file, name, task)).collect()
}

/// Sorted by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let read = std::fs::read_dir(folder).map_err(RunError::io(folder))?;
    let mut files =
        read.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>().map_err(RunError::io(folder))?;
    files.sort();
    Ok(files)
}

/// The beginning, the end and pieces between them.
fn sampled(path: &Path) -> Result<InputFile, TrainError> {
    let read = || -> std::io::Result<(u64, String)> {
        let mut file = File::open(path)?;
        let num_bytes = file.metadata()?.len();
        let mut hash = Sha256::new();
        let last = num_bytes.saturating_sub(PIECE_BYTES);
        let mut piece = Vec::new();
        for at in 0..NUM_PIECES {
            file.seek(SeekFrom::Start((u128::from(last) * u128::from(at) / u128::from(NUM_PIECES - 1)) as u64))?;
            piece.clear();
            file.by_ref().take(PIECE_BYTES).read_to_end(&mut piece)?;
            hash.update(&piece);
        }
        Ok((num_bytes, hex(hash)))
    };
    let (num_bytes, sampled) = read().map_err(RunError::io(path))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(InputFile { name, num_bytes, sha256: None, sampled_sha256: Some(sampled) })
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
