//! The instruction sets that the kernels know.

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
    /// AVX-512 with products of pairs of bf16, summed in f32.
    Avx512Bf16,
    /// That with tiles of 16 rows, which are multiplied at once; bf16 products only.
    Amx,
}

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

    /// The name that its makers use, with what it can do; empty where there is nothing to say.
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

    /// Whether bf16 products are quicker than f32 ones.
    pub fn has_bf16(self) -> bool {
        self >= Self::Avx512Bf16
    }

    /// The set without tiles, which only matrix products use.
    pub fn vectors(self) -> Self {
        self.min(Self::Avx512Bf16)
    }
}
