//! `tunewright models list`: what is on this disk, and good small models that aren't.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::facts::Facts;
use super::{parameters, print_json};
use crate::cli::Ended;
use crate::cli::interrupt::Interrupt;
use crate::cli::progress::Progress;
use crate::cli::terminal::{self, bytes, thousands};
use crate::hub::{self, Beside, CatalogueModel, Found, FoundModel, Sources, Unfinished};
use crate::recipe::ModelRef;

#[derive(Debug, Default, Args)]
pub struct ListArgs {
    /// Look into this folder, too
    #[arg(long, value_name = "DIR")]
    folder: Vec<PathBuf>,
    /// Only what is on this disk
    #[arg(long, conflicts_with = "catalogue")]
    here: bool,
    /// Only good small models that can be downloaded
    #[arg(long)]
    catalogue: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Listed<'a> {
    on_disk: Vec<OnDisk<'a>>,
    beside: &'a Beside,
    unfinished: &'a [Unfinished],
    catalogue: &'a [CatalogueModel],
}

#[derive(Serialize)]
struct OnDisk<'a> {
    model: &'a ModelRef,
    name: &'a str,
    /// What it is a form of.
    group: String,
    place: &'a str,
    is_on_disk: bool,
    num_bytes: u64,
    facts: Option<Facts>,
    problem: Option<&'a str>,
}

impl<'a> From<&'a FoundModel> for OnDisk<'a> {
    fn from(found: &'a FoundModel) -> Self {
        Self {
            model: &found.model,
            name: &found.name,
            group: found.group(),
            place: &found.place,
            is_on_disk: found.is_on_disk,
            num_bytes: found.num_bytes,
            facts: found.facts.as_ref().map(Facts::from),
            problem: found.problem.as_deref(),
        }
    }
}

pub fn run(args: ListArgs, interrupt: &Interrupt) -> Result<(), Ended> {
    let sources = args.folder.iter().fold(Sources::default(), |sources, folder| sources.with_folder(folder));
    let found = match args.catalogue {
        true => hub::Found::default(),
        false => hub::look_around(&sources, &Progress::new("Looking for models", &interrupt.control))?,
    };
    let unfinished = if args.catalogue { Vec::new() } else { hub::unfinished(&sources) };
    let catalogue: &[CatalogueModel] = if args.here { &[] } else { hub::catalogue() };
    if args.json {
        let on_disk = found.models.iter().map(OnDisk::from).collect();
        return print_json(&Listed { on_disk, beside: &found.beside, unfinished: &unfinished, catalogue });
    }
    print_here(&found, &unfinished);
    if !catalogue.is_empty() {
        let gap = if found.models.is_empty() { "" } else { "\n" };
        terminal::line(&format!("{gap}To download (tunewright models get NAME):"));
        catalogue.iter().for_each(print_row);
    }
    Ok(())
}

fn print_here(found: &Found, unfinished: &[Unfinished]) {
    let mut models: Vec<&FoundModel> = found.models.iter().collect();
    // The starter model first, as everywhere; then each model with all its forms.
    models.sort_by_key(|found| (found.place != "Starter model", found.group()));
    models.into_iter().for_each(print_found);
    for download in unfinished {
        let (done, total) = (bytes(download.done), bytes(download.total));
        terminal::line(&format!("{} · {done} of {total} arrived: tunewright models get resumes it", download.model));
    }
    for left_out in &found.beside.left_out {
        terminal::line(&format!("not offered: {} ({})", left_out.path.display(), left_out.reason));
    }
    found.beside.notes.iter().for_each(|note| terminal::line(&format!("note: {note}")));
}

/// The name to give to `--model` comes first.
fn print_found(found: &FoundModel) {
    terminal::line(&found.model.to_string());
    let mut facts = vec![found.place.clone(), bytes(found.num_bytes)];
    if !found.is_on_disk {
        facts.push("not fetched yet: tunewright models get starter".to_owned());
    }
    if let Some(of) = &found.facts {
        facts.push(format!("{:.0} M parameters", of.num_parameters as f64 / 1e6));
        facts.extend([of.architecture.clone(), of.quantization.clone()]);
        facts.extend(of.license.clone());
    }
    terminal::line(&format!("  {} · {}", found.name, facts.join(" · ")));
    let problem = found.problem.as_ref().or(found.facts.as_ref().and_then(|f| f.problem.as_ref()));
    if let Some(problem) = problem {
        terminal::line(&format!("  can't be trained here: {problem}"));
    }
    for note in found.facts.iter().flat_map(|facts| &facts.notes) {
        terminal::line(&format!("  note: {note}"));
    }
}

fn print_row(model: &CatalogueModel) {
    let CatalogueModel { name, good_for, license, since, family, .. } = model;
    let (size, context) = (parameters(model.num_parameters), thousands(model.context_length));
    terminal::line(&format!("{name} · {family} · {size} · {license} · context {context} · since {since}"));
    terminal::line(&format!("  {good_for}"));
    for choice in &model.choices {
        terminal::line(&format!("  {} · {} · about {}", choice.model, choice.quantization, bytes(choice.num_bytes)));
    }
    let gated = model.is_gated.then(|| format!("{} asks who downloads it", model.repo));
    for note in model.license_note.iter().chain(&gated).chain(&model.problem) {
        terminal::line(&format!("  note: {note}"));
    }
}
