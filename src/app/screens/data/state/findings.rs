//! What the checks found at the open example.

use super::{DataState, Purpose};
use crate::app::screens::data::start::Start;
use crate::engine::JobSpec;

impl DataState {
    /// Asks anew when another example is open, and after every change: a finding about an old text doesn't hold.
    pub(super) fn look_for_findings(&mut self, jobs: &mut dyn Start) {
        let wanted = self.open.as_ref().map(|draft| (draft.stored.id, self.revision));
        if wanted == self.found_for {
            return;
        }
        self.found_for = wanted;
        self.jobs.retain(|_, purpose| !matches!(purpose, Purpose::Findings));
        if let Some((id, _)) = wanted {
            let spec = JobSpec::LoadFindings { project: self.folder.clone(), example: Some(id) };
            self.start(spec, Purpose::Findings, jobs);
        }
    }
}
