//! OLMo 2 (`Olmo2Model`): norms only after the branches, and on all queries and all keys of a token together.

use super::{Family, common};
use crate::model::ModelSpec;
use crate::model::spec::keys::Keys;
use crate::model::spec::{BranchNorms, QkNorm};

pub const OLMO2: Family = Family {
    name: "OLMo 2",
    config: &["olmo2"],
    gguf: &["olmo2"],
    read,
    follows: &[],
    has_paired_rows: false,
    has_norms_from_one: false,
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let defaults = common::Defaults { rms_norm_eps: 1e-5, ..common::Defaults::default() };
    let mut spec = common::read(keys, architecture, &defaults)?;
    for layer in &mut spec.layers {
        layer.norms = BranchNorms::AFTER;
        layer.qk_norm = Some(QkNorm::AllHeads);
    }
    Ok(spec)
}
