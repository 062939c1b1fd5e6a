//! What a file holds beyond the tensors that the decoder asks for: such a model computes something that isn't computed
//! here, and would give wrong answers without a word.

use std::collections::HashSet;

use crate::model::ModelSpec;
use crate::model::spec::Part;
use crate::words::thousands;

/// Why a model with these tensors can't be run, as a sentence; `None` where its tensors are the wanted ones.
/// `names_of` gives the file's names of a tensor, most often one; `is_harmless` knows what may be left over.
pub fn problem<'a>(
    spec: &ModelSpec,
    there: impl Iterator<Item = &'a str> + Clone,
    names_of: impl Fn(Part) -> Vec<String>,
    is_harmless: impl Fn(&str) -> bool,
) -> Option<String> {
    let wanted: HashSet<String> = spec.parts().into_iter().flat_map(&names_of).collect();
    let unused: HashSet<String> = spec.unused_parts().into_iter().flat_map(&names_of).collect();
    let is_left = |name: &&str| !wanted.contains(*name) && !unused.contains(*name) && !is_harmless(name);
    let mut left: Vec<&str> = there.clone().filter(is_left).collect();
    left.sort_unstable();
    if let Some(first) = left.first() {
        let others = match left.len() - 1 {
            0 => String::new(),
            1 => " (and one more)".to_owned(),
            n => format!(" (and {} more)", thousands(n)),
        };
        let what = what_it_means(first, spec);
        return Some(format!(
            "Its tensor {first}{others} is not computed here: {what}. Without it the answers would be wrong"
        ));
    }
    let there: HashSet<&str> = there.collect();
    let missing = spec.parts().into_iter().flat_map(names_of).find(|name| !there.contains(name.as_str()));
    missing.map(|name| format!("Its tensor {name} is missing"))
}

/// What kind of model has such a tensor.
fn what_it_means(name: &str, spec: &ModelSpec) -> String {
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    let layer = name.split('.').find_map(|part| part.parse::<usize>().ok());
    if has(&["lora_", "loraA", "loraB"]) {
        return "the file holds an adapter".to_owned();
    }
    if layer.is_some_and(|layer| layer >= spec.num_layers()) {
        return format!("the model has more than the {} layers that its settings name", spec.num_layers());
    }
    let what = if has(&["exps", "experts", "_inp", "router", "block_sparse_moe", "shexp", "mlp.gate.weight"]) {
        "the model has experts of which a router chooses some for each token"
    } else if has(&["q_norm", "k_norm", "q_layernorm", "k_layernorm", "qk_norm"]) {
        "the model has norms on its queries and keys"
    } else if has(&["scale", "qweight", "qzeros", "g_idx", "absmax", "quant", "packed", "zero_point", "codebook"]) {
        "its weights are packed in a way that isn't read"
    } else if name.ends_with("bias") {
        "the model has biases"
    } else if has(&["ssm", "mamba", "conv1d", "shortconv", "linear_attn", "time_mix"]) {
        "the model has layers of another kind than attention"
    } else if has(&["vision", "visual", "v.blk", "mm.", "multi_modal", "image"]) {
        "the model sees pictures, too"
    } else if has(&["norm"]) {
        "the model has norms where its family has none"
    } else if has(&["score", "classifier"]) {
        "the model sorts texts into classes"
    } else {
        return format!("the family {} has no such tensor", spec.architecture);
    };
    what.to_owned()
}
