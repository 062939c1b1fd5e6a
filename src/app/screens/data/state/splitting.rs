//! The dialog that deals the examples anew: each wish is counted before it can be done.

use super::DataState;
use crate::app::screens::data::split_dialog::SplitPlan;
use crate::app::screens::data::start::Start;
use crate::data::import::SplitSpec;
use crate::engine::{IoJob, JobSpec};

impl DataState {
    pub(super) fn plan_split(&mut self, spec: SplitSpec, jobs: &mut dyn Start) {
        self.flush(jobs);
        self.split_dialog = Some(SplitPlan { spec: spec.clone(), preview: None });
        // What is still being counted is another wish.
        self.asked.split.ask(JobSpec::Io(IoJob::PreviewSplit { project: self.folder.clone(), spec }), jobs);
    }
}
