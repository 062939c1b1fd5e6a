//! Data sets of the Hugging Face Hub as something to import.

use super::Ended;
use super::progress::Progress;
use super::terminal::{self, thousands};
use crate::data::import::ImportRequest;
use crate::engine;
use crate::engine::dataset::{WantedData, usual_part};
use crate::hub::dataset::{self, DatasetSplit, Subset};
use crate::hub::{Dataset, DatasetName, Sources};

/// The name in `hub:OWNER/NAME`.
pub(super) fn name_in(argument: &str) -> Option<&str> {
    argument.strip_prefix("hub:")
}

/// Fetches these splits, or all, or the first rows of each. Each goes to the part of the data that it is called after;
/// what no part is called after is split.
pub(super) fn fetch(
    name: &str,
    splits: &[String],
    max_rows: Option<u64>,
    progress: &Progress,
) -> Result<ImportRequest, Ended> {
    let sources = Sources::default();
    let name = DatasetName::parse(name)?;
    let dataset = dataset::list(&name, &sources, progress)?;
    dataset.notes.iter().for_each(|note| terminal::note(&format!("note: {note}")));
    let subset = chosen_subset(&dataset)?;
    let chosen = chosen_splits(&name, subset, splits)?;
    let num_bytes = chosen.iter().map(|split| split.num_bytes()).sum();
    let names: Vec<_> = chosen.iter().map(|split| split.name.as_str()).collect();
    let licence = dataset.license.as_ref().map_or_else(String::new, |license| format!(", licence {license}"));
    let size = match max_rows {
        None => terminal::bytes(num_bytes),
        Some(rows) => format!("the first {} rows of each, at most {}", thousands(rows), terminal::bytes(num_bytes)),
    };
    let (repo, subset_name, names) = (&name.repo, &subset.name, names.join(", "));
    terminal::note(&format!("{repo}, subset {subset_name}: {names} ({size}){licence}"));
    let splits = chosen.into_iter().map(|split| (split.clone(), usual_part(&split.name))).collect();
    let wanted = WantedData { subset: subset.clone(), splits, max_rows, dataset };
    Ok(engine::dataset::fetch(&wanted, &sources, progress)?)
}

/// Nobody else knows which of several is meant.
fn chosen_subset(dataset: &Dataset) -> Result<&Subset, Ended> {
    let is_open = dataset.name.subset.is_none() && dataset.subsets.len() > 1;
    if is_open && dataset.subsets.iter().all(|subset| subset.name != "default") {
        let names: Vec<_> = dataset.subsets.iter().map(|subset| subset.name.as_str()).collect();
        return Err(Ended::failed(format!(
            "{0} has {1} subsets: choose one, as in hub:{0}:{2}. There are {3}.",
            dataset.name.repo,
            thousands(names.len() as u64),
            names[0],
            names.join(", ")
        )));
    }
    Ok(dataset.subset(dataset.name.subset.as_deref())?)
}

fn chosen_splits<'a>(
    name: &DatasetName,
    subset: &'a Subset,
    wanted: &[String],
) -> Result<Vec<&'a DatasetSplit>, Ended> {
    if wanted.is_empty() {
        return Ok(subset.splits.iter().collect());
    }
    let find = |wanted: &String| {
        subset.splits.iter().find(|split| split.name == *wanted).ok_or_else(|| {
            let there: Vec<_> = subset.splits.iter().map(|split| split.name.as_str()).collect();
            Ended::failed(format!(
                "{}, subset {} has no split {wanted}. It has {}.",
                name.repo,
                subset.name,
                there.join(", ")
            ))
        })
    };
    wanted.iter().map(find).collect()
}
