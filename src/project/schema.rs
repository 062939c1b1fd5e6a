//! `project.db`: its tables, and how it is made and opened. A file that isn't ours, or is newer, is never written to.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::ProjectError;
use super::{migrate, not_faults, provenance, reviewers};

/// In the file's header: "Tnwr".
const APPLICATION_ID: i64 = 0x546E_7772;
/// Raised when the tables change; [`migrate`] brings older stores up to it.
pub(super) const VERSION: i64 = 3;

/// Of a new store; those of the first versions have 4,096. An import has fewer pages to write, and edits still little.
const PAGE_BYTES: i64 = 16_384;

/// `examples` holds what is known of each, in rows short enough that all of them are read at once; `contents` what it
/// says. Rows are in order of (`position`, `number`): a copy shares its original's position.
///
/// `presence`: 0 removed (kept for undo), 1 present, 2 arriving with an import that isn't done.
/// `marks`: bit 0 edited by hand, bit 1 set aside. `split`: 0 train, 1 validation, 2 test; `given_split` is what the
/// imported file said. `review`: 0 unreviewed, 1 accepted, 2 rejected, 3 flagged. `roles`: bit 0 system, 1 user,
/// 2 assistant, 3 tool. `tags`: a sorted JSON list, null for none. `date`: milliseconds since 1970.
///
/// The search knows which words an example has, and not where (`detail`): that halves the time of an import. It is written
/// in large pieces (`hashsize`), of which a few may lie side by side (`automerge`). Older stores look up single letters at
/// once (`prefix`), which nothing needs any more.
///
/// A finding counts while its example still has the content that was checked. `changes.place` is the entry's `seq`,
/// shifted left by 32 bits, and a count.
pub(super) const TABLES: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ('revision', '0');
    CREATE TABLE examples (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        position INTEGER NOT NULL,
        number INTEGER NOT NULL,
        presence INTEGER NOT NULL,
        split INTEGER NOT NULL,
        given_split INTEGER,
        marks INTEGER NOT NULL,
        review INTEGER NOT NULL,
        num_turns INTEGER NOT NULL,
        roles INTEGER NOT NULL,
        prompt_key INTEGER NOT NULL,
        content_key INTEGER NOT NULL,
        source INTEGER,
        num_tokens INTEGER,
        loss REAL,
        label TEXT,
        tags TEXT,
        notes TEXT,
        date INTEGER
    );
    CREATE INDEX examples_with_date ON examples (date) WHERE date IS NOT NULL;
    CREATE TABLE contents (
        id INTEGER PRIMARY KEY,
        prompt TEXT NOT NULL,
        answer TEXT NOT NULL,
        content TEXT NOT NULL
    );
    CREATE TABLE sources (id INTEGER PRIMARY KEY, name TEXT NOT NULL, path TEXT, at INTEGER);
    CREATE TABLE findings (
        example INTEGER NOT NULL,
        content_key INTEGER NOT NULL,
        check_name TEXT NOT NULL,
        detail TEXT NOT NULL,
        cluster INTEGER
    );
    CREATE INDEX findings_of_example ON findings (example);
    CREATE INDEX findings_of_check ON findings (check_name);
    CREATE VIRTUAL TABLE search USING fts5 (
        text, content = '', contentless_delete = 1, detail = none, tokenize = 'unicode61 remove_diacritics 2'
    );
    INSERT INTO search (search, rank) VALUES ('hashsize', 33554432), ('automerge', 8);
    CREATE TABLE journal (
        seq INTEGER PRIMARY KEY,
        at INTEGER,
        label TEXT NOT NULL,
        source TEXT,
        is_undone INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE changes (
        place INTEGER PRIMARY KEY,
        field INTEGER NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        before,
        after
    );
    CREATE INDEX changes_of_example ON changes (first);
    CREATE INDEX changes_of_presence ON changes (first, last) WHERE field = 0;
";

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
    // They came later; older versions don't miss them.
    db.execute_batch(reviewers::TABLE)?;
    db.execute_batch(not_faults::TABLES)?;
    db.execute_batch(provenance::TABLE)?;
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

pub(super) fn pragma(db: &Connection, name: &str) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, name, |row| row.get(0))
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
