//! How a text is cut before the merges; a GGUF file says it only by a name of llama.cpp's. A file that doesn't say it
//! is recognised by its vocabulary, or refused: cut otherwise, a text becomes other tokens than the model learned.

mod table;

use serde_json::{Value, json};

use super::weights::gguf::GgufFile;
use table::{VOCABULARIES, WAYS};

/// A way of cutting.
#[derive(Debug, PartialEq, Eq)]
pub struct PreTokenizer {
    /// llama.cpp's.
    names: &'static [&'static str],
    steps: &'static [Step],
    /// Whether letters and the accents that follow them are put together first (Unicode's NFC). llama.cpp leaves that
    /// out, but the model learned it so.
    composes: bool,
    /// Whether a whole word that is in the vocabulary is taken before it is merged.
    ignores_merges: bool,
}

/// What cuts the pieces that the step before left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// What the expression matches, and what is between, each become a piece.
    Split(&'static str),
    /// Each digit becomes a piece.
    Digits,
    /// Each run of signs becomes a piece.
    PunctuationRuns,
    /// Words as GPT-2 has them; bytes become letters.
    Gpt2,
    /// Bytes become letters.
    ByteLevel,
}

/// A vocabulary that is known by tokens at their places.
struct Vocabulary {
    /// In a sentence: "its vocabulary is Llama 3's".
    whose: &'static str,
    /// One of [`PreTokenizer::names`].
    pre_tokenizer: &'static str,
    tokens: &'static [(usize, &'static str)],
    sizes: std::ops::RangeInclusive<usize>,
}

impl PreTokenizer {
    /// All of them, by all their names.
    pub fn all() -> impl Iterator<Item = (&'static str, &'static Self)> {
        WAYS.iter().flat_map(|way| way.names.iter().map(move |name| (*name, way)))
    }

    fn named(name: &str) -> Option<&'static Self> {
        Self::all().find(|(known, _)| *known == name).map(|(_, way)| way)
    }

    /// The pre-tokenizer of a file's vocabulary, with a note for the person where the file doesn't say it.
    ///
    /// # Errors
    /// Where it is unknown, or not said and the vocabulary isn't a known one; a sentence.
    pub fn of(file: &GgufFile) -> Result<(&'static Self, Option<String>), String> {
        // llama.cpp writes "default" where it doesn't know.
        let name = file.text("tokenizer.ggml.pre").filter(|name| !matches!(*name, "" | "default"));
        if let Some(name) = name {
            return match Self::named(name) {
                Some(way) => Ok((way, None)),
                None => Err(format!("its pre-tokenizer {name} is not known; use the original model's folder instead")),
            };
        }
        let tokens = file.texts("tokenizer.ggml.tokens").unwrap_or_default();
        match Self::by_vocabulary(&tokens) {
            Some((way, whose)) => {
                let note = format!(
                    "The file doesn't say how texts are cut into words (tokenizer.ggml.pre); its vocabulary is {whose}, \
                     whose way is taken"
                );
                Ok((way, Some(note)))
            }
            None => Err("it doesn't say how texts are cut into words (tokenizer.ggml.pre), and its vocabulary is none that \
                         is known here; use the original model's folder, or have the file made again by a newer llama.cpp"
                .to_owned()),
        }
    }

    fn by_vocabulary(tokens: &[&str]) -> Option<(&'static Self, &'static str)> {
        let is = |(id, token): &(usize, &str)| tokens.get(*id).is_some_and(|there| there == token);
        let found = VOCABULARIES.iter().find(|v| v.sizes.contains(&tokens.len()) && v.tokens.iter().all(is))?;
        Some((Self::named(found.pre_tokenizer)?, found.whose))
    }

    /// Whether a whole word that is in the vocabulary is taken before it is merged.
    pub fn ignores_merges(&self) -> bool {
        self.ignores_merges
    }

    /// The normalizer as `tokenizer.json` writes it.
    pub fn normalizer(&self) -> Value {
        if self.composes { json!({"type": "NFC"}) } else { Value::Null }
    }

    /// The pre-tokenizer as `tokenizer.json` writes it.
    pub fn to_json(&self) -> Value {
        let steps: Vec<Value> = self.steps.iter().map(|step| step.to_json()).collect();
        json!({"type": "Sequence", "pretokenizers": steps})
    }
}

impl Step {
    fn to_json(self) -> Value {
        let byte_level = |use_regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex});
        match self {
            Self::Split(regex) => {
                json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false})
            }
            Self::Digits => json!({"type": "Digits", "individual_digits": true}),
            Self::PunctuationRuns => json!({"type": "Punctuation", "behavior": "Contiguous"}),
            Self::Gpt2 => byte_level(true),
            Self::ByteLevel => byte_level(false),
        }
    }
}

#[cfg(test)]
mod tests;
