//! `recipe.toml`, version 1, exactly as a person writes it. Names are those of Transformers' `TrainingArguments` and
//! PEFT's `LoraConfig`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::explain::{explain, line_of};
use super::run_mark::is_run;
use super::{ModelRef, TooLong, params};

/// What is wrong with a recipe; the message names the key and what it may be.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: {message}", path.display())]
    Syntax { path: PathBuf, message: String },
    #[error("{key} is {value}, but it must be {allowed}")]
    Range { key: &'static str, value: String, allowed: String },
    #[error("{key}: {message}")]
    Invalid { key: &'static str, message: String },
    #[error("{}, line {line}: {source}", path.display())]
    At { path: PathBuf, line: usize, source: Box<RecipeError> },
}

impl RecipeError {
    /// With the line that its key stands in.
    fn at(self, path: &Path, text: &str) -> Self {
        let key = match &self {
            Self::Range { key, .. } | Self::Invalid { key, .. } => *key,
            _ => return self,
        };
        match line_of(text, key) {
            Some(line) => Self::At { path: path.to_owned(), line, source: Box::new(self) },
            None => self,
        }
    }
}

/// Everything a run needs to be repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The format of this file; only 1 exists.
    pub version: u32,
    pub base_model: ModelRef,
    /// Goes on from an adapter in PEFT's format instead of a fresh one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_adapter: Option<PathBuf>,
    pub data: Data,
    #[serde(default)]
    pub lora: Lora,
    /// Keys of `[lora]` that aren't written beside `init_adapter`: they are as the adapter has them.
    #[serde(skip)]
    pub lora_of_adapter: Vec<&'static str>,
    #[serde(default)]
    pub training: Training,
    #[serde(default)]
    pub evaluation: Evaluation,
}

/// Where the examples are; relative paths start at the recipe's folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    pub train: PathBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<PathBuf>,
    /// The share of `train` to hold out where no validation file is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_split: Option<f64>,
}

/// The adapter, as in PEFT's `LoraConfig`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lora {
    pub r: usize,
    pub lora_alpha: f64,
    pub lora_dropout: f64,
    pub target_modules: TargetModules,
}

impl Lora {
    /// Its keys in a recipe.
    pub const KEYS: [&'static str; 4] = ["lora.r", "lora.lora_alpha", "lora.lora_dropout", "lora.target_modules"];
}

impl Default for Lora {
    fn default() -> Self {
        Self { r: 16, lora_alpha: 32.0, lora_dropout: 0.0, target_modules: TargetModules::AllLinear }
    }
}

/// `"all-linear"` or a list of module names such as `["q_proj", "v_proj"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetModules {
    AllLinear,
    Named(Vec<String>),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum TargetModulesText {
    One(String),
    Many(Vec<String>),
}

impl Serialize for TargetModules {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::AllLinear => serializer.serialize_str("all-linear"),
            Self::Named(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for TargetModules {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || serde::de::Error::custom("target_modules must be \"all-linear\" or a list of module names");
        match TargetModulesText::deserialize(deserializer).map_err(|_| wrong())? {
            TargetModulesText::One(text) if text == "all-linear" => Ok(Self::AllLinear),
            TargetModulesText::One(_) => Err(wrong()),
            TargetModulesText::Many(names) => Ok(Self::Named(names)),
        }
    }
}

/// The loop, as in Transformers' `TrainingArguments`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    pub num_train_epochs: f64,
    /// Optimizer steps; −1 leaves it to `num_train_epochs`.
    pub max_steps: i64,
    pub per_device_train_batch_size: usize,
    pub gradient_accumulation_steps: usize,
    pub learning_rate: f64,
    pub lr_scheduler_type: LrSchedulerType,
    pub warmup_ratio: f64,
    pub weight_decay: f64,
    pub adam_beta1: f64,
    pub adam_beta2: f64,
    pub adam_epsilon: f64,
    /// 0 switches clipping off.
    pub max_grad_norm: f64,
    /// In tokens; `too_long` says what becomes of longer examples.
    pub max_length: usize,
    pub too_long: TooLong,
    pub packing: bool,
    pub shuffle: bool,
    pub seed: u64,
    pub train_on: TrainOn,
    pub precision: Precision,
    pub gradient_checkpointing: GradientCheckpointing,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            num_train_epochs: 3.0,
            max_steps: -1,
            per_device_train_batch_size: 8,
            gradient_accumulation_steps: 1,
            learning_rate: 2e-4,
            lr_scheduler_type: LrSchedulerType::Cosine,
            warmup_ratio: 0.05,
            weight_decay: 0.0,
            adam_beta1: 0.9,
            adam_beta2: 0.999,
            adam_epsilon: 1e-8,
            max_grad_norm: 1.0,
            max_length: 1024,
            too_long: TooLong::Drop,
            packing: false,
            shuffle: true,
            seed: 42,
            train_on: TrainOn::Assistant,
            precision: Precision::Auto,
            gradient_checkpointing: GradientCheckpointing::Auto,
        }
    }
}

/// The type that products are computed in. Adapters, their gradients and all sums are f32 whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// The quickest that this CPU has and that learns as well as f32.
    Auto,
    /// Frozen weights in whole numbers of 8 bits, the rest in bf16.
    Int8,
    Bf16,
    F32,
}

/// Whether the backward pass computes each block again instead of keeping what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "CheckpointingText", try_from = "CheckpointingText")]
pub enum GradientCheckpointing {
    /// Where the memory would not do otherwise.
    Auto,
    On,
    Off,
}

/// `true`, `false` or `"auto"`.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum CheckpointingText {
    Switch(bool),
    Word(String),
}

impl From<GradientCheckpointing> for CheckpointingText {
    fn from(value: GradientCheckpointing) -> Self {
        match value {
            GradientCheckpointing::Auto => Self::Word("auto".to_owned()),
            GradientCheckpointing::On => Self::Switch(true),
            GradientCheckpointing::Off => Self::Switch(false),
        }
    }
}

impl TryFrom<CheckpointingText> for GradientCheckpointing {
    type Error = &'static str;

    fn try_from(text: CheckpointingText) -> Result<Self, Self::Error> {
        match text {
            CheckpointingText::Switch(true) => Ok(Self::On),
            CheckpointingText::Switch(false) => Ok(Self::Off),
            CheckpointingText::Word(word) if word == "auto" => Ok(Self::Auto),
            CheckpointingText::Word(_) => Err("gradient_checkpointing must be true, false or \"auto\""),
        }
    }
}

/// How the learning rate goes over the steps (`transformers.get_scheduler`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LrSchedulerType {
    Cosine,
    Linear,
    Constant,
    ConstantWithWarmup,
}

/// Which tokens the loss counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainOn {
    /// Every assistant turn, its end-of-turn token included.
    Assistant,
    /// Every token.
    All,
    /// The last assistant turn only.
    Last,
}

/// When and how the validation part is looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Evaluation {
    pub eval_strategy: EvalStrategy,
    /// Optimizer steps between evaluations, under [`EvalStrategy::Steps`]; 0 means four times an epoch.
    pub eval_steps: usize,
}

/// How often the validation part is looked at, beside before the first step and after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum EvalStrategy {
    /// Every `eval_steps`.
    #[default]
    Steps,
    Epoch,
    No,
}

impl Evaluation {
    /// Steps between two evaluations.
    pub fn steps_between(&self, steps_per_epoch: usize) -> usize {
        match (self.eval_strategy, self.eval_steps) {
            (EvalStrategy::Steps, 0) => steps_per_epoch.div_ceil(4).max(1),
            (EvalStrategy::Steps, steps) => steps,
            (EvalStrategy::Epoch, _) => steps_per_epoch.max(1),
            (EvalStrategy::No, _) => usize::MAX,
        }
    }
}

impl Recipe {
    /// A recipe with the defaults that work unread.
    pub fn new(base_model: ModelRef, train: PathBuf) -> Self {
        Self {
            version: 1,
            base_model,
            init_adapter: None,
            data: Data { train, validation: None, validation_split: None },
            lora: Lora::default(),
            lora_of_adapter: Vec::new(),
            training: Training::default(),
            evaluation: Evaluation::default(),
        }
    }

    /// Goes on from an adapter, with the settings that the adapter has.
    pub fn start_from(&mut self, adapter: PathBuf) {
        self.init_adapter = Some(adapter);
        self.lora_of_adapter = Lora::KEYS.to_vec();
    }

    /// For the starter model and the starter data set. The defaults are careful with examples of every kind; so few and
    /// so narrow ones take smaller batches and longer steps.
    pub fn for_starter_data(train: PathBuf) -> Self {
        let mut recipe = Self::new(ModelRef::Starter, train);
        recipe.training.num_train_epochs = 2.0;
        recipe.training.learning_rate = 1e-3;
        recipe.training.per_device_train_batch_size = 4;
        recipe
    }

    /// Reads and checks a recipe exactly as it is written. In a run's folder every default is written out; a recipe there
    /// that has no `too_long` is of a version that cut long examples at their end, and a run goes on as it began.
    pub fn parse(path: &Path) -> Result<Self, RecipeError> {
        let read_error = |source| RecipeError::Read { path: path.into(), source };
        if path.metadata().is_ok_and(|metadata| metadata.len() > MAX_BYTES) {
            let message = "it is too large for a recipe: is it the data?".to_owned();
            return Err(RecipeError::Syntax { path: path.into(), message });
        }
        let text = std::fs::read_to_string(path).map_err(read_error)?;
        let mut recipe: Self = toml::from_str(&text)
            .map_err(|e| RecipeError::Syntax { path: path.into(), message: explain(&text, &e) })?;
        if recipe.init_adapter.is_some() {
            recipe.lora_of_adapter = Lora::KEYS.into_iter().filter(|key| !is_written(&text, key)).collect();
        }
        if path.parent().is_some_and(is_run) && !is_written(&text, "training.too_long") {
            recipe.training.too_long = TooLong::CutRight;
        }
        recipe.check().map_err(|error| error.at(path, &text))?;
        Ok(recipe)
    }

    /// Reads and checks a recipe; relative paths in it become relative to its folder.
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        let mut recipe = Self::parse(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        recipe.data.train = folder.join(&recipe.data.train);
        recipe.data.validation = recipe.data.validation.map(|p| folder.join(p));
        recipe.init_adapter = recipe.init_adapter.map(|p| folder.join(p));
        recipe.base_model = match recipe.base_model {
            ModelRef::Gguf(p) => ModelRef::Gguf(folder.join(p)),
            ModelRef::Folder(p) => ModelRef::Folder(folder.join(p)),
            ModelRef::Hub { repo, revision: None } if folder.join(&repo).is_dir() => {
                ModelRef::Folder(folder.join(repo))
            }
            other => other,
        };
        Ok(recipe)
    }

    /// Every value within its range, and values that go together; the table of parameters has the ranges.
    pub fn check(&self) -> Result<(), RecipeError> {
        if self.version != 1 {
            return Err(RecipeError::Range {
                key: "version",
                value: self.version.to_string(),
                allowed: "1".to_owned(),
            });
        }
        params::check(self)?;
        if let Some(share) = self.data.validation_split
            && !(0.0..=0.9).contains(&share)
        {
            return Err(RecipeError::Range {
                key: "data.validation_split",
                value: share.to_string(),
                allowed: "a number from 0 to 0.9".to_owned(),
            });
        }
        if self.data.validation.is_some() && self.data.validation_split.is_some() {
            return Err(RecipeError::Invalid {
                key: "data.validation_split",
                message: "give either data.validation or data.validation_split, not both".to_owned(),
            });
        }
        Ok(())
    }

    /// The file's text with every default written out.
    pub fn to_toml(&self) -> Result<String, RecipeError> {
        toml::to_string(self).map_err(|e| RecipeError::Invalid { key: "recipe", message: e.to_string() })
    }
}

/// Of a recipe; more is another file.
const MAX_BYTES: u64 = 1 << 20;

/// Whether a recipe's text has this key of a section: `training.too_long`.
fn is_written(text: &str, key: &str) -> bool {
    let table: Option<toml::Table> = text.parse().ok();
    let value =
        table.zip(key.split_once('.')).and_then(|(table, (section, key))| table.get(section)?.get(key).cloned());
    value.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_the_wrong_type_is_told_with_what_it_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recipe.toml");
        let told = |training: &str| {
            let head = "version = 1\nbase_model = \"starter\"\n[data]\ntrain = \"a\"\n[training]\n";
            crate::fs::write_atomic(&path, format!("{head}{training}\n").as_bytes()).unwrap();
            Recipe::parse(&path).unwrap_err().to_string()
        };
        let message = told("seed = 1\nlearning_rate = \"high\"");
        assert!(message.ends_with("training.learning_rate must be a number from 0 to 1"), "{message}");
        assert!(message.contains("line 7") && message.contains("\"high\""), "{message}");
        assert!(told("packing = 3").ends_with("training.packing must be true or false"));
        assert!(told("learning_rat = 1.0").contains("unknown field `learning_rat`, expected one of"));
        assert!(told("packing = true\nr = 8").ends_with("training.r is lora.r here: a whole number from 1 to 1024"));
        let message = told("packing = true\nlearning_rate = 2.0");
        assert!(
            message.ends_with("line 7: training.learning_rate is 2, but it must be a number from 0 to 1"),
            "{message}"
        );
        let message = told("too_long = \"truncate\"");
        let allowed = r#"training.too_long must be "drop", "cut_left", "cut_right", "split""#;
        assert!(message.contains("truncate") && message.ends_with(allowed), "{message}");
    }

    #[test]
    fn an_old_run_goes_on_cutting_and_a_new_recipe_leaves_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recipe.toml");
        let write = |name: &str, text: &str| {
            crate::fs::write_atomic(&folder.path().join(name), text.as_bytes()).unwrap();
        };
        let old = "version = 1\nbase_model = \"starter\"\n[data]\ntrain = \"a\"\n[training]\nmax_length = 64\n";
        let read = || Recipe::parse(&path).unwrap().training.too_long;
        write("recipe.toml", old);
        assert_eq!(read(), TooLong::Drop);
        write("metrics.jsonl", "");
        assert_eq!(read(), TooLong::Drop, "a person's own file beside a recipe makes no run of the folder");
        write("status.json", r#"{"status": "stopped", "num_steps": 9}"#);
        assert_eq!(read(), TooLong::CutRight);
        let kept = Recipe::parse(&path).unwrap();
        write("recipe.toml", &kept.to_toml().unwrap());
        assert_eq!(Recipe::parse(&path).unwrap(), kept);
        for policy in TooLong::ALL {
            write("recipe.toml", &format!("{old}too_long = \"{}\"\n", policy.name()));
            assert_eq!(read(), policy);
        }
    }
}
