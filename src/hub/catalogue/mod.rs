//! Good small models by name (`assets/models.toml`): what each is good for, under which licence, and how large its files are.

mod sizes;

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::ModelSpec;
use crate::recipe::ModelRef;

pub use sizes::num_bytes;

/// A row of the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CatalogueModel {
    /// As people call it: `Qwen3 0.6B`.
    pub name: String,
    /// Who made it.
    pub maker: String,
    /// Its repository with safetensors, `owner/name`.
    pub repo: String,
    pub license: String,
    /// What the licence asks for or forbids, where it does; a sentence without a full stop.
    pub license_note: Option<String>,
    /// Whether its maker wants to know who downloads it from `repo`.
    pub is_gated: bool,
    /// When it was published: `2025-04`.
    pub since: String,
    /// A sentence without a full stop.
    pub good_for: String,
    /// The family as people write it: `Qwen3`; of one that isn't known, as its file does.
    pub family: String,
    pub num_parameters: u64,
    /// In tokens.
    pub context_length: usize,
    /// Why it can't be trained here yet, as a sentence; `None` where it can.
    pub problem: Option<String>,
    /// What can be downloaded, the smallest first.
    pub choices: Vec<CatalogueChoice>,
    /// Its shape, from which all sizes are computed.
    #[serde(skip)]
    pub spec: ModelSpec,
}

/// One way to have a model of the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CatalogueChoice {
    /// What to fetch.
    pub model: ModelRef,
    /// `Q4_K_M`, or `BF16` of the safetensors.
    pub quantization: String,
    /// The GGUF file's name; `None` for safetensors.
    pub file: Option<String>,
    /// Computed from the shape, about: the Hub knows the exact size.
    pub num_bytes: u64,
}

/// All models of the catalogue, in the order of its file.
pub fn catalogue() -> &'static [CatalogueModel] {
    static MODELS: OnceLock<Vec<CatalogueModel>> = OnceLock::new();
    MODELS.get_or_init(|| read_each(include_str!("../../../assets/models.toml")))
}

/// The row that a repository belongs to, be it the one with safetensors or the one with GGUF files.
pub fn find(repo: &str) -> Option<&'static CatalogueModel> {
    let is_of = |choice: &CatalogueChoice| matches!(&choice.model, ModelRef::Hub { repo: of, .. } if of == repo);
    catalogue().iter().find(|model| model.choices.iter().any(is_of))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    model: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    maker: String,
    repo: String,
    license: String,
    license_note: Option<String>,
    #[serde(default)]
    is_gated: bool,
    since: String,
    good_for: String,
    gguf: GgufRepo,
    config: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GgufRepo {
    repo: String,
    /// With `{}` in place of the quantisation.
    file: String,
    quantizations: Vec<String>,
}

#[cfg(test)]
fn read(text: &str) -> Result<Vec<CatalogueModel>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    file.model.into_iter().map(model).collect()
}

/// The rows that can be read: one that can't leaves the others.
fn read_each(text: &str) -> Vec<CatalogueModel> {
    let file: File = toml::from_str(text).unwrap_or_else(|error| {
        log::error!("assets/models.toml: {error}");
        File { model: Vec::new() }
    });
    let told = |error: &String| log::error!("assets/models.toml: {error}");
    file.model.into_iter().filter_map(|row| model(row).inspect_err(told).ok()).collect()
}

fn model(row: Row) -> Result<CatalogueModel, String> {
    let spec = ModelSpec::from_config(&row.config).map_err(|error| format!("{}: {error}", row.name))?;
    let of_hub = |repo: &str, variant: Option<&String>| ModelRef::Hub {
        repo: repo.to_owned(),
        revision: None,
        variant: variant.cloned(),
    };
    let of_gguf = |quantization: &String| CatalogueChoice {
        model: of_hub(&row.gguf.repo, Some(quantization)),
        quantization: quantization.clone(),
        file: Some(row.gguf.file.replace("{}", quantization)),
        num_bytes: num_bytes(&spec, quantization),
    };
    let mut choices: Vec<_> = row.gguf.quantizations.iter().map(of_gguf).collect();
    choices.push(CatalogueChoice {
        model: of_hub(&row.repo, None),
        quantization: "BF16".to_owned(),
        file: None,
        num_bytes: num_bytes(&spec, "BF16"),
    });
    choices.sort_by_key(|choice| choice.num_bytes);
    Ok(CatalogueModel {
        family: spec.family_name().to_owned(),
        num_parameters: spec.num_parameters(),
        context_length: spec.context_length,
        problem: spec.problem(Some(&row.config)),
        choices,
        name: row.name,
        maker: row.maker,
        repo: row.repo,
        license: row.license,
        license_note: row.license_note,
        is_gated: row.is_gated,
        since: row.since,
        good_for: row.good_for,
        spec,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::hub::outside;

    #[test]
    fn every_row_is_read_and_names_what_can_be_fetched() {
        let models = read(include_str!("../../../assets/models.toml")).unwrap();
        assert!((28..=40).contains(&models.len()), "{}", models.len());
        let names: HashSet<_> = models.iter().map(|model| &model.name).collect();
        assert_eq!(names.len(), models.len(), "two rows have one name");
        for model in &models {
            let is_month = |text: &str| {
                let number =
                    |text: &str, range: std::ops::RangeInclusive<u32>| text.parse().is_ok_and(|n| range.contains(&n));
                text.split_once('-').is_some_and(|(year, month)| number(year, 2023..=2027) && number(month, 1..=12))
            };
            assert!(is_month(&model.since), "{}: {}", model.name, model.since);
            for text in [&model.maker, &model.license, &model.good_for, &model.family] {
                assert!(!text.trim().is_empty() && !text.ends_with('.'), "{}: {text:?}", model.name);
            }
            assert!(
                (100_000_000..9_500_000_000).contains(&model.num_parameters),
                "{}: {}",
                model.name,
                model.num_parameters
            );
            for choice in &model.choices {
                let ModelRef::Hub { repo, revision: None, variant } = &choice.model else { panic!("{choice:?}") };
                assert!(outside::is_repo_id(repo), "{repo}");
                assert_eq!(ModelRef::parse(&choice.model.to_string()), choice.model);
                assert_eq!(variant.is_some(), choice.file.is_some(), "{choice:?}");
                if let Some(file) = &choice.file {
                    assert!(outside::is_inside(file) && file.ends_with(".gguf"), "{file}");
                    assert!(file.contains(&choice.quantization), "{file}");
                }
                // From a little more than 4 bits a weight to 16, and the vocabulary.
                let bits = 8.0 * choice.num_bytes as f64 / model.num_parameters as f64;
                assert!((4.4..16.6).contains(&bits), "{} {}: {bits} bits", model.name, choice.quantization);
            }
        }
    }

    /// The name of a model says how many parameters it has, as far as its maker counts them.
    #[test]
    fn the_shapes_have_as_many_parameters_as_the_names_say() {
        let models = catalogue();
        let said = |name: &str| -> Option<f64> {
            name.split(' ').rev().find_map(|word| {
                let (number, unit) = word.split_at(word.len().checked_sub(1)?);
                let factor = match unit {
                    "B" => 1e9,
                    "M" => 1e6,
                    _ => return None,
                };
                number.parse::<f64>().ok().map(|number| number * factor)
            })
        };
        let num_said = models.iter().filter(|model| said(&model.name).is_some()).count();
        assert!(num_said > 25, "{num_said}");
        for model in models {
            let Some(said) = said(&model.name) else { continue };
            let ratio = model.num_parameters as f64 / said;
            // "Granite 4.0 1B" has 1.6, "Gemma 2 2B" 2.6, "Llama 3.2 1B" 1.24.
            assert!((0.85..1.65).contains(&ratio), "{} has {} parameters", model.name, model.num_parameters);
        }
    }

    #[test]
    fn most_can_be_trained_and_the_others_say_why_not() {
        let (ready, other): (Vec<_>, Vec<_>) = catalogue().iter().partition(|model| model.problem.is_none());
        assert!(ready.len() >= 24, "{:?}", other.iter().map(|model| (&model.name, &model.problem)).collect::<Vec<_>>());
        for model in other {
            let problem = model.problem.as_deref().unwrap_or_default();
            assert!(problem.contains("can't be trained yet"), "{}: {problem}", model.name);
        }
        assert_eq!(find("unsloth/Qwen3-0.6B-GGUF").map(|model| &*model.name), Some("Qwen3 0.6B"));
        assert_eq!(find("Qwen/Qwen3-0.6B").map(|model| &*model.family), Some("Qwen3"));
        assert!(find("Qwen/Qwen3").is_none());
    }
}
