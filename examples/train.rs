//! The engine as a library: follows a recipe and prints the losses.
//!
//! `cargo run --release --no-default-features --example train -- recipe.toml my-run MODEL`, where `MODEL` is a GGUF file
//! or a folder.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to the terminal")]

use std::error::Error;
use std::path::PathBuf;

use tunewright::recipe::{Plan, Recipe};
use tunewright::task::Unwatched;
use tunewright::train::{self, TrainEvent};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(recipe), Some(run_dir), Some(model)) = (args.next(), args.next(), args.next()) else {
        return Err("usage: train RECIPE.toml RUN_FOLDER MODEL".into());
    };
    let plan = Plan::new(Recipe::read(&recipe)?, model, run_dir)?;
    let summary = train::run(&plan, &Unwatched, &mut |event: TrainEvent| match event {
        TrainEvent::Step(step) => println!("step {:>4}  loss {:.4}", step.step, step.loss),
        TrainEvent::Eval(eval) => println!("step {:>4}  validation loss {:.4}", eval.step, eval.eval_loss),
        TrainEvent::Warning(words) => eprintln!("{words}"),
        TrainEvent::Facts(_) | TrainEvent::Checkpoint { .. } => {}
    })?;
    if let Some(adapter) = summary.adapter {
        println!("The adapter is in {}, in PEFT's format", adapter.display());
    }
    Ok(())
}
