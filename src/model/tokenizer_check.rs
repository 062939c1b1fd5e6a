//! What a `tokenizer.json` must not hold: settings on which the tokenizers crate would panic or ask for all the memory
//! there is.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// Parts within parts; real files have three or four.
const MAX_DEPTH: usize = 16;

/// The parts that work on texts; the vocabulary, which is most of the file, is passed over.
#[derive(Deserialize)]
struct Parts {
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    decoder: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default, rename = "model")]
    _model: IgnoredAny,
}

/// Looks through a file for such settings; the error is a sentence.
pub fn check(json: &[u8]) -> Result<(), String> {
    let parts: Parts = serde_json::from_slice(json).map_err(|e| e.to_string())?;
    for (name, part) in [
        ("normalizer", &parts.normalizer),
        ("pre_tokenizer", &parts.pre_tokenizer),
        ("decoder", &parts.decoder),
        ("post_processor", &parts.post_processor),
    ] {
        check_part(part, 0).map_err(|message| format!("its {name} can't be used: {message}"))?;
    }
    Ok(())
}

fn check_part(part: &Value, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("it has parts within parts, more than {MAX_DEPTH} deep"));
    }
    match part {
        Value::Array(parts) => parts.iter().try_for_each(|part| check_part(part, depth + 1)),
        Value::Object(fields) => {
            match fields.get("type").and_then(Value::as_str) {
                Some("FixedLength") if fields.get("length").and_then(Value::as_u64) == Some(0) => {
                    return Err("FixedLength cuts texts into pieces of length 0".to_owned());
                }
                Some(kind @ ("Replace" | "Split")) if is_empty_pattern(fields.get("pattern")) => {
                    return Err(format!("{kind} has an empty pattern"));
                }
                Some("Precompiled") => {
                    let map = fields.get("precompiled_charsmap").and_then(Value::as_str).unwrap_or_default();
                    check_map(map).ok_or("the map of Precompiled is damaged")?;
                }
                _ => {}
            }
            fields.values().try_for_each(|part| check_part(part, depth + 1))
        }
        _ => Ok(()),
    }
}

fn is_empty_pattern(pattern: Option<&Value>) -> bool {
    let text = pattern.and_then(|p| p.get("String").or(p.get("Regex")).or(Some(p))).and_then(Value::as_str);
    text == Some("")
}

/// SentencePiece's map: four bytes with the size of a tree, the tree in words of four bytes, then texts in UTF-8 that end in
/// zeros. `None` for anything else.
fn check_map(base64: &str) -> Option<()> {
    let bytes = decode_base64(base64)?;
    let (size, rest) = bytes.split_first_chunk::<4>()?;
    let size = u32::from_le_bytes(*size) as usize;
    let texts = rest.get(size..)?;
    let is_whole = size >= 4 && size.is_multiple_of(4) && std::str::from_utf8(texts).is_ok();
    is_whole.then_some(())
}

/// The file as it is for texts that stand behind something else, where it treats the first word of a text in a way of its
/// own (Metaspace, with `first`); `None` where it doesn't.
pub fn first_word_apart(json: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Parts = serde_json::from_slice(json).ok()?;
    if !set_never(&mut parts.pre_tokenizer, 0) {
        return None;
    }
    let mut tokenizer: Value = serde_json::from_slice(json).ok()?;
    set_never(tokenizer.get_mut("pre_tokenizer")?, 0);
    Some(tokenizer.to_string().into_bytes())
}

/// Whether one of them was set.
fn set_never_in_all<'a>(parts: impl Iterator<Item = &'a mut Value>, depth: usize) -> bool {
    let mut any = false;
    for part in parts {
        any |= set_never(part, depth + 1);
    }
    any
}

fn set_never(part: &mut Value, depth: usize) -> bool {
    match part {
        _ if depth > MAX_DEPTH => false,
        Value::Array(parts) => set_never_in_all(parts.iter_mut(), depth),
        Value::Object(fields) => {
            let is_metaspace = fields.get("type").and_then(Value::as_str) == Some("Metaspace");
            match fields.get_mut("prepend_scheme") {
                Some(scheme) if is_metaspace && scheme == "first" => {
                    *scheme = Value::from("never");
                    fields.shift_remove("add_prefix_space");
                    true
                }
                _ => set_never_in_all(fields.values_mut(), depth),
            }
        }
        _ => false,
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The standard alphabet, padded.
pub fn encode_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |place: usize| u32::from(chunk.get(place).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let letter = BASE64[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// The standard alphabet, padded.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let body = text.trim_end_matches('=').as_bytes();
    if !text.len().is_multiple_of(4) || text.len() - body.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(body.len() / 4 * 3 + 2);
    for chunk in body.chunks(4) {
        let mut bits = 0u32;
        for place in 0..4 {
            bits = bits << 6 | u32::from(chunk.get(place).map_or(Some(0), |c| value(*c))?);
        }
        bytes.extend_from_slice(bits.to_be_bytes().get(1..chunk.len())?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn base64_is_decoded() {
        for (text, bytes) in
            [("", &b""[..]), ("TQ==", b"M"), ("TWE=", b"Ma"), ("TWFu", b"Man"), ("/////w==", &[255; 4])]
        {
            assert_eq!(decode_base64(text).as_deref(), Some(bytes), "{text}");
            assert_eq!(encode_base64(bytes), text);
        }
        for text in ["T", "T===", "T!==", "TQ=", "===="] {
            assert_eq!(decode_base64(text), None, "{text}");
        }
    }

    #[test]
    fn parts_that_would_end_the_program_are_named() {
        let nested = (0..40)
            .fold(json!({"type": "ByteLevel"}), |inner, _| json!({"type": "Sequence", "pretokenizers": [inner]}));
        for (tokenizer, named) in [
            (json!({"pre_tokenizer": {"type": "FixedLength", "length": 0}}), "FixedLength"),
            (json!({"normalizer": {"type": "Replace", "pattern": {"String": ""}, "content": "x"}}), "empty pattern"),
            (json!({"decoder": {"type": "Replace", "pattern": {"Regex": ""}, "content": "x"}}), "empty pattern"),
            (json!({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}}), "Precompiled"),
            (json!({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "/////w=="}}), "Precompiled"),
            (json!({"pre_tokenizer": nested}), "deep"),
        ] {
            let message = check(tokenizer.to_string().as_bytes()).unwrap_err();
            assert!(message.contains(named), "{message}");
        }
        let usual = json!({
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Precompiled", "precompiled_charsmap": "BAAAAAAAAAA="},
                {"type": "Replace", "pattern": {"String": " "}, "content": ""},
            ]},
            "model": {"vocab": {"a": 0}},
        });
        assert_eq!(check(usual.to_string().as_bytes()), Ok(()));
    }
}
