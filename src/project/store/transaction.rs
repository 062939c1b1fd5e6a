//! Taking turns at writing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// How long a connection waits for another one that writes.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(20);

/// SQLite's own handler soon looks only every tenth of a second, and misses the gaps that an import leaves.
pub fn wait_for_writer(num_tries: i32) -> bool {
    const PAUSE: Duration = Duration::from_millis(2);
    std::thread::sleep(PAUSE);
    PAUSE * num_tries.unsigned_abs() < BUSY_TIMEOUT
}

/// Connections of this process that wait for their turn to write.
static NUM_WAITING: AtomicUsize = AtomicUsize::new(0);

/// A transaction that writes: it waits for another writer at its start and not half-way.
pub fn begin(db: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    NUM_WAITING.fetch_add(1, Ordering::SeqCst);
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate);
    NUM_WAITING.fetch_sub(1, Ordering::SeqCst);
    tx
}

/// Whether another connection of this process waits for its turn to write.
pub fn is_anyone_waiting() -> bool {
    NUM_WAITING.load(Ordering::SeqCst) > 0
}

/// [`begin`] for one transaction of many that follow each other at once, such as an import's: SQLite knows no queue,
/// and an edit in between would never get its turn.
pub fn begin_after_others(db: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    const LONGEST_WAIT: Duration = Duration::from_secs(1);
    let started = Instant::now();
    while is_anyone_waiting() && started.elapsed() < LONGEST_WAIT {
        std::thread::sleep(Duration::from_millis(1));
    }
    begin(db)
}
