//! Blocks as whole numbers: a weight is `scale · code + offset`, with codes of 8 bits and a pair of scale and offset for
//! every 32 or 16 weights.

use super::low_bit::{Iq1M, Iq1S, Iq2S, Iq2Xs, Iq2Xxs, Iq3S, Iq3Xxs, Iq4Nl, Iq4Xs, Mxfp4, SignedCodes, Tq1, Tq2, half};
use super::types::WeightType;

/// A format that has codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coded {
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
    Iq2Xxs,
    Iq2Xs,
    Iq2S,
    Iq3Xxs,
    Iq3S,
    Iq1S,
    Iq1M,
    Iq4Nl,
    Iq4Xs,
    Mxfp4,
    Tq1,
    Tq2,
}

impl Coded {
    /// `None` for plain values.
    pub fn of(dtype: WeightType) -> Option<Self> {
        Some(match dtype {
            WeightType::Q4_0 => Self::Q4_0,
            WeightType::Q4_1 => Self::Q4_1,
            WeightType::Q5_0 => Self::Q5_0,
            WeightType::Q5_1 => Self::Q5_1,
            WeightType::Q8_0 => Self::Q8_0,
            WeightType::Q2K => Self::Q2K,
            WeightType::Q3K => Self::Q3K,
            WeightType::Q4K => Self::Q4K,
            WeightType::Q5K => Self::Q5K,
            WeightType::Q6K => Self::Q6K,
            WeightType::Iq2Xxs => Self::Iq2Xxs,
            WeightType::Iq2Xs => Self::Iq2Xs,
            WeightType::Iq2S => Self::Iq2S,
            WeightType::Iq3Xxs => Self::Iq3Xxs,
            WeightType::Iq3S => Self::Iq3S,
            WeightType::Iq1S => Self::Iq1S,
            WeightType::Iq1M => Self::Iq1M,
            WeightType::Iq4Nl => Self::Iq4Nl,
            WeightType::Iq4Xs => Self::Iq4Xs,
            WeightType::Mxfp4 => Self::Mxfp4,
            WeightType::Tq1 => Self::Tq1,
            WeightType::Tq2 => Self::Tq2,
            WeightType::F32 | WeightType::F16 | WeightType::BF16 => return None,
        })
    }

    /// Weights that share a scale and an offset.
    pub fn group(self) -> usize {
        match self {
            Self::Q2K | Self::Q3K | Self::Q6K | Self::Iq2Xs | Self::Iq2S | Self::Iq1M => 16,
            _ => 32,
        }
    }

    /// The codes of a row of whole blocks, and for each of its groups, in order, scale and offset.
    #[inline(always)]
    pub fn decode_row(self, row: &[u8], codes: &mut [u8], mut group: impl FnMut(usize, f32, f32)) {
        match self {
            Self::Q4_0 => each(row, codes, |i, block: &[u8; 18], codes: &mut [u8; 32]| {
                let scale = half(block, 0);
                halves(block, 2, codes);
                group(i, scale, -8.0 * scale);
            }),
            Self::Q4_1 => each(row, codes, |i, block: &[u8; 20], codes: &mut [u8; 32]| {
                halves(block, 4, codes);
                group(i, half(block, 0), half(block, 2));
            }),
            Self::Q5_0 => each(row, codes, |i, block: &[u8; 22], codes: &mut [u8; 32]| {
                let scale = half(block, 0);
                halves(block, 6, codes);
                fifth_bits(block, 2, codes);
                group(i, scale, -16.0 * scale);
            }),
            Self::Q5_1 => each(row, codes, |i, block: &[u8; 24], codes: &mut [u8; 32]| {
                halves(block, 8, codes);
                fifth_bits(block, 4, codes);
                group(i, half(block, 0), half(block, 2));
            }),
            Self::Q8_0 => each(row, codes, |i, block: &[u8; 34], codes: &mut [u8; 32]| {
                let scale = half(block, 0);
                *codes = bytes(block, 2, |_, byte| byte ^ 0x80);
                group(i, scale, -128.0 * scale);
            }),
            Self::Q2K => each(row, codes, |i, block: &[u8; 84], codes: &mut [u8; 256]| {
                let (scale, min) = (half(block, 80), half(block, 82));
                two_bits(block, 16, codes);
                for (g, packed) in block[..16].iter().enumerate() {
                    group(16 * i + g, f32::from(packed & 15) * scale, -f32::from(packed >> 4) * min);
                }
            }),
            Self::Q3K => each(row, codes, |i, block: &[u8; 110], codes: &mut [u8; 256]| {
                two_bits(block, 32, codes);
                another_bit(block, 0, 2, codes);
                let factor = half(block, 108);
                for (g, packed) in scales_q3(block).into_iter().enumerate() {
                    let scale = (f32::from(packed) - 32.0) * factor;
                    group(16 * i + g, scale, -4.0 * scale);
                }
            }),
            Self::Q4K => each(row, codes, |i, block: &[u8; 144], codes: &mut [u8; 256]| {
                four_bits(block, 16, codes);
                scales_and_minima(block, |g, scale, offset| group(8 * i + g, scale, offset));
            }),
            Self::Q5K => each(row, codes, |i, block: &[u8; 176], codes: &mut [u8; 256]| {
                four_bits(block, 48, codes);
                another_bit(block, 16, 4, codes);
                scales_and_minima(block, |g, scale, offset| group(8 * i + g, scale, offset));
            }),
            Self::Q6K => each(row, codes, |i, block: &[u8; 210], codes: &mut [u8; 256]| {
                six_bits(block, codes);
                let factor = half(block, 208);
                for (g, byte) in block[192..208].iter().enumerate() {
                    let scale = f32::from(byte.cast_signed()) * factor;
                    group(16 * i + g, scale, -32.0 * scale);
                }
            }),
            Self::Iq2Xxs => signed::<Iq2Xxs>(row, codes, group),
            Self::Iq2Xs => signed::<Iq2Xs>(row, codes, group),
            Self::Iq2S => signed::<Iq2S>(row, codes, group),
            Self::Iq3Xxs => signed::<Iq3Xxs>(row, codes, group),
            Self::Iq3S => signed::<Iq3S>(row, codes, group),
            Self::Iq1S => signed::<Iq1S>(row, codes, group),
            Self::Iq1M => signed::<Iq1M>(row, codes, group),
            Self::Iq4Nl => signed::<Iq4Nl>(row, codes, group),
            Self::Iq4Xs => signed::<Iq4Xs>(row, codes, group),
            Self::Mxfp4 => signed::<Mxfp4>(row, codes, group),
            Self::Tq1 => signed::<Tq1>(row, codes, group),
            Self::Tq2 => signed::<Tq2>(row, codes, group),
        }
    }
}

/// Signed bytes become codes by adding 128, which the offset takes off again.
#[inline(always)]
fn signed<C: SignedCodes>(row: &[u8], codes: &mut [u8], mut group: impl FnMut(usize, f32, f32)) {
    let parts = codes.as_chunks_mut::<32>().0.chunks_exact_mut(C::WEIGHTS / 32);
    for (i, (block, parts)) in C::blocks(row).iter().zip(parts).enumerate() {
        for (part, codes) in parts.iter_mut().enumerate() {
            let (signed, scales) = C::part(block, part);
            *codes = signed.map(|code| code.cast_unsigned() ^ 0x80);
            let first = i * C::WEIGHTS / C::GROUP + part * 32 / C::GROUP;
            for (at, scale) in scales.into_iter().enumerate().take(32 / C::GROUP) {
                group(first + at, scale, -128.0 * scale);
            }
        }
    }
}

/// Every block of a row with its number and the place of its codes.
#[inline(always)]
fn each<const BYTES: usize, const WEIGHTS: usize>(
    row: &[u8],
    codes: &mut [u8],
    mut decode: impl FnMut(usize, &[u8; BYTES], &mut [u8; WEIGHTS]),
) {
    let (blocks, codes) = (row.as_chunks::<BYTES>().0, codes.as_chunks_mut::<WEIGHTS>().0);
    for (i, (block, codes)) in blocks.iter().zip(codes).enumerate() {
        decode(i, block, codes);
    }
}

/// `N` bytes from `at` on, each as `f` changes it. Of a copy, so that the compiler sees that nothing overlaps and makes
/// vectors of it.
#[inline(always)]
fn bytes<const N: usize>(block: &[u8], at: usize, f: impl Fn(usize, u8) -> u8) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&block[at..at + N]);
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = f(i, *byte);
    }
    bytes
}

/// 16 bytes: codes 0 to 15 in their low halves, 16 to 31 in their high halves.
#[inline(always)]
fn halves(block: &[u8], at: usize, codes: &mut [u8; 32]) {
    codes[..16].copy_from_slice(&bytes::<16>(block, at, |_, byte| byte & 15));
    codes[16..].copy_from_slice(&bytes::<16>(block, at, |_, byte| byte >> 4));
}

/// 32 bits, one for each code.
#[inline(always)]
fn fifth_bits(block: &[u8], at: usize, codes: &mut [u8; 32]) {
    let bits = u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
    for (i, code) in codes.iter_mut().enumerate() {
        *code |= ((bits >> i & 1) as u8) << 4;
    }
}

/// 4 × 32 bytes: 32 codes in their low halves, the next 32 in their high halves.
#[inline(always)]
fn four_bits(block: &[u8], at: usize, codes: &mut [u8; 256]) {
    for (i, codes) in codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        *codes = bytes(block, at + 32 * (i / 2), |_, byte| byte >> (4 * (i % 2)) & 15);
    }
}

/// 2 × 32 bytes: 4 × 32 codes in two bits each, the lowest first.
#[inline(always)]
fn two_bits(block: &[u8], at: usize, codes: &mut [u8; 256]) {
    for (i, codes) in codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        *codes = bytes(block, at + 32 * (i / 4), |_, byte| byte >> (2 * (i % 4)) & 3);
    }
}

/// Another bit of 8 × 32 codes, as high as `to`, in 32 bytes: the lowest bits are of the first 32 codes.
#[inline(always)]
fn another_bit(block: &[u8], at: usize, to: u32, codes: &mut [u8; 256]) {
    for (i, codes) in codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let before = *codes;
        *codes = bytes(block, at, |c, byte| before[c] | (byte >> i & 1) << to);
    }
}

/// 2 × 64 bytes with four low bits (64 codes in their low halves, 64 in their high halves), 2 × 32 bytes with two high
/// bits of 4 × 32 codes.
#[inline(always)]
fn six_bits(block: &[u8], codes: &mut [u8; 256]) {
    for (i, codes) in codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (half, i) = (i / 4, i % 4);
        let low: [u8; 32] = bytes(block, 64 * half + 32 * (i % 2), |_, byte| byte >> (4 * (i / 2)) & 15);
        *codes = bytes(block, 128 + 32 * half, |c, byte| low[c] | (byte >> (2 * i) & 3) << 4);
    }
}

/// Factors of scales and minima, then 12 bytes with eight of each in six bits.
#[inline(always)]
fn scales_and_minima(block: &[u8], mut group: impl FnMut(usize, f32, f32)) {
    let (scale, min, packed) = (half(block, 0), half(block, 2), &block[4..16]);
    for g in 0..8 {
        let (s, m) = if g < 4 {
            (packed[g] & 63, packed[g + 4] & 63)
        } else {
            let (low, s, m) = (packed[g + 4], packed[g - 4], packed[g]);
            (low & 15 | s >> 6 << 4, low >> 4 | m >> 6 << 4)
        };
        group(g, f32::from(s) * scale, -f32::from(m) * min);
    }
}

/// 16 scales of six bits: four low bits each in 8 bytes, two high bits each in 4.
#[inline(always)]
fn scales_q3(block: &[u8]) -> [u8; 16] {
    let packed = &block[96..108];
    std::array::from_fn(|i| (packed[i % 8] >> (4 * (i / 8)) & 15) | (packed[8 + i % 4] >> (2 * (i / 4)) & 3) << 4)
}

#[cfg(test)]
mod tests {
    use super::super::formats::testing::{dequantized, quantized, random_bytes};
    use super::*;

    #[test]
    fn scale_times_code_and_offset_is_the_value() {
        let mut num_coded = 0;
        for dtype in WeightType::ALL.iter().copied() {
            let Some(coded) = Coded::of(dtype) else { continue };
            num_coded += 1;
            let len = 3 * dtype.block_size();
            for blocks in [quantized(dtype, len), random_bytes(dtype, len)] {
                let mut codes = vec![0; len];
                let mut groups = Vec::new();
                coded.decode_row(&blocks, &mut codes, |i, scale, offset| {
                    assert_eq!(i, groups.len(), "groups come in order");
                    groups.push((scale, offset));
                });
                assert_eq!(groups.len() * coded.group(), len);
                for (i, expected) in dequantized(dtype, &blocks).into_iter().enumerate() {
                    let (scale, offset) = groups[i / coded.group()];
                    let value = scale * f32::from(codes[i]) + offset;
                    let size = (scale * f32::from(codes[i])).abs() + offset.abs();
                    let same = value == expected
                        || (value - expected).abs() <= 1e-6 * size
                        || !value.is_finite() && !expected.is_finite();
                    assert!(same, "{dtype:?} {i}: {value}, not {expected}");
                }
            }
        }
        assert_eq!(num_coded, 22);
    }
}
