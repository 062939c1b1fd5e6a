//! A project on a disk that can't be written to: it opens for reading.
#![cfg(unix)]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tunewright::data::import::ImportRequest;
use tunewright::data::{Example, Message, Role, Split};
use tunewright::project::{Edit, ExampleQuery, Project, ProjectError, Standing};
use tunewright::task::Unwatched;

use super::program;

const NUM_ROWS: usize = 40;

fn example(question: &str, answer: &str) -> Example {
    vec![Message::new(Role::User, question), Message::new(Role::Assistant, answer)].into()
}

/// A project that was closed, with a blank and signs that mean something in an address in its name.
fn closed_project() -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("a project? 100% #1");
    let line = |i| serde_json::to_string(&example(&format!("question {i}"), &format!("answer {i}"))).unwrap() + "\n";
    let rows = root.path().join("rows.jsonl");
    tunewright::fs::write_atomic(&rows, (0..NUM_ROWS).map(line).collect::<String>().as_bytes()).unwrap();
    Project::create(&folder).unwrap().import(&ImportRequest::new(rows), &Unwatched).unwrap();
    assert!(!folder.join("project.db-wal").exists());
    (root, folder)
}

/// The files that SQLite shares with other programs can't be made here, as on a read-only disk: their names lead nowhere.
/// Permissions would not do, for whoever runs the tests may be allowed everything.
fn make_read_only(folder: &Path) {
    for name in ["project.db-shm", "project.db-wal"] {
        std::os::unix::fs::symlink("/nowhere/at/all", folder.join(name)).unwrap();
    }
}

fn make_writable(folder: &Path) {
    for name in ["project.db-shm", "project.db-wal"] {
        std::fs::remove_file(folder.join(name)).unwrap();
    }
}

fn insert(project: &mut Project) -> Result<(), ProjectError> {
    project.apply(&Edit::Insert { example: example("new", "row"), split: Split::Train }).map(drop)
}

#[test]
fn a_project_on_a_read_only_disk_opens_for_reading_and_can_be_saved_elsewhere() {
    let (root, folder) = closed_project();
    make_read_only(&folder);
    let before = std::fs::read(folder.join("project.db")).unwrap();
    let mut project = Project::open(&folder).unwrap();
    assert!(project.is_read_only() && project.state().unwrap().is_read_only);
    assert_eq!(project.standing(), Standing::ReadOnly);
    assert_eq!(project.look_again(&Unwatched).unwrap(), Standing::ReadOnly);

    let query = |search: &str| ExampleQuery { search: search.to_owned(), limit: 100, ..ExampleQuery::default() };
    assert_eq!(project.query(&query("")).unwrap().rows.len(), NUM_ROWS);
    let found = project.query(&query("answer 7")).unwrap().rows;
    assert_eq!(found.iter().map(|row| row.prompt.as_str()).collect::<Vec<_>>(), ["question 7"]);
    assert_eq!(project.facets(&query("")).unwrap().num_matching, NUM_ROWS as u64);
    assert_eq!(project.example(found[0].id).unwrap().example, example("question 7", "answer 7"));
    let mut num = 0;
    project
        .for_each_present(&mut |_| {
            num += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((num, project.last_checks().unwrap().is_none()), (NUM_ROWS, true));

    // What checks found has no place, and that isn't a failure; what a person does is refused in words.
    project.save_findings(&[], &[]).unwrap();
    let error = insert(&mut project).unwrap_err();
    assert_eq!(error.to_string(), "project.db can't be written: it is read-only");
    assert!(error.hint().is_some() && error.is_of_storage());
    assert!(project.undo().is_err());
    let error = project.import(&ImportRequest::new(root.path().join("rows.jsonl")), &Unwatched).unwrap_err();
    assert_eq!(error.to_string(), "project.db can't be written: it is read-only");
    assert_eq!(std::fs::read(folder.join("project.db")).unwrap(), before);

    let elsewhere = root.path().join("elsewhere");
    project.save_as(&elsewhere, &Unwatched).unwrap();
    let mut saved = Project::open(&elsewhere).unwrap();
    insert(&mut saved).unwrap();
    assert_eq!((saved.standing(), saved.counts().unwrap().total()), (Standing::Saved, NUM_ROWS as u64 + 1));

    // The disk can be written to again.
    make_writable(&folder);
    assert_eq!(project.look_again(&Unwatched).unwrap(), Standing::Saved);
    insert(&mut project).unwrap();
    assert_eq!(project.counts().unwrap().total(), NUM_ROWS as u64 + 1);
}

#[test]
fn an_earlier_store_on_a_read_only_disk_is_read_or_says_what_to_do() {
    let (_root, folder) = closed_project();
    let db = rusqlite::Connection::open(folder.join("project.db")).unwrap();
    db.execute_batch("DROP TABLE provenance; DROP TABLE second_labels; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    db.close().unwrap();
    make_read_only(&folder);
    let mut project = Project::open(&folder).unwrap();
    let id = project.matching_ids(&ExampleQuery::default()).unwrap()[0];
    assert_eq!(project.example(id).unwrap().annotations.group, None);
    drop(project);

    make_writable(&folder);
    let db = rusqlite::Connection::open(folder.join("project.db")).unwrap();
    db.execute_batch("PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    db.close().unwrap();
    make_read_only(&folder);
    let error = Project::open(&folder).err().unwrap();
    assert!(matches!(error, ProjectError::OldReadOnly), "{error}");
    assert!(error.hint().unwrap().contains("Copy its folder"));
}

#[test]
fn commands_that_only_read_work_on_a_read_only_disk() {
    let (root, folder) = closed_project();
    make_read_only(&folder);
    let run = |arguments: &[&str]| {
        program::run(root.path(), &[arguments, &["--project", folder.to_str().unwrap()]].concat()).ok();
    };
    run(&["data", "stats", "--json"]);
    run(&["data", "check", "--json"]);
    run(&["data", "check"]);
    let to = root.path().join("out.jsonl");
    run(&["data", "export", "--to", to.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(to).unwrap().lines().count(), NUM_ROWS);
}
