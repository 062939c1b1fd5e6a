//! The left rail: the six steps with their states, then the runs and the settings.

use egui::{Color32, CursorIcon, Pos2, Rect, Role, Sense, Stroke, Ui, UiBuilder, Vec2, WidgetInfo};

use super::Shell;
use crate::app::kit::{Mark, Theme, at_least, focus, one_line, tooltip};
use crate::app::screens::Rail;
use crate::app::{Action, AppState, Screen};

struct Entry {
    screen: Screen,
    words: String,
    mark: Mark,
    /// Faint: still needs something.
    is_waiting: bool,
}

impl Entry {
    fn new(screen: Screen, state: &AppState) -> Self {
        let (words, mark) = screen.rail(state);
        let needs_something = mark == Mark::ToDo || state.project.is_none();
        Self { screen, words, mark, is_waiting: screen.is_step() && needs_something }
    }
}

impl Shell {
    pub(super) fn rail(&mut self, ui: &mut Ui) {
        let theme = Theme::of(ui);
        let is_icons_only = is_icons_only(ui);
        let outer = ui.available_rect_before_wrap();
        let top_left = Rect::from_min_size(outer.min, Vec2::new(outer.width(), theme.size.top_bar_height));
        if logo(ui, top_left, is_icons_only, self.state.screen == Screen::Model) {
            self.actions.push(Action::Go(Screen::Model));
        }
        let below = outer.with_min_y(outer.top() + theme.size.top_bar_height);
        let mut below = ui.new_child(UiBuilder::new().max_rect(below));
        // In a low window they scroll.
        let pitch = theme.size.rail_entry_height + theme.space.xs;
        let least = Screen::ALL.len() as f32 * pitch + theme.space.xxl;
        at_least(&mut below, "rail", Vec2::new(0.0, least), |ui| self.entries(ui, is_icons_only));
    }

    fn entries(&mut self, ui: &mut Ui, is_icons_only: bool) {
        let theme = Theme::of(ui);
        let outer = ui.available_rect_before_wrap();
        let pitch = theme.size.rail_entry_height + theme.space.xs;
        let mut top = outer.top() + theme.space.s;
        let at = |place: Rail| Screen::ALL.iter().copied().filter(move |screen| screen.place() == place);
        for screen in Screen::steps() {
            self.entry(ui, outer, top, screen, is_icons_only);
            top += pitch;
        }
        top += theme.space.s;
        let sides = outer.left() + theme.space.l..=outer.right() - theme.space.l;
        ui.painter().hline(sides, top, theme.line(theme.stroke.normal));
        top += theme.space.m;
        for screen in at(Rail::Below) {
            self.entry(ui, outer, top, screen, is_icons_only);
            top += pitch;
        }
        let mut top = outer.bottom() - theme.size.rail_entry_height - theme.space.xxs;
        for screen in at(Rail::Foot) {
            self.entry(ui, outer, top, screen, is_icons_only);
            top -= pitch;
        }
    }

    fn entry(&mut self, ui: &mut Ui, outer: Rect, top: f32, screen: Screen, is_icons_only: bool) {
        let entry = &Entry::new(screen, &self.state);
        let theme = Theme::of(ui);
        let rect = Rect::from_min_size(
            Pos2::new(outer.left() + theme.space.s, top),
            Vec2::new(outer.width() - theme.space.l - theme.width.line, theme.size.rail_entry_height),
        );
        let name = entry.screen.name();
        // Without a project each step leads to the ways to one.
        let response = ui.interact(rect, egui::Id::unique(("rail", name)), Sense::click());
        let is_current = self.state.screen == entry.screen;
        response.widget_info(|| WidgetInfo::selected(Role::Tab, true, is_current, name));
        let fill = match (is_current, response.hovered()) {
            (true, _) => theme.surface.selected,
            (false, true) => theme.surface.hover,
            _ => Color32::TRANSPARENT,
        };
        ui.painter().rect_filled(rect, theme.rounding(theme.radius.control), fill);
        paint(ui, theme, rect, entry, is_current, is_icons_only);
        focus::ring(ui, &response, theme.radius.control);
        if response.clicked() {
            self.actions.push(Action::Go(entry.screen));
        }
        if is_icons_only {
            tooltip::on_hover(response, name, &entry.words);
        } else {
            response.on_hover_cursor(CursorIcon::PointingHand);
        }
    }
}

fn paint(ui: &Ui, theme: &Theme, rect: Rect, entry: &Entry, is_current: bool, is_icons_only: bool) {
    let ink = match (is_current, entry.is_waiting) {
        (true, _) | (false, false) => theme.text.normal,
        (false, true) => theme.text.faint,
    };
    let icon_color = match (is_current, entry.is_waiting) {
        (true, _) => theme.accent.text,
        (false, false) => theme.text.soft,
        (false, true) => theme.text.faint,
    };
    let half = theme.size.icon / 2.0;
    let icon_x = if is_icons_only { rect.center().x } else { rect.left() + theme.space.l + theme.space.xxs };
    entry.screen.icon().paint(ui.painter(), Pos2::new(icon_x, rect.center().y), theme.size.icon, icon_color);
    let mark_x = rect.right() - theme.space.l;
    if is_icons_only {
        if entry.mark == Mark::Running {
            entry.mark.paint(ui, rect.right_top() + Vec2::new(-theme.space.s, theme.space.s));
        }
        return;
    }
    entry.mark.paint(ui, Pos2::new(mark_x, rect.center().y));
    let left = rect.left() + theme.size.rail_entry_height - theme.space.s + theme.space.xxs;
    let room = mark_x - half - theme.space.xs - left;
    let font = if is_current { theme.strong() } else { theme.body() };
    let name = one_line(ui, entry.screen.name(), font, ink, room);
    if entry.words.is_empty() {
        let at = Pos2::new(left, (rect.center().y - name.size().y / 2.0).round());
        ui.painter().galley(at, name, ink);
        return;
    }
    let soft = if entry.is_waiting || !is_current { theme.text.faint } else { theme.text.soft };
    let words = one_line(ui, &entry.words, theme.small(), soft, room);
    let gap = theme.space.s;
    let name_y = rect.center().y - gap - name.size().y / 2.0;
    let words_y = rect.center().y + gap - words.size().y / 2.0;
    ui.painter().galley(Pos2::new(left, name_y.round()), name, ink);
    ui.painter().galley(Pos2::new(left, words_y.round()), words, soft);
}

/// Whether the rail has room for icons only.
pub(super) fn is_icons_only(ui: &Ui) -> bool {
    ui.ctx().content_rect().width() < Theme::of(ui).size.window_drawer
}

/// A tuning fork and the name; leads to the first step.
fn logo(ui: &Ui, rect: Rect, is_icons_only: bool, is_there: bool) -> bool {
    let theme = Theme::of(ui);
    let response = ui.interact(rect.shrink(theme.space.xs), egui::Id::unique("logo"), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_there, "Tunewright, to the first step"));
    focus::ring(ui, &response, theme.radius.control);
    let center_x =
        if is_icons_only { rect.center().x } else { rect.left() + theme.space.xl + theme.space.xs + theme.space.xxs };
    let center = Pos2::new(center_x, rect.center().y);
    let stroke = Stroke::new(theme.width.focus_ring, theme.accent.line);
    let (half, top, turn, foot) = (theme.space.xs, theme.space.s, theme.width.line, theme.space.s);
    let prong = |side: f32| {
        [Pos2::new(center.x + side * half, center.y - top), Pos2::new(center.x + side * half, center.y - turn)]
    };
    ui.painter().line_segment(prong(-1.0), stroke);
    ui.painter().line_segment(prong(1.0), stroke);
    let arc: Vec<Pos2> = (0..=12)
        .map(|i| {
            let angle = std::f32::consts::PI * i as f32 / 12.0;
            Pos2::new(center.x - half * angle.cos(), center.y - turn + half * angle.sin())
        })
        .collect();
    ui.painter().line(arc, stroke);
    let bow = center.y - turn + half;
    ui.painter().line_segment([Pos2::new(center.x, bow), Pos2::new(center.x, center.y + foot)], stroke);
    if !is_icons_only {
        let galley = ui.painter().layout_no_wrap("Tunewright".to_owned(), theme.strong(), theme.text.normal);
        let at = Pos2::new(rect.left() + theme.size.rail_entry_height, center.y - galley.size().y / 2.0);
        ui.painter().galley(at.round(), galley, theme.text.normal);
    }
    response.on_hover_cursor(CursorIcon::PointingHand).clicked()
}
