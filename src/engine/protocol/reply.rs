//! The answers to requests.

use std::path::PathBuf;

use crate::data::checks::{CheckReport, Finding, Fix, FixCount};
use crate::data::export::ExportReport;
use crate::data::import::{ImportPreview, ImportReport, ImportRequest};
use crate::data::statistics::Statistics;
use crate::evaluate::rating::PairsReport;
use crate::evaluate::{Evaluation, KeptPair, Measured};
use crate::hub::{Beside, Dataset, FoundModel, RepoListing, SearchPage, Unfinished};
use crate::model::ModelFacts;
use crate::project::{
    ExampleQuery, ExampleRow, FacetCounts, KnownRows, LastChecks, Lengths, ProjectState, ReplacePreview, Reviewers,
    RowPage, SavedAs, SplitPreview, Standing, StoredExample, Version,
};
use crate::recipe::ModelRef;
use crate::render::TokenView;
use crate::run::RunRecord;
use crate::train::estimate::Estimate;
use crate::train::preview::RunPreview;
use crate::train::timing::KnownSpeed;
use crate::train::{EvalMetrics, StepMetrics, Told};
use crate::workbench::rating::KeptSession;
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
    History(History),
    Findings(Findings),
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
    /// The first rows of an import under way; they can't be opened yet.
    Arriving(Vec<ExampleRow>),
    Imported(ImportReport),
    /// `None` without a second reviewer.
    Reviewers(Option<Reviewers>),
    /// A report for each file.
    Exported(Vec<ExportReport>),
    Models(Vec<FoundModel>),
    /// What else the search on this disk saw; after the models.
    Beside(Beside),
    /// Downloads that can be resumed; after a search on this disk.
    Unfinished(Vec<Unfinished>),
    /// What a search on the Hub brought.
    Search(SearchPage),
    Repo(RepoListing),
    Facts {
        model: ModelRef,
        facts: ModelFacts,
    },
    Dataset(Dataset),
    /// The import of what was wanted of a data set, on this disk.
    Fetched(ImportRequest),
    Tokens(TokenView),
    RunPreview(RunPreview),
    Estimates(Estimates),
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
    Evaluation(Box<Evaluation>),
    /// The newest first.
    Evaluations(Vec<Measured>),
    /// In the order they were asked.
    Answers(Vec<KeptPair>),
    /// The newest first.
    Ratings(Vec<KeptSession>),
    /// A session that was just made.
    Rating(Box<KeptSession>),
    RatedPairs(PairsReport),
    Scored(ScoreReport),
    Queued(QueueReport),
    /// A file or folder was written.
    Saved(PathBuf),
    /// Whether what is done reaches the disk; sent when that changes, and when it was asked.
    Standing(Standing),
    SavedAs(SavedAs),
}

/// What was done to an example.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    pub id: i64,
    pub versions: Vec<Version>,
}

/// What runs with several models would take.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimates {
    pub by_model: Vec<(ModelRef, Estimate)>,
    /// The training examples that they are for; 0 where there are none, and usual ones were taken.
    pub num_examples: usize,
}

/// What the checks found, at one example or at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings {
    pub findings: Vec<Finding>,
    /// Those that a person marked as not a fault.
    pub not_faults: Vec<Finding>,
}

/// What a reply holds, for whoever waits for just that.
pub trait Answer: Sized {
    /// `None` for a reply of another kind.
    fn of(reply: &Reply) -> Option<&Self>;
}

/// A row for each type that is waited for: the reply it is in.
macro_rules! answers {
    ($($reply:pat => $answer:ident: $type:ty,)*) => {
        $(impl Answer for $type {
            fn of(reply: &Reply) -> Option<&Self> {
                if let $reply = reply { Some($answer) } else { None }
            }
        })*
    };
}

answers! {
    Reply::Project(project) => project: ProjectState,
    Reply::Facets { counts, .. } => counts: FacetCounts,
    Reply::Lengths(lengths) => lengths: Lengths,
    Reply::Ids(ids) => ids: Vec<i64>,
    Reply::Example(example) => example: StoredExample,
    Reply::Examples(examples) => examples: Vec<StoredExample>,
    Reply::History(history) => history: History,
    Reply::Findings(findings) => findings: Findings,
    Reply::HeldOut(number) => number: u64,
    Reply::Fix(fix) => fix: Fix,
    Reply::FixCounts(counts) => counts: Vec<FixCount>,
    Reply::LastChecks(last) => last: Option<LastChecks>,
    Reply::Checked(report) => report: CheckReport,
    Reply::Statistics(statistics) => statistics: Statistics,
    Reply::ReplacePreview(preview) => preview: ReplacePreview,
    Reply::SplitPreview(preview) => preview: SplitPreview,
    Reply::Reviewers(reviewers) => reviewers: Option<Reviewers>,
    Reply::Known(known) => known: KnownRows,
    Reply::Exported(reports) => reports: Vec<ExportReport>,
    Reply::Models(models) => models: Vec<FoundModel>,
    Reply::Beside(beside) => beside: Beside,
    Reply::Unfinished(downloads) => downloads: Vec<Unfinished>,
    Reply::Search(page) => page: SearchPage,
    Reply::Repo(listing) => listing: RepoListing,
    Reply::Facts { facts, .. } => facts: ModelFacts,
    Reply::Estimates(estimates) => estimates: Estimates,
    Reply::Speed(speed) => speed: KnownSpeed,
    Reply::Evaluation(evaluation) => evaluation: Evaluation,
    Reply::Evaluations(measured) => measured: Vec<Measured>,
    Reply::Answers(pairs) => pairs: Vec<KeptPair>,
    Reply::Ratings(sessions) => sessions: Vec<KeptSession>,
    Reply::Rating(session) => session: Box<KeptSession>,
    Reply::RatedPairs(report) => report: PairsReport,
    Reply::Runs(runs) => runs: Vec<RunRecord>,
    Reply::Scored(report) => report: ScoreReport,
    Reply::Queued(report) => report: QueueReport,
}
