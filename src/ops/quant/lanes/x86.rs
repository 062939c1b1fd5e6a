//! 16 lanes with AVX-512 and AVX2.

use std::arch::x86_64::*;

use half::bf16;

use super::{Lanes, TWO_POW_112, f16_to_f32, operations, read, write};

/// One register of 16 lanes; with `BF16` the CPU rounds to bf16 by itself (and takes subnormal f32 as zero).
pub struct Avx512<const BF16: bool>;

impl<const BF16: bool> Lanes for Avx512<BF16> {
    type F32 = __m512;
    type U32 = __m512i;
    type Mask = __mmask16;

    operations! {
        fn splat(value: f32) -> __m512 { _mm512_set1_ps(value) }
        fn load(from: *const f32) -> __m512 { read(from) }
        fn store(values: __m512, to: *mut f32) { write(values, to) }
        fn store_bf16(values: [__m512; 2], to: *mut bf16) {
            let [low, high] = values;
            let rounded = if BF16 {
                std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low))
            } else {
                let low = _mm512_castsi256_si512(_mm512_cvtepi32_epi16(rounded_512(low)));
                _mm512_inserti64x4(low, _mm512_cvtepi32_epi16(rounded_512(high)), 1)
            };
            write(rounded, to)
        }
        fn add(a: __m512, b: __m512) -> __m512 { _mm512_add_ps(a, b) }
        fn mul(a: __m512, b: __m512) -> __m512 { _mm512_mul_ps(a, b) }
        fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 { _mm512_fmadd_ps(a, b, c) }
        fn sum(values: __m512) -> f32 { _mm512_reduce_add_ps(values) }
        fn bytes(from: *const u8) -> __m512i { _mm512_cvtepu8_epi32(read(from)) }
        fn signed_bytes(from: *const u8) -> __m512 {
            _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(read(from)))
        }
        fn f16s(from: *const u8) -> __m512 { _mm512_cvtph_ps(read(from)) }
        fn bf16s(from: *const u8) -> __m512 {
            _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(read(from)), 16))
        }
        // Not as a scalar: that is loaded into a part of a register, which has to wait for what was there before.
        fn f16(from: *const u8) -> __m512 { _mm512_cvtph_ps(_mm256_set1_epi16(read(from))) }
        fn f16_pair(from: *const u8) -> [__m512; 2] {
            let pair = _mm_maskz_cvtph_ps(0xFF, _mm_cvtsi32_si128(read(from)));
            [_mm512_broadcastss_ps(pair), _mm512_broadcastss_ps(_mm_movehdup_ps(pair))]
        }
        fn shift_right(codes: __m512i, bits: u32) -> __m512i {
            _mm512_srl_epi32(codes, _mm_cvtsi32_si128(bits as i32))
        }
        fn to_f32(codes: __m512i) -> __m512 { _mm512_cvtepi32_ps(codes) }
        fn lookup(table: __m512, codes: __m512i) -> __m512 { _mm512_permutexvar_ps(codes, table) }
        fn has_bit(codes: __m512i, bit: u32) -> __mmask16 {
            _mm512_test_epi32_mask(codes, _mm512_set1_epi32(1 << bit))
        }
        fn select(mask: __mmask16, yes: __m512, no: __m512) -> __m512 { _mm512_mask_blend_ps(mask, no, yes) }
    }

    #[inline(always)]
    unsafe fn mask(bits: u16) -> __mmask16 {
        bits
    }
}

/// Two registers of 8 lanes.
pub struct Avx2;

impl Lanes for Avx2 {
    type F32 = [__m256; 2];
    type U32 = [__m256i; 2];
    type Mask = [__m256; 2];

    operations! {
        fn splat(value: f32) -> [__m256; 2] { [_mm256_set1_ps(value); 2] }
        fn load(from: *const f32) -> [__m256; 2] { read(from) }
        fn store(values: [__m256; 2], to: *mut f32) {
            write(values, to)
        }
        fn store_bf16(values: [[__m256; 2]; 2], to: *mut bf16) {
            write([packed_bf16(values[0]), packed_bf16(values[1])], to)
        }
        fn add(a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
            [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])]
        }
        fn mul(a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
            [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])]
        }
        fn mul_add(a: [__m256; 2], b: [__m256; 2], c: [__m256; 2]) -> [__m256; 2] {
            [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])]
        }
        fn sum(values: [__m256; 2]) -> f32 {
            let eight = _mm256_add_ps(values[0], values[1]);
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
        fn bytes(from: *const u8) -> [__m256i; 2] {
            let bytes = read(from);
            [_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))]
        }
        fn signed_bytes(from: *const u8) -> [__m256; 2] {
            let bytes = read(from);
            let (low, high) = (_mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)));
            [_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high)]
        }
        fn f16(from: *const u8) -> [__m256; 2] { [_mm256_set1_ps(f16_to_f32(read(from))); 2] }
        fn f16s(from: *const u8) -> [__m256; 2] {
            [widened_f16(read(from)), widened_f16(read(from.wrapping_add(16)))]
        }
        fn bf16s(from: *const u8) -> [__m256; 2] {
            [widened_bf16(read(from)), widened_bf16(read(from.wrapping_add(16)))]
        }
        fn shift_right(codes: [__m256i; 2], bits: u32) -> [__m256i; 2] {
            let count = _mm_cvtsi32_si128(bits as i32);
            [_mm256_srl_epi32(codes[0], count), _mm256_srl_epi32(codes[1], count)]
        }
        fn to_f32(codes: [__m256i; 2]) -> [__m256; 2] {
            [_mm256_cvtepi32_ps(codes[0]), _mm256_cvtepi32_ps(codes[1])]
        }
        fn lookup(table: [__m256; 2], codes: [__m256i; 2]) -> [__m256; 2] {
            [lookup_256(table, codes[0]), lookup_256(table, codes[1])]
        }
        fn mask(bits: u16) -> [__m256; 2] {
            let low = _mm256_set_epi32(1 << 7, 1 << 6, 1 << 5, 1 << 4, 1 << 3, 1 << 2, 1 << 1, 1);
            let bits = _mm256_set1_epi32(i32::from(bits));
            let high = _mm256_slli_epi32(low, 8);
            let low = _mm256_cmpeq_epi32(_mm256_and_si256(bits, low), low);
            let high = _mm256_cmpeq_epi32(_mm256_and_si256(bits, high), high);
            [_mm256_castsi256_ps(low), _mm256_castsi256_ps(high)]
        }
        fn has_bit(codes: [__m256i; 2], bit: u32) -> [__m256; 2] {
            let to_sign = _mm_cvtsi32_si128(31 - bit as i32);
            let (low, high) = (_mm256_sll_epi32(codes[0], to_sign), _mm256_sll_epi32(codes[1], to_sign));
            [_mm256_castsi256_ps(low), _mm256_castsi256_ps(high)]
        }
        fn select(mask: [__m256; 2], yes: [__m256; 2], no: [__m256; 2]) -> [__m256; 2] {
            [_mm256_blendv_ps(no[0], yes[0], mask[0]), _mm256_blendv_ps(no[1], yes[1], mask[1])]
        }
    }
}

operations! {
    // bf16 in the low half of each lane.
    fn rounded_512(values: __m512) -> __m512i {
        let bits = _mm512_castps_si512(values);
        let top = _mm512_srli_epi32(bits, 16);
        let odd = _mm512_and_si512(top, _mm512_set1_epi32(1));
        let up = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
        let nan = _mm512_cmp_ps_mask(values, values, _CMP_UNORD_Q);
        _mm512_mask_or_epi32(_mm512_srli_epi32(up, 16), nan, top, _mm512_set1_epi32(0x40))
    }

    fn rounded_256(values: __m256) -> __m256i {
        let bits = _mm256_castps_si256(values);
        let top = _mm256_srli_epi32(bits, 16);
        let odd = _mm256_and_si256(top, _mm256_set1_epi32(1));
        let up = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
        let nan = _mm256_castps_si256(_mm256_cmp_ps(values, values, _CMP_UNORD_Q));
        _mm256_blendv_epi8(_mm256_srli_epi32(up, 16), _mm256_or_si256(top, _mm256_set1_epi32(0x40)), nan)
    }

    // 16 bf16, in order: the instruction packs within halves of a register.
    fn packed_bf16(values: [__m256; 2]) -> __m256i {
        let packed = _mm256_packus_epi32(rounded_256(values[0]), rounded_256(values[1]));
        _mm256_permute4x64_epi64(packed, 0b11_01_10_00)
    }

    fn widened_bf16(halves: __m128i) -> __m256 {
        _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16))
    }

    // f16 to f32 as `f16_to_f32` does it: the set doesn't promise F16C.
    fn widened_f16(halves: __m128i) -> __m256 {
        let bits = _mm256_cvtepu16_epi32(halves);
        let magnitude = _mm256_slli_epi32(_mm256_and_si256(bits, _mm256_set1_epi32(0x7FFF)), 13);
        let sign = _mm256_slli_epi32(_mm256_and_si256(bits, _mm256_set1_epi32(0x8000)), 16);
        let special = _mm256_cmpgt_epi32(magnitude, _mm256_set1_epi32(0x0F7F_FFFF));
        let special = _mm256_and_si256(special, _mm256_set1_epi32(0x7F80_0000));
        let value = _mm256_mul_ps(_mm256_castsi256_ps(magnitude), _mm256_set1_ps(TWO_POW_112));
        _mm256_or_ps(value, _mm256_castsi256_ps(_mm256_or_si256(sign, special)))
    }

    // The low three bits choose in each half of the table, the fourth the half.
    fn lookup_256(table: [__m256; 2], codes: __m256i) -> __m256 {
        let low = _mm256_permutevar8x32_ps(table[0], codes);
        let high = _mm256_permutevar8x32_ps(table[1], codes);
        _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(codes, 28)))
    }
}
