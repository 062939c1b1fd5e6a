//! Each kind of vocabulary that a GGUF file or a `tokenizer.model` can hold, against the ids that Hugging Face's tokenizers
//! or SentencePiece give. `scripts/make_tokenizer_fixtures.py` writes them down; `scripts/check_tokenizers.py` does the same
//! with whole vocabularies of published models.

use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Value as Metadata, write};
use serde::Deserialize;
use serde_json::{Value, json};
use tunewright::fs::write_atomic;
use tunewright::model::weights::gguf::GgufFile;
use tunewright::model::{Chat, Tokenizer, Turn, inspect};

use super::fixtures::fixture;

#[derive(Deserialize)]
struct Kinds {
    strings: Vec<String>,
    kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    model: String,
    pre: Option<String>,
    add_space_prefix: Option<bool>,
    tokens: Vec<String>,
    types: Vec<i32>,
    #[serde(default)]
    merges: Vec<String>,
    #[serde(default)]
    scores: Vec<f32>,
    ids: Vec<Vec<u32>>,
}

fn read<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    serde_json::from_str(&std::fs::read_to_string(fixture("tokenizers").join(name)).unwrap()).unwrap()
}

impl Kind {
    fn write(&self, path: &Path) {
        let text = |text: &str| Metadata::String(text.to_owned());
        let texts = |all: &[String]| Metadata::Array(all.iter().map(|one| text(one)).collect());
        let mut metadata = vec![
            ("tokenizer.ggml.model", text(&self.model)),
            ("tokenizer.ggml.tokens", texts(&self.tokens)),
            (
                "tokenizer.ggml.token_type",
                Metadata::Array(self.types.iter().map(|kind| Metadata::I32(*kind)).collect()),
            ),
        ];
        metadata.extend(self.pre.as_deref().map(|pre| ("tokenizer.ggml.pre", text(pre))));
        metadata.extend(self.add_space_prefix.map(|has| ("tokenizer.ggml.add_space_prefix", Metadata::Bool(has))));
        if !self.merges.is_empty() {
            metadata.push(("tokenizer.ggml.merges", texts(&self.merges)));
        }
        if !self.scores.is_empty() {
            let scores = self.scores.iter().map(|score| Metadata::F32(*score)).collect();
            metadata.push(("tokenizer.ggml.scores", Metadata::Array(scores)));
        }
        let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, value)).collect();
        write(&mut std::fs::File::create(path).unwrap(), &metadata, &[]).unwrap();
    }
}

/// Every string has its ids, and they become the string again where nothing was put together or left out.
fn check(name: &str, tokenizer: &Tokenizer, strings: &[String], ids: &[Vec<u32>]) {
    assert!(strings.len() >= 200 && strings.len() == ids.len());
    let mut others = Vec::new();
    for (text, expected) in strings.iter().zip(ids) {
        let found: Vec<u32> = tokenizer.encode_text(text).unwrap().into_iter().map(|(id, _)| id).collect();
        if found != *expected {
            others.push(format!("{text:?}: {found:?}, not {expected:?}"));
        }
    }
    assert!(others.is_empty(), "{name}: {} differ\n{}", others.len(), others[..others.len().min(10)].join("\n"));
}

#[test]
fn every_kind_of_a_gguf_file_has_the_right_ids() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let Kinds { strings, kinds } = read("kinds.json");
    let mut seen = Vec::new();
    for kind in kinds {
        kind.write(&path);
        let tokenizer = Tokenizer::from_gguf(&GgufFile::open(&path).unwrap()).unwrap();
        let name = format!("{} {:?} {:?}", kind.model, kind.pre, kind.add_space_prefix);
        check(&name, &tokenizer, &strings, &kind.ids);
        if kind.pre.as_deref() != Some("qwen2") {
            for (text, ids) in strings.iter().zip(&kind.ids).filter(|(text, _)| !text.contains('▁')) {
                let unknown = kind.types.iter().position(|kind| *kind == 2);
                if ids.iter().all(|id| Some(*id as usize) != unknown) {
                    assert_eq!(tokenizer.decode(ids).unwrap(), *text, "{name}");
                }
            }
        }
        seen.push(kind.model);
    }
    assert_eq!(seen, ["gpt2", "gpt2", "gpt2", "llama", "llama", "gemma4"]);
}

#[test]
fn a_pre_tokenizer_that_is_not_known_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let Kinds { mut kinds, .. } = read("kinds.json");
    let problem = |kind: &Kind| {
        kind.write(&path);
        Tokenizer::from_gguf(&GgufFile::open(&path).unwrap()).err().unwrap().to_string()
    };
    kinds[0].pre = Some("kimi-k2".to_owned());
    assert!(problem(&kinds[0]).contains("its pre-tokenizer kimi-k2 is not known"));
    for unsaid in [None, Some("default".to_owned())] {
        kinds[0].pre = unsaid;
        assert!(problem(&kinds[0]).contains("doesn't say how texts are cut into words"));
    }
    kinds[0].model = "t5".to_owned();
    assert!(problem(&kinds[0]).contains("of the kind t5"));
}

/// A folder with a fixture's `tokenizer.model` and nothing that makes it a `tokenizer.json`.
fn folder(name: &str, others: &[(&str, Value)]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(fixture("tokenizers").join(name).join("tokenizer.model"), folder.path().join("tokenizer.model"))
        .unwrap();
    for (file, content) in others {
        write_atomic(&folder.path().join(file), content.to_string().as_bytes()).unwrap();
    }
    let path = folder.path().to_owned();
    (folder, path)
}

#[test]
fn a_sentencepiece_file_alone_has_the_ids_of_sentencepiece() {
    let Kinds { strings, .. } = read("kinds.json");
    for name in ["bpe", "bpe_plain", "unigram", "unigram_unknown"] {
        let (_folder, path) = folder(name, &[]);
        let ids: Vec<Vec<u32>> = read(&format!("{name}/ids.json"));
        check(name, &Tokenizer::from_folder(&path).unwrap(), &strings, &ids);
    }
}

#[test]
fn added_tokens_are_read_beside_a_sentencepiece_file() {
    let num = Tokenizer::from_folder(&folder("bpe", &[]).1).unwrap().vocab_size();
    let settings =
        json!({"added_tokens_decoder": {num.to_string(): {"content": "<|end|>", "special": true, "rstrip": true}}});
    let others = [
        ("tokenizer_config.json", settings),
        ("added_tokens.json", json!({"<think>": num + 1, "<|pad|>": num + 2})),
        ("special_tokens_map.json", json!({"pad_token": {"content": "<|pad|>"}})),
    ];
    let (_folder, path) = folder("bpe", &others);
    let tokenizer = Tokenizer::from_folder(&path).unwrap();
    let id = |at: usize| u32::try_from(num + at).unwrap();
    let special: Vec<u32> =
        tokenizer.find_specials("<|end|><think><|pad|></s>").into_iter().map(|(_, id)| id).collect();
    assert_eq!(special, [id(0), id(2), tokenizer.token_to_id("</s>").unwrap()]);
    // The white space behind it is a part of the mark.
    assert_eq!(tokenizer.encode_with_specials("<|end|> \n <think>").unwrap(), [id(0), id(1)]);
    // A person's own letters stay letters.
    assert!(tokenizer.encode_text("</s><|end|>").unwrap().iter().all(|(token, _)| *token < id(0) && *token > 2));
}

#[test]
fn tokens_that_have_no_place_are_refused() {
    let num = Tokenizer::from_folder(&folder("bpe", &[]).1).unwrap().vocab_size();
    let (_folder, path) = folder("bpe", &[("added_tokens.json", json!({"<a>": num + 7}))]);
    let error = Tokenizer::from_folder(&path).err().unwrap().to_string();
    assert!(error.contains("\"<a>\" was added with the id"), "{error}");

    let empty = tempfile::tempdir().unwrap();
    let error = Tokenizer::from_folder(empty.path()).err().unwrap().to_string();
    assert!(error.contains("neither tokenizer.json nor tokenizer.model"), "{error}");
    write_atomic(&empty.path().join("tekken.json"), b"{}").unwrap();
    let error = Tokenizer::from_folder(empty.path()).err().unwrap().to_string();
    assert!(error.contains("tekken.json is not read"), "{error}");
    // Llama 3's own repository has a list of tokens under this name.
    write_atomic(&empty.path().join("tokenizer.model"), b"IQ== 0\nIg== 1\n").unwrap();
    let error = Tokenizer::from_folder(empty.path()).err().unwrap().to_string();
    assert!(error.contains("isn't a file of SentencePiece's"), "{error}");
}

#[test]
fn only_the_first_word_of_all_gets_a_space() {
    let settings = |legacy: bool| {
        json!({"legacy": legacy, "bos_token": "<s>", "eos_token": "</s>",
        "chat_template": "{{ bos_token }}{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}"})
    };
    let texts = |legacy: bool| {
        let (_folder, path) = folder("bpe", &[("tokenizer_config.json", settings(legacy)), ("config.json", json!({}))]);
        let chat = Chat::load(&path).unwrap();
        let encoded = chat.encode(&[Turn::new("user", "the"), Turn::new("assistant", "the")], false).unwrap();
        assert_eq!(encoded.text, "<s>the</s>the</s>");
        encoded.ids().iter().map(|id| chat.tokenizer.id_to_token(*id).unwrap()).collect::<Vec<_>>().concat()
    };
    assert_eq!(texts(true), "<s>▁the</s>▁the</s>");
    assert_eq!(texts(false), "<s>the</s>the</s>");
}

#[test]
fn a_model_without_a_tokenizer_says_so_at_a_glance() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(fixture("llama").join(name), folder.path().join(name)).unwrap();
    }
    let problem = inspect(folder.path()).unwrap().problem.unwrap();
    assert!(problem.starts_with("The tokenizer can't be used: it has neither"), "{problem}");
}
