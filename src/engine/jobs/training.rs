//! The train lane: one run after the other. In between its micro-batches a run gives way to the compute lane.

use std::path::{Path, PathBuf};

use super::models::Models;
use super::running::Running;
use super::speed;
use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::engine::limits::SharedLimits;
use crate::engine::worker::Work;
use crate::engine::{EventKind, TrainJob};
use crate::hub::{self, Sources};
use crate::model::LanguageModel;
use crate::project::Project;
use crate::recipe::{Data, Plan, Recipe};
use crate::run::{RunDir, RunLock};
use crate::train::TrainEvent;
use crate::train::memory::program_bytes;
use crate::train::timing::{RunMeter, SpeedFile};
use crate::train::turn::{Held, Party, Turn, giving_way};
use crate::workbench::train::{Frozen, Source, freeze, resume, train};

pub(super) struct TrainingLane {
    sources: Sources,
    limits: SharedLimits,
    running: Running,
    models: Models,
    turn: Turn,
    speeds: SpeedFile,
}

impl TrainingLane {
    pub fn new(limits: SharedLimits, running: Running, models: Models, turn: Turn, speeds: SpeedFile) -> Self {
        models.forget();
        Self { sources: limits.sources(), limits, running, models, turn, speeds }
    }
}

impl Work for TrainingLane {
    type Job = TrainJob;

    /// What computes now is let finish.
    fn admit(&mut self, _job: &TrainJob, context: &Context) -> Result<Option<Held>, EngineError> {
        let held = self.turn.hold(Party::Training, context);
        held.map(Some).ok_or(EngineError::Stopped)
    }

    fn run(&mut self, job: TrainJob, context: &Context) -> Result<(), EngineError> {
        self.sources = self.limits.sources();
        match job {
            TrainJob::Train { project, recipe } => self.train(&project, recipe, context),
            TrainJob::Resume { run_dir } => self.resume(run_dir, context),
        }
    }
}

impl TrainingLane {
    fn train(&mut self, project: &Path, mut recipe: Recipe, context: &Context) -> Result<(), EngineError> {
        // Before there is a folder for the run: a model that isn't there or doesn't fit leaves no trace.
        let model_path = hub::resolve(&recipe.base_model, &self.sources)?;
        // Before the model is loaded.
        program_bytes();
        let model = self.models.load(&model_path, context)?;
        let mut project = Project::open(project)?;
        let run_dir = project.create_run_dir()?;
        recipe.data = Data::default();
        let result = (|| {
            let plan = self.plan(recipe, model_path, run_dir.clone())?;
            self.run_frozen(&model, freeze(Source::Project(&mut project), plan, context)?, context)
        })();
        if result.is_err() && !RunDir(&run_dir).has_begun() {
            // It ended before it was a run that could be looked at or resumed.
            std::fs::remove_dir_all(&run_dir).map_err(EngineError::io(&run_dir))?;
        }
        result
    }

    fn resume(&mut self, run_dir: PathBuf, context: &Context) -> Result<(), EngineError> {
        let (recipe, note) = Recipe::read_noted(&RunDir(&run_dir).recipe())?;
        RunLock::check(&run_dir)?;
        if let Some(note) = note {
            context.tell(EventKind::Warning(note));
        }
        let model_path = hub::resolve(&recipe.base_model, &self.sources)?;
        // Before the model is loaded.
        program_bytes();
        let model = self.models.load(&model_path, context)?;
        self.run_frozen(&model, resume(self.plan(recipe, model_path, run_dir)?)?, context)
    }

    fn plan(&self, recipe: Recipe, model_path: PathBuf, run_dir: PathBuf) -> Result<Plan, EngineError> {
        Ok(Plan {
            memory_limit: self.limits.memory().unwrap_or(Plan::NO_LIMIT),
            ..Plan::new(recipe, model_path, run_dir)?
        })
    }

    fn run_frozen(&self, model: &LanguageModel, frozen: Frozen, context: &Context) -> Result<(), EngineError> {
        let plan = frozen.plan.clone();
        let _running = self.running.begin(&plan.run_dir);
        let _trained = self.models.train_on_last();
        let task = giving_way(context, &self.turn);
        let mut meter = RunMeter::default();
        let mut tell = |event| match event {
            TrainEvent::Facts(facts) => {
                meter.facts(&facts);
                context.tell(EventKind::RunStarted { run_dir: plan.run_dir.clone(), facts });
            }
            TrainEvent::Step(metrics) => {
                meter.step(&metrics);
                context.step(metrics);
            }
            TrainEvent::Eval(metrics) => {
                meter.eval(&metrics);
                context.tell(EventKind::Eval(metrics));
            }
            TrainEvent::Checkpoint { step, path } => context.tell(EventKind::Checkpoint { step, path }),
            TrainEvent::Warning(text) => context.tell(EventKind::Warning(text)),
        };
        let summary = train(frozen, Some(model), &task, &mut tell)?;
        speed::keep_of_run(&self.speeds, &meter, model, &plan);
        if summary.was_stopped { Err(EngineError::Stopped) } else { Ok(()) }
    }
}
