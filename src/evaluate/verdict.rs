//! Whether tuning worked: one judgement for the window, its rail and the command line. What a model answers counts for
//! more than its loss: a model that has learned the form of the answers has a low loss and may get none right.

use super::significance::{LEVEL, mcnemar, wilson};
use super::{EvaluationReport, is_exact_match};

/// How much better counts as better: what rounds to nothing is the same.
const LEAST_CHANGE: f64 = 0.005;
/// Fewer examples say nothing.
const FEWEST: u64 = 10;
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
    /// The first two contenders; `None` where nothing was compared.
    pub fn of(report: &EvaluationReport) -> Option<Self> {
        let mut sum = Self { num: 0, right_before: 0, right_after: 0, got_right: 0, went_wrong: 0 };
        for example in report.examples.iter().filter(|example| !example.expected.trim().is_empty()) {
            let (Some(before), Some(after)) = (example.answer(0), example.answer(1)) else { continue };
            let (before, after) = (is_exact_match(&example.expected, before), is_exact_match(&example.expected, after));
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
        if mcnemar(self.got_right, self.went_wrong) >= LEVEL {
            return Change::Same;
        }
        if self.got_right > self.went_wrong { Change::Better } else { Change::Worse }
    }
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
    /// Before and after; none where one of them gives no likelihoods.
    losses: Option<(f64, f64)>,
}

impl Judgement {
    /// `None` without a before or an after.
    pub fn of(report: &EvaluationReport) -> Option<Self> {
        let (before, after) = (report.before()?, report.after()?);
        let outcomes = Outcomes::of(report);
        let losses = before.loss().zip(after.loss());
        let loss = losses.map_or(Change::Same, |(before, after)| Change::of_loss(before, after));
        let num_examples = after.measured.map_or(report.examples.len(), |measured| measured.num_examples);
        Some(Self { verdict: judge(loss, num_examples as u64, outcomes), outcomes, losses })
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
        let losses = self.losses.map(|(before, after)| {
            let verb = match Change::of_loss(before, after) {
                Change::Better => "fell",
                Change::Same => "stayed",
                Change::Worse => "rose",
            };
            format!("Loss {verb} {} → {}", loss(before), loss(after))
        });
        let right =
            self.outcomes.map(|all| format!("{}, {} before", all.right_in_words(count), count(all.right_before)));
        losses.into_iter().chain(right).collect::<Vec<_>>().join(", ")
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
    let has_few_right = wilson(all.right_after, all.num).1 < FEW_RIGHT;
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
}
