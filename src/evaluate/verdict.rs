//! Whether tuning worked: one judgement for the window, its rail and the command line. What a model answers counts for
//! more than its loss: a model that has learned the form of the answers has a low loss and may get none right.

use super::{AnsweredExample, EvaluationReport, is_exact_match};

/// How much better counts as better: what rounds to nothing is the same.
const LEAST_CHANGE: f64 = 0.005;
/// Fewer examples say nothing.
const FEWEST: u64 = 10;
/// A change of the answers counts as one if chance alone would bring it more seldom than this.
const LEVEL: f64 = 0.05;
/// Below this share of right answers, for all that is known, the answers are not learned.
const FEW_RIGHT: f64 = 0.3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Better,
    Same,
    Worse,
}

impl Change {
    /// The change of a measure where less is better.
    pub fn of_loss(before: f64, after: f64) -> Self {
        match (after - before) / before.abs().max(f64::EPSILON) {
            change if change < -LEAST_CHANGE => Self::Better,
            change if change > LEAST_CHANGE => Self::Worse,
            _ => Self::Same,
        }
    }

    pub fn of_share(before: f64, after: f64) -> Self {
        match after - before {
            change if change > LEAST_CHANGE => Self::Better,
            change if change < -LEAST_CHANGE => Self::Worse,
            _ => Self::Same,
        }
    }
}

/// How the answers before and after compare with the expected ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcomes {
    /// That have an expected answer and one of each model.
    pub num: u64,
    pub right_before: u64,
    pub right_after: u64,
    /// Wrong before and right after.
    pub got_right: u64,
    pub went_wrong: u64,
}

impl Outcomes {
    /// `None` where nothing was compared.
    pub fn of(answers: &[AnsweredExample]) -> Option<Self> {
        let mut sum = Self { num: 0, right_before: 0, right_after: 0, got_right: 0, went_wrong: 0 };
        for answer in answers.iter().filter(|answer| !answer.expected.trim().is_empty()) {
            let (Some(before), Some(after)) = (&answer.before, &answer.after) else { continue };
            let (before, after) = (is_exact_match(&answer.expected, before), is_exact_match(&answer.expected, after));
            sum.num += 1;
            sum.right_before += u64::from(before);
            sum.right_after += u64::from(after);
            sum.got_right += u64::from(after && !before);
            sum.went_wrong += u64::from(before && !after);
        }
        (sum.num > 0).then_some(sum)
    }

    /// Whether the answers changed by more than chance would change them: the exact sign test of the answers that are
    /// right on one side only (McNemar).
    fn change(&self) -> Change {
        let (more, fewer) = (self.got_right.max(self.went_wrong), self.got_right.min(self.went_wrong));
        if sign_test(more, fewer) >= LEVEL {
            return Change::Same;
        }
        if self.got_right > self.went_wrong { Change::Better } else { Change::Worse }
    }
}

/// How likely chance alone brings `more` of one kind and `fewer` of the other, or something more uneven.
fn sign_test(more: u64, fewer: u64) -> f64 {
    let num = more + fewer;
    let log_choose = |k: u64| -> f64 { (1..=k).map(|i| (((num - k + i) as f64) / i as f64).ln()).sum() };
    let tail: f64 = (0..=fewer).map(|k| (log_choose(k) - num as f64 * std::f64::consts::LN_2).exp()).sum();
    (2.0 * tail).min(1.0)
}

/// The upper end of Wilson's 95 % interval.
fn highest_share(right: u64, num: u64) -> f64 {
    const Z: f64 = 1.96;
    let (n, p) = (num.max(1) as f64, right as f64 / num.max(1) as f64);
    let middle = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    (middle + half) / (1.0 + Z * Z / n)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The answers got better, or the loss where no answers were asked for.
    Worked,
    /// The loss fell, and hardly an answer is right.
    FormOnly,
    /// Loss and answers disagree.
    Mixed,
    TooFew,
    Little,
    Worse,
}

impl Verdict {
    /// Green.
    pub fn is_good(self) -> bool {
        self == Self::Worked
    }

    /// More steps may be what is missing.
    pub fn asks_for_more(self) -> bool {
        matches!(self, Self::FormOnly | Self::Mixed | Self::Little)
    }
}

/// A verdict with what it is based on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    pub verdict: Verdict,
    pub outcomes: Option<Outcomes>,
    loss_before: f64,
    loss_after: f64,
}

impl Judgement {
    /// `None` without a before or an after.
    pub fn of(report: &EvaluationReport) -> Option<Self> {
        let (before, after) = (report.before.as_ref()?, report.after.as_ref()?);
        let outcomes = Outcomes::of(&report.answers);
        let loss = Change::of_loss(before.loss, after.loss);
        let verdict = judge(loss, after.num_examples as u64, outcomes);
        Some(Self { verdict, outcomes, loss_before: before.loss, loss_after: after.loss })
    }

    pub fn title(&self) -> &'static str {
        match self.verdict {
            Verdict::Worked => "Tuning worked",
            Verdict::FormOnly => "Learned the form, not yet the answers",
            Verdict::Mixed => "Loss and answers disagree",
            Verdict::TooFew => "Too few to tell",
            Verdict::Little => "Tuning changed little",
            Verdict::Worse => "Tuning made it worse",
        }
    }

    /// `Loss fell 4.050 → 0.610, 12 of 49 right, 3 before`, with numbers as the reader writes them.
    pub fn in_words(&self, count: fn(u64) -> String, loss: fn(f64) -> String) -> String {
        let (before, after) = (loss(self.loss_before), loss(self.loss_after));
        let losses = match Change::of_loss(self.loss_before, self.loss_after) {
            Change::Better => format!("Loss fell {before} → {after}"),
            Change::Same => format!("Loss stayed {before} → {after}"),
            Change::Worse => format!("Loss rose {before} → {after}"),
        };
        match self.outcomes {
            Some(all) => format!("{losses}, {}, {} before", all.right_in_words(count), count(all.right_before)),
            None => losses,
        }
    }
}

impl Outcomes {
    /// `12 of 49 right`
    pub fn right_in_words(&self, count: fn(u64) -> String) -> String {
        format!("{} of {} right", count(self.right_after), count(self.num))
    }
}

fn judge(loss: Change, num_examples: u64, outcomes: Option<Outcomes>) -> Verdict {
    let Some(all) = outcomes else {
        return match loss {
            _ if num_examples < FEWEST => Verdict::TooFew,
            Change::Better => Verdict::Worked,
            Change::Same => Verdict::Little,
            Change::Worse => Verdict::Worse,
        };
    };
    match (all.change(), loss) {
        (Change::Better, Change::Worse) => return Verdict::Mixed,
        (Change::Better, _) => return Verdict::Worked,
        (Change::Worse, _) => return Verdict::Worse,
        (Change::Same, _) if all.num < FEWEST => return Verdict::TooFew,
        (Change::Same, _) => {}
    }
    let has_more_right = all.right_after > all.right_before;
    let is_all_right = all.right_before == all.num && all.right_after == all.num;
    let has_few_right = highest_share(all.right_after, all.num) < FEW_RIGHT;
    match loss {
        Change::Better if is_all_right => Verdict::Little,
        Change::Better if has_few_right && all.right_after >= all.right_before => Verdict::FormOnly,
        Change::Better | Change::Same if has_more_right => Verdict::TooFew,
        Change::Better => Verdict::Mixed,
        Change::Same => Verdict::Little,
        Change::Worse if has_more_right => Verdict::Mixed,
        Change::Worse => Verdict::Worse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Outcomes of `num` answers: right on both sides, only after, only before.
    fn outcomes(num: u64, both: u64, got_right: u64, went_wrong: u64) -> Option<Outcomes> {
        let (right_before, right_after) = (both + went_wrong, both + got_right);
        Some(Outcomes { num, right_before, right_after, got_right, went_wrong })
    }

    #[test]
    fn answers_count_for_more_than_the_loss() {
        use Change::{Better, Same, Worse};
        let check = |loss, outcomes: Option<Outcomes>, expected| {
            assert_eq!(judge(loss, 49, outcomes), expected, "{loss:?} {outcomes:?}");
        };
        check(Better, outcomes(49, 0, 24, 0), Verdict::Worked);
        check(Same, outcomes(49, 3, 24, 2), Verdict::Worked);
        check(Better, outcomes(6, 0, 6, 0), Verdict::Worked);
        check(Better, None, Verdict::Worked);
        check(Better, outcomes(49, 0, 0, 0), Verdict::FormOnly);
        check(Better, outcomes(10, 0, 0, 0), Verdict::FormOnly);
        check(Better, outcomes(49, 0, 3, 0), Verdict::FormOnly);
        check(Better, outcomes(49, 0, 3, 4), Verdict::Mixed);
        check(Better, outcomes(49, 20, 0, 3), Verdict::Mixed);
        check(Worse, outcomes(49, 0, 24, 0), Verdict::Mixed);
        check(Worse, outcomes(49, 20, 3, 0), Verdict::Mixed);
        check(Better, outcomes(49, 20, 3, 0), Verdict::TooFew);
        check(Better, outcomes(3, 0, 1, 0), Verdict::TooFew);
        check(Better, outcomes(9, 0, 0, 0), Verdict::TooFew);
        check(Better, outcomes(49, 49, 0, 0), Verdict::Little);
        check(Same, outcomes(49, 20, 0, 0), Verdict::Little);
        check(Same, None, Verdict::Little);
        check(Better, outcomes(49, 10, 2, 20), Verdict::Worse);
        check(Worse, outcomes(49, 20, 0, 0), Verdict::Worse);
        check(Worse, None, Verdict::Worse);
        assert_eq!(judge(Better, 9, None), Verdict::TooFew);
    }

    #[test]
    fn chance_and_intervals_are_as_in_the_tables() {
        let near = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-4, "{value}, not {expected}");
        // R: binom.test(5, 5), binom.test(6, 6), binom.test(8, 10), binom.test(3, 6).
        near(sign_test(5, 0), 0.0625);
        near(sign_test(6, 0), 0.03125);
        near(sign_test(8, 2), 0.109_375);
        near(sign_test(3, 3), 1.0);
        near(sign_test(0, 0), 1.0);
        // R: prop.test without continuity correction.
        near(highest_share(0, 10), 0.2775);
        near(highest_share(10, 49), 0.3364);
        assert!(sign_test(3000, 2000) < 1e-9, "many answers");
    }
}
