//! Looking through a folder of models: as deep as programs nest them, and no further than a limit.

use std::path::Path;

use walkdir::WalkDir;

use super::{Beside, Candidate, NotOffered};
use crate::hub::HubError;
use crate::hub::listing::reason_against;
use crate::hub::part::file_name;
use crate::hub::resolve::{has_extension, is_model_folder, is_whole_gguf};
use crate::recipe::ModelRef;
use crate::task::Task;

/// Folders within folders: LM Studio has owner and repository above the file, Jan one more.
const MAX_DEPTH: usize = 5;
/// Entries that are looked at in one folder of models and all folders in it.
const MAX_ENTRIES: usize = 50_000;
/// Notes and left-out files of one folder; those beyond are told by their number nowhere.
const MAX_TOLD: usize = 20;

/// GGUF files, and folders with a configuration and weights.
pub(super) fn in_folder(
    folder: &Path,
    place: &'static str,
    beside: &mut Beside,
    task: &dyn Task,
) -> Result<Vec<Candidate>, HubError> {
    in_folder_up_to(MAX_ENTRIES, folder, place, beside, task)
}

fn in_folder_up_to(
    max_entries: usize,
    folder: &Path,
    place: &'static str,
    beside: &mut Beside,
    task: &dyn Task,
) -> Result<Vec<Candidate>, HubError> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    let is_wanted = |entry: &walkdir::DirEntry| {
        // Half a download isn't a model; neither is a hidden file.
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !(name.starts_with('.') || name.ends_with(".part"))
    };
    let most_told = (beside.notes.len() + MAX_TOLD, beside.left_out.len() + MAX_TOLD);
    let walk = WalkDir::new(folder).max_depth(MAX_DEPTH).follow_links(true).sort_by_file_name();
    for (index, entry) in walk.into_iter().filter_entry(is_wanted).enumerate() {
        if task.is_stopped() {
            return Err(HubError::Stopped);
        }
        if index == max_entries {
            let most = crate::words::thousands(max_entries);
            beside.notes.push(format!(
                "{} has more than {most} files: what came after them wasn't looked at",
                folder.display()
            ));
            break;
        }
        match entry {
            Ok(entry) => {
                let path = entry.path();
                if let Some(candidate) = candidate(path, &entry, place) {
                    found.push(candidate);
                } else if beside.left_out.len() < most_told.1 {
                    beside.left_out.extend(left_out(path, &entry, place));
                }
            }
            // A link in a circle leads to what was seen already.
            Err(error) if error.loop_ancestor().is_some() => {}
            Err(error) if beside.notes.len() < most_told.0 => beside.notes.extend(unreadable(&error)),
            Err(_) => {}
        }
    }
    Ok(found)
}

fn candidate(path: &Path, entry: &walkdir::DirEntry, place: &'static str) -> Option<Candidate> {
    let (model, name) = if entry.file_type().is_dir() {
        is_model_folder(path).then_some(())?;
        // A folder that was fetched from the Hub carries its repository's name.
        let name = file_name(path).replacen("--", "/", 1);
        (ModelRef::Folder(path.to_owned()), name.split('@').next().map(str::to_owned))
    } else {
        (entry.file_type().is_file() && is_whole_gguf(path)).then_some(())?;
        (ModelRef::Gguf(path.to_owned()), name_of_file(path))
    };
    Some(Candidate { model, path: path.to_owned(), name, place, note: None })
}

/// Where the file's own name says little: Jan calls all of them `model.gguf`, llama.cpp puts owner and repository before it.
fn name_of_file(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_string_lossy();
    if stem.eq_ignore_ascii_case("model") {
        return Some(file_name(path.parent()?));
    }
    stem.split_once("-GGUF_").map(|(_, name)| name.to_owned())
}

/// Only weights of models: a folder that a person named may hold anything.
fn left_out(path: &Path, entry: &walkdir::DirEntry, place: &str) -> Option<NotOffered> {
    let is_gguf = entry.file_type().is_file() && has_extension(path, "gguf");
    let reason = is_gguf.then(|| reason_against(&file_name(path))).flatten()?;
    Some(NotOffered { path: path.to_owned(), place: place.to_owned(), reason: reason.to_owned() })
}

fn unreadable(error: &walkdir::Error) -> Option<String> {
    let path = error.path()?;
    let source = error.io_error()?;
    // A link to what is gone.
    (source.kind() != std::io::ErrorKind::NotFound)
        .then(|| format!("{} can't be looked through: {source}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{Control, Unwatched};

    fn names(found: &[Candidate]) -> Vec<String> {
        found.iter().map(|candidate| file_name(&candidate.path)).collect()
    }

    #[test]
    fn a_full_folder_is_left_at_the_limit_which_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for index in 0..100 {
            crate::fs::write_atomic(&folder.path().join(format!("{index:03}.gguf")), b"x").unwrap();
        }
        let mut beside = Beside::default();
        let found = in_folder_up_to(51, folder.path(), "Here", &mut beside, &Unwatched).unwrap();
        assert_eq!(found.len(), 50, "the folder itself is the first entry");
        assert!(beside.notes[0].contains("more than 51 files"), "{:?}", beside.notes);
    }

    #[test]
    #[cfg(unix)]
    fn links_in_circles_and_folders_that_cannot_be_read_end_nothing() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        for path in ["a/good.gguf", "a/mmproj-good.gguf", "closed/hidden.gguf"] {
            crate::fs::write_atomic(&at(path), b"x").unwrap();
        }
        symlink(folder.path(), at("a/up")).unwrap();
        symlink(at("nowhere"), at("a/gone.gguf")).unwrap();
        symlink(at("loop"), at("loop")).unwrap();
        std::fs::set_permissions(at("closed"), PermissionsExt::from_mode(0o000)).unwrap();
        // Nothing is closed to root.
        let is_root = std::fs::read_dir(at("closed")).is_ok();
        let mut beside = Beside::default();
        let found = in_folder(folder.path(), "Here", &mut beside, &Unwatched).unwrap();
        std::fs::set_permissions(at("closed"), PermissionsExt::from_mode(0o700)).unwrap();
        let expected: &[&str] = if is_root { &["good.gguf", "hidden.gguf"] } else { &["good.gguf"] };
        assert_eq!(names(&found), expected);
        assert_eq!(beside.left_out.len(), 1);
        assert!(beside.left_out[0].reason.contains("mmproj"));
        let closed = beside.notes.iter().filter(|note| note.contains("closed")).count();
        assert_eq!(closed, usize::from(!is_root), "{:?}", beside.notes);
    }

    #[test]
    fn a_stopped_search_ends_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let control = Control::default();
        control.stop();
        let ended = in_folder(folder.path(), "Here", &mut Beside::default(), &control);
        assert!(matches!(ended, Err(HubError::Stopped)));
    }
}
