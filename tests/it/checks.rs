//! Checks of a project: the starter data give exactly the planted findings, the offered fixes mend them, and the command
//! does the same.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use tunewright::data::checks::{Action, Check, CheckReport};
use tunewright::data::{self, import::ImportRequest};
use tunewright::engine::checks::{apply_fix, check, plan_fix};
use tunewright::project::{Edit, Project};
use tunewright::task::{CancelFlag, Task, Unit, Unwatched};

fn project_of(folder: &Path, lines: &[u8]) -> Project {
    let file = folder.join("data.jsonl");
    tunewright::fs::write_atomic(&file, lines).unwrap();
    let mut project = Project::create(&folder.join("project")).unwrap();
    project.import(&ImportRequest::new(file), &Unwatched).unwrap();
    project
}

fn starter() -> (TempDir, Project) {
    let folder = tempfile::tempdir().unwrap();
    let project = project_of(folder.path(), data::starter::BYTES);
    (folder, project)
}

/// Check and the line in the file.
fn found(report: &CheckReport, project: &Project) -> Vec<(Check, u64)> {
    let number = |id| project.example(id).unwrap().number;
    report.findings.iter().map(|finding| (finding.check, number(finding.id))).collect()
}

#[test]
fn the_starter_data_give_exactly_the_planted_findings_and_the_offered_fixes_mend_them() {
    let (_folder, mut project) = starter();
    let before = project.state().unwrap();
    let report = check(&mut project, None, &Unwatched).unwrap();
    use Check::{Contradiction, EmptyTurn, ExactDuplicate};
    let expected = [
        (ExactDuplicate, 23),
        (ExactDuplicate, 173),
        (ExactDuplicate, 113),
        (ExactDuplicate, 204),
        (Contradiction, 226),
        (Contradiction, 286),
        (EmptyTurn, 417),
    ];
    assert_eq!(found(&report, &project), expected);
    assert_eq!(project.findings(None).unwrap().len(), expected.len());

    for (name, changed) in [(ExactDuplicate, vec![173, 204]), (Contradiction, vec![226, 286]), (EmptyTurn, vec![417])] {
        let fix = plan_fix(&project, name, name.remedies()[0], None).unwrap();
        assert_eq!(fix.changes.iter().map(|change| change.number).collect::<Vec<_>>(), changed);
        assert_eq!(apply_fix(&mut project, &fix).unwrap(), changed.len());
        assert_eq!(project.state().unwrap().undo, Some(format!("Undo {}", fix.label())));
    }
    assert_eq!(check(&mut project, None, &Unwatched).unwrap().findings, []);
    for _ in 0..3 {
        project.undo().unwrap().unwrap();
    }
    assert_eq!(project.state().unwrap().counts, before.counts);
    assert_eq!(check(&mut project, None, &Unwatched).unwrap().findings.len(), expected.len());
}

#[test]
fn a_fix_leaves_what_was_edited_since_it_was_shown() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "{\"prompt\": \"One  \", \"completion\": \"1\"}\n{\"prompt\": \" Two\", \"completion\": \"2\"}\n";
    let mut project = project_of(folder.path(), lines.as_bytes());
    check(&mut project, None, &Unwatched).unwrap();
    let name = Check::OuterWhitespace;
    let fix = plan_fix(&project, name, name.remedies()[0], None).unwrap();
    assert_eq!(fix.changes.len(), 2);
    let Action::SetMessages { before, .. } = &fix.changes[0].action else { panic!("{fix:?}") };
    let mut messages = before.clone();
    messages[0].content = " Three".to_owned();
    let id = fix.changes[0].id;
    project.apply(&Edit::SetMessages { id, messages: messages.clone() }).unwrap();
    assert_eq!(apply_fix(&mut project, &fix).unwrap(), 1);
    assert_eq!(project.example(id).unwrap().example.messages, messages);
    assert_eq!(project.example(fix.changes[1].id).unwrap().example.messages[0].content, "Two");
}

#[test]
fn one_of_several_findings_can_be_fixed_alone() {
    let (_folder, mut project) = starter();
    let report = check(&mut project, None, &Unwatched).unwrap();
    let group: Vec<i64> = report.of(Check::ExactDuplicate).take(2).map(|finding| finding.id).collect();
    let name = Check::ExactDuplicate;
    let fix = plan_fix(&project, name, name.remedies()[0], Some(&group)).unwrap();
    assert_eq!(fix.changes.iter().map(|change| change.number).collect::<Vec<_>>(), [173]);
}

struct Cancelled(CancelFlag);

impl Task for Cancelled {
    fn progress(&self, _done: u64, _total: Option<u64>, _unit: Unit) {}
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

#[test]
fn a_cancelled_check_keeps_the_last_findings() {
    let (_folder, mut project) = starter();
    check(&mut project, None, &Unwatched).unwrap();
    let kept = project.findings(None).unwrap();
    let flag = CancelFlag::default();
    flag.cancel();
    assert!(check(&mut project, None, &Cancelled(flag)).is_err());
    assert_eq!(project.findings(None).unwrap(), kept);
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tunewright")).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn checks(json: &str) -> Vec<(String, u64)> {
    let json: Value = serde_json::from_str(json).unwrap();
    let checks = json["checks"].as_array().unwrap().iter();
    checks.map(|check| (check["check"].as_str().unwrap().to_owned(), check["examples"].as_u64().unwrap())).collect()
}

#[test]
fn the_command_finds_and_mends() {
    let (folder, project) = starter();
    drop(project);
    let project = folder.path().join("project");
    let project = project.to_str().unwrap();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/llama");
    let (code, out, err) = run(&["check", "--project", project, "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let planted = [("exact_duplicate", 4), ("contradiction", 2), ("empty_turn", 1)].map(|(n, c)| (n.to_owned(), c));
    assert_eq!(checks(&out), planted);

    let (code, out, err) = run(&["check", "--project", project, "--model", model, "--max-length", "60", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(checks(&out).iter().any(|(name, num)| name == "too_long" && *num > 0), "{out}");
    let (_, out, _) = run(&["check", "--project", project, "--model", model, "--max-length", "10000", "--json"]);
    assert!(!checks(&out).iter().any(|(name, _)| name == "too_long"), "{out}");

    let (code, out, err) = run(&["check", "--project", project, "--fix", "exact_duplicate", "contradiction"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("Fixed: Exact duplicates (keep one of each, 2 examples)"), "{out}");
    assert!(out.contains("Empty turns · 1 example"), "{out}");
    let (_, out, _) = run(&["check", "--project", project, "--fix", "all", "--json"]);
    assert_eq!(checks(&out), []);
    let (code, _, err) = run(&["check", "--project", project, "--fix", "nonsense"]);
    assert_eq!(code, Some(2), "{err}");
}

#[test]
fn the_command_counts_and_writes_the_data_card() {
    let (folder, project) = starter();
    drop(project);
    let project = folder.path().join("project");
    let project = project.to_str().unwrap();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/llama");
    let (code, out, err) = run(&["stats", "--project", project, "--model", model, "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["num_examples"], 498);
    assert_eq!(json["num_duplicates"], 2);
    assert_eq!(json["num_tokens"]["num"], 498);
    assert_eq!(json["turns"]["3"], 498);
    let fields: Vec<_> = json["fields"].as_array().unwrap().iter().map(|f| f["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["category", "priority", "product", "needs_human"]);
    run(&["check", "--project", project, "--fix", "exact_duplicate"]);
    let (_, out, _) = run(&["stats", "--project", project, "--card"]);
    assert!(out.contains("- keep one of each (exact duplicates, 2 examples)"), "{out}");
    assert!(out.contains("- Same prompt, different answers: 2 examples."), "{out}");
}

#[test]
fn the_command_compares_two_reviewers() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, labels: [&str; 4]| {
        let path = folder.path().join(name);
        let rows = labels.iter().enumerate().map(|(i, label)| format!("question {i},{label}\n"));
        let text = format!("prompt,completion\n{}", rows.collect::<String>());
        tunewright::fs::write_atomic(&path, text.as_bytes()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (first, second) = (write("a.csv", ["yes", "yes", "no", "no"]), write("b.csv", ["yes", "no", "no", "no"]));
    let (code, out, err) = run(&["stats", "--agreement", &first, &second, "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((json["num_shared"].as_u64(), json["kappa"].as_f64()), (Some(4), Some(0.5)));
    assert_eq!(json["disagreements"][0]["prompt"], "question 1");
}

#[test]
fn labels_from_a_file_are_kept_with_the_project() {
    let folder = tempfile::tempdir().unwrap();
    let line = |n: usize| {
        let label = if n.is_multiple_of(2) { "refund" } else { "delivery" };
        serde_json::json!({"prompt": format!("message {n}"), "completion": label}).to_string() + "\n"
    };
    let lines: String = (0..30).map(line).collect();
    drop(project_of(folder.path(), lines.as_bytes()));
    let project = folder.path().join("project");
    let file = folder.path().join("labels.txt");
    tunewright::fs::write_atomic(&file, "\u{feff}delivery\r\n\r\nbilling\r\n".as_bytes()).unwrap();
    let check = ["check", "--project", project.to_str().unwrap(), "--json"];
    let with_file = [&check[..], &["--labels", file.to_str().unwrap()]].concat();
    for arguments in [&with_file[..], &check] {
        let (_, out, err) = run(arguments);
        assert!(checks(&out).contains(&("unknown_label".to_owned(), 15)), "{out} {err}");
    }
    let missing = [&check[..], &["--labels", "/no/such/file"]].concat();
    let (code, _, err) = run(&missing);
    assert!(code == Some(1) && err.contains("/no/such/file"), "{err}");
}

#[test]
fn the_command_takes_a_second_reviewers_labels() {
    let folder = tempfile::tempdir().unwrap();
    let lines = |last: &str| -> String {
        let label = |n: usize| {
            if n == 9 {
                last
            } else if n < 5 {
                "refund"
            } else {
                "delivery"
            }
        };
        (0..10)
            .map(|n| serde_json::json!({"prompt": format!("m {n}"), "completion": label(n)}).to_string() + "\n")
            .collect()
    };
    drop(project_of(folder.path(), lines("delivery").as_bytes()));
    let (project, file) = (folder.path().join("project"), folder.path().join("second.jsonl"));
    tunewright::fs::write_atomic(&file, lines("refund").as_bytes()).unwrap();
    let stats = ["stats", "--project", project.to_str().unwrap()];
    let (code, out, err) = run(&[&stats[..], &["--reviewer", file.to_str().unwrap()]].concat());
    assert_eq!(code, Some(0), "{err}");
    for line in ["shared      10 examples", "agreement   90.0 %", "kappa       0.800", "delivery | refund | 1 times"] {
        assert!(out.contains(line), "{line} is not in {out}");
    }
    let (_, card, _) = run(&[&stats[..], &["--card"]].concat());
    assert!(card.contains("A second reviewer (`second.jsonl`) labelled 10 of them, 9 with the same label"), "{card}");
    let (code, _, err) = run(&[&stats[..], &["--reviewer", "/no/such/file"]].concat());
    assert!(code == Some(1) && err.contains("/no/such/file does not exist"), "{err}");
    let table = folder.path().join("third.csv");
    tunewright::fs::write_atomic(&table, b"frage,urteil\nm 1,refund\nm 2,delivery\n").unwrap();
    let reviewer = ["--reviewer", table.to_str().unwrap()];
    let (code, out, err) =
        run(&[&stats[..], &reviewer[..], &["--map", "frage=user,urteil=assistant", "--json"]].concat());
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("\"num_shared\":2,\"num_agreeing\":1"), "{out}");
}
