//! Random settings of an adapter: what it gives equals PEFT's arithmetic (`W + scale · B·A` in each module that PEFT's rules
//! take in), or it is refused.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tunewright::model::{
    CandlePass, Decoder, Generation, GradientPass, KvCache, LoraAdapter, ProductType, Supervised, peft,
};
use tunewright::ops::Segments;
use tunewright::task::Unwatched;

use crate::fixtures::fixture;

const LAYERS: usize = 2;
/// The tiny model's modules.
const MODULES: [&str; 7] = [
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
];

/// Their outputs and inputs.
const SHAPES: [(usize, usize); 7] = [(32, 32), (16, 32), (16, 32), (32, 32), (48, 32), (48, 32), (32, 48)];

/// A way to speak of modules that PEFT has, and which modules it means.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// `q_proj`
    Name(usize),
    /// `self_attn.q_proj`
    Path(usize),
    /// `layers.1.self_attn.q_proj`
    Tail(usize, usize),
    /// `model.layers.1.self_attn.q_proj`
    Whole(usize, usize),
}

impl Way {
    fn means(self, layer: usize, module: usize) -> bool {
        match self {
            Self::Name(m) | Self::Path(m) => m == module,
            Self::Tail(l, m) | Self::Whole(l, m) => (l, m) == (layer, module),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Name(module) => MODULES[module].rsplit_once('.').unwrap().1.to_owned(),
            Self::Path(module) => MODULES[module].to_owned(),
            Self::Tail(layer, module) => format!("layers.{layer}.{}", MODULES[module]),
            Self::Whole(layer, module) => format!("model.layers.{layer}.{}", MODULES[module]),
        }
    }
}

fn way() -> impl Strategy<Value = Way> {
    let (layer, module) = (0..LAYERS, 0..7usize);
    prop_oneof![
        module.clone().prop_map(Way::Name),
        module.clone().prop_map(Way::Path),
        (layer.clone(), module.clone()).prop_map(|(l, m)| Way::Tail(l, m)),
        (layer, module).prop_map(|(l, m)| Way::Whole(l, m)),
    ]
}

#[derive(Debug, Clone)]
enum Targets {
    AllLinear,
    Listed(Vec<Way>),
    /// One pattern of all.
    Pattern(Vec<Way>),
}

/// What an adapter's author may have chosen.
#[derive(Debug, Clone)]
struct Choice {
    r: usize,
    lora_alpha: f64,
    use_rslora: bool,
    targets: Targets,
    exclude: Vec<Way>,
    exclude_is_pattern: bool,
    /// `layers_to_transform` and `layers_pattern`.
    layers: Option<(Vec<usize>, Value)>,
    ranks: Vec<(Way, usize)>,
    alphas: Vec<(Way, f64)>,
    default_in_names: bool,
    /// A setting that changes the arithmetic.
    foreign: Option<(&'static str, Value)>,
    seed: u32,
}

fn choice() -> impl Strategy<Value = Choice> {
    let ways = |most| prop::collection::vec(way(), 1..most);
    let targets = prop_oneof![
        1 => Just(Targets::AllLinear),
        4 => ways(6).prop_map(Targets::Listed),
        2 => ways(4).prop_map(Targets::Pattern),
    ];
    let pattern = prop_oneof![Just(Value::Null), Just(json!("layers")), Just(json!(["h", "layers"])), Just(json!([]))];
    let layers = prop::option::weighted(0.3, (prop::collection::vec(0..LAYERS + 1, 1..3), pattern));
    let foreign = prop_oneof![
        Just(("use_dora", json!(true))),
        Just(("modules_to_save", json!(["lm_head"]))),
        Just(("init_lora_weights", json!("pissa"))),
        Just(("init_lora_weights", json!("olora"))),
        Just(("alora_invocation_tokens", json!([1, 2]))),
        Just(("use_qalora", json!(true))),
        Just(("something_new", json!(0.5))),
        Just(("bias", json!("all"))),
    ];
    let numbers = (1..7usize, 1..33u32, any::<bool>(), any::<u32>(), any::<bool>(), any::<bool>());
    let patterns = (
        prop::collection::vec(way(), 0..3),
        prop::collection::vec((way(), 1..9usize), 0..3),
        prop::collection::vec((way(), 1..40u32), 0..3),
    );
    (numbers, targets, layers, patterns, prop::option::weighted(0.1, foreign)).prop_map(
        |((r, alpha, use_rslora, seed, exclude_is_pattern, default_in_names), targets, layers, patterns, foreign)| {
            let (exclude, ranks, alphas) = patterns;
            let alphas = alphas.into_iter().map(|(way, alpha)| (way, f64::from(alpha) / 2.0)).collect();
            let lora_alpha = f64::from(alpha) / 2.0;
            Choice {
                r,
                lora_alpha,
                use_rslora,
                targets,
                exclude,
                exclude_is_pattern,
                layers,
                ranks,
                alphas,
                default_in_names,
                foreign,
                seed,
            }
        },
    )
}

/// One pattern in Python's syntax for the whole name.
fn pattern(ways: &[Way]) -> String {
    let ways: Vec<String> = ways.iter().map(|way| way.text().replace('.', "\\.")).collect();
    format!("(?:.*\\.)?({})", ways.join("|"))
}

impl Choice {
    /// PEFT's rules (`check_target_module_exists` and `get_pattern_key`), in words of this test: the rank and alpha of a
    /// module's pair.
    fn pair(&self, layer: usize, module: usize) -> Option<(usize, f64)> {
        if self.exclude.iter().any(|way| way.means(layer, module)) {
            return None;
        }
        let is_target = match &self.targets {
            Targets::AllLinear => true,
            Targets::Pattern(ways) => ways.iter().any(|way| way.means(layer, module)),
            Targets::Listed(ways) => {
                // Whole names are taken in any layer; other names in those that are asked for.
                let in_layer = self.layers.as_ref().is_none_or(|(layers, _)| layers.contains(&layer));
                let is_whole = |way: &Way| matches!(way, Way::Whole(..)) && way.means(layer, module);
                ways.iter().any(is_whole) || (in_layer && ways.iter().any(|way| way.means(layer, module)))
            }
        };
        let rank = self.ranks.iter().find(|(way, _)| way.means(layer, module)).map_or(self.r, |(_, r)| *r);
        let alpha = self.alphas.iter().find(|(way, _)| way.means(layer, module)).map_or(self.lora_alpha, |(_, a)| *a);
        is_target.then_some((rank, alpha))
    }

    /// Whether PEFT would refuse these settings itself, or adapt nothing with them.
    fn is_void(&self) -> bool {
        let has_text = !matches!(self.targets, Targets::Listed(_));
        let has_pair = (0..LAYERS).any(|layer| (0..7).any(|module| self.pair(layer, module).is_some()));
        (has_text && self.layers.is_some()) || !has_pair
    }

    fn settings(&self) -> Value {
        let texts = |ways: &[Way]| ways.iter().map(|way| way.text()).collect::<Vec<_>>();
        let mut settings = json!({
            "peft_type": "LORA", "r": self.r, "lora_alpha": self.lora_alpha, "use_rslora": self.use_rslora,
            "target_modules": match &self.targets {
                Targets::AllLinear => json!("all-linear"),
                Targets::Listed(ways) => json!(texts(ways)),
                Targets::Pattern(ways) => json!(pattern(ways)),
            },
        });
        if !self.exclude.is_empty() {
            settings["exclude_modules"] =
                if self.exclude_is_pattern { json!(pattern(&self.exclude)) } else { json!(texts(&self.exclude)) };
        }
        if let Some((layers, pattern)) = &self.layers {
            settings["layers_to_transform"] = if let [layer] = layers[..] { json!(layer) } else { json!(layers) };
            settings["layers_pattern"] = pattern.clone();
        }
        // The first of two that are the same text is the one that counts, as in a Python dict read from JSON it can't be
        // there twice.
        let mut ranks = Map::new();
        for (way, r) in &self.ranks {
            ranks.entry(way.text()).or_insert(json!(r));
        }
        let mut alphas = Map::new();
        for (way, alpha) in &self.alphas {
            alphas.entry(way.text().replace('.', "\\.")).or_insert(json!(alpha));
        }
        settings["rank_pattern"] = Value::Object(ranks);
        settings["alpha_pattern"] = Value::Object(alphas);
        if let Some((key, value)) = &self.foreign {
            settings[*key] = value.clone();
        }
        settings
    }

    /// Values that are not alike anywhere.
    fn values(&self, layer: usize, module: usize, matrix: usize, len: usize) -> Vec<f32> {
        let mut state = self.seed ^ (layer * 64 + module * 4 + matrix * 2 + 1) as u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..len).map(|_| 0.2 * next()).collect()
    }

    /// The adapter's folder, and the model with each pair added to its weight.
    fn write(&self, adapter: &Path, merged: &Path) {
        let model = fixture("cases/_model");
        let mut weights = candle_core::safetensors::load(model.join("model.safetensors"), &Device::Cpu).unwrap();
        let mut tensors = HashMap::new();
        for (layer, module) in (0..LAYERS).flat_map(|layer| (0..7).map(move |module| (layer, module))) {
            let Some((r, alpha)) = self.pair(layer, module) else { continue };
            let (outputs, inputs) = SHAPES[module];
            let (a, b) = (self.values(layer, module, 0, r * inputs), self.values(layer, module, 1, outputs * r));
            let scale = alpha / if self.use_rslora { (r as f64).sqrt() } else { r as f64 };
            let path = format!("model.layers.{layer}.{}", MODULES[module]);
            let weight = weights.get_mut(&format!("{path}.weight")).unwrap();
            let mut sum: Vec<f32> = weight.flatten_all().unwrap().to_vec1().unwrap();
            for (row, col) in (0..outputs).flat_map(|row| (0..inputs).map(move |col| (row, col))) {
                let product: f64 = (0..r).map(|k| f64::from(b[row * r + k]) * f64::from(a[k * inputs + col])).sum();
                sum[row * inputs + col] += (scale * product) as f32;
            }
            *weight = Tensor::from_vec(sum, (outputs, inputs), &Device::Cpu).unwrap();
            let name = if self.default_in_names { ".default" } else { "" };
            let a = Tensor::from_vec(a, (r, inputs), &Device::Cpu).unwrap();
            let b = Tensor::from_vec(b, (outputs, r), &Device::Cpu).unwrap();
            tensors.insert(format!("base_model.model.{path}.lora_A{name}.weight"), a);
            tensors.insert(format!("base_model.model.{path}.lora_B{name}.weight"), b);
        }
        std::fs::copy(model.join("config.json"), merged.join("config.json")).unwrap();
        candle_core::safetensors::save(&weights, merged.join("model.safetensors")).unwrap();
        candle_core::safetensors::save(&tensors, adapter.join(peft::WEIGHTS_FILE)).unwrap();
        let settings = self.settings().to_string();
        tunewright::fs::write_atomic(&adapter.join(peft::CONFIG_FILE), settings.as_bytes()).unwrap();
    }
}

const IDS: [u32; 12] = [3, 17, 250, 8, 99, 4, 4, 120, 33, 201, 7, 64];

fn logits(decoder: &Decoder, adapter: Option<&LoraAdapter>) -> Vec<f32> {
    let mut pass = CandlePass::new(decoder, &Device::Cpu).unwrap();
    adapter.into_iter().for_each(|adapter| pass.set_adapter(adapter).unwrap());
    let hidden = pass.hidden(decoder, &IDS, &Segments::from_lengths([IDS.len()]), None).unwrap();
    pass.logits(decoder, &hidden).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_near(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(1.0f32, |a, b| a.max(b.abs()));
    let off = found.iter().zip(expected).fold(0.0f32, |a, (x, y)| a.max((x - y).abs()));
    assert!(off <= tolerance * largest, "{what} is off by {off} of {largest}");
}

/// The training pass: its gradients are those of automatic differentiation.
fn check_gradients(decoder: &Decoder, adapter: &LoraAdapter) {
    let segments = Segments::from_lengths([IDS.len()]);
    let (rows, targets): (Vec<u32>, Vec<u32>) = (4..IDS.len() - 1).map(|i| (i as u32, IDS[i + 1])).unzip();
    let vars = adapter.named_vars();
    let batch = Supervised { ids: &IDS, segments: &segments, rows: &rows, targets: &targets, dropout: None };
    let gradients_of = |mut pass: GradientPass| {
        pass.set_adapter(decoder, adapter).unwrap();
        let mut gradients: Vec<_> = vars.iter().map(|(_, var)| vec![0.0; var.elem_count()]).collect();
        pass.add_gradients(decoder, batch, 1.0, &mut gradients).unwrap();
        gradients
    };
    let gradients = gradients_of(GradientPass::new(ProductType::F32, 0));
    let expected = gradients_of(GradientPass::on_device(decoder, &Device::Cpu).unwrap());
    for (((name, _), gradient), expected) in vars.iter().zip(&gradients).zip(&expected) {
        assert_near(gradient, expected, 1e-3, name);
    }
}

fn check(choice: &Choice) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["adapter", "merged", "again"] {
        std::fs::create_dir(path(name)).unwrap();
    }
    choice.write(&path("adapter"), &path("merged"));
    let decoder = Decoder::load(&fixture("cases/_model"), &Unwatched).unwrap();
    let loaded = peft::load(&path("adapter"), decoder.spec());
    if choice.foreign.is_some() || choice.is_void() {
        let message = loaded.map(|_| ()).unwrap_err().to_string();
        let named = choice.foreign.as_ref().map_or("", |(key, _)| *key);
        assert!(message.contains(named), "{message}");
        return;
    }
    let adapter = loaded.unwrap();
    let expected = logits(&Decoder::load(&path("merged"), &Unwatched).unwrap(), None);
    assert_near(&logits(&decoder, Some(&adapter)), &expected, 1e-3, "the forward pass");

    let mut generation = Generation::new(&decoder, Some(&adapter)).unwrap();
    let mut cache = KvCache::new(decoder.spec());
    generation.advance(&[&IDS], &mut [&mut cache]).unwrap();
    let last = &expected[expected.len() - decoder.spec().vocab_size..];
    assert_near(generation.logits().unwrap(), last, 1e-3, "generation");
    check_gradients(&decoder, &adapter);

    // What is written is the same adapter, also by PEFT's rules.
    peft::save(&adapter, "base", &path("again")).unwrap();
    let again = peft::load(&path("again"), decoder.spec()).unwrap();
    assert_near(&logits(&decoder, Some(&again)), &expected, 1e-3, "the adapter as it was saved");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_settings_give_peft_s_result_or_are_refused(choice in choice()) {
        check(&choice);
    }
}
