//! What the compare screen knows: the held-out examples, the prompt in hand, and the answers, kept with their run.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::held_out::{self, HeldOut};
use super::pair::{Outdated, Pair};
use super::queue::{Asked, Key, Queue, own_prompt};
use crate::app::screens::data::start::Start;
use crate::app::screens::runs::state::usable;
use crate::data::{Message, Role, Split};
use crate::engine::{EventKind, JobId, JobSpec, Outcome, Reply};
use crate::evaluate::KeptPair;
use crate::generate::Sampling;
use crate::project::{ProjectState, RunRecord, StoredExample};

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
    pairs: HashMap<Key, Pair>,
    /// Of the chosen run.
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
    loading: Option<JobId>,
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

    /// Of the chosen run, the kept answers are asked for.
    fn follow_run(&mut self, runs: &[RunRecord], jobs: &mut dyn Start) {
        let Some(run) = self.chosen_run(runs).filter(|run| run.run_dir.starts_with(&self.folder)) else { return };
        self.adapter.clone_from(&run.adapter);
        if self.run_dir != run.run_dir {
            self.run_dir.clone_from(&run.run_dir);
            self.read_kept(jobs);
        }
    }

    fn read_kept(&mut self, jobs: &mut dyn Start) {
        let job = jobs.start(JobSpec::ReadAnswers { run_dir: self.run_dir.clone() });
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
                let asked = queries.map(|query| jobs.start(JobSpec::FindIds { project: project.clone(), query }));
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
        self.loading = Some(jobs.start(JobSpec::LoadExample { project: self.folder.clone(), id }));
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
            Reply::Example(example) if self.loading == Some(job) => {
                self.loading = None;
                self.open = Some(example.clone());
            }
            Reply::Example(example) => {
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
        if self.loading == Some(job) {
            self.loading = None;
            if has_failed {
                // It is gone from the project.
                self.open = None;
                self.wanted = None;
                self.selected = None;
            }
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
        jobs.start(JobSpec::KeepAnswers { run_dir: key.0.clone(), pair: Box::new(pair.kept.clone()) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::screens::data::rows::tests::page;
    use crate::engine::fake::FakeEngine;
    use crate::engine::protocol::Side;
    use crate::project::{Annotations, ExampleStatus, Settings, SplitCounts};
    use crate::recipe::{ModelRef, Recipe};

    fn project() -> ProjectState {
        ProjectState {
            folder: "p".into(),
            name: "p".to_owned(),
            counts: SplitCounts::default(),
            source: None,
            undo: None,
            redo: None,
            settings: Settings::default(),
            tokens_from: None,
            loss_from: None,
            num_queued: 0,
            content_revision: 1,
            has_dates: false,
            revision: 1,
            last_changed: None,
        }
    }

    fn run() -> RunRecord {
        RunRecord {
            name: "r".to_owned(),
            run_dir: "p/runs/r".into(),
            model: ModelRef::Starter,
            recipe: Recipe::new(ModelRef::Starter, "t".into()),
            status: crate::project::state::RunStatus::Completed,
            num_steps_done: 1,
            num_steps: 1,
            first_eval_loss: None,
            best_eval_loss: None,
            best_step: None,
            adapter: Some("p/runs/r/checkpoints/step-000001".into()),
            secs: 1.0,
        }
    }

    fn example(id: i64) -> StoredExample {
        let messages = vec![Message::new(Role::User, "hello"), Message::new(Role::Assistant, "hi")];
        StoredExample {
            id,
            number: 1,
            split: Split::Validation,
            status: ExampleStatus::Ready,
            example: messages.into(),
            annotations: Annotations::default(),
            content_key: 0,
        }
    }

    /// Tells the state everything that the engine was asked for and has not answered.
    fn answer_all(state: &mut CompareState, fake: &mut FakeEngine, from: usize) -> usize {
        for (job, spec) in fake.started().into_iter().skip(from) {
            match spec {
                JobSpec::Query { query, .. } => fake.answer(job, Reply::Rows(page(&query, 2))),
                JobSpec::LoadExample { id, .. } => fake.answer(job, Reply::Example(example(id))),
                JobSpec::FindIds { query, .. } if query.split == Some(Split::Test) => {
                    fake.answer(job, Reply::Ids(vec![3]))
                }
                JobSpec::FindIds { .. } => fake.answer(job, Reply::Ids(vec![1, 2])),
                _ => {}
            }
        }
        let num_started = fake.started().len();
        let events: Vec<_> = crate::engine::Backend::events(fake).try_iter().collect();
        for event in events {
            state.on_event(event.job, &event.kind, &[run()], fake);
        }
        num_started
    }

    /// The first held-out example is open.
    fn opened() -> (CompareState, FakeEngine, usize) {
        let (mut state, mut fake) = (CompareState::default(), FakeEngine::default());
        state.tick(&project(), &[run()], &mut fake);
        let asked = answer_all(&mut state, &mut fake, 0);
        assert_eq!(state.held_out.num_matching(), Some(4));
        state.tick(&project(), &[run()], &mut fake);
        let asked = answer_all(&mut state, &mut fake, asked);
        assert_eq!(state.expected(), Some("hi"));
        (state, fake, asked)
    }

    fn compare_job(fake: &FakeEngine) -> JobId {
        fake.last_job(|spec| matches!(spec, JobSpec::Compare { .. })).unwrap()
    }

    fn token(state: &mut CompareState, fake: &mut FakeEngine, side: Side, text: &str) {
        let job = compare_job(fake);
        state.on_event(job, &EventKind::Token { side, text: text.to_owned() }, &[run()], fake);
    }

    fn finish(state: &mut CompareState, fake: &mut FakeEngine) {
        let job = compare_job(fake);
        for side in [Side::Before, Side::After] {
            let end = EventKind::AnswerDone { side, num_tokens: 1, tokens_per_sec: 1.0, ended_by_itself: true };
            state.on_event(job, &end, &[run()], fake);
        }
        state.on_event(job, &EventKind::Finished(Outcome::Completed), &[run()], fake);
    }

    fn num_compared(fake: &FakeEngine) -> usize {
        fake.started().iter().filter(|(_, spec)| matches!(spec, JobSpec::Compare { .. })).count()
    }

    fn kept(fake: &FakeEngine) -> Vec<KeptPair> {
        let of = |(_, spec): (_, JobSpec)| match spec {
            JobSpec::KeepAnswers { pair, .. } => Some(*pair),
            _ => None,
        };
        fake.started().into_iter().filter_map(of).collect()
    }

    #[test]
    fn lists_both_held_out_parts_and_streams_two_answers() {
        let (mut state, mut fake, _) = opened();
        state.apply(CompareAction::Answer, &[run()], &mut fake);
        token(&mut state, &mut fake, Side::Before, "He");
        token(&mut state, &mut fake, Side::Before, "llo");
        let pair = state.pair().unwrap();
        assert!(pair.is_writing(Side::Before) && pair.is_writing(Side::After), "both at once");
        state.on_event(JobId(0), &EventKind::Token { side: Side::Before, text: "stale".to_owned() }, &[], &mut fake);
        assert_eq!(state.pair().unwrap().kept.before.text, "Hello");
        finish(&mut state, &mut fake);
        assert!(!state.is_answering() && state.pair_of(1).is_some());

        state.apply(CompareAction::Select(1), &[run()], &mut fake);
        assert!(state.pair().is_none());
        state.apply(CompareAction::Select(0), &[run()], &mut fake);
        assert_eq!(state.pair().unwrap().kept.before.text, "Hello", "an earlier answer is kept");
        assert_eq!(kept(&fake), [state.pair().unwrap().kept.clone()], "with its run");
    }

    #[test]
    fn a_second_prompt_waits_for_the_first() {
        let (mut state, mut fake, asked) = opened();
        state.apply(CompareAction::Answer, &[run()], &mut fake);
        token(&mut state, &mut fake, Side::Before, "one");
        state.apply(CompareAction::Select(1), &[run()], &mut fake);
        let asked = answer_all(&mut state, &mut fake, asked);
        state.apply(CompareAction::Answer, &[run()], &mut fake);
        state.apply(CompareAction::Answer, &[run()], &mut fake);
        assert_eq!((state.place(), num_compared(&fake), state.is_answering()), (Some(1), 1, false));
        assert!(fake.signals().is_empty(), "the first was stopped");
        state.apply(CompareAction::Unqueue, &[run()], &mut fake);
        assert_eq!((state.place(), state.queue.num_waiting()), (None, 0));
        state.apply(CompareAction::Answer, &[run()], &mut fake);
        assert_eq!(state.queue.done_of(), Some((0, 2)));
        finish(&mut state, &mut fake);
        answer_all(&mut state, &mut fake, asked);
        assert_eq!((state.is_answering(), num_compared(&fake)), (true, 2));

        // Stopped half-way: kept, and not complete.
        token(&mut state, &mut fake, Side::After, "tw");
        state.apply(CompareAction::Stop, &[run()], &mut fake);
        let job = compare_job(&fake);
        state.on_event(job, &EventKind::Finished(Outcome::Stopped), &[run()], &mut fake);
        assert!(!state.queue.is_busy() && !state.pair().unwrap().is_complete());
        assert_eq!(kept(&fake).last().unwrap().after.text, "tw");
    }

    #[test]
    fn all_are_answered_one_after_the_other_and_only_those_that_lack_it() {
        let (mut state, mut fake, mut asked) = opened();
        state.apply(CompareAction::Answer, &[run()], &mut fake);
        token(&mut state, &mut fake, Side::After, "hi");
        finish(&mut state, &mut fake);
        state.apply(CompareAction::AnswerAll, &[run()], &mut fake);
        for num in [2, 3] {
            for _ in 0..2 {
                asked = answer_all(&mut state, &mut fake, asked);
            }
            assert_eq!(num_compared(&fake), num, "example 1 is answered already");
            token(&mut state, &mut fake, Side::After, "hi");
            finish(&mut state, &mut fake);
        }
        answer_all(&mut state, &mut fake, asked);
        assert!(!state.queue.is_busy() && state.pair_of(2).is_some() && state.pair_of(3).is_some());
        assert_eq!(kept(&fake).len(), 3);
    }

    #[test]
    fn kept_answers_are_there_again_and_say_when_they_are_outdated() {
        let (mut state, mut fake, _) = opened();
        let end = Some(crate::evaluate::AnswerEnd { num_tokens: 1, tokens_per_sec: 1.0, ended_by_itself: true });
        let answer = |text: &str| crate::evaluate::Answer { text: text.to_owned(), end };
        let kept = KeptPair {
            example: Some(1),
            prompt: example(1).example.prompt().to_vec(),
            expected: Some("hi".to_owned()),
            sampling: Sampling::default(),
            adapter: "step-000001".to_owned(),
            at: String::new(),
            before: answer("no"),
            after: answer("hi"),
        };
        let other = KeptPair { example: Some(2), expected: Some("ho".to_owned()), ..kept.clone() };
        let job = fake.last_job(|spec| matches!(spec, JobSpec::ReadAnswers { .. })).unwrap();
        fake.answer(job, Reply::Answers(vec![kept.clone(), other]));
        answer_all(&mut state, &mut fake, usize::MAX);
        let pair = state.pair().unwrap().clone();
        assert_eq!((&pair.kept, state.outdated(&pair)), (&kept, None));

        state.apply(CompareAction::Select(1), &[run()], &mut fake);
        state.open = Some(example(2));
        assert_eq!(state.outdated(state.pair().unwrap()), Some(Outdated::Example));
        let newer = RunRecord { adapter: Some("p/runs/r/checkpoints/step-000009".into()), ..run() };
        state.tick(&project(), &[newer], &mut fake);
        assert_eq!(state.outdated(&pair), Some(Outdated::Weights));
    }

    #[test]
    fn an_own_prompt_needs_words_and_has_no_expected_answer() {
        let (mut state, mut fake, runs) = (CompareState::default(), FakeEngine::default(), [run()]);
        assert!(state.problem(&[]).is_some());
        state.apply(CompareAction::OwnPrompt(true), &runs, &mut fake);
        assert!(state.problem(&runs).is_some());
        state.apply(CompareAction::User("a question".to_owned()), &runs, &mut fake);
        assert_eq!((state.problem(&runs), state.expected()), (None, None));
        assert_eq!(state.prompt().len(), 1);
    }
}
