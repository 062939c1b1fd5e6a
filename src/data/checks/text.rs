//! Words and hashes of texts, as the checks compare them.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The text with every run of white space as one space, and none around it.
pub fn collapse(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// Equal within one run of the program; not stored.
pub fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A hash for each word, in order, whatever its case; punctuation separates words. Where a script has no spaces, each
/// character is a word.
pub fn word_hashes(text: &str, words: &mut Vec<u64>) {
    const START: u64 = 0xcbf2_9ce4_8422_2325;
    let mut word = START;
    let mut end = |word: &mut u64| {
        if *word != START {
            words.push(mix(*word));
            *word = START;
        }
    };
    for c in text.chars() {
        if is_ideograph(c) {
            end(&mut word);
            word = fold(word, c);
            end(&mut word);
        } else if c.is_alphanumeric() {
            word = if c.is_ascii() { fold(word, c.to_ascii_lowercase()) } else { c.to_lowercase().fold(word, fold) };
        } else {
            end(&mut word);
        }
    }
    end(&mut word);
}

/// One step of FNV-1a.
fn fold(hash: u64, c: char) -> u64 {
    (hash ^ u64::from(c)).wrapping_mul(0x0000_0100_0000_01b3)
}

/// Spreads a hash over all its bits.
pub fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{0e00}'..='\u{0e7f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_in_other_case_and_punctuation() {
        let words = |text: &str| {
            let mut words = Vec::new();
            word_hashes(text, &mut words);
            words
        };
        assert_eq!(words("Where is\n my CARD?"), words("where is my card"));
        assert_ne!(words("where is my card"), words("where is my cart"));
        assert_eq!(words("我的卡").len(), 3);
        assert_eq!(words(" ?! "), Vec::<u64>::new());
    }
}
