//! Tables, encodings and Parquet.

use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use parquet::file::writer::SerializedFileWriter;
use serde_json::json;
use tunewright::data::read_examples;
use tunewright::engine::dataset::{WantedData, fetch};
use tunewright::hub::{DatasetName, Sources, dataset};
use tunewright::project::Project;
use tunewright::task::Unwatched;

use super::super::fixtures::fixture;
use super::super::hub_server::{Hub, Manners, sources};
use super::*;

/// Question and answer of each example.
fn pairs(examples: &[Value]) -> Vec<(&str, &str)> {
    examples.iter().map(pair).collect()
}

fn pair(example: &Value) -> (&str, &str) {
    let content = |at: usize| example["messages"][at]["content"].as_str().unwrap();
    (content(0), content(1))
}

/// The notes of the only file, with how often and where first.
fn notes(report: &Value) -> Vec<String> {
    let notes = report["files"][0]["notes"].as_array().unwrap();
    let note =
        |note: &Value| format!("{}; {}; {}", note["what"].as_str().unwrap(), note["count"], note["first"]["line"]);
    notes.iter().map(note).filter(|note| !note.starts_with("no answer yet")).collect()
}

fn counts(report: &Value) -> [u64; 2] {
    ["imported", "rejected"].map(|what| report[what].as_u64().unwrap())
}

#[test]
fn d03_what_python_writes_for_numbers_is_empty_and_told() {
    let desk = Desk::new();
    let (report, examples) = desk.import(&case("D03/nan.jsonl"));
    assert_eq!(counts(&report), [4, 0]);
    let expected = [("How hot?", "80 °C."), ("How long?", "Two minutes."), ("How strong?", ""), ("Score?", "9")];
    assert_eq!(pairs(&examples), expected);
    assert_eq!(notes(&report), ["a value that is neither text nor a number is read as empty (input is NaN); 3; 1"]);

    // Where the field is needed, the reason says it; in documents as in lines, and never in a text.
    let rows = r#"{"prompt": -Infinity, "completion": "a"},{"prompt": "NaN, Infinity", "completion": "b", "x": [NaN]}"#;
    for (name, text) in
        [("rows.jsonl", rows.replace("},{", "}\n{")), ("rows.json", format!("{{\"n\": NaN, \"rows\": [{rows}]}}"))]
    {
        let path = desk.write(name, text);
        let (report, examples) = desk.import(&path);
        let rejected = &report["files"][0]["first_rejected"];
        assert_eq!(rejected[0]["reason"], "prompt is -Infinity, but it must be a text", "{name}");
        assert_eq!(pairs(&examples), [("NaN, Infinity", "b")], "{name}");
    }
    let path = desk
        .write("columns.jsonl", b"{\"question\": NaN, \"answer\": \"a\"}\n{\"question\": \"b\", \"answer\": \"c\"}\n");
    let (report, _) = desk.import(&path);
    assert_eq!(report["files"][0]["first_rejected"][0]["reason"], "question is NaN");
}

#[test]
fn d04_joined_files_lose_their_marks_and_repeated_headers() {
    let desk = Desk::new();
    let (report, examples) = desk.import(&case("D04/joined.jsonl"));
    assert_eq!((counts(&report), pairs(&examples)), ([3, 0], vec![("a?", "A"), ("b?", "B"), ("c?", "C")]));
    let (report, examples) = desk.import(&case("D04/joined.csv"));
    assert_eq!((counts(&report), pairs(&examples)), ([2, 0], vec![("a?", "A"), ("b?", "B")]));
    assert_eq!(notes(&report), ["a row is the header once more, and left out (prompt,completion); 1; 3"]);
    let path = desk.write(
        "joined.json",
        "\u{feff}{\"prompt\":\n\"a\", \"completion\": \"b\"}\n\u{feff}{\"prompt\":\n\"c\", \"completion\": \"d\"}",
    );
    assert_eq!(pairs(&desk.import(&path).1), [("a", "b"), ("c", "d")]);
}

#[test]
fn d05_excels_line_about_its_delimiter_is_understood() {
    let desk = Desk::new();
    let (report, examples) = desk.import(&case("D05/excel.csv"));
    assert_eq!(counts(&report), [2, 0]);
    assert_eq!(pairs(&examples), [("Preis; netto?", "12,50 €"), ("Wie viel?", "zwei \"Stück\"")]);
    let (_, examples) = desk.import(&case("D05/excel_crlf_utf16.txt"));
    assert_eq!(pairs(&examples), [("Wie heiß?", "80 °C"), ("zwei\r\nZeilen?", "ja")]);
}

#[test]
fn d06_a_table_without_quoting_keeps_its_quote_marks_and_rows() {
    let (report, examples) = Desk::new().import(&case("D06/quotes.tsv"));
    assert_eq!(counts(&report), [6, 0]);
    let expected = [
        ("\"Hello\" she said, and then?", "She left."),
        ("\"Unclosed at the start", "one"),
        ("Second row?", "two"),
        ("Third 6\" screen?", "three"),
        ("\"", "four"),
        ("Fifth?", "five"),
    ];
    assert_eq!(pairs(&examples), expected);
    let note = "quote marks are kept as text, for this file doesn't enclose its cells in them \
                (\"Hello\" she said, and then?⇥She left.); 1; 2";
    assert_eq!(notes(&report), [note]);
}

#[test]
fn d13_parquet_gives_names_texts_and_no_keys_that_no_row_had() {
    let desk = Desk::new();
    let (report, examples) = desk.import(&case("D13/labels.parquet"));
    let answers: Vec<_> = pairs(&examples).into_iter().map(|(_, answer)| answer).collect();
    assert_eq!(answers, ["good", "bad", "neutral", "good", "bad", "neutral"]);
    let note = "numbers of classes are replaced by their names (label: 2 is \"good\", as the file itself has it); 6; 1";
    assert_eq!(notes(&report), [note]);

    let (report, examples) = desk.import(&case("D13/bytes.parquet"));
    assert_eq!(pairs(&examples), [("How hot?", "80"), ("Wie heiß?", "80 Grad")]);
    let note = "bytes that the file doesn't mark as text are read as UTF-8 (prompt: How hot?); 2; 1";
    assert_eq!(notes(&report), [note]);

    let (report, examples) = desk.import(&case("D13/args.parquet"));
    let arguments = &examples[0]["messages"][1]["tool_calls"][0]["function"]["arguments"];
    assert_eq!(arguments, &json!({"tea": "sencha"}));
    let note = "keys of tools without a value are left out: Parquet adds them to rows that lack them \
                (messages[1].tool_calls[0].function.arguments.grams); 1; 1";
    assert_eq!(notes(&report), [note]);

    let (report, examples) = desk.import(&case("D13/nulls.parquet"));
    assert_eq!((counts(&report), notes(&report)), ([2, 0], Vec::new()));
    assert_eq!(pairs(&examples)[0], ("Hi", "Hey"));
}

/// Bytes without a mark, and numbers.
fn parquet(path: &Path, prompts: &[&[u8]], answers: &[&[u8]], scores: &[f64]) {
    let schema = "message rows { required binary prompt; required binary completion; required double score; }";
    let schema = Arc::new(parquet::schema::parser::parse_message_type(schema).unwrap());
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for texts in [prompts, answers] {
        let values: Vec<_> = texts.iter().map(|text| ByteArray::from(text.to_vec())).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
        column.close().unwrap();
    }
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<DoubleType>().write_batch(scores, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn bytes_that_are_no_text_are_refused_by_name_where_they_are_used() {
    let desk = Desk::new();
    let path = desk.path("bytes.parquet");
    parquet(&path, &[b"a", b"b", b"c"], &[b"A", b"\xFF\xD8", b"C"], &[1.0, 2.0, f64::NAN]);
    let (report, examples) = desk.import(&path);
    assert_eq!((counts(&report), pairs(&examples)), ([2, 1], vec![("a", "A"), ("c", "C")]));
    let rejected = &report["files"][0]["first_rejected"][0];
    assert_eq!((&rejected["field"], &rejected["line"]), (&json!("completion"), &json!(2)));
    assert_eq!(rejected["reason"], "completion is bytes that aren't UTF-8 text");
}

#[test]
fn f13_a_damaged_parquet_file_is_told_in_a_sentence_only() {
    let ran = Desk::new().run(&[
        "data",
        "import",
        fixture("attacks/panic_caught.parquet").to_str().unwrap(),
        "--project",
        "p",
    ]);
    assert!(!ran.err().contains("panicked") && !ran.err().contains("backtrace"), "{}", ran.err());
    let sentence = "the file is damaged here, and nothing from here on could be read (its sizes don't fit together)";
    assert!(ran.err().contains(sentence), "{}", ran.err());
}

#[test]
fn the_card_beside_the_files_names_their_classes() {
    let desk = Desk::new();
    let card = "---\nlicense: mit\ndataset_info:\n  features:\n  - name: text\n    dtype: string\n  - name: label\n    dtype:\n\
                \x20     class_label:\n        names:\n          '0': World\n          '1': Sci/Tech\n---\n# News\n";
    desk.write("set/README.md", card);
    let table = desk.write("set/data/train.csv", b"text,label\na,0\nb,1\nc,-1\n");
    let lines = desk.write(
        "set/train.jsonl",
        b"{\"text\": \"a\", \"label\": 0}\n{\"text\": \"b\", \"label\": 1}\n{\"text\": \"c\", \"label\": -1}\n",
    );
    for (path, line) in [(table, 2), (lines, 1)] {
        let (report, examples) = desk.import(&path);
        // -1 stands for no label.
        assert_eq!(pairs(&examples), [("a", "World"), ("b", "Sci/Tech"), ("c", "")]);
        let named =
            "numbers of classes are replaced by their names (label: 0 is \"World\", as the README.md beside it has it)";
        let none = "a number that no class has is read as empty (label: -1)";
        assert_eq!(notes(&report), [format!("{named}; 2; {line}"), format!("{none}; 1; {}", line + 2)]);
    }
}

#[test]
fn the_card_on_the_hub_names_the_classes_of_its_subsets() {
    let folder = tempfile::tempdir().unwrap();
    let info = |name: &str, names: [&str; 2]| {
        let label = json!({"name": "label", "dtype": {"class_label": {"names": {"0": names[0], "1": names[1]}}}});
        json!({"config_name": name, "features": [{"name": "text", "dtype": "string"}, label]})
    };
    let card = json!({
        "configs": [
            {"config_name": "news", "data_files": "news.csv"},
            {"config_name": "mood", "data_files": "mood.jsonl"},
        ],
        "dataset_info": [info("mood", ["bad", "good"]), info("news", ["World", "Sport"])],
    });
    let files = [
        ("news.csv", b"text,label\na,0\nb,1\n".to_vec()),
        ("mood.jsonl", b"{\"text\": \"a\", \"label\": 0}\n{\"text\": \"b\", \"label\": 1}\n".to_vec()),
    ];
    let hub = Hub::serve(&files, Manners { card, ..Manners::default() });
    let sources = Sources { hub_cache: folder.path().join("cache"), ..sources(&hub, &folder.path().join("models")) };
    let dataset = dataset::list(&DatasetName::parse("org/name").unwrap(), &sources, &Unwatched).unwrap();
    for (name, expected, max_rows) in [("news", ["World", "Sport"], None), ("mood", ["bad", "good"], Some(2))] {
        let subset = dataset.subset(Some(name)).unwrap().clone();
        let splits = subset.splits.iter().map(|split| (split.clone(), None)).collect();
        let wanted = WantedData { dataset: dataset.clone(), subset, splits, max_rows };
        let request = fetch(&wanted, &sources, &Unwatched).unwrap();
        let mut answers = Vec::new();
        let report = read_examples(&request, &Unwatched, &mut |row| {
            answers.extend(row.example.answer().map(str::to_owned));
            std::ops::ControlFlow::Continue(())
        });
        assert_eq!(answers, expected);
        let note = format!(
            "numbers of classes are replaced by their names (label: 0 is \"{}\", as the data set's card has it)",
            expected[0]
        );
        assert_eq!(report.unwrap().notes[0].what, note);
    }
}

#[test]
fn f3_f22_a_folder_of_many_files_is_one_import_and_none_is_left_out_unsaid() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path("many/a/b/c")).unwrap();
    // Plainly: an atomic write looks through its folder each time.
    let put = |name: &str, text: &str| {
        let mut file = std::fs::File::create(desk.path("many").join(name)).unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    };
    for at in 0..12_000 {
        let row = format!("{{\"prompt\": \"p{at}\", \"completion\": \"c\"}}\n");
        put(&format!("n{at:05}.jsonl"), &row);
        // They don't count.
        if at % 2 == 0 {
            put(&format!("a{at:05}.png"), "");
        }
    }
    put("empty.jsonl", "");
    put("info.json", "{}");
    put("remarks.txt", "text");
    put("README.md", "text");
    put("a/b/c/n.jsonl", "{}");
    let start = std::time::Instant::now();
    let report = desk.run(&["data", "import", "many", "--project", "p", "--json"]).json();
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    assert_eq!((counts(&report), &report["files"][0]["num_files"]), ([12_000, 1], &json!(12_001)));
    assert_eq!(report["files"][0]["reasons"], json!([{"what": "the file is empty", "count": 1}]));
    let told: Vec<_> = report["notes"].as_array().unwrap().iter().map(|note| note["what"].as_str().unwrap()).collect();
    let expected = [
        "a folder is too far down and isn't looked into (many/a/b/c)",
        "a .json file beside tables is left out, for it often describes them (info.json)",
        "a text beside the files with examples is left out (remarks.txt)",
    ];
    assert_eq!(told, expected);

    let mut project = Project::open(&desk.path("p")).unwrap();
    let parts = project.counts().unwrap();
    assert_eq!((parts.total(), parts.train, parts.validation, parts.test), (12_000, 9_600, 1_200, 1_200));
    project.undo().unwrap();
    assert_eq!(project.counts().unwrap().total(), 0);
}

#[test]
fn f22_a_few_files_are_one_import_too_and_each_is_told() {
    let desk = Desk::new();
    for (name, row) in [("a", "1"), ("b", "2"), ("c", "3")] {
        desk.write(&format!("{name}.jsonl"), format!("{{\"prompt\": \"{row}\", \"completion\": \"x\"}}\n[]\n"));
    }
    let report = desk.run(&["data", "import", "a.jsonl", "b.jsonl", "c.jsonl", "--project", "p", "--json"]).json();
    let files = report["files"].as_array().unwrap();
    let told: Vec<_> =
        files.iter().map(|file| (file["path"].as_str().unwrap(), file["imported"].as_u64().unwrap())).collect();
    assert_eq!(told, [("a.jsonl", 1), ("b.jsonl", 1), ("c.jsonl", 1)]);
    assert_eq!((&files[2]["first_rejected"][0]["file"], counts(&report)), (&json!("c.jsonl"), [3, 3]));
    let again = desk.run(&["data", "import", "a.jsonl", "c.jsonl", "--project", "p", "--json"]).json();
    let known: Vec<_> = again["files"].as_array().unwrap().iter().map(|file| file["known"].clone()).collect();
    assert_eq!((known, &again["imported"]), (vec![json!(1), json!(1)], &json!(0)));
    let mut project = Project::open(&desk.path("p")).unwrap();
    project.undo().unwrap();
    assert_eq!(project.counts().unwrap().total(), 0);
}
