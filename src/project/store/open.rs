//! How `project.db` is made and opened. A file that isn't ours, or is newer, is never written to.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::migrate;
use super::schema::{APPLICATION_ID, LATER_TABLES, PAGE_BYTES, TABLES, VERSION, pragma};
use crate::project::error::ProjectError;

/// Makes the file with its tables beside its place, so that there is never half a project, and opens it.
pub fn create(path: &Path) -> Result<Connection, ProjectError> {
    let io = |e| ProjectError::io(path, e);
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = tempfile::Builder::new().prefix(".project-").suffix(".db").tempfile_in(folder).map_err(io)?;
    let db = Connection::open(file.path())?;
    db.pragma_update(None, "page_size", PAGE_BYTES)?;
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
    let mut db = Connection::open_with_flags(path, flags)?;
    distrust(&db)?;
    check(&db, path).map_err(|error| match error {
        ProjectError::Store(e) if is_damage(&e) => ProjectError::Damaged { path: path.into(), message: e.to_string() },
        other => other,
    })?;
    configure(&mut db)?;
    migrate::to_present(&mut db)?;
    db.execute_batch(LATER_TABLES)?;
    Ok(db)
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

const BUSY_TIMEOUT: Duration = Duration::from_secs(20);

/// SQLite's own handler soon looks only every tenth of a second, and misses the gaps that an import leaves.
fn wait_for_writer(num_tries: i32) -> bool {
    const PAUSE: Duration = Duration::from_millis(2);
    std::thread::sleep(PAUSE);
    PAUSE * num_tries.unsigned_abs() < BUSY_TIMEOUT
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
