//! How far a piece of work is, and how long the rest will take: for the window's bars and the command line's.

use std::time::Instant;

use super::{Stage, Unit};

/// Seconds of work that must have been seen before anything is said of the rest.
const LEAST_SEEN: f64 = 2.0;

/// Follows what a task reports.
#[derive(Debug, Clone)]
pub struct Pace {
    stage: Option<Stage>,
    /// When the stage began or, without stages, when the first amount was reported.
    since: Instant,
    /// What was reported first, where there are no stages.
    first: Option<u64>,
    last: Option<(u64, Option<u64>, Unit)>,
    /// How long each stage took that is over.
    secs: Vec<f64>,
}

impl Pace {
    pub fn begin(now: Instant) -> Self {
        Self { stage: None, since: now, first: None, last: None, secs: Vec::new() }
    }

    pub fn stage(&self) -> Option<Stage> {
        self.stage
    }

    pub fn enter(&mut self, stage: Stage, now: Instant) {
        if self.stage.is_some() {
            self.secs.push(seconds(self.since, now));
        }
        *self =
            Self { stage: Some(stage), since: now, first: Some(0), last: None, secs: std::mem::take(&mut self.secs) };
    }

    pub fn progress(&mut self, done: u64, total: Option<u64>, unit: Unit, now: Instant) {
        let is_anew = self.last.is_some_and(|(last, _, of)| of != unit || done < last);
        if self.stage.is_none() && (self.first.is_none() || is_anew) {
            (self.first, self.since) = (Some(done), now);
        }
        self.last = Some((done, total, unit));
    }

    /// 0 to 1 over all stages, where the amount of work is known.
    pub fn share(&self) -> Option<f32> {
        let amount = self.last.and_then(|(done, total, _)| {
            total.filter(|total| *total > 0).map(|total| (done as f32 / total as f32).min(1.0))
        });
        match self.stage {
            Some(stage) => {
                Some((stage.number.saturating_sub(1) as f32 + amount.unwrap_or(0.0)) / stage.of.max(1) as f32)
            }
            None => amount,
        }
    }

    /// The time left for all that is to do; `None` where that can't be known yet. An answer ends when it ends: tokens
    /// say nothing.
    pub fn secs_left(&self, now: Instant) -> Option<f64> {
        let seen = seconds(self.since, now);
        let by_amount = self.by_amount(seen);
        let Some(stage) = self.stage else { return by_amount };
        let period = stage.period.max(1);
        let kind = (stage.number.saturating_sub(1) % period) as usize;
        let before = self.secs.get(kind).copied();
        let rest = by_amount.or(before.map(|secs| (secs - seen).max(0.0)))?;
        let mut left = rest;
        for later in stage.number..stage.of {
            left += match (later % period) as usize {
                same if same == kind => before.unwrap_or(seen + rest),
                other => *self.secs.get(other)?,
            };
        }
        Some(left)
    }

    fn by_amount(&self, seen: f64) -> Option<f64> {
        let (done, total, unit) = self.last?;
        let num_done = done.saturating_sub(self.first?);
        let rest = total?.saturating_sub(done) as f64;
        (unit != Unit::Tokens && num_done > 0 && seen >= LEAST_SEEN).then(|| seen / num_done as f64 * rest)
    }
}

fn seconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_second_pass_is_as_long_as_the_first() {
        let start = Instant::now();
        let at = |secs: u64| start + Duration::from_secs(secs);
        let stage = |number| Stage { name: "", number, of: 4, period: 2 };
        let mut pace = Pace::begin(start);
        pace.enter(stage(1), at(0));
        pace.progress(5, Some(10), Unit::Examples, at(5));
        assert_eq!(pace.secs_left(at(5)), None, "how long answers take isn't known yet");
        pace.enter(stage(2), at(10));
        assert_eq!((pace.secs_left(at(11)), pace.share()), (None, Some(0.25)));
        pace.progress(5, Some(10), Unit::Examples, at(30));
        // 20 s more of these answers, 10 s of loss, 40 s of the other answers.
        assert_eq!((pace.secs_left(at(30)), pace.share()), (Some(70.0), Some(0.375)));
        pace.enter(stage(3), at(50));
        assert_eq!(pace.secs_left(at(54)), Some(46.0), "6 s more of loss, then 40 s");
        pace.enter(stage(4), at(60));
        pace.progress(8, Some(10), Unit::Examples, at(92));
        assert_eq!(pace.secs_left(at(92)), Some(8.0));
    }

    #[test]
    fn without_stages_the_amount_tells() {
        let start = Instant::now();
        let at = |secs: u64| start + Duration::from_secs(secs);
        let mut pace = Pace::begin(start);
        assert_eq!((pace.share(), pace.secs_left(at(9))), (None, None));
        pace.progress(100, Some(300), Unit::Rows, at(10));
        assert_eq!(pace.secs_left(at(20)), None, "nothing was seen to be done");
        pace.progress(200, Some(300), Unit::Rows, at(20));
        assert_eq!(pace.secs_left(at(20)), Some(10.0), "what was done before the first word doesn't count");
        pace.progress(3, Some(300), Unit::Files, at(30));
        assert_eq!(pace.secs_left(at(31)), None, "other work");
        pace.progress(0, Some(64), Unit::Tokens, at(40));
        pace.progress(32, Some(64), Unit::Tokens, at(50));
        assert_eq!((pace.secs_left(at(50)), pace.share()), (None, Some(0.5)));
    }
}
