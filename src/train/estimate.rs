//! Will it fit, and how long does it take: of any model whose shape is known, before it is loaded or even downloaded.

use std::sync::{Mutex, PoisonError};

use super::cost::{TokenMix, eval_flops_per_token, train_flops_per_token};
use super::memory::{MemoryEstimate, Needs, memory_with, program_bytes, room_for_all};
use super::rate;
use super::remedy::{Remedy, remedies};
use super::timing::{KnownSpeed, SpeedFile};
use crate::evaluate::loss::EVAL_TOKENS;
use crate::model::{LoraConfig, ModelSize, ProductType};
use crate::recipe::{Recipe, RecipeError, Training};
use crate::render::batch::Order;

/// How long the examples are. Tokenizers differ little in that: what one has counted serves for the others, too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunLengths {
    /// Tokens of each sample of the training part.
    pub train: Vec<usize>,
    /// Tokens of them that are trained.
    pub num_trained: usize,
    pub num_held_out: usize,
    /// Whether these are made up, because there are no examples yet.
    pub is_assumed: bool,
}

/// Tokens of an example where there is none.
pub const ASSUMED_LENGTH: usize = 256;

impl RunLengths {
    /// A batch of usual examples; their number, and so the time, isn't known.
    pub fn assumed(training: &Training) -> Self {
        let length = ASSUMED_LENGTH.min(training.max_length);
        Self { train: vec![length; training.per_device_train_batch_size], is_assumed: true, ..Self::default() }
    }

    pub fn num_tokens(&self) -> usize {
        self.train.iter().sum()
    }

    /// Tokens of held-out examples that go through the model at once.
    pub fn eval_tokens(&self) -> usize {
        let mean = self.num_tokens() / self.train.len().max(1);
        (self.num_held_out * mean).min(EVAL_TOKENS.max(mean))
    }

    fn mix(&self) -> TokenMix {
        TokenMix::of(self.num_tokens(), self.num_trained, self.train.len())
    }
}

/// What is known of how fast this machine trains.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    /// Multiplications and additions a second, as training comes to.
    pub flops_per_sec: f64,
    /// The true time may be longer or shorter by this share.
    pub spread: f64,
    pub from: RateFrom,
}

/// Where a rate is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RateFrom {
    /// A run or some steps of this model here.
    Model(String),
    /// Products alone, without a model.
    Products,
}

/// A whole step comes to this share of what products alone come to, as measured over many shapes.
const STEP_SHARE: f64 = 0.55;
const SPREAD_OF_PRODUCTS: f64 = 0.5;
const SPREAD_OF_SAME_MODEL: f64 = 0.15;
const SPREAD_OF_LIKE_MODEL: f64 = 0.25;
const SPREAD_OF_OTHER_MODEL: f64 = 0.4;
/// Models whose weights differ by no more than this factor train at like rates.
const LIKE: f64 = 4.0;

impl Rate {
    /// What a machine's products say.
    pub fn of_products(flops_per_sec: f64) -> Self {
        Self { flops_per_sec: STEP_SHARE * flops_per_sec, spread: SPREAD_OF_PRODUCTS, from: RateFrom::Products }
    }

    /// From the model itself where it was measured here, else from the one nearest in size, else from products.
    pub fn nearest(
        speeds: &[KnownSpeed],
        product: ProductType,
        model: &str,
        size: u64,
        products: Option<f64>,
    ) -> Option<Self> {
        let distance = |known: &KnownSpeed| (known.num_parameters.max(1) as f64 / size.max(1) as f64).ln().abs();
        let known = speeds.iter().filter(|known| known.work.is_some_and(|work| work.product == product));
        let key = |known: &KnownSpeed| if known.model == model { -1.0 } else { distance(known) };
        let nearest = known.min_by(|a, b| key(a).total_cmp(&key(b))).and_then(|known| {
            let spread = match () {
                () if known.model == model => SPREAD_OF_SAME_MODEL,
                () if distance(known) <= LIKE.ln() => SPREAD_OF_LIKE_MODEL,
                () => SPREAD_OF_OTHER_MODEL,
            };
            let flops_per_sec = known.work?.flops_per_token * known.speed.train_tokens_per_sec;
            Some(Self { flops_per_sec, spread, from: RateFrom::Model(known.model.clone()) })
        });
        nearest.or_else(|| products.map(Self::of_products))
    }
}

/// How long a run would take, and how sure that is.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeEstimate {
    pub train_secs: f64,
    pub eval_secs: f64,
    pub tokens_per_sec: f64,
    /// The true time may be longer or shorter by this share.
    pub spread: f64,
    pub from: RateFrom,
}

impl TimeEstimate {
    pub fn total(&self) -> f64 {
        self.train_secs + self.eval_secs
    }

    /// Seconds from which to which it may take.
    pub fn range(&self) -> (f64, f64) {
        (self.total() / (1.0 + self.spread), self.total() * (1.0 + self.spread))
    }
}

/// What a run with a model would take.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    pub memory: MemoryEstimate,
    /// `None` where there are no examples, or the machine's speed isn't known.
    pub time: Option<TimeEstimate>,
    /// What would make it fit, where it doesn't.
    pub remedies: Vec<Remedy>,
}

/// This machine as it is now.
#[derive(Debug, Clone)]
pub struct MachineNow {
    /// Bytes that a run could have.
    pub available: u64,
    /// Bytes that the program takes without a run.
    pub program: u64,
    /// The person's own limit.
    pub limit: Option<u64>,
}

impl MachineNow {
    pub fn look(limit: Option<u64>) -> Self {
        Self { available: room_for_all(), program: program_bytes(), limit }
    }
}

/// What a run with this recipe would take on a model of this size, whatever model the recipe names.
///
/// # Errors
/// Where the recipe's values are out of range, or name an unknown module.
pub fn estimate(
    size: &ModelSize,
    recipe: &Recipe,
    lengths: &RunLengths,
    machine: &MachineNow,
    rate: Option<&Rate>,
) -> Result<Estimate, RecipeError> {
    recipe.check()?;
    let lora = lora_of(recipe, size)?;
    let eval_tokens = lengths.eval_tokens();
    let memory_of = |recipe: &Recipe, lengths: &[usize]| {
        // The names of its modules were checked above, and no remedy changes them.
        let lora = lora_of(recipe, size).unwrap_or_else(|_| lora.clone());
        let order = Order::new(lengths, &recipe.training);
        let needs = Needs {
            size,
            training: &recipe.training,
            lora: &lora,
            most_tokens: order.most_tokens(lengths),
            eval_tokens,
            all_tokens: lengths.iter().sum(),
        };
        memory_with(&needs, machine.limit, machine.available, machine.program)
    };
    let memory = memory_of(recipe, &lengths.train);
    let remedies = remedies(recipe, &lengths.train, &memory, &memory_of);
    let time = rate.filter(|_| !lengths.is_assumed && lengths.num_tokens() > 0);
    Ok(Estimate { memory, time: time.map(|rate| time_of(size, recipe, &lora, lengths, rate)), remedies })
}

fn lora_of(recipe: &Recipe, size: &ModelSize) -> Result<LoraConfig, RecipeError> {
    LoraConfig::from_recipe(&recipe.lora, &size.spec)
        .map_err(|message| RecipeError::Invalid { key: "lora.target_modules", message })
}

fn time_of(size: &ModelSize, recipe: &Recipe, lora: &LoraConfig, lengths: &RunLengths, rate: &Rate) -> TimeEstimate {
    let (spec, mix) = (&size.spec, lengths.mix());
    let order = Order::new(&lengths.train, &recipe.training);
    let (num_steps, steps_per_epoch) = (order.num_steps(&recipe.training), order.steps_per_epoch().max(1));
    let tokens_per_sec = rate.flops_per_sec / train_flops_per_token(spec, lora, &recipe.training, mix);
    let num_tokens = lengths.num_tokens() as f64 * num_steps as f64 / steps_per_epoch as f64;
    let eval_steps = recipe.evaluation.steps_between(steps_per_epoch).max(1);
    let num_evaluations = if lengths.num_held_out == 0 { 0 } else { 1 + num_steps.div_ceil(eval_steps) };
    let eval_tokens = (num_evaluations * lengths.num_held_out) as f64 * mix.mean_length;
    TimeEstimate {
        train_secs: num_tokens / tokens_per_sec,
        eval_secs: eval_tokens * eval_flops_per_token(spec, mix) / rate.flops_per_sec,
        tokens_per_sec,
        spread: rate.spread,
        from: rate.from.clone(),
    }
}

/// The rate of this machine's products, measured once by each process; the best of all times is kept, since whatever else
/// runs only ever makes it slower.
pub fn products_rate(speeds: &SpeedFile, product: ProductType) -> Option<f64> {
    static MEASURED: Mutex<Vec<(ProductType, f64)>> = Mutex::new(Vec::new());
    let mut measured = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, rate)) = measured.iter().find(|(of, _)| *of == product) {
        return Some(*rate);
    }
    let told = |error: &candle_core::Error| log::warn!("the products' rate: {error}");
    let (now, earlier) = (rate::of_machine(product).inspect_err(told).ok()?, speeds.products(product.name()));
    let best = earlier.map_or(now, |earlier| now.max(earlier));
    measured.push((product, best));
    if earlier != Some(best) {
        speeds.keep_products(product.name(), best);
    }
    Some(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ModelSpec;
    use crate::recipe::{ModelRef, Precision};
    use crate::train::memory::Fit;
    use crate::train::timing::{MeasuredBy, Speed, Work};

    fn size() -> ModelSize {
        let config = serde_json::json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 49152, "hidden_size": 576,
            "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
            "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "rope_theta": 100000.0, "hidden_act": "silu",
            "tie_word_embeddings": true,
        });
        let spec = ModelSpec::from_config(&config).unwrap();
        let num_bytes = 2 * spec.num_parameters();
        ModelSize::of_files(spec, num_bytes)
    }

    fn recipe() -> Recipe {
        let mut recipe = Recipe::new(ModelRef::Starter, "a".into());
        recipe.training.precision = Precision::F32;
        recipe
    }

    fn machine(available: u64) -> MachineNow {
        MachineNow { available, program: 20 << 20, limit: None }
    }

    fn lengths() -> RunLengths {
        RunLengths { train: vec![500; 80], num_trained: 20_000, num_held_out: 8, is_assumed: false }
    }

    #[test]
    fn what_a_run_takes_is_known_before_the_model_is_here() {
        let rate = Rate { flops_per_sec: 1e11, spread: 0.25, from: RateFrom::Products };
        let told = estimate(&size(), &recipe(), &lengths(), &machine(16 << 30), Some(&rate)).unwrap();
        assert_eq!(told.memory.weights + told.memory.embeddings, size().num_bytes());
        assert_eq!((told.memory.fit(), told.remedies.len()), (Fit::Fits, 0));
        let time = told.time.unwrap();
        assert_eq!(time.train_secs, 3.0 * 40_000.0 / time.tokens_per_sec, "three epochs");
        // 2 · 2 · 106 M weights of the blocks, half of the tokens through a head of 28 M, and the rest.
        let flops = 1e11 / time.tokens_per_sec;
        assert!((4.5e8..6.5e8).contains(&flops), "{flops}");
        let (least, most) = time.range();
        assert!(least < time.total() && time.total() < most);
    }

    #[test]
    fn a_run_that_does_not_fit_says_what_would_make_it() {
        let told = estimate(&size(), &recipe(), &lengths(), &machine(1 << 30), None).unwrap();
        assert_eq!((told.memory.fit(), told.time), (Fit::TooLarge, None), "no speed is known");
        let first = &told.remedies[0];
        let changed = first.change.applied(&recipe()).unwrap();
        let again = estimate(&size(), &changed, &lengths(), &machine(1 << 30), None).unwrap();
        assert_eq!(again.memory.total(), first.total, "what was promised");
        assert!(again.memory.total() < told.memory.total());
    }

    #[test]
    fn a_limit_of_the_persons_own_counts_as_the_room() {
        let limited = MachineNow { limit: Some(1 << 30), ..machine(16 << 30) };
        let told = estimate(&size(), &recipe(), &lengths(), &limited, None).unwrap();
        assert!(told.memory.fit() == Fit::TooLarge && told.memory.room() == 1 << 30);
    }

    #[test]
    fn without_examples_there_is_a_memory_for_usual_ones_and_no_time() {
        let rate = Rate { flops_per_sec: 1e11, spread: 0.25, from: RateFrom::Products };
        let assumed = RunLengths::assumed(&recipe().training);
        let told = estimate(&size(), &recipe(), &assumed, &machine(16 << 30), Some(&rate)).unwrap();
        assert_eq!(told.time, None);
        let counted = RunLengths { train: vec![ASSUMED_LENGTH; 8], ..RunLengths::default() };
        let same = estimate(&size(), &recipe(), &counted, &machine(16 << 30), Some(&rate)).unwrap();
        assert_eq!(same.memory, told.memory);
    }

    #[test]
    fn the_model_nearest_in_size_that_was_measured_says_how_fast_others_are() {
        let folder = tempfile::tempdir().unwrap();
        let speeds = SpeedFile(Some(folder.path().join("speeds.json")));
        let product = ProductType::F32;
        assert_eq!(Rate::nearest(&[], product, "a", 100, None), None);
        assert_eq!(Rate::nearest(&[], product, "a", 100, Some(1e9)).unwrap().from, RateFrom::Products);
        for (name, num_parameters, tokens_per_sec) in [("small", 1_000_000, 100.0), ("large", 1_000_000_000, 1.0)] {
            let speed = Speed { train_tokens_per_sec: tokens_per_sec, eval_examples_per_sec: None };
            let work = Some(Work { product, flops_per_token: 6.0 * num_parameters as f64 });
            let known = KnownSpeed::now(speed, MeasuredBy::Steps, name.to_owned(), num_parameters);
            speeds.keep(name, &KnownSpeed { work, ..known });
        }
        let known = speeds.by_model();
        let of = |model: &str, size| Rate::nearest(&known, product, model, size, Some(1e9)).unwrap();
        let told = |rate: Rate| (rate.from, rate.spread, rate.flops_per_sec);
        let [small, large] = ["small", "large"].map(|name| RateFrom::Model(name.to_owned()));
        assert_eq!(told(of("a", 2_000_000)), (small.clone(), SPREAD_OF_LIKE_MODEL, 6e8));
        assert_eq!(told(of("a", 9_000_000_000)), (large, SPREAD_OF_OTHER_MODEL, 6e9));
        assert_eq!(told(of("small", 9_000_000_000)), (small, SPREAD_OF_SAME_MODEL, 6e8), "itself");
        let other = Rate::nearest(&known, ProductType::Bf16, "small", 1, Some(1e9)).unwrap();
        assert_eq!(other.from, RateFrom::Products, "another type of product is another speed");
    }

    #[test]
    fn the_machines_products_are_measured_once() {
        let folder = tempfile::tempdir().unwrap();
        let speeds = SpeedFile(Some(folder.path().join("speeds.json")));
        let first = products_rate(&speeds, ProductType::F32).unwrap();
        assert!(first > 1e6, "{first}");
        // But for the last digit of what the file holds.
        let again = products_rate(&speeds, ProductType::F32).unwrap();
        assert!((again / first - 1.0).abs() < 1e-12, "{again}, not {first}");
    }
}
