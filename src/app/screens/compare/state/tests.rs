use super::*;
use crate::app::rows::tests::page;
use crate::engine::ComputeJob;
use crate::engine::fake::FakeEngine;
use crate::engine::protocol::Side;
use crate::project::{Annotations, ExampleStatus, Settings, SplitCounts};
use crate::recipe::{ModelRef, Recipe};

fn project() -> ProjectState {
    ProjectState {
        is_read_only: false,
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
        status: crate::run::RunStatus::Completed,
        num_steps_done: 1,
        num_steps: 1,
        first_eval_loss: None,
        best_eval_loss: None,
        best_step: None,
        adapter: Some("p/runs/r/checkpoints/step-000001".into()),
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
fn answer_all(state: &mut CompareState, fake: &mut FakeEngine, from: usize) -> usize {
    for (job, spec) in fake.started().into_iter().skip(from) {
        match spec {
            JobSpec::Store(StoreJob::Query { query, .. }) => fake.answer(job, Reply::Rows(page(&query, 2))),
            JobSpec::Store(StoreJob::LoadExample { id, .. }) => fake.answer(job, Reply::Example(example(id))),
            JobSpec::Store(StoreJob::FindIds { query, .. }) if query.split == Some(Split::Test) => {
                fake.answer(job, Reply::Ids(vec![3]))
            }
            JobSpec::Store(StoreJob::FindIds { .. }) => fake.answer(job, Reply::Ids(vec![1, 2])),
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
    fake.last_job(|spec| matches!(spec, JobSpec::Compute(ComputeJob::Compare { .. }))).unwrap()
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
    fake.started().iter().filter(|(_, spec)| matches!(spec, JobSpec::Compute(ComputeJob::Compare { .. }))).count()
}

fn kept(fake: &FakeEngine) -> Vec<KeptPair> {
    let of = |(_, spec): (_, JobSpec)| match spec {
        JobSpec::Store(StoreJob::KeepAnswers { pair, .. }) => Some(*pair),
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
    let job = fake.last_job(|spec| matches!(spec, JobSpec::Io(IoJob::ReadAnswers { .. }))).unwrap();
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
