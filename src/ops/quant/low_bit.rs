//! ggml's formats whose weights are whole numbers from a table, times a scale for every 16 or 32 of them: the IQ types,
//! MXFP4 and the ternary ones.
//!
//! Each says once how 32 weights are read, as signed bytes and their scales; values (`formats.rs`), and codes for products in
//! whole numbers (`codes.rs`), are made of that.

use super::grids;

/// The levels of four bits in [`Iq4Nl`] and [`Iq4Xs`].
pub static IQ4_LEVELS: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
/// Twice the values of [`Mxfp4`]: a sign, two bits of exponent, one of mantissa.
pub static MXFP4_LEVELS: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// A format of signed bytes with scales.
pub trait SignedCodes {
    /// An array of bytes.
    type Block;
    const WEIGHTS: usize;
    const BYTES: usize = size_of::<Self::Block>();
    /// Weights that share a scale: 16 or 32.
    const GROUP: usize;

    /// The whole blocks of a row.
    fn blocks(row: &[u8]) -> &[Self::Block];

    /// The weights `32 · part ..` of a block, and the scales of the first and the last 16 of them.
    fn part(block: &Self::Block, part: usize) -> ([i8; 32], [f32; 2]);
}

/// Declares formats; the bodies give the codes and scales of a `part` of 32 weights of a `block`.
macro_rules! signed_codes {
    ($(
        $(#[$doc:meta])*
        $name:ident: $weights:literal weights in $bytes:literal bytes, a scale for $group:literal,
        |$block:ident, $part:ident| { $($body:tt)* }
    )*) => {
        $(
            $(#[$doc])*
            pub struct $name;

            impl SignedCodes for $name {
                type Block = [u8; $bytes];
                const WEIGHTS: usize = $weights;
                const GROUP: usize = $group;

                #[inline(always)]
                fn blocks(row: &[u8]) -> &[[u8; $bytes]] { row.as_chunks().0 }

                #[inline(always)]
                fn part($block: &[u8; $bytes], $part: usize) -> ([i8; 32], [f32; 2]) { $($body)* }
            }
        )*
    };
}

signed_codes! {
    /// Scale, 16 bytes: weights 0 to 15 in their low halves, 16 to 31 in their high halves.
    Iq4Nl: 32 weights in 18 bytes, a scale for 32, |block, part| {
        (halves(block, 2 + 16 * part, &IQ4_LEVELS), [half(block, 0); 2])
    }

    /// The scales' factor, two high bits of every scale, four low ones, 8 × 16 bytes as in [`Iq4Nl`].
    Iq4Xs: 256 weights in 136 bytes, a scale for 32, |block, part| {
        let low = block[4 + part / 2] >> (4 * (part % 2)) & 15;
        let high = word(block, 2) >> (2 * part) & 3;
        let scale = half(block, 0) * (i32::from(low) + 16 * i32::from(high) - 32) as f32;
        (halves(block, 8 + 16 * part, &IQ4_LEVELS), [scale; 2])
    }

    /// The exponent of the scale, 16 bytes as in [`Iq4Nl`].
    Mxfp4: 32 weights in 17 bytes, a scale for 32, |block, part| {
        (halves(block, 1 + 16 * part, &MXFP4_LEVELS), [power_of_two_halved(block[0]); 2])
    }

    /// Factor; for 32 weights each, four points and a word of 4 × 7 signs and four bits of scale.
    Iq2Xxs: 256 weights in 66 bytes, a scale for 32, |block, part| {
        let at = 2 + 8 * part;
        let packed = long_word(block, at + 4);
        let points = std::array::from_fn(|i| {
            negated(grids::IQ2_XXS[usize::from(block[at + i])], eight_signs(packed >> (7 * i)))
        });
        (joined(points), [half(block, 0) * (0.5 + (packed >> 28) as f32) * 0.25; 2])
    }

    /// Factor, 32 words of a point in 9 bits and 7 signs, 8 bytes with the scales of 16 weights in four bits each.
    Iq2Xs: 256 weights in 74 bytes, a scale for 16, |block, part| {
        let points = std::array::from_fn(|i| {
            let packed = word(block, 2 + 8 * part + 2 * i);
            negated(grids::IQ2_XS[usize::from(packed & 511)], eight_signs(u32::from(packed >> 9)))
        });
        (joined(points), nibble_scales(half(block, 0), block[66 + part]))
    }

    /// Factor, 32 points' low bytes, 32 bytes of signs, 8 bytes with the points' two high bits, 8 bytes of scales as in
    /// [`Iq2Xs`].
    Iq2S: 256 weights in 82 bytes, a scale for 16, |block, part| {
        let points = std::array::from_fn(|i| {
            let high = usize::from(block[66 + part] >> (2 * i) & 3);
            negated(grids::IQ2_S[usize::from(block[2 + 4 * part + i]) | high << 8], block[34 + 4 * part + i])
        });
        (joined(points), nibble_scales(half(block, 0), block[74 + part]))
    }

    /// Factor, 64 points of four weights, 8 words of 4 × 7 signs and four bits of scale.
    Iq3Xxs: 256 weights in 98 bytes, a scale for 32, |block, part| {
        let packed = long_word(block, 66 + 4 * part);
        let points = std::array::from_fn(|i| {
            let point = |at: usize| grids::IQ3_XXS[usize::from(block[2 + 8 * part + at])];
            negated(pair(point(2 * i), point(2 * i + 1)), eight_signs(packed >> (7 * i)))
        });
        (joined(points), [half(block, 0) * (0.5 + (packed >> 28) as f32) * 0.5; 2])
    }

    /// Factor, 64 points' low bytes, 8 bytes with their ninth bits, 32 bytes of signs, four bytes of scales, four bits for 32
    /// weights each.
    Iq3S: 256 weights in 110 bytes, a scale for 32, |block, part| {
        let points = std::array::from_fn(|i| {
            let point = |at: usize| {
                let high = usize::from(block[66 + part] >> at & 1);
                grids::IQ3_S[usize::from(block[2 + 8 * part + at]) | high << 8]
            };
            negated(pair(point(2 * i), point(2 * i + 1)), block[74 + 4 * part + i])
        });
        let scale = block[106 + part / 2] >> (4 * (part % 2)) & 15;
        (joined(points), [half(block, 0) * f32::from(1 + 2 * scale); 2])
    }

    /// Factor, 32 points' low bytes; for 32 weights each, a word of 4 × 3 high bits, three bits of scale and the sign of the
    /// eighth that is added to every weight.
    Iq1S: 256 weights in 50 bytes, a scale for 32, |block, part| {
        let packed = word(block, 34 + 2 * part);
        let points = std::array::from_fn(|i| {
            let high = usize::from(packed >> (3 * i) & 7);
            moved(grids::IQ1[usize::from(block[2 + 4 * part + i]) | high << 8], packed >> 15 == 1)
        });
        (joined(points), [half(block, 0) * f32::from(2 * (packed >> 12 & 7) + 1) * 0.125; 2])
    }

    /// 32 points' low bytes, 16 bytes with three high bits and the sign of the eighth for each point, four words with the
    /// scales of 16 weights in three bits each; the words' top bits are the factor.
    Iq1M: 256 weights in 56 bytes, a scale for 16, |block, part| {
        let points = std::array::from_fn(|i| {
            let packed = block[32 + 2 * part + i / 2] >> (4 * (i % 2));
            moved(grids::IQ1[usize::from(block[4 * part + i]) | usize::from(packed & 7) << 8], packed & 8 > 0)
        });
        let top = |i: usize| block[49 + 2 * i] >> 4;
        let factor = half(&[top(0) | top(1) << 4, top(2) | top(3) << 4], 0);
        let scales = word(block, 48 + 2 * (part / 2)) >> (6 * (part % 2));
        let scale = |bits: u16| factor * f32::from(2 * (bits & 7) + 1) * 0.125;
        (joined(points), [scale(scales), scale(scales >> 3)])
    }

    /// Five weights of three values in most bytes, as the digits of a fraction: 5 × 32, 5 × 16 and 4 × 4 of them; the scale.
    Tq1: 256 weights in 54 bytes, a scale for 32, |block, part| {
        let codes = std::array::from_fn(|i| match 32 * part + i {
            at @ ..160 => digit(block[at % 32], at / 32),
            at @ 160..240 => digit(block[32 + at % 16], (at - 160) / 16),
            at => digit(block[48 + at % 4], (at - 240) / 4),
        });
        (codes, [half(block, 52); 2])
    }

    /// 2 × 32 bytes: 4 × 32 weights in two bits each, the lowest first; the scale.
    Tq2: 256 weights in 66 bytes, a scale for 32, |block, part| {
        let codes = std::array::from_fn(|i| {
            (block[32 * (part / 4) + i] >> (2 * (part % 4)) & 3).cast_signed() - 1
        });
        (codes, [half(block, 64); 2])
    }
}

/// 16 bytes: weights 0 to 15 in their low halves, 16 to 31 in their high halves.
#[inline(always)]
fn halves(block: &[u8], at: usize, levels: &[i8; 16]) -> [i8; 32] {
    std::array::from_fn(|i| levels[usize::from(block[at + i % 16] >> (4 * (i / 16)) & 15)])
}

/// The f16 at a place of a block.
#[inline(always)]
pub fn half(block: &[u8], at: usize) -> f32 {
    // The exponent moved to its place is 112 too small. By hand, as `half` asks for the CPU's abilities each time.
    const TWO_TO_112: f32 = f32::from_bits((127 + 112) << 23);
    let bits = u32::from(u16::from_le_bytes([block[at], block[at + 1]]));
    let magnitude = (bits & 0x7fff) << 13;
    let scaled = f32::from_bits(magnitude) * TWO_TO_112;
    let value = if magnitude >= 0x1f << 23 { f32::from_bits(magnitude | 0xff << 23) } else { scaled };
    f32::from_bits(value.to_bits() | (bits & 0x8000) << 16)
}

#[inline(always)]
fn word(block: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([block[at], block[at + 1]])
}

#[inline(always)]
fn long_word(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
}

/// `2^(exponent - 128)`; the first two are subnormal.
#[inline(always)]
pub fn power_of_two_halved(exponent: u8) -> f32 {
    f32::from_bits(match exponent {
        0 | 1 => 0x20_0000 << exponent,
        _ => u32::from(exponent - 1) << 23,
    })
}

/// Scales of four bits and a half, over four.
#[inline(always)]
fn nibble_scales(factor: f32, scales: u8) -> [f32; 2] {
    [scales & 15, scales >> 4].map(|scale| factor * (0.5 + f32::from(scale)) * 0.25)
}

/// Seven signs, and an eighth that makes the negative ones even in number.
#[inline(always)]
fn eight_signs(packed: u32) -> u8 {
    let seven = (packed & 127) as u8;
    seven | (seven.count_ones() as u8 & 1) << 7
}

/// A weight is negative where its sign's bit is set.
#[inline(always)]
fn negated(weights: [i8; 8], signs: u8) -> [i8; 8] {
    std::array::from_fn(|i| {
        let mask = -(signs >> i & 1).cast_signed();
        (weights[i] ^ mask) - mask
    })
}

/// One more than eight times the weights, or one less.
#[inline(always)]
fn moved(weights: [i8; 8], is_down: bool) -> [i8; 8] {
    weights.map(|weight| if is_down { weight - 1 } else { weight + 1 })
}

#[inline(always)]
fn pair([a, b, c, d]: [i8; 4], [e, f, g, h]: [i8; 4]) -> [i8; 8] {
    [a, b, c, d, e, f, g, h]
}

#[inline(always)]
fn joined(points: [[i8; 8]; 4]) -> [i8; 32] {
    std::array::from_fn(|i| points[i / 8][i % 8])
}

/// The digit of base three with this number, of a byte that is a fraction of 256; as -1, 0 or 1.
#[inline(always)]
fn digit(byte: u8, number: usize) -> i8 {
    const POWERS: [u8; 5] = [1, 3, 9, 27, 81];
    let shifted = byte.wrapping_mul(POWERS[number]);
    ((u16::from(shifted) * 3) >> 8) as i8 - 1
}
