//! A project: its folder, its store, and what a window asks of it. One `Project` belongs to one thread; several may be
//! open on the same folder, also in other processes.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::edits;
use super::error::ProjectError;
use super::findings::{LOSS_FROM, TOKENS_FROM, num_queued, origin};
use super::journal::{self, Direction, Recorder};
use super::order::Order;
use super::schema;
use super::standing::FileId;
use super::state::{Edit, ProjectState, Settings, SplitCounts};
use crate::recipe::Recipe;

/// The store's name in the project's folder.
pub const STORE_FILE: &str = "project.db";

pub struct Project {
    folder: PathBuf,
    /// That was opened; its place may go to another one.
    pub(super) file: Option<FileId>,
    pub(super) db: Connection,
    pub(super) order: Order,
    pub(super) last_changed: Option<i64>,
    /// The order of the labels was looked at since the project was opened.
    pub(super) has_label_order: bool,
}

/// The examples that an edit, undo or redo was about; the new one after `Insert` and `Duplicate`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changed {
    /// Empty if nothing was to do.
    pub ids: Vec<i64>,
}

impl Project {
    /// Makes a new project; missing folders are made, an existing project is an error.
    pub fn create(folder: &Path) -> Result<Self, ProjectError> {
        std::fs::create_dir_all(folder).map_err(|e| ProjectError::io(folder, e))?;
        if folder.join(STORE_FILE).exists() {
            return Err(ProjectError::Exists { folder: folder.into() });
        }
        let db = schema::create(&folder.join(STORE_FILE))?;
        Self::new(folder, db)
    }

    /// Opens the project in `folder`.
    pub fn open(folder: &Path) -> Result<Self, ProjectError> {
        let path = folder.join(STORE_FILE);
        if !path.is_file() {
            return Err(match folder.exists() {
                true => ProjectError::NotAProject { folder: folder.into() },
                false => ProjectError::NotFound { folder: folder.into() },
            });
        }
        Self::new(folder, schema::open(&path)?)
    }

    /// Opens the project in `folder`, or makes one there.
    pub fn open_or_create(folder: &Path) -> Result<Self, ProjectError> {
        match Self::open(folder) {
            Err(ProjectError::NotAProject { .. } | ProjectError::NotFound { .. }) => match Self::create(folder) {
                // Another window was quicker.
                Err(ProjectError::Exists { .. }) => Self::open(folder),
                made => made,
            },
            opened => opened,
        }
    }

    fn new(folder: &Path, db: Connection) -> Result<Self, ProjectError> {
        let folder = std::path::absolute(folder).map_err(|e| ProjectError::io(folder, e))?;
        let file = FileId::of(&folder.join(STORE_FILE));
        Ok(Self { folder, file, db, order: Order::default(), last_changed: None, has_label_order: false })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The project at a glance.
    pub fn state(&mut self) -> Result<ProjectState, ProjectError> {
        let counts = self.counts()?;
        let labels = journal::labels(&self.db)?;
        let settings = self.settings()?;
        let folder_name = || self.folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(ProjectState {
            name: if settings.name.is_empty() { folder_name() } else { settings.name.clone() },
            folder: self.folder.clone(),
            counts,
            source: labels.source,
            undo: labels.undo.map(|label| format!("Undo {label}")),
            redo: labels.redo.map(|label| format!("Redo {label}")),
            settings,
            tokens_from: origin(&self.db, TOKENS_FROM)?,
            loss_from: origin(&self.db, LOSS_FROM)?,
            num_queued: num_queued(&self.db)?,
            has_dates: self.has_dates()?,
            revision: self.order.revision(),
            content_revision: journal::content_revision(&self.db)?,
            last_changed: self.last_changed.filter(|id| self.order.contains(*id)),
        })
    }

    pub fn counts(&mut self) -> Result<SplitCounts, ProjectError> {
        self.order.refresh(&mut self.db)?;
        Ok(self.order.counts())
    }

    /// The same, with the revision of the content that they are of, or an earlier one.
    pub fn counts_at(&mut self) -> Result<(SplitCounts, u64), ProjectError> {
        let revision = journal::content_revision(&self.db)?;
        Ok((self.counts()?, revision))
    }

    /// Makes a change; it is on the disk when this returns.
    pub fn apply(&mut self, edit: &Edit) -> Result<Changed, ProjectError> {
        let tx = begin(&mut self.db)?;
        let mut recorder = Recorder::start(&tx)?;
        let label = edits::make(&mut recorder, edit)?;
        let Some((revision, ids)) = recorder.finish(&label, None)? else { return Ok(Changed::default()) };
        tx.commit()?;
        self.order.follow(&self.db, revision, &ids)?;
        self.last_changed = only(&ids);
        Ok(Changed { ids })
    }

    /// Takes the last change back; `None` if there is none.
    pub fn undo(&mut self) -> Result<Option<Changed>, ProjectError> {
        self.travel(Direction::Back)
    }

    /// Makes the last undone change again; `None` if there is none.
    pub fn redo(&mut self) -> Result<Option<Changed>, ProjectError> {
        self.travel(Direction::Forward)
    }

    fn travel(&mut self, direction: Direction) -> Result<Option<Changed>, ProjectError> {
        let tx = begin(&mut self.db)?;
        let Some((ids, revision)) = journal::travel(&tx, direction)? else { return Ok(None) };
        tx.commit()?;
        self.order.follow(&self.db, revision, &ids)?;
        self.last_changed = only(&ids);
        Ok(Some(Changed { ids }))
    }

    /// What is remembered between starts.
    pub fn settings(&self) -> Result<Settings, ProjectError> {
        let sql = "SELECT value FROM meta WHERE key = 'settings'";
        let text: Option<String> = self.db.query_row(sql, [], |row| row.get(0)).optional()?;
        let mut settings = text.map_or_else(Settings::default, |text| {
            serde_json::from_str(&text).unwrap_or_else(|e| {
                log::warn!("the settings of {} can't be read and start afresh: {e}", self.folder.display());
                Settings::default()
            })
        });
        settings.recipe = settings.recipe.map(Recipe::of_settings);
        Ok(settings)
    }

    pub fn save_settings(&mut self, settings: &Settings) -> Result<(), ProjectError> {
        let text = serde_json::to_string(settings).map_err(ProjectError::Content)?;
        self.db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('settings', ?)", params![text])?;
        Ok(())
    }
}

fn only(ids: &[i64]) -> Option<i64> {
    if let [id] = ids { Some(*id) } else { None }
}

/// Connections of this process that wait for their turn to write.
static NUM_WAITING: AtomicUsize = AtomicUsize::new(0);

/// A transaction that writes: it waits for another writer at its start and not half-way.
pub(super) fn begin(db: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    NUM_WAITING.fetch_add(1, Ordering::SeqCst);
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate);
    NUM_WAITING.fetch_sub(1, Ordering::SeqCst);
    tx
}

/// Whether another connection of this process waits for its turn to write.
pub(super) fn is_anyone_waiting() -> bool {
    NUM_WAITING.load(Ordering::SeqCst) > 0
}

/// The same for one transaction of many that follow each other at once, such as an import's: SQLite knows no queue, and
/// an edit in between would never get its turn.
pub(super) fn begin_after_others(db: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    const LONGEST_WAIT: Duration = Duration::from_secs(1);
    let started = Instant::now();
    while is_anyone_waiting() && started.elapsed() < LONGEST_WAIT {
        std::thread::sleep(Duration::from_millis(1));
    }
    begin(db)
}
