//! Keeps a run's messages in its folder, and passes everything on to who watches it.

use std::path::Path;

use super::error::TrainError;
use super::observer::{Observer, TrainEvent};
use super::sft::RunSummary;
use crate::run::messages::Messages;
use crate::run::{RunMessage, Told};
use crate::task::Signal;

/// Writes down what is worth it, and passes everything on.
pub(super) struct Recorder<'a> {
    observer: &'a mut dyn Observer,
    file: Option<Messages>,
    /// Messages from before there was a run to keep them in.
    early: Vec<Told>,
}

impl<'a> Recorder<'a> {
    pub fn new(observer: &'a mut dyn Observer) -> Self {
        Self { observer, file: None, early: Vec::new() }
    }

    /// From now on the folder is a run's. `step`: the one it resumes from, or 0.
    pub fn open(&mut self, run_dir: &Path, step: usize) {
        match Messages::open(run_dir) {
            Ok(file) => self.file = Some(file),
            // This doesn't end a run.
            Err(error) => log::warn!("the run's messages can't be kept: {error}"),
        }
        let first = if step == 0 { RunMessage::Started } else { RunMessage::WentOn { step } };
        let early = std::mem::take(&mut self.early);
        for told in std::iter::once(Told::now(first)).chain(early) {
            self.write(&told);
        }
    }

    pub fn end(mut self, result: &Result<RunSummary, TrainError>, signal: Signal) {
        self.keep(match result {
            Ok(summary) if summary.was_stopped => {
                RunMessage::Stopped { step: summary.num_steps_done, with_window: signal == Signal::Close }
            }
            Ok(summary) => RunMessage::Completed { step: summary.num_steps_done },
            Err(error) => RunMessage::Failed { text: error.to_string(), hint: error.hint().map(str::to_owned) },
        });
    }

    fn keep(&mut self, message: RunMessage) {
        let told = Told::now(message);
        match self.file {
            Some(_) => self.write(&told),
            None => self.early.push(told),
        }
    }

    fn write(&mut self, told: &Told) {
        if let Some(file) = &mut self.file {
            file.write(told);
        }
    }
}

impl Observer for Recorder<'_> {
    fn observe(&mut self, event: TrainEvent) {
        match &event {
            TrainEvent::Eval(eval) => {
                self.keep(RunMessage::Evaluated { step: eval.step, eval_loss: eval.eval_loss });
            }
            TrainEvent::Checkpoint { step, .. } => self.keep(RunMessage::Checkpoint { step: *step }),
            TrainEvent::Warning(text) => self.keep(RunMessage::Warning { text: text.clone() }),
            TrainEvent::Facts(_) | TrainEvent::Step(_) => {}
        }
        self.observer.observe(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{RunDir, messages::read};

    #[test]
    fn messages_are_read_as_they_were_told_also_after_half_a_line() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), []);
        let mut heard = Vec::new();
        let mut observer = |event| heard.push(event);
        let mut recorder = Recorder::new(&mut observer);
        recorder.observe(TrainEvent::Warning("early".to_owned()));
        recorder.open(folder.path(), 0);
        recorder.observe(TrainEvent::Checkpoint { step: 3, path: "a".into() });
        drop(recorder);
        let path = RunDir(folder.path()).messages();
        let torn = std::fs::read_to_string(&path).unwrap() + "{\"at\":\"2026-11-";
        crate::fs::write_atomic(&path, torn.as_bytes()).unwrap();

        let mut recorder = Recorder::new(&mut observer);
        recorder.open(folder.path(), 3);
        recorder.end(&Err(TrainError::NoExamples { path: "b".into() }), Signal::Run);
        let told = read(folder.path()).unwrap();
        let kinds: Vec<_> = told.iter().map(|told| told.message.clone()).collect();
        let text = "there is no example to train on in b".to_owned();
        let hint = Some("import examples, or move some into the training part".to_owned());
        assert_eq!(
            kinds,
            [
                RunMessage::Started,
                RunMessage::Warning { text: "early".to_owned() },
                RunMessage::Checkpoint { step: 3 },
                RunMessage::WentOn { step: 3 },
                RunMessage::Failed { text, hint },
            ]
        );
        assert!(told.iter().all(|told| told.at.parse::<jiff::Timestamp>().is_ok()));
        assert_eq!(heard.len(), 2, "nothing is kept from the observer");
    }
}
