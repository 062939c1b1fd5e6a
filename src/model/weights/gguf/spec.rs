//! A spec from the metadata of a file. What the file doesn't say is as llama.cpp takes it.

use candle_core::Device;

use super::GgufFile;
use crate::model::spec::{
    GEMMA2_ATTENTION_SOFTCAP, GEMMA2_FINAL_SOFTCAP, GEMMA2_WINDOW, RopeScaling, RopeSpec, slides_in_gemma2, windows,
};
use crate::model::{ModelError, ModelSpec};
use crate::ops::Activation;
use crate::words::thousands;

impl GgufFile {
    /// The shape of the model; an architecture that the decoder can't run has one, too.
    ///
    /// # Errors
    /// Where a key of the shape is missing or has a wrong value; the error names it.
    pub fn spec(&mut self) -> Result<ModelSpec, ModelError> {
        let path = self.path.clone();
        // Files for other purposes carry the names of the model that they are for.
        if let Some(kind) = self.text("general.type").filter(|kind| *kind != "model") {
            return Err(ModelError::Unsupported {
                message: format!("the file isn't a model but of the type {kind}"),
                path,
            });
        }
        let architecture = self
            .text("general.architecture")
            .ok_or_else(|| ModelError::format(&path, "its metadata name no architecture"))?
            .to_owned();
        let key = |key: &str| format!("{architecture}.{key}");
        let count = |name: &str| self.count(&key(name));
        let required = |name: &str| {
            let missing = || ModelError::format(&path, format!("its metadata have no usable {}", key(name)));
            count(name)?.filter(|v| *v > 0).ok_or_else(missing)
        };
        let (hidden_size, num_heads) = (required("embedding_length")?, required("attention.head_count")?);
        let tensor = |wanted: &str| self.tensors().find(|(name, _)| *name == wanted).map(|(_, info)| info);
        let vocab_size = match tensor("token_embd.weight").map(|info| info.shape.dims()) {
            Some([vocab, _]) => *vocab,
            _ => return Err(ModelError::format(&path, "it has no embedding (token_embd.weight)")),
        };
        let num_layers = required("block_count")?;
        let is_gemma2 = architecture == "gemma2";
        let default = is_gemma2.then_some(GEMMA2_WINDOW);
        let window = count("attention.sliding_window")?.or(default).filter(|window| *window > 0);
        let windows = windows(num_layers, window, |layer| !is_gemma2 || slides_in_gemma2(layer))
            .map_err(|message| ModelError::format(&path, message))?;
        let softcap = |name: &str, default: f32| {
            let cap = self.fraction(&key(name))?.map_or(default, |cap| cap as f32);
            Ok::<_, ModelError>(Some(cap).filter(|cap| is_gemma2 && *cap > 0.0))
        };
        let head_dim = count("attention.key_length")?.unwrap_or(hidden_size / num_heads);
        // The format has no key for what Gemma 2 divides queries by: its largest model is known by its layers.
        let scaled_dim = if is_gemma2 && num_layers == 46 { hidden_size / num_heads } else { head_dim };
        let mut spec = ModelSpec {
            vocab_size,
            hidden_size,
            intermediate_size: required("feed_forward_length")?,
            num_layers,
            num_heads,
            num_kv_heads: count("attention.head_count_kv")?.unwrap_or(num_heads),
            head_dim,
            attention_scale: 1.0 / (scaled_dim as f64).sqrt(),
            attention_softcap: softcap("attn_logit_softcapping", GEMMA2_ATTENTION_SOFTCAP)?,
            final_softcap: softcap("final_logit_softcapping", GEMMA2_FINAL_SOFTCAP)?,
            activation: if is_gemma2 { Activation::GeluTanh } else { Activation::Silu },
            embedding_scale: if is_gemma2 { (hidden_size as f64).sqrt() } else { 1.0 },
            has_branch_norms: is_gemma2,
            rms_norm_eps: self.epsilon(&architecture)?,
            rope: self.rope(&architecture, head_dim)?,
            context_length: required("context_length")?,
            windows,
            tie_word_embeddings: tensor("output.weight").is_none(),
            architecture,
        };
        let has_factors = tensor("rope_freqs.weight").is_some();
        spec.check().map_err(|message| ModelError::format(&path, message))?;
        if has_factors {
            let factors = self.tensor("rope_freqs.weight", &[spec.head_dim / 2])?;
            spec.rope.scaling = RopeScaling::Factors(factors.dequantize(&Device::Cpu)?.to_vec1()?);
            spec.check().map_err(|message| ModelError::format(&path, message))?;
        }
        self.check_vocabulary(vocab_size)?;
        Ok(spec)
    }

    /// What norms add to the variance. Other families than ours may have it under another name.
    fn epsilon(&self, architecture: &str) -> Result<f64, ModelError> {
        let key = format!("{architecture}.attention.layer_norm_rms_epsilon");
        match self.fraction(&key)? {
            Some(epsilon) => Ok(epsilon),
            None if ModelSpec::is_known_family(architecture) => {
                Err(ModelError::format(&self.path, format!("its metadata have no usable {key}")))
            }
            None => Ok(1e-5),
        }
    }

    /// The rotary frequencies of a family that can be run.
    fn rope(&self, architecture: &str, head_dim: usize) -> Result<RopeSpec, ModelError> {
        let key = |key: &str| format!("{architecture}.{key}");
        let unsupported = |message: String| ModelError::Unsupported { path: self.path.clone(), message };
        if !ModelSpec::is_known_family(architecture) {
            return Ok(RopeSpec { theta: 10_000.0, scaling: RopeScaling::None });
        }
        for name in ["rope.dimension_count", "attention.value_length"] {
            if let Some(other) = self.count(&key(name))?.filter(|other| *other != head_dim && *other > 0) {
                let message = format!("{} is {other}, but its heads have {head_dim} values", key(name));
                return Err(unsupported(format!("{message}: models like that can't be trained yet")));
            }
        }
        let scaling = match (self.text(&key("rope.scaling.type")), self.value(&key("rope.scaling.type"))) {
            (Some("linear"), _) => {
                RopeScaling::Linear { factor: self.fraction(&key("rope.scaling.factor"))?.unwrap_or(1.0) }
            }
            (None, None) | (Some("none"), _) => RopeScaling::None,
            (other, _) => {
                return Err(unsupported(format!(
                    "the rope scaling {} is not known",
                    other.unwrap_or("of its metadata")
                )));
            }
        };
        Ok(RopeSpec { theta: self.fraction(&key("rope.freq_base"))?.unwrap_or(10_000.0), scaling })
    }

    /// Each token of the vocabulary has its row in the embedding; rows without a token are common.
    fn check_vocabulary(&self, num_rows: usize) -> Result<(), ModelError> {
        let tokens = self.texts("tokenizer.ggml.tokens").unwrap_or_default();
        match tokens.get(num_rows) {
            Some(token) => {
                let message = format!(
                    "its vocabulary has {} tokens, but its embedding has rows for {} only: {token} has none",
                    thousands(tokens.len()),
                    thousands(num_rows)
                );
                Err(ModelError::format(&self.path, message))
            }
            None => Ok(()),
        }
    }
}
