//! What a run costs in multiplications and additions, from the shapes of the model: with a rate that was measured on this
//! machine it becomes a time, also for a model that isn't here yet.

use crate::model::spec::{LayerSpec, Mixer, Part};
use crate::model::{LoraConfig, ModelSpec};
use crate::ops::delta::CHUNK;
use crate::recipe::{GradientCheckpointing, Training};

/// What matters of the examples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenMix {
    /// Tokens of an example, on average.
    pub mean_length: f64,
    /// The share of tokens that are trained.
    pub trained_share: f64,
}

impl TokenMix {
    /// The mix of so many tokens in so many examples, some of them trained.
    pub fn of(num_tokens: usize, num_trained: usize, num_examples: usize) -> Self {
        Self {
            mean_length: num_tokens as f64 / num_examples.max(1) as f64,
            trained_share: num_trained as f64 / num_tokens.max(1) as f64,
        }
    }
}

/// Weights that a token is multiplied by on average, but for the head: in the last layers only trained ones are, where those
/// look at no tokens' rows.
fn linear_weights(spec: &ModelSpec, mix: TokenMix) -> f64 {
    let last_mixing = spec.last_mixing_layer();
    let weights = |part: Part| match part {
        Part::Weight(layer, _) if layer > last_mixing => mix.trained_share * part.num_values(spec) as f64,
        Part::Weight(..) => part.num_values(spec) as f64,
        _ => 0.0,
    };
    spec.parts().into_iter().map(weights).sum()
}

/// Multiplications and additions of a training step for each of its tokens: forward, back to the inputs (frozen weights
/// have no gradients), the adapter's three products, and the head on trained tokens.
pub fn train_flops_per_token(spec: &ModelSpec, lora: &LoraConfig, training: &Training, mix: TokenMix) -> f64 {
    let again = if training.gradient_checkpointing == GradientCheckpointing::On { 1.0 } else { 0.0 };
    let linear = 2.0 * linear_weights(spec, mix);
    let (attention, delta) = (attention_flops(spec, mix), delta_flops(spec, mix));
    let forward = linear + attention + delta;
    (2.0 + again) * forward
        // The way back through attention takes a half more than the way there.
        + 0.5 * attention
        // Through a gated DeltaNet it takes three times as much, as it is gone forward again.
        + 2.0 * delta
        + 6.0 * lora.num_trainable(spec) as f64
        + 2.0 * head_flops(spec, mix)
}

/// Those of looking at an example without learning from it, for each of its tokens.
pub fn eval_flops_per_token(spec: &ModelSpec, mix: TokenMix) -> f64 {
    2.0 * linear_weights(spec, mix) + attention_flops(spec, mix) + delta_flops(spec, mix) + head_flops(spec, mix)
}

fn head_flops(spec: &ModelSpec, mix: TokenMix) -> f64 {
    2.0 * mix.trained_share * (spec.vocab_size * spec.hidden_size) as f64
}

/// Scores and sums over half of the example's tokens on average; of a state space, what it takes in and gives.
fn attention_flops(spec: &ModelSpec, mix: TokenMix) -> f64 {
    let seen = |window: Option<usize>| window.map_or(mix.mean_length, |most| mix.mean_length.min(most as f64)) / 2.0;
    let width = |layer| (spec.num_heads * spec.head_dim(layer)) as f64;
    let of_layer = |(index, layer): (usize, &LayerSpec)| match layer.mixer {
        Mixer::Mamba2(mamba2) => 5.0 * (mamba2.shape.inner() * mamba2.shape.state_size) as f64,
        Mixer::DeltaNet { .. } => 0.0,
        Mixer::Attention | Mixer::ShortConv { .. } => 4.0 * width(index) * seen(layer.window),
    };
    spec.layers.iter().enumerate().map(of_layer).sum()
}

/// Products with states, and within chunks.
fn delta_flops(spec: &ModelSpec, mix: TokenMix) -> f64 {
    let of_layer = |layer: &LayerSpec| match layer.mixer {
        Mixer::DeltaNet { shape, .. } => {
            let (key, value) = (shape.key_dim as f64, shape.value_dim as f64);
            let chunk = mix.mean_length.min(CHUNK as f64);
            2.0 * shape.num_value_heads as f64 * (3.0 * key * value + chunk * (2.0 * key + value))
        }
        Mixer::Attention | Mixer::ShortConv { .. } | Mixer::Mamba2(_) => 0.0,
    };
    spec.layers.iter().map(of_layer).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Lora;

    fn spec() -> ModelSpec {
        let config = serde_json::json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 1000, "hidden_size": 64,
            "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4,
            "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 1e4, "hidden_act": "silu",
        });
        ModelSpec::from_config(&config).unwrap()
    }

    #[test]
    fn a_token_costs_what_its_products_take() {
        let spec = spec();
        let lora = LoraConfig::from_recipe(&Lora { r: 2, ..Lora::default() }, &spec).unwrap();
        // Two layers of 4 · 64² and 3 · 64 · 128.
        let linear = 2.0 * 2.0 * (4.0 * 4096.0 + 3.0 * 8192.0);
        let attention = 2.0 * 4.0 * 64.0 * 50.0;
        let head = 2.0 * 0.25 * 64_000.0;
        let mix = TokenMix::of(1000, 250, 10);
        assert_eq!(mix, TokenMix { mean_length: 100.0, trained_share: 0.25 });
        assert_eq!(eval_flops_per_token(&spec, mix), linear + attention + head);
        let adapter = 6.0 * lora.num_trainable(&spec) as f64;
        let off = Training { gradient_checkpointing: GradientCheckpointing::Off, ..Training::default() };
        let once = 2.0 * linear + 2.5 * attention + adapter + 2.0 * head;
        assert_eq!(train_flops_per_token(&spec, &lora, &off, mix), once);
        let on = Training { gradient_checkpointing: GradientCheckpointing::On, ..Training::default() };
        assert_eq!(train_flops_per_token(&spec, &lora, &on, mix), once + linear + attention, "forward twice");
    }

    #[test]
    fn a_window_bounds_what_attention_costs() {
        let mut spec = spec();
        let mix = TokenMix { mean_length: 400.0, trained_share: 0.0 };
        let all = attention_flops(&spec, mix);
        spec.layers[0].window = Some(100);
        assert_eq!(attention_flops(&spec, mix), all * (1.0 + 0.25) / 2.0);
    }
}
