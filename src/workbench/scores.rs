//! Which examples matter: the loss of each under a model, and what to label next.

use std::ops::ControlFlow;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::WorkbenchError;
use crate::data::label_next::{Candidate, Pick, pick};
use crate::data::{Example, Role};
use crate::evaluate::{Judge, Scorer};
use crate::project::{ExampleLoss, ExampleQuery, Project, ProjectError, Review, StoredExample};
use crate::recipe::{ModelRef, Training};
use crate::run::RunRecord;
use crate::task::{Task, Unit};

/// Losses are kept this many examples at a time: a program that is killed loses no more.
const BATCH: usize = 128;
/// Prompts that a model is asked about, and texts they are compared with, at most; of more, a sample by lot.
const MAX_POOL: usize = 4096;
const SEED: u64 = 42;

/// What scoring came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoreReport {
    /// The model or run.
    pub from: String,
    pub num_scored: u64,
    /// Nothing of them is trained: they have no loss.
    pub num_without: u64,
}

/// What to label next.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct QueueReport {
    /// The most worthwhile first.
    pub chosen: Vec<Queued>,
    /// Prompts without an answer, and examples that nobody has reviewed.
    pub num_candidates: u64,
    /// How many of these the model was asked about.
    pub num_judged: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Queued {
    pub id: i64,
    pub number: u64,
    pub prompt: String,
    pub is_unanswered: bool,
    /// Mean negative log-probability of the model's own answer.
    pub doubt: f64,
    /// 0 to 1: how far from what is labelled already.
    pub novelty: f64,
}

/// The base model as it is.
pub fn base_judge(model: &ModelRef, training: &Training) -> Judge {
    Judge { name: model.to_string(), model: model.clone(), adapter: None, spec: training.render_spec() }
}

/// A run's base model with its adapter; `None` while it has none.
pub fn run_judge(run: &RunRecord) -> Option<Judge> {
    let adapter = Some(run.adapter.clone()?);
    let name = format!("run {}", run.name);
    Some(Judge { name, adapter, ..base_judge(&run.model, &run.recipe.training) })
}

/// Gives every example that takes part its loss. A stopped task keeps what there is until then.
///
/// # Errors
/// Where the store can't be read or written, or the model can't compute.
pub fn score(
    project: &mut Project,
    scorer: &mut Scorer<'_>,
    from: &str,
    task: &dyn Task,
) -> Result<ScoreReport, WorkbenchError> {
    let ids = project.matching_ids(&ExampleQuery::default())?;
    let mut report = ScoreReport { from: from.to_owned(), num_scored: 0, num_without: 0 };
    let total = ids.len() as u64;
    for (at, ids) in ids.chunks(BATCH).enumerate() {
        let mut stored = Vec::with_capacity(ids.len());
        for id in ids {
            stored.extend(part_taking(project, *id)?);
        }
        let examples: Vec<Example> = stored.iter().map(|stored| stored.example.clone()).collect();
        let part = Part { task, before: (at * BATCH) as u64, total };
        let losses = scorer.losses(&examples, &part)?;
        let is_cut_short = task.is_stopped();
        let found = stored.iter().zip(losses).map(|(stored, loss)| {
            let loss = loss.map(|loss| loss as f32);
            ExampleLoss { id: stored.id, content_key: stored.content_key, loss }
        });
        // What a stop kept from being looked at is not without a loss.
        let found: Vec<ExampleLoss> = found.filter(|found| found.loss.is_some() || !is_cut_short).collect();
        let num_scored = found.iter().filter(|found| found.loss.is_some()).count() as u64;
        report.num_scored += num_scored;
        report.num_without += found.len() as u64 - num_scored;
        project.set_losses(from, &found)?;
        if is_cut_short {
            return Err(WorkbenchError::Stopped);
        }
    }
    Ok(report)
}

/// `None` for an example that takes no part, or was removed meanwhile.
fn part_taking(project: &Project, id: i64) -> Result<Option<StoredExample>, WorkbenchError> {
    match project.example(id) {
        Ok(stored) => Ok(stored.takes_part().then_some(stored)),
        Err(ProjectError::NoSuchExample { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A part of a longer piece of work.
struct Part<'a> {
    task: &'a dyn Task,
    before: u64,
    total: u64,
}

impl Task for Part<'_> {
    fn progress(&self, done: u64, _total: Option<u64>, unit: Unit) {
        self.task.progress(self.before + done, Some(self.total), unit);
    }

    fn is_stopped(&self) -> bool {
        self.task.is_stopped()
    }
}

/// Finds up to `count` examples that are most worth a person's look, and puts them into the queue: prompts without an
/// answer first, then examples that nobody has reviewed.
///
/// # Errors
/// Where the store can't be read or written, or the model can't compute.
pub fn label_next(
    project: &mut Project,
    scorer: &Scorer<'_>,
    count: usize,
    task: &dyn Task,
) -> Result<QueueReport, WorkbenchError> {
    let Pools { unanswered, unreviewed, answered, reviewed } = Pools::read(project, task)?;
    let mut report =
        QueueReport { num_candidates: unanswered.num_seen + unreviewed.num_seen, ..QueueReport::default() };
    let answered: Vec<String> = answered.kept;
    choose(&mut report, &unanswered.kept, &answered, scorer, count, task)?;
    let mut known = reviewed.kept;
    known.extend(report.chosen.iter().map(|queued| queued.prompt.clone()));
    if report.chosen.len() < count {
        choose(&mut report, &unreviewed.kept, &known, scorer, count, task)?;
    }
    let ids: Vec<i64> = report.chosen.iter().map(|queued| queued.id).collect();
    project.set_queue(&ids)?;
    Ok(report)
}

/// Adds to what is chosen already, up to `count`.
fn choose(
    report: &mut QueueReport,
    pool: &[StoredExample],
    known: &[String],
    scorer: &Scorer<'_>,
    count: usize,
    task: &dyn Task,
) -> Result<(), WorkbenchError> {
    let examples: Vec<&Example> = pool.iter().map(|stored| &stored.example).collect();
    let doubts = scorer.doubts(&examples, task)?;
    let judged: Vec<(&StoredExample, String, f64)> = pool
        .iter()
        .zip(doubts)
        .filter_map(|(stored, doubt)| Some((stored, question(&stored.example), doubt?)))
        .collect();
    report.num_judged += judged.len() as u64;
    let candidates: Vec<_> = judged.iter().map(|(_, text, doubt)| Candidate { text, doubt: *doubt }).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    for Pick { index, novelty } in pick(&candidates, &known, count - report.chosen.len()) {
        let (stored, prompt, doubt) = &judged[index];
        report.chosen.push(Queued {
            id: stored.id,
            number: stored.number,
            prompt: prompt.clone(),
            is_unanswered: stored.example.is_unanswered(),
            doubt: *doubt,
            novelty,
        });
    }
    Ok(())
}

/// Examples that take part, by what is known of them.
#[derive(Default)]
struct Pools {
    /// Candidates.
    unanswered: Pool<StoredExample>,
    unreviewed: Pool<StoredExample>,
    /// What candidates should be unlike.
    answered: Pool<String>,
    reviewed: Pool<String>,
}

impl Pools {
    fn read(project: &mut Project, task: &dyn Task) -> Result<Self, WorkbenchError> {
        let mut pools = Self::default();
        let mut random = ChaCha8Rng::seed_from_u64(SEED);
        project.for_each_present(&mut |stored| {
            if stored.takes_part() {
                pools.add(stored, &mut random);
            }
            if task.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if task.is_stopped() { Err(WorkbenchError::Stopped) } else { Ok(pools) }
    }

    fn add(&mut self, stored: StoredExample, random: &mut ChaCha8Rng) {
        let is_reviewed = stored.annotations.review != Review::Unreviewed;
        match (stored.example.is_unanswered(), is_reviewed) {
            // Somebody has looked at it and left it so.
            (true, true) => {}
            (true, false) => self.unanswered.add(random, || stored),
            (false, true) => {
                self.answered.add(random, || question(&stored.example));
                self.reviewed.add(random, || question(&stored.example));
            }
            (false, false) => {
                self.answered.add(random, || question(&stored.example));
                self.unreviewed.add(random, || stored);
            }
        }
    }
}

/// All of a stream, or a fair sample of it (reservoir sampling).
struct Pool<T> {
    kept: Vec<T>,
    num_seen: u64,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { kept: Vec::new(), num_seen: 0 }
    }
}

impl<T> Pool<T> {
    fn add(&mut self, random: &mut ChaCha8Rng, make: impl FnOnce() -> T) {
        self.num_seen += 1;
        if self.kept.len() < MAX_POOL {
            return self.kept.push(make());
        }
        let place = random.random_range(0..self.num_seen) as usize;
        if let Some(kept) = self.kept.get_mut(place) {
            *kept = make();
        }
    }
}

/// What is asked last; the system message is the same everywhere and says nothing.
fn question(example: &Example) -> String {
    let prompt = example.prompt();
    let asked = prompt.iter().rev().find(|m| m.role == Role::User).or(prompt.last());
    asked.map(|m| m.content.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_keeps_all_or_a_fair_sample() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut pool = Pool::default();
        (0..100).for_each(|i| pool.add(&mut random, || i));
        assert_eq!(pool.kept, (0..100).collect::<Vec<_>>());
        (100..40_960).for_each(|i| pool.add(&mut random, || i));
        assert_eq!((pool.kept.len(), pool.num_seen), (MAX_POOL, 40_960));
        let mean = pool.kept.iter().sum::<i32>() as f64 / MAX_POOL as f64;
        assert!((mean / 20_480.0 - 1.0).abs() < 0.05, "{mean}");
    }
}
