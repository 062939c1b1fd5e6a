//! Adapters on disk, in PEFT's own format: `adapter_config.json` and `adapter_model.safetensors`.

mod folder;
mod patterns;
mod settings;

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor, Var};
use serde_json::{Map, Value, json};

use self::settings::Settings;
use super::lora::{LoraAdapter, LoraConfig, LoraPair, names_of, tensor_name};
use super::spec::WRAPPED;
use super::{Matrix, ModelError, ModelSpec, Module, ValueOrder};
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
    let named = adapter.named_vars().into_iter().zip(adapter.matrices());
    let tensors = named.map(|((name, var), (module, matrix))| {
        Ok((name, adapter.order().to_file(module, matrix, &var.as_detached_tensor())?))
    });
    save_tensors(tensors.collect::<Result<Vec<_>, ModelError>>()?, &folder.join(WEIGHTS_FILE))
}

/// Every pair with what its module is called.
fn pairs(adapter: &LoraAdapter) -> impl Iterator<Item = (String, &LoraPair)> {
    let key = |layer, module| settings::module_key(layer, module, adapter.names());
    adapter.modules().filter_map(move |(layer, module, pair)| Some((key(layer, module), pair?)))
}

/// Names of modules where they mean the adapter's pairs and no others, else those of all pairs in full.
fn targets(adapter: &LoraAdapter) -> Vec<String> {
    let names = names_of(&adapter.config.target_modules, adapter.names());
    let is_meant = |module: Module| names.iter().any(|name| name == adapter.names().name(module));
    match adapter.modules().all(|(_, module, pair)| pair.is_some() == is_meant(module)) {
        true => names,
        false => pairs(adapter).map(|(key, _)| key).collect(),
    }
}

/// PEFT's pattern of a setting in which some pairs differ from the rest, which `differing` knows.
fn pattern(adapter: &LoraAdapter, differing: impl Fn(&LoraPair) -> Option<Value>) -> Map<String, Value> {
    pairs(adapter).filter_map(|(key, pair)| Some((key, differing(pair)?))).collect()
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
    settings.check_targets(spec).map_err(|message| ModelError::Adapter { path: folder.join(CONFIG_FILE), message })?;
    let names = spec.names();
    let mut tensors = plainly_named(load_tensors(&path)?, names.start()).map_err(refused)?;
    let order = ValueOrder::of(spec);
    let mut take = |name: String, shape: (usize, usize), module: Module, matrix: Matrix| -> Result<Var, String> {
        let tensor =
            tensors.remove(&name).ok_or_else(|| format!("it doesn't fit this model: tensor {name} is missing"))?;
        if tensor.dims() != [shape.0, shape.1] {
            let found = tensor.dims();
            return Err(format!(
                "it doesn't fit this model: tensor {name} has the shape {found:?} instead of {shape:?}"
            ));
        }
        let tensor = order.from_file(module, matrix, &tensor).map_err(|error| format!("tensor {name}: {error}"))?;
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
    for (layer, layer_spec) in spec.layers.iter().enumerate() {
        for module in layer_spec.modules() {
            let Some((r, lora_alpha)) = settings.pair(&settings::module_key(layer, module, names)) else { continue };
            let (outputs, inputs) = spec.shape(layer, module);
            let a = take(tensor_name(layer, module, names, 'A'), (r, inputs), module, Matrix::A).map_err(refused)?;
            let b = take(tensor_name(layer, module, names, 'B'), (outputs, r), module, Matrix::B).map_err(refused)?;
            pairs.insert((layer, module), LoraPair { a, b, lora_alpha });
        }
    }
    if let Some(name) = tensors.into_keys().min() {
        return Err(refused(format!("its tensor {name} belongs to no layer of this model")));
    }
    if pairs.is_empty() {
        return Err(refused("its settings name no linear layer of this model".to_owned()));
    }
    let occurs = |module: &Module| (0..spec.num_layers()).any(|layer| pairs.contains_key(&(layer, *module)));
    config.target_modules = Module::ALL.into_iter().filter(occurs).collect();
    Ok(LoraAdapter::build(config, spec, |layer, module| Ok(pairs.remove(&(layer, module))))?)
}

/// Whether a name, without how the names of the model's modules begin, is that of a linear layer's pair.
fn is_of_a_module(name: &str) -> bool {
    let mut outside = Module::ALL.into_iter().filter(|module| module.is_outside());
    name.starts_with("layers.") || outside.any(|module| name.starts_with(module.usual_path()))
}

/// A tensor's values as f32; `None` where one of them is not finite, or can't be read.
fn finite(tensor: &Tensor) -> Option<Var> {
    let tensor = tensor.to_dtype(DType::F32).ok()?;
    let values = tensor.flatten_all().ok()?.to_vec1::<f32>().ok()?;
    values.iter().all(|value| value.is_finite()).then(|| Var::from_tensor(&tensor).ok())?
}

/// What is called `model.layers…` alone has a longer name inside a vision model: all of them, the given one first.
fn names_in_and_out_of_a_wrapper(name: &str) -> Vec<String> {
    let starts = WRAPPED.iter().chain(&["model."]);
    let rest = starts.clone().find_map(|start| name.strip_prefix(start)).unwrap_or(name);
    let others = starts.map(|start| format!("{start}{rest}")).filter(|other| other != name);
    [name.to_owned()].into_iter().chain(others).collect()
}

/// `….lora_A.default.weight`, as the adapter is called while PEFT trains, becomes `….lora_A.weight`; and names of a text model
/// begin with `start`, whether they are those of one inside a vision model or not.
fn plainly_named(tensors: HashMap<String, Tensor>, start: &str) -> Result<HashMap<String, Tensor>, String> {
    let mut named = HashMap::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let mut plain = name.replace(".lora_A.default.", ".lora_A.").replace(".lora_B.default.", ".lora_B.");
        if let Some(inner) = plain.strip_prefix("base_model.model.") {
            let names = names_in_and_out_of_a_wrapper(inner);
            let own = names.iter().find(|name| name.strip_prefix(start).is_some_and(is_of_a_module));
            plain = own.map_or(plain.clone(), |own| format!("base_model.model.{own}"));
        }
        if named.insert(plain, tensor).is_some() {
            return Err(format!("its tensor {name} is there twice, once under a longer name"));
        }
    }
    Ok(named)
}
