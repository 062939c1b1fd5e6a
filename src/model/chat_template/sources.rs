//! Where a model keeps its templates: one or several, in files, in the tokenizer's settings or in a GGUF file's metadata,
//! found in the order that Transformers looks for them.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::Path;

use serde_json::Value;

use super::ChatTemplate;
use crate::model::weights::gguf::GgufFile;
use crate::model::{ModelError, Tokenizer};

/// The texts of a model's templates.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sources {
    /// For every conversation that `tool_use` isn't taken for.
    pub default: Option<String>,
    /// For conversations with tools.
    pub tool_use: Option<String>,
    /// The names of all that the model has, also of those that nothing here uses.
    pub names: Vec<String>,
}

impl Sources {
    /// A model with one template.
    pub fn one(source: &str) -> Self {
        [("default".to_owned(), source.to_owned())].into_iter().collect()
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// What is used for conversations with (or without) tools.
    pub fn used(&self, has_tools: bool) -> Option<&str> {
        let tool_use = self.tool_use.as_deref().filter(|_| has_tools);
        tool_use.or(self.default.as_deref())
    }

    /// Any one, the default before others.
    pub fn first(&self) -> Option<&str> {
        self.default.as_deref().or(self.tool_use.as_deref())
    }

    /// The templates in a model's folder; `settings` are its `tokenizer_config.json`. Files come before settings.
    ///
    /// # Errors
    /// Where a template's file can't be read; the error names it.
    pub fn of_folder(folder: &Path, settings: &Value) -> Result<Self, ModelError> {
        let named = named_files(folder)?;
        if named.is_empty() {
            Ok(Self::of_settings(&settings["chat_template"]))
        } else {
            Ok(named.into_iter().collect())
        }
    }

    /// One text, a list of named ones, or an object of them.
    fn of_settings(value: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match value {
            Value::String(source) => Self::one(source),
            Value::Array(named) => {
                named.iter().filter_map(|t| Some((text(&t["name"])?, text(&t["template"])?))).collect()
            }
            Value::Object(named) => named.iter().filter_map(|(name, t)| Some((name.clone(), text(t)?))).collect(),
            _ => Self::default(),
        }
    }

    /// The templates in a GGUF file's metadata.
    pub fn of_gguf(file: &GgufFile) -> Self {
        const KEY: &str = "tokenizer.chat_template";
        let names = file.texts("tokenizer.chat_templates").unwrap_or_default();
        let names = names.into_iter().chain(["tool_use"]);
        let others = names.filter_map(|name| Some((name, file.text(&format!("{KEY}.{name}"))?)));
        let all = file.text(KEY).map(|source| ("default", source)).into_iter().chain(others);
        all.map(|(name, source)| (name.to_owned(), source.to_owned())).collect()
    }
}

impl FromIterator<(String, String)> for Sources {
    /// Where two have the same name, the later counts.
    fn from_iter<I: IntoIterator<Item = (String, String)>>(named: I) -> Self {
        let mut sources = Self::default();
        for (name, source) in named {
            match name.as_str() {
                "default" => sources.default = Some(source),
                "tool_use" => sources.tool_use = Some(source),
                _ => {}
            }
            if !sources.names.contains(&name) {
                sources.names.push(name);
            }
        }
        sources
    }
}

/// `chat_template.jinja` as `default`, and those of `additional_chat_templates/` by their names.
fn named_files(folder: &Path) -> Result<Vec<(String, String)>, ModelError> {
    let mut named = Vec::new();
    named.extend(read_optional(&folder.join("chat_template.jinja"))?.map(|source| ("default".to_owned(), source)));
    let additional = folder.join("additional_chat_templates");
    let entries = match std::fs::read_dir(&additional) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(named),
        Err(e) => return Err(ModelError::io(&additional)(e)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(ModelError::io(&additional))?.path());
    }
    paths.sort();
    for path in paths {
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".jinja")) else { continue };
        named.extend(read_optional(&path)?.map(|source| (name.to_owned(), source)));
    }
    Ok(named)
}

fn read_optional(path: &Path) -> Result<Option<String>, ModelError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(ModelError::io(path)(e)),
    }
}

/// A JSON file; null where there is none.
///
/// # Errors
/// Where the file can't be read or isn't JSON; the error names it.
pub fn read_optional_json(path: &Path) -> Result<Value, ModelError> {
    match read_optional(path)? {
        Some(text) => serde_json::from_str(&text).map_err(|e| ModelError::format(path, e)),
        None => Ok(Value::Null),
    }
}

/// The names of special tokens that templates may use, with their keys in a GGUF file's metadata.
const SPECIAL_TOKENS: [(&str, &str); 7] = [
    ("bos_token", "bos"),
    ("eos_token", "eos"),
    ("unk_token", "unknown"),
    ("sep_token", "seperator"),
    ("pad_token", "padding"),
    ("cls_token", "cls"),
    ("mask_token", "mask"),
];

/// A folder's `tokenizer_config.json`, with the tokens that only `special_tokens_map.json` names.
///
/// # Errors
/// Where a file can't be read or isn't JSON; the error names it.
pub fn settings(folder: &Path) -> Result<Value, ModelError> {
    let mut settings = read_optional_json(&folder.join("tokenizer_config.json"))?;
    if let Value::Object(others) = read_optional_json(&folder.join("special_tokens_map.json"))? {
        if settings.is_null() {
            settings = Value::Object(serde_json::Map::new());
        }
        for (name, token) in others.into_iter().filter(|(name, _)| name.ends_with("_token")) {
            if token_text(&settings[&name]).is_none() {
                settings[&name] = token;
            }
        }
    }
    Ok(settings)
}

/// A token that the settings name; empty where they don't.
pub fn token(settings: &Value, name: &str) -> String {
    token_text(&settings[name]).unwrap_or_default().to_owned()
}

/// Settings write a token as its text, or as an object with its properties.
fn token_text(token: &Value) -> Option<&str> {
    token.as_str().or_else(|| token["content"].as_str())
}

/// The templates of a model's folder, with its special tokens.
///
/// # Errors
/// Where a template's file can't be read, or the one for conversations without tools can't be used.
pub fn of_folder(folder: &Path, settings: &Value) -> Result<ChatTemplate, ModelError> {
    let tokens = SPECIAL_TOKENS.iter().map(|(name, _)| ((*name).to_owned(), token(settings, name))).collect();
    ChatTemplate::from_sources(Sources::of_folder(folder, settings)?, tokens)
}

/// The templates of a GGUF file, with its special tokens.
///
/// # Errors
/// Where the template for conversations without tools can't be used.
pub fn of_gguf(file: &GgufFile, tokenizer: &Tokenizer) -> Result<ChatTemplate, ModelError> {
    let token = |key: &str| {
        let id = file.number(&format!("tokenizer.ggml.{key}_token_id"))?;
        tokenizer.id_to_token(u32::try_from(id).ok()?)
    };
    let tokens = SPECIAL_TOKENS.iter().map(|(name, key)| ((*name).to_owned(), token(key).unwrap_or_default()));
    ChatTemplate::from_sources(Sources::of_gguf(file), tokens.collect())
}

/// Line ends as Jinja2 makes them when it reads a template.
pub fn normalised(source: &str) -> Cow<'_, str> {
    if source.contains('\r') { source.replace("\r\n", "\n").replace('\r', "\n").into() } else { source.into() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fs::write_atomic;

    #[test]
    fn settings_hold_one_template_or_several() {
        let named = json!([{"name": "rag", "template": "r"}, {"name": "tool_use", "template": "t"}]);
        let several = Sources::of_settings(&named);
        assert_eq!((several.used(true), several.used(false)), (Some("t"), None));
        assert_eq!(several.names, ["rag", "tool_use"]);
        let one = Sources::of_settings(&json!("text"));
        assert_eq!((one.used(true), one.used(false)), (Some("text"), Some("text")));
        assert_eq!(Sources::of_settings(&json!({"default": "d"})), Sources::one("d"));
        assert!(Sources::of_settings(&Value::Null).is_empty());
    }

    #[test]
    fn files_come_before_settings() {
        let folder = tempfile::tempdir().unwrap();
        let settings = json!({"chat_template": "s"});
        let of = || Sources::of_folder(folder.path(), &settings).unwrap();
        assert_eq!(of(), Sources::one("s"));
        write_atomic(&folder.path().join("chat_template.jinja"), b"f").unwrap();
        assert_eq!(of(), Sources::one("f"));
        std::fs::create_dir(folder.path().join("additional_chat_templates")).unwrap();
        write_atomic(&folder.path().join("additional_chat_templates/tool_use.jinja"), b"t").unwrap();
        assert_eq!((of().used(true), of().used(false)), (Some("t"), Some("f")));
    }
}
