//! Which language a text is in, where that is sure.

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

/// The language of a text; `None` where it is too short, mixed, or isn't prose. What is in the `usual` language is not
/// looked at any closer: detection costs more than all other checks.
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

/// How many texts are in each language.
#[derive(Debug, Clone, Default)]
pub struct Spoken(Vec<(Lang, usize)>);

impl Spoken {
    pub fn add(&mut self, language: Lang) {
        match self.0.iter_mut().find(|(known, _)| *known == language) {
            Some((_, num)) => *num += 1,
            None => self.0.push((language, 1)),
        }
    }

    /// The language that nearly all are in.
    pub fn dominant(&self) -> Option<Lang> {
        let num: usize = self.0.iter().map(|(_, num)| num).sum();
        let (language, most) = self.0.iter().max_by_key(|(language, num)| (*num, language.code()))?;
        (num >= MIN_EXAMPLES && *most as f64 >= DOMINANT_SHARE * num as f64).then_some(*language)
    }
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
        let dominant = |num_english, num_german| {
            let mut spoken = Spoken::default();
            (0..num_english).for_each(|_| spoken.add(Lang::Eng));
            (0..num_german).for_each(|_| spoken.add(Lang::Deu));
            spoken.dominant()
        };
        assert_eq!([dominant(19, 0), dominant(30, 1), dominant(30, 10)], [None, Some(Lang::Eng), None]);
    }
}
