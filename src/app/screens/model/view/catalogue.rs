//! Good small models by name, with what they would take here.

use egui::{Align, Rect, Sense, Ui, UiBuilder, Vec2};

use super::{Actions, PANEL, fit};
use crate::app::AppState;
use crate::app::kit::table::{Column, Table, unmarked};
use crate::app::kit::{Badge, Card, Combo, Text, Theme, drawer, format, icon, section_with_control};
use crate::app::screens::model::state::offers::CatalogueOrder;
use crate::app::screens::model::{Action, fetching};
use crate::hub::{CatalogueChoice, CatalogueModel};

const COLUMNS: [Column; 6] = [
    Column::share("Name", 1.0),
    Column::text("Weights", "888.8 M").right(),
    Column::text("Context", "888 K").right(),
    Column::text("Licence", "Apache-2.0"),
    Column::text("Download", "88.8 GB").right(),
    Column::text("On this machine", "Slow, 88.8 GB, 8 h 40 min"),
];

pub fn show(ui: &mut Ui, state: &AppState, search: &str, actions: &mut Actions) {
    let rows = state.model.rows(search);
    let remark = format!("{}, downloaded when chosen", format::count(rows.len() as u64, "model", "models"));
    section_with_control(ui, "Catalogue", &remark, |ui| {
        let order = Combo::new("Order of the catalogue", &CatalogueOrder::ALL, state.model.order).small();
        if let Some(order) = order.show(ui) {
            actions.push(Action::Order(order).into());
        }
    });
    if rows.is_empty() {
        ui.add(Text::small("No model of that name").faint().wrapped());
        return;
    }
    let selected = state.model.selected.as_ref();
    let at = rows.iter().position(|(_, choice)| selected == Some(&choice.model));
    if let Some(row) = table(ui, "Catalogue", &COLUMNS, rows.len(), at, |row| {
        let (model, choice) = rows[row.index as usize];
        paint(row, state, model, choice)
    }) {
        let (_, choice) = rows[row as usize];
        actions.push(Action::Select(choice.model.clone()).into());
        drawer::open(ui.ctx(), PANEL);
    }
}

/// A table in a card that is as high as its rows: the whole screen scrolls. Tells the row that was chosen.
pub fn table(
    ui: &mut Ui,
    name: &str,
    columns: &[Column],
    num_rows: usize,
    selected: Option<usize>,
    paint: impl FnMut(&mut crate::app::kit::table::Row<'_>) -> String,
) -> Option<u64> {
    let theme = Theme::of(ui);
    Card::new()
        .flush()
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            let height = theme.size.table_header_height + num_rows as f32 * theme.size.row_height;
            let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
            let rect = Rect::from_min_max(rect.min, rect.max);
            let mut child = ui.new_child(UiBuilder::new().max_rect(rect).id_salt(name));
            child.spacing_mut().item_spacing.y = 0.0;
            let table = Table {
                name,
                columns,
                num_rows: num_rows as u64,
                selected: selected.map(|at| at as u64),
                scroll_to: None,
                edge: theme.pad.card,
                is_list: false,
                sorted: None,
                marked: &unmarked,
            };
            table.show(&mut child, paint).select
        })
        .inner
}

fn paint(
    row: &mut crate::app::kit::table::Row<'_>,
    state: &AppState,
    model: &'static CatalogueModel,
    choice: &'static CatalogueChoice,
) -> String {
    let theme = row.theme();
    let ink = if model.problem.is_some() { theme.text.faint } else { theme.text.normal };
    row.text(0, Align::Min, &model.name, theme.body(), ink);
    row.text(1, Align::Max, &format::parameters(model.num_parameters), theme.body(), theme.text.soft);
    row.text(2, Align::Max, &context(model.context_length as u64), theme.body(), theme.text.soft);
    row.text(3, Align::Min, &model.license, theme.body(), theme.text.soft);
    row.text(4, Align::Max, &format::bytes(choice.num_bytes), theme.body(), theme.text.soft);
    row.hint(0, || format!("{}. {}, {}", model.good_for, model.maker, model.since));
    row.hint(4, || format!("As {}", choice.quantization));
    row.widget(5, |ui| {
        if let Some(job) = fetching(state, &choice.model) {
            let share = job.progress.as_ref().and_then(|p| p.share());
            let words = share.map_or_else(|| "Waiting".to_owned(), |share| format!("{:.0} %", share * 100.0));
            ui.add(Badge::running(words).icon(icon::DOWNLOAD_SIMPLE));
        } else if model.problem.is_some() {
            ui.add(Badge::neutral("Not trained yet").icon(icon::PROHIBIT));
        } else if let Some(estimate) = state.model.estimates.of(&choice.model) {
            fit::badge(ui, estimate);
        }
    });
    model.name.clone()
}

/// `32 K`
pub fn context(num_tokens: u64) -> String {
    if num_tokens < 1024 { num_tokens.to_string() } else { format!("{} K", num_tokens / 1024) }
}
