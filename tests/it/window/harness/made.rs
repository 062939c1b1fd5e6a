//! What the scripted engine answers: a project, its examples, models and runs, all made up.

use std::path::PathBuf;

use tunewright::data::{Message, Role as Turn, Split};
use tunewright::evaluate::{AnsweredExample, EvaluationReport, HeldOut};
use tunewright::hub::FoundModel;
use tunewright::model::ModelFacts;
use tunewright::project::{
    Annotations, ExampleRow, ExampleStatus, ProjectState, RunRecord, RunStatus, Settings, SplitCounts, StoredExample,
};
use tunewright::recipe::{ModelRef, Recipe};
use tunewright::render::tally::Tally;
use tunewright::train::preview::{MemoryEstimate, RunPreview};
use tunewright::train::{EvalMetrics, StepMetrics};

/// How many examples the project has.
const NUM_EXAMPLES: u64 = 498;
pub const EXPECTED: &str = r#"{"category":"outage","urgent":true}"#;

pub fn project() -> ProjectState {
    ProjectState {
        is_read_only: false,
        tokens_from: None,
        loss_from: None,
        num_queued: 0,
        content_revision: 1,
        has_dates: false,
        folder: "/projects/Support triage".into(),
        name: "Support triage of the whole department".to_owned(),
        counts: SplitCounts { train: NUM_EXAMPLES - 98, validation: 50, test: 48, ..SplitCounts::default() },
        source: Some("tickets of the last two years, cleaned.jsonl".to_owned()),
        undo: Some("Undo edit of example 4".to_owned()),
        redo: None,
        last_changed: None,
        settings: Settings { model: Some(ModelRef::Starter), recipe: None, ..Settings::default() },
        revision: 1,
    }
}

pub fn row(id: i64, split: Option<Split>) -> ExampleRow {
    ExampleRow {
        annotations: Annotations::default(),
        findings: Vec::new(),
        id,
        number: id as u64,
        split: split.unwrap_or(Split::Train),
        status: ExampleStatus::Ready,
        prompt: format!("Where is order {id}? It should have come last week"),
        answer: "outage, true".to_owned(),
        num_turns: 3,
    }
}

pub fn example(id: i64) -> StoredExample {
    let messages = vec![
        Message::new(Turn::System, "Answer with JSON."),
        Message::new(Turn::User, format!("Where is order {id}? It should have come last week")),
        Message::new(Turn::Assistant, EXPECTED),
    ];
    StoredExample {
        id,
        number: id as u64,
        split: Split::Train,
        status: ExampleStatus::Ready,
        example: messages.into(),
        annotations: Annotations::default(),
        content_key: 0,
    }
}

pub fn models() -> Vec<FoundModel> {
    let facts = ModelFacts {
        name: "SmolLM2-135M-Instruct".to_owned(),
        path: "/models/a.gguf".into(),
        architecture: "llama".to_owned(),
        num_parameters: 134_515_008,
        num_layers: 30,
        hidden_size: 576,
        intermediate_size: 1536,
        num_heads: 9,
        num_kv_heads: 3,
        vocab_size: 49_152,
        context_length: 8192,
        has_tied_embeddings: true,
        quantization: "Q4_1".to_owned(),
        license: Some("Apache 2.0".to_owned()),
        num_bytes: 98_362_432,
        chat_template: Some("ChatML".to_owned()),
        problem: None,
        notes: Vec::new(),
    };
    let found = |model: ModelRef, name: &str, facts: ModelFacts| FoundModel {
        model,
        name: name.to_owned(),
        place: "Models folder".to_owned(),
        is_on_disk: true,
        num_bytes: 98_362_432,
        facts: Some(facts),
        problem: None,
    };
    let odd = ModelFacts { problem: Some("The family falcon is not read".to_owned()), ..facts.clone() };
    vec![
        found(ModelRef::Starter, "SmolLM2-135M-Instruct", facts),
        found(ModelRef::Gguf("/models/odd.gguf".into()), "odd", odd),
    ]
}

pub fn preview() -> RunPreview {
    RunPreview {
        speed: None,
        steps_per_epoch: 50,
        noted: Default::default(),
        held_out_noted: Default::default(),
        beyond_context: None,
        num_examples: 400,
        num_validation_examples: 50,
        num_tokens: 40_000,
        num_supervised_tokens: 9_000,
        tally: Tally { num_examples: 400, longest: 300, ..Tally::default() },
        held_out: Tally { num_examples: 50, longest: 200, ..Tally::default() },
        num_steps: 150,
        eval_steps: 12,
        num_trainable: 4_884_480,
        num_parameters: 134_515_008,
        memory: MemoryEstimate { weights: 1, adapter: 1, activations: 1, program: 1, available: 10 },
        learning_rates: vec![(1, 1e-4), (150, 0.0)],
    }
}

pub fn runs() -> Vec<RunRecord> {
    let run = |name: &str, status| {
        let run_dir = PathBuf::from("/projects/Support triage/runs").join(name);
        RunRecord {
            about: Default::default(),
            name: name.to_owned(),
            model: ModelRef::Starter,
            recipe: Recipe::new(ModelRef::Starter, "train.jsonl".into()),
            status,
            num_steps_done: 88,
            num_steps: 94,
            first_eval_loss: Some(2.391),
            best_eval_loss: Some(0.412),
            best_step: Some(80),
            adapter: Some(run_dir.join("checkpoints/step-000080")),
            run_dir,
            secs: 312.0,
        }
    };
    vec![run("2026-11-22-2", RunStatus::Interrupted), run("2026-11-22-1", RunStatus::Completed)]
}

pub fn step(step: usize) -> StepMetrics {
    StepMetrics {
        step,
        epoch: step as f64 / 50.0,
        loss: 1.0 / step as f64,
        learning_rate: 1e-4,
        grad_norm: 0.5,
        num_tokens: 800,
        num_supervised_tokens: 180,
        tokens_per_sec: 400.0,
        step_secs: 2.0,
    }
}

pub fn evaluation(step: usize, eval_loss: f64) -> EvalMetrics {
    EvalMetrics { step, epoch: 0.0, eval_loss, eval_num_tokens: 900, eval_secs: 3.0, is_best: true }
}

pub fn report() -> EvaluationReport {
    let held_out = |loss: f64, exact: f64| HeldOut {
        loss,
        perplexity: loss.exp(),
        num_tokens: 60,
        num_examples: 48,
        tally: Tally::default(),
        exact_match: Some(exact),
    };
    let answer = |at: u32| AnsweredExample {
        prompt: format!("Where is order {at}?"),
        expected: EXPECTED.to_owned(),
        before: Some("sorry".to_owned()),
        after: Some(if at.is_multiple_of(2) { EXPECTED } else { "{}" }.to_owned()),
    };
    EvaluationReport {
        before: Some(held_out(2.391, 0.0)),
        after: Some(held_out(0.418, 0.5)),
        answers: (1..=48).map(answer).collect(),
        secs: 3.0,
    }
}
