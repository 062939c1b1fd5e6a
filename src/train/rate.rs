//! How fast this machine multiplies, measured by products of the shapes that training makes.

use std::time::Instant;

use candle_core::Result;
use half::bf16;

use crate::model::ProductType;
use crate::ops::FrozenWeight;
use crate::ops::product::{Element, Isa, Operand, Output, Panels, Weights, multiply};

/// Rows of a usual batch.
pub const ROWS: usize = 1024;
const REPEATS: usize = 9;

/// A product as it is in a small model, to know the machine by: outputs and inputs.
const USUAL: (usize, usize) = (1536, 1024);

/// The machine's rate at a usual product, in multiplications and additions a second. Takes less than half a second.
///
/// # Errors
/// Where a weight can't be made.
pub fn of_machine(product: ProductType) -> Result<f64> {
    Ok(1e9 * gflops(product, USUAL.0, USUAL.1)?)
}

/// Billions of multiplications and additions a second.
///
/// # Errors
/// Where a weight can't be made.
pub fn gflops(product: ProductType, outputs: usize, inputs: usize) -> Result<f64> {
    match product {
        ProductType::F32 => measure::<f32>(Weights::Packed(&packed(outputs, inputs)), outputs, inputs),
        ProductType::Bf16 => measure::<bf16>(Weights::Packed(&packed(outputs, inputs)), outputs, inputs),
        ProductType::Int8 => {
            // These are rounded as they are multiplied with.
            let weight = FrozenWeight::from_f32(outputs, inputs, &values(outputs * inputs))?;
            measure::<bf16>(Weights::Int8(&weight), outputs, inputs)
        }
    }
}

fn values(num: usize) -> Vec<f32> {
    (0..num).map(|i| ((i * 37 % 19) as f32 - 9.0) / 8.0).collect()
}

fn packed<E: Element>(outputs: usize, inputs: usize) -> Panels<E> {
    let mut panels = Panels::default();
    panels.set_transposed(Isa::current(), &values(outputs * inputs), outputs, inputs, 1.0);
    panels
}

fn measure<E: Element>(weights: Weights<'_, E>, outputs: usize, inputs: usize) -> Result<f64> {
    let isa = Isa::current();
    let mut x = Operand::<E>::default();
    x.set(isa, &values(ROWS * inputs), ROWS, inputs);
    let mut out = vec![0.0; ROWS * outputs];
    let mut secs = Vec::new();
    for _ in 0..REPEATS {
        let started = Instant::now();
        let output = Output { weights, adapter: None, column: 0 };
        multiply(isa, x.view(), &[output], &mut out, outputs, false)?;
        secs.push(started.elapsed().as_secs_f64());
    }
    secs.sort_by(f64::total_cmp);
    Ok(2e-9 * (ROWS * outputs * inputs) as f64 / secs[REPEATS / 2])
}
