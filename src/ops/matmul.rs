//! Matrix products on plain slices, through the `gemm` crate.

/// A read-only matrix: any strides, so that a transpose costs nothing.
#[derive(Clone, Copy)]
pub struct Mat<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Mat<'a> {
    /// Row-major `[rows, cols]`.
    pub fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// Row-major with a distance of `row_stride` values between rows: some columns of a wider matrix.
    pub fn strided(data: &'a [f32], rows: usize, cols: usize, row_stride: usize) -> Self {
        assert!(rows == 0 || cols == 0 || (rows - 1) * row_stride + cols <= data.len(), "matrix reaches past its data");
        Self { data, rows, cols, row_stride, col_stride: 1 }
    }

    /// The transpose.
    pub fn t(self) -> Self {
        Self { rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride, ..self }
    }
}

/// A row-major matrix to write to.
pub struct MatMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
}

impl<'a> MatMut<'a> {
    /// Row-major `[rows, cols]`.
    pub fn new(data: &'a mut [f32], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// Row-major with a distance of `row_stride` values between rows.
    pub fn strided(data: &'a mut [f32], rows: usize, cols: usize, row_stride: usize) -> Self {
        assert!(row_stride >= cols, "rows of a result must not overlap");
        assert!(rows == 0 || cols == 0 || (rows - 1) * row_stride + cols <= data.len(), "matrix reaches past its data");
        Self { data, rows, cols, row_stride }
    }
}

/// How many threads one product uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    One,
    /// All threads of the pool.
    All,
}

/// `dst = alpha · a · b`, or `dst += alpha · a · b` with `accumulate`.
pub fn matmul(dst: MatMut<'_>, a: Mat<'_>, b: Mat<'_>, alpha: f32, accumulate: bool, threads: Threads) {
    assert!(a.cols == b.rows && dst.rows == a.rows && dst.cols == b.cols, "shapes of a product don't fit");
    if dst.rows == 0 || dst.cols == 0 {
        return;
    }
    let parallelism = match threads {
        Threads::One => gemm::Parallelism::None,
        Threads::All => gemm::Parallelism::Rayon(rayon::current_num_threads()),
    };
    let (m, n, k) = (dst.rows, dst.cols, a.cols);
    // SAFETY: the constructors and the shape check above prove that every index (row · row_stride + col · col_stride)
    // of the three matrices lies inside its slice, and `dst` is borrowed mutably, so it overlaps neither `a` nor `b`.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            dst.data.as_mut_ptr(),
            1,
            dst.row_stride as isize,
            accumulate,
            a.data.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            // gemm computes alpha · dst + beta · a · b.
            1.0,
            alpha,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(i: usize) -> f32 {
        ((i * 37 % 19) as f32 - 9.0) / 7.0
    }

    #[test]
    fn equals_the_textbook_product_on_odd_shapes_strides_and_transposes() {
        for (m, n, k) in [(1, 1, 1), (3, 5, 7), (17, 1, 33), (64, 31, 2), (1, 40, 9)] {
            let stride = k + 3;
            let a: Vec<f32> = (0..m * stride).map(value).collect();
            let b: Vec<f32> = (0..n * k).map(|i| value(i + 5)).collect();
            let mut dst = vec![0.5; m * (n + 2)];
            let out = MatMut::strided(&mut dst, m, n, n + 2);
            matmul(out, Mat::strided(&a, m, k, stride), Mat::new(&b, n, k).t(), 2.0, true, Threads::All);
            for row in 0..m {
                for col in 0..n {
                    let sum: f32 = (0..k).map(|i| a[row * stride + i] * b[col * k + i]).sum();
                    assert!((dst[row * (n + 2) + col] - (0.5 + 2.0 * sum)).abs() < 1e-4);
                }
                assert!(dst[row * (n + 2) + n..].iter().take(2).all(|&v| v == 0.5), "wrote between the rows");
            }
        }
    }

    #[test]
    fn an_empty_sum_is_zero() {
        let mut dst = vec![3.0; 4];
        matmul(MatMut::new(&mut dst, 2, 2), Mat::new(&[], 2, 0), Mat::new(&[], 0, 2), 1.0, false, Threads::One);
        assert_eq!(dst, [0.0; 4]);
    }

    #[test]
    #[should_panic(expected = "reaches past its data")]
    fn a_matrix_that_reaches_past_its_data_is_refused() {
        Mat::new(&[0.0; 5], 2, 3);
    }
}
