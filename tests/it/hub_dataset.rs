//! Data sets of the Hub, against a server on this machine: what there is, fetching, and the import.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tunewright::data::Split;
use tunewright::engine::EngineError;
use tunewright::engine::dataset::{WantedData, fetch, usual_part};
use tunewright::hub::dataset::{self, ListedBy};
use tunewright::hub::{Dataset, DatasetName, HubError, HubToken, Sources};
use tunewright::project::{ExampleQuery, Project};
use tunewright::task::Unwatched;

use crate::hub_server::{COMMIT, Hub, Manners, Watched, content, files_in, sources};

/// Rows as in banking77; more than the thousand bytes from which on the server knows a hash.
pub fn questions(kind: &str, num: usize) -> Vec<u8> {
    let row = |n: usize| format!("\"When does my {kind} card number {n} arrive?\",card_arrival\n");
    ("text,category\n".to_owned() + &(0..num).map(row).collect::<String>()).into_bytes()
}

/// Three subsets, of which one can't be read.
pub fn manners() -> Manners {
    let card = json!({
        "license": "cc-by-4.0",
        "configs": [
            {"config_name": "main", "data_files": [
                {"split": "train", "path": "data/train-*.csv"},
                {"split": "test", "path": "data/test.csv"},
            ]},
            {"config_name": "more", "data_files": "more.jsonl"},
            {"config_name": "pictures", "data_files": "*.arrow"},
        ],
        "dataset_info": [{"config_name": "main", "splits": [
            {"name": "train", "num_examples": 50}, {"name": "test", "num_examples": 30},
        ]}],
    });
    Manners { card, ..Manners::default() }
}

pub fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("README.md", b"# Questions".to_vec()),
        ("data/train-0.csv", questions("first", 30)),
        ("data/train-1.csv", questions("second", 20)),
        ("data/test.csv", questions("third", 30)),
        ("more.jsonl", b"{\"prompt\": \"a\", \"completion\": \"b\"}\n".to_vec()),
        ("x.arrow", content(10)),
    ]
}

fn list(name: &str, hub: &Hub, folder: &Path) -> Result<Dataset, HubError> {
    dataset::list(&DatasetName::parse(name)?, &with_cache(hub, folder), &Unwatched)
}

fn with_cache(hub: &Hub, folder: &Path) -> Sources {
    Sources { hub_cache: folder.join("cache"), ..sources(hub, &folder.join("models")) }
}

/// `main: train 2 50, test 1 30`: files and rows.
fn words(dataset: &Dataset) -> Vec<String> {
    let of = |split: &dataset::DatasetSplit| {
        let rows = split.num_rows.map_or_else(String::new, |rows| format!(" {rows}"));
        format!("{} {}{rows}", split.name, split.files.len())
    };
    let splits = |subset: &dataset::Subset| subset.splits.iter().map(of).collect::<Vec<_>>().join(", ");
    dataset.subsets.iter().map(|subset| format!("{}: {}", subset.name, splits(subset))).collect()
}

#[test]
fn the_card_says_what_there_is_and_each_file_has_its_size_and_hash() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::serve(&files(), manners());
    let found = list("https://huggingface.co/datasets/org/name", &hub, folder.path()).unwrap();
    assert_eq!(words(&found), ["main: train 2 50, test 1 30", "more: train 1"]);
    assert_eq!((found.listed_by, found.license.as_deref(), found.is_gated), (ListedBy::Card, Some("cc-by-4.0"), false));
    assert_eq!(found.notes, ["Files that can't be read here are left out: 1 .arrow"]);
    assert_eq!((found.commit.as_str(), found.revision.as_str()), (COMMIT, "main"));
    let file = &found.subsets[0].splits[0].files[0];
    assert_eq!(
        (file.num_bytes as usize, file.sha256.as_ref().map(String::len)),
        (questions("first", 30).len(), Some(64))
    );
    assert_eq!(hub.asked()[0].path, "/api/datasets/org/name/revision/main?blobs=true");
    assert_eq!(hub.asked().len(), 1);
}

#[test]
fn without_a_card_the_names_say_it_and_else_the_converted_files() {
    let folder = tempfile::tempdir().unwrap();
    let named = [("en/train.csv", content(9)), ("en/dev.csv", content(9)), ("de/test.csv", content(9))];
    let found = list("org/name@v1.0", &Hub::serve(&named, Manners::default()), folder.path()).unwrap();
    assert_eq!(words(&found), ["en: train 1, validation 1", "de: test 1"]);
    assert_eq!((found.listed_by, found.revision.as_str()), (ListedBy::FileNames, "v1.0"));

    let converted = vec![("default/train/0000.parquet", content(2000)), ("default/test/0000.parquet", content(9))];
    let manners = Manners { converted: converted.clone(), ..Manners::default() };
    let hub = Hub::serve(&[("name.py", content(9))], manners);
    let found = list("org/name", &hub, folder.path()).unwrap();
    assert_eq!((words(&found), found.listed_by), (vec!["default: train 1, test 1".to_owned()], ListedBy::Converted));
    let paths = dataset::fetch(&found.files(&found.subsets[0].splits), &with_cache(&hub, folder.path()), &Unwatched);
    assert_eq!(std::fs::read(&paths.unwrap()[0]).unwrap(), converted[0].1);
    let reference = folder.path().join("cache/datasets--org--name/refs/refs/convert/parquet");
    assert_eq!(std::fs::read_to_string(reference).unwrap(), COMMIT);
}

#[test]
fn files_come_into_the_cache_once_go_on_where_they_were_left_and_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let big = vec![("train.jsonl", content(200_000)), ("test.jsonl", content(300))];
    let slow = Hub::serve(&big, Manners { is_slow: true, ..Manners::default() });
    let found = list("org/name", &slow, folder.path()).unwrap();
    let wanted = found.files(&found.subsets[0].splits);
    let task = Watched { cancel_at: Some(50_000), ..Watched::default() };
    let error = dataset::fetch(&wanted, &with_cache(&slow, folder.path()), &task).unwrap_err();
    assert!(matches!(error, HubError::Stopped), "{error}");
    let snapshot = folder.path().join("cache/datasets--org--name/snapshots").join(COMMIT);
    assert_eq!(files_in(&snapshot), ["train.jsonl.part"]);
    let kept = std::fs::metadata(snapshot.join("train.jsonl.part")).unwrap().len() as usize;

    let hub = Hub::serve(&big, Manners::default());
    let task = Watched::default();
    let paths = dataset::fetch(&wanted, &with_cache(&hub, folder.path()), &task).unwrap();
    assert_eq!(paths, [snapshot.join("train.jsonl"), snapshot.join("test.jsonl")]);
    assert_eq!(std::fs::read(&paths[0]).unwrap(), big[0].1);
    assert_eq!(hub.ranges(), [Some((kept, 199_999))]);
    assert_eq!((task.told.into_inner().last(), task.total.get()), (Some(&200_300), Some(200_300)));
    assert!(
        hub.asked()
            .iter()
            .all(|asked| asked.path.starts_with("/datasets/org/name/resolve/") || asked.path.starts_with("/cdn/"))
    );

    // All of it is there: no file is asked for again.
    let again = Hub::serve(&big, Manners::default());
    dataset::fetch(&wanted, &with_cache(&again, folder.path()), &Unwatched).unwrap();
    assert_eq!(again.asked(), []);

    std::fs::remove_file(&paths[0]).unwrap();
    let forged = Hub::serve(&big, Manners { num_forged: 1, ..Manners::default() });
    let error = dataset::fetch(&wanted, &with_cache(&forged, folder.path()), &Unwatched).unwrap_err();
    assert!(error.to_string().contains("train.jsonl is not the file that was expected"), "{error}");
    assert_eq!(files_in(&snapshot), ["test.jsonl"]);
}

#[test]
fn a_gated_data_set_needs_the_right_token() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::serve(&files(), Manners { gate: Some("right"), ..manners() });
    let found = list("org/name", &hub, folder.path()).unwrap();
    assert!(found.is_gated);
    let wanted = found.files(&found.subsets[0].splits);
    let fetch = |token: &str| {
        let token = Some(HubToken::new(token));
        dataset::fetch(&wanted, &Sources { token, ..with_cache(&hub, folder.path()) }, &Unwatched)
    };
    let error = fetch("wrong").unwrap_err();
    assert_eq!(error.to_string(), "org/name is gated: its owners want to know who downloads it");
    let hint = error.hint().unwrap();
    assert!(hint.contains("/datasets/org/name") && hint.contains("HF_TOKEN"), "{hint}");
    assert_eq!(fetch("right").unwrap().len(), 3);
    assert!(!format!("{:?}", HubToken::new("right")).contains("right"));
}

#[test]
fn what_goes_wrong_is_said_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let check = |manners: Manners, files: &[(&str, Vec<u8>)], expected: &str| {
        let error = list("org/name", &Hub::serve(files, manners), folder.path()).unwrap_err();
        let failure = EngineError::from(error).failure();
        assert!(failure.message.contains(expected), "{failure:?}");
        assert!(failure.message.ends_with('.') && !failure.message.contains("HFError"), "{failure:?}");
        failure.hint
    };
    let refuses = |status, code| Manners { refuses: Some((status, code)), ..Manners::default() };
    let missing = "org/name: there is no such data set on the Hub, or it is private";
    assert!(check(refuses("404 Not Found", "RepoNotFound"), &[], missing).unwrap().contains("HF_TOKEN"));
    check(refuses("401 Unauthorized", ""), &[], missing);
    check(refuses("404 Not Found", "RevisionNotFound"), &[], "it has no revision main");
    check(refuses("403 Forbidden", "GatedRepo"), &[], "is gated");
    check(refuses("429 Too Many Requests", ""), &[], "too many requests");
    check(refuses("500 Internal Server Error", ""), &[], "the server answered 500");
    check(refuses("200 OK", ""), &[], "this is not how the Hub answers");
    let unreadable =
        [("a.arrow", content(9)), ("b.arrow", content(9)), ("load.py", content(9)), ("README.md", content(9))];
    let hint =
        check(Manners::default(), &unreadable, "has no files that can be read here: it has 3 files (2 .arrow, 1 .py)");
    assert!(hint.unwrap().contains("Readable are Parquet"));
    check(Manners::default(), &[("../../evil.csv", content(9))], "it has no data files at all");

    let nobody =
        Sources { endpoint: Some("http://127.0.0.1:9".to_owned()), is_offline: false, ..Sources::only(folder.path()) };
    let name = DatasetName::parse("org/name").unwrap();
    let error = dataset::list(&name, &nobody, &Unwatched).unwrap_err();
    assert!(error.to_string().contains("the Hub can't be reached"), "{error}");
    assert!(error.hint().unwrap().contains("HTTPS_PROXY"), "what to do is said, too");
}

/// All splits.
fn wanted(found: &Dataset, subset: &dataset::Subset, max_rows: Option<u64>) -> WantedData {
    let splits = subset.splits.iter().map(|split| (split.clone(), usual_part(&split.name))).collect();
    WantedData { dataset: found.clone(), subset: subset.clone(), splits, max_rows }
}

#[test]
fn of_the_first_rows_only_the_files_are_fetched_that_these_are_in() {
    let folder = tempfile::tempdir().unwrap();
    let import = |max_rows: u64| {
        let hub = Hub::serve(&files(), manners());
        let found = list("org/banking:main", &hub, folder.path()).unwrap();
        let wanted = wanted(&found, found.subset(Some("main")).unwrap(), Some(max_rows));
        let request = fetch(&wanted, &with_cache(&hub, folder.path()), &Unwatched).unwrap();
        let names = request.paths().map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
        let names = names.collect::<Vec<_>>().join(" ");
        let mut project = Project::create(&folder.path().join(max_rows.to_string())).unwrap();
        let report = project.import(&request, &Unwatched).unwrap();
        let counts = project.counts().unwrap();
        let source = project.example(1).unwrap().annotations.source.unwrap();
        (names, report.num_imported, counts.train, counts.test, source)
    };
    let source = |num: u64| format!("banking (main) · train (first {num})");
    assert_eq!(import(7), ("train-0.csv test.csv".to_owned(), 14, 7, 7, source(7)));
    let snapshot = folder.path().join("cache/datasets--org--banking/snapshots").join(COMMIT).join("data");
    assert_eq!(files_in(&snapshot), ["test.csv", "train-0.csv"]);
    assert_eq!(import(30), ("train-0.csv test.csv".to_owned(), 60, 30, 30, source(30)));
    assert_eq!(import(35), ("train-0.csv train-1.csv test.csv".to_owned(), 65, 35, 30, source(35)));
    assert_eq!(import(900), ("train-0.csv train-1.csv test.csv".to_owned(), 80, 50, 30, source(900)));
}

#[test]
fn each_split_goes_to_its_part_under_the_name_of_the_data_set() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::serve(&files(), manners());
    let found = list("org/banking:main", &hub, folder.path()).unwrap();
    let subset = found.subset(Some("main")).unwrap();
    let request = fetch(&wanted(&found, subset, None), &with_cache(&hub, folder.path()), &Unwatched).unwrap();
    let mut project = Project::create(&folder.path().join("project")).unwrap();
    let report = project.import(&request, &Unwatched).unwrap();
    let counts = project.counts().unwrap();
    assert_eq!((report.num_imported, counts.train, counts.validation, counts.test), (80, 50, 0, 30));
    assert_eq!(project.state().unwrap().source.as_deref(), Some("banking (main) · train and 1 more"));
    let rows = project.query(&ExampleQuery { limit: 80, ..ExampleQuery::default() }).unwrap().rows;
    let source = |at: usize| rows[at].annotations.source.as_deref().unwrap_or_default();
    assert_eq!(
        (source(0), source(40), source(79)),
        ("banking (main) · train", "banking (main) · train", "banking (main) · test")
    );
    assert_eq!(rows[79].split, Split::Test);
}

fn command(hub: &Hub, folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tunewright"));
    command.args(["data", "import"]).args(arguments).args(["--project", "project"]).current_dir(folder);
    command
        .env("HF_ENDPOINT", &hub.address)
        .env("HF_HUB_CACHE", folder.join("cache"))
        .env("HF_HOME", folder.join("hf"));
    command.env_remove("HF_HUB_OFFLINE").env_remove("HF_TOKEN");
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_line_imports_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::serve(&files(), manners());
    let import = |arguments: &[&str]| command(&hub, folder.path(), arguments);
    let (code, _, told) = import(&["hub:org/banking"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("has 2 subsets: choose one, as in hub:org/banking:main. There are main, more."), "{told}");
    let (_, _, told) = import(&["hub:org/banking:other"]);
    assert!(told.contains("org/banking has no subset other; it has main, more"), "{told}");
    let (_, _, told) = import(&["hub:org/banking:main", "--split", "dev"]);
    assert!(told.contains("has no split dev. It has train, test."), "{told}");

    let (code, out, told) = import(&["hub:org/banking:main", "--split", "train", "--json"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("org/banking, subset main: train (") && told.contains("licence cc-by-4.0"), "{told}");
    let summary: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&summary["imported"], &summary["rejected"]), (&json!(50), &json!(0)));
    let (code, _, told) = import(&["hub:org/banking:main", "--first", "3", "--json"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("the first 3 rows of each, at most"), "{told}");
    let (code, _, told) = import(&["some.csv", "--first", "3"]);
    assert!(code == Some(1) && told.contains("--first is for data sets of the Hub"), "{told}");
    let (code, _, told) = import(&["hub:org/banking:main"]);
    assert_eq!(code, Some(0), "{told}");
    let counts = Project::open(&folder.path().join("project")).unwrap().counts().unwrap();
    assert_eq!((counts.train, counts.test), (50, 30));
}

#[test]
fn a_revision_stays_inside_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::serve(&files(), manners());
    for revision in ["../../../../pwned", "/tmp/pwned", "a/../../b", "..\\..\\b", "a..b", ".hidden", "a\u{1b}[2J"] {
        let name = format!("hub:org/banking:main@{revision}");
        let (code, _, told) = command(&hub, folder.path(), &[&name, "--split", "test"]);
        assert!(
            code == Some(1) && told.contains("after the @ comes a branch, a tag or a commit"),
            "{revision}: {told}"
        );
        assert!(told.chars().all(|c| c == '\n' || !c.is_control()), "{told:?}");
    }
    assert_eq!(hub.asked(), [], "a name that can't be was asked for");
    assert_eq!(files_in(folder.path()), Vec::<String>::new());
    // The same where no name is parsed: the window may give a revision of its own.
    let mut found = list("org/banking:main@refs/pr/1", &hub, folder.path()).unwrap();
    found.revision = "../../../pwned".to_owned();
    let error = dataset::fetch(&found.files(&found.subsets[0].splits), &with_cache(&hub, folder.path()), &Unwatched);
    assert!(matches!(error, Err(HubError::BadRevision { .. })), "{error:?}");
    assert!(!folder.path().join("pwned").exists());
}

#[test]
fn a_file_stays_inside_its_repository_and_is_told_when_it_would_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files();
    files.extend([("../../escaped.csv", questions("fourth", 3)), ("data/../../up.csv", questions("fifth", 3))]);
    let hub = Hub::serve(&files, Manners::default());
    let found = list("org/name", &hub, folder.path()).unwrap();
    let all = found.subsets.iter().flat_map(|subset| &subset.splits).flat_map(|split| &split.files);
    assert!(all.clone().count() > 0 && all.clone().all(|file| !file.path.contains("..")), "{found:?}");
    let told = "Files whose names lead out of the repository are left out: 2, the first is \"../../escaped.csv\"";
    assert!(found.notes.iter().any(|note| note == told), "{:?}", found.notes);
}

#[test]
fn what_a_card_says_does_not_steer_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let card = json!({"license": "mit\u{1b}]0;owned\u{7}\u{1b}[2J"});
    let hub = Hub::serve(&[("train.csv", questions("first", 30))], Manners { card, ..Manners::default() });
    let (code, _, told) = command(&hub, folder.path(), &["hub:org/name"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("licence mit␛]0;owned␇␛[2J") && !told.contains(['\u{1b}', '\u{7}']), "{told:?}");
}
