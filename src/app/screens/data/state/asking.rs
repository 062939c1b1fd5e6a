//! The dialogs: what opens them, what changes in them, and what they are for.

use super::DataState;
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
                    self.change(JobSpec::Store(StoreJob::ApplyFix { project, fix }), None, jobs);
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
                match question {
                    Question::Loss => {
                        let spec = JobSpec::Compute(ComputeJob::ScoreExamples { project, judge });
                        self.asked.scores.ask(spec, jobs);
                    }
                    Question::Next => {
                        let spec = JobSpec::Compute(ComputeJob::LabelNext { project, judge, count });
                        self.asked.queue.ask(spec, jobs);
                    }
                }
            }
            DialogAction::Statistics => {
                self.flush(jobs);
                self.open_dialog(DataDialog::Statistics(None), jobs);
                let (project, model) = (self.folder.clone(), self.model.clone());
                self.asked.statistics.ask(JobSpec::Io(IoJob::DescribeData { project, model }), jobs);
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
        self.asked.replace.forget();
        if replacement.find.is_empty() {
            return;
        }
        let (project, ids) = (self.folder.clone(), self.marks.ids());
        self.asked.replace.ask(JobSpec::Io(IoJob::PreviewReplace { project, ids, replacement }), jobs);
    }

    /// Deals the examples anew: each wish is counted before it can be done.
    fn plan_split(&mut self, spec: SplitSpec, jobs: &mut dyn Start) {
        self.flush(jobs);
        self.open_dialog(DataDialog::Split(SplitPlan { spec: spec.clone(), preview: None }), jobs);
        // What is still being counted is another wish.
        self.asked.split.ask(JobSpec::Io(IoJob::PreviewSplit { project: self.folder.clone(), spec }), jobs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::effect::Setting;
    use crate::app::jobs::Job;
    use crate::app::screens::data::action::{DataAction, FilterAction, MarkAction};
    use crate::app::screens::data::bulk::Bulk;
    use crate::app::screens::data::dialogs::export::ExportAction;
    use crate::app::screens::data::dialogs::labels::LabelsAction;
    use crate::app::screens::data::dialogs::reviewers::ReviewersAction;
    use crate::app::screens::data::filters::Only;
    use crate::app::screens::{ScreenAction, mapping};
    use crate::data::Split;
    use crate::engine::fake::FakeEngine;
    use crate::engine::{EventKind, Reply};
    use crate::task::Signal;

    /// Applies one after the other; gives the effects of the last.
    fn apply(state: &mut DataState, fake: &mut FakeEngine, actions: Vec<DataAction>) -> Vec<Effect> {
        actions.into_iter().map(|action| state.apply(action, 0.0, fake)).last().unwrap_or_default()
    }

    fn dialog(action: DialogAction) -> DataAction {
        DataAction::Dialog(action)
    }

    fn labels(action: LabelsAction) -> DataAction {
        dialog(DialogAction::Labels(action))
    }

    #[test]
    fn a_dialog_takes_the_place_of_another_and_ends_its_work() {
        let (mut state, mut fake) = (DataState::default(), FakeEngine::default());
        let write = ExportAction::Write("out.jsonl".into());
        let export = [ExportAction::Open, write].map(|action| dialog(DialogAction::Export(action)));
        apply(&mut state, &mut fake, export.into());
        let job = fake.last_job(|spec| matches!(spec, JobSpec::Io(IoJob::ExportData { .. }))).unwrap();
        assert!(matches!(&state.dialog, Some(DataDialog::Export(export)) if export.job == Some(job)));
        let effects = apply(&mut state, &mut fake, vec![dialog(DialogAction::Statistics)]);
        assert!(matches!(effects[..], [Effect::Show(Screen::Data)]), "the command field opens it from anywhere");
        assert!(matches!(state.dialog, Some(DataDialog::Statistics(None))));
        assert_eq!(fake.signals(), [(job, Signal::Stop { save: false })]);
        apply(&mut state, &mut fake, vec![dialog(DialogAction::Close)]);
        assert!(state.dialog.is_none());
    }

    #[test]
    fn a_question_waits_until_the_dialog_that_is_typed_into_is_closed() {
        let (mut state, mut fake) = (DataState::default(), FakeEngine::default());
        let into_training = DataAction::Marks(MarkAction::Bulk(Bulk::Split(Split::Train)));
        let typed = labels(LabelsAction::Type("card_arrival".to_owned()));
        apply(&mut state, &mut fake, vec![into_training, labels(LabelsAction::Open), typed]);
        let is_count = |spec: &JobSpec| matches!(spec, JobSpec::Store(StoreJob::CountHeldOut { .. }));
        let (id, spec) = fake.started().into_iter().find(|(_, spec)| is_count(spec)).unwrap();
        let job = Job::new(id, spec);
        state.on_event(&job, &EventKind::Reply(Box::new(Reply::HeldOut(2))), None);
        state.move_or_ask(&mut fake);
        assert!(matches!(&state.dialog, Some(DataDialog::Labels(text)) if text == "card_arrival"));
        apply(&mut state, &mut fake, vec![dialog(DialogAction::Close)]);
        state.move_or_ask(&mut fake);
        assert!(matches!(&state.dialog, Some(DataDialog::Move(moving)) if moving.num_held_out == Some(2)));
    }

    #[test]
    fn what_is_done_elsewhere_comes_back_as_effects() {
        let (mut state, mut fake) = (DataState::default(), FakeEngine::default());
        let typed = labels(LabelsAction::Type("b\n\na\nb".to_owned()));
        let effects = apply(&mut state, &mut fake, vec![labels(LabelsAction::Open), typed, labels(LabelsAction::Save)]);
        let expected = Setting::Labels(vec!["b".to_owned(), "a".to_owned()]);
        assert!(matches!(&effects[..], [Effect::Keep(setting)] if *setting == expected), "{effects:?}");
        assert!(state.dialog.is_none() && state.label_set == ["b", "a"]);

        let take = ReviewersAction::Take("second.csv".into());
        let effects = apply(&mut state, &mut fake, vec![dialog(DialogAction::Reviewers(take))]);
        let opens = |effect: &Effect| {
            matches!(effect, Effect::Do(ScreenAction::Mapping(mapping::Action::OpenReviewer(path)))
                if path.as_os_str() == "second.csv")
        };
        assert!(opens(&effects[0]), "{effects:?}");

        let only = DataAction::Filters(FilterAction::ShowOnly(Only::ids("Some", &[1][..])));
        assert!(matches!(apply(&mut state, &mut fake, vec![only])[..], [Effect::Show(Screen::Data)]));
    }
}
