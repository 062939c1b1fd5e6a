//! The report of a run, for people who weren't there: one self-contained HTML file, and a model card in Markdown.

mod svg;

use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use serde::Serialize;

use crate::evaluate::metrics::{Confusion, Direction, Scale};
use crate::evaluate::significance::Verdict3;
use crate::evaluate::{Evaluation, ExampleResult, Figure, Judgement, MetricFindings, SliceFindings, Turn};
use crate::run::metrics::Curves;
use crate::run::{RunNote, RunRecord};
use crate::words::{count, thousands};

const HTML: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/report/report.html"));
const CARD: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/report/card.md"));

/// Examples of each kind that are shown.
const NUM_EXAMPLES: usize = 5;
/// Labels of a matrix that can be read; of more, what is taken for what is listed.
const MAX_LABELS: usize = 24;
/// Characters of a text that are shown.
const MAX_CHARS: usize = 1200;

/// A file that can't be made.
#[derive(Debug, thiserror::Error)]
#[error("the report can't be written: {0}")]
pub struct ReportError(#[from] minijinja::Error);

/// What a report is made of.
pub struct Facts<'a> {
    pub run: &'a RunRecord,
    pub note: &'a RunNote,
    pub curves: &'a Curves,
    /// The recipe with every default written out.
    pub recipe: &'a str,
    /// The run's card of its data, in Markdown.
    pub data_card: &'a str,
    /// The base model's licence, where it is known.
    pub license: Option<&'a str>,
    /// On the examples that it held out.
    pub evaluation: Option<&'a Evaluation>,
    /// "test, 2026-12-01, weights of step 120"
    pub measured: Option<&'a str>,
    /// What was lost, in sentences; the verdict first.
    pub lost: &'a [String],
    /// What people said who compared answers blind, in sentences.
    pub ratings: &'a [String],
    /// How often the test examples were looked at.
    pub num_looks: usize,
    /// When it was released.
    pub released: Option<&'a str>,
    /// `tunewright 0.2.0`, machine and date.
    pub made: &'a str,
}

/// The report as one HTML file, with everything in it.
///
/// # Errors
/// [`ReportError`] where the template can't be filled in.
pub fn html(facts: &Facts<'_>) -> Result<String, ReportError> {
    render("report.html", HTML, facts)
}

/// The model card in Markdown.
///
/// # Errors
/// [`ReportError`] where the template can't be filled in.
pub fn card(facts: &Facts<'_>) -> Result<String, ReportError> {
    render("card.md", CARD, facts)
}

/// By its name, a template of HTML escapes what it is filled in with.
fn render(name: &str, template: &str, facts: &Facts<'_>) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_template(name, template)?;
    Ok(environment.get_template(name)?.render(Serde(page(facts)))?)
}

#[derive(Serialize)]
struct Page<'a> {
    title: String,
    model: String,
    goal: &'a str,
    license: Option<&'a str>,
    verdict: Option<VerdictWords>,
    measured: Option<&'a str>,
    num_looks: usize,
    released: Option<&'a str>,
    metrics: Vec<MetricWords>,
    notes: Vec<String>,
    curve: String,
    matrix: Option<MatrixWords>,
    confused: Vec<(String, String, String)>,
    slices: Vec<SliceWords>,
    slice_metric: String,
    examples: Vec<(&'static str, Vec<ExampleWords>)>,
    lost: &'a [String],
    ratings: &'a [String],
    limits: Vec<String>,
    recipe: &'a str,
    data_card: &'a str,
    data_sha256: Option<&'a str>,
    best_step: Option<usize>,
    num_steps: usize,
    made: &'a str,
}

#[derive(Serialize)]
struct VerdictWords {
    title: &'static str,
    words: String,
    is_good: bool,
}

#[derive(Serialize)]
struct MetricWords {
    title: String,
    about: String,
    before: String,
    after: String,
    interval: String,
    bar: String,
    verdict: &'static str,
    test: String,
}

#[derive(Serialize)]
struct MatrixWords {
    columns: Vec<String>,
    rows: Vec<(String, Vec<(u64, &'static str)>)>,
}

#[derive(Serialize)]
struct SliceWords {
    by: &'static str,
    value: String,
    num: String,
    before: String,
    after: String,
    interval: String,
}

#[derive(Serialize)]
struct ExampleWords {
    prompt: String,
    expected: String,
    before: String,
    after: String,
}

fn page<'a>(facts: &Facts<'a>) -> Page<'a> {
    let run = facts.run;
    let findings = facts.evaluation.map(|evaluation| &evaluation.findings);
    let confusion = findings.and_then(|findings| findings.confusion.get(1));
    let first = findings.and_then(|findings| findings.metrics.first());
    Page {
        title: run.name.clone(),
        model: run.model.to_string(),
        goal: facts.note.text.trim(),
        license: facts.license,
        verdict: facts.evaluation.and_then(verdict),
        measured: facts.measured,
        num_looks: facts.num_looks,
        released: facts.released,
        metrics: findings.map(|findings| findings.metrics.iter().map(metric).collect()).unwrap_or_default(),
        notes: findings.map(|findings| findings.notes()).unwrap_or_default(),
        curve: svg::curve(facts.curves, run.best_step),
        matrix: confusion.filter(|confusion| confusion.labels.len() <= MAX_LABELS).map(matrix),
        confused: confusion.map(confused).unwrap_or_default(),
        slices: match (findings, first) {
            (Some(findings), Some(first)) => findings.slices.iter().map(|slice| slice_words(first, slice)).collect(),
            _ => Vec::new(),
        },
        slice_metric: first.map(|metric| metric.title.clone()).unwrap_or_default(),
        examples: facts.evaluation.map(examples).unwrap_or_default(),
        lost: facts.lost,
        ratings: facts.ratings,
        limits: limits(facts),
        recipe: facts.recipe,
        data_card: facts.data_card,
        data_sha256: run.about.data_sha256.as_deref(),
        best_step: run.best_step,
        num_steps: run.num_steps_done,
        made: facts.made,
    }
}

fn verdict(evaluation: &Evaluation) -> Option<VerdictWords> {
    let judgement = Judgement::of(&evaluation.report)?;
    let words = judgement.in_words(thousands, |loss| format!("{loss:.3}"));
    let measures = evaluation.findings.in_words(1);
    Some(VerdictWords {
        title: judgement.title(),
        words: std::iter::once(words).chain(measures).collect::<Vec<_>>().join(". "),
        is_good: judgement.verdict.is_good(),
    })
}

/// A value in the words of its scale.
pub fn value_words(scale: Scale, value: f64) -> String {
    match scale {
        Scale::Share => format!("{:.1} %", 100.0 * value),
        Scale::Score => format!("{value:.1}"),
        Scale::Ratio => format!("{value:.2}"),
        Scale::Loss => format!("{value:.3}"),
    }
}

fn figure_words(scale: Scale, figure: Option<Figure>) -> String {
    figure.map_or_else(|| "–".to_owned(), |figure| value_words(scale, figure.value))
}

fn interval_words(scale: Scale, figure: Option<Figure>) -> String {
    figure.map_or_else(String::new, |figure| {
        format!("{} – {}", value_words(scale, figure.low), value_words(scale, figure.high))
    })
}

fn metric(metric: &MetricFindings) -> MetricWords {
    let figure = |at: usize| metric.figures.get(at).copied().flatten();
    let contrast = metric.contrasts.get(1).and_then(Option::as_ref);
    let verdict = match (metric.direction, contrast.map(|contrast| contrast.verdict)) {
        (_, None) => "",
        (Direction::Neither, _) => "no better or worse",
        (_, Some(Verdict3::Better)) => "better",
        (_, Some(Verdict3::Worse)) => "worse",
        (_, Some(Verdict3::CantTell { .. })) => "can't tell",
    };
    MetricWords {
        title: metric.title.clone(),
        about: metric.about.clone(),
        before: figure_words(metric.scale, figure(0)),
        after: figure_words(metric.scale, figure(1)),
        interval: interval_words(metric.scale, figure(1).or(figure(0))),
        bar: if metric.scale == Scale::Share { svg::intervals(figure(0), figure(1)) } else { String::new() },
        verdict,
        test: contrast.map(|contrast| contrast.in_words()).unwrap_or_default(),
    }
}

fn slice_words(metric: &MetricFindings, slice: &SliceFindings) -> SliceWords {
    let figure = |at: usize| slice.figures.get(at).copied().flatten();
    SliceWords {
        by: slice.by.title(),
        value: slice.value.clone(),
        num: thousands(slice.num as u64),
        before: figure_words(metric.scale, figure(0)),
        after: figure_words(metric.scale, figure(1)),
        interval: interval_words(metric.scale, figure(1)),
    }
}

fn matrix(confusion: &Confusion) -> MatrixWords {
    let class = |row: usize, column: usize, count: u64| match (count, row == column) {
        (0, _) => "none",
        (_, true) => "right",
        (_, false) => "wrong",
    };
    let rows = confusion.labels.iter().zip(&confusion.counts).enumerate().map(|(row, (label, counts))| {
        let cells = counts.iter().enumerate().map(|(column, count)| (*count, class(row, column, *count)));
        (label.clone(), cells.collect())
    });
    MatrixWords {
        rows: rows.collect(),
        columns: confusion.labels.iter().cloned().chain(["other".to_owned()]).collect(),
    }
}

fn confused(confusion: &Confusion) -> Vec<(String, String, String)> {
    let pairs = confusion.confused().into_iter().take(2 * NUM_EXAMPLES);
    pairs.map(|(expected, answered, num)| (expected, answered, thousands(num))).collect()
}

/// The largest gains and losses, and some by lot: every so many.
fn examples(evaluation: &Evaluation) -> Vec<(&'static str, Vec<ExampleWords>)> {
    let examples = &evaluation.report.examples;
    let turn = |at: usize| evaluation.findings.metrics.first().and_then(|metric| metric.turn(1, at));
    let change = |at: usize| examples[at].loss_change(1).unwrap_or_default();
    let of_turn = |wanted: Turn| {
        let mut places: Vec<usize> = (0..examples.len()).filter(|at| turn(*at) == Some(wanted)).collect();
        places.sort_by(|a, b| change(*b).total_cmp(&change(*a)));
        places
    };
    let mut worst = of_turn(Turn::GotWorse);
    worst.extend(of_turn(Turn::SameNotRight));
    let best: Vec<usize> = of_turn(Turn::Right).into_iter().rev().collect();
    let step = examples.len().div_ceil(NUM_EXAMPLES).max(1);
    let random: Vec<usize> = (0..examples.len()).step_by(step).collect();
    [("Got worse, or still wrong", worst), ("Gained most", best), ("By lot", random)]
        .map(|(title, places)| {
            let shown = places.into_iter().take(NUM_EXAMPLES).filter_map(|at| examples.get(at)).map(example_words);
            (title, shown.collect::<Vec<_>>())
        })
        .into_iter()
        .filter(|(_, shown)| !shown.is_empty())
        .collect()
}

fn example_words(example: &ExampleResult) -> ExampleWords {
    let answer = |at: usize| example.answer(at).map_or_else(|| "–".to_owned(), short);
    ExampleWords {
        prompt: short(&example.prompt),
        expected: short(&example.expected),
        before: answer(0),
        after: answer(1),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// What a reader must not conclude.
fn limits(facts: &Facts<'_>) -> Vec<String> {
    let mut limits = Vec::new();
    match facts.evaluation {
        None => {
            limits.push("It was not measured on held-out examples: nothing is known of how well it works.".to_owned())
        }
        Some(evaluation) => {
            let num = evaluation.report.examples.len();
            let examples = count(num, "held-out example", "held-out examples");
            limits.push(format!(
                "All figures are of {examples} that resemble the training data; other inputs may fare otherwise."
            ));
            let unsure = evaluation.findings.metrics.iter().filter(|metric| {
                let contrast = metric.contrasts.get(1).and_then(Option::as_ref);
                contrast.is_some_and(|contrast| matches!(contrast.verdict, Verdict3::CantTell { .. }))
            });
            let unsure: Vec<_> = unsure.map(|metric| metric.title.to_lowercase()).collect();
            if !unsure.is_empty() {
                limits.push(format!("Too few examples to tell whether these changed: {}.", unsure.join(", ")));
            }
        }
    }
    if facts.num_looks > 1 {
        limits.push(format!(
            "The test examples were looked at {} times: figures that were chosen by looking are too good.",
            thousands(facts.num_looks)
        ));
    }
    if facts.lost.is_empty() {
        limits.push("It was not measured what the model lost of what it could do before.".to_owned());
    }
    if facts.ratings.is_empty() {
        limits.push("This report holds no blind ratings of its answers.".to_owned());
    }
    limits
}

#[cfg(test)]
mod tests;
