//! What a run's folder withstands: damage, disks that are full, folders that vanish, programs that are killed, and two of
//! them at a time. All through the real program, on a tiny model.

use std::fs::{read, read_to_string};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tunewright::fs::write_atomic;
use tunewright::run::{RunDir, RunRecord, RunStatus, checkpoints, metrics, sha256_of};

use super::cases::case;
use super::fixtures::{copy_all, fixture, names_in};
use super::program::{Desk, Ran};

const LAST: &str = "checkpoints/step-000012";

/// A desk with a model, data, and a recipe of this many steps.
pub(super) fn desk(max_steps: usize, eval_steps: usize) -> Desk {
    let desk = Desk::new();
    copy_all(&case("_model"), &desk.path("model"));
    std::fs::copy(fixture("runs/data.jsonl"), desk.path("data.jsonl")).unwrap();
    let recipe = format!(
        "version = 1\nbase_model = \"model\"\n[data]\ntrain = \"data.jsonl\"\n[lora]\nr = 2\n[training]\n\
         max_length = 64\nmax_steps = {max_steps}\nper_device_train_batch_size = 2\nlearning_rate = 1e-2\n\
         [evaluation]\neval_steps = {eval_steps}\n"
    );
    write_atomic(&desk.path("recipe.toml"), recipe.as_bytes()).unwrap();
    desk
}

pub(super) fn train(desk: &Desk, out: &str) -> Ran {
    desk.run(&["train", "recipe.toml", "--out", out, "--json"])
}

pub(super) fn warnings(ran: &Ran) -> Vec<String> {
    let events = ran.out().lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();
    let warnings = events.iter().filter(|event| event["event"] == "warning");
    warnings.map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

fn steps(run_dir: &Path) -> Vec<usize> {
    metrics::read(run_dir).unwrap().steps.iter().map(|step| step.step).collect()
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = read(path).unwrap();
    change(&mut bytes);
    write_atomic(path, &bytes).unwrap();
}

fn set(checkpoint: &Path, key: &str, value: Value) {
    change(&checkpoint.join("state.json"), |bytes| {
        let mut state: Value = serde_json::from_slice(bytes).unwrap();
        state[key] = value;
        *bytes = state.to_string().into_bytes();
    });
}

/// What can become of a checkpoint, and what is said of it: where its SHA-256 are known, and where they aren't. `None`
/// where nobody can know.
type Damage = (fn(&Path), &'static str, Option<&'static str>);

const OTHER_WEIGHTS: &str = "adapter_model.safetensors has another content";
const OTHER_STATE: &str = "state.json has another content";

const DAMAGES: &[Damage] = &[
    (|at| change(&at.join("adapter_model.safetensors"), |b| *b.last_mut().unwrap() ^= 1 << 6), OTHER_WEIGHTS, None),
    (
        |at| change(&at.join("optimizer.safetensors"), |b| *b.last_mut().unwrap() ^= 1),
        "optimizer.safetensors has another content",
        None,
    ),
    (|at| change(&at.join("adapter_config.json"), |b| b.push(b' ')), "adapter_config.json has another content", None),
    (
        |at| std::fs::remove_file(at.join("adapter_config.json")).unwrap(),
        "adapter_config.json is missing",
        Some("adapter_config.json is missing"),
    ),
    (|at| set(at, "step", json!(5)), OTHER_STATE, Some("state.json is of step 5")),
    (
        |at| set(at, "step", json!(1_000_000_000_000_000_u64)),
        OTHER_STATE,
        Some("state.json is of step 1000000000000000"),
    ),
    (|at| set(at, "step", json!(u64::MAX)), OTHER_STATE, Some("state.json is of step 18446744073709551615")),
    (|at| set(at, "rate_factor", json!(-1.0)), OTHER_STATE, Some("factor of the learning rate of -1")),
    (|at| set(at, "best_eval_loss", json!(-1e9)), OTHER_STATE, Some("a best loss that no loss can be")),
    (|at| set(at, "best_step", json!(900)), OTHER_STATE, Some("a best step that comes later")),
    (|at| set(at, "secs", json!(-1.0)), OTHER_STATE, Some("a time of -1 s")),
    (|at| change(&at.join("state.json"), Vec::clear), OTHER_STATE, Some("state.json: ")),
    (
        |at| change(&at.join("adapter_model.safetensors"), |b| b.truncate(b.len() / 2)),
        OTHER_WEIGHTS,
        Some("adapter_model.safetensors"),
    ),
    (|at| change(&at.join("adapter_model.safetensors"), Vec::clear), OTHER_WEIGHTS, Some("adapter_model.safetensors")),
    (
        |at| std::fs::remove_file(at.join("adapter_model.safetensors")).unwrap(),
        "adapter_model.safetensors is missing",
        Some("adapter_model.safetensors is missing"),
    ),
    (
        |at| change(&at.join("optimizer.safetensors"), |b| b.truncate(b.len() / 2)),
        "optimizer.safetensors has another content",
        Some("optimizer.safetensors"),
    ),
    (
        |at| std::fs::remove_file(at.join("optimizer.safetensors")).unwrap(),
        "optimizer.safetensors is missing",
        Some("optimizer.safetensors is missing"),
    ),
    (
        |at| {
            change(&at.join("adapter_model.safetensors"), |b| {
                let end = b.len();
                b[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
            })
        },
        OTHER_WEIGHTS,
        Some("values that are not numbers (NaN or infinity)"),
    ),
];

#[test]
fn a_damaged_checkpoint_is_named_and_the_newest_whole_one_is_taken() {
    let desk = desk(12, 3);
    let ran = train(&desk, "whole");
    assert_eq!(ran.code(), Some(0), "{}", ran.err());
    let weights = |run: &str| sha256_of(&desk.path(run).join(LAST).join("adapter_model.safetensors")).unwrap();
    let expected = weights("whole");
    for (number, (damage, with_sums, without)) in DAMAGES.iter().enumerate() {
        for (has_sums, told) in [(true, Some(*with_sums)), (false, *without)] {
            let Some(told) = told else { continue };
            let run = format!("run-{number}-{has_sums}");
            copy_all(&desk.path("whole"), &desk.path(&run));
            let checkpoint = desk.path(&run).join(LAST);
            damage(&checkpoint);
            if !has_sums {
                for folder in checkpoints::all(&desk.path(&run)) {
                    std::fs::remove_file(folder.path.join("SHA256SUMS")).unwrap();
                }
            }
            let ran = train(&desk, &run);
            assert_eq!(ran.code(), Some(0), "{told}: {}", ran.err());
            let warnings = warnings(&ran);
            let begin = format!("The checkpoint step-000012 is damaged ({told}");
            let said = warnings.iter().filter(|warning| {
                warning.starts_with("The checkpoint step-000012 is damaged (") && warning.contains(told)
            });
            assert_eq!(said.count(), 1, "{begin}: {warnings:?}");
            assert!(warnings.iter().any(|warning| warning.ends_with("resumes from step 9")), "{warnings:?}");
            assert_eq!(weights(&run), expected, "{told}");
            assert_eq!(steps(&desk.path(&run)), (1..=12).collect::<Vec<_>>());
            assert!(names_in(&desk.path(&run).join("checkpoints")).contains(&"step-000012.damaged".to_owned()));
        }
    }
}

#[test]
fn weights_that_changed_since_are_neither_measured_nor_asked_nor_trained_on() {
    let desk = desk(12, 3);
    assert_eq!(train(&desk, "run").code(), Some(0));
    let adapter = format!("run/{LAST}");
    let recipe = std::fs::read_to_string(desk.path("recipe.toml")).unwrap();
    write_atomic(&desk.path("further.toml"), format!("init_adapter = \"{adapter}\"\n{recipe}").as_bytes()).unwrap();
    let ways: [&[&str]; 3] = [
        &["evaluate", "--model", "model", "--adapter", &adapter, "--data", "data.jsonl"],
        &["generate", "--model", "model", "--adapter", &adapter, "--prompt", "say 1", "--max-new-tokens", "2"],
        &["train", "further.toml", "--out", "further"],
    ];
    for way in ways {
        let ran = desk.run(way);
        assert_eq!(ran.code(), Some(0), "{way:?}: {}", ran.err());
    }
    // A bit of the last value: a number like any other.
    change(&desk.path(&adapter).join("adapter_model.safetensors"), |b| *b.last_mut().unwrap() ^= 1);
    std::fs::remove_dir_all(desk.path("further")).unwrap();
    for way in ways {
        let ran = desk.run(way);
        assert_eq!(ran.code(), Some(1), "{way:?}");
        assert!(ran.err().contains("its weights are others than when it was written"), "{way:?}: {}", ran.err());
    }
}

#[test]
fn a_checkpoint_under_another_name_is_damaged_and_none_that_is_whole_ends_the_run() {
    let desk = desk(12, 3);
    assert_eq!(train(&desk, "run").code(), Some(0));
    let checkpoints = desk.path("run/checkpoints");
    let expected = read(desk.path("run").join(LAST).join("adapter_model.safetensors")).unwrap();
    std::fs::rename(checkpoints.join("step-000012"), checkpoints.join("step-000900")).unwrap();
    let ran = train(&desk, "run");
    assert_eq!(ran.code(), Some(0), "{}", ran.err());
    let warnings = warnings(&ran);
    assert!(warnings.iter().any(|w| w.contains("step-000900 is damaged (state.json is of step 12)")), "{warnings:?}");
    assert!(read(desk.path("run").join(LAST).join("adapter_model.safetensors")).unwrap() == expected);

    // A step that the run doesn't have.
    copy_all(&checkpoints.join("step-000012"), &checkpoints.join("step-000013"));
    set(&checkpoints.join("step-000013"), "step", json!(13));
    std::fs::remove_file(checkpoints.join("step-000013/SHA256SUMS")).unwrap();
    let ran = train(&desk, "run");
    assert!(ran.out().contains("state.json is of step 13, but the run has 12"), "{}", ran.out());

    let found = tunewright::run::checkpoints::all(&desk.path("run"));
    for checkpoint in &found {
        change(&checkpoint.optimizer(), Vec::clear);
    }
    let before = names_in(&checkpoints);
    let ran = train(&desk, "run");
    assert_eq!(ran.code(), Some(1), "{}", ran.err());
    for checkpoint in &found {
        assert!(ran.err().contains(&format!("{}: optimizer.safetensors", checkpoint.name())), "{}", ran.err());
    }
    assert!(ran.err().contains("hint: Delete the folder checkpoints to begin anew"), "{}", ran.err());
    assert_eq!(names_in(&checkpoints), before, "a refused run was changed");
}

#[test]
fn a_run_of_an_earlier_version_opens_and_is_resumed() {
    let desk = Desk::new();
    copy_all(&case("_model"), &desk.path("model"));
    copy_all(&fixture("runs/of_version_0_1"), &desk.path("run"));
    std::fs::copy(fixture("runs/data.jsonl"), desk.path("data.jsonl")).unwrap();
    let place = std::fs::canonicalize(desk.path(".")).unwrap();
    for name in ["recipe.toml", "inputs.json"] {
        change(&desk.path("run").join(name), |bytes| {
            *bytes = String::from_utf8(bytes.clone()).unwrap().replace("DESK", place.to_str().unwrap()).into_bytes();
        });
    }
    let run_dir = desk.path("run");
    let record = RunRecord::read(&run_dir).unwrap();
    assert_eq!((record.status, record.num_steps_done, record.num_steps), (RunStatus::Running, 11, 12));
    assert_eq!(record.adapter, Some(run_dir.join("checkpoints/step-000003")));
    assert_eq!(tunewright::run::messages::read(&run_dir).unwrap().len(), 8);

    let ran = desk.run(&["train", "run/recipe.toml", "--out", "run", "--json"]);
    assert_eq!(ran.code(), Some(0), "{}", ran.err());
    assert_eq!(steps(&run_dir), (1..=12).collect::<Vec<_>>());
    assert!(run_dir.join(LAST).join("SHA256SUMS").is_file());
    assert_eq!(RunRecord::read(&run_dir).unwrap().status, RunStatus::Completed);
}

#[test]
fn what_a_killed_run_left_unfinished_is_cleared_at_the_next_start() {
    let desk = desk(12, 3);
    assert_eq!(train(&desk, "run").code(), Some(0));
    let expected = names_in(&desk.path("run/checkpoints"));
    let write = |name: &str| write_atomic(&desk.path("run").join(name), b"half").unwrap();
    let left = [
        "checkpoints/step-000015.part/adapter_config.json",
        "checkpoints/step-000006/adapter_config.json",
        "checkpoints/step-000007/optimizer.safetensors",
        ".tmpAb3dEf",
        "checkpoints/step-000009/.tmpAb3dEf",
        ".status.json.Ab3dEf.unfinished",
        "data/.train.jsonl.Ab3dEf.unfinished",
    ];
    left.iter().for_each(|name| write(name));
    // Killed in the middle of its deletion, with nothing left but the folder.
    std::fs::create_dir(desk.path("run/checkpoints/step-000001")).unwrap();
    let mine = ["checkpoints/mine.txt", "checkpoints/step-000005/mine.txt", "checkpoints/other.part/mine.txt", ".tmp"];
    mine.iter().for_each(|name| write(name));
    let ran = train(&desk, "run");
    assert_eq!(ran.code(), Some(0), "{}", ran.err());
    for name in left {
        assert!(!desk.path("run").join(name).exists(), "{name} stays");
    }
    for name in mine {
        assert!(desk.path("run").join(name).exists(), "{name} is gone");
    }
    let mut now = names_in(&desk.path("run/checkpoints"));
    now.retain(|name| !["mine.txt", "step-000005", "other.part"].contains(&name.as_str()));
    assert_eq!(now, expected);
}

#[cfg(unix)]
#[test]
fn a_folder_that_vanishes_ends_the_run() {
    use std::io::{BufRead, BufReader};

    let desk = desk(10_000_000, 50);
    let mut child = desk.program(&["train", "recipe.toml", "--out", "run", "--json"]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("{\"event\":\"checkpoint\"")), "it ended before its first checkpoint");
    std::fs::rename(desk.path("run"), desk.path("moved")).unwrap();
    lines.for_each(drop);
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("run was moved or deleted while the run was in it") && told.contains("hint: "), "{told}");
    assert!(!desk.path("run").exists(), "it was made again");
    let moved = RunRecord::read(&desk.path("moved")).unwrap();
    assert!(moved.adapter.is_some_and(|adapter| adapter.is_dir()));
}

/// No file may grow beyond a limit that the weights reach: what a full disk does, but for the system's word for it.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_without_room_is_told_by_the_file_s_real_name_and_the_status_is_true() {
    let desk = desk(12, 3);
    assert_eq!(train(&desk, "whole").code(), Some(0));
    let weights = desk.path("whole").join(LAST).join("optimizer.safetensors");
    let num_blocks = weights.metadata().unwrap().len() / 1024;
    assert!(num_blocks > 2, "the weights are no larger than the other files");
    let limited = format!("ulimit -f {num_blocks}; trap '' XFSZ; exec \"$0\" train recipe.toml --out run");
    let mut command = Command::new("bash");
    command.args(["-c", &limited, env!("CARGO_BIN_EXE_tunewright")]).current_dir(desk.path("."));
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("checkpoints/step-000003/optimizer.safetensors: "), "{told}");
    assert!(told.contains("hint: Make room on this disk, then resume the run"), "{told}");
    assert!([".tmp", ".part", "unfinished", "os error"].iter().all(|word| !told.contains(word)), "{told}");
    let run_dir = desk.path("run");
    let status: Value = serde_json::from_slice(&read(RunDir(&run_dir).status()).unwrap()).unwrap();
    assert_eq!((&status["status"], &status["num_steps_done"]), (&json!("interrupted"), &json!(3)));
    assert_eq!(names_in(&run_dir.join("checkpoints")), [""; 0], "half a checkpoint takes room");
    let ran = train(&desk, "run");
    assert_eq!(ran.code(), Some(0), "{}", ran.err());
    let weights = |run: &str| read(desk.path(run).join(LAST).join("adapter_model.safetensors")).unwrap();
    assert!(weights("run") == weights("whole"));
}

#[test]
fn two_runs_into_one_folder_are_kept_apart() {
    let desk = desk(40, 10);
    for trial in 0..20 {
        let out = format!("run-{trial}");
        let start = || {
            let mut command = desk.program(&["train", "recipe.toml", "--out", &out, "--json"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let children = [start(), start()];
        let mut num_trained = 0;
        for child in children {
            let output = child.wait_with_output().unwrap();
            let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            let has_trained = said.contains("\"event\":\"step\"");
            num_trained += usize::from(has_trained);
            match output.status.code() {
                Some(0) => {}
                Some(1) => assert!(!has_trained && told.contains("another Tunewright trains there"), "{told}"),
                code => panic!("{code:?}: {told}"),
            }
        }
        // One that came when the other had ended found nothing left to do.
        assert_eq!(num_trained, 1);
        let run_dir: PathBuf = desk.path(&out);
        let text = read_to_string(RunDir(&run_dir).metrics()).unwrap();
        assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{text}");
        let curves = metrics::read(&run_dir).unwrap();
        assert_eq!(steps(&run_dir), (1..=40).collect::<Vec<_>>());
        assert_eq!(curves.evaluations.iter().map(|e| e.step).collect::<Vec<_>>(), [0, 10, 20, 30, 40]);
        assert_eq!(RunRecord::read(&run_dir).unwrap().status, RunStatus::Completed);
    }
}
