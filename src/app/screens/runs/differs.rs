//! What differs between runs: data, settings, and how they went.

use crate::app::kit::format;
use crate::app::shell::words::model_name;
use crate::recipe::params;
use crate::run::RunRecord;

/// Digits of a hash that are enough to tell two data sets apart at a glance.
const HASH_DIGITS: usize = 6;

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Data,
    /// Under its name in recipes.
    Setting,
    /// It is another in every run, so that none is the odd one.
    Result,
}

/// One line of the table: a value for each run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub name: &'static str,
    pub kind: Kind,
    pub values: Vec<String>,
}

impl Fact {
    pub fn differs(&self) -> bool {
        self.values.windows(2).any(|pair| pair[0] != pair[1])
    }

    /// The value that most of them have, where two at least have the same.
    pub fn usual(&self) -> Option<&str> {
        let count = |value: &str| self.values.iter().filter(|other| *other == value).count();
        // The first of equals.
        let most = self.values.iter().rev().max_by_key(|value| count(value))?;
        (self.kind != Kind::Result && count(most) > 1).then_some(most.as_str())
    }
}

/// Everything that can differ.
pub fn facts(runs: &[&RunRecord]) -> Vec<Fact> {
    let fact = |name, kind, value: &dyn Fn(&RunRecord) -> String| Fact {
        name,
        kind,
        values: runs.iter().map(|run| value(run)).collect(),
    };
    let none = || "–".to_owned();
    let number = |value: Option<usize>| value.map_or_else(none, |num| format::thousands(num as u64));
    let hash = |run: &RunRecord| {
        run.about.data_sha256.as_ref().map_or_else(none, |hash| hash[..HASH_DIGITS.min(hash.len())].to_owned())
    };
    let mut facts = vec![
        fact("Model", Kind::Data, &|run| model_name(&run.model)),
        fact("Examples", Kind::Data, &|run| number(run.about.num_examples)),
        fact("Data", Kind::Data, &hash),
    ];
    facts.extend(
        params::PARAMS
            .iter()
            .map(|param| fact(param.name(), Kind::Setting, &|run| param.words(&(param.get)(&run.recipe)))),
    );
    facts.extend([
        fact("Steps", Kind::Result, &|run| format::thousands(run.num_steps_done as u64)),
        fact("Best step", Kind::Result, &|run| number(run.best_step)),
        fact("Lowest loss", Kind::Result, &|run| run.best_eval_loss.map_or_else(none, format::loss)),
        fact("Time, min:s", Kind::Result, &|run| minutes(run.secs)),
    ]);
    facts
}

/// `5:46`
fn minutes(secs: f64) -> String {
    let secs = secs.round().max(0.0) as u64;
    format!("{}:{:02}", format::thousands(secs / 60), secs % 60)
}

/// `22-3` of `2026-11-22-3`, where that is enough to tell them apart.
pub fn short_names<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let short = |name: &str| {
        let parts: Vec<&str> = name.split('-').collect();
        let is_dated = parts.len() == 4 && parts.iter().all(|part| part.parse::<u32>().is_ok());
        if is_dated { parts[2..].join("-") } else { name.to_owned() }
    };
    let shortened: Vec<String> = names.clone().map(short).collect();
    let is_unique = |name: &String| shortened.iter().filter(|other| *other == name).count() == 1;
    if shortened.iter().all(is_unique) { shortened } else { names.map(str::to_owned).collect() }
}

#[cfg(test)]
mod tests {
    use super::super::order::tests::record;
    use super::*;

    #[test]
    fn only_what_differs_is_told_apart() {
        let (a, mut b, c) = (record("a", Some(0.4), ""), record("b", None, ""), record("c", Some(0.4), ""));
        b.recipe.lora.r = 8;
        b.about.num_examples = Some(1008);
        b.about.data_sha256 = Some("7c1e00000000000".to_owned());
        let facts = facts(&[&a, &b, &c]);
        let differing: Vec<_> = facts.iter().filter(|fact| fact.differs()).collect();
        let names: Vec<_> = differing.iter().map(|fact| fact.name).collect();
        assert_eq!(names, ["Examples", "Data", "r", "Lowest loss"]);
        assert_eq!(differing[0].values, ["–", "1,008", "–"]);
        assert_eq!(differing[1].values[1], "7c1e00");
        assert_eq!(differing[2].usual(), Some("16"));
        assert_eq!(differing[3].usual(), None, "results differ as a matter of course");
        assert_eq!(facts.len(), 7 + params::PARAMS.len(), "every setting is compared");
    }

    #[test]
    fn names_are_short_where_that_is_enough() {
        let short = |names: &[&str]| short_names(names.iter().copied());
        assert_eq!(short(&["2026-11-22-3", "2026-11-21-4"]), ["22-3", "21-4"]);
        assert_eq!(short(&["2026-11-22-3", "2026-10-22-3"]), ["2026-11-22-3", "2026-10-22-3"]);
        assert_eq!(short(&["rank 8"]), ["rank 8"]);
    }
}
