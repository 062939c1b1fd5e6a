//! What a step is given: the rows that are learned from, and the type to compute in.

use serde::{Deserialize, Serialize};

use crate::model::{Dropout, ModelSpec};
use crate::ops::Segments;
use crate::ops::product::Isa;
use crate::recipe::Precision;

/// The type that products are computed in; sums, adapters and their gradients are f32 in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProductType {
    F32,
    Bf16,
    /// Products with frozen weights in whole numbers of 8 bits ([`crate::ops::product`]), all others in bf16. Losses without
    /// gradients, as evaluations want them, are computed in bf16 alone.
    Int8,
}

impl ProductType {
    /// The type that a recipe's precision stands for with this model on this machine.
    pub fn of(precision: Precision, spec: &ModelSpec) -> Self {
        // Pairs of bf16 lie side by side in every row.
        let is_even = spec.shapes().all(|(_, (outputs, _))| outputs.is_multiple_of(2))
            && spec.hidden_size.is_multiple_of(2)
            && spec.intermediate_size.is_multiple_of(2)
            && spec.input_size.is_none_or(|size| size.is_multiple_of(2));
        let isa = Isa::current();
        match precision {
            _ if !is_even => Self::F32,
            Precision::Int8 => Self::Int8,
            Precision::Auto if isa.has_int8() => Self::Int8,
            Precision::Bf16 => Self::Bf16,
            Precision::Auto if isa.has_bf16() => Self::Bf16,
            Precision::Auto | Precision::F32 => Self::F32,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }

    pub(super) fn num_bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::Bf16 | Self::Int8 => 2,
        }
    }
}

/// A batch as the model takes it.
#[derive(Clone, Copy)]
pub struct Supervised<'a> {
    /// `[num_tokens]`
    pub ids: &'a [u32],
    pub segments: &'a Segments,
    /// The indexes of the rows whose next token counts, `[num_rows]`.
    pub rows: &'a [u32],
    /// The id of the token after each of those rows, `[num_rows]`.
    pub targets: &'a [u32],
    /// Dropout on the adapter's inputs.
    pub dropout: Option<Dropout>,
}
