//! What can be done about a run from anywhere: the command field lists it.

use crate::app::screens::{runs, train};
use crate::app::shell::commands::{Entry, Group};
use crate::app::{Action, AppState, OpenDialog, Screen};

/// What can be done about the run.
pub fn commands(state: &AppState) -> Vec<Entry> {
    let go = || Action::Go(Screen::Train);
    if let Some(job) = state.jobs.training() {
        let is_paused = state.train.run.as_ref().is_some_and(|run| run.job == job.id && run.is_paused);
        let steer = match is_paused {
            true => Entry::new(Group::Do, "Go on training", [train::Action::GoOn.into()]).also("resume continue"),
            false => Entry::new(Group::Do, "Pause training", [train::Action::Pause.into()]),
        };
        let stop = Action::ShowDialog(OpenDialog::StopTraining);
        return vec![steer, Entry::new(Group::Do, "Stop training…", [go(), stop]).also("end cancel")];
    }
    let can_start = state.project.is_some() && train::obstacle(state).is_none();
    let start = [go(), train::Action::ShowForm.into(), train::Action::Start.into()];
    let start = can_start.then(|| Entry::new(Group::Do, "Start training", start).also("run train"));
    let shown = state.train.run.as_ref().filter(|run| run.can_go_on());
    let shown = shown.map(|run| {
        let go_on = train::Action::Resume.into();
        Entry::new(Group::Do, run.go_on_words(), [go_on]).also("resume continue training")
    });
    let others = if shown.is_some() { &[] } else { &state.runs.records[..] };
    let stopped = others.iter().find(|run| runs::State::can_resume(run)).map(|run| {
        let words = format!("Go on with {} from step {}", run.name, run.num_steps_done);
        Entry::new(Group::Do, words, [runs::Action::Resume(run.run_dir.clone()).into(), go()])
            .also("resume continue training")
    });
    shown.into_iter().chain(stopped).chain(start).collect()
}
