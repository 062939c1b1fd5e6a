//! Short work beside a training, and what a run keeps of itself, through the engine's handle.

use std::path::PathBuf;

use tunewright::data::Message;
use tunewright::data::Role;
use tunewright::data::Split;
use tunewright::engine::protocol::CompareRequest;
use tunewright::engine::{Backend, ComputeJob, EventKind, IoJob, JobId, JobSpec, Outcome, Reply, TrainJob};
use tunewright::evaluate::EvaluationRequest;
use tunewright::generate::Sampling;
use tunewright::project::Project;
use tunewright::run::messages;
use tunewright::run::{RunRecord, RunStatus};
use tunewright::task::{Phase, Signal, Unit};
use tunewright::train::RunMessage;

use crate::engine::{Bench, tiny_model, tiny_recipe};

const MANY: i64 = 1_000_000;

fn compare(adapter: Option<PathBuf>) -> JobSpec {
    let request = CompareRequest {
        model: tiny_model(),
        adapter,
        prompt: vec![Message::new(Role::User, "question 3")],
        tools: Vec::new(),
        format: tunewright::recipe::ChatFormat::OF_MODEL,
        sampling: Sampling { max_new_tokens: 12, ..Sampling::default() },
    };
    JobSpec::Compute(ComputeJob::Compare { request })
}

fn evaluate(run: &RunRecord) -> JobSpec {
    let request = EvaluationRequest::of_run(&run.run_dir, &run.recipe, None, Split::Train, true);
    JobSpec::Compute(ComputeJob::Evaluate { request })
}

fn is_step(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Step(_))
}

/// Completes, having been started first.
fn completes(bench: &Bench, job: JobId) {
    let kinds = bench.events_of(job);
    assert_eq!(kinds.first(), Some(&EventKind::Started), "{kinds:?}");
    assert_eq!(kinds.last(), Some(&EventKind::Finished(Outcome::Completed)), "{kinds:?}");
}

fn stop(bench: &Bench, job: JobId) {
    bench.engine.control(job, Signal::Stop { save: true });
    assert_eq!(bench.events_of(job).last(), Some(&EventKind::Finished(Outcome::Stopped)));
}

#[test]
fn a_paused_run_lets_short_work_through_and_its_time_is_not_the_run_s() {
    let bench = Bench::with_examples(20);
    let run = bench.train(tiny_recipe(MANY));
    bench.wait_for(run, is_step);
    let record = bench.runs().remove(0);
    bench.engine.control(run, Signal::Pause);
    let began = std::time::Instant::now();
    for spec in [compare(None), evaluate(&record), evaluate(&record), compare(None)] {
        completes(&bench, bench.engine.start(spec));
    }
    let stood = began.elapsed().as_secs_f64();
    // One that fails doesn't concern the run.
    let kinds = bench.events_of(bench.engine.start(compare(Some("/no such adapter".into()))));
    assert!(matches!(kinds.last(), Some(EventKind::Finished(Outcome::Failed(_)))), "{kinds:?}");

    bench.engine.control(run, Signal::Run);
    // The first step may still be one of before the pause.
    for _ in 0..3 {
        let EventKind::Step(step) = bench.wait_for(run, is_step) else { unreachable!() };
        assert!(step.step_secs < stood, "{} s of a step in {stood} s", step.step_secs);
    }
    stop(&bench, run);
}

#[test]
fn a_stop_does_not_wait_for_a_guest_nor_end_it() {
    let bench = Bench::with_examples(20);
    let run = bench.train(tiny_recipe(MANY));
    bench.wait_for(run, is_step);
    bench.engine.control(run, Signal::Pause);
    let record = bench.runs().remove(0);
    let guest = bench.engine.start(evaluate(&record));
    bench.wait_for(guest, |kind| *kind == EventKind::Started);
    bench.engine.control(run, Signal::Stop { save: true });
    let mut ends = std::collections::HashMap::new();
    while ends.len() < 2 {
        let event = bench.engine.events().recv().unwrap();
        if let EventKind::Finished(outcome) = event.kind {
            ends.insert(event.job, outcome);
        }
    }
    assert_eq!(ends.remove(&run), Some(Outcome::Stopped));
    assert_eq!(ends.remove(&guest), Some(Outcome::Completed));
    assert_eq!(bench.runs()[0].status, RunStatus::Stopped);
}

#[test]
fn short_work_between_two_steps_changes_nothing_of_a_run() {
    const NUM_STEPS: i64 = 300;
    let bench = Bench::with_examples(20);
    let run = bench.train(tiny_recipe(NUM_STEPS));
    bench.wait_for(run, is_step);
    let record = bench.runs().remove(0);
    let guests = [compare(None), evaluate(&record), compare(None)].map(|spec| bench.engine.start(spec));
    let mut ended = Vec::new();
    while !ended.contains(&run) {
        let event = bench.engine.events().recv().unwrap();
        assert!(!matches!(event.kind, EventKind::Waiting(_)), "{event:?}");
        if let EventKind::Finished(outcome) = event.kind {
            assert_eq!(outcome, Outcome::Completed);
            ended.push(event.job);
        }
    }
    assert_eq!(ended[..3], guests, "the run was over before they had their turn");
    bench.events_of(bench.train(tiny_recipe(NUM_STEPS)));
    let runs = bench.runs();
    let adapter =
        |run: &RunRecord| std::fs::read(run.run_dir.join("checkpoints/step-000300/adapter_model.safetensors")).unwrap();
    assert!(adapter(&runs[0]) == adapter(&runs[1]), "a guest changed the weights");
    let curves = |run: &RunRecord| match bench.ask(JobSpec::Io(IoJob::ReadRun { run_dir: run.run_dir.clone() })).pop() {
        Some(Reply::Curves { steps, .. }) => steps.into_iter().map(|step| (step.step, step.loss)).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(curves(&runs[0]), curves(&runs[1]));
}

#[test]
fn where_memory_is_short_it_is_said_and_a_pause_lets_it_through() {
    let bench = Bench::with_memory(|| 1000).importing(20);
    let run = bench.train(tiny_recipe(MANY));
    bench.wait_for(run, is_step);
    let guest = bench.engine.start(compare(None));
    let EventKind::Waiting(short) = bench.wait_for(guest, |kind| matches!(kind, EventKind::Waiting(_))) else {
        unreachable!()
    };
    assert!(short.needed > 0 && short.free == 1000, "{short:?}");
    bench.engine.control(guest, Signal::Stop { save: false });
    assert_eq!(bench.events_of(guest), [EventKind::Finished(Outcome::Stopped)], "it started all the same");

    let guest = bench.engine.start(compare(None));
    bench.wait_for(guest, |kind| matches!(kind, EventKind::Waiting(_)));
    bench.engine.control(run, Signal::Pause);
    completes(&bench, guest);
    stop(&bench, run);
    completes(&bench, bench.engine.start(compare(None)));
}

#[test]
fn a_run_tells_what_it_does_before_its_first_step() {
    let bench = Bench::with_examples(20);
    let kinds = bench.events_of(bench.train(tiny_recipe(2)));
    let phases: Vec<_> =
        kinds.iter().filter_map(|kind| if let EventKind::Phase(phase) = kind { Some(*phase) } else { None }).collect();
    let expected = [Phase::LoadingModel, Phase::Freezing, Phase::Tokenizing, Phase::Evaluating, Phase::Training];
    assert_eq!(phases[..5], expected);
    let measuring = kinds.iter().skip_while(|kind| **kind != EventKind::Phase(Phase::Evaluating)).nth(1);
    let Some(EventKind::Progress { done: 0, total: Some(total), unit: Unit::Examples }) = measuring else {
        panic!("{measuring:?}")
    };
    let facts = kinds.iter().find_map(|kind| match kind {
        EventKind::RunStarted { facts, .. } => Some(facts.num_validation_examples as u64),
        _ => None,
    });
    assert_eq!(facts, Some(*total));
}

#[test]
fn what_a_run_told_is_kept_with_it_over_a_stop_and_the_end_of_the_program() {
    let bench = Bench::with_examples(20);
    let run = bench.train(tiny_recipe(40));
    bench.wait_for(run, |kind| matches!(kind, EventKind::Step(step) if step.step == 3));
    stop(&bench, run);
    let record = bench.runs().remove(0);
    let stopped_at = record.num_steps_done;
    let told = || match bench.ask(JobSpec::Io(IoJob::ReadMessages { run_dir: record.run_dir.clone() })).pop() {
        Some(Reply::Messages { messages, goes_on_from, .. }) => {
            (messages.into_iter().map(|told| told.message).collect::<Vec<_>>(), goes_on_from)
        }
        other => panic!("{other:?}"),
    };
    let (first, from) = told();
    assert!(matches!(first[..2], [RunMessage::Started, RunMessage::Evaluated { step: 0, .. }]), "{first:?}");
    let stop_of = |with_window| RunMessage::Stopped { step: stopped_at, with_window };
    assert_eq!(first[first.len() - 2..], [RunMessage::Checkpoint { step: stopped_at }, stop_of(false)]);
    assert_eq!(from, Some(stopped_at));

    bench.events_of(bench.engine.start(JobSpec::Train(TrainJob::Resume { run_dir: record.run_dir.clone() })));
    let (all, from) = told();
    assert_eq!(all[..first.len()], first, "what was told before is gone");
    assert_eq!(all[first.len()], RunMessage::WentOn { step: stopped_at });
    assert_eq!((all.last(), from), (Some(&RunMessage::Completed { step: 40 }), Some(40)));

    let run = bench.train(tiny_recipe(MANY));
    bench.wait_for(run, is_step);
    let Bench { engine, folder } = bench;
    drop(engine);
    let record = Project::open(&folder.path().join("My project")).unwrap().runs().unwrap().remove(0);
    let last = messages::read(&record.run_dir).unwrap().pop().map(|told| told.message);
    assert_eq!(last, Some(RunMessage::Stopped { step: record.num_steps_done, with_window: true }));
}
