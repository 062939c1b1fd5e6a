//! Blocks against the AVX-512 kernel, and the emulator against plain sums.

use super::super::super::testing::instruction_sets;
use super::super::Isa;
use super::super::microkernel::tile_bf16;
use super::available::is_right;
use super::*;

/// Values that end where memory ends: whoever reads or writes past them dies.
struct Guarded<T> {
    base: *mut u8,
    pages: usize,
    num: usize,
    _values: PhantomData<T>,
}

const PAGE: usize = 4096;

impl<T: Copy> Guarded<T> {
    fn new(values: &[T]) -> Self {
        let pages = (size_of_val(values).div_ceil(PAGE) + 1) * PAGE;
        // SAFETY: fresh memory, whose last page is taken away again.
        let base = unsafe {
            let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            let base = libc::mmap(std::ptr::null_mut(), pages, access, kind, -1, 0);
            assert_ne!(base, libc::MAP_FAILED);
            assert_eq!(libc::mprotect(base.cast::<u8>().add(pages - PAGE).cast(), PAGE, libc::PROT_NONE), 0);
            base.cast::<u8>()
        };
        let mut guarded = Self { base, pages, num: values.len(), _values: PhantomData };
        guarded.values().copy_from_slice(values);
        guarded
    }

    fn values(&mut self) -> &mut [T] {
        // SAFETY: that many values are before the last page; any bytes are numbers.
        unsafe {
            let end = self.base.add(self.pages - PAGE).cast::<T>();
            std::slice::from_raw_parts_mut(end.sub(self.num), self.num)
        }
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        // SAFETY: mapped above.
        unsafe { libc::munmap(self.base.cast(), self.pages) };
    }
}

/// Few bits, so that all sums are exact in f32.
fn value(i: usize) -> bf16 {
    bf16::from_f32(((i * 37 % 19) as f32 - 9.0) / 8.0)
}

/// Both sides of a part: rows with values between them that are not numbers, and a panel.
struct Sides {
    a: Guarded<bf16>,
    b: Guarded<bf16>,
    stride: usize,
    pairs: usize,
}

impl Sides {
    fn new(rows: usize, pairs: usize, gap: usize) -> Self {
        let stride = 2 * pairs + gap;
        let mut a: Vec<_> =
            (0..rows * stride).map(|i| if i % stride < 2 * pairs { value(i) } else { bf16::NAN }).collect();
        a.truncate(rows * stride - gap);
        let b: Vec<_> = (0..pairs * 2 * BLOCK_COLS).map(|i| value(i + 5)).collect();
        Self { a: Guarded::new(&a), b: Guarded::new(&b), stride, pairs }
    }

    fn part(&mut self) -> Part<bf16, bf16> {
        Part {
            a: self.a.values().as_ptr(),
            row_stride: self.stride,
            depth_stride: 2,
            b: self.b.values().as_ptr(),
            b_stride: 2 * BLOCK_COLS,
            depth: self.pairs,
        }
    }
}

/// What is in the result's place afterwards, as f32 and as bf16.
fn result(
    isa: Isa,
    rows: usize,
    cols: usize,
    sides: &mut [Sides],
    mut place: Out,
    narrow: bool,
) -> (Vec<f32>, Vec<bf16>) {
    let num = (rows - 1) * place.stride + cols;
    let mut wide = Guarded::new(&(0..num).map(|i| value(i + 3).to_f32()).collect::<Vec<_>>());
    let mut rounded = Guarded::new(&vec![bf16::ONE; num]);
    let parts: Vec<_> = sides.iter_mut().map(Sides::part).collect();
    let mut tiles = Tiles::default();
    let height = if isa == Isa::Amx { BLOCK_ROWS } else { 8 };
    for row in (0..rows).step_by(height) {
        place.c = wide.values()[row * place.stride..].as_mut_ptr();
        if narrow {
            place.narrow = rounded.values()[row * place.stride..].as_mut_ptr();
        }
        let at = |part: &Part<bf16, bf16>| Part { a: part.a.wrapping_add(row * part.row_stride), ..*part };
        let parts: Vec<_> = parts.iter().map(at).collect();
        // SAFETY: rows, columns and depths are those of the sides and of both results.
        unsafe { tile_bf16(isa, &mut tiles, height.min(rows - row), cols, &parts, place) };
    }
    drop(tiles);
    assert!(emulator::is_released(), "tiles that nobody uses are still held");
    (wide.values().to_vec(), rounded.values().to_vec())
}

#[test]
fn blocks_equal_the_vector_kernel_and_touch_nothing_beyond_their_operands() {
    let depths: [&[usize]; 7] = [&[], &[1], &[16], &[15, 8], &[17, 16], &[40, 2], &[64, 31]];
    for isa in instruction_sets().filter(|isa| *isa == Isa::Amx) {
        let before = emulator::num_products();
        for (rows, cols, gap) in
            [(1, 32, 0), (15, 32, 6), (16, 31, 0), (17, 32, 2), (31, 1, 0), (32, 32, 0), (50, 17, 4)]
        {
            for depths in depths {
                let mut sides: Vec<_> = depths.iter().map(|pairs| Sides::new(rows, *pairs, gap)).collect();
                for (accumulate, alpha, narrow) in
                    [(false, 1.0, false), (true, 1.0, false), (true, 0.5, false), (false, 2.0, true)]
                {
                    let null = (std::ptr::null_mut(), std::ptr::null_mut());
                    let out = Out { c: null.0, narrow: null.1, stride: cols + gap, accumulate, alpha };
                    let found = result(isa, rows, cols, &mut sides, out, narrow);
                    let expected = result(Isa::Avx512Bf16, rows, cols, &mut sides, out, narrow);
                    assert!(found == expected, "{rows} × {cols}, pairs {depths:?}, {accumulate}, {alpha}, {narrow}");
                }
            }
        }
        assert!(emulator::num_products() > before || Isa::detected() == Isa::Amx, "no tile was multiplied");
    }
}

#[test]
fn a_machine_that_mixes_tiles_is_found_out() {
    for _ in instruction_sets().filter(|isa| *isa == Isa::Amx) {
        // SAFETY: the set says so.
        let is_right = || unsafe { is_right() };
        assert!(is_right());
        assert!(Isa::detected() == Isa::Amx || !emulator::with_broken_tile(is_right));
    }
}

#[test]
fn a_product_of_tiles_is_the_sum_of_products() {
    emulator::install();
    // 5 × 9 with 7 pairs of depth; rows lie further apart than they are wide.
    const STRIDE: usize = 80;
    let (rows, cols, pairs) = (5, 9, 7);
    let number = |i: usize| ((i * i * 31 + 7 * i) % 1009) as f32 / 101.0 - 5.0;
    let a: [bf16; STRIDE / 2 * 16] = std::array::from_fn(|i| bf16::from_f32(number(i)));
    let b: [bf16; STRIDE / 2 * 16] = std::array::from_fn(|i| bf16::from_f32(number(i + 99)));
    let before: [f32; STRIDE / 4 * 16] = std::array::from_fn(|i| number(i + 50));
    let mut config = Configuration::of(32);
    for (tile, height, bytes) in [(0, rows, 4 * cols), (4, rows, 4 * pairs), (6, pairs, 4 * cols)] {
        (config.rows[tile], config.bytes_per_row[tile]) = (height as u8, bytes as u16);
    }
    let mut c = before;
    // SAFETY: the configuration allows it, and 16 rows are on every side; r12 asks for another form of address.
    unsafe {
        asm!(
            "ldtilecfg [{config}]",
            "tileloadd tmm0, [r12 + {stride} * 1]",
            "tileloadd tmm4, [{a} + {half} * 2]",
            "tileloaddt1 tmm6, [{b} + {stride} * 1 + 400]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tilestored [r12 + {stride} * 1], tmm0",
            "tilerelease",
            config = in(reg) &raw const config,
            a = in(reg) a.as_ptr(),
            b = in(reg) b.as_ptr().cast::<u8>().wrapping_sub(400),
            stride = in(reg) STRIDE,
            half = in(reg) STRIDE / 2,
            in("r12") c.as_mut_ptr(),
            out("tmm0") _, out("tmm4") _, out("tmm6") _,
            options(nostack),
        );
    }
    for (i, (found, before)) in c.iter().zip(&before).enumerate() {
        let (row, col) = (i / (STRIDE / 4), i % (STRIDE / 4));
        let product = |d: usize| {
            let (left, right) = (a[row * STRIDE / 2 + d], b[d / 2 * STRIDE / 2 + 2 * col + d % 2]);
            left.to_f64() * right.to_f64()
        };
        let is_inside = row < rows && col < cols;
        let sum = if is_inside { (0..2 * pairs).map(product).sum() } else { 0.0 };
        let expected = f64::from(*before) + sum;
        assert!((f64::from(*found) - expected).abs() < 1e-4, "{found} for {expected} at {row}, {col}");
    }
}
