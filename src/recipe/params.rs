//! The one table of every parameter. The window's form rows, the range errors and `docs/parameters.md` come from it.

use super::choices::Choice;
use super::{
    DeviceChoice, EvalStrategy, GradientCheckpointing, LrSchedulerType, Precision, Recipe, RecipeError, TargetModules,
    TemplateChoice, Thinking, TooLong, TrainOn,
};

/// A parameter's value, in the form that a widget or a file shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Integer(i64),
    Float(f64),
    Switch(bool),
    /// One of [`Kind::Choice`]'s keys.
    Choice(&'static str),
    /// Names separated by commas, or `all-linear`.
    Names(String),
}

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Integer {
        min: i64,
        max: i64,
    },
    Float {
        min: f64,
        max: f64,
        /// Whether `max` itself is out of range.
        open_end: bool,
    },
    Switch,
    /// The key as written in the file, and its words.
    Choice(&'static [(&'static str, &'static str)]),
    Names,
}

/// Where the window shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Simple,
    Advanced,
}

/// One row of the table.
pub struct Param {
    /// The key as in `recipe.toml`, with its section: `training.learning_rate`.
    pub key: &'static str,
    pub label: &'static str,
    /// One short line.
    pub help: &'static str,
    /// What it does and what to try, in a few sentences.
    pub long_help: &'static str,
    pub unit: &'static str,
    pub kind: Kind,
    pub level: Level,
    pub get: fn(&Recipe) -> Value,
    set: fn(&mut Recipe, Value),
}

impl Param {
    /// The public name without its section, as Transformers or PEFT call it.
    pub fn name(&self) -> &'static str {
        self.key.rsplit('.').next().unwrap_or(self.key)
    }

    /// The value that a recipe has where nothing is written.
    pub fn default(&self) -> Value {
        (self.get)(&Recipe::new(super::ModelRef::Starter, std::path::PathBuf::new()))
    }

    /// Puts `value` into the recipe.
    ///
    /// # Errors
    /// [`RecipeError::Range`] where the value isn't allowed; it says what would be, and the recipe stays as it is.
    pub fn set(&self, recipe: &mut Recipe, value: Value) -> Result<(), RecipeError> {
        self.check(&value)?;
        (self.set)(recipe, value);
        Ok(())
    }

    /// A value in a person's words, where a number stands for something else.
    pub fn words(&self, value: &Value) -> String {
        match (self.key, value) {
            ("training.max_steps", Value::Integer(..=0)) => "no limit".to_owned(),
            ("evaluation.eval_steps", Value::Integer(0)) => "4 times an epoch".to_owned(),
            (_, Value::Choice(key)) => match self.kind {
                Kind::Choice(choices) => choices.iter().find(|(k, _)| k == key).map_or(*key, |(_, words)| words),
                _ => key,
            }
            .to_owned(),
            (_, Value::Switch(is_on)) => if *is_on { "on" } else { "off" }.to_owned(),
            _ => value.to_string(),
        }
    }

    /// What is allowed, in words.
    pub fn allowed(&self) -> String {
        match self.kind {
            Kind::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Kind::Float { min, max, .. } if max == f64::INFINITY => format!("a number from {min}"),
            Kind::Float { min, max, open_end: true } => format!("a number from {min} to below {max}"),
            Kind::Float { min, max, open_end: false } => format!("a number from {min} to {max}"),
            Kind::Switch => "true or false".to_owned(),
            Kind::Choice(choices) => {
                let quoted =
                    |key: &str| if matches!(key, "true" | "false") { key.to_owned() } else { format!("\"{key}\"") };
                let keys: Vec<_> = choices.iter().map(|(key, _)| quoted(key)).collect();
                keys.join(", ")
            }
            Kind::Names => "\"all-linear\" or a list of module names".to_owned(),
        }
    }

    fn check(&self, value: &Value) -> Result<(), RecipeError> {
        let fits = match (self.kind, value) {
            (Kind::Integer { min, max }, Value::Integer(v)) => (min..=max).contains(v),
            (Kind::Float { min, max, open_end }, Value::Float(v)) => {
                v.is_finite() && *v >= min && (*v < max || (!open_end && *v == max))
            }
            (Kind::Switch, Value::Switch(_)) => true,
            (Kind::Choice(choices), Value::Choice(v)) => choices.iter().any(|(key, _)| key == v),
            (Kind::Names, Value::Names(v)) => v == "all-linear" || v.split(',').any(|name| !name.trim().is_empty()),
            _ => false,
        };
        if fits {
            return Ok(());
        }
        Err(RecipeError::Range { key: self.key, value: value.to_string(), allowed: self.allowed() })
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(v) => write!(f, "{v}"),
            Self::Float(v) if *v != 0.0 && v.abs() < 1e-3 => write!(f, "{v:e}"),
            Self::Float(v) => write!(f, "{v}"),
            Self::Switch(v) => write!(f, "{v}"),
            Self::Choice(v) => f.write_str(v),
            Self::Names(v) => f.write_str(v),
        }
    }
}

/// Checks every parameter of a recipe against its range.
///
/// # Errors
/// [`RecipeError::Range`] for the first value that isn't allowed; it says what would be.
pub fn check(recipe: &Recipe) -> Result<(), RecipeError> {
    PARAMS.iter().try_for_each(|param| param.check(&(param.get)(recipe)))
}

/// The row of a key such as `training.seed`.
pub fn find(key: &str) -> Option<&'static Param> {
    PARAMS.iter().find(|param| param.key == key)
}

/// Writes the names as [`Value::Names`] has them.
impl std::fmt::Display for TargetModules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AllLinear => f.write_str("all-linear"),
            Self::Named(names) => f.write_str(&names.join(", ")),
        }
    }
}

fn targets(text: &str) -> TargetModules {
    if text.trim() == "all-linear" {
        return TargetModules::AllLinear;
    }
    TargetModules::Named(text.split(',').map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect())
}

macro_rules! integer {
    ($($field:ident).+, $type:ty) => {
        (
            |r| Value::Integer(r.$($field).+ as i64),
            |r, v| if let Value::Integer(v) = v { r.$($field).+ = v as $type },
        )
    };
}

macro_rules! float {
    ($($field:ident).+) => {
        (|r| Value::Float(r.$($field).+), |r, v| if let Value::Float(v) = v { r.$($field).+ = v })
    };
}

macro_rules! switch {
    ($($field:ident).+) => {
        (|r| Value::Switch(r.$($field).+), |r, v| if let Value::Switch(v) = v { r.$($field).+ = v })
    };
}

macro_rules! choice {
    ($($field:ident).+, $type:ty) => {
        (
            |r| Value::Choice(r.$($field).+.key()),
            // What isn't among the choices was refused before.
            |r, v| if let Value::Choice(key) = v && let Some(v) = <$type>::from_key(key) { r.$($field).+ = v },
        )
    };
}

macro_rules! param {
    ($key:literal, $label:literal, $help:literal, $unit:literal, $level:ident, $kind:expr, $access:expr, $long:literal) => {{
        const ACCESS: (fn(&Recipe) -> Value, fn(&mut Recipe, Value)) = $access;
        Param {
            key: $key,
            label: $label,
            help: $help,
            long_help: $long,
            unit: $unit,
            kind: $kind,
            level: Level::$level,
            get: ACCESS.0,
            set: ACCESS.1,
        }
    }};
}

/// A step a second for four months. Whoever writes more means "without end", and gets a schedule that never moves.
const MAX_STEPS: i64 = 10_000_000;

const fn from_zero(max: f64) -> Kind {
    Kind::Float { min: 0.0, max, open_end: false }
}

/// In the order of the form.
pub static PARAMS: &[Param] = &[
    param!(
        "training.num_train_epochs",
        "Epochs",
        "How often every example is seen, 1 to 10",
        "",
        Simple,
        Kind::Float { min: 0.01, max: 1000.0, open_end: false },
        float!(training.num_train_epochs),
        "More epochs learn the examples better and, past a point, by heart: watch the validation loss. 2 to 4 is usual."
    ),
    param!(
        "training.learning_rate",
        "Learning rate",
        "Step size, 1e-4 to 1e-3 is usual for adapters",
        "",
        Simple,
        Kind::Float { min: 0.0, max: 1.0, open_end: false },
        float!(training.learning_rate),
        "How far one step moves the weights. Too high and the loss jumps, too low and nothing happens. Small models and \
         narrow tasks bear more, large models less."
    ),
    param!(
        "lora.r",
        "Rank",
        "Size of the adapter, 8 to 64 is usual",
        "",
        Simple,
        Kind::Integer { min: 1, max: 1024 },
        integer!(lora.r, usize),
        "The inner size of the adapter's two matrices. A larger adapter can learn more and needs more memory."
    ),
    param!(
        "training.max_length",
        "Longest example",
        "In tokens, with all marks of the template",
        "tokens",
        Simple,
        Kind::Integer { min: 8, max: 1_048_576 },
        integer!(training.max_length, usize),
        "The token limit of one example. Longer ones need more memory; the data screen shows how long all are, and how \
         many are longer."
    ),
    param!(
        "training.too_long",
        "Longer examples",
        "What becomes of those beyond the limit",
        "",
        Simple,
        Kind::Choice(TooLong::WORDS),
        choice!(training.too_long, TooLong),
        "Leave out: nothing of them is learned. Cut the beginning: the system message and the last answer stay. Cut the \
         end: the model learns answers that break off. Split: several examples of whole turns, each with the system \
         message."
    ),
    param!(
        "training.per_device_train_batch_size",
        "Batch size",
        "Examples that go through the model at once",
        "",
        Simple,
        Kind::Integer { min: 1, max: 4096 },
        integer!(training.per_device_train_batch_size, usize),
        "More examples at once need more memory. Batch size times accumulation is what one step learns from."
    ),
    param!(
        "evaluation.eval_strategy",
        "Evaluate",
        "How often the validation part is looked at",
        "",
        Simple,
        Kind::Choice(EvalStrategy::WORDS),
        choice!(evaluation.eval_strategy, EvalStrategy),
        "In any case before the first step and after the last. At each evaluation the loss on the validation part is \
         measured and the weights are saved; the best are kept. Only at the end: less time, but a run that breaks off \
         has saved nothing on its way."
    ),
    param!(
        "evaluation.eval_steps",
        "Evaluate every",
        "In optimizer steps",
        "steps",
        Simple,
        Kind::Integer { min: 0, max: MAX_STEPS },
        integer!(evaluation.eval_steps, usize),
        "With `eval_strategy = \"steps\"`; 0 means four times an epoch."
    ),
    param!(
        "training.train_on",
        "Train on",
        "Which tokens count in the loss",
        "",
        Simple,
        Kind::Choice(TrainOn::WORDS),
        choice!(training.train_on, TrainOn),
        "Answers: the assistant's turns with their end marks. Everything: the questions, too, which rarely helps."
    ),
    param!(
        "training.chat_template",
        "Chat template",
        "How turns are written for the model",
        "",
        Advanced,
        Kind::Choice(TemplateChoice::WORDS),
        choice!(training.chat_template, TemplateChoice),
        "The model's own is what it was made with. For a model without one, choose here; what isn't a token of the model \
         is written as plain text. The choice is kept with the run, for its answers, too."
    ),
    param!(
        "training.thinking",
        "Thinking",
        "What becomes of thoughts in answers",
        "",
        Advanced,
        Kind::Choice(Thinking::WORDS),
        choice!(training.thinking, Thinking),
        "Many templates leave out the thinking of all answers but the last. Keep: every answer is learned with its \
         thinking. Leave out: none is, and nothing stands in its place. An empty thought: the form in which Qwen 3 and \
         SmolLM3 answer without thinking."
    ),
    param!(
        "lora.lora_alpha",
        "Alpha",
        "Weight of the adapter, twice the rank is usual",
        "",
        Advanced,
        Kind::Float { min: 0.0, max: 4096.0, open_end: false },
        float!(lora.lora_alpha),
        "The adapter's output is multiplied by alpha / rank."
    ),
    param!(
        "lora.lora_dropout",
        "Dropout",
        "Share of the inputs hidden at random",
        "",
        Advanced,
        Kind::Float { min: 0.0, max: 1.0, open_end: true },
        float!(lora.lora_dropout),
        "A little dropout, 0.05 to 0.1, can help where examples are few. A step takes a little longer with it."
    ),
    param!(
        "lora.target_modules",
        "Modules",
        "The layers that get an adapter",
        "",
        Advanced,
        Kind::Names,
        (
            |r| Value::Names(r.lora.target_modules.to_string()),
            |r, v| if let Value::Names(v) = v {
                r.lora.target_modules = targets(&v);
            }
        ),
        "all-linear is every linear layer of every block, which trains best. A list such as q_proj, v_proj is smaller."
    ),
    param!(
        "training.gradient_accumulation_steps",
        "Accumulation",
        "Batches that make up one step",
        "",
        Advanced,
        Kind::Integer { min: 1, max: 4096 },
        integer!(training.gradient_accumulation_steps, usize),
        "A larger step in the memory of a smaller one: batch 8 once equals batch 2 four times."
    ),
    param!(
        "training.max_steps",
        "Most steps",
        "Ends the run early, empty leaves it to the epochs",
        "steps",
        Advanced,
        Kind::Integer { min: -1, max: MAX_STEPS },
        integer!(training.max_steps, i64),
        "Ends the run after this many optimizer steps, whatever the epochs say. In a file, −1 or 0 means no limit."
    ),
    param!(
        "training.lr_scheduler_type",
        "Schedule",
        "How the learning rate goes over the steps",
        "",
        Advanced,
        Kind::Choice(LrSchedulerType::WORDS),
        choice!(training.lr_scheduler_type, LrSchedulerType),
        "Cosine falls smoothly to zero and is a safe choice."
    ),
    param!(
        "training.warmup_ratio",
        "Warm-up",
        "Share of the steps in which the rate rises",
        "",
        Advanced,
        from_zero(1.0),
        float!(training.warmup_ratio),
        "A short rise at the start keeps the first steps from being too large."
    ),
    param!(
        "training.weight_decay",
        "Weight decay",
        "Pulls the weights towards zero at each step",
        "",
        Advanced,
        from_zero(10.0),
        float!(training.weight_decay),
        "Decoupled weight decay of AdamW. Adapters rarely need it."
    ),
    param!(
        "training.adam_beta1",
        "Beta 1",
        "Memory of the gradient's mean",
        "",
        Advanced,
        Kind::Float { min: 0.0, max: 1.0, open_end: true },
        float!(training.adam_beta1),
        "The decay of AdamW's first moment."
    ),
    param!(
        "training.adam_beta2",
        "Beta 2",
        "Memory of the gradient's square",
        "",
        Advanced,
        Kind::Float { min: 0.0, max: 1.0, open_end: true },
        float!(training.adam_beta2),
        "The decay of AdamW's second moment."
    ),
    param!(
        "training.adam_epsilon",
        "Epsilon",
        "Keeps AdamW's division safe",
        "",
        Advanced,
        from_zero(1.0),
        float!(training.adam_epsilon),
        "Added to the root of the second moment."
    ),
    param!(
        "training.max_grad_norm",
        "Gradient limit",
        "Longer gradients are scaled down, 0 is off",
        "",
        Advanced,
        from_zero(f64::INFINITY),
        float!(training.max_grad_norm),
        "Clips the gradient's global norm, so that one odd batch can't throw the weights off."
    ),
    param!(
        "training.packing",
        "Packing",
        "Several short examples in one row",
        "",
        Advanced,
        Kind::Switch,
        switch!(training.packing),
        "Examples lie back to back without padding and don't see each other: the result is the same."
    ),
    param!(
        "training.shuffle",
        "Shuffle",
        "A new order in each epoch",
        "",
        Advanced,
        Kind::Switch,
        switch!(training.shuffle),
        "Seeded, so that the same recipe gives the same order."
    ),
    param!(
        "training.seed",
        "Seed",
        "The same seed repeats the run",
        "",
        Advanced,
        Kind::Integer { min: 0, max: i64::MAX },
        integer!(training.seed, u64),
        "Drives the adapter's start, the shuffling and the dropout."
    ),
    param!(
        "training.device",
        "Device",
        "Where the run multiplies",
        "",
        Advanced,
        Kind::Choice(DeviceChoice::WORDS),
        choice!(training.device, DeviceChoice),
        "Automatic takes a graphics card where this program was built for one (the features cuda and metal) and finds it, else the CPU. On a graphics card the run computes in f32 and keeps the whole model there in f32; evaluations and answers stay on the CPU."
    ),
    param!(
        "training.precision",
        "Precision",
        "The numbers that are multiplied",
        "",
        Advanced,
        Kind::Choice(Precision::WORDS),
        choice!(training.precision, Precision),
        "int8 is about twice as quick as f32 on CPUs that have it, bf16 somewhat less; they learn about as well; sums and the adapter are f32 in any case, and evaluation is. Automatic takes the quickest that the CPU has."
    ),
    param!(
        "training.gradient_checkpointing",
        "Save memory",
        "Computes each block again on the way back",
        "",
        Advanced,
        Kind::Choice(GradientCheckpointing::WORDS),
        choice!(training.gradient_checkpointing, GradientCheckpointing),
        "Gradient checkpointing: up to a third more work, a fraction of the memory, the same result. Automatic does it for as many blocks as it takes to stay below 1 GB, or below half of the memory that is free."
    ),
];

#[cfg(test)]
mod tests;
