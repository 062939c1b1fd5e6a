//! What a run had to say, with the time: kept in its folder, a line each, so that it is still there when the run is gone
//! on with or looked at later.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::error::TrainError;
use super::observer::{Observer, TrainEvent};
use super::sft::RunSummary;
use crate::task::Signal;

pub(super) const FILE_NAME: &str = "messages.jsonl";

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum RunMessage {
    Started,
    /// From the checkpoint of this step.
    WentOn {
        step: usize,
    },
    Evaluated {
        step: usize,
        eval_loss: f64,
    },
    /// The weights of this step were written.
    Checkpoint {
        step: usize,
    },
    Warning {
        text: String,
    },
    Completed {
        step: usize,
    },
    /// Because it was asked to; `with_window`: because the program ended.
    Stopped {
        step: usize,
        with_window: bool,
    },
    Failed {
        text: String,
        hint: Option<String>,
    },
}

/// A message and when it was told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// RFC 3339, in UTC.
    pub at: String,
    #[serde(flatten)]
    pub message: RunMessage,
}

impl Told {
    pub fn now(message: RunMessage) -> Self {
        let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap_or_default();
        Self { at: now.to_string(), message }
    }
}

/// All that the runs in this folder told, oldest first; half a line of a killed run is passed over.
pub fn read(run_dir: &Path) -> std::io::Result<Vec<Told>> {
    match std::fs::read(run_dir.join(FILE_NAME)) {
        Ok(bytes) => {
            Ok(bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Writes down what is worth it, and passes everything on.
pub(super) struct Recorder<'a> {
    observer: &'a mut dyn Observer,
    file: Option<File>,
    /// Told before there was a run to keep it in.
    early: Vec<Told>,
}

impl<'a> Recorder<'a> {
    pub fn new(observer: &'a mut dyn Observer) -> Self {
        Self { observer, file: None, early: Vec::new() }
    }

    /// From now on the folder is a run's. `step`: the one it goes on from, or 0.
    pub fn open(&mut self, run_dir: &Path, step: usize) {
        let path = run_dir.join(FILE_NAME);
        match append_to(&path) {
            Ok(file) => self.file = Some(file),
            // No reason to end a run.
            Err(error) => log::warn!("the run's messages can't be kept in {}: {error}", path.display()),
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
        let (Some(file), Ok(line)) = (&mut self.file, serde_json::to_string(told)) else { return };
        // One write a line, so that a killed run leaves at most its last line unfinished.
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            log::warn!("a message of the run can't be kept: {error}");
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

/// What comes next begins a line, also after half a one.
fn append_to(path: &Path) -> std::io::Result<File> {
    let mut file = File::options().create(true).read(true).append(true).open(path)?;
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let path = folder.path().join(FILE_NAME);
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
