//! Checks of a project: the starter data give exactly the planted findings, the offered fixes mend them, and the command
//! does the same.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use tunewright::data::checks::{Action, Check, CheckReport};
use tunewright::data::{self, import::ImportRequest};
use tunewright::project::{Edit, ExampleQuery, Having, Project, Sort, SortBy};
use tunewright::task::{Control, Unwatched};
use tunewright::workbench::checks::{apply_fix, check, count_fixes, mark_findings, plan_fix};

use super::fixtures::fixture;
use super::program::Desk;

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

#[test]
fn a_stopped_check_keeps_the_last_findings() {
    let (_folder, mut project) = starter();
    check(&mut project, None, &Unwatched).unwrap();
    let kept = project.findings(None).unwrap();
    let task = Control::default();
    task.stop();
    assert!(check(&mut project, None, &task).is_err());
    assert_eq!(project.findings(None).unwrap(), kept);
}

/// A newcomer's data: tickets with JSON answers, and a file of German mails with plain answers.
fn mixed() -> (TempDir, Project) {
    let (folder, mut project) = starter();
    let line = |i: usize| {
        let thing = ["Paket", "Lampe", "Jacke", "Uhr", "Rechnung"][i % 5];
        let prompt = format!("Guten Tag, Vorgang {i}: mein Artikel {thing} ist nicht in Ordnung, was kann ich tun?");
        let answer = format!("Das tut uns leid, bitte schicken Sie Vorgang {i} mit dem Artikel {thing} an uns zurück.");
        serde_json::json!({ "prompt": prompt, "completion": answer }).to_string() + "\n"
    };
    let file = folder.path().join("kunden.jsonl");
    tunewright::fs::write_atomic(&file, (0..300).map(line).collect::<String>().as_bytes()).unwrap();
    project.import(&ImportRequest::new(file), &Unwatched).unwrap();
    (folder, project)
}

#[test]
fn german_plain_text_beside_json_is_no_fault() {
    let (_folder, mut project) = mixed();
    let report = check(&mut project, None, &Unwatched).unwrap();
    let judged = [Check::InvalidJson, Check::OtherShape, Check::OtherLanguage, Check::LengthOutlier, Check::RareLabel];
    assert!(report.findings.iter().all(|finding| !judged.contains(&finding.check)), "{:?}", report.findings);
}

#[test]
fn a_finding_that_is_no_fault_stays_away_until_its_text_changes() {
    let (_folder, mut project) = starter();
    let report = check(&mut project, None, &Unwatched).unwrap();
    let revision = project.state().unwrap().content_revision;
    let pair: Vec<i64> = report.of(Check::ExactDuplicate).take(2).map(|finding| finding.id).collect();
    let count = |project: &Project, check: Check| {
        let counts = project.last_checks().unwrap().unwrap().counts;
        counts.iter().find(|count| count.check == check).map_or(0, |count| count.num_examples)
    };
    assert_eq!(mark_findings(&mut project, Check::ExactDuplicate, Some(&pair[..1]), false).unwrap(), 2, "and its copy");
    assert_eq!(count(&project, Check::ExactDuplicate), 2);
    assert_eq!(project.last_checks().unwrap().unwrap().not_faults, pair);
    assert!(
        project.findings(Some(pair[0])).unwrap().is_empty() && project.not_faults(Some(pair[0])).unwrap().len() == 1
    );
    let state = project.state().unwrap();
    assert_eq!(state.undo.as_deref(), Some("Undo not a fault (exact duplicates, 2 examples)"));
    assert_eq!(state.content_revision, revision, "the examples are the same");
    let report = check(&mut project, None, &Unwatched).unwrap();
    assert_eq!((report.of(Check::ExactDuplicate).count(), report.num_not_faults), (2, 2), "also after another check");
    let fix = plan_fix(&project, Check::ExactDuplicate, Check::ExactDuplicate.remedies()[0], None).unwrap();
    assert_eq!(fix.changes.iter().map(|change| change.number).collect::<Vec<_>>(), [204], "what isn't a fault stays");

    project.undo().unwrap();
    assert_eq!(count(&project, Check::ExactDuplicate), 4);
    project.redo().unwrap();
    assert_eq!(count(&project, Check::ExactDuplicate), 2);

    // The same text at both: a copy again, and nobody has looked at this one.
    let edited = |text: &str| {
        let mut messages = project.example(pair[0]).unwrap().example.messages;
        messages[1].content = text.to_owned();
        messages
    };
    let messages = edited("Quite another text.");
    for id in &pair {
        project.apply(&Edit::SetMessages { id: *id, messages: messages.clone() }).unwrap();
    }
    let report = check(&mut project, None, &Unwatched).unwrap();
    assert_eq!((report.of(Check::ExactDuplicate).count(), report.num_not_faults), (4, 0));
}

#[test]
fn a_check_can_be_switched_off_for_a_project() {
    let (_folder, mut project) = starter();
    check(&mut project, None, &Unwatched).unwrap();
    project.apply(&Edit::SwitchCheck { check: Check::Contradiction, is_on: false }).unwrap();
    let last = project.last_checks().unwrap().unwrap();
    assert_eq!(last.off, [Check::Contradiction]);
    assert!(last.counts.iter().all(|count| count.check != Check::Contradiction));
    let query = ExampleQuery { finding: Some(Having::Something), limit: 99, ..ExampleQuery::default() };
    assert_eq!(project.query(&query).unwrap().num_matching, 5);
    assert_eq!(check(&mut project, None, &Unwatched).unwrap().of(Check::Contradiction).count(), 0);
    project.undo().unwrap();
    assert_eq!(project.last_checks().unwrap().unwrap().off, []);
    assert_eq!(project.query(&query).unwrap().num_matching, 7);
}

#[test]
fn what_belongs_together_stands_side_by_side() {
    let (_folder, mut project) = starter();
    check(&mut project, None, &Unwatched).unwrap();
    let sort = Sort { by: SortBy::Given, descending: false };
    let finding = Some(Having::Value(Check::ExactDuplicate.name().to_owned()));
    let numbers = |project: &mut Project, query: ExampleQuery| -> Vec<u64> {
        let page = project.query(&ExampleQuery { limit: 99, sort, ..query }).unwrap();
        page.rows.iter().map(|row| row.number).collect()
    };
    assert_eq!(numbers(&mut project, ExampleQuery { finding, ..ExampleQuery::default() }), [23, 173, 113, 204]);
    let only = Some([9, 400, 3].into());
    assert_eq!(numbers(&mut project, ExampleQuery { only, ..ExampleQuery::default() }), [9, 400, 3]);
}

#[test]
fn what_a_remedy_can_mend_is_known_before_it_is_offered() {
    let folder = tempfile::tempdir().unwrap();
    let line = |i: usize| {
        let answer = match i {
            7 => "{\"kind\": \"praise\", ".to_owned(),
            8 => "{\"kind\" 1 2 3 \"praise\"".to_owned(),
            _ => format!("{{\"kind\": \"praise\", \"n\": {i}}}"),
        };
        serde_json::json!({ "prompt": format!("Ticket {i}"), "completion": answer }).to_string() + "\n"
    };
    let mut project = project_of(folder.path(), (0..40).map(line).collect::<String>().as_bytes());
    check(&mut project, None, &Unwatched).unwrap();
    let counts = count_fixes(&project, &Unwatched).unwrap();
    let fix = counts.iter().find(|fix| fix.check == Check::InvalidJson).unwrap();
    assert_eq!((fix.num_changes, fix.unmendable.len()), (1, 1), "{fix:?}");
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let ran = Desk::new().run(arguments);
    (ran.code(), ran.out(), ran.err())
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
    let model = fixture("llama");
    let model = model.to_str().unwrap();
    let (code, out, err) = run(&["data", "check", "--project", project, "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let planted = [("exact_duplicate", 4), ("contradiction", 2), ("empty_turn", 1)].map(|(n, c)| (n.to_owned(), c));
    assert_eq!(checks(&out), planted);

    let (code, out, err) =
        run(&["data", "check", "--project", project, "--model", model, "--max-length", "60", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(checks(&out).iter().any(|(name, num)| name == "too_long" && *num > 0), "{out}");
    let (_, out, _) =
        run(&["data", "check", "--project", project, "--model", model, "--max-length", "10000", "--json"]);
    assert!(!checks(&out).iter().any(|(name, _)| name == "too_long"), "{out}");

    let (code, out, err) = run(&["data", "check", "--project", project, "--fix", "exact_duplicate", "contradiction"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("Fixed: Exact duplicates (keep one of each, 2 examples)"), "{out}");
    assert!(out.contains("Empty turns · 1 example"), "{out}");
    let (_, out, _) = run(&["data", "check", "--project", project, "--fix", "all", "--json"]);
    assert_eq!(checks(&out), []);
    let (code, _, err) = run(&["data", "check", "--project", project, "--fix", "nonsense"]);
    assert_eq!(code, Some(2), "{err}");
}

#[test]
fn the_command_counts_and_writes_the_data_card() {
    let (folder, project) = starter();
    drop(project);
    let project = folder.path().join("project");
    let project = project.to_str().unwrap();
    let model = fixture("llama");
    let model = model.to_str().unwrap();
    let (code, out, err) = run(&["data", "stats", "--project", project, "--model", model, "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["num_examples"], 498);
    assert_eq!(json["num_duplicates"], 2);
    assert_eq!(json["num_tokens"]["num"], 498);
    assert_eq!(json["turns"]["3"], 498);
    let fields: Vec<_> = json["fields"].as_array().unwrap().iter().map(|f| f["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["category", "priority", "product", "needs_human"]);
    run(&["data", "check", "--project", project, "--fix", "exact_duplicate"]);
    let (_, out, _) = run(&["data", "stats", "--project", project, "--card"]);
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
    let (code, out, err) = run(&["data", "stats", "--agreement", &first, &second, "--json"]);
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
    let check = ["data", "check", "--project", project.to_str().unwrap(), "--json"];
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
    let stats = ["data", "stats", "--project", project.to_str().unwrap()];
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

#[test]
fn the_command_leaves_out_what_is_no_fault_and_says_so() {
    let (folder, project) = starter();
    drop(project);
    let project = folder.path().join("project");
    let check = ["data", "check", "--project", project.to_str().unwrap()];
    let (code, out, err) =
        run(&[&check[..], &["--off", "contradiction", "--not-a-fault", "exact_duplicate=173"]].concat());
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("Exact duplicates · 2 examples") && !out.contains("Same prompt"), "{out}");
    assert!(err.contains("off in this project: contradiction"), "{err}");
    assert!(err.contains("2 findings are marked as not a fault"), "{err}");
    let (_, out, _) = run(&[&check[..], &["--json"]].concat());
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((json["off"][0].as_str(), json["not_faults"].as_u64()), (Some("contradiction"), Some(2)));
    let (_, out, err) = run(&[&check[..], &["--on", "contradiction", "--fault", "exact_duplicate"]].concat());
    assert!(out.contains("Exact duplicates · 4 examples") && out.contains("Same prompt"), "{out}");
    assert!(!err.contains("not a fault"), "{err}");
    let (code, _, err) = run(&[&check[..], &["--not-a-fault", "leakage=9999"]].concat());
    assert!(code == Some(1) && err.contains("there is no example 9999"), "{err}");
}
