//! What lies in a folder or file that isn't a model in a way that is read: pickles, other programs' formats, parts.

use std::path::Path;

const PICKLES: &str = "pickles of PyTorch, which can run programs when they are read, and are not opened; fetch the model as \
                       safetensors or GGUF";

/// Ends of names, and what such files are and what to do about it, after "the folder's weights are".
const KINDS: &[(&str, &str)] = &[
    (".bin", PICKLES),
    (".pt", PICKLES),
    (".pth", PICKLES),
    (".ckpt", "a checkpoint of PyTorch or TensorFlow, which is not opened; fetch the model as safetensors or GGUF"),
    (".h5", "TensorFlow's; fetch the model as safetensors or GGUF"),
    (".msgpack", "Flax's; fetch the model as safetensors or GGUF"),
    (".onnx", "ONNX's, made for answering only; fetch the model as safetensors or GGUF"),
    (".litertlm", "LiteRT's, made for answering only; fetch the model as safetensors or GGUF"),
    (".task", "MediaPipe's, made for answering only; fetch the model as safetensors or GGUF"),
];

/// Why there is no model in a folder without `model*.safetensors` or without `config.json`, as the rest of a sentence.
pub fn in_folder(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let first = |end: &str| names.iter().find(|name| name.to_ascii_lowercase().ends_with(end));
    let has = |name: &str| names.iter().any(|other| other == name);
    if let Some(name) = first(".gguf") {
        return format!("the folder holds GGUF files, of which one is a model by itself: name the file ({name})");
    }
    if has("adapter_config.json") {
        return "the folder holds an adapter (adapter_config.json), which needs the model that it was trained on"
            .to_owned();
    }
    if let Some(name) = names.iter().find(|name| name.starts_with("consolidated") && name.ends_with(".safetensors")) {
        return format!(
            "the folder's weights are in Mistral's own layout ({name}), which is not read; fetch the files model*.safetensors \
             and config.json of the same repository"
        );
    }
    if first(".safetensors").is_some() && !has("config.json") {
        return "the folder has weights but no config.json, which says what they are; fetch it from the same repository".to_owned();
    }
    let kind = |(end, what): &(&str, &str)| {
        // Settings of the trainer and of the processor end like weights.
        let is_weights =
            |name: &&String| name.to_ascii_lowercase().ends_with(end) && !name.starts_with("training_args");
        names.iter().find(is_weights).map(|name| format!("the folder's weights ({name}) are {what}"))
    };
    KINDS.iter().find_map(kind).unwrap_or_else(|| match has("config.json") {
        true => "the folder has no model*.safetensors".to_owned(),
        false => "the folder has no config.json and no weights".to_owned(),
    })
}

/// What a single file is that can't be a GGUF file by its name, as a whole sentence.
pub fn of_file(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    if name.ends_with(".safetensors") {
        let told = "a safetensors file has no settings of its own: name the folder that it lies in, with config.json and \
                    tokenizer.json beside it";
        return Some(told.to_owned());
    }
    KINDS.iter().find(|(end, _)| name.ends_with(end)).map(|(_, what)| format!("its weights are {what}"))
}
