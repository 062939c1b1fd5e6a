//! A spec from the metadata of a file. What the file doesn't say is as llama.cpp takes it.

use candle_core::quantized::gguf_file::Value;

use super::GgufFile;
use crate::model::spec::keys::{self, Key, Keys, RopeKeys, Setting};
use crate::model::spec::{Part, QueryScale, RopeScaling, RopeSpec, Yarn};
use crate::model::{ModelError, ModelSpec};
use crate::words::thousands;

/// The divisors of the rotary frequencies.
pub(super) const ROPE_FACTORS: &str = "rope_freqs.weight";

impl GgufFile {
    /// The shape of the model; an architecture that the decoder can't run has one, too.
    ///
    /// # Errors
    ///
    /// [`ModelError::Format`] where the metadata lack something or contradict the tensors, [`ModelError::Unsupported`] where
    /// it isn't a model's file, or has settings that aren't followed.
    pub fn spec(&mut self) -> Result<ModelSpec, ModelError> {
        let path = self.path.clone();
        let unsupported = |message: String| ModelError::Unsupported { path: path.clone(), message };
        // Files for other purposes carry the names of the model that they are for.
        if let Some(kind) = self.text("general.type").filter(|kind| *kind != "model") {
            return Err(unsupported(format!("the file isn't a model but of the type {kind}")));
        }
        let architecture = self
            .text("general.architecture")
            .ok_or_else(|| ModelError::format(&path, "its metadata name no architecture"))?
            .to_owned();
        let metadata = Metadata { file: self, architecture: &architecture };
        let format = |message: String| ModelError::format(&path, message);
        let mut spec = ModelSpec::read(&metadata, &architecture).map_err(format)?;
        if spec.family().is_some()
            && let Some(message) = metadata.problem(&spec)
        {
            return Err(unsupported(message));
        }
        spec.check().map_err(format)?;
        if self.info(ROPE_FACTORS).is_some() {
            let factors = self.values(ROPE_FACTORS, spec.head_dim / 2)?;
            if let Some(rope) = spec.ropes.first_mut() {
                if rope.scaling != RopeScaling::None {
                    let message =
                        format!("it has {ROPE_FACTORS} beside rope.scaling.type, and only one of the two is followed");
                    return Err(unsupported(message));
                }
                rope.scaling = RopeScaling::Factors(factors);
            }
            spec.check().map_err(format)?;
        }
        self.check_vocabulary(spec.vocab_size)?;
        Ok(spec)
    }

    /// Each token of the vocabulary has its row in the embedding; rows without a token are common.
    fn check_vocabulary(&self, num_rows: usize) -> Result<(), ModelError> {
        let tokens = self.texts("tokenizer.ggml.tokens").unwrap_or_default();
        match tokens.get(num_rows) {
            Some(token) => {
                let message = format!(
                    "its vocabulary has {} tokens, but its embedding has rows for {} only: {token} has none",
                    thousands(tokens.len()),
                    thousands(num_rows)
                );
                Err(ModelError::format(&self.path, message))
            }
            None => Ok(()),
        }
    }
}

/// The settings of a file, whose names begin with the architecture's.
struct Metadata<'a> {
    file: &'a GgufFile,
    architecture: &'a str,
}

impl Metadata<'_> {
    fn name(&self, key: Key) -> String {
        format!("{}.{}", self.architecture, key.gguf)
    }

    fn value(&self, key: Key) -> Option<&Value> {
        self.file.value(&self.name(key))
    }

    /// What is there but isn't followed, as a sentence.
    fn problem(&self, spec: &ModelSpec) -> Option<String> {
        let later = "models like that can't be trained yet";
        let differs = |key: &Key| match self.value(*key) {
            Some(Value::Array(values)) => {
                let mut numbers = values.iter().map(super::keys::whole);
                let first = numbers.next();
                numbers.any(|number| Some(number) != first)
            }
            _ => false,
        };
        if let Some(key) =
            [keys::NUM_HEADS, keys::NUM_KV_HEADS, keys::INTERMEDIATE_SIZE, keys::HEAD_DIM].iter().find(|k| differs(k))
        {
            return Some(format!("{} differs from layer to layer, and {later}", self.name(*key)));
        }
        for key in [Key::new("", "rope.dimension_count"), Key::new("", "attention.value_length")] {
            if let Ok(Some(other)) = self.count(key)
                && other != spec.head_dim
                && other > 0
            {
                let name = self.name(key);
                return Some(format!("{name} is {other}, but its heads have {} values: {later}", spec.head_dim));
            }
        }
        match (self.text(SCALING), self.value(SCALING)) {
            (Some("linear" | "none" | "yarn"), _) | (None, None) => None,
            (other, _) => Some(format!("the rope scaling {} is not known", other.unwrap_or("of its metadata"))),
        }
    }
}

const SCALING: Key = Key::new("", "rope.scaling.type");
const SCALING_FACTOR: Key = Key::new("", "rope.scaling.factor");
const ORIGINAL_CONTEXT: Key = Key::new("", "rope.scaling.original_context_length");
const BETA_FAST: Key = Key::new("", "rope.scaling.yarn_beta_fast");
const BETA_SLOW: Key = Key::new("", "rope.scaling.yarn_beta_slow");
const LOG_MULTIPLIER: Key = Key::new("", "rope.scaling.yarn_log_multiplier");

impl Keys for Metadata<'_> {
    fn is_gguf(&self) -> bool {
        true
    }

    fn count(&self, key: Key) -> Result<Option<usize>, String> {
        self.file.count(&self.name(key))
    }

    fn number(&self, key: Key) -> Result<Setting<f64>, String> {
        Ok(match self.file.fraction(&self.name(key))? {
            None => Setting::Unsaid,
            Some(number) if number > 0.0 => Setting::Is(number),
            Some(_) => Setting::Off,
        })
    }

    fn flag(&self, key: Key) -> Result<Option<bool>, String> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Bool(is_on)) => Ok(Some(*is_on)),
            Some(_) => Err(self.unusable(key)),
        }
    }

    fn text(&self, key: Key) -> Option<&str> {
        self.file.text(&self.name(key))
    }

    fn switches(&self, key: Key, num_layers: usize) -> Result<Option<Vec<bool>>, String> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let is_on = |value: &Value| match value {
            Value::Bool(is_on) => Some(*is_on),
            value => super::keys::whole(value).map(|number| number != 0),
        };
        let Value::Array(values) = value else { return Err(self.unusable(key)) };
        let switches: Option<Vec<_>> = values.iter().map(is_on).collect();
        switches.filter(|switches| switches.len() == num_layers).map(Some).ok_or_else(|| self.unusable(key))
    }

    fn sliding(&self, num_layers: usize) -> Result<Option<Vec<bool>>, String> {
        self.switches(keys::LAYER_TYPES, num_layers)
    }

    fn vocab_size(&self) -> Result<usize, String> {
        let name = Part::Embedding.gguf();
        match self.file.info(&name).map(|info| info.shape.dims()) {
            Some([rows, _]) => Ok(*rows),
            _ => Err(format!("it has no embedding ({name})")),
        }
    }

    fn ties_head(&self, _default: bool) -> Result<bool, String> {
        Ok(self.file.info(&Part::Head.gguf()).is_none())
    }

    fn rope(&self, keys: RopeKeys, _theta: f64) -> Result<RopeSpec, String> {
        let number = |key: Key| Ok::<_, String>(self.number(key)?.or(None));
        let scaling = match self.text(SCALING).filter(|_| keys.has_scaling) {
            Some("linear") => RopeScaling::Linear { factor: number(SCALING_FACTOR)?.unwrap_or(1.0) },
            Some("yarn") => {
                let factor = number(SCALING_FACTOR)?.ok_or_else(|| self.unusable(SCALING_FACTOR))?;
                let usual = |mscale| Yarn::usual_attention_factor(factor, mscale);
                RopeScaling::Yarn(Yarn {
                    factor,
                    original_context: number(ORIGINAL_CONTEXT)?.ok_or_else(|| self.unusable(ORIGINAL_CONTEXT))?,
                    beta_fast: number(BETA_FAST)?.unwrap_or(Yarn::BETA_FAST),
                    beta_slow: number(BETA_SLOW)?.unwrap_or(Yarn::BETA_SLOW),
                    // An attention factor of the file (yarn_attn_factor) is not read by llama.cpp, either.
                    attention_factor: match number(LOG_MULTIPLIER)? {
                        Some(mscale) => usual(1.0) / usual(mscale),
                        None => usual(1.0),
                    },
                    truncate: true,
                })
            }
            _ => RopeScaling::None,
        };
        // llama.cpp's, whatever the family.
        let theta = self.file.fraction(&self.name(keys.theta))?.unwrap_or(10_000.0);
        Ok(RopeSpec { theta, scaling })
    }

    fn query_scale(&self) -> Result<Option<QueryScale>, String> {
        let number = |key: Key| Ok::<_, String>(self.number(key)?.or(None));
        let Some(beta) = number(keys::TEMPERATURE_SCALE)? else { return Ok(None) };
        let context = number(ORIGINAL_CONTEXT)?.ok_or_else(|| self.unusable(ORIGINAL_CONTEXT))?;
        Ok(Some(QueryScale { beta, context }))
    }

    fn unusable(&self, key: Key) -> String {
        format!("its metadata have no usable {}", self.name(key))
    }
}
