//! How the model screen looks.

use egui::{Align, Layout, Rect, Sense, Ui, UiBuilder, Vec2};

use super::{Action, Trial, fetching, in_short, obstacle, path_of, used};
use crate::app::kit::row::place;
use crate::app::kit::{
    Badge, Button, Card, Text, TextInput, Theme, drawer, facts_in_two_columns, foot, format, icon, layout, line,
    main_area, panel_header, progress, right_panel, section, tooltip,
};
use crate::app::parts::waiting;
use crate::app::parts::{memory_badge, memory_parts, memory_parts_height, memory_words, role_block};
use crate::app::{AppState, Drafts, Screen};
use crate::data::Role;
use crate::engine::{IoJob, JobSpec};
use crate::hub::FoundModel;
use crate::model::ModelFacts;
use crate::recipe::ModelRef;
use crate::task::Signal;

type Actions = Vec<crate::app::Action>;

const PANEL: &str = "model";

pub fn show(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, actions: &mut Actions) {
    let theme = Theme::of(ui);
    panel_header(
        ui,
        "Model",
        (PANEL, "About the model"),
        |ui| {
            ui.add(Text::body("Choose what to tune").soft().one_line());
        },
        |ui| {
            if ui.add(Button::secondary("Open folder…").icon(icon::FOLDER_OPEN)).clicked() {
                actions.push(Action::OpenFolder.into());
            }
            if ui.add(Button::secondary("Open GGUF…").icon(icon::FILE)).clicked() {
                actions.push(Action::OpenGguf.into());
            }
            TextInput::new("Search models", &mut drafts.model.search)
                .icon(icon::MAGNIFYING_GLASS)
                .hint("Search names")
                .width(theme.size.rail_width)
                .id(place("search"))
                .show(ui);
        },
    );
    right_panel(ui, PANEL, theme.size.side_panel_width, |ui| side(ui, state, drafts, actions));
    main_area(ui, |ui| {
        layout::scrolling(ui, "models", |ui| {
            ui.spacing_mut().item_spacing.y = theme.space.s;
            cards(ui, state, &drafts.model.search, actions);
        });
    });
}

fn cards(ui: &mut Ui, state: &AppState, search: &str, actions: &mut Actions) {
    let theme = Theme::of(ui);
    let fits = |found: &&FoundModel| found.name.to_lowercase().contains(&search.trim().to_lowercase());
    let (starters, others): (Vec<_>, Vec<_>) =
        state.model.all().filter(fits).partition(|found| found.model == ModelRef::Starter);
    section(ui, "Starter", "small, quick, good for a first run", |_| {});
    grid(ui, state, &starters, actions);
    ui.add_space(theme.space.s);

    let is_looking = state.jobs.find(|spec| *spec == JobSpec::Io(IoJob::DiscoverModels)).is_some();
    let remark = match (&state.model.found, is_looking) {
        (_, true) => "looking…".to_owned(),
        (None, false) => String::new(),
        (Some(_), false) => places(&others),
    };
    section(ui, "Found on this disk", &remark, |ui| {
        let again = Button::link("Look again").icon(icon::ARROW_CLOCKWISE).small();
        if ui.add(again.enabled_or(!is_looking, "It is looking already")).clicked() {
            actions.push(Action::LookAgain.into());
        }
    });
    if others.is_empty() && state.model.found.is_some() {
        let words = if search.trim().is_empty() {
            "No other model lies in the models folder, the Hugging Face cache, LM Studio or Ollama. A GGUF file, or a \
             folder with config.json and safetensors, can be opened from anywhere"
        } else {
            "No model of that name"
        };
        ui.add(Text::small(words).faint().wrapped());
    }
    grid(ui, state, &others, actions);
    ui.add_space(theme.space.s);
    ui.horizontal(|ui| {
        icon::INFO.show_sized(ui, theme.size.icon_small, theme.text.faint);
        ui.add(
            Text::small("Models stay where they are and are never changed: tuning writes an adapter beside them")
                .faint(),
        );
    });
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
        let problem = found.problem.is_some() || found.facts.as_ref().is_some_and(|facts| facts.problem.is_some());
        let room = ui.available_width() - theme.size.icon - theme.space.s;
        ui.scope(|ui| {
            ui.set_max_width(room);
            let name = Text::strong(&found.name).one_line();
            ui.add(if problem { name.faint() } else { name });
            ui.add(Text::small(&found.place).faint().one_line());
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

fn state_of(ui: &mut Ui, state: &AppState, found: &FoundModel) {
    let theme = Theme::of(ui);
    if let Some(job) = fetching(state, &found.model) {
        let share = job.progress.as_ref().and_then(|p| p.share());
        ui.add(Text::small(share.map_or_else(|| "Waiting".to_owned(), |s| format!("{:.0} %", s * 100.0))));
        progress(ui, "Download", share, theme.size.rail_width_icons);
        return;
    }
    if let Some(problem) = found.problem.as_ref().or(found.facts.as_ref().and_then(|facts| facts.problem.as_ref())) {
        let badge = ui.add(Badge::error("Can't be trained"));
        tooltip::on_hover(badge, "Can't be trained", problem);
    } else if !found.is_on_disk {
        ui.add(Badge::neutral("To download").icon(icon::DOWNLOAD_SIMPLE));
    } else if used(state) == Some(&found.model) {
        ui.add(Badge::ok("In use"));
    } else if let Some(preview) = preview_of(state, found) {
        ui.add(memory_badge(&preview.memory));
    } else {
        ui.add(Badge::neutral("On this disk").icon(icon::HARD_DRIVES.filled()));
    }
}

fn preview_of<'a>(state: &'a AppState, found: &FoundModel) -> Option<&'a crate::train::preview::RunPreview> {
    state.model.preview.as_ref().filter(|(model, _)| *model == found.model).map(|(_, preview)| preview)
}

fn side(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, actions: &mut Actions) {
    let theme = Theme::of(ui);
    let Some(found) = state.model.selected() else {
        return layout::padded(ui, theme.pad.screen_x, |ui| {
            let words =
                if state.model.found.is_none() { "Looking for models…" } else { "Choose a model to see what it is" };
            ui.add(Text::body(words).soft().wrapped());
        });
    };
    foot(ui, "use model", theme.pad.screen_x, |ui| big_step(ui, state, found, actions));
    let can_ask = obstacle(found).is_none();
    if can_ask {
        // Below what scrolls: an answer never pushes it away.
        foot(ui, "ask", theme.pad.screen_x, |ui| ask_row(ui, state, drafts, actions));
    }
    let trial = Some(&state.model.trial).filter(|trial| trial.model.as_ref() == Some(&found.model));
    let is_asking = trial.is_some_and(|trial| trial.job.is_some());
    layout::following(ui, "facts", is_asking, |ui| {
        layout::padded(ui, theme.pad.screen_x, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            facts(ui, state, found, actions);
            if can_ask && let Some(trial) = trial {
                ui.add_space(theme.space.m);
                answer(ui, state, trial);
            }
        });
    });
}

fn facts(ui: &mut Ui, state: &AppState, found: &FoundModel, actions: &mut Actions) {
    let theme = Theme::of(ui);
    head(ui, found, actions);
    ui.add_space(theme.space.m + theme.space.xxs);
    let has_examples = state.project.as_ref().is_some_and(|project| project.counts.train > 0);
    if let Some(problem) = found.problem.as_ref().or(found.facts.as_ref().and_then(|f| f.problem.as_ref())) {
        why_not(ui, problem);
    } else if let Some(preview) = preview_of(state, found) {
        fits(ui, Some(&preview.memory), "");
    } else if obstacle(found).is_none() && has_examples {
        let is_counting = state.jobs.find(|spec| matches!(spec, JobSpec::Io(IoJob::PreviewRun { .. }))).is_some();
        let words = if is_counting { "Counting what a run takes…" } else { "What a run takes is not counted yet" };
        fits(ui, None, words);
    }
    for note in found.facts.iter().flat_map(|facts| &facts.notes) {
        ui.add_space(theme.space.s);
        ui.add(Text::small(note).soft().wrapped());
    }
    if let Some(facts) = &found.facts {
        ui.add_space(theme.space.l);
        architecture(ui, facts);
    }
}

fn head(ui: &mut Ui, found: &FoundModel, actions: &mut Actions) {
    let theme = Theme::of(ui);
    line(ui, theme.size.badge_height, |ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add(match found.is_on_disk {
                true => Badge::neutral("On this disk").icon(icon::HARD_DRIVES.filled()),
                false => Badge::neutral("To download").icon(icon::DOWNLOAD_SIMPLE),
            });
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.add(Text::strong(&found.name).one_line()));
        });
    });
    let license = found.facts.as_ref().and_then(|facts| facts.license.clone());
    let license = license.unwrap_or_else(|| "licence not stated".to_owned());
    line(ui, theme.type_scale.line_small, |ui| {
        ui.add(Text::small(format!("{} · {license}", found.place)).faint());
        if let Some(path) = path_of(found).filter(|_| found.is_on_disk) {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let link = ui.add(Button::link("Show in folder").small());
                if link.clicked() {
                    let folder =
                        if path.is_absolute() { path.parent().map_or(path.clone(), Into::into) } else { path.clone() };
                    actions.push(crate::app::Action::OpenFolder(folder));
                }
                tooltip::on_hover(link, "Show in folder", &path.display().to_string());
            });
        }
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

/// The card is as high before the memory is counted: nothing below it moves.
fn fits(ui: &mut Ui, memory: Option<&crate::train::preview::MemoryEstimate>, otherwise: &str) {
    let theme = Theme::of(ui);
    Card::new().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        line(ui, theme.type_scale.line_body, |ui| {
            let Some(memory) = memory else {
                ui.add(Text::body(otherwise).faint().one_line());
                return;
            };
            if memory.total() <= memory.available {
                icon::CHECK_CIRCLE.filled().show(ui, theme.status.ok);
                ui.add(Text::strong("Fits this machine"));
            } else {
                icon::X_CIRCLE.filled().show(ui, theme.status.error);
                ui.add(Text::strong("Too big for this machine"));
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| ui.add(Text::small(memory_words(memory))));
        });
        ui.add_space(theme.space.m);
        match memory {
            Some(memory) => memory_parts(ui, memory),
            None => ui.add_space(memory_parts_height(ui)),
        }
    });
}

fn architecture(ui: &mut Ui, facts: &ModelFacts) {
    let theme = Theme::of(ui);
    ui.add(Text::caption("Architecture"));
    ui.add_space(theme.space.s - theme.space.xxs);
    let heads = match facts.num_kv_heads == facts.num_heads {
        true => facts.num_heads.to_string(),
        false => format!("{}, {} key", facts.num_heads, facts.num_kv_heads),
    };
    let number = |value: usize| format::thousands(value as u64);
    facts_in_two_columns(
        ui,
        &[
            ("Family", facts.family.clone()),
            ("Weights", format::parameters(facts.num_parameters)),
            ("Layers", number(facts.num_layers)),
            ("Hidden size", number(facts.hidden_size)),
            ("Vocabulary", number(facts.vocab_size)),
            ("Kept as", facts.quantization.clone()),
            ("Heads", heads),
            ("Feed-forward", number(facts.intermediate_size)),
            ("Context", number(facts.context_length)),
            ("Embeddings", if facts.has_tied_embeddings { "Tied" } else { "Own" }.to_owned()),
            ("Chat template", facts.chat_template.clone().unwrap_or_else(|| "None".to_owned())),
            ("On the disk", format::bytes(facts.num_bytes)),
        ],
    );
}

fn answer(ui: &mut Ui, state: &AppState, trial: &Trial) {
    let theme = Theme::of(ui);
    section(ui, "Try it", "", |ui| {
        if let Some((tokens, per_sec)) = trial.speed {
            let tokens = format::count(tokens as u64, "token", "tokens");
            ui.add(Text::small(format!("{tokens}, {} tokens/s", format::speed(per_sec))).faint());
        }
    });
    ui.add_space(theme.space.s);
    let waiting = trial.job.and_then(|job| state.jobs.get(job)).filter(|job| !job.has_started);
    Card::new().show(ui, |ui| {
        role_block(ui, Role::User, |_| {}, |ui| ui.add(Text::body(&trial.prompt).wrapped()));
        ui.add_space(theme.space.s);
        role_block(
            ui,
            Role::Assistant,
            |ui| {
                ui.add(Badge::before("Before tuning"));
                if trial.job.is_none() && trial.speed.is_none() && trial.failure.is_none() {
                    ui.add(Badge::neutral("Stopped"));
                }
            },
            |ui| match (&trial.failure, waiting) {
                (Some(failure), _) => ui.add(Text::body(&failure.message).color(theme.status.error).wrapped()),
                (None, Some(job)) => ui.add(Text::body(waiting::words(state, job)).faint().wrapped()),
                (None, None) if trial.answer.is_empty() && trial.job.is_some() => ui.add(Text::body("…").soft()),
                (None, None) => ui.add(Text::body(&trial.answer).soft().wrapped()),
            },
        );
    });
}

fn ask_row(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, actions: &mut Actions) {
    let is_asking = state.model.trial.job.is_some();
    // Both buttons are as wide: the field keeps its place.
    let width = Theme::of(ui).size.control_height * 3.5;
    let prompt = drafts.model.prompt.trim().to_owned();
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
            if is_asking {
                if ui.add(Button::secondary("Stop").icon(icon::SQUARE).width(width)).clicked() {
                    actions.push(Action::StopAsking.into());
                }
            } else {
                let reason =
                    state.model.why_no_trial().or_else(|| prompt.is_empty().then(|| "Type something first".to_owned()));
                if ui.add(Button::secondary("Ask").key("Enter").width(width).disabled_by(reason)).clicked() {
                    actions.push(Action::Ask(prompt.clone()).into());
                }
            }
            let field = TextInput::new("Ask the model something", &mut drafts.model.prompt)
                .hint("Ask the model something")
                .width(ui.available_width())
                .show(ui);
            if field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter)) && !is_asking {
                actions.push(Action::Ask(prompt).into());
                field.request_focus();
            }
        });
    });
}

fn big_step(ui: &mut Ui, state: &AppState, found: &FoundModel, actions: &mut Actions) {
    let width = ui.available_width();
    if let Some(job) = fetching(state, &found.model) {
        let theme = Theme::of(ui);
        let told =
            job.progress.as_ref().map_or_else(|| "Waiting for its turn".to_owned(), crate::app::shell::words::progress);
        ui.horizontal(|ui| {
            ui.set_min_height(theme.size.control_height_large);
            if ui.add(Button::secondary("Stop").icon(icon::SQUARE)).clicked() {
                actions.push(crate::app::Action::Control(job.id, Signal::Stop { save: false }));
            }
            let share = job.progress.as_ref().and_then(|p| p.share());
            ui.vertical(|ui| {
                ui.add(Text::small(told));
                progress(ui, "Download", share, ui.available_width());
            });
        });
        return;
    }
    if !found.is_on_disk {
        let words = format!("Download {}", format::bytes(found.num_bytes));
        if ui.add(Button::primary(words).icon(icon::DOWNLOAD_SIMPLE).large().width(width)).clicked() {
            actions.push(Action::Fetch(found.model.clone()).into());
        }
        return;
    }
    let is_used = used(state) == Some(&found.model);
    let has_examples = state.project.as_ref().is_some_and(|project| project.counts.train > 0);
    let next = if has_examples { Screen::Train } else { Screen::Data };
    let words = if is_used { format!("Go on to {}", next.name()) } else { "Use this model".to_owned() };
    if ui.add(Button::primary(words).large().width(width).disabled_by(obstacle(found))).clicked() {
        actions.push(Action::Use(found.model.clone()).into());
    }
}
