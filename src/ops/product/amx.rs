//! Products of bf16 on AMX's tiles: eight registers of 16 rows of 64 bytes, which a processor multiplies as matrices.
//!
//! A block of the result is 32 × 32: two tiles of rows by two of columns stay in four registers while the depth is walked,
//! 32 values a step. A tile of columns wants its rows as pairs of depth, column by column: as panels are packed.

pub(super) mod available;
#[cfg(test)]
pub(in crate::ops) mod emulator;
#[cfg(test)]
mod tests;

use std::arch::asm;
use std::arch::x86_64::*;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

use half::bf16;

use super::microkernel::x86;
use super::tile::{Out, Part};

/// Rows of a tile.
const TILE_ROWS: usize = 16;
/// Bytes of a tile's row.
const TILE_BYTES: usize = 64;
/// Pairs of depth in a tile of rows, and so in a step.
const STEP: usize = TILE_BYTES / 4;
const BLOCK_ROWS: usize = 2 * TILE_ROWS;
const BLOCK_COLS: usize = 32;

/// The tiles of this thread, configured for blocks with as many rows as the last one had. Given back when dropped: no
/// two of these may be used by turns.
#[derive(Default)]
pub struct Tiles {
    /// None before the first block.
    rows: usize,
    /// Registers belong to a thread.
    _thread: PhantomData<*const ()>,
}

/// What `ldtilecfg` reads.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_per_row: [u16; 16],
    rows: [u8; 16],
}

impl Configuration {
    /// The configuration for blocks of `rows` rows: tiles 0 to 3 are the result, 4 and 5 its rows, 6 and 7 its columns.
    /// Rows that a block doesn't have are in no tile, so that they are neither read nor written nor computed.
    fn of(rows: usize) -> Self {
        let (upper, lower) = (rows.min(TILE_ROWS), rows.saturating_sub(TILE_ROWS));
        let of_tile = [upper, upper, lower, lower, upper, lower, TILE_ROWS, TILE_ROWS];
        let mut config = Self { palette: 1, start_row: 0, reserved: [0; 14], bytes_per_row: [0; 16], rows: [0; 16] };
        for (tile, rows) in of_tile.into_iter().enumerate().filter(|(_, rows)| *rows > 0) {
            config.rows[tile] = rows as u8;
            config.bytes_per_row[tile] = TILE_BYTES as u16;
        }
        config
    }
}

impl Tiles {
    /// # Safety
    /// The CPU has tiles, and the system lets this process use them.
    unsafe fn configure(&mut self, rows: usize) {
        if self.rows != rows {
            let config = Configuration::of(rows);
            // SAFETY: 64 bytes that the manual allows; the registers are this module's alone.
            unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const config, options(nostack, preserves_flags)) };
            self.rows = rows;
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        if self.rows > 0 {
            // SAFETY: they were configured, so the CPU has them.
            unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) };
        }
    }
}

/// Some steps of depth that lie back to back in rows and in columns. The order of the fields is known to [`multiply`].
#[repr(C)]
#[derive(Clone, Copy)]
struct Run {
    /// None: the end.
    steps: usize,
    /// The first 16 rows, and the others.
    upper: *const bf16,
    lower: *const bf16,
    /// Bytes between rows.
    stride: usize,
    /// Columns of a panel.
    columns: *const bf16,
}

impl Run {
    const END: Self =
        Self { steps: 0, upper: std::ptr::null(), lower: std::ptr::null(), stride: 0, columns: std::ptr::null() };

    /// `stride` is in values.
    fn new(steps: usize, rows: *const bf16, stride: usize, columns: *const bf16) -> Self {
        let lower = rows.wrapping_add(TILE_ROWS * stride);
        Self { steps, upper: rows, lower, stride: stride * size_of::<bf16>(), columns }
    }
}

/// The depth of a part beyond its whole steps, with zeros on both sides up to a step.
#[repr(C, align(64))]
struct Rest {
    rows: [[bf16; 2 * STEP]; BLOCK_ROWS],
    columns: [[bf16; 2 * BLOCK_COLS]; STEP],
}

/// `Σ a · b` for a block of at most 32 × 32.
///
/// # Safety
/// Those of [`super::microkernel::tile_bf16`], on a CPU with tiles that the system lets this process use.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub unsafe fn block(tiles: &mut Tiles, rows: usize, cols: usize, parts: &[Part<bf16, bf16>], out: Out) {
    assert!(parts.len() <= 2 && (1..=BLOCK_ROWS).contains(&rows) && (1..=BLOCK_COLS).contains(&cols));
    let mut rests = [const { MaybeUninit::<Rest>::uninit() }; 2];
    // Whole steps and a rest of each part, and the end.
    let (mut runs, mut num_runs) = ([Run::END; 5], 0);
    let mut add = |run| {
        runs[num_runs] = run;
        num_runs += 1;
    };
    for (part, rest) in parts.iter().zip(&mut rests) {
        assert!(part.depth_stride == 2 && part.b_stride == 2 * BLOCK_COLS, "not a panel of pairs as wide as a block");
        let (steps, num_pairs) = (part.depth / STEP, part.depth % STEP);
        if steps > 0 {
            add(Run::new(steps, part.a, part.row_stride, part.b));
        }
        if num_pairs > 0 {
            let whole = steps * STEP;
            let (a, b) = (part.a.wrapping_add(2 * whole), part.b.wrapping_add(2 * BLOCK_COLS * whole));
            let rest = rest.as_mut_ptr();
            // SAFETY: the caller's promise for the part holds for the end of its depth; what is read of `rest` is written.
            unsafe {
                copy_rest(&Part { a, b, depth: num_pairs, ..*part }, rows, rest);
                add(Run::new(1, (&raw const (*rest).rows).cast(), 2 * STEP, (&raw const (*rest).columns).cast()));
            }
        }
    }
    let has_lower = rows > TILE_ROWS;
    // SAFETY: every address of the runs is one of the caller's parts or of a rest; tiles are configured for the rows that
    // there are. Sums are written before they are read, as many rows as there are.
    unsafe {
        tiles.configure(rows);
        if out.narrow.is_null() && cols == BLOCK_COLS && out.alpha == 1.0 {
            return multiply(&runs, has_lower, out.c, out.stride, out.accumulate);
        }
        let mut sums = MaybeUninit::<[[f32; BLOCK_COLS]; BLOCK_ROWS]>::uninit();
        multiply(&runs, has_lower, sums.as_mut_ptr().cast(), BLOCK_COLS, false);
        x86::store_sums(std::slice::from_raw_parts(sums.as_ptr().cast(), rows), cols, out);
    }
}

/// # Safety
/// `rest` is valid for writes; `part`, shorter than a step, is readable for `rows` rows and the columns of a block.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn copy_rest(part: &Part<bf16, bf16>, rows: usize, rest: *mut Rest) {
    let mask = (1 << part.depth) - 1;
    for row in 0..rows {
        // SAFETY: masked pairs are not read, and become zero.
        unsafe {
            let pairs = _mm512_maskz_loadu_epi32(mask, part.a.wrapping_add(row * part.row_stride).cast());
            _mm512_store_si512((&raw mut (*rest).rows[row]).cast(), pairs);
        }
    }
    for pair in 0..STEP {
        for half in 0..2 {
            // SAFETY: 16 columns of a depth that is there.
            unsafe {
                let columns = match pair < part.depth {
                    true => _mm512_loadu_si512(part.b.wrapping_add(pair * part.b_stride + half * BLOCK_COLS).cast()),
                    false => _mm512_setzero_si512(),
                };
                _mm512_store_si512((&raw mut (*rest).columns[pair]).cast::<__m512i>().wrapping_add(half), columns);
            }
        }
    }
}

/// The sum of all runs, written to `c` or added to it; rows of `c` are `stride` values apart.
///
/// # Safety
/// The tiles are configured, for more than 16 rows if `has_lower`. Every address of the runs and of the result is valid for
/// the configured rows; after the last run comes [`Run::END`].
unsafe fn multiply(runs: &[Run; 5], has_lower: bool, c: *mut f32, stride: usize, accumulate: bool) {
    // SAFETY: the caller's promise; the instructions read and write nothing else.
    unsafe {
        asm!(
            // The result so far, or zero.
            "test {accumulate:e}, {accumulate:e}",
            "jnz 2f",
            "tilezero tmm0",
            "tilezero tmm1",
            "test {has_lower:e}, {has_lower:e}",
            "jz 3f",
            "tilezero tmm2",
            "tilezero tmm3",
            "jmp 3f",
            "2:",
            "tileloadd tmm0, [{c} + {c_stride} * 1]",
            "tileloadd tmm1, [{c} + {c_stride} * 1 + 64]",
            "test {has_lower:e}, {has_lower:e}",
            "jz 3f",
            "mov {lower}, {c_stride}",
            "shl {lower}, 4",
            "add {lower}, {c}",
            "tileloadd tmm2, [{lower} + {c_stride} * 1]",
            "tileloadd tmm3, [{lower} + {c_stride} * 1 + 64]",
            // One run.
            "3:",
            "mov {steps}, qword ptr [{run}]",
            "test {steps}, {steps}",
            "jz 6f",
            "mov {upper}, qword ptr [{run} + 8]",
            "mov {lower}, qword ptr [{run} + 16]",
            "mov {stride}, qword ptr [{run} + 24]",
            "mov {columns}, qword ptr [{run} + 32]",
            "add {run}, 40",
            // One step: 16 pairs further in the rows' 64 bytes, and 16 rows of 128 bytes further in the panel.
            "4:",
            "tileloadd tmm4, [{upper} + {stride} * 1]",
            "tileloadd tmm6, [{columns} + {b_stride} * 1]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{columns} + {b_stride} * 1 + 64]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "test {has_lower:e}, {has_lower:e}",
            "jz 5f",
            "tileloadd tmm5, [{lower} + {stride} * 1]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "5:",
            "add {upper}, 64",
            "add {lower}, 64",
            "add {columns}, 2048",
            "dec {steps}",
            "jnz 4b",
            "jmp 3b",
            // The result.
            "6:",
            "tilestored [{c} + {c_stride} * 1], tmm0",
            "tilestored [{c} + {c_stride} * 1 + 64], tmm1",
            "test {has_lower:e}, {has_lower:e}",
            "jz 7f",
            "mov {lower}, {c_stride}",
            "shl {lower}, 4",
            "add {lower}, {c}",
            "tilestored [{lower} + {c_stride} * 1], tmm2",
            "tilestored [{lower} + {c_stride} * 1 + 64], tmm3",
            "7:",
            run = inout(reg) runs.as_ptr() => _,
            c = in(reg) c,
            c_stride = in(reg) stride * size_of::<f32>(),
            b_stride = in(reg) BLOCK_COLS * 2 * size_of::<bf16>(),
            accumulate = in(reg) u32::from(accumulate),
            has_lower = in(reg) u32::from(has_lower),
            steps = out(reg) _,
            upper = out(reg) _,
            lower = out(reg) _,
            stride = out(reg) _,
            columns = out(reg) _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}
