//! Checks of a project's examples, and the fixes of what they find.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::WorkbenchError;
use crate::data::checks::{
    ANSWER, Action, Check, CheckReport, Checker, Finding, Fix, FixCount, LabelSet, Options, Refused, Remedy,
    RenderFacts, Rendering, Row, plan, with_system_folded,
};
use crate::data::{Example, Split};
use crate::model::chat::LeftOut;
use crate::model::{Chat, ModelError};
use crate::project::{CheckedWith, Edit, ExampleStatus, Project, ProjectError, StoredExample};
use crate::recipe::RenderSpec;
use crate::render::{Fate, Whole};
use crate::task::{Task, Unit};

/// Enough for all cores; their texts are in memory at once.
const BATCH_ROWS: usize = 2048;

/// What training would make of an example with a model's tokenizer and template.
pub struct ModelRendering {
    /// Its name, for the lengths that are kept.
    pub model: String,
    pub chat: Arc<Chat>,
    pub spec: RenderSpec,
}

impl Rendering for ModelRendering {
    fn facts(&self, example: &Example) -> Result<RenderFacts, Refused> {
        let refused =
            |error: ModelError| Refused { reason: error.to_string(), takes_folded: self.takes_folded(example) };
        let whole = Whole::new(&self.chat, example, self.spec).map_err(refused)?;
        let used = whole.render().map_err(refused)?;
        let rendered = whole.sample();
        let trained = |(id, is_trained): (&u32, &bool)| is_trained.then_some(*id);
        let mut last_trained = rendered.ids.iter().zip(&rendered.is_trained).rev().filter_map(trained);
        // With `TrainOn::All` a line break may follow the end of the turn.
        let ends_turn = last_trained.by_ref().take(2).any(|id| self.chat.is_stop(id, self.spec.format));
        Ok(RenderFacts {
            num_tokens: rendered.ids.len(),
            too_long: used.too_long_in_words(self.spec),
            // One that is left out would teach something, were it shorter.
            num_trained: if used.fate == Fate::LeftOut { rendered.num_trained() } else { used.num_trained() },
            ends_turn: ends_turn || rendered.num_trained() == 0,
            num_bos: self.num_bos(&rendered.ids),
            left_out: used.left_out.iter().map(LeftOut::in_words).collect(),
        })
    }
}

impl ModelRendering {
    /// Whether the template takes an example that it refuses once its system turn is in the first question.
    fn takes_folded(&self, example: &Example) -> bool {
        let folded = with_system_folded(&example.messages).map(|messages| Example { messages, ..example.clone() });
        folded.is_some_and(|folded| Whole::new(&self.chat, &folded, self.spec).is_ok())
    }

    /// How many times the special token that comes first is repeated there.
    fn num_bos(&self, ids: &[u32]) -> usize {
        let Some(first) = ids.first() else { return 0 };
        let text = self.chat.tokenizer.id_to_token(*first).unwrap_or_default();
        let is_special = !self.chat.tokenizer.find_specials(&text).is_empty();
        if is_special { ids.iter().take_while(|id| *id == first).count() } else { 0 }
    }
}

/// Runs all checks over the examples that take part, and keeps what they find in place of the last findings.
///
/// # Errors
/// Where the store can't be read or written, or the task was stopped.
pub fn check(
    project: &mut Project,
    rendering: Option<&ModelRendering>,
    task: &dyn Task,
) -> Result<CheckReport, WorkbenchError> {
    let (counts, content_revision) = project.counts_at()?;
    let total = counts.taking_part();
    let options = Options { label_sets: label_set(project)?, ..Options::default() };
    let mut checker = Checker::new(options, rendering.map(|rendering| rendering as &dyn Rendering));
    let mut batch = Vec::with_capacity(BATCH_ROWS);
    project.for_each_present(&mut |stored| {
        batch.extend(row(stored));
        if batch.len() == BATCH_ROWS {
            checker.add(&batch);
            batch.clear();
            task.progress(checker.num_examples(), Some(total), Unit::Examples);
        }
        if task.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if task.is_stopped() {
        return Err(WorkbenchError::Stopped);
    }
    checker.add(&batch);
    let lengths = checker.take_lengths();
    let mut report = checker.finish(task).ok_or(WorkbenchError::Stopped)?;
    let done: Vec<Check> = Check::ALL.into_iter().filter(|check| !report.skipped.contains(check)).collect();
    project.save_findings(&done, &report.findings)?;
    if let Some(rendering) = rendering {
        project.set_num_tokens(&rendering.model, &lengths)?;
    }
    project.note_checked(&CheckedWith {
        content_revision,
        model: rendering.map(|rendering| (rendering.model.clone(), rendering.spec)),
        num_examples: report.num_examples,
        secs: report.secs,
        skipped: report.skipped.clone(),
    })?;
    leave_out(project, &mut report)?;
    Ok(report)
}

/// Says only what counts in this project.
fn leave_out(project: &Project, report: &mut CheckReport) -> Result<(), WorkbenchError> {
    report.off = project.checks_off()?;
    let marked: HashSet<(Check, i64)> =
        project.not_faults(None)?.into_iter().map(|finding| (finding.check, finding.id)).collect();
    let off = &report.off;
    report.findings.retain(|finding| !off.contains(&finding.check) && !marked.contains(&(finding.check, finding.id)));
    report.num_not_faults = marked.len() as u64;
    Ok(())
}

/// That the person gave, if any.
fn label_set(project: &Project) -> Result<Vec<LabelSet>, WorkbenchError> {
    let labels = project.settings()?.labels;
    if labels.is_empty() {
        return Ok(Vec::new());
    }
    let field = project.label_field()?.unwrap_or_else(|| ANSWER.to_owned());
    Ok(vec![LabelSet { field, labels }])
}

/// `None` for an example that takes no part.
fn row(stored: StoredExample) -> Option<Row> {
    let takes_part = stored.takes_part();
    let StoredExample { id, number, split, example, annotations, .. } = stored;
    let (source, label) = (annotations.source, annotations.label);
    takes_part.then_some(Row { id, number, split, source, label, example })
}

/// Works out what a remedy would change, from the last findings; with `ids`, only at these examples and those they form
/// a group with: of two copies, one can only be judged beside the other.
///
/// # Errors
/// Where the store can't be read.
pub fn plan_fix(project: &Project, check: Check, remedy: Remedy, ids: Option<&[i64]>) -> Result<Fix, WorkbenchError> {
    let mut all = project.all_findings_of(check)?;
    if let Some(ids) = ids {
        let ids = with_groups(all.iter().map(|(finding, _)| finding), ids);
        all.retain(|(finding, _)| ids.contains(&finding.id));
    }
    plan_of(project, check, remedy, &all)
}

/// What is marked as not a fault is beside the others, and stays as it is.
fn plan_of(project: &Project, check: Check, remedy: Remedy, all: &[(Finding, bool)]) -> Result<Fix, WorkbenchError> {
    let fixed: HashSet<i64> = all.iter().filter(|(_, is_no_fault)| *is_no_fault).map(|(f, _)| f.id).collect();
    let findings: Vec<Finding> = all.iter().map(|(finding, _)| finding.clone()).collect();
    let mut failure = None;
    let mut lookup = |id| match project.example(id) {
        Ok(stored) => row(stored),
        Err(ProjectError::NoSuchExample { .. }) => None,
        Err(error) => {
            failure = Some(error);
            None
        }
    };
    let mut fix = plan(check, remedy, &findings, &mut lookup);
    fix.changes.retain(|change| !fixed.contains(&change.id));
    let changed: HashSet<i64> = fix.changes.iter().map(|change| change.id).collect();
    fix.groups.retain(|group| group.iter().any(|member| changed.contains(&member.id)));
    fix.groups.iter_mut().flatten().for_each(|member| member.is_fixed = fixed.contains(&member.id));
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(fix),
    }
}

/// These examples, and those that a finding puts them together with.
fn with_groups<'a>(findings: impl Iterator<Item = &'a Finding> + Clone, ids: &[i64]) -> HashSet<i64> {
    let ids: HashSet<i64> = ids.iter().copied().collect();
    let groups: HashSet<u32> =
        findings.clone().filter(|finding| ids.contains(&finding.id)).filter_map(|finding| finding.group).collect();
    let is_meant =
        |finding: &&Finding| ids.contains(&finding.id) || finding.group.is_some_and(|group| groups.contains(&group));
    findings.filter(is_meant).map(|finding| finding.id).collect()
}

/// What the first remedy of each check would change, so that nobody is offered what does nothing. Checks with very many
/// findings are left out: looking at each would take as long as checking.
///
/// # Errors
/// Where the store can't be read, or the task was stopped.
pub fn count_fixes(project: &Project, task: &dyn Task) -> Result<Vec<FixCount>, WorkbenchError> {
    const MOST_FINDINGS: u64 = 20_000;
    const AT_ONCE: usize = 500;
    let counts = project.last_checks()?.map(|last| last.counts).unwrap_or_default();
    let mut fixes = Vec::new();
    for count in counts.iter().filter(|count| count.num_examples <= MOST_FINDINGS) {
        let check = count.check;
        let Some(remedy) = check.remedies().first().copied() else { continue };
        let all = project.all_findings_of(check)?;
        let rewrites = matches!(remedy, Remedy::Repair | Remedy::Redact | Remedy::Trim);
        let mut counted = FixCount { check, remedy, num_changes: 0, unmendable: Vec::new() };
        for part in all.chunks(if rewrites { AT_ONCE } else { all.len().max(1) }) {
            if task.is_stopped() {
                return Err(WorkbenchError::Stopped);
            }
            let fix = plan_of(project, check, remedy, part)?;
            counted.num_changes += fix.changes.len() as u64;
            let changed: HashSet<i64> = fix.changes.iter().map(|change| change.id).collect();
            let is_left = |(finding, is_no_fault): &&(Finding, bool)| !is_no_fault && !changed.contains(&finding.id);
            counted.unmendable.extend(part.iter().filter(is_left).map(|(finding, _)| finding.id).filter(|_| rewrites));
        }
        counted.unmendable.dedup();
        fixes.push(counted);
    }
    Ok(fixes)
}

/// What a check found is not a fault, or is one after all: everywhere, or at these examples and those that they form a
/// group with. One step of undo; gives the number of examples.
///
/// # Errors
/// Where the store can't be read or written.
pub fn mark_findings(
    project: &mut Project,
    check: Check,
    ids: Option<&[i64]>,
    is_fault: bool,
) -> Result<usize, WorkbenchError> {
    let all = project.all_findings_of(check)?;
    let meant = all.iter().filter(|(_, is_no_fault)| *is_no_fault == is_fault).map(|(finding, _)| finding);
    let mut ids: Vec<i64> = match ids {
        Some(ids) => with_groups(meant, ids).into_iter().collect(),
        None => meant.map(|finding| finding.id).collect(),
    };
    ids.sort_unstable();
    ids.dedup();
    if !ids.is_empty() {
        project.apply(&Edit::MarkFindings { check, ids: ids.clone(), is_fault })?;
    }
    Ok(ids.len())
}

/// Does what a fix says, as one step of undo. An example whose text has changed since is left as it is. Gives the
/// number of examples that changed.
///
/// # Errors
/// Where the store can't be read or written; then nothing has changed.
pub fn apply_fix(project: &mut Project, fix: &Fix) -> Result<usize, WorkbenchError> {
    let mut edits = Vec::new();
    let (mut deleted, mut set_aside) = (Vec::new(), Vec::new());
    let mut moved = Split::ALL.map(|split| (split, Vec::new()));
    for change in &fix.changes {
        let id = change.id;
        match &change.action {
            Action::Delete => deleted.push(id),
            Action::SetAside => set_aside.push(id),
            Action::MoveTo { after, .. } => moved[*after as usize].1.push(id),
            Action::SetMessages { before, after } => {
                let is_as_planned = project.example(id).is_ok_and(|stored| stored.example.messages == *before);
                edits.extend(is_as_planned.then(|| Edit::SetMessages { id, messages: after.clone() }));
            }
        }
    }
    let num_changed = edits.len() + fix.changes.iter().filter(|change| !rewrites(&change.action)).count();
    edits
        .extend(moved.into_iter().filter(|(_, ids)| !ids.is_empty()).map(|(split, ids)| Edit::SetSplit { ids, split }));
    if !set_aside.is_empty() {
        edits.push(Edit::SetStatus { ids: set_aside, status: ExampleStatus::SetAside });
    }
    if !deleted.is_empty() {
        edits.push(Edit::Delete { ids: deleted });
    }
    if !edits.is_empty() {
        project.apply(&Edit::Several { label: fix.label(), edits })?;
    }
    Ok(num_changed)
}

fn rewrites(action: &Action) -> bool {
    matches!(action, Action::SetMessages { .. })
}
