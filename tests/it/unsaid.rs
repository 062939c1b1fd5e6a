//! Files that leave out what no reader could know: refused by the name of what is missing.

use tunewright::model::inspect;

use crate::fixtures::{GgufContent, fixture};

#[test]
fn a_gguf_file_that_leaves_out_what_its_layers_do_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("gemma3", "gemma3.attention.sliding_window"),
        ("gemma4", "gemma4.attention.sliding_window"),
        ("gemma4", "gemma4.attention.sliding_window_pattern"),
        ("gemma4", "gemma4.attention.shared_kv_layers"),
        ("gemma4", "gemma4.attention.key_length_swa"),
        ("gemma4", "rope_freqs.weight"),
        ("granite4_h", "granitehybrid.ssm.group_count"),
        ("granite4_h", "granitehybrid.ssm.state_size"),
        ("qwen3_5", "qwen35.ssm.time_step_rank"),
        ("qwen3_5", "qwen35.ssm.state_size"),
    ];
    for (family, named) in cases {
        let from = fixture(&format!("gguf/{family}.gguf"));
        assert_eq!(inspect(&from).unwrap().problem, None, "{family} as it is");
        let mut content = GgufContent::read(&from);
        let has_it = content.metadata.remove(named).is_some() || content.tensors.remove(named).is_some();
        assert!(has_it, "{family} never had {named}");
        let path = folder.path().join("model.gguf");
        content.write(&path);
        let refused = match inspect(&path) {
            Ok(facts) => facts.problem.unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        assert!(refused.contains(named), "{family} without {named}: {refused:?}");
    }
}
