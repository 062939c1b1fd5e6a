//! What differs between blocks, of one model or of several.

use crate::model::Module;
use crate::ops::delta::DeltaShape;
use crate::ops::scan::ScanShape;

/// A block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerSpec {
    pub mixer: Mixer,
    /// How many tokens a query sees, itself among them; `None` for all before it.
    pub window: Option<usize>,
    /// Which of [`ModelSpec::ropes`](super::ModelSpec::ropes) rotates queries and keys; `None` where they know no positions.
    pub rope: Option<usize>,
    pub norms: BranchNorms,
    pub qk_norm: Option<QkNorm>,
    pub biases: Biases,
    /// What attention makes of each head is multiplied by the sigmoid of a gate that lies beside its query.
    pub gates_heads: bool,
    /// One weight makes queries, keys and values.
    pub fuses_qkv: bool,
    /// One weight makes gate and up.
    pub fuses_gate_up: bool,
    /// Values of its heads, where they aren't the model's.
    pub head_dim: Option<usize>,
    /// Values of its inner rows, where they aren't the model's.
    pub inner_size: Option<usize>,
    /// The block before it whose keys and values it looks at, where it makes none.
    pub keys_of: Option<usize>,
    /// The values of each head are normalized, too, by a norm without weights.
    pub normalizes_values: bool,
    /// It has an input of its own ([`ModelSpec::input_size`](super::ModelSpec::input_size)).
    pub has_input: bool,
    /// It is the first of those that do, and the linear layer that makes all their inputs is counted with it.
    pub makes_inputs: bool,
    /// The residual stream is multiplied by a factor after it.
    pub is_scaled: bool,
}

impl Default for LayerSpec {
    /// As Llama has them.
    fn default() -> Self {
        Self {
            mixer: Mixer::Attention,
            window: None,
            rope: Some(0),
            norms: BranchNorms::BEFORE,
            qk_norm: None,
            biases: Biases::default(),
            gates_heads: false,
            fuses_qkv: false,
            fuses_gate_up: false,
            head_dim: None,
            inner_size: None,
            keys_of: None,
            normalizes_values: false,
            has_input: false,
            makes_inputs: false,
            is_scaled: false,
        }
    }
}

impl LayerSpec {
    /// Its linear layers, in [`Module::ALL`]'s order.
    pub fn modules(&self) -> impl Iterator<Item = Module> + use<> {
        use Module::{
            ConvInProj, ConvOutProj, DeltaBetaProj, DeltaGateProj, DeltaOutProj, DeltaQkvProj, DeltaStepProj, DownProj,
            GateProj, GateUpProj, GatedQProj, InputGate, InputProj, InputsProj, KProj, OProj, QProj, QkvProj,
            ScanInProj, ScanOutProj, UpProj, VProj,
        };
        let mixer: &[_] = match self.mixer {
            Mixer::Attention if self.keys_of.is_some() => &[QProj, OProj],
            Mixer::Attention if self.fuses_qkv => &[QkvProj, OProj],
            Mixer::Attention if self.gates_heads => &[GatedQProj, KProj, VProj, OProj],
            Mixer::Attention => &[QProj, KProj, VProj, OProj],
            Mixer::ShortConv { .. } => &[ConvInProj, ConvOutProj],
            Mixer::DeltaNet { .. } => &[DeltaQkvProj, DeltaGateProj, DeltaBetaProj, DeltaStepProj, DeltaOutProj],
            Mixer::Mamba2(_) => &[ScanInProj, ScanOutProj],
        };
        let inner: &[_] = if self.fuses_gate_up { &[GateUpProj, DownProj] } else { &[GateProj, UpProj, DownProj] };
        let inputs: &[_] = if self.makes_inputs { &[InputsProj] } else { &[] };
        let input: &[_] = if self.has_input { &[InputGate, InputProj] } else { &[] };
        mixer.iter().chain(inner).chain(inputs).chain(input).copied()
    }

    /// Whether a linear layer adds a bias.
    pub fn has_bias(&self, module: Module) -> bool {
        match module {
            Module::QProj | Module::GatedQProj | Module::KProj | Module::VProj | Module::QkvProj => self.biases.qkv,
            Module::OProj => self.biases.output,
            Module::GateProj | Module::UpProj | Module::GateUpProj | Module::DownProj => self.biases.inner,
            Module::ConvInProj | Module::ConvOutProj | Module::ScanInProj | Module::ScanOutProj => false,
            Module::DeltaQkvProj | Module::DeltaGateProj | Module::DeltaBetaProj => false,
            Module::DeltaStepProj | Module::DeltaOutProj => false,
            Module::InputsProj | Module::InputGate | Module::InputProj => false,
        }
    }
}

/// What lets tokens see those before them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mixer {
    Attention,
    /// LFM2's: of three parts of a token, the first and the last multiplied, then over the last `kernel` tokens each value by
    /// itself, then times the second.
    ShortConv {
        kernel: usize,
    },
    /// Gated DeltaNet ([`Delta`](crate::ops::delta::Delta)), whose queries, keys and values are convolved over the last `kernel`
    /// tokens.
    DeltaNet {
        kernel: usize,
        shape: DeltaShape,
    },
    /// A state space (Mamba-2): a short convolution, then heads that carry a matrix from token to token, then a gate with a norm.
    Mamba2(Mamba2),
}

/// The sizes of a state space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mamba2 {
    pub shape: ScanShape,
    /// Tokens that the convolution goes over.
    pub kernel: usize,
    pub has_conv_bias: bool,
    /// Between which values times lie.
    pub time_limits: [f32; 2],
}

impl Mamba2 {
    /// Values that its first linear layer makes of a token: the gate, then the row that the convolution reads, then the times.
    pub fn wide(&self) -> usize {
        self.shape.inner() + self.shape.row_width() + self.shape.num_heads
    }

    /// Where the times begin.
    pub fn times_column(&self) -> usize {
        self.shape.inner() + self.shape.row_width()
    }
}

/// Which linear layers of a block add biases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Biases {
    /// Queries, keys and values.
    pub qkv: bool,
    /// What reads the attention's result.
    pub output: bool,
    /// Gate, up and down.
    pub inner: bool,
}

/// Where the mixer and the inner layers have norms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BranchNorms {
    /// On what they read of the residual stream.
    pub before: bool,
    /// On what they add to it.
    pub after: bool,
}

impl BranchNorms {
    pub const BEFORE: Self = Self { before: true, after: false };
    pub const AFTER: Self = Self { before: false, after: true };
    pub const BOTH: Self = Self { before: true, after: true };
}

/// What a norm on queries and keys goes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QkNorm {
    /// Each head by itself, with the same weight.
    PerHead,
    /// Each head by itself, once it is rotated; the others come before the rotation.
    PerRotatedHead,
    /// All heads of a token together.
    AllHeads,
}
