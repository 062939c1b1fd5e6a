//! What a person can do on the data screen, by what it is done to.

use std::ops::Range;

use super::bulk::Bulk;
use super::dialogs::export::ExportAction;
use super::dialogs::fix_review::FixAction;
use super::dialogs::labels::LabelsAction;
use super::dialogs::rank::{Question, RankForm};
use super::dialogs::reviewers::ReviewersAction;
use super::draft::TurnChange;
use super::filters::{Filter, Only, Show};
use crate::app::Action;
use crate::data::Split;
use crate::data::checks::{Check, Remedy};
use crate::data::import::SplitSpec;
use crate::evaluate::Judge;
use crate::project::{ExampleStatus, Replacement, Review, SortBy};

/// What a person did on this screen.
#[derive(Debug, Clone, PartialEq)]
pub enum DataAction {
    Filters(FilterAction),
    Table(TableAction),
    Marks(MarkAction),
    Example(ExampleAction),
    Checks(CheckAction),
    Dialog(DialogAction),
    AddExample,
    /// Something that waited for a pause is due.
    Tick,
}

/// To which examples are shown, and in which order.
#[derive(Debug, Clone, PartialEq)]
pub enum FilterAction {
    Search(String),
    Show(Show),
    /// These and no others, from any screen; the first is opened.
    ShowOnly(Only),
    /// All others again.
    DropOnly,
    Filter(Filter),
    ClearFilters,
    Sort(SortBy),
}

/// To the table's rows.
#[derive(Debug, Clone, PartialEq)]
pub enum TableAction {
    /// These rows are in view and not all there.
    Visible(Range<u64>),
    Select(u64),
    /// The table has brought the wanted row into view.
    Scrolled,
    /// To the next (1) or previous (−1) row.
    Step(i64),
}

/// To the examples that are marked.
#[derive(Debug, Clone, PartialEq)]
pub enum MarkAction {
    /// This row beside those that are marked, or no longer.
    Mark(u64),
    /// All rows from the selected one to this one.
    MarkTo(u64),
    MarkAll,
    Unmark,
    /// To all that are marked.
    Bulk(Bulk),
}

/// To the open example.
#[derive(Debug, Clone, PartialEq)]
pub enum ExampleAction {
    /// Says what it is, and goes on to the next one.
    Review(Review),
    /// The answer from the label set.
    Label(String),
    AddTag(String),
    RemoveTag(String),
    Notes(String),
    /// Sets it aside, or takes it back.
    ToggleAside,
    SetSplit(Split),
    SetStatus(ExampleStatus),
    Duplicate,
    Delete,
    Turn(TurnChange),
    /// An empty answer to type into, where there is none; it is kept once something was typed.
    OpenAnswer,
    /// Answers in JSON or Markdown are shown laid out below what was typed.
    LayOut(bool),
    /// A text field was left.
    Flush,
    SelectToken(Option<usize>),
}

/// To what the checks found.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckAction {
    /// Runs the checks now.
    Check,
    FoldChecks(bool),
    /// At all examples, or at this one and those it forms a group with.
    PreviewFix(Check, Remedy, Option<i64>),
    /// What a check found is not a fault (false), or is one after all: everywhere, or at this example and those that it
    /// forms a group with.
    MarkFindings(Check, Option<i64>, bool),
    /// Off for this project, or on again.
    SwitchCheck(Check, bool),
}

/// Opens a dialog, changes what is in it, or does what it is for.
#[derive(Debug, Clone, PartialEq)]
pub enum DialogAction {
    Close,
    Replace(Replacement),
    ReplaceAll,
    /// In the dialog that shows what a fix would change.
    Fix(FixAction),
    ApplyFix,
    RankForm(RankForm),
    /// Asks this model about all examples; for what to label next, about at most this many.
    Rank(Question, usize, Judge),
    Statistics,
    /// Held-out examples may be trained on.
    Move,
    /// The list of previous versions of the open example.
    History,
    ChooseVersion(usize),
    /// The chosen version's turns take the place of the present ones.
    BringBack,
    Split(SplitSpec),
    DealAnew(SplitSpec),
    Export(ExportAction),
    Labels(LabelsAction),
    Reviewers(ReviewersAction),
}

/// Lets a widget push an action without naming the outer enums.
macro_rules! from {
    ($($action:ident => $variant:ident),+ $(,)?) => {
        $(impl From<$action> for Action {
            fn from(action: $action) -> Self {
                DataAction::$variant(action).into()
            }
        })+
    };
}

from!(
    FilterAction => Filters,
    TableAction => Table,
    MarkAction => Marks,
    ExampleAction => Example,
    CheckAction => Checks,
    DialogAction => Dialog,
);
