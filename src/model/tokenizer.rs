//! Token ids and texts. Special tokens in a person's text are text: only the template may write real ones.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use serde_json::{Value, json};

use super::pre_tokenizer::PreTokenizer;
use super::weights::gguf::GgufFile;
use super::{ModelError, tokenizer_check};
use crate::task::catch_panic;
use crate::words::thousands;

/// A Hugging Face tokenizer that takes special tokens in texts as plain text.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// By first byte, the longest first.
    specials: HashMap<u8, Vec<(String, u32)>>,
}

/// GGUF's token types (`llama_token_type`).
const TYPE_CONTROL: f32 = 3.0;
const TYPE_USER_DEFINED: f32 = 4.0;

impl Tokenizer {
    /// Reads a folder's `tokenizer.json`.
    ///
    /// # Errors
    /// Where the file can't be read, or has settings that the tokenizer would fail on; the error names the file.
    pub fn from_file(path: &Path) -> Result<Self, ModelError> {
        let bytes = std::fs::read(path).map_err(ModelError::io(path))?;
        Self::from_json(&bytes, path)
    }

    /// Rebuilds the tokenizer from a GGUF file's vocabulary, merges and the name of its pre-tokenizer.
    ///
    /// # Errors
    /// Where one of these is missing, damaged or of a kind that isn't known; the error names the file.
    pub fn from_gguf(file: &GgufFile) -> Result<Self, ModelError> {
        let json =
            gguf_to_json(file).map_err(|message| ModelError::Tokenizer { path: file.path().to_owned(), message })?;
        Self::from_json(json.to_string().as_bytes(), file.path())
    }

    fn from_json(bytes: &[u8], path: &Path) -> Result<Self, ModelError> {
        let refused = |message: String| ModelError::Tokenizer { path: path.into(), message };
        tokenizer_check::check(bytes).map_err(refused)?;
        let mut inner = catch_panic(|| tokenizers::Tokenizer::from_bytes(bytes))
            .map_err(|panic| refused(format!("it is damaged ({panic})")))?
            .map_err(|e| refused(e.to_string()))?;
        inner.set_encode_special_tokens(true);
        // Truncation and padding of a tokenizer.json are somebody else's training settings.
        let _ = inner.with_truncation(None);
        inner.with_padding(None);
        let mut specials: HashMap<u8, Vec<(String, u32)>> = HashMap::new();
        for (id, token) in inner.get_added_tokens_decoder() {
            if token.special && !token.content.is_empty() {
                specials.entry(token.content.as_bytes()[0]).or_default().push((token.content, id));
            }
        }
        for list in specials.values_mut() {
            list.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        }
        Ok(Self { inner, specials })
    }

    /// Ids of a text in which nothing is special, each with its range in the text, in bytes.
    ///
    /// # Errors
    /// Where the tokenizer fails on the text; the error shows its beginning.
    pub fn encode_text(&self, text: &str) -> Result<Vec<(u32, Range<usize>)>, ModelError> {
        let failed = |e: &dyn std::fmt::Display| ModelError::Compute {
            message: format!("the model's tokenizer fails on the text {:?}: {e}", beginning(text)),
        };
        let encoding =
            catch_panic(|| self.inner.encode(text, false)).map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
        Ok(encoding
            .get_ids()
            .iter()
            .zip(encoding.get_offsets())
            .map(|(id, (start, end))| (*id, *start..*end))
            .collect())
    }

    /// Ids of a text in which special tokens count as such.
    ///
    /// # Errors
    /// Where the tokenizer fails on the text; the error shows its beginning.
    pub fn encode_with_specials(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let mut ids = Vec::new();
        let mut plain_start = 0;
        for (range, id) in self.find_specials(text) {
            ids.extend(self.encode_text(&text[plain_start..range.start])?.into_iter().map(|(id, _)| id));
            ids.push(id);
            plain_start = range.end;
        }
        ids.extend(self.encode_text(&text[plain_start..])?.into_iter().map(|(id, _)| id));
        Ok(ids)
    }

    /// The byte ranges and ids of special tokens in a text, from left to right.
    pub fn find_specials(&self, text: &str) -> Vec<(Range<usize>, u32)> {
        let bytes = text.as_bytes();
        let mut found = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let candidates = self.specials.get(&bytes[at]).map_or(&[][..], Vec::as_slice);
            match candidates.iter().find(|(token, _)| bytes[at..].starts_with(token.as_bytes())) {
                Some((token, id)) => {
                    found.push((at..at + token.len(), *id));
                    at += token.len();
                }
                None => at += 1,
            }
        }
        found
    }

    /// The text of ids, special tokens included.
    ///
    /// # Errors
    /// Where the tokenizer fails on the ids.
    pub fn decode(&self, ids: &[u32]) -> Result<String, ModelError> {
        self.decode_inner(ids, false)
    }

    /// The text of ids without special tokens.
    ///
    /// # Errors
    /// Where the tokenizer fails on the ids.
    pub fn decode_plain(&self, ids: &[u32]) -> Result<String, ModelError> {
        self.decode_inner(ids, true)
    }

    fn decode_inner(&self, ids: &[u32], skip_special_tokens: bool) -> Result<String, ModelError> {
        let failed = |e: &dyn std::fmt::Display| ModelError::Compute {
            message: format!("the model's tokenizer can't turn tokens into text: {e}"),
        };
        catch_panic(|| self.inner.decode(ids, skip_special_tokens)).map_err(|e| failed(&e))?.map_err(|e| failed(&e))
    }

    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    pub fn id_to_token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// The number of ids: those of a text are below it.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The first of the tokens that the vocabulary itself has, not those added to it, whose id is not below `num_rows`.
    pub fn plain_token_beyond(&self, num_rows: usize) -> Option<(String, u32)> {
        let added = self.inner.get_added_tokens_decoder();
        let vocabulary = self.inner.get_vocab(false).into_iter();
        let beyond = vocabulary.filter(|(_, id)| *id as usize >= num_rows && !added.contains_key(id));
        beyond.min_by_key(|(_, id)| *id)
    }
}

/// Enough of a text to recognise it.
fn beginning(text: &str) -> String {
    text.chars().take(60).collect()
}

/// A `tokenizer.json` with the same content. The error is a sentence.
fn gguf_to_json(file: &GgufFile) -> Result<Value, String> {
    let tokens = file.texts("tokenizer.ggml.tokens").ok_or("the file has no vocabulary (tokenizer.ggml.tokens)")?;
    let types = file.floats("tokenizer.ggml.token_type").unwrap_or_default();
    if !types.is_empty() && types.len() != tokens.len() {
        return Err(format!(
            "it has {} tokens, but {} types of tokens",
            thousands(tokens.len()),
            thousands(types.len())
        ));
    }
    let added: Vec<Value> = tokens
        .iter()
        .zip(&types)
        .enumerate()
        .filter(|(_, (_, kind))| **kind == TYPE_CONTROL || **kind == TYPE_USER_DEFINED)
        .map(|(id, (token, kind))| {
            json!({"id": id, "content": token, "special": *kind == TYPE_CONTROL, "single_word": false,
                   "lstrip": false, "rstrip": false, "normalized": false})
        })
        .collect();
    let vocab: serde_json::Map<String, Value> =
        tokens.iter().enumerate().map(|(id, token)| ((*token).to_owned(), json!(id))).collect();
    match file.text("tokenizer.ggml.model") {
        Some("gpt2") => byte_level_bpe(file, vocab, added),
        Some("llama") => sentencepiece_bpe(file, &tokens, vocab, added),
        kind => Err(format!("its vocabulary is of the kind {}, which is not read", kind.unwrap_or("unknown"))),
    }
}

fn byte_level_bpe(file: &GgufFile, vocab: serde_json::Map<String, Value>, added: Vec<Value>) -> Result<Value, String> {
    let merges = file.texts("tokenizer.ggml.merges").ok_or("the file has no merges (tokenizer.ggml.merges)")?;
    let pair = |merge: &&str| match merge.split_once(' ') {
        Some((left, right)) => Ok(json!([left, right])),
        None => Err(format!("its merge {merge:?} is not of two tokens")),
    };
    let merges = merges.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
    let (pre_tokenizer, _) = PreTokenizer::of(file)?;
    Ok(json!({
        "version": "1.0",
        "added_tokens": added,
        "pre_tokenizer": pre_tokenizer.to_json(),
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "vocab": vocab, "merges": merges, "ignore_merges": pre_tokenizer.ignores_merges()},
    }))
}

/// SentencePiece's BPE, as Llama 2 has it: the merges are all pairs of tokens that make a token, the best score first.
fn sentencepiece_bpe(
    file: &GgufFile,
    tokens: &[&str],
    vocab: serde_json::Map<String, Value>,
    added: Vec<Value>,
) -> Result<Value, String> {
    let scores = file.floats("tokenizer.ggml.scores").ok_or("the file has no scores (tokenizer.ggml.scores)")?;
    if scores.len() != tokens.len() {
        return Err(format!("it has {} tokens, but {} scores", thousands(tokens.len()), thousands(scores.len())));
    }
    let known: HashMap<&str, f32> = tokens.iter().copied().zip(scores.iter().copied()).collect();
    let mut merges: Vec<(f32, &str, &str)> = Vec::new();
    for (token, score) in tokens.iter().zip(&scores) {
        for (at, _) in token.char_indices().skip(1) {
            let (left, right) = token.split_at(at);
            if known.contains_key(left) && known.contains_key(right) {
                merges.push((*score, left, right));
            }
        }
    }
    merges.sort_by(|a, b| b.0.total_cmp(&a.0));
    let merges: Vec<_> = merges.into_iter().map(|(_, left, right)| json!([left, right])).collect();
    let unknown = file.number("tokenizer.ggml.unknown_token_id").and_then(|id| tokens.get(id as usize));
    let mut normalizers = vec![json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"})];
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if file.flag("tokenizer.ggml.add_space_prefix").unwrap_or(true) {
        normalizers.insert(0, json!({"type": "Prepend", "prepend": "▁"}));
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    Ok(json!({
        "version": "1.0",
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": {"type": "BPE", "vocab": vocab, "merges": merges, "unk_token": unknown, "fuse_unk": true,
                  "byte_fallback": true},
    }))
}
