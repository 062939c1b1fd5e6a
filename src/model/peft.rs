//! Adapters on disk, in PEFT's own format: `adapter_config.json` and `adapter_model.safetensors`.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor, Var};
use serde_json::{Value, json};

use super::lora::{LoraAdapter, LoraConfig, LoraPair, modules_by_name, tensor_name};
use super::{ModelError, ModelSpec, Module};
use crate::fs::write_atomic;

pub const CONFIG_FILE: &str = "adapter_config.json";
pub const WEIGHTS_FILE: &str = "adapter_model.safetensors";

/// Writes an adapter that PEFT's `PeftModel.from_pretrained` loads. `base_model` is what the base is called.
pub fn save(adapter: &LoraAdapter, base_model: &str, folder: &Path) -> Result<(), ModelError> {
    let config = &adapter.config;
    let targets: Vec<_> = config.target_modules.iter().map(|m| m.name()).collect();
    let settings = json!({
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
        "target_modules": targets,
        "task_type": "CAUSAL_LM",
        "use_dora": false,
        "use_rslora": config.use_rslora,
    });
    let path = folder.join(CONFIG_FILE);
    let text = serde_json::to_string_pretty(&settings).map_err(|e| ModelError::format(&path, e))?;
    write_atomic(&path, text.as_bytes()).map_err(ModelError::io(&path))?;
    let tensors = adapter.named_vars().into_iter().map(|(name, var)| (name, var.as_detached_tensor()));
    save_tensors(tensors, &folder.join(WEIGHTS_FILE))
}

/// Writes tensors as safetensors, atomically.
pub fn save_tensors(tensors: impl IntoIterator<Item = (String, Tensor)>, path: &Path) -> Result<(), ModelError> {
    let tensors: Vec<_> = tensors.into_iter().collect();
    // Transformers refuses files that don't say which framework's tensors they hold.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let bytes = safetensors::serialize(tensors.iter().map(|(name, t)| (name, t)), Some(metadata))
        .map_err(|e| ModelError::format(path, e))?;
    write_atomic(path, &bytes).map_err(ModelError::io(path))
}

/// Reads a safetensors file of f32 tensors.
pub fn load_tensors(path: &Path) -> Result<HashMap<String, Tensor>, ModelError> {
    let bytes = std::fs::read(path).map_err(ModelError::io(path))?;
    candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
        .map_err(|e| ModelError::format(path, e.to_string().lines().next().unwrap_or_default()))
}

/// Reads an adapter for a model of this shape.
pub fn load(folder: &Path, spec: &ModelSpec) -> Result<LoraAdapter, ModelError> {
    let config = read_config(folder)?;
    let path = folder.join(WEIGHTS_FILE);
    let mut tensors = load_tensors(&path)?;
    let adapter = LoraAdapter::build(config.clone(), spec.num_layers, |layer, module| {
        if !config.target_modules.contains(&module) {
            return Ok(None);
        }
        let (outputs, inputs) = module.shape(spec);
        let mut take = |matrix: char, shape: (usize, usize)| {
            let name = tensor_name(layer, module, matrix);
            let Some(tensor) = tensors.remove(&name) else {
                candle_core::bail!("tensor {name} is missing");
            };
            if tensor.dims() != [shape.0, shape.1] {
                candle_core::bail!("tensor {name} has the shape {:?} instead of {shape:?}", tensor.dims());
            }
            Var::from_tensor(&tensor.to_dtype(candle_core::DType::F32)?)
        };
        Ok(Some(LoraPair { a: take('A', (config.r, inputs))?, b: take('B', (outputs, config.r))? }))
    });
    let adapter = adapter.map_err(|e| {
        let message = e.to_string().lines().next().unwrap_or_default().to_owned();
        ModelError::Adapter { path: path.clone(), message: format!("it doesn't fit this model: {message}") }
    })?;
    match tensors.into_keys().min() {
        Some(name) => {
            let message = format!("its tensor {name} belongs to no layer of this model");
            Err(ModelError::Adapter { path, message })
        }
        None => Ok(adapter),
    }
}

/// Reads `adapter_config.json`; what we don't compute is refused, never ignored.
pub fn read_config(folder: &Path) -> Result<LoraConfig, ModelError> {
    let path = folder.join(CONFIG_FILE);
    let text = std::fs::read_to_string(&path).map_err(ModelError::io(&path))?;
    let settings: Value = serde_json::from_str(&text).map_err(|e| ModelError::format(&path, e))?;
    parse_config(&settings).map_err(|message| ModelError::Adapter { path, message })
}

fn parse_config(settings: &Value) -> Result<LoraConfig, String> {
    let kind = settings["peft_type"].as_str().unwrap_or("unknown");
    if kind != "LORA" {
        return Err(format!("it is a {kind} adapter; only LORA is read"));
    }
    for key in ["use_dora", "lora_bias", "fan_in_fan_out"] {
        if settings[key].as_bool() == Some(true) {
            return Err(format!("{key} is not supported"));
        }
    }
    for key in ["modules_to_save", "rank_pattern", "alpha_pattern", "layers_to_transform", "trainable_token_indices"] {
        let is_empty = match &settings[key] {
            Value::Null => true,
            Value::Array(values) => values.is_empty(),
            Value::Object(values) => values.is_empty(),
            _ => false,
        };
        if !is_empty {
            return Err(format!("{key} is not supported"));
        }
    }
    if settings["bias"].as_str().is_some_and(|bias| bias != "none") {
        return Err("trained biases are not supported".to_owned());
    }
    let target_modules = match &settings["target_modules"] {
        Value::String(text) if text == "all-linear" => Module::ALL.to_vec(),
        Value::Array(names) => {
            let names: Vec<_> = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            modules_by_name(&names)?
        }
        other => return Err(format!("target_modules is {other}; it must be a list of module names")),
    };
    Ok(LoraConfig {
        r: settings["r"].as_u64().filter(|r| *r > 0).ok_or("it has no rank r")? as usize,
        lora_alpha: settings["lora_alpha"].as_f64().ok_or("it has no lora_alpha")?,
        lora_dropout: settings["lora_dropout"].as_f64().unwrap_or(0.0),
        target_modules,
        use_rslora: settings["use_rslora"].as_bool().unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_change_the_result_are_refused_not_ignored() {
        let with = |key: &str, value: Value| {
            let mut settings = json!({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]});
            settings[key] = value;
            parse_config(&settings)
        };
        assert_eq!(with("bias", json!("none")).unwrap().scale(), 2.0);
        assert_eq!(with("use_rslora", json!(true)).unwrap().scale(), 4.0);
        assert_eq!(with("use_dora", json!(true)).unwrap_err(), "use_dora is not supported");
        assert_eq!(with("rank_pattern", json!({"q_proj": 8})).unwrap_err(), "rank_pattern is not supported");
        assert!(with("target_modules", json!("q_proj.*")).is_err());
        assert!(with("peft_type", json!("IA3")).unwrap_err().contains("IA3"));
    }
}
