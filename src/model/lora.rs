//! The adapter: two small trainable matrices beside each chosen linear layer (Hu et al. 2021), as PEFT defines them.

use candle_core::{DType, Device, Result, Var};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::spec::Names;
use super::{Matrix, ModelSpec, Module, ValueOrder};
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
    /// The settings of a recipe's section, for a model.
    ///
    /// # Errors
    /// Where the model has no module of a name; a sentence that names it and those that there are.
    pub fn from_recipe(lora: &Lora, spec: &ModelSpec) -> std::result::Result<Self, String> {
        let target_modules = match &lora.target_modules {
            TargetModules::AllLinear => spec.modules(),
            TargetModules::Named(names) => modules_by_name(names, spec)?,
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
    pub fn to_recipe(&self, spec: &ModelSpec) -> Lora {
        let is_all = self.target_modules == spec.modules();
        Lora {
            r: self.r,
            lora_alpha: self.lora_alpha,
            lora_dropout: self.lora_dropout,
            target_modules: match is_all {
                true => TargetModules::AllLinear,
                false => TargetModules::Named(names_of(&self.target_modules, spec.names())),
            },
        }
    }

    /// Trainable weights of a fresh adapter.
    pub fn num_trainable(&self, spec: &ModelSpec) -> usize {
        let targets = spec.shapes().filter(|(module, _)| self.target_modules.contains(module));
        targets.map(|(_, (outputs, inputs))| self.r * (outputs + inputs)).sum()
    }
}

/// The modules of these names, in [`Module::ALL`]'s order.
///
/// # Errors
/// Where the model has no module of a name; a sentence that names it and those that there are.
pub fn modules_by_name(names: &[String], spec: &ModelSpec) -> std::result::Result<Vec<Module>, String> {
    let (modules, of) = (spec.modules(), spec.names());
    if let Some(unknown) = names.iter().find(|name| modules.iter().all(|m| of.name(*m) != name.as_str())) {
        return Err(unknown_module(unknown, spec));
    }
    Ok(modules.into_iter().filter(|m| names.iter().any(|name| name == of.name(*m))).collect())
}

/// That the model has no such linear layer, as a sentence.
pub(super) fn unknown_module(name: &str, spec: &ModelSpec) -> String {
    format!("there is no linear layer {name}; there are {}", names_of(&spec.modules(), spec.names()).join(", "))
}

/// The names of modules, those that several share once.
pub(super) fn names_of(modules: &[Module], names: Names) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in modules.iter().map(|module| names.name(*module)) {
        if !all.iter().any(|known| known == name) {
            all.push(name.to_owned());
        }
    }
    all
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
    names: Names,
    order: ValueOrder,
    /// By layer: its linear layers in [`Module::ALL`]'s order, each with its pair where it is a target.
    layers: Vec<Vec<(Module, Option<LoraPair>)>>,
}

impl LoraAdapter {
    /// A fresh adapter, which changes nothing yet: A Kaiming-uniform with a = √5, that is uniform in ±1/√in; B zero.
    ///
    /// # Errors
    /// Where candle can't make the tensors.
    pub fn new(config: LoraConfig, spec: &ModelSpec, rng: &mut ChaCha8Rng) -> Result<Self> {
        let targets = config.target_modules.clone();
        let (r, lora_alpha) = (config.r, config.lora_alpha);
        Self::build(config, spec, |layer, module| {
            if !targets.contains(&module) {
                return Ok(None);
            }
            let (outputs, inputs) = spec.shape(layer, module);
            let bound = 1.0 / (inputs as f32).sqrt();
            let a: Vec<f32> = (0..r * inputs).map(|_| rng.random_range(-bound..bound)).collect();
            let a = Var::from_vec(a, (r, inputs), &Device::Cpu)?;
            Ok(Some(LoraPair { a, b: Var::zeros((outputs, r), DType::F32, &Device::Cpu)?, lora_alpha }))
        })
    }

    /// An adapter of the pairs that `pair` gives for each layer and module of a model.
    ///
    /// # Errors
    /// What `pair` fails with.
    pub fn build(
        config: LoraConfig,
        spec: &ModelSpec,
        mut pair: impl FnMut(usize, Module) -> Result<Option<LoraPair>>,
    ) -> Result<Self> {
        let layers = spec.layers.iter().enumerate();
        let layers = layers.map(|(index, layer)| {
            layer.modules().map(|module| Ok((module, pair(index, module)?))).collect::<Result<Vec<_>>>()
        });
        let order = ValueOrder::of(spec);
        Ok(Self { config, names: spec.names(), order, layers: layers.collect::<Result<_>>()? })
    }

    /// What the model calls its modules.
    pub fn names(&self) -> Names {
        self.names
    }

    /// Every linear layer of the model, with its pair where it is a target.
    pub fn modules(&self) -> impl Iterator<Item = (usize, Module, Option<&LoraPair>)> {
        let layers = self.layers.iter().enumerate();
        layers.flat_map(|(layer, modules)| modules.iter().map(move |(module, pair)| (layer, *module, pair.as_ref())))
    }

    pub fn pair(&self, layer: usize, module: Module) -> Option<&LoraPair> {
        self.layers.get(layer)?.iter().find(|(own, _)| *own == module)?.1.as_ref()
    }

    /// What `B·A·x` is multiplied by.
    pub fn scale(&self, pair: &LoraPair) -> f64 {
        let r = pair.r() as f64;
        pair.lora_alpha / if self.config.use_rslora { r.sqrt() } else { r }
    }

    /// The number of pairs in one layer.
    pub fn num_pairs(&self, layer: usize) -> usize {
        self.layers.get(layer).map_or(0, |modules| modules.iter().filter(|(_, pair)| pair.is_some()).count())
    }

    /// How its value heads lie.
    pub fn order(&self) -> ValueOrder {
        self.order
    }

    /// What each of [`Self::named_vars`] is.
    pub fn matrices(&self) -> impl Iterator<Item = (Module, Matrix)> {
        let modules = self.modules().filter(|(.., pair)| pair.is_some());
        modules.flat_map(|(_, module, _)| [(module, Matrix::A), (module, Matrix::B)])
    }

    /// Every trainable tensor with its name in PEFT's files, in a fixed order: by layer and [`Module`], A `[r, in]`
    /// before B `[out, r]`.
    pub fn named_vars(&self) -> Vec<(String, &Var)> {
        let mut vars = Vec::new();
        for (layer, module, pair) in self.modules() {
            if let Some(pair) = pair {
                vars.push((tensor_name(layer, module, self.names, 'A'), &pair.a));
                vars.push((tensor_name(layer, module, self.names, 'B'), &pair.b));
            }
        }
        vars
    }
}

/// `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`
pub fn tensor_name(layer: usize, module: Module, names: Names, matrix: char) -> String {
    format!("base_model.model.{}.lora_{matrix}.weight", names.in_model(layer, module))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model of this family with one layer.
    fn spec(family: &str) -> ModelSpec {
        let config = serde_json::json!({
            "model_type": family, "vocab_size": 8, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2,
            "num_attention_heads": 4, "max_position_embeddings": 64, "full_attn_idxs": [1],
        });
        ModelSpec::from_config(&config).unwrap()
    }

    #[test]
    fn unknown_modules_are_named() {
        let error = modules_by_name(&["q_proj".to_owned(), "qproj".to_owned()], &spec("llama")).unwrap_err();
        assert!(error.starts_with("there is no linear layer qproj; there are q_proj, k_proj"), "{error}");
        let error = modules_by_name(&["q_proj".to_owned()], &spec("phi3")).unwrap_err();
        assert!(error.ends_with("there are qkv_proj, o_proj, gate_up_proj, down_proj"), "{error}");
    }

    #[test]
    fn modules_that_share_a_name_are_meant_together() {
        let spec = spec("lfm2");
        let modules = modules_by_name(&["out_proj".to_owned()], &spec).unwrap();
        assert_eq!(modules, [Module::OProj, Module::ConvOutProj]);
        assert_eq!(names_of(&spec.modules(), spec.names()).join(" "), "q_proj k_proj v_proj out_proj in_proj w1 w3 w2");
    }
}
