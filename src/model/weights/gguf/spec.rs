//! A spec from the metadata of a file. What the file doesn't say is as llama.cpp takes it.

use candle_core::quantized::gguf_file::Value;

use super::GgufFile;
use crate::model::spec::keys::{self, Key, Keys, RopeKeys, Setting};
use crate::model::spec::{LongRope, Mixer, Part, QueryScale, RopeScaling, RopeSpec, Yarn};
use crate::model::{ModelError, ModelSpec, Module};
use crate::words::thousands;

/// The divisors of the rotary frequencies.
const ROPE_FACTORS: &str = "rope_freqs.weight";
/// Those for texts beyond the original context, and those for others.
const LONG_FACTORS: &str = "rope_factors_long.weight";
const SHORT_FACTORS: &str = "rope_factors_short.weight";

/// Whether a tensor is read as a part of the settings.
pub(super) fn is_setting(name: &str) -> bool {
    [ROPE_FACTORS, LONG_FACTORS, SHORT_FACTORS].contains(&name)
}

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
        if let Some((name, scaling)) = self.rope_factors(&spec)?
            && let Some(rope) = spec.ropes.first_mut()
        {
            if rope.scaling != RopeScaling::None {
                let message = format!("it has {name} beside rope.scaling.type, and only one of the two is followed");
                return Err(unsupported(message));
            }
            rope.scaling = scaling;
            spec.check().map_err(format)?;
        }
        self.check_vocabulary(spec.vocab_size)?;
        Ok(spec)
    }

    /// The frequencies' divisors that the file holds as tensors, and the name of one of those.
    fn rope_factors(&mut self, spec: &ModelSpec) -> Result<Option<(&'static str, RopeScaling)>, ModelError> {
        let head_dim = spec.rotated_head_dim(0);
        let len = spec.ropes.first().map_or(head_dim, |rope| rope.dim(head_dim)) / 2;
        let (has_one, has_two) = (self.info(ROPE_FACTORS).is_some(), self.info(LONG_FACTORS).is_some());
        let mut factors = |name| self.values(name, &[len]);
        if has_one {
            return Ok(Some((ROPE_FACTORS, RopeScaling::Factors(factors(ROPE_FACTORS)?))));
        }
        if !has_two {
            return Ok(None);
        }
        let (short, long) = (factors(SHORT_FACTORS)?, factors(LONG_FACTORS)?);
        let architecture = self.text("general.architecture").unwrap_or_default();
        let metadata = Metadata { file: self, architecture };
        let number = |key: Key| metadata.number(key).map(|number| number.or(None));
        let format = |message: String| ModelError::format(&metadata.file.path, message);
        let original_context = number(ORIGINAL_CONTEXT).map_err(format)?;
        let original_context = original_context.ok_or_else(|| format(metadata.unusable(ORIGINAL_CONTEXT)))? as usize;
        let attention_factor = number(ATTENTION_FACTOR).map_err(format)?.unwrap_or(1.0);
        let scaling = RopeScaling::Long(LongRope { short, long, original_context, attention_factor });
        Ok(Some((LONG_FACTORS, scaling)))
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
                // Layers that don't attend have no heads.
                let is_mixed = spec.layers.iter().any(|layer| layer.mixer != Mixer::Attention);
                let is_left_out = |number: &Option<u64>| is_mixed && *number == Some(0);
                let mut numbers = values.iter().map(super::keys::whole).filter(|number| !is_left_out(number));
                let first = numbers.next();
                numbers.any(|number| Some(number) != first)
            }
            _ => false,
        };
        let widths = self.counts(keys::INTERMEDIATE_SIZE).ok().flatten().unwrap_or_default();
        let inner = (0..spec.num_layers()).map(|layer| spec.inner_size(layer));
        let are_followed = |key: &Key| *key == keys::INTERMEDIATE_SIZE && inner.clone().eq(widths.iter().copied());
        let all = [keys::NUM_HEADS, keys::NUM_KV_HEADS, keys::INTERMEDIATE_SIZE, keys::HEAD_DIM];
        if let Some(key) = all.iter().find(|key| differs(key) && !are_followed(key)) {
            return Some(format!("{} differs from layer to layer, and {later}", self.name(*key)));
        }
        let key = Key::new("", "attention.value_length");
        let head_dim = self.count(keys::HEAD_DIM).ok().flatten().unwrap_or(spec.head_dim);
        if let Ok(Some(other)) = self.count(key)
            && other != head_dim
            && other > 0
        {
            let name = self.name(key);
            return Some(format!("{name} is {other}, but its heads have {head_dim} values: {later}"));
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
const ATTENTION_FACTOR: Key = Key::new("", "rope.scaling.attn_factor");
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

    fn count_from_zero(&self, key: Key) -> Result<Option<usize>, String> {
        self.count(key)
    }

    /// Such files have settings of their own for kinds of layers.
    fn of_layers(&self, _key: Key, _num_layers: usize) -> Result<Option<Vec<Option<usize>>>, String> {
        Ok(None)
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

    /// No family needs a list of texts.
    fn texts(&self, _key: Key) -> Result<Option<Vec<String>>, String> {
        Ok(None)
    }

    fn counts(&self, key: Key) -> Result<Option<Vec<usize>>, String> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let count = |value: &Value| super::keys::whole(value).and_then(|count| usize::try_from(count).ok());
        let Value::Array(values) = value else { return Err(self.unusable(key)) };
        values.iter().map(count).collect::<Option<_>>().map(Some).ok_or_else(|| self.unusable(key))
    }

    /// No family needs limits.
    fn limits(&self, _key: Key) -> Result<Option<[f64; 2]>, String> {
        Ok(None)
    }

    fn has_rope_factors(&self) -> bool {
        self.file.info(ROPE_FACTORS).is_some()
    }

    fn has_bias(&self, layer: usize, module: Module) -> bool {
        self.file.info(&format!("blk.{layer}.{}.bias", module.gguf_name())).is_some()
    }

    fn rotated(&self, _head_dim: usize) -> Result<Option<usize>, String> {
        Ok(self.count(Key::new("", "rope.dimension_count"))?.filter(|rotated| *rotated > 0))
    }

    fn sliding(&self, num_layers: usize) -> Result<Option<Vec<bool>>, String> {
        self.switches(keys::LAYER_TYPES, num_layers)
    }

    fn vocab_size(&self) -> Result<usize, String> {
        let name = Part::GGUF_EMBEDDING;
        match self.file.info(name).map(|info| info.shape.dims()) {
            Some([rows, _]) => Ok(*rows),
            _ => Err(format!("it has no embedding ({name})")),
        }
    }

    fn ties_head(&self, _default: bool) -> Result<bool, String> {
        Ok(self.file.info(Part::GGUF_HEAD).is_none())
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
        Ok(RopeSpec::new(theta, scaling))
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
