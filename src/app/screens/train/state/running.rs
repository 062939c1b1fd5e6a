//! The run that trains now: started, paused, stopped, resumed, and what it reports.

use super::TrainState;
use crate::app::effect::Effect;
use crate::app::screens::train::around::Around;
use crate::app::screens::train::run::Run;
use crate::app::start::Start;
use crate::app::{OpenDialog, Screen};
use crate::engine::{EventKind, IoJob, JobId, JobSpec, Outcome, TrainJob};
use crate::recipe::Recipe;
use crate::task::Signal;

impl TrainState {
    pub(super) fn start(&mut self, around: &Around<'_>, jobs: &mut dyn Start) {
        if self.obstacle(around).is_some() {
            return;
        }
        let (Some(project), Some(recipe)) = (around.project, self.planned(around)) else { return };
        let spec = JobSpec::Train(TrainJob::Train { project: project.folder.clone(), recipe: recipe.clone() });
        self.show(Run::new(jobs.start(spec), recipe, self.smoothing));
    }

    pub(in crate::app::screens::train) fn show(&mut self, run: Run) {
        self.run = Some(run);
        self.is_form_shown = false;
    }

    pub(in crate::app::screens::train) fn signal(&mut self, signal: Signal, around: &Around<'_>, jobs: &mut dyn Start) {
        if let Some(job) = around.training {
            jobs.control(job, signal);
        }
        if let Some(run) = self.run.as_mut().filter(|run| !run.is_over()) {
            if signal.is_stop() {
                run.stopping = Some(signal != Signal::Stop { save: false });
            }
            run.is_paused = signal == Signal::Pause && run.stopping.is_none();
        }
    }

    /// Goes on with the run that is shown.
    pub(super) fn resume(&mut self, around: &Around<'_>, jobs: &mut dyn Start) -> Vec<Effect> {
        let is_free = around.training.is_none();
        let Some(run) = self.run.as_mut().filter(|run| is_free && run.can_go_on()) else { return Vec::new() };
        let Some(run_dir) = run.run_dir.clone() else { return Vec::new() };
        run.go_on(jobs.start(JobSpec::Train(TrainJob::Resume { run_dir })));
        self.is_form_shown = false;
        vec![Effect::Show(Screen::Train)]
    }

    /// `recipe` is `None` of one that goes on: its folder tells it.
    pub(super) fn hear_run(
        &mut self,
        job: JobId,
        recipe: Option<&Recipe>,
        event: &EventKind,
        jobs: &mut dyn Start,
    ) -> Vec<Effect> {
        if self.run.as_ref().is_none_or(|run| run.job != job) {
            self.show(Run::new(job, recipe.unwrap_or(&self.recipe).clone(), self.smoothing));
        }
        let Some(run) = &mut self.run else { return Vec::new() };
        run.hear(event);
        if run.take_gap()
            && let Some(run_dir) = run.run_dir.clone()
        {
            jobs.start(JobSpec::Io(IoJob::ReadRun { run_dir }));
        }
        match event {
            EventKind::Finished(outcome) => self.hear_end(outcome, jobs),
            _ => Vec::new(),
        }
    }

    /// A lagging window may have missed steps: when the run is over, its file tells all of them. What was counted for its
    /// project is stale as well, for the run has measured the speed.
    fn hear_end(&mut self, outcome: &Outcome, jobs: &mut dyn Start) -> Vec<Effect> {
        let mut effects = vec![Effect::Close(OpenDialog::StopTraining)];
        effects.extend(self.close_after_run());
        let Some(run) = &self.run else { return effects };
        if let Some(run_dir) = run.run_dir.clone() {
            effects.extend(ended(run, outcome).map(Effect::say));
            self.asked = None;
            jobs.start(JobSpec::Io(IoJob::ReadRun { run_dir }));
        }
        effects
    }
}

/// Without a time: the last leg's alone would be another number than the run's.
fn ended(run: &Run, outcome: &Outcome) -> Option<String> {
    let best = run.best().filter(|best| best.step > 0).map(|best| format!(", best step {}", best.step));
    let best = best.unwrap_or_default();
    match outcome {
        Outcome::Completed => Some(format!("Run {} is done{best}", run.name())),
        Outcome::Stopped => Some(format!("Run {} stopped at step {}{best}", run.name(), run.num_steps_done())),
        Outcome::Failed(_) => None,
    }
}
