//! What the name of a GGUF file says: its quantisation, and which part of a split file it is.

/// `Qwen3-0.6B-Q4_K_M.gguf` is `Q4_K_M`; Unsloth's own mixes keep their mark: `UD-Q4_K_XL`. A folder that is called after
/// the quantisation counts, too.
pub(super) fn quantization_of(path: &str) -> Option<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let name = part_of(name).map_or(name, |part| part.stem);
    let name = strip_extension(name);
    in_name(name).or_else(|| in_name(folder.rsplit('/').next()?))
}

/// The last word that is a quantisation.
fn in_name(name: &str) -> Option<String> {
    let is_end = |c: char| matches!(c, '-' | '.' | ' ' | '_');
    let mut starts = std::iter::once(0).chain(name.match_indices(is_end).map(|(at, sign)| at + sign.len()));
    let word = |start: &usize| name[*start..].split(['-', '.', ' ']).next().unwrap_or_default();
    let start = starts.rfind(|start| is_quantization(word(start)))?;
    let quantization = word(&start).to_ascii_uppercase();
    let is_dynamic = name[..start].to_ascii_uppercase().ends_with("UD-");
    Some(if is_dynamic { format!("UD-{quantization}") } else { quantization })
}

/// As llama.cpp calls them.
pub(super) fn is_quantization(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    let is_digit = |text: &str| matches!(text.as_bytes(), [b'0'..=b'9']);
    if matches!(&*word, "F32" | "F16" | "BF16" | "FP16" | "FP32" | "MXFP4" | "MXFP4_MOE") {
        return true;
    }
    if let Some(rest) = word.strip_prefix("IQ").or_else(|| word.strip_prefix("TQ")) {
        let Some((digit, size)) = rest.split_once('_') else { return false };
        return is_digit(digit) && (is_digit(size) || matches!(size, "XXS" | "XS" | "S" | "M" | "NL" | "XXL" | "XL"));
    }
    let Some(rest) = word.strip_prefix('Q').filter(|rest| rest.is_char_boundary(1)) else { return false };
    let (digit, kind) = rest.split_at(rest.len().min(1));
    let kinds = ["", "_0", "_1", "_K", "_K_S", "_K_M", "_K_L", "_K_P", "_K_XL", "_K_XXL", "_0_4_4", "_0_4_8", "_0_8_8"];
    is_digit(digit) && kinds.contains(&kind)
}

/// One part of a split file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FilePart<'a> {
    /// The name without its number: what all parts have in common.
    pub stem: &'a str,
    /// From 1.
    pub number: u32,
    pub of: u32,
}

/// `model-00001-of-00003.gguf`
pub(super) fn part_of(name: &str) -> Option<FilePart<'_>> {
    let plain = strip_extension(name);
    let (start, of) = plain.rsplit_once("-of-")?;
    let (stem, number) = start.rsplit_once('-')?;
    let count = |text: &str| text.parse::<u32>().ok().filter(|count| *count > 0 && text.len() == 5);
    let (number, of) = (count(number)?, count(of)?);
    (number <= of).then_some(FilePart { stem, number, of })
}

fn strip_extension(name: &str) -> &str {
    for extension in [".gguf", ".GGUF", ".safetensors"] {
        if let Some(name) = name.strip_suffix(extension) {
            return name;
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_their_quantisation() {
        for (name, wanted) in [
            ("Qwen3-0.6B-Q8_0.gguf", Some("Q8_0")),
            ("qwen2.5-0.5b-instruct-q4_k_m.gguf", Some("Q4_K_M")),
            ("SmolLM2-135M-Instruct.Q4_1.gguf", Some("Q4_1")),
            ("Qwen3-4B-Instruct-2507-UD-Q4_K_XL.gguf", Some("UD-Q4_K_XL")),
            ("Qwen3-4B-UD-IQ2_XXS.gguf", Some("UD-IQ2_XXS")),
            ("model-IQ4_NL.gguf", Some("IQ4_NL")),
            ("model_Q5_K_S.gguf", Some("Q5_K_S")),
            ("gemma-3-1b-it-BF16.gguf", Some("BF16")),
            ("phi-3-mini-4k-instruct-fp16.gguf", Some("FP16")),
            ("gpt-oss-20b-mxfp4.gguf", Some("MXFP4")),
            ("big-Q6_K-00001-of-00002.gguf", Some("Q6_K")),
            ("BF16/big-00001-of-00003.gguf", Some("BF16")),
            ("Q4_K_M/model.gguf", Some("Q4_K_M")),
            ("model.q4_k.imat.gguf", Some("Q4_K")),
            ("model.gguf", None),
            ("Q-model-v2.gguf", None),
            ("f16x.gguf", None),
            ("Qé.gguf", None),
            ("", None),
        ] {
            assert_eq!(quantization_of(name).as_deref(), wanted, "{name}");
        }
    }

    #[test]
    fn parts_of_split_files_are_numbered() {
        let part = |stem, number, of| Some(FilePart { stem, number, of });
        assert_eq!(part_of("a-b-00002-of-00003.gguf"), part("a-b", 2, 3));
        assert_eq!(part_of("model-00001-of-00001.safetensors"), part("model", 1, 1));
        for name in ["a-00004-of-00003.gguf", "a-0-of-1.gguf", "a-00000-of-00003.gguf", "best-of-me.gguf", "a.gguf"] {
            assert_eq!(part_of(name), None, "{name}");
        }
    }
}
