//! What the store has said is saved is there after a `kill -9`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tunewright::data::{Example, Message, Role, Split};
use tunewright::project::{Edit, ExampleQuery, Project, Replacement, Review};

const NUM_KILLS: usize = 50;
const NUM_EDITS: usize = 200;
/// Names the project's folder to the process that is to be killed.
const FOLDER: &str = "TUNEWRIGHT_KILL_TEST_FOLDER";
const NUM_EXAMPLES: usize = 20;

fn example(text: &str) -> Example {
    vec![Message::new(Role::User, text), Message::new(Role::Assistant, "answer")].into()
}

fn ids(project: &mut Project) -> Vec<i64> {
    project.matching_ids(&ExampleQuery::default()).unwrap()
}

/// The edit with this number; it leaves its number in the notes of an example, so that a witness can look for it.
fn edit(number: usize, all: &[i64]) -> Edit {
    let id = all[number % NUM_EXAMPLES];
    let others = vec![all[(number + 1) % NUM_EXAMPLES], all[(number + 2) % NUM_EXAMPLES]];
    let change = match number % 6 {
        0 => Edit::SetMessages { id, messages: example(&format!("edit {number}")).messages },
        1 => Edit::AddTag { ids: others, tag: format!("tag {number}") },
        2 => Edit::SetReview { ids: others, review: Review::ALL[number % 4] },
        3 => Edit::SetSplit { ids: others, split: Split::ALL[number % 3] },
        4 => Edit::Insert { example: example(&format!("new {number}")), split: Split::Train },
        _ => {
            let replacement =
                Replacement { find: "answer".to_owned(), with: "answer answer".to_owned(), ..Replacement::default() };
            Edit::ReplaceText { ids: vec![id], replacement }
        }
    };
    let notes = Edit::SetNotes { id, notes: format!("saved {number}") };
    Edit::Several { label: format!("edit {number}"), edits: vec![change, notes] }
}

/// Edits as many times as it should, and says so after each.
fn edit_and_tell(folder: &Path, num_edits: usize) {
    let mut project = Project::open(folder).unwrap();
    let all = ids(&mut project);
    let first = num_saved(&project, &all);
    for number in first..first.saturating_add(num_edits) {
        project.apply(&edit(number, &all)).unwrap();
        println!("saved {number}");
    }
}

/// Where nobody kills it, all edits are there. The test below runs this one in a process of its own, in a folder that it
/// names, and kills it.
#[test]
fn every_edit_is_there_whole() {
    if let Ok(folder) = std::env::var(FOLDER) {
        return edit_and_tell(Path::new(&folder), usize::MAX);
    }
    let folder = tempfile::tempdir().unwrap();
    let all = create(folder.path());
    for num_saved_before in [0, 7] {
        edit_and_tell(folder.path(), 7);
        let mut project = Project::open(folder.path()).unwrap();
        assert_eq!(num_saved(&project, &all), num_saved_before + 7);
        check_last(&mut project, num_saved_before + 6, &all);
    }
}

/// A project with a few examples; their ids.
fn create(folder: &Path) -> Vec<i64> {
    let mut project = Project::create(folder).unwrap();
    for number in 0..NUM_EXAMPLES {
        let example = example(&format!("question {number}"));
        project.apply(&Edit::Insert { example, split: Split::Train }).unwrap();
    }
    ids(&mut project)
}

/// How many edits the store holds, by the notes they left: each edit writes the notes of the next example.
fn num_saved(project: &Project, all: &[i64]) -> usize {
    let last = all
        .iter()
        .take(NUM_EXAMPLES)
        .filter_map(|id| project.example(*id).unwrap().annotations.notes.strip_prefix("saved ")?.parse::<usize>().ok());
    last.max().map_or(0, |last| last + 1)
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store_kill::every_edit_is_there_whole", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills the process after it has reported `num_edits` edits, somewhere in the middle of the next; how many it reported
/// in all.
fn kill_after(mut child: Child, num_edits: usize, spins: u32) -> usize {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = |line: &str| line.contains("saved ");
    let mut num_told = 0;
    while num_told < num_edits {
        num_told += usize::from(told(&lines.next().unwrap().unwrap()));
    }
    // An edit takes about a millisecond; this ends at some moment of it.
    (0..spins).for_each(|_| std::hint::spin_loop());
    child.kill().unwrap();
    child.wait().unwrap();
    // What it still reported before it was killed was promised, too.
    num_told + lines.map_while(Result::ok).filter(|line| told(line)).count()
}

#[test]
fn every_edit_that_was_told_as_saved_outlives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let all = create(folder.path());
    let mut promised = 0;
    // Reproducible moments, spread over some edits' time.
    let mut seed: u32 = 12_345;
    for _ in 0..NUM_KILLS {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        promised += kill_after(start(folder.path()), NUM_EDITS / NUM_KILLS, seed >> 12);
        let mut project = Project::open(folder.path()).unwrap();
        let saved = num_saved(&project, &all);
        assert!(saved >= promised, "{promised} edits were told as saved, {saved} are there");
        // The one under way may have been saved and not yet reported.
        assert!(saved <= promised + 1, "{saved} edits for {promised} promises");
        promised = saved;
        check_last(&mut project, saved - 1, &all);
    }
    assert!(promised >= NUM_EDITS);
    let db = rusqlite::Connection::open(folder.path().join("project.db")).unwrap();
    let check: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let check = "INSERT INTO search (search) VALUES ('integrity-check')";
    db.execute(check, []).unwrap();
}

/// The last edit is there whole: what it changed and its place in the journal.
fn check_last(project: &mut Project, number: usize, all: &[i64]) {
    assert_eq!(project.state().unwrap().undo.unwrap(), format!("Undo edit {number}"));
    let mut find = |search: String| project.query(&ExampleQuery { search, limit: 9, ..Default::default() }).unwrap();
    match number % 6 {
        0 => assert_eq!(find(format!("edit {number}")).rows[0].id, all[number % NUM_EXAMPLES]),
        4 => assert_eq!(find(format!("new {number}")).num_matching, 1),
        1 => {
            let stored = project.example(all[(number + 1) % NUM_EXAMPLES]).unwrap();
            assert!(stored.annotations.tags.contains(&format!("tag {number}")));
        }
        _ => {}
    }
}
