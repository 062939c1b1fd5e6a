//! The kinds of files that the program reads: a small whole one of each, and what the program does with it.

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use tunewright::data::import::ImportRequest;
use tunewright::data::{preview, read_examples};
use tunewright::evaluate::{self, Contender, EvaluationRequest};
use tunewright::fs::write_atomic;
use tunewright::generate::{Sampling, Session};
use tunewright::model::{LanguageModel, Turn, inspect, peft};
use tunewright::project::{ExampleQuery, Project};
use tunewright::recipe::{ModelRef, Plan, Recipe, RenderSpec, TooLong};
use tunewright::run::RunRecord;
use tunewright::task::Unwatched;

use super::mutate::Build;
use crate::fixtures::fixture;

pub type Read = Result<(), Box<dyn Error>>;

pub struct Kind {
    /// In the folder of the test.
    pub file: &'static str,
    /// Writes a whole one, and what it needs beside it.
    pub make: fn(&Path),
    pub build: Build,
    /// What is written in such files.
    pub dictionary: &'static [&'static str],
    /// Everything that the program does with it. An error is a good end.
    pub read: fn(&Path) -> Read,
    /// In a usual test: all kinds together take about a minute.
    pub num_mutants: u64,
}

// --- data

pub const JSON_WORDS: &[&str] = &[
    "\u{feff}",
    "\n",
    "\r",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    "\\ud800",
    "\\u0000",
    ",",
    ":",
    "null",
    "true",
    "NaN",
    "-Infinity",
    "messages",
    "role",
    "content",
    "assistant",
    "user",
    "system",
    "tool",
    "tool_calls",
    "arguments",
    "conversations",
    "from",
    "value",
    "prompt",
    "completion",
    "chosen",
    "rejected",
    "instruction",
    "output",
    "weight",
    "label",
    "[{\"role\":",
    "{\"a\":",
];
pub const TABLE_WORDS: &[&str] = &[
    "\u{feff}",
    "\n",
    "\r\n",
    "\r",
    "\"",
    "\"\"",
    ",",
    ";",
    "\t",
    "|",
    "sep=;\n",
    "prompt",
    "completion",
    "\0",
    "\u{1a}",
    "''",
    "=1+1",
    "\u{85}",
    "\u{2028}",
    "\",\"",
];

pub fn conversations(folder: &Path, name: &str) {
    write(folder, name, conversation_lines().as_bytes());
}

pub fn conversation_lines() -> String {
    let turns =
        r#"[{"role": "user", "content": "Ist der Tee heiß? 5"}, {"role": "assistant", "content": "ja", "weight": 1}]"#;
    let call = r#"[{"role":"user","content":"look"},{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}}]},{"role":"tool","tool_call_id":"1","content":"x"},{"role":"assistant","content":"done"}]"#;
    let tools = r#"[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"integer"}}}}}]"#;
    format!("{{\"messages\": {turns}}}\n{{\"messages\": {call}, \"tools\": {tools}}}\n{{\"messages\": {turns}}}\n")
}

pub fn json_document(folder: &Path) {
    let lines = conversation_lines();
    let rows: Vec<&str> = lines.lines().collect();
    write(folder, "a.json", format!("{{\"version\": 1, \"data\": [{}]}}", rows.join(", ")).as_bytes());
}

pub fn table(folder: &Path, name: &str, sign: char) {
    let rows = ["prompt,completion", "\"Is it \"\"hot\"\"?\nOr cold\",hot", "Größe 5,10", "a,", "\"x,y\",'z'"];
    write(folder, name, (rows.join("\r\n") + "\r\n").replace(',', &sign.to_string()).as_bytes());
}

pub fn parquet(folder: &Path) {
    use parquet::data_type::{ByteArray, ByteArrayType};
    let schema = "message rows { required binary prompt (UTF8); optional binary completion (UTF8); }";
    let schema = Arc::new(parquet::schema::parser::parse_message_type(schema).unwrap());
    let file = File::create(folder.join("a.parquet")).unwrap();
    let properties = parquet::file::properties::WriterProperties::builder();
    let properties = properties.set_compression(parquet::basic::Compression::SNAPPY).build();
    let mut writer = parquet::file::writer::SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for (kind, levels) in [("prompt", None), ("answer", Some([1; 20]))] {
        let texts: Vec<ByteArray> = (0..20).map(|i| format!("{kind} {i}").as_str().into()).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&texts, levels.as_ref().map(|l| &l[..]), None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

pub fn packed(folder: &Path, name: &str) {
    let text = conversation_lines();
    let bytes = match name.ends_with(".gz") {
        true => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            out.write_all(text.as_bytes()).unwrap();
            out.finish().unwrap()
        }
        false => zstd::encode_all(text.as_bytes(), 3).unwrap(),
    };
    write(folder, name, &bytes);
}

pub fn texts(folder: &Path) {
    write(folder, "texts/good/a.txt", "Schöne Grüße\nvon hier".as_bytes());
    write(folder, "texts/bad/b.md", b"# plain");
}

/// Reads a file as the import does, and its dialog before it.
pub fn import(path: &Path) -> Read {
    let request = ImportRequest::new(path);
    preview(&request, &Unwatched)?;
    read_examples(&request, &Unwatched, &mut |_| ControlFlow::Continue(()))?;
    Ok(())
}

// --- recipes and runs

pub const RECIPE_WORDS: &[&str] = &[
    "\n",
    "=",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "\"",
    "'''",
    "\"\"\"",
    "\\u0000",
    "#",
    ".",
    "training",
    "lora",
    "data",
    "version",
    "base_model",
    "starter",
    "../",
    "1979-05-27T07:32:00Z",
    "0x",
    "1_000",
    "inf",
    "nan",
    "-nan",
    "[training]\n",
    "a.",
    "r = ",
];

pub fn recipe(folder: &Path) {
    let mut recipe = Recipe::new(ModelRef::Folder(fixture("llama")), "train.jsonl".into());
    recipe.data.validation_split = Some(0.1);
    write(folder, "recipe.toml", recipe.to_toml().unwrap().as_bytes());
}

pub fn read_recipe(folder: &Path) -> Read {
    let recipe = Recipe::read(&folder.join("recipe.toml"))?;
    Plan::new(recipe, fixture("llama"), folder.join("run"))?.recipe_of_run().to_toml()?;
    Ok(())
}

/// A run's status, with its recipe and metrics beside it.
pub fn run(folder: &Path) {
    recipe(folder);
    let step = r#"{"step": 1, "epoch": 0.5, "loss": 2.5, "step_secs": 0.1}"#;
    let eval = r#"{"step": 1, "epoch": 0.5, "eval_loss": 2.0, "eval_secs": 0.1, "is_best": true}"#;
    write(folder, "metrics.jsonl", format!("{step}\n{eval}\n").as_bytes());
    let status = r#"{"status": "stopped", "num_steps": 2, "num_steps_done": 1, "best_step": 1, "secs": 0.5}"#;
    write(folder, "status.json", status.as_bytes());
}

pub fn read_run(folder: &Path) -> Read {
    RunRecord::read(folder)?;
    Ok(())
}

// --- models

pub const MODEL_WORDS: &[&str] = &[
    "llama",
    "gemma2",
    "mistral",
    "F16",
    "BF16",
    "F64",
    "I8",
    "dtype",
    "shape",
    "data_offsets",
    "__metadata__",
    "rope_scaling",
    "llama3",
    "factor",
    "layer_types",
    "sliding_attention",
    "relu",
    "eos_token_id",
    "model.embed_tokens.weight",
    "lm_head.weight",
];
pub const TOKENIZER_WORDS: &[&str] = &[
    "BPE",
    "Unigram",
    "WordLevel",
    "WordPiece",
    "ByteLevel",
    "Metaspace",
    "Replace",
    "Precompiled",
    "Sequence",
    "FixedLength",
    "Split",
    "Regex",
    "String",
    "Strip",
    "TemplateProcessing",
    "ByteFallback",
    "Fuse",
    "NFC",
    "Prepend",
    "Digits",
    "pattern",
    "content",
    "(a+)+$",
    "(?=",
    "",
    "AAAA",
    "/////w==",
    "<|im_end|>",
    "\u{fffd}",
    "Isolated",
    "MergedWithPrevious",
];
pub const TEMPLATE_WORDS: &[&str] = &[
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "{{ messages }}",
    "{% for m in messages %}",
    "{% endfor %}",
    "{% if x %}",
    "{% endif %}",
    "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
    "|tojson",
    "|tojson(indent=9000000000000000000)",
    "|upper",
    "not ",
    "-",
    "(",
    "[",
    "[0]",
    "~",
    "**",
    "*",
    "raise_exception('no')",
    "range(1000000000)",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{{ 'a' * 1000000000 }}",
    "{% generation %}",
    "{% endgeneration %}",
    "|join",
    ".items()",
    "strftime_now('%Y')",
    "loop.index",
    "{% set x = x ~ x %}",
    "|replace('', 'aaaaaaaa')",
    "|list",
    "messages[-1].content",
    "add_generation_prompt",
];

/// The small model of the cases, and data to measure it on.
pub fn model(folder: &Path) {
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        write(folder, &format!("model/{name}"), &std::fs::read(fixture("cases/_model").join(name)).unwrap());
    }
    write(folder, "model/generation_config.json", br#"{"eos_token_id": [2, 3], "temperature": 0.5}"#);
    conversations(folder, "data.jsonl");
}

/// With its template in a file of its own.
pub fn template(folder: &Path) {
    model(folder);
    let text = "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content | trim }}{% else %}<|im_start|>{{ m['role'] + \
                '\\n' + (m.content or '') }}{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}<|im_end|>\n{% endif %}{% \
                endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    write(folder, "model/chat_template.jinja", text.as_bytes());
}

pub fn read_model(folder: &Path) -> Read {
    use_model(folder, &folder.join("model"))
}

/// What listing, training, measuring and asking do with a model.
pub fn use_model(folder: &Path, path: &Path) -> Read {
    inspect(path)?;
    let model = LanguageModel::load(path, &Unwatched)?;
    ask(&model)?;
    measure(&model, folder, None)
}

fn ask(model: &LanguageModel) -> Read {
    let turns =
        [Turn::new("system", "Be brief."), Turn::new("user", "Wie heiß? <|im_end|> 123\n\n  aaaa\u{0}\u{1F375}")];
    let sampling = Sampling { max_new_tokens: 3, ..Sampling::default() };
    let mut session = Session::new(model, None, (&turns[..]).into(), &sampling)?;
    while session.end().is_none() {
        session.advance()?;
    }
    Ok(())
}

fn measure(model: &LanguageModel, folder: &Path, adapter: Option<&Path>) -> Read {
    let spec = RenderSpec { max_length: 256, too_long: TooLong::CutLeft, ..RenderSpec::WHOLE };
    let contender = match adapter {
        Some(adapter) => Contender::tuned(ModelRef::Starter, adapter.to_owned(), spec.format),
        None => Contender::base(ModelRef::Starter, spec.format),
    };
    let request = EvaluationRequest {
        contenders: vec![contender],
        data: folder.join("data.jsonl"),
        spec,
        generate: false,
        labels: false,
        answers: None,
    };
    evaluate::run_on(model, &request, &Unwatched)?;
    Ok(())
}

/// The model as llama.cpp has it.
pub fn gguf(folder: &Path) {
    use candle_core::quantized::gguf_file::{Value, write};
    use candle_core::quantized::{GgmlDType, QTensor};
    conversations(folder, "data.jsonl");
    let source = fixture("cases/_model");
    let weights = candle_core::safetensors::load(source.join("model.safetensors"), &candle_core::Device::Cpu).unwrap();
    let name = |name: &str| {
        let own = [
            ("model.embed_tokens", "token_embd"),
            ("model.norm", "output_norm"),
            ("model.layers", "blk"),
            ("post_attention_layernorm", "ffn_norm"),
        ];
        own.iter().chain(&crate::gguf::SHARED_NAMES).fold(name.to_owned(), |name, (from, to)| name.replace(from, to))
    };
    let mut tensors: Vec<(String, QTensor)> =
        weights.iter().map(|(key, weight)| (name(key), QTensor::quantize(weight, GgmlDType::F32).unwrap())).collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let text = |text: &str| Value::String(text.to_owned());
    let tokenizer: serde_json::Value =
        serde_json::from_slice(&std::fs::read(source.join("tokenizer.json")).unwrap()).unwrap();
    let mut tokens: Vec<(u64, String)> = Vec::new();
    tokens.extend(
        tokenizer["model"]["vocab"].as_object().unwrap().iter().map(|(t, id)| (id.as_u64().unwrap(), t.clone())),
    );
    for added in tokenizer["added_tokens"].as_array().unwrap() {
        tokens.push((added["id"].as_u64().unwrap(), added["content"].as_str().unwrap().to_owned()));
    }
    tokens.sort();
    tokens.dedup_by_key(|(id, _)| *id);
    let types = tokens.iter().map(|(_, token)| Value::I32(if token.starts_with('<') { 3 } else { 1 })).collect();
    let merges = tokenizer["model"]["merges"].as_array().unwrap();
    let merge = |merge: &serde_json::Value| match merge {
        serde_json::Value::Array(pair) => format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()),
        merge => merge.as_str().unwrap().to_owned(),
    };
    let config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(source.join("config.json")).unwrap()).unwrap();
    let number = |key: &str| Value::U32(config[key].as_u64().unwrap() as u32);
    let metadata = [
        ("general.architecture", text("llama")),
        ("general.name", text("tiny")),
        ("llama.context_length", number("max_position_embeddings")),
        ("llama.embedding_length", number("hidden_size")),
        ("llama.block_count", number("num_hidden_layers")),
        ("llama.feed_forward_length", number("intermediate_size")),
        ("llama.attention.head_count", number("num_attention_heads")),
        ("llama.attention.head_count_kv", number("num_key_value_heads")),
        ("llama.attention.key_length", number("head_dim")),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("llama.rope.freq_base", Value::F32(1e4)),
        ("llama.rope.dimension_count", number("head_dim")),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("llama-bpe")),
        ("tokenizer.ggml.token_type", Value::Array(types)),
        ("tokenizer.ggml.merges", Value::Array(merges.iter().map(|pair| Value::String(merge(pair))).collect())),
        ("tokenizer.ggml.eos_token_id", Value::U32(tokens.iter().position(|(_, t)| t == "<|im_end|>").unwrap() as u32)),
        ("tokenizer.ggml.tokens", Value::Array(tokens.into_iter().map(|(_, token)| Value::String(token)).collect())),
        (
            "tokenizer.chat_template",
            text("{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"),
        ),
    ];
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    write(&mut File::create(folder.join("model.gguf")).unwrap(), &metadata, &tensors).unwrap();
}

pub fn adapter(folder: &Path) {
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
        write(folder, &format!("adapter/{name}"), &std::fs::read(fixture("llama/adapter").join(name)).unwrap());
    }
    conversations(folder, "data.jsonl");
}

pub const ADAPTER_WORDS: &[&str] = &[
    "LORA",
    "IA3",
    "use_rslora",
    "use_dora",
    "rank_pattern",
    "alpha_pattern",
    "layers_to_transform",
    "modules_to_save",
    "target_modules",
    "all-linear",
    ".*proj",
    "q_proj",
    "(a+)+$",
    "bias",
    "pissa",
    "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
];

pub fn read_adapter(folder: &Path) -> Read {
    static BASE: LazyLock<LanguageModel> =
        LazyLock::new(|| LanguageModel::load(&fixture("llama"), &Unwatched).unwrap());
    let path = folder.join("adapter");
    peft::load(&path, BASE.decoder.spec())?;
    measure(&BASE, folder, Some(&path))
}

// --- projects

pub fn project(folder: &Path) {
    conversations(folder, "data.jsonl");
    let mut project = Project::create(&folder.join("project")).unwrap();
    project.import(&ImportRequest::new(folder.join("data.jsonl")), &Unwatched).unwrap();
}

pub fn read_project(folder: &Path) -> Read {
    let folder = folder.join("project");
    for left in ["project.db-wal", "project.db-shm"] {
        let _ = std::fs::remove_file(folder.join(left));
    }
    let mut project = Project::open(&folder)?;
    project.state()?;
    let query = ExampleQuery { limit: 50, ..ExampleQuery::default() };
    let rows = project.query(&query)?.rows;
    project.facets(&query)?;
    for row in &rows {
        project.example(row.id)?;
        project.history(row.id)?;
    }
    project.query(&ExampleQuery { search: "tee".to_owned(), ..query })?;
    project.for_each_present(&mut |_| ControlFlow::Continue(()))?;
    project.undo()?;
    project.redo()?;
    Ok(())
}

pub fn write(folder: &Path, name: &str, bytes: &[u8]) {
    write_atomic(&folder.join(name), bytes).unwrap();
}
