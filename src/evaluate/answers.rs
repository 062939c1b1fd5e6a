//! Every answer is kept, by model, prompt and settings, so that stopping loses none and a second look is free.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::EvaluateError;
use crate::endpoint::Endpoint;
use crate::generate::{Answered, End, Sampling, answer_all};
use crate::model::lora::LoraAdapter;
use crate::model::peft::{CONFIG_FILE, WEIGHTS_FILE};
use crate::model::{Conversation, LanguageModel, Turn};
use crate::run::{RunDir, RunError, append_line, read_lines, sha256_of};
use crate::task::{Phase, Signal, Stage, Task, Unit};

/// Counted up when answers to the same key become others.
const VERSION: u32 = 1;

/// The project's store; a folder that has it is a project.
const PROJECT_FILE: &str = "project.db";

/// An answer, as it is kept in a line of a book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// Made of the prompt and the settings.
    pub key: AnswerKey,
    pub text: String,
    /// 0 with [`End::Context`] is a prompt that leaves no room for an answer.
    pub num_tokens: usize,
    pub end: End,
    /// See [`Answered::mean_log_probability`].
    pub mean_log_probability: f64,
}

impl KeptAnswer {
    fn new(key: AnswerKey, answered: &Answered) -> Self {
        let Answered { text, num_tokens, end, mean_log_probability } = answered.clone();
        Self { key, text, num_tokens, end, mean_log_probability }
    }

    /// The prompt is as long as all that the model reads: nothing was answered.
    pub fn has_no_room(&self) -> bool {
        self.end == End::Context && self.num_tokens == 0
    }
}

/// What identifies the model that answers: the SHA-256, in hexadecimal digits, over the base model's files and the
/// adapter's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelKey(String);

impl ModelKey {
    /// The key of a base model (a GGUF file or a folder) with or without an adapter (a folder in PEFT's format). A base
    /// model is known by its files' names, sizes and times of change, or, in the Hugging Face cache, by its commit, wherever
    /// the cache is; an adapter by what its files hold.
    ///
    /// # Errors
    /// Where a file can't be read; the error names it.
    pub fn of(model: &Path, adapter: Option<&Path>) -> Result<Self, RunError> {
        std::fs::metadata(model).map_err(RunError::io(model))?;
        let base = match snapshot(model) {
            Some(snapshot) => json!(snapshot),
            None => json!([std::path::absolute(model).map_err(RunError::io(model))?, files_of(model)?]),
        };
        let sum = |folder: &Path, file: &str| {
            let path = folder.join(file);
            sha256_of(&path).map_err(RunError::io(&path))
        };
        let adapter = match adapter {
            Some(folder) => Some([sum(folder, WEIGHTS_FILE)?, sum(folder, CONFIG_FILE)?]),
            None => None,
        };
        Ok(Self(sha256(&json!([VERSION, base, adapter]))))
    }
}

impl ModelKey {
    /// The key of a model behind an address, today: tomorrow it may be another one of the same name.
    pub fn of_endpoint(endpoint: &Endpoint) -> Self {
        let today = jiff::Zoned::now().strftime("%Y-%m-%d").to_string();
        Self(sha256(&json!([VERSION, endpoint.to_string(), today])))
    }
}

/// `models--OWNER--NAME/snapshots/COMMIT`, and what follows it, of a path into the Hugging Face cache.
fn snapshot(model: &Path) -> Option<String> {
    let parts: Vec<_> = model.iter().filter_map(|part| part.to_str()).collect();
    let at = parts.windows(2).position(|two| two[0].starts_with("models--") && two[1] == "snapshots")?;
    (parts.len() > at + 2).then(|| parts[at..].join("/"))
}

/// Names, sizes and times of change of the files that a model may be read from: those of its folder, or, beside a GGUF
/// file, its other parts.
fn files_of(model: &Path) -> Result<Vec<(String, u64, u128)>, RunError> {
    let (folder, stem) = match model.is_dir() {
        true => (model, None),
        // NAME-00001-of-00003.gguf
        false => {
            let name = crate::fs::name_of(model);
            let stem = name.rsplit_once("-of-").and_then(|(before, _)| before.rsplit_once('-'));
            let stem = stem.map_or(name.clone(), |(stem, _)| format!("{stem}-"));
            (model.parent().unwrap_or(Path::new("")), Some(stem))
        }
    };
    let folder = if folder == Path::new("") { Path::new(".") } else { folder };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(RunError::io(folder))? {
        let path = entry.map_err(RunError::io(folder))?.path();
        let name = crate::fs::name_of(&path);
        if stem.as_ref().is_some_and(|stem| !name.starts_with(stem)) || name.starts_with('.') {
            continue;
        }
        let about = std::fs::metadata(&path).map_err(RunError::io(&path))?;
        let changed = about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        if about.is_file() {
            files.push((name, about.len(), changed.unwrap_or_default().as_nanos()));
        }
    }
    files.sort();
    Ok(files)
}

/// What identifies an answer of a model: the SHA-256, in hexadecimal digits, over all that is written into the prompt and
/// the settings.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AnswerKey(String);

impl AnswerKey {
    /// The key of a prompt with these settings. Greedy answers are the same whatever the seed and the settings of the draw.
    pub fn of(prompt: Conversation<'_>, sampling: &Sampling) -> Self {
        let sampling = match sampling.is_greedy() {
            true => {
                let Sampling { max_new_tokens, repetition_penalty, ref stop, .. } = *sampling;
                &Sampling { max_new_tokens, repetition_penalty, stop: stop.clone(), ..Sampling::default() }
            }
            false => sampling,
        };
        let turn = |turn: &Turn<'_>| json!([turn.role, turn.content, turn.name, turn.tool_calls, turn.tool_call_id]);
        let turns: Vec<_> = prompt.turns.iter().map(turn).collect();
        let arguments = format!("{:?}", prompt.arguments);
        Self(sha256(&json!([turns, prompt.tools, arguments, prompt.is_null_content, prompt.format, sampling])))
    }
}

fn sha256(value: &serde_json::Value) -> String {
    Sha256::digest(value.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A model's answers in a file, a line each. Several processes may add to one at a time.
#[derive(Debug)]
pub struct AnswerBook {
    path: PathBuf,
    answers: HashMap<AnswerKey, KeptAnswer>,
}

impl AnswerBook {
    /// Opens the book of a model in a folder, which is made with the first answer. A line that can't be read, as a torn last
    /// one, is passed over, and its answer made again.
    ///
    /// # Errors
    /// Where the file is there and can't be read; the error names it.
    pub fn open(folder: &Path, model: &ModelKey) -> Result<Self, RunError> {
        let path = folder.join(format!("{}.jsonl", model.0));
        let kept = read_lines::<KeptAnswer>(&path).map_err(RunError::io(&path))?;
        Ok(Self { path, answers: kept.into_iter().map(|answer| (answer.key.clone(), answer)).collect() })
    }

    pub fn get(&self, key: &AnswerKey) -> Option<&KeptAnswer> {
        self.answers.get(key)
    }

    /// Adds an answer, and waits until it is on the disk.
    ///
    /// # Errors
    /// Where the file can't be written; the error names it.
    pub fn keep(&mut self, answer: KeptAnswer) -> Result<(), RunError> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).map_err(RunError::io(folder))?;
        }
        append_line(&self.path, &answer).map_err(RunError::io(&self.path))?;
        self.answers.insert(answer.key.clone(), answer);
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.answers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }
}

/// Where answers about a run are kept: the `answers` of the project that the run lies in (`<project>/runs/<run>`), else of
/// its own folder.
pub fn answers_folder(run_dir: &Path) -> PathBuf {
    let run_dir = std::path::absolute(run_dir).unwrap_or_else(|_| run_dir.to_owned());
    let runs = run_dir.parent().filter(|folder| folder.file_name().is_some_and(|name| name == "runs"));
    let project = runs.and_then(Path::parent).filter(|folder| folder.join(PROJECT_FILE).is_file());
    project.unwrap_or(&run_dir).join("answers")
}

/// [`answers_folder`] of the run that an adapter belongs to; `None` for one made elsewhere.
pub fn answers_folder_of(adapter: &Path) -> Option<PathBuf> {
    RunDir::of_checkpoint(adapter).map(|run| answers_folder(run.0))
}

/// The answers to all prompts, in their order: those that the book has are taken from it, the others are made and added to
/// it one by one. Equal prompts are answered once. `model` and `adapter` must be those that the book is of.
///
/// # Errors
/// [`EvaluateError::Stopped`] when the task was stopped: what was answered until then is in the book. Else as
/// [`answer_all`] and [`AnswerBook::keep`].
pub fn answers_of(
    model: &LanguageModel,
    adapter: Option<&LoraAdapter>,
    prompts: &[Conversation<'_>],
    sampling: &Sampling,
    book: Option<&mut AnswerBook>,
    task: &dyn Task,
) -> Result<Vec<KeptAnswer>, EvaluateError> {
    let keys: Vec<AnswerKey> = prompts.iter().map(|prompt| AnswerKey::of(*prompt, sampling)).collect();
    let mut places: HashMap<&AnswerKey, Vec<usize>> = HashMap::new();
    keys.iter().enumerate().for_each(|(at, key)| places.entry(key).or_default().push(at));
    let known = |key: &AnswerKey| book.as_ref().and_then(|book| book.get(key)).cloned();
    let mut answers: Vec<Option<KeptAnswer>> = keys.iter().map(known).collect();
    // The first of equal ones.
    let missing: Vec<usize> =
        (0..keys.len()).filter(|at| answers[*at].is_none() && places[&keys[*at]].first() == Some(at)).collect();
    let open: Vec<Conversation<'_>> = missing.iter().map(|at| prompts[*at]).collect();
    let counting = Counting::new(task, prompts.len(), answers.iter().flatten().count());
    counting.tell();
    if !open.is_empty() {
        let (mut book, mut failure) = (book, None);
        let mut observe = |at: usize, answered: &Answered| {
            let key = &keys[missing[at]];
            let kept = KeptAnswer::new(key.clone(), answered);
            counting.add(places[key].len());
            for place in &places[key] {
                answers[*place] = Some(kept.clone());
            }
            if let Some(Err(error)) = book.as_mut().map(|book| book.keep(kept)) {
                counting.has_failed.set(true);
                failure.get_or_insert(error);
            }
        };
        let done = answer_all(model, adapter, &open, sampling, &mut observe, &counting)?;
        if let Some(error) = failure {
            return Err(error.into());
        }
        done.ok_or(EvaluateError::Stopped)?;
    }
    answers.into_iter().collect::<Option<_>>().ok_or(EvaluateError::Stopped)
}

/// The task as those who answer see it: what is known already is counted as done, and nothing goes on once an answer
/// can't be kept.
struct Counting<'a> {
    task: &'a dyn Task,
    total: usize,
    done: Cell<usize>,
    has_failed: Cell<bool>,
}

impl<'a> Counting<'a> {
    fn new(task: &'a dyn Task, total: usize, done: usize) -> Self {
        Self { task, total, done: Cell::new(done), has_failed: Cell::new(false) }
    }

    fn add(&self, num: usize) {
        self.done.set(self.done.get() + num);
        self.tell();
    }

    fn tell(&self) {
        self.task.progress(self.done.get() as u64, Some(self.total as u64), Unit::Examples);
    }
}

impl Task for Counting<'_> {
    /// Told by [`Self::add`].
    fn progress(&self, _done: u64, _total: Option<u64>, _unit: Unit) {}

    fn phase(&self, phase: Phase) {
        self.task.phase(phase);
    }

    fn stage(&self, stage: Stage) {
        self.task.stage(stage);
    }

    fn is_stopped(&self) -> bool {
        self.has_failed.get() || self.task.is_stopped()
    }

    fn signal(&self) -> Signal {
        if self.has_failed.get() { Signal::Stop { save: true } } else { self.task.signal() }
    }

    fn go_on(&self) -> Option<Duration> {
        if self.has_failed.get() { None } else { self.task.go_on() }
    }
}
