//! The form of the next run, and what that run would do.

use egui::{Align, Layout, Rect, Sense, Ui, UiBuilder, Vec2};

use super::before::{self, Link, Verdict, check};
use super::{Action, Preset, chart, obstacle, time};
use crate::app::kit::{
    Badge, Button, Card, Combo, Entry, NumberField, SettingsRow, Text, TextInput, Theme, drawer, fact, foot, format,
    icon, layout, line, main_area, panel_header, right_panel, rule, section, segmented, switch, tooltip,
};
use crate::app::parts::{memory_parts, memory_words};
use crate::app::screens::settings;
use crate::app::shell::keys;
use crate::app::{AppState, Drafts, Screen};
use crate::data::checks::Severity;
use crate::data::starter;
use crate::engine::{IoJob, JobSpec};
use crate::project::{ProjectState, SplitCounts};
use crate::recipe::params::{Kind, Level, PARAMS, Param, Value};
use crate::recipe::{EvalStrategy, Recipe};
use crate::train::preview::RunPreview;

type Actions = Vec<crate::app::Action>;

const PANEL: &str = "train";

pub fn show(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, actions: &mut Actions) {
    let theme = Theme::of(ui);
    panel_header(
        ui,
        "Train",
        (PANEL, "What it will do"),
        |ui| {
            if let Some(from) = &state.train.taken_from {
                ui.add(Text::body(format!("Settings of {from}")).soft().one_line());
            }
        },
        |ui| {
            if !drawer::is_shown(ui.ctx(), PANEL) {
                start(ui, state, false, actions);
            }
            if state.train.run.is_some() && ui.add(Button::secondary("Show the run").icon(icon::PULSE)).clicked() {
                actions.push(Action::ShowRun.into());
            }
            if ui.add(Button::quiet("Open recipe…").icon(icon::FOLDER_OPEN)).clicked() {
                actions.push(Action::OpenRecipe.into());
            }
        },
    );
    right_panel(ui, PANEL, theme.size.side_panel_train_width, |ui| side(ui, state, actions));
    main_area(ui, |ui| {
        layout::scrolling(ui, "form", |ui| {
            ui.spacing_mut().item_spacing.y = theme.pad.card_large;
            presets(ui, state, actions);
            Card::new().rows().show(ui, |ui| rows(ui, state, drafts, Level::Simple, actions));
            advanced(ui, state, drafts, actions);
            ui.horizontal(|ui| {
                icon::TERMINAL.show_sized(ui, theme.size.icon_small, theme.text.faint);
                ui.add(Text::mono("tunewright train recipe.toml").soft());
                ui.add(Text::small("with the recipe of a run's folder repeats that run").faint());
            });
        });
    });
}

/// The presets that can be chosen here, and what is marked where none of them fits.
fn preset_cards(state: &AppState) -> Vec<(Option<Preset>, bool)> {
    let recipe = &state.train.recipe;
    let is_sample = state.project.as_ref().is_some_and(|p| p.source.as_deref() == Some(starter::FILE_NAME));
    let mut presets = Preset::ALL.to_vec();
    // First: the sample's own settings fit more closely than those of every project.
    if is_sample || Preset::Sample.fits(recipe) {
        presets.insert(0, Preset::Sample);
    }
    let fitting = presets.iter().copied().find(|preset| preset.fits(recipe));
    let mut cards: Vec<_> = presets.into_iter().map(|preset| (Some(preset), Some(preset) == fitting)).collect();
    if fitting.is_none() {
        cards.push((None, true));
    }
    cards
}

fn presets(ui: &mut Ui, state: &AppState, actions: &mut Actions) {
    let theme = Theme::of(ui);
    let cards = preset_cards(state);
    let gap = theme.pad.between_cards;
    let width = (ui.available_width() - gap * (cards.len() as f32 - 1.0)) / cards.len() as f32;
    let height = theme.type_scale.line_body + 2.0 * theme.type_scale.line_small + theme.space.l + theme.space.m;
    let (row, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
    for (i, (preset, is_marked)) in cards.into_iter().enumerate() {
        let left = row.left() + i as f32 * (width + gap);
        let rect = Rect::from_min_size(egui::pos2(left, row.top()), Vec2::new(width, height));
        let (name, sign, what_for) = match preset {
            Some(Preset::QuickLook) => ("Quick look", icon::LIGHTNING, "whether it works at all"),
            Some(Preset::Balanced) => ("Balanced", icon::SCALES, "right for most tasks"),
            Some(Preset::Thorough) => ("Thorough", icon::CROSSHAIR, "for the best that is in it"),
            Some(Preset::Sample) => ("Sample's own", icon::TABLE, "suits these examples"),
            None => ("Custom", icon::PENCIL_SIMPLE, "as set below"),
        };
        let mut recipe = state.train.recipe.clone();
        if let Some(preset) = preset {
            preset.apply(&mut recipe);
        }
        let epochs = recipe.training.num_train_epochs;
        let epochs = format!("{} {}", format::rate(epochs), if epochs == 1.0 { "epoch" } else { "epochs" });
        let mut child = ui.new_child(UiBuilder::new().max_rect(rect).id_salt(name));
        let card = Card::new().selected(is_marked).min_height(height);
        let shown = card.clickable(name).show(&mut child, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            line(ui, theme.type_scale.line_body, |ui| {
                sign.show(ui, if is_marked { theme.accent.text } else { theme.text.soft });
                ui.add(Text::strong(name).one_line());
            });
            ui.add_space(theme.space.xxs);
            ui.add(Text::small(format!("{epochs}, rank {}", recipe.lora.r)).normal().one_line());
            let time = time_of(state, &recipe);
            ui.add(Text::small(time.as_deref().unwrap_or(what_for)).one_line());
        });
        let shown = tooltip::on_hover(shown.response, name, what_for);
        if let (true, Some(preset)) = (shown.clicked(), preset) {
            actions.push(Action::Preset(preset).into());
        }
    }
}

/// How long a run would take with as many epochs, if that is known. The rank changes little of it.
fn time_of(state: &AppState, recipe: &Recipe) -> Option<String> {
    let preview = state.train.preview.as_ref()?;
    let is_same_batch = recipe.training.per_device_train_batch_size
        == state.train.recipe.training.per_device_train_batch_size
        && recipe.training.max_steps <= 0;
    let num_steps = (recipe.training.num_train_epochs * preview.steps_per_epoch as f64).ceil() as usize;
    let preview = RunPreview { num_steps, ..preview.clone() };
    let time = is_same_batch.then(|| time::of(state, &preview))??;
    Some(format::about(time.total()))
}

fn rows(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, level: Level, actions: &mut Actions) {
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
            ("steps", "Every so many steps"),
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

fn advanced(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, actions: &mut Actions) {
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

fn side(ui: &mut Ui, state: &AppState, actions: &mut Actions) {
    let theme = Theme::of(ui);
    let reason = obstacle(state);
    foot(ui, "start", theme.pad.panel_x, |ui| start(ui, state, true, actions));
    layout::scrolling_with(ui, "preview", theme.pad.panel_x, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let num_findings = state.data.checks.num_findings(Severity::MustFix);
        let is_counting = state.jobs.find(|spec| matches!(spec, JobSpec::Io(IoJob::PreviewRun { .. }))).is_some();
        line(ui, theme.size.badge_height, |ui| {
            ui.add(Text::strong("Run preview"));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.add(match (&reason, is_counting) {
                    (Some(_), _) => Badge::warning("Not ready"),
                    (None, true) => Badge::running("Counting"),
                    (None, false) if num_findings > 0 => {
                        Badge::warning(format::count(num_findings, "finding", "findings"))
                    }
                    (None, false) => Badge::ok("Ready"),
                });
            });
        });
        ui.add_space(theme.space.s);
        if let Some(project) = &state.project {
            facts(ui, state, project);
        }
        if let Some(preview) = &state.train.preview {
            ui.add_space(theme.space.m);
            time::card(ui, state, preview, actions);
            ui.add_space(theme.pad.between_cards);
            memory(ui, preview);
            ui.add_space(theme.space.m);
            schedule(ui, preview);
        }
        ui.add_space(theme.space.m);
        ui.add(Text::caption("Before you start"));
        ui.add_space(theme.space.xs);
        checks(ui, state, actions);
    });
}

/// Below the preview, or in the head of the screen while that is closed.
fn start(ui: &mut Ui, state: &AppState, is_large: bool, actions: &mut Actions) {
    let button = Button::primary("Start training").icon(icon::PLAY).key(keys::PRIMARY.shown);
    let button = if is_large { button.large().width(ui.available_width()) } else { button };
    if ui.add(button.disabled_by(obstacle(state))).clicked() {
        actions.push(Action::Start.into());
    }
}

fn facts(ui: &mut Ui, state: &AppState, project: &ProjectState) {
    let model = super::super::model::used(state);
    let model = model.map_or_else(|| "Not chosen".to_owned(), |model| super::super::model::name_of(state, model));
    fact(ui, "Model", &model);
    let counts = &project.counts;
    let number = |value: usize| format::thousands(value as u64);
    let data =
        format!("{} train, {} validation", format::thousands(counts.train), format::thousands(counts.validation));
    fact(ui, "Data", &data);
    let Some(preview) = &state.train.preview else { return };
    let trained = format!("{} of {} tokens", number(preview.num_supervised_tokens), number(preview.num_tokens));
    fact(ui, "Trained", &trained);
    let training = &state.train.recipe.training;
    let batch = training.per_device_train_batch_size * training.gradient_accumulation_steps;
    fact(
        ui,
        "Steps",
        &format!("{}, {} each", number(preview.num_steps), format::count(batch as u64, "example", "examples")),
    );
    let weights = format!(
        "{} of {} weights",
        format::parameters(preview.num_trainable as u64),
        format::parameters((preview.num_parameters + preview.num_trainable) as u64)
    );
    fact(ui, "Learns", &weights);
}

fn memory(ui: &mut Ui, preview: &RunPreview) {
    let theme = Theme::of(ui);
    Card::new().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.add(Text::small("Memory"));
        line(ui, theme.type_scale.line_title, |ui| {
            ui.add(Text::title(format!("{} GB", format::gigabytes(preview.memory.total()))));
            let free = format::gigabytes(preview.memory.available);
            ui.add(Text::small(format!("of {free} GB free")).faint());
        });
        ui.add_space(theme.space.s);
        memory_parts(ui, &preview.memory);
    });
}

fn schedule(ui: &mut Ui, preview: &RunPreview) {
    let theme = Theme::of(ui);
    let steps = format::thousands(preview.num_steps as u64);
    section(ui, "Learning rate", "", |ui| {
        ui.add(Text::small(format!("over {steps} steps")).faint());
    });
    ui.add_space(theme.space.s);
    let size = Vec2::new(ui.available_width(), theme.size.settings_row_height * 2.0 - theme.space.m);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let points: Vec<_> = preview.learning_rates.iter().map(|(step, rate)| (*step as f64, *rate)).collect();
    let highest = points.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    let words = format!("at most {}", format::rate(highest));
    chart::curve(ui, "Schedule", &words, rect, preview.num_steps, &points);
}

/// One line a check: what is fine, what is worth a look, what is missing.
fn checks(ui: &mut Ui, state: &AppState, actions: &mut Actions) {
    let Some(project) = &state.project else { return };
    if super::super::model::used(state).is_none() {
        check(ui, Verdict::Missing, "No model is chosen", Some(Link::To("Choose", Screen::Model)), actions);
    }
    if project.counts.train == 0 {
        check(ui, Verdict::Missing, "No training examples", Some(Link::To("Import", Screen::Data)), actions);
    }
    if let Some(failure) = &state.train.preview_failure {
        check(ui, Verdict::Missing, failure, None, actions);
    }
    reviewed(ui, &project.counts, actions);
    before::findings(ui, state, actions);
    if let Some(preview) = &state.train.preview {
        if let Some(words) = settings::over_limit(state, &preview.memory) {
            check(ui, Verdict::Missing, &words, Some(Link::To("Settings", Screen::Settings)), actions);
        }
        before::preview(ui, preview, actions);
        check_memory(ui, preview, actions);
    }
    let held_out = project.counts.validation;
    if project.counts.train > 0 && held_out == 0 {
        check(
            ui,
            Verdict::Look,
            "Nothing is held out: no one can tell learning from learning by heart",
            Some(Link::To("Show", Screen::Data)),
            actions,
        );
    } else if held_out > 0 {
        let words = format!("{} held out for validation", format::count(held_out, "example is", "examples are"));
        check(ui, Verdict::Fine, &words, None, actions);
    }
}

/// What the review of the examples means for the run.
fn reviewed(ui: &mut Ui, counts: &SplitCounts, actions: &mut Actions) {
    if let Some(words) = counts.left_out() {
        check(ui, Verdict::Fine, &format!("{words}: left out"), None, actions);
    }
    if counts.flagged > 0 {
        let words = format!(
            "{} trained all the same",
            format::count(counts.flagged, "flagged example is", "flagged examples are")
        );
        check(ui, Verdict::Look, &words, None, actions);
    }
}

/// Of the memory.
fn check_memory(ui: &mut Ui, preview: &RunPreview, actions: &mut Actions) {
    match preview.memory.total() <= preview.memory.available {
        true => check(ui, Verdict::Fine, "The memory is enough", None, actions),
        false => {
            let words = format!("It needs {}: a smaller batch or rank takes less", memory_words(&preview.memory));
            check(ui, Verdict::Look, &words, None, actions);
        }
    }
}

/// With a capital letter.
pub(super) fn sentence(note: &str) -> String {
    let mut chars = note.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
