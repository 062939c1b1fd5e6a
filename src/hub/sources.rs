//! Where models are on this computer and where they are fetched from.

use std::path::{Path, PathBuf};

/// The default is what the environment says; tests set their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    /// What the studio fetches goes here.
    pub models_dir: PathBuf,
    /// Where it fetched to before: what is there is still found.
    pub more_models_dirs: Vec<PathBuf>,
    /// The Hugging Face cache, shared with Python programs.
    pub hub_cache: PathBuf,
    /// LM Studio's folders.
    pub lm_studio: Vec<PathBuf>,
    /// Ollama's folders, each with `manifests` and `blobs`.
    pub ollama: Vec<PathBuf>,
    /// Where other programs keep theirs, by the program's name, and folders that the person named.
    pub others: Vec<(&'static str, PathBuf)>,
    /// The Hub's address; `None` is huggingface.co.
    pub endpoint: Option<String>,
    /// The key to private and gated repositories; `None` is what the environment says when the Hub is asked.
    pub token: Option<HubToken>,
    /// `HF_HUB_OFFLINE`: never ask the Hub.
    pub is_offline: bool,
    /// The person's own switch: no request leaves this computer, also not one of pip.
    pub is_switched_off: bool,
    /// Ways to call pip, tried in this order: the command and its first arguments.
    pub pip: Vec<Vec<String>>,
}

impl Default for Sources {
    fn default() -> Self {
        let home = directories::UserDirs::new().map(|dirs| dirs.home_dir().to_owned()).unwrap_or_default();
        Self {
            models_dir: models_dir(),
            more_models_dirs: Vec::new(),
            hub_cache: hf_hub::resolve_cache_dir(),
            lm_studio: lm_studio(&home),
            ollama: match std::env::var_os("OLLAMA_MODELS") {
                Some(folder) => vec![folder.into()],
                // The second is where Ollama's Linux service keeps its models.
                None => vec![home.join(".ollama/models"), "/usr/share/ollama/.ollama/models".into()],
            },
            others: others(&home),
            endpoint: std::env::var("HF_ENDPOINT").ok().filter(|address| !address.is_empty()),
            token: None,
            is_offline: std::env::var("HF_HUB_OFFLINE").is_ok_and(|value| is_yes(&value)),
            is_switched_off: false,
            pip: [&["python3", "-m", "pip"][..], &["python", "-m", "pip"], &["pip3"], &["pip"]]
                .map(|command| command.iter().map(|&word| word.to_owned()).collect())
                .into(),
        }
    }
}

/// What a folder is called as a place of models that the person named.
pub(super) const NAMED_FOLDER: &str = "Named folder";

impl Sources {
    /// Only this folder, nothing else on this computer and no network: for tests and for trying things out.
    pub fn only(models_dir: &Path) -> Self {
        Self {
            models_dir: models_dir.to_owned(),
            more_models_dirs: Vec::new(),
            hub_cache: models_dir.join("no-hub-cache"),
            lm_studio: Vec::new(),
            ollama: Vec::new(),
            others: Vec::new(),
            endpoint: None,
            token: None,
            is_offline: true,
            is_switched_off: false,
            pip: Vec::new(),
        }
    }

    /// These, and the models in a folder that the person named.
    pub fn with_folder(mut self, folder: &Path) -> Self {
        self.others.push((NAMED_FOLDER, folder.to_owned()));
        self
    }

    /// The models folder, and those of before.
    pub(super) fn models_dirs(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&self.models_dir).chain(&self.more_models_dirs).map(PathBuf::as_path)
    }

    pub(super) fn endpoint(&self) -> &str {
        self.endpoint.as_deref().unwrap_or("https://huggingface.co")
    }

    /// Whether there is a token, from the settings or the environment.
    pub fn has_token(&self) -> bool {
        self.token().is_some()
    }

    pub(super) fn token(&self) -> Option<HubToken> {
        self.token.clone().or_else(HubToken::from_environment)
    }
}

/// The folder that LM Studio's settings name, and its usual ones, the older last. Its home may be elsewhere.
fn lm_studio(home: &Path) -> Vec<PathBuf> {
    let pointer = std::fs::read_to_string(home.join(".lmstudio-home-pointer")).ok();
    let moved = pointer.map(|path| PathBuf::from(path.trim())).filter(|path| path.is_absolute());
    let homes: Vec<PathBuf> =
        moved.into_iter().chain([home.join(".lmstudio"), home.join(".cache/lm-studio")]).collect();
    let chosen = homes.iter().filter_map(|home| {
        let settings = std::fs::read(home.join("settings.json")).ok()?;
        let settings: serde_json::Value = serde_json::from_slice(&settings).ok()?;
        Some(PathBuf::from(settings.get("downloadsFolder")?.as_str()?)).filter(|path| path.is_absolute())
    });
    let mut folders: Vec<PathBuf> = Vec::new();
    for folder in chosen.chain(homes.iter().map(|home| home.join("models"))) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

/// Folders of programs that keep their models as plain files.
fn others(home: &Path) -> Vec<(&'static str, PathBuf)> {
    let dirs = directories::BaseDirs::new();
    let cache = dirs.as_ref().map_or_else(|| home.join(".cache"), |dirs| dirs.cache_dir().to_owned());
    let data = dirs.as_ref().map_or_else(|| home.join(".local/share"), |dirs| dirs.data_local_dir().to_owned());
    let config = dirs.as_ref().map_or_else(|| home.join(".config"), |dirs| dirs.config_dir().to_owned());
    let llama_cpp = std::env::var_os("LLAMA_CACHE").map_or_else(|| cache.join("llama.cpp"), PathBuf::from);
    let jan = |folder: PathBuf| [("Jan", folder.join("llamacpp/models")), ("Jan", folder.join("models"))];
    [("llama.cpp", llama_cpp), ("GPT4All", data.join("nomic.ai/GPT4All"))]
        .into_iter()
        .chain(jan(config.join("Jan/data")))
        .chain(jan(data.join("Jan/data")))
        .chain([("Jan", home.join("jan/models"))])
        .collect()
}

/// A person's key to the Hub; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct HubToken(String);

impl HubToken {
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// Where huggingface_hub looks: `HF_TOKEN`, the file that `HF_TOKEN_PATH` names, the file that `hf auth login` writes.
    fn from_environment() -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if variable("HF_HUB_DISABLE_IMPLICIT_TOKEN").is_some() {
            return None;
        }
        let files = variable("HF_TOKEN_PATH").map(PathBuf::from).into_iter().chain([hf_hub::hf_home().join("token")]);
        let in_files = || files.filter_map(|file| std::fs::read_to_string(file).ok());
        let found = variable("HF_TOKEN").into_iter().chain(in_files());
        found.map(|token| token.trim().to_owned()).find(|token| !token.is_empty()).map(Self)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for HubToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HubToken(…)")
    }
}

/// `$XDG_DATA_HOME/tunewright/models`, or the platform's own place for a program's data.
pub fn models_dir() -> PathBuf {
    let from_xdg = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let data = match from_xdg {
        Some(folder) => folder.join("tunewright"),
        None => directories::ProjectDirs::from("", "", "tunewright")
            .map_or_else(|| PathBuf::from("tunewright-data"), |dirs| dirs.data_dir().to_owned()),
    };
    data.join("models")
}

/// Whether a switch is on, as huggingface_hub reads it.
fn is_yes(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lm_studio_s_settings_say_where_its_models_are() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        let write = |path: &str, text: &str| crate::fs::write_atomic(&at(path), text.as_bytes()).unwrap();
        let usual = [at(".lmstudio/models"), at(".cache/lm-studio/models")];
        assert_eq!(lm_studio(home.path()), usual);
        write(".lmstudio/settings.json", r#"{"downloadsFolder": "/big disk/models", "other": 1}"#);
        write(".cache/lm-studio/settings.json", "no JSON");
        let chosen: PathBuf = "/big disk/models".into();
        if chosen.is_absolute() {
            assert_eq!(lm_studio(home.path()), [chosen, usual[0].clone(), usual[1].clone()]);
        }
        write(".lmstudio-home-pointer", &format!("{}\n", at("moved").display()));
        assert!(lm_studio(home.path()).contains(&at("moved/models")));
    }
}
