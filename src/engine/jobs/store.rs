//! The store lane: the project's database.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::data::{self, import::ImportRequest};
use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::engine::protocol::{Findings, History};
use crate::engine::worker::Work;
use crate::engine::{Reply, StoreJob};
use crate::evaluate;
use crate::project::{Project, Standing};
use crate::recipe::Recipe;
use crate::workbench::checks::{apply_fix, mark_findings};
use crate::workbench::rating::correction;

/// Keeps the project open that was asked for last: there is one window, and it shows one project.
#[derive(Default)]
pub(super) struct Store {
    project: Option<Project>,
    /// The standing that was reported last.
    standing: Standing,
}

impl Work for Store {
    type Job = StoreJob;

    fn run(&mut self, job: StoreJob, context: &Context) -> Result<(), EngineError> {
        let is_saving = job.facts().is_saving;
        let done = self.answer(job, context).map(|reply| context.reply(reply));
        if is_saving {
            self.tell_standing(&done, context);
        }
        done
    }
}

impl Store {
    /// After each write: where the folder is gone, SQLite keeps writing into a file that nobody finds again.
    fn tell_standing(&mut self, done: &Result<(), EngineError>, context: &Context) {
        let seen = self.project.as_ref().map_or(Standing::Gone, Project::standing);
        let standing = match (seen, done) {
            (Standing::Saved, Err(EngineError::Project(error))) if error.is_of_storage() => {
                Standing::Unwritable(error.to_string())
            }
            (seen, _) => seen,
        };
        if self.standing != standing {
            self.standing = standing.clone();
            context.reply(Reply::Standing(standing));
        }
    }

    /// The last reply of the job; what comes before it is sent on the way.
    fn answer(&mut self, job: StoreJob, context: &Context) -> Result<Reply, EngineError> {
        Ok(match job {
            StoreJob::OpenProject { folder, sample } => {
                let project = self.project.insert(Project::open_or_create(&folder)?);
                self.standing = project.standing();
                if sample {
                    import_starter_data(project, context)?;
                    keep_starter_recipe(project)?;
                }
                Reply::Project(project.state()?)
            }
            StoreJob::Query { project, query } => {
                let project = self.open(&project)?;
                if let Some(page) = project.first_rows(&query)? {
                    context.reply(Reply::Rows(page));
                }
                Reply::Rows(project.query_unless_stopped(&query, context)?)
            }
            StoreJob::CountFacets { project, query } => {
                let counts = self.open(&project)?.facets(&query)?;
                Reply::Facets { query, counts }
            }
            StoreJob::LoadLengths { project } => Reply::Lengths(self.open(&project)?.lengths()?),
            StoreJob::FindIds { project, query } => Reply::Ids(self.open(&project)?.matching_ids(&query)?),
            StoreJob::LoadExample { project, id } => Reply::Example(self.open(&project)?.example(id)?),
            StoreJob::LoadExamples { project, ids } => {
                let mut examples = Vec::with_capacity(ids.len());
                self.open(&project)?.for_each_of(&ids, &mut |stored| {
                    examples.push(stored);
                    ControlFlow::Continue(())
                })?;
                Reply::Examples(examples)
            }
            StoreJob::LoadHistory { project, id } => {
                let versions = self.open(&project)?.history(id)?;
                Reply::History(History { id, versions })
            }
            StoreJob::LoadFindings { project, example } => {
                let project = self.open(&project)?;
                let (findings, not_faults) = (project.findings(example)?, project.not_faults(example)?);
                Reply::Findings(Findings { findings, not_faults })
            }
            StoreJob::LoadChecks { project } => Reply::LastChecks(self.open(&project)?.last_checks()?),
            StoreJob::CountHeldOut { project, ids } => Reply::HeldOut(self.open(&project)?.num_held_out(&ids)?),
            StoreJob::Edit { project, edit } => self.change(&project, |project| project.apply(&edit))?,
            StoreJob::Undo { project } => self.change(&project, Project::undo)?,
            StoreJob::Redo { project } => self.change(&project, Project::redo)?,
            StoreJob::SaveSettings { project, settings } => {
                self.change(&project, |project| project.save_settings(&settings))?
            }
            StoreJob::AddCorrected { project, item, answer } => {
                let edit = correction(self.open(&project)?, &item, &answer)?;
                self.change(&project, |project| project.apply(&edit))?
            }
            StoreJob::ApplyFix { project, fix } => self.change(&project, |project| apply_fix(project, &fix))?,
            StoreJob::MarkFindings { project, check, ids, is_fault } => {
                self.change(&project, |project| mark_findings(project, check, ids.as_deref(), is_fault))?
            }
            StoreJob::DropReviewer { project } => {
                let changed = self.change(&project, |project| project.set_second_labels("", &[]))?;
                context.reply(Reply::Reviewers(None));
                changed
            }
            StoreJob::KeepAnswers { run_dir, pair } => {
                evaluate::keep_pair(&run_dir, &pair)?;
                Reply::Saved(run_dir)
            }
            StoreJob::LookAtProject { project } => {
                self.standing = self.open(&project)?.look_again(context)?;
                Reply::Standing(self.standing.clone())
            }
            StoreJob::SaveProjectAs { project, to } => {
                let saved = self.open(&project)?.save_as(&to, context)?;
                let project = self.project.insert(Project::open(&to)?);
                self.standing = Standing::Saved;
                context.reply(Reply::SavedAs(saved));
                Reply::Project(project.state()?)
            }
        })
    }

    /// Changes the project; the reply is what it is then.
    fn change<T, E>(
        &mut self,
        folder: &Path,
        change: impl FnOnce(&mut Project) -> Result<T, E>,
    ) -> Result<Reply, EngineError>
    where
        EngineError: From<E>,
    {
        let project = self.open(folder)?;
        change(project)?;
        Ok(Reply::Project(project.state()?))
    }

    /// Stays with the store that is open, also if its folder is gone or holds another one: it alone has what was done.
    fn open(&mut self, folder: &Path) -> Result<&mut Project, EngineError> {
        take_or_open(&mut self.project, folder, |_| true)
    }
}

/// The project that is open already, or else this one in its place; and the one that lies in the folder now, if that is
/// another.
pub(super) fn reopen<'a>(open: &'a mut Option<Project>, folder: &Path) -> Result<&'a mut Project, EngineError> {
    take_or_open(open, folder, |project| project.standing() != Standing::Replaced)
}

fn take_or_open<'a>(
    open: &'a mut Option<Project>,
    folder: &Path,
    is_good: impl Fn(&Project) -> bool,
) -> Result<&'a mut Project, EngineError> {
    let absolute = std::path::absolute(folder).map_err(EngineError::io(folder))?;
    let project = match open.take().filter(|project| project.folder() == absolute && is_good(project)) {
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
        settings.is_sample = true;
        project.save_settings(&settings)?;
    }
    Ok(())
}

/// A project in which something was done stays as it is; it is not filled a second time.
fn import_starter_data(project: &mut Project, context: &Context) -> Result<(), EngineError> {
    let state = project.state()?;
    if state.counts.total() > 0 || state.undo.is_some() || state.redo.is_some() {
        return Ok(());
    }
    let folder = tempfile::tempdir().map_err(EngineError::io(&std::env::temp_dir()))?;
    let path = folder.path().join(data::starter::FILE_NAME);
    crate::fs::write_atomic(&path, data::starter::BYTES).map_err(EngineError::io(&path))?;
    project.import(&ImportRequest::new(path), context)?;
    Ok(())
}
