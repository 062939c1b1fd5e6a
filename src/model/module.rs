//! The linear layers of a decoder block.

/// What a linear layer is for; the name is Transformers' in most families ([`Names`](super::spec::Names) has the others).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Module {
    QProj,
    /// Queries and a gate for each, by one weight: head by head, the query first.
    GatedQProj,
    KProj,
    VProj,
    /// Queries, keys and values by one weight, their rows in this order.
    QkvProj,
    OProj,
    /// What a short convolution reads: its two gates and its input.
    ConvInProj,
    ConvOutProj,
    /// What a gated DeltaNet convolves: queries, keys and values.
    DeltaQkvProj,
    /// The gates of its result.
    DeltaGateProj,
    /// How much each of its heads corrects.
    DeltaBetaProj,
    /// How fast each of them fades.
    DeltaStepProj,
    DeltaOutProj,
    /// What a state space reads: its gate, its tokens' rows and times.
    ScanInProj,
    ScanOutProj,
    GateProj,
    UpProj,
    /// Gate and up by one weight, their rows in this order.
    GateUpProj,
    DownProj,
}

impl Module {
    pub const ALL: [Self; 19] = [
        Self::QProj,
        Self::GatedQProj,
        Self::KProj,
        Self::VProj,
        Self::QkvProj,
        Self::OProj,
        Self::ConvInProj,
        Self::ConvOutProj,
        Self::DeltaQkvProj,
        Self::DeltaGateProj,
        Self::DeltaBetaProj,
        Self::DeltaStepProj,
        Self::DeltaOutProj,
        Self::ScanInProj,
        Self::ScanOutProj,
        Self::GateProj,
        Self::UpProj,
        Self::GateUpProj,
        Self::DownProj,
    ];

    /// `self_attn.q_proj`, as most families call it in a block.
    pub(super) fn usual_path(self) -> &'static str {
        match self {
            Self::QProj | Self::GatedQProj => "self_attn.q_proj",
            Self::KProj => "self_attn.k_proj",
            Self::VProj => "self_attn.v_proj",
            Self::QkvProj => "self_attn.qkv_proj",
            Self::OProj => "self_attn.o_proj",
            Self::ConvInProj => "conv.in_proj",
            Self::ConvOutProj => "conv.out_proj",
            Self::DeltaQkvProj => "linear_attn.in_proj_qkv",
            Self::DeltaGateProj => "linear_attn.in_proj_z",
            Self::DeltaBetaProj => "linear_attn.in_proj_b",
            Self::DeltaStepProj => "linear_attn.in_proj_a",
            Self::DeltaOutProj => "linear_attn.out_proj",
            Self::ScanInProj => "mamba.in_proj",
            Self::ScanOutProj => "mamba.out_proj",
            Self::GateProj => "mlp.gate_proj",
            Self::UpProj => "mlp.up_proj",
            Self::GateUpProj => "mlp.gate_up_proj",
            Self::DownProj => "mlp.down_proj",
        }
    }

    /// `attn_q`, as in GGUF's `blk.0.attn_q.weight`.
    pub fn gguf_name(self) -> &'static str {
        match self {
            Self::QProj | Self::GatedQProj => "attn_q",
            Self::KProj => "attn_k",
            Self::VProj => "attn_v",
            Self::QkvProj | Self::DeltaQkvProj => "attn_qkv",
            Self::OProj => "attn_output",
            Self::ConvInProj => "shortconv.in_proj",
            Self::ConvOutProj => "shortconv.out_proj",
            Self::DeltaGateProj => "attn_gate",
            Self::DeltaBetaProj => "ssm_beta",
            Self::DeltaStepProj => "ssm_alpha",
            Self::DeltaOutProj => "ssm_out",
            Self::ScanInProj => "ssm_in",
            Self::ScanOutProj => "ssm_out",
            Self::GateProj => "ffn_gate",
            Self::UpProj | Self::GateUpProj => "ffn_up",
            Self::DownProj => "ffn_down",
        }
    }

    /// The group that it belongs to.
    pub fn group(self) -> Group {
        match self {
            Self::QProj | Self::GatedQProj | Self::KProj | Self::VProj | Self::QkvProj => Group::MixerIn,
            Self::DeltaQkvProj | Self::DeltaGateProj | Self::DeltaBetaProj | Self::DeltaStepProj => Group::MixerIn,
            Self::ConvInProj | Self::ScanInProj => Group::MixerIn,
            Self::OProj | Self::ConvOutProj | Self::DeltaOutProj | Self::ScanOutProj => Group::MixerOut,
            Self::GateProj | Self::UpProj | Self::GateUpProj => Group::InnerIn,
            Self::DownProj => Group::InnerOut,
        }
    }
}

/// Linear layers of a block that read the same input. The mixer is what lets tokens see each other: attention, a
/// convolution, or states that are carried on.
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
