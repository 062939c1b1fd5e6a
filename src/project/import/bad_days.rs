//! Imports on bad days: two at a time, and a disk that is full.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::data::import::ImportRequest;
use crate::data::{Example, Message, Role, Split};
use crate::project::{Edit, Project, ProjectError};
use crate::task::Unwatched;

fn rows(folder: &Path, name: &str, num_rows: usize) -> ImportRequest {
    let mut text = String::new();
    for i in 0..num_rows {
        writeln!(text, "{{\"prompt\":\"{name}: a question {i}\",\"completion\":\"answer {}\"}}", i * 7919).unwrap();
    }
    let path = folder.join(name);
    crate::fs::write_atomic(&path, text.as_bytes()).unwrap();
    ImportRequest::new(path)
}

fn total(project: &mut Project) -> u64 {
    project.counts().unwrap().total()
}

fn num(project: &Project, what: &str) -> i64 {
    project.db.query_row(what, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_second_import_is_refused_and_the_first_is_not_harmed() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (rows(folder.path(), "first.jsonl", 3000), rows(folder.path(), "second.jsonl", 10));
    let mut project = Project::create(&folder.path().join("project")).unwrap();
    let mut other = Project::open(project.folder()).unwrap();
    let mut refused = Vec::new();
    let report = project.import_showing(&first, &Unwatched, &mut |_| refused.push(other.import(&second, &Unwatched)));
    assert_eq!(report.unwrap().num_imported, 3000);
    assert!(matches!(refused.as_slice(), [Err(ProjectError::Importing)]), "{refused:?}");
    assert_eq!(total(&mut project), 3000);
    // Its turn comes once the first is done, also if that one failed.
    let missing = ImportRequest::new(folder.path().join("missing.jsonl"));
    assert!(project.import(&missing, &Unwatched).is_err());
    assert_eq!(other.import(&second, &Unwatched).unwrap().num_imported, 10);
    assert_eq!((total(&mut project), total(&mut other)), (3010, 3010));
}

/// The disk of the test below, and the most that was ever used of it when somebody looked.
const DISK: u64 = 24 << 20;
static MOST_USED: AtomicU64 = AtomicU64::new(0);

fn used(folder: &Path) -> u64 {
    let size = |name| std::fs::metadata(folder.join(name)).map_or(0, |file| file.len());
    size("project.db") + size("project.db-wal")
}

fn free_of_small_disk(folder: &Path) -> Option<u64> {
    MOST_USED.fetch_max(used(folder), Ordering::SeqCst);
    Some(DISK.saturating_sub(used(folder)))
}

#[test]
fn an_import_that_fills_the_disk_leaves_the_disk_as_it_was_and_the_project_editable() {
    let folder = tempfile::tempdir().unwrap();
    let (few, many) = (rows(folder.path(), "few.jsonl", 1000), rows(folder.path(), "many.jsonl", 150_000));
    let mut project = Project::create(&folder.path().join("project")).unwrap();
    project.import(&few, &Unwatched).unwrap();
    project = Project::open(project.folder()).unwrap();
    project.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let before = used(project.folder());

    project.free = free_of_small_disk;
    let error = project.import(&many, &Unwatched).unwrap_err();
    assert!(matches!(error, ProjectError::DiskFull), "{error}");
    assert!(error.hint().unwrap().contains("Make room") && error.is_of_storage());
    let most = MOST_USED.load(Ordering::SeqCst);
    assert!(most > DISK / 2 && most < DISK, "{most} of {DISK}");
    // Some empty pages stay between those that are used.
    let after = used(project.folder());
    assert!(after <= before + before / 4, "{before} bytes before, {after} after");
    let left = ["contents", "examples"].map(|table| num(&project, &format!("SELECT count(*) FROM {table}")));
    assert_eq!(left, [1000; 2]);
    let check: String = project.db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");

    let messages = vec![Message::new(Role::User, "new"), Message::new(Role::Assistant, "row")];
    let edit = Edit::Insert { example: Example::from(messages), split: Split::Train };
    project.apply(&edit).unwrap();
    // What fits comes in.
    let some = rows(folder.path(), "some.jsonl", 2000);
    assert_eq!(project.import(&some, &Unwatched).unwrap().num_imported, 2000);
    assert_eq!(total(&mut project), 3001);
}

#[test]
fn a_store_of_an_earlier_version_gives_its_room_back_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut project = Project::create(&folder.path().join("project")).unwrap();
    project.db.pragma_update(None, "auto_vacuum", "NONE").unwrap();
    project.db.execute_batch("VACUUM").unwrap();
    assert_eq!(num(&project, "PRAGMA auto_vacuum"), 0);
    project.import(&rows(folder.path(), "few.jsonl", 1000), &Unwatched).unwrap();
    project.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let before = used(project.folder());
    project.db.pragma_update(None, "max_page_count", 400).unwrap();
    project.import(&rows(folder.path(), "many.jsonl", 60_000), &Unwatched).unwrap_err();
    let after = used(project.folder());
    assert!(after <= before + before / 4, "{before} bytes before, {after} after");
    assert_eq!(num(&project, "SELECT count(*) FROM contents"), 1000);
}
