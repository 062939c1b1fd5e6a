//! Where the files of a run are.

use std::path::{Path, PathBuf};

use super::sums::SUMS_FILE;
use crate::data::Split;
use crate::fs::name_of;

/// The paths in a run's folder.
#[derive(Debug, Clone, Copy)]
pub struct RunDir<'a>(pub &'a Path);

/// What begins the name of a checkpoint's folder: `step-000120`.
const STEP: &str = "step-";

impl<'a> RunDir<'a> {
    /// The files that a run itself writes, beside its folders.
    pub(super) const FILES: [&'static str; 5] =
        ["recipe.toml", "metrics.jsonl", "status.json", "inputs.json", "messages.jsonl"];

    pub fn recipe(self) -> PathBuf {
        self.0.join("recipe.toml")
    }

    pub fn status(self) -> PathBuf {
        self.0.join("status.json")
    }

    pub fn inputs(self) -> PathBuf {
        self.0.join("inputs.json")
    }

    pub fn metrics(self) -> PathBuf {
        self.0.join("metrics.jsonl")
    }

    pub fn messages(self) -> PathBuf {
        self.0.join("messages.jsonl")
    }

    pub fn note(self) -> PathBuf {
        self.0.join("note.json")
    }

    /// When it was the released one.
    pub fn released(self) -> PathBuf {
        self.0.join("released.json")
    }

    /// Pairs of answers that were compared.
    pub fn answers(self) -> PathBuf {
        self.0.join("answers.jsonl")
    }

    /// The card of the run.
    pub fn card(self) -> PathBuf {
        self.0.join("README.md")
    }

    /// What was measured of it.
    pub fn evaluations(self) -> PathBuf {
        self.0.join("evaluations")
    }

    pub fn checkpoints(self) -> PathBuf {
        self.0.join("checkpoints")
    }

    /// `checkpoints/step-000120`
    pub fn checkpoint(self, step: usize) -> PathBuf {
        self.checkpoints().join(format!("{STEP}{step:06}"))
    }

    /// The frozen examples.
    pub fn data(self) -> PathBuf {
        self.0.join("data")
    }

    /// The frozen examples of a part.
    pub fn data_of(self, part: Split) -> PathBuf {
        self.data().join(match part {
            Split::Train => "train.jsonl",
            Split::Validation => "val.jsonl",
            Split::Test => "test.jsonl",
        })
    }

    /// The SHA-256 of the frozen examples' files, as `sha256sum --check` reads them.
    pub fn data_sums(self) -> PathBuf {
        self.data().join(SUMS_FILE)
    }

    pub fn data_card(self) -> PathBuf {
        self.data().join("README.md")
    }

    /// All that is written before the run itself begins: its data and their cards.
    pub(super) fn frozen_files(self) -> [PathBuf; 6] {
        let [train, validation, test] = [Split::Train, Split::Validation, Split::Test].map(|part| self.data_of(part));
        [train, validation, test, self.data_sums(), self.data_card(), self.card()]
    }

    /// Whether a file lies in the run's folder, however the two are written.
    pub fn has(self, path: &Path) -> bool {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        absolute(path).starts_with(absolute(self.0))
    }

    pub(super) fn lock(self) -> PathBuf {
        self.0.join(".lock")
    }

    /// Whether a run has begun here: only then is there a recipe to resume it with.
    pub fn has_begun(self) -> bool {
        self.recipe().is_file()
    }

    /// The folder's name: `2026-11-22-3`.
    pub fn name(self) -> String {
        name_of(self.0)
    }

    /// The run that a checkpoint belongs to.
    pub fn of_checkpoint(checkpoint: &'a Path) -> Option<Self> {
        checkpoint.parent().and_then(Path::parent).filter(|dir| super::is_run(dir)).map(Self)
    }

    /// The step of a checkpoint's folder.
    pub fn step_of(checkpoint: &Path) -> Option<usize> {
        checkpoint.file_name()?.to_str()?.strip_prefix(STEP)?.parse().ok()
    }
}
