//! The screens, a folder each, and the one list of them: [`table`].
//!
//! A screen is a module with
//!
//! - `State`: what it knows, a part of [`super::AppState`]; plain data,
//! - `Drafts`: text that is being typed in it, a part of [`super::Drafts`],
//! - `Action`: what can be done in it; becomes [`super::Action`] by `into()`,
//! - `Logic`: what it does, a [`Part`] and, where the rail leads to it, a [`Place`].
//!
//! To add one, write its module, declare it below, and give it a row in [`table`].
//!
//! What a screen decides is in its `State`: an action or an event is applied to it, with what it has to know of the rest
//! of the window, and gives [`super::effect::Effect`]s. So it is tested without a window.
//!
//! `mapping` is the import dialog, shown while `state.dialog` is `Import`. `dataset` is the dialog for data sets of the Hub;
//! it ends in `mapping`.
//!
//! A search field takes the id `kit::row::place("search")`, so that `/` leads to it.

#[macro_use]
mod table;
pub mod compare;
pub mod data;
pub mod dataset;
pub mod evaluate;
pub mod export;
pub mod first_launch;
pub mod mapping;
pub mod model;
pub mod runs;
pub mod settings;
pub mod train;

pub use table::{Screen, ScreenAction, each};

use egui::Ui;

use super::jobs::Job;
use super::kit::{Icon, Mark};
use super::{Action, AppState, Cx, Drafts};
use crate::engine::EventKind;

/// A part of the window with a state of its own: a screen, or a dialog that belongs to none.
pub trait Part {
    type Action;

    /// Paints, and pushes actions: no I/O, no lock, no change of the state.
    fn show(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, actions: &mut Vec<Action>);

    /// Applies one of its actions, starts jobs through `cx`.
    fn update(state: &mut AppState, drafts: &mut Drafts, action: Self::Action, cx: &Cx<'_>);

    /// Whether it came of the window itself: what a person did last, and what came of it, stays in view.
    fn is_by_itself(_: &Self::Action) -> bool {
        false
    }

    /// Hears everything that jobs which aren't stale tell, and takes what is its own.
    fn on_event(_: &mut AppState, _: &mut Drafts, _job: &Job, _: &EventKind, _: &Cx<'_>) {}

    /// Another project is open.
    fn on_project(_: &mut AppState, _: &mut Drafts, _: &Cx<'_>) {}

    /// The project is closed: nothing of it stays.
    fn forget(_: &mut AppState, _: &mut Drafts) {}

    /// The window is about to close: what was typed or written so far is kept.
    fn keep(_: &mut AppState, _: &Cx<'_>) {}
}

/// A screen that the rail leads to.
pub trait Place: Part {
    const NAME: &'static str;
    const ICON: Icon;
    const RAIL: Rail;
    /// What the command field calls the act of [`Place::primary`]; nothing where it isn't offered there.
    const ACT: Option<&'static str> = None;

    /// Called when it is opened, and when the project changed while it is.
    fn refresh(_: &mut AppState, _: &mut Drafts, _: &Cx<'_>) {}

    /// Its state in words and its mark in the rail.
    fn rail(_: &AppState) -> (String, Mark) {
        (String::new(), Mark::ToDo)
    }

    /// What Ctrl Enter does in it now; nothing while its button is off.
    fn primary(_: &AppState) -> Option<Action> {
        None
    }
}

/// Where a screen stands in the rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rail {
    /// One of the steps of the work, with a number key: what it is for, in a few words.
    Step(&'static str),
    /// Below the steps, behind a rule.
    Below,
    /// At the foot.
    Foot,
}
