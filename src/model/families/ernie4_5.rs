//! ERNIE 4.5, dense (`Ernie4_5Model`): Llama that rotates neighbours together.

use super::{Family, USUAL_NAMES, common};
use crate::model::ModelSpec;
use crate::model::spec::keys::{Key, Keys};

const HEAD_DIM: usize = 128;
const THETA: f64 = 500_000.0;
const HAS_BIASES: Key = Key::new("use_bias", "");

pub const ERNIE4_5: Family = Family {
    name: "ERNIE 4.5",
    config: &["ernie4_5"],
    gguf: &["ernie4_5"],
    wrapped_in: &[],
    read,
    follows: &[HAS_BIASES],
    // Neighbours are neighbours in both worlds.
    has_paired_rows: false,
    has_norms_from_one: false,
    splits_gate_up: false,
    names: USUAL_NAMES,
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let defaults = common::Defaults {
        head_dim: Some(HEAD_DIM),
        ties_head: true,
        rope_theta: THETA,
        rms_norm_eps: 1e-5,
        ..common::Defaults::default()
    };
    let mut spec = common::read(keys, architecture, &defaults)?;
    spec.ropes[0].is_adjacent = true;
    common::set_biases(&mut spec, keys)?;
    if keys.flag(HAS_BIASES)? == Some(true) {
        spec.layers.iter_mut().for_each(|layer| layer.biases = common::ALL_BIASES);
    }
    Ok(spec)
}
