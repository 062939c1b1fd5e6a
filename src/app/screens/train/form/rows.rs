//! The settings of the form, a row each, with the widget that fits the parameter's kind.

use egui::{Align, Layout, Ui};

use super::Actions;
use crate::app::kit::{
    Card, Combo, Entry, NumberField, SettingsRow, Text, TextInput, Theme, format, icon, line, rule, segmented, switch,
};
use crate::app::screens::train::Action;
use crate::app::{AppState, Drafts};
use crate::recipe::params::{Kind, Level, PARAMS, Param, Value};
use crate::recipe::{EvalStrategy, Recipe};

pub(super) fn rows(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, level: Level, actions: &mut Actions) {
    ui.spacing_mut().item_spacing.y = 0.0;
    // How many steps it is counts only where it is steps.
    let has_steps = evaluates_by_steps(state);
    let is_shown = |param: &&'static Param| param.level == level && (param.key != EVAL_STEPS || has_steps);
    for (i, param) in PARAMS.iter().filter(is_shown).enumerate() {
        if i > 0 {
            rule(ui);
        }
        match param.key {
            EVAL_STRATEGY => evaluate_row(ui, state, param, actions),
            _ => row(ui, state, drafts, param, actions),
        }
    }
}

const EVAL_STRATEGY: &str = "evaluation.eval_strategy";
const EVAL_STEPS: &str = "evaluation.eval_steps";

fn evaluates_by_steps(state: &AppState) -> bool {
    let evaluation = &state.train.recipe.evaluation;
    let is_asked = evaluation.eval_strategy == EvalStrategy::Steps && evaluation.eval_steps > 0;
    is_asked || state.train.errors.contains_key(EVAL_STEPS)
}

/// How often it is evaluated: two settings of the file in one choice.
fn evaluate_row(ui: &mut Ui, state: &AppState, param: &'static Param, actions: &mut Actions) {
    let theme = Theme::of(ui);
    let evaluation = &state.train.recipe.evaluation;
    let current = match (evaluation.eval_strategy, evaluation.eval_steps) {
        (EvalStrategy::Steps, 0) if !evaluates_by_steps(state) => "four",
        (EvalStrategy::Steps, _) => "steps",
        (EvalStrategy::Epoch, _) => "epoch",
        (EvalStrategy::No, _) => "no",
    };
    let every =
        state.train.preview.as_ref().map_or(10, |preview| preview.eval_steps.clamp(1, preview.num_steps.max(1)));
    let help = match &state.train.preview {
        Some(preview) if preview.num_evaluations() > 0 => format!(
            "{} on {}",
            format::count(preview.num_evaluations() as u64, "time", "times"),
            format::count(preview.num_validation_examples as u64, "held-out example", "held-out examples")
        ),
        _ => param.help.to_owned(),
    };
    let settings = SettingsRow {
        name: param.label,
        help: &help,
        about: (&format!("{} ({}, eval_steps)", param.label, param.name()), param.long_help),
        is_changed: current != "four",
        is_wrong: false,
    };
    let shown = settings.show(ui, |ui| {
        let options = [
            ("four", "4 times an epoch"),
            ("epoch", "Every epoch"),
            ("steps", "Every N steps"),
            ("no", "Only at the end"),
        ];
        let width = theme.size.settings_control_width - theme.pad.card_large;
        Combo::new(param.label, &options, current).width(width).show(ui)
    });
    let chosen = if shown.reset { Some("four") } else { shown.inner };
    let Some(chosen) = chosen else { return };
    let (strategy, steps) = match chosen {
        "epoch" => ("epoch", 0),
        "no" => ("no", 0),
        "steps" => ("steps", every as i64),
        _ => ("steps", 0),
    };
    actions.push(Action::Set(EVAL_STRATEGY, Value::Choice(strategy)).into());
    actions.push(Action::Set(EVAL_STEPS, Value::Integer(steps)).into());
}

fn row(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, param: &'static Param, actions: &mut Actions) {
    let value = (param.get)(&state.train.recipe);
    let default = param.default();
    let title = format!("{} ({})", param.label, param.name());
    let about =
        format!("{}\n\nIt is {} by default, and may be {}", param.long_help, param.words(&default), param.allowed());
    let mistake = state.train.errors.get(param.key);
    let is_changed = value != default || mistake.is_some();
    let help = mistake.map_or(param.help, |mistake| &mistake.words);
    let about = (title.as_str(), about.as_str());
    let settings = SettingsRow { name: param.label, help, about, is_changed, is_wrong: mistake.is_some() };
    let shown = settings.show(ui, |ui| control(ui, drafts, param, &value, mistake.map(|m| m.text.as_str())));
    if shown.reset {
        actions.push(Action::Reset(param.key).into());
    }
    if let Some(action) = shown.inner {
        actions.push(action.into());
    }
}

/// The widget that fits the parameter's kind, with what was typed wrongly where that stands there; gives what was done.
fn control(
    ui: &mut Ui,
    drafts: &mut Drafts,
    param: &'static Param,
    value: &Value,
    wrong: Option<&str>,
) -> Option<Action> {
    let theme = Theme::of(ui);
    let room = theme.size.settings_control_width - theme.pad.card_large;
    let set = |value| Action::Set(param.key, value);
    match (param.kind, value) {
        (Kind::Switch, Value::Switch(is_on)) => {
            switch(ui, param.label, if *is_on { "On" } else { "Off" }, *is_on).map(|is_on| set(Value::Switch(is_on)))
        }
        (Kind::Choice(choices), Value::Choice(current)) => {
            let keys: Vec<(&'static str, &str)> = choices.to_vec();
            let chosen = if choices.len() <= 2 {
                segmented(ui, param.label, &keys, current)
            } else {
                Combo::new(param.label, &keys, current).width(room).show(ui)
            };
            chosen.map(|key| set(Value::Choice(key)))
        }
        (Kind::Integer { .. }, Value::Integer(current)) => {
            let field = NumberField::new(param.label, *current as f64).words(value.to_string()).integer();
            // No limit is an empty field, not a number that means something else.
            let field = match param.key {
                "training.max_steps" if *current <= 0 => field.words("").hint("No limit"),
                "training.max_steps" => field.hint("No limit"),
                _ => field,
            };
            let entry = field.unit(param.unit).width(width_of(theme, param)).wrong(wrong).entry(ui)?;
            Some(match entry {
                Entry::Number(value) => set(Value::Integer(value as i64)),
                Entry::Empty => set(Value::Integer(-1)),
                Entry::Wrong(text) => Action::Mistype(param.key, text),
                Entry::TakenBack => Action::TakeBack(param.key),
            })
        }
        (Kind::Float { .. }, Value::Float(current)) => {
            let field = NumberField::new(param.label, *current).words(value.to_string()).step(step_of(*current));
            let entry = field.unit(param.unit).width(width_of(theme, param)).wrong(wrong).entry(ui)?;
            Some(match entry {
                Entry::Number(value) => set(Value::Float(value)),
                Entry::Wrong(text) => Action::Mistype(param.key, text),
                Entry::TakenBack | Entry::Empty => Action::TakeBack(param.key),
            })
        }
        (Kind::Names, Value::Names(current)) => names(ui, drafts, param, current, room, wrong).map(set),
        _ => None,
    }
}

fn width_of(theme: &Theme, param: &Param) -> f32 {
    let unit = if param.unit.is_empty() { 0.0 } else { theme.space.xxl };
    2.0 * theme.size.rail_width_icons - theme.pad.card_large + unit
}

/// What an arrow key adds: one in the value's leading digit, at most 1.
fn step_of(value: f64) -> f64 {
    if value == 0.0 { 0.01 } else { 10f64.powf(value.abs().log10().floor()).min(1.0) }
}

fn names(
    ui: &mut Ui,
    drafts: &mut Drafts,
    param: &Param,
    current: &str,
    room: f32,
    wrong: Option<&str>,
) -> Option<Value> {
    let draft = &mut drafts.train.names;
    let mut text = draft.clone().unwrap_or_else(|| wrong.unwrap_or(current).to_owned());
    let response = TextInput::new(param.label, &mut text).mono().width(room).wrong(wrong.is_some()).show(ui);
    if response.changed() {
        *draft = Some(text.clone());
    }
    if !response.lost_focus() {
        return None;
    }
    *draft = None;
    (text != current || wrong.is_some()).then_some(Value::Names(text))
}

pub(super) fn advanced(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, actions: &mut Actions) {
    let theme = Theme::of(ui);
    let params = || PARAMS.iter().filter(|param| param.level == Level::Advanced);
    let recipe = &state.train.recipe;
    let changed = params().filter(|param| (param.get)(recipe) != param.default()).count();
    let is_open = state.train.is_advanced_open;
    let card = Card::new().large().slim().clickable("Advanced").show(ui, |ui| {
        line(ui, theme.type_scale.line_body, |ui| {
            let caret = if is_open { icon::CARET_DOWN } else { icon::CARET_RIGHT };
            caret.show(ui, theme.text.soft);
            ui.add(Text::strong("Advanced"));
            let state = match changed {
                0 => "all at their defaults".to_owned(),
                n => format!("{n} changed"),
            };
            ui.add(Text::body(format!("{} settings, {state}", params().count())).soft());
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.add(Text::small(in_short(recipe)).faint().one_line());
            });
        });
    });
    if card.response.clicked() {
        actions.push(Action::ToggleAdvanced.into());
    }
    if is_open {
        Card::new().rows().show(ui, |ui| rows(ui, state, drafts, Level::Advanced, actions));
    }
}

/// `alpha 32 · batch 8 × 1 · cosine · warm-up 5 % · seed 42`
fn in_short(recipe: &Recipe) -> String {
    let t = &recipe.training;
    let schedule = crate::recipe::params::find("training.lr_scheduler_type")
        .map_or_else(String::new, |p| (p.get)(recipe).to_string());
    format!(
        "alpha {} · batch {} × {} · {} · warm-up {} % · seed {}",
        recipe.lora.lora_alpha,
        t.per_device_train_batch_size,
        t.gradient_accumulation_steps,
        schedule.replace('_', " "),
        format::rate(t.warmup_ratio * 100.0),
        t.seed
    )
}
