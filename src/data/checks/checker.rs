//! All checks over all examples: they are read once, in batches, and only hashes and numbers of them are kept.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Instant;

use rayon::prelude::*;

use super::digest::{Digest, Languages, Parts};
use super::groups::{Groups, Key, Origin, Origins};
use super::json::Json;
use super::labels::{Field, LabelSet, Labels, LabelsByFile};
use super::language::Spoken;
use super::lengths::Usual;
use super::near::Shingles;
use super::row::Row;
use super::{Check, CheckReport, Finding, copies, encoding, near, privacy, refusal, turns};
use crate::data::Example;
use crate::task::Task;
use crate::words::{count, thousands};

/// What a person may want otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Prompts that have this share of their word triples in common are near-duplicates.
    pub similarity: f64,
    /// Fields not named here are known by what most answers have.
    pub label_sets: Vec<LabelSet>,
}

impl Default for Options {
    fn default() -> Self {
        Self { similarity: 0.8, label_sets: Vec::new() }
    }
}

/// What a model's tokenizer and template make of an example.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RenderFacts {
    /// Before anything is cut.
    pub num_tokens: usize,
    /// The length of an example beyond the limit, and what becomes of it.
    pub too_long: Option<String>,
    /// How many tokens the loss counts, after cutting.
    pub num_trained: usize,
    /// The loss counts the token that ends the last answer, or would without cutting.
    pub ends_turn: bool,
    /// Marks of the text's beginning at its beginning.
    pub num_bos: usize,
    /// What the template leaves out or changes, a sentence each.
    pub left_out: Vec<String>,
}

/// Why a model's template can't write an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// A sentence.
    pub reason: String,
    /// Whether it takes the example once its system turn is in the first question.
    pub takes_folded: bool,
}

/// Asks a model, which this module doesn't know.
pub trait Rendering: Sync {
    /// What the model makes of an example.
    ///
    /// # Errors
    /// Where the model's template refuses it.
    fn facts(&self, example: &Example) -> Result<RenderFacts, Refused>;
}

/// Takes all examples in, then reports what it found.
pub struct Checker<'a> {
    options: Options,
    rendering: Option<&'a dyn Rendering>,
    findings: Vec<Finding>,
    digests: Vec<Digest>,
    shingles: Shingles,
    labels: LabelsByFile,
    /// Index and problem of answers that aren't JSON, in case most are.
    json_problems: Vec<(u32, Cow<'static, str>)>,
    lengths: Vec<(i64, u32)>,
    origins: Origins,
    /// The languages of prompts and answers, so far.
    spoken: HashMap<Key, [Spoken; 2]>,
    started: Instant,
}

impl<'a> Checker<'a> {
    pub fn new(options: Options, rendering: Option<&'a dyn Rendering>) -> Self {
        Self {
            options,
            rendering,
            findings: Vec::new(),
            digests: Vec::new(),
            shingles: Shingles::default(),
            labels: LabelsByFile::default(),
            json_problems: Vec::new(),
            lengths: Vec::new(),
            origins: Origins::default(),
            spoken: HashMap::new(),
            started: Instant::now(),
        }
    }

    /// Checks the examples each by itself, on all cores, and keeps what the comparison of all needs.
    pub fn add(&mut self, rows: &[Row]) {
        let rendering = self.rendering;
        let origins: Vec<Origin> = rows.par_iter().map(Origin::of).collect();
        origins.iter().for_each(|origin| self.origins.add(origin));
        let usual: HashMap<Key, Languages> =
            self.spoken.iter().map(|(key, spoken)| (*key, Languages::usual(spoken))).collect();
        let check = |(row, origin): (&Row, &Origin)| {
            // The first batches show what is usual.
            let usual = usual.get(&self.origins.key(origin)).copied().unwrap_or_default();
            (single(row, rendering), Parts::of(row, *origin, usual))
        };
        let checked: Vec<_> = rows.par_iter().zip(&origins).map(check).collect();
        for ((findings, num_tokens), parts) in checked {
            let (index, digest) = (self.digests.len() as u32, parts.digest);
            self.findings.extend(findings);
            self.lengths.extend(num_tokens.map(|num_tokens| (digest.id, num_tokens)));
            self.shingles.push(&parts.shingles);
            self.labels.push(index, digest.origin.file(), parts.labels);
            self.json_problems.extend(parts.json_problem.map(|problem| (index, problem)));
            listen(self.spoken.entry(self.origins.key(&digest.origin)).or_default(), &digest);
            self.digests.push(digest);
        }
    }

    pub fn num_examples(&self) -> u64 {
        self.digests.len() as u64
    }

    /// Ids and lengths in tokens, where there is a model to count them.
    pub fn take_lengths(&mut self) -> Vec<(i64, u32)> {
        std::mem::take(&mut self.lengths)
    }

    /// Compares all with each other; `None` if it was stopped.
    pub fn finish(mut self, task: &dyn Task) -> Option<CheckReport> {
        let clusters = near::clusters(&self.shingles, self.options.similarity, task)?;
        let mut findings = std::mem::take(&mut self.findings);
        findings.extend(copies::find(&self.digests, clusters));
        let groups = Groups::new(&self.origins, self.digests.iter().map(|digest| &digest.origin));
        let labels = std::mem::take(&mut self.labels).by_group(&groups);
        findings.extend(self.other_shapes(&groups));
        findings.extend(self.unknown_labels(&labels));
        findings.extend(labels.iter().flat_map(|labels| self.label_findings(labels)));
        findings.extend(self.other_languages(&groups));
        findings.extend(self.unusual_lengths(&groups, &labels));
        // Stable: groups and examples stay in their order.
        findings.sort_by_key(|finding| (finding.check, finding.group));
        let needs_model = |check: &Check| check.needs_model() && self.rendering.is_none();
        Some(CheckReport {
            num_examples: self.num_examples(),
            findings,
            skipped: Check::ALL.into_iter().filter(needs_model).collect(),
            off: Vec::new(),
            num_not_faults: 0,
            secs: self.started.elapsed().as_secs_f64(),
        })
    }

    fn finding(&self, check: Check, index: u32, detail: String) -> Finding {
        Finding { check, id: self.digests[index as usize].id, detail, group: None }
    }

    /// Answers of another shape, only where most of a group are JSON; text among them is reported where nearly all are.
    fn other_shapes(&self, groups: &Groups) -> Vec<Finding> {
        const MIN_VALID: usize = 5;
        const NEARLY_ALL: f64 = 0.8;
        let (mut valid, mut all) = (vec![0_usize; groups.len()], vec![0_usize; groups.len()]);
        for (index, digest) in (0..).zip(&self.digests) {
            valid[groups.of(index)] += usize::from(digest.json == Json::Valid);
            all[groups.of(index)] += usize::from(digest.json != Json::Empty);
        }
        let finding = |(index, problem): &(u32, Cow<'static, str>)| {
            let group = groups.of(*index);
            let (num, of) = (valid[group], all[group]);
            let is_json = num >= MIN_VALID && 2 * num >= of;
            match self.digests[*index as usize].json {
                Json::Broken if is_json => Some(self.finding(Check::InvalidJson, *index, problem.to_string())),
                Json::Other if is_json && num as f64 >= NEARLY_ALL * of as f64 => {
                    let which = groups.key(group).in_words();
                    let detail = format!("{problem}, where {num} of {of} answers {which} are JSON");
                    Some(self.finding(Check::OtherShape, *index, detail))
                }
                _ => None,
            }
        };
        self.json_problems.iter().filter_map(finding).collect()
    }

    /// Labels that are not in the sets which the person gave; examples of another task are not meant by them.
    fn unknown_labels(&self, groups: &[Labels]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for set in &self.options.label_sets {
            let fields: Vec<&Field> = groups
                .iter()
                .filter_map(|labels| labels.field_named(&set.field))
                .filter(|field| field.num_examples() > 0)
                .collect();
            let is_meant = |field: &&&Field| fields.len() == 1 || field.knows(&set.labels);
            for (label, respelling) in fields.iter().filter(is_meant).flat_map(|field| field.unknown(&set.labels)) {
                let tell = |row: &u32| self.finding(Check::UnknownLabel, *row, respelling.to_string());
                findings.extend(label.rows.iter().map(tell));
            }
        }
        findings
    }

    /// What is wrong with the labels of one group.
    fn label_findings(&self, labels: &Labels) -> Vec<Finding> {
        let mut findings = Vec::new();
        for field in labels.label_fields() {
            let has_set = self.options.label_sets.iter().any(|set| set.field == field.name);
            let misspelled = if has_set { Vec::new() } else { field.misspelled() };
            for (label, respelling) in &misspelled {
                let tell = |row: &u32| self.finding(Check::UnknownLabel, *row, respelling.to_string());
                findings.extend(label.rows.iter().map(tell));
            }
            let is_misspelled = |text: &str| misspelled.iter().any(|(label, _)| label.text == text);
            for label in field.rare().filter(|label| !is_misspelled(&label.text)) {
                let detail = format!("{} {:?} has {} in all", field.name, label.text, examples(label.rows.len()));
                findings.extend(label.rows.iter().map(|row| self.finding(Check::RareLabel, *row, detail.clone())));
            }
            if let Some(label) = field.dominant() {
                let (most, all) = (label.rows.len(), field.num_examples());
                let (most, all) = (thousands(most), examples(all));
                let detail = format!("{} {:?} has {most} of {all} (this is the first)", field.name, label.text);
                findings.extend(label.rows.iter().min().map(|row| self.finding(Check::Imbalance, *row, detail)));
            }
        }
        findings
    }

    fn other_languages(&self, groups: &Groups) -> Vec<Finding> {
        let mut spoken: Vec<[Spoken; 2]> = vec![Default::default(); groups.len()];
        for (index, digest) in (0..).zip(&self.digests) {
            listen(&mut spoken[groups.of(index)], digest);
        }
        let usual: Vec<Languages> = spoken.iter().map(Languages::usual).collect();
        let mut findings = Vec::new();
        for (index, digest) in (0..).zip(&self.digests) {
            let Languages { prompts: of_prompts, answers: of_answers } = usual[groups.of(index)];
            let prompt = digest.prompt_language.zip(of_prompts).map(|pair| (pair, "prompt"));
            let answer = digest.answer_language.zip(of_answers).map(|pair| (pair, "answer"));
            let other = [prompt, answer].into_iter().flatten().find(|((own, usual), _)| own.is_other_than(*usual));
            findings.extend(other.map(|((own, usual), of)| {
                let detail = format!("the {of} is in {}, most are in {}", own.lang.eng_name(), usual.eng_name());
                self.finding(Check::OtherLanguage, index, detail)
            }));
        }
        findings
    }

    fn unusual_lengths(&self, groups: &Groups, labels: &[Labels]) -> Vec<Finding> {
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); groups.len()];
        (0..self.digests.len() as u32).for_each(|index| members[groups.of(index)].push(index));
        let mut findings = Vec::new();
        for (group, members) in members.iter().enumerate() {
            let digests = || members.iter().map(|index| &self.digests[*index as usize]);
            let prompts = Usual::of(digests().map(|digest| digest.prompt_chars));
            // Labels differ in length for no reason.
            let are_labels = labels[group].label_fields().any(|field| field.num_examples() * 2 > groups.size(group));
            let answers = Usual::of(digests().map(|digest| digest.answer_chars)).filter(|_| !are_labels);
            for (index, digest) in members.iter().zip(digests()) {
                let detail = prompts
                    .and_then(|usual| usual.unusual(digest.prompt_chars, "a prompt"))
                    .or_else(|| answers.and_then(|usual| usual.unusual(digest.answer_chars, "an answer")));
                findings.extend(detail.map(|detail| self.finding(Check::LengthOutlier, *index, detail)));
            }
        }
        findings
    }
}

/// Prompts and answers each have their language: in translations they differ.
fn listen(spoken: &mut [Spoken; 2], digest: &Digest) {
    let [prompts, answers] = spoken;
    digest.prompt_language.iter().for_each(|detected| prompts.add(detected.lang));
    digest.answer_language.iter().for_each(|detected| answers.add(detected.lang));
}

impl Languages {
    fn usual([prompts, answers]: &[Spoken; 2]) -> Self {
        Self { prompts: prompts.dominant(), answers: answers.dominant() }
    }
}

fn examples(num: usize) -> String {
    count(num, "example", "examples")
}

/// What can be said of an example alone, and its length in tokens.
fn single(row: &Row, rendering: Option<&dyn Rendering>) -> (Vec<Finding>, Option<u32>) {
    let example = &row.example;
    let messages = &example.messages;
    let mut findings = Vec::new();
    let mut tell = |check, detail: Option<String>| {
        findings.extend(detail.map(|detail| Finding { check, id: row.id, detail, group: None }));
    };
    tell(Check::EmptyTurn, turns::empty(example));
    let disorder = turns::disorder(messages);
    let is_in_order = disorder.is_none();
    tell(Check::RoleOrder, disorder);
    tell(Check::OuterWhitespace, turns::outer_whitespace(messages));
    let mark = turns::mark(messages);
    let has_mark = mark.is_some();
    tell(Check::DoubledBos, mark);
    let in_turn = |f: &dyn Fn(&str) -> Option<String>| {
        messages.iter().find_map(|m| Some(format!("{} in the {} turn", f(&m.content)?, m.role.as_str())))
    };
    tell(Check::EncodingDamage, in_turn(&encoding::damage));
    let found = |places: &dyn Fn(&str) -> Vec<privacy::Found>| {
        in_turn(&|text| Some(places(text)).filter(|places| !places.is_empty()).map(|places| privacy::in_words(&places)))
    };
    tell(Check::Secret, found(&privacy::secrets));
    tell(Check::PersonalData, found(&privacy::personal_data));
    let refusal = example.answer().and_then(refusal::refusal);
    tell(Check::Refusal, refusal.map(|words| format!("\"{words}\"")));
    let untrained = turns::nothing_trained(messages);
    let facts = rendering.map(|rendering| rendering.facts(example));
    let num_tokens = facts.as_ref().and_then(|facts| facts.as_ref().ok()).map(|facts| facts.num_tokens as u32);
    match facts.filter(|_| untrained.is_none()) {
        None => tell(Check::NothingTrained, untrained),
        Some(Err(refused)) if is_in_order && refused.takes_folded => {
            let detail = format!("the model's template refuses the system turn ({})", refused.reason);
            tell(Check::RoleOrder, Some(detail));
        }
        Some(Err(refused)) if is_in_order => tell(Check::TemplateRefusal, Some(refused.reason)),
        Some(Err(_)) => {}
        Some(Ok(facts)) => {
            let untrained = match facts.too_long.is_some() {
                true => "the answer lies beyond the limit",
                false => "no token of the answer counts",
            };
            tell(Check::TooLong, facts.too_long);
            tell(Check::NothingTrained, (facts.num_trained == 0).then(|| untrained.to_owned()));
            let no_end = "the template writes no end after the last answer";
            tell(Check::TemplateOmission, Some(facts.left_out.join("; ")).filter(|told| !told.is_empty()));
            tell(Check::MissingEndOfTurn, (!facts.ends_turn).then(|| no_end.to_owned()));
            let doubled = facts.num_bos > 1 && !has_mark;
            tell(Check::DoubledBos, doubled.then(|| "the text begins with its mark of the beginning twice".to_owned()));
        }
    }
    (findings, num_tokens)
}
