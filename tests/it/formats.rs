//! Files that are more than plain UTF-8 text: packed, in other encodings, Parquet, folders, several at once.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use tunewright::data::import::{ImportPreview, ImportRequest};
use tunewright::data::shape::Shape;
use tunewright::data::{Example, Message, Role, Split, preview, read_examples};
use tunewright::task::{Task, Unit, Unwatched};

use super::fixtures::write;

const ROW: &str = r#"{"prompt": "a", "completion": "b"}"#;

fn look(path: &Path) -> ImportPreview {
    preview(&ImportRequest::new(path), &Unwatched).unwrap()
}

fn notes(preview: &ImportPreview) -> Vec<&str> {
    preview.notes.iter().map(|note| note.what.as_str()).collect()
}

fn error(path: &Path) -> String {
    let message = preview(&ImportRequest::new(path), &Unwatched).unwrap_err().to_string();
    message.replace(&format!("{}/", path.parent().unwrap().display()), "")
}

fn read(request: &ImportRequest) -> Vec<Example> {
    let mut examples = Vec::new();
    read_examples(request, &Unwatched, &mut |row| {
        examples.push(row.example);
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    examples
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

/// Rows that don't pack well, so that a cut-off file still holds some.
fn many_rows(num: u64) -> String {
    (0..num).map(|i| ROW.replace('a', &format!("{}", i.wrapping_mul(0x9E37_79B9_7F4A_7C15))) + "\n").collect()
}

#[test]
fn packed_files_are_read_as_what_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    let rows = many_rows(20_000);
    let zstd = zstd::encode_all(rows.as_bytes(), 3).unwrap();
    for (name, bytes, packing) in [("a.jsonl.gz", gzip(&rows), "gzip"), ("a.jsonl.zst", zstd, "zstd")] {
        let preview = look(&write(folder.path(), name, &bytes));
        assert_eq!((preview.num_accepted, preview.num_rejected), (20_000, 0));
        assert_eq!(preview.description, format!("{packing}, JSON Lines, UTF-8, prompts and completions"));
        // Cut off: the rows before that come in, and a bad one says where and why.
        let preview = look(&write(folder.path(), name, &bytes[..bytes.len() / 2]));
        assert!(preview.num_accepted > 5_000, "{packing}: {}", preview.num_accepted);
        let last = preview.rejected.last().unwrap();
        assert_eq!(last.line, preview.num_accepted + 1);
        let expected =
            format!("the {packing} file is cut off or damaged here, and nothing from here on could be read (");
        assert!(last.reason.starts_with(&expected), "{}", last.reason);
        // A cut-off beginning says nothing at all.
        let message = error(&write(folder.path(), name, &bytes[..8]));
        assert!(message.starts_with(&format!("{name} can't be unpacked: its {packing} data are cut off")), "{message}");
    }
    let preview = look(&write(folder.path(), "a.tsv.gz", gzip("text\tlabel\na, b\tc\n")));
    assert_eq!(preview.columns, ["text", "label"]);
    assert_eq!(error(&write(folder.path(), "b.gz", b"")), "b.gz is empty");
    assert_eq!(error(&write(folder.path(), "c.gz", gzip(""))), "c.gz is empty");
}

#[test]
fn other_encodings_are_converted_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let text = "text,category\r\nWo ist die Größe?,Maß\r\nWelche Straße führt nach Köln?,Weg\r\n";
    let wide: Vec<u16> = text.encode_utf16().collect();
    let little: Vec<u8> = wide.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<u8> = wide.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    let (latin, _, _) = encoding_rs::WINDOWS_1252.encode(text);
    for (bytes, name) in [
        ([b"\xFF\xFE".as_slice(), &little].concat(), "UTF-16LE"),
        ([b"\xFE\xFF".as_slice(), &big].concat(), "UTF-16BE"),
        (little, "UTF-16LE"),
        (big, "UTF-16BE"),
        (latin.to_vec(), "windows-1252"),
    ] {
        let path = write(folder.path(), "a.csv", bytes);
        let preview = look(&path);
        assert_eq!((preview.num_accepted, preview.num_rejected), (2, 0), "{name}");
        assert_eq!(preview.description, format!("comma, {name}, header in row 1"));
        assert_eq!(notes(&preview), [format!("the file was converted from {name}")]);
        assert_eq!(read(&ImportRequest::new(&path))[0].answer(), Some("Maß"));
    }
    // However late the first such letter comes.
    let late =
        [many_rows(5_000).as_bytes(), b"{\"prompt\": \"gr\xF6\xDFer, K\xF6ln\", \"completion\": \"sch\xF6n\"}\n"]
            .concat();
    let path = write(folder.path(), "late.jsonl", late);
    assert_eq!(read(&ImportRequest::new(&path))[5_000].answer(), Some("schön"));
    assert_eq!(notes(&look(&path)), ["the file was converted from windows-1252"]);
}

/// Rows with a text, a number and a list of turns.
fn parquet_file(path: &Path) {
    use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
    let schema = "message rows { required binary prompt (UTF8); required int64 completion; }";
    let schema = Arc::new(parquet::schema::parser::parse_message_type(schema).unwrap());
    let file = std::fs::File::create(path).unwrap();
    let mut writer = parquet::file::writer::SerializedFileWriter::new(file, schema, Arc::default()).unwrap();
    for start in [0, 1_000] {
        let mut group = writer.next_row_group().unwrap();
        let prompts: Vec<ByteArray> = (0..1_000).map(|i| format!("prompt {}", start + i).as_str().into()).collect();
        let answers: Vec<i64> = (0..1_000).map(|i| start + i).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&prompts, None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&answers, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
}

#[test]
fn parquet_is_read_row_by_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    parquet_file(&path);
    let preview = look(&path);
    assert_eq!((preview.num_rows, preview.shape), (2_000, Shape::PromptCompletion));
    assert_eq!(preview.description, "Parquet, 2,000 rows, prompts and completions");
    // A number as an answer is its text, which is said.
    assert_eq!(preview.examples[1].as_ref().unwrap().answer(), Some("1"));
    assert_eq!(preview.notes[0].what, "completion is a number, and its text is taken (0)");
    assert_eq!((preview.num_rejected, preview.notes[0].count), (0, 2_000));
    let bytes = std::fs::read(&path).unwrap();
    let message = error(&write(folder.path(), "cut.parquet", &bytes[..bytes.len() / 2]));
    assert!(message.starts_with("cut.parquet can't be read as Parquet: it is cut off or damaged ("), "{message}");
    // Damage in the middle: what can be read is, and nothing panics.
    for at in (8..bytes.len()).step_by(97) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x5A;
        if let Ok(preview) = preview_of(&write(folder.path(), "damaged.parquet", &damaged)) {
            assert_eq!(preview.num_rows, preview.num_accepted + preview.num_rejected);
        }
    }
}

fn preview_of(path: &Path) -> Result<ImportPreview, tunewright::data::ImportError> {
    preview(&ImportRequest::new(path), &Unwatched)
}

#[test]
fn a_folder_of_texts_is_a_table_of_texts_and_labels() {
    let folder = tempfile::tempdir().unwrap();
    let texts = folder.path().join("texts");
    write(&texts, "good/1.txt", "I like it.");
    write(&texts, "good/deep/2.md", "# Very\n\nnice");
    write(&texts, "bad/1.TXT", b"Gr\xF6\xDFlich");
    write(&texts, "bad/2.txt", "");
    write(&texts, "bad/picture.png", "\u{89}PNG");
    let found = look(&texts);
    assert_eq!(found.columns, ["file", "label", "text"]);
    assert_eq!(found.description, "folder with 4 texts");
    let reject: Vec<_> = found.rejected.iter().map(ToString::to_string).collect();
    assert_eq!(reject, ["bad/2.txt, line 1: text is empty"]);
    let examples = read(&ImportRequest::new(&texts));
    let pairs: Vec<_> = examples.iter().map(|e| (e.messages[0].content.as_str(), e.answer().unwrap())).collect();
    assert_eq!(pairs, [("Größlich", "bad"), ("I like it.", "good"), ("# Very\n\nnice", "good")]);
}

#[test]
fn several_files_are_one_import_and_the_bad_rows_name_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let first = write(folder.path(), "a.jsonl", format!("{ROW}\n{ROW}\n"));
    let second = write(folder.path(), "b.csv", "question,answer\nQ,A\n,B\n");
    let request = ImportRequest {
        more: vec![second],
        system_message: "Be brief.".to_owned(),
        given_split: Some(Split::Test),
        ..ImportRequest::new(first)
    };
    let mut rows = Vec::new();
    let report = read_examples(&request, &Unwatched, &mut |row| {
        rows.push(row);
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(report.rejected[0].to_string(), "b.csv, line 3: question is empty");
    assert_eq!((report.num_imported, rows.len()), (3, 3));
    assert!(rows.iter().all(|row| row.split == Some(Split::Test)));
    assert!(rows.iter().all(|row| row.example.messages[0] == Message::new(Role::System, "Be brief.")));
    assert_eq!(rows[2].example.answer(), Some("A"));
    assert_eq!(preview(&request, &Unwatched).unwrap().num_rows, 4);
}

#[test]
fn tools_come_in_whatever_way_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let tool = json!({"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}});
    let call = |arguments| json!({"type": "function", "function": {"name": "add", "arguments": arguments}});
    let turns = |call: serde_json::Value| {
        json!([{"role": "user", "content": "1+1?"}, call, {"role": "tool", "content": "2", "tool_call_id": "c", "name": "add"},
            {"role": "assistant", "content": "Two."}])
    };
    let text = json!("{\"a\":1}");
    for (row, expected) in [
        (
            json!({"messages": turns(json!({"role": "assistant", "content": null, "tool_calls": [call(text.clone())]})), "tools": [tool]}),
            call(text.clone()),
        ),
        (
            json!({"messages": turns(json!({"role": "assistant", "function_call": {"name": "add", "arguments": text}})),
                "functions": [tool["function"]]}),
            call(text.clone()),
        ),
        (
            json!({"conversations": [{"from": "human", "value": "1+1?"},
                {"from": "function_call", "value": "{\"name\": \"add\", \"arguments\": {\"a\": 1}}"},
                {"from": "observation", "value": "2"}, {"from": "gpt", "value": "Two."}], "tools": json!([tool]).to_string()}),
            call(json!({"a": 1})),
        ),
    ] {
        let path = write(folder.path(), "a.jsonl", row.to_string());
        let found = look(&path);
        let example = found.examples[0].as_ref().unwrap_or_else(|e| panic!("{row}: {e}"));
        assert_eq!(example.tools, std::slice::from_ref(&tool), "{row}");
        assert_eq!((example.messages[1].content.as_str(), &example.messages[1].tool_calls), ("", &vec![expected]));
        assert!(found.notes.is_empty() && !found.description.contains("not used"), "{:?}", found.notes);
    }
    let path = write(
        folder.path(),
        "a.jsonl",
        format!("{ROW}\n{{\"prompt\": \"a\", \"completion\": \"b\", \"tools\": \"add\"}}"),
    );
    assert!(look(&path).rejected[0].reason.starts_with("tools is a text, but not one with a JSON list in it: "));
}

#[test]
fn a_preference_pair_keeps_both_answers() {
    let folder = tempfile::tempdir().unwrap();
    let pair = r#"{"prompt": "P", "chosen": "C", "rejected": "R", "split": "val"}"#;
    let path = write(folder.path(), "a.jsonl", format!("{pair}\n{}", pair.replace("\"R\"", "\" \"")));
    let found = look(&path);
    let example = found.examples[0].as_ref().unwrap();
    assert_eq!((example.answer(), &example.rejected), (Some("C"), &vec![Message::new(Role::Assistant, "R")]));
    assert_eq!(found.rejected[0].to_string(), "line 2: rejected is empty");
}

#[test]
fn a_line_of_two_gigabytes_is_not_read_into_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let mut file = std::fs::File::create(&path).unwrap();
    write!(file, "{ROW}\n{{\"prompt\": \"{}", "x".repeat(100_000)).unwrap();
    // A hole: it takes no room on the disk.
    file.seek(SeekFrom::Start(2 << 30)).unwrap();
    write!(file, "\"}}\n{ROW}\n").unwrap();
    let before = resident_bytes();
    let found = look(&path);
    assert_eq!((found.num_accepted, found.num_rejected), (2, 1));
    assert_eq!(found.rejected[0].to_string(), "line 2: the row is longer than 16 MB; the limit can be raised");
    assert!(resident_bytes() < before + (1 << 30));
}

/// The most memory that this process ever held.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() << 10
}

/// Adds a row to the file while it is read.
struct Meddler(PathBuf);

impl Task for Meddler {
    fn progress(&self, _: u64, _: Option<u64>, _: Unit) {
        let mut file = std::fs::File::options().append(true).open(&self.0).unwrap();
        writeln!(file, "{ROW}").unwrap();
    }

    fn is_stopped(&self) -> bool {
        std::fs::metadata(&self.0).unwrap().len() > 1 << 20
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "a.jsonl", format!("{ROW}\n"));
    assert!(look(&path).notes.is_empty());
    let mut left = 3;
    let report = read_examples(&ImportRequest::new(&path), &Meddler(path.clone()), &mut |_| {
        left -= 1;
        if left == 0 { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
    });
    // Every read makes the file longer, so that its end never comes; the note must not depend on that.
    assert!(report.unwrap().notes.iter().any(|note| note.what.starts_with("the file changed while it was read")));
}
