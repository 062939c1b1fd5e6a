//! The questions: a prompt, two answers, one key and Enter.

use std::io::BufRead;
use std::path::Path;

use super::super::{Ended, terminal};
use crate::evaluate::rating::{Choice, Item, Line, Rated, append};

const KEYS: &str = "a: A is better, b: B is better, t: tie, x: both are bad, s: skip, z: undo, e: expected answer, q: \
                    quit; words after the key are kept as a note";

/// What a line of input asks for.
#[derive(Debug, PartialEq)]
enum Asked<'a> {
    Rate(Choice, &'a str),
    Undo,
    Expected,
    Quit,
}

/// A key and, behind a space, a note.
fn parse(line: &str) -> Option<Asked<'_>> {
    let (key, note) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    let note = note.trim();
    Some(match key.to_lowercase().as_str() {
        "a" => Asked::Rate(Choice::Left, note),
        "b" => Asked::Rate(Choice::Right, note),
        "t" => Asked::Rate(Choice::Tie, note),
        "x" => Asked::Rate(Choice::BothBad, note),
        "s" => Asked::Rate(Choice::Skip, note),
        "z" => Asked::Undo,
        "e" => Asked::Expected,
        "q" => Asked::Quit,
        _ => return None,
    })
}

/// Asks until all is rated, the person quits, or the input ends; each choice is on the disk before the next question.
pub(super) fn ask(rated: &mut Rated, file: &Path, rater: &str) -> Result<(), Ended> {
    let num = rated.session.items.len();
    if rated.next(rater).is_some() {
        terminal::note(KEYS);
    }
    let mut input = std::io::stdin().lock();
    let mut line = String::new();
    let mut shown = None;
    while let Some(at) = rated.next(rater) {
        if shown != Some(at) {
            show(&rated.session.items[at], at, num);
            shown = Some(at);
        }
        terminal::piece("> ");
        line.clear();
        let read =
            input.read_line(&mut line).map_err(|error| Ended::failed(format!("The input can't be read: {error}")))?;
        if read == 0 {
            break;
        }
        let line = match parse(&line) {
            Some(Asked::Rate(choice, note)) => Line::rating(at, choice, rater, note),
            Some(Asked::Undo) if rated.of_rater(rater).next().is_some() => Line::undo(rater),
            Some(Asked::Undo) => {
                terminal::note("Nothing to take back");
                continue;
            }
            Some(Asked::Expected) => {
                let expected = rated.session.items[at].expected.as_deref();
                terminal::line(expected.unwrap_or("The data has no answer to this prompt"));
                continue;
            }
            Some(Asked::Quit) => break,
            None => {
                terminal::note(KEYS);
                continue;
            }
        };
        append(file, &line)?;
        rated.apply(line);
    }
    Ok(())
}

fn show(item: &Item, at: usize, num: usize) {
    terminal::line(&format!("\nPrompt {} of {}", terminal::thousands(at + 1), terminal::thousands(num)));
    for message in &item.prompt {
        terminal::line(&format!("[{}] {}", message.role.as_str(), message.content));
    }
    terminal::line(&format!("\nA: {}\n\nB: {}\n", item.left().trim(), item.right().trim()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_key_and_a_note() {
        assert_eq!(parse("a\n"), Some(Asked::Rate(Choice::Left, "")));
        assert_eq!(parse(" X  neither says when \n"), Some(Asked::Rate(Choice::BothBad, "neither says when")));
        assert_eq!((parse("z"), parse("Q"), parse("e")), (Some(Asked::Undo), Some(Asked::Quit), Some(Asked::Expected)));
        assert_eq!((parse(""), parse("better"), parse("ab")), (None, None, None));
    }
}
