//! Blind rating: two answers to each prompt without their models' names, and at the end what was chosen.

mod foot;
mod rate;
mod result;
mod start;
pub mod state;

pub use state::{BlindAction, BlindState};

use egui::{Key, Ui};

use super::state::CompareAction;
use super::{AnyAction, AppState, Button, Screen, WRONG_NUMBER, has_wrong_number, icon};
use crate::app::effect::{self, Effect};
use crate::app::jobs::Job;
use crate::app::kit::{at_least, keys};
use crate::app::start::Starter;
use crate::app::{Cx, Drafts as AllDrafts};
use crate::engine::EventKind;
use crate::evaluate::rating::Choice;

/// Text that is being typed.
#[derive(Debug, Default)]
pub struct Drafts {
    /// About the prompt in hand.
    pub note: String,
    /// Who rates, until the field is left.
    pub rater: Option<String>,
    /// The better answer, corrected.
    pub correction: String,
}

/// The keys and what they do, as the sheet of keys lists them.
pub const KEYS: [(&str, &str); 8] = [
    ("A", "A is better"),
    ("B", "B is better"),
    ("T", "Tie"),
    ("X", "Both are bad"),
    ("S", "Skip this prompt"),
    ("Z", "Take the last choice back"),
    ("E", "Show or hide the expected answer"),
    ("N", "Write a note"),
];

pub(super) fn show(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, actions: &mut Vec<AnyAction>) {
    let theme = super::Theme::of(ui);
    let blind = &state.compare.blind;
    match blind.opened() {
        Some(_) if blind.shows_result => result::show(ui, state, drafts, actions),
        Some(session) => {
            let least = egui::Vec2::new(theme.size.screen_least_width, theme.size.screen_least_height);
            at_least(ui, "blind", least, |ui| rate::show(ui, state, session, drafts, actions));
            letters(ui, state, drafts, actions);
        }
        None => start::show(ui, state, drafts, actions),
    }
}

/// Letters rate, while no field and no dialog has them.
fn letters(ui: &Ui, state: &AppState, drafts: &Drafts, actions: &mut Vec<AnyAction>) {
    let is_free = state.dialog.is_none() && !ui.ctx().text_edit_focused();
    if !is_free || ui.memory(|memory| memory.top_modal_layer().is_some()) {
        return;
    }
    let blind = &state.compare.blind;
    let is_pressed = |key| ui.input(|input| keys::is_plain(input, key));
    let mut push = |action: BlindAction| actions.push(CompareAction::Blind(action).into());
    if blind.next(&state.settings.rater()).is_some() {
        let choices = [
            (Key::A, Choice::Left),
            (Key::B, Choice::Right),
            (Key::T, Choice::Tie),
            (Key::X, Choice::BothBad),
            (Key::S, Choice::Skip),
        ];
        if let Some((_, choice)) = choices.into_iter().find(|(key, _)| is_pressed(*key)) {
            push(BlindAction::Rate(choice, drafts.note.clone()));
        } else if is_pressed(Key::E) {
            push(BlindAction::ShowExpected(!blind.shows_expected));
        } else if is_pressed(Key::N) {
            push(BlindAction::Note(true));
        }
    }
    if is_pressed(Key::Z) && blind.can_undo(&state.settings.rater()) {
        push(BlindAction::Undo);
    }
}

/// What stands at the right of the head.
pub(super) fn header(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let blind = &state.compare.blind;
    let mut push = |action: BlindAction| actions.push(CompareAction::Blind(action).into());
    let Some(session) = blind.opened() else { return };
    if !blind.shows_result {
        let end = Button::secondary("End and show result");
        let has_any = !session.rated.ratings.is_empty();
        if ui.add(end.enabled_or(has_any, "Nothing is rated yet")).clicked() {
            push(BlindAction::End);
        }
        if ui.add(Button::quiet("Leave").hint("Leave", "What you rated is kept; go on at any time")).clicked() {
            push(BlindAction::Leave);
        }
        return;
    }
    if ui.add(Button::secondary("Export pairs…").icon(icon::EXPORT)).clicked() {
        push(BlindAction::Export);
    }
    if blind.next(&state.settings.rater()).is_some() && ui.add(Button::secondary("Go on rating")).clicked() {
        push(BlindAction::GoOn);
    }
    if ui.add(Button::quiet("All sessions")).clicked() {
        push(BlindAction::Leave);
    }
}

pub(super) fn update(state: &mut AppState, drafts: &mut AllDrafts, action: BlindAction, cx: &Cx<'_>) {
    match &action {
        BlindAction::Rate(..) | BlindAction::Undo | BlindAction::Open(_) => drafts.compare.blind.note.clear(),
        BlindAction::Correct(Some((_, text))) => drafts.compare.blind.correction.clone_from(text),
        BlindAction::Rater(name) => {
            drafts.compare.blind.rater = None;
            let settings =
                crate::app::settings::AppSettings { rater: name.trim().to_owned(), ..state.settings.clone() };
            return effect::perform(vec![Effect::Prefer(Box::new(settings))], state, drafts, cx);
        }
        _ => {}
    }
    let rater = state.settings.rater();
    let AppState { compare, jobs, project, runs, .. } = state;
    let Some(project) = project else { return };
    let run_dir = compare.chosen_run(&runs.records).map(|run| run.run_dir.clone());
    let jobs = &mut Starter { jobs, cx };
    let effects = compare.blind.apply(action, &project.folder, run_dir.as_deref(), &rater, jobs);
    effect::perform(effects, state, drafts, cx);
}

pub(super) fn on_event(state: &mut AppState, drafts: &mut AllDrafts, job: &Job, event: &EventKind, cx: &Cx<'_>) {
    let AppState { compare, jobs, project, .. } = state;
    let Some(project) = project else { return };
    let effects = compare.blind.on_event(job.id, event, &project.folder, &mut Starter { jobs, cx });
    effect::perform(effects, state, drafts, cx);
}

/// Ctrl Enter begins a session, where one can be begun.
pub(super) fn primary(state: &AppState) -> Option<AnyAction> {
    let compare = &state.compare;
    let can_begin = compare.blind.opened().is_none() && !compare.blind.is_beginning() && compare.num_answered() > 0;
    can_begin.then(|| CompareAction::Blind(BlindAction::Begin).into())
}

/// Why the prompts can't be answered now.
fn answering_problem(ui: &Ui, state: &AppState) -> Option<&'static str> {
    match state.compare.queue.is_busy() {
        true => Some("Prompts are being answered already"),
        false => has_wrong_number(ui.ctx()).then_some(WRONG_NUMBER),
    }
}

/// To a screen where something is missing.
fn go(screen: Screen) -> AnyAction {
    AnyAction::Go(screen)
}
