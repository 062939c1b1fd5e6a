//! A GGUF file's vocabulary as a `tokenizer.json` with the same content.

use serde_json::{Map, Value, json};

use super::added_token;
use super::pieces::{Kind, Piece, Spaces, bpe_model};
use crate::model::pre_tokenizer::PreTokenizer;
use crate::model::weights::gguf::GgufFile;
use crate::words::thousands;

/// The error is a sentence.
pub fn to_json(file: &GgufFile) -> Result<Value, String> {
    let tokens = file.texts("tokenizer.ggml.tokens").ok_or("the file has no vocabulary (tokenizer.ggml.tokens)")?;
    let kinds = kinds(file, tokens.len())?;
    match file.text("tokenizer.ggml.model") {
        Some("gpt2") => byte_level_bpe(file, &tokens, &kinds),
        Some("llama") => sentencepiece_bpe(file, &tokens, &kinds),
        Some("gemma4") => gemma4(file, &tokens, &kinds),
        kind => Err(format!("its vocabulary is of the kind {}, which is not read", kind.unwrap_or("unknown"))),
    }
}

/// Whether the texts that the model learned begin with its `bos_token`: what llama.cpp does where a file doesn't say it.
pub fn begins_with_bos(file: &GgufFile) -> bool {
    let pre = file.text("tokenizer.ggml.pre").unwrap_or_default();
    let usual = || file.text("tokenizer.ggml.model") == Some("llama") || matches!(pre, "llama-bpe" | "tekken" | "lfm2");
    file.flag("tokenizer.ggml.add_bos_token").unwrap_or_else(usual)
}

/// What each token is for; plain text where the file doesn't say.
fn kinds(file: &GgufFile, num_tokens: usize) -> Result<Vec<Kind>, String> {
    let types = file.floats("tokenizer.ggml.token_type").unwrap_or_default();
    if types.is_empty() {
        return Ok(vec![Kind::Normal; num_tokens]);
    }
    if types.len() != num_tokens {
        return Err(format!("it has {} tokens, but {} types of tokens", thousands(num_tokens), thousands(types.len())));
    }
    Ok(types.iter().map(|kind| Kind::numbered(*kind as i64).unwrap_or(Kind::Normal)).collect())
}

fn added(tokens: &[&str], kinds: &[Kind]) -> Vec<Value> {
    let is_phi3 = tokens.get(32_001) == Some(&"<|assistant|>") && tokens.get(32_007) == Some(&"<|end|>");
    let entry = |(id, (token, kind)): (usize, (&&str, &Kind))| {
        let is_control = *kind == Kind::Control;
        // No key of the format says it: white space behind Phi-3's marks belongs to them.
        let strips = is_phi3 && is_control && !matches!(*token, "<unk>" | "<s>" | "<|endoftext|>");
        (is_control || *kind == Kind::UserDefined).then(|| added_token(id, token, is_control, [false, strips]))
    };
    tokens.iter().zip(kinds).enumerate().filter_map(entry).collect()
}

fn vocabulary(tokens: &[&str]) -> Map<String, Value> {
    tokens.iter().enumerate().map(|(id, token)| ((*token).to_owned(), json!(id))).collect()
}

/// Pairs of tokens.
fn merges(file: &GgufFile) -> Result<Vec<[&str; 2]>, String> {
    let merges = file.texts("tokenizer.ggml.merges").ok_or("the file has no merges (tokenizer.ggml.merges)")?;
    merges
        .into_iter()
        .map(|merge| match merge.split_once(' ') {
            Some((left, right)) => Ok([left, right]),
            None => Err(format!("its merge {merge:?} is not of two tokens")),
        })
        .collect()
}

fn byte_level_bpe(file: &GgufFile, tokens: &[&str], kinds: &[Kind]) -> Result<Value, String> {
    let (pre_tokenizer, _) = PreTokenizer::of(file)?;
    Ok(json!({
        "version": "1.0",
        "added_tokens": added(tokens, kinds),
        "normalizer": pre_tokenizer.normalizer(),
        "pre_tokenizer": pre_tokenizer.to_json(),
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "vocab": vocabulary(tokens), "merges": merges(file)?,
                  "ignore_merges": pre_tokenizer.ignores_merges()},
    }))
}

fn unknown<'a>(file: &GgufFile, tokens: &[&'a str], kinds: &[Kind]) -> Option<&'a str> {
    let named = file.number("tokenizer.ggml.unknown_token_id").and_then(|id| tokens.get(usize::try_from(id).ok()?));
    named.or_else(|| tokens.get(kinds.iter().position(|kind| *kind == Kind::Unknown)?)).copied()
}

/// SentencePiece's BPE, as Llama 2 has it.
fn sentencepiece_bpe(file: &GgufFile, tokens: &[&str], kinds: &[Kind]) -> Result<Value, String> {
    let scores = file.floats("tokenizer.ggml.scores").ok_or("the file has no scores (tokenizer.ggml.scores)")?;
    if scores.len() != tokens.len() {
        return Err(format!("it has {} tokens, but {} scores", thousands(tokens.len()), thousands(scores.len())));
    }
    let pieces = tokens.iter().zip(&scores).zip(kinds);
    let pieces: Vec<Piece> =
        pieces.map(|((text, score), kind)| Piece { text: (*text).to_owned(), score: *score, kind: *kind }).collect();
    let has_prefix = file.flag("tokenizer.ggml.add_space_prefix").unwrap_or(true);
    let spaces = Spaces { has_prefix, byte_fallback: true };
    Ok(json!({
        "version": "1.0",
        "added_tokens": added(tokens, kinds),
        "normalizer": {"type": "Sequence", "normalizers": spaces.normalizers()},
        "decoder": spaces.decoder(),
        "model": bpe_model(&pieces, unknown(file, tokens, kinds), true, false),
    }))
}

/// Gemma 4's: letters and bytes as SentencePiece has them, but with merges.
fn gemma4(file: &GgufFile, tokens: &[&str], kinds: &[Kind]) -> Result<Value, String> {
    let spaces = Spaces { has_prefix: false, byte_fallback: true };
    Ok(json!({
        "version": "1.0",
        "added_tokens": added(tokens, kinds),
        "normalizer": {"type": "Sequence", "normalizers": spaces.normalizers()},
        "decoder": spaces.decoder(),
        "model": {"type": "BPE", "vocab": vocabulary(tokens), "merges": merges(file)?,
                  "unk_token": unknown(file, tokens, kinds), "fuse_unk": true, "byte_fallback": true},
    }))
}
