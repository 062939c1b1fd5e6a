//! How large a model's file is in a quantisation, from the model's shape alone. Types of tensors are chosen as
//! llama.cpp's `llama-quantize` chooses them, so that the sums come out as the files that are published.

use candle_core::quantized::GgmlDType;

use crate::model::spec::Part;
use crate::model::{ModelSpec, Module};

/// A GGUF file also has the vocabulary and its merges: bytes for each token, as measured on published files.
const BYTES_PER_TOKEN: u64 = 40;

/// The size of a file or a set of files, about. What isn't known as a quantisation is counted as 16 bits a weight.
pub fn num_bytes(spec: &ModelSpec, quantization: &str) -> u64 {
    let quantization = quantization.to_ascii_uppercase();
    let of_part = |part: &Part| {
        let num_values = part.num_values(spec) as u64;
        match *part {
            // Never quantised.
            Part::Weight(_, Module::InputsProj) => 2 * num_values,
            Part::Weight(layer, module) => {
                let dtype = of_module(&quantization, module.gguf_name(), layer, spec.num_layers());
                of_values(num_values, spec.shape(layer, module).1 as u64, dtype)
            }
            Part::Embedding if spec.tie_word_embeddings => {
                of_values(num_values, spec.hidden_size as u64, of_head(&quantization))
            }
            Part::Embedding => of_values(num_values, spec.hidden_size as u64, base(&quantization)),
            Part::InputEmbedding if quantization == "Q4_K_M" => of_values(num_values, num_values, GgmlDType::Q5K),
            Part::InputEmbedding => of_values(num_values, num_values, base(&quantization)),
            Part::Head => of_values(num_values, spec.hidden_size as u64, of_head(&quantization)),
            _ => 4 * num_values,
        }
    };
    let parts = [spec.parts(), spec.unused_parts()].concat();
    parts.iter().map(of_part).sum::<u64>() + BYTES_PER_TOKEN * spec.vocab_size as u64
}

/// The type of most weights.
fn base(quantization: &str) -> GgmlDType {
    match quantization {
        "F32" => GgmlDType::F32,
        "Q8_0" => GgmlDType::Q8_0,
        "Q6_K" => GgmlDType::Q6K,
        "Q5_K_M" | "Q5_K_S" => GgmlDType::Q5K,
        "Q5_1" => GgmlDType::Q5_1,
        "Q5_0" => GgmlDType::Q5_0,
        "Q4_K_M" | "Q4_K_S" => GgmlDType::Q4K,
        "Q4_1" => GgmlDType::Q4_1,
        "Q4_0" => GgmlDType::Q4_0,
        _ => GgmlDType::BF16,
    }
}

/// The head, and an embedding that is the head, too, is kept better than the rest.
fn of_head(quantization: &str) -> GgmlDType {
    match base(quantization) {
        kept @ (GgmlDType::F32 | GgmlDType::BF16 | GgmlDType::Q8_0) => kept,
        _ => GgmlDType::Q6K,
    }
}

/// In the mixed kinds some of the values' and the last inner matrices are kept better.
fn of_module(quantization: &str, gguf_name: &str, layer: usize, num_layers: usize) -> GgmlDType {
    let is_mixed = matches!(quantization, "Q4_K_M" | "Q5_K_M");
    match gguf_name {
        "attn_v" | "ffn_down" if is_mixed && is_kept_better(layer, num_layers) => GgmlDType::Q6K,
        "attn_qkv" if quantization == "Q4_K_M" => GgmlDType::Q5K,
        "attn_qkv" if quantization == "Q5_K_M" => GgmlDType::Q6K,
        _ => base(quantization),
    }
}

/// The first and last eighths of the layers, and each third between.
fn is_kept_better(layer: usize, num_layers: usize) -> bool {
    let eighth = num_layers / 8;
    layer < eighth || layer >= 7 * num_layers / 8 || (layer - eighth) % 3 == 2
}

/// Rows that don't divide into the type's blocks have the next best type with shorter ones.
fn of_values(num_values: u64, num_cols: u64, dtype: GgmlDType) -> u64 {
    let divides = |dtype: GgmlDType| num_cols.is_multiple_of(dtype.block_size() as u64);
    let dtype = match dtype {
        dtype if divides(dtype) => dtype,
        GgmlDType::Q4K => GgmlDType::Q5_0,
        GgmlDType::Q5K => GgmlDType::Q5_1,
        GgmlDType::Q6K => GgmlDType::Q8_0,
        other => other,
    };
    num_values.div_ceil(dtype.block_size() as u64) * dtype.type_size() as u64
}

#[cfg(test)]
mod tests {
    use super::super::catalogue;
    use super::*;

    /// Sizes of files as the Hub shows them.
    #[test]
    fn computed_sizes_are_those_of_published_files() {
        for (name, quantization, published) in [
            ("SmolLM2 135M Instruct", "Q4_1", 98_362_432),
            ("Qwen3 0.6B", "Q8_0", 639_446_688),
            ("OLMo 2 1B Instruct", "Q4_K_M", 935_515_296),
            ("SmolLM3 3B", "Q4_0", 1_811_456_544),
            ("Hunyuan 1.8B Instruct", "Q4_K_M", 1_133_084_864),
            ("Granite 4.0 350M", "Q4_K_M", 236_985_760),
            ("Granite 4.0 350M", "Q4_0", 228_470_176),
            ("Granite 4.0 1B", "Q4_0", 974_984_960),
            ("Granite 4.0 H 350M", "Q4_0", 216_073_120),
            ("Granite 4.0 H 350M", "Q4_K_M", 222_662_560),
            ("Granite 4.0 H 1B", "Q4_0", 868_316_384),
            ("Granite 4.0 H 1B", "Q4_K_M", 901_162_208),
            ("LFM2 350M", "Q4_K_M", 229_309_376),
            ("LFM2.5 1.2B Instruct", "Q4_K_M", 730_895_168_u64),
            ("Gemma 4 E2B it", "Q4_K_M", 3_106_736_256),
            ("Gemma 4 E4B it", "Q4_K_M", 4_977_169_568),
        ] {
            let model = catalogue().iter().find(|model| model.name == name).unwrap();
            let ratio = num_bytes(&model.spec, quantization) as f64 / published as f64;
            assert!((0.99..1.01).contains(&ratio), "{name} {quantization}: {ratio}");
        }
    }
}
