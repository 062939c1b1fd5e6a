//! What the compare screen knows: the held-out examples, the prompt in hand, and the answers, kept with their run.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::blind::{BlindAction, BlindState};
use super::held_out::{self, HeldOut};
use super::pair::{Outdated, Pair, name_of};
use super::queue::{Asked, Key, Queue, own_prompt};
use crate::app::screens::runs::state::usable;
use crate::app::start::Start;
use crate::app::ticket::Ticket;
use crate::data::{Message, Role, Split};
use crate::engine::{EventKind, IoJob, JobId, JobSpec, Outcome, Reply, StoreJob};
use crate::evaluate::KeptPair;
use crate::generate::Sampling;
use crate::project::{ProjectState, StoredExample};
use crate::run::RunRecord;

/// What is highlighted in the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Highlight {
    #[default]
    BeforeToAfter,
    AgainstExpected,
    Off,
}

/// What a person did on this screen.
#[derive(Debug, Clone, PartialEq)]
pub enum CompareAction {
    Search(String),
    Visible(Range<u64>),
    Select(u64),
    Step(i64),
    /// To a prompt of one's own, and back to the held-out examples.
    OwnPrompt(bool),
    /// The field of one's own prompt has the keyboard.
    Focused,
    System(String),
    User(String),
    /// The run's name.
    Run(String),
    Sampling(Sampling),
    Highlight(Highlight),
    /// At once, or when its turn comes.
    Answer,
    /// All of the list that have no answers of these weights yet, else all.
    AnswerAll,
    /// Takes the prompt in hand out of the queue.
    Unqueue,
    /// What is being answered, and all that waits.
    Stop,
    Scrolled,
    Blind(BlindAction),
}

/// See the module.
#[derive(Default)]
pub struct CompareState {
    pub search: String,
    pub held_out: HeldOut,
    pub selected: Option<u64>,
    pub scroll_to: Option<u64>,
    pub open: Option<StoredExample>,
    /// A prompt of one's own is asked instead of a held-out one.
    pub is_own: bool,
    /// The field for it is to get the keyboard.
    pub wants_focus: bool,
    pub system: String,
    pub user: String,
    /// Chosen by name; the newest that has weights, where none is chosen.
    pub run: Option<String>,
    pub sampling: Sampling,
    pub highlight: Highlight,
    pub queue: Queue,
    pub blind: BlindState,
    pairs: HashMap<Key, Pair>,
    /// The folder of the chosen run.
    run_dir: PathBuf,
    adapter: Option<PathBuf>,
    /// The run whose kept answers were asked for last.
    reading: Option<(JobId, PathBuf)>,
    /// The lists of examples that are all to be answered.
    finding: Vec<JobId>,
    found: Vec<i64>,
    folder: PathBuf,
    revision: u64,
    /// The example that is to be open; it may still be on its way.
    wanted: Option<i64>,
    loading: Ticket<StoredExample>,
    is_system_set: bool,
}

impl CompareState {
    /// The run whose adapter answers.
    pub fn chosen_run<'a>(&self, runs: &'a [RunRecord]) -> Option<&'a RunRecord> {
        usable(runs, self.run.as_deref())
    }

    /// Everything before the answer.
    pub fn prompt(&self) -> Vec<Message> {
        if !self.is_own {
            return self.opened().map(|open| open.example.prompt().to_vec()).unwrap_or_default();
        }
        own_prompt(&self.system, &self.user)
    }

    pub fn expected(&self) -> Option<&str> {
        if self.is_own { None } else { self.opened()?.example.answer() }
    }

    /// The example in hand, once it is there.
    pub fn opened(&self) -> Option<&StoredExample> {
        self.open.as_ref().filter(|open| Some(open.id) == self.wanted)
    }

    /// Whose answers are in view.
    fn key(&self) -> Option<Key> {
        let example = if self.is_own { None } else { Some(self.wanted?) };
        Some((self.run_dir.clone(), example))
    }

    /// The answers to the prompt in hand.
    pub fn pair(&self) -> Option<&Pair> {
        self.pairs.get(&self.key()?)
    }

    /// The complete answers to an example, if there are any.
    pub fn pair_of(&self, id: i64) -> Option<&Pair> {
        self.pairs.get(&(self.run_dir.clone(), Some(id))).filter(|pair| pair.is_complete())
    }

    /// Held-out prompts, and one's own, that have both answers of the run's weights of now.
    pub fn num_answered(&self) -> usize {
        let weights = self.adapter.as_deref().map(name_of);
        let is_now = |pair: &&Pair| pair.is_complete() && Some(&pair.kept.adapter) == weights.as_ref();
        let of_run = self.pairs.iter().filter(|((run_dir, _), _)| *run_dir == self.run_dir);
        of_run.map(|(_, pair)| pair).filter(is_now).count()
    }

    pub fn outdated(&self, pair: &Pair) -> Option<Outdated> {
        pair.outdated(self.adapter.as_deref(), self.opened())
    }

    /// Where the prompt in hand stands in the queue, from 1.
    pub fn place(&self) -> Option<usize> {
        self.queue.place_of(&self.key()?)
    }

    pub fn place_of(&self, id: i64) -> Option<usize> {
        self.queue.place_of(&(self.run_dir.clone(), Some(id)))
    }

    /// The prompt in hand is being answered.
    pub fn is_answering(&self) -> bool {
        self.key().is_some_and(|key| self.queue.is_now(&key))
    }

    /// Why nothing can be answered yet.
    pub fn problem(&self, runs: &[RunRecord]) -> Option<String> {
        if self.chosen_run(runs).is_none() {
            return Some("Needs a run that has saved weights".to_owned());
        }
        let is_empty = self.prompt().last().is_none_or(|message| message.content.trim().is_empty());
        match (is_empty, self.is_own) {
            (true, true) => Some("Type what the model is asked".to_owned()),
            (true, false) => Some("Choose a held-out example".to_owned()),
            _ => None,
        }
    }

    /// Follows the project and its runs, and opens the first example.
    pub fn tick(&mut self, project: &ProjectState, runs: &[RunRecord], jobs: &mut dyn Start) {
        if project.folder != self.folder {
            self.close(jobs);
            self.queue.stop(jobs);
            *self = Self { folder: project.folder.clone(), ..Self::default() };
        }
        self.follow_run(runs, jobs);
        self.blind.list(&self.folder, jobs);
        self.held_out.want(&self.search, project.revision);
        if self.held_out.is_stale() {
            self.held_out.fetch(&(0..1), &self.folder, jobs);
        }
        if project.revision != self.revision {
            self.revision = project.revision;
            if let Some(id) = self.wanted {
                self.load(id, jobs);
            }
        }
        if self.selected.is_none() && self.held_out.get(0).is_some() && !self.held_out.is_stale() {
            self.select(0, jobs);
        }
    }

    /// Asks for the kept answers of the chosen run.
    fn follow_run(&mut self, runs: &[RunRecord], jobs: &mut dyn Start) {
        let Some(run) = self.chosen_run(runs).filter(|run| run.run_dir.starts_with(&self.folder)) else { return };
        self.adapter.clone_from(&run.adapter);
        if self.run_dir != run.run_dir {
            self.run_dir.clone_from(&run.run_dir);
            self.read_kept(jobs);
        }
    }

    fn read_kept(&mut self, jobs: &mut dyn Start) {
        let job = jobs.start(JobSpec::Io(IoJob::ReadAnswers { run_dir: self.run_dir.clone() }));
        self.reading = Some((job, self.run_dir.clone()));
    }

    /// Before the window or the project closes: what is written so far is kept.
    pub fn close(&self, jobs: &mut dyn Start) {
        for (key, pair) in self.pairs.iter().filter(|(_, pair)| pair.job.is_some()) {
            keep(key, pair, jobs);
        }
    }

    pub fn apply(&mut self, action: CompareAction, runs: &[RunRecord], jobs: &mut dyn Start) {
        match action {
            CompareAction::Search(text) => {
                self.search = text;
                self.selected = None;
                self.scroll_to = Some(0);
            }
            CompareAction::Visible(range) => self.held_out.fetch(&range, &self.folder, jobs),
            CompareAction::Select(row) => self.select(row, jobs),
            CompareAction::Step(by) => {
                let last = self.held_out.num_matching().unwrap_or(0).saturating_sub(1);
                let row = self.selected.map_or(0, |row| row.saturating_add_signed(by)).min(last);
                self.select(row, jobs);
            }
            CompareAction::OwnPrompt(is_own) => self.set_own(is_own),
            CompareAction::Focused => self.wants_focus = false,
            CompareAction::System(text) => self.system = text,
            CompareAction::User(text) => self.user = text,
            CompareAction::Run(name) => {
                self.run = Some(name);
                self.follow_run(runs, jobs);
            }
            CompareAction::Sampling(sampling) => self.sampling = sampling,
            CompareAction::Highlight(highlight) => self.highlight = highlight,
            CompareAction::Answer => self.answer(runs, jobs),
            CompareAction::AnswerAll => {
                let parts = [Split::Validation, Split::Test];
                let queries = parts.map(|part| held_out::query(part, &self.search));
                let project = &self.folder;
                let asked = queries
                    .map(|query| jobs.start(JobSpec::Store(StoreJob::FindIds { project: project.clone(), query })));
                (self.finding, self.found) = (asked.to_vec(), Vec::new());
            }
            CompareAction::Unqueue => {
                if let Some(key) = self.key() {
                    self.queue.remove(&key);
                }
            }
            CompareAction::Stop => {
                self.finding.clear();
                self.queue.stop(jobs);
            }
            CompareAction::Scrolled => self.scroll_to = None,
            // Applied by itself: it has effects on the rest of the window.
            CompareAction::Blind(_) => {}
        }
    }

    fn set_own(&mut self, is_own: bool) {
        self.is_own = is_own;
        self.wants_focus = is_own;
        if !is_own || self.is_system_set {
            return;
        }
        self.is_system_set = true;
        let last = self.pair().map(|pair| pair.kept.prompt.clone());
        let of = |prompt: &[Message], role: Role| prompt.iter().find(|m| m.role == role).map(|m| m.content.clone());
        match last {
            Some(prompt) => {
                self.system = of(&prompt, Role::System).unwrap_or_default();
                self.user = of(&prompt, Role::User).unwrap_or_default();
            }
            // The tuned model was taught under the data set's system message.
            None => {
                let first = self.open.as_ref().map(|open| &open.example.messages[..]).unwrap_or_default();
                self.system = of(first, Role::System).unwrap_or_default();
            }
        }
    }

    fn select(&mut self, row: u64, jobs: &mut dyn Start) {
        self.selected = Some(row);
        self.scroll_to = Some(row);
        let Some(id) = self.held_out.get(row).map(|row| row.id) else { return };
        self.is_own = false;
        if self.wanted != Some(id) {
            self.load(id, jobs);
        }
    }

    fn load(&mut self, id: i64, jobs: &mut dyn Start) {
        self.wanted = Some(id);
        self.loading.ask(JobSpec::Store(StoreJob::LoadExample { project: self.folder.clone(), id }), jobs);
    }

    fn answer(&mut self, runs: &[RunRecord], jobs: &mut dyn Start) {
        if self.problem(runs).is_some() {
            return;
        }
        self.follow_run(runs, jobs);
        let example = self.wanted.filter(|_| !self.is_own);
        let own = if self.is_own { self.prompt() } else { Vec::new() };
        let asked = self.chosen_run(runs).and_then(|run| Asked::new(&self.folder, run, example, own, &self.sampling));
        if let Some(asked) = asked {
            self.queue.push(asked);
            self.go_on(jobs);
        }
    }

    /// All lists are there: those without answers of these weights, or else all.
    fn answer_found(&mut self, runs: &[RunRecord], jobs: &mut dyn Start) {
        let found = std::mem::take(&mut self.found);
        let Some(run) = self.chosen_run(runs) else { return };
        let is_answered = |id: &i64| {
            let pair = self.pair_of(*id).filter(|pair| pair.kept.sampling == self.sampling);
            pair.is_some_and(|pair| self.outdated(pair).is_none())
        };
        let open: Vec<_> = found.iter().copied().filter(|id| !is_answered(id)).collect();
        let all = if open.is_empty() { found } else { open };
        let asked: Vec<_> = all
            .into_iter()
            .filter_map(|id| Asked::new(&self.folder, run, Some(id), Vec::new(), &self.sampling))
            .collect();
        asked.into_iter().for_each(|asked| self.queue.push(asked));
        self.go_on(jobs);
    }

    fn go_on(&mut self, jobs: &mut dyn Start) {
        let open = self.open.as_ref().filter(|open| Some(open.id) == self.wanted);
        let begun = self.queue.go_on(open, jobs);
        self.pairs.extend(begun);
    }

    pub fn on_event(&mut self, job: JobId, event: &EventKind, runs: &[RunRecord], jobs: &mut dyn Start) {
        if let Some(pair) = self.queue.answered_by(job).and_then(|key| self.pairs.get_mut(key)) {
            pair.on_event(event);
        }
        match event {
            EventKind::Reply(reply) => self.on_reply(job, reply, jobs),
            EventKind::Finished(outcome) => self.on_finished(job, outcome, runs, jobs),
            _ => {}
        }
    }

    fn on_reply(&mut self, job: JobId, reply: &Reply, jobs: &mut dyn Start) {
        match reply {
            Reply::Rows(page) => self.held_out.on_rows(job, page),
            Reply::Example(example) => {
                if self.loading.end(job) {
                    self.open = Some(example.clone());
                    return;
                }
                let begun = self.queue.on_example(job, example, jobs);
                self.pairs.extend(begun);
            }
            Reply::Ids(ids) if self.finding.contains(&job) => self.found.extend(ids),
            Reply::Answers(kept) => {
                if let Some((_, run_dir)) = self.reading.take_if(|(asked, _)| *asked == job) {
                    self.take_kept(&run_dir, kept);
                }
            }
            _ => {}
        }
    }

    /// The last to each prompt; what was asked in this session is newer.
    fn take_kept(&mut self, run_dir: &Path, kept: &[KeptPair]) {
        for pair in kept.iter().rev() {
            let key = (run_dir.to_owned(), pair.example);
            self.pairs.entry(key).or_insert_with(|| Pair { kept: pair.clone(), job: None, failure: None });
        }
    }

    fn on_finished(&mut self, job: JobId, outcome: &Outcome, runs: &[RunRecord], jobs: &mut dyn Start) {
        let has_failed = matches!(outcome, Outcome::Failed(_));
        self.held_out.on_end(job, has_failed);
        if self.loading.end(job) && has_failed {
            // It is gone from the project.
            self.open = None;
            self.wanted = None;
            self.selected = None;
        }
        if let Some(key) = self.queue.answered_by(job).cloned()
            && let Some(pair) = self.pairs.get(&key)
        {
            if pair.kept.is_empty() && !has_failed {
                // Stopped before a word: what was answered earlier, if anything, is shown again.
                self.pairs.remove(&key);
                self.read_kept(jobs);
            } else {
                keep(&key, pair, jobs);
            }
        }
        if self.queue.on_end(job, *outcome == Outcome::Completed) {
            self.go_on(jobs);
        }
        let num_finding = self.finding.len();
        self.finding.retain(|asked| *asked != job);
        if num_finding > 0 && self.finding.is_empty() {
            self.answer_found(runs, jobs);
        }
    }
}

/// With its run, also when it was stopped half-way.
fn keep(key: &Key, pair: &Pair, jobs: &mut dyn Start) {
    if !pair.kept.is_empty() {
        jobs.start(JobSpec::Store(StoreJob::KeepAnswers { run_dir: key.0.clone(), pair: Box::new(pair.kept.clone()) }));
    }
}

#[cfg(test)]
mod tests;
