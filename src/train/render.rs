//! From a conversation to token ids and the mask of those that the loss counts. Training, evaluation and the token view
//! use this one function.

/// One token of the token view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPiece {
    pub id: u32,
    /// Control characters written out: `\n`.
    pub text: String,
    pub is_trained: bool,
    /// A special token of the template.
    pub is_special: bool,
    /// Part of what looks like a special token in a turn's text; it is encoded as plain text.
    pub is_disarmed: bool,
    /// Beyond the maximum length.
    pub is_cut: bool,
}

/// The exact tokens of one example, as training will see them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenView {
    pub pieces: Vec<TokenPiece>,
    pub num_tokens: usize,
    pub num_trained: usize,
    pub max_length: usize,
    /// Plain sentences: nothing would be trained, something would be cut.
    pub warnings: Vec<String>,
}
