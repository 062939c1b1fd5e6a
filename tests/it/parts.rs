//! Files that are parts of the data by their names: on the command line and in the window.

use std::path::Path;
use std::process::Command;

use egui::accesskit::Role;
use serde_json::{Value, json};
use tunewright::app::{Action, Shell};
use tunewright::project::Project;

use crate::window::data::Studio;

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
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        tunewright::fs::write_atomic(&path, rows(name, num).as_bytes()).unwrap();
    }
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tunewright"));
        let output = command.args(["data", "import"]).args(arguments).current_dir(folder.path()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert!(output.status.success(), "{}", text(output.stderr));
        (text(output.stdout), text(output.stderr))
    };
    let (out, _) = run(&["data", "--project", "a", "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    let parts: Vec<_> = told["files"].as_array().unwrap().iter().map(|file| file["part"].clone()).collect();
    assert_eq!(parts, [json!("validation"), json!("test"), json!("train")]);
    assert_eq!(counts(&folder.path().join("a")), [12, 5, 4]);

    let (_, told) = run(&["data/train.csv", "data/test.csv", "--project", "b"]);
    assert!(told.contains("they go to test, as the file is called (--deal deals them by lot)"), "{told}");
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
        studio.wait("the preview", |shell: &Shell| {
            shell.state.mapping.dialog.as_ref().is_some_and(|dialog| dialog.problem().is_none())
        });
        studio.settle();
    };
    open(&mut studio);
    assert!(studio.is_shown("12 rows go to training, 4 to test, 3 by lot"));
    studio.click(Role::RadioButton, "By lot");
    assert!(!studio.is_shown("rows go to training"));
    studio.click(Role::RadioButton, "As the files are called");
    studio.key(egui::Modifiers::COMMAND, egui::Key::Enter);
    studio.wait("the import", |shell| shell.state.mapping.dialog.is_none() && shell.state.data.open.is_some());
    studio.settle();
    let [train, validation, test] = counts(&studio.project());
    assert!(train >= 12 && test >= 4 && train + validation + test == 19, "{train} {validation} {test}");

    // A file that says it row by row is left to itself.
    let path = studio.write("test.csv", "text,label,split\nq,x,train\nr,x,test\n");
    studio.act(Action::OpenPath(path));
    studio.wait("the preview", |shell: &Shell| {
        shell.state.mapping.dialog.as_ref().is_some_and(|dialog| dialog.problem().is_none())
    });
    assert!(!studio.is_shown("As the files are called"));
}
