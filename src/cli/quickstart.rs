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
use crate::evaluate::{self, AnsweredExample, EvaluationReport, EvaluationRequest, HeldOut};
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

    print_result(&before, &after);
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
    let request = EvaluationRequest {
        model: plan.base_model.clone(),
        adapter,
        data: data.to_owned(),
        spec: plan.training.render_spec(),
        generate: true,
        with_base: false,
    };
    Ok(evaluate::run_on(model, &request, &Progress::new("Testing", &interrupt.control))?)
}

fn print_result(before: &EvaluationReport, after: &EvaluationReport) {
    let (Some(base), Some(tuned)) = (&before.before, &after.after) else { return };
    let percent = |h: &HeldOut| format!("{:.1} %", 100.0 * h.exact_match.unwrap_or_default());
    terminal::line(&format!("\nOn {} messages that were held out      before → after", base.num_examples));
    terminal::line(&format!("  loss per answer token              {:.3} → {:.3}", base.loss, tuned.loss));
    terminal::line(&format!("  all four fields exactly right      {} → {}", percent(base), percent(tuned)));
    let both = EvaluationReport {
        before: Some(base.clone()),
        after: Some(tuned.clone()),
        answers: before.answers.iter().zip(&after.answers).map(|(b, a)| both(b, a)).collect(),
        secs: before.secs + after.secs,
    };
    terminal::line(&format!("  {}", super::evaluate::verdict(&both).unwrap_or_default()));
    for (b, a) in before.answers.iter().zip(&after.answers).take(NUM_SHOWN) {
        print_example(b, a);
    }
}

fn both(before: &AnsweredExample, after: &AnsweredExample) -> AnsweredExample {
    AnsweredExample { before: before.before.clone(), ..after.clone() }
}

fn print_example(before: &AnsweredExample, after: &AnsweredExample) {
    terminal::line(&format!("\n  message   {}", before.prompt));
    terminal::line(&format!("  before    {}", one_line(before.before.as_deref())));
    terminal::line(&format!("  after     {}", one_line(after.after.as_deref())));
    terminal::line(&format!("  expected  {}", before.expected));
}

/// An untrained model rambles.
fn one_line(answer: Option<&str>) -> String {
    let line = answer.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(160) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}
