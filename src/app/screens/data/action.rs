//! What a person can do on the data screen.

use std::ops::Range;

use super::bulk::Bulk;
use super::draft::TurnChange;
use super::export_dialog::ExportAction;
use super::filters::{Filter, Only, Show};
use super::fix_review::FixAction;
use super::labels_dialog::LabelsAction;
use super::rank::{Question, RankForm};
use super::reviewers_dialog::ReviewersAction;
use crate::data::Split;
use crate::data::checks::{Check, Remedy};
use crate::data::import::SplitSpec;
use crate::evaluate::Judge;
use crate::project::{ExampleStatus, Replacement, Review, SortBy};

/// What a person did on this screen.
#[derive(Debug, Clone, PartialEq)]
pub enum DataAction {
    Search(String),
    Show(Show),
    /// These and no others, from any screen; the first is opened.
    ShowOnly(Only),
    /// All others again.
    DropOnly,
    Filter(Filter),
    ClearFilters,
    Sort(SortBy),
    /// This row beside those that are marked, or no longer.
    Mark(u64),
    /// All rows from the selected one to this one.
    MarkTo(u64),
    MarkAll,
    Unmark,
    /// To all that are marked.
    Bulk(Bulk),
    /// Says what the open example is, and goes on to the next one.
    Review(Review),
    /// The answer from the label set.
    Label(String),
    AddTag(String),
    RemoveTag(String),
    Notes(String),
    /// `None` closes the dialog.
    Replace(Option<Replacement>),
    ReplaceAll,
    /// Runs the checks now.
    Check,
    FoldChecks(bool),
    /// At all examples, or at this one and those it forms a group with.
    PreviewFix(Check, Remedy, Option<i64>),
    /// In the dialog that shows what a fix would change.
    Fix(FixAction),
    ApplyFix,
    DropFix,
    /// What a check found is not a fault (false), or is one after all: everywhere, or at this example and those that it
    /// forms a group with.
    MarkFindings(Check, Option<i64>, bool),
    /// Off for this project, or on again.
    SwitchCheck(Check, bool),
    /// `None` closes the dialog.
    RankDialog(Option<RankForm>),
    /// Asks this model about all examples; for what to label next, about so many.
    Rank(Question, usize, Judge),
    /// Opens or closes the dialog with numbers.
    Statistics(bool),
    /// These rows are in view and not all there.
    Visible(Range<u64>),
    Select(u64),
    /// The table has brought the wanted row into view.
    Scrolled,
    /// Something that waited for a pause is due.
    Tick,
    /// To the next (1) or previous (−1) row.
    Step(i64),
    /// Sets the selected example aside, or takes it back.
    ToggleAside,
    SetSplit(Split),
    /// The answer to whether held-out examples may be trained on.
    MoveIntoTraining(bool),
    SetStatus(ExampleStatus),
    Duplicate,
    Delete,
    AddExample,
    Turn(TurnChange),
    /// An empty answer to type into, where there is none; it is kept once something was typed.
    OpenAnswer,
    /// Answers in JSON or Markdown are shown laid out below what was typed.
    LayOut(bool),
    /// Opens or closes the list of previous versions of the open example.
    History(bool),
    ChooseVersion(usize),
    /// The chosen version's turns take the place of the present ones.
    BringBack,
    /// A text field was left.
    Flush,
    SelectToken(Option<usize>),
    Export(ExportAction),
    Labels(LabelsAction),
    Reviewers(ReviewersAction),
    /// `None` closes the dialog.
    SplitDialog(Option<SplitSpec>),
    DealAnew(SplitSpec),
}
