//! How `project.db` is made and opened. A file that isn't ours, or is newer, is never written to.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::migrate;
use super::schema::{APPLICATION_ID, LATER_TABLES, PAGE_BYTES, STORE_FILE, TABLES, VERSION, pragma};
use super::transaction::{BUSY_TIMEOUT, wait_for_writer};
use crate::project::error::ProjectError;

/// Makes the file with its tables beside its place, so that there is never half a project, and opens it.
pub fn create(path: &Path) -> Result<Connection, ProjectError> {
    let io = |e| ProjectError::io(path, e);
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = crate::fs::temporary(folder, ".project-", ".db").map_err(io)?;
    let db = Connection::open(file.path())?;
    db.pragma_update(None, "page_size", PAGE_BYTES)?;
    // So that room that isn't needed any more can be given back to the disk.
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
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

/// Opens a file that is there; for reading only, where it or its folder can't be written to.
pub fn open(path: &Path) -> Result<Connection, ProjectError> {
    match open_to_write(path) {
        Err(ProjectError::Store(error)) if is_unwritable(&error) => {
            // Where that doesn't work either, the first error says more.
            open_to_read(path).map_err(|e| if let ProjectError::Store(_) = e { ProjectError::Store(error) } else { e })
        }
        opened => opened,
    }
}

fn open_to_write(path: &Path) -> Result<Connection, ProjectError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags)?;
    distrust(&db)?;
    check_whole(&db, path)?;
    configure(&mut db)?;
    if db.is_readonly("main")? {
        return in_read_only(db);
    }
    migrate::to_present(&mut db)?;
    db.execute_batch(LATER_TABLES)?;
    Ok(db)
}

/// On a read-only disk, SQLite can't make the files that it shares with other programs. Without a log there is nothing in
/// them, and nobody can write: the file is what it is.
fn open_to_read(path: &Path) -> Result<Connection, ProjectError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let log = path.with_file_name(format!("{STORE_FILE}-wal"));
    let has_log = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
    let db = match has_log {
        true => Connection::open_with_flags(path, flags)?,
        false => Connection::open_with_flags(immutable_uri(path), flags | OpenFlags::SQLITE_OPEN_URI)?,
    };
    distrust(&db)?;
    check_whole(&db, path)?;
    db.set_prepared_statement_cache_capacity(64);
    in_read_only(db)
}

/// Tables that the store doesn't have yet become empty ones in memory.
fn in_read_only(db: Connection) -> Result<Connection, ProjectError> {
    if pragma(&db, "user_version")? != VERSION {
        return Err(ProjectError::OldReadOnly);
    }
    for table in LATER_TABLES.split_inclusive(';').filter(|table| !table.trim().is_empty()) {
        if db.execute_batch(table).is_err() {
            db.execute_batch(&table.replacen("CREATE TABLE", "CREATE TEMP TABLE", 1))?;
        }
    }
    Ok(db)
}

fn immutable_uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    let bytes = path.as_os_str().as_encoded_bytes();
    // `C:/` would be a host's name.
    uri.push_str(if bytes.get(1) == Some(&b':') { "///" } else { "" });
    for byte in bytes {
        match byte {
            b'\\' if cfg!(windows) => uri.push('/'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b':' => uri.push(char::from(*byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}

fn is_unwritable(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied))
}

fn check_whole(db: &Connection, path: &Path) -> Result<(), ProjectError> {
    check(db, path).map_err(|error| match error {
        ProjectError::Store(e) if is_damage(&e) => ProjectError::Damaged { path: path.into(), message: e.to_string() },
        other => other,
    })
}

/// A store may come from a stranger. Ours has no triggers and no views, so that none that it has is ever run.
fn distrust(db: &Connection) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    Ok(())
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

/// WAL lets one thread read while another writes; FULL means that what is committed survives a power cut.
fn configure(db: &mut Connection) -> Result<(), ProjectError> {
    db.busy_handler(Some(wait_for_writer))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "cache_size", -32_000)?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(())
}
