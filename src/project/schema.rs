//! `project.db`: its tables, and how it is made and opened. A file that isn't ours, or is newer, is never written to.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::ProjectError;

/// In the file's header: "Tnwr".
const APPLICATION_ID: i64 = 0x546E_7772;
/// Raised when the tables change.
const VERSION: i64 = 1;

/// `presence`: 0 removed (kept for undo), 1 present, 2 arriving with an import that isn't done.
/// `marks`: bit 0 edited by hand, bit 1 set aside. `split`: 0 train, 1 validation, 2 test.
/// Rows are in order of (`position`, `number`): a copy shares its original's position.
/// The long `messages` (the whole example as JSON) come last, so that the table's columns are read without them.
const TABLES: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ('revision', '0');
    CREATE TABLE examples (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        position INTEGER NOT NULL,
        number INTEGER NOT NULL,
        presence INTEGER NOT NULL,
        split INTEGER NOT NULL,
        marks INTEGER NOT NULL,
        prompt_key INTEGER NOT NULL,
        num_turns INTEGER NOT NULL,
        prompt TEXT NOT NULL,
        answer TEXT NOT NULL,
        messages TEXT NOT NULL
    );
    CREATE INDEX examples_in_order ON examples (presence, position, number, split, marks);
    CREATE VIRTUAL TABLE search USING fts5 (
        text, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
    );
    CREATE TABLE journal (
        seq INTEGER PRIMARY KEY,
        label TEXT NOT NULL,
        steps TEXT NOT NULL,
        source TEXT,
        is_undone INTEGER NOT NULL DEFAULT 0
    );
";

/// Makes the file with its tables beside its place, so that there is never half a project, and opens it.
pub fn create(path: &Path) -> Result<Connection, ProjectError> {
    let io = |e| ProjectError::io(path, e);
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = tempfile::Builder::new().prefix(".project-").suffix(".db").tempfile_in(folder).map_err(io)?;
    let db = Connection::open(file.path())?;
    db.execute_batch(TABLES)?;
    db.pragma_update(None, "application_id", APPLICATION_ID)?;
    db.pragma_update(None, "user_version", VERSION)?;
    db.close().map_err(|(_, e)| e)?;
    file.as_file().sync_all().map_err(io)?;
    file.persist_noclobber(path).map_err(|e| match e.error.kind() {
        std::io::ErrorKind::AlreadyExists => ProjectError::Exists { folder: folder.into() },
        _ => io(e.error),
    })?;
    open(path)
}

/// Opens a file that is there.
pub fn open(path: &Path) -> Result<Connection, ProjectError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    check(&db, path).map_err(|error| match error {
        ProjectError::Store(e) if is_damage(&e) => ProjectError::Damaged { path: path.into(), message: e.to_string() },
        other => other,
    })?;
    configure(&db)?;
    Ok(db)
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

fn check(db: &Connection, path: &Path) -> Result<(), ProjectError> {
    db.busy_timeout(BUSY_TIMEOUT)?;
    let num_tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if num_tables == 0 {
        let message = "it is empty".to_owned();
        return Err(ProjectError::Damaged { path: path.into(), message });
    }
    if pragma(db, "application_id")? != APPLICATION_ID {
        return Err(ProjectError::Foreign { path: path.into() });
    }
    let version = pragma(db, "user_version")?;
    if version > VERSION {
        return Err(ProjectError::Newer { path: path.into(), version, known: VERSION });
    }
    Ok(())
}

fn pragma(db: &Connection, name: &str) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, name, |row| row.get(0))
}

const BUSY_TIMEOUT: Duration = Duration::from_secs(20);

/// WAL lets one thread read while another writes; FULL means that what is committed survives a power cut.
fn configure(db: &Connection) -> Result<(), ProjectError> {
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "cache_size", -32_000)?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(())
}
