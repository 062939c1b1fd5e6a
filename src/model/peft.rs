//! Adapters on disk, in PEFT's own format: `adapter_config.json` and `adapter_model.safetensors`.

mod folder;
mod patterns;
mod settings;

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor, Var};
use serde_json::{Map, Value, json};

use self::settings::Settings;
use super::lora::{LoraAdapter, LoraConfig, LoraPair, tensor_name};
use super::{ModelError, ModelSpec, Module};
use crate::fs::write_atomic;

pub const CONFIG_FILE: &str = "adapter_config.json";
pub const WEIGHTS_FILE: &str = "adapter_model.safetensors";

/// Writes an adapter that PEFT's `PeftModel.from_pretrained` loads. `base_model` is the name of its base model.
///
/// # Errors
/// Where a file can't be written; the error names it.
pub fn save(adapter: &LoraAdapter, base_model: &str, folder: &Path) -> Result<(), ModelError> {
    let config = &adapter.config;
    let mut settings = json!({
        "base_model_name_or_path": base_model,
        "bias": "none",
        "fan_in_fan_out": false,
        "inference_mode": true,
        "init_lora_weights": true,
        "lora_alpha": config.lora_alpha,
        "lora_dropout": config.lora_dropout,
        "modules_to_save": null,
        "peft_type": "LORA",
        "r": config.r,
        "target_modules": targets(adapter),
        "task_type": "CAUSAL_LM",
        "use_dora": false,
        "use_rslora": config.use_rslora,
    });
    let ranks = pattern(adapter, |pair| (pair.r() != config.r).then(|| json!(pair.r())));
    let alphas = pattern(adapter, |pair| (pair.lora_alpha != config.lora_alpha).then(|| json!(pair.lora_alpha)));
    for (key, pattern) in [("rank_pattern", ranks), ("alpha_pattern", alphas)] {
        if !pattern.is_empty() {
            settings[key] = Value::Object(pattern);
        }
    }
    let path = folder.join(CONFIG_FILE);
    let text = serde_json::to_string_pretty(&settings).map_err(|e| ModelError::format(&path, e))?;
    write_atomic(&path, text.as_bytes()).map_err(ModelError::io(&path))?;
    let tensors = adapter.named_vars().into_iter().map(|(name, var)| (name, var.as_detached_tensor()));
    save_tensors(tensors, &folder.join(WEIGHTS_FILE))
}

/// Every pair with its layer and module.
fn pairs(adapter: &LoraAdapter) -> impl Iterator<Item = (usize, Module, &LoraPair)> {
    let of_layer = |layer| Module::ALL.into_iter().map(move |module| (layer, module));
    let all = (0..adapter.num_layers()).flat_map(of_layer);
    all.filter_map(|(layer, module)| Some((layer, module, adapter.pair(layer, module)?)))
}

/// Names of modules where every layer has the same pairs, else those of all pairs in full.
fn targets(adapter: &LoraAdapter) -> Vec<String> {
    let modules = &adapter.config.target_modules;
    if pairs(adapter).count() == modules.len() * adapter.num_layers() {
        return modules.iter().map(|module| module.name().to_owned()).collect();
    }
    pairs(adapter).map(|(layer, module, _)| settings::module_key(layer, module)).collect()
}

/// PEFT's pattern of a setting in which some pairs differ from the rest, which `differing` knows.
fn pattern(adapter: &LoraAdapter, differing: impl Fn(&LoraPair) -> Option<Value>) -> Map<String, Value> {
    let found = pairs(adapter)
        .filter_map(|(layer, module, pair)| Some((settings::module_key(layer, module), differing(pair)?)));
    found.collect()
}

/// Writes tensors of any shape as safetensors, atomically.
///
/// # Errors
/// Where the file can't be written; the error names it.
pub fn save_tensors(tensors: impl IntoIterator<Item = (String, Tensor)>, path: &Path) -> Result<(), ModelError> {
    let tensors: Vec<_> = tensors.into_iter().collect();
    // Transformers refuses files that don't say which framework's tensors they hold.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let bytes = safetensors::serialize(tensors.iter().map(|(name, t)| (name, t)), Some(metadata))
        .map_err(|e| ModelError::format(path, e))?;
    write_atomic(path, &bytes).map_err(ModelError::io(path))
}

/// Reads the tensors of a safetensors file by their names, in the shapes and types that it has.
///
/// # Errors
/// Where the file can't be read or isn't safetensors; the error names it.
pub fn load_tensors(path: &Path) -> Result<HashMap<String, Tensor>, ModelError> {
    let bytes = std::fs::read(path).map_err(ModelError::io(path))?;
    candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
        .map_err(|e| ModelError::format(path, e.to_string().lines().next().unwrap_or_default()))
}

/// Reads an adapter for a model of this shape.
///
/// # Errors
/// Where the folder holds no adapter, its settings are not supported, or a tensor is missing, superfluous, of another
/// shape or not finite; the error says which and what to do.
pub fn load(folder: &Path, spec: &ModelSpec) -> Result<LoraAdapter, ModelError> {
    folder::check(folder)?;
    let settings = Settings::read(folder)?;
    let path = folder.join(WEIGHTS_FILE);
    let refused = |message: String| ModelError::Adapter { path: path.clone(), message };
    let mut tensors = plainly_named(load_tensors(&path)?).map_err(refused)?;
    let mut take = |name: String, shape: (usize, usize)| -> Result<Var, String> {
        let tensor =
            tensors.remove(&name).ok_or_else(|| format!("it doesn't fit this model: tensor {name} is missing"))?;
        if tensor.dims() != [shape.0, shape.1] {
            let found = tensor.dims();
            return Err(format!(
                "it doesn't fit this model: tensor {name} has the shape {found:?} instead of {shape:?}"
            ));
        }
        finite(&tensor).ok_or_else(|| format!("its tensor {name} holds values that are not finite (NaN or infinity)"))
    };
    let mut config = LoraConfig {
        r: settings.r,
        lora_alpha: settings.lora_alpha,
        lora_dropout: settings.lora_dropout,
        target_modules: Vec::new(),
        use_rslora: settings.use_rslora,
    };
    let mut pairs = HashMap::new();
    for layer in 0..spec.num_layers {
        for module in Module::ALL {
            let Some((r, lora_alpha)) = settings.pair(layer, module) else { continue };
            let (outputs, inputs) = module.shape(spec);
            let a = take(tensor_name(layer, module, 'A'), (r, inputs)).map_err(refused)?;
            let b = take(tensor_name(layer, module, 'B'), (outputs, r)).map_err(refused)?;
            pairs.insert((layer, module), LoraPair { a, b, lora_alpha });
        }
    }
    if let Some(name) = tensors.into_keys().min() {
        return Err(refused(format!("its tensor {name} belongs to no layer of this model")));
    }
    if pairs.is_empty() {
        return Err(refused("its settings name no linear layer of this model".to_owned()));
    }
    let occurs = |module: &Module| (0..spec.num_layers).any(|layer| pairs.contains_key(&(layer, *module)));
    config.target_modules = Module::ALL.into_iter().filter(occurs).collect();
    Ok(LoraAdapter::build(config, spec.num_layers, |layer, module| Ok(pairs.remove(&(layer, module))))?)
}

/// A tensor's values as f32; `None` where one of them is not finite, or can't be read.
fn finite(tensor: &Tensor) -> Option<Var> {
    let tensor = tensor.to_dtype(DType::F32).ok()?;
    let values = tensor.flatten_all().ok()?.to_vec1::<f32>().ok()?;
    values.iter().all(|value| value.is_finite()).then(|| Var::from_tensor(&tensor).ok())?
}

/// `….lora_A.default.weight`, as the adapter is called while PEFT trains, becomes `….lora_A.weight`.
fn plainly_named(tensors: HashMap<String, Tensor>) -> Result<HashMap<String, Tensor>, String> {
    let mut named = HashMap::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let plain = name.replace(".lora_A.default.", ".lora_A.").replace(".lora_B.default.", ".lora_B.");
        if named.insert(plain, tensor).is_some() {
            return Err(format!("its tensor {name} is there twice, once without \"default\" in its name"));
        }
    }
    Ok(named)
}
