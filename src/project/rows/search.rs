//! Full-text search: words, each as a prefix, all of which must occur.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension};

use crate::project::error::ProjectError;

const MAX_WORDS: usize = 50;

/// The words of what a person typed. The index knows no neighbourhoods, so that what is parted by punctuation is
/// several words.
pub fn words(search: &str) -> Vec<String> {
    let words = search.split(|c: char| !is_part_of_word(c)).filter(|word| word.chars().any(char::is_alphanumeric));
    words.take(MAX_WORDS).map(str::to_lowercase).collect()
}

/// Whether the index's tokenizer takes it for a part of a word: letters, numbers, and the marks on them.
fn is_part_of_word(c: char) -> bool {
    c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c)
}

/// Where a search's words begin words of a text, in its order: for marking them.
pub fn hits(text: &str, search: &str) -> Vec<Range<usize>> {
    let wanted = words(search);
    let mut hits = Vec::new();
    if wanted.is_empty() {
        return hits;
    }
    let mut from = 0;
    for part in text.split_inclusive(|c: char| !is_part_of_word(c)) {
        let word = part.trim_end_matches(|c: char| !is_part_of_word(c));
        let plain = plain(word);
        // The longest of those that fit; the mark ends with as many letters.
        let num = wanted.iter().filter(|wanted| plain.starts_with(self::plain(wanted).as_str()));
        if let Some(num) = num.map(|wanted| wanted.chars().count()).max() {
            let end = word.char_indices().nth(num).map_or(word.len(), |(at, _)| at);
            hits.push(from..from + end);
        }
        from += part.len();
    }
    hits
}

/// In small letters without the marks on them, as the index sees a word.
fn plain(word: &str) -> String {
    let folded = word.chars().flat_map(char::to_lowercase).map(|c| match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'è'..='ë' | 'ē' | 'ę' | 'ě' => 'e',
        'ì'..='ï' | 'ī' => 'i',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ō' | 'ő' => 'o',
        'ś' | 'š' | 'ş' => 's',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        c => c,
    });
    folded.filter(|c| !('\u{300}'..='\u{36f}').contains(c)).collect()
}

/// Some examples with all words as they are, at most `limit`, without gathering all of them as the prefixes of [`find`]
/// have to be.
pub fn find_some(db: &Connection, search: &str, limit: usize) -> Result<IdSet, ProjectError> {
    let words = words(search);
    let expression = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" ");
    match indexed(db, &expression, limit) {
        // As in `find`, which will have to go through the texts.
        Err(rusqlite::Error::SqliteFailure(_, Some(message))) if message.contains("phrase queries") => {
            Ok(IdSet::default())
        }
        found => Ok(found?),
    }
}

/// Beginnings of words that are so short that it takes long to gather all examples with them, and that there are soon some
/// if one reads a few.
pub fn are_short(words: &[String]) -> bool {
    const SHORT_WORD: usize = 3;
    words.iter().all(|word| word.chars().count() <= SHORT_WORD)
}

/// Whether every word begins one of the example's prompt or answer.
pub fn has_words(db: &Connection, id: i64, words: &[String]) -> Result<bool, ProjectError> {
    let mut select = db.prepare_cached("SELECT prompt || ' ' || answer FROM contents WHERE id = ?")?;
    let text: Option<String> = select.query_row([id], |row| row.get(0)).optional()?;
    let text = text.unwrap_or_default().to_lowercase();
    let has = |word: &String| text.split(|c| !is_part_of_word(c)).any(|known| known.starts_with(word.as_str()));
    Ok(words.iter().all(has))
}

/// The examples in which all words occur; `None` if there are no words.
pub fn find(db: &Connection, search: &str) -> Result<Option<IdSet>, ProjectError> {
    let words = words(search);
    if words.is_empty() {
        return Ok(None);
    }
    // Quoted, so that nothing a person types is an operator.
    let expression = words.iter().map(|word| format!("\"{word}\"*")).collect::<Vec<_>>().join(" ");
    match indexed(db, &expression, usize::MAX) {
        // A script that the index's tokenizer is too old for: it would take one of the words for several.
        Err(rusqlite::Error::SqliteFailure(_, Some(message))) if message.contains("phrase queries") => {
            Ok(Some(scanned(db, &words)?))
        }
        found => Ok(Some(found?)),
    }
}

fn indexed(db: &Connection, expression: &str, limit: usize) -> rusqlite::Result<IdSet> {
    let mut select = db.prepare_cached("SELECT rowid FROM search WHERE search MATCH ?")?;
    let mut rows = select.query([expression])?;
    let mut ids = IdSet::default();
    for _ in 0..limit {
        let Some(row) = rows.next()? else { break };
        ids.insert(row.get(0)?);
    }
    Ok(ids)
}

fn scanned(db: &Connection, words: &[String]) -> rusqlite::Result<IdSet> {
    let mut select = db.prepare_cached("SELECT id, content FROM contents")?;
    let mut rows = select.query([])?;
    let mut ids = IdSet::default();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(1)?.as_str()?.to_lowercase();
        if words.iter().all(|word| text.contains(word)) {
            ids.insert(row.get(0)?);
        }
    }
    Ok(ids)
}

/// Ids as bits: a million take 125 KB.
#[derive(Debug, Clone, Default)]
pub struct IdSet {
    words: Vec<u64>,
}

impl IdSet {
    /// Says whether it is new. Ids are SQLite's, from 1 and dense.
    pub fn insert(&mut self, id: i64) -> bool {
        let Ok(id) = usize::try_from(id) else { return false };
        let (at, bit) = (id / 64, 1 << (id % 64));
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        let is_new = self.words[at] & bit == 0;
        self.words[at] |= bit;
        is_new
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub fn contains(&self, id: i64) -> bool {
        let Ok(id) = usize::try_from(id) else { return false };
        self.words.get(id / 64).is_some_and(|word| word & 1 << (id % 64) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginnings_of_words_are_marked_as_the_index_finds_them() {
        let check = |text: &str, search: &str, expected: &[&str]| {
            let found: Vec<&str> = hits(text, search).into_iter().map(|hit| &text[hit]).collect();
            assert_eq!(found, expected, "{search:?} in {text:?}");
        };
        check("Refunds: no refund, prefund", "refund", &["Refund", "refund"]);
        check("Über Größe und grosse", "uber gro", &["Über", "Grö", "gro"]);
        check("it's a-b", "a b", &["a", "b"]);
        check("nothing", "", &[]);
        check("re refund", "re ref", &["re", "ref"]);
    }

    #[test]
    fn punctuation_parts_words_and_marks_on_letters_do_not() {
        assert_eq!(words("E-mail, don't 100%"), ["e", "mail", "don", "t", "100"]);
        assert_eq!(words("cre\u{300}me \u{300} \" * -"), ["cre\u{300}me"]);
    }

    #[test]
    fn ids_are_remembered_once() {
        let mut ids = IdSet::default();
        assert!(ids.insert(1) && ids.insert(64) && ids.insert(1000) && !ids.insert(64));
        assert!(!ids.insert(-1));
        assert_eq!((0..2000).filter(|id| ids.contains(*id)).collect::<Vec<_>>(), [1, 64, 1000]);
        assert!(!ids.is_empty() && IdSet::default().is_empty());
    }
}
