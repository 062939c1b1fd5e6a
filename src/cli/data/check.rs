//! `tunewright data check`: what is wrong with a project's examples; `--fix` mends it.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::Ended;
use crate::cli::interrupt::Interrupt;
use crate::cli::model::{self, FormatArgs};
use crate::cli::progress::Progress;
use crate::cli::terminal::{self, duration, thousands};
use crate::data::checks::{Check, CheckReport, FixCount, Remedy, Severity};
use crate::project::{Edit, Project, Settings, SplitCounts};
use crate::recipe::{ModelRef, RenderSpec, TooLong, TrainOn};
use crate::workbench::checks::{apply_fix, check, count_fixes, mark_findings, plan_fix};

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The project's folder
    #[arg(long, value_name = "DIR")]
    project: PathBuf,
    /// Check what this model's tokenizer and template make of the examples, too
    #[arg(long, value_name = "M", value_parser = |text: &str| Ok::<_, std::convert::Infallible>(ModelRef::parse(text)))]
    model: Option<ModelRef>,
    /// What is longer, in tokens, is found
    #[arg(long, value_name = "N", default_value_t = 1024, requires = "model", value_parser = crate::cli::max_length)]
    max_length: usize,
    /// What training does with longer examples: drop, cut_left, cut_right or split
    #[arg(long, value_name = "HOW", default_value = "drop", requires = "model", value_parser = crate::cli::too_long)]
    too_long: TooLong,
    /// The labels that answers may have, one a line; kept with the project. An empty file: those that are found
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Mend what these checks found, in this order: `exact_duplicate`, `contradiction=set_aside`, or `all`; each is one
    /// step of undo
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = parse_fix)]
    fix: Vec<FixName>,
    /// Don't check these in this project; kept with it, and a step of undo
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = parse_check)]
    off: Vec<Check>,
    /// Check these again
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = parse_check)]
    on: Vec<Check>,
    /// What this check found is not a fault, until the text changes: at all examples, or at these and those they form a
    /// group with: `contradiction=12,40`
    #[arg(long, value_name = "NAME[=N,…]", num_args = 1.., value_parser = parse_marked)]
    not_a_fault: Vec<Marked>,
    /// It is one after all
    #[arg(long, value_name = "NAME[=N,…]", num_args = 1.., value_parser = parse_marked)]
    fault: Vec<Marked>,
    #[command(flatten)]
    format: FormatArgs,
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

/// What `--not-a-fault` names: a check, and the numbers of examples; none for all.
#[derive(Debug, Clone, PartialEq)]
struct Marked {
    check: Check,
    numbers: Vec<u64>,
}

fn parse_check(name: &str) -> Result<Check, String> {
    Check::from_name(name).ok_or_else(|| {
        let names = Check::ALL.map(Check::name).join(", ");
        format!("there is no check {name}; there are {names}")
    })
}

fn parse_marked(text: &str) -> Result<Marked, String> {
    let Some((name, numbers)) = text.split_once('=') else {
        return Ok(Marked { check: parse_check(text)?, numbers: Vec::new() });
    };
    let number = |number: &str| number.trim().parse().map_err(|_| format!("{number:?} is not an example's number"));
    Ok(Marked { check: parse_check(name)?, numbers: numbers.split(',').map(number).collect::<Result<_, _>>()? })
}

fn parse_fix(text: &str) -> Result<FixName, String> {
    if text == "all" {
        return Ok(FixName::All);
    }
    let (name, remedy) = text.split_once('=').map_or((text, None), |(name, remedy)| (name, Some(remedy)));
    let check = parse_check(name)?;
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
    let spec = RenderSpec {
        train_on: TrainOn::Assistant,
        max_length: args.max_length,
        too_long: args.too_long,
        format: args.format.with_run_of(None),
    };
    let rendering = args.model.as_ref().map(|model| model::rendering(model, spec, &interrupt)).transpose()?;
    let progress = Progress::new("Checking", &interrupt.control);
    let mut report = check(&mut project, rendering.as_ref(), &progress)?;
    if leave_out(&mut project, &args)? {
        report = check(&mut project, rendering.as_ref(), &progress)?;
    }
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
    let fixes = if args.json || project.is_read_only() { Vec::new() } else { count_fixes(&project, &progress)? };
    drop(progress);
    if args.json {
        terminal::line(&as_json(&report, &fixed, &project.counts()?).to_string());
    } else {
        print(&report, &fixed, &fixes);
        if let Some(words) = project.counts()?.left_out() {
            terminal::note(&format!("left out: {words}"));
        }
    }
    Ok(())
}

/// Switches checks and marks findings; says whether anything was asked for.
fn leave_out(project: &mut Project, args: &CheckArgs) -> Result<bool, Ended> {
    let switches = args.off.iter().map(|check| (*check, false)).chain(args.on.iter().map(|check| (*check, true)));
    for (check, is_on) in switches {
        project.apply(&Edit::SwitchCheck { check, is_on })?;
    }
    let marks = args.not_a_fault.iter().map(|marked| (marked, false)).chain(args.fault.iter().map(|m| (m, true)));
    for (Marked { check, numbers }, is_fault) in marks {
        let mut ids = Vec::with_capacity(numbers.len());
        for number in numbers {
            let id = project.id_of(*number)?;
            ids.push(id.ok_or_else(|| Ended::failed(format!("there is no example {number} in this project")))?);
        }
        let ids = (!ids.is_empty()).then_some(&ids[..]);
        let num = mark_findings(project, *check, ids, is_fault)?;
        let what = if is_fault { "counted again" } else { "marked as not a fault" };
        terminal::note(&format!("{}: {} {what}", check.title(), examples(num as u64)));
    }
    Ok([args.off.len(), args.on.len(), args.not_a_fault.len(), args.fault.len()].iter().any(|num| *num > 0))
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

fn as_json(report: &CheckReport, fixed: &[Fixed], counts: &SplitCounts) -> serde_json::Value {
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
        "rejected": counts.rejected,
        "set_aside": counts.set_aside,
        "checks": checks,
        "fixed": fixed,
        "skipped": report.skipped,
        "off": report.off,
        "not_faults": report.num_not_faults,
        "findings": report.findings,
        "secs": report.secs,
    })
}

fn print(report: &CheckReport, fixed: &[Fixed], fixes: &[FixCount]) {
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
            let what = remedy.title().to_lowercase();
            let changes = match fixes.iter().find(|fix| fix.check == check).map(|fix| fix.num_changes) {
                Some(0) => format!("{what} (can't mend any of them; --not-a-fault {} leaves them out)", check.name()),
                Some(num) => format!("{what} ({})", examples(num)),
                None => what,
            };
            terminal::line(&format!("  --fix {}: {changes}", check.name()));
        }
    }
    if report.findings.is_empty() {
        terminal::line(&format!("Nothing found in {}", examples(report.num_examples)));
    }
    if !report.skipped.is_empty() {
        let names: Vec<_> = report.skipped.iter().map(|check| check.title().to_lowercase()).collect();
        terminal::note(&format!("not checked without --model: {}", names.join(", ")));
    }
    if !report.off.is_empty() {
        let names: Vec<_> = report.off.iter().map(|check| check.name()).collect();
        terminal::note(&format!("off in this project: {} (--on checks them again)", names.join(", ")));
    }
    match report.num_not_faults {
        0 => {}
        1 => terminal::note("1 finding is marked as not a fault (--fault counts it again)"),
        num => terminal::note(&format!(
            "{} findings are marked as not a fault (--fault counts them again)",
            thousands(num)
        )),
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
        assert_eq!(parse_marked("leakage=4, 12"), Ok(Marked { check: Check::Leakage, numbers: vec![4, 12] }));
        assert!(parse_marked("leakage=x").is_err() && parse_marked("nonsense").is_err());
        assert!(parse_fix("nonsense").unwrap_err().contains("exact_duplicate"));
    }
}
