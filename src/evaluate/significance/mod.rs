//! Whether a difference is more than chance: intervals, paired tests, and how many examples would do.

mod bootstrap;
mod contrast;
mod counts;
mod kappa;
mod permutation;
mod power;

pub use bootstrap::{difference, interval};
pub use contrast::{Contrast, Verdict3, contrast};
pub use counts::{mcnemar, sign_test, wilson};
pub use kappa::kappa;
pub use permutation::permutation_test;

/// A difference is taken for real if chance alone would bring it more seldom than this.
pub const LEVEL: f64 = 0.05;
/// The standard normal's 97.5 % quantile.
pub(crate) const Z: f64 = 1.959_963_984_540_054;
