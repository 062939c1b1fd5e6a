//! `adapter_config.json`: every key is followed, says nothing about the arithmetic, or is refused by its name.

use std::path::Path;

use regex::Regex;
use serde_json::{Map, Value};

use super::CONFIG_FILE;
use super::patterns::{Names, ends_with, pattern};
use crate::model::lora::unknown_module;
use crate::model::spec;
use crate::model::{ModelError, ModelSpec, Module};

/// What is followed.
const FOLLOWED: &[&str] = &[
    "alpha_pattern",
    "exclude_modules",
    "init_lora_weights",
    "layers_pattern",
    "layers_to_transform",
    "lora_alpha",
    "lora_dropout",
    "peft_type",
    "r",
    "rank_pattern",
    "target_modules",
    "use_rslora",
];

/// What says where an adapter comes from and how its training began; of the last, `init_lora_weights` says what counts.
const WITHOUT_EFFECT: &[&str] = &[
    "auto_mapping",
    "base_model_name_or_path",
    "corda_config",
    "eva_config",
    "inference_mode",
    "loftq_config",
    "lora_ga_config",
    // The name of a library that only `megatron_config` brings in.
    "megatron_core",
    "peft_version",
    // Only with `use_qalora`.
    "qalora_group_size",
    "revision",
    "runtime_config",
    "task_type",
];

/// Ways to begin that leave the base model as it is.
const PLAIN_STARTS: &[&str] = &["gaussian", "eva", "orthogonal"];

/// Ways to begin that move a part of the base model's weights into the pairs.
const CHANGING_STARTS: &[&str] = &["pissa", "olora", "corda", "lora_ga"];

/// A larger rank is a mistake.
const MAX_RANK: f64 = 65_536.0;

/// The settings of a LoRA adapter.
#[derive(Debug)]
pub struct Settings {
    pub r: usize,
    pub lora_alpha: f64,
    pub lora_dropout: f64,
    pub use_rslora: bool,
    targets: Targets,
    excluded: Option<Names>,
    rank_pattern: Vec<(Regex, usize)>,
    alpha_pattern: Vec<(Regex, f64)>,
}

#[derive(Debug)]
enum Targets {
    /// Every linear layer but the head.
    AllLinear,
    Pattern(Names),
    Listed(Vec<String>, Layers),
}

/// The layers in which endings of names count; complete names count anyway.
#[derive(Debug)]
enum Layers {
    All,
    /// A layer's number is the one that one of the patterns finds in a name.
    Some {
        layers: Vec<u64>,
        patterns: Vec<Regex>,
    },
}

/// What a module is called in PEFT: `model.layers.0.self_attn.q_proj`.
pub fn module_key(layer: usize, module: Module, names: spec::Names) -> String {
    names.in_model(layer, module)
}

impl Settings {
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join(CONFIG_FILE);
        let text = std::fs::read_to_string(&path).map_err(ModelError::io(&path))?;
        let settings: Map<String, Value> = serde_json::from_str(&text).map_err(|e| ModelError::format(&path, e))?;
        Self::parse(&settings).map_err(|message| ModelError::Adapter { path, message })
    }

    /// The error is a sentence that names the key.
    fn parse(settings: &Map<String, Value>) -> Result<Self, String> {
        let of = |key: &str| settings.get(key).filter(|value| !is_empty(value));
        match of("peft_type") {
            Some(Value::String(kind)) if kind == "LORA" => {}
            Some(kind) => return Err(format!("it is of the kind {}; only LORA is read", shown(kind))),
            None if settings.contains_key("lora_parameters") || settings.contains_key("fine_tune_type") => {
                return Err(super::folder::MLX.to_owned());
            }
            None => return Err("it doesn't say what kind it is (peft_type); only LORA is read".to_owned()),
        }
        refuse_others(settings)?;
        check_start(of("init_lora_weights"))?;
        let number = |key: &str| match of(key) {
            None => Ok(None),
            Some(value) => match value.as_f64().filter(|v| v.is_finite()) {
                Some(number) => Ok(Some(number)),
                None => Err(format!("{key} is {}, but it must be a number", shown(value))),
            },
        };
        let lora_dropout = number("lora_dropout")?.unwrap_or(0.0);
        if !(0.0..1.0).contains(&lora_dropout) {
            return Err(format!("lora_dropout is {lora_dropout}, but it must be from 0 to below 1"));
        }
        let excluded = match of("exclude_modules") {
            None => None,
            Some(value) => {
                Some(Names::parse(value)?.ok_or("exclude_modules must be a text or a list of texts".to_owned())?)
            }
        };
        Ok(Self {
            r: rank(settings.get("r").ok_or("it has no rank r")?, "r")?,
            lora_alpha: number("lora_alpha")?.ok_or("it has no lora_alpha")?,
            lora_dropout,
            use_rslora: match of("use_rslora") {
                None => false,
                Some(value) => value.as_bool().ok_or("use_rslora must be true or false")?,
            },
            targets: targets(settings)?,
            excluded,
            rank_pattern: pattern_of(of("rank_pattern"), "rank_pattern", rank)?,
            alpha_pattern: pattern_of(of("alpha_pattern"), "alpha_pattern", |value, key| {
                value
                    .as_f64()
                    .filter(|v| v.is_finite())
                    .ok_or(format!("{key} has {}, which isn't a number", shown(value)))
            })?,
        })
    }

    /// The rank and alpha of the pair of a module ([`module_key`]); `None` where it has none.
    pub fn pair(&self, key: &str) -> Option<(usize, f64)> {
        let keys = super::names_in_and_out_of_a_wrapper(key);
        let is_meant = |pattern: &Regex| keys.iter().any(|key| pattern.is_match(key));
        if !keys.iter().any(|key| self.is_target(key)) || keys.iter().any(|key| self.is_excluded(key)) {
            return None;
        }
        let rank = self.rank_pattern.iter().find(|(pattern, _)| is_meant(pattern)).map_or(self.r, |(_, r)| *r);
        let alpha = self.alpha_pattern.iter().find(|(pattern, _)| is_meant(pattern));
        Some((rank, alpha.map_or(self.lora_alpha, |(_, alpha)| *alpha)))
    }

    fn is_excluded(&self, key: &str) -> bool {
        self.excluded.as_ref().is_some_and(|names| names.matches(key))
    }

    fn is_target(&self, key: &str) -> bool {
        match &self.targets {
            Targets::AllLinear => !key.ends_with("lm_head") && !key.ends_with("embed_tokens"),
            Targets::Pattern(names) => names.matches(key),
            Targets::Listed(names, layers) => {
                let is_ending = || names.iter().any(|name| ends_with(key, name));
                names.iter().any(|name| name == key) || (is_ending() && layers.contain(key))
            }
        }
    }

    /// Checks the targets for a model: pairs on the embedding or the head are not computed, and a name that means nothing is
    /// a mistake. The error is a sentence.
    pub fn check_targets(&self, spec: &ModelSpec) -> Result<(), String> {
        let is_taken = |key: &&str| self.is_target(key) && !self.is_excluded(key);
        if let Some(key) = ["lm_head", "model.embed_tokens"].into_iter().find(is_taken) {
            return Err(format!("target_modules takes in {key}, and pairs on it are not supported"));
        }
        let Targets::Listed(names, _) = &self.targets else { return Ok(()) };
        let known = spec.modules();
        let is_known = |name: &String| {
            // A layer's own number stands for any.
            let last = name.rsplit('.').next().unwrap_or_default();
            known.iter().any(|module| ends_with(&module_key(0, *module, spec.names()), last))
        };
        match names.iter().find(|name| !is_known(name)) {
            None => Ok(()),
            Some(name) => Err(unknown_module(name, spec)),
        }
    }
}

impl Layers {
    fn contain(&self, key: &str) -> bool {
        let Self::Some { layers, patterns } = self else { return true };
        let found = patterns.iter().find_map(|pattern| pattern.captures(key));
        let layer = found.and_then(|found| found.name("idx")?.as_str().parse().ok());
        layer.is_some_and(|layer| layers.contains(&layer))
    }
}

/// Whether a setting is not said, or switched off.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(values) => values.is_empty(),
        _ => false,
    }
}

/// What we don't compute is refused, never ignored.
fn refuse_others(settings: &Map<String, Value>) -> Result<(), String> {
    let is_followed = |key: &str| FOLLOWED.contains(&key) || WITHOUT_EFFECT.contains(&key);
    for (key, value) in settings.iter().filter(|(key, value)| !is_followed(key) && !is_empty(value)) {
        match (key.as_str(), value) {
            ("bias", Value::String(bias)) if bias == "none" => {}
            ("bias", bias) => return Err(format!("bias is {}: trained biases are not supported", shown(bias))),
            _ => return Err(format!("{key} is not supported")),
        }
    }
    Ok(())
}

/// Checks how training began; some ways fit only a base model that was changed with it.
fn check_start(value: Option<&Value>) -> Result<(), String> {
    let Some(value) = value.filter(|value| **value != Value::Bool(true)) else { return Ok(()) };
    let text = shown(value);
    let lower = text.to_lowercase();
    if PLAIN_STARTS.contains(&lower.as_str()) {
        return Ok(());
    }
    let what = match lower.as_str() {
        "loftq" => {
            "which belongs to a base model that LoftQ has quantised: merge the two where it was trained, and use the result"
        }
        start if CHANGING_STARTS.iter().any(|changing| start.starts_with(changing)) => {
            "which changes the base model's own weights, so that the adapter doesn't fit the model as it is; let PEFT save it \
             as a plain one (save_pretrained with path_initial_model_for_weight_conversion)"
        }
        _ => "which is not known here",
    };
    Err(format!("init_lora_weights is {text}, {what}"))
}

fn targets(settings: &Map<String, Value>) -> Result<Targets, String> {
    let value = settings.get("target_modules").unwrap_or(&Value::Null);
    let layers = layers(settings)?;
    if let Value::String(text) = value {
        if !matches!(layers, Layers::All) {
            return Err("layers_to_transform is not supported beside a text as target_modules".to_owned());
        }
        if text.eq_ignore_ascii_case("all-linear") {
            return Ok(Targets::AllLinear);
        }
    }
    match Names::parse(value)? {
        Some(Names::Listed(names)) => Ok(Targets::Listed(names, layers)),
        Some(pattern) => Ok(Targets::Pattern(pattern)),
        None => Err(format!("target_modules is {}; it must be a list of module names or a pattern", shown(value))),
    }
}

fn layers(settings: &Map<String, Value>) -> Result<Layers, String> {
    let wrong = || "layers_to_transform must be a layer's number or a list of such".to_owned();
    let layers = match settings.get("layers_to_transform") {
        None | Some(Value::Null) => return Ok(Layers::All),
        Some(Value::Array(layers)) if layers.is_empty() => return Ok(Layers::All),
        Some(Value::Array(layers)) => layers.iter().map(Value::as_u64).collect::<Option<Vec<_>>>().ok_or_else(wrong)?,
        Some(layer) => vec![layer.as_u64().ok_or_else(wrong)?],
    };
    let value = settings.get("layers_pattern").filter(|value| !is_empty(value));
    let names: Vec<&str> = match value {
        None => Vec::new(),
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        Some(value) => return Err(format!("layers_pattern is {}; it must be a text or a list", shown(value))),
    };
    let patterns = match names.is_empty() {
        true => vec![pattern(r".*?\.", r"[^.]*", r"\.(?P<idx>\d+)\..*")?],
        false => {
            let of = |name: &&str| pattern(r"(?:(?:^|.*?\.)", name, r"\.(?P<idx>\d+)\.).*");
            names.iter().map(of).collect::<Result<_, _>>()?
        }
    };
    Ok(Layers::Some { layers, patterns })
}

/// Patterns for the end of a module's name, each with a value; the first that fits counts.
fn pattern_of<T>(
    value: Option<&Value>,
    key: &str,
    read: impl Fn(&Value, &str) -> Result<T, String>,
) -> Result<Vec<(Regex, T)>, String> {
    match value {
        None => Ok(Vec::new()),
        Some(Value::Object(patterns)) => {
            patterns.iter().map(|(name, value)| Ok((pattern(r"(?:.*\.)?(?:", name, ")")?, read(value, key)?))).collect()
        }
        Some(value) => Err(format!("{key} is {}, but it must be an object of names", shown(value))),
    }
}

/// A whole number from 1 on, also where Python wrote it as 8.0.
fn rank(value: &Value, key: &str) -> Result<usize, String> {
    let rank = value.as_f64().filter(|r| r.fract() == 0.0 && (1.0..=MAX_RANK).contains(r));
    rank.map(|r| r as usize)
        .ok_or_else(|| format!("{key} has the rank {}, but it must be a whole number from 1", shown(value)))
}

fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(key: &str, value: Value) -> Result<Settings, String> {
        let mut settings = json!({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]});
        settings[key] = value;
        let settings = Settings::parse(settings.as_object().unwrap())?;
        settings.check_targets(&spec())?;
        Ok(settings)
    }

    fn spec() -> ModelSpec {
        let config = json!({
            "model_type": "llama", "vocab_size": 8, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2,
            "num_attention_heads": 4, "max_position_embeddings": 64,
        });
        ModelSpec::from_config(&config).unwrap()
    }

    fn key(layer: usize, module: Module) -> String {
        module_key(layer, module, spec().names())
    }

    #[test]
    fn settings_that_change_the_result_are_refused_not_ignored() {
        for (key, value) in [
            ("use_dora", json!(true)),
            ("modules_to_save", json!(["lm_head"])),
            ("trainable_token_indices", json!([3])),
            ("alora_invocation_tokens", json!([1, 2])),
            ("layer_replication", json!([[0, 2]])),
            ("target_parameters", json!(["mlp.experts"])),
            ("a_key_of_tomorrow", json!(1)),
        ] {
            assert_eq!(with(key, value).unwrap_err(), format!("{key} is not supported"));
        }
        for (key, value, named) in [
            ("bias", json!("lora_only"), "bias is lora_only"),
            ("peft_type", json!("IA3"), "IA3"),
            ("init_lora_weights", json!("pissa_niter_4"), "pissa_niter_4"),
            ("init_lora_weights", json!("mica"), "mica"),
            ("r", json!(4.5), "4.5"),
            ("r", json!(0), "rank 0"),
            ("target_modules", json!(["q_proj", "lm_head"]), "lm_head"),
            ("target_modules", json!(".*(proj|head)"), "lm_head"),
            ("target_modules", json!(["qproj"]), "there is no linear layer qproj; there are q_proj, k_proj"),
            ("target_modules", json!(null), "must be a list"),
        ] {
            let message = with(key, value).unwrap_err();
            assert!(message.contains(named), "{key}: {message}");
        }
    }

    #[test]
    fn settings_without_effect_are_taken() {
        for (key, value) in [
            ("bias", json!("none")),
            ("use_dora", json!(false)),
            ("megatron_core", json!("megatron.core")),
            ("auto_mapping", json!({"base_model_class": "LlamaForCausalLM"})),
            ("init_lora_weights", json!("gaussian")),
            ("eva_config", json!({"rho": 2.0})),
            ("a_key_of_tomorrow", json!({})),
            ("r", json!(4.0)),
        ] {
            assert!(with(key, value.clone()).is_ok(), "{key}: {value}");
        }
    }

    #[test]
    fn patterns_decide_by_layer_and_module() {
        let rank = with("rank_pattern", json!({"layers.1.self_attn.q_proj": 2, "q_proj": 16})).unwrap();
        let ranks = |layer| rank.pair(&key(layer, Module::QProj)).map(|(r, _)| r);
        assert_eq!((ranks(0), ranks(1), ranks(11)), (Some(16), Some(2), Some(16)));
        assert_eq!(rank.pair(&key(0, Module::KProj)), None);
        for pattern in [json!(null), json!("layers"), json!(["h", "layers"])] {
            let mut settings = json!({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj",
                "model.layers.0.mlp.up_proj"], "layers_to_transform": [1, 3]});
            settings["layers_pattern"] = pattern;
            let some = Settings::parse(settings.as_object().unwrap()).unwrap();
            let has = |layer| some.pair(&key(layer, Module::QProj)).is_some();
            assert_eq!([0, 1, 2, 3, 13].map(has), [false, true, false, true, false]);
            assert!(some.pair(&key(0, Module::UpProj)).is_some(), "a whole name counts in any layer");
        }
    }
}
