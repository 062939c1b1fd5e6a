//! Damaged characters: UTF-8 that was read as Windows-1252, control characters, lost characters, escapes left in the text.

use crate::words::count;

/// What is wrong with a text, in a few words; `None` if nothing is.
pub fn damage(text: &str) -> Option<String> {
    if is_plain(text) {
        return None;
    }
    let mut damage = Vec::new();
    if let Some((wrong, right)) = first_mojibake(text) {
        damage.push(format!("{wrong} should be {right}"));
    }
    let num_lost = text.matches('\u{fffd}').count();
    if num_lost > 0 {
        damage.push(count(num_lost, "lost character (U+FFFD)", "lost characters (U+FFFD)"));
    }
    if let Some(control) = text.chars().find(|c| is_stray_control(*c)) {
        damage.push(match control {
            '\0' => "a NUL".to_owned(),
            other => format!("a control character (U+{:04X})", other as u32),
        });
    }
    if has_escaped_surrogates(text) {
        damage.push(r"an escaped half of a character (\ud83d)".to_owned());
    }
    (!damage.is_empty()).then(|| damage.join(", "))
}

/// The text without the damage that can be undone; lost characters stay, for nobody knows what they were.
pub fn repair(text: &str) -> String {
    // Some texts went through the wrong reading more than once.
    const MAX_ROUNDS: usize = 3;
    let mut text = text.to_owned();
    for _ in 0..MAX_ROUNDS {
        match unmojibake(&text) {
            Some(better) => text = better,
            None => break,
        }
    }
    if has_escaped_surrogates(&text) {
        text = join_surrogates(&text);
    }
    text.retain(|c| !is_stray_control(c));
    text
}

/// The quick way for nearly all texts.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~') && byte != b'\\')
}

fn is_stray_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}')
}

/// The byte that Windows-1252 shows as this character, if it is not ASCII.
fn byte_of(c: char) -> Option<u8> {
    /// 0x80 to 0x9F; the five that are not assigned stay what they are in Latin-1.
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match c {
        '\u{80}'..='\u{ff}' => Some(c as u8),
        c if c.is_ascii() => None,
        c => HIGH.iter().position(|high| *high == c).map(|at| 0x80 + at as u8),
    }
}

/// The character that the text's beginning was before it was read wrongly, and how many characters stand for it.
fn misread(chars: &[char]) -> Option<(char, usize)> {
    let lead = byte_of(*chars.first()?)?;
    let len = match lead {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    let bytes: Vec<u8> = chars.get(..len)?.iter().map_while(|c| byte_of(*c)).collect();
    let right = std::str::from_utf8(&bytes).ok()?.chars().next()?;
    (bytes.len() == len).then_some((right, len))
}

/// Whether one such place is enough to be sure: what comes out is common, what is there is not.
fn is_telling(right: char) -> bool {
    matches!(right, '\u{a0}'..='\u{ff}' | '\u{2010}'..='\u{2044}' | '€' | '™' | '\u{feff}' | '\u{1f000}'..='\u{1faff}')
}

/// Whether it is at all likely; French "à »" would otherwise become a Samaritan letter.
fn is_likely(right: char) -> bool {
    is_telling(right)
        || matches!(right, '\u{100}'..='\u{17f}' | '\u{370}'..='\u{52f}' | '\u{590}'..='\u{6ff}' | '\u{900}'..='\u{97f}'
            | '\u{e00}'..='\u{e7f}' | '\u{1e00}'..='\u{1eff}' | '\u{2000}'..='\u{27bf}' | '\u{3000}'..='\u{30ff}'
            | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{ff00}'..='\u{ffef}')
}

fn first_mojibake(text: &str) -> Option<(String, char)> {
    let chars: Vec<char> = text.chars().collect();
    let found = places(&chars)?;
    let (at, right, len) = *found.first()?;
    Some((chars[at..at + len].iter().collect(), right))
}

fn unmojibake(text: &str) -> Option<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (at, right, len) in places(&chars)? {
        out.extend(&chars[done..at]);
        out.push(right);
        done = at + len;
    }
    out.extend(&chars[done..]);
    Some(out)
}

/// Where characters were misread: position, right character, number of characters; `None` if that is not sure.
fn places(chars: &[char]) -> Option<Vec<(usize, char, usize)>> {
    let mut places = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        match misread(&chars[at..]).filter(|(right, _)| is_likely(*right)) {
            Some((right, len)) => {
                places.push((at, right, len));
                at += len;
            }
            None => at += 1,
        }
    }
    let is_sure = places.len() >= 3 || places.iter().any(|(_, right, _)| is_telling(*right));
    (is_sure && !places.is_empty()).then_some(places)
}

/// Escapes of UTF-16 halves belong into JSON, in pairs; anywhere else they are damage.
fn has_escaped_surrogates(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find("\\u") {
        if let Some(unit) = unit(&rest[at..])
            && (0xd800..0xe000).contains(&unit)
        {
            return serde_json::from_str::<serde_json::Value>(text).is_err();
        }
        rest = &rest[at + 2..];
    }
    false
}

/// The number of an escape at the beginning of the text.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

/// Pairs become their character, single halves go.
fn join_surrogates(text: &str) -> String {
    const ESCAPE: usize = 6;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\u") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match unit(rest).filter(|unit| (0xd800..0xe000).contains(unit)) {
            Some(high) => {
                let low = rest.get(ESCAPE..).and_then(unit);
                match low.and_then(|low| char::decode_utf16([high, low]).next()?.ok()) {
                    Some(c) => {
                        out.push(c);
                        rest = &rest[2 * ESCAPE..];
                    }
                    None => rest = &rest[ESCAPE..],
                }
            }
            None => {
                out.push_str("\\u");
                rest = &rest[2..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_found_and_undone() {
        let check = |text: &str, right: &str| {
            assert!(damage(text).is_some(), "{text}");
            assert_eq!(repair(text), right);
            if !right.contains('\u{fffd}') {
                assert_eq!(damage(right), None, "{right}");
            }
        };
        check("CafÃ© au lait", "Café au lait");
        check("donâ€™t â€œquoteâ€\u{9d}", "don’t “quote”");
        check("GrÃ¶ÃŸe 5 Â°C", "Größe 5 °C");
        check("ÃƒÂ¤rger", "ärger");
        check("ðŸ˜€ hi", "😀 hi");
        check("ÐŸÑ€Ð¸Ð²ÐµÑ‚", "Привет");
        check("a\0b\u{1b}[0m", "ab[0m");
        check("lost \u{fffd} letter", "lost \u{fffd} letter");
        check(r"smile \ud83d\ude00 and \ud83d half", "smile 😀 and  half");
    }

    #[test]
    fn sound_texts_are_left_alone() {
        for text in [
            "Plain ASCII\twith\nlines",
            "Café, Größe, naïve, ¿qué?, « voilà\u{a0}» CAFÉ…",
            "„JÄ“ und Ü„ – ÑANDÚ",
            "Привет, 世界, 😀",
            r#"{"emoji": "\ud83d\ude00", "path": "C:\\users"}"#,
            r"C:\users\unit and \frac{1}{2}",
        ] {
            assert_eq!(damage(text), None, "{text}");
            assert_eq!(repair(text), text);
        }
    }
}
