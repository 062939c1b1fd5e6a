//! Checks: what is wrong with the examples, and how to mend it.
//!
//! [`Check`] lists what is looked for; a [`Finding`] says where; a [`Fix`] what would be done about it.

mod check;
mod fix;
mod report;

pub use check::{Check, Severity};
pub use fix::{Action, Change, Fix, Remedy};
pub use report::{CheckCount, CheckReport, Finding};
