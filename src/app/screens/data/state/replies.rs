//! What the engine answers, put where the painting finds it.

use super::{DataState, Purpose, Reveal, Wanted};
use crate::app::screens::data::dialogs::DataDialog;
use crate::app::screens::data::dialogs::fix_review::FixReview;
use crate::app::screens::data::draft::Draft;
use crate::app::screens::data::filters::Filters;
use crate::engine::{EventKind, JobId, Outcome, Reply};

impl DataState {
    /// Every event of the engine comes by; ours are known by their job.
    pub fn on_event(&mut self, job: JobId, event: &EventKind) {
        match event {
            EventKind::Reply(reply) => self.on_reply(job, reply),
            EventKind::Finished(outcome) => self.on_finished(job, outcome),
            _ => {}
        }
    }

    fn on_reply(&mut self, job: JobId, reply: &Reply) {
        if let Some(DataDialog::Export(export)) = &mut self.dialog {
            export.on_reply(job, reply);
        }
        match reply {
            Reply::Rows(page) => drop(self.rows.on_rows(job, page)),
            Reply::Arriving(rows) => self.arriving.on_rows(job, rows),
            Reply::Facets { counts, .. } if matches!(self.jobs.get(&job), Some(Purpose::Facets)) => {
                self.facets = counts.clone();
            }
            Reply::Lengths(lengths) if matches!(self.jobs.get(&job), Some(Purpose::Lengths)) => {
                self.lengths = lengths.clone();
            }
            Reply::Ids(ids) if matches!(self.jobs.get(&job), Some(Purpose::Marks)) => self.marks.take(ids),
            Reply::ReplacePreview(preview) if matches!(self.jobs.get(&job), Some(Purpose::Replace)) => {
                if let Some(DataDialog::Replace(replace)) = &mut self.dialog {
                    replace.preview = Some(preview.clone());
                }
            }
            Reply::History { id, versions } if matches!(self.jobs.get(&job), Some(Purpose::History)) => {
                self.show_history(*id, versions);
            }
            Reply::Findings { findings, not_faults } if matches!(self.jobs.get(&job), Some(Purpose::Findings)) => {
                self.take_findings(findings);
                self.not_faults.clone_from(not_faults);
            }
            Reply::Examples(examples) if matches!(self.jobs.get(&job), Some(Purpose::FixTexts)) => {
                if let Some(DataDialog::Fix(review)) = &mut self.dialog {
                    review.take(examples);
                }
            }
            Reply::HeldOut(num) if matches!(self.jobs.get(&job), Some(Purpose::HeldOut)) => {
                if let Some(moving) = &mut self.moving {
                    moving.num_held_out = Some(*num);
                }
            }
            Reply::SplitPreview(preview) if matches!(self.jobs.get(&job), Some(Purpose::Split)) => {
                if let Some(DataDialog::Split(plan)) = &mut self.dialog
                    && plan.spec == preview.spec
                {
                    plan.preview = Some(preview.clone());
                }
            }
            Reply::FixCounts(counts) if self.checks.is_mine(job) => self.checks.on_fix_counts(counts),
            Reply::LastChecks(Some(last)) if self.checks.is_mine(job) => self.checks.on_last(last),
            Reply::Tokens(view) => drop(self.tokens.on_tokens(job, view)),
            Reply::Example(example) => {
                if let Some(Purpose::Load(_)) = self.jobs.remove(&job) {
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
            }
            Reply::Checked(report) if self.checks.is_mine(job) => self.checks.on_report(report),
            Reply::Reviewers(_) if matches!(self.jobs.get(&job), Some(Purpose::Reviewers)) => {
                if let Some(DataDialog::Reviewers(dialog)) = &mut self.dialog {
                    dialog.on_reply(reply);
                }
            }
            Reply::Statistics(statistics) if matches!(self.jobs.get(&job), Some(Purpose::Statistics)) => {
                if let Some(DataDialog::Statistics(place)) = &mut self.dialog {
                    *place = Some(Box::new(statistics.clone()));
                }
            }
            Reply::Fix(fix) if matches!(self.jobs.get(&job), Some(Purpose::Fix)) => {
                self.answer_with(DataDialog::Fix(FixReview::new(fix.clone())));
            }
            Reply::Scored(_) if self.is_ranking(job) => self.show_ranked(Filters::show_losses),
            Reply::Queued(_) if self.is_ranking(job) => self.show_ranked(Filters::show_queue),
            Reply::Project(project) => {
                if let (Some(Purpose::Make(row)), Some(id)) = (self.jobs.get(&job), project.last_changed) {
                    self.reveal = Some(Reveal { id, row: *row, is_asked: false });
                }
            }
            _ => {}
        }
    }

    /// The first row is opened, unless something is being typed.
    fn show_ranked(&mut self, change: impl FnOnce(&mut Filters)) {
        self.change_filters(change);
        if !self.open.as_ref().is_some_and(Draft::is_dirty) {
            self.wanted = Some(Wanted::Row(0));
        }
    }

    fn is_ranking(&self, job: JobId) -> bool {
        matches!(self.jobs.get(&job), Some(Purpose::Rank))
    }

    fn on_finished(&mut self, job: JobId, outcome: &Outcome) {
        let failure = match outcome {
            Outcome::Failed(failure) => Some(failure.message.as_str()),
            Outcome::Completed | Outcome::Stopped => None,
        };
        if self.checks.is_mine(job) {
            self.checks.on_end(job, failure);
        }
        self.arriving.on_finished(job, outcome);
        if let Some(DataDialog::Export(export)) = &mut self.dialog {
            export.on_finished(job, outcome);
        }
        let is_table = self.rows.on_end(job, failure.is_some());
        let is_tokens = self.tokens.on_end(job, failure);
        match self.jobs.remove(&job) {
            // The example is gone: deleted, or undone.
            Some(Purpose::Load(id)) if self.open.as_ref().is_some_and(|draft| draft.stored.id == id) => {
                self.open = None;
                self.wanted = self.selected.map(Wanted::Row);
            }
            Some(Purpose::Edit) => {
                self.error = failure.map(str::to_owned);
                if let (Some(draft), Some(_)) = (&mut self.open, failure) {
                    draft.keep_unsaved();
                }
            }
            Some(Purpose::Replace) => {
                if let Some(DataDialog::Replace(replace)) = &mut self.dialog {
                    replace.error = failure.map(str::to_owned);
                }
            }
            // The shell says what went wrong.
            Some(Purpose::Facets | Purpose::Findings | Purpose::FixTexts | Purpose::Lengths | Purpose::Rank) => {}
            Some(Purpose::Reviewers) => {
                if let Some(DataDialog::Reviewers(dialog)) = &mut self.dialog {
                    dialog.on_finished(outcome);
                }
            }
            Some(purpose) => {
                self.error = failure.map(str::to_owned);
                // The panel says why; a dialog that waits for ever would hide it.
                match purpose {
                    _ if failure.is_none() => {}
                    Purpose::Statistics => {
                        self.dialog.take_if(|open| matches!(open, DataDialog::Statistics(_)));
                    }
                    Purpose::Split => {
                        self.dialog.take_if(|open| matches!(open, DataDialog::Split(_)));
                    }
                    Purpose::HeldOut => self.moving = None,
                    _ => {}
                }
            }
            None if is_table && !is_tokens => self.error = failure.map(str::to_owned),
            None => {}
        }
    }
}
