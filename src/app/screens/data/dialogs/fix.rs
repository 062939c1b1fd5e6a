//! What a fix would change, before it does: a list of all of it, and the texts of the one that is chosen side by side.

use egui::{Context, Key, Modifiers, Rect, Sense, Ui, UiBuilder, Vec2};

use super::fix_review::{Compared, FixAction, FixReview};
use super::history_dialog::{same_turn, side};
use crate::app::Action as AnyAction;
use crate::app::kit::table::{Column, Row, Table, unmarked};
use crate::app::kit::{Chip, Dialog, DialogEnd, Text, Theme, dialog, format, icon};
use crate::app::screens::data::action::DialogAction;
use crate::data::checks::{Action, Change, Check, Choice, Remedy};

/// The dialog keeps this height, whatever is chosen.
const ROWS: f32 = 15.0;
/// Keys that keep one of a group.
const KEEP: [Key; 9] =
    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];

pub(super) fn show(ctx: &Context, review: &FixReview, actions: &mut Vec<AnyAction>) {
    let num_changes = review.num_changes;
    let title = review.fix.remedy.title();
    let words = match review.fix.remedy {
        // Those that go are meant, not those that stay.
        Remedy::KeepOne => format!("{title}, remove {}", format::count(num_changes as u64, "copy", "copies")),
        _ => format!("{title} ({})", format::count(num_changes as u64, "example", "examples")),
    };
    let reason = match (review.fix.changes.is_empty(), num_changes) {
        (true, _) => Some("None of them can be mended this way; look at them one by one"),
        (false, 0) => Some("All of them are to stay as they are"),
        (false, _) => None,
    };
    let mut chosen = keys(ctx, review);
    let dialog = Dialog::new("fix", review.fix.check.title()).wide();
    let (end, clicked) = dialog.primary(&words, reason).show(
        ctx,
        |ui| body(ui, review),
        |ui| drop(ui.add(Text::body(reason.unwrap_or("Undo takes all of it back")).soft())),
    );
    chosen.extend(clicked);
    match end {
        DialogEnd::Confirmed => actions.push(DialogAction::ApplyFix.into()),
        DialogEnd::Cancelled => actions.push(DialogAction::Close.into()),
        DialogEnd::StillOpen => actions.extend(chosen.into_iter().map(|action| DialogAction::Fix(action).into())),
    }
}

/// 1 – 9 keep one, 0 leaves all, S sets all aside, ↑ ↓ and Enter go through the list.
fn keys(ctx: &Context, review: &FixReview) -> Vec<FixAction> {
    let pressed = |key: Key| ctx.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let mut actions = Vec::new();
    for (member, key) in review.group(review.selected).iter().zip(KEEP) {
        if chooses(review.fix.remedy) && pressed(key) {
            actions.push(FixAction::Choose(Choice::Keep(member.id)));
        }
    }
    if pressed(Key::Num0) {
        actions.push(FixAction::Choose(Choice::Leave));
    }
    if review.fix.check == Check::Contradiction && pressed(Key::S) {
        actions.push(FixAction::Choose(Choice::SetAsideAll));
    }
    // A button that has the keyboard is meant by Enter.
    let is_free = ctx.memory(|memory| memory.focused().is_none());
    if pressed(Key::ArrowDown) || is_free && pressed(Key::Enter) {
        actions.push(FixAction::Select(review.selected + 1));
    }
    if pressed(Key::ArrowUp) {
        actions.push(FixAction::Select(review.selected.saturating_sub(1)));
    }
    actions
}

/// Whether one of a group stays and the others go.
fn chooses(remedy: Remedy) -> bool {
    matches!(remedy, Remedy::KeepOne | Remedy::SetAside)
}

fn body(ui: &mut Ui, review: &FixReview) -> Option<FixAction> {
    let theme = Theme::of(ui);
    if review.num_items() == 0 {
        dialog::body(ui, |ui| ui.add(Text::body(review.fix.check.explanation()).soft().wrapped()));
        return None;
    }
    let size = Vec2::new(ui.available_width(), (theme.size.row_height * ROWS).min(dialog::most_height(ui.ctx())));
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let (list, detail) = rect.split_left_right_at_x(rect.left() + theme.size.held_out_width);
    ui.painter().vline(list.right(), rect.y_range(), theme.line(theme.stroke.normal));
    let inside = list.shrink2(Vec2::new(theme.width.line, 0.0));
    let selected = items(&mut ui.new_child(UiBuilder::new().max_rect(inside)), review);
    let inside = detail.shrink2(Vec2::new(theme.pad.dialog_x, theme.space.m));
    let chosen = item(&mut ui.new_child(UiBuilder::new().max_rect(inside)), inside, review);
    chosen.map(FixAction::Choose).or(selected.map(FixAction::Select))
}

/// A list as high as what is in it, but at most `most_rows` rows.
pub(super) fn list(ui: &mut Ui, id: &str, most_rows: usize, content: impl FnOnce(&mut Ui)) {
    let theme = Theme::of(ui);
    let height = theme.size.row_height * most_rows as f32;
    egui::ScrollArea::vertical().id_salt(id).max_height(height).auto_shrink([false, true]).show(ui, |ui| {
        // The bar floats: what stands at the right would lie below it.
        ui.set_max_width(ui.available_width() - theme.size.scroll_bar - theme.space.xs);
        content(ui);
    });
}

fn items(ui: &mut Ui, review: &FixReview) -> Option<usize> {
    ui.set_clip_rect(ui.max_rect().intersect(ui.clip_rect()));
    let columns = [Column::share("Examples", 1.0)];
    let table = Table {
        name: "What would change",
        columns: &columns,
        num_rows: review.num_items() as u64,
        selected: Some(review.selected as u64),
        scroll_to: Some(review.selected as u64),
        edge: Theme::of(ui).space.l,
        is_list: true,
        sorted: None,
        marked: &unmarked,
    };
    let done = table.show(ui, |row| paint_item(row, review));
    let goes_on = done.open && ui.input(|input| input.key_pressed(Key::Enter));
    done.select.map(|row| row as usize).or(goes_on.then_some(review.selected + 1))
}

fn paint_item(row: &mut Row<'_>, review: &FixReview) -> String {
    let theme = row.theme();
    let item = row.index as usize;
    let title = match (review.group(item), review.change(item)) {
        ([first, second], _) => {
            format!("Examples {} and {}", format::thousands(first.number), format::thousands(second.number))
        }
        ([first, rest @ ..], _) => {
            format!("Example {} and {} more", format::thousands(first.number), format::thousands(rest.len() as u64))
        }
        (_, Some(change)) => format!("Example {}", format::thousands(change.number)),
        (_, None) => String::new(),
    };
    let outcome = review.outcome(item);
    let below = in_words(&outcome);
    let (mark, color) = match outcome.is_empty() {
        true => (icon::MINUS, theme.text.faint),
        false => (icon::CHECK, theme.accent.text),
    };
    row.two_lines(0, Some((mark, color)), &title, &below);
    format!("{title}: {below}")
}

/// "173 is deleted", "226 and 286 are set aside".
fn in_words(outcome: &[Change]) -> String {
    let Some(first) = outcome.first() else { return "Stays as it is".to_owned() };
    let what = match &first.action {
        Action::Delete => "deleted".to_owned(),
        Action::SetAside => "set aside".to_owned(),
        Action::SetMessages { .. } => "mended".to_owned(),
        Action::MoveTo { after, .. } => format!("moved to {}", after.as_str()),
    };
    match outcome {
        [one] => format!("{} is {what}", format::thousands(one.number)),
        [one, two] => format!("{} and {} are {what}", format::thousands(one.number), format::thousands(two.number)),
        more => format!("{} are {what}", format::count(more.len() as u64, "example", "examples")),
    }
}

fn item(ui: &mut Ui, rect: Rect, review: &FixReview) -> Option<Choice> {
    let theme = Theme::of(ui);
    ui.set_clip_rect(rect.expand(theme.space.xs).intersect(ui.clip_rect()));
    ui.spacing_mut().item_spacing = Vec2::new(theme.space.l, theme.space.m);
    ui.add(Text::small(review.fix.check.explanation()).wrapped());
    let chosen = choices(ui, review);
    let scroll = egui::ScrollArea::vertical().id_salt(("texts of a fix", review.selected)).auto_shrink(false);
    scroll.show(ui, |ui| {
        // The bar floats: what stands at the right would lie below it.
        ui.set_max_width(ui.available_width() - theme.size.scroll_bar - theme.space.xs);
        if review.compared.is_empty() {
            ui.add(Text::small("Reading the examples").faint());
        }
        for compared in &review.compared {
            pair(ui, compared, !review.group(review.selected).is_empty());
        }
        let rest = review.num_not_shown();
        if rest > 0 {
            ui.add(Text::small(format!("and {} more", format::thousands(rest as u64))).faint());
        }
    });
    chosen
}

/// What can be decided about the item, with the keys that do it.
fn choices(ui: &mut Ui, review: &FixReview) -> Option<Choice> {
    let theme = Theme::of(ui);
    let (group, current) = (review.group(review.selected), review.choice(review.selected));
    let mut chosen = None;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = Vec2::splat(theme.space.xs);
        let mut offer = |words: String, choice: Choice| {
            if ui.add(Chip::new(words).selected(current == choice)).clicked() {
                chosen = Some(choice);
            }
        };
        if chooses(review.fix.remedy) {
            for (key, member) in group.iter().take(KEEP.len()).enumerate() {
                let part = member.split.as_str();
                let words = format!("{}  Keep {} ({part})", key + 1, format::thousands(member.number));
                offer(words, Choice::Keep(member.id));
            }
        }
        let leave = if group.is_empty() { "0  Leave it as it is" } else { "0  Keep all" };
        offer(leave.to_owned(), Choice::Leave);
        if review.fix.check == Check::Contradiction {
            offer("S  Set all aside".to_owned(), Choice::SetAsideAll);
        }
    });
    chosen
}

fn pair(ui: &mut Ui, compared: &Compared, is_group: bool) {
    let [first, second] = compared.numbers.map(|number| format!("Example {}", format::thousands(number)));
    let (first, second) = if is_group { (first, second) } else { ("As it is".to_owned(), "As it would be".to_owned()) };
    let theme = Theme::of(ui);
    let differs = compared.turns.iter().any(|turn| !turn.is_same);
    if is_group || differs {
        ui.columns(2, |columns| {
            columns[0].add(Text::caption(&first).color(theme.model.before));
            columns[1].add(Text::caption(&second).color(theme.model.after));
        });
    }
    for turn in &compared.turns {
        match turn.is_same {
            true if differs || is_group => same_turn(ui, turn),
            true => side(ui, &first, turn.before.as_ref(), true),
            false => ui.columns(2, |columns| {
                side(&mut columns[0], &first, turn.before.as_ref(), true);
                side(&mut columns[1], &second, turn.after.as_ref(), false);
            }),
        }
    }
}
