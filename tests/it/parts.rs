//! Files that are parts of the data by their names: on the command line and in the window.

use std::path::Path;

use egui::accesskit::Role;
use serde_json::{Value, json};
use tunewright::app::Action;
use tunewright::project::Project;

use super::fixtures::write;
use super::program;
use super::window::harness::Studio;

/// Rows `KIND N,x` below a head, from 1.
fn rows(kind: &str, num: usize) -> String {
    "text,label\n".to_owned() + &(1..=num).map(|n| format!("{kind} {n},x\n")).collect::<String>()
}

fn counts(project: &Path) -> [u64; 3] {
    let counts = Project::open(project).unwrap().counts().unwrap();
    [counts.train, counts.validation, counts.test]
}

#[test]
fn the_command_line_goes_by_the_names_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for (name, num) in [("data/train.csv", 12), ("data/dev.csv", 5), ("data/test.csv", 4), ("other.csv", 10)] {
        write(folder.path(), name, rows(name, num));
    }
    let run = |arguments: &[&str]| {
        let ran = program::run(folder.path(), &[&["data", "import"], arguments].concat()).ok();
        (ran.out(), ran.err())
    };
    let (out, _) = run(&["data", "--project", "a", "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    let parts: Vec<_> = told["files"].as_array().unwrap().iter().map(|file| file["part"].clone()).collect();
    assert_eq!(parts, [json!("validation"), json!("test"), json!("train")]);
    assert_eq!(counts(&folder.path().join("a")), [12, 5, 4]);

    let (_, told) = run(&["data/train.csv", "data/test.csv", "--project", "b"]);
    assert!(told.contains("they go to test, as the file is called (--deal splits them by lot)"), "{told}");
    assert_eq!(counts(&folder.path().join("b")), [12, 0, 4]);
    run(&["data", "--deal", "--project", "c"]);
    assert_eq!(counts(&folder.path().join("c")).iter().sum::<u64>(), 21);
    assert!(counts(&folder.path().join("c"))[0] > 14, "by lot");

    // Nothing says that a part of it was put aside.
    run(&["data/train.csv", "--project", "d"]);
    assert!(counts(&folder.path().join("d"))[0] < 12);
    let (_, told) = run(&["other.csv", "--project", "b"]);
    assert!(!told.contains("as the file is called"), "{told}");
}

#[test]
fn the_window_offers_the_names_and_counts_what_goes_where() {
    let mut studio = Studio::open(None);
    let train = studio.write("set/train.csv", &rows("train", 12));
    studio.write("set/test.csv", &rows("test", 4));
    studio.write("set/more.csv", &rows("more", 3));
    let folder = train.parent().unwrap().to_owned();
    let open = |studio: &mut Studio| {
        studio.act(Action::OpenPaths(vec![folder.clone()]));
        studio.wait_for_preview();
        studio.settle();
    };
    open(&mut studio);
    assert!(studio.is_shown("12 rows go to training, 4 to test, 3 by lot"));
    studio.click(Role::RadioButton, "By lot");
    assert!(!studio.is_shown("rows go to training"));
    studio.click(Role::RadioButton, "As the files are called");
    studio.confirm_import();
    let [train, validation, test] = counts(&studio.project());
    assert!(train >= 12 && test >= 4 && train + validation + test == 19, "{train} {validation} {test}");

    // A file that says it row by row is left to itself.
    studio.preview("test.csv", "text,label,split\nq,x,train\nr,x,test\n");
    assert!(!studio.is_shown("As the files are called"));
}
