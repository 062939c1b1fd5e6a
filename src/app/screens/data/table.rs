//! The filter bar and the table of all examples.

use egui::{Align, Key, Layout, Sense, Ui, UiBuilder, Vec2};

use super::action::{ExampleAction, FilterAction, MarkAction, TableAction};
use super::filters::{Only, Show};
use super::state::DataState;
use super::{AnyAction, AppState, Drafts, bulk, checks, editor, funnel, review};
use crate::app::kit::table::{Choice, Column, Row, Table};
use crate::app::kit::{Button, Chip, Text, TextInput, Theme, format, icon, layout, row, tooltip};
use crate::data::{Split, date};
use crate::project::{ExampleRow, ExampleStatus, ProjectState, Review, SortBy, hits};

/// The table's accessible name.
pub(super) const NAME: &str = "Examples";

/// Which cell is which.
const NUMBER: usize = 0;
const SPLIT: usize = 1;
const STATUS: usize = 2;
const PROMPT: usize = 3;
const ANSWER: usize = 4;
/// After these: lengths, dates and losses, as far as they are known, and always the issues.
const NUM_FIXED: usize = 5;

/// What is known of the examples, and so which columns there are.
#[derive(Clone, Copy)]
struct Known {
    /// Lengths are in turns until the tokens are counted.
    has_tokens: bool,
    has_dates: bool,
    has_losses: bool,
    /// They have names once there are some.
    has_issues: bool,
}

impl Known {
    /// The number of turns gives way to dates: the texts need the room.
    fn has_lengths(self) -> bool {
        self.has_tokens || !self.has_dates
    }

    fn length(self) -> usize {
        NUM_FIXED
    }

    fn date(self) -> usize {
        self.length() + usize::from(self.has_lengths())
    }

    fn loss(self) -> usize {
        self.date() + usize::from(self.has_dates)
    }

    /// The cell of the issues.
    fn issues(self) -> usize {
        self.loss() + usize::from(self.has_losses)
    }

    /// What a click on a column's head sorts by.
    fn sorts(self) -> Vec<SortBy> {
        use SortBy::{Answer, Date, Findings, Loss, Number, Prompt, Split, Status, Tokens, Turns};
        let mut sorts = vec![Number, Split, Status, Prompt, Answer];
        sorts.extend(self.has_lengths().then_some(if self.has_tokens { Tokens } else { Turns }));
        sorts.extend(self.has_dates.then_some(Date));
        sorts.extend(self.has_losses.then_some(Loss));
        sorts.push(Findings);
        sorts
    }
}

/// The room for numbers follows how many there are.
fn columns(num_examples: u64, known: Known) -> Vec<Column> {
    let longest = ["888", "8,888", "88,888", "888,888", "8,888,888"];
    let digits = num_examples.max(1).ilog10().saturating_sub(2) as usize;
    let mut columns = vec![
        Column::text("#", longest[digits.min(longest.len() - 1)]),
        Column::text("Split", "Train"),
        Column::icon_and_text("Status", "Accepted "),
        Column::share("Prompt", 3.0),
        Column::share("Answer", 2.0),
    ];
    let lengths = if known.has_tokens { "Tokens" } else { "Turns" };
    columns.extend(known.has_lengths().then(|| Column::text(lengths, "8,888").right()));
    columns.extend(known.has_dates.then(|| Column::text("Date", "8888-88-88")));
    columns.extend(known.has_losses.then(|| Column::text("Loss", "88.888").right()));
    columns.push(Column::icon_and_text("Issues", if known.has_issues { "Near-duplicate" } else { "" }));
    columns
}

pub(super) fn show(
    ui: &mut Ui,
    state: &AppState,
    project: &ProjectState,
    drafts: &mut Drafts,
    actions: &mut Vec<AnyAction>,
) {
    ui.spacing_mut().item_spacing = Vec2::ZERO;
    filter_bar(ui, state, project, drafts, actions);
    if let Some(only) = &state.data.filters.only {
        named_set(ui, state, only, project, actions);
    }
    if !state.data.marks.is_empty() {
        bulk::show(ui, &state.data, drafts, actions);
    }
    let checks_height = checks::height(Theme::of(ui), &state.data.checks);
    let room = ui.available_rect_before_wrap();
    let (above, below) = room.split_top_bottom_at_y((room.bottom() - checks_height).max(room.top()));
    ui.scope_builder(UiBuilder::new().max_rect(above), |ui| {
        ui.set_clip_rect(above.intersect(ui.clip_rect()));
        match state.data.rows.num_matching() {
            Some(0) if !state.data.rows.is_stale() && state.data.arriving().is_empty() => no_match(ui, state, actions),
            _ => rows(ui, state, project, actions),
        }
    });
    ui.scope_builder(UiBuilder::new().max_rect(below), |ui| checks::show(ui, state, actions));
}

fn filter_bar(
    ui: &mut Ui,
    state: &AppState,
    project: &ProjectState,
    drafts: &mut Drafts,
    actions: &mut Vec<AnyAction>,
) {
    let (theme, counts) = (Theme::of(ui), state.data.shows(project));
    let (least, control) = (theme.size.filter_bar_height, theme.size.control_height);
    let (strip, rect, mut bar) = layout::Strip::begin(ui, "filters", least, control);
    ui.painter().hline(rect.x_range(), rect.bottom() - theme.width.line / 2.0, theme.line(theme.stroke.normal));
    let inner = bar.max_rect();
    bar.spacing_mut().item_spacing.x = theme.space.xxs;
    // The chips keep their room, as much as they took in the last frame; what is left is the field's.
    let id = bar.make_persistent_id("chips");
    let chips_width = bar.data(|data| data.get_temp::<f32>(id)).unwrap_or(f32::INFINITY);
    search(&mut bar, bar_width(theme, inner.width() - chips_width), &state.data, drafts, actions);
    bar.add_space(theme.space.s - theme.space.xxs);
    let left = bar.cursor().left();
    let mut chip = |ui: &mut Ui, words: &str, count: u64, show: Show| {
        if ui.add(Chip::new(words).count(count).selected(state.data.filters.show == show)).clicked() {
            actions.push(FilterAction::Show(show).into());
        }
    };
    let [train, validation, test] = counts.splits;
    let is_searched = !state.data.filters.search.trim().is_empty();
    chip(&mut bar, if is_searched { "Found" } else { "All" }, counts.all, Show::All);
    chip(&mut bar, "Train", train, Show::Split(Split::Train));
    chip(&mut bar, "Val", validation, Show::Split(Split::Validation));
    chip(&mut bar, "Test", test, Show::Split(Split::Test));
    bar.add_space(theme.space.s);
    let (gap, _) = bar.allocate_exact_size(Vec2::new(theme.width.line, theme.size.icon), Sense::hover());
    bar.painter().rect_filled(gap, 0.0, theme.stroke.normal);
    bar.add_space(theme.space.s);
    let num_issues = counts.issues;
    let is_shown = state.data.filters.show == Show::Issues;
    let color = if num_issues > 0 { theme.status.warning } else { theme.text.faint };
    let issues = Chip::new("Issues").count(num_issues).icon(icon::WARNING.filled(), color).selected(is_shown);
    let issues = bar.add(issues);
    let has_asked_for_issues = issues.clicked();
    tooltip::on_hover(issues, "Issues", "Examples in which the checks found something");
    chip(&mut bar, "Edited", counts.edited, Show::Edited);
    if project.num_queued > 0 || state.data.filters.show == Show::Next {
        chip(&mut bar, "Next", counts.queued, Show::Next);
    }
    if has_asked_for_issues {
        actions.push(FilterAction::Show(Show::Issues).into());
    }
    bar.add_space(theme.space.s);
    funnel::show(&mut bar, &state.data, actions);
    // In two lines, the field leaves them as much of the first as it can.
    let is_wrapped = bar.min_rect().height() > control + theme.space.xs;
    let width = if is_wrapped { f32::INFINITY } else { bar.min_rect().right() - left + theme.space.m };
    if width != chips_width {
        bar.data_mut(|data| data.insert_temp(id, width));
        bar.ctx().request_repaint();
    }
    strip.end(&bar, least, control);
}

/// What a link "Show" was about, or an import: its name, which takes it away, and how many there are.
fn named_set(ui: &mut Ui, state: &AppState, only: &Only, project: &ProjectState, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let size = Vec2::new(ui.available_width(), theme.size.filter_bar_height);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    ui.painter().hline(rect.x_range(), rect.bottom() - theme.width.line / 2.0, theme.line(theme.stroke.subtle));
    let inner = rect.shrink2(Vec2::new(theme.pad.screen_x, 0.0));
    let mut bar = ui.new_child(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)));
    bar.spacing_mut().item_spacing.x = theme.space.s;
    let chip = bar.add(Chip::removable(&only.title));
    if tooltip::on_hover(chip, "Show the others again", "").clicked() {
        actions.push(FilterAction::DropOnly.into());
    }
    let all = format::count(project.counts.total(), "example", "examples");
    let words = match state.data.rows.num_matching().filter(|_| !state.data.rows.is_stale()) {
        Some(num) => format!("{} of {all}", format::thousands(num)),
        None => "Looking for them".to_owned(),
    };
    bar.add(Text::small(words));
}

fn bar_width(theme: &Theme, room: f32) -> f32 {
    room.clamp(theme.size.settings_name_width * 2.0 / 3.0, theme.size.side_panel_min)
}

fn search(ui: &mut Ui, width: f32, data: &DataState, drafts: &mut Drafts, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let id = row::place("search");
    let is_searched = !drafts.search.is_empty();
    let clear_width = if is_searched { theme.size.control_height_small + theme.space.xxs } else { 0.0 };
    let found = data.rows.num_matching().filter(|_| is_searched && width > theme.size.settings_name_width);
    let found = found.map(|num| format!("{} found", format::thousands(num))).unwrap_or_default();
    let field = TextInput::new("Search text", &mut drafts.search).icon(icon::MAGNIFYING_GLASS).hint("Search text");
    let response = field.key("/").unit(&found).width(width - clear_width).id(id).show(ui);
    let clear = is_searched && ui.add(Button::icon_only(icon::X, "Clear the search").key("Esc").small()).clicked();
    // Esc empties the field, and leaves an empty one.
    let is_escaped = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Escape));
    if clear || (is_escaped && is_searched) {
        drafts.search.clear();
        response.request_focus();
        actions.push(FilterAction::Search(String::new()).into());
    } else if response.changed() {
        actions.push(FilterAction::Search(drafts.search.clone()).into());
    }
}

fn no_match(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let filters = &state.data.filters;
    let search = filters.search.trim();
    let text = match (search.is_empty(), filters.show) {
        _ if filters.num_set() > 0 => "No example passes all of the filters".to_owned(),
        (true, Show::Edited) => "No example was changed by hand yet".to_owned(),
        (true, Show::Next) => "Every example has an answer and was reviewed".to_owned(),
        (true, _) if filters.only.is_some() => "None of these is here any more, or takes part here".to_owned(),
        (true, Show::Issues) => "The checks found nothing wrong here".to_owned(),
        (true, _) => "No example is in this part".to_owned(),
        (false, _) => format!("No example has the words “{search}” here"),
    };
    layout::empty_state(ui, "Nothing to show", &text, |ui| {
        if ui.add(Button::secondary("Show all examples")).clicked() {
            actions.push(FilterAction::ClearFilters.into());
        }
    });
}

fn rows(ui: &mut Ui, state: &AppState, project: &ProjectState, actions: &mut Vec<AnyAction>) {
    let (theme, data) = (Theme::of(ui), &state.data);
    let has_losses = project.loss_from.is_some();
    // Both beside the lengths would leave the texts a few letters in a narrow table.
    let has_room = ui.available_width() > theme.size.side_panel_max + theme.size.settings_name_width;
    let known = Known {
        has_tokens: project.tokens_from.is_some(),
        has_dates: project.has_dates && (!has_losses || has_room || data.filters.sort.by == SortBy::Date),
        has_losses,
        has_issues: !data.checks.counts.is_empty(),
    };
    let sorts = known.sorts();
    let num_stored = data.rows.num_matching().unwrap_or(0);
    let arriving = data.arriving();
    let is_marked = |row: u64| data.rows.get(row).is_some_and(|example| data.marks.contains(example.id));
    let sort = data.filters.sort;
    let sorted = match data.filters.own_order() {
        Some(_) => None,
        None => Some(sorts.iter().position(|by| is_sorted_by(*by, sort.by)).unwrap_or(NUMBER)),
    };
    let table = Table {
        name: NAME,
        columns: &columns(project.counts.total(), known),
        num_rows: num_stored + arriving.len() as u64,
        selected: data.selected,
        scroll_to: data.scroll_to,
        edge: theme.pad.screen_x,
        is_list: false,
        sorted: Some((sorted.unwrap_or(sorts.len()), sort.descending)),
        marked: &is_marked,
    };
    let done = table.show(ui, |row| match data.rows.get(row.index) {
        Some(example) => paint_row(row, example, known, &data.filters.search),
        None => match row.index.checked_sub(num_stored).and_then(|at| arriving.get(at as usize)) {
            Some(example) => paint_arriving(row, example, known),
            None => paint_placeholder(row),
        },
    });
    if data.scroll_to.is_some() {
        actions.push(TableAction::Scrolled.into());
    }
    let visible = done.visible.start.min(num_stored)..done.visible.end.min(num_stored);
    if data.rows.needs(&visible) {
        actions.push(TableAction::Visible(visible).into());
    }
    if let Some(column) = done.sort {
        actions.push(FilterAction::Sort(sorts[column]).into());
    }
    // A row that is still on its way can't be opened.
    match (done.select.filter(|row| *row < num_stored), done.choice) {
        (Some(row), Choice::One) => {
            if !data.marks.is_empty() {
                actions.push(MarkAction::Unmark.into());
            }
            actions.push(TableAction::Select(row).into());
        }
        (Some(row), Choice::Toggle) => actions.push(MarkAction::Mark(row).into()),
        (Some(row), Choice::Range) => actions.push(MarkAction::MarkTo(row).into()),
        (None, _) => {}
    }
    if done.select_all {
        actions.push(MarkAction::MarkAll.into());
    }
    if let (true, Some(draft)) = (done.open, &data.open) {
        editor::edit_answer(ui, draft, actions);
    }
    if done.delete {
        actions.push(ExampleAction::ToggleAside.into());
    }
    if done.has_focus {
        review::keys(ui, data, actions);
    }
}

fn is_sorted_by(column: SortBy, by: SortBy) -> bool {
    match (column, by) {
        (SortBy::Number, SortBy::Position) => true,
        (SortBy::Tokens | SortBy::Turns, SortBy::Tokens | SortBy::Turns) => true,
        (column, by) => column == by,
    }
}

/// Also the words of the status combo.
pub(super) fn status_words(status: ExampleStatus) -> &'static str {
    match status {
        ExampleStatus::Ready => "Ready",
        ExampleStatus::Edited => "Edited",
        ExampleStatus::SetAside => "Set aside",
    }
}

fn paint_row(row: &mut Row<'_>, example: &ExampleRow, known: Known, search: &str) -> String {
    let theme = row.theme();
    let takes_part = example.takes_part();
    let ink = if takes_part { theme.text.normal } else { theme.text.faint };
    let soft = if takes_part { theme.text.soft } else { theme.text.faint };
    let number = format::thousands(example.number);
    row.text(NUMBER, Align::Min, &number, theme.body(), theme.text.faint);
    let split = match example.split {
        _ if !takes_part => "–",
        Split::Train => "Train",
        Split::Validation => "Val",
        Split::Test => "Test",
    };
    row.text(SPLIT, Align::Min, split, theme.body(), soft);
    let (mark, color, words) = state_look(theme, example);
    row.marked_text(STATUS, mark, color, words, soft);
    if example.prompt.is_empty() {
        row.marked_text(PROMPT, icon::WARNING.filled(), theme.status.warning, "Empty", theme.text.normal);
    } else {
        row.found_text(PROMPT, &example.prompt, &hits(&example.prompt, search), ink);
    }
    if example.answer.trim().is_empty() {
        row.marked_text(ANSWER, icon::WARNING.filled(), theme.status.warning, "Empty", theme.text.normal);
    } else {
        row.found_text(ANSWER, &example.answer, &hits(&example.answer, search), soft);
    }
    let length = match (known.has_tokens, example.annotations.num_tokens) {
        (true, Some(tokens)) => format::thousands(u64::from(tokens)),
        (true, None) => "–".to_owned(),
        (false, _) => example.num_turns.to_string(),
    };
    if known.has_lengths() {
        row.text(known.length(), Align::Max, &length, theme.body(), soft);
    }
    let mut name = format!("Example {number}, {split}, {words}: {}", example.prompt);
    if known.has_dates {
        let date = example.annotations.date;
        let day = date.map(date::day);
        row.text(known.date(), Align::Min, day.as_deref().unwrap_or("–"), theme.body(), soft);
        if let Some(date) = date {
            row.hint(known.date(), || date::words(date));
        }
        name.extend(day.map(|day| format!(", of {day}")));
    }
    if known.has_losses {
        let loss = example.annotations.loss.map(|loss| format::loss(f64::from(loss)));
        row.text(known.loss(), Align::Max, loss.as_deref().unwrap_or("–"), theme.body(), soft);
        name.extend(loss.map(|loss| format!(", loss {loss}")));
    }
    if let Some(first) = example.findings.first() {
        let (mark, color) = checks::look(theme, *first);
        let words = match example.findings.len() {
            1 => first.short_title().to_owned(),
            n => format!("{} +{}", first.short_title(), n - 1),
        };
        let all = || example.findings.iter().map(|check| check.title()).collect::<Vec<_>>();
        row.marked_text(known.issues(), mark, color, &words, theme.text.normal);
        row.hint(known.issues(), || all().join("\n"));
        name.push_str(&format!("; issues: {}", all().join(", ")));
    }
    name
}

fn paint_arriving(row: &mut Row<'_>, example: &ExampleRow, known: Known) -> String {
    let theme = row.theme();
    let number = format::thousands(example.number);
    row.text(NUMBER, Align::Min, &number, theme.body(), theme.text.faint);
    row.text(SPLIT, Align::Min, "–", theme.body(), theme.text.faint);
    row.marked_text(STATUS, icon::TRAY_ARROW_DOWN, theme.text.faint, "Arriving", theme.text.faint);
    row.text(PROMPT, Align::Min, &example.prompt, theme.body(), theme.text.soft);
    row.text(ANSWER, Align::Min, &example.answer, theme.body(), theme.text.faint);
    if known.has_lengths() {
        row.text(known.length(), Align::Max, &example.num_turns.to_string(), theme.body(), theme.text.faint);
    }
    format!("Example {number}, arriving: {}", example.prompt)
}

/// What a reviewer said stands for whether it was edited.
fn state_look(theme: &Theme, example: &ExampleRow) -> (icon::Icon, egui::Color32, &'static str) {
    match (example.status, example.annotations.review) {
        (ExampleStatus::SetAside, _) => (icon::PROHIBIT, theme.text.faint, "Set aside"),
        (_, Review::Accepted) => (icon::CHECK_CIRCLE.filled(), theme.status.ok, "Accepted"),
        (_, Review::Rejected) => (icon::X_CIRCLE.filled(), theme.status.error, "Rejected"),
        (_, Review::Flagged) => (icon::WARNING_CIRCLE.filled(), theme.status.warning, "Flagged"),
        (ExampleStatus::Edited, Review::Unreviewed) => (icon::PENCIL_SIMPLE, theme.accent.text, "Edited"),
        (ExampleStatus::Ready, Review::Unreviewed) => (icon::CHECK, theme.text.faint, "Ready"),
    }
}

fn paint_placeholder(row: &mut Row<'_>) -> String {
    let theme = row.theme();
    row.text(NUMBER, Align::Min, &format::thousands(row.index + 1), theme.body(), theme.text.disabled);
    row.placeholder(PROMPT);
    row.placeholder(ANSWER);
    format!("Row {}, on its way", row.index + 1)
}

/// For the panel, when nothing is chosen.
pub(super) fn hint(ui: &mut Ui) {
    ui.add(Text::body("Choose an example in the table to read and mend it").soft().wrapped());
}
