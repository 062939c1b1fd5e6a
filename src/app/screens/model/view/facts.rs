//! What a model is: architecture, tensors by type, special tokens, and its template on a sample.

use egui::Ui;

use super::Actions;
use crate::app::AppState;
use crate::app::kit::{Card, Text, Theme, fact, facts_in_two_columns, format, section_with_control, segmented_small};
use crate::app::parts::token_view;
use crate::app::screens::model::Action;
use crate::app::screens::model::state::sample::Sample;
use crate::hub::{CatalogueModel, RepoListing};
use crate::model::{ModelFacts, TensorGroup};
use crate::recipe::ModelRef;

fn number(value: usize) -> String {
    format::thousands(value as u64)
}

fn heads(num: usize, num_kv: usize) -> String {
    if num_kv == num { num.to_string() } else { format!("{num}, {num_kv} key") }
}

fn embeddings(are_tied: bool) -> String {
    if are_tied { "Tied" } else { "Own" }.to_owned()
}

fn head(ui: &mut Ui, words: &str) {
    let theme = Theme::of(ui);
    ui.add(Text::caption(words));
    ui.add_space(theme.space.s - theme.space.xxs);
}

pub fn architecture(ui: &mut Ui, facts: &ModelFacts) {
    head(ui, "Architecture");
    facts_in_two_columns(
        ui,
        &[
            ("Family", facts.family.clone()),
            ("Weights", format::parameters(facts.num_parameters)),
            ("Layers", number(facts.num_layers)),
            ("Hidden size", number(facts.hidden_size)),
            ("Vocabulary", number(facts.vocab_size)),
            ("Kept as", facts.quantization.clone()),
            ("Heads", heads(facts.num_heads, facts.num_kv_heads)),
            ("Feed-forward", number(facts.intermediate_size)),
            ("Context", number(facts.context_length)),
            ("Embeddings", embeddings(facts.has_tied_embeddings)),
            ("Chat template", facts.chat_template.clone().unwrap_or_else(|| "None".to_owned())),
            ("On the disk", format::bytes(facts.num_bytes)),
        ],
    );
}

/// The architecture of a model of the catalogue, by its shape.
pub fn of_catalogue(ui: &mut Ui, model: &CatalogueModel) {
    let spec = &model.spec;
    head(ui, "Architecture");
    facts_in_two_columns(
        ui,
        &[
            ("Family", model.family.clone()),
            ("Weights", format::parameters(model.num_parameters)),
            ("Layers", number(spec.num_layers())),
            ("Hidden size", number(spec.hidden_size)),
            ("Vocabulary", number(spec.vocab_size)),
            ("Heads", heads(spec.num_heads, spec.num_kv_heads)),
            ("Feed-forward", number(spec.intermediate_size)),
            ("Context", number(model.context_length)),
            ("Embeddings", embeddings(spec.tie_word_embeddings)),
            ("Since", model.since.clone()),
        ],
    );
}

/// What is known of a repository, as far as the Hub says it.
pub fn of_listing(ui: &mut Ui, listing: &RepoListing) {
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    head(ui, "What the Hub says");
    facts_in_two_columns(
        ui,
        &[
            ("Family", or_dash(listing.family.clone())),
            ("Weights", or_dash(listing.num_parameters.map(format::parameters))),
            ("Context", or_dash(listing.context_length.map(format::thousands))),
            ("Licence", or_dash(listing.license.clone())),
            ("Downloads", or_dash(listing.downloads.map(format::short_count))),
            ("Revision", listing.commit.chars().take(7).collect()),
        ],
    );
}

/// `Q4_K   210 tensors, 641 MB`
pub fn tensors(ui: &mut Ui, groups: &[TensorGroup]) {
    if groups.is_empty() {
        return;
    }
    head(ui, "Tensors by type");
    for group in groups {
        let tensors = format::count(group.num_tensors as u64, "tensor", "tensors");
        let values = format::parameters(group.num_values);
        fact(ui, &group.dtype, &format!("{tensors}, {values}, {}", format::bytes(group.num_bytes)));
    }
}

/// The template on a sample, token by token; what is trained has its colour.
pub fn template(ui: &mut Ui, state: &AppState, model: &ModelRef, actions: &mut Actions) {
    let theme = Theme::of(ui);
    let rendering = &state.model.rendering;
    section_with_control(ui, "Template", "what a run would see", |ui| {
        if let Some(sample) = segmented_small(ui, "Sample conversation", &Sample::ALL, rendering.sample) {
            actions.push(Action::Sample(sample).into());
        }
    });
    ui.add_space(theme.space.s);
    Card::new().show(ui, |ui| match rendering.of(model) {
        None => drop(ui.add(Text::small("Rendering…").faint())),
        Some(Err(failure)) => {
            ui.add(Text::small("The template refuses this conversation").soft());
            ui.add(Text::small(failure).faint().wrapped());
        }
        Some(Ok(view)) => {
            ui.spacing_mut().item_spacing.y = theme.space.xs;
            token_view::show(ui, view, &mut None);
            let (all, trained) = (view.num_tokens as u64, format::thousands(view.num_trained as u64));
            let specials: Vec<&str> = specials(view.pieces.iter().filter(|p| p.is_special).map(|p| &*p.text));
            ui.add(Text::small(format!("{}, {trained} trained", format::count(all, "token", "tokens"))).faint());
            if !specials.is_empty() {
                ui.add(Text::small(format!("Special tokens {}", specials.join(" "))).faint().wrapped());
            }
            for warning in &view.warnings {
                ui.add(Text::small(warning).soft().wrapped());
            }
        }
    });
}

/// Each once, in their order.
fn specials<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut once = Vec::new();
    for token in all {
        if !once.contains(&token) {
            once.push(token);
        }
    }
    once
}
