//! May it be released? What is required of a run, checked against what was measured.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::metrics::{Direction, Scale};
use super::significance::Verdict3;
use super::{Findings, MetricFindings};

/// `exact_match>=0.8`: a bound on a metric of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Requirement {
    /// As the metric is asked for: `json_field:category`.
    pub metric: String,
    pub bound: Bound,
    /// In the metric's own scale: shares are 0 to 1, scores 0 to 100.
    pub value: f64,
}

/// Which side of the value is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    AtLeast,
    AtMost,
}

/// `exact_match>=0.8` isn't understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no requirement: write a metric, >= or <=, and a number, as in exact_match>=0.8")]
pub struct NoRequirement(String);

impl FromStr for Requirement {
    type Err = NoRequirement;

    fn from_str(text: &str) -> Result<Self, NoRequirement> {
        // The last one: a regular expression may have others.
        let found = [(">=", Bound::AtLeast), ("<=", Bound::AtMost)];
        let found =
            found.into_iter().filter_map(|(sign, bound)| Some((text.rfind(sign)?, bound))).max_by_key(|(at, _)| *at);
        let wrong = || NoRequirement(text.to_owned());
        let (at, bound) = found.ok_or_else(wrong)?;
        let metric = text[..at].trim();
        let value: f64 = text[at + 2..].trim().parse().map_err(|_| wrong())?;
        if metric.is_empty() || !value.is_finite() {
            return Err(wrong());
        }
        Ok(Self { metric: metric.to_owned(), bound, value })
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.bound == Bound::AtLeast { ">=" } else { "<=" };
        write!(f, "{}{sign}{}", self.metric, self.value)
    }
}

/// One line of the check list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    pub is_met: bool,
    /// `exact_match is 0.846, at least 0.8 is required`
    pub words: String,
}

/// SHIP, or DON'T SHIP, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    pub ships: bool,
    pub checks: Vec<Checked>,
}

impl Gate {
    /// Requires each bound of the contender and, if it is to be no worse than the first contender, that no metric is worse
    /// at the level `alpha` after Holm's correction for their number. Nothing required means that nothing ships.
    pub fn of(findings: &Findings, contender: usize, required: &[Requirement], no_worse: Option<f64>) -> Self {
        let mut checks: Vec<Checked> =
            required.iter().map(|requirement| check(findings, contender, requirement)).collect();
        if let Some(alpha) = no_worse {
            checks.push(no_worse_than_first(findings, contender, alpha));
        }
        if checks.is_empty() {
            checks.push(Checked { is_met: false, words: "nothing is required of it".to_owned() });
        }
        Self { ships: checks.iter().all(|check| check.is_met), checks }
    }

    pub fn title(&self) -> &'static str {
        if self.ships { "SHIP" } else { "DON'T SHIP" }
    }
}

fn check(findings: &Findings, contender: usize, requirement: &Requirement) -> Checked {
    let Some(metric) = findings.metrics.iter().find(|metric| metric.name == requirement.metric) else {
        let reason = findings.not_measured.iter().find(|(name, _)| *name == requirement.metric);
        let reason = reason.map_or_else(String::new, |(_, reason)| format!(": {reason}"));
        return Checked { is_met: false, words: format!("{} was not measured{reason}", requirement.metric) };
    };
    let Some(figure) = metric.figures.get(contender).copied().flatten() else {
        return Checked { is_met: false, words: format!("{} has no value", requirement.metric) };
    };
    let (is_met, side) = match requirement.bound {
        Bound::AtLeast => (figure.value >= requirement.value, "at least"),
        Bound::AtMost => (figure.value <= requirement.value, "at most"),
    };
    let digits = if matches!(metric.scale, Scale::Score) { 1 } else { 4 };
    let words = format!(
        "{} is {:.digits$} (95 % interval {:.digits$} to {:.digits$}), {side} {} is required",
        metric.name, figure.value, figure.low, figure.high, requirement.value
    );
    Checked { is_met, words }
}

fn no_worse_than_first(findings: &Findings, contender: usize, alpha: f64) -> Checked {
    let base = findings.contenders.first().map_or("the first", String::as_str);
    let telling = |metric: &&MetricFindings| metric.direction != Direction::Neither;
    let mut tests: Vec<(&str, f64, bool)> = findings
        .metrics
        .iter()
        .filter(telling)
        .filter_map(|metric| {
            let contrast = metric.contrasts.get(contender)?.as_ref()?;
            let is_lower = contrast.change < 0.0;
            let is_worse = is_lower == (metric.direction == Direction::HigherIsBetter) && contrast.change != 0.0;
            // One side is asked about, the tests are of both.
            let is_certain = matches!(contrast.verdict, Verdict3::Worse) || is_worse;
            Some((metric.name.as_str(), if is_certain { contrast.p_value / 2.0 } else { 1.0 }, is_worse))
        })
        .collect();
    if tests.is_empty() {
        return Checked { is_met: false, words: format!("nothing was measured of both it and {base}") };
    }
    // Holm 1979: the smallest p-value against alpha / number, the next against alpha / (number − 1), and so on.
    tests.sort_by(|a, b| a.1.total_cmp(&b.1));
    let num = tests.len();
    let worse: Vec<_> = tests
        .iter()
        .enumerate()
        .take_while(|(rank, (_, p_value, _))| *p_value <= alpha / (num - rank) as f64)
        .filter(|(_, (.., is_worse))| *is_worse)
        .map(|(_, (name, p_value, _))| format!("{name} (p = {p_value:.4})"))
        .collect();
    match worse.is_empty() {
        true => Checked { is_met: true, words: format!("no measure of {num} is worse than {base} at {alpha}") },
        false => Checked { is_met: false, words: format!("worse than {base}: {}", worse.join(", ")) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Figure;
    use crate::evaluate::significance::Contrast;

    fn findings(of: &[(&str, f64, f64, f64)]) -> Findings {
        let metric = |(name, value, change, p_value): &(&str, f64, f64, f64)| MetricFindings {
            name: (*name).to_owned(),
            title: String::new(),
            about: String::new(),
            direction: if *name == "loss" { Direction::LowerIsBetter } else { Direction::HigherIsBetter },
            scale: Scale::Share,
            figures: vec![None, Some(Figure { value: *value, low: value - 0.1, high: value + 0.1, num: 50 })],
            contrasts: vec![
                None,
                Some(Contrast {
                    change: *change,
                    low: 0.0,
                    high: 0.0,
                    p_value: *p_value,
                    test: "a test".to_owned(),
                    verdict: Verdict3::CantTell { num: 50, would_do: None },
                }),
            ],
            values: Vec::new(),
        };
        Findings {
            contenders: vec!["released".to_owned(), "new".to_owned()],
            metrics: of.iter().map(metric).collect(),
            not_measured: vec![("json_valid".to_owned(), "the answers are no JSON".to_owned())],
            ..Findings::default()
        }
    }

    fn required(texts: &[&str]) -> Vec<Requirement> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn requirements_are_read_and_written() {
        for text in ["exact_match>=0.8", "loss<=0.5", "regex:^>=1$>=0.5"] {
            assert_eq!(text.parse::<Requirement>().unwrap().to_string(), text);
        }
        for wrong in ["exact_match", "exact_match>0.8", ">=0.8", "a>=x", "a>=inf"] {
            assert!(wrong.parse::<Requirement>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_ships_if_every_bound_is_met() {
        let findings = findings(&[("exact_match", 0.85, 0.1, 0.01), ("loss", 0.4, -0.2, 0.01)]);
        let ships = |texts: &[&str]| Gate::of(&findings, 1, &required(texts), None);
        assert!(ships(&["exact_match>=0.8", "loss<=0.5"]).ships);
        assert!(!ships(&["exact_match>=0.9", "loss<=0.5"]).ships);
        let unmeasured = ships(&["json_valid>=0.8"]);
        assert!(!unmeasured.ships && unmeasured.checks[0].words.contains("the answers are no JSON"));
        assert!(!ships(&["unheard>=0.8"]).ships && !ships(&[]).ships, "nothing required means that nothing ships");
    }

    #[test]
    fn it_does_not_ship_if_it_is_worse_than_chance_would_make_it() {
        let worse = |of: &[(&str, f64, f64, f64)]| !Gate::of(&findings(of), 1, &[], Some(0.05)).ships;
        assert!(worse(&[("exact_match", 0.5, -0.3, 0.001)]));
        assert!(worse(&[("loss", 0.5, 0.3, 0.001)]), "a loss that rose is worse");
        assert!(!worse(&[("exact_match", 0.5, 0.3, 0.001), ("loss", 0.5, -0.3, 0.001)]));
        assert!(!worse(&[("exact_match", 0.5, -0.02, 0.6)]), "that may be chance");
        let many: Vec<_> = (0..10).map(|_| ("exact_match", 0.5, -0.02, 0.06)).collect();
        assert!(!worse(&many), "of ten measures, one looks worse by chance");
        assert!(worse(&many[..1]), "alone it would count");
    }
}
