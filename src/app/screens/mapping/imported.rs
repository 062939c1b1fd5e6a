//! What an import did, for the status bar.

use crate::app::kit::format;
use crate::data::import::ImportReport;

pub(super) fn words(report: &ImportReport, secs: f64) -> String {
    let took = format::duration(secs);
    let left_out = match report.num_rejected {
        0 => String::new(),
        num => format!(", {} left out", format::count(num, "row", "rows")),
    };
    let imported = format::count(report.num_imported, "example", "examples");
    let known = match (report.num_known, report.num_updated) {
        (0, 0) => String::new(),
        (known, 0) => format!(", {} here already", format::thousands(known)),
        (known, updated) => {
            format!(", {} updated, {} here already", format::thousands(updated), format::thousands(known))
        }
    };
    format!("Imported {imported} in {took}{known}{left_out}")
}
