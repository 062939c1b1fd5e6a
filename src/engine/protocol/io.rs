//! The io lane's jobs: reading, importing and tokenising files.

use std::path::PathBuf;

use super::facts::{Facts, Subject, name};
use crate::data::Example;
use crate::data::checks::{Check, Remedy};
use crate::data::import::{ImportRequest, SplitSpec};
use crate::evaluate::rating::Line;
use crate::model::ModelSize;
use crate::project::Replacement;
use crate::recipe::{ModelRef, Recipe, RenderSpec};
use crate::run::RunNote;
use crate::workbench::data_export::DataExport;
use crate::workbench::rating::SessionRequest;

/// `project` is the project's folder.
#[derive(Debug, Clone, PartialEq)]
pub enum IoJob {
    /// Looks for models on this disk, and for downloads that were left before they were whole.
    DiscoverModels,
    /// Deletes what has arrived of a download.
    DiscardDownload {
        model: ModelRef,
    },
    InspectModel {
        model: ModelRef,
    },
    PreviewImport {
        request: ImportRequest,
    },
    /// How many rows of the files the project has already.
    CountKnown {
        project: PathBuf,
        request: ImportRequest,
    },
    Import {
        project: PathBuf,
        request: ImportRequest,
    },
    /// Takes a second reviewer's labels from a file, in place of those that are there.
    ImportReviewer {
        project: PathBuf,
        request: ImportRequest,
    },
    /// How far the reviewers agree.
    CompareReviewers {
        project: PathBuf,
    },
    /// Writes the rows that were left out of an import, with the reason for each.
    SaveRejected {
        request: ImportRequest,
        to: PathBuf,
    },
    /// Writes examples to files of another shape.
    ExportData {
        project: PathBuf,
        request: DataExport,
    },
    /// The exact ids and labels that training would use.
    RenderTokens {
        model: ModelRef,
        example: Example,
        spec: RenderSpec,
    },
    /// Counts what a run with this recipe would do. The data are the project's, not the recipe's.
    PreviewRun {
        project: PathBuf,
        recipe: Recipe,
    },
    /// What runs with these models would take, with this recipe on the project's examples; without a project, or without
    /// examples, on usual ones.
    EstimateModels {
        project: Option<PathBuf>,
        recipe: Recipe,
        models: Vec<(ModelRef, ModelSize)>,
    },
    /// What a replacement would do to these examples.
    PreviewReplace {
        project: PathBuf,
        ids: Vec<i64>,
        replacement: Replacement,
    },
    /// What a new split would come to.
    PreviewSplit {
        project: PathBuf,
        spec: SplitSpec,
    },
    /// Runs all checks and keeps what they find; without a model, those that need none.
    CheckData {
        project: PathBuf,
        model: Option<ModelRef>,
        spec: RenderSpec,
    },
    /// The data in numbers; with a model, in tokens, too.
    DescribeData {
        project: PathBuf,
        model: Option<ModelRef>,
    },
    /// What a remedy would do about the last findings of a check: at all examples, or at these and their groups.
    PreviewFix {
        project: PathBuf,
        check: Check,
        remedy: Remedy,
        ids: Option<Vec<i64>>,
    },
    /// How many examples the first remedy of each check would change.
    CountFixes {
        project: PathBuf,
    },
    /// What a person keeps about a run.
    KeepRunNote {
        run_dir: PathBuf,
        note: RunNote,
    },
    /// Moves runs to the project's trash; never one that trains.
    TrashRuns {
        project: PathBuf,
        run_dirs: Vec<PathBuf>,
    },
    /// Takes runs of these names back from the trash.
    RestoreRuns {
        project: PathBuf,
        names: Vec<String>,
    },
    ListRuns {
        project: PathBuf,
    },
    /// The curves of a run, read from its `metrics.jsonl`.
    ReadRun {
        run_dir: PathBuf,
    },
    /// What a run reported so far, and where it could resume from.
    ReadMessages {
        run_dir: PathBuf,
    },
    /// What was measured of a run, and whether that still holds for these weights.
    ReadEvaluations {
        run_dir: PathBuf,
        adapter: Option<PathBuf>,
    },
    /// The answers that were compared.
    ReadAnswers {
        run_dir: PathBuf,
    },
    /// The project's rating sessions, and what changed since each was made.
    ListRatings {
        project: PathBuf,
    },
    /// Makes a rating session of what was answered.
    BeginRating {
        project: PathBuf,
        request: SessionRequest,
    },
    /// Adds a choice or an undo to a session's file.
    KeepRating {
        file: PathBuf,
        line: Line,
    },
    /// Writes what a session came to as pairs of a better and a worse answer.
    ExportRatedPairs {
        file: PathBuf,
        to: PathBuf,
    },
}

impl IoJob {
    /// The lane's table: a row for each job.
    pub fn facts(&self) -> Facts {
        match self {
            Self::DiscoverModels => Facts::doing("Looking for models").about(Subject::Model),
            Self::DiscardDownload { model } => {
                Facts::doing(format!("Deleting what has arrived of {}", model.short_name())).about(Subject::Model)
            }
            Self::InspectModel { model } => {
                Facts::doing(format!("Reading {}", model.short_name())).about(Subject::Model).shows_its_failure()
            }
            Self::PreviewImport { request } => {
                Facts::doing(format!("Reading {}", name(&request.path))).supersedes_its_kind().shows_its_failure()
            }
            Self::CountKnown { .. } => {
                Facts::doing("Counting what is here already").supersedes_its_kind().shows_its_failure()
            }
            Self::Import { request, .. } => {
                let (first, more) = (name(&request.path), request.more.len());
                let what = if more == 0 { first.clone() } else { format!("{first} and {more} more") };
                Facts::doing(format!("Importing {what}"))
                    .done_in(format!("Imported {first}"))
                    .stopped(format!("Stopped importing {first}"))
            }
            Self::ImportReviewer { request, .. } => {
                Facts::doing(format!("Reading {}", name(&request.path))).shows_its_failure()
            }
            Self::CompareReviewers { .. } => Facts::doing("Counting").shows_its_failure(),
            Self::SaveRejected { to, .. } => {
                Facts::doing(format!("Saving {}", name(to))).done(format!("Saved {}", to.display()))
            }
            Self::ExportData { request, .. } => {
                Facts::doing(format!("Exporting {}", name(&request.to))).shows_its_failure()
            }
            Self::RenderTokens { .. } => Facts::doing("Counting tokens").supersedes_its_kind().shows_its_failure(),
            Self::PreviewRun { .. } => {
                Facts::doing("Counting tokens").about(Subject::Run).supersedes_its_kind().shows_its_failure()
            }
            Self::EstimateModels { .. } => Facts::doing("Estimating what runs take")
                .about(Subject::Model)
                .supersedes_its_kind()
                .gives_way_to_saving()
                .shows_its_failure(),
            Self::PreviewReplace { .. } => Facts::doing("Searching").supersedes_its_kind(),
            Self::PreviewSplit { .. } => Facts::doing("Looking at what would change").supersedes_its_kind(),
            Self::CheckData { .. } => Facts::doing("Checking the examples").supersedes_its_kind(),
            Self::DescribeData { .. } => Facts::doing("Counting").supersedes_its_kind(),
            Self::PreviewFix { .. } => Facts::doing("Looking at what would change").supersedes_its_kind(),
            Self::CountFixes { .. } => Facts::doing("Looking at what would change").supersedes_its_kind(),
            Self::KeepRunNote { .. } => Facts::saving(),
            Self::TrashRuns { .. } => Facts::saving(),
            Self::RestoreRuns { .. } => Facts::saving(),
            Self::ListRuns { .. } => Facts::doing("Reading runs").shows_its_failure(),
            Self::ReadRun { .. } => Facts::doing("Reading runs").shows_its_failure(),
            Self::ReadMessages { .. } => Facts::doing("Reading runs").shows_its_failure(),
            Self::ReadEvaluations { .. } => Facts::doing("Reading"),
            Self::ReadAnswers { .. } => Facts::doing("Reading"),
            Self::ListRatings { .. } => Facts::doing("Reading ratings"),
            Self::BeginRating { .. } => Facts::doing("Drawing prompts").about(Subject::Comparison),
            Self::KeepRating { .. } => Facts::saving(),
            Self::ExportRatedPairs { to, .. } => Facts::doing(format!("Saving {}", name(to))),
        }
    }
}
