//! What the compare screen knows: the held-out examples, the prompt in hand, and both answers as they are written.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

use crate::app::screens::data::rows::Rows;
use crate::app::screens::data::start::Start;
use crate::app::screens::runs::state::usable;
use crate::data::{Message, Role, Split};
use crate::engine::protocol::{CompareRequest, Side};
use crate::engine::{EventKind, Failure, JobId, JobSpec, Outcome, Reply};
use crate::generate::Sampling;
use crate::project::{ExampleQuery, ExampleRow, ProjectState, RunRecord, StoredExample};

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
    System(String),
    User(String),
    /// The run's name.
    Run(String),
    Sampling(Sampling),
    Highlight(Highlight),
    Answer,
    Stop,
    Scrolled,
}

/// One side's answer, as far as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    pub text: String,
    pub done: Option<AnswerEnd>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnswerEnd {
    pub num_tokens: usize,
    pub tokens_per_sec: f64,
    pub ended_by_itself: bool,
}

/// Both answers to one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    pub request: CompareRequest,
    /// The held-out example that was asked; none for a prompt of one's own.
    pub example: Option<i64>,
    /// The data set's answer.
    pub expected: Option<String>,
    pub before: Answer,
    pub after: Answer,
    /// Still being written.
    pub job: Option<JobId>,
    pub failure: Option<Failure>,
}

impl Pair {
    pub fn side(&self, side: Side) -> &Answer {
        match side {
            Side::Before => &self.before,
            Side::After => &self.after,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut Answer {
        match side {
            Side::Before => &mut self.before,
            Side::After => &mut self.after,
        }
    }

    /// Which side is being written now.
    pub fn writing(&self) -> Option<Side> {
        self.job?;
        match (&self.before.done, &self.after.done) {
            (None, _) => Some(Side::Before),
            (Some(_), None) => Some(Side::After),
            (Some(_), Some(_)) => None,
        }
    }
}

/// Validation and test examples, one after the other.
#[derive(Default)]
pub struct HeldOut {
    validation: Rows,
    test: Rows,
}

impl HeldOut {
    fn want(&mut self, search: &str, revision: u64) {
        let query = |split| ExampleQuery { search: search.trim().to_owned(), split: Some(split), ..Default::default() };
        self.validation.want(&query(Split::Validation), revision);
        self.test.want(&query(Split::Test), revision);
    }

    pub fn num_matching(&self) -> Option<u64> {
        Some(self.validation.num_matching()? + self.test.num_matching()?)
    }

    pub fn get(&self, index: u64) -> Option<&ExampleRow> {
        let num_validation = self.validation.num_matching()?;
        if index < num_validation { self.validation.get(index) } else { self.test.get(index - num_validation) }
    }

    /// The parts of a range that lie in validation and in test.
    fn parts(&self, range: &Range<u64>) -> (Range<u64>, Range<u64>) {
        let num = self.validation.num_matching().unwrap_or(0);
        (range.start.min(num)..range.end.min(num), range.start.saturating_sub(num)..range.end.saturating_sub(num))
    }

    pub fn needs(&self, range: &Range<u64>) -> bool {
        let (validation, test) = self.parts(range);
        (!validation.is_empty() && self.validation.needs(&validation)) || (!test.is_empty() && self.test.needs(&test))
    }

    fn fetch(&mut self, range: &Range<u64>, project: &std::path::Path, jobs: &mut dyn Start) {
        let (validation, test) = self.parts(range);
        if self.validation.is_stale() || !validation.is_empty() {
            self.validation.fetch(&validation, project, jobs);
        }
        if self.test.is_stale() || !test.is_empty() {
            self.test.fetch(&test, project, jobs);
        }
    }

    pub fn is_stale(&self) -> bool {
        self.validation.is_stale() || self.test.is_stale()
    }
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
    pub system: String,
    pub user: String,
    /// Chosen by name; the newest that has weights, where none is chosen.
    pub run: Option<String>,
    pub sampling: Sampling,
    pub highlight: Highlight,
    /// The pair of the prompt in hand.
    pub pair: Option<Pair>,
    /// Earlier pairs by example, to come back to.
    earlier: HashMap<i64, Pair>,
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
        let mut prompt = Vec::new();
        if !self.system.trim().is_empty() {
            prompt.push(Message::new(Role::System, self.system.trim()));
        }
        prompt.push(Message::new(Role::User, self.user.trim()));
        prompt
    }

    pub fn expected(&self) -> Option<&str> {
        if self.is_own { None } else { self.opened()?.example.answer() }
    }

    /// The example in hand, once it is there.
    pub fn opened(&self) -> Option<&StoredExample> {
        self.open.as_ref().filter(|open| Some(open.id) == self.wanted)
    }

    pub fn is_answering(&self) -> bool {
        self.pair.as_ref().is_some_and(|pair| pair.job.is_some())
    }

    /// The finished pair of an example, if there is one.
    pub fn pair_of(&self, id: i64) -> Option<&Pair> {
        let in_hand = self.pair.as_ref().filter(|pair| pair.example == Some(id));
        in_hand.or_else(|| self.earlier.get(&id)).filter(|pair| pair.job.is_none() && pair.failure.is_none())
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

    /// Follows the project, and opens the first example.
    pub fn tick(&mut self, project: &ProjectState, jobs: &mut dyn Start) {
        if project.folder != self.folder {
            *self = Self { folder: project.folder.clone(), ..Self::default() };
        }
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
            CompareAction::OwnPrompt(is_own) => self.set_own(is_own, jobs),
            CompareAction::System(text) => self.system = text,
            CompareAction::User(text) => self.user = text,
            CompareAction::Run(name) => {
                self.put_away(jobs);
                self.earlier.clear();
                self.run = Some(name);
            }
            CompareAction::Sampling(sampling) => self.sampling = sampling,
            CompareAction::Highlight(highlight) => self.highlight = highlight,
            CompareAction::Answer => self.answer(runs, jobs),
            CompareAction::Stop => {
                if let Some(job) = self.pair.as_ref().and_then(|pair| pair.job) {
                    jobs.stop(job);
                }
            }
            CompareAction::Scrolled => self.scroll_to = None,
        }
    }

    fn set_own(&mut self, is_own: bool, jobs: &mut dyn Start) {
        if self.is_own == is_own {
            return;
        }
        self.put_away(jobs);
        self.is_own = is_own;
        if !is_own {
            self.pair = self.wanted.and_then(|id| self.earlier.get(&id)).cloned();
        }
        if is_own && !self.is_system_set {
            // The tuned model was taught under the data set's system message.
            self.is_system_set = true;
            let first = self.open.as_ref().and_then(|open| open.example.messages.first());
            self.system = first.filter(|m| m.role == Role::System).map(|m| m.content.clone()).unwrap_or_default();
        }
    }

    /// Stops what is being written; a finished pair can be come back to.
    fn put_away(&mut self, jobs: &mut dyn Start) {
        let Some(pair) = self.pair.take() else { return };
        match (pair.job, pair.example) {
            (Some(job), _) => jobs.stop(job),
            (None, Some(id)) if pair.failure.is_none() => drop(self.earlier.insert(id, pair)),
            _ => {}
        }
    }

    fn select(&mut self, row: u64, jobs: &mut dyn Start) {
        self.selected = Some(row);
        self.scroll_to = Some(row);
        let Some(id) = self.held_out.get(row).map(|row| row.id) else { return };
        if self.is_own || self.wanted != Some(id) {
            self.put_away(jobs);
            self.is_own = false;
            self.pair = self.earlier.get(&id).cloned();
            self.load(id, jobs);
        }
    }

    fn load(&mut self, id: i64, jobs: &mut dyn Start) {
        self.wanted = Some(id);
        self.loading = Some(jobs.start(JobSpec::LoadExample { project: self.folder.clone(), id }));
    }

    fn answer(&mut self, runs: &[RunRecord], jobs: &mut dyn Start) {
        if self.problem(runs).is_some() || self.is_answering() {
            return;
        }
        let Some(run) = self.chosen_run(runs) else { return };
        let request = CompareRequest {
            model: run.model.clone(),
            adapter: run.adapter.clone(),
            prompt: self.prompt(),
            tools: self.opened().filter(|_| !self.is_own).map(|open| open.example.tools.clone()).unwrap_or_default(),
            sampling: self.sampling.clone(),
        };
        let job = jobs.start(JobSpec::Compare { request: request.clone() });
        let (before, after) = (Answer::default(), Answer::default());
        let expected = self.expected().map(str::to_owned);
        let example = self.opened().filter(|_| !self.is_own).map(|open| open.id);
        self.pair = Some(Pair { request, example, expected, before, after, job: Some(job), failure: None });
    }

    pub fn on_event(&mut self, job: JobId, event: &EventKind) {
        match event {
            EventKind::Reply(reply) => self.on_reply(job, reply),
            EventKind::Finished(outcome) => self.on_finished(job, outcome),
            _ => {}
        }
        let Some(pair) = self.pair.as_mut().filter(|pair| pair.job == Some(job)) else { return };
        match event {
            EventKind::Token { side, text } => pair.side_mut(*side).text.push_str(text),
            EventKind::AnswerDone { side, num_tokens, tokens_per_sec, ended_by_itself } => {
                pair.side_mut(*side).done = Some(AnswerEnd {
                    num_tokens: *num_tokens,
                    tokens_per_sec: *tokens_per_sec,
                    ended_by_itself: *ended_by_itself,
                });
            }
            EventKind::Finished(outcome) => {
                pair.job = None;
                if let Outcome::Failed(failure) = outcome {
                    pair.failure = Some(failure.clone());
                }
            }
            _ => {}
        }
    }

    fn on_reply(&mut self, job: JobId, reply: &Reply) {
        match reply {
            Reply::Rows(page) => {
                let _ = self.held_out.validation.on_rows(job, page) || self.held_out.test.on_rows(job, page);
            }
            Reply::Example(example) if self.loading == Some(job) => {
                self.loading = None;
                self.open = Some(example.clone());
            }
            _ => {}
        }
    }

    fn on_finished(&mut self, job: JobId, outcome: &Outcome) {
        let has_failed = matches!(outcome, Outcome::Failed(_));
        self.held_out.validation.on_end(job, has_failed);
        self.held_out.test.on_end(job, has_failed);
        if self.loading == Some(job) {
            self.loading = None;
            if matches!(outcome, Outcome::Failed(_)) {
                // It is gone from the project.
                self.open = None;
                self.wanted = None;
                self.selected = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::screens::data::rows::tests::page;
    use crate::engine::fake::FakeEngine;
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
            run_dir: "r".into(),
            model: ModelRef::Starter,
            recipe: Recipe::new(ModelRef::Starter, "t".into()),
            status: crate::project::state::RunStatus::Completed,
            num_steps_done: 1,
            num_steps: 1,
            first_eval_loss: None,
            best_eval_loss: None,
            best_step: None,
            adapter: Some("r/a".into()),
            about: Default::default(),
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
    fn answer_all(state: &mut CompareState, fake: &FakeEngine, from: usize) -> usize {
        for (job, spec) in fake.started().into_iter().skip(from) {
            match spec {
                JobSpec::Query { query, .. } => fake.answer(job, Reply::Rows(page(&query, 2))),
                JobSpec::LoadExample { id, .. } => fake.answer(job, Reply::Example(example(id))),
                _ => {}
            }
        }
        for event in crate::engine::Backend::events(fake).try_iter() {
            state.on_event(event.job, &event.kind);
        }
        fake.started().len()
    }

    #[test]
    fn lists_both_held_out_parts_and_streams_two_answers() {
        let (mut state, mut fake, runs) = (CompareState::default(), FakeEngine::default(), [run()]);
        state.tick(&project(), &mut fake);
        let asked = answer_all(&mut state, &fake, 0);
        assert_eq!(state.held_out.num_matching(), Some(4));
        state.tick(&project(), &mut fake);
        answer_all(&mut state, &fake, asked);
        assert_eq!(state.expected(), Some("hi"));

        state.apply(CompareAction::Answer, &runs, &mut fake);
        let job = fake.last_job(|spec| matches!(spec, JobSpec::Compare { .. })).unwrap();
        state.on_event(job, &EventKind::Token { side: Side::Before, text: "He".to_owned() });
        state.on_event(job, &EventKind::Token { side: Side::Before, text: "llo".to_owned() });
        assert_eq!(state.pair.as_ref().unwrap().writing(), Some(Side::Before));
        state.on_event(JobId(0), &EventKind::Token { side: Side::Before, text: "stale".to_owned() });
        assert_eq!(state.pair.as_ref().unwrap().before.text, "Hello");
        state.on_event(job, &EventKind::Finished(Outcome::Completed));
        assert!(!state.is_answering() && state.pair_of(1).is_some());

        state.apply(CompareAction::Select(1), &runs, &mut fake);
        assert!(state.pair.is_none());
        state.apply(CompareAction::Select(0), &runs, &mut fake);
        assert_eq!(state.pair.as_ref().unwrap().before.text, "Hello", "an earlier answer is kept");
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
