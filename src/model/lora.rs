//! The adapter: two small trainable matrices beside each chosen linear layer (Hu et al. 2021), as PEFT defines them.

use candle_core::{DType, Device, Result, Var};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{ModelSpec, Module};
use crate::recipe::{Lora, TargetModules};

/// The settings of an adapter, which computes `h + scale · B·A·x` with `scale = lora_alpha / r`. In an adapter that was
/// read, some pairs may have other ranks and alphas, or be missing in some layers: each pair's own values count.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraConfig {
    /// The rank of pairs that don't have their own.
    pub r: usize,
    pub lora_alpha: f64,
    pub lora_dropout: f64,
    /// In [`Module::ALL`]'s order.
    pub target_modules: Vec<Module>,
    /// Whether the scale is `lora_alpha / √r` instead (Kalajdzievski 2023).
    pub use_rslora: bool,
}

impl LoraConfig {
    /// The settings of a recipe's section.
    ///
    /// # Errors
    /// Where a module is unknown; a sentence that names it and the known ones.
    pub fn from_recipe(lora: &Lora) -> std::result::Result<Self, String> {
        let target_modules = match &lora.target_modules {
            TargetModules::AllLinear => Module::ALL.to_vec(),
            TargetModules::Named(names) => modules_by_name(names)?,
        };
        Ok(Self {
            r: lora.r,
            lora_alpha: lora.lora_alpha,
            lora_dropout: lora.lora_dropout,
            target_modules,
            use_rslora: false,
        })
    }

    /// The settings as a recipe's section has them.
    pub fn to_recipe(&self) -> Lora {
        let names = || self.target_modules.iter().map(|module| module.name().to_owned()).collect();
        let is_all = self.target_modules.len() == Module::ALL.len();
        Lora {
            r: self.r,
            lora_alpha: self.lora_alpha,
            lora_dropout: self.lora_dropout,
            target_modules: if is_all { TargetModules::AllLinear } else { TargetModules::Named(names()) },
        }
    }

    /// Trainable weights of a fresh adapter.
    pub fn num_trainable(&self, spec: &ModelSpec) -> usize {
        let layer: usize = self.target_modules.iter().map(|m| m.shape(spec)).map(|(o, i)| self.r * (o + i)).sum();
        layer * spec.num_layers
    }
}

/// The modules of these names.
///
/// # Errors
/// Where a name is unknown; a sentence that names it and the known ones.
pub fn modules_by_name(names: &[String]) -> std::result::Result<Vec<Module>, String> {
    if let Some(unknown) = names.iter().find(|name| Module::ALL.iter().all(|m| m.name() != name.as_str())) {
        let known: Vec<_> = Module::ALL.iter().map(|m| m.name()).collect();
        return Err(format!("there is no linear layer {unknown}; there are {}", known.join(", ")));
    }
    Ok(Module::ALL.into_iter().filter(|m| names.iter().any(|name| name == m.name())).collect())
}

/// One layer's pair.
#[derive(Debug, Clone)]
pub struct LoraPair {
    /// `[r, in]`
    pub a: Var,
    /// `[out, r]`
    pub b: Var,
    pub lora_alpha: f64,
}

impl LoraPair {
    /// Its rank.
    pub fn r(&self) -> usize {
        self.a.dims().first().copied().unwrap_or_default()
    }
}

/// All pairs of a model.
#[derive(Debug, Clone)]
pub struct LoraAdapter {
    pub config: LoraConfig,
    /// By layer, then by [`Module`]; `None` where the module isn't a target.
    layers: Vec<[Option<LoraPair>; Module::ALL.len()]>,
}

impl LoraAdapter {
    /// A fresh adapter, which changes nothing yet: A Kaiming-uniform with a = √5, that is uniform in ±1/√in; B zero.
    ///
    /// # Errors
    /// Where candle can't make the tensors.
    pub fn new(config: LoraConfig, spec: &ModelSpec, rng: &mut ChaCha8Rng) -> Result<Self> {
        let targets = config.target_modules.clone();
        let (r, lora_alpha) = (config.r, config.lora_alpha);
        Self::build(config, spec.num_layers, |_, module| {
            if !targets.contains(&module) {
                return Ok(None);
            }
            let (outputs, inputs) = module.shape(spec);
            let bound = 1.0 / (inputs as f32).sqrt();
            let a: Vec<f32> = (0..r * inputs).map(|_| rng.random_range(-bound..bound)).collect();
            let a = Var::from_vec(a, (r, inputs), &Device::Cpu)?;
            Ok(Some(LoraPair { a, b: Var::zeros((outputs, r), DType::F32, &Device::Cpu)?, lora_alpha }))
        })
    }

    /// An adapter of the pairs that `pair` gives for each layer and module.
    ///
    /// # Errors
    /// What `pair` fails with.
    pub fn build(
        config: LoraConfig,
        num_layers: usize,
        mut pair: impl FnMut(usize, Module) -> Result<Option<LoraPair>>,
    ) -> Result<Self> {
        let mut layers = Vec::with_capacity(num_layers);
        for layer in 0..num_layers {
            let mut pairs = [const { None }; Module::ALL.len()];
            for module in Module::ALL {
                pairs[module as usize] = pair(layer, module)?;
            }
            layers.push(pairs);
        }
        Ok(Self { config, layers })
    }

    pub fn num_layers(&self) -> usize {
        self.layers.len()
    }

    pub fn pair(&self, layer: usize, module: Module) -> Option<&LoraPair> {
        self.layers.get(layer)?[module as usize].as_ref()
    }

    /// What `B·A·x` is multiplied by.
    pub fn scale(&self, pair: &LoraPair) -> f64 {
        let r = pair.r() as f64;
        pair.lora_alpha / if self.config.use_rslora { r.sqrt() } else { r }
    }

    /// The number of pairs in one layer.
    pub fn num_pairs(&self, layer: usize) -> usize {
        self.layers.get(layer).map_or(0, |pairs| pairs.iter().flatten().count())
    }

    /// Every trainable tensor with its name in PEFT's files, in a fixed order: by layer and [`Module`], A `[r, in]`
    /// before B `[out, r]`.
    pub fn named_vars(&self) -> Vec<(String, &Var)> {
        let mut vars = Vec::new();
        for (layer, pairs) in self.layers.iter().enumerate() {
            for (module, pair) in Module::ALL.iter().zip(pairs) {
                if let Some(pair) = pair {
                    vars.push((tensor_name(layer, *module, 'A'), &pair.a));
                    vars.push((tensor_name(layer, *module, 'B'), &pair.b));
                }
            }
        }
        vars
    }
}

/// `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`
pub fn tensor_name(layer: usize, module: Module, matrix: char) -> String {
    format!("base_model.model.model.layers.{layer}.{}.lora_{matrix}.weight", module.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_modules_are_named() {
        let error = modules_by_name(&["q_proj".to_owned(), "qproj".to_owned()]).unwrap_err();
        assert!(error.starts_with("there is no linear layer qproj; there are q_proj, k_proj"), "{error}");
    }
}
