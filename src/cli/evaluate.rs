//! `tunewright evaluate`: the loss on a file of examples, and with `--generate` how many answers are exactly right.

use std::path::PathBuf;

use clap::Args;

use super::Ended;
use super::interrupt::Interrupt;
use super::model::{self, ModelArgs};
use super::progress::Progress;
use super::terminal::{self, duration, thousands};
use crate::evaluate::{self, EvaluationRequest, HeldOut};
use crate::model::inspect;
use crate::recipe::{RenderSpec, TooLong, TrainOn};

#[derive(Debug, Args)]
pub struct EvaluateArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Examples in any known format
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Answer every prompt, too, and compare with the expected answer
    #[arg(long)]
    generate: bool,
    /// The loss is measured on examples of at most so many tokens
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = super::max_length)]
    max_length: usize,
    /// What becomes of longer ones: drop, cut_left, cut_right or split
    #[arg(long, value_name = "HOW", default_value = "drop", value_parser = super::too_long)]
    too_long: TooLong,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: EvaluateArgs) -> Result<(), Ended> {
    let interrupt = Interrupt::listen();
    let path = model::locate(&args.model.model, &interrupt)?;
    model::tell_notes(&inspect(&path)?);
    let request = EvaluationRequest {
        model: args.model.model,
        adapter: args.model.adapter,
        data: args.data,
        spec: RenderSpec { train_on: TrainOn::Assistant, max_length: args.max_length, too_long: args.too_long },
        generate: args.generate,
        with_base: false,
    };
    let report = evaluate::run(&request, &path, &Progress::new("Evaluating", &interrupt.cancel))?;
    let Some(held_out) = report.after.or(report.before) else {
        return Err(Ended::failed("The evaluation gave no figures."));
    };
    if args.json {
        terminal::line(&serde_json::to_string(&held_out).map_err(|error| Ended::failed(error.to_string()))?);
    } else {
        print(&held_out, report.secs);
    }
    Ok(())
}

fn print(held_out: &HeldOut, secs: f64) {
    terminal::line(&format!("loss         {:.4}", held_out.loss));
    terminal::line(&format!("perplexity   {:.3}", held_out.perplexity));
    if let Some(exact_match) = held_out.exact_match {
        terminal::line(&format!("exact match  {:.1} %", 100.0 * exact_match));
    }
    terminal::line(&format!("examples     {}", thousands(held_out.num_examples as u64)));
    terminal::line(&format!("tokens       {}", thousands(held_out.num_tokens as u64)));
    held_out.tally.notes().iter().for_each(|note| terminal::note(note));
    terminal::note(&format!("in {}", duration(secs)));
}
