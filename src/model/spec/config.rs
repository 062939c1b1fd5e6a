//! The settings of `config.json`, of Transformers 5 (`rope_parameters`) or before (`rope_theta`, `rope_scaling`).

use serde_json::Value;

use super::keys::{self, Key, Keys, RopeKeys, Setting};
use super::{LongRope, ModelSpec, QueryScale, RopeScaling, RopeSpec, Yarn};
use crate::model::Module;

impl ModelSpec {
    /// Reads what `config.json` holds.
    ///
    /// # Errors
    ///
    /// A sentence, without the file's name, where a setting is missing or means nothing.
    pub fn from_config(config: &Value) -> Result<Self, String> {
        let text = text_config(config);
        let architecture = text.get("model_type").and_then(Value::as_str).unwrap_or("unknown");
        let mut spec = Self::read(&Config(text), architecture)?;
        if !std::ptr::eq(text, config) {
            spec.is_wrapped = true;
            // The outer setting decides; where there is none, Transformers ties the two.
            let outer = config.get("tie_word_embeddings").filter(|value| !value.is_null());
            spec.tie_word_embeddings = match outer {
                None => true,
                Some(outer) => outer.as_bool().ok_or_else(|| unusable("tie_word_embeddings"))?,
            };
        }
        spec.check()?;
        Ok(spec)
    }
}

/// The settings of the text model: `text_config` of a model that sees pictures, too, else the whole.
pub fn text_config(config: &Value) -> &Value {
    config.get("text_config").filter(|text| text.is_object() && text.get("hidden_size").is_some()).unwrap_or(config)
}

/// See the module.
struct Config<'a>(&'a Value);

impl Config<'_> {
    /// What isn't `null`.
    fn get(&self, key: Key) -> Option<&Value> {
        self.0.get(key.config).filter(|value| !value.is_null())
    }
}

impl Config<'_> {
    fn list<T>(&self, key: Key, of: impl Fn(&Value) -> Option<T>) -> Result<Option<Vec<T>>, String> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let list = value.as_array().and_then(|values| values.iter().map(of).collect());
        list.map(Some).ok_or_else(|| self.unusable(key))
    }
}

impl Keys for Config<'_> {
    fn is_gguf(&self) -> bool {
        false
    }

    /// A whole number above zero; `null` means none.
    fn count(&self, key: Key) -> Result<Option<usize>, String> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let count = value.as_u64().and_then(|v| usize::try_from(v).ok()).filter(|v| *v > 0);
        count.map(Some).ok_or_else(|| self.unusable(key))
    }

    fn count_from_zero(&self, key: Key) -> Result<Option<usize>, String> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
        count.map(Some).ok_or_else(|| self.unusable(key))
    }

    fn of_layers(&self, key: Key, num_layers: usize) -> Result<Option<Vec<Option<usize>>>, String> {
        let Some(layers) = self.get(Key::new(PER_LAYER, "")) else { return Ok(None) };
        let mut values = vec![None; num_layers];
        for (layer, settings) in layers.as_object().ok_or_else(|| unusable(PER_LAYER))? {
            let place = layer.parse().ok().and_then(|layer: usize| values.get_mut(layer));
            let (Some(place), Some(settings)) = (place, settings.as_object()) else { return Err(unusable(PER_LAYER)) };
            if let Some(other) = settings.keys().find(|name| *name != key.config) {
                return Err(format!("config.json has {other} in {PER_LAYER}, which is not followed here"));
            }
            *place = Config(&layers[layer]).count(key)?;
        }
        Ok(Some(values))
    }

    fn number(&self, key: Key) -> Result<Setting<f64>, String> {
        positive(self.0, key.config)
    }

    fn flag(&self, key: Key) -> Result<Option<bool>, String> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.unusable(key))
    }

    fn text(&self, key: Key) -> Option<&str> {
        self.0.get(key.config)?.as_str()
    }

    fn switches(&self, key: Key, num_layers: usize) -> Result<Option<Vec<bool>>, String> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let is_on = |value: &Value| value.as_bool().or_else(|| Some(value.as_u64()? != 0));
        let switches = value.as_array().and_then(|values| values.iter().map(is_on).collect::<Option<Vec<_>>>());
        switches.filter(|switches| switches.len() == num_layers).map(Some).ok_or_else(|| self.unusable(key))
    }

    fn texts(&self, key: Key) -> Result<Option<Vec<String>>, String> {
        self.list(key, |value| value.as_str().map(str::to_owned))
    }

    fn counts(&self, key: Key) -> Result<Option<Vec<usize>>, String> {
        self.list(key, |value| value.as_u64().and_then(|count| usize::try_from(count).ok()))
    }

    /// Transformers writes what is infinite as an object.
    fn limits(&self, key: Key) -> Result<Option<[f64; 2]>, String> {
        let number = |value: &Value| match value.get("__float__").unwrap_or(value) {
            Value::String(text) => text.parse::<f64>().ok().filter(|number| !number.is_nan()),
            value => value.as_f64(),
        };
        match self.list(key, number)?.as_deref() {
            None => Ok(None),
            Some([least, most]) if least <= most => Ok(Some([*least, *most])),
            Some(_) => Err(self.unusable(key)),
        }
    }

    fn has_rope_factors(&self) -> bool {
        false
    }

    fn has_bias(&self, _layer: usize, _module: Module) -> bool {
        false
    }

    fn rotated(&self, head_dim: usize) -> Result<Option<usize>, String> {
        let key = keys::PARTIAL_ROTARY.config;
        let of_rope = match self.get(Key::new("rope_parameters", "")).or_else(|| self.get(Key::new("rope_scaling", "")))
        {
            Some(parameters) => positive(parameters, key)?.or(None),
            None => None,
        };
        let part = match of_rope {
            Some(part) => Some(part),
            None => positive(self.0, key)?.or(None),
        };
        match part {
            Some(part) if part > 1.0 => Err(unusable(key)),
            part => Ok(part.map(|part| (head_dim as f64 * part) as usize)),
        }
    }

    fn sliding(&self, num_layers: usize) -> Result<Option<Vec<bool>>, String> {
        let key = keys::LAYER_TYPES;
        let Some(types) = self.get(key) else { return Ok(None) };
        let slides = |kind: &Value| match kind.as_str() {
            Some("sliding_attention") => Some(true),
            Some("full_attention") => Some(false),
            _ => None,
        };
        let slides: Option<Vec<_>> = types.as_array().and_then(|types| types.iter().map(slides).collect());
        slides.filter(|slides| slides.len() == num_layers).map(Some).ok_or_else(|| self.unusable(key))
    }

    fn vocab_size(&self) -> Result<usize, String> {
        self.required(Key::new("vocab_size", ""))
    }

    fn ties_head(&self, default: bool) -> Result<bool, String> {
        Ok(self.flag(Key::new("tie_word_embeddings", ""))?.unwrap_or(default))
    }

    fn rope(&self, keys: RopeKeys, theta: f64) -> Result<RopeSpec, String> {
        let parameters = self.get(Key::new("rope_parameters", ""));
        let of_kind = parameters.and_then(|parameters| parameters.get(keys.section));
        let has_sections = parameters.and_then(Value::as_object).is_some_and(|of| of.values().any(Value::is_object));
        if has_sections && of_kind.is_none() {
            return Err(unusable(&format!("rope_parameters for {}", keys.section)));
        }
        // Before Transformers 5 a scaling was meant for the layers that see all.
        let of_all = || parameters.or_else(|| self.get(Key::new("rope_scaling", ""))).filter(|_| keys.has_scaling);
        rope(self.0, of_kind.or_else(of_all), keys.theta, theta)
    }

    fn query_scale(&self) -> Result<Option<QueryScale>, String> {
        let Some(parameters) = self.get(Key::new("rope_parameters", "")) else { return Ok(None) };
        let number = |key: &str| positive(parameters, key).map(|number| number.or(None));
        let Some(beta) = number("llama_4_scaling_beta")? else { return Ok(None) };
        let context = number("original_max_position_embeddings")?;
        Ok(Some(QueryScale { beta, context: context.ok_or_else(|| unusable("original_max_position_embeddings"))? }))
    }

    fn unusable(&self, key: Key) -> String {
        unusable(key.config)
    }
}

/// Settings of single layers, by their numbers.
pub const PER_LAYER: &str = "per_layer_config";

fn unusable(key: &str) -> String {
    format!("config.json has no usable {key}")
}

/// A number above zero; `null` means none.
fn positive(config: &Value, key: &str) -> Result<Setting<f64>, String> {
    match config.get(key) {
        None => Ok(Setting::Unsaid),
        Some(Value::Null) => Ok(Setting::Off),
        Some(value) => value.as_f64().filter(|value| *value > 0.0).map(Setting::Is).ok_or_else(|| unusable(key)),
    }
}

/// A number of a rotation's settings, where there is one.
fn setting(parameters: Option<&Value>, key: &str) -> Result<Option<f64>, String> {
    match parameters.and_then(|parameters| parameters.get(key)) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or_else(|| unusable(key)),
    }
}

/// The kind of a rotation; before it was called `rope_type`, it was a `type`.
fn rope_kind(parameters: Option<&Value>) -> Result<Option<&str>, String> {
    let get = |key: &str| parameters.and_then(|parameters| parameters.get(key)).filter(|value| !value.is_null());
    let Some(kind) = get("rope_type").or_else(|| get("type")) else { return Ok(None) };
    kind.as_str().map(Some).ok_or_else(|| unusable("rope_type"))
}

fn rope(config: &Value, parameters: Option<&Value>, key: Key, default: f64) -> Result<RopeSpec, String> {
    if parameters.is_some_and(|parameters| !parameters.is_object()) {
        return Err(unusable("rope_parameters or rope_scaling"));
    }
    let number = |key: &str| setting(parameters, key);
    let of_parameters = parameters.map(|parameters| positive(parameters, "rope_theta")).transpose()?;
    let theta = match of_parameters.and_then(|theta| theta.or(None)) {
        Some(theta) => theta,
        None => positive(config, key.config)?.or(None).unwrap_or(default),
    };
    let needed = |key: &str| number(key)?.ok_or(format!("config.json has no {key} for its rope scaling"));
    let has_long_factor = parameters.is_some_and(|parameters| parameters.get("long_factor").is_some());
    let scaling = match rope_kind(parameters)? {
        // Older names of the same.
        Some("su" | "yarn") if has_long_factor => RopeScaling::Long(long_rope(config, parameters)?),
        Some("longrope") => RopeScaling::Long(long_rope(config, parameters)?),
        None | Some("default") => RopeScaling::None,
        Some("linear") => RopeScaling::Linear { factor: needed("factor")? },
        Some("llama3") => RopeScaling::Llama3 {
            factor: needed("factor")?,
            low_freq_factor: needed("low_freq_factor")?,
            high_freq_factor: needed("high_freq_factor")?,
            original_context: needed("original_max_position_embeddings")?,
        },
        Some("yarn") => {
            RopeScaling::Yarn(yarn(parameters, needed("factor")?, needed("original_max_position_embeddings")?)?)
        }
        Some("proportional") => RopeScaling::Proportional {
            part: match number(keys::PARTIAL_ROTARY.config)? {
                None => 1.0,
                Some(part) if part > 0.0 && part <= 1.0 => part,
                Some(_) => return Err(unusable(keys::PARTIAL_ROTARY.config)),
            },
            factor: number("factor")?.unwrap_or(1.0),
        },
        Some("dynamic") if number("alpha")?.is_some() => RopeScaling::Alpha(needed("alpha")?),
        Some(other) => return Err(format!("the rope scaling {other} is not known")),
    };
    Ok(RopeSpec::new(theta, scaling))
}

fn long_rope(config: &Value, parameters: Option<&Value>) -> Result<LongRope, String> {
    let parameters = parameters.unwrap_or(&Value::Null);
    let factors = |key: &str| {
        let factors = parameters.get(key).and_then(Value::as_array);
        let factors = factors.and_then(|factors| factors.iter().map(|v| Some(v.as_f64()? as f32)).collect());
        factors.ok_or_else(|| unusable(key))
    };
    let original = "original_max_position_embeddings";
    let original_context = match positive(parameters, original)?.or(None) {
        Some(context) => Some(context),
        None => positive(config, original)?.or(None),
    };
    let original_context = original_context.ok_or_else(|| unusable(original))?;
    let usual = |factor| LongRope::usual_attention_factor(factor, original_context);
    let attention_factor = match (positive(parameters, "attention_factor")?, positive(parameters, "factor")?) {
        (Setting::Is(factor), _) => factor,
        (_, Setting::Is(factor)) => usual(factor),
        _ => {
            let context = positive(config, keys::CONTEXT_LENGTH.config)?.or(None);
            usual(context.ok_or_else(|| unusable(keys::CONTEXT_LENGTH.config))? / original_context)
        }
    };
    let (short, long) = (factors("short_factor")?, factors("long_factor")?);
    Ok(LongRope { short, long, original_context: original_context as usize, attention_factor })
}

/// As Transformers reads it, for which a zero is as good as nothing.
fn yarn(parameters: Option<&Value>, factor: f64, original_context: f64) -> Result<Yarn, String> {
    let number = |key: &str| Ok::<_, String>(setting(parameters, key)?.filter(|number| *number != 0.0));
    let usual = |mscale| Yarn::usual_attention_factor(factor, mscale);
    let attention_factor = match (number("attention_factor")?, number("mscale")?, number("mscale_all_dim")?) {
        (Some(factor), ..) => factor,
        (None, Some(mscale), Some(all)) => usual(mscale) / usual(all),
        _ => usual(1.0),
    };
    let truncate = match parameters.and_then(|parameters| parameters.get("truncate")) {
        None | Some(Value::Null) => true,
        Some(truncate) => truncate.as_bool().ok_or_else(|| unusable("truncate"))?,
    };
    Ok(Yarn {
        factor,
        original_context,
        beta_fast: number("beta_fast")?.unwrap_or(Yarn::BETA_FAST),
        beta_slow: number("beta_slow")?.unwrap_or(Yarn::BETA_SLOW),
        attention_factor,
        truncate,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::spec::BranchNorms;
    use crate::ops::Activation;

    fn windows_of(spec: &ModelSpec) -> Vec<Option<usize>> {
        spec.layers.iter().map(|layer| layer.window).collect()
    }

    fn config(extra: Value) -> Value {
        let mut config = serde_json::json!({
            "model_type": "llama", "vocab_size": 8, "hidden_size": 12, "intermediate_size": 16,
            "num_hidden_layers": 2, "num_attention_heads": 3, "max_position_embeddings": 64,
        });
        let (map, extra) = (config.as_object_mut().unwrap(), extra.as_object().unwrap().clone());
        map.extend(extra);
        config
    }

    #[test]
    fn what_is_there_but_unusable_is_no_default() {
        for (extra, named) in [
            (serde_json::json!({"rope_scaling": "linear"}), "rope_scaling"),
            (serde_json::json!({"rope_parameters": [1]}), "rope_parameters"),
            (serde_json::json!({"rope_scaling": {"rope_type": 1, "factor": 2.0}}), "rope_type"),
            (serde_json::json!({"rope_scaling": {"type": "linear", "factor": "two"}}), "factor"),
            (yarn_with("beta_fast", "32".into()), "beta_fast"),
            (yarn_with("mscale", true.into()), "mscale"),
            (yarn_with("truncate", "no".into()), "truncate"),
            (serde_json::json!({"model_type": "gemma2", "layer_types": "sliding_attention"}), "layer_types"),
        ] {
            let error = ModelSpec::from_config(&config(extra.clone())).unwrap_err();
            assert!(error.contains("no usable") && error.contains(named), "{extra}: {error}");
        }
        assert!(ModelSpec::from_config(&config(yarn_with("beta_fast", Value::Null))).is_ok());
    }

    fn yarn_with(key: &str, value: Value) -> Value {
        let mut yarn = serde_json::json!({"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 32});
        yarn[key] = value;
        serde_json::json!({ "rope_scaling": yarn })
    }

    #[test]
    fn both_styles_of_rope_settings_give_the_same_spec() {
        let scaling = |extra: Value| ModelSpec::from_config(&config(extra)).unwrap().ropes[0].clone();
        let old = serde_json::json!({"rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 2.0}});
        let new = serde_json::json!({"rope_parameters": {"rope_theta": 5e5, "rope_type": "linear", "factor": 2.0}});
        assert_eq!(scaling(old), scaling(new));
        assert_eq!(scaling(serde_json::json!({"rope_scaling": null})).theta, 10_000.0);
    }

    #[test]
    fn a_rotation_that_can_not_be_meant_is_an_error() {
        let error = |extra: Value| ModelSpec::from_config(&config(extra)).unwrap_err();
        let sections = serde_json::json!({"rope_parameters": {"chunked_attention": {"rope_theta": 5e5}}});
        assert_eq!(error(sections), "config.json has no usable rope_parameters for full_attention");
        let yarn = |extra: Value| {
            let mut parameters = serde_json::json!({"rope_type": "yarn", "original_max_position_embeddings": 16});
            parameters.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            serde_json::json!({"rope_parameters": parameters})
        };
        assert!(error(yarn(serde_json::json!({}))).contains("no factor for its rope scaling"));
        for wrong in [serde_json::json!({"factor": 4, "attention_factor": -1}), serde_json::json!({"factor": 0})] {
            assert!(ModelSpec::from_config(&config(yarn(wrong.clone()))).is_err(), "{wrong}");
        }
        assert!(ModelSpec::from_config(&config(yarn(serde_json::json!({"factor": 4})))).is_ok());
        let alpha = serde_json::json!({"rope_scaling": {"type": "dynamic", "alpha": 1000.0, "factor": 1.0}});
        assert_eq!(error(alpha), "the rope scaling dynamic is not known", "only Hunyuan's is known");
    }

    #[test]
    fn a_window_is_read_where_the_family_has_one() {
        let windows = |extra: Value| ModelSpec::from_config(&config(extra)).map(|spec| windows_of(&spec));
        let mistral = |window: Value| windows(serde_json::json!({"model_type": "mistral", "sliding_window": window}));
        assert_eq!(mistral(8.into()), Ok(vec![Some(8); 2]));
        assert_eq!(mistral(Value::Null), Ok(vec![None; 2]));
        assert_eq!(windows(serde_json::json!({"model_type": "mistral"})), Ok(vec![Some(4096); 2]));
        assert_eq!(windows(serde_json::json!({"sliding_window": 8})), Ok(vec![None; 2]), "Llama has none");
        assert_eq!(mistral(0.into()), Err("config.json has no usable sliding_window".to_owned()));
        assert_eq!(
            windows(serde_json::json!({"num_hidden_layers": 1u64 << 60})).unwrap_err(),
            format!("no model has {} layers", 1u64 << 60)
        );
    }

    #[test]
    fn what_gemma_2_does_not_say_is_its_default() {
        let gemma2 = |extra: Value| {
            let mut config = config(extra);
            config["model_type"] = "gemma2".into();
            ModelSpec::from_config(&config)
        };
        let spec = gemma2(serde_json::json!({"num_hidden_layers": 3, "head_dim": 4})).unwrap();
        assert_eq!(windows_of(&spec), [Some(4096), None, Some(4096)]);
        assert_eq!((spec.attention_softcap, spec.final_softcap), (Some(50.0), Some(30.0)));
        assert_eq!((spec.attention_scale, spec.activation), (1.0 / 16.0, Activation::GeluTanh));
        assert!(spec.tie_word_embeddings && spec.layers.iter().all(|layer| layer.norms == BranchNorms::BOTH));
        let layer_types = serde_json::json!(["full_attention", "sliding_attention"]);
        let said = serde_json::json!({
            "layer_types": layer_types, "sliding_window": 8, "final_logit_softcapping": null,
            "attn_logit_softcapping": 5.0, "query_pre_attn_scalar": 4,
        });
        let spec = gemma2(said).unwrap();
        assert_eq!((windows_of(&spec), spec.attention_scale), (vec![None, Some(8)], 0.5));
        assert_eq!((spec.attention_softcap, spec.final_softcap), (Some(5.0), None));
        let error = gemma2(serde_json::json!({"layer_types": ["full_attention", "chunked_attention"]})).unwrap_err();
        assert_eq!(error, "config.json has no usable layer_types");
    }

    #[test]
    fn what_can_not_be_run_is_said_in_words() {
        let problem = |extra: Value| {
            let config = config(extra);
            ModelSpec::from_config(&config).unwrap().problem(Some(&config))
        };
        assert_eq!(problem(serde_json::json!({})), None);
        assert!(problem(serde_json::json!({"model_type": "phi2"})).unwrap().contains("family phi2"));
        assert!(problem(serde_json::json!({"qkv_bias": true})).unwrap().contains("qkv_bias"));
        assert_eq!(problem(serde_json::json!({"attention_bias": true})), None);
        let error = ModelSpec::from_config(&config(serde_json::json!({"hidden_act": "relu2"}))).unwrap_err();
        assert_eq!(error, "the activation relu2 is not known");
        let gptq = serde_json::json!({"quantization_config": {"quant_method": "gptq"}});
        assert!(problem(gptq).unwrap().starts_with("GPTQ weights are not read"));
        let experts = serde_json::json!({"model_type": "someone_s_moe", "num_local_experts": 8});
        assert!(problem(experts).unwrap().contains("experts of which a router chooses some for each token can't"));
        let error = ModelSpec::from_config(&config(serde_json::json!({"hidden_size": 0}))).unwrap_err();
        assert_eq!(error, "config.json has no usable hidden_size");
    }
}
