//! Does it work on examples that training has not seen? Before and after, in words and in numbers.

mod figures;
mod list;
mod report;
mod side;
pub mod state;

pub use state::{EvaluateAction as Action, EvaluateState as State};

use egui::Ui;

use super::{Part, Place, Rail};
use crate::app::effect;
use crate::app::jobs::Job;
use crate::app::kit::{
    Button, Card, Combo, Icon, Mark, Text, Theme, empty_state, format, icon, main_area, padded, progress,
    screen_header, switch, way_on,
};
use crate::app::parts::{run_label, run_picker, waiting};
use crate::app::shell::words;
use crate::app::start::Starter;
use crate::app::{Action as AnyAction, AppState, Cx, Drafts as AllDrafts, Screen};
use crate::data::Split;
use crate::engine::EventKind;
use crate::evaluate::ContenderReport;
use crate::run::RunRecord;

const PARTS: [(Split, &str); 2] = [(Split::Test, "Test"), (Split::Validation, "Validation")];

/// Nothing is typed here.
#[derive(Debug, Default)]
pub struct Drafts {}

/// See the module.
pub struct Logic;

impl Part for Logic {
    type Action = Action;

    fn show(ui: &mut Ui, state: &AppState, _drafts: &mut AllDrafts, actions: &mut Vec<AnyAction>) {
        ui.spacing_mut().item_spacing.y = 0.0;
        let evaluate = &state.evaluate;
        let Some(run) = evaluate.chosen_run(&state.runs.records) else {
            screen_header(ui, "Evaluate", |_| {}, |_| {});
            return main_area(ui, |ui| no_run(ui, state, actions));
        };
        header(ui, state, run, actions);
        main_area(ui, |ui| match (evaluate.shown(run), &evaluate.failure, evaluate.job) {
            (_, _, Some(job)) => running(ui, state, state.jobs.get(job), actions),
            (Some(report), None, None) => {
                let x = Theme::of(ui).pad.screen_x;
                padded(ui, x, |ui| report::show(ui, state, run, report, actions));
            }
            (None, None, None) => not_yet(ui, state, run, actions),
            (_, Some(failure), None) => failed(ui, failure, actions),
        });
    }

    fn update(state: &mut AppState, drafts: &mut AllDrafts, action: Action, cx: &Cx<'_>) {
        let AppState { evaluate, jobs, runs, .. } = state;
        evaluate.apply(action, &runs.records, &mut Starter { jobs, cx });
        Self::refresh(state, drafts, cx);
    }

    fn on_event(state: &mut AppState, drafts: &mut AllDrafts, job: &Job, event: &EventKind, cx: &Cx<'_>) {
        let effects = state.evaluate.on_event(job.id, event);
        effect::perform(effects, state, drafts, cx);
        // On every screen: the rail says what was measured.
        if matches!(event, EventKind::Reply(_) | EventKind::Finished(_)) {
            Self::refresh(state, drafts, cx);
        }
    }

    fn forget(state: &mut AppState, _drafts: &mut AllDrafts) {
        state.evaluate = State::default();
    }
}

impl Place for Logic {
    const NAME: &'static str = "Evaluate";
    const ICON: Icon = icon::TARGET;
    const RAIL: Rail = Rail::Step("See in numbers what changed");
    const ACT: Option<&'static str> = Some("Evaluate the tuned model");

    fn refresh(state: &mut AppState, _drafts: &mut AllDrafts, cx: &Cx<'_>) {
        let AppState { evaluate, jobs, runs, project, .. } = state;
        if let Some(project) = project {
            evaluate.follow(&project.folder, &runs.records, &mut Starter { jobs, cx });
        }
    }

    fn rail(state: &AppState) -> (String, Mark) {
        if let Some(job) = state.evaluate.job {
            let has_started = state.jobs.get(job).is_none_or(|job| job.has_started);
            return (if has_started { "Measuring" } else { "Waiting" }.to_owned(), Mark::Running);
        }
        match state.evaluate.chosen_run(&state.runs.records) {
            None if state.jobs.training().is_some() => ("After this run".to_owned(), Mark::ToDo),
            None => ("Needs a run".to_owned(), Mark::ToDo),
            Some(run) => match state.evaluate.shown(run) {
                Some(shown) => in_short(shown),
                None => ("Ready".to_owned(), Mark::Ready),
            },
        }
    }

    fn primary(state: &AppState) -> Option<AnyAction> {
        let can = state.evaluate.job.is_none() && state.evaluate.chosen_run(&state.runs.records).is_some();
        can.then(|| Action::Start.into())
    }
}

fn header(ui: &mut Ui, state: &AppState, run: &RunRecord, actions: &mut Vec<AnyAction>) {
    let evaluate = &state.evaluate;
    let has_report = evaluate.shown(run).is_some();
    let mut picked = None;
    screen_header(
        ui,
        "Evaluate",
        |ui| {
            ui.add(Text::small("Run"));
            picked = run_picker(ui, &state.runs.records, Some(run));
        },
        |ui| {
            // The first time, the middle of the screen offers it.
            let again = Button::secondary("Evaluate again").icon(icon::ARROW_CLOCKWISE).key("Ctrl Enter");
            let again = again.enabled_or(evaluate.job.is_none(), "An evaluation is running");
            if has_report && ui.add(again).clicked() {
                actions.push(Action::Start.into());
            }
            if let Some(on) = switch(ui, "Write answers", "Write answers", evaluate.generate) {
                actions.push(Action::Generate(on).into());
            }
            if let Some(part) = Combo::new("Part", &PARTS, evaluate.part).show(ui) {
                actions.push(Action::Part(part).into());
            }
            ui.add(Text::small("On"));
        },
    );
    if let Some(name) = picked {
        actions.push(Action::Run(name).into());
    }
}

fn no_run(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let text = match state.jobs.training() {
        Some(_) => "The run that trains now can be measured as soon as its first weights are written",
        None => "What tuning changed is measured on examples that training has not seen. That needs a run first",
    };
    empty_state(ui, "Nothing to measure yet", text, |ui| {
        let button = Button::primary("Go to Train");
        if way_on(ui, icon::PULSE, "Train the first run", "On this machine, with your examples", button).clicked() {
            actions.push(AnyAction::Go(Screen::Train));
        }
    });
}

fn not_yet(ui: &mut Ui, state: &AppState, run: &RunRecord, actions: &mut Vec<AnyAction>) {
    let counts = state.project.as_ref().map(|project| project.counts).unwrap_or_default();
    let num = if state.evaluate.part == Split::Test { counts.test } else { counts.validation };
    let part = state.evaluate.part.as_str();
    let text = format!(
        "Measures {} and its base model on the {part} examples that were held out when it was trained; the project has \
         {} now",
        run_label(run),
        format::count(num, "of them", "of them")
    );
    empty_state(ui, "Not measured yet", &text, |ui| {
        let button = Button::primary("Evaluate").key("Ctrl Enter");
        let about = match state.evaluate.generate {
            true => "Loss, perplexity, and every answer against the expected one",
            false => "Loss and perplexity; switch “Write answers” on to compare answers, too",
        };
        if way_on(ui, icon::TARGET, "Before and after", about, button).clicked() {
            actions.push(Action::Start.into());
        }
    });
}

fn running(ui: &mut Ui, state: &AppState, job: Option<&Job>, actions: &mut Vec<AnyAction>) {
    if let Some(job) = job.filter(|job| !job.has_started) {
        return empty_state(ui, "Waiting", &waiting::words(state, job), |ui| {
            ui.horizontal(|ui| {
                waiting::ways_on(ui, state, actions);
                stop(ui, actions);
            });
        });
    }
    let doing = job.map_or_else(|| "Evaluating".to_owned(), words::doing);
    let told = job.map(words::told).filter(|told| !told.is_empty());
    let text = told.unwrap_or_else(|| "The base model first, then the tuned one".to_owned());
    empty_state(ui, &doing, &text, |ui| {
        let width = ui.available_width();
        progress(ui, "Evaluation", job.and_then(Job::share), width);
        stop(ui, actions);
    });
}

fn stop(ui: &mut Ui, actions: &mut Vec<AnyAction>) {
    if ui.add(Button::danger("Stop").icon(icon::SQUARE)).clicked() {
        actions.push(Action::Stop.into());
    }
}

fn failed(ui: &mut Ui, failure: &crate::engine::Failure, actions: &mut Vec<AnyAction>) {
    empty_state(ui, "The evaluation did not work", &failure.message, |ui| {
        if let Some(hint) = &failure.hint {
            Card::new().show(ui, |ui| ui.add(Text::body(hint).soft().wrapped()));
        }
        if ui.add(Button::secondary("Try again").icon(icon::ARROW_CLOCKWISE)).clicked() {
            actions.push(Action::Start.into());
        }
    });
}

/// A tick only where tuning worked, and where that still holds.
fn in_short(shown: &state::Shown) -> (String, Mark) {
    if shown.stale.is_some() {
        return ("Measure again".to_owned(), Mark::Ready);
    }
    let is_good = shown.judgement.is_some_and(|judgement| judgement.verdict.is_good());
    let outcomes = shown.judgement.and_then(|judgement| judgement.outcomes);
    let words = match (outcomes, shown.evaluation.report.after()) {
        (Some(outcomes), _) => outcomes.right_in_words(format::thousands),
        (None, after) => match after.and_then(ContenderReport::loss) {
            Some(loss) => format!("Loss {}", format::loss(loss)),
            None => "Measured".to_owned(),
        },
    };
    (words, if is_good { Mark::Done } else { Mark::Ready })
}
