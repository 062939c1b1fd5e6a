//! The linear layers of a decoder block.

/// What a linear layer is for; the name is Transformers' in most families ([`Names`](super::spec::Names) has the others).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Module {
    QProj,
    KProj,
    VProj,
    /// Queries, keys and values by one weight, their rows in this order.
    QkvProj,
    OProj,
    /// What a short convolution reads: its two gates and its input.
    ConvInProj,
    ConvOutProj,
    GateProj,
    UpProj,
    /// Gate and up by one weight, their rows in this order.
    GateUpProj,
    DownProj,
}

impl Module {
    pub const ALL: [Self; 11] = [
        Self::QProj,
        Self::KProj,
        Self::VProj,
        Self::QkvProj,
        Self::OProj,
        Self::ConvInProj,
        Self::ConvOutProj,
        Self::GateProj,
        Self::UpProj,
        Self::GateUpProj,
        Self::DownProj,
    ];

    /// `self_attn.q_proj`, as most families call it in a block.
    pub(super) fn usual_path(self) -> &'static str {
        match self {
            Self::QProj => "self_attn.q_proj",
            Self::KProj => "self_attn.k_proj",
            Self::VProj => "self_attn.v_proj",
            Self::QkvProj => "self_attn.qkv_proj",
            Self::OProj => "self_attn.o_proj",
            Self::ConvInProj => "conv.in_proj",
            Self::ConvOutProj => "conv.out_proj",
            Self::GateProj => "mlp.gate_proj",
            Self::UpProj => "mlp.up_proj",
            Self::GateUpProj => "mlp.gate_up_proj",
            Self::DownProj => "mlp.down_proj",
        }
    }

    /// `attn_q`, as in GGUF's `blk.0.attn_q.weight`.
    pub fn gguf_name(self) -> &'static str {
        match self {
            Self::QProj => "attn_q",
            Self::KProj => "attn_k",
            Self::VProj => "attn_v",
            Self::QkvProj => "attn_qkv",
            Self::OProj => "attn_output",
            Self::ConvInProj => "shortconv.in_proj",
            Self::ConvOutProj => "shortconv.out_proj",
            Self::GateProj => "ffn_gate",
            Self::UpProj | Self::GateUpProj => "ffn_up",
            Self::DownProj => "ffn_down",
        }
    }

    /// The group that it belongs to.
    pub fn group(self) -> Group {
        match self {
            Self::QProj | Self::KProj | Self::VProj | Self::QkvProj | Self::ConvInProj => Group::MixerIn,
            Self::OProj | Self::ConvOutProj => Group::MixerOut,
            Self::GateProj | Self::UpProj | Self::GateUpProj => Group::InnerIn,
            Self::DownProj => Group::InnerOut,
        }
    }
}

/// Linear layers of a block that read the same input. The mixer is what lets tokens see each other: attention, or a
/// convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    MixerIn,
    MixerOut,
    InnerIn,
    InnerOut,
}

impl Group {
    pub const ALL: [Self; 4] = [Self::MixerIn, Self::MixerOut, Self::InnerIn, Self::InnerOut];
}
