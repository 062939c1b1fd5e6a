//! How long the examples are, in tokens, as the last checks counted them.

use super::order::UNCOUNTED;
use crate::data::statistics::{Histogram, MAX_BINS};
use crate::project::error::ProjectError;
use crate::project::store::project::Project;

/// The lengths of the examples that take part, in tokens.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lengths {
    pub counted: Histogram,
    /// New or changed since.
    pub num_uncounted: u64,
}

impl Project {
    /// The lengths with the model of [`crate::project::ProjectState::tokens_from`].
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn lengths(&mut self) -> Result<Lengths, ProjectError> {
        self.order.refresh(&mut self.db)?;
        let present = self.order.slots.iter().filter(|slot| slot.takes_part()).map(|slot| slot.num_tokens);
        let (counted, uncounted): (Vec<u32>, Vec<u32>) = present.partition(|num_tokens| *num_tokens != UNCOUNTED);
        Ok(Lengths { counted: Histogram::of(counted, MAX_BINS), num_uncounted: uncounted.len() as u64 })
    }
}
