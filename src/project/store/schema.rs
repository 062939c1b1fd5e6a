//! The tables of `project.db`.

use rusqlite::Connection;

/// The store's name in the project's folder.
pub const STORE_FILE: &str = "project.db";

/// In the file's header: "Tnwr".
pub const APPLICATION_ID: i64 = 0x546E_7772;
/// Raised when the tables change; [`super::migrate`] brings older stores up to it.
pub const VERSION: i64 = 3;

/// The page size of a new store; those of the first versions have 4,096. An import has fewer pages to write, and edits
/// still little.
pub const PAGE_BYTES: i64 = 16_384;

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
pub const TABLES: &str = "
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

/// They came later than the others, and every store is given them when it is opened; older versions don't miss them.
///
/// A second label counts while its example still has the prompt that was labelled (`prompt_key`), and a mark of a finding
/// while it still has the text that was looked at (`content_key`).
pub const LATER_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS second_labels (
        example INTEGER PRIMARY KEY, prompt_key INTEGER NOT NULL, label TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS not_faults (
        example INTEGER NOT NULL, check_name TEXT NOT NULL, content_key INTEGER NOT NULL,
        PRIMARY KEY (example, check_name)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS checks_off (check_name TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS provenance (example INTEGER PRIMARY KEY, row_id TEXT, group_name TEXT);
";

pub fn pragma(db: &Connection, name: &str) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, name, |row| row.get(0))
}
