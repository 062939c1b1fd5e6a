//! The foot: how answers are sampled, and the act. In as many rows as the room asks for.

use egui::{Align, Layout, Rect, Ui, UiBuilder, Vec2};

use super::state::CompareAction;
use super::{AnyAction, AppState, Text, Theme};
use crate::app::kit::{Button, NumberField, WRONG_NUMBER, has_wrong_number, icon};
use crate::generate::Sampling;

/// One number of the sampling.
struct Field {
    name: &'static str,
    value: fn(&Sampling) -> f64,
    step: f64,
    set: fn(&mut Sampling, f64),
}

const FIELDS: [Field; 4] = [
    Field { name: "Temperature", value: |s| s.temperature, step: 0.1, set: |s, v| s.temperature = v.clamp(0.0, 2.0) },
    Field { name: "Top p", value: |s| s.top_p, step: 0.05, set: |s, v| s.top_p = v.clamp(0.01, 1.0) },
    Field {
        name: "Most tokens",
        value: |s| s.max_new_tokens as f64,
        step: 16.0,
        set: |s, v| s.max_new_tokens = v.clamp(1.0, 4096.0) as usize,
    },
    Field { name: "Seed", value: |s| s.seed as f64, step: 1.0, set: |s, v| s.seed = v.max(0.0) as u64 },
];

/// Shows the foot at the lower edge of `room`, and gives the rest.
pub(super) fn show(ui: &mut Ui, room: Rect, state: &AppState, actions: &mut Vec<AnyAction>) -> Rect {
    let theme = Theme::of(ui);
    let (width, gap) = (room.width() - 2.0 * theme.pad.screen_x, theme.space.l);
    let words: Vec<f32> = FIELDS.iter().map(|field| Text::small(field.name).width(ui)).collect();
    let widths: Vec<f32> = words.iter().map(|words| words + theme.space.s + field_width(theme)).collect();
    // As wide as it was at most: its words change, and the foot is to keep its height.
    let id = ui.scope_id().with("width of the act");
    let act_width = ui.data(|data| data.get_temp::<f32>(id)).unwrap_or(theme.size.settings_control_width);
    let rows = rows(&widths, act_width, width, gap);
    let num_rows = rows.last().map_or(0, |last| last + 1);
    let height = num_rows as f32 * (theme.size.control_height + theme.space.s) - theme.space.s + theme.space.m * 2.0;
    let (upper, foot) = room.split_top_bottom_at_y(room.bottom() - height);
    ui.painter().hline(foot.x_range(), foot.top(), theme.line(theme.stroke.normal));
    let row_of = |row: usize| {
        let top = foot.top() + theme.space.m + row as f32 * (theme.size.control_height + theme.space.s);
        let left_top = egui::pos2(foot.left() + theme.pad.screen_x, top);
        Rect::from_min_size(left_top, Vec2::new(width, theme.size.control_height))
    };
    let mut sampling = state.compare.sampling.clone();
    for row in 0..num_rows {
        let layout = Layout::left_to_right(Align::Center);
        ui.scope_builder(UiBuilder::new().max_rect(row_of(row)).layout(layout), |ui| {
            ui.spacing_mut().item_spacing.x = theme.space.s;
            for (field, _) in FIELDS.iter().zip(&rows).filter(|(_, of)| **of == row) {
                show_field(ui, field, &mut sampling);
                ui.add_space(gap - theme.space.s);
            }
        });
    }
    if sampling != state.compare.sampling {
        actions.push(CompareAction::Sampling(sampling).into());
    }
    let layout = Layout::right_to_left(Align::Center);
    let last = row_of(num_rows.saturating_sub(1));
    let shown = ui.scope_builder(UiBuilder::new().max_rect(last).layout(layout), |ui| {
        ui.spacing_mut().item_spacing.x = theme.space.s;
        act(ui, state, actions);
        ui.min_rect().width()
    });
    if shown.inner > act_width {
        ui.data_mut(|data| data.insert_temp(id, shown.inner));
        ui.ctx().request_repaint();
    }
    upper
}

fn field_width(theme: &Theme) -> f32 {
    theme.size.control_height * 2.0
}

/// The row of each field and, as the last, of the act.
fn rows(fields: &[f32], act: f32, room: f32, gap: f32) -> Vec<usize> {
    let (mut row, mut used) = (0, 0.0);
    fields
        .iter()
        .chain([&act])
        .map(|width| {
            if used > 0.0 && used + width > room {
                (row, used) = (row + 1, 0.0);
            }
            used += width + gap;
            row
        })
        .collect()
}

fn show_field(ui: &mut Ui, field: &Field, sampling: &mut Sampling) {
    ui.add(Text::small(field.name));
    let width = field_width(Theme::of(ui));
    let mut number = NumberField::new(field.name, (field.value)(sampling)).step(field.step).width(width);
    if field.step >= 1.0 {
        number = number.integer();
    }
    if let Some(value) = number.show(ui) {
        (field.set)(sampling, value);
    }
}

fn act(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let compare = &state.compare;
    let stop = if compare.queue.num_waiting() > 0 { "Stop all" } else { "Stop" };
    let stop = Button::danger(stop).icon(icon::SQUARE);
    if compare.is_answering() {
        if ui.add(stop).clicked() {
            actions.push(CompareAction::Stop.into());
        }
        return;
    }
    if compare.place().is_some() {
        if ui.add(Button::secondary("Remove from queue").icon(icon::X)).clicked() {
            actions.push(CompareAction::Unqueue.into());
        }
    } else {
        let words = if compare.pair().is_some() { "Answer again" } else { "Answer" };
        let button = Button::primary(words).icon(icon::ARROW_CLOCKWISE).key("Ctrl Enter");
        let problem = match has_wrong_number(ui.ctx()) {
            true => Some(WRONG_NUMBER.to_owned()),
            false => compare.problem(&state.runs.records),
        };
        if ui.add(button.disabled_by(problem)).clicked() {
            actions.push(CompareAction::Answer.into());
        }
    }
    if compare.queue.is_busy() && ui.add(stop).clicked() {
        actions.push(CompareAction::Stop.into());
    }
}

#[cfg(test)]
mod tests {
    use super::rows;

    #[test]
    fn what_has_no_room_goes_into_the_next_row() {
        let fields = [136.0, 99.0, 139.0, 94.0];
        assert_eq!(rows(&fields, 200.0, 800.0, 16.0), [0, 0, 0, 0, 0]);
        assert_eq!(rows(&fields, 200.0, 664.0, 16.0), [0, 0, 0, 0, 1]);
        assert_eq!(rows(&fields, 200.0, 280.0, 16.0), [0, 0, 1, 1, 2]);
        assert_eq!(rows(&fields, 200.0, 10.0, 16.0), [0, 1, 2, 3, 4]);
    }
}
