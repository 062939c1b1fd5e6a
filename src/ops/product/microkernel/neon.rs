//! Tiles with NEON, which every 64-bit ARM has.

use std::arch::aarch64::*;

use half::bf16;

use super::super::tile::{Out, Part};
use super::kernel::{by_shape, kernel};

/// Lanes of a vector.
const LANES: usize = 4;

/// How many lanes of the last vector there are: 1 to 3.
fn lanes(cols: usize) -> usize {
    cols
}

#[inline]
#[target_feature(enable = "neon")]
unsafe fn load(b: *const f32, lanes: Option<usize>) -> float32x4_t {
    // One by one, without a loop: a call would have to put all sums into memory.
    // SAFETY: the caller's address is valid for these lanes.
    unsafe {
        let Some(lanes) = lanes else { return vld1q_f32(b) };
        let mut part = vld1q_lane_f32::<0>(b, vdupq_n_f32(0.0));
        if lanes > 1 {
            part = vld1q_lane_f32::<1>(b.wrapping_add(1), part);
        }
        if lanes > 2 {
            part = vld1q_lane_f32::<2>(b.wrapping_add(2), part);
        }
        part
    }
}

/// A bf16 is the upper half of an f32.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn load_widened(b: *const bf16, lanes: Option<usize>) -> float32x4_t {
    // As in `load`.
    // SAFETY: the caller's address is valid for these lanes; a bf16 is a whole number of 16 bits.
    unsafe {
        let b = b.cast::<u16>();
        let Some(lanes) = lanes else { return vreinterpretq_f32_u32(vshll_n_u16::<16>(vld1_u16(b))) };
        let mut part = vld1_lane_u16::<0>(b, vdup_n_u16(0));
        if lanes > 1 {
            part = vld1_lane_u16::<1>(b.wrapping_add(1), part);
        }
        if lanes > 2 {
            part = vld1_lane_u16::<2>(b.wrapping_add(2), part);
        }
        vreinterpretq_f32_u32(vshll_n_u16::<16>(part))
    }
}

#[inline]
#[target_feature(enable = "neon")]
unsafe fn broadcast(a: *const f32) -> float32x4_t {
    // SAFETY: the caller's address is valid.
    unsafe { vld1q_dup_f32(a) }
}

#[inline]
#[target_feature(enable = "neon")]
fn madd(sum: float32x4_t, a: float32x4_t, b: float32x4_t) -> float32x4_t {
    vfmaq_f32(sum, a, b)
}

#[inline]
#[target_feature(enable = "neon")]
unsafe fn store(at: usize, sum: float32x4_t, lanes: Option<usize>, out: Out) {
    let c = out.c.wrapping_add(at);
    let sum = vmulq_n_f32(sum, out.alpha);
    // SAFETY: the caller's place is valid for these lanes, and only they are read and written.
    unsafe {
        let sum = if out.accumulate { vaddq_f32(sum, load(c, lanes)) } else { sum };
        match lanes {
            None => vst1q_f32(c, sum),
            Some(lanes) => values(sum)[..lanes].iter().enumerate().for_each(|(i, value)| *c.wrapping_add(i) = *value),
        }
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn values(sum: float32x4_t) -> [f32; LANES] {
    let mut values = [0.0; LANES];
    // SAFETY: room for four values.
    unsafe { vst1q_f32(values.as_mut_ptr(), sum) };
    values
}

/// Panels are as wide as the tile, so whole vectors of pairs can be read.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn load_pairs(b: *const bf16, _lanes: Option<usize>) -> uint32x4_t {
    // SAFETY: 8 values of a panel, read as bytes, which have no alignment.
    vreinterpretq_u32_u8(unsafe { vld1q_u8(b.cast()) })
}

#[inline]
#[target_feature(enable = "neon")]
unsafe fn broadcast_pair(a: *const bf16) -> uint32x4_t {
    // SAFETY: a pair of values.
    let (first, second) = unsafe { ((*a).to_bits(), (*a.wrapping_add(1)).to_bits()) };
    vdupq_n_u32(u32::from(first) | u32::from(second) << 16)
}

/// Each half of a pair is the upper half of an f32.
#[inline]
#[target_feature(enable = "neon")]
fn madd_pairs(sum: float32x4_t, a: uint32x4_t, b: uint32x4_t) -> float32x4_t {
    let first = |pairs| vreinterpretq_f32_u32(vshlq_n_u32::<16>(pairs));
    let second = |pairs| vreinterpretq_f32_u32(vandq_u32(pairs, vdupq_n_u32(!0xffff)));
    vfmaq_f32(vfmaq_f32(sum, first(a), first(b)), second(a), second(b))
}

#[inline]
#[target_feature(enable = "neon")]
unsafe fn store_or_round(at: usize, sum: float32x4_t, lanes: Option<usize>, out: Out) {
    if out.narrow.is_null() {
        // SAFETY: the caller's promise.
        return unsafe { store(at, sum, lanes, out) };
    }
    let to = out.narrow.wrapping_add(at);
    for (lane, value) in values(vmulq_n_f32(sum, out.alpha))[..lanes.unwrap_or(LANES)].iter().enumerate() {
        // SAFETY: the caller's place is valid for these lanes.
        unsafe { *to.wrapping_add(lane) = bf16::from_f32(*value) };
    }
}

kernel!(f32_neon, f32_neon_inner, "neon", f32, f32, lanes 4, rows [1, 2, 3, 4, 5, 6], vecs [1, 2, 3, 4], pair 1,
    mask: lanes, zero: vdupq_n_f32(0.0), load: load, broadcast: broadcast, madd: madd, store: store);
kernel!(widened_neon, widened_neon_inner, "neon", f32, bf16, lanes 4, rows [1, 2, 3, 4, 5, 6], vecs [1, 2, 3, 4], pair 1,
    mask: lanes, zero: vdupq_n_f32(0.0), load: load_widened, broadcast: broadcast, madd: madd, store: store);
kernel!(bf16_pairs, bf16_pairs_inner, "neon", bf16, bf16, lanes 4, rows [1, 2, 3, 4], vecs [1, 2, 3, 4], pair 2,
    mask: lanes, zero: vdupq_n_f32(0.0), load: load_pairs, broadcast: broadcast_pair, madd: madd_pairs, store: store_or_round);
