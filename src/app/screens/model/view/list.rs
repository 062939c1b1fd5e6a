//! The models in sight: the starter, those on this disk, downloads that were left, the catalogue, and what the Hub found.

use egui::{Align, Layout, Rect, Sense, Ui, UiBuilder, Vec2};

use super::catalogue::context;
use super::{Actions, PANEL, catalogue, fit, hub};
use crate::app::AppState;
use crate::app::kit::{
    Badge, Button, Card, Text, Theme, drawer, format, icon, line, marked_text, progress, section, tooltip,
};
use crate::app::screens::model::{Action, fetching, in_short, used};
use crate::app::shell::words;
use crate::engine::{IoJob, JobSpec};
use crate::hub::{Beside, FoundModel, Unfinished};
use crate::recipe::ModelRef;

pub fn show(ui: &mut Ui, state: &AppState, search: &str, actions: &mut Actions) {
    let theme = Theme::of(ui);
    let wanted = search.trim().to_lowercase();
    let has = |found: &&FoundModel| {
        let family = found.facts.as_ref().is_some_and(|facts| facts.family.to_lowercase().contains(&wanted));
        family || found.name.to_lowercase().contains(&wanted)
    };
    let (starters, others): (Vec<_>, Vec<_>) =
        state.model.all().filter(has).partition(|found| found.model == ModelRef::Starter);
    if !starters.is_empty() || wanted.is_empty() {
        section(ui, "Starter", "small, quick, good for a first run", |_| {});
        grid(ui, state, &starters, actions);
        ui.add_space(theme.space.s);
    }
    let unfinished: Vec<_> =
        state.model.unfinished.iter().filter(|left| fetching(state, &left.model).is_none()).collect();
    if !unfinished.is_empty() {
        section(ui, "Downloads that were left", "they go on where they stopped", |_| {});
        unfinished.into_iter().for_each(|left| rest_of(ui, state, left, actions));
        ui.add_space(theme.space.s);
    }
    on_disk(ui, state, &others, &wanted, actions);
    ui.add_space(theme.space.s);
    catalogue::show(ui, state, search, actions);
    ui.add_space(theme.space.s);
    hub::show(ui, state, search.trim(), actions);
    ui.add_space(theme.space.s);
    marked_text(ui, icon::INFO, theme.text.faint, Text::small(about(state)).faint());
}

/// What the figures are for.
fn about(state: &AppState) -> String {
    let stay = "Models stay where they are and are never changed: tuning writes an adapter beside them";
    match state.model.estimates.num_examples() {
        None => stay.to_owned(),
        Some(0) => format!("Memory is for usual examples, there are none here yet. {stay}"),
        Some(num) => {
            let epochs = state.train.recipe.training.num_train_epochs;
            let examples = format::count(num as u64, "training example", "training examples");
            format!("Memory and time are for your {examples}, {epochs} epochs, with the settings of Train. {stay}")
        }
    }
}

fn on_disk(ui: &mut Ui, state: &AppState, others: &[&FoundModel], wanted: &str, actions: &mut Actions) {
    let is_looking = state.jobs.find(|spec| *spec == JobSpec::Io(IoJob::DiscoverModels)).is_some();
    let remark = match (&state.model.found, is_looking) {
        (_, true) => "looking…".to_owned(),
        (None, false) => String::new(),
        (Some(_), false) => places(others),
    };
    section(ui, "Found on this disk", &remark, |ui| {
        let again = Button::link("Look again").icon(icon::ARROW_CLOCKWISE).small();
        if ui.add(again.enabled_or(!is_looking, "It is looking already")).clicked() {
            actions.push(Action::LookAgain.into());
        }
    });
    if others.is_empty() && state.model.found.is_some() {
        let words = match wanted.is_empty() {
            true => {
                "No other model lies in the models folder, the Hugging Face cache, LM Studio or Ollama. A GGUF file, or \
                 a folder with config.json and safetensors, can be opened from anywhere"
            }
            false => "No model of that name",
        };
        ui.add(Text::small(words).faint().wrapped());
    }
    // Files of one model stand together.
    let mut grouped: Vec<&FoundModel> = Vec::new();
    for found in others {
        if grouped.iter().any(|known| known.model == found.model) {
            continue;
        }
        let group = found.group();
        grouped.extend(others.iter().filter(|other| other.group() == group));
    }
    grid(ui, state, &grouped, actions);
    not_offered(ui, &state.model.beside);
}

/// Lines of what isn't offered before the rest is counted.
const MAX_TOLD: usize = 3;

/// What was seen on this disk and isn't offered, and what couldn't be looked through.
fn not_offered(ui: &mut Ui, beside: &Beside) {
    let theme = Theme::of(ui);
    for note in &beside.notes {
        marked_text(ui, icon::WARNING_CIRCLE, theme.status.warning, Text::small(note).faint());
    }
    let lines: Vec<_> =
        beside.left_out.iter().map(|left| format!("{}: {}", left.path.display(), left.reason)).collect();
    for line in lines.iter().take(MAX_TOLD) {
        marked_text(ui, icon::PROHIBIT, theme.text.faint, Text::small(line).faint());
    }
    if let Some(rest) = lines.get(MAX_TOLD..).filter(|rest| !rest.is_empty()) {
        let words = format!("{} can't be used", format::count(rest.len() as u64, "more file", "more files"));
        ui.add(Text::small(words).faint()).on_hover_text(rest.join("\n"));
    }
}

/// `5 models in 3 places`
fn places(found: &[&FoundModel]) -> String {
    let mut places: Vec<_> = found.iter().map(|found| found.place.as_str()).collect();
    places.sort_unstable();
    places.dedup();
    if found.is_empty() {
        return "nothing else".to_owned();
    }
    let models = format::count(found.len() as u64, "model", "models");
    if places.len() < 2 { models } else { format!("{models} in {} places", places.len()) }
}

/// A download of before, with what is to become of it.
fn rest_of(ui: &mut Ui, state: &AppState, left: &Unfinished, actions: &mut Actions) {
    let name = words::model_name(&left.model);
    Card::new().slim().show(ui, |ui| {
        line(ui, Theme::of(ui).size.control_height_small, |ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let discard = Button::link("Discard").small().name(format!("Discard {name}"));
                if ui.add(discard).clicked() {
                    actions.push(Action::Discard(left.model.clone()).into());
                }
                let go_on = Button::secondary("Go on").small().name(format!("Go on with {name}"));
                if ui.add(go_on.disabled_by(hub::why_offline(state))).clicked() {
                    actions.push(Action::Fetch(left.model.clone()).into());
                }
                let amount = format!("{} of {}", format::bytes(left.done), format::bytes(left.total));
                ui.add(Text::small(amount).faint());
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.add(Text::body(&name).one_line()));
            });
        });
    });
}

/// Two cards a row.
fn grid(ui: &mut Ui, state: &AppState, found: &[&FoundModel], actions: &mut Actions) {
    let theme = Theme::of(ui);
    let gap = theme.pad.between_cards;
    let height = CARD_LINES * theme.type_scale.line_body + theme.space.xxl;
    let size = Vec2::new((ui.available_width() - gap) / 2.0, height);
    for pair in found.chunks(2) {
        let (row, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), size.y), Sense::hover());
        for (i, found) in pair.iter().enumerate() {
            let left = row.left() + i as f32 * (size.x + gap);
            let rect = Rect::from_min_size(egui::pos2(left, row.top()), size);
            let mut child = ui.new_child(UiBuilder::new().max_rect(rect).id_salt(found.model.to_string()));
            card(&mut child, state, found, actions);
        }
    }
}

/// Name, place, and the line of figures.
const CARD_LINES: f32 = 3.0;

fn card(ui: &mut Ui, state: &AppState, found: &FoundModel, actions: &mut Actions) {
    let theme = Theme::of(ui);
    let is_selected = state.model.selected.as_ref() == Some(&found.model);
    let height = ui.available_height();
    let is_used = used(state) == Some(&found.model);
    let card = Card::new().selected(is_selected).ticked(is_used).clickable(&found.name).min_height(height);
    let shown = card.show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let room = ui.available_width() - theme.size.icon - theme.space.s;
        ui.scope(|ui| {
            ui.set_max_width(room);
            let name = Text::strong(&found.name).one_line();
            ui.add(if problem_of(found).is_some() { name.faint() } else { name });
            ui.add(Text::small(about_card(found, is_used)).faint().one_line());
        });
        let rest = ui.available_height() - theme.size.badge_height;
        ui.add_space(rest.max(0.0));
        line(ui, theme.size.badge_height, |ui| {
            let words = in_short(found);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                state_of(ui, state, found);
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(Text::small(words).one_line());
                });
            });
        });
    });
    if shown.response.clicked() {
        actions.push(Action::Select(found.model.clone()).into());
        drawer::open(ui.ctx(), PANEL);
    }
}

/// `LM Studio, in use · Apache-2.0 · 32 K context`
fn about_card(found: &FoundModel, is_used: bool) -> String {
    let place = if is_used { format!("{}, in use", found.place) } else { found.place.clone() };
    let license = found.facts.as_ref().and_then(|facts| facts.license.clone());
    let length = found.facts.as_ref().map(|facts| format!("{} context", context(facts.context_length as u64)));
    [Some(place), license, length].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

pub(super) fn problem_of(found: &FoundModel) -> Option<&String> {
    found.problem.as_ref().or(found.facts.as_ref().and_then(|facts| facts.problem.as_ref()))
}

fn state_of(ui: &mut Ui, state: &AppState, found: &FoundModel) {
    let theme = Theme::of(ui);
    if let Some(job) = fetching(state, &found.model) {
        let share = job.progress.as_ref().and_then(|p| p.share());
        ui.add(Text::small(share.map_or_else(|| "Waiting".to_owned(), |s| format!("{:.0} %", s * 100.0))));
        progress(ui, "Download", share, theme.size.rail_width_icons);
        return;
    }
    if let Some(problem) = problem_of(found) {
        let badge = ui.add(Badge::error("Can't be trained"));
        tooltip::on_hover(badge, "Can't be trained", problem);
    } else if !found.is_on_disk {
        ui.add(Badge::neutral("To download").icon(icon::DOWNLOAD_SIMPLE));
    } else if let Some(estimate) = state.model.estimates.of(&found.model) {
        fit::badge(ui, estimate);
    } else {
        ui.add(Badge::neutral("On this disk").icon(icon::HARD_DRIVES.filled()));
    }
}
