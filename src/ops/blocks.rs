//! Values of stored blocks of any type, as candle reads them.

use candle_core::Result;
use candle_core::quantized::GgmlDType;

/// Unpacks blocks of any type to f32, `out.len()` values.
///
/// # Errors
/// Where candle can't unpack this type.
pub fn unpack_blocks(dtype: GgmlDType, blocks: &[u8], out: &mut [f32]) -> Result<()> {
    match dtype {
        GgmlDType::F32 => {
            for (out, bytes) in out.iter_mut().zip(blocks.chunks_exact(4)) {
                *out = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            }
        }
        GgmlDType::F16 => {
            for (out, bytes) in out.iter_mut().zip(blocks.chunks_exact(2)) {
                *out = half::f16::from_le_bytes([bytes[0], bytes[1]]).to_f32();
            }
        }
        GgmlDType::BF16 => {
            for (out, bytes) in out.iter_mut().zip(blocks.chunks_exact(2)) {
                *out = half::bf16::from_le_bytes([bytes[0], bytes[1]]).to_f32();
            }
        }
        _ => {
            // candle reads the blocks through a typed slice: it asks for the block type's alignment.
            let values = if blocks.as_ptr().align_offset(4) == 0 {
                dtype.from_data(blocks.into()).dequantize(out.len())?
            } else {
                dtype.from_data(aligned_copy(blocks).as_bytes().into()).dequantize(out.len())?
            };
            out.copy_from_slice(values.as_slice::<f32>()?);
        }
    }
    Ok(())
}

/// Bytes that begin at a multiple of 8.
struct Aligned {
    words: Vec<u64>,
    len: usize,
}

fn aligned_copy(bytes: &[u8]) -> Aligned {
    let words = bytes
        .chunks(8)
        .map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_ne_bytes(word)
        })
        .collect();
    Aligned { words, len: bytes.len() }
}

impl Aligned {
    fn as_bytes(&self) -> &[u8] {
        // SAFETY: the words are initialised, own at least `len` bytes (see `aligned_copy`), and u8 has no alignment.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr().cast(), self.len) }
    }
}
