//! The models in memory, for both lanes that compute: training, comparing and evaluating follow each other on the same
//! one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::model::LanguageModel;
use crate::task::{Phase, Task};

/// Shared by the lanes. Only the lane whose turn it is loads.
#[derive(Clone, Default)]
pub(super) struct Models(Arc<Mutex<Slots>>);

#[derive(Default)]
struct Slots {
    /// The model of the last job.
    kept: Option<Loaded>,
    /// The model of the run that trains: it stays in memory anyway.
    trained: Option<Loaded>,
}

#[derive(Clone)]
struct Loaded {
    path: PathBuf,
    modified: Option<SystemTime>,
    model: LanguageModel,
}

impl Models {
    /// The model that is loaded already, or else this one in the last one's place.
    pub fn load(&self, path: &Path, context: &Context) -> Result<LanguageModel, EngineError> {
        if let Some(loaded) = self.find(path) {
            return Ok(loaded);
        }
        // Given up first: two models may not fit into memory.
        self.lock().kept = None;
        context.phase(Phase::LoadingModel);
        let model = LanguageModel::load(path, context)?;
        let loaded = Loaded { path: path.to_owned(), modified: modified(path), model: model.clone() };
        self.lock().kept = Some(loaded);
        Ok(model)
    }

    /// The model, if it is loaded.
    pub fn find(&self, path: &Path) -> Option<LanguageModel> {
        let modified = modified(path);
        let slots = self.lock();
        let mut loaded = slots.kept.iter().chain(&slots.trained);
        loaded.find(|loaded| loaded.path == path && loaded.modified == modified).map(|loaded| loaded.model.clone())
    }

    /// A run trains on the model of the last job until the guard is dropped: loading another one leaves it.
    pub fn train_on_last(&self) -> TrainedGuard {
        let mut slots = self.lock();
        slots.trained = slots.kept.take();
        TrainedGuard(self.clone())
    }

    /// After a panic.
    pub fn forget(&self) {
        self.lock().kept = None;
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct TrainedGuard(Models);

impl Drop for TrainedGuard {
    fn drop(&mut self) {
        let mut slots = self.0.lock();
        slots.kept = slots.trained.take();
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}
