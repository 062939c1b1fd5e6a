//! `tunewright [FOLDER]`: the window.

use std::path::PathBuf;

use super::Ended;

#[cfg(feature = "app")]
pub fn run(folder: Option<PathBuf>, frame_stats: bool) -> Result<(), Ended> {
    use std::sync::{Arc, OnceLock};

    use crate::app::settings::AppSettings;
    use crate::app::studio::{StudioOptions, Waker, run_with};
    use crate::engine::{Engine, EngineOptions, start_threads};
    use crate::train::timing::SpeedFile;

    // The engine comes first, so that what keeps its threads from starting is said in the terminal.
    let window: Arc<OnceLock<Waker>> = Arc::default();
    let waker = {
        let window = window.clone();
        move || window.get().into_iter().for_each(|wake| wake())
    };
    start_threads(AppSettings::load().threads);
    let options = EngineOptions { speeds: SpeedFile::of_user(), ..EngineOptions::default() };
    let engine = Engine::new(options, waker).map_err(|error| Ended::failed(error.to_string()))?;
    let backend = move |wake: Waker| {
        // Called once; a second window would keep the first one's waker.
        let _ = window.set(wake);
        Box::new(engine) as _
    };
    run_with(StudioOptions { project: folder, frame_stats }, backend).map_err(|error| Ended::failed(error.to_string()))
}

#[cfg(not(feature = "app"))]
pub fn run(_folder: Option<PathBuf>, _frame_stats: bool) -> Result<(), Ended> {
    Err(Ended::failed("This program was built without its window; `tunewright --help` lists the commands."))
}
