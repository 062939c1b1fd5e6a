//! Where each sequence of a flat batch begins, and which beginnings several of them share.

use std::ops::Range;
use std::sync::Arc;

/// Sequences that lie back to back in a `[num_tokens, features]` tensor; attention and positions restart at each.
///
/// Sequences that begin with the same tokens may share those rows: a causal model computes the same there for all of
/// them, so once is enough. The shared rows are a segment of their own, before those that continue it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segments(Arc<[Segment]>);

/// The rows of one sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Rows of a segment before this one that the sequence begins with; empty if it shares none.
    pub prefix: Range<usize>,
    /// The sequence's own rows.
    pub rows: Range<usize>,
}

impl Segments {
    /// Segments of these lengths; empty sequences take no place.
    pub fn from_lengths(lengths: impl IntoIterator<Item = usize>) -> Self {
        Self::sharing_prefixes(lengths.into_iter().map(|length| (0, [length])))
    }

    /// Segments in groups: each is the length of a shared beginning and the lengths of what follows it.
    pub fn sharing_prefixes<L: IntoIterator<Item = usize>>(groups: impl IntoIterator<Item = (usize, L)>) -> Self {
        let mut segments = Vec::new();
        let mut end = 0;
        let mut add = |prefix: Range<usize>, length: usize| {
            let rows = end..end + length;
            end = rows.end;
            if length > 0 {
                segments.push(Segment { prefix, rows: rows.clone() });
            }
            rows
        };
        for (prefix, lengths) in groups {
            let prefix = add(0..0, prefix);
            for length in lengths {
                add(prefix.clone(), length);
            }
        }
        Self(segments.into())
    }

    pub fn num_tokens(&self) -> usize {
        self.0.last().map_or(0, |segment| segment.rows.end)
    }

    pub fn num_segments(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Segment> {
        self.0.iter()
    }

    /// Whether each token is of a sequence of more than `most` tokens; `None` where a beginning is shared by such and others.
    pub fn is_longer_than(&self, most: usize) -> Option<Vec<bool>> {
        let mut is_longer = Vec::with_capacity(self.num_tokens());
        for segment in self.iter() {
            let continuing = || self.iter().filter(|other| !other.prefix.is_empty() && other.prefix == segment.rows);
            let mut lengths = continuing().map(|other| other.len() > most);
            let is_long = lengths.next().unwrap_or(segment.len() > most);
            if lengths.any(|other| other != is_long) {
                return None;
            }
            is_longer.resize(is_longer.len() + segment.rows.len(), is_long);
        }
        Some(is_longer)
    }

    /// Each token's place in its sequence.
    pub fn positions(&self) -> Vec<usize> {
        self.iter().flat_map(|segment| segment.prefix.len()..segment.len()).collect()
    }
}

impl Segment {
    /// The number of tokens in the sequence, with those that it shares.
    pub fn len(&self) -> usize {
        self.prefix.len() + self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_go_on_after_a_shared_beginning() {
        let segments = Segments::sharing_prefixes([(2, vec![1, 3]), (0, vec![0, 2])]);
        assert_eq!(segments.positions(), [0, 1, 2, 2, 3, 4, 0, 1]);
        assert_eq!(segments.num_tokens(), 8);
        assert_eq!(segments.iter().nth(2), Some(&Segment { prefix: 0..2, rows: 3..6 }));
        assert_eq!(Segments::from_lengths([0, 3]).positions(), [0, 1, 2]);
        assert_eq!(segments.is_longer_than(3), None, "one of the two that share a beginning");
        assert_eq!(segments.is_longer_than(2), Some([[true; 6].as_slice(), &[false; 2]].concat()));
        assert_eq!(Segments::from_lengths([]).num_tokens(), 0);
    }
}
