//! The window's own settings, kept in the platform's folder for them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThemeChoice {
    Dark,
    Light,
    /// As the rest of the desktop.
    #[default]
    System,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AppSettings {
    pub theme: ThemeChoice,
    /// Opened again at the next start.
    pub last_project: Option<PathBuf>,
}

impl AppSettings {
    fn path() -> Option<PathBuf> {
        directories::ProjectDirs::from("", "", "tunewright").map(|dirs| dirs.config_dir().join("window.toml"))
    }

    /// What was kept; the defaults where nothing was, or nothing that can be read.
    pub fn load() -> Self {
        let text = Self::path().and_then(|path| std::fs::read_to_string(path).ok());
        text.and_then(|text| toml::from_str(&text).ok()).unwrap_or_default()
    }

    pub fn save(&self) -> std::io::Result<()> {
        let Some(path) = Self::path() else { return Ok(()) };
        let text = toml::to_string(self).map_err(std::io::Error::other)?;
        crate::fs::write_atomic(&path, text.as_bytes())
    }
}
