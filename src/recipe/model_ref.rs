//! How a person names a model.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// `starter`, a GGUF file, a folder with `config.json`, or a Hub repository `owner/name[@revision][:variant]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ModelRef {
    Starter,
    Gguf(PathBuf),
    Folder(PathBuf),
    Hub {
        /// `owner/name`
        repo: String,
        revision: Option<String>,
        /// Which of the models in the repository, where it has several: a quantisation (`Q4_K_M`) or a file's name.
        variant: Option<String>,
    },
}

impl ModelRef {
    /// Never fails: what is neither `starter`, nor on this disk, nor shaped like `owner/name` is taken for a path, and
    /// loading it says that nothing is there.
    pub fn parse(text: &str) -> Self {
        let path = Path::new(text);
        if text == "starter" {
            return Self::Starter;
        }
        // A file of a repository ends in .gguf, too.
        if let (Some(hub @ Self::Hub { variant: Some(_), .. }), false) = (parse_hub(text), path.exists()) {
            return hub;
        }
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gguf")) {
            return Self::Gguf(path.to_owned());
        }
        if path.exists() {
            return if path.is_dir() { Self::Folder(path.to_owned()) } else { Self::Gguf(path.to_owned()) };
        }
        parse_hub(text).unwrap_or_else(|| Self::Folder(path.to_owned()))
    }

    /// The name that a person uses: a file's or folder's, a repository's without its owner.
    pub fn short_name(&self) -> String {
        match self {
            Self::Starter => "SmolLM2-135M-Instruct".to_owned(),
            Self::Gguf(path) | Self::Folder(path) => {
                path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
            }
            Self::Hub { repo, variant, .. } => {
                let name = repo.rsplit('/').next().unwrap_or(repo);
                variant.as_ref().map_or_else(|| name.to_owned(), |variant| format!("{name} {variant}"))
            }
        }
    }
}

/// `owner/name[@revision][:variant]`
fn parse_hub(text: &str) -> Option<ModelRef> {
    let (place, variant) = match text.split_once(':') {
        Some((place, variant)) => (place, Some(variant)),
        None => (text, None),
    };
    let (repo, revision) = match place.split_once('@') {
        Some((repo, revision)) => (repo, Some(revision)),
        None => (place, None),
    };
    let is_name = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let is_repo = repo.split('/').count() == 2 && repo.split('/').all(is_name) && variant != Some("");
    is_repo.then(|| ModelRef::Hub {
        repo: repo.to_owned(),
        revision: revision.map(str::to_owned),
        variant: variant.map(str::to_owned),
    })
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
            Self::Hub { repo, revision, variant } => {
                f.write_str(repo)?;
                revision.iter().try_for_each(|revision| write!(f, "@{revision}"))?;
                variant.iter().try_for_each(|variant| write!(f, ":{variant}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_four_kinds_apart() {
        let hub = |repo: &str, revision: Option<&str>, variant: Option<&str>| ModelRef::Hub {
            repo: repo.to_owned(),
            revision: revision.map(str::to_owned),
            variant: variant.map(str::to_owned),
        };
        assert_eq!(ModelRef::parse("starter"), ModelRef::Starter);
        assert_eq!(ModelRef::parse("no/such.gguf"), ModelRef::Gguf("no/such.gguf".into()));
        assert_eq!(ModelRef::parse("org/name"), hub("org/name", None, None));
        assert_eq!(ModelRef::parse("org/name@v1"), hub("org/name", Some("v1"), None));
        assert_eq!(ModelRef::parse("org/name:Q8_0"), hub("org/name", None, Some("Q8_0")));
        assert_eq!(ModelRef::parse("org/name@v1:a/b.gguf"), hub("org/name", Some("v1"), Some("a/b.gguf")));
        assert_eq!(ModelRef::parse("C:/models/a.gguf"), ModelRef::Gguf("C:/models/a.gguf".into()));
        assert_eq!(ModelRef::parse("org/name:"), ModelRef::Folder("org/name:".into()));
        assert_eq!(ModelRef::parse("./no/such"), ModelRef::Folder("./no/such".into()));
        assert_eq!(ModelRef::parse("src"), ModelRef::Folder("src".into()));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["org/name", "org/name@refs/pr/1", "org/name:Q4_K_M", "org/name@v1:Q8_0", "starter"] {
            assert_eq!(ModelRef::parse(text).to_string(), text);
        }
        assert_eq!(ModelRef::parse("org/name:Q8_0").short_name(), "name Q8_0");
    }
}
