//! Made-up data, one builder for each kind: a test changes what it is about with `..made::project("/p")`.

use std::path::{Path, PathBuf};

use tunewright::data::{Message, Role as Turn, Split};
use tunewright::engine::Reply;
use tunewright::evaluate::loss::MeanLoss;
use tunewright::evaluate::rating::{Answered, Choice, Line, Model, Rated, Session, Which};
use tunewright::evaluate::{About, ContenderReport, Evaluation, EvaluationReport, ExampleResult, GivenAnswer, Outcome};
use tunewright::hub::FoundModel;
use tunewright::model::{ModelFacts, ModelSize, ModelSpec, TensorGroup};
use tunewright::project::{Annotations, ExampleRow, ExampleStatus, ProjectState, Settings, SplitCounts, StoredExample};
use tunewright::recipe::{ModelRef, Recipe};
use tunewright::render::tally::Tally;
use tunewright::run::{RunAbout, RunRecord, RunStatus};
use tunewright::train::estimate::{Estimate, RateFrom, TimeEstimate};
use tunewright::train::observer::RunFacts;
use tunewright::train::preview::{MemoryEstimate, Noted, RunPreview};
use tunewright::train::{EvalMetrics, StepMetrics};
use tunewright::workbench::rating::KeptSession;

/// The answer of every made-up example.
pub const EXPECTED: &str = r#"{"category":"outage","urgent":true}"#;

/// A project of 498 examples, called as its folder, whose model is chosen.
pub fn project(folder: &str) -> ProjectState {
    ProjectState {
        is_read_only: false,
        tokens_from: None,
        loss_from: None,
        num_queued: 0,
        content_revision: 1,
        has_dates: false,
        folder: folder.into(),
        name: Path::new(folder).file_name().unwrap().to_string_lossy().into_owned(),
        counts: SplitCounts { train: 400, validation: 50, test: 48, ..SplitCounts::default() },
        source: None,
        undo: None,
        redo: None,
        last_changed: None,
        settings: Settings { model: Some(ModelRef::Starter), ..Settings::default() },
        revision: 1,
    }
}

/// A row of the table; `prompt` is the beginning of what its example asks.
pub fn row(id: i64, split: Split, prompt: String) -> ExampleRow {
    ExampleRow {
        annotations: Annotations::default(),
        findings: Vec::new(),
        id,
        number: id as u64,
        split,
        status: ExampleStatus::Ready,
        prompt,
        answer: "outage, true".to_owned(),
        num_turns: 3,
    }
}

/// The example of a row: its prompt goes on where the row ends.
pub fn example(id: i64, split: Split, prompt: String) -> StoredExample {
    let messages = vec![
        Message::new(Turn::System, "Answer with JSON."),
        Message::new(Turn::User, prompt + " in full"),
        Message::new(Turn::Assistant, EXPECTED),
    ];
    StoredExample {
        id,
        number: id as u64,
        split,
        status: ExampleStatus::Ready,
        example: messages.into(),
        annotations: Annotations::default(),
        content_key: 0,
    }
}

/// A line of a JSON Lines file: a conversation of roles and texts.
pub fn chat(turns: &[(&str, &str)]) -> String {
    let turn = |(role, text): &(&str, &str)| serde_json::json!({ "role": role, "content": text });
    let turns: Vec<_> = turns.iter().map(turn).collect();
    serde_json::json!({ "messages": turns }).to_string() + "\n"
}

/// A line of a JSON Lines file: a prompt and its answer.
pub fn pair(prompt: &str, answer: &str) -> String {
    serde_json::json!({ "prompt": prompt, "completion": answer }).to_string() + "\n"
}

/// The starter model, and one that can't be trained.
pub fn models() -> Vec<FoundModel> {
    let mut odd = found(ModelRef::Gguf("/models/odd.gguf".into()), "odd", true);
    if let Some(facts) = &mut odd.facts {
        facts.problem = Some("The family falcon is not read".to_owned());
    }
    vec![found(ModelRef::Starter, "SmolLM2-135M-Instruct", true), odd]
}

pub fn found(model: ModelRef, name: &str, is_on_disk: bool) -> FoundModel {
    let facts = ModelFacts {
        name: name.to_owned(),
        path: "/models/a.gguf".into(),
        architecture: "llama".to_owned(),
        family: "Llama".to_owned(),
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
        size: size(),
        chat_template: Some("ChatML".to_owned()),
        problem: None,
        notes: Vec::new(),
    };
    let place = "Models folder".to_owned();
    FoundModel {
        model,
        name: name.to_owned(),
        place,
        is_on_disk,
        num_bytes: 98_362_432,
        facts: Some(facts),
        problem: None,
    }
}

/// The starter's shape; its file has two types of weights.
pub fn size() -> ModelSize {
    let config = serde_json::json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 49152, "hidden_size": 576,
        "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
        "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "rope_theta": 100000.0, "hidden_act": "silu",
        "tie_word_embeddings": true,
    });
    let group = |dtype: &str, num_tensors, num_values, num_bytes| TensorGroup {
        dtype: dtype.to_owned(),
        num_tensors,
        num_values,
        num_bytes,
    };
    let groups = vec![group("Q4_1", 210, 106_168_320, 66_355_200), group("Q8_0", 1, 28_311_552, 30_081_024)];
    ModelSize { groups, ..ModelSize::of_files(ModelSpec::from_config(&config).unwrap(), 98_362_432) }
}

/// 0.9 of 10 GB.
pub fn memory() -> MemoryEstimate {
    MemoryEstimate {
        weights: 400_000_000,
        adapter: 100_000_000,
        activations: 300_000_000,
        program: 100_000_000,
        available: 10_000_000_000,
        ..MemoryEstimate::default()
    }
}

/// It fits, and takes eight minutes.
pub fn estimate() -> Estimate {
    let from = RateFrom::Model("starter".to_owned());
    let time = TimeEstimate { train_secs: 400.0, eval_secs: 80.0, tokens_per_sec: 250.0, spread: 0.25, from };
    Estimate { memory: memory(), time: Some(time), remedies: Vec::new() }
}

/// 150 steps in three epochs, measured after every 12 of them.
pub fn preview() -> RunPreview {
    RunPreview {
        beyond_context: None,
        num_examples: 400,
        num_validation_examples: 50,
        num_tokens: 40_000,
        num_supervised_tokens: 9_000,
        tally: Tally { num_examples: 400, longest: 300, ..Tally::default() },
        held_out: Tally { num_examples: 50, longest: 200, ..Tally::default() },
        noted: Noted::default(),
        held_out_noted: Noted::default(),
        num_steps: 150,
        steps_per_epoch: 50,
        eval_steps: 12,
        speed: None,
        num_trainable: 4_884_480,
        num_parameters: 134_515_008,
        memory: memory(),
        learning_rates: vec![(1, 1e-4), (150, 0.0)],
    }
}

/// What a run tells when it begins.
pub fn facts(num_steps: usize) -> RunFacts {
    RunFacts {
        num_examples: 400,
        num_validation_examples: 50,
        num_tokens: 40_000,
        num_supervised_tokens: 9_000,
        num_steps,
        num_trainable: 4_884_480,
        tally: Tally::default(),
    }
}

/// A run of the project `/p`.
pub fn run(name: &str, status: RunStatus) -> RunRecord {
    let run_dir = PathBuf::from("/p/runs").join(name);
    RunRecord {
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
        about: RunAbout::default(),
    }
}

pub fn step(step: usize) -> StepMetrics {
    StepMetrics {
        step,
        epoch: step as f64 / 50.0,
        loss: 4.0 / step as f64,
        learning_rate: 1e-4,
        grad_norm: 0.5,
        num_tokens: 800,
        num_supervised_tokens: 180,
        tokens_per_sec: 400.0,
        step_secs: 2.0,
    }
}

pub fn evaluation(step: usize, eval_loss: f64) -> EvalMetrics {
    EvalMetrics { step, epoch: step as f64 / 50.0, eval_loss, eval_num_tokens: 900, eval_secs: 4.0, is_best: true }
}

/// A report in which `num_right` of `num` examples with an expected answer are right after tuning, and none before; the
/// losses are those before and after.
pub fn report((before, after): (f64, f64), num: usize, num_right: usize) -> EvaluationReport {
    let contender = |name: &str, loss: f64| ContenderReport {
        name: name.to_owned(),
        model: "starter".to_owned(),
        adapter_sha256: None,
        measured: Some(MeanLoss { loss, num_tokens: 60, num_examples: num }),
        tally: Tally::default(),
    };
    let outcome = |loss: f64, text: &str| Outcome {
        loss: Some(loss),
        num_tokens: 5,
        answer: Some(GivenAnswer {
            text: text.to_owned(),
            num_tokens: 5,
            ended_by_itself: true,
            confidence: Some(0.9),
        }),
        label: None,
    };
    let example = |i: usize| ExampleResult {
        key: format!("{i:016x}"),
        line: i as u64 + 1,
        prompt: format!("prompt {i}"),
        expected: EXPECTED.to_owned(),
        expected_tokens: 5,
        about: About::default(),
        outcomes: vec![outcome(before, "sorry"), outcome(after, if i < num_right { EXPECTED } else { "{}" })],
    };
    EvaluationReport {
        contenders: vec![contender("base", before), contender("run new", after)],
        examples: (0..num).map(example).collect(),
        secs: 192.0,
    }
}

/// The engine's answer with a report.
pub fn evaluated(report: EvaluationReport) -> Reply {
    Reply::Evaluation(Box::new(Evaluation::of(report)))
}

/// A session of blind rating, of which these people have rated so many.
pub fn session(name: &str, num: usize, raters: &[(&str, usize)]) -> KeptSession {
    let answered = (1..=num as i64).map(|id| Answered {
        example: Some(id),
        split: Some(if id % 9 == 0 { Split::Test } else { Split::Validation }),
        prompt: example(id, Split::Validation, format!("Where is order {id}? It should have come last week"))
            .example
            .prompt()
            .to_vec(),
        tools: Vec::new(),
        expected: Some(EXPECTED.to_owned()),
        answers: [format!("I understand that you wait for order {id}.\n\nI will look"), EXPECTED.to_owned()],
    });
    let models = [Model::base("SmolLM2-135M"), Model::base("2026-11-20-1, step 62")];
    let session = Session::new(models, answered.collect(), None, 7).unwrap();
    let session =
        Session { name: name.to_owned(), at: format!("{}T10:00:00+01:00[Europe/Berlin]", &name[..10]), ..session };
    let mut rated = Rated::new(session);
    for (rater, num) in raters {
        for at in 0..*num {
            let after = if rated.session.items[at].left == Which::Second { Choice::Left } else { Choice::Right };
            let before = if after == Choice::Left { Choice::Right } else { Choice::Left };
            let choice = match (at + rater.len()) % 8 {
                0 => before,
                1 => Choice::Tie,
                2 => Choice::BothBad,
                _ => after,
            };
            rated.apply(Line::rating(at, choice, rater, if at % 5 == 0 { "says when it comes" } else { "" }));
        }
    }
    KeptSession { rated, file: format!("/p/ratings/{name}.jsonl").into(), change: None }
}
