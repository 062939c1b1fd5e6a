//! Supervised fine-tuning: render → batch → loss → optimizer, with an observer who is told and a control that is asked.

pub mod control;
pub mod observer;
pub mod preview;
pub mod render;

pub use control::{Control, Signal};
pub use observer::{EvalMetrics, Observer, Phase, StepMetrics, TrainEvent};
