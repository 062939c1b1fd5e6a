//! The checks below the table: what was found, what it means, and what one click would do about it.

use egui::{Align, Layout, ScrollArea, Sense, Ui, UiBuilder, Vec2};

use super::action::CheckAction;
use super::{AnyAction, AppState, check_row};
use crate::app::kit::{Badge, Button, Text, Theme, format, icon, tooltip};
use crate::app::start::Start;
use crate::app::ticket::Ticket;
use crate::data::checks::{Check, CheckCount, CheckReport, FixCount, Severity};
use crate::engine::{IoJob, JobId, JobSpec, Reply, StoreJob};
use crate::project::{CheckedWith, LastChecks, ProjectState, Whole};
use crate::recipe::TooLong;

/// At most this many examples are checked by themselves after every change.
const AT_ONCE: u64 = 20_000;
/// At most this many when they come in; more take a minute of all cores, which a person should want.
const AT_FIRST: u64 = 200_000;
/// Changes rest for this long before they are checked.
const PAUSE_SECS: f64 = 1.0;
/// Rows of the list; more can be scrolled to.
const MOST_ROWS: usize = 5;

/// What the last checks found, and whether they still hold.
#[derive(Debug, Default)]
pub struct Checks {
    pub counts: Vec<CheckCount>,
    skipped: Vec<Check>,
    /// Examples that were looked at, and how long it took; `None` before the first time.
    pub done: Option<(u64, f64)>,
    pub is_folded: bool,
    /// Switched off for this project.
    pub off: Vec<Check>,
    /// Examples with a finding that a person marked as no fault.
    pub not_faults: Vec<i64>,
    pub error: Option<String>,
    /// What the first remedy of each check comes to, once it is counted.
    fixes: Vec<FixCount>,
    are_fixes_due: bool,
    fix_counts: Ticket<Vec<FixCount>>,
    check: Ticket<CheckReport>,
    /// Asks what the last checks came to, when the project is opened.
    look: Ticket<Option<LastChecks>>,
    has_looked: bool,
    /// Which revision of the project was looked at last.
    looked_at: Option<u64>,
    /// What they were run with, until it is compared with what is to be checked.
    last: Option<CheckedWith>,
    /// What the counts are about, and what was last seen of the project, since when.
    checked: Option<Subject>,
    seen: Option<(Subject, f64)>,
    due_at: Option<f64>,
    is_demanded: bool,
}

/// What the findings depend on.
#[derive(Debug, Clone, PartialEq)]
struct Subject {
    content_revision: u64,
    labels: Vec<String>,
    spec: JobSpec,
}

impl Subject {
    fn was_checked(&self, with: &CheckedWith) -> bool {
        let JobSpec::Io(IoJob::CheckData { model, spec, .. }) = &self.spec else { return false };
        let model = model.as_ref().map(|model| (model.to_string(), *spec));
        self.content_revision == with.content_revision && model == with.model
    }
}

impl Checks {
    /// Checks if the data or the model have changed and rested since.
    pub fn tick(&mut self, project: &ProjectState, now: f64, jobs: &mut dyn Start) {
        let labels = project.settings.labels.clone();
        let subject = Subject { content_revision: project.content_revision, labels, spec: spec(project) };
        if self.seen.as_ref().is_none_or(|(seen, _)| *seen != subject) {
            self.seen = Some((subject.clone(), now));
        }
        let total = project.counts.total();
        let may_look = !self.look.is_open();
        let look = || JobSpec::Store(StoreJob::LoadChecks { project: project.folder.clone() });
        if !self.has_looked {
            if may_look && total > 0 {
                self.looked_at = Some(project.revision);
                self.look.ask(look(), jobs);
            }
            return;
        }
        // What counts may have changed without a check: a finding isn't a fault, a check is off, an example is gone.
        if may_look && !self.is_running() && self.looked_at != Some(project.revision) {
            self.looked_at = Some(project.revision);
            return self.look.ask(look(), jobs);
        }
        if self.last.take().is_some_and(|with| subject.was_checked(&with)) {
            self.checked = Some(subject.clone());
        }
        let is_wanted = !self.is_running() && total > 0 && self.checked.as_ref() != Some(&subject);
        let rests_until = self.seen.as_ref().map_or(now, |(_, since)| since + PAUSE_SECS);
        let is_first = self.done.is_none();
        self.due_at = (is_wanted && !is_first && total <= AT_ONCE).then_some(rests_until);
        let may_start =
            is_first && (total <= AT_FIRST || self.is_demanded) || self.due_at.is_some_and(|due_at| due_at <= now);
        if is_wanted && may_start {
            self.check.ask(subject.spec.clone(), jobs);
            self.checked = Some(subject);
            (self.due_at, self.is_demanded, self.error) = (None, false, None);
            return;
        }
        let is_settled = !self.is_running() && may_look && !self.fix_counts.is_open();
        if is_settled && self.are_fixes_due && !self.counts.is_empty() {
            self.are_fixes_due = false;
            self.fix_counts.ask(JobSpec::Io(IoJob::CountFixes { project: project.folder.clone() }), jobs);
        }
    }

    /// A repaint is due then.
    pub fn due_in(&self, now: f64) -> Option<f64> {
        self.due_at.map(|due_at| due_at - now)
    }

    /// Whatever was checked before, and however large.
    pub fn demand(&mut self) {
        self.done = None;
        self.checked = None;
        self.is_demanded = true;
    }

    pub fn is_running(&self) -> bool {
        self.check.is_open()
    }

    pub fn on_reply(&mut self, job: JobId, reply: &Reply) {
        if let Some(report) = self.check.take(job, reply) {
            self.on_report(report);
        } else if let Some(Some(last)) = self.look.take(job, reply) {
            self.on_last(last);
        } else if let Some(counts) = self.fix_counts.take(job, reply) {
            self.fixes.clone_from(counts);
        }
    }

    /// Those of the last time stand until the data are checked again.
    fn on_last(&mut self, last: &LastChecks) {
        if self.counts != last.counts {
            self.forget_fixes();
        }
        self.counts.clone_from(&last.counts);
        self.skipped.clone_from(&last.with.skipped);
        // Who asks for the checks doesn't want those of before.
        if !self.is_demanded {
            self.done = Some((last.with.num_examples, last.with.secs));
        }
        self.off.clone_from(&last.off);
        self.not_faults.clone_from(&last.not_faults);
        if !self.has_looked {
            self.last = Some(last.with.clone());
        }
    }

    /// What the first remedy of a check comes to, if it is counted.
    pub(super) fn fix_of(&self, check: Check) -> Option<&FixCount> {
        self.fixes.iter().find(|fix| fix.check == check)
    }

    fn forget_fixes(&mut self) {
        self.fixes.clear();
        self.are_fixes_due = true;
    }

    fn on_report(&mut self, report: &CheckReport) {
        self.forget_fixes();
        self.counts = report.counts();
        self.skipped.clone_from(&report.skipped);
        self.done = Some((report.num_examples, report.secs));
        self.off.clone_from(&report.off);
    }

    pub fn on_end(&mut self, job: JobId, failure: Option<&str>) {
        self.fix_counts.end(job);
        if self.look.end(job) {
            self.has_looked = true;
        }
        if self.check.end(job) {
            self.error = failure.map(str::to_owned);
        }
    }

    /// Examples or the model have changed since.
    fn is_stale(&self) -> bool {
        self.checked.as_ref() != self.seen.as_ref().map(|(seen, _)| seen)
    }

    pub fn num_findings(&self, severity: Severity) -> u64 {
        self.counts.iter().filter(|count| count.check.severity() == severity).map(|count| count.num_examples).sum()
    }

    /// They hold for all examples as they are now.
    pub fn is_settled(&self) -> bool {
        !self.is_running() && !self.is_stale()
    }

    /// They run, or will by themselves.
    pub fn is_coming(&self) -> bool {
        self.is_running() || self.due_at.is_some()
    }
}

/// With the model and the limits that a run would have.
pub fn spec(project: &ProjectState) -> JobSpec {
    JobSpec::Io(IoJob::CheckData {
        project: project.folder.clone(),
        model: project.settings.model.clone(),
        spec: super::training(project).render_spec(),
    })
}

/// The room that the panel takes.
pub(super) fn height(theme: &Theme, checks: &Checks) -> f32 {
    let head = theme.size.filter_bar_height;
    match checks.is_folded || checks.done.is_none() {
        true => head,
        false => head + theme.size.row_height * (checks.counts.len().min(MOST_ROWS) + 1) as f32,
    }
}

pub(super) fn show(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let checks = &state.data.checks;
    head(ui, theme, checks, &state.data.facets.whole, actions);
    if checks.is_folded || checks.done.is_none() {
        return;
    }
    let list = theme.size.row_height * checks.counts.len().min(MOST_ROWS) as f32;
    ui.spacing_mut().item_spacing.y = 0.0;
    // One finding is lower than what egui scrolls by itself.
    let scroll = ScrollArea::vertical().id_salt("check rows").max_height(list).min_scrolled_height(list);
    scroll.auto_shrink(false).show(ui, |ui| {
        for count in &checks.counts {
            let explanation = explanation(count.check, state);
            line(ui, theme, |ui| check_row::show(ui, &state.data, count, explanation, actions));
        }
    });
    line(ui, theme, |ui| nothing_else(ui, theme, checks));
}

fn line(ui: &mut Ui, theme: &Theme, content: impl FnOnce(&mut Ui)) {
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), theme.size.row_height), Sense::hover());
    ui.painter().hline(rect.x_range(), rect.top() + theme.width.line / 2.0, theme.line(theme.stroke.subtle));
    let inner = rect.shrink2(Vec2::new(theme.pad.screen_x, 0.0));
    let mut child = ui.new_child(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)));
    child.spacing_mut().item_spacing.x = theme.space.s;
    content(&mut child);
}

fn head(ui: &mut Ui, theme: &Theme, checks: &Checks, found: &Whole, actions: &mut Vec<AnyAction>) {
    let size = Vec2::new(ui.available_width(), theme.size.filter_bar_height);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    ui.painter().hline(rect.x_range(), rect.top() + theme.width.line / 2.0, theme.line(theme.stroke.normal));
    let inner = rect.shrink2(Vec2::new(theme.pad.screen_x, 0.0));
    let mut bar = ui.new_child(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)));
    bar.spacing_mut().item_spacing.x = theme.space.s;
    bar.add(Text::strong("Checks"));
    if found.must_fix > 0 {
        let words = format!("{} must be fixed", format::thousands(found.must_fix));
        of_examples(bar.add(Badge::error(words).without_icon()));
    }
    if found.should_look > 0 {
        let words = format!("{} should be looked at", format::thousands(found.should_look));
        of_examples(bar.add(Badge::warning(words).without_icon()));
    }
    check_row::left_out(&mut bar, checks, actions);
    bar.with_layout(Layout::right_to_left(Align::Center), |ui| {
        if checks.done.is_some() {
            let (mark, name) = match checks.is_folded {
                true => (icon::CARET_UP, "Show the checks"),
                false => (icon::CARET_DOWN, "Fold the checks"),
            };
            if ui.add(Button::icon_only(mark, name)).clicked() {
                actions.push(CheckAction::FoldChecks(!checks.is_folded).into());
            }
        }
        let can_run = !checks.is_running() && (checks.is_stale() || checks.error.is_some());
        if can_run
            && ui
                .add(Button::secondary(if checks.done.is_some() { "Check again" } else { "Check all" }).small())
                .clicked()
        {
            actions.push(CheckAction::Check.into());
        }
        let words = match (&checks.error, checks.is_running(), checks.done) {
            (Some(error), ..) => error.clone(),
            (None, true, _) => "Checking".to_owned(),
            (None, false, Some((0, _))) => "Nothing to check".to_owned(),
            (None, false, Some((num, secs))) => {
                let stale = if checks.is_stale() { ", before the last change" } else { "" };
                let examples = format::count(num, "example", "examples");
                format!("Checked {examples} in {}{stale}", format::duration(secs))
            }
            (None, false, None) => String::new(),
        };
        ui.add(Text::small(words).faint().one_line());
    });
}

/// Both together are the issues above the table and in the rail.
fn of_examples(badge: egui::Response) {
    let text = "Each example counts once here. Below, one that is wrong in two ways counts with both checks";
    tooltip::on_hover(badge, "Examples with issues", text);
}

/// What becomes of long examples is for the recipe to say.
fn explanation(check: Check, state: &AppState) -> &'static str {
    let policy = state.project.as_ref().map_or_else(TooLong::default, |project| super::training(project).too_long);
    if check == Check::TooLong { policy.consequence() } else { check.explanation() }
}

pub(super) fn look(theme: &Theme, check: Check) -> (icon::Icon, egui::Color32) {
    let color = match check.severity() {
        Severity::MustFix => theme.status.error,
        Severity::ShouldLook => theme.status.warning,
    };
    let mark = match check {
        Check::InvalidJson => icon::BRACKETS_CURLY,
        Check::ExactDuplicate | Check::NearDuplicate => icon::COPY,
        Check::Contradiction => icon::EQUALS,
        Check::Leakage => icon::ARROWS_LEFT_RIGHT,
        Check::TooLong | Check::LengthOutlier => icon::SCISSORS,
        Check::PersonalData | Check::Secret => icon::EYE,
        _ => icon::WARNING,
    };
    (mark.filled(), color)
}

fn nothing_else(ui: &mut Ui, theme: &Theme, checks: &Checks) {
    if checks.done.is_some_and(|(num, _)| num == 0) {
        let words = "No example takes part: add some, or take back those that are set aside";
        return drop(ui.add(Text::body(words).soft()));
    }
    let num_left_out = checks.off.iter().filter(|check| !checks.skipped.contains(check)).count();
    let num_clean = Check::ALL.len().saturating_sub(checks.counts.len() + checks.skipped.len() + num_left_out);
    icon::CHECK_CIRCLE.filled().show_sized(ui, theme.size.icon_small, theme.status.ok);
    let words = match (checks.counts.len(), num_clean) {
        (0, n) => format!("All {n} checks found nothing wrong"),
        (_, 1) => "1 other check found nothing".to_owned(),
        (_, n) => format!("{n} other checks found nothing"),
    };
    ui.add(Text::body(words).soft());
    if !checks.skipped.is_empty() {
        let missing = format::count(checks.skipped.len() as u64, "check needs", "checks need");
        ui.add(Text::small(format!("{missing} a model")).faint());
    }
}
