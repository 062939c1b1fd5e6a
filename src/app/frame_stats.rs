//! How long frames took: shown with the settings, and printed at the end with `--frame-stats`.

use egui::Context;

use super::{AppState, Screen};
use crate::task::Phase;

/// Times in seconds, by what was going on.
#[derive(Debug, Default)]
pub struct FrameStats {
    all: Vec<f32>,
    training: Vec<f32>,
    scrolling: Vec<f32>,
    both: Vec<f32>,
}

/// The frame's last time and its middle and slow ones, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameSummary {
    pub num_frames: usize,
    pub median: f32,
    pub p99: f32,
    pub max: f32,
}

/// Frames that are remembered of each kind; older ones make room.
const MOST: usize = 100_000;

impl FrameStats {
    pub fn add(&mut self, secs: f32, state: &AppState, ctx: &Context) {
        let is_training = state.jobs.training().is_some_and(|job| job.phase == Some(Phase::Training));
        let is_scrolling =
            state.screen == Screen::Data && ctx.input(|input| input.smooth_scroll_delta() != egui::Vec2::ZERO);
        let push = |times: &mut Vec<f32>| {
            if times.len() >= MOST {
                times.drain(..MOST / 2);
            }
            times.push(secs);
        };
        push(&mut self.all);
        match (is_scrolling, is_training) {
            (true, true) => push(&mut self.both),
            (true, false) => push(&mut self.scrolling),
            (false, true) => push(&mut self.training),
            _ => {}
        }
    }

    pub fn num_frames(&self) -> usize {
        self.all.len()
    }

    /// The kinds that had frames, with their names.
    pub fn summaries(&self) -> Vec<(&'static str, FrameSummary)> {
        [
            ("all", &self.all),
            ("while training", &self.training),
            ("while scrolling the table", &self.scrolling),
            ("while training and scrolling", &self.both),
        ]
        .into_iter()
        .filter_map(|(name, times)| Some((name, summary(times)?)))
        .collect()
    }

    /// Writes one line a kind to stderr.
    pub fn report(&self) {
        use std::io::Write as _;
        let mut out = std::io::stderr().lock();
        for (name, s) in self.summaries() {
            let FrameSummary { num_frames, median, p99, max } = s;
            let line = format!("frames {name}: {num_frames}, median {median:.1} ms, p99 {p99:.1} ms, max {max:.1} ms");
            // Nobody reads it where stderr is gone.
            let _ = writeln!(out, "{line}");
        }
    }
}

fn summary(secs: &[f32]) -> Option<FrameSummary> {
    let mut sorted = secs.to_vec();
    sorted.sort_by(f32::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = |share: f32| sorted[(last as f32 * share).round() as usize] * 1e3;
    Some(FrameSummary { num_frames: sorted.len(), median: at(0.5), p99: at(0.99), max: at(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_up() {
        let secs: Vec<f32> = (1..=101).map(|i| i as f32 / 1e3).collect();
        let found = summary(&secs).unwrap();
        assert_eq!((found.num_frames, found.median, found.max), (101, 51.0, 101.0));
        assert!((found.p99 - 100.0).abs() < 1e-3);
        assert_eq!(summary(&[]), None);
    }
}
