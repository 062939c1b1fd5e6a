//! 16 lanes with NEON: four registers of f32, one of codes.

use std::arch::aarch64::*;

use half::bf16;

use super::{Lanes, f16_to_f32, operations, read, write};

/// Codes stay bytes, and so do masks: what is wide is only what is computed with.
pub struct Neon;

impl Lanes for Neon {
    type F32 = [float32x4_t; 4];
    type U32 = uint8x16_t;
    type Mask = uint8x16_t;

    operations! {
        fn splat(value: f32) -> [float32x4_t; 4] { [vdupq_n_f32(value); 4] }
        fn load(from: *const f32) -> [float32x4_t; 4] { read(from) }
        fn store(values: [float32x4_t; 4], to: *mut f32) { write(values, to) }
        fn store_bf16(values: [[float32x4_t; 4]; 2], to: *mut bf16) {
            let [low, high] = values;
            write([rounded(low), rounded(high)], to)
        }
        fn add(a: [float32x4_t; 4], b: [float32x4_t; 4]) -> [float32x4_t; 4] {
            [vaddq_f32(a[0], b[0]), vaddq_f32(a[1], b[1]), vaddq_f32(a[2], b[2]), vaddq_f32(a[3], b[3])]
        }
        fn mul(a: [float32x4_t; 4], b: [float32x4_t; 4]) -> [float32x4_t; 4] {
            [vmulq_f32(a[0], b[0]), vmulq_f32(a[1], b[1]), vmulq_f32(a[2], b[2]), vmulq_f32(a[3], b[3])]
        }
        fn mul_add(a: [float32x4_t; 4], b: [float32x4_t; 4], c: [float32x4_t; 4]) -> [float32x4_t; 4] {
            let fused = |i: usize| vfmaq_f32(c[i], a[i], b[i]);
            [fused(0), fused(1), fused(2), fused(3)]
        }
        fn sum(values: [float32x4_t; 4]) -> f32 {
            vaddvq_f32(vaddq_f32(vaddq_f32(values[0], values[1]), vaddq_f32(values[2], values[3])))
        }
        fn bytes(from: *const u8) -> uint8x16_t { read(from) }
        fn signed_bytes(from: *const u8) -> [float32x4_t; 4] {
            let bytes: int8x16_t = read(from);
            let (low, high) = (vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes));
            [
                vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))),
                vcvtq_f32_s32(vmovl_high_s16(low)),
                vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))),
                vcvtq_f32_s32(vmovl_high_s16(high)),
            ]
        }
        fn f16(from: *const u8) -> [float32x4_t; 4] { [vdupq_n_f32(f16_to_f32(read(from))); 4] }
        fn f16s(from: *const u8) -> [float32x4_t; 4] {
            let values = read::<[u16; 16], _>(from).map(f16_to_f32);
            read(values.as_ptr())
        }
        fn bf16s(from: *const u8) -> [float32x4_t; 4] {
            let [low, high] = read::<[uint16x8_t; 2], _>(from);
            [
                vreinterpretq_f32_u32(vshll_n_u16::<16>(vget_low_u16(low))),
                vreinterpretq_f32_u32(vshll_high_n_u16::<16>(low)),
                vreinterpretq_f32_u32(vshll_n_u16::<16>(vget_low_u16(high))),
                vreinterpretq_f32_u32(vshll_high_n_u16::<16>(high)),
            ]
        }
        // There is no shift to the right by a register, but one to the left by a negative number.
        fn shift_right(codes: uint8x16_t, bits: u32) -> uint8x16_t { vshlq_u8(codes, vdupq_n_s8(-(bits as i8))) }
        fn to_f32(codes: uint8x16_t) -> [float32x4_t; 4] {
            let (low, high) = (vmovl_u8(vget_low_u8(codes)), vmovl_high_u8(codes));
            [
                vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))),
                vcvtq_f32_u32(vmovl_high_u16(low)),
                vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))),
                vcvtq_f32_u32(vmovl_high_u16(high)),
            ]
        }
        // The table is 64 bytes, of which each code names four.
        fn lookup(table: [float32x4_t; 4], codes: uint8x16_t) -> [float32x4_t; 4] {
            let table = uint8x16x4_t(
                vreinterpretq_u8_f32(table[0]),
                vreinterpretq_u8_f32(table[1]),
                vreinterpretq_u8_f32(table[2]),
                vreinterpretq_u8_f32(table[3]),
            );
            let first_bytes = vshlq_n_u8::<2>(vandq_u8(codes, vdupq_n_u8(15)));
            let (low, high) = (vzip1q_u8(first_bytes, first_bytes), vzip2q_u8(first_bytes, first_bytes));
            let bytes_of_value = vreinterpretq_u8_u32(vdupq_n_u32(u32::from_le_bytes([0, 1, 2, 3])));
            let four = |first_bytes| vreinterpretq_f32_u8(vqtbl4q_u8(table, vaddq_u8(first_bytes, bytes_of_value)));
            [
                four(vzip1q_u8(low, low)),
                four(vzip2q_u8(low, low)),
                four(vzip1q_u8(high, high)),
                four(vzip2q_u8(high, high)),
            ]
        }
        fn mask(bits: u16) -> uint8x16_t {
            let [low, high] = bits.to_le_bytes();
            let bits = vcombine_u8(vdup_n_u8(low), vdup_n_u8(high));
            vtstq_u8(bits, read([1u8, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128].as_ptr()))
        }
        fn has_bit(codes: uint8x16_t, bit: u32) -> uint8x16_t { vtstq_u8(codes, vdupq_n_u8(1 << bit)) }
        fn select(mask: uint8x16_t, yes: [float32x4_t; 4], no: [float32x4_t; 4]) -> [float32x4_t; 4] {
            let mask = vreinterpretq_s8_u8(mask);
            let (low, high) = (vmovl_s8(vget_low_s8(mask)), vmovl_high_s8(mask));
            let choose = |mask, i: usize| vbslq_f32(vreinterpretq_u32_s32(mask), yes[i], no[i]);
            [
                choose(vmovl_s16(vget_low_s16(low)), 0),
                choose(vmovl_high_s16(low), 1),
                choose(vmovl_s16(vget_low_s16(high)), 2),
                choose(vmovl_high_s16(high), 3),
            ]
        }
    }
}

operations! {
    // To nearest, ties to even; what is not a number (NaN) stays so.
    fn rounded(values: [float32x4_t; 4]) -> [uint16x4_t; 4] {
        let round = |value: float32x4_t| {
            let bits = vreinterpretq_u32_f32(value);
            let odd = vandq_u32(vshrq_n_u32::<16>(bits), vdupq_n_u32(1));
            let up = vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7FFF)), odd);
            let quiet = vorrq_u32(bits, vdupq_n_u32(0x40_0000));
            vshrn_n_u32::<16>(vbslq_u32(vceqq_f32(value, value), up, quiet))
        };
        [round(values[0]), round(values[1]), round(values[2]), round(values[3])]
    }
}
