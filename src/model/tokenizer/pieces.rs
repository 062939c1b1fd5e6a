//! SentencePiece's vocabulary, as its own files and GGUF files have it, and the `tokenizer.json` that encodes alike.

use std::collections::HashMap;

use serde_json::{Value, json};

/// A token of the vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    pub text: String,
    pub score: f32,
    pub kind: Kind,
}

/// What a token is for; the numbers are the same in SentencePiece's files and in GGUF's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Normal,
    Unknown,
    /// Never found in a text.
    Control,
    /// Found in a text as a whole, and never merged.
    UserDefined,
    Unused,
    Byte,
}

impl Kind {
    pub fn numbered(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Normal),
            2 => Some(Self::Unknown),
            3 => Some(Self::Control),
            4 => Some(Self::UserDefined),
            5 => Some(Self::Unused),
            6 => Some(Self::Byte),
            _ => None,
        }
    }
}

/// The BPE model of a vocabulary without merges: all pairs of tokens that make a token are merged, the best score first.
/// With `takes_words`, a piece of text that is a token is taken before anything is merged.
pub fn bpe_model(pieces: &[Piece], unknown: Option<&str>, byte_fallback: bool, takes_words: bool) -> Value {
    let vocab: serde_json::Map<String, Value> =
        pieces.iter().enumerate().map(|(id, piece)| (piece.text.clone(), json!(id))).collect();
    json!({"type": "BPE", "vocab": vocab, "merges": merges(pieces), "unk_token": unknown, "fuse_unk": true,
           "byte_fallback": byte_fallback, "ignore_merges": takes_words})
}

fn merges(pieces: &[Piece]) -> Vec<[&str; 2]> {
    let is_normal = |piece: &&Piece| piece.kind == Kind::Normal;
    let known: HashMap<&str, f32> =
        pieces.iter().filter(is_normal).map(|piece| (piece.text.as_str(), piece.score)).collect();
    let mut merges: Vec<(f32, usize, [&str; 2])> = Vec::new();
    for (id, piece) in pieces.iter().enumerate().filter(|(_, piece)| is_normal(piece)) {
        for (at, _) in piece.text.char_indices().skip(1) {
            let (left, right) = piece.text.split_at(at);
            if known.contains_key(left) && known.contains_key(right) {
                merges.push((piece.score, id, [left, right]));
            }
        }
    }
    merges.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| (a.1, a.2).cmp(&(b.1, b.2))));
    merges.into_iter().map(|(_, _, pair)| pair).collect()
}

/// Writes spaces as `▁` and back, with one before the text where `has_prefix`.
pub struct Spaces {
    pub has_prefix: bool,
    pub byte_fallback: bool,
}

impl Spaces {
    pub fn normalizers(&self) -> Vec<Value> {
        let prefix = self.has_prefix.then(|| json!({"type": "Prepend", "prepend": "▁"}));
        let spaces = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
        prefix.into_iter().chain([spaces]).collect()
    }

    pub fn decoder(&self) -> Value {
        let mut decoders = vec![json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "})];
        if self.byte_fallback {
            decoders.push(json!({"type": "ByteFallback"}));
        }
        decoders.push(json!({"type": "Fuse"}));
        if self.has_prefix {
            decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
        }
        json!({"type": "Sequence", "decoders": decoders})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_are_of_plain_tokens_and_the_best_come_first() {
        let piece = |text: &str, score, kind| Piece { text: text.to_owned(), score, kind };
        let letters = ["<", "s", ">", "a", "b"].map(|letter| piece(letter, -9.0, Kind::Normal));
        let longer = [
            piece("<s", -3.0, Kind::Normal),
            piece("<s>", 0.0, Kind::Control),
            piece("ab", -1.0, Kind::Normal),
            piece("aab", -2.0, Kind::Normal),
            piece("aa", -2.0, Kind::Normal),
        ];
        let pieces = [&letters[..], &longer[..]].concat();
        // A person's "<s>" never becomes the mark of a text's beginning.
        assert_eq!(merges(&pieces), [["a", "b"], ["a", "ab"], ["aa", "b"], ["a", "a"], ["<", "s"]]);
    }
}
