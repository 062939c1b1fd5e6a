//! ggml's formats of weights: how a block of bytes becomes values, 32 at a time and never outside registers.
//!
//! Values are computed as candle computes them, product and sum rounded one after the other, so that every set of
//! instructions yields candle's values bit for bit. The trick is that four bits have 16 values only: a table of
//! `code · scale + offset` costs one product and one sum for 32 weights, and each weight a look-up.

#[cfg(target_arch = "aarch64")]
use super::lanes::Neon;
#[cfg(target_arch = "x86_64")]
use super::lanes::{Avx2, Avx512};
use super::lanes::{Lanes, Portable, read};
use super::low_bit::{self, IQ4_LEVELS, MXFP4_LEVELS, SignedCodes};
use super::types::WeightType;
use crate::ops::product::Isa;

/// Where decoded weights go.
pub trait Sink<L: Lanes> {
    /// Takes the weights `index .. index + 32` of a block.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`, and the sink was made for a block that has these weights.
    unsafe fn take(&mut self, index: usize, weights: [L::F32; 2]);
}

/// A format: `WEIGHTS` values in `BYTES` bytes.
pub trait Format {
    const WEIGHTS: usize;
    const BYTES: usize;

    /// Hands every weight of one block to `sink`, 32 at a time.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`, `block` is readable for `BYTES` at any alignment, and `sink` was made for
    /// `WEIGHTS` weights.
    unsafe fn decode<L: Lanes>(block: *const u8, sink: &mut impl Sink<L>);
}

/// Work on blocks, written once for all formats and sets of instructions.
pub trait Kernel {
    /// Whether instructions for bf16 are of use.
    const USES_BF16: bool;

    /// Must be inlined, so that it is compiled for the set of `L`.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`, and the blocks are of the format `F`.
    unsafe fn run<L: Lanes, F: Format>(self);
}

/// Runs a kernel on blocks of `dtype`.
///
/// # Safety
/// The CPU has `isa`, and the kernel's blocks are of `dtype`.
pub unsafe fn run(isa: Isa, dtype: WeightType, kernel: impl Kernel) {
    // SAFETY: the caller's promise.
    unsafe {
        match dtype {
            WeightType::F32 => run_format::<F32, _>(isa, kernel),
            WeightType::F16 => run_format::<F16, _>(isa, kernel),
            WeightType::BF16 => run_format::<BF16, _>(isa, kernel),
            WeightType::Q4_0 => run_format::<Q4_0, _>(isa, kernel),
            WeightType::Q4_1 => run_format::<Q4_1, _>(isa, kernel),
            WeightType::Q5_0 => run_format::<Q5_0, _>(isa, kernel),
            WeightType::Q5_1 => run_format::<Q5_1, _>(isa, kernel),
            WeightType::Q8_0 => run_format::<Q8_0, _>(isa, kernel),
            WeightType::Q2K => run_format::<Q2K, _>(isa, kernel),
            WeightType::Q3K => run_format::<Q3K, _>(isa, kernel),
            WeightType::Q4K => run_format::<Q4K, _>(isa, kernel),
            WeightType::Q5K => run_format::<Q5K, _>(isa, kernel),
            WeightType::Q6K => run_format::<Q6K, _>(isa, kernel),
            WeightType::Iq4Nl => run_format::<Iq4Nl, _>(isa, kernel),
            WeightType::Iq4Xs => run_format::<Iq4Xs, _>(isa, kernel),
            WeightType::Mxfp4 => run_format::<Mxfp4, _>(isa, kernel),
            WeightType::Iq2Xxs => run_format::<SignedBytes<low_bit::Iq2Xxs>, _>(isa, kernel),
            WeightType::Iq2Xs => run_format::<SignedBytes<low_bit::Iq2Xs>, _>(isa, kernel),
            WeightType::Iq2S => run_format::<SignedBytes<low_bit::Iq2S>, _>(isa, kernel),
            WeightType::Iq3Xxs => run_format::<SignedBytes<low_bit::Iq3Xxs>, _>(isa, kernel),
            WeightType::Iq3S => run_format::<SignedBytes<low_bit::Iq3S>, _>(isa, kernel),
            WeightType::Iq1S => run_format::<SignedBytes<low_bit::Iq1S>, _>(isa, kernel),
            WeightType::Iq1M => run_format::<SignedBytes<low_bit::Iq1M>, _>(isa, kernel),
            WeightType::Tq1 => run_format::<SignedBytes<low_bit::Tq1>, _>(isa, kernel),
            WeightType::Tq2 => run_format::<SignedBytes<low_bit::Tq2>, _>(isa, kernel),
        }
    }
}

unsafe fn run_format<F: Format, K: Kernel>(isa: Isa, kernel: K) {
    // SAFETY: the caller's promise for `run`.
    unsafe {
        match isa.vectors() {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Bf16 if K::USES_BF16 => avx512_bf16::<F>(kernel),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Bf16 | Isa::Avx512 => avx512::<F>(kernel),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2::<F>(kernel),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => neon::<F>(kernel),
            _ => kernel.run::<Portable, F>(),
        }
    }
}

/// Defines the function that a kernel is inlined into for one set of instructions.
macro_rules! compiled_for {
    ($name:ident, $arch:literal, $features:literal, $lanes:ty) => {
        #[cfg(target_arch = $arch)]
        #[target_feature(enable = $features)]
        unsafe fn $name<F: Format>(kernel: impl Kernel) {
            // SAFETY: the caller's promise for `run`.
            unsafe { kernel.run::<$lanes, F>() }
        }
    };
}

compiled_for!(avx512_bf16, "x86_64", "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16", Avx512<true>);
compiled_for!(avx512, "x86_64", "avx512f,avx512bw,avx512dq,avx512vl", Avx512<false>);
compiled_for!(avx2, "x86_64", "avx2,fma", Avx2);
compiled_for!(neon, "aarch64", "neon", Neon);

/// Declares formats; the bodies decode `block` into `sink`.
macro_rules! formats {
    ($(
        $(#[$doc:meta])*
        $name:ident: $weights:literal weights in $bytes:literal bytes,
        |$block:ident, $sink:ident, $lanes:ident| { $($body:tt)* }
    )*) => {
        $(
            $(#[$doc])*
            pub struct $name;

            impl Format for $name {
                const WEIGHTS: usize = $weights;
                const BYTES: usize = $bytes;

                #[inline(always)]
                unsafe fn decode<$lanes: Lanes>($block: *const u8, $sink: &mut impl Sink<$lanes>) {
                    // SAFETY: the caller's promise: each address lies within `BYTES`, each index within `WEIGHTS`.
                    unsafe { $($body)* }
                }
            }
        )*
    };
}

/// `FROM .. FROM + 16`.
const fn counting(from: i32) -> [f32; 16] {
    let mut table = [0.0; 16];
    let mut i = 0;
    while i < 16 {
        table[i] = (from + i as i32) as f32;
        i += 1;
    }
    table
}

/// Levels as values.
const fn values(levels: &[i8; 16]) -> [f32; 16] {
    let mut table = [0.0; 16];
    let mut i = 0;
    while i < 16 {
        table[i] = levels[i] as f32;
        i += 1;
    }
    table
}

static FROM_0: [f32; 16] = counting(0);
static FROM_16: [f32; 16] = counting(16);
static FROM_MINUS_8: [f32; 16] = counting(-8);
static FROM_MINUS_16: [f32; 16] = counting(-16);
/// Values for look-ups by two bits: what the two above them are doesn't matter.
static TWO_BITS: [f32; 16] = [0., 1., 2., 3., 0., 1., 2., 3., 0., 1., 2., 3., 0., 1., 2., 3.];
/// The two high bits of six, less the middle of their range.
static TOP_BITS: [f32; 16] = [-32., -16., 0., 16., -32., -16., 0., 16., -32., -16., 0., 16., -32., -16., 0., 16.];
static IQ4: [f32; 16] = values(&IQ4_LEVELS);
static MXFP4: [f32; 16] = values(&MXFP4_LEVELS);

formats! {
    F32: 32 weights in 128 bytes, |block, sink, L| {
        sink.take(0, [L::load(block.cast()), L::load(block.wrapping_add(64).cast())]);
    }

    F16: 32 weights in 64 bytes, |block, sink, L| {
        sink.take(0, [L::f16s(block), L::f16s(block.wrapping_add(32))]);
    }

    BF16: 32 weights in 64 bytes, |block, sink, L| {
        sink.take(0, [L::bf16s(block), L::bf16s(block.wrapping_add(32))]);
    }

    /// Scale, 16 bytes: weights 0 to 15 in their low halves, 16 to 31 in their high halves.
    Q4_0: 32 weights in 18 bytes, |block, sink, L| {
        let table = L::mul(L::load(FROM_MINUS_8.as_ptr()), L::f16(block));
        let codes = L::bytes(block.wrapping_add(2));
        sink.take(0, [L::lookup(table, codes), L::lookup(table, L::shift_right(codes, 4))]);
    }

    /// Scale, minimum, 16 bytes as in [`Q4_0`].
    Q4_1: 32 weights in 20 bytes, |block, sink, L| {
        let [scale, min] = L::f16_pair(block);
        let table = affine::<L>(&FROM_0, scale, min);
        let codes = L::bytes(block.wrapping_add(4));
        sink.take(0, [L::lookup(table, codes), L::lookup(table, L::shift_right(codes, 4))]);
    }

    /// Scale, 32 fifth bits, 16 bytes as in [`Q4_0`].
    Q5_0: 32 weights in 22 bytes, |block, sink, L| {
        let scale = L::f16(block);
        let lower = L::mul(L::load(FROM_MINUS_16.as_ptr()), scale);
        let upper = L::mul(L::load(FROM_0.as_ptr()), scale);
        sink.take(0, fifth_in_front::<L>([lower, upper], block.wrapping_add(2)));
    }

    /// Scale, minimum, 32 fifth bits, 16 bytes as in [`Q4_0`].
    Q5_1: 32 weights in 24 bytes, |block, sink, L| {
        let [scale, min] = L::f16_pair(block);
        let tables = [affine::<L>(&FROM_0, scale, min), affine::<L>(&FROM_16, scale, min)];
        sink.take(0, fifth_in_front::<L>(tables, block.wrapping_add(4)));
    }

    /// Scale, 32 signed bytes.
    Q8_0: 32 weights in 34 bytes, |block, sink, L| {
        let scale = L::f16(block);
        let (low, high) = (L::signed_bytes(block.wrapping_add(2)), L::signed_bytes(block.wrapping_add(18)));
        sink.take(0, [L::mul(low, scale), L::mul(high, scale)]);
    }

    /// 16 bytes with a scale and a minimum of four bits for 16 weights each, two bits of every weight, the factors of
    /// scales and minima.
    Q2K: 256 weights in 84 bytes, |block, sink, L| {
        let bytes = L::bytes(block);
        let [scale, min] = L::f16_pair(block.wrapping_add(80));
        let count = L::load(FROM_0.as_ptr());
        let scales = array::<L>(L::mul(L::lookup(count, bytes), scale));
        let minima = L::mul(L::lookup(count, L::shift_right(bytes, 4)), min);
        let minima = array::<L>(L::mul(minima, L::splat(-1.0)));
        for half in 0..2 {
            let codes = [L::bytes(block.wrapping_add(16 + 32 * half)), L::bytes(block.wrapping_add(32 + 32 * half))];
            for pair in 0..4 {
                let group = 8 * half + 2 * pair;
                let low = affine::<L>(&TWO_BITS, L::splat(scales[group]), L::splat(minima[group]));
                let high = affine::<L>(&TWO_BITS, L::splat(scales[group + 1]), L::splat(minima[group + 1]));
                let codes = shifted::<L>(codes, 2 * pair as u32);
                sink.take(16 * group, [L::lookup(low, codes[0]), L::lookup(high, codes[1])]);
            }
        }
    }

    /// The third bit of every weight, the two others, 12 bytes with scales of six bits for 16 weights each, the scales'
    /// factor.
    Q3K: 256 weights in 110 bytes, |block, sink, L| {
        let packed = six_bit_scales_q3(block.wrapping_add(96));
        let centred = L::add(L::to_f32(L::bytes(packed.as_ptr())), L::splat(-32.0));
        let factor = L::f16(block.wrapping_add(108));
        let scales = array::<L>(L::mul(centred, factor));
        let third = [L::bytes(block), L::bytes(block.wrapping_add(16))];
        for half in 0..2 {
            let codes = [L::bytes(block.wrapping_add(32 + 32 * half)), L::bytes(block.wrapping_add(48 + 32 * half))];
            for pair in 0..4 {
                let group = 8 * half + 2 * pair;
                let codes = shifted::<L>(codes, 2 * pair as u32);
                let low = three_bits::<L>(third[0], group as u32 / 2, codes[0]);
                let high = three_bits::<L>(third[1], group as u32 / 2, codes[1]);
                let (low, high) = (L::mul(low, L::splat(scales[group])), L::mul(high, L::splat(scales[group + 1])));
                sink.take(16 * group, [low, high]);
            }
        }
    }

    /// Factors of scales and minima, 12 bytes with those in six bits for 32 weights each, 4 × 32 bytes: 32 weights in
    /// their low halves, the next 32 in their high halves.
    Q4K: 256 weights in 144 bytes, |block, sink, L| {
        let scales = scales_and_minima::<L>(block);
        for half in 0..4 {
            let codes = [L::bytes(block.wrapping_add(16 + 32 * half)), L::bytes(block.wrapping_add(32 + 32 * half))];
            let table = affine::<L>(&FROM_0, L::splat(scales[2 * half]), L::splat(scales[8 + 2 * half]));
            sink.take(64 * half, [L::lookup(table, codes[0]), L::lookup(table, codes[1])]);
            let table = affine::<L>(&FROM_0, L::splat(scales[2 * half + 1]), L::splat(scales[9 + 2 * half]));
            let codes = shifted::<L>(codes, 4);
            sink.take(64 * half + 32, [L::lookup(table, codes[0]), L::lookup(table, codes[1])]);
        }
    }

    /// [`Q4K`] with 32 bytes of fifth bits between the scales and the rest: bit `g` for the `g`th 32 weights.
    Q5K: 256 weights in 176 bytes, |block, sink, L| {
        let scales = scales_and_minima::<L>(block);
        let fifth = [L::bytes(block.wrapping_add(16)), L::bytes(block.wrapping_add(32))];
        for group in 0..8 {
            let lower = affine::<L>(&FROM_0, L::splat(scales[group]), L::splat(scales[8 + group]));
            let upper = affine::<L>(&FROM_16, L::splat(scales[group]), L::splat(scales[8 + group]));
            let from = block.wrapping_add(48 + 32 * (group / 2));
            let codes = shifted::<L>([L::bytes(from), L::bytes(from.wrapping_add(16))], 4 * (group % 2) as u32);
            let masks = [L::has_bit(fifth[0], group as u32), L::has_bit(fifth[1], group as u32)];
            sink.take(32 * group, fifth_by_mask::<L>([lower, upper], masks, codes));
        }
    }

    /// The low four bits, the two high ones, signed scales for 16 weights each, their factor.
    Q6K: 256 weights in 210 bytes, |block, sink, L| {
        let factor = L::f16(block.wrapping_add(208));
        let scales = array::<L>(L::mul(L::signed_bytes(block.wrapping_add(192)), factor));
        for half in 0..2 {
            let low = block.wrapping_add(64 * half);
            let top = [L::bytes(block.wrapping_add(128 + 32 * half)), L::bytes(block.wrapping_add(144 + 32 * half))];
            for pair in 0..4 {
                // The 64 bytes hold 64 weights in their low halves, then 64 in their high halves.
                let from = low.wrapping_add(32 * (pair % 2));
                let codes = shifted::<L>([L::bytes(from), L::bytes(from.wrapping_add(16))], 4 * (pair / 2) as u32);
                let top = shifted::<L>(top, 2 * pair as u32);
                let group = 8 * half + 2 * pair;
                let low = L::mul(six_bits::<L>(codes[0], top[0]), L::splat(scales[group]));
                let high = L::mul(six_bits::<L>(codes[1], top[1]), L::splat(scales[group + 1]));
                sink.take(16 * group, [low, high]);
            }
        }
    }

    /// [`Q4_0`] with other levels.
    Iq4Nl: 32 weights in 18 bytes, |block, sink, L| {
        let table = L::mul(L::load(IQ4.as_ptr()), L::f16(block));
        let codes = L::bytes(block.wrapping_add(2));
        sink.take(0, [L::lookup(table, codes), L::lookup(table, L::shift_right(codes, 4))]);
    }

    /// See [`low_bit::Iq4Xs`].
    Iq4Xs: 256 weights in 136 bytes, |block, sink, L| {
        let [high, low] = read::<[u16; 2], _>(block.wrapping_add(2)).map(u32::from);
        let more_low = u32::from(read::<u16, _>(block.wrapping_add(6)));
        let (levels, factor) = (L::load(IQ4.as_ptr()), L::f16(block));
        for group in 0..8 {
            let scale = (low | more_low << 16) >> (4 * group) & 15 | (high >> (2 * group) & 3) << 4;
            let table = L::mul(levels, L::mul(factor, L::splat(scale as f32 - 32.0)));
            let codes = L::bytes(block.wrapping_add(8 + 16 * group));
            sink.take(32 * group, [L::lookup(table, codes), L::lookup(table, L::shift_right(codes, 4))]);
        }
    }

    /// The exponent of the scale, 16 bytes as in [`Q4_0`].
    Mxfp4: 32 weights in 17 bytes, |block, sink, L| {
        let scale = low_bit::power_of_two_halved(read(block));
        let table = L::mul(L::load(MXFP4.as_ptr()), L::splat(scale));
        let codes = L::bytes(block.wrapping_add(1));
        sink.take(0, [L::lookup(table, codes), L::lookup(table, L::shift_right(codes, 4))]);
    }
}

/// The values of a format of signed bytes.
pub struct SignedBytes<C>(C);

impl<C: SignedCodes> Format for SignedBytes<C> {
    const WEIGHTS: usize = C::WEIGHTS;
    const BYTES: usize = C::BYTES;

    #[inline(always)]
    unsafe fn decode<L: Lanes>(block: *const u8, sink: &mut impl Sink<L>) {
        // SAFETY: the caller's promise: the block is readable, and blocks are arrays of bytes.
        let block = unsafe { &*block.cast::<C::Block>() };
        for part in 0..C::WEIGHTS / 32 {
            let (codes, scales) = C::part(block, part);
            // SAFETY: the caller's promise; there are two times 16 codes.
            unsafe {
                let (low, high) =
                    (L::signed_bytes(codes.as_ptr().cast()), L::signed_bytes(codes[16..].as_ptr().cast()));
                sink.take(32 * part, [L::mul(low, L::splat(scales[0])), L::mul(high, L::splat(scales[1]))]);
            }
        }
    }
}

/// `codes · scale + offset` for 16 codes.
///
/// # Safety
/// The CPU has the instructions of `L`.
#[inline(always)]
unsafe fn affine<L: Lanes>(codes: &[f32; 16], scale: L::F32, offset: L::F32) -> L::F32 {
    // SAFETY: the caller's promise; the array has the 16 values.
    unsafe { L::add(L::mul(L::load(codes.as_ptr()), scale), offset) }
}

/// # Safety
/// The CPU has the instructions of `L`.
#[inline(always)]
unsafe fn array<L: Lanes>(values: L::F32) -> [f32; 16] {
    let mut array = [0.0; 16];
    // SAFETY: the caller's promise; the array has room for the 16 values.
    unsafe { L::store(values, array.as_mut_ptr()) };
    array
}

/// # Safety
/// The CPU has the instructions of `L`.
#[inline(always)]
unsafe fn shifted<L: Lanes>(codes: [L::U32; 2], bits: u32) -> [L::U32; 2] {
    // SAFETY: the caller's promise.
    unsafe { [L::shift_right(codes[0], bits), L::shift_right(codes[1], bits)] }
}

/// Two low bits, and the third at `bit` of `third`, as -4 to 3.
///
/// # Safety
/// The CPU has the instructions of `L`.
#[inline(always)]
unsafe fn three_bits<L: Lanes>(third: L::U32, bit: u32, low: L::U32) -> L::F32 {
    // SAFETY: the caller's promise.
    unsafe {
        let base = L::select(L::has_bit(third, bit), L::splat(0.0), L::splat(-4.0));
        L::add(L::lookup(L::load(TWO_BITS.as_ptr()), low), base)
    }
}

/// Four low bits and two high ones, as -32 to 31.
///
/// # Safety
/// The CPU has the instructions of `L`.
#[inline(always)]
unsafe fn six_bits<L: Lanes>(low: L::U32, high: L::U32) -> L::F32 {
    // SAFETY: the caller's promise.
    unsafe { L::add(L::lookup(L::load(FROM_0.as_ptr()), low), L::lookup(L::load(TOP_BITS.as_ptr()), high)) }
}

/// 32 weights of four bits whose fifth bits, as masks, choose the table.
///
/// # Safety
/// The CPU has the instructions of `L`.
#[inline(always)]
unsafe fn fifth_by_mask<L: Lanes>(tables: [L::F32; 2], masks: [L::Mask; 2], codes: [L::U32; 2]) -> [L::F32; 2] {
    let [lower, upper] = tables;
    // SAFETY: the caller's promise.
    unsafe {
        [
            L::select(masks[0], L::lookup(upper, codes[0]), L::lookup(lower, codes[0])),
            L::select(masks[1], L::lookup(upper, codes[1]), L::lookup(lower, codes[1])),
        ]
    }
}

/// 32 weights of the 32 fifth bits and the 16 bytes after them that [`Q5_0`] and [`Q5_1`] have.
///
/// # Safety
/// Those of [`Format::decode`], with 20 readable bytes.
#[inline(always)]
unsafe fn fifth_in_front<L: Lanes>(tables: [L::F32; 2], from: *const u8) -> [L::F32; 2] {
    // SAFETY: the caller's promise.
    unsafe {
        let fifth = read::<[u16; 2], _>(from);
        let codes = L::bytes(from.wrapping_add(4));
        fifth_by_mask::<L>(tables, [L::mask(fifth[0]), L::mask(fifth[1])], [codes, L::shift_right(codes, 4)])
    }
}

/// The 8 scales of a [`Q4K`] or [`Q5K`] block, then its 8 minima, negated.
///
/// # Safety
/// Those of [`Format::decode`].
#[inline(always)]
unsafe fn scales_and_minima<L: Lanes>(block: *const u8) -> [f32; 16] {
    // SAFETY: the caller's promise; the 12 bytes of scales begin at 4.
    unsafe {
        let [a, b, c] = read::<[u32; 3], _>(block.wrapping_add(4));
        // `a` and `b` hold six bits of the first four scales and minima, and the two high bits of the others.
        let high = |packed: u32| packed >> 2 & 0x3030_3030;
        let scales = [a & 0x3F3F_3F3F, c & 0x0F0F_0F0F | high(a)];
        let minima = [b & 0x3F3F_3F3F, c >> 4 & 0x0F0F_0F0F | high(b)];
        let codes = [scales, minima];
        let [scale, min] = L::f16_pair(block);
        let factor = L::select(L::mask(0xFF00), L::mul(min, L::splat(-1.0)), scale);
        array::<L>(L::mul(L::to_f32(L::bytes(codes.as_ptr().cast())), factor))
    }
}

/// The 16 scales of a [`Q3K`] block, before 32 is taken off: four low bits each in 8 bytes, then two high bits each in
/// 4.
///
/// # Safety
/// 12 bytes are readable.
#[inline(always)]
unsafe fn six_bit_scales_q3(from: *const u8) -> [u8; 16] {
    // SAFETY: the caller's promise.
    let [a, b, high] = unsafe { read::<[u32; 3], _>(from) };
    let top = |shift: u32| (high >> shift & 0x0303_0303) << 4;
    let low = |packed: u32| packed & 0x0F0F_0F0F;
    let words = [low(a) | top(0), low(b) | top(2), low(a >> 4) | top(4), low(b >> 4) | top(6)];
    let mut bytes = [0; 16];
    for (bytes, word) in bytes.chunks_exact_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// The last bytes of a row of `F32`, `F16` or `BF16`, as a whole block; zeros stand for zeros in all of them.
pub fn padded(rest: &[u8]) -> [u8; 128] {
    let mut block = [0; 128];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// Blocks of every format, and what candle makes of them, or where it doesn't know them what [`low_bit`] does.
#[cfg(test)]
pub mod testing {
    use std::borrow::Cow;

    use candle_core::Device;
    use candle_core::quantized::{GgmlDType, QStorage, QTensor};

    use super::super::codes::Coded;
    use super::WeightType;

    /// candle's name for a type that it knows.
    fn candle(dtype: WeightType) -> Option<GgmlDType> {
        Some(match dtype {
            WeightType::F32 => GgmlDType::F32,
            WeightType::F16 => GgmlDType::F16,
            WeightType::BF16 => GgmlDType::BF16,
            WeightType::Q4_0 => GgmlDType::Q4_0,
            WeightType::Q4_1 => GgmlDType::Q4_1,
            WeightType::Q5_0 => GgmlDType::Q5_0,
            WeightType::Q5_1 => GgmlDType::Q5_1,
            WeightType::Q8_0 => GgmlDType::Q8_0,
            WeightType::Q2K => GgmlDType::Q2K,
            WeightType::Q3K => GgmlDType::Q3K,
            WeightType::Q4K => GgmlDType::Q4K,
            WeightType::Q5K => GgmlDType::Q5K,
            WeightType::Q6K => GgmlDType::Q6K,
            _ => return None,
        })
    }

    /// `len` values between -1 and 1.
    pub fn values(len: usize, mut seed: u64) -> Vec<f32> {
        (0..len).map(|_| (random(&mut seed) >> 40) as f32 / (1u64 << 23) as f32 - 1.0).collect()
    }

    /// Blocks that candle has quantised, or blocks of any codes with usual scales.
    pub fn quantized(dtype: WeightType, len: usize) -> Vec<u8> {
        if len == 0 {
            return Vec::new();
        }
        if let Some(candle) = candle(dtype) {
            let tensor = candle_core::Tensor::new(values(len, 7), &Device::Cpu).unwrap();
            return QTensor::quantize(&tensor, candle).unwrap().data().unwrap().into_owned();
        }
        let mut blocks = random_bytes(dtype, len);
        for (i, block) in blocks.chunks_exact_mut(dtype.block_bytes()).enumerate() {
            let scale = half::f16::from_f32((i % 5) as f32 / 50.0 - 0.03).to_le_bytes();
            match dtype {
                WeightType::Mxfp4 => block[0] = 120 + (i % 9) as u8,
                WeightType::Tq1 => block[52..].copy_from_slice(&scale),
                WeightType::Tq2 => block[64..].copy_from_slice(&scale),
                WeightType::Iq1M => (0..4).for_each(|i| {
                    let nibble = (u16::from_le_bytes(scale) >> (4 * i) & 15) as u8;
                    block[49 + 2 * i] = block[49 + 2 * i] & 15 | nibble << 4;
                }),
                _ => block[..2].copy_from_slice(&scale),
            }
        }
        blocks
    }

    /// Blocks of any bytes: scales can be negative, subnormal or not a number (NaN).
    pub fn random_bytes(dtype: WeightType, len: usize) -> Vec<u8> {
        let mut seed = 11;
        (0..len / dtype.block_size() * dtype.block_bytes()).map(|_| (random(&mut seed) >> 56) as u8).collect()
    }

    pub fn dequantized(dtype: WeightType, blocks: &[u8]) -> Vec<f32> {
        let len = blocks.len() / dtype.block_bytes() * dtype.block_size();
        if len == 0 {
            return Vec::new();
        }
        if let Some(candle) = candle(dtype) {
            let storage = QStorage::from_data(Cow::Borrowed(blocks), &Device::Cpu, candle).unwrap();
            return QTensor::new(storage, len).unwrap().dequantize(&Device::Cpu).unwrap().to_vec1().unwrap();
        }
        let coded = Coded::of(dtype).unwrap();
        let (mut codes, mut scales) = (vec![0; len], Vec::new());
        coded.decode_row(blocks, &mut codes, |_, scale, _| scales.push(scale));
        let signed = |code: u8| f32::from((code ^ 0x80).cast_signed());
        codes.iter().enumerate().map(|(i, code)| signed(*code) * scales[i / coded.group()]).collect()
    }

    /// A copy of the bytes at an address that is `offset` past an aligned one, or past another.
    pub fn moved(blocks: &[u8], offset: usize) -> Vec<u8> {
        [vec![0xFF; offset], blocks.to_vec()].concat()
    }

    fn random(seed: &mut u64) -> u64 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *seed
    }
}
