//! A run in one line, and the choice among those that have weights.

use crate::app::kit::{Combo, format};
use crate::run::{RunRecord, RunStatus};

/// Its name and which weights are used.
pub fn run_label(run: &RunRecord) -> String {
    match (run.best_step, run.status) {
        (Some(step), _) if step > 0 => format!("{}, best step {}", run.name, format::thousands(step)),
        (_, RunStatus::Running) => format!("{}, running", run.name),
        _ => format!("{}, step {}", run.name, format::thousands(run.num_steps_done)),
    }
}

/// Chooses among the runs that have weights; tells the name of another one.
pub fn run_picker(ui: &mut egui::Ui, runs: &[RunRecord], chosen: Option<&RunRecord>) -> Option<String> {
    let chosen = chosen?;
    let usable: Vec<_> = runs.iter().filter(|run| run.adapter.is_some()).collect();
    let labels: Vec<_> = usable.iter().map(|run| run_label(run)).collect();
    let options: Vec<_> = labels.iter().enumerate().map(|(i, label)| (i, label.as_str())).collect();
    let current = usable.iter().position(|run| run.name == chosen.name)?;
    let picked = Combo::new("Run", &options, current).show(ui)?;
    usable.get(picked).map(|run| run.name.clone())
}
