//! Documentation that is generated from the code stays current. `UPDATE_DOCS=1 cargo test --test it docs` writes it.

use std::fmt::Write;
use std::path::Path;

use tunewright::recipe::params::{Level, PARAMS};

#[test]
fn the_table_of_parameters_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/parameters.md");
    let wanted = parameters();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        tunewright::fs::write_atomic(&path, wanted.as_bytes()).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(found == wanted, "docs/parameters.md is out of date: UPDATE_DOCS=1 cargo test --test it docs");
}

fn parameters() -> String {
    let mut out = String::from(
        "# Parameters\n\nEvery parameter of `recipe.toml`, from the table in `src/recipe/params.rs` that the window's \
         form and the error messages come from, too; the file begins with `version = 2` (version 1 is read as well). The \
         names are those of Transformers and PEFT. Those marked with \
         * are under Advanced in the window.\n",
    );
    let mut section = "";
    for param in PARAMS_BY_SECTION.iter().flat_map(|s| PARAMS.iter().filter(move |p| p.key.starts_with(s))) {
        let (in_section, name) = param.key.split_once('.').unwrap();
        if in_section != section {
            section = in_section;
            write!(out, "\n## `[{section}]`\n\n| name | default | may be | what it does |\n|---|---|---|---|\n")
                .unwrap();
        }
        let mark = if param.level == Level::Advanced { "*" } else { "" };
        let unit = if param.unit.is_empty() { String::new() } else { format!(" {}", param.unit) };
        let help = format!("**{}.** {}. {}", param.label, param.help, param.long_help);
        writeln!(out, "| `{name}`{mark} | `{}`{unit} | {} | {help} |", param.default(), param.allowed()).unwrap();
    }
    out
}

const PARAMS_BY_SECTION: [&str; 3] = ["lora.", "training.", "evaluation."];

#[test]
fn the_readme_counts_the_checks() {
    let kinds = format!("{} kinds of faults", tunewright::data::checks::Check::ALL.len());
    assert!(include_str!("../../README.md").contains(&kinds) && include_str!("../../CHANGELOG.md").contains(&kinds));
}

/// The commands in a help text, without `help` itself.
fn commands_in(help: &str) -> Vec<String> {
    let listed = help.split("Commands:\n").nth(1).unwrap_or_default().split("\n\n").next().unwrap_or_default();
    let names =
        listed.lines().filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

fn help_of(words: &[&str]) -> String {
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_tunewright")).args(words).arg("--help").output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_readme_lists_the_commands_and_flags_that_the_program_has() {
    let mut wanted = Vec::new();
    for command in commands_in(&help_of(&[])) {
        match command.as_str() {
            under @ ("data" | "models") => {
                wanted.extend(commands_in(&help_of(&[under])).iter().map(|name| format!("{under} {name}")));
            }
            _ => wanted.push(command),
        }
    }
    assert!(wanted.len() > 10, "{wanted:?}");
    let rows = include_str!("../../README.md").lines().filter_map(|line| line.strip_prefix("| `tunewright "));
    let mut found: Vec<String> = Vec::new();
    for usage in rows.map(|row| row.split('`').next().unwrap()).filter(|usage| !usage.starts_with('[')) {
        let name = wanted.iter().find(|name| usage == *name || usage.starts_with(&format!("{name} ")));
        let name = name.unwrap_or_else(|| panic!("README.md: there is no command `tunewright {usage}`"));
        // Commands under `bench` have the flags.
        let help = match name.as_str() {
            "bench" => commands_in(&help_of(&["bench"])).iter().map(|under| help_of(&["bench", under])).collect(),
            name => help_of(&name.split(' ').collect::<Vec<_>>()),
        };
        let is_flag_char = |c: char| c.is_ascii_alphanumeric() || c == '-';
        for flag in usage.split(|c| !is_flag_char(c)).filter(|word| word.starts_with("--")) {
            let is_known = help.split(|c| !is_flag_char(c)).any(|word| word == flag);
            assert!(is_known, "README.md: `tunewright {name}` has no {flag}");
        }
        if found.last() != Some(name) {
            found.push(name.clone());
        }
    }
    // In the same order.
    assert_eq!(found, wanted);
}

#[test]
fn the_documents_name_files_that_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut num_named = 0;
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"] {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        // What stands between backquotes.
        for name in text.split('`').skip(1).step_by(2) {
            let is_path =
                ["src/", "tests/", "scripts/", "examples/", "docs/", "assets/"].iter().any(|f| name.starts_with(f));
            if is_path && !name.contains([' ', '*', '\n']) {
                num_named += 1;
                assert!(root.join(name).exists(), "{document} names {name}, which isn't there");
            }
        }
    }
    assert!(num_named > 30, "{num_named}");
}
