//! Buffers that several threads write, each a part of its own.

use rayon::prelude::*;

use super::element::Element;

/// A pointer that several threads write through, each to rows or columns of its own.
#[derive(Clone, Copy)]
pub struct Shared<T>(pub *mut T);

// SAFETY: whoever makes one sees to it that no two threads touch the same values.
unsafe impl<T> Sync for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Shared<T> {}

impl<T> Shared<T> {
    /// By method, so that closures capture the whole and not the bare pointer.
    pub fn get(self) -> *mut T {
        self.0
    }
}

/// Makes a buffer `len` values long, whatever is in them.
pub fn resize<E: Element>(buffer: &mut Vec<E>, len: usize) {
    if buffer.len() < len {
        buffer.resize(len, E::default());
    } else {
        buffer.truncate(len);
    }
}

/// Runs `f` on every row of `to` with its row of `from`, several rows a task.
pub fn par_rows<T: Send, S: Sync>(
    to: &mut [T],
    to_stride: usize,
    from: &[S],
    from_stride: usize,
    f: impl Fn(&mut [T], &[S]) + Sync,
) {
    const VALUES_PER_TASK: usize = 16_384;
    if to_stride == 0 || from_stride == 0 {
        return;
    }
    let rows = (VALUES_PER_TASK / to_stride).max(1);
    to.par_chunks_mut(rows * to_stride).zip(from.par_chunks(rows * from_stride)).for_each(|(to, from)| {
        to.chunks_exact_mut(to_stride).zip(from.chunks_exact(from_stride)).for_each(|(to, from)| f(to, from));
    });
}
