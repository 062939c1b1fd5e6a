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
         form and the error messages come from, too. The names are those of Transformers and PEFT. Those marked with \
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
