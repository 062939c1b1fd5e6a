//! Models whose weights are of each type train and answer as the same values in f32 do: what is unpacked on the way is
//! equal, so that sums are, too, bit by bit.

use candle_core::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tunewright::model::lora::{LoraAdapter, LoraConfig};
use tunewright::model::{CandlePass, Decoder, Generation, GradientPass, KvCache, ProductType, Supervised};
use tunewright::ops::product::Isa;
use tunewright::ops::{Segments, WeightType};
use tunewright::recipe::Lora;
use tunewright::task::Unwatched;

use crate::gguf_builder::TinyLlama;

fn ids() -> Vec<u32> {
    (0..20).map(|i| (i * 7 + 3) % TinyLlama::VOCAB as u32).collect()
}

/// Loss and gradients of one pass over a row of tokens.
fn gradients(decoder: &Decoder, adapter: &LoraAdapter, isa: Isa, product: ProductType) -> (f64, Vec<Vec<f32>>) {
    let (ids, rows) = (ids(), (0..19).collect::<Vec<u32>>());
    let segments = Segments::from_lengths([ids.len()]);
    let batch = Supervised { ids: &ids, segments: &segments, rows: &rows, targets: &ids[1..], dropout: None };
    let mut pass = GradientPass::on(isa, product, 0);
    pass.set_adapter(decoder, adapter).unwrap();
    let mut gradients: Vec<_> = adapter.named_vars().iter().map(|(_, var)| vec![0.0; var.elem_count()]).collect();
    let loss = pass.add_gradients(decoder, batch, 1.0 / rows.len() as f64, &mut gradients).unwrap();
    (loss, gradients)
}

/// Logits after a prompt, and after each of some tokens more.
fn answer(decoder: &Decoder, isa: Isa, prompt: usize) -> Vec<Vec<f32>> {
    let ids = ids();
    let mut generation = Generation::on(isa, decoder, None).unwrap();
    let mut cache = KvCache::new(decoder.spec());
    let mut advance = |new: &[u32]| {
        generation.advance(&[new], &mut [&mut cache]).unwrap();
        generation.logits().unwrap().to_vec()
    };
    let first = advance(&ids[..prompt]);
    std::iter::once(first).chain(ids[prompt..].iter().map(|id| advance(&[*id])).collect::<Vec<_>>()).collect()
}

#[test]
fn a_model_of_each_type_is_its_twin_in_f32() {
    let folder = tempfile::tempdir().unwrap();
    for (i, dtype) in WeightType::ALL.iter().copied().enumerate() {
        let model = TinyLlama { dtype, seed: 100 * i as u64 };
        let load = |name: &str, gguf: crate::gguf_builder::Gguf| {
            let path = folder.path().join(name);
            gguf.write(&path);
            Decoder::load(&path, &Unwatched).unwrap()
        };
        let (decoder, twin) = (load("model.gguf", model.gguf()), load("twin.gguf", model.twin()));
        assert!(decoder.frozen_weights().iter().all(|(_, weight)| weight.dtype() == dtype), "{dtype}");
        let config = LoraConfig::from_recipe(&Lora::default(), decoder.spec()).unwrap();
        let adapter = LoraAdapter::new(config, decoder.spec(), &mut ChaCha8Rng::seed_from_u64(5)).unwrap();
        for (name, var) in adapter.named_vars().into_iter().filter(|(name, _)| name.contains("lora_B")) {
            let values: Vec<f32> = (0..var.elem_count()).map(|i| ((i * 31 + name.len()) % 17) as f32 / 400.0).collect();
            var.set(&candle_core::Tensor::from_vec(values, var.shape(), var.device()).unwrap()).unwrap();
        }
        for isa in Isa::available() {
            for product in [ProductType::F32, ProductType::Bf16, ProductType::Int8] {
                let (found, expected) =
                    (gradients(&decoder, &adapter, isa, product), gradients(&twin, &adapter, isa, product));
                let size = found.1.iter().flatten().fold(0.0f32, |largest, value| largest.max(value.abs()));
                assert!(found.0.is_finite() && size > 1e-6 && size.is_finite(), "{dtype}: {} {size}", found.0);
                assert!(found == expected, "{dtype}, {}, {product:?}: {} for {}", isa.name(), found.0, expected.0);
            }
            // Token by token all is f32; a prompt is multiplied by 16-bit whole numbers where the CPU can.
            let (found, expected) = (answer(&decoder, isa, 1), answer(&twin, isa, 1));
            assert!(found == expected, "{dtype}, {}: token by token", isa.name());
            for (found, expected) in answer(&decoder, isa, 15).iter().flatten().zip(expected[14..].iter().flatten()) {
                assert!((found - expected).abs() <= 1e-3, "{dtype}, {}: {found} for {expected}", isa.name());
            }
        }
        let logits = |decoder: &Decoder| {
            let pass = CandlePass::new(decoder, &Device::Cpu).unwrap();
            let hidden = pass.hidden(decoder, &ids(), &Segments::from_lengths([20]), None).unwrap();
            pass.logits(decoder, &hidden).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        assert!(logits(&decoder) == logits(&twin), "{dtype}: candle's pass");
    }
}
