//! Only `src/model/families/` knows families of models by their names: whoever else names one will miss the next.

use std::path::Path;

/// Names of vocabularies, their pre-tokenizers and chat templates, some of which are called as the family that had them
/// first.
const OF_VOCABULARIES: [&str; 3] =
    ["src/model/tokenizer/gguf.rs", "src/model/pre_tokenizer/table.rs", "src/recipe/choices.rs"];

/// What the rows of `families/` say in `config: &[…]` and `gguf: &[…]`.
fn names(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let rows = text.lines().filter(|line| {
            let line = line.trim_start();
            line.starts_with("config: &[") || line.starts_with("gguf: &[")
        });
        names.extend(rows.flat_map(|row| row.split('"').skip(1).step_by(2)).map(str::to_owned));
    }
    names.sort();
    names.dedup();
    names
}

/// The lines of code that isn't a test in whose strings a family is named.
fn named(text: &str, names: &[String]) -> Vec<usize> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    let names_one =
        |line: &str| line.split('"').skip(1).step_by(2).any(|string| names.iter().any(|name| name == string));
    lines.filter(|(_, line)| names_one(line)).map(|(index, _)| index + 1).collect()
}

#[test]
fn no_family_is_named_outside_families() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = names(&root.join("src/model/families"));
    assert!(names.len() >= 12 && names.iter().any(|name| name == "gemma3_text"), "{names:?}");
    let bad = "// \"llama\"\nlet is = name == \"llama\";\n#[cfg(test)]\nlet is = \"qwen2\";";
    assert_eq!(named(bad, &names), [2]);
    let mut findings = Vec::new();
    for entry in walkdir::WalkDir::new(root.join("src")).into_iter().map(Result::unwrap) {
        let path = entry.path().strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        let is_family = path.starts_with("src/model/families/") || OF_VOCABULARIES.contains(&path.as_str());
        if path.ends_with(".rs") && !path.ends_with("tests.rs") && !is_family {
            let found = named(&std::fs::read_to_string(entry.path()).unwrap(), &names);
            findings.extend(found.into_iter().map(|line| format!("{path}:{line}")));
        }
    }
    assert!(findings.is_empty(), "ask the spec, or give the family a setting:\n{}", findings.join("\n"));
}
