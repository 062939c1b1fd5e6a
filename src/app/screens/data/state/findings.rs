//! What the checks found at the open example.

use super::DataState;
use crate::app::screens::data::action::CheckAction;
use crate::app::start::Start;
use crate::data::checks::Finding;
use crate::engine::{IoJob, JobSpec, StoreJob};
use crate::project::Edit;

impl DataState {
    pub(super) fn check(&mut self, action: CheckAction, jobs: &mut dyn Start) {
        match action {
            CheckAction::Check => self.checks.demand(),
            CheckAction::FoldChecks(is_folded) => self.checks.is_folded = is_folded,
            CheckAction::PreviewFix(check, remedy, id) => {
                self.flush(jobs);
                let ids = id.map(|id| vec![id]);
                let spec = JobSpec::Io(IoJob::PreviewFix { project: self.folder.clone(), check, remedy, ids });
                self.asked.fix.ask(spec, jobs);
            }
            CheckAction::MarkFindings(check, id, is_fault) => {
                self.flush(jobs);
                let (project, ids) = (self.folder.clone(), id.map(|id| vec![id]));
                let spec = JobSpec::Store(StoreJob::MarkFindings { project, check, ids, is_fault });
                self.change(spec, None, jobs);
            }
            CheckAction::SwitchCheck(check, is_on) => self.start_edit(Edit::SwitchCheck { check, is_on }, jobs),
        }
    }

    /// Asks anew when another example is open, and after every change: a finding about an old text doesn't hold.
    pub(super) fn look_for_findings(&mut self, jobs: &mut dyn Start) {
        let wanted = self.open.as_ref().map(|draft| (draft.stored.id, self.revision));
        if wanted == self.found_for {
            return;
        }
        self.found_for = wanted;
        self.asked.findings.forget();
        if let Some((id, _)) = wanted {
            let spec = JobSpec::Store(StoreJob::LoadFindings { project: self.folder.clone(), example: Some(id) });
            self.asked.findings.ask(spec, jobs);
        }
    }

    /// Those of a text that isn't there any more say nothing of the new one.
    pub fn findings_hold(&self) -> bool {
        let open = self.open.as_ref().filter(|draft| !draft.is_dirty() && !self.has_edits_under_way());
        open.is_some_and(|draft| self.findings_of == Some((draft.stored.id, self.content_revision)))
    }

    /// What to say in place of findings that the open example had before its last change.
    pub fn findings_awaited(&self) -> Option<&'static str> {
        let id = self.open.as_ref()?.stored.id;
        let is_known = self.findings_hold() && (!self.findings.is_empty() || self.checks.is_settled());
        match self.checks.is_coming() {
            _ if is_known || self.had_findings != Some(id) => None,
            true => Some("Checking the text as it is now"),
            false => Some("Not checked since the last change"),
        }
    }

    pub(super) fn take_findings(&mut self, findings: &[Finding]) {
        let Some(id) = self.open.as_ref().map(|draft| draft.stored.id) else { return };
        self.findings = findings.to_vec();
        self.findings_of = Some((id, self.content_revision));
        if !findings.is_empty() || self.checks.is_settled() || self.had_findings != Some(id) {
            self.had_findings = (!findings.is_empty()).then_some(id);
        }
    }
}
