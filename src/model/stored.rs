//! What the tensors of a model take, in the types they are stored in: known from headers, before anything is loaded.

use std::collections::HashSet;

use super::ModelSpec;
use super::spec::Part;

/// A tensor as a file's header lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTensor {
    pub name: String,
    /// `Q4_K`, `bf16`
    pub dtype: String,
    pub num_values: u64,
    pub num_bytes: u64,
}

/// All tensors of one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorGroup {
    /// `Q4_K`, `bf16`
    pub dtype: String,
    pub num_tensors: usize,
    pub num_values: u64,
    pub num_bytes: u64,
}

/// The shape of a model and the bytes of its weights: all that memory and time of a run depend on.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSize {
    pub spec: ModelSpec,
    /// The embedding with that of the blocks' own inputs, and the head where that isn't tied to it.
    pub embedding_bytes: u64,
    /// Everything else.
    pub block_bytes: u64,
    /// The types that tensors are stored in, the most bytes first; empty where only the size of the files is known.
    pub groups: Vec<TensorGroup>,
}

/// What is looked up by token, or is as large as the vocabulary.
const EMBEDDINGS: [Part; 3] = [Part::Embedding, Part::InputEmbedding, Part::Head];

impl ModelSize {
    /// The size of those of these tensors that the model is made of: what else a file holds, such as a vision tower, isn't
    /// loaded.
    pub fn of_tensors(spec: ModelSpec, tensors: &[StoredTensor]) -> Self {
        let names = |parts: &[Part]| -> HashSet<String> {
            parts.iter().flat_map(|part| part.gguf(&spec).into_iter().chain([bare(&part.name(&spec))])).collect()
        };
        let (wanted, of_embedding) = (names(&spec.parts()), names(&EMBEDDINGS));
        let is_wanted = |tensor: &&StoredTensor| {
            let name = bare(&tensor.name);
            wanted.contains(&name) || of_embedding.contains(&name)
        };
        let used: Vec<&StoredTensor> = tensors.iter().filter(is_wanted).collect();
        // Of a family that isn't known, nothing is known to be left out.
        let used = if used.is_empty() { tensors.iter().collect() } else { used };
        let is_embedding = |tensor: &&&StoredTensor| of_embedding.contains(&bare(&tensor.name));
        let embedding_bytes = sum(used.iter().filter(is_embedding));
        let all = sum(used.iter());
        Self { embedding_bytes, block_bytes: all.saturating_sub(embedding_bytes), groups: groups(&used), spec }
    }

    /// The size of a model whose files have so many bytes: each weight counts the same.
    pub fn of_files(spec: ModelSpec, num_bytes: u64) -> Self {
        let of_part = |part: Part| part.num_values(&spec) as u64;
        let parts = spec.parts();
        let all: u64 = parts.iter().copied().map(of_part).sum();
        let embedding: u64 = parts.iter().copied().filter(|part| EMBEDDINGS.contains(part)).map(of_part).sum();
        let embedding_bytes = (num_bytes as f64 * embedding as f64 / all.max(1) as f64) as u64;
        Self { embedding_bytes, block_bytes: num_bytes - embedding_bytes, groups: Vec::new(), spec }
    }

    /// Bytes of all weights as stored.
    pub fn num_bytes(&self) -> u64 {
        self.embedding_bytes.saturating_add(self.block_bytes)
    }
}

/// A name without what vision models put around their text part.
fn bare(name: &str) -> String {
    let own = name.split('.').filter(|word| !matches!(*word, "model" | "language_model" | "text_model"));
    own.collect::<Vec<_>>().join(".")
}

/// A damaged header may say anything.
fn sum<'a>(tensors: impl Iterator<Item = &'a &'a StoredTensor>) -> u64 {
    tensors.fold(0, |sum: u64, tensor| sum.saturating_add(tensor.num_bytes))
}

fn groups(tensors: &[&StoredTensor]) -> Vec<TensorGroup> {
    let mut groups: Vec<TensorGroup> = Vec::new();
    for StoredTensor { dtype, num_values, num_bytes, .. } in tensors {
        let place = groups.iter().position(|group| group.dtype == *dtype).unwrap_or_else(|| {
            groups.push(TensorGroup { dtype: dtype.clone(), num_tensors: 0, num_values: 0, num_bytes: 0 });
            groups.len() - 1
        });
        let group = &mut groups[place];
        group.num_tensors += 1;
        group.num_values = group.num_values.saturating_add(*num_values);
        group.num_bytes = group.num_bytes.saturating_add(*num_bytes);
    }
    groups.sort_by(|a, b| b.num_bytes.cmp(&a.num_bytes).then_with(|| a.dtype.cmp(&b.dtype)));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(tied: bool) -> ModelSpec {
        let config = serde_json::json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 1000, "hidden_size": 64,
            "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
            "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 1e4, "hidden_act": "silu",
            "tie_word_embeddings": tied,
        });
        ModelSpec::from_config(&config).unwrap()
    }

    #[test]
    fn tensors_are_grouped_by_type_and_the_embedding_counts_for_itself() {
        let tensor = |name: &str, dtype: &str, num_values: u64, num_bytes: u64| StoredTensor {
            name: name.to_owned(),
            dtype: dtype.to_owned(),
            num_values,
            num_bytes,
        };
        let tensors = [
            tensor("token_embd.weight", "Q6_K", 64_000, 52_500),
            tensor("blk.0.attn_q.weight", "Q4_K", 4096, 2304),
            tensor("blk.0.attn_norm.weight", "F32", 64, 256),
            tensor("blk.1.attn_q.weight", "Q4_K", 4096, 2304),
            tensor("v.blk.0.attn_q.weight", "F16", 4096, 8192),
        ];
        let size = ModelSize::of_tensors(spec(true), &tensors);
        assert_eq!((size.embedding_bytes, size.block_bytes), (52_500, 4864));
        let told: Vec<_> = size.groups.iter().map(|g| (g.dtype.as_str(), g.num_tensors, g.num_bytes)).collect();
        assert_eq!(told, [("Q6_K", 1, 52_500), ("Q4_K", 2, 4608), ("F32", 1, 256)], "without what looks at pictures");
        let wrapped = [tensor("model.language_model.embed_tokens.weight", "bf16", 64_000, 128_000)];
        assert_eq!(ModelSize::of_tensors(spec(true), &wrapped).embedding_bytes, 128_000);
    }

    #[test]
    fn of_files_alone_the_embedding_has_its_share() {
        let (tied, own) = (spec(true), spec(false));
        let bytes = |spec: &ModelSpec| 2 * spec.num_parameters();
        let size = ModelSize::of_files(tied.clone(), bytes(&tied));
        assert_eq!(size.embedding_bytes, 2 * 64_000);
        assert_eq!(size.num_bytes(), bytes(&tied));
        assert_eq!(ModelSize::of_files(own.clone(), bytes(&own)).embedding_bytes, 4 * 64_000, "its head is its own");
    }
}
