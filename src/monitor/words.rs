//! Words that training has never seen.

use std::collections::{HashMap, HashSet};

/// In how many texts each word comes.
#[derive(Debug, Default)]
pub struct Vocabulary(HashMap<String, u32>);

impl Vocabulary {
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut vocabulary = Self::default();
        for text in texts {
            for word in words(text).collect::<HashSet<_>>() {
                *vocabulary.0.entry(word).or_default() += 1;
            }
        }
        vocabulary
    }

    /// The words of a text that none of the vocabulary's texts has.
    pub fn new_words(&self, text: &str) -> Vec<String> {
        self.rare(text, 0)
    }

    /// The share of a text's words that are new; 0 for a text without words.
    pub fn new_share(&self, text: &str) -> f64 {
        self.share(text, 0)
    }

    /// [`Self::new_share`] of one of the vocabulary's own texts, against all the others (leave one out): what is to be
    /// expected of a text of the same kind.
    pub fn new_share_of_own(&self, text: &str) -> f64 {
        self.share(text, 1)
    }

    fn rare(&self, text: &str, at_most: u32) -> Vec<String> {
        words(text).filter(|word| self.0.get(word).copied().unwrap_or_default() <= at_most).collect()
    }

    fn share(&self, text: &str, at_most: u32) -> f64 {
        match words(text).count() {
            0 => 0.0,
            num => self.rare(text, at_most).len() as f64 / num as f64,
        }
    }
}

/// Runs of letters, in lower case; each sign of Chinese, Japanese and Thai is one, for their words have no spaces between
/// them. What has a digit in it is none: numbers of orders are always new.
fn words(text: &str) -> impl Iterator<Item = String> {
    let runs =
        text.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty() && !run.contains(char::is_numeric));
    runs.flat_map(|run| match run.contains(has_no_spaces) {
        true => run.chars().map(|c| c.to_lowercase().collect()).collect(),
        false => vec![run.to_lowercase()],
    })
}

fn has_no_spaces(c: char) -> bool {
    matches!(c, '\u{E00}'..='\u{E7F}' | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_new_if_no_other_text_has_it() {
        let texts = ["My card is lost", "Where is my parcel 4711?", "The parcel, the PARCEL!"];
        let vocabulary = Vocabulary::of(texts);
        assert_eq!(vocabulary.new_words("Is my Zwiebelkuchen lost? 12 a7"), ["zwiebelkuchen"]);
        assert_eq!(vocabulary.new_share("Is my Zwiebelkuchen lost? 12 a7"), 0.25);
        // "card" and "lost" are in no other text; "my" and "is" are.
        assert_eq!(vocabulary.new_share_of_own(texts[0]), 0.5);
        assert_eq!(vocabulary.new_share_of_own(texts[2]), 0.5, "the word twice in one text is still of one text");
        assert_eq!(vocabulary.new_share("… 12!"), 0.0);
        assert_eq!(Vocabulary::of(["卡片丢失"]).new_words("卡丢了"), ["了"]);
    }
}
