//! What an import did, for a person and as JSON.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::terminal::{self, thousands};
use crate::data::Split;
use crate::data::files;
use crate::data::import::{ColumnRole, ImportReport, ImportRequest, Mapping, Note, Rejected};
use crate::data::mapping::shorten;
use crate::data::told;

/// How many bad rows are listed one by one.
const NUM_TOLD: usize = 5;
/// The length of the list of fields and columns that aren't used.
const MAX_UNUSED_CHARS: usize = 500;
/// With more files, only sums are printed.
const MOST_FILES_TOLD: usize = 50;

/// Imports that were done, and with what.
pub(super) struct Imported<'a> {
    /// The names of the Hub's data sets, as they were given.
    pub names: Vec<&'a str>,
    pub requests: &'a [ImportRequest],
    pub reports: &'a [ImportReport],
}

/// What is reported together: a file, or many of them, or a data set of the Hub.
struct Told<'a> {
    name: String,
    path: &'a Path,
    num_files: usize,
    /// Where all rows go that don't say it themselves, because of the file's name.
    part: Option<Split>,
    num_imported: u64,
    num_known: u64,
    num_updated: u64,
    num_rejected: u64,
    rejected: &'a [Rejected],
    reasons: &'a [(String, u64)],
    notes: &'a [Note],
    unused: &'a [String],
    /// What the columns were taken for, where nobody said it.
    guess: Option<&'a Mapping>,
}

impl Imported<'_> {
    /// Each file by itself, where they are few.
    fn told(&self) -> Vec<Told<'_>> {
        let mut names = self.names.iter();
        let mut told = Vec::new();
        for (request, report) in self.requests.iter().zip(self.reports) {
            let is_own = request.origins.is_empty();
            if is_own && report.files.len() <= MOST_FILES_TOLD {
                told.extend(report.files.iter().map(|file| Told {
                    name: file.path.display().to_string(),
                    path: &file.path,
                    num_files: 1,
                    part: files::part_of(&file.path).filter(|_| request.by_name),
                    num_imported: file.num_imported,
                    num_known: file.num_known,
                    num_updated: file.num_updated,
                    num_rejected: file.num_rejected,
                    rejected: &file.rejected,
                    reasons: &file.reasons,
                    notes: &file.notes,
                    unused: &file.unused,
                    guess: file.guess.as_ref(),
                }));
                continue;
            }
            let name = if is_own { None } else { names.next() };
            told.push(Told {
                name: name.map_or_else(
                    || format!("{} files", thousands(report.files.len() as u64)),
                    |name| (*name).to_owned(),
                ),
                path: &report.path,
                num_files: report.files.len(),
                part: None,
                num_imported: report.num_imported,
                num_known: report.num_known,
                num_updated: report.num_updated,
                num_rejected: report.num_rejected,
                rejected: &report.rejected,
                reasons: &report.reasons,
                notes: &report.notes,
                unused: &report.unused,
                guess: report.files.first().and_then(|file| file.guess.as_ref()),
            });
        }
        told
    }

    /// What was found out when the files were gathered.
    fn notes(&self) -> Vec<&Note> {
        self.requests.iter().flat_map(|request| &request.notes).collect()
    }

    pub fn tell(&self) {
        for told in self.told() {
            told.tell();
        }
        for note in self.notes() {
            terminal::note(&note_line(note));
        }
    }

    pub fn summary(&self) -> Value {
        let sum = |of: fn(&ImportReport) -> u64| self.reports.iter().map(of).sum::<u64>();
        json!({
            "imported": sum(|report| report.num_imported),
            "known": sum(|report| report.num_known),
            "updated": sum(|report| report.num_updated),
            "rejected": sum(|report| report.num_rejected),
            "notes": self.notes().into_iter().map(note_json).collect::<Vec<_>>(),
            "files": self.told().iter().map(Told::json).collect::<Vec<_>>(),
        })
    }
}

impl Told<'_> {
    fn json(&self) -> Value {
        let reason = |(what, count): &(String, u64)| json!({"what": what, "count": count});
        json!({
            "path": self.path,
            "num_files": self.num_files,
            "part": self.part.map(Split::as_str),
            "imported": self.num_imported,
            "known": self.num_known,
            "updated": self.num_updated,
            "rejected": self.num_rejected,
            "reasons": self.reasons.iter().map(reason).collect::<Vec<_>>(),
            "notes": self.notes.iter().map(note_json).collect::<Vec<_>>(),
            "unused": self.unused,
            "guessed": self.guess.map(|guess| {
                let named = |(name, role): &(String, ColumnRole)| (name.clone(), Value::from(role.as_str()));
                guess.columns.iter().map(named).collect::<serde_json::Map<_, _>>()
            }),
            "first_rejected": self.rejected.iter().take(NUM_TOLD).map(|row| json!({
                "file": row.file, "line": row.line, "last_line": row.last_line, "field": row.field, "reason": row.reason,
            })).collect::<Vec<_>>(),
        })
    }

    fn tell(&self) {
        terminal::line(&format!(
            "{}: {} imported, {} left out",
            self.name,
            thousands(self.num_imported),
            thousands(self.num_rejected)
        ));
        if let Some(guess) = self.guess {
            terminal::note(&format!("  guessed: {} (--map says otherwise)", guess.in_words()));
        }
        if let Some(part) = self.part {
            let part = part.as_str();
            terminal::note(&format!("  they go to {part}, as the file is called (--deal splits them by lot)"));
        }
        if self.num_known > 0 {
            terminal::note(&format!("  {} are in the project already", thousands(self.num_known)));
        }
        if self.num_updated > 0 {
            terminal::note(&format!("  {} took the place of other answers", thousands(self.num_updated)));
        }
        for row in self.rejected.iter().take(NUM_TOLD) {
            terminal::note(&format!("  {row}"));
        }
        if self.num_rejected > NUM_TOLD as u64 {
            for (reason, count) in self.reasons {
                terminal::note(&format!("  {}", told::reason(reason, *count)));
            }
        }
        for note in self.notes {
            terminal::note(&format!("  {}", note_line(note)));
        }
        if !self.unused.is_empty() {
            terminal::note(&format!("  not used: {}", shorten(&self.unused.join(", "), MAX_UNUSED_CHARS)));
        }
    }
}

fn note_json(note: &Note) -> Value {
    let first = note.first.as_ref().map(|place| json!({"file": place.file, "line": place.line}));
    json!({"what": note.what, "count": note.count, "first": first})
}

fn note_line(note: &Note) -> String {
    format!("note: {}", told::note(note))
}
