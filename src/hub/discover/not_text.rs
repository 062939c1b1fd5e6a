//! Models that write no text: they make embeddings or rank texts, and aren't offered to be trained.

use std::path::PathBuf;

use crate::hub::FoundModel;

const EMBEDS: &str = "it makes embeddings and writes no text";
const RANKS: &str = "it ranks texts and writes none";
/// Families of which no model writes text.
const ENCODERS: [&str; 12] = [
    "albert",
    "bert",
    "deberta-v2",
    "distilbert",
    "electra",
    "gte",
    "jina-bert-v2",
    "modernbert",
    "mpnet",
    "nomic-bert",
    "roberta",
    "xlm-roberta",
];

/// The model's place, and why it isn't offered, as its name, its family and the files beside it say.
pub(super) fn reason(found: &FoundModel) -> Option<(PathBuf, &'static str)> {
    let path = found.facts.as_ref()?.path.clone();
    let name = found.name.to_lowercase();
    if name.contains("rerank") {
        return Some((path, RANKS));
    }
    // The folder of a sentence-transformers model says how its tokens become one row.
    let has_pooling = path.is_dir() && (path.join("modules.json").is_file() || path.join("1_Pooling").is_dir());
    let architecture = found.facts.as_ref().map(|facts| &*facts.architecture)?;
    let embeds = name.contains("embed") || has_pooling || ENCODERS.contains(&architecture);
    embeds.then_some((path, EMBEDS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::ModelRef;

    #[test]
    fn embeddings_and_rankers_are_told_from_models_that_write() {
        let reason_for = |name: &str, architecture: &str| {
            let facts = crate::model::facts::tests::facts(architecture);
            let found = FoundModel {
                model: ModelRef::Starter,
                name: name.to_owned(),
                place: String::new(),
                is_on_disk: true,
                num_bytes: 1,
                facts: Some(facts),
                problem: None,
            };
            reason(&found).map(|(_, reason)| reason)
        };
        assert_eq!(reason_for("Qwen3-Embedding-0.6B-Q8_0", "qwen3"), Some(EMBEDS));
        assert_eq!(reason_for("nomic-embed-text:latest", "nomic-bert"), Some(EMBEDS));
        assert_eq!(reason_for("all-minilm:latest", "bert"), Some(EMBEDS));
        assert_eq!(reason_for("Qwen3-Reranker-0.6B", "qwen3"), Some(RANKS));
        assert_eq!(reason_for("Qwen3-0.6B-Q8_0", "qwen3"), None);
    }
}
