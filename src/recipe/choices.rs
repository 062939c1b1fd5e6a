//! What the parameters with a choice may be: the key as a file writes it, its words, and the value that it stands for.

use super::{
    DeviceChoice, EvalStrategy, GradientCheckpointing, LrSchedulerType, Precision, TemplateChoice, Thinking, TooLong,
    TrainOn,
};

/// A parameter that is one of a few.
pub trait Choice: Copy + PartialEq + Sized + 'static {
    /// Keys and words, in the order in which they are offered.
    const WORDS: &'static [(&'static str, &'static str)];
    /// The values, in the order of the words.
    const VALUES: &'static [Self];

    /// The key as a file writes it.
    fn key(self) -> &'static str {
        let at = Self::VALUES.iter().position(|value| *value == self);
        at.and_then(|at| Self::WORDS.get(at)).map_or("", |(key, _)| key)
    }

    fn from_key(key: &str) -> Option<Self> {
        let at = Self::WORDS.iter().position(|(known, _)| *known == key)?;
        Self::VALUES.get(at).copied()
    }
}

impl Choice for LrSchedulerType {
    const WORDS: &'static [(&'static str, &'static str)] = &[
        ("cosine", "Cosine"),
        ("linear", "Linear"),
        ("constant", "Constant"),
        ("constant_with_warmup", "Constant with warm-up"),
    ];
    const VALUES: &'static [Self] = &[Self::Cosine, Self::Linear, Self::Constant, Self::ConstantWithWarmup];
}

impl Choice for EvalStrategy {
    const WORDS: &'static [(&'static str, &'static str)] =
        &[("steps", "Every N steps"), ("epoch", "Every epoch"), ("no", "Only at the end")];
    const VALUES: &'static [Self] = &[Self::Steps, Self::Epoch, Self::No];
}

impl Choice for TrainOn {
    const WORDS: &'static [(&'static str, &'static str)] =
        &[("assistant", "Answers"), ("last", "Last answer"), ("all", "Everything")];
    const VALUES: &'static [Self] = &[Self::Assistant, Self::Last, Self::All];
}

impl Choice for TooLong {
    const WORDS: &'static [(&'static str, &'static str)] = &[
        ("drop", "Leave out"),
        ("cut_left", "Cut the beginning"),
        ("cut_right", "Cut the end"),
        ("split", "Split into parts"),
    ];
    const VALUES: &'static [Self] = &Self::ALL;
}

impl TooLong {
    /// The key as `recipe.toml` and the command line write it.
    pub fn name(self) -> &'static str {
        self.key()
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::from_key(name)
    }
}

impl Choice for TemplateChoice {
    const WORDS: &'static [(&'static str, &'static str)] = &[
        ("model", "The model's own"),
        ("chatml", "ChatML"),
        ("llama3", "Llama 3"),
        ("gemma", "Gemma"),
        ("mistral", "Mistral"),
        ("phi", "Phi"),
        ("alpaca", "Alpaca"),
        ("zephyr", "Zephyr"),
        ("plain", "Plain"),
    ];
    const VALUES: &'static [Self] = &[
        Self::Model,
        Self::Chatml,
        Self::Llama3,
        Self::Gemma,
        Self::Mistral,
        Self::Phi,
        Self::Alpaca,
        Self::Zephyr,
        Self::Plain,
    ];
}

impl TemplateChoice {
    /// As people write it: `ChatML`.
    pub fn in_words(self) -> &'static str {
        let at = Self::VALUES.iter().position(|value| *value == self);
        at.and_then(|at| Self::WORDS.get(at)).map_or("", |(_, words)| words)
    }
}

impl Choice for Thinking {
    const WORDS: &'static [(&'static str, &'static str)] =
        &[("template", "As the template does"), ("keep", "Keep"), ("drop", "Leave out"), ("empty", "An empty thought")];
    const VALUES: &'static [Self] = &[Self::Template, Self::Keep, Self::Drop, Self::Empty];
}

impl Choice for Precision {
    const WORDS: &'static [(&'static str, &'static str)] =
        &[("auto", "Automatic"), ("int8", "int8"), ("bf16", "bf16"), ("f32", "f32, exact")];
    const VALUES: &'static [Self] = &[Self::Auto, Self::Int8, Self::Bf16, Self::F32];
}

impl Choice for DeviceChoice {
    const WORDS: &'static [(&'static str, &'static str)] =
        &[("auto", "Automatic"), ("cpu", "CPU"), ("cuda", "CUDA (NVIDIA)"), ("metal", "Metal (Apple)")];
    const VALUES: &'static [Self] = &[Self::Auto, Self::Cpu, Self::Cuda, Self::Metal];
}

impl Choice for GradientCheckpointing {
    const WORDS: &'static [(&'static str, &'static str)] = &[("auto", "Automatic"), ("true", "On"), ("false", "Off")];
    const VALUES: &'static [Self] = &[Self::Auto, Self::On, Self::Off];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Choice + std::fmt::Debug + serde::Serialize>() {
        assert_eq!(T::WORDS.len(), T::VALUES.len());
        for value in T::VALUES {
            // A switch is written without quotes.
            assert_eq!(serde_json::to_string(value).unwrap().trim_matches('"'), value.key());
            assert_eq!(T::from_key(value.key()), Some(*value));
        }
        assert_eq!(T::from_key("nonsense"), None);
    }

    #[test]
    fn keys_are_those_of_the_file() {
        check::<LrSchedulerType>();
        check::<EvalStrategy>();
        check::<TrainOn>();
        check::<TooLong>();
        check::<TemplateChoice>();
        check::<Thinking>();
        check::<Precision>();
        check::<DeviceChoice>();
        check::<GradientCheckpointing>();
    }
}
