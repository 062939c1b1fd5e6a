//! What a `config.json` says of how its weights are packed. 8-bit floats with scales are read; of all else it is said what
//! it is and what to fetch instead.

use serde_json::Value;

/// Ways of packing by `quant_method`, and what they are.
const METHODS: &[(&str, &str, &str)] = &[
    ("gptq", "GPTQ", "packed for graphics cards"),
    ("awq", "AWQ", "packed for graphics cards"),
    ("auto-round", "AutoRound", "packed for graphics cards"),
    ("bitsandbytes", "bitsandbytes", "packed for graphics cards"),
    ("exl2", "EXL2", "packed for ExLlama on graphics cards"),
    ("exl3", "EXL3", "packed for ExLlama on graphics cards"),
    ("hqq", "HQQ", "packed for graphics cards"),
    ("aqlm", "AQLM", "packed by codebooks"),
    ("vptq", "VPTQ", "packed by codebooks"),
    ("quip", "QuIP#", "packed by codebooks"),
    ("eetq", "EETQ", "packed for graphics cards"),
    ("torchao", "torchao", "packed by PyTorch's own types"),
    ("quanto", "Quanto", "packed by PyTorch's own types"),
    ("bitnet", "BitNet", "packed in three values each"),
    ("mxfp4", "MXFP4", "packed in a folder's way; a GGUF file's MXFP4 is read"),
    ("compressed-tensors", "compressed-tensors", "packed for servers with graphics cards"),
    ("modelopt", "ModelOpt", "packed for graphics cards"),
    ("quark", "Quark", "packed for graphics cards"),
];

const INSTEAD: &str = "fetch the original model, or a GGUF file of it (Q4_K_M, Q8_0)";

/// Why weights that are packed in this way aren't read, as a sentence; `None` where they are or nothing is packed.
pub fn problem(config: &Value) -> Option<String> {
    let is_said = |key: &str| config.get(key).filter(|value| !value.is_null());
    let packing = is_said("quantization_config").or(is_said("compression_config")).or(is_said("quantization"))?;
    let text = |key: &str| packing.get(key).and_then(Value::as_str).map(str::to_lowercase);
    let number = |key: &str| packing.get(key).and_then(Value::as_u64);
    let Some(method) = text("quant_method") else {
        let name = if number("group_size").is_some() { "MLX" } else { "Such" };
        let what = if name == "MLX" { "packed for Apple's MLX" } else { "quantised in a way that isn't known here" };
        return Some(sentence(name, number("bits"), what));
    };
    let is_on = |key: &str| packing.get(key) == Some(&Value::Bool(true));
    let is_read = match method.as_str() {
        "fp8" | "fbgemm_fp8" => true,
        "modelopt" => text("quant_algo").as_deref() == Some("fp8"),
        "compressed-tensors" => is_fp8(packing),
        _ => false,
    };
    if is_read {
        return None;
    }
    let bits = match method.as_str() {
        "bitsandbytes" if is_on("load_in_4bit") => Some(4),
        "bitsandbytes" if is_on("load_in_8bit") => Some(8),
        "compressed-tensors" => groups(packing).find_map(|weights| weights.get("num_bits")?.as_u64()),
        _ => number("bits").or(number("w_bit")),
    };
    let known = METHODS.iter().find(|(key, ..)| *key == method);
    let (name, what) = known
        .map_or((method.to_uppercase(), "packed in a way that isn't known here"), |(_, name, what)| {
            ((*name).to_owned(), *what)
        });
    Some(sentence(&name, bits, what))
}

fn sentence(name: &str, bits: Option<u64>, what: &str) -> String {
    let bits = bits.map(|bits| format!(" in {bits} bits")).unwrap_or_default();
    format!("{name} weights are not read: they are {what}{bits}; {INSTEAD}")
}

/// What is said of weights, for each group of layers.
fn groups(packing: &Value) -> impl Iterator<Item = &Value> {
    let groups = packing.get("config_groups").and_then(Value::as_object);
    groups.into_iter().flat_map(|groups| groups.values()).filter_map(|group| group.get("weights"))
}

/// Whether all groups are 8-bit floats, stored one a byte.
fn is_fp8(packing: &Value) -> bool {
    let is_plain = matches!(packing.get("format").and_then(Value::as_str), Some("float-quantized" | "naive-quantized"));
    let mut groups = groups(packing).peekable();
    let is_float = |weights: &Value| {
        weights.get("type").and_then(Value::as_str) == Some("float")
            && weights.get("num_bits").and_then(Value::as_u64) == Some(8)
    };
    is_plain && groups.peek().is_some() && groups.all(is_float)
}

/// The rows and columns of a block of 8-bit floats that share a scale.
pub fn fp8_block(config: &Value) -> [usize; 2] {
    let sizes = config.pointer("/quantization_config/weight_block_size").and_then(Value::as_array);
    let size = |i: usize| sizes?.get(i)?.as_u64().filter(|size| (1..1 << 31).contains(size)).map(|size| size as usize);
    [size(0).unwrap_or(128), size(1).unwrap_or(128)]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_packed_is_named_with_what_to_fetch_instead() {
        let group = |kind: &str, bits: u64| json!({"group_0": {"weights": {"num_bits": bits, "type": kind}}});
        for (packing, words) in [
            (
                json!({"quant_method": "gptq", "bits": 4}),
                "GPTQ weights are not read: they are packed for graphics cards in 4 bits",
            ),
            (json!({"quant_method": "awq", "bits": 4}), "AWQ weights"),
            (
                json!({"quant_method": "bitsandbytes", "load_in_4bit": true}),
                "bitsandbytes weights are not read: they are packed \
              for graphics cards in 4 bits",
            ),
            (json!({"quant_method": "bitsandbytes", "load_in_8bit": true, "load_in_4bit": false}), "in 8 bits"),
            (json!({"quant_method": "exl2", "bits": 4.65}), "EXL2 weights are not read: they are packed for ExLlama"),
            (
                json!({"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": group("int", 4)}),
                "compressed-tensors weights are not read: they are packed for servers with graphics cards in 4 bits",
            ),
            (
                json!({"quant_method": "compressed-tensors", "format": "int-quantized", "config_groups": group("int", 8)}),
                "compressed-tensors",
            ),
            (json!({"quant_method": "modelopt", "quant_algo": "NVFP4"}), "ModelOpt"),
            (json!({"quant_method": "mxfp4"}), "a GGUF file's MXFP4 is read"),
            (
                json!({"quant_method": "newest"}),
                "NEWEST weights are not read: they are packed in a way that isn't known",
            ),
            (
                json!({"group_size": 64, "bits": 4}),
                "MLX weights are not read: they are packed for Apple's MLX in 4 bits",
            ),
            (json!({"anything": 1}), "Such weights are not read: they are quantised in a way that isn't known here"),
        ] {
            let told = problem(&json!({"quantization_config": packing})).unwrap();
            assert!(told.contains(words) && told.contains("; fetch the original model, or a GGUF file"), "{told}");
        }
        assert!(problem(&json!({"quantization": {"group_size": 64, "bits": 4}})).unwrap().starts_with("MLX"));
        for read in [
            json!({"quant_method": "fp8", "weight_block_size": [128, 128]}),
            json!({"quant_method": "fbgemm_fp8"}),
            json!({"quant_method": "modelopt", "quant_algo": "FP8"}),
            json!({"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": group("float", 8)}),
            Value::Null,
        ] {
            assert_eq!(problem(&json!({"quantization_config": read})), None, "{read}");
        }
        assert_eq!(problem(&json!({})), None);
        assert_eq!(fp8_block(&json!({"quantization_config": {"weight_block_size": [64, 32]}})), [64, 32]);
        assert_eq!(fp8_block(&json!({"quantization_config": {"weight_block_size": [0, -1]}})), [128, 128]);
    }
}
