//! Which job it is that the window started.

use tunewright::engine::{ComputeJob, IoJob, JobSpec, StoreJob, TrainJob};

pub fn is_open(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Store(StoreJob::OpenProject { .. }))
}

pub fn is_save(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Store(StoreJob::SaveSettings { .. }))
}

pub fn is_undo(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Store(StoreJob::Undo { .. }))
}

pub fn is_query(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Store(StoreJob::Query { .. }))
}

pub fn is_keep_answers(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Store(StoreJob::KeepAnswers { .. }))
}

pub fn is_discover(spec: &JobSpec) -> bool {
    *spec == JobSpec::Io(IoJob::DiscoverModels)
}

pub fn is_preview(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Io(IoJob::PreviewRun { .. }))
}

pub fn is_estimate(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Io(IoJob::EstimateModels { .. }))
}

pub fn is_preview_import(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Io(IoJob::PreviewImport { .. }))
}

pub fn is_list_runs(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Io(IoJob::ListRuns { .. }))
}

pub fn is_read_run(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Io(IoJob::ReadRun { .. }))
}

pub fn is_train(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Train(TrainJob::Train { .. }))
}

pub fn is_resume(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Train(TrainJob::Resume { .. }))
}

pub fn is_evaluate(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Compute(ComputeJob::Evaluate { .. }))
}

pub fn is_compare(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Compute(ComputeJob::Compare { .. }))
}

pub fn is_measure(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Compute(ComputeJob::MeasureSpeed { .. }))
}
