//! Learning-rate schedules, as `transformers.get_scheduler` defines them.

use crate::recipe::{LrSchedulerType, Training};

/// The rate of each optimizer step.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    kind: LrSchedulerType,
    learning_rate: f64,
    warmup_steps: usize,
    num_steps: usize,
}

impl Schedule {
    pub fn new(training: &Training, num_steps: usize) -> Self {
        let warmup_steps = match training.lr_scheduler_type {
            LrSchedulerType::Constant => 0,
            _ => (training.warmup_ratio * num_steps as f64).ceil() as usize,
        };
        Self { kind: training.lr_scheduler_type, learning_rate: training.learning_rate, warmup_steps, num_steps }
    }

    /// The rate of the step with this index, from 0.
    pub fn rate(&self, step: usize) -> f64 {
        let (step, warmup, total) = (step as f64, self.warmup_steps as f64, self.num_steps as f64);
        if step < warmup {
            return self.learning_rate * step / warmup.max(1.0);
        }
        let rest = (total - warmup).max(1.0);
        let share = match self.kind {
            LrSchedulerType::Constant | LrSchedulerType::ConstantWithWarmup => 1.0,
            LrSchedulerType::Linear => (total - step) / rest,
            LrSchedulerType::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * (step - warmup) / rest).cos()),
        };
        self.learning_rate * share.max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_kinds_have_their_shapes() {
        let rates = |kind, steps: [usize; 4]| {
            let training =
                Training { lr_scheduler_type: kind, learning_rate: 1.0, warmup_ratio: 0.2, ..Default::default() };
            let schedule = Schedule::new(&training, 10);
            steps.map(|step| (schedule.rate(step) * 1e6).round() / 1e6)
        };
        assert_eq!(rates(LrSchedulerType::Cosine, [0, 1, 2, 6]), [0.0, 0.5, 1.0, 0.5]);
        assert_eq!(rates(LrSchedulerType::Linear, [1, 2, 6, 10]), [0.5, 1.0, 0.5, 0.0]);
        assert_eq!(rates(LrSchedulerType::ConstantWithWarmup, [0, 1, 2, 9]), [0.0, 0.5, 1.0, 1.0]);
        assert_eq!(rates(LrSchedulerType::Constant, [0, 1, 2, 9]), [1.0; 4]);
    }
}
