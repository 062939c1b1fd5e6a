//! Evaluate: what was measured is shown rightly, is there after a restart, and says when it no longer holds.

use egui_kittest::kittest::Queryable as _;
use tunewright::app::Action;
use tunewright::app::screens::{evaluate, runs};
use tunewright::data::Split;
use tunewright::engine::IoJob;
use tunewright::evaluate::{EvaluationReport, Findings, KeptEvaluation, Stale};
use tunewright::recipe::{ModelRef, Recipe};
use tunewright::task::{Phase, Stage, Unit};

use super::*;
use crate::window::harness::asked::{is_evaluate, is_resume};
use crate::window::harness::made::{evaluated, report};

fn kept(report: EvaluationReport, stale: Option<Stale>) -> Measured {
    let kept = KeptEvaluation {
        version: 2,
        part: Split::Test,
        adapter: "step-000080".to_owned(),
        adapter_sha256: String::new(),
        base_model: "starter".to_owned(),
        data_sha256: String::new(),
        spec: Recipe::new(ModelRef::Starter, "t".into()).training.render_spec(),
        generate: true,
        at: "2026-11-30T14:02:00+01:00[+01:00]".to_owned(),
        report,
    };
    let findings = Findings::of(&kept.report, &[]);
    Measured { kept, findings, stale }
}

/// Measures the newest run; the report is still to come.
fn measuring(runs: Vec<RunRecord>) -> (Window, JobId) {
    let mut window = open(runs, Screen::Evaluate);
    window.key(Modifiers::COMMAND, Key::Enter);
    let Some(JobSpec::Compute(ComputeJob::Evaluate { request })) = window.spec(is_evaluate) else { panic!() };
    assert!(request.data.ends_with("runs/new/data/test.jsonl") && request.generate && request.contenders.len() == 2);
    let job = window.job(is_evaluate);
    (window, job)
}

fn measured(runs: Vec<RunRecord>, report: EvaluationReport) -> Window {
    let (mut window, job) = measuring(runs);
    window.tell(job, EventKind::Started);
    window.tell(job, EventKind::Reply(Box::new(evaluated(report))));
    window.tell(job, EventKind::Finished(Outcome::Completed));
    window
}

#[test]
fn an_evaluation_tells_before_and_after() {
    let window = measured(completed(), report((2.391, 0.418), 12, 8));
    for words in ["Tuning worked", "Loss fell 2.391 → 0.418, 8 of 12 right, 0 before", "66.7 %", "8 got right"] {
        assert!(window.is_shown(words), "{words}");
    }
    assert!(window.is_shown("prompt 9, expected outage, true"));
    assert!(window.is_shown("Evaluated 12 examples in 3 min 12 s") && window.is_shown("measured in 3 min 12 s"));
}

#[test]
fn a_low_loss_without_a_right_answer_is_not_called_a_success() {
    let mut stopped = run("new", RunStatus::Stopped);
    stopped.num_steps_done = 21;
    let mut window = measured(vec![stopped.clone()], report((4.05, 0.61), 49, 0));
    assert!(window.is_shown("Learned the form, not yet the answers") && !window.is_shown("Tuning worked"));
    assert!(window.is_shown("Loss fell 4.050 → 0.610, 0 of 49 right"));
    window.click(Role::Button, "Go on training");
    let resumed = JobSpec::Train(TrainJob::Resume { run_dir: stopped.run_dir });
    assert_eq!(window.num_asked(|spec| *spec == resumed), 1);
    assert_eq!(window.shell().state.screen, Screen::Train);

    let window = measured(completed(), report((4.05, 0.61), 3, 2));
    assert!(window.is_shown("Too few to tell"));
}

#[test]
fn what_was_measured_is_there_after_a_restart() {
    let measured = vec![kept(report((2.391, 0.418), 12, 8), None)];
    let window = open_with(completed(), Screen::Evaluate, measured.clone(), Vec::new());
    assert!(window.is_shown("Tuning worked") && !window.is_shown("Not measured yet"));
    assert!(window.is_shown("measured in 3 min 12 s, 2026-11-30 14:02"));
    let window = open_with(completed(), Screen::Model, measured, Vec::new());
    assert_eq!(evaluate_rail(&window), "8 of 12 right", "the rail knows it on every screen");
}

fn evaluate_rail(window: &Window) -> String {
    Screen::Evaluate.rail(&window.shell().state).0
}

#[test]
fn what_no_longer_holds_says_so() {
    for (stale, words) in [
        (Stale::Step(21), "Measured at step 21"),
        (Stale::Weights, "Measured on other weights"),
        (Stale::Data, "Measured on other examples"),
    ] {
        let measured = vec![kept(report((2.391, 0.418), 12, 8), Some(stale))];
        let mut window = open_with(completed(), Screen::Evaluate, measured, Vec::new());
        assert!(window.is_shown(words), "{words}");
        assert_eq!(evaluate_rail(&window), "Measure again");
        window.click(Role::Button, "Measure again");
        assert_eq!(window.num_asked(is_evaluate), 1);
    }
}

#[test]
fn a_run_that_went_on_is_looked_at_again() {
    let mut window = open(completed(), Screen::Evaluate);
    let num_asked =
        |window: &Window| window.num_asked(|spec| matches!(spec, JobSpec::Io(IoJob::ReadEvaluations { .. })));
    assert_eq!(num_asked(&window), 1);
    window.world().runs[0].adapter = Some("/p/runs/new/checkpoints/step-000094".into());
    window.world().measured = vec![kept(report((2.391, 0.418), 12, 8), Some(Stale::Step(80)))];
    window.act(Action::Go(Screen::Runs));
    window.act(Action::Go(Screen::Evaluate));
    assert_eq!(num_asked(&window), 2);
    assert!(window.is_shown("Measured at step 80"));
}

#[test]
fn a_result_that_could_not_be_kept_says_so() {
    let (mut window, job) = measuring(completed());
    window.tell(job, EventKind::Started);
    window.tell(job, EventKind::Reply(Box::new(evaluated(report((2.391, 0.418), 12, 8)))));
    window.tell(job, EventKind::Warning("The result could not be kept with the run: no space".to_owned()));
    window.tell(job, EventKind::Finished(Outcome::Completed));
    assert!(window.is_shown("Tuning worked") && window.is_shown("could not be kept with the run: no space"));
}

#[test]
fn progress_says_which_part_of_how_many() {
    let (mut window, job) = measuring(completed());
    window.tell(job, EventKind::Started);
    window.tell(job, EventKind::Phase(Phase::Evaluating));
    let stage = |number| EventKind::Stage(Stage { name: "answers before", number, of: 4, period: 2 });
    let amount = |done| EventKind::Progress { done, total: Some(49), unit: Unit::Examples };
    window.tell(job, stage(1));
    window.tell(job, amount(49));
    let share = |window: &Window| window.shell().state.jobs.get(job).and_then(|job| job.share()).unwrap();
    let first = share(&window);
    window.tell(job, stage(2));
    assert!(share(&window) >= first, "the bar began anew");
    window.tell(job, amount(12));
    let told = window.harness.query_all_by_label_contains("2 of 4: answers before, 12 of 49").count();
    assert_eq!(told, 2, "on the card and in the status bar");
    assert!(share(&window) > first);
}

#[test]
fn an_evaluation_that_waits_says_for_what() {
    let mut window = open(vec![run("new", RunStatus::Stopped)], Screen::Runs);
    let run_dir = run("new", RunStatus::Stopped).run_dir;
    window.act(runs::Action::Resume(run_dir));
    let training = window.job(is_resume);
    window.tell(training, EventKind::Started);
    window.act(Action::Go(Screen::Evaluate));
    window.key(Modifiers::COMMAND, Key::Enter);
    assert!(window.is_shown("Waits for the run that trains now"));
    window.click(Role::Button, "Pause the run");
    assert_eq!(window.engine.signals(), [(training, Signal::Pause)]);
    assert!(window.is_shown("Waits for the run, which is paused"));
    window.click(Role::Button, "Stop the run…");
    assert!(window.is_shown("Stop training?"));
}

#[test]
fn a_row_leads_to_the_answers_of_the_run_that_was_measured() {
    let runs = vec![run("new", RunStatus::Completed), run("old", RunStatus::Completed)];
    let mut window = open_with(runs, Screen::Evaluate, vec![kept(report((2.391, 0.418), 12, 8), None)], Vec::new());
    window.act(evaluate::Action::Run("old".into()));
    window.harness.get_by_role_and_label(Role::ListBoxOption, "prompt 9, expected outage, true").click();
    window.settle();
    assert_eq!(window.shell().state.screen, Screen::Compare);
    let compare = &window.shell().state.compare;
    assert_eq!(compare.run.as_deref(), Some("old"));
    assert_eq!(compare.search, "prompt 9", "also at the first look at this screen");
}
