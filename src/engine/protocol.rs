//! The messages between the window and the engine. Architecture invariant: plain data, no tensor, no egui type.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::dataset::WantedData;
use crate::data::checks::{Check, CheckReport, Finding, Fix, FixCount, Remedy};
use crate::data::export::ExportReport;
use crate::data::import::{ImportPreview, ImportReport, ImportRequest, SplitSpec};
use crate::data::statistics::Statistics;
use crate::data::{Example, Message};
use crate::evaluate::{EvaluationReport, EvaluationRequest, Judge, KeptPair, Measured};
use crate::generate::Sampling;
pub use crate::generate::Side;
use crate::hub::{Dataset, DatasetName, FoundModel};
use crate::model::ModelFacts;
use crate::project::{
    Edit, ExampleQuery, ExampleRow, FacetCounts, KnownRows, LastChecks, Lengths, ProjectState, ReplacePreview,
    Replacement, Reviewers, RowPage, RunNote, RunRecord, SavedAs, Settings, SortBy, SplitPreview, Standing,
    StoredExample, Version,
};
use crate::recipe::{ModelRef, Recipe, RenderSpec};
use crate::render::TokenView;
use crate::task::{Stage, Unit};
use crate::train::timing::KnownSpeed;
use crate::train::{EvalMetrics, Phase, StepMetrics, Told, observer::RunFacts, preview::RunPreview};
use crate::workbench::data_export::DataExport;
use crate::workbench::scores::{QueueReport, ScoreReport};

/// Names a job; never used twice in a process. The default is that of no job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct JobId(pub u64);

impl JobId {
    /// An id that no job of this process has had.
    pub(super) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A lane works on one job at a time, in the order they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Training.
    Train,
    /// Evaluating and generating. Never computes at the same time as a training: they take turns.
    Compute,
    /// Reading and tokenising files.
    Io,
    /// The project's database: quick queries and edits.
    Store,
    /// Downloads.
    Net,
}

/// The work itself. `project` is the project's folder.
#[derive(Debug, Clone, PartialEq)]
pub enum JobSpec {
    // --- store lane
    /// Makes the folder if it isn't there; with `sample`, the starter data set is imported and split.
    OpenProject {
        folder: PathBuf,
        sample: bool,
    },
    /// The rows of a table's visible part.
    Query {
        project: PathBuf,
        query: ExampleQuery,
    },
    /// How many rows each chip of each filter would show.
    CountFacets {
        project: PathBuf,
        query: ExampleQuery,
    },
    /// How long the examples are, as the last checks counted them.
    LoadLengths {
        project: PathBuf,
    },
    /// All rows that match, for an edit of all of them.
    FindIds {
        project: PathBuf,
        query: ExampleQuery,
    },
    LoadExample {
        project: PathBuf,
        id: i64,
    },
    /// Several, to be read beside each other; those that are gone are left out.
    LoadExamples {
        project: PathBuf,
        ids: Vec<i64>,
    },
    /// What was done to an example.
    LoadHistory {
        project: PathBuf,
        id: i64,
    },
    /// What the last checks found: at one example, or at all.
    LoadFindings {
        project: PathBuf,
        example: Option<i64>,
    },
    /// What the last checks came to, so that a project that is opened again needn't be checked again.
    LoadChecks {
        project: PathBuf,
    },
    /// How many of these are held out: moving them into training asks first.
    CountHeldOut {
        project: PathBuf,
        ids: Vec<i64>,
    },
    /// On the disk before [`Reply::Project`] says so.
    Edit {
        project: PathBuf,
        edit: Edit,
    },
    Undo {
        project: PathBuf,
    },
    Redo {
        project: PathBuf,
    },
    SaveSettings {
        project: PathBuf,
        settings: Settings,
    },
    /// Looks whether the open project still lies in its folder, and brings an earlier copy there up to it.
    LookAtProject {
        project: PathBuf,
    },
    /// Writes the open project as it is into another folder, and opens it there.
    SaveProjectAs {
        project: PathBuf,
        to: PathBuf,
    },
    /// Forgets the second reviewer's labels.
    DropReviewer {
        project: PathBuf,
    },
    /// Keeps two answers with the run that gave the second.
    KeepAnswers {
        run_dir: PathBuf,
        pair: Box<KeptPair>,
    },
    /// Does what was shown, as one step of undo.
    ApplyFix {
        project: PathBuf,
        fix: Fix,
    },
    /// What a check found is not a fault, or is one after all: everywhere, or at these examples and their groups.
    MarkFindings {
        project: PathBuf,
        check: Check,
        ids: Option<Vec<i64>>,
        is_fault: bool,
    },
    // --- io lane
    DiscoverModels,
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
    /// What a run told so far, and where it could go on from.
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
    // --- net lane
    FetchModel {
        model: ModelRef,
    },
    /// Asks the Hub what a data set has.
    ListDataset {
        name: DatasetName,
    },
    FetchDataset {
        wanted: WantedData,
    },
    // --- train lane
    /// Freezes the project's examples into a new run folder and trains. The data are the project's, not the recipe's.
    Train {
        project: PathBuf,
        recipe: Recipe,
    },
    /// Goes on from a run's last checkpoint.
    ResumeTraining {
        run_dir: PathBuf,
    },
    // --- compute lane
    /// A few real steps, to know how fast a run with this recipe would be. Gives way to everything else that computes.
    MeasureSpeed {
        project: PathBuf,
        recipe: Recipe,
    },
    Evaluate {
        request: EvaluationRequest,
    },
    Compare {
        request: CompareRequest,
    },
    /// Gives every example its loss; those under another judge are forgotten.
    ScoreExamples {
        project: PathBuf,
        judge: Judge,
    },
    /// Queues the examples that are most worth labelling or reviewing.
    LabelNext {
        project: PathBuf,
        judge: Judge,
        count: usize,
    },
}

impl JobSpec {
    pub fn lane(&self) -> Lane {
        match self {
            Self::OpenProject { .. }
            | Self::Query { .. }
            | Self::CountFacets { .. }
            | Self::LoadLengths { .. }
            | Self::FindIds { .. }
            | Self::LoadExample { .. }
            | Self::LoadExamples { .. }
            | Self::LoadHistory { .. }
            | Self::LoadFindings { .. }
            | Self::LoadChecks { .. }
            | Self::CountHeldOut { .. }
            | Self::Edit { .. }
            | Self::Undo { .. }
            | Self::Redo { .. }
            | Self::SaveSettings { .. }
            | Self::LookAtProject { .. }
            | Self::SaveProjectAs { .. }
            | Self::DropReviewer { .. }
            | Self::KeepAnswers { .. }
            | Self::ApplyFix { .. }
            | Self::MarkFindings { .. } => Lane::Store,
            Self::DiscoverModels
            | Self::InspectModel { .. }
            | Self::PreviewImport { .. }
            | Self::CountKnown { .. }
            | Self::Import { .. }
            | Self::ImportReviewer { .. }
            | Self::CompareReviewers { .. }
            | Self::SaveRejected { .. }
            | Self::ExportData { .. }
            | Self::RenderTokens { .. }
            | Self::PreviewRun { .. }
            | Self::PreviewReplace { .. }
            | Self::PreviewSplit { .. }
            | Self::CheckData { .. }
            | Self::DescribeData { .. }
            | Self::PreviewFix { .. }
            | Self::CountFixes { .. }
            | Self::KeepRunNote { .. }
            | Self::TrashRuns { .. }
            | Self::RestoreRuns { .. }
            | Self::ListRuns { .. }
            | Self::ReadRun { .. }
            | Self::ReadMessages { .. }
            | Self::ReadEvaluations { .. }
            | Self::ReadAnswers { .. } => Lane::Io,
            Self::FetchModel { .. } | Self::ListDataset { .. } | Self::FetchDataset { .. } => Lane::Net,
            Self::Train { .. } | Self::ResumeTraining { .. } => Lane::Train,
            Self::MeasureSpeed { .. }
            | Self::Evaluate { .. }
            | Self::Compare { .. }
            | Self::ScoreExamples { .. }
            | Self::LabelNext { .. } => Lane::Compute,
        }
    }

    /// Whether a newer job of this kind makes the answers of older ones stale, so that they are stopped. Pages of the
    /// table don't: two of them may be wanted at once.
    pub fn supersedes_its_kind(&self) -> bool {
        matches!(
            self,
            Self::PreviewImport { .. }
                | Self::CountKnown { .. }
                | Self::RenderTokens { .. }
                | Self::PreviewRun { .. }
                | Self::PreviewReplace { .. }
                | Self::PreviewSplit { .. }
                | Self::CheckData { .. }
                | Self::DescribeData { .. }
                | Self::PreviewFix { .. }
                | Self::CountFixes { .. }
                | Self::CountFacets { .. }
                | Self::LoadLengths { .. }
                | Self::MeasureSpeed { .. }
        )
    }

    /// Whether it can take so long that what the person does must not wait for it: it is stopped, and asked for again.
    pub fn gives_way_to_saving(&self) -> bool {
        matches!(self, Self::Query { query, .. } if matches!(query.sort.by, SortBy::Prompt | SortBy::Answer))
    }

    /// Whether it is stopped as soon as something else is to be computed.
    pub fn gives_way_to_computing(&self) -> bool {
        matches!(self, Self::MeasureSpeed { .. })
    }

    /// Whether it writes down what the person did; such a job is done even if the window closes before its turn.
    pub fn is_saving(&self) -> bool {
        matches!(
            self,
            Self::Edit { .. }
                | Self::Undo { .. }
                | Self::Redo { .. }
                | Self::SaveSettings { .. }
                | Self::KeepAnswers { .. }
                | Self::ApplyFix { .. }
                | Self::MarkFindings { .. }
                | Self::KeepRunNote { .. }
                | Self::TrashRuns { .. }
                | Self::RestoreRuns { .. }
        )
    }
}

/// One prompt, answered by the base model and by base + adapter with the same seed and settings.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareRequest {
    pub model: ModelRef,
    /// A folder in PEFT's format; without it only the base model answers.
    pub adapter: Option<PathBuf>,
    /// Everything before the answer.
    pub prompt: Vec<Message>,
    /// Descriptions of the tools that may be called.
    pub tools: Vec<serde_json::Value>,
    pub sampling: Sampling,
}

/// What the engine tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub job: JobId,
    pub at: SystemTime,
    pub kind: EventKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// Before it started: it waits until the training beside it pauses or ends, because memory for both is short.
    Waiting(MemoryShort),
    Started,
    Phase(Phase),
    /// A part begins that is counted for itself.
    Stage(Stage),
    Progress {
        done: u64,
        total: Option<u64>,
        unit: Unit,
    },
    /// The run's folder and size; before the first step.
    RunStarted {
        run_dir: PathBuf,
        facts: RunFacts,
    },
    /// The only event that may be dropped when the window lags: `metrics.jsonl` is the truth.
    Step(StepMetrics),
    Eval(EvalMetrics),
    Checkpoint {
        step: usize,
        path: PathBuf,
    },
    /// Text that was added to an answer; coalesced, never lost.
    Token {
        side: Side,
        text: String,
    },
    /// One side's answer is complete.
    AnswerDone {
        side: Side,
        num_tokens: usize,
        tokens_per_sec: f64,
        ended_by_itself: bool,
    },
    Warning(String),
    /// What the job was asked for.
    Reply(Box<Reply>),
    /// Exactly one a job, and its last.
    Finished(Outcome),
}

/// In bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryShort {
    /// What the job would take beside the training.
    pub needed: u64,
    /// What this machine has free.
    pub free: u64,
}

/// The answers to requests.
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

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Completed,
    /// Because it was asked to.
    Stopped,
    Failed(Failure),
}

/// An error, as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What is wrong, and where.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether it is our own fault (a panic) rather than the input's.
    pub is_internal: bool,
}
