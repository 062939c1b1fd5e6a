//! Which instructions the kernels use: the best that this CPU has, chosen at run time, so that one binary runs everywhere.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use super::Isa;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use super::amx;
use crate::ops::quant::fixed;

/// The best set that may be used; tests and benchmarks lower it.
static LIMIT: AtomicU8 = AtomicU8::new(Isa::Amx as u8);

impl Isa {
    /// The best set of this CPU.
    pub fn detected() -> Self {
        static DETECTED: OnceLock<Isa> = OnceLock::new();
        *DETECTED.get_or_init(detect)
    }

    /// The sets that this CPU has.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|isa| *isa <= Self::detected())
    }

    /// What the kernels use now.
    pub fn current() -> Self {
        let limit = LIMIT.load(Ordering::Relaxed);
        Self::ALL.into_iter().rfind(|isa| *isa as u8 <= limit && *isa <= Self::detected()).unwrap_or(Self::Portable)
    }

    /// Uses no better set than this one from now on, in the whole process: to measure the others on the same machine.
    pub fn limit(self) {
        LIMIT.store(self as u8, Ordering::Relaxed);
    }

    /// Whether products in whole numbers of 8 bits are quicker than any others.
    pub fn has_int8(self) -> bool {
        self != Self::Amx && fixed::is_available(self)
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Isa {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = avx2
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    match (avx512 && is_x86_feature_detected!("avx512bf16"), avx512, avx2) {
        #[cfg(target_os = "linux")]
        (true, _, _) if amx::available::is_available() => Isa::Amx,
        (true, _, _) => Isa::Avx512Bf16,
        (_, true, _) => Isa::Avx512,
        (_, _, true) => Isa::Avx2,
        _ => Isa::Portable,
    }
}

#[cfg(target_arch = "aarch64")]
fn detect() -> Isa {
    Isa::Neon
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn detect() -> Isa {
    Isa::Portable
}
