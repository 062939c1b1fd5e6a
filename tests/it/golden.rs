//! The decoder against Transformers and PEFT, on tiny random models: `fixtures/*/expected.safetensors` were made with
//! Transformers 5.23, PEFT 0.21 and torch 2.15 in float32. `GOLDEN_DIR` names another folder of such fixtures, all of which are
//! tested then.

use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use rand::SeedableRng;
use tunewright::generate::argmax;
use tunewright::model::gradient::activation_bytes;
use tunewright::model::lora::{LoraAdapter, LoraConfig};
use tunewright::model::{
    CandlePass, Decoder, Dropout, Generation, GradientPass, KvCache, ProductType, Supervised, peft,
};
use tunewright::ops::Segments;
use tunewright::ops::product::Isa;
use tunewright::recipe::Lora;
use tunewright::render::Rendered;
use tunewright::render::batch::Batch;
use tunewright::task::Unwatched;

use crate::fixtures::fixture;

const FAMILIES: &[&str] = &[
    "llama",
    "llama3_rope",
    "mistral_window",
    "gemma2",
    "qwen2",
    "qwen2_window",
    "qwen3",
    "qwen3_5",
    "gemma3",
    "smollm3",
    "olmo2",
    "granite",
    "olmo3",
    "ministral3",
    "exaone4",
    "exaone4_full",
    "hunyuan_v1_dense",
    "phi3",
    "phi4_mini",
    "granite4",
    "granite4_nope",
    "granite4_h",
    "lfm2",
    "ernie4_5",
    "gemma4",
];

/// The folder of a fixture.
fn folder(family: &str) -> PathBuf {
    std::env::var_os("GOLDEN_DIR").map_or_else(|| fixture(family), |root| PathBuf::from(root).join(family))
}

fn families() -> Vec<String> {
    let Some(root) = std::env::var_os("GOLDEN_DIR") else {
        return FAMILIES.iter().map(|family| (*family).to_owned()).collect();
    };
    let entries = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap());
    let fixtures = entries.filter(|entry| entry.path().join("expected.safetensors").exists());
    let mut names: Vec<String> = fixtures.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(!names.is_empty(), "GOLDEN_DIR has no fixtures");
    names
}

struct Golden {
    decoder: Decoder,
    adapter: LoraAdapter,
    expected: HashMap<String, Tensor>,
    /// The two sequences without their padding, and the labels of each.
    ids: Vec<Vec<u32>>,
    labels: Vec<Vec<i64>>,
}

impl Golden {
    fn load(family: &str) -> Self {
        let folder = folder(family);
        let decoder = Decoder::load(&folder, &Unwatched).unwrap();
        let adapter = peft::load(&folder.join("adapter"), decoder.spec()).unwrap();
        let expected = candle_core::safetensors::load(folder.join("expected.safetensors"), &Device::Cpu).unwrap();
        let rows = |name: &str| expected[name].to_vec2::<i64>().unwrap();
        let masks = rows("attention_mask");
        let lengths: Vec<usize> = masks.iter().map(|m| m.iter().filter(|v| **v == 1).count()).collect();
        let cut = |rows: Vec<Vec<i64>>| -> Vec<Vec<i64>> {
            rows.into_iter().zip(&lengths).map(|(row, len)| row[..*len].to_vec()).collect()
        };
        let ids = cut(rows("input_ids")).into_iter().map(|r| r.into_iter().map(|v| v as u32).collect()).collect();
        let labels = cut(rows("labels"));
        Self { decoder, adapter, ids, labels, expected }
    }

    /// The logits of all rows by candle's operations.
    fn logits(&self, adapter: Option<&LoraAdapter>) -> Tensor {
        self.logits_of(adapter, &self.ids.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    fn logits_of(&self, adapter: Option<&LoraAdapter>, ids: &[&[u32]]) -> Tensor {
        let segments = Segments::from_lengths(ids.iter().map(|ids| ids.len()));
        let mut pass = CandlePass::new(&self.decoder, &Device::Cpu).unwrap();
        adapter.into_iter().for_each(|adapter| pass.set_adapter(adapter).unwrap());
        let hidden = pass.hidden(&self.decoder, &ids.concat(), &segments, None).unwrap();
        pass.logits(&self.decoder, &hidden).unwrap().detach()
    }

    /// The rows whose next token is supervised, and those tokens.
    fn supervised(&self) -> (Vec<u32>, Vec<u32>) {
        let (mut rows, mut targets, mut start) = (Vec::new(), Vec::new(), 0);
        for labels in &self.labels {
            for (i, label) in labels.iter().enumerate().skip(1).filter(|(_, label)| **label >= 0) {
                rows.push((start + i - 1) as u32);
                targets.push(*label as u32);
            }
            start += labels.len();
        }
        (rows, targets)
    }

    /// The mean loss and its gradients by the training pass.
    fn gradients(
        &self,
        isa: Isa,
        product: ProductType,
        num_recomputed: usize,
        dropout: Option<Dropout>,
    ) -> (f64, Vec<Vec<f32>>) {
        self.gradients_of(GradientPass::on(isa, product, num_recomputed), product, dropout)
    }

    /// The mean loss and its gradients by candle's operations and differentiation.
    fn candle_gradients(&self, dropout: Option<Dropout>) -> (f64, Vec<Vec<f32>>) {
        let pass = GradientPass::on_device(&self.decoder, &Device::Cpu).unwrap();
        self.gradients_of(pass, ProductType::F32, dropout)
    }

    fn gradients_of(
        &self,
        mut pass: GradientPass,
        product: ProductType,
        dropout: Option<Dropout>,
    ) -> (f64, Vec<Vec<f32>>) {
        let (rows, targets) = self.supervised();
        let (ids, segments) = (self.ids.concat(), Segments::from_lengths(self.ids.iter().map(Vec::len)));
        let batch = Supervised { ids: &ids, segments: &segments, rows: &rows, targets: &targets, dropout };
        pass.set_adapter(&self.decoder, &self.adapter).unwrap();
        let weight = 1.0 / rows.len() as f64;
        let zeros = || self.adapter.named_vars().iter().map(|(_, var)| vec![0.0; var.elem_count()]).collect::<Vec<_>>();
        // A second time, and with an evaluation between, to see that nothing of an earlier pass stays.
        pass.add_gradients(&self.decoder, batch, weight, &mut zeros()).unwrap();
        let alone = pass.loss(&self.decoder, batch).unwrap();
        let mut gradients = zeros();
        let loss = pass.add_gradients(&self.decoder, batch, weight, &mut gradients).unwrap();
        // Without gradients there are no products in 8 bits.
        let near = if product == ProductType::Int8 { 2e-2 } else { 0.0 };
        assert!((weight * (loss - alone)).abs() <= near, "{loss}, {alone}");
        (weight * loss, gradients)
    }

    /// The largest distance of a gradient from the expected one, by tensor, as a part of its largest value.
    fn worst_gradient(&self, gradients: &[Vec<f32>]) -> (f32, String) {
        let vars = self.adapter.named_vars();
        assert_eq!(vars.len(), self.expected.keys().filter(|k| k.starts_with("grad.")).count());
        let off = vars.iter().zip(gradients).map(|((name, var), gradient)| {
            let expected = &self.expected[&format!("grad.{name}")];
            let gradient = Tensor::from_slice(gradient, var.shape(), &Device::Cpu).unwrap();
            (largest(&(gradient - expected).unwrap()) / largest(expected), name.clone())
        });
        off.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
    }

    fn check_logits(&self, logits: &Tensor, name: &str) {
        let mut start = 0;
        for (row, ids) in self.ids.iter().enumerate() {
            let expected = self.expected[name].get(row).unwrap().narrow(0, 0, ids.len()).unwrap();
            let difference = largest(&(logits.narrow(0, start, ids.len()).unwrap() - &expected).unwrap());
            assert!(difference <= 1e-4, "{name}, sequence {row}: logits are off by {difference}");
            start += ids.len();
        }
    }
}

fn largest(tensor: &Tensor) -> f32 {
    tensor.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}

fn check_family(family: &str) {
    let golden = Golden::load(family);
    golden.check_logits(&golden.logits(None), "logits_base");
    golden.check_logits(&golden.logits(Some(&golden.adapter)), "logits_lora");
    let scalar = |t: &Tensor| f64::from(t.to_dtype(DType::F32).unwrap().to_scalar::<f32>().unwrap());
    let (loss, gradients) = golden.candle_gradients(None);
    assert!((loss - scalar(&golden.expected["loss_lora"])).abs() <= 1e-5, "{family}: {loss}");
    let (off, name) = golden.worst_gradient(&gradients);
    assert!(off <= 1e-4, "{family}: gradient of {name} is off by {off}");

    let (rows, targets) = golden.supervised();
    let (ids, segments) = (golden.ids.concat(), Segments::from_lengths(golden.ids.iter().map(Vec::len)));
    let batch = Supervised { ids: &ids, segments: &segments, rows: &rows, targets: &targets, dropout: None };
    let mut pass = GradientPass::on_device(&golden.decoder, &Device::Cpu).unwrap();
    let loss = pass.loss(&golden.decoder, batch).unwrap() / rows.len() as f64;
    assert!((loss - scalar(&golden.expected["loss_base"])).abs() <= 1e-5, "{family}: {loss}");
}

#[test]
fn the_training_pass_gives_the_same_loss_and_gradients_on_every_instruction_set() {
    for family in &families() {
        let golden = Golden::load(family);
        let expected =
            f64::from(golden.expected["loss_lora"].to_dtype(DType::F32).unwrap().to_scalar::<f32>().unwrap());
        // Rounding adds up from block to block.
        let depth = golden.decoder.spec().num_layers() as f64 / 2.0;
        // Heads of few values are brought to length one: of a short one, the rounding becomes long, too.
        let far = if golden.decoder.spec().delta().is_some() { 2.0 * depth } else { depth };
        for isa in Isa::available() {
            for num_recomputed in 0..=golden.decoder.spec().num_layers() {
                let what = format!("{family}, {}, {num_recomputed} blocks computed again", isa.name());
                let (loss, gradients) = golden.gradients(isa, ProductType::F32, num_recomputed, None);
                assert!((loss - expected).abs() <= 1e-5, "{what}: {loss} for {expected}");
                let (off, name) = golden.worst_gradient(&gradients);
                assert!(off <= 1e-4, "{what}: gradient of {name} is off by {off}");

                // bf16 has 8 bits: near, and no more.
                let (loss, gradients) = golden.gradients(isa, ProductType::Bf16, num_recomputed, None);
                assert!((loss - expected).abs() <= 1e-2 * depth, "{what}, bf16: {loss} for {expected}");
                let (off, name) = golden.worst_gradient(&gradients);
                assert!(f64::from(off) <= 0.1 * far, "{what}, bf16: gradient of {name} is off by {off}");

                // 8 bits in groups of 64: farther.
                let (loss, gradients) = golden.gradients(isa, ProductType::Int8, num_recomputed, None);
                assert!((loss - expected).abs() <= 3e-2 * depth, "{what}, int8: {loss} for {expected}");
                let (off, name) = golden.worst_gradient(&gradients);
                assert!(f64::from(off) <= 0.3 * far, "{what}, int8: gradient of {name} is off by {off}");
            }
        }
    }
}

#[test]
fn the_training_pass_hides_the_values_that_dropout_says() {
    let mut golden = Golden::load("llama");
    let dropout = Dropout::new(0.4, 1, 2, 3);
    let (expected, witness) = golden.candle_gradients(dropout);
    let named: Vec<_> =
        golden.adapter.named_vars().into_iter().map(|(name, var)| (name, var.shape().clone())).collect();
    for ((name, shape), gradient) in named.into_iter().zip(witness) {
        golden.expected.insert(format!("grad.{name}"), Tensor::from_vec(gradient, shape, &Device::Cpu).unwrap());
    }
    let (without, _) = golden.gradients(Isa::current(), ProductType::F32, 0, None);
    assert!((without - expected).abs() > 1e-3, "dropout does nothing");
    for isa in Isa::available() {
        for (product, near, tolerance) in [(ProductType::F32, 1e-5, 1e-4), (ProductType::Bf16, 1e-2, 8e-2)] {
            for num_recomputed in 0..=golden.decoder.spec().num_layers() {
                let (loss, gradients) = golden.gradients(isa, product, num_recomputed, dropout);
                let what = format!("{}, {}, {num_recomputed} blocks computed again", isa.name(), product.name());
                assert!((loss - expected).abs() <= near, "{what}: {loss} for {expected}");
                let (off, name) = golden.worst_gradient(&gradients);
                assert!(off <= tolerance, "{what}: gradient of {name} is off by {off}");
            }
        }
    }
}

/// Rows that sequences share are computed once; nothing else may change.
#[test]
fn sequences_with_a_common_beginning_give_the_same_loss_and_gradients() {
    // The shared rows are more than a window, and less.
    for family in &families() {
        compact_as_whole(&Golden::load(family));
    }
}

fn compact_as_whole(golden: &Golden) {
    let vocab_size = golden.decoder.spec().vocab_size as u32;
    let sample = |beginning: u32, shared: u32, own: u32, num_trained: usize| {
        let ids: Vec<u32> = (0..shared)
            .map(|i| (beginning + 5 * i) % vocab_size)
            .chain((0..own).map(|i| (own + i) % vocab_size))
            .collect();
        let mut is_trained = vec![false; ids.len()];
        // One token after the last that counts.
        let end = ids.len() - 1;
        is_trained[end - num_trained..end].fill(true);
        Rendered { ids, is_trained }
    };
    let samples =
        [sample(3, 20, 4, 2), sample(3, 20, 9, 12), sample(3, 12, 3, 1), sample(8, 15, 5, 3), sample(8, 15, 70, 9)];
    let (whole, compact) = (Batch::new(&samples), Batch::compact(&samples, golden.decoder.spec().switches_beyond()));
    // Long texts share nothing with short ones where they are rotated otherwise.
    let saved = if golden.decoder.spec().switches_beyond().is_some() { 15 } else { 40 };
    assert!(compact.ids.len() + saved < whole.ids.len(), "{} of {}", compact.ids.len(), whole.ids.len());
    for (isa, product, tolerance) in
        Isa::available().flat_map(|isa| [(isa, ProductType::F32, 2e-4), (isa, ProductType::Bf16, 5e-2)])
    {
        for num_recomputed in 0..=golden.decoder.spec().num_layers() {
            let mut pass = GradientPass::on(isa, product, num_recomputed);
            pass.set_adapter(&golden.decoder, &golden.adapter).unwrap();
            let mut run = |batch: &Batch| {
                let vars = golden.adapter.named_vars();
                let mut gradients: Vec<_> = vars.iter().map(|(_, var)| vec![0.0f32; var.elem_count()]).collect();
                let loss = pass.add_gradients(&golden.decoder, batch.supervised(), 1.0, &mut gradients).unwrap();
                (loss, gradients)
            };
            let ((loss, gradients), (expected_loss, expected)) = (run(&compact), run(&whole));
            let what = format!("{}, {}", isa.name(), product.name());
            assert!(
                (loss / expected_loss - 1.0).abs() < f64::from(tolerance) / 10.0,
                "{what}: {loss}, {expected_loss}"
            );
            for (found, expected) in gradients.iter().zip(&expected) {
                let largest = |values: &mut dyn Iterator<Item = f32>| values.fold(0.0f32, |a, b| a.max(b.abs()));
                let off = largest(&mut found.iter().zip(expected).map(|(a, b)| a - b));
                assert!(off <= tolerance * largest(&mut expected.iter().copied()), "{what}: {off}");
            }
        }
    }
}

#[test]
fn every_family_is_what_transformers_and_peft_compute() {
    families().iter().for_each(|family| check_family(family));
}

/// Biases on all linear layers; the numbers are `scripts/make_bias_fixture.py`'s.
#[test]
fn biases_are_added_everywhere() {
    let folder = fixture("llama_bias");
    let decoder = Decoder::load(&folder, &Unwatched).unwrap();
    let expected = candle_core::safetensors::load(folder.join("expected.safetensors"), &Device::Cpu).unwrap();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let config = LoraConfig::from_recipe(&Lora { r: 3, ..Lora::default() }, decoder.spec()).unwrap();
    let adapter = LoraAdapter::new(config, decoder.spec(), &mut rng).unwrap();
    for row in 0..2 {
        let ids = expected[&format!("input_ids.{row}")].to_vec1::<i64>().unwrap();
        let ids: Vec<u32> = ids.into_iter().map(|id| id as u32).collect();
        let (expected, segments) = (&expected[&format!("logits.{row}")], Segments::from_lengths([ids.len()]));
        let pass = CandlePass::new(&decoder, &Device::Cpu).unwrap();
        let logits = pass.logits(&decoder, &pass.hidden(&decoder, &ids, &segments, None).unwrap()).unwrap();
        assert!(largest(&(logits - expected).unwrap()) <= 1e-4, "row {row}");
        let (mut generation, mut cache) = (Generation::new(&decoder, None).unwrap(), KvCache::new(decoder.spec()));
        generation.advance(&[&ids], &mut [&mut cache]).unwrap();
        let last = Tensor::new(&*generation.logits().unwrap(), &Device::Cpu).unwrap();
        assert!(largest(&(last - expected.get(ids.len() - 1).unwrap()).unwrap()) <= 1e-4, "row {row}");

        let (rows, targets): (Vec<u32>, Vec<u32>) = (2..ids.len() - 1).map(|at| (at as u32, ids[at + 1])).unzip();
        let batch = Supervised { ids: &ids, segments: &segments, rows: &rows, targets: &targets, dropout: None };
        let gradients = |mut pass: GradientPass| {
            pass.set_adapter(&decoder, &adapter).unwrap();
            let vars = adapter.named_vars();
            let mut gradients: Vec<_> = vars.iter().map(|(_, var)| vec![0.0f32; var.elem_count()]).collect();
            (pass.add_gradients(&decoder, batch, 0.1, &mut gradients).unwrap(), gradients.concat())
        };
        let (loss, expected) = gradients(GradientPass::on_device(&decoder, &Device::Cpu).unwrap());
        for isa in Isa::available() {
            let (found, gradients) = gradients(GradientPass::on(isa, ProductType::F32, 1));
            assert!((found - loss).abs() <= 1e-4, "{}: {found} for {loss}", isa.name());
            let off = gradients.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off <= 1e-4, "{}: gradients are off by {off}", isa.name());
        }
    }
}

#[test]
fn the_old_style_of_config_gives_the_same_spec() {
    for family in &families() {
        let spec = |name: &str| {
            // Newer families have no old style.
            let path = Some(folder(family).join(name)).filter(|path| path.exists());
            let text = std::fs::read_to_string(path.unwrap_or(folder(family).join("config.json"))).unwrap();
            tunewright::model::ModelSpec::from_config(&serde_json::from_str(&text).unwrap()).unwrap()
        };
        assert_eq!(spec("config.json"), spec("config_legacy.json"));
        let weights = candle_core::safetensors::load(folder(family).join("model.safetensors"), &Device::Cpu).unwrap();
        let num_parameters: usize = weights.values().map(Tensor::elem_count).sum();
        assert_eq!(spec("config.json").num_parameters(), num_parameters as u64, "{family}");
    }
}

#[test]
fn generation_of_several_sequences_in_parts_gives_the_logits_of_the_whole() {
    for family in &families() {
        let golden = Golden::load(family);
        for isa in Isa::available() {
            for adapter in [None, Some(&golden.adapter)] {
                let expected = golden.logits(adapter);
                let mut generation = Generation::on(isa, &golden.decoder, adapter).unwrap();
                let mut caches: Vec<_> = golden.ids.iter().map(|_| KvCache::new(golden.decoder.spec())).collect();
                // A prompt of several tokens, one of one; then the second catches up; then all but the last, and it.
                let lengths: Vec<_> = golden.ids.iter().map(Vec::len).collect();
                let parts = [lengths.iter().map(|_| 0).collect(), vec![3, 1], vec![4, 4]];
                let parts = parts.into_iter().chain([lengths.iter().map(|len| len - 1).collect(), lengths.clone()]);
                let parts: Vec<Vec<usize>> = parts.collect();
                for ends in parts.windows(2) {
                    let new: Vec<&[u32]> =
                        golden.ids.iter().enumerate().map(|(i, ids)| &ids[ends[0][i]..ends[1][i]]).collect();
                    generation.advance(&new, &mut caches.iter_mut().collect::<Vec<_>>()).unwrap();
                    let vocab_size = golden.decoder.spec().vocab_size;
                    let logits = generation.logits().unwrap();
                    let mut start = 0;
                    // What a longer text begins with isn't what it is alone where long texts are rotated otherwise.
                    let cut = |(ids, end): (&Vec<u32>, &usize)| -> Vec<u32> { ids[..*end].to_vec() };
                    let cut: Vec<Vec<u32>> = golden.ids.iter().zip(&ends[1]).map(cut).collect();
                    let alone = golden
                        .decoder
                        .spec()
                        .switches_beyond()
                        .map(|_| golden.logits_of(adapter, &cut.iter().map(Vec::as_slice).collect::<Vec<_>>()));
                    let (expected, lengths) = match &alone {
                        Some(alone) => (alone, &cut),
                        None => (&expected, &golden.ids),
                    };
                    for (i, logits) in logits.chunks(vocab_size).enumerate() {
                        assert_eq!(caches[i].len(), ends[1][i]);
                        let expected = expected.get(start + ends[1][i] - 1).unwrap();
                        let logits = Tensor::from_slice(logits, vocab_size, &Device::Cpu).unwrap();
                        let off = largest(&(logits - expected).unwrap());
                        assert!(off <= 1e-4, "{family}, {}, sequence {i} to {ends:?}: off by {off}", isa.name());
                        start += lengths[i].len();
                    }
                }
                let mut cache = KvCache::new(golden.decoder.spec());
                assert!(generation.advance(&[&[]], &mut [&mut cache]).is_err(), "nothing to continue with");
            }
        }
    }
}

#[test]
fn greedy_tokens_with_a_cache_are_those_of_transformers() {
    for family in &families() {
        let golden = Golden::load(family);
        let mut generation = Generation::new(&golden.decoder, Some(&golden.adapter)).unwrap();
        let mut cache = KvCache::new(golden.decoder.spec());
        let mut new = golden.ids[0].clone();
        let mut greedy = Vec::new();
        for _ in 0..12 {
            generation.advance(&[&new], &mut [&mut cache]).unwrap();
            let token = argmax(generation.logits().unwrap());
            greedy.push(i64::from(token));
            new = vec![token];
        }
        assert_eq!(greedy, golden.expected["greedy"].to_vec1::<i64>().unwrap(), "{family}");
    }
}

#[test]
fn a_step_takes_the_memory_that_was_foretold() {
    for family in &families() {
        let golden = Golden::load(family);
        let (ids, segments) = (golden.ids.concat(), Segments::from_lengths(golden.ids.iter().map(Vec::len)));
        let all: Vec<u32> = (0..ids.len() as u32).collect();
        let (spec, vars) = (golden.decoder.spec(), golden.adapter.named_vars());
        let bytes_of = |product, num_recomputed, rows: &[u32]| {
            let mut pass = GradientPass::new(product, num_recomputed);
            pass.set_adapter(&golden.decoder, &golden.adapter).unwrap();
            let batch = Supervised { ids: &ids, segments: &segments, rows, targets: &ids[..rows.len()], dropout: None };
            let mut gradients: Vec<_> = vars.iter().map(|(_, var)| vec![0.0; var.elem_count()]).collect();
            pass.add_gradients(&golden.decoder, batch, 1.0, &mut gradients).unwrap();
            pass.num_bytes() as f64
        };
        for (product, num_recomputed) in [(ProductType::F32, 0), (ProductType::Bf16, 0), (ProductType::Bf16, 2)] {
            let foretold = activation_bytes(spec, product, num_recomputed, ids.len()) as f64;
            let off = bytes_of(product, num_recomputed, &all) / foretold - 1.0;
            assert!(off.abs() < 0.1, "{family}, {product:?}, {num_recomputed} again: off by {off:.3}");
            // Fewer rows that count take less.
            assert!(bytes_of(product, num_recomputed, &all[..3]) < 1.1 * foretold, "{family}, {product:?}");
        }
    }
}
