//! Hunyuan's dense models (`HunYuanDenseV1Model`): Llama with norms on each head's rotated queries and keys.

use super::{Family, common};
use crate::model::ModelSpec;
use crate::model::spec::keys::Keys;
use crate::model::spec::{Names, QkNorm};

pub const HUNYUAN: Family = Family {
    name: "Hunyuan",
    config: &["hunyuan_v1_dense"],
    gguf: &["hunyuan-dense"],
    wrapped_in: &[],
    read,
    follows: &[],
    has_paired_rows: false,
    has_norms_from_one: false,
    splits_gate_up: false,
    names: Names::new(&[
        ("self_attn.q_norm", "self_attn.query_layernorm"),
        ("self_attn.k_norm", "self_attn.key_layernorm"),
    ]),
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let defaults = common::Defaults { rms_norm_eps: 1e-5, scales_rope_by_alpha: true, ..common::Defaults::default() };
    let mut spec = common::read(keys, architecture, &defaults)?;
    spec.layers.iter_mut().for_each(|layer| layer.qk_norm = Some(QkNorm::PerRotatedHead));
    Ok(spec)
}
