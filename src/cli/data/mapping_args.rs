//! Options of `tunewright data import` that say how columns become an example, beside which column is what.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Ended;
use crate::data::import::{ColumnRole, Mapping, Rename};

#[derive(Debug, Args)]
pub struct MappingArgs {
    /// The prompt, with {names} of columns in it; \n is a line break
    #[arg(long, value_name = "TEMPLATE", value_parser = template)]
    prompt: Option<String>,
    /// The answer, with {names} of columns in it; \n is a line break
    #[arg(long, value_name = "TEMPLATE", value_parser = template)]
    answer: Option<String>,
    /// What a column says, in other words: human:yes=true (in a JSON answer, true, false, null and numbers aren't
    /// texts)
    #[arg(long, value_name = "COLUMN:VALUE=NEW", value_parser = rename)]
    rename: Vec<Rename>,
    /// What a column is called in a JSON answer
    #[arg(long, value_name = "COLUMN=KEY", value_parser = key)]
    key: Vec<(String, String)>,
    /// The answer is one JSON object of the answer columns, also if it is one column
    #[arg(long, conflicts_with = "answer")]
    json_answer: bool,
    /// Which column is what, and all of this, as it was saved by --save-mapping or in the window
    #[arg(long, value_name = "FILE", conflicts_with = "map")]
    mapping: Option<PathBuf>,
    /// Save it, for the next import
    #[arg(long, value_name = "FILE")]
    pub save_mapping: Option<PathBuf>,
}

impl MappingArgs {
    /// The mapping of the columns that were named, with what is said here.
    pub fn complete(&self, of_columns: Option<Mapping>) -> Result<Option<Mapping>, Ended> {
        let loaded = self.mapping.as_deref().map(Mapping::load).transpose();
        let mapping = of_columns.or(loaded.map_err(|error| Ended::failed(error.to_string()))?);
        let says_more = self.prompt.is_some()
            || self.answer.is_some()
            || self.json_answer
            || !(self.rename.is_empty() && self.key.is_empty());
        let Some(mut mapping) = mapping else {
            let says_all = self.prompt.is_some() && self.answer.is_some();
            if says_more && !says_all {
                let message = "Say with --map which column is what, such as --map question=user,reply=assistant.";
                return Err(Ended::failed(message));
            }
            return Ok(says_all.then(|| self.said(Mapping::default())));
        };
        mapping = self.said(mapping);
        // A template takes its columns itself.
        if self.answer.is_some() {
            mapping.columns.retain(|(_, role)| *role != ColumnRole::Assistant);
        }
        Ok(Some(mapping))
    }

    fn said(&self, mapping: Mapping) -> Mapping {
        let or = |given: &Option<String>, known: String| given.clone().unwrap_or(known);
        let mut renames = self.rename.clone();
        renames.extend(mapping.renames);
        let mut keys = self.key.clone();
        keys.extend(mapping.keys);
        Mapping {
            user_template: or(&self.prompt, mapping.user_template),
            answer_template: or(&self.answer, mapping.answer_template),
            answer_as_json: self.json_answer || mapping.answer_as_json,
            renames,
            keys,
            ..mapping
        }
    }
}

fn template(text: &str) -> Result<String, String> {
    match text.trim().is_empty() {
        true => Err("it must name at least one column, such as {question}".to_owned()),
        false => Ok(text.replace("\\n", "\n")),
    }
}

fn rename(text: &str) -> Result<Rename, String> {
    let (column, words) = text.split_once(':').ok_or("it must be COLUMN:VALUE=NEW")?;
    let (from, to) = words.split_once('=').ok_or("it must be COLUMN:VALUE=NEW")?;
    Ok(Rename { column: column.trim().to_owned(), from: from.trim().to_owned(), to: to.trim().to_owned() })
}

fn key(text: &str) -> Result<(String, String), String> {
    let (column, key) = text.rsplit_once('=').ok_or("it must be COLUMN=KEY")?;
    Ok((column.trim().to_owned(), key.trim().to_owned()))
}
