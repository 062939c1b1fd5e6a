//! What activations are multiplied by.

use super::element::Element;
use super::panels::{Panels, Rows};
use crate::ops::FrozenWeight;

/// What `x` is multiplied by.
#[derive(Clone, Copy)]
pub enum Weights<'a, E> {
    /// The transpose of a matrix `[cols, depth]` as stored.
    Frozen(&'a FrozenWeight),
    /// That transpose in whole numbers of 8 bits, if its type and the CPU allow that.
    Int8(&'a FrozenWeight),
    Packed(&'a Panels<E>),
    /// Nothing, in this many columns: the adapter's part alone.
    None(usize),
}

impl<E: Element> Weights<'_, E> {
    pub fn cols(&self) -> usize {
        match self {
            Self::Frozen(weight) | Self::Int8(weight) => weight.rows(),
            Self::Packed(panels) => panels.cols,
            Self::None(cols) => *cols,
        }
    }
}

/// One product of several that share their left side, and the columns of the result that it makes.
pub struct Output<'a, E> {
    pub weights: Weights<'a, E>,
    /// The adapter's part that is added: `x·Aᵀ` of `[rows, r]`, and `scale · Bᵀ` in panels.
    pub adapter: Option<(Rows<'a, E>, &'a Panels<E>)>,
    /// The first column in the result.
    pub column: usize,
}
