//! The released run on a file of examples: every measure, and the one that is tested.

use std::path::Path;

use super::label;
use crate::data::{Example, Role};
use crate::evaluate::{self, EvaluateError, EvaluationRequest, is_exact_match};
use crate::model::LanguageModel;
use crate::monitor::{Figure, Watched};
use crate::run::RunRecord;
use crate::task::Task;

/// What was measured of a file's examples.
pub struct Measures {
    pub figures: Vec<Figure>,
    /// None where no answer could be compared.
    pub watched: Option<Watched>,
}

/// Answers every prompt and compares with the expected answers.
pub fn measure(
    run: &RunRecord,
    model: &LanguageModel,
    path: &Path,
    examples: &[Example],
    task: &dyn Task,
) -> Result<Measures, EvaluateError> {
    let request = EvaluationRequest {
        model: run.model.clone(),
        adapter: run.adapter.clone(),
        data: path.to_owned(),
        spec: run.recipe.training.render_spec(),
        generate: true,
        with_base: false,
    };
    let report = evaluate::run_on(model, &request, task)?;
    // The template may have refused some: the others are in order.
    let mut answers = report.answers.iter().peekable();
    let mut values = Vec::with_capacity(examples.len());
    for example in examples {
        let is_of = |answered: &&evaluate::AnsweredExample| answered.prompt == question(example);
        let answered = answers.next_if(is_of).filter(|answered| !answered.expected.is_empty());
        let value = answered.and_then(|answered| Some(is_exact_match(&answered.expected, answered.after.as_ref()?)));
        values.push(value.map(f64::from));
    }
    let exact = Figure::of("exact_match", values.iter().copied());
    let loss = report.after.map(|after| Figure {
        metric: "loss".to_owned(),
        value: after.loss,
        low: after.loss,
        high: after.loss,
        num: after.num_examples,
    });
    let watched = exact.is_some().then(|| Watched {
        metric: "exact_match".to_owned(),
        higher_is_better: true,
        values,
        labels: examples.iter().map(label).collect(),
    });
    Ok(Measures { figures: exact.into_iter().chain(loss).collect(), watched })
}

/// The last user turn.
fn question(example: &Example) -> String {
    let question = example.prompt().iter().rev().find(|m| m.role == Role::User);
    question.map(|m| m.content.clone()).unwrap_or_default()
}
