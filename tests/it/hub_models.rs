//! Models of the Hub: looked for, listed, and downloaded by variants, against a server on this machine.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tunewright::hub::{
    DownloadRecord, Format, HubError, HubToken, SearchQuery, SearchSort, Sources, discard, fetch, list_repo,
    look_around, resolve, search, unfinished,
};
use tunewright::recipe::ModelRef;
use tunewright::task::{Control, Signal, Task, Unit, Unwatched};

use crate::hub_server::{COMMIT, Hub, Manners, Watched, content, files_in, sha256, sources};

fn model(name: &str) -> ModelRef {
    ModelRef::parse(name)
}

/// Two quantisations, one of them split.
fn gguf_files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("tiny-Q8_0.gguf", content(30_000)),
        ("tiny-Q4_K_M.gguf", content(20_000)),
        ("BF16/tiny-BF16-00001-of-00002.gguf", content(40_000)),
        ("BF16/tiny-BF16-00002-of-00002.gguf", content(10_000)),
        ("mmproj-F16.gguf", content(5000)),
        ("README.md", b"# Tiny".to_vec()),
    ]
}

#[test]
fn a_repository_is_listed_with_what_the_hub_knows_of_it() {
    let about = json!({
        "downloads": 1234, "pipeline_tag": "text-generation",
        "gguf": {"total": 600_000_000, "architecture": "qwen3", "context_length": 40_960},
    });
    let manners = Manners { about, card: json!({"license": "apache-2.0"}), ..Manners::default() };
    let hub = Hub::serve(&gguf_files(), manners);
    let folder = tempfile::tempdir().unwrap();
    let listing = list_repo("org/tiny-GGUF", None, &sources(&hub, folder.path()), &Unwatched).unwrap();
    assert_eq!((listing.downloads, listing.num_parameters), (Some(1234), Some(600_000_000)));
    assert_eq!((listing.license.as_deref(), listing.context_length), (Some("apache-2.0"), Some(40_960)));
    assert_eq!((listing.problem, &*listing.commit), (None, COMMIT));
    let variants: Vec<_> = listing.variants.iter().map(|v| (&*v.name, v.files.len(), v.num_bytes)).collect();
    assert_eq!(variants, [("Q4_K_M", 1, 20_000), ("Q8_0", 1, 30_000), ("BF16", 2, 50_000)]);
    assert!(listing.left_out.iter().any(|left_out| left_out.path == "mmproj-F16.gguf"));
    assert_eq!(listing.variants[0].files[0].sha256.as_deref(), Some(&*sha256(&content(20_000))));
}

#[test]
fn what_cannot_be_trained_is_said_before_anything_is_downloaded() {
    for (about, named) in [
        (json!({"pipeline_tag": "feature-extraction"}), "embeddings"),
        (json!({"config": {"model_type": "falcon"}}), "falcon"),
        (json!({"config": {"model_type": "llama", "quantization_config": {"quant_method": "gptq"}}}), "GPTQ"),
    ] {
        let hub = Hub::serve(&gguf_files(), Manners { about, ..Manners::default() });
        let listing = list_repo("org/odd", None, &sources(&hub, Path::new("none")), &Unwatched).unwrap();
        let problem = listing.problem.unwrap_or_default();
        assert!(problem.contains(named), "{problem}");
    }
}

#[test]
fn a_model_that_cannot_be_trained_is_known_by_its_configuration_before_its_weights_come() {
    let (folder, sizes) = (
        tempfile::tempdir().unwrap(),
        r#""hidden_size": 8, "intermediate_size": 8, "vocab_size": 8,
        "num_attention_heads": 1, "num_hidden_layers": 1, "max_position_embeddings": 8"#,
    );
    for (own, named) in [
        (r#""model_type": "falcon""#, "the family falcon can't be trained yet"),
        (r#""model_type": "llama", "quantization_config": {"quant_method": "gptq"}"#, "GPTQ"),
    ] {
        let config = format!("{{{own}, {sizes}}}");
        let files = [("model.safetensors", content(50_000)), ("config.json", config.into_bytes())];
        let hub = Hub::serve(&files, Manners::default());
        let error = fetch(&model("org/odd"), &sources(&hub, folder.path()), &Unwatched).unwrap_err().to_string();
        assert!(error.starts_with("org/odd has no model that can be used here: ") && error.contains(named), "{error}");
        assert_eq!((hub.ranges(), files_in(folder.path())), (vec![], vec![]));
    }
}

#[test]
fn a_variant_is_fetched_alone_and_found_under_its_name() {
    let (folder, hub) = (tempfile::tempdir().unwrap(), Hub::serve(&gguf_files(), Manners::default()));
    let sources = sources(&hub, folder.path());
    let q4 = model("org/tiny-GGUF:q4_k_m");
    let path = fetch(&q4, &sources, &Unwatched).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), content(20_000));
    assert_eq!(resolve(&q4, &sources).unwrap(), path);
    assert_eq!(hub.ranges().len(), 1, "more than the one file was asked for");

    // All parts of a split file are one model.
    let task = Watched::default();
    let path = fetch(&model("org/tiny-GGUF:BF16"), &sources, &task).unwrap();
    assert_eq!(path.file_name().unwrap(), "tiny-BF16-00001-of-00002.gguf");
    assert_eq!(files_in(path.parent().unwrap()), ["tiny-BF16-00001-of-00002.gguf", "tiny-BF16-00002-of-00002.gguf"]);
    assert_eq!(task.total.get(), Some(50_000));

    // A file can be named, too.
    let path = fetch(&model("org/tiny-GGUF:tiny-Q8_0.gguf"), &sources, &Unwatched).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), content(30_000));
}

#[test]
fn which_of_several_is_meant_is_asked_and_never_guessed() {
    let (folder, hub) = (tempfile::tempdir().unwrap(), Hub::serve(&gguf_files(), Manners::default()));
    let sources = sources(&hub, folder.path());
    let error = fetch(&model("org/tiny-GGUF"), &sources, &Unwatched).unwrap_err();
    assert_eq!(error.to_string(), "org/tiny-GGUF has several models: Q4_K_M, Q8_0, BF16");
    assert!(error.hint().unwrap().contains("org/tiny-GGUF:Q4_K_M"));
    let error = fetch(&model("org/tiny-GGUF:Q5_K_M"), &sources, &Unwatched).unwrap_err();
    assert_eq!(error.to_string(), "org/tiny-GGUF has no Q5_K_M; it has Q4_K_M, Q8_0, BF16");
    for outside in ["org/tiny-GGUF:../../x", "org/tiny-GGUF:/etc/passwd", "org/tiny-GGUF:a\\b"] {
        let error = fetch(&model(outside), &sources, &Unwatched).unwrap_err();
        assert!(matches!(error, HubError::BadVariant { .. }), "{outside}: {error}");
    }
    assert_eq!(files_in(folder.path()), Vec::<String>::new());
    assert_eq!(hub.ranges(), []);
}

#[test]
fn files_whose_names_lead_out_of_the_repository_are_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("model.safetensors", content(3000)),
        ("config.json", b"{}".to_vec()),
        ("../../stolen.json", b"{}".to_vec()),
        ("/etc/stolen.json", b"{}".to_vec()),
        ("a/../../stolen.json", b"{}".to_vec()),
    ];
    let hub = Hub::serve(&files, Manners::default());
    let models = folder.path().join("a/b");
    let path = fetch(&model("org/name"), &sources(&hub, &models), &Unwatched).unwrap();
    assert_eq!(files_in(&path), [".download.json", "config.json", "model.safetensors"]);
    assert_eq!(files_in(folder.path()), ["a"]);
}

#[test]
fn a_download_is_listed_after_a_restart_and_resumed_where_it_was() {
    let (folder, body) = (tempfile::tempdir().unwrap(), content(200_000));
    let files = [("model.safetensors", body.clone()), ("config.json", b"{}".to_vec())];
    let name = model("org/name@v1");
    let slow = Hub::serve(&files, Manners { is_slow: true, ..Manners::default() });
    let task = Watched { cancel_at: Some(50_000), ..Watched::default() };
    let error = fetch(&name, &sources(&slow, folder.path()), &task).unwrap_err();
    assert!(matches!(error, HubError::Stopped), "{error}");

    let [left] = &*unfinished(&Sources::only(folder.path())) else { panic!("it isn't listed") };
    assert_eq!((&left.model, left.total), (&name, 200_002));
    assert!((50_000..200_000).contains(&left.done), "{left:?}");

    let hub = Hub::serve(&files, Manners::default());
    let sources = sources(&hub, folder.path());
    let path = fetch(&name, &sources, &Unwatched).unwrap();
    assert_eq!(std::fs::read(path.join("model.safetensors")).unwrap(), body);
    assert_eq!(hub.ranges(), [Some((left.done as usize - 2, 199_999))]);
    assert_eq!(unfinished(&sources), []);
    let record = DownloadRecord::read(&path).unwrap();
    assert_eq!((record.model, &*record.commit), (name, COMMIT));
    let hash = record.files.iter().find(|file| file.path == "model.safetensors").unwrap().sha256.clone();
    assert_eq!(hash, Some(sha256(&body)));
}

/// Half of one file and half of another would be neither.
#[test]
fn what_has_arrived_of_a_file_that_is_another_by_now_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = |body: &[u8]| [("model.safetensors", body.to_vec()), ("config.json", b"{}".to_vec())];
    let slow = Hub::serve(&file(&content(200_000)), Manners { is_slow: true, ..Manners::default() });
    let task = Watched { cancel_at: Some(50_000), ..Watched::default() };
    fetch(&model("org/name"), &sources(&slow, folder.path()), &task).unwrap_err();

    let newer = content(250_000)[50_000..].to_vec();
    let hub = Hub::serve(&file(&newer), Manners::default());
    let path = fetch(&model("org/name"), &sources(&hub, folder.path()), &Unwatched).unwrap();
    assert_eq!(std::fs::read(path.join("model.safetensors")).unwrap(), newer);
    assert_eq!(hub.ranges(), [None], "its beginning was taken for that of the new file");
}

#[test]
fn a_download_that_nobody_wants_any_more_is_deleted_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let files = [("model.safetensors", content(200_000)), ("config.json", b"{}".to_vec())];
    for name in ["org/one", "org/two"] {
        let slow = Hub::serve(&files, Manners { is_slow: true, ..Manners::default() });
        let task = Watched { cancel_at: Some(50_000), ..Watched::default() };
        fetch(&model(name), &sources(&slow, folder.path()), &task).unwrap_err();
    }
    let sources = Sources::only(folder.path());
    discard(&model("org/one"), &sources).unwrap();
    assert_eq!(files_in(folder.path()), ["org--two@main.part"]);
    discard(&model("org/three"), &sources).unwrap();
    assert_eq!(unfinished(&sources).len(), 1);
}

/// Is paused once, and goes on when it is asked to wait.
#[derive(Default)]
struct PausedOnce {
    control: Control,
    waited_at: RefCell<Vec<u64>>,
    done: Cell<u64>,
}

impl Task for PausedOnce {
    fn progress(&self, done: u64, _total: Option<u64>, _unit: Unit) {
        self.done.set(done);
        if done >= 50_000 && self.waited_at.borrow().is_empty() {
            self.control.send(Signal::Pause);
        }
    }

    fn is_stopped(&self) -> bool {
        self.control.is_stopped()
    }

    fn signal(&self) -> Signal {
        self.control.signal()
    }

    fn go_on(&self) -> Option<Duration> {
        self.waited_at.borrow_mut().push(self.done.get());
        self.control.send(Signal::Run);
        Some(Duration::ZERO)
    }
}

#[test]
fn a_paused_download_lets_go_of_the_connection_and_asks_for_the_rest_later() {
    let (folder, body) = (tempfile::tempdir().unwrap(), content(200_000));
    let files = [("model.safetensors", body.clone()), ("config.json", b"{}".to_vec())];
    let hub = Hub::serve(&files, Manners { is_slow: true, ..Manners::default() });
    let task = PausedOnce::default();
    let path = fetch(&model("org/name"), &sources(&hub, folder.path()), &task).unwrap();
    assert_eq!(std::fs::read(path.join("model.safetensors")).unwrap(), body);
    let waited_at = task.waited_at.into_inner();
    let [at] = *waited_at else { panic!("{waited_at:?}") };
    assert_eq!(hub.ranges(), [None, Some((at as usize - 2, 199_999))]);
}

#[test]
fn a_disk_without_room_is_known_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let manners = Manners { claims: Some(1 << 60), ..Manners::default() };
    let hub = Hub::serve(&[("tiny-Q8_0.gguf", content(2000))], manners);
    let error = fetch(&model("org/tiny-GGUF:Q8_0"), &sources(&hub, folder.path()), &Unwatched).unwrap_err();
    assert!(matches!(error, HubError::NoSpace { .. }), "{error}");
    assert!(error.to_string().contains("1152921504.6 GB are still to be downloaded"), "{error}");
    assert_eq!(hub.ranges(), []);
}

#[test]
fn a_hub_that_asks_to_be_left_alone_is_asked_again_when_it_said() {
    let folder = tempfile::tempdir().unwrap();
    let files = [("tiny-Q8_0.gguf", content(20_000))];
    let hub = Hub::serve(&files, Manners { too_many: Some((2, 0)), ..Manners::default() });
    let path = fetch(&model("org/tiny-GGUF:Q8_0"), &sources(&hub, folder.path()), &Unwatched).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), content(20_000));

    // Longer than anybody waits before a bar.
    let hub = Hub::serve(&files, Manners { too_many: Some((1, 4000)), ..Manners::default() });
    let error = list_repo("org/tiny-GGUF", None, &sources(&hub, folder.path()), &Unwatched).unwrap_err();
    assert!(error.to_string().contains("asks to wait 4,000 seconds"), "{error}");
    assert_eq!(hub.asked().len(), 1);

    // It is waited, not asked at once; and nobody is kept who wants to stop.
    let hub = Hub::serve(&files, Manners { too_many: Some((1, 60)), ..Manners::default() });
    let control = Control::default();
    let stopped = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| list_repo("org/tiny-GGUF", None, &sources(&hub, folder.path()), &control));
        while hub.asked().is_empty() {
            std::thread::yield_now();
        }
        control.stop();
        waiting.join().unwrap()
    });
    assert!(matches!(stopped, Err(HubError::Stopped)), "{stopped:?}");
    assert_eq!(hub.asked().len(), 1);
}

const TOKEN: &str = "hf_secret_of_a_person";

fn with_token(sources: Sources) -> Sources {
    Sources { token: Some(HubToken::new(TOKEN)), ..sources }
}

#[test]
fn a_gated_model_is_explained_and_comes_with_the_token_that_no_error_shows() {
    let folder = tempfile::tempdir().unwrap();
    let files = [("tiny-Q8_0.gguf", content(20_000))];
    let hub = Hub::serve(&files, Manners { gate: Some(TOKEN), ..Manners::default() });
    let name = model("org/tiny-GGUF:Q8_0");
    let sources = sources(&hub, folder.path());
    let wrong = Sources { token: Some(HubToken::new("hf_wrong_secret")), ..sources.clone() };
    for sources in [&sources, &wrong] {
        let error = fetch(&name, sources, &Unwatched).unwrap_err();
        let told = format!("{error} {error:?} {} {sources:?}", error.hint().unwrap());
        assert!(matches!(error, HubError::Gated { .. }), "{told}");
        assert!(told.contains(&format!("{}/org/tiny-GGUF", hub.address)) && told.contains("Settings"), "{told}");
        assert!(!told.contains("secret"), "{told}");
    }
    let path = fetch(&name, &with_token(sources), &Unwatched).unwrap();
    let folder = path.parent().unwrap();
    let record = std::fs::read_to_string(folder.join(".download.json")).unwrap();
    assert!(record.contains("tiny-Q8_0.gguf") && !record.contains("secret"), "{record}");
}

#[test]
fn a_redirect_to_another_host_is_followed_without_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let files = [("tiny-Q8_0.gguf", content(20_000))];
    let contents = Hub::serve(&files, Manners::default());
    let manners = Manners { contents_at: Some(contents.address.clone()), ..Manners::default() };
    let hub = Hub::serve(&files, manners);
    let sources = with_token(sources(&hub, folder.path()));
    let path = fetch(&model("org/tiny-GGUF:Q8_0"), &sources, &Unwatched).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), content(20_000));
    assert!(hub.asked().iter().all(|asked| asked.token.as_deref() == Some(TOKEN)), "{:?}", hub.asked());
    let asked = contents.asked();
    assert!(!asked.is_empty() && asked.iter().all(|asked| asked.token.is_none()), "{asked:?}");
}

#[test]
fn what_is_not_there_or_private_is_told_apart_from_what_is_out_of_reach() {
    let folder = tempfile::tempdir().unwrap();
    for (status, code, named) in [
        ("404 Not Found", "RepoNotFound", "no such model"),
        ("401 Unauthorized", "RepoNotFound", "no such model"),
        ("404 Not Found", "RevisionNotFound", "no revision main"),
        ("503 Service Unavailable", "", "answered 503"),
    ] {
        let hub = Hub::serve(&[], Manners { refuses: Some((status, code)), ..Manners::default() });
        let error = list_repo("org/name", None, &sources(&hub, folder.path()), &Unwatched).unwrap_err();
        assert!(error.to_string().contains(named), "{status} {code}: {error}");
    }
    let nobody =
        Sources { endpoint: Some("http://127.0.0.1:9".into()), is_offline: false, ..Sources::only(folder.path()) };
    let error = search(&SearchQuery::default(), &nobody, &Unwatched).unwrap_err();
    assert!(matches!(error, HubError::Unreachable { .. }), "{error}");
}

fn entry(id: &str, more: &Value) -> Value {
    let mut entry = json!({"id": id, "downloads": 10, "likes": 1, "gated": false, "tags": ["gguf", "license:mit"]});
    for (key, value) in more.as_object().unwrap() {
        entry[key] = value.clone();
    }
    entry
}

#[test]
fn a_search_asks_for_what_the_hub_can_tell_and_sifts_the_rest() {
    let qwen = |size: u64| json!({"gguf": {"architecture": "qwen3", "total": size}});
    let models = vec![
        entry("org/small", &qwen(600_000_000)),
        entry("org/large", &qwen(14_000_000_000)),
        entry("org/other", &json!({"config": {"model_type": "llama"}, "safetensors": {"total": 1_000_000}})),
        entry("org/pickle", &json!({"tags": ["pytorch"]})),
        entry("../outside", &qwen(1)),
        json!({"no": "entry"}),
        entry(
            "org/gated",
            &json!({
                "gated": "manual", "gguf": {"architecture": "qwen3", "total": 1_700_000_000}, "lastModified": "2025-04-28T01:02:03Z",
                "tags": ["gguf", "safetensors"],
            }),
        ),
    ];
    let hub = Hub::serve(&[], Manners { models, ..Manners::default() });
    let sources = with_token(sources(&hub, Path::new("none")));
    let query = SearchQuery {
        text: " qwen 3 ".into(),
        family: Some("qwen3".into()),
        license: Some("MIT".into()),
        max_parameters: Some(4_000_000_000),
        format: Some(Format::Gguf),
        sort: SearchSort::Likes,
        limit: 5,
    };
    let page = search(&query, &sources, &Unwatched).unwrap();
    let names: Vec<_> = page.hits.iter().map(|hit| &*hit.repo).collect();
    assert_eq!((names, page.num_passed_over), (vec!["org/small", "org/gated"], 3));
    let gated = &page.hits[1];
    assert_eq!((gated.family.as_deref(), gated.is_gated, gated.license.as_deref()), (Some("Qwen3"), true, None));
    assert_eq!(gated.formats, [Format::Gguf, Format::Safetensors]);
    assert_eq!(gated.updated.as_deref(), Some("2025-04-28"));
    let [asked] = &*hub.asked() else { panic!("{:?}", hub.asked()) };
    assert_eq!(asked.token.as_deref(), Some(TOKEN));
    for part in ["search=qwen+3&", "filter=license%3Amit&", "filter=gguf&", "sort=likes&", "direction=-1&"] {
        assert!(asked.path.contains(part), "{part}: {}", asked.path);
    }

    let any = search(&SearchQuery { limit: 2, ..SearchQuery::default() }, &sources, &Unwatched).unwrap();
    assert_eq!(any.hits.len(), 2, "more than were asked for");
}

#[test]
fn an_answer_that_is_none_is_an_error_and_no_empty_page() {
    let hub = Hub::serve(&[], Manners { about: json!({"sha": 7}), ..Manners::default() });
    let error = list_repo("org/name", None, &sources(&hub, Path::new("none")), &Unwatched).unwrap_err();
    assert!(error.to_string().contains("not how the Hub answers"), "{error}");
    let offline = Sources { is_offline: true, ..sources(&hub, Path::new("none")) };
    assert!(matches!(search(&SearchQuery::default(), &offline, &Unwatched), Err(HubError::Offline)));
}

#[test]
fn each_program_s_models_have_their_names_and_what_is_not_for_training_is_told() {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    let gguf = std::fs::read(crate::fixtures::fixture("gguf/llama.gguf")).unwrap();
    // A byte at the end makes each a file of its own, and is read by nobody.
    let own = |index: u8| [&*gguf, &[index]].concat();
    let write = |path: &str, bytes: &[u8]| tunewright::fs::write_atomic(&at(path), bytes).unwrap();
    write("llama.cpp/org_tiny-GGUF_tiny-Q8_0.gguf", &own(1));
    write("jan/tiny chat/model.gguf", &own(2));
    write("mine/deep/er/nomic-embed-text.gguf", &own(3));
    write("mine/my-lora-merged.gguf", &own(4));
    write("ollama/blobs/sha256-abc", &own(5));
    write("ollama/blobs/sha256-eye", b"eyes");
    let layer = |kind: &str, digest: &str| json!({"mediaType": format!("application/vnd.ollama.image.{kind}"), "digest": digest});
    let layers = [layer("model", "sha256:abc"), layer("adapter", "sha256:lora"), layer("projector", "sha256:eye")];
    write("ollama/manifests/registry.ollama.ai/library/tiny/1b", json!({"layers": layers}).to_string().as_bytes());
    write(
        "ollama/manifests/registry.ollama.ai/library/odd/1b",
        json!({"layers": [layer("model", "../../x")]}).to_string().as_bytes(),
    );
    let sources = Sources {
        ollama: vec![at("ollama")],
        others: vec![("llama.cpp", at("llama.cpp")), ("Jan", at("jan")), ("GPT4All", at("nowhere"))],
        ..Sources::only(&at("models"))
    };
    let found = look_around(&sources.with_folder(&at("mine")).with_folder(&at("gone")), &Unwatched).unwrap();
    let models: Vec<_> = found.models.iter().skip(1).map(|model| (&*model.place, &*model.name)).collect();
    let expected =
        [("Ollama", "tiny:1b"), ("llama.cpp", "tiny-Q8_0"), ("Jan", "tiny chat"), ("Named folder", "my-lora-merged")];
    assert_eq!(models, expected);
    let notes = &found.models[1].facts.as_ref().unwrap().notes;
    assert!(notes.iter().any(|note| note.contains("an adapter over this model")), "{notes:?}");
    let left_out: Vec<_> = found.beside.left_out.iter().map(|left| (&*left.place, &*left.reason)).collect();
    assert_eq!(
        left_out,
        [
            ("Ollama", "the part of tiny:1b that sees or hears; text is trained without it"),
            ("Named folder", "it makes embeddings and writes no text"),
        ]
    );
    let [note] = &*found.beside.notes else { panic!("{:?}", found.beside.notes) };
    assert!(note.contains("gone isn't there"), "a program may be missing, a folder of one's own not: {note}");
}
