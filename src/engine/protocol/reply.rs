//! The answers to requests.

use std::path::PathBuf;

use crate::data::checks::{CheckReport, Finding, Fix, FixCount};
use crate::data::export::ExportReport;
use crate::data::import::{ImportPreview, ImportReport, ImportRequest};
use crate::data::statistics::Statistics;
use crate::evaluate::{EvaluationReport, KeptPair, Measured};
use crate::hub::{Dataset, FoundModel};
use crate::model::ModelFacts;
use crate::project::{
    ExampleQuery, ExampleRow, FacetCounts, KnownRows, LastChecks, Lengths, ProjectState, ReplacePreview, Reviewers,
    RowPage, RunRecord, SavedAs, SplitPreview, Standing, StoredExample, Version,
};
use crate::recipe::ModelRef;
use crate::render::TokenView;
use crate::train::preview::RunPreview;
use crate::train::timing::KnownSpeed;
use crate::train::{EvalMetrics, StepMetrics, Told};
use crate::workbench::scores::{QueueReport, ScoreReport};

/// What a job was asked for; most jobs give one, some a second one, too.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// After opening, and after everything that changes the examples or the settings.
    Project(ProjectState),
    Rows(RowPage),
    Facets {
        query: ExampleQuery,
        counts: FacetCounts,
    },
    Lengths(Lengths),
    Ids(Vec<i64>),
    Example(StoredExample),
    Examples(Vec<StoredExample>),
    History {
        id: i64,
        versions: Vec<Version>,
    },
    Findings {
        findings: Vec<Finding>,
        /// Those that a person marked as no fault.
        not_faults: Vec<Finding>,
    },
    /// `None` if none were run.
    LastChecks(Option<LastChecks>),
    HeldOut(u64),
    /// All checks were run.
    Checked(CheckReport),
    Fix(Fix),
    FixCounts(Vec<FixCount>),
    Statistics(Statistics),
    ReplacePreview(ReplacePreview),
    SplitPreview(SplitPreview),
    Preview(ImportPreview),
    Known(KnownRows),
    /// The first rows of an import that goes on; they can't be opened yet.
    Arriving(Vec<ExampleRow>),
    Imported(ImportReport),
    /// `None` without a second reviewer.
    Reviewers(Option<Reviewers>),
    /// A report for each file.
    Exported(Vec<ExportReport>),
    Models(Vec<FoundModel>),
    Facts {
        model: ModelRef,
        facts: ModelFacts,
    },
    Dataset(Dataset),
    /// The import of what was wanted of a data set, on this disk.
    Fetched(ImportRequest),
    Tokens(TokenView),
    RunPreview(RunPreview),
    Speed(KnownSpeed),
    Runs(Vec<RunRecord>),
    /// The names of the runs that were moved to the trash.
    Trashed(Vec<String>),
    Curves {
        run: RunRecord,
        steps: Vec<StepMetrics>,
        evaluations: Vec<EvalMetrics>,
    },
    Messages {
        run_dir: PathBuf,
        messages: Vec<Told>,
        /// The step of the last checkpoint.
        goes_on_from: Option<usize>,
    },
    Evaluation(EvaluationReport),
    /// The newest first.
    Evaluations(Vec<Measured>),
    /// In the order they were asked.
    Answers(Vec<KeptPair>),
    Scored(ScoreReport),
    Queued(QueueReport),
    /// A file or folder was written.
    Saved(PathBuf),
    /// Whether what is done reaches the disk; told when that changes, and when it was asked.
    Standing(Standing),
    SavedAs(SavedAs),
}
