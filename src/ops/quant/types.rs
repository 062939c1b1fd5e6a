//! The types that weights are stored in: ggml's, by their numbers in GGUF files.

use std::fmt;

/// Declares the types: number in files, name, and how many weights lie in how many bytes.
macro_rules! weight_types {
    ($($name:ident = $number:literal, $text:literal: $weights:literal in $bytes:literal;)*) => {
        /// A type of stored weights: a row is a whole number of its blocks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum WeightType {
            $($name,)*
        }

        impl WeightType {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The type with this number in GGUF files, if it is read.
            pub fn from_number(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Its number in GGUF files.
            pub fn number(self) -> u32 {
                match self {
                    $(Self::$name => $number,)*
                }
            }

            /// As llama.cpp names it: `Q4_K`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The weights of a block.
            pub fn block_size(self) -> usize {
                match self {
                    $(Self::$name => $weights,)*
                }
            }

            /// The bytes of a block.
            pub fn block_bytes(self) -> usize {
                match self {
                    $(Self::$name => $bytes,)*
                }
            }
        }
    };
}

weight_types! {
    F32 = 0, "F32": 1 in 4;
    F16 = 1, "F16": 1 in 2;
    BF16 = 30, "BF16": 1 in 2;
    Q4_0 = 2, "Q4_0": 32 in 18;
    Q4_1 = 3, "Q4_1": 32 in 20;
    Q5_0 = 6, "Q5_0": 32 in 22;
    Q5_1 = 7, "Q5_1": 32 in 24;
    Q8_0 = 8, "Q8_0": 32 in 34;
    Q2K = 10, "Q2_K": 256 in 84;
    Q3K = 11, "Q3_K": 256 in 110;
    Q4K = 12, "Q4_K": 256 in 144;
    Q5K = 13, "Q5_K": 256 in 176;
    Q6K = 14, "Q6_K": 256 in 210;
    Iq2Xxs = 16, "IQ2_XXS": 256 in 66;
    Iq2Xs = 17, "IQ2_XS": 256 in 74;
    Iq2S = 22, "IQ2_S": 256 in 82;
    Iq3Xxs = 18, "IQ3_XXS": 256 in 98;
    Iq3S = 21, "IQ3_S": 256 in 110;
    Iq1S = 19, "IQ1_S": 256 in 50;
    Iq1M = 29, "IQ1_M": 256 in 56;
    Iq4Nl = 20, "IQ4_NL": 32 in 18;
    Iq4Xs = 23, "IQ4_XS": 256 in 136;
    Mxfp4 = 39, "MXFP4": 32 in 17;
    Tq1 = 34, "TQ1_0": 256 in 54;
    Tq2 = 35, "TQ2_0": 256 in 66;
}

impl fmt::Display for WeightType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl WeightType {
    /// The bytes of a row, where it is a whole number of blocks.
    pub fn row_bytes(self, cols: usize) -> Option<usize> {
        cols.is_multiple_of(self.block_size()).then(|| cols / self.block_size() * self.block_bytes())
    }
}

/// The name of a type that files may have but that isn't read, by its number: types of activations, whole numbers, types
/// that llama.cpp has given up, and late ones whose scales lie in tensors of their own.
pub fn unread_name(number: u32) -> Option<&'static str> {
    Some(match number {
        4 => "Q4_2",
        5 => "Q4_3",
        9 => "Q8_1",
        15 => "Q8_K",
        24 => "I8",
        25 => "I16",
        26 => "I32",
        27 => "I64",
        28 => "F64",
        31 => "Q4_0_4_4",
        32 => "Q4_0_4_8",
        33 => "Q4_0_8_8",
        36 => "IQ4_NL_4_4",
        37 => "IQ4_NL_4_8",
        38 => "IQ4_NL_8_8",
        40 => "NVFP4",
        41 => "Q1_0",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unambiguous() {
        for dtype in WeightType::ALL {
            assert_eq!(WeightType::from_number(dtype.number()), Some(*dtype));
            assert_eq!(unread_name(dtype.number()), None, "{dtype}");
            assert_eq!(WeightType::ALL.iter().filter(|other| other.name() == dtype.name()).count(), 1);
        }
        for number in (0..64).filter(|number| unread_name(*number).is_some()) {
            assert_eq!(WeightType::from_number(number), None, "{number}");
        }
        assert_eq!((WeightType::Q4K.row_bytes(512), WeightType::Q4K.row_bytes(300)), (Some(288), None));
    }
}
