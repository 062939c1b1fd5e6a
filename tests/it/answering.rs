//! Answers in batches, in books and token by token, and labels by their likelihood: each against the plain way.

use std::cell::Cell;
use std::path::Path;

use candle_core::{DType, Device};
use tunewright::data::{Example, Message, Role};
use tunewright::evaluate::loss::example_losses;
use tunewright::evaluate::{
    AnswerBook, AnswerKey, EvaluateError, KeptAnswer, LabelScore, ModelKey, answers_folder, answers_of,
    label_likelihoods, label_likelihoods_apart,
};
use tunewright::generate::{Answered, End, Sampling, Session, answer_all, greedy_answers, mean_hidden, token_evidence};
use tunewright::model::lora::LoraAdapter;
use tunewright::model::{CandlePass, Conversation, GradientPass, LanguageModel, ModelError, ProductType, Turn, peft};
use tunewright::ops::Segments;
use tunewright::recipe::{ChatFormat, RenderSpec};
use tunewright::render::render;
use tunewright::task::{Task, Unit, Unwatched};

use crate::fixtures::{copy_tiny_model, fixture, write};

fn model() -> (LanguageModel, LoraAdapter) {
    let model = LanguageModel::load(&fixture("llama"), &Unwatched).unwrap();
    let adapter = peft::load(&fixture("llama/adapter"), model.decoder.spec()).unwrap();
    (model, adapter)
}

/// Prompts of many lengths, each another.
fn texts(num: usize) -> Vec<String> {
    (0..num).map(|at| format!("{} {at}", "abc de ".repeat(1 + at % 5).trim())).collect()
}

fn turns(texts: &[String]) -> Vec<[Turn<'_>; 1]> {
    texts.iter().map(|text| [Turn::new("user", text)]).collect()
}

fn alone(
    model: &LanguageModel,
    adapter: Option<&LoraAdapter>,
    prompt: Conversation<'_>,
    sampling: &Sampling,
) -> (String, usize, End) {
    let mut session = Session::new(model, adapter, prompt, sampling).unwrap();
    let mut told = String::new();
    while session.end().is_none() {
        told.push_str(&session.advance().unwrap());
    }
    assert_eq!(told, session.text().unwrap(), "what was handed out is the answer");
    (told, session.num_tokens(), session.end().unwrap())
}

#[test]
fn an_answer_in_a_batch_is_the_one_alone() {
    let (model, adapter) = model();
    let texts = texts(70);
    let turns = turns(&texts);
    let prompts: Vec<Conversation<'_>> = turns.iter().map(Conversation::from).collect();
    let greedy = Sampling { max_new_tokens: 12, ..Sampling::default() };
    let warm = Sampling { temperature: 0.9, top_k: 40, top_p: 0.95, min_p: 0.01, seed: 3, ..greedy.clone() };
    let penalised = Sampling { repetition_penalty: 1.3, ..greedy.clone() };
    for (sampling, adapter) in [(greedy.clone(), None), (greedy, Some(&adapter)), (warm, None), (penalised, None)] {
        let mut told: Vec<Option<Answered>> = vec![None; prompts.len()];
        let mut observe = |at: usize, answer: &Answered| {
            assert!(told[at].replace(answer.clone()).is_none(), "told once");
        };
        let answers = answer_all(&model, adapter, &prompts, &sampling, &mut observe, &Unwatched).unwrap().unwrap();
        assert_eq!(told.into_iter().collect::<Option<Vec<_>>>().unwrap(), answers);
        for (prompt, answer) in prompts.iter().zip(&answers) {
            let expected = alone(&model, adapter, *prompt, &sampling);
            assert_eq!((answer.text.clone(), answer.num_tokens, answer.end), expected, "{sampling:?}");
            assert!(answer.mean_log_probability < 0.0 && answer.mean_log_probability.is_finite());
        }
        assert!(answers.iter().any(|answer| answer.num_tokens > 1));
    }
}

#[test]
fn a_stop_string_ends_an_answer_and_is_no_part_of_it() {
    let (model, _) = model();
    let prompt = [Turn::new("user", "abc de")];
    let free = Sampling { max_new_tokens: 24, ..Sampling::default() };
    let (whole, ..) = alone(&model, None, (&prompt).into(), &free);
    let chars: Vec<(usize, char)> = whole.char_indices().collect();
    assert!(chars.len() > 6, "{whole:?}");
    let stop: String = chars[3..6].iter().map(|(_, c)| *c).collect();
    let expected = &whole[..whole.find(&stop).unwrap()];
    let sampling = Sampling { stop: vec!["none of this".to_owned(), stop], ..free };
    let (text, num_tokens, end) = alone(&model, None, (&prompt).into(), &sampling);
    assert_eq!((text.as_str(), end), (expected, End::StopString));
    let answers =
        answer_all(&model, None, &[(&prompt).into()], &sampling, &mut |_, _| {}, &Unwatched).unwrap().unwrap();
    assert_eq!((answers[0].text.as_str(), answers[0].num_tokens, answers[0].end), (expected, num_tokens, end));
}

#[test]
fn a_prompt_without_room_and_settings_that_cannot_be_used_are_named() {
    let (model, _) = model();
    let texts = ["abc de".to_owned(), "abc ".repeat(90)];
    let turns = turns(&texts);
    let prompts: Vec<Conversation<'_>> = turns.iter().map(Conversation::from).collect();
    let sampling = Sampling { max_new_tokens: 500, ..Sampling::default() };
    let answers = answer_all(&model, None, &prompts, &sampling, &mut |_, _| {}, &Unwatched).unwrap().unwrap();
    assert_eq!((answers[1].end, answers[1].num_tokens), (End::Context, 0));
    assert!(answers[0].num_tokens > 0);
    let bad = Sampling { top_p: 2.0, ..Sampling::default() };
    let refused = answer_all(&model, None, &prompts[..1], &bad, &mut |_, _| {}, &Unwatched);
    assert!(matches!(refused, Err(ModelError::Compute { message }) if message.contains("top_p")));
    assert!(Session::new(&model, None, prompts[0], &bad).is_err());
    assert_eq!(greedy_answers(&model, None, &[], 8, &Unwatched).unwrap(), Some(Vec::new()));
}

/// Stops when so many examples are done, and keeps what it was told last.
struct StopAt(u64, Cell<(u64, u64)>);

impl Task for StopAt {
    fn progress(&self, done: u64, total: Option<u64>, _unit: Unit) {
        self.1.set((done, total.unwrap()));
    }

    fn is_stopped(&self) -> bool {
        self.1.get().0 >= self.0
    }
}

/// But for the rounding of a batch with other neighbours.
fn same(answers: &[KeptAnswer], expected: &[KeptAnswer]) {
    assert_eq!(answers.len(), expected.len());
    for (answer, expected) in answers.iter().zip(expected) {
        let about = |answer: &KeptAnswer| (answer.key.clone(), answer.text.clone(), answer.num_tokens, answer.end);
        assert_eq!(about(answer), about(expected));
        let difference = answer.mean_log_probability - expected.mean_log_probability;
        assert!(difference.abs() < 1e-4, "{answer:?} {expected:?}");
    }
}

#[test]
fn what_is_stopped_loses_no_answer_and_answers_nothing_twice() {
    let (model, _) = model();
    let folder = tempfile::tempdir().unwrap();
    let key = ModelKey::of(&fixture("llama"), None).unwrap();
    let texts = [texts(80), texts(5)].concat();
    let turns = turns(&texts);
    let prompts: Vec<Conversation<'_>> = turns.iter().map(Conversation::from).collect();
    let sampling = Sampling { max_new_tokens: 6, ..Sampling::default() };
    let expected = answers_of(&model, None, &prompts, &sampling, None, &Unwatched).unwrap();
    let open = || AnswerBook::open(folder.path(), &key).unwrap();
    let lines = || -> Vec<String> {
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files
            .iter()
            .flat_map(|file| std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    };

    let stopping = StopAt(20, Cell::default());
    let stopped = answers_of(&model, None, &prompts, &sampling, Some(&mut open()), &stopping);
    assert!(matches!(stopped, Err(EvaluateError::Stopped)));
    let num_kept = open().len();
    assert!((20..80).contains(&num_kept), "{num_kept}");
    assert_eq!(lines().len(), num_kept);

    // The program was killed while it wrote a line.
    let path = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&path).unwrap();
    tunewright::fs::write_atomic(&path, &whole[..whole.len() - 9]).unwrap();
    assert_eq!(open().len(), num_kept - 1);

    let going_on = StopAt(u64::MAX, Cell::default());
    let (mut one, mut other) = (open(), open());
    let answers = answers_of(&model, None, &prompts, &sampling, Some(&mut one), &going_on).unwrap();
    same(&answers, &expected);
    assert_eq!(going_on.1.get(), (85, 85));
    assert_eq!(lines().len(), 81, "80 different prompts, and the torn line");
    assert_eq!(open().len(), 80);

    // Another process that had the book open, too.
    let later = Sampling { max_new_tokens: 7, ..sampling.clone() };
    answers_of(&model, None, &prompts[..3], &later, Some(&mut other), &Unwatched).unwrap();
    assert_eq!(open().len(), 83);
    let seen = answers_of(&model, None, &prompts, &sampling, Some(&mut open()), &Unwatched).unwrap();
    assert_eq!(lines().len(), 84, "a second look is free");
    same(&seen, &expected);
}

#[test]
fn an_answer_is_known_by_its_model_its_prompt_and_its_settings() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base");
    copy_tiny_model(&base);
    let adapter = folder.path().join("adapter");
    write(&adapter, "adapter_model.safetensors", "weights");
    write(&adapter, "adapter_config.json", "{}");
    let key = |model: &Path, adapter: Option<&Path>| ModelKey::of(model, adapter).unwrap();
    let (alone, adapted) = (key(&base, None), key(&base, Some(&adapter)));
    assert_eq!((key(&base, None), key(&base, Some(&adapter))), (alone.clone(), adapted.clone()));
    assert_ne!(alone, adapted);
    write(&adapter, "adapter_config.json", r#"{"lora_alpha": 64}"#);
    assert_ne!(key(&base, Some(&adapter)), adapted, "the same weights, scaled otherwise");
    write(&base, "tokenizer_config.json", "{}");
    assert_ne!(key(&base, None), alone, "the template is part of the model");
    let snapshot = |cache: &str| {
        let place = folder.path().join(cache).join("models--a--b/snapshots/c0ffee");
        copy_tiny_model(&place);
        key(&place, None)
    };
    assert_eq!(snapshot("here"), snapshot("there"), "a commit is the same wherever it lies");
    assert!(ModelKey::of(&folder.path().join("gone"), None).unwrap_err().to_string().contains("gone"));

    let turns = [Turn::new("user", "abc")];
    let prompt = Conversation::from(&turns);
    let of = |prompt: Conversation<'_>, sampling: &Sampling| AnswerKey::of(prompt, sampling);
    let (greedy, warm) = (Sampling::default(), Sampling { temperature: 1.0, ..Sampling::default() });
    let base = of(prompt, &greedy);
    assert_eq!(of(prompt, &Sampling { seed: 9, top_k: 3, ..greedy.clone() }), base, "no draw, no seed");
    assert_ne!(of(prompt, &Sampling { seed: 9, ..warm.clone() }), of(prompt, &warm));
    let other_turns = [Turn::new("system", "abc")];
    let tools = [serde_json::json!({"type": "function"})];
    for (prompt, sampling) in [
        (prompt, Sampling { max_new_tokens: 9, ..greedy.clone() }),
        (prompt, Sampling { repetition_penalty: 1.1, ..greedy.clone() }),
        (prompt, Sampling { stop: vec!["a".to_owned()], ..greedy.clone() }),
        (prompt, warm),
        (Conversation::from(&other_turns), greedy.clone()),
        (Conversation { tools: &tools, ..prompt }, greedy.clone()),
    ] {
        assert_ne!(of(prompt, &sampling), base, "{prompt:?} {sampling:?}");
    }
}

#[test]
fn answers_lie_with_the_project_of_their_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("runs/2026-12-01-1");
    std::fs::create_dir_all(&run).unwrap();
    assert_eq!(answers_folder(&run), run.join("answers"));
    write(folder.path(), "project.db", "");
    assert_eq!(answers_folder(&run), folder.path().join("answers"));
}

#[test]
fn a_book_that_cannot_be_written_says_so_and_ends_the_work() {
    let (model, _) = model();
    let folder = tempfile::tempdir().unwrap();
    let blocked = write(folder.path(), "answers", "a file in the place of the folder");
    let key = ModelKey::of(&fixture("llama"), None).unwrap();
    let texts = texts(3);
    let turns = turns(&texts);
    let prompts: Vec<Conversation<'_>> = turns.iter().map(Conversation::from).collect();
    let sampling = Sampling { max_new_tokens: 2, ..Sampling::default() };
    let error = match AnswerBook::open(&blocked, &key) {
        Ok(mut book) => {
            answers_of(&model, None, &prompts, &sampling, Some(&mut book), &Unwatched).unwrap_err().to_string()
        }
        Err(error) => error.to_string(),
    };
    assert!(error.contains("answers"), "{error}");
    let kept = KeptAnswer {
        key: AnswerKey::of(prompts[0], &sampling),
        text: String::new(),
        num_tokens: 0,
        end: End::Context,
        mean_log_probability: 0.0,
    };
    assert!(kept.has_no_room());
}

fn asked(text: &str) -> Example {
    vec![Message::new(Role::User, text), Message::new(Role::Assistant, "de")].into()
}

#[test]
fn a_label_is_as_likely_with_its_prompt_shared_as_without() {
    let (model, adapter) = model();
    let labels: Vec<String> = (0..40)
        .map(|at| {
            format!("{} {}", ["abc", "de", "bed", "a"][at % 4], "de abc ".repeat(at / 4 % 3 + 1) + &at.to_string())
        })
        .collect();
    let mut examples: Vec<Example> = texts(7).iter().map(|text| asked(text)).collect();
    examples.insert(2, asked(&"abc ".repeat(90)));
    for adapter in [None, Some(&adapter)] {
        let format = ChatFormat::OF_MODEL;
        let shared = label_likelihoods(&model, adapter, &examples, &labels, format, &Unwatched).unwrap();
        let apart = label_likelihoods_apart(&model, adapter, &examples, &labels, format, &Unwatched).unwrap();
        assert_eq!(shared.left_out.len(), 1);
        assert!(shared.left_out[0].0 == 2 && shared.left_out[0].1.contains("reads 128"), "{:?}", shared.left_out);
        assert_eq!((shared.pick(2, LabelScore::Sum), &shared.num_tokens), (None, &apart.num_tokens));
        let pairs = shared.log_likelihood.iter().flatten().zip(apart.log_likelihood.iter().flatten());
        for (shared, apart) in pairs {
            assert!((shared - apart).abs() < 1e-4, "{shared} {apart}");
        }
        // As training sees the answer.
        let mut pass = GradientPass::new(ProductType::F32, 0);
        if let Some(adapter) = adapter {
            pass.set_adapter(&model.decoder, adapter).unwrap();
        }
        for (at, label) in labels.iter().enumerate().step_by(7) {
            let example: Example =
                vec![examples[3].messages[0].clone(), Message::new(Role::Assistant, label.as_str())].into();
            let samples = render(&model.chat, &example, RenderSpec::WHOLE).unwrap().samples;
            let mean = example_losses(&model.decoder, &mut pass, &samples, &Unwatched).unwrap()[0].unwrap();
            let found = shared.scores(3, LabelScore::Mean)[at];
            assert!((found + mean).abs() < 1e-5, "{label}: {found}, {mean}");
            assert_eq!(shared.num_tokens[3][at], samples[0].num_trained());
        }
        let best = shared.pick(3, LabelScore::Sum).unwrap();
        assert!(shared.log_likelihood[3].iter().all(|other| *other <= shared.log_likelihood[3][best]));
    }
}

#[test]
fn an_answer_s_tokens_carry_what_a_plain_pass_says_of_them() {
    let (model, adapter) = model();
    let prompt = [Turn::new("user", "abc de")];
    for (adapter, answer) in [(None, "abc bed"), (Some(&adapter), "de ä€ abc")] {
        let evidence = token_evidence(&model, adapter, (&prompt).into(), answer).unwrap();
        assert_eq!(evidence.iter().map(|token| token.text.as_str()).collect::<String>(), answer);
        let mut ids = model.chat.encode(&prompt, true).unwrap().ids();
        let first = ids.len();
        ids.extend(model.chat.tokenizer.encode_continuing(answer).unwrap().iter().map(|(id, _)| *id));
        assert_eq!(evidence.len(), ids.len() - first);
        let mut pass = CandlePass::new(&model.decoder, &Device::Cpu).unwrap();
        if let Some(adapter) = adapter {
            pass.set_adapter(adapter).unwrap();
        }
        let hidden = pass.hidden(&model.decoder, &ids, &Segments::from_lengths([ids.len()]), None).unwrap();
        let logits =
            pass.logits(&model.decoder, &hidden).unwrap().to_dtype(DType::F64).unwrap().to_vec2::<f64>().unwrap();
        for (at, token) in evidence.iter().enumerate() {
            let row = &logits[first + at - 1];
            let sum = row.iter().map(|logit| logit.exp()).sum::<f64>().ln();
            let expected = row[ids[first + at] as usize] - sum;
            assert!((token.log_probability - expected).abs() < 1e-4, "{token:?} {expected}");
            let mut sorted = row.clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            assert_eq!(token.alternatives.len(), 5);
            for (alternative, logit) in token.alternatives.iter().zip(sorted) {
                assert!((alternative.log_probability - (logit - sum)).abs() < 1e-4, "{token:?}");
            }
        }
    }
    assert_eq!(token_evidence(&model, None, (&prompt).into(), "").unwrap(), Vec::new());
    let error = token_evidence(&model, None, (&prompt).into(), &"abc ".repeat(90)).unwrap_err();
    assert!(error.to_string().contains("reads 128 at most"), "{error}");
}

#[test]
fn the_mean_hidden_state_is_that_of_a_plain_pass() {
    let (model, _) = model();
    let texts = texts(40);
    let turns = turns(&texts);
    let prompts: Vec<Conversation<'_>> = turns.iter().map(Conversation::from).collect();
    let found = mean_hidden(&model, &prompts, &Unwatched).unwrap().unwrap();
    let pass = CandlePass::new(&model.decoder, &Device::Cpu).unwrap();
    for (prompt, found) in prompts.iter().zip(&found) {
        let ids = model.chat.encode(*prompt, true).unwrap().ids();
        let hidden = pass.hidden(&model.decoder, &ids, &Segments::from_lengths([ids.len()]), None).unwrap();
        let expected = hidden.mean(0).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
    }
    assert!(mean_hidden(&model, &prompts, &StopAt(0, Cell::default())).unwrap().is_none());
}
