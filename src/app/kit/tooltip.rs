//! Tooltips: a title in SemiBold, then soft text, after 400 ms.

use egui::{Frame, Margin, Response, Ui};

use super::text::Text;
use super::theme::Theme;

/// Shows a title and, where there is one, a text when the pointer rests on `response`.
pub fn on_hover(response: Response, title: &str, text: &str) -> Response {
    response.on_hover_ui(|ui| content(ui, title, text))
}

fn content(ui: &mut Ui, title: &str, text: &str) {
    frame(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.add(Text::strong(title).wrapped());
        if !text.is_empty() {
            ui.add(Text::body(text).soft().wrapped());
        }
    });
}

/// The padding of a tooltip around own content.
pub fn frame<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    let theme = Theme::of(ui);
    let (x, y) = (theme.space.m - theme.space.xs, theme.space.s - theme.space.xs);
    Frame::new().inner_margin(Margin::symmetric(x as i8, y as i8)).show(ui, content).inner
}
