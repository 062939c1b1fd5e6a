//! Evaluations that version 0.1 kept: a base model and a run, answers without their losses.

use serde::Deserialize;
use serde_json::Value;

use super::About;
use super::loss::MeanLoss;
use super::report::{ContenderReport, EvaluationReport, ExampleResult, GivenAnswer, Outcome};
use crate::render::Tally;

#[derive(Deserialize)]
struct Report {
    before: HeldOut,
    after: HeldOut,
    answers: Vec<Answered>,
    secs: f64,
}

#[derive(Deserialize)]
struct HeldOut {
    #[serde(flatten)]
    measured: MeanLoss,
    #[serde(default)]
    tally: Tally,
}

#[derive(Deserialize)]
struct Answered {
    prompt: String,
    expected: String,
    before: Option<String>,
    after: Option<String>,
}

/// Brings the report of a file of version 1 up to the version of today. What it didn't keep stays unknown: lines, lengths,
/// the loss of each example.
pub(super) fn bring_up(file: &mut Value) -> serde_json::Result<()> {
    let Some(report) = file.get_mut("report") else { return Ok(()) };
    let old: Report = serde_json::from_value(report.take())?;
    let contender = |name: &str, held_out: HeldOut| ContenderReport {
        name: name.to_owned(),
        model: String::new(),
        adapter_sha256: None,
        measured: Some(held_out.measured),
        tally: held_out.tally,
    };
    let outcome = |text: Option<String>| Outcome {
        answer: text.map(|text| GivenAnswer { text, ..GivenAnswer::default() }),
        ..Outcome::default()
    };
    let example = |answered: Answered| ExampleResult {
        key: String::new(),
        line: 0,
        prompt: answered.prompt,
        expected: answered.expected,
        expected_tokens: 0,
        about: About::default(),
        outcomes: vec![outcome(answered.before), outcome(answered.after)],
    };
    *report = serde_json::to_value(EvaluationReport {
        contenders: vec![contender("base", old.before), contender("run", old.after)],
        examples: old.answers.into_iter().map(example).collect(),
        secs: old.secs,
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_old_file_keeps_its_losses_and_answers() {
        let held_out = |loss: f64| json!({"loss": loss, "perplexity": 2.0, "num_tokens": 9, "num_examples": 3});
        let mut file = json!({"version": 1, "report": {
            "before": held_out(2.0), "after": held_out(1.0), "secs": 1.5,
            "answers": [{"prompt": "p", "expected": "e", "before": "b", "after": null}],
        }});
        bring_up(&mut file).unwrap();
        let report: EvaluationReport = serde_json::from_value(file["report"].take()).unwrap();
        assert_eq!((report.before().unwrap().loss(), report.after().unwrap().loss()), (Some(2.0), Some(1.0)));
        assert_eq!((report.examples[0].answer(0), report.examples[0].answer(1)), (Some("b"), None));
        assert!(bring_up(&mut json!({"report": {"before": 1}})).is_err());
    }
}
