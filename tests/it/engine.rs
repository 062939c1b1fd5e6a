//! Jobs through the engine's handle, as the window starts them, with the real functions behind.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tunewright::data::import::{ImportRequest, SplitSpec};
use tunewright::data::{Message, Role, Split};
use tunewright::engine::{Backend, Engine, EngineOptions, Event, EventKind, JobId, JobSpec, Outcome, Reply};
use tunewright::hub::Sources;
use tunewright::project::{Edit, ExampleQuery, ProjectState, RowPage};
use tunewright::train::Signal;

const PATIENCE: Duration = Duration::from_secs(120);

/// An engine with a project's folder and a models folder of its own.
struct Bench {
    engine: Engine,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sources = Sources::only(&folder.path().join("models"));
        Self { engine: Engine::new(EngineOptions { sources }, || {}).unwrap(), folder }
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("My project")
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        tunewright::fs::write_atomic(&path, text.as_bytes()).unwrap();
        path
    }

    /// What a job tells up to its end; events of other jobs are passed over.
    fn events_of(&self, job: JobId) -> Vec<EventKind> {
        let mut kinds = Vec::new();
        let until = Instant::now() + PATIENCE;
        while !matches!(kinds.last(), Some(EventKind::Finished(_))) {
            let event: Event = self.engine.events().recv_deadline(until).unwrap_or_else(|_| panic!("only {kinds:?}"));
            if event.job == job {
                kinds.push(event.kind);
            }
        }
        kinds
    }

    /// The replies of a job that must succeed.
    fn ask(&self, spec: JobSpec) -> Vec<Reply> {
        let job = self.engine.start(spec);
        let mut kinds = self.events_of(job);
        assert_eq!(kinds.first(), Some(&EventKind::Started));
        assert_eq!(kinds.pop(), Some(EventKind::Finished(Outcome::Completed)), "{kinds:?}");
        kinds
            .into_iter()
            .filter_map(|kind| if let EventKind::Reply(reply) = kind { Some(*reply) } else { None })
            .collect()
    }

    fn state(&self, spec: JobSpec) -> ProjectState {
        match self.ask(spec).pop() {
            Some(Reply::Project(state)) => state,
            other => panic!("{other:?}"),
        }
    }

    fn open(&self) -> ProjectState {
        self.state(JobSpec::OpenProject { folder: self.project(), sample: false })
    }

    fn query(&self, search: &str) -> RowPage {
        let query = ExampleQuery { search: search.to_owned(), limit: 100, ..ExampleQuery::default() };
        match self.ask(JobSpec::Query { project: self.project(), query }).pop() {
            Some(Reply::Rows(page)) => page,
            other => panic!("{other:?}"),
        }
    }
}

fn request(path: &Path) -> ImportRequest {
    ImportRequest { path: path.to_owned(), mapping: None, split: SplitSpec::default() }
}

fn prompts_and_answers(num_rows: usize) -> String {
    (0..num_rows).map(|i| format!("{{\"prompt\": \"question {i}\", \"completion\": \"answer {i}\"}}\n")).collect()
}

#[test]
fn a_file_is_previewed_imported_searched_edited_and_taken_back() {
    let bench = Bench::new();
    let project = bench.project();
    assert_eq!(bench.open().counts.total(), 0);
    let file = bench.write("data.jsonl", &(prompts_and_answers(50) + "{\"prompt\": 1}\n"));

    let Some(Reply::Preview(preview)) = bench.ask(JobSpec::PreviewImport { request: request(&file) }).pop() else {
        panic!("no preview")
    };
    assert_eq!((preview.num_accepted, preview.num_rejected), (50, 1));
    let replies = bench.ask(JobSpec::Import { project: project.clone(), request: request(&file) });
    let [Reply::Project(state), Reply::Imported(report)] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!((state.counts.total(), report.num_imported, report.num_rejected), (50, 50, 1));

    let page = bench.query("question 7");
    assert_eq!(page.num_matching, 1);
    let id = page.rows[0].id;
    let messages = vec![Message::new(Role::User, "question 7"), Message::new(Role::Assistant, "another answer")];
    let edited = bench
        .state(JobSpec::Edit { project: project.clone(), edit: Edit::SetMessages { id, messages: messages.clone() } });
    assert!(edited.undo.is_some());
    assert_eq!(bench.query("another").num_matching, 1);
    let Some(Reply::Example(example)) = bench.ask(JobSpec::LoadExample { project: project.clone(), id }).pop() else {
        panic!("no example")
    };
    assert_eq!(example.example.messages, messages);

    let undone = bench.state(JobSpec::Undo { project: project.clone() });
    assert!(undone.redo.is_some());
    assert_eq!(bench.query("another").num_matching, 0);
    bench.state(JobSpec::Redo { project: project.clone() });
    assert_eq!(bench.query("another").num_matching, 1);

    let rejected = bench.folder.path().join("rejected.jsonl");
    let saved = bench.ask(JobSpec::SaveRejected { request: request(&file), to: rejected.clone() });
    assert_eq!(saved, [Reply::Saved(rejected.clone())]);
    assert!(std::fs::read_to_string(rejected).unwrap().contains("prompt"));
}

#[test]
fn the_starter_data_set_comes_dealt_into_its_parts_and_only_once() {
    let bench = Bench::new();
    let open = JobSpec::OpenProject { folder: bench.project(), sample: true };
    let first = bench.state(open.clone());
    assert!(first.counts.train > 300 && first.counts.validation > 30 && first.counts.test > 30, "{:?}", first.counts);
    assert_eq!(first.source.as_deref(), Some("support_tickets.jsonl"));
    assert_eq!(bench.state(open).counts, first.counts);
}

#[test]
fn a_failed_job_says_why_and_the_lane_goes_on() {
    let bench = Bench::new();
    bench.open();
    let missing = bench.folder.path().join("missing.csv");
    let job = bench.engine.start(JobSpec::PreviewImport { request: request(&missing) });
    let kinds = bench.events_of(job);
    let Some(EventKind::Finished(Outcome::Failed(failure))) = kinds.last() else { panic!("{kinds:?}") };
    assert!(failure.message.contains("missing.csv does not exist") && !failure.is_internal, "{failure:?}");
    assert_eq!(bench.ask(JobSpec::ListRuns { project: bench.project() }), [Reply::Runs(Vec::new())]);
}

#[test]
fn the_newest_of_a_kind_wins_and_a_queued_job_can_be_stopped() {
    let bench = Bench::new();
    bench.open();
    let large = bench.write("large.jsonl", &prompts_and_answers(60_000));
    let small = bench.write("small.jsonl", &prompts_and_answers(3));
    // The lane is busy with the first; what comes behind it waits.
    let import = bench.engine.start(JobSpec::Import { project: bench.project(), request: request(&large) });
    let stale = bench.engine.start(JobSpec::PreviewImport { request: request(&large) });
    let unwanted = bench.engine.start(JobSpec::ListRuns { project: bench.project() });
    let fresh = bench.engine.start(JobSpec::PreviewImport { request: request(&small) });
    bench.engine.control(unwanted, Signal::Stop { save: false });
    bench.engine.control(import, Signal::Stop { save: false });

    let mut ends = Vec::new();
    let mut started = Vec::new();
    let until = Instant::now() + PATIENCE;
    while ends.len() < 4 {
        let event = bench.engine.events().recv_deadline(until).unwrap();
        match event.kind {
            EventKind::Finished(outcome) => ends.push((event.job, outcome)),
            EventKind::Started => started.push(event.job),
            _ => {}
        }
    }
    let expected = [
        (import, Outcome::Stopped),
        (stale, Outcome::Stopped),
        (unwanted, Outcome::Stopped),
        (fresh, Outcome::Completed),
    ];
    assert_eq!(ends, expected);
    assert!(!started.contains(&stale) && !started.contains(&unwanted));
    assert_eq!(bench.open().counts.total(), 0, "a stopped import left something");
}

#[test]
fn edits_that_wait_are_written_when_the_window_closes() {
    let bench = Bench::new();
    bench.open();
    let Bench { engine, folder } = bench;
    let project = folder.path().join("My project");
    for i in 0..200 {
        let messages = vec![Message::new(Role::User, format!("late {i}")), Message::new(Role::Assistant, "yes")];
        let example = tunewright::data::Example { messages };
        engine.start(JobSpec::Edit { project: project.clone(), edit: Edit::Insert { example, split: Split::Train } });
    }
    drop(engine);
    let mut project = tunewright::project::Project::open(&project).unwrap();
    assert_eq!(project.counts().unwrap().total(), 200);
}
