//! `tunewright data split`: splits a project's examples anew into training, validation and test.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::Ended;
use crate::cli::terminal::{self, thousands};
use crate::data::Split;
use crate::data::date;
use crate::data::split::{GroupBy, SplitBy, SplitSpec};
use crate::project::{Edit, Project, SplitCounts, SplitPreview};

#[derive(Debug, Args)]
pub struct SplitArgs {
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    /// lot (prompt by prompt), label (each label in its share), time (the newest held out), file (as the imported file
    /// says), or what is not parted: near-duplicates, each-file, each-label, each-tags, each-group (of the imported file)
    #[arg(long, value_name = "HOW", default_value = "lot", value_parser = by)]
    by: SplitBy,
    /// The share for validation
    #[arg(long, value_name = "SHARE", default_value_t = SplitSpec::default().validation, value_parser = share)]
    validation: f64,
    /// The share for test
    #[arg(long, value_name = "SHARE", default_value_t = SplitSpec::default().test, value_parser = share)]
    test: f64,
    #[arg(long, default_value_t = SplitSpec::default().seed)]
    seed: u64,
    /// Say what would come of it, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const WAYS: [(&str, SplitBy); 9] = [
    ("lot", SplitBy::Lot),
    ("label", SplitBy::Label),
    ("time", SplitBy::Newest),
    ("file", SplitBy::File),
    ("near-duplicates", SplitBy::Group(GroupBy::NearDuplicates)),
    ("each-file", SplitBy::Group(GroupBy::Source)),
    ("each-label", SplitBy::Group(GroupBy::Label)),
    ("each-tags", SplitBy::Group(GroupBy::Tags)),
    ("each-group", SplitBy::Group(GroupBy::Named)),
];

fn by(text: &str) -> Result<SplitBy, String> {
    let found = WAYS.into_iter().find(|(name, _)| *name == text);
    found.map(|(_, by)| by).ok_or_else(|| format!("it must be one of {}", WAYS.map(|(name, _)| name).join(", ")))
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..1.0).contains(share));
    share.ok_or_else(|| "it must be a number from 0 to below 1".to_owned())
}

pub fn run(args: SplitArgs) -> Result<(), Ended> {
    if args.validation + args.test >= 1.0 {
        return Err(Ended::failed("Validation and test together must leave something to train on."));
    }
    let spec = SplitSpec { validation: args.validation, test: args.test, seed: args.seed, by: args.by };
    let mut project = Project::open(&args.project)?;
    let preview = project.preview_split(&spec)?;
    if !args.dry_run {
        project.apply(&Edit::Resplit { spec })?;
    }
    if args.json {
        tell_json(&preview, &project.counts()?)
    } else {
        tell(&preview);
        if let Some(words) = project.counts()?.left_out() {
            terminal::note(&format!("  left out: {words}"));
        }
    }
    Ok(())
}

fn tell_json(preview: &SplitPreview, counts: &SplitCounts) {
    let [train, validation, test] = preview.counts;
    let line = json!({
        "train": train,
        "validation": validation,
        "test": test,
        "into_training": preview.num_into_training,
        "known": preview.num_known,
        "rejected": counts.rejected,
        "set_aside": counts.set_aside,
        "held_out_since": preview.held_out_since.map(date::to_text),
    });
    terminal::line(&line.to_string());
}

fn tell(preview: &SplitPreview) {
    let count = |split: Split| format!("{} {}", thousands(preview.counts[split as usize]), split.as_str());
    terminal::line(&Split::ALL.map(count).join(", "));
    let without = preview.counts.iter().sum::<u64>() - preview.num_known;
    match (preview.spec.by, preview.held_out_since) {
        (SplitBy::Newest, Some(since)) => {
            terminal::note(&format!("  held out is what is from {} on", date::words(since)));
            if without > 0 {
                terminal::note(&format!("  {} without a date count as the oldest", thousands(without)));
            }
        }
        (SplitBy::Newest, None) => terminal::note("  no dates: the last in the order of import are held out"),
        _ => {}
    }
    if preview.num_into_training > 0 {
        let num = thousands(preview.num_into_training);
        terminal::note(&format!(
            "  {num} that were held out are trained on now: earlier scores don't compare any more"
        ));
    }
}
