//! The project's store: what was done can be undone, also after a restart, and nothing is lost or half done.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use tunewright::data::import::{ImportRequest, OnKnown};
use tunewright::data::split::{SplitBy, SplitSpec};
use tunewright::data::{Example, Message, Role, Split};
use tunewright::project::{
    Edit, ExampleQuery, ExampleRow, ExampleStatus, Project, ProjectError, Replacement, Review, StoredExample,
};
use tunewright::run::RunRecord;
use tunewright::task::{Task, Unit, Unwatched};

fn example(question: &str, answer: &str) -> Example {
    vec![Message::new(Role::User, question), Message::new(Role::Assistant, answer)].into()
}

/// A project with `num` examples imported from a file beside it.
fn project_with(folder: &Path, num: usize) -> Project {
    let mut project = Project::create(&folder.join("project")).unwrap();
    project.import(&request(folder, num), &Unwatched).unwrap();
    project
}

fn request(folder: &Path, num: usize) -> ImportRequest {
    let path = folder.join("rows.jsonl");
    let lines: String = (1..=num)
        .map(|i| serde_json::to_string(&example(&format!("question {i}"), &format!("answer {i}"))).unwrap() + "\n")
        .collect();
    std::fs::File::create(&path).and_then(|mut f| std::io::Write::write_all(&mut f, lines.as_bytes())).unwrap();
    ImportRequest::new(path)
}

/// Those rows once more.
fn again(folder: &Path, num: usize) -> ImportRequest {
    ImportRequest { on_known: OnKnown::Add, ..request(folder, num) }
}

fn query(limit: u64) -> ExampleQuery {
    ExampleQuery { limit, ..ExampleQuery::default() }
}

fn rows(project: &mut Project) -> Vec<ExampleRow> {
    project.query(&query(1000)).unwrap().rows
}

fn ids(project: &mut Project) -> Vec<i64> {
    rows(project).iter().map(|row| row.id).collect()
}

/// Everything a person sees of the examples.
fn contents(project: &mut Project) -> Vec<StoredExample> {
    ids(project).into_iter().map(|id| project.example(id).unwrap()).collect()
}

fn search(project: &mut Project, words: &str) -> Vec<u64> {
    let query = ExampleQuery { search: words.to_owned(), ..query(1000) };
    project.query(&query).unwrap().rows.iter().map(|row| row.number).collect()
}

#[test]
fn an_edit_of_the_turns_keeps_the_tools_and_the_rejected_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut project = Project::create(&folder.path().join("project")).unwrap();
    let mut with_tools = example("a", "b");
    with_tools.tools = vec![serde_json::json!({"type": "function", "function": {"name": "add"}})];
    with_tools.rejected = vec![Message::new(Role::Assistant, "c")];
    with_tools.messages[1].tool_calls = vec![serde_json::json!({"id": "1"})];
    project.apply(&Edit::Insert { example: with_tools.clone(), split: Split::Train }).unwrap();
    let id = ids(&mut project)[0];
    assert_eq!(project.example(id).unwrap().example, with_tools);
    with_tools.messages[1].content = "edited".to_owned();
    project.apply(&Edit::SetMessages { id, messages: with_tools.messages.clone() }).unwrap();
    assert_eq!(project.example(id).unwrap().example, with_tools);
    let snapshot = project.snapshot(folder.path()).unwrap();
    let line = std::fs::read_to_string(snapshot.train.path).unwrap();
    assert_eq!(serde_json::from_str::<Example>(&line).unwrap(), with_tools);
}

#[test]
fn an_import_is_one_step_that_can_be_undone_and_redone() {
    let folder = tempfile::tempdir().unwrap();
    let mut project = project_with(folder.path(), 40);
    let state = project.state().unwrap();
    let counts = state.counts;
    assert_eq!((counts.train, counts.validation, counts.test, counts.total()), (32, 4, 4, 40));
    assert_eq!(state.undo.as_deref(), Some("Undo import of rows.jsonl"));
    assert_eq!(state.source.as_deref(), Some("rows.jsonl"));
    let before = contents(&mut project);
    assert_eq!(before[6].number, 7);
    assert_eq!(before[6].example, example("question 7", "answer 7"));

    project.undo().unwrap();
    assert_eq!(project.counts().unwrap().total(), 0);
    assert_eq!(search(&mut project, "question"), Vec::<u64>::new());
    assert_eq!(project.state().unwrap().source, None);
    project.redo().unwrap();
    assert_eq!(contents(&mut project), before);

    // After the import is undone and something else done, a new import counts from 1 again.
    project.undo().unwrap();
    project.import(&request(folder.path(), 3), &Unwatched).unwrap();
    assert_eq!(rows(&mut project).iter().map(|row| row.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(search(&mut project, "question"), [1, 2, 3]);
    assert!(project.redo().unwrap().is_none());
}

/// Cancels itself once this much was read.
struct CancelAfter(Cell<u64>);

impl Task for CancelAfter {
    fn progress(&self, _done: u64, _total: Option<u64>, _unit: Unit) {
        self.0.set(self.0.get().saturating_sub(1));
    }
    fn is_stopped(&self) -> bool {
        self.0.get() == 0
    }
}

#[test]
fn a_cancelled_or_broken_import_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut project = project_with(folder.path(), 5);
    let before = contents(&mut project);
    let large = request(folder.path(), 20_000);
    let error = project.import(&large, &CancelAfter(Cell::new(10))).unwrap_err();
    assert!(error.is_stopped(), "{error}");
    let missing = ImportRequest { path: folder.path().join("no.csv"), ..large };
    assert!(project.import(&missing, &Unwatched).is_err());
    assert_eq!(contents(&mut project), before);
    assert_eq!(search(&mut project, "question 19"), Vec::<u64>::new());
    assert_eq!(project.state().unwrap().undo.as_deref(), Some("Undo import of rows.jsonl"));
}

#[test]
fn a_second_import_keeps_copies_of_a_prompt_in_one_split() {
    let folder = tempfile::tempdir().unwrap();
    let mut project = project_with(folder.path(), 50);
    project.import(&again(folder.path(), 50), &Unwatched).unwrap();
    let mut splits: BTreeMap<String, Vec<Split>> = BTreeMap::new();
    for row in rows(&mut project) {
        splits.entry(row.prompt).or_default().push(row.split);
    }
    assert!(splits.values().all(|s| s.len() == 2 && s[0] == s[1]));
}

#[test]
fn edits_say_what_they_were_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut project = project_with(folder.path(), 10);
    let ids = ids(&mut project);
    let changed =
        Edit::SetMessages { id: ids[3], messages: example("new question", "{\"a\": 1, \"b\": \"x\"}").messages };
    assert_eq!(project.apply(&changed).unwrap().ids, [ids[3]]);
    assert_eq!(project.apply(&changed).unwrap().ids, [] as [i64; 0], "nothing to do");
    let row = rows(&mut project)[3].clone();
    assert_eq!((row.prompt.as_str(), row.answer.as_str(), row.status), ("new question", "1, x", ExampleStatus::Edited));
    assert_eq!(search(&mut project, "new"), [4]);
    assert_eq!(search(&mut project, "question 4"), Vec::<u64>::new());

    let copy = project.apply(&Edit::Duplicate { id: ids[3] }).unwrap().ids[0];
    assert_eq!(rows(&mut project)[4].id, copy, "a copy stands after its original");
    assert_eq!(project.state().unwrap().last_changed, Some(copy));
    project.apply(&Edit::Delete { ids: vec![copy] }).unwrap();
    assert_eq!(project.state().unwrap().last_changed, None, "it is not there any more");
    project.undo().unwrap();
    assert_eq!(project.state().unwrap().last_changed, Some(copy));
    project.apply(&Edit::Delete { ids: vec![ids[0], copy] }).unwrap();
    project.apply(&Edit::SetStatus { ids: vec![ids[3]], status: ExampleStatus::SetAside }).unwrap();
    let counts = project.counts().unwrap();
    assert_eq!((counts.total(), counts.set_aside, counts.edited), (9, 1, 1));
    let state = project.state().unwrap();
    assert_eq!(state.undo.as_deref(), Some("Undo setting aside of example 4"));

    // Nothing may be left in a split that was set aside; brought back, it is still marked as edited.
    for split in Split::ALL {
        let page = project.query(&ExampleQuery { split: Some(split), ..query(100) }).unwrap();
        assert!(page.rows.iter().all(|row| row.id != ids[3]));
    }
    project.apply(&Edit::SetStatus { ids: vec![ids[3]], status: ExampleStatus::Ready }).unwrap();
    let edited = project.query(&ExampleQuery { edited_only: true, ..query(100) }).unwrap();
    assert_eq!((edited.num_matching, edited.rows[0].id), (1, ids[3]));

    project.apply(&Edit::SetSplit { ids: ids[1..4].to_vec(), split: Split::Test }).unwrap();
    assert_eq!(project.state().unwrap().undo.as_deref(), Some("Undo move of 3 examples to test"));
    let error = project.apply(&Edit::Delete { ids: vec![copy] }).unwrap_err();
    assert_eq!(error.to_string(), format!("there is no example with the id {copy}: it was deleted"));
}

#[test]
fn what_is_typed_into_the_search_is_never_syntax() {
    let folder = tempfile::tempdir().unwrap();
    let mut project = project_with(folder.path(), 12);
    let odd = "Crème e-mail AND \"quoted\" NEAR(x) 100% don't";
    let id = project.apply(&Edit::Insert { example: example(odd, "ok"), split: Split::Train }).unwrap().ids[0];
    let number = project.example(id).unwrap().number;
    for words in ["creme", "E-MA", "and", "\"quoted", "near(x", "100%", "don't", "quo cre", "AND*", "ok e"] {
        assert_eq!(search(&mut project, words), [number], "{words}");
    }
    for words in ["\"", "***", "(", "^ -- :", "\0", ""] {
        assert_eq!(search(&mut project, words).len(), 13, "{words:?} has no word in it");
    }
    assert_eq!(search(&mut project, "question 1"), [1, 10, 11, 12]);
    assert_eq!(search(&mut project, "NOT xyzzy OR"), Vec::<u64>::new());
}

#[test]
fn two_connections_see_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut project = project_with(folder.path(), 5);
    let mut other = Project::open(project.folder()).unwrap();
    let id = ids(&mut other)[2];
    project.apply(&Edit::Delete { ids: vec![id] }).unwrap();
    assert_eq!(rows(&mut other).len(), 4);
    assert_eq!(other.state().unwrap().revision, project.state().unwrap().revision);
}

#[test]
fn a_database_that_is_not_ours_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("project.db");
    let check = |expected: &str| {
        let before = std::fs::read(&path).unwrap();
        let error = Project::open_or_create(folder.path()).err().unwrap();
        assert!(error.to_string().ends_with(expected), "{error}");
        assert!(error.hint().is_some());
        assert_eq!(std::fs::read(&path).unwrap(), before);
    };
    tunewright::fs::write_atomic(&path, b"something else altogether, and long enough to look at").unwrap();
    check("project.db is damaged: file is not a database");
    tunewright::fs::write_atomic(&path, b"").unwrap();
    check("project.db is damaged: it is empty");

    std::fs::remove_file(&path).unwrap();
    drop(Project::create(folder.path()).unwrap());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[60..64].copy_from_slice(&7_u32.to_be_bytes());
    tunewright::fs::write_atomic(&path, &bytes).unwrap();
    check("was written by a newer Tunewright (store version 7, this one reads up to 3)");
    bytes[68..72].copy_from_slice(&[0; 4]);
    tunewright::fs::write_atomic(&path, &bytes).unwrap();
    check("is not a Tunewright project but another program's database");
    assert!(matches!(Project::create(folder.path()), Err(ProjectError::Exists { .. })));
}

#[test]
fn what_a_stranger_put_into_a_store_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut project = project_with(folder.path(), 5);
    let path = project.folder().join("project.db");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("CREATE TRIGGER bomb AFTER INSERT ON contents BEGIN DELETE FROM contents; END").unwrap();
    db.close().unwrap();
    project = Project::open(project.folder()).unwrap();
    let example = example("new", "row");
    project.apply(&Edit::Insert { example, split: Split::Train }).unwrap();
    assert_eq!(contents(&mut project).len(), 6);

    // A view in a table's place never ends, and is reported.
    let db = rusqlite::Connection::open(&path).unwrap();
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS id, x AS content FROM n";
    db.execute_batch(&format!("DROP TABLE contents; CREATE VIEW contents AS {endless}")).unwrap();
    db.close().unwrap();
    let mut project = Project::open(project.folder()).unwrap();
    assert!(project.example(1).is_err() && project.query(&ExampleQuery { search: "new".into(), ..query(9) }).is_err());
}

#[test]
fn a_snapshot_holds_what_takes_part_and_a_moved_project_still_works() {
    let folder = tempfile::tempdir().unwrap();
    let mut project = project_with(folder.path(), 20);
    let set_aside = ids(&mut project)[0];
    project.apply(&Edit::SetStatus { ids: vec![set_aside], status: ExampleStatus::SetAside }).unwrap();
    let moved = folder.path().join("elsewhere");
    let old = project.folder().to_owned();
    drop(project);
    std::fs::rename(old, &moved).unwrap();

    let mut project = Project::open(&moved).unwrap();
    let run_dir = project.create_run_dir().unwrap();
    assert!(run_dir.starts_with(moved.join("runs")));
    assert_ne!(run_dir, project.create_run_dir().unwrap());
    let snapshot = project.snapshot(&run_dir).unwrap();
    let (validation, test) = (snapshot.validation.unwrap(), snapshot.test.unwrap());
    let counts = project.counts().unwrap();
    for (file, num) in [(&snapshot.train, counts.train), (&validation, counts.validation), (&test, counts.test)] {
        let examples = tunewright::data::read_all(&file.path, &Unwatched).unwrap();
        assert_eq!((file.num_examples, examples.len() as u64), (num, num));
        assert_eq!(file.sha256.len(), 64);
    }
    assert_eq!(counts.train + counts.validation + counts.test, 19);
    let sums = std::fs::read_to_string(run_dir.join("data/SHA256SUMS")).unwrap();
    assert!(sums.starts_with(&format!("{}  train.jsonl\n", snapshot.train.sha256)));
}

#[test]
fn the_form_that_an_earlier_version_kept_is_brought_to_today_s() {
    let folder = tempfile::tempdir().unwrap();
    let mut project = Project::create(folder.path()).unwrap();
    let mut recipe = tunewright::recipe::Recipe::for_starter_data("a".into());
    recipe.lora.r = 7;
    let kept = tunewright::recipe::Recipe { version: 1, ..recipe.clone() };
    project.save_settings(&tunewright::project::Settings { recipe: Some(kept), ..Default::default() }).unwrap();
    assert_eq!(project.settings().unwrap().recipe, Some(recipe));
}

#[test]
fn a_run_is_read_from_its_folder_even_if_it_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::create(folder.path()).unwrap();
    let run_dir = project.create_run_dir().unwrap();
    let write = |name: &str, text: &str| tunewright::fs::write_atomic(&run_dir.join(name), text.as_bytes()).unwrap();
    write("recipe.toml", "version = 1\nbase_model = \"starter\"\n[data]\ntrain = \"data/train.jsonl\"\n");
    write(
        "metrics.jsonl",
        "{\"step\":0,\"epoch\":0,\"eval_loss\":3.5,\"eval_secs\":1}\n{\"step\":1,\"loss\":3.0,\"step_secs\":2.0}\n\
         {\"step\":2,\"eval_loss\":1.25}\n{\"step\":4,\"eval_loss\":1.5}\n{\"step\":5,\"lo",
    );
    write("checkpoints/step-000004/adapter_model.safetensors", "");
    let run = RunRecord::read(&run_dir).unwrap();
    assert_eq!((run.first_eval_loss, run.best_eval_loss, run.best_step), (Some(3.5), Some(1.25), Some(2)));
    assert_eq!((run.num_steps_done, run.secs), (4, 3.0));
    assert_eq!(run.status, tunewright::run::RunStatus::Interrupted);
    assert_eq!(run.adapter, Some(run_dir.join("checkpoints/step-000004")), "the best checkpoint is gone");

    write("status.json", r#"{"status":"stopped","num_steps":10,"num_steps_done":5,"best_step":2,"secs":9.5}"#);
    write("checkpoints/step-000002/adapter_model.safetensors", "");
    let runs = project.runs().unwrap();
    assert_eq!((runs.len(), runs[0].num_steps, runs[0].num_steps_done, runs[0].secs), (1, 10, 5, 9.5));
    assert_eq!(runs[0].status, tunewright::run::RunStatus::Stopped);
    assert_eq!(runs[0].adapter, Some(run_dir.join("checkpoints/step-000002")));
}

/// An edit whose examples are picked by index from those that are there.
#[derive(Debug, Clone)]
enum Act {
    SetMessages(usize, u8),
    Insert(u8),
    Duplicate(usize),
    Delete(usize, usize),
    SetSplit(usize, usize, Split),
    SetStatus(usize, usize, ExampleStatus),
    Resplit(u64),
    Tag(usize, usize, bool),
    Notes(usize, u8),
    Review(usize, usize, usize),
    Label(usize, usize, Option<u8>),
    Replace(usize, usize, u8),
    Several(Vec<Act>),
    Import,
    Undo,
    Redo,
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    let several = prop::collection::vec(edit_act(), 1..4).prop_map(Act::Several);
    prop_oneof![
        16 => edit_act(),
        2 => several,
        1 => Just(Act::Import),
        4 => Just(Act::Undo),
        3 => Just(Act::Redo),
        1 => Just(Act::Reopen),
    ]
}

fn edit_act() -> impl Strategy<Value = Act> {
    let split = prop::sample::select(Split::ALL.to_vec());
    let status = prop::sample::select(vec![ExampleStatus::Ready, ExampleStatus::Edited, ExampleStatus::SetAside]);
    let index = 0..1000_usize;
    prop_oneof![
        3 => (index.clone(), any::<u8>()).prop_map(|(at, word)| Act::SetMessages(at, word)),
        1 => any::<u8>().prop_map(Act::Insert),
        2 => index.clone().prop_map(Act::Duplicate),
        2 => (index.clone(), 1..4_usize).prop_map(|(at, num)| Act::Delete(at, num)),
        2 => (index.clone(), 1..4_usize, split).prop_map(|(at, num, split)| Act::SetSplit(at, num, split)),
        2 => (index.clone(), 1..4_usize, status).prop_map(|(at, num, status)| Act::SetStatus(at, num, status)),
        1 => any::<u64>().prop_map(Act::Resplit),
        2 => (index.clone(), 1..4_usize, any::<bool>()).prop_map(|(at, num, adds)| Act::Tag(at, num, adds)),
        1 => (index.clone(), any::<u8>()).prop_map(|(at, word)| Act::Notes(at, word)),
        1 => (index.clone(), 1..4_usize, 0..4_usize).prop_map(|(at, num, review)| Act::Review(at, num, review)),
        2 => (index.clone(), 1..4_usize, prop::option::of(any::<u8>()))
            .prop_map(|(at, num, label)| Act::Label(at, num, label)),
        2 => (index, 1..4_usize, any::<u8>()).prop_map(|(at, num, word)| Act::Replace(at, num, word)),
    ]
}

fn perform(project: &mut Project, folder: &Path, act: &Act) {
    let all = ids(project);
    match act {
        Act::Import => drop(project.import(&again(folder, 4), &Unwatched).unwrap()),
        Act::Undo => drop(project.undo().unwrap()),
        Act::Redo => drop(project.redo().unwrap()),
        Act::Reopen => *project = Project::open(project.folder()).unwrap(),
        act => match project.apply(&edit(&all, act)) {
            // One of several edits may be about an example that another has deleted; then none of them is made.
            Err(ProjectError::NoSuchExample { .. }) if matches!(act, Act::Several(_)) => {}
            made => drop(made.unwrap()),
        },
    }
}

/// Without examples to pick from, it is about none.
fn edit(all: &[i64], act: &Act) -> Edit {
    let pick = |at: usize, num: usize| -> Vec<i64> {
        let start = if all.is_empty() { 0 } else { at % all.len() };
        all.iter().skip(start).step_by(2).take(num).copied().collect()
    };
    let word = |word: u8| format!("word{word}");
    let nothing = || Edit::Delete { ids: Vec::new() };
    let one = |at: usize, edit: &dyn Fn(i64) -> Edit| pick(at, 1).first().map_or_else(nothing, |id| edit(*id));
    match act {
        Act::SetMessages(at, n) => one(*at, &|id| Edit::SetMessages { id, messages: example(&word(*n), "x").messages }),
        Act::Insert(n) => Edit::Insert { example: example(&word(*n), "y"), split: Split::Test },
        Act::Duplicate(at) => one(*at, &|id| Edit::Duplicate { id }),
        Act::Delete(at, num) => Edit::Delete { ids: pick(*at, *num) },
        Act::SetSplit(at, num, split) => Edit::SetSplit { ids: pick(*at, *num), split: *split },
        Act::SetStatus(at, num, status) => Edit::SetStatus { ids: pick(*at, *num), status: *status },
        Act::Resplit(seed) => {
            let by = [SplitBy::Lot, SplitBy::Label, SplitBy::Newest, SplitBy::File][(seed % 4) as usize];
            Edit::Resplit { spec: SplitSpec { validation: 0.2, test: 0.2, seed: *seed, by } }
        }
        Act::Tag(at, num, true) => Edit::AddTag { ids: pick(*at, *num), tag: format!("tag{}", at % 3) },
        Act::Tag(at, num, false) => Edit::RemoveTag { ids: pick(*at, *num), tag: format!("tag{}", at % 3) },
        Act::Notes(at, n) => one(*at, &|id| Edit::SetNotes { id, notes: word(*n) }),
        Act::Review(at, num, review) => Edit::SetReview { ids: pick(*at, *num), review: Review::ALL[*review] },
        Act::Label(at, num, label) => Edit::SetLabel { ids: pick(*at, *num), label: label.map(word) },
        Act::Replace(at, num, n) => {
            let replacement = Replacement {
                find: "word".to_owned(),
                with: word(*n),
                role: Some(Role::User),
                ..Replacement::default()
            };
            Edit::ReplaceText { ids: pick(*at, *num), replacement }
        }
        Act::Several(acts) => {
            Edit::Several { label: "several".to_owned(), edits: acts.iter().map(|act| edit(all, act)).collect() }
        }
        Act::Import | Act::Undo | Act::Redo | Act::Reopen => nothing(),
    }
}

/// What the search finds is what the rows hold.
fn check_search(project: &mut Project) {
    let holding: Vec<u64> = contents(project)
        .iter()
        .filter(|row| row.example.messages.iter().any(|m| m.content.starts_with("word1")))
        .map(|row| row.number)
        .collect();
    assert_eq!(search(project, "word1"), holding);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn undo_goes_back_to_the_start_and_redo_to_the_end(acts in prop::collection::vec(act(), 1..25)) {
        let folder = tempfile::tempdir().unwrap();
        let mut project = Project::create(&folder.path().join("project")).unwrap();
        for act in [Act::Import].iter().chain(&acts) {
            perform(&mut project, folder.path(), act);
            // The order kept in memory is what a new connection reads.
            let mut fresh = Project::open(project.folder()).unwrap();
            prop_assert_eq!(rows(&mut project), rows(&mut fresh));
            prop_assert_eq!(project.counts().unwrap(), fresh.counts().unwrap());
        }
        check_search(&mut project);
        let end = contents(&mut project);
        let mut history = vec![end];
        while project.undo().unwrap().is_some() {
            history.push(contents(&mut project));
        }
        prop_assert!(contents(&mut project).is_empty());
        project = Project::open(project.folder()).unwrap();
        while let Some(expected) = { history.pop(); history.last() } {
            prop_assert!(project.redo().unwrap().is_some());
            prop_assert_eq!(&contents(&mut project), expected);
        }
        // Redo may go beyond where the acts ended, if they ended with undo.
        check_search(&mut project);
    }
}
