//! Room on the disk: how much an import may write so that all of it can be removed again, and how the room of what was
//! removed is given back.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::schema::pragma;
use super::transaction::wait_for_writer;
use crate::project::error::ProjectError;

/// The bytes that a folder's disk has left; `None` where that isn't known.
pub type Free = fn(&Path) -> Option<u64>;

pub fn free(folder: &Path) -> Option<u64> {
    fs4::available_space(folder).ok()
}

/// With more, one transaction can't fill the disk.
const PLENTY: u64 = 1 << 30;
/// Stays free: what was written can then be removed again.
const KEPT_FREE: u64 = 2 << 20;
/// The bytes that a byte of text takes on the disk at most: in the log, in the index and in the file.
const BYTES_OF_TEXT: u64 = 8;
/// How long the end of a clean-up waits for those who read.
const READERS: Duration = Duration::from_millis(500);
/// Pages given back in one transaction.
const PAGES_AT_ONCE: i64 = 1024;

/// How many bytes of texts the next transaction may write.
pub fn for_texts(db: &Connection, folder: &Path, free: Free) -> Result<u64, ProjectError> {
    if free(folder).is_none_or(|free| free >= PLENTY) {
        return Ok(u64::MAX);
    }
    // What is only in the log so far will need the same room in the file.
    let waiting = u64::try_from(take_in_log(db)? * pragma(db, "page_size")?).unwrap_or_default();
    let free = free(folder).unwrap_or_default();
    Ok(free.saturating_sub(KEPT_FREE + waiting) / BYTES_OF_TEXT)
}

/// Gives the room of what was removed back to the disk, as far as that can be done; nothing but the file's size changes.
pub fn give_back(db: &mut Connection, folder: &Path, free: Free) -> rusqlite::Result<()> {
    const NONE: i64 = 0;
    let num_free = pragma(db, "freelist_count")?;
    if pragma(db, "auto_vacuum")? == NONE {
        // A store of an earlier version: only a copy is smaller, and worth it where it is much smaller.
        let (num_pages, page_bytes) = (pragma(db, "page_count")?, pragma(db, "page_size")?);
        let copy = u64::try_from((num_pages - num_free) * page_bytes).unwrap_or_default();
        if num_free > num_pages / 2 && free(folder).is_none_or(|free| free > 3 * copy + KEPT_FREE) {
            db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
            db.execute_batch("VACUUM")?;
        }
    } else {
        let mut left = num_free;
        while left > 0 {
            // A row for each page, all of which have to be asked for.
            let mut pages = db.prepare(&format!("PRAGMA incremental_vacuum({PAGES_AT_ONCE})"))?;
            let mut rows = pages.query([])?;
            while rows.next()?.is_some() {}
            drop(rows);
            let now = pragma(db, "freelist_count")?;
            if now >= left {
                break;
            }
            left = now;
            take_in_log(db)?;
        }
    }
    // The file gets its new size by that, and the log its own; someone who reads just now keeps them a little longer.
    db.busy_timeout(READERS)?;
    let done = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    db.busy_handler(Some(wait_for_writer))?;
    done
}

/// Takes the log into the file as far as nobody reads it, so that the next transaction begins it anew. Gives the number of
/// pages that wait in it.
pub fn take_in_log(db: &Connection) -> rusqlite::Result<i64> {
    let sql = "PRAGMA wal_checkpoint(PASSIVE)";
    db.query_row(sql, [], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))
}
