//! One prompt, answered by the base model and by the tuned one, side by side.

mod answer;
pub mod blind;
pub mod fields;
pub mod held_out;
mod list;
pub mod pair;
mod prompt;
pub mod queue;
mod settings;
pub mod state;

pub use state::{CompareAction as Action, CompareState as State};

use egui::{Align, Frame, Layout, Margin, Panel, Rect, Sense, Ui, UiBuilder, Vec2};

use super::{Part, Place, Rail};
use crate::app::jobs::Job;
use crate::app::kit::{
    Button, Icon, Mark, Text, Theme, WRONG_NUMBER, empty_state, format, has_wrong_number, icon, main_area,
    screen_header, segmented, way_on,
};
use crate::app::parts::run_picker;
use crate::app::start::Starter;
use crate::app::{Action as AnyAction, AppState, Cx, Drafts as AllDrafts, Screen};
use crate::engine::EventKind;
use crate::engine::protocol::Side;
use state::{CompareAction, Highlight};

/// Text that is being typed.
#[derive(Debug, Default)]
pub struct Drafts {
    pub search: String,
    pub blind: blind::Drafts,
}

/// See the module.
pub struct Logic;

impl Part for Logic {
    type Action = Action;

    fn show(ui: &mut Ui, state: &AppState, drafts: &mut AllDrafts, actions: &mut Vec<AnyAction>) {
        ui.spacing_mut().item_spacing.y = 0.0;
        header(ui, state, actions);
        if state.compare.chosen_run(&state.runs.records).is_none() {
            return main_area(ui, |ui| no_run(ui, state, actions));
        }
        if state.compare.blind.is_on {
            return main_area(ui, |ui| blind::show(ui, state, &mut drafts.compare.blind, actions));
        }
        let theme = Theme::of(ui);
        Panel::left("held out")
            .resizable(false)
            .exact_size(theme.size.held_out_width)
            .frame(Frame::new().fill(theme.surface.panel))
            .show(ui, |ui| list::show(ui, state, &mut drafts.compare, actions));
        main_area(ui, |ui| body(ui, state, actions));
    }

    fn update(state: &mut AppState, drafts: &mut AllDrafts, action: Action, cx: &Cx<'_>) {
        if let Action::Blind(action) = action {
            return blind::update(state, drafts, action, cx);
        }
        let AppState { compare, jobs, project, runs, .. } = state;
        let mut starter = Starter { jobs, cx };
        compare.apply(action, &runs.records, &mut starter);
        if let Some(project) = project {
            compare.tick(project, &runs.records, &mut starter);
        }
        drafts.compare.search.clone_from(&compare.search);
    }

    fn is_by_itself(action: &Action) -> bool {
        matches!(action, Action::Visible(_) | Action::Scrolled | Action::Blind(blind::BlindAction::NoteFocused))
    }

    fn on_event(state: &mut AppState, drafts: &mut AllDrafts, job: &Job, event: &EventKind, cx: &Cx<'_>) {
        let AppState { compare, jobs, runs, .. } = state;
        compare.on_event(job.id, event, &runs.records, &mut Starter { jobs, cx });
        blind::on_event(state, drafts, job, event, cx);
        if state.screen == Screen::Compare && matches!(event, EventKind::Reply(_) | EventKind::Finished(_)) {
            Self::refresh(state, drafts, cx);
        }
    }

    fn forget(state: &mut AppState, _drafts: &mut AllDrafts) {
        state.compare = State::default();
    }

    fn keep(state: &mut AppState, cx: &Cx<'_>) {
        let AppState { compare, jobs, .. } = state;
        compare.close(&mut Starter { jobs, cx });
    }
}

impl Place for Logic {
    const NAME: &'static str = "Compare";
    const ICON: Icon = icon::COLUMNS;
    const RAIL: Rail = Rail::Step("Read answers before and after");
    const ACT: Option<&'static str> = Some("Answer the prompt before and after");

    fn refresh(state: &mut AppState, _drafts: &mut AllDrafts, cx: &Cx<'_>) {
        let AppState { compare, jobs, project, runs, .. } = state;
        if let Some(project) = project {
            compare.tick(project, &runs.records, &mut Starter { jobs, cx });
        }
    }

    fn rail(state: &AppState) -> (String, Mark) {
        if state.compare.queue.is_busy() {
            let words = match state.compare.queue.done_of() {
                Some((done, all)) => format!("{} of {}", format::thousands(done as u64), format::thousands(all as u64)),
                None => "Answering".to_owned(),
            };
            return (words, Mark::Running);
        }
        match state.compare.chosen_run(&state.runs.records) {
            None if state.jobs.training().is_some() => ("After this run".to_owned(), Mark::ToDo),
            None => ("Needs a run".to_owned(), Mark::ToDo),
            Some(_) => {
                let counts = state.project.as_ref().map(|project| project.counts).unwrap_or_default();
                (format::count(counts.validation + counts.test, "prompt", "prompts"), Mark::Ready)
            }
        }
    }

    fn primary(state: &AppState) -> Option<AnyAction> {
        let compare = &state.compare;
        if compare.blind.is_on {
            return blind::primary(state);
        }
        let is_free = !compare.is_answering() && compare.place().is_none();
        (is_free && compare.problem(&state.runs.records).is_none()).then(|| CompareAction::Answer.into())
    }
}

fn header(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let compare = &state.compare;
    let mut picked = None;
    let chosen = compare.chosen_run(&state.runs.records);
    let is_rating = compare.blind.is_on && compare.blind.opened().is_some();
    let beside = |ui: &mut Ui| {
        let ways = [(false, "Side by side"), (true, "Blind rating")];
        if let (Some(is_blind), true) =
            (segmented(ui, "Way to compare", &ways, compare.blind.is_on), chosen.is_some() || compare.blind.is_on)
        {
            actions.push(CompareAction::Blind(blind::BlindAction::Switch(is_blind)).into());
        }
        // While one rates, what is rated stays unsaid.
        if !is_rating {
            picked = run_picker(ui, &state.runs.records, chosen);
        }
    };
    let mut pushed = Vec::new();
    screen_header(ui, "Compare", beside, |ui| {
        let actions = &mut pushed;
        if compare.blind.is_on {
            return blind::header(ui, state, actions);
        }
        let own = match compare.is_own {
            true => Button::secondary("Held-out examples").icon(icon::LIST_BULLETS),
            false => Button::secondary("Own prompt…").icon(icon::PENCIL_SIMPLE),
        };
        if ui.add(own).clicked() {
            actions.push(CompareAction::OwnPrompt(!compare.is_own).into());
        }
        let len = compare.held_out.num_matching().unwrap_or(0);
        if len > 0 && !compare.is_own {
            let all = format!("Answer all {}", format::thousands(len));
            let all = Button::secondary(all).icon(icon::QUEUE).name("Answer all");
            let problem = match compare.queue.is_busy() {
                true => Some("Prompts are being answered already"),
                false => has_wrong_number(ui.ctx()).then_some(WRONG_NUMBER),
            };
            if ui.add(all.disabled_by(problem)).clicked() {
                actions.push(CompareAction::AnswerAll.into());
            }
        }
        let (Some(row), false) = (compare.selected, compare.is_own || len == 0) else { return };
        let next = Button::icon_only(icon::CARET_DOWN, "Next prompt").enabled_or(row + 1 < len, "This is the last one");
        if ui.add(next).clicked() {
            actions.push(CompareAction::Step(1).into());
        }
        let previous =
            Button::icon_only(icon::CARET_UP, "Previous prompt").enabled_or(row > 0, "This is the first one");
        if ui.add(previous).clicked() {
            actions.push(CompareAction::Step(-1).into());
        }
        let words = match compare.queue.done_of() {
            Some((done, all)) => {
                format!("{} of {} answered", format::thousands(done as u64), format::thousands(all as u64))
            }
            None => format!("{} of {}", format::thousands(row + 1), format::thousands(len)),
        };
        ui.add(Text::small(words).faint());
    });
    actions.append(&mut pushed);
    if let Some(run) = picked {
        actions.push(CompareAction::Run(run).into());
    }
}

fn no_run(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let is_training = state.jobs.training().is_some();
    let text = match is_training {
        true => "The first checkpoint of the run that trains now can be compared as soon as it is written",
        false => "Here you read the same prompt answered before and after tuning. That needs a run with saved weights",
    };
    empty_state(ui, "Nothing to compare yet", text, |ui| {
        let (title, button) = match is_training {
            true => ("Watch the run", Button::primary("Go to Train")),
            false => ("Train the first run", Button::primary("Go to Train")),
        };
        if way_on(ui, icon::PULSE, title, "On this machine, with your examples", button).clicked() {
            actions.push(AnyAction::Go(Screen::Train));
        }
    });
}

/// From the top: prompt, both answers, expected answer, highlighting; below them the settings and the act.
fn body(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing = Vec2::new(theme.pad.between_controls, 0.0);
    let room = ui.available_rect_before_wrap();
    let layout = Layout::left_to_right(Align::Center);
    let upper = settings::show(ui, room, state, actions);

    let content = upper.shrink2(Vec2::new(theme.pad.screen_x, theme.pad.screen_y));
    ui.scope_builder(UiBuilder::new().max_rect(content), |ui| {
        ui.set_clip_rect(ui.clip_rect().intersect(upper));
        prompt::show(ui, state, actions);
        ui.add_space(theme.pad.between_cards);
        let highlight_height = theme.size.control_height + theme.pad.between_cards;
        let expected_height = if state.compare.expected().is_some() {
            theme.size.filter_bar_height + theme.pad.between_cards
        } else {
            0.0
        };
        let top = ui.cursor().top();
        let bottom = content.bottom() - highlight_height - expected_height;
        let rect = Rect::from_min_max(egui::pos2(content.left(), top), egui::pos2(content.right(), bottom));
        sides(ui, state, rect, actions);
        if let Some(expected) = state.compare.expected() {
            let top = bottom + theme.pad.between_cards;
            let rect = Rect::from_x_y_ranges(content.x_range(), top..=top + theme.size.filter_bar_height);
            answer::expected(ui, rect, expected);
        }
        let line =
            Rect::from_min_max(egui::pos2(content.left(), content.bottom() - theme.size.control_height), content.max);
        ui.scope_builder(UiBuilder::new().max_rect(line).layout(layout), |ui| highlight(ui, state, actions));
    });
}

fn sides(ui: &mut Ui, state: &AppState, rect: Rect, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let half = ((rect.width() - theme.pad.between_cards) / 2.0).floor();
    let left = Rect::from_min_size(rect.min, Vec2::new(half, rect.height()));
    let right = Rect::from_min_max(egui::pos2(rect.right() - half, rect.top()), rect.max);
    answer::show(ui, left, state, Side::Before, actions);
    answer::show(ui, right, state, Side::After, actions);
}

fn highlight(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.x = theme.space.m;
    ui.add(Text::small("Highlight"));
    let options = [
        (Highlight::BeforeToAfter, "Before to after"),
        (Highlight::AgainstExpected, "Against expected"),
        (Highlight::Off, "Off"),
    ];
    let options = if state.compare.expected().is_some() { &options[..] } else { &[options[0], options[2]] };
    if let Some(highlight) = segmented(ui, "Highlight", options, state.compare.highlight) {
        actions.push(CompareAction::Highlight(highlight).into());
    }
    let mut swatch = |edge, fill, words: &str| {
        ui.spacing_mut().item_spacing.x = theme.space.xs + theme.space.xxs;
        ui.add_space(theme.space.xs);
        let (square, _) = ui.allocate_exact_size(Vec2::splat(theme.space.s + theme.space.xxs), Sense::hover());
        let radius = theme.rounding(theme.radius.mark);
        ui.painter().rect(square, radius, fill, theme.line(edge), egui::StrokeKind::Inside);
        ui.add(Text::small(words));
    };
    match state.compare.highlight {
        Highlight::BeforeToAfter => {
            swatch(theme.model.before, theme.model.before_tint, "only before");
            swatch(theme.model.after, theme.model.after_tint, "only after");
        }
        Highlight::AgainstExpected if state.compare.expected().is_some() => {
            swatch(theme.status.error, theme.status.error_tint, "not as expected");
        }
        Highlight::AgainstExpected | Highlight::Off => {}
    }
}

/// The padding of the cards of this screen.
fn card_margin(theme: &Theme) -> Margin {
    Margin::same(theme.pad.card as i8)
}
