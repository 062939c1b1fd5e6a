//! `tunewright rate`, as a person or a script runs it, on a tiny model.

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;
use tunewright::data::read_all;
use tunewright::recipe::{ModelRef, Recipe};
use tunewright::run::RunDir;
use tunewright::task::Unwatched;

use super::fixtures::fixture;
use super::program::Desk;
use super::window::harness::made::chat;

/// A run whose weights are the tiny model's adapter, and a file of eight prompts.
fn desk() -> Desk {
    let desk = Desk::new();
    let line =
        |n: u32| chat(&[("user", &format!("Where is parcel {n} of {}?", n * 37)), ("assistant", &format!("In {n}"))]);
    desk.write("prompts.jsonl", (1..=8).map(line).collect::<String>());
    let run_dir = desk.path("run");
    let recipe = Recipe::new(ModelRef::Folder(fixture("llama")), "train.jsonl".into());
    desk.write("run/recipe.toml", recipe.to_toml().unwrap());
    let to = RunDir(&run_dir).checkpoint(9);
    std::fs::create_dir_all(&to).unwrap();
    for file in ["adapter_config.json", "adapter_model.safetensors"] {
        std::fs::copy(fixture("llama/adapter").join(file), to.join(file)).unwrap();
    }
    desk
}

fn rate(desk: &Desk, arguments: &[&str], keys: &str) -> Output {
    let mut command = desk.program(&[&["rate"], arguments].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(keys.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn result(desk: &Desk, session: &str) -> Value {
    serde_json::from_str(&out(&rate(desk, &[session, "--result", "--json"], ""))).unwrap()
}

#[test]
fn a_session_is_made_rated_undone_gone_on_with_and_exported() {
    let desk = desk();
    let keys = "a\nb it says when\nwhat\nz\nt\ne\nx\nq\n";
    let shown = out(&rate(&desk, &["--run", "run", "--data", "prompts.jsonl", "--seed", "3", "--rater", "Ada"], keys));
    assert!(shown.contains("Prompt 1 of 8") && shown.contains("Prompt 4 of 8") && shown.contains("[user] Where is"));
    assert!(!shown.contains("Prompt 5 of 8"), "{shown}");
    let sessions: Vec<_> = std::fs::read_dir(desk.path("run/ratings")).unwrap().map(|e| e.unwrap().path()).collect();
    let [session] = &sessions[..] else { panic!("{sessions:?}") };
    let session = session.to_str().unwrap();
    let found = result(&desk, session);
    let tally = |found: &Value, name: &str| found["tally"][name].as_u64().unwrap();
    assert_eq!((tally(&found, "ties"), tally(&found, "both_bad")), (1, 1), "{found}");
    assert_eq!(tally(&found, "first") + tally(&found, "second"), 1, "the second was taken back");
    assert_eq!(found["by_rater"][0]["rater"], "Ada");

    out(&rate(&desk, &[session, "--rater", "Ada"], "a\nb\na\nb\ns\n"));
    let found = result(&desk, session);
    assert_eq!((tally(&found, "first") + tally(&found, "second"), tally(&found, "skipped")), (5, 1), "{found}");
    let told = rate(&desk, &[session, "--export", "pairs.jsonl"], "");
    assert!(String::from_utf8_lossy(&told.stderr).contains("5 pairs written; left out: 2 without a better answer"));
    let pairs = read_all(&desk.path("pairs.jsonl"), &Unwatched).unwrap();
    assert!(pairs.len() == 5 && pairs.iter().all(|pair| pair.rejected.len() == 1 && pair.messages.len() == 2));

    // What was answered once isn't answered again, and a file that changed is said.
    let answers = || std::fs::read_to_string(desk.path("run/answers.jsonl")).unwrap().lines().count();
    assert_eq!(answers(), 8);
    out(&rate(&desk, &["--run", "run", "--data", "prompts.jsonl", "--most", "4"], "q\n"));
    assert_eq!((answers(), std::fs::read_dir(desk.path("run/ratings")).unwrap().count()), (8, 2));
    desk.write("prompts.jsonl", chat(&[("user", "another"), ("assistant", "one")]));
    let told = rate(&desk, &[session, "--result"], "");
    assert!(String::from_utf8_lossy(&told.stderr).contains("prompts.jsonl was changed. Its ratings stay as they are"));
}

#[test]
fn what_is_no_session_and_a_run_without_prompts_say_so() {
    let desk = desk();
    let told = |arguments: &[&str]| {
        let output = rate(&desk, arguments, "");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(told(&["prompts.jsonl"]).contains("is not a rating session"));
    assert!(told(&["none.jsonl", "--result"]).contains("Check the path"));
    assert!(told(&["--run", "run"]).contains("The run held nothing out. Name a file of prompts with --data"));
    assert!(!Path::new(&desk.path("run/ratings")).exists());
}
