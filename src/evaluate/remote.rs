//! A contender behind an address: it answers, one prompt after the other, and gives no likelihoods.

use super::report::{ContenderReport, GivenAnswer, Outcome};
use super::{Contender, EvaluateError};
use crate::data::Placed;
use crate::endpoint::{Client, Endpoint, EndpointError};
use crate::generate::Sampling;
use crate::render::Tally;
use crate::task::{Stage, Task, Unit};

/// The variable with the key that is sent to endpoints that want one.
pub const KEY_VARIABLE: &str = "TUNEWRIGHT_ENDPOINT_KEY";

/// The endpoint's answer to each prompt.
pub(super) fn measure(
    contender: &Contender,
    endpoint: &Endpoint,
    placed: &[Placed],
    max_new_tokens: usize,
    stage: Stage,
    task: &dyn Task,
) -> Result<(ContenderReport, Vec<Outcome>), EvaluateError> {
    let key = std::env::var(KEY_VARIABLE).ok().filter(|key| !key.is_empty());
    let client = Client::new(endpoint.clone(), key)?;
    let sampling = Sampling { max_new_tokens, ..Sampling::default() };
    task.stage(stage);
    let mut outcomes = Vec::with_capacity(placed.len());
    let total = Some(placed.len() as u64);
    for Placed { example, .. } in placed {
        task.progress(outcomes.len() as u64, total, Unit::Examples);
        if task.go_on().is_none() {
            return Err(EvaluateError::Stopped);
        }
        let answer = client.answer(example.prompt(), &example.tools, &sampling, &mut |_| (), task);
        let answer = answer.map_err(|error| match error {
            EndpointError::Stopped => EvaluateError::Stopped,
            error => error.into(),
        })?;
        let answer = GivenAnswer {
            text: answer.text,
            num_tokens: answer.num_tokens.unwrap_or_default(),
            ended_by_itself: answer.ended_by_itself,
            confidence: None,
        };
        outcomes.push(Outcome { answer: Some(answer), ..Outcome::default() });
    }
    let report = ContenderReport {
        name: contender.name.clone(),
        model: endpoint.to_string(),
        adapter_sha256: None,
        measured: None,
        tally: Tally::default(),
    };
    Ok((report, outcomes))
}
