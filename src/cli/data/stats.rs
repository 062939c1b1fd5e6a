//! `tunewright data stats`: what a project's examples look like in numbers; how far two reviewers agree.

use std::path::PathBuf;

use clap::Args;

use super::import::{column_role, mapping};
use crate::cli::interrupt::Interrupt;
use crate::cli::progress::Progress;
use crate::cli::terminal::{self, thousands};
use crate::cli::{Ended, model};
use crate::data::import::{ColumnRole, ImportRequest};
use crate::data::read_all;
use crate::data::statistics::{Agreement, Dates, Histogram, Statistics, Tokens, agreement};
use crate::project::{Project, Reviewers, SplitCounts};
use crate::recipe::{ModelRef, RenderSpec};
use crate::workbench::reviewers::import_second_reviewer;
use crate::workbench::statistics::{card, statistics};

/// How many sources, or reviews, are listed one by one.
const MAX_NAMED: usize = 20;

#[derive(Debug, Args)]
pub struct StatsArgs {
    /// The project's folder
    #[arg(long, value_name = "DIR", required_unless_present = "agreement")]
    project: Option<PathBuf>,
    /// Count in this model's tokens, too
    #[arg(long, value_name = "M", value_parser = |text: &str| Ok::<_, std::convert::Infallible>(ModelRef::parse(text)))]
    model: Option<ModelRef>,
    /// Print the data card, in Markdown
    #[arg(long, conflicts_with = "json")]
    card: bool,
    /// Two files with the labels of two reviewers: their agreement (Cohen's kappa) and where they differ
    #[arg(long, num_args = 2, value_names = ["FILE", "FILE"], conflicts_with_all = ["project", "model", "card"])]
    agreement: Vec<PathBuf>,
    /// Take a second reviewer's labels of the same prompts from this file, and say the agreement (Cohen's kappa) and
    /// where they differ
    #[arg(long, value_name = "FILE", requires = "project", conflicts_with_all = ["model", "card"])]
    reviewer: Option<PathBuf>,
    /// Which column of the second reviewer's file is what: user for the prompt, assistant for the label
    #[arg(long, value_name = "COLUMN=ROLE,…", value_delimiter = ',', value_parser = column_role, requires = "reviewer")]
    map: Vec<(String, ColumnRole)>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: StatsArgs) -> Result<(), Ended> {
    let interrupt = Interrupt::listen();
    if let [first, second] = args.agreement.as_slice() {
        let progress = Progress::new("Reading", &interrupt.control);
        let found = agreement(&read_all(first, &progress)?, &read_all(second, &progress)?);
        drop(progress);
        return if args.json { json(&found) } else { print_agreement(&found) };
    }
    let Some(folder) = args.project else { return Err(Ended::failed("Name a project with --project.")) };
    let mut project = Project::open(&folder)?;
    if let Some(file) = &args.reviewer {
        let request = ImportRequest { mapping: mapping(&args.map), ..ImportRequest::new(file) };
        import_second_reviewer(&mut project, &request, &Progress::new("Reading", &interrupt.control))?;
        let Some(found) = project.reviewers()? else { return Ok(()) };
        return if args.json { json(&found) } else { print_reviewers(&found) };
    }
    let rendering =
        args.model.as_ref().map(|model| model::rendering(model, RenderSpec::WHOLE, &interrupt)).transpose()?;
    let tokens = rendering.as_ref().map(|rendering| rendering as &dyn Tokens);
    let progress = Progress::new("Counting", &interrupt.control);
    let found = statistics(&mut project, tokens, &progress)?;
    drop(progress);
    if args.card {
        terminal::line(card(&mut project, &found, &[])?.trim_end());
        return Ok(());
    }
    let counts = project.counts()?;
    if args.json { json(&WithLeftOut::new(&found, &counts)) } else { print(&found, counts.left_out()) }
}

/// The statistics, and how many examples take no part in them.
#[derive(serde::Serialize)]
struct WithLeftOut<'a> {
    #[serde(flatten)]
    found: &'a Statistics,
    rejected: u64,
    set_aside: u64,
}

impl<'a> WithLeftOut<'a> {
    fn new(found: &'a Statistics, counts: &SplitCounts) -> Self {
        Self { found, rejected: counts.rejected, set_aside: counts.set_aside }
    }
}

fn json(value: &impl serde::Serialize) -> Result<(), Ended> {
    terminal::line(&serde_json::to_string(value).map_err(|error| Ended::failed(error.to_string()))?);
    Ok(())
}

fn print(found: &Statistics, left_out: Option<String>) -> Result<(), Ended> {
    let [train, validation, test] = found.by_split.map(thousands);
    terminal::line(&format!(
        "examples    {}: {train} train, {validation} validation, {test} test",
        thousands(found.num_examples)
    ));
    if let Some(words) = left_out {
        terminal::line(&format!("left out    {words}"));
    }
    terminal::line(&format!("duplicates  {}", thousands(found.num_duplicates)));
    let lengths = |name: &str, of: &Histogram, unit: &str| {
        let Histogram { min, median, p95, max, .. } = of;
        let [min, max, median, p95] = [min, max, median, p95].map(thousands);
        terminal::line(&format!("{name}{min} to {max} {unit}, median {median}, 95 % up to {p95}"));
    };
    lengths("prompts     ", &found.prompt_chars, "characters");
    lengths("answers     ", &found.answer_chars, "characters");
    if let Some(num_tokens) = &found.num_tokens {
        lengths("lengths     ", num_tokens, "tokens");
    }
    let turns: Vec<_> = found.turns.iter().map(|(turns, count)| format!("{turns} ({})", thousands(*count))).collect();
    terminal::line(&format!("turns       {}", turns.join(", ")));
    let named = |name: &str, counts: &[crate::data::statistics::NamedCount]| {
        let shown = counts.iter().take(MAX_NAMED).map(|c| format!("{} ({})", c.name, thousands(c.count)));
        let more = counts.len().saturating_sub(MAX_NAMED);
        let more = (more > 0).then(|| format!("and {} more", thousands(more as u64)));
        terminal::line(&format!("{name}{}", shown.chain(more).collect::<Vec<_>>().join(", ")));
    };
    named("sources     ", &found.sources);
    named("review      ", &found.reviews);
    if let Some(Dates { count, first, last }) = found.all_dates() {
        terminal::line(&format!("dates       {first} to {last} ({} examples with one)", thousands(count)));
    }
    for field in &found.fields {
        terminal::line(&format!("labels of {} (train + held out)", field.field));
        for label in &field.labels {
            let gap = label.gap().map(|gap| format!(", {gap}")).unwrap_or_default();
            let held_out = label.by_split[1] + label.by_split[2];
            terminal::line(&format!(
                "  {} {} + {}{gap}",
                label.label,
                thousands(label.by_split[0]),
                thousands(held_out)
            ));
        }
    }
    if !found.badly_split.is_empty() {
        terminal::line("words that the tokenizer takes apart (times, tokens)");
        for word in &found.badly_split {
            terminal::line(&format!("  {} {}, {}", word.word, thousands(word.count), word.num_tokens));
        }
    }
    Ok(())
}

fn print_reviewers(found: &Reviewers) -> Result<(), Ended> {
    let share = 100.0 * found.num_agreeing as f64 / found.num_shared.max(1) as f64;
    terminal::line(&format!("shared      {} examples", thousands(found.num_shared)));
    terminal::line(&format!(
        "only one    {} of the first, {} of the second",
        thousands(found.only_first),
        thousands(found.only_second)
    ));
    print_kappa(share, found.kappa);
    for (first, second, times) in &found.differences {
        terminal::line(&format!("  {first} | {second} | {} times", thousands(*times)));
    }
    Ok(())
}

fn print_kappa(share: f64, kappa: Option<f64>) {
    terminal::line(&format!("agreement   {share:.1} %"));
    match kappa {
        Some(kappa) => terminal::line(&format!("kappa       {kappa:.3}")),
        None => terminal::line("kappa       none: there is only one label, or nothing that both labelled"),
    }
}

fn print_agreement(found: &Agreement) -> Result<(), Ended> {
    let share = 100.0 * found.num_agreeing as f64 / found.num_shared.max(1) as f64;
    terminal::line(&format!("shared      {} prompts", thousands(found.num_shared as u64)));
    terminal::line(&format!(
        "only one    {} of the first, {} of the second",
        thousands(found.only_first),
        thousands(found.only_second)
    ));
    print_kappa(share, found.kappa);
    for difference in &found.disagreements {
        terminal::line(&format!("  {} | {} | {}", difference.first, difference.second, difference.prompt));
    }
    Ok(())
}
