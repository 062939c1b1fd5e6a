//! Reads Rust as far as the rules need it: code without comments and texts, its imports, its tests.

use super::Finding;

pub fn find_all(code: &str, needles: &[&str], why: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate() {
        for needle in needles.iter().filter(|n| line.contains(**n)) {
            found.push((index + 1, format!("`{needle}` {why}")));
        }
    }
    found
}

pub fn find_words(code: &str, words: &[&str], why: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate() {
        for word in line.split(|c: char| !is_ident(c)).filter(|w| words.contains(w)) {
            found.push((index + 1, format!("`{word}` {why}")));
        }
    }
    found
}

pub fn is_ident(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// `src/train/sft.rs` is `[train, sft]`, `src/train/mod.rs` is `[train]`, `src/lib.rs` is `[]`.
pub fn module_path(path: &str) -> Vec<String> {
    let Some(path) = path.strip_prefix("src/").and_then(|p| p.strip_suffix(".rs")) else { return Vec::new() };
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').filter(|part| !matches!(*part, "lib" | "main")).map(str::to_owned).collect()
}

/// Every path that starts at the crate's root, `use` groups unfolded, with the line it stands on.
pub fn crate_paths(code: &str, module: &[String]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for keyword in ["crate::", "super::"] {
        for (at, _) in code.match_indices(keyword) {
            let before = &code[..at];
            // Not the middle of a longer path, nor of a longer word.
            if before.ends_with("super::") || before.ends_with(is_ident) {
                continue;
            }
            let line = before.matches('\n').count() + 1;
            let mut rest = &code[at..];
            let mut base = if keyword == "crate::" { Vec::new() } else { module.to_vec() };
            rest = rest.strip_prefix("crate::").unwrap_or(rest);
            while let Some(after) = rest.strip_prefix("super::") {
                base.pop();
                rest = after;
            }
            let mut paths = Vec::new();
            use_tree(&mut rest, base.join("::"), &mut paths);
            found.extend(paths.into_iter().map(|path| (line, path)));
        }
    }
    found
}

/// Reads `a::b::{c, d::e}` from the start of `rest` and unfolds it below `prefix`.
pub fn use_tree(rest: &mut &str, mut prefix: String, paths: &mut Vec<String>) {
    loop {
        *rest = rest.trim_start();
        if let Some(inner) = rest.strip_prefix('{') {
            *rest = inner;
            while !rest.trim_start().starts_with('}') && !rest.trim_start().is_empty() {
                use_tree(rest, prefix.clone(), paths);
                // Past `as name` and the comma.
                let end = rest.find([',', '}']).unwrap_or(rest.len());
                *rest = rest[end..].strip_prefix(',').unwrap_or(&rest[end..]);
            }
            *rest = rest.trim_start().strip_prefix('}').unwrap_or("");
            return;
        }
        let end = rest.find(|c| !is_ident(c)).unwrap_or(rest.len());
        let ident = &rest[..end];
        *rest = &rest[end..];
        if !ident.is_empty() && ident != "self" {
            prefix = if prefix.is_empty() { ident.to_owned() } else { format!("{prefix}::{ident}") };
        }
        match rest.strip_prefix("::") {
            Some(after) if !ident.is_empty() => *rest = after,
            _ => return paths.push(prefix),
        }
    }
}

/// The text with comments and the contents of literals blanked; every line keeps its number.
pub fn code_only(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let num_blank = literal_or_comment(rest, out.chars().next_back());
        if num_blank == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.extend(rest[..num_blank].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[num_blank..];
        }
    }
    out
}

/// How many bytes of `rest` are a comment or a literal; 0 where it begins with code.
pub fn literal_or_comment(rest: &str, before: Option<char>) -> usize {
    let until = |start: usize, end: &str| rest[start..].find(end).map_or(rest.len(), |at| start + at + end.len());
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until(2, "*/");
    }
    if rest.starts_with('"') {
        return end_of_quoted(rest, '"');
    }
    if let Some(raw) = rest.strip_prefix('r').filter(|_| !before.is_some_and(is_ident) || before == Some('b')) {
        let num_hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[num_hashes..].starts_with('"') {
            return until(2 + num_hashes, &format!("\"{}", "#".repeat(num_hashes)));
        }
    }
    // `'a'` and `'\n'` are characters, `'a` is a lifetime.
    let mut chars = rest.chars();
    if chars.next() == Some('\'') && (chars.next() == Some('\\') || chars.next() == Some('\'')) {
        return end_of_quoted(rest, '\'');
    }
    0
}

pub fn end_of_quoted(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if c == quote && !is_escaped {
            return at + 1;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    rest.len()
}

/// Blanks the item that follows each `#[cfg(test)]`.
pub fn without_tests(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        let end = at + end_of_item(&rest[at..]);
        out.extend(rest[at..end].chars().filter(|c| *c == '\n'));
        rest = &rest[end..];
    }
    out + rest
}

/// An item ends with `;` or with the brace that closes its first one.
pub fn end_of_item(code: &str) -> usize {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}
