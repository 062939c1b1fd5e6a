//! The dialogs: what opens them, what changes in them, and what they are for.

use super::{DataState, Purpose};
use crate::app::Screen;
use crate::app::effect::Effect;
use crate::app::screens::data::action::DialogAction;
use crate::app::screens::data::dialogs::DataDialog;
use crate::app::screens::data::dialogs::rank::Question;
use crate::app::screens::data::dialogs::replace::Replace;
use crate::app::screens::data::dialogs::split::SplitPlan;
use crate::app::start::Start;
use crate::data::import::SplitSpec;
use crate::engine::{ComputeJob, IoJob, JobSpec, StoreJob};
use crate::project::{Edit, Replacement};

impl DataState {
    /// Those that the command field offers open from anywhere, and show their screen.
    pub(super) fn ask(&mut self, action: DialogAction, now: f64, jobs: &mut dyn Start) -> Vec<Effect> {
        match action {
            DialogAction::Close => self.close_dialog(jobs),
            DialogAction::Replace(replacement) => self.preview_replace(replacement, jobs),
            DialogAction::ReplaceAll => {
                if let Some(DataDialog::Replace(replace)) = self.dialog.take()
                    && let Some((ids, replacement)) = replace.confirmed()
                {
                    self.start_edit(Edit::ReplaceText { ids, replacement }, jobs);
                }
            }
            DialogAction::Fix(action) => {
                if let Some(DataDialog::Fix(review)) = &mut self.dialog {
                    review.apply(action);
                }
            }
            DialogAction::ApplyFix => {
                if let Some(DataDialog::Fix(review)) = self.dialog.take() {
                    let (project, fix) = (self.folder.clone(), review.decided());
                    self.start(JobSpec::Store(StoreJob::ApplyFix { project, fix }), Purpose::Edit, jobs);
                }
            }
            DialogAction::RankForm(form) => {
                self.open_dialog(DataDialog::Rank(form), jobs);
                return vec![Effect::Show(Screen::Data)];
            }
            DialogAction::Rank(question, count, judge) => {
                self.flush(jobs);
                self.close_dialog(jobs);
                let project = self.folder.clone();
                let spec = match question {
                    Question::Loss => JobSpec::Compute(ComputeJob::ScoreExamples { project, judge }),
                    Question::Next => JobSpec::Compute(ComputeJob::LabelNext { project, judge, count }),
                };
                self.start(spec, Purpose::Rank, jobs);
            }
            DialogAction::Statistics => {
                self.flush(jobs);
                self.open_dialog(DataDialog::Statistics(None), jobs);
                let (project, model) = (self.folder.clone(), self.model.clone());
                let spec = JobSpec::Io(IoJob::DescribeData { project, model });
                self.start(spec, Purpose::Statistics, jobs);
                return vec![Effect::Show(Screen::Data)];
            }
            DialogAction::Move => self.move_into_training(jobs),
            DialogAction::History => self.ask_for_history(jobs),
            DialogAction::ChooseVersion(at) => self.choose_version(at),
            DialogAction::BringBack => self.bring_back(now, jobs),
            DialogAction::Split(spec) => {
                self.plan_split(spec, jobs);
                return vec![Effect::Show(Screen::Data)];
            }
            DialogAction::DealAnew(spec) => {
                self.close_dialog(jobs);
                self.flush(jobs);
                self.start_edit(Edit::Resplit { spec }, jobs);
            }
            DialogAction::Export(action) => return self.export(action, jobs),
            DialogAction::Labels(action) => return self.edit_labels(action, jobs),
            DialogAction::Reviewers(action) => return self.compare_reviewers(action, jobs),
        }
        Vec::new()
    }

    /// In place of one that is open.
    pub(in crate::app::screens::data) fn open_dialog(&mut self, dialog: DataDialog, jobs: &mut dyn Start) {
        self.close_dialog(jobs);
        self.dialog = Some(dialog);
    }

    /// A dialog that was waited for; where the person has opened another one meanwhile, that stays.
    pub(super) fn answer_with(&mut self, dialog: DataDialog) {
        self.dialog.get_or_insert(dialog);
    }

    pub(in crate::app::screens::data) fn close_dialog(&mut self, jobs: &mut dyn Start) {
        if let Some(DataDialog::Export(export)) = self.dialog.take()
            && let Some(job) = export.job
        {
            jobs.stop(job);
        }
    }

    /// In the marked examples.
    fn preview_replace(&mut self, replacement: Replacement, jobs: &mut dyn Start) {
        self.flush(jobs);
        let mut replace = match self.dialog.take() {
            Some(DataDialog::Replace(replace)) => replace,
            _ => Replace::default(),
        };
        replace.set(replacement.clone());
        self.dialog = Some(DataDialog::Replace(replace));
        // What is still under way is about other words.
        self.jobs.retain(|_, purpose| !matches!(purpose, Purpose::Replace));
        if replacement.find.is_empty() {
            return;
        }
        let (project, ids) = (self.folder.clone(), self.marks.ids());
        self.start(JobSpec::Io(IoJob::PreviewReplace { project, ids, replacement }), Purpose::Replace, jobs);
    }

    /// Deals the examples anew: each wish is counted before it can be done.
    fn plan_split(&mut self, spec: SplitSpec, jobs: &mut dyn Start) {
        self.flush(jobs);
        // What is still being counted is another wish.
        self.jobs.retain(|_, purpose| !matches!(purpose, Purpose::Split));
        self.open_dialog(DataDialog::Split(SplitPlan { spec: spec.clone(), preview: None }), jobs);
        self.start(JobSpec::Io(IoJob::PreviewSplit { project: self.folder.clone(), spec }), Purpose::Split, jobs);
    }
}
