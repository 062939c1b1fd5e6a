//! The linear layers of decoder blocks.

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
    /// Before the first block: what the inputs of all blocks take from a token's embedding. It counts as the first block's.
    InputsProj,
    /// The gate of a block's own input, made from the residual stream.
    InputGate,
    /// What brings a block's own input to the residual stream.
    InputProj,
}

impl Module {
    pub const ALL: [Self; 22] = [
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
        Self::InputsProj,
        Self::InputGate,
        Self::InputProj,
    ];

    /// Whether it stands beside the blocks and is in none of them.
    pub fn is_outside(self) -> bool {
        self == Self::InputsProj
    }

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
            Self::InputsProj => "per_layer_model_projection",
            Self::InputGate => "per_layer_input_gate",
            Self::InputProj => "per_layer_projection",
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
            Self::InputsProj => "per_layer_model_proj",
            Self::InputGate => "inp_gate",
            Self::InputProj => "proj",
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
            Self::InputsProj => Group::Inputs,
            Self::InputGate => Group::InputIn,
            Self::InputProj => Group::InputOut,
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
    /// Before the first block, the inputs of all blocks.
    Inputs,
    /// The gate of a block's own input, and what reads the gated input.
    InputIn,
    InputOut,
}

impl Group {
    pub const ALL: [Self; 7] =
        [Self::MixerIn, Self::MixerOut, Self::InnerIn, Self::InnerOut, Self::Inputs, Self::InputIn, Self::InputOut];
}
