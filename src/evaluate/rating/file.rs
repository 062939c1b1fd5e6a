//! Sessions on the disk: `ratings/2026-11-21-1.jsonl` in the project's folder. The first line is the session, each other
//! one a choice or an undo; a line that a crash left unfinished is passed over.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::RatingError;
use super::ratings::{Line, Rated};
use super::session::{Session, VERSION};
use crate::fs::write_atomic;
use crate::run::{append_line, read_lines};

const ENDING: &str = "jsonl";

/// Where a project keeps its sessions.
pub fn folder_of(project: &Path) -> PathBuf {
    project.join("ratings")
}

/// Writes a new session into a folder, under a name of its own. Gives it with that name, and its file.
///
/// # Errors
/// [`RatingError::Io`] when it can't be written.
pub fn begin(folder: &Path, session: Session) -> Result<(Rated, PathBuf), RatingError> {
    std::fs::create_dir_all(folder).map_err(RatingError::io(folder))?;
    let today = jiff::Zoned::now().date();
    let mut number = 1;
    loop {
        let name = format!("{today}-{number}");
        let path = folder.join(format!("{name}.{ENDING}"));
        // Claims the name, also before another program.
        match std::fs::File::create_new(&path) {
            Ok(_) => {
                let session = Session { name, ..session };
                let written = write(&path, &session);
                if written.is_err() {
                    let _ = std::fs::remove_file(&path);
                }
                return written.map(|()| (Rated::new(session), path));
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(RatingError::io(&path)(error)),
        }
    }
}

fn write(path: &Path, session: &Session) -> Result<(), RatingError> {
    let line = serde_json::to_vec(&Line::Session(Box::new(session.clone()))).map_err(std::io::Error::other);
    let line = line.map(|line| [line.as_slice(), b"\n"].concat());
    line.and_then(|line| write_atomic(path, &line)).map_err(RatingError::io(path))
}

/// Adds a choice or an undo to a session's file; it is on the disk when this returns.
///
/// # Errors
/// [`RatingError::Io`] when the file isn't there or can't be written.
pub fn append(path: &Path, line: &Line) -> Result<(), RatingError> {
    if !path.is_file() {
        return Err(RatingError::io(path)(ErrorKind::NotFound.into()));
    }
    append_line(path, line).map_err(RatingError::io(path))
}

/// A session with all that was chosen so far.
///
/// # Errors
/// [`RatingError::NotASession`], [`RatingError::Newer`], or [`RatingError::Io`] when it can't be read.
pub fn read(path: &Path) -> Result<Rated, RatingError> {
    if !path.is_file() {
        return Err(RatingError::io(path)(ErrorKind::NotFound.into()));
    }
    let mut lines = read_lines::<Line>(path).map_err(RatingError::io(path))?.into_iter();
    let Some(Line::Session(session)) = lines.next() else {
        return Err(RatingError::NotASession { path: path.to_owned() });
    };
    if session.version > VERSION {
        return Err(RatingError::Newer { path: path.to_owned() });
    }
    let mut rated = Rated::new(*session);
    lines.for_each(|line| rated.apply(line));
    Ok(rated)
}

/// All sessions in a folder, the newest first; a file that isn't one is left out, and said in the log.
///
/// # Errors
/// [`RatingError::Io`] when the folder is there and can't be read.
pub fn list(folder: &Path) -> Result<Vec<Rated>, RatingError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(RatingError::io(folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(RatingError::io(folder))?.path();
        if path.extension().is_none_or(|ending| ending != ENDING) {
            continue;
        }
        match read(&path) {
            Ok(rated) => found.push(rated),
            Err(error) => log::warn!("a rating session is not listed: {error}"),
        }
    }
    let time = |rated: &Rated| rated.session.at.parse::<jiff::Zoned>().map(|at| at.timestamp()).ok();
    found.sort_by(|a, b| time(b).cmp(&time(a)).then_with(|| b.session.name.cmp(&a.session.name)));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::ratings::Choice;
    use super::super::session::tests::session;
    use super::*;

    #[test]
    fn a_session_is_as_it_was_after_a_crash() {
        let project = tempfile::tempdir().unwrap();
        let folder = folder_of(project.path());
        assert_eq!(list(&folder).unwrap(), []);
        let (mut rated, path) = begin(&folder, session(4, 3)).unwrap();
        for line in [
            Line::rating(0, Choice::Left, "Ada", "why"),
            Line::rating(1, Choice::BothBad, "Ada", ""),
            Line::undo("Ada"),
            Line::rating(1, Choice::Tie, "Bo", ""),
        ] {
            append(&path, &line).unwrap();
            rated.apply(line);
        }
        assert_eq!((read(&path).unwrap(), rated.ratings.len()), (rated.clone(), 2));

        // The last line is torn; what comes next begins a line of its own.
        let bytes = std::fs::read(&path).unwrap();
        write_atomic(&path, &bytes[..bytes.len() - 5]).unwrap();
        let line = Line::rating(2, Choice::Right, "Bo", "");
        append(&path, &line).unwrap();
        rated.apply(Line::undo("Bo"));
        rated.apply(line);
        assert_eq!(read(&path).unwrap(), rated);

        let (second, _) = begin(&folder, session(4, 3)).unwrap();
        assert_ne!(second.session.name, rated.session.name);
        write_atomic(&folder.join("other.jsonl"), b"{}\n").unwrap();
        assert_eq!(list(&folder).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_session_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        assert!(matches!(read(&path), Err(RatingError::Io { .. })));
        assert!(matches!(append(&path, &Line::undo("Ada")), Err(RatingError::Io { .. })), "it would have no header");
        write_atomic(&path, b"{\"messages\":[]}\n").unwrap();
        assert!(matches!(read(&path), Err(RatingError::NotASession { .. })));
        let newer = Session { version: VERSION + 1, ..session(1, 1) };
        write(&path, &newer).unwrap();
        assert!(matches!(read(&path), Err(RatingError::Newer { .. })));
    }
}
