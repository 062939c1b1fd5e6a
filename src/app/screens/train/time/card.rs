//! The card that says how long a run would take.

use std::time::{SystemTime, UNIX_EPOCH};

use egui::{Align, Layout, Ui};

use crate::app::AppState;
use crate::app::jobs::Job;
use crate::app::kit::{Button, Card, Text, Theme, format, line};
use crate::app::screens::train::Action;
use crate::app::screens::train::around::Around;
use crate::train::preview::RunPreview;
use crate::train::timing::{KnownSpeed, MeasuredBy, RunTime};

/// What is younger was measured "just now".
const JUST_NOW: u64 = 10 * 60;

/// In the run preview.
pub fn show(ui: &mut Ui, state: &AppState, preview: &RunPreview, actions: &mut Vec<crate::app::Action>) {
    let theme = Theme::of(ui);
    let around = Around::of(state);
    Card::new().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.add(Text::small("Time"));
        let known = state.train.known_speed(&around);
        let Some((known, time)) = known.and_then(|known| Some((known, preview.time(&known.speed)?))) else {
            return not_known(ui, state, actions);
        };
        line(ui, theme.type_scale.line_title, |ui| {
            ui.add(Text::title(format::about(time.total())));
            ui.add(Text::small("on this machine").faint());
        });
        ui.add_space(theme.space.xs);
        ui.add(Text::small(parts(&time, preview.num_evaluations())).normal().wrapped());
        line(ui, theme.size.control_height_small, |ui| {
            let words = format!("{}, {}", steps_per_sec(time.steps_per_sec), origin(known, seconds_now()));
            ui.add(Text::small(words).faint());
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| measure_link(ui, state, "Again", actions));
        });
    });
}

fn not_known(ui: &mut Ui, state: &AppState, actions: &mut Vec<crate::app::Action>) {
    let theme = Theme::of(ui);
    line(ui, theme.size.control_height_small, |ui| match measuring(state) {
        Some(job) => drop(ui.add(Text::body(progress(job)))),
        None => {
            ui.add(Text::body("Not measured on this machine yet"));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| measure_link(ui, state, "Measure", actions));
        }
    });
    let usual = "A few real steps tell it, in some seconds; nothing of them is kept";
    ui.add(Text::small(state.train.speed_failure(&Around::of(state)).unwrap_or(usual)).faint().wrapped());
}

fn measure_link(ui: &mut Ui, state: &AppState, words: &str, actions: &mut Vec<crate::app::Action>) {
    match measuring(state) {
        Some(job) => drop(ui.add(Text::small(progress(job)).soft())),
        None => {
            let link = Button::link(words).small().name("Measure the time");
            if ui.add(link.disabled_by(state.train.why_not_measure(&Around::of(state)))).clicked() {
                actions.push(Action::Measure.into());
            }
        }
    }
}

fn measuring(state: &AppState) -> Option<&Job> {
    state.jobs.iter().find(|job| state.train.time.measuring.is_of(job.id))
}

fn progress(job: &Job) -> String {
    match job.progress.as_ref().and_then(|p| Some((p.done, p.total?))) {
        Some((done, total)) => format!("Measuring, {done} of {total} steps"),
        None => "Measuring".to_owned(),
    }
}

/// `8 min training, 1 min evaluating 13 times`
fn parts(time: &RunTime, num_evaluations: usize) -> String {
    let training = format!("{} training", format::roughly(time.train_secs));
    match num_evaluations {
        0 => training,
        num => {
            let times = format::count(num as u64, "time", "times");
            format!("{training}, {} evaluating {times}", format::roughly(time.eval_secs))
        }
    }
}

/// Steps that take long are better told by their seconds.
fn steps_per_sec(rate: f64) -> String {
    if rate >= 0.95 { format!("{rate:.1} steps/s") } else { format!("{} a step", format::duration(1.0 / rate)) }
}

fn origin(known: &KnownSpeed, now: u64) -> String {
    match &known.by {
        MeasuredBy::Run(name) => format!("from run {name}"),
        MeasuredBy::Steps if now.saturating_sub(known.at) < JUST_NOW => "measured just now".to_owned(),
        MeasuredBy::Steps => {
            let at = jiff::Timestamp::from_second(known.at as i64).unwrap_or_default();
            format!("measured on {}", at.to_zoned(jiff::tz::TimeZone::system()).strftime("%-d %b"))
        }
    }
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::timing::Speed;

    #[test]
    fn a_time_says_what_it_is_made_of_and_where_it_is_from() {
        let time = RunTime { train_secs: 481.0, eval_secs: 62.0, steps_per_sec: 0.25 };
        assert_eq!(parts(&time, 13), "8 min training, 1 min evaluating 13 times");
        assert_eq!(parts(&time, 0), "8 min training");
        assert_eq!([steps_per_sec(0.25), steps_per_sec(2.0)], ["4.0 s a step", "2.0 steps/s"]);
        let speed = Speed { train_tokens_per_sec: 1.0, eval_examples_per_sec: None };
        let known = |by| KnownSpeed { speed, by, at: 1_000_000, model: String::new(), num_parameters: 0, work: None };
        assert_eq!(origin(&known(MeasuredBy::Run("2026-11-22-3".to_owned())), 0), "from run 2026-11-22-3");
        assert_eq!(origin(&known(MeasuredBy::Steps), 1_000_100), "measured just now");
        assert!(origin(&known(MeasuredBy::Steps), 9_000_000).ends_with("Jan"));
    }
}
