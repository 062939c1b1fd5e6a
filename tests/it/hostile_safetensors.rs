//! Folders of safetensors that are damaged, incomplete, packed or of another kind: what it is and what to do, in a sentence;
//! and 8-bit floats with scales, which are read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use tunewright::model::{Decoder, inspect};
use tunewright::task::Unwatched;

use crate::fixtures::{copy_tiny_model, write};

fn load_error(path: &Path) -> String {
    let error = Decoder::load(path, &Unwatched).map(|_| ()).unwrap_err().to_string();
    assert!(!error.contains('\n'), "{error}");
    error
}

#[track_caller]
fn told(path: &Path, words: &str) {
    let error = load_error(path);
    assert!(error.contains(words), "{words} is not in: {error}");
}

fn change_config(folder: &Path, key: &str, value: Value) {
    let path = folder.join("config.json");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    config[key] = value;
    write(folder, "config.json", config.to_string());
}

fn weights(folder: &Path) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu).unwrap()
}

/// Two halves of the tiny model with an index, in place of the one file.
fn shard(folder: &Path) -> Value {
    let all = weights(folder);
    let mut names: Vec<_> = all.keys().cloned().collect();
    names.sort();
    let mut map = serde_json::Map::new();
    for (file, names) in ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
        .into_iter()
        .zip(names.chunks(names.len().div_ceil(2)))
    {
        let part: HashMap<String, Tensor> = names.iter().map(|name| (name.clone(), all[name].clone())).collect();
        candle_core::safetensors::save(&part, folder.join(file)).unwrap();
        map.extend(names.iter().map(|name| (name.clone(), file.into())));
    }
    std::fs::remove_file(folder.join("model.safetensors")).unwrap();
    let index = json!({"metadata": {}, "weight_map": map});
    write(folder, "model.safetensors.index.json", index.to_string());
    index
}

#[test]
fn an_index_that_does_not_fit_its_folder_is_told() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("model");
    copy_tiny_model(&folder);
    let index = shard(&folder);
    Decoder::load(&folder, &Unwatched).unwrap();
    let set = |index: &Value| drop(write(&folder, "model.safetensors.index.json", index.to_string()));
    std::fs::copy(folder.join("model-00001-of-00002.safetensors"), root.path().join("outside.safetensors")).unwrap();
    for name in
        ["../outside.safetensors", "/etc/passwd", "sub/model.safetensors", "..", "", "model-00003-of-00002.safetensors"]
    {
        let mut index = index.clone();
        index["weight_map"]["model.norm.weight"] = name.into();
        set(&index);
        told(&folder, &format!("it names the part {name}, which is not in the folder"));
    }
    for (text, words) in [("{", "index.json"), ("{}", "weight_map"), (r#"{"weight_map": {"a": 1}}"#, "index.json")] {
        write(&folder, "model.safetensors.index.json", text);
        told(&folder, words);
    }
    set(&index);
    std::fs::copy(folder.join("model-00001-of-00002.safetensors"), folder.join("model-00002-of-00002.safetensors"))
        .unwrap();
    told(&folder, "is in");
    told(&folder, ", too");
    std::fs::remove_file(folder.join("model-00002-of-00002.safetensors")).unwrap();
    told(&folder, "it names the part model-00002-of-00002.safetensors, which is not in the folder");
    // Without an index, all parts count; one alone lacks tensors.
    std::fs::remove_file(folder.join("model.safetensors.index.json")).unwrap();
    told(&folder, "is missing");
}

#[test]
fn a_file_is_known_to_be_cut_off_wherever_it_is() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("model");
    copy_tiny_model(&folder);
    let path = folder.join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let cuts = (0..header).step_by(211).chain((1..20).map(|i| header + (bytes.len() - header) * i / 20));
    for len in cuts.chain([bytes.len() - 1]) {
        tunewright::fs::write_atomic(&path, &bytes[..len]).unwrap();
        let error = load_error(&folder);
        assert!(error.contains("cut off") || error.contains("isn't a safetensors file"), "{len}: {error}");
        let problem = inspect(&folder).unwrap().problem.unwrap();
        assert!(problem.contains("cut off") || problem.contains("isn't a safetensors file"), "{len}: {problem}");
    }
}

#[test]
fn headers_that_lie_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("model");
    copy_tiny_model(&folder);
    let tensor = |shape: Value, offsets: [u64; 2]| json!({"dtype": "F32", "shape": shape, "data_offsets": offsets});
    let file =
        |header: &str, data: usize| [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; data]].concat();
    let one = |name: &str, value: Value| json!({name: value}).to_string();
    let two = |first: Value, second: Value| json!({"a": first, "b": second}).to_string();
    let doubled = format!(r#"{{"a": {}, "a": {}}}"#, tensor(json!([2]), [0, 8]), tensor(json!([2]), [8, 16]));
    for (bytes, words) in [
        (vec![0xFF; 8], "isn't a safetensors file"),
        ((1u64 << 60).to_le_bytes().to_vec(), "isn't a safetensors file"),
        ([&99_000_000u64.to_le_bytes()[..], b"{}"].concat(), "isn't a safetensors file"),
        (file("{]", 0), "model.safetensors"),
        (file(&format!("{}1{}", "[".repeat(4000), "]".repeat(4000)), 0), "model.safetensors"),
        (file(&one("a", tensor(json!([1u64 << 60]), [0, 1 << 62])), 0), "model.safetensors"),
        (file(&one("a", tensor(json!([1u64 << 40, 1u64 << 40]), [0, 8])), 8), "model.safetensors"),
        (file(&one("a", tensor(json!([2]), [8, 0])), 8), "model.safetensors"),
        (file(&one("a", tensor(json!([2]), [4, 12])), 12), "model.safetensors"),
        (file(&one("a", tensor(json!([2]), [0, 8])), 4), "cut off"),
        (file(&one("a", tensor(json!([3]), [0, 8])), 8), "model.safetensors"),
        (file(&two(tensor(json!([2]), [0, 8]), tensor(json!([2]), [4, 12])), 12), "model.safetensors"),
        (file(&two(tensor(json!([2]), [0, 8]), tensor(json!([2]), [0, 8])), 8), "model.safetensors"),
        (file(&doubled, 16), "model.safetensors"),
        (
            file(&json!({"a": {"dtype": "Q4", "shape": [2], "data_offsets": [0, 8]}}).to_string(), 8),
            "model.safetensors",
        ),
    ] {
        write(&folder, "model.safetensors", &bytes);
        told(&folder, words);
    }
}

#[test]
fn packed_weights_are_named_with_what_to_fetch_instead() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("model");
    copy_tiny_model(&folder);
    for (packing, words) in [
        (json!({"quant_method": "gptq", "bits": 4}), "GPTQ weights are not read"),
        (json!({"quant_method": "awq", "bits": 4}), "AWQ weights are not read"),
        (json!({"quant_method": "bitsandbytes", "load_in_4bit": true}), "bitsandbytes weights are not read"),
        (json!({"quant_method": "exl2"}), "EXL2 weights are not read"),
        (
            json!({"quant_method": "compressed-tensors", "format": "pack-quantized"}),
            "compressed-tensors weights are not read",
        ),
    ] {
        change_config(&folder, "quantization_config", packing);
        told(&folder, words);
        let problem = inspect(&folder).unwrap().problem.unwrap();
        assert!(problem.contains(words) && problem.contains("GGUF file of it"), "{problem}");
    }
    // Packed, although the settings don't say so.
    change_config(&folder, "quantization_config", Value::Null);
    let mut packed = weights(&folder);
    let weight = packed.remove("model.layers.0.self_attn.q_proj.weight").unwrap();
    packed.insert("model.layers.0.self_attn.q_proj.qweight".to_owned(), weight);
    candle_core::safetensors::save(&packed, folder.join("model.safetensors")).unwrap();
    told(&folder, "its weights are packed in a way that isn't read");
    change_config(&folder, "num_local_experts", json!(8));
    told(&folder, "experts of which a router chooses some for each token");
}

#[test]
fn folders_without_a_model_say_what_they_hold() {
    let root = tempfile::tempdir().unwrap();
    let folder = |files: &[&str], has_config: bool| -> PathBuf {
        let folder = root.path().join("model");
        let _ = std::fs::remove_dir_all(&folder);
        copy_tiny_model(&folder);
        std::fs::remove_file(folder.join("model.safetensors")).unwrap();
        if !has_config {
            std::fs::remove_file(folder.join("config.json")).unwrap();
        }
        files.iter().for_each(|name| drop(write(&folder, name, "x")));
        folder
    };
    for (files, has_config, words) in [
        (&["pytorch_model.bin"][..], true, "(pytorch_model.bin) are pickles of PyTorch, which can run programs"),
        (
            &["pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json"],
            true,
            "fetch the model as safetensors or GGUF",
        ),
        (&["consolidated.00.pth", "params.json"], false, "(consolidated.00.pth) are pickles of PyTorch"),
        (&["consolidated.safetensors", "params.json"], false, "Mistral's own layout (consolidated.safetensors)"),
        (&["model-q4.gguf"], true, "name the file (model-q4.gguf)"),
        (&["adapter_config.json", "adapter_model.safetensors"], false, "the folder holds an adapter"),
        (&["model.safetensors"], false, "has weights but no config.json"),
        (&["tf_model.h5"], true, "TensorFlow's"),
        (&["flax_model.msgpack"], true, "Flax's"),
        (&["model.onnx"], true, "ONNX's, made for answering only"),
        (&["training_args.bin"], true, "the folder has no model*.safetensors"),
        (&[], true, "the folder has no model*.safetensors"),
        (&[], false, "the folder has no config.json and no weights"),
    ] {
        told(&folder(files, has_config), words);
    }
}

/// A weight of the tiny model in 8-bit floats, with scales beside it.
fn with_fp8(folder: &Path, dtype: Dtype, scales: &Tensor, scales_name: &str) -> Tensor {
    let mut tensors = weights(folder);
    let name = "model.layers.0.self_attn.q_proj";
    let [rows, cols] = tensors[&format!("{name}.weight")].dims2().map(|(rows, cols)| [rows, cols]).unwrap();
    // All values but those that are not numbers.
    let bytes: Vec<u8> = (0..rows * cols).map(|i| (i % 0x70) as u8 | if i % 3 == 0 { 0x80 } else { 0 }).collect();
    tensors.remove(&format!("{name}.weight"));
    tensors.insert(format!("{name}.{scales_name}"), scales.clone());
    tensors.insert(format!("{name}.input_scale"), Tensor::new(&[1.0f32], &Device::Cpu).unwrap());
    let data: HashMap<String, (Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
            (name.clone(), (tensor.dims().to_vec(), values.iter().flat_map(|value| value.to_le_bytes()).collect()))
        })
        .collect();
    let mut views: HashMap<String, TensorView<'_>> = data
        .iter()
        .map(|(name, (dims, bytes))| (name.clone(), TensorView::new(Dtype::F32, dims.clone(), bytes).unwrap()))
        .collect();
    views.insert(format!("{name}.weight"), TensorView::new(dtype, vec![rows, cols], &bytes).unwrap());
    write(folder, "model.safetensors", safetensors::serialize(&views, None).unwrap());
    let values = match dtype {
        Dtype::F8_E4M3 => Tensor::from_raw_buffer(&bytes, DType::F8E4M3, &[rows, cols], &Device::Cpu).unwrap(),
        _ => {
            let halves: Vec<u8> = bytes.iter().flat_map(|byte| [0, *byte]).collect();
            Tensor::from_raw_buffer(&halves, DType::F16, &[rows, cols], &Device::Cpu).unwrap()
        }
    };
    values.to_dtype(DType::F32).unwrap()
}

#[test]
fn eight_bit_floats_are_read_with_their_scales() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("model");
    let new = || {
        let _ = std::fs::remove_dir_all(&folder);
        copy_tiny_model(&folder);
        let dims = weights(&folder)["model.layers.0.self_attn.q_proj.weight"].dims2().unwrap();
        change_config(&folder, "quantization_config", json!({"quant_method": "fp8", "weight_block_size": [8, 16]}));
        dims
    };
    let (rows, cols) = new();
    let scales = |dims: &[usize]| {
        let num: usize = dims.iter().product();
        let values: Vec<f32> = (0..num).map(|i| (i % 7 + 1) as f32 / 800.0).collect();
        Tensor::from_vec(values, dims, &Device::Cpu).unwrap()
    };
    let blocks = [rows.div_ceil(8), cols.div_ceil(16)];
    for dtype in [Dtype::F8_E4M3, Dtype::F8_E5M2] {
        for (dims, name) in [
            (&[][..], "weight_scale"),
            (&[1], "weight_scale"),
            (&[rows, 1], "weight_scale"),
            (&blocks, "weight_scale_inv"),
        ] {
            new();
            let scales = scales(dims);
            let values = with_fp8(&folder, dtype, &scales, name);
            let spread = match dims {
                [down, across] if *across > 1 => scales
                    .reshape((*down, 1, *across, 1))
                    .and_then(|scales| scales.broadcast_as((*down, 8, *across, 16)))
                    .and_then(|scales| scales.reshape((down * 8, across * 16)))
                    .and_then(|scales| scales.narrow(0, 0, rows)?.narrow(1, 0, cols))
                    .unwrap(),
                [_, _] => scales.clone(),
                _ => scales.reshape((1, 1)).unwrap(),
            };
            let expected = values.broadcast_mul(&spread).unwrap().to_dtype(DType::BF16).unwrap();
            let expected: Vec<f32> = expected.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            let decoder = Decoder::load(&folder, &Unwatched).unwrap();
            let weights = decoder.frozen_weights();
            let (_, found) =
                weights.iter().find(|(name, _)| name.ends_with("layers.0.self_attn.q_proj.weight")).unwrap();
            assert!(found.to_f32().unwrap() == expected, "{dtype:?} {dims:?}");
            assert_eq!(inspect(&folder).unwrap().problem, None);
        }
    }
    new();
    with_fp8(&folder, Dtype::F8_E4M3, &scales(&[3]), "weight_scale");
    told(&folder, "has scales of the shape [3], which fit neither rows nor blocks");
    new();
    with_fp8(&folder, Dtype::F8_E4M3, &scales(&[1]), "other_scale");
    told(&folder, "its weights are packed in a way that isn't read");
}
