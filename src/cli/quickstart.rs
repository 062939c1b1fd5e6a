//! `tunewright quickstart`: the whole way in one command. The starter model learns the starter data set, and examples
//! that it has not seen show what that brought.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use super::interrupt::Interrupt;
use super::observer::Readable;
use super::progress::Progress;
use super::terminal::{self, duration};
use super::{Ended, model, train};
use crate::data::import::ImportRequest;
use crate::data::{self, Split, starter};
use crate::engine::EngineError;
use crate::evaluate::{self, Contender, ContenderReport, EvaluationReport, EvaluationRequest, ExampleResult, Outcomes};
use crate::hub;
use crate::model::LanguageModel;
use crate::recipe::{ModelRef, Plan, Recipe};
use crate::run::RunDir;
use crate::task::Unwatched;
use crate::train::sft;

const NUM_SHOWN: usize = 3;

#[derive(Debug, Args)]
pub struct QuickstartArgs {
    /// How often every example is seen
    #[arg(long, value_name = "N", default_value_t = 2.0, value_parser = epochs)]
    epochs: f64,
}

pub fn run(args: QuickstartArgs) -> Result<(), Ended> {
    let started = Instant::now();
    let interrupt = Interrupt::listen();
    let model_path = model::locate(&ModelRef::Starter, &interrupt)?;
    let folder = new_folder()?;
    let Parts { train: train_data, validation, test: test_data } = deal_data(&folder)?;
    let plan = Plan::new(recipe(train_data, validation, args.epochs), model_path, folder)?;
    let model = LanguageModel::load(&plan.model_path, &Progress::new("Loading", &interrupt.control))?;

    terminal::note("Testing the model as it is, on messages that it will not see in training");
    let before = test(&model, &plan, None, &test_data, &interrupt)?;
    terminal::note("Training");
    let readable = Readable::new(&interrupt.control);
    let summary = sft::run_on(&model, &plan, &readable, &mut |event| readable.observe(event))?;
    drop(readable);
    terminal::note(&train::in_words(&summary));
    if summary.was_stopped {
        let run = plan.run_dir.display();
        terminal::note(&format!("Stopped; this resumes from here: tunewright train '{run}/recipe.toml' --out '{run}'"));
        return Err(Ended::Stopped);
    }
    terminal::note("Testing the tuned model on the same messages");
    let after = test(&model, &plan, summary.adapter.clone(), &test_data, &interrupt)?;

    print_result(&before.joined_by(after));
    if let Some(adapter) = &summary.adapter {
        terminal::line(&format!("\nThe adapter lies in {}", adapter.display()));
    }
    terminal::line(&format!("All of it took {}", duration(started.elapsed().as_secs_f64())));
    Ok(())
}

fn epochs(text: &str) -> Result<f64, String> {
    super::number(text, 0.01, 1000.0)
}

fn recipe(train: PathBuf, validation: PathBuf, epochs: f64) -> Recipe {
    let mut recipe = Recipe::for_starter_data(train);
    recipe.data.validation = Some(validation);
    recipe.training.num_train_epochs = epochs;
    recipe
}

/// A run of its own for each quickstart, beside the models.
fn new_folder() -> Result<PathBuf, Ended> {
    let models = hub::models_dir();
    let folder = models.parent().unwrap_or(&models).join("quickstart");
    let today = jiff::Zoned::now().strftime("%Y-%m-%d").to_string();
    std::fs::create_dir_all(&folder).map_err(EngineError::io(&folder))?;
    for number in 1.. {
        let run_dir = folder.join(format!("{today}-{number}"));
        match std::fs::create_dir(&run_dir) {
            Ok(()) => return Ok(run_dir),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(EngineError::io(&run_dir)(error).into()),
        }
    }
    Err(Ended::failed("no free folder name is left"))
}

/// The files of the data set's parts.
struct Parts {
    train: PathBuf,
    validation: PathBuf,
    test: PathBuf,
}

/// Splits the starter data set into three files; rows that can't be trained on stay out, and are reported.
fn deal_data(folder: &Path) -> Result<Parts, Ended> {
    let source = folder.join(starter::FILE_NAME);
    crate::fs::write_atomic(&source, starter::BYTES).map_err(EngineError::io(&source))?;
    let request = ImportRequest::new(source);
    let mut examples = Vec::new();
    let report = data::read_examples(&request, &Unwatched, &mut |read| {
        // One of the planted blemishes; it would teach the model to say nothing.
        match read.example.answer() {
            Some(answer) if !answer.trim().is_empty() => examples.push(read.example),
            _ => terminal::note(&format!("Line {} is left out: it has no answer", read.line)),
        }
        std::ops::ControlFlow::Continue(())
    })?;
    for rejected in &report.rejected {
        terminal::note(&format!("Line {} is left out: {}", rejected.line, rejected.reason));
    }
    let splits = data::split::split_examples(&examples, &request.split);
    let write = |split: Split| -> Result<PathBuf, Ended> {
        let path = RunDir(folder).data_of(split);
        let mut lines = Vec::new();
        for (example, _) in examples.iter().zip(&splits).filter(|(_, of)| **of == split) {
            serde_json::to_writer(&mut lines, example).map_err(|error| Ended::failed(error.to_string()))?;
            lines.push(b'\n');
        }
        crate::fs::write_atomic(&path, &lines).map_err(EngineError::io(&path))?;
        Ok(path)
    };
    Ok(Parts { train: write(Split::Train)?, validation: write(Split::Validation)?, test: write(Split::Test)? })
}

fn test(
    model: &LanguageModel,
    plan: &Plan,
    adapter: Option<PathBuf>,
    data: &Path,
    interrupt: &Interrupt,
) -> Result<EvaluationReport, Ended> {
    let (base, spec) = (plan.base_model.clone(), plan.training.render_spec());
    let contender = match adapter {
        Some(adapter) => Contender::tuned(base, adapter, spec.format),
        None => Contender::base(base, spec.format),
    };
    let request = EvaluationRequest {
        contenders: vec![contender],
        data: data.to_owned(),
        spec,
        generate: true,
        labels: false,
        answers: None,
    };
    Ok(evaluate::run_on(model, &request, &Progress::new("Testing", &interrupt.control))?)
}

fn print_result(report: &EvaluationReport) {
    let measured = |contender: Option<&ContenderReport>| contender.and_then(|contender| contender.measured);
    let (Some(base), Some(tuned)) = (measured(report.before()), measured(report.after())) else { return };
    terminal::line(&format!("\nOn {} messages that were held out      before → after", base.num_examples));
    terminal::line(&format!("  loss per answer token              {:.3} → {:.3}", base.loss, tuned.loss));
    if let Some(all) = Outcomes::of(report) {
        let percent = |right: u64| format!("{:.1} %", 100.0 * right as f64 / all.num as f64);
        let (before, after) = (percent(all.right_before), percent(all.right_after));
        terminal::line(&format!("  all four fields exactly right      {before} → {after}"));
    }
    terminal::line(&format!("  {}", super::evaluate::verdict(report).unwrap_or_default()));
    report.examples.iter().take(NUM_SHOWN).for_each(print_example);
}

fn print_example(example: &ExampleResult) {
    terminal::line(&format!("\n  message   {}", example.prompt));
    terminal::line(&format!("  before    {}", one_line(example.answer(0))));
    terminal::line(&format!("  after     {}", one_line(example.answer(1))));
    terminal::line(&format!("  expected  {}", example.expected));
}

/// An untrained model rambles.
fn one_line(answer: Option<&str>) -> String {
    let line = answer.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(160) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}
