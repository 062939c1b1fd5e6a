//! What the person's settings allow the engine. They may change at any time; a job goes by those of its beginning.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::hub::{HubToken, Sources};

/// See the module. The default is what this computer and its environment say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// Whether nothing is asked of the network.
    pub is_offline: bool,
    /// The Hub's token; it comes before the environment's.
    pub token: Option<HubToken>,
    /// Where models are fetched to; those in the usual place are still found.
    pub models_folder: Option<PathBuf>,
    /// Folders that are looked through for models as well.
    pub more_folders: Vec<PathBuf>,
    /// Bytes that a run may take.
    pub memory: Option<u64>,
}

/// One value for all lanes.
#[derive(Clone, Default)]
pub(super) struct SharedLimits {
    base: Sources,
    limits: Arc<Mutex<Limits>>,
}

impl SharedLimits {
    pub fn new(base: Sources) -> Self {
        Self { base, limits: Arc::default() }
    }

    pub fn set(&self, limits: Limits) {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    fn get(&self) -> Limits {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where models and data sets come from now.
    pub fn sources(&self) -> Sources {
        let limits = self.get();
        let mut sources = self.base.clone();
        sources.is_switched_off |= limits.is_offline;
        sources.token = limits.token.or(sources.token);
        if let Some(folder) = limits.models_folder.filter(|folder| *folder != sources.models_dir) {
            let usual = std::mem::replace(&mut sources.models_dir, folder);
            sources.more_models_dirs.push(usual);
        }
        for folder in &limits.more_folders {
            sources = sources.with_folder(folder);
        }
        sources
    }

    pub fn memory(&self) -> Option<u64> {
        self.get().memory
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_settings_go_before_the_environment_and_the_usual_folder_is_still_looked_into() {
        let shared = SharedLimits::new(Sources::only(Path::new("/usual")));
        assert_eq!(shared.sources(), Sources::only(Path::new("/usual")));
        let token = Some(HubToken::new("secret"));
        let limits = Limits {
            is_offline: true,
            token: token.clone(),
            models_folder: Some("/new".into()),
            more_folders: vec!["/mine".into()],
            memory: None,
        };
        shared.clone().set(limits);
        let sources = shared.sources();
        assert!(sources.is_switched_off && sources.token == token);
        assert_eq!((sources.models_dir, sources.more_models_dirs), ("/new".into(), vec!["/usual".into()]));
        assert_eq!(sources.others, [("Named folder", "/mine".into())]);
    }
}
