//! Texts that end an answer and aren't part of it.

/// Where the first of the stop strings begins in a text, in bytes.
pub fn find(text: &str, stop: &[String]) -> Option<usize> {
    stop.iter().filter_map(|stop| text.find(stop)).min()
}

/// How many bytes of a text are certain to be part of the answer: its end may be the beginning of a stop string.
pub fn certain(text: &str, stop: &[String]) -> usize {
    let begins = |at: &usize| stop.iter().any(|stop| stop.starts_with(&text[*at..]));
    let longest = stop.iter().map(String::len).max().unwrap_or_default();
    let ends = text.char_indices().map(|(at, _)| at).filter(|at| text.len() - at < longest);
    ends.into_iter().find(begins).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn the_first_stop_string_in_the_text_ends_it() {
        assert_eq!(find("a\n\nUser: b", &stop(&["User:", "\n\n"])), Some(1));
        assert_eq!(find("a b", &stop(&["\n"])), None);
        assert_eq!(find("a b", &[]), None);
    }

    #[test]
    fn what_may_become_a_stop_string_is_held_back() {
        let stop = stop(&["\n\nUser", "ö!"]);
        for (text, expected) in [("", 0), ("abc", 3), ("abc\n", 3), ("abc\n\nUse", 3), ("abc\n\nUsa", 8), ("aö", 1)] {
            assert_eq!(certain(text, &stop), expected, "{text:?}");
        }
        assert_eq!(certain("abc", &[]), 3);
    }
}
