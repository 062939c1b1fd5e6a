//! The time before a run: measured by a few real steps when the form rests and nothing else computes, or by a run of the
//! same kind. Where nothing was measured, the preview says so.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use egui::{Align, Layout, Ui};

use super::{Action, obstacle, planned};
use crate::app::jobs::Job;
use crate::app::kit::{Button, Card, Text, Theme, format, line};
use crate::app::{AppState, Cx, Screen};
use crate::engine::{ComputeJob, EventKind, JobSpec, Lane, Outcome, Reply};
use crate::train::preview::RunPreview;
use crate::train::timing::{KnownSpeed, MeasuredBy, RunTime, speed_key};

/// The form is left alone for so long before something is measured by itself.
const REST: Duration = Duration::from_millis(1500);
/// What is younger was measured "just now".
const JUST_NOW: u64 = 10 * 60;

/// What is known of the speed of runs with the form's settings.
#[derive(Default)]
pub struct State {
    /// Under its key.
    measured: Option<(String, KnownSpeed)>,
    /// Why it could not be measured, under its key.
    failed: Option<(String, String)>,
    /// Counts the form's changes: who waits for it to rest knows by it whether it does.
    changes: u64,
}

/// What a speed of the form's run is kept under.
fn key(state: &AppState) -> Option<String> {
    let project = state.project.as_ref()?;
    Some(speed_key(&project.folder, &planned(state)?))
}

/// The speed of such a run on this machine.
fn known(state: &AppState) -> Option<&KnownSpeed> {
    let key = key(state)?;
    let measured = state.train.time.measured.as_ref().filter(|(of, _)| *of == key).map(|(_, known)| known);
    measured.or_else(|| state.train.preview.as_ref()?.speed.as_ref())
}

/// How long a run would take.
pub fn of(state: &AppState, preview: &RunPreview) -> Option<RunTime> {
    preview.time(&known(state)?.speed)
}

fn measuring(state: &AppState) -> Option<&Job> {
    state.jobs.find(|spec| matches!(spec, JobSpec::Compute(ComputeJob::MeasureSpeed { .. })))
}

/// What keeps the speed from being measured now.
fn why_not(state: &AppState) -> Option<String> {
    let is_other = |job: &&Job| {
        job.spec.lane() == Lane::Compute && !matches!(job.spec, JobSpec::Compute(ComputeJob::MeasureSpeed { .. }))
    };
    if state.jobs.iter().any(|job| is_other(&job)) {
        return Some("Something else computes now; it is measured when that is done".to_owned());
    }
    obstacle(state)
}

/// The form's run was counted: if its time isn't known, wait whether the form rests.
pub fn counted(state: &mut AppState, cx: &Cx<'_>) {
    state.train.time.changes += 1;
    let changes = state.train.time.changes;
    if known(state).is_none() {
        cx.files.run(move || {
            std::thread::sleep(REST);
            Some(Action::Rested(changes).into())
        });
    }
}

/// Measures by itself, unless the form was changed meanwhile, nobody looks, or it would be a burden.
pub fn rested(state: &mut AppState, changes: u64, cx: &Cx<'_>) {
    let is_seen = state.screen == Screen::Train && state.train.is_form_shown && state.dialog.is_none();
    let has_failed = state.train.time.failed.as_ref().is_some_and(|(of, _)| Some(of) == key(state).as_ref());
    let fits = state.train.preview.as_ref().is_some_and(|p| p.memory.total() <= p.memory.available);
    let is_wanted = changes == state.train.time.changes && is_seen && fits && !has_failed;
    if is_wanted && known(state).is_none() && measuring(state).is_none() && why_not(state).is_none() {
        measure(state, cx);
    }
}

pub fn measure(state: &mut AppState, cx: &Cx<'_>) {
    if why_not(state).is_some() {
        return;
    }
    let (Some(project), Some(recipe)) = (&state.project, planned(state)) else { return };
    let spec = JobSpec::Compute(ComputeJob::MeasureSpeed { project: project.folder.clone(), recipe });
    cx.restart(&mut state.jobs, spec);
    state.train.time.failed = None;
}

pub fn on_event(state: &mut AppState, job: &Job, event: &EventKind) {
    let JobSpec::Compute(ComputeJob::MeasureSpeed { project, recipe }) = &job.spec else { return };
    let key = speed_key(project, recipe);
    match event {
        EventKind::Reply(reply) => {
            if let Reply::Speed(known) = &**reply {
                state.train.time.measured = Some((key, known.clone()));
            }
        }
        EventKind::Finished(Outcome::Failed(failure)) => {
            state.train.time.failed = Some((key, failure.message.clone()));
        }
        _ => {}
    }
}

/// The card of the run preview.
pub fn card(ui: &mut Ui, state: &AppState, preview: &RunPreview, actions: &mut Vec<crate::app::Action>) {
    let theme = Theme::of(ui);
    Card::new().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.add(Text::small("Time"));
        let known = known(state);
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
    let key = key(state);
    let failed = state.train.time.failed.as_ref().filter(|(of, _)| Some(of) == key.as_ref());
    let words = match failed {
        Some((_, failure)) => failure.as_str(),
        None => "A few real steps tell it, in some seconds; nothing of them is kept",
    };
    ui.add(Text::small(words).faint().wrapped());
}

fn measure_link(ui: &mut Ui, state: &AppState, words: &str, actions: &mut Vec<crate::app::Action>) {
    match measuring(state) {
        Some(job) => drop(ui.add(Text::small(progress(job)).soft())),
        None => {
            let link = Button::link(words).small().name("Measure the time");
            if ui.add(link.disabled_by(why_not(state))).clicked() {
                actions.push(Action::Measure.into());
            }
        }
    }
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
        let known = |by| KnownSpeed { speed, by, at: 1_000_000, model: String::new(), num_parameters: 0 };
        assert_eq!(origin(&known(MeasuredBy::Run("2026-11-22-3".to_owned())), 0), "from run 2026-11-22-3");
        assert_eq!(origin(&known(MeasuredBy::Steps), 1_000_100), "measured just now");
        assert!(origin(&known(MeasuredBy::Steps), 9_000_000).ends_with("Jan"));
    }
}
