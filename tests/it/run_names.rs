//! Only `src/run/` says what the files of a run are called: whoever else names one will miss the next change.

use std::path::Path;

const NAMES: [&str; 15] = [
    "recipe.toml",
    "metrics.jsonl",
    "status.json",
    "messages.jsonl",
    "inputs.json",
    "note.json",
    "answers.jsonl",
    "state.json",
    "optimizer.safetensors",
    "SHA256SUMS",
    "train.jsonl",
    "val.jsonl",
    "test.jsonl",
    "checkpoints",
    "evaluations",
];

/// Files elsewhere that happen to have such a name: of the Hub's data sets, and what a benchmark writes for a run to read.
const OTHERS: [(&str, &str); 3] = [
    ("src/hub/dataset/names.rs", "state.json"),
    ("src/cli/bench/memory.rs", "recipe.toml"),
    ("src/cli/bench/memory.rs", "train.jsonl"),
];

/// The names in the strings of code that isn't a test.
fn named(text: &str) -> Vec<(usize, &'static str)> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
        let strings = line.split('"').skip(1).step_by(2);
        for name in strings.flat_map(|string| string.split('/')) {
            found.extend(NAMES.iter().filter(|known| **known == name).map(|known| (index + 1, *known)));
        }
    }
    found
}

#[test]
fn no_file_of_a_run_is_named_outside_run() {
    let bad = "/// `status.json`\nfn f() {\n    a.join(\"checkpoints/b\"); b(\"metrics.jsonl\");\n}\n#[cfg(test)]\n\"recipe.toml\"";
    assert_eq!(named(bad), [(3, "checkpoints"), (3, "metrics.jsonl")]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut findings = Vec::new();
    let mut num_in_run = 0;
    for entry in walkdir::WalkDir::new(root.join("src")).into_iter().map(Result::unwrap) {
        let path = entry.path().strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        if !path.ends_with(".rs") || path.ends_with("tests.rs") {
            continue;
        }
        let found = named(&std::fs::read_to_string(entry.path()).unwrap());
        if path.starts_with("src/run/") {
            num_in_run += found.len();
            continue;
        }
        let is_other = |name: &str| OTHERS.iter().any(|(file, other)| *file == path && *other == name);
        let own = found.into_iter().filter(|(_, name)| !is_other(name));
        findings.extend(own.map(|(line, name)| format!("{path}:{line} names {name}")));
    }
    assert!(num_in_run >= NAMES.len(), "the names of run/ were not found");
    assert!(findings.is_empty(), "ask run::RunDir:\n{}", findings.join("\n"));
}
