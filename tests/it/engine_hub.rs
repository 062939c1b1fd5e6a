//! What the window asks of the Hub, by the real engine against a server on this machine.

use std::time::{Duration, Instant};

use serde_json::json;
use tunewright::engine::{
    Backend, Engine, EngineOptions, Event, EventKind, IoJob, JobId, JobSpec, NetJob, Outcome, Reply,
};
use tunewright::hub::{SearchQuery, resolve};
use tunewright::recipe::ModelRef;
use tunewright::task::Signal;

use crate::hub_server::{Hub, Manners, content, files_in, sources};

/// Only a broken engine takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The next events, up to one that fits; gives it.
fn wait_for(engine: &Engine, fits: impl Fn(&Event) -> bool) -> Event {
    let until = Instant::now() + PATIENCE;
    loop {
        let event = engine.events().recv_deadline(until).unwrap();
        if fits(&event) {
            return event;
        }
    }
}

fn finished(engine: &Engine, job: JobId) -> Outcome {
    let event = wait_for(engine, |event| event.job == job && matches!(event.kind, EventKind::Finished(_)));
    let EventKind::Finished(outcome) = event.kind else { unreachable!() };
    outcome
}

fn reply(engine: &Engine, spec: JobSpec) -> Reply {
    let job = engine.start(spec);
    let event = wait_for(engine, |event| event.job == job && matches!(event.kind, EventKind::Reply(_)));
    let EventKind::Reply(reply) = event.kind else { unreachable!() };
    *reply
}

/// A server that answers questions, and one that has the contents.
fn servers(size: usize) -> (Hub, Hub) {
    let files = [("tiny-Q8_0.gguf", content(size)), ("tiny-F16.gguf", content(size * 2))];
    let contents = Hub::serve(&files, Manners { is_slow: true, ..Manners::default() });
    let found = json!({"id": "org/tiny", "downloads": 1, "likes": 0, "gated": false, "tags": ["gguf"]});
    let manners = Manners { models: vec![found], contents_at: Some(contents.address.clone()), ..Manners::default() };
    (Hub::serve(&files, manners), contents)
}

#[test]
fn questions_do_not_wait_for_a_download_which_can_be_paused_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let (hub, contents) = servers(300_000);
    let sources = sources(&hub, folder.path());
    let options = EngineOptions { sources: sources.clone(), ..EngineOptions::default() };
    let engine = Engine::new(options, || {}).unwrap();
    let model = ModelRef::parse("org/tiny:Q8_0");
    let job = engine.start(JobSpec::Net(NetJob::FetchModel { model: model.clone() }));
    wait_for(&engine, |event| {
        event.job == job && matches!(event.kind, EventKind::Progress { done: 1.., total: Some(300_000), .. })
    });
    engine.control(job, Signal::Pause);

    // In the lane of the download it would wait for good.
    let Reply::Search(page) = reply(&engine, JobSpec::Net(NetJob::SearchModels { query: SearchQuery::default() }))
    else {
        panic!("not a page")
    };
    assert_eq!(page.hits[0].repo, "org/tiny");
    let list = NetJob::ListRepo { repo: "org/tiny".to_owned(), revision: None };
    let Reply::Repo(listing) = reply(&engine, JobSpec::Net(list)) else { panic!("not a listing") };
    assert_eq!(listing.variants.iter().map(|variant| &*variant.name).collect::<Vec<_>>(), ["Q8_0", "F16"]);
    assert!(resolve(&model, &sources).is_err(), "it wasn't paused");

    engine.control(job, Signal::Run);
    // The few bytes are no model; whole they are all the same.
    assert!(matches!(finished(&engine, job), Outcome::Failed(_)));
    assert_eq!(std::fs::read(resolve(&model, &sources).unwrap()).unwrap(), content(300_000));
    assert!(contents.ranges().len() <= 2, "{:?}", contents.ranges());
}

#[test]
fn a_stopped_download_is_listed_with_the_models_and_deleted_when_it_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let (hub, _contents) = servers(300_000);
    let options = EngineOptions { sources: sources(&hub, folder.path()), ..EngineOptions::default() };
    let engine = Engine::new(options, || {}).unwrap();
    let model = ModelRef::parse("org/tiny:F16");
    let job = engine.start(JobSpec::Net(NetJob::FetchModel { model: model.clone() }));
    wait_for(&engine, |event| event.job == job && matches!(event.kind, EventKind::Progress { done: 1.., .. }));
    engine.control(job, Signal::Stop { save: false });
    assert_eq!(finished(&engine, job), Outcome::Stopped);

    let job = engine.start(JobSpec::Io(IoJob::DiscoverModels));
    let event = wait_for(&engine, |event| {
        event.job == job && matches!(&event.kind, EventKind::Reply(reply) if matches!(**reply, Reply::Unfinished(_)))
    });
    let EventKind::Reply(reply) = event.kind else { unreachable!() };
    let Reply::Unfinished(left) = *reply else { unreachable!() };
    assert_eq!((left.len(), &left[0].model, left[0].total), (1, &model, 600_000));
    assert!(left[0].done > 0);

    let job = engine.start(JobSpec::Io(IoJob::DiscardDownload { model }));
    assert_eq!(finished(&engine, job), Outcome::Completed);
    assert_eq!(files_in(folder.path()), Vec::<String>::new());
}
