//! Find and replace in the marked examples, with what would change before it does.

use egui::{Context, Ui};

use super::fix::list;
use crate::app::Action as AnyAction;
use crate::app::kit::{Dialog, DialogEnd, Text, TextInput, Theme, dialog, format, switch};
use crate::app::screens::data::action::DialogAction;
use crate::project::{ReplacePreview, Replacement};

/// What is asked for, and what it would do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Replace {
    pub replacement: Replacement,
    pub preview: Option<ReplacePreview>,
    /// Why it can't be done: a regular expression that isn't one.
    pub error: Option<String>,
}

impl Replace {
    /// A preview of something else says nothing any more.
    pub fn set(&mut self, replacement: Replacement) {
        if replacement != self.replacement {
            *self = Self { replacement, ..Self::default() };
        }
    }

    /// The examples that change; `None` if there are none, or it is not known yet.
    pub fn confirmed(self) -> Option<(Vec<i64>, Replacement)> {
        let ids = self.preview?.ids;
        (!ids.is_empty()).then_some((ids, self.replacement))
    }
}

pub(super) fn show(ctx: &Context, replace: &Replace, num_marked: usize, actions: &mut Vec<AnyAction>) {
    let preview = replace.preview.as_ref();
    let found = preview.map_or(0, |preview| preview.num_examples);
    let words = format!("Replace in {}", format::count(found, "example", "examples"));
    let reason = match (preview, &replace.error) {
        (_, Some(_)) => Some("The expression can't be read"),
        (None, None) if replace.replacement.find.is_empty() => Some("Type what is to be found"),
        (None, None) => Some("Still looking for it in the marked examples"),
        (Some(preview), None) if preview.num_matches == 0 => Some("It does not occur in the marked examples"),
        _ => None,
    };
    let remark = format!("in {}", format::count(num_marked as u64, "marked example", "marked examples"));
    let (end, changed) = Dialog::new("replace", "Find and replace").remark(&remark).primary(&words, reason).show(
        ctx,
        |ui| dialog::body(ui, |ui| fields(ui, replace)),
        |ui| {
            if let Some(preview) = preview {
                let matches = format::count(preview.num_matches, "place", "places");
                ui.add(Text::body(format!("{matches} in {}", format::count(found, "example", "examples"))).soft());
            }
        },
    );
    match (end, changed) {
        (DialogEnd::Confirmed, _) => actions.push(DialogAction::ReplaceAll.into()),
        (DialogEnd::Cancelled, _) => actions.push(DialogAction::Close.into()),
        (DialogEnd::StillOpen, Some(replacement)) => actions.push(DialogAction::Replace(replacement).into()),
        (DialogEnd::StillOpen, None) => {}
    }
}

fn fields(ui: &mut Ui, replace: &Replace) -> Option<Replacement> {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.y = theme.space.s;
    let mut new = replace.replacement.clone();
    TextInput::new("Find", &mut new.find).hint("Find").error(replace.error.as_deref()).show(ui);
    let hint = if new.is_regex { "Replace with; $1 is the first group" } else { "Replace with" };
    TextInput::new("Replace with", &mut new.with).hint(hint).show(ui);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme.space.l;
        new.is_regex = switch(ui, "Regular expression", "Regular expression", new.is_regex).unwrap_or(new.is_regex);
        let words = "Upper and lower case alike";
        new.ignores_case = switch(ui, words, words, new.ignores_case).unwrap_or(new.ignores_case);
    });
    if let Some(preview) = &replace.preview {
        list(ui, "replacements", 8, |ui| {
            for turn in &preview.turns {
                ui.add(Text::small(format!("Example {}", format::thousands(turn.number))).faint());
                ui.add(Text::body(turn.before.as_str()).color(theme.model.before).one_line());
                ui.add(Text::body(turn.after.as_str()).color(theme.model.after).one_line());
            }
        });
    }
    (new != replace.replacement).then_some(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_preview_of_the_same_words_is_carried_out() {
        let find = |find: &str| Replacement { find: find.to_owned(), ..Replacement::default() };
        let preview = ReplacePreview { num_examples: 1, num_matches: 2, turns: Vec::new(), ids: vec![4] };
        let mut replace = Replace { replacement: find("a"), preview: Some(preview), error: None };
        assert_eq!(replace.clone().confirmed(), Some((vec![4], find("a"))));
        replace.set(find("ab"));
        assert_eq!(replace.confirmed(), None);
    }
}
