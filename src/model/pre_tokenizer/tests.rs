//! Against `tests/fixtures/tokenizers/splits.json`, which `scripts/make_tokenizer_fixtures.py` writes.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use tokenizers::{
    NormalizedString, Normalizer, NormalizerWrapper, OffsetReferential, OffsetType, PreTokenizedString,
    PreTokenizer as _, PreTokenizerWrapper,
};

use super::PreTokenizer;
use super::table::VOCABULARIES;

#[derive(Deserialize)]
struct Splits {
    strings: Vec<String>,
    ways: Vec<Way>,
}

#[derive(Deserialize)]
struct Way {
    names: Vec<String>,
    reference: String,
    composes: bool,
    lengths: Vec<Vec<usize>>,
}

/// The lengths of the pieces, in letters of the text as the model reads it.
fn lengths(pre_tokenizer: &PreTokenizer, text: &str) -> Vec<usize> {
    let mut normalized = NormalizedString::from(text);
    let normalizer: Option<NormalizerWrapper> = serde_json::from_value(pre_tokenizer.normalizer()).unwrap();
    normalizer.iter().for_each(|normalizer| normalizer.normalize(&mut normalized).unwrap());
    let mut cut = PreTokenizedString::from(normalized.get());
    let steps: PreTokenizerWrapper = serde_json::from_value(pre_tokenizer.to_json()).unwrap();
    steps.pre_tokenize(&mut cut).unwrap();
    let pieces = cut.get_splits(OffsetReferential::Original, OffsetType::Char);
    pieces.iter().map(|(_, (start, end), _)| end - start).filter(|length| *length > 0).collect()
}

#[test]
fn texts_are_cut_as_the_original_tokenizers_cut_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizers/splits.json");
    let splits: Splits = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(splits.strings.len() >= 200);
    let mut checked = BTreeSet::new();
    let mut others = Vec::new();
    for way in &splits.ways {
        for name in &way.names {
            let Some(own) = PreTokenizer::named(name) else {
                others.push(format!("{name} isn't known"));
                continue;
            };
            checked.insert(name.as_str());
            if own.composes != way.composes {
                others.push(format!("{name}: composes is {}", own.composes));
            }
            for (text, expected) in splits.strings.iter().zip(&way.lengths) {
                let lengths = lengths(own, text);
                if lengths != *expected {
                    others.push(format!("{name}, {text:?}: {lengths:?}, but {}: {expected:?}", way.reference));
                }
            }
        }
    }
    assert!(others.is_empty(), "{} differ:\n{}", others.len(), others[..others.len().min(40)].join("\n"));
    let unchecked: Vec<_> = PreTokenizer::all().map(|(name, _)| name).filter(|name| !checked.contains(name)).collect();
    assert!(unchecked.is_empty(), "{unchecked:?}");
}

#[test]
fn a_vocabulary_is_known_by_its_marks() {
    let with = |len: usize, marks: &[(usize, &'static str)]| {
        let mut tokens = vec!["x"; len];
        marks.iter().for_each(|(id, token)| tokens[*id] = token);
        PreTokenizer::by_vocabulary(&tokens).map(|(way, _)| way.names[0])
    };
    let llama3 = [(128_000, "<|begin_of_text|>"), (128_009, "<|eot_id|>")];
    assert_eq!(with(128_256, &llama3), Some("llama-bpe"));
    assert_eq!(with(128_258, &llama3), Some("llama-bpe"), "a tune with tokens of its own");
    let smollm = [(0, "<|endoftext|>"), (1, "<|im_start|>"), (2, "<|im_end|>"), (3, "<repo_name>")];
    assert_eq!(with(49_152, &smollm), Some("smollm"));
    assert_eq!(with(32_000, &smollm), None);
    assert_eq!(with(0, &[]), None);
    for known in VOCABULARIES {
        assert!(PreTokenizer::named(known.pre_tokenizer).is_some(), "{}", known.whose);
        let size = (*known.sizes.start()).max(known.tokens.iter().map(|(id, _)| id + 1).max().unwrap_or_default());
        let found = with(size, known.tokens);
        assert_eq!(found, PreTokenizer::named(known.pre_tokenizer).map(|way| way.names[0]), "{}", known.whose);
    }
}

#[test]
fn no_name_stands_for_two_ways() {
    let mut names: Vec<&str> = PreTokenizer::all().map(|(name, _)| name).collect();
    let num = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), num);
}
