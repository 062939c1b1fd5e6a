//! Blind rating of a run in a project: which prompts are rated, whether they are still what they were, and how a
//! corrected answer gets into the training part.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::WorkbenchError;
use crate::data::{Example, Message, Role, Split, read_all};
use crate::evaluate::rating::{self, Answered, Item, Model, Rated, Session};
use crate::evaluate::{KeptPair, kept_pairs};
use crate::project::{Edit, Project, ProjectError, StoredExample};
use crate::run::{RunDir, RunRecord};
use crate::task::Unwatched;
use crate::words::count;

/// What a session is to be made of.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRequest {
    pub run_dir: PathBuf,
    /// At most so many prompts; all where it isn't said.
    pub most: Option<usize>,
    /// Drawn by the clock where it isn't said.
    pub seed: Option<u64>,
}

/// A session with what changed since it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptSession {
    pub rated: Rated,
    pub file: PathBuf,
    /// In a sentence; its ratings stay what they are.
    pub change: Option<String>,
}

/// Makes a session of the prompts that the run and its base model have both answered, with the run's weights of now, and
/// keeps it with the project. Examples that are gone or were changed since they were answered are passed over.
///
/// # Errors
/// Where the run has no weights, nothing is there to rate, or a file can't be read or written.
pub fn begin_session(project: &Project, request: &SessionRequest) -> Result<KeptSession, WorkbenchError> {
    let run = RunRecord::read(&request.run_dir)?;
    let kept = answered_by(&run)?;
    let frozen = frozen_tests(&run, &kept)?;
    let answered = kept.into_iter().filter_map(|kept| of_project(project, kept, &frozen).transpose());
    let answered = answered.collect::<Result<Vec<_>, ProjectError>>()?;
    let session = session_of(&run, answered, request.most, request.seed.unwrap_or_else(clock_seed))?;
    let (rated, file) = rating::begin(&rating::folder_of(project.folder()), session)?;
    Ok(KeptSession { rated, file, change: None })
}

/// Another one for each session.
pub fn clock_seed() -> u64 {
    // Nanoseconds fit until the year 2262; what is beyond them doesn't matter for a seed.
    jiff::Timestamp::now().as_nanosecond() as u64
}

/// A session of what a run and its base model have answered.
///
/// # Errors
/// Where the run has no weights, or nothing is there to rate.
pub fn session_of(
    run: &RunRecord,
    answered: Vec<Answered>,
    most: Option<usize>,
    seed: u64,
) -> Result<Session, WorkbenchError> {
    let session = Session::new(models_of(run)?, answered, most, seed)?;
    Ok(Session { run: Some(run.name.clone()), ..session })
}

fn models_of(run: &RunRecord) -> Result<[Model; 2], WorkbenchError> {
    let Some(adapter) = &run.adapter else {
        return Err(rating::RatingError::Nothing(format!("{} has no weights yet", run.run_dir.display())).into());
    };
    let step = RunDir::step_of(adapter).map_or_else(String::new, |step| format!(", step {step}"));
    Ok([Model::base(run.model.to_string()), Model::tuned(format!("{}{step}", run.name), adapter)?])
}

/// The last complete answers to each prompt, with the run's weights of now, in the order they were asked.
///
/// # Errors
/// Where what was asked can't be read.
pub fn answered_by(run: &RunRecord) -> Result<Vec<KeptPair>, WorkbenchError> {
    let weights = run.adapter.as_deref().map(crate::fs::name_of);
    let mut last: HashMap<String, usize> = HashMap::new();
    let kept: Vec<_> = kept_pairs(&run.run_dir)?;
    let is_good = |pair: &KeptPair| pair.is_complete() && Some(&pair.adapter) == weights.as_ref();
    for (at, pair) in kept.iter().enumerate().filter(|(_, pair)| is_good(pair)) {
        last.insert(key(pair), at);
    }
    let is_last = |(at, pair): &(usize, KeptPair)| is_good(pair) && last.get(&key(pair)) == Some(at);
    Ok(kept.into_iter().enumerate().filter(is_last).map(|(_, pair)| pair).collect())
}

/// Equal for the same prompt.
fn key(pair: &KeptPair) -> String {
    match pair.example {
        Some(id) => format!("#{id}"),
        // Messages can always be written.
        None => serde_json::to_string(&pair.prompt).unwrap_or_default(),
    }
}

/// The prompts of the test part that the run froze, where they matter: the command line answers them by their words.
fn frozen_tests(run: &RunRecord, kept: &[KeptPair]) -> Result<Vec<Vec<Message>>, WorkbenchError> {
    let file = RunDir(&run.run_dir).data_of(Split::Test);
    if kept.iter().all(|pair| pair.example.is_some()) || !file.is_file() {
        return Ok(Vec::new());
    }
    Ok(read_all(&file, &Unwatched)?.iter().map(|example| example.prompt().to_vec()).collect())
}

/// With what the project knows of it; nothing where it isn't the same example any more.
fn of_project(project: &Project, kept: KeptPair, tests: &[Vec<Message>]) -> Result<Option<Answered>, ProjectError> {
    let stored = match kept.example.map(|id| project.example(id)).transpose() {
        Err(ProjectError::NoSuchExample { .. }) => return Ok(None),
        stored => stored?,
    };
    if stored.as_ref().is_some_and(|stored| !is_same(stored, &kept.prompt, kept.expected.as_deref())) {
        return Ok(None);
    }
    Ok(Some(Answered {
        example: kept.example,
        split: match &stored {
            Some(stored) => Some(stored.split),
            None => tests.contains(&kept.prompt).then_some(Split::Test),
        },
        tools: stored.map(|stored| stored.example.tools).unwrap_or_default(),
        prompt: kept.prompt,
        expected: kept.expected,
        answers: [kept.before.text, kept.after.text],
    }))
}

fn is_same(stored: &StoredExample, prompt: &[Message], expected: Option<&str>) -> bool {
    stored.example.prompt() == prompt && stored.example.answer() == expected
}

/// A project's sessions, the newest first, each with what changed since.
///
/// # Errors
/// Where the folder or the project can't be read.
pub fn sessions(project: &Project) -> Result<Vec<KeptSession>, WorkbenchError> {
    let folder = rating::folder_of(project.folder());
    let mut found = Vec::new();
    for rated in rating::list(&folder)? {
        let file = folder.join(format!("{}.jsonl", rated.session.name));
        found.push(KeptSession { change: change(project, &rated.session)?, rated, file });
    }
    Ok(found)
}

/// What is another now than when the session was made, in a sentence.
fn change(project: &Project, session: &Session) -> Result<Option<String>, ProjectError> {
    let (mut num_gone, mut num_changed) = (0, 0);
    for item in &session.items {
        let Some(id) = item.example else { continue };
        match project.example(id) {
            Ok(stored) => num_changed += usize::from(!is_same(&stored, &item.prompt, item.expected.as_deref())),
            Err(ProjectError::NoSuchExample { .. }) => num_gone += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(change_in_words(session, num_changed, num_gone))
}

/// The sentence, from what is known of the examples.
pub fn change_in_words(session: &Session, num_changed: usize, num_gone: usize) -> Option<String> {
    let mut changes: Vec<_> = session.models.iter().filter_map(Model::change).collect();
    let examples =
        |num: usize, one: &str, many: &str, what: &str| (num > 0).then(|| format!("{} {what}", count(num, one, many)));
    changes.extend(examples(num_changed, "example was", "examples were", "changed"));
    changes.extend(examples(num_gone, "example is", "examples are", "gone"));
    if let Some(data) = &session.data {
        match rating::SessionData::of(&data.path) {
            Ok(now) if now == *data => {}
            Ok(_) => changes.push(format!("{} was changed", data.path.display())),
            Err(_) => changes.push(format!("{} is gone", data.path.display())),
        }
    }
    if changes.is_empty() {
        return None;
    }
    Some(format!("Since this session was made, {}. Its ratings stay as they are", changes.join(" and ")))
}

/// The edit that brings a corrected answer into the training part: a held-out example moves there, so that nothing is
/// learned that is also measured; a prompt that is no example, or is another one now, becomes a new one.
///
/// # Errors
/// Where it is a locked test example, the answer is empty, or the project can't be read.
pub fn correction(project: &Project, item: &Item, answer: &str) -> Result<Edit, WorkbenchError> {
    let stored = match item.example.map(|id| project.example(id)).transpose() {
        Err(ProjectError::NoSuchExample { .. }) => None,
        stored => stored?,
    };
    // The part that it is in now, and the one that it was rated in.
    for split in [stored.as_ref().map(|stored| stored.split), item.split] {
        if let Some(reason) = rating::lock(split) {
            return Err(WorkbenchError::Refused(reason.to_owned()));
        }
    }
    if answer.trim().is_empty() {
        return Err(WorkbenchError::Refused("The answer is empty: write what would be right".to_owned()));
    }
    let answer = Message::new(Role::Assistant, answer.trim());
    let messages: Vec<_> = item.prompt.iter().cloned().chain([answer]).collect();
    let same = stored.filter(|stored| stored.example.prompt() == item.prompt);
    Ok(match same {
        Some(stored) => Edit::Several {
            label: format!("corrected answer of example {}", stored.number),
            edits: vec![
                Edit::SetMessages { id: stored.id, messages },
                Edit::SetSplit { ids: vec![stored.id], split: Split::Train },
            ],
        },
        None => Edit::Insert {
            example: Example { tools: item.tools.clone(), ..Example::from(messages) },
            split: Split::Train,
        },
    })
}

/// The folder that a run's sessions are kept in: its project's, or else its own.
pub fn folder_for(run_dir: &Path) -> PathBuf {
    let runs = run_dir.parent().filter(|folder| folder.file_name().is_some_and(|name| name == "runs"));
    let project = runs.and_then(Path::parent).filter(|folder| Project::open(folder).is_ok());
    rating::folder_of(project.unwrap_or(run_dir))
}

#[cfg(test)]
mod tests;
