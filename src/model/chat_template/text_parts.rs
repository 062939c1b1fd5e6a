//! Taking texts apart and putting them together, as Python does.

use minijinja::Error;

use super::values::{MAX_ITEMS, MAX_TEXT, error, too_long, too_many};
use super::whitespace::is_space;

/// `split` and `rsplit`: at a separator, or at any white space; at most `most` times, or at all of them.
pub fn split(this: &str, separator: Option<&str>, most: i128, from_behind: bool) -> Result<Vec<String>, Error> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    // Parts that nobody could use; they are counted before they are made.
    let num_parts = match separator {
        Some(separator) if !separator.is_empty() => this.matches(separator).count(),
        _ => this.split(is_space).count(),
    };
    if num_parts.min(most) > MAX_ITEMS {
        return Err(too_many());
    }
    let owned = |parts: Vec<&str>| parts.into_iter().map(str::to_owned).collect();
    match separator {
        Some("") => Err(error("a text can't be split at an empty one")),
        Some(separator) if from_behind => {
            let mut parts: Vec<&str> = this.rsplitn(most.saturating_add(1), separator).collect();
            parts.reverse();
            Ok(owned(parts))
        }
        Some(separator) => Ok(owned(this.splitn(most.saturating_add(1), separator).collect())),
        None => Ok(owned(words(this, most, from_behind))),
    }
}

fn words(this: &str, most: usize, from_behind: bool) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = this;
    loop {
        rest = if from_behind { rest.trim_end_matches(is_space) } else { rest.trim_start_matches(is_space) };
        if rest.is_empty() {
            break;
        }
        let end = if from_behind { rest.rfind(is_space) } else { rest.find(is_space) };
        let Some(end) = end.filter(|_| words.len() < most) else {
            words.push(rest);
            break;
        };
        if from_behind {
            let start = end + rest[end..].chars().next().map_or(0, char::len_utf8);
            words.push(&rest[start..]);
            rest = &rest[..start];
        } else {
            words.push(&rest[..end]);
            rest = &rest[end..];
        }
    }
    if from_behind {
        words.reverse();
    }
    words
}

/// The part before the separator, the separator, the part after it.
pub fn partition(this: &str, separator: &str, from_behind: bool) -> Result<[String; 3], Error> {
    if separator.is_empty() {
        return Err(error("a text can't be split at an empty one"));
    }
    let parts = if from_behind { this.rsplit_once(separator) } else { this.split_once(separator) };
    Ok(match parts {
        Some((before, behind)) => [before, separator, behind],
        None if from_behind => ["", "", this],
        None => [this, "", ""],
    }
    .map(str::to_owned))
}

/// Lines with their ends, of which Python knows ten.
pub fn lines(this: &str) -> Vec<(&str, &str)> {
    const ENDS: [char; 10] =
        ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];
    let mut lines = Vec::new();
    let mut rest = this;
    while let Some(at) = rest.find(ENDS) {
        let end = if rest[at..].starts_with("\r\n") { 2 } else { rest[at..].chars().next().map_or(0, char::len_utf8) };
        lines.push((&rest[..at], &rest[at..at + end]));
        rest = &rest[at + end..];
    }
    if !rest.is_empty() {
        lines.push((rest, ""));
    }
    lines
}

pub fn replaced(this: &str, old: &str, new: &str, most: i128) -> Result<String, Error> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let times = this.matches(old).count().min(most);
    if times.saturating_mul(new.len()).saturating_add(this.len()) > MAX_TEXT + times.saturating_mul(old.len()) {
        return Err(too_long());
    }
    Ok(this.replacen(old, new, most))
}

pub fn joined(separator: &str, parts: &[&str]) -> Result<String, Error> {
    let len = parts.iter().map(|part| part.len()).sum::<usize>();
    if len.saturating_add(separator.len().saturating_mul(parts.len())) > MAX_TEXT + separator.len() {
        return Err(too_long());
    }
    Ok(parts.join(separator))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_from_both_ends() {
        let parts = |most, from_behind| split(" a b  c ", None, most, from_behind).unwrap();
        assert_eq!(parts(-1, false), ["a", "b", "c"]);
        assert_eq!(parts(1, false), ["a", "b  c "]);
        assert_eq!(parts(1, true), [" a b", "c"]);
        assert_eq!(parts(0, true), [" a b  c"]);
    }
}
