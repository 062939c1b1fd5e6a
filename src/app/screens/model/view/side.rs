//! The panel about the selected model: whether it fits, what it is, and what it answers.

use egui::{Align, Layout, Ui};

use super::{Actions, download, facts, fit, list, trial};
use crate::app::kit::{Badge, Button, Card, Combo, Text, Theme, foot, format, icon, layout, line, tooltip};
use crate::app::screens::model::state::offers::{Offer, variant_ref};
use crate::app::screens::model::{Action, obstacle, path_of};
use crate::app::{AppState, Drafts};
use crate::hub::FoundModel;
use crate::recipe::ModelRef;

pub fn show(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, actions: &mut Actions) {
    let model = &state.model;
    if model.hub.is_listing() {
        let repo = model.hub.asked_repo.clone().unwrap_or_default();
        return words_alone(ui, &format!("Asking the Hub for {repo}…"));
    }
    match (model.selected(), model.selected.as_ref().zip(model.offer())) {
        (Some(found), _) => of_found(ui, state, found, drafts, actions),
        (None, Some((model, offer))) => of_offer(ui, state, model, offer, drafts, actions),
        (None, None) if model.found.is_none() => words_alone(ui, "Looking for models…"),
        (None, None) => match model.hub.listing.as_ref().filter(|listing| listing.variants.is_empty()) {
            Some(listing) => words_alone(ui, &format!("{} has no file that could be trained", listing.repo)),
            None => words_alone(ui, "Choose a model to see what it is"),
        },
    }
}

fn words_alone(ui: &mut Ui, words: &str) {
    layout::padded(ui, Theme::of(ui).pad.screen_x, |ui| {
        ui.add(Text::body(words).soft().wrapped());
    });
}

fn of_found(ui: &mut Ui, state: &AppState, found: &FoundModel, drafts: &mut Drafts, actions: &mut Actions) {
    let theme = Theme::of(ui);
    foot(ui, "use model", theme.pad.screen_x, |ui| download::step(ui, state, found, actions));
    let can_ask = obstacle(found).is_none();
    if can_ask {
        // Below what scrolls: an answer never pushes it away.
        foot(ui, "ask", theme.pad.screen_x, |ui| trial::ask_row(ui, state, drafts, actions));
    }
    let trial = Some(&state.model.trial).filter(|trial| trial.model.as_ref() == Some(&found.model));
    let is_asking = trial.is_some_and(|trial| trial.job.is_some());
    layout::following(ui, "facts", is_asking, |ui| {
        layout::padded(ui, theme.pad.screen_x, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            about_found(ui, state, found, actions);
            if can_ask && let Some(trial) = trial {
                ui.add_space(theme.space.m);
                trial::answer(ui, state, trial);
            }
        });
    });
}

fn about_found(ui: &mut Ui, state: &AppState, found: &FoundModel, actions: &mut Actions) {
    let theme = Theme::of(ui);
    head(ui, &found.name, found.is_on_disk);
    place(ui, found, actions);
    ui.add_space(theme.space.m + theme.space.xxs);
    if let Some(problem) = list::problem_of(found) {
        why_not(ui, problem);
    } else if obstacle(found).is_none() {
        fit::card(ui, state, state.model.estimates.of(&found.model), actions);
    }
    for note in found.facts.iter().flat_map(|facts| &facts.notes) {
        ui.add_space(theme.space.s);
        ui.add(Text::small(note).soft().wrapped());
    }
    let Some(of) = &found.facts else { return };
    ui.add_space(theme.space.l);
    facts::architecture(ui, of);
    ui.add_space(theme.space.l);
    facts::tensors(ui, &of.size.groups);
    if obstacle(found).is_none() {
        ui.add_space(theme.space.l);
        facts::template(ui, state, &found.model, actions);
    }
}

fn head(ui: &mut Ui, name: &str, is_on_disk: bool) {
    line(ui, Theme::of(ui).size.badge_height, |ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add(match is_on_disk {
                true => Badge::neutral("On this disk").icon(icon::HARD_DRIVES.filled()),
                false => Badge::neutral("To download").icon(icon::DOWNLOAD_SIMPLE),
            });
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.add(Text::strong(name).one_line()));
        });
    });
}

fn place(ui: &mut Ui, found: &FoundModel, actions: &mut Actions) {
    let theme = Theme::of(ui);
    let license = found.facts.as_ref().and_then(|facts| facts.license.clone());
    let license = license.unwrap_or_else(|| "licence not stated".to_owned());
    line(ui, theme.type_scale.line_small, |ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if let Some(path) = path_of(found).filter(|_| found.is_on_disk) {
                let link = ui.add(Button::link("Show in folder").small());
                if link.clicked() {
                    let folder =
                        if path.is_absolute() { path.parent().map_or(path.clone(), Into::into) } else { path.clone() };
                    actions.push(crate::app::Action::OpenFolder(folder));
                }
                tooltip::on_hover(link, "Show in folder", &path.display().to_string());
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Text::small(format!("{} · {license}", found.place)).faint().one_line());
            });
        });
    });
}

fn why_not(ui: &mut Ui, problem: &str) {
    let theme = Theme::of(ui);
    Card::new().show(ui, |ui| {
        ui.horizontal(|ui| {
            icon::X_CIRCLE.filled().show(ui, theme.status.error);
            ui.add(Text::strong("Can't be trained here"));
        });
        ui.add_space(theme.space.xs);
        ui.add(Text::body(problem).soft().wrapped());
    });
}

fn of_offer(
    ui: &mut Ui,
    state: &AppState,
    model: &ModelRef,
    offer: Offer<'_>,
    drafts: &mut Drafts,
    actions: &mut Actions,
) {
    let theme = Theme::of(ui);
    foot(ui, "use model", theme.pad.screen_x, |ui| download::of_offer(ui, state, model, offer, actions));
    layout::scrolling(ui, "offer", |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let (name, below, note) = match offer {
            Offer::Catalogue(row, _) => (
                row.name.as_str(),
                format!("{} · {} · {}", row.maker, row.since, row.license),
                Some(
                    row.license_note.clone().map_or_else(|| row.good_for.clone(), |n| format!("{}. {n}", row.good_for)),
                ),
            ),
            Offer::Listed(listing, _) => {
                let license = listing.license.as_deref().unwrap_or("licence not stated");
                (listing.repo.as_str(), format!("Hugging Face Hub · {license}"), None)
            }
        };
        head(ui, name, false);
        ui.add(Text::small(below).faint().one_line());
        if let Some(note) = note {
            ui.add_space(theme.space.s);
            ui.add(Text::body(note).soft().wrapped());
        }
        ui.add_space(theme.space.m);
        files(ui, state, model, offer, actions);
        ui.add_space(theme.space.m);
        match offer.problem() {
            Some(problem) => why_not(ui, problem),
            None => {
                fit::card(ui, state, state.model.estimates.of(model), actions);
                if let Offer::Listed(listing, _) = offer
                    && crate::hub::catalogue::find(&listing.repo).is_none()
                {
                    ui.add_space(theme.space.xs);
                    let words = "By the shape of a model of this size; the exact figures are known once it is here";
                    ui.add(Text::small(words).faint().wrapped());
                }
            }
        }
        if let (true, ModelRef::Hub { repo, .. }) = (offer.is_gated(), model) {
            ui.add_space(theme.space.m);
            download::gate(ui, state, repo, drafts, actions);
        }
        ui.add_space(theme.space.l);
        match offer {
            Offer::Catalogue(row, _) => facts::of_catalogue(ui, row),
            Offer::Listed(listing, _) => {
                facts::of_listing(ui, listing);
                for left in &listing.left_out {
                    ui.add_space(theme.space.xs);
                    ui.add(Text::small(format!("{}: {}", left.path, left.reason)).faint().wrapped());
                }
            }
        }
    });
}

/// Which of its files: by quantisation and size, the one that fits marked.
fn files(ui: &mut Ui, state: &AppState, model: &ModelRef, offer: Offer<'_>, actions: &mut Actions) {
    let theme = Theme::of(ui);
    let all: Vec<(ModelRef, String, u64)> = match offer {
        Offer::Catalogue(row, _) => {
            row.choices.iter().map(|c| (c.model.clone(), c.quantization.clone(), c.num_bytes)).collect()
        }
        Offer::Listed(listing, _) => {
            let of = |variant: &crate::hub::Variant| {
                (variant_ref(listing, variant), variant.name.clone(), variant.num_bytes)
            };
            listing.variants.iter().map(of).collect()
        }
    };
    let words = |(model, name, bytes): &(ModelRef, String, u64)| {
        let fit = match state.model.fit(model) {
            Some(crate::train::memory::Fit::Fits) => ", fits",
            Some(crate::train::memory::Fit::Tight) => ", tight",
            Some(crate::train::memory::Fit::TooLarge) => ", too large",
            None => "",
        };
        format!("{name}, {}{fit}", format::bytes(*bytes))
    };
    let words: Vec<String> = all.iter().map(words).collect();
    let options: Vec<(usize, &str)> = words.iter().enumerate().map(|(at, words)| (at, words.as_str())).collect();
    let current = all.iter().position(|(of, ..)| of == model).unwrap_or(usize::MAX);
    line(ui, theme.size.control_height, |ui| {
        ui.add(Text::body("File").faint());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let width = theme.size.settings_control_width + theme.size.settings_name_width / 2.0;
            let combo = Combo::new("File", &options, current).width(width.min(ui.available_width()));
            if let Some(at) = combo.show(ui) {
                actions.push(Action::Select(all[at].0.clone()).into());
            }
        });
    });
}
