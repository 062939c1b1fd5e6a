//! The compute lane: evaluating, answering, ranking. It takes turns with a training.

use std::path::Path;

use super::beside::Beside;
use super::models::Models;
use super::speed;
use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::engine::limits::SharedLimits;
use crate::engine::protocol::CompareRequest;
use crate::engine::worker::Work;
use crate::engine::{ComputeJob, EventKind, Reply};
use crate::evaluate::{Evaluation, EvaluationRequest, Judge, ModelHere, Scorer};
use crate::generate::{self, PairEvent};
use crate::hub::{self, Sources};
use crate::model::{LanguageModel, peft};
use crate::project::Project;
use crate::recipe::{ModelRef, Recipe};
use crate::render::{conversation, turns};
use crate::run::checkpoints::undamaged;
use crate::task::{Phase, Task};
use crate::train::timing::{SpeedFile, speed_key};
use crate::train::turn::Held;
use crate::workbench::evaluate::{self as workbench, Evaluated};
use crate::workbench::scores;

pub(super) struct Compute {
    /// The sources for the job at hand.
    sources: Sources,
    limits: SharedLimits,
    models: Models,
    beside: Beside,
    speeds: SpeedFile,
}

impl Compute {
    pub fn new(limits: SharedLimits, models: Models, beside: Beside, speeds: SpeedFile) -> Self {
        models.forget();
        Self { sources: limits.sources(), limits, models, beside, speeds }
    }
}

impl Work for Compute {
    type Job = ComputeJob;

    fn admit(&mut self, job: &ComputeJob, context: &Context) -> Result<Option<Held>, EngineError> {
        self.beside.admit(job, context).map(Some)
    }

    fn run(&mut self, job: ComputeJob, context: &Context) -> Result<(), EngineError> {
        self.sources = self.limits.sources();
        match job {
            ComputeJob::MeasureSpeed { project, recipe } => self.measure_speed(&project, &recipe, context),
            ComputeJob::Evaluate { request } => self.evaluate(&request, context),
            ComputeJob::Compare { request } => self.compare(&request, context),
            ComputeJob::ScoreExamples { project, judge } => self.score(&project, &judge, context),
            ComputeJob::LabelNext { project, judge, count } => self.label_next(&project, &judge, count, context),
        }
    }
}

impl Compute {
    fn measure_speed(&mut self, project: &Path, recipe: &Recipe, context: &Context) -> Result<(), EngineError> {
        let path = hub::resolve(&recipe.base_model, &self.sources)?;
        let model = self.models.load(&path, context)?;
        context.phase(Phase::Training);
        let known = speed::measure(&model, &path, &mut Project::open(project)?, recipe, context)?;
        self.speeds.keep(&speed_key(project, recipe), &known);
        context.reply(Reply::Speed(known));
        Ok(())
    }

    fn evaluate(&mut self, request: &EvaluationRequest, context: &Context) -> Result<(), EngineError> {
        let load = &mut |model: &ModelRef| {
            let path = hub::resolve(model, &self.sources)?;
            let model = self.models.load(&path, context)?;
            context.phase(Phase::Evaluating);
            Ok::<_, EngineError>(ModelHere { model, path: Some(path) })
        };
        let Evaluated { report, kept, warnings } = workbench::evaluate(request, load, context)?;
        context.reply(Reply::Evaluation(Box::new(Evaluation::of(report))));
        // What was measured is shown all the same.
        let not_kept = kept.err().map(|error| format!("The result could not be kept with the run: {error}"));
        warnings.into_iter().chain(not_kept).for_each(|warning| context.tell(EventKind::Warning(warning)));
        Ok(())
    }

    fn compare(&mut self, request: &CompareRequest, context: &Context) -> Result<(), EngineError> {
        let model = self.load_ref(&request.model, context)?;
        let spec = model.decoder.spec();
        let adapter = match &request.adapter {
            Some(folder) => Some(peft::load(undamaged(folder)?, spec)?),
            None => None,
        };
        context.phase(Phase::Generating);
        let mut tell = |event| match event {
            PairEvent::Text { side, text } => context.token(side, &text),
            PairEvent::Done { side, answer } => context.tell(EventKind::AnswerDone {
                side,
                num_tokens: answer.num_tokens,
                tokens_per_sec: answer.tokens_per_sec,
                ended_by_itself: answer.ended_by_itself,
            }),
        };
        let turns = turns(&request.prompt);
        let prompt = conversation(&turns, &request.tools, request.format);
        generate::compare(&model, adapter.as_ref(), prompt, &request.sampling, &mut tell, context)?;
        if context.is_stopped() { Err(EngineError::Stopped) } else { Ok(()) }
    }

    fn score(&mut self, project: &Path, judge: &Judge, context: &Context) -> Result<(), EngineError> {
        let model = self.load_ref(&judge.model, context)?;
        context.phase(Phase::Evaluating);
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
        context.phase(Phase::Generating);
        let mut project = Project::open(project)?;
        let report = scores::label_next(&mut project, &Scorer::new(&model, judge)?, count, context)?;
        context.reply(Reply::Project(project.state()?));
        context.reply(Reply::Queued(report));
        Ok(())
    }

    fn load_ref(&self, model: &ModelRef, context: &Context) -> Result<LanguageModel, EngineError> {
        self.models.load(&hub::resolve(model, &self.sources)?, context)
    }
}
