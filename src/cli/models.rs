//! `tunewright models`: what is on this disk; `--fetch` brings one.

use clap::Args;

use super::Ended;
use super::interrupt::Interrupt;
use super::terminal::{self, bytes};
use super::{model, progress::Progress};
use crate::hub::{self, FoundModel, Sources};
use crate::recipe::ModelRef;

#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// Fetch `starter` or a Hub repository owner/name or owner/name@revision, unless it is there already
    #[arg(long, value_name = "NAME")]
    fetch: Option<String>,
}

pub fn run(args: ModelsArgs) -> Result<(), Ended> {
    let interrupt = Interrupt::listen();
    if let Some(name) = args.fetch {
        let path = model::locate(&ModelRef::parse(&name), &interrupt)?;
        terminal::line(&path.display().to_string());
        return Ok(());
    }
    let found = hub::discover(&Sources::default(), &Progress::new("Looking for models", &interrupt.control))?;
    for model in &found {
        print(model);
    }
    Ok(())
}

/// The name to give to `--model` comes first.
fn print(found: &FoundModel) {
    terminal::line(&found.model.to_string());
    let mut facts = vec![found.place.clone(), bytes(found.num_bytes)];
    if !found.is_on_disk {
        facts.push("not fetched yet: tunewright models --fetch starter".to_owned());
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
