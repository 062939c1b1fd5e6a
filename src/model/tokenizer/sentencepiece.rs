//! `tokenizer.model`, SentencePiece's own file, as a `tokenizer.json` that encodes alike: for folders that have no other.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use prost::Message;
use serde_json::{Value, json};

use super::added_token;
use super::pieces::{Kind, Piece, Spaces, bpe_model};
use crate::model::ModelError;
use crate::model::chat_template::sources::read_optional_json;
use crate::model::tokenizer_check::encode_base64;
use crate::words::thousands;

/// The file's name in a model's folder.
pub const FILE: &str = "tokenizer.model";

/// More than any vocabulary has.
const MAX_BYTES: u64 = 256 << 20;

/// The parts of SentencePiece's `ModelProto` that decide how a text is encoded.
#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(message, repeated, tag = "1")]
    pieces: Vec<ModelPiece>,
    #[prost(message, optional, tag = "2")]
    trainer: Option<Trainer>,
    #[prost(message, optional, tag = "3")]
    normalizer: Option<Normalizer>,
}

#[derive(Clone, PartialEq, Message)]
struct ModelPiece {
    #[prost(string, optional, tag = "1")]
    piece: Option<String>,
    #[prost(float, optional, tag = "2")]
    score: Option<f32>,
    #[prost(int32, optional, tag = "3")]
    kind: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct Trainer {
    #[prost(int32, optional, tag = "3")]
    model_type: Option<i32>,
    #[prost(bool, optional, tag = "24")]
    treat_whitespace_as_suffix: Option<bool>,
    #[prost(bool, optional, tag = "35")]
    byte_fallback: Option<bool>,
}

#[derive(Clone, PartialEq, Message)]
struct Normalizer {
    #[prost(bytes = "vec", optional, tag = "2")]
    precompiled_charsmap: Option<Vec<u8>>,
    #[prost(bool, optional, tag = "3")]
    add_dummy_prefix: Option<bool>,
    #[prost(bool, optional, tag = "4")]
    remove_extra_whitespaces: Option<bool>,
    #[prost(bool, optional, tag = "5")]
    escape_whitespaces: Option<bool>,
}

/// Tokens that a folder's other files add: by their ids, with whether they are special and what white space belongs to
/// them.
type Added = BTreeMap<usize, (String, bool, [bool; 2])>;

/// The vocabulary of a folder's `tokenizer.model`, with the tokens that its other files add.
///
/// # Errors
/// Where a file can't be read or has what isn't computed; the error names it.
pub fn folder_to_json(folder: &Path) -> Result<Value, ModelError> {
    let path = folder.join(FILE);
    let refused = |message: String| ModelError::Tokenizer { path: path.clone(), message };
    let num_bytes = path.metadata().map_err(ModelError::io(&path))?.len();
    if num_bytes > MAX_BYTES {
        return Err(refused(format!("it is too large for a vocabulary: {} bytes", thousands(num_bytes as usize))));
    }
    let bytes = std::fs::read(&path).map_err(ModelError::io(&path))?;
    let settings = read_optional_json(&folder.join("tokenizer_config.json"))?;
    let added = [added_by_settings(&settings), added_by_name(&read_optional_json(&folder.join("added_tokens.json"))?)];
    let special = special_names(&settings, &read_optional_json(&folder.join("special_tokens_map.json"))?);
    let added = added.into_iter().rev().fold(Added::new(), |mut all, added| {
        all.extend(added);
        all
    });
    let is_legacy = settings["legacy"].as_bool().unwrap_or(true);
    to_json(&bytes, added, &special, is_legacy).map_err(refused)
}

/// `added_tokens_decoder`: by id, in a text.
fn added_by_settings(settings: &Value) -> Added {
    let tokens = settings["added_tokens_decoder"].as_object().into_iter().flatten();
    let flag = |token: &Value, name: &str| token[name].as_bool().unwrap_or_default();
    let entry = |(id, token): (&String, &Value)| {
        let content = token["content"].as_str()?.to_owned();
        let strips = [flag(token, "lstrip"), flag(token, "rstrip")];
        Some((id.parse().ok()?, (content, flag(token, "special"), strips)))
    };
    tokens.filter_map(entry).collect()
}

/// `added_tokens.json`: ids by name.
fn added_by_name(names: &Value) -> Added {
    let names = names.as_object().into_iter().flatten();
    let entry =
        |(name, id): (&String, &Value)| Some((usize::try_from(id.as_u64()?).ok()?, (name.clone(), false, [false; 2])));
    names.filter_map(entry).collect()
}

/// The tokens that are named as the beginning of a text, its end and so on.
fn special_names(settings: &Value, map: &Value) -> Vec<String> {
    let text = |token: &Value| token.as_str().or_else(|| token["content"].as_str()).map(str::to_owned);
    let mut names = Vec::new();
    for file in [settings, map] {
        let fields = file.as_object().into_iter().flatten();
        let tokens = fields.filter(|(name, _)| name.ends_with("_token")).filter_map(|(_, token)| text(token));
        names.extend(tokens);
        for list in ["additional_special_tokens", "extra_special_tokens"] {
            names.extend(file[list].as_array().into_iter().flatten().filter_map(text));
        }
    }
    names
}

/// The error is a sentence.
fn to_json(bytes: &[u8], mut added: Added, special: &[String], is_legacy: bool) -> Result<Value, String> {
    // What is no protocol buffer at all may still be read as one without tokens.
    let model = Model::decode(bytes).ok().filter(|model| !model.pieces.is_empty()).ok_or(
        "it isn't a file of SentencePiece's (a list of tokens for tiktoken has the same name); use tokenizer.json",
    )?;
    let mut pieces: Vec<Piece> = Vec::with_capacity(model.pieces.len());
    for piece in &model.pieces {
        let kind = Kind::numbered(piece.kind.unwrap_or(1).into()).ok_or("it has a token of a kind that isn't known")?;
        let text = piece.piece.clone().unwrap_or_default();
        pieces.push(Piece { text, score: piece.score.unwrap_or_default(), kind });
    }
    check(&pieces, &added)?;
    let trainer = model.trainer.unwrap_or_default();
    let normalizer = model.normalizer.unwrap_or_default();
    if trainer.treat_whitespace_as_suffix == Some(true) {
        return Err("it puts spaces behind words (treat_whitespace_as_suffix), which isn't read".to_owned());
    }
    let byte_fallback = trainer.byte_fallback.unwrap_or_default();
    let has_prefix = normalizer.add_dummy_prefix.unwrap_or(true);
    let unknown = pieces.iter().position(|piece| piece.kind == Kind::Unknown);
    // Others may give a token of the file another name.
    for (id, (text, ..)) in &added {
        if let Some(piece) = pieces.get_mut(*id) {
            piece.text.clone_from(text);
        }
    }
    for (id, piece) in pieces.iter().enumerate() {
        let is_special = matches!(piece.kind, Kind::Control | Kind::Unknown) || special.contains(&piece.text);
        if is_special {
            added.entry(id).or_insert_with(|| (piece.text.clone(), true, [false; 2])).1 = true;
        }
    }
    for (text, is_special, _) in added.values_mut() {
        *is_special |= special.contains(text);
    }
    let words: Vec<&str> =
        pieces.iter().filter(|piece| piece.kind == Kind::UserDefined).map(|piece| piece.text.as_str()).collect();
    let unknown_text = unknown.map(|id| pieces[id].text.as_str());
    let model = match trainer.model_type.unwrap_or(1) {
        1 => {
            let vocab: Vec<Value> = pieces.iter().map(|piece| json!([piece.text, unigram_score(piece)])).collect();
            json!({"type": "Unigram", "vocab": vocab, "unk_id": unknown, "byte_fallback": byte_fallback})
        }
        2 => bpe_model(&pieces, unknown_text, byte_fallback, !words.is_empty()),
        _ => return Err("its vocabulary is of whole words or letters (model_type), which isn't read".to_owned()),
    };
    let prefixes_each = has_prefix && is_legacy;
    let spaces = Spaces { has_prefix: prefixes_each, byte_fallback };
    Ok(json!({
        "version": "1.0",
        "added_tokens": added.iter().map(|(id, (text, special, strips))| added_token(*id, text, *special, *strips))
            .collect::<Vec<_>>(),
        "normalizer": {"type": "Sequence", "normalizers": normalizers(&normalizer, &spaces)},
        "pre_tokenizer": pre_tokenizer(&words, has_prefix && !is_legacy),
        "decoder": Spaces { has_prefix, ..spaces }.decoder(),
        "model": model,
    }))
}

/// A person's text never becomes a mark, whose score is the best of all.
fn unigram_score(piece: &Piece) -> f32 {
    const NEVER: f32 = -1e6;
    if matches!(piece.kind, Kind::Control | Kind::Unused | Kind::Byte) { NEVER } else { piece.score }
}

/// Every token has the id that its place gives it, and no two are the same.
fn check(pieces: &[Piece], added: &Added) -> Result<(), String> {
    let mut seen = HashSet::with_capacity(pieces.len());
    if let Some(twice) = pieces.iter().find(|piece| !seen.insert(piece.text.as_str())) {
        return Err(format!("it has the token {:?} twice", twice.text));
    }
    let beyond = added.iter().filter(|(id, _)| **id >= pieces.len());
    match beyond.zip(pieces.len()..).find(|((id, _), expected)| **id != *expected) {
        None => Ok(()),
        Some(((id, (text, ..)), expected)) => Err(format!(
            "the token {text:?} was added with the id {}, but the next free one is {}",
            thousands(*id),
            thousands(expected)
        )),
    }
}

/// In SentencePiece's order.
fn normalizers(normalizer: &Normalizer, spaces: &Spaces) -> Vec<Value> {
    let replace =
        |regex: &str, content: &str| json!({"type": "Replace", "pattern": {"Regex": regex}, "content": content});
    let mut normalizers = Vec::new();
    if let Some(map) = normalizer.precompiled_charsmap.as_deref().filter(|map| !map.is_empty()) {
        normalizers.push(json!({"type": "Precompiled", "precompiled_charsmap": encode_base64(map)}));
    }
    if normalizer.remove_extra_whitespaces.unwrap_or(true) {
        normalizers.extend([replace(r"\A +| +\z", ""), replace(" {2,}", " ")]);
    }
    if normalizer.escape_whitespaces.unwrap_or(true) {
        normalizers.extend(spaces.normalizers());
    }
    normalizers
}

/// User-defined tokens are found in a text before anything is merged; a text's first word alone may get a space before it.
fn pre_tokenizer(words: &[&str], has_first_prefix: bool) -> Value {
    let mut steps = Vec::new();
    if has_first_prefix {
        steps.push(json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false}));
    }
    if !words.is_empty() {
        let mut longest_first = words.to_vec();
        longest_first.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let escaped: Vec<String> = longest_first.into_iter().map(regex::escape).collect();
        let pattern = json!({"Regex": escaped.join("|")});
        steps.push(json!({"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": false}));
    }
    if steps.is_empty() { Value::Null } else { json!({"type": "Sequence", "pretokenizers": steps}) }
}
