//! Plain slices out of candle's tensors and back.

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor};

/// The values of an operand of a custom op; operands must be contiguous.
pub(super) fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => candle_core::bail!("this operation needs a contiguous tensor, not {:?}", layout.shape()),
    }
}

/// Calls `f` with the tensor's values, without a copy where the tensor is contiguous f32 on the CPU.
///
/// # Errors
/// Where the tensor isn't f32 on the CPU.
pub fn with_slice<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => Ok(f(slice(storage, layout)?)),
        _ => candle_core::bail!("this operation runs on the CPU only"),
    }
}

/// Calls `f` with the values of several tensors.
///
/// # Errors
/// Where a tensor isn't f32 on the CPU.
pub fn with_slices<const N: usize, R>(tensors: [&Tensor; N], f: impl FnOnce([&[f32]; N]) -> R) -> Result<R> {
    let mut contiguous = Vec::with_capacity(N);
    for tensor in tensors {
        contiguous.push(tensor.contiguous()?);
    }
    let guards: Vec<_> = contiguous.iter().map(Tensor::storage_and_layout).collect();
    let mut slices: [&[f32]; N] = [&[]; N];
    for (place, (storage, layout)) in slices.iter_mut().zip(&guards) {
        match &**storage {
            Storage::Cpu(storage) => *place = slice(storage, layout)?,
            _ => candle_core::bail!("this operation runs on the CPU only"),
        }
    }
    Ok(f(slices))
}
