//! Says what a folder is that was named as an adapter and isn't one.

use std::path::{Path, PathBuf};

use super::{CONFIG_FILE, WEIGHTS_FILE};
use crate::model::ModelError;

pub const MLX: &str = "it is an adapter of mlx-lm, whose format is not PEFT's and not read; fuse it there (mlx_lm.fuse), \
                       or convert it";

/// The error says what is there instead, and what to do.
pub fn check(folder: &Path) -> Result<(), ModelError> {
    let refused = |message: String| Err(ModelError::Adapter { path: folder.to_owned(), message });
    let has = |name: &str| folder.join(name).is_file();
    if !folder.is_dir() {
        let what = if folder.exists() { "it is a file" } else { "there is no such folder" };
        return refused(format!("{what}; name the folder that {CONFIG_FILE} lies in"));
    }
    let is_mlx = has("adapters.safetensors") || has("adapters.npz");
    if has(CONFIG_FILE) {
        return match has(WEIGHTS_FILE) {
            true => Ok(()),
            false if is_mlx => refused(MLX.to_owned()),
            false if has("adapter_model.bin") => refused(format!(
                "its weights are in adapter_model.bin, a format that can run code when it is read and is not read here; \
                 load it in PEFT and save it with safe_serialization=True, which writes {WEIGHTS_FILE}"
            )),
            false => refused(format!("it has no {WEIGHTS_FILE}")),
        };
    }
    let inside = adapters_inside(folder);
    match inside.last() {
        Some(last) if inside.len() == 1 => {
            refused(format!("it holds no adapter itself; its checkpoint {} has one: name that folder", last.display()))
        }
        Some(last) => refused(format!(
            "it holds no adapter itself; {} of its checkpoints have one, the last of them {}: name that folder or another",
            inside.len(),
            last.display()
        )),
        None if is_mlx => refused(MLX.to_owned()),
        None if has("config.json") => refused("it is a whole model, not an adapter".to_owned()),
        None => refused(format!("it has no {CONFIG_FILE}")),
    }
}

/// `checkpoint-10`, or `step-000010` in a folder of checkpoints, in the order of their numbers.
fn adapters_inside(folder: &Path) -> Vec<PathBuf> {
    let inside = walkdir::WalkDir::new(folder).min_depth(1).max_depth(2).into_iter().flatten();
    let adapters = inside.filter(|entry| entry.path().join(CONFIG_FILE).is_file());
    let mut found: Vec<_> =
        adapters.filter_map(|entry| entry.path().strip_prefix(folder).map(Path::to_owned).ok()).collect();
    let number = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.rsplit('-').next().and_then(|number| number.parse::<u64>().ok())
    };
    found.sort_by_key(|path| (number(path), path.clone()));
    found
}
