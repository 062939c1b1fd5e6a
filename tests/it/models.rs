//! `tunewright models`, as a person or a script runs it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::fixtures::copy_tiny_model;
use crate::hub_server::{Hub, Manners, content};
use crate::program::{Desk, Ran};
use crate::window::harness::made::chat;

/// The program on a machine whose Hub is this server.
fn online(desk: &Desk, hub: &Hub, arguments: &[&str]) -> Command {
    let mut command = desk.program(arguments);
    command.env("HF_ENDPOINT", &hub.address).env("HF_HUB_OFFLINE", "0").env_remove("HF_TOKEN");
    for proxy in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(proxy);
    }
    command
}

fn ran(mut command: Command) -> Ran {
    Ran(command.output().unwrap())
}

fn tiny_files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    copy_tiny_model(folder);
    let names = crate::fixtures::names_in(folder);
    names.into_iter().map(|name| (name.clone(), std::fs::read(folder.join(name)).unwrap())).collect()
}

/// A server with the tiny model, a GGUF file beside it.
fn hub(desk: &Desk) -> Hub {
    let files = tiny_files(&desk.path("of the server"));
    let mut files: Vec<(&str, Vec<u8>)> = files.iter().map(|(name, body)| (&**name, body.clone())).collect();
    files.push(("tiny-Q8_0.gguf", content(20_000)));
    let found = json!({
        "id": "org/tiny", "downloads": 7, "likes": 1, "gated": false, "tags": ["gguf", "license:mit"],
        "gguf": {"architecture": "qwen3", "total": 600_000_000}, "lastModified": "2025-04-28T01:02:03Z",
    });
    Hub::serve(&files, Manners { models: vec![found], ..Manners::default() })
}

/// Every key of an object and of all in it.
fn keys(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            into.insert(key.clone());
            keys(value, into);
        }),
        Value::Array(values) => values.iter().for_each(|value| keys(value, into)),
        _ => {}
    }
}

#[test]
fn every_command_prints_the_json_that_is_documented() {
    let desk = Desk::new();
    let hub = hub(&desk);
    copy_tiny_model(&desk.path("here/tiny"));
    desk.write("here/mmproj-tiny.gguf", b"eyes");
    desk.write("talk.jsonl", chat(&[("user", "a b"), ("assistant", "c d")]));
    desk.write("data/tunewright/models/org--half@main.part/.download.json", json!({
        "version": 1, "model": "org/half", "commit": "abc", "files": [{"path": "a", "num_bytes": 9, "sha256": null}],
    }).to_string());
    let json = |arguments: &[&str]| ran(online(&desk, &hub, &[&["models"], arguments, &["--json"]].concat())).json();

    let listed = json(&["list", "--folder", "here"]);
    let on_disk = listed["on_disk"].as_array().unwrap();
    let here = on_disk.iter().find(|model| model["place"] == "Named folder").unwrap();
    assert_eq!((&here["name"], &here["group"], &here["problem"]), (&json!("tiny"), &json!("tiny"), &Value::Null));
    assert!(listed["beside"]["left_out"][0]["reason"].as_str().unwrap().contains("mmproj"));
    assert_eq!(listed["unfinished"][0]["total"], 9);
    assert!(listed["catalogue"].as_array().unwrap().len() >= 28);

    let found = json(&["search", "tiny", "--max-size", "1B"]);
    assert_eq!(found["hits"][0]["repo"], "org/tiny");
    let on_hub = json(&["inspect", "org/tiny"]);
    let names: Vec<_> = on_hub["variants"].as_array().unwrap().iter().map(|variant| &variant["name"]).collect();
    assert_eq!(names.len(), 2, "{names:?}");

    let got = json(&["get", "org/tiny:safetensors"]);
    let path = got["path"].as_str().unwrap();
    assert!(Path::new(path).join("config.json").is_file() && !got["files"].as_array().unwrap().is_empty());
    let inspected = json(&["inspect", path, "--conversation", "talk.jsonl"]);
    let conversation = &inspected["conversation"];
    assert!(conversation["num_trained"].as_u64().unwrap() > 0, "{conversation}");
    assert!(inspected["tensors"][0]["num_tensors"].as_u64().unwrap() > 0);
    let verified = json(&["verify", "org/tiny:safetensors"]);
    assert_eq!(verified["is_fine"], true);

    let mut printed = BTreeSet::new();
    for value in [&listed, &found, &on_hub, &got, &inspected, &verified] {
        keys(value, &mut printed);
    }
    let documented = include_str!("../../docs/models-json.md");
    let missing: Vec<_> = printed.iter().filter(|key| !documented.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "docs/models-json.md doesn't have {missing:?}");
}

#[test]
fn a_model_that_was_fetched_is_checked_by_its_hashes_and_by_its_values() {
    let desk = Desk::new();
    let hub = hub(&desk);
    let got = ran(online(&desk, &hub, &["models", "get", "org/tiny:safetensors"])).ok();
    let folder = Path::new(got.out().trim()).to_owned();
    let verify = || desk.run(&["models", "verify", folder.to_str().unwrap()]);
    let told = verify().ok().out();
    let words: Vec<_> =
        told.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(words, ["ok files", "ok settings", "ok tokenizer", "ok tensors"], "{told}");

    // A value that isn't a number: the hash tells, and so do the values.
    let weights = folder.join("model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    let end = bytes.len();
    bytes[end - 4..].fill(0xff);
    tunewright::fs::write_atomic(&weights, &bytes).unwrap();
    let damaged = verify();
    assert_eq!(damaged.code(), Some(1));
    let told = damaged.out();
    assert!(told.contains("model.safetensors is damaged or was changed: its SHA-256 is"), "{told}");
    assert!(told.contains("not finite"), "{told}");
    assert!(damaged.err().contains("isn't whole"), "{}", damaged.err());

    bytes.truncate(end - 100);
    tunewright::fs::write_atomic(&weights, &bytes).unwrap();
    let cut = verify();
    assert!(cut.code() == Some(1) && cut.out().contains("bytes, not"), "{}", cut.out());

    std::fs::remove_file(folder.join("tokenizer.json")).unwrap();
    let told = verify().out();
    assert!(told.contains("!  tokenizer") && told.contains("tokenizer.json"), "{told}");
}

#[test]
fn a_model_of_a_cache_is_checked_by_the_names_of_its_files() {
    let desk = Desk::new();
    let folder = desk.path("plain");
    copy_tiny_model(&folder);
    let unknown = desk.run(&["models", "verify", folder.to_str().unwrap()]).ok();
    assert!(unknown.out().starts_with("?  files"), "{}", unknown.out());

    let body = content(5000);
    let right = desk.write(&format!("blobs/sha256-{}", crate::hub_server::sha256(&body)), &body);
    let wrong = desk.write(&format!("blobs/sha256-{}", "0".repeat(64)), &body);
    let told = desk.run(&["models", "verify", right.to_str().unwrap()]).out();
    assert!(told.starts_with("ok files"), "{told}");
    let told = desk.run(&["models", "verify", wrong.to_str().unwrap()]).out();
    assert!(told.starts_with("!  files"), "{told}");
}

#[test]
fn a_conversation_is_shown_as_it_would_be_trained() {
    let desk = Desk::new();
    let folder = desk.path("tiny");
    copy_tiny_model(&folder);
    desk.write(
        "talk.jsonl",
        chat(&[("user", "a"), ("assistant", "b")]) + &chat(&[("user", "q"), ("assistant", "z z")]),
    );
    let model = folder.to_str().unwrap();
    let told = desk.run(&["models", "inspect", model, "--conversation", "talk.jsonl", "--row", "2"]).ok().out();
    assert!(told.contains("⟦") && told.contains("of them trained"), "{told}");
    let trained = told.split('⟦').nth(1).unwrap().split('⟧').next().unwrap();
    assert!(trained.contains('z') && !trained.contains('q'), "{trained}");
    let missing = desk.run(&["models", "inspect", model, "--conversation", "talk.jsonl", "--row", "3"]);
    assert!(missing.code() == Some(1) && missing.err().contains("has no conversation 3"), "{}", missing.err());
}

#[test]
fn the_environment_s_proxy_is_used_and_its_exceptions_kept() {
    let desk = Desk::new();
    let hub = hub(&desk);
    let by_proxy = |except: &str| {
        let mut command = online(&desk, &hub, &["models", "search", "tiny"]);
        command.env("HF_ENDPOINT", "http://hub.test").env("HTTP_PROXY", &hub.address).env("http_proxy", &hub.address);
        command.env("NO_PROXY", except).env("no_proxy", except);
        ran(command)
    };
    let found = by_proxy("").ok();
    assert!(found.out().contains("org/tiny"), "{}", found.out());
    let num_asked = hub.asked().len();
    assert!(hub.asked()[0].path.starts_with("http://hub.test/api/models?"), "{:?}", hub.asked());
    let refused = by_proxy("hub.test");
    assert_eq!((refused.code(), hub.asked().len()), (Some(1), num_asked), "{}", refused.out());
}

#[test]
fn the_token_of_the_environment_is_sent_and_shown_nowhere() {
    let desk = Desk::new();
    let files = [("tiny-Q8_0.gguf", content(20_000))];
    let hub = Hub::serve(&files, Manners { gate: Some("hf_of_mine"), ..Manners::default() });
    let get = |token: &str| {
        let mut command = online(&desk, &hub, &["models", "get", "org/tiny-GGUF:Q8_0"]);
        command.env("HF_TOKEN", token).env("RUST_LOG", "trace").env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
        ran(command)
    };
    let refused = get("hf_of_another");
    assert_eq!(refused.code(), Some(1));
    assert!(refused.err().contains("is gated") && refused.err().contains("hint:"), "{}", refused.err());
    let fetched = get("hf_of_mine").ok();
    for told in [refused.err(), refused.out(), fetched.err(), fetched.out()] {
        assert!(!told.contains("hf_of_"), "{told}");
    }
}

#[test]
fn the_old_word_still_fetches_and_says_the_new_one() {
    let desk = Desk::new();
    let hub = hub(&desk);
    let fetched = ran(online(&desk, &hub, &["models", "--fetch", "org/tiny:Q8_0"])).ok();
    assert!(Path::new(fetched.out().trim()).is_file() && fetched.err().contains("models get"), "{}", fetched.err());
    let listed = desk.run(&["models"]).ok().out();
    assert!(listed.starts_with("starter\n") && listed.contains("tunewright models get NAME"), "{listed}");
}
