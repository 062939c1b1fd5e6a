//! The form of the next run, and what that run would do.

mod rows;
mod side;

use egui::{Rect, Sense, Ui, UiBuilder, Vec2};

use super::{Action, Around, Preset};
use crate::app::kit::{
    Button, Card, Text, Theme, drawer, format, icon, layout, line, main_area, panel_header, right_panel, tooltip,
};
use crate::app::{AppState, Drafts};
use crate::data::starter;
use crate::recipe::Recipe;
use crate::recipe::params::Level;
use crate::train::preview::RunPreview;
use rows::{advanced, rows};
use side::start;

pub(super) use side::sentence;

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
    right_panel(ui, PANEL, theme.size.side_panel_train_width, |ui| side::show(ui, state, actions));
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
    let time = is_same_batch.then(|| state.train.time_of(&preview, &Around::of(state)))??;
    Some(format::about(time.total()))
}
