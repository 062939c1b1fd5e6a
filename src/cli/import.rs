//! `tunewright import`: files into a project, with the bad rows told.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::interrupt::Interrupt;
use super::progress::Progress;
use super::terminal::{self, thousands};
use super::{Ended, hub};
use crate::data;
use crate::data::Split;
use crate::data::files;
use crate::data::import::{ColumnRole, ImportReport, ImportRequest, Mapping, Note, OnKnown};
use crate::data::mapping::shorten;
use crate::project::Project;

/// Bad rows that are told one by one.
const NUM_TOLD: usize = 5;
/// Of the names of fields and columns that aren't used.
const MAX_UNUSED_CHARS: usize = 500;

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// JSON Lines, JSON, CSV, TSV (also packed with gzip or zstd), Parquet, a folder of .txt and .md files, or a data set
    /// of the Hugging Face Hub as hub:OWNER/NAME[:SUBSET][@REVISION]
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only these splits of a data set of the Hub; else all
    #[arg(long, value_name = "SPLIT,…", value_delimiter = ',')]
    split: Vec<String>,
    /// Only the first rows of each split of a data set of the Hub, and no more of its files than these are in
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
    first: Option<u64>,
    /// Which column is what: system, user, assistant, verdict (whether the answer is good), split or date
    #[arg(long, value_name = "COLUMN=ROLE,…", value_delimiter = ',', value_parser = column_role)]
    map: Vec<(String, ColumnRole)>,
    /// A system message before every example
    #[arg(long, value_name = "TEXT", default_value = "")]
    system: String,
    /// The project's folder; made if it isn't there
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    /// The part that all rows go to, instead of being dealt
    #[arg(long, value_name = "PART", value_parser = part)]
    into: Option<Split>,
    /// Deal all rows by lot, also where files are called train, validation or test
    #[arg(long, conflicts_with = "into")]
    deal: bool,
    /// What becomes of rows that the project has already: skip, add (once more), or update (a row whose prompt is there
    /// once, with another answer, takes its place)
    #[arg(long, value_name = "WHAT", default_value = "skip", value_parser = on_known)]
    known: OnKnown,
    /// Longer rows, in megabytes, are left out
    #[arg(long, value_name = "MB", default_value_t = ImportRequest::DEFAULT_MAX_ROW_BYTES >> 20)]
    max_row: usize,
    /// Write the rows that are left out to this file, with the reason for each
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn column_role(text: &str) -> Result<(String, ColumnRole), String> {
    let (column, role) = text.rsplit_once('=').ok_or("it must be COLUMN=ROLE")?;
    let role = match role.trim() {
        "system" => ColumnRole::System,
        "user" | "prompt" => ColumnRole::User,
        "assistant" | "answer" => ColumnRole::Assistant,
        "verdict" => ColumnRole::Verdict,
        "split" => ColumnRole::Split,
        "date" => ColumnRole::Date,
        other => return Err(format!("{other} is no role: it must be system, user, assistant, verdict, split or date")),
    };
    Ok((column.trim().to_owned(), role))
}

fn on_known(text: &str) -> Result<OnKnown, String> {
    match text {
        "skip" => Ok(OnKnown::Skip),
        "add" => Ok(OnKnown::Add),
        "update" => Ok(OnKnown::Update),
        _ => Err("it must be skip, add or update".to_owned()),
    }
}

/// Of the data.
pub(super) fn part(text: &str) -> Result<Split, String> {
    let found = Split::ALL.into_iter().find(|split| split.as_str() == text);
    found.ok_or_else(|| "it must be train, validation or test".to_owned())
}

pub fn run(args: ImportArgs) -> Result<(), Ended> {
    let interrupt = Interrupt::listen();
    let files = with_folders_opened(&args.files);
    if args.first.is_some() && !files.iter().any(|file| file.to_str().and_then(hub::name_in).is_some()) {
        return Err(Ended::failed("--first is for data sets of the Hub: none is named (hub:OWNER/NAME)."));
    }
    let mut requests = Vec::new();
    for file in &files {
        let from = match file.to_str().and_then(hub::name_in) {
            Some(name) => hub::fetch(name, &args.split, args.first, &Progress::new("Downloading", &interrupt.cancel))?,
            None => ImportRequest::new(file),
        };
        requests.push(request(&args, from));
    }
    let mut project = Project::open_or_create(&args.project)?;
    let own = requests.iter().filter(|request| request.origins.is_empty()).flat_map(ImportRequest::paths);
    let are_parts = files::are_parts(own, project.counts()?.total() > 0);
    let says_split = args.map.iter().any(|(_, role)| *role == ColumnRole::Split);
    for request in requests.iter_mut().filter(|request| request.origins.is_empty()) {
        request.by_name = are_parts && !says_split && !args.deal;
    }
    let progress = Progress::new("Importing", &interrupt.cancel);
    let mut reports = Vec::new();
    for request in &requests {
        reports.push(project.import(request, &progress)?);
    }
    if let Some(to) = &args.rejected {
        save_rejected(&requests, to, &progress)?;
    }
    if args.json {
        terminal::line(&summary(&requests, &reports).to_string());
    } else {
        for ((file, request), report) in files.iter().zip(&requests).zip(&reports) {
            tell(file, request, report);
        }
    }
    Ok(())
}

/// The files with examples in folders. One with none is left to the reader, who says what is wrong with it.
fn with_folders_opened(paths: &[PathBuf]) -> Vec<PathBuf> {
    let open = |path: &PathBuf| match path.is_dir() {
        true => Some(files::examples_in(path)).filter(|files| !files.is_empty()).unwrap_or_else(|| vec![path.clone()]),
        false => vec![path.clone()],
    };
    paths.iter().flat_map(open).collect()
}

/// None where nothing is said: then the file is looked at.
pub(super) fn mapping(columns: &[(String, ColumnRole)]) -> Option<Mapping> {
    let num_answers = columns.iter().filter(|(_, role)| *role == ColumnRole::Assistant).count();
    let mapping = Mapping { columns: columns.to_vec(), answer_as_json: num_answers > 1, ..Mapping::default() };
    (!columns.is_empty()).then_some(mapping)
}

fn request(args: &ImportArgs, from: ImportRequest) -> ImportRequest {
    ImportRequest {
        mapping: mapping(&args.map),
        system_message: args.system.clone(),
        given_split: args.into,
        on_known: args.known,
        max_row_bytes: args.max_row.saturating_mul(1 << 20),
        ..from
    }
}

/// All files' bad rows in one.
fn save_rejected(requests: &[ImportRequest], to: &Path, progress: &Progress) -> Result<(), Ended> {
    let Some((first, rest)) = requests.split_first() else { return Ok(()) };
    let rest = rest.iter().flat_map(ImportRequest::paths).map(Path::to_path_buf);
    let more = first.more.iter().cloned().chain(rest).collect();
    data::save_rejected(&ImportRequest { more, ..first.clone() }, to, progress)?;
    Ok(())
}

fn summary(requests: &[ImportRequest], reports: &[ImportReport]) -> Value {
    let counted = |counts: &[(String, u64)]| {
        counts.iter().map(|(what, count)| json!({"what": what, "count": count})).collect::<Vec<_>>()
    };
    let noted = |note: &Note| {
        let (line, file) =
            (note.first.as_ref().map(|place| place.line), note.first.as_ref().and_then(|p| p.file.as_ref()));
        json!({"what": note.what, "count": note.count, "first_line": line, "first_file": file})
    };
    let file = |(request, report): (&ImportRequest, &ImportReport)| {
        json!({
            "path": report.path,
            "part": named_part(request).map(Split::as_str),
            "imported": report.num_imported,
            "known": report.num_known,
            "updated": report.num_updated,
            "rejected": report.num_rejected,
            "reasons": counted(&report.reasons),
            "notes": report.notes.iter().map(noted).collect::<Vec<_>>(),
            "unused": report.unused,
            "first_rejected": report.rejected.iter().take(NUM_TOLD).map(|row| json!({
                "file": row.file, "line": row.line, "field": row.field, "reason": row.reason,
            })).collect::<Vec<_>>(),
        })
    };
    json!({
        "imported": reports.iter().map(|report| report.num_imported).sum::<u64>(),
        "known": reports.iter().map(|report| report.num_known).sum::<u64>(),
        "updated": reports.iter().map(|report| report.num_updated).sum::<u64>(),
        "rejected": reports.iter().map(|report| report.num_rejected).sum::<u64>(),
        "files": requests.iter().zip(reports).map(file).collect::<Vec<_>>(),
    })
}

/// Where all rows go that don't say it themselves, because of the file's name.
fn named_part(request: &ImportRequest) -> Option<Split> {
    files::part_of(&request.path).filter(|_| request.by_name)
}

fn tell(file: &Path, request: &ImportRequest, report: &ImportReport) {
    let name = file.display();
    terminal::line(&format!(
        "{name}: {} imported, {} left out",
        thousands(report.num_imported),
        thousands(report.num_rejected)
    ));
    if let Some(part) = named_part(request) {
        terminal::note(&format!("  they go to {}, as the file is called (--deal deals them by lot)", part.as_str()));
    }
    if report.num_known > 0 {
        terminal::note(&format!("  {} are in the project already", thousands(report.num_known)));
    }
    if report.num_updated > 0 {
        terminal::note(&format!("  {} took the place of other answers", thousands(report.num_updated)));
    }
    for row in report.rejected.iter().take(NUM_TOLD) {
        terminal::note(&format!("  {row}"));
    }
    if report.num_rejected > NUM_TOLD as u64 {
        for (reason, count) in &report.reasons {
            terminal::note(&format!("  {} times: {reason}", thousands(*count)));
        }
    }
    for note in &report.notes {
        let first = note.first.as_ref().map(|place| format!(", the first in {place}")).unwrap_or_default();
        terminal::note(&format!("  note: {} ({}{first})", note.what, thousands(note.count)));
    }
    if !report.unused.is_empty() {
        terminal::note(&format!("  not used: {}", shorten(&report.unused.join(", "), MAX_UNUSED_CHARS)));
    }
}
