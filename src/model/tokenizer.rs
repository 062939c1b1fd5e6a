//! Token ids and texts. Special tokens in a person's text are text: only the template may write real ones.

mod gguf;
mod pieces;
mod sentencepiece;

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use serde_json::{Value, json};

pub use self::gguf::begins_with_bos;
use super::weights::gguf::GgufFile;
use super::{ModelError, tokenizer_check};
use crate::task::catch_panic;

/// A Hugging Face tokenizer that takes special tokens in texts as plain text.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// For texts that stand behind something else, where the first word of all is treated in a way of its own.
    continuing: Option<tokenizers::Tokenizer>,
    /// By first byte, the longest first.
    specials: HashMap<u8, Vec<Special>>,
}

/// A token that only a template may write.
struct Special {
    text: String,
    id: u32,
    /// Whether the white space before it, or behind it, is a part of it.
    strips: [bool; 2],
}

impl Tokenizer {
    /// Reads a folder's `tokenizer.json`, or where it has none its `tokenizer.model` (SentencePiece).
    ///
    /// # Errors
    /// Where neither is there or can be read, or has settings that the tokenizer would fail on; the error names the file.
    pub fn from_folder(folder: &Path) -> Result<Self, ModelError> {
        let json = folder.join("tokenizer.json");
        if json.exists() {
            return Self::from_file(&json);
        }
        let refused = |message: String| ModelError::Tokenizer { path: folder.into(), message };
        if let Some(problem) = tokenizer_problem(folder) {
            return Err(refused(problem));
        }
        let json = sentencepiece::folder_to_json(folder)?;
        Self::from_json(json.to_string().as_bytes(), &folder.join(sentencepiece::FILE))
    }

    /// Reads a `tokenizer.json`.
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
        let refused = |message| ModelError::Tokenizer { path: file.path().to_owned(), message };
        let json = gguf::to_json(file).map_err(refused)?;
        Self::from_json(json.to_string().as_bytes(), file.path())
    }

    fn from_json(bytes: &[u8], path: &Path) -> Result<Self, ModelError> {
        let inner = build(bytes, path)?;
        let continuing = match tokenizer_check::first_word_apart(bytes) {
            Some(bytes) => Some(build(&bytes, path)?),
            None => None,
        };
        let mut specials: HashMap<u8, Vec<Special>> = HashMap::new();
        for (id, token) in inner.get_added_tokens_decoder() {
            if token.special && !token.content.is_empty() {
                let special = Special { text: token.content, id, strips: [token.lstrip, token.rstrip] };
                specials.entry(special.text.as_bytes()[0]).or_default().push(special);
            }
        }
        for list in specials.values_mut() {
            list.sort_by(|a, b| b.text.len().cmp(&a.text.len()).then_with(|| a.text.cmp(&b.text)));
        }
        Ok(Self { inner, continuing, specials })
    }

    /// Ids of a text in which nothing is special, each with its range in the text, in bytes.
    ///
    /// # Errors
    /// Where the tokenizer fails on the text; the error shows its beginning.
    pub fn encode_text(&self, text: &str) -> Result<Vec<(u32, Range<usize>)>, ModelError> {
        Self::encode_by(&self.inner, text)
    }

    /// Ids of a text that stands behind a special token, as [`Self::encode_text`] gives them.
    ///
    /// # Errors
    /// Where the tokenizer fails on the text; the error shows its beginning.
    pub fn encode_continuing(&self, text: &str) -> Result<Vec<(u32, Range<usize>)>, ModelError> {
        Self::encode_by(self.continuing.as_ref().unwrap_or(&self.inner), text)
    }

    fn encode_by(inner: &tokenizers::Tokenizer, text: &str) -> Result<Vec<(u32, Range<usize>)>, ModelError> {
        let failed = |e: &dyn std::fmt::Display| ModelError::Compute {
            message: format!("the model's tokenizer fails on the text {:?}: {e}", beginning(text)),
        };
        let encoding = catch_panic(|| inner.encode(text, false)).map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
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
        for part in self.parts(text, self.find_specials(text)) {
            match part {
                Part::Special { id, .. } => ids.push(id),
                Part::Plain(range) => ids.extend(self.encode_part(text, range)?.into_iter().map(|(id, _)| id)),
            }
        }
        Ok(ids)
    }

    /// A text with what of it is special: all of it, in order.
    pub fn parts(&self, text: &str, specials: Vec<(Range<usize>, u32)>) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut plain_start = 0;
        for (range, id) in specials {
            let [before, behind] = self.strips(&text[range.clone()]);
            let plain = &text[plain_start..range.start.max(plain_start)];
            let start = if before { plain_start + plain.trim_end().len() } else { plain_start + plain.len() };
            let rest = &text[range.end..];
            let end = if behind { text.len() - rest.trim_start().len() } else { range.end };
            if plain_start < start {
                parts.push(Part::Plain(plain_start..start));
            }
            plain_start = end;
            parts.push(Part::Special { id, range: start..end, token: range });
        }
        if plain_start < text.len() {
            parts.push(Part::Plain(plain_start..text.len()));
        }
        parts
    }

    fn strips(&self, token: &str) -> [bool; 2] {
        let candidates = token.as_bytes().first().and_then(|first| self.specials.get(first));
        let special = candidates.and_then(|candidates| candidates.iter().find(|special| special.text == token));
        special.map_or([false; 2], |special| special.strips)
    }

    /// Ids of a plain part of a text, with their ranges in the whole.
    ///
    /// # Errors
    /// Where the tokenizer fails on the text; the error shows its beginning.
    pub fn encode_part(&self, text: &str, range: Range<usize>) -> Result<Vec<(u32, Range<usize>)>, ModelError> {
        let part = &text[range.clone()];
        let mut ids = if range.start == 0 { self.encode_text(part)? } else { self.encode_continuing(part)? };
        for (_, token) in &mut ids {
            *token = range.start + token.start..range.start + token.end;
        }
        Ok(ids)
    }

    /// The byte ranges and ids of special tokens in a text, from left to right.
    pub fn find_specials(&self, text: &str) -> Vec<(Range<usize>, u32)> {
        let bytes = text.as_bytes();
        let mut found = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let candidates = self.specials.get(&bytes[at]).map_or(&[][..], Vec::as_slice);
            match candidates.iter().find(|special| bytes[at..].starts_with(special.text.as_bytes())) {
                Some(Special { text, id, .. }) => {
                    found.push((at..at + text.len(), *id));
                    at += text.len();
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

    /// Whether the tokenizer's own settings put a special token before a text.
    pub fn begins_with_special(&self) -> bool {
        let encoded = catch_panic(|| self.inner.encode("a", true));
        let encoded = encoded.ok().and_then(Result::ok);
        encoded.is_some_and(|encoded| encoded.get_special_tokens_mask().first() == Some(&1))
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

/// A part of a text that is tokenised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Plain(Range<usize>),
    /// A special token, with the white space that belongs to it.
    Special {
        id: u32,
        range: Range<usize>,
        /// Where the token itself is written.
        token: Range<usize>,
    },
}

/// Why a folder's tokenizer can't be read, as far as its files' names tell; a sentence.
pub fn tokenizer_problem(folder: &Path) -> Option<String> {
    let has = |name: &str| folder.join(name).is_file();
    if has("tokenizer.json") || has(sentencepiece::FILE) {
        return None;
    }
    let other = ["tekken.json", "vocab.json", "tiktoken.model", "qwen.tiktoken", "spiece.model"];
    let found =
        other.into_iter().find(|name| has(name)).map(|name| format!("; {name} is not read")).unwrap_or_default();
    Some(format!(
        "it has neither tokenizer.json nor tokenizer.model{found}. Fetch tokenizer.json from the model's repository, or have \
         Transformers write it (AutoTokenizer.from_pretrained(...).save_pretrained(...))"
    ))
}

fn build(bytes: &[u8], path: &Path) -> Result<tokenizers::Tokenizer, ModelError> {
    let refused = |message: String| ModelError::Tokenizer { path: path.into(), message };
    tokenizer_check::check(bytes).map_err(refused)?;
    let mut inner = catch_panic(|| tokenizers::Tokenizer::from_bytes(bytes))
        .map_err(|panic| refused(format!("it is damaged ({panic})")))?
        .map_err(|e| refused(e.to_string()))?;
    inner.set_encode_special_tokens(true);
    // Truncation and padding of a tokenizer.json are somebody else's training settings.
    let _ = inner.with_truncation(None);
    inner.with_padding(None);
    Ok(inner)
}

/// An entry of `added_tokens`, as `tokenizer.json` writes it.
fn added_token(id: usize, content: &str, is_special: bool, strips: [bool; 2]) -> Value {
    json!({"id": id, "content": content, "special": is_special, "single_word": false,
           "lstrip": strips[0], "rstrip": strips[1], "normalized": false})
}

/// Enough of a text to recognise it.
fn beginning(text: &str) -> String {
    text.chars().take(60).collect()
}
