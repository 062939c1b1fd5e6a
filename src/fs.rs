//! Files that are either the old or the new one, never half of one.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, Error, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// The ending of a file that is being written: `.train.jsonl.Ab3dEf.unfinished`.
const UNFINISHED: &str = "unfinished";

/// Writes `bytes` beside `path`, syncs them to the disk and renames them into place; makes missing folders.
///
/// # Errors
/// The system's own, when a folder or the file can't be written; then the file stays as it was.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    stream_atomic(path, |out| out.write_all(bytes))
}

/// [`write_atomic`] for what is written piece by piece; if `write` fails, the file stays as it was.
///
/// # Errors
/// The system's own, which say nothing of the temporary file: the caller knows the file's real name.
pub fn stream_atomic(
    path: &Path,
    write: impl FnOnce(&mut (dyn Write + Send)) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder)?;
    let unfinished = begin(folder, path.file_name().unwrap_or_default())?;
    let mut out = BufWriter::new(unfinished.as_file());
    write(&mut out)?;
    out.flush()?;
    drop(out);
    unfinished.as_file().sync_all()?;
    unfinished.persist(path).map_err(|e| e.error)?;
    // The rename itself is only durable once the folder is synced.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// A new file with a name of its own, deleted when dropped unless it is kept. Its permissions are those of any new file
/// (the umask's); tempfile's own would keep it from another user's trainer.
///
/// # Errors
/// The system's own, when the file can't be made.
pub fn temporary(folder: &Path, prefix: impl AsRef<OsStr>, suffix: &str) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(suffix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// A temporary file for a file of this name. What a killed program left of the same file goes.
fn begin(folder: &Path, name: &OsStr) -> std::io::Result<NamedTempFile> {
    let mut prefix = OsStr::new(".").to_owned();
    prefix.push(name);
    prefix.push(".");
    for entry in std::fs::read_dir(folder)?.flatten() {
        let is_of_name = entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
        if is_of_name && entry.path().extension().is_some_and(|ending| ending == UNFINISHED) {
            delete_abandoned(&entry.path());
        }
    }
    loop {
        let suffix = format!(".{UNFINISHED}");
        let file = temporary(folder, &prefix, &suffix).map_err(without_path)?;
        // Held while it is written, so that another program knows that somebody still does. Some disks know no locks.
        let is_held = file.as_file().try_lock().is_ok();
        if !is_held || file.path().exists() {
            return Ok(file);
        }
    }
}

/// Deletes a temporary file that nobody writes any more; such a file has no lock.
pub fn delete_abandoned(path: &Path) {
    if File::open(path).is_ok_and(|file| file.try_lock().is_ok()) {
        let _ = std::fs::remove_file(path);
    }
}

/// A path's last part, for names and messages.
pub fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether a file is one that this or an earlier version was still writing.
pub fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let of_earlier = name
        .strip_prefix(".tmp")
        .is_some_and(|random| random.len() == 6 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    of_earlier || (name.starts_with('.') && path.extension().is_some_and(|ending| ending == UNFINISHED))
}

/// tempfile's errors name the temporary file.
fn without_path(error: Error) -> Error {
    if error.get_ref().is_some() { error.kind().into() } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_new_file_has_the_permissions_of_any_other() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (plain, written) = (folder.path().join("plain"), folder.path().join("written"));
        File::create(&plain).unwrap();
        write_atomic(&written, b"text").unwrap();
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&written), mode(&plain));
    }

    #[test]
    fn replaces_whole_files_and_makes_folders() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.txt");
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_program_left_goes_and_what_is_being_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.txt");
        let held = begin(folder.path(), OsStr::new("b.txt")).unwrap();
        for name in [".b.txt.aaaaaa.unfinished", ".other.aaaaaa.unfinished"] {
            std::fs::copy(held.path(), folder.path().join(name)).unwrap();
        }
        write_atomic(&path, b"one").unwrap();
        let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        let mut expected = vec![held.path().to_owned(), path.clone(), folder.path().join(".other.aaaaaa.unfinished")];
        expected.sort();
        assert_eq!(names, expected);
        assert!(
            names.iter().filter(|name| is_unfinished(name)).count() == 2 && is_unfinished(Path::new("a/.tmpA1b2C3"))
        );
        assert!(
            !is_unfinished(&path) && !is_unfinished(Path::new(".tmp")) && !is_unfinished(Path::new("a.unfinished"))
        );
    }

    #[test]
    fn an_error_is_the_systems_own() {
        let error = write_atomic(Path::new("/proc/self/none.txt"), b"one").unwrap_err();
        assert!(!error.to_string().contains("none.txt"), "{error}");
    }
}
