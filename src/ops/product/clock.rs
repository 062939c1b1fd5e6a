//! What products have cost this process so far, for benchmarks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

static NANOS: AtomicU64 = AtomicU64::new(0);
static FLOPS: AtomicU64 = AtomicU64::new(0);

/// Time and arithmetic of all products of the linear layers and the head; unpacking weights is part of the time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spent {
    pub secs: f64,
    /// Multiplications and additions.
    pub flops: f64,
}

pub fn spent() -> Spent {
    Spent { secs: NANOS.load(Ordering::Relaxed) as f64 * 1e-9, flops: FLOPS.load(Ordering::Relaxed) as f64 }
}

pub(super) fn record(started: Instant, flops: usize) {
    NANOS.fetch_add(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
    FLOPS.fetch_add(flops as u64, Ordering::Relaxed);
}
