//! A virtual table: however many rows there are, only those in view are painted.

use std::ops::Range;
use std::sync::Arc;

use egui::containers::scroll_area::{ScrollBarVisibility, ScrollSource};
use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{
    Align, Color32, EventFilter, FontId, Galley, Id, Key, Modifiers, Pos2, Rect, Response, Role, ScrollArea, Sense, Ui,
    UiBuilder, Vec2, WidgetInfo,
};

use super::icon::{self, Icon};
use super::theme::Theme;
use super::{focus, keys};

/// How wide a column is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Width {
    /// As wide as this text, which is the longest to be expected; the title always fits.
    Text(&'static str),
    /// As wide as this text with an icon before it.
    IconAndText(&'static str),
    /// A part of what the other columns leave, by weight.
    Share(f32),
}

/// A column: its title, width, and where its cells are aligned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column {
    pub title: &'static str,
    pub width: Width,
    pub align: Align,
    /// Another colour for the title than the usual soft one.
    pub color: Option<Color32>,
}

impl Column {
    pub const fn text(title: &'static str, longest: &'static str) -> Self {
        Self { title, width: Width::Text(longest), align: Align::Min, color: None }
    }

    pub const fn icon_and_text(title: &'static str, longest: &'static str) -> Self {
        Self { title, width: Width::IconAndText(longest), align: Align::Min, color: None }
    }

    pub const fn share(title: &'static str, weight: f32) -> Self {
        Self { title, width: Width::Share(weight), align: Align::Min, color: None }
    }

    /// Numbers are at the right.
    pub const fn right(self) -> Self {
        Self { align: Align::Max, ..self }
    }

    pub const fn colored(self, color: Color32) -> Self {
        Self { color: Some(color), ..self }
    }
}

/// What a table is made of.
pub struct Table<'a> {
    /// The accessible name.
    pub name: &'a str,
    pub columns: &'a [Column],
    pub num_rows: u64,
    pub selected: Option<u64>,
    /// Bring this row into view.
    pub scroll_to: Option<u64>,
    /// 12 inside a card, else the screen's edge.
    pub edge: f32,
    /// A list: no heads, and rows as high as two lines.
    pub is_list: bool,
    /// Heads can be clicked: the column that the rows are sorted by, and whether the largest comes first.
    pub sorted: Option<(usize, bool)>,
    /// Rows that are chosen together, for what is done to several at once.
    pub marked: &'a dyn Fn(u64) -> bool,
}

/// How a row was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// Alone.
    #[default]
    One,
    /// With Ctrl: beside those that are marked.
    Toggle,
    /// With Shift: all from the selected one on.
    Range,
}

/// What a person did with it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Done {
    /// A row was clicked, or reached by an arrow key.
    pub select: Option<u64>,
    pub choice: Choice,
    /// Ctrl A.
    pub select_all: bool,
    /// The head of this column was clicked.
    pub sort: Option<usize>,
    /// The table has the keyboard: letters are commands.
    pub has_focus: bool,
    /// Enter, or a double click.
    pub open: bool,
    /// Del.
    pub delete: bool,
    /// The rows in view.
    pub visible: Range<u64>,
}

impl Table<'_> {
    /// Paints the table into all the room that is left; `paint_row` is called for each row in view and returns its
    /// accessible name.
    pub fn show(&self, ui: &mut Ui, mut paint_row: impl FnMut(&mut Row<'_>) -> String) -> Done {
        let theme = Theme::of(ui);
        let cells = self.cells(ui, theme, ui.available_width());
        let id = ui.make_persistent_id((self.name, "rows"));
        let mut done = Done::default();
        if !self.is_list {
            done.sort = self.head(ui, theme, id, &cells);
        }
        let area = ui.available_rect_before_wrap();
        let target = self.focus_target(ui, id, area, &mut done);
        let mut scroll = ScrollArea::vertical().id_salt(id).auto_shrink(false);
        if let Some(row) = done.select.or(self.scroll_to) {
            scroll = scroll.vertical_scroll_offset(self.offset_showing(ui, theme, id, area, row));
        }
        let row_height = self.row_height(theme);
        // A table that is as high as its rows leaves the wheel to what it stands in.
        if self.num_rows as f32 * row_height <= area.height() + 1.0 {
            scroll = scroll.scroll_source(ScrollSource::NONE).scroll_bar_visibility(ScrollBarVisibility::AlwaysHidden);
        }
        scroll.show_viewport(ui, |ui, viewport| {
            ui.set_height(self.num_rows as f32 * row_height);
            let first = (viewport.min.y / row_height).floor().max(0.0) as u64;
            let last = ((viewport.max.y / row_height).ceil().max(0.0) as u64).min(self.num_rows);
            done.visible = first..last;
            ui.data_mut(|data| data.insert_temp(id, viewport.min.y));
            let clip = ui.clip_rect();
            for index in first..last {
                // Measured from the view's own corner: a hundred thousand rows are further down than f32 counts exactly.
                let top =
                    clip.top() + (index as f64 * f64::from(row_height) - f64::from(viewport.min.y)).round() as f32;
                let rect = Rect::from_min_size(Pos2::new(area.left(), top), Vec2::new(area.width(), row_height));
                let response = ui.interact(rect, id.with(index), Sense::CLICK);
                if response.clicked() {
                    done.select = Some(index);
                    done.choice = ui.input(|input| match input.modifiers {
                        held if held.shift => Choice::Range,
                        held if held.command => Choice::Toggle,
                        _ => Choice::One,
                    });
                    target.request_focus();
                }
                done.open |= response.double_clicked();
                let is_selected = self.selected == Some(index) || (self.marked)(index);
                let mut row = Row::new(ui, theme, rect, index, &cells, &response, is_selected);
                let name = paint_row(&mut row);
                let hint = row.hint.take();
                response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, is_selected, &name));
                if let Some(text) = hint {
                    response.on_hover_text_at_pointer(text);
                }
            }
        });
        focus::ring(ui, &target.with_new_rect(area.shrink(theme.space.xs)), theme.radius.badge);
        done
    }

    /// The whole table is one stop of the Tab key; arrows walk its rows.
    fn focus_target(&self, ui: &Ui, id: Id, area: Rect, done: &mut Done) -> Response {
        let theme = Theme::of(ui);
        let focus = ui.interact(area, id.with("focus"), Sense::focusable_noninteractive());
        focus.widget_info(|| WidgetInfo::labeled(Role::ListBox, true, self.name));
        super::focus::offer_home(ui.ctx(), focus.id);
        ui.data_mut(|data| data.insert_temp(focus_place(self.name), focus.id));
        if !focus.has_focus() || self.num_rows == 0 {
            return focus;
        }
        let filter = EventFilter { vertical_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(focus.id, filter));
        let page = (area.height() / self.row_height(theme)).floor().max(1.0) as i64;
        done.has_focus = true;
        let step = ui.input(|input| {
            done.select_all = keys::is_pressed(input, Modifiers::COMMAND, Key::A);
            done.open = keys::is_plain(input, Key::Enter);
            done.delete = keys::is_plain(input, Key::Delete);
            let steps = [
                (Key::ArrowDown, 1),
                (Key::ArrowUp, -1),
                (Key::PageDown, page),
                (Key::PageUp, -page),
                (Key::Home, i64::MIN),
                (Key::End, i64::MAX),
            ];
            steps.into_iter().find_map(|(key, step)| Some((step, keys::pressed_with(input, key)?.shift)))
        });
        if let Some((step, is_range)) = step {
            done.choice = if is_range { Choice::Range } else { Choice::One };
            let last = self.num_rows as i64 - 1;
            let from = self.selected.map_or(if step > 0 { -1 } else { 0 }, |row| row as i64);
            done.select = Some(from.saturating_add(step).clamp(0, last) as u64);
        }
        focus
    }

    /// The scroll offset closest to the present one at which `row` is in view.
    fn offset_showing(&self, ui: &Ui, theme: &Theme, id: Id, area: Rect, row: u64) -> f32 {
        let now = ui.data(|data| data.get_temp::<f32>(id)).unwrap_or_default();
        let top = row as f32 * self.row_height(theme);
        now.clamp((top + self.row_height(theme) - area.height()).max(0.0), top.max(0.0))
    }

    fn row_height(&self, theme: &Theme) -> f32 {
        if self.is_list { theme.size.row_height_two_lines } else { theme.size.row_height }
    }

    /// Left and right end of each column, from the table's left edge.
    fn cells(&self, ui: &Ui, theme: &Theme, width: f32) -> Vec<(f32, f32)> {
        let gap = theme.pad.cell_x * 2.0;
        let gaps = gap * self.columns.len().saturating_sub(1) as f32;
        let measure = |text: &str, font| ui.painter().layout_no_wrap(text.to_owned(), font, Color32::WHITE).size().x;
        let natural = |column: &Column| {
            let text = match column.width {
                Width::Text(longest) => measure(longest, theme.body()),
                Width::IconAndText(longest) => {
                    measure(longest, theme.body()) + theme.size.icon_small + theme.space.xs + theme.space.xxs
                }
                Width::Share(_) => return None,
            };
            Some(text.max(measure(column.title, theme.small_strong())).ceil())
        };
        let natural: Vec<_> = self.columns.iter().map(natural).collect();
        let fixed: f32 = natural.iter().flatten().sum();
        let weight = |column: &Column| if let Width::Share(weight) = column.width { weight } else { 0.0 };
        let shares: f32 = self.columns.iter().map(weight).sum();
        let left_over = (width - self.edge * 2.0 - gaps - fixed).max(0.0);
        let mut at = self.edge;
        let cell = |(column, natural): (&Column, &Option<f32>)| {
            let width = natural.unwrap_or_else(|| left_over * weight(column) / shares);
            let from = at;
            at += width + gap;
            (from.round(), (from + width).round())
        };
        self.columns.iter().zip(&natural).map(cell).collect()
    }

    /// Tells the head that was clicked.
    fn head(&self, ui: &mut Ui, theme: &Theme, id: Id, cells: &[(f32, f32)]) -> Option<usize> {
        let size = Vec2::new(ui.available_width(), theme.size.table_header_height);
        let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
        let mut clicked = None;
        for (index, (column, (left, right))) in self.columns.iter().zip(cells).enumerate() {
            let order = self.sorted.filter(|(by, _)| *by == index).map(|(_, descending)| descending);
            let mut color = column.color.unwrap_or(theme.text.soft);
            if self.sorted.is_some() && !column.title.is_empty() {
                let cell = Rect::from_x_y_ranges(rect.left() + left..=rect.left() + right, rect.y_range());
                let response =
                    ui.interact(cell.expand2(Vec2::new(theme.pad.cell_x, 0.0)), id.with(column.title), Sense::CLICK);
                let words = match order {
                    Some(false) => format!("{}, sorted, smallest first", column.title),
                    Some(true) => format!("{}, sorted, largest first", column.title),
                    None => format!("Sort by {}", column.title),
                };
                response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &words));
                if response.hovered() || order.is_some() {
                    color = theme.text.normal;
                }
                clicked = clicked.or(response.clicked().then_some(index));
            }
            let galley = one_line(ui, column.title, theme.small_strong(), color, right - left);
            let width = galley.size().x;
            paint_cell(ui, theme, rect, (*left, *right), column.align, &galley);
            if let Some(descending) = order {
                let mark = if descending { icon::CARET_DOWN } else { icon::CARET_UP };
                let half = theme.size.icon_small / 2.0;
                let x = match column.align {
                    Align::Max => rect.left() + right - width - half,
                    _ => rect.left() + left + width + theme.space.xs + half,
                };
                mark.paint(ui.painter(), Pos2::new(x, rect.center().y), theme.size.icon_small, theme.text.soft);
            }
        }
        ui.painter().hline(rect.x_range(), rect.bottom() - theme.width.line / 2.0, theme.line(theme.stroke.subtle));
        ui.advance_cursor_after_rect(Rect::from_min_max(
            rect.min,
            rect.max - Vec2::new(0.0, ui.spacing().item_spacing.y),
        ));
        clicked
    }
}

fn focus_place(name: &str) -> Id {
    Id::unique(("keyboard of the table", name))
}

/// Gives the table that is called so the keyboard, if it was painted.
pub fn focus(ctx: &egui::Context, name: &str) {
    if let Some(id) = ctx.data(|data| data.get_temp::<Id>(focus_place(name))) {
        ctx.memory_mut(|memory| memory.request_focus(id));
    }
}

/// No row is marked.
pub fn unmarked(_row: u64) -> bool {
    false
}

/// One row while it is painted.
pub struct Row<'a> {
    pub index: u64,
    pub is_selected: bool,
    ui: &'a mut Ui,
    theme: &'static Theme,
    rect: Rect,
    cells: &'a [(f32, f32)],
    pointer: Option<Pos2>,
    /// The whole text of the cell under the pointer, where it had to be cut.
    hint: Option<String>,
}

impl<'a> Row<'a> {
    fn new(
        ui: &'a mut Ui,
        theme: &'static Theme,
        rect: Rect,
        index: u64,
        cells: &'a [(f32, f32)],
        response: &Response,
        is_selected: bool,
    ) -> Self {
        let fill = match (is_selected, response.hovered()) {
            (true, _) => Some(theme.surface.selected),
            (false, true) => Some(theme.surface.hover),
            (false, false) => None,
        };
        if let Some(fill) = fill {
            ui.painter().rect_filled(rect, 0.0, fill);
        }
        let rule = theme.line(theme.stroke.subtle);
        ui.painter().hline(rect.x_range(), rect.bottom() - theme.width.line / 2.0, rule);
        Self { index, is_selected, ui, theme, rect, cells, pointer: response.hover_pos(), hint: None }
    }

    /// Text in a column, cut with "…" where it is too long.
    pub fn text(&mut self, column: usize, align: Align, text: &str, font: FontId, color: Color32) {
        let Some((left, right)) = self.cells.get(column).copied() else { return };
        let galley = one_line(self.ui, text, font, color, right - left);
        paint_cell(self.ui, self.theme, self.rect, (left, right), align, &galley);
        let cell = self.rect.left() + left..=self.rect.left() + right;
        if galley.elided && self.pointer.is_some_and(|at| cell.contains(&at.x)) {
            self.hint = Some(text.to_owned());
        }
    }

    /// Text at the left in which `hits` are marked; where the first would be cut off, the text begins shortly before it.
    pub fn found_text(&mut self, column: usize, text: &str, hits: &[Range<usize>], color: Color32) {
        let Some((left, right)) = self.cells.get(column).copied() else { return };
        let theme = self.theme;
        let whole = marked_line(self.ui, theme, text, hits, color, right - left);
        let is_seen = hits.first().is_none_or(|hit| {
            let shown = whole.rows.first().map_or(0, |row| row.glyphs.len());
            !whole.elided || text[..hit.end].chars().count() < shown
        });
        let galley = match (is_seen, hits.first()) {
            (false, Some(first)) => {
                const CHARS_BEFORE: usize = 8;
                let from = text[..first.start].char_indices().rev().take(CHARS_BEFORE).last();
                let from = from.map_or(first.start, |(at, _)| at);
                // A whole word, if one begins before the hit.
                let word = text[from..first.start].find(char::is_whitespace);
                let from = from + word.map_or(0, |at| at + text[from + at..].chars().next().map_or(0, char::len_utf8));
                let dots = "…";
                let moved = |hit: &Range<usize>| hit.start - from + dots.len()..hit.end - from + dots.len();
                let hits: Vec<_> = hits.iter().map(moved).collect();
                marked_line(self.ui, theme, &format!("{dots}{}", &text[from..]), &hits, color, right - left)
            }
            _ => whole,
        };
        paint_cell(self.ui, theme, self.rect, (left, right), Align::Min, &galley);
        let cell = self.rect.left() + left..=self.rect.left() + right;
        if (galley.elided || !is_seen) && self.pointer.is_some_and(|at| cell.contains(&at.x)) {
            self.hint = Some(text.to_owned());
        }
    }

    /// What is shown at the pointer in a column.
    pub fn hint(&mut self, column: usize, text: impl FnOnce() -> String) {
        let Some((left, right)) = self.cells.get(column).copied() else { return };
        let cell = self.rect.left() + left..=self.rect.left() + right;
        if self.pointer.is_some_and(|at| cell.contains(&at.x)) {
            self.hint = Some(text());
        }
    }

    /// Icon and words.
    pub fn marked_text(&mut self, column: usize, icon: Icon, icon_color: Color32, text: &str, color: Color32) {
        let Some((left, right)) = self.cells.get(column).copied() else { return };
        let size = self.theme.size.icon_small;
        let center = Pos2::new(self.rect.left() + left + size / 2.0, self.rect.center().y);
        icon.paint(self.ui.painter(), center, size, icon_color);
        let left = left + size + self.theme.space.xs + self.theme.space.xxs;
        let galley = one_line(self.ui, text, self.theme.body(), color, right - left);
        paint_cell(self.ui, self.theme, self.rect, (left, right), Align::Min, &galley);
    }

    /// A title with a small line under it, and a mark before them.
    pub fn two_lines(&mut self, column: usize, mark: Option<(Icon, Color32)>, title: &str, below: &str) {
        let Some((left, right)) = self.cells.get(column).copied() else { return };
        let theme = self.theme;
        let mut x = self.rect.left() + left;
        if let Some((icon, color)) = mark {
            let center = Pos2::new(x + theme.size.icon_small / 2.0, self.rect.center().y);
            icon.paint(self.ui.painter(), center, theme.size.icon_small, color);
            x += theme.size.icon_small + theme.space.s;
        }
        let width = self.rect.left() + right - x;
        let upper = one_line(self.ui, title, theme.body(), theme.text.normal, width);
        let lower = one_line(self.ui, below, theme.small(), theme.text.faint, width);
        let y = self.rect.center().y;
        if upper.elided && self.pointer.is_some() {
            self.hint = Some(title.to_owned());
        }
        let top = (y - theme.type_scale.line_body + theme.space.xs).round();
        self.ui.painter().galley(Pos2::new(x, top), upper, theme.text.normal);
        let at = Pos2::new(x, (y + theme.space.xs - theme.space.xxs).round());
        self.ui.painter().galley(at, lower, theme.text.faint);
    }

    /// A grey bar where the text will be.
    pub fn placeholder(&mut self, column: usize) {
        let Some((left, right)) = self.cells.get(column).copied() else { return };
        let x = self.rect.left();
        let half = self.theme.space.xs;
        let y = self.rect.center().y;
        let bar = Rect::from_min_max(Pos2::new(x + left, y - half), Pos2::new(x + right, y + half));
        self.ui.painter().rect_filled(bar, self.theme.rounding(self.theme.radius.mark), self.theme.surface.active);
    }

    /// A widget in a column.
    pub fn widget<R>(&mut self, column: usize, add: impl FnOnce(&mut Ui) -> R) -> Option<R> {
        let (left, right) = self.cells.get(column).copied()?;
        let x = self.rect.left();
        let rect = Rect::from_x_y_ranges(x + left..=x + right, self.rect.y_range());
        let layout = egui::Layout::left_to_right(Align::Center);
        Some(self.ui.scope_builder(UiBuilder::new().max_rect(rect).layout(layout), add).inner)
    }

    pub fn theme(&self) -> &'static Theme {
        self.theme
    }
}

/// Text on one line, cut with "…" at `width`.
pub fn one_line(ui: &Ui, text: &str, font: FontId, color: Color32, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::single_section(text.to_owned(), TextFormat::simple(font, color));
    job.wrap = TextWrapping::truncate_at_width(width.max(0.0));
    ui.painter().layout_job(job)
}

/// A line with the marked parts underlined in the accent.
fn marked_line(ui: &Ui, theme: &Theme, text: &str, hits: &[Range<usize>], color: Color32, width: f32) -> Arc<Galley> {
    let plain = TextFormat::simple(theme.body(), color);
    let mut hit = TextFormat::simple(theme.strong(), theme.text.normal);
    hit.underline = egui::Stroke::new(theme.width.line, theme.accent.line);
    let mut job = LayoutJob::default();
    let mut from = 0;
    for marked in hits {
        job.append(&text[from..marked.start], 0.0, plain.clone());
        job.append(&text[marked.clone()], 0.0, hit.clone());
        from = marked.end;
    }
    job.append(&text[from..], 0.0, plain);
    job.wrap = TextWrapping::truncate_at_width(width.max(0.0));
    ui.painter().layout_job(job)
}

fn paint_cell(ui: &Ui, theme: &Theme, row: Rect, (left, right): (f32, f32), align: Align, galley: &Arc<Galley>) {
    let x = match align {
        Align::Max => right - galley.size().x,
        Align::Center => (left + right - galley.size().x) / 2.0,
        Align::Min => left,
    };
    let corner = Pos2::new(row.left() + x, row.center().y - galley.size().y / 2.0);
    ui.painter().galley(corner, Arc::clone(galley), theme.text.normal);
}
