//! EXAONE 4 (`Exaone4Model`): norms only after the branches and on each head's queries and keys; the larger one has windows, and
//! its layers without a window no rotation.

use super::{Family, USUAL_NAMES, common};
use crate::model::ModelSpec;
use crate::model::spec::keys::{self, Key, Keys};
use crate::model::spec::{BranchNorms, QkNorm};

const WINDOW: usize = 4096;
const PATTERN: usize = 4;
/// A number, one in which sees all, or letters such as `LLLG`.
const SLIDING_PATTERN: Key = Key::new("sliding_window_pattern", "");
/// The layers of the 32B, to which alone llama.cpp gives the windows that its files name.
const LAYERS_OF_32B: usize = 64;

pub const EXAONE4: Family = Family {
    name: "EXAONE 4",
    config: &["exaone4"],
    gguf: &["exaone4"],
    wrapped_in: &[],
    read,
    follows: &[keys::WINDOW, keys::LAYER_TYPES, SLIDING_PATTERN],
    has_paired_rows: false,
    has_norms_from_one: false,
    splits_gate_up: false,
    names: USUAL_NAMES,
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let defaults = common::Defaults { rms_norm_eps: 1e-5, ..common::Defaults::default() };
    let mut spec = common::read(keys, architecture, &defaults)?;
    let has_windows = match keys.is_gguf() {
        true => spec.num_layers() == LAYERS_OF_32B,
        false => keys.number(keys::WINDOW)?.or(Some(0.0)).is_some(),
    };
    for layer in &mut spec.layers {
        layer.norms = BranchNorms::AFTER;
        layer.qk_norm = Some(QkNorm::PerHead);
    }
    if has_windows {
        let slides = pattern(keys, spec.num_layers())?;
        common::set_windows(&mut spec, keys, Some(WINDOW), |layer| slides[layer])?;
        spec.layers.iter_mut().filter(|layer| layer.window.is_none()).for_each(|layer| layer.rope = None);
    }
    Ok(spec)
}

/// Which layers slide, where only the pattern says it.
fn pattern(keys: &dyn Keys, num_layers: usize) -> Result<Vec<bool>, String> {
    if let Some(letters) = keys.text(SLIDING_PATTERN) {
        let letters: Vec<char> = letters.chars().collect();
        if letters.is_empty() || letters.iter().any(|letter| !matches!(letter, 'L' | 'G')) {
            return Err(keys.unusable(SLIDING_PATTERN));
        }
        return Ok(letters.iter().cycle().take(num_layers).map(|letter| *letter == 'L').collect());
    }
    let every = keys.count(SLIDING_PATTERN)?.unwrap_or(PATTERN).max(1);
    Ok((1..=num_layers).map(|number| !number.is_multiple_of(every)).collect())
}
