//! What families call the same things.

use crate::model::Module;

/// The names that a family has for what most call otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Names {
    renamed: &'static [(&'static str, &'static str)],
    /// The model is a part of one that sees pictures, too.
    is_wrapped: bool,
}

/// How the names of a text model's tensors and modules begin inside a vision model: in Transformers' modules, and in files
/// that older versions wrote.
pub(crate) const WRAPPED: [&str; 2] = ["model.language_model.", "language_model.model."];

impl Names {
    /// Pairs of the usual name and the family's own, of modules and norms, in Transformers or in GGUF.
    pub(crate) const fn new(renamed: &'static [(&'static str, &'static str)]) -> Self {
        Self { renamed, is_wrapped: false }
    }

    pub(super) fn wrapped(self, is_wrapped: bool) -> Self {
        Self { is_wrapped, ..self }
    }

    /// How the names of modules begin: `model.`
    pub fn start(self) -> &'static str {
        if self.is_wrapped { WRAPPED[0] } else { "model." }
    }

    /// The family's name of what most families call `usual`.
    pub(super) fn of(self, usual: &'static str) -> &'static str {
        self.renamed.iter().find(|(name, _)| *name == usual).map_or(usual, |(_, own)| own)
    }

    /// `self_attn.q_proj`, as in Transformers.
    pub fn path(self, module: Module) -> &'static str {
        self.of(module.usual_path())
    }

    /// `model.layers.0.self_attn.q_proj`, as in Transformers.
    pub fn in_model(self, layer: usize, module: Module) -> String {
        match module.is_outside() {
            true => format!("{}{}", self.start(), self.path(module)),
            false => format!("{}layers.{layer}.{}", self.start(), self.path(module)),
        }
    }

    /// `q_proj`, as in PEFT's `target_modules`; two modules of a model may share it.
    pub fn name(self, module: Module) -> &'static str {
        let path = self.path(module);
        path.rsplit_once('.').map_or(path, |(_, name)| name)
    }
}
