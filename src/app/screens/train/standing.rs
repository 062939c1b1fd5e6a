//! What a run is doing, in words: one place for the badge, the rail, the status bar, the charts and the table of runs.

use std::path::Path;

use super::run::Run;
use crate::app::AppState;
use crate::app::jobs::{Job, Progress};
use crate::app::kit::{Badge, format, icon};
use crate::app::shell::words;
use crate::engine::Outcome;
use crate::task::Phase;

/// How the words are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It waits, or does something before or between its steps.
    Busy,
    Training,
    Paused,
    Stopping,
    Done,
    Stopped,
    Interrupted,
    Failed,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub tone: Tone,
    /// `Paused at step 8`
    pub words: String,
}

impl Standing {
    pub fn of(state: &AppState, run: &Run) -> Self {
        let (tone, words) = match &run.outcome {
            Some(Outcome::Completed) => (Tone::Done, "Done".to_owned()),
            Some(Outcome::Failed(_)) => (Tone::Failed, "Failed".to_owned()),
            Some(Outcome::Stopped) if run.is_interrupted => (Tone::Interrupted, at_step("Interrupted", run)),
            Some(Outcome::Stopped) => (Tone::Stopped, at_step("Stopped", run)),
            None => under_way(state, run),
        };
        Self { tone, words }
    }

    pub fn badge(&self) -> Badge {
        match self.tone {
            Tone::Busy => Badge::running(&self.words),
            Tone::Training => Badge::running("Running"),
            Tone::Paused => Badge::warning(&self.words).icon(icon::PAUSE.filled()),
            Tone::Stopping => Badge::warning(&self.words).icon(icon::SQUARE),
            Tone::Done => Badge::ok(&self.words),
            Tone::Stopped | Tone::Interrupted => Badge::warning(&self.words),
            Tone::Failed => Badge::error(&self.words),
        }
    }

    /// Where there is room for a few words only.
    pub fn on_rail(&self, run: &Run) -> String {
        match self.tone {
            Tone::Training => format!("Step {}", run.steps_done_of()),
            Tone::Stopping | Tone::Interrupted => self.short().to_owned(),
            Tone::Busy => self.words.split(" at step").next().unwrap_or_default().replace("Waits while", "Waits,"),
            _ => self.words.clone(),
        }
    }

    /// One word, where a table says the step beside it.
    pub fn short(&self) -> &'static str {
        match self.tone {
            Tone::Busy | Tone::Training => "Running",
            Tone::Paused => "Paused",
            Tone::Stopping => "Stopping",
            Tone::Done => "Done",
            Tone::Stopped => "Stopped",
            Tone::Interrupted => "Interrupted",
            Tone::Failed => "Failed",
        }
    }
}

fn under_way(state: &AppState, run: &Run) -> (Tone, String) {
    match run.stopping {
        Some(true) if run.num_steps_done() > 0 => {
            return (Tone::Stopping, format!("Stopping, writes step {}", done(run)));
        }
        Some(_) => return (Tone::Stopping, "Stopping".to_owned()),
        None if run.is_paused => return (Tone::Paused, at_step("Paused", run)),
        None => {}
    }
    if let Some(guest) = state.jobs.guest() {
        return (Tone::Busy, format!("Waits while {}", lower(&words::doing(guest))));
    }
    let words = match run.phase {
        _ if state.jobs.get(run.job).is_some_and(|job| !job.has_started) => "Waits for its turn".to_owned(),
        Some(Phase::LoadingModel) => "Loading the model".to_owned(),
        Some(Phase::Freezing) => "Copying the examples".to_owned(),
        Some(Phase::Tokenizing) => "Counting tokens".to_owned(),
        Some(Phase::Evaluating) if run.num_steps_done() == 0 => "Measuring before".to_owned(),
        Some(Phase::Evaluating) => format!("Measuring at step {}", done(run)),
        Some(Phase::Saving) => format!("Writing step {}", done(run)),
        Some(Phase::Generating) => "Answering".to_owned(),
        Some(Phase::Training) => return (Tone::Training, "Training".to_owned()),
        None => "Starting".to_owned(),
    };
    (Tone::Busy, words)
}

fn at_step(word: &str, run: &Run) -> String {
    match run.num_steps_done() {
        0 => word.to_owned(),
        _ => format!("{word} at step {}", done(run)),
    }
}

fn done(run: &Run) -> String {
    format::thousands(run.num_steps_done() as u64)
}

fn lower(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect()
}

/// How far the run is with what it does before and between its steps.
pub fn count<'a>(state: &'a AppState, run: &Run) -> Option<&'a Progress> {
    let is_counted = matches!(run.phase, Some(Phase::LoadingModel | Phase::Tokenizing | Phase::Evaluating));
    state.jobs.get(run.job)?.progress.as_ref().filter(|_| is_counted && run.stopping.is_none() && !run.is_paused)
}

/// `Measuring before: 12 of 50 examples`
pub fn in_full(state: &AppState, run: &Run) -> String {
    let standing = Standing::of(state, run);
    match count(state, run).filter(|_| standing.tone == Tone::Busy) {
        Some(progress) => format!("{}: {}", standing.words, words::progress(progress)),
        None => standing.words,
    }
}

/// The standing of the run in this folder, while it is under way here: its folder says "running" whatever it does.
pub fn of_live(state: &AppState, run_dir: &Path) -> Option<Standing> {
    let run = state.train.run.as_ref().filter(|run| !run.is_over() && run.run_dir.as_deref() == Some(run_dir))?;
    Some(Standing::of(state, run))
}

/// What a training job does, how much of it, and that in words: for the status bar.
pub fn of_job(state: &AppState, job: &Job) -> Option<(String, Option<f32>, String)> {
    let run = state.train.run.as_ref().filter(|run| run.job == job.id)?;
    let standing = Standing::of(state, run);
    let doing = match standing.tone {
        Tone::Training => format!("Training {}", run.name()),
        _ => standing.words,
    };
    if let Some(progress) = count(state, run).filter(|_| standing.tone == Tone::Busy) {
        return Some((doing, progress.share(), words::progress(progress)));
    }
    if run.num_steps() == 0 {
        return Some((doing, None, String::new()));
    }
    let told = match run.secs_left().filter(|_| standing.tone == Tone::Training) {
        Some(secs) => format!("{}, {} left", run.steps_in_words(), format::time_left(secs)),
        None => run.steps_in_words(),
    };
    Some((doing, Some(run.num_steps_done() as f32 / run.num_steps() as f32), told))
}
