//! Where each sequence of a flat batch begins.

use std::ops::Range;
use std::sync::Arc;

/// Sequences that lie back to back in a `[num_tokens, features]` tensor; attention and positions restart at each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segments(Arc<[usize]>);

impl Segments {
    /// From each sequence's length; empty sequences take no place.
    pub fn from_lengths(lengths: impl IntoIterator<Item = usize>) -> Self {
        let mut bounds = vec![0];
        let mut end = 0;
        for length in lengths.into_iter().filter(|&length| length > 0) {
            end += length;
            bounds.push(end);
        }
        Self(bounds.into())
    }

    pub fn num_tokens(&self) -> usize {
        self.0.last().copied().unwrap_or(0)
    }

    pub fn num_segments(&self) -> usize {
        self.0.len() - 1
    }

    /// The rows of each sequence.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.0.windows(2).map(|pair| pair[0]..pair[1])
    }

    /// Each token's place in its own sequence.
    pub fn positions(&self) -> Vec<usize> {
        self.ranges().flat_map(|range| 0..range.len()).collect()
    }
}
