//! One file a screen. A screen is:
//!
//! - `State`: what it knows, a part of [`super::AppState`]; plain data,
//! - `Drafts`: text that is being typed in it, a part of [`super::Drafts`],
//! - `Action`: what can be done in it; becomes [`super::Action`] by `into()`,
//! - `show(ui, state, drafts, actions)`: paints and pushes actions; no I/O, no lock, no change of the state,
//! - `update(state, drafts, action, cx)`: applies one of its actions, starts jobs through `cx`,
//! - `on_event(state, drafts, job, event, cx)`: hears everything that jobs which aren't stale tell, and takes what is its own,
//! - `refresh(state, drafts, cx)`: called when it is opened, and when the project changed while it is,
//! - `rail(state)`: its state in words and its mark in the rail,
//! - `primary(state)`: what Ctrl Enter does in it now; nothing while its button is off.
//!
//! `mapping` is the import dialog: it has `open(state, drafts, path, cx)` instead of `refresh`, `rail` and `primary`, is
//! shown while `state.dialog` is `Import`, and sets it to `None` when it is done.
//!
//! `dataset` is the dialog for data sets of the Hub, in the same way; it opens by its own action and ends in `mapping`.
//!
//! A search field takes the id `kit::row::place("search")`, so that `/` leads to it.

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
pub mod waiting;
