//! Ratings as examples to learn from: the better and the worse answer to a prompt.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::RatingError;
use super::ratings::{Rated, Verdict};
use crate::data::{Message, Role, Split};
use crate::fs::stream_atomic;
use crate::words::{count, thousands};

/// One line of the file, as the import of examples reads preference pairs.
#[derive(Serialize)]
struct Pair<'a> {
    prompt: &'a [Message],
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    tools: &'a [Value],
    chosen: [Message; 1],
    rejected: [Message; 1],
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PairsReport {
    pub path: PathBuf,
    pub num_pairs: usize,
    /// Preferred, but of the test part, which nothing is learned from.
    pub num_locked: usize,
    /// Rated without a better answer: ties, both bad, or where raters don't agree.
    pub num_without: usize,
}

impl PairsReport {
    /// `3 of the test part, …, 5 without a better answer`
    fn left_out(&self) -> Option<String> {
        let out = [
            (self.num_locked, "of the test part, which nothing is learned from"),
            (self.num_without, "without a better answer"),
        ];
        let out = out.iter().filter(|(num, _)| *num > 0).map(|(num, what)| format!("{} {what}", thousands(*num)));
        Some(out.collect::<Vec<_>>().join(", ")).filter(|words| !words.is_empty())
    }

    /// `24 pairs written; left out: 3 of the test part, …, 5 without a better answer`
    pub fn in_words(&self) -> String {
        let written = format!("{} written", count(self.num_pairs, "pair", "pairs"));
        self.left_out().map_or_else(|| written.clone(), |out| format!("{written}; left out: {out}"))
    }
}

/// Why nothing may be learned from an example of this part, if so.
pub fn lock(split: Option<Split>) -> Option<&'static str> {
    const LOCKED: &str =
        "It is a test example: those stay locked, so that the test never measures what was learned by heart";
    (split == Some(Split::Test)).then_some(LOCKED)
}

/// Writes a pair for each prompt where one answer is preferred, what all raters say taken together, in the session's
/// order. Those of the test part are left out.
///
/// # Errors
/// [`RatingError::Nothing`] where no pair is left, [`RatingError::Io`] when the file can't be written.
pub fn export_pairs(rated: &Rated, to: &Path) -> Result<PairsReport, RatingError> {
    let (mut pairs, mut num_locked, mut num_without) = (Vec::new(), 0, 0);
    for (at, item) in rated.session.items.iter().enumerate() {
        match rated.together(at) {
            None => {}
            Some(Verdict::Tie | Verdict::BothBad) => num_without += 1,
            Some(Verdict::Better(_)) if lock(item.split).is_some() => num_locked += 1,
            Some(Verdict::Better(better)) => {
                let answer = |which| [Message::new(Role::Assistant, item.answer(which))];
                let (chosen, rejected) = (answer(better), answer(better.other()));
                pairs.push(Pair { prompt: &item.prompt, tools: &item.tools, chosen, rejected });
            }
        }
    }
    let report = PairsReport { path: to.to_owned(), num_pairs: pairs.len(), num_locked, num_without };
    if pairs.is_empty() {
        return Err(RatingError::NoPairs(report.left_out().unwrap_or_else(|| "nothing is rated yet".to_owned())));
    }
    let written = stream_atomic(to, |out| {
        for pair in &pairs {
            serde_json::to_writer(&mut *out, pair)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    });
    written.map_err(RatingError::io(to))?;
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::super::ratings::{Choice, Line, Which};
    use super::super::session::tests::session;
    use super::*;
    use crate::data::read_all;
    use crate::task::Unwatched;

    #[test]
    fn exported_pairs_are_read_as_preferences_and_test_prompts_stay_locked() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("pairs.jsonl");
        let mut rated = Rated::new(session(10, 3));
        let error = export_pairs(&rated, &to).unwrap_err().to_string();
        assert_eq!(error, "no pair was written: nothing is rated yet");
        for at in 0..10 {
            let item = &rated.session.items[at];
            let id = item.example.unwrap();
            let wanted = if id % 3 == 0 { Which::First } else { Which::Second };
            let choice = if item.left == wanted { Choice::Left } else { Choice::Right };
            rated.apply(Line::rating(at, if id == 1 { Choice::Tie } else { choice }, "Ada", ""));
        }
        let report = export_pairs(&rated, &to).unwrap();
        assert_eq!((report.num_pairs, report.num_locked, report.num_without), (7, 2, 1));
        let words =
            "7 pairs written; left out: 2 of the test part, which nothing is learned from, 1 without a better answer";
        assert_eq!(report.in_words(), words);
        let read = read_all(&to, &Unwatched).unwrap();
        assert_eq!(read.len(), 7);
        for example in read {
            let question = &example.messages[0].content;
            let number: i64 = question.strip_prefix("question ").unwrap().parse().unwrap();
            let (better, worse) = if number % 3 == 0 { ("before", "after") } else { ("after", "before") };
            assert_eq!(example.answer().unwrap(), format!("{better} {number}"));
            assert_eq!(example.rejected[0].content, format!("{worse} {number}"));
            assert!(number % 5 != 0 && number != 1);
        }
    }
}
