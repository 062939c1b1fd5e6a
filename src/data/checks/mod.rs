//! Checks: what is wrong with the examples, and how to mend it.
//!
//! [`Check`] lists what is looked for; a [`Checker`] takes all examples in and reports [`Finding`]s; [`plan`] works out
//! the [`Fix`] that a remedy would be. What is wrong with one text is in a file each ([`encoding`], [`json`],
//! [`privacy`], [`turns`] …); what only a comparison shows, in [`copies`] and [`near`].

mod check;
mod checker;
mod copies;
mod digest;
mod encoding;
mod fix;
mod groups;
mod json;
pub(super) mod labels;
mod language;
mod lengths;
mod near;
mod patterns;
mod privacy;
mod refusal;
mod remedies;
mod remedy;
mod report;
mod row;
pub(super) mod text;
mod turns;
mod union;

#[cfg(test)]
mod tests;

pub use check::{Check, Severity};
pub use checker::{Checker, Options, Refused, RenderFacts, Rendering};
pub use fix::{Action, Change, Choice, Fix, FixCount, Member};
pub use labels::{ANSWER, LabelSet};
pub use remedies::plan;
pub use remedy::Remedy;
pub use report::{CheckCount, CheckReport, Finding};
pub use row::Row;
pub use turns::with_system_folded;
