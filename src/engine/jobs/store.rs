//! The store lane: the project's database.

use std::path::{Path, PathBuf};

use super::checks::apply_fix;
use crate::data::{self, import::ImportRequest};
use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::engine::worker::Work;
use crate::engine::{JobSpec, Lane, Reply};
use crate::evaluate;
use crate::project::Project;
use crate::recipe::Recipe;

/// Keeps the project open that was asked for last: there is one window, and it shows one project.
#[derive(Default)]
pub(super) struct Store {
    project: Option<Project>,
}

impl Work for Store {
    fn run(&mut self, spec: JobSpec, context: &Context) -> Result<(), EngineError> {
        let project = match spec {
            JobSpec::OpenProject { folder, sample } => {
                let project = self.project.insert(Project::open_or_create(&folder)?);
                if sample {
                    import_starter_data(project, context)?;
                    keep_starter_recipe(project)?;
                }
                project
            }
            JobSpec::Query { project, query } => {
                let project = self.open(&project)?;
                if let Some(page) = project.first_rows(&query)? {
                    context.reply(Reply::Rows(page));
                }
                context.reply(Reply::Rows(project.query_unless_cancelled(&query, context)?));
                return Ok(());
            }
            JobSpec::CountFacets { project, query } => {
                let counts = self.open(&project)?.facets(&query)?;
                context.reply(Reply::Facets { query, counts });
                return Ok(());
            }
            JobSpec::KeepAnswers { run_dir, pair } => {
                return evaluate::keep_pair(&run_dir, &pair).map_err(EngineError::io(&run_dir));
            }
            JobSpec::LoadLengths { project } => {
                context.reply(Reply::Lengths(self.open(&project)?.lengths()?));
                return Ok(());
            }
            JobSpec::FindIds { project, query } => {
                context.reply(Reply::Ids(self.open(&project)?.matching_ids(&query)?));
                return Ok(());
            }
            JobSpec::LoadHistory { project, id } => {
                let versions = self.open(&project)?.history(id)?;
                context.reply(Reply::History { id, versions });
                return Ok(());
            }
            JobSpec::LoadFindings { project, example } => {
                context.reply(Reply::Findings(self.open(&project)?.findings(example)?));
                return Ok(());
            }
            JobSpec::LoadChecks { project } => {
                context.reply(Reply::LastChecks(self.open(&project)?.last_checks()?));
                return Ok(());
            }
            JobSpec::CountHeldOut { project, ids } => {
                context.reply(Reply::HeldOut(self.open(&project)?.num_held_out(&ids)?));
                return Ok(());
            }
            JobSpec::LoadExample { project, id } => {
                context.reply(Reply::Example(self.open(&project)?.example(id)?));
                return Ok(());
            }
            JobSpec::Edit { project, edit } => {
                let project = self.open(&project)?;
                project.apply(&edit)?;
                project
            }
            JobSpec::Undo { project } => {
                let project = self.open(&project)?;
                project.undo()?;
                project
            }
            JobSpec::Redo { project } => {
                let project = self.open(&project)?;
                project.redo()?;
                project
            }
            JobSpec::DropReviewer { project } => {
                let project = self.open(&project)?;
                project.set_second_labels("", &[])?;
                context.reply(Reply::Reviewers(None));
                project
            }
            JobSpec::ApplyFix { project, fix } => {
                let project = self.open(&project)?;
                apply_fix(project, &fix)?;
                project
            }
            JobSpec::SaveSettings { project, settings } => {
                let project = self.open(&project)?;
                project.save_settings(&settings)?;
                project
            }
            _ => return Err(EngineError::WrongLane(Lane::Store)),
        };
        context.reply(Reply::Project(project.state()?));
        Ok(())
    }
}

impl Store {
    fn open(&mut self, folder: &Path) -> Result<&mut Project, EngineError> {
        reopen(&mut self.project, folder)
    }
}

/// The project that is open already, or else this one in its place.
pub(super) fn reopen<'a>(open: &'a mut Option<Project>, folder: &Path) -> Result<&'a mut Project, EngineError> {
    let absolute = std::path::absolute(folder).map_err(EngineError::io(folder))?;
    let project = match open.take().filter(|project| project.folder() == absolute) {
        Some(project) => project,
        None => Project::open(&absolute)?,
    };
    Ok(open.insert(project))
}

/// The settings that suit the starter data, unless the person has chosen some.
fn keep_starter_recipe(project: &mut Project) -> Result<(), EngineError> {
    let mut settings = project.state()?.settings;
    if settings.recipe.is_none() {
        settings.recipe = Some(Recipe::for_starter_data(PathBuf::new()));
        project.save_settings(&settings)?;
    }
    Ok(())
}

/// A project that has examples keeps them; it is not filled a second time.
fn import_starter_data(project: &mut Project, context: &Context) -> Result<(), EngineError> {
    if project.counts()?.total() > 0 {
        return Ok(());
    }
    let folder = tempfile::tempdir().map_err(EngineError::io(&std::env::temp_dir()))?;
    let path = folder.path().join(data::starter::FILE_NAME);
    crate::fs::write_atomic(&path, data::starter::BYTES).map_err(EngineError::io(&path))?;
    project.import(&ImportRequest::new(path), context)?;
    Ok(())
}
