//! What the last session came to, on one line.

use egui::{Align, Color32, Layout, Rect, Sense, Ui, UiBuilder, Vec2};

use super::super::{AppState, Text, Theme, format};
use crate::app::kit::one_line;
use crate::evaluate::rating::{Summary, Tally};
use crate::run::RunDir;
use crate::workbench::rating::KeptSession;

/// How wide a bar of preferences is, in widths of a badge's height.
const BAR: f32 = 12.0;

/// In the middle of `rect`; only as much of it as there is room for.
pub(super) fn last(ui: &mut Ui, rect: Rect, state: &AppState) {
    let Some(kept) = state.compare.blind.last() else { return };
    let theme = Theme::of(ui);
    let summary = Summary::of(&kept.rated);
    let title = format!("Last session, {}", about(kept));
    let (counts, rate) = (counts(theme, &summary.tally), summary.rate_in_words().unwrap_or_default());
    let words: String = counts.iter().map(|(words, _)| words.as_str()).collect();
    let width = |words: &str| one_line(ui, words, theme.small(), Color32::PLACEHOLDER, f32::INFINITY).size().x;
    let (gap, bar) = (theme.space.l, BAR * theme.size.badge_height);
    let parts = width(&title) + gap + width(&words) + gap + width(&rate);
    let has_bar = parts + gap + bar <= rect.width();
    let whole = parts + if has_bar { gap + bar } else { 0.0 };
    let left = rect.left() + ((rect.width() - whole) / 2.0).max(0.0).round();
    let layout = Layout::left_to_right(Align::Center);
    ui.scope_builder(UiBuilder::new().max_rect(rect.with_min_x(left)).layout(layout), |ui| {
        ui.set_clip_rect(ui.clip_rect().intersect(rect));
        ui.spacing_mut().item_spacing.x = gap;
        ui.add(Text::small(title));
        if has_bar {
            preferences(ui, &summary.tally, Vec2::new(bar, theme.space.s));
        }
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            for (words, color) in &counts {
                ui.add(Text::small(words.as_str()).color(*color));
            }
        });
        ui.add(Text::small(rate));
    });
}

/// When it was, and of which weights: `21 November, step 62`.
pub(super) fn about(kept: &KeptSession) -> String {
    let session = &kept.rated.session;
    let step = session.models[1].adapter.as_deref().and_then(RunDir::step_of);
    match step {
        Some(step) => format!("{}, step {}", session.day(), format::thousands(step)),
        None => session.day(),
    }
}

/// `After preferred 27, tie 5, before 4`, each in its colour.
pub(super) fn counts(theme: &Theme, tally: &Tally) -> Vec<(String, Color32)> {
    let number = |num: usize| format::thousands(num);
    let mut counts = vec![(format!("After preferred {}", number(tally.second)), theme.model.after)];
    counts.push((format!(", tie {}", number(tally.ties)), theme.text.soft));
    if tally.both_bad > 0 {
        counts.push((format!(", both bad {}", number(tally.both_bad)), theme.text.soft));
    }
    counts.push((", ".to_owned(), theme.text.soft));
    counts.push((format!("before {}", number(tally.first)), theme.model.before));
    counts
}

/// A bar: after, neither, before.
pub(super) fn preferences(ui: &mut Ui, tally: &Tally, size: Vec2) {
    let theme = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let told = format!("{} after, {} neither, {} before", tally.second, tally.ties + tally.both_bad, tally.first);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &told));
    let parts = [
        (tally.second, theme.model.after),
        (tally.ties + tally.both_bad, theme.surface.active),
        (tally.first, theme.model.before),
    ];
    let all = tally.rated().max(1) as f32;
    let mut x = rect.left();
    for (num, color) in parts {
        let width = rect.width() * num as f32 / all;
        let part = Rect::from_min_size(egui::pos2(x, rect.top()), Vec2::new(width, rect.height()));
        // A hair between neighbours, so that they are two also where their colours can't be told apart.
        let part = part.with_max_x((part.right() - theme.width.line).max(part.left()));
        ui.painter().rect_filled(part, egui::CornerRadius::ZERO, color);
        x += width;
    }
}
