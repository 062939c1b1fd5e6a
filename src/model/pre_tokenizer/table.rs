//! The ways of cutting, by llama.cpp's names for them. What a name stands for is how the original tokenizer cuts, of which
//! llama.cpp's own expressions are a rewriting.

use super::{PreTokenizer, Step, Vocabulary};
use Step::{ByteLevel, Digits, Gpt2, PunctuationRuns, Split};

const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Each digit for itself.
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Letters with the marks above and below them.
const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Words are parted where small letters end.
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// DeepSeek 3's, after digits and the letters of Chinese and Japanese.
const DEEPSEEK3: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##;

/// The letters that have cases.
const CASED: &str = "\\s?[A-Za-z\u{b5}\u{c0}-\u{d6}\u{d8}-\u{f6}\u{f8}-\u{1ba}\u{1bc}-\u{1bf}\u{1c4}-\u{293}\u{295}-\u{2af}\u{370}-\u{373}\u{376}\u{377}\u{37b}-\u{37d}\u{37f}\u{386}\u{388}-\u{38a}\u{38c}\u{38e}-\u{3a1}\u{3a3}-\u{3f5}\u{3f7}-\u{481}\u{48a}-\u{52f}\u{531}-\u{556}\u{10a0}-\u{10c5}\u{13a0}-\u{13f5}\u{13f8}-\u{13fd}\u{1c90}-\u{1cba}\u{1cbd}-\u{1cbf}\u{1d00}-\u{1d2b}\u{1d6b}-\u{1d77}\u{1d79}-\u{1d9a}\u{1e00}-\u{1f15}\u{1f18}-\u{1f1d}\u{1f20}-\u{1f45}\u{1f48}-\u{1f4d}\u{1f50}-\u{1f57}\u{1f59}\u{1f5b}\u{1f5d}\u{1f5f}-\u{1f7d}\u{1f80}-\u{1fb4}\u{1fb6}-\u{1fbc}\u{1fbe}\u{1fc2}-\u{1fc4}\u{1fc6}-\u{1fcc}\u{1fd0}-\u{1fd3}\u{1fd6}-\u{1fdb}\u{1fe0}-\u{1fec}\u{1ff2}-\u{1ff4}\u{1ff6}-\u{1ffc}\u{2102}\u{2107}\u{210a}-\u{2113}\u{2115}\u{2119}-\u{211d}\u{2124}\u{2126}\u{2128}\u{212a}-\u{212d}\u{212f}-\u{2134}\u{2139}\u{213c}-\u{213f}\u{2145}-\u{2149}\u{214e}\u{2183}\u{2184}\u{2c00}-\u{2c7b}\u{2c7e}-\u{2ce4}\u{2ceb}-\u{2cee}\u{2cf2}\u{2cf3}\u{a640}-\u{a66d}\u{a680}-\u{a69b}\u{a722}-\u{a76f}\u{a771}-\u{a787}\u{a78b}-\u{a78e}\u{ab70}-\u{abbf}\u{fb00}-\u{fb06}\u{fb13}-\u{fb17}\u{ff21}-\u{ff3a}\u{ff41}-\u{ff5a}\u{10400}-\u{1044f}\u{104b0}-\u{104d3}\u{104d8}-\u{104fb}\u{10c80}-\u{10cb2}\u{10cc0}-\u{10cf2}\u{118a0}-\u{118df}\u{1e900}-\u{1e943}]+";

/// Words and the spaces before them, with signs; only the marks that end a sentence part them.
const BLOOM: &str = r" ?[^(\s|.,!?…。，、।۔،)]+";

const CJK: &str = "[\u{4e00}-\u{9fa5}\u{800}-\u{4e00}\u{ac00}-\u{d7ff}]+";

const fn way(names: &'static [&'static str], steps: &'static [Step]) -> PreTokenizer {
    PreTokenizer { names, steps, composes: false, ignores_merges: false }
}

const fn composing(names: &'static [&'static str], steps: &'static [Step]) -> PreTokenizer {
    PreTokenizer { composes: true, ..way(names, steps) }
}

const fn whole_words(names: &'static [&'static str], steps: &'static [Step]) -> PreTokenizer {
    PreTokenizer { ignores_merges: true, ..way(names, steps) }
}

#[rustfmt::skip]
pub static WAYS: &[PreTokenizer] = &[
    way(&["gpt-2", "phi-2", "exaone4", "granite-docling", "jais", "trillion", "gigachat", "mellum", "modern-bert", "a.x-4.0"],
        &[Gpt2]),
    composing(&["olmo", "mpt"], &[Gpt2]),
    way(&["smollm", "starcoder", "refact", "codeshell", "exaone", "minerva-7b", "mellum2"], &[Digits, Gpt2]),
    composing(&["command-r"], &[Digits, Gpt2]),
    whole_words(&["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "glm4", "glm5"],
        &[Split(LLAMA3), ByteLevel]),
    way(&["smaug-bpe", "dbrx", "chatglm-bpe"], &[Split(LLAMA3), ByteLevel]),
    whole_words(&["minicpm5"], &[Split(r"\p{N}{1,3}"),
        Split(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"),
        ByteLevel]),
    way(&["jais-2"],
        &[Split(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}"),
        ByteLevel]),
    composing(&["qwen2", "deepseek-r1-qwen", "megrez", "kormo", "f2llmv2"], &[Split(QWEN2), ByteLevel]),
    way(&["hunyuan", "stablelm2", "solar-open", "grok-2"], &[Split(QWEN2), ByteLevel]),
    composing(&["qwen35"], &[Split(QWEN35), ByteLevel]),
    whole_words(&["tekken"], &[Split(TEKKEN), ByteLevel]),
    way(&["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], &[Split(GPT4O), ByteLevel]),
    way(&["tiny_aya", "cohere2moe"], &[Split(r"\d{1,3}(?=(?:\d{3})*\b)"), Split(GPT4O), ByteLevel]),
    way(&["deepseek-llm"],
        &[Split(r"[\r\n]"), Split(CASED), Split("\\s?[!-/:-~\u{ff01}-\u{ff0f}\u{ff1a}-\u{ff5e}\u{2018}-\u{201f}\u{3000}-\u{3002}]+"), Split(r"\s+$"), Split(CJK),
          Split(r"\p{N}+"), ByteLevel]),
    way(&["deepseek-coder"],
        &[Split(r"[\r\n]"), Split(r"\s?\p{L}+"), Split(r"\s?\p{P}+"), Split(CJK), Digits, ByteLevel]),
    way(&["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"],
        &[Split(r"\p{N}{1,3}"), Split("[\u{4e00}-\u{9fa5}\u{3040}-\u{309f}\u{30a0}-\u{30ff}]+"), Split(DEEPSEEK3), ByteLevel]),
    way(&["falcon"], &[PunctuationRuns, Gpt2, Split(r"\p{N}+"), Split("[0-9][0-9][0-9]")]),
    way(&["bloom", "poro-chat", "gpt3-finnish"], &[Split(BLOOM), ByteLevel]),
    way(&["viking"], &[Split(BLOOM), Digits, ByteLevel]),
    way(&["exaone-moe"],
        &[Split(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"),
          ByteLevel]),
    way(&["bailingmoe", "bailingmoe2", "llada-moe"],
        &[Split(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"),
          ByteLevel]),
    way(&["seed-coder"],
        &[Split(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"),
          ByteLevel]),
    way(&["ufakzeka"], &[Split(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"), ByteLevel]),
    way(&["laguna"], &[Split(r"[^\n]+|[\n]+"), Split(QWEN2), ByteLevel]),
];

/// What tunes add comes behind a vocabulary's own tokens.
const ANY_SIZE: std::ops::RangeInclusive<usize> = 0..=usize::MAX;

#[rustfmt::skip]
pub static VOCABULARIES: &[Vocabulary] = &[
    Vocabulary { whose: "Llama 3's", pre_tokenizer: "llama-bpe", sizes: ANY_SIZE,
        tokens: &[(128_000, "<|begin_of_text|>"), (128_009, "<|eot_id|>")] },
    Vocabulary { whose: "Qwen 2's", pre_tokenizer: "qwen2", sizes: ANY_SIZE,
        tokens: &[(151_643, "<|endoftext|>"), (151_644, "<|im_start|>"), (151_645, "<|im_end|>")] },
    Vocabulary { whose: "Qwen 3.5's", pre_tokenizer: "qwen35", sizes: ANY_SIZE,
        tokens: &[(248_044, "<|endoftext|>"), (248_045, "<|im_start|>"), (248_046, "<|im_end|>")] },
    Vocabulary { whose: "Mistral's (Tekken)", pre_tokenizer: "tekken", sizes: 131_072..=usize::MAX,
        tokens: &[(0, "<unk>"), (3, "[INST]")] },
    Vocabulary { whose: "GPT-4o's", pre_tokenizer: "gpt-4o", sizes: ANY_SIZE,
        tokens: &[(199_999, "<|endoftext|>"), (200_018, "<|endofprompt|>")] },
    Vocabulary { whose: "DeepSeek LLM's", pre_tokenizer: "deepseek-llm", sizes: ANY_SIZE,
        tokens: &[(100_000, "<｜begin▁of▁sentence｜>"), (100_001, "<｜end▁of▁sentence｜>")] },
    // Either instruct model of SmolLM, or its base.
    Vocabulary { whose: "SmolLM's", pre_tokenizer: "smollm", sizes: 49_152..=49_152,
        tokens: &[(0, "<|endoftext|>"), (1, "<|im_start|>"), (2, "<|im_end|>"), (3, "<repo_name>")] },
    Vocabulary { whose: "GPT-2's", pre_tokenizer: "gpt-2", sizes: 50_257..=50_257,
        tokens: &[(0, "!"), (50_256, "<|endoftext|>")] },
];
