//! `recipe.toml`: read, checked and written.

use std::path::Path;

use super::explain::{explain, line_of};
use super::upgrade::upgrade;
use super::{Lora, ModelRef, Recipe, RecipeError, params};

impl RecipeError {
    /// The error with the line that its key is in.
    fn at(self, path: &Path, text: &str) -> Self {
        let key = match &self {
            Self::Range { key, .. } | Self::Invalid { key, .. } => *key,
            _ => return self,
        };
        match line_of(text, key) {
            Some(line) => Self::At { path: path.to_owned(), line, source: Box::new(self) },
            None => self,
        }
    }
}

impl Recipe {
    /// Reads and checks a recipe exactly as it is written; one of an earlier version means what it meant then.
    ///
    /// # Errors
    /// Where the file can't be read, isn't TOML, or has a key or a value that isn't allowed; the error names file, line
    /// and key.
    pub fn parse(path: &Path) -> Result<Self, RecipeError> {
        Ok(Self::parse_noted(path)?.0)
    }

    /// Reads and checks a recipe; relative paths in it become relative to its folder.
    ///
    /// # Errors
    /// As for [`Recipe::parse`].
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        Ok(Self::read_noted(path)?.0)
    }

    /// Like [`Recipe::read`], with a sentence for a person where the file is of an earlier version.
    ///
    /// # Errors
    /// As for [`Recipe::parse`].
    pub fn read_noted(path: &Path) -> Result<(Self, Option<String>), RecipeError> {
        let (mut recipe, note) = Self::parse_noted(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        recipe.data.train = folder.join(&recipe.data.train);
        recipe.data.validation = recipe.data.validation.map(|p| folder.join(p));
        recipe.init_adapter = recipe.init_adapter.map(|p| folder.join(p));
        recipe.base_model = match recipe.base_model {
            ModelRef::Gguf(p) => ModelRef::Gguf(folder.join(p)),
            ModelRef::Folder(p) => ModelRef::Folder(folder.join(p)),
            ModelRef::Hub { repo, revision: None, variant: None } if folder.join(&repo).is_dir() => {
                ModelRef::Folder(folder.join(repo))
            }
            other => other,
        };
        Ok((recipe, note))
    }

    fn parse_noted(path: &Path) -> Result<(Self, Option<String>), RecipeError> {
        let read_error = |source| RecipeError::Read { path: path.into(), source };
        if path.metadata().is_ok_and(|metadata| metadata.len() > MAX_BYTES) {
            let message = "it is too large for a recipe: is it the data?".to_owned();
            return Err(RecipeError::Syntax { path: path.into(), message });
        }
        let text = std::fs::read_to_string(path).map_err(read_error)?;
        let mut recipe: Self = toml::from_str(&text)
            .map_err(|e| RecipeError::Syntax { path: path.into(), message: explain(&text, &e) })?;
        let table: toml::Table = text.parse().unwrap_or_default();
        if recipe.init_adapter.is_some() {
            recipe.lora_of_adapter = Lora::KEYS.into_iter().filter(|key| !is_written(&table, key)).collect();
        }
        let note = upgrade(&mut recipe, &table).map(|note| format!("{} is {note}", path.display()));
        recipe.check().map_err(|error| error.at(path, &text))?;
        Ok((recipe, note))
    }

    /// Checks that every value is within its range, and that values go together; the table of parameters has the
    /// ranges.
    ///
    /// # Errors
    /// For the first value that isn't; the error names its key.
    pub fn check(&self) -> Result<(), RecipeError> {
        if self.version != Self::VERSION {
            let (value, allowed) = (self.version.to_string(), format!("1 or {}", Self::VERSION));
            return Err(RecipeError::Range { key: "version", value, allowed });
        }
        params::check(self)?;
        if let Some(share) = self.data.validation_split
            && !(0.0..=0.9).contains(&share)
        {
            return Err(RecipeError::Range {
                key: "data.validation_split",
                value: share.to_string(),
                allowed: "a number from 0 to 0.9".to_owned(),
            });
        }
        if self.data.validation.is_some() && self.data.validation_split.is_some() {
            return Err(RecipeError::Invalid {
                key: "data.validation_split",
                message: "give either data.validation or data.validation_split, not both".to_owned(),
            });
        }
        Ok(())
    }

    /// The file's text with every default written out.
    ///
    /// # Errors
    /// Where a path isn't valid Unicode.
    pub fn to_toml(&self) -> Result<String, RecipeError> {
        toml::to_string(self).map_err(|e| RecipeError::Invalid { key: "recipe", message: e.to_string() })
    }
}

/// The size of a recipe; what is larger is another file.
const MAX_BYTES: u64 = 1 << 20;

/// Whether this key of a section is written: `training.too_long`.
fn is_written(table: &toml::Table, key: &str) -> bool {
    key.split_once('.').and_then(|(section, key)| table.get(section)?.get(key)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::TooLong;

    #[test]
    fn a_value_of_the_wrong_type_is_told_with_what_it_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recipe.toml");
        let told = |training: &str| {
            let head = "version = 2\nbase_model = \"starter\"\n[data]\ntrain = \"a\"\n[training]\n";
            crate::fs::write_atomic(&path, format!("{head}{training}\n").as_bytes()).unwrap();
            Recipe::parse(&path).unwrap_err().to_string()
        };
        let message = told("seed = 1\nlearning_rate = \"high\"");
        assert!(message.ends_with("training.learning_rate must be a number from 0 to 1"), "{message}");
        assert!(message.contains("line 7") && message.contains("\"high\""), "{message}");
        assert!(told("packing = 3").ends_with("training.packing must be true or false"));
        assert!(told("learning_rat = 1.0").contains("unknown field `learning_rat`, expected one of"));
        assert!(told("packing = true\nr = 8").ends_with("training.r is lora.r here: a whole number from 1 to 1024"));
        let message = told("packing = true\nlearning_rate = 2.0");
        assert!(
            message.ends_with("line 7: training.learning_rate is 2, but it must be a number from 0 to 1"),
            "{message}"
        );
        let message = told("too_long = \"truncate\"");
        let allowed = r#"training.too_long must be "drop", "cut_left", "cut_right", "split""#;
        assert!(message.contains("truncate") && message.ends_with(allowed), "{message}");
    }

    /// A recipe that a run of version 1 wrote before `too_long` was there.
    const OF_AN_OLD_RUN: &str = include_str!("../../tests/fixtures/recipes/run-of-version-1.toml");
    /// A recipe that a person wrote then.
    const BY_HAND: &str = include_str!("../../tests/fixtures/recipes/by-hand-version-1.toml");

    #[test]
    fn version_1_means_what_it_meant_and_says_so_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recipe.toml");
        let read = |text: &str| {
            crate::fs::write_atomic(&path, text.as_bytes()).unwrap();
            Recipe::read_noted(&path).unwrap()
        };
        let (recipe, note) = read(OF_AN_OLD_RUN);
        assert_eq!((recipe.version, recipe.training.too_long), (2, TooLong::CutRight));
        let note = note.unwrap();
        assert!(note.starts_with(&path.display().to_string()) && note.contains("cut_right"), "{note}");
        let (recipe, note) = read(BY_HAND);
        assert_eq!((recipe.version, recipe.training.too_long), (2, TooLong::Drop));
        assert!(note.unwrap().contains("version 1, read as version 2, which means the same"));
        // Written out again, there is nothing left to say.
        assert_eq!(read(&recipe.to_toml().unwrap()), (recipe, None));
        for text in [OF_AN_OLD_RUN, BY_HAND] {
            for policy in TooLong::ALL {
                let said = format!("[training]\ntoo_long = \"{}\"", policy.name());
                assert_eq!(read(&text.replace("[training]", &said)).0.training.too_long, policy);
            }
        }
    }

    #[test]
    fn what_lies_beside_a_recipe_changes_nothing_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            crate::fs::write_atomic(&folder.path().join(name), text.as_bytes()).unwrap();
        };
        write("recipe.toml", BY_HAND);
        write("metrics.jsonl", "");
        write("status.json", r#"{"status": "stopped", "num_steps": 9}"#);
        assert_eq!(Recipe::parse(&folder.path().join("recipe.toml")).unwrap().training.too_long, TooLong::Drop);
    }

    #[test]
    fn a_version_to_come_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recipe.toml");
        for version in ["0", "3"] {
            let text = BY_HAND.replace("version = 1", &format!("version = {version}"));
            crate::fs::write_atomic(&path, text.as_bytes()).unwrap();
            let message = Recipe::parse(&path).unwrap_err().to_string();
            assert!(message.ends_with(&format!("version is {version}, but it must be 1 or 2")), "{message}");
        }
    }
}
