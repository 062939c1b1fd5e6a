//! Fetching models, against a server on this machine.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tunewright::hub::pinned::Wheel;
use tunewright::hub::{HubError, PinnedModel, Sources, fetch, fetch_pinned, resolve};
use tunewright::recipe::ModelRef;
use tunewright::task::{Task, Unit, Unwatched};

use crate::fixtures::copy_tiny_model;
use crate::hub_server::{Asked, COMMIT, Hub, Manners, Watched, content, files_in, sha256, sources};

fn pinned(body: &[u8]) -> PinnedModel {
    PinnedModel {
        name: "Tiny",
        file_name: "tiny.gguf",
        num_bytes: body.len() as u64,
        // A test's few bytes may be leaked: the catalogue's texts live forever, too.
        sha256: String::leak(sha256(body)),
        license: "MIT",
        hub_repo: "org/tiny-GGUF",
        wheel: Wheel { requirement: "llm-tiny==1.0", num_bytes: 1000, member: "llm_tiny/tiny.gguf" },
    }
}

#[test]
fn a_whole_file_comes_with_progress_and_gets_its_name() {
    let (folder, body) = (tempfile::tempdir().unwrap(), content(200_000));
    let hub = Hub::serve(&[("tiny.gguf", body.clone())], Manners::default());
    let task = Watched::default();
    let path = fetch_pinned(&pinned(&body), &sources(&hub, folder.path()), &task).unwrap();
    assert_eq!(path, folder.path().join("tiny.gguf"));
    assert_eq!(std::fs::read(&path).unwrap(), body);
    assert_eq!(files_in(folder.path()), ["tiny.gguf"]);
    let told = task.told.into_inner();
    assert!(told.is_sorted() && told.len() > 1, "{told:?}");
    assert_eq!(task.total.get(), Some(200_000));
    assert_eq!(hub.ranges(), [None]);
}

#[test]
fn a_lost_connection_is_gone_on_with_and_only_the_rest_is_asked_for() {
    let (folder, body) = (tempfile::tempdir().unwrap(), content(200_000));
    let manners = Manners { cut_after: Some(60_000), num_cuts: 2, ..Manners::default() };
    let hub = Hub::serve(&[("tiny.gguf", body.clone())], manners);
    let path = fetch_pinned(&pinned(&body), &sources(&hub, folder.path()), &Unwatched).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), body);
    assert_eq!(hub.ranges(), [None, Some((60_000, 199_999)), Some((120_000, 199_999))]);
}

#[test]
fn what_an_earlier_fetch_left_is_kept_for_the_next_one() {
    let (folder, body) = (tempfile::tempdir().unwrap(), content(200_000));
    let task = Watched { cancel_at: Some(50_000), ..Watched::default() };
    let hub = Hub::serve(&[("tiny.gguf", body.clone())], Manners { is_slow: true, ..Manners::default() });
    let error = fetch_pinned(&pinned(&body), &sources(&hub, folder.path()), &task).unwrap_err();
    assert!(matches!(error, HubError::Stopped), "{error}");
    assert_eq!(files_in(folder.path()), ["tiny.gguf.part"]);
    let kept = std::fs::metadata(folder.path().join("tiny.gguf.part")).unwrap().len() as usize;
    assert!((50_000..200_000).contains(&kept), "{kept}");

    let hub = Hub::serve(&[("tiny.gguf", body.clone())], Manners::default());
    let path = fetch_pinned(&pinned(&body), &sources(&hub, folder.path()), &Unwatched).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), body);
    assert_eq!(hub.ranges(), [Some((kept, 199_999))]);
}

#[test]
fn a_server_without_ranges_sends_the_whole_file_again() {
    let (folder, body) = (tempfile::tempdir().unwrap(), content(200_000));
    let manners = Manners { cut_after: Some(60_000), num_cuts: 1, knows_no_ranges: true, ..Manners::default() };
    let hub = Hub::serve(&[("tiny.gguf", body.clone())], manners);
    let path = fetch_pinned(&pinned(&body), &sources(&hub, folder.path()), &Unwatched).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), body);
    assert_eq!(hub.ranges().len(), 2);
}

#[test]
fn a_dead_connection_is_an_error_that_keeps_what_came() {
    let (folder, body) = (tempfile::tempdir().unwrap(), content(200_000));
    std::fs::create_dir_all(folder.path()).unwrap();
    tunewright::fs::write_atomic(&folder.path().join("tiny.gguf.part"), &body[..60_000]).unwrap();
    let hub = Hub::serve(
        &[("tiny.gguf", body.clone())],
        Manners { cut_after: Some(0), num_cuts: usize::MAX, ..Manners::default() },
    );
    let error = fetch_pinned(&pinned(&body), &sources(&hub, folder.path()), &Unwatched).unwrap_err();
    assert!(error.to_string().contains("after 60,000 of 200,000 bytes"), "{error}");
    assert_eq!(files_in(folder.path()), ["tiny.gguf.part"]);
}

#[test]
fn a_file_that_is_not_the_expected_one_is_deleted() {
    let (folder, body) = (tempfile::tempdir().unwrap(), content(200_000));
    let mut other = body.clone();
    other[100_000] ^= 1;
    let hub = Hub::serve(&[("tiny.gguf", other)], Manners::default());
    let error = fetch_pinned(&pinned(&body), &sources(&hub, folder.path()), &Unwatched).unwrap_err();
    assert!(error.to_string().contains("its SHA-256 is"), "{error}");
    assert_eq!(files_in(folder.path()), Vec::<String>::new());
}

#[test]
fn without_any_source_the_error_says_what_to_do() {
    let (folder, body) = (tempfile::tempdir().unwrap(), content(1000));
    let hub = Hub::serve(&[], Manners::default());
    let error = fetch_pinned(&pinned(&body), &sources(&hub, folder.path()), &Unwatched).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("org/tiny-GGUF/tiny.gguf: there is no such file on the Hub"), "{message}");
    assert!(message.contains("there is no Python with pip"), "{message}");
    assert!(error.hint().unwrap().contains(folder.path().to_str().unwrap()));
    assert_eq!(files_in(folder.path()), Vec::<String>::new());
}

/// A `pip` that does what the script says; `$DEST` is the folder it is to download to.
fn fake_pip(folder: &Path, script: &str) -> Vec<String> {
    let path = folder.join("pip.sh");
    let text = format!("while [ \"$1\" != --dest ]; do shift; done; DEST=$2; REQUIREMENT=$3\n{script}\n");
    tunewright::fs::write_atomic(&path, text.as_bytes()).unwrap();
    vec!["sh".to_owned(), path.to_str().unwrap().to_owned()]
}

fn wheel(folder: &Path, member: &str, body: &[u8]) -> PathBuf {
    let path = folder.join("llm_tiny-1.0-py3-none-any.whl");
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    archive.start_file(member, zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(body).unwrap();
    archive.finish().unwrap();
    path
}

#[test]
fn where_the_hub_is_out_of_reach_the_wheel_brings_the_model() {
    let (tools, folder, body) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), content(200_000));
    let models = folder.path().join("models");
    let wheel = wheel(tools.path(), "llm_tiny/tiny.gguf", &body);
    let script = format!("[ \"$REQUIREMENT\" = llm-tiny==1.0 ] && cp '{}' \"$DEST\"", wheel.display());
    let missing = vec!["no-such-python".to_owned()];
    // Nothing listens on port 9 of this machine.
    let sources = Sources {
        endpoint: Some("http://127.0.0.1:9".to_owned()),
        is_offline: false,
        pip: vec![missing, fake_pip(tools.path(), &script)],
        ..Sources::only(&models)
    };
    let task = Watched::default();
    let begun = Instant::now();
    let path = fetch_pinned(&pinned(&body), &sources, &task).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), body);
    assert_eq!(files_in(&models), ["tiny.gguf"]);
    assert_eq!(task.told.into_inner().last(), Some(&200_000));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[test]
fn a_wrong_wheel_and_a_failing_pip_are_named() {
    let (tools, folder, body) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), content(1000));
    let try_with = |script: &str| {
        let pip = vec![fake_pip(tools.path(), script)];
        let sources = Sources { pip, ..Sources::only(folder.path()) };
        fetch_pinned(&pinned(&body), &sources, &Unwatched).unwrap_err().to_string()
    };
    let message = try_with("echo 'WARNING: old' >&2; echo 'ERROR: No matching distribution' >&2; exit 1");
    assert!(message.contains("pip: No matching distribution"), "{message}");
    assert!(message.contains("HF_HUB_OFFLINE is set"), "{message}");

    let other = wheel(tools.path(), "llm_tiny/other.gguf", &body);
    let message = try_with(&format!("cp '{}' \"$DEST\"", other.display()));
    assert!(message.contains("can't be read"), "{message}");

    let forged = wheel(tools.path(), "llm_tiny/tiny.gguf", &content(999));
    let message = try_with(&format!("cp '{}' \"$DEST\"", forged.display()));
    assert!(message.contains("has 999 bytes, not 1,000"), "{message}");
    assert_eq!(files_in(folder.path()), Vec::<String>::new());
}

#[test]
fn stopping_ends_pip() {
    let (tools, folder, body) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), content(1000));
    let pid_file = tools.path().join("pid");
    let script = format!("echo $$ > '{}'; exec sleep 60", pid_file.display());
    let sources = Sources { pip: vec![fake_pip(tools.path(), &script)], ..Sources::only(folder.path()) };
    let task = Watched { cancel_at: Some(0), ..Watched::default() };
    let begun = Instant::now();
    let error = fetch_pinned(&pinned(&body), &sources, &task).unwrap_err();
    assert!(matches!(error, HubError::Stopped), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(files_in(folder.path()), Vec::<String>::new());
    if let Ok(pid) = std::fs::read_to_string(pid_file) {
        assert!(!Path::new("/proc").join(pid.trim()).exists(), "pip {pid} goes on");
    }
}

#[test]
fn offline_asks_the_hub_for_nothing() {
    let (folder, body) = (tempfile::tempdir().unwrap(), content(1000));
    let hub = Hub::serve(&[("tiny.gguf", body)], Manners::default());
    let sources = Sources { is_offline: true, ..sources(&hub, folder.path()) };
    let error = fetch(&ModelRef::parse("org/tiny-GGUF"), &sources, &Unwatched).unwrap_err();
    assert!(matches!(error, HubError::Offline), "{error}");
    assert_eq!(hub.asked(), []);
}

#[test]
fn a_network_that_is_switched_off_is_asked_for_nothing_also_not_by_pip() {
    let (tools, folder, body) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), content(1000));
    let hub = Hub::serve(&[("tiny.gguf", body.clone())], Manners::default());
    let called = tools.path().join("called");
    let pip = vec![fake_pip(tools.path(), &format!("touch '{}'", called.display()))];
    let sources = Sources { is_switched_off: true, pip, ..sources(&hub, folder.path()) };
    let errors = [
        fetch(&ModelRef::parse("org/tiny-GGUF"), &sources, &Unwatched).unwrap_err(),
        fetch_pinned(&pinned(&body), &sources, &Unwatched).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.to_string(), "the network is switched off in Settings");
    }
    assert!(hub.asked().is_empty() && !called.exists());
}

#[test]
fn a_repository_comes_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let weights = content(100_000);
    let files = [
        ("model.safetensors", weights.clone()),
        ("config.json", b"{}".to_vec()),
        ("tokenizer.json", b"{\"a\": 1}".to_vec()),
        ("README.md", b"# Model".to_vec()),
    ];
    let model = ModelRef::parse("org/name@v1");
    // The connection is lost for good within the largest file, the last one.
    let manners = Manners { cut_after: Some(0), num_cuts: usize::MAX, ..Manners::default() };
    let broken = Hub::serve(&files, manners);
    fetch(&model, &sources(&broken, folder.path()), &Unwatched).unwrap_err();
    assert!(resolve(&model, &sources(&broken, folder.path())).is_err());

    let hub = Hub::serve(&files, Manners::default());
    let sources = sources(&hub, folder.path());
    let task = Watched::default();
    let path = fetch(&model, &sources, &task).unwrap();
    assert_eq!(files_in(&path), [".download.json", "config.json", "model.safetensors", "tokenizer.json"]);
    assert_eq!(std::fs::read(path.join("model.safetensors")).unwrap(), weights);
    assert_eq!(resolve(&model, &sources).unwrap(), path);
    assert_eq!(task.told.into_inner().last(), Some(&100_010));
    let of_files = |asked: &&Asked| asked.path.contains("/resolve/");
    assert!(hub.asked().iter().filter(of_files).all(|asked| asked.path.contains(COMMIT)), "{:?}", hub.asked());
    assert_eq!(files_in(folder.path()).len(), 1);
}

/// The Hub knows the SHA-256 of large files.
#[test]
fn a_file_that_changed_on_the_way_is_refused_and_one_that_was_left_broken_is_fetched_anew() {
    let folder = tempfile::tempdir().unwrap();
    let body = content(100_000);
    let files = [("model.safetensors", body.clone()), ("config.json", b"{}".to_vec())];
    let model = ModelRef::parse("org/name");
    let forged = Hub::serve(&files, Manners { num_forged: usize::MAX, ..Manners::default() });
    let error = fetch(&model, &sources(&forged, folder.path()), &Unwatched).unwrap_err();
    let told = error.to_string();
    assert!(told.contains("model.safetensors is not the file that was expected: its SHA-256 is"), "{told}");
    assert!(error.hint().unwrap().contains("something on the way changes files"));
    let partial = folder.path().join("org--name@main.part");
    assert_eq!(files_in(&partial), [".download.json", "config.json"], "the wrong file is kept");
    assert_eq!(forged.ranges(), [None], "it was whole, and wrong, at once");

    // Half of it is there, of another file.
    tunewright::fs::write_atomic(&partial.join("model.safetensors.part"), &content(60_000)[10..]).unwrap();
    let hub = Hub::serve(&files, Manners::default());
    let path = fetch(&model, &sources(&hub, folder.path()), &Unwatched).unwrap();
    assert_eq!(std::fs::read(path.join("model.safetensors")).unwrap(), body);
    assert_eq!(hub.ranges(), [Some((59_990, 99_999)), None]);
}

#[test]
fn what_other_programs_keep_is_found_once_and_broken_files_say_why() {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    let write = |path: &str, text: &str| tunewright::fs::write_atomic(&at(path), text.as_bytes()).unwrap();
    let sources = Sources {
        hub_cache: at("cache"),
        lm_studio: vec![at("lm-studio"), at("not there")],
        ollama: vec![at("ollama")],
        ..Sources::only(&at("models"))
    };
    copy_tiny_model(&at("models/org--tiny@main"));
    copy_tiny_model(&at("models/half@main.part"));
    copy_tiny_model(&at("cache/models--org--cached/snapshots/c0ffee"));
    write("cache/models--org--cached/refs/main", "c0ffee");
    write("cache/models--org--tokenizer-only/snapshots/1/config.json", "{}");
    write("lm-studio/owner/repo/broken.gguf", "no GGUF at all");
    write("lm-studio/owner/repo/mmproj-broken.gguf", "the eyes of a model");
    write("lm-studio/owner/repo/big-00002-of-00002.gguf", "the second half");
    let layer = r#"{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:abc"}"#;
    let manifest = format!("{{\"layers\": [{{\"mediaType\": \"template\", \"digest\": \"sha256:x\"}}, {layer}]}}");
    write("ollama/manifests/registry.ollama.ai/library/tiny/latest", &manifest);
    write("ollama/blobs/sha256-abc", "no model either");
    #[cfg(unix)]
    std::os::unix::fs::symlink(at("models/org--tiny@main"), at("lm-studio/again")).unwrap();

    let found = tunewright::hub::discover(&sources, &CountFiles).unwrap();
    let told: Vec<_> = found.iter().map(|m| (m.place.as_str(), m.name.as_str(), m.facts.is_some())).collect();
    let expected = [
        ("Starter model", "SmolLM2-135M-Instruct", false),
        ("Models folder", "org/tiny", true),
        ("Hugging Face cache", "org/cached", true),
        ("LM Studio", "broken", false),
        ("Ollama", "tiny:latest", false),
    ];
    assert_eq!(told, expected);
    assert!(!found[0].is_on_disk && found[0].problem.is_none() && found[0].num_bytes == 98_362_432);
    assert_eq!(found[2].model.to_string(), "org/cached");
    assert!(resolve(&found[2].model, &sources).is_ok());
    for broken in &found[3..] {
        let problem = broken.problem.as_deref().unwrap_or_default();
        assert!(problem.contains(&*resolve(&broken.model, &sources).unwrap().to_string_lossy()), "{problem}");
        assert!(broken.num_bytes > 0);
    }
}

struct CountFiles;

impl Task for CountFiles {
    fn progress(&self, done: u64, total: Option<u64>, unit: Unit) {
        assert!(unit == Unit::Files && Some(done) < total);
    }

    fn is_stopped(&self) -> bool {
        false
    }
}
