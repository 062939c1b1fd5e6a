//! What a reviewer rejects takes no part anywhere, and comes back; what is flagged stays in.

use std::path::Path;

use tunewright::data::Split;
use tunewright::data::import::{ImportRequest, SplitSpec};
use tunewright::data::shape::FileShape;
use tunewright::project::{Edit, ExampleQuery, Project, Review, SplitCounts};
use tunewright::task::Unwatched;
use tunewright::workbench::checks::check;
use tunewright::workbench::data_export::{DataExport, ExportWhat, export_data};
use tunewright::workbench::statistics::statistics;

use super::program;

/// Thirty examples, one of them with a fault that the checks find; the ids of one to reject, in training, and of another
/// one there.
fn reviewed(folder: &Path) -> (Project, i64, i64) {
    let answer = |i: usize| if i == 0 { String::new() } else { format!("answer {i}") };
    let row = |i: usize| serde_json::json!({"prompt": format!("question {i}"), "completion": answer(i)}).to_string();
    let path = folder.join("rows.jsonl");
    let rows = (0..30).map(row).collect::<Vec<_>>().join("\n");
    tunewright::fs::write_atomic(&path, rows.as_bytes()).unwrap();
    let mut project = Project::create(&folder.join("project")).unwrap();
    project.import(&ImportRequest::new(path), &Unwatched).unwrap();
    let ids = project.matching_ids(&ExampleQuery { split: Some(Split::Train), ..ExampleQuery::default() }).unwrap();
    (project, ids[3], ids[4])
}

fn frozen(project: &Project, folder: &Path) -> String {
    let snapshot = project.snapshot(folder).unwrap();
    std::fs::read_to_string(snapshot.train.path).unwrap()
}

fn review(project: &mut Project, id: i64, review: Review) {
    project.apply(&Edit::SetReview { ids: vec![id], review }).unwrap();
}

#[test]
fn a_rejected_example_takes_no_part_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, id, _) = reviewed(folder.path());
    let before = project.counts().unwrap();
    let text = project.example(id).unwrap().example.answer().unwrap().to_owned();
    assert!(frozen(&project, &folder.path().join("before")).contains(&format!("\"{text}\"")));

    review(&mut project, id, Review::Rejected);
    let counts = project.counts().unwrap();
    assert_eq!(counts, SplitCounts { train: before.train - 1, rejected: 1, ..before });
    assert_eq!((counts.left_out().as_deref(), counts.total()), (Some("1 rejected"), before.total()));
    assert!(!frozen(&project, &folder.path().join("after")).contains(&format!("\"{text}\"")));
    let facets = project.facets(&ExampleQuery::default()).unwrap();
    assert_eq!((facets.splits[0], facets.shows.splits[0]), (counts.train, counts.train));
    assert_eq!(project.preview_split(&SplitSpec::default()).unwrap().counts.iter().sum::<u64>(), 29);
    assert_eq!(statistics(&mut project, None, &Unwatched).unwrap().num_examples, 29);
    assert_eq!(check(&mut project, None, &Unwatched).unwrap().num_examples, 29);
    assert_eq!(exported(&mut project, folder.path(), ExampleQuery::default()), 29);

    // It is there under its filter, and goes out where it is asked for.
    let rejected = ExampleQuery { review: Some(Review::Rejected), ..ExampleQuery::default() };
    assert_eq!(project.matching_ids(&rejected).unwrap(), [id]);
    assert_eq!(exported(&mut project, folder.path(), rejected), 1);

    review(&mut project, id, Review::Accepted);
    assert_eq!(project.counts().unwrap(), before);
    project.undo().unwrap();
    assert_eq!(project.counts().unwrap().rejected, 1);
    project.undo().unwrap();
    assert_eq!(project.counts().unwrap(), before);
}

fn exported(project: &mut Project, folder: &Path, query: ExampleQuery) -> u64 {
    let request = DataExport {
        what: ExportWhat::Matching(query),
        shape: FileShape::OPENAI_MESSAGES,
        to: folder.join("out.jsonl"),
        with_split: true,
        with_date: false,
        per_split: false,
    };
    export_data(project, &request, &Unwatched).unwrap()[0].num_exported
}

#[test]
fn a_flagged_example_is_trained_and_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, _, id) = reviewed(folder.path());
    review(&mut project, id, Review::Flagged);
    let counts = project.counts().unwrap();
    assert_eq!((counts.flagged, counts.left_out()), (1, None));
    let text = project.example(id).unwrap().example.answer().unwrap().to_owned();
    assert!(frozen(&project, &folder.path().join("run")).contains(&format!("\"{text}\"")));
}

#[test]
fn the_findings_of_a_rejected_example_count_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, ..) = reviewed(folder.path());
    check(&mut project, None, &Unwatched).unwrap();
    let faulty = project.findings(None).unwrap()[0].id;
    let issues = |project: &mut Project| {
        let facets = project.facets(&ExampleQuery::default()).unwrap();
        assert_eq!(facets.whole.issues(), facets.shows.issues, "one number for one thing");
        (facets.whole.issues(), project.last_checks().unwrap().unwrap().counts.iter().map(|c| c.num_examples).sum())
    };
    let (before, counted): (u64, u64) = issues(&mut project);
    assert!(before > 0 && counted >= before);
    review(&mut project, faulty, Review::Rejected);
    let (after, _): (u64, u64) = issues(&mut project);
    assert_eq!(after, before - 1);
}

#[test]
fn the_command_line_says_what_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, id, _) = reviewed(folder.path());
    review(&mut project, id, Review::Rejected);
    let told = |args: &[&str]| {
        let ran =
            program::run(folder.path(), &[args, &["--project", project.folder().to_str().unwrap()]].concat()).ok();
        ran.out() + &ran.err()
    };
    for args in [&["data", "check"][..], &["data", "stats"], &["data", "split", "--dry-run"]] {
        let words = told(args);
        assert!(words.contains("1 rejected"), "{args:?}: {words}");
    }
    assert!(told(&["data", "stats"]).contains("examples    29:"));
    for args in [&["data", "check"][..], &["data", "stats"], &["data", "split", "--dry-run"]] {
        let out = told(&[args, &["--json"]].concat());
        let json = out.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("{args:?}: {out}"));
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!((json["rejected"].as_u64(), json["set_aside"].as_u64()), (Some(1), Some(0)), "{args:?}: {json}");
    }
}
