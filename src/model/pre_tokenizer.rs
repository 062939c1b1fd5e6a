//! How a text is cut before the merges; a GGUF file says it only by a name of llama.cpp's. A file that doesn't say it
//! is recognised by its vocabulary, or refused: cut otherwise, a text becomes other tokens than the model learned.

use serde_json::{Value, json};

use super::weights::gguf::GgufFile;

/// The pre-tokenizers that are known here, by llama.cpp's names. Several names can stand for one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreTokenizer {
    Gpt2,
    /// GPT-2's, with each digit for itself.
    SmolLm,
    Llama3,
    Qwen2,
    /// Mistral's since Nemo.
    Tekken,
}

/// Words, up to `digits` digits at once, signs, white space.
const WORDS_START: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|";
const WORDS_END: &str = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Words are parted where small letters end.
const TEKKEN: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|",
    r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);

impl PreTokenizer {
    fn named(name: &str) -> Option<Self> {
        match name {
            "gpt-2" => Some(Self::Gpt2),
            "smollm" | "starcoder" | "refact" | "command-r" => Some(Self::SmolLm),
            "llama-bpe" | "llama3" | "llama-v3" => Some(Self::Llama3),
            "qwen2" | "deepseek-r1-qwen" => Some(Self::Qwen2),
            "tekken" => Some(Self::Tekken),
            _ => None,
        }
    }

    /// The pre-tokenizer of a file's vocabulary, with a note for the person where the file doesn't say it.
    ///
    /// # Errors
    /// Where it is unknown, or not said and the vocabulary isn't a known one; a sentence.
    pub fn of(file: &GgufFile) -> Result<(Self, Option<String>), String> {
        // llama.cpp writes "default" where it doesn't know.
        let name = file.text("tokenizer.ggml.pre").filter(|name| !matches!(*name, "" | "default"));
        if let Some(name) = name {
            return match Self::named(name) {
                Some(kind) => Ok((kind, None)),
                None => Err(format!("its pre-tokenizer {name} is not known; use the original model's folder instead")),
            };
        }
        let tokens = file.texts("tokenizer.ggml.tokens").unwrap_or_default();
        match Self::by_vocabulary(&tokens) {
            Some((kind, whose)) => {
                let note = format!(
                    "The file doesn't say how texts are cut into words (tokenizer.ggml.pre); its vocabulary is {whose}, \
                     whose way is taken"
                );
                Ok((kind, Some(note)))
            }
            None => Err("it doesn't say how texts are cut into words (tokenizer.ggml.pre), and its vocabulary is none that \
                         is known here; use the original model's folder, or have the file made again by a newer llama.cpp"
                .to_owned()),
        }
    }

    /// Known by tokens at their places.
    fn by_vocabulary(tokens: &[&str]) -> Option<(Self, &'static str)> {
        let is = |id: usize, token: &str| tokens.get(id).is_some_and(|there| *there == token);
        if is(128_000, "<|begin_of_text|>") && is(128_009, "<|eot_id|>") {
            return Some((Self::Llama3, "Llama 3's"));
        }
        if is(151_643, "<|endoftext|>") && is(151_644, "<|im_start|>") && is(151_645, "<|im_end|>") {
            return Some((Self::Qwen2, "Qwen 2's"));
        }
        if is(0, "<unk>") && is(3, "[INST]") && tokens.len() >= 131_072 {
            return Some((Self::Tekken, "Mistral's (Tekken)"));
        }
        // Either instruct model of SmolLM, or its base.
        let is_smollm = is(0, "<|endoftext|>") && is(1, "<|im_start|>") && is(2, "<|im_end|>") && is(3, "<repo_name>");
        if is_smollm && tokens.len() == 49_152 {
            return Some((Self::SmolLm, "SmolLM's"));
        }
        if is(50_256, "<|endoftext|>") && is(0, "!") && tokens.len() == 50_257 {
            return Some((Self::Gpt2, "GPT-2's"));
        }
        None
    }

    /// Whether a whole word that is in the vocabulary is taken before it is merged.
    pub fn ignores_merges(self) -> bool {
        matches!(self, Self::Llama3 | Self::Tekken)
    }

    /// The pre-tokenizer as `tokenizer.json` writes it.
    pub fn to_json(self) -> Value {
        let byte_level = |use_regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex});
        let split = |regex: &str| {
            json!({"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false},
                byte_level(false),
            ]})
        };
        match self {
            Self::Gpt2 => byte_level(true),
            Self::SmolLm => json!({"type": "Sequence", "pretokenizers": [
                {"type": "Digits", "individual_digits": true},
                byte_level(true),
            ]}),
            Self::Llama3 => split(&format!(r"{WORDS_START}\p{{N}}{{1,3}}{WORDS_END}")),
            Self::Qwen2 => split(&format!(r"{WORDS_START}\p{{N}}{WORDS_END}")),
            Self::Tekken => split(TEKKEN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vocabulary_is_known_by_its_marks() {
        let with = |len: usize, marks: &[(usize, &'static str)]| {
            let mut tokens = vec!["x"; len];
            marks.iter().for_each(|(id, token)| tokens[*id] = token);
            PreTokenizer::by_vocabulary(&tokens).map(|(kind, _)| kind)
        };
        let llama3 = [(128_000, "<|begin_of_text|>"), (128_009, "<|eot_id|>")];
        assert_eq!(with(128_256, &llama3), Some(PreTokenizer::Llama3));
        assert_eq!(with(128_258, &llama3), Some(PreTokenizer::Llama3), "a tune with tokens of its own");
        let smollm = [(0, "<|endoftext|>"), (1, "<|im_start|>"), (2, "<|im_end|>"), (3, "<repo_name>")];
        assert_eq!(with(49_152, &smollm), Some(PreTokenizer::SmolLm));
        assert_eq!(with(32_000, &smollm), None);
        assert_eq!(with(0, &[]), None);
    }

    #[test]
    fn the_patterns_are_those_of_the_original_files() {
        let regex = |kind: PreTokenizer| kind.to_json()["pretokenizers"][0]["pattern"]["Regex"].clone();
        let llama3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
        assert_eq!(regex(PreTokenizer::Llama3), llama3);
        assert_eq!(regex(PreTokenizer::Qwen2), llama3.replace("{1,3}", ""));
    }
}
