//! Compare, Evaluate, Export and Runs by their accessible labels, against a scripted engine.

mod answers;
mod results;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use tunewright::app::Screen;
use tunewright::data::Role as Turn;
use tunewright::engine::protocol::Side;
use tunewright::engine::{ComputeJob, EventKind, JobId, JobSpec, Outcome, TrainJob};
use tunewright::evaluate::{KeptPair, Measured};
use tunewright::project::{ProjectState, Settings, SplitCounts};
use tunewright::run::{RunRecord, RunStatus};
use tunewright::task::Signal;

use super::harness::asked::is_compare;
use super::harness::made::{self, run};
use super::harness::{Window, World};

/// A project with two validation and three test examples, and these runs.
fn open(runs: Vec<RunRecord>, screen: Screen) -> Window {
    open_with(runs, screen, Vec::new(), Vec::new())
}

fn open_with(runs: Vec<RunRecord>, screen: Screen, measured: Vec<Measured>, answered: Vec<KeptPair>) -> Window {
    let counts = SplitCounts { train: 10, validation: 2, test: 3, ..SplitCounts::default() };
    let project = ProjectState { counts, settings: Settings::default(), ..made::project("/p") };
    Window::at(screen, World { runs, measured, answered, preview: None, ..World::new(project) })
}

fn completed() -> Vec<RunRecord> {
    vec![run("new", RunStatus::Completed)]
}

/// One side writes the rest of its answer.
fn write(window: &mut Window, job: JobId, side: Side, text: &str) {
    window.tell(job, EventKind::Token { side, text: text.to_owned() });
    let end = EventKind::AnswerDone { side, num_tokens: 19, tokens_per_sec: 38.0, ended_by_itself: true };
    window.tell(job, end);
}

#[test]
fn two_answers_are_written_side_by_side_and_judged() {
    let mut window = open(vec![run("new", RunStatus::Completed), run("old", RunStatus::Completed)], Screen::Compare);
    assert!(window.is_shown("prompt 1 in full"), "the first held-out example is there already");
    assert!(window.is_shown("Example 5, test"), "validation and test");
    window.key(Modifiers::COMMAND, Key::Enter);
    let job = window.job(is_compare);
    let Some(JobSpec::Compute(ComputeJob::Compare { request })) = window.spec(is_compare) else { panic!() };
    assert_eq!(request.adapter, run("new", RunStatus::Completed).adapter, "the newest run");
    assert_eq!(request.prompt.len(), 2, "everything before the answer");

    window.tell(job, EventKind::Started);
    window.tell(job, EventKind::Token { side: Side::Before, text: "I am ".to_owned() });
    assert_eq!((window.num_shown("Writing"), window.num_shown("Reading")), (1, 1));
    window.tell(job, EventKind::Token { side: Side::After, text: "{".to_owned() });
    assert!(window.is_shown("Answer before: I am"));
    assert_eq!((window.num_shown("Writing"), window.num_shown("Waiting")), (2, 0), "both are written at once");
    write(&mut window, job, Side::Before, "sorry");
    assert!(window.is_shown("Answer before: I am sorry") && window.is_shown("0 of 2 fields right"));
    write(&mut window, job, Side::After, r#""category":"outage","urgent":"yes"}"#);
    assert!(window.is_shown("1 of 2 fields right"));
    assert!(window.is_shown("category: outage, right"));
    assert!(window.is_shown("urgent: \"yes\", not true or false, wrong"));
    window.tell(job, EventKind::Finished(Outcome::Completed));
    assert!(window.is_shown("Example 1, got better"), "the list says so, too");
    assert!(window.is_shown("Answer again"));

    window.click(Role::RadioButton, "Against expected");
    assert!(window.is_shown("not as expected"));
    window.click(Role::Button, "Next prompt");
    assert!(window.is_shown("prompt 2 in full") && !window.is_shown("Answer before"));
    window.click(Role::Button, "Previous prompt");
    assert!(window.is_shown("Answer before: I am sorry"), "what was answered stays");
}

#[test]
fn an_answer_is_stopped_and_an_own_prompt_asked() {
    let mut window = open(completed(), Screen::Compare);
    window.click(Role::Button, "Answer");
    let job = window.job(is_compare);
    window.tell(job, EventKind::Started);
    // The screen's and the status bar's do the same.
    window.press("Stop");
    assert_eq!(window.engine.signals(), [(job, Signal::Stop { save: false })]);
    window.tell(job, EventKind::Finished(Outcome::Stopped));

    window.click(Role::Button, "Own prompt…");
    assert!(window.is_disabled("Answer"), "nothing is asked yet");
    // The field has the keyboard: what is typed isn't a shortcut.
    for letter in ["W", "here is it", "?"] {
        window.harness.event(egui::Event::Text(letter.to_owned()));
        window.harness.run_steps(2);
    }
    assert!(window.shell().state.dialog.is_none(), "the question mark opened the help");
    window.harness.run_steps(3);
    window.click(Role::Button, "Answer");
    let Some(JobSpec::Compute(ComputeJob::Compare { request })) = window.spec(is_compare) else { panic!() };
    let turns: Vec<_> = request.prompt.iter().map(|m| (m.role, m.content.as_str())).collect();
    assert_eq!(turns, [(Turn::System, "Answer with JSON."), (Turn::User, "Where is it?")]);
}

#[test]
fn without_a_run_every_later_step_says_what_it_needs() {
    for (screen, title) in [
        (Screen::Evaluate, "Nothing to measure yet"),
        (Screen::Compare, "Nothing to compare yet"),
        (Screen::Export, "Nothing to export yet"),
        (Screen::Runs, "No runs yet"),
    ] {
        let mut window = open(Vec::new(), screen);
        assert!(window.is_shown(title));
        window.click(Role::Button, "Go to Train");
        assert_eq!(window.shell().state.screen, Screen::Train);
    }
}

#[test]
fn runs_show_their_curves_and_go_on() {
    let mut window = open(vec![run("broken-off", RunStatus::Interrupted)], Screen::Runs);
    assert!(window.is_shown("Run broken-off, Interrupted, 88 of 94 steps, best validation loss 0.412"));
    assert!(window.is_shown("validation loss 0.500"), "the chart says what it shows");
    window.click(Role::Button, "Go on");
    let run_dir = run("broken-off", RunStatus::Interrupted).run_dir;
    assert_eq!(window.num_asked(|spec| *spec == JobSpec::Train(TrainJob::Resume { run_dir: run_dir.clone() })), 1);
    assert_eq!(window.shell().state.screen, Screen::Train);
}

#[test]
fn an_adapter_is_shown_with_its_files_and_commands() {
    let folder = tempfile::tempdir().unwrap();
    tunewright::fs::write_atomic(&folder.path().join("adapter_config.json"), b"{}").unwrap();
    let mut record = run("new", RunStatus::Completed);
    record.adapter = Some(folder.path().to_owned());
    let mut window = open(vec![record], Screen::Export);
    window.until("the folder", |window| window.is_shown("adapter_config.json"));
    assert!(window.is_shown("tunewright generate --model starter --adapter"));
    assert!(window.is_shown("1 file"));
}
