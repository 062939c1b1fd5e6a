//! Which instructions the kernels use: the best that this CPU has, chosen at run time, so that one binary runs everywhere.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use super::super::quant::fixed;

/// Instruction sets with kernels of their own, the slowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// Plain Rust.
    Portable,
    /// 4 lanes of f32, fused multiply-add: what every 64-bit ARM has.
    Neon,
    /// 8 lanes of f32, fused multiply-add.
    Avx2,
    /// 16 lanes of f32.
    Avx512,
    /// And products of pairs of bf16, summed in f32.
    Avx512Bf16,
    /// And tiles of 16 rows, which are multiplied at once; bf16 products only.
    Amx,
}

/// The best set that may be used; tests and benchmarks lower it.
static LIMIT: AtomicU8 = AtomicU8::new(Isa::Amx as u8);

impl Isa {
    /// Those of this kind of processor, the slowest first.
    #[cfg(not(target_arch = "aarch64"))]
    pub const ALL: [Self; 5] = [Self::Portable, Self::Avx2, Self::Avx512, Self::Avx512Bf16, Self::Amx];
    #[cfg(target_arch = "aarch64")]
    pub const ALL: [Self; 2] = [Self::Portable, Self::Neon];

    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Bf16 => "avx512-bf16",
            Self::Amx => "amx",
        }
    }

    /// As its makers call it, with what it can do; empty where there is nothing to tell.
    pub fn words(self) -> &'static str {
        match self {
            Self::Portable => "",
            Self::Neon if self.has_int8() => "NEON, int8",
            Self::Neon => "NEON",
            Self::Avx2 if self.has_int8() => "AVX2, int8",
            Self::Avx2 => "AVX2",
            Self::Avx512 if self.has_int8() => "AVX-512, int8",
            Self::Avx512 => "AVX-512",
            Self::Avx512Bf16 if self.has_int8() => "AVX-512, int8, bf16",
            Self::Avx512Bf16 => "AVX-512, bf16",
            Self::Amx => "AMX, int8, bf16",
        }
    }

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

    /// Whether bf16 products are quicker than f32 ones.
    pub fn has_bf16(self) -> bool {
        self >= Self::Avx512Bf16
    }

    /// The set without tiles, which only matrix products use.
    pub fn vectors(self) -> Self {
        self.min(Self::Avx512Bf16)
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
        (true, _, _) if super::amx::is_available() => Isa::Amx,
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
