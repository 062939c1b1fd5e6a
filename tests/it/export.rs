//! What goes out comes in again as it was. The small files have the form of two well-known data sets, banking77 and
//! GSM8K.

use std::ops::ControlFlow;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use tunewright::data::export::{ExportReport, ExportRequest, ExportRow, export};
use tunewright::data::import::ImportRequest;
use tunewright::data::shape::FileShape;
use tunewright::data::{Example, ImportError, Message, Role, Split, read_examples};
use tunewright::task::{Control, Task, Unit, Unwatched};

use crate::fixtures::{self, fixture};
use crate::program;

fn write(to: &Path, shape: FileShape, rows: &[(Example, Split)]) -> ExportReport {
    let request =
        ExportRequest { to: to.into(), shape, with_split: true, with_date: true, num_rows: Some(rows.len() as u64) };
    export::<ImportError>(&request, &Unwatched, |sink| {
        for (at, (example, split)) in rows.iter().enumerate() {
            let row = ExportRow { number: at as u64 + 1, split: *split, date: None, example };
            if sink(row).is_break() {
                break;
            }
        }
        Ok(())
    })
    .unwrap()
}

fn read(path: &Path) -> Vec<(Example, Split)> {
    let mut rows = Vec::new();
    let report = read_examples(&ImportRequest::new(path), &Unwatched, &mut |row| {
        rows.push((row.example, row.split.unwrap()));
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(report.num_rejected, 0, "{:?}", report.rejected);
    rows
}

fn text() -> impl Strategy<Value = String> {
    "[a-zäß🧶 ,;|\"'\n\r\t{}:#\\\\\u{85}]{0,8}"
}

fn turn() -> impl Strategy<Value = Message> {
    let role =
        prop_oneof![3 => Just(Role::User), 3 => Just(Role::Assistant), 1 => Just(Role::System), 1 => Just(Role::Tool)];
    (role, text(), 0..12_u8).prop_map(|(role, text, special)| {
        let mut message = Message::new(role, text);
        match (role, special) {
            (Role::Assistant, 0) => message.weight = Some(0),
            (Role::Assistant, 1) => {
                message.tool_calls =
                    vec![json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}})];
            }
            (Role::Tool, 0) => message.tool_call_id = Some("c".to_owned()),
            (_, 2) => message.name = Some("Ann".to_owned()),
            _ => {}
        }
        message
    })
}

/// Most are what many shapes hold, some are not.
fn example() -> impl Strategy<Value = Example> {
    // With neither a question nor an answer it would not come in again.
    let says_something =
        |(_, question, answer): &(_, String, String)| !(question.trim().is_empty() && answer.trim().is_empty());
    let parts = (prop::option::weighted(0.3, text()), text(), text()).prop_filter("nothing is said", says_something);
    let pair = parts.prop_map(|(system, question, answer)| {
        let mut messages: Vec<_> = system.map(|text| Message::new(Role::System, text)).into_iter().collect();
        messages.extend([Message::new(Role::User, question), Message::new(Role::Assistant, answer)]);
        messages
    });
    let many = prop::collection::vec(turn(), 0..6).prop_map(|mut turns| {
        turns.push(Message::new(Role::Assistant, "end"));
        turns
    });
    let messages = prop_oneof![2 => pair, 1 => many];
    (messages, prop::option::weighted(0.3, text()), prop::bool::weighted(0.1)).prop_map(
        |(messages, rejected, has_tools)| {
            let rejected = rejected.map(|text| Message::new(Role::Assistant, text)).into_iter().collect();
            let tools = has_tools.then(|| json!({"type": "function", "function": {"name": "f"}})).into_iter().collect();
            Example { messages, rejected, tools }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_exported_is_imported_as_it_was(
        rows in prop::collection::vec((example(), prop::sample::select(Split::ALL.to_vec())), 1..20),
        shape in prop::sample::select(FileShape::ALL.to_vec()),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("a.{}", shape.extension()));
        let report = write(&path, shape, &rows);
        prop_assert_eq!(report.num_exported + report.num_rejected, rows.len() as u64);
        prop_assert!(shape != FileShape::OPENAI_MESSAGES || report.num_rejected == 0);
        let is_out = |at: usize| report.rejected.iter().any(|row| row.line == at as u64 + 1);
        let kept: Vec<_> = rows.iter().enumerate().filter(|(at, _)| !is_out(*at)).map(|(_, row)| row.clone()).collect();
        if !kept.is_empty() {
            prop_assert_eq!(read(&path), kept);
        }
    }
}

#[test]
fn what_a_shape_has_no_place_for_is_left_out_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let pair = || vec![Message::new(Role::User, "q"), Message::new(Role::Assistant, "a")];
    let plain = Example::from(pair());
    let long = Example::from([pair(), pair()].concat());
    let mut with_system = plain.clone();
    with_system.add_system_message("s");
    let with_tools = Example { tools: vec![json!({"type": "function"})], ..plain.clone() };
    let preference = Example { rejected: vec![Message::new(Role::Assistant, "worse")], ..plain.clone() };
    let rows: Vec<_> = [plain, long, with_system, with_tools, preference].map(|e| (e, Split::Train)).into();
    let check = |shape: FileShape, expected: &[(u64, &str)]| {
        let report = write(&folder.path().join("a"), shape, &rows);
        let prefix = format!("{} can't hold it: ", shape.name());
        let told: Vec<_> =
            report.rejected.iter().map(|row| (row.line, row.reason.strip_prefix(&prefix).unwrap())).collect();
        assert_eq!(told, expected, "{shape:?}");
    };
    check(FileShape::OPENAI_MESSAGES, &[]);
    check(FileShape::SHAREGPT, &[(4, "it uses tools"), (5, "it has a rejected answer")]);
    check(FileShape::ALPACA, &[(4, "it uses tools"), (5, "it has a rejected answer")]);
    check(
        FileShape::PROMPT_COMPLETION,
        &[(2, "an earlier answer than the last is to be learned, too"), (5, "it has a rejected answer")],
    );
    let none = "it has no rejected answer";
    check(FileShape::PREFERENCE, &[(1, none), (2, none), (3, none), (4, none)]);
    let (several, tools) = ("it is more than one question and its answer", "it uses tools");
    check(FileShape::PROMPT_COMPLETION_CSV, &[(2, several), (4, tools), (5, "it has a rejected answer")]);
    let system = "it has a system message";
    check(FileShape::TEXT_LABEL_CSV, &[(2, several), (3, system), (4, tools), (5, "it has a rejected answer")]);
}

/// Stopped by the first progress that it is given.
struct StopsItself(Control);

impl Task for StopsItself {
    fn progress(&self, _: u64, _: Option<u64>, _: Unit) {
        self.0.stop();
    }

    fn is_stopped(&self) -> bool {
        self.0.is_stopped()
    }
}

#[test]
fn an_export_that_is_stopped_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a.jsonl");
    tunewright::fs::write_atomic(&to, b"old").unwrap();
    let example = Example::from(vec![Message::new(Role::User, "q"), Message::new(Role::Assistant, "a")]);
    let request =
        ExportRequest { to: to.clone(), shape: FileShape::ALPACA, with_split: false, with_date: false, num_rows: None };
    let row = ExportRow { number: 1, split: Split::Train, date: None, example: &example };
    let error = export::<ImportError>(&request, &StopsItself(Control::default()), |sink| {
        while sink(row).is_continue() {}
        Ok(())
    });
    assert!(error.unwrap_err().is_stopped());
    assert_eq!(std::fs::read(&to).unwrap(), b"old");
}

fn run(folder: &Path, arguments: &[&str]) -> Value {
    program::run(folder, &[arguments, &["--json"]].concat()).json()
}

#[test]
fn data_sets_go_through_a_project_and_come_out_the_same() {
    for (name, shape, to) in
        [("intents.csv", "text-label-csv", "out.csv"), ("sums.jsonl", "prompt-completion", "out.jsonl")]
    {
        let folder = tempfile::tempdir().unwrap();
        let source = fixture("data").join(name);
        let original = read_pairs(&source);
        let imported = run(folder.path(), &["data", "import", source.to_str().unwrap(), "--project", "p"]);
        assert_eq!((&imported["imported"], &imported["rejected"]), (&json!(original.len()), &json!(0)));
        let exported = run(folder.path(), &["data", "export", "--project", "p", "--to", to, "--as", shape]);
        assert_eq!((&exported["exported"], &exported["rejected"]), (&json!(original.len()), &json!(0)));
        assert_eq!(read_pairs(&folder.path().join(to)), original, "{name}");
        let test = run(folder.path(), &["data", "export", "--project", "p", "--to", "test.jsonl", "--split", "test"]);
        assert!(test["exported"].as_u64().unwrap() < original.len() as u64);
    }
}

fn read_pairs(path: &Path) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    read_examples(&ImportRequest::new(path), &Unwatched, &mut |row| {
        let [question, answer] = &row.example.messages[..] else { panic!("{:?}", row.example) };
        pairs.push((question.content.clone(), answer.content.clone()));
        ControlFlow::Continue(())
    })
    .unwrap();
    pairs
}

#[test]
fn the_command_line_maps_columns_and_tells_the_bad_rows() {
    let folder = tempfile::tempdir().unwrap();
    let write =
        |name: &str, text: &str| tunewright::fs::write_atomic(&folder.path().join(name), text.as_bytes()).unwrap();
    write("a.csv", "alpha,beta,gamma\nWhere?,here,1\n,there,2\n");
    write("b.csv", "alpha,beta,gamma\nWhen?,now,3\n");
    let report = run(
        folder.path(),
        &[
            "data",
            "import",
            "a.csv",
            "b.csv",
            "--map",
            "alpha=user,beta=assistant",
            "--system",
            "Be brief.",
            "--into",
            "test",
            "--project",
            "p",
            "--rejected",
            "bad.jsonl",
        ],
    );
    assert_eq!((&report["imported"], &report["rejected"]), (&json!(2), &json!(1)));
    let first = &report["files"][0]["first_rejected"][0];
    assert_eq!(
        (&first["line"], &first["field"], &first["reason"]),
        (&json!(3), &json!("alpha"), &json!("alpha is empty"))
    );
    let bad: Value = serde_json::from_str(&std::fs::read_to_string(folder.path().join("bad.jsonl")).unwrap()).unwrap();
    assert_eq!((&bad["file"], &bad["source"]), (&json!("a.csv"), &json!(",there,2")));
    run(folder.path(), &["data", "export", "--project", "p", "--to", "out.jsonl"]);
    let lines = std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    let row: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let turns = json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"},
        {"role": "assistant", "content": "here"}]);
    assert_eq!(row, json!({"messages": turns, "split": "test"}));
}

#[test]
fn the_command_line_writes_parquet_and_a_file_for_each_split_and_updates_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fixtures::write(folder.path(), name, text);
    write("a.csv", "prompt,completion,split\none,1,train\ntwo,2,test\n");
    run(folder.path(), &["data", "import", "a.csv", "--project", "p"]);
    write("b.csv", "prompt,completion,split\none,uno,train\ntwo,2,test\nthree,3,train\n");
    let report = run(folder.path(), &["data", "import", "b.csv", "--project", "p", "--known", "update"]);
    assert_eq!([&report["imported"], &report["updated"], &report["known"]], [&json!(1), &json!(1), &json!(1)]);

    let shape = "openai-messages-parquet";
    let arguments = ["data", "export", "--project", "p", "--to", "out.parquet", "--as", shape, "--per-split"];
    program::run(folder.path(), &arguments).ok();
    let pairs = |name: &str| read_pairs(&folder.path().join(name));
    let pair = |prompt: &str, answer: &str| (prompt.to_owned(), answer.to_owned());
    assert_eq!(pairs("out.train.parquet"), [pair("one", "uno"), pair("three", "3")]);
    assert_eq!(pairs("out.test.parquet"), [pair("two", "2")]);
    assert!(!folder.path().join("out.validation.parquet").exists());
}
