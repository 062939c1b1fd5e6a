//! No kernels: nothing here is called, as [`is_available`] says.

use std::ops::Range;

use half::bf16;

use super::super::codes::Coded;
use super::parts::{Codes, FixedRows, TOKENS, Target};
use crate::ops::FrozenWeight;
use crate::ops::product::Isa;

pub fn is_available(_isa: Isa) -> bool {
    false
}

pub fn tokens(_isa: Isa) -> usize {
    TOKENS
}

pub unsafe fn unpack(_weight: &FrozenWeight, _coded: Coded, _rows: Range<usize>, _panel: &mut Codes) {
    unreachable!("no instructions for 8 bits")
}

pub unsafe fn round(_isa: Isa, _values: &[bf16], _to: *mut u8, _xor: u8, _tell: impl FnMut(usize, f32, i32)) {
    unreachable!("no instructions for 8 bits")
}

pub unsafe fn round_columns(
    _isa: Isa,
    _from: *const bf16,
    _stride: usize,
    _depth: usize,
    _num: usize,
    _panel: &mut Codes,
) {
    unreachable!("no instructions for 8 bits")
}

pub unsafe fn transpose_groups(
    _isa: Isa,
    _from: *const i32,
    _num: usize,
    _groups: usize,
    _width: usize,
    _to: *mut i32,
) {
    unreachable!("no instructions for 8 bits")
}

pub unsafe fn multiply<const GROUP: usize, const PLANES: usize>(
    _isa: Isa,
    _x: &FixedRows<PLANES>,
    _rows: Range<usize>,
    _panel: &Codes,
    _num: usize,
    _out: Target,
    _next: &[u8],
) {
    unreachable!("no instructions for 8 bits")
}
