//! How long a run will take on this machine. The speeds are measured, by a few real steps or by a whole run, and kept in
//! the user's cache folder for each machine, project, model and what of the settings matters. Here nothing is guessed: where
//! nothing was measured there is no time. [`super::estimate`] says about how long it takes with other models.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::cost::TokenMix;
use super::observer::RunFacts;
use super::preview::RunPreview;
use crate::model::ProductType;
use crate::ops::product::Isa;
use crate::recipe::Recipe;
use crate::run::{EvalMetrics, StepMetrics};

/// Speeds that are kept; the oldest go first.
const MOST_KEPT: usize = 500;
/// Fewer steps of a run than these say little: the first fills caches and buffers.
const LEAST_STEPS: usize = 3;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Real tokens a second, with everything that a step does.
    pub train_tokens_per_sec: f64,
    /// Held-out examples a second; `None` where there were none.
    pub eval_examples_per_sec: Option<f64>,
}

/// How it was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeasuredBy {
    /// A few real steps, before a run.
    Steps,
    /// A run of this name.
    Run(String),
}

/// A speed, and where it is from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownSpeed {
    pub speed: Speed,
    pub by: MeasuredBy,
    /// Seconds since 1970.
    pub at: u64,
    pub model: String,
    pub num_parameters: u64,
    /// What each token cost; `None` where an older version measured.
    #[serde(default)]
    pub work: Option<Work>,
}

/// What training on a token cost: by it the speed of one model says something of others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Work {
    pub product: ProductType,
    /// Multiplications and additions.
    pub flops_per_token: f64,
}

impl KnownSpeed {
    pub fn now(speed: Speed, by: MeasuredBy, model: String, num_parameters: u64) -> Self {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { speed, by, at, model, num_parameters, work: None }
    }
}

/// How long a run will take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunTime {
    pub train_secs: f64,
    pub eval_secs: f64,
    pub steps_per_sec: f64,
}

impl RunTime {
    pub fn total(&self) -> f64 {
        self.train_secs + self.eval_secs
    }
}

impl RunPreview {
    /// Looks at the held-out examples: before the first step, at each interval and at the end.
    pub fn num_evaluations(&self) -> usize {
        if self.num_validation_examples == 0 || self.num_steps == 0 {
            return 0;
        }
        1 + self.num_steps.div_ceil(self.eval_steps.max(1))
    }

    /// The time at a speed; `None` where what is needed of it was not measured.
    pub fn time(&self, speed: &Speed) -> Option<RunTime> {
        let epochs = self.num_steps as f64 / self.steps_per_epoch.max(1) as f64;
        let train_secs = epochs * self.num_tokens as f64 / speed.train_tokens_per_sec;
        let num_looked_at = self.num_evaluations() * self.num_validation_examples;
        let eval_secs = match num_looked_at {
            0 => 0.0,
            num => num as f64 / speed.eval_examples_per_sec?,
        };
        let is_known = train_secs.is_finite() && eval_secs.is_finite() && train_secs > 0.0;
        is_known.then(|| RunTime { train_secs, eval_secs, steps_per_sec: self.num_steps as f64 / train_secs })
    }
}

/// What a speed depends on, beside the machine. Epochs, the learning rate and the like change only how much there is to
/// do. The project is part of it, because its examples are.
pub fn speed_key(project: &Path, recipe: &Recipe) -> String {
    let (lora, training) = (&recipe.lora, &recipe.training);
    let project = std::path::absolute(project).unwrap_or_else(|_| project.to_owned());
    json!({
        "project": project,
        "model": recipe.base_model.to_string(),
        "init_adapter": recipe.init_adapter,
        "r": lora.r,
        "has_dropout": lora.lora_dropout > 0.0,
        "target_modules": lora.target_modules,
        "batch": training.per_device_train_batch_size,
        "packing": training.packing,
        "max_length": training.max_length,
        "too_long": training.too_long.name(),
        "train_on": training.train_on,
        "precision": training.precision,
        "device": training.device,
        "gradient_checkpointing": training.gradient_checkpointing,
    })
    .to_string()
}

/// The instructions that training computes with here, in words; empty where there are no special ones.
pub fn instruction_set() -> &'static str {
    Isa::current().words()
}

/// Adds up a run's steps and evaluations to its speed.
#[derive(Debug, Clone, Default)]
pub struct RunMeter {
    num_validation_examples: usize,
    mix: Option<TokenMix>,
    steps: Vec<(usize, f64)>,
    eval_secs: f64,
    num_evaluations: usize,
}

impl RunMeter {
    pub fn facts(&mut self, facts: &RunFacts) {
        self.num_validation_examples = facts.num_validation_examples;
        self.mix = Some(TokenMix::of(facts.num_tokens, facts.num_supervised_tokens, facts.num_examples));
    }

    /// How long the run's examples are; `None` before it began.
    pub fn mix(&self) -> Option<TokenMix> {
        self.mix
    }

    pub fn step(&mut self, step: &StepMetrics) {
        self.steps.push((step.num_tokens, step.step_secs));
    }

    pub fn eval(&mut self, eval: &EvalMetrics) {
        self.eval_secs += eval.eval_secs;
        self.num_evaluations += 1;
    }

    /// `None` where too few steps were done.
    pub fn speed(&self) -> Option<Speed> {
        // Without the first step, which fills caches and buffers.
        let steps = self.steps.get(1..).filter(|steps| steps.len() + 1 >= LEAST_STEPS)?;
        let num_looked_at = (self.num_evaluations * self.num_validation_examples) as f64;
        Some(Speed {
            train_tokens_per_sec: tokens_per_sec(steps)?,
            eval_examples_per_sec: (self.eval_secs > 0.0 && num_looked_at > 0.0)
                .then(|| num_looked_at / self.eval_secs),
        })
    }
}

/// Tokens per second, of pairs of tokens and seconds.
pub(super) fn tokens_per_sec(steps: &[(usize, f64)]) -> Option<f64> {
    let num_tokens: usize = steps.iter().map(|(num_tokens, _)| num_tokens).sum();
    let secs: f64 = steps.iter().map(|(_, secs)| secs).sum();
    (num_tokens > 0 && secs > 0.0).then(|| num_tokens as f64 / secs)
}

/// The file that speeds are kept in, or none: then they are forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpeedFile(pub Option<PathBuf>);

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    speeds: BTreeMap<String, KnownSpeed>,
    /// The rates of products alone, by their type.
    products: BTreeMap<String, f64>,
}

impl SpeedFile {
    /// In the user's cache folder.
    pub fn of_user() -> Self {
        let dirs = directories::ProjectDirs::from("", "", "tunewright");
        Self(dirs.map(|dirs| dirs.cache_dir().join("speeds.json")))
    }

    /// What was measured on this machine under a key of [`speed_key`].
    pub fn get(&self, key: &str) -> Option<KnownSpeed> {
        self.read().speeds.remove(&on_this_machine(key))
    }

    /// The last speed of each model that was measured on this machine, the smallest model first.
    pub fn by_model(&self) -> Vec<KnownSpeed> {
        let mut last: BTreeMap<(u64, String), KnownSpeed> = BTreeMap::new();
        let here = on_this_machine("");
        for (_, known) in self.read().speeds.into_iter().filter(|(key, _)| key.starts_with(&here)) {
            let entry = last.entry((known.num_parameters, known.model.clone())).or_insert_with(|| known.clone());
            if known.at > entry.at {
                *entry = known;
            }
        }
        last.into_values().collect()
    }

    /// Keeps it in place of an older one of the same key. A cache that can't be written is only logged.
    pub fn keep(&self, key: &str, known: &KnownSpeed) {
        let mut kept = self.read();
        kept.speeds.insert(on_this_machine(key), known.clone());
        while kept.speeds.len() > MOST_KEPT {
            let oldest = kept.speeds.iter().min_by_key(|(_, known)| known.at).map(|(key, _)| key.clone());
            oldest.and_then(|key| kept.speeds.remove(&key));
        }
        self.write(&kept);
    }

    /// The rate of products of a type on this machine, in multiplications and additions a second.
    pub fn products(&self, product: &str) -> Option<f64> {
        self.read().products.remove(&on_this_machine(product))
    }

    /// Keeps it, as [`Self::keep`] does.
    pub fn keep_products(&self, product: &str, rate: f64) {
        let mut kept = self.read();
        kept.products.insert(on_this_machine(product), rate);
        self.write(&kept);
    }

    fn write(&self, kept: &Kept) {
        let Some(path) = &self.0 else { return };
        let written = serde_json::to_vec_pretty(kept).map_err(std::io::Error::other);
        if let Err(error) = written.and_then(|text| crate::fs::write_atomic(path, &text)) {
            log::warn!("{} can't be written, so that the speed is forgotten: {error}", path.display());
        }
    }

    fn read(&self) -> Kept {
        let text = self.0.as_ref().and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

/// A home folder may be shared by machines, and another version may be quicker.
fn on_this_machine(key: &str) -> String {
    let host = sysinfo::System::host_name().unwrap_or_default();
    let threads = rayon::current_num_threads();
    format!("{host}, {threads} threads, {}, {} | {key}", Isa::current().name(), env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::ModelRef;

    fn preview(num_steps: usize, eval_steps: usize) -> RunPreview {
        RunPreview { num_steps, eval_steps, ..crate::train::preview::tests::preview() }
    }

    #[test]
    fn time_is_work_at_a_speed_and_never_guessed() {
        // Ten steps of 100 tokens an epoch, 4 held-out examples.
        let preview =
            RunPreview { num_tokens: 1000, steps_per_epoch: 10, num_validation_examples: 4, ..preview(30, 10) };
        let speed = Speed { train_tokens_per_sec: 50.0, eval_examples_per_sec: Some(2.0) };
        assert_eq!(preview.num_evaluations(), 4, "before, and after steps 10, 20 and 30");
        assert_eq!(
            preview.time(&speed),
            Some(RunTime { train_secs: 60.0, eval_secs: 8.0, steps_per_sec: 0.5 }),
            "three epochs"
        );
        let blind = Speed { eval_examples_per_sec: None, ..speed };
        assert_eq!(preview.time(&blind), None, "how long evaluating takes is not known");
        let none_held_out = RunPreview { num_validation_examples: 0, ..preview };
        assert_eq!(none_held_out.time(&blind).map(|time| time.total()), Some(60.0));
    }

    #[test]
    fn evaluations_are_counted_as_the_run_does_them() {
        for (num_steps, eval_steps, expected) in [(12, 5, 4), (12, 12, 2), (12, usize::MAX, 2), (1, 1, 2), (0, 1, 0)] {
            let preview = RunPreview { num_validation_examples: 1, ..preview(num_steps, eval_steps) };
            assert_eq!(preview.num_evaluations(), expected, "{num_steps} steps, every {eval_steps}");
        }
    }

    #[test]
    fn a_speed_is_found_again_under_the_settings_that_matter() {
        let folder = tempfile::tempdir().unwrap();
        let file = SpeedFile(Some(folder.path().join("cache/speeds.json")));
        let mut recipe = Recipe::new(ModelRef::Starter, "a".into());
        let key = |recipe: &Recipe| speed_key(Path::new("/p"), recipe);
        let speed = Speed { train_tokens_per_sec: 9.0, eval_examples_per_sec: None };
        let known = KnownSpeed::now(speed, MeasuredBy::Run("1".to_owned()), "starter".to_owned(), 7);
        file.keep(&key(&recipe), &known);
        recipe.training.num_train_epochs = 9.0;
        recipe.training.learning_rate = 1e-5;
        recipe.evaluation.eval_steps = 3;
        assert_eq!(file.get(&key(&recipe)), Some(known.clone()));
        assert_eq!(file.get(&speed_key(Path::new("/other"), &recipe)), None);
        recipe.training.per_device_train_batch_size += 1;
        assert_eq!(file.get(&key(&recipe)), None, "another batch size is another speed");
        assert_eq!(file.by_model(), [known]);
        assert_eq!(SpeedFile::default().by_model(), []);
    }

    #[test]
    fn a_run_is_measured_without_its_first_step() {
        let mut meter = RunMeter { num_validation_examples: 10, ..RunMeter::default() };
        let step = |step_secs: f64| StepMetrics {
            step: 1,
            epoch: 0.0,
            loss: 1.0,
            learning_rate: 0.1,
            grad_norm: 1.0,
            num_tokens: 100,
            num_supervised_tokens: 1,
            tokens_per_sec: 1.0,
            step_secs,
        };
        meter.step(&step(60.0));
        meter.step(&step(1.0));
        assert_eq!(meter.speed(), None, "too little");
        meter.step(&step(3.0));
        let eval =
            EvalMetrics { step: 0, epoch: 0.0, eval_loss: 1.0, eval_num_tokens: 1, eval_secs: 5.0, is_best: true };
        meter.eval(&eval);
        assert_eq!(meter.speed(), Some(Speed { train_tokens_per_sec: 50.0, eval_examples_per_sec: Some(2.0) }));
    }
}
