//! A run keeps what it was trained on, wherever it was started.

use std::collections::BTreeMap;
use std::fs::{read, read_to_string};
use std::path::Path;

use serde_json::Value;
use tunewright::data::Split;
use tunewright::fs::write_atomic;
use tunewright::project::{Edit, ExampleQuery, Project};
use tunewright::recipe::Recipe;
use tunewright::run::{RunDir, RunRecord, sha256_of};

use super::engine::tiny_recipe as recipe;
use super::program::Desk;
use super::run_folder::{desk, train, warnings};
use super::run_times::Bench;

/// A run's files by their names, with what is in them but for times and the run's own name.
fn contents(run_dir: &Path) -> BTreeMap<String, String> {
    let name = RunDir(run_dir).name();
    let files = walkdir::WalkDir::new(run_dir).into_iter().map(Result::unwrap).filter(|e| e.file_type().is_file());
    let content = |path: &Path| {
        let text = match String::from_utf8(read(path).unwrap()) {
            Ok(text) => text.replace(&name, "RUN"),
            Err(_) => return sha256_of(path).unwrap(),
        };
        if path.file_name().is_some_and(|name| name == "SHA256SUMS") {
            // The state has the seconds that the run took.
            return text.lines().filter(|line| !line.ends_with("state.json")).map(|line| format!("{line}\n")).collect();
        }
        let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&text).into_iter().collect();
        let Ok(mut values) = values else { return text };
        for object in values.iter_mut().filter_map(Value::as_object_mut) {
            for time in ["secs", "step_secs", "eval_secs", "tokens_per_sec", "at", "began"] {
                object.remove(time);
            }
        }
        values.iter().map(|value| format!("{value}\n")).collect()
    };
    let place = |path: &Path| path.strip_prefix(run_dir).unwrap().to_string_lossy().replace('\\', "/");
    files.map(|entry| (place(entry.path()), content(entry.path()))).collect()
}

#[test]
fn the_command_line_and_the_window_make_the_same_run_folder() {
    let bench = Bench::new();
    let desk = Desk::new();
    let mut recipe = recipe(8);
    recipe.evaluation.eval_steps = 4;
    let text = recipe.to_toml().unwrap();
    let (before, data) = text.split_once("[data]\n").unwrap();
    let text = format!("{before}[{}", data.split_once('[').unwrap().1);
    write_atomic(&desk.path("recipe.toml"), text.as_bytes()).unwrap();
    // Its examples are the project's; without one, the file that is missing is named.
    let ran = desk.run(&["train", "recipe.toml", "--out", "no-examples"]);
    assert_eq!(ran.code(), Some(1));
    assert!(ran.err().contains("data.train: name the file with the training examples"), "{}", ran.err());
    assert!(!desk.path("no-examples").exists());
    let project = bench.project();
    let ran = desk.run(&["train", "recipe.toml", "--project", project.to_str().unwrap(), "--json"]);
    assert_eq!(ran.code(), Some(0), "{}", ran.err());
    bench.train(&Recipe::read(&desk.path("recipe.toml")).unwrap());
    let runs = bench.runs();
    let [of_window, of_command] = &runs[..] else { panic!("{runs:?}") };
    let (window, command) = (contents(&of_window.run_dir), contents(&of_command.run_dir));
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&window), names(&command));
    for name in ["data/train.jsonl", "data/SHA256SUMS", "data/README.md", "README.md", "inputs.json"] {
        assert!(window.contains_key(name), "{name}: {:?}", names(&window));
    }
    for (name, content) in &window {
        assert_eq!(content, &command[name], "{name}");
    }
}

#[test]
fn a_run_of_files_stands_on_its_own_copy_of_them() {
    let desk = desk(12, 3);
    let ran = train(&desk, "run");
    assert_eq!(ran.code(), Some(0), "{}", ran.err());
    let run_dir = desk.path("run");
    let dir = RunDir(&run_dir);
    let sums = read_to_string(dir.data_sums()).unwrap();
    for part in [Split::Train, Split::Validation] {
        let path = dir.data_of(part);
        let line = format!("{}  {}\n", sha256_of(&path).unwrap(), path.file_name().unwrap().to_str().unwrap());
        assert!(sums.contains(&line), "{sums}");
    }
    let num_lines = |part| read_to_string(dir.data_of(part)).unwrap().lines().count();
    assert_eq!(num_lines(Split::Train) + num_lines(Split::Validation), 12);
    let record = RunRecord::read(&run_dir).unwrap();
    assert_eq!(record.recipe.data.train, dir.data_of(Split::Train));
    assert_eq!(record.about.data_sha256, sha256_of(&dir.data_of(Split::Train)).ok());
    let card = read_to_string(dir.card()).unwrap();
    assert!(card.contains("`data.jsonl`") || card.contains("data.jsonl"), "{card}");

    // Another recipe's data are refused, and the share that is held out counts.
    let text = read_to_string(desk.path("recipe.toml")).unwrap();
    let change = |from: &str, to: &str| {
        write_atomic(&desk.path("recipe.toml"), text.replace(from, to).as_bytes()).unwrap();
        let ran = train(&desk, "run");
        assert_eq!(ran.code(), Some(1), "{from}");
        ran.err()
    };
    let told = change("train = \"data.jsonl\"", "train = \"data.jsonl\"\nvalidation_split = 0.25");
    assert!(told.contains("data.validation_split is 0.25 instead of 0.1"), "{told}");
    std::fs::copy(desk.path("data.jsonl"), desk.path("other.jsonl")).unwrap();
    let told = change("data.jsonl", "other.jsonl");
    assert!(told.contains("data.jsonl was there when the run began"), "{told}");
    write_atomic(&desk.path("recipe.toml"), text.as_bytes()).unwrap();

    // Without the files, elsewhere: the folder is enough, and its frozen examples are watched.
    std::fs::remove_file(desk.path("data.jsonl")).unwrap();
    std::fs::rename(&run_dir, desk.path("moved")).unwrap();
    let resume = || desk.run(&["train", "moved/recipe.toml", "--out", "moved", "--json"]);
    let ran = resume();
    assert_eq!(ran.code(), Some(0), "{}", ran.err());
    assert!(warnings(&ran).iter().all(|warning| !warning.contains("can't be checked")), "{}", ran.out());
    let measured = desk.run(&["evaluate", "--run", "moved", "--part", "validation"]);
    assert_eq!(measured.code(), Some(0), "{}", measured.err());
    let frozen = RunDir(&desk.path("moved")).data_of(Split::Train);
    let before = read_to_string(&frozen).unwrap();
    write_atomic(&frozen, before.replacen("say 0", "say 9", 1).as_bytes()).unwrap();
    let ran = resume();
    assert!(ran.code() == Some(1) && ran.err().contains("data/train.jsonl has another content"), "{}", ran.err());
}

#[test]
fn a_project_that_changed_since_is_refused_by_name() {
    let desk = desk(6, 3);
    let imported = desk.run(&["data", "import", "data.jsonl", "--project", "p"]);
    assert_eq!(imported.code(), Some(0), "{}", imported.err());
    let train = || desk.run(&["train", "recipe.toml", "--project", "p", "--out", "run", "--json"]);
    assert_eq!(train().code(), Some(0), "{}", train().err());
    assert_eq!(train().code(), Some(0), "nothing has changed");
    let mut project = Project::open(&desk.path("p")).unwrap();
    let query = ExampleQuery { split: Some(Split::Train), limit: 1, ..ExampleQuery::default() };
    let id = project.query(&query).unwrap().rows[0].id;
    project.apply(&Edit::Delete { ids: vec![id] }).unwrap();
    let ran = train();
    assert_eq!(ran.code(), Some(1), "{}", ran.err());
    assert!(ran.err().contains("the project's examples are others than when it began (train.jsonl"), "{}", ran.err());
}

#[test]
fn data_are_frozen_over_nothing_of_the_person_s_and_again_after_a_kill() {
    let desk = desk(6, 3);
    for name in ["README.md", "data/train.jsonl", "data/SHA256SUMS"] {
        let path = desk.path("taken").join(name);
        write_atomic(&path, b"mine").unwrap();
        let ran = train(&desk, "taken");
        assert_eq!(ran.code(), Some(1), "{name}");
        assert!(ran.err().contains(&format!("a file {name} that no run wrote lies there")), "{}", ran.err());
        assert_eq!(read(&path).unwrap(), b"mine");
        assert!(!RunDir(&desk.path("taken")).status().exists(), "{name}: it was marked as a run's");
        std::fs::remove_file(path).unwrap();
    }
    // Killed while the data were frozen: there is no recipe yet.
    let run_dir = desk.path("run");
    write_atomic(&RunDir(&run_dir).status(), br#"{"status": "running", "num_steps": 0}"#).unwrap();
    write_atomic(&RunDir(&run_dir).data_of(Split::Train), b"half").unwrap();
    let ran = train(&desk, "run");
    assert_eq!(ran.code(), Some(0), "{}", ran.err());
    // A run that can't begin leaves nothing.
    write_atomic(&desk.path("data.jsonl"), b"").unwrap();
    assert_eq!(train(&desk, "empty").code(), Some(1));
    write_atomic(&desk.path("data.jsonl"), b"{\"prompt\": \"a\", \"completion\": \"b\"}\n").unwrap();
    std::fs::remove_file(desk.path("model/model.safetensors")).unwrap();
    assert_eq!(train(&desk, "no model").code(), Some(1));
    assert!(!desk.path("empty").exists() && !desk.path("no model").exists());
}
