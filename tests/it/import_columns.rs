//! Tables whose columns have names of many languages: what is guessed, what is left open, and what the command line makes
//! of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::json;
use tunewright::data::import::{ColumnRole, ImportRequest};
use tunewright::data::mapping::guess;
use tunewright::data::preview;
use tunewright::project::Project;
use tunewright::task::Unwatched;

use crate::program::Desk;
use ColumnRole::{Assistant, Date, Group, Id, Label, Note, Unused, User};

/// What a person sees of a German help desk's table.
fn german(num: usize) -> String {
    let topics = ["Lieferung", "Rechnung", "Konto"];
    let row = |n: usize| {
        let (topic, day) = (topics[n % 3], n % 28 + 1);
        format!(
            "{n},Kunde {},\"Frage {n}: Wo bleibt meine Bestellung {n}?\",{topic},\"Guten Tag, Bestellung {n} kommt bald.\",{day:02}.03.2026\n",
            n % 5
        )
    };
    format!("Nr,Kunde,Frage,Kategorie,Antwort,Datum\n{}", (1..=num).map(row).collect::<String>())
}

fn roles(header: &[&str], rows: &[&[&str]]) -> Vec<ColumnRole> {
    let header: Vec<_> = header.iter().map(|name| (*name).to_owned()).collect();
    let rows: Vec<Vec<_>> = rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
    guess(&header, &rows).mapping.columns.into_iter().map(|(_, role)| role).collect()
}

#[test]
fn headers_of_sixteen_languages_are_understood() {
    let long = |n: usize| format!("This is what somebody asks, number {n}, in a sentence of some length");
    let cells = |n: usize| {
        [format!("A-{n}"), long(n), ["a", "b"][n % 2].to_owned(), long(n + 50), format!("2026-03-{:02}", n + 1)]
    };
    let rows: Vec<Vec<String>> = (0..8).map(|n| cells(n).to_vec()).collect();
    for header in [
        ["Nr", "Frage", "Kategorie", "Antwort", "Datum"],
        ["Ticketnummer", "Kundenanfrage", "Thema", "Antwort_neu", "Eingangsdatum"],
        ["ID", "Customer question", "Category", "Agent reply", "Created at"],
        ["Numéro", "Question du client", "Catégorie", "Réponse", "Date de création"],
        ["Número", "Pregunta", "Categoría", "Respuesta", "Fecha"],
        ["código", "Mensagem", "Categoria", "Resposta", "Data"],
        ["Numero", "Domanda", "Categoria", "Risposta", "Data"],
        ["nummer", "Vraag", "Categorie", "Antwoord", "Datum"],
        ["numer", "Pytanie", "Kategoria", "Odpowiedź", "Data"],
        ["No", "Soru", "Kategori", "Cevap", "Tarih"],
        ["Номер", "Вопрос", "Категория", "Ответ", "Дата"],
        ["رقم", "السؤال", "الفئة", "الإجابة", "التاريخ"],
        ["क्रमांक", "प्रश्न", "श्रेणी", "उत्तर", "दिनांक"],
        ["নম্বর", "প্রশ্ন", "শ্রেণি", "উত্তর", "তারিখ"],
        ["编号", "问题", "类别", "回答", "日期"],
        ["番号", "お問い合わせ内容", "カテゴリー", "回答", "日付"],
        ["번호", "질문", "분류", "답변", "날짜"],
    ] {
        let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        let guess = guess(&header, &rows);
        let roles: Vec<_> = guess.mapping.columns.iter().map(|(_, role)| *role).collect();
        assert_eq!(roles, [Id, User, Label, Assistant, Date], "{header:?}");
        assert!(guess.is_certain, "{header:?}");
    }
}

#[test]
fn a_german_table_comes_out_as_it_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anfragen.csv");
    let look = |num| {
        tunewright::fs::write_atomic(&path, german(num).as_bytes()).unwrap();
        preview(&ImportRequest::new(&path), &Unwatched).unwrap()
    };
    let roles = |preview: &tunewright::data::import::ImportPreview| -> Vec<ColumnRole> {
        preview.mapping.as_ref().unwrap().columns.iter().map(|(_, role)| *role).collect()
    };
    let many = look(30);
    assert_eq!(roles(&many), [Id, Group, User, Label, Assistant, Date]);
    assert_eq!(many.values[3], [("Konto", 10), ("Lieferung", 10), ("Rechnung", 10)].map(|(v, n)| (v.to_owned(), n)));
    assert!(many.values[2].is_empty(), "free texts are not renamed one by one");
    // Customers of whom each asks once aren't groups.
    assert_eq!(roles(&look(4)), [Id, Note, User, Label, Assistant, Date]);
}

#[test]
fn content_decides_where_names_say_nothing_and_doubt_is_left_open() {
    let long = |n: usize, end: &str| format!("a text of several words, number {n}{end}");
    let rows = |cells: &dyn Fn(usize) -> Vec<String>| (0..10).map(cells).collect::<Vec<_>>();
    let check = |rows: Vec<Vec<String>>, expected: &[ColumnRole]| {
        let header: Vec<_> = (0..rows[0].len()).map(|at| format!("spalte{at}")).collect();
        let roles: Vec<_> = guess(&header, &rows).mapping.columns.into_iter().map(|(_, role)| role).collect();
        assert_eq!(roles, expected, "{:?}", rows[0]);
    };
    // One asks and one doesn't; few values that come again are a label and no answer.
    check(
        rows(&|n| {
            vec![
                format!("X{n}"),
                long(n, "?"),
                ["red", "blue"][n % 2].to_owned(),
                long(n, "."),
                format!("2026-01-0{}", n % 9 + 1),
            ]
        }),
        &[Id, User, Label, Assistant, Date],
    );
    check(rows(&|n| vec![long(n, "?"), ["red", "blue"][n % 2].to_owned()]), &[User, Label]);
    // Two texts, and neither asks.
    check(rows(&|n| vec![long(n, "."), long(n + 20, ".")]), &[Unused, Unused]);
    check(rows(&|n| vec![format!("{}", n % 3), format!("{n}.5")]), &[Unused, Unused]);
    // Two answers, of which one is the new one; two of which nobody knows.
    let texts: &[&[&str]] = &[&["Wie geht das hier?", "So geht das jetzt.", "So ging das einmal."]];
    assert_eq!(roles(&["Frage", "Antwort_neu", "Antwort_alt"], texts), [User, Assistant, Unused]);
    assert_eq!(roles(&["Frage", "Antwort A", "Antwort B"], texts), [User, Unused, Unused]);
    assert_eq!(roles(&["Text", "Kategorie"], &[&["Wo ist das?", "a"]]), [User, Assistant], "a text to be sorted");
}

/// The groups of each part.
fn groups(project: &Path) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut project = Project::open(project).unwrap();
    let mut groups: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for id in 1..=project.counts().unwrap().total() as i64 {
        let stored = project.example(id).unwrap();
        groups.entry(stored.split.as_str()).or_default().insert(stored.annotations.group.unwrap());
    }
    groups
}

#[test]
fn the_command_line_says_what_it_guessed_and_keeps_groups_together() {
    let desk = Desk::new();
    desk.write("anfragen.csv", german(60));
    let ran = desk.run(&["data", "import", "anfragen.csv", "--project", "p", "--save-mapping", "m.json"]);
    let guessed = "guessed: Nr as the id, Kunde as the group, Frage as the prompt, Kategorie as the label, Antwort as the \
                   answer, Datum as the date (--map says otherwise)";
    assert!(ran.err().contains(guessed), "{}", ran.err());
    let parts = groups(&desk.path("p"));
    let all: usize = parts.values().map(BTreeSet::len).sum();
    assert!(all == 5 && parts.len() >= 2, "no customer is in two parts: {parts:?}");
    let stored = Project::open(&desk.path("p")).unwrap().example(1).unwrap();
    let beside = stored.annotations;
    assert_eq!(beside.label.as_deref(), Some("Rechnung"), "of the column, though every answer is a text");
    assert_eq!((beside.row_id.as_deref(), beside.group.as_deref()), (Some("1"), Some("Kunde 1")));
    assert_eq!(beside.date.unwrap().to_string(), "2026-03-02T00:00:00Z");

    // The mapping that was saved reads the next file in the same way; parted groups are in several parts.
    let ran = desk.run(&[
        "data",
        "import",
        "anfragen.csv",
        "--project",
        "q",
        "--mapping",
        "m.json",
        "--part-groups",
        "--json",
    ]);
    assert_eq!((ran.json()["imported"].as_u64(), &ran.json()["files"][0]["guessed"]), (Some(60), &json!(null)));
    let num_in_parts: usize = groups(&desk.path("q")).values().map(BTreeSet::len).sum();
    assert!(num_in_parts > 5, "{num_in_parts}");

    // Later, the same can be asked of the project.
    desk.run(&["data", "split", "--project", "q", "--by", "each-group"]).out();
    assert_eq!(groups(&desk.path("q")).values().map(BTreeSet::len).sum::<usize>(), 5);
}

#[test]
fn the_command_line_fills_templates_and_renames() {
    let desk = Desk::new();
    desk.write(
        "t.csv",
        "Betreff,Text,Art,dringend,Bemerkung,Quelle\nPaket,Wo ist es?,1,ja,VIP,Mail\n,Hallo,2,nein,,Chat\n",
    );
    let map = "Betreff=user,Text=user,Art=answer,dringend=answer,Bemerkung=note,Quelle=note";
    let arguments =
        ["data", "import", "t.csv", "--project", "p", "--map", map, "--prompt", "{Betreff}\\n\\n{Text}", "--json"];
    let renames = ["--rename", "Art:1=Lieferung", "--rename", "dringend:ja=true", "--rename", "dringend:nein=false"];
    let ran = desk.run(&[&arguments[..], &renames[..], &["--key", "dringend=urgent"]].concat());
    assert_eq!(ran.json()["imported"], 2, "{}", ran.err());
    let project = Project::open(&desk.path("p")).unwrap();
    let says = |id: i64| {
        let stored = project.example(id).unwrap();
        let turns: Vec<_> = stored.example.messages.into_iter().map(|turn| turn.content).collect();
        (turns, stored.annotations.notes)
    };
    let first = ["Paket\n\nWo ist es?", r#"{"Art": "Lieferung", "urgent": true}"#].map(str::to_owned).to_vec();
    assert_eq!(says(1), (first, "Bemerkung: VIP\nQuelle: Mail".to_owned()));
    let second = ["Hallo", r#"{"Art": "2", "urgent": false}"#].map(str::to_owned).to_vec();
    assert_eq!(says(2), (second, "Quelle: Chat".to_owned()));

    let told =
        |arguments: &[&str]| desk.run(&[&["data", "import", "t.csv", "--project", "p"], arguments].concat()).err();
    assert!(told(&["--prompt", "{Betref}", "--answer", "{Art}"]).contains("template names {Betref}, but "));
    assert!(told(&["--rename", "Art:1=x"]).contains("Say with --map which column is what"));
    assert!(
        told(&["--map", "Text=topic"]).contains("topic isn't a role: it must be one of system, user, assistant, label")
    );
    let both = ["--prompt", "{Text}", "--answer", "{Art}!", "--known", "add"];
    assert!(told(&both).is_empty() || !told(&both).contains("error"), "{}", told(&both));
}

/// Whatever a file has in it, nobody reads the words of the program's libraries.
#[test]
fn broken_files_are_told_in_words() {
    let good = r#"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#;
    let desk = Desk::new();
    let told = |name: &str, bytes: &[u8]| {
        let path = desk.path(name);
        tunewright::fs::write_atomic(&path, bytes).unwrap();
        let _ = std::fs::remove_dir_all(desk.path("p"));
        let ran = desk.run(&["data", "import", name, "--project", "p"]);
        ran.err()
    };
    let line = |row: &str| told("a.jsonl", format!("{good}\n{row}\n").as_bytes());
    let mut all = Vec::new();
    for (row, expected) in [
        ("hello there", "line 2: the row is not JSON: it doesn't begin with { (it begins with hello there)"),
        ("nothing", "line 2: the row is not JSON: it doesn't begin with { (it begins with nothing)"),
        ("{\"a\": 1 \"b\": 2}", "the row is not JSON: a comma or the closing } is missing (column 9, after {\"a\": 1)"),
        (
            "{\"a\": tru}",
            "the row is not JSON: only true, false and null are written without quotes (column 10, after {\"a\": tru)",
        ),
        ("{'a': 1}", "the row is not JSON: a name in double quotes is missing (column 2, after {)"),
        ("{\"a\": [1, 2", "the row is cut off: the closing ] is missing (column 11, after {\"a\": [1, 2)"),
        ("{\"messages\": \"x", "the row is cut off: the closing quote is missing"),
        ("{\"a\": 1,}", "the comma before the end is one too many"),
        ("{\"a\": \"\\q\"}", "after a backslash only"),
        ("{\"a\": 1} {\"b\": 2}", "something follows after the end"),
        ("{\"messages\": \"[{'role'\"}", "messages"),
        ("{\"tools\": \"[{\", \"messages\": []}", "line 2: "),
    ] {
        let said = line(row);
        assert!(said.contains(expected), "{row}: {said}");
        all.push(said);
    }
    let mut packed = Vec::from(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03".as_slice());
    packed.extend_from_slice(b"this isn't a deflate stream");
    all.push(told("b.jsonl.gz", &packed));
    all.push(told("c.parquet", b"PAR1 and then nothing PAR1"));
    all.push(told("d.parquet", b"PAR1"));
    all.push(told("e.json", b"{\"messages\": ["));
    all.push(told("f.csv", b"question,answer\n\"open,and never closed\n"));
    all.push(told("g.csv", b"question,answer\ncaf\xe9,b\n\xff\xfe,c\n"));
    all.push(told("h.csv", b"\xff\xfe\x00\x00q"));
    for said in &all {
        assert!(!said.trim().is_empty());
        for word in [
            "EOF",
            "at line ",
            "expected ",
            "ident",
            "trailing",
            "os error",
            "Invalid",
            "invalid type",
            "footer",
            "serde",
        ] {
            assert!(!said.contains(word), "{word} in {said}");
        }
    }
}
