//! The dialog that deals the examples anew: each wish is counted before it can be done.

use super::{DataState, Purpose};
use crate::app::screens::data::split_dialog::SplitPlan;
use crate::app::screens::data::start::Start;
use crate::data::import::SplitSpec;
use crate::engine::{IoJob, JobSpec};

impl DataState {
    pub(super) fn plan_split(&mut self, spec: SplitSpec, jobs: &mut dyn Start) {
        self.flush(jobs);
        // What is still being counted is another wish.
        self.jobs.retain(|_, purpose| !matches!(purpose, Purpose::Split));
        self.split_dialog = Some(SplitPlan { spec: spec.clone(), preview: None });
        self.start(JobSpec::Io(IoJob::PreviewSplit { project: self.folder.clone(), spec }), Purpose::Split, jobs);
    }
}
