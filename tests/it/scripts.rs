//! `scripts/run`, with a `cargo` in its place that builds nothing and names what it was to run.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A `PATH` with stand-ins before the system's: nothing is built, downloaded or installed.
fn stand_ins() -> TempDir {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        tunewright::fs::write_atomic(&path, text.as_bytes()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let program = env!("CARGO_BIN_EXE_tunewright");
    // Only questions about commands reach the real program.
    let run = format!("while [ \"$1\" != -- ]; do shift; done; shift\n[ \"$1\" = help ] && exec '{program}' \"$@\"");
    write("cargo", format!("#!/bin/sh\n[ \"$1\" = build ] && exit 0\n{run}\necho \"ran: $*\"\n"));
    write("dpkg-query", "#!/bin/sh\necho install ok installed\n".to_owned());
    write("cc", "#!/bin/sh\n".to_owned());
    folder
}

fn run(stand_ins: &Path, display: &str, arguments: &[&str]) -> Output {
    let path = format!("{}:{}", stand_ins.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/run")).args(arguments).current_dir(stand_ins);
    command.env("PATH", path).env("DISPLAY", display).env_remove("WAYLAND_DISPLAY").output().unwrap()
}

#[test]
fn a_command_is_run_as_it_is_and_only_the_window_is_prepared() {
    let stand_ins = stand_ins();
    let fetched = "models get starter";
    for (display, arguments, wanted) in [
        ("", &["check", "--project", "p"][..], &["check --project p"][..]),
        ("", &["data", "import", "a.csv"], &["data import a.csv"]),
        ("", &["export", "--to", "a"], &["export --to a"]),
        ("", &["train", "recipe.toml", "--out", "run"], &["train recipe.toml --out run"]),
        ("", &["bench", "train"], &["bench train"]),
        ("", &["--version"], &["--version"]),
        // No word that is mistyped trains anything.
        ("", &["trian"], &["trian"]),
        ("", &[], &["quickstart"]),
        (":0", &["rank"], &["rank"]),
        (":0", &["--help"], &["--help"]),
        (":0", &[], &[""]),
        (":0", &["my-project"], &["my-project"]),
        (":0", &["--frame-stats"], &["--frame-stats"]),
    ] {
        let output = run(stand_ins.path(), display, arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {told}");
        let out = String::from_utf8(output.stdout).unwrap();
        let ran: Vec<_> = out.lines().map(|line| line.strip_prefix("ran: ").unwrap()).collect();
        assert_eq!(ran, wanted, "{display:?} {arguments:?}: {told}");
        let is_for_the_window = matches!(arguments, [] | ["my-project" | "--frame-stats"]);
        assert_eq!(told.contains(fetched), is_for_the_window, "{display:?} {arguments:?}: {told}");
    }
}
