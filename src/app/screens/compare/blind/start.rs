//! Before a session: what can be rated, by whom, and the sessions of before.

use egui::Ui;

use super::super::state::CompareAction;
use super::super::{AnyAction, AppState, Button, Text, Theme, empty_state, format, icon, way_on};
use super::state::{BlindAction, BlindState};
use super::{Drafts, answering_problem, foot, go};
use crate::app::Screen;
use crate::app::kit::{Card, NumberField, TextInput, line, section};
use crate::evaluate::rating::Summary;
use crate::workbench::rating::KeptSession;

/// As many sessions of before as fit.
const NUM_SHOWN: usize = 5;

pub(super) fn show(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, actions: &mut Vec<AnyAction>) {
    let compare = &state.compare;
    let (num_answered, blind) = (compare.num_answered(), &compare.blind);
    let num_held_out = compare.held_out.num_matching().unwrap_or(0);
    let rater = state.settings.rater();
    let text = "You see two answers to a prompt without their models' names, in random order and on random sides, and say \
                which is better. At the end you see how often it was the tuned model's, and how sure that is";
    empty_state(ui, "Rate without knowing which is which", text, |ui| {
        if let Some(kept) = blind.unfinished(&rater) {
            let title = format!("Go on with the session of {}", kept.rated.session.day());
            let num_done = kept.rated.of_rater(&rater).count();
            let words = format!("{} rated by {rater}", of(num_done, kept.rated.session.items.len()));
            if way_on(ui, icon::PLAY, &title, &words, Button::primary("Go on")).clicked() {
                actions.push(CompareAction::Blind(BlindAction::Open(kept.rated.session.name.clone())).into());
            }
        }
        let is_first = blind.unfinished(&rater).is_none();
        if let Some((done, all)) = compare.queue.done_of() {
            let words = format!("{} prompts answered; both models write an answer to each", of(done, all));
            if way_on(ui, icon::QUEUE, "Prompts are being answered", &words, Button::secondary("Stop")).clicked() {
                actions.push(CompareAction::Stop.into());
            }
        } else if (num_answered as u64) < num_held_out {
            let words = match num_answered {
                0 => format!("No held-out prompt has both answers yet, of {}", format::thousands(num_held_out)),
                num => format!("{} held-out prompts have both answers", of(num, num_held_out as usize)),
            };
            let answer = match is_first && num_answered == 0 {
                true => Button::primary("Answer all"),
                false => Button::secondary("Answer all"),
            };
            let answer = answer.disabled_by(answering_problem(ui, state));
            if way_on(ui, icon::QUEUE, "Answer the prompts first", &words, answer).clicked() {
                actions.push(CompareAction::AnswerAll.into());
            }
        }
        if num_answered == 0 && num_held_out == 0 {
            let words =
                "Validation and test examples are what is rated; a prompt of your own that was answered counts, too";
            if way_on(ui, icon::ROWS, "Nothing is held out", words, Button::primary("Go to Data")).clicked() {
                actions.push(go(Screen::Data));
            }
        }
        if num_answered > 0 {
            let num = num_answered.min(blind.most);
            let title = format!("Begin a session of {}", format::count(num, "prompt", "prompts"));
            let words = "Drawn by lot; equal answers are left out. Test prompts are rated, and never learned from";
            let begin = if is_first { Button::primary("Begin") } else { Button::secondary("Begin") };
            let begin = begin.enabled_or(!blind.is_beginning(), "The prompts are being drawn");
            if way_on(ui, icon::SCALES, &title, words, begin).clicked() {
                actions.push(CompareAction::Blind(BlindAction::Begin).into());
            }
            settings(ui, blind, &rater, drafts, actions);
        }
        before(ui, blind, actions);
    });
}

fn of(num: usize, all: usize) -> String {
    format!("{} of {}", format::thousands(num), format::thousands(all))
}

/// Who rates, and how many.
fn settings(ui: &mut Ui, blind: &BlindState, rater: &str, drafts: &mut Drafts, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    line(ui, theme.size.control_height, |ui| {
        ui.spacing_mut().item_spacing.x = theme.space.s;
        ui.add(Text::small("Rated by"));
        let mut name = drafts.rater.clone().unwrap_or_else(|| rater.to_owned());
        let field = TextInput::new("Rated by", &mut name).width(theme.size.settings_name_width).show(ui);
        if field.changed() {
            drafts.rater = Some(name);
        }
        if let (true, Some(name)) = (field.lost_focus(), drafts.rater.take_if(|_| field.lost_focus())) {
            actions.push(CompareAction::Blind(BlindAction::Rater(name)).into());
        }
        ui.add_space(theme.space.s);
        ui.add(Text::small("Most prompts"));
        let most = NumberField::new("Most prompts", blind.most as f64).integer().width(theme.size.rail_width_icons);
        if let Some(most) = most.show(ui) {
            actions.push(CompareAction::Blind(BlindAction::Most(most.max(1.0) as usize)).into());
        }
    });
}

/// Sessions of before, each with what it came to.
fn before(ui: &mut Ui, blind: &BlindState, actions: &mut Vec<AnyAction>) {
    if blind.sessions.is_empty() {
        return;
    }
    let theme = Theme::of(ui);
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = theme.space.s;
        let more = blind.sessions.len().saturating_sub(NUM_SHOWN);
        let remark = if more > 0 { format!("the newest; {} more", format::thousands(more)) } else { String::new() };
        section(ui, "Sessions of before", &remark, |_| {});
        for kept in blind.sessions.iter().take(NUM_SHOWN) {
            session(ui, kept, actions);
        }
    });
}

fn session(ui: &mut Ui, kept: &KeptSession, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let (session, summary) = (&kept.rated.session, Summary::of(&kept.rated));
    let name = format!("Session {}", session.name);
    let card = Card::new().slim().clickable(name.clone()).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme.space.xxs;
        line(ui, theme.type_scale.line_body, |ui| {
            ui.spacing_mut().item_spacing.x = theme.space.s;
            ui.add(Text::strong(foot::about(kept)));
            let raters = kept.rated.raters().join(", ");
            let by = if raters.is_empty() { "not rated yet".to_owned() } else { format!("by {raters}") };
            let rated = summary.tally.rated() + summary.tally.skipped;
            ui.add(Text::body(format!("{}, {by}", of(rated, session.items.len()))).soft().one_line());
        });
        // Until a session is ended by whoever rates, its result stays unsaid here, too.
        if let Some(change) = &kept.change {
            ui.add(Text::small(change).color(theme.status.warning).wrapped());
        }
    });
    if card.response.clicked() {
        actions.push(CompareAction::Blind(BlindAction::Open(session.name.clone())).into());
    }
}
