//! What became of many examples: counted, so that nothing is left out or cut without a word.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Fate, RenderedExample};
use crate::model::ModelError;
use crate::model::chat::Omission;
use crate::recipe::{RenderSpec, TooLong};
use crate::words::{count, thousands};

/// Refused examples that are named one by one.
const MAX_NAMED: usize = 20;

/// An example that the model's template or tokenizer refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Where it is: "line 5 of train.jsonl".
    pub place: String,
    pub reason: String,
}

impl Refusal {
    /// What to do about many of them.
    pub const HINT: &str = "mend or leave out these examples (tunewright data check --model finds them, and folds system turns \
                            into the question with --fix role_order), or take a model whose template knows such turns";

    pub fn at(path: &Path, line: u64, error: &ModelError) -> Self {
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
        Self { place: format!("line {line} of {name}"), reason: reason(error) }
    }

    /// The refusal of a project's example.
    pub fn of_number(number: u64, error: &ModelError) -> Self {
        Self { place: format!("example {number}"), reason: reason(error) }
    }
}

/// What a template itself says needs no introduction.
fn reason(error: &ModelError) -> String {
    match error {
        ModelError::Template(message) => message.clone(),
        other => other.to_string(),
    }
}

/// Why an example is not used as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    TooLong,
    Untrained,
    Refused,
    Omitted(Omission),
}

impl Note {
    /// The title of a list of such examples.
    pub fn title(self) -> &'static str {
        match self {
            Self::TooLong => "Longer than the limit",
            Self::Untrained => "No token trained",
            Self::Refused => "Refused by the template",
            Self::Omitted(_) => "Left out by the template",
        }
    }
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    pub max_length: usize,
    pub too_long: TooLong,
    pub num_examples: usize,
    /// In tokens, before anything is cut.
    pub longest: usize,
    /// Longer than the limit, and nothing of them is used.
    pub num_left_out: usize,
    pub num_cut: usize,
    pub num_split: usize,
    /// How many parts the split ones became.
    pub num_parts: usize,
    /// Answers of the split ones that are too long even alone.
    pub num_answers_left_out: usize,
    /// Without a token that the loss counts, though they are not left out.
    pub num_untrained: usize,
    /// How many the model's template or tokenizer refuses.
    pub num_refused: usize,
    /// The first of them.
    pub refused: Vec<Refusal>,
    /// Examples of which the template leaves something out or changes it, for each [`Omission`] in the order of its list.
    pub omissions: [usize; Omission::ALL.len()],
}

impl Tally {
    pub fn new(spec: RenderSpec) -> Self {
        Self { max_length: spec.max_length, too_long: spec.too_long, ..Self::default() }
    }

    pub fn add(&mut self, example: &RenderedExample) {
        self.num_examples += 1;
        self.longest = self.longest.max(example.num_tokens);
        match example.fate {
            Fate::Whole => {}
            Fate::LeftOut => self.num_left_out += 1,
            Fate::CutLeft { .. } | Fate::CutRight { .. } => self.num_cut += 1,
            Fate::Split { num_parts, num_left_out } => {
                self.num_split += 1;
                self.num_parts += num_parts;
                self.num_answers_left_out += num_left_out;
            }
        }
        self.num_untrained += usize::from(example.is_untrained());
        for (what, num) in Omission::ALL.into_iter().zip(&mut self.omissions) {
            *num += usize::from(example.left_out.iter().any(|left_out| left_out.what == what));
        }
    }

    /// One that can't be rendered.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.num_examples += 1;
        self.num_refused += 1;
        if self.refused.len() < MAX_NAMED {
            self.refused.push(refusal);
        }
    }

    /// Where most examples are refused, all of them with their places: something is wrong with the data as a whole, or
    /// with the model.
    pub fn mostly_refused(&self) -> Option<String> {
        let (num, all) = (self.num_refused, self.num_examples);
        if 2 * num <= all {
            return None;
        }
        let each: String = self.refused.iter().map(|r| format!("\n  {}: {}", r.place, r.reason)).collect();
        let more = match num - self.refused.len() {
            0 => String::new(),
            more => format!("\n  and {} more", thousands(more)),
        };
        let [num, all] = [num, all].map(thousands);
        Some(format!("{num} of {all} examples can't be used with this model:{each}{more}"))
    }

    pub fn num_too_long(&self) -> usize {
        self.num_left_out + self.num_cut + self.num_split
    }

    /// What was done to those beyond the limit, if there are any.
    pub fn in_words(&self) -> Option<String> {
        let num = self.num_too_long();
        let examples = if self.num_examples == 1 { "example" } else { "examples" };
        let are = if num == 1 { "is" } else { "are" };
        let what = match self.too_long {
            TooLong::Split => self.split_in_words(),
            policy => policy.in_words().to_owned(),
        };
        (num > 0).then(|| {
            let [num, all, limit] = [num, self.num_examples, self.max_length].map(thousands);
            format!("{num} of {all} {examples} {are} longer than {limit} tokens: {what}")
        })
    }

    /// Everything that is not used as it is.
    pub fn notes(&self) -> Vec<String> {
        self.notes_by_kind().into_iter().map(|(_, words)| words).collect()
    }

    pub fn notes_by_kind(&self) -> Vec<(Note, String)> {
        let num = self.num_untrained;
        let have = if num == 1 { "has" } else { "have" };
        let examples = if self.num_examples == 1 { "example" } else { "examples" };
        let untrained = (num > 0).then(|| {
            let [num, all] = [num, self.num_examples].map(thousands);
            format!("{num} of {all} {examples} {have} no token that counts: left out")
        });
        let too_long = self.in_words().map(|words| (Note::TooLong, words));
        let untrained = untrained.map(|words| (Note::Untrained, words));
        too_long.into_iter().chain(untrained).chain(self.template_notes_by_kind()).collect()
    }

    /// What the model's template refuses, leaves out or changes.
    pub fn template_notes(&self) -> Vec<String> {
        self.template_notes_by_kind().into_iter().map(|(_, words)| words).collect()
    }

    pub fn template_notes_by_kind(&self) -> Vec<(Note, String)> {
        let counted = Omission::ALL.into_iter().zip(self.omissions).filter(|(_, num)| *num > 0);
        let omitted = counted.map(|(what, num)| (Note::Omitted(what), what.counted(num, self.num_examples)));
        let refused = self.refused_in_words().map(|words| (Note::Refused, words));
        refused.into_iter().chain(omitted).collect()
    }

    fn refused_in_words(&self) -> Option<String> {
        let first = self.refused.first()?;
        let [num, all] = [self.num_refused, self.num_examples].map(thousands);
        let (are, which) = if self.num_refused == 1 { ("is", "it is") } else { ("are", "the first is") };
        Some(format!(
            "{num} of {all} examples {are} left out, refused by the model's chat template: {which} {}: {}",
            first.place, first.reason
        ))
    }

    fn split_in_words(&self) -> String {
        let parts = count(self.num_parts, "part", "parts");
        let mut words = Vec::new();
        if self.num_split > 0 {
            words.push(format!("{} split into {parts}", thousands(self.num_split)));
        }
        if self.num_answers_left_out > 0 {
            words.push(format!("{} of their answers too long even alone", thousands(self.num_answers_left_out)));
        }
        if self.num_left_out > 0 {
            words.push(format!("{} left out, for no answer fits", thousands(self.num_left_out)));
        }
        words.join(", ")
    }
}

impl RenderedExample {
    /// It is used, and no token of it counts in the loss.
    pub fn is_untrained(&self) -> bool {
        self.fate != Fate::LeftOut && self.num_trained() == 0
    }

    /// What is said of an example beyond the limit.
    pub fn too_long_in_words(&self, spec: RenderSpec) -> Option<String> {
        let over = self.num_tokens.checked_sub(spec.max_length).filter(|over| *over > 0)?;
        let mut tally = Tally::new(spec);
        tally.add(self);
        let what = match self.fate {
            Fate::Split { .. } => tally.split_in_words().replacen("1 split", "split", 1),
            Fate::LeftOut => "left out".to_owned(),
            _ => spec.too_long.in_words().to_owned(),
        };
        let [num, over, limit] = [self.num_tokens, over, spec.max_length].map(thousands);
        Some(format!("{num} tokens, {over} beyond the limit of {limit}: {what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Rendered;

    fn told(too_long: TooLong, fates: &[(usize, Fate)]) -> Option<String> {
        let mut tally = Tally::new(RenderSpec { max_length: 10, too_long, ..RenderSpec::WHOLE });
        for (num_tokens, fate) in fates {
            let sample = Rendered { ids: vec![0; 3], is_trained: vec![true; 3] };
            let samples = if *fate == Fate::LeftOut { Vec::new() } else { vec![sample] };
            tally.add(&RenderedExample { samples, num_tokens: *num_tokens, fate: *fate, left_out: Vec::new() });
        }
        assert_eq!((tally.num_examples, tally.num_untrained), (fates.len(), 0));
        tally.in_words()
    }

    #[test]
    fn what_happened_is_told_with_its_numbers() {
        let fits = (10, Fate::Whole);
        assert_eq!(told(TooLong::Drop, &[fits, fits]), None);
        let left_out = [fits, (11, Fate::LeftOut), fits];
        assert_eq!(told(TooLong::Drop, &left_out).unwrap(), "1 of 3 examples is longer than 10 tokens: left out");
        let cut = [(12, Fate::CutRight { num_cut: 2 }), (13, Fate::CutRight { num_cut: 3 })];
        assert_eq!(told(TooLong::CutRight, &cut).unwrap(), "2 of 2 examples are longer than 10 tokens: cut at the end");
        let split = [
            (30, Fate::Split { num_parts: 3, num_left_out: 0 }),
            (25, Fate::Split { num_parts: 1, num_left_out: 1 }),
            (30, Fate::LeftOut),
        ];
        assert_eq!(
            told(TooLong::Split, &split).unwrap(),
            "3 of 3 examples are longer than 10 tokens: 2 split into 4 parts, 1 of their answers too long even alone, 1 \
             left out, for no answer fits"
        );
    }
}
