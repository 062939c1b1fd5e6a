//! The window's own settings, kept in the platform's folder for them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Screen;
use crate::evaluate::rating::user_name;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThemeChoice {
    Dark,
    Light,
    /// Like the rest of the desktop.
    #[default]
    System,
}

impl ThemeChoice {
    /// The one that is not shown now.
    pub fn other(ctx: &egui::Context) -> Self {
        if ctx.theme() == egui::Theme::Dark { Self::Light } else { Self::Dark }
    }
}

/// How large everything in the window is, in per cent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TextSize(u16);

impl Default for TextSize {
    fn default() -> Self {
        Self(100)
    }
}

impl TextSize {
    pub const ALL: [Self; 8] = [Self(80), Self(90), Self(100), Self(110), Self(125), Self(150), Self(175), Self(200)];

    /// What egui multiplies all lengths by. A file that was changed by hand can't make the window unusable.
    pub fn factor(self) -> f32 {
        f32::from(self.0.clamp(80, 200)) / 100.0
    }

    pub fn larger(self) -> Self {
        Self::ALL.into_iter().find(|size| size.0 > self.0).unwrap_or(self)
    }

    pub fn smaller(self) -> Self {
        Self::ALL.into_iter().rev().find(|size| size.0 < self.0).unwrap_or(self)
    }
}

impl std::fmt::Display for TextSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} %", self.0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AppSettings {
    pub theme: ThemeChoice,
    pub text_size: TextSize,
    /// Opened again at the next start.
    pub last_project: Option<PathBuf>,
    /// The screen that project was left on.
    pub screen: Screen,
    /// Projects that were open, the newest first.
    pub recent: Vec<Recent>,
    /// Where new projects are made, and models are put; `None` for the usual place.
    pub projects_folder: Option<PathBuf>,
    pub models_folder: Option<PathBuf>,
    /// Folders of the person's own that are looked through for models, too.
    pub more_models_folders: Vec<PathBuf>,
    /// Threads that compute; `None` for as many as the machine has cores.
    pub threads: Option<usize>,
    /// Bytes that a run may take; `None` for what there is.
    pub memory_limit: Option<u64>,
    /// Nothing is asked of the network.
    pub is_offline: bool,
    /// Who rates answers; empty for whoever is logged in.
    pub rater: String,
    /// Where these are kept; nowhere for a window of the tests.
    #[serde(skip)]
    pub file: Option<PathBuf>,
}

/// A project that was open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent {
    pub folder: PathBuf,
    pub name: String,
}

impl AppSettings {
    /// What was kept on this machine; the defaults where nothing was, or nothing that can be read.
    pub fn load() -> Self {
        let dirs = directories::ProjectDirs::from("", "", "tunewright");
        let file = dirs.map(|dirs| dirs.config_dir().join("window.toml"));
        let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        let kept: Self = text.and_then(|text| toml::from_str(&text).ok()).unwrap_or_default();
        Self { file, ..kept }
    }

    /// Who rates answers.
    pub fn rater(&self) -> String {
        if self.rater.is_empty() { user_name() } else { self.rater.clone() }
    }

    /// Writes the settings, if they have a file.
    ///
    /// # Errors
    /// The system's own, when the file can't be written.
    pub fn save(&self) -> std::io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let text = toml::to_string(self).map_err(std::io::Error::other)?;
        crate::fs::write_atomic(file, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kept/window.toml");
        let settings = AppSettings {
            theme: ThemeChoice::Light,
            text_size: TextSize(150),
            last_project: Some("p".into()),
            recent: vec![Recent { folder: "p".into(), name: "P".to_owned() }],
            memory_limit: Some(3 << 30),
            screen: Screen::Train,
            file: Some(file.clone()),
            ..AppSettings::default()
        };
        settings.save().unwrap();
        let read: AppSettings = toml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(AppSettings { file: Some(file), ..read }, settings);
    }

    #[test]
    fn text_sizes_go_up_and_down_and_end() {
        let usual = TextSize::default();
        assert_eq!((usual.larger().to_string(), usual.smaller().to_string()), ("110 %".to_owned(), "90 %".to_owned()));
        assert_eq!((TextSize(200).larger(), TextSize(80).smaller()), (TextSize(200), TextSize(80)));
        assert_eq!((TextSize(9000).factor(), TextSize(0).factor()), (2.0, 0.8), "written by hand");
    }
}
