//! The files that the rules look at.

use std::path::{Path, PathBuf};

use super::Source;
use super::rust::{code_only, end_of_item, module_path};

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    for folder in ["src", "tests", "benches"].map(|f| root().join(f)).iter().filter(|f| f.is_dir()) {
        for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
            let entry = entry.unwrap();
            if entry.path().extension().is_some_and(|e| e == "rs") {
                let relative = entry.path().strip_prefix(root()).unwrap();
                let path = relative.iter().map(|p| p.to_string_lossy()).collect::<Vec<_>>().join("/");
                sources.push(Source { path, text: std::fs::read_to_string(entry.path()).unwrap() });
            }
        }
    }
    sources
}

/// Files, or folders with a slash, that a `#[cfg(test)] mod name;` declares, and everything in `tests/`.
pub fn test_modules(sources: &[Source]) -> Vec<String> {
    let mut modules = vec!["tests/".to_owned()];
    for source in sources {
        let code = code_only(&source.text);
        for (at, _) in code.match_indices("#[cfg(test)]") {
            let item = &code[at..at + end_of_item(&code[at..])];
            let Some(name) = item.strip_suffix(';').and_then(|i| i.split_once("mod ")).map(|(_, name)| name) else {
                continue;
            };
            let mut path = module_path(&source.path);
            path.push(name.trim().to_owned());
            let path = path.join("/");
            modules.extend([format!("src/{path}.rs"), format!("src/{path}/")]);
        }
    }
    modules
}

/// What git tracks; in a copy without git, every file but those of builds.
pub(super) fn tracked_files() -> Vec<PathBuf> {
    let git = std::process::Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    if let Ok(output) = git
        && output.status.success()
    {
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        return names.split('\0').filter(|n| !n.is_empty()).map(|n| root().join(n)).collect();
    }
    let is_ours = |e: &walkdir::DirEntry| e.depth() == 0 || !matches!(e.file_name().to_str(), Some("target" | ".git"));
    let entries = walkdir::WalkDir::new(root()).into_iter().filter_entry(is_ours);
    entries.filter_map(Result::ok).filter(|e| e.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}
