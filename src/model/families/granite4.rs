//! Granite 4 without Mamba layers and experts (`GraniteMoeHybridModel`): Granite with fused inner layers, and a rotation only
//! where it is asked for. GGUF gives such models the name of Granite, and gate and up tensors of their own.

use super::{Family, common, granite};
use crate::model::ModelSpec;
use crate::model::spec::Names;
use crate::model::spec::keys::{self, Key, Keys};

/// The width of the inner layers; `intermediate_size` is that of experts.
const INNER_SIZE: Key = Key::new("shared_intermediate_size", "");
const DEFAULT_INNER_SIZE: usize = 1024;
const INNER_SIZE_OF_GGUF: Key = Key::new("", "expert_shared_feed_forward_length");
/// What its files say of Mamba layers, which they don't have.
const OF_MAMBA: [Key; 5] = [
    Key::new("", "ssm.conv_kernel"),
    Key::new("", "ssm.state_size"),
    Key::new("", "ssm.group_count"),
    Key::new("", "ssm.inner_size"),
    Key::new("", "ssm.time_step_rank"),
];
const ROTATES: Key = Key::new("position_embedding_type", "");
/// What it was called before `layer_types`.
const LAYER_KINDS: Key = Key::new("layers_block_type", "");

pub const GRANITE4: Family = Family {
    name: "Granite 4 (dense)",
    config: &["granitemoehybrid"],
    gguf: &[],
    wrapped_in: &[],
    read,
    follows: &[
        keys::EMBEDDING_SCALE,
        keys::RESIDUAL_SCALE,
        keys::ATTENTION_SCALE,
        keys::LOGITS_DIVISOR,
        keys::ATTENTION_BIAS,
        ROTATES,
        INNER_SIZE_OF_GGUF,
        OF_MAMBA[0],
        OF_MAMBA[1],
        OF_MAMBA[2],
        OF_MAMBA[3],
        OF_MAMBA[4],
    ],
    has_paired_rows: true,
    has_norms_from_one: false,
    splits_gate_up: true,
    names: Names::new(&[
        ("mlp.gate_up_proj", "shared_mlp.input_linear"),
        ("mlp.down_proj", "shared_mlp.output_linear"),
    ]),
};

/// Whether a GGUF file of a Granite is one of these.
pub(super) fn is_it(keys: &dyn Keys) -> Result<bool, String> {
    Ok(keys.count(INNER_SIZE_OF_GGUF)?.is_some())
}

pub(super) fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let mut spec = common::read(keys, architecture, &common::Defaults::default())?;
    common::set_biases(&mut spec, keys)?;
    granite::set_factors(&mut spec, keys)?;
    let rotates = match keys.is_gguf() {
        true => granite::rotates_in_gguf(keys)?,
        false => {
            spec.intermediate_size = keys.count(INNER_SIZE)?.unwrap_or(DEFAULT_INNER_SIZE);
            // Where no kinds are named, all layers are Mamba's.
            let kinds = keys.texts(keys::LAYER_TYPES)?.or(keys.texts(LAYER_KINDS)?);
            kinds.ok_or_else(|| keys.unusable(keys::LAYER_TYPES))?;
            match keys.text(ROTATES) {
                None => false,
                Some("rope") => true,
                Some(other) => {
                    return Err(format!("config.json has position_embedding_type = {other}, which is not known here"));
                }
            }
        }
    };
    for layer in &mut spec.layers {
        layer.fuses_gate_up = true;
        layer.rope = rotates.then_some(0);
    }
    Ok(spec)
}
