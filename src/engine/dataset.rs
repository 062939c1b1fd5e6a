//! From the splits of a data set of the Hub to an import.

use std::path::PathBuf;

use crate::data::Split;
use crate::data::import::{ImportRequest, Origin};
use crate::data::mapping::parse_split;
use crate::hub::Dataset;
use crate::hub::dataset::{DatasetSplit, Subset};

/// The part of the data that a split's name stands for: `train_sft` is for training. `None`: its rows are dealt.
pub fn usual_part(split: &str) -> Option<Split> {
    parse_split(split.split(|c: char| !c.is_alphabetic()).next()?)
}

/// The import of fetched splits, each with the part that its rows go to. `paths` are the splits' files in order;
/// without any there is nothing to import.
pub fn import_of(
    dataset: &Dataset,
    subset: &Subset,
    splits: &[(&DatasetSplit, Option<Split>)],
    paths: &[PathBuf],
) -> Option<ImportRequest> {
    let (first, more) = paths.split_first()?;
    let origins = splits.iter().flat_map(|(split, part)| {
        let origin = Origin { name: dataset.source_name(subset, split), split: *part };
        std::iter::repeat_n(origin, split.files.len())
    });
    Some(ImportRequest { more: more.to_vec(), origins: origins.collect(), ..ImportRequest::new(first) })
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
