//! Whether this process can multiply on tiles.

use std::arch::asm;
use std::arch::x86_64::*;

use half::bf16;

use super::super::Isa;
use super::super::microkernel::tile_bf16;
use super::super::tile::{Out, Part};
use super::{BLOCK_COLS, BLOCK_ROWS, Tiles};

/// Whether the CPU has tiles for bf16, the system lets this process use them, and they give the right result. Beside the
/// CPU's AVX-512 with bf16, which the caller has seen to.
pub fn is_available() -> bool {
    // SAFETY: a CPU with AVX-512 has the leaf.
    let features = __cpuid_count(7, 0).edx;
    let (has_bf16, has_tiles) = (features & 1 << 22 != 0, features & 1 << 24 != 0);
    // SAFETY: `xsave` is only detected where the system has switched on `xgetbv`.
    let is_saved = || is_x86_feature_detected!("xsave") && unsafe { saved_state() } >> 17 & 3 == 3;
    // SAFETY: the CPU and the system have just been asked.
    has_bf16 && has_tiles && is_saved() && is_permitted() && unsafe { is_right() }
}

/// The parts of a thread's state that the system saves: bit 17 is the tiles' configuration, bit 18 their values.
#[target_feature(enable = "xsave")]
fn saved_state() -> u64 {
    // SAFETY: register 0 is there wherever `xgetbv` is.
    unsafe { _xgetbv(0) }
}

/// Asks Linux to let this process use tiles: they make the state of a thread larger, so nobody has them unasked.
fn is_permitted() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: i64 = 0x1023;
    const TILE_DATA: i64 = 18;
    let mut result = ARCH_PRCTL;
    // SAFETY: the call changes nothing but the permission; `syscall` overwrites rcx and r11.
    unsafe {
        asm!(
            "syscall",
            inout("rax") result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") TILE_DATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result == 0
}

/// A product on tiles is that of AVX-512, bit for bit: all its sums are exact. A machine that loses or mixes tiles must
/// not train.
///
/// # Safety
/// The CPU has AVX-512 with bf16, and tiles that the system lets this process use.
pub(super) unsafe fn is_right() -> bool {
    let value = |i: usize| bf16::from_f32((i * 37 % 19) as f32 - 9.0);
    let product = |isa, rows: usize, pairs: usize, height: usize| {
        let a: Vec<_> = (0..rows * 2 * pairs).map(value).collect();
        let b: Vec<_> = (0..pairs * 2 * BLOCK_COLS).map(|i| value(i + 5)).collect();
        let mut c = vec![1.0; rows * BLOCK_COLS];
        let mut tiles = Tiles::default();
        for row in (0..rows).step_by(height) {
            let part = Part {
                a: a[row * 2 * pairs..].as_ptr(),
                row_stride: 2 * pairs,
                depth_stride: 2,
                b: b.as_ptr(),
                b_stride: 2 * BLOCK_COLS,
                depth: pairs,
            };
            let c = c[row * BLOCK_COLS..].as_mut_ptr();
            let out = Out { c, narrow: std::ptr::null_mut(), stride: BLOCK_COLS, accumulate: true, alpha: 1.0 };
            // SAFETY: the caller's promise; both sides and the result hold these rows, columns and pairs.
            unsafe { tile_bf16(isa, &mut tiles, height.min(rows - row), BLOCK_COLS, &[part], out) };
        }
        c
    };
    // Whole blocks, fewer rows than a tile, and one more than a tile; depth with a rest.
    [(64, 32), (9, 21), (49, 75)]
        .into_iter()
        .all(|(rows, pairs)| product(Isa::Amx, rows, pairs, BLOCK_ROWS) == product(Isa::Avx512Bf16, rows, pairs, 8))
}
