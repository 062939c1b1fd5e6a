//! What was measured of a run, kept in its folder: `evaluations/test-step-000080.json`, and `…-loss.json` where no
//! answers were asked for.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{EvaluationReport, EvaluationRequest, Findings, old_report};
use crate::data::Split;
use crate::fs::write_atomic;
use crate::model::peft::WEIGHTS_FILE;
use crate::recipe::RenderSpec;
use crate::run::{RunDir, sha256_of};

/// The version of the files' layout. Version 1 had two sides and no losses of single examples ([`old_report`]).
const VERSION: u32 = 2;

/// One file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptEvaluation {
    pub version: u32,
    /// Which of the run's held-out examples.
    pub part: Split,
    /// The checkpoint's folder: `step-000080`.
    pub adapter: String,
    pub adapter_sha256: String,
    pub base_model: String,
    pub data_sha256: String,
    pub spec: RenderSpec,
    /// Whether every prompt was answered.
    pub generate: bool,
    /// With its time zone.
    pub at: String,
    pub report: EvaluationReport,
}

/// Why what was measured doesn't hold any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stale {
    /// The run has other weights now than those of this step.
    Step(usize),
    /// The checkpoint of the same step was written anew.
    Weights,
    /// The held-out examples are others.
    Data,
}

/// What was kept, and whether it still holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    pub kept: KeptEvaluation,
    /// What is made of its report today.
    pub findings: Findings,
    pub stale: Option<Stale>,
}

impl KeptEvaluation {
    pub fn step(&self) -> Option<usize> {
        RunDir::step_of(Path::new(&self.adapter))
    }
}

/// Keeps what was measured of a run on examples that it held out, before and after; anything else has no place there,
/// and nothing is written. The file of the same part and step is replaced.
///
/// # Errors
/// The file's own, when it can't be written.
pub fn keep_with_run(request: &EvaluationRequest, report: &EvaluationReport) -> io::Result<Option<PathBuf>> {
    let Some(tuned) = request.tuned() else { return Ok(None) };
    let Some((adapter, run)) = tuned.adapter().and_then(|a| Some((a, RunDir::of_checkpoint(a)?))) else {
        return Ok(None);
    };
    let parts = [Split::Test, Split::Validation];
    let Some(part) = parts.into_iter().find(|part| request.data == run.data_of(*part)) else { return Ok(None) };
    // One base, one run: anything else is a comparison, which belongs to no single run.
    if report.contenders.len() != 2 || request.contenders[0].adapter().is_some() {
        return Ok(None);
    }
    let name = adapter.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let kept = KeptEvaluation {
        version: VERSION,
        part,
        adapter_sha256: sha256_of(&adapter.join(WEIGHTS_FILE))?,
        base_model: tuned.source.to_string(),
        data_sha256: sha256_of(&request.data)?,
        spec: request.spec,
        generate: request.generate,
        at: jiff::Zoned::now().to_string(),
        report: report.clone(),
        adapter: name.clone(),
    };
    let kind = if request.generate { "" } else { "-loss" };
    let path = run.evaluations().join(format!("{}-{name}{kind}.json", part.as_str()));
    write_atomic(&path, &serde_json::to_vec_pretty(&kept)?)?;
    Ok(Some(path))
}

/// All that was measured of a run, the newest first, beside what it would be measured on now: its weights in `adapter`
/// and its held-out examples. A file that can't be read is left out.
///
/// # Errors
/// The folder's own, when it is there and can't be read.
pub fn kept(run_dir: &Path, adapter: Option<&Path>) -> io::Result<Vec<Measured>> {
    let folder = RunDir(run_dir).evaluations();
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        match parse(&std::fs::read(&path)?) {
            Ok(kept) => found.push(kept),
            Err(error) => log::warn!("{} isn't an evaluation that this version reads: {error}", path.display()),
        }
    }
    found.sort_by_key(|kept| std::cmp::Reverse(kept.at.parse::<jiff::Zoned>().map(|at| at.timestamp()).ok()));
    let now = Now {
        name: adapter.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()),
        weights: if found.is_empty() {
            None
        } else {
            adapter.and_then(|folder| sha256_of(&folder.join(WEIGHTS_FILE)).ok())
        },
        data: [Split::Test, Split::Validation].map(|part| (part, sha256_of(&RunDir(run_dir).data_of(part)).ok())),
    };
    Ok(found
        .into_iter()
        .map(|kept| Measured { stale: now.stale(&kept), findings: Findings::of(&kept.report, &[]), kept })
        .collect())
}

fn parse(bytes: &[u8]) -> serde_json::Result<KeptEvaluation> {
    let mut file: serde_json::Value = serde_json::from_slice(bytes)?;
    if file.get("version").and_then(serde_json::Value::as_u64) == Some(1) {
        old_report::bring_up(&mut file)?;
    }
    serde_json::from_value(file)
}

/// What a run is based on now.
struct Now {
    name: Option<String>,
    weights: Option<String>,
    data: [(Split, Option<String>); 2],
}

impl Now {
    fn stale(&self, kept: &KeptEvaluation) -> Option<Stale> {
        if self.name.as_ref() != Some(&kept.adapter) {
            return Some(Stale::Step(kept.step().unwrap_or_default()));
        }
        if self.weights.as_ref() != Some(&kept.adapter_sha256) {
            return Some(Stale::Weights);
        }
        let data = self.data.iter().find(|(part, _)| *part == kept.part).and_then(|(_, hash)| hash.as_ref());
        (data != Some(&kept.data_sha256)).then_some(Stale::Data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::ContenderReport;
    use crate::evaluate::loss::MeanLoss;
    use crate::recipe::{ModelRef, Recipe};
    use crate::render::Tally;

    fn report(loss: f64) -> EvaluationReport {
        let contender = |name: &str| ContenderReport {
            name: name.to_owned(),
            model: "starter".to_owned(),
            adapter_sha256: None,
            measured: Some(MeanLoss { loss, num_tokens: 9, num_examples: 3 }),
            tally: Tally::default(),
        };
        EvaluationReport { contenders: ["base", "run"].map(contender).into(), examples: Vec::new(), secs: 1.5 }
    }

    #[test]
    fn a_result_stays_with_its_run_and_says_when_it_no_longer_holds() {
        let root = tempfile::tempdir().unwrap();
        let (run_dir, adapter) = (root.path(), root.path().join("checkpoints/step-000021"));
        let write = |name: &str, text: &str| write_atomic(&run_dir.join(name), text.as_bytes()).unwrap();
        write("data/test.jsonl", "{}");
        write("checkpoints/step-000021/adapter_model.safetensors", "weights");
        write("checkpoints/step-000040/adapter_model.safetensors", "more");
        let recipe = Recipe::new(ModelRef::Starter, "train.jsonl".into());
        let request =
            |part, generate| EvaluationRequest::of_run(run_dir, &recipe, Some(adapter.clone()), part, generate);
        let test = request(Split::Test, true);
        assert_eq!(keep_with_run(&test, &report(0.5)).unwrap(), None, "the folder isn't a run's");
        write("status.json", r#"{"status": "completed", "num_steps": 40}"#);
        assert!(keep_with_run(&test, &report(0.6)).unwrap().is_some());
        assert!(keep_with_run(&test, &report(0.5)).unwrap().is_some());
        assert!(keep_with_run(&request(Split::Test, false), &report(0.5)).unwrap().is_some());
        assert!(keep_with_run(&request(Split::Validation, true), &report(0.5)).is_err(), "there is no such part");
        let elsewhere = EvaluationRequest { data: "other.jsonl".into(), ..test.clone() };
        assert_eq!(keep_with_run(&elsewhere, &report(0.5)).unwrap(), None);
        write("evaluations/half.json", r#"{"version": 1, "part""#);

        let read = |adapter: &Path| kept(run_dir, Some(adapter)).unwrap();
        let now = read(&adapter);
        assert_eq!(now.len(), 2, "one with answers, one without; the half file is left out");
        let with_answers = now.iter().find(|measured| measured.kept.generate).unwrap();
        assert_eq!((&with_answers.kept.report, with_answers.kept.step()), (&report(0.5), Some(21)), "the newer one");
        assert!(now.iter().all(|measured| measured.stale.is_none()));
        let stale = |adapter: &Path| read(adapter)[0].stale.clone();
        assert_eq!(stale(&run_dir.join("checkpoints/step-000040")), Some(Stale::Step(21)), "the run went on");
        write("data/test.jsonl", "{}\n{}");
        assert_eq!(stale(&adapter), Some(Stale::Data));
        write("checkpoints/step-000021/adapter_model.safetensors", "other weights");
        assert_eq!(stale(&adapter), Some(Stale::Weights));
    }
}
