//! The figures of an evaluation: every metric with its interval, what tuning changed with a paired test, and slices.

use serde::Serialize;

use super::EvaluationReport;
use super::metrics::{self, Case, Chosen, Confusion, DataFacts, Direction, LabelSet, OTHER, Scale, Scores};
use super::significance::{self, Contrast, Verdict3};
use super::slices::{Slice, SliceBy, slices};

/// What is made of a report.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Findings {
    /// In the report's order: the others are compared with the first.
    #[serde(skip)]
    pub contenders: Vec<String>,
    pub num_examples: usize,
    /// The most telling first.
    pub metrics: Vec<MetricFindings>,
    /// One for each contender, where the expected answers come from a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub confusion: Vec<Confusion>,
    /// By contender and example: the expected label, and the answered one or "other".
    #[serde(skip)]
    pub label_pairs: Vec<Vec<Option<(String, String)>>>,
    /// The first metric in parts of the examples.
    pub slices: Vec<SliceFindings>,
    /// Metrics that were asked for and don't fit, with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_measured: Vec<(String, String)>,
}

/// One metric of all contenders.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricFindings {
    /// As it is asked for: `json_field:category`.
    pub name: String,
    pub title: String,
    pub about: String,
    pub direction: Direction,
    pub scale: Scale,
    /// One for each contender; none where it gave nothing to measure.
    pub figures: Vec<Option<Figure>>,
    /// What each contender changes against the first; the first's own is none.
    pub contrasts: Vec<Option<Contrast>>,
    /// By contender and example.
    #[serde(skip)]
    pub values: Vec<Vec<Option<f64>>>,
}

/// A value with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    pub value: f64,
    pub low: f64,
    pub high: f64,
    /// Examples that it is of.
    pub num: usize,
}

/// One slice under the first metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SliceFindings {
    pub by: SliceBy,
    pub value: String,
    pub num: usize,
    pub figures: Vec<Option<Figure>>,
    pub contrasts: Vec<Option<Contrast>>,
    /// Places in the report's examples.
    #[serde(skip)]
    pub examples: Vec<usize>,
}

/// The metric that needs no answers.
pub const LOSS: &str = "loss";
/// The same evaluation gives the same intervals.
const SEED: u64 = 12_345;

/// A metric of all contenders before intervals and tests.
struct Scored {
    name: String,
    title: String,
    about: String,
    direction: Direction,
    scale: Scale,
    /// By contender.
    scores: Vec<Scores>,
}

impl Scored {
    fn of(chosen: &Chosen, scores: Vec<Scores>) -> Self {
        let metric = chosen.metric;
        Self {
            name: chosen.to_string(),
            title: chosen.title(),
            about: metric.about.to_owned(),
            direction: metric.direction,
            scale: metric.scale,
            scores,
        }
    }

    fn findings(&self) -> MetricFindings {
        let (figures, contrasts) = compare(&self.scores, self.direction);
        MetricFindings {
            name: self.name.clone(),
            title: self.title.clone(),
            about: self.about.clone(),
            direction: self.direction,
            scale: self.scale,
            figures,
            contrasts,
            values: self.scores.iter().map(Scores::per_example).collect(),
        }
    }

    fn slice(&self, slice: Slice) -> SliceFindings {
        let scores: Vec<_> = self.scores.iter().map(|scores| scores.only(&slice.examples)).collect();
        let (figures, contrasts) = compare(&scores, self.direction);
        let num = slice.examples.len();
        SliceFindings { by: slice.by, value: slice.value, num, figures, contrasts, examples: slice.examples }
    }
}

fn compare(scores: &[Scores], direction: Direction) -> (Vec<Option<Figure>>, Vec<Option<Contrast>>) {
    let figures = scores.iter().map(figure).collect();
    let against_first = |(at, scores_of): (usize, &Scores)| {
        let first = scores.first().filter(|_| at > 0)?;
        significance::contrast(first, scores_of, direction, SEED)
    };
    (figures, scores.iter().enumerate().map(against_first).collect())
}

fn figure(scores: &Scores) -> Option<Figure> {
    let num = scores.num();
    if num == 0 {
        return None;
    }
    let value = scores.value();
    let (low, high) = match scores.is_binary {
        true => significance::wilson((value * num as f64).round() as u64, num as u64),
        false => significance::interval(scores, SEED),
    };
    Some(Figure { value, low, high, num })
}

/// A contender's answers under a metric.
fn answered(report: &EvaluationReport, contender: usize, chosen: &Chosen) -> Scores {
    let cases: Vec<Option<Case<'_>>> = report
        .examples
        .iter()
        .map(|example| {
            // A call of tools, or an answer that is still to be written, is nothing to compare with.
            let answer = example.outcomes.get(contender)?.answer.as_ref().filter(|_| !example.expected.is_empty())?;
            Some(Case {
                expected: &example.expected,
                answer: &answer.text,
                expected_tokens: example.expected_tokens,
                answer_tokens: answer.num_tokens,
            })
        })
        .collect();
    Scores::of(chosen, cases.iter().map(Option::as_ref))
}

/// The loss by token: of examples, their sums.
fn loss(report: &EvaluationReport) -> Scored {
    let ratio = |sums: &[f64]| sums[0] / sums[1];
    let of = |contender: usize| {
        let numbers = report.examples.iter().map(|example| {
            let outcome = example.outcomes.get(contender)?;
            let num_tokens = outcome.num_tokens as f64;
            Some(vec![outcome.loss? * num_tokens, num_tokens])
        });
        Scores::new(numbers.collect(), ratio, ratio)
    };
    Scored {
        name: LOSS.to_owned(),
        title: "Loss on answers".to_owned(),
        about: "How unlikely the model finds the expected answers, in nats per token: 0 is certain".to_owned(),
        direction: Direction::LowerIsBetter,
        scale: Scale::Loss,
        scores: (0..report.contenders.len()).map(of).collect(),
    }
}

/// The likeliest label against the expected one.
fn picked(report: &EvaluationReport) -> Scored {
    let mean = |sums: &[f64]| sums[0] / sums[1];
    let of = |contender: usize| {
        let numbers = report.examples.iter().map(|example| {
            let pick = example.outcomes.get(contender)?.label.as_ref()?;
            Some(vec![if pick.label == example.expected.trim() { 1.0 } else { 0.0 }, 1.0])
        });
        Scores::new(numbers.collect(), mean, mean).of_right_and_wrong()
    };
    Scored {
        name: "label_likelihood".to_owned(),
        title: "Likeliest label right".to_owned(),
        about: "How often the label that the model finds likeliest, of all labels, is the expected one".to_owned(),
        direction: Direction::HigherIsBetter,
        scale: Scale::Share,
        scores: (0..report.contenders.len()).map(of).collect(),
    }
}

/// What tuning did to one example, under one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Turn {
    GotWorse,
    /// Better than before, and not as good as can be.
    BetterNotRight,
    SameNotRight,
    Right,
}

impl MetricFindings {
    /// What became of an example between the first contender and another; `None` where either has no value.
    pub fn turn(&self, contender: usize, example: usize) -> Option<Turn> {
        let value = |contender: usize| *self.values.get(contender)?.get(example)?;
        let (before, after) = (value(0)?, value(contender)?);
        let gain = match self.direction {
            Direction::LowerIsBetter => before - after,
            _ => after - before,
        };
        let is_right = match (self.scale, self.direction) {
            (Scale::Share, Direction::HigherIsBetter) => after >= 1.0,
            (Scale::Score, Direction::HigherIsBetter) => after >= 100.0,
            // There is no best loss.
            _ => gain > 0.0,
        };
        Some(match (is_right, gain) {
            (_, gain) if gain < 0.0 => Turn::GotWorse,
            (true, _) => Turn::Right,
            (false, gain) if gain > 0.0 => Turn::BetterNotRight,
            _ => Turn::SameNotRight,
        })
    }
}

/// A report with what is made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    pub report: EvaluationReport,
    pub findings: Findings,
}

impl Evaluation {
    /// By every metric that the data suggest.
    pub fn of(report: EvaluationReport) -> Self {
        let findings = Findings::of(&report, &[]);
        Self { report, findings }
    }
}

impl Findings {
    /// By the metrics that are asked for (`loss` is one), or by every one that the data suggest where none is.
    pub fn of(report: &EvaluationReport, wanted: &[String]) -> Self {
        let facts = DataFacts::of(report.examples.iter().map(|example| example.expected.as_str()));
        let mut findings = Self {
            contenders: report.contenders.iter().map(|contender| contender.name.clone()).collect(),
            num_examples: report.examples.len(),
            ..Self::default()
        };
        let mut scored = Vec::new();
        let has_answers = report.has_answers();
        let chosen = match wanted.is_empty() {
            true if has_answers => metrics::offered(&facts),
            true => Vec::new(),
            false => findings.choose(wanted, &facts, has_answers),
        };
        for chosen in &chosen {
            let scores = (0..report.contenders.len()).map(|at| answered(report, at, chosen)).collect();
            scored.push(Scored::of(chosen, scores));
        }
        if report.examples.iter().flat_map(|example| &example.outcomes).any(|outcome| outcome.label.is_some()) {
            scored.push(picked(report));
        }
        if wanted.is_empty() || wanted.iter().any(|name| name == LOSS) {
            scored.push(loss(report));
        }
        // What nobody has a value of says nothing.
        scored.retain(|scored| scored.scores.iter().any(|scores| scores.num() > 0));
        findings.metrics = scored.iter().map(Scored::findings).collect();
        if let (Some(labels), true) = (&facts.labels, has_answers) {
            findings.add_confusion(report, labels);
        }
        if let Some(first) = scored.first() {
            let labels = facts.labels.as_ref().map(LabelSet::labels);
            let slices = slices(&report.examples, labels);
            findings.slices = slices.into_iter().map(|slice| first.slice(slice)).collect();
        }
        findings
    }

    /// By every metric that the data suggest, and by these.
    pub fn with(report: &EvaluationReport, more: &[String]) -> Self {
        let mut findings = Self::of(report, &[]);
        let is_missing = |name: &&String| findings.metrics.iter().all(|metric| metric.name != **name);
        let missing: Vec<String> = more.iter().filter(is_missing).cloned().collect();
        if !missing.is_empty() {
            let others = Self::of(report, &missing);
            findings.metrics.extend(others.metrics);
            findings.not_measured = others.not_measured;
        }
        findings
    }

    fn choose(&mut self, wanted: &[String], facts: &DataFacts, has_answers: bool) -> Vec<Chosen> {
        let mut chosen = Vec::new();
        for name in wanted.iter().filter(|name| *name != LOSS) {
            match Chosen::parse(name, facts) {
                Ok(_) if !has_answers => self.not_measured.push((name.clone(), "no answers were written".to_owned())),
                Ok(metric) => chosen.push(metric),
                Err(error) => self.not_measured.push((name.clone(), error.to_string())),
            }
        }
        chosen
    }

    fn add_confusion(&mut self, report: &EvaluationReport, labels: &LabelSet) {
        let name = |text: &str| labels.find(text).map_or(OTHER, |at| labels.labels()[at].as_str()).to_owned();
        for contender in 0..report.contenders.len() {
            let pairs = || report.examples.iter().map(|e| Some((e.expected.as_str(), e.answer(contender)?)));
            self.confusion.push(Confusion::of(labels, pairs().flatten()));
            self.label_pairs.push(pairs().map(|pair| pair.map(|(of, is)| (name(of), name(is)))).collect());
        }
    }

    /// An example's expected label, and the one that a contender answered ("other" where it is none).
    pub fn label_pair(&self, contender: usize, example: usize) -> Option<(&String, &String)> {
        self.label_pairs.get(contender)?.get(example)?.as_ref().map(|(expected, answered)| (expected, answered))
    }

    /// What is said beside the figures.
    pub fn notes(&self) -> Vec<String> {
        self.not_measured.iter().map(|(name, reason)| format!("{name} is not measured: {reason}")).collect()
    }

    /// `3 of 4 measures are better`
    pub fn in_words(&self, contender: usize) -> Option<String> {
        let (better, worse, of) = self.tally(contender);
        let worse = if worse > 0 { format!(", {worse} worse") } else { String::new() };
        (of > 1).then(|| format!("{better} of {of} measures are better{worse}"))
    }

    /// How many measures are better and how many worse than the first contender's, of those that say which way is better.
    pub fn tally(&self, contender: usize) -> (usize, usize, usize) {
        let telling = self.metrics.iter().filter(|metric| metric.direction != Direction::Neither);
        let verdicts: Vec<_> =
            telling.filter_map(|metric| Some(metric.contrasts.get(contender)?.as_ref()?.verdict)).collect();
        let num = |wanted: Verdict3| verdicts.iter().filter(|verdict| **verdict == wanted).count();
        (num(Verdict3::Better), num(Verdict3::Worse), verdicts.len())
    }
}
