//! What a person can do on the train screen, and what came of it.

use std::path::PathBuf;

use super::Preset;
use crate::recipe::Recipe;
use crate::recipe::params::Value;
use crate::run::RunRecord;

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub enum TrainAction {
    Set(&'static str, Value),
    /// What was typed isn't a value at all.
    Mistype(&'static str, String),
    /// What was typed wrongly is taken back.
    TakeBack(&'static str),
    Reset(&'static str),
    Preset(Preset),
    ToggleAdvanced,
    OpenRecipe,
    /// Takes the settings of a run.
    Repeat(Box<RunRecord>),
    /// Measures how long a run would take.
    Measure,
    /// The form was left alone for a moment since this change, by its number.
    Rested(u64),
    /// A recipe file was read, with what there is to say of its version; or it could not be.
    Loaded(Result<Box<(Recipe, Option<String>)>, String>),
    /// Reads this recipe file.
    Load(PathBuf),
    Start,
    Pause,
    /// With the paused run.
    GoOn,
    /// With the run that was stopped, from its last checkpoint.
    Resume,
    Stop {
        save: bool,
    },
    /// An answer to the question before the window closes.
    StopAndClose,
    CloseAtOnce,
    KeepOpen,
    ShowForm,
    ShowRun,
    /// Runs of these names were deleted.
    Deleted(Vec<String>),
    Smooth(f64),
    SetLog(bool),
}
