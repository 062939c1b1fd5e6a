//! The io lane: reading, importing and tokenising files.

use std::path::{Path, PathBuf};

use super::chats::Chats;
use super::running::Running;
use super::sizes::{Sizes, SizesKey};
use super::store::reopen;
use crate::data::{self, statistics::Tokens};
use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::engine::limits::SharedLimits;
use crate::engine::worker::Work;
use crate::engine::{IoJob, Reply};
use crate::evaluate;
use crate::hub::{self, Sources};
use crate::project::Project;
use crate::recipe::{ModelRef, RenderSpec};
use crate::render::token_view;
use crate::run::{
    RunError, RunLock, RunRecord, checkpoints, messages,
    metrics::{self, Curves},
};
use crate::train::memory::program_bytes;
use crate::train::preview::{RunPreview, preview};
use crate::train::timing::{SpeedFile, speed_key};
use crate::workbench::checks::{self, ModelRendering};
use crate::workbench::data_export::export_data;
use crate::workbench::rating;
use crate::workbench::reviewers::import_second_reviewer;
use crate::workbench::statistics::statistics;

pub(super) struct Io {
    /// The sources for the job at hand.
    pub(super) sources: Sources,
    pub(super) limits: SharedLimits,
    pub(super) chats: Chats,
    pub(super) running: Running,
    pub(super) speeds: SpeedFile,
    /// The project of the last preview.
    pub(super) project: Option<Project>,
    pub(super) sizes: Sizes,
}

impl Io {
    pub fn new(limits: SharedLimits, running: Running, speeds: SpeedFile) -> Self {
        Self {
            sources: limits.sources(),
            limits,
            chats: Chats::default(),
            running,
            speeds,
            project: None,
            sizes: Sizes::default(),
        }
    }
}

impl Io {
    fn rendering(&mut self, model: Option<ModelRef>, spec: RenderSpec) -> Result<Option<ModelRendering>, EngineError> {
        let Some(model) = model else { return Ok(None) };
        let chat = self.chats.get(&hub::resolve(&model, &self.sources)?)?;
        Ok(Some(ModelRendering { model: model.to_string(), chat, spec }))
    }
}

impl Io {
    fn list_runs(&self, project: &Path, context: &Context) -> Result<(), EngineError> {
        let mut runs = Project::open(project)?.runs()?;
        runs.iter_mut().for_each(|run| self.running.correct(run));
        context.reply(Reply::Runs(runs));
        Ok(())
    }

    /// Checks that none of these runs trains here, or in another program.
    fn check_idle(&self, run_dirs: &[PathBuf]) -> Result<(), EngineError> {
        for run_dir in run_dirs {
            if self.running.is_running(run_dir) {
                let reason = "it is being trained; stop it first".to_owned();
                return Err(RunError::Unusable { path: run_dir.clone(), reason }.into());
            }
            RunLock::check(run_dir)?;
        }
        Ok(())
    }
}

impl Work for Io {
    type Job = IoJob;

    fn run(&mut self, job: IoJob, context: &Context) -> Result<(), EngineError> {
        self.sources = self.limits.sources();
        match job {
            IoJob::DiscoverModels => {
                let found = hub::look_around(&self.sources, context)?;
                context.reply(Reply::Models(found.models));
                context.reply(Reply::Beside(found.beside));
                context.reply(Reply::Unfinished(hub::unfinished(&self.sources)));
            }
            IoJob::DiscardDownload { model } => {
                hub::discard(&model, &self.sources)?;
                context.reply(Reply::Unfinished(hub::unfinished(&self.sources)));
            }
            IoJob::InspectModel { model } => {
                context.reply(Reply::Facts { facts: hub::inspect(&model, &self.sources)?, model });
            }
            IoJob::PreviewImport { request } => context.reply(Reply::Preview(data::preview(&request, context)?)),
            IoJob::CountKnown { project, request } => {
                let project = reopen(&mut self.project, &project)?;
                context.reply(Reply::Known(project.count_known(&request, context)?));
            }
            IoJob::Import { project, request } => {
                let mut project = Project::open(&project)?;
                let report = project.import_showing(&request, context, &mut |rows| {
                    context.reply(Reply::Arriving(rows));
                })?;
                context.reply(Reply::Project(project.state()?));
                context.reply(Reply::Imported(report));
            }
            IoJob::ImportReviewer { project, request } => {
                let project = reopen(&mut self.project, &project)?;
                import_second_reviewer(project, &request, context)?;
                context.reply(Reply::Project(project.state()?));
                context.reply(Reply::Reviewers(project.reviewers()?));
            }
            IoJob::CompareReviewers { project } => {
                context.reply(Reply::Reviewers(reopen(&mut self.project, &project)?.reviewers()?));
            }
            IoJob::SaveRejected { request, to } => {
                data::save_rejected(&request, &to, context)?;
                context.reply(Reply::Saved(to));
            }
            IoJob::ExportData { project, request } => {
                let project = reopen(&mut self.project, &project)?;
                context.reply(Reply::Exported(export_data(project, &request, context)?));
            }
            IoJob::RenderTokens { model, example, spec } => {
                let chat = self.chats.get(&hub::resolve(&model, &self.sources)?)?;
                context.reply(Reply::Tokens(token_view(&chat, &example, spec)?));
            }
            IoJob::PreviewRun { project, recipe } => {
                program_bytes();
                let path = hub::resolve(&recipe.base_model, &self.sources)?;
                let chat = self.chats.get(&path)?;
                let project = reopen(&mut self.project, &project)?;
                let folder = project.folder().to_owned();
                let key = SizesKey {
                    project: project.folder().to_owned(),
                    content_revision: project.state()?.content_revision,
                    model: path.clone(),
                    spec: recipe.training.render_spec(),
                };
                let sizes = self.sizes.get(key, project, context, &chat)?;
                let speed = self.speeds.get(&speed_key(&folder, &recipe));
                let preview = preview(&path, &recipe, sizes, self.limits.memory())?;
                context.reply(Reply::RunPreview(RunPreview { speed, ..preview }));
            }
            IoJob::EstimateModels { project, recipe, models } => {
                self.estimate_models(project.as_deref(), &recipe, &models, context)?;
            }
            IoJob::PreviewReplace { project, ids, replacement } => {
                let preview = reopen(&mut self.project, &project)?.preview_replace(&ids, &replacement, context)?;
                context.reply(Reply::ReplacePreview(preview));
            }
            IoJob::PreviewSplit { project, spec } => {
                context.reply(Reply::SplitPreview(reopen(&mut self.project, &project)?.preview_split(&spec)?));
            }
            IoJob::CheckData { project, model, spec } => {
                let rendering = self.rendering(model, spec)?;
                let project = reopen(&mut self.project, &project)?;
                let report = checks::check(project, rendering.as_ref(), context)?;
                context.reply(Reply::Project(project.state()?));
                context.reply(Reply::Checked(report));
            }
            IoJob::DescribeData { project, model } => {
                let rendering = self.rendering(model, RenderSpec::WHOLE)?;
                let project = reopen(&mut self.project, &project)?;
                let tokens = rendering.as_ref().map(|r| r as &dyn Tokens);
                context.reply(Reply::Statistics(statistics(project, tokens, context)?));
            }
            IoJob::PreviewFix { project, check, remedy, ids } => {
                let project = reopen(&mut self.project, &project)?;
                context.reply(Reply::Fix(checks::plan_fix(project, check, remedy, ids.as_deref())?));
            }
            IoJob::CountFixes { project } => {
                let project = reopen(&mut self.project, &project)?;
                context.reply(Reply::FixCounts(checks::count_fixes(project, context)?));
            }
            IoJob::ListRuns { project } => self.list_runs(&project, context)?,
            IoJob::KeepRunNote { run_dir, note } => note.write(&run_dir)?,
            IoJob::TrashRuns { project, run_dirs } => {
                self.check_idle(&run_dirs)?;
                let (moved, error) = Project::open(&project)?.trash_runs(&run_dirs);
                context.reply(Reply::Trashed(moved));
                self.list_runs(&project, context)?;
                error.map_or(Ok(()), Err)?;
            }
            IoJob::RestoreRuns { project, names } => {
                let restored = Project::open(&project)?.restore_runs(&names);
                self.list_runs(&project, context)?;
                restored?;
            }
            IoJob::ReadRun { run_dir } => {
                let mut run = RunRecord::read(&run_dir)?;
                self.running.correct(&mut run);
                let Curves { steps, evaluations } = metrics::read(&run_dir)?;
                context.reply(Reply::Curves { run, steps, evaluations });
            }
            IoJob::ReadMessages { run_dir } => {
                let messages = messages::read(&run_dir)?;
                let goes_on_from = checkpoints::last_step(&run_dir);
                context.reply(Reply::Messages { run_dir, messages, goes_on_from });
            }
            IoJob::ReadEvaluations { run_dir, adapter } => {
                let measured = evaluate::kept(&run_dir, adapter.as_deref()).map_err(EngineError::io(&run_dir))?;
                context.reply(Reply::Evaluations(measured));
            }
            IoJob::ReadAnswers { run_dir } => {
                context.reply(Reply::Answers(evaluate::kept_pairs(&run_dir)?));
            }
            IoJob::ListRatings { project } => {
                context.reply(Reply::Ratings(rating::sessions(reopen(&mut self.project, &project)?)?));
            }
            IoJob::BeginRating { project, request } => {
                let project = reopen(&mut self.project, &project)?;
                context.reply(Reply::Rating(Box::new(rating::begin_session(project, &request)?)));
            }
            IoJob::KeepRating { file, line } => {
                evaluate::rating::append(&file, &line)?;
                context.reply(Reply::Saved(file));
            }
            IoJob::ExportRatedPairs { file, to } => {
                let rated = evaluate::rating::read(&file)?;
                context.reply(Reply::RatedPairs(evaluate::rating::export_pairs(&rated, &to)?));
            }
        }
        Ok(())
    }
}
