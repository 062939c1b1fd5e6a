//! What the parameters with a choice may be: the key as a file writes it, and its words.

pub const SCHEDULERS: &[(&str, &str)] = &[
    ("cosine", "Cosine"),
    ("linear", "Linear"),
    ("constant", "Constant"),
    ("constant_with_warmup", "Constant with warm-up"),
];
pub const EVAL_STRATEGIES: &[(&str, &str)] =
    &[("steps", "Every so many steps"), ("epoch", "Every epoch"), ("no", "Only at the end")];
pub const TRAIN_ON: &[(&str, &str)] = &[("assistant", "Answers"), ("last", "Last answer"), ("all", "Everything")];
pub const TOO_LONG: &[(&str, &str)] = &[
    ("drop", "Leave out"),
    ("cut_left", "Cut the beginning"),
    ("cut_right", "Cut the end"),
    ("split", "Split into parts"),
];
pub const PRECISIONS: &[(&str, &str)] =
    &[("auto", "Automatic"), ("int8", "int8"), ("bf16", "bf16"), ("f32", "f32, exact")];
pub const CHECKPOINTING: &[(&str, &str)] = &[("auto", "Automatic"), ("true", "On"), ("false", "Off")];
