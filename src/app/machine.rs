//! What this machine has, as far as it can be measured.

/// Figures of the status bar and the first launch; zero and `None` where nothing was measured yet.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Machine {
    pub num_cores: usize,
    /// Bytes.
    pub memory: u64,
    /// Bytes that a program could still take.
    pub memory_free: u64,
    /// Bytes that this program holds.
    pub memory_used: u64,
    /// Cores that this program keeps busy.
    pub cores_busy: f32,
}
