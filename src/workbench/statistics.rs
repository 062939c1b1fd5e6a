//! A project's statistics and its data card.

use std::ops::ControlFlow;
use std::path::Path;

use super::WorkbenchError;
use super::checks::ModelRendering;
use crate::data::Example;
use crate::data::card::{CardFacts, data_card};
use crate::data::checks::{CheckReport, Rendering};
use crate::data::statistics::{Collector, Item, Statistics, Tokens};
use crate::fs::{name_of, write_atomic};
use crate::project::{Annotations, Project, Reviewers};
use crate::recipe::ModelRef;
use crate::render::tally::Tally;
use crate::run::RunDir;
use crate::task::{Task, Unit};
use crate::words::thousands;

impl Tokens for ModelRendering {
    fn of_example(&self, example: &Example) -> Option<usize> {
        self.facts(example).ok().map(|facts| facts.num_tokens)
    }

    fn of_text(&self, text: &str) -> usize {
        self.chat.tokenizer.encode_text(text).map_or(0, |tokens| tokens.len())
    }
}

/// Statistics of the examples that take part.
///
/// # Errors
/// Where the store can't be read, or the task was stopped.
pub fn statistics(
    project: &mut Project,
    tokens: Option<&dyn Tokens>,
    task: &dyn Task,
) -> Result<Statistics, WorkbenchError> {
    let counts = project.counts()?;
    let total = counts.taking_part();
    let mut collector = Collector::new(tokens);
    project.for_each_present(&mut |stored| {
        if stored.takes_part() {
            let Annotations { source, review, date, .. } = &stored.annotations;
            collector.add(&Item {
                split: stored.split,
                example: &stored.example,
                source: source.as_deref(),
                review: review.as_str(),
                date: *date,
            });
            if collector.num_examples().is_multiple_of(256) {
                task.progress(collector.num_examples(), Some(total), Unit::Examples);
            }
        }
        if task.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if task.is_stopped() { Err(WorkbenchError::Stopped) } else { Ok(collector.finish()) }
}

/// The data card; `files` are names and SHA-256 of what was trained on, if anything was.
///
/// # Errors
/// Where the store can't be read.
pub fn card(
    project: &mut Project,
    statistics: &Statistics,
    files: &[(String, String)],
) -> Result<String, WorkbenchError> {
    let state = project.state()?;
    let agreement = project.reviewers()?.map(|reviewers| in_words(&reviewers));
    let report = CheckReport { findings: project.findings(None)?, ..CheckReport::default() };
    Ok(data_card(&CardFacts {
        title: &state.name,
        steps: &project.steps()?,
        left_out: state.counts.left_out(),
        agreement: agreement.as_deref(),
        statistics,
        findings: &report.counts(),
        not_counted: (&project.checks_off()?, project.not_faults(None)?.len()),
        files,
    }))
}

fn in_words(reviewers: &Reviewers) -> String {
    let Reviewers { source, num_shared, num_agreeing, kappa, .. } = reviewers;
    let kappa = kappa.map(|kappa| format!(", Cohen's kappa {kappa:.2}")).unwrap_or_default();
    format!(
        "A second reviewer (`{source}`) labelled {} of them, {} with the same label{kappa}.",
        thousands(*num_shared),
        thousands(*num_agreeing)
    )
}

/// Adds to a run's card what became of its examples, which is known once they are tokenised.
pub(super) fn add_to_card(run_dir: &Path, tally: &Tally) -> Result<(), WorkbenchError> {
    const HEADING: &str = "## Examples beyond the limit";
    let path = RunDir(run_dir).card();
    let card = std::fs::read_to_string(&path).map_err(WorkbenchError::io(&path))?;
    // A run that is resumed has said it already.
    if card.contains(HEADING) {
        return Ok(());
    }
    let none = || {
        let [all, limit] = [tally.num_examples, tally.max_length].map(thousands);
        format!("None of {all} is longer than {limit} tokens")
    };
    let words = tally.in_words().unwrap_or_else(none);
    let longest = thousands(tally.longest);
    let text = format!(
        "{card}\n{HEADING}\n\n{words} (`too_long = \"{}\"`); the longest has {longest}.\n",
        tally.too_long.name()
    );
    write_atomic(&path, text.as_bytes()).map_err(WorkbenchError::io(&path))
}

/// Writes the card of a run's data into its folder, and as a part of the run's own card.
pub(super) fn write_card(run_dir: &Path, base_model: &ModelRef, card: String) -> Result<(), WorkbenchError> {
    let dir = RunDir(run_dir);
    // The card's headings become one level deeper.
    let part = card.lines().map(|line| if line.starts_with('#') { format!("#{line}\n") } else { format!("{line}\n") });
    let readme = format!(
        "# {}\n\nTrained from `{base_model}` as `{}` says; the adapters are in `{}`.\n\n{}",
        dir.name(),
        name_of(&dir.recipe()),
        name_of(&dir.checkpoints()),
        part.collect::<String>()
    );
    for (path, text) in [(dir.data_card(), card), (dir.card(), readme)] {
        write_atomic(&path, text.as_bytes()).map_err(WorkbenchError::io(&path))?;
    }
    Ok(())
}
