//! From the splits of a data set of the Hub to an import.

use std::path::PathBuf;

use super::error::EngineError;
use crate::data::formats::ClassNames;
use crate::data::import::{ImportRequest, Origin};
use crate::data::mapping::parse_split;
use crate::data::{ImportError, Split, count_rows};
use crate::hub::dataset::{DatasetFiles, DatasetSplit, Subset};
use crate::hub::{self, Dataset, Sources};
use crate::task::Task;

/// The part of the data that a split's name stands for: `train_sft` is for training. `None`: its rows are split.
pub fn usual_part(split: &str) -> Option<Split> {
    parse_split(split.split(|c: char| !c.is_alphabetic()).next()?)
}

/// What is wanted of a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct WantedData {
    pub dataset: Dataset,
    pub subset: Subset,
    /// The part that each split's rows go to; `None`: they are split.
    pub splits: Vec<(DatasetSplit, Option<Split>)>,
    /// No more than the first rows of each split, and no more files than these are in.
    pub max_rows: Option<u64>,
}

/// Fetches what is wanted, as far as it isn't on this disk; gives the import of it.
///
/// # Errors
/// Where a file can't be fetched or written; the error names it.
pub fn fetch(wanted: &WantedData, sources: &Sources, task: &dyn Task) -> Result<ImportRequest, EngineError> {
    let fetched = match wanted.max_rows {
        None => fetch_all(wanted, sources, task)?,
        Some(max_rows) => fetch_first(wanted, max_rows, sources, task)?,
    };
    fetched.import().ok_or_else(|| {
        let what = "no split of it was chosen".to_owned();
        ImportError::NoRows { path: wanted.dataset.name.repo.clone().into(), what }.into()
    })
}

fn fetch_all(wanted: &WantedData, sources: &Sources, task: &dyn Task) -> Result<Fetched, EngineError> {
    let WantedData { dataset, subset, splits, .. } = wanted;
    let paths = hub::dataset::fetch(&dataset.files(splits.iter().map(|(split, _)| split)), sources, task)?;
    let class_names = class_names(wanted);
    let origins = splits.iter().flat_map(|(split, part)| {
        let (name, class_names) = (dataset.source_name(subset, split), class_names.clone());
        let origin = Origin { name, split: *part, max_rows: None, class_names };
        std::iter::repeat_n(origin, split.files.len())
    });
    Ok(Fetched { paths, origins: origins.collect() })
}

fn class_names(wanted: &WantedData) -> ClassNames {
    ClassNames::of_card(&wanted.dataset.info, |subset| subset == wanted.subset.name, "the data set's card")
}

/// File by file, until a split's rows are together.
fn fetch_first(wanted: &WantedData, max_rows: u64, sources: &Sources, task: &dyn Task) -> Result<Fetched, EngineError> {
    let mut fetched = Fetched::default();
    let class_names = class_names(wanted);
    for (split, part) in &wanted.splits {
        let name = format!("{} (first {max_rows})", wanted.dataset.source_name(&wanted.subset, split));
        let mut left = max_rows;
        for file in &split.files {
            if left == 0 {
                break;
            }
            let one = DatasetFiles { files: vec![file.clone()], ..wanted.dataset.files([]) };
            for path in hub::dataset::fetch(&one, sources, task)? {
                let num_rows = count_rows(&path, left, task)?;
                let (name, class_names) = (name.clone(), class_names.clone());
                fetched.origins.push(Origin { name, split: *part, max_rows: Some(left), class_names });
                fetched.paths.push(path);
                left -= num_rows;
            }
        }
    }
    Ok(fetched)
}

/// Files on this disk, and what is known of each.
#[derive(Default)]
struct Fetched {
    paths: Vec<PathBuf>,
    origins: Vec<Origin>,
}

impl Fetched {
    fn import(self) -> Option<ImportRequest> {
        let (first, more) = self.paths.split_first()?;
        Some(ImportRequest { more: more.to_vec(), origins: self.origins, ..ImportRequest::new(first) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_of_a_split_says_its_part() {
        let check = |name: &str, part| assert_eq!(usual_part(name), part, "{name}");
        check("train", Some(Split::Train));
        check("train_sft", Some(Split::Train));
        check("validation-matched", Some(Split::Validation));
        check("test", Some(Split::Test));
        check("easy", None);
        check("", None);
    }
}
