//! What was found of each batch, kept: `monitor/log.jsonl`, a line for each batch and for each reference.

use serde::{Deserialize, Serialize};

use super::finding::{Test, Warning};
use super::{Monitor, MonitorError};
use crate::run::{append_line, read_lines};

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum Line {
    Reference(Reference),
    Batch(BatchFindings),
}

/// The measure of answers that is tested, example by example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    pub metric: String,
    /// As it is shown.
    pub title: String,
    pub higher_is_better: bool,
    /// None for an example without an answer to compare with.
    pub values: Vec<Option<f64>>,
    /// What was expected, where that is one of a list.
    pub labels: Vec<Option<String>>,
}

impl Watched {
    /// Those that there are.
    pub fn known(&self) -> Vec<f64> {
        self.values.iter().flatten().copied().collect()
    }
}

/// A measure of the answers with its 95 % interval, as the evaluation gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// As it is asked for: `exact_match`.
    pub metric: String,
    /// As it is shown.
    pub title: String,
    /// 0 to 1, to be shown in per cent.
    pub is_share: bool,
    pub value: f64,
    pub low: f64,
    pub high: f64,
    /// Examples that it is of.
    pub num: usize,
}

/// A released run, and which of its weights were in use: a run that is resumed may get better ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// The run's name.
    pub name: String,
    /// The checkpoint's: `step-000120`.
    pub checkpoint: String,
}

/// What a released run's batches are held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    pub run: Weights,
    /// With its time zone.
    pub at: String,
    /// `the run's test examples`, `the batch 2026-11-30-tickets`
    pub of: String,
    pub figures: Vec<Figure>,
    pub watched: Watched,
}

/// What was found of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchFindings {
    pub batch: String,
    pub date: String,
    /// When it was measured, with its time zone.
    pub at: String,
    /// What was released then.
    pub run: Weights,
    pub num: usize,
    pub num_answered: usize,
    /// Every measure of the answers.
    pub figures: Vec<Figure>,
    /// None where nothing could be measured.
    pub watched: Option<Watched>,
    pub tests: Vec<Test>,
    pub warnings: Vec<Warning>,
    /// What could not be tested, and why.
    pub notes: Vec<String>,
}

/// All lines.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Log {
    pub references: Vec<Reference>,
    /// In the order in which they were measured; each batch once.
    pub batches: Vec<BatchFindings>,
}

impl Log {
    /// The reference of a run.
    pub fn reference_of(&self, run: &Weights) -> Option<&Reference> {
        self.references.iter().rev().find(|reference| reference.run == *run)
    }

    pub fn of_batch(&self, batch: &str) -> Option<&BatchFindings> {
        self.batches.iter().find(|findings| findings.batch == batch)
    }

    /// The values of the batches that a run was measured on, in the order in which that was done, by one metric.
    pub fn values_of(&self, run: &Weights, metric: &str) -> Vec<Vec<f64>> {
        let of_run = self.batches.iter().filter(|findings| findings.run == *run);
        let watched = of_run.filter_map(|findings| findings.watched.as_ref());
        watched
            .filter(|watched| watched.metric == metric)
            .map(Watched::known)
            .filter(|known| !known.is_empty())
            .collect()
    }
}

impl Monitor {
    /// What was found so far; half a line of a program that was killed is passed over, and its batch measured again.
    ///
    /// # Errors
    /// [`MonitorError::Io`] when the file is there and can't be read.
    pub fn log(&self) -> Result<Log, MonitorError> {
        let path = self.log_path();
        let mut log = Log::default();
        for line in read_lines::<Line>(&path).map_err(MonitorError::io(&path))? {
            match line {
                Line::Reference(reference) => log.references.push(reference),
                Line::Batch(findings) if log.of_batch(&findings.batch).is_none() => log.batches.push(findings),
                Line::Batch(_) => {}
            }
        }
        Ok(log)
    }

    /// Adds a line.
    ///
    /// # Errors
    /// [`MonitorError::Io`] when the file can't be written.
    pub fn append(&self, line: &Line) -> Result<(), MonitorError> {
        let path = self.log_path();
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| append_line(&path, line)).map_err(MonitorError::io(&path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(batch: &str, checkpoint: &str, value: f64) -> BatchFindings {
        let run = Weights { name: "1".to_owned(), checkpoint: checkpoint.to_owned() };
        let values = vec![Some(value), None];
        let labels = vec![Some("a".to_owned()), None];
        let (metric, title) = ("exact_match".to_owned(), "Exact match".to_owned());
        let watched = Watched { metric: metric.clone(), title: title.clone(), higher_is_better: true, values, labels };
        BatchFindings {
            batch: batch.to_owned(),
            date: "2026-11-30".to_owned(),
            at: "2026-12-01T09:00:00+00:00[UTC]".to_owned(),
            run,
            num: 2,
            num_answered: 1,
            figures: vec![Figure { metric, title, is_share: true, value, low: 0.1, high: 1.0 / 3.0, num: 1 }],
            watched: Some(watched),
            tests: Vec::new(),
            warnings: Vec::new(),
            notes: vec!["–".to_owned()],
        }
    }

    #[test]
    fn the_log_gives_back_what_was_written_and_each_batch_once() {
        let folder = tempfile::tempdir().unwrap();
        let monitor = Monitor::of_project(folder.path());
        assert_eq!(monitor.log().unwrap(), Log::default());
        let all = [findings("a", "step-1", 1.0), findings("b", "step-2", 0.0), findings("c", "step-1", 0.0)];
        let run = all[0].run.clone();
        let watched = all[0].watched.clone().unwrap();
        let (at, of) = (all[0].at.clone(), "the run's test examples".to_owned());
        let reference = Reference { run: run.clone(), at, of, figures: Vec::new(), watched };
        monitor.append(&Line::Reference(reference.clone())).unwrap();
        all.iter().for_each(|findings| monitor.append(&Line::Batch(findings.clone())).unwrap());
        monitor.append(&Line::Batch(findings("a", "step-1", 0.0))).unwrap();
        // Killed in the middle of a line.
        let path = monitor.log_path();
        let text = std::fs::read_to_string(&path).unwrap() + "{\"line\":\"batch\",\"bat";
        crate::fs::write_atomic(&path, text.as_bytes()).unwrap();
        let log = monitor.log().unwrap();
        assert_eq!((&log.batches[..], log.reference_of(&run)), (&all[..], Some(&reference)));
        assert_eq!(log.values_of(&run, "exact_match"), [[1.0], [0.0]]);
        assert!(log.values_of(&run, "f1").is_empty());
    }
}
