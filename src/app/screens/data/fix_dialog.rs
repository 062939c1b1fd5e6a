//! What a fix would change, before it does.

use egui::{Context, Ui};

use super::AnyAction;
use super::action::DataAction;
use crate::app::kit::{Dialog, DialogEnd, Text, Theme, dialog, format};
use crate::data::checks::{Action, Change, Fix};
use crate::data::{Message, Split};

/// Changes that are shown; the rest is counted.
const MOST: usize = 100;

pub(super) fn show(ctx: &Context, fix: &Fix, actions: &mut Vec<AnyAction>) {
    let count = format::count(fix.changes.len() as u64, "example", "examples");
    let words = format!("{} ({count})", fix.remedy.title());
    let reason = fix.changes.is_empty().then_some("None of them can be mended this way; look at them one by one");
    let (end, ()) = Dialog::new("fix", fix.check.title()).primary(&words, reason).show(
        ctx,
        |ui| dialog::body(ui, |ui| changes(ui, fix)),
        |ui| drop(ui.add(Text::body("Undo takes all of it back").soft())),
    );
    match end {
        DialogEnd::Confirmed => actions.push(DataAction::ApplyFix.into()),
        DialogEnd::Cancelled => actions.push(DataAction::DropFix.into()),
        DialogEnd::StillOpen => {}
    }
}

fn changes(ui: &mut Ui, fix: &Fix) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.y = theme.space.xs;
    ui.add(Text::body(fix.check.explanation()).soft().wrapped());
    ui.add_space(theme.space.s);
    list(ui, "changes", 12, |ui| {
        for each in fix.changes.iter().take(MOST) {
            change(ui, theme, each);
        }
        if fix.changes.len() > MOST {
            let rest = (fix.changes.len() - MOST) as u64;
            ui.add(Text::small(format!("and {} more", format::thousands(rest))).faint());
        }
    });
}

/// As high as what is in it, but no more than so many rows.
pub(super) fn list(ui: &mut Ui, id: &str, most_rows: usize, content: impl FnOnce(&mut Ui)) {
    let theme = Theme::of(ui);
    let height = theme.size.row_height * most_rows as f32;
    egui::ScrollArea::vertical().id_salt(id).max_height(height).auto_shrink([false, true]).show(ui, |ui| {
        // The bar floats: what stands at the right would lie below it.
        ui.set_max_width(ui.available_width() - theme.size.scroll_bar - theme.space.xs);
        content(ui);
    });
}

fn change(ui: &mut Ui, theme: &Theme, change: &Change) {
    let name = |ui: &mut Ui, what: &str| {
        ui.horizontal(|ui| {
            ui.add(Text::strong(format!("Example {}", format::thousands(change.number))));
            ui.add(Text::body(what).soft());
        });
    };
    match &change.action {
        Action::Delete => name(ui, "is deleted"),
        Action::SetAside => name(ui, "is set aside"),
        Action::MoveTo { before, after } => name(ui, &format!("moves from {} to {}", part(*before), part(*after))),
        Action::SetMessages { before, after } => {
            name(ui, "is mended");
            for (before, after) in pairs(before, after) {
                ui.add(Text::small(before).color(theme.model.before).wrapped());
                ui.add(Text::small(after).color(theme.model.after).wrapped());
            }
            ui.add_space(theme.space.s);
        }
    }
}

fn part(split: Split) -> &'static str {
    split.as_str()
}

/// The turns that differ, each as it is and as it would be; shortened around the difference.
fn pairs(before: &[Message], after: &[Message]) -> Vec<(String, String)> {
    if before.len() != after.len() {
        let all = |messages: &[Message]| {
            let turns: Vec<_> = messages.iter().map(|m| format!("{}: {}", m.role.as_str(), m.content)).collect();
            turns.join("\n")
        };
        return vec![(all(before), all(after))];
    }
    let differing = before.iter().zip(after).filter(|(before, after)| before != after);
    differing
        .map(|(before, after)| match before.role == after.role {
            true => excerpts(&before.content, &after.content),
            false => (before.role.as_str().to_owned(), after.role.as_str().to_owned()),
        })
        .collect()
}

/// Both texts without the most of what they begin and end with in common.
fn excerpts(before: &str, after: &str) -> (String, String) {
    const CONTEXT: usize = 60;
    let same = |pairs: &mut dyn Iterator<Item = (char, char)>| pairs.take_while(|(a, b)| a == b).count();
    let head = same(&mut before.chars().zip(after.chars())).saturating_sub(CONTEXT);
    let shorter = before.chars().count().min(after.chars().count());
    let tail = same(&mut before.chars().rev().zip(after.chars().rev()))
        .saturating_sub(CONTEXT)
        .min(shorter - head.min(shorter));
    let cut = |text: &str| {
        let len = text.chars().count();
        let middle: String = text.chars().skip(head).take(len.saturating_sub(head + tail)).collect();
        let dots = |is_cut: bool| if is_cut { "…" } else { "" };
        format!("{}{middle}{}", dots(head > 0), dots(tail > 0))
    };
    (cut(before), cut(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_shown_around_what_changes() {
        let (same, other) = ("a".repeat(200), "b".repeat(200));
        let (before, after) = excerpts(&format!("{same}x{other}"), &format!("{same}yz{other}"));
        assert_eq!(before, format!("…{}x{}…", "a".repeat(60), "b".repeat(60)));
        assert_eq!(after, format!("…{}yz{}…", "a".repeat(60), "b".repeat(60)));
        assert_eq!(excerpts("{\"a\":1", "{\"a\":1}"), ("{\"a\":1".to_owned(), "{\"a\":1}".to_owned()));
    }

    #[test]
    fn repeated_letters_are_not_counted_twice() {
        let (before, after) = excerpts(&"a".repeat(300), &"a".repeat(299));
        assert_eq!(before.len(), after.len() + 1);
    }
}
