//! `tunewright doctor`: what this machine has, and what would keep the studio from working.

use std::path::Path;

use super::Ended;
use super::terminal::{self, bytes};

/// One line of the report.
struct Finding {
    name: &'static str,
    what: String,
    is_fine: bool,
}

pub fn run() -> Result<(), Ended> {
    let mut findings = vec![version(), processor(), memory(), display()];
    findings.extend(folders());
    let width = findings.iter().map(|f| f.name.len()).max().unwrap_or(0);
    for finding in &findings {
        let mark = if finding.is_fine { "✓" } else { "!" };
        terminal::line(&format!("{mark} {:width$}  {}", finding.name, finding.what));
    }
    Ok(())
}
