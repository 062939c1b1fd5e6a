//! The compute lane: training, evaluating, answering.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::running::Running;
use super::scores;
use super::speed;
use super::statistics::{add_to_card, write_card};
use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::engine::limits::SharedLimits;
use crate::engine::protocol::CompareRequest;
use crate::engine::worker::Work;
use crate::engine::{EventKind, JobSpec, Lane, Reply};
use crate::evaluate::{self, EvaluationRequest, Judge, Scorer};
use crate::generate::{self, PairEvent};
use crate::hub::{self, Sources};
use crate::model::{Conversation, LanguageModel, peft};
use crate::project::Project;
use crate::recipe::{Data, ModelRef, Plan, Recipe};
use crate::task::{Task, Unit};
use crate::train::render::turns;
use crate::train::timing::{RunMeter, SpeedFile, speed_key};
use crate::train::{Phase, RunFolder, TrainError, TrainEvent, sft};

pub(super) struct Compute {
    /// As they are for the job at hand.
    sources: Sources,
    limits: SharedLimits,
    running: Running,
    speeds: SpeedFile,
    /// The model of the last job: comparing, training and evaluating follow each other on the same one.
    loaded: Option<Loaded>,
}

struct Loaded {
    path: PathBuf,
    modified: Option<SystemTime>,
    model: LanguageModel,
}

impl Compute {
    pub fn new(limits: SharedLimits, running: Running, speeds: SpeedFile) -> Self {
        Self { sources: limits.sources(), limits, running, speeds, loaded: None }
    }
}

impl Work for Compute {
    fn run(&mut self, spec: JobSpec, context: &Context) -> Result<(), EngineError> {
        self.sources = self.limits.sources();
        match spec {
            JobSpec::MeasureSpeed { project, recipe } => self.measure_speed(&project, &recipe, context),
            JobSpec::Train { project, recipe } => self.train(&project, recipe, context),
            JobSpec::ResumeTraining { run_dir } => self.resume(run_dir, context),
            JobSpec::Evaluate { request } => self.evaluate(&request, context),
            JobSpec::Compare { request } => self.compare(&request, context),
            JobSpec::ScoreExamples { project, judge } => self.score(&project, &judge, context),
            JobSpec::LabelNext { project, judge, count } => self.label_next(&project, &judge, count, context),
            _ => Err(EngineError::WrongLane(Lane::Compute)),
        }
    }
}

impl Compute {
    fn train(&mut self, project: &Path, mut recipe: Recipe, context: &Context) -> Result<(), EngineError> {
        // Before there is a folder for the run: a model that isn't there or doesn't fit leaves no trace.
        let model_path = hub::resolve(&recipe.base_model, &self.sources)?;
        let model = self.load(&model_path, context)?;
        let mut project = Project::open(project)?;
        let run_dir = project.create_run_dir()?;
        let result = (|| {
            let snapshot = project.snapshot(&run_dir)?;
            if snapshot.train.num_examples == 0 {
                return Err(TrainError::NoExamples { path: project.folder().to_owned() }.into());
            }
            write_card(&mut project, &snapshot, &run_dir, &recipe.base_model, context)?;
            recipe.data = Data {
                train: snapshot.train.path,
                validation: snapshot.validation.map(|file| file.path),
                validation_split: None,
            };
            self.run_plan(&model, &self.plan(recipe, model_path, run_dir.clone())?, context)
        })();
        if result.is_err() && !run_dir.join("recipe.toml").exists() {
            // It ended before it was a run that could be looked at or gone on with.
            std::fs::remove_dir_all(&run_dir).map_err(EngineError::io(&run_dir))?;
        }
        result
    }

    fn resume(&mut self, run_dir: PathBuf, context: &Context) -> Result<(), EngineError> {
        let recipe = Recipe::read(&run_dir.join("recipe.toml"))?;
        RunFolder::check(&run_dir)?;
        let model_path = hub::resolve(&recipe.base_model, &self.sources)?;
        let model = self.load(&model_path, context)?;
        self.run_plan(&model, &self.plan(recipe, model_path, run_dir)?, context)
    }

    fn plan(&self, recipe: Recipe, model_path: PathBuf, run_dir: PathBuf) -> Result<Plan, EngineError> {
        Ok(Plan { memory_limit: self.limits.memory(), ..Plan::new(recipe, model_path, run_dir)? })
    }

    fn measure_speed(&mut self, project: &Path, recipe: &Recipe, context: &Context) -> Result<(), EngineError> {
        let path = hub::resolve(&recipe.base_model, &self.sources)?;
        let model = self.load(&path, context)?;
        context.tell(EventKind::Phase(Phase::Training));
        let known = speed::measure(&model, &path, &mut Project::open(project)?, recipe, context)?;
        self.speeds.keep(&speed_key(project, recipe), &known);
        context.reply(Reply::Speed(known));
        Ok(())
    }

    fn run_plan(&self, model: &LanguageModel, plan: &Plan, context: &Context) -> Result<(), EngineError> {
        let _running = self.running.begin(&plan.run_dir);
        let mut meter = RunMeter::default();
        let mut tell = |event| match event {
            TrainEvent::Phase(phase) => context.tell(EventKind::Phase(phase)),
            TrainEvent::Facts(facts) => {
                // A card that can't be written is no reason to end a run.
                if let Err(error) = add_to_card(&plan.run_dir, &facts.tally) {
                    log::warn!("the run's card lacks what became of long examples: {error}");
                }
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
        let summary = sft::run_on(model, plan, context.control(), &mut tell)?;
        speed::keep_of_run(&self.speeds, &meter, model, plan);
        if summary.was_stopped { Err(EngineError::Stopped) } else { Ok(()) }
    }

    fn evaluate(&mut self, request: &EvaluationRequest, context: &Context) -> Result<(), EngineError> {
        let model = self.load_ref(&request.model, context)?;
        context.tell(EventKind::Phase(Phase::Evaluating));
        let report = evaluate::run_on(&model, request, context)?;
        let kept = evaluate::keep_with_run(request, &report);
        context.reply(Reply::Evaluation(report));
        // What was measured is shown all the same.
        if let Err(error) = kept {
            context.tell(EventKind::Warning(format!("The result could not be kept with the run: {error}")));
        }
        Ok(())
    }

    fn compare(&mut self, request: &CompareRequest, context: &Context) -> Result<(), EngineError> {
        let model = self.load_ref(&request.model, context)?;
        let spec = model.decoder.spec();
        let adapter = request.adapter.as_deref().map(|folder| peft::load(folder, spec)).transpose()?;
        context.tell(EventKind::Phase(Phase::Generating));
        let mut tell = |event| match event {
            PairEvent::Text { side, text } => context.token(side, &text),
            PairEvent::Tokens { done, most } => context.progress(done as u64, Some(most as u64), Unit::Tokens),
            PairEvent::Done { side, answer } => context.tell(EventKind::AnswerDone {
                side,
                num_tokens: answer.num_tokens,
                tokens_per_sec: answer.tokens_per_sec,
                ended_by_itself: answer.ended_by_itself,
            }),
        };
        let turns = turns(&request.prompt);
        let prompt = Conversation { turns: &turns, tools: &request.tools, ..Conversation::default() };
        let is_stopped = || context.is_stopped();
        generate::compare(&model, adapter.as_ref(), prompt, &request.sampling, &mut tell, &is_stopped)?;
        if context.is_stopped() { Err(EngineError::Stopped) } else { Ok(()) }
    }

    fn score(&mut self, project: &Path, judge: &Judge, context: &Context) -> Result<(), EngineError> {
        let model = self.load_ref(&judge.model, context)?;
        context.tell(EventKind::Phase(Phase::Evaluating));
        let mut project = Project::open(project)?;
        let report = scores::score(&mut project, &mut Scorer::new(&model, judge)?, &judge.name, context);
        // A stop keeps what there is.
        context.reply(Reply::Project(project.state()?));
        context.reply(Reply::Scored(report?));
        Ok(())
    }

    fn label_next(
        &mut self,
        project: &Path,
        judge: &Judge,
        count: usize,
        context: &Context,
    ) -> Result<(), EngineError> {
        let model = self.load_ref(&judge.model, context)?;
        context.tell(EventKind::Phase(Phase::Generating));
        let mut project = Project::open(project)?;
        let report = scores::label_next(&mut project, &Scorer::new(&model, judge)?, count, context)?;
        context.reply(Reply::Project(project.state()?));
        context.reply(Reply::Queued(report));
        Ok(())
    }

    fn load_ref(&mut self, model: &ModelRef, context: &Context) -> Result<LanguageModel, EngineError> {
        let path = hub::resolve(model, &self.sources)?;
        self.load(&path, context)
    }

    /// The model that is loaded already, or else this one in its place.
    fn load(&mut self, path: &Path, context: &Context) -> Result<LanguageModel, EngineError> {
        let modified = path.metadata().and_then(|metadata| metadata.modified()).ok();
        if let Some(loaded) = self.loaded.as_ref().filter(|l| l.path == path && l.modified == modified) {
            return Ok(loaded.model.clone());
        }
        // Given up first: two models may not fit into memory.
        self.loaded = None;
        context.tell(EventKind::Phase(Phase::LoadingModel));
        let model = LanguageModel::load(path, context)?;
        self.loaded = Some(Loaded { path: path.to_owned(), modified, model: model.clone() });
        Ok(model)
    }
}
