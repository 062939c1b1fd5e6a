//! A contender behind an address: it answers, one prompt after the other, and gives no likelihoods.

use super::answers::{AnswerBook, AnswerKey, KeptAnswer};
use super::report::{ContenderReport, GivenAnswer, Outcome};
use super::{Contender, EvaluateError};
use crate::data::Placed;
use crate::endpoint::{Client, Endpoint, EndpointError};
use crate::generate::{End, Sampling};
use crate::recipe::ChatFormat;
use crate::render::{Tally, conversation, turns};
use crate::task::{Stage, Task, Unit};

/// The variable with the key that is sent to endpoints that want one.
pub const KEY_VARIABLE: &str = "TUNEWRIGHT_ENDPOINT_KEY";

/// The endpoint's answer to each prompt.
pub(super) fn measure(
    contender: &Contender,
    endpoint: &Endpoint,
    placed: &[Placed],
    max_new_tokens: usize,
    mut book: Option<&mut AnswerBook>,
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
        let turns = turns(example.prompt());
        let key = AnswerKey::of(conversation(&turns, &example.tools, ChatFormat::OF_MODEL), &sampling);
        let known = book.as_ref().and_then(|book| book.get(&key)).cloned();
        let kept = match known {
            Some(kept) => kept,
            None => {
                let answer = client.answer(example.prompt(), &example.tools, &sampling, &mut |_| (), task);
                let answer = answer.map_err(|error| match error {
                    EndpointError::Stopped => EvaluateError::Stopped,
                    error => error.into(),
                })?;
                let kept = KeptAnswer {
                    key,
                    text: answer.text,
                    num_tokens: answer.num_tokens.unwrap_or_default(),
                    end: if answer.ended_by_itself { End::ByItself } else { End::MaxNewTokens },
                    mean_log_probability: 0.0,
                };
                if let Some(book) = &mut book {
                    book.keep(kept.clone())?;
                }
                kept
            }
        };
        let answer = GivenAnswer {
            text: kept.text,
            num_tokens: kept.num_tokens,
            ended_by_itself: kept.end == End::ByItself,
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
