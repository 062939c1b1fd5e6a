//! After release: new examples come in, the released run is measured on them, drift ends with exit code 2, and the examples
//! behind it go to the review queue.

use std::fs::read_to_string;

use serde_json::Value;
use tunewright::project::{ExampleQuery, Project};
use tunewright::task::Unwatched;
use tunewright::workbench::monitor::{Which, to_review};

use super::fixtures::fixture;
use super::program::Desk;
use super::window::harness::made::pair;

/// A project whose run "1" has learned to answer "ok" to everything.
fn project() -> Desk {
    let desk = Desk::new();
    desk.write("train.jsonl", rows(0..24, |_| "ok"));
    desk.write("validation.jsonl", rows(24..54, |_| "ok"));
    desk.write(
        "recipe.toml",
        format!(
            "version = 2\nbase_model = {:?}\n[data]\ntrain = \"train.jsonl\"\nvalidation = \"validation.jsonl\"\n[lora]\nr = 8\n\
             lora_alpha = 16\n[training]\nmax_length = 96\nper_device_train_batch_size = 4\nnum_train_epochs = 12\n\
             learning_rate = 1e-2\n",
            fixture("llama")
        ),
    );
    desk.run(&["data", "import", "train.jsonl", "--project", "p"]).ok();
    desk.run(&["train", "recipe.toml", "--out", "p/runs/1"]).ok();
    desk
}

fn rows(range: std::ops::Range<usize>, answer: fn(usize) -> &'static str) -> String {
    range.map(|at| pair(&format!("number {} of {}", at * 37 % 101, at % 5), answer(at)) + "\n").collect()
}

fn json(ran: &super::program::Ran) -> Value {
    serde_json::from_str(&ran.out()).unwrap_or_else(|e| panic!("{e}: {} {}", ran.out(), ran.err()))
}

#[test]
fn a_released_run_is_watched_and_what_drifts_goes_to_review() {
    let desk = project();
    let usual = desk.write("usual.jsonl", rows(100..140, |_| "ok"));
    let usual = usual.to_str().unwrap();
    let early = desk.run(&["monitor", "p", "add", usual]);
    assert_eq!(early.code(), Some(1));
    assert!(
        early.err().contains("No run of this project is released") || early.err().contains("no run of this project")
    );
    assert!(early.err().contains("tunewright release"), "{}", early.err());
    assert!(!desk.path("p/monitor").exists(), "nothing came in");
    assert_eq!(desk.run(&["release", "p/runs/1"]).ok().out().trim(), "1 is released");

    let first = desk.run(&["monitor", "p", "add", usual, "--date", "2026-11-02", "--json"]).ok().json();
    assert_eq!(first["added"]["batches"][0]["name"], "2026-11-02-usual");
    let findings = &first["findings"][0];
    assert_eq!((findings["num"].as_u64(), findings["warnings"].as_array().unwrap().len()), (Some(40), 0), "{findings}");
    assert!(findings["figures"][0]["value"].as_f64().unwrap() > 0.9, "it has learned its answer: {findings}");
    let kinds: Vec<_> =
        findings["tests"].as_array().unwrap().iter().map(|test| test["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["answers", "length", "new_words", "labels", "hidden"]);

    // The world has changed: most answers are others now.
    let changed = desk.write("changed.jsonl", rows(200..260, |at| if at % 3 == 0 { "ok" } else { "no" }));
    let changed = changed.to_str().unwrap();
    let second = desk.run(&["monitor", "p", "add", changed, "--date", "2026-11-09", "--json"]);
    assert_eq!(second.code(), Some(2), "{}", second.err());
    let second = json(&second);
    let warning = &second["findings"][0]["warnings"][0];
    assert_eq!(warning["kind"], "answers", "{warning}");
    assert!(warning["text"].as_str().unwrap().contains("of the run's validation examples"), "{warning}");
    let behind = warning["behind"].as_array().unwrap();
    assert!(behind.len() == 20 && behind.iter().all(|one| (200 + one["row"].as_u64().unwrap()) % 3 != 0), "{behind:?}");

    // Once more changes nothing.
    let log = || read_to_string(desk.path("p/monitor/log.jsonl")).unwrap();
    let before = log();
    let again = desk.run(&["monitor", "p", "add", changed]).ok();
    assert!(again.out().contains("Nothing new") && again.err().contains("was added before: 2026-11-09-changed"));
    assert_eq!(log(), before);

    // A batch without answers is watched by its inputs. What a program that was killed left is measured now.
    let half = before.lines().take(2).collect::<Vec<_>>().join("\n") + "\n{\"line\":\"ba";
    desk.write("p/monitor/log.jsonl", half);
    desk.write("inbox/silent.jsonl", rows(300..330, |_| ""));
    let an_hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let file = std::fs::File::options().write(true).open(desk.path("inbox/silent.jsonl")).unwrap();
    file.set_modified(an_hour_ago).unwrap();
    let third = desk.run(&["monitor", "p", "add", "--watch", "inbox", "--json"]);
    assert_eq!(third.code(), Some(2), "{}", third.err());
    let third = json(&third);
    let found = third["findings"].as_array().unwrap();
    assert_eq!((found.len(), &found[0]["warnings"][0], found[1]["num_answered"].as_u64()), (2, warning, Some(0)));
    assert!(found[1]["figures"].as_array().unwrap().is_empty() && !found[1]["tests"].as_array().unwrap().is_empty());

    let list = desk.run(&["monitor", "p", "list"]).ok().out();
    assert!(list.contains("2026-11-09-changed  60 examples, 60 answered  drift"), "{list}");
    let report = desk.run(&["monitor", "p", "report"]);
    assert_eq!(report.code(), Some(0), "the latest has none: {}", report.out());
    assert!(
        report.out().contains("DRIFT  Answers got worse") && report.err().contains("At most 5 in 100"),
        "{}",
        report.out()
    );

    let review = desk.run(&["monitor", "p", "review", "2026-11-09-changed", "--behind", "--json"]).ok().json();
    let num = review["num_imported"].as_u64().unwrap();
    assert!(num >= 20 && review["num_queued"].as_u64() == Some(num), "{review}");
    let mut project = Project::open(&desk.path("p")).unwrap();
    let queue = ExampleQuery { queued_only: true, ..ExampleQuery::default() };
    let ids = project.matching_ids(&queue).unwrap();
    assert_eq!(ids.len() as u64, num);
    let example = project.example(ids[0]).unwrap();
    assert_eq!(
        (example.annotations.tags, example.annotations.source.as_deref()),
        (vec!["drift".to_owned()], Some("2026-11-09-changed.jsonl"),)
    );
    // All of it: those that are here already are known.
    let all = to_review(&mut project, "2026-11-09-changed", Which::All, &Unwatched).unwrap();
    assert_eq!((all.num_imported + all.num_known, all.num_known), (60, num));
    assert_eq!(project.matching_ids(&queue).unwrap().len(), 60);
    let none = desk.run(&["monitor", "p", "review", "2026"]);
    assert!(none.code() == Some(1) && none.err().contains("there are 2026-11-02-usual"), "{}", none.err());
}
