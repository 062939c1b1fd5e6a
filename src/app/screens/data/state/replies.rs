//! What the engine answers, put where the painting finds it.

use super::{DataState, Made, Reveal, UnderWay, Wanted};
use crate::app::effect::Effect;
use crate::app::jobs::Job;
use crate::app::screens::data::dialogs::fix_review::FixReview;
use crate::app::screens::data::dialogs::moving::Moving;
use crate::app::screens::data::dialogs::{DataDialog, export};
use crate::app::screens::data::draft::Draft;
use crate::app::screens::data::filters::{Filters, Only};
use crate::data::import::ImportReport;
use crate::engine::protocol::{self as engine, Findings};
use crate::engine::{EventKind, IoJob, JobId, JobSpec, Outcome, Reply, StoreJob};
use crate::project::{ProjectState, StoredExample};

impl DataState {
    /// Gives what is to be done outside of this screen. Every event of the engine comes by; ours are known by their job.
    pub fn on_event(&mut self, job: &Job, event: &EventKind, project: Option<&ProjectState>) -> Vec<Effect> {
        if matches!(&job.spec, JobSpec::Io(IoJob::Import { project, .. }) if *project != self.folder) {
            return Vec::new();
        }
        match event {
            EventKind::Reply(reply) => {
                self.on_reply(job.id, reply);
                return self.after_others(&job.spec, reply, project);
            }
            EventKind::Finished(outcome) => self.on_finished(job.id, outcome),
            _ => {}
        }
        Vec::new()
    }

    /// What others do with the examples is shown: the import dialog, undo and redo. So is an export whose dialog is closed.
    fn after_others(&mut self, spec: &JobSpec, reply: &Reply, project: Option<&ProjectState>) -> Vec<Effect> {
        match (spec, reply) {
            (JobSpec::Io(IoJob::Import { .. }), Reply::Imported(ImportReport { numbers: Some(numbers), .. })) => {
                if let Some(project) = project {
                    let num_before = project.counts.total().saturating_sub(numbers.1 + 1 - numbers.0);
                    let file = project.source.as_deref().unwrap_or_default();
                    self.show_import(Only::import(*numbers, file), num_before);
                }
            }
            (
                JobSpec::Store(StoreJob::Undo { .. } | StoreJob::Redo { .. }),
                Reply::Project(ProjectState { last_changed: Some(id), .. }),
            ) => self.show_changed(*id),
            (_, Reply::Exported(reports)) => return vec![Effect::say(export::told(reports))],
            _ => {}
        }
        Vec::new()
    }

    fn on_reply(&mut self, job: JobId, reply: &Reply) {
        self.fill_dialog(job, reply);
        self.checks.on_reply(job, reply);
        match reply {
            Reply::Rows(page) => drop(self.rows.on_rows(job, page)),
            Reply::Arriving(rows) => self.arriving.on_rows(job, rows),
            Reply::Tokens(view) => drop(self.tokens.on_tokens(job, view)),
            _ => self.take(job, reply),
        }
    }

    /// Each ticket its answer.
    fn take(&mut self, job: JobId, reply: &Reply) {
        let asked = &self.asked;
        if let Some(counts) = asked.facets.take(job, reply) {
            self.facets = counts.clone();
        } else if let Some(lengths) = asked.lengths.take(job, reply) {
            self.lengths = lengths.clone();
        } else if let Some(ids) = asked.marks.take(job, reply) {
            self.marks.take(ids);
        } else if let Some(example) = asked.example.take(job, reply) {
            self.asked.example.forget();
            self.take_example(example);
        } else if let Some(engine::History { id, versions }) = asked.history.take(job, reply) {
            self.show_history(*id, versions);
        } else if let Some(Findings { findings, not_faults }) = asked.findings.take(job, reply) {
            self.not_faults.clone_from(not_faults);
            self.take_findings(findings);
        } else if let Some(fix) = asked.fix.take(job, reply) {
            self.answer_with(DataDialog::Fix(FixReview::new(fix.clone())));
        } else if let Some(num) = asked.held_out.take(job, reply) {
            self.moving = self.moving.take().map(|moving| Moving { num_held_out: Some(*num), ..moving });
        } else if asked.scores.take(job, reply).is_some() {
            self.show_ranked(Filters::show_losses);
        } else if asked.queue.take(job, reply).is_some() {
            self.show_ranked(Filters::show_queue);
        } else if let Some((project, row)) = asked.edits.iter().find_map(|edit| edit.made(job, reply)) {
            self.reveal = project.last_changed.map(|id| Reveal { id, row, is_asked: false }).or(self.reveal);
        }
    }

    /// What the open dialog has waited for.
    fn fill_dialog(&mut self, job: JobId, reply: &Reply) {
        let asked = &self.asked;
        match &mut self.dialog {
            Some(DataDialog::Export(export)) => export.on_reply(job, reply),
            Some(DataDialog::Fix(review)) => {
                if let Some(examples) = asked.fix_texts.take(job, reply) {
                    review.take(examples);
                }
            }
            Some(DataDialog::Replace(replace)) => {
                if let Some(preview) = asked.replace.take(job, reply) {
                    replace.preview = Some(preview.clone());
                }
            }
            Some(DataDialog::Split(plan)) => {
                if let Some(preview) = asked.split.take(job, reply).filter(|preview| preview.spec == plan.spec) {
                    plan.preview = Some(preview.clone());
                }
            }
            Some(DataDialog::Reviewers(dialog)) => {
                if let Some(found) = asked.reviewers.take(job, reply) {
                    dialog.found = Some(found.clone());
                }
            }
            Some(DataDialog::Statistics(place)) => {
                if let Some(statistics) = asked.statistics.take(job, reply) {
                    *place = Some(Box::new(statistics.clone()));
                }
            }
            _ => {}
        }
    }

    fn take_example(&mut self, example: &StoredExample) {
        let under_way = self.has_edits_under_way();
        match &mut self.open {
            Some(draft) if draft.stored.id == example.id => draft.refresh(example.clone(), under_way),
            _ => {
                self.tokens.forget();
                self.open = Some(Draft::new(example.clone()));
            }
        }
        self.error = None;
    }

    /// The first row is opened, unless something is being typed.
    fn show_ranked(&mut self, change: impl FnOnce(&mut Filters)) {
        self.change_filters(change);
        if !self.open.as_ref().is_some_and(Draft::is_dirty) {
            self.wanted = Some(Wanted::Row(0));
        }
    }

    fn on_finished(&mut self, job: JobId, outcome: &Outcome) {
        let failure = match outcome {
            Outcome::Failed(failure) => Some(failure.message.as_str()),
            Outcome::Completed | Outcome::Stopped => None,
        };
        self.checks.on_end(job, failure);
        self.arriving.on_finished(job, outcome);
        if let Some(DataDialog::Export(export)) = &mut self.dialog {
            export.on_finished(job, outcome);
        }
        let is_table = self.rows.on_end(job, failure.is_some());
        let is_tokens = self.tokens.on_end(job, failure);
        if !self.end(job, outcome, failure) && is_table && !is_tokens {
            self.error = failure.map(str::to_owned);
        }
    }

    /// Ends the ticket of this job, if one is here. The shell says what went wrong with most of them.
    fn end(&mut self, job: JobId, outcome: &Outcome, failure: Option<&str>) -> bool {
        let asked = &mut self.asked;
        if let Some(at) = asked.edits.iter().position(|edit| edit.ticket.is_of(job)) {
            let edit = asked.edits.remove(at);
            self.error = failure.map(str::to_owned);
            if let (Some(draft), Some(_), None) = (&mut self.open, failure, edit.makes) {
                draft.keep_unsaved();
            }
            return true;
        }
        if asked.replace.end(job) {
            if let Some(DataDialog::Replace(replace)) = &mut self.dialog {
                replace.error = failure.map(str::to_owned);
            }
            return true;
        }
        if asked.reviewers.end(job) {
            if let Some(DataDialog::Reviewers(dialog)) = &mut self.dialog {
                dialog.on_finished(outcome);
            }
            return true;
        }
        let is_example = asked.example.end(job);
        if is_example && self.open.as_ref().is_some_and(|draft| asked.example_id == Some(draft.stored.id)) {
            // The example is gone: deleted, or undone.
            self.open = None;
            self.wanted = self.selected.map(Wanted::Row);
            return true;
        }
        let [statistics, split, held_out] = [asked.statistics.end(job), asked.split.end(job), asked.held_out.end(job)];
        let others = [asked.marks.end(job), asked.fix.end(job), asked.history.end(job), is_example];
        if statistics || split || held_out || others.contains(&true) {
            self.error = failure.map(str::to_owned);
            // The panel says why; a dialog that waits for ever would hide it.
            if failure.is_some() {
                self.dialog.take_if(|open| match open {
                    DataDialog::Statistics(_) => statistics,
                    DataDialog::Split(_) => split,
                    _ => false,
                });
                self.moving.take_if(|_| held_out);
            }
            return true;
        }
        asked.facets.end(job)
            || asked.lengths.end(job)
            || asked.findings.end(job)
            || asked.fix_texts.end(job)
            || asked.scores.end(job)
            || asked.queue.end(job)
    }
}

impl UnderWay {
    /// The project with the example that this edit has made, if it makes one.
    fn made<'a>(&self, job: JobId, reply: &'a Reply) -> Option<(&'a ProjectState, Option<u64>)> {
        let Made(row) = self.makes?;
        Some((self.ticket.take(job, reply)?, row))
    }
}
