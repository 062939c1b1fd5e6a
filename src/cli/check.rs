//! `tunewright check`: what is wrong with a project's examples; `--fix` mends it.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::interrupt::Interrupt;
use super::progress::Progress;
use super::terminal::{self, duration};
use super::{Ended, model};
use crate::data::checks::{Check, CheckReport, Remedy, Severity};
use crate::engine::checks::{apply_fix, check, plan_fix};
use crate::project::{Project, Settings};
use crate::recipe::{ModelRef, RenderSpec, TooLong, TrainOn};

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The project's folder
    #[arg(long, value_name = "DIR")]
    project: PathBuf,
    /// Check what this model's tokenizer and template make of the examples, too
    #[arg(long, value_name = "M", value_parser = |text: &str| Ok::<_, std::convert::Infallible>(ModelRef::parse(text)))]
    model: Option<ModelRef>,
    /// What is longer, in tokens, is found
    #[arg(long, value_name = "N", default_value_t = 1024, requires = "model", value_parser = super::max_length)]
    max_length: usize,
    /// What training does with longer examples: drop, cut_left, cut_right or split
    #[arg(long, value_name = "HOW", default_value = "drop", requires = "model", value_parser = super::too_long)]
    too_long: TooLong,
    /// The labels that answers may have, one a line; kept with the project. An empty file: those that are found
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Mend what these checks found, in this order: `exact_duplicate`, `contradiction=set_aside`, or `all`; each is one
    /// step of undo
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = parse_fix)]
    fix: Vec<FixName>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What `--fix` names; without a remedy, the one that is offered first.
#[derive(Debug, Clone, Copy)]
enum FixName {
    All,
    One(Check, Remedy),
}

fn parse_fix(text: &str) -> Result<FixName, String> {
    if text == "all" {
        return Ok(FixName::All);
    }
    let (name, remedy) = text.split_once('=').map_or((text, None), |(name, remedy)| (name, Some(remedy)));
    let check = Check::from_name(name).ok_or_else(|| {
        let names = Check::ALL.map(Check::name).join(", ");
        format!("there is no check {name}; there are {names}")
    })?;
    let remedies = check.remedies();
    let chosen = match remedy {
        Some(remedy) => remedies.iter().find(|known| known.name() == remedy),
        None => remedies.first(),
    };
    let names = || remedies.iter().map(|known| known.name()).collect::<Vec<_>>().join(", ");
    match chosen {
        Some(remedy) => Ok(FixName::One(check, *remedy)),
        None if remedies.is_empty() => Err(format!("nothing can be done about {name} with one click")),
        None => Err(format!("{name} is mended by {}", names())),
    }
}

pub fn run(args: CheckArgs) -> Result<(), Ended> {
    let interrupt = Interrupt::listen();
    let mut project = Project::open(&args.project)?;
    if let Some(file) = &args.labels {
        let text =
            std::fs::read_to_string(file).map_err(|error| Ended::failed(format!("{}: {error}", file.display())))?;
        let labels = text.trim_start_matches('\u{feff}').lines().map(str::trim).filter(|label| !label.is_empty());
        let settings = Settings { labels: labels.map(str::to_owned).collect(), ..project.settings()? };
        project.save_settings(&settings)?;
    }
    let spec = RenderSpec { train_on: TrainOn::Assistant, max_length: args.max_length, too_long: args.too_long };
    let rendering = args.model.as_ref().map(|model| model::rendering(model, spec, &interrupt)).transpose()?;
    let progress = Progress::new("Checking", &interrupt.cancel);
    let mut report = check(&mut project, rendering.as_ref(), &progress)?;
    let mut fixed = Vec::new();
    for (check_name, remedy) in args.fix.iter().flat_map(|name| expand(*name)) {
        let fix = plan_fix(&project, check_name, remedy, None)?;
        let num_changed = apply_fix(&mut project, &fix)?;
        let num_found = report.of(check_name).count();
        if num_changed == 0 && num_found > 0 {
            terminal::note(&format!(
                "{}: {} changes none of the {} found",
                check_name.title(),
                remedy.title().to_lowercase(),
                examples(num_found as u64)
            ));
        }
        if num_changed > 0 {
            fixed.push((check_name, remedy, num_changed));
            // What is left is another matter: a copy that is gone can't contradict.
            report = check(&mut project, rendering.as_ref(), &progress)?;
        }
        interrupt.check()?;
    }
    drop(progress);
    if args.json {
        terminal::line(&as_json(&report, &fixed).to_string());
    } else {
        print(&report, &fixed);
        if let Some(words) = project.counts()?.left_out() {
            terminal::note(&format!("left out: {words}"));
        }
    }
    Ok(())
}

/// All: what can be mended without losing a text first, then what is taken out.
fn expand(name: FixName) -> Vec<(Check, Remedy)> {
    match name {
        FixName::One(check, remedy) => vec![(check, remedy)],
        FixName::All => {
            let mut all: Vec<(Check, Remedy)> =
                Check::ALL.into_iter().filter_map(|check| Some((check, *check.remedies().first()?))).collect();
            let takes_out = |remedy: Remedy| matches!(remedy, Remedy::KeepOne | Remedy::SetAside);
            all.sort_by_key(|(_, remedy)| takes_out(*remedy));
            all
        }
    }
}

type Fixed = (Check, Remedy, usize);

fn as_json(report: &CheckReport, fixed: &[Fixed]) -> serde_json::Value {
    let checks: Vec<_> = report
        .counts()
        .into_iter()
        .map(|count| {
            json!({
                "check": count.check,
                "title": count.check.title(),
                "severity": count.check.severity(),
                "examples": count.num_examples,
                "groups": count.num_groups,
            })
        })
        .collect();
    let fixed: Vec<_> = fixed
        .iter()
        .map(|(check, remedy, examples)| json!({"check": check, "remedy": remedy, "examples": examples}))
        .collect();
    json!({
        "examples": report.num_examples,
        "checks": checks,
        "fixed": fixed,
        "skipped": report.skipped,
        "findings": report.findings,
        "secs": report.secs,
    })
}

fn print(report: &CheckReport, fixed: &[Fixed]) {
    const MAX_DETAILS: usize = 3;
    for (check, remedy, num_changed) in fixed {
        let what = check.title();
        terminal::line(&format!(
            "Fixed: {what} ({}, {})",
            remedy.title().to_lowercase(),
            examples(*num_changed as u64)
        ));
    }
    for count in report.counts() {
        let check = count.check;
        let weight = if check.severity() == Severity::MustFix { "must fix" } else { "should look" };
        terminal::line(&format!("{} · {} · {weight}", check.title(), examples(count.num_examples)));
        terminal::line(&format!("  {}", check.explanation()));
        for finding in report.of(check).take(MAX_DETAILS) {
            terminal::line(&format!("  - {}", finding.detail));
        }
        if let Some(remedy) = check.remedies().first() {
            terminal::line(&format!("  --fix {}: {}", check.name(), remedy.title().to_lowercase()));
        }
    }
    if report.findings.is_empty() {
        terminal::line("Nothing found");
    }
    if !report.skipped.is_empty() {
        let names: Vec<_> = report.skipped.iter().map(|check| check.title().to_lowercase()).collect();
        terminal::note(&format!("not checked without --model: {}", names.join(", ")));
    }
    terminal::note(&format!("{} in {}", examples(report.num_examples), duration(report.secs)));
}

fn examples(num: u64) -> String {
    crate::words::count(num, "example", "examples")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixes_are_named_by_check_and_remedy() {
        assert!(matches!(parse_fix("invalid_json"), Ok(FixName::One(Check::InvalidJson, Remedy::Repair))));
        assert!(matches!(parse_fix("invalid_json=set_aside"), Ok(FixName::One(_, Remedy::SetAside))));
        assert_eq!(parse_fix("invalid_json=trim").unwrap_err(), "invalid_json is mended by repair, set_aside");
        assert!(parse_fix("rare_label").is_err());
        assert!(parse_fix("nonsense").unwrap_err().contains("exact_duplicate"));
    }
}
