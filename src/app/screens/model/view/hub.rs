//! Looking on the Hub, and what it found.

use egui::{Align, Ui};

use super::{Actions, PANEL, catalogue};
use crate::app::kit::table::Column;
use crate::app::kit::{Badge, Button, Text, Theme, drawer, format, icon, section};
use crate::app::screens::model::Action;
use crate::app::screens::model::state::offers::Offer;
use crate::app::{AppState, Screen};

const COLUMNS: [Column; 5] = [
    Column::share("Repository", 1.0),
    Column::text("Weights", "888.8 M").right(),
    Column::text("Licence", "apache-2.0"),
    Column::text("Downloads", "88.8M").right(),
    Column::icon_and_text("", "Can't be trained"),
];

/// Why nothing is asked of the network.
pub fn why_offline(state: &AppState) -> Option<String> {
    state.settings.is_offline.then(|| "The network is off in Settings".to_owned())
}

/// Why the Hub isn't asked now.
pub fn why_no_search(state: &AppState, text: &str) -> Option<String> {
    match text.is_empty() {
        true => Some("Type a part of a name into the search field first".to_owned()),
        false => why_offline(state),
    }
}

pub fn show(ui: &mut Ui, state: &AppState, text: &str, actions: &mut Actions) {
    let theme = Theme::of(ui);
    let hub = &state.model.hub;
    let remark = match (&hub.page, hub.is_searching()) {
        (_, true) => "searching…".to_owned(),
        (Some(page), false) => {
            let found = format::count(page.hits.len() as u64, "repository", "repositories");
            format!("{found} for “{}”", page.query.text)
        }
        (None, false) => "hundreds of thousands of models, asked only when you search".to_owned(),
    };
    section(ui, "Hugging Face Hub", &remark, |ui| {
        if state.settings.is_offline {
            if ui.add(Button::link("Offline, see Settings").icon(icon::WIFI_SLASH).small()).clicked() {
                actions.push(crate::app::Action::Go(Screen::Settings));
            }
            return;
        }
        let words =
            if text.is_empty() { "Search the Hub".to_owned() } else { format!("Search the Hub for “{text}”") };
        let search = Button::link(words).icon(icon::MAGNIFYING_GLASS).small().name("Search the Hub");
        let reason = why_no_search(state, text).or_else(|| hub.is_searching().then(|| "It is searching".to_owned()));
        if ui.add(search.disabled_by(reason)).clicked() {
            actions.push(Action::SearchHub(text.to_owned()).into());
        }
    });
    if let Some(failure) = &hub.failure {
        ui.add(Text::small(failure).color(theme.status.error).wrapped());
    }
    let Some(page) = &hub.page else { return };
    if page.hits.is_empty() {
        ui.add(Text::small("Nothing that could be trained here has that in its name").faint().wrapped());
        return;
    }
    // Its row is the chosen one only while the panel shows it, and no model of another list.
    let is_in_panel =
        hub.is_listing() || state.model.selected.is_none() || matches!(state.model.offer(), Some(Offer::Listed(..)));
    let at = page.hits.iter().position(|hit| is_in_panel && hub.asked_repo.as_ref() == Some(&hit.repo));
    let chosen = catalogue::table(ui, "Found on the Hub", &COLUMNS, page.hits.len(), at, |row| {
        let hit = &page.hits[row.index as usize];
        let theme = row.theme();
        let ink = if hit.problem.is_some() { theme.text.faint } else { theme.text.normal };
        row.text(0, Align::Min, &hit.repo, theme.body(), ink);
        let weights = hit.num_parameters.map_or_else(|| "–".to_owned(), format::parameters);
        row.text(1, Align::Max, &weights, theme.body(), theme.text.soft);
        row.text(2, Align::Min, hit.license.as_deref().unwrap_or("–"), theme.body(), theme.text.soft);
        row.text(3, Align::Max, &format::short_count(hit.downloads), theme.body(), theme.text.soft);
        row.widget(4, |ui| {
            if hit.problem.is_some() {
                ui.add(Badge::error("Can't be trained"));
            } else if hit.is_gated {
                ui.add(Badge::neutral("Gated").icon(icon::USER));
            } else {
                let formats: Vec<_> = hit.formats.iter().map(|format| format.name()).collect();
                ui.add(Badge::neutral(formats.join(", ")));
            }
        });
        if let Some(problem) = &hit.problem {
            row.hint(4, || problem.clone());
        }
        hit.repo.clone()
    });
    if let Some(row) = chosen {
        actions.push(Action::List(page.hits[row as usize].repo.clone()).into());
        drawer::open(ui.ctx(), PANEL);
    }
}
