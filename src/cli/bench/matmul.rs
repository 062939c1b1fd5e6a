//! Products of the model's own shapes, packed beforehand: the rate that a training step is measured against.

use std::time::Instant;

use clap::Args;
use half::bf16;
use serde_json::json;

use super::{Common, median};
use crate::cli::Ended;
use crate::cli::interrupt::Interrupt;
use crate::cli::model;
use crate::model::{ModelError, Module, ProductType, weights};
use crate::ops::FrozenWeight;
use crate::ops::product::{Element, Isa, Operand, Output, Panels, Weights, multiply};

/// Rows of a usual batch.
const ROWS: usize = 1024;
const REPEATS: usize = 9;

#[derive(Debug, Args)]
pub struct MatmulBench {
    #[command(flatten)]
    common: Common,
}

pub fn run(args: MatmulBench) -> Result<(), Ended> {
    args.common.start();
    let path = model::locate(&args.common.model, &Interrupt::listen())?;
    let spec = weights::open(&path)?.spec().clone();
    let mut figures = serde_json::Map::new();
    for product in [ProductType::F32, ProductType::Bf16, ProductType::Int8] {
        let mut shapes = serde_json::Map::new();
        for module in [Module::QProj, Module::GateProj, Module::DownProj] {
            let (outputs, inputs) = spec.shape(module);
            shapes.insert(format!("{ROWS}x{outputs}x{inputs}"), json!(rate(product, outputs, inputs)?));
        }
        figures.insert(format!("{}_gflops", product.name()), shapes.into());
    }
    figures.insert("instructions".to_owned(), json!(Isa::current().name()));
    args.common.print(figures.into());
    Ok(())
}

/// Billions of multiplications and additions a second.
pub fn rate(product: ProductType, outputs: usize, inputs: usize) -> Result<f64, Ended> {
    match product {
        ProductType::F32 => measure::<f32>(Weights::Packed(&packed(outputs, inputs)), outputs, inputs),
        ProductType::Bf16 => measure::<bf16>(Weights::Packed(&packed(outputs, inputs)), outputs, inputs),
        ProductType::Int8 => {
            // These are rounded as they are multiplied with.
            let weight =
                FrozenWeight::from_f32(outputs, inputs, &values(outputs * inputs)).map_err(ModelError::from)?;
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

fn measure<E: Element>(weights: Weights<'_, E>, outputs: usize, inputs: usize) -> Result<f64, Ended> {
    let isa = Isa::current();
    let mut x = Operand::<E>::default();
    x.set(isa, &values(ROWS * inputs), ROWS, inputs);
    let mut out = vec![0.0; ROWS * outputs];
    let mut secs = Vec::new();
    for _ in 0..REPEATS {
        let started = Instant::now();
        let output = Output { weights, adapter: None, column: 0 };
        multiply(isa, x.view(), &[output], &mut out, outputs, false).map_err(ModelError::from)?;
        secs.push(started.elapsed().as_secs_f64());
    }
    Ok(2e-9 * (ROWS * outputs * inputs) as f64 / median(secs))
}
