//! How reasons and notes are worded with their count: "2 rows have no Antwort", "1 row is not JSON: …".

use super::note::Note;

/// What is said of a row without an answer.
pub(super) const UNANSWERED: &str = "no answer yet: it comes in to be labelled, and is left out of training until then";

/// A reason, and how many rows were left out for it.
pub fn reason(what: &str, count: u64) -> String {
    let (rows, is_one) = (counted(count, "row", "rows"), count == 1);
    let verb = |one: &'static str, many: &'static str| if is_one { one } else { many };
    if let Some(rest) = what.strip_prefix("the row ") {
        let verbs = [("is ", "are "), ("has ", "have "), ("contains ", "contain "), ("doesn't ", "don't ")];
        if let Some((one, many)) = verbs.into_iter().find(|(one, _)| rest.starts_with(one)) {
            return format!("{rows} {}{}", verb(one, many), &rest[one.len()..]);
        }
    }
    if let Some(names) = what.strip_suffix(" are empty") {
        return match names.split_once(" and ") {
            Some((first, rest)) if !rest.contains(" and ") => {
                format!("{rows} {} neither {first} nor {rest}", verb("has", "have"))
            }
            _ => format!("{rows} {} nothing in {names}", verb("has", "have")),
        };
    }
    let missing = what.strip_suffix(" is empty").or_else(|| what.strip_suffix(" is missing"));
    if let Some(name) = missing.filter(|name| !name.contains(' ') || name.len() <= 60) {
        return format!("{rows} {} no {name}", verb("has", "have"));
    }
    format!("{rows}: {what}")
}

/// Something that is said of examples that came in, or of a file as a whole, with its count and the first place.
pub fn note(note: &Note) -> String {
    let Note { what, count, first } = note;
    let Some(place) = first else {
        return if *count == 1 { what.clone() } else { format!("{what}: {}", thousands(*count)) };
    };
    let examples = counted(*count, "example", "examples");
    let told = match (what.strip_prefix("no answer yet"), count) {
        (Some(_), 1) => {
            format!("{examples} has no answer yet: it comes in to be labelled, and is left out of training until then")
        }
        (Some(_), _) => {
            format!(
                "{examples} have no answer yet: they come in to be labelled, and are left out of training until then"
            )
        }
        (None, _) => format!("{examples}: {what}"),
    };
    match count {
        1 => format!("{told}, {place}"),
        _ => format!("{told}, first in {place}"),
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count), if count == 1 { one } else { many })
}

fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::import::Place;

    #[test]
    fn reasons_agree_with_their_count() {
        let check = |what: &str, count, expected: &str| assert_eq!(reason(what, count), expected);
        check("Antwort is empty", 2, "2 rows have no Antwort");
        check("messages is missing", 1, "1 row has no messages");
        check("messages[…].content is missing", 1200, "1,200 rows have no messages[…].content");
        check("Betreff and Text are empty", 1, "1 row has neither Betreff nor Text");
        check("a and b and c are empty", 2, "2 rows have nothing in a and b and c");
        check("the row is not JSON: the closing } is missing", 3, "3 rows are not JSON: the closing } is missing");
        check("the row has 2 cells, but the header has 3", 1, "1 row has 2 cells, but the header has 3");
        check("split is \"maybe\"", 2, "2 rows: split is \"maybe\"");
    }

    #[test]
    fn notes_agree_with_their_count() {
        let check = |what: &str, count, has_place: bool, expected: &str| {
            let first = has_place.then_some(Place { file: None, line: 7 });
            assert_eq!(note(&Note { what: what.to_owned(), count, first }), expected);
        };
        let unanswered = "2 examples have no answer yet: they come in to be labelled, and are left out of training until \
                          then, first in line 7";
        check(UNANSWERED, 2, true, unanswered);
        check("an answer is empty", 1, true, "1 example: an answer is empty, line 7");
        check("the file was converted from windows-1252", 1, false, "the file was converted from windows-1252");
    }
}
