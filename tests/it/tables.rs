//! Tables come back as they were written, whatever dialect Python's csv wrote them in.

use std::path::Path;

use proptest::prelude::*;
use tunewright::data::import::{ImportPreview, ImportRequest};
use tunewright::data::preview;
use tunewright::task::Unwatched;

use super::fixtures::fixture;

type Row = Vec<String>;

/// A dialect of Python's csv, as its `Dialect` says it.
#[derive(Debug, Clone, Copy)]
struct Dialect {
    file: &'static str,
    delimiter: char,
    line_end: &'static str,
    quoting: Quoting,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Quoting {
    Minimal,
    All,
    /// With a backslash as `escapechar`.
    None,
}

const DIALECTS: [Dialect; 4] = [
    Dialect { file: "excel.csv", delimiter: ',', line_end: "\r\n", quoting: Quoting::Minimal },
    Dialect { file: "excel-tab.tsv", delimiter: '\t', line_end: "\r\n", quoting: Quoting::Minimal },
    Dialect { file: "unix.csv", delimiter: ',', line_end: "\n", quoting: Quoting::All },
    Dialect { file: "escaped.csv", delimiter: ',', line_end: "\r\n", quoting: Quoting::None },
];

impl Dialect {
    fn write(&self, rows: &[Row]) -> String {
        let row = |row: &Row| {
            let cells: Vec<_> = row.iter().map(|cell| self.cell(cell)).collect();
            cells.join(&self.delimiter.to_string()) + self.line_end
        };
        rows.iter().map(row).collect()
    }

    fn cell(&self, text: &str) -> String {
        let is_special = |c: char| c == self.delimiter || c == '"' || self.line_end.contains(c);
        match self.quoting {
            Quoting::Minimal if !text.contains(is_special) => text.to_owned(),
            Quoting::Minimal | Quoting::All => format!("\"{}\"", text.replace('"', "\"\"")),
            Quoting::None => {
                let escaped = |c: char| if is_special(c) || c == '\\' { format!("\\{c}") } else { c.to_string() };
                text.chars().map(escaped).collect()
            }
        }
    }
}

fn look(file: &str, text: &str) -> ImportPreview {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file);
    tunewright::fs::write_atomic(&path, text.as_bytes()).unwrap();
    preview(&ImportRequest::new(path), &Unwatched).unwrap()
}

#[test]
fn the_writer_here_writes_what_python_writes_and_it_is_read_back() {
    let read = |name: &str| std::fs::read_to_string(fixture("tables").join(Path::new(name))).unwrap();
    let rows: Vec<Row> = serde_json::from_str(&read("rows.json")).unwrap();
    for dialect in DIALECTS {
        let text = read(dialect.file);
        assert_eq!(dialect.write(&rows), text, "{}", dialect.file);
        let preview = look(dialect.file, &text);
        assert_eq!((&preview.columns, &preview.cells[..]), (&rows[0], &rows[1..]), "{}", dialect.file);
    }
}

/// Any texts, most of them of what tables are made of.
fn cell() -> impl Strategy<Value = String> {
    let odd =
        prop::collection::vec(prop::sample::select(vec!["\"", ",", "\t", "\n", "\r", "\\", " ", "a", "ä", ";"]), 0..8);
    let odd = odd.prop_map(|parts| parts.concat());
    // NUL is refused, and a byte order mark at a row's start is none of its text.
    prop_oneof![3 => odd, 1 => "[^\0\u{feff}]{0,12}"]
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    (2..4_usize).prop_flat_map(|num_columns| prop::collection::vec(prop::collection::vec(cell(), num_columns), 1..20))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_rows_come_back_from_each_dialect(body in rows(), which in 0..DIALECTS.len()) {
        let dialect = DIALECTS[which];
        let mut header: Row = ["prompt", "completion", "remark"].map(str::to_owned).to_vec();
        header.truncate(body[0].len());
        let mut rows = vec![header.clone()];
        if dialect.quoting == Quoting::None {
            // Only a mark that is escaped shows that backslashes do that here.
            let mut row = header.clone();
            row[0] = "say \"x\", or\ny".to_owned();
            rows.push(row);
        }
        rows.extend(body);
        let preview = look(dialect.file, &dialect.write(&rows));
        prop_assert_eq!(&preview.columns, &header);
        prop_assert_eq!(&preview.cells[..], &rows[1..]);
    }
}

fn told(preview: &ImportPreview) -> Vec<String> {
    let notes = preview.notes.iter().filter(|note| !note.what.starts_with("no answer yet"));
    notes.map(|note| format!("{}; {}", note.what, note.first.as_ref().unwrap())).collect()
}

#[test]
fn what_was_guessed_of_a_table_is_said_with_an_example() {
    let check = |file: &str, text: &str, description: &str, cells: &[[&str; 2]], notes: &[&str]| {
        let preview = look(file, text);
        assert_eq!(preview.description, description, "{text}");
        assert_eq!(preview.cells, cells, "{text}");
        assert_eq!(told(&preview), notes, "{text}");
    };
    let kept = "quote marks are kept as text, for this file doesn't enclose its cells in them";
    check(
        "a.tsv",
        "text\tlabel\nfine\ta\n\"Yes\tb\nNo\"\tc\n\"Hm\" ok\td\n",
        "tab, no quoting, UTF-8, header in row 1",
        &[["fine", "a"], ["\"Yes", "b"], ["No\"", "c"], ["\"Hm\" ok", "d"]],
        &[&format!("{kept} (\"Yes⇥b); line 3")],
    );
    let note = "a backslash before a quote mark is left out, for that is how this file escapes them";
    check(
        "a.csv",
        "\"text\",\"label\"\n\"say \\\"a, b\\\"\",\"C:\\x\"\n",
        "comma, quote marks escaped by backslashes, UTF-8, header in row 1",
        &[["say \"a, b\"", "C:\\x"]],
        &[&format!("{note} (\"say \\\"a, b\\\"\",\"C:\\x\"); line 2")],
    );
    check(
        "a.csv",
        "text, label\n\"one, two\", \"a\"\nthree, b\n",
        "comma and space, UTF-8, header in row 1",
        &[["one, two", "a"], ["three", "b"]],
        &["spaces before a cell are left out, for quote marks follow them in this file (\"one, two\", \"a\"); line 2"],
    );
    // A pipe of five inches in an otherwise usual file.
    check(
        "a.csv",
        "text,label\n\"one, two\",a\n5\" pipe,b\n\"He\" said,c\n",
        "comma, UTF-8, header in row 1",
        &[["one, two", "a"], ["5\" pipe", "b"], ["\"He\" said", "c"]],
        &["a quote mark that encloses no whole cell is text (5\" pipe,b); line 3"],
    );
    check(
        "a.csv",
        "sep=;\r\ntext;label\r\na;b\r\nsep=;\r\ntext;label\r\nc;d\r\n",
        "semicolon, UTF-8, header in row 2",
        &[["a", "b"], ["c", "d"]],
        &["a row is the header once more, and left out (sep=;); line 4"],
    );
}

#[test]
fn a_row_that_swallowed_others_is_found() {
    // Valid as it stands, and so one row; but it is said.
    let preview = look("a.csv", "text,label\n\"Smith, John\nLondon\",x\n");
    assert_eq!(preview.cells, [["Smith, John\nLondon", "x"]]);
    let may_be =
        "one cell in quote marks holds lines that could be rows of their own: look whether a quote mark is missing";
    assert_eq!(told(&preview), [format!("{may_be} (up to line 3: \"Smith, John⏎London\",x); line 2")]);

    // In a file with a hundred such cells it is nothing odd.
    let usual: String = (0..100).map(|i| format!("\"{i}, right\",x\n")).collect();
    let preview = look("a.csv", &format!("text,label\n{usual}\"Smith, John\nLondon\",x\n"));
    assert_eq!((preview.num_accepted, told(&preview)), (101, Vec::new()));

    // Far behind the beginning, in a file that has no other quote mark: the rows are read one by one.
    let plain: String = (0..5_000).map(|i| format!("row {i} of many\tx\n")).collect();
    assert!(plain.len() > 64 << 10);
    let swallowed = "\"open\ta\nsecond\tb\nthird\tc\nfourth\td\nfifth\te\n6\"\tf\n";
    let preview = look("a.tsv", &format!("text\tlabel\n{plain}{swallowed}last\tz\n"));
    assert_eq!((preview.num_accepted, preview.num_rejected), (5_007, 0));
    let split = "lines between two quote marks are read as rows of their own, for this file leaves quote marks open";
    let expected = format!("{split} (up to line 5007: \"open⇥a⏎second⇥b⏎third⇥c⏎fourth⇥d⏎fifth⇥e⏎6\"⇥f); line 5002");
    assert_eq!(told(&preview), [expected]);

    // In a file with quoting, a mark that is missing costs its row and no other.
    let preview = look("a.csv", "\"text\",\"label\"\n\"a\",\"b\n\"c\",\"d\"\n");
    assert_eq!((preview.num_accepted, preview.rejected[0].line), (1, 2));
    assert!(preview.rejected[0].reason.starts_with("a quote mark opens a cell"), "{}", preview.rejected[0]);
    // A row that is cut off in a file with quoting is left out with its place, and so is one of many lines.
    let preview = look("a.csv", "text,label\n\"a, b\",x\n\"c\nd\",\"y\",z\n\"e,f\n");
    let rejected: Vec<_> = preview.rejected.iter().map(ToString::to_string).collect();
    let cut = "line 5: a quote mark opens a cell and none closes it: one is missing, or the file is cut off";
    assert_eq!(rejected, ["lines 3 to 4: the row has 3 cells, but the header has 2", cut]);
}
