//! The linear layers of a decoder block.

use super::ModelSpec;

/// Named as in Transformers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Module {
    QProj,
    KProj,
    VProj,
    OProj,
    GateProj,
    UpProj,
    DownProj,
}

impl Module {
    pub const ALL: [Self; 7] =
        [Self::QProj, Self::KProj, Self::VProj, Self::OProj, Self::GateProj, Self::UpProj, Self::DownProj];

    /// `q_proj`, as in PEFT's `target_modules`.
    pub fn name(self) -> &'static str {
        match self {
            Self::QProj => "q_proj",
            Self::KProj => "k_proj",
            Self::VProj => "v_proj",
            Self::OProj => "o_proj",
            Self::GateProj => "gate_proj",
            Self::UpProj => "up_proj",
            Self::DownProj => "down_proj",
        }
    }

    /// `self_attn.q_proj`
    pub fn path(self) -> String {
        let parent = match self {
            Self::QProj | Self::KProj | Self::VProj | Self::OProj => "self_attn",
            Self::GateProj | Self::UpProj | Self::DownProj => "mlp",
        };
        format!("{parent}.{}", self.name())
    }

    /// `attn_q`, as in GGUF's `blk.0.attn_q.weight`.
    pub fn gguf_name(self) -> &'static str {
        match self {
            Self::QProj => "attn_q",
            Self::KProj => "attn_k",
            Self::VProj => "attn_v",
            Self::OProj => "attn_output",
            Self::GateProj => "ffn_gate",
            Self::UpProj => "ffn_up",
            Self::DownProj => "ffn_down",
        }
    }

    /// Outputs and inputs: the weight is `[outputs, inputs]`.
    pub fn shape(self, spec: &ModelSpec) -> (usize, usize) {
        let (hidden, inner) = (spec.hidden_size, spec.intermediate_size);
        let (q, kv) = (spec.num_heads * spec.head_dim, spec.num_kv_heads * spec.head_dim);
        match self {
            Self::QProj => (q, hidden),
            Self::KProj | Self::VProj => (kv, hidden),
            Self::OProj => (hidden, q),
            Self::GateProj | Self::UpProj => (inner, hidden),
            Self::DownProj => (hidden, inner),
        }
    }
}
