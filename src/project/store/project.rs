//! A project: its folder, its store, and what a window asks of it. One `Project` belongs to one thread; several may be
//! open on the same folder, also in other processes.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use super::file_id::FileId;
use super::open;
use super::room::{self, Free};
use super::schema::STORE_FILE;
use crate::project::error::ProjectError;
use crate::project::rows::order::Order;
use crate::project::state::Settings;
use crate::recipe::Recipe;

pub struct Project {
    folder: PathBuf,
    /// That was opened; its place may go to another one.
    pub(in crate::project) file: Option<FileId>,
    pub(in crate::project) db: Connection,
    pub(in crate::project) order: Order,
    pub(in crate::project) last_changed: Option<i64>,
    /// The order of the labels was looked at since the project was opened.
    pub(in crate::project) has_label_order: bool,
    /// How much room the disk has; tests put a small one in its place.
    pub(in crate::project) free: Free,
}

impl Project {
    /// Makes a new project, and missing folders.
    ///
    /// # Errors
    /// [`ProjectError::Exists`] where the folder holds a project, [`ProjectError::Io`] where it can't be made.
    pub fn create(folder: &Path) -> Result<Self, ProjectError> {
        std::fs::create_dir_all(folder).map_err(|e| ProjectError::io(folder, e))?;
        if folder.join(STORE_FILE).exists() {
            return Err(ProjectError::Exists { folder: folder.into() });
        }
        let db = open::create(&folder.join(STORE_FILE))?;
        Self::new(folder, db)
    }

    /// Opens the project in `folder`.
    ///
    /// # Errors
    /// Where there is no project, or its store is damaged, another program's or of a newer version; the error names the
    /// folder or the file.
    pub fn open(folder: &Path) -> Result<Self, ProjectError> {
        let path = folder.join(STORE_FILE);
        if !path.is_file() {
            return Err(match folder.exists() {
                true => ProjectError::NotAProject { folder: folder.into() },
                false => ProjectError::NotFound { folder: folder.into() },
            });
        }
        Self::new(folder, open::open(&path)?)
    }

    /// Opens the project in `folder`, or makes one there.
    ///
    /// # Errors
    /// As for [`Self::open`] and [`Self::create`].
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
        Ok(Self {
            folder,
            file,
            db,
            order: Order::default(),
            last_changed: None,
            has_label_order: false,
            free: room::free,
        })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// It can be looked at and saved elsewhere; edits are refused. Its folder lies on a disk that can't be written to.
    pub fn is_read_only(&self) -> bool {
        self.db.is_readonly("main").unwrap_or_default()
    }

    /// What is remembered between starts.
    ///
    /// # Errors
    /// Where the store can't be read.
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

    /// Keeps what is to be remembered between starts.
    ///
    /// # Errors
    /// Where the store can't be written.
    pub fn save_settings(&mut self, settings: &Settings) -> Result<(), ProjectError> {
        let text = serde_json::to_string(settings).map_err(ProjectError::Content)?;
        self.db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('settings', ?)", params![text])?;
        Ok(())
    }
}
