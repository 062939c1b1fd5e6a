//! Ministral 3, text only (`Ministral3Model`): Llama with a stretched rotation, and queries that grow with their position.

use super::{Family, USUAL_NAMES, common};
use crate::model::ModelSpec;
use crate::model::spec::keys::{self, Keys};

pub const MINISTRAL3: Family = Family {
    name: "Ministral 3",
    config: &["ministral3"],
    gguf: &["mistral3"],
    wrapped_in: &["mistral3"],
    read,
    follows: &[keys::WINDOW, keys::LAYER_TYPES, keys::TEMPERATURE_SCALE],
    has_paired_rows: true,
    has_norms_from_one: false,
    splits_gate_up: false,
    names: USUAL_NAMES,
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let defaults = common::Defaults { rms_norm_eps: 1e-5, ..common::Defaults::default() };
    let mut spec = common::read(keys, architecture, &defaults)?;
    common::set_windows(&mut spec, keys, None, |_| true)?;
    spec.query_scale = keys.query_scale()?;
    Ok(spec)
}
