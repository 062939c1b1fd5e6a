//! Circles of files that import each other: a reader of one of them has to know all. They are looked for inside the
//! folders that are read from the bottom up; between folders, `tidy.rs` has its table.

use std::collections::{BTreeMap, BTreeSet};

use super::tidy::rust::{code_only, crate_paths, is_ident, module_path, use_tree, without_tests};
use super::tidy::{Source, sources, test_modules};

const FOLDERS: &[&str] = &["project", "data", "recipe", "ops", "model/gradient"];

/// Circles that stay: the folder, its files, and why. `ARCHITECTURE.md` carries the same list.
const LEFT: &[(&str, &[&str], &str)] = &[];

/// The files that each file imports from, by module: `data/formats/source`.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn files_import_in_one_direction() {
    let sources = sources();
    let tests = test_modules(&sources);
    let is_code = |s: &&Source| s.path.starts_with("src/") && !tests.iter().any(|t| s.path.starts_with(t.as_str()));
    let imports = imports(&sources.iter().filter(is_code).collect::<Vec<_>>());
    for folder in FOLDERS {
        let inside: Vec<&String> = imports.keys().filter(|file| is_inside(file, folder)).collect();
        assert!(inside.len() > 3, "{folder} has moved");
        let known: Vec<Vec<String>> = LEFT
            .iter()
            .filter(|(of, ..)| of == folder)
            .map(|(_, files, _)| files.iter().map(|file| format!("{folder}/{file}")).collect())
            .collect();
        assert_eq!(
            circles(&imports, folder),
            known,
            "circles in {folder}: name those that stay in LEFT, with a reason"
        );
    }
}

#[test]
fn a_circle_is_found_and_a_tree_is_none() {
    let source = |(path, text): &(&str, &str)| Source { path: (*path).to_owned(), text: (*text).to_owned() };
    let found = |files: &[(&str, &str)]| {
        let sources: Vec<Source> = files.iter().map(source).collect();
        circles(&imports(&sources.iter().collect::<Vec<_>>()), "data")
    };
    let tree = [
        ("src/data/mod.rs", "mod a;\nmod b;\npub use a::A;"),
        (
            "src/data/a.rs",
            "use super::b::{self, B};\npub struct A;\n#[cfg(test)]\nmod tests { use crate::data::c::C; }",
        ),
        ("src/data/b.rs", "/// For [`super::a`].\npub struct B;"),
        ("src/data/c.rs", "fn f() { crate::data::a::g() }"),
    ];
    assert_eq!(found(&tree), Vec::<Vec<String>>::new());
    // Through a name that the folder hands on.
    let mut circle = tree;
    circle[2].1 = "use super::A;";
    assert_eq!(found(&circle), [["data/a", "data/b"]]);
    circle[2].1 = "fn f() { crate::data::c::g() }";
    assert_eq!(found(&circle), [["data/a", "data/b", "data/c"]]);
    // A folder's own file and one in it.
    circle[2].1 = "";
    circle[0].1 = "mod a;\nmod b;\nfn f() { a::g() }";
    circle[1].1 = "use super::f;";
    assert_eq!(found(&circle), [["data", "data/a"]]);
}

fn is_inside(file: &str, folder: &str) -> bool {
    file == folder || file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Files of a folder from each of which all others can be reached; in order.
fn circles(imports: &Imports, folder: &str) -> Vec<Vec<String>> {
    let reachable = |from: &str| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(file) = next.pop() {
            for to in imports.get(&file).into_iter().flatten().filter(|to| is_inside(to, folder)) {
                if seen.insert(to.clone()) {
                    next.push(to.clone());
                }
            }
        }
        seen
    };
    let reach: BTreeMap<&String, BTreeSet<String>> =
        imports.keys().filter(|file| is_inside(file, folder)).map(|file| (file, reachable(file))).collect();
    let mut found = BTreeSet::new();
    for (file, to) in reach.iter().filter(|(file, to)| to.contains(**file)) {
        found.insert(
            to.iter().filter(|other| reach.get(other).is_some_and(|back| back.contains(*file))).cloned().collect(),
        );
    }
    found.into_iter().collect()
}

fn imports(sources: &[&Source]) -> Imports {
    let files: BTreeMap<String, &Source> = sources.iter().map(|s| (module_path(&s.path).join("/"), *s)).collect();
    let code: BTreeMap<&String, String> =
        files.iter().map(|(file, source)| (file, without_tests(&code_only(&source.text)))).collect();
    // What a file hands on of others, by name; such a line alone isn't an import.
    let handed_on: BTreeMap<&String, BTreeMap<String, String>> = code
        .iter()
        .map(|(file, code)| {
            let paths = uses(code, "pub use ").into_iter().map(|path| absolute(&path, file, &files));
            (*file, paths.map(|path| (path.rsplit('/').next().unwrap_or_default().to_owned(), path)).collect())
        })
        .collect();
    let target = |path: &str| {
        let (mut file, mut name) = longest(path, &files)?;
        while let Some(path) = handed_on.get(&file).and_then(|names| names.get(&name)) {
            (file, name) = longest(path, &files)?;
        }
        Some(file)
    };
    code.iter()
        .map(|(file, code)| {
            // Who may see something isn't an import.
            let code = without_handing_on(code).replace("pub(in crate::", "pub(in ");
            // A module within a file takes its names from that file.
            let code = code.replace("use super::*;", "");
            let module: Vec<String> = file.split('/').map(str::to_owned).collect();
            let mut paths: Vec<String> =
                crate_paths(&code, &module).into_iter().map(|(_, path)| path.replace("::", "/")).collect();
            paths.extend(paths_of_children(&code, file, &files));
            paths.extend(paths_by_attribute(&files[*file].text, &code, file, &files));
            let to = paths.iter().filter_map(|path| target(path)).filter(|to| to != *file).collect();
            ((*file).clone(), to)
        })
        .collect()
}

/// The file that a path leads into, and the first name in it.
fn longest(path: &str, files: &BTreeMap<String, &Source>) -> Option<(String, String)> {
    let parts: Vec<&str> = path.split('/').collect();
    (1..=parts.len()).rev().find_map(|num| {
        let file = parts[..num].join("/");
        files.contains_key(&file).then(|| (file, parts.get(num).copied().unwrap_or_default().to_owned()))
    })
}

/// The paths of all statements that begin like this, groups unfolded.
fn uses(code: &str, statement: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices(statement) {
        use_tree(&mut &code[at + statement.len()..], String::new(), &mut paths);
    }
    paths
}

fn without_handing_on(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("pub use ") {
        out.push_str(&rest[..at]);
        rest = &rest[at + rest[at..].find(';').map_or(rest.len() - at, |end| end + 1)..];
    }
    out + rest
}

/// From the crate's root; `use_tree` has left out `self`.
fn absolute(path: &str, file: &str, files: &BTreeMap<String, &Source>) -> String {
    let path = path.replace("::", "/");
    if let Some(path) = path.strip_prefix("crate/") {
        return path.to_owned();
    }
    let (mut base, mut rest) = (file.to_owned(), path.as_str());
    while let Some(after) = rest.strip_prefix("super/") {
        base = base.rsplit_once('/').map(|(parent, _)| parent.to_owned()).unwrap_or_default();
        rest = after;
    }
    let inside = format!("{base}/{rest}");
    if longest(&inside, files).is_some() { inside } else { rest.to_owned() }
}

/// `child::name`, where the file is a folder's own and the child lies in it.
fn paths_of_children(code: &str, file: &str, files: &BTreeMap<String, &Source>) -> Vec<String> {
    let mut paths = Vec::new();
    for child in
        files.keys().filter_map(|other| other.strip_prefix(file)?.strip_prefix('/')).filter(|c| !c.contains('/'))
    {
        for (at, _) in code.match_indices(&format!("{child}::")) {
            let before = code[..at].strip_suffix("self::").unwrap_or(&code[..at]);
            if !before.ends_with(|c| is_ident(c) || c == ':') {
                let mut rest = &code[at..];
                let mut found = Vec::new();
                use_tree(&mut rest, String::new(), &mut found);
                paths.extend(found.into_iter().map(|path| format!("{file}/{}", path.replace("::", "/"))));
            }
        }
    }
    paths
}

/// `name::x`, where `#[path = "other.rs"] mod name;` says which file that is.
fn paths_by_attribute(text: &str, code: &str, file: &str, files: &BTreeMap<String, &Source>) -> Vec<String> {
    let mut paths = Vec::new();
    for declared in text.split("#[path = \"").skip(1) {
        let Some((path, rest)) = declared.split_once('"') else { continue };
        let Some(name) = rest.split_once("mod ").and_then(|(_, rest)| rest.split_once(';')).map(|(name, _)| name)
        else {
            continue;
        };
        let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
        let path = format!("{file}/{path}");
        if files.contains_key(&path) && code.contains(&format!("{name}::")) {
            paths.push(path);
        }
    }
    paths
}
