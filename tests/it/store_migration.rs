//! A store that the first version wrote opens, with its undo, its search and all that it holds.

use std::path::Path;

use rusqlite::Connection;
use tunewright::data::{Message, Role, Split};
use tunewright::project::{Edit, ExampleQuery, ExampleStatus, Having, Project, Review, VersionChange};

/// A store as version 0.1 made it.
const VERSION_1: &str = "
    PRAGMA application_id = 1416525682;
    PRAGMA user_version = 1;
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ('revision', '5');
    INSERT INTO meta VALUES ('settings', '{\"model\": null, \"recipe\": null}');
    CREATE TABLE examples (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        position INTEGER NOT NULL,
        number INTEGER NOT NULL,
        presence INTEGER NOT NULL,
        split INTEGER NOT NULL,
        marks INTEGER NOT NULL,
        prompt_key INTEGER NOT NULL,
        num_turns INTEGER NOT NULL,
        prompt TEXT NOT NULL,
        answer TEXT NOT NULL,
        messages TEXT NOT NULL
    );
    CREATE INDEX examples_in_order ON examples (presence, position, number, split, marks);
    CREATE VIRTUAL TABLE search USING fts5 (
        text, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
    );
    CREATE TABLE journal (
        seq INTEGER PRIMARY KEY,
        label TEXT NOT NULL,
        steps TEXT NOT NULL,
        source TEXT,
        is_undone INTEGER NOT NULL DEFAULT 0
    );
";

fn turns(question: &str, answer: &str) -> String {
    format!(r#"[{{"role":"user","content":"{question}"}},{{"role":"assistant","content":"{answer}"}}]"#)
}

/// Three imported rows, of which one was edited, one moved, and one deleted (which is undone); the fourth row arrived
/// with an import that was killed.
fn write_version_1(folder: &Path) {
    let db = Connection::open(folder.join("project.db")).unwrap();
    db.execute_batch(VERSION_1).unwrap();
    for (id, presence, split, marks, question) in
        [(1, 1, 0, 1, "changed"), (2, 1, 2, 0, "second"), (3, 1, 0, 2, "third"), (4, 2, 0, 0, "fourth")]
    {
        db.execute(
            "INSERT INTO examples VALUES (?1, ?1, ?1, ?2, ?3, ?4, 0, 2, ?5, 'answer', ?6)",
            rusqlite::params![id, presence, split, marks, question, turns(question, "answer")],
        )
        .unwrap();
    }
    db.execute("UPDATE sqlite_sequence SET seq = 9", []).unwrap();
    let edit = format!(
        r#"[{{"Messages":{{"id":1,"before":{},"after":{}}}}},{{"Set":{{"column":"Marks","changes":[[1,0,1]]}}}}]"#,
        turns("first", "answer"),
        turns("changed", "answer")
    );
    let entries = [
        ("import of a.jsonl", r#"[{"Presence":{"ranges":[[1,3]],"after":true}}]"#, Some("a.jsonl"), false),
        ("edit of example 1", &edit, None, false),
        ("move of example 2 to test", r#"[{"Set":{"column":"Split","changes":[[2,0,2]]}}]"#, None, false),
        ("deletion of example 3", r#"[{"Presence":{"ranges":[[3,3]],"after":false}}]"#, None, true),
    ];
    for (label, steps, source, is_undone) in entries {
        let sql = "INSERT INTO journal (label, steps, source, is_undone) VALUES (?, ?, ?, ?)";
        db.execute(sql, rusqlite::params![label, steps, source, is_undone]).unwrap();
    }
}

#[test]
fn a_store_of_the_first_version_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    write_version_1(folder.path());
    let mut project = Project::open(folder.path()).unwrap();
    let page =
        |project: &mut Project, query: ExampleQuery| project.query(&ExampleQuery { limit: 100, ..query }).unwrap().rows;
    let rows = page(&mut project, ExampleQuery::default());
    let shown: Vec<_> = rows.iter().map(|row| (row.id, row.prompt.as_str(), row.split, row.status)).collect();
    assert_eq!(
        shown,
        [
            (1, "changed", Split::Train, ExampleStatus::Edited),
            (2, "second", Split::Test, ExampleStatus::Ready),
            (3, "third", Split::Train, ExampleStatus::SetAside),
        ]
    );
    assert_eq!(rows[0].annotations.source.as_deref(), Some("a.jsonl"));
    assert_eq!(rows[0].annotations.review, Review::Unreviewed);
    let search = |words: &str| ExampleQuery { search: words.to_owned(), ..ExampleQuery::default() };
    assert_eq!(page(&mut project, search("chan")).len(), 1);
    assert_eq!(page(&mut project, search("first")).len(), 0);
    assert_eq!(page(&mut project, search("fourth")).len(), 0);

    let state = project.state().unwrap();
    assert_eq!(state.redo.as_deref(), Some("Redo deletion of example 3"));
    assert_eq!(state.source.as_deref(), Some("a.jsonl"));
    let history = project.history(1).unwrap();
    assert_eq!(history.len(), 3);
    let VersionChange::Messages { before, after } = &history[1].change else { panic!("{history:?}") };
    assert_eq!((before[0].content.as_str(), after[0].content.as_str()), ("first", "changed"));
    assert_eq!((history[1].at, history[2].change.clone()), (None, VersionChange::Appeared));

    // Opened again, it is not migrated again; its undo still works.
    drop(project);
    let mut project = Project::open(folder.path()).unwrap();
    project.redo().unwrap();
    assert_eq!(page(&mut project, ExampleQuery::default()).len(), 2);
    for _ in 0..3 {
        assert!(project.undo().unwrap().is_some());
    }
    assert_eq!(
        project.example(1).unwrap().example.messages,
        [Message::new(Role::User, "first"), Message::new(Role::Assistant, "answer")]
    );
    assert_eq!(project.example(2).unwrap().split, Split::Train);
    project.redo().unwrap();
    // An id that was given once is not given again.
    let copy = project.apply(&Edit::Duplicate { id: 2 }).unwrap().ids[0];
    assert_eq!(copy, 10);
    let from_file = ExampleQuery { source: Some("a.jsonl".to_owned()), ..ExampleQuery::default() };
    assert_eq!(page(&mut project, from_file).len(), 4);
    let unlabelled = ExampleQuery { label: Some(Having::Nothing), ..ExampleQuery::default() };
    assert_eq!(page(&mut project, unlabelled).len(), 4);
}

#[test]
fn a_store_of_the_second_version_learns_of_dates() {
    let folder = tempfile::tempdir().unwrap();
    let mut project = Project::create(folder.path()).unwrap();
    let messages = vec![Message::new(Role::User, "a"), Message::new(Role::Assistant, "b")];
    let added = Edit::Insert { example: messages.into(), split: Split::Test };
    project.apply(&added).unwrap();
    drop(project);
    // All that the second version had not.
    let db = Connection::open(folder.path().join("project.db")).unwrap();
    db.execute_batch("DROP INDEX examples_with_date; ALTER TABLE examples DROP COLUMN date; PRAGMA user_version = 2;")
        .unwrap();
    drop(db);
    let mut project = Project::open(folder.path()).unwrap();
    let stored = project.example(1).unwrap();
    assert_eq!((stored.split, stored.annotations.date), (Split::Test, None));
    assert!(!project.state().unwrap().has_dates);
    project.undo().unwrap();
    assert_eq!(project.counts().unwrap().total(), 0);
}
