//! Products of the model's own shapes, packed beforehand: the rate that a training step is measured against.

use clap::Args;
use serde_json::json;

use super::Common;
use crate::cli::Ended;
use crate::cli::interrupt::Interrupt;
use crate::cli::model;
use crate::model::{ModelError, Module, ProductType, weights};
use crate::ops::product::Isa;
use crate::train::rate::{ROWS, gflops};

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
            let (outputs, inputs) = spec.shape(0, module);
            let rate = gflops(product, outputs, inputs).map_err(ModelError::from)?;
            shapes.insert(format!("{ROWS}x{outputs}x{inputs}"), json!(rate));
        }
        figures.insert(format!("{}_gflops", product.name()), shapes.into());
    }
    figures.insert("instructions".to_owned(), json!(Isa::current().name()));
    args.common.print(figures.into());
    Ok(())
}
