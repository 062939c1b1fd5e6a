//! A recipe's sections as a person writes them. Names are those of Transformers' `TrainingArguments` and PEFT's
//! `LoraConfig`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ChatFormat, ModelRef, RenderSpec, TemplateChoice, Thinking, TooLong, TrainOn};

/// Everything a run needs to be repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The format of this file; always [`Recipe::VERSION`] once it is read.
    pub version: u32,
    pub base_model: ModelRef,
    /// An adapter in PEFT's format to continue from, instead of a fresh one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_adapter: Option<PathBuf>,
    /// Not needed where a project's examples are trained on.
    #[serde(default)]
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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    pub chat_template: TemplateChoice,
    pub thinking: Thinking,
    pub device: DeviceChoice,
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
            chat_template: TemplateChoice::Model,
            thinking: Thinking::Template,
            device: DeviceChoice::Auto,
            precision: Precision::Auto,
            gradient_checkpointing: GradientCheckpointing::Auto,
        }
    }
}

impl Training {
    pub fn render_spec(&self) -> RenderSpec {
        RenderSpec {
            train_on: self.train_on,
            max_length: self.max_length,
            too_long: self.too_long,
            format: self.chat_format(),
        }
    }

    /// How conversations become text, in training and for answers.
    pub fn chat_format(&self) -> ChatFormat {
        ChatFormat { chat_template: self.chat_template, thinking: self.thinking }
    }
}

/// Where a run multiplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceChoice {
    /// A graphics card that this program was built for and finds, else the CPU.
    Auto,
    /// By our own kernels.
    Cpu,
    Cuda,
    Metal,
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
    /// The format that is written; earlier ones are brought to it when they are read.
    pub const VERSION: u32 = 2;

    /// A recipe with the defaults that work unread.
    pub fn new(base_model: ModelRef, train: PathBuf) -> Self {
        Self {
            version: Self::VERSION,
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

    /// A recipe for the starter model and the starter data set. The defaults are careful with examples of every kind;
    /// examples that are few and alike take smaller batches and larger steps.
    pub fn for_starter_data(train: PathBuf) -> Self {
        let mut recipe = Self::new(ModelRef::Starter, train);
        recipe.training.num_train_epochs = 2.0;
        recipe.training.learning_rate = 1e-3;
        recipe.training.per_device_train_batch_size = 4;
        recipe
    }
}
