//! The loops of a tile, for vectors of any set.

/// Calls `$kernel::<ROWS, VECS, PART>` for the numbers of rows and vectors at hand; `PART`: the last vector is not whole.
macro_rules! by_shape {
    (@rows $kernel:ident, $rows:expr, $vecs:expr, [$($r:literal),*], $vs:tt, $args:tt) => {
        match $rows { $($r => by_shape!(@vecs $kernel, $r, $vecs, $vs, $args),)* _ => unreachable!("a tile's rows") }
    };
    (@vecs $kernel:ident, $r:literal, $vecs:expr, [$($v:literal),*], $args:tt) => {
        match $vecs { $($v => by_shape!(@part $kernel, $r, $v, $args),)* _ => unreachable!("a tile's columns") }
    };
    (@part $kernel:ident, $r:literal, $v:literal, ($part:expr, $($arg:expr),*)) => {
        if $part { $kernel::<$r, $v, true>($($arg),*) } else { $kernel::<$r, $v, false>($($arg),*) }
    };
}

/// One kernel: its inner loop for each shape, and the function that chooses the shape.
macro_rules! kernel {
    (
        $name:ident, $inner:ident, $features:literal, $a:ty, $b:ty, lanes $lanes:literal, rows $rows:tt, vecs $vecs:tt,
        pair $pair:literal,
        mask: $mask:path, zero: $zero:expr, load: $load:path, broadcast: $broadcast:path, madd: $madd:path,
        store: $store:path
    ) => {
        #[target_feature(enable = $features)]
        unsafe fn $inner<const ROWS: usize, const VECS: usize, const PART: bool>(
            cols: usize,
            parts: &[Part<$a, $b>],
            out: Out,
        ) {
            // SAFETY: the caller's promise for `tile` covers every address below; lanes beyond `cols` are masked.
            unsafe {
                let last = if PART { Some($mask(cols - (VECS - 1) * $lanes)) } else { None };
                let mut sums = [[$zero; VECS]; ROWS];
                for part in parts {
                    let (mut a, mut b) = (part.a, part.b);
                    for _ in 0..part.depth {
                        let mut columns = [$load(b, if VECS == 1 { last } else { None }); VECS];
                        for v in 1..VECS {
                            let mask = if v + 1 == VECS { last } else { None };
                            columns[v] = $load(b.wrapping_add(v * $lanes * $pair), mask);
                        }
                        for row in 0..ROWS {
                            let value = $broadcast(a.wrapping_add(row.wrapping_mul(part.row_stride)));
                            for v in 0..VECS {
                                sums[row][v] = $madd(sums[row][v], value, columns[v]);
                            }
                        }
                        a = a.wrapping_add(part.depth_stride);
                        b = b.wrapping_add(part.b_stride);
                    }
                }
                for row in 0..ROWS {
                    for v in 0..VECS {
                        let mask = if v + 1 == VECS { last } else { None };
                        $store(row * out.stride + v * $lanes, sums[row][v], mask, out);
                    }
                }
            }
        }

        #[target_feature(enable = $features)]
        pub unsafe fn $name(rows: usize, cols: usize, parts: &[Part<$a, $b>], out: Out) {
            // SAFETY: the caller's promise for `tile`.
            unsafe {
                let part = !cols.is_multiple_of($lanes);
                by_shape!(@rows $inner, rows, cols.div_ceil($lanes), $rows, $vecs, (part, cols, parts, out))
            }
        }
    };
}

pub(super) use {by_shape, kernel};
