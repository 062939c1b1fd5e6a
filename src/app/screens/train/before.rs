//! What is worth knowing of the examples before a run starts, each with the way to exactly those that it is about.

use egui::{Align, Layout, Ui};

use super::form::sentence;
use crate::app::kit::{Button, Icon, Text, Theme, format, icon, line};
use crate::app::screens::data;
use crate::app::{Action, AppState, Screen};
use crate::data::checks::{Check, CheckCount, Severity};
use crate::render::tally::Note;
use crate::train::preview::{Noted, RunPreview};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    Look,
    Missing,
}

/// Where a line leads.
pub(super) enum Link<'a> {
    /// With these words.
    To(&'static str, Screen),
    /// The data screen with these and no others.
    Only(String, &'a [i64]),
    Finding(Check),
}

impl Link<'_> {
    fn words(&self) -> &'static str {
        if let Self::To(words, _) = self { words } else { "Show" }
    }

    /// For those who hear the link alone.
    fn name(&self) -> String {
        match self {
            Self::To(words, _) => (*words).to_owned(),
            Self::Only(title, _) => format!("Show {title}"),
            Self::Finding(check) => format!("Show {}", check.title()),
        }
    }

    fn act(&self) -> Action {
        match self {
            Self::To(_, screen) => Action::Go(*screen),
            Self::Only(title, ids) => data::FilterAction::ShowOnly(data::Only::ids(title, *ids)).into(),
            Self::Finding(check) => data::FilterAction::ShowOnly(data::Only::finding(*check)).into(),
        }
    }
}

/// What the checks found that must be fixed, but for what the preview says itself.
pub(super) fn must_fix(state: &AppState) -> impl Iterator<Item = &CheckCount> {
    let is_counted = state.train.preview.is_some();
    let is_told = move |check: Check| {
        is_counted && matches!(check, Check::NothingTrained | Check::TooLong | Check::TemplateRefusal)
    };
    let counts = state.data.checks.counts.iter();
    counts.filter(move |count| count.check.severity() == Severity::MustFix && !is_told(count.check))
}

pub(super) fn findings(ui: &mut Ui, state: &AppState, actions: &mut Vec<Action>) {
    for count in must_fix(state) {
        let examples = format::count(count.num_examples, "example", "examples");
        let words = format!("{} in {examples}", count.check.title());
        check(ui, Verdict::Look, &words, Some(Link::Finding(count.check)), actions);
    }
    let checks = &state.data.checks;
    let has_examples = state.project.as_ref().is_some_and(|project| project.counts.total() > 0);
    if checks.is_running() {
        check(ui, Verdict::Look, "The checks are still running", None, actions);
    } else if has_examples && checks.done.is_none() {
        let words = "The examples were not checked yet";
        check(ui, Verdict::Look, words, Some(Link::To("Check", Screen::Data)), actions);
    } else if checks.done.is_some_and(|(num, _)| num > 0) && checks.num_findings(Severity::MustFix) == 0 {
        check(ui, Verdict::Fine, "The checks found nothing that must be fixed", None, actions);
    }
}

/// What becomes of the examples with this model and these settings.
pub(super) fn preview(ui: &mut Ui, preview: &RunPreview, actions: &mut Vec<Action>) {
    let RunPreview { tally, held_out, noted, held_out_noted, .. } = preview;
    match tally.num_untrained as u64 {
        0 => check(ui, Verdict::Fine, "Every example that is used trains at least 1 token", None, actions),
        n => {
            let words = format!(
                "{} no token and {} left out",
                format::count(n, "example trains", "examples train"),
                if n == 1 { "is" } else { "are" }
            );
            check(ui, Verdict::Look, &words, link(Note::Untrained, noted, ""), actions);
        }
    }
    let longest = |num: usize| format::thousands(num as u64);
    if let Some(words) = tally.in_words() {
        let words = format!("{words}. The longest has {}", longest(tally.longest));
        check(ui, Verdict::Look, &words, link(Note::TooLong, noted, ""), actions);
    } else if held_out.num_too_long() == 0 {
        let longest = longest(tally.longest.max(held_out.longest));
        let words = format!("No example is beyond the limit, the longest has {longest} tokens");
        check(ui, Verdict::Fine, &words, None, actions);
    }
    for (note, words) in tally.template_notes_by_kind() {
        check(ui, Verdict::Look, &sentence(&words), link(note, noted, ""), actions);
    }
    if let Some(words) = &preview.beyond_context {
        check(ui, Verdict::Look, words, None, actions);
    }
    for (note, words) in held_out.notes_by_kind() {
        let words = format!("For validation, {words}");
        check(ui, Verdict::Look, &words, link(note, held_out_noted, ", validation"), actions);
    }
}

/// `None` where nobody knows which they are.
fn link<'a>(note: Note, noted: &'a Noted, part: &str) -> Option<Link<'a>> {
    let ids = noted.of(note);
    (!ids.is_empty()).then(|| Link::Only(format!("{}{part}", note.title()), ids))
}

pub(super) fn check(ui: &mut Ui, verdict: Verdict, words: &str, link: Option<Link<'_>>, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui);
    let (sign, color): (Icon, _) = match verdict {
        Verdict::Fine => (icon::CHECK_CIRCLE.filled(), theme.status.ok),
        Verdict::Look => (icon::WARNING.filled(), theme.status.warning),
        Verdict::Missing => (icon::X_CIRCLE.filled(), theme.status.error),
    };
    line(ui, theme.size.row_height, |ui| {
        sign.show(ui, color);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if let Some(link) = &link
                && ui.add(Button::link(link.words()).name(link.name())).clicked()
            {
                actions.push(link.act());
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.add(Text::body(words).wrapped()));
        });
    });
    // Sentences of several lines would run into each other.
    ui.add_space(theme.space.xs);
}
