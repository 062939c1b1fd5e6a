//! Which language a text is in, where that is sure.

use std::collections::HashMap;

use whatlang::Lang;

/// Shorter texts say too little.
const MIN_LETTERS: usize = 60;
/// Longer ones say no more.
const MAX_CHARS: usize = 200;
const MIN_EXAMPLES: usize = 20;
/// Short texts are sometimes taken for another language.
const DOMINANT_SHARE: f64 = 0.8;

/// What a text is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detected {
    pub lang: Lang,
    is_sure: bool,
    /// What its halves alone look like: a list of names may look like any language, but rarely all of it.
    halves: [Option<Lang>; 2],
}

impl Detected {
    /// Whether it is surely not in this language.
    pub fn is_other_than(&self, usual: Lang) -> bool {
        self.is_sure && self.lang != usual && !self.halves.contains(&Some(usual))
    }
}

/// `None` where the text is too short, mixed, or no prose. What is in the `usual` language is not looked at any closer:
/// detection costs more than all other checks.
pub fn language(text: &str, usual: Option<Lang>) -> Option<Detected> {
    let end = text.char_indices().nth(MAX_CHARS).map_or(text.len(), |(at, _)| at);
    let text = &text[..end];
    let num_letters = text.chars().filter(|c| c.is_alphabetic()).count();
    // Tables, code and JSON have too much between their letters.
    let num_prose = text.chars().filter(|c| c.is_alphabetic() || matches!(c, ' ' | ',' | '.' | '\'' | '’')).count();
    if num_letters < MIN_LETTERS || num_prose * 10 < text.chars().count() * 9 {
        return None;
    }
    let info = whatlang::detect(text)?;
    let (lang, is_sure) = (info.lang(), info.is_reliable());
    if !is_sure || Some(lang) == usual {
        return Some(Detected { lang, is_sure, halves: [Some(lang); 2] });
    }
    let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    let halves = [&text[..middle], &text[middle..]].map(whatlang::detect_lang);
    Some(Detected { lang, is_sure, halves })
}

/// The language that nearly all texts are in.
pub fn dominant(languages: impl Iterator<Item = Lang>) -> Option<Lang> {
    let mut counts: HashMap<Lang, usize> = HashMap::new();
    let mut num = 0;
    for language in languages {
        *counts.entry(language).or_default() += 1;
        num += 1;
    }
    let (language, count) = counts.into_iter().max_by_key(|(language, count)| (*count, language.code()))?;
    (num >= MIN_EXAMPLES && count as f64 >= DOMINANT_SHARE * num as f64).then_some(language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_has_a_language_and_code_and_short_texts_have_none() {
        let english = "The parcel came on Monday, but the lamp in it was broken, and nobody answers the phone.";
        let german = "Das Paket kam am Montag an, aber die Lampe darin war zerbrochen, und niemand geht ans Telefon.";
        assert_eq!(language(english, None).map(|found| found.lang), Some(Lang::Eng));
        assert!(language(english, None).is_some_and(|found| found.is_other_than(Lang::Deu)));
        assert!(language(german, None).is_some_and(|found| found.is_other_than(Lang::Eng)));
        assert!(!language(german, None).is_some_and(|found| found.is_other_than(Lang::Deu)));
        assert_eq!(language("Wo ist mein Paket?", None), None);
        assert_eq!(language(&"let x = vec![1, 2]; for i in 0..10 { f(x[i]); }".repeat(5), None), None);
        assert_eq!(dominant([Lang::Eng; 19].into_iter()), None);
        assert_eq!(dominant([Lang::Eng; 30].into_iter().chain([Lang::Deu])), Some(Lang::Eng));
        assert_eq!(dominant([Lang::Eng; 30].into_iter().chain([Lang::Deu; 10])), None);
    }
}
