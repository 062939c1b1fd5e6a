//! 16 values at a time: the few operations that ggml's formats need, with the instructions of each set.

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

use half::{bf16, f16};

#[cfg(target_arch = "aarch64")]
pub use neon::Neon;
#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

/// Operations on 16 lanes. `F32` holds 16 values, `U32` 16 codes: a stored byte each, or what shifts leave of it.
///
/// Every function is inlined into a kernel that is compiled for the set ([`super::formats::run`]).
///
/// # Safety
/// The CPU has the instructions. Pointers are valid for 16 of what is read or written there (for 32 where a pair is
/// written), at any alignment.
pub trait Lanes {
    type F32: Copy;
    type U32: Copy;
    type Mask: Copy;

    unsafe fn splat(value: f32) -> Self::F32;
    unsafe fn load(from: *const f32) -> Self::F32;
    unsafe fn store(values: Self::F32, to: *mut f32);
    /// Rounds to nearest even; NaN stays NaN.
    unsafe fn store_bf16(values: [Self::F32; 2], to: *mut bf16);
    unsafe fn add(a: Self::F32, b: Self::F32) -> Self::F32;
    unsafe fn mul(a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a · b + c`, rounded once where the set can.
    unsafe fn mul_add(a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// The sum of all lanes.
    unsafe fn sum(values: Self::F32) -> f32;

    /// Unsigned bytes as codes.
    unsafe fn bytes(from: *const u8) -> Self::U32;
    /// Signed bytes as values.
    unsafe fn signed_bytes(from: *const u8) -> Self::F32;
    /// f16 as values.
    unsafe fn f16s(from: *const u8) -> Self::F32;
    /// bf16 as values.
    unsafe fn bf16s(from: *const u8) -> Self::F32;
    /// One f16 in all lanes.
    unsafe fn f16(from: *const u8) -> Self::F32;
    /// Two f16, each in all lanes of its own.
    #[inline(always)]
    unsafe fn f16_pair(from: *const u8) -> [Self::F32; 2] {
        // SAFETY: the caller's promise.
        unsafe { [Self::f16(from), Self::f16(from.wrapping_add(2))] }
    }

    unsafe fn shift_right(codes: Self::U32, bits: u32) -> Self::U32;
    unsafe fn to_f32(codes: Self::U32) -> Self::F32;
    /// `table[code]` by the low four bits of each code.
    unsafe fn lookup(table: Self::F32, codes: Self::U32) -> Self::F32;

    /// Lane `i` by bit `i`.
    unsafe fn mask(bits: u16) -> Self::Mask;
    /// Lanes whose code has this bit.
    unsafe fn has_bit(codes: Self::U32, bit: u32) -> Self::Mask;
    /// `yes` where the mask is set, else `no`.
    unsafe fn select(mask: Self::Mask, yes: Self::F32, no: Self::F32) -> Self::F32;
}

#[repr(C, packed)]
struct Unaligned<T>(T);

/// Reads as `read_unaligned` does, whose checks cost more than the kernels' own work in a build with debug assertions;
/// so do those of the intrinsics that load, and of `<*const T>::add`.
///
/// # Safety
/// `from` is readable for a whole `T`, which any bytes are.
#[inline(always)]
pub unsafe fn read<T: Copy, F>(from: *const F) -> T {
    // SAFETY: the caller's promise; `Unaligned` asks for no alignment.
    unsafe { (*from.cast::<Unaligned<T>>()).0 }
}

/// Writes as `write_unaligned` does; see [`read`].
///
/// # Safety
/// `to` is writable for a whole `T`.
#[inline(always)]
unsafe fn write<T: Copy, F>(value: T, to: *mut F) {
    // SAFETY: the caller's promise; `Unaligned` asks for no alignment.
    unsafe { (*to.cast::<Unaligned<T>>()).0 = value }
}

/// Declares the operations of one set without the same words around each.
macro_rules! operations {
    ($(fn $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)? { $($body:tt)* })*) => {
        $(
            #[inline(always)]
            unsafe fn $name($($arg: $type),*) $(-> $result)? {
                // SAFETY: the caller's promise for the trait: the instructions exist and the pointers are valid.
                unsafe { $($body)* }
            }
        )*
    };
}

use operations;

/// Plain Rust.
pub struct Portable;

impl Lanes for Portable {
    type F32 = [f32; 16];
    type U32 = [u32; 16];
    type Mask = u16;

    operations! {
        fn load(from: *const f32) -> [f32; 16] { read(from) }
        fn store(values: [f32; 16], to: *mut f32) { write(values, to) }
        fn bytes(from: *const u8) -> [u32; 16] { read::<[u8; 16], _>(from).map(u32::from) }
        fn signed_bytes(from: *const u8) -> [f32; 16] { read::<[i8; 16], _>(from).map(f32::from) }
        fn f16(from: *const u8) -> [f32; 16] { [f16_to_f32(read(from)); 16] }
        fn f16s(from: *const u8) -> [f32; 16] { read::<[u16; 16], _>(from).map(f16_to_f32) }
        fn bf16s(from: *const u8) -> [f32; 16] {
            read::<[u16; 16], _>(from).map(|bits| f32::from_bits(u32::from(bits) << 16))
        }
        fn store_bf16(values: [[f32; 16]; 2], to: *mut bf16) {
            write(values.map(|half| half.map(bf16::from_f32)), to)
        }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> [f32; 16] {
        [value; 16]
    }

    #[inline(always)]
    unsafe fn add(a: [f32; 16], b: [f32; 16]) -> [f32; 16] {
        std::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    unsafe fn mul(a: [f32; 16], b: [f32; 16]) -> [f32; 16] {
        std::array::from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    unsafe fn mul_add(a: [f32; 16], b: [f32; 16], c: [f32; 16]) -> [f32; 16] {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    unsafe fn sum(values: [f32; 16]) -> f32 {
        values.iter().sum()
    }

    #[inline(always)]
    unsafe fn shift_right(codes: [u32; 16], bits: u32) -> [u32; 16] {
        codes.map(|code| code >> bits)
    }

    #[inline(always)]
    unsafe fn to_f32(codes: [u32; 16]) -> [f32; 16] {
        codes.map(|code| code as f32)
    }

    #[inline(always)]
    unsafe fn lookup(table: [f32; 16], codes: [u32; 16]) -> [f32; 16] {
        codes.map(|code| table[(code & 15) as usize])
    }

    #[inline(always)]
    unsafe fn mask(bits: u16) -> u16 {
        bits
    }

    #[inline(always)]
    unsafe fn has_bit(codes: [u32; 16], bit: u32) -> u16 {
        (0..16).fold(0, |mask, i| mask | ((codes[i] >> bit & 1) << i) as u16)
    }

    #[inline(always)]
    unsafe fn select(mask: u16, yes: [f32; 16], no: [f32; 16]) -> [f32; 16] {
        std::array::from_fn(|i| if mask >> i & 1 == 1 { yes[i] } else { no[i] })
    }
}

/// Exact, like `f16::to_f32`, but without that function's question about the CPU at every call.
#[inline(always)]
fn f16_to_f32(bits: u16) -> f32 {
    if bits & 0x7C00 == 0x7C00 {
        return f16::from_bits(bits).to_f32_const();
    }
    // Exponent and mantissa in f32's places; the product corrects the bias, and normalises what was subnormal.
    let magnitude = f32::from_bits(u32::from(bits & 0x7FFF) << 13) * TWO_POW_112;
    f32::from_bits(magnitude.to_bits() | u32::from(bits & 0x8000) << 16)
}

/// f32's exponent bias less f16's.
const TWO_POW_112: f32 = f32::from_bits((127 + 112) << 23);
