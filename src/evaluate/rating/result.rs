//! What a session comes to.

use serde::Serialize;

use super::decided::is_decided;
use super::ratings::{Choice, Rated, Rating, Verdict, Which};
use super::session::Session;
use super::statistics::{sign_test, wilson};
use crate::evaluate::significance::kappa;
use crate::words::{count, thousands};

/// Below this a split counts as uneven.
const ALPHA: f64 = 0.05;

/// How often what was said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub first: usize,
    pub second: usize,
    pub ties: usize,
    pub both_bad: usize,
    pub skipped: usize,
}

impl Tally {
    fn add(&mut self, verdict: Option<Verdict>) {
        *match verdict {
            Some(Verdict::Better(Which::First)) => &mut self.first,
            Some(Verdict::Better(Which::Second)) => &mut self.second,
            Some(Verdict::Tie) => &mut self.ties,
            Some(Verdict::BothBad) => &mut self.both_bad,
            None => &mut self.skipped,
        } += 1;
    }

    /// Those where one of the two is better.
    pub fn decided(&self) -> usize {
        self.first + self.second
    }

    /// Those where anything was said.
    pub fn rated(&self) -> usize {
        self.decided() + self.ties + self.both_bad
    }

    /// How often the second is better, of those where one is; `None` where none is.
    pub fn win_rate(&self) -> Option<f64> {
        (self.decided() > 0).then(|| self.second as f64 / self.decided() as f64)
    }
}

/// Where the better answer stood: whether somebody favours a side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Positions {
    pub left: usize,
    pub right: usize,
    /// The exact sign test; none without a choice.
    pub p_value: Option<f64>,
}

impl Positions {
    fn of<'a>(ratings: impl Iterator<Item = &'a Rating>) -> Self {
        let (mut left, mut right) = (0, 0);
        for rating in ratings {
            match rating.choice {
                Choice::Left => left += 1,
                Choice::Right => right += 1,
                Choice::Tie | Choice::BothBad | Choice::Skip => {}
            }
        }
        Self { left, right, p_value: sign_test(left, right) }
    }

    /// `A was chosen 16 of 28 times: no sign of a favoured side`
    pub fn in_words(&self) -> String {
        let num = self.left + self.right;
        let words = match self.p_value {
            None => return "No answer was preferred, so nothing can be said of the sides".to_owned(),
            Some(p) if p >= ALPHA => "no sign of a favoured side",
            Some(_) if self.left > self.right => "the left side seems to be favoured",
            Some(_) => "the right side seems to be favoured",
        };
        format!("A was chosen {} of {}: {words}", thousands(self.left), count(num, "time", "times"))
    }
}

/// One person's choices.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ByRater {
    pub rater: String,
    pub tally: Tally,
    pub positions: Positions,
}

/// How far two people agree on the prompts that both rated; the kinds are first, second, tie and both bad.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement {
    pub raters: [String; 2],
    pub num_shared: usize,
    pub num_agreeing: usize,
    /// Cohen's; none where it isn't defined.
    pub kappa: Option<f64>,
}

impl Agreement {
    /// `Ada and Bo agree on 24 of 30 prompts, kappa 0.62`
    pub fn in_words(&self) -> String {
        let [a, b] = &self.raters;
        if self.num_shared == 0 {
            return format!("{a} and {b} rated no prompt in common");
        }
        let kappa =
            self.kappa.map_or_else(|| "kappa isn't defined here".to_owned(), |k| format!("kappa {}", signed(k)));
        let (agreeing, all) = (thousands(self.num_agreeing), count(self.num_shared, "prompt", "prompts"));
        format!("{a} and {b} agree on {agreeing} of {all}, {kappa}")
    }
}

fn signed(value: f64) -> String {
    format!("{value:.2}").replace('-', "−")
}

/// See the module. What all say together counts each prompt once.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    pub session: String,
    /// The names of the two models.
    pub models: [String; 2],
    pub num_prompts: usize,
    pub tally: Tally,
    /// The second's, over the prompts where one of the two is better.
    pub win_rate: Option<f64>,
    /// Wilson's, at 95 %.
    pub interval: Option<(f64, f64)>,
    /// The exact sign test.
    pub p_value: Option<f64>,
    /// By a rule that holds however often one looks: see `decided`.
    pub is_decided: bool,
    pub positions: Positions,
    pub by_rater: Vec<ByRater>,
    pub agreements: Vec<Agreement>,
}

impl Summary {
    pub fn of(rated: &Rated) -> Self {
        let session = &rated.session;
        let mut tally = Tally::default();
        for item in 0..session.items.len() {
            if rated.ratings.iter().any(|rating| rating.item == item) {
                tally.add(rated.together(item));
            }
        }
        let raters = rated.raters();
        let by_rater = raters.iter().map(|rater| {
            let mut tally = Tally::default();
            rated.of_rater(rater).for_each(|rating| tally.add(rated.verdict(rating)));
            ByRater { rater: (*rater).to_owned(), tally, positions: Positions::of(rated.of_rater(rater)) }
        });
        let pairs = raters.iter().enumerate().flat_map(|(at, a)| raters[at + 1..].iter().map(move |b| (*a, *b)));
        Self {
            session: session.name.clone(),
            models: session.models.clone().map(|model| model.name),
            num_prompts: session.items.len(),
            tally,
            win_rate: tally.win_rate(),
            interval: wilson(tally.second, tally.decided()),
            p_value: sign_test(tally.second, tally.first),
            is_decided: is_decided(tally.second, tally.first),
            positions: Positions::of(rated.ratings.iter()),
            by_rater: by_rater.collect(),
            agreements: pairs.map(|(a, b)| agreement(rated, a, b)).collect(),
        }
    }

    /// The verdict first: `After is preferred`.
    pub fn title(&self, names: [&str; 2]) -> String {
        let ahead = if self.tally.second > self.tally.first { names[1] } else { names[0] };
        match (self.tally.decided(), self.is_decided) {
            (0, _) => "Nothing is decided yet".to_owned(),
            (_, true) => format!("{ahead} is preferred"),
            (_, false) => "Too close to call so far".to_owned(),
        }
    }

    /// `87 % of 31 decided, 95 % interval 71–95 %`; nothing where nothing is decided.
    pub fn rate_in_words(&self) -> Option<String> {
        let (rate, (low, high)) = (self.win_rate?, self.interval?);
        let decided = thousands(self.tally.decided());
        let percent = |share: f64| format!("{:.0}", 100.0 * share);
        Some(format!("{} % of {decided} decided, 95 % interval {}–{} %", percent(rate), percent(low), percent(high)))
    }

    /// What the sign test and the rule for stopping say.
    pub fn test_in_words(&self) -> String {
        let Some(p) = self.p_value else { return "Neither answer was preferred anywhere".to_owned() };
        let p = if p < 0.001 { "< 0.001".to_owned() } else { format!("= {p:.3}") };
        let rule = match self.is_decided {
            true => "decided, by a rule that errs in at most 5 % of sessions however often one looks",
            false => "not decided, by a rule that errs in at most 5 % of sessions however often one looks",
        };
        format!("Exact sign test p {p}; {rule}")
    }

    /// What more is needed at the least, or that nothing is.
    pub fn hint(&self) -> String {
        let wins = self.tally.first.max(self.tally.second);
        let losses = self.tally.first.min(self.tally.second);
        if self.is_decided {
            return "Decided: more ratings only narrow the interval".to_owned();
        }
        let more = (1..=2 * wins + losses + Session::least_to_decide()).find(|more| is_decided(wins + more, losses));
        let more = more.map_or_else(|| "many more".to_owned(), |more| format!("at least {more} more"));
        format!("Not decided yet: {more} that prefer one answer are needed")
    }
}

fn agreement(rated: &Rated, a: &str, b: &str) -> Agreement {
    let verdict = |rater: &str, item: usize| {
        rated.of_rater(rater).find(|rating| rating.item == item).and_then(|rating| rated.verdict(rating))
    };
    let items = 0..rated.session.items.len();
    let shared: Vec<_> = items.filter_map(|item| Some((verdict(a, item)?, verdict(b, item)?))).collect();
    Agreement {
        raters: [a.to_owned(), b.to_owned()],
        num_shared: shared.len(),
        num_agreeing: shared.iter().filter(|(a, b)| a == b).count(),
        kappa: kappa(&shared),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ratings::Line;
    use super::super::session::tests::session;
    use super::*;

    fn prefer(rated: &mut Rated, item: usize, which: Which, rater: &str) {
        let choice = if rated.session.items[item].left == which { Choice::Left } else { Choice::Right };
        rated.apply(Line::rating(item, choice, rater, ""));
    }

    #[test]
    fn the_win_rate_is_over_the_decided_and_the_rest_is_told_apart() {
        let mut rated = Rated::new(session(40, 4));
        (0..27).for_each(|item| prefer(&mut rated, item, Which::Second, "Ada"));
        (27..31).for_each(|item| prefer(&mut rated, item, Which::First, "Ada"));
        for (item, choice) in [Choice::Tie, Choice::Tie, Choice::BothBad, Choice::Skip].into_iter().enumerate() {
            rated.apply(Line::rating(31 + item, choice, "Ada", ""));
        }
        let summary = Summary::of(&rated);
        let tally = Tally { first: 4, second: 27, ties: 2, both_bad: 1, skipped: 1 };
        assert_eq!((summary.tally, tally.rated(), summary.is_decided), (tally, 34, true));
        assert_eq!(summary.rate_in_words().unwrap(), "87 % of 31 decided, 95 % interval 71–95 %");
        assert_eq!(summary.title(["Before", "After"]), "After is preferred");
        assert!(summary.test_in_words().starts_with("Exact sign test p < 0.001; decided"), "{summary:?}");
        let Positions { left, right, p_value } = summary.positions;
        assert!(left + right == 31 && p_value.unwrap() > 0.05, "balanced sides: {left} {right}");
        assert!(summary.positions.in_words().ends_with("no sign of a favoured side"));
        assert_eq!((summary.by_rater.len(), summary.by_rater[0].tally), (1, tally));
    }

    #[test]
    fn whoever_always_says_left_is_found_and_moves_nothing() {
        let mut rated = Rated::new(session(30, 9));
        (0..30).for_each(|item| rated.apply(Line::rating(item, Choice::Left, "Ada", "")));
        let summary = Summary::of(&rated);
        assert_eq!((summary.tally.first, summary.tally.second, summary.is_decided), (15, 15, false));
        assert_eq!(summary.positions.in_words(), "A was chosen 30 of 30 times: the left side seems to be favoured");
        assert_eq!(summary.title(["Before", "After"]), "Too close to call so far");
    }

    #[test]
    fn two_raters_are_compared_by_kappa() {
        let mut rated = Rated::new(session(8, 2));
        for (item, second) in [(0, true), (1, true), (2, false), (3, false)] {
            prefer(&mut rated, item, if second { Which::Second } else { Which::First }, "Ada");
            prefer(&mut rated, item, if second || item == 3 { Which::Second } else { Which::First }, "Bo");
        }
        rated.apply(Line::rating(4, Choice::Tie, "Ada", ""));
        rated.apply(Line::rating(4, Choice::Skip, "Bo", ""));
        let summary = Summary::of(&rated);
        let agreement = &summary.agreements[0];
        assert_eq!((agreement.num_shared, agreement.num_agreeing), (4, 3));
        // Observed 3/4; expected (2 × 3 + 2 × 1) / 16.
        assert!((agreement.kappa.unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(agreement.in_words(), "Ada and Bo agree on 3 of 4 prompts, kappa 0.50");
        // Where they differ, the prompt is a tie.
        assert_eq!((summary.tally.first, summary.tally.second, summary.tally.ties), (1, 2, 2));
    }

    #[test]
    fn nothing_rated_says_nothing() {
        let rated = Rated::new(session(3, 2));
        let summary = Summary::of(&rated);
        assert_eq!((summary.rate_in_words(), summary.win_rate, summary.p_value), (None, None, None));
        assert_eq!(summary.hint(), "Not decided yet: at least 8 more that prefer one answer are needed");
        assert!(summary.agreements.is_empty() && !summary.is_decided);
    }
}
