//! Files as people have them, whole and broken: what comes in, and the sentence that says what doesn't.

use std::io::Write;
use std::path::Path;

use proptest::prelude::*;
use tunewright::data::import::{ColumnRole, ImportPreview, ImportRequest, Mapping, Note, Rejected};
use tunewright::data::shape::Shape;
use tunewright::data::{Example, ImportError, Message, Role, Split, preview, read_all, read_examples, save_rejected};
use tunewright::task::Unwatched;

use super::fixtures::write;

fn request(path: &Path, mapping: Option<Mapping>) -> ImportRequest {
    ImportRequest { mapping, ..ImportRequest::new(path) }
}

fn look(name: &str, bytes: impl AsRef<[u8]>) -> Result<ImportPreview, ImportError> {
    let folder = tempfile::tempdir().unwrap();
    preview(&request(&write(folder.path(), name, bytes), None), &Unwatched)
}

/// Turns as `u: text`, the weight behind the role.
fn turns(example: &Example) -> Vec<String> {
    let turn = |m: &Message| {
        let weight = m.weight.map(|w| w.to_string()).unwrap_or_default();
        format!("{}{weight}: {}", &m.role.as_str()[..1], m.content)
    };
    example.messages.iter().map(turn).collect()
}

#[test]
fn every_known_shape_is_recognised() {
    let check = |row: &str, shape: Shape, expected: &[&str]| {
        let preview = look("a.jsonl", row).unwrap();
        assert_eq!(preview.shape, shape, "{row}");
        let example = preview.examples[0].as_ref().unwrap_or_else(|e| panic!("{row}: {e}"));
        assert_eq!(turns(example), expected, "{row}");
    };
    check(
        r#"{"messages": [{"role": "developer", "content": "S"}, {"role": "user", "content": [{"type": "text", "text": "A"},
            {"type": "text", "text": "B"}]}, {"role": "assistant", "content": "C", "weight": 0},
            {"role": "tool", "content": "T"}, {"role": "assistant", "content": "D", "weight": 1}]}"#
            .replace('\n', "")
            .as_str(),
        Shape::OpenAiMessages,
        &["s: S", "u: A\nB", "a0: C", "t: T", "a1: D"],
    );
    check(
        r#"{"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}], "system": "S"}"#,
        Shape::ShareGpt,
        &["s: S", "u: Q", "a: A"],
    );
    check(
        r#"{"instruction": "I", "input": "X", "output": "O", "history": [["q", "a"]]}"#,
        Shape::Alpaca,
        &["u: q", "a: a", "u: I\nX", "a: O"],
    );
    check(r#"{"instruction": "I", "input": "", "output": "O"}"#, Shape::Alpaca, &["u: I", "a: O"]);
    check(r#"{"prompt": "P", "completion": "C"}"#, Shape::PromptCompletion, &["u: P", "a: C"]);
    // Answers in the prompt are context and not learned.
    check(
        r#"{"prompt": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}, {"role": "user",
            "content": "3"}], "completion": [{"role": "assistant", "content": "4"}]}"#
            .replace('\n', "")
            .as_str(),
        Shape::PromptCompletion,
        &["u: 1", "a0: 2", "u: 3", "a: 4"],
    );
    check(r#"{"question": "Q", "answer": "A"}"#, Shape::Columns, &["u: Q", "a: A"]);
    check(r#"{"text": "T", "label": 3}"#, Shape::Columns, &["u: T", "a: 3"]);
    check(r#"{"prompt": "P", "chosen": "C", "rejected": "R"}"#, Shape::Preference, &["u: P", "a: C"]);
    let turns = r#"[{"role": "user", "content": "P"}, {"role": "assistant", "content": "X"}]"#;
    let pair = format!(r#"{{"prompt": "P", "chosen": {turns}, "rejected": {}}}"#, turns.replace('X', "Y"));
    check(&pair, Shape::Preference, &["u: P", "a: X"]);
}

#[test]
fn json_documents_are_read_in_every_usual_form() {
    let row = |n: u32| format!("{{\"prompt\": \"[{n}] \\\"{{\", \"completion\": \"}}\\\\\"}}");
    let (one, two, three) = (row(1), row(2), row(3));
    for text in [
        format!("[{one},{two},\n{three}]\n"),
        format!("\u{feff}  [\n  {one} ,\n  {two},{three}\n]"),
        format!("{{\"version\": 1, \"tags\": [\"a\", [\"b\"]], \"data\": [{one}, {two}, {three}], \"x\": {{}}}}"),
        format!("{{\n\"data\":[\n{one},\n{two},\n{three}\n]\n}}"),
        format!("{one}\n\n{two}\r\n{three}"),
        [&one, &two, &three].map(|r| r.replace(", ", ",\n")).join("\n"),
    ] {
        let preview = look("a.json", &text).unwrap();
        assert_eq!((preview.num_accepted, preview.num_rejected), (3, 0), "{text}: {:?}", preview.rejected);
        assert_eq!(turns(preview.examples[2].as_ref().unwrap()), ["u: [3] \"{", "a: }\\"]);
    }
}

/// What a user reads of a file that is not all right: the rejected rows, then how many came in.
fn report(name: &str, bytes: impl AsRef<[u8]>) -> String {
    match look(name, bytes) {
        Err(e) => {
            let message = e.to_string();
            message.rfind(&format!("/{name}")).map(|at| message[at + 1..].to_owned()).unwrap_or(message)
        }
        Ok(preview) => {
            let rows: Vec<_> = preview.rejected.iter().map(ToString::to_string).collect();
            format!("{}; {} in", rows.join("; "), preview.num_accepted)
        }
    }
}

const GOOD: &str = r#"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#;

#[test]
fn broken_rows_are_told_and_the_others_come_in() {
    let check = |row: &str, expected: &str| {
        let text = format!("{GOOD}\n{row}\n{GOOD}\n");
        assert_eq!(report("a.jsonl", &text), format!("line 2: {expected}; 2 in"), "{row}");
    };
    let messages = |turn: &str| format!(r#"{{"messages": [{{"role": "user", "content": "a"}}, {turn}]}}"#);
    check(
        r#"{"messages": [{"role": "user", "content": "#,
        "the row is cut off: the value is missing (column 41, after …ole\": \"user\", \"content\":)",
    );
    check("[1, 2]", "the row is a list, but it must be a JSON object");
    check("hello", "the row is not JSON: it doesn't begin with { (it begins with hello)");
    check(r#"{"text": "a"}"#, "messages is missing");
    check(r#"{"messages": "a"}"#, "messages is a text, but it must be a list of turns");
    check(r#"{"messages": []}"#, "messages is empty");
    check(
        r#"{"messages": ["a"]}"#,
        "messages is a list of texts, which must be questions and answers in turn, but they don't come in twos",
    );
    check(
        r#"{"messages": [{"role": "user", "content": "a"}, "b"]}"#,
        "messages[1] is a text, but it must be an object",
    );
    check(
        r#"{"messages": [{"role": "system", "content": "a"}]}"#,
        "there is neither a question nor an answer, so there is nothing to learn",
    );
    check(&messages(r#"{"role": "assistant"}"#), "messages[1].content is missing");
    check(&messages(r#"{"role": "assistant", "content": null}"#), "messages[1].content is null, but it must be a text");
    check(&messages(r#"{"content": "b"}"#), "messages[1].role is missing");
    check(
        &messages(r#"{"role": "narrator", "content": "b"}"#),
        "messages[1].role is \"narrator\", but it must be system, user, assistant or tool",
    );
    check(
        &messages(r#"{"role": "assistant", "content": null, "tool_calls": [{"id": "1"}]}"#),
        "messages[1].tool_calls[0].name is missing: a call names its function",
    );
    check(
        &messages(
            r#"{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {}}]}"#,
        ),
        "messages[1].content[1] is of the type \"image_url\", but only text can be trained on",
    );
    check(
        &messages(r#"{"role": "assistant", "content": "b", "weight": 0.5}"#),
        "messages[1].weight is 0.5, but it must be 0 or 1",
    );
    check(
        r#"{"conversations": [{"from": "function_call", "value": "x"}]}"#,
        "conversations[0].value must be a call as JSON with a name and arguments: a value is missing; texts are written in \
         double quotes (column 1)",
    );
    check(r#"{"instruction": " ", "output": "b"}"#, "instruction is empty");
    check(
        r#"{"prompt": "a", "completion": ["b", "c"]}"#,
        "completion is a list of 2 texts, but it must be one text (does the file hold columns instead of rows?)",
    );
    check(
        r#"{"prompt": "a", "completion": 12345678901234567890123}"#,
        "completion is a number that is not kept to its last digit (1.2345678901234568e+22): write it as a text",
    );
    check(r#"{"prompt": "a", "completion": "b", "prompt": "c"}"#, "the key \"prompt\" occurs twice in an object");
    check("{\"messages\": \"a\0b\"}", "the row contains NUL bytes: the file is damaged here");
    let deep = format!("{{\"messages\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    check(&deep, "the row is nested too deeply (128 levels are read)");
    // Known shapes other than the file's own come in all the same.
    assert_eq!(report("a.jsonl", format!("{GOOD}\n{GOOD}\n{{\"prompt\": \"a\", \"completion\": \"b\"}}")), "; 3 in");
}

#[test]
fn bytes_that_are_no_text_spoil_only_their_row() {
    let mut bytes = format!("{GOOD}\n").into_bytes();
    bytes.extend_from_slice(b"{\"messages\": \"caf\xE9\"}\n");
    bytes.extend_from_slice(GOOD.replace('b', "ü").as_bytes());
    let expected = "line 2: the row is not valid UTF-8; if its letters look wrong, save the file as UTF-8 (byte 18 of the \
                    row); 2 in";
    assert_eq!(report("a.jsonl", &bytes), expected);
    let expected = "line 3: the row is not valid UTF-8; if its letters look wrong, save the file as UTF-8 (byte 4 of the \
                    row); 2 in";
    assert_eq!(report("a.csv", b"text,category\na,b\ncaf\xE9,c\nd,\xC3\xA9\n"), expected);
}

#[test]
fn a_table_counts_its_cells_and_lines() {
    let text = "text,category\r\n\"two\r\nlines\",a\r\n\r\nshort\r\nlong,b,c\r\nempty,\r\n,x\r\nlast,\"a, \"\"b\"\"\"";
    let expected = "line 5: the row has 1 cell, but the header has 2; line 6: the row has 3 cells, but the header has 2; \
                    line 8: text is empty; 3 in";
    assert_eq!(report("a.csv", text), expected);
    let preview = look("a.csv", text).unwrap();
    assert_eq!(turns(preview.examples[0].as_ref().unwrap()), ["u: two\r\nlines", "a: a"]);
    assert_eq!(turns(preview.examples[5].as_ref().unwrap()), ["u: last", "a: a, \"b\""]);
    assert_eq!(preview.rejected[0].source, "short");
    assert_eq!(preview.rejected[1].source, "long,b,c");
    assert_eq!(preview.cells[5], ["last", "a, \"b\""]);
    assert_eq!(preview.description, "comma, UTF-8, header in row 1");
    assert_eq!(preview.reasons[0].1, 1);
    for (name, text) in
        [("a.tsv", "text\tlabel\na\tb\n"), ("a.csv", "\u{feff}text;label\na;b\n"), ("a.txt", "text|label\na|b")]
    {
        assert_eq!(report(name, text), "; 1 in", "{name}");
    }
}

#[test]
fn a_file_that_is_wrong_as_a_whole_is_told_in_a_sentence() {
    let check = |name: &str, bytes: &[u8], expected: &str| assert_eq!(report(name, bytes), expected);
    check("a.jsonl", b"", "a.jsonl is empty");
    check("a.csv", b"\xEF\xBB\xBF \n\n", "a.csv is empty");
    check("a.csv", b"text,category\n", "a.csv has a header (text, category), but no rows");
    check("a.json", b"[]", "a.json has no rows: its list is empty");
    check("a.json", b"{\"a\": \n\"b\"}", "; 1 in");
    let expected = "a.json holds rows of a shape that isn't known: none of their fields holds a text (a is an object)";
    check("a.json", b"{\"a\": \n{\"b\": 1}}", expected);
    check("a.csv", b"\xFF\xFE\0\0t\0\0\0", "a.csv is in UTF-32, which is not read");
    check("a.csv", b"PK\x03\x04....", "a.csv is a zip archive or a spreadsheet, not a text file with rows");
    check("a.jsonl", b"GGUF\x03\0\0\0", "a.jsonl is a model (GGUF), not a text file with rows");
    check("a.txt", &[1, 2, 3, 4, 5, 6, 7, 8], "a.txt is a binary file, not a text file with rows");
    let row = "{\"prompt\": \"a\", \"completion\": \"b\"}";
    check(
        "a.json",
        format!("{{\"train\": [{row}],\n\"test\": [{row}]}}").as_bytes(),
        "a.json holds several lists of rows (train, test)",
    );
    check(
        "a.json",
        format!("[{row},\n{row},\n{{\"prompt\": \"a").as_bytes(),
        "line 3: the file ends before this row does: it is cut off, or a bracket or quote is missing; 2 in",
    );
    check(
        "a.json",
        format!("[{row},\n{row}\n").as_bytes(),
        "line 3: the file is cut off: it ends before its list does; 2 in",
    );
    check(
        "a.json",
        format!("[{row},\n{row}}}, {row}]").as_bytes(),
        "line 2: the brackets don't match here, and nothing from here on could be read; 2 in",
    );
    check(
        "a.json",
        format!("[{row},\n3, {{\"prompt\": }}, {row}] x").as_bytes(),
        "line 2: the row is a number, but it must be a JSON object; line 2: the row is not JSON: a value is missing; texts are written in double quotes (column 12, after {\"prompt\":); line 2: there is text after the end of the list, which was not read; 2 in",
    );

    let folder = tempfile::tempdir().unwrap();
    let error = |path: &Path| preview(&request(path, None), &Unwatched).unwrap_err().to_string();
    assert!(error(folder.path()).ends_with(" has no rows: there is no .txt or .md file in this folder"));
    #[cfg(unix)]
    {
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(error(&socket).ends_with("/socket is not a regular file"));
        let below_a_file = write(folder.path(), "file", "x").join("a.jsonl");
        assert!(error(&below_a_file).contains("/file/a.jsonl can't be read: "));
    }
    assert!(error(&folder.path().join("no.csv")).ends_with("/no.csv does not exist"));
}

#[test]
fn a_row_without_end_is_not_held_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let long_file = |name: &str, start: &str, end: &str| {
        let path = folder.path().join(name);
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(start.as_bytes()).unwrap();
        for _ in 0..40 {
            file.write_all(&vec![b'x'; 1 << 20]).unwrap();
        }
        file.write_all(end.as_bytes()).unwrap();
        preview(&request(&path, None), &Unwatched).unwrap()
    };
    let row = "{\"prompt\": \"a\", \"completion\": \"b\"}";
    for (name, start, end, num_accepted) in [
        ("a.jsonl", format!("{row}\n{{\"prompt\": \""), format!("\"}}\n{row}\n"), 2),
        ("a.json", format!("[{row},\n{{\"prompt\": \""), format!("\"}},\n{row}]"), 2),
        ("a.csv", "prompt,completion\n\"a".to_owned(), "\",b\nc,d".to_owned(), 0),
    ] {
        let preview = long_file(name, &start, &end);
        assert_eq!((preview.num_accepted, preview.num_rejected), (num_accepted, 1), "{name}");
        let rejected = &preview.rejected[0];
        assert_eq!(rejected.line, 2);
        assert!(rejected.reason.starts_with("the row is longer than 16 MB"), "{}", rejected.reason);
        assert!(rejected.source.len() < 20_000);
        let raised = ImportRequest { max_row_bytes: 50 << 20, ..request(&folder.path().join(name), None) };
        let report = read_examples(&raised, &Unwatched, &mut |_| std::ops::ControlFlow::Continue(()));
        let is_too_long = |row: &Rejected| row.reason.contains("longer");
        assert!(!report.unwrap().rejected.iter().any(is_too_long), "{name}");
    }
}

const TICKETS: &str = "ticket_id,created,subject,body,category,priority,human,split\n\
    T-1,2026-03-02,Charged twice,I was charged twice,billing,high,yes,train\n\
    T-2,2026-03-02,Export,How do I export?,how_to,low,no,val\n\
    T-3,2026-03-03,,Crash on start,bug,high,no,\n\
    T-4,2026-03-03,Odd,What?,bug,high,no,maybe\n";

#[test]
fn columns_are_guessed_mapped_and_joined() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "tickets.csv", TICKETS);
    let guess = preview(&request(&path, None), &Unwatched).unwrap();
    let mapping = guess.mapping.unwrap();
    let roles: Vec<_> = mapping.columns.iter().map(|(_, role)| *role).collect();
    use ColumnRole::{Assistant, Date, Id, Split as SplitRole, Unused, User};
    // "maybe" in the split column keeps it from being guessed.
    assert_eq!(roles, [Id, Date, User, User, Assistant, Assistant, Unused, Unused]);
    assert!(mapping.answer_as_json);

    let mut chosen = mapping;
    chosen.columns[6].1 = Assistant;
    chosen.columns[7].1 = SplitRole;
    chosen.system_message = "Sort it.".to_owned();
    let mut rows = Vec::new();
    let report = read_examples(&request(&path, Some(chosen.clone())), &Unwatched, &mut |row| {
        rows.push(row);
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!((report.num_imported, report.num_rejected), (3, 1));
    assert_eq!(report.rejected[0].reason, "split is \"maybe\", but it must be train, validation or test");
    assert_eq!(report.rejected[0].field.as_deref(), Some("split"));
    let answer = r#"a: {"category": "billing", "priority": "high", "human": "yes"}"#;
    assert_eq!(turns(&rows[0].example), ["s: Sort it.", "u: Charged twice\nI was charged twice", answer]);
    assert_eq!(turns(&rows[2].example)[1], "u: Crash on start");
    assert_eq!(
        rows.iter().map(|row| row.split).collect::<Vec<_>>(),
        [Some(Split::Train), Some(Split::Validation), None]
    );
    assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 3, 4]);

    chosen.columns[0].0 = "ticket".to_owned();
    chosen.columns[0].1 = User;
    let error = preview(&request(&path, Some(chosen)), &Unwatched).unwrap_err().to_string();
    assert!(error.starts_with("the mapping names the column ticket, but "), "{error}");
}

#[test]
fn the_usual_names_need_no_mapping_and_others_ask_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, text: &str, expected: &[&str]| {
        let path = write(folder.path(), name, text);
        assert_eq!(turns(&read_all(&path, &Unwatched).unwrap()[0]), expected);
    };
    check(
        "intents.csv",
        "text,category\nWhere is my card?,card_arrival\n",
        &["u: Where is my card?", "a: card_arrival"],
    );
    check("maths.jsonl", "{\"question\": \"1+1?\", \"answer\": \"#### 2\", \"level\": 1}\n", &["u: 1+1?", "a: #### 2"]);

    let path = write(folder.path(), "odd.csv", "alpha,beta\nWhere is my card?,x\n");
    let error = read_all(&path, &Unwatched).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("needs a mapping: which of its columns (alpha, beta) are the prompt and which the answer")
    );
    assert!(error.hint().is_some());
    // The window proposes the text that asks; what the answer is, nobody knows.
    let guess = preview(&request(&path, None), &Unwatched).unwrap();
    assert_eq!(turns(guess.examples[0].as_ref().unwrap()), ["u: Where is my card?", "a: "]);
}

#[test]
fn the_command_line_names_the_first_bad_rows_and_the_window_saves_them_all() {
    let folder = tempfile::tempdir().unwrap();
    let bad = r#"{"messages": [{"role": "user"}]}"#;
    let path = write(folder.path(), "a.jsonl", format!("{GOOD}\n{bad}\n\n{bad}\n[]\n{bad}\n"));
    let error = read_all(&path, &Unwatched).unwrap_err().to_string();
    let expected = "a.jsonl: 4 of 5 rows can't be used: line 2: messages[0].content is missing; line 4: \
                    messages[0].content is missing; line 5: the row is a list, but it must be a JSON object";
    assert!(error.ends_with(expected), "{error}");

    let to = folder.path().join("left-out.jsonl");
    assert_eq!(save_rejected(&request(&path, None), &to, &Unwatched).unwrap(), 4);
    let saved = std::fs::read_to_string(&to).unwrap();
    let first: serde_json::Value = serde_json::from_str(saved.lines().next().unwrap()).unwrap();
    assert_eq!((first["line"].as_u64(), first["source"].as_str()), (Some(2), Some(bad)));
    assert_eq!(first["field"], "messages[0].content");
    // A file that can't be read leaves an earlier one alone.
    assert!(save_rejected(&request(&folder.path().join("no"), None), &to, &Unwatched).is_err());
    assert_eq!(std::fs::read_to_string(&to).unwrap(), saved);
}

#[test]
fn prompts_without_an_answer_come_in_to_be_labelled() {
    let user = r#"{"messages": [{"role": "user", "content": "a"}]}"#;
    for (name, text) in [
        ("a.jsonl", format!("{GOOD}\n{user}\n")),
        (
            "b.jsonl",
            "{\"prompt\": \"a\", \"completion\": \"b\"}\n{\"prompt\": \"a\", \"completion\": null}\n".to_owned(),
        ),
        (
            "c.jsonl",
            "{\"instruction\": \"a\", \"output\": \"b\"}\n{\"instruction\": \"a\", \"output\": \" \"}\n".to_owned(),
        ),
        ("d.csv", "text,category,priority\na,b,c\na,,\n".to_owned()),
    ] {
        let preview = look(name, &text).unwrap();
        assert_eq!((preview.num_accepted, preview.num_rejected), (2, 0), "{name}");
        let [Note { what: note, count: 1, .. }] = &preview.notes[..] else { panic!("{name}: {:?}", preview.notes) };
        assert!(note.starts_with("no answer yet"), "{name}: {note}");
        let unanswered: Vec<bool> =
            preview.examples.iter().map(|example| example.as_ref().unwrap().is_unanswered()).collect();
        assert_eq!(unanswered, [false, true], "{name}");
    }
}

#[test]
fn what_is_kept_but_odd_is_noted() {
    let row = r#"{"messages": [{"role": "user", "content": "a", "name": "Ann", "mood": "calm"}, {"role": "assistant", "content": ""}],
        "tools": [{"type": "function"}], "id": 7}"#
        .replace('\n', "");
    let preview = look("a.jsonl", row).unwrap();
    assert_eq!(preview.num_accepted, 1);
    let notes: Vec<_> = preview.notes.iter().map(|note| note.what.as_str()).collect();
    let unanswered = "no answer yet: it comes in to be labelled, and is left out of training until then";
    assert_eq!(notes, ["mood of a turn is not used", unanswered]);
    assert_eq!(preview.description, "JSON Lines, UTF-8, OpenAI messages; not used: id");
    assert_eq!(preview.examples[0].as_ref().unwrap().messages[0].role, Role::User);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// However a file was damaged: no panic, no endless loop, and every row is accounted for.
    #[test]
    fn a_damaged_file_gives_rows_and_sentences(
        which in 0..5_usize,
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let list = format!("[{GOOD},\n{GOOD},\n{{\"prompt\": \"p\", \"completion\": \"c\"}}]");
        let (name, text) = [
            ("a.jsonl", format!("{GOOD}\n{GOOD}\n")),
            ("a.json", list.clone()),
            ("a.json", format!("{{\"n\": 1, \"rows\": {list}, \"tags\": []}}")),
            ("a.csv", TICKETS.to_owned()),
            ("a", TICKETS.replace(',', "\t")),
        ][which].clone();
        let mut bytes = text.into_bytes();
        for (index, byte, kind) in hits {
            let at = index.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => { bytes.remove(at); }
            }
        }
        bytes.truncate(cut.map_or(bytes.len(), |index| index.index(bytes.len())));
        match look(name, &bytes) {
            Ok(preview) => {
                prop_assert_eq!(preview.num_rows, preview.num_accepted + preview.num_rejected);
                prop_assert_eq!(preview.examples.len() as u64, preview.num_rows);
                prop_assert!(preview.rejected.iter().all(|row| row.line > 0 && !row.reason.is_empty()));
            }
            Err(e) => prop_assert!(!e.to_string().is_empty()),
        }
    }
}
