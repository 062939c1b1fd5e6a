//! Damaged and hostile files, made from whole ones: the same seed gives the same file.

use std::io::{Read, Write};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// How a kind of file is built, as far as a mutation minds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Build {
    Text,
    Json,
    JsonLines,
    /// Eight bytes of length, a JSON header, bytes.
    Safetensors,
    /// Whole numbers of 4 and 8 bytes between texts.
    Binary,
    Gzip,
    Zstd,
}

/// Whatever a format calls numbers, these are at its edges.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-1",
    "1",
    "2",
    "3",
    "255",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551615",
    "-9223372036854775808",
    "99999999999999999999999",
    "0.5",
    "1e-400",
    "1e30",
    "1e308",
    "1e999",
    "-1e999",
    "NaN",
    "Infinity",
    "1000000000",
    "5000000000",
];
const EDGES: &[u64] = &[
    0,
    1,
    2,
    7,
    127,
    255,
    65_535,
    1 << 20,
    1 << 30,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    1 << 40,
    1 << 62,
    i64::MAX as u64,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];
/// A packed file may be this much larger when it is unpacked.
const BOMB_BYTES: usize = 64 << 20;
/// Deep enough for a parser without a limit to run out of its stack.
const DEEP: usize = 20_000;
/// Large enough to hurt where work grows with the square, small enough for a test.
const MAX_BYTES: usize = 4 << 20;

/// The file that a seed stands for.
pub fn mutant(build: Build, dictionary: &[&str], original: &[u8], seed: u64) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut bytes = original.to_vec();
    let num = [1, 1, 1, 2, 3, 6][rng.random_range(0..6)];
    for _ in 0..num {
        bytes = one(build, dictionary, bytes, &mut rng);
        bytes.truncate(MAX_BYTES);
    }
    bytes
}

fn one(build: Build, dictionary: &[&str], bytes: Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
    match build {
        Build::Json if chance(rng, 2) => json(dictionary, &bytes, rng).unwrap_or(bytes),
        Build::JsonLines if chance(rng, 2) => json_line(dictionary, &bytes, rng).unwrap_or(bytes),
        Build::Safetensors if chance(rng, 2) => header(dictionary, &bytes, rng).unwrap_or(bytes),
        Build::Gzip | Build::Zstd if chance(rng, 2) => packed(build, dictionary, &bytes, rng).unwrap_or(bytes),
        Build::Binary | Build::Safetensors if chance(rng, 2) => edge(bytes, rng),
        Build::Text | Build::Json | Build::JsonLines if chance(rng, 3) => number(bytes, rng),
        _ => plain(dictionary, bytes, rng),
    }
}

/// True once in `of` times.
fn chance(rng: &mut ChaCha8Rng, of: u32) -> bool {
    rng.random_range(0..of) == 0
}

fn pick<'a, T>(from: &'a [T], rng: &mut ChaCha8Rng) -> &'a T {
    &from[rng.random_range(0..from.len())]
}

/// Changes bytes of any kind.
fn plain(dictionary: &[&str], mut bytes: Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let at = rng.random_range(0..=bytes.len());
    let end = (at + rng.random_range(0..64)).min(bytes.len());
    match rng.random_range(0..9) {
        0 => bytes.truncate(at),
        1 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
        2 if at < bytes.len() => bytes[at] = rng.random(),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let times = *pick(&[1, 2, 100, 10_000], rng);
            let piece = bytes[at..end].repeat(times);
            bytes.splice(at..at, piece);
        }
        5 if !bytes.is_empty() => {
            // A piece from elsewhere in the file.
            let from = rng.random_range(0..bytes.len());
            let piece = bytes[from..(from + rng.random_range(0..256)).min(bytes.len())].to_vec();
            bytes.splice(at..end, piece);
        }
        6 => {
            let noise: Vec<u8> = (0..rng.random_range(1..32)).map(|_| rng.random()).collect();
            bytes.splice(at..end, noise);
        }
        _ if !dictionary.is_empty() => {
            let token = *pick(dictionary, rng);
            let times = *pick(&[1, 1, 1, 2, DEEP], rng);
            bytes.splice(at..at, token.repeat(times).into_bytes());
        }
        _ => bytes.extend([0; 7]),
    }
    bytes
}

/// Another number in the place of one that is written with digits.
fn number(mut bytes: Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let is_start = |at: &usize| bytes[*at].is_ascii_digit() && (*at == 0 || !bytes[at - 1].is_ascii_digit());
    let starts: Vec<usize> = (0..bytes.len()).filter(is_start).collect();
    if starts.is_empty() {
        return bytes;
    }
    let start = *pick(&starts, rng);
    let end = start + bytes[start..].iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    bytes.splice(start..end, pick(NUMBERS, rng).bytes());
    bytes
}

/// Another number in the place of one that is written in bytes; lengths and counts stand near the beginning.
fn edge(mut bytes: Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let width = *pick(&[4, 8], rng);
    if bytes.len() < width {
        return bytes;
    }
    let last = bytes.len() - width;
    let at = if chance(rng, 3) { rng.random_range(0..=last) } else { rng.random_range(0..=last.min(4096)) };
    let value = pick(EDGES, rng).to_le_bytes();
    bytes[at..at + width].copy_from_slice(&value[..width]);
    bytes
}

fn json(dictionary: &[&str], bytes: &[u8], rng: &mut ChaCha8Rng) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(bytes).ok()?;
    change_node(&mut value, dictionary, rng);
    let text = value.to_string();
    // What a value can't hold, as its text: too deep, or no number of JSON's.
    let hole = format!("\"{HOLE}\"");
    let filling = match rng.random_range(0..3) {
        0 => format!("{}1{}", "[".repeat(DEEP), "]".repeat(DEEP)),
        1 => format!("{}1{}", "{\"a\":".repeat(DEEP), "}".repeat(DEEP)),
        _ => (*pick(NUMBERS, rng)).to_owned(),
    };
    Some(text.replacen(&hole, &filling, 1).into_bytes())
}

fn json_line(dictionary: &[&str], bytes: &[u8], rng: &mut ChaCha8Rng) -> Option<Vec<u8>> {
    let mut lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
    let at = rng.random_range(0..lines.len());
    let line = json(dictionary, lines[at], rng)?;
    lines[at] = &line;
    Some(lines.join(&b'\n'))
}

fn header(dictionary: &[&str], bytes: &[u8], rng: &mut ChaCha8Rng) -> Option<Vec<u8>> {
    let length = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?) as usize;
    let (header, data) = bytes.get(8..)?.split_at_checked(length)?;
    let header = json(dictionary, header, rng)?;
    Some([&(header.len() as u64).to_le_bytes(), &header[..], data].concat())
}

/// What is packed is changed, and packed again; or much of one thing.
fn packed(build: Build, dictionary: &[&str], bytes: &[u8], rng: &mut ChaCha8Rng) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    match build {
        Build::Gzip => flate2::read::GzDecoder::new(bytes).take(MAX_BYTES as u64).read_to_end(&mut text).ok()?,
        _ => zstd::stream::read::Decoder::new(bytes).ok()?.take(MAX_BYTES as u64).read_to_end(&mut text).ok()?,
    };
    let changed = match chance(rng, 16) {
        true => vec![*pick(b"a[\n\0\"", rng); BOMB_BYTES],
        false => one(Build::JsonLines, dictionary, text, rng),
    };
    match build {
        Build::Gzip => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(&changed).ok()?;
            out.finish().ok()
        }
        _ => zstd::encode_all(&changed[..], 1).ok(),
    }
}

/// Stands where something is put in that a value can't hold.
const HOLE: &str = "tunewright-hole";

/// Changes one of a value's nodes, at any depth.
fn change_node(value: &mut Value, dictionary: &[&str], rng: &mut ChaCha8Rng) {
    let target = rng.random_range(0..count(value));
    let elsewhere = rng.random_range(0..count(value));
    let mut seen = 0;
    let piece = node(value, elsewhere, &mut seen).cloned().unwrap_or(Value::Null);
    seen = 0;
    let Some(found) = node(value, target, &mut seen) else { return };
    *found = match (rng.random_range(0..12), found.take()) {
        (0, _) => Value::Null,
        (1, _) => Value::Bool(rng.random()),
        (2, _) => number_or_hole(rng),
        (3, _) => Value::String(HOLE.to_owned()),
        (4, _) if !dictionary.is_empty() => Value::String((*pick(dictionary, rng)).to_owned()),
        (5, Value::String(text)) => Value::String(text.repeat(*pick(&[0, 2, 1000], rng))),
        (6, Value::Array(list)) => {
            let times = *pick(&[0, 2, 100], rng);
            Value::Array(std::iter::repeat_n(list, times).flatten().collect())
        }
        (7, Value::Array(mut list)) => {
            list.reverse();
            Value::Array(list)
        }
        (8, Value::Object(mut map)) => {
            let key = map.keys().nth(rng.random_range(0..map.len().max(1))).cloned();
            key.map(|key| map.shift_remove(&key));
            Value::Object(map)
        }
        (9, Value::Object(mut map)) => {
            let key = if dictionary.is_empty() { "" } else { pick(dictionary, rng) };
            map.insert(key.to_owned(), piece);
            Value::Object(map)
        }
        (10, old) => Value::Array(vec![old]),
        // Numbers are what sizes are made of.
        (_, Value::Number(_)) => number_or_hole(rng),
        (_, _) => piece,
    };
}

fn number_or_hole(rng: &mut ChaCha8Rng) -> Value {
    let text = *pick(NUMBERS, rng);
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(HOLE.to_owned()))
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// The node with a number, in the order of the text.
fn node<'a>(value: &'a mut Value, number: usize, seen: &mut usize) -> Option<&'a mut Value> {
    if *seen == number {
        return Some(value);
    }
    *seen += 1;
    match value {
        Value::Array(list) => list.iter_mut().find_map(|value| node(value, number, seen)),
        Value::Object(map) => map.values_mut().find_map(|value| node(value, number, seen)),
        _ => None,
    }
}

#[test]
fn a_seed_repeats_its_mutant_and_most_seeds_differ() {
    let original = br#"{"a": [1, 2, {"b": "text"}], "c": 5}"#;
    for build in [Build::Text, Build::Json, Build::JsonLines, Build::Binary] {
        let of = |seed: u64| mutant(build, &["{{", "\u{feff}"], original, seed);
        let mutants: std::collections::HashSet<_> = (0..200).map(of).collect();
        assert!(mutants.len() > 150, "{build:?}: {}", mutants.len());
        assert!((0..200).all(|seed| of(seed) == of(seed)));
    }
    let mut value: Value = serde_json::from_slice(original).unwrap();
    let found: Vec<Value> = (0..count(&value)).map(|at| node(&mut value, at, &mut 0).unwrap().clone()).collect();
    assert_eq!((found.len(), &found[2], &found[5]), (7, &Value::from(1), &Value::from("text")));
}
