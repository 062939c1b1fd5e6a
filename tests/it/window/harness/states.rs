//! Every screen in every state, with texts that are as long as a person's: for tests that look at all of them.

use std::path::PathBuf;

use tunewright::app::screens::compare::blind::BlindAction;
use tunewright::app::screens::{compare, data, dataset, evaluate, train};
use tunewright::app::{Action, OpenDialog, Screen};
use tunewright::engine::protocol::Side;
use tunewright::engine::{EventKind, Failure, Outcome};
use tunewright::project::{ProjectState, SplitCounts};
use tunewright::run::{RunRecord, RunStatus};
use tunewright::workbench::rating::KeptSession;

use super::made::{self, EXPECTED};
use super::{Window, World, asked};

const FOLDER: &str = "/projects/Support triage";

/// A project with examples, whose model is chosen, and these runs.
fn world(runs: Vec<RunRecord>) -> World {
    let project = ProjectState {
        name: "Support triage of the whole department".to_owned(),
        source: Some("tickets of the last two years, cleaned.jsonl".to_owned()),
        undo: Some("Undo edit of example 4".to_owned()),
        ..made::project(FOLDER)
    };
    let prompt = |id: i64| format!("Where is order {id}? It should have come last week");
    World { runs, prompt, ..World::new(project) }
}

/// One run that was interrupted, and one that is done.
pub fn runs() -> Vec<RunRecord> {
    let run = |name: &str, status| {
        let run_dir = PathBuf::from(FOLDER).join("runs").join(name);
        RunRecord { adapter: Some(run_dir.join("checkpoints/step-000080")), run_dir, ..made::run(name, status) }
    };
    vec![run("2026-11-22-2", RunStatus::Interrupted), run("2026-11-22-1", RunStatus::Completed)]
}

/// The first launch.
pub fn open() -> Window {
    Window::in_world(world(Vec::new()))
}

/// With the project open.
pub fn with_project(runs: Vec<RunRecord>) -> Window {
    Window::with_project(world(runs))
}

/// With the project open on a screen.
pub fn at(screen: Screen, runs: Vec<RunRecord>) -> Window {
    Window::at(screen, world(runs))
}

/// A state of the window and how to get there.
pub type State = (&'static str, fn() -> Window);

/// Every screen in every state, and every dialog.
pub const STATES: &[State] = &[
    ("first launch", open),
    ("settings without a project", || {
        let mut window = open();
        window.act(Action::Go(Screen::Settings));
        window
    }),
    ("model", || with_project(Vec::new())),
    ("data", || at(Screen::Data, Vec::new())),
    ("data with marked rows", || {
        let mut window = at(Screen::Data, Vec::new());
        window.act(data::TableAction::Select(1));
        window.act(data::MarkAction::MarkTo(4));
        window
    }),
    ("data without examples", || {
        let mut world = world(Vec::new());
        world.project.counts = SplitCounts::default();
        Window::at(Screen::Data, world)
    }),
    ("train form", || at(Screen::Train, Vec::new())),
    ("advanced form", || {
        let mut window = at(Screen::Train, Vec::new());
        window.act(train::Action::ToggleAdvanced);
        window
    }),
    ("running", running),
    ("paused", || {
        let mut window = running();
        window.act(train::Action::Pause);
        window
    }),
    ("stop dialog", || {
        let mut window = running();
        window.act(Action::ShowDialog(OpenDialog::StopTraining));
        window
    }),
    ("finished run", || {
        let mut window = running();
        let job = window.job(asked::is_train);
        window.tell(job, EventKind::Finished(Outcome::Completed));
        window
    }),
    ("evaluate without a run", || at(Screen::Evaluate, Vec::new())),
    ("evaluate", || at(Screen::Evaluate, runs())),
    ("evaluating", evaluating),
    ("evaluation", || {
        let mut window = evaluating();
        window.answer(asked::is_evaluate, made::evaluated(made::report((2.391, 0.418), 48, 24)));
        window
    }),
    ("compare without a run", || at(Screen::Compare, Vec::new())),
    ("compare", || at(Screen::Compare, runs())),
    ("answering", answering),
    ("answered", || {
        let mut window = answering();
        let job = window.job(asked::is_compare);
        for side in [Side::Before, Side::After] {
            window.tell(job, EventKind::Token { side, text: EXPECTED.to_owned() });
            let end = EventKind::AnswerDone { side, num_tokens: 19, tokens_per_sec: 38.0, ended_by_itself: true };
            window.tell(job, end);
        }
        window.tell(job, EventKind::Finished(Outcome::Completed));
        window
    }),
    ("own prompt", || {
        let mut window = at(Screen::Compare, runs());
        window.act(compare::Action::OwnPrompt(true));
        window
    }),
    ("blind rating", || blind(Vec::new(), None)),
    ("blind rating, sessions of before", || blind(sessions(), None)),
    ("rating", || blind(sessions(), Some("2026-11-22-1"))),
    ("rating with all that can be opened", || {
        let mut window = blind(sessions(), Some("2026-11-22-1"));
        window.act(compare::Action::Blind(BlindAction::ShowExpected(true)));
        window.act(compare::Action::Blind(BlindAction::Note(true)));
        window
    }),
    ("rated", || blind(sessions(), Some("2026-11-21-1"))),
    ("correcting a rated answer", || {
        let mut window = blind(sessions(), Some("2026-11-21-1"));
        let correct = BlindAction::Correct(Some((0, EXPECTED.to_owned())));
        window.act(compare::Action::Blind(correct));
        window
    }),
    ("export without a run", || at(Screen::Export, Vec::new())),
    ("export", || at(Screen::Export, runs())),
    ("runs", || at(Screen::Runs, runs())),
    ("no runs", || at(Screen::Runs, Vec::new())),
    ("settings", || at(Screen::Settings, Vec::new())),
    ("import", importing),
    ("data set", || {
        let mut window = at(Screen::Data, Vec::new());
        window.act(dataset::Action::Open);
        window
    }),
    ("split dialog", || in_data(data::DialogAction::Split(Default::default()))),
    ("rank dialog", || in_data(data::DialogAction::RankForm(Default::default()))),
    ("export dialog", || in_data(data::DialogAction::Export(data::dialogs::export::ExportAction::Open))),
    ("labels dialog", || in_data(data::DialogAction::Labels(data::dialogs::labels::LabelsAction::Open))),
    ("reviewers dialog", || in_data(data::DialogAction::Reviewers(data::dialogs::reviewers::ReviewersAction::Open))),
    ("statistics", || in_data(data::DialogAction::Statistics)),
    ("versions", || in_data(data::DialogAction::History)),
    ("keys", || {
        let mut window = with_project(Vec::new());
        window.act(Action::ShowDialog(OpenDialog::Help));
        window
    }),
    ("command field", || {
        let mut window = with_project(Vec::new());
        window.act(Action::ShowDialog(OpenDialog::Commands));
        window
    }),
    ("failure", || {
        let mut window = with_project(Vec::new());
        let message = "The folder /projects/Support triage could not be read".to_owned();
        let failure = Failure { message, hint: Some("Choose another one".to_owned()), is_internal: false };
        window.act(Action::ShowDialog(OpenDialog::Failure(failure)));
        window
    }),
];

fn in_data(action: impl Into<Action>) -> Window {
    let mut window = at(Screen::Data, Vec::new());
    window.act(action);
    window
}

fn running() -> Window {
    let mut window = at(Screen::Train, Vec::new());
    window.act(train::Action::Start);
    let job = window.job(asked::is_train);
    window.tell(job, EventKind::Started);
    window
        .tell(job, EventKind::RunStarted { run_dir: "/projects/a/runs/2026-11-22-1".into(), facts: made::facts(150) });
    window.tell(job, EventKind::Eval(made::evaluation(0, 2.5)));
    (1..=12).for_each(|at| window.tell(job, EventKind::Step(made::step(at))));
    window.tell(job, EventKind::Eval(made::evaluation(12, 0.8)));
    window
}

fn evaluating() -> Window {
    let mut window = at(Screen::Evaluate, runs());
    window.act(evaluate::Action::Start);
    let job = window.job(asked::is_evaluate);
    window.tell(job, EventKind::Started);
    window
}

/// Two sessions: one that is rated to its end by two people, and a newer one of which a part is.
fn sessions() -> Vec<KeptSession> {
    let whole = made::session("2026-11-21-1", 40, &[("Ada Lovelace", 40), ("Bo", 12)]);
    let change = "Since this session was made, 3 examples were changed. Its ratings stay as they are";
    let whole = KeptSession { change: Some(change.to_owned()), ..whole };
    vec![made::session("2026-11-22-1", 40, &[("Ada Lovelace", 17)]), whole]
}

/// Blind rating, with one of these sessions open.
fn blind(ratings: Vec<KeptSession>, open: Option<&str>) -> Window {
    let mut window = Window::at(Screen::Compare, World { ratings, ..world(runs()) });
    window.harness.state_mut().state.settings.rater = "Ada Lovelace".to_owned();
    window.act(compare::Action::Blind(BlindAction::Switch(true)));
    if let Some(name) = open {
        window.act(compare::Action::Blind(BlindAction::Open(name.to_owned())));
    }
    window
}

fn answering() -> Window {
    let mut window = at(Screen::Compare, runs());
    window.act(compare::Action::Answer);
    let job = window.job(asked::is_compare);
    window.tell(job, EventKind::Started);
    window
}

fn importing() -> Window {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tickets of the last year.csv");
    let line = |n: u32| format!("{n},Customer {n},Where is order {n}?,delivery,It is on its way,2026-01-02\n");
    let text = "Nr,Customer,Question,Category,Answer,Date\n".to_owned() + &(1..=60).map(line).collect::<String>();
    tunewright::fs::write_atomic(&file, text.as_bytes()).unwrap();
    let mut window = at(Screen::Data, Vec::new());
    window.act(Action::Import(vec![file].into()));
    assert!(window.shell().state.mapping.dialog.as_ref().is_some_and(|dialog| dialog.preview.is_some()));
    window
}
