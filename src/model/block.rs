//! The order of a decoder block, said once. Each pass (training, answers, candle) implements its steps, so that a step that a
//! family needs and a pass lacks doesn't compile.

use candle_core::Result;

use super::Group;
use super::spec::{LayerSpec, Mixer, QkNorm};

/// The parts of a block, each of which reads the residual stream and adds to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branch {
    /// Attention, or what stands in for it.
    Mixer,
    /// The gated layers.
    Inner,
    /// The block's own input, in models whose blocks have one.
    Input,
}

impl Branch {
    /// How many there are.
    pub const NUM: usize = 3;
}

/// What a pass does in a block, to rows that go from step to step.
pub trait Steps {
    /// The rows are the residual stream through the branch's first norm, or as it is where there is none.
    fn read(&mut self, branch: Branch) -> Result<()>;

    /// The rows through a group of linear layers side by side, with their biases.
    fn multiply(&mut self, group: Group) -> Result<()>;

    /// What lies beside each query to gate its head's result is put aside: the rows are queries, keys and values.
    fn part_gates(&mut self) -> Result<()>;

    /// Queries and keys are rotated by their positions, where the layer does that.
    fn rotate(&mut self) -> Result<()>;

    /// Queries and keys through their norms.
    fn normalize_heads(&mut self) -> Result<()>;

    /// Queries grow with their positions, where the model has that.
    fn scale_queries(&mut self) -> Result<()>;

    /// The rows are what attention makes of queries, keys and values.
    fn attend(&mut self) -> Result<()>;

    /// The rows times the sigmoids of the gates that were put aside.
    fn gate_heads(&mut self) -> Result<()>;

    /// The rows are what a gated DeltaNet makes of what it convolves and of its gates.
    fn delta(&mut self) -> Result<()>;

    /// The rows are what a short convolution makes of its gates and its input.
    fn convolve(&mut self) -> Result<()>;

    /// The rows are what a state space makes of its gate, its tokens' rows and times, through its gated norm.
    fn scan(&mut self) -> Result<()>;

    /// The rows are `activation(gate) · up`.
    fn gate(&mut self) -> Result<()>;

    /// The rows are `activation(gate) · input`, the input of the block's own.
    fn gate_input(&mut self) -> Result<()>;

    /// The rows through a linear layer, and through the branch's last norm where there is one, are added to the stream.
    fn add(&mut self, group: Group, branch: Branch) -> Result<()>;

    /// The residual stream is multiplied by the block's factor.
    fn scale(&mut self) -> Result<()>;
}

/// One block.
pub fn run(steps: &mut impl Steps, layer: &LayerSpec) -> Result<()> {
    steps.read(Branch::Mixer)?;
    steps.multiply(Group::MixerIn)?;
    match layer.mixer {
        Mixer::Attention => attend(steps, layer)?,
        Mixer::ShortConv { .. } => steps.convolve()?,
        Mixer::DeltaNet { .. } => steps.delta()?,
        Mixer::Mamba2(_) => steps.scan()?,
    }
    steps.add(Group::MixerOut, Branch::Mixer)?;
    steps.read(Branch::Inner)?;
    steps.multiply(Group::InnerIn)?;
    steps.gate()?;
    steps.add(Group::InnerOut, Branch::Inner)?;
    if layer.has_input {
        steps.read(Branch::Input)?;
        steps.multiply(Group::InputIn)?;
        steps.gate_input()?;
        steps.add(Group::InputOut, Branch::Input)?;
    }
    if layer.is_scaled { steps.scale() } else { Ok(()) }
}

fn attend(steps: &mut impl Steps, layer: &LayerSpec) -> Result<()> {
    if layer.gates_heads {
        steps.part_gates()?;
    }
    match layer.qk_norm {
        None => steps.rotate()?,
        Some(QkNorm::PerRotatedHead) => {
            steps.rotate()?;
            steps.normalize_heads()?;
        }
        Some(QkNorm::PerHead | QkNorm::AllHeads) => {
            steps.normalize_heads()?;
            steps.rotate()?;
        }
    }
    steps.scale_queries()?;
    steps.attend()?;
    if layer.gates_heads { steps.gate_heads() } else { Ok(()) }
}
