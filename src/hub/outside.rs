//! Names from outside (of repositories, revisions and files) that become paths on this disk. What could lead out of its
//! folder, or means something else on another system, is refused.

use super::HubError;

/// The length of one part of a path; file systems allow no more.
const MAX_NAME_BYTES: usize = 255;

/// `owner/name`, or a name alone: letters, digits and the signs - _ . with no point in front.
pub(super) fn is_repo_id(id: &str) -> bool {
    let is_word = |part: &str| {
        is_file_name(part)
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    id.split('/').count() <= 2 && id.split('/').all(is_word)
}

/// A branch, a tag or a commit, as `git check-ref-format --allow-onelevel` takes them.
pub(super) fn is_revision(revision: &str) -> bool {
    let is_part = |part: &str| is_file_name(part) && !part.starts_with('.') && !part.ends_with(".lock");
    let is_sign = |c: char| !matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[');
    revision != "@"
        && !revision.starts_with('-')
        && !revision.ends_with('.')
        && !revision.contains("..")
        && !revision.contains("@{")
        && revision.chars().all(is_sign)
        && revision.split('/').all(is_part)
}

/// A file's path inside a repository.
pub(super) fn is_inside(path: &str) -> bool {
    path.split('/').all(is_file_name)
}

/// The name of one file or folder here.
pub(super) fn is_file_name(name: &str) -> bool {
    is_file_name_on(name, cfg!(windows))
}

/// Windows takes `C:` for a disk and `NUL` for a device, and drops points at a name's end.
fn is_file_name_on(name: &str, is_windows: bool) -> bool {
    let is_plain = !matches!(name, "" | "." | "..")
        && name.len() <= MAX_NAME_BYTES
        && !name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\'));
    is_plain && (!is_windows || is_windows_name(name))
}

fn is_windows_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let is_port = |kind: &str| stem.strip_prefix(kind).is_some_and(|rest| matches!(rest.as_bytes(), [b'1'..=b'9']));
    let is_device = matches!(&*stem, "CON" | "PRN" | "AUX" | "NUL") || is_port("COM") || is_port("LPT");
    !is_device && !name.ends_with(['.', ' ']) && !name.contains([':', '*', '?', '"', '<', '>', '|'])
}

/// Before anything is asked of the Hub or looked for on this disk.
pub(super) fn check(id: &str, revision: Option<&str>) -> Result<(), HubError> {
    if !is_repo_id(id) {
        let reason = "owner and name are letters, digits and the signs - _ .";
        return Err(HubError::BadRepo { text: id.to_owned(), reason });
    }
    match revision {
        Some(revision) if !is_revision(revision) => Err(HubError::BadRevision { text: revision.to_owned() }),
        _ => Ok(()),
    }
}

/// A name for what is meant in a repository ([`super::listing::Variant`]).
pub(super) fn check_variant(variant: Option<&str>) -> Result<(), HubError> {
    match variant {
        Some(name) if !is_inside(name) => {
            let reason = "a quantisation such as Q4_K_M, or the name of a file in it";
            Err(HubError::BadVariant { text: name.to_owned(), reason })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_git_s() {
        for good in ["main", "v1.0", "refs/pr/1", "refs/convert/parquet", "feature/a-b_c", "0123abcd", "a@b", "ünï"] {
            assert!(is_revision(good), "{good}");
        }
        for bad in [
            "", "@", "..", "../x", "a/../b", "/etc", "a//b", "a/", ".hidden", "a/.b", "a.lock", "a.lock/b", "a b",
            "a~1", "a^", "a:b", "C:x", "a\\b", "..\\x", "a?", "a*", "a[", "a@{1}", "-x", "a.", "a\nb", "a\u{7f}",
            "a\u{9b}b", "\0",
        ] {
            assert!(!is_revision(bad), "{bad:?}");
        }
        assert!(!is_revision(&"a".repeat(256)));
    }

    #[test]
    fn files_stay_in_their_repository() {
        for good in ["a.csv", "data/train-0.csv", "a/b/c", ".gitattributes", "Ein Text 🍵.txt"] {
            assert!(is_inside(good), "{good}");
        }
        for bad in ["", "/a", "a/", "../a", "a/../b", "./a", "a//b", "a\\b", "\\\\host\\a", "a\0", "a\n"] {
            assert!(!is_inside(bad), "{bad:?}");
        }
        for bad in ["C:", "a:b", "nul", "COM1.json", "con .txt", "a. ", "a.", "a?"] {
            assert!(!is_file_name_on(bad, true) && is_file_name_on(bad, false), "{bad:?}");
        }
        assert!(is_file_name_on("commander.json", true) && is_file_name_on("com0", true));
        assert!(is_repo_id("a/b-c_d.e") && is_repo_id("squad"));
        assert!(
            !is_repo_id("a/b/c") && !is_repo_id("../b") && !is_repo_id("") && !is_repo_id("a/") && !is_repo_id("a\\b")
        );
    }
}
