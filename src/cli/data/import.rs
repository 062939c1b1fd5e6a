//! `tunewright data import`: files into a project, with the bad rows reported.

use std::path::{Path, PathBuf};

use super::imported::Imported;
use super::mapping_args::MappingArgs;
use crate::cli::interrupt::Interrupt;
use crate::cli::progress::Progress;
use crate::cli::{Ended, hub, terminal};
use crate::data;
use crate::data::Split;
use crate::data::files::{self, FoundFiles};
use crate::data::import::{ColumnRole, ImportReport, ImportRequest, Mapping, OnKnown};
use crate::project::Project;
use clap::Args;

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// JSON Lines, JSON, CSV, TSV (also packed with gzip or zstd), Parquet, a folder of .txt and .md files, or a data set
    /// of the Hugging Face Hub as hub:OWNER/NAME:SUBSET@REVISION (subset and revision if wanted)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only these splits of a data set of the Hub; else all
    #[arg(long, value_name = "SPLIT,…", value_delimiter = ',')]
    split: Vec<String>,
    /// Only the first rows of each split of a data set of the Hub, and no more of its files than these are in
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
    first: Option<u64>,
    /// Which column is what: system, user, assistant, label, group (its rows stay in one part of the data), id, note,
    /// date, split or verdict (whether the answer is good)
    #[arg(long, value_name = "COLUMN=ROLE,…", value_delimiter = ',', value_parser = column_role)]
    map: Vec<(String, ColumnRole)>,
    #[command(flatten)]
    words: MappingArgs,
    /// Deal rows of one group into different parts of the data
    #[arg(long)]
    part_groups: bool,
    /// A system message before every example
    #[arg(long, value_name = "TEXT", default_value = "")]
    system: String,
    /// The project's folder; made if it isn't there
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    /// The part that all rows go to, instead of being split
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
    #[arg(long, value_name = "MB", default_value_t = ImportRequest::DEFAULT_MAX_ROW_BYTES >> 20, value_parser = max_row)]
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
    let role = ColumnRole::parse(role.trim()).ok_or_else(|| {
        let known: Vec<_> = ColumnRole::ALL[1..].iter().map(|role| role.as_str()).collect();
        format!("{} isn't a role: it must be one of {}", role.trim(), known.join(", "))
    })?;
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

/// Reads the name of a part of the data.
pub(super) fn part(text: &str) -> Result<Split, String> {
    let found = Split::ALL.into_iter().find(|split| split.as_str() == text);
    found.ok_or_else(|| "it must be train, validation or test".to_owned())
}

fn max_row(text: &str) -> Result<usize, String> {
    let most = ImportRequest::MOST_ROW_BYTES >> 20;
    let megabytes = text.trim().parse().ok().filter(|megabytes| (1..=most).contains(megabytes));
    megabytes.ok_or_else(|| format!("it must be a whole number from 1 to {most}"))
}

pub fn run(args: ImportArgs) -> Result<(), Ended> {
    let interrupt = Interrupt::listen();
    let mut requests = requests(&args, &interrupt)?;
    let mut project = Project::open_or_create(&args.project)?;
    let own = requests.iter().filter(|request| request.origins.is_empty()).flat_map(ImportRequest::paths);
    let are_parts = files::are_parts(own, project.counts()?.total() > 0);
    let says_split = requests.iter().flat_map(|request| &request.mapping).any(|mapping| mapping.has(ColumnRole::Split));
    for request in requests.iter_mut().filter(|request| request.origins.is_empty()) {
        request.by_name = are_parts && !says_split && !args.deal;
    }
    let progress = Progress::new("Importing", &interrupt.control);
    let mut reports = Vec::new();
    for request in &requests {
        reports.push(project.import(request, &progress)?);
    }
    if let Some(to) = &args.words.save_mapping {
        save_mapping(&requests, &reports, to)?;
    }
    if let Some(to) = &args.rejected {
        save_rejected(&requests, to, &progress)?;
    }
    let names: Vec<_> = args.files.iter().filter_map(|file| name_in(file)).collect();
    let imported = Imported { names, requests: &requests, reports: &reports };
    if args.json {
        terminal::line(&imported.summary().to_string())
    } else {
        imported.tell()
    }
    Ok(())
}

/// One import for all files on this disk, and one for each data set of the Hub.
fn requests(args: &ImportArgs, interrupt: &Interrupt) -> Result<Vec<ImportRequest>, Ended> {
    let (names, own): (Vec<_>, Vec<_>) = args.files.iter().partition(|file| name_in(file).is_some());
    if args.first.is_some() && names.is_empty() {
        return Err(Ended::failed("--first is for data sets of the Hub: none is named (hub:OWNER/NAME)."));
    }
    let mut requests: Vec<_> = ImportRequest::of_files(with_folders_opened(&own)).into_iter().collect();
    for name in names.into_iter().filter_map(|file| name_in(file)) {
        let progress = Progress::new("Downloading", &interrupt.control);
        requests.push(hub::fetch(name, &args.split, args.first, &progress)?);
    }
    let mapping = args.words.complete(mapping(&args.map))?;
    Ok(requests.into_iter().map(|from| request(args, mapping.clone(), from)).collect())
}

/// The name of a data set of the Hub.
fn name_in(file: &Path) -> Option<&str> {
    file.to_str().and_then(hub::name_in)
}

/// The files with examples in folders. One with none is left to the reader, who says what is wrong with it.
fn with_folders_opened(paths: &[&PathBuf]) -> FoundFiles {
    let mut found = FoundFiles::default();
    for path in paths {
        let inside = if path.is_dir() { files::examples_in(path) } else { FoundFiles::default() };
        let is_read_as_it_is = inside.files.is_empty();
        found.add(inside);
        if is_read_as_it_is {
            found.files.push((*path).clone());
        }
    }
    found
}

/// None where nothing is said: then the file is looked at.
pub(super) fn mapping(columns: &[(String, ColumnRole)]) -> Option<Mapping> {
    let num_answers = columns.iter().filter(|(_, role)| *role == ColumnRole::Assistant).count();
    let mapping = Mapping { columns: columns.to_vec(), answer_as_json: num_answers > 1, ..Mapping::default() };
    (!columns.is_empty()).then_some(mapping)
}

fn request(args: &ImportArgs, mapping: Option<Mapping>, from: ImportRequest) -> ImportRequest {
    ImportRequest {
        mapping,
        keep_groups: !args.part_groups,
        system_message: args.system.clone(),
        given_split: args.into,
        on_known: args.known,
        max_row_bytes: args.max_row.saturating_mul(1 << 20),
        ..from
    }
}

/// The mapping that was given, or else the first that was guessed.
fn save_mapping(requests: &[ImportRequest], reports: &[ImportReport], to: &Path) -> Result<(), Ended> {
    let given = requests.iter().find_map(|request| request.mapping.as_ref());
    let guessed = || reports.iter().flat_map(|report| &report.files).find_map(|file| file.guess.as_ref());
    match given.or_else(guessed) {
        Some(mapping) => Ok(mapping.save(to).map_err(|error| Ended::failed(error.to_string()))?),
        None => Err(Ended::failed("There is no mapping to save: the files have a known shape, which needs none.")),
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
