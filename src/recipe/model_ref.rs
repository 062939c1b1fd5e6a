//! How a person names a model.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// `starter`, a GGUF file, a folder with `config.json`, or a Hub repository `owner/name[@revision]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ModelRef {
    Starter,
    Gguf(PathBuf),
    Folder(PathBuf),
    Hub { repo: String, revision: Option<String> },
}

impl ModelRef {
    /// Never fails: what is neither `starter`, nor on this disk, nor shaped like `owner/name` is taken for a path, and
    /// loading it says that nothing is there.
    pub fn parse(text: &str) -> Self {
        let path = Path::new(text);
        if text == "starter" {
            return Self::Starter;
        }
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gguf")) {
            return Self::Gguf(path.to_owned());
        }
        if path.exists() {
            return if path.is_dir() { Self::Folder(path.to_owned()) } else { Self::Gguf(path.to_owned()) };
        }
        let (repo, revision) = match text.split_once('@') {
            Some((repo, revision)) => (repo, Some(revision.to_owned())),
            None => (text, None),
        };
        let is_repo = repo.split('/').count() == 2
            && repo.split('/').all(|part| {
                !part.is_empty()
                    && !part.starts_with('.')
                    && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
            });
        if is_repo { Self::Hub { repo: repo.to_owned(), revision } } else { Self::Folder(path.to_owned()) }
    }

    /// The name that a person uses: a file's or folder's, a repository's without its owner.
    pub fn short_name(&self) -> String {
        match self {
            Self::Starter => "SmolLM2-135M-Instruct".to_owned(),
            Self::Gguf(path) | Self::Folder(path) => {
                path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
            }
            Self::Hub { repo, .. } => repo.rsplit('/').next().unwrap_or(repo).to_owned(),
        }
    }
}

impl From<String> for ModelRef {
    fn from(text: String) -> Self {
        Self::parse(&text)
    }
}

impl From<ModelRef> for String {
    fn from(model: ModelRef) -> Self {
        model.to_string()
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starter => f.write_str("starter"),
            Self::Gguf(path) | Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Hub { repo, revision: None } => f.write_str(repo),
            Self::Hub { repo, revision: Some(revision) } => write!(f, "{repo}@{revision}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_four_kinds_apart() {
        let hub = |repo: &str, revision: Option<&str>| ModelRef::Hub {
            repo: repo.to_owned(),
            revision: revision.map(str::to_owned),
        };
        assert_eq!(ModelRef::parse("starter"), ModelRef::Starter);
        assert_eq!(ModelRef::parse("no/such.gguf"), ModelRef::Gguf("no/such.gguf".into()));
        assert_eq!(ModelRef::parse("org/name"), hub("org/name", None));
        assert_eq!(ModelRef::parse("org/name@v1"), hub("org/name", Some("v1")));
        assert_eq!(ModelRef::parse("./no/such"), ModelRef::Folder("./no/such".into()));
        assert_eq!(ModelRef::parse("src"), ModelRef::Folder("src".into()));
    }
}
